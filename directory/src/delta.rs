//! Changes applied to the snapshot in use: one transaction, so readers see all of them or none.
//! In: whole records that replace what was there. Out: what differs, counted. Source: annuaires.md §2.4.

use std::{collections::BTreeMap, path::Path};

use jiff::civil::Date;
use jonction_model::directory::{Holdings, Kind, Mailbox, Record, Structure, Whose};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use crate::{
    error::Error,
    prints::Difference,
    tables::{self, Stored, WordTable},
    terms,
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
            Record::Domain(record) => work.put(*record)?,
            Record::Holdings(held) => work.put_holdings(*held)?,
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
        let before = self.known::<T>(key)?;
        if let Some((_, old)) = &before {
            record.keep(old.clone());
        }
        let (row, sites) = tables::to_row(&mut record, self.day, &mut self.words);
        for (key, mut site) in sites {
            self.put_site(key, &mut site)?;
        }
        let done = self.done.entry(T::KIND).or_default();
        match &before {
            None => done.added += 1,
            Some((before, _)) if is_same(before, &row) => return Ok(()),
            Some(_) => done.changed += 1,
        }
        self.replace::<T>(key, before.map(|(_, old)| old), &record.terms(), &row)
    }

    /// A site told inside another record: what it adds to what was known of it.
    fn put_site(&mut self, key: i64, site: &mut Structure) -> Result<(), Error> {
        let before = self.known::<Structure>(key)?;
        let (row, _) = tables::to_row(site, self.day, &mut self.words);
        if before.as_ref().is_some_and(|(before, _)| is_same(before, &row)) {
            return Ok(());
        }
        let terms = site.terms();
        self.replace::<Structure>(key, before.map(|(_, old)| old), &terms, &row)
    }

    /// All the mailboxes of a holder: those that are no longer told lose it, and end when nobody else reads them.
    fn put_holdings(&mut self, held: Holdings) -> Result<(), Error> {
        let term = match &held.whose {
            Whose::Person(id) => terms::person_box(id),
            Whose::Structure(id) => terms::structure_box(id),
        };
        let mut touched: BTreeMap<i64, Option<Mailbox>> = BTreeMap::new();
        {
            let mut select = self.db.prepare_cached("SELECT target FROM posting WHERE term=?1")?;
            let mut rows = select.query([term])?;
            while let Some(row) = rows.next()? {
                touched.insert(row.get(0)?, None);
            }
        }
        for mailbox in held.mailboxes {
            let told = touched.entry(mailbox.key()).or_default();
            match told {
                Some(other) => other.merge(mailbox),
                None => *told = Some(mailbox),
            }
        }
        for (key, told) in touched {
            let before = self.known::<Mailbox>(key)?.map(|(_, old)| old);
            let mut mailbox = match (&before, &told) {
                (Some(old), _)
                    if old.holders.iter().any(|holder| held.whose.is(holder)) || told.is_some() =>
                {
                    old.clone()
                }
                // Found by a term that another holder shares: not its own.
                (Some(_), _) | (None, None) => continue,
                (None, Some(told)) => Mailbox { holders: Vec::new(), ..told.clone() },
            };
            mailbox.holders.retain(|holder| !held.whose.is(holder));
            match told {
                Some(told) => {
                    mailbox = Mailbox { holders: mailbox.holders, ..told.clone() };
                    mailbox.merge(told);
                }
                // Nobody is left: who had it is kept, for the record.
                None if mailbox.holders.is_empty() => {
                    let Some(before) = before else { continue };
                    mailbox = Mailbox { ended: before.ended.or(Some(self.day)), ..before };
                }
                None => {}
            }
            self.put(mailbox)?;
        }
        Ok(())
    }

    /// A row with what it says.
    fn known<T: Stored>(&self, key: i64) -> Result<Option<(Vec<u8>, T)>, Error> {
        let Some(row) = tables::row::<T>(self.db, key)? else { return Ok(None) };
        // Words of this very transaction are not in the file yet: they are in the table.
        let read =
            tables::of_row::<T>(&row, &self.texts).or_else(|| tables::of_row::<T>(&row, &self.words.texts()));
        let (old, _) = read.ok_or(Error::Damaged("a record"))?;
        Ok(Some((row, old)))
    }

    fn replace<T: Stored>(
        &mut self,
        key: i64,
        before: Option<T>,
        terms: &[i64],
        row: &[u8],
    ) -> Result<(), Error> {
        if let Some(old) = before {
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

/// Whether two rows say the same: the day it was told stands apart, technical rewrites are no change.
fn is_same(before: &[u8], after: &[u8]) -> bool {
    before.get(DAY_BYTES..) == after.get(DAY_BYTES..)
}

/// The day at the beginning of a row, as a number of three bytes.
const DAY_BYTES: usize = 3;
