//! CDA R2 header in the French profile, read in streaming with positions.
//! In: the bytes of a document. Out: values of the model, places, findings; where an embedded PDF stands.
//! Source: docs/specs/cda.md. Deliberately absent: value sets and XDS (`jonction-xds`), signatures, narrative, entries.

pub mod body;
pub mod checks;
mod cursor;
pub mod error;
pub mod facts;
pub mod header;
pub mod limits;
mod read;
pub mod root;
mod source;

pub use error::{CdaError, Spot};
pub use header::Header;
pub use limits::Limits;
pub use root::{RootKind, peek_root};
