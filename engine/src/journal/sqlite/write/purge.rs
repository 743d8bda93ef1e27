//! Destruction: bodies that nobody refers to any more, then the rows of messages; legal holds that forbid it.
//! In: messages chosen a moment ago, judged again here. Out: rows; names of files to take away once this is durable.
//! A destroyed body leaves its hash and length until the last message that refers to it goes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jonction_model::{BodyId, clock::paris, hex};
use jonction_ports::MessageId;
use rusqlite::{OptionalExtension as _, params};
use serde_json::json;

use super::{Writer, audit::Told, message_id, number, order::Done};
use crate::{
    error::Error,
    index_key::kind_number,
    journal::{
        Applied, DeliveryState, LegalKey, MessageState, Millis, NewPurge,
        sqlite::{
            balance::midnight,
            purge::{HELD, HIGHEST, OPEN, is_purged, references, users},
            rows::timestamp,
        },
    },
    order::retention::{Aging, Destroyed},
    questions::Lines,
};

impl Writer<'_> {
    pub(super) fn purge(&mut self, purge: &NewPurge, at: Millis) -> Result<Done, Error> {
        let mut destroyed = Destroyed::default();
        let mut hashes = Vec::new();
        let mut patients = BTreeSet::new();
        for id in &purge.messages {
            let message = number(id.0);
            let Some(patient) = self.may_go(message, purge)? else { continue };
            patients.extend(patient.map(|hash| hex(&hash)));
            self.connection
                .prepare_cached("UPDATE message SET purged_at = coalesce(purged_at, ?2) WHERE id = ?1")?
                .execute(params![message, at])?;
            self.destroy_bodies(message, purge.what == Aging::Metadata, at, &mut destroyed, &mut hashes)?;
            if purge.what == Aging::Metadata {
                self.keep_totals(message)?;
                self.destroy_rows(message)?;
            }
            destroyed.messages += 1;
            destroyed.first = destroyed.first.into_iter().chain([*id]).min();
            destroyed.last = destroyed.last.into_iter().chain([*id]).max();
        }
        if destroyed.messages == 0 {
            return Ok(Err(Applied::Skipped));
        }
        destroyed.digest = BodyId::of(&hashes).to_string();
        destroyed.patients = patients.into_iter().collect();
        let detail =
            json!({ "what": purge.what, "before": timestamp(purge.before)?, "destroyed": destroyed });
        Ok(Ok(Told { detail: Some(detail), destroyed: Some(destroyed), ..Told::new("purge") }))
    }

    /// Whether a message may go now, and its patient. What was chosen a moment ago may have been held since.
    fn may_go(&self, message: i64, purge: &NewPurge) -> Result<Option<Option<Vec<u8>>>, Error> {
        let term = match purge.what {
            Aging::Bodies => "m.purged_at IS NULL",
            Aging::Metadata => HIGHEST,
        };
        let not = if purge.what == Aging::Metadata { "NOT " } else { "" };
        Ok(self
            .connection
            .prepare_cached(&format!(
                "SELECT m.patient FROM message m
                 WHERE m.id = ?1 AND m.received_at < ?2 AND NOT {OPEN} AND NOT {HELD} AND {not}{term}"
            ))?
            .query_row(params![message, purge.before], |row| row.get(0))
            .optional()?)
    }

    fn destroy_bodies(
        &self,
        message: i64,
        with_reply: bool,
        at: Millis,
        destroyed: &mut Destroyed,
        hashes: &mut Vec<u8>,
    ) -> Result<(), Error> {
        for body in references(self.connection, message, with_reply)? {
            if body.purged {
                continue;
            }
            let others = users(self.connection, body.body)?.into_iter().filter(|user| *user != message);
            let mut needed = false;
            for other in others {
                needed |= !is_purged(self.connection, other)?;
            }
            if needed {
                continue;
            }
            self.connection
                .prepare_cached("UPDATE body SET bytes = NULL, purged_at = ?2 WHERE id = ?1")?
                .execute(params![body.body, at])?;
            if !body.inline {
                self.connection
                    .prepare_cached("INSERT OR IGNORE INTO doomed (hash) VALUES (?1)")?
                    .execute(params![body.hash.as_bytes()])?;
                destroyed.files += 1;
            }
            destroyed.bodies += 1;
            destroyed.bytes += body.length;
            hashes.extend_from_slice(body.hash.as_bytes());
        }
        Ok(())
    }

    /// What the balance will still say once the rows are gone: by the day each thing came, route and structure.
    fn keep_totals(&self, message: i64) -> Result<(), Error> {
        let (received_at, state, owed, route, structure): (Millis, i64, i64, String, String) = self
            .connection
            .prepare_cached(
                "SELECT received_at, state, owed, coalesce(route, ''), facility FROM message WHERE id = ?1",
            )?
            .query_row(params![message], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })?;
        let mut days: BTreeMap<Millis, Lines> = BTreeMap::new();
        let lines = days.entry(day_of(received_at)?).or_default();
        lines.messages.add_state(MessageState::of(state), 1);
        lines.messages.received += 1;
        lines.deliveries.owed += u64::try_from(owed).unwrap_or(0);
        let mut deliveries =
            self.connection.prepare_cached("SELECT state FROM delivery WHERE message = ?1")?;
        for state in deliveries.query_map(params![message], |row| row.get(0))? {
            lines.deliveries.add_state(DeliveryState::of(state?), 1);
        }
        let mut repeats =
            self.connection.prepare_cached("SELECT received_at FROM repetition WHERE message = ?1")?;
        for at in repeats.query_map(params![message], |row| row.get(0))? {
            let lines = days.entry(day_of(at?)?).or_default();
            lines.messages.received += 1;
            lines.messages.repeated += 1;
        }
        for (day, lines) in days {
            self.add_total(day, &route, &structure, &lines)?;
        }
        Ok(())
    }

    fn add_total(&self, day: Millis, route: &str, structure: &str, lines: &Lines) -> Result<(), Error> {
        let kept: Option<String> = self
            .connection
            .prepare_cached("SELECT lines FROM kept_total WHERE day = ?1 AND route = ?2 AND structure = ?3")?
            .query_row(params![day, route, structure], |row| row.get(0))
            .optional()?;
        let mut whole: Lines = match kept {
            Some(text) => {
                serde_json::from_str(&text).map_err(|_| Error::Inconsistent("kept_total.lines".to_owned()))?
            }
            None => Lines::default(),
        };
        whole.add(lines);
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO kept_total (day, route, structure, lines) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![day, route, structure, super::to_json(&whole)?])?;
        Ok(())
    }

    fn destroy_rows(&self, message: i64) -> Result<(), Error> {
        for body in references(self.connection, message, true)? {
            self.forget_user(body.body, message)?;
        }
        for sql in [
            "DELETE FROM attempt WHERE delivery IN (SELECT id FROM delivery WHERE message = ?1)",
            "DELETE FROM answer WHERE delivery IN (SELECT id FROM delivery WHERE message = ?1)",
            "DELETE FROM awaited WHERE delivery IN (SELECT id FROM delivery WHERE message = ?1)",
            "DELETE FROM key WHERE message = ?1",
            "DELETE FROM delivery WHERE message = ?1",
            "DELETE FROM shape WHERE message = ?1",
            "DELETE FROM edition WHERE message = ?1",
            "DELETE FROM repetition WHERE message = ?1",
            "DELETE FROM message WHERE id = ?1",
        ] {
            self.connection.prepare_cached(sql)?.execute(params![message])?;
        }
        Ok(())
    }

    /// A message no longer refers to a body. The row of a body that nobody refers to goes.
    fn forget_user(&self, body: i64, message: i64) -> Result<(), Error> {
        self.connection
            .prepare_cached("DELETE FROM body_user WHERE body = ?1 AND message = ?2")?
            .execute(params![body, message])?;
        let heir: Option<i64> = self
            .connection
            .prepare_cached("SELECT min(message) FROM body_user WHERE body = ?1")?
            .query_row(params![body], |row| row.get(0))?;
        let owns = "id = ?1 AND owner = ?2";
        match heir {
            None => {
                self.connection
                    .prepare_cached(&format!("DELETE FROM body WHERE {owns}"))?
                    .execute(params![body, message])?;
            }
            Some(heir) => {
                let given = self
                    .connection
                    .prepare_cached(&format!("UPDATE body SET owner = ?3 WHERE {owns}"))?
                    .execute(params![body, message, heir])?;
                if given == 1 {
                    self.connection
                        .prepare_cached("DELETE FROM body_user WHERE body = ?1 AND message = ?2")?
                        .execute(params![body, heir])?;
                }
            }
        }
        Ok(())
    }

    /// The number of a hold is that of its row of the audit chain, which comes next.
    pub(super) fn legal_hold(&mut self, subject: &LegalKey) -> Result<Done, Error> {
        let next = crate::journal::sqlite::audit::head(self.connection)?.count + 1;
        let (kind, hash, message) = match subject {
            LegalKey::Key((kind, hash)) => (Some(number(kind_number(*kind) as u64)), Some(hash.0), None),
            LegalKey::Message(id) => (None, None, Some(number(id.0))),
        };
        if let Some(message) = message
            && !self
                .connection
                .prepare_cached("SELECT 1 FROM message WHERE id = ?1")?
                .exists(params![message])?
        {
            return Ok(Err(Applied::Skipped));
        }
        self.connection
            .prepare_cached("INSERT INTO legal_hold (number, kind, hash, message) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![number(next), kind, hash, message])?;
        Ok(Ok(Told { message, ..Told::new("legal-hold") }))
    }

    pub(super) fn legal_lift(&mut self, hold: u64) -> Result<Done, Error> {
        let gone = self
            .connection
            .prepare_cached("DELETE FROM legal_hold WHERE number = ?1")?
            .execute(params![number(hold)])?;
        if gone == 0 {
            return Ok(Err(Applied::Skipped));
        }
        Ok(Ok(Told { detail: Some(json!({ "hold": hold })), ..Told::new("legal-lift") }))
    }

    /// A message refers to a body that another one brought.
    pub(super) fn use_body(&self, body: i64, message: MessageId) -> Result<(), Error> {
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO body_user (body, message) VALUES (?1, ?2)")?
            .execute(params![body, number(message.0)])?;
        Ok(())
    }

    /// Number the next message will have.
    pub(super) fn next_message(&self) -> Result<MessageId, Error> {
        let next: i64 = self
            .connection
            .prepare_cached("SELECT coalesce(max(id), 0) + 1 FROM message")?
            .query_row([], |row| row.get(0))?;
        message_id(next)
    }
}

/// Midnight of the day of a moment, in French legal time.
fn day_of(at: Millis) -> Result<Millis, Error> {
    let at: Timestamp = timestamp(at)?;
    midnight(at.to_zoned_datetime(paris()).date())
}
