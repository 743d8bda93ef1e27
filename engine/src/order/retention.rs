//! What is destroyed, when, and what keeps it from being destroyed: two clocks, legal holds, a certificate.
//! In: a moment before which messages are too old. Out: what a purge destroyed, step by step, and its certificate.
//! Source: architecture §5 « Retention and purge », decision 0030.

use jiff::Timestamp;
use jonction_model::Masked;
use jonction_ports::MessageId;
use serde::{Deserialize, Serialize};

use super::AuditHead;

/// What grows old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aging {
    /// What was received, made and sent. The story of the message stays.
    Bodies,
    /// The story too. Its totals per route, structure and day stay, and the audit chain.
    Metadata,
}

impl Aging {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Bodies => "bodies",
            Self::Metadata => "metadata",
        }
    }
}

/// Where a purge stands in the journal: after this message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgeCursor {
    /// When it came, in milliseconds since 1970.
    pub received_at: i64,
    /// Its number.
    pub message: MessageId,
}

/// One step of a purge: bounded, so that messages go on coming in meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurgeStep {
    /// What.
    pub what: Aging,
    /// Received before.
    pub before: Timestamp,
    /// Where the step before ended; absent for the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<PurgeCursor>,
    /// After the last step, the store is written anew.
    #[serde(default)]
    pub compact: bool,
}

/// Messages a step looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PurgeWindow {
    /// Those that may go.
    pub messages: Vec<MessageId>,
    /// Kept by a legal hold.
    pub held: u64,
    /// Kept because something of theirs has not ended.
    pub open: u64,
    /// Where it ended; `None`: at the end.
    pub next: Option<PurgeCursor>,
}

/// What was destroyed (or would be).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destroyed {
    /// Messages.
    pub messages: u64,
    /// The lowest number.
    pub first: Option<MessageId>,
    /// The highest number.
    pub last: Option<MessageId>,
    /// Bodies, each counted once; one that another message still needs is not destroyed.
    pub bodies: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of them were files.
    pub files: u64,
    /// SHA-256 over the SHA-256 of each destroyed body, in the order of destruction, after that of the step before.
    pub digest: String,
    /// Keyed hashes of the patients concerned, hexadecimal.
    pub patients: Vec<String>,
}

/// What a step did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purged {
    /// What is gone.
    pub destroyed: Destroyed,
    /// Kept by a legal hold.
    pub held: u64,
    /// Kept because something of theirs has not ended.
    pub open: u64,
    /// Where the next step begins; `None`: it was the last.
    pub next: Option<PurgeCursor>,
}

/// What a purge did, as a paper that can be kept: never a name, patients by keyed hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// What was destroyed.
    pub what: Aging,
    /// Of messages received before.
    pub before: Timestamp,
    /// Who decided.
    pub author: String,
    /// Why.
    pub reason: String,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// What is gone.
    pub destroyed: Destroyed,
    /// Messages kept by a legal hold.
    pub held: u64,
    /// Messages kept because something of theirs has not ended.
    pub open: u64,
    /// First row of the audit chain that tells it.
    pub audit_from: Option<u64>,
    /// Head of the audit chain after it.
    pub audit: Option<AuditHead>,
}

impl Destroyed {
    /// Adds what a later step destroyed.
    pub fn add(&mut self, step: Self) {
        self.messages += step.messages;
        self.first = self.first.into_iter().chain(step.first).min();
        self.last = self.last.into_iter().chain(step.last).max();
        self.bodies += step.bodies;
        self.bytes += step.bytes;
        self.files += step.files;
        if !step.digest.is_empty() {
            self.digest = chained(&self.digest, &step.digest);
        }
        self.patients.extend(step.patients);
        self.patients.sort_unstable();
        self.patients.dedup();
    }
}

/// SHA-256 of two digests in hexadecimal, one after the other; the second alone when there is no first.
fn chained(first: &str, second: &str) -> String {
    if first.is_empty() {
        return second.to_owned();
    }
    jonction_model::BodyId::of(format!("{first}{second}").as_bytes()).to_string()
}

/// What a legal hold is about, in clear: identifiers never leave memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LegalSubject {
    /// Everything about a patient, by any identifier the messages carry.
    Patient(Masked<String>),
    /// Every message about a document.
    Document(String),
    /// One message.
    Message(MessageId),
}

/// One legal hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegalHold {
    /// Its number: that of its row of the audit chain.
    pub number: u64,
    /// Since when.
    pub since: Timestamp,
    /// Who.
    pub author: String,
    /// Why.
    pub reason: Option<String>,
    /// `patient`, `document`, `message`.
    pub kind: String,
    /// Number of the message, or short keyed hash of anything else.
    pub name: String,
    /// Messages it keeps.
    pub messages: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_identifier_is_never_printed() {
        let subject = LegalSubject::Patient(Masked::new("279035121518989".to_owned()));
        assert!(!format!("{subject:?}").contains("2790"));
    }

    #[test]
    fn steps_add_up() {
        let step = |first: u64, last: u64, patient: &str| Destroyed {
            messages: 2,
            first: Some(MessageId(first)),
            last: Some(MessageId(last)),
            bodies: 3,
            bytes: 10,
            files: 1,
            digest: "ab".into(),
            patients: vec![patient.to_owned()],
        };
        let mut whole = Destroyed::default();
        for one in [step(4, 9, "p"), step(1, 5, "p"), step(7, 8, "q")] {
            whole.add(one);
        }
        assert_eq!((whole.messages, whole.first, whole.last), (6, Some(MessageId(1)), Some(MessageId(9))));
        assert_eq!((whole.bodies, whole.patients.len(), whole.digest.len()), (9, 2, 64));
    }
}
