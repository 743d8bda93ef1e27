//! `jonction journey`: everything that happened to one message.
//! In: its number. Out: one value, read in one snapshot, with no identifier of a person.

use jonction_model::{Operation, Shape};
use jonction_ports::{Bodies, DeliveryId, MessageId};
use rusqlite::{Connection, params};

use super::{
    SqliteJournal,
    find::standing,
    purge::HELD,
    rows::{
        findings, get, inconsistent, json, number, optional_time, partner, route, row_number, small, state,
        time, whole,
    },
};
use crate::{
    error::Error,
    index_key::KeyHash,
    journal::{AttemptState, DeliveryState, MessageState},
    questions::{AttemptLine, DeliveryJourney, DocumentLine, MessageJourney, Repetition},
};

/// A shape holds no document, only what is said of them.
const SHAPE_BYTES_MAX: u64 = 16 << 20;

impl SqliteJournal {
    pub(super) fn message_journey(&self, id: MessageId) -> Result<Option<MessageJourney>, Error> {
        self.reading(|connection| {
            let snapshot = connection.unchecked_transaction()?;
            self.read_journey(&snapshot, id)
        })
    }

    fn read_journey(&self, connection: &Connection, id: MessageId) -> Result<Option<MessageJourney>, Error> {
        let mut statement = connection.prepare_cached(&format!(
            "SELECT m.*, {HELD} AS held, body.length, version.text AS version_text FROM message m
             JOIN body ON body.id = m.raw LEFT JOIN version ON version.id = m.version WHERE m.id = ?1",
        ))?;
        let mut rows = statement.query(params![row_number(id.0)])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let patient: Option<Vec<u8>> = get(row, "patient")?;
        let patient = patient
            .map(|hash| hash.try_into().map(KeyHash).map_err(|_| inconsistent("message.patient")))
            .transpose()?;
        Ok(Some(MessageJourney {
            id,
            received_at: time(row, "received_at")?,
            partner: partner(row, "partner")?,
            peer: get(row, "peer")?,
            kind: get(row, "kind")?,
            profile: get(row, "profile")?,
            control_id: get(row, "control_id")?,
            sending_facility: get(row, "facility")?,
            bytes: number(row, "length")?,
            commit_us: get::<Option<u32>>(row, "commit_us")?,
            state: state(row, "state", MessageState::of)?,
            route: route(row, "route")?,
            routed_at: optional_time(row, "routed_at")?,
            filtered_by: get(row, "filtered_by")?,
            error: get(row, "error")?,
            purged_at: optional_time(row, "purged_at")?,
            legal_hold: get(row, "held")?,
            findings: findings(row, "findings")?,
            route_findings: findings(row, "route_findings")?,
            version: json(row, "version_text")?,
            patient_key: patient.map(|hash| hash.to_string()),
            documents: self.documents(connection, id)?,
            recalls: get::<Option<i64>>(row, "recalls")?.and_then(|id| u64::try_from(id).ok()).map(MessageId),
            recalled_by: recalled_by(connection, id)?,
            editions: super::editions::of(connection, id)?,
            answers: super::answers::given_by(connection, id)?,
            repetitions: repetitions(connection, id)?,
            deliveries: self.deliveries(connection, id)?,
        }))
    }

    fn documents(&self, connection: &Connection, message: MessageId) -> Result<Vec<DocumentLine>, Error> {
        let mut statement = connection.prepare_cached(
            "SELECT body.hash, body.length FROM shape JOIN body ON body.id = shape.body
             WHERE message = ?1 AND name = 'document-submission' ORDER BY position",
        )?;
        let mut rows = statement.query(params![row_number(message.0)])?;
        let mut documents = Vec::new();
        while let Some(row) = rows.next()? {
            let content = whole(row, "hash", "length")?;
            // A shape that cannot be read takes nothing away from the rest of the story.
            let Ok(bytes) = self.read(&content, SHAPE_BYTES_MAX) else { continue };
            let Ok(Shape::DocumentSubmission(submission)) = serde_json::from_slice(&bytes) else { continue };
            let operation = match submission.operation {
                Operation::Submit => "submit",
                Operation::Replace => "replace",
                Operation::Delete => "delete",
            };
            for document in &submission.documents {
                let line = DocumentLine {
                    unique_id: document.unique_id.to_xds(),
                    type_code: document.metadata.type_code.code.clone(),
                    type_label: document.metadata.type_code.label.clone(),
                    version: document.version,
                    operation: operation.to_owned(),
                };
                // A corrected message carries most often the same ones.
                if !documents.contains(&line) {
                    documents.push(line);
                }
            }
        }
        Ok(documents)
    }

    fn deliveries(&self, connection: &Connection, message: MessageId) -> Result<Vec<DeliveryJourney>, Error> {
        let mut statement = connection.prepare_cached(
            "SELECT delivery.*, body.hash, body.length,
                 iif(state IN (0, 1), (SELECT finding FROM hold WHERE kind = 1 AND target = sink), NULL) AS held
             FROM delivery JOIN body ON body.id = delivery.part
             WHERE message = ?1 ORDER BY delivery.id",
        )?;
        let mut rows = statement.query(params![row_number(message.0)])?;
        let mut deliveries = Vec::new();
        while let Some(row) = rows.next()? {
            let part = self.part(&whole(row, "hash", "length")?);
            let id = DeliveryId(number(row, "id")?);
            // A damaged column takes nothing away from the rest of the story.
            let artefact: Option<jonction_ports::Artefact> = json(row, "artefact").unwrap_or_default();
            let cause: Option<i64> = get(row, "cause")?;
            let (state, finding) = standing(row)?;
            deliveries.push(DeliveryJourney {
                id,
                sink: partner(row, "sink")?,
                state,
                barred: get(row, "barred")?,
                behind: if state == DeliveryState::Parked { behind(connection, id)? } else { 0 },
                finding,
                report_of: cause.and_then(|id| u64::try_from(id).ok()).map(DeliveryId),
                created_at: time(row, "created_at")?,
                ended_at: optional_time(row, "ended_at")?,
                next_at: optional_time(row, "next_at")?,
                after_unknown: get(row, "after_unknown")?,
                report_code: get(row, "report_code")?,
                ids: artefact.map(|artefact| artefact.ids),
                attempts: attempts(connection, id, &part.label)?,
                answers: super::answers::of_delivery(connection, id)?,
                key: part.key,
                label: part.label,
            });
        }
        Ok(deliveries)
    }
}

/// How many wait behind a delivery.
fn behind(connection: &Connection, id: DeliveryId) -> Result<u64, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*) AS count FROM delivery head JOIN delivery later
             ON later.sink = head.sink AND later.ordering = head.ordering AND later.state < 4
             AND later.ordering IS NOT NULL
             AND (coalesce(later.place, later.id), later.id) > (coalesce(head.place, head.id), head.id)
         WHERE head.id = ?1",
    )?;
    let count: i64 = statement.query_row(params![row_number(id.0)], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

fn recalled_by(connection: &Connection, message: MessageId) -> Result<Vec<MessageId>, Error> {
    let mut statement = connection.prepare_cached("SELECT id FROM message WHERE recalls = ?1 ORDER BY id")?;
    let mut rows = statement.query(params![row_number(message.0)])?;
    let mut recalls = Vec::new();
    while let Some(row) = rows.next()? {
        recalls.push(MessageId(number(row, "id")?));
    }
    Ok(recalls)
}

fn repetitions(connection: &Connection, message: MessageId) -> Result<Vec<Repetition>, Error> {
    let mut statement = connection
        .prepare_cached("SELECT received_at, peer FROM repetition WHERE message = ?1 ORDER BY id")?;
    let mut rows = statement.query(params![row_number(message.0)])?;
    let mut repetitions = Vec::new();
    while let Some(row) = rows.next()? {
        repetitions.push(Repetition { received_at: time(row, "received_at")?, peer: get(row, "peer")? });
    }
    Ok(repetitions)
}

fn attempts(connection: &Connection, delivery: DeliveryId, label: &str) -> Result<Vec<AttemptLine>, Error> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM attempt WHERE delivery = ?1 ORDER BY number")?;
    let mut rows = statement.query(params![row_number(delivery.0)])?;
    let mut attempts = Vec::new();
    while let Some(row) = rows.next()? {
        let detail: Option<String> = get(row, "detail")?;
        attempts.push(AttemptLine {
            number: small(row, "number")?,
            started_at: time(row, "started_at")?,
            duration_us: get(row, "duration_us")?,
            outcome: state(row, "outcome", AttemptState::of)?,
            code: get(row, "code")?,
            peer: get(row, "peer")?,
            bytes_sent: number(row, "bytes_sent")?,
            detail: detail.map(|detail| detail.replace(crate::LABEL_PLACE, label)),
            finding: json(row, "finding")?,
            notes: findings(row, "notes")?,
        });
    }
    Ok(attempts)
}
