//! What a human holds back: a route, a partner, a mailbox, a patient. At once, durably, until lifted.
//! In: a target, in clear for routes and partners, as a keyed hash for whoever could name a person.
//! A held route: its messages are taken and acknowledged, not routed, and what it owes does not leave. A held partner: its
//! lane stands still (`jonction pause`). A held mailbox or patient: what goes to them waits. Source: decision 0028.

use jiff::Timestamp;
use jonction_model::{Masked, PartnerName, RouteName};
use jonction_ports::KeyKind;
use serde::{Deserialize, Serialize};

use crate::index_key::{IndexHasher, KeyHash};

/// What is held, as typed. In JSON: `{"route": "documents"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    /// A route.
    Route(RouteName),
    /// A partner: its lane.
    Partner(PartnerName),
    /// A mailbox, in clear: never leaves memory.
    Recipient(Masked<String>),
    /// A patient, by any identifier the messages carry, in clear: never leaves memory.
    Patient(Masked<String>),
}

/// What is held, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HeldKey {
    /// A route.
    Route(RouteName),
    /// A partner.
    Partner(PartnerName),
    /// A mailbox, hashed.
    Recipient(KeyHash),
    /// A patient, hashed.
    Patient(KeyHash),
}

impl Held {
    /// Its word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Route(_) => "route",
            Self::Partner(_) => "partner",
            Self::Recipient(_) => "recipient",
            Self::Patient(_) => "patient",
        }
    }

    pub(crate) fn key(&self, hasher: &IndexHasher) -> HeldKey {
        match self {
            Self::Route(name) => HeldKey::Route(name.clone()),
            Self::Partner(name) => HeldKey::Partner(name.clone()),
            Self::Recipient(address) => HeldKey::Recipient(mailbox_key(hasher, address.expose())),
            Self::Patient(id) => HeldKey::Patient(hasher.key(KeyKind::Patient, id.expose().trim())),
        }
    }
}

impl HeldKey {
    /// What a screen and the audit chain may show of it: the name of a route or a partner, a keyed hash of anybody else.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Route(name) => name.to_string(),
            Self::Partner(name) => name.to_string(),
            Self::Recipient(hash) | Self::Patient(hash) => hash.to_string(),
        }
    }

    /// Stored integer, never reused; and its word.
    pub(crate) fn kind(&self) -> (i64, &'static str) {
        match self {
            Self::Route(_) => (0, "route"),
            Self::Partner(_) => (1, "partner"),
            Self::Recipient(_) => (2, "recipient"),
            Self::Patient(_) => (3, "patient"),
        }
    }
}

/// Hash of a mailbox: the same however its address is written.
pub(crate) fn mailbox_key(hasher: &IndexHasher, address: &str) -> KeyHash {
    hasher.key(KeyKind::Recipient, &address.trim().to_lowercase())
}

/// One hold, for screens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HoldLine {
    /// `route`, `partner`, `recipient`, `patient`.
    pub kind: String,
    /// Name of the route or the partner; short keyed hash of anybody else.
    pub name: String,
    /// Since when.
    pub since: Timestamp,
    /// Who.
    pub author: String,
    /// Why.
    pub reason: Option<String>,
    /// Messages that are not routed because of it.
    pub messages: u64,
    /// Deliveries that wait for it, as far as they were looked at.
    pub waiting: u64,
}
