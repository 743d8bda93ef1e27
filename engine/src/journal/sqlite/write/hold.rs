//! Holds: written, lifted, and enforced where an attempt begins.
//! In: what is held. Out: rows of `hold`; deliveries and messages that wait (state « held »), or go on.
//! The gate of [`Writer::start`] decides, at once. Marking what waits, and giving back what waited, follow a few at a time
//! ([`Writer::settle`]), so that messages come in meanwhile. A held partner marks nothing: its lane is not read any more.

use jonction_model::Finding;
use jonction_ports::DeliveryId;
use rusqlite::{OptionalExtension as _, params, types::Value};

use super::{Writer, audit::Told, number, to_json};
use crate::{
    error::Error,
    journal::{Applied, DeliveryState, Millis, NewOrder},
    order::hold::HeldKey,
};

pub(in crate::journal::sqlite) fn target(key: &HeldKey) -> Value {
    match key {
        HeldKey::Route(name) => Value::Text(name.as_str().to_owned()),
        HeldKey::Partner(name) => Value::Text(name.as_str().to_owned()),
        HeldKey::Recipient(hash) | HeldKey::Patient(hash) => Value::Blob(hash.0.to_vec()),
    }
}

impl Writer<'_> {
    pub(super) fn hold(&mut self, key: &HeldKey, order: &NewOrder) -> Result<Result<Told, Applied>, Error> {
        let finding = held(order);
        // One that is being lifted is held again.
        let made = self.connection.execute(
            "INSERT INTO hold (kind, target, at, author, reason, finding) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET at = excluded.at, author = excluded.author, reason = excluded.reason,
                 finding = excluded.finding, lifted_at = NULL WHERE lifted_at IS NOT NULL",
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
        Ok(Ok(of_hold("hold", key)))
    }

    /// From now on nothing new waits for it; what waited is given back by [`Writer::settle`]. A lane goes on at once: what
    /// waited there was not marked, and ages from now on.
    pub(super) fn lift(&mut self, key: &HeldKey, at: Millis) -> Result<Result<Told, Applied>, Error> {
        let lifted = self.connection.execute(
            "UPDATE hold SET lifted_at = ?3 WHERE kind = ?1 AND target = ?2 AND lifted_at IS NULL",
            params![key.kind().0, target(key), at],
        )?;
        if lifted == 0 {
            return Ok(Err(Applied::Skipped));
        }
        if let HeldKey::Partner(sink) = key {
            self.connection.execute(
                "INSERT OR REPLACE INTO resumed (sink, at) VALUES (?1, ?2)",
                params![sink.as_str(), at],
            )?;
            self.forget_hold(key)?;
        }
        Ok(Ok(of_hold("lift", key)))
    }

    /// Makes these deliveries agree with what is held; gives back the next messages of a route that is not any more, the
    /// first ones first. Named without a delivery, a hold that is lifted and has given everything back is forgotten.
    /// Out: how many changed.
    pub(super) fn settle(
        &mut self,
        key: &HeldKey,
        deliveries: &[DeliveryId],
        limit: u32,
        at: Millis,
    ) -> Result<Applied, Error> {
        let mut changed = 0;
        for delivery in deliveries {
            let id = number(delivery.0);
            let Some(row) = self.standing(id)? else { continue };
            changed += u32::from(match DeliveryState::of(row.state) {
                Some(DeliveryState::Held) => self.free(id, at)?,
                Some(DeliveryState::Waiting | DeliveryState::Retrying) => self.mark_if_held(id)?,
                _ => false,
            });
        }
        if deliveries.is_empty() && self.is_lifted(key)? {
            if let HeldKey::Route(route) = key {
                changed = u32::try_from(self.give_back(route.as_str(), limit)?).unwrap_or(u32::MAX);
            }
            if changed == 0 {
                self.forget_hold(key)?;
            }
        }
        Ok(Applied::Done(changed))
    }

    /// Messages of a route go back to routing. Those that come meanwhile wait behind them: the route counts as held until
    /// the last one is given back.
    fn give_back(&mut self, route: &str, limit: u32) -> Result<usize, Error> {
        let again = self.connection.execute(
            "UPDATE message SET state = 0, error = NULL WHERE id IN
                 (SELECT id FROM message WHERE state = 6 AND route = ?1 ORDER BY id LIMIT ?2)",
            params![route, limit],
        )?;
        self.load.messages += i64::try_from(again).unwrap_or(0);
        Ok(again)
    }

    fn is_lifted(&self, key: &HeldKey) -> Result<bool, Error> {
        let sql = "SELECT 1 FROM hold WHERE kind = ?1 AND target = ?2 AND lifted_at IS NOT NULL";
        Ok(self.connection.prepare_cached(sql)?.exists(params![key.kind().0, target(key)])?)
    }

    fn forget_hold(&self, key: &HeldKey) -> Result<(), Error> {
        let sql = "DELETE FROM hold WHERE kind = ?1 AND target = ?2 AND lifted_at IS NOT NULL";
        self.connection.execute(sql, params![key.kind().0, target(key)])?;
        Ok(())
    }

    /// The gate: what holds this delivery, if anything does. A delivery held by more than its partner waits as such.
    pub(super) fn held_back(&mut self, delivery: i64) -> Result<bool, Error> {
        let any = self.connection.prepare_cached("SELECT 1 FROM hold LIMIT 1")?.exists([])?;
        if !any {
            return Ok(false);
        }
        Ok(self.mark_if_held(delivery)? || self.hold_of(delivery)?.is_some())
    }

    /// Marks a delivery that something else than its lane holds.
    fn mark_if_held(&mut self, delivery: i64) -> Result<bool, Error> {
        match self.hold_of(delivery)? {
            Some((kind, finding)) if kind != 1 => {
                self.mark_held(delivery, &finding)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn hold_of(&self, delivery: i64) -> Result<Option<(i64, String)>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT h.kind, h.finding FROM delivery d JOIN message m ON m.id = d.message, hold h
             WHERE d.id = ?1 AND h.lifted_at IS NULL AND CASE h.kind
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

    /// Whether a route is held, or still gives back what it held.
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

fn of_hold(act: &'static str, key: &HeldKey) -> Told {
    let detail = serde_json::json!({ "of": key.kind().1, "target": key.shown() });
    Told { detail: Some(detail), ..Told::new(act) }
}
