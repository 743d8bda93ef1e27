//! A set of cases, played on every core.
//! In: a bench, the files of its routes, cases. Out: what differs, case by case, in their order.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use jonction_engine::Watch;
use jonction_ports::Step;
use jonction_rows::Difference;
use jonction_settings::Node;

use super::{
    Bench, RouteCase, Stage,
    outcome::Outcome,
    stage::{Play, year_of},
};
use crate::failure::Failure;

/// Routes to play cases on.
#[derive(Clone, Copy)]
pub(crate) struct Suite<'s> {
    pub(crate) bench: &'s Bench,
    /// The files of the routes.
    pub(crate) files: &'s [Node],
    /// Steps in the place of those of the same name.
    pub(crate) steps: &'s [Arc<dyn Step>],
    pub(crate) cases: &'s [RouteCase],
}

/// What one case came to.
pub(crate) struct Played {
    pub(crate) outcome: Outcome,
    pub(crate) differences: Vec<Difference>,
    pub(crate) elapsed: Duration,
}

impl Suite<'_> {
    /// Plays every case. Errors: what cannot be played at all.
    pub(crate) fn play(&self, watch: &dyn Watch) -> Result<Vec<Played>, Failure> {
        on_every_core(self.cases, Player::new(*self), |player, case| {
            let began = Instant::now();
            let outcome = player.outcome(case, watch)?;
            let differences = case.expected.differences(&outcome);
            Ok(Some(Played { outcome, differences, elapsed: began.elapsed() }))
        })
    }

    /// Whether a case does not come out as it should. On this thread, until the first that does not.
    pub(crate) fn notices(&self) -> bool {
        let mut player = Player::new(*self);
        self.cases.iter().any(|case| match player.outcome(case, &()) {
            Ok(outcome) => !case.expected.differences(&outcome).is_empty(),
            // It cannot even be played any more.
            Err(_) => true,
        })
    }
}

/// Plays cases one after the other, keeping the stages that it made.
#[derive(Clone)]
struct Player<'s> {
    suite: Suite<'s>,
    /// One stage for each year and content of the directories, by its first case.
    stages: Vec<(usize, Arc<Stage>)>,
}

impl<'s> Player<'s> {
    fn new(suite: Suite<'s>) -> Self {
        Self { suite, stages: Vec::new() }
    }

    fn outcome(&mut self, case: &RouteCase, watch: &dyn Watch) -> Result<Outcome, Failure> {
        let cases = self.suite.cases;
        let same = |one: &RouteCase| year_of(one.at) == year_of(case.at) && one.records == case.records;
        let known = self.stages.iter().find(|(at, _)| same(&cases[*at])).map(|(_, stage)| stage.clone());
        let stage = match known {
            Some(stage) => stage,
            None => {
                let Suite { bench, files, steps, .. } = self.suite;
                let stage = Arc::new(Stage::new(bench, files, steps, &case.records, case.at)?);
                let at = cases.iter().position(same).unwrap_or_default();
                self.stages.push((at, stage.clone()));
                stage
            }
        };
        stage.play(Play { from: &case.from, at: case.at, raw: &case.raw }, watch)
    }
}

/// Does a job for each thing, every thread with a worker of its own, until one fails. Out: what came of them, in their
/// order; a job may come to nothing.
pub(crate) fn on_every_core<I: Sync, W: Clone + Send, T: Send>(
    things: &[I],
    worker: W,
    job: impl Fn(&mut W, &I) -> Result<Option<T>, Failure> + Sync,
) -> Result<Vec<T>, Failure> {
    let (next, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = |mut worker: W| {
        let mut done = Vec::new();
        while !over.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(thing) = things.get(at) else { break };
            let came = job(&mut worker, thing).inspect_err(|_| over.store(true, Ordering::Relaxed))?;
            done.extend(came.map(|came| (at, came)));
        }
        Ok(done)
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(things.len().max(1));
    let done = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let worker = worker.clone();
                scope.spawn(|| work(worker))
            })
            .collect();
        let panicked = |_| Err(Failure::new("case.panic", "un essai a échoué de façon imprévue"));
        let joined = workers.into_iter().map(|worker| worker.join().unwrap_or_else(panicked));
        joined.collect::<Result<Vec<_>, Failure>>()
    })?;
    let mut done: Vec<(usize, T)> = done.into_iter().flatten().collect();
    done.sort_unstable_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, came)| came).collect())
}
