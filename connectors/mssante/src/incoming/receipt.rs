//! The reading notice (MDN) that a received mail asks for.
//! In: the mail, what became of it at the LPS. Out: the notice, or why none is owed. IO: none.
//! Source: mssante.md §3.9, §4.3, RFC 8098 §2. At most one per mail and mailbox: its Message-ID is drawn from both, so
//! that a second one is the same mail, byte for byte; whether it was sent, the store knows.

use bytes::Bytes;
use jiff::Timestamp;
use jonction_mime::{
    OutgoingMail, Sender, notice,
    report::{ReadingReport, Returned},
};
use jonction_model::{BodyId, MailId, MailKind, MssAddress, ReportCode};

use super::IncomingMail;

/// How the notice is written: editions of the volet. Readers of each find the code in the others' too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MdnProfile {
    /// 1.1.2 plus an `Error` field: what every reader understands.
    #[default]
    V112WithError,
    /// 1.1.2, as published.
    V112,
    /// 1.1.3: the grammar of RFC 8098.
    V113,
}

/// What became of the mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadingOutcome {
    /// Every document was integrated.
    Processed,
    /// A person saw it.
    Displayed,
    /// Some document was not: the first code is the notice's, the text tells each (mssante.md §4.3).
    Failed {
        /// The code of the notice, 900 to 906.
        code: ReportCode,
        /// One line per document, without any datum of a person.
        details: Vec<String>,
    },
}

/// Everything a notice is made of.
pub struct ReceiptRequest<'a> {
    /// The mail.
    pub incoming: &'a IncomingMail,
    /// The mailbox that processed it.
    pub mailbox: &'a MssAddress,
    /// Its display name.
    pub name: &'a str,
    /// What became of it.
    pub outcome: &'a ReadingOutcome,
    /// How it is written.
    pub profile: MdnProfile,
    /// When.
    pub now: Timestamp,
    /// Largest mail the operator takes, in bytes.
    pub size_max: usize,
    /// Whether a notice goes to another address than the sender's: mails that an organisation's mailbox redirects.
    pub to_others: bool,
}

/// Why no notice is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoReceipt {
    /// Nothing asks for one.
    #[error("the mail asks for no notice")]
    NotAsked,
    /// It is itself a notice, or written by a machine.
    #[error("the mail is a notice or an automatic answer")]
    Automatic,
    /// Its return path is null.
    #[error("the mail has a null return path")]
    NullReturnPath,
    /// It asks for notices to several addresses, or to none that is one.
    #[error("the address of the notice is not one address")]
    NotOneAddress,
    /// It asks for a notice to somebody else than its sender.
    #[error("the notice would go to another address than the sender's")]
    ToOthers,
    /// It asks for a notice to our own mailbox.
    #[error("the notice would come back to us")]
    ToOurselves,
    /// It has no identifier that the notice could name.
    #[error("the mail has no usable Message-ID")]
    NoMessageId,
}

impl NoReceipt {
    /// Stable name.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotAsked => "mssante.mdn-not-asked",
            Self::Automatic => "mssante.mdn-to-machine",
            Self::NullReturnPath => "mssante.mdn-null-return-path",
            Self::NotOneAddress => "mssante.mdn-not-one-address",
            Self::ToOthers => "mssante.mdn-to-others",
            Self::ToOurselves => "mssante.mdn-to-ourselves",
            Self::NoMessageId => "mssante.mdn-no-message-id",
        }
    }

    /// In French.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NotAsked => "le courriel n'en demande pas",
            Self::Automatic => "le courriel est lui-même un avis, ou écrit par une machine",
            Self::NullReturnPath => "le courriel n'attend aucune réponse (expéditeur vide)",
            Self::NotOneAddress => "l'adresse demandée n'en est pas une seule",
            Self::ToOthers => "il irait à un autre que l'expéditeur (réglage mdn_to_others)",
            Self::ToOurselves => "il nous reviendrait",
            Self::NoMessageId => "le courriel n'a pas de Message-ID à citer",
        }
    }
}

/// A notice to send.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Where it goes.
    pub to: MssAddress,
    /// Its identifier: the same for the same mail and mailbox.
    pub message_id: MailId,
    /// Its bytes.
    pub bytes: Bytes,
    /// The mail could not be given back whole (too large, or not fit for SMTP): its headers are. To be traced.
    pub headers_only: bool,
}

/// Where a notice goes, when one is owed. Errors: why none is.
pub fn owed(request: &ReceiptRequest<'_>) -> Result<(MssAddress, MailId), NoReceipt> {
    let mail = &request.incoming.mail;
    let asked = mail.mailboxes("Disposition-Notification-To");
    if mail.headers().get("Disposition-Notification-To").is_none() {
        return Err(NoReceipt::NotAsked);
    }
    let notice = matches!(request.incoming.kind, MailKind::ReadingNotice | MailKind::DeliveryNotice);
    if notice || notice::is_automatic(mail) || mail.media_type() == "multipart/report" {
        return Err(NoReceipt::Automatic);
    }
    let return_path = mail.headers().get("Return-Path").map(|header| header.unfolded());
    if return_path.as_deref().is_some_and(|path| path.trim() == "<>") {
        return Err(NoReceipt::NullReturnPath);
    }
    let to = match asked.as_slice() {
        [one] => MssAddress::parse(&one.address).map_err(|_| NoReceipt::NotOneAddress)?,
        _ => return Err(NoReceipt::NotOneAddress),
    };
    if same(&to, request.mailbox) {
        return Err(NoReceipt::ToOurselves);
    }
    // Without a return path, the sender is who the mail says.
    let back = mail.mailboxes("Return-Path").first().and_then(|path| MssAddress::parse(&path.address).ok());
    let sender = back.or_else(|| request.incoming.sender());
    if !request.to_others && !sender.is_some_and(|sender| same(&sender, &to)) {
        return Err(NoReceipt::ToOthers);
    }
    Ok((to, request.incoming.message_id().ok_or(NoReceipt::NoMessageId)?))
}

fn same(a: &MssAddress, b: &MssAddress) -> bool {
    a.expose().eq_ignore_ascii_case(b.expose())
}

/// Writes the notice. Errors: why none is owed.
//= ECO.3.1.6
pub fn write(request: &ReceiptRequest<'_>) -> Result<Receipt, NoReceipt> {
    let (to, original) = owed(request)?;
    let mail = &request.incoming.mail;
    let whole = Returned::Whole(mail.raw().clone());
    let mut repeated = match request.profile {
        MdnProfile::V113 => Vec::new(),
        _ => mail
            .attachments()
            .filter(|part| part.range().is_some())
            .map(jonction_mime::Part::entity)
            .collect(),
    };
    let size = mail.raw().len() + repeated.iter().map(Bytes::len).sum::<usize>();
    if size + 8192 > request.size_max {
        repeated = Vec::new();
    }
    let headers_only = !fits_smtp(request) || mail.raw().len() + 8192 > request.size_max;
    let returned = match headers_only {
        true => Returned::Headers(Bytes::copy_from_slice(mail.head())),
        false => whole,
    };
    if headers_only {
        repeated = Vec::new();
    }
    let report = compose(request, &to, original, returned, repeated);
    Ok(Receipt { to, message_id: report.mail.message_id.clone(), bytes: report.write(), headers_only })
}

/// A mail given back inside another one keeps its lines: those SMTP cannot carry are not given back.
fn fits_smtp(request: &ReceiptRequest<'_>) -> bool {
    let facts = request.incoming.mail.facts();
    facts.longest_line <= 998 && !facts.bare_lf && !facts.bare_cr && !facts.nul
}

fn compose(
    request: &ReceiptRequest<'_>,
    to: &MssAddress,
    original: MailId,
    returned: Returned,
    repeated: Vec<Bytes>,
) -> ReadingReport {
    let mail = &request.incoming.mail;
    let mailbox = request.mailbox;
    let subject = without_forward_marks(&mail.subject()).to_owned();
    let (subject, text) = match request.outcome {
        ReadingOutcome::Processed => (subject, "Le courriel a été traité et son contenu intégré.".to_owned()),
        ReadingOutcome::Displayed => (subject, "Le courriel a été affiché.".to_owned()),
        ReadingOutcome::Failed { code, details } => {
            let first =
                format!("Le contenu du courriel n'a pas pu être intégré : {} {}", code.code, code.label);
            let text = [&[first], details.as_slice()].concat().join("\n");
            (format!("[KO Intégration système !][{}] {subject}", code.code), text)
        }
    };
    let (disposition, error) = disposition(request);
    let original_recipient = mail.value("Original-Recipient").unwrap_or_default();
    let original_recipient =
        original_recipient.split_once(';').map_or("", |(_, address)| address).trim().to_owned();
    let mut references = mail.headers().ids("References");
    references.push(original.clone());
    ReadingReport {
        mail: OutgoingMail {
            from: Sender { name: request.name.to_owned(), address: mailbox.clone() },
            to: to.clone(),
            reply_to: Vec::new(),
            date: request.now,
            message_id: receipt_id(&original, mailbox),
            in_reply_to: Some(original.clone()),
            references,
            subject: subject.into(),
            cda_codes: Vec::new(),
            ins_qualified: None,
            nil: None,
            no_reply: false,
            read_receipt_to: None,
            delivery_receipt_to: None,
            auto_replied: true,
            text: text.into(),
        },
        reporting: format!("{}; Jonction", mailbox.domain()),
        original_recipient: match original_recipient.is_empty() {
            true => mailbox.expose().to_owned(),
            false => original_recipient,
        },
        final_recipient: mailbox.clone(),
        original_message_id: original,
        disposition,
        error,
        returned,
        repeated,
    }
}

/// `Disposition` and `Error`, as the profile writes them.
fn disposition(request: &ReceiptRequest<'_>) -> (String, Option<String>) {
    const AUTOMATIC: &str = "automatic-action/MDN-sent-automatically";
    match request.outcome {
        ReadingOutcome::Processed => (format!("{AUTOMATIC}; processed"), None),
        ReadingOutcome::Displayed => ("manual-action/MDN-sent-automatically; displayed".to_owned(), None),
        ReadingOutcome::Failed { code, .. } => {
            let error = format!("{}^{}", code.code, code.label);
            let inline = format!("{AUTOMATIC}; processed/Error: {error}");
            match request.profile {
                MdnProfile::V112 => (inline, None),
                MdnProfile::V112WithError => (inline, Some(error)),
                MdnProfile::V113 => (format!("{AUTOMATIC}; processed/error"), Some(error)),
            }
        }
    }
}

/// Identifier of the notice about a mail by a mailbox.
fn receipt_id(original: &MailId, mailbox: &MssAddress) -> MailId {
    let drawn = BodyId::of(format!("mdn {original} {}", mailbox.expose()).as_bytes()).to_string();
    let id = MailId::parse(&format!("{}@{}", &drawn[..32], mailbox.domain()));
    id.unwrap_or_else(|_| original.clone())
}

/// `TR:`, `Fwd:`, `Fw:` before the subject of a mail that was passed on.
fn without_forward_marks(subject: &str) -> &str {
    let mut rest = subject.trim();
    while let Some(after) = ["TR:", "FWD:", "FW:"].iter().find_map(|mark| {
        rest.get(..mark.len())
            .filter(|head| head.eq_ignore_ascii_case(mark))
            .map(|_| rest[mark.len()..].trim_start())
    }) {
        rest = after;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::without_forward_marks;

    #[test]
    fn marks_of_a_forward_are_taken_off_and_answers_keep_theirs() {
        assert_eq!(without_forward_marks("TR: fwd:FW: XDM/1.0/DDM+CR"), "XDM/1.0/DDM+CR");
        assert_eq!(without_forward_marks("Re: TR: a"), "Re: TR: a");
        assert_eq!(without_forward_marks("é"), "é");
    }
}
