//! The router: takes accepted messages in order, decides several at once, commits them in order.
//! In: messages that wait in the journal, a window at a time. Out: committed decisions, woken lanes, events.
//! Order: deliveries of an ordering key are numbered in the order of their messages. Source: architecture §4.5, §4.7.

use std::{collections::VecDeque, sync::Arc, sync::atomic::Ordering, time::Duration};

use jonction_model::{Finding, RouteName};
use jonction_ports::{MessageId, Stop};
use tokio::task::JoinHandle;

use crate::{
    error::Error,
    event::Event,
    journal::{Applied, Unrouted, committer::Pending},
    patience::Asked,
    plan::Plan,
    routing::{Context, Decision, decide, parked},
    shared::{Panicked, Shared, blocking},
};

/// Messages read at once.
const WINDOW: u32 = 64;
/// Messages decided at once.
const WIDTH: usize = 4;
/// Pause after the journal failed.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) async fn run(shared: Arc<Shared>, plan: Arc<Plan>, mut stop: Stop) {
    let mut cursor = MessageId(0);
    while !stop.is_stopped() {
        if shared.rescan.swap(false, Ordering::AcqRel) {
            cursor = MessageId(0);
        }
        match route_window(&shared, &plan, cursor, &stop).await {
            Ok(Some(last)) => cursor = last,
            Ok(None) => {
                tokio::select! {
                    () = shared.router.notified() => {}
                    () = stop.stopped() => {}
                }
            }
            Err(Paused { error, pause }) => {
                tracing::error!(error_code = error.code(), %error, "routing paused");
                // Nothing is lost: what was not committed still waits, and is decided again.
                cursor = MessageId(0);
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.stopped() => {}
                }
            }
        }
    }
}

/// Why nothing more is routed for a while.
struct Paused {
    error: Error,
    pause: Duration,
}

impl From<Error> for Paused {
    fn from(error: Error) -> Self {
        Self { error, pause: PAUSE }
    }
}

/// Routes one window. Out: the number of its last message, `None` when nothing waited.
async fn route_window(
    shared: &Arc<Shared>,
    plan: &Arc<Plan>,
    after: MessageId,
    stop: &Stop,
) -> Result<Option<MessageId>, Paused> {
    let journal = shared.journal.clone();
    // What is held is read first: a message that came after it was lifted is never decided as held.
    let (held, window) =
        blocking(move || Ok::<_, Error>((journal.held_routes()?, journal.unrouted(after, WINDOW)?)))
            .await
            .map_err(|_| Error::Inconsistent("window of the router".to_owned()))??;
    let held: Arc<[RouteName]> = held.into();
    let Some(last) = window.last().map(|message| message.id) else { return Ok(None) };
    let _working = shared.working();
    let mut deciding: VecDeque<Deciding> = VecDeque::with_capacity(WIDTH);
    let mut committing = Vec::with_capacity(window.len());
    for message in window {
        // What is already decided is committed; the rest waits in the journal for the next start.
        if stop.is_stopped() {
            break;
        }
        if deciding.len() == WIDTH
            && let Some(first) = deciding.pop_front()
        {
            committing.push(first.commit(shared).await);
        }
        // After a failure nothing younger is committed; what was before it is announced all the same.
        if committing.last().is_some_and(Result::is_err) {
            break;
        }
        deciding.push_back(Deciding::start(shared, plan, &held, message));
    }
    while committing.last().is_none_or(Result::is_ok)
        && let Some(decided) = deciding.pop_front()
    {
        committing.push(decided.commit(shared).await);
    }
    let mut whole = Ok(Some(last));
    for committed in committing {
        let announced = match committed {
            Ok(committed) => committed.announce(shared).await.map_err(Paused::from),
            Err(paused) => Err(paused),
        };
        // Each is announced, or its lane would sleep on what it owes; the first failure is the one to tell.
        if let (Err(error), true) = (announced, whole.is_ok()) {
            whole = Err(error);
        }
    }
    whole
}

/// A message whose decision is being made.
struct Deciding {
    message: Unrouted,
    task: JoinHandle<Result<Result<Decision, Error>, Panicked>>,
    commit_us: Option<u32>,
}

impl Deciding {
    fn start(shared: &Arc<Shared>, plan: &Arc<Plan>, held: &Arc<[RouteName]>, message: Unrouted) -> Self {
        let commit_us = shared.take_latency(message.id);
        let given_up = shared.patience.is_over(Asked::Message(message.id));
        let (owned, plan, held, subject) = (shared.clone(), plan.clone(), held.clone(), message.clone());
        let task = tokio::spawn(blocking(move || {
            decide(&Context { given_up, ..context(&owned, &held, commit_us) }, &plan, &subject)
        }));
        Self { message, task, commit_us }
    }

    async fn commit(self, shared: &Arc<Shared>) -> Result<Committing, Paused> {
        let asked = Asked::Message(self.message.id);
        let decision = match self.task.await {
            Ok(Ok(Err(error @ Error::BodyUnreadable(_)))) => {
                return Err(Paused { error, pause: shared.patience.failed(asked) });
            }
            Ok(Ok(decision)) => decision?,
            // The first: the code panicked. The second: the runtime is going away, and nothing will be committed.
            Ok(Err(_)) | Err(_) => parked(
                &context(shared, &[], self.commit_us),
                &self.message,
                None,
                Vec::new(),
                panicked("une étape ou un connecteur a échoué de façon imprévue sur ce message"),
            ),
        };
        shared.patience.forget(asked);
        let pending = shared.queue(decision.change).await?;
        Ok(Committing { message: self.message.id, pending, events: decision.events, wake: decision.wake })
    }
}

/// A decision on its way to the disk.
struct Committing {
    message: MessageId,
    pending: Pending,
    events: Vec<Event>,
    wake: Vec<jonction_model::PartnerName>,
}

impl Committing {
    async fn announce(self, shared: &Shared) -> Result<(), Error> {
        let done = self.pending.await.map_err(|_| Error::Closed)??;
        if done.answers.contains(&Applied::Skipped) {
            // It came too late, or before an older one: what waits is looked at again from the first.
            shared.rescan.store(true, Ordering::Release);
            return Ok(());
        }
        let filtered = done.answers.into_iter().find_map(|answer| match answer {
            Applied::Filtered { by } => Some(by),
            _ => None,
        });
        if let Some(by) = filtered {
            shared.say(Event::Filtered { message: self.message, by });
            return Ok(());
        }
        shared.wake(&self.wake);
        self.events.into_iter().for_each(|event| shared.say(event));
        Ok(())
    }
}

fn context<'a>(shared: &'a Shared, held_routes: &'a [RouteName], commit_us: Option<u32>) -> Context<'a> {
    Context {
        journal: &*shared.journal,
        hasher: &shared.hasher,
        environment: shared.settings.environment,
        at: shared.clock.now(),
        held_routes,
        commit_us,
        given_up: false,
        watch: &(),
    }
}

/// A panic in somebody's code, told to a human.
pub(crate) fn panicked(sentence: &str) -> Finding {
    Finding::error("engine.panic", sentence)
        .remedy("transmettre ce message aux auteurs de jonction ; le libérer après mise à jour")
}
