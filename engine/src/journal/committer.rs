//! The one committer: takes what is queued, commits once, fsyncs once, then answers everybody.
//! In: requests from intake, router and lanes. Out: their answers, once durable. No timer: while a commit runs, the next
//! batch gathers. Source: dependencies §5 « group-commit limit ».

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

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
    /// A thread of its own: production.
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
    Inline { core: Core, open: AtomicBool },
}

/// Handle of the committer.
pub(crate) struct Committer {
    runner: Runner,
    places: Arc<Semaphore>,
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
        let core = Core { journal, on_commit };
        let places = Arc::new(Semaphore::new(limits.waiting_max));
        let runner = match mode {
            CommitMode::Inline => Runner::Inline { core, open: AtomicBool::new(true) },
            CommitMode::Thread => {
                let (queue, requests) = mpsc::channel();
                let thread = std::thread::Builder::new()
                    .name("journal-commit".to_owned())
                    .spawn(move || run(&core, &requests, limits))
                    .map_err(Error::io("start the commit thread"))?;
                Runner::Thread { queue, thread: Mutex::new(Some(thread)) }
            }
        };
        Ok(Self { runner, places })
    }

    /// Commits the changes together. Returns once they are durable, or were not applied at all.
    pub(crate) async fn commit(&self, changes: Vec<Change>) -> Result<Done, Error> {
        self.queue(changes).await?.await.map_err(|_| Error::Closed)?
    }

    /// Queues the changes: those of one caller are committed in the order it queued them.
    pub(crate) async fn queue(&self, changes: Vec<Change>) -> Result<Pending, Error> {
        let permit = self.places.clone().acquire_owned().await.map_err(|_| Error::Closed)?;
        let (answer, pending) = oneshot::channel();
        match &self.runner {
            Runner::Inline { core, open } => {
                if !open.load(Ordering::Acquire) {
                    return Err(Error::Closed);
                }
                let mut results = core.commit(vec![changes]);
                // The receiver is in our hands: it cannot be gone.
                let _ = answer.send(results.pop().unwrap_or(Err(Error::Closed)));
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
            Runner::Inline { open, .. } => open.store(false, Ordering::Release),
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
        for ((answer, _permit), result) in answers.into_iter().zip(core.commit(changes)) {
            // A caller that went away (its connection closed) needs no answer: the message is durable all the same.
            let _ = answer.send(result);
        }
    }
}

struct Core {
    journal: SharedJournal,
    on_commit: OnCommit,
}

impl Core {
    /// One result per request. When a batch fails, each request is tried alone, so that one cannot spoil the others.
    fn commit(&self, batch: Vec<Vec<Change>>) -> Vec<Result<Done, Error>> {
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
                batch.into_iter().flat_map(|request| self.commit(vec![request])).collect()
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
