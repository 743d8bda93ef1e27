//! HL7 v2 as trees: a message, one of its segments, one repetition of a field.
//! In: the message types a mapping reads. Out: paths checked against their definitions; texts of messages.
//! Source: docs/specs/hl7-paths.md; within an `each`, `-4.1` starts from its segment and `.4.2` from its repetition.

use std::borrow::Cow;

use jonction_hl7v2::{
    Message, Path, PathError, Segment, Value,
    definition::{Content, Standing, Structure, Unknown, standing},
};
use jonction_model::nearest;

use super::{Format, Found, PathFault};
use crate::kind::Kind;

/// The message types a mapping reads.
#[derive(Clone, Debug)]
pub(crate) struct Hl7 {
    /// `ADT^A01`, sorted; none: any message.
    pub(crate) types: Vec<&'static str>,
    /// Their structures, each once.
    pub(crate) structures: Vec<Structure>,
}

/// Where a path starts from.
#[derive(Clone, Debug)]
pub(crate) enum Hl7Path {
    /// The message.
    Message(Path),
    /// The segment of the `each`; the path says its name for messages to people.
    Segment(Path),
    /// The repetition of the `each`: component, then subcomponent. The path names the whole place.
    Repetition { path: Path, below: Vec<u16> },
}

/// A place of a message.
#[derive(Clone, Copy)]
pub(crate) enum Node<'t> {
    Message(&'t Message),
    Segment(Segment<'t>),
    Repetition(Segment<'t>, usize, Value<'t>),
}

impl<'t> Node<'t> {
    fn message(self) -> &'t Message {
        match self {
            Self::Message(message) => message,
            Self::Segment(segment) | Self::Repetition(segment, ..) => segment.message(),
        }
    }
}

impl Hl7Path {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Message(path) | Self::Segment(path) | Self::Repetition { path, .. } => path,
        }
    }

    fn value<'t>(&self, node: Node<'t>) -> Option<Value<'t>> {
        match (self, node) {
            (Self::Repetition { below, .. }, Node::Repetition(_, _, value)) => {
                Some(below.iter().enumerate().fold(value, |value, (depth, &number)| match depth {
                    0 => value.component(number.into()),
                    _ => value.subcomponent(number.into()),
                }))
            }
            (Self::Segment(path), Node::Segment(segment) | Node::Repetition(segment, ..)) => {
                Some(path.first_in(segment))
            }
            (Self::Message(path), node) => Some(node.message().get(path)),
            _ => None,
        }
    }
}

impl Hl7 {
    /// The whole path that a relative one stands for, and where it starts from.
    pub(crate) fn parse(&self, text: &str, within: Option<&Hl7Path>) -> Result<Hl7Path, PathFault> {
        let relative = text.starts_with(['.', '-']);
        let Some(around) = within.filter(|_| relative).map(Hl7Path::path) else {
            if relative {
                return Err(PathFault {
                    code: "mapping.path-syntax",
                    offset: 0,
                    sentence: "ce chemin part d'un élément, et aucun « each » ne l'entoure".to_owned(),
                    remedy: "écrire le chemin entier, par exemple PID-3.1".to_owned(),
                });
            }
            return Path::parse(text).map(Hl7Path::Message).map_err(|error| syntax(&error, 0));
        };
        let start = if text.starts_with('-') { around.segment().to_owned() } else { field_of(around) };
        let whole = if text == "." { start.clone() } else { format!("{start}{text}") };
        let path = Path::parse(&whole).map_err(|error| syntax(&error, start.chars().count()))?;
        if text.starts_with('-') {
            return Ok(Hl7Path::Segment(path));
        }
        if around.field().is_none() {
            return Err(PathFault::unknown(
                format!("« each: {around} » parcourt des segments : un chemin y commence par un tiret"),
                format!("écrire par exemple -{}", text.trim_start_matches('.')),
            ));
        }
        let number = |n: Option<usize>| n.and_then(|n| u16::try_from(n).ok());
        let below = [number(path.component()), number(path.subcomponent())].into_iter().flatten().collect();
        Ok(Hl7Path::Repetition { path, below })
    }

    pub(crate) fn explain(&self, path: &Path, unknown: Unknown) -> PathFault {
        let names: Vec<_> = self.structures.iter().map(|structure| structure.name).collect();
        let types = if self.types.is_empty() { "aucun message connu".to_owned() } else { names.join(", ") };
        match unknown {
            Unknown::Segment(known) => PathFault::unknown(
                format!("{} n'existe pas dans {types}", path.segment()),
                match nearest(path.segment(), known.iter().copied()) {
                    Some(near) => format!("vouliez-vous {near} ? segments : {}", known.join(" ")),
                    None => format!("segments : {}", known.join(" ")),
                },
            ),
            Unknown::Field { count } => PathFault::unknown(
                format!("{} n'a que {count} champs", path.segment()),
                format!("écrire un champ de {0}-1 à {0}-{count}", path.segment()),
            ),
            Unknown::Component { of, count: 1 } => {
                PathFault::unknown(format!("rien ne divise un {of}"), "retirer ce qui suit le point")
            }
            Unknown::Component { of, count } => PathFault::unknown(
                format!("un {of} n'a que {count} composants"),
                format!("écrire un composant de 1 à {count}"),
            ),
        }
    }
}

/// `PID-3` of `PID-3[5='INS']`: where relative paths of a repetition start.
fn field_of(path: &Path) -> String {
    match path.field() {
        Some(field) => format!("{}-{field}", path.segment()),
        None => path.segment().to_owned(),
    }
}

/// The library of paths speaks English.
const EXPECTED: [(&str, &str); 7] = [
    ("the end, `[`, `-` or `.`", "la fin, [, un tiret ou un point"),
    ("a segment id of three capitals or digits", "un segment : trois capitales ou chiffres, comme PID"),
    ("a number from 1 to 65535", "un nombre à partir de 1"),
    ("`]`, `.` or `=`", "], un point ou ="),
    ("`|` or `]`", "| ou ]"),
    ("a text between single quotes", "un texte entre apostrophes, comme 'INS'"),
    ("a closing single quote", "une apostrophe qui ferme le texte"),
];

fn syntax(error: &PathError, shift: usize) -> PathFault {
    let french = EXPECTED.iter().find(|(english, _)| *english == error.expected).map(|(_, french)| *french);
    PathFault {
        code: "mapping.path-syntax",
        offset: (error.column - 1).saturating_sub(shift),
        sentence: format!("ici est attendu {}", french.unwrap_or(error.expected)),
        remedy: "un chemin s'écrit comme PID-3[5='INS'].1 (docs/specs/hl7-paths.md)".to_owned(),
    }
}

impl Format for Hl7 {
    type Path = Hl7Path;
    type Node<'t> = Node<'t>;

    fn path(&self, text: &str, within: Option<&Hl7Path>) -> Result<Found<Hl7Path>, PathFault> {
        let parsed = self.parse(text, within)?;
        let path = parsed.path();
        let Standing { content, several, codes } =
            standing(&self.structures, path).map_err(|unknown| self.explain(path, unknown))?;
        if content == Content::Led {
            return self.path(&format!("{text}.1"), within);
        }
        let kind = match content {
            Content::Text | Content::Led | Content::Open | Content::Number => Kind::Text,
            Content::Time => Kind::Time,
            Content::Date => Kind::Date,
            Content::Composite(name) => Kind::Composite(name),
        };
        let event = path.segment() == "MSH" && path.field() == Some(9) && path.component() == Some(2);
        let closed = (event && !self.types.is_empty()).then(|| {
            let events = self.types.iter().filter_map(|kind| kind.split_once('^'));
            events.map(|(_, event)| event.to_owned()).collect()
        });
        let within_one = !matches!(parsed, Hl7Path::Message(_));
        let of_segment = matches!(parsed, Hl7Path::Segment(_)) && several && path_repeats(self, path);
        let several = if within_one { of_segment } else { several };
        Ok(Found {
            path: parsed,
            kind,
            several,
            closed,
            usual: codes.iter().map(|code| (*code).to_owned()).collect(),
        })
    }

    fn first<'t>(path: &Hl7Path, node: Self::Node<'t>) -> Option<Cow<'t, str>> {
        let value = path.value(node)?;
        match value.is_valued() {
            true => value.code(),
            false => None,
        }
    }

    fn any(path: &Hl7Path, node: Node<'_>, wanted: &[Box<str>]) -> bool {
        let is = |text: &str| wanted.is_empty() || wanted.iter().any(|one| **one == *text);
        match path {
            Hl7Path::Message(whole) if path_may_repeat(whole) => node
                .message()
                .all(whole)
                .into_iter()
                .any(|value| value.is_valued() && value.code().is_some_and(|c| is(&c))),
            Hl7Path::Segment(whole) => match node {
                Node::Segment(segment) | Node::Repetition(segment, ..) => {
                    whole.repetitions_in(segment).any(|(_, repetition)| {
                        let value = whole.component().map_or(repetition, |n| repetition.component(n));
                        let value = whole.subcomponent().map_or(value, |n| value.subcomponent(n));
                        value.is_valued() && value.code().is_some_and(|code| is(&code))
                    })
                }
                Node::Message(_) => false,
            },
            _ => Self::first(path, node).is_some_and(|text| is(&text)),
        }
    }

    fn all<'t>(path: &Hl7Path, node: Self::Node<'t>, max: usize) -> Vec<Cow<'t, str>> {
        match path {
            Hl7Path::Message(whole) => {
                let values = node.message().all(whole).into_iter().filter(|value| value.is_valued());
                values.filter_map(|value| value.code()).take(max).collect()
            }
            _ => Self::first(path, node).into_iter().collect(),
        }
    }

    fn each<'t>(path: &Hl7Path, node: Self::Node<'t>, max: usize) -> Vec<Self::Node<'t>> {
        let whole = path.path();
        let segments: Vec<Segment<'t>> = match (path, node) {
            (Hl7Path::Message(_), node) => whole.segments(node.message()).take(max).collect(),
            (_, Node::Segment(segment) | Node::Repetition(segment, ..)) => vec![segment],
            (_, Node::Message(_)) => Vec::new(),
        };
        if whole.field().is_none() {
            return segments.into_iter().map(Node::Segment).collect();
        }
        let repetitions = segments.into_iter().flat_map(|segment| {
            whole.repetitions_in(segment).map(move |(number, value)| Node::Repetition(segment, number, value))
        });
        repetitions
            .filter(|node| !matches!(node, Node::Repetition(_, _, value) if value.raw().is_empty()))
            .take(max)
            .collect()
    }

    fn origin(node: Node<'_>) -> Option<(usize, Option<usize>)> {
        match node {
            Node::Message(_) => None,
            Node::Segment(segment) => Some((segment.position(), None)),
            Node::Repetition(segment, number, _) => Some((segment.position(), Some(number))),
        }
    }

    fn place(path: &Hl7Path, node: Node<'_>) -> String {
        let segment = |segment: Segment<'_>| match segment.occurrence() {
            1 => segment.id().to_owned(),
            number => format!("{}[{number}]", segment.id()),
        };
        let below: String = [path.path().component(), path.path().subcomponent()]
            .into_iter()
            .flatten()
            .map(|number| format!(".{number}"))
            .collect();
        match (path, node) {
            (Hl7Path::Repetition { path, .. }, Node::Repetition(of, number, _)) => {
                format!("{}-{}[{number}]{below}", segment(of), path.field().unwrap_or_default())
            }
            (Hl7Path::Segment(path), Node::Segment(of) | Node::Repetition(of, ..)) => {
                format!("{}-{}{below}", segment(of), path.field().unwrap_or_default())
            }
            (path, node) => match path.path().locate(node.message()).zip(path.path().field()) {
                Some(((of, 1), field)) if !path.path().picks_repetition() => {
                    format!("{}-{field}{below}", segment(of))
                }
                Some(((of, number), field)) => format!("{}-{field}[{number}]{below}", segment(of)),
                None => path.path().to_string(),
            },
        }
    }
}

/// Whether the field itself repeats, in a segment that is given.
fn path_repeats(format: &Hl7, path: &Path) -> bool {
    let alone = Path::parse(&format!("{}[1]-{}", path.segment(), path.field().unwrap_or(1)));
    !path.picks_repetition()
        && alone.is_ok_and(|alone| standing(&format.structures, &alone).is_ok_and(|found| found.several))
}

/// Whether several texts may stand there: asked for any of them, rather than for the first.
fn path_may_repeat(path: &Path) -> bool {
    !path.picks_repetition() || !path.picks_segment()
}
