//! Conditions of rows: `and`, `or`, `not` over questions about one path each, in the grammar of route conditions.
//! In: text, once; a node, per message. Out: yes or no. Closed, so that rows can be compared before any message comes.

use std::fmt;

use jonction_settings::Logic;

use crate::{
    format::Format,
    kind::{Value, Wrong},
};

pub(crate) mod parser;

/// Questions in one condition.
pub(crate) const QUESTIONS_MAX: usize = 32;

/// A checked condition.
pub(crate) struct Condition<F: Format> {
    pub(crate) text: String,
    /// Numbers are places in its questions.
    pub(crate) expression: Logic<usize>,
    pub(crate) questions: Vec<Question<F>>,
}

/// Whether a place says something, or one of these texts.
pub(crate) struct Question<F: Format> {
    pub(crate) source: Source<F>,
    /// Empty: says something.
    pub(crate) wanted: Vec<Box<str>>,
    pub(crate) topic: Topic,
}

/// What a question is about, for comparing conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Topic {
    /// The source as written; the same words in another `each` are another topic.
    pub(crate) name: String,
    /// Whether several texts may stand there at once.
    pub(crate) several: bool,
    /// Everything that may stand there, when it is known.
    pub(crate) closed: Option<Vec<String>>,
}

/// Where a text comes from.
pub(crate) enum Source<F: Format> {
    Path(F::Path),
    Let(usize),
}

/// What a source came to: nothing, a value, or a value of the wrong form.
pub(crate) type Said<'t> = Option<Result<Value<'t>, Wrong>>;

/// What is known while rows run: where paths start from, and the values of `let`.
pub(crate) struct Scene<'r, 't, F: Format> {
    pub(crate) node: F::Node<'t>,
    pub(crate) lets: &'r [Said<'t>],
}

impl<F: Format> Clone for Scene<'_, '_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F: Format> Copy for Scene<'_, '_, F> {}

impl<F: Format> Condition<F> {
    pub(crate) fn holds(&self, scene: Scene<'_, '_, F>) -> bool {
        self.expression.truth(&|at, _| self.questions[*at].holds(scene))
    }
}

impl<F: Format> Question<F> {
    fn holds(&self, scene: Scene<'_, '_, F>) -> bool {
        match &self.source {
            Source::Path(path) => F::any(path, scene.node, &self.wanted),
            Source::Let(at) => {
                scene.lets[*at].as_ref().and_then(|said| said.as_ref().ok()).is_some_and(|value| {
                    self.wanted.is_empty() || {
                        let text = value.borrowed().into_text();
                        self.wanted.iter().any(|one| **one == *text)
                    }
                })
            }
        }
    }
}

impl<F: Format> fmt::Debug for Condition<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({})", self.text)
    }
}

impl<F: Format> fmt::Debug for Source<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.fmt(f),
            Self::Let(at) => write!(f, "let {at}"),
        }
    }
}
