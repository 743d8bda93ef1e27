//! What is running: routes and sinks, and the two questions asked of both: which policy, and who is told of an ending.
//! In: checked routes, sinks of the program. Out: policies; reports with the deliveries that carry them. Pure.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use jonction_model::{ContentRef, MessageOutcome, PartnerName, RouteName, Shape, Verdict};
use jonction_ports::{Admission, Due, Ending, Part, Sink};

use crate::{
    engine::Wired,
    error::Error,
    index_key::IndexHasher,
    journal::{Birth, Change, Journal, Millis, NewBody, NewDelivery, NewShape, Whole},
    lane::settings::{LaneSettings, OnUnknown},
    order::hold::mailbox_key,
    route::{Policy, Route, SinkBinding},
};

/// Routes and sinks.
pub(crate) struct Plan {
    pub(crate) routes: Vec<Route>,
    pub(crate) sinks: BTreeMap<PartnerName, Arc<dyn Sink>>,
    /// Settings of the lanes that have any.
    pub(crate) lanes: HashMap<PartnerName, LaneSettings>,
    /// Who judges what a partner sends; once more, when a human corrected it.
    pub(crate) admissions: HashMap<PartnerName, Arc<dyn Admission>>,
}

/// A report, and the deliveries that carry it.
pub(crate) struct Reported {
    pub(crate) shape: Shape,
    pub(crate) parts: Vec<(PartnerName, Part)>,
    /// It tells of the whole message.
    pub(crate) whole: Option<Whole>,
}

/// What a message is, for those who tell what became of it.
pub(crate) struct Told<'m> {
    pub(crate) message: &'m ContentRef,
    pub(crate) door: &'m str,
    /// Its first shape.
    pub(crate) understood: &'m Shape,
}

impl Reported {
    /// Whether somebody will be told.
    pub(crate) fn carried(&self) -> bool {
        self.parts.iter().any(|(_, part)| part.due == Due::Owed)
    }

    /// As rows: the shape at this index, each delivery telling about `cause`.
    pub(crate) fn rows(
        &self,
        shape: usize,
        cause: Option<usize>,
        hasher: &IndexHasher,
        journal: &dyn Journal,
    ) -> Result<(NewShape, Vec<NewDelivery>), Error> {
        let deliveries = self.parts.iter().map(|(sink, part)| {
            Ok(NewDelivery {
                shape,
                sink: sink.clone(),
                ordering: part.ordering.as_deref().map(|key| hasher.ordering(key)),
                part: keep_json(journal, part)?,
                recipient: part.mailbox.as_deref().map(|address| mailbox_key(hasher, address)),
                birth: match &part.due {
                    Due::Owed => Birth::Owed,
                    // A report that may not leave is told to nobody: a human looks.
                    Due::Refused { finding, code } => {
                        Birth::Parked { finding: finding.clone(), code: Some(code.clone()), barred: true }
                    }
                    Due::Parked { finding } => {
                        Birth::Parked { finding: finding.clone(), code: None, barred: false }
                    }
                },
                cause,
                whole: self.whole,
                earlier: Vec::new(),
            })
        });
        Ok((new_shape(journal, &self.shape)?, deliveries.collect::<Result<_, Error>>()?))
    }
}

pub(crate) fn new_shape(journal: &dyn Journal, shape: &Shape) -> Result<NewShape, Error> {
    Ok(NewShape { name: shape.name(), body: keep_json(journal, shape)? })
}

/// JSON of a value about a person, as a body.
pub(crate) fn keep_json(journal: &dyn Journal, value: &impl serde::Serialize) -> Result<NewBody, Error> {
    let json = serde_json::to_vec(value).map_err(|error| Error::Inconsistent(error.to_string()))?;
    journal.keep(json.into())
}

impl Plan {
    /// Errors: a route names a sink that is not there.
    pub(crate) fn new(wired: Wired) -> Result<Self, Error> {
        let Wired { routes, sinks, lanes, admissions } = wired;
        for route in &routes {
            let named = route.to.iter().map(|b| &b.sink).chain(route.reply.iter().map(|b| &b.sink));
            for sink in named {
                if !sinks.contains_key(sink) {
                    return Err(Error::UnknownSink { route: route.name.to_string(), sink: sink.to_string() });
                }
            }
        }
        Ok(Self { routes, sinks: sinks.into_iter().collect(), lanes, admissions })
    }

    /// What a start must settle in the journal.
    pub(crate) fn recovery(&self, at: Millis) -> Change {
        let asks = |(name, sink): &(&PartnerName, &Arc<dyn Sink>)| {
            self.lanes.get(*name).is_some_and(|lane| lane.on_unknown == OnUnknown::Park) && !sink.probes()
        };
        let ask = self.sinks.iter().filter(asks).map(|(name, _)| name.clone()).collect();
        Change::Recover { at, sinks: self.sinks.keys().cloned().collect(), ask }
    }

    fn route(&self, name: &RouteName) -> Option<&Route> {
        self.routes.iter().find(|route| route.name == *name)
    }

    /// How a delivery is tried again. A route that is gone leaves the default.
    pub(crate) fn policy(&self, route: &RouteName, sink: &PartnerName, is_report: bool) -> Policy {
        if !is_report {
            return self.binding(route, sink).map(|binding| binding.policy).unwrap_or_default();
        }
        let replies = self.route(route).map(|route| route.reply.as_slice()).unwrap_or_default();
        replies.iter().find(|binding| binding.sink == *sink).map(|binding| binding.policy).unwrap_or_default()
    }

    /// What a route, or one that it hands to, says of a sink: the nearest one.
    pub(crate) fn binding(&self, route: &RouteName, sink: &PartnerName) -> Option<&SinkBinding> {
        let reach = self.route(route)?.reach();
        reach.into_iter().flat_map(|route| &route.to).find(|binding| binding.sink == *sink)
    }

    /// What the sender learns of an ending, and who carries it. `None`: nothing to say, or nobody to carry it.
    pub(crate) fn report(
        &self,
        route: &RouteName,
        sink: &PartnerName,
        shape: &Shape,
        part: &Part,
        ending: &Ending<'_>,
        at: Timestamp,
    ) -> Option<Reported> {
        let report = self.sinks.get(sink)?.report(shape, part, ending, at)?;
        self.carried(route, Shape::DeliveryReport(Box::new(report)), None)
    }

    /// Whether somebody tells what becomes of whole messages of this route.
    pub(crate) fn tells_whole(&self, route: &RouteName) -> bool {
        self.carriers(route, true).next().is_some()
    }

    /// What the sender learns of the whole message at this ending of one of its deliveries.
    pub(crate) fn outcome(
        &self,
        route: &RouteName,
        told: &Told<'_>,
        ending: &Ending<'_>,
        at: Timestamp,
    ) -> Option<Reported> {
        let (verdict, whole) = match ending {
            Ending::Delivered => (Verdict::Positive, Whole::Delivered),
            Ending::Refused(code) => (Verdict::Negative((*code).clone()), Whole::Refused),
            Ending::Answered(_) => return None,
        };
        let outcome = MessageOutcome {
            message: told.message.clone(),
            understood: Box::new(told.understood.clone()),
            door: told.door.to_owned(),
            verdict,
            time: at,
        };
        self.carried(route, Shape::MessageOutcome(Box::new(outcome)), Some(whole))
    }

    fn carriers(
        &self,
        route: &RouteName,
        whole: bool,
    ) -> impl Iterator<Item = (&PartnerName, &Arc<dyn Sink>)> {
        let bindings = self.route(route).map(|route| route.reply.as_slice()).unwrap_or_default();
        let sinks =
            bindings.iter().filter_map(|binding| Some((&binding.sink, self.sinks.get(&binding.sink)?)));
        sinks.filter(move |(_, sink)| sink.tells_whole() == whole)
    }

    fn carried(&self, route: &RouteName, shape: Shape, whole: Option<Whole>) -> Option<Reported> {
        let parts: Vec<_> = self
            .carriers(route, whole.is_some())
            .flat_map(|(name, sink)| sink.parts(&shape).into_iter().map(|part| (name.clone(), part)))
            .collect();
        (!parts.is_empty()).then_some(Reported { shape, parts, whole })
    }
}
