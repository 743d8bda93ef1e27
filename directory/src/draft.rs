//! A snapshot being read, then written as a new file nobody sees yet.
//! In: records in any order, parts of one record apart. Out: prints of what was read; then a database file, synced.
//! Memory: bounded by [`Memory`], whatever the number of records. Source: annuaires.md §8.3, §12.

use std::{
    collections::HashMap,
    fs::{self, File},
    path::{Path, PathBuf},
};

use jiff::civil::Date;
use jonction_model::directory::{Domain, Kind, Mailbox, Offer, Position, Professional, Record, Structure};
use jonction_ports::{DirectoryError, Records};
use rusqlite::{Connection, params};

use crate::{
    codec::{Printer, Reader, Writer},
    error::Error,
    pack::Pack as _,
    prints::Prints,
    sort::{Sorted, Sorter},
    tables::{self, Stored, WordTable},
};

/// Bytes of sorting before a run goes to disk.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// For each kind of record, and for postings.
    pub arena_bytes: usize,
    /// Page cache of the file being written, in KiB.
    pub cache_kib: u32,
}

impl Default for Memory {
    fn default() -> Self {
        Self { arena_bytes: 24 << 20, cache_kib: 16 << 10 }
    }
}

/// Takes records in. See [`crate::Store::draft`].
pub struct Draft {
    pub(crate) folder: PathBuf,
    memory: Memory,
    words: WordTable,
    professionals: Sorter,
    structures: Sorter,
    mailboxes: Sorter,
    offers: Sorter,
    domains: Sorter,
    prints: [Prints; Kind::ALL.len()],
    scratch: [Printer; 2],
}

/// What was read, counted; still unwritten.
pub(crate) struct Read {
    folder: PathBuf,
    memory: Memory,
    words: WordTable,
    professionals: Sorted,
    structures: Sorted,
    mailboxes: Sorted,
    offers: Sorted,
    domains: Sorted,
    /// One sorted list for each kind, in the order of `Kind::ALL`.
    pub(crate) prints: Vec<Vec<(i64, u64)>>,
}

impl Draft {
    /// Works in `folder`, which it empties first: what an interrupted pull left there.
    pub(crate) fn new(folder: PathBuf, memory: Memory) -> Result<Self, Error> {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let sorter = |name| Sorter::new(&folder, name, memory.arena_bytes);
        Ok(Self {
            professionals: sorter("professionals"),
            structures: sorter("structures"),
            mailboxes: sorter("mailboxes"),
            offers: sorter("offers"),
            domains: sorter("domains"),
            memory,
            words: WordTable::default(),
            prints: Default::default(),
            scratch: Default::default(),
            folder,
        })
    }

    fn take<T: Stored>(&mut self, mut record: T) -> Result<(), Error> {
        let (key, print) = (record.key(), tables::print(&mut record, &mut self.scratch));
        self.prints[T::KIND as usize].note(key, print);
        let mut writer = Writer::new(&mut self.words);
        record.walk(&mut writer);
        let (part, sites) = (writer.out, writer.sites);
        for (key, mut site) in sites {
            let mut writer = Writer::new(&mut self.words);
            site.walk(&mut writer);
            self.structures.push(key, &writer.out)?;
        }
        let sorter = match T::KIND {
            Kind::Professional => &mut self.professionals,
            Kind::Structure => &mut self.structures,
            Kind::Mailbox => &mut self.mailboxes,
            Kind::Offer => &mut self.offers,
            Kind::Domain => &mut self.domains,
        };
        Ok(sorter.push(key, &part)?)
    }

    /// Ends the reading.
    pub(crate) fn read(self) -> Result<Read, Error> {
        Ok(Read {
            folder: self.folder,
            memory: self.memory,
            words: self.words,
            professionals: self.professionals.sorted()?,
            structures: self.structures.sorted()?,
            mailboxes: self.mailboxes.sorted()?,
            offers: self.offers.sorted()?,
            domains: self.domains.sorted()?,
            prints: self.prints.into_iter().map(Prints::finish).collect(),
        })
    }
}

impl Records for Draft {
    fn put(&mut self, record: Record) -> Result<(), DirectoryError> {
        let taken = match record {
            Record::Professional(record) => self.take(*record),
            Record::Structure(record) => self.take(*record),
            Record::Mailbox(record) => self.take(*record),
            Record::Offer(record) => self.take(*record),
            Record::Domain(record) => self.take(*record),
            Record::Holdings(held) => held.mailboxes.into_iter().try_for_each(|mailbox| self.take(mailbox)),
        };
        Ok(taken?)
    }
}

impl Read {
    /// Writes the file. What it holds is on the disk when this returns.
    pub(crate) fn write(mut self, path: &Path, day: Date) -> Result<(), Error> {
        let db = Connection::open(path)?;
        tables::create(&db, self.memory.cache_kib)?;
        db.execute_batch("BEGIN")?;
        let mut communes = Communes::default();
        let texts = self.words.texts();
        let mut work = Work {
            db: &db,
            day,
            texts,
            words: &mut self.words,
            postings: Sorter::new(&self.folder, "postings", self.memory.arena_bytes),
        };
        work.kind::<Structure>(&mut self.structures, |site| {
            communes.note(&site.address.commune, site.position)
        })?;
        work.kind::<Professional>(&mut self.professionals, |_| {})?;
        work.kind::<Mailbox>(&mut self.mailboxes, |_| {})?;
        work.kind::<Offer>(&mut self.offers, |offer| communes.note(&offer.address.commune, offer.position))?;
        work.kind::<Domain>(&mut self.domains, |_| {})?;
        let mut postings =
            std::mem::replace(&mut work.postings, Sorter::new(&self.folder, "none", 0)).sorted()?;
        drop(work);
        {
            let mut insert = db.prepare("INSERT INTO posting(term, target) VALUES(?1, ?2)")?;
            while let Some((term, target)) = postings.next()? {
                let target = target.as_slice().try_into().map_or(0, i64::from_be_bytes);
                insert.execute([term, target])?;
            }
        }
        communes.write(&db)?;
        self.words.flush(&db)?;
        db.execute_batch("COMMIT")?;
        tables::close(db)?;
        File::open(path)?.sync_all()?;
        Ok(())
    }
}

struct Work<'w> {
    db: &'w Connection,
    day: Date,
    texts: Vec<Box<str>>,
    words: &'w mut WordTable,
    postings: Sorter,
}

impl Work<'_> {
    /// Puts parts of the same key together and writes each record once, in the order of the keys.
    fn kind<T: Stored>(&mut self, parts: &mut Sorted, mut note: impl FnMut(&T)) -> Result<(), Error> {
        let mut insert = self.db.prepare(T::SQL[1])?;
        let mut next = parts.next()?;
        while let Some((key, part)) = next {
            let mut record: T = self.decode(&part)?;
            next = parts.next()?;
            while let Some((_, part)) = next.take_if(|(other, _)| *other == key) {
                record.merge(self.decode(&part)?);
                next = parts.next()?;
            }
            note(&record);
            for term in record.terms() {
                self.postings.push(term, &key.to_be_bytes())?;
            }
            let (row, _) = tables::to_row(&mut record, self.day, self.words);
            insert.execute(params![key, row])?;
        }
        Ok(())
    }

    fn decode<T: Stored>(&self, part: &[u8]) -> Result<T, Error> {
        let mut reader = Reader::new(part, &self.texts);
        let mut record = T::default();
        record.walk(&mut reader);
        if reader.failed() || !reader.is_whole() {
            return Err(Error::Damaged("a sorted run"));
        }
        Ok(record)
    }
}

/// The middle of each commune, from the structures and offers that stand there: nobody else gives it.
#[derive(Default)]
pub(crate) struct Communes(HashMap<String, (f64, f64, f64)>);

impl Communes {
    pub(crate) fn note(&mut self, commune: &str, position: Option<Position>) {
        let Some(Position { latitude, longitude, .. }) = position else { return };
        if commune.is_empty() {
            return;
        }
        let sum = self.0.entry(commune.to_owned()).or_default();
        *sum = (sum.0 + latitude, sum.1 + longitude, sum.2 + 1.0);
    }

    fn write(&self, db: &Connection) -> Result<(), Error> {
        let mut insert = db.prepare("INSERT INTO commune(code, latitude, longitude) VALUES(?1, ?2, ?3)")?;
        for (code, (latitude, longitude, count)) in &self.0 {
            insert.execute(params![code, latitude / count, longitude / count])?;
        }
        Ok(())
    }
}
