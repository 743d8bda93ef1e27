//! Whatever partners answer and whenever the process dies: nothing vanishes, nothing is sent twice, order holds.
//! Random scripts and random deaths, a commit that never happened or whose answer was lost. A failing run prints its case.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use jonction_model::{BodyId, ContentRef, PartnerName, RouteName};
use jonction_ports::{Bodies, BodyError, DeliveryId, MessageId};
use proptest::prelude::*;
use tokio::sync::Notify;

use super::world::{Act, World};
use crate::{
    DeliveryState, Error, Window,
    journal::{
        Change, Committed, Due, Journal, LoadChange, Millis, NewBody, SharedJournal, Stale, StoredDelivery,
        Unrouted,
    },
    order::hold::HeldKey,
    scratch::Scratch,
};

/// Dies at the n-th commit: before it reaches the disk, or after, the answer being lost. Everything fails from then on.
pub(super) struct Dying {
    pub(super) inner: SharedJournal,
    pub(super) left: AtomicI64,
    pub(super) after: bool,
    pub(super) dead: Notify,
    /// Most deliveries that one look of a lane brought into memory.
    pub(super) window_max: AtomicUsize,
}

impl Bodies for Dying {
    fn open_raw(&self, content: &ContentRef) -> Result<Box<dyn std::io::Read + Send>, BodyError> {
        self.inner.open_raw(content)
    }
}

impl Journal for Dying {
    fn commit(&self, batch: &[Vec<Change>]) -> Result<Committed, Error> {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        if left > 0 {
            return self.inner.commit(batch);
        }
        self.dead.notify_one();
        if left == 0 && self.after {
            self.inner.commit(batch)?;
        }
        Err(Error::Closed)
    }

    fn keep_as(&self, id: BodyId, bytes: Bytes) -> Result<NewBody, Error> {
        self.inner.keep_as(id, bytes)
    }

    fn scratch(&self) -> Result<Scratch, Error> {
        self.inner.scratch()
    }

    fn keep_pieces(&self, scratch: Scratch) -> Result<ContentRef, Error> {
        self.inner.keep_pieces(scratch)
    }

    fn kept(&self, content: &ContentRef) -> NewBody {
        self.inner.kept(content)
    }

    fn compact(&self) -> Result<(), Error> {
        self.inner.compact()
    }

    fn sweep(&self) -> Result<u32, Error> {
        self.inner.sweep()
    }

    fn verify(&self, body: BodyId) -> Result<(), BodyError> {
        self.inner.verify(body)
    }

    fn unrouted(&self, after: MessageId, limit: u32) -> Result<Vec<Unrouted>, Error> {
        self.inner.unrouted(after, limit)
    }

    fn due(&self, sink: &PartnerName, now: Millis, limit: u32) -> Result<Due, Error> {
        let due = self.inner.due(sink, now, limit)?;
        self.window_max.fetch_max(due.ready.len().max(due.latest.len()), Ordering::Relaxed);
        Ok(due)
    }

    fn delivery(&self, id: DeliveryId) -> Result<Option<StoredDelivery>, Error> {
        self.inner.delivery(id)
    }

    fn message(&self, id: MessageId) -> Result<Option<Unrouted>, Error> {
        self.inner.message(id)
    }

    fn owed(&self, message: MessageId) -> Result<Vec<DeliveryId>, Error> {
        self.inner.owed(message)
    }

    fn left_with(&self, key: &crate::journal::Key) -> Result<Vec<DeliveryId>, Error> {
        self.inner.left_with(key)
    }

    fn understood(&self, message: MessageId) -> Result<Option<ContentRef>, Error> {
        self.inner.understood(message)
    }

    fn answered(&self, delivery: DeliveryId) -> Result<Vec<crate::journal::KnownAnswer>, Error> {
        self.inner.answered(delivery)
    }

    fn hold_keys(&self) -> Result<Vec<(HeldKey, bool)>, Error> {
        self.inner.hold_keys()
    }

    fn unsettled(
        &self,
        hold: &HeldKey,
        lifted: bool,
        after: DeliveryId,
        limit: u32,
    ) -> Result<Vec<DeliveryId>, Error> {
        self.inner.unsettled(hold, lifted, after, limit)
    }

    fn tally_agrees(&self) -> Result<bool, Error> {
        self.inner.tally_agrees()
    }

    fn held_routes(&self) -> Result<Vec<RouteName>, Error> {
        self.inner.held_routes()
    }

    fn stale(&self, after: i64, limit: u32) -> Result<Option<Stale>, Error> {
        self.inner.stale(after, limit)
    }

    fn noted(&self, name: &str) -> Result<Option<String>, Error> {
        self.inner.noted(name)
    }

    fn load(&self) -> Result<LoadChange, Error> {
        self.inner.load()
    }
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => Just(Act::Done),
        3 => Just(Act::Retry),
        2 => Just(Act::TakenUnknown),
        2 => Just(Act::Unknown),
        1 => Just(Act::Park),
        1 => Just(Act::Refuse),
        1 => Just(Act::PrepareRetry),
    ]
}

#[derive(Clone, Debug)]
struct Message {
    patient: u8,
    dmp: bool,
    mail: bool,
    reports: bool,
    qualified: bool,
    script: Vec<Act>,
}

fn message() -> impl Strategy<Value = Message> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), prop::bool::weighted(0.8));
    (0..3_u8, flags, prop::collection::vec(act(), 0..4)).prop_map(
        |(patient, (dmp, mail, reports, qualified), script)| Message {
            patient,
            dmp,
            mail,
            reports,
            qualified,
            script,
        },
    )
}

fn text(n: usize, message: &Message) -> String {
    let flag = |set: bool, word: &str| if set { format!(";{word}") } else { String::new() };
    format!(
        "M{n};patient=P{}{}{}{}{}",
        message.patient,
        flag(message.dmp, "dmp"),
        flag(message.mail, "mail"),
        flag(message.reports, "reports"),
        flag(!message.qualified, "prov")
    )
}

/// Sends, dies at each of the given commits, starts again, and comes to rest at last.
async fn live(messages: &[Message], deaths: &[(u8, bool)]) -> World {
    let mut world = World::unstarted();
    for (n, message) in messages.iter().enumerate() {
        world.script("dmp", &format!("M{n}"), &message.script);
    }
    let mut sent = 0;
    for (commits, after) in deaths {
        let (again, dying) = world.reopen_dying(i64::from(*commits), *after);
        world = again;
        // A death during the start itself is one too.
        if world.try_start().await {
            while sent < messages.len() {
                match world.try_send(&text(sent, &messages[sent])).await {
                    true => sent += 1,
                    false => break,
                }
            }
            tokio::select! {
                () = world.engine.wait_idle() => {}
                () = dying.dead.notified() => {}
            }
        }
    }
    world = world.die();
    world.start().await;
    while sent < messages.len() {
        world.send(&text(sent, &messages[sent])).await;
        sent += 1;
    }
    world.engine.wait_idle().await;
    world
}

fn check(world: &World, messages: &[Message]) -> Result<(), TestCaseError> {
    let balance = world.engine.reader().balance(Window::default()).unwrap();
    prop_assert!(balance.closes(), "{balance:?}");
    prop_assert_eq!(balance.total.messages.routed, messages.len() as u64);
    let open = balance.total.deliveries.in_flight;

    // The same bytes for every attempt of a delivery; after an unknown outcome, every attempt probes.
    let mut first: HashMap<(String, String, String), Bytes> = HashMap::new();
    for seen in world.outside.seen.lock().unwrap().iter() {
        let key = (seen.sink.clone(), seen.control_id.clone(), seen.part.clone());
        if seen.sink != "sil" {
            prop_assert_eq!(first.entry(key).or_insert_with(|| seen.bytes.clone()), &seen.bytes);
        }
    }
    // Nothing was taken twice by a partner that can be probed.
    let mut taken = world.outside.taken.lock().unwrap().clone();
    let count = taken.len();
    taken.sort();
    taken.dedup();
    prop_assert_eq!(count, taken.len());

    // Within a lane and a key, numbers end in order: what is open stands behind what is parked.
    let mut held = 0;
    let mut stopped: HashMap<u8, bool> = HashMap::new();
    for (n, message) in messages.iter().enumerate() {
        let journey = world.journey(&format!("M{n}"));
        for delivery in &journey.deliveries {
            prop_assert!(delivery.state != DeliveryState::Sending);
            if delivery.sink.as_str() != "dmp" {
                continue;
            }
            let before = stopped.get(&message.patient).copied().unwrap_or(false);
            match delivery.state {
                DeliveryState::Parked => {
                    stopped.insert(message.patient, true);
                }
                DeliveryState::Waiting => {
                    prop_assert!(before, "M{n} waits for nobody");
                    held += 1;
                }
                DeliveryState::Delivered => prop_assert!(!before, "M{n} passed a parked one"),
                DeliveryState::Refused if message.qualified => {
                    prop_assert!(!before, "M{n} passed a parked one");
                }
                _ => {}
            }
        }
    }
    prop_assert_eq!(open, held);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn nothing_vanishes_and_nothing_is_sent_twice_whenever_the_process_dies(
        messages in prop::collection::vec(message(), 1..7),
        deaths in prop::collection::vec((1..14_u8, any::<bool>()), 0..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let world = live(&messages, &deaths).await;
            check(&world, &messages)
        })?;
    }
}

pub(super) fn dying(inner: SharedJournal, commits: i64, after: bool) -> Arc<Dying> {
    Arc::new(Dying {
        inner,
        left: AtomicI64::new(commits),
        after,
        dead: Notify::new(),
        window_max: AtomicUsize::new(0),
    })
}
