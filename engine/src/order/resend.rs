//! A corrected message, judged before it is journaled: the same admission, the same sender and number.
//! In: its number, its new bytes. Out: a [`NewEdition`], or what forbids it with its place and remedy. Blocking.
//! The way out of the bytes to correct is here too. Source: decision 0031.

use jonction_model::{BodyId, Severity};
use jonction_ports::{BodyError, MessageFacts, MessageId};

use super::message_bytes::MessageBytes;
use crate::{
    error::Error,
    journal::{NewEdition, Unrouted},
    shared::Shared,
};

/// Largest message that is taken out: more than any source takes in.
const EXPORT_BYTES_MAX: u64 = 64 << 20;

pub(super) fn resend(
    shared: &Shared,
    message: MessageId,
    edited: &MessageBytes,
    not_received: bool,
) -> Result<NewEdition, Error> {
    let plan = shared.plan().ok_or(Error::NotRunning)?;
    let known = known(shared, message)?;
    let admission = plan
        .admissions
        .get(&known.partner)
        .ok_or_else(|| Error::NoAdmission { message: message.0, partner: known.partner.to_string() })?;
    let raw = edited.expose().clone();
    if BodyId::of(&raw) == known.raw.body {
        return Err(Error::Unchanged(message.0));
    }
    let admitted = admission.admit(&raw, None);
    let refusal = admitted.findings.iter().find(|finding| finding.severity == Severity::Error);
    if let (false, Some(finding)) = (admitted.accepted, refusal) {
        return Err(Error::EditionRefused(Box::new(finding.clone())));
    }
    if let Some(field) = other_identity(&known.facts, &admitted.facts) {
        return Err(Error::OtherMessage { message: message.0, field });
    }
    Ok(NewEdition {
        message,
        raw: shared.journal.keep(raw)?,
        facts: admitted.facts,
        findings: admitted.findings,
        not_received,
    })
}

/// Bytes of a message, as it is now.
pub(super) fn export(shared: &Shared, message: MessageId) -> Result<MessageBytes, Error> {
    let known = known(shared, message)?;
    match shared.journal.read(&known.raw, EXPORT_BYTES_MAX) {
        Ok(bytes) => Ok(MessageBytes::new(bytes)),
        Err(BodyError::Io(error)) => Err(Error::BodyUnreadable(error)),
        Err(_) => Err(Error::Unreadable(message.0)),
    }
}

fn known(shared: &Shared, message: MessageId) -> Result<Unrouted, Error> {
    shared.journal.message(message)?.ok_or(Error::NoMessage(message.0))
}

/// What makes a message that one and no other: where it differs.
fn other_identity(known: &MessageFacts, now: &MessageFacts) -> Option<&'static str> {
    [
        ("MSH-3", known.sending_application == now.sending_application),
        ("MSH-4", known.sending_facility == now.sending_facility),
        ("MSH-10", known.control_id == now.control_id),
    ]
    .into_iter()
    .find_map(|(field, same)| (!same).then_some(field))
}
