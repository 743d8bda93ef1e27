//! Conditions: a closed list of typed predicates with `and`, `or`, `not`, so that what a route lets through is decided
//! by a table, before the start. In: text with its columns. Out: judgements. Source: architecture §10, decision 0006.

use std::fmt;

use jonction_model::{Environment, Finding, Shape};
use jonction_ports::MessageFacts;
use jonction_settings::Logic;

mod parser;
mod vocabulary;

pub use parser::ConditionError;
pub use vocabulary::{FieldName, Stage, vocabulary};

use vocabulary::{FIELDS, FLAGS, Gate};

/// Different predicates in one condition: the truth table has two to the power of that lines.
pub const PREDICATES_MAX: usize = 16;

/// A checked condition.
#[derive(Clone, PartialEq, Eq)]
pub struct Condition {
    text: String,
    expression: Logic<Predicate>,
}

/// What a condition is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What admission read of the message.
    pub facts: &'a MessageFacts,
    /// What the steps made, once they have.
    pub shape: Option<&'a Shape>,
    /// Where the gateway stands.
    pub environment: Environment,
}

/// What a condition says of a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Not asked for: nothing is owed.
    NotAsked,
    /// Owed.
    Owed,
    /// Asked for, and refused by these gates.
    Refused(Vec<Finding>),
}

/// One typed question. Numbers are places in the tables of the vocabulary.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Predicate {
    Gate(Gate),
    Flag(usize),
    Field(usize, Vec<String>),
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gate(gate) => f.write_str(gate.name()),
            Self::Flag(flag) => f.write_str(FLAGS[*flag].name),
            Self::Field(field, values) => write!(f, "{} in {values:?}", FIELDS[*field].name),
        }
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({})", self.text)
    }
}

impl Condition {
    /// Holds always: no `when`, no `accept`.
    pub fn always() -> Self {
        Self { text: String::new(), expression: Logic::And(Vec::new()) }
    }

    /// Reads a condition. Errors: with the place in the text, the cause and the remedy, in French.
    pub fn parse(text: &str, stage: Stage) -> Result<Self, ConditionError> {
        Ok(Self { text: text.to_owned(), expression: parser::parse(text, stage)? })
    }

    /// The condition as written; empty when it always holds.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds.
    pub fn holds(&self, subject: &Subject<'_>) -> bool {
        self.expression.truth(&|predicate, _| predicate.value(subject))
    }

    /// What it says of a sink: owed when it would hold if every gate that stands positively were open; refused when,
    /// owed, it does not hold. A gate under `not` is an ordinary selection.
    pub fn judge(&self, subject: &Subject<'_>) -> Judgement {
        let asked = self
            .expression
            .truth(&|predicate, positive| (predicate.is_gate() && positive) || predicate.value(subject));
        if !asked {
            return Judgement::NotAsked;
        }
        if self.holds(subject) {
            return Judgement::Owed;
        }
        let mut findings = Vec::new();
        self.expression.each(&mut |predicate, positive| {
            if let Predicate::Gate(gate) = predicate
                && positive
                && let Some(finding) = gate.refusal(subject)
                && !findings.contains(&finding)
            {
                findings.push(finding);
            }
        });
        Judgement::Refused(findings)
    }

    /// Whether nothing but a qualified identity gets through.
    pub fn guarantees_qualified_identity(&self) -> bool {
        self.unqualified_way_through().is_none()
    }

    /// A way through for an identity that is not qualified: the predicates that hold then, in the words of the route.
    /// Predicates are taken as independent, so a way may be told that no message takes; none is ever overlooked.
    pub fn unqualified_way_through(&self) -> Option<Vec<String>> {
        let mut free: Vec<&Predicate> = Vec::new();
        self.expression.each(&mut |predicate, _| {
            if *predicate != Predicate::Gate(Gate::Qualified) && !free.contains(&predicate) {
                free.push(predicate);
            }
        });
        (0_u32..1 << free.len()).find_map(|line| {
            let true_there = |predicate: &Predicate| {
                free.iter().position(|known| *known == predicate).is_some_and(|at| line & (1 << at) != 0)
            };
            let through = self.expression.truth(&|predicate, _| true_there(predicate));
            through.then(|| free.iter().filter(|p| true_there(p)).map(|p| p.to_string()).collect())
        })
    }
}

impl Predicate {
    fn is_gate(&self) -> bool {
        matches!(self, Self::Gate(_))
    }

    fn value(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::Gate(gate) => gate.refusal(subject).is_none(),
            Self::Flag(flag) => subject.shape.and_then(Shape::as_submission).is_some_and(FLAGS[*flag].read),
            Self::Field(field, wanted) => {
                (FIELDS[*field].read)(subject).iter().any(|value| wanted.iter().any(|w| w == value))
            }
        }
    }
}

#[cfg(test)]
mod tests;
