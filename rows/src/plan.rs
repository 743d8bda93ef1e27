//! A compiled mapping: rows whose every name was resolved. Nothing here can fail for a reason of the file.
//! In: what `read` checked. Out: what `run` follows.

use crate::{
    condition::{Condition, Source},
    expression::Expression,
    format::{Format, hl7::Hl7},
    function::{Given, Known},
    kind::{Leaf, Value},
    record::Layout,
    same::Same,
    shapes::ShapeKind,
    table::{Column, Table},
};

/// A compiled mapping.
#[derive(Debug)]
pub(crate) struct Plan<F: Format> {
    pub(crate) format: F,
    pub(crate) output: Output,
    /// The values of `let`, each may read those before it.
    pub(crate) lets: Vec<Pipe<F>>,
    pub(crate) rows: Vec<Row<F>>,
    pub(crate) slots: usize,
    pub(crate) layout: Layout,
    pub(crate) tables: Vec<Table>,
    /// Every row, in the order of the file: what accounts and coverage name.
    pub(crate) told: Vec<Told>,
}

/// What rows fill.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    Shape(&'static ShapeKind),
    /// A message of one of these types.
    Message(Hl7),
    /// The message itself, changed.
    Same(Same),
}

impl Output {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Shape(shape) => shape.name,
            Self::Message(_) | Self::Same(_) => "hl7-message",
        }
    }
}

/// A row, as people name it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// Whole target: `patient.local_ids[].id`.
    pub(crate) target: String,
    /// Line of the file.
    pub(crate) line: usize,
}

/// One row.
#[derive(Debug)]
pub(crate) struct Row<F: Format> {
    /// Its place among all rows.
    pub(crate) number: usize,
    /// Of an `each`: asked of every element.
    pub(crate) when: Option<Condition<F>>,
    pub(crate) action: Action<F>,
}

/// What a row does.
#[derive(Debug)]
pub(crate) enum Action<F: Format> {
    /// Writes one value.
    Write { slot: usize, leaf: Leaf, choices: Vec<Choice<F>>, missing: Missing },
    /// Makes one element per place.
    /// `rank`: which of the rows that make this list it is.
    Each { slot: usize, rank: usize, path: F::Path, rows: Vec<Row<F>>, slots: usize, layout: Layout },
}

/// One way to a value: the first whose condition holds, and that says something, is taken.
#[derive(Debug)]
pub(crate) struct Choice<F: Format> {
    pub(crate) when: Option<Condition<F>>,
    pub(crate) pipe: Pipe<F>,
}

/// Where a value comes from, and what is done to it.
#[derive(Debug)]
pub(crate) struct Pipe<F: Format> {
    pub(crate) input: Input<F>,
    pub(crate) calls: Vec<Call>,
}

/// Where a value comes from.
#[derive(Debug)]
pub(crate) enum Input<F: Format> {
    Const(Value<'static>),
    /// The first of these that says something.
    First(Vec<Source<F>>),
    /// Those of these that say something, joined.
    Join(Vec<Source<F>>, Box<str>),
    Expression(Expression),
}

/// One function of a pipe.
#[derive(Debug)]
pub(crate) enum Call {
    Function(Known, Given),
    Table {
        table: usize,
        unknown: Unknown,
        gives: Column,
    },
    /// A handle, read from how it is written.
    Content,
}

/// What becomes of a code that a table lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// It counts as missing.
    Missing,
    /// It stays as it is.
    Keep,
    /// This instead.
    Value(Box<str>),
}

/// What becomes of a target whose row found nothing, or nothing of the right form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Left out; noted only when something was there and was wrong.
    Omit,
    /// Left out and noted, under this code.
    Note(Box<str>),
    /// The message waits for a human, under this code.
    Park(Box<str>),
    /// The element of the `each` is left out.
    Skip,
    /// This instead.
    Default(Value<'static>),
}
