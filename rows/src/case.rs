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
            compare(shapes, Some(&found), "shapes", &mut told);
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

fn compare(expected: &Node, found: Option<&Json>, path: &str, told: &mut Vec<Difference>) {
    let found = found.filter(|found| !found.is_null());
    let mut differs = |expected: &str, found: &str| {
        let (path, expected, found) = (path.to_owned(), expected.to_owned(), found.to_owned());
        told.push(Difference { path, expected, found });
    };
    match (&expected.value, found) {
        (Yaml::Null, None) => {}
        (Yaml::Null, Some(found)) => differs(NOTHING, &text(found)),
        (_, None) => differs(&written(expected), NOTHING),
        (Yaml::Scalar(wanted), Some(found)) => {
            let found = text(found);
            if *wanted != found {
                differs(wanted, &found);
            }
        }
        (Yaml::List(items), Some(Json::Array(all))) => {
            if items.len() != all.len() {
                differs(&format!("{} éléments", items.len()), &format!("{} éléments", all.len()));
            }
            for (at, item) in items.iter().enumerate().take(all.len()) {
                compare(item, all.get(at), &format!("{path}[{at}]"), told);
            }
        }
        (Yaml::Map(entries), Some(Json::Object(members))) => {
            for entry in entries {
                compare(&entry.value, members.get(&entry.key), &format!("{path}.{}", entry.key), told);
            }
        }
        (Yaml::List(_) | Yaml::Map(_), Some(found)) => differs(expected.kind(), &text(found)),
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
