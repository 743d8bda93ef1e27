//! What a structure sent in a window, and which of it somebody must hear of.
//! In: a window, MSH-4. Out: numbers of messages. Totals come from the balance, so that both always agree.

use rusqlite::params;

use super::{SqliteJournal, rows::number};
use crate::{
    error::Error,
    journal::{DeliveryState, Millis},
    questions::{Troubled, Window},
};
use jiff::Timestamp;
use jonction_ports::MessageId;

pub(super) fn troubled(
    journal: &SqliteJournal,
    window: Window,
    structure: &str,
    limit: u32,
) -> Result<Troubled, Error> {
    let since = window.since.map_or(Millis::MIN, Timestamp::as_millisecond);
    let until = window.until.map_or(Millis::MAX, Timestamp::as_millisecond);
    // Routed and filtered messages are told only through what became of their deliveries.
    let condition = format!(
        "received_at >= ?1 AND received_at < ?2 AND facility = ?3 AND (state NOT IN (1, 2)
         OR EXISTS (SELECT 1 FROM delivery WHERE delivery.message = message.id AND delivery.state NOT IN ({}, {})))",
        DeliveryState::Delivered.number(),
        DeliveryState::Replaced.number()
    );
    journal.reading(|connection| {
        // One snapshot: the list and its count are of the same moment.
        let snapshot = connection.unchecked_transaction()?;
        let total = snapshot
            .prepare_cached(&format!("SELECT count(*) AS n FROM message WHERE {condition}"))?
            .query_row(params![since, until, structure], |row| Ok(number(row, "n")))??;
        let mut statement = snapshot
            .prepare_cached(&format!("SELECT id FROM message WHERE {condition} ORDER BY id LIMIT ?4"))?;
        let mut rows = statement.query(params![since, until, structure, limit])?;
        let mut messages = Vec::new();
        while let Some(row) = rows.next()? {
            messages.push(MessageId(number(row, "id")?));
        }
        Ok(Troubled { messages, total })
    })
}
