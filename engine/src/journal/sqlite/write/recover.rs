//! A start of the engine: what was being sent, lanes that are gone or back, a clock that went back in between.
//! In: the lanes there are. Out: rows, and one of the audit chain. Cost: what is to change, and one look per lane; never what merely waits.
//! The terms `state < 4` beside `state = …` name the partial indexes: SQLite does not deduce them.

use jonction_model::{Finding, PartnerName};
use rusqlite::{OptionalExtension as _, params};
use serde_json::json;

use super::{INTERRUPTED, SINK_GONE, Writer, audit::Told, interrupted, order::Done, sink_gone, to_json};
use crate::{
    error::Error,
    journal::{Applied, AttemptState, Millis, sqlite::rows::timestamp},
    lane::unknown_outcome,
    order::audit::PROCESS,
};

/// Rows of a lane that are looked at to learn whether the clock went back.
const FUTURE_ROWS_MAX: u32 = 10_000;

impl Writer<'_> {
    pub(super) fn recover(
        &mut self,
        at: Millis,
        sinks: &[PartnerName],
        ask: &[PartnerName],
    ) -> Result<Applied, Error> {
        let lanes = self.open_lanes()?;
        let back_by = self.clock_went_back(at, &lanes)?;
        self.set_back(at, back_by, &lanes)?;
        let cut = self.interrupted_attempts(at, ask)?;
        let mut gone = 0;
        for lane in lanes.iter().filter(|lane| sinks.iter().all(|sink| sink.as_str() != lane.as_str())) {
            gone += self.lane_gone(lane)?;
        }
        let back = self.lanes_back(at, sinks)?;
        let detail = json!({ "interrupted": cut, "gone": gone, "back": back, "clock_back_ms": back_by });
        self.audit(at, (PROCESS, None), &Told { detail: Some(detail), ..Told::new("start") })?;
        Ok(Applied::Done(0))
    }

    pub(super) fn clock_back(&mut self, at: Millis, by: Millis) -> Result<Applied, Error> {
        let lanes = self.open_lanes()?;
        self.set_back(at, by, &lanes)?;
        let detail = json!({ "clock_back_ms": by });
        self.audit(at, (PROCESS, None), &Told { detail: Some(detail), ..Told::new("clock-back") })?;
        Ok(Applied::Done(0))
    }

    /// Lanes that owe something. A look per lane, not per delivery.
    fn open_lanes(&self) -> Result<Vec<String>, Error> {
        let hops = |index: &str, is_open: &str| {
            format!(
                "WITH RECURSIVE lane (sink) AS (
                     SELECT min(sink) FROM delivery INDEXED BY {index} WHERE {is_open}
                     UNION ALL
                     SELECT (SELECT min(sink) FROM delivery INDEXED BY {index}
                                 WHERE sink > lane.sink AND {is_open})
                         FROM lane WHERE lane.sink IS NOT NULL)
                 SELECT sink FROM lane WHERE sink IS NOT NULL"
            )
        };
        let mut lanes = Vec::new();
        for sql in [
            hops("delivery_due", "state < 2 AND next_at IS NOT NULL"),
            hops("delivery_order", "state < 4 AND ordering IS NOT NULL"),
        ] {
            let mut statement = self.connection.prepare(&sql)?;
            let found = statement.query_map([], |row| row.get(0))?;
            lanes.extend(found.collect::<Result<Vec<String>, _>>()?);
        }
        lanes.sort_unstable();
        lanes.dedup();
        Ok(lanes)
    }

    /// How far the clock went back while nothing ran: an attempt cannot have ended later than now, and what was never
    /// attempted cannot wait for a later moment.
    fn clock_went_back(&self, at: Millis, lanes: &[String]) -> Result<Millis, Error> {
        let mut latest = self.connection.prepare(
            "SELECT max(iif(d.attempts = 0, d.next_at, a.started_at + coalesce(a.duration_us, 0) / 1000)) FROM
                 (SELECT id, attempts, next_at FROM delivery
                  WHERE sink = ?1 AND state < 2 AND next_at IS NOT NULL AND next_at > ?2
                  ORDER BY next_at DESC LIMIT ?3) d
             LEFT JOIN attempt a ON a.delivery = d.id AND a.number = d.attempts",
        )?;
        let mut back_by = 0;
        for lane in lanes {
            let known: Option<Option<Millis>> =
                latest.query_row(params![lane, at, FUTURE_ROWS_MAX], |row| row.get(0)).optional()?;
            back_by = back_by.max(known.flatten().unwrap_or(at) - at);
        }
        Ok(back_by)
    }

    fn set_back(&self, at: Millis, by: Millis, lanes: &[String]) -> Result<(), Error> {
        if by <= 0 {
            return Ok(());
        }
        let mut waiting = self.connection.prepare(
            "UPDATE delivery SET next_at = max(next_at - ?3, ?2)
             WHERE sink = ?1 AND state < 2 AND next_at IS NOT NULL AND next_at > ?2",
        )?;
        for lane in lanes {
            waiting.execute(params![lane, at, by])?;
        }
        Ok(())
    }

    /// What was being sent is of unknown outcome: probed or sent again, or left to a human where the lane says so.
    fn interrupted_attempts(&mut self, at: Millis, ask: &[PartnerName]) -> Result<usize, Error> {
        let finding = to_json(&interrupted())?;
        let cut = self.connection.execute(
            "UPDATE attempt SET outcome = ?1, error = ?2, finding = ?3 WHERE outcome = 0 AND delivery IN
                 (SELECT id FROM delivery WHERE state = 2 AND state < 4)",
            params![AttemptState::Unknown.number(), INTERRUPTED, finding],
        )?;
        let asked = unknown_outcome(INTERRUPTED);
        let parked = self.connection.execute(
            "UPDATE delivery SET state = 3, after_unknown = 1, error = ?1, finding = ?2
             WHERE state = 2 AND state < 4 AND sink IN (SELECT value FROM json_each(?3))",
            params![asked.check, to_json(&asked)?, to_json(&ask)?],
        )?;
        self.load.deliveries -= i64::try_from(parked).unwrap_or(0);
        self.connection.execute(
            "UPDATE delivery SET state = 1, after_unknown = 1, next_at = ?1, error = ?2, finding = ?3
             WHERE state = 2 AND state < 4",
            params![at, INTERRUPTED, finding],
        )?;
        Ok(cut)
    }

    /// Parks what is owed to a partner that is no longer in the configuration.
    fn lane_gone(&mut self, lane: &str) -> Result<usize, Error> {
        let finding = to_json(&sink_gone())?;
        let park = |which: &str| {
            self.connection.execute(
                &format!(
                    "UPDATE delivery SET state = 3, next_at = NULL, error = ?1, finding = ?2
                     WHERE sink = ?3 AND state < 2 AND {which}"
                ),
                params![SINK_GONE, finding, lane],
            )
        };
        let timed = park("next_at IS NOT NULL")?;
        let behind = park("state < 4 AND ordering IS NOT NULL")?;
        self.load.deliveries -= i64::try_from(timed).unwrap_or(0);
        Ok(timed + behind)
    }

    /// Puts back in its lane what was parked because its partner was gone.
    fn lanes_back(&mut self, at: Millis, sinks: &[PartnerName]) -> Result<usize, Error> {
        let mut back = self.connection.prepare(
            "UPDATE delivery SET state = iif(attempts > 0, 1, 0), next_at = NULL, since = ?1, error = NULL, finding = NULL
             WHERE state = 3 AND state < 4 AND error = ?2 AND sink IN (SELECT value FROM json_each(?3))
             RETURNING id, sink, ordering",
        )?;
        let back: Vec<(i64, String, Option<Vec<u8>>)> = back
            .query_map(params![at, SINK_GONE, to_json(&sinks)?], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect::<Result<_, _>>()?;
        for (id, sink, ordering) in &back {
            self.ready(*id, sink, ordering.as_deref(), at)?;
        }
        Ok(back.len())
    }

    /// A store from a backup: nobody knows what was sent after it was taken. What was prepared goes on as after a crash in
    /// mid-air: probed or sent again with the same identifiers, or left to a human, as its lane says. What was not may
    /// have left under identifiers that are lost: a human decides. So does what was held back, or parked.
    pub(super) fn restored(&mut self, made_at: Millis) -> Result<Done, Error> {
        let timed = "next_at IS NOT NULL AND state < 2";
        let count = |of: &str| -> Result<i64, Error> {
            Ok(self.connection.query_row(&format!("SELECT count(*) FROM {of}"), [], |row| row.get(0))?)
        };
        let lost = count(&format!("delivery WHERE {timed} AND artefact IS NULL"))?;
        let finding = restored();
        let json = to_json(&finding)?;
        let unprepared = self.connection.execute(
            "UPDATE delivery SET state = 3, next_at = NULL, error = ?1, finding = ?2 WHERE state < 3 AND artefact IS NULL",
            params![finding.check, json],
        )?;
        self.connection.execute(
            "INSERT OR REPLACE INTO attempt (delivery, number, started_at, outcome)
             SELECT id, attempts + 1, ?1, 0 FROM delivery WHERE state < 2 AND next_at IS NOT NULL",
            params![made_at],
        )?;
        let prepared = self.connection.execute(
            "UPDATE delivery SET state = 2, attempts = attempts + 1, next_at = NULL, after_unknown = 1
             WHERE state < 2 AND next_at IS NOT NULL",
            [],
        )?;
        // What a human held back, or had parked, may have been given back and sent since.
        let still = "state IN (-1, 0, 1, 3) AND next_at IS NULL AND artefact IS NOT NULL";
        self.connection.execute(
            &format!(
                "INSERT OR REPLACE INTO attempt (delivery, number, started_at, outcome, error, finding)
                 SELECT id, attempts + 1, ?1, ?2, ?3, ?4 FROM delivery WHERE {still}"
            ),
            params![made_at, AttemptState::Unknown.number(), INTERRUPTED, to_json(&interrupted())?],
        )?;
        let still = self.connection.execute(
            &format!("UPDATE delivery SET attempts = attempts + 1, after_unknown = 1 WHERE {still}"),
            [],
        )?;
        let routing = count("message WHERE state = 0")?;
        let messages = self.connection.execute(
            "UPDATE message SET state = 4, error = ?1, route_findings = ?2 WHERE state IN (0, 6)",
            params![finding.check, to_json(&[&finding])?],
        )?;
        self.load.deliveries -= lost;
        self.load.messages -= routing;
        let detail = json!({
            "made_at": timestamp(made_at)?, "unknown": prepared + still, "parked": unprepared, "messages_parked": messages
        });
        Ok(Ok(Told { detail: Some(detail), ..Told::new("restored") }))
    }
}

/// What could have left after the backup.
fn restored() -> Finding {
    Finding::error(
        "engine.restored",
        "le journal vient d'une sauvegarde : ceci a pu partir après elle, sans que personne ne le sache ici",
    )
    .remedy(
        "demander au partenaire s'il l'a reçu ; sinon le libérer (jonction parked release), ou le refuser \
         (jonction parked refuse)",
    )
}
