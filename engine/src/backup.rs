//! A copy of a store, taken while the gateway runs, and put back later.
//! In: a data folder, a folder that is not there yet. Out: database, body files and a manifest with the hash of each.
//! The index key never travels with what it hides: it is kept apart and handed back at the restoration. Source: decision 0027.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
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
    index_key::key_path,
    journal::sqlite::{self, database_path},
    order::{AuditHash, AuditHead},
};

const MANIFEST: &str = "manifest.json";
const DATABASE: &str = "journal.db";
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
    if !database_path(data_dir).exists() {
        return Err(Error::NoStore { path: data_dir.to_owned() });
    }
    empty_folder(target)?;
    let copied = target.join(DATABASE);
    let connection = Connection::open_with_flags(
        database_path(data_dir),
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.execute("VACUUM INTO ?1", [path_text(&copied)?])?;
    drop(connection);
    let copy = Connection::open_with_flags(&copied, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut files = vec![described(target, DATABASE)?];
    for body in file_bodies(&copy)? {
        let path = body_path(body);
        let (from, to) = (data_dir.join(&path), target.join(&path));
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(Error::io(format!("create {}", folder.display())))?;
        }
        fs::copy(&from, &to).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::BackupOvertaken,
            _ => Error::io(format!("copy {}", from.display()))(error),
        })?;
        files.push(described(target, &path)?);
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
        files,
    };
    // Last: a backup without its manifest was cut, and is not one.
    let text =
        serde_json::to_vec_pretty(&manifest).map_err(|error| Error::Inconsistent(error.to_string()))?;
    write_synced(&target.join(MANIFEST), &text)?;
    Ok(manifest)
}

/// Puts a backup into a data folder that is empty or not there yet, with the index key of its store. Every file is
/// compared with the manifest first. Errors: the folder is in use; a file is missing or changed; another key.
pub fn restore(source: &Path, data_dir: &Path, index_key: &Path) -> Result<Manifest, Error> {
    let manifest = read_manifest(source)?;
    if manifest.format > sqlite::FORMAT {
        return Err(Error::NewerFormat { found: manifest.format, known: sqlite::FORMAT });
    }
    for file in &manifest.files {
        if !is_ours(&file.path) || described(source, &file.path).ok().as_ref() != Some(file) {
            return Err(Error::BackupDamaged { file: file.path.clone() });
        }
    }
    empty_folder(data_dir)?;
    let key = key_path(data_dir);
    if let Some(folder) = key.parent() {
        fs::create_dir_all(folder).map_err(Error::io(format!("create {}", folder.display())))?;
    }
    let bytes = fs::read(index_key).map_err(Error::io(format!("read {}", index_key.display())))?;
    write_private(&key, &bytes)?;
    for file in &manifest.files {
        let to = data_dir.join(&file.path);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(Error::io(format!("create {}", folder.display())))?;
        }
        fs::copy(source.join(&file.path), &to).map_err(Error::io(format!("copy {}", to.display())))?;
        File::open(&to)
            .and_then(|file| file.sync_all())
            .map_err(Error::io(format!("sync {}", to.display())))?;
    }
    // The key is compared with the one the store was made with: another one is refused, and nothing is left.
    if let Err(error) = sqlite::SqliteJournal::open_read(data_dir, crate::Seals::default()) {
        let _ = fs::remove_dir_all(data_dir);
        return Err(error);
    }
    Ok(manifest)
}

fn read_manifest(source: &Path) -> Result<Manifest, Error> {
    let path = source.join(MANIFEST);
    let damaged = || Error::BackupDamaged { file: MANIFEST.to_owned() };
    let mut text = Vec::new();
    let file = File::open(&path).map_err(|_| damaged())?;
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

fn empty_folder(path: &Path) -> Result<(), Error> {
    let failed = || Error::io(format!("create {}", path.display()));
    fs::create_dir_all(path).map_err(failed())?;
    if fs::read_dir(path).map_err(failed())?.next().is_some() {
        return Err(Error::NotEmpty { path: path.to_owned() });
    }
    Ok(())
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
fn described(folder: &Path, path: &str) -> Result<BackupFile, Error> {
    let whole: PathBuf = folder.join(path);
    let failed = || Error::io(format!("read {}", whole.display()));
    let mut file = File::open(&whole).map_err(failed())?;
    let mut context = digest::Context::new(&digest::SHA256);
    let mut piece = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut piece).map_err(failed())?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        context.update(&piece[..read]);
    }
    file.sync_all().map_err(failed())?;
    let sha256 = context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(BackupFile { path: path.to_owned(), bytes, sha256 })
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = || Error::io(format!("write {}", path.display()));
    let mut file = File::create(path).map_err(failed())?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed())
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = || Error::io(format!("write {}", path.display()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed())?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed())
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
