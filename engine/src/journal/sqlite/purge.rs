//! What may be destroyed: windows of old messages, what a whole purge would take away, legal holds.
//! In: a moment. Out: numbers and counts. Nothing is written here; whoever destroys looks again, in the transaction.

use std::collections::HashSet;

use jonction_model::BodyId;
use jonction_ports::MessageId;
use rusqlite::{Connection, params};

use super::{
    SqliteJournal,
    rows::{get, inconsistent, number, time},
};
use crate::{
    error::Error,
    index_key::{KeyHash, kind_of},
    journal::Millis,
    order::retention::{Aging, Destroyed, LegalHold, PurgeCursor, PurgeWindow},
};

/// Messages looked at in one step.
const WINDOW: usize = 500;

/// Whether a message is kept by a legal hold, as a term on `m.id`. `CROSS JOIN`: holds first, then one look per hold; the
/// planner would rather read every key.
pub(super) const HELD: &str = "(EXISTS (SELECT 1 FROM legal_hold h WHERE h.message = m.id)
     OR EXISTS (SELECT 1 FROM legal_hold h CROSS JOIN key k
                    WHERE k.kind = h.kind AND k.hash = h.hash AND k.message = m.id))";

/// Whether something of a message has not ended, or its row keeps the highest number of its table.
pub(super) const OPEN: &str = "(m.state IN (0, 4, 6)
     OR EXISTS (SELECT 1 FROM delivery d WHERE d.message = m.id AND d.state < 4))";

/// The rows of the highest numbers stay: numbers are never given twice.
pub(super) const HIGHEST: &str = "(m.id = (SELECT max(id) FROM message)
     OR m.id = (SELECT message FROM delivery ORDER BY id DESC LIMIT 1))";

/// A window of old messages, in the order they came.
pub(super) fn window(
    connection: &Connection,
    what: Aging,
    before: Millis,
    after: Option<PurgeCursor>,
) -> Result<PurgeWindow, Error> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT m.id, m.received_at, m.purged_at, {OPEN} AS open, {HELD} AS held, {HIGHEST} AS highest FROM message m
         WHERE (m.received_at, m.id) > (?1, ?2) AND m.received_at < ?3 ORDER BY m.received_at, m.id LIMIT ?4"
    ))?;
    let (at, id) = after.map_or((Millis::MIN, 0), |after| {
        (after.received_at, i64::try_from(after.message.0).unwrap_or(i64::MAX))
    });
    let mut rows = statement.query(params![at, id, before, i64::try_from(WINDOW).unwrap_or(i64::MAX)])?;
    let mut window = PurgeWindow::default();
    let mut seen = 0;
    while let Some(row) = rows.next()? {
        seen += 1;
        let message = MessageId(number(row, "id")?);
        window.next = Some(PurgeCursor { received_at: get(row, "received_at")?, message });
        let gone = match what {
            Aging::Bodies => get::<Option<Millis>>(row, "purged_at")?.is_some(),
            Aging::Metadata => get(row, "highest")?,
        };
        if gone {
            continue;
        }
        if get(row, "open")? {
            window.open += 1;
        } else if get(row, "held")? {
            window.held += 1;
        } else {
            window.messages.push(message);
        }
    }
    if seen < WINDOW {
        window.next = None;
    }
    Ok(window)
}

/// A body a message refers to.
pub(super) struct Reference {
    pub(super) body: i64,
    pub(super) hash: BodyId,
    pub(super) length: u64,
    /// `false`: it stands in a file.
    pub(super) inline: bool,
    /// Destroyed already.
    pub(super) purged: bool,
}

/// Bodies of a message, each once; its acknowledgement only when the whole row goes.
pub(super) fn references(
    connection: &Connection,
    message: i64,
    with_reply: bool,
) -> Result<Vec<Reference>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT id, hash, length, bytes IS NOT NULL AS inline, purged_at IS NOT NULL AS purged FROM body WHERE id IN (
             SELECT raw FROM message WHERE id = ?1
             UNION SELECT raw FROM edition WHERE message = ?1
             UNION SELECT reply FROM message WHERE id = ?1 AND ?2
             UNION SELECT body FROM shape WHERE message = ?1
             UNION SELECT part FROM delivery WHERE message = ?1
             UNION SELECT body.id FROM delivery d JOIN json_each(iif(json_valid(d.artefact), d.artefact, '{}'), '$.pieces') piece
                 JOIN body ON body.hash = unhex(piece.value ->> '$.body')
                 WHERE d.message = ?1 AND json_valid(d.artefact))
         ORDER BY id",
    )?;
    let mut rows = statement.query(params![message, with_reply])?;
    let mut references = Vec::new();
    while let Some(row) = rows.next()? {
        references.push(Reference {
            body: get(row, "id")?,
            hash: super::rows::body_id(&get::<Vec<u8>>(row, "hash")?)?,
            length: number(row, "length")?,
            inline: get(row, "inline")?,
            purged: get(row, "purged")?,
        });
    }
    Ok(references)
}

/// Messages that refer to a body.
pub(super) fn users(connection: &Connection, body: i64) -> Result<Vec<i64>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT owner AS message FROM body WHERE id = ?1 UNION SELECT message FROM body_user WHERE body = ?1",
    )?;
    let users = statement.query_map(params![body], |row| row.get(0))?;
    Ok(users.collect::<Result<_, _>>()?)
}

/// Whether the bodies of a message are gone.
pub(super) fn is_purged(connection: &Connection, message: i64) -> Result<bool, Error> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM message WHERE id = ?1 AND purged_at IS NULL")?;
    Ok(!statement.exists(params![message])?)
}

impl SqliteJournal {
    /// Files go once their destruction is durable, and the log is emptied of what was destroyed. What fails here is done at
    /// the next purge or the next start.
    pub(super) fn after_destruction(&self, connection: &Connection) {
        let swept = self.files.sweep(connection);
        let emptied =
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
        match swept.and(emptied.map_err(Error::from)) {
            Ok(false) => {}
            Ok(true) => tracing::info!("a reader keeps the journal's log: it is emptied later"),
            Err(error) => {
                tracing::warn!(error_code = error.code(), %error, "destroyed bodies are swept later")
            }
        }
    }

    pub(super) fn purge_window(
        &self,
        what: Aging,
        before: Millis,
        after: Option<PurgeCursor>,
    ) -> Result<PurgeWindow, Error> {
        self.reading(|connection| window(connection, what, before, after))
    }

    /// What a whole purge would do, exactly, on one snapshot.
    pub(super) fn preview(&self, what: Aging, before: Millis) -> Result<(Destroyed, u64, u64), Error> {
        self.reading(|connection| {
            let snapshot = connection.unchecked_transaction()?;
            let (mut messages, mut held, mut open, mut after) = (Vec::new(), 0, 0, None);
            loop {
                let step = window(&snapshot, what, before, after)?;
                messages.extend(step.messages.iter().map(|id| id.0));
                held += step.held;
                open += step.open;
                after = step.next;
                if after.is_none() {
                    break;
                }
            }
            messages.sort_unstable();
            let mut destroyed = Destroyed {
                messages: messages.len() as u64,
                first: messages.first().copied().map(MessageId),
                last: messages.last().copied().map(MessageId),
                ..Destroyed::default()
            };
            let with_reply = what == Aging::Metadata;
            let mut seen = HashSet::new();
            for message in &messages {
                let message = i64::try_from(*message).map_err(|_| inconsistent("message.id"))?;
                for body in references(&snapshot, message, with_reply)? {
                    if body.purged || !seen.insert(body.body) {
                        continue;
                    }
                    let mut goes = true;
                    for user in users(&snapshot, body.body)? {
                        let of_purge =
                            u64::try_from(user).is_ok_and(|id| messages.binary_search(&id).is_ok());
                        goes &= of_purge || is_purged(&snapshot, user)?;
                    }
                    if goes {
                        destroyed.bodies += 1;
                        destroyed.bytes += body.length;
                        destroyed.files += u64::from(!body.inline);
                    }
                }
            }
            Ok((destroyed, held, open))
        })
    }

    pub(super) fn holds(&self) -> Result<Vec<LegalHold>, Error> {
        self.reading(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT h.number, a.at, a.author, a.reason, h.kind, h.hash, h.message,
                     (SELECT count(DISTINCT k.message) FROM key k WHERE k.kind = h.kind AND k.hash = h.hash) AS messages
                 FROM legal_hold h JOIN audit a ON a.number = h.number ORDER BY h.number",
            )?;
            let mut rows = statement.query([])?;
            let mut holds = Vec::new();
            while let Some(row) = rows.next()? {
                let message: Option<i64> = get(row, "message")?;
                let (kind, name, messages) = match message {
                    Some(message) => ("message".to_owned(), message.to_string(), 1),
                    None => {
                        let hash: Vec<u8> = get(row, "hash")?;
                        let hash = KeyHash(hash.try_into().map_err(|_| inconsistent("legal_hold.hash"))?);
                        let kind = kind_of(number(row, "kind")?).ok_or_else(|| inconsistent("legal_hold.kind"))?;
                        (kind.to_owned(), hash.to_string(), number(row, "messages")?)
                    }
                };
                holds.push(LegalHold {
                    number: number(row, "number")?,
                    since: time(row, "at")?,
                    author: get(row, "author")?,
                    reason: get(row, "reason")?,
                    kind,
                    name,
                    messages,
                });
            }
            Ok(holds)
        })
    }
}
