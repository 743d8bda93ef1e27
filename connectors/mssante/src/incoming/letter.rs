//! The mail as a shape for tools that speak of mails.
//! In: a mail that was understood. Out: a `SecureMail`, its files as handles. Source: mssante.md §4.3, §8 n° 4, 24, 25.

use jonction_mime::{Mailbox, Part};
use jonction_model::{
    BodyId, Correspondent, Ins, MailAttachment, MailId, MssAddress, SecureMail, ids::PATIENT_DOMAIN,
};

use super::{IncomingMail, html};

/// Mails a thread is followed through.
const ANSWERS_MAX: usize = 50;

pub(super) fn of(incoming: &IncomingMail) -> SecureMail {
    let mail = &incoming.mail;
    let people = |name: &str| mail.mailboxes(name).iter().map(correspondent).collect::<Vec<_>>();
    let from = people("From").into_iter().next();
    let reading_notice_to = mail.mailboxes("Disposition-Notification-To");
    SecureMail {
        kind: incoming.kind,
        message_id: incoming.message_id(),
        patient: from.as_ref().and_then(|from| patient(from.address.as_ref()?)),
        from,
        to: people("To"),
        copies: people("Cc"),
        reply_to: people("Reply-To"),
        sent_at: mail.headers().date("Date"),
        answers: answers(incoming),
        subject: mail.subject().into(),
        text: mail.body().map(text).unwrap_or_default().into(),
        attachments: mail.attachments().map(|part| attachment(part, incoming.body)).collect(),
        reading_notice_to: reading_notice_to
            .iter()
            .filter_map(|to| MssAddress::parse(&to.address).ok())
            .collect(),
    }
}

fn correspondent(mailbox: &Mailbox) -> Correspondent {
    Correspondent {
        name: mailbox.name.clone().into(),
        address: MssAddress::parse(&mailbox.address).ok(),
        written: mailbox.address.clone().into(),
    }
}

/// The patient behind an address of Mon espace santé.
//= ECO.3.1.2
fn patient(address: &MssAddress) -> Option<Ins> {
    (address.domain() == PATIENT_DOMAIN).then(|| Ins::parse(address.expose_local_part()).ok()).flatten()
}

/// Nearest first, each once.
fn answers(incoming: &IncomingMail) -> Vec<MailId> {
    let headers = incoming.mail.headers();
    let mut ids: Vec<MailId> = Vec::new();
    for id in headers.ids("In-Reply-To").into_iter().chain(headers.ids("References").into_iter().rev()) {
        if ids.len() < ANSWERS_MAX && !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

fn text(part: &Part) -> String {
    match part.media_type.as_str() {
        "text/html" => html::text(&part.text()),
        _ => part.text(),
    }
}

fn attachment(part: &Part, mail: BodyId) -> MailAttachment {
    let content = part.content();
    MailAttachment {
        path: part.path.clone(),
        media_type: part.media_type.clone(),
        name: part.name.clone().into(),
        bytes: content.len() as u64,
        hash: BodyId::of(content),
        content: part.content_ref(mail),
    }
}
