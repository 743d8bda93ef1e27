//! What comes back of deliveries, read: which delivery an identifier left with, what answered it, what was not answered.
//! In: the connection pool. Out: values for routing, journeys and the watch.

use jonction_model::ReportStage;
use jonction_ports::{DeliveryId, MessageId};
use rusqlite::{Connection, params};

use super::{
    SqliteJournal,
    rows::{get, number, row_number, small, time},
};
use crate::{
    error::Error,
    index_key::kind_number,
    journal::{Key, KnownAnswer, Millis},
    questions::{AnswerGiven, AnswerLine, Unanswered},
};

/// Stages, at the place of their stored integer: never reordered.
const STAGES: [ReportStage; 3] = [ReportStage::Submission, ReportStage::Delivery, ReportStage::Reading];

pub(super) fn stage_number(stage: ReportStage) -> i64 {
    match stage {
        ReportStage::Submission => 0,
        ReportStage::Delivery => 1,
        ReportStage::Reading => 2,
    }
}

fn stage(row: &rusqlite::Row<'_>) -> Result<ReportStage, Error> {
    let at = small(row, "stage")? as usize;
    STAGES.get(at).copied().ok_or_else(|| Error::Inconsistent("answer.stage".to_owned()))
}

fn weight(row: &rusqlite::Row<'_>) -> Result<u8, Error> {
    u8::try_from(small(row, "standing")?).map_err(|_| Error::Inconsistent("answer.standing".to_owned()))
}

impl SqliteJournal {
    pub(super) fn deliveries_left_with(&self, (kind, hash): &Key) -> Result<Vec<DeliveryId>, Error> {
        self.reading(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT delivery FROM key WHERE kind = ?1 AND hash = ?2 AND delivery <> 0
                 ORDER BY delivery DESC LIMIT 2",
            )?;
            let mut rows = statement.query(params![row_number(kind_number(*kind) as u64), hash.0])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(DeliveryId(number(row, "delivery")?));
            }
            Ok(found)
        })
    }

    pub(super) fn known_answers(&self, delivery: DeliveryId) -> Result<Vec<KnownAnswer>, Error> {
        self.reading(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT message, stage, standing FROM answer WHERE delivery = ?1 ORDER BY number",
            )?;
            let mut rows = statement.query(params![row_number(delivery.0)])?;
            let mut known = Vec::new();
            while let Some(row) = rows.next()? {
                let message = MessageId(number(row, "message")?);
                known.push(KnownAnswer { message, stage: stage(row)?, weight: weight(row)? });
            }
            Ok(known)
        })
    }

    pub(super) fn not_answered(
        &self,
        stage: ReportStage,
        since: Millis,
        before: Millis,
    ) -> Result<Unanswered, Error> {
        /// Beyond so many, more is no news.
        const COUNTED_MAX: i64 = 100_000;
        self.reading(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT count(*) AS count, min(since) AS oldest FROM
                     (SELECT awaited.since FROM awaited JOIN delivery ON delivery.id = awaited.delivery
                      WHERE stage = ?1 AND awaited.since >= ?2 AND awaited.since < ?3 AND delivery.state = 4 LIMIT ?4)",
            )?;
            let mut rows = statement.query(params![stage_number(stage), since, before, COUNTED_MAX])?;
            let Some(row) = rows.next()? else { return Ok(Unanswered::default()) };
            let oldest_at = super::rows::optional_time(row, "oldest")?;
            Ok(Unanswered { count: number(row, "count")?, oldest_at })
        })
    }
}

/// What answered a delivery, in the order in which it came.
pub(super) fn of_delivery(connection: &Connection, delivery: DeliveryId) -> Result<Vec<AnswerLine>, Error> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM answer WHERE delivery = ?1 ORDER BY number")?;
    let mut rows = statement.query(params![row_number(delivery.0)])?;
    let mut answers = Vec::new();
    while let Some(row) = rows.next()? {
        answers.push(AnswerLine {
            message: MessageId(number(row, "message")?),
            at: time(row, "at")?,
            stage: stage(row)?,
            standing: AnswerLine::word(weight(row)?),
            code: get(row, "code")?,
            detail: get(row, "detail")?,
        });
    }
    Ok(answers)
}

/// What a message answered.
pub(super) fn given_by(connection: &Connection, message: MessageId) -> Result<Vec<AnswerGiven>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT answer.delivery, delivery.message, answer.detail, answer.code FROM answer
         JOIN delivery ON delivery.id = answer.delivery WHERE answer.message = ?1 ORDER BY answer.delivery",
    )?;
    let mut rows = statement.query(params![row_number(message.0)])?;
    let mut given = Vec::new();
    while let Some(row) = rows.next()? {
        given.push(AnswerGiven {
            delivery: DeliveryId(number(row, "delivery")?),
            message: MessageId(number(row, "message")?),
            code: get(row, "code")?,
            detail: get(row, "detail")?,
        });
    }
    Ok(given)
}
