//! Keyed hashes: how identifiers of persons, documents and messages are found again without being readable.
//! In: an identifier in clear. Out: 16 bytes of HMAC-SHA256 under a key that never leaves `keys/index.key`.
//! Source: architecture §4.10.

use std::{
    fmt,
    io::{self, Read},
    path::{Path, PathBuf},
};

use aws_lc_rs::hmac;
use jonction_model::Entropy;
use jonction_ports::KeyKind;

use crate::{
    error::Error,
    files::{Access, Files, durable_dir},
};

/// A keyed hash. Equal identifiers of one kind have equal hashes; nothing else can be learnt from it without the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHash(pub [u8; 16]);

impl fmt::Display for KeyHash {
    /// Short form for screens: `7f3a…91`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}…{:02x}", self.0[0], self.0[1], self.0[15])
    }
}

/// Makes keyed hashes.
#[derive(Clone)]
pub struct IndexHasher(hmac::Key);

impl IndexHasher {
    const KEY_BYTES: usize = 32;

    fn from_key(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// For routes that are tried on messages that never came: what it hashes is kept nowhere.
    pub(crate) fn of_trials() -> Self {
        Self::from_key(&[0; Self::KEY_BYTES])
    }

    fn hash(&self, domain: &str, value: &str) -> KeyHash {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(domain.as_bytes());
        // Domains hold no zero byte, so no two pairs give the same text.
        context.update(&[0]);
        context.update(value.as_bytes());
        let mut hash = [0; 16];
        hash.copy_from_slice(&context.sign().as_ref()[..16]);
        KeyHash(hash)
    }

    /// Hash of an identifier one searches by.
    pub fn key(&self, kind: KeyKind, value: &str) -> KeyHash {
        self.hash(kind_name(kind), value)
    }

    /// Hash of an ordering key.
    pub fn ordering(&self, value: &str) -> KeyHash {
        self.hash("ordering", value)
    }

    /// Hash of what a repeat is recognised by: sender and number.
    pub fn repeat(&self, value: &str) -> KeyHash {
        self.hash("repeat", value)
    }

    /// Tells whether a key is the one a store was made with.
    pub fn check_value(&self) -> KeyHash {
        self.hash("check", "jonction")
    }
}

impl fmt::Debug for IndexHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexHasher(***)")
    }
}

/// Name of a kind of key, also its integer's order.
pub(crate) fn kind_name(kind: KeyKind) -> &'static str {
    KINDS[kind_number(kind)].1
}

/// Name of the kind with this stored integer.
pub(crate) fn kind_of(number: u64) -> Option<&'static str> {
    KINDS.get(usize::try_from(number).ok()?).map(|(_, name)| *name)
}

pub(crate) fn kind_number(kind: KeyKind) -> usize {
    KINDS.iter().position(|(known, _)| *known == kind).unwrap_or_default()
}

/// Every kind, at the place of its stored integer: never reordered.
const KINDS: [(KeyKind, &str); 7] = [
    (KeyKind::Patient, "patient"),
    (KeyKind::Document, "document"),
    (KeyKind::ControlId, "control-id"),
    (KeyKind::MailId, "mail-id"),
    (KeyKind::SubmissionSet, "submission-set"),
    (KeyKind::Recipient, "recipient"),
    (KeyKind::Once, "once"),
];

/// Where the key of a data directory is.
pub fn key_path(data_dir: &Path) -> PathBuf {
    data_dir.join("keys").join("index.key")
}

/// A file beside the key that says: the journal of this folder exists. Made after the journal was.
fn mark_path(data_dir: &Path) -> PathBuf {
    data_dir.join("keys").join("journal.made")
}

/// Whether a journal was made in this folder, as far as anything but the journal itself tells.
pub(crate) fn store_was_made(files: &dyn Files, data_dir: &Path) -> bool {
    files.exists(&mark_path(data_dir)) || files.exists(&data_dir.join("bodies"))
}

/// Says that the journal exists: without it, a journal that disappears would be made again, empty, in silence.
pub(crate) fn mark_store(files: &dyn Files, data_dir: &Path) -> Result<(), Error> {
    let path = mark_path(data_dir);
    if files.exists(&path) {
        return Ok(());
    }
    let failed = || Error::io(format!("write {}", path.display()));
    files.create(&path, Access::Shared).and_then(|mut file| file.sync()).map_err(failed())?;
    files.sync_dir(&data_dir.join("keys")).map_err(failed())
}

/// Reads the key. `None` when there is no file.
pub(crate) fn read_key(files: &dyn Files, data_dir: &Path) -> Result<Option<IndexHasher>, Error> {
    read_key_file(files, &key_path(data_dir))
}

/// The same, wherever it is kept.
pub(crate) fn read_key_file(files: &dyn Files, path: &Path) -> Result<Option<IndexHasher>, Error> {
    let path = path.to_owned();
    let read = files.open(&path).and_then(|file| {
        let mut key = Vec::new();
        file.take(IndexHasher::KEY_BYTES as u64 + 1).read_to_end(&mut key)?;
        Ok(key)
    });
    match read {
        Ok(key) if key.len() == IndexHasher::KEY_BYTES => Ok(Some(IndexHasher::from_key(&key))),
        Ok(_) => Err(Error::IndexKeyChanged { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(format!("read {}", path.display()))(error)),
    }
}

/// Makes the key of a new store: readable by its owner only, durable before anything is hashed with it. It gets its name
/// when it is whole: a start that was cut leaves no half of a key, which would be taken for somebody else's.
pub(crate) fn make_key(
    files: &dyn Files,
    data_dir: &Path,
    entropy: &dyn Entropy,
) -> Result<IndexHasher, Error> {
    let path = key_path(data_dir);
    let unfinished = path.with_extension("new");
    let mut key = [0; IndexHasher::KEY_BYTES];
    entropy.fill(&mut key);
    let write = || {
        if files.exists(&path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let folder = data_dir.join("keys");
        durable_dir(files, &folder)?;
        let mut file = files.create(&unfinished, Access::Owner)?;
        file.write_all(&key)?;
        file.sync()?;
        files.rename(&unfinished, &path)?;
        files.sync_dir(&folder)
    };
    write().map_err(Error::io(format!("write {}", path.display())))?;
    Ok(IndexHasher::from_key(&key))
}

/// Makes a key that is there durable, with its name.
pub(crate) fn make_durable(files: &dyn Files, data_dir: &Path) -> Result<(), Error> {
    let (path, folder) = (key_path(data_dir), data_dir.join("keys"));
    let durable = files
        .rewrite(&path)
        .and_then(|()| files.sync_dir(&folder))
        .and_then(|()| durable_dir(files, &folder));
    durable.map_err(Error::io(format!("write {}", path.display())))
}

/// Makes the entries of a directory durable.
pub(crate) fn sync_dir(files: &dyn Files, path: &Path) -> Result<(), Error> {
    files.sync_dir(path).map_err(Error::io(format!("sync {}", path.display())))
}

#[cfg(test)]
mod tests {
    use jonction_model::SeededEntropy;

    use super::*;
    use crate::files::SystemFiles;

    #[test]
    fn one_value_has_one_hash_per_kind_and_key() {
        let (a, b) = (IndexHasher::from_key(&[1; 32]), IndexHasher::from_key(&[2; 32]));
        assert_eq!(a.key(KeyKind::Patient, "x"), a.key(KeyKind::Patient, "x"));
        assert_ne!(a.key(KeyKind::Patient, "x"), a.key(KeyKind::Document, "x"));
        assert_ne!(a.key(KeyKind::Patient, "x"), b.key(KeyKind::Patient, "x"));
    }

    #[test]
    fn the_key_file_is_read_back_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let made = make_key(&SystemFiles, folder.path(), &SeededEntropy::new(1)).unwrap();
        let read = read_key(&SystemFiles, folder.path()).unwrap().unwrap();
        assert_eq!(made.check_value(), read.check_value());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(key_path(folder.path())).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(
            make_key(&SystemFiles, folder.path(), &SeededEntropy::new(2)).is_err(),
            "a key is never overwritten"
        );
    }
}
