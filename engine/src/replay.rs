//! Past messages through routes that do not run: what they would owe. Nothing is written, nothing is sent.
//! In: a store, routes and sinks. Out: [`WouldBe`], equal byte for byte when the same versions say the same.
//! Source: architecture §4.7. Deliberately absent: what sinks prepare, whose identifiers are drawn anew each time.

use std::{collections::HashMap, io::Read, path::Path, sync::Arc};

use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::{BodyId, ContentRef, Environment, Finding, PartnerName, RouteName};
use jonction_ports::{Bodies, BodyError, DeliveryId, MessageId, Sink};

use crate::{
    engine::Wired,
    error::Error,
    index_key::IndexHasher,
    journal::{
        Birth, Change, Committed, Due, Journal, LoadChange, Millis, NewBody, NotRoutedWhy, Routed,
        SqliteJournal, Stale, StoredDelivery, Unrouted,
    },
    order::hold::HeldKey,
    plan::Plan,
    questions::Window,
    route::Route,
    routing::{Context, decide},
    scratch::Scratch,
    seal::Seals,
};

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
}

impl Past {
    /// Opens the store of a data directory. Errors: as for [`crate::Reader`].
    pub fn open(data_dir: &Path, seals: Seals) -> Result<Self, Error> {
        let (journal, hasher) = SqliteJournal::open_read(data_dir, seals)?;
        Ok(Self { dry: Dry(journal), hasher })
    }

    /// Messages that were taken, whose bodies are still there, after a number, in order.
    pub fn messages(&self, window: Window, after: MessageId, limit: u32) -> Result<Vec<PastMessage>, Error> {
        Ok(self.dry.0.taken(window, after, limit)?.into_iter().map(PastMessage).collect())
    }
}

/// Routes and sinks tried on the past.
pub struct Trial {
    plan: Plan,
    environment: Environment,
}

/// What a message would owe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WouldBe {
    /// `routed by essai`, `filtered by essai/doublons`, `parked by essai`.
    pub verdict: String,
    /// What the steps noted.
    pub findings: Vec<Finding>,
    /// What is owed, in order.
    pub deliveries: Vec<WouldDeliver>,
}

/// A delivery that would be owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WouldDeliver {
    /// To whom.
    pub sink: PartnerName,
    /// How it begins: `owed`, `refused`, `parked`, with why.
    pub birth: String,
    /// JSON of what it carries.
    pub shape: Bytes,
    /// JSON of which part of it.
    pub part: Bytes,
    /// Its ordering key, hashed.
    pub ordering: Option<[u8; 16]>,
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
        let context = Context {
            journal: &past.dry,
            hasher: &past.hasher,
            environment: self.environment,
            at: Timestamp::from_millisecond(message.0.received_at).unwrap_or(Timestamp::UNIX_EPOCH),
            held_routes: &[],
            commit_us: None,
            given_up: true,
        };
        match decide(&context, &self.plan, &message.0)?.change {
            Change::Route(routed) => Ok(would_be(*routed)),
            Change::NotRoute(not) => {
                let by = not.route.as_ref().map(RouteName::as_str).unwrap_or_default();
                let mut findings = not.findings;
                let verdict = match not.why {
                    NotRoutedWhy::Filtered { by } => format!("filtered by {by}"),
                    NotRoutedWhy::Held => format!("held by {by}"),
                    NotRoutedWhy::Parked { finding } => {
                        findings.push(*finding);
                        format!("parked by {by}")
                    }
                };
                Ok(WouldBe { verdict, findings, deliveries: Vec::new() })
            }
            _ => Err(Error::Inconsistent("a trial decided something else".to_owned())),
        }
    }
}

fn would_be(routed: Routed) -> WouldBe {
    let bytes = |body: &NewBody| body.bytes.clone().unwrap_or_default();
    let deliveries = routed.deliveries.iter().map(|delivery| WouldDeliver {
        sink: delivery.sink.clone(),
        birth: match &delivery.birth {
            Birth::Owed => "owed".to_owned(),
            Birth::Refused { finding, .. } => format!("refused {}", finding.check),
            Birth::Parked { finding, .. } => format!("parked {}", finding.check),
        },
        shape: routed.shapes.get(delivery.shape).map(|shape| bytes(&shape.body)).unwrap_or_default(),
        part: bytes(&delivery.part),
        ordering: delivery.ordering.map(|key| key.0),
    });
    WouldBe {
        verdict: format!("routed by {}", routed.route),
        deliveries: deliveries.collect(),
        findings: routed.findings,
    }
}

/// A journal that keeps what it is given in memory, and writes nothing.
struct Dry(SqliteJournal);

impl Bodies for Dry {
    fn open_raw(&self, content: &ContentRef) -> Result<Box<dyn Read + Send>, BodyError> {
        self.0.open_raw(content)
    }
}

impl Journal for Dry {
    fn keep_as(&self, id: BodyId, bytes: Bytes) -> Result<NewBody, Error> {
        Ok(NewBody { id, length: bytes.len() as u64, key: None, bytes: Some(bytes) })
    }

    fn verify(&self, body: BodyId) -> Result<(), BodyError> {
        self.0.verify(body)
    }

    fn held_routes(&self) -> Result<Vec<RouteName>, Error> {
        Ok(Vec::new())
    }

    // Nobody asks these of a trial.

    fn commit(&self, _: &[Vec<Change>]) -> Result<Committed, Error> {
        Err(Error::Closed)
    }

    fn scratch(&self) -> Result<Scratch, Error> {
        Err(Error::Closed)
    }

    fn keep_pieces(&self, _: Scratch) -> Result<ContentRef, Error> {
        Err(Error::Closed)
    }

    fn kept(&self, content: &ContentRef) -> NewBody {
        NewBody { id: content.body, length: content.end, key: None, bytes: None }
    }

    fn sweep(&self) -> Result<u32, Error> {
        Err(Error::Closed)
    }

    fn compact(&self) -> Result<(), Error> {
        Err(Error::Closed)
    }

    fn unrouted(&self, _: MessageId, _: u32) -> Result<Vec<Unrouted>, Error> {
        Err(Error::Closed)
    }

    fn message(&self, _: MessageId) -> Result<Option<Unrouted>, Error> {
        Err(Error::Closed)
    }

    fn owed(&self, _: MessageId) -> Result<Vec<DeliveryId>, Error> {
        Err(Error::Closed)
    }

    fn hold_keys(&self) -> Result<Vec<(HeldKey, bool)>, Error> {
        Err(Error::Closed)
    }

    fn unsettled(&self, _: &HeldKey, _: bool, _: DeliveryId, _: u32) -> Result<Vec<DeliveryId>, Error> {
        Err(Error::Closed)
    }

    fn tally_agrees(&self) -> Result<bool, Error> {
        Err(Error::Closed)
    }

    fn due(&self, _: &PartnerName, _: Millis, _: u32) -> Result<Due, Error> {
        Err(Error::Closed)
    }

    fn delivery(&self, id: DeliveryId) -> Result<Option<StoredDelivery>, Error> {
        self.0.delivery(id)
    }

    fn stale(&self, _: i64, _: u32) -> Result<Option<Stale>, Error> {
        Err(Error::Closed)
    }

    fn noted(&self, name: &str) -> Result<Option<String>, Error> {
        self.0.noted(name)
    }

    fn load(&self) -> Result<LoadChange, Error> {
        Err(Error::Closed)
    }
}
