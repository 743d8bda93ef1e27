//! Route files: raw → checked, with every mistake of every file at once.
//! In: YAML nodes with places, and what the program knows (partners, steps). Out: [`Route`]s, or diagnoses in French.
//! Source: experience §3 and §6, architecture §4.9.

use std::{collections::BTreeMap, sync::Arc};

use jonction_model::{BodyId, PartnerName, RouteName, nearest};
use jonction_ports::Step;
use jonction_settings::{Diagnoses, Entry, Fields, Node, Span, Value, fields::scalar, parse};

use super::{Condition, Route, Stage};

mod links;
mod steps;
mod to;

use links::{Draft, LeftOut, link};

/// A partner, as far as routes must know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPartner {
    /// Its connector: the key of a sink in `to`. Empty: its block names none that exists, which is told there.
    pub connector: String,
    /// It sends to us.
    pub source: bool,
    /// We send to it.
    pub sink: bool,
}

/// What the program knows, against which names are resolved.
#[derive(Clone, Default)]
pub struct Registry {
    partners: BTreeMap<PartnerName, KnownPartner>,
    steps: BTreeMap<&'static str, BTreeMap<String, Arc<dyn Step>>>,
    replies: BTreeMap<&'static str, &'static str>,
    guarded: Vec<&'static str>,
    connectors: Vec<&'static str>,
}

impl Registry {
    /// Knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a partner.
    #[must_use]
    pub fn partner(mut self, name: PartnerName, partner: KnownPartner) -> Self {
        self.partners.insert(name, partner);
        self
    }

    /// Adds a step under its verb: `check`, `map`.
    #[must_use]
    pub fn step(mut self, verb: &'static str, step: Arc<dyn Step>) -> Self {
        self.steps.entry(verb).or_default().insert(step.name().to_owned(), step);
        self
    }

    /// Adds a word of `reply` and the connector that writes it: `zam`, `mllp`.
    #[must_use]
    pub fn reply(mut self, word: &'static str, connector: &'static str) -> Self {
        self.replies.insert(word, connector);
        self
    }

    /// Adds a connector that exists, whether a partner has it or not.
    #[must_use]
    pub fn connector(mut self, connector: &'static str) -> Self {
        self.connectors.push(connector);
        self
    }

    /// Says that a connector takes qualified identities only: `dmp`. Its `when` must guarantee it.
    #[must_use]
    pub fn guarded(mut self, connector: &'static str) -> Self {
        self.guarded.push(connector);
        self
    }

    fn connectors(&self) -> Vec<&str> {
        let of_partners = self.partners.values().filter(|p| p.sink).map(|p| p.connector.as_str());
        let mut names: Vec<_> =
            of_partners.chain(self.connectors.iter().copied()).filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Reads route files. A route with an error is left out; the others are there all the same.
pub fn read_routes(files: &[Node], registry: &Registry, diagnoses: &mut Diagnoses) -> Vec<Route> {
    let mut drafts: Vec<Draft> = Vec::new();
    let mut names: BTreeMap<RouteName, Span> = BTreeMap::new();
    let mut left_out = LeftOut::default();
    for file in files {
        let Some(draft) = read_route(file, registry, diagnoses) else {
            left_out.add(written_name(file));
            continue;
        };
        if let Some(first) = names.get(&draft.route.name) {
            let sentence = format!("ce nom est déjà celui d'une route ({first:?})");
            diagnoses.error("route.name-twice", &draft.name, sentence).remedy("donner un autre nom");
            continue;
        }
        names.insert(draft.route.name.clone(), draft.name.clone());
        drafts.push(draft);
    }
    link(drafts, &left_out, diagnoses)
}

/// Name of a route with a mistake: it was told there, not where others hand over to it.
fn written_name(file: &Node) -> Option<String> {
    file.get("route")?.as_text().map(str::to_owned)
}

/// Reads a route file as far as its schema is learnt from it.
pub fn learn_route(file: &Node, registry: &Registry, diagnoses: &mut Diagnoses) {
    read_route(file, registry, diagnoses);
}

/// Reads one route file, its links by name.
fn read_route(file: &Node, registry: &Registry, diagnoses: &mut Diagnoses) -> Option<Draft> {
    let before = diagnoses.counts().0;
    if file.value == Value::Null {
        // It could not be read, which was told.
        return None;
    }
    let mut fields = Fields::of(file, "la route", diagnoses)?;
    let name_node = fields.required_node("route", diagnoses);
    let name = name_node.and_then(|node| scalar(node, "route", route_name, diagnoses));
    let from_node = fields.node("from");
    let from = from_node.and_then(|node| read_from(node, registry, diagnoses));
    let accept = match fields.node("accept") {
        Some(node) => read_condition(node, "accept", Stage::Message, diagnoses),
        None => Some(Condition::always()),
    };
    // What other routes hand over has its shapes already.
    let (steps, stage) = match from_node {
        Some(_) => (fields.required_list("steps", diagnoses), Stage::Message),
        None => (fields.list("steps"), Stage::Shape),
    };
    let steps = steps::read_steps(steps, stage, registry, diagnoses);
    let to = fields.required_list("to", diagnoses);
    let to = to::read_to(to, registry, diagnoses);
    let reply_nodes = fields.list("reply");
    let reply = reply_nodes.iter().filter_map(|node| to::read_reply(node, registry, diagnoses)).collect();
    if let (None, Some(node)) = (from_node, reply_nodes.first()) {
        let sentence =
            "sans « from », cette route ne reçoit que d'autres routes : c'est la première qui répond";
        diagnoses
            .error("route.reply-without-from", &node.span, sentence)
            .remedy("mettre « reply » dans la route qui reçoit le message");
    }
    fields.finish(diagnoses);
    if diagnoses.counts().0 > before {
        return None;
    }
    let version = BodyId::of(file.span.file.text.as_bytes()).to_string();
    let (to, links) = to;
    let route = Route { name: name?, from, accept: accept?, steps, to, links: Vec::new(), reply, version };
    Some(Draft { route, name: name_node?.span.clone(), links })
}

fn route_name(text: &str) -> Result<RouteName, String> {
    RouteName::parse(text).map_err(|_| "un nom de 1 à 64 caractères parmi a-z, 0-9, - et _".to_owned())
}

/// `from: sil`, or `from: { partner: sil, connector: mllp }`.
fn read_from(node: &Node, registry: &Registry, diagnoses: &mut Diagnoses) -> Option<PartnerName> {
    let (partner, connector) = match &node.value {
        Value::Map(_) => {
            let mut fields = Fields::of(node, "from", diagnoses)?;
            let partner = fields.required_node("partner", diagnoses);
            let connector = fields.node("connector");
            fields.finish(diagnoses);
            (partner?, connector)
        }
        _ => (node, None),
    };
    let (name, known) =
        read_partner(partner, |p| p.source, "d'où des messages viennent", registry, diagnoses)?;
    if let Some(connector) = connector
        && connector.as_text() != Some(known.connector.as_str())
    {
        wrong_connector(&connector.span, &name, known, diagnoses);
        return None;
    }
    Some(name)
}

fn wrong_connector(span: &Span, name: &PartnerName, known: &KnownPartner, diagnoses: &mut Diagnoses) {
    if known.connector.is_empty() {
        return;
    }
    let sentence = format!("le partenaire {name} n'a pas ce connecteur");
    diagnoses
        .error("route.wrong-connector", span, sentence)
        .remedy(format!("écrire {} ici", known.connector));
}

fn read_partner<'r>(
    node: &Node,
    plays: impl Fn(&KnownPartner) -> bool,
    role: &str,
    registry: &'r Registry,
    diagnoses: &mut Diagnoses,
) -> Option<(PartnerName, &'r KnownPartner)> {
    let text = scalar(node, "partenaire", parse::text, diagnoses)?;
    let candidates = || registry.partners.iter().filter(|(_, known)| plays(known));
    if let Some((name, known)) = candidates().find(|(name, _)| name.as_str() == text) {
        return Some((name.clone(), known));
    }
    let names: Vec<_> = candidates().map(|(name, _)| name.as_str()).collect();
    let sentence = match registry.partners.keys().any(|name| name.as_str() == text) {
        true => format!("ce partenaire n'est pas un de ceux {role}"),
        false => "aucun partenaire ne porte ce nom".to_owned(),
    };
    diagnoses.error("route.unknown-partner", &node.span, sentence).remedy(known_names(
        "partenaires connus",
        &text,
        &names,
    ));
    None
}

fn known_names(what: &str, written: &str, names: &[&str]) -> String {
    match nearest(written, names.iter().copied()) {
        Some(near) => format!("vouliez-vous {near} ? {what} : {}", names.join(", ")),
        None if names.is_empty() => format!("{what} : aucun"),
        None => format!("{what} : {}", names.join(", ")),
    }
}

fn read_condition(node: &Node, key: &str, stage: Stage, diagnoses: &mut Diagnoses) -> Option<Condition> {
    let text = scalar(node, key, parse::text, diagnoses)?;
    match Condition::parse(&text, stage) {
        Ok(condition) => Some(condition),
        Err(error) => {
            let span = node.inside(error.offset, error.length);
            diagnoses.error(error.code, &span, error.sentence).remedy(error.remedy);
            None
        }
    }
}

/// How the one key that says what an item is is told when it is wrong.
struct Verb<'v> {
    /// Keys it may be.
    known: &'v [&'v str],
    /// Other keys of the item.
    others: &'v [&'v str],
    /// Code and sentence of an unknown one.
    unknown: (&'static str, &'static str),
    /// `connecteurs connus`.
    list: &'static str,
    /// How an item is written.
    form: &'v str,
}

/// Opens an item: `{ dmp: dmp-national, when: … }`. Out: its keys, and the one that says what it is.
fn open_item<'n>(
    node: &'n Node,
    what: &str,
    verb: &Verb<'_>,
    diagnoses: &mut Diagnoses,
) -> Option<(Fields<'n>, &'n Entry)> {
    let Some(entries) = node.as_map() else {
        diagnoses.error("route.bad-item", &node.span, verb.form).remedy("un tiret par élément");
        return None;
    };
    let mut fields = Fields::of(node, what, diagnoses)?;
    match fields.one_of(verb.known, diagnoses).as_slice() {
        [only] => Some((fields, only)),
        [_, second, ..] => {
            diagnoses
                .error("route.bad-item", &second.key_span, "un élément ne dit qu'une chose")
                .remedy("commencer un autre élément par un tiret");
            None
        }
        [] => {
            let stranger = entries.iter().find(|entry| !verb.others.contains(&entry.key.as_str()));
            let (span, written) =
                stranger.map_or((&node.span, ""), |entry| (&entry.key_span, entry.key.as_str()));
            let (code, sentence) = verb.unknown;
            diagnoses.error(code, span, sentence).remedy(known_names(verb.list, written, verb.known));
            None
        }
    }
}

#[cfg(test)]
mod tests;
