//! What a message says of deliveries of other messages.
//! In: decided answers. Out: rows; the report of one that changes what is known, and no other.

use jonction_model::{ReportStage, Standing};
use jonction_ports::MessageId;
use rusqlite::params;

use super::{Writer, number};
use crate::{
    error::Error,
    journal::{DeliveryState, Millis, NewAnswer, sqlite::answers::stage_number},
};

impl Writer<'_> {
    /// Two messages may say the same at the same time: which of them tells the sender is decided here.
    pub(super) fn answers(&mut self, by: MessageId, answers: &[NewAnswer], at: Millis) -> Result<(), Error> {
        for answer in answers {
            self.answer(by, answer, at)?;
        }
        Ok(())
    }

    fn answer(&mut self, by: MessageId, answer: &NewAnswer, at: Millis) -> Result<(), Error> {
        let delivery = number(answer.delivery.0);
        let Some(row) = self.standing(delivery)? else { return Ok(()) };
        let (stage, weight) = (stage_number(answer.stage), i64::from(answer.standing.weight()));
        // A message that a human released says again what it said.
        let said =
            "SELECT 1 FROM answer WHERE delivery = ?1 AND message = ?2 AND stage = ?3 AND standing = ?4";
        let mut said = self.connection.prepare_cached(said)?;
        if said.exists(params![delivery, number(by.0), stage, weight])? {
            return Ok(());
        }
        let known: i64 = self
            .connection
            .prepare_cached(
                "SELECT coalesce(max(standing), -1) FROM answer WHERE delivery = ?1 AND stage = ?2",
            )?
            .query_row(params![delivery, stage], |row| row.get(0))?;
        self.connection
            .prepare_cached(
                "INSERT INTO answer (delivery, number, message, at, stage, standing, code, detail)
                 SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7 FROM answer WHERE delivery = ?1",
            )?
            .execute(params![
                delivery,
                number(by.0),
                at,
                stage,
                weight,
                answer.standing.code().map(|code| code.code.as_str()),
                answer.detail,
            ])?;
        if answer.standing != Standing::Pending {
            self.no_longer_awaited(delivery, answer)?;
        }
        // What was refused was told already, and nobody waits for what was replaced.
        let over = [DeliveryState::Refused, DeliveryState::Replaced].map(DeliveryState::number);
        if weight > known && !over.contains(&row.state) {
            self.replies(row.message, delivery, &answer.shapes, &answer.replies, at)?;
        }
        Ok(())
    }

    /// Whoever read it had it: the notice of delivery is not waited for any more. What came back will not be read.
    fn no_longer_awaited(&mut self, delivery: i64, answer: &NewAnswer) -> Result<(), Error> {
        let both = answer.stage == ReportStage::Reading || answer.standing.code().is_some();
        let stage = if both { None } else { Some(stage_number(answer.stage)) };
        self.connection
            .prepare_cached("DELETE FROM awaited WHERE delivery = ?1 AND (?2 IS NULL OR stage = ?2)")?
            .execute(params![delivery, stage])?;
        Ok(())
    }

    /// Answers that a delivery asks for, the first time it leaves.
    pub(super) fn await_answers(
        &mut self,
        delivery: i64,
        stages: &[ReportStage],
        at: Millis,
    ) -> Result<(), Error> {
        for stage in stages {
            self.connection
                .prepare_cached("INSERT OR IGNORE INTO awaited (stage, since, delivery) VALUES (?1, ?2, ?3)")?
                .execute(params![stage_number(*stage), at, delivery])?;
        }
        Ok(())
    }
}
