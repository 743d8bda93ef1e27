//! HL7 v2 messages as targets: rows fill places, the message is written from them.
//! In: the places rows write, a record. Out: an `Hl7Message` whose documents are handles. Source: decision 0041.
//! Segments come in the order rows first name them, MSH first. MSH-1, MSH-2 and MSH-10 are no target: nobody maps them.

use bytes::Bytes;
use jonction_hl7v2::{
    Builder, Charset, Delimiters, Limits, Message, Position, builder::SegmentDraft, definition::Structure,
    outgoing::described,
};
use jonction_model::{ContentRef, Finding, Hl7Piece, Place, Shape, WrittenBytes};

use crate::{
    format::hl7::Hl7,
    kind::Value,
    record::{Cell, Record},
    same::replaced_characters,
};

/// A place that rows write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) segment: Box<str>,
    pub(crate) occurrence: u16,
    /// `None`: the segment itself, one per element of an `each`.
    pub(crate) place: Option<Position>,
}

/// The places of one segment, in the order of the file.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    id: Box<str>,
    occurrence: u16,
    items: Vec<Item>,
}

/// One place, or the repetitions that an `each` makes.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) place: Option<Position>,
    pub(crate) slot: usize,
    /// A constant alone makes no segment and no repetition, where others could.
    pub(crate) may_tell: bool,
    pub(crate) label: Box<str>,
    /// Of an `each`: what each of the rows that make elements here writes of one.
    pub(crate) elements: Vec<Vec<Item>>,
}

impl Segment {
    /// Places by segment, MSH first.
    pub(crate) fn group(places: impl IntoIterator<Item = (Spot, Item)>) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for (Spot { segment, occurrence, place }, item) in places {
            let same = |group: &&mut Self| {
                group.id == segment
                    && group.occurrence == occurrence
                    && place.is_some()
                    && group.items.iter().all(|item| item.place.is_some())
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.items.push(item),
                None => groups.push(Self { id: segment, occurrence, items: vec![item] }),
            }
        }
        groups.sort_by_key(|group| &*group.id != "MSH");
        groups
    }

    pub(crate) fn items(&self) -> &[Item] {
        &self.items
    }
}

impl Item {
    fn tells(&self, record: &Record<'_>) -> bool {
        match &record.0[self.slot] {
            Some(Cell::Many(all)) => all.iter().any(|one| whole(self.inside(one), one)),
            Some(Cell::One { telling, .. }) => *telling,
            None => false,
        }
    }

    /// What is written of one of its elements.
    pub(crate) fn inside(&self, element: &Record<'_>) -> &[Item] {
        self.elements.get(element.1).map(Vec::as_slice).unwrap_or_default()
    }

    /// The elements that say something.
    fn made<'r, 't>(&'r self, all: &'r [Record<'t>]) -> impl Iterator<Item = &'r Record<'t>> {
        all.iter().filter(|one| whole(self.inside(one), one))
    }
}

/// Whether places that stand or fall together are written: one of them says something, or none could and one is there.
fn whole<'i>(items: impl IntoIterator<Item = &'i Item> + Clone, record: &Record<'_>) -> bool {
    let all = || items.clone().into_iter();
    match all().any(|item| item.may_tell) {
        true => all().any(|item| item.tells(record)),
        false => all().any(|item| record.0[item.slot].is_some()),
    }
}

/// Same field, same repetition.
fn beside(one: &Item, other: &Item) -> bool {
    let of = |item: &Item| item.place.map(|place| (place.field_number(), place.repetition_number()));
    of(one) == of(other)
}

/// The places that stand or fall with this one.
fn together<'i>(items: &'i [Item], item: &'i Item) -> impl Iterator<Item = &'i Item> + Clone {
    items.iter().filter(move |other| other.elements.is_empty() && beside(item, other))
}

/// A message being written.
struct Writer {
    builder: Builder,
    /// What stands for each content until the bytes are cut.
    contents: Vec<ContentRef>,
}

/// The message of a record, with what was noted. Errors: it has no type that the mapping says it makes.
pub(crate) fn write(
    format: &Hl7,
    segments: &[Segment],
    record: &Record<'_>,
) -> Result<(Shape, Option<Finding>), Finding> {
    let header = segments.first().filter(|segment| &*segment.id == "MSH");
    let said = |field: u16, component: u16| {
        let place = Some(Position::field(field).component(component));
        let item = header?.items.iter().find(|item| item.place == place)?;
        match &record.0[item.slot] {
            Some(Cell::One { value, .. }) => Some(value.borrowed().into_text()),
            _ => None,
        }
    };
    let charset = said(18, 1).map_or_else(Charset::utf8, |label| Charset::of_label(&label));
    let kind = kind_of(format, said(9, 1).as_deref(), said(9, 2).as_deref())?;
    let label = charset.reply_label().to_owned();
    let mut writer = Writer { builder: Builder::new(Delimiters::standard(), charset), contents: Vec::new() };
    if header.is_none() {
        writer.head(&kind, &label, None);
    }
    for segment in segments {
        match segment.items.as_slice() {
            [item @ Item { place: None, slot, .. }] => {
                if let Some(Cell::Many(all)) = &record.0[*slot] {
                    item.made(all).for_each(|one| writer.segment(&segment.id, item.inside(one), one));
                }
            }
            items if &*segment.id == "MSH" => writer.head(&kind, &label, Some((items, record))),
            items if whole(items, record) => writer.segment(&segment.id, items, record),
            _ => {}
        }
    }
    writer.finish()
}

/// The type of the message, by what rows say of it and what `to` leaves open.
fn kind_of(format: &Hl7, code: Option<&str>, event: Option<&str>) -> Result<[String; 3], Finding> {
    let fits = |kind: &&&str| {
        let (of, on) = kind.split_once('^').unwrap_or((kind, ""));
        code.is_none_or(|code| code == of) && event.is_none_or(|event| event == on)
    };
    let mut known = format.types.iter().filter(fits);
    let (Some(kind), None) = (known.next(), known.next()) else {
        let found = format!("{}^{}", code.unwrap_or_default(), event.unwrap_or_default());
        return Err(Finding::error("mapping.other-message", "la traduction n'écrit pas ce type de message")
            .at(Place::path("MSH-9"))
            .expected(format.types.join(", "), found.chars().take(20).collect::<String>())
            .remedy("corriger les lignes de MSH-9, ou ajouter ce type à « to » de la traduction"));
    };
    let structure = Structure::of_type(kind).map_or("", |structure| structure.name);
    let (code, event) = kind.split_once('^').unwrap_or((kind, ""));
    Ok([code, event, structure].map(str::to_owned))
}

impl Writer {
    fn head(&mut self, kind: &[String; 3], charset: &str, rows: Option<(&[Item], &Record<'_>)>) {
        let draft = self.builder.segment("MSH");
        draft.components(9, &kind.each_ref().map(String::as_str)).text(18, charset);
        if let Some((items, record)) = rows {
            fill(draft, "MSH", items, record, None, &mut self.contents);
        }
    }

    fn segment(&mut self, id: &str, items: &[Item], record: &Record<'_>) {
        fill(self.builder.segment(id), id, items, record, None, &mut self.contents);
    }

    fn finish(self) -> Result<(Shape, Option<Finding>), Finding> {
        let built = self.builder.finish();
        let limits = Limits { message_bytes_max: usize::MAX, ..Limits::default() };
        let message = Message::parse(built.bytes.clone(), &limits).map_err(|error| error.finding())?;
        let note = (built.replaced > 0).then(|| replaced_characters(built.replaced));
        Ok((Shape::Hl7Message(Box::new(described(&message, pieces(&built.bytes, &self.contents)))), note))
    }
}

/// Writes the places of one segment, or of one repetition: that of the number given.
fn fill(
    draft: &mut SegmentDraft,
    id: &str,
    items: &[Item],
    record: &Record<'_>,
    repetition: Option<u16>,
    contents: &mut Vec<ContentRef>,
) {
    for item in items {
        let Some(place) = item.place else { continue };
        match &record.0[item.slot] {
            Some(Cell::Many(all)) => {
                // Behind the repetitions that rows write by their number.
                let same = |other: &&Item| {
                    other.elements.is_empty()
                        && other.place.is_some_and(|other| other.field_number() == place.field_number())
                        && record.0[other.slot].is_some()
                        && whole(together(items, other), record)
                };
                let last =
                    items.iter().filter(same).filter_map(|item| item.place).map(Position::repetition_number);
                let from = last.max().unwrap_or(0).saturating_add(1);
                for (number, one) in (from..).zip(item.made(all)) {
                    fill(draft, id, item.inside(one), one, Some(number), contents);
                }
            }
            Some(Cell::One { value, .. }) if repetition.is_some() || whole(together(items, item), record) => {
                let place = repetition.map_or(place, |number| place.repetition(number));
                match value {
                    Value::Content(content) => {
                        draft.bytes(place, Bytes::from(format!("{MARK}{}{MARK}", contents.len())));
                        contents.push((**content).clone());
                    }
                    value if is_formatted(id, place) => {
                        draft.formatted(place, &value.borrowed().into_text());
                    }
                    value => {
                        draft.text(place, &value.borrowed().into_text());
                    }
                }
            }
            _ => {}
        }
    }
}

/// Places of type FT or TX, whose line breaks are `\.br\`.
fn is_formatted(id: &str, place: Position) -> bool {
    matches!((id, place.field_number()), ("NTE", 3) | ("OBX", 5))
}

/// Stands around the rank of a content. No text holds it: escapes replace control characters.
const MARK: char = '\0';

/// The bytes, cut where contents stand.
fn pieces(bytes: &[u8], contents: &[ContentRef]) -> Vec<Hl7Piece> {
    let mut pieces = Vec::new();
    for (at, part) in bytes.split(|byte| *byte == MARK as u8).enumerate() {
        let content = (at % 2 == 1).then(|| std::str::from_utf8(part).ok()?.parse().ok());
        match content.flatten().and_then(|rank: usize| contents.get(rank)) {
            Some(content) => pieces.push(Hl7Piece::Base64(content.clone())),
            None if part.is_empty() => {}
            None => pieces.push(Hl7Piece::Written(WrittenBytes(part.to_vec()))),
        }
    }
    pieces
}
