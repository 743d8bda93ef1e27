//! Bodies by their SHA-256: small ones in the database, large ones as files, written whole before they are named.
//! In: bytes. Out: handles; readers of ranges. A body whose hash differs is never served.
//! Source: architecture §10 « Bodies are handles », dependencies §5.

use std::{
    collections::{HashMap, HashSet},
    io::{self, Cursor, Read, SeekFrom},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_lc_rs::digest;
use bytes::Bytes;
use jonction_model::{BodyId, ContentRef};
use jonction_ports::{Bodies, BodyError};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::SqliteJournal;
use crate::{
    error::Error,
    files::{Access, Files, Seen, durable_dir},
    index_key::sync_dir,
    journal::NewBody,
};

/// How many files are remembered as verified.
const VERIFIED_MAX: usize = 4096;
/// Bytes read at once.
const PIECE: usize = 64 << 10;

/// A file whose hash was right.
#[derive(Clone, Copy)]
struct Verified {
    /// What it looked like then.
    seen: Seen,
    /// This process saw it reach the disk, name included.
    durable: bool,
}

/// Large bodies.
pub(super) struct BodyFiles {
    files: Arc<dyn Files>,
    folder: PathBuf,
    /// Hashed once per process, and again when it looks different.
    verified: Mutex<HashMap<BodyId, Verified>>,
    serial: AtomicU64,
    /// Folders that this process made durable.
    durable: Mutex<HashSet<PathBuf>>,
}

impl BodyFiles {
    pub(super) fn open(files: Arc<dyn Files>, data_dir: &Path) -> Self {
        let folder = data_dir.join("bodies");
        Self {
            files,
            folder,
            verified: Mutex::default(),
            serial: AtomicU64::new(0),
            durable: Mutex::default(),
        }
    }

    fn path(&self, id: BodyId) -> PathBuf {
        let name = id.to_string();
        self.folder.join(&name[..2]).join(&name[2..])
    }

    /// Whether the file of a body is there.
    pub(super) fn exists(&self, id: BodyId) -> bool {
        self.files.exists(&self.path(id))
    }

    /// Takes the file of a destroyed body away. One that is gone already is no error.
    fn remove(&self, id: BodyId) -> Result<(), Error> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        match self.files.remove(&self.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io(format!("remove {}", self.path(id).display()))(error))
            }
            _ => Ok(()),
        }
    }

    /// Takes away the files of bodies whose destruction is durable. The caller holds the writing connection: nothing
    /// names one of them meanwhile.
    pub(super) fn sweep(&self, connection: &Connection) -> Result<(), Error> {
        let mut statement = connection.prepare(
            "SELECT doomed.hash, body.id IS NOT NULL AND body.purged_at IS NULL AND body.bytes IS NULL FROM doomed
             LEFT JOIN body ON body.hash = doomed.hash",
        )?;
        let doomed = statement
            .query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?)))?
            .collect::<Result<Vec<(Vec<u8>, bool)>, _>>()?;
        if doomed.is_empty() {
            return Ok(());
        }
        for (hash, named_again) in &doomed {
            if !named_again {
                self.remove(super::rows::body_id(hash)?)?;
            }
        }
        connection.execute("DELETE FROM doomed", [])?;
        Ok(())
    }

    /// Writes a body; durable (file, directory, and the directory's own entry) on return.
    /// A damaged file of the same name is replaced: its hash says what it must hold.
    fn write(&self, id: BodyId, bytes: &[u8]) -> Result<(), Error> {
        if self.is_durable(id) {
            return Ok(());
        }
        let path = self.path(id);
        let failed = || Error::io(format!("write {}", path.display()));
        let folder = path.parent().unwrap_or(&self.folder).to_owned();
        self.durable_folder(&folder).map_err(failed())?;
        let seen = match self.verify(id) {
            Ok(seen) => seen,
            Err(_) => self.replace(&path, bytes).map_err(failed())?,
        };
        // Also for a file that was there: whoever wrote it may not have got as far as this.
        sync_dir(&*self.files, &folder)?;
        self.remember(id, Verified { seen, durable: true });
        Ok(())
    }

    /// Makes a folder durable, once per process: that it exists says nothing of who made it, and how far he got.
    fn durable_folder(&self, folder: &Path) -> io::Result<()> {
        if self.durable.lock().unwrap_or_else(PoisonError::into_inner).contains(folder) {
            return Ok(());
        }
        durable_dir(&*self.files, &self.folder)?;
        durable_dir(&*self.files, folder)?;
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned());
        Ok(())
    }

    /// Writes beside, then takes the place of whatever had the name.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<Seen> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let unfinished = path.with_file_name(format!("new-{}-{serial}", std::process::id()));
        let written = self.files.create(&unfinished, Access::Shared).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync()?;
            self.files.rename(&unfinished, path)?;
            self.files.open(path)?.seen()
        });
        if written.is_err() {
            // The unfinished file is of no use to anybody; the first error is the one to tell.
            let _ = self.files.remove(&unfinished);
        }
        written
    }

    fn is_durable(&self, id: BodyId) -> bool {
        let known = self.known(id).filter(|known| known.durable);
        known.is_some_and(|known| {
            let seen = self.files.open(&self.path(id)).and_then(|file| file.seen());
            seen.is_ok_and(|seen| seen.modified.is_some() && seen == known.seen)
        })
    }

    fn known(&self, id: BodyId) -> Option<Verified> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    fn remember(&self, id: BodyId, known: Verified) {
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= VERIFIED_MAX {
            verified.clear();
        }
        verified.insert(id, known);
    }

    /// Compares the hash of a file, at most once as long as it looks the same.
    fn verify(&self, id: BodyId) -> Result<Seen, BodyError> {
        let mut file = self.files.open(&self.path(id)).map_err(|error| not_found(error, id))?;
        let seen = file.seen()?;
        if seen.modified.is_some() && self.known(id).is_some_and(|known| known.seen == seen) {
            return Ok(seen);
        }
        if hash_of(&mut file)? != id {
            return Err(BodyError::Damaged(id));
        }
        self.remember(id, Verified { seen, durable: false });
        Ok(seen)
    }

    fn open_range(&self, content: &ContentRef) -> Result<Box<dyn Read + Send>, BodyError> {
        self.verify(content.body)?;
        let mut file =
            self.files.open(&self.path(content.body)).map_err(|error| not_found(error, content.body))?;
        file.seek(SeekFrom::Start(content.start))?;
        Ok(Box::new(file.take(content.end.saturating_sub(content.start))))
    }
}

fn not_found(error: io::Error, id: BodyId) -> BodyError {
    if error.kind() == io::ErrorKind::NotFound { BodyError::Missing(id) } else { BodyError::Io(error) }
}

fn hash_of(reader: &mut impl Read) -> Result<BodyId, io::Error> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut piece = vec![0; PIECE];
    loop {
        let read = reader.read(&mut piece)?;
        if read == 0 {
            break;
        }
        context.update(&piece[..read]);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    Ok(BodyId::from_bytes(hash))
}

/// Row of a body: its bytes, or `None` when they are a file. One that was destroyed is as if it had never been.
fn inline(connection: &Connection, id: BodyId) -> Result<Option<Option<Vec<u8>>>, Error> {
    Ok(connection
        .prepare_cached("SELECT bytes FROM body WHERE hash = ?1 AND purged_at IS NULL")?
        // Whatever type the column has: its hash judges it.
        .query_row(params![id.as_bytes()], |row| Ok(row.get_ref(0)?.as_bytes_or_null()?.map(<[u8]>::to_vec)))
        .optional()?)
}

impl SqliteJournal {
    /// Makes a body ready to be named by a change.
    pub(super) fn keep_body(&self, id: BodyId, bytes: Bytes) -> Result<NewBody, Error> {
        let length = bytes.len() as u64;
        if length < self.limits.body_file_bytes {
            return Ok(NewBody { id, length, bytes: Some(bytes) });
        }
        self.files.write(id, &bytes)?;
        Ok(NewBody { id, length, bytes: None })
    }

    /// Reads a body through and compares its hash.
    pub(super) fn verify_body(&self, id: BodyId) -> Result<(), BodyError> {
        match self.reading(|connection| inline(connection, id)).map_err(to_body_error)? {
            None => Err(BodyError::Missing(id)),
            Some(Some(bytes)) if BodyId::of(&bytes) == id => Ok(()),
            Some(Some(_)) => Err(BodyError::Damaged(id)),
            Some(None) => self.files.verify(id).map(|_| ()),
        }
    }
}

fn to_body_error(error: Error) -> BodyError {
    BodyError::Io(io::Error::other(error))
}

impl Bodies for SqliteJournal {
    fn open_raw(&self, content: &ContentRef) -> Result<Box<dyn Read + Send>, BodyError> {
        let id = content.body;
        let bytes = match self.reading(|connection| inline(connection, id)).map_err(to_body_error)? {
            None => return Err(BodyError::Missing(id)),
            Some(None) => return self.files.open_range(content),
            Some(Some(bytes)) => Bytes::from(bytes),
        };
        if BodyId::of(&bytes) != id {
            return Err(BodyError::Damaged(id));
        }
        let start = usize::try_from(content.start).unwrap_or(usize::MAX).min(bytes.len());
        let end = usize::try_from(content.end).unwrap_or(usize::MAX).clamp(start, bytes.len());
        Ok(Box::new(Cursor::new(bytes.slice(start..end))))
    }
}
