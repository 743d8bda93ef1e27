//! What a restored store must tell, though it knows nothing of what happened after its backup.
//! In: the letters acknowledged before the backup. Out: each is there; what may have left since waits for a human; nothing
//! left twice by itself.

use std::collections::{BTreeMap, BTreeSet};

use jonction_engine::{DeliveryState, Engine, MessageState};
use jonction_model::{BodyId, ContentRef};

use super::{BODY_MAX, HeldUp, Kind, Oracle, hold_up};
use crate::world::Outside;

/// Why something of a restored store waits.
const RESTORED: &str = "engine.restored";

impl Oracle {
    /// Letters that were acknowledged, by control id.
    pub(crate) fn acknowledged_ids(&self) -> BTreeSet<String> {
        let known = self.promises.iter().filter(|(_, promise)| promise.acknowledged);
        known.map(|(id, _)| id.clone()).collect()
    }

    /// A restored store came to rest.
    pub(crate) fn comes_back(&mut self, engine: &Engine, outside: &Outside, holds: &BTreeSet<String>) {
        let reader = &engine.reader();
        let bodies = engine.tools().bodies;
        let mut held = HeldUp::new();
        for letter in self.promises.values().map(|promise| &promise.letter) {
            let journeys = reader.journey(&letter.control_id).unwrap_or_default();
            journeys.iter().for_each(|journey| hold_up(&mut held, letter, journey));
        }
        for id in holds {
            let Some(promise) = self.promises.get(id) else { continue };
            let (gone, aged, letter) =
                (promise.may_be_gone(), promise.aging.is_some(), promise.letter.clone());
            let journeys = match reader.journey(id) {
                Ok(journeys) => journeys,
                Err(error) => return self.broken(format!("{id}: restored: {error}")),
            };
            if journeys.is_empty() && !gone {
                self.wrong(Kind::Lost, format!("{id}: acknowledged before a backup, and not in it"));
            }
            let whole = ContentRef::whole(BodyId::of(&letter.text), letter.text.len() as u64);
            if !aged && bodies.read(&whole, BODY_MAX).ok().as_ref() != Some(&letter.text) {
                self.wrong(Kind::Lost, format!("{id}: its bytes are not in the backup"));
            }
            for journey in journeys {
                let waits =
                    journey.state == MessageState::Parked && journey.error.as_deref() == Some(RESTORED);
                if journey.state != MessageState::Routed && !waits {
                    self.wrong(
                        Kind::Lost,
                        format!("{id}: restored, {} ({:?})", journey.state.word(), journey.error),
                    );
                }
                for delivery in &journey.deliveries {
                    let why = delivery.finding.as_ref().map(|finding| finding.check.as_str());
                    let waits = delivery.state == DeliveryState::Parked && why == Some(RESTORED);
                    let behind = delivery.state == DeliveryState::Waiting
                        && held.contains(&(delivery.sink.to_string(), letter.patient));
                    if delivery.state != DeliveryState::Delivered && !waits && !behind {
                        let what = format!("{id}: restored, {} {}", delivery.sink, delivery.state.word());
                        self.wrong(Kind::Lost, format!("{what} ({why:?})"));
                    }
                }
            }
        }
        self.balance_closes(reader);
        self.once_each(outside);
    }

    /// Over both lives of a store, a thing left under one identifier, and once to who can be asked. Reports of what was
    /// delivered again tell of it again.
    fn once_each(&mut self, outside: &Outside) {
        let mut left: BTreeMap<(&str, String, String), Vec<String>> = BTreeMap::new();
        for taken in outside.taken().iter().filter(|taken| taken.sink != "sil") {
            let what = (taken.sink, taken.control_id.clone(), taken.part.clone());
            left.entry(what).or_default().push(taken.uid.clone());
        }
        for ((sink, id, part), mut uids) in left {
            let copies = uids.len();
            uids.dedup();
            if uids.len() > 1 || (sink == "dmp" && copies > 1) {
                let what =
                    format!("{id}: {sink} {part}: {copies} copies, {} identifiers, restored", uids.len());
                self.wrong(Kind::Duplicated, what);
            }
        }
    }
}
