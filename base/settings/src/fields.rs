//! Reading a block of keys field by field: what is missing, wrong or unknown is noted, and reading goes on.
//! In: a mapping node. Out: values; diagnoses. Every error of the block is told, not the first.

use jonction_model::nearest;

use crate::{
    diagnosis::Diagnoses,
    learn::{Asked, AskedKey, Kind},
    node::{Entry, Node, Span},
};

/// A block being read. Call [`Fields::finish`] last: it tells the keys nobody asked for.
pub struct Fields<'n> {
    node: &'n Node,
    what: String,
    asked: Vec<AskedKey>,
}

impl<'n> Fields<'n> {
    /// Starts reading a block. `what` names it in messages: `le partenaire sil`.
    /// Not a block: one diagnosis, `None`.
    pub fn of(node: &'n Node, what: impl Into<String>, diagnoses: &mut Diagnoses) -> Option<Self> {
        let what = what.into();
        if node.as_map().is_none() {
            let sentence = format!("{what} : un bloc de clés est attendu, pas {}", node.kind());
            diagnoses
                .error("settings.not-a-block", &node.span, sentence)
                .remedy("écrire une clé par ligne, « clé: valeur », sous un même retrait");
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
        self.ask(key);
        self.node.get(key).filter(|node| node.value != crate::node::Value::Null)
    }

    fn ask(&mut self, key: &str) -> &mut AskedKey {
        let at = self.asked.iter().position(|asked| asked.name == key).unwrap_or_else(|| {
            self.asked.push(AskedKey { name: key.to_owned(), required: false, list: false });
            self.asked.len() - 1
        });
        &mut self.asked[at]
    }

    /// The node of a key that must be there.
    pub fn required_node(&mut self, key: &'static str, diagnoses: &mut Diagnoses) -> Option<&'n Node> {
        let node = self.node(key);
        self.ask(key).required = true;
        diagnoses.ask(|| Asked::Key { node: self.node.span.line, name: key.to_owned() });
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
        diagnoses.ask(|| Asked::Key { node: self.node.span.line, name: key.to_owned() });
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
        diagnoses.ask(|| Asked::Key { node: self.node.span.line, name: key.to_owned() });
        self.node(key).and_then(|node| word(node, key, words, diagnoses)).unwrap_or(default)
    }

    /// One of a closed list of words, that must be there.
    pub fn required_choice<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
        diagnoses: &mut Diagnoses,
    ) -> Option<T> {
        let node = self.required_node(key, diagnoses)?;
        word(node, key, words, diagnoses)
    }

    /// The items of a list; an absent key is an empty list, a single value is a list of one.
    pub fn list(&mut self, key: &'static str) -> &'n [Node] {
        self.ask(key).list = true;
        match self.node(key) {
            Some(node) => node.as_list().unwrap_or(std::slice::from_ref(node)),
            None => &[],
        }
    }

    /// The items of a list that must be there.
    pub fn required_list(&mut self, key: &'static str, diagnoses: &mut Diagnoses) -> &'n [Node] {
        self.ask(key).list = true;
        match self.required_node(key, diagnoses) {
            Some(node) => node.as_list().unwrap_or(std::slice::from_ref(node)),
            None => &[],
        }
    }

    /// The entries whose key is one of these: of an item that says by its key what it is, there is one.
    pub fn one_of(&mut self, keys: &[&str], diagnoses: &mut Diagnoses) -> Vec<&'n Entry> {
        for key in keys {
            self.ask(key);
        }
        let keys_asked = || keys.iter().map(|key| (*key).to_owned()).collect();
        diagnoses.ask(|| Asked::Choice { node: self.node.span.line, keys: keys_asked() });
        let entries = self.node.as_map().unwrap_or_default();
        entries.iter().filter(|entry| keys.contains(&entry.key.as_str())).collect()
    }

    /// Tells every key that was never asked for.
    pub fn finish(self, diagnoses: &mut Diagnoses) {
        let known = |key: &str| self.asked.iter().any(|asked| asked.name == key);
        for entry in self.node.as_map().unwrap_or_default() {
            if known(&entry.key) {
                continue;
            }
            let remedy = match nearest(&entry.key, self.asked.iter().map(|asked| asked.name.as_str())) {
                Some(near) => format!("vouliez-vous « {near} » ?"),
                None => {
                    let names: Vec<_> = self.asked.iter().map(|asked| asked.name.as_str()).collect();
                    format!("clés connues : {}", names.join(", "))
                }
            };
            let sentence = format!("{} : clé inconnue", self.what);
            diagnoses.error("settings.unknown-key", &entry.key_span, sentence).remedy(remedy);
        }
        let node = self.node.span.line;
        diagnoses.ask(|| Asked::Block { node, keys: self.asked });
    }
}

/// The entries of a block whose keys are free: `{ passerelle: …, cachet: … }`.
pub fn names<'n>(node: &'n Node, key: &str, diagnoses: &mut Diagnoses) -> &'n [Entry] {
    diagnoses.ask(|| Asked::Names { node: node.span.line });
    node.as_map().unwrap_or_else(|| {
        let sentence = format!("« {key} » : un bloc de noms est attendu");
        diagnoses
            .error("settings.not-a-block", &node.span, sentence)
            .remedy("écrire un nom par ligne, suivi de ce qu'il désigne : « nom: … »");
        &[]
    })
}

/// One of a closed list of words.
fn word<T: Copy>(node: &Node, key: &str, words: &[(&str, T)], diagnoses: &mut Diagnoses) -> Option<T> {
    let names = || words.iter().map(|(word, _)| *word);
    diagnoses.ask(|| Asked::Words { node: node.span.line, words: names().map(str::to_owned).collect() });
    let known = || names().collect::<Vec<_>>().join(", ");
    let parse = |text: &str| {
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.ok_or_else(|| match nearest(text, names()) {
            Some(near) => format!("un mot parmi : {} ; vouliez-vous « {near} » ?", known()),
            None => format!("un mot parmi : {}", known()),
        })
    };
    scalar(node, key, parse, diagnoses)
}

/// Reads a scalar node, noting what was expected when it is something else.
pub fn scalar<T>(
    node: &Node,
    key: &str,
    parse: impl Fn(&str) -> Result<T, String>,
    diagnoses: &mut Diagnoses,
) -> Option<T> {
    diagnoses.ask(|| Asked::Scalar { node: node.span.line, kind: Kind::of(&parse) });
    let Some(text) = node.as_text() else {
        let sentence = format!("« {key} » : une valeur simple est attendue, pas {}", node.kind());
        diagnoses
            .error("settings.wrong-value", &node.span, sentence)
            .remedy("écrire une seule valeur, sur la ligne de la clé");
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
