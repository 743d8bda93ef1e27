//! The folder: made whole by one program, read by all.
//! In: a path. Out: the files of the recipe and a manifest that says for whom and until when.
//! Source: ours. Deliberately absent: any way to issue one more certificate later.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use jiff::{Timestamp, ToSpan as _};

use crate::{
    Error, Leaf, Structure,
    recipe::{self, NewFile},
};

pub(crate) const ROOT: &str = "root.pem";
pub(crate) const UNKNOWN_ROOT: &str = "unknown-root.pem";
pub(crate) const CRL: &str = "revoked.crl.pem";
pub(crate) const CRL_EXPIRED: &str = "revoked-expired.crl.pem";
/// Its presence says that the folder is ours; written with the rest, before the rename.
const MANIFEST: &str = "authority.txt";
/// To be raised whenever the recipe changes what is made.
const FORMAT: &str = "jonction test authority 1";

pub(crate) fn chain_name(leaf: Leaf) -> String {
    format!("{}.pem", leaf.file_name())
}

pub(crate) fn key_name(leaf: Leaf) -> String {
    format!("{}.key.pem", leaf.file_name())
}

/// Leaves a usable authority in `dir`.
pub(crate) fn ensure(dir: &Path, now: Timestamp, structure: &Structure) -> Result<(), Error> {
    // Most starts end here, without any lock: a folder is complete as soon as it exists.
    if usable(dir, now, structure) {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(failed("create", parent))?;
    let lock_path = neighbour(dir, ".lock");
    let lock = File::create(&lock_path).map_err(failed("open", &lock_path))?;
    lock.lock().map_err(failed("lock", &lock_path))?;
    // Whoever held the lock before us may have made it.
    if usable(dir, now, structure) {
        return Ok(());
    }
    refuse_what_is_not_ours(dir)?;
    replace(dir, now, structure)
    // The lock ends with the file handle, also when the program is killed.
}

/// Whether the folder serves this structure at this time.
fn usable(dir: &Path, now: Timestamp, structure: &Structure) -> bool {
    let Ok(manifest) = fs::read_to_string(dir.join(MANIFEST)) else { return false };
    let mut lines = manifest.lines();
    let mut expect = |key: &str| lines.next().and_then(|line| line.strip_prefix(key)).map(str::to_owned);
    let known = expect("") == Some(FORMAT.to_owned())
        && expect("finess: ").as_deref() == Some(structure.finess.as_str())
        && expect("name: ").as_deref() == Some(structure.name.as_str());
    let from = expect("from: ").and_then(|text| text.parse::<Timestamp>().ok());
    let until = expect("until: ").and_then(|text| text.parse::<Timestamp>().ok());
    let current = from.is_some_and(|from| from <= now) && until.is_some_and(|until| now < until);
    known && current && all_names().all(|name| fs::metadata(dir.join(name)).is_ok_and(|file| file.len() > 0))
}

fn all_names() -> impl Iterator<Item = String> {
    let fixed = [ROOT, UNKNOWN_ROOT, CRL, CRL_EXPIRED].map(str::to_owned);
    fixed.into_iter().chain(Leaf::all().flat_map(|leaf| [chain_name(leaf), key_name(leaf)]))
}

/// A folder that exists without our manifest may be anything: a wrong setting must not delete it.
fn refuse_what_is_not_ours(dir: &Path) -> Result<(), Error> {
    let mut entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("read", dir)(error)),
    };
    let empty = entries.next().is_none();
    let marked =
        fs::read_to_string(dir.join(MANIFEST)).is_ok_and(|text| text.starts_with("jonction test authority "));
    if empty || marked { Ok(()) } else { Err(Error::NotOurs { path: dir.to_owned() }) }
}

fn replace(dir: &Path, now: Timestamp, structure: &Structure) -> Result<(), Error> {
    let mut files = recipe::make(now, structure)?;
    files.push(NewFile { name: MANIFEST.to_owned(), content: manifest(now, structure), secret: false });
    let fresh = neighbour(dir, ".new");
    let old = neighbour(dir, ".old");
    // Left over by a program killed halfway; only the holder of the lock comes here.
    for rest in [&fresh, &old] {
        remove_if_there(rest)?;
    }
    fs::create_dir(&fresh).map_err(failed("create", &fresh))?;
    for file in &files {
        let path = fresh.join(&file.name);
        write(&path, file).map_err(failed("write", &path))?;
    }
    match fs::rename(dir, &old) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed("rename", dir)(error)),
    }
    fs::rename(&fresh, dir).map_err(failed("rename", &fresh))?;
    remove_if_there(&old)
}

fn manifest(now: Timestamp, structure: &Structure) -> String {
    // Ends one day before the leaves do, which begin one day before now.
    let until = now.saturating_add((24 * (recipe::LEAF_DAYS - 2)).hours()).unwrap_or(now);
    // Two machines a little apart may share the folder.
    let from = now.saturating_sub(1.hour()).unwrap_or(now);
    format!(
        "{FORMAT}\nfiness: {}\nname: {}\nfrom: {from}\nuntil: {until}\n\n\
         Certificats de test, faits par Jonction. Ne valent rien hors de cette machine.\n\
         Effacer ce dossier suffit pour qu'ils soient refaits.\n",
        structure.finess, structure.name
    )
}

fn write(path: &Path, file: &NewFile) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if file.secret {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut open = options.open(path)?;
    open.write_all(file.content.as_bytes())?;
    open.sync_all()
}

fn remove_if_there(dir: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", dir)(error)),
        _ => Ok(()),
    }
}

/// `<dir><suffix>`, beside it: on the same disk, so that a rename is enough.
fn neighbour(dir: &Path, suffix: &str) -> PathBuf {
    let mut name = dir.file_name().map_or_else(|| OsString::from("certs-dev"), OsString::from);
    name.push(suffix);
    dir.with_file_name(name)
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io { action, path: path.to_owned(), source }
}
