//! Sources and conditions: texts of the file that name places of a message.
//! In: a node, the `each` around it. Out: checked sources with their kind; diagnoses at the very character.

use jonction_model::nearest;
use jonction_settings::{Node, fields::scalar, parse};

use super::rows::RowsReader;
use crate::{
    condition::{Condition, Question, Source, Topic, parser},
    format::Format,
    kind::Kind,
};

/// A source, and what it gives.
pub(super) struct Checked<F: Format> {
    pub(super) source: Source<F>,
    pub(super) kind: Kind,
    pub(super) several: bool,
    pub(super) closed: Option<Vec<String>>,
    pub(super) usual: Vec<String>,
}

impl<F: Format> Checked<F> {
    /// Every code that may stand there, as far as that is known.
    pub(super) fn codes(&self) -> Vec<String> {
        self.closed.clone().unwrap_or_else(|| self.usual.clone())
    }
}

impl<F: Format> RowsReader<'_, F> {
    /// A path, or `$name`.
    pub(super) fn source(&mut self, node: &Node, within: Option<&F::Path>) -> Option<Checked<F>> {
        let text = scalar(node, "from", parse::text, self.diagnoses)?;
        self.source_at(node, &text, 0, within)
    }

    /// The same, written inside a longer text.
    fn source_at(
        &mut self,
        node: &Node,
        text: &str,
        offset: usize,
        within: Option<&F::Path>,
    ) -> Option<Checked<F>> {
        let length = text.chars().count();
        if let Some(name) = text.strip_prefix('$') {
            if let Some(at) = self.lets.iter().position(|known| known == name) {
                let kind = self.let_kinds[at];
                return Some(Checked {
                    source: Source::Let(at),
                    kind,
                    several: false,
                    closed: None,
                    usual: Vec::new(),
                });
            }
            let remedy = match nearest(name, self.lets.iter().map(String::as_str)) {
                Some(near) => format!("vouliez-vous « ${near} » ?"),
                None if self.lets.is_empty() => "le déclarer plus haut, dans « let »".to_owned(),
                None => format!("noms déclarés : {}", self.lets.join(", ")),
            };
            self.diagnoses
                .error(
                    "mapping.unknown-let",
                    &node.inside(offset, length),
                    format!("« {name} » n'est pas déclaré par « let »"),
                )
                .remedy(remedy);
            return None;
        }
        match self.format.path(text, within) {
            Ok(found) => Some(Checked {
                source: Source::Path(found.path),
                kind: found.kind,
                several: found.several,
                closed: found.closed,
                usual: found.usual,
            }),
            Err(fault) => {
                let rest = length.saturating_sub(fault.offset).max(1);
                let span = node.inside(offset + fault.offset, rest);
                self.diagnoses.error(fault.code, &span, fault.sentence).remedy(fault.remedy);
                None
            }
        }
    }

    /// A condition.
    pub(super) fn condition(&mut self, node: &Node, within: Option<&F::Path>) -> Option<Condition<F>> {
        let text = scalar(node, "when", parse::text, self.diagnoses)?;
        let (expression, asked) = match parser::parse(&text) {
            Ok(parsed) => parsed,
            Err(fault) => {
                let span = node.inside(fault.offset, fault.length);
                self.diagnoses.error("mapping.condition-syntax", &span, fault.sentence).remedy(fault.remedy);
                return None;
            }
        };
        let count = asked.len();
        let mut questions = Vec::with_capacity(count);
        for one in asked {
            // Every unknown path of the condition is told, then the condition is given up.
            let Some(checked) = self.source_at(node, &one.source, one.offset, within) else { continue };
            self.usual(node, &one, &checked);
            let Checked { source, several, closed, .. } = checked;
            let topic = Topic { name: one.source, several, closed };
            questions.push(Question { source, wanted: one.wanted, topic });
        }
        (questions.len() == count).then_some(Condition { text, expression, questions })
    }

    /// A text that a French list does not have is told: the condition would wait for it in vain.
    fn usual(&mut self, node: &Node, asked: &parser::Asked, checked: &Checked<F>) {
        for text in &asked.wanted {
            if checked.usual.is_empty() || checked.usual.iter().any(|code| **code == **text) {
                continue;
            }
            let length = asked.source.chars().count();
            let known = checked.usual.join(", ");
            let remedy = match nearest(text, checked.usual.iter().map(String::as_str)) {
                Some(near) => format!("vouliez-vous « {near} » ? codes : {known}"),
                None => format!("codes : {known}"),
            };
            self.diagnoses
                .warning(
                    "mapping.unusual-code",
                    &node.inside(asked.offset, length),
                    format!("« {text} » n'est pas un code de {}", asked.source),
                )
                .remedy(remedy);
        }
    }
}
