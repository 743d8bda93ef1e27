//! The closed list of predicates: what a condition may ask, and how it is answered.
//! In: a message and its shape. Out: gates, flags and fields, one table each. A new predicate is a new row.

use jonction_model::{DocumentSubmission, Finding, Operation, Shape};

use super::Subject;

/// When a condition is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// `accept`: before any step, only what admission read is known.
    Message,
    /// `when`: the shape is known.
    Shape,
}

/// Predicates about identity: where they stand positively, they refuse instead of omitting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    Qualified,
    HasIns,
}

/// Gates and what each means.
pub(super) const GATES: &[(&str, Gate, &str)] = &[
    ("identity.qualified", Gate::Qualified, "l'identité est qualifiée et peut porter son INS"),
    ("identity.has_ins", Gate::HasIns, "le message porte un INS"),
];

/// A question about a submission, answered by yes or no.
pub(super) struct FlagRow {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) read: fn(&DocumentSubmission) -> bool,
}

/// A text of a message or of its shape, compared with `==`, `!=` or `in`.
pub(super) struct FieldRow {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) stage: Stage,
    /// The only values it can have; empty: any.
    pub(super) words: &'static [&'static str],
    /// Its values: several when a message carries several documents; a comparison holds when one of them is equal.
    pub(super) read: for<'s> fn(&Subject<'s>) -> Vec<&'s str>,
}

/// Every flag.
pub(super) const FLAGS: &[FlagRow] = &[
    FlagRow { name: "wants.dmp", meaning: "l'émetteur demande le DMP", read: |s| s.wants.dmp },
    FlagRow {
        name: "wants.mssante",
        meaning: "l'émetteur demande un courriel, à qui que ce soit",
        read: |s| s.wants.mssante(),
    },
    FlagRow {
        name: "wants.mssante_ps",
        meaning: "l'émetteur demande un courriel aux professionnels",
        read: |s| s.wants.mssante_professionals,
    },
    FlagRow {
        name: "wants.mssante_patient",
        meaning: "l'émetteur demande un courriel au patient",
        read: |s| s.wants.mssante_patient,
    },
    FlagRow {
        name: "wants.delivery_reports",
        meaning: "l'émetteur demande des accusés de réception",
        read: |s| s.wants.delivery_reports,
    },
    FlagRow {
        name: "wants.reading_reports",
        meaning: "l'émetteur demande des accusés de lecture",
        read: |s| s.wants.reading_reports,
    },
    FlagRow {
        name: "hidden.from_professionals",
        meaning: "document masqué aux professionnels",
        read: |s| s.visibility.hidden_from_professionals,
    },
    FlagRow {
        name: "hidden.from_patient",
        meaning: "document invisible au patient",
        read: |s| s.visibility.hidden_from_patient,
    },
    FlagRow {
        name: "hidden.from_legal_representatives",
        meaning: "document invisible aux représentants légaux",
        read: |s| s.visibility.hidden_from_legal_representatives,
    },
];

/// Every field.
pub(super) const FIELDS: &[FieldRow] = &[
    FieldRow {
        name: "message.type",
        meaning: "type du message, MDM^T02",
        stage: Stage::Message,
        words: &[],
        read: |s| vec![s.facts.kind.as_str()],
    },
    FieldRow {
        name: "message.profile",
        meaning: "profil et version annoncés (MSH-21)",
        stage: Stage::Message,
        words: &[],
        read: |s| vec![s.facts.profile.as_str()],
    },
    FieldRow {
        name: "sender.application",
        meaning: "application émettrice (MSH-3)",
        stage: Stage::Message,
        words: &[],
        read: |s| vec![s.facts.sending_application.as_str()],
    },
    FieldRow {
        name: "sender.facility",
        meaning: "établissement émetteur (MSH-4)",
        stage: Stage::Message,
        words: &[],
        read: |s| vec![s.facts.sending_facility.as_str()],
    },
    FieldRow {
        name: "operation",
        meaning: "ce qui est demandé",
        stage: Stage::Shape,
        words: &["submit", "replace", "delete"],
        read: |s| {
            let submission = s.shape.and_then(Shape::as_submission);
            submission
                .map(|submission| match submission.operation {
                    Operation::Submit => "submit",
                    Operation::Replace => "replace",
                    Operation::Delete => "delete",
                })
                .into_iter()
                .collect()
        },
    },
    FieldRow {
        name: "document.type",
        meaning: "code du type d'un des documents",
        stage: Stage::Shape,
        words: &[],
        read: |s| {
            let submission = s.shape.and_then(Shape::as_submission);
            submission.map_or_else(Vec::new, |submission| {
                submission.documents.iter().map(|d| d.metadata.type_code.code.as_str()).collect()
            })
        },
    },
    FieldRow {
        name: "document.practice_setting",
        meaning: "cadre d'exercice d'un des documents",
        stage: Stage::Shape,
        words: &[],
        read: |s| {
            let submission = s.shape.and_then(Shape::as_submission);
            submission.map_or_else(Vec::new, |submission| {
                let settings =
                    submission.documents.iter().filter_map(|d| d.metadata.practice_setting.as_ref());
                settings.map(|setting| setting.code.as_str()).collect()
            })
        },
    },
    FieldRow {
        name: "encounter.class",
        meaning: "classe du séjour (PV1-2)",
        stage: Stage::Shape,
        words: &[],
        read: |s| {
            s.shape.and_then(Shape::as_submission).map(|s| s.encounter.class.as_str()).into_iter().collect()
        },
    },
    FieldRow {
        name: "origin.processing",
        meaning: "P, T ou D (MSH-11)",
        stage: Stage::Shape,
        words: &["P", "T", "D"],
        read: |s| {
            s.shape.and_then(Shape::as_submission).map(|s| s.origin.processing.as_str()).into_iter().collect()
        },
    },
];

/// A field, by its place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldName(usize);

impl FieldName {
    /// From its name.
    pub fn of(name: &str) -> Option<Self> {
        FIELDS.iter().position(|row| row.name == name).map(Self)
    }

    /// Every name.
    pub fn names() -> impl Iterator<Item = &'static str> {
        FIELDS.iter().map(|row| row.name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        FIELDS[self.0].name
    }

    /// When it is known.
    pub fn stage(self) -> Stage {
        FIELDS[self.0].stage
    }

    pub(in crate::route) fn values<'s>(self, subject: &Subject<'s>) -> Vec<&'s str> {
        (FIELDS[self.0].read)(subject)
    }
}

impl Gate {
    pub(super) fn name(self) -> &'static str {
        GATES.iter().find(|(_, gate, _)| *gate == self).map_or("", |(name, ..)| name)
    }

    /// Why the gate is closed; `None` when it is open.
    pub(super) fn refusal(self, subject: &Subject<'_>) -> Option<Finding> {
        let Some(submission) = subject.shape.and_then(Shape::as_submission) else {
            return Some(self.closed("identity.none", "il n'y a pas d'identité de patient".to_owned()));
        };
        match self {
            Self::Qualified => {
                let reason = submission.patient.qualified(subject.environment).err()?;
                Some(self.closed(reason.code(), reason.sentence()))
            }
            Self::HasIns => submission
                .patient
                .ins
                .is_none()
                .then(|| self.closed("identity.no-ins", "le message ne porte pas d'INS".to_owned())),
        }
    }

    fn closed(self, code: &'static str, sentence: String) -> Finding {
        Finding::error(code, sentence)
            .expected(self.name(), "condition non remplie")
            .remedy("qualifier l'identité du patient dans le logiciel émetteur, puis renvoyer le document")
    }
}

/// Every predicate with its meaning, for the documentation and for `jonction explain`.
pub fn vocabulary() -> Vec<(&'static str, &'static str)> {
    let gates = GATES.iter().map(|(name, _, meaning)| (*name, *meaning));
    let flags = FLAGS.iter().map(|row| (row.name, row.meaning));
    let fields = FIELDS.iter().map(|row| (row.name, row.meaning));
    gates.chain(flags).chain(fields).collect()
}
