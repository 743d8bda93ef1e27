//! Secure mails between correspondents, and what comes back of those we sent, in no wire format.
//! In and out: values; texts of persons print masked, attachments are handles. Source: mssante.md §3.8, §3.9, §4.3, §8.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    content::{BodyId, ContentRef},
    ids::{IdError, Ins, MssAddress},
    masked::Masked,
    report::ReportCode,
    smtp_code::{smtp_code_of_status, smtp_report_code},
};

/// A `Message-ID` with its angle brackets taken off: `left@right`. Globally unique, kept in the correlation store.
/// Not a personal datum: the left side is drawn at random.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailId(Box<str>);

impl MailId {
    /// Reads `left@right` or `<left@right>`. Errors: no or several `@`, blanks, anything but printable ASCII,
    /// over 250 characters.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let text = text.trim();
        let inner = text.strip_prefix('<').and_then(|t| t.strip_suffix('>')).unwrap_or(text);
        let allowed = |c: u8| c.is_ascii_graphic() && !b"<>@\"(),:;\\".contains(&c);
        let sides = inner.split_once('@');
        let good = |side: &str| !side.is_empty() && side.bytes().all(allowed);
        match sides {
            Some((left, right)) if inner.len() <= 250 && good(left) && good(right) => Ok(Self(inner.into())),
            _ => Err(IdError::new("Message-ID", "id-left@id-right, 250 characters at most")),
        }
    }

    /// Without angle brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

impl TryFrom<String> for MailId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        Self::parse(&text)
    }
}

impl From<MailId> for String {
    fn from(id: MailId) -> Self {
        id.0.into()
    }
}

crate::written::written_as!(MailId, "mail-id");

/// A mail of the MSSanté space as tools that know no document see it. Source: issue of the two ways of MSSanté.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecureMail {
    /// What kind of mail it is.
    pub kind: MailKind,
    /// `Message-ID`; `None`: it has none, or an unreadable one.
    pub message_id: Option<MailId>,
    /// Who writes.
    pub from: Option<Correspondent>,
    /// To whom.
    pub to: Vec<Correspondent>,
    /// Copies.
    pub copies: Vec<Correspondent>,
    /// Where answers go, when not to the sender.
    pub reply_to: Vec<Correspondent>,
    /// When, as the sender says: never an order of arrival (mssante.md §8 n° 34).
    #[schemars(with = "Option<String>")]
    pub sent_at: Option<Timestamp>,
    /// What it answers, the nearest first: `In-Reply-To`, then `References` from the last.
    pub answers: Vec<MailId>,
    /// Subject, decoded, as written.
    pub subject: Masked<String>,
    /// Text, taken out of HTML when there is nothing else.
    pub text: Masked<String>,
    /// Files, archives of documents included.
    pub attachments: Vec<MailAttachment>,
    /// The patient who writes, by their address (ECO.3.1.2).
    pub patient: Option<Ins>,
    /// Where a reading notice is asked to go (ECO.3.1.6).
    pub reading_notice_to: Vec<MssAddress>,
}

impl SecureMail {
    /// Subject for human eyes: without the prefix of archives, under answers and forwards (ECO.3.1.3).
    pub fn shown_subject(&self) -> String {
        const PREFIX: &str = "XDM/1.0/DDM+";
        let subject = self.subject.expose();
        match subject.to_ascii_uppercase().find(PREFIX) {
            Some(at) => format!("{}{}", &subject[..at], &subject[at + PREFIX.len()..]),
            None => subject.clone(),
        }
    }
}

/// A person or a structure at the end of a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Correspondent {
    /// Display name; empty when absent.
    pub name: Masked<String>,
    /// Address, when what is written is one.
    pub address: Option<MssAddress>,
    /// Address as written.
    pub written: Masked<String>,
}

/// A file of a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MailAttachment {
    /// Place in the mail, numbered as IMAP does. With the hash, its identity: names repeat (mssante.md §8 n° 4).
    pub path: String,
    /// Media type, as announced.
    pub media_type: String,
    /// File name, decoded; empty when absent.
    pub name: Masked<String>,
    /// Bytes, decoded.
    pub bytes: u64,
    /// Hash of the decoded bytes.
    #[schemars(with = "String")]
    pub hash: BodyId,
    /// Where to read it; `None`: its encoding is broken, or it stands in pieces.
    pub content: Option<ContentRef>,
}

/// What a mail is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MailKind {
    /// Documents to keep.
    Document,
    /// Documents that replace others.
    Replacement,
    /// Documents to delete.
    Deletion,
    /// Files or a subject that announce documents, but no archive that can be integrated.
    DocumentWithoutArchive,
    /// A reading notice (MDN).
    ReadingNotice,
    /// A delivery notice (DSN), or a bounce in another form.
    DeliveryNotice,
    /// A « courriel standard » that says an integration failed.
    IntegrationFailure,
    /// A patient writes.
    Patient,
    /// A machine answers for somebody: absence, receipt in a form of its own.
    AutomaticReply,
    /// Anything else.
    Conversation,
}

/// What a delivery notice says: the mail it is about, and a verdict per recipient. Source: mssante.md §3.8.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryNotice {
    /// `Original-Envelope-Id`: ours is the left side of the Message-ID, or what was given as ENVID.
    pub envelope_id: Option<String>,
    /// Identifiers of the mail it returns, or answers.
    pub message_ids: Vec<MailId>,
    /// Verdicts, in order.
    pub recipients: Vec<RecipientVerdict>,
    /// Whether it is a bounce in a form of its own: verdicts are read from its text.
    pub guessed: bool,
}

/// What became of a mail for one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipientVerdict {
    /// Whom it ended at; `None`: the notice does not say.
    pub recipient: Option<MssAddress>,
    /// Whom it was for first, when it differs or is given.
    pub original: Option<MssAddress>,
    /// What happened.
    pub action: DeliveryAction,
    /// Enhanced status, `5.1.1`; empty when absent.
    pub status: String,
    /// Three-digit SMTP code of the diagnostic, when it has one.
    pub smtp_code: Option<u16>,
}

impl RecipientVerdict {
    /// Code of the volet for a failure: the SMTP code of the diagnostic when the volet lists it, else what the
    /// status folds into. `None`: it did not fail.
    pub fn report_code(&self) -> Option<ReportCode> {
        if self.action != DeliveryAction::Failed {
            return None;
        }
        let listed = self.smtp_code.filter(|code| smtp_report_code(*code).code == code.to_string());
        let code = listed.or_else(|| smtp_code_of_status(&self.status)).or(self.smtp_code).unwrap_or(554);
        Some(smtp_report_code(code))
    }
}

/// Action of a delivery notice (RFC 3464 §2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryAction {
    /// In the mailbox.
    Delivered,
    /// Passed on to a server that sends no notice: positive, weaker.
    Relayed,
    /// Passed on to a list.
    Expanded,
    /// Not yet: the server goes on trying.
    Delayed,
    /// Not, for good.
    Failed,
}

impl DeliveryAction {
    /// Whether the server is done, and well.
    pub fn is_positive(self) -> bool {
        matches!(self, Self::Delivered | Self::Relayed | Self::Expanded)
    }
}

/// What a reading notice says. Source: mssante.md §3.9.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadingNotice {
    /// The mail it is about: `Original-Message-ID`, else what it answers.
    pub message_id: Option<MailId>,
    /// The mailbox that read it.
    pub reader: Option<MssAddress>,
    /// The mailbox it was sent to, when forwarded.
    pub original: Option<MssAddress>,
    /// What became of it.
    pub disposition: Disposition,
    /// Why it could not be processed, in the words of the reader: code (900 to 906) and label.
    pub error: Option<ReportCode>,
    /// The field as written: modes and modifiers are kept for the trace.
    pub written: String,
}

impl ReadingNotice {
    /// Whether it reports success. `deleted` and `dispatched` without display are not specified: taken as read,
    /// the field as written tells (mssante.md §3.9).
    pub fn is_positive(&self) -> bool {
        self.error.is_none() && self.disposition != Disposition::Failed
    }
}

/// What became of a mail at its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disposition {
    /// Shown to somebody.
    Displayed,
    /// Processed by a software.
    Processed,
    /// Sent on somewhere.
    Dispatched,
    /// Deleted, perhaps unread.
    Deleted,
    /// `denied`, `failed`.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_read_with_and_without_brackets() {
        for text in ["a.b@c.example", "<a.b@c.example>", "  <a.b@c.example> "] {
            assert_eq!(MailId::parse(text).unwrap().to_string(), "<a.b@c.example>");
        }
    }

    #[test]
    fn nothing_that_could_break_a_line_becomes_an_identifier() {
        for hostile in
            ["", "a", "a@", "@b", "a@b@c", "a b@c", "a@b\r\nBcc: x@y", "é@b", "a@b\0", "<a@b", "a\u{85}@b"]
        {
            assert!(MailId::parse(hostile).is_err(), "{hostile:?}");
        }
        assert!(MailId::parse(&format!("{}@b", "a".repeat(248))).is_ok());
        assert!(MailId::parse(&format!("{}@b", "a".repeat(249))).is_err());
    }

    fn failed(status: &str, smtp_code: Option<u16>) -> RecipientVerdict {
        let (recipient, original, action) = (None, None, DeliveryAction::Failed);
        RecipientVerdict { recipient, original, action, status: status.to_owned(), smtp_code }
    }

    #[test]
    fn a_failure_is_told_in_a_code_of_the_volet() {
        let code = |status, smtp| failed(status, smtp).report_code().unwrap().code;
        assert_eq!(code("5.1.1", Some(550)), "550");
        assert_eq!(code("5.2.2", Some(552)), "552");
        assert_eq!(code("5.1.1", Some(555)), "550");
        assert_eq!(code("", Some(571)), "554");
        assert_eq!(code("", None), "554");
        let delivered = RecipientVerdict { action: DeliveryAction::Delivered, ..failed("2.0.0", None) };
        assert_eq!(delivered.report_code(), None);
    }
}
