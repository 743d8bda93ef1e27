//! What a mail says of one of ours, as the engine ties it to the delivery: notices, bounces, failed integrations.
//! In: a mail that was understood. Out: answers, without knowing whether the mail they name was ever sent.
//! Source: mssante.md §3.8, §3.9; decision 0045.

use jonction_model::{
    Answer, DeliveryAction, DeliveryNotice, Disposition, IndexKey, KeyKind, MailId, ReadingNotice,
    RecipientVerdict, ReportCode, ReportStage, Standing,
};

use super::IncomingMail;

/// Recipients of one notice, and identifiers of one answer: ours name one of each.
const ANSWERS_MAX: usize = 20;

pub(super) fn of(incoming: &IncomingMail) -> Vec<Answer> {
    if let Some(notice) = &incoming.reading {
        return vec![of_reading(notice)];
    }
    if let Some(notice) = &incoming.delivery {
        return notice
            .recipients
            .iter()
            .take(ANSWERS_MAX)
            .map(|verdict| of_verdict(notice, verdict))
            .collect();
    }
    of_failure(incoming).into_iter().collect()
}

fn key(value: &str) -> IndexKey {
    IndexKey { kind: KeyKind::MailId, value: value.to_owned() }
}

fn keys<'i>(ids: impl IntoIterator<Item = &'i MailId>) -> Vec<IndexKey> {
    ids.into_iter().take(ANSWERS_MAX).map(|id| key(id.as_str())).collect()
}

/// `Original-Recipient` is not compared: software that answers for a redirected mailbox writes its own there.
fn of_reading(notice: &ReadingNotice) -> Answer {
    let detail = match (notice.is_positive(), notice.disposition) {
        (false, _) => "reçu, non intégré par le destinataire",
        (true, Disposition::Displayed) => "lu",
        (true, Disposition::Dispatched) => "reçu et transmis",
        (true, Disposition::Deleted) => "reçu et supprimé",
        (true, _) => "intégré par le destinataire",
    };
    let standing = match notice.is_positive() {
        true => Standing::Positive,
        false => Standing::Negative(notice.error.clone().unwrap_or_else(other_error)),
    };
    Answer {
        to: keys(&notice.message_id),
        stage: ReportStage::Reading,
        standing,
        by: notice.reader.clone(),
        asked: None,
        detail: detail.to_owned(),
    }
}

/// Code 906 of the volet: anything else.
fn other_error() -> ReportCode {
    ReportCode::new("906", "Erreur 'Autre'")
}

/// The envelope is ours alone; identifiers of the mail stand in the headers that come back.
fn of_verdict(notice: &DeliveryNotice, verdict: &RecipientVerdict) -> Answer {
    let envelope = notice.envelope_id.as_deref().map(|id| key(id.trim()));
    let mut to: Vec<_> = envelope.into_iter().chain(keys(&notice.message_ids)).collect();
    to.truncate(ANSWERS_MAX);
    let (standing, detail) = match (verdict.action, verdict.report_code()) {
        (DeliveryAction::Delivered, _) => (Standing::Positive, "remis dans la boîte"),
        (DeliveryAction::Relayed, _) => (Standing::Positive, "relayé vers un serveur qui ne rend pas d'avis"),
        (DeliveryAction::Expanded, _) => (Standing::Positive, "distribué par une liste"),
        (DeliveryAction::Delayed, _) => (Standing::Pending, "retardé : le serveur essaie encore"),
        (DeliveryAction::Failed, code) => (Standing::Negative(code.unwrap_or_else(other_error)), "revenu"),
    };
    Answer {
        to,
        stage: ReportStage::Delivery,
        standing,
        by: verdict.recipient.clone(),
        // Read from words, it may be any address of the text.
        asked: verdict.original.clone().filter(|_| !notice.guessed),
        detail: detail.to_owned(),
    }
}

/// « Courriel standard » of an integration that failed: its code stands in the subject, our mail in what it gives back.
fn of_failure(incoming: &IncomingMail) -> Option<Answer> {
    let mail = &incoming.mail;
    let code = jonction_mime::notice::subject_code(&mail.subject())?;
    let mut ids = jonction_mime::notice::returned_ids(mail);
    ids.extend(mail.headers().ids("In-Reply-To"));
    ids.extend(mail.headers().ids("References").into_iter().rev());
    Some(Answer {
        to: keys(&ids),
        stage: ReportStage::Reading,
        standing: Standing::Negative(ReportCode::new(code, "Intégration refusée par le destinataire")),
        by: incoming.sender(),
        asked: None,
        detail: "reçu, non intégré par le destinataire".to_owned(),
    })
}
