//! `jonction status`: one value, from the store and from the gateway when one answers; shown, or judged for a monitor.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use jonction_admin::{Disk, disk};
use jonction_engine::{HoldLine, LaneRecent, Queue, Queues, Reader, Recent};
use jonction_model::{Clock as _, SystemClock};
use jonction_net::Identity;
use jonction_settings::Diagnoses;
use serde::{Deserialize, Serialize};

use crate::{
    admin_client,
    cli::{Common, StatusArgs},
    failure::{Failure, exit},
    out,
    project::{self, Project},
    show,
};

const DAY_S: i64 = 86_400;

/// How everything stands.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    /// Now.
    pub(crate) at: Timestamp,
    /// Folder of the data.
    pub(crate) data: PathBuf,
    /// The process that has the store.
    pub(crate) process: Option<String>,
    /// What the gateway that runs says of itself.
    pub(crate) live: Option<Live>,
    /// What waits.
    pub(crate) queues: Queues,
    /// What the journal remembers.
    pub(crate) recent: Recent,
    /// What humans hold back.
    pub(crate) holds: Vec<HoldLine>,
    /// Room of the disk.
    pub(crate) disk: Option<Disk>,
    /// Certificates of the configuration.
    pub(crate) certificates: Vec<CertificateEnd>,
    /// What must be looked at, the gravest first.
    pub(crate) problems: Vec<Problem>,
}

/// The part of `GET /v1/status` that only a living gateway knows.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Live {
    pub(crate) gateway: Gateway,
    pub(crate) readiness: Readiness,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) incidents: Vec<Incident>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Gateway {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) started_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Readiness {
    pub(crate) ready: bool,
    pub(crate) obstacles: Vec<Obstacle>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Obstacle {
    pub(crate) code: String,
    pub(crate) sentence: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Lane {
    pub(crate) partner: String,
    pub(crate) state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Timestamp>,
    pub(crate) failing_since: Option<Timestamp>,
    pub(crate) error: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Incident {
    pub(crate) code: String,
    pub(crate) subject: String,
    pub(crate) since: Timestamp,
    pub(crate) title: String,
    pub(crate) todo: String,
}

/// End of a certificate.
#[derive(Debug, Serialize)]
pub(crate) struct CertificateEnd {
    pub(crate) name: String,
    pub(crate) not_after: Timestamp,
    pub(crate) days_left: i64,
}

/// A lane, with what the journal and the gateway know of it.
pub(crate) struct LaneView<'s> {
    pub(crate) name: &'s str,
    pub(crate) queue: Option<&'s Queue>,
    pub(crate) recent: Option<&'s LaneRecent>,
    pub(crate) live: Option<&'s Lane>,
}

/// Convention of Nagios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Level {
    Ok = 0,
    Warning = 1,
    Critical = 2,
}

/// Something to look at.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    pub(crate) level: Level,
    pub(crate) sentence: String,
}

pub(super) async fn run(args: &StatusArgs, common: &Common) -> Result<u8, Failure> {
    let status = match Status::look(args, common).await {
        Ok(status) => status,
        Err(failure) if args.nagios => {
            out::say(format!("JONCTION UNKNOWN - {} ({})", failure.sentence, failure.code));
            return Ok(UNKNOWN);
        }
        Err(failure) => return Err(failure),
    };
    let level = status.level();
    match (args.nagios, common.json) {
        (true, _) => {
            out::say(show::status::nagios(&status, args));
            return Ok(level as u8);
        }
        (false, true) => out::json(&status),
        (false, false) => out::write(&show::status::screen(&status)),
    }
    Ok(if level == Level::Ok { exit::DONE } else { exit::FINDINGS })
}

/// Exit code of a plugin that cannot tell.
const UNKNOWN: u8 = 3;

impl Status {
    async fn look(args: &StatusArgs, common: &Common) -> Result<Self, Failure> {
        let mut diagnoses = Diagnoses::default();
        let project = match &args.dir {
            Some(dir) => Some(Project::read(common.folder(dir), None, &mut diagnoses).ok_or_else(|| {
                Failure::usage("status.configuration", format!("{} ne se lit pas", dir.display()))
                    .remedy(format!("jonction check {}", dir.display()))
            })?),
            None => None,
        };
        let data =
            common.data.clone().or_else(|| project.as_ref().map(|project| project.gateway.data.clone()));
        let data = data.unwrap_or_else(|| Path::new("data").to_owned());
        let reader = Reader::open(&data).map_err(|error| {
            Failure::from(error)
                .remedy("donner le dossier des données (--data), ou celui de la configuration")
        })?;
        let at = SystemClock.now();
        let mut status = Self {
            at,
            process: jonction_engine::holder(&data),
            live: admin_client::status(&data).await,
            queues: reader.queues()?,
            recent: reader.recent()?,
            holds: reader.holds()?,
            disk: disk(&data),
            certificates: project.map_or_else(Vec::new, |project| certificates(&project, at)),
            problems: Vec::new(),
            data,
        };
        status.problems = status.judge(args);
        Ok(status)
    }

    pub(crate) fn level(&self) -> Level {
        self.problems.first().map_or(Level::Ok, |problem| problem.level)
    }

    /// Messages and deliveries that wait for a human.
    pub(crate) fn parked(&self) -> u64 {
        self.queues.messages_parked + self.queues.lanes.iter().map(|lane| lane.parked).sum::<u64>()
    }

    /// What will go without a human.
    pub(crate) fn waiting(&self) -> u64 {
        self.queues.messages_waiting + self.queues.lanes.iter().map(Queue::owed).sum::<u64>()
    }

    /// Longest wait of a delivery.
    pub(crate) fn oldest(&self) -> Duration {
        let ages = self.queues.lanes.iter().filter_map(|lane| lane.oldest_at).map(|since| self.age(since));
        ages.max().unwrap_or_default()
    }

    pub(crate) fn age(&self, since: Timestamp) -> Duration {
        Duration::try_from(self.at.duration_since(since)).unwrap_or_default()
    }

    /// Every lane anybody knows of, by name.
    pub(crate) fn lanes(&self) -> Vec<LaneView<'_>> {
        let live = self.live.iter().flat_map(|live| &live.lanes);
        let mut names: BTreeSet<&str> = live.clone().map(|lane| lane.partner.as_str()).collect();
        names.extend(self.queues.lanes.iter().map(|lane| lane.partner.as_str()));
        names.extend(self.recent.lanes.iter().map(|lane| lane.partner.as_str()));
        let view = |name| LaneView {
            name,
            queue: self.queues.lanes.iter().find(|lane| lane.partner.as_str() == name),
            recent: self.recent.lanes.iter().find(|lane| lane.partner.as_str() == name),
            live: live.clone().find(|lane| lane.partner == name),
        };
        names.into_iter().map(view).collect()
    }

    /// Messages and deliveries that a human holds back.
    pub(crate) fn held(&self) -> u64 {
        self.queues.messages_held + self.queues.lanes.iter().map(|lane| lane.held).sum::<u64>()
    }

    fn judge(&self, limits: &StatusArgs) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut add = |level, sentence: String| problems.push(Problem { level, sentence });
        match (&self.process, &self.live) {
            (_, Some(live)) => {
                for obstacle in &live.readiness.obstacles {
                    add(Level::Critical, obstacle.sentence.clone());
                }
                for incident in &live.incidents {
                    add(Level::Warning, incident.title.clone());
                }
            }
            (Some(process), None) => {
                add(
                    Level::Critical,
                    format!("la passerelle tourne (processus {process}) mais ne répond pas"),
                );
            }
            (None, None) => add(Level::Critical, "la passerelle ne tourne pas".to_owned()),
        }
        for lane in self.queues.lanes.iter().filter(|lane| lane.owed() > 0) {
            let age = lane.oldest_at.map(|since| self.age(since)).unwrap_or_default();
            if let Some(level) = at_least(age, limits.warning_age, limits.critical_age) {
                let (partner, owed) = (&lane.partner, show::number(lane.owed()));
                let age = show::duration(age);
                add(level, format!("{partner} : {owed} en attente, le plus ancien depuis {age}"));
            }
        }
        if let Some(level) = at_least(self.parked(), limits.warning_parked, limits.critical_parked) {
            add(level, format!("{} mis de côté : un humain doit décider", self.parked()));
        }
        for hold in &self.holds {
            add(Level::Warning, format!("{} {} : retenu par {}", hold.kind, hold.name, hold.author));
        }
        if let Some(disk) = self.disk
            && let Some(level) = at_most(disk.free, limits.warning_disk, limits.critical_disk)
        {
            add(level, format!("il ne reste que {} sur le disque des données", show::size(disk.free)));
        }
        for certificate in &self.certificates {
            let left = certificate.not_after.as_second() - self.at.as_second();
            let left = Duration::from_secs(u64::try_from(left).unwrap_or(0));
            if let Some(level) = at_most(left, limits.warning_certificate, limits.critical_certificate) {
                let when = show::day(certificate.not_after);
                let word = if left.is_zero() { "est expiré depuis le" } else { "expire le" };
                add(level, format!("le certificat {} {word} {when}", certificate.name));
            }
        }
        problems.sort_by_key(|problem| std::cmp::Reverse(problem.level));
        problems
    }
}

fn at_least<T: PartialOrd>(value: T, warning: T, critical: T) -> Option<Level> {
    if value >= critical {
        Some(Level::Critical)
    } else if value >= warning {
        Some(Level::Warning)
    } else {
        None
    }
}

fn at_most<T: PartialOrd>(value: T, warning: T, critical: T) -> Option<Level> {
    if value <= critical {
        Some(Level::Critical)
    } else if value <= warning {
        Some(Level::Warning)
    } else {
        None
    }
}

/// Those in files; the ones of the test authority are made anew when needed.
fn certificates(project: &Project, now: Timestamp) -> Vec<CertificateEnd> {
    let end = |(name, identity): (&String, &project::Identity)| {
        let project::Identity::Files { certificate, key } = identity else { return None };
        let not_after = Identity::from_files(certificate, key).ok()?.not_after().ok()?;
        let days_left = (not_after - now.as_second()).div_euclid(DAY_S);
        Some(CertificateEnd {
            name: name.clone(),
            not_after: Timestamp::from_second(not_after).ok()?,
            days_left,
        })
    };
    project.identities.iter().filter_map(end).collect()
}
