//! Checkpoints off the commit path: another thread copies the WAL into the database between batches.
//! In: the number of WAL pages after each commit. Out: a bounded WAL, commits that never wait for a copy.
//! Source: dependencies §5: checkpoints on the commit path cost a p99 of 50 ms.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering},
        mpsc::{self, SyncSender, TrySendError},
    },
    thread::JoinHandle,
};

use rusqlite::Connection;

use super::{Limits, configure};
use crate::error::Error;

pub(super) struct Checkpointer {
    asked: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    pages: Arc<AtomicI32>,
    finish: Arc<AtomicBool>,
    limits: Limits,
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
        let (asked, requests) = mpsc::sync_channel::<()>(1);
        let wanted = finish.clone();
        let thread = std::thread::Builder::new()
            .name("journal-checkpoint".to_owned())
            .spawn(move || {
                while requests.recv().is_ok() {
                    match passive(&connection) {
                        // While commits go on, the copy never catches up with the end, and the file grows on:
                        // the committer then copies the short rest itself, between two batches.
                        Ok((pages, copied)) if pages >= limits.wal_pages_max && copied < pages => {
                            wanted.store(true, Ordering::Release);
                        }
                        Ok(_) => {}
                        Err(error) => tracing::warn!(%error, "journal checkpoint failed"),
                    }
                }
            })
            .map_err(Error::io("start the checkpoint thread"))?;
        Ok(Self { asked: Some(asked), thread: Some(thread), pages, finish, limits })
    }

    /// Called after each commit, on the committing connection.
    pub(super) fn after_commit(&self, writer: &Connection) {
        if self.finish.swap(false, Ordering::Acquire) {
            if let Err(error) = passive(writer) {
                tracing::warn!(%error, "journal checkpoint failed");
            }
            return;
        }
        if self.pages.load(Ordering::Relaxed) >= self.limits.checkpoint_pages
            && let Some(asked) = &self.asked
            && let Err(TrySendError::Disconnected(())) = asked.try_send(())
        {
            tracing::warn!("journal checkpoint thread is gone");
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.asked = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was printed by its own hook; there is nothing to undo.
            let _ = thread.join();
        }
    }
}

/// Copies what no reader needs. Out: pages in the WAL, pages copied.
fn passive(connection: &Connection) -> rusqlite::Result<(i32, i32)> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok((row.get(1)?, row.get(2)?)))
}
