//! What no case exercises: rows of mappings that never wrote, conditions that were never true, or never false.
//! In: what routes asked while cases were played, what rows wrote. Out: places, in the order of the files.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use jonction_engine::{Asked, Watch};
use jonction_model::RouteName;
use jonction_settings::{Node, Span};
use serde::Serialize;

/// The answers each condition gave.
#[derive(Default)]
pub(crate) struct Answers(Mutex<BTreeMap<(String, Place), BTreeSet<bool>>>);

/// A condition of a route, as a place in its file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Accept,
    Drop(String),
    To(usize),
    Link(usize),
}

impl Watch for Answers {
    fn asked(&self, route: &RouteName, what: Asked<'_>, held: bool) {
        let place = match what {
            Asked::Accept => Place::Accept,
            Asked::Drop(name) => Place::Drop(name.to_owned()),
            Asked::To(at) => Place::To(at),
            Asked::Link(at) => Place::Link(at),
        };
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.entry((route.to_string(), place)).or_default().insert(held);
    }
}

/// Something no case exercises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Never {
    pub(crate) file: String,
    pub(crate) line: usize,
    /// What: the target of a row, the text of a condition.
    pub(crate) what: String,
    /// `ne sert jamais`, `jamais vraie`, `jamais fausse`.
    pub(crate) how: &'static str,
}

impl Answers {
    /// Conditions of these files that were never true, or never false. `accept` need not be false once: a route may be
    /// the only one.
    pub(crate) fn never(&self, files: &[Node]) -> Vec<Never> {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut never = Vec::new();
        for (route, place, node) in files.iter().flat_map(conditions) {
            let told = answers.get(&(route, place.clone()));
            let both: &[bool] = if place == Place::Accept { &[true] } else { &[true, false] };
            let missing = both.iter().filter(|answer| !told.is_some_and(|told| told.contains(answer)));
            let span: &Span = &node.span;
            never.extend(missing.map(|answer| Never {
                file: span.file.path.display().to_string(),
                line: span.line,
                what: node.as_text().unwrap_or_default().to_owned(),
                how: if *answer { "jamais vraie" } else { "jamais fausse" },
            }));
        }
        never
    }
}

/// The conditions of a route file. What is sent to without condition is none.
fn conditions<'f>(file: &'f Node) -> Vec<(String, Place, &'f Node)> {
    let Some(route) = file.get("route").and_then(Node::as_text) else { return Vec::new() };
    let mut found = Vec::new();
    let mut add =
        |place, node: Option<&'f Node>| found.extend(node.map(|node| (route.to_owned(), place, node)));
    add(Place::Accept, file.get("accept"));
    for step in file.get("steps").and_then(Node::as_list).unwrap_or_default() {
        if let Some(name) = step.get("filter").and_then(Node::as_text) {
            add(Place::Drop(name.to_owned()), step.get("drop"));
        }
    }
    let (mut sinks, mut links) = (0, 0);
    let to = file.get("to").map(|to| to.as_list().unwrap_or(std::slice::from_ref(to)));
    for one in to.unwrap_or_default() {
        let is_link = one.get("route").is_some();
        let count = if is_link { &mut links } else { &mut sinks };
        let place = if is_link { Place::Link(*count) } else { Place::To(*count) };
        add(place, one.get("when"));
        *count += 1;
    }
    found
}
