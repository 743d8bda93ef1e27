//! What a whole pull has brought so far, on disk: one file of resources a kind, and how far each is.
//! In: pages. Out: lines of resources; a pull that was interrupted goes on at the page it stopped at.
//! Source: annuaires.md §9.3 n° 28 and 33.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, BufWriter, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use jonction_ports::PullError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{links::hash, pages::Page, resources::Resource};

/// A pull that began earlier is begun again: the server forgets its links, and the data is old.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(24);

#[derive(Debug, Serialize, Deserialize)]
struct State {
    /// What is asked, to see that it is still that.
    url: String,
    /// When it began: on our clock until the server told its own.
    began: Timestamp,
    dated: bool,
    /// Resources a page.
    count: u32,
    kinds: [Kind; 3],
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Kind {
    bytes: u64,
    resources: u64,
    total: Option<u64>,
    next: Option<String>,
    done: bool,
}

/// A whole pull, under way or complete.
pub(crate) struct Spool {
    folder: PathBuf,
    state: State,
}

impl Spool {
    /// Takes up what an earlier call left, when it is worth it. `used`: date of the snapshot in use, made of an earlier one.
    pub(crate) fn open(
        folder: &Path,
        url: &str,
        count: u32,
        now: Timestamp,
        used: Option<Timestamp>,
    ) -> Result<Self, PullError> {
        fs::create_dir_all(folder).map_err(on_disk)?;
        let kept = fs::read(folder.join("spool.json")).ok();
        let kept = kept.and_then(|bytes| serde_json::from_slice::<State>(&bytes).ok()).filter(|state| {
            let age = now.duration_since(state.began);
            state.url == url
                && age < GOOD_FOR
                && !age.is_negative()
                && used.is_none_or(|used| state.began > used)
        });
        let state = kept.unwrap_or_else(|| State {
            url: url.to_owned(),
            began: now,
            dated: false,
            count,
            kinds: Default::default(),
        });
        let mut spool = Self { folder: folder.to_owned(), state };
        for kind in Resource::ALL {
            // Beyond what was noted, a page that was being written.
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(spool.path(kind));
            file.and_then(|file| file.set_len(spool.of(kind).bytes)).map_err(on_disk)?;
        }
        spool.save()?;
        Ok(spool)
    }

    pub(crate) fn path(&self, kind: Resource) -> PathBuf {
        self.folder.join(format!("{}.ndjson", kind.name()))
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn of(&mut self, kind: Resource) -> &mut Kind {
        &mut self.state.kinds[kind as usize]
    }

    pub(crate) fn is_done(&mut self, kind: Resource) -> bool {
        self.of(kind).done
    }

    /// Where to go on; `None`: at the question.
    pub(crate) fn next(&mut self, kind: Resource) -> Option<String> {
        self.of(kind).next.clone()
    }

    pub(crate) fn count(&self) -> u32 {
        self.state.count
    }

    /// When the whole began, by the clock of the server when it tells it.
    pub(crate) fn began(&self) -> Timestamp {
        self.state.began
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.state.kinds.iter().map(|kind| kind.bytes).sum()
    }

    /// Keeps a page: on disk before it is noted as kept.
    pub(crate) fn append(&mut self, kind: Resource, page: &Page) -> Result<(), PullError> {
        let mut file = OpenOptions::new().append(true).open(self.path(kind)).map_err(on_disk)?;
        let mut lines = Vec::new();
        let mut resources = 0;
        for resource in page.resources.iter().filter(|one| one["resourceType"] == kind.name()) {
            serde_json::to_writer(&mut lines, resource).map_err(|error| on_disk(error.into()))?;
            lines.push(b'\n');
            resources += 1;
        }
        file.write_all(&lines).and_then(|()| file.sync_data()).map_err(on_disk)?;
        if let (false, Some(date)) = (self.state.dated, page.date) {
            self.state.began = date;
            self.state.dated = true;
        }
        let own = self.of(kind);
        own.bytes += lines.len() as u64;
        own.resources += resources;
        own.total = own.total.or(page.total);
        own.next = page.next.as_ref().map(ToString::to_string);
        own.done = page.next.is_none();
        self.save()
    }

    /// Begins a kind again, with so many resources a page.
    pub(crate) fn restart(&mut self, kind: Resource, count: u32) -> Result<(), PullError> {
        File::create(self.path(kind)).map_err(on_disk)?;
        *self.of(kind) = Kind::default();
        self.state.count = count;
        self.save()
    }

    /// Counts told by the server against what came. `None`: it never counted.
    pub(crate) fn missing(&self, kind: Resource) -> Option<(u64, u64)> {
        let own = &self.state.kinds[kind as usize];
        let total = own.total?;
        // A twentieth, as a snapshot may lose: best effort on a large register, says its source.
        (own.resources < total - total / 20).then_some((own.resources, total))
    }

    fn save(&mut self) -> Result<(), PullError> {
        let aside = self.folder.join("spool.tmp");
        let written = || -> io::Result<()> {
            let mut out = BufWriter::new(File::create(&aside)?);
            serde_json::to_writer(&mut out, &self.state)?;
            out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            fs::rename(&aside, self.folder.join("spool.json"))
        };
        written().map_err(on_disk)
    }
}

pub(crate) fn on_disk(error: io::Error) -> PullError {
    PullError::new(
        "annuaire.file",
        format!("ce que donne l'API ne s'écrit pas ou ne se relit pas ({})", error.kind()),
        "faire de la place ou corriger les droits du dossier de données, puis relancer",
    )
}

/// A file of resources, read again where one of them stands.
pub(crate) struct Lines {
    file: BufReader<File>,
    /// Hash of a key, and where its line begins; sorted.
    index: Vec<(u64, u64)>,
}

impl Lines {
    /// Opens a file; `keys` says what a line is found by.
    pub(crate) fn open(path: &Path, key: impl Fn(&[u8]) -> Option<u64>) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(64 << 10, File::open(path)?);
        let mut index = Vec::new();
        let (mut line, mut at) = (Vec::new(), 0);
        loop {
            line.clear();
            let count = file.read_until(b'\n', &mut line)?;
            if count == 0 {
                break;
            }
            index.extend(key(&line).map(|key| (key, at)));
            at += count as u64;
        }
        index.sort_unstable();
        Ok(Self { file, index })
    }

    /// The resources of a key, in the order of the file.
    pub(crate) fn get(&mut self, key: &str) -> io::Result<Vec<Value>> {
        let wanted = hash(key);
        let from = self.index.partition_point(|(own, _)| *own < wanted);
        let mut found = Vec::new();
        let mut line = Vec::new();
        for (_, at) in self.index[from..].iter().take_while(|(own, _)| *own == wanted) {
            self.file.seek(SeekFrom::Start(*at))?;
            line.clear();
            self.file.read_until(b'\n', &mut line)?;
            found.push(serde_json::from_slice(&line)?);
        }
        Ok(found)
    }
}
