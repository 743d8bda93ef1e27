//! What is said of a file before it is journaled, and the answer that is written beside it.
//! In: the bytes of a message. Out: a verdict, how a repeat is recognised, an acknowledgement (HL7) or a line of JSON.
//! Source: architecture §4.12, §10. Pure. Deliberately absent: what the content means; steps of routes say it.

use bytes::Bytes;
use jiff::Timestamp;
use jonction_hl7v2::{AckCode, Header, Limits, Message, ack, admission::repeat, batch};
use jonction_model::{BodyId, Entropy, Environment, Finding, MessageControlId, Place, Severity};
use jonction_ports::{Admission, Admitted, MessageFacts, Peer, Repeat};
use serde_json::json;

use crate::config::{Collect, Content};

/// Messages of one file.
const MESSAGES_MAX: usize = 10_000;

/// Admission of one partner.
#[derive(Clone, Debug)]
pub struct FolderAdmission {
    content: Content,
    environment: Environment,
    limits: Limits,
}

/// A message and what was said of it.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) admitted: Admitted,
    message: Option<Message>,
}

impl FolderAdmission {
    /// Admission of what is collected.
    pub fn new(settings: &Collect, environment: Environment) -> Self {
        let message_bytes_max = usize::try_from(settings.size_max).unwrap_or(usize::MAX);
        let limits = Limits { message_bytes_max, ..Limits::default() };
        Self { content: settings.content.clone(), environment, limits }
    }

    /// The messages of a file: itself, or those of a batch.
    pub fn split(&self, file: &Bytes) -> Vec<Bytes> {
        match &self.content {
            Content::Hl7 { .. } => {
                let messages = batch::split(file, MESSAGES_MAX).messages;
                if messages.len() > 1 { messages } else { vec![file.clone()] }
            }
            Content::Other { .. } => vec![file.clone()],
        }
    }

    pub(crate) fn judge(&self, raw: &Bytes) -> Judged {
        match &self.content {
            Content::Hl7 { facilities } => self.judge_hl7(raw, facilities),
            Content::Other { kind, facility } => {
                let facts = MessageFacts {
                    kind: (*kind).to_owned(),
                    sending_facility: facility.clone(),
                    ..MessageFacts::default()
                };
                let findings = match raw.is_empty() {
                    true => vec![
                        Finding::error("folder.empty", "ce fichier est vide")
                            .remedy("vérifier l'export qui l'a écrit, puis redéposer le fichier"),
                    ],
                    false => Vec::new(),
                };
                let id = BodyId::of(raw);
                let repeat = Repeat { key: format!("{kind}|{facility}|{id}"), digest: *id.as_bytes() };
                Judged { admitted: admitted(facts, findings, Some(repeat)), message: None }
            }
        }
    }

    fn judge_hl7(&self, raw: &Bytes, facilities: &[String]) -> Judged {
        let message = match Message::parse(raw.clone(), &self.limits) {
            Ok(message) => message,
            Err(error) => {
                return Judged {
                    admitted: admitted(MessageFacts::default(), vec![error.finding()], None),
                    message: None,
                };
            }
        };
        let header = message.header();
        let pair = |a: &str, b: &str| if b.is_empty() { a.to_owned() } else { format!("{a}^{b}") };
        let facts = MessageFacts {
            kind: pair(&header.message_code, &header.trigger_event),
            profile: pair(&header.profile_version, &header.profile),
            control_id: MessageControlId::parse(&header.control_id).ok(),
            sending_application: header.sending_application.clone(),
            sending_facility: header.sending_facility.clone(),
        };
        let mut findings = Vec::new();
        let named = header.sending_facility.split('^').next().unwrap_or_default();
        if !facilities.iter().any(|facility| facility == named || *facility == header.sending_facility) {
            findings.push(
                Finding::error(
                    "folder.sender-not-allowed",
                    "cette structure n'est pas autorisée à déposer dans ce dossier",
                )
                .at(Place::path("MSH-4"))
                .remedy("l'ajouter à « facilities » du partenaire, si elle doit l'être")
                .requirement("architecture §4.12"),
            );
        }
        if facts.control_id.is_none() {
            findings.push(
                Finding::error(
                    "folder.unusable-number",
                    "le numéro du message manque, ou n'est pas utilisable",
                )
                .at(Place::path("MSH-10"))
                .remedy("écrire en MSH-10 de 1 à 199 caractères imprimables")
                .wire_code("101"),
            );
        }
        if self.environment == Environment::Production && matches!(header.processing.as_str(), "T" | "D") {
            findings.push(
                Finding::error("hl7v2/H017", "MSH-11 ne correspond pas à l'environnement de la passerelle")
                    .at(Place::path("MSH-11"))
                    .expected("P", header.processing.clone())
                    .remedy("envoyer les essais à la passerelle de test, ou écrire P en MSH-11")
                    .requirement("architecture §4.12")
                    .wire_code("202"),
            );
        }
        let repeat = facts.control_id.as_ref().map(|id| {
            let (key, digest) = repeat(&message, &header, id);
            Repeat { key, digest }
        });
        Judged { admitted: admitted(facts, findings, repeat), message: Some(message) }
    }

    /// Verdict on a file over the limit, of which only the beginning is known.
    pub(crate) fn too_large(&self, length: u64, limit: u64) -> Judged {
        let finding = Finding::error("folder.too-large", "ce fichier dépasse la taille acceptée")
            .expected(format!("{limit} octets au plus"), format!("{length} octets"))
            .remedy("découper ce fichier, ou relever « size_max » du partenaire");
        Judged { admitted: admitted(MessageFacts::default(), vec![finding], None), message: None }
    }

    /// What is written beside the file.
    pub(crate) fn reply(&self, judged: &Judged, entropy: &dyn Entropy, now: Timestamp) -> Bytes {
        let Judged { admitted, message } = judged;
        if let (Content::Hl7 { .. }, Some(message)) = (&self.content, message) {
            let (header, control_id): (Header, String) = (message.header(), number(entropy));
            let verdict = if admitted.accepted { AckCode::AA } else { AckCode::AE };
            let (request, findings) = (Some(message), admitted.findings.as_slice());
            return ack::Reply { header: &header, request, verdict, findings, control_id: &control_id, now }
                .write();
        }
        let answer =
            json!({ "accepted": admitted.accepted, "at": now.to_string(), "findings": admitted.findings });
        Bytes::from(format!("{answer}\n"))
    }

    /// How the answer is called, after the name of the file.
    pub(crate) fn reply_ending(&self) -> &'static str {
        match self.content {
            Content::Hl7 { .. } => ".ack",
            Content::Other { .. } => ".reponse.json",
        }
    }
}

impl Admission for FolderAdmission {
    fn admit(&self, raw: &Bytes, _: Option<&Peer>) -> Admitted {
        self.judge(raw).admitted
    }

    fn answer(
        &self,
        raw: &Bytes,
        _: Option<&Peer>,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> (Admitted, Bytes) {
        let judged = self.judge(raw);
        let reply = self.reply(&judged, entropy, now);
        (judged.admitted, reply)
    }
}

fn admitted(facts: MessageFacts, findings: Vec<Finding>, repeat: Option<Repeat>) -> Admitted {
    let accepted = findings.iter().all(|finding| finding.severity < Severity::Error);
    Admitted { facts, findings, accepted, repeat: repeat.filter(|_| accepted) }
}

/// Number of an acknowledgement: 20 characters, as MSH-10 takes them.
fn number(entropy: &dyn Entropy) -> String {
    entropy.uuid().simple().to_string().chars().take(20).collect()
}
