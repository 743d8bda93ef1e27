//! Which keys the bodies of a store are sealed with, and the bodies that are not sealed with the current one.
//! In: the keys of the configuration. Out: a refusal when one is missing; bodies sealed anew, a few at a time.
//! Source: decision 0029.

use jonction_model::ContentRef;
use jonction_ports::{Bodies as _, BodyError};
use rusqlite::{Connection, params};

use super::{
    SqliteJournal,
    rows::{get, inconsistent, whole},
    write::Writer,
};
use crate::{
    error::Error,
    journal::{Applied, Journal as _, NewBody, Stale},
    seal::{KeyName, Seals},
};

/// A body of this size is not sealed anew in one piece of memory.
const BODY_BYTES_MAX: u64 = 1 << 30;
/// Clear bytes sealed anew at once, after which the batch is closed.
const BATCH_BYTES_MAX: u64 = 4 << 20;

/// As stored: empty for bodies in clear.
fn stored(key: Option<KeyName>) -> Vec<u8> {
    key.map(|key| key.0.to_vec()).unwrap_or_default()
}

/// Refuses to open a store when a key is missing; notes the current one before anything is sealed with it.
pub(super) fn prepare(connection: &mut Connection, seals: &Seals) -> Result<(), Error> {
    for name in names(connection)? {
        if let Some(name) = name.filter(|name| !seals.knows(*name)) {
            return Err(Error::BodyKeyMissing { name });
        }
    }
    connection.execute(
        "INSERT OR IGNORE INTO body_key (name) VALUES (?1)",
        params![stored(seals.current_name())],
    )?;
    Ok(())
}

/// `None`: in clear.
fn names(connection: &Connection) -> Result<Vec<Option<KeyName>>, Error> {
    let mut statement = connection.prepare_cached("SELECT name FROM body_key")?;
    let mut rows = statement.query([])?;
    let mut names = Vec::new();
    while let Some(row) = rows.next()? {
        let name: Vec<u8> = get(row, "name")?;
        names.push(match name.is_empty() {
            true => None,
            false => Some(KeyName(name.try_into().map_err(|_| inconsistent("body_key.name"))?)),
        });
    }
    Ok(names)
}

impl SqliteJournal {
    /// Seals the next bodies anew. Files are replaced here; rows are for the caller to commit.
    pub(super) fn stale_bodies(&self, after: i64, limit: u32) -> Result<Option<Stale>, Error> {
        let current = self.storage.seals.current_name();
        let found = self.reading(|connection| {
            if names(connection)?.iter().all(|name| *name == current) {
                return Ok(None);
            }
            let mut statement = connection.prepare_cached(
                "SELECT id, hash, length FROM body WHERE id > ?1 AND key IS NOT ?2 AND purged_at IS NULL
                 ORDER BY id LIMIT ?3",
            )?;
            let mut rows = statement.query(params![after, current.map(|key| key.0), limit])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push((get::<i64>(row, "id")?, whole(row, "hash", "length")?));
            }
            Ok(Some(found))
        })?;
        let Some(found) = found else { return Ok(None) };
        let mut stale = Stale::default();
        for (id, content) in found {
            stale.next = Some(id);
            match self.sealed_anew(&content)? {
                Some(body) => stale.bodies.push(body),
                None => stale.left += 1,
            }
            if stale.bodies.iter().map(|body| body.length).sum::<u64>() >= BATCH_BYTES_MAX {
                break;
            }
        }
        Ok(Some(stale))
    }

    /// `None`: it is damaged or gone, and stays as it is.
    fn sealed_anew(&self, content: &ContentRef) -> Result<Option<NewBody>, Error> {
        match self.read(content, BODY_BYTES_MAX) {
            Ok(bytes) => self.keep_as(content.body, bytes).map(Some),
            Err(BodyError::Io(error)) => Err(Error::io("read a body")(error)),
            Err(error) => {
                tracing::warn!(%error, "a body is not sealed anew");
                Ok(None)
            }
        }
    }
}

impl Writer<'_> {
    pub(super) fn reseal(&mut self, bodies: &[NewBody]) -> Result<Applied, Error> {
        for body in bodies {
            let changed = self
                .connection
                .prepare_cached("UPDATE body SET key = ?2, bytes = ?3 WHERE hash = ?1 AND purged_at IS NULL")?
                .execute(params![body.id.as_bytes(), body.key.map(|key| key.0), body.bytes.as_deref()])?;
            if changed == 0 && body.bytes.is_none() {
                // A purge destroyed it meanwhile: the file just written goes as well.
                self.connection
                    .prepare_cached("INSERT OR IGNORE INTO doomed (hash) VALUES (?1)")?
                    .execute(params![body.id.as_bytes()])?;
            }
        }
        Ok(Applied::Done(u32::try_from(bodies.len()).unwrap_or(u32::MAX)))
    }

    /// Every body is sealed with this key: the others are of no use any more.
    pub(super) fn sealed(&mut self, with: Option<KeyName>) -> Result<Applied, Error> {
        self.connection.execute("DELETE FROM body_key WHERE name <> ?1", params![stored(with)])?;
        Ok(Applied::Done(0))
    }
}
