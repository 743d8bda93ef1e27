//! Steps of a route: what runs, what filters, splits, and lets a document through once only.
//! In: a flow. Out: the same flow further on, or why the message stops here. Pure: what was seen before is the journal's.
//! Source: architecture §3 « routing », decision 0039.

use std::{sync::Arc, time::Duration};

use jonction_model::{BodyId, DocumentSubmission, Finding, Severity, Shape};
use jonction_ports::Step;

use super::{
    Condition,
    condition::{FieldName, Subject},
};

/// One step of a route.
#[derive(Clone)]
pub enum RouteStep {
    /// Runs code: `check`, `map`, `enrich`.
    Run {
        /// Its kind in the route file: `map`.
        verb: &'static str,
        /// The code.
        step: Arc<dyn Step>,
        /// What follows its failure.
        on_failure: OnFailure,
    },
    /// Takes out what a condition holds for; what has nothing left is filtered under this name.
    Filter {
        /// Shown by the balance: `route/name`.
        name: String,
        /// What is taken out.
        drop: Condition,
    },
    /// One submission per document.
    Split,
    /// A message whose key was seen before, within the window, is filtered under this name.
    Once(Once),
}

/// What follows the failure of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The message waits for a human.
    #[default]
    Park,
    /// What is owed is refused, and the sender is told.
    Refuse,
    /// Noted; the next step gets what this one got.
    Continue,
}

/// How a document is known again.
#[derive(Clone, Debug)]
pub struct Once {
    /// Shown by the balance: `route/name`.
    pub name: String,
    /// What must be equal.
    pub key: Vec<KeyPart>,
    /// For how long, counted between receptions.
    pub window: Duration,
}

/// A part of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// A field of conditions.
    Field(FieldName),
    /// uniqueIds of the documents.
    DocumentId,
    /// First identifier of the patient.
    Patient,
    /// The bytes of the message.
    Content,
}

/// Parts that are no field of conditions.
const OWN_PARTS: [(&str, KeyPart); 3] =
    [("document.id", KeyPart::DocumentId), ("patient", KeyPart::Patient), ("content", KeyPart::Content)];

impl KeyPart {
    /// From its name.
    pub fn of(name: &str) -> Option<Self> {
        let own = OWN_PARTS.iter().find(|(known, _)| *known == name).map(|(_, part)| *part);
        own.or_else(|| FieldName::of(name).map(Self::Field))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        let own = OWN_PARTS.iter().find(|(_, part)| *part == self).map(|(name, _)| *name);
        match self {
            Self::Field(field) => field.name(),
            _ => own.unwrap_or_default(),
        }
    }

    /// Every name.
    pub fn names() -> Vec<&'static str> {
        OWN_PARTS.iter().map(|(name, _)| *name).chain(FieldName::names()).collect()
    }

    fn values(self, subject: &Subject<'_>, message: BodyId) -> Vec<String> {
        let submission = subject.shape.and_then(Shape::as_submission);
        match self {
            Self::Field(field) => field.values(subject).into_iter().map(str::to_owned).collect(),
            Self::Content => vec![message.to_string()],
            Self::DocumentId => submission
                .map(|submission| submission.documents.iter().map(|one| one.unique_id.to_xds()).collect())
                .unwrap_or_default(),
            Self::Patient => subject
                .shape
                .into_iter()
                .flat_map(crate::routing::index_keys)
                .find(|key| key.kind == jonction_ports::KeyKind::Patient)
                .map(|key| key.value)
                .into_iter()
                .collect(),
        }
    }
}

/// A key that this message brings. In clear: it is hashed before it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) value: String,
    pub(crate) window: Duration,
    /// `route/name`.
    pub(crate) by: String,
}

impl Once {
    /// `None`: a part is missing, and two absences are not the same thing.
    pub(crate) fn seen(&self, route: &str, subjects: &[Subject<'_>], message: BodyId) -> Option<Seen> {
        let mut value = format!("once\0{route}\0{}", self.name);
        for part in &self.key {
            let mut values: Vec<_> =
                subjects.iter().flat_map(|subject| part.values(subject, message)).collect();
            values.retain(|text| !text.is_empty());
            values.sort_unstable();
            values.dedup();
            if values.is_empty() {
                return None;
            }
            value.push('\0');
            value += &values.join("\u{1}");
        }
        Some(Seen { value, window: self.window, by: format!("{route}/{}", self.name) })
    }
}

impl RouteStep {
    /// A transformation that parks what it cannot deal with.
    pub fn map(step: Arc<dyn Step>) -> Self {
        Self::Run { verb: "map", step, on_failure: OnFailure::Park }
    }
}

/// An error that a route goes on after.
pub(super) fn noted(mut finding: Finding) -> Finding {
    finding.severity = finding.severity.min(Severity::Warning);
    finding
}

/// One submission per document; other shapes as they are.
pub(super) fn split(shapes: Vec<Shape>) -> Vec<Shape> {
    shapes
        .into_iter()
        .flat_map(|shape| match shape {
            Shape::DocumentSubmission(whole) if whole.documents.len() > 1 => {
                let one = |document: &_| DocumentSubmission {
                    documents: vec![Clone::clone(document)],
                    ..(*whole).clone()
                };
                whole
                    .documents
                    .iter()
                    .map(|document| Shape::DocumentSubmission(Box::new(one(document))))
                    .collect()
            }
            shape => vec![shape],
        })
        .collect()
}
