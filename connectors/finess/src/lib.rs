//! FINESS: structures of FINESS+ (JSON, daily) and of the last archives (CSV), and their simulator.
//! In: files of data.gouv.fr. Out: records for the local store. Source: annuaires.md §4.
//! Deliberately absent: the XML flow over SFTP, which is being phased out.

mod activities;
mod archive;
mod config;
mod json;
mod node;
mod place;
mod puller;
pub mod simulator;

pub use archive::ArchiveSnapshot;
pub use config::{FinessSettings, Origin};
pub use json::JsonSnapshot;
pub use place::{cog_of_archive, position};
pub use puller::FinessPuller;
