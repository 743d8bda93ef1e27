//! Checks of headers, texts and envelope. In: a mail. Out: findings, without any datum of a person. Source: mssante.md §7.

use jonction_mime::{MailId, Mailbox};
use jonction_model::{MssAddress, Place, Verdicts};
use smtp_proto::{RCPT_NOTIFY_FAILURE, RCPT_NOTIFY_SUCCESS};

use super::Subject;

const PREFIX: &str = "XDM/1.0/DDM+";

fn header(name: &str) -> Place {
    Place::path(format!("en-tête {name}"))
}

/// Names of the patient come from the metadata: never from the subject itself (ECO.2.1.2).
pub(super) fn m04(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    if !subject.carries_documents() {
        return;
    }
    let text = subject.received.mail.subject();
    let Some(rest) =
        text.get(..PREFIX.len()).filter(|p| p.eq_ignore_ascii_case(PREFIX)).map(|_| &text[PREFIX.len()..])
    else {
        verdicts.differs(header("Subject"), "l'objet ne commence pas comme il faut", PREFIX, "autre chose");
        return;
    };
    let words: Vec<&str> = rest.split(' ').filter(|word| !word.is_empty()).collect();
    let dated = words.last().is_some_and(|word| is_french_date(word));
    if words.len() < 3 + usize::from(dated) {
        verdicts.add(header("Subject"), "l'objet doit porter libellé, nom et prénom");
    }
    for name in super::archive::patient_names(subject) {
        if !rest.to_lowercase().contains(&name.to_lowercase()) {
            verdicts
                .add(header("Subject"), "l'objet ne porte pas le nom et le prénom du patient de l'archive");
            return;
        }
    }
}

fn is_french_date(word: &str) -> bool {
    let shape: String = word.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    shape == "99/99/9999"
}

pub(super) fn m05(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    let mail = &subject.received.mail;
    if !mail.head().is_ascii() {
        verdicts.add(Place::path("en-têtes"), "des octets hors ASCII figurent dans les en-têtes").remedy =
            Some("coder les en-têtes accentués selon la RFC 2047".to_owned());
    }
    if mail.facts().longest_line > 998 {
        verdicts.add(Place::default(), "une ligne dépasse 998 caractères");
    }
    let words = mail.head().split(|c| c.is_ascii_whitespace());
    if words.filter(|word| word.starts_with(b"=?")).any(|word| word.len() > 75) {
        verdicts.add(Place::path("en-têtes"), "un mot codé dépasse 75 caractères");
    }
}

pub(super) fn m09(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    let ids: Vec<_> = subject.received.mail.headers().all("Message-ID").collect();
    match ids.as_slice() {
        [one] if MailId::parse(&one.unfolded()).is_ok() => {}
        [_] => {
            verdicts.add(header("Message-ID"), "le Message-ID n'est pas de la forme <gauche@droite>");
        }
        other => verdicts.differs(
            header("Message-ID"),
            "il faut un Message-ID et un seul",
            "1",
            other.len().to_string(),
        ),
    }
}

pub(super) fn m11(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    for part in subject.received.mail.leaves().filter(|part| part.media_type.starts_with("text/")) {
        let ascii = part.charset.is_empty() && part.content().is_ascii();
        if !part.charset.eq_ignore_ascii_case("utf-8") && !ascii {
            verdicts.add(Place::path(format!("partie {}", part.path)), "le texte n'est pas déclaré en UTF-8");
        }
        if part.is_damaged() || std::str::from_utf8(part.content()).is_err() {
            verdicts.add(Place::path(format!("partie {}", part.path)), "le texte n'est pas lisible en UTF-8");
        }
    }
}

pub(super) fn m12(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    let first = subject.received.mail.leaves().next();
    if first.is_none_or(|part| part.media_type != "text/plain") {
        let found = first.map(|part| part.media_type.clone()).unwrap_or_default();
        verdicts.differs(Place::path("partie 1"), "le corps doit avoir un texte simple", "text/plain", found);
    }
}

pub(super) fn m14(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    match subject.received.mail.mailboxes("From").first() {
        None => {
            verdicts.add(header("From"), "l'expéditeur manque");
        }
        Some(Mailbox { name, address }) if name.is_empty() || name.eq_ignore_ascii_case(address) => {
            verdicts.add(header("From"), "l'expéditeur n'a pas d'intitulé");
        }
        Some(_) => {}
    }
}

pub(super) fn m15(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    let received = &subject.received;
    let mailbox = received.authenticated.as_deref().filter(|identity| identity.contains('@'));
    let expected = mailbox.unwrap_or(&received.from);
    if !received.mail.mailboxes("From").first().is_some_and(|from| same(&from.address, expected)) {
        verdicts.add(header("From"), "l'adresse n'est pas celle de la boîte qui envoie");
    }
}

fn same(a: &str, b: &str) -> bool {
    match (MssAddress::parse(a), MssAddress::parse(b)) {
        (Ok(a), Ok(b)) => a.expose().eq_ignore_ascii_case(b.expose()),
        _ => false,
    }
}

pub(super) fn m16(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    let Some(value) = subject.received.mail.value("X-MSS-MES") else { return };
    if value != "FIN" {
        verdicts.differs(header("X-MSS-MES"), "la seule valeur est FIN", "FIN", "autre chose");
    }
    if !subject.is_to_patient() {
        verdicts.add(header("X-MSS-MES"), "cet en-tête n'a de sens que vers un patient");
    }
}

pub(super) fn m19(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    if subject.received.mail.value("X-MSS-NIL").is_none_or(|value| value.is_empty()) {
        verdicts.add(header("X-MSS-NIL"), "le numéro de produit manque");
    }
}

pub(super) fn m20(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    let Some(notify) = subject.received.notify else { return };
    let wanted = RCPT_NOTIFY_SUCCESS | RCPT_NOTIFY_FAILURE;
    if subject.received.mail.value("Return-Receipt-To").is_some() && notify & wanted != wanted {
        verdicts.add(
            Place::path("RCPT TO"),
            "un accusé de réception est demandé, mais NOTIFY ne porte pas SUCCESS et FAILURE",
        );
    }
}

pub(super) fn m21(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    let mail = &subject.received.mail;
    let asked = mail.mailboxes("Disposition-Notification-To");
    let Some(to) = asked.first() else { return };
    if !mail.mailboxes("From").first().is_some_and(|from| same(&from.address, &to.address)) {
        verdicts.add(header("Disposition-Notification-To"), "l'accusé de lecture n'irait pas à l'expéditeur");
    }
}

pub(super) fn m25(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    let mail = &subject.received.mail;
    let visible: Vec<_> = ["To", "Cc", "Bcc"].into_iter().flat_map(|name| mail.mailboxes(name)).collect();
    if subject.received.recipients != 1 || visible.len() != 1 {
        let found = format!("{} dans l'enveloppe, {} visibles", subject.received.recipients, visible.len());
        verdicts.differs(header("To"), "un courriel par destinataire", "1", found);
    } else if !same(&visible[0].address, &subject.received.to) {
        verdicts.add(header("To"), "le destinataire visible n'est pas celui de l'enveloppe");
    }
}
