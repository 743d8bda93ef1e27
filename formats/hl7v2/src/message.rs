//! One message: its bytes, where its segments and fields are, its delimiters, its charset.
//! In: bytes, limits. Out: views without copies. Source: hl7v2.md §6 and §10.3.

use std::{fmt, ops::Range, sync::OnceLock};

use bytes::Bytes;
use jonction_model::{IdError, Origin};

use crate::{
    charset::Charset,
    delimiters::Delimiters,
    edit::Edits,
    error::{ParseError, ParseFault},
    group::{Observation, observations},
    header::Header,
    index::{Entry, Index, is_blank},
    limits::Limits,
    note::Note,
    path::Path,
    value::Value,
};

/// A parsed message. Cloning shares the bytes and copies the index.
/// `Debug` shows the shape only: the bytes are about a person.
#[derive(Clone)]
pub struct Message {
    raw: Bytes,
    index: Index,
    delimiters: Delimiters,
    notes: Vec<Note>,
    charset: OnceLock<Charset>,
}

impl Message {
    /// Reads one message.
    /// Takes CR, LF and CR LF, blank lines, blanks around segments, odd segment ids, rubbish before MSH;
    /// [`Self::notes`] says what was met. The bytes are kept as they are.
    /// Errors: no MSH in front, unusable delimiters, UTF-16, limits.
    pub fn parse(raw: Bytes, limits: &Limits) -> Result<Self, ParseError> {
        let fail = |fault, segment, offset| Err(ParseError { fault, segment, offset });
        let limit = limits.message_bytes_max.min(u32::MAX as usize);
        if raw.len() > limit {
            return fail(ParseFault::TooLong { limit }, 0, limit);
        }
        if is_wide(&raw) {
            return fail(ParseFault::WideCharset, 0, 0);
        }
        let start = leading(&raw);
        if start == raw.len() {
            return fail(ParseFault::Empty, 0, start);
        }
        if !raw[start..].starts_with(b"MSH") {
            return fail(ParseFault::NoHeader, 1, start);
        }
        let delimiters = match Delimiters::read(&raw[start..]) {
            Ok(delimiters) => delimiters,
            Err((fault, offset)) => return fail(fault, 1, start + offset),
        };
        let (index, mut notes) = Index::build(&raw, start, &delimiters, limits)?;
        if start > 0 {
            notes.push(Note::LeadingBytes { count: start });
        }
        if delimiters.is_repaired() {
            notes.push(Note::RepairedDelimiter);
        }
        Ok(Self { raw, index, delimiters, notes, charset: OnceLock::new() })
    }

    /// The bytes, exactly as received.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The delimiters of this message.
    pub fn delimiters(&self) -> &Delimiters {
        &self.delimiters
    }

    /// What was irregular in the bytes.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The charset: what MSH-18 declares against what the bytes are. Examined on first use, then kept.
    pub fn charset(&self) -> &Charset {
        self.charset.get_or_init(|| Charset::examine(self))
    }

    /// Every segment, in order.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = Segment<'_>> + ExactSizeIterator + Clone {
        (0..self.index.segments.len()).map(|at| Segment { message: self, at })
    }

    /// MSH, which every parsed message starts with.
    pub fn msh(&self) -> Segment<'_> {
        Segment { message: self, at: 0 }
    }

    /// First segment of this id.
    pub fn segment(&self, id: &str) -> Option<Segment<'_>> {
        self.segments().find(|segment| segment.is(id))
    }

    /// Every segment of this id, in order.
    pub fn segments_of<'m>(&'m self, id: &'m str) -> impl Iterator<Item = Segment<'m>> + Clone + 'm {
        self.segments().filter(move |segment| segment.is(id))
    }

    /// First value at a path; absent when no segment or repetition fits.
    pub fn get(&self, path: &Path) -> Value<'_> {
        path.first(self)
    }

    /// Every value at a path, in order; absent and empty ones are left out.
    pub fn all<'m>(&'m self, path: &Path) -> Vec<Value<'m>> {
        path.every(self)
    }

    /// The OBX, each with the PRT and NTE that follow it.
    pub fn observations(&self) -> Vec<Observation<'_>> {
        observations(self)
    }

    /// What routing and acknowledgements need of MSH, as text.
    pub fn header(&self) -> Header {
        Header::of(self)
    }

    /// What acknowledgements must repeat, with the time of the event: EVN-2, else MSH-7. Source: hl7v2.md §2.13.
    /// Errors: MSH-10 is empty or not printable.
    pub fn origin(&self) -> Result<Origin, IdError> {
        let header = self.header();
        let recorded = self.segment("EVN").and_then(|evn| evn.field(2).component(1).code());
        header.origin(&recorded.unwrap_or(header.time.as_str().into()))
    }

    /// Changes to make on a copy of the bytes.
    pub fn edit(&self) -> Edits<'_> {
        Edits::new(self)
    }

    pub(crate) fn absent(&self) -> Value<'_> {
        Value::absent(self)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({} bytes:", self.raw.len())?;
        self.segments().take(64).try_for_each(|segment| write!(f, " {}", segment.id()))?;
        f.write_str(")")
    }
}

/// Bytes tolerated before MSH.
fn leading(raw: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match &raw[at..] {
            [0xEF, 0xBB, 0xBF, ..] => at += 3,
            [byte, ..] if is_blank(*byte) || matches!(byte, b'\r' | b'\n') => at += 1,
            _ => return at,
        }
    }
}

/// UTF-16 and UTF-32, by their mark or by the zeros around the `M` of MSH.
fn is_wide(raw: &[u8]) -> bool {
    matches!(
        raw,
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [b'M', 0, ..] | [0, b'M', 0, ..] | [0, 0, 0, b'M', 0, ..]
    )
}

/// One segment of a message.
#[derive(Clone, Copy)]
pub struct Segment<'m> {
    message: &'m Message,
    at: usize,
}

impl<'m> Segment<'m> {
    fn entry(&self) -> Entry {
        self.message.index.segments[self.at]
    }

    fn cut(&self, at: u32) -> u32 {
        self.message.index.cuts[at as usize]
    }

    /// The message it belongs to.
    pub fn message(&self) -> &'m Message {
        self.message
    }

    /// Place in the message, from 0.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The bytes of its id: three characters in a sound message, anything else otherwise.
    pub fn id_raw(&self) -> &'m [u8] {
        &self.message.raw[self.entry().start as usize..self.cut(self.entry().first) as usize]
    }

    /// Its id as text; empty when its bytes are no text.
    pub fn id(&self) -> &'m str {
        std::str::from_utf8(self.id_raw()).unwrap_or_default()
    }

    /// Whether it has this id.
    pub fn is(&self, id: &str) -> bool {
        self.id_raw() == id.as_bytes()
    }

    /// Which one of its id it is, from 1: `OBX[3]` gives 3.
    pub fn occurrence(&self) -> usize {
        let same = |other: &Segment<'_>| other.id_raw() == self.id_raw();
        self.message.segments().take(self.at + 1).filter(same).count()
    }

    /// Whether the separator itself is field 1 (MSH, FHS, BHS).
    pub(crate) fn is_header(&self) -> bool {
        matches!(self.id_raw(), b"MSH" | b"FHS" | b"BHS")
    }

    /// Number of its last field, empty ones included.
    pub fn field_count(&self) -> usize {
        let Entry { first, last, .. } = self.entry();
        (last - first) as usize + usize::from(self.is_header())
    }

    /// Field `number`, from 1, with the numbering of the standard: in MSH the separator itself is MSH-1.
    pub fn field(&self, number: usize) -> Value<'m> {
        let Entry { first, last, .. } = self.entry();
        let header = self.is_header();
        if header && number <= 2 {
            return self.header_field(number);
        }
        let rank = if header { number - 1 } else { number };
        if rank == 0 || rank > (last - first) as usize {
            return Value::absent_at(self.message, self.cut(last));
        }
        let at = first + rank as u32;
        let value = Value::field(self.message, self.cut(at - 1) + 1, self.cut(at));
        // Base64 is never searched for separators: its start is found once, here.
        if number == 5 && self.is("OBX") && self.field(2).raw() == b"ED" {
            value.with_payload()
        } else {
            value
        }
    }

    /// MSH-1 and MSH-2: the delimiters are no data, and neither cut nor escaped.
    fn header_field(&self, number: usize) -> Value<'m> {
        let Entry { first, last, .. } = self.entry();
        match number {
            1 if first < last => Value::literal(self.message, self.cut(first), self.cut(first) + 1),
            2 if first < last => Value::literal(self.message, self.cut(first) + 1, self.cut(first + 1)),
            _ => Value::absent_at(self.message, self.cut(last)),
        }
    }

    /// Its fields, from number 1.
    pub fn fields(&self) -> impl Iterator<Item = Value<'m>> + use<'m> {
        let segment = *self;
        (1..=self.field_count()).map(move |number| segment.field(number))
    }

    /// Its bytes in the raw message, terminator excluded.
    pub fn span(&self) -> Range<usize> {
        self.entry().start as usize..self.cut(self.entry().last) as usize
    }

    /// Its bytes, terminator excluded.
    pub fn raw(&self) -> &'m [u8] {
        &self.message.raw[self.span()]
    }
}

impl fmt::Debug for Segment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Segment({}, {} fields)", self.id(), self.field_count())
    }
}
