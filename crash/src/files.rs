//! The engine's file operations on a disk of this crate.
//! In: [`Files`]. Out: the same on a [`Disk`].

use std::{
    ffi::OsString,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use jonction_engine::{
    Error,
    files::{Access, FileReader, FileWriter, Files, Seen, StoreGuard},
};

use crate::disk::{Disk, Handle};

/// Most bytes a write takes at once: writers must write the rest.
const WRITE_MAX: usize = 3000;

impl Files for Disk {
    fn exists(&self, path: &Path) -> bool {
        Self::exists(self, path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        Self::create_dir(self, path)
    }

    fn create(&self, path: &Path, _: Access) -> io::Result<Box<dyn FileWriter>> {
        let (handle, made) = self.open_file(path, true)?;
        if !made {
            handle.truncate(0)?;
        }
        Ok(Box::new(At { handle, at: 0 }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn FileReader>> {
        Ok(Box::new(At { handle: self.open_file(path, false)?.0, at: 0 }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Self::rename(self, from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Self::remove(self, path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        Self::list(self, folder)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.open_file(path, false)?.0.sync()
    }

    fn rewrite(&self, path: &Path) -> io::Result<()> {
        let file = self.open_file(path, false)?.0;
        let mut bytes = vec![0; usize::try_from(file.length()?).unwrap_or(0)];
        let count = file.read_at(&mut bytes, 0)?;
        file.write_at(&bytes[..count], 0)?;
        file.sync()
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        Self::sync_dir(self, path)
    }

    fn lock(&self, data_dir: &Path) -> Result<StoreGuard, Error> {
        if self.hold(data_dir) {
            Ok(Box::new(Held { disk: self.clone(), folder: data_dir.to_owned() }))
        } else {
            Err(Error::Locked { path: data_dir.to_owned(), holder: "?".to_owned() })
        }
    }
}

/// A store that is held.
#[derive(Debug)]
struct Held {
    disk: Disk,
    folder: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.disk.let_go(&self.folder);
    }
}

/// A file and a place in it.
struct At {
    handle: Handle,
    at: u64,
}

impl Read for At {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.handle.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Write for At {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = &bytes[..bytes.len().min(WRITE_MAX)];
        self.handle.write_at(taken, self.at)?;
        self.at += taken.len() as u64;
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for At {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.handle.length()?.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl FileWriter for At {
    fn sync(&mut self) -> io::Result<()> {
        self.handle.sync()
    }
}

impl FileReader for At {
    fn seen(&self) -> io::Result<Seen> {
        let (length, modified) = self.handle.looks()?;
        Ok(Seen { length, modified: Some(modified) })
    }
}
