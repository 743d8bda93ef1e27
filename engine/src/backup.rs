//! A copy of a store, taken while the gateway runs, and put back later.
//! In: a data folder, a folder that is not there yet. Out: database, body files and a manifest with the hash of each; all
//! of it durable, the manifest last. The index key never travels with what it hides: it is kept apart and handed back at
//! the restoration. Source: decision 0027.

use std::{
    io::{self, Read, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use aws_lc_rs::digest;
use jiff::Timestamp;
use jonction_model::BodyId;
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    files::{Access, Files, Storage, durable_dir},
    index_key::{IndexHasher, key_path, read_key_file},
    journal::sqlite::{self, BodyFiles, check_key, connect, database_path},
    order::{AuditHash, AuditHead},
};

const MANIFEST: &str = "manifest.json";
const DATABASE: &str = "journal.db";
/// Name of the database of a restoration until everything it names is there.
const UNFINISHED: &str = "journal.restoring";
/// Largest manifest that is read: ten million files.
const MANIFEST_BYTES_MAX: u64 = 2 << 30;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format of the store.
    pub format: i64,
    /// When it was taken: what came later is not in it.
    pub made_at: Timestamp,
    /// Messages.
    pub messages: u64,
    /// Deliveries that had not ended.
    pub open: u64,
    /// Head of the audit chain.
    pub audit: AuditHead,
    /// Every file but this one.
    pub files: Vec<BackupFile>,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFile {
    /// Relative, with `/`.
    pub path: String,
    /// In bytes.
    pub bytes: u64,
    /// SHA-256 of the file as it is (of a sealed body: sealed).
    pub sha256: String,
}

/// Copies the store of a data folder. Any other process may write it meanwhile: the copy is of one moment, and every file
/// the copied database names is in it. Errors: the target is not empty; a purge passed meanwhile; the disk.
pub fn backup(data_dir: &Path, target: &Path, at: Timestamp) -> Result<Manifest, Error> {
    backup_on(&Storage::default(), data_dir, target, at)
}

/// The same, on files of the caller's.
pub fn backup_on(
    storage: &Storage,
    data_dir: &Path,
    target: &Path,
    at: Timestamp,
) -> Result<Manifest, Error> {
    let files = &*storage.files;
    if !files.exists(&database_path(data_dir)) {
        return Err(Error::NoStore { path: data_dir.to_owned() });
    }
    empty_folder(files, target)?;
    let copied = target.join(DATABASE);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(storage, &database_path(data_dir), flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.execute("VACUUM INTO ?1", [path_text(&copied)?])?;
    drop(connection);
    let copy = connect(storage, &copied, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut described = vec![describe(files, target, DATABASE)?];
    let bodies = BodyFiles::open(storage, data_dir);
    for body in file_bodies(&copy)? {
        let path = body_path(body);
        let from = bodies.open_file(body).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::BackupOvertaken,
            _ => Error::io(format!("read body {body}"))(error),
        })?;
        copy_to(files, from, &target.join(&path))?;
        described.push(describe(files, target, &path)?);
    }
    let number = |sql: &str| -> Result<i64, Error> { Ok(copy.query_row(sql, [], |row| row.get(0))?) };
    let count = |sql: &str| -> Result<u64, Error> { Ok(u64::try_from(number(sql)?).unwrap_or(0)) };
    let hash: Vec<u8> =
        copy.query_row("SELECT value FROM store WHERE name = 'audit-head'", [], |row| row.get(0))?;
    let hash = hash.try_into().map_err(|_| Error::Inconsistent("store.audit-head".to_owned()))?;
    let manifest = Manifest {
        format: number("SELECT value FROM store WHERE name = 'format'")?,
        made_at: at,
        messages: count("SELECT count(*) FROM message")?,
        open: count("SELECT count(*) FROM delivery WHERE state < 4")?,
        audit: AuditHead {
            count: count("SELECT value FROM store WHERE name = 'audit-count'")?,
            hash: AuditHash(hash),
        },
        files: described,
    };
    sync_folders(files, target, &manifest)?;
    // Last: a backup without its manifest was cut, and is not one.
    let text =
        serde_json::to_vec_pretty(&manifest).map_err(|error| Error::Inconsistent(error.to_string()))?;
    write_synced(files, &target.join(MANIFEST), &text, Access::Shared)?;
    sync_folder(files, target)?;
    Ok(manifest)
}

/// Puts a backup into a data folder that is empty or not there yet, with the index key of its store. Every file, and the
/// key, is compared with the manifest and the copied store first; the database gets its name when everything it names is
/// durable. Errors: the folder is in use; a file is missing or changed; another key.
pub fn restore(source: &Path, data_dir: &Path, index_key: &Path) -> Result<Manifest, Error> {
    restore_on(&Storage::default(), source, data_dir, index_key)
}

/// The same, on files of the caller's.
pub fn restore_on(
    storage: &Storage,
    source: &Path,
    data_dir: &Path,
    index_key: &Path,
) -> Result<Manifest, Error> {
    let files = &*storage.files;
    let manifest = read_manifest(files, source)?;
    if manifest.format > sqlite::FORMAT {
        return Err(Error::NewerFormat { found: manifest.format, known: sqlite::FORMAT });
    }
    for file in &manifest.files {
        if !is_ours(&file.path) || describe(files, source, &file.path).ok().as_ref() != Some(file) {
            return Err(Error::BackupDamaged { file: file.path.clone() });
        }
    }
    let key = the_key(storage, source, index_key)?;
    empty_folder(files, data_dir)?;
    let path = key_path(data_dir);
    make_folder_of(files, &path)?;
    write_synced(files, &path, &key, Access::Owner)?;
    for file in &manifest.files {
        let from = files.open(&source.join(&file.path)).map_err(failed("read", &file.path))?;
        let name = if file.path == DATABASE { UNFINISHED } else { &file.path };
        copy_to(files, from, &data_dir.join(name))?;
    }
    sync_folders(files, data_dir, &manifest)?;
    // Until the order is given that says so to the store, nothing may leave it.
    write_synced(files, &undeclared_path(data_dir), b"", Access::Shared)?;
    sync_folder(files, &data_dir.join("keys"))?;
    let database = database_path(data_dir);
    files.rename(&data_dir.join(UNFINISHED), &database).map_err(failed("name", &database))?;
    sync_folder(files, data_dir)?;
    Ok(manifest)
}

/// A file beside the key: this store was put back, and does not know it yet.
pub(crate) fn undeclared_path(data_dir: &Path) -> PathBuf {
    data_dir.join("keys").join("restored")
}

/// The store knows that it was put back.
pub(crate) fn declared(files: &dyn Files, data_dir: &Path) -> Result<(), Error> {
    let path = undeclared_path(data_dir);
    if files.exists(&path) {
        files.remove(&path).map_err(failed("remove", &path))?;
        sync_folder(files, &data_dir.join("keys"))?;
    }
    Ok(())
}

/// The bytes of the key the store of a backup was made with; another one is refused before anything is written.
fn the_key(storage: &Storage, source: &Path, index_key: &Path) -> Result<Vec<u8>, Error> {
    let files = &*storage.files;
    let hasher = read_key_file(files, index_key)?;
    let hasher: IndexHasher = hasher.ok_or(Error::IndexKeyLost { path: index_key.to_owned() })?;
    let copy = connect(storage, &source.join(DATABASE), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    check_key(&copy, &hasher, index_key)?;
    let mut bytes = Vec::new();
    let mut file = files.open(index_key).map_err(failed("read", index_key))?;
    file.read_to_end(&mut bytes).map_err(failed("read", index_key))?;
    Ok(bytes)
}

fn failed(what: &str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Error {
    Error::io(format!("{what} {}", path.as_ref().display()))
}

fn read_manifest(files: &dyn Files, source: &Path) -> Result<Manifest, Error> {
    let damaged = || Error::BackupDamaged { file: MANIFEST.to_owned() };
    let mut text = Vec::new();
    let file = files.open(&source.join(MANIFEST)).map_err(|_| damaged())?;
    file.take(MANIFEST_BYTES_MAX).read_to_end(&mut text).map_err(Error::io("read the manifest"))?;
    serde_json::from_slice(&text).map_err(|_| damaged())
}

/// A manifest names the database and bodies, nothing else and nowhere else.
fn is_ours(path: &str) -> bool {
    path == DATABASE
        || path.strip_prefix("bodies/").and_then(|rest| rest.split_once('/')).is_some_and(|(folder, name)| {
            folder.len() == 2
                && !name.is_empty()
                && [folder, name].iter().all(|part| part.bytes().all(|b| b.is_ascii_hexdigit()))
        })
}

fn empty_folder(files: &dyn Files, path: &Path) -> Result<(), Error> {
    durable_dir(files, path).map_err(failed("create", path))?;
    if !files.list(path).map_err(failed("list", path))?.is_empty() {
        return Err(Error::NotEmpty { path: path.to_owned() });
    }
    Ok(())
}

fn make_folder_of(files: &dyn Files, path: &Path) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(path);
    if files.exists(folder) {
        return Ok(());
    }
    durable_dir(files, folder).map_err(failed("create", folder))
}

fn sync_folder(files: &dyn Files, folder: &Path) -> Result<(), Error> {
    files.sync_dir(folder).map_err(failed("sync", folder))
}

/// Makes the names of all files of a manifest durable.
fn sync_folders(files: &dyn Files, folder: &Path, manifest: &Manifest) -> Result<(), Error> {
    let mut folders: Vec<_> = manifest
        .files
        .iter()
        .filter_map(|file| folder.join(&file.path).parent().map(Path::to_owned))
        .collect();
    folders.sort_unstable();
    folders.dedup();
    folders.iter().try_for_each(|folder| sync_folder(files, folder))
}

fn file_bodies(copy: &Connection) -> Result<Vec<BodyId>, Error> {
    let mut statement =
        copy.prepare("SELECT hash FROM body WHERE bytes IS NULL AND purged_at IS NULL ORDER BY hash")?;
    let hashes = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
    hashes
        .map(|hash| {
            let hash = hash?.try_into().map_err(|_| Error::Inconsistent("body.hash".to_owned()))?;
            Ok(BodyId::from_bytes(hash))
        })
        .collect()
}

fn body_path(body: BodyId) -> String {
    let name = body.to_string();
    format!("bodies/{}/{}", &name[..2], &name[2..])
}

fn path_text(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| Error::io("name the backup")(io::ErrorKind::InvalidFilename.into()))
}

/// Length and hash of a file; durable on return.
fn describe(files: &dyn Files, folder: &Path, path: &str) -> Result<BackupFile, Error> {
    let whole = folder.join(path);
    let mut file = files.open(&whole).map_err(failed("read", &whole))?;
    let mut context = digest::Context::new(&digest::SHA256);
    let mut piece = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut piece).map_err(failed("read", &whole))?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        context.update(&piece[..read]);
    }
    files.sync_file(&whole).map_err(failed("sync", &whole))?;
    let sha256 = jonction_model::hex(context.finish().as_ref());
    Ok(BackupFile { path: path.to_owned(), bytes, sha256 })
}

/// Copies a file; its bytes are durable on return, its name once its folder is.
fn copy_to(files: &dyn Files, mut from: impl Read, to: &Path) -> Result<(), Error> {
    make_folder_of(files, to)?;
    let mut file = files.create(to, Access::Shared).map_err(failed("write", to))?;
    io::copy(&mut from, &mut file).and_then(|_| file.sync()).map_err(failed("write", to))
}

fn write_synced(files: &dyn Files, path: &Path, bytes: &[u8], access: Access) -> Result<(), Error> {
    let mut file = files.create(path, access).map_err(failed("write", path))?;
    file.write_all(bytes).and_then(|()| file.sync()).map_err(failed("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_leads_nowhere_else() {
        for path in [
            "../journal.db",
            "bodies/../x",
            "/etc/passwd",
            "bodies/ab/../../x",
            "bodies/ab/",
            "keys/index.key",
        ] {
            assert!(!is_ours(path), "{path}");
        }
        assert!(is_ours("journal.db") && is_ours("bodies/ab/cdef01"));
    }
}
