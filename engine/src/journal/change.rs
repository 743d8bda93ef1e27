//! What the journal can be told: the closed list of changes, and what it answers.
//! In: values made by intake, router and lanes. Out: rows, written by the one committer.
//! Everything a person could be recognised by stands in a [`NewBody`]; the rest is numbers, states, codes and hashes.

use bytes::Bytes;
use jonction_model::{
    BodyId, ContentRef, Finding, PartnerName, ReportCode, ReportStage, RouteName, Standing,
};
use jonction_ports::{Artefact, DeliveryId, KeyKind, MessageFacts, MessageId};

use crate::{
    deployment::Deployment,
    index_key::KeyHash,
    journal::state::AttemptState,
    order::{
        AuditHead, Author, Reason,
        hold::HeldKey,
        retention::{Aging, Destroyed},
    },
    seal::KeyName,
};

/// Milliseconds since 1970, UTC.
pub type Millis = i64;

/// A body that a change names. Made by [`crate::journal::Journal::keep`].
#[derive(Clone, Debug)]
pub struct NewBody {
    /// Its hash.
    pub id: BodyId,
    /// Its length, in clear bytes.
    pub length: u64,
    /// What it is sealed with; `None`: it is kept in clear.
    pub key: Option<KeyName>,
    /// Its bytes as stored, when they travel with the change; `None` when they are durable already.
    pub bytes: Option<Bytes>,
}

/// A searchable identifier, hashed.
pub type Key = (KeyKind, KeyHash);

/// How a repeat is recognised.
#[derive(Clone, Copy, Debug)]
pub struct RepeatKey {
    /// Sender and number, hashed.
    pub key: KeyHash,
    /// SHA-256 of the content.
    pub digest: [u8; 32],
}

/// A judged message arrives.
#[derive(Clone, Debug)]
pub struct Arrive {
    /// Partner whose source received it.
    pub partner: PartnerName,
    /// Address of the other end.
    pub peer: String,
    /// When its last byte came.
    pub received_at: Millis,
    /// What admission read.
    pub facts: MessageFacts,
    /// What admission noted.
    pub findings: Vec<Finding>,
    /// Admission's verdict.
    pub accepted: bool,
    /// Its bytes.
    pub raw: NewBody,
    /// The answer, kept for repeats.
    pub reply: NewBody,
    /// The answer when the number was used for another content; `None`: such a message is accepted with a note.
    pub conflict_reply: Option<NewBody>,
    /// How a repeat is recognised. Refused messages are never matched: what was refused was not taken.
    pub repeat: Option<RepeatKey>,
}

/// A shape to store.
#[derive(Clone, Debug)]
pub struct NewShape {
    /// Its name: `document-submission`.
    pub name: &'static str,
    /// Its JSON.
    pub body: NewBody,
}

/// How a delivery begins.
#[derive(Clone, Debug)]
pub enum Birth {
    /// To be delivered.
    Owed,
    /// Asked for, refused by a rule, and told to somebody.
    Refused {
        /// Why.
        finding: Box<Finding>,
        /// Code for the sender.
        code: ReportCode,
    },
    /// Waits for a human.
    Parked {
        /// Why.
        finding: Box<Finding>,
        /// Code for the sender, when a rule refused it.
        code: Option<ReportCode>,
        /// A rule refused it: a human may refuse it for good, never release it.
        barred: bool,
    },
}

/// A delivery to create.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Index of its shape among those of the same change.
    pub shape: usize,
    /// Its lane.
    pub sink: PartnerName,
    /// Its ordering key, hashed; `None`: order is free.
    pub ordering: Option<KeyHash>,
    /// JSON of its part.
    pub part: NewBody,
    /// How it begins.
    pub birth: Birth,
    /// The mailbox it goes to, hashed; `None`: it goes to no mailbox.
    pub recipient: Option<KeyHash>,
    /// For a report: index, among those of the same change, of the delivery it tells about.
    pub cause: Option<usize>,
    /// For a report about the whole message: whether it may be written at all is decided when it is.
    pub whole: Option<Whole>,
    /// Deliveries of the same part, of an earlier edition of the message: when one of them left, or may have, this one is
    /// not created.
    pub earlier: Vec<DeliveryId>,
}

/// When a report about a whole message is written: once per message, sink and mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// Something was refused: at once.
    Refused,
    /// When everything the message owes is delivered.
    Delivered,
}

/// The route, its mappings and steps, as they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Hash of the text below.
    pub hash: BodyId,
    /// JSON: route file, step names and versions.
    pub text: String,
}

/// Routing of a message, whole.
#[derive(Clone, Debug)]
pub struct Routed {
    /// The message.
    pub message: MessageId,
    /// When.
    pub at: Millis,
    /// Time its commit took, in microseconds, when known.
    pub commit_us: Option<u32>,
    /// The route.
    pub route: RouteName,
    /// What served it.
    pub version: Version,
    /// What the steps noted.
    pub findings: Vec<Finding>,
    /// What the steps made, then the reports of refusals at birth.
    pub shapes: Vec<NewShape>,
    /// How it can be found.
    pub keys: Vec<Key>,
    /// What is owed.
    pub deliveries: Vec<NewDelivery>,
    /// Keys that let a document through once: seen before, the message is filtered instead.
    pub once: Vec<OnceKey>,
    /// The message was corrected: what an earlier edition owes and has not sent is replaced.
    pub edited: bool,
    /// What it says of deliveries of other messages.
    pub answers: Vec<NewAnswer>,
}

/// What a message says of a delivery of another one.
#[derive(Clone, Debug)]
pub struct NewAnswer {
    /// The delivery.
    pub delivery: DeliveryId,
    /// How far it got.
    pub stage: ReportStage,
    /// How it stands there.
    pub standing: Standing,
    /// In words, free of any datum of a person.
    pub detail: String,
    /// The report, when there is one: written unless the journal knows as much, or worse, already.
    pub shapes: Vec<NewShape>,
    /// The deliveries that carry it.
    pub replies: Vec<NewDelivery>,
}

/// A key that lets a message through once within a window.
#[derive(Clone, Debug)]
pub struct OnceKey {
    /// Hashed.
    pub hash: KeyHash,
    /// Between the two receptions, at most, in milliseconds.
    pub window: Millis,
    /// `route/name`: what the balance says.
    pub by: String,
}

/// No route, or a step that gave up.
#[derive(Clone, Debug)]
pub struct NotRouted {
    /// The message.
    pub message: MessageId,
    /// When.
    pub at: Millis,
    /// Time its commit took, in microseconds, when known.
    pub commit_us: Option<u32>,
    /// The route that took it, if one did.
    pub route: Option<RouteName>,
    /// What served it, if a route did.
    pub version: Option<Version>,
    /// What happened.
    pub why: NotRoutedWhy,
    /// What the steps had noted.
    pub findings: Vec<Finding>,
    /// What it says of deliveries of other messages.
    pub answers: Vec<NewAnswer>,
}

/// Why a message was not routed.
#[derive(Clone, Debug)]
pub enum NotRoutedWhy {
    /// No condition held; the routes that were tried.
    Filtered {
        /// `cr-imagerie, lettres`.
        by: String,
    },
    /// A step, or its bytes, failed.
    Parked {
        /// Why.
        finding: Box<Finding>,
    },
    /// Its route is held: routed when that is lifted.
    Held,
}

/// An attempt begins: durable before a byte may leave. The first one brings the artefact.
#[derive(Clone, Debug)]
pub struct Start {
    /// The delivery.
    pub delivery: DeliveryId,
    /// When.
    pub at: Millis,
    /// What was prepared, with its new bodies and keys.
    pub prepared: Option<NewArtefact>,
}

/// A prepared artefact to store.
#[derive(Clone, Debug)]
pub struct NewArtefact {
    /// Identifiers and pieces.
    pub artefact: Artefact,
    /// Bodies its pieces name.
    pub bodies: Vec<NewBody>,
    /// How the delivery can be found.
    pub keys: Vec<Key>,
    /// Answers that were asked for.
    pub awaits: Vec<ReportStage>,
}

/// What becomes of a delivery.
#[derive(Clone, Debug)]
pub enum Next {
    /// Delivered.
    Delivered,
    /// Refused, and told to somebody.
    Refused(ReportCode),
    /// Waits for a human.
    Parked(Option<ReportCode>),
    /// Again.
    Again {
        /// Not before.
        next_at: Millis,
    },
}

/// An attempt (or a preparation) ended.
#[derive(Clone, Debug)]
pub struct Finish {
    /// The delivery.
    pub delivery: DeliveryId,
    /// When.
    pub at: Millis,
    /// How long it took, in microseconds.
    pub duration_us: i64,
    /// How it ended.
    pub outcome: AttemptState,
    /// Nobody knows whether the partner took it: every later attempt probes first.
    pub unknown: bool,
    /// Code of the partner.
    pub code: Option<String>,
    /// Whom we talked to.
    pub peer: Option<String>,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// What was done, the part's label replaced by `{label}`.
    pub detail: Option<String>,
    /// Why it did not end well.
    pub finding: Option<Finding>,
    /// Other things noted.
    pub notes: Vec<Finding>,
    /// What becomes of the delivery.
    pub next: Next,
    /// The report, when there is one.
    pub shapes: Vec<NewShape>,
    /// The deliveries that carry it.
    pub replies: Vec<NewDelivery>,
}

/// A human refuses a parked delivery.
#[derive(Clone, Debug)]
pub struct HandRefusal {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Why.
    pub finding: Finding,
    /// Code for the sender.
    pub code: ReportCode,
    /// The report, when there is one.
    pub shapes: Vec<NewShape>,
    /// The deliveries that carry it.
    pub replies: Vec<NewDelivery>,
}

/// What a human decided, ready to be written: identifiers hashed, reports made.
#[derive(Clone, Debug)]
pub enum Deed {
    /// A parked delivery goes back to its lane.
    Release {
        /// The delivery.
        delivery: DeliveryId,
    },
    /// A parked delivery is refused.
    Refuse(Box<HandRefusal>),
    /// A message parked in routing is routed again.
    RouteAgain {
        /// The message.
        message: MessageId,
    },
    /// The store comes from a backup.
    Restored {
        /// When it was taken.
        made_at: Millis,
    },
    /// Old messages are destroyed.
    Purge(Box<NewPurge>),
    /// Messages are kept from any purge.
    LegalHold(LegalKey),
    /// They are not any more.
    LegalLift {
        /// Number of the hold.
        hold: u64,
    },
    /// A message parked in routing is refused.
    RefuseMessage {
        /// The message.
        message: MessageId,
        /// Why.
        finding: Box<Finding>,
    },
    /// Something is held back.
    Hold(HeldKey),
    /// What was held goes on.
    Lift(HeldKey),
    /// A document that went to the wrong person is taken back.
    Recall(Box<NewRecall>),
    /// A parked message is corrected and routed again.
    Resend(Box<NewEdition>),
    /// Somebody takes the bytes of a message out.
    Export {
        /// The message.
        message: MessageId,
    },
}

/// A corrected message, judged.
#[derive(Clone, Debug)]
pub struct NewEdition {
    /// The message.
    pub message: MessageId,
    /// Its bytes from now on.
    pub raw: NewBody,
    /// What admission read in them.
    pub facts: MessageFacts,
    /// What admission noted.
    pub findings: Vec<Finding>,
    /// The partner says that it never got what nobody knew about: without it, such a delivery forbids the correction.
    pub not_received: bool,
}

/// A recall: a message of our own, linked to the first one.
#[derive(Clone, Debug)]
pub struct NewRecall {
    /// The message that carried the document.
    pub origin: MessageId,
    /// Which document of which message: a second recall of the same is refused.
    pub once: KeyHash,
    /// What was ordered, as the body of the new message.
    pub raw: NewBody,
    /// An empty answer: nobody waits for one.
    pub reply: NewBody,
    /// The deletion.
    pub shape: NewShape,
    /// How it can be found.
    pub keys: Vec<Key>,
    /// What becomes of each delivery of the first message.
    pub parts: Vec<RecallPart>,
}

/// What becomes of one delivery: what may have left is deleted, what has not is cancelled; the journal knows which.
#[derive(Clone, Debug)]
pub struct RecallPart {
    /// The delivery, cancelled so.
    pub refusal: HandRefusal,
    /// Its deletion; `None`: its sink takes none.
    pub deletion: Option<NewDelivery>,
}

/// A step of a purge.
#[derive(Clone, Debug)]
pub struct NewPurge {
    /// What.
    pub what: Aging,
    /// Received before.
    pub before: Millis,
    /// Which, judged again when they are destroyed.
    pub messages: Vec<MessageId>,
}

/// What a legal hold keeps.
#[derive(Clone, Debug)]
pub enum LegalKey {
    /// Every message known under a key.
    Key(Key),
    /// One message.
    Message(MessageId),
}

/// A decision with its row of the audit chain: written together, or neither.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// When.
    pub at: Millis,
    /// Who.
    pub author: Author,
    /// Why.
    pub reason: Option<Reason>,
    /// What.
    pub deed: Deed,
}

/// One change. The changes of one request are applied together or not at all.
#[derive(Clone, Debug)]
pub enum Change {
    /// A judged message arrives.
    Arrive(Box<Arrive>),
    /// A message is routed.
    Route(Box<Routed>),
    /// A message is filtered or parked.
    NotRoute(Box<NotRouted>),
    /// An attempt begins.
    Start(Box<Start>),
    /// An attempt ended.
    Finish(Box<Finish>),
    /// A delivery may not leave yet.
    Postpone {
        /// The delivery.
        delivery: DeliveryId,
        /// Not before.
        until: Millis,
    },
    /// The engine starts: what was being sent is of unknown outcome; lanes that are gone are parked, those back go on.
    Recover {
        /// When.
        at: Millis,
        /// The lanes there are.
        sinks: Vec<PartnerName>,
        /// Those of them where a human decides of an unknown outcome.
        ask: Vec<PartnerName>,
    },
    /// Bodies sealed anew.
    Reseal {
        /// As they are now.
        bodies: Vec<NewBody>,
    },
    /// No body is sealed with another key any more.
    Sealed {
        /// The key; `None`: bodies are in clear.
        with: Option<KeyName>,
    },
    /// The clock was set back: what waits for a moment waits for the same one, by the new clock.
    ClockBack {
        /// Now.
        at: Millis,
        /// How far it went back.
        by: Millis,
    },
    /// A set of routes is put in service.
    Deploy {
        /// Its texts.
        set: Version,
        /// When, and what is said of it.
        deployment: Deployment,
    },
    /// Deliveries follow a hold: marked, or given back. Without a delivery: the next messages of a route are given back,
    /// and a hold that gave everything back is forgotten.
    Settle {
        /// The hold.
        hold: HeldKey,
        /// Which.
        deliveries: Vec<DeliveryId>,
        /// Messages given back, at most.
        limit: u32,
        /// When.
        at: Millis,
    },
    /// What is open is counted anew.
    Recount,
    /// The program keeps something of its own: its heartbeat, its open incidents.
    Note {
        /// Under this name; what was there is replaced.
        name: &'static str,
        /// What.
        text: String,
    },
    /// A human decides.
    Order(Box<NewOrder>),
}

impl Change {
    /// Whether what was stored must not be found again in the pages it leaves.
    pub fn overwrites(&self) -> bool {
        matches!(self, Self::Reseal { .. }) || self.destroys()
    }

    /// Whether it ends a destruction: from now on nothing of it is left in the log either.
    pub fn destroys(&self) -> bool {
        match self {
            Self::Order(order) => matches!(order.deed, Deed::Purge(_)),
            // What was in clear, or under a key that is given up.
            Self::Sealed { .. } => true,
            _ => false,
        }
    }
}

/// What the journal answers to a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The message is taken.
    Accepted {
        /// Our number.
        message: MessageId,
        /// Its number was used before for another content.
        reused: bool,
    },
    /// The message is refused.
    Refused {
        /// Our number.
        message: MessageId,
        /// Refused because its number was used before for another content.
        reused: bool,
    },
    /// The message was known.
    Repeated {
        /// Number of the first one.
        message: MessageId,
        /// The answer given then.
        reply: ContentRef,
    },
    /// The order is carried out; its audit row is the head now.
    Ordered(AuditHead),
    /// The same, for a step of a purge: what is gone.
    Destroyed(AuditHead, Box<Destroyed>),
    /// Done. For an attempt that begins: its number.
    Done(u32),
    /// The message was not routed: it brings nothing new.
    Filtered {
        /// `route/name`.
        by: String,
    },
    /// The row was no longer in a state that allows this change (a human was faster).
    Skipped,
    /// A human may not do that.
    Barred,
}

/// How many messages and deliveries became open (positive) or closed (negative).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadChange {
    /// Messages that wait for routing.
    pub messages: i64,
    /// Deliveries that are attempted, or will be by themselves: not those that wait behind another one.
    pub deliveries: i64,
}

/// A batch, applied.
#[derive(Clone, Debug, Default)]
pub struct Committed {
    /// One list of answers per request, one answer per change.
    pub answers: Vec<Vec<Applied>>,
    /// What it did to the load.
    pub load: LoadChange,
}
