//! Annuaire Santé: flat extractions of RPPS+ and of MSSanté mailboxes, FHIR API, and their simulator.
//! In: files and pages of the national directory. Out: records for the local store. Source: annuaires.md §1, §2.
//! Deliberately absent: the store, and when a pull happens.

mod api;
pub mod config;
pub mod flat;
mod puller;
pub mod simulator;

pub use api::{ApiPuller, read_page};
pub use config::{ApiSettings, FlatSettings, Origin};
pub use puller::FlatPuller;
