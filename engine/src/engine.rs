//! The engine as the program holds it: opened on a data directory, started with routes and sinks, stopped within a grace.
//! In: settings, clock, entropy. Out: intake for sources, tools, a reading side, running lanes.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use jonction_model::{Clock, Entropy, Environment, PartnerName};
use jonction_ports::{Admission, BoxFuture, Intake, Sink, StopHandle, Tools};
use tokio::{sync::broadcast, task::JoinHandle};

pub use crate::journal::committer::{CommitLimits, CommitMode};
use crate::{
    backup, clock_watch,
    deployment::{Deployment, RouteSet},
    error::Error,
    event::Event,
    files::{Storage, StoreGuard, durable_dir},
    index_key::IndexHasher,
    intake::EngineIntake,
    journal::{
        Applied, Change, Journal, Questions, SharedJournal, SqliteJournal, committer::Committer, sqlite,
    },
    lane::{self, Lane, settings::LaneSettings, standing::LaneStanding},
    leftovers,
    observe::Observer,
    order::{Order, Ordered, carry_out::carry_out, settle},
    plan::Plan,
    reader::Reader,
    resealing,
    route::Route,
    router,
    shared::{Board, Shared},
    tally_watch,
};

/// How an engine is opened.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Where the gateway stands.
    pub environment: Environment,
    /// Bounds of the store.
    pub limits: sqlite::Limits,
    /// Bounds of the committer.
    pub commit: CommitLimits,
    /// Who runs the commits.
    pub commit_mode: CommitMode,
    /// Events kept for a slow listener. Default 1024.
    pub events_kept: usize,
    /// What the store stands on. Default: the system's files.
    pub storage: Storage,
}

impl EngineSettings {
    /// Defaults on a data directory.
    pub fn new(data_dir: impl Into<PathBuf>, environment: Environment) -> Self {
        Self {
            data_dir: data_dir.into(),
            environment,
            limits: sqlite::Limits::default(),
            commit: CommitLimits::default(),
            commit_mode: CommitMode::default(),
            events_kept: 1024,
            storage: Storage::default(),
        }
    }
}

/// What an engine runs with.
#[derive(Clone, Default)]
pub struct Wired {
    /// The routes.
    pub routes: Vec<Route>,
    /// Whom they send to.
    pub sinks: HashMap<PartnerName, Arc<dyn Sink>>,
    /// What partners ask of their lane; the others have the defaults.
    pub lanes: HashMap<PartnerName, LaneSettings>,
    /// Who judges what a partner sends, for messages that a human corrects.
    pub admissions: HashMap<PartnerName, Arc<dyn Admission>>,
}

/// An open store and its committer. Messages may come in at once; nothing is routed before [`Engine::start`].
/// Dropped: commits what was queued, then lets go of the store.
pub struct Engine {
    shared: Arc<Shared>,
    _lock: Option<StoreGuard>,
}

impl Engine {
    /// Opens the store of the data directory; makes it on first use.
    /// Errors: used by another process, newer format, lost or changed index key, disk.
    pub fn open(
        settings: EngineSettings,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Error> {
        let storage = &settings.storage;
        durable_dir(&*storage.files, &settings.data_dir)
            .map_err(Error::io(format!("create {}", settings.data_dir.display())))?;
        let lock = storage.files.lock(&settings.data_dir)?;
        let (journal, hasher) =
            SqliteJournal::open_on(storage, &settings.data_dir, settings.limits, &*entropy)?;
        let journal = Arc::new(journal);
        Self::with_journal(settings, journal.clone(), journal, hasher, Some(lock), (clock, entropy))
    }

    /// Opens on a journal made elsewhere.
    pub(crate) fn with_journal(
        settings: EngineSettings,
        journal: SharedJournal,
        questions: Arc<dyn Questions>,
        hasher: IndexHasher,
        lock: Option<StoreGuard>,
        tools: (Arc<dyn Clock>, Arc<dyn Entropy>),
    ) -> Result<Self, Error> {
        let board = Arc::new(Board::new(Journal::load(&*journal)?, settings.events_kept.max(1)));
        let committed = board.clone();
        let committer = Committer::start(
            journal.clone(),
            settings.commit_mode,
            settings.commit,
            Arc::new(move |done, took| committed.committed(done, took)),
        )?;
        let shared = Arc::new(Shared::new((journal, questions), committer, hasher, tools, settings, board));
        Ok(Self { shared, _lock: lock })
    }

    /// The way in, for sources.
    pub fn intake(&self) -> Arc<dyn Intake> {
        Arc::new(EngineIntake(self.shared.clone()))
    }

    /// Stored bytes, clock and entropy, for sinks.
    pub fn tools(&self) -> Tools {
        self.shared.tools()
    }

    /// The journal's questions.
    pub fn reader(&self) -> Reader {
        Reader::new(self.shared.questions.clone(), self.shared.hasher.clone())
    }

    /// Shows everything that happens from now on to an observer. The first one stays.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.shared.board.observe(observer);
    }

    /// Commits since the store was opened: messages over commits is the size of a batch.
    pub fn commits(&self) -> u64 {
        self.shared.board.commits()
    }

    /// Keeps something of the program's own under a name; durable on return. Out: how long the commit took.
    pub async fn note(&self, name: &'static str, text: String) -> Result<Duration, Error> {
        Ok(self.shared.commit_one(Change::Note { name, text }).await?.1)
    }

    /// Reads what was kept. Blocking.
    pub fn noted(&self, name: &str) -> Result<Option<String>, Error> {
        self.shared.journal.noted(name)
    }

    /// Keeps the texts of the routes that run from now on. Out: whether they are others than before.
    pub async fn deploy(&self, set: &RouteSet, routes: usize) -> Result<bool, Error> {
        let set = set.row();
        let deployment = Deployment { at: self.shared.clock.now(), version: set.hash.to_string(), routes };
        let (applied, _) = self.shared.commit_one(Change::Deploy { set, deployment }).await?;
        Ok(applied != Applied::Skipped)
    }

    /// Writes the time into the journal: the proof that it can be written. Out: how long the commit took.
    pub async fn touch(&self) -> Result<Duration, Error> {
        self.note("heartbeat", self.shared.clock.now().to_string()).await
    }

    /// How each lane stands, by name; empty while nothing runs.
    pub fn lanes(&self) -> Vec<LaneStanding> {
        self.shared.lanes_standing()
    }

    /// The data directory.
    pub fn data_dir(&self) -> &Path {
        &self.shared.settings.data_dir
    }

    /// What happens from now on. A listener slower than `events_kept` events misses some.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.shared.subscribe()
    }

    /// Returns when every message is routed, every delivery ended, parked, or waits behind a parked one, and all of it
    /// is announced.
    pub async fn wait_idle(&self) {
        self.shared.wait_idle().await;
    }

    /// Starts routing and sending. What an earlier run left in flight is of unknown outcome and goes on; what was owed
    /// to a sink that is gone is parked.
    /// Errors: a route names an unknown sink; the journal cannot write; the store was put back and was not told.
    pub async fn start(&self, wired: Wired) -> Result<Running, Error> {
        let plan = Arc::new(Plan::new(wired)?);
        let shared = &self.shared;
        if shared.settings.storage.files.exists(&backup::undeclared_path(self.data_dir())) {
            return Err(Error::RestoreUnfinished { path: self.data_dir().to_owned() });
        }
        shared.commit_one(plan.recovery(shared.now())).await?;
        shared.set_stopping(false);
        let (stop, tasks) = begin(shared, &plan, Tasks::new());
        Ok(Running { shared: shared.clone(), plan, stop, tasks })
    }

    /// Carries out what a human decided; durable on return, with its row of the audit chain.
    /// Errors: what it names is not in a state that allows it, a reason is missing, the journal cannot write.
    pub async fn order(&self, order: Order) -> Result<Ordered, Error> {
        carry_out(&self.shared, order).await
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.set_stopping(true);
        self.shared.committer.close();
    }
}

/// Routing and sending, until stopped. Dropped: stops at once; what was being sent is of unknown outcome.
pub struct Running {
    shared: Arc<Shared>,
    plan: Arc<Plan>,
    stop: StopHandle,
    tasks: Tasks,
}

/// Tasks by what they run: a lane by its partner, `*router`, `*clock`.
type Tasks = BTreeMap<String, JoinHandle<()>>;

/// Starts routing and lanes. Each waits for the one of `before` that it replaces, and for no other.
fn begin(shared: &Arc<Shared>, plan: &Arc<Plan>, mut before: Tasks) -> (StopHandle, Tasks) {
    shared.rescan.store(true, Ordering::Release);
    shared.set_plan(Some(plan.clone()));
    let (stop, listener) = StopHandle::new();
    let mut tasks = Tasks::new();
    let mut spawn = |name: &str, run: BoxFuture<'static, ()>| {
        let replaced = before.remove(name);
        let task = tokio::spawn(async move {
            if let Some(replaced) = replaced {
                ended(replaced).await;
            }
            run.await;
        });
        tasks.insert(name.to_owned(), task);
    };
    spawn("*router", Box::pin(router::run(shared.clone(), plan.clone(), listener.clone())));
    spawn("*leftovers", Box::pin(leftovers::run(shared.clone(), listener.clone())));
    spawn("*seals", Box::pin(resealing::run(shared.clone(), listener.clone())));
    spawn("*holds", Box::pin(settle::run(shared.clone(), listener.clone())));
    spawn("*tally", Box::pin(tally_watch::run(shared.clone())));
    spawn("*clock", Box::pin(clock_watch::run(shared.clone(), listener.clone())));
    for (name, sink) in &plan.sinks {
        let lane = Lane {
            shared: shared.clone(),
            plan: plan.clone(),
            name: name.clone(),
            sink: sink.clone(),
            settings: plan.lanes.get(name).cloned().unwrap_or_default(),
        };
        spawn(name.as_str(), Box::pin(lane::run(Arc::new(lane), listener.clone())));
    }
    (stop, tasks)
}

async fn ended(task: JoinHandle<()>) {
    if let Err(error) = task.await {
        tracing::error!(%error, "a task of the engine was lost");
    }
}

impl Running {
    /// Goes on with other routes, the same sinks and lanes. Nothing is interrupted: messages are taken meanwhile, an
    /// attempt ends as it began, and its lane goes on afterwards. What was routed stays routed.
    /// Errors: a route names an unknown sink: nothing changed.
    pub fn reroute(&mut self, routes: Vec<Route>) -> Result<(), Error> {
        let sinks = self.plan.sinks.iter().map(|(name, sink)| (name.clone(), sink.clone())).collect();
        let (lanes, admissions) = (self.plan.lanes.clone(), self.plan.admissions.clone());
        self.plan = Arc::new(Plan::new(Wired { routes, sinks, lanes, admissions })?);
        self.stop.stop();
        (self.stop, self.tasks) = begin(&self.shared, &self.plan, std::mem::take(&mut self.tasks));
        Ok(())
    }

    /// Returns when every message is routed, every delivery ended, parked, or waits behind a parked one, and all of it
    /// is announced.
    pub async fn wait_idle(&self) {
        self.shared.wait_idle().await;
    }

    /// Takes no new message and starts no new attempt; waits for running attempts at most `grace`, then drops them.
    /// Out: whether everything that ran came to its end.
    pub async fn stop(mut self, grace: Duration) -> bool {
        self.shared.set_stopping(true);
        self.stop.stop();
        let tasks = std::mem::take(&mut self.tasks);
        let aborts: Vec<_> = tasks.values().map(JoinHandle::abort_handle).collect();
        let all = tokio::time::timeout(grace, async {
            for task in tasks.into_values() {
                ended(task).await;
            }
        });
        let whole = all.await.is_ok();
        aborts.iter().for_each(tokio::task::AbortHandle::abort);
        self.shared.set_plan(None);
        whole
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.values().for_each(JoinHandle::abort);
        *self.shared.plan.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
