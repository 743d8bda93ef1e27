//! HL7 v2: zero-copy index, builder, paths, charsets, acknowledgements, checks of the French volets.
//! In: bytes of one message, in any charset and with any line ends. Out: views over these bytes, findings, new messages.
//! Source: docs/specs/hl7v2.md. Deliberately absent: framing (the MLLP connector), CDA content (`jonction-cda`).

pub mod ack;
pub mod admission;
pub mod application_error;
pub mod batch;
pub mod bench_support;
pub mod builder;
pub mod charset;
pub mod checks;
pub mod convert;
pub mod definition;
pub mod delimiters;
pub mod edit;
pub mod error;
pub mod escape;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod group;
pub mod header;
mod index;
pub mod limits;
pub mod matrix;
pub mod message;
pub mod note;
pub mod outgoing;
pub mod path;
pub mod profiles;
pub mod value;
pub mod volet;
pub mod zam;

pub use ack::{AckCode, AckError, AckView, NotAnAck, Reply, parse_ack};
pub use builder::{Builder, Built, Position};
pub use charset::{Charset, CharsetFinding};
pub use delimiters::Delimiters;
pub use edit::{EditError, Edits};
pub use error::{ParseError, ParseFault};
pub use group::Observation;
pub use header::Header;
pub use limits::Limits;
pub use message::{Message, Segment};
pub use note::Note;
pub use path::{Path, PathError};
pub use profiles::Profile;
pub use value::{Presence, Value};

/// The examples of the README, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
