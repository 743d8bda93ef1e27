//! Letters of our own: fictitious people, documents and messages, for the demonstration, the examples and the bench.
//! In: who, what, to whom. Out: PDF, CDA level 1 and 3, HL7 v2 messages of the volet 2.1.
//! Written from docs/specs/cda.md §2 and hl7v2.md §2; every person, structure and number is invented.

mod cda;
mod hl7;
mod pdf;
pub(crate) mod people;

pub(crate) use cda::{Letter, document_id, level1, level3};
pub(crate) use hl7::{Event, Flags, Request, To, message};
pub(crate) use pdf::pdf;
