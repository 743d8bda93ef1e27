//! The one committer: takes what is queued, commits once, fsyncs once, then answers everybody.
//! In: requests from intake, router and lanes. Out: their answers, once durable. No timer: while a commit runs, the next
//! batch gathers. A caller who finds nobody waiting commits where it stands: two hand-overs between threads cost as much
//! as a third of the commit. Source: dependencies §5 « group-commit limit ».

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::Instant,
};

use crate::{
    error::Error,
    journal::{Applied, Change, Committed, SharedJournal},
};

/// Bounds of the committer.
#[derive(Clone, Copy, Debug)]
pub struct CommitLimits {
    /// Requests in one batch. Beyond 64, SQLite gains little and latency rises. Default 64.
    pub batch_requests_max: usize,
    /// Bytes of bodies in one batch, after which it is closed. Default 1 MB.
    pub batch_bytes_max: usize,
    /// Requests that may wait; more callers wait before they queue. Default 4096.
    pub waiting_max: usize,
}

impl Default for CommitLimits {
    fn default() -> Self {
        Self { batch_requests_max: 64, batch_bytes_max: 1 << 20, waiting_max: 4096 }
    }
}

/// Who runs the commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CommitMode {
    /// A thread of its own, or the caller when it is alone: production.
    #[default]
    Thread,
    /// The caller: tests on a virtual clock, where a foreign thread would be invisible to the runtime.
    Inline,
}

/// Answers to one request, and how long its batch took.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) answers: Vec<Applied>,
    pub(crate) took: Duration,
}

/// Called after each commit, before anybody is answered.
pub(crate) type OnCommit = Arc<dyn Fn(&Committed, Duration) + Send + Sync>;

struct Request {
    changes: Vec<Change>,
    bytes: usize,
    answer: oneshot::Sender<Result<Done, Error>>,
    _permit: OwnedSemaphorePermit,
}

enum Message {
    Request(Request),
    Close,
}

enum Runner {
    Thread { queue: mpsc::Sender<Message>, thread: Mutex<Option<JoinHandle<()>>> },
    Inline { open: AtomicBool },
}

/// Handle of the committer.
pub(crate) struct Committer {
    core: Arc<Core>,
    runner: Runner,
    /// One place for each request that is not answered yet.
    places: Arc<Semaphore>,
    waiting_max: usize,
}

/// An answer to come.
pub(crate) type Pending = oneshot::Receiver<Result<Done, Error>>;

impl Committer {
    pub(crate) fn start(
        journal: SharedJournal,
        mode: CommitMode,
        limits: CommitLimits,
        on_commit: OnCommit,
    ) -> Result<Self, Error> {
        let core = Arc::new(Core { journal, on_commit, turn: Mutex::default() });
        let places = Arc::new(Semaphore::new(limits.waiting_max));
        let runner = match mode {
            CommitMode::Inline => Runner::Inline { open: AtomicBool::new(true) },
            CommitMode::Thread => {
                let (queue, requests) = mpsc::channel();
                let core = core.clone();
                let thread = std::thread::Builder::new()
                    .name("journal-commit".to_owned())
                    .spawn(move || run(&core, &requests, limits))
                    .map_err(Error::io("start the commit thread"))?;
                Runner::Thread { queue, thread: Mutex::new(Some(thread)) }
            }
        };
        Ok(Self { core, runner, places, waiting_max: limits.waiting_max })
    }

    /// Commits the changes together. Returns once they are durable, or were not applied at all.
    pub(crate) async fn commit(&self, changes: Vec<Change>) -> Result<Done, Error> {
        let permit = self.place().await?;
        if self.may_commit_here()
            && let Ok(turn) = self.core.turn.try_lock()
        {
            // Told to the runtime: what else waits for this worker goes on elsewhere.
            return tokio::task::block_in_place(|| self.core.commit_alone(changes, &turn));
        }
        self.hand_over(changes, permit)?.await.map_err(|_| Error::Closed)?
    }

    /// Queues the changes: those of one caller are committed in the order it queued them.
    pub(crate) async fn queue(&self, changes: Vec<Change>) -> Result<Pending, Error> {
        let permit = self.place().await?;
        self.hand_over(changes, permit)
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, Error> {
        self.places.clone().acquire_owned().await.map_err(|_| Error::Closed)
    }

    /// The caller, who has a place, is the only one: nothing queued before could be overtaken.
    fn may_commit_here(&self) -> bool {
        matches!(self.runner, Runner::Thread { .. })
            && self.places.available_permits() + 1 == self.waiting_max
            && Handle::try_current()
                .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread)
    }

    fn hand_over(&self, changes: Vec<Change>, permit: OwnedSemaphorePermit) -> Result<Pending, Error> {
        let (answer, pending) = oneshot::channel();
        match &self.runner {
            Runner::Inline { open } => {
                if !open.load(Ordering::Acquire) {
                    return Err(Error::Closed);
                }
                let turn = self.core.turn();
                // The receiver is in our hands: it cannot be gone.
                let _ = answer.send(self.core.commit_alone(changes, &turn));
            }
            Runner::Thread { queue, .. } => {
                let bytes = changes.iter().map(weight).sum();
                let request = Request { changes, bytes, answer, _permit: permit };
                queue.send(Message::Request(request)).map_err(|_| Error::Closed)?;
            }
        }
        Ok(pending)
    }

    /// Commits what was queued before, then ends. Later requests get [`Error::Closed`].
    pub(crate) fn close(&self) {
        self.places.close();
        match &self.runner {
            Runner::Inline { open } => open.store(false, Ordering::Release),
            Runner::Thread { queue, thread } => {
                // An error means that the thread ended already.
                let _ = queue.send(Message::Close);
                if let Some(thread) = thread.lock().unwrap_or_else(PoisonError::into_inner).take()
                    && thread.join().is_err()
                {
                    tracing::error!("the commit thread had panicked");
                }
            }
        }
        // A caller that commits by itself has its turn out.
        drop(self.core.turn());
    }
}

/// Bytes a change brings into the transaction: what large bodies weigh is already on disk.
fn weight(change: &Change) -> usize {
    let body = |body: &crate::journal::NewBody| body.bytes.as_ref().map_or(0, |bytes| bytes.len());
    match change {
        Change::Arrive(arrive) => body(&arrive.raw) + body(&arrive.reply),
        Change::Route(routed) => {
            routed.shapes.iter().map(|shape| body(&shape.body)).sum::<usize>()
                + routed.deliveries.iter().map(|delivery| body(&delivery.part)).sum::<usize>()
        }
        Change::Start(start) => {
            start.prepared.as_ref().map_or(0, |prepared| prepared.bodies.iter().map(body).sum())
        }
        _ => 0,
    }
}

fn run(core: &Core, requests: &mpsc::Receiver<Message>, limits: CommitLimits) {
    let mut closing = false;
    while !closing {
        let Ok(first) = requests.recv() else { return };
        let mut batch = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(message) = next.take() {
            match message {
                Message::Close => closing = true,
                Message::Request(request) => {
                    bytes += request.bytes;
                    batch.push(request);
                    if batch.len() < limits.batch_requests_max && bytes < limits.batch_bytes_max {
                        next = requests.try_recv().ok();
                    }
                }
            }
        }
        let (changes, answers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|request| (request.changes, (request.answer, request._permit))).unzip();
        let results = core.commit(changes, &core.turn());
        for ((answer, _permit), result) in answers.into_iter().zip(results) {
            // A caller that went away (its connection closed) needs no answer: the message is durable all the same.
            let _ = answer.send(result);
        }
    }
}

struct Core {
    journal: SharedJournal,
    on_commit: OnCommit,
    /// Whose turn it is to commit.
    turn: Mutex<()>,
}

/// The right to commit.
type Turn<'t> = MutexGuard<'t, ()>;

impl Core {
    /// Waits for its turn.
    fn turn(&self) -> Turn<'_> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits one request.
    fn commit_alone(&self, changes: Vec<Change>, turn: &Turn<'_>) -> Result<Done, Error> {
        self.commit(vec![changes], turn).pop().unwrap_or(Err(Error::Closed))
    }

    /// One result per request. When a batch fails, each request is tried alone, so that one cannot spoil the others.
    fn commit(&self, batch: Vec<Vec<Change>>, turn: &Turn<'_>) -> Vec<Result<Done, Error>> {
        if batch.is_empty() {
            return Vec::new();
        }
        match self.once(&batch) {
            Ok(done) => done.into_iter().map(Ok).collect(),
            Err(error) if batch.len() == 1 => {
                tracing::error!(error_code = error.code(), %error, "journal refused a change");
                vec![Err(error)]
            }
            Err(error) => {
                tracing::warn!(error_code = error.code(), %error, requests = batch.len(), "journal refused a batch");
                batch.into_iter().map(|request| self.commit_alone(request, turn)).collect()
            }
        }
    }

    fn once(&self, batch: &[Vec<Change>]) -> Result<Vec<Done>, Error> {
        let began = Instant::now();
        let committed = self.journal.commit(batch)?;
        let took = began.elapsed();
        (self.on_commit)(&committed, took);
        Ok(committed.answers.into_iter().map(|answers| Done { answers, took }).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use jonction_model::SeededEntropy;

    use super::*;
    use crate::journal::{SqliteJournal, sqlite};

    /// A committer that tells on which thread each commit ran, and runs each when told to.
    struct Watched {
        committer: Arc<Committer>,
        began: mpsc::Receiver<Option<String>>,
        go: mpsc::Sender<()>,
        _folder: tempfile::TempDir,
    }

    fn watched() -> Watched {
        let folder = tempfile::tempdir().unwrap();
        let journal =
            SqliteJournal::open(folder.path(), sqlite::Limits::default(), &SeededEntropy::new(1)).unwrap().0;
        let ((tell, began), (go, may_go)) = (mpsc::channel(), mpsc::channel());
        let may_go = Mutex::new(may_go);
        let on_commit: OnCommit = Arc::new(move |_, _| {
            tell.send(thread::current().name().map(str::to_owned)).unwrap();
            may_go.lock().unwrap().recv().unwrap();
        });
        let committer =
            Committer::start(Arc::new(journal), CommitMode::Thread, CommitLimits::default(), on_commit);
        Watched { committer: Arc::new(committer.unwrap()), began, go, _folder: folder }
    }

    fn nothing() -> Vec<Change> {
        vec![Change::Recover { at: 0, sinks: Vec::new(), ask: Vec::new() }]
    }

    const COMMIT_THREAD: Option<&str> = Some("journal-commit");

    #[tokio::test(flavor = "multi_thread")]
    async fn a_caller_that_is_alone_commits_where_it_stands() {
        let watched = watched();
        watched.go.send(()).unwrap();
        let committer = watched.committer.clone();
        tokio::spawn(async move { committer.commit(nothing()).await }).await.unwrap().unwrap();
        assert_ne!(watched.began.recv().unwrap().as_deref(), COMMIT_THREAD);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_caller_never_overtakes_what_waits() {
        let watched = watched();
        let first = watched.committer.queue(nothing()).await.unwrap();
        assert_eq!(watched.began.recv().unwrap().as_deref(), COMMIT_THREAD);
        let committer = watched.committer.clone();
        let second = tokio::spawn(async move { committer.commit(nothing()).await });
        while watched.committer.places.available_permits() + 2 > watched.committer.waiting_max {
            tokio::task::yield_now().await;
        }
        watched.go.send(()).unwrap();
        watched.go.send(()).unwrap();
        first.await.unwrap().unwrap();
        second.await.unwrap().unwrap();
        assert_eq!(watched.began.recv().unwrap().as_deref(), COMMIT_THREAD);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn closing_waits_for_the_caller_that_commits_and_refuses_later_ones() {
        let watched = watched();
        let committer = watched.committer.clone();
        let running = tokio::spawn(async move { committer.commit(nothing()).await });
        watched.began.recv().unwrap();
        let committer = watched.committer.clone();
        let closing = thread::spawn(move || committer.close());
        while !watched.committer.places.is_closed() {
            tokio::task::yield_now().await;
        }
        assert!(!closing.is_finished());
        watched.go.send(()).unwrap();
        closing.join().unwrap();
        running.await.unwrap().unwrap();
        assert!(matches!(watched.committer.commit(nothing()).await, Err(Error::Closed)));
    }
}
