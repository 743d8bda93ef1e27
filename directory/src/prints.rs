//! Fingerprints of records, kept beside each snapshot: two of them are compared in one walk, without the snapshots.
//! In: key and print of each part of a record, in any order. Out: a sorted list; what was added, removed, changed, moved.
//! Source: annuaires.md §12 « Row diff ».

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, BufWriter, Read, Write as _},
    path::Path,
};

use xxhash_rust::xxh3::xxh3_64;

/// Bits of a print that say where; the others say what.
const PLACE_BITS: u32 = 24;
const PLACE: u64 = (1 << PLACE_BITS) - 1;
/// Pending parts before they are put together.
const PENDING_MAX: usize = 3 << 20;

/// The print of a part. A part that says nothing of any place (a diploma) moves nobody.
pub(crate) fn print(content: &[u8], place: &[u8]) -> u64 {
    let place = if place.is_empty() { 0 } else { xxh3_64(place) };
    xxh3_64(content) & !PLACE | place & PLACE
}

/// Adds parts without regard to their order: each half by itself.
fn add(a: u64, b: u64) -> u64 {
    (a & !PLACE).wrapping_add(b & !PLACE) | (a & PLACE).wrapping_add(b & PLACE) & PLACE
}

/// Prints of one kind of records of one snapshot.
#[derive(Default)]
pub(crate) struct Prints {
    parts: Vec<(i64, u64)>,
    folded: usize,
}

impl Prints {
    /// Notes a part of a record.
    pub(crate) fn note(&mut self, key: i64, print: u64) {
        if self.parts.len() - self.folded >= PENDING_MAX {
            self.fold();
        }
        self.parts.push((key, print));
    }

    fn fold(&mut self) {
        self.parts.sort_unstable();
        self.parts.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 = add(kept.1, later.1);
            }
            same
        });
        self.folded = self.parts.len();
    }

    /// Every record once, by key.
    pub(crate) fn finish(mut self) -> Vec<(i64, u64)> {
        self.fold();
        self.parts
    }
}

/// Writes the prints of every kind, one list after the other.
pub(crate) fn write(path: &Path, kinds: &[Vec<(i64, u64)>]) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    for prints in kinds {
        out.write_all(&(prints.len() as u64).to_be_bytes())?;
        for (key, print) in prints {
            out.write_all(&key.to_be_bytes())?;
            out.write_all(&print.to_be_bytes())?;
        }
    }
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// Reads lists back, one after the other.
pub(crate) struct Kept(Option<BufReader<File>>);

impl Kept {
    /// Opens; without a file, every list is empty.
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        Ok(Self(
            path.map(|path| File::open(path).map(|file| BufReader::with_capacity(1 << 20, file)))
                .transpose()?,
        ))
    }

    /// How long the next list is. A file that was written before a kind of record existed has no list of it.
    fn length(&mut self) -> io::Result<u64> {
        let ended = self.0.as_mut().map(|file| file.fill_buf().map(<[u8]>::is_empty)).transpose()?;
        if ended.unwrap_or(true) { Ok(0) } else { self.number() }
    }

    fn number(&mut self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        match &mut self.0 {
            Some(file) => file.read_exact(&mut bytes)?,
            None => return Ok(0),
        }
        Ok(u64::from_be_bytes(bytes))
    }

    /// Compares the next kept list with the new one of the same kind.
    pub(crate) fn compare(
        &mut self,
        new: &[(i64, u64)],
        mut tell: impl FnMut(i64, Change),
    ) -> io::Result<Difference> {
        let mut left = self.length()?;
        let mut difference = Difference { before: left, after: new.len() as u64, ..Difference::default() };
        let mut new = new.iter().copied().peekable();
        while left > 0 {
            left -= 1;
            let key = i64::from_be_bytes(self.number()?.to_be_bytes());
            let print = self.number()?;
            while let Some((added, _)) = new.next_if(|(next, _)| *next < key) {
                difference.added += 1;
                tell(added, Change::Added);
            }
            match new.next_if(|(next, _)| *next == key) {
                None => {
                    difference.removed += 1;
                    tell(key, Change::Removed);
                }
                Some((_, now)) if now == print => {}
                Some((_, now)) if now & PLACE != print & PLACE => {
                    difference.moved += 1;
                    tell(key, Change::Moved);
                }
                Some(_) => {
                    difference.changed += 1;
                    tell(key, Change::Changed);
                }
            }
        }
        for (added, _) in new {
            difference.added += 1;
            tell(added, Change::Added);
        }
        Ok(difference)
    }
}

/// What happened to a record from one snapshot to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is new.
    Added,
    /// It is no longer there.
    Removed,
    /// It is elsewhere: another structure, another commune.
    Moved,
    /// Something else of it differs.
    Changed,
}

/// How many records of one kind did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Difference {
    /// Records of the last snapshot.
    pub before: u64,
    /// Records of this one.
    pub after: u64,
    /// New ones.
    pub added: u64,
    /// No longer there.
    pub removed: u64,
    /// Elsewhere.
    pub moved: u64,
    /// Otherwise different.
    pub changed: u64,
}

impl Difference {
    /// Whether both snapshots say the same.
    pub fn is_none(&self) -> bool {
        self.added + self.removed + self.moved + self.changed == 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn listed(parts: &[(i64, u64)]) -> Vec<(i64, u64)> {
        let mut prints = Prints::default();
        parts.iter().for_each(|(key, print)| prints.note(*key, *print));
        prints.finish()
    }

    #[test]
    fn the_order_of_parts_does_not_count_and_a_move_is_told_from_a_change() {
        let part = |content: &str, place: &str| print(content.as_bytes(), place.as_bytes());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prints");
        let old =
            listed(&[(1, part("a", "x")), (1, part("b", "y")), (2, part("c", "x")), (3, part("d", "x"))]);
        write(&path, &[old]).unwrap();
        let new = listed(&[
            (2, part("c'", "x")),
            (1, part("b", "y")),
            (1, part("a", "x")),
            (3, part("d", "z")),
            (4, 9),
        ]);
        let mut told = Vec::new();
        let difference =
            Kept::open(Some(&path)).unwrap().compare(&new, |key, change| told.push((key, change))).unwrap();
        assert_eq!(told, [(2, Change::Changed), (3, Change::Moved), (4, Change::Added)]);
        assert_eq!((difference.before, difference.after, difference.removed), (3, 4, 0));
    }

    #[test]
    fn a_file_written_before_a_kind_existed_has_nothing_of_it_and_one_that_is_cut_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prints");
        write(&path, &[listed(&[(1, 1)])]).unwrap();
        let mut kept = Kept::open(Some(&path)).unwrap();
        assert!(kept.compare(&listed(&[(1, 1)]), |_, _| {}).unwrap().is_none());
        assert_eq!(kept.compare(&listed(&[(7, 7)]), |_, _| {}).unwrap().added, 1);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(Kept::open(Some(&path)).unwrap().compare(&[], |_, _| {}).is_err());
    }

    proptest! {
        #[test]
        fn the_difference_is_that_of_the_sets(old in prop::collection::btree_map(0..40i64, 0..3u64, 0..30),
                                              new in prop::collection::btree_map(0..40i64, 0..3u64, 0..30)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("prints");
            let list = |map: &BTreeMap<i64, u64>| map.iter().map(|(key, print)| (*key, print << 30)).collect::<Vec<_>>();
            write(&path, &[list(&old)]).unwrap();
            let found = Kept::open(Some(&path)).unwrap().compare(&list(&new), |_, _| {}).unwrap();
            let count = |keep: &dyn Fn(&i64) -> bool, map: &BTreeMap<i64, u64>| map.keys().filter(|key| keep(key)).count() as u64;
            prop_assert_eq!(found.added, count(&|key| !old.contains_key(key), &new));
            prop_assert_eq!(found.removed, count(&|key| !new.contains_key(key), &old));
            prop_assert_eq!(found.changed, count(&|key| old.get(key).is_some_and(|print| print != &new[key]), &new));
        }
    }
}
