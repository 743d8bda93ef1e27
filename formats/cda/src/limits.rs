//! How much of a partner's document is read at most.
//! Source: architecture §4.8.

/// Limits of the readers of this crate. Each is tested at its value and one above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Whole document, in bytes.
    pub document_bytes_max: usize,
    /// Elements inside each other.
    pub depth_max: usize,
    /// Elements in the whole document.
    pub elements_max: usize,
    /// Attributes of one element.
    pub attributes_max: usize,
    /// One text or attribute of the header, in bytes. The body of a level 1 is not concerned: it is never copied.
    pub text_bytes_max: usize,
    /// Bytes read to find the root: enough for a signature and its certificates in front of the document.
    pub root_bytes_max: usize,
    /// Repetitions of one header element that are kept (authors, acts, identifiers…).
    pub repetitions_max: usize,
    /// Decoded bytes of the embedded body.
    pub body_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_bytes_max: 64 << 20,
            depth_max: 256,
            elements_max: 2_000_000,
            attributes_max: 64,
            text_bytes_max: 64 << 10,
            root_bytes_max: 256 << 10,
            repetitions_max: 1_000,
            body_bytes_max: 48 << 20,
        }
    }
}
