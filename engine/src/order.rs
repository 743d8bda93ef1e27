//! What a human decides: one [`Order`], whatever the act and wherever it was typed; and its row of the audit chain.
//! In: an author, a reason, an act. Out: one change of the journal, with its audit row in the same transaction.
//! Adding an act: a variant here, its [`Deed`](crate::journal::Deed), an arm in `order/carry_out.rs`, one in
//! `journal/sqlite/write/order.rs`. Source: architecture §4.10, issue « operations ».

use std::fmt;

use jonction_model::checked_text;
use jonction_ports::{DeliveryId, MessageId};
use serde::{Deserialize, Serialize};

use hold::Held;
pub use message_bytes::MessageBytes;
use retention::{LegalSubject, PurgeStep, Purged};

pub mod audit;
pub(crate) mod carry_out;
pub mod hold;
mod message_bytes;
mod recall;
mod resend;
pub mod retention;
pub(crate) mod settle;

fn said(text: &str, most: usize) -> Option<&str> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control);
    fits.then_some(text)
}

checked_text! {
    /// Who decides, as the audit chain names them: `marie.dupont`.
    Author, "author", "1 to 64 characters, no control character", |text| said(text, 64)
}
checked_text! {
    /// Why. Kept for ever and shown to everybody, to the sender too when it tells a refusal: no datum of a person.
    Reason, "reason", "1 to 500 characters, no control character", |text| said(text, 500)
}

/// A decision of a human.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Who.
    pub author: Author,
    /// Why; see [`Act::needs_reason`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What.
    pub act: Act,
}

/// What may be decided. In JSON: `{"kind": "release", "delivery": 12}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Act {
    /// A parked delivery goes back to its lane, with the same bytes.
    Release {
        /// The delivery.
        delivery: DeliveryId,
    },
    /// A parked delivery is refused for good; its sender is told when it wants to know and a route is running.
    Refuse {
        /// The delivery.
        delivery: DeliveryId,
    },
    /// A message parked in routing is routed again.
    RouteAgain {
        /// The message.
        message: MessageId,
    },
    /// The store comes from a backup: what was open then is of unknown outcome now.
    Restored {
        /// When the backup was taken.
        made_at: jiff::Timestamp,
    },
    /// Old messages are destroyed: one step of a purge.
    Purge(PurgeStep),
    /// Messages are kept from any purge.
    LegalHold {
        /// Which.
        subject: LegalSubject,
    },
    /// They are not any more.
    LegalLift {
        /// Number of the hold.
        hold: u64,
    },
    /// A message parked in routing is refused for good. Nobody is told: its sender has its acknowledgement already.
    RefuseMessage {
        /// The message.
        message: MessageId,
    },
    /// Something is held back, at once, until it is lifted.
    Hold {
        /// What.
        what: Held,
    },
    /// What was held goes on.
    Lift {
        /// What.
        what: Held,
    },
    /// A parked message is corrected, judged and routed again; what of it has not left is replaced.
    Resend {
        /// The message.
        message: MessageId,
        /// Its corrected bytes: the same sender, the same number.
        edited: MessageBytes,
        /// The partner was asked, and never got what is parked with an unknown outcome.
        #[serde(default)]
        not_received: bool,
    },
    /// The bytes of a message are taken out.
    Export {
        /// The message.
        message: MessageId,
    },
    /// A document that went to the wrong person is taken back: what left is deleted, what has not is cancelled.
    Recall {
        /// The message that carried it.
        message: MessageId,
        /// Its uniqueId.
        document: String,
    },
}

impl Act {
    /// Its word: in JSON, in the audit chain, in logs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Release { .. } => "release",
            Self::Refuse { .. } => "refuse",
            Self::RouteAgain { .. } => "route-again",
            Self::Restored { .. } => "restored",
            Self::Purge(_) => "purge",
            Self::LegalHold { .. } => "legal-hold",
            Self::LegalLift { .. } => "legal-lift",
            Self::RefuseMessage { .. } => "refuse-message",
            Self::Hold { .. } => "hold",
            Self::Lift { .. } => "lift",
            Self::Resend { .. } => "resend",
            Self::Export { .. } => "export",
            Self::Recall { .. } => "recall",
        }
    }

    /// Whether a reason must be given: whatever loses, changes or shows something.
    pub fn needs_reason(&self) -> bool {
        match self {
            Self::Release { .. } | Self::RouteAgain { .. } | Self::Lift { .. } => false,
            Self::Refuse { .. }
            | Self::RefuseMessage { .. }
            | Self::Restored { .. }
            | Self::Purge(_)
            | Self::LegalHold { .. }
            | Self::LegalLift { .. }
            | Self::Hold { .. }
            | Self::Resend { .. }
            | Self::Export { .. }
            | Self::Recall { .. } => true,
        }
    }
}

/// An order, carried out and durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ordered {
    /// Head of the audit chain: the order's own row. For a step of a purge that destroyed nothing: the head as it was.
    pub audit: AuditHead,
    /// What a step of a purge did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purged: Option<Purged>,
    /// What was taken out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exported: Option<MessageBytes>,
}

impl Ordered {
    fn of(audit: AuditHead) -> Self {
        Self { audit, purged: None, exported: None }
    }
}

/// SHA-256 of a row of the audit chain; covers every row before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AuditHash(pub [u8; 32]);

impl AuditHash {
    /// What the first row stands on.
    pub const START: Self = Self([0; 32]);

    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut hash = [0; 32];
        for (at, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(Self(hash))
    }
}

impl fmt::Display for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for AuditHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AuditHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("64 hexadecimal digits"))
    }
}

/// How far the audit chain goes. Noted elsewhere, it proves later that nothing before it was changed or cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// Number of the last row, also how many there are.
    pub count: u64,
    /// Its hash.
    pub hash: AuditHash,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_has_one_form_in_json() {
        let json = r#"{"author":"marie","reason":"corrigé","act":{"kind":"refuse","delivery":12}}"#;
        let order: Order = serde_json::from_str(json).unwrap();
        assert_eq!(order.act, Act::Refuse { delivery: DeliveryId(12) });
        assert_eq!(serde_json::to_string(&order).unwrap(), json);
        assert_eq!(json.matches(order.act.word()).count(), 1);
    }

    #[test]
    fn what_is_not_an_order_is_refused() {
        for json in [
            r#"{"author":"","act":{"kind":"release","delivery":1}}"#,
            r#"{"author":"a\nb","act":{"kind":"release","delivery":1}}"#,
            r#"{"author":"a","act":{"kind":"release","delivery":1,"too":1}}"#,
            r#"{"author":"a","act":{"kind":"destroy"}}"#,
        ] {
            assert!(serde_json::from_str::<Order>(json).is_err(), "{json}");
        }
        assert!(Reason::parse(&"x".repeat(500)).is_ok() && Reason::parse(&"x".repeat(501)).is_err());
    }

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = AuditHash([0xa5; 32]);
        assert_eq!(AuditHash::parse(&hash.to_string()), Some(hash));
        assert_eq!(AuditHash::parse("a5"), None);
        assert_eq!(AuditHash::parse(&"é".repeat(32)), None);
    }
}
