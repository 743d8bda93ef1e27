//! What an operator does while messages come: old ones are destroyed, the store is copied.
//! In: a gateway that runs. Out: purges that a cut may fall into, and the last backup that was said to be there.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use jiff::Timestamp;
use jonction_engine::{Act, Aging, Author, Engine, Error, Held, Order, PurgeStep, Reason, backup};
use jonction_model::Clock as _;

use super::World;

/// Lives in which a purge is asked for, in percent.
const PURGES_PERCENT: u64 = 25;
/// Purges that destroy the story too, and those that write the store anew.
const METADATA_PERCENT: u64 = 30;
const COMPACT_PERCENT: u64 = 20;
/// Lives in which the store is copied.
const BACKUPS_PERCENT: u64 = 12;
/// Longest wait before either, in virtual time.
const WAIT_MAX_MS: u64 = 200;

/// A backup, and what had been promised when it began.
#[derive(Debug)]
pub(super) struct Backup {
    pub(super) folder: PathBuf,
    pub(super) made_at: Timestamp,
    /// Control ids of the letters acknowledged before it.
    pub(super) holds: BTreeSet<String>,
    /// What an operator held back then, or was about to.
    pub(super) held: Vec<Held>,
}

impl World {
    /// Perhaps destroys what is old, perhaps copies the store.
    pub(super) async fn upkeep(&self, engine: &Engine) {
        tokio::join!(self.purge(engine), self.back_up());
    }

    pub(super) fn chance(&self, percent: u64) -> bool {
        self.dice.borrow_mut().percent(percent)
    }

    pub(super) async fn wait(&self) {
        let wait = self.dice.borrow_mut().below(WAIT_MAX_MS);
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }

    async fn purge(&self, engine: &Engine) {
        if !self.chance(PURGES_PERCENT) {
            return;
        }
        self.wait().await;
        let what = if self.chance(METADATA_PERCENT) { Aging::Metadata } else { Aging::Bodies };
        let compact = self.chance(COMPACT_PERCENT);
        let lived = self.clock.now().as_millisecond() - self.clock.start.as_millisecond();
        let age = self.dice.borrow_mut().below(u64::try_from(lived).unwrap_or(0) + 1);
        let before = self.clock.now() - Duration::from_millis(age);
        let before = self.oracle.borrow_mut().ages(what, before);
        let mut step = PurgeStep { what, before, after: None, compact };
        // An error: the power is gone, or the disk fails. What was not destroyed is destroyed another time.
        while let Ok(Some(purged)) = decide(engine, Act::Purge(step.clone())).await.map(|done| done.purged) {
            match purged.next {
                Some(next) => step.after = Some(next),
                None => return,
            }
        }
    }

    async fn back_up(&self) {
        if !self.chance(BACKUPS_PERCENT) {
            return;
        }
        self.wait().await;
        let number = self.dice.borrow_mut().number();
        let folder = self.disk.root().join(format!("backup-{number:x}"));
        let (made_at, held) = (self.clock.now(), self.may_be_held());
        let holds = self.oracle.borrow().acknowledged_ids();
        match backup::backup_on(&self.storage(), &self.data_dir(), &folder, made_at) {
            Ok(_) => {
                let older = self.backup.replace(Some(Backup { folder, made_at, holds, held }));
                older.into_iter().for_each(|older| self.disk.erase(&older.folder));
            }
            Err(error) => {
                if self.disk.is_powered() && !self.trouble.get() {
                    self.oracle.borrow_mut().broken(format!("no backup: {error}"));
                }
                self.disk.erase(&folder);
            }
        }
    }
}

/// Somebody decides.
pub(super) async fn decide(engine: &Engine, act: Act) -> Result<jonction_engine::Ordered, Error> {
    let text = |_| Error::Inconsistent("text of an order".to_owned());
    let order = Order {
        author: Author::parse("preuve").map_err(text)?,
        reason: Some(Reason::parse("essai").map_err(text)?),
        act,
    };
    engine.order(order).await
}
