//! Writes messages: separators where needed, escapes in every leaf, the charset of the receiver.
//! In: texts at places. Out: bytes, one CR after every segment. Source: hl7v2.md §6.1 and §6.2.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    charset::Charset,
    delimiters::Delimiters,
    escape::{LineBreak, escape},
};

/// Place inside a segment, every number from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    field: u16,
    repetition: u16,
    component: u16,
    subcomponent: u16,
}

impl Position {
    /// First repetition, component and subcomponent of a field.
    pub const fn field(number: u16) -> Self {
        Self { field: number, repetition: 1, component: 1, subcomponent: 1 }
    }

    /// Field, repetition, component, subcomponent.
    pub const fn numbers(self) -> [u16; 4] {
        [self.field, self.repetition, self.component, self.subcomponent]
    }

    /// Number of its field.
    pub const fn field_number(self) -> u16 {
        self.field
    }

    /// Number of its repetition.
    pub const fn repetition_number(self) -> u16 {
        self.repetition
    }

    /// Another repetition.
    pub const fn repetition(self, number: u16) -> Self {
        Self { repetition: number, ..self }
    }

    /// Another component.
    pub const fn component(self, number: u16) -> Self {
        Self { component: number, ..self }
    }

    /// Another subcomponent.
    pub const fn subcomponent(self, number: u16) -> Self {
        Self { subcomponent: number, ..self }
    }
}

impl From<u16> for Position {
    /// A bare number is a field.
    fn from(field: u16) -> Self {
        Self::field(field)
    }
}

/// What stands at a place.
enum Leaf {
    /// Text to escape.
    Text(String, LineBreak),
    /// Text whose separators and escapes are already written.
    Written(String),
    /// Bytes as they are.
    Bytes(Bytes),
}

/// A segment being written. Places may be filled in any order; the last text at a place stays.
pub struct SegmentDraft {
    id: String,
    leaves: BTreeMap<Position, Leaf>,
}

impl SegmentDraft {
    /// Puts a text; an empty one only makes sure that the place exists. A bare number is a field.
    pub fn text(&mut self, place: impl Into<Position>, text: &str) -> &mut Self {
        self.put(place, Leaf::Text(text.to_owned(), LineBreak::Hex))
    }

    /// Puts a text of type FT or TX: its line breaks become `\.br\`.
    pub fn formatted(&mut self, place: impl Into<Position>, text: &str) -> &mut Self {
        self.put(place, Leaf::Text(text.to_owned(), LineBreak::Formatted))
    }

    /// Puts texts in the components 1, 2, 3… of a repetition; empty ones at the end are not written.
    pub fn components(&mut self, place: impl Into<Position>, texts: &[&str]) -> &mut Self {
        let place = place.into();
        for (number, text) in (1..).zip(texts).filter(|(_, text)| !text.is_empty()) {
            self.text(place.component(number), text);
        }
        self
    }

    /// Puts a text that already holds its separators and escapes, as [`crate::Header`] gives them.
    /// Line ends are taken out, they would make a segment.
    pub fn written(&mut self, place: impl Into<Position>, text: &str) -> &mut Self {
        let text = text.replace(['\r', '\n', '\u{b}', '\u{1c}'], " ");
        self.put(place, Leaf::Written(text))
    }

    /// Puts bytes as they are: base64. The caller makes sure that no delimiter or line end is in them.
    pub fn bytes(&mut self, place: impl Into<Position>, bytes: Bytes) -> &mut Self {
        self.put(place, Leaf::Bytes(bytes))
    }

    fn put(&mut self, place: impl Into<Position>, leaf: Leaf) -> &mut Self {
        self.leaves.insert(place.into(), leaf);
        self
    }
}

/// A message being written.
pub struct Builder {
    delimiters: Delimiters,
    charset: Charset,
    segments: Vec<SegmentDraft>,
}

/// A written message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// Its bytes.
    pub bytes: Bytes,
    /// Characters that its charset lacks, replaced by an equivalent or by `?`.
    pub replaced: usize,
}

impl Builder {
    /// An empty message. Delimiters that the set lacks are taken from the standard.
    pub fn new(delimiters: Delimiters, charset: Charset) -> Self {
        let standard = Delimiters::standard();
        let delimiters = Delimiters {
            repetition: delimiters.repetition.or(standard.repetition),
            escape: delimiters.escape.or(standard.escape),
            subcomponent: delimiters.subcomponent.or(standard.subcomponent),
            look_alike: None,
            ..delimiters
        };
        Self { delimiters, charset, segments: Vec::new() }
    }

    /// Adds a segment. MSH gets its fields 1 and 2 by itself.
    pub fn segment(&mut self, id: &str) -> &mut SegmentDraft {
        self.segments.push(SegmentDraft { id: id.to_owned(), leaves: BTreeMap::new() });
        let last = self.segments.len() - 1;
        &mut self.segments[last]
    }

    /// Writes everything: one CR after every segment, the last one included.
    pub fn finish(self) -> Built {
        let mut out = Vec::new();
        let mut replaced = 0;
        for segment in &self.segments {
            replaced += self.write(segment, &mut out);
            out.push(b'\r');
        }
        Built { bytes: out.into(), replaced }
    }

    fn write(&self, segment: &SegmentDraft, out: &mut Vec<u8>) -> usize {
        let mut replaced = self.charset.encode(&segment.id, out);
        let mut here = Position::field(0);
        if matches!(segment.id.as_str(), "MSH" | "FHS" | "BHS") {
            out.push(self.delimiters.field);
            out.extend(self.delimiters.encoding_characters());
            here.field = 2;
        }
        for (&place, leaf) in segment.leaves.range(Position { field: here.field + 1, ..here }..) {
            self.move_to(place, here, out);
            here = place;
            replaced += match leaf {
                Leaf::Bytes(bytes) => {
                    out.extend_from_slice(bytes);
                    0
                }
                Leaf::Written(text) => self.charset.encode(text, out),
                Leaf::Text(text, line_break) => {
                    self.charset.encode(&escape(text, &self.delimiters, *line_break), out)
                }
            };
        }
        replaced
    }

    /// Separators between two places, the coarsest level that differs deciding.
    fn move_to(&self, to: Position, mut from: Position, out: &mut Vec<u8>) {
        let mut repeat = |separator: u8, steps: u16| out.extend(std::iter::repeat_n(separator, steps.into()));
        let levels = &self.delimiters;
        if to.field != from.field {
            repeat(levels.field, to.field - from.field);
            from = Position::field(to.field);
        }
        if to.repetition != from.repetition {
            repeat(levels.repetition.unwrap_or(b'~'), to.repetition - from.repetition);
            (from.component, from.subcomponent) = (1, 1);
        }
        if to.component != from.component {
            repeat(levels.component, to.component - from.component);
            from.subcomponent = 1;
        }
        repeat(levels.subcomponent.unwrap_or(b'&'), to.subcomponent - from.subcomponent);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{limits::Limits, message::Message, path::Path};

    #[test]
    fn separators_follow_the_places_and_every_segment_ends_with_cr() {
        let mut builder = Builder::new(Delimiters::standard(), Charset::utf8());
        builder.segment("MSH").text(3, "RIS").components(9, &["MDM", "T02", "MDM_T02"]).text(12, "2.6");
        let second = Position::field(3).repetition(2);
        builder
            .segment("PID")
            .text(1, "1")
            .text(second.component(4).subcomponent(2), "1.2.250.1.213.1.4.10")
            .text(second, "2790")
            .text(3, "IPP1")
            .text(8, "");
        let built = builder.finish();
        assert_eq!(
            built.bytes,
            &b"MSH|^~\\&|RIS||||||MDM^T02^MDM_T02|||2.6\rPID|1||IPP1~2790^^^&1.2.250.1.213.1.4.10|||||\r"[..]
        );
        assert_eq!(built.replaced, 0);
    }

    proptest! {
        #[test]
        fn any_texts_at_any_places_read_back(
            leaves in prop::collection::btree_map((1_u16..12, 1_u16..4, 1_u16..5, 1_u16..4), "[^\\s].{0,12}[^\\s]", 1..12)
        ) {
            let mut builder = Builder::new(Delimiters::standard(), Charset::utf8());
            builder.segment("MSH").text(18, "UNICODE UTF-8");
            let draft = builder.segment("ZZZ");
            for (&(field, repetition, component, sub), text) in &leaves {
                draft.text(Position::field(field).repetition(repetition).component(component).subcomponent(sub), text);
            }
            let message = Message::parse(builder.finish().bytes, &Limits::default()).unwrap();
            for ((field, repetition, component, sub), text) in &leaves {
                let path = Path::parse(&format!("ZZZ-{field}[{repetition}].{component}.{sub}")).unwrap();
                prop_assert_eq!(message.get(&path).text(), text.as_str());
            }
            prop_assert_eq!(message.all(&Path::parse("ZZZ").unwrap()).len(), 1);
        }
    }

    #[test]
    fn leaves_are_escaped_and_encoded_and_read_back() {
        let text = "a|b^c&d~e\\f\r\nl’été à 3 €";
        let mut builder = Builder::new(Delimiters::standard(), Charset::latin9());
        builder.segment("MSH").text(18, "8859/15");
        builder.segment("NTE").text(Position::field(3).component(2), text);
        let built = builder.finish();
        let message = Message::parse(built.bytes, &Limits::default()).unwrap();
        let read = message.get(&Path::parse("NTE-3.2").unwrap());
        assert_eq!(read.text(), text.replace('’', "'"));
        assert_eq!(built.replaced, 1);
    }
}
