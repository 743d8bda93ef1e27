//! What is left of a disk after a power cut.
//! In: bytes and names that were synced, and those that were not. Out: the former, with any part of the latter: nothing,
//! all of it, a beginning, or any sectors and any names whatever their order. A sector is written whole or not at all.

use std::{collections::BTreeMap, path::PathBuf};

use super::{Entry, State};
use crate::dice::Dice;

/// What disks write at once.
const SECTOR: u64 = 512;

/// The bytes of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Bytes {
    seen: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Truncate(u64),
}

/// A change of names that may not be durable yet.
#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Link(PathBuf, Entry),
    Unlink(PathBuf),
    /// One change, never seen half done.
    Rename(PathBuf, PathBuf, Entry),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(at, new) => put(bytes, *at, new),
            // Lengths of a test fit in memory.
            Self::Truncate(length) => bytes.resize(*length as usize, 0),
        }
    }
}

fn put(bytes: &mut Vec<u8>, at: u64, new: &[u8]) {
    let (start, end) = (at as usize, at as usize + new.len());
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[start..end].copy_from_slice(new);
}

impl Bytes {
    pub(super) fn seen(&self) -> &[u8] {
        &self.seen
    }

    pub(super) fn write(&mut self, at: u64, new: &[u8]) {
        self.change(Change::Write(at, new.to_vec()));
    }

    pub(super) fn truncate(&mut self, length: u64) {
        self.change(Change::Truncate(length));
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self) {
        let durable = &mut self.durable;
        self.pending.drain(..).for_each(|change| change.apply(durable));
    }

    /// What waits will never be written, though it is still read.
    pub(super) fn forget(&mut self) {
        self.pending.clear();
    }

    pub(super) fn flip(&mut self, bit: u64) {
        for bytes in [&mut self.seen, &mut self.durable] {
            if let Some(byte) = bytes.get_mut((bit / 8) as usize) {
                *byte ^= 1 << (bit % 8);
            }
        }
    }

    fn settle(&mut self, dice: &mut Dice) {
        let mut left = std::mem::take(&mut self.durable);
        let pending = std::mem::take(&mut self.pending);
        match dice.below(4) {
            0 => {}
            1 => pending.iter().for_each(|change| change.apply(&mut left)),
            2 => {
                let whole = dice.place(pending.len() + 1);
                pending[..whole].iter().for_each(|change| change.apply(&mut left));
                if let Some(torn) = pending.get(whole) {
                    scatter(torn, &mut left, 50, dice);
                }
            }
            _ => {
                let percent = 10 + dice.below(81);
                pending.iter().for_each(|change| scatter(change, &mut left, percent, dice));
            }
        }
        self.seen.clone_from(&left);
        self.durable = left;
    }
}

/// Applies some sectors of a change.
fn scatter(change: &Change, bytes: &mut Vec<u8>, percent: u64, dice: &mut Dice) {
    let Change::Write(at, new) = change else {
        if dice.percent(percent) {
            change.apply(bytes);
        }
        return;
    };
    let mut rest = new.as_slice();
    let mut at = *at;
    while !rest.is_empty() {
        let count = (SECTOR - at % SECTOR).min(rest.len() as u64) as usize;
        let (sector, after) = rest.split_at(count);
        if dice.percent(percent) {
            put(bytes, at, sector);
        }
        rest = after;
        at += count as u64;
    }
}

impl NameChange {
    fn folder(&self) -> Option<&std::path::Path> {
        match self {
            Self::Link(path, _) | Self::Unlink(path) | Self::Rename(_, path, _) => path.parent(),
        }
    }

    pub(super) fn is_under(&self, folder: &std::path::Path) -> bool {
        match self {
            Self::Link(path, _) | Self::Unlink(path) | Self::Rename(_, path, _) => path.starts_with(folder),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Entry>) {
        match self {
            Self::Link(path, entry) => drop(names.insert(path.clone(), *entry)),
            Self::Unlink(path) => drop(names.remove(path)),
            Self::Rename(from, to, entry) => {
                names.remove(from);
                names.insert(to.clone(), *entry);
            }
        }
    }
}

impl State {
    pub(super) fn sync_folder(&mut self, folder: &std::path::Path) {
        let (now, later): (Vec<_>, Vec<_>) =
            self.pending_names.drain(..).partition(|change| change.folder() == Some(folder));
        // A name that was made in another folder and moved here was made before: it cannot come back there.
        let moved = |path: &PathBuf| {
            now.iter().any(|change| matches!(change, NameChange::Rename(from, ..) if from == path))
        };
        self.pending_names = later
            .into_iter()
            .filter(|change| !matches!(change, NameChange::Link(path, _) if moved(path)))
            .collect();
        now.iter().for_each(|change| change.apply(&mut self.durable_names));
    }

    /// The power is gone: what is left becomes what there is.
    pub(super) fn settle(&mut self) {
        let pending = std::mem::take(&mut self.pending_names);
        let dice = &mut self.dice;
        let names = &mut self.durable_names;
        match dice.below(4) {
            0 => {}
            1 => pending.iter().for_each(|change| change.apply(names)),
            2 => {
                let kept = dice.place(pending.len() + 1);
                pending[..kept].iter().for_each(|change| change.apply(names));
            }
            _ => pending.iter().filter(|_| dice.percent(50)).for_each(|change| change.apply(names)),
        }
        // What stands in a folder that is gone is gone.
        let there = names.clone();
        let reachable = |path: &PathBuf| {
            path.ancestors().skip(1).all(|up| up == std::path::Path::new("/") || there.contains_key(up))
        };
        names.retain(|path, _| reachable(path));
        self.names.clone_from(names);
        let linked: std::collections::BTreeSet<_> = self
            .names
            .values()
            .filter_map(|entry| if let Entry::File(node) = entry { Some(*node) } else { None })
            .collect();
        self.files.retain(|node, _| linked.contains(node));
        self.files.values_mut().for_each(|file| file.bytes.settle(dice));
    }

    /// Who had a file open is gone, with his locks and his memory.
    pub(super) fn let_go_of_all(&mut self) {
        for file in self.files.values_mut() {
            file.locks = Default::default();
            file.shared = None;
        }
    }
}
