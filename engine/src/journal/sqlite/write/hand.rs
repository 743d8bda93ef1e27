//! What a human decides of a delivery.
//! In: the change. Out: rows, and an event for the audit.

use jonction_ports::DeliveryId;
use rusqlite::params;

use super::{Writer, number, to_json};
use crate::{
    error::Error,
    journal::{Applied, DeliveryState, HandRefusal, Millis},
};

impl Writer<'_> {
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
