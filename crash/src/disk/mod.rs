//! A disk in memory that forgets what was not synced when its power goes, and fails when it is told to.
//! In: operations on files and folders. Out: what programs see while the power lasts; what is left once it came back.
//! Model: a file's bytes are durable once the file was synced, a name once its folder was; see `image.rs` and
//! docs/reliability.md.

mod image;
mod locks;
mod plan;

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::sync::Notify;

use crate::dice::Dice;
use image::{Bytes, NameChange};
use locks::Locks;
pub(crate) use locks::{Level, ShmLocks};
pub use plan::{Cut, Failure, Fault, Kind, Lie, Moment, Plan, Site, What};

/// Number of a file, whatever its names.
type Node = u64;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Folder,
    File(Node),
}

/// A file.
#[derive(Debug, Default)]
struct FileState {
    bytes: Bytes,
    written_at: u64,
    locks: Locks,
    /// Memory its users share; gone with the power.
    shared: Option<Arc<crate::vfs::Shm>>,
}

#[derive(Debug)]
struct State {
    /// Times the power went. What was opened before is dead.
    epoch: u64,
    powered: bool,
    clock: u64,
    plan: Plan,
    /// Changes asked for since the power came.
    changes: u64,
    sites: BTreeMap<Site, u64>,
    /// The same, one by one, since the last plan.
    log: Vec<Site>,
    cut_site: Option<Site>,
    lie: Lie,
    dice: Dice,
    next_node: Node,
    files: BTreeMap<Node, FileState>,
    names: BTreeMap<PathBuf, Entry>,
    durable_names: BTreeMap<PathBuf, Entry>,
    pending_names: Vec<NameChange>,
    held: BTreeSet<PathBuf>,
}

/// What stood on a disk.
#[derive(Debug)]
pub struct Image {
    files: BTreeMap<Node, (Bytes, u64)>,
    names: BTreeMap<PathBuf, Entry>,
    durable_names: BTreeMap<PathBuf, Entry>,
    pending_names: Vec<NameChange>,
}

/// A disk. Cloned: the same disk.
#[derive(Clone, Debug)]
pub struct Disk {
    state: Arc<Mutex<State>>,
    died: Arc<Notify>,
    root: Arc<Path>,
}

/// An open file. After a power cut, every operation fails.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    disk: Disk,
    epoch: u64,
    node: Node,
    name: Arc<Path>,
}

fn no_power() -> io::Error {
    io::Error::other("the power is gone")
}

impl Disk {
    /// An empty disk with its root folder, powered.
    pub fn new(seed: u64, lie: Lie) -> Self {
        let root: Arc<Path> = crate::vfs::new_root().into();
        let durable: BTreeMap<_, _> = [(root.to_path_buf(), Entry::Folder)].into();
        let state = State {
            epoch: 0,
            powered: true,
            clock: 0,
            plan: Plan::default(),
            changes: 0,
            sites: BTreeMap::new(),
            log: Vec::new(),
            cut_site: None,
            lie,
            dice: Dice::new(seed),
            next_node: 0,
            files: BTreeMap::new(),
            names: durable.clone(),
            durable_names: durable,
            pending_names: Vec::new(),
            held: BTreeSet::new(),
        };
        let disk = Self { state: Arc::new(Mutex::new(state)), died: Arc::default(), root };
        crate::vfs::register(&disk);
        disk
    }

    /// Its only folder at first. Names of files of other disks never meet.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What will happen to it from now on.
    pub fn plan(&self, plan: Plan) {
        let mut state = self.state();
        state.changes = 0;
        state.log.clear();
        state.plan = plan;
    }

    /// Changes asked for since the last plan, in their order.
    pub fn changes(&self) -> Vec<Site> {
        self.state().log.clone()
    }

    /// How many changes of each kind were asked for at each kind of file, since the beginning.
    pub fn sites(&self) -> BTreeMap<Site, u64> {
        self.state().sites.clone()
    }

    /// Whether the power is there.
    pub fn is_powered(&self) -> bool {
        self.state().powered
    }

    /// Where the last planned cut fell, once.
    pub fn take_cut_site(&self) -> Option<Site> {
        self.state().cut_site.take()
    }

    /// Returns once the power is gone.
    pub async fn died(&self) {
        while self.is_powered() {
            self.died.notified().await;
        }
    }

    /// Takes the power away now.
    pub fn cut(&self) {
        let mut state = self.state();
        state.powered = false;
        self.died.notify_one();
    }

    /// The power comes back: of what was not synced, some is there and some is not. When only the process died, all is.
    pub fn power_on(&self) {
        let mut state = self.state();
        if !state.plan.spares_disk {
            state.settle();
        }
        state.let_go_of_all();
        state.epoch += 1;
        state.powered = true;
        state.changes = 0;
        state.plan = Plan::default();
        state.held.clear();
    }

    /// Flips one bit of a file that is there. Twice: as it was.
    pub fn flip(&self, path: &Path, bit: u64) {
        let mut state = self.state();
        if let Some(Entry::File(node)) = state.names.get(path).copied()
            && let Some(file) = state.files.get_mut(&node)
        {
            file.bytes.flip(bit);
        }
        // A disk that rots does not say so, but we look again at a file that seems to have changed.
        state.touch(path);
    }

    /// Everything as it is, once its power came back and before anybody uses it.
    pub fn image(&self) -> Image {
        let state = self.state();
        let files = state.files.iter().map(|(node, file)| (*node, (file.bytes.clone(), file.written_at)));
        Image {
            files: files.collect(),
            names: state.names.clone(),
            durable_names: state.durable_names.clone(),
            pending_names: state.pending_names.clone(),
        }
    }

    /// Everything as it was. Nobody may be using it.
    pub fn put_back(&self, image: Image) {
        let mut state = self.state();
        state.epoch += 1;
        let file = |(bytes, written_at)| FileState { bytes, written_at, ..FileState::default() };
        state.files = image.files.into_iter().map(|(node, kept)| (node, file(kept))).collect();
        (state.names, state.durable_names) = (image.names, image.durable_names);
        state.pending_names = image.pending_names;
    }

    /// A folder with all that stands in it, as if it had never been.
    pub fn erase(&self, folder: &Path) {
        let mut state = self.state();
        state.names.retain(|path, _| !path.starts_with(folder));
        state.durable_names.retain(|path, _| !path.starts_with(folder));
        state.pending_names.retain(|change| !change.is_under(folder));
    }

    /// How long a file is; 0 when it is not there.
    pub fn length(&self, path: &Path) -> u64 {
        let state = self.state();
        let Some(Entry::File(node)) = state.names.get(path) else { return 0 };
        state.files.get(node).map_or(0, |file| file.bytes.seen().len() as u64)
    }

    /// Files there are, in the order of their names.
    pub fn files(&self) -> Vec<PathBuf> {
        let state = self.state();
        state
            .names
            .iter()
            .filter(|(_, entry)| **entry != Entry::Folder)
            .map(|(path, _)| path.clone())
            .collect()
    }

    /// Finds the disk again, as long as somebody holds it.
    pub(crate) fn downgrade(&self) -> impl Fn() -> Option<Self> + Send + 'static {
        let (state, died, root) =
            (Arc::downgrade(&self.state), Arc::downgrade(&self.died), self.root.clone());
        move || Some(Self { state: state.upgrade()?, died: died.upgrade()?, root: root.clone() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A change is asked for: counts it, and lets the plan have its way. Out: whether the power goes right after it.
    fn change(&self, state: &mut State, kind: Kind, path: &Path) -> io::Result<bool> {
        if !state.powered {
            return Err(no_power());
        }
        state.clock += 1;
        state.changes += 1;
        let site = Site { kind, what: What::of(path) };
        *state.sites.entry(site).or_default() += 1;
        state.log.push(site);
        match state.plan.cuts(&state.log) {
            Some(cut) => {
                state.cut_site = Some(site);
                if cut == Cut::Before {
                    self.lose_power(state);
                    return Err(no_power());
                }
                Ok(true)
            }
            None => state.plan.failure(state.changes, kind).map_or(Ok(false), |error| Err(error.into())),
        }
    }

    fn lose_power(&self, state: &mut State) {
        state.powered = false;
        self.died.notify_one();
    }

    /// Does a change on names, with what the plan has for it.
    fn change_names(
        &self,
        kind: Kind,
        path: &Path,
        run: impl FnOnce(&mut State) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut state = self.state();
        let dies = self.change(&mut state, kind, path)?;
        run(&mut state)?;
        if dies {
            self.lose_power(&mut state);
            return Err(no_power());
        }
        Ok(())
    }

    pub(crate) fn exists(&self, path: &Path) -> bool {
        let state = self.state();
        state.powered && state.names.contains_key(path)
    }

    pub(crate) fn create_dir(&self, path: &Path) -> io::Result<()> {
        if self.exists(path) {
            return Ok(());
        }
        self.change_names(Kind::Create, path, |state| state.link(path, Entry::Folder))
    }

    /// Opens a file; `create`: makes it when it is not there. Out: also whether it was made.
    pub(crate) fn open_file(&self, path: &Path, create: bool) -> io::Result<(Handle, bool)> {
        let mut made = false;
        if !self.exists(path) && create {
            self.change_names(Kind::Create, path, |state| {
                let node = state.next_node;
                state.next_node += 1;
                state.files.insert(node, FileState::default());
                state.link(path, Entry::File(node))
            })?;
            made = true;
        }
        let state = self.state();
        if !state.powered {
            return Err(no_power());
        }
        match state.names.get(path) {
            Some(Entry::File(node)) => {
                let handle =
                    Handle { disk: self.clone(), epoch: state.epoch, node: *node, name: path.into() };
                Ok((handle, made))
            }
            Some(Entry::Folder) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change_names(Kind::Rename, to, |state| {
            let entry = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            state.names.insert(to.to_owned(), entry);
            state.pending_names.push(NameChange::Rename(from.to_owned(), to.to_owned(), entry));
            Ok(())
        })
    }

    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        self.change_names(Kind::Remove, path, |state| {
            if !state.lie.removes(path) {
                return Ok(());
            }
            state.names.remove(path).ok_or(io::ErrorKind::NotFound)?;
            state.pending_names.push(NameChange::Unlink(path.to_owned()));
            Ok(())
        })
    }

    /// Names in a folder, in their order.
    pub(crate) fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let state = self.state();
        if !state.powered {
            return Err(no_power());
        }
        if state.names.get(folder) != Some(&Entry::Folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = state.names.keys().filter(|path| path.parent() == Some(folder));
        Ok(inside.filter_map(|path| path.file_name()).map(ToOwned::to_owned).collect())
    }

    pub(crate) fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.change_names(Kind::SyncFolder, path, |state| {
            if state.lie.syncs_folders() {
                state.sync_folder(path);
            }
            Ok(())
        })
    }

    /// Takes a folder for one user; `false`: somebody has it.
    pub(crate) fn hold(&self, folder: &Path) -> bool {
        self.state().held.insert(folder.to_owned())
    }

    pub(crate) fn let_go(&self, folder: &Path) {
        self.state().held.remove(folder);
    }
}

impl State {
    fn link(&mut self, path: &Path, entry: Entry) -> io::Result<()> {
        let parent = path.parent().unwrap_or(Path::new("/"));
        if self.names.get(parent) != Some(&Entry::Folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.names.insert(path.to_owned(), entry);
        self.pending_names.push(NameChange::Link(path.to_owned(), entry));
        Ok(())
    }

    fn touch(&mut self, path: &Path) {
        self.clock += 1;
        let clock = self.clock;
        if let Some(Entry::File(node)) = self.names.get(path).copied()
            && let Some(file) = self.files.get_mut(&node)
        {
            file.written_at = clock;
        }
    }
}

impl Handle {
    /// Runs on the file, if it is still that of this power.
    fn with<T>(&self, run: impl FnOnce(&mut FileState) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.disk.state();
        if !state.powered || state.epoch != self.epoch {
            return Err(no_power());
        }
        run(state.files.get_mut(&self.node).ok_or(io::ErrorKind::NotFound)?)
    }

    pub(crate) fn length(&self) -> io::Result<u64> {
        self.with(|file| Ok(file.bytes.seen().len() as u64))
    }

    /// Length, and a time that grows with each write.
    pub(crate) fn looks(&self) -> io::Result<(u64, SystemTime)> {
        self.with(|file| {
            let at = SystemTime::UNIX_EPOCH + Duration::from_millis(file.written_at);
            Ok((file.bytes.seen().len() as u64, at))
        })
    }

    /// Reads as much as there is.
    pub(crate) fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        {
            let mut state = self.disk.state();
            if let Some(failure) = state.plan.failure(state.changes, Kind::Read) {
                // Counted, so that the trouble has an end although nothing changes.
                state.changes += 1;
                return Err(failure.into());
            }
        }
        self.with(|file| {
            let seen = file.bytes.seen();
            let start = usize::try_from(at).unwrap_or(usize::MAX).min(seen.len());
            let count = into.len().min(seen.len() - start);
            into[..count].copy_from_slice(&seen[start..start + count]);
            Ok(count)
        })
    }

    /// Writes all of it. A disk that is full takes a part first.
    pub(crate) fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.change(Kind::Write, |file, failed, dice| {
            let taken = if failed { dice.below(bytes.len() as u64) as usize } else { bytes.len() };
            file.bytes.write(at, &bytes[..taken]);
        })
    }

    pub(crate) fn truncate(&self, length: u64) -> io::Result<()> {
        self.change(Kind::Truncate, |file, failed, _| {
            if !failed {
                file.bytes.truncate(length);
            }
        })
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        let kept = self.disk.state().lie.syncs(&self.name);
        self.change(Kind::Sync, |file, failed, dice| match (failed, kept) {
            (false, true) => file.bytes.sync(),
            // A system that could not write a page may forget that it had to (« fsyncgate »): the next sync says yes.
            (true, _) if dice.percent(50) => file.bytes.forget(),
            _ => {}
        })
    }

    /// Makes the name durable too, as SQLite does for a log that it makes.
    pub(crate) fn sync_name(&self) -> io::Result<()> {
        self.disk.sync_dir(self.name.parent().unwrap_or(Path::new("/")))
    }

    fn change(&self, kind: Kind, run: impl FnOnce(&mut FileState, bool, &mut Dice)) -> io::Result<()> {
        let mut guard = self.disk.state();
        let state = &mut *guard;
        if state.epoch != self.epoch {
            return Err(no_power());
        }
        let result = self.disk.change(state, kind, &self.name);
        if !state.powered {
            return Err(no_power());
        }
        let clock = state.clock;
        let file = state.files.get_mut(&self.node).ok_or(io::ErrorKind::NotFound)?;
        file.written_at = if matches!(kind, Kind::Write | Kind::Truncate) { clock } else { file.written_at };
        run(file, result.is_err(), &mut state.dice);
        if result? {
            self.disk.lose_power(state);
            return Err(no_power());
        }
        Ok(())
    }

    /// Raises or lowers a lock of the whole file. Out: whether it could be had.
    pub(crate) fn lock(&self, from: Level, to: Level) -> io::Result<bool> {
        self.with(|file| Ok(file.locks.raise(from, to)))
    }

    /// Lowers a lock; a file whose power went has none.
    pub(crate) fn unlock(&self, from: Level, to: Level) {
        // Nothing is locked on a dead disk.
        let _ = self.with(|file| {
            file.locks.lower(from, to);
            Ok(())
        });
    }

    pub(crate) fn is_reserved(&self) -> bool {
        self.with(|file| Ok(file.locks.is_reserved())).unwrap_or(false)
    }

    /// Memory shared by the users of this file.
    pub(crate) fn shared(&self) -> io::Result<Arc<crate::vfs::Shm>> {
        self.with(|file| Ok(file.shared.get_or_insert_with(Arc::default).clone()))
    }
}
