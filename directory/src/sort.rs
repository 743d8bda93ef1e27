//! Sorts more than memory holds: sorted runs on disk, then one merge.
//! In: keys with bytes, in any order. Out: the same in the order of key then bytes, exact repeats once.
//! Memory: the arena, then one small buffer per run. Deliberately absent: threads.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write as _},
    path::{Path, PathBuf},
};

/// Bytes before the payload: its length (4), then the key (8), so that entries compare as bytes.
const HEAD: usize = 12;
/// Longest payload.
const PAYLOAD_BYTES_MAX: usize = 16 << 20;
const MERGE_BUFFER: usize = 128 << 10;

/// Takes entries in.
pub(crate) struct Sorter {
    folder: PathBuf,
    name: &'static str,
    arena: Vec<u8>,
    arena_max: usize,
    starts: Vec<usize>,
    runs: Vec<PathBuf>,
}

impl Sorter {
    /// Runs go to `folder` as `name-N.run`; the arena grows to `arena_max` bytes.
    pub(crate) fn new(folder: &Path, name: &'static str, arena_max: usize) -> Self {
        Self {
            folder: folder.to_owned(),
            name,
            arena: Vec::new(),
            arena_max,
            starts: Vec::new(),
            runs: Vec::new(),
        }
    }

    /// Adds an entry.
    pub(crate) fn push(&mut self, key: i64, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).ok().filter(|_| payload.len() <= PAYLOAD_BYTES_MAX);
        let length = length.ok_or_else(|| io::Error::other("record too long"))?;
        if self.arena.len() + HEAD + payload.len() > self.arena_max && !self.starts.is_empty() {
            self.spill()?;
        }
        self.starts.push(self.arena.len());
        self.arena.extend_from_slice(&length.to_be_bytes());
        self.arena.extend_from_slice(&key.to_be_bytes());
        self.arena.extend_from_slice(payload);
        Ok(())
    }

    fn sort_arena(&mut self) {
        let arena = &self.arena;
        self.starts.sort_unstable_by(|a, b| entry(arena, *a).cmp(entry(arena, *b)));
        self.starts.dedup_by(|a, b| entry(arena, *a) == entry(arena, *b));
    }

    fn spill(&mut self) -> io::Result<()> {
        self.sort_arena();
        let path = self.folder.join(format!("{}-{}.run", self.name, self.runs.len()));
        let mut out = BufWriter::with_capacity(MERGE_BUFFER, File::create(&path)?);
        self.runs.push(path);
        for start in &self.starts {
            let entry = entry(&self.arena, *start);
            out.write_all(&self.arena[*start..start + 4])?;
            out.write_all(entry)?;
        }
        out.flush()?;
        self.arena.clear();
        self.starts.clear();
        Ok(())
    }

    /// Ends the taking in; what follows comes in order.
    pub(crate) fn sorted(mut self) -> io::Result<Sorted> {
        if !self.runs.is_empty() && !self.starts.is_empty() {
            self.spill()?;
        }
        if self.runs.is_empty() {
            self.sort_arena();
            let (arena, starts) = (std::mem::take(&mut self.arena), std::mem::take(&mut self.starts));
            return Ok(Sorted::Memory { arena, starts: starts.into_iter() });
        }
        self.arena = Vec::new();
        let mut heap = BinaryHeap::with_capacity(self.runs.len());
        let mut readers = Vec::with_capacity(self.runs.len());
        for (at, path) in self.runs.iter().enumerate() {
            let mut reader = BufReader::with_capacity(MERGE_BUFFER, File::open(path)?);
            if let Some(first) = read_entry(&mut reader)? {
                heap.push(Reverse((first, at)));
            }
            readers.push(reader);
        }
        Ok(Sorted::Merge { heap, readers, last: Vec::new(), _runs: Runs(std::mem::take(&mut self.runs)) })
    }
}

impl Drop for Sorter {
    fn drop(&mut self) {
        Runs(std::mem::take(&mut self.runs));
    }
}

fn entry(arena: &[u8], start: usize) -> &[u8] {
    // Written by `push` just above: four bytes of length, then so many after the key.
    let length = arena[start..start + 4].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    &arena[start + 4..start + HEAD + length]
}

fn read_entry(reader: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match reader.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > PAYLOAD_BYTES_MAX {
        return Err(io::Error::other("sorted run damaged"));
    }
    let mut entry = vec![0; HEAD - 4 + length];
    reader.read_exact(&mut entry)?;
    Ok(Some(entry))
}

/// Run files, removed when no longer needed.
pub(crate) struct Runs(Vec<PathBuf>);

impl Drop for Runs {
    fn drop(&mut self) {
        for path in &self.0 {
            // A leftover is removed with its folder at the next pull.
            let _ = fs::remove_file(path);
        }
    }
}

/// Gives entries back in order.
pub(crate) enum Sorted {
    /// Everything fitted.
    Memory {
        /// Entries.
        arena: Vec<u8>,
        /// Where each starts, in order.
        starts: std::vec::IntoIter<usize>,
    },
    /// Several runs.
    Merge {
        /// Next entry of each run.
        heap: BinaryHeap<Reverse<(Vec<u8>, usize)>>,
        /// The runs.
        readers: Vec<BufReader<File>>,
        /// The entry given last, to drop repeats.
        last: Vec<u8>,
        /// Their files, removed with this value.
        _runs: Runs,
    },
}

impl Sorted {
    /// The next entry.
    pub(crate) fn next(&mut self) -> io::Result<Option<(i64, Vec<u8>)>> {
        loop {
            match self {
                Self::Memory { arena, starts } => {
                    return Ok(starts.next().map(|start| split(entry(arena, start))));
                }
                Self::Merge { heap, readers, last, .. } => {
                    let Some(Reverse((entry, at))) = heap.pop() else { return Ok(None) };
                    if let Some(following) = read_entry(&mut readers[at])? {
                        heap.push(Reverse((following, at)));
                    }
                    if entry == *last {
                        continue;
                    }
                    last.clone_from(&entry);
                    return Ok(Some(split(&entry)));
                }
            }
        }
    }
}

fn split(entry: &[u8]) -> (i64, Vec<u8>) {
    let (key, payload) = entry.split_at(8);
    let key = key.iter().fold(0, |sum, byte| sum << 8 | i64::from(*byte));
    (key, payload.to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted(entries: &[(i64, Vec<u8>)], arena: usize) -> Vec<(i64, Vec<u8>)> {
        let folder = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(folder.path(), "test", arena);
        for (key, payload) in entries {
            sorter.push(*key, payload).unwrap();
        }
        let mut sorted = sorter.sorted().unwrap();
        let mut all = Vec::new();
        while let Some(entry) = sorted.next().unwrap() {
            all.push(entry);
        }
        drop(sorted);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "runs are removed");
        all
    }

    proptest! {
        #[test]
        fn any_entries_come_out_in_order_once_each_whatever_the_memory(
            entries in prop::collection::vec((0..50i64, prop::collection::vec(any::<u8>(), 0..6)), 0..200),
            arena in 20usize..400,
        ) {
            let mut expected = entries.clone();
            expected.sort();
            expected.dedup();
            prop_assert_eq!(sorted(&entries, arena), expected);
        }
    }
}
