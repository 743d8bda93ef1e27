//! Checkpoints off the commit path: another thread copies the WAL into the database between batches.
//! In: the number of WAL pages after each commit. Out: a bounded WAL, commits that never wait for a copy.
//! Source: dependencies §5: checkpoints on the commit path cost a p99 of 50 ms.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering},
        mpsc::{self, SyncSender},
    },
    thread::JoinHandle,
};

use rusqlite::Connection;

use super::{Limits, configure};
use crate::error::Error;

pub(super) struct Checkpointer {
    ask: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Pages in the WAL after the last commit.
    pages: Arc<AtomicI32>,
    /// Pages in the WAL when a checkpoint was last asked for.
    asked_at: AtomicI32,
    /// The committer is to copy the rest.
    finish: Arc<AtomicBool>,
    every_pages: i32,
}

impl Checkpointer {
    /// Starts the thread and replaces SQLite's own checkpoints on the writing connection.
    pub(super) fn start(path: &Path, writer: &mut Connection, limits: Limits) -> Result<Self, Error> {
        let pages = Arc::new(AtomicI32::new(0));
        let seen = pages.clone();
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, now: std::ffi::c_int| {
            seen.store(now, Ordering::Relaxed);
            Ok(())
        }))?;
        let connection = Connection::open(path)?;
        configure(&connection)?;
        let finish = Arc::new(AtomicBool::new(false));
        let (ask, requests) = mpsc::sync_channel::<()>(1);
        let wanted = finish.clone();
        let thread = std::thread::Builder::new()
            .name("journal-checkpoint".to_owned())
            .spawn(move || {
                while requests.recv().is_ok() {
                    match passive(&connection) {
                        // Commits went on meanwhile. Unless the short rest is copied too, between two batches, the
                        // file never starts again: it would grow for ever, each fsync paying for its new size.
                        Ok(()) => wanted.store(true, Ordering::Release),
                        Err(error) => tracing::warn!(%error, "journal checkpoint failed"),
                    }
                }
            })
            .map_err(Error::io("start the checkpoint thread"))?;
        let every_pages = limits.checkpoint_pages.max(1);
        let asked_at = AtomicI32::new(0);
        Ok(Self { ask: Some(ask), thread: Some(thread), pages, asked_at, finish, every_pages })
    }

    /// Called after each commit, on the committing connection.
    pub(super) fn after_commit(&self, writer: &Connection) {
        if self.finish.swap(false, Ordering::Acquire)
            && let Err(error) = passive(writer)
        {
            tracing::warn!(%error, "journal checkpoint failed");
        }
        let pages = self.pages.load(Ordering::Relaxed);
        let asked_at = self.asked_at.load(Ordering::Relaxed);
        if pages < asked_at {
            // The file started again.
            self.asked_at.store(0, Ordering::Relaxed);
        } else if pages >= asked_at.saturating_add(self.every_pages)
            && let Some(ask) = &self.ask
        {
            self.asked_at.store(pages, Ordering::Relaxed);
            // Full: it was asked already. Disconnected: the thread said why when it ended.
            let _ = ask.try_send(());
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.ask = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was printed by its own hook; there is nothing to undo.
            let _ = thread.join();
        }
    }
}

/// Copies what no reader needs.
fn passive(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}
