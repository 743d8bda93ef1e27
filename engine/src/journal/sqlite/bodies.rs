//! Bodies by their SHA-256: small ones in the database, large ones as files, written whole before they are named.
//! In: bytes. Out: handles; readers of ranges. A body whose hash differs is never served. A file waits in `bodies/new`
//! until the commit that names it, then takes its place: what a crash leaves behind stands in one small folder.
//! Source: architecture §10 « Bodies are handles », dependencies §5, decision 0032.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
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

use super::{SqliteJournal, leftovers::Leftovers};
use crate::{
    error::Error,
    files::{Access, FileReader, Files, Seen, Storage, durable_dir},
    index_key::sync_dir,
    journal::NewBody,
    scratch::Scratch,
    seal::{Clear, KeyName, Seals},
};

/// How many files are remembered as verified.
const VERIFIED_MAX: usize = 4096;
/// Folder of bodies whose commit has not come.
const STAGING: &str = "new";
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
pub(crate) struct BodyFiles {
    files: Arc<dyn Files>,
    seals: Seals,
    folder: PathBuf,
    /// Hashed once per process, and again when it looks different.
    verified: Mutex<HashMap<BodyId, Verified>>,
    serial: AtomicU64,
    /// Folders that this process made durable.
    durable: Mutex<HashSet<PathBuf>>,
    leftovers: Leftovers,
}

impl BodyFiles {
    pub(crate) fn open(storage: &Storage, data_dir: &Path) -> Self {
        Self {
            files: storage.files.clone(),
            seals: storage.seals.clone(),
            folder: data_dir.join("bodies"),
            verified: Mutex::default(),
            serial: AtomicU64::new(0),
            durable: Mutex::default(),
            leftovers: Leftovers::default(),
        }
    }

    /// The same, for the process that writes: what an earlier one left is listed before anything is written.
    pub(super) fn open_writing(storage: &Storage, data_dir: &Path) -> Result<Self, Error> {
        let mut opened = Self::open(storage, data_dir);
        let staging = opened.staging();
        match opened.files.list(&staging) {
            Ok(names) => opened.leftovers = Leftovers::of(names),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io(format!("list {}", staging.display()))(error)),
        }
        opened.serial = AtomicU64::new(opened.leftovers.next_serial());
        Ok(opened)
    }

    pub(super) fn leftovers(&self) -> &Leftovers {
        &self.leftovers
    }

    /// Where bodies wait for the commit that names them.
    fn staging(&self) -> PathBuf {
        self.folder.join(STAGING)
    }

    fn staged(&self, id: BodyId) -> PathBuf {
        self.staging().join(id.to_string())
    }

    fn path(&self, id: BodyId) -> PathBuf {
        let name = id.to_string();
        self.folder.join(&name[..2]).join(&name[2..])
    }

    /// Where a body waits that comes in pieces. Not durable, and not meant to be.
    pub(super) fn scratch(&self) -> Result<Scratch, Error> {
        let failed = || Error::io("begin a body that comes in pieces");
        let folder = self.staging();
        self.durable_folders(&folder).map_err(failed())?;
        Scratch::begin(&folder, self.seals.current.is_some()).map_err(failed())
    }

    /// Whether the file of a body is there.
    pub(super) fn exists(&self, id: BodyId) -> bool {
        self.files.exists(&self.path(id)) || self.files.exists(&self.staged(id))
    }

    /// Opens the file of a body, in its place or before it takes it, which it may do meanwhile.
    pub(crate) fn open_file(&self, id: BodyId) -> io::Result<Box<dyn FileReader>> {
        let place = self.path(id);
        for path in [&place, &self.staged(id), &place] {
            match self.files.open(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                opened => return opened,
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }

    /// A commit names this body: its file takes its place. Nothing is made durable for that: a name that a power cut takes
    /// back is the one it had before, and the next start does it again.
    pub(super) fn take_place(&self, id: BodyId) {
        let staged = self.staged(id);
        if self.files.exists(&staged)
            && let Err(error) = self.files.rename(&staged, &self.path(id))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "a body keeps its first name until the next start");
        }
    }

    /// Takes the file of a body away. One that is gone already is no error.
    fn remove(&self, id: BodyId) -> Result<(), Error> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.remove_file(&self.path(id))?;
        self.remove_file(&self.staged(id))
    }

    fn remove_file(&self, path: &Path) -> Result<(), Error> {
        match self.files.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io(format!("remove {}", path.display()))(error))
            }
            _ => Ok(()),
        }
    }

    /// Nothing will name this body: its file goes, unless it has its place. What fails is swept at the next start.
    pub(super) fn drop_staged(&self, id: BodyId) {
        if let Err(error) = self.remove_file(&self.staged(id)) {
            tracing::warn!(error_code = error.code(), %error, "a body that nobody needs stays until the next start");
        }
    }

    /// Takes a file away that waits for a commit which never came.
    pub(super) fn remove_staged(&self, name: &str) -> Result<(), Error> {
        self.remove_file(&self.staging().join(name))
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
        let mut folders = BTreeSet::new();
        for (hash, _) in doomed.iter().filter(|(_, named_again)| !named_again) {
            let id = super::rows::body_id(hash)?;
            self.remove(id)?;
            folders.extend(self.path(id).parent().map(Path::to_owned));
        }
        // A power cut gives back a name whose loss is not durable, and nobody would know of it any more.
        for folder in folders.iter().chain([&self.staging()]).filter(|folder| self.files.exists(folder)) {
            sync_dir(&*self.files, folder)?;
        }
        connection.execute("DELETE FROM doomed", [])?;
        Ok(())
    }

    /// Writes a body; durable (file, directory, and the directory's own entry) on return.
    /// A damaged file of the same name is replaced: its hash says what it must hold. So is one sealed otherwise.
    fn write(&self, clear: Clear<'_>) -> Result<(), Error> {
        let id = clear.id;
        self.leftovers.claim(id);
        if self.is_durable(id) {
            return Ok(());
        }
        let place = self.path(id);
        let failed = || Error::io(format!("write {}", place.display()));
        let folder = place.parent().unwrap_or(&self.folder).to_owned();
        self.durable_folders(&folder).map_err(failed())?;
        let key = self.seals.current_name();
        let seen = match self.verify(id) {
            Ok(known) if known.key == key => known.seen,
            _ => self.replace(clear).map_err(failed())?,
        };
        // Also for a file that was there: whoever wrote it may not have got as far as this.
        let named_in = if self.files.exists(&place) { folder } else { self.staging() };
        sync_dir(&*self.files, &named_in)?;
        self.remember(id, Verified { seen, key, durable: true });
        Ok(())
    }

    /// Makes the folders of a body durable, once per process: that one exists says nothing of who made it, and how far he
    /// got.
    fn durable_folders(&self, folder: &Path) -> io::Result<()> {
        for path in [&*self.folder, &self.staging(), folder] {
            if self.durable.lock().unwrap_or_else(PoisonError::into_inner).contains(path) {
                continue;
            }
            durable_dir(&*self.files, path)?;
            self.durable.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned());
        }
        Ok(())
    }

    /// Writes beside, then takes the place of whatever had the name.
    fn replace(&self, clear: Clear<'_>) -> io::Result<Seen> {
        let id = clear.id;
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.staging().join(Leftovers::unfinished(serial));
        let place = self.path(id);
        let path = if self.files.exists(&place) { place } else { self.staged(id) };
        let written = self.files.create(&unfinished, Access::Shared).and_then(|mut file| {
            self.seals.store(clear, &mut file)?;
            file.sync()?;
            self.files.rename(&unfinished, &path)?;
            self.open_file(id)?.seen()
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
            let seen = self.open_file(id).and_then(|file| file.seen());
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
        let mut file = self.open_file(id).map_err(|error| not_found(error, id))?;
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
        let mut file = self.open_file(id).map_err(|error| not_found(error, id))?;
        let length = content.end.saturating_sub(content.start);
        if known.key.is_some() {
            return Ok(Box::new(self.seals.open(id, file, content.start)?.take(length)));
        }
        file.seek(SeekFrom::Start(content.start))?;
        Ok(Box::new(file.take(length)))
    }

    /// The clear bytes of a body that was kept in the database, their hash compared.
    fn unsealed(&self, id: BodyId, stored: Vec<u8>) -> Result<Bytes, BodyError> {
        let mut reader = Cursor::new(&stored);
        let unsealed = Seals::look(&mut reader)?.map(|_| {
            let mut clear = Vec::with_capacity(stored.len());
            self.seals.open(id, &mut reader, 0)?.read_to_end(&mut clear).map_err(as_body_error)?;
            Ok(clear)
        });
        // A body in clear may begin like a sealed one; a key that was not given is no damage.
        match unsealed {
            Some(Ok(clear)) if BodyId::of(&clear) == id => Ok(clear.into()),
            _ if BodyId::of(&stored) == id => Ok(stored.into()),
            Some(Err(error)) if is_missing_key(&error) => Err(error),
            _ => Err(BodyError::Damaged(id)),
        }
    }
}

fn is_missing_key(error: &BodyError) -> bool {
    matches!(error, BodyError::Sealed(_))
}

/// An error that carries one of ours is that one.
fn as_body_error(error: io::Error) -> BodyError {
    error.downcast::<BodyError>().unwrap_or_else(BodyError::Io)
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
            self.files.write(Clear { id, length, bytes: &mut bytes.as_ref() })?;
            return Ok(NewBody { id, length, key, bytes: None });
        }
        let sealed = self.files.seals.seal(id, &bytes).map_err(Error::io("seal a body"))?;
        Ok(NewBody { id, length, key, bytes: Some(sealed.map_or(bytes, Bytes::from)) })
    }

    /// The same for one that came in pieces, which is always a file.
    pub(super) fn keep_body_pieces(&self, scratch: Scratch) -> Result<ContentRef, Error> {
        let (id, length, mut bytes) = scratch.read().map_err(Error::io("read back what came in pieces"))?;
        self.files.write(Clear { id, length, bytes: &mut bytes })?;
        Ok(ContentRef::whole(id, length))
    }

    /// What a body that [`Self::keep_body_pieces`] made durable is named with.
    pub(super) fn kept_body(&self, content: &ContentRef) -> NewBody {
        NewBody { id: content.body, length: content.end, key: self.files.seals.current_name(), bytes: None }
    }

    /// Reads a body through and compares its hash.
    pub(super) fn verify_body(&self, id: BodyId) -> Result<(), BodyError> {
        match self.reading(|connection| inline(connection, id)).map_err(to_body_error)? {
            None => Err(BodyError::Missing(id)),
            Some(Some(bytes)) => self.files.unsealed(id, bytes).map(drop),
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
        let clear = match self.reading(|connection| inline(connection, id)).map_err(to_body_error)? {
            None => return Err(BodyError::Missing(id)),
            Some(None) => return self.files.open_range(content),
            Some(Some(stored)) => self.files.unsealed(id, stored)?,
        };
        let end = usize::try_from(content.end).unwrap_or(usize::MAX).min(clear.len());
        let start = usize::try_from(content.start).unwrap_or(usize::MAX).min(end);
        Ok(Box::new(Cursor::new(clear.slice(start..end))))
    }
}
