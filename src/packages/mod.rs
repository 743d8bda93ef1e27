//! Packages: routes, mappings, tables, cases and a model of their partners, as one archive that can be mailed and checked.
//! In: a folder; an archive of a stranger. Out: an archive; a folder that was judged whole before a file of it was written.
//! Source: decision 0044.

pub(crate) mod archive;
pub(crate) mod build;
pub(crate) mod install;
pub(crate) mod manifest;
pub(crate) mod signature;

pub(crate) use archive::Archive;
pub(crate) use manifest::Manifest;
