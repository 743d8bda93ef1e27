//! What rows wrote, slot by slot, and the shape that serde builds from it: no JSON in between.
//! In: a layout (where each slot stands in the shape), values. Out: a shape, or the places that are missing.

use std::fmt;

use serde::{
    Deserializer,
    de::{
        DeserializeSeed, Error as _, IntoDeserializer, MapAccess, SeqAccess, Visitor, value::StrDeserializer,
    },
    forward_to_deserialize_any,
};

use crate::{kind::Value, message::Segment, same::Change};

/// What one slot holds.
#[derive(Debug)]
pub(crate) enum Cell<'t> {
    One {
        value: Value<'t>,
        by: Writer,
        /// A constant says nothing by itself: an object made of constants only is absent.
        telling: bool,
    },
    Many(Vec<Record<'t>>),
}

/// Which row wrote, and where it read; the place is told only when somebody asks for an account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writer {
    pub(crate) row: usize,
    pub(crate) place: Option<Box<str>>,
}

/// The slots of a shape, or of one element of a list; and which of the rows that make this list made it, of which place.
#[derive(Debug)]
pub(crate) struct Record<'t>(pub(crate) Vec<Option<Cell<'t>>>, pub(crate) usize, pub(crate) Origin);

/// Segment (from 0) and repetition of a message that an element is made of.
pub(crate) type Origin = Option<(usize, Option<usize>)>;

impl Record<'_> {
    pub(crate) fn new(slots: usize) -> Self {
        Self::of_row(slots, 0, None)
    }

    /// An element that the row of this rank, among those of its list, makes of a place.
    pub(crate) fn of_row(slots: usize, rank: usize, origin: Origin) -> Self {
        Self(std::iter::repeat_with(|| None).take(slots).collect(), rank, origin)
    }
}

/// Where slots stand.
#[derive(Clone, Debug)]
pub(crate) enum Layout {
    Leaf(usize),
    Object(Vec<Field>),
    /// A list of objects, each laid out by the row that made it. No slot: nothing writes it, it is empty.
    List(Option<(usize, Vec<Layout>)>),
    /// The places of a message, or of one of its segments or repetitions.
    Message(Vec<Segment>),
    /// The places that change in a message, or in each of its segments or repetitions.
    Same(Vec<Change>),
}

/// A field that rows write, or that must be there.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: Box<str>,
    pub(crate) required: bool,
    pub(crate) layout: Layout,
}

/// A required place that nothing filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Incomplete(pub(crate) String);

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Incomplete {}

/// Messages of serde may quote the value: only what was expected is kept.
impl serde::de::Error for Incomplete {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self("?".to_owned())
    }

    fn missing_field(field: &'static str) -> Self {
        Self(field.to_owned())
    }
}

impl Layout {
    /// Whether any row said something here.
    fn tells(&self, record: &Record<'_>) -> bool {
        match self {
            Self::Leaf(slot) => matches!(record.0[*slot], Some(Cell::One { telling: true, .. })),
            Self::Object(fields) => fields.iter().any(|field| field.layout.tells(record)),
            Self::List(None) | Self::Message(_) | Self::Same(_) => false,
            Self::List(Some((slot, _))) => {
                matches!(&record.0[*slot], Some(Cell::Many(all)) if !all.is_empty())
            }
        }
    }

    /// The first required place that nothing filled, by its path from here.
    /// Objects that are not required and say nothing are absent, and miss nothing.
    fn missing(&self, record: &Record<'_>) -> Option<String> {
        match self {
            Self::Leaf(slot) => record.0[*slot].is_none().then(String::new),
            Self::List(_) | Self::Message(_) | Self::Same(_) => None,
            Self::Object(fields) => fields
                .iter()
                .filter(|field| field.required)
                .find_map(|field| field.layout.missing(record).map(|below| under(&field.name, &below))),
        }
    }

    /// Takes out optional objects that are not whole, and elements of lists likewise.
    /// Out: the missing place of the shape itself, if any; `dropped` is told the missing places of what was taken out,
    /// each from here. Paths are written only then: a whole record costs none.
    pub(crate) fn prune(&self, record: &mut Record<'_>, dropped: &mut Vec<String>) -> Option<String> {
        self.prune_inside(record, dropped);
        self.missing(record)
    }

    fn prune_inside(&self, record: &mut Record<'_>, dropped: &mut Vec<String>) {
        match self {
            Self::Leaf(_) | Self::List(None) | Self::Message(_) | Self::Same(_) => {}
            Self::List(Some((slot, elements))) => {
                if let Some(Cell::Many(all)) = &mut record.0[*slot] {
                    all.retain_mut(|one| {
                        let Some(element) = elements.get(one.1) else { return false };
                        let missing = element.prune(one, dropped);
                        let whole = missing.is_none();
                        let tells = element.tells(one);
                        // An element that says nothing at all is no loss.
                        dropped.extend(missing.filter(|_| tells));
                        whole && tells
                    });
                }
            }
            Self::Object(fields) => {
                for field in fields {
                    let before = dropped.len();
                    field.layout.prune_inside(record, dropped);
                    if !field.required
                        && matches!(field.layout, Self::Object(_))
                        && field.layout.tells(record)
                        && let Some(missing) = field.layout.missing(record)
                    {
                        field.layout.clear(record);
                        dropped.push(missing);
                    }
                    for path in &mut dropped[before..] {
                        *path = under(&field.name, path);
                    }
                }
            }
        }
    }

    fn clear(&self, record: &mut Record<'_>) {
        match self {
            Self::Leaf(slot) | Self::List(Some((slot, _))) => record.0[*slot] = None,
            Self::List(None) | Self::Message(_) | Self::Same(_) => {}
            Self::Object(fields) => fields.iter().for_each(|field| field.layout.clear(record)),
        }
    }

    /// Whether a field is written at all.
    fn present(&self, required: bool, record: &Record<'_>) -> bool {
        match self {
            Self::Leaf(slot) => record.0[*slot].is_some(),
            Self::Object(_) => required || self.tells(record),
            Self::List(_) => true,
            Self::Message(_) | Self::Same(_) => false,
        }
    }
}

/// Path of a place below a field.
fn under(name: &str, below: &str) -> String {
    if below.is_empty() { name.to_owned() } else { format!("{name}.{below}") }
}

/// A place of a record, as serde reads it.
#[derive(Clone, Copy)]
pub(crate) struct Place<'r, 't> {
    pub(crate) layout: &'r Layout,
    pub(crate) record: &'r Record<'t>,
}

impl<'de> Deserializer<'de> for Place<'_, '_> {
    type Error = Incomplete;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Incomplete> {
        match self.layout {
            Layout::Leaf(slot) => match &self.record.0[*slot] {
                Some(Cell::One { value: Value::Text(text), .. }) => visitor.visit_str(text),
                Some(Cell::One { value: Value::Integer(number), .. }) => visitor.visit_i64(*number),
                Some(Cell::One { value: Value::Boolean(truth), .. }) => visitor.visit_bool(*truth),
                _ => visitor.visit_none(),
            },
            Layout::Object(fields) => {
                visitor.visit_map(Members { fields: fields.iter(), next: None, place: self })
            }
            Layout::List(Some((slot, elements))) => match &self.record.0[*slot] {
                Some(Cell::Many(all)) => visitor.visit_seq(Elements { elements, records: all.iter() }),
                _ => visitor.visit_seq(Elements { elements, records: [].iter() }),
            },
            Layout::List(None) => visitor.visit_seq(Elements { elements: &[], records: [].iter() }),
            Layout::Message(_) | Layout::Same(_) => Err(Incomplete::custom("")),
        }
    }

    /// A place that is reached is there.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Incomplete> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Incomplete> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Incomplete> {
        let Layout::Leaf(slot) = self.layout else { return Err(Incomplete::custom("")) };
        let Some(Cell::One { value: Value::Text(text), .. }) = &self.record.0[*slot] else {
            return Err(Incomplete::custom(""));
        };
        let word: StrDeserializer<'_, Incomplete> = (&**text).into_deserializer();
        word.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct Members<'r, 't> {
    fields: std::slice::Iter<'r, Field>,
    next: Option<&'r Layout>,
    place: Place<'r, 't>,
}

impl<'de> MapAccess<'de> for Members<'_, '_> {
    type Error = Incomplete;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Incomplete> {
        let record = self.place.record;
        let Some(field) = self.fields.by_ref().find(|field| field.layout.present(field.required, record))
        else {
            return Ok(None);
        };
        self.next = Some(&field.layout);
        let name: StrDeserializer<'_, Incomplete> = (&*field.name).into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Incomplete> {
        match self.next.take() {
            Some(layout) => seed.deserialize(Place { layout, record: self.place.record }),
            None => Err(Incomplete::custom("")),
        }
    }
}

struct Elements<'r, 't> {
    elements: &'r [Layout],
    records: std::slice::Iter<'r, Record<'t>>,
}

impl<'de> SeqAccess<'de> for Elements<'_, '_> {
    type Error = Incomplete;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Incomplete> {
        let Some(record) = self.records.next() else { return Ok(None) };
        let layout = self.elements.get(record.1).ok_or_else(|| Incomplete::custom(""))?;
        seed.deserialize(Place { layout, record }).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.records.len())
    }
}
