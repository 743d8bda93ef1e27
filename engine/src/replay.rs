//! Past messages and imagined ones, through routes that do not run: what they would owe. Nothing is written, nothing sent.
//! In: a store, or the bytes of a test; routes and sinks. Out: [`WouldBe`], equal byte for byte when the same versions say
//! the same. Source: architecture §4.7. Deliberately absent: what sinks prepare, whose identifiers are drawn anew.

use std::{collections::HashMap, path::Path, sync::Arc};

use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::{ContentRef, Environment, Finding, PartnerName, RouteName, Shape};
use jonction_ports::{Bodies as _, Ending, MemoryBodies, MessageFacts, MessageId, Part, Sink};

use crate::{
    dry::Dry,
    engine::Wired,
    error::Error,
    index_key::IndexHasher,
    journal::{Birth, Change, NewBody, NotRouted, NotRoutedWhy, Routed, SqliteJournal, Unrouted},
    plan::Plan,
    questions::Window,
    route::{Route, Watch},
    routing::{Context, decide},
    seal::Seals,
};

/// Largest message read whole, in bytes.
const MESSAGE_BYTES_MAX: u64 = 64 << 20;

/// The messages of a store, opened for reading: a gateway may run on it.
pub struct Past {
    dry: Dry,
    hasher: IndexHasher,
}

/// A message of the past.
pub struct PastMessage(Unrouted);

impl PastMessage {
    /// Its number.
    pub fn id(&self) -> MessageId {
        self.0.id
    }

    /// Whose it is.
    pub fn partner(&self) -> &PartnerName {
        &self.0.partner
    }

    /// When it came.
    pub fn received_at(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.received_at).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl Past {
    /// Opens the store of a data directory. Errors: as for [`crate::Reader`].
    pub fn open(data_dir: &Path, seals: Seals) -> Result<Self, Error> {
        let (journal, hasher) = SqliteJournal::open_read(data_dir, seals)?;
        Ok(Self { dry: Dry::Past(Box::new(journal)), hasher })
    }

    /// Messages that were taken, whose bodies are still there, after a number, in order.
    pub fn messages(&self, window: Window, after: MessageId, limit: u32) -> Result<Vec<PastMessage>, Error> {
        let Dry::Past(journal) = &self.dry else { return Ok(Vec::new()) };
        Ok(journal.taken(window, after, limit)?.into_iter().map(PastMessage).collect())
    }

    /// The number of the newest message: what comes after it came later.
    pub fn last(&self) -> Result<MessageId, Error> {
        let Dry::Past(journal) = &self.dry else { return Ok(MessageId(0)) };
        journal.last_message()
    }

    /// The bytes of a message, as they came.
    pub fn bytes(&self, message: &PastMessage) -> Result<Bytes, Error> {
        self.dry
            .read(&message.0.raw, MESSAGE_BYTES_MAX)
            .map_err(|error| Error::BodyUnreadable(std::io::Error::other(error)))
    }
}

/// A message that never came: that of a test.
#[derive(Clone, Debug)]
pub struct Imagined {
    /// Whose it would be.
    pub partner: PartnerName,
    /// When it would have come.
    pub received_at: Timestamp,
    /// Its bytes.
    pub raw: Bytes,
    /// What admission reads of it.
    pub facts: MessageFacts,
}

/// Routes and sinks tried on messages that nobody waits for.
pub struct Trial {
    plan: Plan,
    environment: Environment,
}

/// What a message would owe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WouldBe {
    /// `routed`, `filtered`, `parked`, `held`.
    pub verdict: &'static str,
    /// The route that took it; `route/filter`, or every route that did not.
    pub by: String,
    /// What the steps noted; what parks it comes last.
    pub findings: Vec<Finding>,
    /// What is owed, in order.
    pub deliveries: Vec<WouldDeliver>,
}

/// A delivery that would be owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WouldDeliver {
    /// To whom.
    pub sink: PartnerName,
    /// How it begins: `owed`, `refused`, `parked`.
    pub state: &'static str,
    /// Why it is refused or parked.
    pub why: Option<Finding>,
    /// JSON of what it carries.
    pub shape: Bytes,
    /// JSON of which part of it.
    pub part: Bytes,
    /// Its ordering key, hashed.
    pub ordering: Option<[u8; 16]>,
    /// When it may leave, counted from the reception; `None`: at once.
    pub leaves: Option<Timestamp>,
    /// A report: the delivery that it tells about.
    pub about: Option<usize>,
}

impl Trial {
    /// Errors: a route names an unknown sink.
    pub fn new(
        routes: Vec<Route>,
        sinks: HashMap<PartnerName, Arc<dyn Sink>>,
        environment: Environment,
    ) -> Result<Self, Error> {
        Ok(Self { plan: Plan::new(Wired { routes, sinks, ..Wired::default() })?, environment })
    }

    /// What it would owe now, decided at the moment it came. What a document shows twice (`once`) is the journal's to
    /// know, and is not tried. Errors: the disk.
    pub fn run(&self, past: &Past, message: &PastMessage) -> Result<WouldBe, Error> {
        self.decided(&past.dry, &past.hasher, &message.0, &())
    }

    /// The same for a message that never came. `watch` learns which conditions are asked.
    pub fn imagine(&self, imagined: &Imagined, watch: &dyn Watch) -> Result<WouldBe, Error> {
        let bodies = MemoryBodies::default();
        let raw: ContentRef = bodies.put(imagined.raw.clone());
        let message = Unrouted {
            id: MessageId(1),
            partner: imagined.partner.clone(),
            received_at: imagined.received_at.as_millisecond(),
            raw,
            facts: imagined.facts.clone(),
            edited: false,
            damaged: false,
        };
        self.decided(&Dry::Imagined(bodies), &IndexHasher::of_trials(), &message, watch)
    }

    /// What the sender would be told once a part is delivered: to whom, and what. Pure.
    pub fn told(
        &self,
        route: &RouteName,
        sink: &PartnerName,
        (shape, part): (&Shape, &Part),
        at: Timestamp,
    ) -> Option<(Shape, Vec<PartnerName>)> {
        let reported = self.plan.report(route, sink, shape, part, &Ending::Delivered, at)?;
        Some((reported.shape, reported.parts.into_iter().map(|(to, _)| to).collect()))
    }

    fn decided(
        &self,
        journal: &Dry,
        hasher: &IndexHasher,
        message: &Unrouted,
        watch: &dyn Watch,
    ) -> Result<WouldBe, Error> {
        let at = Timestamp::from_millisecond(message.received_at).unwrap_or(Timestamp::UNIX_EPOCH);
        let context = Context {
            journal,
            hasher,
            environment: self.environment,
            at,
            held_routes: &[],
            commit_us: None,
            given_up: true,
            watch,
        };
        match decide(&context, &self.plan, message)?.change {
            Change::Route(routed) => Ok(self.would_be(*routed, at)),
            Change::NotRoute(not) => Ok(would_not(*not)),
            _ => Err(Error::Inconsistent("a trial decided something else".to_owned())),
        }
    }

    fn would_be(&self, routed: Routed, at: Timestamp) -> WouldBe {
        let bytes = |body: &NewBody| body.bytes.clone().unwrap_or_default();
        let deliveries = routed.deliveries.iter().map(|delivery| {
            let (state, why) = match &delivery.birth {
                Birth::Owed => ("owed", None),
                Birth::Refused { finding, .. } => ("refused", Some((**finding).clone())),
                Birth::Parked { finding, .. } => ("parked", Some((**finding).clone())),
            };
            // A report leaves at once.
            let binding =
                self.plan.binding(&routed.route, &delivery.sink).filter(|_| delivery.cause.is_none());
            let leaves = binding.map(|binding| binding.departure.first(at, at)).filter(|first| *first > at);
            WouldDeliver {
                sink: delivery.sink.clone(),
                state,
                why,
                shape: routed.shapes.get(delivery.shape).map(|shape| bytes(&shape.body)).unwrap_or_default(),
                part: bytes(&delivery.part),
                ordering: delivery.ordering.map(|key| key.0),
                leaves,
                about: delivery.cause,
            }
        });
        WouldBe {
            verdict: "routed",
            by: routed.route.to_string(),
            deliveries: deliveries.collect(),
            findings: routed.findings,
        }
    }
}

fn would_not(not: NotRouted) -> WouldBe {
    let route = || not.route.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut findings = not.findings;
    let (verdict, by) = match not.why {
        NotRoutedWhy::Filtered { by } => ("filtered", by),
        NotRoutedWhy::Held => ("held", route()),
        NotRoutedWhy::Parked { finding } => {
            findings.push(*finding);
            ("parked", route())
        }
    };
    WouldBe { verdict, by, findings, deliveries: Vec::new() }
}
