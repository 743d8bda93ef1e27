//! How the last pull of a source ended: what `status` and alarms tell. Kept beside the snapshots, in `last.json`.

use jiff::Timestamp;
use jonction_model::directory::Source;
use jonction_ports::pull::Remark;
use serde::{Deserialize, Serialize};

use crate::{
    Report, Store,
    error::Error,
    files::{read_json, write_json},
};

/// How a pull ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastPull {
    /// When.
    pub at: Timestamp,
    /// What became of it.
    pub ended: Ended,
    /// What was worth telling.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
}

/// What became of a pull.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ended", rename_all = "kebab-case")]
pub enum Ended {
    /// What it brought is in use.
    Published {
        /// What differs.
        report: Report,
    },
    /// Nothing new.
    NothingNew {
        /// Why, in French.
        why: String,
    },
    /// It waits for a human.
    Held {
        /// What differs.
        report: Report,
    },
    /// It failed.
    Failed {
        /// Stable name.
        code: String,
        /// In French.
        sentence: String,
        /// In French.
        remedy: String,
    },
}

impl Store {
    /// Notes how a pull ended.
    pub fn note(&self, source: Source, last: &LastPull) -> Result<(), Error> {
        let folder = self.source_folder(source);
        std::fs::create_dir_all(&folder)?;
        write_json(&folder.join("last.json"), last)
    }

    /// How the last pull of a source ended; `None` when there was none.
    pub fn last_pull(&self, source: Source) -> Result<Option<LastPull>, Error> {
        read_json(&self.source_folder(source).join("last.json"))
    }
}
