//! What readers ask of a document, learnt by watching them read: the schema of a file comes from the code that reads it, so
//! that the two cannot disagree. In: a reader. Out: a [`Form`], and its JSON Schema.
//! How: the reader is shown documents made at random from what it asked of those before, until it asks for nothing new.
//! Same seed, same documents: the form never changes while the reader does not.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    diagnosis::Diagnoses,
    node::{Entry, Node, SourceFile, Span, Value},
};

mod kind;
mod schema;

pub(crate) use kind::Kind;

/// Documents shown at most, and those in a row that teach nothing before the reader counts as known.
const DOCUMENTS_MAX: usize = 10_000;
const QUIET: usize = 400;

/// What a reader asked of one node, told by [`crate::Fields`] and the readers of scalars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A block of keys, read to its end.
    Block { node: usize, keys: Vec<AskedKey> },
    /// Exactly one of these keys.
    Choice { node: usize, keys: Vec<String> },
    /// A key, before it is known whether the block is read to its end.
    Key { node: usize, name: String },
    /// A block of free names.
    Names { node: usize },
    /// A value, of this kind.
    Scalar { node: usize, kind: Kind },
    /// A value of a closed list.
    Words { node: usize, words: Vec<String> },
}

/// A key of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AskedKey {
    pub(crate) name: String,
    pub(crate) required: bool,
    pub(crate) list: bool,
}

/// What a node may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    kinds: Vec<Kind>,
    words: Vec<String>,
    block: Option<Block>,
    names: Option<Box<Form>>,
    /// It is a list of these, or one of these.
    items: Option<Box<Form>>,
}

/// What a block may hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Block {
    /// Times it was read to its end.
    read: u32,
    /// In the order in which they were asked for.
    keys: Vec<(String, Key)>,
    /// Of these keys there is exactly one.
    choice: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Key {
    /// Times it was asked for as one that must be there.
    required: u32,
    form: Form,
}

/// Learns what a reader reads.
pub fn learn<T>(read: impl Fn(&Node, &mut Diagnoses) -> T) -> Form {
    let mut form = Form::default();
    let mut chance = Chance(1);
    let mut quiet = 0;
    for _ in 0..DOCUMENTS_MAX {
        let mut made = Made::default();
        let node = made.node(&form, Vec::new(), &mut chance);
        let mut diagnoses = Diagnoses::watching();
        read(&node, &mut diagnoses);
        let asked = diagnoses.into_asked();
        let known = form.size();
        form.take(&asked, &made.places);
        quiet = if form.size() == known { quiet + 1 } else { 0 };
        if quiet == QUIET {
            break;
        }
    }
    form
}

/// Way from the root to a node.
type Way = Vec<Turn>;

#[derive(Clone, Debug)]
enum Turn {
    Key(String),
    Name,
    Item,
}

/// Numbers without any pattern that a reader could follow; always the same ones. Source: SplitMix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mixed = (mixed ^ (mixed >> 31)) % (bound.max(1) as u64);
        usize::try_from(mixed).unwrap_or(0)
    }

    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// A document being made: its nodes are told apart by their line.
#[derive(Default)]
struct Made {
    places: BTreeMap<usize, Way>,
}

impl Made {
    fn span(&mut self, way: Way) -> Span {
        let line = self.places.len() + 1;
        self.places.insert(line, way);
        let file = Arc::new(SourceFile { path: "?".into(), text: String::new() });
        Span { file, line, column: 1, length: 1 }
    }

    fn node(&mut self, form: &Form, way: Way, chance: &mut Chance) -> Node {
        let with = |way: &Way, turn| {
            let mut way = way.clone();
            way.push(turn);
            way
        };
        if let Some(item) = &form.items {
            // A list of one, or the only item without its list.
            let inner = self.node(item, with(&way, Turn::Item), chance);
            return if chance.once_in(2) {
                inner
            } else {
                Node { span: self.span(way), value: Value::List(vec![inner]) }
            };
        }
        let value = match chance.below(8) {
            0 => Value::Scalar(form.sample(chance)),
            1 => Value::Map(Vec::new()),
            2 if form.names.is_none() && form.block.is_some() => Value::Map(Vec::new()),
            _ if form.names.is_some() => {
                let inner = form.names.as_deref().map(|form| self.node(form, with(&way, Turn::Name), chance));
                let span = self.span(with(&way, Turn::Name));
                let entry = |value| Entry { key: NAME.to_owned(), key_span: span, value };
                Value::Map(inner.map(entry).into_iter().collect())
            }
            _ => match &form.block {
                Some(block) if form.kinds.is_empty() || !chance.once_in(3) => {
                    Value::Map(self.entries(block, &way, chance))
                }
                _ if form.kinds.is_empty() && chance.once_in(2) => Value::Map(Vec::new()),
                _ => Value::Scalar(form.sample(chance)),
            },
        };
        Node { span: self.span(way), value }
    }

    fn entries(&mut self, block: &Block, way: &Way, chance: &mut Chance) -> Vec<Entry> {
        let chosen = block.choice.get(chance.below(block.choice.len())).cloned();
        // Half of the documents hold nearly everything, half of them nearly nothing.
        let absent_of = if chance.once_in(2) { 10 } else { 2 };
        let mut entries = Vec::new();
        for (name, key) in &block.keys {
            let present = match block.choice.contains(name) {
                true => Some(name) == chosen.as_ref(),
                false => !chance.once_in(if key.required > 0 { 12 } else { absent_of }),
            };
            if present {
                let mut inner = way.clone();
                inner.push(Turn::Key(name.clone()));
                let key_span = self.span(inner.clone());
                let value = self.node(&key.form, inner, chance);
                entries.push(Entry { key: name.clone(), key_span, value });
            }
        }
        entries
    }
}

/// A name where names are free: one of a partner, and an INS where patients are listed.
const NAME: &str = "x";

impl Form {
    /// A text that this node may be.
    fn sample(&self, chance: &mut Chance) -> String {
        if let Some(word) = self.words.get(chance.below(self.words.len())) {
            return word.clone();
        }
        let kind = self.kinds.get(chance.below(self.kinds.len()));
        kind.map_or("x", |kind| kind.sample()).to_owned()
    }

    /// How much is known: it only grows.
    fn size(&self) -> usize {
        let block = self.block.iter().flat_map(|block| &block.keys).map(|(_, key)| 1 + key.form.size());
        let inner = [&self.names, &self.items].into_iter().flatten().map(|form| 1 + form.size());
        let choice = self.block.as_ref().map_or(0, |block| 1 + block.choice.len());
        choice + self.kinds.len() + self.words.len() + block.chain(inner).sum::<usize>()
    }

    fn take(&mut self, asked: &[Asked], places: &BTreeMap<usize, Way>) {
        // Lists first: what was asked of a single item is said of the items.
        for asked in asked {
            match asked {
                Asked::Block { node, keys } => {
                    if let Some(form) = self.at(*node, places) {
                        form.block.get_or_insert_default().take(keys);
                    }
                }
                Asked::Choice { node, keys } => {
                    if let Some(form) = self.at(*node, places) {
                        form.block.get_or_insert_default().choose(keys);
                    }
                }
                Asked::Key { node, name } => {
                    if let Some(form) = self.at(*node, places) {
                        form.block.get_or_insert_default().key(name);
                    }
                }
                _ => {}
            }
        }
        for asked in asked {
            match asked {
                Asked::Block { .. } | Asked::Choice { .. } | Asked::Key { .. } => {}
                Asked::Names { node } => {
                    if let Some(form) = self.at(*node, places) {
                        form.names.get_or_insert_default();
                    }
                }
                Asked::Scalar { node, kind } => {
                    if let Some(form) = self.at(*node, places)
                        && !form.kinds.contains(kind)
                    {
                        form.kinds.push(kind.clone());
                    }
                }
                Asked::Words { node, words } => {
                    if let Some(form) = self.at(*node, places) {
                        let new = words.iter().filter(|word| !form.words.contains(word)).cloned();
                        let new: Vec<_> = new.collect();
                        form.words.extend(new);
                    }
                }
            }
        }
    }

    /// The form of a node of a made document.
    fn at(&mut self, node: usize, places: &BTreeMap<usize, Way>) -> Option<&mut Form> {
        let way = places.get(&node)?;
        let mut form = self;
        for turn in way {
            form = match turn {
                Turn::Item => continue,
                Turn::Name => form.names.as_deref_mut()?,
                Turn::Key(key) => {
                    let (_, key) = form.block.as_mut()?.keys.iter_mut().find(|(name, _)| name == key)?;
                    match &mut key.form {
                        Form { items: Some(item), .. } => item,
                        single => single,
                    }
                }
            };
        }
        Some(form)
    }
}

impl Block {
    fn key(&mut self, name: &str) -> &mut Key {
        let at = self.keys.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.keys.push((name.to_owned(), Key::default()));
            self.keys.len() - 1
        });
        &mut self.keys[at].1
    }

    fn choose(&mut self, keys: &[String]) {
        for key in keys {
            self.key(key);
            if !self.choice.contains(key) {
                self.choice.push(key.clone());
            }
        }
    }

    fn take(&mut self, keys: &[AskedKey]) {
        self.read += 1;
        for asked in keys {
            let key = self.key(&asked.name);
            key.required += u32::from(asked.required);
            if asked.list && key.form.items.is_none() {
                // What was asked so far was asked of its only item.
                let item = std::mem::take(&mut key.form);
                key.form.items = Some(Box::new(item));
            }
        }
    }
}

#[cfg(test)]
mod tests;
