//! What intake, router and lanes read back, and the batch itself.
//! In: the connection pool. Out: [`Journal`] for SQLite.

use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::{BodyId, ContentRef, MessageControlId, PartnerName, RouteName};
use jonction_ports::{BodyError, DeliveryId, MessageFacts, MessageId};
use rusqlite::{OptionalExtension as _, Row, TransactionBehavior, params};
use std::sync::PoisonError;

use super::{
    SqliteJournal, holds,
    rows::{body_id, get, json, number, partner, route, row_number, small, state, whole},
    sums, tally,
    write::Writer,
};
use crate::{
    error::Error,
    journal::{
        Change, Committed, DeliveryState, Due, Journal, Key, KnownAnswer, LoadChange, Millis, NewBody, Stale,
        StoredDelivery, Unrouted,
    },
    order::hold::HeldKey,
    questions::Window,
    scratch::Scratch,
};

impl Journal for SqliteJournal {
    fn commit(&self, batch: &[Vec<Change>]) -> Result<Committed, Error> {
        let writer = self.writer.as_ref().ok_or(Error::Closed)?;
        let mut connection = writer.lock().unwrap_or_else(PoisonError::into_inner);
        let overwrites = batch.iter().flatten().any(Change::overwrites);
        if overwrites {
            // With zeros, in the pages it leaves too.
            connection.execute_batch("PRAGMA secure_delete = ON;")?;
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut writer = Writer::new(&transaction, &self.files);
        let mut answers = Vec::with_capacity(batch.len());
        for request in batch {
            answers.push(request.iter().map(|change| writer.apply(change)).collect::<Result<Vec<_>, _>>()?);
        }
        let Writer { load, named, unused, .. } = writer;
        transaction.commit()?;
        named.into_inner().into_iter().for_each(|body| self.files.take_place(body));
        unused.into_iter().for_each(|body| self.files.drop_staged(body));
        if overwrites && let Err(error) = connection.execute_batch("PRAGMA secure_delete = FAST;") {
            // The batch is durable: it only costs time that later ones overwrite too.
            tracing::warn!(%error, "secure_delete stays on");
        }
        if batch.iter().flatten().any(Change::destroys) {
            self.after_destruction(&connection);
        }
        if let Some(checkpointer) = &self.checkpointer {
            checkpointer.after_commit(&connection);
        }
        Ok(Committed { answers, load })
    }

    fn keep_as(&self, id: BodyId, bytes: Bytes) -> Result<NewBody, Error> {
        self.keep_body(id, bytes)
    }

    fn scratch(&self) -> Result<Scratch, Error> {
        self.files.scratch()
    }

    fn keep_pieces(&self, scratch: Scratch) -> Result<ContentRef, Error> {
        self.keep_body_pieces(scratch)
    }

    fn kept(&self, content: &ContentRef) -> NewBody {
        self.kept_body(content)
    }

    fn compact(&self) -> Result<(), Error> {
        let writer = self.writer.as_ref().ok_or(Error::Closed)?;
        let connection = writer.lock().unwrap_or_else(PoisonError::into_inner);
        connection.execute_batch("VACUUM;")?;
        self.after_destruction(&connection);
        Ok(())
    }

    fn sweep(&self) -> Result<u32, Error> {
        self.sweep_leftovers()
    }

    fn verify(&self, body: BodyId) -> Result<(), BodyError> {
        self.verify_body(body)
    }

    fn stale(&self, after: i64, limit: u32) -> Result<Option<Stale>, Error> {
        self.stale_bodies(after, limit)
    }

    fn unrouted(&self, after: MessageId, limit: u32) -> Result<Vec<Unrouted>, Error> {
        self.reading(|connection| {
            let sql =
                format!("{MESSAGE} WHERE message.state = 0 AND message.id > ?1 ORDER BY message.id LIMIT ?2");
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params![row_number(after.0), limit])?;
            let mut messages = Vec::new();
            while let Some(row) = rows.next()? {
                messages.push(message(row)?);
            }
            Ok(messages)
        })
    }

    fn message(&self, id: MessageId) -> Result<Option<Unrouted>, Error> {
        self.reading(|connection| {
            let mut statement = connection.prepare_cached(&format!("{MESSAGE} WHERE message.id = ?1"))?;
            let mut rows = statement.query(params![row_number(id.0)])?;
            rows.next()?.map(message).transpose()
        })
    }

    fn owed(&self, message: MessageId) -> Result<Vec<DeliveryId>, Error> {
        self.reading(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT id FROM delivery WHERE message = ?1 AND cause IS NULL ORDER BY id")?;
            let mut rows = statement.query(params![row_number(message.0)])?;
            let mut owed = Vec::new();
            while let Some(row) = rows.next()? {
                owed.push(DeliveryId(number(row, "id")?));
            }
            Ok(owed)
        })
    }

    fn due(&self, sink: &PartnerName, now: Millis, limit: u32) -> Result<Due, Error> {
        self.reading(|connection| {
            if holds::holds_lane(connection, sink)? {
                return Ok(Due { held: true, ..Due::default() });
            }
            let mut statement = connection.prepare_cached(
                "SELECT id, next_at FROM delivery WHERE sink = ?1 AND state < 2 AND next_at IS NOT NULL
                 ORDER BY next_at, id LIMIT ?2",
            )?;
            let mut rows = statement.query(params![sink.as_str(), limit])?;
            let mut due = Due::default();
            while let Some(row) = rows.next()? {
                let next_at: Millis = get(row, "next_at")?;
                if next_at > now {
                    due.next_at = Some(next_at);
                    break;
                }
                due.ready.push(DeliveryId(number(row, "id")?));
            }
            if due.ready.len() >= limit as usize {
                let mut latest = connection.prepare_cached(
                    "SELECT id FROM delivery WHERE sink = ?1 AND state < 2 AND next_at IS NOT NULL AND next_at <= ?2
                     ORDER BY next_at DESC, id DESC LIMIT ?3",
                )?;
                let mut rows = latest.query(params![sink.as_str(), now, limit])?;
                while let Some(row) = rows.next()? {
                    due.latest.push(DeliveryId(number(row, "id")?));
                }
            }
            Ok(due)
        })
    }

    fn delivery(&self, id: DeliveryId) -> Result<Option<StoredDelivery>, Error> {
        self.reading(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT delivery.id, delivery.message, message.route, sink, delivery.state, attempts, after_unknown,
                     artefact, artefact_sum, delivery.sum, received_at, since, cause IS NOT NULL AS is_report,
                     max(since, coalesce((SELECT at FROM resumed WHERE resumed.sink = delivery.sink), since)) AS ages_from,
                     shape_body.hash AS shape_hash, shape_body.length AS shape_length,
                     part_body.hash AS part_hash, part_body.length AS part_length
                 FROM delivery
                 JOIN message ON message.id = delivery.message
                 JOIN shape ON shape.message = delivery.message AND shape.position = delivery.shape
                 JOIN body AS shape_body ON shape_body.id = shape.body
                 JOIN body AS part_body ON part_body.id = delivery.part
                 WHERE delivery.id = ?1",
            )?;
            let mut rows = statement.query(params![row_number(id.0)])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let (artefact, damaged) = match json(row, "artefact") {
                Ok(artefact) => (artefact, !delivery_is_whole(row, id)?),
                Err(Error::Inconsistent(_)) => (None, true),
                Err(error) => return Err(error),
            };
            Ok(Some(StoredDelivery {
                id,
                message: MessageId(number(row, "message")?),
                route: route(row, "route")?.ok_or_else(|| Error::Inconsistent("message.route".to_owned()))?,
                sink: partner(row, "sink")?,
                shape: whole(row, "shape_hash", "shape_length")?,
                part: whole(row, "part_hash", "part_length")?,
                state: state(row, "state", DeliveryState::of)?,
                attempts: small(row, "attempts")?,
                after_unknown: get(row, "after_unknown")?,
                artefact,
                damaged,
                received_at: get(row, "received_at")?,
                since: get(row, "since")?,
                ages_from: get(row, "ages_from")?,
                is_report: get(row, "is_report")?,
            }))
        })
    }

    fn left_with(&self, key: &Key) -> Result<Vec<DeliveryId>, Error> {
        self.deliveries_left_with(key)
    }

    fn understood(&self, message: MessageId) -> Result<Option<ContentRef>, Error> {
        self.reading(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT body.hash, body.length FROM shape JOIN body ON body.id = shape.body
                 WHERE shape.message = ?1 ORDER BY position LIMIT 1",
            )?;
            let mut rows = statement.query(params![row_number(message.0)])?;
            rows.next()?.map(|row| whole(row, "hash", "length")).transpose()
        })
    }

    fn answered(&self, delivery: DeliveryId) -> Result<Vec<KnownAnswer>, Error> {
        self.known_answers(delivery)
    }

    fn held_routes(&self) -> Result<Vec<RouteName>, Error> {
        self.reading(holds::routes)
    }

    fn hold_keys(&self) -> Result<Vec<(HeldKey, bool)>, Error> {
        self.reading(holds::keys)
    }

    fn unsettled(
        &self,
        hold: &HeldKey,
        lifted: bool,
        after: DeliveryId,
        limit: u32,
    ) -> Result<Vec<DeliveryId>, Error> {
        self.reading(|connection| holds::unsettled(connection, hold, lifted, after, limit))
    }

    fn tally_agrees(&self) -> Result<bool, Error> {
        self.reading(tally::agrees)
    }

    fn noted(&self, name: &str) -> Result<Option<String>, Error> {
        self.reading(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT value FROM store WHERE name = 'note:' || ?1")?;
            Ok(statement.query_row(params![name], |row| row.get(0)).optional()?)
        })
    }

    fn load(&self) -> Result<LoadChange, Error> {
        self.reading(|connection| {
            Ok(connection.query_row(
                "SELECT (SELECT count(*) FROM message WHERE state = 0),
                        (SELECT count(*) FROM delivery WHERE state = 2 AND state < 4)
                            + (SELECT count(*) FROM delivery WHERE state < 2 AND next_at IS NOT NULL)",
                [],
                |row| Ok(LoadChange { messages: row.get(0)?, deliveries: row.get(1)? }),
            )?)
        })
    }
}

/// A message as routing reads it.
const MESSAGE: &str =
    "SELECT message.id, partner, received_at, kind, profile, control_id, application, facility, message.sum,
     body.hash, body.length, EXISTS (SELECT 1 FROM edition WHERE edition.message = message.id) AS edited
     FROM message JOIN body ON body.id = message.raw";

/// Whether a delivery still is what it was when it was owed, and when it was prepared.
fn delivery_is_whole(row: &Row<'_>, id: DeliveryId) -> Result<bool, Error> {
    let (sink, shape, part): (String, Vec<u8>, Vec<u8>) =
        (get(row, "sink")?, get(row, "shape_hash")?, get(row, "part_hash")?);
    let owed = sums::delivery(get(row, "message")?, &sink, body_id(&shape)?, body_id(&part)?);
    let (sum, of_artefact): (Option<Vec<u8>>, Option<Vec<u8>>) =
        (get(row, "sum")?, get(row, "artefact_sum")?);
    let prepared = match get::<Option<String>>(row, "artefact")? {
        Some(json) => sums::agrees(of_artefact.as_deref(), sums::artefact(row_number(id.0), &json)),
        None => of_artefact.is_none(),
    };
    Ok(prepared && sums::agrees(sum.as_deref(), owed))
}

fn message(row: &Row<'_>) -> Result<Unrouted, Error> {
    let (owner, stored, raw): (String, Option<Vec<u8>>, Vec<u8>) =
        (get(row, "partner")?, get(row, "sum")?, get(row, "hash")?);
    let sum = sums::message(get(row, "id")?, &owner, body_id(&raw)?);
    Ok(Unrouted {
        id: MessageId(number(row, "id")?),
        damaged: !sums::agrees(stored.as_deref(), sum),
        partner: partner(row, "partner")?,
        received_at: get(row, "received_at")?,
        raw: whole(row, "hash", "length")?,
        facts: facts(row)?,
        edited: get(row, "edited")?,
    })
}

impl SqliteJournal {
    /// Messages that were taken and still have their bodies: what [`crate::replay`] tries, as if each came for the first
    /// The number of the newest message; 0 when there is none.
    pub(crate) fn last_message(&self) -> Result<MessageId, Error> {
        self.reading(|connection| {
            let last: Option<i64> =
                connection.query_row("SELECT max(id) FROM message", [], |row| row.get(0))?;
            Ok(MessageId(last.and_then(|last| u64::try_from(last).ok()).unwrap_or_default()))
        })
    }

    /// time.
    pub(crate) fn taken(&self, window: Window, after: MessageId, limit: u32) -> Result<Vec<Unrouted>, Error> {
        self.reading(|connection| {
            let sql = format!(
                "{MESSAGE} WHERE message.id > ?1 AND received_at >= ?2 AND received_at < ?3
                     AND message.state <> 3 AND recalls IS NULL AND message.purged_at IS NULL
                 ORDER BY message.id LIMIT ?4"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params![
                row_number(after.0),
                window.since.map_or(Millis::MIN, Timestamp::as_millisecond),
                window.until.map_or(Millis::MAX, Timestamp::as_millisecond),
                limit
            ])?;
            let mut messages = Vec::new();
            while let Some(row) = rows.next()? {
                messages.push(Unrouted { edited: false, ..message(row)? });
            }
            Ok(messages)
        })
    }
}

fn facts(row: &Row<'_>) -> Result<MessageFacts, Error> {
    let control_id: Option<String> = get(row, "control_id")?;
    Ok(MessageFacts {
        kind: get(row, "kind")?,
        profile: get(row, "profile")?,
        control_id: control_id.and_then(|id| MessageControlId::parse(&id).ok()),
        sending_application: get(row, "application")?,
        sending_facility: get(row, "facility")?,
    })
}
