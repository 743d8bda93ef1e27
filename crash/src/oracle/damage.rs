//! What a gateway on a damaged disk may do, and what it may not.
//! In: the damaged store at rest. Out: violations, or what came of the flip.

use jonction_engine::{DeliveryJourney, DeliveryState, Engine, MessageJourney, MessageState};
use jonction_model::{BodyId, ContentRef};
use jonction_ports::BodyError;

use super::{BODY_MAX, HeldUp, Kind, Oracle, Promise, body_name, hold_up};
use crate::world::{Fate, Letter, Parked, Taken, envelope};

/// Why something damaged waits.
const DAMAGED: &str = "journal.body-damaged";
/// The same, when the bit flipped in the name of the key it is sealed with: another key is asked for, for a minute.
const UNREADABLE: &str = "journal.body-unreadable";

impl Oracle {
    /// What left on a damaged store is byte for byte what it would have been.
    pub(crate) fn nothing_damaged_left(&mut self, left: &[Taken]) {
        for taken in left {
            let Some(promise) = self.promises.get(&taken.control_id) else {
                return self.wrong(Kind::Altered, format!("{}: nobody sent that", taken.control_id));
            };
            let mut expected = envelope(&taken.uid).to_vec();
            if taken.sink != "sil" {
                expected.extend_from_slice(&promise.letter.text);
            }
            if taken.bytes != expected {
                let what = format!("{}: {} got damaged bytes", taken.control_id, taken.sink);
                self.wrong(Kind::Altered, what);
            }
        }
    }

    fn must_be(&self) -> Vec<(String, Letter)> {
        let must_be = |promise: &&Promise| promise.acknowledged && !promise.may_be_gone();
        let promises = self.promises.values().filter(must_be);
        promises.map(|promise| (promise.letter.control_id.clone(), promise.letter.clone())).collect()
    }

    /// A damaged body or log: whatever does not need this very file is delivered.
    pub(crate) fn all_but(&mut self, engine: &Engine, rests: bool, file: Option<&std::path::Path>) -> Fate {
        let damaged = file.map(body_name);
        let is_it =
            |bytes: &[u8]| damaged.as_ref().is_some_and(|name| *name == BodyId::of(bytes).to_string());
        let is_why = |why: &str| [DAMAGED, UNREADABLE].contains(&why);
        let mut fate = Fate::Harmless;
        if !rests {
            self.broken("a damaged store comes to no rest".to_owned());
        }
        let (reader, mut held) = (engine.reader(), HeldUp::new());
        for letter in self.promises.values().map(|promise| &promise.letter) {
            let journeys = reader.journey(&letter.control_id).unwrap_or_default();
            journeys.iter().for_each(|journey| hold_up(&mut held, letter, journey));
        }
        for (id, letter) in self.must_be() {
            let journeys = reader.journey(&id).unwrap_or_default();
            let [journey] = journeys.as_slice() else {
                let what = format!("{id}: {} times in a damaged journal", journeys.len());
                self.wrong(Kind::Lost, what);
                continue;
            };
            if journey.state != MessageState::Routed {
                let why = journey.error.as_deref();
                if !(is_it(&letter.text) && journey.state == MessageState::Parked && why.is_some_and(is_why))
                {
                    self.wrong(
                        Kind::Lost,
                        format!("{id}: {} ({why:?}), and undamaged", journey.state.word()),
                    );
                }
                fate = Fate::Told;
            }
            for delivery in &journey.deliveries {
                let why = delivery.finding.as_ref().map(|finding| finding.check.as_str());
                let needs_it = is_it(&letter.text) || is_it(&envelope(uid_of(delivery)));
                let waits = needs_it && delivery.state == DeliveryState::Parked && why.is_some_and(is_why);
                let behind = delivery.state == DeliveryState::Waiting
                    && held.contains(&(delivery.sink.to_string(), letter.patient));
                if delivery.state != DeliveryState::Delivered && !waits && !behind {
                    let what = format!("{id}: {} {} ({why:?})", delivery.sink, delivery.state.word());
                    self.wrong(Kind::Lost, format!("{what}, and undamaged"));
                }
                fate = if waits { Fate::Told } else { fate };
            }
        }
        fate
    }

    /// A damaged page: bytes are never other than they were; the rest is counted.
    pub(crate) fn metadata_damaged(&mut self, engine: &Engine, rests: bool, taken: &[Taken]) -> Fate {
        let (reader, bodies) = (engine.reader(), engine.tools().bodies);
        let mut fate = if rests { Fate::Harmless } else { Fate::Told };
        for (id, letter) in self.must_be() {
            let aged = self.promises.get(&id).is_some_and(|promise| promise.aging.is_some());
            let whole = ContentRef::whole(BodyId::of(&letter.text), letter.text.len() as u64);
            let of_bytes = match bodies.read(&whole, BODY_MAX) {
                Ok(kept) if kept == letter.text => Fate::Harmless,
                Ok(_) => {
                    self.wrong(Kind::Altered, format!("{id}: other bytes are served from a damaged page"));
                    Fate::Unseen
                }
                Err(BodyError::Missing(_)) if aged => Fate::Harmless,
                Err(_) => Fate::Told,
            };
            let of_journey = match reader.journey(&id) {
                Err(_) => Fate::Told,
                Ok(journeys) => match journeys.as_slice() {
                    [journey] => fate_of(journey, &letter, taken),
                    _ => Fate::Unseen,
                },
            };
            fate = fate.max(of_bytes).max(of_journey);
        }
        match reader.balance(jonction_engine::Window::default()) {
            Ok(balance) if balance.closes() => fate,
            _ => fate.max(Fate::Told),
        }
    }

    /// What waits for a human.
    pub(crate) fn parked(&self, engine: &Engine) -> Parked {
        let reader = engine.reader();
        let journeys = self.order.iter().flat_map(|id| reader.journey(id).unwrap_or_default());
        let mut parked = Parked::default();
        for journey in journeys {
            if journey.state == MessageState::Parked {
                parked.0.push(journey.id);
            }
            let waits = journey.deliveries.iter().filter(|delivery| delivery.state == DeliveryState::Parked);
            parked.1.extend(waits.map(|delivery| delivery.id));
        }
        parked
    }
}

fn uid_of(delivery: &DeliveryJourney) -> &str {
    delivery.ids.as_ref().and_then(|ids| ids["uid"].as_str()).unwrap_or_default()
}

/// What a journey shows of a damaged page. What waits for ever is told by the balance, and by the alert of a late lane.
fn fate_of(journey: &MessageJourney, letter: &Letter, taken: &[Taken]) -> Fate {
    match journey.state {
        MessageState::Routed => {}
        MessageState::Parked | MessageState::Received => return Fate::Told,
        _ => return Fate::Unseen,
    }
    let (mut found, mut expected): (Vec<_>, _) = (
        journey.deliveries.iter().map(|delivery| (delivery.sink.as_str(), delivery.key.clone())).collect(),
        letter.owes_with_reports(),
    );
    // Which part it is stands in a body: purged, or damaged, which a journey shows.
    let unread = found.iter().any(|(_, key)| key == "?");
    if unread {
        found.iter_mut().chain(&mut expected).for_each(|(_, key)| key.clear());
    }
    found.sort_unstable();
    expected.sort_unstable();
    let mut fate = if unread && journey.purged_at.is_none() { Fate::Told } else { Fate::Harmless };
    for delivery in &journey.deliveries {
        fate = fate.max(match delivery.state {
            DeliveryState::Delivered if taken.iter().any(|taken| taken.delivery == delivery.id) => {
                Fate::Harmless
            }
            DeliveryState::Refused | DeliveryState::Delivered => Fate::Unseen,
            _ => Fate::Told,
        });
    }
    let complete = found == expected || (fate == Fate::Told && found.len() <= expected.len());
    if complete { fate } else { Fate::Unseen }
}
