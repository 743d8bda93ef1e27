//! The audit chain, read back: its end, its rows, its verdict.
//! In: the table. Out: lines; the first row that is not what was written.

use rusqlite::{Connection, Row, params};

use super::{
    SqliteJournal,
    rows::{get, inconsistent, number, time},
};
use crate::{
    error::Error,
    order::{
        AuditHash, AuditHead,
        audit::{AuditLine, AuditRow, AuditVerdict, Verifier},
    },
    questions::AuditQuery,
};

/// The end of the chain as the store remembers it.
pub(super) fn head(connection: &Connection) -> Result<AuditHead, Error> {
    let mut statement = connection.prepare_cached("SELECT value FROM store WHERE name = ?1")?;
    let count: i64 = statement.query_row(["audit-count"], |row| row.get(0))?;
    let hash: Vec<u8> = statement.query_row(["audit-head"], |row| row.get(0))?;
    let hash = hash.try_into().map_err(|_| inconsistent("store.audit-head"))?;
    Ok(AuditHead {
        count: u64::try_from(count).map_err(|_| inconsistent("store.audit-count"))?,
        hash: AuditHash(hash),
    })
}

fn line(row: &Row<'_>) -> Result<AuditLine, Error> {
    let optional = |column: &str| -> Result<Option<u64>, Error> {
        get::<Option<i64>>(row, column)?
            .map(|id| u64::try_from(id).map_err(|_| inconsistent(column)))
            .transpose()
    };
    let hash: Vec<u8> = get(row, "hash")?;
    Ok(AuditLine {
        row: AuditRow {
            number: number(row, "number")?,
            at: time(row, "at")?,
            author: get(row, "author")?,
            reason: get(row, "reason")?,
            act: get(row, "act")?,
            message: optional("message")?,
            delivery: optional("delivery")?,
            detail: get(row, "detail")?,
        },
        hash: AuditHash(hash.try_into().map_err(|_| inconsistent("audit.hash"))?),
    })
}

impl SqliteJournal {
    pub(super) fn audit_lines(&self, query: &AuditQuery) -> Result<Vec<AuditLine>, Error> {
        let id = |id: u64| i64::try_from(id).unwrap_or(i64::MAX);
        self.reading(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT * FROM audit WHERE (?1 IS NULL OR number < ?1) AND (?2 IS NULL OR message = ?2)
                     AND (?3 IS NULL OR act = ?3) ORDER BY number DESC LIMIT ?4",
            )?;
            let mut rows = statement.query(params![
                query.before.map(id),
                query.message.map(id),
                query.act,
                query.limit
            ])?;
            let mut lines = Vec::new();
            while let Some(row) = rows.next()? {
                lines.push(line(row)?);
            }
            Ok(lines)
        })
    }

    pub(super) fn audit_verdict(&self, noted: Option<AuditHash>) -> Result<AuditVerdict, Error> {
        self.reading(|connection| {
            let snapshot = connection.unchecked_transaction()?;
            let remembered = head(&snapshot)?;
            let mut statement = snapshot.prepare("SELECT * FROM audit ORDER BY number")?;
            let mut rows = statement.query([])?;
            let mut verifier = Verifier::new(noted);
            while let Some(row) = rows.next()? {
                // A row that does not even parse is not what was written.
                let broken = match line(row) {
                    Ok(line) => verifier.add(&line)?,
                    Err(_) => Some(verifier.unreadable()),
                };
                if broken.is_some() {
                    return Ok(verifier.end(broken, remembered));
                }
            }
            Ok(verifier.end(None, remembered))
        })
    }
}
