//! The fields of an HL7 v2 message, by the type that the standard gives each.
//! In: a message, a cast. Out: the bytes of another one, its documents as text, the segments that were taken out.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jonction_hl7v2::{
    Limits, Message, Segment, Value,
    definition::type_of,
    escape::{LineBreak, escape},
};

use super::{
    FictionError,
    cast::{BIRTH_PLACE, Cast},
    cda,
};

/// In the place of what somebody wrote.
pub(super) const REMOVED: &str = "Texte retiré";
/// In the place of a PDF: one empty page.
pub(super) const EMPTY_PDF: &[u8] = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";

struct Rewriter<'m, 'c, 'e> {
    message: &'m Message,
    cast: &'c mut Cast<'e>,
    documents: Vec<String>,
}

/// Bytes of the new message, its documents, segments that were left out.
type Rewritten = (Bytes, Vec<String>, Vec<String>);

pub(super) fn rewrite(raw: &Bytes, cast: &mut Cast<'_>) -> Result<Rewritten, FictionError> {
    let message = Message::parse(raw.clone(), &Limits::default()).map_err(|_| FictionError::NotHl7)?;
    // The birth comes first: matricules are made from it.
    if let Some(pid) = message.segment("PID") {
        cast.birth(&pid.field(7).component(1).text());
    }
    let mut out = Vec::with_capacity(raw.len());
    let (mut left_out, mut rewriter) =
        (Vec::new(), Rewriter { message: &message, cast, documents: Vec::new() });
    for segment in message.segments() {
        if type_of(segment.id(), 1).is_none() {
            left_out.push(segment.id().to_owned());
            continue;
        }
        rewriter.segment(segment, &mut out)?;
        out.push(b'\r');
    }
    left_out.sort();
    left_out.dedup();
    Ok((out.into(), rewriter.documents, left_out))
}

/// The message without what its documents are encoded in.
pub(super) fn readable(message: &Bytes) -> String {
    let Ok(message) = Message::parse(message.clone(), &Limits::default()) else { return String::new() };
    let mut text = String::new();
    for segment in message.segments() {
        for (at, field) in segment.fields().enumerate() {
            let encoded = segment.is("OBX") && at + 1 == 5 && segment.field(2).text() == "ED";
            if !encoded {
                text += &field.text();
                text.push('|');
            }
        }
    }
    text
}

impl<'m> Rewriter<'m, '_, '_> {
    fn segment(&mut self, segment: Segment<'m>, out: &mut Vec<u8>) -> Result<(), FictionError> {
        let delimiters = self.message.delimiters();
        out.extend_from_slice(segment.id_raw());
        let header = segment.is("MSH");
        for number in 1..=segment.field_count() {
            // MSH-1 is the delimiter itself.
            if !(header && number == 1) {
                out.push(delimiters.field);
            }
            let field = segment.field(number);
            if header && number <= 2 {
                if number == 2 {
                    out.extend_from_slice(field.raw());
                }
                continue;
            }
            let kind = type_of(segment.id(), number).unwrap_or("ANY");
            let repetitions: Vec<Vec<u8>> = field
                .repetitions()
                .map(|one| self.field(segment, number, kind, one))
                .collect::<Result<_, _>>()?;
            let separator = delimiters.repetition.unwrap_or(b'~');
            out.extend(repetitions.join(&separator));
        }
        Ok(())
    }

    fn field(
        &mut self,
        segment: Segment<'m>,
        number: usize,
        kind: &str,
        value: Value<'m>,
    ) -> Result<Vec<u8>, FictionError> {
        if !value.is_valued() {
            return Ok(value.raw().to_vec());
        }
        let text = value.text().into_owned();
        let id = segment.id();
        Ok(match (id, number, kind) {
            ("MSH", 10, _) => {
                let id = self.cast.id(&text);
                self.encoded(&id)
            }
            ("MSH", 7, _) => {
                let moved = self.cast.moment(&text);
                self.encoded(&moved)
            }
            ("MSH", _, _) => value.raw().to_vec(),
            ("PID", 7, _) | ("NK1", 16, _) => {
                let born = self.cast.birth(&text);
                self.encoded(&born)
            }
            ("PID", 19, _) => {
                let ins = self.cast.ins(&text);
                self.encoded(&ins)
            }
            ("OBX", 5, _) => return self.observation(segment, value),
            ("OBX", 4, _) => value.raw().to_vec(),
            (_, _, "CX") => self.parts(value, |cast, at, text, whole| match at {
                1 if whole.component(5).text().starts_with("INS") => Some(cast.ins(text)),
                1 => Some(cast.id(text)),
                7 | 8 => Some(String::new()),
                _ => None,
            }),
            (_, _, "XPN") => self.parts(value, |cast, at, text, _| match at {
                1 => Some(cast.family(text)),
                2 | 3 => Some(cast.given(text)),
                4..=6 | 9..=14 => Some(String::new()),
                _ => None,
            }),
            (_, _, "XCN") => self.parts(value, |cast, at, text, whole| match at {
                1 if whole.component(13).text().starts_with("INS") => Some(cast.ins(text)),
                1 => Some(cast.professional(text)),
                2 => Some(cast.family(text)),
                3 | 4 => Some(cast.given(text)),
                5 | 6 => Some(String::new()),
                _ => None,
            }),
            (_, _, "XAD") => self.parts(value, |_, at, text, _| match at {
                1 => Some("1 RUE DE L'EXEMPLE".to_owned()),
                3 => Some("VILLE-EXEMPLE".to_owned()),
                5 => Some("75001".to_owned()),
                9 if text.len() == 5 => Some(BIRTH_PLACE.to_owned()),
                6 | 7 => None,
                _ => Some(String::new()),
            }),
            (_, _, "XTN") => self.parts(value, |cast, at, text, _| match at {
                1 | 12 => Some(cast.phone(text)),
                4 => Some(cast.mail(text)),
                2 | 3 => None,
                _ => Some(String::new()),
            }),
            (_, _, "EI") => self.parts(value, |cast, at, text, _| (at == 1).then(|| cast.id(text))),
            (_, _, "TS" | "DT") => {
                let moved = self.cast.moment(&value.component(1).text());
                self.encoded(&moved)
            }
            // What somebody wrote, or may have.
            (_, _, "ST" | "FT" | "TX") => self.encoded(REMOVED),
            (_, _, "ANY" | "DLN" | "EIP" | "MOC" | "PRL" | "DR") => Vec::new(),
            _ => value.raw().to_vec(),
        })
    }

    /// Components, each replaced or kept.
    fn parts(
        &mut self,
        value: Value<'m>,
        replace: impl Fn(&mut Cast<'_>, usize, &str, Value<'m>) -> Option<String>,
    ) -> Vec<u8> {
        let mut parts = Vec::new();
        for (at, part) in value.components().enumerate() {
            // Of a composed part (a family name), everybody means the first.
            let text = part.subcomponent(1).text().into_owned();
            parts.push(match replace(self.cast, at + 1, &text, value) {
                Some(_) if !part.is_valued() => Vec::new(),
                Some(text) => self.encoded(&text),
                None => part.raw().to_vec(),
            });
        }
        parts.join(&self.message.delimiters().component)
    }

    /// OBX-5, by OBX-2.
    fn observation(&mut self, segment: Segment<'m>, value: Value<'m>) -> Result<Vec<u8>, FictionError> {
        let kind = segment.field(2).text().into_owned();
        Ok(match kind.as_str() {
            "ED" => {
                let data = value.component(5).text();
                let decoded = STANDARD
                    .decode(data.split_whitespace().collect::<String>())
                    .map_err(|_| FictionError::Document)?;
                let made = self.document(&decoded)?;
                let encoded = STANDARD.encode(made);
                self.parts(value, |_, at, _, _| (at == 5).then(|| encoded.clone()))
            }
            "CE" | "CWE" | "CNE" | "NM" | "SI" | "ID" | "IS" => value.raw().to_vec(),
            "ST" | "TX" | "FT" => self.encoded(REMOVED),
            "TS" | "DT" | "DTM" => {
                let moved = self.cast.moment(&value.text());
                self.encoded(&moved)
            }
            _ => Vec::new(),
        })
    }

    fn document(&mut self, bytes: &[u8]) -> Result<Vec<u8>, FictionError> {
        if bytes.starts_with(b"%PDF") {
            return Ok(EMPTY_PDF.to_vec());
        }
        let text = std::str::from_utf8(bytes).map_err(|_| FictionError::Document)?;
        if !text.trim_start_matches('\u{feff}').trim_start().starts_with('<') {
            return Ok(REMOVED.as_bytes().to_vec());
        }
        let (written, readable) = cda::rewrite(text, self.cast)?;
        self.documents.push(readable);
        Ok(written.into_bytes())
    }

    fn encoded(&self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let escaped = escape(text, self.message.delimiters(), LineBreak::Hex);
        self.message.charset().as_used().encode(&escaped, &mut bytes);
        bytes
    }
}
