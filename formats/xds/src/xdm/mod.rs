//! IHE XDM archive.

/// Name of the nth document in the archive, from 0: `DOC00001.XML`.
pub fn document_name(index: usize) -> String {
    format!("DOC{:05}.XML", index + 1)
}
