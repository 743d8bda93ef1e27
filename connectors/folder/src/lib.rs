//! Folders as partners: for tools that speak nothing else.
//! In: files that somebody puts into a folder; shapes. Out: messages, each with its answer beside it; folders of files.
//! Source: README.md, decision 0044. Deliberately absent: what a file means beyond its envelope.

pub mod admission;
pub mod config;
mod disk;
pub mod probe;
pub mod sink;
pub mod source;
mod watch;

pub use admission::FolderAdmission;
pub use config::{Collect, Content, Deliver, Settings};
pub use probe::FolderProbe;
pub use sink::FolderSink;
pub use source::{FolderSource, SourceTools};
