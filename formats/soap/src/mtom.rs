//! MTOM: an envelope and its documents in one `multipart/related` body.
//! In: an envelope and documents, or a received body. Out: pieces of known length, or parts sharing the received bytes.
//! Source: dmp-xds.md §3, §11.2. Absent: nested multiparts, `message/partial`.

mod content_type;
mod reader;
mod writer;

pub use content_type::ContentType;
pub use reader::{Anomaly, Package, Part, read};
pub use writer::{DocumentPart, Envelope, Multipart, Piece, write};

/// Media type of a root part.
pub const XOP: &str = "application/xop+xml";

#[cfg(test)]
mod tests;
