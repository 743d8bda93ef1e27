//! How much of a partner's bytes is read at most.
//! In → out: constants. Source: architecture §4.8, dmp-xds.md §11.2.

/// Limits of every reader of this crate. A value equal to a limit passes, one more is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an envelope; documents are outside of it, in parts.
    pub envelope_bytes_max: usize,
    /// Bytes of an assertion or of a lot signature.
    pub signed_bytes_max: usize,
    /// Nested elements.
    pub depth_max: usize,
    /// Attributes and namespace declarations of one element.
    pub attributes_max: usize,
    /// Namespace declarations in scope at one place.
    pub namespaces_max: usize,
    /// Elements of an assertion or of a lot signature.
    pub signed_elements_max: usize,
    /// References of a lot signature, the one to the submission included.
    pub references_max: usize,
    /// Bytes of a whole multipart body.
    pub multipart_bytes_max: usize,
    /// Parts of a multipart body, root included.
    pub parts_max: usize,
    /// Bytes of the header lines of one part.
    pub part_header_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            envelope_bytes_max: 32 * 1024 * 1024,
            signed_bytes_max: 1024 * 1024,
            depth_max: 200,
            attributes_max: 64,
            namespaces_max: 256,
            signed_elements_max: 20_000,
            references_max: 1024,
            multipart_bytes_max: 256 * 1024 * 1024,
            parts_max: 256,
            part_header_bytes_max: 16 * 1024,
        }
    }
}

/// Refuses what is beyond a limit.
pub(crate) fn within(what: &'static str, value: usize, limit: usize) -> Result<(), crate::Error> {
    if value <= limit {
        return Ok(());
    }
    Err(crate::Error::Limit { what, limit: u64::try_from(limit).unwrap_or(u64::MAX) })
}
