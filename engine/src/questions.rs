//! The journal's answers, as data: found messages, journeys, balances. Rendered elsewhere.
//! In: rows. Out: values that serialise to JSON, with no identifier of a person. Source: experience §1, §2.

use jiff::{Timestamp, civil::Date};
use jonction_model::{Finding, PartnerName, ReportStage, RouteName};
use jonction_ports::{DeliveryId, MessageId};
use serde::{Deserialize, Serialize};

use crate::journal::{AttemptState, DeliveryState, Key, MessageState};

/// What to look for, in clear. Everything given must hold.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Identifier of a patient: matricule INS, or local identifier, alone or as `id^authority`.
    pub patient: Option<String>,
    /// uniqueId of a document.
    pub document: Option<String>,
    /// MSH-10.
    pub control_id: Option<String>,
    /// Message-ID of a mail.
    pub mail_id: Option<String>,
    /// State of the message, or of one of its deliveries.
    pub state: Option<StateWord>,
    /// Route.
    pub route: Option<String>,
    /// Sender, or lane of one of its deliveries.
    pub partner: Option<String>,
    /// Code of an error of the message, of a delivery, or of an attempt.
    pub error: Option<String>,
    /// An answer of this stage was asked for and has not come.
    pub unanswered: Option<ReportStage>,
    /// When it was received.
    pub window: Window,
    /// Numbers below this one: the next page.
    pub before: Option<MessageId>,
    /// At most so many; 0 means 50.
    pub limit: u32,
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filter")
            .field("patient", &self.patient.as_ref().map(|_| "***"))
            .field("state", &self.state)
            .field("route", &self.route)
            .field("partner", &self.partner)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

/// From (included) and until (excluded), by time of reception.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// A state by its word: `parked` is one of messages and of deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateWord {
    /// State of messages with this word.
    pub message: Option<MessageState>,
    /// State of deliveries with this word.
    pub delivery: Option<DeliveryState>,
}

impl StateWord {
    /// Every word: `received`, `routed`, … Those of messages first.
    pub fn words() -> Vec<&'static str> {
        let mut words: Vec<_> = MessageState::ALL.iter().map(|state| state.word()).collect();
        words.extend(
            DeliveryState::ALL
                .iter()
                .map(|state| state.word())
                .filter(|word| !MessageState::ALL.iter().any(|state| state.word() == *word)),
        );
        words
    }

    /// Reads a word.
    pub fn parse(word: &str) -> Option<Self> {
        let message = MessageState::ALL.iter().copied().find(|state| state.word() == word);
        let delivery = DeliveryState::ALL.iter().copied().find(|state| state.word() == word);
        (message.is_some() || delivery.is_some()).then_some(Self { message, delivery })
    }
}

/// A filter whose identifiers are hashed.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Each list: one of these keys at least.
    pub keys: Vec<Vec<Key>>,
    /// MSH-10, in clear, or as the key of a message we sent.
    pub control_id: Option<(String, Key)>,
    /// See [`Filter`].
    pub state: Option<StateWord>,
    /// See [`Filter`].
    pub route: Option<String>,
    /// See [`Filter`].
    pub partner: Option<String>,
    /// See [`Filter`].
    pub error: Option<String>,
    /// See [`Filter`].
    pub unanswered: Option<ReportStage>,
    /// See [`Filter`].
    pub window: Window,
    /// See [`Filter`].
    pub before: Option<MessageId>,
    /// At most so many.
    pub limit: u32,
}

/// Which rows of the audit chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Below this number.
    pub before: Option<u64>,
    /// About this message.
    pub message: Option<u64>,
    /// Of this act.
    pub act: Option<String>,
    /// At most so many.
    pub limit: u32,
}

/// One message found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MessageLine {
    /// Our number.
    pub id: MessageId,
    /// When it came.
    pub received_at: Timestamp,
    /// Who sent it.
    pub partner: PartnerName,
    /// The route it took.
    pub route: Option<RouteName>,
    /// `MDM^T02`.
    pub kind: String,
    /// MSH-10.
    pub control_id: Option<String>,
    /// Where it stands.
    pub state: MessageState,
    /// Code of what refused or parked it.
    pub error: Option<String>,
    /// Its size, in bytes.
    pub bytes: u64,
    /// When its bodies were destroyed.
    pub purged_at: Option<Timestamp>,
    /// A legal hold keeps it.
    pub legal_hold: bool,
    /// Its deliveries.
    pub deliveries: Vec<DeliveryLine>,
}

/// One delivery, short.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeliveryLine {
    /// Our number.
    pub id: DeliveryId,
    /// Its lane.
    pub sink: PartnerName,
    /// What it is.
    pub label: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts begun.
    pub attempts: u32,
    /// Not before, when it will be tried (again).
    pub next_at: Option<Timestamp>,
    /// Why it is not delivered.
    pub finding: Option<Finding>,
}

/// Everything that happened to a message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MessageJourney {
    /// Our number.
    pub id: MessageId,
    /// When its last byte came.
    pub received_at: Timestamp,
    /// Who sent it.
    pub partner: PartnerName,
    /// Address of the sender.
    pub peer: String,
    /// `MDM^T02`.
    pub kind: String,
    /// MSH-21.
    pub profile: String,
    /// MSH-10.
    pub control_id: Option<String>,
    /// MSH-4.
    pub sending_facility: String,
    /// Size, in bytes.
    pub bytes: u64,
    /// Time the commit took (write and fsync), in microseconds, when known.
    pub commit_us: Option<u32>,
    /// Where it stands.
    pub state: MessageState,
    /// The route it took.
    pub route: Option<RouteName>,
    /// When it was routed, filtered or parked.
    pub routed_at: Option<Timestamp>,
    /// Routes whose condition did not hold, for a filtered message.
    pub filtered_by: Option<String>,
    /// Code of what refused or parked it.
    pub error: Option<String>,
    /// When its bodies were destroyed.
    pub purged_at: Option<Timestamp>,
    /// A legal hold keeps it.
    pub legal_hold: bool,
    /// What admission noted.
    pub findings: Vec<Finding>,
    /// What the steps noted, and why the message is parked.
    pub route_findings: Vec<Finding>,
    /// What served it: route file, steps and versions.
    pub version: Option<serde_json::Value>,
    /// Short keyed hash of the patient.
    pub patient_key: Option<String>,
    /// The documents it carries.
    pub documents: Vec<DocumentLine>,
    /// For a recall: the message whose document is taken back.
    pub recalls: Option<MessageId>,
    /// Recalls of its documents.
    pub recalled_by: Vec<MessageId>,
    /// What it was before somebody corrected it, the first edition first; empty: it is as it came.
    pub editions: Vec<EditionLine>,
    /// What it says of deliveries of other messages.
    pub answers: Vec<AnswerGiven>,
    /// When it came again.
    pub repetitions: Vec<Repetition>,
    /// What it owes.
    pub deliveries: Vec<DeliveryJourney>,
}

/// A document of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DocumentLine {
    /// Its uniqueId.
    pub unique_id: String,
    /// Code of its type.
    pub type_code: String,
    /// Label of its type.
    pub type_label: String,
    /// Its version.
    pub version: Option<u32>,
    /// What is asked: `submit`, `replace`, `delete`.
    pub operation: String,
}

/// What a message was, until somebody corrected it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EditionLine {
    /// From 1: as it came.
    pub number: u32,
    /// When it was corrected.
    pub until: Timestamp,
    /// Who corrected it.
    pub author: String,
    /// Why.
    pub reason: Option<String>,
    /// SHA-256 of its bytes, which are kept as long as the others of the message.
    pub sha256: String,
    /// How many they are.
    pub bytes: u64,
}

/// The same message, once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repetition {
    /// When.
    pub received_at: Timestamp,
    /// From where.
    pub peer: String,
}

/// Everything that happened to a delivery.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeliveryJourney {
    /// Our number.
    pub id: DeliveryId,
    /// Its lane.
    pub sink: PartnerName,
    /// The part's own key: `lot`, `recipient 2`.
    pub key: String,
    /// What it is.
    pub label: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// For a report: the delivery it tells about.
    pub report_of: Option<DeliveryId>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Not before, when it will be tried (again).
    pub next_at: Option<Timestamp>,
    /// The outcome of an attempt was unknown.
    pub after_unknown: bool,
    /// A rule refused it before its first attempt: it may be refused, never released.
    pub barred: bool,
    /// Later deliveries of the same ordering key that wait behind it; counted while it is parked.
    pub behind: u64,
    /// Why it is refused, parked or tried again.
    pub finding: Option<Finding>,
    /// Code given to the sender.
    pub report_code: Option<String>,
    /// The sink's own identifiers.
    pub ids: Option<serde_json::Value>,
    /// Its attempts.
    pub attempts: Vec<AttemptLine>,
    /// What came back of it.
    pub answers: Vec<AnswerLine>,
}

/// What came back of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnswerLine {
    /// The message that said it.
    pub message: MessageId,
    /// When it was understood.
    pub at: Timestamp,
    /// How far the delivery got.
    pub stage: ReportStage,
    /// `pending`, `positive`, `negative`.
    pub standing: &'static str,
    /// Code for the sender, when it failed.
    pub code: Option<String>,
    /// In words.
    pub detail: String,
}

impl AnswerLine {
    /// Word of a stored integer.
    pub(crate) fn word(weight: u8) -> &'static str {
        match weight {
            0 => "pending",
            1 => "positive",
            _ => "negative",
        }
    }
}

/// What a message says of a delivery of another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnswerGiven {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The message of that delivery.
    pub message: MessageId,
    /// Code for the sender, when it failed.
    pub code: Option<String>,
    /// In words.
    pub detail: String,
}

/// Answers that were asked for and did not come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unanswered {
    /// How many.
    pub count: u64,
    /// Since when the oldest is waited for.
    pub oldest_at: Option<Timestamp>,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttemptLine {
    /// From 1.
    pub number: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, in microseconds; absent while it runs.
    pub duration_us: Option<i64>,
    /// How it ended.
    pub outcome: AttemptState,
    /// Code of the partner.
    pub code: Option<String>,
    /// Whom we talked to.
    pub peer: Option<String>,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// What was done.
    pub detail: Option<String>,
    /// Why it did not end well.
    pub finding: Option<Finding>,
    /// Other things noted.
    pub notes: Vec<Finding>,
}

/// What waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Queues {
    /// Messages that are not routed yet.
    pub messages_waiting: u64,
    /// Messages parked in routing.
    pub messages_parked: u64,
    /// Messages whose route a human holds.
    pub messages_held: u64,
    /// Lanes with something that has not ended, by name.
    pub lanes: Vec<Queue>,
}

/// What waits in one lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Queue {
    /// Its partner.
    pub partner: PartnerName,
    /// Never attempted.
    pub waiting: u64,
    /// Attempted, will be again.
    pub retrying: u64,
    /// Being sent.
    pub sending: u64,
    /// Waits for a human.
    pub parked: u64,
    /// Held by a human; what waits in a held lane is not counted here.
    pub held: u64,
    /// Since when the oldest is owed, parked and held ones apart.
    pub oldest_at: Option<Timestamp>,
}

impl Queue {
    /// Nothing waits.
    pub fn new(partner: PartnerName) -> Self {
        Self { partner, waiting: 0, retrying: 0, sending: 0, parked: 0, held: 0, oldest_at: None }
    }

    /// What will be sent without a human.
    pub fn owed(&self) -> u64 {
        self.waiting + self.retrying + self.sending
    }
}

/// What the journal remembers of how things go.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recent {
    /// When the last message came.
    pub last_message_at: Option<Timestamp>,
    /// When something was last written durably.
    pub last_commit_at: Option<Timestamp>,
    /// Lanes with a success among the last deliveries, or with something that fails now; by name.
    pub lanes: Vec<LaneRecent>,
}

/// What the journal remembers of a lane.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LaneRecent {
    /// Its partner.
    pub partner: PartnerName,
    /// When a delivery last succeeded; `None`: none among the last ones.
    pub last_success_at: Option<Timestamp>,
    /// What fails now.
    pub failure: Option<LaneFailure>,
}

/// Why the last delivery tried in a lane was not taken, while it waits for its next attempt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LaneFailure {
    /// Why.
    pub finding: Finding,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is tried again.
    pub again_at: Option<Timestamp>,
}

impl Recent {
    /// The line of a lane, made when it is not there.
    pub(crate) fn lane(&mut self, partner: PartnerName) -> &mut LaneRecent {
        let at = self.lanes.iter().position(|lane| lane.partner == partner).unwrap_or(self.lanes.len());
        if at == self.lanes.len() {
            self.lanes.push(LaneRecent { partner, last_success_at: None, failure: None });
        }
        &mut self.lanes[at]
    }
}

/// Messages of a route, a structure and a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageBalance {
    /// Everything that came, repeats included.
    pub received: u64,
    /// Deliveries are journaled.
    pub routed: u64,
    /// No route wanted them.
    pub filtered: u64,
    /// Refused at admission.
    pub refused: u64,
    /// Known already.
    pub repeated: u64,
    /// Parked in routing.
    pub parked: u64,
    /// Parked in routing, then refused for good by a human.
    pub refused_by_hand: u64,
    /// Not routed yet.
    pub waiting: u64,
    /// Not routed as long as their route is held.
    pub held: u64,
}

impl MessageBalance {
    /// Counts messages of a state. One that has none is counted as received and nowhere else: the line does not close,
    /// and that is what it is for.
    pub(crate) fn add_state(&mut self, state: Option<MessageState>, count: u64) {
        match state {
            Some(MessageState::Received) => self.waiting += count,
            Some(MessageState::Held) => self.held += count,
            Some(MessageState::Routed) => self.routed += count,
            Some(MessageState::Filtered) => self.filtered += count,
            Some(MessageState::Refused) => self.refused += count,
            Some(MessageState::Parked) => self.parked += count,
            Some(MessageState::RefusedByHand) => self.refused_by_hand += count,
            None => {}
        }
    }

    /// Whether nothing vanished.
    pub fn closes(&self) -> bool {
        let known = self.routed
            + self.filtered
            + self.refused
            + self.repeated
            + self.parked
            + self.refused_by_hand
            + self.waiting
            + self.held;
        self.received == known
    }
}

/// Deliveries of a route and day (of their message).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeliveryBalance {
    /// Counted on the message when they were decided.
    pub owed: u64,
    /// The partner took them.
    pub delivered: u64,
    /// Refused for good.
    pub refused: u64,
    /// Wait for a human.
    pub parked: u64,
    /// Never left: a corrected edition of their message took their place.
    pub replaced: u64,
    /// Everything else.
    pub in_flight: u64,
}

impl DeliveryBalance {
    /// Counts deliveries of a state; see [`MessageBalance::add_state`].
    pub(crate) fn add_state(&mut self, state: Option<DeliveryState>, count: u64) {
        match state {
            Some(DeliveryState::Delivered) => self.delivered += count,
            Some(DeliveryState::Refused) => self.refused += count,
            Some(DeliveryState::Parked) => self.parked += count,
            Some(DeliveryState::Replaced) => self.replaced += count,
            Some(_) => self.in_flight += count,
            None => {}
        }
    }

    /// Whether nothing vanished.
    pub fn closes(&self) -> bool {
        self.owed == self.delivered + self.refused + self.parked + self.replaced + self.in_flight
    }
}

/// One line of the balance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lines {
    /// Messages.
    pub messages: MessageBalance,
    /// Deliveries.
    pub deliveries: DeliveryBalance,
}

impl Lines {
    /// Whether both close.
    pub fn closes(&self) -> bool {
        self.messages.closes() && self.deliveries.closes()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let (m, o) = (&mut self.messages, &other.messages);
        m.received += o.received;
        m.routed += o.routed;
        m.filtered += o.filtered;
        m.refused += o.refused;
        m.repeated += o.repeated;
        m.parked += o.parked;
        m.refused_by_hand += o.refused_by_hand;
        m.waiting += o.waiting;
        m.held += o.held;
        let (d, o) = (&mut self.deliveries, &other.deliveries);
        d.owed += o.owed;
        d.delivered += o.delivered;
        d.refused += o.refused;
        d.parked += o.parked;
        d.replaced += o.replaced;
        d.in_flight += o.in_flight;
    }
}

/// The balance of one route and one structure on one day (French legal time).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BalanceLine {
    /// The day.
    pub day: Date,
    /// The route; `None` for what no route took (refused, filtered, not routed yet).
    pub route: Option<RouteName>,
    /// The structure that sent: MSH-4, as written; empty when unreadable.
    pub structure: String,
    /// The two lines.
    #[serde(flatten)]
    pub lines: Lines,
}

/// Messages of a structure that are not wholly delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Troubled {
    /// The first of them, oldest first.
    pub messages: Vec<MessageId>,
    /// How many there are.
    pub total: u64,
}

/// What one structure sent on one day (French legal time), and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StructureDay {
    /// The day.
    pub day: Date,
    /// The structure that sent: MSH-4, as written; empty when unreadable.
    pub structure: String,
    /// Totals: those of the balance.
    #[serde(flatten)]
    pub lines: Lines,
    /// Messages that are not wholly delivered, oldest first.
    pub troubles: Vec<MessageJourney>,
    /// How many more there are.
    pub omitted: u64,
}

/// The whole balance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// Per day, then per route and structure.
    pub lines: Vec<BalanceLine>,
    /// Their sum.
    pub total: Lines,
    /// Message numbers that were given and have no row: always 0, unless rows were destroyed.
    pub missing: u64,
}

impl Balance {
    /// Whether every line closes and no number is missing.
    pub fn closes(&self) -> bool {
        self.missing == 0 && self.total.closes() && self.lines.iter().all(|line| line.lines.closes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_may_be_a_state_of_both_kinds() {
        let parked = StateWord::parse("parked").unwrap();
        assert_eq!(
            (parked.message, parked.delivery),
            (Some(MessageState::Parked), Some(DeliveryState::Parked))
        );
        assert_eq!(StateWord::parse("delivered").unwrap().message, None);
        assert_eq!(StateWord::parse("lost"), None);
        assert!(StateWord::words().iter().all(|word| StateWord::parse(word).is_some()));
    }

    #[test]
    fn a_message_without_a_state_does_not_close() {
        let whole = MessageBalance { received: 2, routed: 1, repeated: 1, ..Default::default() };
        assert!(whole.closes());
        assert!(!MessageBalance { received: 3, ..whole }.closes());
    }

    #[test]
    fn a_filter_never_prints_a_patient() {
        let filter = Filter { patient: Some("279035121518989".into()), ..Filter::default() };
        assert!(!format!("{filter:?}").contains("2790"));
    }
}
