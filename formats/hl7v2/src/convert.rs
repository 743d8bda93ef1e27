//! A message in another charset, with the usual separators and CR at every end: what a receiver reads that is less patient.
//! In: a message, a charset. Out: new bytes, and which of them are old ones (base64), so that documents stay where they are.
//! Source: hl7v2.md §6.1 to §6.3. Escapes keep their meaning; nothing else of a text changes.

use std::ops::Range;

use bytes::Bytes;

use crate::{
    charset::Charset,
    delimiters::Delimiters,
    escape::{LineBreak, escape, sequences},
    message::{Message, Segment},
    value::Value,
};

/// A converted message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Converted {
    /// Its bytes.
    pub bytes: Bytes,
    /// Ranges of them that are bytes of the message, with the first of those.
    pub kept: Vec<(Range<usize>, usize)>,
    /// Characters that the charset lacks, replaced by an equivalent or by `?`.
    pub replaced: usize,
}

/// Writes a message in this charset, which MSH-18 then says, with `|^~\&`.
pub fn convert(message: &Message, charset: &Charset) -> Converted {
    let mut writer = Writer {
        from: *message.delimiters(),
        to: Delimiters::standard(),
        charset,
        out: Vec::with_capacity(message.raw().len() + 64),
        converted: Converted::default(),
    };
    message.segments().for_each(|segment| writer.segment(segment));
    Converted { bytes: writer.out.into(), ..writer.converted }
}

struct Writer<'c> {
    from: Delimiters,
    to: Delimiters,
    charset: &'c Charset,
    out: Vec<u8>,
    converted: Converted,
}

impl Writer<'_> {
    fn segment(&mut self, segment: Segment<'_>) {
        self.out.extend_from_slice(segment.id_raw());
        let first = match segment.is_header() {
            true => {
                self.out.push(self.to.field);
                self.out.extend(self.to.encoding_characters());
                3
            }
            false => 1,
        };
        for number in first..=segment.field_count() {
            self.out.push(self.to.field);
            match (segment.is_header(), number) {
                (true, 18) => self.out.extend_from_slice(self.charset.reply_label().as_bytes()),
                _ => self.field(segment.field(number)),
            }
        }
        if segment.is("MSH") && segment.field_count() < 18 {
            self.out.extend(std::iter::repeat_n(self.to.field, 18 - segment.field_count()));
            self.out.extend_from_slice(self.charset.reply_label().as_bytes());
        }
        self.out.push(b'\r');
    }

    fn field(&mut self, field: Value<'_>) {
        let payload = field.payload_span();
        for (at, repetition) in field.repetitions().enumerate() {
            self.separate(at, self.to.repetition);
            for (at, component) in repetition.components().enumerate() {
                self.separate(at, Some(self.to.component));
                if payload.as_ref() == Some(&component.span()) {
                    let start = self.out.len();
                    self.out.extend_from_slice(component.raw());
                    self.converted.kept.push((start..self.out.len(), component.span().start));
                    continue;
                }
                for (at, part) in component.subcomponents().enumerate() {
                    self.separate(at, self.to.subcomponent);
                    self.text(part);
                }
            }
        }
    }

    fn separate(&mut self, at: usize, separator: Option<u8>) {
        self.out.extend(separator.filter(|_| at > 0));
    }

    fn text(&mut self, value: Value<'_>) {
        let raw = value.raw();
        if raw == b"\"\"" {
            return self.out.extend_from_slice(raw);
        }
        let charset = value.message().charset();
        let text = match self.from.same_writing(&self.to) {
            true => charset.decode(raw).into_owned(),
            // Sequences name what they stand for by a letter: only the character around them changes.
            false => sequences(raw, &self.from)
                .map(|(bytes, sequence)| {
                    let text = charset.decode(bytes);
                    match (self.from.escape, self.to.escape) {
                        (Some(from), Some(to)) if sequence => {
                            text.replace(char::from(from), &char::from(to).to_string())
                        }
                        _ => escape(&text, &self.to, LineBreak::Hex),
                    }
                })
                .collect(),
        };
        self.converted.replaced += self.charset.encode(&text, &mut self.out);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::Limits;

    fn parse(raw: &[u8]) -> Message {
        Message::parse(Bytes::copy_from_slice(raw), &Limits::default()).unwrap()
    }

    #[test]
    fn charset_and_separators_change_and_texts_do_not() {
        let raw = b"MSH*:%!+*A:1+2*\xe9t\xe9\nPID*1**x%y:z|t*\"\"*a!F!b!S!c!.br!d!X41!*\n\n";
        let converted = convert(&parse(raw), &Charset::utf8());
        assert_eq!(
            std::str::from_utf8(&converted.bytes).unwrap(),
            "MSH|^~\\&|A^1&2|été||||||||||||||UNICODE UTF-8\rPID|1||x~y^z\\F\\t|\"\"|a\\F\\b\\S\\c\\.br\\d\\X41\\|\r"
        );
        let latin =
            convert(&parse("MSH|^~\\&|été|||||||||||||||UNICODE UTF-8\r".as_bytes()), &Charset::latin9());
        assert_eq!(latin.bytes, &b"MSH|^~\\&|\xe9t\xe9|||||||||||||||8859/15\r"[..]);
    }

    #[test]
    fn base64_is_told_where_it_was() {
        let raw = b"MSH|^~\\&|\xe9\rOBX|1|ED|||^text^XML^Base64^QUJD/w==^^|F\r";
        let message = parse(raw);
        let converted = convert(&message, &Charset::utf8());
        let [(new, old)] = &converted.kept[..] else { panic!("one payload") };
        assert_eq!(&converted.bytes[new.clone()], b"QUJD/w==");
        assert_eq!(&raw[*old..old + new.len()], b"QUJD/w==");
    }

    proptest! {
        #[test]
        fn any_message_keeps_its_texts(fields in prop::collection::vec("[^\\r\\n\\x0b\\x1c]{0,12}", 1..6)) {
            let text = format!("MSH*:%!+*A\rPID*{}\r", fields.join("*"));
            let message = parse(text.as_bytes());
            let converted = parse(&convert(&message, &Charset::utf8()).bytes);
            let leaves = |message: &Message| -> Vec<String> {
                let pid = message.segment("PID").unwrap();
                let leaves = pid.fields().flat_map(|field| field.repetitions().collect::<Vec<_>>());
                let leaves = leaves.flat_map(|value| value.components().collect::<Vec<_>>());
                leaves
                    .flat_map(|value| value.subcomponents().collect::<Vec<_>>())
                    .map(|value| value.trimmed().into_owned())
                    .collect()
            };
            let (mut before, mut after) = (leaves(&message), leaves(&converted));
            // Blanks at the end of a segment are not part of it, in either form.
            before.iter_mut().chain(&mut after).for_each(|text| *text = text.trim().to_owned());
            prop_assert_eq!(before, after);
        }

        #[test]
        fn no_bytes_make_it_panic(raw in prop::collection::vec(any::<u8>(), 0..200)) {
            let raw = [&b"MSH|^~\\&|A\rOBX|1|ED|||^^^Base64^"[..], &raw].concat();
            if let Ok(message) = Message::parse(raw.into(), &Limits::default()) {
                let once = convert(&message, &Charset::utf8());
                prop_assert!(Message::parse(once.bytes, &Limits::default()).is_ok());
            }
        }
    }
}
