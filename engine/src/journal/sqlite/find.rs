//! `jonction find`: which messages match.
//! In: a [`Query`], identifiers already hashed. Out: messages, latest first, with their deliveries in short.

use jonction_model::{ContentRef, Finding, ReportStage};
use jonction_ports::{Bodies, BodyError, DeliveryId, MessageId, Part};
use rusqlite::{Connection, Row, ToSql, params, params_from_iter};

use super::{
    SqliteJournal,
    purge::HELD,
    rows::{get, json, number, optional_time, partner, route, small, state, time, whole},
};
use crate::{
    Deployment, HoldLine, RouteSet,
    error::Error,
    index_key::kind_number,
    journal::{DeliveryState, Key, MessageState, Millis, Questions},
    order::{
        AuditHash, AuditHead,
        audit::{AuditLine, AuditVerdict},
        retention::{Aging, LegalHold, PurgeCursor, PurgeWindow, Purged},
    },
    questions::{
        AuditQuery, Balance, DeliveryLine, MessageJourney, MessageLine, Query, Queues, Recent, Troubled,
        Unanswered, Window,
    },
};

/// A part holds labels and an address: a body of one megabyte is not one.
const PART_BYTES_MAX: u64 = 1 << 20;

impl Questions for SqliteJournal {
    fn deployments(&self) -> Result<Vec<Deployment>, Error> {
        self.read_deployments()
    }

    fn route_set(&self, version: &str) -> Result<Option<RouteSet>, Error> {
        self.read_route_set(version)
    }

    fn find(&self, query: &Query) -> Result<Vec<MessageLine>, Error> {
        let (sql, values) = to_sql(query);
        self.reading(|connection| {
            let mut statement = connection.prepare(&sql)?;
            let mut rows = statement.query(params_from_iter(values.iter()))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let id = MessageId(number(row, "id")?);
                found.push(MessageLine {
                    id,
                    received_at: time(row, "received_at")?,
                    partner: partner(row, "partner")?,
                    route: route(row, "route")?,
                    kind: get(row, "kind")?,
                    control_id: get(row, "control_id")?,
                    state: state(row, "state", MessageState::of)?,
                    error: get(row, "error")?,
                    bytes: number(row, "length")?,
                    purged_at: optional_time(row, "purged_at")?,
                    legal_hold: get(row, "held")?,
                    deliveries: self.delivery_lines(connection, id)?,
                });
            }
            Ok(found)
        })
    }

    fn troubled(&self, window: Window, structure: &str, limit: u32) -> Result<Troubled, Error> {
        super::day::troubled(self, window, structure, limit)
    }

    fn unanswered(&self, stage: ReportStage, since: Millis, before: Millis) -> Result<Unanswered, Error> {
        self.not_answered(stage, since, before)
    }

    fn recent(&self) -> Result<Recent, Error> {
        super::recent::recent(self)
    }

    fn queues(&self) -> Result<Queues, Error> {
        super::queues::queues(self)
    }

    fn holds(&self) -> Result<Vec<HoldLine>, Error> {
        self.reading(super::holds::lines)
    }

    fn known_as(&self, control_id: &str, keys: &[Key], limit: u32) -> Result<Vec<MessageId>, Error> {
        let mut condition = Condition::default();
        let control = condition.value(control_id.to_owned());
        let mut sql = format!("SELECT id FROM message WHERE control_id = {control}");
        for key in keys {
            sql += &format!(" UNION SELECT message FROM key WHERE {}", condition.key(key));
        }
        sql += &format!(" ORDER BY 1 LIMIT {limit}");
        self.reading(|connection| {
            let mut statement = connection.prepare(&sql)?;
            let mut rows = statement.query(params_from_iter(condition.values.iter()))?;
            let mut known = Vec::new();
            while let Some(row) = rows.next()? {
                known.push(MessageId(number(row, "id")?));
            }
            Ok(known)
        })
    }

    fn message_of(&self, delivery: DeliveryId) -> Result<Option<MessageId>, Error> {
        self.reading(|connection| {
            let mut statement = connection.prepare_cached("SELECT message FROM delivery WHERE id = ?1")?;
            let mut rows = statement.query(params![i64::try_from(delivery.0).unwrap_or(i64::MAX)])?;
            rows.next()?.map(|row| Ok(MessageId(number(row, "message")?))).transpose()
        })
    }

    fn journey(&self, message: MessageId) -> Result<Option<MessageJourney>, Error> {
        self.message_journey(message)
    }

    fn balance(&self, window: Window) -> Result<Balance, Error> {
        self.window_balance(window)
    }

    fn purge_window(
        &self,
        what: Aging,
        before: Millis,
        after: Option<PurgeCursor>,
    ) -> Result<PurgeWindow, Error> {
        SqliteJournal::purge_window(self, what, before, after)
    }

    fn purge_preview(&self, what: Aging, before: Millis) -> Result<Purged, Error> {
        let (destroyed, held, open) = self.preview(what, before)?;
        Ok(Purged { destroyed, held, open, next: None })
    }

    fn legal_holds(&self) -> Result<Vec<LegalHold>, Error> {
        self.holds()
    }

    fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditLine>, Error> {
        self.audit_lines(query)
    }

    fn audit_head(&self) -> Result<AuditHead, Error> {
        self.reading(super::audit::head)
    }

    fn verify_audit(&self, noted: Option<AuditHash>) -> Result<AuditVerdict, Error> {
        self.audit_verdict(noted)
    }
}

/// Values are bound, never written into the text.
#[derive(Default)]
struct Condition {
    terms: Vec<String>,
    values: Vec<Box<dyn ToSql>>,
}

impl Condition {
    fn value(&mut self, value: impl ToSql + 'static) -> String {
        self.values.push(Box::new(value));
        format!("?{}", self.values.len())
    }

    fn key(&mut self, (kind, hash): &Key) -> String {
        let hash = self.value(hash.0);
        format!("(kind = {} AND hash = {hash})", kind_number(*kind))
    }
}

fn to_sql(query: &Query) -> (String, Vec<Box<dyn ToSql>>) {
    let mut condition = Condition::default();
    for alternatives in &query.keys {
        let keys: Vec<_> = alternatives.iter().map(|key| condition.key(key)).collect();
        condition.terms.push(format!("m.id IN (SELECT message FROM key WHERE {})", keys.join(" OR ")));
    }
    if let Some((control_id, key)) = &query.control_id {
        let value = condition.value(control_id.clone());
        let key = condition.key(key);
        condition
            .terms
            .push(format!("m.id IN (SELECT id FROM message WHERE control_id = {value} UNION SELECT message FROM key WHERE {key})"));
    }
    if let Some(word) = query.state {
        let message = word.message.map(|state| format!("m.state = {}", state.number()));
        let delivery = word
            .delivery
            .map(|state| format!("m.id IN (SELECT message FROM delivery WHERE {})", standing_sql(state)));
        let terms: Vec<_> = message.into_iter().chain(delivery).collect();
        condition.terms.push(format!("({})", terms.join(" OR ")));
    }
    if let Some(route) = &query.route {
        let value = condition.value(route.clone());
        condition.terms.push(format!("m.route = {value}"));
    }
    if let Some(partner) = &query.partner {
        let value = condition.value(partner.clone());
        condition.terms.push(format!(
            "(m.partner = {value} OR EXISTS (SELECT 1 FROM delivery d WHERE d.message = m.id AND d.sink = {value}))"
        ));
    }
    if let Some(error) = &query.error {
        let value = condition.value(error.clone());
        condition.terms.push(format!(
            "(m.error = {value} OR EXISTS (SELECT 1 FROM delivery d WHERE d.message = m.id AND (d.error = {value}
              OR EXISTS (SELECT 1 FROM attempt a WHERE a.delivery = d.id AND a.error = {value}))))"
        ));
    }
    if let Some(stage) = query.unanswered {
        let value = condition.value(super::answers::stage_number(stage));
        condition.terms.push(format!(
            "m.id IN (SELECT d.message FROM awaited JOIN delivery d ON d.id = awaited.delivery
                      WHERE awaited.stage = {value} AND d.state = 4)"
        ));
    }
    if let Some(since) = query.window.since {
        let value = condition.value(since.as_millisecond());
        condition.terms.push(format!("m.received_at >= {value}"));
    }
    if let Some(before) = query.before {
        let value = condition.value(i64::try_from(before.0).unwrap_or(i64::MAX));
        condition.terms.push(format!("m.id < {value}"));
    }
    if let Some(until) = query.window.until {
        let value = condition.value(until.as_millisecond());
        condition.terms.push(format!("m.received_at < {value}"));
    }
    let condition_sql =
        if condition.terms.is_empty() { "1".to_owned() } else { condition.terms.join(" AND ") };
    let sql = format!(
        "SELECT m.id, m.received_at, m.partner, m.route, m.kind, m.control_id, m.state, m.error, m.purged_at,
             {HELD} AS held, body.length
         FROM message m JOIN body ON body.id = m.raw WHERE {condition_sql} ORDER BY m.id DESC LIMIT {}",
        query.limit
    );
    (sql, condition.values)
}

/// Where a delivery stands, and why: what waits in a held lane is held too.
pub(super) fn standing(row: &Row<'_>) -> Result<(DeliveryState, Option<Finding>), Error> {
    match json(row, "held")? {
        Some(hold) => Ok((DeliveryState::Held, Some(hold))),
        None => Ok((state(row, "state", DeliveryState::of)?, json(row, "finding")?)),
    }
}

/// The same as a condition. What is open is found through its index.
fn standing_sql(state: DeliveryState) -> String {
    const IN_HELD_LANE: &str = "sink IN (SELECT target FROM hold WHERE kind = 1)";
    let number = state.number();
    match state {
        DeliveryState::Held => {
            format!("state < 4 AND (state = {number} OR (state IN (0, 1) AND {IN_HELD_LANE}))")
        }
        DeliveryState::Waiting | DeliveryState::Retrying => {
            format!("state = {number} AND state < 4 AND NOT {IN_HELD_LANE}")
        }
        DeliveryState::Sending | DeliveryState::Parked => format!("state = {number} AND state < 4"),
        DeliveryState::Delivered | DeliveryState::Refused | DeliveryState::Replaced => {
            format!("state = {number}")
        }
    }
}

impl SqliteJournal {
    fn delivery_lines(
        &self,
        connection: &Connection,
        message: MessageId,
    ) -> Result<Vec<DeliveryLine>, Error> {
        let mut statement = connection.prepare_cached(
            "SELECT delivery.id, sink, state, attempts, next_at, finding, body.hash, body.length,
                 iif(state IN (0, 1), (SELECT finding FROM hold WHERE kind = 1 AND target = sink), NULL) AS held
             FROM delivery JOIN body ON body.id = delivery.part WHERE message = ?1 ORDER BY delivery.id",
        )?;
        let mut rows = statement.query(params![i64::try_from(message.0).unwrap_or(i64::MAX)])?;
        let mut lines = Vec::new();
        while let Some(row) = rows.next()? {
            let (state, finding) = standing(row)?;
            lines.push(DeliveryLine {
                id: DeliveryId(number(row, "id")?),
                sink: partner(row, "sink")?,
                label: self.part(&whole(row, "hash", "length")?).label,
                attempts: small(row, "attempts")?,
                next_at: optional_time(row, "next_at")?,
                state,
                finding,
            });
        }
        Ok(lines)
    }

    /// A stored part; one that cannot be read is shown as such, and the rest of the story with it.
    pub(super) fn part(&self, content: &ContentRef) -> Part {
        let read = self.read(content, PART_BYTES_MAX);
        let why = if matches!(read, Err(BodyError::Sealed(_))) {
            "(corps chiffré)"
        } else {
            "(corps illisible ou détruit)"
        };
        let part = read.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        part.unwrap_or_else(|| Part {
            key: "?".to_owned(),
            label: why.to_owned(),
            ordering: None,
            mailbox: None,
            due: jonction_ports::Due::Owed,
        })
    }
}

#[cfg(test)]
mod tests {
    use jonction_model::SeededEntropy;
    use jonction_ports::KeyKind;

    use super::*;
    use crate::{index_key::KeyHash, journal::sqlite::Limits};

    /// Ten million messages showed it: a legal hold that nobody had placed made each line read every key.
    #[test]
    fn a_search_by_patient_reads_no_table_through() {
        let folder = tempfile::tempdir().unwrap();
        let entropy = SeededEntropy::new(1);
        let journal = SqliteJournal::open(folder.path(), Limits::default(), &entropy).unwrap().0;
        let keys = vec![vec![(KeyKind::Patient, KeyHash([1; 16]))]];
        let (sql, values) = to_sql(&Query { keys, limit: 50, ..Query::default() });
        let plan = journal.reading(|connection| {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let rows = statement.query_map(params_from_iter(values.iter()), |row| row.get::<_, String>(3))?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        });
        let plan = plan.unwrap();
        // Legal holds are few: they may be read through.
        let scans: Vec<_> =
            plan.iter().filter(|step| step.starts_with("SCAN") && *step != "SCAN h").collect();
        assert!(scans.is_empty(), "{plan:?}");
    }
}
