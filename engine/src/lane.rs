//! A lane: what is owed to one partner, attempted a few at a time, oldest first, one by one within an ordering key.
//! In: wake-ups, the clock. Out: attempts. Memory: the window read from the journal, however long the partner is dead.
//! Source: architecture §4.5, decision « no unbounded queue ».

mod attempt;
mod ending;
pub mod hours;
pub mod rate;
pub mod settings;
pub mod standing;

use std::{collections::HashSet, sync::Arc, time::Duration};

use jonction_model::PartnerName;
use jonction_ports::{DeliveryId, Sink, Stop};
use tokio::{
    sync::Notify,
    task::{JoinError, JoinSet},
    time::Instant,
};

use crate::{
    error::Error,
    journal::{Due, Millis},
    plan::Plan,
    shared::{Shared, blocking},
};
use rate::Bucket;
use settings::LaneSettings;
use standing::LaneState;

pub(crate) use attempt::{Loaded, load_any};
pub(crate) use ending::{Ended, Told, tell, unknown_outcome};

/// Pause after the journal failed.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest sleep: a wall clock that is set forward is noticed within this time.
const SLEEP_MAX: Duration = Duration::from_secs(300);

/// Of so many attempts that begin, one is of what became due last, the others of what waits longest. A partner that comes
/// back after a day serves its backlog and what is fresh alike: three parts and one. Source: decision 0019.
const FRESH_EVERY: u32 = 4;

/// What the attempts of a lane share.
pub(crate) struct Lane {
    pub(crate) shared: Arc<Shared>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) name: PartnerName,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) settings: LaneSettings,
}

/// Runs until told to stop; then lets running attempts end (the caller bounds that).
pub(crate) async fn run(lane: Arc<Lane>, mut stop: Stop) {
    let wake: Arc<Notify> = lane.shared.lane(&lane.name);
    let mut places = Places::new(lane.clone());
    while !stop.is_stopped() {
        let again = if places.free() > 0 { places.fill().await } else { Again::Woken };
        let has_room = places.free() > 0;
        tokio::select! {
            biased;
            () = stop.stopped() => {}
            Some(ended) = places.running.join_next() => { places.forget(ended); }
            () = wake.notified(), if has_room => {}
            () = again.comes(&lane.shared), if has_room => {}
        }
    }
    while places.running.join_next().await.is_some() {}
}

/// When a lane with room looks again by itself.
enum Again {
    /// When it is woken.
    Woken,
    /// At a moment of the wall clock.
    At(Millis),
    /// After a delay.
    After(Duration),
}

impl Again {
    async fn comes(&self, shared: &Shared) {
        match self {
            Self::Woken => std::future::pending().await,
            Self::After(delay) => tokio::time::sleep(*delay).await,
            Self::At(at) => {
                let wait = u64::try_from(at.saturating_sub(shared.now())).unwrap_or(0);
                // One more millisecond: the runtime's clock and ours may round differently.
                tokio::time::sleep(Duration::from_millis(wait.saturating_add(1)).min(SLEEP_MAX)).await;
            }
        }
    }
}

/// The attempts of a lane, never more than its concurrency.
struct Places {
    lane: Arc<Lane>,
    running: JoinSet<DeliveryId>,
    /// Claimed and not ended: still in the window of the journal until their attempt is marked there.
    busy: HashSet<DeliveryId>,
    bucket: Option<Bucket>,
    turn: u32,
}

impl Places {
    fn new(lane: Arc<Lane>) -> Self {
        let bucket = lane.settings.rate.map(|rate| Bucket::new(rate, Instant::now()));
        Self { lane, running: JoinSet::new(), busy: HashSet::new(), bucket, turn: 0 }
    }

    fn free(&self) -> usize {
        self.lane.settings.concurrency.max(1).saturating_sub(self.running.len())
    }

    /// Begins attempts while there is room, something due, and the partner takes it.
    async fn fill(&mut self) -> Again {
        let lane = self.lane.clone();
        let now = lane.shared.clock.now();
        if !lane.settings.hours.is_open(now) {
            let until = lane.settings.hours.next_opening(now);
            lane.stands(LaneState::Closed { until });
            return until.map_or(Again::Woken, |until| Again::At(until.as_millisecond()));
        }
        match claim(&lane, self.free() + self.busy.len()).await {
            Ok(due) if due.held => {
                lane.stands(LaneState::Held);
                Again::Woken
            }
            Ok(due) => self.begin(due),
            Err(error) => {
                tracing::error!(lane = lane.name.as_str(), error_code = error.code(), %error, "lane paused");
                Again::After(PAUSE)
            }
        }
    }

    fn begin(&mut self, due: Due) -> Again {
        let busy = |id: &DeliveryId| self.busy.contains(id);
        let mut oldest: Vec<_> = due.ready.into_iter().filter(|id| !busy(id)).rev().collect();
        let mut latest: Vec<_> = due.latest.into_iter().filter(|id| !busy(id)).rev().collect();
        while self.free() > 0 && !oldest.is_empty() {
            if let Some(Err(wait)) = self.bucket.as_mut().map(|bucket| bucket.take(Instant::now())) {
                self.lane.stands(LaneState::Limited);
                return Again::After(wait);
            }
            self.turn = (self.turn + 1) % FRESH_EVERY;
            let fresh = if self.turn == 0 { latest.pop() } else { None };
            let Some(id) = fresh.or_else(|| oldest.pop()) else { break };
            oldest.retain(|other| *other != id);
            latest.retain(|other| *other != id);
            self.spawn(id);
        }
        self.lane.stands(LaneState::Open);
        due.next_at.map_or(Again::Woken, Again::At)
    }

    fn spawn(&mut self, id: DeliveryId) {
        self.busy.insert(id);
        let lane = self.lane.clone();
        self.running.spawn(async move {
            attempt::deliver(lane, id).await;
            id
        });
    }

    fn forget(&mut self, ended: Result<DeliveryId, JoinError>) {
        match ended {
            Ok(id) => {
                self.busy.remove(&id);
            }
            // A bug of ours: the delivery stays claimed until the next start, rather than being attempted twice.
            Err(error) => tracing::error!(%error, "a delivery task was lost"),
        }
    }
}

impl Lane {
    fn stands(&self, state: LaneState) {
        self.shared.lane_stands(&self.name, state);
    }
}

async fn claim(lane: &Arc<Lane>, limit: usize) -> Result<Due, Error> {
    let (owned, limit) = (lane.clone(), u32::try_from(limit).unwrap_or(u32::MAX));
    blocking(move || owned.shared.journal.due(&owned.name, owned.shared.now(), limit))
        .await
        .map_err(|_| Error::Inconsistent("window of a lane".to_owned()))?
}
