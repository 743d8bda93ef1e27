//! What a message was before a human corrected it.
//! In: its number. Out: one line per edition that is past, the first one first.

use jonction_ports::MessageId;
use rusqlite::{Connection, params};

use super::rows::{body_id, get, number, row_number, small, time};
use crate::{error::Error, questions::EditionLine};

pub(super) fn of(connection: &Connection, message: MessageId) -> Result<Vec<EditionLine>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT e.number, e.until, e.author, e.reason, body.hash, body.length FROM edition e
         JOIN body ON body.id = e.raw WHERE e.message = ?1 ORDER BY e.number",
    )?;
    let mut rows = statement.query(params![row_number(message.0)])?;
    let mut editions = Vec::new();
    while let Some(row) = rows.next()? {
        editions.push(EditionLine {
            number: small(row, "number")?,
            until: time(row, "until")?,
            author: get(row, "author")?,
            reason: get(row, "reason")?,
            sha256: body_id(&get::<Vec<u8>>(row, "hash")?)?.to_string(),
            bytes: number(row, "length")?,
        });
    }
    Ok(editions)
}
