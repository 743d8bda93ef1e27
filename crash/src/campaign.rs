//! The campaign: worlds one after the other, each with its lives, until enough cuts fell; between them, flipped bits; at the
//! end of each, its last backup is put back.
//! In: a seed, a number of cuts, perhaps a mutation. Out: a [`Report`]; the same for the same input, on any machine.

use std::collections::BTreeMap;

use crate::{
    dice::Dice,
    disk::{Cut, Failure, Fault, Kind as Change, Moment, Plan, Site, What},
    oracle::{Kind, Violation},
    world::{End, Fate, Mutation, World},
};

/// Lives of a world before the last one.
const LIVES: u64 = 8;
/// Lives after which a bit flips, in percent.
const DAMAGES_PERCENT: u64 = 20;
/// Letters written before each life.
const LETTERS: u64 = 3;
/// Changes of a first life: that of a new store. Each is cut in turn, on both sides.
const FIRST_CHANGES: u64 = 160;

/// Troubles that are no cut: kinds of changes that fail, and how.
const TROUBLES: [(&[Change], Failure); 5] = [
    (&[Change::Write, Change::Create, Change::Truncate], Failure::Full),
    (&[Change::Sync, Change::SyncFolder], Failure::Device),
    (&[Change::Write, Change::Sync, Change::Rename, Change::Remove, Change::Create], Failure::Device),
    (&[Change::Read], Failure::Device),
    (&[Change::Rename], Failure::Device),
];

/// Boundaries that a long campaign meets often.
pub const BOUNDARIES: [(Change, What); 12] = [
    (Change::Create, What::Wal),
    (Change::Write, What::Wal),
    (Change::Sync, What::Wal),
    (Change::Remove, What::Wal),
    (Change::Write, What::Database),
    (Change::Truncate, What::Database),
    (Change::Sync, What::Database),
    (Change::Create, What::Body),
    (Change::Write, What::Body),
    (Change::Sync, What::Body),
    (Change::Rename, What::Body),
    (Change::SyncFolder, What::Body),
];

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// Same seed, same campaign.
    pub seed: u64,
    /// Cuts, at least.
    pub cuts: u64,
    /// Something done wrong on purpose.
    pub mutation: Option<Mutation>,
    /// Ends with the first thing of this kind that goes wrong.
    pub until: Option<Kind>,
    /// One world alone, by its number: to see again what went wrong in it.
    pub only: Option<u64>,
}

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Worlds lived through.
    pub worlds: u64,
    /// Power cuts.
    pub cuts: u64,
    /// Deaths of the process alone.
    pub kills: u64,
    /// Lives with a full or failing disk.
    pub troubles: u64,
    /// Letters acknowledged.
    pub accepted: u64,
    /// Copies within the window of an unknown outcome, to partners that cannot be asked.
    pub possible_duplicates: u64,
    /// Letters whose bytes a purge destroyed.
    pub destroyed: u64,
    /// Backups that were put back and judged.
    pub restored: u64,
    /// Times an operator held something back for a while.
    pub held: u64,
    /// Flipped bits, by place and by what came of them.
    pub damages: BTreeMap<(What, Fate), u64>,
    /// Where the cuts fell.
    pub sites: BTreeMap<Site, u64>,
    /// Kinds of changes there were.
    pub changes: BTreeMap<Site, u64>,
    /// What went wrong, with the number of its world.
    pub violations: Vec<(u64, Violation)>,
}

impl Report {
    /// How many things of a kind went wrong.
    pub fn count(&self, kind: Kind) -> u64 {
        self.violations.iter().filter(|(_, violation)| violation.kind == kind).count() as u64
    }

    /// How many flipped bits had this fate, in these places.
    pub fn fates(&self, fate: Fate, places: &[What]) -> u64 {
        let of = |((what, had), _): &(&(What, Fate), &u64)| *had == fate && places.contains(what);
        self.damages.iter().filter(of).map(|(_, count)| count).sum()
    }

    /// Kinds of changes that no cut fell on.
    pub fn uncovered(&self) -> Vec<Site> {
        self.changes.keys().filter(|site| !self.sites.contains_key(site)).copied().collect()
    }
}

impl Campaign {
    /// Runs it. `progress`: called after each world.
    pub fn run(&self, mut progress: impl FnMut(&Report)) -> std::io::Result<Report> {
        let mut report = Report::default();
        if let Some(number) = self.only {
            self.world(number, &mut report)?;
            report.worlds = 1;
            progress(&report);
            return Ok(report);
        }
        while report.cuts < self.cuts && !self.seen_enough(report.violations.iter().map(|(_, what)| what)) {
            self.world(report.worlds, &mut report)?;
            report.worlds += 1;
            progress(&report);
        }
        Ok(report)
    }

    fn seen_enough<'v>(&self, mut violations: impl Iterator<Item = &'v Violation>) -> bool {
        self.until.is_some_and(|kind| violations.any(|violation| violation.kind == kind))
    }

    /// One world, whole. Its number is all it needs to be lived again.
    fn world(&self, number: u64, report: &mut Report) -> std::io::Result<()> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        let mut dice = Dice::new(self.seed).fork(number);
        runtime.block_on(async {
            let mut world = World::new(dice.number(), self.mutation);
            for life in 0..LIVES {
                if self.seen_enough(world.oracle.get_mut().violations().iter()) {
                    break;
                }
                world.write_letters(LETTERS);
                let plan = self.plan(number, life, &mut dice);
                let (troubled, killed) = (!plan.faults.is_empty(), plan.spares_disk);
                match world.live(plan).await {
                    End::Cut | End::Rest if killed => report.kills += 1,
                    End::Cut | End::Rest if !troubled => {
                        report.cuts += 1;
                        // Without a site, it fell when all was at rest.
                        if let Some(site) = world.disk.take_cut_site() {
                            *report.sites.entry(site).or_default() += 1;
                        }
                    }
                    End::Stuck => world.oracle.get_mut().broken(format!("stuck in life {life}")),
                    _ => report.troubles += 1,
                }
                // What else is done wrong on purpose would be told of the flip.
                let flips = match self.mutation {
                    None => dice.percent(DAMAGES_PERCENT),
                    mutation => mutation == Some(Mutation::DamagesLastCommit),
                };
                if life > 0
                    && flips
                    && !world.holds_back()
                    && let Some(came) = world.damage().await
                {
                    *report.damages.entry(came).or_default() += 1;
                }
            }
            if !self.seen_enough(world.oracle.get_mut().violations().iter()) {
                last_life(&mut world).await;
                if self.mutation.is_none() && world.judge_backup().await {
                    report.restored += 1;
                }
            }
            report.held += world.holds.get();
            report.destroyed += world.oracle.get_mut().destroyed();
            report.accepted += world.oracle.get_mut().accepted();
            report.possible_duplicates += world.oracle.get_mut().possible_duplicates;
            for (site, count) in world.disk.sites() {
                *report.changes.entry(site).or_default() += count;
            }
            let violations = world.oracle.get_mut().violations().iter().cloned();
            report.violations.extend(violations.map(|violation| (number, violation)));
        });
        Ok(())
    }

    fn plan(&self, world: u64, life: u64, dice: &mut Dice) -> Plan {
        if life > 0 && dice.percent(20) {
            let (kinds, failure) = TROUBLES[dice.place(TROUBLES.len())];
            let from = dice.below(300);
            let fault = Fault { from, until: from + 1 + dice.below(12), kinds, failure };
            return Plan { faults: vec![fault], ..Plan::default() };
        }
        let side = if dice.percent(50) { Cut::Before } else { Cut::After };
        let (moment, side) = if life == 0 {
            let side = if (world / FIRST_CHANGES).is_multiple_of(2) { Cut::Before } else { Cut::After };
            (Moment::Change(1 + world % FIRST_CHANGES), side)
        } else if dice.percent(50) {
            // Writes of the log are most of what there is: what is rare is sought.
            let (kind, what) = BOUNDARIES[dice.place(BOUNDARIES.len())];
            // A log is removed once, at the end of a clean stop.
            let most = if kind == Change::Remove { 1 } else { 6 };
            (Moment::Nth(Site { kind, what }, 1 + dice.below(most)), side)
        } else {
            let most = [40, 200, 900][dice.place(3)];
            (Moment::Change(1 + dice.below(most)), side)
        };
        Plan { cut: Some((moment, side)), spares_disk: dice.percent(20), faults: Vec::new() }
    }
}

/// Nothing fails any more: what is left is sent and delivered, and everything is judged.
async fn last_life(world: &mut World) {
    world.write_letters(1);
    let end = world.live(Plan::default()).await;
    if end != End::Rest {
        world.oracle.get_mut().broken(format!("the last life ended so: {end:?}"));
        return;
    }
    let engine = match world.open() {
        Ok(engine) => engine,
        Err(error) => {
            world.oracle.get_mut().broken(format!("the store does not open again: {error}"));
            return;
        }
    };
    // A sender that asks once more gets the first receipt again.
    let letters = world.oracle.borrow().letters();
    for letter in letters {
        match world.submit(&letter, &engine).await {
            Ok(receipt) => world.oracle.get_mut().acknowledged(&letter, Some(receipt)),
            Err(error) => world.oracle.get_mut().broken(format!("{}: {error}", letter.control_id)),
        }
    }
    // A file whose removal was not durable is back after a power cut, and goes at the next start.
    let world = &*world;
    let judged = world.at_rest(&engine, || {
        let bodies: Vec<_> = world.disk.files().into_iter().filter(|path| is_body(path)).collect();
        world.oracle.borrow_mut().ends(&engine, &world.outside, &bodies);
    });
    if let Err(error) = judged.await {
        world.oracle.borrow_mut().broken(format!("the store does not start again: {error}"));
    }
}

/// A body of the store itself, not of a copy of it.
fn is_body(path: &std::path::Path) -> bool {
    What::of(path) == What::Body && path.components().any(|part| part.as_os_str() == "data")
}
