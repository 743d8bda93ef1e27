//! Changes applied to the snapshot in use: one transaction, so readers see all of them or none.
//! In: whole records that replace what was there. Out: what differs, counted. Source: annuaires.md §2.4.

use std::{collections::BTreeMap, path::Path};

use jiff::civil::Date;
use jonction_model::directory::{Kind, Record};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use crate::{
    error::Error,
    prints::Difference,
    tables::{self, Stored, WordTable},
};

/// What the changes did, by kind.
pub(crate) type Done = BTreeMap<Kind, Difference>;

/// Applies whole records to a file that readers have open. On disk when this returns; an error leaves it as it was.
pub(crate) fn apply(
    path: &Path,
    records: &mut dyn Iterator<Item = Record>,
    day: Date,
) -> Result<Done, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(std::time::Duration::from_secs(30))?;
    // Readers go on with what they see while the changes are written.
    db.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32768;")?;
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let texts = tables::words(&transaction)?;
    let mut work = Work { db: &transaction, words: WordTable::of(&texts), texts, day, done: Done::new() };
    for record in records {
        match record {
            Record::Professional(record) => work.put(*record)?,
            Record::Structure(record) => work.put(*record)?,
            Record::Mailbox(record) => work.put(*record)?,
            Record::Offer(record) => work.put(*record)?,
        }
    }
    work.words.flush(&transaction)?;
    let done = std::mem::take(&mut work.done);
    drop(work);
    transaction.commit()?;
    Ok(done)
}

struct Work<'w> {
    db: &'w Connection,
    words: WordTable,
    texts: Vec<Box<str>>,
    day: Date,
    done: Done,
}

impl Work<'_> {
    fn put<T: Stored>(&mut self, mut record: T) -> Result<(), Error> {
        let key = record.key();
        let (row, sites) = tables::to_row(&mut record, self.day, &mut self.words);
        for (key, mut site) in sites {
            self.put_site(key, &mut site)?;
        }
        let before = tables::row::<T>(self.db, key)?;
        let done = self.done.entry(T::KIND).or_default();
        match &before {
            None => done.added += 1,
            // The day it was told apart, it says the same: technical rewrites are no change.
            Some(before) if before.get(3..) == row.get(3..) => return Ok(()),
            Some(_) => done.changed += 1,
        }
        self.replace::<T>(key, before.as_deref(), &record.terms(), &row)
    }

    /// A site told inside another record: what it adds to what was known of it.
    fn put_site(&mut self, key: i64, site: &mut jonction_model::directory::Structure) -> Result<(), Error> {
        let before = tables::row::<jonction_model::directory::Structure>(self.db, key)?;
        let (row, _) = tables::to_row(site, self.day, &mut self.words);
        if before.as_ref().is_some_and(|before| before.get(3..) == row.get(3..)) {
            return Ok(());
        }
        let terms = site.terms();
        self.replace::<jonction_model::directory::Structure>(key, before.as_deref(), &terms, &row)
    }

    fn replace<T: Stored>(
        &mut self,
        key: i64,
        before: Option<&[u8]>,
        terms: &[i64],
        row: &[u8],
    ) -> Result<(), Error> {
        if let Some(before) = before {
            // Words of this very transaction are not in the file yet: they are in the table.
            let known = tables::of_row::<T>(before, &self.texts)
                .or_else(|| tables::of_row::<T>(before, &self.words.texts()));
            let (old, _) = known.ok_or(Error::Damaged("a record"))?;
            let mut delete = self.db.prepare_cached("DELETE FROM posting WHERE term=?1 AND target=?2")?;
            for term in old.terms().into_iter().filter(|term| !terms.contains(term)) {
                delete.execute([term, key])?;
            }
        }
        let mut insert =
            self.db.prepare_cached("INSERT OR IGNORE INTO posting(term, target) VALUES(?1, ?2)")?;
        for term in terms {
            insert.execute([*term, key])?;
        }
        self.db.prepare_cached(T::SQL[1])?.execute(params![key, row])?;
        Ok(())
    }
}
