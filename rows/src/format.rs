//! What rows can read: a family of trees, its paths, its nodes. HL7 v2, CSV and shapes are three; a fourth is a module here.
//! In: path texts, once; nodes, per message. Out: checked paths; texts borrowed from the message.

use std::{borrow::Cow, fmt};

use crate::kind::Kind;

pub(crate) mod csv;
pub(crate) mod hl7;
pub(crate) mod tree;

/// A family of trees.
pub(crate) trait Format: fmt::Debug + Send + Sync + 'static {
    /// A checked path.
    type Path: fmt::Debug + Send + Sync;
    /// A place of one message: where paths start from.
    type Node<'t>: Copy;

    /// Checks a path. `within`: the path of the `each` around it, from whose elements a relative path starts.
    fn path(&self, text: &str, within: Option<&Self::Path>) -> Result<Found<Self::Path>, PathFault>;

    /// The first text at a path, without the blanks around it; `None` when nothing is said there.
    fn first<'t>(path: &Self::Path, node: Self::Node<'t>) -> Option<Cow<'t, str>>;

    /// Every text at a path, so many at most.
    fn all<'t>(path: &Self::Path, node: Self::Node<'t>, max: usize) -> Vec<Cow<'t, str>>;

    /// Whether any of the texts at a path is one of these; with none given, whether anything is said.
    fn any(path: &Self::Path, node: Self::Node<'_>, wanted: &[Box<str>]) -> bool;

    /// The elements at a path, so many at most.
    fn each<'t>(path: &Self::Path, node: Self::Node<'t>, max: usize) -> Vec<Self::Node<'t>>;

    /// Segment (from 0) and repetition of the message that an element of an `each` is; nothing where trees have neither.
    fn origin(_: Self::Node<'_>) -> Option<(usize, Option<usize>)> {
        None
    }

    /// Where the first text of a path stands in this message: `PID-3[2].1`.
    fn place(path: &Self::Path, node: Self::Node<'_>) -> String;
}

/// A path that exists, and what stands there.
#[derive(Debug)]
pub(crate) struct Found<P> {
    pub(crate) path: P,
    pub(crate) kind: Kind,
    /// Whether it may meet several texts.
    pub(crate) several: bool,
    /// Everything that may stand there, when that is known for certain.
    pub(crate) closed: Option<Vec<String>>,
    /// What the texts of the format allow there: senders may write something else.
    pub(crate) usual: Vec<String>,
}

/// What is wrong in a path, in French.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PathFault {
    pub(crate) code: &'static str,
    /// First character at fault.
    pub(crate) offset: usize,
    pub(crate) sentence: String,
    pub(crate) remedy: String,
}

impl PathFault {
    pub(crate) fn unknown(sentence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code: "mapping.unknown-path", offset: 0, sentence: sentence.into(), remedy: remedy.into() }
    }
}
