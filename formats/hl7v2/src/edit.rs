//! Changes on a copy of a message: what is not touched keeps its bytes.
//! In: a message, paths, texts. Out: new bytes. Source: hl7v2.md §10.3 « patch list over the raw bytes ».

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use bytes::Bytes;

use crate::{
    escape::{LineBreak, escape},
    message::{Message, Segment},
    path::Path,
    value::Value,
};

/// Why a change cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The path names no field.
    #[error("the path does not go down to a field")]
    NotAField,
    /// MSH-1 and MSH-2 cut the whole message.
    #[error("the delimiters of a message cannot be changed")]
    Delimiters,
    /// No segment or repetition of the message fits the path.
    #[error("no such place in the message")]
    NoSuchPlace,
    /// The message declares no separator for this level, or no escape character for this text.
    #[error("the message declares no delimiter for this")]
    NoDelimiter,
}

/// A list of changes to a message.
#[derive(Clone, Debug)]
pub struct Edits<'m> {
    message: &'m Message,
    changes: BTreeMap<(usize, usize), Vec<Change>>,
    /// Segments taken out, by their place.
    dropped: BTreeSet<usize>,
    replaced: usize,
}

#[derive(Clone, Debug)]
struct Change {
    depth: Depth,
    bytes: Vec<u8>,
}

/// How deep a change goes; numbers from 1.
#[derive(Clone, Copy, Debug)]
enum Depth {
    Field,
    Repetition(usize),
    Component(usize, usize),
    Subcomponent(usize, usize, usize),
}

/// A field taken apart: repetitions of components of raw subcomponents.
type Tree = Vec<Vec<Vec<Vec<u8>>>>;

impl<'m> Edits<'m> {
    pub(crate) fn new(message: &'m Message) -> Self {
        Self { message, changes: BTreeMap::new(), dropped: BTreeSet::new(), replaced: 0 }
    }

    /// Puts a text at the first place that fits the path, escaped and encoded as the message is.
    /// The whole of what the path names is replaced: `PID-5` the field, `PID-5.1` one component.
    /// A field, repetition or component that does not exist yet is added; a segment is not.
    /// Errors: see [`EditError`].
    pub fn set(mut self, path: &Path, text: &str) -> Result<Self, EditError> {
        self.put(path, text).map(|()| self)
    }

    /// The same, in place.
    pub fn put(&mut self, path: &Path, text: &str) -> Result<(), EditError> {
        let bytes = self.encode(text)?;
        let (segment, repetition) = path.locate(self.message).ok_or(EditError::NoSuchPlace)?;
        self.change(segment, (repetition, path.picks_repetition()), path, bytes)
    }

    /// The same in one given segment, and in the repetition of this number when there is one; what the path says of
    /// either is not asked. Errors: see [`EditError`].
    pub fn set_in(
        &mut self,
        segment: Segment<'m>,
        repetition: Option<usize>,
        path: &Path,
        text: &str,
    ) -> Result<(), EditError> {
        let bytes = self.encode(text)?;
        self.change(segment, (repetition.unwrap_or(1), repetition.is_some()), path, bytes)
    }

    fn encode(&mut self, text: &str) -> Result<Vec<u8>, EditError> {
        let delimiters = self.message.delimiters();
        let escaped = escape(text, delimiters, LineBreak::Hex);
        if delimiters.escape.is_none() && escaped != text {
            return Err(EditError::NoDelimiter);
        }
        let mut bytes = Vec::new();
        self.replaced += self.message.charset().as_used().encode(&escaped, &mut bytes);
        Ok(bytes)
    }

    /// Takes out every segment that fits the path; of a path to a field, every repetition of it.
    /// Errors: the delimiters of a message cannot be taken out, nor its MSH.
    pub fn drop_all(&mut self, path: &Path) -> Result<(), EditError> {
        let message = self.message;
        for segment in path.segments(message) {
            match path.field() {
                Some(1 | 2) | None if segment.is_header() => return Err(EditError::Delimiters),
                None => {
                    self.dropped.insert(segment.position());
                }
                Some(number) if !segment.field(number).raw().is_empty() => {
                    let change = Change { depth: Depth::Field, bytes: Vec::new() };
                    self.changes.entry((segment.position(), number)).or_default().push(change);
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Puts the null value `""`: the receiver erases its own.
    pub fn set_null(mut self, path: &Path) -> Result<Self, EditError> {
        let (segment, repetition) = path.locate(self.message).ok_or(EditError::NoSuchPlace)?;
        let place = (repetition, path.picks_repetition());
        self.change(segment, place, path, b"\"\"".to_vec()).map(|()| self)
    }

    /// Characters that the charset of the message lacks and that were replaced.
    pub fn replaced(&self) -> usize {
        self.replaced
    }

    fn change(
        &mut self,
        segment: Segment<'m>,
        (repetition, alone): (usize, bool),
        path: &Path,
        bytes: Vec<u8>,
    ) -> Result<(), EditError> {
        let field = path.field().ok_or(EditError::NotAField)?;
        if segment.is_header() && field <= 2 {
            return Err(EditError::Delimiters);
        }
        let depth = match (path.component(), path.subcomponent()) {
            (Some(component), Some(sub)) => Depth::Subcomponent(repetition, component, sub),
            (Some(component), None) => Depth::Component(repetition, component),
            (None, _) if alone => Depth::Repetition(repetition),
            (None, _) => Depth::Field,
        };
        self.check_delimiters(depth)?;
        self.changes.entry((segment.position(), field)).or_default().push(Change { depth, bytes });
        Ok(())
    }

    fn check_delimiters(&self, depth: Depth) -> Result<(), EditError> {
        let delimiters = self.message.delimiters();
        let (repetition, subcomponent) = match depth {
            Depth::Field => (1, 1),
            Depth::Repetition(repetition) | Depth::Component(repetition, _) => (repetition, 1),
            Depth::Subcomponent(repetition, _, sub) => (repetition, sub),
        };
        let missing = (repetition > 1 && delimiters.repetition.is_none())
            || (subcomponent > 1 && delimiters.subcomponent.is_none());
        if missing { Err(EditError::NoDelimiter) } else { Ok(()) }
    }

    /// The changed message.
    pub fn apply(&self) -> Bytes {
        let raw = self.message.raw();
        let mut out = Vec::with_capacity(raw.len() + 256);
        let mut from = 0;
        for (range, bytes) in self.patches() {
            out.extend_from_slice(&raw[from..range.start]);
            out.extend_from_slice(&bytes);
            from = range.end;
        }
        out.extend_from_slice(&raw[from..]);
        out.into()
    }

    /// What is put in the place of what, in the order of the message: one patch per changed field or dropped segment.
    pub fn patches(&self) -> Vec<(Range<usize>, Vec<u8>)> {
        let segments: Vec<Segment<'m>> = self.message.segments().collect();
        let mut written = (usize::MAX, 0);
        let mut patches = Vec::new();
        for at in &self.dropped {
            let end = segments.get(at + 1).map_or(self.message.raw().len(), |next| next.span().start);
            patches.push((segments[*at].span().start..end, Vec::new()));
        }
        for (&(at, number), changes) in &self.changes {
            if self.dropped.contains(&at) {
                continue;
            }
            let segment = segments[at];
            let mut tree = take_apart(segment.field(number));
            changes.iter().for_each(|change| change.make(&mut tree));
            let bytes = self.put_together(&tree);
            if number <= segment.field_count() {
                patches.push((segment.field(number).span(), bytes));
                continue;
            }
            // Behind the last field: separators count from it, or from the field just added.
            let last = if written.0 == at { written.1 } else { segment.field_count() };
            let mut tail = vec![self.message.delimiters().field; number - last];
            tail.extend(bytes);
            written = (at, number);
            patches.push((segment.span().end..segment.span().end, tail));
        }
        // Those of one place keep their order.
        patches.sort_by_key(|(range, _)| range.start);
        patches
    }

    fn put_together(&self, tree: &Tree) -> Vec<u8> {
        let delimiters = self.message.delimiters();
        let repetition =
            delimiters.look_alike.map(<[u8]>::to_vec).or(delimiters.repetition.map(|byte| vec![byte]));
        let subcomponent: Vec<u8> = delimiters.subcomponent.into_iter().collect();
        let repetitions: Vec<Vec<u8>> = tree
            .iter()
            .map(|components| {
                let components: Vec<Vec<u8>> =
                    components.iter().map(|parts| parts.join(subcomponent.as_slice())).collect();
                components.join(&delimiters.component)
            })
            .collect();
        repetitions.join(repetition.unwrap_or_default().as_slice())
    }
}

fn take_apart(field: Value<'_>) -> Tree {
    let component =
        |component: Value<'_>| component.subcomponents().map(|part| part.raw().to_vec()).collect();
    field.repetitions().map(|repetition| repetition.components().map(component).collect()).collect()
}

impl Change {
    fn make(&self, tree: &mut Tree) {
        let leaf = vec![self.bytes.clone()];
        match self.depth {
            Depth::Field => *tree = vec![vec![leaf]],
            Depth::Repetition(r) => *at(tree, r) = vec![leaf],
            Depth::Component(r, c) => *at(at(tree, r), c) = leaf,
            Depth::Subcomponent(r, c, s) => *at(at(at(tree, r), c), s) = self.bytes.clone(),
        }
    }
}

/// Element `number`, from 1; the list grows as needed. Numbers come from a path: at most 65535.
fn at<T: Default + Clone>(list: &mut Vec<T>, number: usize) -> &mut T {
    if list.len() < number {
        list.resize(number, T::default());
    }
    &mut list[number - 1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{limits::Limits, value::Presence};

    fn edit(raw: &str, changes: &[(&str, &str)]) -> Result<String, EditError> {
        let message = Message::parse(Bytes::copy_from_slice(raw.as_bytes()), &Limits::default()).unwrap();
        let mut edits = message.edit();
        for (path, text) in changes {
            edits = edits.set(&Path::parse(path).unwrap(), text)?;
        }
        Ok(String::from_utf8(edits.apply().to_vec()).unwrap())
    }

    const RAW: &str = "MSH|^~\\&|A|B\nPID|1||x^^^ns&oid~y^^^^INS|| \r\n\nOBX|1|ED|||^t^XML^Base64^AAAA|\n";

    #[test]
    fn untouched_bytes_stay_the_same() {
        assert_eq!(edit(RAW, &[]).unwrap(), RAW);
        assert_eq!(edit(RAW, &[("PID-3[5='INS'].1", "z")]).unwrap(), RAW.replace("y^", "z^"));
        assert_eq!(edit(RAW, &[("PID-3.4.2", "a|b")]).unwrap(), RAW.replace("oid", "a\\F\\b"));
        assert_eq!(edit(RAW, &[("OBX-5.5", "BBBB")]).unwrap(), RAW.replace("AAAA", "BBBB"));
        assert_eq!(edit(RAW, &[("OBX-5.3", "")]).unwrap(), RAW.replace("XML", ""));
    }

    #[test]
    fn missing_places_are_added() {
        assert_eq!(edit(RAW, &[("PID-3[2].4.2", "q")]).unwrap(), RAW.replace("y^^^^INS", "y^^^&q^INS"));
        assert_eq!(edit(RAW, &[("PID-3[4]", "q")]).unwrap(), RAW.replace("INS|", "INS~~q|"));
        let added = edit(RAW, &[("PID-8", "F"), ("PID-11[2].7", "BDL"), ("MSH-10", "1")]).unwrap();
        assert!(added.contains("A|B||||||1\n"), "{added:?}");
        assert!(added.contains("PID|1||x^^^ns&oid~y^^^^INS|||||F|||~^^^^^^BDL"), "{added:?}");
    }

    /// Two encodings in one message could not be told apart again.
    #[test]
    fn a_change_is_encoded_as_the_bytes_are_whatever_is_declared() {
        let raw = b"MSH|^~\\&||||||||||||||||UNICODE UTF-8|\xe9t\xe9|x\r";
        let message = Message::parse(Bytes::from_static(raw), &Limits::default()).unwrap();
        let path = Path::parse("MSH-20").unwrap();
        let edited =
            Message::parse(message.edit().set(&path, "à €").unwrap().apply(), &Limits::default()).unwrap();
        assert_eq!(edited.get(&path).raw(), b"\xe0 \x80");
        assert_eq!((edited.get(&path).text(), edited.msh().field(19).text()), ("à €".into(), "été".into()));
    }

    #[test]
    fn a_look_alike_separator_is_kept() {
        let raw = "MSH|^˜\\&|A\rPID|||a˜b^c\r";
        assert_eq!(edit(raw, &[("PID-3[2].1", "z")]).unwrap(), raw.replace("b^", "z^"));
    }

    #[test]
    fn null_is_written_as_null_and_its_two_quotes_as_data() {
        let message = Message::parse(Bytes::from_static(RAW.as_bytes()), &Limits::default()).unwrap();
        let path = Path::parse("PID-1").unwrap();
        let presence = |edits: Edits<'_>| {
            let edited = Message::parse(edits.apply(), &Limits::default()).unwrap();
            (edited.get(&path).presence(), edited.get(&path).text().into_owned())
        };
        assert_eq!(presence(message.edit().set_null(&path).unwrap()), (Presence::Null, String::new()));
        let quotes = "\"\"";
        assert_eq!(
            presence(message.edit().set(&path, quotes).unwrap()),
            (Presence::Valued, quotes.to_owned())
        );
    }

    #[test]
    fn segments_and_fields_are_taken_out() {
        let dropped = |path: &str| {
            let message = Message::parse(Bytes::from_static(RAW.as_bytes()), &Limits::default()).unwrap();
            let mut edits = message.edit();
            edits.drop_all(&Path::parse(path).unwrap())?;
            Ok::<_, EditError>(String::from_utf8(edits.apply().to_vec()).unwrap())
        };
        assert_eq!(dropped("PID").unwrap(), "MSH|^~\\&|A|B\nOBX|1|ED|||^t^XML^Base64^AAAA|\n");
        assert_eq!(dropped("OBX").unwrap(), &RAW[..RAW.find("OBX").unwrap()]);
        assert_eq!(dropped("PID-3").unwrap(), RAW.replace("x^^^ns&oid~y^^^^INS", ""));
        assert_eq!(dropped("OBX[2='TX']").unwrap(), RAW);
        assert_eq!(dropped("MSH"), Err(EditError::Delimiters));
    }

    #[test]
    fn impossible_changes_say_why() {
        assert_eq!(edit(RAW, &[("PID", "x")]), Err(EditError::NotAField));
        assert_eq!(edit(RAW, &[("MSH-2", "x")]), Err(EditError::Delimiters));
        assert_eq!(edit(RAW, &[("ZZZ-2", "x")]), Err(EditError::NoSuchPlace));
        assert_eq!(edit(RAW, &[("PID-3[5='PI'].1", "x")]), Err(EditError::NoSuchPlace));
        assert_eq!(edit("MSH|^|A\r", &[("MSH-3.1.2", "x")]), Err(EditError::NoDelimiter));
        assert_eq!(edit("MSH|^|A\r", &[("MSH-3.2", "x|")]), Err(EditError::NoDelimiter));
    }
}
