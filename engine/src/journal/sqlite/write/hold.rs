//! Holds: written, lifted, and enforced where an attempt begins.
//! In: what is held. Out: rows of `hold`; deliveries and messages that wait (state « held »), or go on.
//! The gate of [`Writer::start`] decides; marking what waits at the time of the order only makes it visible at once, and is
//! bounded. A held partner marks nothing: its lane is not read any more.

use jonction_model::Finding;
use rusqlite::{OptionalExtension as _, params, types::Value};

use super::{Writer, audit::Told, to_json};
use crate::{
    error::Error,
    journal::{Applied, DeliveryState, Millis, NewOrder, sqlite::holds::deliveries_of},
    order::hold::HeldKey,
};

/// Deliveries that are marked by the order itself; those beyond are when their turn comes.
const MARKED_MAX: u32 = 10_000;

fn target(key: &HeldKey) -> Value {
    match key {
        HeldKey::Route(name) => Value::Text(name.as_str().to_owned()),
        HeldKey::Partner(name) => Value::Text(name.as_str().to_owned()),
        HeldKey::Recipient(hash) | HeldKey::Patient(hash) => Value::Blob(hash.0.to_vec()),
    }
}

impl Writer<'_> {
    pub(super) fn hold(&mut self, key: &HeldKey, order: &NewOrder) -> Result<Result<Told, Applied>, Error> {
        let finding = held(order);
        let made = self.connection.execute(
            "INSERT OR IGNORE INTO hold (kind, target, at, author, reason, finding) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                key.kind().0,
                target(key),
                order.at,
                order.author.as_str(),
                order.reason.as_ref().map(|reason| reason.as_str()),
                to_json(&finding)?
            ],
        )?;
        if made == 0 {
            return Ok(Err(Applied::Skipped));
        }
        let mut marked = 0;
        if !matches!(key, HeldKey::Partner(_)) {
            let which = deliveries_of(key.kind().0);
            let sql = format!("SELECT DISTINCT d.id FROM {which} AND d.state IN (0, 1) LIMIT ?2");
            let mut statement = self.connection.prepare(&sql)?;
            let ids = statement.query_map(params![target(key), MARKED_MAX], |row| row.get::<_, i64>(0))?;
            for id in ids.collect::<Result<Vec<_>, _>>()? {
                self.mark_held(id, &to_json(&finding)?)?;
                marked += 1;
            }
        }
        let detail = serde_json::json!({ "of": key.kind().1, "target": shown(key), "waiting": marked });
        Ok(Ok(Told { detail: Some(detail), ..Told::new("hold") }))
    }

    pub(super) fn lift(&mut self, key: &HeldKey, at: Millis) -> Result<Result<Told, Applied>, Error> {
        let lifted = self.connection.execute(
            "DELETE FROM hold WHERE kind = ?1 AND target = ?2",
            params![key.kind().0, target(key)],
        )?;
        if lifted == 0 {
            return Ok(Err(Applied::Skipped));
        }
        let mut freed = 0;
        if !matches!(key, HeldKey::Partner(_)) {
            let which = deliveries_of(key.kind().0);
            let sql = format!("SELECT DISTINCT d.id FROM {which} AND d.state = -1 ORDER BY d.id");
            let mut statement = self.connection.prepare(&sql)?;
            let ids = statement.query_map(params![target(key)], |row| row.get::<_, i64>(0))?;
            for id in ids.collect::<Result<Vec<_>, _>>()? {
                freed += u64::from(self.free(id, at)?);
            }
        }
        if let HeldKey::Route(route) = key {
            let again = self.connection.execute(
                "UPDATE message SET state = 0, error = NULL WHERE state = 6 AND route = ?1",
                params![route.as_str()],
            )?;
            self.load.messages += i64::try_from(again).unwrap_or(0);
        }
        let detail = serde_json::json!({ "of": key.kind().1, "target": shown(key), "freed": freed });
        Ok(Ok(Told { detail: Some(detail), ..Told::new("lift") }))
    }

    /// The gate: what holds this delivery, if anything does. A delivery held by more than its partner waits as such.
    pub(super) fn held_back(&mut self, delivery: i64) -> Result<bool, Error> {
        let any = self.connection.prepare_cached("SELECT 1 FROM hold LIMIT 1")?.exists([])?;
        if !any {
            return Ok(false);
        }
        let holds: Option<(i64, String)> = self.hold_of(delivery)?;
        let Some((kind, finding)) = holds else { return Ok(false) };
        if kind != 1 {
            self.mark_held(delivery, &finding)?;
        }
        Ok(true)
    }

    fn hold_of(&self, delivery: i64) -> Result<Option<(i64, String)>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT h.kind, h.finding FROM delivery d JOIN message m ON m.id = d.message, hold h
             WHERE d.id = ?1 AND CASE h.kind
                 WHEN 0 THEN h.target = m.route
                 WHEN 1 THEN h.target = d.sink
                 WHEN 2 THEN EXISTS (SELECT 1 FROM key k WHERE k.kind = 5 AND k.hash = h.target
                                         AND k.message = d.message AND k.delivery = d.id)
                 ELSE EXISTS (SELECT 1 FROM key k WHERE k.kind = 0 AND k.hash = h.target AND k.message = d.message) END
             ORDER BY h.kind = 1 LIMIT 1",
        )?;
        Ok(statement.query_row(params![delivery], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    fn mark_held(&mut self, delivery: i64, finding: &str) -> Result<(), Error> {
        let timed: Option<bool> = self
            .connection
            .prepare_cached("SELECT next_at IS NOT NULL FROM delivery WHERE id = ?1 AND state IN (0, 1)")?
            .query_row(params![delivery], |row| row.get(0))
            .optional()?;
        let Some(timed) = timed else { return Ok(()) };
        self.connection
            .prepare_cached(
                "UPDATE delivery SET state = ?2, next_at = NULL, error = ?3, finding = ?4 WHERE id = ?1",
            )?
            .execute(params![delivery, DeliveryState::Held.number(), HELD, finding])?;
        self.load.deliveries -= i64::from(timed);
        Ok(())
    }

    /// Puts a held delivery back in its lane, unless something else holds it. Its age does not count that time.
    fn free(&mut self, delivery: i64, at: Millis) -> Result<bool, Error> {
        if let Some((kind, finding)) = self.hold_of(delivery)?
            && kind != 1
        {
            self.connection
                .prepare_cached("UPDATE delivery SET finding = ?2 WHERE id = ?1")?
                .execute(params![delivery, finding])?;
            return Ok(false);
        }
        let Some(row) = self.standing(delivery)? else { return Ok(false) };
        self.connection
            .prepare_cached(
                "UPDATE delivery SET state = iif(attempts > 0, 1, 0), since = ?2, error = NULL, finding = NULL
                 WHERE id = ?1",
            )?
            .execute(params![delivery, at])?;
        self.ready(delivery, &row.sink, row.ordering.as_deref(), at)?;
        Ok(true)
    }

    /// Whether a route is held.
    pub(super) fn route_is_held(&self, route: &str) -> Result<bool, Error> {
        let mut statement =
            self.connection.prepare_cached("SELECT 1 FROM hold WHERE kind = 0 AND target = ?1")?;
        Ok(statement.exists(params![route])?)
    }
}

/// Code of the finding on what a human holds.
pub(crate) const HELD: &str = "engine.held";

fn held(order: &NewOrder) -> Finding {
    let why = order.reason.as_ref().map(|reason| format!(" : {reason}")).unwrap_or_default();
    Finding::warning(HELD, format!("retenu à la main par {}{why}", order.author))
        .remedy("le laisser partir : jonction lift (jonction hold list montre ce qui est retenu)")
}

/// What the audit chain may show of a target.
fn shown(key: &HeldKey) -> String {
    match key {
        HeldKey::Route(name) => name.to_string(),
        HeldKey::Partner(name) => name.to_string(),
        HeldKey::Recipient(hash) | HeldKey::Patient(hash) => hash.to_string(),
    }
}
