//! A row of the audit chain, in the transaction of what it tells.
//! In: who, why, what. Out: the new head, also remembered in `store`.

use rusqlite::params;

use super::{Writer, number};
use crate::{
    error::Error,
    journal::{
        Millis,
        sqlite::{audit::head, rows::timestamp},
    },
    order::{AuditHead, audit::AuditRow, retention::Destroyed},
};

/// What an act did, as the chain tells it.
pub(in crate::journal::sqlite) struct Told {
    pub(in crate::journal::sqlite) act: &'static str,
    pub(in crate::journal::sqlite) message: Option<i64>,
    pub(in crate::journal::sqlite) delivery: Option<i64>,
    pub(in crate::journal::sqlite) detail: Option<serde_json::Value>,
    pub(in crate::journal::sqlite) destroyed: Option<Destroyed>,
}

impl Told {
    pub(in crate::journal::sqlite) fn new(act: &'static str) -> Self {
        Self { act, message: None, delivery: None, detail: None, destroyed: None }
    }
}

impl Writer<'_> {
    pub(in crate::journal::sqlite) fn audit(
        &self,
        at: Millis,
        (author, reason): (&str, Option<&str>),
        told: &Told,
    ) -> Result<AuditHead, Error> {
        let before = head(self.connection)?;
        let row = AuditRow {
            number: before.count + 1,
            at: timestamp(at)?,
            author: author.to_owned(),
            reason: reason.map(str::to_owned),
            act: told.act.to_owned(),
            message: told.message.and_then(|id| u64::try_from(id).ok()),
            delivery: told.delivery.and_then(|id| u64::try_from(id).ok()),
            detail: told.detail.as_ref().map(serde_json::Value::to_string),
        };
        let after = AuditHead { count: row.number, hash: row.hash(before.hash)? };
        self.connection
            .prepare_cached(
                "INSERT INTO audit (number, at, author, reason, act, message, delivery, detail, hash)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                number(row.number),
                at,
                row.author,
                row.reason,
                row.act,
                told.message,
                told.delivery,
                row.detail,
                after.hash.0,
            ])?;
        let mut remember = self.connection.prepare_cached("UPDATE store SET value = ?2 WHERE name = ?1")?;
        remember.execute(params!["audit-count", number(after.count)])?;
        remember.execute(params!["audit-head", after.hash.0])?;
        Ok(after)
    }
}
