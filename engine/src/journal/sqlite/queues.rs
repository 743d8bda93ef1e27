//! What waits, per lane and state, and the messages that no lane has yet.
//! In: the counts that triggers keep (format/2.sql), and one look per lane for the oldest. Out: [`Queues`].
//! Cost: the lanes there are, however much waits.

use rusqlite::{Connection, params};

use super::{
    SqliteJournal,
    rows::{get, number, partner, state, timestamp},
};
use crate::{
    error::Error,
    journal::{DeliveryState, MessageState, Millis},
    questions::{Queue, Queues},
};

pub(super) fn queues(journal: &SqliteJournal) -> Result<Queues, Error> {
    journal.reading(|connection| {
        // One snapshot: counts and ages of the same moment.
        let snapshot = connection.unchecked_transaction()?;
        let mut queues = Queues::default();
        let mut statement =
            snapshot.prepare_cached("SELECT state, sum(n) AS n FROM tally WHERE kind = 0 GROUP BY state")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let n = number(row, "n")?;
            match state(row, "state", MessageState::of)? {
                MessageState::Received => queues.messages_waiting = n,
                MessageState::Parked => queues.messages_parked = n,
                MessageState::Held => queues.messages_held = n,
                _ => {}
            }
        }
        let mut statement = snapshot.prepare_cached(
            "SELECT name, state, n FROM tally WHERE kind = 1 AND n > 0 ORDER BY name, state",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (sink, n) = (partner(row, "name")?, number(row, "n")?);
            if queues.lanes.last().is_none_or(|queue| queue.partner != sink) {
                queues.lanes.push(Queue::new(sink));
            }
            let Some(queue) = queues.lanes.last_mut() else { continue };
            match state(row, "state", DeliveryState::of)? {
                DeliveryState::Waiting => queue.waiting = n,
                DeliveryState::Retrying => queue.retrying = n,
                DeliveryState::Sending => queue.sending = n,
                DeliveryState::Held => queue.held = n,
                _ => queue.parked = n,
            }
            let goes = (0..DeliveryState::Parked.number()).contains(&get(row, "state")?);
            if goes && let Some(at) = oldest(&snapshot, get(row, "name")?, get(row, "state")?)? {
                let at = timestamp(at)?;
                queue.oldest_at = Some(queue.oldest_at.map_or(at, |known| known.min(at)));
            }
        }
        Ok(queues)
    })
}

/// Since when the oldest of a lane and state is owed: one look into an index.
fn oldest(connection: &Connection, sink: String, state: i64) -> Result<Option<Millis>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT min(since) FROM delivery INDEXED BY delivery_open WHERE state = ?1 AND state < 4 AND sink = ?2",
    )?;
    Ok(statement.query_row(params![state, sink], |row| row.get(0))?)
}
