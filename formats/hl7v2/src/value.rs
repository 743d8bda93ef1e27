//! A field, repetition, component or subcomponent: a range of the raw message that knows how to be read.
//! In: a message and a range. Out: presence, raw bytes, text, parts. Source: hl7v2.md §6.1 to §6.3.

use std::{borrow::Cow, fmt, ops::Range};

use memchr::{memchr, memmem};

use crate::{escape, message::Message};

/// Whether a value says something. Three different ways of saying nothing. Source: hl7v2.md §6.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Presence {
    /// The place does not exist in the message.
    Absent,
    /// `||`: no information, the receiver keeps its own.
    Empty,
    /// `|""|`: the receiver erases its own.
    Null,
    /// Data.
    Valued,
}

/// What cuts a value further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Field,
    Repetition,
    Component,
    Subcomponent,
    /// MSH-1, MSH-2 and base64: nothing cuts them, nothing escapes them.
    Literal,
}

/// One value of a message. Copying it copies a range.
#[derive(Clone, Copy)]
pub struct Value<'m> {
    message: &'m Message,
    start: u32,
    end: u32,
    level: Level,
    absent: bool,
    /// First byte of the base64 of an ED value; 0 when there is none.
    payload: u32,
}

impl<'m> Value<'m> {
    pub(crate) fn absent(message: &'m Message) -> Self {
        Self::absent_at(message, 0)
    }

    pub(crate) fn absent_at(message: &'m Message, at: u32) -> Self {
        Self { message, start: at, end: at, level: Level::Field, absent: true, payload: 0 }
    }

    pub(crate) fn field(message: &'m Message, start: u32, end: u32) -> Self {
        Self { message, start, end, level: Level::Field, absent: false, payload: 0 }
    }

    pub(crate) fn literal(message: &'m Message, start: u32, end: u32) -> Self {
        Self { level: Level::Literal, ..Self::field(message, start, end) }
    }

    /// Marks what follows the fourth component of an ED `…^Base64^…` as never to be searched.
    pub(crate) fn with_payload(self) -> Self {
        let raw = self.raw();
        let component = self.message.delimiters().component;
        let mut at = 0;
        let mut encoding = 0..0;
        for _ in 0..4 {
            // The four first components are short; a message that hides them is cut the ordinary way.
            let window = &raw[at..raw.len().min(at + 256)];
            let Some(found) = memchr(component, window) else { return self };
            encoding = at..at + found;
            at += found + 1;
        }
        if raw[encoding].trim_ascii().eq_ignore_ascii_case(b"base64") {
            Self { payload: self.start + at as u32, ..self }
        } else {
            self
        }
    }

    /// Whether it says something.
    pub fn presence(self) -> Presence {
        match self.raw() {
            _ if self.absent => Presence::Absent,
            b"" => Presence::Empty,
            b"\"\"" => Presence::Null,
            _ => Presence::Valued,
        }
    }

    /// Whether it holds data.
    pub fn is_valued(self) -> bool {
        self.presence() == Presence::Valued
    }

    /// Itself when it holds data.
    pub fn valued(self) -> Option<Self> {
        self.is_valued().then_some(self)
    }

    /// Its range in the raw message; empty when absent.
    pub fn span(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Its bytes, escapes and charset as written.
    pub fn raw(self) -> &'m [u8] {
        &self.message.raw()[self.span()]
    }

    /// Its text: escapes resolved, charset decoded. Empty when absent, empty or null.
    /// Borrowed unless an escape or a charset other than UTF-8 forces a copy.
    pub fn text(self) -> Cow<'m, str> {
        let raw = self.raw();
        if raw == b"\"\"" && self.level != Level::Literal {
            return Cow::Borrowed("");
        }
        let delimiters = self.message.delimiters();
        match delimiters.escape {
            Some(byte) if self.level != Level::Literal && find(byte, raw).is_some() => {
                let charset = self.message.charset();
                let bytes = escape::resolve(raw, delimiters);
                Cow::Owned(charset.decode(&bytes).into_owned())
            }
            _ if raw.is_ascii() => Cow::Borrowed(std::str::from_utf8(raw).unwrap_or_default()),
            _ => self.message.charset().decode(raw),
        }
    }

    /// Its text without the blanks around it, no-break ones included: what identifiers and codes are compared by.
    pub fn trimmed(self) -> Cow<'m, str> {
        match self.text() {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        }
    }

    /// Its trimmed text, `None` when nothing is left of it.
    pub fn code(self) -> Option<Cow<'m, str>> {
        Some(self.trimmed()).filter(|text| !text.is_empty())
    }

    fn part(self, level: Level, range: Range<usize>) -> Self {
        let (start, end) = (self.start + range.start as u32, self.start + range.end as u32);
        Self { start, end, level, payload: 0, ..self }
    }

    fn none(self) -> Self {
        Self::absent_at(self.message, self.end)
    }

    /// Its repetitions, empty ones included: `a~~b` has three. An absent value has none.
    pub fn repetitions(self) -> impl Iterator<Item = Self> + use<'m> {
        let mut rest = (!self.absent).then_some(0);
        std::iter::from_fn(move || {
            let from = rest?;
            let raw = self.raw();
            let (end, next) = match self.repetition_cut(&raw[from..]) {
                Some(cut) => (from + cut.start, Some(from + cut.end)),
                None => (raw.len(), None),
            };
            rest = next;
            let value = self.part(Level::Repetition.max(self.level), from..end);
            Some(Self { payload: self.payload, ..value })
        })
    }

    /// Next repetition separator in these bytes of this field.
    fn repetition_cut(self, bytes: &[u8]) -> Option<Range<usize>> {
        let delimiters = self.message.delimiters();
        if self.level != Level::Field || self.payload != 0 {
            return None;
        }
        let plain = delimiters.repetition.and_then(|byte| find(byte, bytes)).map(|at| at..at + 1);
        let alike = delimiters.look_alike.and_then(|tilde| {
            let at = memmem::find(bytes, tilde)?;
            Some(at..at + tilde.len())
        });
        match (plain, alike) {
            (Some(plain), Some(alike)) if alike.start < plain.start => Some(alike),
            (None, alike) => alike,
            (plain, _) => plain,
        }
    }

    /// Repetition `number`, from 1.
    pub fn repetition(self, number: usize) -> Self {
        number.checked_sub(1).and_then(|at| self.repetitions().nth(at)).unwrap_or(self.none())
    }

    /// Component `number`, from 1, of this repetition (of the first one, for a field).
    /// A value without separator is its own component 1.
    pub fn component(self, number: usize) -> Self {
        match self.level {
            _ if self.absent => self,
            Level::Field => self.repetition(1).component(number),
            Level::Repetition if number == 5 && self.payload != 0 => self.payload(),
            Level::Repetition => {
                self.nth(Some(self.message.delimiters().component), Level::Component, number)
            }
            _ if number == 1 => self,
            _ => self.none(),
        }
    }

    /// The base64 of an ED value: up to the end of the field, less separators left at the end.
    fn payload(self) -> Self {
        let from = (self.payload - self.start) as usize;
        let delimiters = self.message.delimiters();
        let separator = |byte: u8| byte == delimiters.component || Some(byte) == delimiters.repetition;
        let raw = self.raw();
        let mut to = raw.len();
        while to > from && separator(raw[to - 1]) {
            to -= 1;
        }
        self.part(Level::Literal, from..to)
    }

    /// Where the base64 of an ED field stands.
    pub(crate) fn payload_span(self) -> Option<Range<usize>> {
        (self.payload != 0).then(|| self.payload().span())
    }

    /// Subcomponent `number`, from 1, of this component (of the first one, for a field or a repetition).
    pub fn subcomponent(self, number: usize) -> Self {
        match self.level {
            _ if self.absent => self,
            Level::Field | Level::Repetition => self.component(1).subcomponent(number),
            Level::Component => self.nth(self.message.delimiters().subcomponent, Level::Subcomponent, number),
            _ if number == 1 => self,
            _ => self.none(),
        }
    }

    /// The components of this repetition (of the first one, for a field), empty ones included.
    /// An absent value has none.
    pub fn components(self) -> impl Iterator<Item = Self> + use<'m> {
        let repetition = if self.level == Level::Field { self.repetition(1) } else { self };
        let separator =
            Some(self.message.delimiters().component).filter(|_| repetition.level == Level::Repetition);
        let payload = (repetition.payload != 0).then(|| repetition.payload());
        repetition.split(separator, Level::Component).chain(payload)
    }

    /// The subcomponents of this component (of the first one, for a field or a repetition).
    pub fn subcomponents(self) -> impl Iterator<Item = Self> + use<'m> {
        let component = if self.level < Level::Component { self.component(1) } else { self };
        let separator =
            self.message.delimiters().subcomponent.filter(|_| component.level == Level::Component);
        component.split(separator, Level::Subcomponent)
    }

    fn nth(self, separator: Option<u8>, level: Level, number: usize) -> Self {
        let raw = self.searchable();
        let cut = |from: usize| separator.and_then(|byte| find(byte, &raw[from..])).map(|at| from + at);
        let mut from = 0;
        for _ in 1..number {
            match cut(from) {
                Some(at) => from = at + 1,
                None => return self.none(),
            }
        }
        match number {
            0 => self.none(),
            _ => self.part(level.max(self.level), from..cut(from).unwrap_or(raw.len())),
        }
    }

    /// Cuts what stands before a payload.
    fn split(self, separator: Option<u8>, level: Level) -> impl Iterator<Item = Self> + use<'m> {
        let raw = self.searchable();
        let mut rest = (!self.absent).then_some(0);
        std::iter::from_fn(move || {
            let from = rest?;
            let cut = separator.and_then(|byte| find(byte, &raw[from..])).map(|at| from + at);
            rest = cut.map(|at| at + 1);
            Some(self.part(level.max(self.level), from..cut.unwrap_or(raw.len())))
        })
    }

    /// Length of what stands before the payload and its separator.
    fn head(self) -> usize {
        (self.payload - self.start) as usize - 1
    }

    /// Its ranges that are free of base64: what may be searched.
    pub(crate) fn searchable(self) -> &'m [u8] {
        if self.payload == 0 { self.raw() } else { &self.raw()[..self.head()] }
    }

    /// The message it belongs to.
    pub fn message(self) -> &'m Message {
        self.message
    }
}

/// First place of a byte. Most values are shorter than what a vector search costs to begin.
fn find(byte: u8, raw: &[u8]) -> Option<usize> {
    match raw.len() {
        0..=32 => raw.iter().position(|&other| other == byte),
        _ => memchr(byte, raw),
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({:?}, {:?})", self.presence(), self.span())
    }
}

impl PartialEq<str> for Value<'_> {
    /// Compares the trimmed text.
    fn eq(&self, other: &str) -> bool {
        self.trimmed() == other
    }
}

impl PartialEq<&str> for Value<'_> {
    /// Compares the trimmed text.
    fn eq(&self, other: &&str) -> bool {
        self.trimmed() == *other
    }
}
