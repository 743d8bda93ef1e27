//! What a message may cost before it is refused.
//! In → out: nothing; values handed to [`crate::Message::parse`]. Source: hl7v2.md §6.6, architecture §4.8.

/// Limits of one message. Components and below are split on demand and cost no memory, so they need none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the message, leading rubbish included. Never above 4 GiB − 1, whatever is set.
    pub message_bytes_max: usize,
    /// Segments, blank lines excluded.
    pub segments_max: usize,
    /// Fields of the whole message.
    pub fields_max: usize,
}

impl Default for Limits {
    /// 64 MiB, 10⁵ segments, 10⁶ fields: a document of 45 MB passes.
    fn default() -> Self {
        Self { message_bytes_max: 64 << 20, segments_max: 100_000, fields_max: 1_000_000 }
    }
}
