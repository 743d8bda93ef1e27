//! What intake, router and lanes share: journal, committer, clock, wake-ups, load.
//! In: their commits. Out: durable answers, wake-ups of whom they concern, the moment when everything is idle.

use std::{
    collections::{BTreeMap, HashMap},
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use jonction_model::{Clock, Entropy, PartnerName};
use jonction_ports::{MessageId, Tools};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::{Notify, broadcast, watch},
};

use crate::{
    engine::EngineSettings,
    error::Error,
    event::Event,
    index_key::IndexHasher,
    journal::{
        Applied, Change, Committed, LoadChange, Millis, Questions, SharedJournal,
        committer::{Committer, Done, Pending},
    },
    lane::standing::{LaneStanding, LaneState},
    observe::Observer,
    patience::Patience,
    plan::Plan,
};

/// Commit times that wait for the router to journal them.
const LATENCIES_MAX: usize = 4096;

/// What is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) messages: i64,
    pub(crate) deliveries: i64,
    /// Submissions, routings and attempts under way.
    working: i64,
}

impl Load {
    fn idle(self) -> bool {
        self == Self::default()
    }
}

/// Part of the shared state that the committer reaches too.
pub(crate) struct Board {
    load: watch::Sender<Load>,
    events: broadcast::Sender<Event>,
    latencies: Mutex<HashMap<MessageId, u32>>,
    commits: AtomicU64,
    observer: OnceLock<Arc<dyn Observer>>,
}

impl Board {
    pub(crate) fn new(open: LoadChange, events_kept: usize) -> Self {
        let load = Load { messages: open.messages, deliveries: open.deliveries, working: 0 };
        Self {
            load: watch::Sender::new(load),
            events: broadcast::Sender::new(events_kept),
            latencies: Mutex::default(),
            commits: AtomicU64::new(0),
            observer: OnceLock::new(),
        }
    }

    /// Called by the committer, before anybody is answered.
    pub(crate) fn committed(&self, committed: &Committed, took: Duration) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        if let Some(observer) = self.observer.get() {
            observer.commit(committed.answers.len(), took);
        }
        let took = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        for answer in committed.answers.iter().flatten() {
            if let Applied::Accepted { message, .. } = answer
                && latencies.len() < LATENCIES_MAX
            {
                latencies.insert(*message, took);
            }
        }
        drop(latencies);
        let change = committed.load;
        if change != LoadChange::default() {
            self.change(|load| {
                load.messages += change.messages;
                load.deliveries += change.deliveries;
            });
        }
    }

    pub(crate) fn observe(&self, observer: Arc<dyn Observer>) {
        // A second observer would count everything twice: the first one stays.
        let _ = self.observer.set(observer);
    }

    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    fn change(&self, change: impl FnOnce(&mut Load)) {
        self.load.send_modify(|load| {
            let before = load.idle();
            change(load);
            // Said under the lock: what comes next cannot be announced before it.
            if load.idle() && !before {
                self.say(Event::Idle);
            }
        });
    }

    fn say(&self, event: Event) {
        if let Some(observer) = self.observer.get() {
            observer.event(&event);
        }
        // An error means that nobody listens.
        let _ = self.events.send(event);
    }
}

/// Holds the engine busy until dropped: what it announces comes before the idle moment.
pub(crate) struct Working(Arc<Board>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.change(|load| load.working -= 1);
    }
}

pub(crate) struct Shared {
    pub(crate) journal: SharedJournal,
    pub(crate) questions: Arc<dyn Questions>,
    pub(crate) committer: Committer,
    pub(crate) hasher: IndexHasher,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) settings: EngineSettings,
    pub(crate) board: Arc<Board>,
    /// Wakes the router.
    pub(crate) router: Notify,
    /// Wakes whoever settles holds.
    pub(crate) holds: Notify,
    /// The router must look again from the first message on.
    pub(crate) rescan: AtomicBool,
    lanes: Mutex<BTreeMap<PartnerName, Arc<Notify>>>,
    standing: Mutex<BTreeMap<PartnerName, LaneStanding>>,
    /// What the disk does not give.
    pub(crate) patience: Patience,
    /// What is running.
    pub(crate) plan: RwLock<Option<Arc<Plan>>>,
    stopping: AtomicBool,
}

impl Shared {
    pub(crate) fn new(
        (journal, questions): (SharedJournal, Arc<dyn Questions>),
        committer: Committer,
        hasher: IndexHasher,
        tools: (Arc<dyn Clock>, Arc<dyn Entropy>),
        settings: EngineSettings,
        board: Arc<Board>,
    ) -> Self {
        let (clock, entropy) = tools;
        Self {
            journal,
            questions,
            committer,
            hasher,
            clock,
            entropy,
            settings,
            board,
            router: Notify::new(),
            holds: Notify::new(),
            rescan: AtomicBool::new(false),
            lanes: Mutex::default(),
            standing: Mutex::default(),
            patience: Patience::default(),
            plan: RwLock::default(),
            stopping: AtomicBool::new(false),
        }
    }

    pub(crate) fn now(&self) -> Millis {
        self.clock.now().as_millisecond()
    }

    pub(crate) fn tools(&self) -> Tools {
        Tools { bodies: self.journal.clone(), clock: self.clock.clone(), entropy: self.entropy.clone() }
    }

    pub(crate) fn working(&self) -> Working {
        self.board.change(|load| load.working += 1);
        Working(self.board.clone())
    }

    pub(crate) fn say(&self, event: Event) {
        self.board.say(event);
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.board.events.subscribe()
    }

    pub(crate) async fn wait_idle(&self) {
        let mut load = self.board.load.subscribe();
        // The sender lives as long as `self`: there is no error to handle.
        let _ = load.wait_for(|load| load.idle()).await;
    }

    pub(crate) fn take_latency(&self, message: MessageId) -> Option<u32> {
        self.board.latencies.lock().unwrap_or_else(PoisonError::into_inner).remove(&message)
    }

    pub(crate) async fn commit(&self, changes: Vec<Change>) -> Result<Done, Error> {
        self.committer.commit(changes).await
    }

    /// Commits one change.
    pub(crate) async fn commit_one(&self, change: Change) -> Result<(Applied, Duration), Error> {
        let mut done = self.commit(vec![change]).await?;
        let answer = done.answers.pop().ok_or_else(|| Error::Inconsistent("no answer".to_owned()))?;
        Ok((answer, done.took))
    }

    pub(crate) async fn queue(&self, change: Change) -> Result<Pending, Error> {
        self.committer.queue(vec![change]).await
    }

    pub(crate) fn lane(&self, sink: &PartnerName) -> Arc<Notify> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.entry(sink.clone()).or_default().clone()
    }

    /// Wakes the lanes of these sinks.
    pub(crate) fn wake<'s>(&self, sinks: impl IntoIterator<Item = &'s PartnerName>) {
        for sink in sinks {
            self.lane(sink).notify_one();
        }
    }

    /// Wakes everybody; the router looks again from the first message on.
    pub(crate) fn look_again(&self) {
        self.rescan.store(true, Ordering::Release);
        self.router.notify_one();
        for lane in self.lanes.lock().unwrap_or_else(PoisonError::into_inner).values() {
            lane.notify_one();
        }
    }

    /// Wakes every lane.
    pub(crate) fn wake_lanes(&self) {
        for lane in self.lanes.lock().unwrap_or_else(PoisonError::into_inner).values() {
            lane.notify_one();
        }
    }

    /// Notes what a lane does.
    pub(crate) fn lane_stands(&self, lane: &PartnerName, state: LaneState) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        match standing.get_mut(lane) {
            Some(known) if known.state == state => {}
            Some(known) => (known.state, known.since) = (state, self.clock.now()),
            None => {
                let since = self.clock.now();
                let fresh =
                    LaneStanding { partner: lane.clone(), state, since, failing_since: None, error: None };
                standing.insert(lane.clone(), fresh);
            }
        }
    }

    /// Notes how an attempt ended: `error`, when the partner could not be reached or did not take it.
    pub(crate) fn lane_answered(&self, lane: &PartnerName, error: Option<&str>) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = standing.get_mut(lane) else { return };
        known.failing_since = error.and(known.failing_since.or_else(|| Some(self.clock.now())));
        known.error = error.map(str::to_owned);
    }

    pub(crate) fn lanes_standing(&self) -> Vec<LaneStanding> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn set_stopping(&self, stopping: bool) {
        self.stopping.store(stopping, Ordering::Release);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(crate) fn plan(&self) -> Option<Arc<Plan>> {
        self.plan.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_plan(&self, plan: Option<Arc<Plan>>) {
        // Other routes, same lanes: how they stand goes on.
        if plan.is_none() {
            self.standing.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        *self.plan.write().unwrap_or_else(PoisonError::into_inner) = plan;
    }
}

/// Code that panicked on a blocking thread. What it said is not kept: it may name somebody.
#[derive(Debug)]
pub(crate) struct Panicked;

/// Runs blocking code off the runtime's threads. A runtime of one thread is a test's, which must do the same again for
/// the same seed: there, the code runs where it is. Source: architecture §4.11.
pub(crate) async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Panicked> {
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return std::panic::catch_unwind(AssertUnwindSafe(run)).map_err(|_| Panicked);
    }
    tokio::task::spawn_blocking(run).await.map_err(|_| Panicked)
}
