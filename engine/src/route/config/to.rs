//! Where a route sends: sinks, other routes, and who carries reports back.
//! In: items of `to` and `reply`. Out: bindings; links by name. Source: decisions 0006, 0039.

use jonction_model::PartnerName;
use jonction_settings::{Diagnoses, Entry, Fields, Node, Span, fields::scalar, parse};

use super::{
    Registry, Verb, links::LinkDraft, open_item, read_condition, read_partner, route_name, wrong_connector,
};
use crate::{
    lane::hours::{Hours, Opening},
    route::{Condition, Departure, OrderBy, Policy, ReplyBinding, SinkBinding, Stage},
};

/// Key of a route in `to`.
const ROUTE: &str = "route";
const SINK_KEYS: [&str; 5] = ["when", "order_by", "retry", "delay", "window"];

/// Reads `to`.
pub(super) fn read_to(
    nodes: &[Node],
    registry: &Registry,
    diagnoses: &mut Diagnoses,
) -> (Vec<SinkBinding>, Vec<LinkDraft>) {
    let mut sinks: Vec<SinkBinding> = Vec::new();
    let mut links = Vec::new();
    let connectors = registry.connectors();
    let known: Vec<&str> = connectors.iter().copied().chain([ROUTE]).collect();
    let form = format!("un envoi s'écrit « {}: partenaire »", known.first().unwrap_or(&"connecteur"));
    let verb = Verb {
        known: &known,
        others: &SINK_KEYS,
        unknown: ("route.unknown-connector", "aucun partenaire n'a ce connecteur"),
        list: "connecteurs connus",
        form: &form,
    };
    for node in nodes {
        let Some((mut fields, target)) = open_item(node, "l'envoi", &verb, diagnoses) else { continue };
        if target.key == ROUTE {
            links.extend(read_link(&mut fields, target, diagnoses));
        } else if let Some(sink) = read_sink(&mut fields, target, registry, diagnoses) {
            same_policy(&sinks, &sink, &target.value.span, diagnoses);
            sinks.push(sink);
        }
        fields.finish(diagnoses);
    }
    (sinks, links)
}

fn read_when<'n>(
    fields: &mut Fields<'n>,
    diagnoses: &mut Diagnoses,
) -> (Option<Condition>, Option<&'n Node>) {
    let node = fields.node("when");
    let when = match node {
        Some(node) => read_condition(node, "when", Stage::Shape, diagnoses),
        None => Some(Condition::always()),
    };
    (when, node)
}

/// `{ route: lettres, when: … }`.
fn read_link(fields: &mut Fields<'_>, target: &Entry, diagnoses: &mut Diagnoses) -> Option<LinkDraft> {
    let to = scalar(&target.value, ROUTE, route_name, diagnoses);
    let (when, _) = read_when(fields, diagnoses);
    Some(LinkDraft { to: to?, span: target.value.span.clone(), when: when? })
}

/// `{ dmp: dmp-national, when: …, order_by: patient, retry: { … }, delay: 2h, window: […] }`.
fn read_sink(
    fields: &mut Fields<'_>,
    target: &Entry,
    registry: &Registry,
    diagnoses: &mut Diagnoses,
) -> Option<SinkBinding> {
    let role = "vers qui on envoie";
    let partner = read_partner(&target.value, |p| p.sink, role, registry, diagnoses);
    let partner = partner.filter(|(name, known)| {
        let fits = known.connector == target.key || known.connector.is_empty();
        if !fits {
            wrong_connector(&target.key_span, name, known, diagnoses);
        }
        fits
    });
    let (when, when_node) = read_when(fields, diagnoses);
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
    let policy = read_retry(fields, diagnoses);
    let delay = fields.or("delay", std::time::Duration::ZERO, parse::duration, diagnoses);
    let openings = fields.list("window").iter();
    let openings = openings.filter_map(|node| scalar(node, "window", Opening::parse, diagnoses)).collect();
    let departure = Departure { delay, window: Hours::new(openings, false, Default::default()) };
    if registry.guarded.contains(&target.key.as_str())
        && let Some(when) = &when
    {
        guard_identity(target, when, when_node, diagnoses);
    }
    Some(SinkBinding { sink: partner?.0, when: when?, order_by, policy: policy?, departure })
}

/// A delivery knows its partner, not which line of the route owed it: two lines must treat it alike.
fn same_policy(before: &[SinkBinding], sink: &SinkBinding, span: &Span, diagnoses: &mut Diagnoses) {
    let differs = |other: &&SinkBinding| {
        other.sink == sink.sink && (other.policy != sink.policy || other.departure != sink.departure)
    };
    if before.iter().any(|other| differs(&other)) {
        let sentence = "ce partenaire est déjà servi par cette route, avec d'autres délais";
        diagnoses
            .error("route.two-policies", span, sentence)
            .remedy("donner les mêmes retry, delay et window, ou faire deux routes");
    }
}

fn read_retry(fields: &mut Fields<'_>, diagnoses: &mut Diagnoses) -> Option<Policy> {
    fields.node("retry").map_or(Some(Policy::default()), |node| read_policy(node, diagnoses))
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
pub(super) fn read_reply(
    node: &Node,
    registry: &Registry,
    diagnoses: &mut Diagnoses,
) -> Option<ReplyBinding> {
    let words: Vec<_> = registry.replies.keys().copied().collect();
    let form = format!("une réponse s'écrit « {}: partenaire »", words.first().unwrap_or(&"mot"));
    let verb = Verb {
        known: &words,
        others: &["retry"],
        unknown: ("route.unknown-connector", "aucun partenaire n'a ce connecteur"),
        list: "connecteurs connus",
        form: &form,
    };
    let (mut fields, target) = open_item(node, "la réponse", &verb, diagnoses)?;
    let found = read_partner(&target.value, |p| p.sink, "vers qui on envoie", registry, diagnoses);
    if let Some((sink, known)) = &found
        && !known.connector.is_empty()
        && registry.replies.get(target.key.as_str()) != Some(&known.connector.as_str())
    {
        let sentence = format!("le partenaire {sink} ne reçoit pas de {}", target.key);
        diagnoses
            .error("route.wrong-connector", &target.value.span, sentence)
            .remedy(format!("son connecteur est {}", known.connector));
    }
    let policy = read_retry(&mut fields, diagnoses);
    fields.finish(diagnoses);
    let sink: PartnerName = found?.0;
    Some(ReplyBinding { sink, policy: policy? })
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

pub(super) fn positive_duration(text: &str) -> Result<std::time::Duration, String> {
    match parse::duration(text)? {
        zero if zero.is_zero() => Err("une durée plus longue que zéro".to_owned()),
        duration => Ok(duration),
    }
}
