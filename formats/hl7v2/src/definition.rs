//! What a message of a type may hold: its segments, their fields, the components of their types.
//! In: a message type, a path. Out: what stands at that path, or the first thing in it that cannot exist.
//! Source: HL7 2.5 (PID, PV1, SCH…), 2.6 (MDM), hl7v2.md §2 and §4 (PRT, Z segments). Absent: optionality, which checks judge.

use crate::path::Path;

mod segments;
mod structures;
mod types;

/// A message structure and the segments that may stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Structure {
    /// `ADT_A05`.
    pub name: &'static str,
    segments: &'static str,
}

/// Segments that stand once in a message, as far as a path is asked for one value.
const SINGLE: [&str; 15] =
    ["EVN", "MRG", "MSH", "PD1", "PID", "PV1", "PV2", "SCH", "TXA", "ZBE", "ZFA", "ZFD", "ZFM", "ZFP", "ZFV"];

/// What a field, component or subcomponent holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A text or a code.
    Text,
    /// A moment: TS, DTM.
    Time,
    /// A day: DT.
    Date,
    /// A number: NM, SI.
    Number,
    /// Several parts, of which everybody means the first: a family name, a street.
    Led,
    /// Several components: the name of their type.
    Composite(&'static str),
    /// Nothing is known of it: a local Z segment, OBX-5.
    Open,
}

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What it holds.
    pub content: Content,
    /// Whether the path may meet several values.
    pub several: bool,
    /// Codes the French texts allow there; empty when the list is open.
    pub codes: &'static [&'static str],
}

/// What cannot exist in a path, from left to right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The segment is in none of the structures; those that are.
    Segment(Vec<&'static str>),
    /// The segment has fewer fields.
    Field {
        /// How many it has.
        count: usize,
    },
    /// The type has fewer components; a condition may be what is wrong.
    Component {
        /// Name of the type: `CX`.
        of: &'static str,
        /// How many it has, 1 when nothing divides it.
        count: usize,
    },
}

impl Structure {
    /// The structure of this name.
    pub fn named(name: &str) -> Option<Self> {
        let row = structures::STRUCTURES.iter().find(|(known, _)| *known == name);
        row.map(|&(name, segments)| Self { name, segments })
    }

    /// The structure of a message type: `ADT^A28` is `ADT_A05`.
    pub fn of_type(kind: &str) -> Option<Self> {
        let (_, structure) = structures::EVENTS.iter().find(|(known, _)| *known == kind)?;
        Self::named(structure)
    }

    /// Whether a segment may stand in it. A Z segment that no text defines may stand anywhere.
    pub fn takes(self, segment: &str) -> bool {
        self.segments().any(|known| known == segment) || is_local(segment)
    }

    /// The message types written in this structure.
    pub fn types(self) -> impl Iterator<Item = &'static str> {
        structures::EVENTS.iter().filter(move |(_, of)| *of == self.name).map(|(kind, _)| *kind)
    }

    /// Its segments, in the order they are written.
    pub fn segments(self) -> impl Iterator<Item = &'static str> {
        self.segments.split(' ')
    }
}

/// Whether a segment is somebody's own: a Z segment that no French text defines.
pub fn is_local(segment: &str) -> bool {
    segment.starts_with('Z') && segments::fields(segment).is_none()
}

/// Every message type, then every structure, that is known.
pub fn known_names() -> impl Iterator<Item = &'static str> {
    let types = structures::EVENTS.iter().map(|(kind, _)| *kind);
    types.chain(structures::STRUCTURES.iter().map(|(name, _)| *name))
}

/// The type of a field: `XPN`; `None` when no text defines the segment, or it has fewer fields.
pub fn type_of(segment: &str, field: usize) -> Option<&'static str> {
    let kind = segments::fields(segment)?.split(' ').nth(field.checked_sub(1)?)?;
    Some(kind.trim_end_matches('*'))
}

/// What stands at a path in messages of these structures.
/// Errors: the first part of the path that no such message can have.
/// A Z segment that no text defines is open: nothing of it is checked.
pub fn standing(structures: &[Structure], path: &Path) -> Result<Standing, Unknown> {
    let segment = path.segment();
    if !structures.iter().any(|structure| structure.takes(segment)) {
        let mut known: Vec<_> = structures.iter().flat_map(|structure| structure.segments()).collect();
        known.sort_unstable();
        known.dedup();
        return Err(Unknown::Segment(known));
    }
    let several = !SINGLE.contains(&segment) && !path.picks_segment();
    let open = Standing { content: Content::Open, several, codes: &[] };
    let Some(fields) = segments::fields(segment) else { return Ok(open) };
    let Some(number) = path.field() else { return Ok(open) };
    let of_field = |number: usize| {
        fields
            .split(' ')
            .nth(number.saturating_sub(1))
            .ok_or(Unknown::Field { count: fields.split(' ').count() })
    };
    if let Some(&[field, ref below @ ..]) = path.segment_condition() {
        descend(of_field(field.into())?.trim_end_matches('*'), below)?;
    }
    let written = of_field(number)?;
    let kind = written.trim_end_matches('*');
    descend(kind, path.repetition_condition().unwrap_or_default())?;
    let below: Vec<u16> = [path.component(), path.subcomponent()]
        .into_iter()
        .flatten()
        .map_while(|n| u16::try_from(n).ok())
        .collect();
    let content = descend(kind, &below)?;
    let repeats = kind.len() < written.len() && !path.picks_repetition();
    Ok(Standing { content, several: several || repeats, codes: structures::codes(segment, number) })
}

/// What stands below a type: component, then subcomponent.
fn descend(kind: &'static str, below: &[u16]) -> Result<Content, Unknown> {
    let mut kind = kind;
    for &number in below {
        match types::components(kind) {
            Some(components) => {
                let all: Vec<&'static str> = components.split(' ').collect();
                let inside = usize::from(number).checked_sub(1).and_then(|at| all.get(at));
                kind = inside.ok_or(Unknown::Component { of: kind, count: all.len() })?;
            }
            None if types::is_open(kind) => return Ok(Content::Open),
            // « Too deep is harmless »: a value without separator is its own first component.
            None if number == 1 => {}
            None => return Err(Unknown::Component { of: kind, count: 1 }),
        }
    }
    Ok(content(kind, below.len()))
}

fn content(kind: &'static str, depth: usize) -> Content {
    match kind {
        "TS" | "DTM" => Content::Time,
        "DT" => Content::Date,
        "NM" | "SI" => Content::Number,
        "FN" | "SAD" if depth > 0 => Content::Led,
        _ if types::is_open(kind) => Content::Open,
        _ if types::components(kind).is_some() => Content::Composite(kind),
        _ => Content::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(kind: &str, path: &str) -> Result<Content, Unknown> {
        standing(&[Structure::of_type(kind).unwrap()], &Path::parse(path).unwrap()).map(|found| found.content)
    }

    #[test]
    fn every_event_has_a_structure_and_every_field_a_type() {
        for (kind, structure) in structures::EVENTS {
            assert_eq!(Structure::of_type(kind).unwrap().name, *structure, "{kind}");
        }
        for (id, fields) in segments::SEGMENTS {
            assert_eq!(id.len(), 3);
            for field in fields.split(' ') {
                let kind = field.trim_end_matches('*');
                let known =
                    types::components(kind).is_some() || types::is_simple(kind) || types::is_open(kind);
                assert!(known, "{id}: {kind}");
            }
        }
    }

    #[test]
    fn counts_of_the_standard() {
        let count = |id: &str| segments::fields(id).unwrap().split(' ').count();
        let counts =
            ["MSH", "EVN", "PID", "PV1", "PV2", "NK1", "SCH", "TXA", "MRG", "ZBE", "ZFA", "ROL"].map(count);
        assert_eq!(counts, [25, 7, 39, 52, 49, 37, 27, 23, 7, 9, 12, 12]);
    }

    #[test]
    fn a_path_is_told_by_what_stands_there() {
        assert_eq!(at("ADT^A01", "PID-7"), Ok(Content::Time));
        assert_eq!(at("ADT^A01", "PID-5"), Ok(Content::Composite("XPN")));
        assert_eq!(at("ADT^A01", "PID-5.1"), Ok(Content::Led));
        assert_eq!(at("ADT^A01", "PID-5.1.1"), Ok(Content::Text));
        assert_eq!(at("ADT^A01", "PID-3[4.2='1.2'].4"), Ok(Content::Composite("HD")));
        assert_eq!(at("ADT^A01", "PID-8.1"), Ok(Content::Text));
        assert_eq!(at("ADT^A01", "ZZZ-9.9.9"), Ok(Content::Open));
        assert_eq!(at("SIU^S12", "SCH-11.4"), Ok(Content::Time));
    }

    #[test]
    fn what_cannot_exist_is_told_from_left_to_right() {
        assert_eq!(at("ADT^A01", "PID-99"), Err(Unknown::Field { count: 39 }));
        assert_eq!(at("ADT^A01", "PID-3[12='INS'].1"), Err(Unknown::Component { of: "CX", count: 10 }));
        assert_eq!(at("ADT^A01", "PID-3.4.9"), Err(Unknown::Component { of: "HD", count: 3 }));
        assert_eq!(at("ADT^A01", "PID-8.2"), Err(Unknown::Component { of: "IS", count: 1 }));
        assert_eq!(at("ADT^A01", "ROL[99='x']-4.1"), Err(Unknown::Field { count: 12 }));
        assert!(matches!(at("ADT^A40", "PV2-3"), Err(Unknown::Segment(_))));
    }

    #[test]
    fn several_values_are_told_apart_from_one() {
        let several = |path: &str| {
            standing(&[Structure::of_type("ADT^A01").unwrap()], &Path::parse(path).unwrap()).unwrap().several
        };
        assert!(several("PID-3.1") && several("ROL-1.1"));
        assert!(
            !several("PID-3[5='INS'].1")
                && !several("PID-3[2].1")
                && !several("PID-8")
                && !several("ROL[2]-1.1")
        );
    }
}
