//! What a delivery keeps between its attempts: identifiers drawn once, and where the fresh bytes go.
//! In: randomness, time, settings. Out: [`LotIds`], stored with the artefact. No datum of a person.
//! Source: architecture §4.3, dmp-xds.md §9.3.
//!
//! What is prepared once and sent byte for byte by every retry: the body of each request (metadata, identifiers,
//! submission time), the signature of the lot, the documents. What is fresh in each request, and why:
//! - the VIHF: it is dated, and a replayed one is refused (VIHF-02, VIHF-22);
//! - `wsa:MessageID`: an answer must belong to its question (architecture §4.4);
//! - the MIME boundary: derived from the MessageID, it is framing, not content;
//! - the links to existing versions (RPLC, UpdateAvailabilityStatus): an entryUUID changes with every metadata change
//!   and must be learnt just before (dmp-xds.md §2.4). The prepared body holds no link; each stands, whole, at
//!   `insert_at`. So a body whose replaced version is gone is already the body of a first version.

use jiff::Timestamp;
use jonction_model::{Entropy, Oid, Operation};
use serde::{Deserialize, Serialize};

use crate::config::Settings;

/// Version of this form: stores written by older versions stay readable.
const FORMAT: u32 = 1;

/// Everything an attempt needs beside the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LotIds {
    /// Version of this form.
    pub(crate) format: u32,
    /// What is done.
    pub(crate) operation: Operation,
    /// One request per lot; a deletion makes one per document.
    pub(crate) requests: Vec<RequestIds>,
}

/// One request that changes something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RequestIds {
    /// uniqueId of its SubmissionSet.
    pub(crate) submission_set: String,
    /// Where links are inserted in the prepared body, in bytes.
    pub(crate) insert_at: usize,
    /// Documents, in order; of a deletion: the one to delete.
    pub(crate) documents: Vec<DocumentIds>,
    /// Length of the signature, which is the piece behind the body; absent of a deletion.
    pub(crate) signature_bytes: Option<u64>,
}

/// One document of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DocumentIds {
    /// Symbolic id: `Document01`.
    pub(crate) symbol: String,
    /// uniqueId.
    pub(crate) unique_id: String,
    /// uniqueId of the version it replaces.
    pub(crate) replaces: Option<String>,
    /// Decoded length.
    pub(crate) bytes: u64,
}

impl LotIds {
    /// A lot of these requests.
    pub(crate) fn new(operation: Operation, requests: Vec<RequestIds>) -> Self {
        Self { format: FORMAT, operation, requests }
    }

    /// Reads back what was stored. `None`: written by a later version, or damaged.
    pub(crate) fn read(stored: &serde_json::Value) -> Option<Self> {
        let ids: Self = serde_json::from_value(stored.clone()).ok()?;
        (ids.format == FORMAT).then_some(ids)
    }

    /// How many pieces its artefact has: per request the body, then signature and documents of a lot.
    pub(crate) fn pieces(&self) -> usize {
        let of = |request: &RequestIds| match request.signature_bytes {
            Some(_) => 2 + request.documents.len(),
            None => 1,
        };
        self.requests.iter().map(of).sum()
    }
}

/// Draws an OID: under the root of the settings, else `2.25.` and a UUID.
pub(crate) fn draw_oid(settings: &Settings, entropy: &dyn Entropy, at: Timestamp) -> Oid {
    if let Some(root) = &settings.oid_root {
        // Milliseconds keep them sortable, 64 random bits keep them apart: 13 and at most 20 digits.
        let text = format!("{root}.{}.{}", at.as_millisecond().max(0), entropy.number());
        if let Ok(oid) = Oid::parse(&text) {
            return oid;
        }
    }
    Oid::from_uuid(entropy.uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_is_read_back_and_a_later_form_is_not() {
        let request = RequestIds {
            submission_set: "2.25.1".to_owned(),
            insert_at: 12,
            documents: vec![DocumentIds {
                symbol: "Document01".to_owned(),
                unique_id: "1.2.3".to_owned(),
                replaces: None,
                bytes: 7,
            }],
            signature_bytes: Some(9),
        };
        let ids = LotIds::new(Operation::Submit, vec![request]);
        let mut stored = serde_json::to_value(&ids).unwrap();
        assert_eq!((LotIds::read(&stored), ids.pieces()), (Some(ids), 3));
        stored["format"] = 2.into();
        assert_eq!(LotIds::read(&stored), None);
    }
}
