//! A bit flips on a disk at rest: in a body, in a page of the database, in its log. Then a gateway lives on it.
//! In: a world between two lives. Out: what came of it; afterwards the world is as if it had never happened, so that one
//! flip says nothing of the next. Expected: what is damaged is never sent; it is parked with a finding, or the store is
//! refused in words; all the rest is delivered.

use std::{cell::Cell, path::Path, sync::Once, time::Duration};

use jonction_engine::{Act, Engine, Error};
use jonction_ports::{DeliveryId, MessageId};

use super::{Mutation, World, upkeep::decide};
use crate::{
    disk::{Plan, What},
    oracle::body_name,
};

/// Longest a gateway on a damaged store is watched, in virtual time: more than a body is asked for.
const PATIENCE: Duration = Duration::from_secs(600);
/// Where bits flip.
const PLACES: [What; 3] = [What::Body, What::Database, What::Wal];

/// What came of a flipped bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Nothing that anybody could see: free space, something that is read no more.
    Harmless,
    /// What it concerned was parked with a finding, answered with an error, or waits where balance and alerts show it; the
    /// rest went on.
    Told,
    /// The store was refused, with a code.
    Refused,
    /// Something changed in the metadata and nobody noticed: SQLite's pages have no sums.
    Unseen,
}

/// What stands parked.
pub(crate) type Parked = (Vec<MessageId>, Vec<DeliveryId>);

impl World {
    /// Flips a bit, lives, judges, and puts everything back. `None`: there was nothing to flip.
    pub(crate) async fn damage(&self) -> Option<(What, Fate)> {
        let mut what = PLACES[self.dice.borrow_mut().place(PLACES.len())];
        if self.mutation == Some(Mutation::DamagesLastCommit) {
            what = What::Wal;
        } else {
            self.commit_nothing().await?;
        }
        let files = self.disk.files().into_iter().filter(|path| path.starts_with(self.data_dir()));
        let files: Vec<_> =
            files.filter(|path| What::of(path) == what && self.disk.length(path) > 0).collect();
        let file = files.get(self.dice.borrow_mut().place(files.len().max(1)))?.clone();
        let bit = self.dice.borrow_mut().below(self.disk.length(&file) * 8);

        let (image, taken) = (self.disk.image(), self.outside.taken().len());
        let panics = panics();
        self.disk.flip(&file, bit);
        let fate = self.live_damaged(what, &file, bit, taken).await;
        self.disk.cut();
        self.disk.power_on();
        self.disk.put_back(image);
        self.outside.taken().truncate(taken);
        if PANICS.get() > panics {
            self.oracle.borrow_mut().broken(format!("a flipped bit in {what:?} made it panic"));
        }
        Some((what, fate))
    }

    /// The last commit of a log looks like a power cut when it is damaged: it becomes one that says nothing. A text that
    /// was there already would be no write at all.
    async fn commit_nothing(&self) -> Option<()> {
        self.disk.plan(Plan { spares_disk: true, ..Plan::default() });
        let engine = self.open().ok()?;
        let text = self.dice.borrow_mut().number().to_string();
        let (before, done) = (self.disk.changes().len(), engine.note("nothing", text).await);
        let written = self.disk.changes()[before..].iter().any(|site| site.what == What::Wal);
        self.disk.cut();
        drop(engine);
        self.disk.power_on();
        (done.is_ok() && written).then_some(())
    }

    async fn live_damaged(&self, what: What, file: &Path, bit: u64, taken: usize) -> Fate {
        self.disk.plan(Plan::default());
        let engine = match self.open() {
            Ok(engine) => engine,
            Err(error) => return self.refused(&error),
        };
        let running = match self.start(&engine).await {
            Ok(running) => running,
            Err(error) => return self.refused(&error),
        };
        let rests = tokio::time::timeout(PATIENCE, engine.wait_idle()).await.is_ok();
        let mut fate = {
            let mut oracle = self.oracle.borrow_mut();
            oracle.nothing_damaged_left(&self.outside.taken()[taken..]);
            match what {
                What::Database => oracle.metadata_damaged(&engine, rests, &self.outside.taken()),
                _ => oracle.all_but(&engine, rests, (what == What::Body).then_some(file)),
            }
        };
        if what == What::Body && rests {
            let parked = self.oracle.borrow().parked(&engine);
            if parked != Parked::default() {
                fate = Fate::Told;
                // It may have taken its place meanwhile.
                let files = self.disk.files();
                let same = files
                    .iter()
                    .find(|path| path.starts_with(self.data_dir()) && body_name(path) == body_name(file));
                self.disk.flip(same.map_or(file, |path| path), bit);
                self.released(&engine, parked).await;
            }
        }
        running.stop(Duration::from_secs(1)).await;
        fate
    }

    fn refused(&self, error: &Error) -> Fate {
        if !matches!(error, Error::Unusable { .. } | Error::Inconsistent(_) | Error::Database(_)) {
            self.oracle.borrow_mut().broken(format!("a damaged store was refused in other words: {error}"));
        }
        Fate::Refused
    }

    /// The file was put back: what is released leaves.
    async fn released(&self, engine: &Engine, (messages, deliveries): Parked) {
        let acts = messages.into_iter().map(|message| Act::RouteAgain { message });
        let acts = acts.chain(deliveries.into_iter().map(|delivery| Act::Release { delivery }));
        for act in acts {
            if let Err(error) = decide(engine, act).await {
                self.oracle.borrow_mut().broken(format!("what was parked is not released: {error}"));
            }
        }
        let rests = tokio::time::timeout(PATIENCE, engine.wait_idle()).await.is_ok();
        let left = self.oracle.borrow().parked(engine);
        if !rests || left != Parked::default() {
            let what = format!("a file was put back, and what it held up did not leave: {left:?}");
            self.oracle.borrow_mut().broken(what);
        }
    }
}

thread_local! {
    /// Panics of this thread, caught or not.
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

/// Panics of this thread so far; the first call begins to count.
fn panics() -> u64 {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            before(panic);
        }));
    });
    PANICS.get()
}
