//! Delivery notices (DSN) and reading notices (MDN), in every form the field sends.
//! In: a mail that was read. Out: facts, or nothing when it is no notice. Sources: RFC 3464, RFC 8098, mssante.md §3.8,
//! §3.9, §8 n° 26. Absent: which of our mails it answers (the correlation store knows).

use bytes::Bytes;
use jonction_model::{
    MailId, MssAddress, ReportCode,
    mail::{DeliveryAction, DeliveryNotice, Disposition, ReadingNotice, RecipientVerdict},
};

use crate::read::{Headers, Mail, Part};

/// Recipients of one notice; more are left out.
const RECIPIENTS_MAX: usize = 1_000;
/// Bytes of a text in which a bounce of another form is looked for.
const BOUNCE_TEXT_MAX: usize = 64 << 10;

/// Blocks of fields of a notice: they are separated by blank lines.
fn blocks(part: &Part) -> Vec<Headers> {
    let content = part.content();
    let mut blocks = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        let end = at + line.len();
        if line.trim_ascii().is_empty() {
            blocks.push(Headers::of_block(&content.slice(start..at)));
            start = end;
        }
        at = end;
        if blocks.len() > RECIPIENTS_MAX {
            return blocks;
        }
    }
    blocks.push(Headers::of_block(&content.slice(start..)));
    blocks.retain(|block| !block.is_empty());
    blocks
}

/// `rfc822; address`, with or without its type.
fn address(headers: &Headers, name: &str) -> Option<MssAddress> {
    let text = headers.text(name)?;
    let address = text.split_once(';').map_or(text.as_str(), |(_, address)| address);
    MssAddress::parse(address.trim().trim_matches(['<', '>'])).ok()
}

/// Identifiers of the mail that a notice returns: its headers, or the mail itself.
pub fn returned_ids(mail: &Mail) -> Vec<MailId> {
    let root = mail.parts().iter().position(|part| part.media_type == "multipart/report").unwrap_or(0);
    let returned = mail.children(root).find_map(|(at, part)| match part.media_type.as_str() {
        "text/rfc822-headers" | "message/rfc822-headers" => Some(Headers::of_block(part.content())),
        "message/rfc822" | "message/global" => {
            mail.children(at).next().map(|(_, inner)| inner.headers().clone())
        }
        _ => None,
    });
    returned.map(|headers| headers.ids("Message-ID")).unwrap_or_default()
}

/// A part of this type that belongs to the notice itself, not to a mail it returns.
fn own_part<'m>(mail: &'m Mail, media_types: &[&str]) -> Option<&'m Part> {
    let mine = |(at, part): &(usize, &Part)| {
        media_types.contains(&part.media_type.as_str()) && mail.nesting(*at) == 0
    };
    mail.parts().iter().enumerate().find(mine).map(|(_, part)| part)
}

/// Reads a delivery notice. `None`: the mail is none of RFC 3464.
pub fn delivery(mail: &Mail) -> Option<DeliveryNotice> {
    let part = own_part(mail, &["message/delivery-status", "message/global-delivery-status"])?;
    let blocks = blocks(part);
    let envelope_id = blocks.iter().find_map(|block| block.text("Original-Envelope-Id"));
    let recipients = blocks.iter().filter_map(recipient).collect();
    let mut message_ids = returned_ids(mail);
    if message_ids.is_empty() {
        message_ids = answered_ids(mail);
    }
    Some(DeliveryNotice { envelope_id, message_ids, recipients, guessed: false })
}

fn recipient(block: &Headers) -> Option<RecipientVerdict> {
    let action = block.text("Action")?;
    let status = block.text("Status").unwrap_or_default();
    // `5.1.1 (bad destination mailbox address)`: a comment may follow.
    let status = status.split([' ', '(']).next().unwrap_or_default().to_owned();
    let action = match action.split([' ', '(', ';']).next().unwrap_or_default().to_ascii_lowercase().as_str()
    {
        "delivered" => DeliveryAction::Delivered,
        "relayed" => DeliveryAction::Relayed,
        "expanded" => DeliveryAction::Expanded,
        "delayed" => DeliveryAction::Delayed,
        "failed" => DeliveryAction::Failed,
        // Anything else is told by the class of the status.
        _ => match status.as_bytes().first() {
            Some(b'2') => DeliveryAction::Delivered,
            Some(b'4') => DeliveryAction::Delayed,
            Some(b'5') => DeliveryAction::Failed,
            _ => return None,
        },
    };
    let diagnostic = block.text("Diagnostic-Code").unwrap_or_default();
    Some(RecipientVerdict {
        recipient: address(block, "Final-Recipient"),
        original: address(block, "Original-Recipient"),
        action,
        status,
        smtp_code: smtp_code(&diagnostic),
    })
}

/// First number of three digits that can be a refusal or a success: `smtp; 550 5.1.1 …`, `550-5.1.1 …`.
fn smtp_code(text: &str) -> Option<u16> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    let code = |word: &str| (word.len() == 3).then(|| word.parse::<u16>().ok()).flatten();
    words.filter_map(code).find(|code| matches!(code, 200..=299 | 400..=599))
}

fn answered_ids(mail: &Mail) -> Vec<MailId> {
    let mut ids = mail.headers().ids("In-Reply-To");
    ids.extend(mail.headers().ids("References").into_iter().rev());
    ids.dedup();
    ids
}

/// What the bounces that are not of RFC 3464 say, Mon espace santé's among them; their exact texts are unknown
/// (mssante.md §10 n° 7), so words are looked for. First match wins.
const BOUNCE_WORDS: &[(&[&str], &str)] = &[
    (&["taille", "too large", "size limit", "exceeds"], "5.3.4"),
    (&["quota", "mailbox full", "boîte pleine", "boite pleine", "saturée"], "5.2.2"),
    (&["fermé", "clôtur", "clotur", "désactivé", "disabled", "inactive"], "5.2.1"),
    (&["inconnu", "introuvable", "n'existe pas", "n’existe pas", "unknown", "not found", "no such"], "5.1.1"),
    (&["adresse invalide", "adresse incorrecte", "invalid address", "syntax"], "5.1.3"),
];

/// Reads a bounce in a form of its own: from a mailer daemon or Mon espace santé, with a subject that says so.
/// `None`: nothing says that it is one.
pub fn bounce(mail: &Mail) -> Option<DeliveryNotice> {
    let subject = mail.subject().to_lowercase();
    let subject_says = [
        "undelivered mail",
        "undeliverable",
        "message non distribué",
        "message non délivré",
        "non remis",
        "échec de la remise",
        "delivery status notification",
        "delivery failure",
        "mail delivery failed",
        "returned mail",
    ];
    let from = mail.mailboxes("From").into_iter().next()?;
    let local = from.address.split('@').next().unwrap_or_default().to_ascii_lowercase();
    let machine = ["mailer-daemon", "postmaster", "no-reply", "noreply", "ne-pas-repondre", "nepasrepondre"];
    let says = subject_says.iter().any(|words| subject.contains(words));
    let from_machine = machine.contains(&local.as_str())
        || from.address.to_ascii_lowercase().ends_with("@patient.mssante.fr")
        || mail.value("Return-Path").is_some_and(|path| path == "<>")
        || is_automatic(mail);
    if !(says && from_machine) {
        return None;
    }
    let text = mail.body().map(|part| part.text()).unwrap_or_default();
    let end =
        (0..=BOUNCE_TEXT_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let text = text[..end].to_lowercase();
    let known = BOUNCE_WORDS.iter().find(|(words, _)| words.iter().any(|word| text.contains(word)));
    let failed = mail.value("X-Failed-Recipients");
    let written = failed.as_deref().into_iter().chain(text.split(|c: char| {
        c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | ',' | ';' | ':' | '"' | '«' | '»')
    }));
    let ours: Vec<MssAddress> =
        mail.mailboxes("To").iter().filter_map(|to| MssAddress::parse(&to.address).ok()).collect();
    let recipient = written
        .filter(|word| word.contains('@'))
        .filter_map(|word| MssAddress::parse(word.trim_matches(['.', ','])).ok())
        .find(|address| !ours.contains(address) && address.expose() != from.address);
    let mut message_ids = returned_ids(mail);
    message_ids.extend(answered_ids(mail));
    Some(DeliveryNotice {
        envelope_id: None,
        message_ids,
        recipients: vec![RecipientVerdict {
            recipient,
            original: None,
            action: DeliveryAction::Failed,
            status: known.map_or("5.0.0", |(_, status)| status).to_owned(),
            smtp_code: smtp_code(&text),
        }],
        guessed: true,
    })
}

/// Reads a reading notice, in the three forms of the volet. `None`: the mail is none.
pub fn reading(mail: &Mail) -> Option<ReadingNotice> {
    const TYPES: [&str; 2] = ["message/disposition-notification", "message/global-disposition-notification"];
    let part = own_part(mail, &TYPES)?;
    let content: Bytes = part.content().clone();
    let fields = Headers::of_block(&content);
    let written = fields.text("Disposition").unwrap_or_default();
    // `mode; type/modifier: text`
    let kind = written.split_once(';').map_or(written.as_str(), |(_, kind)| kind).trim();
    let (name, modifier) = kind.split_once('/').unwrap_or((kind, ""));
    let disposition = match name.trim().to_ascii_lowercase().as_str() {
        "displayed" => Disposition::Displayed,
        "dispatched" => Disposition::Dispatched,
        "deleted" => Disposition::Deleted,
        "denied" | "failed" => Disposition::Failed,
        _ => Disposition::Processed,
    };
    let message_id = fields.ids("Original-Message-ID").into_iter().next();
    let message_id = message_id.or_else(|| returned_ids(mail).into_iter().next());
    Some(ReadingNotice {
        message_id: message_id.or_else(|| answered_ids(mail).into_iter().next()),
        reader: address(&fields, "Final-Recipient"),
        original: address(&fields, "Original-Recipient"),
        disposition,
        error: error_of(&fields, modifier, mail),
        written: written.clone(),
    })
}

/// The `Error` field, else what follows `processed/Error`, else the code in the subject. Source: mssante.md §3.9.
fn error_of(fields: &Headers, modifier: &str, mail: &Mail) -> Option<ReportCode> {
    let field =
        ["Error", "Failure"].iter().find_map(|name| fields.text(name)).filter(|text| !text.is_empty());
    let modifier_says = modifier.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("error"));
    let inline = modifier_says.then(|| modifier[5..].trim_start_matches([':', ' ']).to_owned());
    let text = field.or(inline)?;
    let text = text.split('|').next().unwrap_or_default();
    let mut pieces = text.split('^').map(str::trim);
    let code = pieces.next().unwrap_or_default();
    let label = pieces.next().unwrap_or_default();
    if code.is_empty() {
        let code = subject_code(&mail.subject()).unwrap_or_else(|| "906".to_owned());
        return Some(ReportCode::new(code, label));
    }
    // `902 Identifiant patient inconnu`, `Identifiant patient inconnu`: texts without a code exist.
    let is_code = code.len() <= 8 && code.bytes().all(|byte| byte.is_ascii_digit());
    match (is_code, code.split_once([' ', ':', '-'])) {
        (true, _) => Some(ReportCode::new(code, label)),
        (false, Some((first, rest))) if first.len() == 3 && first.bytes().all(|b| b.is_ascii_digit()) => {
            Some(ReportCode::new(first, rest.trim()))
        }
        (false, _) => {
            Some(ReportCode::new(subject_code(&mail.subject()).unwrap_or_else(|| "906".to_owned()), code))
        }
    }
}

/// `[KO Intégration système !][902] XDM/…`, or `[Erreur d’intégration !][902] XDM/…` as the volet's example has it.
pub fn subject_code(subject: &str) -> Option<String> {
    let lower = subject.to_lowercase();
    let marked = ["[ko int", "[erreur d"].iter().any(|mark| lower.trim_start().starts_with(mark));
    let code = subject.split('[').nth(2)?.split(']').next()?.trim();
    (marked && code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit())).then(|| code.to_owned())
}

/// Whether a machine wrote it, by what it says of itself (RFC 3834, and what was there before).
pub fn is_automatic(mail: &Mail) -> bool {
    let value = |name: &str| mail.value(name).map(|value| value.to_ascii_lowercase());
    value("Auto-Submitted").is_some_and(|value| !value.starts_with("no"))
        || value("Precedence")
            .is_some_and(|value| matches!(value.as_str(), "bulk" | "junk" | "auto_reply" | "list"))
        || ["X-Autoreply", "X-Autorespond", "X-Auto-Reply", "List-Id"]
            .iter()
            .any(|name| value(name).is_some())
}
