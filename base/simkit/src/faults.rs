//! Faults of a simulator: rows of a table, chosen by name, at a rate or on the n-th request, seeded.
//! In: `busy first 2`, `slow rate 0.05`, `drop nth 3`, `busy`. Out: at each request, perhaps one fault.

use std::sync::{Mutex, PoisonError};

use jonction_model::{Entropy, SeededEntropy, nearest};

/// One fault a simulator can play.
#[derive(Clone, Copy, Debug)]
pub struct FaultRow<F> {
    /// Name in plans: `busy`.
    pub name: &'static str,
    /// What it does, in French, for `--help` and documentation.
    pub summary: &'static str,
    /// What the simulator's code matches on.
    pub fault: F,
}

/// All faults of a simulator.
pub type FaultTable<F> = &'static [FaultRow<F>];

/// On which requests a fault plays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// On every request.
    Always,
    /// On the first so many.
    First(u64),
    /// On one only, counted from 1.
    Nth(u64),
    /// On this share of requests, from 0 to 1, drawn with the seed.
    Rate(f64),
}

/// Why a plan cannot be read; in French, for the one who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError {
    /// What is wrong.
    pub sentence: String,
    /// What to write instead.
    pub remedy: String,
}

/// Which faults play when. Shared by all connections of a simulator; can be changed while it runs.
#[derive(Debug)]
pub struct FaultPlan<F: 'static> {
    table: FaultTable<F>,
    state: Mutex<State<F>>,
    entropy: SeededEntropy,
}

#[derive(Debug)]
struct State<F> {
    rules: Vec<(When, F)>,
    requests: u64,
}

impl<F: Copy> FaultPlan<F> {
    /// A plan without any fault.
    pub fn none(table: FaultTable<F>, seed: u64) -> Self {
        let state = Mutex::new(State { rules: Vec::new(), requests: 0 });
        Self { table, state, entropy: SeededEntropy::new(seed) }
    }

    /// Reads a plan: one rule a line, `NAME [first N | nth N | rate P]`.
    /// Errors: unknown name (the nearest is offered), unreadable rule.
    pub fn parse<'r>(
        table: FaultTable<F>,
        rules: impl IntoIterator<Item = &'r str>,
        seed: u64,
    ) -> Result<Self, PlanError> {
        let plan = Self::none(table, seed);
        plan.replace(rules)?;
        Ok(plan)
    }

    /// Replaces the rules and counts requests from zero again. On an error the old rules stay.
    pub fn replace<'r>(&self, rules: impl IntoIterator<Item = &'r str>) -> Result<(), PlanError> {
        let rules = rules.into_iter().map(|rule| parse_rule(self.table, rule)).collect::<Result<_, _>>()?;
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State { rules, requests: 0 };
        Ok(())
    }

    /// Counts one request and says which fault it gets: the first rule that plays.
    pub fn draw(&self) -> Option<F> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.requests += 1;
        let request = state.requests;
        let plays = |when: &When| match *when {
            When::Always => true,
            When::First(n) => request <= n,
            When::Nth(n) => request == n,
            // 53 bits: exactly what a double holds.
            When::Rate(rate) => ((self.entropy.number() >> 11) as f64) < rate * (1_u64 << 53) as f64,
        };
        state.rules.iter().find(|(when, _)| plays(when)).map(|(_, fault)| *fault)
    }

    /// The fault of this name, for faults a request asks for by itself.
    pub fn named(&self, name: &str) -> Option<F> {
        self.table.iter().find(|row| row.name == name).map(|row| row.fault)
    }
}

fn parse_rule<F: Copy>(table: FaultTable<F>, rule: &str) -> Result<(When, F), PlanError> {
    let mut words = rule.split_whitespace();
    let name = words.next().unwrap_or_default();
    let Some(row) = table.iter().find(|row| row.name == name) else {
        let names = || table.iter().map(|row| row.name);
        let remedy = match nearest(name, names()) {
            Some(near) => format!("vouliez-vous « {near} » ?"),
            None => format!("pannes connues : {}", names().collect::<Vec<_>>().join(", ")),
        };
        return Err(PlanError { sentence: format!("aucune panne ne s'appelle « {name} »"), remedy });
    };
    let count = |text: &str| text.parse::<u64>().ok().filter(|n| *n > 0);
    let when = match (words.next(), words.next(), words.next()) {
        (None, None, None) => Some(When::Always),
        (Some("first"), Some(n), None) => count(n).map(When::First),
        (Some("nth"), Some(n), None) => count(n).map(When::Nth),
        (Some("rate"), Some(p), None) => {
            p.parse::<f64>().ok().filter(|p| (0.0..=1.0).contains(p)).map(When::Rate)
        }
        _ => None,
    };
    match when {
        Some(when) => Ok((when, row.fault)),
        None => Err(PlanError {
            sentence: format!("« {rule} » : moment illisible"),
            remedy: format!(
                "écrire « {name} », « {name} first 2 », « {name} nth 3 » ou « {name} rate 0.05 »"
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: FaultTable<u8> = &[
        FaultRow { name: "busy", summary: "répond occupé", fault: 1 },
        FaultRow { name: "drop", summary: "coupe", fault: 2 },
    ];

    fn drawn(rules: &[&str], requests: usize) -> Vec<Option<u8>> {
        let plan = FaultPlan::parse(TABLE, rules.iter().copied(), 7).unwrap();
        (0..requests).map(|_| plan.draw()).collect()
    }

    #[test]
    fn a_rule_plays_on_the_requests_it_names() {
        assert_eq!(drawn(&["busy first 2"], 4), [Some(1), Some(1), None, None]);
        assert_eq!(drawn(&["drop nth 3", "busy nth 1"], 4), [Some(1), None, Some(2), None]);
        assert_eq!(drawn(&["busy"], 2), [Some(1), Some(1)]);
        assert_eq!(drawn(&[], 1), [None]);
    }

    #[test]
    fn a_rate_is_drawn_with_the_seed_and_is_about_right() {
        let first = drawn(&["busy rate 0.25"], 4000);
        assert_eq!(first, drawn(&["busy rate 0.25"], 4000));
        let count = first.iter().flatten().count();
        assert!((800..1200).contains(&count), "{count}");
        assert!(drawn(&["busy rate 0"], 100).iter().all(Option::is_none));
        assert!(drawn(&["busy rate 1"], 100).iter().all(Option::is_some));
    }

    #[test]
    fn an_unknown_name_offers_the_nearest_and_a_bad_rule_keeps_the_old_ones() {
        let plan = FaultPlan::parse(TABLE, ["busy"], 1).unwrap();
        assert_eq!(plan.replace(["bussy"]).unwrap_err().remedy, "vouliez-vous « busy » ?");
        for wrong in ["busy first", "busy first 0", "busy rate 2", "busy nth x", "busy first 1 2"] {
            assert!(plan.replace([wrong]).is_err(), "{wrong}");
        }
        assert_eq!(plan.draw(), Some(1));
    }
}
