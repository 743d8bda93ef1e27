//! What a puller of a directory does: look whether there is something new, bring it whole, read it record by record.
//! In: what is in use. Out: a snapshot to read, changes, or « nothing new ». Source: annuaires.md §1.1, §2.4, §3.3, §4.2.
//! Deliberately absent: what is done with the records, and when a puller runs.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use jonction_model::directory::{Record, Source};

use crate::{BoxFuture, directory::Records};

/// Why nothing was brought, or why what was brought is not believed. The snapshot in use stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {sentence}")]
pub struct PullError {
    /// Stable name.
    pub code: &'static str,
    /// What happened, in French, without anything about a person.
    pub sentence: String,
    /// What to do, in French.
    pub remedy: String,
}

impl PullError {
    /// An error with its remedy.
    pub fn new(code: &'static str, sentence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into(), remedy: remedy.into() }
    }
}

impl From<crate::DirectoryError> for PullError {
    fn from(error: crate::DirectoryError) -> Self {
        Self::new(
            error.code,
            format!("l'annuaire local ne peut pas être écrit ({})", error.detail),
            "vérifier la place et les droits du dossier de données, puis relancer",
        )
    }
}

/// The snapshot in use of the source, when there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InUse {
    /// Its name.
    pub name: String,
    /// When its source made it.
    pub date: Timestamp,
    /// SHA-256 of what was read.
    pub sha256: String,
    /// When it was put in use.
    pub published: Timestamp,
    /// Date of the last whole snapshot, of which this one may be a change.
    pub whole: Timestamp,
}

/// What was brought.
pub enum Brought {
    /// What is in use is what there is. The sentence says why, in French.
    NothingNew(String),
    /// A whole snapshot.
    Snapshot(Box<dyn Snapshot>),
    /// Changes since the snapshot in use.
    Changes(Changes),
}

/// A snapshot may be dated so far ahead of our clock, no more.
const AHEAD_MAX: Duration = Duration::from_secs(24 * 3600);

/// What is known of a snapshot before it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Name its source gave it.
    pub name: String,
    /// When its source made it.
    pub date: Timestamp,
    /// Bytes it will read, for progress; 0 when unknown.
    pub bytes: u64,
}

impl Facts {
    /// Whether its date has not come: the source is wrong, or this machine's clock is.
    pub fn is_ahead(&self, now: Timestamp) -> bool {
        self.date > now + AHEAD_MAX
    }
}

/// A whole snapshot, on disk, not believed yet.
pub trait Snapshot: Send {
    /// What is known of it already.
    fn facts(&self) -> &Facts;

    /// Reads it to the end, on a blocking thread. `progress` gets bytes read so far.
    /// An error means that nothing of it may be used, whatever was put before.
    fn read(&mut self, records: &mut dyn Records, progress: &mut dyn FnMut(u64))
    -> Result<Intake, PullError>;
}

/// Changes, each a whole record.
pub struct Changes {
    /// Up to when, by the clock of the source.
    pub until: Timestamp,
    /// The records.
    pub records: Vec<Record>,
    /// What is worth telling.
    pub remarks: Vec<Remark>,
}

/// What reading a snapshot showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intake {
    /// SHA-256 of what was read, in hexadecimal.
    pub sha256: String,
    /// Bytes read, unpacked.
    pub bytes: u64,
    /// Lines or resources, by file or type.
    pub rows: BTreeMap<String, u64>,
    /// What is worth telling.
    pub remarks: Vec<Remark>,
}

/// Something odd that does not stop a pull.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Remark {
    /// Stable name.
    pub code: String,
    /// In French, without anything about a person.
    pub sentence: String,
}

impl Remark {
    /// A remark.
    pub fn new(code: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { code: code.into(), sentence: sentence.into() }
    }
}

/// Tells how far a pull is; called often, must be quick.
pub trait Progress: Send + Sync {
    /// A new stage begins: `what` in French; `total` bytes or pages when known.
    fn stage(&self, what: &str, total: Option<u64>);
    /// So much of the stage is done.
    fn at(&self, done: u64);
}

/// Tells nobody.
impl Progress for () {
    fn stage(&self, _: &str, _: Option<u64>) {}
    fn at(&self, _: u64) {}
}

/// Brings one source.
pub trait Puller: Send + Sync {
    /// Which one.
    fn source(&self) -> Source;

    /// Looks and brings. `whole`: changes alone will not do. Resumes what an earlier call left unfinished in its folder.
    fn bring<'p>(
        &'p self,
        in_use: Option<InUse>,
        whole: bool,
        progress: &'p dyn Progress,
    ) -> BoxFuture<'p, Result<Brought, PullError>>;
}
