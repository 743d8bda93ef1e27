//! The few typed things that cross a route. Source: architecture §6.

use serde::{Deserialize, Serialize};

use crate::{
    answer::Answer, appointment::Appointment, document::DocumentSubmission, event::PatientEvent,
    identity::PatientIdentity, mail::SecureMail, report::DeliveryReport,
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
    /// Something that happened to a patient.
    PatientEvent(Box<PatientEvent>),
    /// A rendez-vous.
    Appointment(Box<Appointment>),
}

impl Shape {
    /// Name used in configuration and documentation.
    pub fn name(&self) -> &'static str {
        match self {
            Self::DocumentSubmission(_) => "document-submission",
            Self::DeliveryReport(_) => "delivery-report",
            Self::SecureMail(_) => "secure-mail",
            Self::Answer(_) => "answer",
            Self::PatientEvent(_) => "patient-event",
            Self::Appointment(_) => "appointment",
        }
    }

    /// The submission, if it is one.
    pub fn as_submission(&self) -> Option<&DocumentSubmission> {
        match self {
            Self::DocumentSubmission(submission) => Some(submission),
            Self::DeliveryReport(_)
            | Self::SecureMail(_)
            | Self::Answer(_)
            | Self::PatientEvent(_)
            | Self::Appointment(_) => None,
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
            Self::DeliveryReport(_) | Self::SecureMail(_) | Self::Answer(_) => None,
        }
    }
}
