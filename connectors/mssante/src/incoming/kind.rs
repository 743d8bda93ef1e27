//! What a mail is for.
//! In: a mail that was read, its archives. Out: a kind, and remarks on what it should have been.
//! Source: mssante.md §3.2, §3.9, §8 n° 6, 18, 19, 23, 25, 27, 28. First match wins; the order is the table's.

use jonction_cda::peek_root;
use jonction_mime::{Mail, Part, notice};
use jonction_model::{Finding, MailKind, MssAddress, ids::PATIENT_DOMAIN};

use super::archive::Archive;
use super::submissions::operation_of;
use jonction_model::Operation;

const PREFIX: &str = "XDM/1.0/DDM";

/// Decides.
pub(super) fn of(mail: &Mail, archives: &[Archive], reading: bool, delivery: bool) -> MailKind {
    let subject = mail.subject();
    if reading {
        return MailKind::ReadingNotice;
    }
    if delivery {
        return MailKind::DeliveryNotice;
    }
    if notice::subject_code(&subject).is_some() {
        return MailKind::IntegrationFailure;
    }
    if let Some(kind) = of_archives(archives) {
        return kind;
    }
    if notice::is_automatic(mail) || is_home_made_receipt(mail, &subject) {
        return MailKind::AutomaticReply;
    }
    if from_patient(mail) {
        return MailKind::Patient;
    }
    let answers = mail.headers().get("In-Reply-To").is_some();
    // An answer to one of our mails keeps its subject: it announces nothing.
    let announces = announces_archive(mail) && !(answers && is_answer(&subject));
    if announces || (!answers && mail.attachments().any(is_document)) {
        return MailKind::DocumentWithoutArchive;
    }
    MailKind::Conversation
}

/// One operation for all: its kind. Several: documents, each submission says its own.
fn of_archives(archives: &[Archive]) -> Option<MailKind> {
    let sets = archives.iter().flat_map(|archive| &archive.sets);
    let mut operations = sets.flat_map(|set| set.documents.iter().map(|opened| operation_of(set, opened)));
    let first = operations.next()?;
    Some(match first {
        _ if operations.any(|other| other != first) => MailKind::Document,
        Operation::Submit => MailKind::Document,
        Operation::Replace => MailKind::Replacement,
        Operation::Delete => MailKind::Deletion,
    })
}

fn from_patient(mail: &Mail) -> bool {
    let from = mail.mailboxes("From").into_iter().next();
    let address = from.and_then(|from| MssAddress::parse(&from.address).ok());
    address.is_some_and(|address| address.domain() == PATIENT_DOMAIN)
}

/// `Re:`, as French mail programs write it too.
fn is_answer(subject: &str) -> bool {
    const MARKS: [&str; 6] = ["re:", "re :", "rép:", "rép :", "réponse :", "aw:"];
    let subject = subject.trim_start().to_lowercase();
    MARKS.iter().any(|mark| subject.starts_with(mark))
}

/// By its subject (under `Re:`, `TR:`, `[KO…]`), or by its headers.
pub(super) fn announces_archive(mail: &Mail) -> bool {
    mail.subject().to_ascii_uppercase().contains(PREFIX) || mail.value("X-MSS-CODECDA").is_some()
}

/// A PDF, or a CDA attached as it is.
fn is_document(part: &Part) -> bool {
    part.starts_with(b"%PDF") || {
        let xml = part.starts_with(b"<") || part.starts_with(b"\xEF\xBB\xBF<");
        xml && peek_root(part.content().as_ref(), &jonction_cda::Limits::default()).is_ok()
    }
}

/// Receipts that products write in their own way: words of a receipt at the start of a subject, an answer, no file.
fn is_home_made_receipt(mail: &Mail, subject: &str) -> bool {
    const WORDS: [&str; 9] = [
        "lu :",
        "lu:",
        "read:",
        "accusé de lecture",
        "accuse de lecture",
        "accusé de réception",
        "accuse de reception",
        "confirmation de lecture",
        "return receipt",
    ];
    let subject = subject.trim_start().to_lowercase();
    let says = WORDS.iter().any(|word| subject.starts_with(word));
    says && mail.attachments().next().is_none()
}

/// What the mail should have been, and is not.
pub(super) fn remarks(mail: &Mail, kind: MailKind, refused: bool) -> Vec<Finding> {
    let mut remarks = Vec::new();
    if mail.headers().ids("Message-ID").is_empty() {
        remarks.push(
            Finding::warning(
                "mssante.no-message-id",
                "le courriel n'a pas de Message-ID utilisable : aucun accusé ne pourra lui être rattaché",
            )
            .requirement("mssante.md §8 n° 18"),
        );
    }
    if kind == MailKind::DocumentWithoutArchive && !refused {
        let finding = match announces_archive(mail) {
            true => Finding::error(
                "mssante.archive-missing",
                "le courriel annonce une archive XDM et n'en porte pas : un antivirus ou une passerelle l'a peut-être retirée",
            )
            .remedy("demander à l'émetteur un nouvel envoi, et à l'opérateur ce qui retire les archives"),
            false => Finding::warning(
                "mssante.document-without-archive",
                "le courriel porte un document sans archive XDM : il n'est pas intégré tout seul",
            )
            .remedy("l'intégrer à la main, ou demander un envoi IHE_XDM"),
        };
        remarks.push(finding.requirement("mssante.md §8 n° 6, 23"));
    }
    remarks
}
