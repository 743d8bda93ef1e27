//! The way in: a source receives bytes, admission judges them, intake makes them durable, then the sender is answered.
//! Source: architecture §3, §4.1, §10 (admission, repeats).

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
pub use jonction_model::Peer;
use jonction_model::{ContentRef, Entropy, Finding, MessageControlId, PartnerName};
use serde::{Deserialize, Serialize};

use crate::{BoxFuture, Stop};

/// Our number for a message; grows with time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub u64);

impl std::fmt::Display for MessageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What is known of a message before any mapping: enough to route, to find and to answer it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageFacts {
    /// Kind as routes write it: `MDM^T02`, `ORU^R01`, `MAIL`. Empty when it could not be read.
    pub kind: String,
    /// Profile and edition it claims (MSH-21): `2.1^CISIS_CDA_HL7_V2`. Of a mail: the mailbox of ours that it came to.
    pub profile: String,
    /// The sender's own number (MSH-10).
    pub control_id: Option<MessageControlId>,
    /// Sending application (MSH-3), as written.
    pub sending_application: String,
    /// Sending facility (MSH-4), as written. Of a mail: the domain of its sender.
    pub sending_facility: String,
}

/// How a message is recognised when it comes again. Source: architecture §10 « Repeats ».
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// Who and which: MSH-3, MSH-4, MSH-10 together.
    pub key: String,
    /// SHA-256 of the content, what changes at each sending (MSH-7) left out.
    pub digest: [u8; 32],
}

/// What admission says of the bytes of one message. Pure: same bytes, same settings, same verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// What could be read.
    pub facts: MessageFacts,
    /// Everything found; an error among them refuses the message.
    pub findings: Vec<Finding>,
    /// `false`: the sender gets a negative acknowledgement, nothing is routed.
    pub accepted: bool,
    /// How to recognise a repeat; `None` when the message has no usable number.
    pub repeat: Option<Repeat>,
}

/// Judges bytes before anybody is told anything. Exactly what is listed in architecture §10 may refuse here;
/// everything later is a functional report.
pub trait Admission: Send + Sync {
    /// Judges one message. Must not panic, recurse without limit, or allocate more than a small multiple of the input.
    /// `peer`: who is connected; `None` for bytes that a human corrected, whose sender was let in when the message came:
    /// what only a connection shows (certificate, address) is not judged again.
    fn admit(&self, raw: &Bytes, peer: Option<&Peer>) -> Admitted;

    /// The verdict, and what the sender is told once the message is durable, as it goes on the wire; empty where nothing is
    /// answered. Pure but for the number of the answer.
    fn answer(
        &self,
        raw: &Bytes,
        peer: Option<&Peer>,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> (Admitted, Bytes) {
        let _ = (entropy, now);
        (self.admit(raw, peer), Bytes::new())
    }
}

/// The bytes of a message, on their way to the journal.
#[derive(Clone, Debug)]
pub enum RawBody {
    /// All of them.
    Whole(Bytes),
    /// Written by a [`Spool`] already, piece by piece: durable, named by nothing yet.
    Kept(ContentRef),
}

impl RawBody {
    /// How many bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Kept(content) => content.end,
        }
    }
}

impl From<Bytes> for RawBody {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}

/// Takes the bytes of a message that comes in pieces, and holds only a few of them in memory.
/// Dropped unfinished, it leaves nothing behind.
pub trait Spool: Send {
    /// Takes the next piece.
    fn write(&mut self, piece: Bytes) -> BoxFuture<'_, Result<(), IntakeError>>;

    /// Nothing more comes: what an [`Arrival`] carries.
    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<RawBody, IntakeError>>;
}

/// A spool in memory, for an [`Intake`] that stores nothing.
#[derive(Debug, Default)]
pub struct MemorySpool(Vec<u8>);

impl Spool for MemorySpool {
    fn write(&mut self, piece: Bytes) -> BoxFuture<'_, Result<(), IntakeError>> {
        self.0.extend_from_slice(&piece);
        Box::pin(async { Ok(()) })
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<RawBody, IntakeError>> {
        Box::pin(async move { Ok(RawBody::Whole(self.0.into())) })
    }
}

/// A judged message, handed to the engine.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Partner whose source received it.
    pub partner: PartnerName,
    /// Who sent it.
    pub peer: Peer,
    /// When its last byte came.
    pub received_at: Timestamp,
    /// Its bytes, untouched.
    pub raw: RawBody,
    /// The verdict.
    pub admitted: Admitted,
    /// What the sender is told once the message is durable: the whole answer, as it goes on the wire.
    /// Kept, and given again to a repeat.
    pub reply: Bytes,
    /// What the sender is told instead when the number was used before for another content.
    /// `None` (tolerant mode): such a message is accepted, with a note.
    pub conflict_reply: Option<Bytes>,
}

/// The engine's promise: on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Our number for the message (the first one's, for a repeat).
    pub message: MessageId,
    /// What to tell the sender.
    pub reply: Bytes,
    /// Whether the message was already known.
    pub repeated: bool,
}

/// Why a message could not be made durable. The source answers « later » (MSA AR), never yes.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeError {
    /// The journal cannot write (disk full, damaged).
    #[error("journal cannot write: {0}")]
    Journal(String),
    /// The gateway is stopping.
    #[error("the gateway is stopping")]
    Stopping,
}

/// The engine, seen by sources.
pub trait Intake: Send + Sync {
    /// Returns once the message (or its refusal) is durable. Only then may the sender be answered.
    fn submit(&self, arrival: Arrival) -> BoxFuture<'_, Result<Receipt, IntakeError>>;

    /// For a message that comes in pieces and may be too large to be held.
    fn spool(&self) -> Box<dyn Spool> {
        Box::new(MemorySpool::default())
    }
}

/// A link could not be opened, or was lost.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct LinkError {
    /// Stable name: `mllp.cannot-listen`.
    pub code: &'static str,
    /// Cause, in English, without any datum of a person.
    pub detail: String,
    /// What to tell the operator, in French.
    pub sentence: String,
}

/// Where messages come from.
pub trait Source: Send {
    /// Opens the link (binds, connects). Called once, before `run`; says where it listens.
    /// An error keeps the gateway from starting: nothing half-open.
    fn open(&mut self) -> BoxFuture<'_, Result<Vec<SocketAddr>, LinkError>>;

    /// Receives until told to stop: admits each message, submits it, answers with the receipt's reply and nothing
    /// else. After `stop`: takes no new message, answers those already submitted within `grace`, then returns.
    fn run(self: Box<Self>, intake: Arc<dyn Intake>, stop: Stop, grace: Duration) -> BoxFuture<'static, ()>;
}
