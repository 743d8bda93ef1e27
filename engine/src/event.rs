//! What happens, as it happens: for screens, logs and tests. The journal is the memory; an event may be missed.
//! In: commits. Out: [`Event`]s on a broadcast channel, with no datum of a person beyond the labels of sinks.

use std::time::Duration;

use jiff::Timestamp;
use jonction_model::{Finding, PartnerName, ReportStage, RouteName, Standing};
use jonction_ports::{DeliveryId, MessageId};
use serde::Serialize;

use crate::journal::{AttemptState, DeliveryState};

/// Something happened, and is durable.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A message came and was judged.
    Message {
        /// Our number (the first one's, for a repeat).
        message: MessageId,
        /// Who sent it.
        partner: PartnerName,
        /// `MDM^T02`.
        kind: String,
        /// MSH-10.
        control_id: Option<String>,
        /// Size, in bytes.
        bytes: u64,
        /// When its last byte came.
        received_at: Timestamp,
        /// From the hand-over to the durable receipt.
        elapsed: Duration,
        /// What was decided.
        verdict: Verdict,
        /// Why it was refused.
        findings: Vec<Finding>,
    },
    /// A message was routed.
    Routed {
        /// Our number.
        message: MessageId,
        /// The route.
        route: RouteName,
        /// What it owes, and how each begins.
        deliveries: usize,
    },
    /// No route wanted the message.
    Filtered {
        /// Our number.
        message: MessageId,
        /// The routes that were tried.
        by: String,
    },
    /// The route of the message is held by a human.
    MessageHeld {
        /// Our number.
        message: MessageId,
        /// The route.
        route: RouteName,
    },
    /// A step could not deal with the message.
    MessageParked {
        /// Our number.
        message: MessageId,
        /// The route.
        route: Option<RouteName>,
        /// Why.
        finding: Finding,
    },
    /// A delivery was refused or parked at birth, without an attempt.
    Born {
        /// The message.
        message: MessageId,
        /// The lane.
        sink: PartnerName,
        /// What it is.
        label: String,
        /// Refused or parked.
        state: DeliveryState,
        /// Why.
        finding: Finding,
    },
    /// An attempt ended.
    Attempt {
        /// The message.
        message: MessageId,
        /// The delivery.
        delivery: DeliveryId,
        /// The route of the message.
        route: RouteName,
        /// Since when the message is here.
        age: Duration,
        /// The lane.
        sink: PartnerName,
        /// What it is.
        label: String,
        /// It carries a report.
        is_report: bool,
        /// Number of the attempt.
        attempt: u32,
        /// How it ended.
        outcome: AttemptState,
        /// What was done, when it was.
        detail: Option<String>,
        /// Why not, when it was not.
        finding: Option<Finding>,
        /// What became of the delivery.
        state: DeliveryState,
        /// When it is tried again.
        next_at: Option<Timestamp>,
        /// From the start of the attempt to its durable result.
        elapsed: Duration,
        /// The sink's own identifiers.
        ids: serde_json::Value,
    },
    /// Something came back of a delivery after its end.
    Answered {
        /// The message of the delivery.
        message: MessageId,
        /// The delivery.
        delivery: DeliveryId,
        /// The message that said it.
        by: MessageId,
        /// The lane.
        sink: PartnerName,
        /// What the delivery is.
        label: String,
        /// How far it got.
        stage: ReportStage,
        /// How it stands there.
        standing: Standing,
        /// In words.
        detail: String,
    },
    /// An order was carried out.
    Ordered {
        /// Its row of the audit chain, which says by whom and why.
        audit: u64,
        /// Its word.
        act: &'static str,
    },
    /// The clock of the machine was set.
    ClockJumped {
        /// How far, in milliseconds; back: negative.
        by_ms: i64,
    },
    /// Every message is routed; every delivery ended, is parked, or waits behind a parked one.
    Idle,
}

/// What was decided of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Taken.
    Accepted,
    /// Refused.
    Refused,
    /// Known already.
    Repeated,
}
