//! The message that a mapping reads, changed: another charset, segments taken out, places rewritten; the rest is kept.
//! In: a message, what rows wrote. Out: an `Hl7Message`; long ranges that nothing changed are handles on what was received.
//! Source: decision 0042. Absent: what a receiver wants, which the mapping says.

use std::{collections::BTreeSet, ops::Range};

use bytes::Bytes;
use jonction_hl7v2::{
    Charset, EditError, Edits, Limits, Message, Path,
    convert::{Converted, convert},
    definition::is_local,
    outgoing::described,
};
use jonction_model::{ContentRef, Encoding, Finding, Hl7Piece, Place, Shape, WrittenBytes};

use crate::{
    format::hl7::{Hl7, Node},
    kind::Value,
    mapping::Provenance,
    plan::{Output, Plan},
    record::{Cell, Layout, Origin, Record},
    run::Run,
};

/// A shorter range is written: a handle on it would be longer than it.
const KEPT_BYTES_MIN: usize = 1024;

/// What a mapping does with the message as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Same {
    pub(crate) format: Hl7,
    /// What it is written in, with the usual separators; `None`: as it came.
    pub(crate) charset: Option<Charset>,
    /// Segments and fields taken out.
    pub(crate) drop: Vec<Path>,
    /// Every Z segment that no French text defines is taken out too.
    pub(crate) local: bool,
}

/// A place that a row rewrites, or those of each element.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) path: Path,
    pub(crate) slot: usize,
    pub(crate) label: Box<str>,
    /// What each of the rows that go through elements here writes of one.
    pub(crate) elements: Vec<Vec<Change>>,
}

/// A changed message, and what rows did.
pub(crate) struct Changed {
    pub(crate) shape: Shape,
    pub(crate) notes: Vec<Finding>,
    /// Rows that wrote, when that was asked.
    pub(crate) wrote: Vec<bool>,
    pub(crate) values: Vec<Provenance>,
}

/// Changes a message. `stored`: where it is kept. `wrote`: room for an account of the rows.
pub(crate) fn change(
    plan: &Plan<Hl7>,
    message: &Message,
    stored: Option<&ContentRef>,
    wrote: Option<Vec<bool>>,
) -> Result<Changed, Finding> {
    let (Output::Same(same), Layout::Same(changes)) = (&plan.output, &plan.layout) else {
        return Err(Finding::error("mapping.not-the-shape", "la traduction ne change pas de message"));
    };
    plan.format.takes(message)?;
    let converted = same.charset.as_ref().map(|charset| convert(message, charset));
    let rewritten = converted.as_ref().map(|converted| parse(&converted.bytes)).transpose()?;
    let source = rewritten.as_ref().unwrap_or(message);
    let mut run = Run::new(plan);
    run.wrote = wrote;
    let record = run.record(Node::Message(source))?;
    let mut writer = Writer { message: source, edits: source.edit(), run: &mut run };
    let local = source.segments().map(|segment| segment.id()).filter(|id| same.local && is_local(id));
    let local: BTreeSet<&str> = local.collect();
    same.drop
        .iter()
        .cloned()
        .chain(local.into_iter().filter_map(|id| Path::parse(id).ok()))
        .for_each(|path| writer.drop(&path));
    writer.all(changes, &record, None);
    let edits = writer.edits;
    let replaced = edits.replaced() + converted.as_ref().map_or(0, |converted| converted.replaced);
    if replaced > 0 {
        run.note(replaced_characters(replaced));
    }
    let kept = Kept { raw: source.raw(), converted: converted.as_ref(), stored };
    let pieces = kept.pieces(edits.patches());
    let shape = Shape::Hl7Message(Box::new(described(&parse(&edits.apply())?, pieces)));
    let mut values = Vec::new();
    tell(plan, changes, &record, "", &mut values);
    Ok(Changed { shape, notes: run.notes.into_vec(), wrote: run.wrote.unwrap_or_default(), values })
}

fn parse(bytes: &Bytes) -> Result<Message, Finding> {
    let limits = Limits { message_bytes_max: usize::MAX, ..Limits::default() };
    Message::parse(bytes.clone(), &limits).map_err(|error| error.finding())
}

/// Characters that the charset of a message lacks.
pub(crate) fn replaced_characters(count: usize) -> Finding {
    let sentence = format!("{count} caractères n'existent pas dans le jeu de caractères du message");
    Finding::warning("mapping.replaced-characters", sentence)
        .at(Place::path("MSH-18"))
        .remedy("écrire UNICODE UTF-8 en MSH-18, si le destinataire le lit")
}

struct Writer<'m, 'r, 'p> {
    message: &'m Message,
    edits: Edits<'m>,
    run: &'r mut Run<'p, Hl7>,
}

impl Writer<'_, '_, '_> {
    fn all(&mut self, changes: &[Change], record: &Record<'_>, origin: Origin) {
        for change in changes {
            match &record.0[change.slot] {
                Some(Cell::One { value, .. }) => self.one(change, value, origin),
                Some(Cell::Many(all)) => {
                    for element in all {
                        let inside = change.elements.get(element.1).map(Vec::as_slice).unwrap_or_default();
                        self.all(inside, element, element.2);
                    }
                }
                None => {}
            }
        }
    }

    fn one(&mut self, change: &Change, value: &Value<'_>, origin: Origin) {
        let text = value.borrowed().into_text();
        let segment = origin.and_then(|(at, _)| self.message.segments().nth(at));
        let done = match (segment, origin) {
            (Some(segment), Some((_, repetition))) => {
                self.edits.set_in(segment, repetition, &change.path, &text)
            }
            _ => self.edits.put(&change.path, &text),
        };
        if let Err(error) = done {
            self.refused(&change.path, error);
        }
    }

    fn drop(&mut self, path: &Path) {
        if let Err(error) = self.edits.drop_all(path) {
            self.refused(path, error);
        }
    }

    fn refused(&mut self, path: &Path, error: EditError) {
        let (sentence, remedy) = match error {
            EditError::NoSuchPlace => (
                "le message n'a pas cet endroit : rien n'y est écrit",
                "demander par « when » que le segment soit là",
            ),
            _ => (
                "les séparateurs que le message déclare ne permettent pas d'y écrire",
                "dire « charset » dans « to » : le message est alors écrit avec les séparateurs usuels",
            ),
        };
        self.run.note(
            Finding::warning("mapping.not-written", sentence)
                .at(Place::path(path.to_string()))
                .remedy(remedy),
        );
    }
}

/// Where bytes that nothing changed are.
struct Kept<'k> {
    raw: &'k [u8],
    converted: Option<&'k Converted>,
    stored: Option<&'k ContentRef>,
}

impl Kept<'_> {
    fn pieces(&self, patches: Vec<(Range<usize>, Vec<u8>)>) -> Vec<Hl7Piece> {
        let mut pieces = Vec::new();
        let mut from = 0;
        for (range, bytes) in patches {
            self.keep(from..range.start, &mut pieces);
            write(bytes, &mut pieces);
            from = range.end;
        }
        self.keep(from..self.raw.len(), &mut pieces);
        pieces
    }

    /// A range of the message: as handles where it is long and stands as it was received.
    fn keep(&self, range: Range<usize>, pieces: &mut Vec<Hl7Piece>) {
        let Some(converted) = self.converted else {
            return self.piece(range.clone(), Some(range.start), pieces);
        };
        let mut from = range.start;
        for (new, old) in &converted.kept {
            if new.start >= from && new.end <= range.end {
                self.piece(from..new.start, None, pieces);
                self.piece(new.clone(), Some(*old), pieces);
                from = new.end;
            }
        }
        self.piece(from..range.end, None, pieces);
    }

    /// `received`: where these bytes begin in what was received.
    fn piece(&self, range: Range<usize>, received: Option<usize>, pieces: &mut Vec<Hl7Piece>) {
        let as_it_is = |stored: &&ContentRef| stored.encoding == Encoding::Raw && stored.inside.is_empty();
        match (self.stored.filter(as_it_is), received) {
            (Some(stored), Some(received)) if range.len() >= KEPT_BYTES_MIN => {
                let start = stored.start + received as u64;
                let end = start + range.len() as u64;
                pieces.push(Hl7Piece::Kept(ContentRef { start, end, ..stored.clone() }));
            }
            _ => write(self.raw[range].to_vec(), pieces),
        }
    }
}

fn write(bytes: Vec<u8>, pieces: &mut Vec<Hl7Piece>) {
    match pieces.last_mut() {
        _ if bytes.is_empty() => {}
        Some(Hl7Piece::Written(WrittenBytes(before))) => before.extend(bytes),
        _ => pieces.push(Hl7Piece::Written(WrittenBytes(bytes))),
    }
}

fn tell(plan: &Plan<Hl7>, changes: &[Change], record: &Record<'_>, path: &str, told: &mut Vec<Provenance>) {
    for change in changes {
        match &record.0[change.slot] {
            Some(Cell::Many(all)) => {
                for (at, one) in (1..).zip(all) {
                    let inside = change.elements.get(one.1).map(Vec::as_slice).unwrap_or_default();
                    tell(plan, inside, one, &format!("{path}{}[{at}]", change.label), told);
                }
            }
            Some(Cell::One { value, by, .. }) => told.push(Provenance {
                target: format!("{path}{}", change.label),
                value: value.borrowed().into_text().into_owned(),
                line: plan.told[by.row].line,
                place: by.place.as_deref().unwrap_or_default().to_owned(),
            }),
            None => {}
        }
    }
}
