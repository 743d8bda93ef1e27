//! The watch: looks at the gateway every few seconds, sets the gauges, opens and closes incidents, sends what is due.
//! In: engine, health, materials, disk. Out: gauges, log lines, letters; their state kept in the journal.
//! Nothing here may slow or stop the gateway: questions run apart, letters leave from a task of their own.

use std::{path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use jonction_engine::{DeliveryState, Engine, Error, LaneStanding, Queues, Unanswered};
use jonction_model::{Clock, ReportStage};
use jonction_ports::Stop;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Notify};

use crate::{
    alerts::{
        Cause, Incidents, Letter, Thresholds,
        incident::{Incident, Looked, Moment},
        outbox::{Channel, Outbox},
        signs::{Sample, signs},
    },
    health::Health,
    materials::Materials,
    metrics::{Metric, Metrics},
};

/// Under this name the state of the alerts is kept.
const NOTE: &str = "alerts";
/// A trial write that takes longer failed.
const WRITE_MAX: Duration = Duration::from_secs(10);
/// Counting may take this part of the time, and no more: a look is followed by so many times its own length.
const REST: u32 = 20;
/// The outbox is looked at so often at least.
const POST_EVERY: Duration = Duration::from_secs(1);

/// What the watch looks at, and whom it calls.
pub struct Watched {
    /// The engine.
    pub engine: Arc<Engine>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What listens.
    pub health: Arc<Health>,
    /// Certificates and reloads.
    pub materials: Arc<Materials>,
    /// Gauges.
    pub metrics: Arc<Metrics>,
    /// From when on.
    pub thresholds: Thresholds,
    /// Name of the gateway, in letters.
    pub gateway: String,
    /// Ways out.
    pub channels: Vec<Arc<dyn Channel>>,
}

/// What is kept.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    incidents: Incidents,
    outbox: Outbox,
}

/// The watch, shared with the API.
pub struct Watch {
    of: Watched,
    /// Never held over IO: the status must answer while the journal hangs.
    kept: Mutex<Kept>,
    /// One write at a time, each of the state of its moment.
    keeping: Mutex<()>,
    post: Notify,
}

impl Watch {
    /// Takes up what an earlier run left open.
    pub(crate) async fn new(of: Watched) -> Arc<Self> {
        let engine = of.engine.clone();
        let noted = tokio::task::spawn_blocking(move || engine.noted(NOTE)).await;
        let text = noted.ok().and_then(Result::ok).flatten();
        let mut kept: Kept = match text.map(|text| serde_json::from_str(&text)) {
            Some(Ok(kept)) => kept,
            Some(Err(error)) => {
                tracing::warn!(error_code = "admin.alerts-unreadable", %error, "kept alerts were forgotten");
                Kept::default()
            }
            None => Kept::default(),
        };
        kept.outbox.keep_channels(&names(&of.channels));
        Arc::new(Self { of, kept: Mutex::new(kept), keeping: Mutex::new(()), post: Notify::new() })
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.of.clock.now()
    }

    /// Open incidents.
    pub(crate) async fn incidents(&self) -> Vec<Incident> {
        self.kept.lock().await.incidents.open().to_vec()
    }

    /// What waits, asked now.
    pub(crate) async fn queues(&self) -> Option<Queues> {
        let reader = self.of.engine.reader();
        match tokio::task::spawn_blocking(move || reader.queues()).await {
            Ok(Ok(queues)) => Some(queues),
            Ok(Err(error)) => {
                tracing::warn!(error_code = error.code(), %error, "queues were not counted");
                None
            }
            Err(_) => None,
        }
    }

    /// Notices that were asked for and are overdue; a month after that, nobody waits for them any more.
    async fn unanswered(&self) -> Option<Vec<(ReportStage, Unanswered)>> {
        const GIVEN_UP: Duration = Duration::from_secs(30 * 86_400);
        let (reader, now, limits) = (self.of.engine.reader(), self.now(), self.of.thresholds);
        let asked = tokio::task::spawn_blocking(move || {
            let overdue = |stage, delay: Duration| {
                let before = now.checked_sub(delay).unwrap_or(Timestamp::MIN);
                let since = before.checked_sub(GIVEN_UP).unwrap_or(Timestamp::MIN);
                Ok((stage, reader.unanswered(stage, since, before)?))
            };
            let stages = [
                (ReportStage::Delivery, limits.delivery_overdue),
                (ReportStage::Reading, limits.reading_overdue),
            ];
            stages.into_iter().map(|(stage, delay)| overdue(stage, delay)).collect::<Result<_, Error>>()
        });
        match asked.await {
            Ok(Ok(overdue)) => Some(overdue),
            Ok(Err(error)) => {
                tracing::warn!(error_code = error.code(), %error, "overdue notices were not counted");
                None
            }
            Err(_) => None,
        }
    }

    /// Looks until told to stop.
    pub(crate) async fn run(self: Arc<Self>, mut stop: Stop) {
        let mut commits = self.of.metrics.totals(Metric::Commit);
        let mut jumps = 0.0;
        while !stop.is_stopped() {
            let began = tokio::time::Instant::now();
            self.look(&mut commits, &mut jumps).await;
            let rest = self.of.thresholds.every.max(began.elapsed() * REST);
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                () = stop.stopped() => {}
            }
        }
    }

    async fn look(&self, commits: &mut (u64, f64), jumps: &mut f64) {
        let written = tokio::time::timeout(WRITE_MAX, self.of.engine.touch()).await;
        let written = match written {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.code().to_owned()),
            Err(_) => Err("journal.slow".to_owned()),
        };
        let totals = self.of.metrics.totals(Metric::Commit);
        let (count, sum) = (totals.0.saturating_sub(commits.0), totals.1 - commits.1);
        *commits = totals;
        let jumped = self.of.metrics.gauge(Metric::ClockJumped);
        let sample = Sample {
            written: Some(written),
            queues: self.queues().await,
            lanes: Some(self.of.engine.lanes()),
            answered: self.of.metrics.first_labels(Metric::Attempts, &["done", "refused"]),
            disk_free: disk(self.of.engine.data_dir()).map(|disk| disk.free),
            commit: (count > 0).then(|| Duration::from_secs_f64(sum.max(0.0) / count as f64)),
            certificates: self.of.materials.ends(),
            refused: self.of.materials.refusals(),
            silent: self.of.health.silent(),
            unanswered: self.unanswered().await,
            jumped: (jumped != *jumps).then_some(jumped - *jumps),
        };
        *jumps = jumped;
        let now = self.of.clock.now();
        self.set_gauges(&sample, now);
        self.tell(&sample, now).await;
    }

    fn set_gauges(&self, sample: &Sample, now: Timestamp) {
        let metrics = &self.of.metrics;
        metrics.set(Metric::JournalWritable, &[], if sample.written == Some(Ok(())) { 1.0 } else { 0.0 });
        if let Some(disk) = disk(self.of.engine.data_dir()) {
            metrics.set(Metric::DiskFree, &[], disk.free as f64);
            metrics.set(Metric::DiskSize, &[], disk.size as f64);
        }
        for (name, until) in &sample.certificates {
            metrics.set(Metric::CertificateExpiry, &[name], (until - now.as_second()) as f64);
        }
        let (Some(queues), Some(lanes)) = (&sample.queues, &sample.lanes) else { return };
        metrics.set(Metric::MessagesWaiting, &[], queues.messages_waiting as f64);
        metrics.set(Metric::MessagesAside, &[], queues.messages_parked as f64);
        metrics.set(Metric::MessagesHeld, &[], queues.messages_held as f64);
        set_lanes(metrics, queues, lanes, now);
    }

    /// Opens and closes incidents; what must leave is kept before anybody tries to send it.
    async fn tell(&self, sample: &Sample, now: Timestamp) {
        let mut kept = self.kept.lock().await;
        let signs = signs(sample, now, &self.of.thresholds, kept.incidents.open());
        let Looked { notices, letter, changed } = kept.incidents.look(now, signs, self.of.thresholds.pace);
        for notice in &notices {
            let incident = &notice.incident;
            let (error_code, subject, count) =
                (incident.cause.code(), incident.subject.as_str(), incident.said.count);
            match notice.moment {
                Moment::Start => tracing::error!(error_code, subject, count, "alert started"),
                Moment::Worse => tracing::error!(error_code, subject, count, "alert got worse"),
                Moment::End => tracing::info!(error_code, subject, count, "alert ended"),
            }
        }
        if !letter.is_empty() {
            let told: Vec<_> =
                letter.iter().map(|notice| (notice.incident.cause, &notice.incident.subject)).collect();
            let beside = |incident: &&Incident| !told.contains(&(incident.cause, &incident.subject));
            let others = kept.incidents.open().iter().filter(beside).count();
            let letter = Letter::of(&self.of.gateway, &letter, others);
            let given_up = kept.outbox.add(letter, &names(&self.of.channels));
            if given_up > 0 {
                tracing::error!(error_code = "admin.letters-given-up", given_up, "alerts were never sent");
            }
        }
        let counts = kept.incidents.counts();
        for cause in Cause::ALL {
            let open = counts.get(cause).copied().unwrap_or(0);
            self.of.metrics.set(Metric::IncidentsOpen, &[cause.code()], open as f64);
        }
        drop(kept);
        if changed {
            self.keep().await;
            self.post.notify_one();
        }
    }

    /// A journal that cannot be written is itself an incident: it is told all the same, and perhaps again after a restart.
    async fn keep(&self) {
        let _alone = self.keeping.lock().await;
        let text = match serde_json::to_string(&*self.kept.lock().await) {
            Ok(text) => text,
            Err(error) => return tracing::error!(%error, "alerts cannot be written"),
        };
        match tokio::time::timeout(WRITE_MAX, self.of.engine.note(NOTE, text)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(error_code = error.code(), %error, "alerts were not kept"),
            Err(_) => tracing::warn!(error_code = "journal.slow", "alerts were not kept"),
        }
    }

    /// Sends what is owed by one channel, until told to stop. A channel that hangs holds nobody but itself.
    pub(crate) async fn send_all(self: Arc<Self>, channel: Arc<dyn Channel>, mut stop: Stop) {
        while !stop.is_stopped() {
            let due = self.kept.lock().await.outbox.due(channel.name(), self.of.clock.now());
            let Some(tried) = due else {
                tokio::select! {
                    () = self.post.notified() => {}
                    () = tokio::time::sleep(POST_EVERY) => {}
                    () = stop.stopped() => {}
                }
                continue;
            };
            let sent = tokio::select! {
                sent = channel.send(&tried.letter) => sent,
                () = stop.stopped() => return,
            };
            let outcome = match &sent {
                Ok(()) => "sent",
                Err(finding) => {
                    tracing::warn!(
                        error_code = "admin.alert-not-sent",
                        channel = channel.name(),
                        cause = finding.check.as_str(),
                        found = finding.found.as_deref(),
                        "alert was not sent"
                    );
                    "failed"
                }
            };
            self.kept.lock().await.outbox.tried(&tried, sent.is_ok(), self.of.clock.now());
            if sent.is_ok() {
                self.keep().await;
            }
            // Counted once it is kept: whoever sees the number may pull the plug, and no letter leaves twice.
            self.of.metrics.add(Metric::AlertsSent, &[channel.name(), outcome], 1);
        }
    }

    /// Ways out.
    pub(crate) fn channels(&self) -> &[Arc<dyn Channel>] {
        &self.of.channels
    }
}

fn names(channels: &[Arc<dyn Channel>]) -> Vec<&'static str> {
    channels.iter().map(|channel| channel.name()).collect()
}

fn set_lanes(metrics: &Metrics, queues: &Queues, lanes: &[LaneStanding], now: Timestamp) {
    let since = |at: Option<Timestamp>| at.map_or(0.0, |at| now.duration_since(at).as_secs_f64().max(0.0));
    let mut deliveries: Vec<([&str; 2], f64)> = Vec::new();
    let mut oldest: Vec<([&str; 1], f64)> = Vec::new();
    for queue in &queues.lanes {
        let name = queue.partner.as_str();
        let states = [
            (DeliveryState::Waiting, queue.waiting),
            (DeliveryState::Retrying, queue.retrying),
            (DeliveryState::Sending, queue.sending),
            (DeliveryState::Parked, queue.parked),
            (DeliveryState::Held, queue.held),
        ];
        deliveries.extend(states.map(|(state, count)| ([name, state.word()], count as f64)));
        oldest.push(([name], since(queue.oldest_at)));
    }
    for lane in lanes.iter().filter(|lane| queues.lanes.iter().all(|queue| queue.partner != lane.partner)) {
        oldest.push(([lane.partner.as_str()], 0.0));
    }
    metrics.set_all(
        Metric::LaneDeliveries,
        deliveries.iter().map(|(labels, value)| (labels.as_slice(), *value)),
    );
    metrics.set_all(Metric::LaneOldest, oldest.iter().map(|(labels, value)| (labels.as_slice(), *value)));
    let failing: Vec<_> =
        lanes.iter().map(|lane| ([lane.partner.as_str()], since(lane.failing_since))).collect();
    metrics.set_all(Metric::LaneFailing, failing.iter().map(|(labels, value)| (labels.as_slice(), *value)));
}

/// Room of a disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// Free for this account.
    pub free: u64,
    /// In all.
    pub size: u64,
}

/// Room of the disk a folder is on. `None`: the system does not say.
#[cfg(unix)]
pub fn disk(folder: &Path) -> Option<Disk> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(Disk { free: disk.f_bavail * disk.f_frsize, size: disk.f_blocks * disk.f_frsize })
}

/// Elsewhere nobody says.
#[cfg(not(unix))]
pub fn disk(_: &Path) -> Option<Disk> {
    None
}
