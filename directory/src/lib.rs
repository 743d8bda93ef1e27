//! The common store of the pullers: snapshots of the national directories, kept on disk, swapped at once, searched.
//! In: records from a puller, with where they came from. Out: look-ups of [`jonction_ports::Directory`], reports of
//! what changed. Source: annuaires.md §12. Deliberately absent: the network, and every format of a source.

mod codec;
mod delta;
mod draft;
mod error;
mod files;
pub mod filling;
pub mod fold;
pub mod gaps;
mod generation;
mod last;
mod lookups;
mod pack;
mod prints;
pub mod regional;
pub mod regions;
mod search;
mod sort;
pub mod steps;
mod store;
mod tables;
mod terms;
#[cfg(test)]
mod tests;
mod walk;

pub use draft::{Draft, Memory};
pub use error::Error;
pub use last::{Ended, LastPull};
pub use prints::{Change, Difference};
pub use steps::{Shelf, steps};
pub use store::{Compared, Judge, Outcome, Pull, Report, Snapshot, Store, Suspect, Suspicion};
