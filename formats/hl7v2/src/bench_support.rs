//! The yardstick of the index: finding the same separators, and nothing else.
//! In: bytes. Out: a count. Used by the benches and by `jonction bench`. Source: hl7v2.md §10.2.

use memchr::memchr3_iter;

use crate::delimiters::Delimiters;

/// Counts field separators and line ends with memchr: the least that any index must do.
pub fn bare_pass(raw: &[u8], delimiters: &Delimiters) -> usize {
    memchr3_iter(delimiters.field, b'\r', b'\n', raw).count()
}
