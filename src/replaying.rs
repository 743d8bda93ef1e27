//! The same past messages through two versions of the routes, and what differs, grouped by cause.
//! In: two trials, a window. Out: counts, causes with examples. Values stay where they are: only places and message numbers
//! are told. Source: architecture §4.7 and §4.10.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use jonction_engine::{
    Error, Window,
    replay::{Past, PastMessage, Trial, WouldBe, WouldDeliver},
};
use jonction_ports::MessageId;
use serde::Serialize;
use serde_json::Value as Json;

/// Messages read at once, and examples kept of a cause.
const BATCH: u32 = 256;
const EXAMPLES_MAX: usize = 3;

/// What a comparison found.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Compared {
    pub(crate) messages: u64,
    pub(crate) different: u64,
    pub(crate) causes: Vec<CauseLine>,
}

/// One cause, with the messages it concerns.
#[derive(Debug, Serialize)]
pub(crate) struct CauseLine {
    pub(crate) kind: Kind,
    /// `deliveries[dmp-national lot].shape.documents[].metadata.title`.
    pub(crate) path: String,
    pub(crate) messages: u64,
    pub(crate) examples: Vec<u64>,
}

/// What happened to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Added,
    Removed,
    Changed,
}

/// A kind of change, and its place.
pub(crate) type Cause = (Kind, String);

/// Messages compared so far.
#[derive(Default)]
pub(crate) struct Counted {
    messages: u64,
    different: u64,
    causes: BTreeMap<Cause, (u64, BTreeSet<u64>)>,
}

/// Compares, on every core.
pub(crate) fn compare(past: &Past, before: &Trial, after: &Trial, window: Window) -> Result<Compared, Error> {
    let cursor = Mutex::new(MessageId(0));
    let next = || -> Result<Vec<PastMessage>, Error> {
        let mut cursor = cursor.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = past.messages(window, *cursor, BATCH)?;
        if let Some(last) = batch.last() {
            *cursor = last.id();
        }
        Ok(batch)
    };
    let work = || -> Result<Counted, Error> {
        let mut counted = Counted::default();
        loop {
            let batch = next()?;
            if batch.is_empty() {
                return Ok(counted);
            }
            for message in batch {
                let (old, new) = (before.run(past, &message)?, after.run(past, &message)?);
                counted.add(message.id().0, &old, &new);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let counted = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| worker.join().unwrap_or(Err(Error::Closed)));
        ended.collect::<Result<Vec<_>, _>>()
    })?;
    Ok(counted.into_iter().fold(Counted::default(), Counted::join).told())
}

impl Counted {
    /// Compares one message. Out: what differs.
    pub(crate) fn add(&mut self, id: u64, old: &WouldBe, new: &WouldBe) -> BTreeSet<Cause> {
        self.messages += 1;
        if old == new {
            return BTreeSet::new();
        }
        self.different += 1;
        let causes = causes(&json(old), &json(new));
        for cause in &causes {
            let (count, examples) = self.causes.entry(cause.clone()).or_default();
            *count += 1;
            keep(examples, id);
        }
        causes
    }

    fn join(mut self, other: Self) -> Self {
        self.messages += other.messages;
        self.different += other.different;
        for (cause, (count, examples)) in other.causes {
            let here = self.causes.entry(cause).or_default();
            here.0 += count;
            examples.into_iter().for_each(|id| keep(&mut here.1, id));
        }
        self
    }

    /// What was found, the most frequent first.
    pub(crate) fn told(self) -> Compared {
        let mut causes: Vec<_> = self
            .causes
            .into_iter()
            .map(|((kind, path), (messages, examples))| CauseLine {
                kind,
                path,
                messages,
                examples: examples.into_iter().collect(),
            })
            .collect();
        causes.sort_by(|a, b| b.messages.cmp(&a.messages).then_with(|| a.path.cmp(&b.path)));
        Compared { messages: self.messages, different: self.different, causes }
    }
}

/// Follows the journal of a gateway that runs: each message that came after `cursor`, through both versions. Reads only.
/// Out: the last message that was looked at, and whether there may be more.
pub(crate) fn follow(
    (past, before, after): (&Past, &Trial, &Trial),
    cursor: MessageId,
    counted: &mut Counted,
    mut told: impl FnMut(MessageId, BTreeSet<Cause>),
) -> Result<(MessageId, bool), Error> {
    let batch = past.messages(Window::default(), cursor, BATCH)?;
    let full = batch.len() == BATCH as usize;
    let mut cursor = cursor;
    for message in batch {
        cursor = message.id();
        let (old, new) = (before.run(past, &message)?, after.run(past, &message)?);
        let causes = counted.add(cursor.0, &old, &new);
        if !causes.is_empty() {
            told(cursor, causes);
        }
    }
    Ok((cursor, full))
}

/// The first ones, whichever thread found them.
fn keep(examples: &mut BTreeSet<u64>, id: u64) {
    examples.insert(id);
    if examples.len() > EXAMPLES_MAX {
        examples.pop_last();
    }
}

fn json(would: &WouldBe) -> Json {
    let mut deliveries = serde_json::Map::new();
    for delivery in &would.deliveries {
        let (name, delivery) = named(delivery);
        // The same part of several shapes: told apart by their order.
        let same = deliveries.keys().filter(|known| known.split('#').next() == Some(name.as_str())).count();
        let name = if same == 0 { name } else { format!("{name}#{}", same + 1) };
        deliveries.insert(name, delivery);
    }
    serde_json::json!({
        "verdict": would.verdict, "by": would.by, "findings": would.findings, "deliveries": deliveries,
    })
}

fn named(delivery: &WouldDeliver) -> (String, Json) {
    let read = |bytes: &[u8]| serde_json::from_slice::<Json>(bytes).unwrap_or_default();
    let (part, shape) = (read(&delivery.part), read(&delivery.shape));
    let name = format!("{} {}", delivery.sink, part["key"].as_str().unwrap_or_default());
    let json = serde_json::json!({
        "state": delivery.state, "why": delivery.why, "part": part, "shape": shape, "ordering": delivery.ordering,
        "leaves": delivery.leaves.map(|leaves| leaves.to_string()),
    });
    (name, json)
}

/// Places that differ, each once, list items under `[]`.
fn causes(old: &Json, new: &Json) -> BTreeSet<Cause> {
    let mut causes = BTreeSet::new();
    let mut waiting = vec![(String::new(), old, new)];
    while let Some((path, old, new)) = waiting.pop() {
        match (old, new) {
            _ if old == new => {}
            (Json::Object(before), Json::Object(after)) => {
                for key in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
                    let inner = inner(&path, key);
                    match (before.get(key), after.get(key)) {
                        (Some(old), Some(new)) => waiting.push((inner, old, new)),
                        (Some(_), None) => {
                            causes.insert((Kind::Removed, inner));
                        }
                        _ => {
                            causes.insert((Kind::Added, inner));
                        }
                    }
                }
            }
            (Json::Array(before), Json::Array(after)) => {
                let inner = format!("{path}[]");
                if before.len() != after.len() {
                    let kind = if before.len() > after.len() { Kind::Removed } else { Kind::Added };
                    causes.insert((kind, inner.clone()));
                }
                waiting.extend(before.iter().zip(after).map(|(old, new)| (inner.clone(), old, new)));
            }
            _ => {
                causes.insert((Kind::Changed, path));
            }
        }
    }
    causes
}

/// Deliveries are named, the rest is a path.
fn inner(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        "deliveries" => format!("deliveries[{key}]"),
        _ => format!("{path}.{key}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_is_a_place_and_a_kind_told_once() {
        let old = json!({ "a": 1, "list": [{ "x": 1, "y": 1 }, { "x": 1 }], "deliveries": { "dmp lot": { "part": 1 } } });
        let new =
            json!({ "a": 2, "list": [{ "x": 2 }, { "x": 2 }, 3], "deliveries": { "mail 1": { "part": 1 } } });
        let found: Vec<_> =
            causes(&old, &new).into_iter().map(|(kind, path)| format!("{kind:?} {path}")).collect();
        assert_eq!(
            found,
            [
                "Added deliveries[mail 1]",
                "Added list[]",
                "Removed deliveries[dmp lot]",
                "Removed list[].y",
                "Changed a",
                "Changed list[].x"
            ]
        );
        assert!(causes(&old, &old).is_empty());
    }
}
