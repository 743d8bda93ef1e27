//! `DeliveryReport`: what became of a delivery, for the sender, in no wire format.
//! The MLLP sink writes it as ZAM. Source: architecture §6, hl7v2.md §2.13.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{document::Origin, masked::Masked};

/// One acknowledgement owed to a sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryReport {
    /// The message it answers.
    pub origin: Origin,
    /// Where the delivery went.
    pub channel: ReportChannel,
    /// How far it got.
    pub stage: ReportStage,
    /// The mailbox, for mails.
    pub recipient: Option<ReportRecipient>,
    /// Good or bad.
    pub verdict: Verdict,
    /// Whether the sender asked for this kind of report.
    pub wanted: bool,
    /// When the delivery ended.
    pub time: Timestamp,
}

/// Where a delivery went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportChannel {
    /// DMP: ZAM^Z01.
    Dmp,
    /// MSSanté: ZAM^Z02 and Z03.
    Mssante,
}

/// How far a delivery got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportStage {
    /// The partner (registry, mail operator) took it, or refused it.
    Submission,
    /// The mailbox took it, or refused it (DSN).
    Delivery,
    /// Somebody read it (MDN).
    Reading,
}

/// The mailbox a report speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRecipient {
    /// Address as received.
    pub address: Masked<String>,
    /// Identifier as received.
    pub id: Option<Masked<String>>,
}

/// Good or bad.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Done.
    Positive,
    /// Refused for good.
    Negative(ReportCode),
}

/// A code and its label, in the table of its channel: DMP error codes, SMTP codes of the volet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReportCode {
    /// The code.
    pub code: String,
    /// Its label, in French.
    pub label: String,
}

impl ReportCode {
    /// A code with its label.
    pub fn new(code: impl Into<String>, label: impl Into<String>) -> Self {
        Self { code: code.into(), label: label.into() }
    }
}
