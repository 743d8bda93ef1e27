//! What leaves over MLLP: delivery reports written as ZAM for whoever sent the documents, messages that mappings wrote.
//! In: `DeliveryReport`, `Hl7Message`. Out: bytes prepared once, over a link of our own, until acknowledged.
//! Source: hl7v2.md §2.13 and §3, architecture §4.3, §4.4, §10 (Z02). Deliberately absent: reports on reports.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use jonction_hl7v2::{
    AckView, Limits as Hl7Limits, Message, Path,
    outgoing::Sealing,
    zam::{self, ZamEvent},
};
use jonction_model::{
    DeliveryReport, Environment, Finding, PartnerName, Place, ReportChannel, ReportCode, ReportStage, Shape,
    Verdict,
};
use jonction_net::ClientTls;
use jonction_ports::{
    Artefact, AttemptReport, BoxFuture, Delivery, Due, Ending, IndexKey, KeyKind, Outcome, Part, Piece,
    Prepared, Sink, Tools,
};
use serde_json::json;

use crate::{
    acknowledgements::Acknowledgements,
    config::{Limits, Settings, Target, Z02On},
    control_id::new_control_id,
    outgoing::{Outgoing, SendError},
};

mod message;

use message::MESSAGE_BYTES_MAX;

/// What the sink adds to MSH at most.
const HEADER_BYTES: u64 = 64 << 10;

/// Sink of one partner.
#[derive(Debug)]
pub struct MllpSink {
    partner: PartnerName,
    environment: Environment,
    /// MSH-3 to MSH-6 of messages that leave them open.
    ends: [String; 4],
    z02_on: Z02On,
    acknowledgements: Acknowledgements,
    outgoing: Outgoing,
}

impl MllpSink {
    /// A sink that calls where the settings say; `None` when they name no receiver.
    /// `tls` is made from the identity and the anchors the settings name; needed when [`Target::tls`] is set.
    pub fn new(
        partner: PartnerName,
        settings: &Settings,
        environment: Environment,
        tls: Option<ClientTls>,
    ) -> Option<Self> {
        let target = settings.send_to.clone()?;
        Some(Self {
            partner,
            environment,
            ends: settings.ends.clone(),
            z02_on: settings.z02_on,
            acknowledgements: settings.acknowledgements,
            outgoing: Outgoing::new(target, tls, &settings.limits),
        })
    }

    /// A sink that calls another receiver with the given bounds: for tests and tools.
    pub fn to(
        partner: PartnerName,
        target: Target,
        z02_on: Z02On,
        tls: Option<ClientTls>,
        limits: &Limits,
    ) -> Self {
        let (environment, ends) = (Environment::Test, <[String; 4]>::default());
        let acknowledgements = Acknowledgements::Original;
        let outgoing = Outgoing::new(target, tls, limits);
        Self { partner, environment, ends, z02_on, acknowledgements, outgoing }
    }

    /// MSH-3 to MSH-6 of messages that leave them open.
    #[must_use]
    pub fn ends(self, ends: [&str; 4]) -> Self {
        Self { ends: ends.map(str::to_owned), ..self }
    }

    /// Whether this report is told at all, and as which ZAM. Source: hl7v2.md §2.13 « How many ».
    fn told(&self, report: &DeliveryReport) -> Option<ZamEvent> {
        // A good Z02 is told once: when the operator took the mail, or when the mailbox did.
        let told_at = match self.z02_on {
            Z02On::Dsn => ReportStage::Delivery,
            Z02On::Submission => ReportStage::Submission,
        };
        let other = report.channel == ReportChannel::Mssante
            && report.verdict == Verdict::Positive
            && report.stage != ReportStage::Reading
            && report.stage != told_at;
        (report.wanted && !other).then(|| ZamEvent::of(report))
    }
}

/// `ZAM^Z02`: key of the part. Its label adds the verdict, in the words of the sender: O or N.
fn part(event: ZamEvent, report: &DeliveryReport) -> Part {
    let key = format!("ZAM^{}", event.as_str());
    let verdict = if report.verdict == Verdict::Positive { "O" } else { "N" };
    Part { label: format!("{key} = {verdict}"), key, ordering: None, mailbox: None, due: Due::Owed }
}

impl Sink for MllpSink {
    fn connector(&self) -> &'static str {
        "mllp"
    }

    fn parts(&self, shape: &Shape) -> Vec<Part> {
        match shape {
            Shape::DeliveryReport(report) => {
                self.told(report).map(|event| part(event, report)).into_iter().collect()
            }
            Shape::Hl7Message(message) => vec![message::part(message)],
            Shape::DocumentSubmission(_)
            | Shape::SecureMail(_)
            | Shape::Answer(_)
            | Shape::MessageOutcome(_)
            | Shape::PatientEvent(_)
            | Shape::Appointment(_) => Vec::new(),
        }
    }

    fn prepare(&self, delivery: &Delivery, tools: &Tools) -> Result<Prepared, Outcome> {
        let (control_id, now) = (new_control_id(&*tools.entropy), tools.clock.now());
        let (event, bytes) = match &*delivery.shape {
            Shape::DeliveryReport(report) => {
                let built = zam::write(report, &control_id, now).map_err(|_| {
                    cannot_write("le compte rendu d'un courriel ne nomme pas son destinataire")
                })?;
                (ZamEvent::of(report).as_str(), built.bytes)
            }
            Shape::Hl7Message(message) => {
                let sealing = Sealing {
                    control_id: &control_id,
                    now,
                    environment: self.environment,
                    ends: self.ends.each_ref().map(String::as_str),
                };
                let bytes = message::put_together(message, &*tools.bodies, &sealing)?;
                (message.kind.as_str(), bytes)
            }
            _ => return Err(cannot_write("cette forme de données ne s'écrit pas en HL7 v2 sans traduction")),
        };
        Ok(Prepared {
            ids: json!({ "control_id": control_id, "event": event }),
            pieces: vec![Piece::New(asking(self.acknowledgements, bytes))],
            keys: vec![IndexKey { kind: KeyKind::ControlId, value: control_id }],
        })
    }

    fn attempt<'a>(
        &'a self,
        delivery: &'a Delivery,
        artefact: &'a Artefact,
        tools: &'a Tools,
    ) -> BoxFuture<'a, AttemptReport> {
        Box::pin(async move {
            let mut report = AttemptReport {
                outcome: Outcome::Park {
                    finding: Finding::error("mllp.no-artefact", "le message préparé est illisible"),
                },
                peer: Some(self.outgoing.target().endpoint.to_string()),
                code: None,
                bytes_sent: 0,
                notes: Vec::new(),
            };
            let Some((message, control_id)) = read_artefact(artefact, tools) else { return report };
            let bytes = message.len() as u64;
            match self.outgoing.send(&message, &control_id).await {
                Ok(reply) => {
                    report.bytes_sent = bytes;
                    report.code = Some(reply.ack.code.as_str().to_owned());
                    report.outcome = outcome_of(&reply.ack, reply.elapsed, &delivery.shape);
                    report.notes.extend((!reply.whole).then(no_application_ack));
                }
                Err(error) => {
                    report.bytes_sent = if error.left() { bytes } else { 0 };
                    report.outcome = outcome_of_error(&error);
                }
            }
            tracing::debug!(partner = %self.partner, bytes, outcome = name(&report.outcome), "message attempted");
            report
        })
    }

    fn report(&self, _: &Shape, _: &Part, _: &Ending<'_>, _: Timestamp) -> Option<DeliveryReport> {
        None
    }
}

/// A message that asks for the acknowledgements of its partner's mode: MSH-15 and MSH-16.
fn asking(mode: Acknowledgements, message: Bytes) -> Bytes {
    if mode == Acknowledgements::Original {
        return message;
    }
    let asked = || {
        let parsed = Message::parse(message.clone(), &Hl7Limits::default()).ok()?;
        let path = |text: &str| Path::parse(text).ok();
        let edits = parsed.edit().set(&path("MSH-15")?, "AL").ok()?.set(&path("MSH-16")?, "AL").ok()?;
        Some(edits.apply())
    };
    // It is our own message: it always parses.
    asked().unwrap_or(message)
}

fn no_application_ack() -> Finding {
    Finding::warning(
        "mllp.no-application-ack",
        "le correspondant a accepté le message (CA), puis n'a pas donné son verdict (AA, AE) dans le délai",
    )
    .remedy("vérifier avec lui ; s'il n'en donne jamais, écrire « acknowledgements: original »")
}

/// The message as prepared, and its own number as written in it.
fn read_artefact(artefact: &Artefact, tools: &Tools) -> Option<(Bytes, String)> {
    let [piece] = artefact.pieces.as_slice() else { return None };
    let message = tools.bodies.read(piece, MESSAGE_BYTES_MAX + HEADER_BYTES).ok()?;
    let limits = Hl7Limits { message_bytes_max: usize::MAX, ..Hl7Limits::default() };
    let header = Message::parse(message.clone(), &limits).ok()?.header();
    Some((message, header.control_id))
}

fn outcome_of(ack: &AckView, elapsed: Duration, shape: &Shape) -> Outcome {
    let code = ack.code;
    if code.is_positive() {
        return Outcome::Done {
            detail: format!("acquitté {} en {} ms", code.as_str(), elapsed.as_millis())
        };
    }
    let carries = matches!(shape, Shape::Hl7Message(_));
    if let (true, false, Some(outcome)) = (carries, code.may_be_sent_again(), message::functional(ack)) {
        return outcome;
    }
    let finding = refusal(ack, if carries { &MESSAGE } else { &ZAM });
    if code.may_be_sent_again() {
        Outcome::Retry { after: None, finding }
    } else {
        let label = finding.sentence.clone();
        Outcome::Refuse { finding, code: ReportCode::new(code.as_str(), label) }
    }
}

/// How a refusal speaks of what was sent.
struct Words {
    later: &'static str,
    refused: &'static str,
    remedy: &'static str,
}

const ZAM: Words = Words {
    later: "le correspondant ne peut pas recevoir l'accusé pour le moment",
    refused: "le correspondant refuse l'accusé",
    remedy: "voir avec l'éditeur du logiciel destinataire ; l'accusé suit hl7v2.md §2.13",
};

const MESSAGE: Words = Words {
    later: "le correspondant ne peut pas recevoir le message pour le moment",
    refused: "le correspondant refuse le message",
    remedy: "corriger la traduction à l'endroit dit, ou voir avec l'éditeur du logiciel destinataire",
};

/// What the receiver complains of. Its own texts may quote the message: only codes and places are kept.
fn refusal(ack: &AckView, words: &Words) -> Finding {
    let again = ack.code.may_be_sent_again();
    let sentence = if again { words.later } else { words.refused };
    let code = if again { "mllp.answered-later" } else { "mllp.refused-by-receiver" };
    let finding =
        Finding::error(code, sentence).remedy(words.remedy).expected("MSA-1 = AA", ack.code.as_str());
    match ack.errors.first() {
        Some(error) => {
            let place: String =
                error.location.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '^').take(40).collect();
            let wire: String = error.code.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
            let finding = finding.at(Place::path(place));
            if wire.is_empty() { finding } else { finding.wire_code(wire) }
        }
        None => finding,
    }
}

fn outcome_of_error(error: &SendError) -> Outcome {
    let finding = Finding::error(error.code(), error.sentence());
    if error.left() { Outcome::Unknown { finding } } else { Outcome::Retry { after: None, finding } }
}

fn cannot_write(sentence: &str) -> Outcome {
    Outcome::Park { finding: Finding::error("mllp.cannot-write", sentence) }
}

fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done { .. } => "done",
        Outcome::Retry { .. } => "retry",
        Outcome::Park { .. } => "park",
        Outcome::Refuse { .. } => "refuse",
        Outcome::Unknown { .. } => "unknown",
    }
}
