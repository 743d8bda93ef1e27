//! Writer of the archive. Each document is deflated once. Same input, same bytes: times come from the lot.
//! In: a lot made for XDM, the bytes of its documents. Out: ZIP bytes.
//! Source: mssante.md §3.4.

use std::io::{Cursor, Write};

use jiff::Timestamp;
use jonction_model::clock::paris;
use zip::{CompressionMethod, DateTime, System, ZipWriter, write::SimpleFileOptions};

use super::{SUBSET, index};
use crate::{build::ContentFacts, ebrim, metadata::Submission};

/// What the archive is made of.
#[derive(Clone, Copy, Debug)]
pub struct ArchiveRequest<'a> {
    /// The lot, built with [`crate::Profile::Xdm`]: hash, size and URI say what follows.
    pub submission: &'a Submission,
    /// The documents, one per entry, in the same order.
    pub documents: &'a [&'a [u8]],
    /// Who made the archive.
    pub origin: &'a Origin,
    /// When the lot was made; every file of the archive bears that time, in French legal time.
    pub time: Timestamp,
}

/// What the files for humans say of who made the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Structure that sends.
    pub structure: String,
    /// Name and version of the software.
    pub software: String,
    /// Whom to ask.
    pub contact: String,
}

/// Why an archive is not written: always a fault of the caller.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// As many documents as entries are needed.
    #[error("{documents} documents for {entries} entries")]
    Count {
        /// Documents given.
        documents: usize,
        /// Entries of the lot.
        entries: usize,
    },
    /// The metadata of a document were not made from these bytes for this place.
    #[error("hash, size or URI of document {number} do not describe its bytes")]
    Mismatch {
        /// Number of the document, from 1.
        number: usize,
    },
    /// The ZIP library refused.
    #[error("the archive cannot be written")]
    Zip,
}

impl WriteError {
    /// Stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Count { .. } => "xdm.document-count",
            Self::Mismatch { .. } => "xdm.metadata-mismatch",
            Self::Zip => "xdm.not-written",
        }
    }
}

/// Writes `INDEX.HTM`, `README.TXT`, `METADATA.XML` and the documents, in that order.
/// Errors: the lot does not describe these documents.
pub fn write(request: &ArchiveRequest<'_>) -> Result<Vec<u8>, WriteError> {
    let entries = &request.submission.entries;
    if entries.len() != request.documents.len() {
        return Err(WriteError::Count { documents: request.documents.len(), entries: entries.len() });
    }
    for (at, (entry, bytes)) in entries.iter().zip(request.documents).enumerate() {
        let facts = ContentFacts::of(bytes);
        let described = entry.hash.as_deref() == Some(facts.sha1.as_str())
            && entry.size == Some(facts.size)
            && entry.uri.as_deref() == Some(super::document_name(at).as_str());
        if !described {
            return Err(WriteError::Mismatch { number: at + 1 });
        }
    }
    let titles = entries.iter().map(|entry| {
        let title = entry.title.as_ref().map(|title| title.expose().as_str()).unwrap_or_default();
        (entry.uri.as_deref().unwrap_or_default(), title)
    });
    let index = index::index_htm(request.origin, titles);
    let readme = index::readme_txt(request.origin, entries.len());
    let metadata = ebrim::write_metadata_xml(request.submission);

    let mut files = vec![
        ("INDEX.HTM".to_owned(), index.as_bytes()),
        ("README.TXT".to_owned(), readme.as_bytes()),
        (format!("{SUBSET}/METADATA.XML"), metadata.as_bytes()),
    ];
    let documents = request.documents.iter().enumerate();
    files.extend(documents.map(|(at, bytes)| (format!("{SUBSET}/{}", super::document_name(at)), *bytes)));
    write_files(&files, request.time).map_err(|_| WriteError::Zip)
}

/// Writes these files, deflated, in this order.
pub(crate) fn write_files(files: &[(String, &[u8])], time: Timestamp) -> zip::result::ZipResult<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(dos_time(time))
        .unix_permissions(0o644)
        // Not the system that runs: the bytes would differ from one machine to another.
        .system(System::Unix);
    for (name, bytes) in files {
        archive.start_file(name, options)?;
        archive.write_all(bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}

/// DOS time: local, even seconds, from 1980; anything else gives 1980-01-01.
fn dos_time(time: Timestamp) -> DateTime {
    let local = time.to_zoned_datetime(paris());
    let unsigned = |part: i8| u8::try_from(part).unwrap_or(0);
    DateTime::from_date_and_time(
        u16::try_from(local.year()).unwrap_or(0),
        unsigned(local.month()),
        unsigned(local.day()),
        unsigned(local.hour()),
        unsigned(local.minute()),
        unsigned(local.second()) & !1,
    )
    .unwrap_or_default()
}
