//! Which person a situation d'exercice is of, beside the snapshots: one that is gone no longer says it.
//! In: technical ids of roles, identifiers of persons. Out: the person of a role. Source: annuaires.md §2.4.
//! Layout: `roles.idx`, pairs of 64-bit numbers sorted by the hash of the role; `roles.new`, pairs since, the last one wins.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use jonction_model::PersonId;
use xxhash_rust::xxh3::xxh3_64;

const PAIR: usize = 16;

/// The links of a folder.
pub(crate) struct Links {
    all: Option<(File, u64)>,
    since: HashMap<u64, u64>,
    path: PathBuf,
}

/// The same on every machine, in every version.
pub(crate) fn hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

/// An identifier that is a number; others are too few to be worth a format.
fn number(id: &PersonId) -> Option<u64> {
    let text = id.as_str();
    text.starts_with(|c: char| c != '0').then(|| text.parse().ok())?
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = (u64, u64)> + '_ {
    bytes.chunks_exact(PAIR).filter_map(|pair| {
        let (role, person) = pair.split_at(PAIR / 2);
        Some((u64::from_be_bytes(role.try_into().ok()?), u64::from_be_bytes(person.try_into().ok()?)))
    })
}

impl Links {
    /// Opens; nothing there yet is no error.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let all = match File::open(folder.join("roles.idx")) {
            Ok(file) => {
                let count = file.metadata()?.len() / PAIR as u64;
                Some((file, count))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let path = folder.join("roles.new");
        let since = match fs::read(&path) {
            Ok(bytes) => pairs(&bytes).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => HashMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { all, since, path })
    }

    /// Whose a role was when it was last told.
    pub(crate) fn person(&mut self, role: &str) -> io::Result<Option<PersonId>> {
        let wanted = hash(role);
        let mut found = self.since.get(&wanted).copied();
        if let (None, Some((file, count))) = (found, &mut self.all) {
            let (mut low, mut high) = (0, *count);
            while low < high {
                let middle = u64::midpoint(low, high);
                let mut pair = [0; PAIR];
                file.seek(SeekFrom::Start(middle * PAIR as u64))?;
                file.read_exact(&mut pair)?;
                let Some((own, person)) = pairs(&pair).next() else { break };
                match own.cmp(&wanted) {
                    std::cmp::Ordering::Less => low = middle + 1,
                    std::cmp::Ordering::Greater => high = middle,
                    std::cmp::Ordering::Equal => {
                        found = Some(person);
                        break;
                    }
                }
            }
        }
        Ok(found.map(|number| PersonId::prefixed(&number.to_string())))
    }

    /// Notes roles of a change.
    pub(crate) fn note<'r>(&mut self, told: impl Iterator<Item = (&'r str, &'r PersonId)>) -> io::Result<()> {
        let mut out = BufWriter::new(File::options().create(true).append(true).open(&self.path)?);
        for (role, id) in told {
            let Some(person) = number(id) else { continue };
            let role = hash(role);
            if self.since.insert(role, person) != Some(person) {
                out.write_all(&role.to_be_bytes())?;
                out.write_all(&person.to_be_bytes())?;
            }
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }
}

/// Writes the links of a whole pull.
pub(crate) struct Writing {
    all: Vec<(u64, u64)>,
}

impl Writing {
    pub(crate) fn new() -> Self {
        Self { all: Vec::new() }
    }

    pub(crate) fn note(&mut self, role: &str, id: &PersonId) {
        self.all.extend(number(id).map(|person| (hash(role), person)));
    }

    /// Takes the place of what was there.
    pub(crate) fn finish(mut self, folder: &Path) -> io::Result<()> {
        self.all.sort_unstable();
        let aside = folder.join("roles.tmp");
        let mut out = BufWriter::new(File::create(&aside)?);
        for (role, person) in self.all {
            out.write_all(&role.to_be_bytes())?;
            out.write_all(&person.to_be_bytes())?;
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(aside, folder.join("roles.idx"))?;
        match fs::remove_file(folder.join("roles.new")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_found_whichever_file_it_is_in_and_the_last_word_wins() {
        let folder = tempfile::tempdir().unwrap();
        let id = |n: u64| PersonId::prefixed(&format!("8{n:011}"));
        let mut writing = Writing::new();
        (0..1000).for_each(|n| writing.note(&format!("role-{n}"), &id(n)));
        writing.finish(folder.path()).unwrap();
        let mut links = Links::open(folder.path()).unwrap();
        links.note([("role-7", &id(70)), ("role-5000", &id(5000))].into_iter()).unwrap();
        for mut links in [links, Links::open(folder.path()).unwrap()] {
            assert_eq!(links.person("role-999").unwrap(), Some(id(999)));
            assert_eq!(links.person("role-7").unwrap(), Some(id(70)));
            assert_eq!(links.person("role-5000").unwrap(), Some(id(5000)));
            assert_eq!(links.person("role-1001").unwrap(), None);
        }
    }
}
