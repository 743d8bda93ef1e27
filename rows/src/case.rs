//! Cases: what a mapping should make of a message, written beside it, and where it does otherwise.
//! In: an expected file (`shapes`, `notes`, `parked`; YAML or JSON), what the mapping did. Out: differences, by path.
//! Fields that the file does not name are not compared: a case says what it is about.

use jonction_model::Finding;
use jonction_settings::{Diagnoses, Fields, Node, Value as Yaml};
use serde_json::Value as Json;

use crate::Mapped;

/// What is expected of one message.
#[derive(Clone, Debug)]
pub struct Case {
    shapes: Option<Node>,
    /// Codes, in any order.
    notes: Option<Vec<String>>,
    parked: Option<String>,
}

/// One thing that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// `shapes[0].patient.traits.sex`.
    pub path: String,
    /// What the case says.
    pub expected: String,
    /// What there is; `rien` when it is absent.
    pub found: String,
}

impl Case {
    /// Reads an expected file.
    pub fn read(node: &Node, diagnoses: &mut Diagnoses) -> Option<Self> {
        let before = diagnoses.counts().0;
        let mut fields = Fields::of(node, "le cas", diagnoses)?;
        let shapes = fields.node("shapes").cloned();
        let notes = fields.node("notes").map(codes);
        let parked = fields.node("parked").and_then(Node::as_text).map(str::to_owned);
        fields.finish(diagnoses);
        if shapes.is_none() && notes.is_none() && parked.is_none() {
            diagnoses
                .error("mapping.empty-case", &node.span, "ce cas n'attend rien")
                .remedy("écrire au moins l'un de : shapes, notes, parked");
        }
        (diagnoses.counts().0 == before).then_some(Self { shapes, notes, parked })
    }

    /// Where what the mapping did differs from this case; none: it is as expected.
    pub fn differences(&self, done: &Result<Mapped, Finding>) -> Vec<Difference> {
        let mut told = Vec::new();
        let mut differs = |path: &str, expected: &str, found: &str| {
            if expected != found {
                let (path, expected, found) = (path.to_owned(), expected.to_owned(), found.to_owned());
                told.push(Difference { path, expected, found });
            }
        };
        let mapped = match done {
            Err(finding) => {
                differs("parked", self.parked.as_deref().unwrap_or(NOTHING), &finding.check);
                return told;
            }
            Ok(mapped) => mapped,
        };
        differs("parked", self.parked.as_deref().unwrap_or(NOTHING), NOTHING);
        if let Some(notes) = &self.notes {
            let (mut expected, mut found) = (notes.clone(), Vec::new());
            found.extend(mapped.notes.iter().map(|note| note.check.clone()));
            expected.sort();
            found.sort();
            differs("notes", &expected.join(", "), &found.join(", "));
        }
        if let Some(shapes) = &self.shapes {
            let found = serde_json::to_value(&mapped.shapes).unwrap_or(Json::Null);
            compare(shapes, Some(&found), ("shapes", Extent::Named), &mut told);
        }
        told
    }
}

const NOTHING: &str = "rien";

/// Codes of notes: `mapping.wrong-value`, or the notes themselves, of which `check` is the code.
fn codes(node: &Node) -> Vec<String> {
    let items = node.as_list().unwrap_or(std::slice::from_ref(node));
    let code = |item: &Node| match &item.value {
        Yaml::Map(entries) => entries
            .iter()
            .find(|entry| entry.key == "check")
            .and_then(|entry| entry.value.as_text())
            .map(str::to_owned),
        _ => item.as_text().map(str::to_owned),
    };
    items.iter().filter_map(code).collect()
}

/// How much of what there is must be expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The fields that the case names.
    Named,
    /// Every field.
    Whole,
}

/// Where a value differs from what a file says of it, by path from `path` on.
pub fn differences(expected: &Node, found: &Json, path: &str, extent: Extent) -> Vec<Difference> {
    let mut told = Vec::new();
    compare(expected, Some(found), (path, extent), &mut told);
    told
}

fn compare(
    expected: &Node,
    found: Option<&Json>,
    (path, extent): (&str, Extent),
    told: &mut Vec<Difference>,
) {
    let found = found.filter(|found| !found.is_null());
    let mut differs = |path: &str, expected: &str, found: &str| {
        let (path, expected, found) = (path.to_owned(), expected.to_owned(), found.to_owned());
        told.push(Difference { path, expected, found });
    };
    match (&expected.value, found) {
        (Yaml::Null, None) => {}
        (Yaml::Null, Some(found)) => differs(path, NOTHING, &text(found)),
        (_, None) => differs(path, &written(expected), NOTHING),
        (Yaml::Scalar(wanted), Some(found)) => {
            let found = text(found);
            if *wanted != found {
                differs(path, wanted, &found);
            }
        }
        (Yaml::List(items), Some(Json::Array(all))) => {
            if items.len() != all.len() {
                differs(path, &listed(items, written), &listed(all, text));
                // One too many, or one too few, would make all that follow differ.
                if items.iter().all(|item| item.as_text().is_some()) {
                    return;
                }
            }
            for (at, item) in items.iter().enumerate().take(all.len()) {
                compare(item, all.get(at), (&format!("{path}[{at}]"), extent), told);
            }
        }
        (Yaml::Map(entries), Some(Json::Object(members))) => {
            let extra = members.iter().filter(|(key, value)| {
                extent == Extent::Whole && !value.is_null() && !entries.iter().any(|entry| entry.key == **key)
            });
            for (key, value) in extra {
                differs(&format!("{path}.{key}"), NOTHING, &text(value));
            }
            for entry in entries {
                let path = format!("{path}.{}", entry.key);
                compare(&entry.value, members.get(&entry.key), (&path, extent), told);
            }
        }
        (Yaml::List(_) | Yaml::Map(_), Some(found)) => differs(path, expected.kind(), &text(found)),
    }
}

/// `2 éléments (a, b)`.
fn listed<T>(items: &[T], text: impl Fn(&T) -> String) -> String {
    let shown: Vec<_> = items.iter().take(10).map(&text).collect();
    match items.len() {
        0 => "aucun élément".to_owned(),
        1 => format!("1 élément ({})", shown.join(", ")),
        count => format!("{count} éléments ({})", shown.join(", ")),
    }
}

fn written(node: &Node) -> String {
    node.as_text().map_or_else(|| node.kind().to_owned(), str::to_owned)
}

fn text(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Array(all) => format!("une liste de {}", all.len()),
        Json::Object(_) => "un bloc".to_owned(),
        other => other.to_string(),
    }
}
