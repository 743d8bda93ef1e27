//! What must hold, judged from outside: from what the engine answered, what it announced, and what the partners hold.
//! In: letters, receipts, events. Out: violations, each of a kind. The engine's own journal is asked, never believed.
//! Source: architecture §4.1 to §4.5.

mod backup;
mod damage;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use jiff::Timestamp;
use jonction_engine::{
    Aging, AttemptLine, AttemptState, DeliveryState, Engine, Event, MessageJourney, MessageState, Reader,
    Window,
};
use jonction_model::{BodyId, ContentRef};
use jonction_ports::{Bodies, BodyError, DeliveryId, MessageId, Receipt};

use crate::world::{BODY_FILE_BYTES, Letter, Outside, Taken, envelope};

/// More than any letter has.
const BODY_MAX: u64 = 1 << 20;
/// What a journey says of an attempt that may be the second one to arrive.
const POSSIBLE_DUPLICATE: &str = "engine.possible-duplicate";

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Acknowledged, and not there, or not delivered.
    Lost,
    /// Delivered twice, without an unknown outcome to excuse it; or taken twice.
    Duplicated,
    /// Delivered before an older one of the same person.
    Reordered,
    /// Other bytes than those that were sent or prepared.
    Altered,
    /// Anything else: does not start, does not come to rest, a balance that does not close.
    Broken,
}

/// One thing that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What.
    pub kind: Kind,
    /// Which message, and how.
    pub what: String,
}

/// A letter, and what the sender knows of it.
struct Promise {
    letter: Letter,
    /// The first receipt, if one came.
    receipt: Option<(MessageId, Bytes)>,
    acknowledged: bool,
    /// When it left for the first time.
    sent_at: Timestamp,
    /// A purge was asked for that may take its bodies, or all of it.
    aging: Option<Aging>,
    /// Its bytes were seen to be gone: they never come back.
    destroyed: bool,
}

impl Promise {
    /// Whether a purge may have taken its rows.
    fn may_be_gone(&self) -> bool {
        self.aging == Some(Aging::Metadata)
    }
}

/// Keeps what was promised.
#[derive(Default)]
pub(crate) struct Oracle {
    promises: BTreeMap<String, Promise>,
    /// Control ids in the order their link sent them first.
    order: Vec<String>,
    /// Deliveries announced as delivered.
    announced: BTreeSet<DeliveryId>,
    /// Copies within the window of an unknown outcome, to partners that cannot be asked.
    pub(crate) possible_duplicates: u64,
    violations: Vec<Violation>,
}

impl Oracle {
    /// What went wrong so far.
    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    pub(crate) fn broken(&mut self, what: String) {
        self.wrong(Kind::Broken, what);
    }

    /// Letters that were acknowledged.
    pub(crate) fn accepted(&self) -> u64 {
        self.promises.values().filter(|promise| promise.acknowledged).count() as u64
    }

    fn wrong(&mut self, kind: Kind, what: String) {
        let violation = Violation { kind, what };
        // What is wrong stays wrong over the following lives: it counts once.
        if !self.violations.contains(&violation) {
            self.violations.push(violation);
        }
    }

    /// Letters whose bytes a purge destroyed.
    pub(crate) fn destroyed(&self) -> u64 {
        self.promises.values().filter(|promise| promise.destroyed).count() as u64
    }

    /// A letter leaves the sender.
    pub(crate) fn sent(&mut self, letter: &Letter, at: Timestamp) {
        let id = &letter.control_id;
        if !self.promises.contains_key(id) {
            self.order.push(id.clone());
            let promise = Promise {
                letter: letter.clone(),
                receipt: None,
                acknowledged: false,
                sent_at: at,
                aging: None,
                destroyed: false,
            };
            self.promises.insert(id.clone(), promise);
        }
    }

    /// A purge of what came before a moment is about to be asked for. Out: that moment, earlier when a letter would be
    /// forgotten of which its sender does not know yet that it was taken.
    pub(crate) fn ages(&mut self, what: Aging, before: Timestamp) -> Timestamp {
        let unknown = self.promises.values().filter(|promise| !promise.acknowledged);
        let oldest = unknown.map(|promise| promise.sent_at).min().filter(|_| what == Aging::Metadata);
        let before = oldest.map_or(before, |oldest| oldest.min(before));
        for promise in self.promises.values_mut().filter(|promise| promise.sent_at < before) {
            let whole = what == Aging::Metadata || promise.may_be_gone();
            promise.aging = Some(if whole { Aging::Metadata } else { Aging::Bodies });
        }
        before
    }

    /// The sender was told « taken ». Every receipt of a letter is the first one again.
    pub(crate) fn acknowledged(&mut self, letter: &Letter, receipt: Option<Receipt>) {
        self.sent(letter, Timestamp::UNIX_EPOCH);
        let Some(promise) = self.promises.get_mut(&letter.control_id) else { return };
        promise.acknowledged = true;
        let Some(receipt) = receipt else { return };
        let (number, reply) = promise.receipt.get_or_insert((receipt.message, receipt.reply.clone())).clone();
        if number != receipt.message {
            self.wrong(
                Kind::Duplicated,
                format!("{}: taken as {number} and {}", letter.control_id, receipt.message),
            );
        } else if reply != receipt.reply {
            self.wrong(Kind::Altered, format!("{}: another receipt than the first time", letter.control_id));
        }
    }

    /// The engine announced something: it is durable.
    pub(crate) fn heard(&mut self, event: &Event) {
        if let Event::Attempt { delivery, state: DeliveryState::Delivered, .. } = event {
            self.announced.insert(*delivery);
        }
    }

    /// A gateway opened: everything promised so far stands in its journal, before anything moves.
    pub(crate) fn stands(&mut self, engine: &Engine, outside: &Outside) {
        let reader = &engine.reader();
        self.bytes_are_kept(&*engine.tools().bodies);
        let journeys = self.journeys(reader);
        let mut deliveries = HashMap::new();
        for (id, journey) in &journeys {
            for delivery in &journey.deliveries {
                deliveries.insert(delivery.id, (id.clone(), delivery));
            }
        }
        let forgotten = self.forgotten(outside);
        for id in self.announced.clone() {
            match deliveries.get(&id) {
                None if forgotten.contains(&id) => {}
                Some((_, delivery)) if delivery.state == DeliveryState::Delivered => {}
                found => {
                    let state = found.map_or("gone", |(_, delivery)| delivery.state.word());
                    self.wrong(Kind::Lost, format!("delivery {id}: announced as delivered, now {state}"));
                }
            }
        }
        for taken in outside.taken().iter().filter(|taken| !forgotten.contains(&taken.delivery)) {
            let known = deliveries.get(&taken.delivery).is_some_and(|(id, delivery)| {
                let uid = delivery.ids.as_ref().map(|ids| ids["uid"] == taken.uid.as_str());
                *id == taken.control_id && uid == Some(true) && !delivery.attempts.is_empty()
            });
            if !known {
                self.wrong(
                    Kind::Duplicated,
                    format!("{}: {} holds what no attempt sent", taken.control_id, taken.sink),
                );
            }
        }
        self.balance_closes(reader);
    }

    /// Deliveries that partners hold, of letters whose rows a purge may have taken.
    fn forgotten(&self, outside: &Outside) -> BTreeSet<DeliveryId> {
        let may_be = |id: &str| self.promises.get(id).is_some_and(Promise::may_be_gone);
        outside.taken().iter().filter(|taken| may_be(&taken.control_id)).map(|taken| taken.delivery).collect()
    }

    /// What was acknowledged can be read, as it was sent, unless a purge was asked for; what it took stays away.
    fn bytes_are_kept(&mut self, bodies: &dyn Bodies) {
        let mut wrong = Vec::new();
        for (id, promise) in self.promises.iter_mut().filter(|(_, promise)| promise.acknowledged) {
            let text = &promise.letter.text;
            match bodies.read(&ContentRef::whole(BodyId::of(text), text.len() as u64), BODY_MAX) {
                Ok(kept) if kept == text && promise.destroyed => {
                    wrong.push((Kind::Broken, format!("{id}: what a purge destroyed is back")));
                }
                Ok(kept) if kept == text => {}
                Err(BodyError::Missing(_)) if promise.aging.is_some() => promise.destroyed = true,
                Ok(_) => {
                    wrong.push((Kind::Altered, format!("{id}: other bytes are kept than those that came")))
                }
                Err(error) => wrong.push((Kind::Lost, format!("{id}: its bytes are not kept: {error}"))),
            }
        }
        wrong.into_iter().for_each(|(kind, what)| self.wrong(kind, what));
    }

    /// The journey of every letter. One that was acknowledged and is not there is lost.
    fn journeys(&mut self, reader: &Reader) -> Vec<(String, MessageJourney)> {
        let mut found = Vec::new();
        for id in self.order.clone() {
            let (must_be, receipt) = self
                .promises
                .get(&id)
                .map(|promise| {
                    let number = promise.receipt.as_ref().map(|(number, _)| *number);
                    (promise.acknowledged && !promise.may_be_gone(), number)
                })
                .unwrap_or_default();
            match reader.journey(&id) {
                Err(error) => self.wrong(Kind::Lost, format!("{id}: {error}")),
                Ok(journeys) if journeys.is_empty() && must_be => {
                    self.wrong(Kind::Lost, format!("{id}: acknowledged, and not in the journal"));
                }
                Ok(journeys) if journeys.len() > 1 => {
                    self.wrong(Kind::Duplicated, format!("{id}: {} times in the journal", journeys.len()));
                }
                Ok(journeys) => {
                    for journey in journeys {
                        if receipt.is_some_and(|number| number != journey.id) {
                            self.wrong(Kind::Lost, format!("{id}: its number is another message's"));
                        }
                        found.push((id.clone(), journey));
                    }
                }
            }
        }
        found
    }

    fn balance_closes(&mut self, reader: &Reader) {
        match reader.balance(Window::default()) {
            Ok(balance) if balance.closes() => {}
            Ok(balance) => self.broken(format!("the balance does not close: {:?}", balance.total)),
            Err(error) => self.broken(format!("no balance: {error}")),
        }
    }

    /// The end: everything is acknowledged, routed and delivered, once, unaltered, in order.
    pub(crate) fn ends(&mut self, engine: &Engine, outside: &Outside, files: &[PathBuf]) {
        let reader = &engine.reader();
        self.bytes_are_kept(&*engine.tools().bodies);
        let taken = outside.taken().clone();
        let journeys = self.journeys(reader);
        let mut owed = 0;
        for (id, journey) in &journeys {
            owed += self.delivered(id, journey, &taken);
        }
        let known: BTreeSet<DeliveryId> = journeys
            .iter()
            .flat_map(|(_, journey)| &journey.deliveries)
            .map(|delivery| delivery.id)
            .collect();
        let forgotten = self.forgotten(outside);
        for taken in taken
            .iter()
            .filter(|taken| !known.contains(&taken.delivery) && !forgotten.contains(&taken.delivery))
        {
            self.wrong(
                Kind::Duplicated,
                format!("{}: {} holds a delivery nobody owes", taken.control_id, taken.sink),
            );
        }
        self.in_order(&taken);
        self.balance_closes(reader);
        self.nothing_is_left(files, &journeys);
        // Of those whose rows are gone, the balance still tells.
        for (id, promise) in &self.promises {
            if promise.may_be_gone() && journeys.iter().all(|(known, _)| known != id) {
                owed += promise.letter.owes_with_reports().len() as u64;
            }
        }
        let letters = self.promises.len() as u64;
        if let Ok(balance) = reader.balance(Window::default()) {
            let (messages, deliveries) = (balance.total.messages, balance.total.deliveries);
            let wrong = messages.routed != letters
                || messages.received != letters + messages.repeated
                || deliveries.owed != owed
                || deliveries.delivered != owed;
            if wrong {
                self.broken(format!(
                    "{letters} letters, {owed} deliveries owed, and a balance of {:?}",
                    balance.total
                ));
            }
        }
    }

    /// What one letter owed was delivered. Out: how many deliveries that is.
    fn delivered(&mut self, id: &str, journey: &MessageJourney, taken: &[Taken]) -> u64 {
        let Some(letter) = self.promises.get(id).map(|promise| promise.letter.clone()) else { return 0 };
        if journey.state != MessageState::Routed {
            self.wrong(
                Kind::Lost,
                format!("{id}: {} at the end ({:?})", journey.state.word(), journey.error),
            );
        }
        let mut expected = letter.owes_with_reports();
        expected.sort_unstable();
        let mut found: Vec<_> = journey
            .deliveries
            .iter()
            .map(|delivery| (delivery.sink.as_str(), delivery.key.clone()))
            .collect();
        found.sort_unstable();
        // Which part it was stood in a body.
        if journey.purged_at.is_some() {
            found.iter_mut().chain(&mut expected).for_each(|(_, key)| key.clear());
            found.sort_unstable();
            expected.sort_unstable();
        }
        if found != expected {
            self.wrong(Kind::Lost, format!("{id}: owes {expected:?}, the journal has {found:?}"));
        }
        for delivery in &journey.deliveries {
            let what = format!("{id}: {} {}", delivery.sink, delivery.key);
            if delivery.state != DeliveryState::Delivered {
                let why = delivery.finding.as_ref().map(|finding| finding.check.clone());
                self.wrong(Kind::Lost, format!("{what}: {} at the end ({why:?})", delivery.state.word()));
            }
            let copies: Vec<_> = taken.iter().filter(|taken| taken.delivery == delivery.id).collect();
            self.copies(&what, &letter, &copies, &delivery.attempts);
        }
        expected.len() as u64
    }

    /// What a partner holds of one delivery.
    fn copies(&mut self, what: &str, letter: &Letter, copies: &[&Taken], attempts: &[AttemptLine]) {
        let Some(first) = copies.first() else {
            self.wrong(Kind::Lost, format!("{what}: said to be delivered, and the partner has nothing"));
            return;
        };
        if copies.iter().any(|copy| copy.uid != first.uid) {
            self.wrong(Kind::Duplicated, format!("{what}: under several identifiers"));
        }
        let more = copies.len() - 1;
        let unknown = attempts.iter().filter(|attempt| attempt.outcome == AttemptState::Unknown).count();
        let told =
            attempts.iter().flat_map(|attempt| &attempt.notes).any(|note| note.check == POSSIBLE_DUPLICATE);
        let excused = if first.sink == "dmp" { 0 } else { unknown };
        if more > excused || (more > 0 && !told) {
            let copies = copies.len();
            let what =
                format!("{what}: {copies} copies, {unknown} unknown outcomes, told in its journey: {told}");
            self.wrong(Kind::Duplicated, what);
        } else {
            self.possible_duplicates += more as u64;
        }
        let mut expected = envelope(&first.uid).to_vec();
        if first.sink != "sil" {
            expected.extend_from_slice(&letter.text);
        }
        if copies.iter().any(|copy| copy.bytes != expected) {
            self.wrong(Kind::Altered, format!("{what}: other bytes than those that were sent"));
        }
    }

    /// Every file of a body is one that a row names.
    fn nothing_is_left(&mut self, files: &[PathBuf], journeys: &[(String, MessageJourney)]) {
        let mut named: BTreeSet<String> = BTreeSet::new();
        let mut name = |bytes: &[u8]| {
            if bytes.len() as u64 >= BODY_FILE_BYTES {
                named.insert(BodyId::of(bytes).to_string());
            }
        };
        let kept = self.promises.values().filter(|promise| !promise.destroyed);
        kept.for_each(|promise| name(&promise.letter.text));
        for (_, journey) in journeys.iter().filter(|(_, journey)| journey.purged_at.is_none()) {
            for delivery in &journey.deliveries {
                let uid = delivery.ids.as_ref().and_then(|ids| ids["uid"].as_str()).unwrap_or_default();
                name(&envelope(uid));
            }
        }
        for file in files.iter().filter(|path| !named.contains(&body_name(path))) {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.broken(format!("a file that nothing names is left: {name}"));
        }
    }

    /// Of one person, or one address, things came in the order the sender sent them.
    fn in_order(&mut self, taken: &[Taken]) {
        let place: HashMap<&str, usize> =
            self.order.iter().enumerate().map(|(at, id)| (id.as_str(), at)).collect();
        let mut last: HashMap<(&str, u64, &str), usize> = HashMap::new();
        let mut seen = BTreeSet::new();
        let mut wrong = Vec::new();
        for taken in taken.iter().filter(|taken| taken.sink != "sil") {
            let (Some(at), Some(promise)) =
                (place.get(taken.control_id.as_str()), self.promises.get(&taken.control_id))
            else {
                continue;
            };
            // A copy after an unknown outcome comes late; the first one counts.
            if !seen.insert(taken.delivery) {
                continue;
            }
            let before = last.insert((taken.sink, promise.letter.patient, &taken.part), *at);
            if before.is_some_and(|before| before > *at) {
                wrong.push(format!("{}: {} took it after a later one", taken.control_id, taken.sink));
            }
        }
        wrong.into_iter().for_each(|what| self.wrong(Kind::Reordered, what));
    }

    /// Every letter that is surely known, for who sends them all again.
    pub(crate) fn letters(&self) -> Vec<Letter> {
        let known = self.promises.values().filter(|promise| !promise.may_be_gone());
        known.map(|promise| promise.letter.clone()).collect()
    }
}

/// Lanes in which a parked delivery holds up what is younger of the same person.
type HeldUp = BTreeSet<(String, u64)>;

/// Notes what a journey holds up.
fn hold_up(held: &mut HeldUp, letter: &Letter, journey: &MessageJourney) {
    let parked = journey.deliveries.iter().filter(|delivery| delivery.state == DeliveryState::Parked);
    held.extend(parked.map(|delivery| (delivery.sink.to_string(), letter.patient)));
}

/// Hash of a body, from where its file stands: `bodies/ab/cdef…`, or `bodies/new/abcdef…`.
pub(crate) fn body_name(path: &Path) -> String {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.parent().map(name).unwrap_or_default();
    if folder == "new" { name(path) } else { folder + &name(path) }
}
