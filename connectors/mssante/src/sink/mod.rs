//! The sink: one mail per recipient, prepared once, attempted until it ends.
//! In: `DocumentSubmission`. Out: mails at the operator, reports for the sender. Source: mssante.md §3, hl7v2.md §2.10.

mod addressee;
mod compose;
mod lot;
mod names;
mod notice;
mod outcome;
mod send;

use std::{
    collections::HashMap,
    fs,
    sync::{Arc, PoisonError, RwLock},
};

use jiff::Timestamp;
use jonction_model::{
    Clock, DeliveryReport, DocumentSubmission, Environment, Finding, MssAddress, Oid, Recipient,
    ReportChannel, ReportRecipient, ReportStage, Severity, Shape, Standing, Verdict,
    smtp_code::smtp_report_code,
};
use jonction_net::{ClientTls, Endpoint};
use jonction_ports::{
    Artefact, AttemptReport, Bodies, BoxFuture, Delivery, Directory, Due, Ending, IndexKey, KeyKind, Outcome,
    Part, Piece, Prepared, Sink, Tools,
};
use jonction_xds::{Defaults, xdm::Origin};
use serde::{Deserialize, Serialize};

use crate::{
    client::{Client, Operator},
    config::{AuthSettings, ListOrigin, Settings, WithoutPdf},
    session::{Auth, SessionConfig, reply::ReplyLimits},
    whitelist::{self, Whitelist, WhitelistError},
};
use addressee::{Addressee, Gates, List, is_wanted};
use lot::{Lot, LotCache, LotError, LotRequest};

/// What the program hands to a sink beside its settings.
pub struct SinkParts {
    /// TLS: anchors and client certificate, already loaded.
    pub tls: ClientTls,
    /// Password of `auth: plain`, already read; ignored otherwise.
    pub password: Option<String>,
    /// Where the gateway stands.
    pub environment: Environment,
    /// Time, for the age of the liste blanche.
    pub clock: Arc<dyn Clock>,
    /// The directories, for a liste blanche that is pulled.
    pub directory: Option<Arc<dyn Directory>>,
    /// OID of this gateway: sourceId of the lots.
    pub source_id: Oid,
    /// What fills the holes of XDS metadata.
    pub defaults: Defaults,
    /// What INDEX.HTM and README.TXT say of who sends.
    pub origin: Origin,
}

/// Why a liste blanche was not put in force.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// The file cannot be read.
    #[error("whitelist file could not be read")]
    Io(#[from] std::io::Error),
    /// The list is not taken.
    #[error(transparent)]
    List(#[from] WhitelistError),
}

impl ReloadError {
    /// Stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "mssante.whitelist-missing",
            Self::List(error) => error.code(),
        }
    }
}

/// Sends through one operator.
pub struct MssanteSink {
    settings: Settings,
    environment: Environment,
    clock: Arc<dyn Clock>,
    source_id: Oid,
    defaults: Defaults,
    origin: Origin,
    /// One per mailbox of ours: with EXTERNAL a connection belongs to its mailbox.
    clients: HashMap<MssAddress, Client>,
    whitelist: RwLock<Option<Arc<Whitelist>>>,
    directory: Option<Arc<dyn Directory>>,
    lots: LotCache,
}

impl std::fmt::Debug for MssanteSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MssanteSink").field("host", &self.settings.host).finish_non_exhaustive()
    }
}

/// Our facts about a prepared mail. Free of any datum of a person.
#[derive(Debug, Serialize, Deserialize)]
struct MailFacts {
    message_id: String,
    envelope_id: String,
    from: MssAddress,
    size: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Finding>,
}

impl MssanteSink {
    /// Opens nothing.
    pub fn new(settings: Settings, parts: SinkParts) -> Self {
        let tls = ClientTls { server_name: Some(settings.server_name.clone()), ..parts.tls };
        let client = |mailbox: &MssAddress| {
            Client::new(Operator {
                endpoint: Endpoint { host: settings.host.clone(), port: settings.port },
                tls: tls.clone(),
                session: SessionConfig {
                    security: settings.security,
                    auth: match &settings.auth {
                        AuthSettings::None => Auth::None,
                        AuthSettings::External => Auth::External(mailbox.clone()),
                        AuthSettings::Plain { user, .. } => Auth::Plain {
                            user: user.clone(),
                            password: parts.password.clone().unwrap_or_default(),
                        },
                    },
                    client_name: settings.client_name.clone(),
                    limits: ReplyLimits::default(),
                },
                timeouts: settings.timeouts,
                pool: settings.pool,
            })
        };
        let mailboxes = settings.senders.iter().map(|rule| &rule.address);
        let clients = mailboxes.map(|mailbox| (mailbox.clone(), client(mailbox))).collect();
        Self {
            settings,
            environment: parts.environment,
            clock: parts.clock,
            source_id: parts.source_id,
            defaults: parts.defaults,
            origin: parts.origin,
            clients,
            whitelist: RwLock::default(),
            directory: parts.directory,
            lots: LotCache::default(),
        }
    }

    /// Reads the liste blanche of the settings again and puts it in force; says how many domains it has.
    /// `Ok(None)`: no list is set, or it is in the directories. Errors: not readable, older, much shorter; the one in force then stays.
    pub fn reload_whitelist(&self) -> Result<Option<usize>, ReloadError> {
        let Some(settings) = &self.settings.whitelist else { return Ok(None) };
        let ListOrigin::File(file) = &settings.origin else { return Ok(None) };
        let bytes = fs::read(file)?;
        let list = Whitelist::read(&bytes, settings.mode, &whitelist::Limits::default())?;
        let domains = list.len();
        self.use_whitelist(list)?;
        Ok(Some(domains))
    }

    /// Puts a liste blanche in force. Errors: older than the one in force, or much shorter; that one then stays.
    pub fn use_whitelist(&self, list: Whitelist) -> Result<(), WhitelistError> {
        let mut in_force = self.whitelist.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(in_force) = in_force.as_deref() {
            list.may_replace(in_force)?;
        }
        *in_force = Some(Arc::new(list));
        Ok(())
    }

    fn judge(&self, submission: &DocumentSubmission, index: usize) -> Result<Addressee, Due> {
        let file = self.whitelist.read().unwrap_or_else(PoisonError::into_inner).clone();
        let whitelist = match self.settings.whitelist.as_ref().map(|list| &list.origin) {
            Some(ListOrigin::Directory) => self.directory.as_deref().map(List::Directory),
            _ => file.as_deref().map(List::File),
        };
        let gates = Gates {
            settings: &self.settings,
            environment: self.environment,
            whitelist,
            now: self.clock.now(),
        };
        gates.judge(submission, index)
    }

    fn lot(
        &self,
        delivery: &Delivery,
        submission: &DocumentSubmission,
        bodies: &dyn Bodies,
    ) -> Result<Arc<Lot>, Outcome> {
        let identity = submission.patient.qualified(self.environment).ok();
        let request = LotRequest {
            submission,
            identity: identity.as_ref(),
            received_at: delivery.received_at,
            message: delivery.message,
            source_id: &self.source_id,
            defaults: &self.defaults,
            origin: &self.origin,
            document_bytes_max: self.settings.limits.document_bytes_max,
        };
        let limits = &self.settings.limits;
        self.lots
            .get_or_make(request.key(), limits.lots_cached_max, limits.cache_bytes_max, || {
                request.make(bodies)
            })
            .map_err(of_lot_error)
    }
}

fn of_lot_error(error: LotError) -> Outcome {
    match error {
        LotError::Store => Outcome::Park {
            finding: Finding::error(
                "mssante.document-unreadable",
                "un document ne peut pas être relu du journal",
            )
            .remedy("vérifier le disque et le journal"),
        },
        LotError::TooLarge(limit) => too_large(limit),
        LotError::Build(findings) => {
            let first = findings.into_iter().find(|finding| finding.severity == Severity::Error);
            let finding = first.unwrap_or_else(|| {
                Finding::error("mssante.no-archive", "l'archive XDM ne peut pas être faite")
            });
            Outcome::Refuse { finding, code: smtp_report_code(554) }
        }
    }
}

fn too_large(limit: u64) -> Outcome {
    let finding =
        Finding::error("mssante.too-large", format!("le courriel dépasse la limite de {} Mo", limit >> 20))
            .remedy("réduire le document, ou le transmettre autrement")
            .requirement("MSS/va1.13")
            .wire_code("523");
    Outcome::Refuse { finding, code: smtp_report_code(523) }
}

fn not_ours() -> Outcome {
    Outcome::Park {
        finding: Finding::error(
            "mssante.not-ours",
            "cet envoi n'est pas un courriel que ce connecteur sait préparer",
        ),
    }
}

fn no_longer_ours() -> Outcome {
    Outcome::Park {
        finding: Finding::error("mssante.no-mailbox", "la boîte d'envoi de ce courriel n'est plus réglée")
            .remedy("remettre cette boîte dans « senders », puis reprendre l'envoi"),
    }
}

/// `recipient 2` → index 1.
fn index_of(part: &Part) -> Option<usize> {
    part.key.strip_prefix("recipient ")?.parse::<usize>().ok()?.checked_sub(1)
}

/// What orders deliveries: the same patient to the same mailbox. `None` without any identifier.
fn ordering(submission: &DocumentSubmission, recipient: &Recipient) -> Option<String> {
    let patient = match (&submission.patient.ins, submission.patient.local_ids.first()) {
        (Some(ins), _) => ins.to_cx(),
        (None, Some(local)) => format!("{} {}", local.authority, local.id.expose()),
        (None, None) => return None,
    };
    Some(format!("{patient}|{}", mailbox(recipient).to_ascii_lowercase()))
}

fn mailbox(recipient: &Recipient) -> &str {
    recipient.address.as_ref().map_or(recipient.given_address.expose().as_str(), MssAddress::expose)
}

impl Sink for MssanteSink {
    fn connector(&self) -> &'static str {
        "mssante"
    }

    fn parts(&self, shape: &Shape) -> Vec<Part> {
        if let Shape::MessageOutcome(outcome) = shape {
            return notice::parts(outcome);
        }
        let Some(submission) = shape.as_submission() else { return Vec::new() };
        let recipients = submission.recipients.iter().enumerate();
        recipients
            .filter(|(_, recipient)| is_wanted(submission, recipient))
            .map(|(index, recipient)| Part {
                key: format!("recipient {}", index + 1),
                label: recipient.label(),
                ordering: ordering(submission, recipient),
                mailbox: Some(mailbox(recipient).to_owned()),
                due: match self.judge(submission, index) {
                    Ok(_) => Due::Owed,
                    Err(due) => due,
                },
            })
            .collect()
    }

    fn prepare(&self, delivery: &Delivery, tools: &Tools) -> Result<Prepared, Outcome> {
        if let Shape::MessageOutcome(outcome) = &*delivery.shape {
            return self.prepare_notice(delivery, outcome, tools);
        }
        let submission = delivery.shape.as_submission().ok_or_else(not_ours)?;
        let index = index_of(&delivery.part).ok_or_else(not_ours)?;
        // The gates again: the list or the clock may have changed since, and only they make an `Addressee`.
        let addressee = self.judge(submission, index).or_else(|due| match due {
            // A human released a parked delivery: the list is then theirs to answer for.
            Due::Parked { finding } => self.released(delivery, submission, index, *finding),
            Due::Refused { finding, code } => Err(Outcome::Refuse { finding: *finding, code }),
            Due::Owed => Err(not_ours()),
        })?;
        let lot = self.lot(delivery, submission, tools.bodies.as_ref())?;
        if lot.without_pdf > 0 && self.settings.without_pdf == WithoutPdf::Park {
            let finding = Finding::error(
                "mssante.no-pdf-copy",
                "un document n'a pas de copie PDF et « without_pdf: park » est réglé",
            )
            .requirement("ECO.2.1.5");
            return Err(Outcome::Park { finding });
        }
        let recipient = &submission.recipients[index];
        let mail = compose::mail(&compose::Composition {
            settings: &self.settings,
            environment: self.environment,
            submission,
            addressee: &addressee,
            no_reply: recipient.no_reply,
            without_pdf: lot.without_pdf > 0,
            message_uuid: tools.entropy.uuid(),
            now: tools.clock.now(),
        })?;
        let head = mail.head(&lot.block);
        let size = (head.len() + lot.block.bytes().len()) as u64;
        let limit = match addressee.is_patient() {
            true => self.settings.patient_size_max.min(self.settings.size_max),
            false => self.settings.size_max,
        };
        if size > limit {
            return Err(too_large(limit));
        }
        let message_id = mail.message_id.as_str().to_owned();
        let envelope_id = message_id.split('@').next().unwrap_or_default().to_owned();
        let facts = MailFacts {
            message_id: message_id.clone(),
            envelope_id: envelope_id.clone(),
            from: mail.from.address.clone(),
            size,
            notes: lot.notes.clone(),
        };
        Ok(Prepared {
            ids: serde_json::to_value(&facts).map_err(|_| not_ours())?,
            pieces: vec![
                Piece::New(head),
                Piece::Shared { id: lot.block.id(), bytes: lot.block.bytes().clone() },
            ],
            keys: [message_id, envelope_id].map(|value| IndexKey { kind: KeyKind::MailId, value }).into(),
        })
    }

    fn attempt<'a>(
        &'a self,
        delivery: &'a Delivery,
        artefact: &'a Artefact,
        tools: &'a Tools,
    ) -> BoxFuture<'a, AttemptReport> {
        Box::pin(self.send(delivery, artefact, tools))
    }

    fn tells_whole(&self) -> bool {
        true
    }

    fn awaits(&self, shape: &Shape, _: &Part) -> Vec<ReportStage> {
        let Some(wants) = shape.as_submission().map(|submission| submission.wants) else { return Vec::new() };
        let delivery = (wants.delivery_reports && self.settings.dsn).then_some(ReportStage::Delivery);
        delivery.into_iter().chain(wants.reading_reports.then_some(ReportStage::Reading)).collect()
    }

    fn report(
        &self,
        shape: &Shape,
        part: &Part,
        ending: &Ending<'_>,
        at: Timestamp,
    ) -> Option<DeliveryReport> {
        let submission = shape.as_submission()?;
        let recipient = submission.recipients.get(index_of(part)?)?;
        let told = |stage, verdict, wanted| DeliveryReport {
            origin: submission.origin.clone(),
            channel: ReportChannel::Mssante,
            stage,
            recipient: Some(ReportRecipient {
                address: recipient.given_address.clone(),
                id: recipient.id.clone(),
            }),
            verdict,
            wanted,
            time: at,
        };
        let wants = submission.wants;
        Some(match ending {
            Ending::Delivered => told(ReportStage::Submission, Verdict::Positive, wants.delivery_reports),
            Ending::Refused(code) => {
                told(ReportStage::Submission, Verdict::Negative((*code).clone()), wants.delivery_reports)
            }
            Ending::Answered(answer) => {
                let verdict = match &answer.standing {
                    Standing::Pending => return None,
                    Standing::Positive => Verdict::Positive,
                    Standing::Negative(code) => Verdict::Negative(code.clone()),
                };
                let reading = answer.stage == ReportStage::Reading;
                let wanted = if reading { wants.reading_reports } else { wants.delivery_reports };
                let report = told(answer.stage, verdict, wanted);
                match &answer.by {
                    // Who read it is told as they are; whose identifier that is, nobody said.
                    Some(by)
                        if reading && !by.expose().eq_ignore_ascii_case(recipient.given_address.expose()) =>
                    {
                        let recipient = ReportRecipient { address: by.expose().to_owned().into(), id: None };
                        DeliveryReport { recipient: Some(recipient), ..report }
                    }
                    _ => report,
                }
            }
        })
    }
}

impl MssanteSink {
    /// A delivery that was parked at birth for its list and then released by a human.
    fn released(
        &self,
        delivery: &Delivery,
        submission: &DocumentSubmission,
        index: usize,
        finding: Finding,
    ) -> Result<Addressee, Outcome> {
        if !matches!(delivery.part.due, Due::Parked { .. }) {
            return Err(Outcome::Park { finding });
        }
        let gates = Gates {
            settings: &Settings { whitelist: None, ..self.settings.clone() },
            environment: self.environment,
            whitelist: None,
            now: self.clock.now(),
        };
        gates.judge(submission, index).map_err(|due| match due {
            Due::Refused { finding, code } => Outcome::Refuse { finding: *finding, code },
            Due::Parked { finding } => Outcome::Park { finding: *finding },
            Due::Owed => not_ours(),
        })
    }
}
