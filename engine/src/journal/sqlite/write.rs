//! Changes become rows. One function per change; all run inside the committer's transaction.
//! In: a [`Change`] and the connection. Out: an [`Applied`], and what it did to the load.
//! The one rule of order: `next_at` is set on the head of an ordering key only (see `promote`).

use jonction_model::{ContentRef, Finding, PartnerName, Severity};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::rows::{body_id, findings_json, get, to_json};
use crate::{
    error::Error,
    index_key::{KeyHash, kind_number},
    journal::{
        Applied, Arrive, AttemptState, Birth, Change, DeliveryState, Finish, HandRefusal, Key, LoadChange,
        MessageState, Millis, NewBody, NewDelivery, NewShape, Next, NotRouted, NotRoutedWhy, Routed, Start,
        Version,
    },
};
use jonction_ports::{DeliveryId, KeyKind, MessageId};

/// Code of the finding on a message whose number was used before for another content.
pub(crate) const CONTROL_ID_REUSED: &str = "engine.control-id-reused";
/// Code of the finding on a delivery whose lane is gone from the configuration.
pub(crate) const SINK_GONE: &str = "engine.sink-gone";
/// Code of the finding on an attempt that a stop or a crash cut.
pub(crate) const INTERRUPTED: &str = "engine.interrupted";

/// One transaction being filled.
pub(super) struct Writer<'c> {
    pub(super) connection: &'c Connection,
    pub(super) load: LoadChange,
}

impl Writer<'_> {
    /// Applies one change.
    pub(super) fn apply(&mut self, change: &Change) -> Result<Applied, Error> {
        match change {
            Change::Arrive(arrive) => self.arrive(arrive),
            Change::Route(routed) => self.route(routed),
            Change::NotRoute(not_routed) => self.not_route(not_routed),
            Change::Start(start) => self.start(start),
            Change::Finish(finish) => self.finish(finish),
            Change::Recover { at, sinks } => self.recover(*at, sinks),
            Change::Release { delivery, at } => self.release(*delivery, *at),
            Change::HandRefuse(refusal) => self.hand_refuse(refusal),
            Change::RouteAgain { message, at } => self.route_again(*message, *at),
        }
    }

    fn arrive(&mut self, arrive: &Arrive) -> Result<Applied, Error> {
        let mut reused = false;
        if let Some(repeat) = &arrive.repeat {
            let mut known = self.connection.prepare_cached(
                "SELECT message.id, body.hash, body.length FROM message JOIN body ON body.id = message.reply
                 WHERE repeat_key = ?1 AND digest = ?2 ORDER BY message.id LIMIT 1",
            )?;
            let first = known
                .query_row(params![repeat.key.0, repeat.digest], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, i64>(2)?))
                })
                .optional()?;
            if let Some((message, reply, length)) = first {
                self.connection
                    .prepare_cached(
                        "INSERT INTO repetition (message, received_at, partner, peer) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute(params![message, arrive.received_at, arrive.partner.as_str(), arrive.peer])?;
                return Ok(Applied::Repeated {
                    message: message_id(message)?,
                    reply: ContentRef::whole(body_id(&reply)?, u64::try_from(length).unwrap_or(0)),
                });
            }
            reused = arrive.accepted
                && self
                    .connection
                    .prepare_cached("SELECT 1 FROM message WHERE repeat_key = ?1 LIMIT 1")?
                    .exists(params![repeat.key.0])?;
        }
        let conflict = if reused { arrive.conflict_reply.as_ref() } else { None };
        let accepted = arrive.accepted && conflict.is_none();
        let raw = self.body(&arrive.raw)?;
        let reply = self.body(conflict.unwrap_or(&arrive.reply))?;
        let findings = if reused {
            let mut findings = arrive.findings.clone();
            findings.push(control_id_reused(accepted));
            findings_json(&findings)?
        } else {
            findings_json(&arrive.findings)?
        };
        let error = match (accepted, conflict) {
            (true, _) => None,
            (false, Some(_)) => Some(CONTROL_ID_REUSED),
            (false, None) => arrive
                .findings
                .iter()
                .find(|finding| finding.severity == Severity::Error)
                .map(|finding| finding.check.as_str()),
        };
        let state = if accepted { MessageState::Received } else { MessageState::Refused };
        // What was refused was not taken: it is judged anew when it comes again.
        let repeat = arrive.repeat.filter(|_| accepted);
        self.connection
            .prepare_cached(
                "INSERT INTO message (received_at, partner, peer, state, kind, profile, control_id, application,
                     facility, raw, reply, repeat_key, digest, findings, error)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            )?
            .execute(params![
                arrive.received_at,
                arrive.partner.as_str(),
                arrive.peer,
                state.number(),
                arrive.facts.kind,
                arrive.facts.profile,
                arrive.facts.control_id.as_ref().map(|id| id.as_str()),
                arrive.facts.sending_application,
                arrive.facts.sending_facility,
                raw,
                reply,
                repeat.map(|repeat| repeat.key.0),
                repeat.map(|repeat| repeat.digest),
                findings,
                error,
            ])?;
        let message = message_id(self.connection.last_insert_rowid())?;
        if accepted {
            self.load.messages += 1;
            Ok(Applied::Accepted { message, reused })
        } else {
            Ok(Applied::Refused { message, reused })
        }
    }

    fn route(&mut self, routed: &Routed) -> Result<Applied, Error> {
        let version = self.version(&routed.version)?;
        let patient = routed.keys.iter().find(|(kind, _)| *kind == KeyKind::Patient).map(|(_, hash)| hash.0);
        let changed = self
            .connection
            .prepare_cached(
                "UPDATE message SET state = ?2, route = ?3, version = ?4, routed_at = ?5, commit_us = coalesce(?6, commit_us),
                     route_findings = ?7, patient = ?8, owed = owed + ?9, error = NULL
                 WHERE id = ?1 AND state = 0",
            )?
            .execute(params![
                number(routed.message.0),
                MessageState::Routed.number(),
                routed.route.as_str(),
                version,
                routed.at,
                routed.commit_us,
                findings_json(&routed.findings)?,
                patient,
                number(routed.deliveries.len() as u64),
            ])?;
        if changed == 0 {
            return Ok(Applied::Skipped);
        }
        self.load.messages -= 1;
        self.keys(&routed.keys, routed.message, None)?;
        self.shapes(routed.message, 0, &routed.shapes)?;
        let mut created: Vec<i64> = Vec::with_capacity(routed.deliveries.len());
        for delivery in &routed.deliveries {
            let cause = delivery.cause.and_then(|cause| created.get(cause).copied());
            created.push(self.delivery(routed.message, 0, delivery, cause, routed.at)?);
        }
        Ok(Applied::Done(0))
    }

    fn not_route(&mut self, not_routed: &NotRouted) -> Result<Applied, Error> {
        let version = not_routed.version.as_ref().map(|version| self.version(version)).transpose()?;
        let mut findings = not_routed.findings.clone();
        let (state, filtered_by, error) = match &not_routed.why {
            NotRoutedWhy::Filtered { by } => (MessageState::Filtered, Some(by.as_str()), None),
            NotRoutedWhy::Parked { finding } => {
                findings.push((**finding).clone());
                (MessageState::Parked, None, Some(finding.check.as_str()))
            }
        };
        let changed = self
            .connection
            .prepare_cached(
                "UPDATE message SET state = ?2, route = ?3, version = ?4, routed_at = ?5, commit_us = coalesce(?6, commit_us),
                     route_findings = ?7, filtered_by = ?8, error = ?9
                 WHERE id = ?1 AND state = 0",
            )?
            .execute(params![
                number(not_routed.message.0),
                state.number(),
                not_routed.route.as_ref().map(|route| route.as_str()),
                version,
                not_routed.at,
                not_routed.commit_us,
                findings_json(&findings)?,
                filtered_by,
                error,
            ])?;
        if changed == 0 {
            return Ok(Applied::Skipped);
        }
        self.load.messages -= 1;
        Ok(Applied::Done(0))
    }

    fn start(&mut self, start: &Start) -> Result<Applied, Error> {
        let id = number(start.delivery.0);
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
                self.body(body)?;
            }
            self.connection
                .prepare_cached("UPDATE delivery SET artefact = ?2 WHERE id = ?1")?
                .execute(params![id, to_json(&prepared.artefact)?])?;
            self.keys(&prepared.keys, message_id(message)?, Some(start.delivery))?;
        }
        self.connection
            .prepare_cached(
                "INSERT INTO attempt (delivery, number, started_at, outcome) VALUES (?1, ?2, ?3, 0)",
            )?
            .execute(params![id, attempt, start.at])?;
        Ok(Applied::Done(u32::try_from(attempt).unwrap_or(u32::MAX)))
    }

    fn finish(&mut self, finish: &Finish) -> Result<Applied, Error> {
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

    fn recover(&mut self, at: Millis, sinks: &[PartnerName]) -> Result<Applied, Error> {
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

    fn release(&mut self, delivery: DeliveryId, at: Millis) -> Result<Applied, Error> {
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

    fn hand_refuse(&mut self, refusal: &HandRefusal) -> Result<Applied, Error> {
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

    fn route_again(&mut self, message: MessageId, at: Millis) -> Result<Applied, Error> {
        let changed = self.connection.execute(
            "UPDATE message SET state = 0, error = NULL WHERE id = ?1 AND state = 4",
            params![number(message.0)],
        )?;
        if changed == 0 {
            return Ok(Applied::Skipped);
        }
        self.load.messages += 1;
        self.event(at, "route-again", Some(number(message.0)), None, None)?;
        Ok(Applied::Done(0))
    }

    /// Adds a report and what carries it to the message of a delivery that ended.
    fn replies(
        &mut self,
        message: i64,
        cause: i64,
        shapes: &[NewShape],
        replies: &[NewDelivery],
        at: Millis,
    ) -> Result<(), Error> {
        if replies.is_empty() {
            return Ok(());
        }
        let first: i64 = self
            .connection
            .prepare_cached("SELECT coalesce(max(position) + 1, 0) FROM shape WHERE message = ?1")?
            .query_row(params![message], |row| row.get(0))?;
        let message = message_id(message)?;
        self.shapes(message, first, shapes)?;
        for reply in replies {
            self.delivery(message, first, reply, Some(cause), at)?;
        }
        self.connection
            .prepare_cached("UPDATE message SET owed = owed + ?2 WHERE id = ?1")?
            .execute(params![number(message.0), number(replies.len() as u64)])?;
        Ok(())
    }

    fn delivery(
        &mut self,
        message: MessageId,
        first_shape: i64,
        delivery: &NewDelivery,
        cause: Option<i64>,
        at: Millis,
    ) -> Result<i64, Error> {
        let part = self.body(&delivery.part)?;
        let (state, finding, code, barred) = match &delivery.birth {
            Birth::Owed => (DeliveryState::Waiting, None, None, false),
            Birth::Refused { finding, code } => {
                (DeliveryState::Refused, Some(finding), Some(code.code.as_str()), false)
            }
            Birth::Parked { finding, code, barred } => {
                (DeliveryState::Parked, Some(finding), code.as_ref().map(|code| code.code.as_str()), *barred)
            }
        };
        let finding_json = finding.map(|finding| to_json(&**finding)).transpose()?;
        self.connection
            .prepare_cached(
                "INSERT INTO delivery (message, shape, sink, ordering, state, part, cause, barred, created_at, since,
                     ended_at, error, finding, report_code)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12, ?13)",
            )?
            .execute(params![
                number(message.0),
                first_shape + number(delivery.shape as u64),
                delivery.sink.as_str(),
                delivery.ordering.map(|KeyHash(hash)| hash),
                state.number(),
                part,
                cause,
                barred,
                at,
                state.is_final().then_some(at),
                finding.map(|finding| finding.check.as_str()),
                finding_json,
                code,
            ])?;
        let id = self.connection.last_insert_rowid();
        if state == DeliveryState::Waiting {
            self.ready(id, delivery.sink.as_str(), delivery.ordering.as_ref().map(|hash| &hash.0[..]), at)?;
        }
        Ok(id)
    }

    /// Gives a delivery its time: at once when its order is free, else when it is the head of its key.
    fn ready(&mut self, id: i64, sink: &str, ordering: Option<&[u8]>, at: Millis) -> Result<(), Error> {
        if ordering.is_some() {
            return self.promote(sink, ordering, at);
        }
        let changed = self
            .connection
            .prepare_cached("UPDATE delivery SET next_at = ?2 WHERE id = ?1 AND next_at IS NULL")?
            .execute(params![id, at])?;
        self.load.deliveries += i64::try_from(changed).unwrap_or(0);
        Ok(())
    }

    /// Gives the head of an ordering key its time, unless it has one, runs, or is parked.
    fn promote(&mut self, sink: &str, ordering: Option<&[u8]>, at: Millis) -> Result<(), Error> {
        let Some(ordering) = ordering else { return Ok(()) };
        let changed = self
            .connection
            .prepare_cached(
                "UPDATE delivery SET next_at = ?3
                 WHERE id = (SELECT min(id) FROM delivery WHERE sink = ?1 AND ordering = ?2 AND state < 4)
                     AND state < 2 AND next_at IS NULL",
            )?
            .execute(params![sink, ordering, at])?;
        self.load.deliveries += i64::try_from(changed).unwrap_or(0);
        Ok(())
    }

    fn standing(&self, delivery: i64) -> Result<Option<Standing>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT message, sink, ordering, state, attempts, barred FROM delivery WHERE id = ?1",
        )?;
        let mut rows = statement.query(params![delivery])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some(Standing {
            message: get(row, "message")?,
            sink: get(row, "sink")?,
            ordering: get(row, "ordering")?,
            state: get(row, "state")?,
            attempts: get(row, "attempts")?,
            barred: get(row, "barred")?,
        }))
    }

    /// Row of a body, made if it is not there.
    fn body(&self, body: &NewBody) -> Result<i64, Error> {
        let inserted = self
            .connection
            .prepare_cached("INSERT OR IGNORE INTO body (hash, length, bytes) VALUES (?1, ?2, ?3)")?
            .execute(params![body.id.as_bytes(), number(body.length), body.bytes.as_deref()])?;
        if inserted == 1 {
            return Ok(self.connection.last_insert_rowid());
        }
        Ok(self
            .connection
            .prepare_cached("SELECT id FROM body WHERE hash = ?1")?
            .query_row(params![body.id.as_bytes()], |row| row.get(0))?)
    }

    fn version(&self, version: &Version) -> Result<i64, Error> {
        let hash = version.hash.as_bytes();
        let known = self
            .connection
            .prepare_cached("SELECT id FROM version WHERE hash = ?1")?
            .query_row(params![hash], |row| row.get(0))
            .optional()?;
        if let Some(id) = known {
            return Ok(id);
        }
        self.connection
            .prepare_cached("INSERT INTO version (hash, text) VALUES (?1, ?2)")?
            .execute(params![hash, version.text])?;
        Ok(self.connection.last_insert_rowid())
    }

    fn keys(&self, keys: &[Key], message: MessageId, delivery: Option<DeliveryId>) -> Result<(), Error> {
        let mut statement = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO key (kind, hash, message, delivery) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for (kind, hash) in keys {
            let delivery = delivery.map_or(0, |delivery| delivery.0);
            statement.execute(params![
                number(kind_number(*kind) as u64),
                hash.0,
                number(message.0),
                number(delivery)
            ])?;
        }
        Ok(())
    }

    fn shapes(&self, message: MessageId, first: i64, shapes: &[NewShape]) -> Result<(), Error> {
        for (position, shape) in (first..).zip(shapes) {
            let body = self.body(&shape.body)?;
            // A message routed again after it was parked has no shapes yet: it was parked before it had any.
            self.connection
                .prepare_cached("INSERT INTO shape (message, position, name, body) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![number(message.0), position, shape.name, body])?;
        }
        Ok(())
    }

    fn event(
        &self,
        at: Millis,
        kind: &str,
        message: Option<i64>,
        delivery: Option<i64>,
        detail: Option<&str>,
    ) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "INSERT INTO event (at, kind, message, delivery, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![at, kind, message, delivery, detail])?;
        Ok(())
    }
}

/// A delivery, as far as a change must know it.
struct Standing {
    message: i64,
    sink: String,
    ordering: Option<Vec<u8>>,
    state: i64,
    attempts: i64,
    barred: bool,
}

/// SQLite's integers are signed; our numbers start at 1 and never come near the end.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn message_id(id: i64) -> Result<MessageId, Error> {
    u64::try_from(id).map(MessageId).map_err(|_| Error::Inconsistent("message.id".to_owned()))
}

pub(crate) fn control_id_reused(accepted: bool) -> Finding {
    let severity = if accepted { Severity::Warning } else { Severity::Error };
    Finding::new(
        severity,
        CONTROL_ID_REUSED,
        "ce numéro de message a déjà servi pour un autre contenu du même émetteur",
    )
    .remedy("donner un numéro neuf (MSH-10) à chaque message, et le garder seulement pour renvoyer le même")
}

fn interrupted() -> Finding {
    Finding::warning(
        INTERRUPTED,
        "la passerelle s'est arrêtée pendant cette tentative : son issue est inconnue",
    )
    .remedy(
        "rien à faire : le partenaire est interrogé avant tout nouvel envoi, là où ses règles le permettent",
    )
}

fn sink_gone() -> Finding {
    Finding::error(SINK_GONE, "ce partenaire n'est plus dans la configuration")
        .remedy("remettre le partenaire : ses envois repartent au démarrage ; ou les refuser (jonction parked refuse)")
}
