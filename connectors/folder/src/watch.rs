//! Which files of a folder are ready: those that nobody writes any more.
//! In: what a look sees, the time. Out: names, in order. No clock of the machine that wrote them is believed: what counts is
//! how long we saw a file stand still. Pure, but for the look itself.

use std::{
    collections::BTreeMap,
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use crate::{config::Pattern, disk::Print};

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 200;
/// Entries looked at in one look; the others wait for the next.
const ENTRIES_MAX: usize = 50_000;
/// How writers call a file that is not whole yet: it is taken under its final name.
const UNFINISHED: [&str; 6] = [".tmp", ".part", ".partial", ".filepart", ".crdownload", "~"];

/// What a look saw.
#[derive(Debug, Default)]
pub(crate) struct Look {
    pub(crate) files: BTreeMap<String, Print>,
    /// Entries that are never taken: links, folders apart, names that cannot be written safely.
    pub(crate) refused: usize,
}

/// Looks at a folder.
pub(crate) fn look(folder: &Path, names: &[Pattern]) -> io::Result<Look> {
    let mut seen = Look::default();
    for entry in fs::read_dir(folder)?.take(ENTRIES_MAX) {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            continue;
        }
        let Some(name) = entry.file_name().to_str().filter(|name| is_plain(name)).map(str::to_owned) else {
            seen.refused += 1;
            continue;
        };
        if name.starts_with('.') || UNFINISHED.iter().any(|end| name.ends_with(end)) {
            continue;
        }
        if !(names.is_empty() || names.iter().any(|pattern| pattern.takes(&name))) {
            continue;
        }
        match Print::of_path(&entry.path()) {
            Some(print) => {
                seen.files.insert(name, print);
            }
            None => seen.refused += 1,
        }
    }
    Ok(seen)
}

/// A name that can be written anywhere without surprise.
fn is_plain(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && !name.chars().any(|letter| letter.is_control() || letter == '/' || letter == '\\')
}

/// Files that are watched.
#[derive(Debug)]
pub(crate) struct Watch {
    settle: Duration,
    known: BTreeMap<String, (Print, Instant)>,
}

impl Watch {
    pub(crate) fn new(settle: Duration) -> Self {
        Self { settle, known: BTreeMap::new() }
    }

    /// Notes what a look saw. Out: files that stood still long enough, in the order of their names.
    pub(crate) fn saw(&mut self, files: BTreeMap<String, Print>, now: Instant) -> Vec<(String, Print)> {
        let mut known = BTreeMap::new();
        let mut ready = Vec::new();
        for (name, print) in files {
            let since = match self.known.get(&name) {
                Some((same, since)) if *same == print => *since,
                _ => now,
            };
            if now.duration_since(since) >= self.settle {
                ready.push((name.clone(), print));
            }
            known.insert(name, (print, since));
        }
        self.known = known;
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(ready: Vec<(String, Print)>) -> Vec<String> {
        ready.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn a_file_is_ready_once_it_was_seen_to_stand_still() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jour.csv");
        let mut watch = Watch::new(Duration::from_secs(5));
        let begin = Instant::now();
        let mut at = |seconds: u64| {
            names(watch.saw(look(folder.path(), &[]).unwrap().files, begin + Duration::from_secs(seconds)))
        };
        fs::write(&path, "a").unwrap();
        assert!(at(0).is_empty());
        fs::write(&path, "ab").unwrap();
        assert!(at(4).is_empty());
        assert!(at(8).is_empty(), "it grew at 4");
        assert_eq!(at(9), ["jour.csv"]);
        // Another file under the same name begins anew.
        fs::remove_file(&path).unwrap();
        fs::write(folder.path().join("autre"), "ab").unwrap();
        fs::rename(folder.path().join("autre"), &path).unwrap();
        assert!(at(10).is_empty());
    }

    #[test]
    fn links_hidden_unfinished_and_hostile_names_are_never_files_to_take() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in [".cache", "a.csv.tmp", "b.part", "c.csv~", "bon.csv"] {
            fs::write(path(name), "x").unwrap();
        }
        fs::write(path("ligne\nfeinte.csv"), "x").unwrap();
        fs::write(path("a\\b.csv"), "x").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", path("lien.csv")).unwrap();
        fs::hard_link(path(".cache"), path("dur.csv")).unwrap();
        fs::create_dir(path("dossier.csv")).unwrap();
        let seen = look(folder.path(), &[]).unwrap();
        assert_eq!(seen.files.keys().collect::<Vec<_>>(), ["bon.csv"]);
        assert_eq!(seen.refused, 4);
    }
}
