//! What is said at the door, before anybody is told anything: the list of architecture §10, and nothing later.
//! In: the bytes of one frame, who sent it. Out: one verdict per message, and how to recognise a repeat.
//! Sources: architecture §4.12, §10 (admission, repeats); hl7v2.md §2.12, §6.4, §8 (H017), §9. Pure.

use bytes::Bytes;
use jiff::Timestamp;
use jonction_hl7v2::{Header, Limits as Hl7Limits, Message, admission, batch, profiles::Profile};
use jonction_model::{Entropy, Environment, Finding, MessageControlId, Mode, Place, Severity};
use jonction_ports::{Admission, Admitted, MessageFacts, Peer, Repeat};

use crate::{
    acknowledgements::Acknowledgements,
    answer::Answers,
    config::{Messages, Settings},
    root::document_roots,
    senders::{self, SenderRule},
};

/// Findings kept of one message: a message of 10⁵ faults must not fill the journal.
const FINDINGS_MAX: usize = 200;

/// A message and what was said of it.
#[derive(Debug)]
pub struct Judged {
    /// The verdict.
    pub admitted: Admitted,
    /// Its header, when one could be read: whom to answer.
    pub header: Option<Header>,
    /// The message, when it could be parsed.
    pub message: Option<Message>,
}

/// Admission of one partner.
#[derive(Clone, Debug)]
pub struct MllpAdmission {
    senders: Vec<SenderRule>,
    environment: Environment,
    mode: Mode,
    messages: Messages,
    limits: Hl7Limits,
    batch_messages_max: usize,
    acknowledgements: Acknowledgements,
}

impl MllpAdmission {
    /// Admission of a partner that sends documents to the gateway.
    pub fn new(settings: &Settings, environment: Environment) -> Self {
        Self {
            senders: settings.senders.clone(),
            environment,
            mode: settings.mode,
            messages: settings.messages,
            limits: Hl7Limits {
                message_bytes_max: settings.limits.server.frames.frame_bytes_max,
                ..Hl7Limits::default()
            },
            batch_messages_max: settings.limits.batch_messages_max,
            acknowledgements: settings.acknowledgements,
        }
    }

    /// The messages of one frame: usually itself; a batch or a plain concatenation is cut at its headers.
    pub fn split(&self, frame: &Bytes) -> Vec<Bytes> {
        let batch = batch::split(frame, self.batch_messages_max);
        match batch.messages.len() {
            // Kept whole: bytes before a single header are part of what was received.
            0 | 1 => vec![frame.clone()],
            _ => batch.messages,
        }
    }

    /// Judges one message, and keeps what an answer needs. `peer`: who is connected, if anybody is.
    pub fn judge(&self, raw: &Bytes, peer: Option<&Peer>) -> Judged {
        let message = match Message::parse(raw.clone(), &self.limits) {
            Ok(message) => message,
            Err(error) => return refused(Header::read(raw), error.finding()),
        };
        let header = message.header();
        let facts = facts(&header);
        let sender =
            senders::refusal(&self.senders, &header.sending_application, &header.sending_facility, peer);
        let mut findings = match sender {
            // Whoever may not speak learns nothing of what we think of the rest.
            Some(finding) => vec![finding],
            None => {
                let mut findings = admission::refusals(&message, self.awaited(&message));
                findings.extend(self.processing(&header));
                findings.extend(unusable_number(&header, &facts));
                if !has_errors(&findings) {
                    findings.extend(document_roots(&message));
                }
                findings
            }
        };
        findings.truncate(FINDINGS_MAX);
        let accepted = !has_errors(&findings);
        // A refusal is judged anew each time: the settings may have been corrected since, and what an impostor sent must
        // never answer for the true sender.
        let repeat = if accepted { repeat(&message, &header, &facts) } else { None };
        Judged {
            admitted: Admitted { facts, findings, accepted, repeat },
            header: Some(header),
            message: Some(message),
        }
    }

    /// The family a message is judged as: a document of the volet, unless anything may come and it is none.
    fn awaited(&self, message: &Message) -> Profile {
        match (self.messages, Profile::of(message)) {
            (Messages::Any, Profile::Other | Profile::Ack | Profile::Zam) => Profile::Other,
            _ => Profile::DocumentToPfi,
        }
    }

    /// Who writes the answers of this partner.
    pub(crate) fn answers<'a>(&self, entropy: &'a dyn Entropy, now: Timestamp) -> Answers<'a> {
        Answers { entropy, now, acknowledgements: self.acknowledgements }
    }

    /// Verdict on a frame over the limit, of which only the head is known.
    pub fn too_long(&self, head: &Bytes, bytes: u64) -> Judged {
        let limit = self.limits.message_bytes_max;
        let finding = Finding::error("mllp.too-long", "le message dépasse la taille acceptée sur ce port")
            .expected(format!("{limit} octets au plus"), format!("{bytes} octets"))
            .remedy("réduire la taille des documents joints, ou faire relever « message_max » du partenaire")
            .requirement("hl7v2.md §6.6")
            .wire_code("199");
        refused(Header::read(head), finding)
    }

    /// Verdict when judging itself failed: our fault, said as such.
    pub(crate) fn failed(&self, raw: &Bytes) -> Judged {
        let finding =
            Finding::error("mllp.admission-failed", "la passerelle n'a pas pu contrôler ce message")
                .remedy("prévenir l'exploitant de la passerelle ; le message est conservé")
                .wire_code("207");
        refused(Header::read(raw), finding)
    }

    /// Whether a number used twice for different contents is refused, or only noted. Source: architecture §10 « Repeats ».
    pub fn refuses_conflicts(&self) -> bool {
        self.mode == Mode::Strict
    }

    /// MSH-11 against the environment. A test message never enters production, whatever the mode: it would be filed with
    /// the real ones. `P` on a test gateway is what every official sample says (hl7v2.md §2.2): noted, refused in strict.
    fn processing(&self, header: &Header) -> Option<Finding> {
        let (severity, expected, remedy) = match (self.environment, header.processing.as_str()) {
            (Environment::Production, "T" | "D") => {
                (Severity::Error, "P", "envoyer les essais à la passerelle de test, ou écrire P en MSH-11")
            }
            (Environment::Test, "P") => {
                let severity = if self.mode == Mode::Strict { Severity::Error } else { Severity::Info };
                (severity, "T", "écrire T en MSH-11 sur une passerelle de test")
            }
            _ => return None,
        };
        let finding = Finding::new(
            severity,
            "hl7v2/H017",
            "MSH-11 ne correspond pas à l'environnement de la passerelle",
        )
        .at(Place::path("MSH-11"))
        .expected(expected, header.processing.clone())
        .remedy(remedy)
        .requirement("architecture §4.12");
        Some(finding.wire_code("202"))
    }
}

impl Admission for MllpAdmission {
    fn admit(&self, raw: &Bytes, peer: Option<&Peer>) -> Admitted {
        self.judge(raw, peer).admitted
    }

    fn answer(
        &self,
        raw: &Bytes,
        peer: Option<&Peer>,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> (Admitted, Bytes) {
        let judged = self.judge(raw, peer);
        let reply = self.answers(entropy, now).verdict(&judged);
        (judged.admitted, reply)
    }
}

/// A number that cannot be written back exactly: no acknowledgement could name it, no repeat be recognised.
/// An absent one is told by H015.
fn unusable_number(header: &Header, facts: &MessageFacts) -> Option<Finding> {
    if facts.control_id.is_some() || header.control_id.is_empty() {
        return None;
    }
    let finding = Finding::error("mllp.unusable-number", "le numéro du message n'est pas utilisable")
        .at(Place::path("MSH-10"))
        .remedy("écrire en MSH-10 de 1 à 199 caractères imprimables")
        .requirement("hl7v2.md §2.2");
    Some(finding.wire_code("102"))
}

fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

fn refused(header: Option<Header>, finding: Finding) -> Judged {
    let facts = header.as_ref().map(facts).unwrap_or_default();
    let admitted = Admitted { facts, findings: vec![finding], accepted: false, repeat: None };
    Judged { admitted, header, message: None }
}

fn facts(header: &Header) -> MessageFacts {
    let pair = |a: &str, b: &str| match (a, b) {
        (a, "") => a.to_owned(),
        (a, b) => format!("{a}^{b}"),
    };
    MessageFacts {
        kind: pair(&header.message_code, &header.trigger_event),
        profile: pair(&header.profile_version, &header.profile),
        control_id: MessageControlId::parse(&header.control_id).ok(),
        sending_application: header.sending_application.clone(),
        sending_facility: header.sending_facility.clone(),
    }
}

/// Key and digest of an accepted message; `None` when it has no usable number.
fn repeat(message: &Message, header: &Header, facts: &MessageFacts) -> Option<Repeat> {
    let (key, digest) = admission::repeat(message, header, facts.control_id.as_ref()?);
    Some(Repeat { key, digest })
}
