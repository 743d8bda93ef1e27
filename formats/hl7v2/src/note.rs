//! What was irregular in a message that was read all the same.
//! In: what the index met. Out: data for the checks H003, H005 to H007. Source: hl7v2.md §6.1, §8.

/// One irregularity of the bytes. Those of the charset are in [`crate::Charset::finding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// Bytes before MSH: BOM, line ends, blanks, NUL.
    LeadingBytes {
        /// How many.
        count: usize,
    },
    /// MSH-2 declares U+02DC SMALL TILDE where `~` was meant.
    RepairedDelimiter,
    /// Segments that do not end with CR alone.
    LineEnds {
        /// Segments that end with LF.
        lf: usize,
        /// Segments that end with CR LF.
        crlf: usize,
    },
    /// Lines without any segment.
    BlankLines {
        /// How many.
        count: usize,
    },
    /// Blanks around a segment, left out of its fields.
    BlanksAroundSegments {
        /// How many segments.
        count: usize,
    },
    /// A segment id that is not `[A-Z][A-Z0-9]{2}`; kept as it is. At most 100 are noted.
    OddSegmentId {
        /// The segment, from 1.
        segment: usize,
    },
    /// Another MSH further down: several messages in one.
    ExtraHeader {
        /// The segment, from 1.
        segment: usize,
    },
    /// The last segment has no terminator.
    LastSegmentUnterminated,
}
