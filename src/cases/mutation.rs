//! Routes and mappings altered one place at a time: does a case notice?
//! In: files that pass their cases. Out: the alterations that no case notices. What `jonction check` would refuse is none.

use std::{path::PathBuf, sync::Arc};

use jonction_directory::Shelf;
use jonction_hl7v2::Limits;
use jonction_rows::Mapping;
use jonction_settings::{Diagnoses, Node, Value};
use serde::Serialize;

use super::{Suite, suite::on_every_core};
use crate::{failure::Failure, mappings};

/// A change that was made, and whether a case noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Mutant {
    pub(crate) file: String,
    pub(crate) line: usize,
    /// What was changed: `when retiré`.
    pub(crate) what: String,
    pub(crate) noticed: bool,
}

/// A case of a mapping, ready: its message, what it should give.
pub(crate) struct MappingCase {
    pub(crate) mapping: String,
    pub(crate) bytes: bytes::Bytes,
    pub(crate) case: jonction_rows::Case,
}

/// What is altered.
pub(crate) struct Subject<'s> {
    pub(crate) suite: Suite<'s>,
    /// The files of mappings, as they were read.
    pub(crate) mappings: &'s [(PathBuf, Node)],
    pub(crate) mapping_cases: &'s [MappingCase],
}

/// One place of a file, altered.
struct Change {
    line: usize,
    what: String,
    altered: Node,
}

/// One job: the file, and its change.
enum Job<'s> {
    Route(usize, Change),
    Mapping(&'s PathBuf, Change),
}

impl Subject<'_> {
    /// Every change that could be made, and what came of it, in the order of the files.
    pub(crate) fn mutants(&self) -> Result<Vec<Mutant>, Failure> {
        let routes = self.suite.files.iter().enumerate();
        let routes = routes
            .flat_map(|(at, file)| of_route(file).into_iter().map(move |change| Job::Route(at, change)));
        let mappings = self.mappings.iter();
        let mappings = mappings.flat_map(|(path, node)| {
            of_mapping(node).into_iter().map(move |change| Job::Mapping(path, change))
        });
        let jobs: Vec<Job<'_>> = routes.chain(mappings).collect();
        on_every_core(&jobs, (), |(), job| {
            let Some(noticed) = self.notices(job) else { return Ok(None) };
            let (file, change) = match job {
                Job::Route(file, change) => {
                    (self.suite.files[*file].span.file.path.display().to_string(), change)
                }
                Job::Mapping(path, change) => (path.display().to_string(), change),
            };
            Ok(Some(Mutant { file, line: change.line, what: change.what.clone(), noticed }))
        })
    }

    /// Whether a case notices; `None`: the check refuses it, nobody would run it.
    fn notices(&self, job: &Job<'_>) -> Option<bool> {
        match job {
            Job::Route(at, change) => {
                let mut files = self.suite.files.to_vec();
                files[*at] = change.altered.clone();
                let suite = Suite { files: &files, ..self.suite };
                self.stands(&suite).then(|| suite.notices())
            }
            Job::Mapping(path, change) => {
                let folder = path.parent()?;
                let mapping = mappings::read_node(&change.altered, folder, &mut Diagnoses::default())?;
                if self.mapping_cases.iter().any(|case| differs(&mapping, case)) {
                    return Some(true);
                }
                let steps = mappings::steps_of(mapping, path);
                let suite = Suite { steps: &steps, ..self.suite };
                self.stands(&suite).then(|| suite.notices())
            }
        }
    }

    fn stands(&self, suite: &Suite<'_>) -> bool {
        let mut diagnoses = Diagnoses::default();
        suite.bench.routes(suite.files, suite.steps, &Shelf::default(), &mut diagnoses);
        !diagnoses.has_errors()
    }
}

fn differs(mapping: &Arc<Mapping>, case: &MappingCase) -> bool {
    case.mapping == mapping.name()
        && !case.case.differences(&mapping.run(&case.bytes, &Limits::default())).is_empty()
}

/// Keys of a route that may be taken away, each alone.
const OF_SINK: &[&str] = &["when", "delay", "window", "order_by"];

fn of_route(file: &Node) -> Vec<Change> {
    let mut changes = Vec::new();
    changes.extend(without_key(file, &[], "accept"));
    for (list, keys) in [("steps", &["on_failure"][..]), ("to", OF_SINK)] {
        let items = file.get(list).and_then(Node::as_list).unwrap_or_default();
        for (at, item) in items.iter().enumerate() {
            let place = [At::Key(list), At::Item(at)];
            let what = format!("{} retiré", named(item));
            changes.extend(altered(file, &[At::Key(list)], |node| remove(node, at)).map(|altered| Change {
                line: item.span.line,
                what,
                altered,
            }));
            changes.extend(keys.iter().filter_map(|key| without_key(file, &place, key)));
        }
    }
    changes
}

fn of_mapping(file: &Node) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut waiting = vec![Vec::new()];
    while let Some(place) = waiting.pop() {
        let mut rows = place;
        rows.push(At::Key("rows"));
        let Some(items) = at(file, &rows).and_then(Node::as_list) else { continue };
        for (number, item) in items.iter().enumerate() {
            let mut place = rows.clone();
            place.push(At::Item(number));
            let target = item.get("to").and_then(Node::as_text).unwrap_or("une ligne");
            changes.extend(altered(file, &rows, |node| remove(node, number)).map(|altered| Change {
                line: item.span.line,
                what: format!("ligne « {target} » retirée"),
                altered,
            }));
            changes.extend(["when", "fn", "missing"].iter().filter_map(|key| without_key(file, &place, key)));
            waiting.push(place);
        }
    }
    changes.sort_by_key(|change| change.line);
    changes
}

/// `dmp dmp-national`, `filter hors-perimetre`.
fn named(item: &Node) -> String {
    let first = item.as_map().and_then(<[_]>::first);
    first
        .map(|entry| format!("{} {}", entry.key, entry.value.as_text().unwrap_or_default()))
        .unwrap_or_default()
}

#[derive(Clone, Copy)]
enum At {
    Key(&'static str),
    Item(usize),
}

fn at<'n>(node: &'n Node, place: &[At]) -> Option<&'n Node> {
    place.iter().try_fold(node, |node, step| match step {
        At::Key(key) => node.get(key),
        At::Item(at) => node.as_list()?.get(*at),
    })
}

fn altered(file: &Node, place: &[At], change: impl FnOnce(&mut Node)) -> Option<Node> {
    let mut file = file.clone();
    let mut node = &mut file;
    for step in place {
        node = match (step, &mut node.value) {
            (At::Key(key), Value::Map(entries)) => {
                &mut entries.iter_mut().find(|entry| entry.key == *key)?.value
            }
            (At::Item(at), Value::List(items)) => items.get_mut(*at)?,
            _ => return None,
        };
    }
    change(node);
    Some(file)
}

fn remove(node: &mut Node, at: usize) {
    if let Value::List(items) = &mut node.value {
        items.remove(at);
    }
}

fn without_key(file: &Node, place: &[At], key: &str) -> Option<Change> {
    let line = at(file, place)?.get(key)?.span.line;
    let altered = altered(file, place, |node| {
        if let Value::Map(entries) = &mut node.value {
            entries.retain(|entry| entry.key != key);
        }
    })?;
    Some(Change { line, what: format!("« {key} » retiré"), altered })
}
