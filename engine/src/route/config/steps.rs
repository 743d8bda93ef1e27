//! Steps of a route file: code with its failure policy, filters, split, once.
//! In: items of `steps`. Out: [`RouteStep`]s, each checked against what is known at its place. Source: decision 0039.

use jonction_settings::{Diagnoses, Entry, Fields, Node, Span, fields::scalar, parse};

use super::{Registry, Verb, known_names, open_item, read_condition, route_name, to::positive_duration};
use crate::route::{
    OnFailure, RouteStep, Stage,
    step::{KeyPart, Once},
};

/// The verb of steps that make shapes.
const MAP: &str = "map";
/// Verbs that are no code.
const OWN_VERBS: [&str; 3] = ["filter", "split", "once"];
const OTHER_KEYS: [&str; 4] = ["on_failure", "drop", "key", "window"];

/// Reads `steps`. `stage`: what is known before the first one.
pub(super) fn read_steps(
    nodes: &[Node],
    mut stage: Stage,
    registry: &Registry,
    diagnoses: &mut Diagnoses,
) -> Vec<RouteStep> {
    let known: Vec<&str> = registry.steps.keys().copied().chain(OWN_VERBS).collect();
    let verb = Verb {
        known: &known,
        others: &OTHER_KEYS,
        unknown: ("route.unknown-step-kind", "cette sorte d'étape n'existe pas"),
        list: "sortes connues",
        form: "une étape s'écrit « check: nom » ou « map: nom »",
    };
    let mut steps = Vec::new();
    for node in nodes {
        let Some((mut fields, entry)) = open_item(node, "l'étape", &verb, diagnoses) else {
            // What it was meant to be is not known: the steps after it are judged as after a transformation.
            stage = Stage::Shape;
            continue;
        };
        steps.extend(match entry.key.as_str() {
            "filter" => read_filter(&mut fields, entry, stage, diagnoses),
            "split" => read_split(entry, stage, diagnoses),
            "once" => read_once(&mut fields, entry, stage, diagnoses),
            _ => read_code(&mut fields, entry, stage, registry, diagnoses),
        });
        fields.finish(diagnoses);
        if entry.key == MAP {
            stage = Stage::Shape;
        }
    }
    steps
}

/// `{ check: hl7v2/volet-cda@2.1, on_failure: continue }`.
fn read_code(
    fields: &mut Fields<'_>,
    entry: &Entry,
    stage: Stage,
    registry: &Registry,
    diagnoses: &mut Diagnoses,
) -> Option<RouteStep> {
    let node = fields.node("on_failure");
    let words = [("park", OnFailure::Park), ("refuse", OnFailure::Refuse), ("continue", OnFailure::Continue)];
    let on_failure = fields.choice("on_failure", OnFailure::Park, &words, diagnoses);
    if let Some(node) = node {
        check_failure(entry, on_failure, stage, &node.span, diagnoses);
    }
    let (verb, steps) = registry.steps.get_key_value(entry.key.as_str())?;
    let name = scalar(&entry.value, &entry.key, parse::text, diagnoses)?;
    let step = steps.get(&name);
    if step.is_none() {
        let names: Vec<_> = steps.keys().map(String::as_str).collect();
        diagnoses
            .error("route.unknown-step", &entry.value.span, "aucune étape ne porte ce nom")
            .remedy(known_names("étapes connues", &name, &names));
    }
    Some(RouteStep::Run { verb, step: step?.clone(), on_failure })
}

/// Nothing may vanish: who goes on has something to send, who refuses has somebody to tell.
fn check_failure(entry: &Entry, chosen: OnFailure, stage: Stage, span: &Span, diagnoses: &mut Diagnoses) {
    let sentence = match chosen {
        OnFailure::Park => return,
        _ if entry.key == MAP => "une transformation qui échoue ne laisse rien à envoyer",
        OnFailure::Refuse if stage == Stage::Message => {
            "avant la transformation (map), rien ne permet encore de répondre à l'émetteur"
        }
        _ => return,
    };
    diagnoses
        .error("route.bad-failure-policy", span, sentence)
        .remedy("écrire « on_failure: park » : le message attend un humain");
}

/// `{ filter: brouillons, drop: … }`.
fn read_filter(
    fields: &mut Fields<'_>,
    entry: &Entry,
    stage: Stage,
    diagnoses: &mut Diagnoses,
) -> Option<RouteStep> {
    let name = scalar(&entry.value, "filter", route_name, diagnoses);
    let drop = fields.required_node("drop", diagnoses);
    let drop = drop.and_then(|node| read_condition(node, "drop", stage, diagnoses));
    Some(RouteStep::Filter { name: name?.to_string(), drop: drop? })
}

/// `{ split: documents }`.
fn read_split(entry: &Entry, stage: Stage, diagnoses: &mut Diagnoses) -> Option<RouteStep> {
    let parse = |text: &str| if text == "documents" { Ok(()) } else { Err("documents".to_owned()) };
    scalar(&entry.value, "split", parse, diagnoses)?;
    if stage == Stage::Message {
        too_early(&entry.key_span, "split", diagnoses);
        return None;
    }
    Some(RouteStep::Split)
}

fn too_early(span: &Span, what: &str, diagnoses: &mut Diagnoses) {
    diagnoses
        .error(
            "route.step-too-early",
            span,
            format!("« {what} » a besoin de ce que fait la transformation (map)"),
        )
        .remedy("le placer après l'étape « map »");
}

/// `{ once: doublons, key: [document.id, sender.facility], window: 7j }`.
fn read_once(
    fields: &mut Fields<'_>,
    entry: &Entry,
    stage: Stage,
    diagnoses: &mut Diagnoses,
) -> Option<RouteStep> {
    let name = scalar(&entry.value, "once", route_name, diagnoses);
    let parts = fields.required_list("key", diagnoses);
    let parse = |text: &str| {
        KeyPart::of(text).ok_or_else(|| known_names("une de ces valeurs", text, &KeyPart::names()))
    };
    let mut key = Vec::new();
    for node in parts {
        let Some(part) = scalar(node, "key", parse, diagnoses) else { continue };
        let known = match part {
            KeyPart::Content => Stage::Message,
            KeyPart::Field(field) => field.stage(),
            KeyPart::DocumentId | KeyPart::Patient => Stage::Shape,
        };
        if known == Stage::Shape && stage == Stage::Message {
            too_early(&node.span, node.as_text().unwrap_or("key"), diagnoses);
        }
        key.push(part);
    }
    let window = fields.required("window", positive_duration, diagnoses);
    Some(RouteStep::Once(Once { name: name?.to_string(), key, window: window? }))
}
