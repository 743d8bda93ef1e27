//! A message on its way through a route and the routes it is handed to, nothing written.
//! In: a route, a flow. Out: what each of them owes, or why the message stops. Pure.
//! Bounded: links make no cycle, and their number is limited when they are read.

use std::collections::VecDeque;

use jonction_model::{Finding, Shape};
use jonction_ports::{Bodies, Flow};

use super::{
    OnFailure, Route, RouteStep,
    condition::{Judgement, Subject},
    step::{Seen, noted, split},
    watch::{Asked, Watch},
};

/// What a walk may look at, and who looks at it.
#[derive(Clone, Copy)]
pub(crate) struct Sight<'a> {
    pub(crate) bodies: &'a dyn Bodies,
    pub(crate) watch: &'a dyn Watch,
}

/// What a route owes to its sinks.
pub(crate) struct Branch<'r> {
    pub(crate) route: &'r Route,
    pub(crate) shapes: Vec<Shape>,
    /// A step, or the condition of a link, refused it: nothing is sent, the sender is told.
    pub(crate) refused: Option<Finding>,
}

/// Where a walk ends.
pub(crate) enum Walked<'r> {
    Through { branches: Vec<Branch<'r>>, findings: Vec<Finding>, seen: Vec<Seen> },
    Filtered { by: String, findings: Vec<Finding> },
    Parked { findings: Vec<Finding>, finding: Finding },
}

/// How the steps of one route end.
enum Ran {
    Whole,
    Refused(Finding),
    Filtered(String),
    Parked(Finding),
}

/// Walks. The first route decides of the message; one that it is handed to decides of its own part only.
pub(crate) fn walk<'r>(route: &'r Route, flow: Flow, sight: Sight<'_>) -> Walked<'r> {
    let mut waiting = VecDeque::from([(route, flow, None)]);
    let (mut branches, mut findings, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    while let Some((route, mut flow, refused)) = waiting.pop_front() {
        let ran = match refused {
            None => run(route, &mut flow, sight, &mut seen),
            Some(finding) => Ran::Refused(finding),
        };
        findings.append(&mut flow.findings);
        let refused = match ran {
            Ran::Whole => None,
            Ran::Refused(finding) => Some(finding),
            Ran::Parked(finding) => return Walked::Parked { findings, finding },
            Ran::Filtered(by) if branches.is_empty() => return Walked::Filtered { by, findings },
            Ran::Filtered(by) => {
                findings.push(Finding::warning("route.filtered", format!("non transmis : filtré par {by}")));
                continue;
            }
        };
        waiting.extend(hand_over(route, &flow, refused.as_ref(), sight.watch));
        branches.push(Branch { route, shapes: flow.shapes, refused });
    }
    Walked::Through { branches, findings, seen }
}

/// What goes on to other routes. A closed gate refuses there, a selection omits. Source: decision 0006.
fn hand_over<'r>(
    route: &'r Route,
    flow: &Flow,
    refused: Option<&Finding>,
    watch: &dyn Watch,
) -> Vec<(&'r Route, Flow, Option<Finding>)> {
    let mut handed = Vec::new();
    for (at, link) in route.links.iter().enumerate() {
        let subject = |shape| Subject { facts: &flow.facts, shape, environment: flow.environment };
        let accepted = link.to.accept.holds(&subject(None));
        watch.asked(&link.to.name, Asked::Accept, accepted);
        if !accepted {
            continue;
        }
        let (mut kept, mut closed, mut gate) = (Vec::new(), Vec::new(), None);
        for shape in &flow.shapes {
            let judgement = link.when.judge(&subject(Some(shape)));
            watch.asked(&route.name, Asked::Link(at), matches!(judgement, Judgement::Owed));
            match judgement {
                Judgement::NotAsked => {}
                Judgement::Owed => kept.push(shape.clone()),
                Judgement::Refused(findings) => {
                    closed.push(shape.clone());
                    gate = gate.or(findings.into_iter().next());
                }
            }
        }
        for (shapes, refused) in [(kept, refused.cloned()), (closed, refused.cloned().or(gate))] {
            if !shapes.is_empty() {
                handed.push((&*link.to, Flow { shapes, findings: Vec::new(), ..flow.clone() }, refused));
            }
        }
    }
    handed
}

fn run(route: &Route, flow: &mut Flow, sight: Sight<'_>, seen: &mut Vec<Seen>) -> Ran {
    for step in &route.steps {
        match step {
            RouteStep::Run { step, on_failure, .. } => {
                // What a step left half done before it failed is not what the message goes on with.
                let before =
                    (*on_failure != OnFailure::Park).then(|| (flow.shapes.clone(), flow.reading.clone()));
                let Err(finding) = step.run(flow, sight.bodies) else { continue };
                if let Some(before) = before {
                    (flow.shapes, flow.reading) = before;
                }
                match on_failure {
                    OnFailure::Park => return Ran::Parked(finding),
                    OnFailure::Refuse => return Ran::Refused(finding),
                    OnFailure::Continue => flow.findings.push(noted(finding)),
                }
            }
            RouteStep::Filter { name, drop } => {
                let by = || Ran::Filtered(format!("{}/{name}", route.name));
                let subject = |shape| Subject { facts: &flow.facts, shape, environment: flow.environment };
                let drops = |shape| {
                    let held = drop.holds(&subject(shape));
                    sight.watch.asked(&route.name, Asked::Drop(name), held);
                    held
                };
                if flow.shapes.is_empty() {
                    if drops(None) {
                        return by();
                    }
                    continue;
                }
                let kept: Vec<_> = flow.shapes.iter().filter(|shape| !drops(Some(shape))).cloned().collect();
                if kept.is_empty() {
                    return by();
                }
                flow.shapes = kept;
            }
            RouteStep::Split => flow.shapes = split(std::mem::take(&mut flow.shapes)),
            RouteStep::Once(once) => {
                let subject = |shape| Subject { facts: &flow.facts, shape, environment: flow.environment };
                let mut subjects: Vec<_> = flow.shapes.iter().map(|shape| subject(Some(shape))).collect();
                if subjects.is_empty() {
                    subjects.push(subject(None));
                }
                seen.extend(once.seen(route.name.as_str(), &subjects, flow.message.body));
            }
        }
    }
    Ran::Whole
}
