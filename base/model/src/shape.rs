//! The few typed things that cross a route. Source: architecture §6.

use serde::{Deserialize, Serialize};

use crate::{document::DocumentSubmission, mail::SecureMail, report::DeliveryReport};

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
}

impl Shape {
    /// Name used in configuration and documentation.
    pub fn name(&self) -> &'static str {
        match self {
            Self::DocumentSubmission(_) => "document-submission",
            Self::DeliveryReport(_) => "delivery-report",
            Self::SecureMail(_) => "secure-mail",
        }
    }

    /// The submission, if it is one.
    pub fn as_submission(&self) -> Option<&DocumentSubmission> {
        match self {
            Self::DocumentSubmission(submission) => Some(submission),
            Self::DeliveryReport(_) | Self::SecureMail(_) => None,
        }
    }
}
