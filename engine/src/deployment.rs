//! What was put in service, and when: sets of route files, each kept whole under the hash of its texts.
//! In: the files of a folder. Out: rows of the journal; the list, and any set of it, to compare or to bring back.
//! Source: architecture §4.7, decision 0039.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jonction_model::BodyId;
use serde::{Deserialize, Serialize};

use crate::journal::Version;

/// Deployments listed at most: the oldest are forgotten, never the texts that served a message.
pub(crate) const DEPLOYMENTS_MAX: usize = 1000;
/// Name of the list in the journal.
pub(crate) const DEPLOYMENTS: &str = "deployments";

/// The texts of the routes of a folder, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteSet {
    /// Path from the folder, with `/`; text.
    pub files: BTreeMap<String, String>,
}

impl RouteSet {
    /// Names it: the hash of its paths and texts.
    pub fn version(&self) -> String {
        self.row().hash.to_string()
    }

    /// As it is kept.
    pub(crate) fn row(&self) -> Version {
        // A map of texts always has a JSON form.
        let text = serde_json::to_string(self).unwrap_or_default();
        Version { hash: BodyId::of(text.as_bytes()), text }
    }
}

/// A set put in service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// When.
    pub at: Timestamp,
    /// Which set.
    pub version: String,
    /// How many routes it has.
    pub routes: usize,
}
