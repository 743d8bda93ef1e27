//! What the journal alone remembers of how things go: last message, last commit, last success and failure of each lane.
//! In: the end of two tables and the time of the log's file. Out: [`Recent`]. Bounded: a status screen reads no history.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{
    SqliteJournal,
    rows::{get, json, optional_time, partner, small, time},
};
use crate::{
    error::Error,
    files::Seen,
    questions::{LaneFailure, Recent},
};

/// Deliveries looked back over for the last success of each lane.
const LOOKED_BACK: u32 = 20_000;
/// Deliveries of a lane looked at for what fails now.
const FAILURES_LOOKED_AT: u32 = 256;

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
        let mut lanes = connection
            .prepare_cached("SELECT DISTINCT name FROM tally WHERE kind = 1 AND state IN (1, 2) AND n > 0")?;
        let mut rows = lanes.query(params![])?;
        while let Some(row) = rows.next()? {
            if let Some(failure) = failure(connection, &get::<String>(row, "name")?)? {
                recent.lane(partner(row, "name")?).failure = Some(failure);
            }
        }
        recent.lanes.sort_by(|a, b| a.partner.cmp(&b.partner));
        Ok(recent)
    })
}

/// What failed last in a lane: what is being tried again now, else what is tried again the latest. Bounded.
fn failure(connection: &Connection, sink: &str) -> Result<Option<LaneFailure>, Error> {
    let mut failing = connection.prepare_cached(
        "SELECT finding, attempts, next_at FROM (
             SELECT * FROM (SELECT state, finding, attempts, next_at FROM delivery INDEXED BY delivery_open
                            WHERE state = 2 AND state < 4 AND sink = ?1 LIMIT ?2)
             UNION ALL
             SELECT * FROM (SELECT state, finding, attempts, next_at FROM delivery INDEXED BY delivery_due
                            WHERE sink = ?1 AND state < 2 AND next_at IS NOT NULL ORDER BY next_at DESC LIMIT ?2))
         WHERE state IN (1, 2) AND finding IS NOT NULL ORDER BY next_at DESC LIMIT 1",
    )?;
    let mut rows = failing.query(params![sink, FAILURES_LOOKED_AT])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let Some(finding) = json(row, "finding")? else { return Ok(None) };
    Ok(Some(LaneFailure {
        finding,
        attempts: small(row, "attempts")?,
        again_at: optional_time(row, "next_at")?,
    }))
}

/// Every commit writes to the log; a checkpoint alone writes to the database.
fn last_write(journal: &SqliteJournal) -> Option<Timestamp> {
    let log = journal.path.with_extension("db-wal");
    let seen = |path| journal.storage.files.open(path).and_then(|file| file.seen()).ok();
    let of_log = seen(&log).filter(|Seen { length, .. }| *length > 0);
    let modified = of_log.or_else(|| seen(&journal.path))?.modified?;
    Timestamp::try_from(modified).ok()
}
