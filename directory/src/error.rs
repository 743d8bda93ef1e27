//! Why the store could not do what was asked: whose fault, and its stable name.

use std::io;

use jonction_ports::DirectoryError;

/// A fault of the store. Nothing of it says anything about a person.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The disk.
    #[error("directory store: {0}")]
    Io(#[from] io::Error),
    /// The database library.
    #[error("directory store: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// What was read back makes no sense.
    #[error("directory store: {0} is damaged")]
    Damaged(&'static str),
    /// Another program is writing this source.
    #[error("directory store: another pull of this source is running")]
    Busy,
    /// A change for a source that was never pulled.
    #[error("directory store: this source was never pulled whole")]
    NeverPulled,
}

impl Error {
    /// Stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::StorageFull => "directory.disk-full",
            Self::Io(_) => "directory.io",
            Self::Sqlite(rusqlite::Error::SqliteFailure(failure, _))
                if failure.code == rusqlite::ErrorCode::DiskFull =>
            {
                "directory.disk-full"
            }
            Self::Sqlite(_) => "directory.store",
            Self::Damaged(_) => "directory.damaged",
            Self::Busy => "directory.busy",
            Self::NeverPulled => "directory.never-pulled",
        }
    }
}

impl From<Error> for DirectoryError {
    fn from(error: Error) -> Self {
        Self { code: error.code(), detail: error.to_string() }
    }
}
