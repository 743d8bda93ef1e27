//! The way out: a sink says which deliveries a shape owes it, prepares each once, and attempts it until it ends.
//! Source: architecture §3, §4.3 to §4.5.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::{
    Answer, BodyId, Clock, ContentRef, DeliveryReport, Entropy, Finding, PartnerName, ReportCode,
    ReportStage, RouteName, Shape,
};
pub use jonction_model::{IndexKey, KeyKind};
use serde::{Deserialize, Serialize};

use crate::{BoxFuture, body::Bodies, intake::MessageId};

/// Our number for a delivery; grows with time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(pub u64);

impl std::fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What a shape owes to one sink: one per lot, one per recipient. Stored in a body: it may hold an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Tells the parts of one shape and sink apart: `lot`, `recipient 2`. Free of any datum of a person.
    pub key: String,
    /// What screens show: `lot de 2 documents`, `dr.adam@…`. Free of any INS.
    pub label: String,
    /// Deliveries of a lane that share this key keep their order; the engine stores only its keyed hash.
    /// `None`: order is free.
    pub ordering: Option<String>,
    /// The mailbox it goes to, in clear; the engine stores only its keyed hash. `None`: no mailbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailbox: Option<String>,
    /// Owed, or refused at birth.
    pub due: Due,
}

/// Whether a part is to be delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Due {
    /// To be delivered.
    Owed,
    /// Asked for, but may not be delivered (unqualified identity, closed list, address of somebody else).
    /// It is journaled and reported as a refusal, and never attempted.
    Refused {
        /// Why.
        finding: Box<Finding>,
        /// Code for the sender.
        code: ReportCode,
    },
    /// Asked for, but a human must decide first.
    Parked {
        /// Why.
        finding: Box<Finding>,
    },
}

/// One delivery, as a sink sees it.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Our number.
    pub id: DeliveryId,
    /// The message it comes from.
    pub message: MessageId,
    /// The route it took.
    pub route: RouteName,
    /// The sink it is owed to.
    pub sink: PartnerName,
    /// What it carries.
    pub shape: Arc<Shape>,
    /// Which part of it.
    pub part: Part,
    /// Number of the attempt, from 1. At `prepare`: 1.
    pub attempt: u32,
    /// The outcome of the last attempt is unknown: probe before sending again, where the protocol and the rules allow.
    pub after_unknown: bool,
    /// When the message was received.
    pub received_at: Timestamp,
}

/// A piece of a prepared artefact.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Bytes made by `prepare`. Equal pieces of several deliveries are stored once.
    New(Bytes),
    /// The same, when several deliveries bring them: hashed once for all.
    Shared {
        /// Their hash.
        id: BodyId,
        /// Themselves.
        bytes: Bytes,
    },
    /// Bytes already stored: a range of the message, decoded on the way.
    Stored(ContentRef),
}

/// What `prepare` made: persisted before the first attempt, then reused byte for byte by every retry.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    /// The sink's own identifiers and facts (uniqueIds, Message-ID, MSH-10…). Free of any datum of a person.
    pub ids: serde_json::Value,
    /// What goes on the wire, in order.
    pub pieces: Vec<Piece>,
    /// Under which identifiers this delivery can be found, and answered.
    pub keys: Vec<IndexKey>,
}

/// A prepared artefact, read back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefact {
    /// The sink's own identifiers and facts.
    pub ids: serde_json::Value,
    /// What goes on the wire, in order.
    pub pieces: Vec<ContentRef>,
}

/// What one attempt did.
#[derive(Clone, Debug)]
pub struct AttemptReport {
    /// How it ended.
    pub outcome: Outcome,
    /// Whom we talked to: host and port.
    pub peer: Option<String>,
    /// Code the partner answered with: `200`, `250 2.0.0`, `AA`.
    pub code: Option<String>,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Other things noted.
    pub notes: Vec<Finding>,
}

/// How an attempt ended, and what the engine does next.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The partner took it. The text is what screens show: `déposé`, `250 pour dr.adam@…`.
    Done {
        /// What was done, in French, short.
        detail: String,
    },
    /// Not now: tried again after this delay at least, else after the lane's back-off.
    Retry {
        /// Delay asked by the partner.
        after: Option<Duration>,
        /// Why.
        finding: Finding,
    },
    /// A human must look: holds its ordering key, never its lane.
    Park {
        /// Why.
        finding: Finding,
    },
    /// Refused for good: reported to the sender; parked when nobody would learn of it.
    Refuse {
        /// Why.
        finding: Finding,
        /// Code for the sender.
        code: ReportCode,
    },
    /// Bytes left, no answer came (or an answer to another question): the next attempt has `after_unknown` set.
    Unknown {
        /// Why.
        finding: Finding,
    },
}

/// How a delivery ended for good, or what came back of it afterwards.
#[derive(Clone, Debug)]
pub enum Ending<'a> {
    /// Delivered.
    Delivered,
    /// Refused, with the code for the sender.
    Refused(&'a ReportCode),
    /// It had ended; this answers it.
    Answered(&'a Answer),
}

/// What a sink may use: everything that is not a pure function is handed in.
#[derive(Clone)]
pub struct Tools {
    /// Stored bytes.
    pub bodies: Arc<dyn Bodies>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// Where deliveries go. One sink per partner; it has the partner's name.
pub trait Sink: Send + Sync {
    /// Family: `dmp`, `mssante`, `mllp`. The key of a sink in a route file.
    fn connector(&self) -> &'static str;

    /// Which deliveries this shape owes this sink. Pure. Shapes it does not understand owe nothing.
    fn parts(&self, shape: &Shape) -> Vec<Part>;

    /// Makes what will be sent, with its identifiers. Called once per delivery, on a blocking thread, before the first
    /// attempt; the engine stores the result before it calls `attempt`. An error ends or parks the delivery as said
    /// ([`Outcome::Retry`] calls `prepare` again later).
    fn prepare(&self, delivery: &Delivery, tools: &Tools) -> Result<Prepared, Outcome>;

    /// Sends the artefact once. Must bound its own waits. Dropped on a stop that exceeds its grace: the delivery is then
    /// of unknown outcome.
    fn attempt<'a>(
        &'a self,
        delivery: &'a Delivery,
        artefact: &'a Artefact,
        tools: &'a Tools,
    ) -> BoxFuture<'a, AttemptReport>;

    /// Whether an attempt with [`Delivery::after_unknown`] asks the partner before it sends again. Where it does not, the
    /// lane's policy says what follows an unknown outcome: the same bytes again, or a human.
    fn probes(&self) -> bool {
        false
    }

    /// Which answers were asked for: one that does not come is told to a human after a while. Asked once, with `prepare`.
    fn awaits(&self, _: &Shape, _: &Part) -> Vec<ReportStage> {
        Vec::new()
    }

    /// Whether, named in `reply`, it tells what became of a whole message ([`Shape::MessageOutcome`]) and not of each
    /// delivery: once, at the first refusal, or when everything the message owes is delivered.
    fn tells_whole(&self) -> bool {
        false
    }

    /// What the first sender should learn of this ending, whether or not they want it. `None`: nothing to say.
    fn report(
        &self,
        shape: &Shape,
        part: &Part,
        ending: &Ending<'_>,
        at: Timestamp,
    ) -> Option<DeliveryReport>;
}
