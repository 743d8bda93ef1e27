//! Route files: raw → checked, with every mistake of every file at once.
//! In: YAML nodes with places, and what the program knows (partners, steps). Out: [`Route`]s, or diagnoses in French.
//! Source: experience §3 and §6, architecture §4.9.

use std::{collections::BTreeMap, sync::Arc};

use jonction_model::{BodyId, PartnerName, RouteName, nearest};
use jonction_ports::Step;
use jonction_settings::{Diagnoses, Entry, Fields, Node, Span, Value, fields::scalar, parse};

use super::{Condition, OrderBy, Policy, ReplyBinding, Route, SinkBinding, Stage};

/// A partner, as far as routes must know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPartner {
    /// Its connector: the key of a sink in `to`.
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

    /// Says that a connector takes qualified identities only: `dmp`. Its `when` must guarantee it.
    #[must_use]
    pub fn guarded(mut self, connector: &'static str) -> Self {
        self.guarded.push(connector);
        self
    }

    fn connectors(&self) -> Vec<&str> {
        let mut names: Vec<_> =
            self.partners.values().filter(|p| p.sink).map(|p| p.connector.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Reads route files. A route with an error is left out; the others are there all the same.
pub fn read_routes(files: &[Node], registry: &Registry, diagnoses: &mut Diagnoses) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    let mut names: BTreeMap<RouteName, Span> = BTreeMap::new();
    for file in files {
        let Some((route, span)) = read_route(file, registry, diagnoses) else { continue };
        if let Some(first) = names.get(&route.name) {
            let sentence = format!("ce nom est déjà celui d'une route ({first:?})");
            diagnoses.error("route.name-twice", &span, sentence).remedy("donner un autre nom");
            continue;
        }
        names.insert(route.name.clone(), span);
        routes.push(route);
    }
    routes
}

fn read_route(file: &Node, registry: &Registry, diagnoses: &mut Diagnoses) -> Option<(Route, Span)> {
    let before = diagnoses.counts().0;
    let mut fields = Fields::of(file, "la route", diagnoses)?;
    let name_node = fields.required_node("route", diagnoses);
    let name = name_node.and_then(|node| scalar(node, "route", route_name, diagnoses));
    let from = fields.required_node("from", diagnoses);
    let from = from.and_then(|node| read_from(node, registry, diagnoses));
    let accept = match fields.node("accept") {
        Some(node) => read_condition(node, "accept", Stage::Message, diagnoses),
        None => Some(Condition::always()),
    };
    let steps = fields.required_node("steps", diagnoses).map(items).unwrap_or_default();
    let steps: Vec<_> = steps.iter().filter_map(|node| read_step(node, registry, diagnoses)).collect();
    let to = fields.required_node("to", diagnoses).map(items).unwrap_or_default();
    let to: Vec<_> = to.iter().filter_map(|node| read_sink(node, registry, diagnoses)).collect();
    let replies = fields.list("reply");
    let reply = replies.iter().filter_map(|node| read_reply(node, registry, diagnoses)).collect();
    fields.finish(diagnoses);
    if diagnoses.counts().0 > before {
        return None;
    }
    let version = BodyId::of(file.span.file.text.as_bytes()).to_string();
    let route = Route { name: name?, from: from?, accept: accept?, steps, to, reply, version };
    Some((route, name_node?.span.clone()))
}

fn items(node: &Node) -> &[Node] {
    node.as_list().unwrap_or(std::slice::from_ref(node))
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
            let span = place_inside(&node.span, &text, error.offset, error.length);
            diagnoses.error(error.code, &span, error.sentence).remedy(error.remedy);
            None
        }
    }
}

/// Place of a part of a scalar. Quotes and folded lines move the text; then the whole scalar is meant.
fn place_inside(span: &Span, text: &str, offset: usize, length: usize) -> Span {
    let line = span.file.text.lines().nth(span.line.saturating_sub(1)).unwrap_or_default();
    let written: String = line.chars().skip(span.column.saturating_sub(1)).collect();
    let shift = usize::from(written.starts_with(['"', '\'']));
    let bare: String = written.chars().skip(shift).collect();
    if bare.starts_with(text) { span.part(offset + shift, length) } else { span.clone() }
}

/// `check: hl7v2/volet-cda@2.1`: one verb, one name.
fn read_step(node: &Node, registry: &Registry, diagnoses: &mut Diagnoses) -> Option<Arc<dyn Step>> {
    let entry = single_entry(node, "une étape s'écrit « check: nom » ou « map: nom »", diagnoses)?;
    let Some(steps) = registry.steps.get(entry.key.as_str()) else {
        let verbs: Vec<_> = registry.steps.keys().copied().collect();
        diagnoses
            .error("route.unknown-step-kind", &entry.key_span, "cette sorte d'étape n'existe pas")
            .remedy(known_names("sortes connues", &entry.key, &verbs));
        return None;
    };
    let name = scalar(&entry.value, &entry.key, parse::text, diagnoses)?;
    let step = steps.get(&name);
    if step.is_none() {
        let names: Vec<_> = steps.keys().map(String::as_str).collect();
        diagnoses
            .error("route.unknown-step", &entry.value.span, "aucune étape ne porte ce nom")
            .remedy(known_names("étapes connues", &name, &names));
    }
    step.cloned()
}

fn single_entry<'n>(node: &'n Node, form: &str, diagnoses: &mut Diagnoses) -> Option<&'n Entry> {
    match node.as_map() {
        Some([entry]) => Some(entry),
        _ => {
            diagnoses.error("route.bad-item", &node.span, form).remedy("un tiret par élément");
            None
        }
    }
}

const SINK_KEYS: [&str; 3] = ["when", "order_by", "retry"];

/// `{ dmp: dmp-national, when: …, order_by: patient, retry: { … } }`.
fn read_sink(node: &Node, registry: &Registry, diagnoses: &mut Diagnoses) -> Option<SinkBinding> {
    let (target, rest) = split_target(node, &SINK_KEYS, &registry.connectors(), diagnoses)?;
    let role = "vers qui on envoie";
    let partner = read_partner(&target.value, |p| p.sink, role, registry, diagnoses);
    if let Some((name, known)) = &partner
        && known.connector != target.key
    {
        wrong_connector(&target.key_span, name, known, diagnoses);
    }
    let mut fields = Fields::of(&rest, format!("l'envoi {}", target.key), diagnoses)?;
    let when_node = fields.node("when");
    let when = match when_node {
        Some(node) => read_condition(node, "when", Stage::Shape, diagnoses),
        None => Some(Condition::always()),
    };
    let order_by = fields.choice(
        "order_by",
        OrderBy::Sink,
        &[
            ("patient", OrderBy::Patient),
            ("message", OrderBy::Message),
            ("arrival", OrderBy::Arrival),
            ("none", OrderBy::None),
        ],
        diagnoses,
    );
    let policy = fields.node("retry").map_or(Some(Policy::default()), |node| read_policy(node, diagnoses));
    fields.finish(diagnoses);
    if registry.guarded.contains(&target.key.as_str())
        && let Some(when) = &when
    {
        guard_identity(target, when, when_node, diagnoses);
    }
    Some(SinkBinding { sink: partner?.0, when: when?, order_by, policy: policy? })
}

/// Refuses a sink of qualified identities that others can reach. Source: architecture §4.6.
fn guard_identity(target: &Entry, when: &Condition, when_node: Option<&Node>, diagnoses: &mut Diagnoses) {
    let Some(way) = when.unqualified_way_through() else { return };
    let mut sentence =
        format!("cette route peut envoyer vers {} un patient dont l'INS n'est pas qualifiée", target.key);
    if let Some(node) = when_node {
        let case = if way.is_empty() { "toujours".to_owned() } else { format!("quand {}", way.join(" et ")) };
        sentence += &format!(" : la condition de la ligne {} le laisse passer {case}", node.span.line);
    }
    let remedy = match when.text() {
        "" => "ajouter  when: identity.qualified   ou envoyer ces messages ailleurs".to_owned(),
        text if text.contains(" or ") => format!("écrire  when: ({text}) and identity.qualified"),
        text => format!("écrire  when: {text} and identity.qualified"),
    };
    diagnoses.error("route.identity-not-guaranteed", &target.key_span, sentence).remedy(remedy);
}

/// `{ zam: sil }`.
fn read_reply(node: &Node, registry: &Registry, diagnoses: &mut Diagnoses) -> Option<ReplyBinding> {
    let words: Vec<_> = registry.replies.keys().copied().collect();
    let (target, rest) = split_target(node, &["retry"], &words, diagnoses)?;
    let role = "vers qui on envoie";
    let (sink, known) = read_partner(&target.value, |p| p.sink, role, registry, diagnoses)?;
    if registry.replies.get(target.key.as_str()) != Some(&known.connector.as_str()) {
        let sentence = format!("le partenaire {sink} ne reçoit pas de {}", target.key);
        diagnoses
            .error("route.wrong-connector", &target.value.span, sentence)
            .remedy(format!("son connecteur est {}", known.connector));
    }
    let mut fields = Fields::of(&rest, format!("la réponse {}", target.key), diagnoses)?;
    let policy = fields.node("retry").map_or(Some(Policy::default()), |node| read_policy(node, diagnoses));
    fields.finish(diagnoses);
    Some(ReplyBinding { sink, policy: policy? })
}

/// Separates `connector: partner` from the other keys of an item.
fn split_target<'n>(
    node: &'n Node,
    other_keys: &[&str],
    known: &[&str],
    diagnoses: &mut Diagnoses,
) -> Option<(&'n Entry, Node)> {
    let form = format!("un envoi s'écrit « {}: partenaire »", known.first().unwrap_or(&"connecteur"));
    let Some(entries) = node.as_map() else {
        diagnoses.error("route.bad-item", &node.span, form).remedy("un tiret par élément");
        return None;
    };
    let is_other = |entry: &&Entry| !known.contains(&entry.key.as_str());
    let mut targets = entries.iter().filter(|entry| known.contains(&entry.key.as_str()));
    let rest = entries.iter().filter(is_other).cloned().collect();
    match (targets.next(), targets.next()) {
        (Some(target), None) => Some((target, Node { span: node.span.clone(), value: Value::Map(rest) })),
        (Some(_), Some(second)) => {
            diagnoses
                .error("route.bad-item", &second.key_span, "un envoi ne va que vers un partenaire")
                .remedy("commencer un autre élément par un tiret");
            None
        }
        (None, _) => {
            let stranger = entries.iter().find(|entry| !other_keys.contains(&entry.key.as_str()));
            let (span, written) =
                stranger.map_or((&node.span, ""), |entry| (&entry.key_span, entry.key.as_str()));
            diagnoses
                .error("route.unknown-connector", span, "aucun partenaire n'a ce connecteur")
                .remedy(known_names("connecteurs connus", written, known));
            None
        }
    }
}

/// `{ initial: 2s, factor: 2, max: 60s, give_up: 3j }`.
fn read_policy(node: &Node, diagnoses: &mut Diagnoses) -> Option<Policy> {
    let default = Policy::default();
    let mut fields = Fields::of(node, "retry", diagnoses)?;
    let initial = fields.or("initial", default.initial, positive_duration, diagnoses);
    let factor = fields.or("factor", u64::from(default.factor), parse::number(1, 10), diagnoses);
    let max = fields.or("max", default.max.max(initial), positive_duration, diagnoses);
    let give_up = fields.or("give_up", default.give_up, positive_duration, diagnoses);
    let span = fields.span().clone();
    fields.finish(diagnoses);
    if max < initial {
        diagnoses
            .error(
                "route.bad-retry",
                &span,
                "le délai le plus long (max) est plus court que le premier (initial)",
            )
            .remedy("augmenter max ou diminuer initial");
        return None;
    }
    Some(Policy { initial, factor: u32::try_from(factor).unwrap_or(default.factor), max, give_up })
}

fn positive_duration(text: &str) -> Result<std::time::Duration, String> {
    match parse::duration(text)? {
        zero if zero.is_zero() => Err("une durée plus longue que zéro".to_owned()),
        duration => Ok(duration),
    }
}

#[cfg(test)]
mod tests;
