//! What happens to a delivery outside its attempts: a start of the engine, a human's decision.
//! In: the change. Out: rows, and an event for the audit.

use jonction_model::PartnerName;
use jonction_ports::DeliveryId;
use rusqlite::params;

use super::{INTERRUPTED, SINK_GONE, Writer, interrupted, number, sink_gone, to_json};
use crate::{
    error::Error,
    journal::{Applied, AttemptState, DeliveryState, HandRefusal, Millis},
};

impl Writer<'_> {
    pub(super) fn recover(&mut self, at: Millis, sinks: &[PartnerName]) -> Result<Applied, Error> {
        let interrupted = to_json(&interrupted())?;
        self.connection.execute(
            "UPDATE attempt SET outcome = ?1, error = ?2, finding = ?3 WHERE outcome = 0 AND delivery IN
                 (SELECT id FROM delivery WHERE state = 2)",
            params![AttemptState::Unknown.number(), INTERRUPTED, interrupted],
        )?;
        let cut = self.connection.execute(
            "UPDATE delivery SET state = 1, after_unknown = 1, next_at = ?1, error = ?2, finding = ?3 WHERE state = 2",
            params![at, INTERRUPTED, interrupted],
        )?;
        let known = to_json(&sinks)?;
        let timed: i64 = self.connection.query_row(
            "SELECT count(*) FROM delivery WHERE state < 2 AND next_at IS NOT NULL
                 AND sink NOT IN (SELECT value FROM json_each(?1))",
            params![known],
            |row| row.get(0),
        )?;
        self.load.deliveries -= timed;
        let gone = self.connection.execute(
            "UPDATE delivery SET state = 3, next_at = NULL, error = ?1, finding = ?2
             WHERE state < 2 AND sink NOT IN (SELECT value FROM json_each(?3))",
            params![SINK_GONE, to_json(&sink_gone())?, known],
        )?;
        let mut back = self.connection.prepare(
            "UPDATE delivery SET state = iif(attempts > 0, 1, 0), next_at = NULL, since = ?1, error = NULL, finding = NULL
             WHERE state = 3 AND error = ?2 AND sink IN (SELECT value FROM json_each(?3)) RETURNING id, sink, ordering",
        )?;
        let back: Vec<(i64, String, Option<Vec<u8>>)> = back
            .query_map(params![at, SINK_GONE, known], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        for (id, sink, ordering) in &back {
            self.ready(*id, sink, ordering.as_deref(), at)?;
        }
        self.event(
            at,
            "start",
            None,
            None,
            Some(&format!("interrupted {cut}, gone {gone}, back {}", back.len())),
        )?;
        Ok(Applied::Done(0))
    }

    pub(super) fn release(&mut self, delivery: DeliveryId, at: Millis) -> Result<Applied, Error> {
        let id = number(delivery.0);
        let Some(row) = self.standing(id)? else { return Ok(Applied::Skipped) };
        if row.state != DeliveryState::Parked.number() {
            return Ok(Applied::Skipped);
        }
        if row.barred {
            return Ok(Applied::Barred);
        }
        self.connection.execute(
            "UPDATE delivery SET state = iif(attempts > 0, 1, 0), next_at = NULL, since = ?2, report_code = NULL WHERE id = ?1",
            params![id, at],
        )?;
        self.ready(id, &row.sink, row.ordering.as_deref(), at)?;
        self.event(at, "release", Some(row.message), Some(id), None)?;
        Ok(Applied::Done(0))
    }

    pub(super) fn hand_refuse(&mut self, refusal: &HandRefusal) -> Result<Applied, Error> {
        let id = number(refusal.delivery.0);
        let Some(row) = self.standing(id)? else { return Ok(Applied::Skipped) };
        if row.state != DeliveryState::Parked.number() {
            return Ok(Applied::Skipped);
        }
        self.connection.execute(
            "UPDATE delivery SET state = 5, next_at = NULL, ended_at = ?2, error = ?3, finding = ?4, report_code = ?5
             WHERE id = ?1",
            params![id, refusal.at, refusal.finding.check, to_json(&refusal.finding)?, refusal.code.code],
        )?;
        self.promote(&row.sink, row.ordering.as_deref(), refusal.at)?;
        self.replies(row.message, id, &refusal.shapes, &refusal.replies, refusal.at)?;
        self.event(refusal.at, "refuse", Some(row.message), Some(id), None)?;
        Ok(Applied::Done(0))
    }
}
