//! One published snapshot of one source, open for reading.
//! In: keys and terms. Out: records. Any number of threads; each call is one read transaction, so it sees one state.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read as _},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, RwLock},
    time::Duration,
};

use jiff::civil::Date;
use jonction_model::directory::{Position, Source, Sourced, Structure};
use rusqlite::{CachedStatement, Connection, OpenFlags};

use crate::{
    error::Error,
    tables::{self, Stored},
    terms,
};

/// Idle connections kept.
const POOL_MAX: usize = 16;
/// Page cache of one connection, in KiB: the upper levels of the trees at national size; the system caches the rest.
const CACHE_KIB: u32 = 4096;
/// Bytes read at once when a file is read through.
const WARMING_BYTES: usize = 1 << 20;
/// How long a look-up waits for who writes, or for a connection.
const BUSY: Duration = Duration::from_secs(5);

/// A snapshot file.
pub(crate) struct Generation {
    path: PathBuf,
    source: Source,
    words: RwLock<Arc<Vec<Box<str>>>>,
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
    communes: OnceLock<HashMap<String, Position>>,
}

impl Generation {
    /// Opens a file. Errors: unreadable, of another format.
    pub(crate) fn open(path: &Path, source: Source) -> Result<Self, Error> {
        let db = connect(path)?;
        let format: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if format != tables::FORMAT {
            return Err(Error::Damaged("the format of the snapshot"));
        }
        let words = tables::words(&db)?;
        Ok(Self {
            path: path.to_owned(),
            source,
            words: RwLock::new(Arc::new(words)),
            idle: Mutex::new(vec![db]),
            returned: Condvar::new(),
            communes: OnceLock::new(),
        })
    }

    /// Reads the file through, so that look-ups find its pages in the memory of the system.
    pub(crate) fn warm(&self) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        let mut buffer = vec![0; WARMING_BYTES];
        while file.read(&mut buffer)? > 0 {}
        Ok(())
    }

    /// Its source.
    pub(crate) fn source(&self) -> Source {
        self.source
    }

    /// Runs look-ups on one connection, in one read transaction.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Reading<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let db = self.connection()?;
        db.prepare_cached("BEGIN")?.execute([])?;
        let words = self.words.read().unwrap_or_else(PoisonError::into_inner).clone();
        let result = work(&Reading { db: &db, generation: self, words: Mutex::new(words) });
        db.prepare_cached("COMMIT")?.execute([])?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < POOL_MAX {
            idle.push(db);
        }
        drop(idle);
        self.returned.notify_one();
        result
    }

    /// An idle connection, else a new one. Once the file was removed, two snapshots later, those there are go on serving.
    fn connection(&self) -> Result<Connection, Error> {
        if let Some(db) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(db);
        }
        let error = match connect(&self.path) {
            Ok(db) => return Ok(db),
            Err(error) => error,
        };
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = self.returned.wait_timeout_while(idle, BUSY, |idle| idle.is_empty());
        let (mut idle, _) = wait.unwrap_or_else(PoisonError::into_inner);
        idle.pop().ok_or(error)
    }

    /// The middles of the communes this source knows.
    pub(crate) fn communes(&self) -> Result<&HashMap<String, Position>, Error> {
        if let Some(known) = self.communes.get() {
            return Ok(known);
        }
        let read = self.read(|reading| {
            let mut select = reading.db.prepare("SELECT code, latitude, longitude FROM commune")?;
            let rows = select.query_map([], |row| {
                Ok((
                    row.get(0)?,
                    Position { latitude: row.get(1)?, longitude: row.get(2)?, commune_only: true },
                ))
            })?;
            Ok(rows.collect::<Result<HashMap<String, Position>, _>>()?)
        })?;
        Ok(self.communes.get_or_init(|| read))
    }
}

fn connect(path: &Path) -> Result<Connection, Error> {
    // Not read-only: a file changed in place keeps its journal beside it, which a reader may have to open.
    let db = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    db.execute_batch(&format!("PRAGMA query_only=1; PRAGMA cache_size=-{CACHE_KIB};"))?;
    db.busy_timeout(BUSY)?;
    Ok(db)
}

/// Look-ups inside one transaction.
pub(crate) struct Reading<'r> {
    pub(crate) db: &'r Connection,
    generation: &'r Generation,
    words: Mutex<Arc<Vec<Box<str>>>>,
}

impl Reading<'_> {
    /// A record by its key. The sites of a practice stay references.
    pub(crate) fn get<T: Stored>(&self, key: i64) -> Result<Option<Sourced<T>>, Error> {
        self.select(&mut self.db.prepare_cached(T::SQL[0])?, key)
    }

    fn select<T: Stored>(
        &self,
        select: &mut CachedStatement<'_>,
        key: i64,
    ) -> Result<Option<Sourced<T>>, Error> {
        let mut rows = select.query([key])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let bytes = row.get_ref(0)?.as_blob().map_err(|_| Error::Damaged("a record"))?;
        let (record, date) = self.decode::<T>(bytes)?;
        Ok(Some(Sourced { record, source: self.generation.source, date }))
    }

    fn decode<T: Stored>(&self, bytes: &[u8]) -> Result<(T, Date), Error> {
        let known = self.words.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(read) = tables::of_row(bytes, &known) {
            return Ok(read);
        }
        // Perhaps changed in place by another program, with words we have not read.
        let fresh = Arc::new(tables::words(self.db)?);
        let read = tables::of_row(bytes, &fresh).ok_or(Error::Damaged("a record"))?;
        *self.words.lock().unwrap_or_else(PoisonError::into_inner) = fresh.clone();
        *self.generation.words.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(read)
    }

    /// The sites that references stand for. A reference to nothing leaves the commune, which is all there is.
    pub(crate) fn sites<'s>(&self, sites: impl Iterator<Item = &'s mut Structure>) -> Result<(), Error> {
        let mut select = self.db.prepare_cached(Structure::SQL[0])?;
        for site in sites {
            let Some(key) = terms::referenced(site) else { continue };
            match self.select::<Structure>(&mut select, key)? {
                Some(found) => *site = found.record,
                None => site.technical_id.clear(),
            }
        }
        Ok(())
    }

    /// Targets of a range of terms, with their terms, in order, until `tell` says stop. Whether the end was reached.
    pub(crate) fn targets(
        &self,
        range: RangeInclusive<i64>,
        mut tell: impl FnMut(i64, i64) -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        let mut select = self.db.prepare_cached(
            "SELECT term, target FROM posting WHERE term BETWEEN ?1 AND ?2 ORDER BY term, target",
        )?;
        let mut rows = select.query([*range.start(), *range.end()])?;
        while let Some(row) = rows.next()? {
            if !tell(row.get(0)?, row.get(1)?)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Every target of one term.
    pub(crate) fn targets_of(&self, term: i64) -> Result<Vec<i64>, Error> {
        let mut all = Vec::new();
        self.targets(term..=term, |_, target| {
            all.push(target);
            Ok(true)
        })?;
        Ok(all)
    }

    /// Every record of a kind, in the order of the keys, sites as references.
    pub(crate) fn every<T: Stored>(
        &self,
        mut tell: impl FnMut(Sourced<T>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut select = self.db.prepare(&format!("SELECT record FROM {} ORDER BY key", T::KIND.name()))?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let bytes = row.get_ref(0)?.as_blob().map_err(|_| Error::Damaged("a record"))?;
            let (record, date) = self.decode::<T>(bytes)?;
            tell(Sourced { record, source: self.generation.source, date })?;
        }
        Ok(())
    }
}
