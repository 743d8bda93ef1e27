//! The counts of what is open, against what they count. Triggers keep them (format/2.sql); this is the proof that they do.
//! In: the store. Out: whether both agree; the counts made anew when they do not (a store that somebody wrote into).

use rusqlite::Connection;

use super::write::Writer;
use crate::{error::Error, journal::Applied};

/// Whether the counts are those of the rows, on one snapshot.
pub(super) fn agrees(connection: &Connection) -> Result<bool, Error> {
    let snapshot = connection.unchecked_transaction()?;
    let differs = |one: &str, other: &str| -> Result<bool, Error> {
        Ok(snapshot.prepare(&format!("{one} EXCEPT {other} LIMIT 1"))?.exists([])?)
    };
    let (kept, counted) = ("SELECT * FROM tally WHERE n <> 0", "SELECT * FROM counted");
    Ok(!differs(kept, counted)? && !differs(counted, kept)?)
}

impl Writer<'_> {
    /// Counts anew. It reads everything that is open.
    pub(super) fn recount(&mut self) -> Result<Applied, Error> {
        self.connection.execute_batch("DELETE FROM tally; INSERT INTO tally SELECT * FROM counted;")?;
        Ok(Applied::Done(0))
    }
}
