//! The few operations on files that durability depends on, so that a test can hand in a disk that fails.
//! In: paths. Out: bytes, or the errors of the system. [`SystemFiles`] is the system's own, the one of production.
//! Deliberately absent: the database, whose files SQLite reaches through its own layer (see [`Storage::vfs`]).

use std::{
    ffi::OsString,
    fmt::Debug,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, Write},
    path::Path,
    sync::Arc,
    time::SystemTime,
};

use crate::{error::Error, journal::committer::CommitMode, lock::StoreLock, seal::Seals};

/// What a store stands on.
#[derive(Clone, Debug)]
pub struct Storage {
    /// Bodies, keys, folders, the lock.
    pub files: Arc<dyn Files>,
    /// Name of SQLite's file layer; `None`: its own.
    pub vfs: Option<&'static str>,
    /// Who runs the checkpoints of the database.
    pub checkpoints: CommitMode,
    /// What bodies are sealed with.
    pub seals: Seals,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            files: Arc::new(SystemFiles),
            vfs: None,
            checkpoints: CommitMode::Thread,
            seals: Seals::default(),
        }
    }
}

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever the folder lets in.
    Shared,
    /// Its owner: a key.
    Owner,
}

/// Files and folders. What is written or renamed is durable once its file, then its folder, were synced, not before.
pub trait Files: Debug + Send + Sync {
    /// Whether there is something of this name.
    fn exists(&self, path: &Path) -> bool;
    /// Makes one folder; its parent is there. One that is there already is no error.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes a file, empty; one of the same name is emptied.
    fn create(&self, path: &Path, access: Access) -> io::Result<Box<dyn FileWriter>>;
    /// Opens a file for reading.
    fn open(&self, path: &Path) -> io::Result<Box<dyn FileReader>>;
    /// Gives a file another name, which it takes from whoever had it. Never seen half done, also across folders.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Takes a file out of its folder.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Names of what stands in a folder, in any order.
    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>>;
    /// Makes the bytes of a file durable, whoever wrote them.
    fn sync_file(&self, path: &Path) -> io::Result<()>;
    /// Writes the bytes of a file over themselves and makes them durable. After a sync that failed, a system takes for
    /// written what it could not write, and the next sync says yes (« fsyncgate »): only bytes written again are sure.
    fn rewrite(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Takes the store for this process, until the guard is dropped.
    fn lock(&self, data_dir: &Path) -> Result<StoreGuard, Error>;
}

/// Holds a store.
pub type StoreGuard = Box<dyn Debug + Send + Sync>;

/// A file being written.
pub trait FileWriter: Write + Send {
    /// Makes what was written durable, its length too.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file being read.
pub trait FileReader: Read + Seek + Send {
    /// What it looks like.
    fn seen(&self) -> io::Result<Seen>;
}

/// What a file looks like from outside: while this stays, its bytes are taken to be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// In bytes.
    pub length: u64,
    /// When it was last written, if the system says so.
    pub modified: Option<SystemTime>,
}

/// Makes a folder and those above it; its name is durable on return, also when it was there: whoever made it may have
/// died before that, and everything in it would go with it.
pub(crate) fn durable_dir(files: &dyn Files, path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(here) if here.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Ok(()),
    };
    if !files.exists(path) {
        if !files.exists(parent) {
            durable_dir(files, parent)?;
        }
        files.create_dir(path)?;
    }
    match files.sync_dir(parent) {
        // A folder we may pass through without reading it: somebody else made what is in it, long ago.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        result => result,
    }
}

/// Bytes of a file that are rewritten at once.
const REWRITTEN_AT_ONCE: usize = 1 << 20;

/// The system's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemFiles;

impl Files for SystemFiles {
    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            result => result,
        }
    }

    fn create(&self, path: &Path, access: Access) -> io::Result<Box<dyn FileWriter>> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        if access == Access::Owner {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        Ok(Box::new(options.open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn FileReader>> {
        Ok(Box::new(File::open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn rewrite(&self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut bytes = vec![0; REWRITTEN_AT_ONCE];
        let mut at = 0;
        loop {
            file.seek(io::SeekFrom::Start(at))?;
            let count = file.read(&mut bytes)?;
            if count == 0 {
                return file.sync_all();
            }
            file.seek(io::SeekFrom::Start(at))?;
            file.write_all(&bytes[..count])?;
            at += count as u64;
        }
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn lock(&self, data_dir: &Path) -> Result<StoreGuard, Error> {
        Ok(Box::new(StoreLock::take(data_dir)?))
    }
}

impl FileWriter for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

impl FileReader for File {
    fn seen(&self) -> io::Result<Seen> {
        let metadata = self.metadata()?;
        Ok(Seen { length: metadata.len(), modified: metadata.modified().ok() })
    }
}
