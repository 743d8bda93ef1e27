//! Routes as a picture: who sends, what each route takes and does, where it goes, who answers.
//! In: checked routes and partners. Out: one [`Picture`], told as text, as SVG, or as JSON.

use jonction_engine::{OnFailure, Route, RouteStep, SinkBinding, route::step::KeyPart};
use jonction_model::PartnerName;
use serde::Serialize;

use crate::{registry::Ready, show};

pub(crate) mod svg;
mod text;

/// What is drawn.
#[derive(Debug, Serialize)]
pub(crate) struct Picture {
    pub(crate) routes: Vec<Card>,
}

/// A route.
#[derive(Debug, Serialize)]
pub(crate) struct Card {
    pub(crate) name: String,
    /// The partner whose messages it takes. `None`: what other routes hand over.
    pub(crate) from: Option<End>,
    /// Its condition; empty: everything.
    pub(crate) accept: String,
    pub(crate) steps: Vec<Line>,
    pub(crate) to: Vec<Arrow>,
    pub(crate) reply: Vec<End>,
}

/// A partner, with its connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct End {
    pub(crate) partner: String,
    pub(crate) connector: String,
}

/// A step: `map`, `hl7v2-to-document`, and what is particular about it.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) kind: String,
    pub(crate) what: String,
    pub(crate) note: String,
}

/// Where something goes.
#[derive(Debug, Serialize)]
pub(crate) struct Arrow {
    #[serde(flatten)]
    pub(crate) target: Target,
    /// Its condition; empty: always.
    pub(crate) when: String,
    pub(crate) note: String,
}

/// A partner, or another route.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Target {
    Partner(End),
    Route(String),
}

impl Picture {
    /// Draws routes. `only`: this one, with those that it hands to.
    pub(crate) fn of(routes: &[Route], partners: &[Ready], only: Option<&str>) -> Self {
        let wanted: Vec<&str> = match only {
            Some(name) => {
                let root = routes.iter().filter(|route| route.name.as_str() == name);
                root.flat_map(Route::reach).map(|route| route.name.as_str()).collect()
            }
            None => routes.iter().map(|route| route.name.as_str()).collect(),
        };
        let shown = routes.iter().filter(|route| wanted.contains(&route.name.as_str()));
        let (entries, handed): (Vec<&Route>, Vec<&Route>) = shown.partition(|route| route.from.is_some());
        let end = |name: &PartnerName| End {
            partner: name.to_string(),
            connector: partners
                .iter()
                .find(|ready| ready.name == *name)
                .map(|ready| ready.connector.clone())
                .unwrap_or_default(),
        };
        Self { routes: entries.into_iter().chain(handed).map(|route| card(route, &end)).collect() }
    }
}

fn card(route: &Route, end: &dyn Fn(&PartnerName) -> End) -> Card {
    let sinks = route.to.iter().map(|binding| Arrow {
        target: Target::Partner(end(&binding.sink)),
        when: binding.when.text().to_owned(),
        note: departure(binding),
    });
    let links = route.links.iter().map(|link| Arrow {
        target: Target::Route(link.to.name.to_string()),
        when: link.when.text().to_owned(),
        note: String::new(),
    });
    Card {
        name: route.name.to_string(),
        from: route.from.as_ref().map(end),
        accept: route.accept.text().to_owned(),
        steps: route.steps.iter().map(line).collect(),
        to: sinks.chain(links).collect(),
        reply: route.reply.iter().map(|binding| end(&binding.sink)).collect(),
    }
}

fn departure(binding: &SinkBinding) -> String {
    let mut notes = Vec::new();
    if !binding.departure.delay.is_zero() {
        notes.push(format!("après {}", show::duration(binding.departure.delay)));
    }
    if !binding.departure.window.is_always_open() {
        notes.push("à ses heures".to_owned());
    }
    notes.join(", ")
}

fn line(step: &RouteStep) -> Line {
    let line = |kind: &str, what: String, note: String| Line { kind: kind.to_owned(), what, note };
    match step {
        RouteStep::Run { verb, step, on_failure } => {
            let note = match on_failure {
                OnFailure::Park => "",
                OnFailure::Refuse => "échec : refuse",
                OnFailure::Continue => "échec : note et continue",
            };
            line(verb, step.name().to_owned(), note.to_owned())
        }
        RouteStep::Filter { name, drop } => line("filter", name.clone(), format!("retire {}", drop.text())),
        RouteStep::Split => line("split", "documents".to_owned(), String::new()),
        RouteStep::Once(once) => {
            let key: Vec<_> = once.key.iter().map(|part| KeyPart::name(*part)).collect();
            let note = format!("clé {}, {}", key.join(" + "), show::duration(once.window));
            line("once", once.name.clone(), note)
        }
    }
}
