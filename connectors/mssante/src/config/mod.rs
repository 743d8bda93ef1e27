//! Settings of a partner with `connector: mssante`, checked before anything opens.
//! In: the block of the partner (`read.rs`). Out: [`Settings`], or diagnoses with their place.
//! Source: mssante.md §2.2 to §2.9, §3.3, §3.5. What the sheet marks unconfirmed is a key here.

mod mailboxes;
mod read;

use std::{path::PathBuf, time::Duration};

use jonction_mime::Token;
use jonction_model::{Mode, MssAddress, Origin};
use jonction_settings::Secret;

pub use mailboxes::{After, CollectSettings, LoginSettings, MailboxSettings, Pauses, ReceiptSettings};

use crate::session::Security;

/// What a partner of this connector says in the configuration, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Host of the operator's submission service.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Name that the server certificate must carry.
    pub server_name: String,
    /// How TLS begins.
    pub security: Security,
    /// Name of the TLS identity (ORG AUTH_CLI). `None`: no client certificate, in test only.
    pub identity: Option<String>,
    /// Name of the trust anchors; `None`: those of the gateway.
    pub trust: Option<String>,
    /// How the gateway says who it is.
    pub auth: AuthSettings,
    /// Name said in EHLO.
    pub client_name: String,
    /// Which mailbox a request leaves from, first match wins; when none matches, the mail is put aside.
    pub senders: Vec<SenderRule>,
    /// Product number for `X-MSS-NIL`.
    pub nil: Option<Token>,
    /// Largest mail sent, in bytes; the SIZE announced by the operator holds as well.
    pub size_max: u64,
    /// Largest mail sent to a patient, in bytes.
    pub patient_size_max: u64,
    /// Liste blanche.
    pub whitelist: Option<WhitelistSettings>,
    /// What happens to a mail for a professional when the INS is not qualified.
    pub without_qualified_ins: Allow,
    /// What happens to a mail for a professional when the document is hidden from professionals.
    pub masque_ps: Allow,
    /// Whether delivery notices (DSN) are asked for when the operator offers them.
    pub dsn: bool,
    /// Whether `Return-Receipt-To` is written when a delivery report is wanted.
    pub return_receipt: bool,
    /// What happens when a document has no PDF copy of itself.
    pub without_pdf: WithoutPdf,
    /// Texts of the mails when the sender gives none.
    pub texts: Texts,
    /// Longest waits.
    pub timeouts: Timeouts,
    /// Connections.
    pub pool: PoolSettings,
    /// Mailboxes that are collected; `None`: it only takes mails from us.
    pub mailboxes: Option<CollectSettings>,
    /// Bounds on what is built.
    pub limits: Limits,
}

/// SASL mechanism of a BAL APP: unconfirmed (mssante.md §2.5), hence a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthSettings {
    /// The client certificate alone.
    None,
    /// EXTERNAL, with the mailbox.
    External,
    /// PLAIN.
    Plain {
        /// User name.
        user: String,
        /// Where the password is.
        password: Secret,
    },
}

/// A mailbox of ours and the requests that leave from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderRule {
    /// MSH-3 it serves (first component); `None`: any.
    pub application: Option<String>,
    /// MSH-4 it serves (first component); `None`: any.
    pub facility: Option<String>,
    /// BAL APP.
    pub address: MssAddress,
    /// Display name, when the message names no structure.
    pub name: String,
}

/// Whether something is sent all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allow {
    /// Sent.
    Allow,
    /// Refused, and reported to the sender.
    Refuse,
}

/// What to do for a document without PDF copy. We cannot render one (mssante.md §3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutPdf {
    /// Sent with a sentence in the text, and a finding.
    Text,
    /// Put aside for a human, when a human reads the mailbox.
    Park,
}

/// Where the list is and how old it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhitelistSettings {
    /// Where it is.
    pub origin: ListOrigin,
    /// Older than this, it no longer says no.
    pub age_max: Duration,
    /// Whether a cut list is read.
    pub mode: Mode,
}

/// Where the list is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListOrigin {
    /// A file, read when the gateway starts.
    File(PathBuf),
    /// The directories, where it is pulled on a schedule.
    Directory,
}

/// Default texts, in French, without any datum of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// First sending.
    pub submit: String,
    /// New version: must say that it replaces (mssante.md §3.7).
    pub replace: String,
    /// Deletion: must say which document is to be deleted.
    pub delete: String,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            submit: "Bonjour,\n\nVous trouverez ci-joint un document de santé.".to_owned(),
            replace: "Bonjour,\n\nLe document ci-joint annule et remplace une version précédente, qui vous a été \
                      envoyée par ce même canal et ne doit plus être utilisée."
                .to_owned(),
            delete: "Bonjour,\n\nLe document ci-joint, qui vous a été envoyé par ce même canal, a été supprimé par son \
                     auteur. Merci de le supprimer aussi et de ne plus l'utiliser."
                .to_owned(),
        }
    }
}

/// Longest waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// TCP.
    pub connect: Duration,
    /// TLS handshake.
    pub handshake: Duration,
    /// One reply of the server, the last one apart.
    pub reply: Duration,
    /// The body, from its first byte to the reply that takes it (RFC 5321 asks for minutes).
    pub body: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            reply: Duration::from_secs(60),
            body: Duration::from_secs(600),
        }
    }
}

/// Connections kept between mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// Connections open at once.
    pub connections_max: usize,
    /// How long an idle one is kept.
    pub idle_max: Duration,
    /// How long one is used in all.
    pub age_max: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self { connections_max: 4, idle_max: Duration::from_secs(30), age_max: Duration::from_secs(300) }
    }
}

/// Bounds on what is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One document, decoded.
    pub document_bytes_max: u64,
    /// Lots whose attachments are kept for their other recipients.
    pub lots_cached_max: usize,
    /// Bytes of those attachments.
    pub cache_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { document_bytes_max: 48 << 20, lots_cached_max: 8, cache_bytes_max: 64 << 20 }
    }
}

impl Settings {
    /// The mailbox a request leaves from.
    pub fn sender(&self, origin: &Origin) -> Option<&SenderRule> {
        let first = |text: &str| text.split('^').next().unwrap_or_default().trim().to_owned();
        let (application, facility) = (first(&origin.sending_application), first(&origin.sending_facility));
        let serves =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        self.senders
            .iter()
            .find(|rule| serves(&rule.application, &application) && serves(&rule.facility, &facility))
    }
}

#[cfg(test)]
mod tests;
