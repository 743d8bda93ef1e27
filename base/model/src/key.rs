//! Identifiers under which a message or a delivery is found again: those a person searches by, those an answer names.
//! In: an identifier in clear. Out: a value that the journal keeps as a keyed hash only. Source: architecture §4.10, §5.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An identifier under which a message or a delivery can be found. Stored as a keyed hash.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IndexKey {
    /// What it identifies.
    pub kind: KeyKind,
    /// The identifier, in clear: it stands in memory and in bodies, nowhere else.
    pub value: String,
}

impl fmt::Debug for IndexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IndexKey({:?}, ***)", self.kind)
    }
}

/// What an index key identifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    /// A patient: matricule INS, or local identifier with its authority.
    Patient,
    /// A document: its uniqueId.
    Document,
    /// A message of a sender: MSH-10.
    ControlId,
    /// A mail: its Message-ID, or the identifier of its envelope.
    MailId,
    /// A lot in the DMP: uniqueId of its SubmissionSet.
    SubmissionSet,
    /// A mailbox: its address, in lower case.
    Recipient,
    /// What a route lets through once (step `once`).
    Once,
}
