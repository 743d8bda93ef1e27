//! ROR: offers of care of the nation or of a region, by export and by changes, and their simulator.
//! In: the FHIR service of the ROR, model 3.0. Out: records for the local store. Source: annuaires.md §3; decision 0034.
//! Deliberately absent: writing to the ROR, beds that are free at this hour, the XML services of before.

mod access;
mod changes;
mod config;
mod export;
mod index;
mod offer;
mod puller;
mod read;
pub mod simulator;

pub use config::{ExportLimits, Proof, RorSettings};
pub use puller::RorPuller;
