//! A YAML document as a tree that knows where each node stands.
//! In: text. Out: one [`Node`], or a diagnosis. Limits are those of the YAML library's budget, plus a size of our own.

use std::{fmt, path::PathBuf, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::Spanned;

use crate::diagnosis::Diagnoses;

/// Largest configuration file we read, in bytes.
pub const FILE_BYTES_MAX: usize = 4 << 20;

/// A file that was read.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Path as shown to the user.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// Where something stands in a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Span {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
    /// Length in characters on that line, at least 1.
    pub length: usize,
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.path.display(), self.line, self.column)
    }
}

impl Span {
    /// A part of this span: `offset` characters further, `length` characters long. For errors inside an expression.
    #[must_use]
    pub fn part(&self, offset: usize, length: usize) -> Self {
        Self { column: self.column + offset, length: length.max(1), ..self.clone() }
    }
}

/// A node and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub value: Value,
}

/// What a node is. Scalars keep their text: `010003861` stays a FINESS, it never becomes a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar, as written (quotes taken off).
    Scalar(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file. Keys are unique.
    Map(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The text of a scalar.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// Place of a part of its text. Quotes and folded lines move the text; then the whole scalar is meant.
    pub fn inside(&self, offset: usize, length: usize) -> Span {
        let (span, text) = (&self.span, self.as_text().unwrap_or_default());
        let line = span.file.text.lines().nth(span.line.saturating_sub(1)).unwrap_or_default();
        let written: String = line.chars().skip(span.column.saturating_sub(1)).collect();
        let shift = usize::from(written.starts_with(['"', '\'']));
        let bare: String = written.chars().skip(shift).collect();
        if bare.starts_with(text) { span.part(offset + shift, length) } else { span.clone() }
    }

    /// The entries of a mapping.
    pub fn as_map(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The items of a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// French name of the kind, for messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "rien",
            Value::Scalar(_) => "une valeur simple",
            Value::List(_) => "une liste",
            Value::Map(_) => "un bloc de clés",
        }
    }
}

/// Reads a file's text into a tree. On a fault, adds one diagnosis and returns `None`.
pub fn read(file: Arc<SourceFile>, diagnoses: &mut Diagnoses) -> Option<Node> {
    let start = Span { file: file.clone(), line: 1, column: 1, length: 1 };
    if file.text.len() > FILE_BYTES_MAX {
        diagnoses
            .error("settings.too-large", &start, format!("ce fichier dépasse {} Mo", FILE_BYTES_MAX >> 20))
            .remedy("découper ce fichier");
        return None;
    }
    match serde_saphyr::from_str::<Spanned<Raw>>(&file.text) {
        Ok(raw) => Some(raw.into_node(&Lines::of(&file))),
        Err(error) => {
            let span = match error.location() {
                Some(at) => Span {
                    line: usize::try_from(at.line()).unwrap_or(1).max(1),
                    column: usize::try_from(at.column()).unwrap_or(1).max(1),
                    ..start
                },
                None => start,
            };
            let (sentence, remedy) = in_french(error.without_snippet());
            diagnoses.error("settings.not-yaml", &span, sentence).remedy(remedy);
            None
        }
    }
}

/// The library speaks English: the usual mistakes are told in French, the others by their place.
fn in_french(error: &serde_saphyr::Error) -> (&'static str, &'static str) {
    match error {
        serde_saphyr::Error::DuplicateMappingKey { .. } => {
            ("cette clé est déjà donnée dans ce bloc", "n'en garder qu'une")
        }
        serde_saphyr::Error::Eof { .. } => ("ce fichier est vide", "y écrire la configuration"),
        serde_saphyr::Error::MultipleDocuments { .. } => (
            "ce fichier contient plusieurs documents YAML",
            "n'en garder qu'un par fichier, sans ligne « --- »",
        ),
        _ => (
            "ce n'est pas du YAML valide à cet endroit",
            "vérifier ici et à la ligne d'avant : retrait, guillemets, deux-points, crochets",
        ),
    }
}

/// What the YAML library gives us, before places are attached.
enum Raw {
    Null,
    Plain,
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

/// A file and how long each of its lines is, counted once: a file may have as many nodes as bytes.
struct Lines<'f> {
    file: &'f Arc<SourceFile>,
    lengths: Vec<usize>,
}

impl<'f> Lines<'f> {
    fn of(file: &'f Arc<SourceFile>) -> Self {
        Self { file, lengths: file.text.lines().map(|line| line.chars().count()).collect() }
    }
}

trait IntoNode {
    fn into_node(self, lines: &Lines<'_>) -> Node;
}

impl IntoNode for Spanned<Raw> {
    // The depth is bounded by the library's budget, which was respected when this tree was made.
    fn into_node(self, lines: &Lines<'_>) -> Node {
        let span = span_of(&self.referenced, lines);
        let value = match self.value {
            Raw::Null => Value::Null,
            Raw::Plain => Value::Scalar(written(&self.defined, lines.file)),
            Raw::Text(text) => Value::Scalar(text),
            Raw::List(items) => Value::List(items.into_iter().map(|item| item.into_node(lines)).collect()),
            Raw::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| Entry {
                        key_span: span_of(&key.referenced, lines),
                        key: key.value,
                        value: value.into_node(lines),
                    })
                    .collect(),
            ),
        };
        Node { span, value }
    }
}

fn span_of(at: &serde_saphyr::Location, lines: &Lines<'_>) -> Span {
    let line = usize::try_from(at.line()).unwrap_or(1).max(1);
    let column = usize::try_from(at.column()).unwrap_or(1).max(1);
    let on_line = lines.lengths.get(line - 1).copied().unwrap_or(0);
    let rest = (on_line + 1).saturating_sub(column).max(1);
    let length = usize::try_from(at.span().len()).unwrap_or(1).clamp(1, rest);
    Span { file: lines.file.clone(), line, column, length }
}

/// The text of a plain scalar, as it stands in the file.
fn written(at: &serde_saphyr::Location, file: &Arc<SourceFile>) -> String {
    let span = at.span();
    let text = match (span.byte_offset(), span.byte_len()) {
        (Some(start), Some(length)) => {
            let (start, length) = (usize::try_from(start).unwrap_or(0), usize::try_from(length).unwrap_or(0));
            file.text.get(start..start.saturating_add(length)).map(str::to_owned)
        }
        _ => None,
    };
    let text = text.unwrap_or_else(|| {
        let skip = usize::try_from(span.offset()).unwrap_or(0);
        file.text.chars().skip(skip).take(usize::try_from(span.len()).unwrap_or(0)).collect()
    });
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Result<Node, Diagnoses> {
        let file = Arc::new(SourceFile { path: "essai.yaml".into(), text: text.to_owned() });
        let mut diagnoses = Diagnoses::default();
        read(file, &mut diagnoses).ok_or(diagnoses)
    }

    fn entry<'n>(node: &'n Node, key: &str) -> &'n Entry {
        node.as_map().unwrap().iter().find(|entry| entry.key == key).unwrap()
    }

    #[test]
    fn scalars_keep_their_text_whatever_yaml_would_make_of_them() {
        let node =
            tree("a: 010003861\nb: yes\nc: 1.50\nd: 'x'\ne: 2026-01-31\nf: 12345678901234567890123\ng: true")
                .unwrap();
        let texts: Vec<_> = node.as_map().unwrap().iter().map(|e| e.value.as_text().unwrap()).collect();
        assert_eq!(texts, ["010003861", "yes", "1.50", "x", "2026-01-31", "12345678901234567890123", "true"]);
    }

    #[test]
    fn every_node_knows_its_place() {
        let node = tree("route: é\nto:\n  - dmp: dmp-national\n    when: wants.dmp\n").unwrap();
        let item = &entry(&node, "to").value.as_list().unwrap()[0];
        let when = entry(item, "when");
        assert_eq!((when.key_span.line, when.key_span.column), (4, 5));
        assert_eq!((when.value.span.line, when.value.span.column, when.value.span.length), (4, 11, 9));
    }

    #[test]
    fn a_fault_is_one_diagnosis_with_its_line() {
        let diagnoses = tree("a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
        assert_eq!(diagnoses.list()[0].code, "settings.not-yaml");
        assert!(diagnoses.list()[0].span.as_ref().unwrap().line >= 2);
    }

    #[test]
    fn a_key_given_twice_is_refused() {
        assert_eq!(tree("a: 1\na: 2\n").unwrap_err().list()[0].code, "settings.not-yaml");
    }

    #[test]
    fn deep_nesting_is_refused_and_never_overflows() {
        assert!(tree(&"[".repeat(100_000)).is_err());
        assert!(tree(&format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000))).is_err());
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..30 {
            let previous = format!("*a{}", n - 1);
            text += &format!("a{n}: &a{n} [{}]\n", vec![previous; 9].join(", "));
        }
        assert!(tree(&text).is_err());
    }
}
