//! Bodies by their SHA-256: small ones in the database, large ones as files, written whole before they are named.
//! In: bytes. Out: handles; readers of ranges. A body whose hash differs is never served.
//! Source: architecture §10 « Bodies are handles », dependencies §5.

use std::{
    collections::{HashMap, HashSet},
    io::{self, Cursor, Read, Seek, SeekFrom},
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
    files::{Access, Files, Seen, Storage, durable_dir},
    index_key::sync_dir,
    journal::NewBody,
    seal::{KeyName, Seals},
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
    /// What it was sealed with.
    key: Option<KeyName>,
    /// This process saw it reach the disk, name included.
    durable: bool,
}

/// Large bodies.
pub(super) struct BodyFiles {
    files: Arc<dyn Files>,
    seals: Seals,
    folder: PathBuf,
    /// Hashed once per process, and again when it looks different.
    verified: Mutex<HashMap<BodyId, Verified>>,
    serial: AtomicU64,
    /// Folders that this process made durable.
    durable: Mutex<HashSet<PathBuf>>,
}

impl BodyFiles {
    pub(super) fn open(storage: &Storage, data_dir: &Path) -> Self {
        let (files, seals) = (storage.files.clone(), storage.seals.clone());
        let folder = data_dir.join("bodies");
        Self {
            files,
            seals,
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
    /// A damaged file of the same name is replaced: its hash says what it must hold. So is one sealed otherwise.
    fn write(&self, id: BodyId, clear: &[u8]) -> Result<(), Error> {
        if self.is_durable(id) {
            return Ok(());
        }
        let path = self.path(id);
        let failed = || Error::io(format!("write {}", path.display()));
        let folder = path.parent().unwrap_or(&self.folder).to_owned();
        self.durable_folder(&folder).map_err(failed())?;
        let key = self.seals.current_name();
        let seen = match self.verify(id) {
            Ok(known) if known.key == key => known.seen,
            _ => self.replace(id, &path, clear).map_err(failed())?,
        };
        // Also for a file that was there: whoever wrote it may not have got as far as this.
        sync_dir(&*self.files, &folder)?;
        self.remember(id, Verified { seen, key, durable: true });
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
    fn replace(&self, id: BodyId, path: &Path, clear: &[u8]) -> io::Result<Seen> {
        let sealed = self.seals.seal(id, clear)?;
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let unfinished = path.with_file_name(format!("new-{}-{serial}", std::process::id()));
        let written = self.files.create(&unfinished, Access::Shared).and_then(|mut file| {
            file.write_all(sealed.as_deref().unwrap_or(clear))?;
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
        let current = self.seals.current_name();
        let known = self.known(id).filter(|known| known.durable && known.key == current);
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
    fn verify(&self, id: BodyId) -> Result<Verified, BodyError> {
        let mut file = self.files.open(&self.path(id)).map_err(|error| not_found(error, id))?;
        let seen = file.seen()?;
        if let Some(known) = self.known(id).filter(|known| seen.modified.is_some() && known.seen == seen) {
            return Ok(known);
        }
        let known = Verified { seen, key: self.judge(id, &mut file)?, durable: false };
        self.remember(id, known);
        Ok(known)
    }

    /// How a stored body is to be read, its hash compared. Its first bytes tell, and a body in clear may begin with the
    /// same ones.
    fn judge<R: Read + Seek>(&self, id: BodyId, stored: &mut R) -> Result<Option<KeyName>, BodyError> {
        let header = Seals::look(stored)?;
        let unsealed = header.map(|header| {
            let hash = hash_of(&mut self.seals.open(id, &mut *stored, 0)?)?;
            (hash == id).then_some(header.key).ok_or(BodyError::Damaged(id))
        });
        if let Some(Ok(key)) = unsealed {
            return Ok(Some(key));
        }
        stored.seek(SeekFrom::Start(0))?;
        match hash_of(stored)? == id {
            true => Ok(None),
            // A key that was not given is no damage.
            false => {
                Err(unsealed.and_then(Result::err).filter(is_missing_key).unwrap_or(BodyError::Damaged(id)))
            }
        }
    }

    fn open_range(&self, content: &ContentRef) -> Result<Box<dyn Read + Send>, BodyError> {
        let id = content.body;
        let known = self.verify(id)?;
        let file = self.files.open(&self.path(id)).map_err(|error| not_found(error, id))?;
        range_of(&self.seals, known.key.is_some(), file, content)
    }
}

fn is_missing_key(error: &BodyError) -> bool {
    matches!(error, BodyError::Sealed(_))
}

/// Reads the clear bytes of a range.
fn range_of(
    seals: &Seals,
    sealed: bool,
    mut stored: impl Read + Seek + Send + 'static,
    content: &ContentRef,
) -> Result<Box<dyn Read + Send>, BodyError> {
    let length = content.end.saturating_sub(content.start);
    if sealed {
        return Ok(Box::new(seals.open(content.body, stored, content.start)?.take(length)));
    }
    stored.seek(SeekFrom::Start(content.start))?;
    Ok(Box::new(stored.take(length)))
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
        let (length, key) = (bytes.len() as u64, self.files.seals.current_name());
        if length >= self.limits.body_file_bytes {
            self.files.write(id, &bytes)?;
            return Ok(NewBody { id, length, key, bytes: None });
        }
        let sealed = self.files.seals.seal(id, &bytes).map_err(Error::io("seal a body"))?;
        Ok(NewBody { id, length, key, bytes: Some(sealed.map_or(bytes, Bytes::from)) })
    }

    /// Reads a body through and compares its hash.
    pub(super) fn verify_body(&self, id: BodyId) -> Result<(), BodyError> {
        match self.reading(|connection| inline(connection, id)).map_err(to_body_error)? {
            None => Err(BodyError::Missing(id)),
            Some(Some(bytes)) => self.files.judge(id, &mut Cursor::new(bytes)).map(|_| ()),
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
        let mut stored = match self.reading(|connection| inline(connection, id)).map_err(to_body_error)? {
            None => return Err(BodyError::Missing(id)),
            Some(None) => return self.files.open_range(content),
            Some(Some(bytes)) => Cursor::new(Bytes::from(bytes)),
        };
        let key = self.files.judge(id, &mut stored)?;
        range_of(&self.files.seals, key.is_some(), stored, content)
    }
}
