//! JSON trees as sources: today the shapes that steps before made, described by the schemas of their types.
//! In: `patient.local_ids[kind='PI'].id`, once; a value, per message. Out: checked paths; texts of the value.
//! Within an `each`, `.id` starts from the element. Bounded: a path has so many steps, a walk no recursion but theirs.

use std::borrow::Cow;

use jonction_model::nearest;
use serde_json::Value as Json;

use super::{Format, Found, PathFault};
use crate::{
    kind::{Kind, Leaf},
    shapes::ShapeKind,
    target::Target,
};

/// Steps of one path.
const STEPS_MAX: usize = 16;

/// A shape as a source.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) shape: &'static ShapeKind,
    pub(crate) schema: Target,
}

/// A checked path.
#[derive(Clone, Debug)]
pub(crate) struct TreePath {
    text: String,
    /// It starts from the element of the `each`.
    relative: bool,
    steps: Vec<Step>,
    /// Where it leads, for the paths of an `each`: those inside start from its elements.
    element: Target,
}

#[derive(Clone, Debug)]
struct Step {
    name: Box<str>,
    which: Which,
}

/// Which of the elements of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Which {
    Any,
    Nth(usize),
    /// A text below equals one of these.
    Where(Vec<Box<str>>, Vec<Box<str>>),
}

/// A place of a value: the whole of it, and the element paths start from.
#[derive(Clone, Copy)]
pub(crate) struct Node<'t> {
    pub(crate) root: &'t Json,
    pub(crate) here: &'t Json,
}

impl Which {
    fn takes(&self, number: usize, element: &Json) -> bool {
        match self {
            Self::Any => true,
            Self::Nth(nth) => number == *nth,
            Self::Where(place, texts) => {
                let found = place.iter().try_fold(element, |here, name| here.get(&**name));
                let text = found.and_then(text);
                text.is_some_and(|text| texts.iter().any(|wanted| **wanted == *text))
            }
        }
    }
}

/// What a leaf says; `None` for nothing, for blocks and for lists.
fn text(json: &Json) -> Option<Cow<'_, str>> {
    match json {
        Json::String(text) => Some(text.trim()).filter(|text| !text.is_empty()).map(Cow::Borrowed),
        Json::Number(number) => Some(number.to_string().into()),
        Json::Bool(truth) => Some(if *truth { "true" } else { "false" }.into()),
        // A handle on stored bytes goes on as it is written; nothing else of this form reaches a text (kinds).
        Json::Object(members) if members.contains_key("body") => Some(json.to_string().into()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// Whether anything is said: a block or a list says something when it is not empty.
fn says(json: &Json) -> bool {
    match json {
        Json::Object(members) => !members.is_empty(),
        Json::Array(elements) => !elements.is_empty(),
        leaf => text(leaf).is_some(),
    }
}

impl TreePath {
    /// Visits what stands at the path, in order, until `visit` says that it has enough.
    fn visit<'t>(&self, node: Node<'t>, visit: &mut dyn FnMut(&'t Json) -> bool) {
        let start = if self.relative { node.here } else { node.root };
        descend(&self.steps, start, visit);
    }
}

/// Out: whether to go on.
fn descend<'t>(steps: &[Step], here: &'t Json, visit: &mut dyn FnMut(&'t Json) -> bool) -> bool {
    let Some((step, rest)) = steps.split_first() else { return visit(here) };
    match here.get(&*step.name) {
        None | Some(Json::Null) => true,
        Some(Json::Array(elements)) => (1..)
            .zip(elements)
            .filter(|(number, element)| step.which.takes(*number, element))
            .all(|(_, element)| descend(rest, element, visit)),
        Some(one) => !step.which.takes(1, one) || descend(rest, one, visit),
    }
}

impl Format for Tree {
    type Path = TreePath;
    type Node<'t> = Node<'t>;

    fn path(&self, text: &str, within: Option<&TreePath>) -> Result<Found<TreePath>, PathFault> {
        let relative = text.starts_with('.');
        let start = match (relative, within) {
            (false, _) => &self.schema,
            (true, Some(around)) => &around.element,
            (true, None) => {
                return Err(PathFault {
                    code: "mapping.path-syntax",
                    offset: 0,
                    sentence: "ce chemin part d'un élément, et aucun « each » ne l'entoure".to_owned(),
                    remedy: format!("écrire le chemin entier, depuis {}", self.shape.name),
                });
            }
        };
        let written = parse(text)?;
        let (mut here, mut several) = (start, false);
        for (step, offset) in &written {
            here = member(here, step, *offset)?;
            if let Target::List(element) = here {
                several |= step.which == Which::Any;
                here = element;
            }
        }
        let (kind, closed) = match here {
            Target::Leaf(Leaf::Format(format)) if format.name == "document-time" => (Kind::Time, None),
            Target::Leaf(Leaf::Integer) => (Kind::Integer, None),
            Target::Leaf(Leaf::Boolean) => (Kind::Text, Some(vec!["true".to_owned(), "false".to_owned()])),
            Target::Leaf(Leaf::Words(words)) => {
                (Kind::Text, Some(words.iter().map(|word| word.to_string()).collect()))
            }
            Target::Leaf(_) => (Kind::Text, None),
            Target::Content => (Kind::Content, None),
            Target::Object(_) | Target::List(_) | Target::Other => (Kind::Composite("bloc"), None),
        };
        let steps = written.into_iter().map(|(step, _)| step).collect();
        let path = TreePath { text: text.to_owned(), relative, steps, element: here.clone() };
        // An optional word may be absent: only what a list closes and the shape requires is every case.
        let required = !relative && self.schema.requires(text);
        let (closed, usual) = match closed {
            Some(words) if required => (Some(words), Vec::new()),
            words => (None, words.unwrap_or_default()),
        };
        Ok(Found { path, kind, several, closed, usual })
    }

    fn first<'t>(path: &TreePath, node: Self::Node<'t>) -> Option<Cow<'t, str>> {
        let mut found = None;
        path.visit(node, &mut |json| {
            found = text(json);
            found.is_none()
        });
        found
    }

    fn any(path: &TreePath, node: Node<'_>, wanted: &[Box<str>]) -> bool {
        let mut found = false;
        path.visit(node, &mut |json| {
            found = match wanted {
                [] => says(json),
                wanted => text(json).is_some_and(|text| wanted.iter().any(|one| **one == *text)),
            };
            !found
        });
        found
    }

    fn all<'t>(path: &TreePath, node: Self::Node<'t>, max: usize) -> Vec<Cow<'t, str>> {
        let mut all = Vec::new();
        path.visit(node, &mut |json| {
            all.extend(text(json));
            all.len() < max
        });
        all
    }

    fn each<'t>(path: &TreePath, node: Self::Node<'t>, max: usize) -> Vec<Self::Node<'t>> {
        let mut all = Vec::new();
        path.visit(node, &mut |here| {
            all.push(Node { here, ..node });
            all.len() < max
        });
        all
    }

    fn place(path: &TreePath, _: Node<'_>) -> String {
        path.text.clone()
    }
}

/// The field that a step names.
fn member<'s>(here: &'s Target, step: &Step, offset: usize) -> Result<&'s Target, PathFault> {
    let fault =
        |sentence: String, remedy: String| PathFault { offset, ..PathFault::unknown(sentence, remedy) };
    let found = match here {
        Target::Object(members) => {
            members.iter().find(|member| member.name == step.name).map(|member| &member.target).ok_or_else(
                || {
                    let names: Vec<&str> = members.iter().map(|member| &*member.name).collect();
                    let remedy = match nearest(&step.name, names.iter().copied()) {
                        Some(near) => format!("vouliez-vous « {near} » ? champs : {}", names.join(", ")),
                        None => format!("champs : {}", names.join(", ")),
                    };
                    fault(format!("« {} » n'est pas un champ ici", step.name), remedy)
                },
            )?
        }
        _ => {
            return Err(fault(
                "ce champ n'en contient pas d'autres".to_owned(),
                "retirer ce qui suit".to_owned(),
            ));
        }
    };
    match (found, &step.which) {
        (_, Which::Any) => Ok(found),
        (Target::List(element), Which::Where(place, _)) => {
            element
                .find(&place.join("."))
                .map_err(|wrong| fault(format!("dans les crochets : {}", wrong.sentence), wrong.remedy))?;
            Ok(found)
        }
        (Target::List(_), Which::Nth(_)) => Ok(found),
        _ => Err(fault(format!("« {} » n'est pas une liste", step.name), "retirer les crochets".to_owned())),
    }
}

const EXAMPLE: &str = "un chemin s'écrit comme patient.local_ids[kind='PI'].id";

/// Steps, each with the character where its name begins.
fn parse(text: &str) -> Result<Vec<(Step, usize)>, PathFault> {
    let mut parser = Parser { characters: text.chars().collect(), at: 0 };
    let mut steps = Vec::new();
    if text == "." {
        return Ok(steps);
    }
    parser.eat('.');
    loop {
        if steps.len() == STEPS_MAX {
            return Err(parser.expected(&format!("une fin : plus de {STEPS_MAX} noms")));
        }
        let offset = parser.at;
        let name = parser.name()?;
        let which = if parser.eat('[') { parser.which()? } else { Which::Any };
        steps.push((Step { name, which }, offset));
        if parser.at == parser.characters.len() {
            return Ok(steps);
        }
        if !parser.eat('.') {
            return Err(parser.expected("un point, un crochet ou la fin"));
        }
    }
}

struct Parser {
    characters: Vec<char>,
    at: usize,
}

impl Parser {
    fn expected(&self, what: &str) -> PathFault {
        PathFault {
            code: "mapping.path-syntax",
            offset: self.at.min(self.characters.len().saturating_sub(1)),
            sentence: format!("ici est attendu {what}"),
            remedy: EXAMPLE.to_owned(),
        }
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.characters.get(self.at) == Some(&wanted);
        self.at += usize::from(found);
        found
    }

    fn while_(&mut self, takes: impl Fn(char) -> bool) -> String {
        let rest = &self.characters[self.at..];
        let taken: String = rest.iter().copied().take_while(|c| takes(*c)).collect();
        self.at += taken.chars().count();
        taken
    }

    fn name(&mut self) -> Result<Box<str>, PathFault> {
        let name = self.while_(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        if name.is_empty() { Err(self.expected("un nom de champ")) } else { Ok(name.into()) }
    }

    /// `2]`, `kind='PI'|'PIP']`.
    fn which(&mut self) -> Result<Which, PathFault> {
        let which = match self.characters.get(self.at) {
            Some(digit) if digit.is_ascii_digit() => {
                let number = self.while_(|c| c.is_ascii_digit()).parse().ok().filter(|number| *number > 0);
                Which::Nth(number.ok_or_else(|| self.expected("un nombre à partir de 1"))?)
            }
            _ => {
                let mut place = vec![self.name()?];
                while self.eat('.') {
                    place.push(self.name()?);
                }
                if !self.eat('=') {
                    return Err(self.expected("un signe ="));
                }
                let mut texts = vec![self.quoted()?];
                while self.eat('|') {
                    texts.push(self.quoted()?);
                }
                Which::Where(place, texts)
            }
        };
        if self.eat(']') { Ok(which) } else { Err(self.expected("un crochet fermant")) }
    }

    fn quoted(&mut self) -> Result<Box<str>, PathFault> {
        if !self.eat('\'') {
            return Err(self.expected("un texte entre apostrophes, comme 'PI'"));
        }
        let text = self.while_(|c| c != '\'');
        if self.eat('\'') { Ok(text.into()) } else { Err(self.expected("une apostrophe qui ferme le texte")) }
    }
}
