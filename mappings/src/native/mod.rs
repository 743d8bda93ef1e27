//! Mappings written as functions: what rows of a file cannot say yet.

pub(crate) mod findings;
pub mod hl7_to_document;
mod intake;
pub mod volet_check;
