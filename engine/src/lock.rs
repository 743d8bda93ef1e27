//! One process at a time writes a store.
//! In: a data directory. Out: a guard that holds an advisory lock of the system until dropped; a dead process holds none.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
};

use crate::error::Error;

/// Holds the store.
#[derive(Debug)]
pub(crate) struct StoreLock(File);

impl StoreLock {
    /// Takes the lock, or says who has it.
    pub(crate) fn take(data_dir: &Path) -> Result<Self, Error> {
        let path = data_dir.join("lock");
        let failed = || Error::io(format!("open {}", path.display()));
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed())?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let read = Read::by_ref(&mut file).take(20).read_to_string(&mut holder);
                let known = read.is_ok() && !holder.trim().is_empty();
                let holder = if known { named(holder.trim()) } else { "?".to_owned() };
                return Err(Error::Locked { path: data_dir.to_owned(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(failed()(error)),
        }
        // The number is only shown to people; the lock itself is the system's.
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(failed())?;
        Ok(Self(file))
    }
}

/// The process that has the store, or had it last and lives: `1234 (jonction)`. Asked without touching the lock, so that
/// a monitor never stands in the way of a start. `None`: nobody, as far as the system tells.
pub fn holder(data_dir: &Path) -> Option<String> {
    let number = fs::read_to_string(data_dir.join("lock")).ok()?;
    let number = number.trim();
    let ours = fs::read_to_string("/proc/self/comm").ok()?;
    let name = fs::read_to_string(format!("/proc/{}/comm", number.parse::<u32>().ok()?)).ok()?;
    // A number may have been given again to another program since.
    (name == ours && number != std::process::id().to_string()).then(|| named(number))
}

/// `1234 (jonction)`, where the system tells names.
fn named(number: &str) -> String {
    let name =
        number.parse::<u32>().ok().and_then(|number| fs::read_to_string(format!("/proc/{number}/comm")).ok());
    name.map_or_else(|| number.to_owned(), |name| format!("{number} ({})", name.trim()))
}

impl Drop for StoreLock {
    fn drop(&mut self) {
        // Closing the file would do it as well; a failure to unlock leaves that.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_has_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let lock = StoreLock::take(folder.path()).unwrap();
        let error = StoreLock::take(folder.path()).unwrap_err();
        assert!(
            matches!(&error, Error::Locked { holder, .. } if holder.starts_with(&std::process::id().to_string()))
        );
        assert!(error.remedy().contains("--data"));
        drop(lock);
        assert!(StoreLock::take(folder.path()).is_ok());
    }
}
