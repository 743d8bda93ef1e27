//! What the journal alone remembers of how things go: last message, last commit, last success and failure of each lane.
//! In: the end of two tables and the time of the log's file. Out: [`Recent`]. Bounded: a status screen reads no history.

use jiff::Timestamp;
use rusqlite::params;

use super::{
    SqliteJournal,
    rows::{json, optional_time, partner, small, time},
};
use crate::{
    error::Error,
    files::Seen,
    questions::{LaneFailure, Recent},
};

/// Deliveries looked back over for the last success of each lane.
const LOOKED_BACK: u32 = 20_000;

pub(super) fn recent(journal: &SqliteJournal) -> Result<Recent, Error> {
    journal.reading(|connection| {
        let mut last =
            connection.prepare_cached("SELECT received_at FROM message ORDER BY id DESC LIMIT 1")?;
        let mut rows = last.query(params![])?;
        let last_message_at = rows.next()?.map(|row| time(row, "received_at")).transpose()?;
        let mut recent = Recent { last_message_at, last_commit_at: last_write(journal), lanes: Vec::new() };
        let mut done = connection.prepare_cached(
            "SELECT sink, max(ended_at) AS at FROM
                 (SELECT sink, state, ended_at FROM delivery ORDER BY id DESC LIMIT ?1)
             WHERE state = 4 GROUP BY sink",
        )?;
        let mut rows = done.query(params![LOOKED_BACK])?;
        while let Some(row) = rows.next()? {
            let at = optional_time(row, "at")?;
            recent.lane(partner(row, "sink")?).last_success_at = at;
        }
        // The row with the latest moment stands for its group.
        let mut failing = connection.prepare_cached(
            "SELECT sink, finding, attempts, max(next_at) AS again FROM delivery INDEXED BY delivery_open
             WHERE state < 4 AND state IN (1, 2) AND finding IS NOT NULL GROUP BY sink",
        )?;
        let mut rows = failing.query([])?;
        while let Some(row) = rows.next()? {
            let Some(finding) = json(row, "finding")? else { continue };
            let failure = LaneFailure {
                finding,
                attempts: small(row, "attempts")?,
                again_at: optional_time(row, "again")?,
            };
            recent.lane(partner(row, "sink")?).failure = Some(failure);
        }
        recent.lanes.sort_by(|a, b| a.partner.cmp(&b.partner));
        Ok(recent)
    })
}

/// Every commit writes to the log; a checkpoint alone writes to the database.
fn last_write(journal: &SqliteJournal) -> Option<Timestamp> {
    let log = journal.path.with_extension("db-wal");
    let seen = |path| journal.storage.files.open(path).and_then(|file| file.seen()).ok();
    let of_log = seen(&log).filter(|Seen { length, .. }| *length > 0);
    let modified = of_log.or_else(|| seen(&journal.path))?.modified?;
    Timestamp::try_from(modified).ok()
}
