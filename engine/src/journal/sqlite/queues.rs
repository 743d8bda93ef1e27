//! What waits, counted: per lane and state, and the messages that no lane has yet.
//! In: two partial indexes, never the whole tables. Out: [`Queues`].

use rusqlite::params;

use super::{
    SqliteJournal,
    rows::{number, partner, state, time},
};
use crate::{
    error::Error,
    journal::{DeliveryState, MessageState},
    questions::{Queue, Queues},
};

pub(super) fn queues(journal: &SqliteJournal) -> Result<Queues, Error> {
    journal.reading(|connection| {
        let count = |state: MessageState| -> Result<u64, Error> {
            // The number stands in the text: a partial index serves constants only.
            let sql = format!("SELECT count(*) AS n FROM message WHERE state = {}", state.number());
            connection.prepare_cached(&sql)?.query_row(params![], |row| Ok(number(row, "n")))?
        };
        let mut queues = Queues {
            messages_waiting: count(MessageState::Received)?,
            messages_parked: count(MessageState::Parked)?,
            lanes: Vec::new(),
        };
        let mut statement = connection.prepare_cached(
            "SELECT sink, state, count(*) AS n, min(since) AS oldest FROM delivery INDEXED BY delivery_open
             WHERE state < 4 GROUP BY state, sink ORDER BY sink",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (sink, n) = (partner(row, "sink")?, number(row, "n")?);
            if queues.lanes.last().is_none_or(|queue| queue.partner != sink) {
                queues.lanes.push(Queue::new(sink));
            }
            let Some(queue) = queues.lanes.last_mut() else { continue };
            let state = state(row, "state", DeliveryState::of)?;
            match state {
                DeliveryState::Waiting => queue.waiting = n,
                DeliveryState::Retrying => queue.retrying = n,
                DeliveryState::Sending => queue.sending = n,
                DeliveryState::Held => queue.held = n,
                _ => queue.parked = n,
            }
            if !matches!(state, DeliveryState::Parked | DeliveryState::Held) {
                let oldest = time(row, "oldest")?;
                queue.oldest_at = Some(queue.oldest_at.map_or(oldest, |known| known.min(oldest)));
            }
        }
        Ok(queues)
    })
}
