//! The database's log, judged before SQLite reads it: SQLite takes the first frame that does not fit for the end of the
//! log, and forgets what follows without a word. In: the file. Out: damaged, when a commit that was durable stands after
//! such a frame. Source: sqlite.org/fileformat2.html §4, decision 0032.
//! Why that is a proof: each commit is synced before the next one begins. A power cut may thus leave holes in the last
//! commit only; a frame that continues what a commit ended, behind a hole, says that the hole came later.
//! Deliberately absent: a bit that flips in the very last commit looks like a power cut. Nothing tells them apart.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::{error::Error, files::Files, store_fault::StoreFault};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// Bytes of a frame's header that its sum covers; the others are the salts and the sum itself.
const SUMMED: usize = 8;
/// Size of a page of our databases.
const PAGE: usize = 8192;
/// Its lowest bit says in which order the bytes of a word are summed.
const MAGIC: u32 = 0x377f_0682;

/// A running sum: two words.
type Sum = [u32; 2];

/// Refuses a log that is damaged. None, or an empty one, is no fault.
pub(super) fn judge(files: &dyn Files, database: &Path) -> Result<(), Error> {
    let path = log_of(database);
    if !files.exists(&path) {
        return Ok(());
    }
    let whole = || {
        let mut header = [0; HEADER];
        let mut file = io::BufReader::with_capacity(1 << 18, files.open(&path)?);
        if !fill(&mut file, &mut header)? {
            return Ok(true);
        }
        is_whole(&header, file)
    };
    match whole().map_err(Error::io(format!("read {}", path.display())))? {
        true => Ok(()),
        false => Err(Error::Unusable {
            fault: StoreFault::Damaged,
            path: Some(path.clone()),
            cause: "a commit that was durable stands behind a damaged frame of the log".to_owned(),
        }),
    }
}

/// Makes what stands in a log durable, before anything is written behind it. A process that was killed may have left
/// frames that it had not synced: SQLite takes them for committed, and they are read from the system's memory only.
pub(super) fn make_durable(files: &dyn Files, database: &Path) -> Result<(), Error> {
    let path = log_of(database);
    if !files.exists(&path) {
        return Ok(());
    }
    files.rewrite(&path).map_err(Error::io(format!("rewrite {}", path.display())))
}

fn log_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Fills the buffer; `false`: the file ends before.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| true),
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes)
}

fn sum_at(bytes: &[u8], at: usize) -> Sum {
    [word(bytes, at), word(bytes, at + 4)]
}

/// SQLite's sum of some pairs of words, after another one.
fn summed([mut a, mut b]: Sum, bytes: &[u8], big_endian: bool) -> Sum {
    let (pairs, _) = bytes.as_chunks::<8>();
    for [a0, a1, a2, a3, b0, b1, b2, b3] in pairs {
        let (first, second) = match big_endian {
            true => (u32::from_be_bytes([*a0, *a1, *a2, *a3]), u32::from_be_bytes([*b0, *b1, *b2, *b3])),
            false => (u32::from_le_bytes([*a0, *a1, *a2, *a3]), u32::from_le_bytes([*b0, *b1, *b2, *b3])),
        };
        a = a.wrapping_add(first).wrapping_add(b);
        b = b.wrapping_add(second).wrapping_add(a);
    }
    [a, b]
}

/// Follows the frames. What links a frame to the one before is the sum that stands there, or the one that should.
fn is_whole(header: &[u8; HEADER], mut frames: impl Read) -> io::Result<bool> {
    let big_endian = word(header, 0) & 1 == 1;
    let headed = word(header, 0) | 1 == MAGIC | 1
        && word(header, 8) as usize == PAGE
        && summed([0, 0], &header[..24], big_endian) == sum_at(header, 24);
    // Without a header that can be believed, the frames speak for themselves; in which order they are summed too.
    let orders = if headed { vec![big_endian] } else { vec![false, true] };
    let mut chains: Vec<Chain> = orders.into_iter().map(|order| Chain::new(header, headed, order)).collect();
    let mut frame = vec![0; FRAME_HEADER + PAGE];
    while fill(&mut frames, &mut frame)? {
        for chain in &mut chains {
            chain.follow(&frame);
            if chain.damaged {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// The frames so far, summed in one order.
struct Chain {
    big_endian: bool,
    /// Every frame so far is as it was written.
    intact: bool,
    salts: Option<Sum>,
    /// The sum that stands in the frame before, and the one that should: a bit may have flipped in either's bytes.
    last: [Sum; 2],
    /// The frame before ended a commit, behind a damaged one.
    ended: bool,
    damaged: bool,
}

impl Chain {
    fn new(header: &[u8; HEADER], headed: bool, big_endian: bool) -> Self {
        let salts = headed.then(|| sum_at(header, 16));
        Self {
            big_endian,
            intact: headed,
            salts,
            last: [sum_at(header, 24); 2],
            ended: false,
            damaged: false,
        }
    }

    fn follow(&mut self, frame: &[u8]) {
        let salts = sum_at(frame, 8);
        let stored = sum_at(frame, 16);
        let of = |last, head: &[u8]| {
            summed(summed(last, head, self.big_endian), &frame[FRAME_HEADER..], self.big_endian)
        };
        let head = &frame[..SUMMED];
        let sums = self.last.map(|last| of(last, head));
        // Frames of an older log may follow: they have other salts.
        let linked = sums.contains(&stored) && *self.salts.get_or_insert(salts) == salts;
        self.damaged |= linked && self.ended;
        // The word that ends a commit may be what a bit flipped in: then its sum is right with that bit put back.
        let unended = |bit: u32| {
            let mut head = [0; SUMMED];
            head.copy_from_slice(&frame[..SUMMED]);
            head[4..].copy_from_slice(&(1_u32 << bit).to_be_bytes());
            of(self.last[0], &head) == stored
        };
        self.damaged |= self.intact && !linked && word(frame, 4) == 0 && (0..32).any(unended);
        let sum = sums[0];
        self.intact &= linked && sum == stored;
        self.last = [stored, sum];
        self.ended = !self.intact && word(frame, 4) != 0;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rusqlite::Connection;

    use super::*;
    use crate::files::SystemFiles;

    /// A log of so many commits, as a process that died leaves it; the place where the last one begins.
    fn log(commits: usize) -> (tempfile::TempDir, Vec<u8>, usize) {
        let (living, dead) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let database = living.path().join("journal.db");
        let connection = Connection::open(&database).unwrap();
        connection
            .execute_batch(
                "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;",
            )
            .unwrap();
        connection.execute_batch("CREATE TABLE t (x)").unwrap();
        let wal = living.path().join("journal.db-wal");
        let mut last = 0;
        for _ in 0..commits {
            last = fs::metadata(&wal).unwrap().len() as usize;
            connection.execute_batch("INSERT INTO t VALUES (randomblob(20000))").unwrap();
        }
        let bytes = fs::read(wal).unwrap();
        fs::copy(&database, dead.path().join("journal.db")).unwrap();
        (dead, bytes, last)
    }

    fn judged(folder: &tempfile::TempDir, bytes: &[u8]) -> bool {
        fs::write(folder.path().join("journal.db-wal"), bytes).unwrap();
        judge(&SystemFiles, &folder.path().join("journal.db")).is_ok()
    }

    #[test]
    fn a_bit_that_flipped_before_the_last_commit_is_told() {
        let (folder, bytes, last) = log(4);
        assert!(judged(&folder, &bytes));
        for at in (0..last).step_by(61).chain(0..HEADER).chain(HEADER..HEADER + FRAME_HEADER) {
            // The number of checkpoints and the version are of no consequence, but covered by the sum.
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            assert!(!judged(&folder, &damaged), "byte {at} of {}", bytes.len());
        }
        // The frame that ends the commit before: its word, its salts and its sum too.
        let ending = last - FRAME_HEADER - PAGE;
        for bit in ending * 8..(ending + FRAME_HEADER) * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!judged(&folder, &damaged), "bit {bit}");
        }
    }

    #[test]
    fn what_a_power_cut_leaves_is_no_damage() {
        let (folder, bytes, last) = log(3);
        assert!(judged(&folder, &[]) && judged(&folder, &bytes[..20]));
        for cut in (0..bytes.len()).step_by(509) {
            assert!(judged(&folder, &bytes[..cut]), "ends at {cut}");
        }
        // Sectors of the last commit that were never written.
        for at in (last..bytes.len()).step_by(512) {
            let mut torn = bytes.clone();
            let end = (at + 512).min(torn.len());
            torn[at..end].fill(0);
            assert!(judged(&folder, &torn), "hole at {at}");
        }
        // A log that starts again over an older one.
        let (_, older, _) = log(6);
        let again = [&bytes[..], &older[bytes.len().min(older.len())..]].concat();
        assert!(again.len() > bytes.len() && judged(&folder, &again));
    }
}
