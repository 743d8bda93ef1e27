//! The few typed things that cross a route. Source: architecture §6.

use serde::{Deserialize, Serialize};

use crate::{
    answer::Answer,
    appointment::Appointment,
    document::{DocumentSubmission, SubmittedDocument},
    event::PatientEvent,
    hl7_message::Hl7Message,
    identity::{LocalId, PatientIdentity},
    ids::DocumentUniqueId,
    mail::SecureMail,
    outcome::MessageOutcome,
    report::DeliveryReport,
};

/// A format-neutral thing: what mappings produce and sinks accept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "kebab-case")]
pub enum Shape {
    /// Documents to submit, replace or delete.
    DocumentSubmission(Box<DocumentSubmission>),
    /// An acknowledgement to the first sender.
    DeliveryReport(Box<DeliveryReport>),
    /// A mail, for tools that know no document.
    SecureMail(Box<SecureMail>),
    /// What comes back of a delivery after its end. It is owed to nobody: the engine ties it to its delivery.
    Answer(Box<Answer>),
    /// What became of a whole message. Made by the engine for those who carry it.
    MessageOutcome(Box<MessageOutcome>),
    /// Something that happened to a patient.
    PatientEvent(Box<PatientEvent>),
    /// A rendez-vous.
    Appointment(Box<Appointment>),
    /// A message to send as it is.
    Hl7Message(Box<Hl7Message>),
}

impl Shape {
    /// Name used in configuration and documentation.
    pub fn name(&self) -> &'static str {
        match self {
            Self::DocumentSubmission(_) => "document-submission",
            Self::DeliveryReport(_) => "delivery-report",
            Self::SecureMail(_) => "secure-mail",
            Self::Answer(_) => "answer",
            Self::MessageOutcome(_) => "message-outcome",
            Self::PatientEvent(_) => "patient-event",
            Self::Appointment(_) => "appointment",
            Self::Hl7Message(_) => "hl7-message",
        }
    }

    /// The submission, if it is one.
    pub fn as_submission(&self) -> Option<&DocumentSubmission> {
        match self {
            Self::DocumentSubmission(submission) => Some(submission),
            _ => None,
        }
    }

    /// The answer, if it is one.
    pub fn as_answer(&self) -> Option<&Answer> {
        match self {
            Self::Answer(answer) => Some(answer),
            _ => None,
        }
    }

    /// The patient it is about, when it carries one.
    pub fn patient(&self) -> Option<&PatientIdentity> {
        match self {
            Self::DocumentSubmission(submission) => Some(&submission.patient),
            Self::PatientEvent(event) => Some(&event.patient),
            Self::Appointment(appointment) => Some(&appointment.patient),
            Self::DeliveryReport(_)
            | Self::SecureMail(_)
            | Self::Answer(_)
            | Self::MessageOutcome(_)
            | Self::Hl7Message(_) => None,
        }
    }

    /// The numbers its patient is known by, the INS apart when it has a place of its own.
    pub fn local_ids(&self) -> &[LocalId] {
        match self {
            Self::Hl7Message(message) => &message.patient_ids,
            _ => self.patient().map(|patient| &*patient.local_ids).unwrap_or_default(),
        }
    }

    /// The documents it brings, with those they replace or belong to.
    pub fn document_ids(&self) -> Vec<&DocumentUniqueId> {
        match self {
            Self::DocumentSubmission(submission) => {
                let mut ids = Vec::new();
                for SubmittedDocument { unique_id, replaces, set_id, .. } in &submission.documents {
                    ids.extend([Some(unique_id), replaces.as_ref(), set_id.as_ref()].into_iter().flatten());
                }
                ids
            }
            Self::Hl7Message(message) => message.documents.iter().collect(),
            _ => Vec::new(),
        }
    }
}
