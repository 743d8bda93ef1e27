//! What the simulator knows and keeps: operators, domains, mailboxes, mails.
//! In: settings, mails taken. Out: verdicts on recipients, mailboxes in memory and as readable `.eml` files.
//! Source: mssante.md §6.1, §6.3, §1.4. What answers is in robots.rs.

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use jiff::Timestamp;
use jonction_mime::{Limits as MimeLimits, Mail};
use jonction_model::{Clock, Environment, MssAddress, ids::PATIENT_DOMAIN};

use super::{
    post::Post,
    robots::{Robot, robot},
};
use crate::session::Security;

/// An operator: the certificate that its domains are listed with.
#[derive(Clone, Debug)]
pub struct Operator {
    /// Subject of its certificate, as the liste blanche writes it.
    pub dn: String,
    /// Its domains.
    pub domains: Vec<Domain>,
}

/// A domain.
#[derive(Clone, Debug)]
pub struct Domain {
    /// Name.
    pub name: String,
    /// Mailboxes that exist (local parts, any case).
    pub mailboxes: Mailboxes,
    /// What its mailboxes answer to a mail.
    pub answers: Vec<Robot>,
}

impl Domain {
    /// A domain whose mailboxes answer nothing but what its operator owes.
    pub fn new(name: impl Into<String>, mailboxes: Mailboxes) -> Self {
        Self { name: name.into(), mailboxes, answers: Vec::new() }
    }
}

/// Which mailboxes a domain has.
#[derive(Clone, Debug)]
pub enum Mailboxes {
    /// Any.
    Any,
    /// These.
    Listed(Vec<String>),
}

/// How clients are authenticated after TLS.
#[derive(Clone, Debug)]
pub enum ServerAuth {
    /// The client certificate is enough; EXTERNAL is offered beside it.
    Certificate,
    /// Nothing is asked (a plain tool can send).
    Open,
    /// PLAIN with these credentials.
    Plain {
        /// User name.
        user: String,
        /// Password.
        password: String,
    },
}

/// Says whether a token (second) opens a mailbox (first): asked of whoever issues them.
#[derive(Clone)]
pub struct TokenJudge(pub Arc<Judge>);

/// The question of a [`TokenJudge`].
pub type Judge = dyn Fn(&str, &str) -> bool + Send + Sync;

impl std::fmt::Debug for TokenJudge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenJudge")
    }
}

/// Settings of the simulator.
#[derive(Clone, Debug)]
pub struct SimulatorSettings {
    /// Name it greets with.
    pub host: String,
    /// How TLS begins.
    pub security: Security,
    /// How clients are authenticated.
    pub auth: ServerAuth,
    /// Operators and their domains; the patient domain is one of them when mails for patients are to be taken.
    pub operators: Vec<Operator>,
    /// Announced SIZE.
    pub size_max: usize,
    /// Largest mail for a patient (ENS §6: 25 MB).
    pub patient_size_max: usize,
    /// How TLS begins on the IMAP service.
    pub imap_security: Security,
    /// Whether an access token opens a mailbox; `None`: tokens are not taken.
    pub tokens: Option<TokenJudge>,
    /// Where mails are written as `.eml`; `None`: in memory only.
    pub folder: Option<PathBuf>,
    /// Whether test or real INS are expected.
    pub environment: Environment,
    /// Seed of the faults drawn at a rate.
    pub seed: u64,
}

impl SimulatorSettings {
    /// Any mailbox of these domains, the patient domain among them when listed; STARTTLS, client certificate, 25 MB.
    pub fn with_domains<'d>(domains: impl IntoIterator<Item = &'d str>) -> Self {
        let domains = domains.into_iter().map(|name| Domain::new(name, Mailboxes::Any)).collect();
        Self {
            host: "smtp.operateur.mssante.example".to_owned(),
            security: Security::StartTls,
            auth: ServerAuth::Certificate,
            operators: vec![Operator {
                dn: "CN=smtp.operateur.mssante.example,OU=1990000001,O=OPERATEUR SIMULE,ST=Paris (75),C=FR"
                    .to_owned(),
                domains,
            }],
            size_max: 25 << 20,
            patient_size_max: 25 << 20,
            imap_security: Security::StartTls,
            tokens: None,
            folder: None,
            environment: Environment::Test,
            seed: 1,
        }
    }

    /// The liste blanche of these operators, as the ANS publishes it.
    pub fn whitelist_xml(&self, generated_at: Timestamp) -> String {
        use std::fmt::Write as _;
        let date = generated_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListeBlancheMSSante xmlns=\"{}\">\n    <DateDeGeneration>{date}</DateDeGeneration>\n    <ListeDomaines>\n",
            crate::whitelist::NAMESPACE
        );
        for operator in &self.operators {
            let dn = quick_xml::escape::escape(&operator.dn);
            for domain in &operator.domains {
                let name = quick_xml::escape::escape(&domain.name);
                // Writing to a String never fails.
                let _ = write!(
                    xml,
                    "        <Domaine>\n            <Nom>{name}</Nom>\n            <Description>{name}</Description>\n            <DNCertificatOperateur>{dn}</DNCertificatOperateur>\n            <ResponsableContact>contact@example.invalid</ResponsableContact>\n            <SupportContact>support@example.invalid</SupportContact>\n            <DateMAJ>{date}</DateMAJ>\n        </Domaine>\n"
                );
            }
        }
        xml + "    </ListeDomaines>\n</ListeBlancheMSSante>\n"
    }
}

/// A mail in a mailbox.
#[derive(Clone)]
pub struct StoredMail {
    /// Number, from 1, over the life of the simulator.
    pub number: u64,
    /// MAIL FROM.
    pub from: String,
    /// RCPT TO, as given.
    pub to: String,
    /// `Message-ID` without brackets; empty when it has none.
    pub message_id: String,
    /// How often it came: more than once means that a resend kept its Message-ID.
    pub copies: u32,
    /// Bytes of the first copy.
    pub raw: Bytes,
    /// When the first copy came.
    pub received_at: Timestamp,
    /// Delivery notices asked for (`NOTIFY` flags of smtp-proto).
    pub notify: u64,
    /// Number of the verdict in the log.
    pub verdict: u64,
}

impl std::fmt::Debug for StoredMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredMail")
            .field("number", &self.number)
            .field("bytes", &self.raw.len())
            .finish_non_exhaustive()
    }
}

impl StoredMail {
    /// Reads it. Errors: over the limits of the reader.
    pub fn read(&self) -> Result<Mail, jonction_mime::ReadError> {
        Mail::read(&self.raw, &MimeLimits::default())
    }
}

/// What the simulator says of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecipientVerdict {
    Known,
    UnknownMailbox,
    UnknownDomain,
    NotAnAddress,
}

pub(crate) struct World {
    pub(crate) settings: SimulatorSettings,
    /// The mailboxes, as IMAP shows them.
    pub(crate) post: Post,
    pub(crate) clock: Arc<dyn Clock>,
    mail: Mutex<Kept>,
    grey: Mutex<HashMap<String, u32>>,
}

#[derive(Debug, Default)]
struct Kept {
    boxes: BTreeMap<String, Vec<StoredMail>>,
    received: u64,
}

/// Mails kept in memory for each mailbox; older ones stay on disk only.
const KEPT_MAX: usize = 2000;

impl World {
    pub(crate) fn new(settings: SimulatorSettings, clock: Arc<dyn Clock>) -> Arc<Self> {
        let post = Post::default();
        Arc::new(Self { settings, post, clock, mail: Mutex::default(), grey: Mutex::default() })
    }

    pub(crate) fn recipient(&self, given: &str) -> RecipientVerdict {
        let Ok(address) = MssAddress::parse(given) else { return RecipientVerdict::NotAnAddress };
        let domains = self.settings.operators.iter().flat_map(|operator| &operator.domains);
        let mut same = domains.filter(|domain| domain.name.eq_ignore_ascii_case(address.domain())).peekable();
        if same.peek().is_none() {
            return RecipientVerdict::UnknownDomain;
        }
        let local = address.expose_local_part();
        let known = |domain: &Domain| match &domain.mailboxes {
            Mailboxes::Any => true,
            Mailboxes::Listed(list) => {
                local.starts_with("sim+") || list.iter().any(|m| m.eq_ignore_ascii_case(local))
            }
        };
        if same.any(known) { RecipientVerdict::Known } else { RecipientVerdict::UnknownMailbox }
    }

    /// What this mailbox answers: what its name asks for, else what its domain does.
    pub(crate) fn robots(&self, given: &str) -> Vec<Robot> {
        let Ok(address) = MssAddress::parse(given) else { return Vec::new() };
        let asked = address.expose_local_part().strip_prefix("sim+").and_then(|name| robot(name).ok());
        let domains = self.settings.operators.iter().flat_map(|operator| &operator.domains);
        let mut same = domains.filter(|domain| domain.name.eq_ignore_ascii_case(address.domain()));
        match asked {
            Some(robot) => vec![robot],
            None => same.next().map(|domain| domain.answers.clone()).unwrap_or_default(),
        }
    }

    /// Whether this recipient must be told to come back: the first two times it is.
    pub(crate) fn is_grey(&self, recipient: &str) -> bool {
        let mut grey = self.grey.lock().unwrap_or_else(PoisonError::into_inner);
        let count = grey.entry(recipient.to_ascii_lowercase()).or_default();
        *count += 1;
        *count <= 2
    }

    /// Puts a mail into a mailbox; a Message-ID already there only counts one copy more.
    /// A client of IMAP sees every copy: telling them apart is its own affair.
    pub(crate) fn deliver(&self, mail: StoredMail) -> io::Result<()> {
        self.post.deliver(&mailbox_name(&mail.to), mail.raw.clone(), mail.received_at);
        let mut kept = self.mail.lock().unwrap_or_else(PoisonError::into_inner);
        kept.received += 1;
        let number = kept.received;
        let name = mailbox_name(&mail.to);
        let boxes = kept.boxes.len();
        let folder = self.settings.folder.as_ref().map(|root| {
            let rank = kept.boxes.keys().position(|known| *known == name).unwrap_or(boxes);
            root.join(folder_name(&name, rank))
        });
        let mailbox = kept.boxes.entry(name).or_default();
        let same =
            |known: &&mut StoredMail| !mail.message_id.is_empty() && known.message_id == mail.message_id;
        if let Some(known) = mailbox.iter_mut().find(same) {
            known.copies += 1;
            return Ok(());
        }
        if let Some(folder) = folder {
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(format!("{number:06}.eml")), &mail.raw)?;
        }
        mailbox.push(StoredMail { number, ..mail });
        if mailbox.len() > KEPT_MAX {
            mailbox.remove(0);
        }
        Ok(())
    }

    pub(crate) fn mailboxes(&self) -> Vec<(String, Vec<StoredMail>)> {
        let kept = self.mail.lock().unwrap_or_else(PoisonError::into_inner);
        kept.boxes.iter().map(|(name, mails)| (name.clone(), mails.clone())).collect()
    }

    pub(crate) fn received(&self) -> u64 {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner).received
    }
}

fn mailbox_name(address: &str) -> String {
    MssAddress::parse(address)
        .map_or_else(|_| address.to_owned(), |address| address.expose().to_ascii_lowercase())
}

/// A path without any datum of a patient: their mailboxes are numbered.
fn folder_name(mailbox: &str, rank: usize) -> PathBuf {
    match mailbox.split_once('@') {
        Some((_, domain)) if domain == PATIENT_DOMAIN => {
            PathBuf::from(domain).join(format!("boite-{:03}", rank + 1))
        }
        Some((local, domain)) => {
            let safe = |c: char| if c.is_ascii_alphanumeric() || "-_+.".contains(c) { c } else { '_' };
            PathBuf::from(domain).join(local.chars().map(safe).collect::<String>())
        }
        None => PathBuf::from("autres"),
    }
}
