//! A corrected message: its new bytes, its routing again, and what an earlier edition owes and has not sent.
//! In: a [`NewEdition`], then the [`Routed`] of it. Out: rows. What left is known here and nowhere else.
//! Until it is routed, what waits for a human keeps its place: nothing of the same key overtakes the corrected message.

use jonction_model::Finding;
use rusqlite::{OptionalExtension as _, params};

use super::{Standing, Writer, audit::Told, findings_json, get, number, order::Done, sums, to_json};
use crate::{
    error::Error,
    journal::{Applied, DeliveryState, Millis, NewEdition, NewOrder, Routed, sqlite::rows::body_id},
};

/// A delivery of an earlier edition that has not left.
struct Waiting {
    id: i64,
    place: i64,
    row: Standing,
}

/// A message as it is before it is corrected.
struct Correctable {
    state: i64,
    raw: i64,
    version: Option<i64>,
    partner: String,
}

impl Writer<'_> {
    /// Errors: none; [`Applied::Skipped`] when nothing of the message waits for a human, [`Applied::Barred`] when nobody
    /// knows whether something of it was received.
    pub(super) fn resend(&mut self, edition: &NewEdition, order: &NewOrder) -> Result<Done, Error> {
        let id = number(edition.message.0);
        let Some(Correctable { state, raw, version, partner }) = self.correctable(id)? else {
            return Ok(Err(Applied::Skipped));
        };
        let (parked, unknown) = self.parked_of(id)?;
        // Parked in routing, or routed, filtered or refused by hand, with something that waits.
        if state != 4 && (parked == 0 || !matches!(state, 1 | 2 | 5)) {
            return Ok(Err(Applied::Skipped));
        }
        if unknown > 0 && !edition.not_received {
            return Ok(Err(Applied::Barred));
        }
        let sql = "SELECT coalesce(max(number), 0) + 1 FROM edition WHERE message = ?1";
        let past: i64 = self.connection.query_row(sql, params![id], |row| row.get(0))?;
        let reason = order.reason.as_ref().map(|reason| reason.as_str());
        self.connection.execute(
            "INSERT INTO edition (message, number, raw, version, until, author, reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![id, past, raw, version, order.at, order.author.as_str(), reason],
        )?;
        let new = self.body(&edition.raw, edition.message)?;
        // What its sender sent is still known by its first bytes: a repeat of them gets the first answer.
        self.connection.execute(
            "UPDATE message SET state = 0, raw = ?2, kind = ?3, profile = ?4, findings = ?5, error = NULL,
                 filtered_by = NULL, sum = ?6 WHERE id = ?1",
            params![
                id,
                new,
                edition.facts.kind,
                edition.facts.profile,
                findings_json(&edition.findings)?,
                sums::message(id, &partner, edition.raw.id),
            ],
        )?;
        if edition.not_received {
            self.connection.execute(
                "UPDATE delivery SET after_unknown = 0 WHERE message = ?1 AND cause IS NULL AND state = 3",
                params![id],
            )?;
        }
        self.load.messages += 1;
        let hash = "SELECT hash FROM body WHERE id = ?1";
        let before: Vec<u8> = self.connection.query_row(hash, params![raw], |row| row.get(0))?;
        let detail = serde_json::json!({
            "edition": past + 1, "before": body_id(&before)?.to_string(), "now": edition.raw.id.to_string(),
            "not_received": edition.not_received
        });
        Ok(Ok(Told { message: Some(id), detail: Some(detail), ..Told::new("resend") }))
    }

    /// A message whose bytes are still there.
    fn correctable(&self, message: i64) -> Result<Option<Correctable>, Error> {
        let sql = "SELECT state, raw, version, partner FROM message WHERE id = ?1 AND purged_at IS NULL";
        let found = self.connection.query_row(sql, params![message], |row| {
            Ok(Correctable {
                state: row.get(0)?,
                raw: row.get(1)?,
                version: row.get(2)?,
                partner: row.get(3)?,
            })
        });
        Ok(found.optional()?)
    }

    /// How many deliveries of a message wait for a human, and for how many of them nobody knows whether they left.
    fn parked_of(&self, message: i64) -> Result<(i64, i64), Error> {
        let sql = "SELECT count(*), coalesce(sum(after_unknown), 0) FROM delivery
                   WHERE message = ?1 AND cause IS NULL AND state = 3";
        Ok(self.connection.query_row(sql, params![message], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// Creates what a corrected message owes, in the place of what its earlier edition owed and had not sent.
    /// Out: how many.
    pub(super) fn replace(&mut self, routed: &Routed) -> Result<u64, Error> {
        let message = number(routed.message.0);
        let waiting = self.waiting(message)?;
        let sql = "SELECT coalesce(max(position) + 1, 0) FROM shape WHERE message = ?1";
        let first: i64 = self.connection.query_row(sql, params![message], |row| row.get(0))?;
        self.shapes(routed.message, first, &routed.shapes)?;
        let mut created: Vec<Option<i64>> = Vec::with_capacity(routed.deliveries.len());
        for delivery in &routed.deliveries {
            let cause = delivery.cause.and_then(|cause| created.get(cause).copied().flatten());
            let tells_nothing = delivery.cause.is_some() && cause.is_none();
            if tells_nothing || self.left(delivery.earlier.iter().map(|id| number(id.0)))? {
                created.push(None);
                continue;
            }
            // What it replaces still holds their key: it has no time before its place is known.
            let id = self.delivery(routed.message, (first, &routed.shapes), delivery, cause, routed.at)?;
            let key = delivery.ordering.as_ref().map(|hash| &hash.0[..]);
            let same = |other: &&Waiting| {
                other.row.sink == delivery.sink.as_str() && other.row.ordering.as_deref() == key
            };
            if let Some(place) = waiting.iter().filter(same).map(|other| other.place).min() {
                let sql = "UPDATE delivery SET place = ?2 WHERE id = ?1";
                self.connection.prepare_cached(sql)?.execute(params![id, place])?;
            }
            created.push(Some(id));
        }
        for old in &waiting {
            self.end_replaced(old, routed.at)?;
        }
        for old in &waiting {
            self.promote(&old.row.sink, old.row.ordering.as_deref(), routed.at)?;
        }
        Ok(created.iter().flatten().count() as u64)
    }

    /// Whether one of these left, or may have, or ended for good.
    fn left(&self, deliveries: impl Iterator<Item = i64>) -> Result<bool, Error> {
        for id in deliveries {
            let Some(row) = self.standing(id)? else { continue };
            if row.state != DeliveryState::Replaced.number() && !is_replaceable(&row) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn waiting(&self, message: i64) -> Result<Vec<Waiting>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, coalesce(place, id) AS place FROM delivery WHERE message = ?1 AND cause IS NULL AND state < 4",
        )?;
        let mut rows = statement.query(params![message])?;
        let mut waiting = Vec::new();
        while let Some(found) = rows.next()? {
            let id: i64 = get(found, "id")?;
            let Some(row) = self.standing(id)?.filter(is_replaceable) else { continue };
            waiting.push(Waiting { id, place: get(found, "place")?, row });
        }
        Ok(waiting)
    }

    fn end_replaced(&mut self, old: &Waiting, at: Millis) -> Result<(), Error> {
        let finding = replaced();
        self.connection
            .prepare_cached(
                "UPDATE delivery SET state = ?2, next_at = NULL, ended_at = ?3, error = ?4, finding = ?5,
                     report_code = NULL WHERE id = ?1",
            )?
            .execute(params![
                old.id,
                DeliveryState::Replaced.number(),
                at,
                finding.check,
                to_json(&finding)?
            ])?;
        self.load.deliveries -= i64::from(old.row.timed);
        Ok(())
    }
}

/// It has not left, and that is sure.
fn is_replaceable(row: &Standing) -> bool {
    let waits = row.state < DeliveryState::Sending.number() || row.state == DeliveryState::Parked.number();
    waits && !row.after_unknown
}

fn replaced() -> Finding {
    Finding::warning(
        "engine.replaced",
        "jamais parti : le message a été corrigé, un autre envoi prend sa place",
    )
    .remedy("rien à faire : voir la suite dans le parcours du message (jonction journey)")
}
