//! A mail that a mailbox received, understood: what it is for, what it carries, what comes of it.
//! In: the bytes of one mail. Out: a kind, shapes, notices, findings. IO: none, clock: none.
//! Sources: mssante.md §3.8, §3.9, §4.3, §8. Absent: IMAP, and which of our mails a notice answers (the store knows).
//!
//! ```text
//! answers.rs       what it says of one of our mails
//! archive.rs       XDM archives, found by content
//! kind.rs          what the mail is for
//! letter.rs        the mail as a SecureMail shape; html.rs: text of HTML
//! submissions.rs   sets of the archives as DocumentSubmission shapes; patient.rs: whom they are about
//! receipt.rs       the reading notice we owe, when we owe one
//! step.rs          all this as a step of a route
//! ```

mod answers;
pub mod archive;
mod html;
mod kind;
mod letter;
mod patient;
pub mod receipt;
mod step;
mod submissions;

use bytes::Bytes;
use jonction_mime::{Mail, notice};
use jonction_model::{
    Answer, BodyId, DeliveryNotice, DocumentSubmission, Environment, Finding, MailId, MailKind, MssAddress,
    ReadingNotice, SecureMail, ids::PATIENT_DOMAIN,
};
use jonction_xds::xdm;

pub use archive::{Archive, Opened, Set};
pub use step::{MailToShapes, steps};

/// How received mails are read.
#[derive(Clone, Copy, Debug)]
pub struct IncomingSettings {
    /// Whether test or real INS are expected.
    pub environment: Environment,
    /// A document whose hash or size is not the announced one is refused; else noted, because senders exist that
    /// write constants there (mssante.md §8 n° 12).
    pub refuse_altered: bool,
    /// What a mail may ask of us.
    pub mail: jonction_mime::Limits,
    /// What an archive may ask of us.
    pub archive: xdm::Limits,
}

impl IncomingSettings {
    /// The defaults.
    pub fn new(environment: Environment) -> Self {
        Self {
            environment,
            refuse_altered: false,
            mail: jonction_mime::Limits::default(),
            archive: xdm::Limits::default(),
        }
    }
}

/// A mail that was understood.
pub struct IncomingMail {
    /// The mail.
    pub mail: Mail,
    /// Body it is stored under: the hash of its bytes.
    pub body: BodyId,
    /// What it is for.
    pub kind: MailKind,
    /// Archives of documents, in its order.
    pub archives: Vec<Archive>,
    /// What it says of the delivery of one of our mails.
    pub delivery: Option<DeliveryNotice>,
    /// What it says of the reading of one of our mails.
    pub reading: Option<ReadingNotice>,
    /// What is irregular, and what forbids it to be integrated (errors).
    pub findings: Vec<Finding>,
    settings: IncomingSettings,
}

impl IncomingMail {
    /// Reads a mail. Errors: it is no mail, or over a limit: to be parked under this finding, never fetched again.
    pub fn read(raw: &Bytes, settings: &IncomingSettings) -> Result<Self, Finding> {
        let mail = Mail::read(raw, &settings.mail).map_err(jonction_mime::ReadError::finding)?;
        let body = BodyId::of(raw);
        let mut findings = mail.findings();
        let reading = notice::reading(&mail);
        let delivery = match reading {
            Some(_) => None,
            None => notice::delivery(&mail).or_else(|| notice::bounce(&mail)),
        };
        // A notice gives back the mail it is about: its archive is ours, and stays where it is.
        let failure = notice::subject_code(&mail.subject()).is_some();
        let found = match reading.is_some() || delivery.is_some() || failure {
            true => archive::Found::default(),
            false => archive::open(&mail, body, &settings.archive),
        };
        findings.extend(found.findings);
        if found.forwarded {
            findings.push(forwarded());
        }
        let kind = kind::of(&mail, &found.archives, reading.is_some(), delivery.is_some());
        findings.extend(kind::remarks(&mail, kind, found.refused));
        let mut incoming = Self {
            mail,
            body,
            kind,
            archives: found.archives,
            delivery,
            reading,
            findings,
            settings: *settings,
        };
        incoming.settle_altered();
        Ok(incoming)
    }

    /// `Message-ID`, when it has a well-formed one.
    pub fn message_id(&self) -> Option<MailId> {
        self.mail.headers().ids("Message-ID").into_iter().next()
    }

    /// What this mail is known by: its Message-ID, else the hash of its bytes (mssante.md §8 n° 18).
    pub fn key(&self) -> String {
        self.message_id().map_or_else(|| self.body.to_string(), |id| id.as_str().to_owned())
    }

    /// Who wrote it.
    pub fn sender(&self) -> Option<MssAddress> {
        self.mail.mailboxes("From").iter().find_map(|from| MssAddress::parse(&from.address).ok())
    }

    /// Whether a patient wrote it (ECO.3.1.1).
    pub fn is_from_patient(&self) -> bool {
        self.sender().is_some_and(|from| from.domain() == PATIENT_DOMAIN)
    }

    /// Whether its archives may be integrated as they are: no finding forbids it.
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity < jonction_model::Severity::Error)
    }

    /// Why the documents that the mail announces cannot be reached; `None`: it announces none, or they are here.
    pub fn missing_documents(&self) -> Option<&Finding> {
        let error = |finding: &&Finding| finding.severity == jonction_model::Severity::Error;
        let announced = self.kind == MailKind::DocumentWithoutArchive;
        self.findings.iter().find(error).filter(|_| announced)
    }

    /// The mail as tools that know no document see it.
    pub fn letter(&self) -> SecureMail {
        letter::of(self)
    }

    /// What it says of mails of ours; nothing for most mails.
    pub fn answers(&self) -> Vec<Answer> {
        answers::of(self)
    }

    /// What the archives ask, one submission per set and operation. Those that may not be integrated carry the
    /// obstacle, with its code of the volet (900 to 906).
    pub fn submissions(&self) -> Vec<DocumentSubmission> {
        submissions::of(self)
    }

    /// What the archive reader says of an altered document weighs what the settings say.
    fn settle_altered(&mut self) {
        if self.settings.refuse_altered {
            return;
        }
        for finding in self.findings.iter_mut().filter(|finding| finding.check == "xdm.document-altered") {
            finding.severity = jonction_model::Severity::Warning;
            finding.remedy = Some("le document est transmis ; prévenir l'émetteur".to_owned());
        }
    }
}

fn forwarded() -> Finding {
    Finding::warning(
        "mssante.forwarded",
        "le courriel est un transfert : le premier destinataire et la demande d'accusé peuvent être perdus",
    )
    .remedy("régler la boîte organisationnelle pour rediriger sans réécrire")
    .requirement("mssante.md §8 n° 21")
}
