//! Power cuts, full disks and damaged bytes: what the engine must survive, and the oracle that judges it.
//! In: a seed, a number of cuts. Out: what was lost, doubled, reordered or altered; nothing, if the engine keeps its word.
//! Source: architecture §4, docs/reliability.md.

pub mod campaign;
pub mod dice;
pub mod disk;
mod files;
mod oracle;
mod vfs;
mod world;

pub use campaign::{Campaign, Report};
pub use disk::Disk;
pub use oracle::{Kind, Violation};
pub use vfs::NAME as VFS;
pub use world::{Fate, Mutation};
