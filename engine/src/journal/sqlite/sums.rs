//! Sums of what a row says is sent, and to whom: SQLite's pages have none, and a bit that flips in one must not send
//! another person's document. In: the values of a row. Out: 16 bytes, kept beside them.
//! A row of an older format has no sum, and is believed. Source: decision 0049.

use jonction_model::{BodyId, sha256};

/// The first half of a SHA-256: against chance, not against people.
pub(super) type Sum = [u8; 16];

/// Whose message it is, and its bytes.
pub(super) fn message(id: i64, partner: &str, raw: BodyId) -> Sum {
    of(b'M', &[&id.to_be_bytes(), partner.as_bytes(), raw.as_bytes()])
}

/// What is owed to whom: the shape, which part of it, and where it goes.
pub(super) fn delivery(message: i64, sink: &str, shape: BodyId, part: BodyId) -> Sum {
    of(b'D', &[&message.to_be_bytes(), sink.as_bytes(), shape.as_bytes(), part.as_bytes()])
}

/// What was prepared for a delivery.
pub(super) fn artefact(delivery: i64, json: &str) -> Sum {
    of(b'A', &[&delivery.to_be_bytes(), json.as_bytes()])
}

/// Only one value of each list has no fixed length: nothing moves from one to the next unseen.
fn of(kind: u8, values: &[&[u8]]) -> Sum {
    let kind = [kind];
    let pieces: Vec<&[u8]> = std::iter::once(&kind[..]).chain(values.iter().copied()).collect();
    let mut sum = Sum::default();
    sum.copy_from_slice(&sha256(&pieces)[..16]);
    sum
}

/// Whether what stands in a row has the sum that stands there.
pub(super) fn agrees(stored: Option<&[u8]>, sum: Sum) -> bool {
    stored.is_none_or(|stored| stored == sum)
}
