//! Checkpoints off the commit path: another thread copies the WAL into the database between batches.
//! In: the number of WAL pages after each commit. Out: a bounded WAL, commits that never wait for a copy.
//! Source: dependencies §5: checkpoints on the commit path cost a p99 of 50 ms.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI32, Ordering},
        mpsc::{self, SyncSender},
    },
    thread::JoinHandle,
};

use rusqlite::{Connection, OpenFlags};

use super::{Limits, configure, connect};
use crate::{error::Error, files::Storage, journal::committer::CommitMode};

pub(super) struct Checkpointer {
    runner: Runner,
    /// Pages in the WAL after the last commit.
    pages: Arc<AtomicI32>,
    /// Pages in the WAL when a checkpoint was last asked for.
    asked_at: AtomicI32,
    /// The committer is to copy the rest.
    finish: Arc<AtomicBool>,
    every_pages: i32,
}

/// Who copies.
enum Runner {
    /// A thread of its own, while commits go on.
    Thread { ask: Option<SyncSender<()>>, thread: Option<JoinHandle<()>> },
    /// The committer, on the same connection as the thread would: tests that must do the same again.
    Inline(Mutex<Connection>),
}

impl Checkpointer {
    /// Starts the thread and replaces SQLite's own checkpoints on the writing connection.
    pub(super) fn start(
        storage: &Storage,
        path: &Path,
        writer: &mut Connection,
        limits: Limits,
    ) -> Result<Self, Error> {
        let pages = Arc::new(AtomicI32::new(0));
        let seen = pages.clone();
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, now: std::ffi::c_int| {
            seen.store(now, Ordering::Relaxed);
            Ok(())
        }))?;
        let connection = connect(storage, path, OpenFlags::default())?;
        configure(&connection)?;
        let finish = Arc::new(AtomicBool::new(false));
        let runner = match storage.checkpoints {
            CommitMode::Inline => Runner::Inline(Mutex::new(connection)),
            CommitMode::Thread => Runner::thread(connection, finish.clone())?,
        };
        let every_pages = limits.checkpoint_pages.max(1);
        Ok(Self { runner, pages, asked_at: AtomicI32::new(0), finish, every_pages })
    }

    /// Called after each commit, on the committing connection.
    pub(super) fn after_commit(&self, writer: &Connection) {
        if self.finish.swap(false, Ordering::Acquire) {
            copy(writer);
        }
        let pages = self.pages.load(Ordering::Relaxed);
        let asked_at = self.asked_at.load(Ordering::Relaxed);
        if pages < asked_at {
            // The file started again.
            self.asked_at.store(0, Ordering::Relaxed);
        } else if pages >= asked_at.saturating_add(self.every_pages) {
            self.asked_at.store(pages, Ordering::Relaxed);
            match &self.runner {
                // Full: it was asked already. Disconnected: the thread said why when it ended.
                Runner::Thread { ask, .. } => drop(ask.as_ref().map(|ask| ask.try_send(()))),
                Runner::Inline(connection) => {
                    let copied = copy(&connection.lock().unwrap_or_else(PoisonError::into_inner));
                    self.finish.store(copied, Ordering::Release);
                }
            }
        }
    }
}

impl Runner {
    fn thread(connection: Connection, finish: Arc<AtomicBool>) -> Result<Self, Error> {
        let (ask, requests) = mpsc::sync_channel::<()>(1);
        let thread = std::thread::Builder::new()
            .name("journal-checkpoint".to_owned())
            .spawn(move || {
                while requests.recv().is_ok() {
                    // Commits went on meanwhile. Unless the short rest is copied too, between two batches, the file
                    // never starts again: it would grow for ever, each fsync paying for its new size.
                    if copy(&connection) {
                        finish.store(true, Ordering::Release);
                    }
                }
            })
            .map_err(Error::io("start the checkpoint thread"))?;
        Ok(Self::Thread { ask: Some(ask), thread: Some(thread) })
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let Self::Thread { ask, thread } = self else { return };
        *ask = None;
        if let Some(thread) = thread.take() {
            // A panic there was printed by its own hook; there is nothing to undo.
            let _ = thread.join();
        }
    }
}

/// Copies what no reader needs. Whether it could: a failure loses nothing, the WAL still has it.
fn copy(connection: &Connection) -> bool {
    let done = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    if let Err(error) = &done {
        tracing::warn!(%error, "journal checkpoint failed");
    }
    done.is_ok()
}
