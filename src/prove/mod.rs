//! `jonction prove`: kills a gateway again and again while messages come, then counts what it should not have done.
//! In: how many kills, how many power cuts, a seed. Out: a [`Report`]. The gateway is this program as a child process, its
//! partners are the simulators, in this one: what they got, nobody can make undone. Source: docs/reliability.md.

mod gateway;
mod judge;
mod letters;
mod round;
mod sender;

use jonction_crash::{Campaign, Fate, Kind, dice::Dice, disk::What};
use serde::Serialize;

use crate::failure::Failure;

/// Kills of one round: a data folder, its partners, its letters. Nothing grows with the number of rounds.
const ROUND_KILLS: u64 = 100;
/// Things that went wrong, told one by one.
const TOLD_MAX: usize = 20;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// Real kills of a real process.
    pub(crate) kills: u64,
    /// Power cuts on a disk in memory.
    pub(crate) cuts: u64,
    /// Same seed: same letters, same moments, same cuts.
    pub(crate) seed: u64,
    /// One world of the campaign of cuts alone.
    pub(crate) world: Option<u64>,
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// Messages acknowledged.
    pub(crate) accepted: u64,
    /// Acknowledged, and not delivered in the end.
    pub(crate) lost: u64,
    /// Delivered twice without an unknown outcome that excuses it.
    pub(crate) duplicated: u64,
    /// Sent again within the window of an unknown outcome, under the same identifier, to a partner that cannot be asked.
    pub(crate) possible_duplicates: u64,
    /// Delivered before an older one of the same person.
    pub(crate) reordered: u64,
    /// Delivered with other bytes.
    pub(crate) altered: u64,
    /// Balances that do not close, stores that do not open, gateways that come to no rest.
    pub(crate) broken: u64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.possible_duplicates += other.possible_duplicates;
        self.reordered += other.reordered;
        self.altered += other.altered;
        self.broken += other.broken;
    }

    /// Whether the promise was kept.
    pub(crate) fn holds(&self) -> bool {
        self.lost + self.duplicated + self.reordered + self.altered + self.broken == 0
    }
}

/// What came of flipped bits in one kind of file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Flip {
    /// Nothing that anybody could see.
    pub(crate) harmless: u64,
    /// Parked, answered with an error, or late where alerts see it.
    pub(crate) told: u64,
    /// The store was refused, with a code.
    pub(crate) refused: u64,
    /// Metadata that changed, unnoticed.
    pub(crate) unseen: u64,
}

/// Flipped bits, by place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Flips {
    pub(crate) body: Flip,
    pub(crate) database: Flip,
    pub(crate) log: Flip,
}

impl Flips {
    fn of(report: &jonction_crash::Report) -> Self {
        let flip = |what| {
            let had = |fate| report.fates(fate, &[what]);
            Flip {
                harmless: had(Fate::Harmless),
                told: had(Fate::Told),
                refused: had(Fate::Refused),
                unseen: had(Fate::Unseen),
            }
        };
        Self { body: flip(What::Body), database: flip(What::Database), log: flip(What::Wal) }
    }
}

/// What came out of the power cuts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Cuts {
    /// Power cuts.
    pub(crate) cuts: u64,
    /// Deaths of the process alone, between them.
    pub(crate) deaths: u64,
    /// Lives on a full or failing disk, between them.
    pub(crate) troubles: u64,
    /// Messages whose bytes purges destroyed.
    pub(crate) destroyed: u64,
    /// Backups put back and judged.
    pub(crate) restored: u64,
    /// Times something was held back for a while.
    pub(crate) held: u64,
    /// Flipped bits, by place.
    pub(crate) flips: Flips,
    #[serde(flatten)]
    pub(crate) counts: Counts,
}

/// What came out.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    /// Real kills.
    pub(crate) kills: u64,
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// Attempts whose outcome nobody knew: what a kill or a failing partner cut in the middle.
    pub(crate) interrupted: u64,
    /// Longest time from a launch to listening again.
    pub(crate) recovery_ms_max: u64,
    /// The power cuts, when some were asked for.
    pub(crate) cuts: Option<Cuts>,
    /// What went wrong, the first ones, in English: it is for whoever repairs.
    pub(crate) wrong: Vec<String>,
}

impl Report {
    /// Whether the promise was kept, and something was promised.
    pub(crate) fn holds(&self) -> bool {
        self.counts.holds() && self.cuts.as_ref().is_none_or(|cuts| cuts.counts.holds())
    }

    fn tell(&mut self, wrong: impl IntoIterator<Item = String>) {
        let room = TOLD_MAX.saturating_sub(self.wrong.len());
        self.wrong.extend(wrong.into_iter().take(room));
    }
}

/// Runs it. `progress`: lines for who waits, in French.
pub(crate) fn run(asked: Asked, progress: &mut dyn FnMut(String)) -> Result<Report, Failure> {
    let mut report = Report { seed: asked.seed, ..Report::default() };
    let mut number = 0;
    while report.kills < asked.kills {
        let kills = ROUND_KILLS.min(asked.kills - report.kills);
        let round = round::run(number, kills, Dice::new(asked.seed).fork(number), progress)?;
        report.kills += kills;
        report.counts.add(&round.counts);
        report.interrupted += round.interrupted;
        report.recovery_ms_max = report.recovery_ms_max.max(round.recovery_ms_max);
        report.tell(round.wrong);
        number += 1;
        progress(format!(
            "{} / {} arrêts brutaux, {} messages acquittés, {}",
            report.kills,
            asked.kills,
            report.counts.accepted,
            if report.counts.holds() { "rien à redire" } else { "DES ÉCARTS" }
        ));
    }
    if asked.cuts > 0 || asked.world.is_some() {
        cut(asked, &mut report, progress)?;
    }
    Ok(report)
}

fn cut(asked: Asked, report: &mut Report, progress: &mut dyn FnMut(String)) -> Result<(), Failure> {
    let Asked { seed, cuts, world: only, .. } = asked;
    let campaign = Campaign { seed, cuts, mutation: None, until: None, only };
    let mut told = 0;
    let mut run = || {
        campaign.run(|so_far| {
            if only.is_none() && (so_far.cuts >= told + 500 || so_far.cuts >= asked.cuts) {
                told = so_far.cuts;
                progress(format!(
                    "{} / {} coupures, {} messages acquittés",
                    so_far.cuts, asked.cuts, so_far.accepted
                ));
            }
        })
    };
    // The engine tells each refusal of a disk that is made to refuse: of use to whoever asked for the log only.
    let done = match std::env::var_os("JONCTION_LOG") {
        Some(_) => run(),
        None => tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::new(), run),
    };
    let done = done.map_err(|error| Failure::new("prove.broken", error.to_string()))?;
    report.cuts = Some(Cuts {
        cuts: done.cuts,
        deaths: done.kills,
        troubles: done.troubles,
        destroyed: done.destroyed,
        restored: done.restored,
        held: done.held,
        flips: Flips::of(&done),
        counts: Counts {
            accepted: done.accepted,
            lost: done.count(Kind::Lost),
            duplicated: done.count(Kind::Duplicated),
            possible_duplicates: done.possible_duplicates,
            reordered: done.count(Kind::Reordered),
            altered: done.count(Kind::Altered),
            broken: done.count(Kind::Broken),
        },
    });
    report
        .tell(done.violations.iter().map(|(world, violation)| format!("world {world}: {}", violation.what)));
    Ok(())
}
