//! What an operator holds back for a while: the route, a partner, a mailbox, a patient.
//! In: a gateway that runs. Out: holds that a cut may fall into, and that stand until they are lifted. What a life did not
//! give back, the next one does.

use jonction_engine::{Act, Engine, Error, Held};
use jonction_model::{Masked, PartnerName, RouteName};

use super::{World, letter::PATIENTS, partners::SINKS, upkeep::decide};

/// Lives in which something is held back, in percent.
const HOLDS_PERCENT: u64 = 30;

/// A hold, and what was answered of it.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    what: Held,
    /// It was said to be held, and nobody asked for its end.
    stands: bool,
}

impl World {
    /// Gives back what earlier lives held, then perhaps holds something for a while.
    pub(super) async fn hands(&self, engine: &Engine) {
        self.give_back(engine).await;
        if !self.chance(HOLDS_PERCENT) {
            return;
        }
        let Ok(what) = self.something() else { return };
        self.wait().await;
        // Before it is asked for: the answer may not come, and it be held.
        self.held.borrow_mut().push(Hold { what: what.clone(), stands: false });
        let held = decide(engine, Act::Hold { what }).await.is_ok();
        self.held.borrow_mut().iter_mut().for_each(|hold| hold.stands = held);
        self.holds.set(self.holds.get() + u64::from(held));
        self.wait().await;
        self.give_back(engine).await;
    }

    /// Lifts everything. What cannot be lifted now is lifted in the next life.
    pub(super) async fn give_back(&self, engine: &Engine) {
        self.held.borrow_mut().iter_mut().for_each(|hold| hold.stands = false);
        for what in self.may_be_held() {
            if let Ok(_) | Err(Error::NotHeld(_)) = decide(engine, Act::Lift { what: what.clone() }).await {
                self.held.borrow_mut().retain(|hold| hold.what != what);
            }
        }
    }

    /// What is held back, or was about to be.
    pub(super) fn may_be_held(&self) -> Vec<Held> {
        self.held.borrow().iter().map(|hold| hold.what.clone()).collect()
    }

    /// Whether something may be held back: then not all of what is owed leaves.
    pub(crate) fn holds_back(&self) -> bool {
        !self.held.borrow().is_empty()
    }

    /// What was said to be held is held, after any cut.
    pub(super) fn holds_stand(&self, engine: &Engine) {
        let holds = engine.reader().holds().map(|holds| holds.len());
        let must = self.held.borrow().iter().filter(|hold| hold.stands).count();
        if !holds.is_ok_and(|holds| holds >= must) {
            self.oracle.borrow_mut().broken("what was held back is not any more".to_owned());
        }
    }

    fn something(&self) -> Result<Held, Error> {
        let (kind, sink, patient) = {
            let mut dice = self.dice.borrow_mut();
            (dice.below(4), SINKS[dice.place(SINKS.len())], dice.below(PATIENTS))
        };
        let wrong = |what: &str| Error::Inconsistent(what.to_owned());
        Ok(match kind {
            0 => Held::Route(RouteName::parse("essai").map_err(|_| wrong("name of a route"))?),
            1 => Held::Partner(PartnerName::parse(sink).map_err(|_| wrong("name of a partner"))?),
            2 => Held::Recipient(Masked::new(format!("P{patient}-0@x.mssante.example"))),
            _ => Held::Patient(Masked::new(format!("P{patient}"))),
        })
    }
}
