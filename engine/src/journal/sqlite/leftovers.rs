//! What a process that died left in `bodies/new`: files half written, bodies whose commit never came, bodies that were
//! named and had not taken their place. In: the names there at the opening, and the rows. Out: nothing but what is named.
//! Their number is that of the messages in hand at the crash. Whoever needs one meanwhile claims it. Source: decision 0032.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jonction_model::BodyId;
use rusqlite::{Connection, params};

use super::SqliteJournal;
use crate::error::Error;

/// Names of files that were being written begin so; a number follows.
const UNFINISHED: &str = "part-";

/// What was there when this process opened the store.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    bodies: Mutex<BTreeSet<BodyId>>,
    /// Of no use to anybody.
    others: Mutex<BTreeSet<String>>,
}

impl Leftovers {
    /// From the names in the folder.
    pub(super) fn of(names: Vec<OsString>) -> Self {
        let (mut bodies, mut others) = (BTreeSet::new(), BTreeSet::new());
        for name in names.into_iter().filter_map(|name| name.into_string().ok()) {
            match BodyId::try_from(name.clone()) {
                Ok(id) => drop(bodies.insert(id)),
                Err(_) => drop(others.insert(name)),
            }
        }
        Self { bodies: Mutex::new(bodies), others: Mutex::new(others) }
    }

    /// Name of a file while it is written.
    pub(super) fn unfinished(serial: u64) -> String {
        format!("{UNFINISHED}{serial}")
    }

    /// A number that no file left here has.
    pub(super) fn next_serial(&self) -> u64 {
        let others = locked(&self.others);
        let serials = others.iter().filter_map(|name| name.strip_prefix(UNFINISHED)?.parse::<u64>().ok());
        serials.max().map_or(0, |last| last.saturating_add(1))
    }

    /// This process writes the body: it is no leftover any more. Returns when nobody takes its file away.
    pub(super) fn claim(&self, id: BodyId) {
        locked(&self.bodies).remove(&id);
    }
}

fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SqliteJournal {
    /// Puts in its place what a row names, takes away the rest. Out: how many files went.
    pub(super) fn sweep_leftovers(&self) -> Result<u32, Error> {
        let leftovers = self.files.leftovers();
        let mut gone = 0;
        for name in std::mem::take(&mut *locked(&leftovers.others)) {
            self.files.remove_staged(&name)?;
            gone += 1;
        }
        let found: Vec<BodyId> = locked(&leftovers.bodies).iter().copied().collect();
        for id in found {
            if self.reading(|connection| is_named(connection, id))? {
                self.files.take_place(id);
                leftovers.claim(id);
                continue;
            }
            // Held until the file is gone: who claims it later writes it anew.
            let mut left = locked(&leftovers.bodies);
            if left.contains(&id) {
                self.files.remove_staged(&id.to_string())?;
                left.remove(&id);
                gone += 1;
            }
        }
        Ok(gone)
    }
}

/// Whether a row says that the body stands in a file.
pub(super) fn is_named(connection: &Connection, id: BodyId) -> Result<bool, Error> {
    let mut statement = connection
        .prepare_cached("SELECT 1 FROM body WHERE hash = ?1 AND bytes IS NULL AND purged_at IS NULL")?;
    Ok(statement.exists(params![id.as_bytes()])?)
}
