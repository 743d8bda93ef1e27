//! The header of a CDA as values of the model.
//! In: the bytes of a document. Out: identifiers, patient, metadata, where the embedded body stands, remarks.
//! Source: cda.md §2 and §4. Deliberately absent: the narrative, the entries, signatures (`jonction-soap`).

use jonction_model::{
    ContentKind, ContentRef, DocumentMetadata, DocumentSubject, DocumentUniqueId, Finding, Mode,
    SubmittedDocument, run_checks,
};

use crate::{
    checks::CHECKS,
    cursor::Cursor,
    error::CdaError,
    facts::{Code, Facts},
    limits::Limits,
    read::read_document,
    root::{self, RootKind},
    source::Source,
};

/// Check of the note, in [`Header::notes`], on a document that has two different INS: it may be about two persons.
pub const SEVERAL_INS: &str = "cda.several-ins";

/// A header that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Where the ClinicalDocument stands in the bytes.
    pub root: RootKind,
    /// `id`; `None` when absent or null: such a document can go nowhere.
    pub unique_id: Option<DocumentUniqueId>,
    /// `setId`.
    pub set_id: Option<DocumentUniqueId>,
    /// `versionNumber`, when it is a number.
    pub version: Option<u32>,
    /// `parentDocument/id` of the relatedDocument of type RPLC.
    pub replaces: Option<DocumentUniqueId>,
    /// The patient.
    pub subject: DocumentSubject,
    /// What indexes the document.
    pub metadata: DocumentMetadata,
    /// Level, and where the embedded body stands in the bytes given.
    pub kind: ContentKind,
    /// What the mapping had to guess or leave out. Warnings.
    pub notes: Vec<Finding>,
    /// What the checks judge.
    pub facts: Facts,
}

impl Header {
    /// Reads a whole document: well-formedness and limits are judged to the last byte, the header is kept.
    /// Elements out of the model are skipped. Errors: see [`CdaError`]; never a missing element.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, CdaError> {
        if bytes.len() > limits.document_bytes_max {
            return Err(CdaError::TooLong { limit: limits.document_bytes_max });
        }
        let source = Source::new(bytes)?;
        let mut cursor = Cursor::new(&source.text, limits);
        let (root, _) = root::enter(&mut cursor)?;
        let draft = read_document(&mut cursor)?;
        cursor.close_to(0)?;
        while cursor.open()?.is_some() {}
        Ok(draft.finish(root, &source))
    }

    /// The header as a document of a submission, with the bytes it was read from. `None` without identifier.
    pub fn document(&self, content: ContentRef) -> Option<SubmittedDocument> {
        Some(SubmittedDocument {
            unique_id: self.unique_id.clone()?,
            set_id: self.set_id.clone(),
            version: self.version,
            replaces: self.replaces.clone(),
            subject: self.subject.clone(),
            metadata: self.metadata.clone(),
            kind: self.kind.clone(),
            content,
        })
    }

    /// `code` as written.
    pub fn code(&self) -> Code {
        self.facts.code.clone().map(|code| code.value).unwrap_or_default()
    }

    /// Runs profile `cda/header`.
    pub fn check(&self, mode: Mode) -> Vec<Finding> {
        run_checks(CHECKS, self, mode)
    }
}
