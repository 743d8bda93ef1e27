//! The journal on SQLite: one file in the data directory, WAL, one fsync per batch, large bodies beside it.
//! In: a data directory. Out: [`SqliteJournal`], for the one writing process or for any number of readers.
//! Source: dependencies §5 (measured settings), architecture §5.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jonction_model::Entropy;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, config::DbConfig, params};

use crate::{
    error::Error,
    files::{Files, Storage, durable_dir},
    index_key::{self, IndexHasher},
    seal::Seals,
};

mod answers;
mod audit;
mod balance;
mod bodies;
mod checkpoint;
mod day;
mod deployments;
mod editions;
mod find;
mod holds;
mod journey;
mod leftovers;
mod purge;
mod queues;
mod read;
mod recent;
mod rows;
mod seals;
mod sums;
mod tally;
mod wal;
mod write;

pub(crate) use write::control_id_reused;

pub(crate) use bodies::BodyFiles;
use checkpoint::Checkpointer;

/// What makes each format from the one before, the first from nothing. A new store and an old one go the same way.
const FORMATS: [&str; 3] =
    [include_str!("format/1.sql"), include_str!("format/2.sql"), include_str!("format/3.sql")];
/// The format this program writes.
pub const FORMAT: i64 = FORMATS.len() as i64;

/// Bounds of the store.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bodies of this size and more are files. Default 256 KB.
    pub body_file_bytes: u64,
    /// Idle reading connections kept. Default 8.
    pub idle_readers_max: usize,
    /// Pages of WAL after which a checkpoint is asked for. Default 1000 (8 MB).
    pub checkpoint_pages: i32,
    /// Deliveries or messages that one commit marks as held, or gives back. Default 500: tens of milliseconds.
    pub settled_at_once: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_file_bytes: 256 << 10, idle_readers_max: 8, checkpoint_pages: 1000, settled_at_once: 500 }
    }
}

/// The journal in one SQLite file.
pub struct SqliteJournal {
    path: PathBuf,
    storage: Storage,
    /// `None` for readers.
    writer: Option<Mutex<Connection>>,
    readers: Mutex<Vec<Connection>>,
    files: BodyFiles,
    limits: Limits,
    checkpointer: Option<Checkpointer>,
}

impl std::fmt::Debug for SqliteJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteJournal").field("path", &self.path).finish_non_exhaustive()
    }
}

/// File of the database in a data directory.
pub fn database_path(data_dir: &Path) -> PathBuf {
    data_dir.join("journal.db")
}

impl SqliteJournal {
    /// Opens for writing on the system's files.
    pub fn open(
        data_dir: &Path,
        limits: Limits,
        entropy: &dyn Entropy,
    ) -> Result<(Self, IndexHasher), Error> {
        Self::open_on(&Storage::default(), data_dir, limits, entropy)
    }

    /// Opens for writing; makes the store on first use. The caller holds the store's lock.
    /// Errors: newer format, lost or changed index key, disk.
    pub fn open_on(
        storage: &Storage,
        data_dir: &Path,
        limits: Limits,
        entropy: &dyn Entropy,
    ) -> Result<(Self, IndexHasher), Error> {
        let files = &storage.files;
        durable_dir(&**files, data_dir).map_err(Error::io(format!("create {}", data_dir.display())))?;
        let path = database_path(data_dir);
        if index_key::store_was_made(&**files, data_dir) && is_empty(&**files, &path)? {
            return Err(Error::StoreLost { path });
        }
        Self::open_file(storage, data_dir, &path, limits, entropy).map_err(|error| error.in_file(&path))
    }

    fn open_file(
        storage: &Storage,
        data_dir: &Path,
        path: &Path,
        limits: Limits,
        entropy: &dyn Entropy,
    ) -> Result<(Self, IndexHasher), Error> {
        let files = &storage.files;
        wal::judge(&**files, path)?;
        wal::make_durable(&**files, path)?;
        let mut connection = connect(storage, path, OpenFlags::default())?;
        connection.execute_batch("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL;")?;
        configure(&connection)?;
        // Room for the inner pages of every index of ten million messages: taken only by a store that has them.
        connection.execute_batch("PRAGMA cache_size = -65536;")?;
        let hasher = prepare_store(&**files, &mut connection, data_dir, entropy)?;
        seals::prepare(&mut connection, &storage.seals)?;
        index_key::mark_store(&**files, data_dir)?;
        let body_files = BodyFiles::open_writing(storage, data_dir)?;
        // A crash may have come between a purge and the removal of its files.
        body_files.sweep(&connection)?;
        let checkpointer = Checkpointer::start(storage, path, &mut connection, limits)?;
        let journal = Self {
            files: body_files,
            path: path.to_owned(),
            storage: storage.clone(),
            writer: Some(Mutex::new(connection)),
            readers: Mutex::default(),
            limits,
            checkpointer: Some(checkpointer),
        };
        Ok((journal, hasher))
    }

    /// Opens for reading, also while another process writes. Bodies sealed with a key that is not given stay closed.
    pub fn open_read(data_dir: &Path, seals: Seals) -> Result<(Self, IndexHasher), Error> {
        let storage = Storage { seals, ..Storage::default() };
        let path = database_path(data_dir);
        if !storage.files.exists(&path) {
            return Err(Error::NoStore { path: data_dir.to_owned() });
        }
        judge_living(&*storage.files, &path)?;
        let journal = Self {
            files: BodyFiles::open(&storage, data_dir),
            path,
            storage: storage.clone(),
            writer: None,
            readers: Mutex::default(),
            limits: Limits::default(),
            checkpointer: None,
        };
        let hasher = journal.reading(|connection| {
            let found = stored_format(connection)?;
            match found {
                None => Err(Error::NoStore { path: data_dir.to_owned() }),
                Some(found) if found > FORMAT => Err(Error::NewerFormat { found, known: FORMAT }),
                Some(found) => {
                    let hasher = own_key(&*storage.files, connection, data_dir)?;
                    let older = || Error::OlderFormat { found, known: FORMAT };
                    (found == FORMAT).then_some(hasher).ok_or_else(older)
                }
            }
        });
        let hasher = hasher.map_err(|error| error.in_file(&journal.path))?;
        Ok((journal, hasher))
    }

    /// Runs a question on a reading connection.
    fn reading<T>(&self, run: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                // Opened for writing so that the shared memory of the WAL can be made; `query_only` forbids the rest.
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = connect(&self.storage, &self.path, flags)?;
                configure(&connection)?;
                connection.execute_batch("PRAGMA query_only = ON;")?;
                connection
            }
        };
        let result = run(&connection);
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < self.limits.idle_readers_max {
            readers.push(connection);
        }
        result
    }
}

/// Looks at a log that somebody may be writing: what seems damaged once was perhaps read while it began again.
fn judge_living(files: &dyn Files, path: &Path) -> Result<(), Error> {
    const LOOKS: u32 = 5;
    const PAUSE: Duration = Duration::from_millis(20);
    for _ in 1..LOOKS {
        if wal::judge(files, path).is_ok() {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    wal::judge(files, path)
}

/// Whether the file of the database is absent or holds nothing: SQLite would make a new one.
fn is_empty(files: &dyn Files, path: &Path) -> Result<bool, Error> {
    if !files.exists(path) {
        return Ok(true);
    }
    let seen = files.open(path).and_then(|file| file.seen());
    Ok(seen.map_err(Error::io(format!("open {}", path.display())))?.length == 0)
}

/// Opens the database through the file layer of the storage.
pub(crate) fn connect(storage: &Storage, path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    Ok(match storage.vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs)?,
        None => Connection::open_with_flags(path, flags)?,
    })
}

/// Settings of every connection.
fn configure(connection: &Connection) -> Result<(), Error> {
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(64);
    // Otherwise SQLite compiles a kept statement again whenever a bound value changes: a third of its work.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY;
         PRAGMA secure_delete = FAST; PRAGMA cell_size_check = ON;",
    )?;
    Ok(())
}

fn stored_format(connection: &Connection) -> Result<Option<i64>, Error> {
    let tables: i64 = connection.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'store'",
        [],
        |row| row.get(0),
    )?;
    if tables == 0 {
        return Ok(None);
    }
    Ok(connection
        .query_row("SELECT value FROM store WHERE name = 'format'", [], |row| row.get(0))
        .optional()?)
}

/// Makes a new store, or checks an old one and brings it to our format. The key is durable before the store that depends
/// on it exists.
fn prepare_store(
    files: &dyn Files,
    connection: &mut Connection,
    data_dir: &Path,
    entropy: &dyn Entropy,
) -> Result<IndexHasher, Error> {
    let found = stored_format(connection)?;
    let hasher = match found {
        Some(found) if found > FORMAT => return Err(Error::NewerFormat { found, known: FORMAT }),
        Some(_) => own_key(files, connection, data_dir)?,
        None => match index_key::read_key(files, data_dir)? {
            // Whoever made it may have died, or seen the disk fail, before it was durable.
            Some(hasher) => index_key::make_durable(files, data_dir).map(|()| hasher)?,
            None => index_key::make_key(files, data_dir, entropy)?,
        },
    };
    let missing = FORMATS.iter().skip(found.and_then(|found| usize::try_from(found).ok()).unwrap_or(0));
    if missing.len() > 0 {
        let transaction = connection.transaction()?;
        missing.into_iter().try_for_each(|sql| transaction.execute_batch(sql))?;
        let mut keep = transaction.prepare("INSERT OR REPLACE INTO store (name, value) VALUES (?1, ?2)")?;
        keep.execute(params!["format", FORMAT])?;
        keep.execute(params!["index-key", hasher.check_value().0])?;
        drop(keep);
        transaction.commit()?;
    }
    Ok(hasher)
}

/// The key must be there and be the one of this store. A lost key may be replaced only while nothing was hashed with it.
fn own_key(files: &dyn Files, connection: &Connection, data_dir: &Path) -> Result<IndexHasher, Error> {
    let path = index_key::key_path(data_dir);
    let hasher = index_key::read_key(files, data_dir)?.ok_or(Error::IndexKeyLost { path: path.clone() })?;
    check_key(connection, &hasher, &path)?;
    Ok(hasher)
}

/// Whether a key, read from this file, is the one of a store.
pub(crate) fn check_key(connection: &Connection, hasher: &IndexHasher, path: &Path) -> Result<(), Error> {
    let stored: Vec<u8> =
        connection.query_row("SELECT value FROM store WHERE name = 'index-key'", [], |row| row.get(0))?;
    if stored != hasher.check_value().0 {
        return Err(Error::IndexKeyChanged { path: path.to_owned() });
    }
    Ok(())
}
