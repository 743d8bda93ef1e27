//! The one function that makes XDS metadata, for the DMP and for the XDM archive.
//! In: a submission, identifiers, hashes and sizes, a profile, defaults. Out: metadata and findings. Pure: same input, same output.
//! Sources: cda.md §4; dmp-xds.md §2.3, §2.7, §7; mssante.md §3.6, §3.7; hl7v2.md §2.11.

mod codes;
mod defaults;
mod entry;
mod findings;
mod people;
mod set;

use aws_lc_rs::digest;
use jiff::Timestamp;
use jonction_model::{DocumentSubmission, Finding, Oid, QualifiedIdentity};

use crate::{
    metadata::{Association, AssociationKind, AvailabilityStatus, Slot, Submission},
    schemes,
};

pub use defaults::{CodeTable, Defaults};
use findings::Findings;

/// Everything the metadata is made of.
#[derive(Clone, Copy, Debug)]
pub struct BuildRequest<'a> {
    /// What the sender asks.
    pub submission: &'a DocumentSubmission,
    /// Identifiers of this lot, drawn and stored before anything is sent.
    pub identifiers: &'a Identifiers,
    /// Hash and size of each document, in the order of the submission. May be empty for the DMP, which computes them.
    pub contents: &'a [ContentFacts],
    /// Where the metadata go.
    pub profile: Profile<'a>,
    /// What fills the holes.
    pub defaults: &'a Defaults,
}

/// Where the metadata go. The DMP takes a qualified identity or nothing.
#[derive(Clone, Copy, Debug)]
pub enum Profile<'a> {
    /// TD2.1.
    Dmp(&'a QualifiedIdentity),
    /// XDM archive of a mail. Without qualified identity, the first local identifier of the document names the patient.
    Xdm(Option<&'a QualifiedIdentity>),
}

impl<'a> Profile<'a> {
    fn identity(self) -> Option<&'a QualifiedIdentity> {
        match self {
            Self::Dmp(identity) => Some(identity),
            Self::Xdm(identity) => identity,
        }
    }

    fn is_dmp(self) -> bool {
        matches!(self, Self::Dmp(_))
    }
}

/// Identifiers of a lot. A retry reuses them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifiers {
    /// Symbolic id of the set.
    pub set_id: String,
    /// OID of the set, unique for ever.
    pub set_unique_id: Oid,
    /// When the lot was made.
    pub submission_time: Timestamp,
    /// OID of the submitting system.
    pub source_id: Oid,
    /// One per document; missing ones are `Document01`, `Document02`… without replaced entry.
    pub entries: Vec<EntryIdentifiers>,
}

impl Identifiers {
    /// Usual symbolic ids: `SubmissionSet01`, `Document01`…
    pub fn new(set_unique_id: Oid, source_id: Oid, submission_time: Timestamp) -> Self {
        Self {
            set_id: "SubmissionSet01".to_owned(),
            set_unique_id,
            submission_time,
            source_id,
            entries: vec![],
        }
    }

    fn entry_id(&self, index: usize) -> String {
        match self.entries.get(index) {
            Some(entry) => entry.id.clone(),
            None => symbolic_id(index),
        }
    }
}

/// Symbolic id of the nth document, from 0: `Document01`.
pub fn symbolic_id(index: usize) -> String {
    format!("Document{:02}", index + 1)
}

/// Identifiers of one document in a lot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryIdentifiers {
    /// Symbolic id, also `Document/@id`.
    pub id: String,
    /// Current entryUUID of the version it replaces, learnt by TD3.1b. Gives the RPLC link.
    pub replaces: Option<String>,
}

/// Hash and size of the bytes that leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentFacts {
    /// SHA-1, 40 hexadecimal digits in lower case.
    pub sha1: String,
    /// Number of bytes.
    pub size: u64,
}

impl ContentFacts {
    /// Of these bytes. SHA-1 is what XDS prescribes: an integrity mark, no protection.
    pub fn of(bytes: &[u8]) -> Self {
        let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        context.update(bytes);
        let sha1 = context.finish().as_ref().iter().fold(String::with_capacity(40), |mut text, byte| {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
            text
        });
        Self { sha1, size: bytes.len() as u64 }
    }
}

/// CDA header and HL7 → XDS metadata: the set, one entry per document, their links.
/// Findings: warnings for what was supposed or is irregular, errors for what the destination cannot take; a sink
/// refuses on any error. The signature of a DMP lot is added later: [`crate::signature::signature_entry`].
pub fn build(request: &BuildRequest<'_>) -> (Submission, Vec<Finding>) {
    let mut findings = Findings::new(request.profile);
    let mut submission = Submission { set: set::build_set(request, &mut findings), ..Submission::default() };
    for (index, document) in request.submission.documents.iter().enumerate() {
        let entry = entry::build_entry(request, index, document, &mut findings);
        let number = submission.associations.len() + 1;
        submission.associations.push(Association::has_member(number, &submission.set.id, &entry.id));
        submission.entries.push(entry);
    }
    for (index, identifiers) in request.identifiers.entries.iter().enumerate() {
        if let (Some(replaced), true) = (&identifiers.replaces, index < submission.entries.len()) {
            let number = submission.associations.len() + 1;
            // IHE asks this slot on HasMember only; the one public client writes it here too (dmp-xds.md §2.3).
            submission.associations.push(Association {
                slots: vec![Slot::one("SubmissionSetStatus", "Original")],
                ..Association::new(number, AssociationKind::Replaces, &identifiers.id, replaced)
            });
        }
    }
    findings.check_lengths(&submission);
    (submission, findings.into_vec())
}

/// An entry to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletionTarget {
    /// Current entryUUID, learnt by TD3.1b.
    pub entry_uuid: String,
    /// Its current status: the registry compares.
    pub status: AvailabilityStatus,
}

/// TD3.3c: a set and, per target, a status change to `Deleted`. No entry, no HasMember, no signature.
/// Source: dmp-xds.md §2.7.
pub fn build_deletion(request: &BuildRequest<'_>, targets: &[DeletionTarget]) -> (Submission, Vec<Finding>) {
    let mut findings = Findings::new(request.profile);
    let set = set::build_set(request, &mut findings);
    let associations = targets
        .iter()
        .enumerate()
        .map(|(index, target)| Association {
            object_type: Some(schemes::ASSOCIATION_OBJECT.to_owned()),
            slots: vec![
                Slot::one("OriginalStatus", target.status.uri()),
                Slot::one("NewStatus", AvailabilityStatus::Deleted.uri()),
            ],
            ..Association::new(index + 1, AssociationKind::UpdatesStatus, &set.id, &target.entry_uuid)
        })
        .collect();
    let submission = Submission { set, entries: Vec::new(), associations };
    findings.check_lengths(&submission);
    (submission, findings.into_vec())
}
