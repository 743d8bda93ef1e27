//! FHIR R4 in JSON, as the national directories answer it: resources read one by one, within limits.
//! In: bytes. Out: resources as trees, links of a page, or where and why reading stopped. Source: annuaires.md §2.3, §3.3.
//! Deliberately absent: HTTP, profiles, FHIR types: what a directory does not say as its guide does is kept or counted.

mod node;
mod outcome;
mod read;

pub use node::{Node, Reference, nos_table};
pub use outcome::Outcome;
pub use read::{Entry, Limits, Mode, Page, ReadError, read};
