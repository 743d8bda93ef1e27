//! Attempts: begun before a byte may leave, ended with what becomes of the delivery.
//! In: [`Start`], [`Finish`]. Out: rows; the next delivery of the ordering key gets its time.

use jonction_ports::DeliveryId;
use rusqlite::{OptionalExtension as _, params};

use super::{Writer, findings_json, message_id, number, sums, to_json};
use crate::{
    error::Error,
    journal::{Applied, DeliveryState, Finish, Millis, Next, Start},
};

impl Writer<'_> {
    pub(super) fn start(&mut self, start: &Start) -> Result<Applied, Error> {
        let id = number(start.delivery.0);
        if self.held_back(id)? {
            return Ok(Applied::Skipped);
        }
        let begun: Option<(i64, i64)> = self
            .connection
            .prepare_cached(
                "UPDATE delivery SET state = 2, next_at = NULL, attempts = attempts + 1
                 WHERE id = ?1 AND state < 2 AND next_at IS NOT NULL RETURNING attempts, message",
            )?
            .query_row(params![id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((attempt, message)) = begun else { return Ok(Applied::Skipped) };
        if let Some(prepared) = &start.prepared {
            for body in &prepared.bodies {
                self.body(body, message_id(message)?)?;
            }
            let json = to_json(&prepared.artefact)?;
            self.connection
                .prepare_cached("UPDATE delivery SET artefact = ?2, artefact_sum = ?3 WHERE id = ?1")?
                .execute(params![id, json, sums::artefact(id, &json)])?;
            self.keys(&prepared.keys, message_id(message)?, Some(start.delivery))?;
            self.await_answers(id, &prepared.awaits, start.at)?;
        }
        self.connection
            .prepare_cached(
                "INSERT INTO attempt (delivery, number, started_at, outcome) VALUES (?1, ?2, ?3, 0)",
            )?
            .execute(params![id, attempt, start.at])?;
        Ok(Applied::Done(u32::try_from(attempt).unwrap_or(u32::MAX)))
    }

    /// It stays the head of its key, and open.
    pub(super) fn postpone(&mut self, delivery: DeliveryId, until: Millis) -> Result<Applied, Error> {
        let changed = self
            .connection
            .prepare_cached(
                "UPDATE delivery SET next_at = ?2 WHERE id = ?1 AND state < 2 AND next_at IS NOT NULL",
            )?
            .execute(params![number(delivery.0), until])?;
        Ok(if changed == 0 { Applied::Skipped } else { Applied::Done(0) })
    }

    pub(super) fn finish(&mut self, finish: &Finish) -> Result<Applied, Error> {
        let id = number(finish.delivery.0);
        let Some(row) = self.standing(id)? else { return Ok(Applied::Skipped) };
        if row.state >= DeliveryState::Parked.number() {
            return Ok(Applied::Skipped);
        }
        // A preparation that failed had no attempt yet: it is one, so that its story can be told.
        let attempt =
            if row.state == DeliveryState::Sending.number() { row.attempts } else { row.attempts + 1 };
        let (state, next_at, code) = match &finish.next {
            Next::Delivered => (DeliveryState::Delivered, None, None),
            Next::Refused(code) => (DeliveryState::Refused, None, Some(code.code.as_str())),
            Next::Parked(code) => (DeliveryState::Parked, None, code.as_ref().map(|code| code.code.as_str())),
            Next::Again { next_at } => (DeliveryState::Retrying, Some(*next_at), None),
        };
        let finding = finish.finding.as_ref();
        let finding_json = finding.map(to_json).transpose()?;
        self.connection
            .prepare_cached(
                "UPDATE delivery SET state = ?2, next_at = ?3, attempts = ?4, after_unknown = after_unknown OR ?5,
                     ended_at = ?6, error = ?7, finding = ?8, report_code = ?9 WHERE id = ?1",
            )?
            .execute(params![
                id,
                state.number(),
                next_at,
                attempt,
                finish.unknown,
                state.is_final().then_some(finish.at),
                finding.map(|finding| finding.check.as_str()),
                finding_json,
                code,
            ])?;
        self.connection
            .prepare_cached(
                "INSERT INTO attempt (delivery, number, started_at, duration_us, outcome, code, peer, bytes_sent,
                     detail, error, finding, notes)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
                 ON CONFLICT (delivery, number) DO UPDATE SET duration_us = excluded.duration_us,
                     outcome = excluded.outcome, code = excluded.code, peer = excluded.peer,
                     bytes_sent = excluded.bytes_sent, detail = excluded.detail, error = excluded.error,
                     finding = excluded.finding, notes = excluded.notes",
            )?
            .execute(params![
                id,
                attempt,
                finish.at,
                finish.duration_us,
                finish.outcome.number(),
                finish.code,
                finish.peer,
                number(finish.bytes_sent),
                finish.detail,
                finding.map(|finding| finding.check.as_str()),
                finding_json,
                findings_json(&finish.notes)?,
            ])?;
        if state >= DeliveryState::Parked {
            self.load.deliveries -= 1;
        }
        if state.is_final() {
            self.promote(&row.sink, row.ordering.as_deref(), finish.at)?;
        }
        self.replies(row.message, id, &finish.shapes, &finish.replies, finish.at)?;
        Ok(Applied::Done(u32::try_from(attempt).unwrap_or(u32::MAX)))
    }
}
