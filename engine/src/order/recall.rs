//! What a recall does, before it is written: the deletion, who is asked for it, how what has not left is cancelled.
//! In: a message and the uniqueId of one of its documents. Out: a [`NewRecall`]. Blocking.
//! The deletion is the stored shape with another operation: sinks do with it what they do with one that a sender asks for.

use jonction_model::{DocumentSubmission, Finding, Operation, ReportCode, Shape};
use jonction_ports::{Due, MessageId};

use super::hold::mailbox_key;
use crate::{
    error::Error,
    journal::{Birth, HandRefusal, NewDelivery, NewRecall, RecallPart},
    lane::{Ended, load_any, tell},
    plan::{Plan, keep_json, new_shape},
    routing::index_keys,
    shared::Shared,
};

pub(super) fn recall(
    shared: &Shared,
    message: MessageId,
    document: &str,
    reason: &str,
) -> Result<NewRecall, Error> {
    let plan = shared.plan().ok_or(Error::NotRunning)?;
    let journey = shared.questions.journey(message)?.ok_or(Error::NoMessage(message.0))?;
    let journal = &*shared.journal;
    let mut deletion: Option<Shape> = None;
    let mut parts = Vec::new();
    for delivery in journey.deliveries.iter().filter(|delivery| delivery.report_of.is_none()) {
        let Some((loaded, None)) = load_any(journal, delivery.id, false)? else { continue };
        let Some(shape) = loaded.shape().and_then(|shape| of_document(shape, document)) else { continue };
        let deletion = deletion.get_or_insert(shape);
        let at = shared.clock.now();
        let code = ReportCode::new("rappel", reason);
        let told = tell(shared, &plan, &loaded, Ended::Refused(code.clone()), at)?;
        let refusal = HandRefusal {
            delivery: delivery.id,
            finding: Finding::error("engine.recalled", format!("rappelé avant d'être parti : {reason}")),
            code,
            shapes: told.shapes,
            replies: told.replies,
        };
        let deletion = deletion_of(shared, &plan, &delivery.sink, &delivery.key, deletion)?;
        parts.push(RecallPart { refusal, deletion });
    }
    let deletion = deletion.ok_or(Error::NothingToRecall(message.0))?;
    let hasher = &shared.hasher;
    let mut keys: Vec<_> =
        index_keys(&deletion).iter().map(|key| (key.kind, hasher.key(key.kind, &key.value))).collect();
    keys.sort_unstable_by_key(|(_, hash)| *hash);
    keys.dedup();
    Ok(NewRecall {
        origin: message,
        once: hasher.repeat(&format!("recall\0{message}\0{document}")),
        raw: keep_json(journal, &serde_json::json!({ "recall": document, "message": message }))?,
        reply: journal.keep(bytes::Bytes::new())?,
        shape: new_shape(journal, &deletion)?,
        keys,
        parts,
    })
}

/// The deletion of one document, when the shape carries it and is not a deletion itself. Nobody is told of it: the sender
/// would take a second acknowledgement of its message for the first.
fn of_document(shape: &Shape, document: &str) -> Option<Shape> {
    let Shape::DocumentSubmission(submission) = shape else { return None };
    let is_it = |known: &str| known == document;
    let documents: Vec<_> = submission
        .documents
        .iter()
        .filter(|one| is_it(&one.unique_id.to_xds()) || is_it(&one.unique_id.root))
        .cloned()
        .collect();
    if documents.is_empty() || submission.operation == Operation::Delete {
        return None;
    }
    let mut deletion =
        DocumentSubmission { operation: Operation::Delete, documents, ..(**submission).clone() };
    (deletion.wants.delivery_reports, deletion.wants.reading_reports) = (false, false);
    // What the sender wrote to the readers of the document is not what they must read now.
    (deletion.mail.professional, deletion.mail.patient) = (None, None);
    Some(Shape::DocumentSubmission(Box::new(deletion)))
}

/// The same part of the deletion: the same lot, the same recipient.
fn deletion_of(
    shared: &Shared,
    plan: &Plan,
    sink: &jonction_model::PartnerName,
    key: &str,
    deletion: &Shape,
) -> Result<Option<NewDelivery>, Error> {
    let Some(known) = plan.sinks.get(sink) else { return Ok(None) };
    let Some(part) = known.parts(deletion).into_iter().find(|part| part.key == key) else { return Ok(None) };
    let birth = match &part.due {
        Due::Owed => Birth::Owed,
        // What left when it was allowed and may not be taken back now: a human looks.
        Due::Refused { finding, code } => {
            Birth::Parked { finding: finding.clone(), code: Some(code.clone()), barred: true }
        }
        Due::Parked { finding } => Birth::Parked { finding: finding.clone(), code: None, barred: false },
    };
    Ok(Some(NewDelivery {
        shape: 0,
        sink: sink.clone(),
        ordering: part.ordering.as_deref().map(|key| shared.hasher.ordering(key)),
        part: keep_json(&*shared.journal, &part)?,
        birth,
        recipient: part.mailbox.as_deref().map(|address| mailbox_key(&shared.hasher, address)),
        cause: None,
        whole: None,
        earlier: Vec::new(),
    }))
}
