//! The database file of a snapshot: its tables, and how one record of each kind goes in and comes out.
//! In: records. Out: rows and postings. Source: decision record on the directory store.

use std::collections::HashMap;

use jiff::civil::Date;
use jonction_model::directory::{Domain, Kind, Mailbox, Offer, Professional, Structure};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    codec::{Printer, Reader, Words, Writer},
    error::Error,
    pack::{self, Pack as _},
    prints, terms,
};

/// Format of the file. Another one is not read: the source is pulled again. A kind of record that came later has a table
/// of its own, which only a source that tells such records is asked for.
pub(crate) const FORMAT: i64 = 2;

const SCHEMA: &str = "
CREATE TABLE word(id INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE professional(key INTEGER PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE structure(key INTEGER PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE mailbox(key INTEGER PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE offer(key INTEGER PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE domain(key INTEGER PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE posting(term INTEGER NOT NULL, target INTEGER NOT NULL, PRIMARY KEY(term, target)) WITHOUT ROWID;
CREATE TABLE commune(code TEXT PRIMARY KEY, latitude REAL NOT NULL, longitude REAL NOT NULL) WITHOUT ROWID;
";

/// Makes the tables of an empty file that nobody reads yet: no journal, no sync, the caller syncs the whole at the end.
pub(crate) fn create(db: &Connection, cache_kib: u32) -> Result<(), Error> {
    db.execute_batch(&format!(
        "PRAGMA page_size=4096; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE;
         PRAGMA temp_store=MEMORY; PRAGMA cache_size=-{cache_kib}; PRAGMA user_version={FORMAT};"
    ))?;
    Ok(db.execute_batch(SCHEMA)?)
}

/// Ends the writing of a new file. It is read through a journal from now on: a look-up takes no lock of the disk, and
/// changes in place disturb nobody.
pub(crate) fn close(db: Connection) -> Result<(), Error> {
    db.execute_batch("PRAGMA locking_mode=NORMAL; SELECT 1 FROM word LIMIT 1; PRAGMA journal_mode=WAL;")?;
    db.close().map_err(|(_, error)| error)?;
    Ok(())
}

/// What the store must know of each kind of record.
pub(crate) trait Stored: Default + Clone {
    /// Its kind.
    const KIND: Kind;
    /// The table's statements: get, put, delete.
    const SQL: [&'static str; 3];
    /// Walks its fields.
    fn walk(&mut self, p: &mut impl pack::Pack);
    /// Its key.
    fn key(&self) -> i64;
    /// The terms it is found by.
    fn terms(&self) -> Vec<i64>;
    /// Takes what another part adds.
    fn merge(&mut self, other: Self);
    /// One that only says that it ended keeps what was known of it.
    fn keep(&mut self, _before: Self) {}
    /// Writes what says where it is: a change of it is a move.
    fn place(&self, out: &mut Printer);
}

macro_rules! sql {
    ($table:literal) => {
        [
            concat!("SELECT record FROM ", $table, " WHERE key=?1"),
            concat!("INSERT OR REPLACE INTO ", $table, "(key, record) VALUES(?1, ?2)"),
            concat!("DELETE FROM ", $table, " WHERE key=?1"),
        ]
    };
}

impl Stored for Professional {
    const KIND: Kind = Kind::Professional;
    const SQL: [&'static str; 3] = sql!("professional");

    fn walk(&mut self, p: &mut impl pack::Pack) {
        pack::professional(p, self);
    }

    fn key(&self) -> i64 {
        terms::person_key(&self.id)
    }

    fn terms(&self) -> Vec<i64> {
        terms::of_professional(self)
    }

    fn merge(&mut self, other: Self) {
        self.merge(other);
    }

    fn keep(&mut self, before: Self) {
        if self.ended.is_some() && self.family.is_empty() {
            *self = Self { ended: self.ended, ..before };
        }
    }

    fn place(&self, out: &mut Printer) {
        for site in self.practices.iter().filter_map(|practice| practice.site.as_deref()) {
            place_of(site, out);
        }
    }
}

fn place_of(site: &Structure, out: &mut Printer) {
    for text in [&site.technical_id, &site.finess, &site.siret, &site.address.commune] {
        out.text(&mut text.clone());
    }
}

impl Stored for Structure {
    const KIND: Kind = Kind::Structure;
    const SQL: [&'static str; 3] = sql!("structure");

    fn walk(&mut self, p: &mut impl pack::Pack) {
        pack::structure(p, self);
    }

    fn key(&self) -> i64 {
        terms::structure_key(self)
    }

    fn terms(&self) -> Vec<i64> {
        terms::of_structure(self)
    }

    fn merge(&mut self, other: Self) {
        self.merge(other);
    }

    fn keep(&mut self, before: Self) {
        if self.inactive && self.name.is_empty() {
            *self = Self { inactive: true, closed: before.closed.or(self.closed), ..before };
        }
    }

    fn place(&self, out: &mut Printer) {
        for text in [&self.address.commune, &self.address.street, &self.address.number] {
            out.text(&mut text.clone());
        }
    }
}

impl Stored for Mailbox {
    const KIND: Kind = Kind::Mailbox;
    const SQL: [&'static str; 3] = sql!("mailbox");

    fn walk(&mut self, p: &mut impl pack::Pack) {
        pack::mailbox(p, self);
    }

    fn key(&self) -> i64 {
        terms::mailbox_key(&self.address)
    }

    fn terms(&self) -> Vec<i64> {
        terms::of_mailbox(self)
    }

    fn merge(&mut self, other: Self) {
        self.merge(other);
    }

    fn place(&self, out: &mut Printer) {
        for holder in &self.holders {
            out.text(&mut holder.structure.as_ref().map_or_else(String::new, |id| id.as_str().to_owned()));
        }
    }
}

impl Stored for Offer {
    const KIND: Kind = Kind::Offer;
    const SQL: [&'static str; 3] = sql!("offer");

    fn walk(&mut self, p: &mut impl pack::Pack) {
        pack::offer(p, self);
    }

    fn key(&self) -> i64 {
        terms::offer_key(&self.id)
    }

    fn terms(&self) -> Vec<i64> {
        terms::of_offer(self)
    }

    // Two parts of one offer: the last one told.
    fn merge(&mut self, other: Self) {
        *self = other;
    }

    fn place(&self, out: &mut Printer) {
        out.text(&mut self.structure.as_ref().map_or_else(String::new, |id| id.as_str().to_owned()));
        out.text(&mut self.address.commune.clone());
    }
}

impl Stored for Domain {
    const KIND: Kind = Kind::Domain;
    const SQL: [&'static str; 3] = sql!("domain");

    fn walk(&mut self, p: &mut impl pack::Pack) {
        pack::domain(p, self);
    }

    fn key(&self) -> i64 {
        terms::domain_key(&self.name)
    }

    // Found by its name alone, which is its key.
    fn terms(&self) -> Vec<i64> {
        Vec::new()
    }

    fn merge(&mut self, other: Self) {
        self.operators.extend(other.operators);
        self.operators.sort_unstable();
        self.operators.dedup();
    }

    // It stands nowhere.
    fn place(&self, _: &mut Printer) {}
}

/// The print of a record, or of a part.
pub(crate) fn print<T: Stored>(record: &mut T, scratch: &mut [Printer; 2]) -> u64 {
    let [content, place] = scratch;
    content.out.clear();
    place.out.clear();
    record.walk(content);
    record.place(place);
    prints::print(&content.out, &place.out)
}

/// Numbers given so far, and those not yet in the file.
#[derive(Default)]
pub(crate) struct WordTable {
    numbers: HashMap<Box<str>, u64>,
    fresh: Vec<Box<str>>,
}

impl Words for WordTable {
    fn number_of(&mut self, text: &str) -> u64 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.numbers.len() as u64 + 1;
        self.numbers.insert(text.into(), number);
        self.fresh.push(text.into());
        number
    }
}

impl WordTable {
    /// The words of a file.
    pub(crate) fn of(texts: &[Box<str>]) -> Self {
        Self { numbers: texts.iter().cloned().zip(1..).collect(), fresh: Vec::new() }
    }

    /// Writes new words.
    pub(crate) fn flush(&mut self, db: &Connection) -> Result<(), Error> {
        let mut insert = db.prepare_cached("INSERT INTO word(id, text) VALUES(?1, ?2)")?;
        let first = self.numbers.len() - self.fresh.len() + 1;
        for (at, text) in self.fresh.drain(..).enumerate() {
            insert.execute(params![i64::try_from(first + at).unwrap_or(i64::MAX), text])?;
        }
        Ok(())
    }

    /// The texts, by number from 1, as a reader wants them.
    pub(crate) fn texts(&self) -> Vec<Box<str>> {
        let mut texts: Vec<(u64, Box<str>)> =
            self.numbers.iter().map(|(text, number)| (*number, text.clone())).collect();
        texts.sort_unstable_by_key(|(number, _)| *number);
        texts.into_iter().map(|(_, text)| text).collect()
    }
}

/// Reads the words of a file.
pub(crate) fn words(db: &Connection) -> Result<Vec<Box<str>>, Error> {
    let mut select = db.prepare("SELECT text FROM word ORDER BY id")?;
    let texts = select.query_map([], |row| row.get::<_, String>(0))?;
    Ok(texts.map(|text| text.map(Into::into)).collect::<Result<_, _>>()?)
}

/// A row: the day its source said so, then the record.
pub(crate) fn to_row<T: Stored, W: Words>(
    record: &mut T,
    day: Date,
    words: &mut W,
) -> (Vec<u8>, Vec<(i64, Structure)>) {
    let mut writer = Writer::new(words);
    writer.date(&mut Some(day));
    record.walk(&mut writer);
    (writer.out, writer.sites)
}

/// Reads a row. `None`: damaged, or written with words that were read before they were there.
pub(crate) fn of_row<T: Stored>(bytes: &[u8], words: &[Box<str>]) -> Option<(T, Date)> {
    let mut reader = Reader::new(bytes, words);
    let mut day = None;
    reader.date(&mut day);
    let mut record = T::default();
    record.walk(&mut reader);
    reader.is_whole().then_some((record, day?))
}

/// The bytes of a row.
pub(crate) fn row<T: Stored>(db: &Connection, key: i64) -> Result<Option<Vec<u8>>, Error> {
    Ok(db.prepare_cached(T::SQL[0])?.query_row([key], |row| row.get(0)).optional()?)
}
