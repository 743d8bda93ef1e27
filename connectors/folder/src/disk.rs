//! The disk, as both ways need it: files that are not links, writes that last, names that mean nothing.
//! In: folders, names, bytes. Out: bytes; files that are there whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

/// What tells a file from another, and from itself later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Print {
    inode: u64,
    pub(crate) length: u64,
    modified: (i64, i64),
    links: u64,
}

impl Print {
    fn of(data: &fs::Metadata) -> Self {
        Self {
            inode: data.ino(),
            length: data.len(),
            modified: (data.mtime(), data.mtime_nsec()),
            links: data.nlink(),
        }
    }

    /// A plain file, of one name: no link, no device.
    pub(crate) fn of_path(path: &Path) -> Option<Self> {
        let data = fs::symlink_metadata(path).ok()?;
        (data.is_file() && data.nlink() == 1).then(|| Self::of(&data))
    }
}

/// Opens what was seen, and nothing that took its place since: a link is not followed.
pub(crate) fn open(path: &Path, seen: &Print) -> io::Result<Option<File>> {
    let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let opened = OpenOptions::new().read(true).custom_flags(no_follow).open(path);
    let file = match opened {
        Ok(file) => file,
        // It went away, or a link stands there now.
        Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(LOOP) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let data = file.metadata()?;
    Ok((data.is_file() && Print::of(&data) == *seen).then_some(file))
}

/// ELOOP: the last part of the path is a link.
const LOOP: i32 = 40;

/// Reads a file whole; `None`: it changed meanwhile.
pub(crate) fn read(mut file: File, seen: &Print, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::with_capacity(usize::try_from(seen.length.min(limit)).unwrap_or_default());
    (&mut file).take(limit).read_to_end(&mut bytes)?;
    let same = Print::of(&file.metadata()?) == *seen;
    Ok(same.then_some(bytes))
}

/// Writes a file that must not exist yet, durable on return.
pub(crate) fn write_new(path: &Path, mut content: impl Read) -> io::Result<u64> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(path)?;
    let length = io::copy(&mut content, &mut file)?;
    file.flush()?;
    file.sync_all()?;
    Ok(length)
}

/// Puts a file in its place, whole or not at all, in the place of what was there.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let fresh = parent.join(format!(".{name}.nouveau"));
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    write_new(&fresh, bytes)?;
    fs::rename(&fresh, path)?;
    sync_folder(parent)
}

/// Makes the names of a folder last.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes a folder that is none yet; what stands there and is no folder, or is a link, is refused.
pub(crate) fn ensure_folder(folder: &Path) -> io::Result<()> {
    match fs::symlink_metadata(folder) {
        Ok(data) if data.is_dir() => Ok(()),
        Ok(_) => Err(io::Error::new(io::ErrorKind::NotADirectory, "not a folder")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(folder),
        Err(error) => Err(error),
    }
}
