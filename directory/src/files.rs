//! Small files of a source's folder: descriptions replaced whole, old snapshots removed.
//! In: paths, values. Out: what is on the disk when these return. Source: decision 0022.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

use serde::Serialize;

use crate::error::Error;

/// Snapshots kept of each source: the one in use, and the last good one before it.
const KEPT: u64 = 2;

/// Reads a description. `None`: there is none.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|_| Error::Damaged("a description of a snapshot")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Replaces a file whole: written aside, synced, renamed, and the folder synced.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let aside = path.with_extension("new");
    let mut file = File::create(&aside)?;
    serde_json::to_writer_pretty(&mut file, value).map_err(io::Error::from)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

pub(crate) fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes snapshots older than those kept. A reader that still has one open goes on with it.
pub(crate) fn remove_old(folder: &Path, number: u64) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split('.').next());
        if stem.and_then(|stem| stem.parse::<u64>().ok()).is_some_and(|old| old + KEPT <= number) {
            remove(&path)?;
        }
    }
    Ok(())
}
