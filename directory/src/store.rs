//! The store: for each source, the snapshot in use, the one before, and how a new one takes its place.
//! In: a draft and where it came from. Out: published, unchanged, or held back with a report. Source: annuaires.md §12.
//!
//! Layout of a source's folder: `current.json` names the snapshot in use; it is replaced by rename, so a reader sees the
//! old one or the new one, whole. `N.sqlite` and `N.prints` belong to snapshot N; the last two are kept.

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

use jiff::{Timestamp, civil::Date};
use jonction_model::{
    Clock,
    clock::paris,
    directory::{Kind, Record, Source},
};
use jonction_ports::{directory::SourceState, pull::Facts};
use serde::{Deserialize, Serialize};

use crate::{
    delta,
    draft::{Draft, Memory},
    error::Error,
    files::{read_json, remove, remove_folder, remove_old, write_json},
    generation::Generation,
    prints::{self, Change, Difference, Kept},
};

/// How long a reader may go on with what it knows before it looks whether another program published something.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Format of a snapshot and of its description. Another one is as absent: its source is pulled again.
const FORMAT: u32 = 2;

/// Where a snapshot came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Name its source gave it, usually a file name.
    pub name: String,
    /// When its source made it.
    pub date: Timestamp,
    /// SHA-256 of what was read, in hexadecimal.
    pub sha256: String,
    /// Bytes that were read, once unpacked.
    pub bytes: u64,
}

impl Snapshot {
    /// What a puller knew of it, and what reading it showed.
    pub fn of(facts: &Facts, sha256: String, bytes: u64) -> Self {
        Self { name: facts.name.clone(), date: facts.date, sha256, bytes }
    }

    /// The day records are dated with.
    pub fn day(&self) -> Date {
        self.date.to_zoned_datetime(paris()).date()
    }
}

/// What is too much of a change to be believed without a human. Shares are of the records of the last snapshot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Suspicion {
    /// Records that vanish, one kind at a time.
    pub removed_max: f64,
    /// Records that change or move: all of them do when an encoding or a column was misread.
    pub changed_max: f64,
}

impl Default for Suspicion {
    /// 5 % vanish, as the national loader does; 30 % change. Source: annuaires.md §1.6, §9.3 n° 14.
    fn default() -> Self {
        Self { removed_max: 0.05, changed_max: 0.30 }
    }
}

/// What differs between two snapshots of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// The one in use before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Snapshot>,
    /// By kind of record.
    pub kinds: BTreeMap<Kind, Difference>,
    /// Why a human must agree; empty when nobody need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspicions: Vec<Suspect>,
}

/// One reason not to believe a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspect {
    /// Of these records.
    pub kind: Kind,
    /// So many.
    pub count: u64,
    /// Of so many.
    pub of: u64,
    /// Vanished, or changed.
    pub change: Change,
}

impl Report {
    /// Whether both snapshots say the same.
    pub fn is_unchanged(&self) -> bool {
        self.previous.is_some() && self.kinds.values().all(Difference::is_none)
    }
}

/// What became of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in use.
    Published(Report),
    /// It says what the last one said: that one stays, with its new date.
    Unchanged(Report),
    /// It is too different: the last one stays until a human agrees.
    Held(Report),
}

impl Outcome {
    /// What differs.
    pub fn report(&self) -> &Report {
        match self {
            Self::Published(report) | Self::Unchanged(report) | Self::Held(report) => report,
        }
    }
}

/// Content of `current.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Current {
    format: u32,
    pub(crate) number: u64,
    /// Grows each time this description is replaced: how a reader sees that it was.
    pub(crate) revision: u64,
    pub(crate) snapshot: Snapshot,
    pub(crate) published: Timestamp,
    /// Date of the last whole snapshot.
    whole: Timestamp,
    counts: BTreeMap<String, u64>,
    pub(crate) report: Report,
}

impl Current {
    /// Whether it has records of that kind of its own.
    pub(crate) fn holds(&self, kind: Kind) -> bool {
        self.counts.contains_key(kind.name())
    }
}

/// The snapshots of every source, to read and to replace.
pub struct Store {
    folder: PathBuf,
    memory: Memory,
    pub(crate) clock: Arc<dyn Clock>,
    view: RwLock<(Instant, Arc<View>)>,
    refreshing: Mutex<()>,
}

/// What is in use, at one moment.
#[derive(Default)]
pub(crate) struct View {
    pub(crate) sources: Vec<(Current, Generation)>,
}

impl Store {
    /// Opens the store of a folder, which may not exist yet. Errors: a snapshot cannot be read.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Self::with_memory(folder, clock, Memory::default())
    }

    /// Likewise, with its own bounds while writing.
    pub fn with_memory(folder: &Path, clock: Arc<dyn Clock>, memory: Memory) -> Result<Self, Error> {
        let view = Arc::new(read_view(folder)?);
        Ok(Self {
            folder: folder.to_owned(),
            memory,
            clock,
            view: RwLock::new((now(), view)),
            refreshing: Mutex::new(()),
        })
    }

    /// Brings the snapshots in use into the memory of the system: a page that is not there costs a look-up a read of the
    /// disk. One just pulled is there already. Reads every file through: not on a thread that serves.
    pub fn warm(&self) -> Result<(), Error> {
        let view = self.view()?;
        Ok(view.sources.iter().try_for_each(|(_, generation)| generation.warm())?)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is in use. Looks every second whether another program published something.
    pub(crate) fn view(&self) -> Result<Arc<View>, Error> {
        let (seen, view) = {
            let known = self.view.read().unwrap_or_else(PoisonError::into_inner);
            (known.0, known.1.clone())
        };
        if seen.elapsed() < LOOK_AGAIN {
            return Ok(view);
        }
        // One reader looks; the others go on.
        let Ok(_one) = self.refreshing.try_lock() else { return Ok(view) };
        self.refresh()
    }

    fn refresh(&self) -> Result<Arc<View>, Error> {
        let known = self.view.read().unwrap_or_else(PoisonError::into_inner).1.clone();
        let changed = Source::ALL.into_iter().any(|source| {
            let revision =
                read_current(&self.source_folder(source)).ok().flatten().map(|current| current.revision);
            known.current(source).map(|current| current.revision) != revision
        });
        let view = if changed { Arc::new(read_view(&self.folder)?) } else { known };
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = (now(), view.clone());
        Ok(view)
    }

    pub(crate) fn source_folder(&self, source: Source) -> PathBuf {
        self.folder.join(source.name())
    }

    /// The lock of a source: one pull at a time, whatever the program.
    pub(crate) fn lock(&self, source: Source) -> Result<File, Error> {
        let folder = self.source_folder(source);
        fs::create_dir_all(&folder)?;
        let file = File::options().create(true).truncate(false).write(true).open(folder.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Error::Busy),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Starts a new snapshot of a source. Dropped uncommitted, it leaves nothing in use.
    /// Errors: [`Error::Busy`] when another pull of this source is running.
    pub fn draft(&self, source: Source) -> Result<Pull, Error> {
        let lock = self.lock(source)?;
        Ok(Pull {
            source,
            draft: Draft::new(self.source_folder(source).join("draft"), self.memory)?,
            _lock: lock,
        })
    }

    /// Compares, judges, and puts in use.
    pub fn commit(&self, pull: Pull, snapshot: Snapshot, judge: Judge) -> Result<Outcome, Error> {
        self.compare(pull)?.commit(self, snapshot, judge)
    }

    /// First half of [`Store::commit`]: what was read is sorted, and compared with the snapshot in use.
    pub fn compare(&self, pull: Pull) -> Result<Compared, Error> {
        let folder = self.source_folder(pull.source);
        let current = read_current(&folder)?;
        let read = pull.draft.read()?;
        let kept = current.as_ref().map(|current| folder.join(format!("{}.prints", current.number)));
        let mut kept = Kept::open(kept.as_deref())?;
        let mut kinds = BTreeMap::new();
        for (kind, new) in Kind::ALL.into_iter().zip(&read.prints) {
            let difference = kept.compare(new, |_, _| {})?;
            if difference != Difference::default() {
                kinds.insert(kind, difference);
            }
        }
        Ok(Compared { source: pull.source, read, kinds, current, _lock: pull._lock })
    }

    /// Applies changes to the snapshot in use of a source: whole records that replace what was there; one that ended says
    /// so itself. Readers see all of them or none. A change that says nothing new is not counted.
    pub fn apply(
        &self,
        source: Source,
        records: impl IntoIterator<Item = Record>,
        snapshot: Snapshot,
    ) -> Result<Report, Error> {
        let _lock = self.lock(source)?;
        let folder = self.source_folder(source);
        let Some(current) = read_current(&folder)? else { return Err(Error::NeverPulled) };
        let file = folder.join(format!("{}.sqlite", current.number));
        let mut kinds = delta::apply(&file, &mut records.into_iter(), snapshot.day())?;
        let mut counts = current.counts.clone();
        for (kind, done) in &mut kinds {
            let count = counts.entry(kind.name().to_owned()).or_default();
            done.before = *count;
            *count += done.added;
            done.after = *count;
        }
        let previous = Some(current.snapshot.clone());
        let report = Report { snapshot: snapshot.clone(), previous, kinds, suspicions: Vec::new() };
        let next = Current {
            revision: current.revision + 1,
            snapshot,
            published: self.clock.now(),
            counts,
            report: report.clone(),
            ..current
        };
        write_json(&folder.join("current.json"), &next)?;
        self.refresh()?;
        Ok(report)
    }

    /// What each source holds.
    pub(crate) fn states_of(view: &View) -> Vec<SourceState> {
        let state = |(current, generation): &(Current, Generation)| SourceState {
            source: generation.source(),
            snapshot: current.snapshot.name.clone(),
            date: current.snapshot.date,
            sha256: current.snapshot.sha256.clone(),
            published: current.published,
            whole: current.whole,
            counts: current.counts.clone(),
        };
        view.sources.iter().map(state).collect()
    }

    /// What the last pull of a source changed.
    pub fn last_report(&self, source: Source) -> Result<Option<Report>, Error> {
        Ok(read_current(&self.source_folder(source))?.map(|current| current.report))
    }

    /// The snapshot in use of a source.
    pub fn snapshot(&self, source: Source) -> Result<Option<Snapshot>, Error> {
        Ok(read_current(&self.source_folder(source))?.map(|current| current.snapshot))
    }

    /// Bytes on the disk of the snapshot in use of a source.
    pub fn disk_bytes(&self, source: Source) -> Result<u64, Error> {
        let folder = self.source_folder(source);
        let Some(current) = read_current(&folder)? else { return Ok(0) };
        let mut bytes = 0;
        for end in ["sqlite", "prints"] {
            bytes += fs::metadata(folder.join(format!("{}.{end}", current.number)))?.len();
        }
        Ok(bytes)
    }

    /// Goes back to the snapshot before the one in use. `None`: there is none.
    pub fn rollback(&self, source: Source) -> Result<Option<Snapshot>, Error> {
        let _lock = self.lock(source)?;
        let folder = self.source_folder(source);
        let Some(before) = read_described(&folder.join("before.json"))? else { return Ok(None) };
        let revision = read_current(&folder)?.map_or(1, |current| current.revision + 1);
        let back = Current { published: self.clock.now(), revision, ..before };
        write_json(&folder.join("current.json"), &back)?;
        fs::remove_file(folder.join("before.json"))?;
        self.refresh()?;
        Ok(Some(back.snapshot))
    }
}

/// Whether a suspicious snapshot is put in use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Judge {
    /// Held back when it goes beyond these shares.
    Suspicious(Suspicion),
    /// Put in use whatever it changes: a human has seen the report.
    Accepted,
}

/// A snapshot being read.
pub struct Pull {
    source: Source,
    /// Where records go.
    pub draft: Draft,
    _lock: File,
}

/// A snapshot that was read and compared, still unwritten.
pub struct Compared {
    source: Source,
    read: crate::draft::Read,
    /// What differs, by kind.
    pub kinds: BTreeMap<Kind, Difference>,
    current: Option<Current>,
    _lock: File,
}

impl Compared {
    /// Judges, writes, puts in use.
    pub fn commit(self, store: &Store, snapshot: Snapshot, judge: Judge) -> Result<Outcome, Error> {
        let published = store.clock.now();
        let folder = store.source_folder(self.source);
        let suspicions = match judge {
            Judge::Suspicious(limits) => suspicions(&self.kinds, limits),
            Judge::Accepted => Vec::new(),
        };
        let previous = self.current.as_ref().map(|current| current.snapshot.clone());
        let report = Report { snapshot: snapshot.clone(), previous, kinds: self.kinds, suspicions };
        if !report.suspicions.is_empty() {
            return Ok(Outcome::Held(report));
        }
        let counts = Kind::ALL.iter().zip(&self.read.prints).filter(|(_, prints)| !prints.is_empty());
        let counts = counts.map(|(kind, prints)| (kind.name().to_owned(), prints.len() as u64)).collect();
        let number = self.current.as_ref().map_or(1, |current| current.number + 1);
        let mut next = Current {
            format: FORMAT,
            number,
            revision: self.current.as_ref().map_or(1, |current| current.revision + 1),
            snapshot: snapshot.clone(),
            published,
            whole: snapshot.date,
            counts,
            report: report.clone(),
        };
        if report.is_unchanged()
            && let Some(current) = &self.current
        {
            // Nothing is rewritten: only the date at which it was seen to hold.
            next.number = current.number;
            write_json(&folder.join("current.json"), &next)?;
            store.refresh()?;
            return Ok(Outcome::Unchanged(report));
        }
        let file = |number: u64, end: &str| folder.join(format!("{number}.{end}"));
        prints::write(&file(number, "prints"), &self.read.prints)?;
        let written = file(number, "sqlite");
        remove(&written)?;
        self.read.write(&written, snapshot.day())?;
        if let Some(current) = &self.current {
            write_json(&folder.join("before.json"), current)?;
        }
        write_json(&folder.join("current.json"), &next)?;
        remove_old(&folder, number)?;
        // The draft's folder is empty of runs by now.
        remove_folder(&folder.join("draft"))?;
        store.refresh()?;
        Ok(Outcome::Published(report))
    }
}

fn suspicions(kinds: &BTreeMap<Kind, Difference>, limits: Suspicion) -> Vec<Suspect> {
    #[expect(clippy::cast_precision_loss, reason = "counts of records are far below 2^53")]
    let beyond = |count: u64, of: u64, max: f64| of > 0 && count as f64 > of as f64 * max;
    let of_kind = |(kind, found): (&Kind, &Difference)| {
        let suspect = |count, change| Suspect { kind: *kind, count, of: found.before, change };
        let removed = beyond(found.removed, found.before, limits.removed_max);
        let changed = beyond(found.changed + found.moved, found.before, limits.changed_max);
        [
            removed.then(|| suspect(found.removed, Change::Removed)),
            changed.then(|| suspect(found.changed + found.moved, Change::Changed)),
        ]
    };
    kinds.iter().flat_map(of_kind).flatten().collect()
}

impl View {
    pub(crate) fn current(&self, source: Source) -> Option<&Current> {
        self.sources.iter().find(|(_, generation)| generation.source() == source).map(|(current, _)| current)
    }
}

/// How long since the last look, not what time it is.
fn now() -> Instant {
    Instant::now()
}

fn read_view(folder: &Path) -> Result<View, Error> {
    let mut sources = Vec::new();
    for source in Source::ALL {
        let folder = folder.join(source.name());
        let Some(current) = read_current(&folder)? else { continue };
        let generation = Generation::open(&folder.join(format!("{}.sqlite", current.number)), source)?;
        sources.push((current, generation));
    }
    Ok(View { sources })
}

fn read_current(folder: &Path) -> Result<Option<Current>, Error> {
    read_described(&folder.join("current.json"))
}

fn read_described(path: &Path) -> Result<Option<Current>, Error> {
    /// What every format says of itself.
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    match read_json::<Format>(path)? {
        Some(Format { format: FORMAT }) => read_json(path),
        _ => Ok(None),
    }
}
