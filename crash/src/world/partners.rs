//! The partners of a world: what they took stays with them, whatever happens to the gateway.
//! In: prepared deliveries. Out: answers drawn from the seed, a record of all they saw. `dmp` can be asked what it holds
//! (probed) after an unknown outcome; `mail` and `sil` cannot, and may get the same thing twice, under the same identifier.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::*;
use jonction_ports::*;

use super::{
    letter::{BODY_FILE_BYTES, control_id},
    mutation::Mutation,
};
use crate::dice::Dice;

/// Names of the sinks.
pub(crate) const SINKS: [&str; 3] = ["dmp", "mail", "sil"];

/// Something a partner took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) sink: &'static str,
    pub(crate) delivery: DeliveryId,
    pub(crate) control_id: String,
    pub(crate) part: String,
    /// Identifier drawn when it was prepared.
    pub(crate) uid: String,
    pub(crate) bytes: Bytes,
}

/// What the partners remember.
#[derive(Debug)]
pub(crate) struct Outside {
    dice: Mutex<Dice>,
    taken: Mutex<Vec<Taken>>,
    mutation: Option<Mutation>,
}

impl Outside {
    pub(crate) fn new(dice: Dice, mutation: Option<Mutation>) -> Arc<Self> {
        Arc::new(Self { dice: Mutex::new(dice), taken: Mutex::default(), mutation })
    }

    pub(crate) fn taken(&self) -> MutexGuard<'_, Vec<Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sinks(self: &Arc<Self>) -> HashMap<PartnerName, Arc<dyn Sink>> {
        let sink = |name: &'static str| {
            let sink: Arc<dyn Sink> = Arc::new(Partner { name, outside: self.clone() });
            PartnerName::parse(name).ok().map(|name| (name, sink))
        };
        SINKS.into_iter().filter_map(sink).collect()
    }

    fn mutated(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    fn below(&self, most: u64) -> u64 {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner).below(most)
    }
}

struct Partner {
    name: &'static str,
    outside: Arc<Outside>,
}

/// What a partner does with an attempt.
enum Act {
    Takes,
    /// Takes it, then the line breaks.
    TakesUnheard,
    NotNow,
    /// The line breaks first.
    Breaks,
}

impl Partner {
    fn act(&self) -> Act {
        match self.outside.below(10) {
            0 => Act::NotNow,
            1 => Act::Breaks,
            2 => Act::TakesUnheard,
            _ => Act::Takes,
        }
    }

    /// A moment on the wire, during which the others go on.
    async fn wire(&self) {
        tokio::time::sleep(Duration::from_millis(self.outside.below(4))).await;
    }

    fn can_be_asked(&self) -> bool {
        self.name == "dmp" && !self.outside.mutated(Mutation::NeverProbes)
    }

    fn take(&self, delivery: &Delivery, uid: &str, bytes: &Bytes) {
        self.outside.taken().push(Taken {
            sink: self.name,
            delivery: delivery.id,
            control_id: control_id(&delivery.shape),
            part: delivery.part.key.clone(),
            uid: uid.to_owned(),
            bytes: bytes.clone(),
        });
    }
}

/// What precedes a letter on the wire. Of one in two deliveries it is longer than a body of the database: the lane writes
/// a file too.
pub(crate) fn envelope(uid: &str) -> Bytes {
    let long = uid.bytes().fold(0_u8, u8::wrapping_add) % 2 == 0;
    let times = if long { 1 + BODY_FILE_BYTES as usize / 30 } else { 1 };
    format!("{uid}\n").repeat(times).into()
}

fn finding(code: &str) -> Finding {
    Finding::error(code, "phrase d'essai")
}

impl Sink for Partner {
    fn connector(&self) -> &'static str {
        self.name
    }

    fn parts(&self, shape: &Shape) -> Vec<Part> {
        let part = |key: String, ordering: Option<String>| {
            let mailbox = ordering.clone().filter(|_| self.name == "mail");
            let ordering = ordering.filter(|_| !self.outside.mutated(Mutation::ForgetsOrder));
            Part { key, label: "essai".to_owned(), ordering, mailbox, due: Due::Owed }
        };
        match (self.name, shape) {
            ("sil", Shape::DeliveryReport(report)) if report.wanted => {
                vec![part("zam".to_owned(), Some(report.origin.control_id.to_string()))]
            }
            ("dmp", Shape::DocumentSubmission(submission)) => {
                let patient = submission.patient.local_ids.first().map(|local| local.id.expose().clone());
                vec![part("lot".to_owned(), patient)]
            }
            ("mail", Shape::DocumentSubmission(submission)) => {
                let address = |recipient: &Recipient| Some(recipient.given_address.expose().clone());
                let parts = submission.recipients.iter().enumerate();
                parts.map(|(at, recipient)| part(format!("recipient {at}"), address(recipient))).collect()
            }
            _ => Vec::new(),
        }
    }

    fn prepare(&self, delivery: &Delivery, tools: &Tools) -> Result<Prepared, Outcome> {
        let uid = tools.entropy.uuid().to_string();
        let content = delivery.shape.as_submission().and_then(|submission| submission.documents.first());
        let pieces = std::iter::once(Piece::New(envelope(&uid)))
            .chain(content.map(|document| Piece::Stored(document.content.clone())))
            .collect();
        if self.outside.mutated(Mutation::SendsBeforeStart) {
            self.take(delivery, &uid, &Bytes::new());
        }
        let keys = vec![IndexKey { kind: KeyKind::MailId, value: format!("<{uid}@crash>") }];
        Ok(Prepared { ids: serde_json::json!({ "uid": uid }), pieces, keys })
    }

    fn attempt<'a>(
        &'a self,
        delivery: &'a Delivery,
        artefact: &'a Artefact,
        tools: &'a Tools,
    ) -> BoxFuture<'a, AttemptReport> {
        Box::pin(async move {
            let mut uid = artefact.ids["uid"].as_str().unwrap_or_default().to_owned();
            if self.outside.mutated(Mutation::PreparesAfresh) {
                uid = tools.entropy.uuid().to_string();
            }
            self.wire().await;
            let asked = delivery.after_unknown && self.can_be_asked();
            if asked && self.outside.taken().iter().any(|taken| taken.uid == uid) {
                return report(Outcome::Done { detail: "déjà là".to_owned() });
            }
            let mut bytes = Vec::new();
            for piece in &artefact.pieces {
                match tools.bodies.read(piece, 1 << 24) {
                    Ok(read) => bytes.extend_from_slice(&read),
                    // Before a byte left.
                    Err(_) => return report(Outcome::Retry { after: None, finding: finding("crash.disk") }),
                }
            }
            if self.outside.mutated(Mutation::DamagesBodies) {
                bytes.push(b'!');
            }
            let bytes = Bytes::from(bytes);
            let outcome = match self.act() {
                Act::NotNow => Outcome::Retry { after: None, finding: finding("crash.busy") },
                Act::Breaks => Outcome::Unknown { finding: finding("crash.broken-line") },
                act => {
                    self.take(delivery, &uid, &bytes);
                    match act {
                        Act::TakesUnheard => Outcome::Unknown { finding: finding("crash.broken-line") },
                        _ => Outcome::Done { detail: "pris".to_owned() },
                    }
                }
            };
            self.wire().await;
            report(outcome)
        })
    }

    fn report(&self, shape: &Shape, _: &Part, ending: &Ending<'_>, at: Timestamp) -> Option<DeliveryReport> {
        let submission = shape.as_submission()?;
        Some(DeliveryReport {
            origin: submission.origin.clone(),
            channel: ReportChannel::Dmp,
            stage: ReportStage::Submission,
            recipient: None,
            verdict: match ending {
                Ending::Delivered => Verdict::Positive,
                Ending::Refused(code) => Verdict::Negative((*code).clone()),
                Ending::Answered(_) => return None,
            },
            wanted: submission.wants.delivery_reports,
            time: at,
        })
    }
}

fn report(outcome: Outcome) -> AttemptReport {
    AttemptReport { outcome, peer: None, code: None, bytes_sent: 1, notes: Vec::new() }
}
