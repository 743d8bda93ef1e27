//! Routing of a message: its shapes, its keys, what it owes; and the reports that an ending adds to it.
//! In: a decision of the router. Out: rows.

use jonction_ports::{DeliveryId, KeyKind, MessageId};
use rusqlite::params;

use super::{Writer, findings_json, message_id, number, sums, to_json};
use crate::{
    error::Error,
    index_key::{KeyHash, kind_number},
    journal::{
        Applied, Birth, DeliveryState, MessageState, Millis, NewDelivery, NewShape, NotRouted, NotRoutedWhy,
        Routed, Whole,
    },
};

impl Writer<'_> {
    /// In the order of messages, whatever failed meanwhile: a delivery's number is its place in its ordering key. A
    /// message that comes before an older one is skipped, and decided again after it.
    pub(super) fn route(&mut self, routed: &Routed) -> Result<Applied, Error> {
        let older = self
            .connection
            .prepare_cached("SELECT 1 FROM message WHERE state = 0 AND id < ?1 LIMIT 1")?
            .exists(params![number(routed.message.0)])?;
        if older {
            return Ok(Applied::Skipped);
        }
        if let Some(by) = self.seen_before(routed)? {
            return self.filter_seen(routed, by);
        }
        let version = self.version(&routed.version)?;
        let patient = routed.keys.iter().find(|(kind, _)| *kind == KeyKind::Patient).map(|(_, hash)| hash.0);
        let changed = self
            .connection
            .prepare_cached(
                "UPDATE message SET state = ?2, route = ?3, version = ?4, routed_at = ?5, commit_us = coalesce(?6, commit_us),
                     route_findings = ?7, patient = ?8, error = NULL
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
            ])?;
        if changed == 0 {
            return Ok(Applied::Skipped);
        }
        self.load.messages -= 1;
        self.keys(&routed.keys, routed.message, None)?;
        let once: Vec<_> = routed.once.iter().map(|once| (KeyKind::Once, once.hash)).collect();
        self.keys(&once, routed.message, None)?;
        self.answers(routed.message, &routed.answers, routed.at)?;
        let owed = if routed.edited { self.replace(routed)? } else { self.create(routed)? };
        self.owe(routed.message, owed)?;
        Ok(Applied::Done(0))
    }

    fn create(&mut self, routed: &Routed) -> Result<u64, Error> {
        self.shapes(routed.message, 0, &routed.shapes)?;
        let mut created: Vec<Option<i64>> = Vec::with_capacity(routed.deliveries.len());
        for delivery in &routed.deliveries {
            let cause = delivery.cause.and_then(|cause| created.get(cause).copied().flatten());
            created.push(match self.is_due(routed.message, delivery)? {
                true => {
                    Some(self.delivery(routed.message, (0, &routed.shapes), delivery, cause, routed.at)?)
                }
                false => None,
            });
        }
        Ok(created.iter().flatten().count() as u64)
    }

    /// What is owed is counted on the message, apart from what becomes of it: a hole shows.
    fn owe(&self, message: MessageId, more: u64) -> Result<(), Error> {
        self.connection
            .prepare_cached("UPDATE message SET owed = owed + ?2 WHERE id = ?1")?
            .execute(params![number(message.0), number(more)])?;
        Ok(())
    }

    /// Whether another message brought one of its keys, within the window: whichever of both was routed first.
    fn seen_before(&self, routed: &Routed) -> Result<Option<String>, Error> {
        for once in &routed.once {
            let seen = self
                .connection
                .prepare_cached(
                    "SELECT 1 FROM key JOIN message AS other ON other.id = key.message
                     WHERE key.kind = ?1 AND key.hash = ?2 AND other.id <> ?3 AND other.state <> 3
                         AND abs(other.received_at - (SELECT received_at FROM message WHERE id = ?3)) <= ?4 LIMIT 1",
                )?
                .exists(params![
                    number(kind_number(KeyKind::Once) as u64),
                    once.hash.0,
                    number(routed.message.0),
                    once.window
                ])?;
            if seen {
                return Ok(Some(once.by.clone()));
            }
        }
        Ok(None)
    }

    fn filter_seen(&mut self, routed: &Routed, by: String) -> Result<Applied, Error> {
        let filtered = NotRouted {
            message: routed.message,
            at: routed.at,
            commit_us: routed.commit_us,
            route: Some(routed.route.clone()),
            version: Some(routed.version.clone()),
            why: NotRoutedWhy::Filtered { by: by.clone() },
            findings: routed.findings.clone(),
            answers: routed.answers.clone(),
        };
        let applied = self.not_route(&filtered)?;
        Ok(if matches!(applied, Applied::Done(_)) { Applied::Filtered { by } } else { applied })
    }

    pub(super) fn not_route(&mut self, not_routed: &NotRouted) -> Result<Applied, Error> {
        let route = not_routed.route.as_ref().map(|route| route.as_str());
        // Lifted since it was decided: it waits for routing, and the router looks again.
        if matches!(not_routed.why, NotRoutedWhy::Held) && !self.route_is_held(route.unwrap_or_default())? {
            return Ok(Applied::Skipped);
        }
        let version = not_routed.version.as_ref().map(|version| self.version(version)).transpose()?;
        let mut findings = not_routed.findings.clone();
        let (state, filtered_by, error) = match &not_routed.why {
            NotRoutedWhy::Held => (MessageState::Held, None, Some(super::hold::HELD)),
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
                route,
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
        self.answers(not_routed.message, &not_routed.answers, not_routed.at)?;
        Ok(Applied::Done(0))
    }

    /// Adds a report and what carries it to the message of a delivery that ended.
    pub(super) fn replies(
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
        let mut owed = 0;
        for reply in replies {
            if self.is_due(message, reply)? {
                self.delivery(message, (first, shapes), reply, Some(cause), at)?;
                owed += 1;
            }
        }
        self.owe(message, owed)
    }

    /// A report about a whole message is written once; a good one when everything is delivered. Deliveries that end at the
    /// same moment are told apart here: of two that are the last, one is.
    fn is_due(&self, message: MessageId, delivery: &NewDelivery) -> Result<bool, Error> {
        let Some(rule) = delivery.whole else { return Ok(true) };
        let id = number(message.0);
        if let Some(KeyHash(hash)) = delivery.recipient {
            let told = "SELECT 1 FROM key JOIN delivery ON delivery.id = key.delivery
                 WHERE key.kind = ?1 AND key.hash = ?2 AND key.message = ?3 AND delivery.cause IS NOT NULL
                     AND delivery.sink = ?4";
            let kind = number(kind_number(KeyKind::Recipient) as u64);
            let mut told = self.connection.prepare_cached(told)?;
            if told.exists(params![kind, hash, id, delivery.sink.as_str()])? {
                return Ok(false);
            }
        }
        let open = "SELECT 1 FROM delivery WHERE message = ?1 AND cause IS NULL AND state NOT IN (4, 6)";
        Ok(rule == Whole::Refused || !self.connection.prepare_cached(open)?.exists(params![id])?)
    }

    /// `shapes`: those it is one of, and the position of the first of them.
    pub(super) fn delivery(
        &mut self,
        message: MessageId,
        (first_shape, shapes): (i64, &[NewShape]),
        delivery: &NewDelivery,
        cause: Option<i64>,
        at: Millis,
    ) -> Result<i64, Error> {
        let part = self.body(&delivery.part, message)?;
        let shape =
            shapes.get(delivery.shape).ok_or_else(|| Error::Inconsistent("delivery.shape".to_owned()))?;
        let sum = sums::delivery(number(message.0), delivery.sink.as_str(), shape.body.id, delivery.part.id);
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
                     ended_at, error, finding, report_code, sum)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12, ?13, ?14)",
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
                sum,
            ])?;
        let id = self.connection.last_insert_rowid();
        if let Some(recipient) = delivery.recipient {
            let of = u64::try_from(id).ok().map(DeliveryId);
            self.keys(&[(KeyKind::Recipient, recipient)], message, of)?;
        }
        if state == DeliveryState::Waiting {
            self.ready(id, delivery.sink.as_str(), delivery.ordering.as_ref().map(|hash| &hash.0[..]), at)?;
        }
        Ok(id)
    }
}
