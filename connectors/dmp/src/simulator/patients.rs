//! Patients the simulated DMP knows, and the state of their DMP.
//! In: lines `INS;state`, or values. Out: the state of an INS. Source: dmp-xds.md §11.1.

use std::collections::BTreeMap;

use jonction_model::{Ins, nearest};

/// State of the DMP of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DmpState {
    /// Open: feeding and deleting are accepted.
    Active,
    /// Closed by the person.
    Closed,
    /// The person has none (they objected to its creation).
    None,
    /// The person is opposed to what is sent.
    Opposed,
}

impl DmpState {
    /// Every state with its name.
    pub const ALL: [(DmpState, &'static str); 4] = [
        (Self::Active, "active"),
        (Self::Closed, "closed"),
        (Self::None, "none"),
        (Self::Opposed, "opposed"),
    ];

    /// Reads a name. Errors: the known names, in French.
    pub fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text).map(|(state, _)| *state);
        found.ok_or_else(|| match nearest(text, Self::ALL.map(|(_, name)| name)) {
            Some(near) => format!("un état de DMP ; vouliez-vous « {near} » ?"),
            None => format!("un état de DMP parmi : {}", Self::ALL.map(|(_, name)| name).join(", ")),
        })
    }
}

/// The patients. An INS that is not listed has the default state.
#[derive(Clone, Debug)]
pub struct Patients {
    listed: BTreeMap<Ins, DmpState>,
    /// State of everybody else.
    pub default: DmpState,
}

impl Default for Patients {
    fn default() -> Self {
        Self { listed: BTreeMap::new(), default: DmpState::Active }
    }
}

impl Patients {
    /// Sets the state of a person.
    #[must_use]
    pub fn with(mut self, ins: Ins, state: DmpState) -> Self {
        self.set(ins, state);
        self
    }

    /// Sets the state of a person.
    pub fn set(&mut self, ins: Ins, state: DmpState) {
        self.listed.insert(ins, state);
    }

    /// State of the DMP of this matricule; a text that is not an INS has none.
    pub fn state(&self, ins: &str) -> DmpState {
        match Ins::parse(ins) {
            Ok(ins) => self.listed.get(&ins).copied().unwrap_or(self.default),
            Err(_) => DmpState::None,
        }
    }

    /// How many are listed in each state: for a screen.
    pub fn counts(&self) -> Vec<(&'static str, usize)> {
        let count = |state| self.listed.values().filter(|known| **known == state).count();
        DmpState::ALL.iter().map(|(state, name)| (*name, count(*state))).filter(|(_, n)| *n > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_listed_has_the_default_state_and_what_is_no_ins_has_none() {
        let ins = Ins::parse("279035121518989").unwrap();
        let patients = Patients::default().with(ins, DmpState::Closed);
        assert_eq!(patients.state("279035121518989"), DmpState::Closed);
        assert_eq!(patients.state("160012A00412345"), DmpState::Active);
        assert_eq!(patients.state("../etc"), DmpState::None);
        assert_eq!(patients.counts(), [("closed", 1)]);
    }

    #[test]
    fn a_mistyped_state_is_offered_its_nearest() {
        assert_eq!(DmpState::parse("opposed"), Ok(DmpState::Opposed));
        assert_eq!(DmpState::parse("closd").unwrap_err(), "un état de DMP ; vouliez-vous « closed » ?");
    }
}
