//! IHE XDM archive: a lot and its documents as files, to travel in a mail.
//! In: metadata and bytes → ZIP bytes, always the same ones; or untrusted ZIP bytes → metadata, documents, findings.
//! Source: mssante.md §3.4, §3.6, §8 n° 13. The reader decompresses nothing before names and flags were judged.

mod index;
mod read;
mod write;

pub use read::{Limits, Packed, RefusedReason, XdmArchive, XdmDocument, XdmError, XdmSet, read};
pub(crate) use write::write_files;
pub use write::{ArchiveRequest, Origin, WriteError, write};

/// Directory of the one submission set we write.
pub const SUBSET: &str = "IHE_XDM/SUBSET01";

/// Name of the nth document in the archive, from 0: `DOC00001.XML`.
pub fn document_name(index: usize) -> String {
    format!("DOC{:05}.XML", index + 1)
}
