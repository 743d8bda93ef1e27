//! What rows write into: a shape, found in the schema of its type; or a message, found in its definitions.
//! In: the text of `to`. Out: a leaf or a list, and under which name its slot is; the fault, at its character.

use jonction_hl7v2::{
    Path,
    definition::{Content, Standing, standing},
};

use crate::{
    format::{
        PathFault,
        hl7::{Hl7, Hl7Path},
    },
    kind::Leaf,
    message::Spot,
    target::{Target, TargetFault},
};

/// Where rows write, from one scope.
#[derive(Clone, Debug)]
pub(super) enum Goal<'g> {
    Shape(&'g Target),
    /// A message; within an `each`, the segment or the field that it makes.
    Message(&'g Hl7, Option<Hl7Path>),
    /// The message that is read, changed; within an `each`, its segments or repetitions.
    Same(&'g Hl7, Option<Hl7Path>),
}

/// What a target is.
pub(super) struct Aim<'g> {
    /// Equal for two ways to write one place.
    pub(super) key: String,
    pub(super) spot: Option<Spot>,
    /// Of a message that is changed: its path.
    pub(super) path: Option<Path>,
    pub(super) what: What<'g>,
}

pub(super) enum What<'g> {
    Leaf(Leaf),
    /// Elements, each written from this goal.
    List(Goal<'g>),
    /// Names of the fields below.
    Block(Vec<String>),
}

impl<'g> Goal<'g> {
    /// The target of a row. `each`: whether the row makes elements.
    pub(super) fn find(&self, path: &str, each: bool) -> Result<Aim<'g>, TargetFault> {
        match self {
            Self::Shape(target) => {
                let what = match target.find(path)? {
                    Target::Leaf(leaf) => What::Leaf(leaf.clone()),
                    Target::List(element) => What::List(Self::Shape(element)),
                    Target::Object(members) => {
                        What::Block(members.iter().map(|member| format!("{path}.{}", member.name)).collect())
                    }
                    Target::Content | Target::Other => What::Block(Vec::new()),
                };
                Ok(Aim { key: path.to_owned(), spot: None, path: None, what })
            }
            Self::Message(format, within) => of_message(format, within.as_ref(), path, each),
            Self::Same(format, within) => of_same(format, within.as_ref(), path, each),
        }
    }

    /// Whether a row that finds nothing for this target parks.
    pub(super) fn requires(&self, key: &str) -> bool {
        match self {
            Self::Shape(target) => target.requires(key),
            Self::Message(..) => self.required().contains(&key),
            Self::Same(..) => false,
        }
    }

    /// Places of a message that rows must give: its type, when `to` leaves it open.
    pub(super) fn required(&self) -> &'static [&'static str] {
        let Self::Message(format, None) = self else { return &[] };
        let mut codes: Vec<_> =
            format.types.iter().filter_map(|kind| Some(kind.split_once('^')?.0)).collect();
        codes.dedup();
        match (codes.len(), format.types.len()) {
            (_, 1) => &[],
            (1, _) => &["MSH-9.2"],
            _ => &["MSH-9", "MSH-9.2"],
        }
    }
}

fn fault(path: &str, sentence: impl Into<String>, remedy: impl Into<String>) -> TargetFault {
    TargetFault { offset: 0, length: path.chars().count(), sentence: sentence.into(), remedy: remedy.into() }
}

fn of_message<'g>(
    format: &'g Hl7,
    within: Option<&Hl7Path>,
    text: &str,
    each: bool,
) -> Result<Aim<'g>, TargetFault> {
    let parsed = read_path(format, within, text)?;
    let path = parsed.path();
    let Standing { content, codes, .. } = stands(format, path, text)?;
    let segment: Box<str> = path.segment().into();
    if path.field().is_none() {
        if !each {
            return Err(fault(
                text,
                format!("« {text} » est un segment"),
                "viser un champ, ou écrire « each »",
            ));
        }
        let spot = Spot { segment, occurrence: 1, place: None };
        let what = What::List(Goal::Message(format, Some(parsed.clone())));
        return Ok(Aim { key: path.to_string(), spot: Some(spot), path: None, what });
    }
    let Some((occurrence, place)) = path.fixed() else {
        return Err(fault(text, "une cible dit sa place par un nombre", "écrire par exemple PID-3[2].1"));
    };
    if &*segment == "MSH" && matches!(path.field(), Some(1 | 2 | 10)) {
        return Err(fault(text, format!("{text} est donné par la passerelle"), "ôter la ligne"));
    }
    let spot = Spot { segment, occurrence, place: Some(place) };
    let what = match (content, each) {
        (_, true) if path.component().is_some() => {
            return Err(fault(
                text,
                "« each » fait des répétitions d'un champ",
                "viser le champ, sans composant",
            ));
        }
        (_, true) => What::List(Goal::Message(format, Some(parsed.clone()))),
        (Content::Composite(_), false) => {
            let whole = format!("{text}.1");
            return Err(fault(
                text,
                format!("{text} est fait de plusieurs composants"),
                format!("viser l'un d'eux, par exemple {whole}"),
            ));
        }
        (_, false) => What::Leaf(leaf(format, path, codes)),
    };
    // Repetitions have a slot of their own, beside that of the place they begin at.
    let key = if each { format!("{}[]", key(&spot)) } else { key(&spot) };
    Ok(Aim { key, spot: Some(spot), path: None, what })
}

fn outside(text: &str) -> impl Fn(PathFault) -> TargetFault {
    move |wrong| TargetFault {
        offset: wrong.offset,
        length: text.chars().count().saturating_sub(wrong.offset).max(1),
        sentence: wrong.sentence,
        remedy: wrong.remedy,
    }
}

/// A path; within an `each`, one that starts from its element.
fn read_path(format: &Hl7, within: Option<&Hl7Path>, text: &str) -> Result<Hl7Path, TargetFault> {
    let parsed = format.parse(text, within).map_err(outside(text))?;
    if within.is_some() && matches!(parsed, Hl7Path::Message(_)) {
        return Err(fault(
            text,
            "dans « each », une cible part de l'élément",
            "commencer par un tiret (segment) ou par un point (répétition)",
        ));
    }
    Ok(parsed)
}

fn stands(format: &Hl7, path: &Path, text: &str) -> Result<Standing, TargetFault> {
    standing(&format.structures, path).map_err(|unknown| outside(text)(format.explain(path, unknown)))
}

/// A place of the message that is read: the first one that the path means, or each element.
fn of_same<'g>(
    format: &'g Hl7,
    within: Option<&Hl7Path>,
    text: &str,
    each: bool,
) -> Result<Aim<'g>, TargetFault> {
    let parsed = read_path(format, within, text)?;
    let path = parsed.path().clone();
    let Standing { content, codes, .. } = stands(format, &path, text)?;
    if path.segment() == "MSH" && matches!(path.field(), Some(1 | 2 | 10 | 18)) {
        let remedy = "ôter la ligne ; pour les séparateurs et le codage, écrire « charset » dans « to »";
        return Err(fault(text, format!("{text} est donné par la passerelle"), remedy));
    }
    let what = match (each, path.field(), content) {
        (true, ..) if within.is_some() => {
            return Err(fault(
                text,
                "un « each » dans un autre ne change rien",
                "écrire une ligne par champ",
            ));
        }
        (true, ..) => What::List(Goal::Same(format, Some(parsed.clone()))),
        (false, None, _) => {
            return Err(fault(
                text,
                format!("« {text} » est un segment"),
                "viser un champ, ou écrire « each »",
            ));
        }
        (false, _, Content::Composite(_)) => {
            let (sentence, remedy) =
                (format!("{text} est fait de plusieurs composants"), format!("viser {text}.1"));
            return Err(fault(text, sentence, remedy));
        }
        _ => What::Leaf(leaf(format, &path, codes)),
    };
    let key = if each { format!("{path}[]") } else { path.to_string() };
    Ok(Aim { key, spot: None, path: Some(path), what })
}

/// What may stand at a place: any text, or a word of a list that is closed.
fn leaf(format: &Hl7, path: &Path, codes: &[&str]) -> Leaf {
    let types = || format.types.iter().filter_map(|kind| kind.split_once('^'));
    let mut words: Vec<&str> = match (path.segment(), path.field(), path.component()) {
        ("MSH", Some(9), None | Some(1)) => types().map(|(code, _)| code).collect(),
        ("MSH", Some(9), Some(2)) => types().map(|(_, event)| event).collect(),
        (_, _, None | Some(1)) => codes.to_vec(),
        _ => Vec::new(),
    };
    words.dedup();
    match words.is_empty() {
        true => Leaf::Wire,
        false => Leaf::Words(words.into_iter().map(Box::from).collect()),
    }
}

/// The shortest way to write a place: `PID-5` and `PID[1]-5[1].1.1` are one.
fn key(spot: &Spot) -> String {
    let Spot { segment, occurrence, place } = spot;
    let nth = |number: u16| if number > 1 { format!("[{number}]") } else { String::new() };
    let Some(place) = place else { return segment.to_string() };
    let [field, repetition, component, sub] = place.numbers();
    let below = match (component, sub) {
        (1, 1) => String::new(),
        (component, 1) => format!(".{component}"),
        (component, sub) => format!(".{component}.{sub}"),
    };
    format!("{segment}{}-{field}{}{below}", nth(*occurrence), nth(repetition))
}
