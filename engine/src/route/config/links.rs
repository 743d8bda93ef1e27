//! Routes that hand over to others: names become routes, a ring of routes is refused with its path.
//! In: routes with links by name. Out: routes that hold what they hand to. No recursion. Source: decision 0039.

use std::{collections::HashMap, sync::Arc};

use jonction_model::RouteName;
use jonction_settings::{Diagnoses, Span};

use super::known_names;
use crate::route::{Condition, Link, Route};

/// Routes that one message may go through.
const REACH_MAX: usize = 64;

/// A route whose links are names.
pub(super) struct Draft {
    pub(super) route: Route,
    /// Where its name stands.
    pub(super) name: Span,
    pub(super) links: Vec<LinkDraft>,
}

/// `{ route: lettres, when: … }`.
pub(super) struct LinkDraft {
    pub(super) to: RouteName,
    pub(super) span: Span,
    pub(super) when: Condition,
}

/// Routes left out for a mistake of their own, told where it is: what links to them, or from them, is not told again.
#[derive(Default)]
pub(super) struct LeftOut {
    names: Vec<String>,
    /// Not even the name could be read.
    nameless: bool,
}

impl LeftOut {
    pub(super) fn add(&mut self, name: Option<String>) {
        self.nameless |= name.is_none();
        self.names.extend(name);
    }

    fn may_be(&self, name: &RouteName) -> bool {
        self.nameless || self.names.iter().any(|known| known == name.as_str())
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty() && !self.nameless
    }
}

/// Links routes, in the order of the files.
pub(super) fn link(drafts: Vec<Draft>, left_out: &LeftOut, diagnoses: &mut Diagnoses) -> Vec<Route> {
    let places: HashMap<RouteName, usize> =
        drafts.iter().enumerate().map(|(at, draft)| (draft.route.name.clone(), at)).collect();
    check_names(&drafts, &places, left_out, diagnoses);
    let mut made: Vec<Option<Arc<Route>>> = drafts.iter().map(|_| None).collect();
    let mut reach = vec![0_usize; drafts.len()];
    // Each round makes the routes whose links are all made; what a round cannot make is on a ring, or leads to one.
    loop {
        let ready = |draft: &Draft, made: &[Option<Arc<Route>>]| {
            let mut links = draft.links.iter();
            links.all(|link| places.get(&link.to).is_some_and(|at| made[*at].is_some()))
        };
        let round: Vec<usize> =
            (0..drafts.len()).filter(|at| made[*at].is_none() && ready(&drafts[*at], &made)).collect();
        if round.is_empty() {
            break;
        }
        for at in round {
            let draft = &drafts[at];
            let to = draft.links.iter().filter_map(|link| Some((link, places.get(&link.to)?)));
            reach[at] = 1 + to.clone().map(|(_, to)| reach[*to]).sum::<usize>();
            if reach[at] > REACH_MAX {
                too_many(draft, diagnoses);
                reach[at] = 1;
            }
            let links = to
                .filter_map(|(link, to)| Some(Link { to: made[*to].clone()?, when: link.when.clone() }))
                .collect();
            made[at] = Some(Arc::new(Route { links, ..draft.route.clone() }));
        }
    }
    tell_rings(&drafts, &places, &made, diagnoses);
    if left_out.is_empty() {
        tell_unreached(&drafts, diagnoses);
    }
    made.into_iter().flatten().map(|route| (*route).clone()).collect()
}

fn check_names(
    drafts: &[Draft],
    places: &HashMap<RouteName, usize>,
    left_out: &LeftOut,
    diagnoses: &mut Diagnoses,
) {
    let names: Vec<&str> = drafts.iter().map(|draft| draft.route.name.as_str()).collect();
    for link in drafts.iter().flat_map(|draft| &draft.links) {
        if !places.contains_key(&link.to) && !left_out.may_be(&link.to) {
            diagnoses
                .error("route.unknown-route", &link.span, "aucune route ne porte ce nom")
                .remedy(known_names("routes connues", link.to.as_str(), &names));
        }
    }
}

fn too_many(draft: &Draft, diagnoses: &mut Diagnoses) {
    let sentence = format!("par cette route, un message passerait par plus de {REACH_MAX} routes");
    diagnoses
        .error("route.too-many-links", &draft.name, sentence)
        .remedy("relier moins de routes entre elles");
}

/// Follows links from each route that could not be made until one comes twice. Each ring is told once.
fn tell_rings(
    drafts: &[Draft],
    places: &HashMap<RouteName, usize>,
    made: &[Option<Arc<Route>>],
    diagnoses: &mut Diagnoses,
) {
    let mut followed = vec![false; drafts.len()];
    for start in (0..drafts.len()).filter(|at| made[*at].is_none()) {
        let mut path: Vec<(usize, &LinkDraft)> = Vec::new();
        let mut at = start;
        let ring = loop {
            if let Some(first) = path.iter().position(|(seen, _)| *seen == at) {
                break Some(&path[first..]);
            }
            let next = drafts[at].links.iter().find_map(|link| {
                let to = *places.get(&link.to)?;
                made[to].is_none().then_some((to, link))
            });
            let Some((to, link)) = next.filter(|_| !followed[at]) else { break None };
            path.push((at, link));
            at = to;
        };
        if let Some(ring) = ring
            && let Some((_, closing)) = ring.last()
        {
            let names = ring.iter().map(|(at, _)| drafts[*at].route.name.as_str());
            let names: Vec<_> = names.chain([closing.to.as_str()]).collect();
            let sentence = format!("ces routes tournent en rond : {}", names.join(" → "));
            diagnoses
                .error("route.cycle", &closing.span, sentence)
                .remedy("retirer un de ces liens : un document ne repasse jamais par une route");
        }
        path.iter().for_each(|(at, _)| followed[*at] = true);
    }
}

fn tell_unreached(drafts: &[Draft], diagnoses: &mut Diagnoses) {
    let reached =
        |name: &RouteName| drafts.iter().flat_map(|draft| &draft.links).any(|link| link.to == *name);
    for draft in drafts.iter().filter(|draft| draft.route.from.is_none() && !reached(&draft.route.name)) {
        let sentence = "cette route n'a pas de « from », et aucune autre ne lui transmet rien";
        diagnoses
            .error("route.never-reached", &draft.name, sentence)
            .remedy("ajouter « from », ou « - route: … » dans une autre route");
    }
}
