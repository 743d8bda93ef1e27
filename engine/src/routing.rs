//! What becomes of one message, decided without writing anything: condition → steps → shapes → parts → deliveries.
//! In: a stored message, the plan. Out: one change. Same message, same versions: same change. Source: architecture §3, §4.7.

use jiff::Timestamp;
use jonction_model::{BodyId, ContentRef, Environment, Finding, PartnerName, RouteName, Shape};
use jonction_ports::{BodyError, Due, Ending, Flow, IndexKey, KeyKind, MessageId, Part, Reading};

use crate::{
    answering::Answering,
    earlier::{Before, Earlier},
    error::Error,
    event::Event,
    index_key::{IndexHasher, KeyHash},
    journal::{
        Birth, Change, DeliveryState, Journal, NewDelivery, NewShape, NotRouted, NotRoutedWhy, OnceKey,
        Routed, Unrouted, Version,
    },
    order::hold::mailbox_key,
    plan::{Plan, Reported, Told, keep_json, new_shape},
    route::{
        OrderBy, Route, RouteStep,
        condition::{Judgement, Subject},
        step::Seen,
        walk::{Branch, Sight, Walked, walk},
        watch::{Asked, Watch},
    },
    witness::Witness,
};

/// Where and when a message is routed.
pub(crate) struct Context<'a> {
    pub(crate) journal: &'a dyn Journal,
    pub(crate) hasher: &'a IndexHasher,
    pub(crate) environment: Environment,
    pub(crate) at: Timestamp,
    /// Routes that a human holds.
    pub(crate) held_routes: &'a [RouteName],
    pub(crate) commit_us: Option<u32>,
    /// Its bytes were asked for long enough: what the disk does not give now waits for a human.
    pub(crate) given_up: bool,
    /// Who looks on.
    pub(crate) watch: &'a dyn Watch,
}

/// A decision, and what to announce once it is durable.
pub(crate) struct Decision {
    pub(crate) change: Change,
    pub(crate) events: Vec<Event>,
    pub(crate) wake: Vec<PartnerName>,
}

/// Decides. Errors: the journal or the disk failed; the message stays as it is and is decided again later.
pub(crate) fn decide(context: &Context<'_>, plan: &Plan, message: &Unrouted) -> Result<Decision, Error> {
    let from = |route: &&Route| route.from.as_ref() == Some(&message.partner);
    let candidates: Vec<&Route> = plan.routes.iter().filter(from).collect();
    let subject = Subject { facts: &message.facts, shape: None, environment: context.environment };
    let takes = |route: &&&Route| {
        let held = route.accept.holds(&subject);
        context.watch.asked(&route.name, Asked::Accept, held);
        held
    };
    let Some(route) = candidates.iter().find(takes) else {
        let names: Vec<_> = candidates.iter().map(|route| route.name.as_str()).collect();
        return Ok(filtered(context, message, None, Vec::new(), names.join(", ")));
    };
    // A held route holds what would reach it, or the message would be routed in part.
    if let Some(held_route) =
        route.reach().into_iter().find(|route| context.held_routes.contains(&route.name))
    {
        return Ok(held(context, message, held_route));
    }
    if message.damaged {
        return Ok(parked(context, message, None, Vec::new(), row_damaged()));
    }
    if let Some(finding) = damage(context.journal, message.raw.body, context.given_up)? {
        return Ok(parked(context, message, None, Vec::new(), finding));
    }
    let flow = Flow {
        message: message.raw.clone(),
        facts: message.facts.clone(),
        environment: context.environment,
        shapes: Vec::new(),
        findings: Vec::new(),
        reading: Reading::default(),
    };
    let earlier = match message.edited {
        false => Earlier::default(),
        true => match Earlier::of(context.journal, message.id, context.given_up)? {
            Ok(earlier) => earlier,
            Err(finding) => return Ok(parked(context, message, None, Vec::new(), finding)),
        },
    };
    let bodies = Witness::new(context.journal);
    let walked = walk(route, flow, Sight { bodies: &bodies, watch: context.watch });
    // Whatever was made of a body that the system failed to read: it is read again, for a while.
    match bodies.failure() {
        Some(error) if !context.given_up => return Err(Error::BodyUnreadable(error)),
        Some(_) => return Ok(parked(context, message, Some(route), Vec::new(), unreadable())),
        None => {}
    }
    match walked {
        Walked::Parked { findings, finding } => Ok(parked(context, message, Some(route), findings, finding)),
        Walked::Filtered { by, findings } => Ok(filtered(context, message, Some(route), findings, by)),
        Walked::Through { branches, findings, seen } => {
            routed(context, plan, message, Whole { route, branches, findings, seen, earlier })
        }
    }
}

/// A message that went through.
struct Whole<'r> {
    /// The route that took it.
    route: &'r Route,
    branches: Vec<Branch<'r>>,
    findings: Vec<Finding>,
    seen: Vec<Seen>,
    earlier: Earlier,
}

/// What a damaged or missing body says. An error of the system passes, until it is `given_up`.
pub(crate) fn damage(journal: &dyn Journal, body: BodyId, given_up: bool) -> Result<Option<Finding>, Error> {
    match journal.verify(body) {
        Ok(()) => Ok(None),
        Err(BodyError::Damaged(_)) => Ok(Some(body_finding(
            "journal.body-damaged",
            "les octets conservés ne sont plus ceux qui ont été reçus",
        ))),
        Err(BodyError::Missing(_)) => {
            Ok(Some(body_finding("journal.body-missing", "les octets conservés ont disparu")))
        }
        Err(_) if given_up => Ok(Some(unreadable())),
        Err(BodyError::Io(error)) => Err(Error::BodyUnreadable(error)),
        Err(error) => Err(Error::BodyUnreadable(std::io::Error::other(error))),
    }
}

/// A row of the journal is no more what was written. Nothing of it is believed: it could be another person's.
pub(crate) fn row_damaged() -> Finding {
    Finding::error(
        "journal.row-damaged",
        "la ligne du journal qui dit quoi envoyer, et à qui, n’est plus celle qui avait été écrite",
    )
    .remedy(
        "vérifier le disque, restaurer la dernière sauvegarde ; sinon refuser et faire renvoyer le message",
    )
}

/// The disk did not give a body for a whole minute.
pub(crate) fn unreadable() -> Finding {
    body_finding(
        "journal.body-unreadable",
        "le disque ne rend plus les octets conservés, après une minute d'essais",
    )
}

fn body_finding(code: &str, sentence: &str) -> Finding {
    Finding::error(code, sentence).remedy(
        "vérifier le disque, remettre le fichier de bodies/ depuis la sauvegarde, puis libérer : jonction parked release",
    )
}

/// What served a message: the route that took it, those it may have been handed to, and the code of their steps.
fn version(route: &Route) -> Version {
    let described = |route: &Route| {
        let code = route.steps.iter().filter_map(|step| match step {
            RouteStep::Run { step, .. } => {
                Some(serde_json::json!({ "name": step.name(), "version": step.version() }))
            }
            _ => None,
        });
        serde_json::json!({ "route": route.name.as_str(), "file": route.version, "steps": code.collect::<Vec<_>>() })
    };
    let mut text = described(route);
    let others: Vec<_> = route.reach().into_iter().skip(1).map(described).collect();
    if !others.is_empty() {
        text["links"] = others.into();
    }
    let text = text.to_string();
    Version { hash: BodyId::of(text.as_bytes()), text }
}

fn filtered(
    context: &Context<'_>,
    message: &Unrouted,
    route: Option<&Route>,
    findings: Vec<Finding>,
    by: String,
) -> Decision {
    let events = vec![Event::Filtered { message: message.id, by: by.clone() }];
    let change = NotRouted {
        message: message.id,
        at: context.at.as_millisecond(),
        commit_us: context.commit_us,
        route: route.map(|route| route.name.clone()),
        version: route.map(version),
        why: NotRoutedWhy::Filtered { by },
        findings,
        answers: Vec::new(),
    };
    Decision { change: Change::NotRoute(Box::new(change)), events, wake: Vec::new() }
}

fn held(context: &Context<'_>, message: &Unrouted, route: &Route) -> Decision {
    let change = NotRouted {
        message: message.id,
        at: context.at.as_millisecond(),
        commit_us: context.commit_us,
        route: Some(route.name.clone()),
        version: None,
        why: NotRoutedWhy::Held,
        findings: Vec::new(),
        answers: Vec::new(),
    };
    let events = vec![Event::MessageHeld { message: message.id, route: route.name.clone() }];
    Decision { change: Change::NotRoute(Box::new(change)), events, wake: Vec::new() }
}

pub(crate) fn parked(
    context: &Context<'_>,
    message: &Unrouted,
    route: Option<&Route>,
    findings: Vec<Finding>,
    finding: Finding,
) -> Decision {
    let route_name = route.map(|route| route.name.clone());
    let events = vec![Event::MessageParked {
        message: message.id,
        route: route_name.clone(),
        finding: finding.clone(),
    }];
    let change = NotRouted {
        message: message.id,
        at: context.at.as_millisecond(),
        commit_us: context.commit_us,
        route: route_name,
        version: route.map(version),
        why: NotRoutedWhy::Parked { finding: Box::new(finding) },
        findings,
        answers: Vec::new(),
    };
    Decision { change: Change::NotRoute(Box::new(change)), events, wake: Vec::new() }
}

/// What a message owes, being gathered.
struct Owed<'a> {
    context: &'a Context<'a>,
    plan: &'a Plan,
    /// The route that took the message: its replies carry the reports.
    route: &'a Route,
    message: MessageId,
    raw: &'a ContentRef,
    door: &'a str,
    /// Its first shape, where somebody tells what becomes of whole messages.
    understood: Option<Shape>,
    earlier: Earlier,
    /// Why a human must decide of a corrected message.
    unclear: Option<Finding>,
    shapes: Vec<NewShape>,
    deliveries: Vec<NewDelivery>,
    events: Vec<Event>,
}

fn routed(
    context: &Context<'_>,
    plan: &Plan,
    message: &Unrouted,
    whole: Whole<'_>,
) -> Result<Decision, Error> {
    let Whole { route, branches, mut findings, seen, earlier } = whole;
    let first = branches.iter().find_map(|branch| branch.shapes.first());
    let mut owed = Owed {
        context,
        plan,
        route,
        message: message.id,
        raw: &message.raw,
        door: &message.facts.profile,
        understood: first.filter(|_| plan.tells_whole(&route.name)).cloned(),
        earlier: earlier.carrying(branches.iter().flat_map(|branch| &branch.shapes)),
        unclear: None,
        shapes: Vec::new(),
        deliveries: Vec::new(),
        events: Vec::new(),
    };
    let mut placed = Vec::new();
    for branch in &branches {
        for shape in &branch.shapes {
            placed.push((branch, shape, owed.place(shape)?));
        }
    }
    for (branch, shape, position) in placed {
        let subject = Subject { facts: &message.facts, shape: Some(shape), environment: context.environment };
        owed.add_shape(branch, position, shape, &subject)?;
    }
    if let Some(finding) = owed.unclear {
        return Ok(parked(context, message, Some(route), findings, finding));
    }
    let said = branches.iter().flat_map(|branch| &branch.shapes).filter_map(Shape::as_answer);
    let mut answering = Answering::of(context, plan, message.id, said)?;
    findings.append(&mut answering.findings);
    if let Some(finding) = answering.untold.take() {
        return Ok(parked(context, message, Some(route), findings, finding).answering(answering));
    }
    let mut keys: Vec<_> = branches
        .iter()
        .flat_map(|branch| &branch.shapes)
        .flat_map(index_keys)
        .map(|key| (key.kind, context.hasher.key(key.kind, &key.value)))
        .collect();
    let mut known = std::collections::HashSet::new();
    keys.retain(|key| known.insert(*key));
    let mut events = vec![Event::Routed {
        message: message.id,
        route: route.name.clone(),
        deliveries: owed.deliveries.len(),
    }];
    events.append(&mut owed.events);
    let wake = owed.deliveries.iter().map(|delivery| delivery.sink.clone()).collect();
    let change = Routed {
        message: message.id,
        at: context.at.as_millisecond(),
        commit_us: context.commit_us,
        route: route.name.clone(),
        version: version(route),
        findings,
        shapes: owed.shapes,
        keys,
        deliveries: owed.deliveries,
        once: seen
            .into_iter()
            .map(|seen| OnceKey {
                hash: context.hasher.key(KeyKind::Once, &seen.value),
                window: i64::try_from(seen.window.as_millis()).unwrap_or(i64::MAX),
                by: seen.by,
            })
            .collect(),
        edited: message.edited,
        answers: Vec::new(),
    };
    Ok(Decision { change: Change::Route(Box::new(change)), events, wake }.answering(answering))
}

impl Decision {
    /// With what the message says of other deliveries.
    fn answering(mut self, answering: Answering) -> Self {
        match &mut self.change {
            Change::Route(routed) => routed.answers = answering.answers,
            Change::NotRoute(not_routed) => not_routed.answers = answering.answers,
            _ => {}
        }
        self.events.extend(answering.events);
        self.wake.extend(answering.wake);
        self
    }
}

impl Owed<'_> {
    /// Place of a shape among those of the message: what two routes carry alike is stored once.
    fn place(&mut self, shape: &Shape) -> Result<usize, Error> {
        let new = new_shape(self.context.journal, shape)?;
        let known = self.shapes.iter().position(|known| known.body.id == new.body.id);
        Ok(known.unwrap_or_else(|| {
            self.shapes.push(new);
            self.shapes.len() - 1
        }))
    }

    fn add_shape(
        &mut self,
        branch: &Branch<'_>,
        position: usize,
        shape: &Shape,
        subject: &Subject<'_>,
    ) -> Result<(), Error> {
        for (at, binding) in branch.route.to.iter().enumerate() {
            let Some(sink) = self.plan.sinks.get(&binding.sink) else { continue };
            let judgement = binding.when.judge(subject);
            let held = matches!(judgement, Judgement::Owed);
            self.context.watch.asked(&branch.route.name, Asked::To(at), held);
            let gates = match judgement {
                Judgement::NotAsked => continue,
                Judgement::Owed => branch.refused.clone(),
                Judgement::Refused(findings) => branch.refused.clone().or(findings.into_iter().next()),
            };
            for mut part in sink.parts(shape) {
                // The sink's own refusal has the code its partner would give; a closed gate only has ours.
                if let Some(finding) = &gates
                    && !matches!(part.due, Due::Refused { .. })
                {
                    let code =
                        jonction_model::ReportCode::new(finding.check.clone(), finding.sentence.clone());
                    part.due = Due::Refused { finding: Box::new(finding.clone()), code };
                }
                let ordering = self.ordering(branch.route, binding.order_by, shape, &part);
                self.add_part(position, shape, &binding.sink, ordering, &part)?;
            }
        }
        Ok(())
    }

    fn add_part(
        &mut self,
        position: usize,
        shape: &Shape,
        sink: &PartnerName,
        ordering: Option<KeyHash>,
        part: &Part,
    ) -> Result<(), Error> {
        let earlier = match self.earlier.before(sink, part, shape) {
            Before::Open(earlier) => earlier,
            Before::Over => return Ok(()),
            Before::Unclear(finding) => {
                self.unclear = Some(finding);
                return Ok(());
            }
        };
        let (birth, reports) = self.birth(shape, sink, part);
        let state = match &birth {
            Birth::Owed => None,
            Birth::Refused { finding, .. } => Some((DeliveryState::Refused, finding)),
            Birth::Parked { finding, .. } => Some((DeliveryState::Parked, finding)),
        };
        if let Some((state, finding)) = state {
            self.events.push(Event::Born {
                message: self.message,
                sink: sink.clone(),
                label: part.label.clone(),
                state,
                finding: (**finding).clone(),
            });
        }
        let cause = self.deliveries.len();
        self.deliveries.push(NewDelivery {
            shape: position,
            sink: sink.clone(),
            ordering,
            part: keep_json(self.context.journal, part)?,
            recipient: part.mailbox.as_deref().map(|address| mailbox_key(self.context.hasher, address)),
            birth,
            cause: None,
            whole: None,
            earlier,
        });
        for reported in reports {
            let (shape, replies) =
                reported.rows(self.shapes.len(), Some(cause), self.context.hasher, self.context.journal)?;
            self.shapes.push(shape);
            self.deliveries.extend(replies);
        }
        Ok(())
    }

    /// A refusal that nobody would learn of waits for a human instead. Source: architecture §10 « Admission ».
    fn birth(&self, shape: &Shape, sink: &PartnerName, part: &Part) -> (Birth, Vec<Reported>) {
        let (finding, code) = match &part.due {
            Due::Owed => return (Birth::Owed, Vec::new()),
            Due::Parked { finding } => {
                return (Birth::Parked { finding: finding.clone(), code: None, barred: false }, Vec::new());
            }
            Due::Refused { finding, code } => (finding.clone(), code.clone()),
        };
        let ending = Ending::Refused(&code);
        let (route, at) = (&self.route.name, self.context.at);
        let of_delivery = self.plan.report(route, sink, shape, part, &ending, at);
        let of_whole = self.understood.as_ref().and_then(|understood| {
            let told = Told { message: self.raw, door: self.door, understood };
            self.plan.outcome(route, &told, &ending, at)
        });
        let reports: Vec<_> = of_delivery.into_iter().chain(of_whole).filter(Reported::carried).collect();
        match reports.is_empty() {
            false => (Birth::Refused { finding, code }, reports),
            true => (Birth::Parked { finding, code: Some(code), barred: true }, reports),
        }
    }

    fn ordering(&self, route: &Route, order_by: OrderBy, shape: &Shape, part: &Part) -> Option<KeyHash> {
        let hasher = self.context.hasher;
        let of_sink = || part.ordering.as_deref().map(|key| hasher.ordering(key));
        match order_by {
            OrderBy::Sink => of_sink(),
            OrderBy::Patient => {
                let patient = || {
                    let key = index_keys(shape).into_iter().find(|key| key.kind == KeyKind::Patient)?;
                    Some(hasher.ordering(&key.value))
                };
                of_sink().or_else(patient)
            }
            OrderBy::Message => Some(hasher.ordering(&format!("message {}", self.message))),
            OrderBy::Arrival => Some(hasher.ordering(&format!("arrival {}", route.name))),
            OrderBy::None => None,
        }
    }
}

/// Under which identifiers a shape can be found.
pub(crate) fn index_keys(shape: &Shape) -> Vec<IndexKey> {
    let patient = |value: String| IndexKey { kind: KeyKind::Patient, value };
    let document = |value: String| IndexKey { kind: KeyKind::Document, value };
    let mut keys = Vec::new();
    let ins = shape.patient().and_then(|identity| identity.ins.as_ref());
    keys.extend(ins.map(|ins| patient(ins.ins.expose().to_owned())));
    for local in shape.local_ids() {
        keys.push(patient(format!("{}^{}", local.id.expose(), local.authority)));
        keys.push(patient(local.id.expose().clone()));
    }
    for id in shape.document_ids() {
        keys.push(document(id.to_xds()));
        if id.extension.is_some() {
            keys.push(document(id.root.clone()));
        }
    }
    keys
}
