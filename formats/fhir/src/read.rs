//! Documents of resources, read one resource at a time: a Bundle, a list, one resource, or one a line (NDJSON).
//! In: bytes in any cut. Out: entries in their order, then what the document says of itself once it is whole.
//! Memory: one resource, bounded, whatever the size of the document.

use std::{
    cell::Cell,
    fmt,
    io::{self, BufReader, Read},
    rc::Rc,
};

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, error::Category};

use crate::node::Node;

/// Read at once from the input.
const PIECE_BYTES: usize = 64 << 10;

/// What is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One resource, give or take a piece of 64 KiB. As a tree it takes up to sixteen times as much memory.
    pub resource_bytes_max: u64,
    /// The whole document.
    pub bytes_max: u64,
}

impl Default for Limits {
    /// 4 MiB: a thousand times an ordinary resource. 8 GiB: ten times a whole national directory.
    fn default() -> Self {
        Self { resource_bytes_max: 4 << 20, bytes_max: 8 << 30 }
    }
}

/// Why an entry is in a Bundle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It answers the question, or stands alone.
    #[default]
    Match,
    /// It comes with one that does.
    Include,
    /// It says something about the search.
    Outcome,
}

/// A resource with what its Bundle says of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// Its address; may be empty.
    pub full_url: String,
    /// Why it is there.
    pub mode: Mode,
    /// The resource: an object that names its type.
    pub resource: Value,
}

/// What a document said of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Resources that were given.
    pub resources: u64,
    /// Number of answers to the question, which some servers leave out.
    pub total: Option<u64>,
    /// Whether it had links. A server that writes them last proves with them that its Bundle is whole.
    pub has_links: bool,
    /// Address of the page that follows.
    pub next: Option<String>,
}

/// Why reading stopped. Nothing of the document may be used then, whatever was given before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError<E> {
    /// It ends before its end; an empty one too.
    #[error("document cut at line {line}, column {column}")]
    Cut {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// Not JSON, or nested too deep.
    #[error("not JSON at line {line}, column {column}")]
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// JSON, not FHIR.
    #[error("not a FHIR document: {0}")]
    NotFhir(&'static str),
    /// One resource, or the whole, goes beyond the limits.
    #[error("longer than {0} bytes")]
    TooLong(u64),
    /// The input cannot be read.
    #[error("input cannot be read")]
    Input(#[source] io::Error),
    /// The one who takes the resources wants no more.
    #[error(transparent)]
    Taker(E),
}

/// Reads a document to its end. Each resource is given to `take` as soon as it is read.
/// Several documents in a row are read as one: that is what NDJSON is.
pub fn read<E>(
    input: impl Read,
    limits: Limits,
    mut take: impl FnMut(Entry) -> Result<(), E>,
) -> Result<Page, ReadError<E>> {
    let left = Rc::new(Cell::new(limits.resource_bytes_max));
    let bounded = Bounded { input, resource: left.clone(), whole: limits.bytes_max };
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(PIECE_BYTES, bounded));
    let mut stopped: Option<E> = None;
    let mut page = Page::default();
    let mut give = |entry: Entry| {
        left.set(limits.resource_bytes_max);
        take(entry).map_err(|error| stopped = Some(error)).is_ok()
    };
    let mut fault = None;
    let mut documents = 0;
    let read = loop {
        // Nothing but white space is the end, once a document was read.
        match json.end() {
            Ok(()) if documents > 0 => break Ok(()),
            Ok(()) => break Err(serde_json::Error::io(io::ErrorKind::UnexpectedEof.into())),
            Err(error) if error.classify() == Category::Io => break Err(error),
            Err(_) => {}
        }
        let document = Document { page: &mut page, give: &mut give, fault: &mut fault };
        if let Err(error) = document.deserialize(&mut json) {
            break Err(error);
        }
        documents += 1;
    };
    let Err(error) = read else { return Ok(page) };
    if let Some(error) = stopped {
        return Err(ReadError::Taker(error));
    }
    if let Some(fault) = fault {
        return Err(ReadError::NotFhir(fault));
    }
    Err(told(&error, limits))
}

fn told<E>(error: &serde_json::Error, limits: Limits) -> ReadError<E> {
    let (line, column) = (error.line(), error.column());
    match (error.classify(), error.io_error_kind()) {
        (_, Some(io::ErrorKind::FileTooLarge)) => ReadError::TooLong(limits.bytes_max),
        (_, Some(io::ErrorKind::OutOfMemory)) => ReadError::TooLong(limits.resource_bytes_max),
        (Category::Eof, _) | (_, Some(io::ErrorKind::UnexpectedEof)) => ReadError::Cut { line, column },
        (_, Some(kind)) => ReadError::Input(kind.into()),
        _ => ReadError::NotJson { line, column },
    }
}

/// Stops beyond the limits. The budget of a resource is given again each time one was read.
struct Bounded<R> {
    input: R,
    resource: Rc<Cell<u64>>,
    whole: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        let bytes = count as u64;
        if bytes > 0 {
            self.whole = self.whole.checked_sub(bytes).ok_or(io::Error::from(io::ErrorKind::FileTooLarge))?;
            // A piece already read may hold the beginning of the resource: it is not counted twice.
            let left = self.resource.get();
            if left == 0 {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            self.resource.set(left.saturating_sub(bytes));
        }
        Ok(count)
    }
}

/// One document: whatever it is.
struct Document<'d> {
    page: &'d mut Page,
    give: &'d mut dyn FnMut(Entry) -> bool,
    fault: &'d mut Option<&'static str>,
}

impl Document<'_> {
    fn refuse<E: serde::de::Error>(&mut self, why: &'static str) -> E {
        *self.fault = Some(why);
        E::custom("stopped")
    }

    fn resource<E: serde::de::Error>(&mut self, entry: Entry) -> Result<(), E> {
        if Node::of(&entry.resource).kind().is_empty() {
            return Err(self.refuse("a resource does not name its type"));
        }
        self.page.resources += 1;
        if (self.give)(entry) { Ok(()) } else { Err(E::custom("stopped")) }
    }
}

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("resources")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(resource) = list.next_element::<Value>()? {
            self.resource(Entry { resource, ..Entry::default() })?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        // A resource alone is kept whole; the entries of a Bundle never are, whatever comes first.
        let mut own = Map::new();
        let mut entries = false;
        while let Some(key) = map.next_key::<String>()? {
            let bundle = own.get("resourceType").is_none_or(|kind| kind == "Bundle");
            if key == "entry" && bundle {
                if entries {
                    return Err(self.refuse("a Bundle has two lists of entries"));
                }
                entries = true;
                map.next_value_seed(Entries(&mut self))?;
            } else {
                own.insert(key, map.next_value()?);
            }
        }
        let own = Value::Object(own);
        let node = Node::of(&own);
        if node.kind() != "Bundle" {
            if entries {
                return Err(self.refuse("entries outside a Bundle"));
            }
            return self.resource(Entry { resource: own, ..Entry::default() });
        }
        self.page.total = node.at("total").number().or(self.page.total);
        for link in node.items("link") {
            self.page.has_links = true;
            if link.text("relation") == "next" {
                self.page.next = Some(link.text("url").to_owned()).filter(|url| !url.is_empty());
            }
        }
        Ok(())
    }
}

struct Entries<'e, 'd>(&'e mut Document<'d>);

impl<'de> DeserializeSeed<'de> for Entries<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("entries of a Bundle")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(entry) = list.next_element::<Given>()? {
            let Given(Some(entry)) = entry else { continue };
            self.0.resource(entry)?;
        }
        Ok(())
    }
}

/// An entry as it is written. One without a resource (an answer to a deletion) is nothing to us.
struct Given(Option<Entry>);

impl<'de> serde::Deserialize<'de> for Given {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = Given;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an entry of a Bundle")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Given, A::Error> {
                let (mut entry, mut some) = (Entry::default(), false);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "resource" => {
                            entry.resource = map.next_value()?;
                            some = true;
                        }
                        "fullUrl" => {
                            let url: Value = map.next_value()?;
                            entry.full_url = url.as_str().unwrap_or_default().to_owned();
                        }
                        "search" => {
                            let search: Value = map.next_value()?;
                            entry.mode = match Node::of(&search).text("mode") {
                                "include" => Mode::Include,
                                "outcome" => Mode::Outcome,
                                _ => Mode::Match,
                            };
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Given(some.then_some(entry)))
            }
        }
        deserializer.deserialize_map(Parts)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const BUNDLE: &str = r#"{"resourceType":"Bundle","type":"searchset","total":2,"entry":[
        {"fullUrl":"https://a/Organization/1","resource":{"resourceType":"Organization","id":"1"},"search":{"mode":"match"}},
        {"resource":{"resourceType":"Location","id":"2"},"search":{"mode":"include"}},
        {"response":{"status":"204"}}],
        "link":[{"relation":"self","url":"https://a/x"},{"relation":"next","url":"https://a/y"}]}"#;

    type Given = Vec<(String, String, Mode)>;

    fn read_all(text: &[u8], limits: Limits) -> (Given, Result<Page, ReadError<Infallible>>) {
        let mut given = Vec::new();
        let page = read(text, limits, |entry| {
            let node = Node::of(&entry.resource);
            given.push((node.kind().to_owned(), node.text("id").to_owned(), entry.mode));
            Ok(())
        });
        (given, page)
    }

    fn given(text: &str) -> Given {
        let (given, page) = read_all(text.as_bytes(), Limits::default());
        page.unwrap();
        given
    }

    #[test]
    fn a_bundle_gives_its_resources_then_its_links() {
        let (given, page) = read_all(BUNDLE.as_bytes(), Limits::default());
        let entry = |kind: &str, id: &str, mode| (kind.to_owned(), id.to_owned(), mode);
        assert_eq!(given, [entry("Organization", "1", Mode::Match), entry("Location", "2", Mode::Include)]);
        let next = Some("https://a/y".to_owned());
        assert_eq!(page.unwrap(), Page { resources: 2, total: Some(2), has_links: true, next });
    }

    #[test]
    fn a_list_a_resource_alone_and_one_a_line_give_the_same() {
        let (a, b) = (r#"{"resourceType":"Location","id":"1"}"#, r#"{"resourceType":"Location","id":"2"}"#);
        let bundle =
            format!(r#"{{"entry":[{{"resource":{a}}},{{"resource":{b}}}],"resourceType":"Bundle"}}"#);
        let list = format!("[{a},{b}]");
        for text in [&bundle, &list, &format!("{a}\n{b}\n"), &format!("{a}\r\n\n{b}")] {
            assert_eq!(given(text), given(&list), "{text}");
        }
        assert_eq!(given(a).len(), 1);
        // Entries of a List are its own.
        assert_eq!(given(r#"{"resourceType":"List","entry":[{"item":{}}]}"#).len(), 1);
    }

    #[test]
    fn a_document_cut_anywhere_is_never_taken_for_whole() {
        for length in 0..BUNDLE.len() {
            let (_, page) = read_all(&BUNDLE.as_bytes()[..length], Limits::default());
            assert!(matches!(page, Err(ReadError::Cut { .. })), "{length}: {page:?}");
        }
    }

    #[test]
    fn what_is_not_fhir_is_refused_with_its_place() {
        let refused = |text: &str| read_all(text.as_bytes(), Limits::default()).1.unwrap_err();
        assert!(matches!(refused("<html>"), ReadError::NotJson { line: 1, column: 1 }));
        assert!(matches!(refused(r#"{"a":1}"#), ReadError::NotFhir(_)));
        assert!(matches!(refused("3"), ReadError::NotJson { .. }));
        assert!(matches!(
            refused(r#"{"resourceType":"Bundle","entry":[],"entry":[]}"#),
            ReadError::NotFhir(_)
        ));
        assert!(matches!(refused(r#"{"entry":[],"resourceType":"Location"}"#), ReadError::NotFhir(_)));
        assert!(matches!(refused(r#"[{"resourceType":"Location"},{}]"#), ReadError::NotFhir(_)));
        let deep = format!(r#"{{"resourceType":"Location","a":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
        assert!(matches!(refused(&deep), ReadError::NotJson { .. }));
    }

    #[test]
    fn a_resource_or_a_document_beyond_its_limit_is_refused() {
        let one = format!(r#"{{"resourceType":"Location","a":"{}"}}"#, "x".repeat(300_000));
        let many = format!("{one}\n").repeat(10);
        let limits = |resource, whole| Limits { resource_bytes_max: resource, bytes_max: whole };
        assert!(read_all(many.as_bytes(), limits(400_000, 4_000_000)).1.is_ok());
        let (given, page) = read_all(many.as_bytes(), limits(200_000, 4_000_000));
        assert!(given.is_empty() && matches!(page, Err(ReadError::TooLong(200_000))));
        let (_, page) = read_all(many.as_bytes(), limits(400_000, 2_000_000));
        assert!(matches!(page, Err(ReadError::TooLong(2_000_000))));
    }

    #[test]
    fn who_takes_the_resources_may_stop() {
        let stopped = read(BUNDLE.as_bytes(), Limits::default(), |_| Err("enough"));
        assert!(matches!(stopped, Err(ReadError::Taker("enough"))));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            let _ = read_all(&bytes, Limits::default());
        }

        #[test]
        fn no_damage_makes_it_panic(at in 0..BUNDLE.len(), byte: u8) {
            let mut bytes = BUNDLE.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = read_all(&bytes, Limits::default());
        }
    }
}
