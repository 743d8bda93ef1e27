//! The engine's memory: messages, deliveries, attempts, bodies, searchable hashes.
//! In: batches of [`Change`]s from the one committer. Out: durable rows, and what intake, router and lanes read back.
//! Source: architecture §5. Several nodes on PostgreSQL will be another implementation, held to the same suite.

use std::sync::Arc;

use bytes::Bytes;
use jonction_model::{BodyId, ContentRef, PartnerName, ReportStage, RouteName};
use jonction_ports::{Artefact, Bodies, BodyError, DeliveryId, MessageFacts, MessageId};

use crate::{
    deployment::{Deployment, RouteSet},
    error::Error,
    order::{
        AuditHash, AuditHead,
        audit::{AuditLine, AuditVerdict},
        hold::{HeldKey, HoldLine},
        retention::{Aging, LegalHold, PurgeCursor, PurgeWindow, Purged},
    },
    questions::{
        AuditQuery, Balance, MessageJourney, MessageLine, Query, Queues, Recent, Troubled, Unanswered, Window,
    },
    scratch::Scratch,
};

pub mod change;
pub(crate) mod committer;
pub mod sqlite;
pub mod state;
#[cfg(test)]
mod suite;

pub use change::{
    Applied, Arrive, Birth, Change, Committed, Deed, Finish, HandRefusal, Key, LegalKey, LoadChange, Millis,
    NewAnswer, NewArtefact, NewBody, NewDelivery, NewEdition, NewOrder, NewPurge, NewRecall, NewShape, Next,
    NotRouted, NotRoutedWhy, OnceKey, RecallPart, RepeatKey, Routed, Start, Version, Whole,
};
pub use sqlite::SqliteJournal;
pub use state::{AttemptState, DeliveryState, MessageState};

/// A message, as routing reads it.
#[derive(Clone, Debug)]
pub struct Unrouted {
    /// Our number.
    pub id: MessageId,
    /// Whose it is.
    pub partner: PartnerName,
    /// When it came.
    pub received_at: Millis,
    /// Its bytes.
    pub raw: ContentRef,
    /// What admission read.
    pub facts: MessageFacts,
    /// A human corrected it.
    pub edited: bool,
    /// Whose it is, or which bytes are its own, is no more what it was: its row is damaged.
    pub damaged: bool,
}

/// What a lane may claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// A human holds the lane: the rest is empty.
    pub held: bool,
    /// Heads of their ordering keys whose time has come, those that wait longest first.
    pub ready: Vec<DeliveryId>,
    /// When more are due than were asked for: those whose time came last, the very last first.
    pub latest: Vec<DeliveryId>,
    /// When the next one's time comes, if it has not.
    pub next_at: Option<Millis>,
}

/// A delivery, as stored.
#[derive(Clone, Debug)]
pub struct StoredDelivery {
    /// Our number.
    pub id: DeliveryId,
    /// The message it comes from.
    pub message: MessageId,
    /// The route of the message.
    pub route: RouteName,
    /// Its lane.
    pub sink: PartnerName,
    /// JSON of its shape.
    pub shape: ContentRef,
    /// JSON of its part.
    pub part: ContentRef,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts begun.
    pub attempts: u32,
    /// The outcome of an attempt is unknown.
    pub after_unknown: bool,
    /// What is sent, once prepared.
    pub artefact: Option<Artefact>,
    /// What was owed, or prepared, is no more what it was: its row is damaged.
    pub damaged: bool,
    /// When the message came.
    pub received_at: Millis,
    /// Since when it is owed (or was released).
    pub since: Millis,
    /// Its age counts from here: `since`, or when its lane was last given back.
    pub ages_from: Millis,
    /// It carries a report: its own ending is told to nobody.
    pub is_report: bool,
}

/// What is known of the way of a delivery after its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownAnswer {
    /// The message that said it.
    pub message: MessageId,
    /// How far.
    pub stage: ReportStage,
    /// [`jonction_model::Standing::weight`].
    pub weight: u8,
}

/// Bodies sealed anew, to be committed.
#[derive(Clone, Debug, Default)]
pub struct Stale {
    /// As they are now.
    pub bodies: Vec<NewBody>,
    /// How many could not be read.
    pub left: u32,
    /// Number to go on after; `None`: there is nothing more.
    pub next: Option<i64>,
}

/// Where everything is kept. Blocking: called by the committer and on blocking threads.
pub trait Journal: Bodies {
    /// Applies requests in order, all or nothing, durable on return.
    /// Errors: nothing was applied; the same requests may be tried again, one by one.
    fn commit(&self, batch: &[Vec<Change>]) -> Result<Committed, Error>;

    /// Makes a body ready to be named by a change. Large ones are durable on return.
    fn keep(&self, bytes: Bytes) -> Result<NewBody, Error> {
        self.keep_as(BodyId::of(&bytes), bytes)
    }

    /// The same, for bytes whose hash is known.
    fn keep_as(&self, id: BodyId, bytes: Bytes) -> Result<NewBody, Error>;

    /// Takes away what was written for commits that never came, before this process. Out: how many files.
    fn sweep(&self) -> Result<u32, Error>;

    /// Where a large body waits until it is whole: sealed under a key of its own when bodies are sealed.
    fn scratch(&self) -> Result<Scratch, Error>;

    /// Makes a body that came in pieces durable.
    fn keep_pieces(&self, scratch: Scratch) -> Result<ContentRef, Error>;

    /// What a change names a body with that came in pieces.
    fn kept(&self, content: &ContentRef) -> NewBody;

    /// Writes the whole store anew, so that no page keeps a copy of what was destroyed. Nobody commits meanwhile.
    fn compact(&self) -> Result<(), Error>;

    /// Reads a body through and compares its hash.
    fn verify(&self, body: BodyId) -> Result<(), BodyError>;

    /// Messages that wait for routing, after a number, in order.
    fn unrouted(&self, after: MessageId, limit: u32) -> Result<Vec<Unrouted>, Error>;

    /// One message, whatever its state.
    fn message(&self, id: MessageId) -> Result<Option<Unrouted>, Error>;

    /// What a message owes, reports apart, in order.
    fn owed(&self, message: MessageId) -> Result<Vec<DeliveryId>, Error>;

    /// What a lane may claim now: at most `limit` of each end.
    fn due(&self, sink: &PartnerName, now: Millis, limit: u32) -> Result<Due, Error>;

    /// One delivery.
    fn delivery(&self, id: DeliveryId) -> Result<Option<StoredDelivery>, Error>;

    /// Deliveries that left with an identifier, the latest first: at most two.
    fn left_with(&self, key: &Key) -> Result<Vec<DeliveryId>, Error>;

    /// JSON of the first shape of a message.
    fn understood(&self, message: MessageId) -> Result<Option<ContentRef>, Error>;

    /// What answered a delivery.
    fn answered(&self, delivery: DeliveryId) -> Result<Vec<KnownAnswer>, Error>;

    /// Routes that a human holds.
    fn held_routes(&self) -> Result<Vec<RouteName>, Error>;

    /// Every hold, and whether it is lifted and gives back what it held.
    fn hold_keys(&self) -> Result<Vec<(HeldKey, bool)>, Error>;

    /// Deliveries, after a number and in order, that do not agree with a hold, or with its lift.
    fn unsettled(
        &self,
        hold: &HeldKey,
        lifted: bool,
        after: DeliveryId,
        limit: u32,
    ) -> Result<Vec<DeliveryId>, Error>;

    /// Whether what is counted is what there is. It reads everything that is open.
    fn tally_agrees(&self) -> Result<bool, Error>;

    /// The next bodies, after a number, that are not sealed as the configuration says, sealed anew.
    /// `None`: no other key is in use.
    fn stale(&self, after: i64, limit: u32) -> Result<Option<Stale>, Error>;

    /// What the program kept under this name.
    fn noted(&self, name: &str) -> Result<Option<String>, Error>;

    /// What is open, in all.
    fn load(&self) -> Result<LoadChange, Error>;
}

/// What people ask. Metadata only; labels are read from bodies.
pub trait Questions: Bodies {
    /// Sets of routes that were put in service, oldest first.
    fn deployments(&self) -> Result<Vec<Deployment>, Error>;

    /// The texts of a set.
    fn route_set(&self, version: &str) -> Result<Option<RouteSet>, Error>;

    /// Messages that match, latest first.
    fn find(&self, query: &Query) -> Result<Vec<MessageLine>, Error>;

    /// What humans hold back, oldest first.
    fn holds(&self) -> Result<Vec<HoldLine>, Error>;

    /// Numbers of the messages known under one of these identifiers, oldest first.
    fn known_as(&self, control_id: &str, keys: &[Key], limit: u32) -> Result<Vec<MessageId>, Error>;

    /// The message of a delivery.
    fn message_of(&self, delivery: DeliveryId) -> Result<Option<MessageId>, Error>;

    /// Everything that happened to a message.
    fn journey(&self, message: MessageId) -> Result<Option<MessageJourney>, Error>;

    /// What waits, per lane.
    fn queues(&self) -> Result<Queues, Error>;

    /// Messages of a structure (MSH-4) that are not wholly delivered.
    fn troubled(&self, window: Window, structure: &str, limit: u32) -> Result<Troubled, Error>;

    /// What the end of the journal says of how things go.
    fn recent(&self) -> Result<Recent, Error>;

    /// Delivered before a moment, and the answer that was asked for at this stage has not come; those delivered before
    /// `since` are given up.
    fn unanswered(&self, stage: ReportStage, since: Millis, before: Millis) -> Result<Unanswered, Error>;

    /// The two lines, per route and day.
    fn balance(&self, window: Window) -> Result<Balance, Error>;

    /// The next old messages, and which of them may be destroyed.
    fn purge_window(
        &self,
        what: Aging,
        before: Millis,
        after: Option<PurgeCursor>,
    ) -> Result<PurgeWindow, Error>;

    /// What a whole purge would destroy, exactly.
    fn purge_preview(&self, what: Aging, before: Millis) -> Result<Purged, Error>;

    /// Every legal hold.
    fn legal_holds(&self) -> Result<Vec<LegalHold>, Error>;

    /// Rows of the audit chain, latest first.
    fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditLine>, Error>;

    /// The end of the audit chain.
    fn audit_head(&self) -> Result<AuditHead, Error>;

    /// Checks the whole audit chain; `noted`: a head that somebody kept elsewhere.
    fn verify_audit(&self, noted: Option<AuditHash>) -> Result<AuditVerdict, Error>;
}

/// Any journal, shared.
pub type SharedJournal = Arc<dyn Journal>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_is_a_journal() {
        suite::run(|| {
            let folder = tempfile::tempdir().unwrap();
            let limits = sqlite::Limits { body_file_bytes: 8, ..sqlite::Limits::default() };
            let entropy = jonction_model::SeededEntropy::new(1);
            (SqliteJournal::open(folder.path(), limits, &entropy).unwrap().0, folder)
        });
    }
}
