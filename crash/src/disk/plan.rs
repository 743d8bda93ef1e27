//! What will happen to a disk, and where: cuts and failures fall on counted changes, each of a kind, on a kind of file.
//! In: a plan. Out: what the disk does at its n-th change.

use std::{io, path::Path};

/// What is asked of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A file or a folder gets a name.
    Create,
    /// Bytes are written.
    Write,
    /// A file is cut short or lengthened.
    Truncate,
    /// A file is made durable.
    Sync,
    /// A file changes its name.
    Rename,
    /// A file loses its name.
    Remove,
    /// The names in a folder are made durable.
    SyncFolder,
    /// Bytes are read. Never counted.
    Read,
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// `journal.db`.
    Database,
    /// `journal.db-wal`.
    Wal,
    /// `journal.db-journal`.
    Rollback,
    /// Under `bodies/`.
    Body,
    /// Under `keys/`.
    Key,
    /// Anything else: folders.
    Other,
}

impl What {
    /// By its name.
    pub fn of(path: &Path) -> Self {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let inside = |folder: &str| path.components().any(|part| part.as_os_str() == folder);
        match name {
            "journal.db" => Self::Database,
            "journal.db-wal" => Self::Wal,
            "journal.db-journal" => Self::Rollback,
            _ if inside("bodies") => Self::Body,
            _ if inside("keys") => Self::Key,
            _ => Self::Other,
        }
    }
}

/// A kind of change on a kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// What is asked.
    pub kind: Kind,
    /// Of what.
    pub what: What,
}

impl std::fmt::Display for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?}", self.kind, self.what)
    }
}

/// When the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// At this change, from 1.
    Change(u64),
    /// At this change among those of a kind.
    Nth(Site, u64),
}

/// On which side of a change the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The change never was.
    Before,
    /// The change was done, and nobody was told.
    After,
}

/// How a change fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No room is left; a write takes a part of its bytes first.
    Full,
    /// The device fails.
    Device,
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Full => io::ErrorKind::StorageFull.into(),
            Failure::Device => io::Error::other("the device fails"),
        }
    }
}

/// Changes of these kinds fail, from one to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// First change concerned.
    pub from: u64,
    /// First change that is not any more.
    pub until: u64,
    /// Which.
    pub kinds: &'static [Kind],
    /// How.
    pub failure: Failure,
}

/// What will happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The power goes at this moment, on one side of the change.
    pub cut: Option<(Moment, Cut)>,
    /// Only the process dies: what it wrote stays, synced or not, until the power really goes.
    pub spares_disk: bool,
    /// Changes that fail.
    pub faults: Vec<Fault>,
}

impl Plan {
    /// Whether the power goes at the last of these changes.
    pub(super) fn cuts(&self, changes: &[Site]) -> Option<Cut> {
        let (moment, cut) = self.cut?;
        let now = match moment {
            Moment::Change(at) => changes.len() as u64 == at,
            Moment::Nth(site, at) => {
                changes.last() == Some(&site)
                    && changes.iter().filter(|one| **one == site).count() as u64 == at
            }
        };
        now.then_some(cut)
    }

    pub(super) fn failure(&self, change: u64, kind: Kind) -> Option<Failure> {
        let falls =
            |fault: &&Fault| (fault.from..fault.until).contains(&change) && fault.kinds.contains(&kind);
        self.faults.iter().find(falls).map(|fault| fault.failure)
    }
}

/// What the disk says it did, and did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lie {
    /// Nothing: it does as it says.
    #[default]
    None,
    /// Syncs, all of them.
    Syncs,
    /// Syncs of folders.
    FolderSyncs,
    /// Syncs of bodies.
    BodySyncs,
    /// Syncs of the database's log.
    WalSyncs,
    /// Removals of files that wait for a commit.
    StagedRemovals,
    /// Removals of bodies that have their place.
    BodyRemovals,
}

impl Lie {
    pub(super) fn syncs_folders(self) -> bool {
        !matches!(self, Self::Syncs | Self::FolderSyncs)
    }

    pub(super) fn syncs(self, path: &Path) -> bool {
        match self {
            Self::Syncs => false,
            Self::BodySyncs => What::of(path) != What::Body,
            Self::WalSyncs => What::of(path) != What::Wal,
            _ => true,
        }
    }

    pub(super) fn removes(self, path: &Path) -> bool {
        let staged = path.parent().is_some_and(|folder| folder.ends_with("bodies/new"));
        match self {
            Self::StagedRemovals => !staged,
            Self::BodyRemovals => staged || What::of(path) != What::Body,
            _ => true,
        }
    }
}
