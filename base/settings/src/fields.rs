//! Reading a block of keys field by field: what is missing, wrong or unknown is noted, and reading goes on.
//! In: a mapping node. Out: values; diagnoses. Every error of the block is told, not the first.

use jonction_model::nearest;

use crate::{
    diagnosis::Diagnoses,
    node::{Node, Span},
};

/// A block being read. Call [`Fields::finish`] last: it tells the keys nobody asked for.
pub struct Fields<'n> {
    node: &'n Node,
    what: String,
    asked: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// Starts reading a block. `what` names it in messages: `le partenaire sil`.
    /// Not a block: one diagnosis, `None`.
    pub fn of(node: &'n Node, what: impl Into<String>, diagnoses: &mut Diagnoses) -> Option<Self> {
        let what = what.into();
        if node.as_map().is_none() {
            diagnoses.error(
                "settings.not-a-block",
                &node.span,
                format!("{what} : un bloc de clés est attendu, pas {}", node.kind()),
            );
            return None;
        }
        Some(Self { node, what, asked: Vec::new() })
    }

    /// Place of the block.
    pub fn span(&self) -> &'n Span {
        &self.node.span
    }

    /// The node of a key, if it is there and not null.
    pub fn node(&mut self, key: &'static str) -> Option<&'n Node> {
        self.asked.push(key);
        let entry = self.node.as_map()?.iter().find(|entry| entry.key == key)?;
        (entry.value.value != crate::node::Value::Null).then_some(&entry.value)
    }

    /// The node of a key that must be there.
    pub fn required_node(&mut self, key: &'static str, diagnoses: &mut Diagnoses) -> Option<&'n Node> {
        let node = self.node(key);
        if node.is_none() {
            diagnoses
                .error(
                    "settings.missing-key",
                    &self.node.span,
                    format!("{} : la clé « {key} » manque", self.what),
                )
                .remedy(format!("ajouter « {key}: … »"));
        }
        node
    }

    /// The value of a key that may be absent. A wrong value is noted and counts as absent.
    pub fn optional<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
        diagnoses: &mut Diagnoses,
    ) -> Option<T> {
        let node = self.node(key)?;
        scalar(node, key, parse, diagnoses)
    }

    /// The value of a key, or its default.
    pub fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        parse: impl Fn(&str) -> Result<T, String>,
        diagnoses: &mut Diagnoses,
    ) -> T {
        self.optional(key, parse, diagnoses).unwrap_or(default)
    }

    /// The value of a key that must be there.
    pub fn required<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
        diagnoses: &mut Diagnoses,
    ) -> Option<T> {
        let node = self.required_node(key, diagnoses)?;
        scalar(node, key, parse, diagnoses)
    }

    /// One of a closed list of words, or the default.
    pub fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        default: T,
        words: &[(&str, T)],
        diagnoses: &mut Diagnoses,
    ) -> T {
        let known = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        self.or(
            key,
            default,
            |text| {
                let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
                found.ok_or_else(|| match nearest(text, words.iter().map(|(word, _)| *word)) {
                    Some(near) => format!("un mot parmi : {} ; vouliez-vous « {near} » ?", known()),
                    None => format!("un mot parmi : {}", known()),
                })
            },
            diagnoses,
        )
    }

    /// The items of a list; an absent key is an empty list, a single value is a list of one.
    pub fn list(&mut self, key: &'static str) -> &'n [Node] {
        match self.node(key) {
            Some(node) => node.as_list().unwrap_or(std::slice::from_ref(node)),
            None => &[],
        }
    }

    /// Tells every key that was never asked for.
    pub fn finish(self, diagnoses: &mut Diagnoses) {
        for entry in self.node.as_map().unwrap_or_default() {
            if self.asked.contains(&entry.key.as_str()) {
                continue;
            }
            let remedy = match nearest(&entry.key, self.asked.iter().copied()) {
                Some(near) => format!("vouliez-vous « {near} » ?"),
                None => format!("clés connues : {}", self.asked.join(", ")),
            };
            let sentence = format!("{} : clé inconnue", self.what);
            diagnoses.error("settings.unknown-key", &entry.key_span, sentence).remedy(remedy);
        }
    }
}

/// Reads a scalar node, noting what was expected when it is something else.
pub fn scalar<T>(
    node: &Node,
    key: &str,
    parse: impl Fn(&str) -> Result<T, String>,
    diagnoses: &mut Diagnoses,
) -> Option<T> {
    let Some(text) = node.as_text() else {
        let sentence = format!("« {key} » : une valeur simple est attendue, pas {}", node.kind());
        diagnoses.error("settings.wrong-value", &node.span, sentence);
        return None;
    };
    match parse(text) {
        Ok(value) => Some(value),
        Err(expected) => {
            let sentence = format!("« {key} » : cette valeur n'est pas acceptée");
            diagnoses
                .error("settings.wrong-value", &node.span, sentence)
                .remedy(format!("attendu : {expected}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::{node, parse};

    fn with_fields<T>(
        text: &str,
        run: impl FnOnce(&mut Fields<'_>, &mut Diagnoses) -> T,
    ) -> (T, Vec<String>) {
        let file = Arc::new(node::SourceFile { path: "essai.yaml".into(), text: text.to_owned() });
        let mut diagnoses = Diagnoses::default();
        let node = node::read(file, &mut diagnoses).unwrap();
        let mut fields = Fields::of(&node, "l'essai", &mut diagnoses).unwrap();
        let value = run(&mut fields, &mut diagnoses);
        fields.finish(&mut diagnoses);
        (value, diagnoses.list().iter().map(|d| d.code.clone()).collect())
    }

    #[test]
    fn every_fault_of_a_block_is_told() {
        let ((delay, host), codes) = with_fields("delay: 3\nlisten: x\nretrys: 2\n", |fields, diagnoses| {
            let delay = fields.or("delay", Duration::from_secs(1), parse::duration, diagnoses);
            let host = fields.required("host", parse::text, diagnoses);
            fields.optional("listen", parse::socket_address, diagnoses);
            fields.node("retries");
            (delay, host)
        });
        assert_eq!((delay, host), (Duration::from_secs(1), None));
        assert_eq!(
            codes,
            ["settings.wrong-value", "settings.missing-key", "settings.wrong-value", "settings.unknown-key"]
        );
    }

    #[test]
    fn a_single_value_is_a_list_of_one_and_nothing_is_an_empty_list() {
        let (counts, codes) = with_fields("a: x\nb: [x, y]\n", |fields, _| {
            (fields.list("a").len(), fields.list("b").len(), fields.list("c").len())
        });
        assert_eq!(counts, (1, 2, 0));
        assert!(codes.is_empty());
    }

    #[test]
    fn a_word_outside_a_closed_list_names_the_list() {
        let (mode, codes) = with_fields("mode: strct\n", |fields, diagnoses| {
            fields.choice("mode", 0, &[("strict", 1), ("tolerant", 2)], diagnoses)
        });
        assert_eq!((mode, codes.as_slice()), (0, ["settings.wrong-value".to_owned()].as_slice()));
    }
}
