//! The path grammar of Jonction for HL7 v2: `SEG[which]-field[which].component.subcomponent`.
//! In: text, once. Out: a compiled path, evaluated over messages. Source: docs/specs/hl7-paths.md, architecture §10.

use std::{fmt, str::FromStr};

use crate::{
    builder::Position,
    message::{Message, Segment},
    value::Value,
};

/// A compiled path. `Display` gives its text back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// Three ASCII characters.
    segment: [u8; 3],
    which: Which,
    field: Option<FieldStep>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct FieldStep {
    number: u16,
    which: Which,
    component: Option<u16>,
    subcomponent: Option<u16>,
}

/// Which of several segments or repetitions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Which {
    /// Nothing said: the first one, or all of them.
    Any,
    /// `[3]`.
    Nth(u16),
    /// `[4.1='RCT']`, `[5='INS'|'INS-C']`.
    Where(Condition),
}

/// A value below equals one of the texts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Condition {
    /// Field, component, subcomponent for a segment; component, subcomponent for a repetition.
    place: Vec<u16>,
    texts: Vec<String>,
}

/// Why a text is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: expected {expected}")]
pub struct PathError {
    /// Column of the fault, from 1, in characters.
    pub column: usize,
    /// What should have stood there.
    pub expected: &'static str,
}

impl Path {
    /// Compiles a path. Errors: the column and what was expected there.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let mut parser = Parser { text, at: 0 };
        let path = parser.path()?;
        if parser.at < text.len() {
            return Err(parser.error("the end, `[`, `-` or `.`"));
        }
        Ok(path)
    }

    /// The segment it starts from.
    pub fn segment(&self) -> &str {
        std::str::from_utf8(&self.segment).unwrap_or_default()
    }

    /// Field number, when it goes down to a field.
    pub fn field(&self) -> Option<usize> {
        self.field.as_ref().map(|field| field.number.into())
    }

    /// Component number, when it goes down to a component.
    pub fn component(&self) -> Option<usize> {
        self.field.as_ref()?.component.map(usize::from)
    }

    /// Subcomponent number, when it goes down to a subcomponent.
    pub fn subcomponent(&self) -> Option<usize> {
        self.field.as_ref()?.subcomponent.map(usize::from)
    }

    /// Field, component and subcomponent that its condition on the segment looks at.
    pub fn segment_condition(&self) -> Option<&[u16]> {
        self.which.place()
    }

    /// Component and subcomponent that its condition on the repetition looks at.
    pub fn repetition_condition(&self) -> Option<&[u16]> {
        self.field.as_ref()?.which.place()
    }

    /// Whether it says which of several segments it means.
    pub fn picks_segment(&self) -> bool {
        self.which != Which::Any
    }

    /// Whether it says which of several repetitions it means.
    pub fn picks_repetition(&self) -> bool {
        self.field.as_ref().is_some_and(|field| field.which != Which::Any)
    }

    /// Occurrence of the segment and place in it, when the path says them by numbers alone: nothing said is the first.
    /// `None`: a condition picks, or the path goes down to no field.
    pub fn fixed(&self) -> Option<(u16, Position)> {
        let number = |which: &Which| match which {
            Which::Any => Some(1),
            Which::Nth(number) => Some(*number),
            Which::Where(_) => None,
        };
        let field = self.field.as_ref()?;
        let place = Position::field(field.number)
            .repetition(number(&field.which)?)
            .component(field.component.unwrap_or(1))
            .subcomponent(field.subcomponent.unwrap_or(1));
        Some((number(&self.which)?, place))
    }

    /// First value in one given segment; absent when no repetition fits.
    pub fn first_in<'m>(&self, segment: Segment<'m>) -> Value<'m> {
        match &self.field {
            None => {
                let span = segment.span();
                Value::literal(segment.message(), span.start as u32, span.end as u32)
            }
            Some(field) => field
                .first(segment)
                .unwrap_or_else(|| Value::absent_at(segment.message(), segment.span().end as u32)),
        }
    }

    /// The repetitions that fit in one given segment, with their numbers, from 1.
    pub fn repetitions_in<'m>(
        &self,
        segment: Segment<'m>,
    ) -> impl Iterator<Item = (usize, Value<'m>)> + use<'m, '_> {
        self.field.iter().flat_map(move |field| field.repetitions(segment))
    }

    /// The segments that fit, in order.
    pub fn segments<'m>(&self, message: &'m Message) -> impl Iterator<Item = Segment<'m>> + use<'m, '_> {
        let fits = |(at, segment): &(usize, Segment<'m>)| match &self.which {
            Which::Any => true,
            Which::Nth(number) => at + 1 == usize::from(*number),
            Which::Where(condition) => condition.holds_in(*segment),
        };
        let same_id = message.segments().filter(|segment| segment.id_raw() == self.segment);
        same_id.enumerate().filter(fits).map(|(_, segment)| segment)
    }

    pub(crate) fn first<'m>(&self, message: &'m Message) -> Value<'m> {
        let mut missed = None;
        for segment in self.segments(message) {
            let value = match self.field.as_ref() {
                None => {
                    return Value::literal(message, segment.span().start as u32, segment.span().end as u32);
                }
                Some(field) => field.first(segment),
            };
            match value {
                Some(value) => return value,
                None => {
                    missed = missed.or(self.field.as_ref().map(|field| segment.field(field.number.into())))
                }
            }
        }
        missed.map_or(message.absent(), |field| Value::absent_at(message, field.span().end as u32))
    }

    pub(crate) fn every<'m>(&self, message: &'m Message) -> Vec<Value<'m>> {
        let mut found = Vec::new();
        for segment in self.segments(message) {
            match &self.field {
                None => {
                    let span = segment.span();
                    found.push(Value::literal(message, span.start as u32, span.end as u32));
                }
                Some(field) => found.extend(
                    field
                        .repetitions(segment)
                        .map(|(_, value)| field.below(value))
                        .filter(|v| !v.raw().is_empty()),
                ),
            }
        }
        found
    }

    /// Segment and repetition (from 1) that the path means in this message, for ERR-2 and for edits.
    pub fn locate<'m>(&self, message: &'m Message) -> Option<(Segment<'m>, usize)> {
        let segments = || self.segments(message);
        let Some(field) = &self.field else { return segments().next().map(|segment| (segment, 1)) };
        let at =
            |segment: Segment<'m>| field.repetitions(segment).next().map(|(number, _)| (segment, number));
        segments().find_map(at).or_else(|| match field.which {
            // The place does not exist yet, but is well defined.
            Which::Any => segments().next().map(|segment| (segment, 1)),
            Which::Nth(number) => segments().next().map(|segment| (segment, number.into())),
            Which::Where(_) => None,
        })
    }

    /// Occurrence of the segment when the path says a number.
    pub(crate) fn occurrence(&self) -> Option<usize> {
        match self.which {
            Which::Nth(number) => Some(number.into()),
            _ => None,
        }
    }
}

impl Which {
    fn place(&self) -> Option<&[u16]> {
        match self {
            Self::Where(condition) => Some(&condition.place),
            Self::Any | Self::Nth(_) => None,
        }
    }
}

impl FieldStep {
    /// Repetitions that fit, with their numbers.
    fn repetitions<'m>(
        &self,
        segment: Segment<'m>,
    ) -> impl Iterator<Item = (usize, Value<'m>)> + use<'m, '_> {
        let fits = |(number, repetition): &(usize, Value<'m>)| match &self.which {
            Which::Any => true,
            Which::Nth(nth) => *number == usize::from(*nth),
            Which::Where(condition) => condition.holds_at(below(*repetition, &condition.place)),
        };
        (1..).zip(segment.field(self.number.into()).repetitions()).filter(fits)
    }

    /// The whole field when nothing narrows it down, else the first place that fits.
    fn first<'m>(&self, segment: Segment<'m>) -> Option<Value<'m>> {
        if self.which == Which::Any && self.component.is_none() {
            return Some(segment.field(self.number.into()));
        }
        match self.repetitions(segment).next() {
            Some((_, repetition)) => Some(self.below(repetition)),
            // An absent field is an answer; a condition that nothing meets is not.
            None if self.which == Which::Any => Some(segment.field(self.number.into())),
            None => None,
        }
    }

    fn below<'m>(&self, repetition: Value<'m>) -> Value<'m> {
        let component = self.component.map_or(repetition, |number| repetition.component(number.into()));
        self.subcomponent.map_or(component, |number| component.subcomponent(number.into()))
    }
}

/// Component, then subcomponent.
fn below<'m>(repetition: Value<'m>, place: &[u16]) -> Value<'m> {
    let component = place.first().map_or(repetition, |&number| repetition.component(number.into()));
    place.get(1).map_or(component, |&number| component.subcomponent(number.into()))
}

impl Condition {
    /// In a segment: some repetition of the field holds it.
    fn holds_in(&self, segment: Segment<'_>) -> bool {
        let [field, place @ ..] = self.place.as_slice() else { return false };
        segment.field((*field).into()).repetitions().any(|repetition| self.holds_at(below(repetition, place)))
    }

    fn holds_at(&self, value: Value<'_>) -> bool {
        let text = value.trimmed();
        self.texts.iter().any(|wanted| *wanted == text)
    }
}

struct Parser<'a> {
    text: &'a str,
    /// Byte offset.
    at: usize,
}

impl Parser<'_> {
    fn error(&self, expected: &'static str) -> PathError {
        PathError { column: self.text[..self.at].chars().count() + 1, expected }
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.text[self.at..].starts_with(c);
        self.at += if found { c.len_utf8() } else { 0 };
        found
    }

    fn path(&mut self) -> Result<Path, PathError> {
        let segment = self.text.as_bytes().first_chunk::<3>().copied().filter(|id| {
            id[0].is_ascii_uppercase() && id.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        });
        let segment = segment.ok_or_else(|| self.error("a segment id of three capitals or digits"))?;
        self.at = 3;
        let which = self.which(3)?;
        let field = if self.eat('-') { Some(self.field()?) } else { None };
        Ok(Path { segment, which, field })
    }

    fn field(&mut self) -> Result<FieldStep, PathError> {
        let number = self.number()?;
        let which = self.which(2)?;
        let component = if self.eat('.') { Some(self.number()?) } else { None };
        let subcomponent = if component.is_some() && self.eat('.') { Some(self.number()?) } else { None };
        Ok(FieldStep { number, which, component, subcomponent })
    }

    fn number(&mut self) -> Result<u16, PathError> {
        let rest = &self.text[self.at..];
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number = rest[..length].parse::<u16>().ok().filter(|&n| n > 0 && !rest.starts_with('0'));
        let number = number.ok_or_else(|| self.error("a number from 1 to 65535"))?;
        self.at += length;
        Ok(number)
    }

    /// `[3]`, `[4.1='RCT']`, or nothing.
    fn which(&mut self, depth_max: usize) -> Result<Which, PathError> {
        if !self.eat('[') {
            return Ok(Which::Any);
        }
        let mut place = vec![self.number()?];
        if self.eat(']') {
            return Ok(Which::Nth(place[0]));
        }
        while place.len() < depth_max && self.eat('.') {
            place.push(self.number()?);
        }
        if !self.eat('=') {
            return Err(self.error("`]`, `.` or `=`"));
        }
        let mut texts = vec![self.quoted()?];
        while self.eat('|') {
            texts.push(self.quoted()?);
        }
        if !self.eat(']') {
            return Err(self.error("`|` or `]`"));
        }
        Ok(Which::Where(Condition { place, texts }))
    }

    /// `'text'`, a quote inside written twice.
    fn quoted(&mut self) -> Result<String, PathError> {
        if !self.eat('\'') {
            return Err(self.error("a text between single quotes"));
        }
        let mut text = String::new();
        loop {
            if self.eat('\'') {
                if !self.eat('\'') {
                    return Ok(text);
                }
                text.push('\'');
            } else if let Some(c) = self.text[self.at..].chars().next() {
                text.push(c);
                self.at += c.len_utf8();
            } else {
                return Err(self.error("a closing single quote"));
            }
        }
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.segment(), self.which)?;
        let Some(field) = &self.field else { return Ok(()) };
        write!(f, "-{}{}", field.number, field.which)?;
        [field.component, field.subcomponent]
            .into_iter()
            .flatten()
            .try_for_each(|number| write!(f, ".{number}"))
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::Nth(number) => write!(f, "[{number}]"),
            Self::Where(Condition { place, texts }) => {
                let place: Vec<_> = place.iter().map(u16::to_string).collect();
                let texts: Vec<_> = texts.iter().map(|t| format!("'{}'", t.replace('\'', "''"))).collect();
                write!(f, "[{}={}]", place.join("."), texts.join("|"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
