//! From what a server said to what the engine does.
//! In: the end of a sending. Out: an outcome with its finding and its code. Source: mssante.md §2.9, hl7v2.md §2.14.

use jonction_model::{
    Finding, ReportCode,
    smtp_code::{smtp_code_of_status, smtp_report_code},
};
use jonction_net::DialError;
use jonction_ports::Outcome;

use crate::{
    client::{Failure, Sending},
    session::{MailResult, SessionError, reply::Reply},
};

/// What happened to a mail of one recipient. `label` is safe on screens.
pub(crate) fn of(sending: &Sending, label: &str, host: &str) -> (Outcome, Option<String>) {
    match &sending.result {
        Ok(result) => of_result(result, label),
        Err(failure) if sending.unknown => {
            let finding = Finding::warning(
                "mssante.outcome-unknown",
                "le courriel est parti, mais l'opérateur n'a pas répondu : il a pu être remis",
            )
            .remedy("rien à faire : il est renvoyé avec le même Message-ID, que le destinataire reconnaît");
            (Outcome::Unknown { finding: answered(finding, failure.code()) }, None)
        }
        Err(failure) => (of_failure(failure, host), None),
    }
}

fn of_result(result: &MailResult, label: &str) -> (Outcome, Option<String>) {
    let (reply, stage) = match result {
        MailResult::TooLarge { limit } => {
            let finding = Finding::error(
                "mssante.too-large",
                format!("le courriel dépasse la taille que l'opérateur accepte ({} Mo)", limit >> 20),
            )
            .remedy("réduire le document, ou le déposer autrement")
            .requirement("MSS/va1.13")
            .wire_code("523");
            return (Outcome::Refuse { finding, code: smtp_report_code(523) }, None);
        }
        MailResult::Accepted { recipients, reply } => match recipients.first() {
            Some(recipient) if !recipient.is_positive() => (recipient, Stage::Recipient),
            _ => {
                return (
                    Outcome::Done { detail: format!("{} pour {label}", reply.code) },
                    Some(reply.codes()),
                );
            }
        },
        MailResult::RecipientsRefused(replies) => match replies.first() {
            Some(reply) => (reply, Stage::Recipient),
            None => return (retry(Finding::warning("mssante.no-recipient", "aucun destinataire")), None),
        },
        MailResult::SenderRefused(reply) => (reply, Stage::Sender),
        MailResult::DataRefused(reply) => (reply, Stage::Body),
    };
    (of_refusal(reply, stage), Some(reply.codes()))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Sender,
    Recipient,
    Body,
}

fn of_refusal(reply: &Reply, stage: Stage) -> Outcome {
    let code = report_code(reply);
    if reply.is_transient() {
        let finding = Finding::warning("mssante.not-now", "l'opérateur demande de revenir plus tard")
            .remedy("rien à faire : l'envoi est repris tout seul")
            .wire_code(&code.code);
        return retry(answered(finding, reply.codes()));
    }
    // Our own rights: no recipient is at fault, and every mail would fail alike. A human must look (mssante.md §2.9).
    if stage == Stage::Sender && matches!(reply.code, 530 | 535 | 538) {
        let finding = Finding::error("mssante.auth-required", "l'opérateur refuse notre boîte d'envoi")
            .remedy("vérifier le certificat et la boîte avec l'opérateur, puis reprendre les envois")
            .wire_code("530");
        return Outcome::Park { finding: answered(finding, reply.codes()) };
    }
    let (check, sentence) = match stage {
        Stage::Sender => ("mssante.sender-refused", "l'opérateur refuse ce courriel"),
        Stage::Recipient => ("mssante.recipient-refused", "l'opérateur refuse ce destinataire"),
        Stage::Body => ("mssante.mail-refused", "l'opérateur refuse le contenu ou la taille du courriel"),
    };
    let finding = Finding::error(check, format!("{sentence} : {}", code.label))
        .remedy("corriger l'adresse ou le document dans le logiciel émetteur, puis renvoyer")
        .wire_code(&code.code);
    Outcome::Refuse { finding: answered(finding, reply.codes()), code }
}

/// The code for the sender. Statuses that are clearer than their reply code come first (552 5.3.4 is a size, 452 4.2.2
/// a full mailbox); then a listed reply code; then the status.
pub(crate) fn report_code(reply: &Reply) -> ReportCode {
    let status = reply.status.as_deref();
    if let Some("5.3.4" | "4.3.4" | "4.2.2") = status {
        return smtp_report_code(status.and_then(smtp_code_of_status).unwrap_or(reply.code));
    }
    let listed = smtp_report_code(reply.code);
    if listed.code == reply.code.to_string() {
        return listed;
    }
    smtp_report_code(status.and_then(smtp_code_of_status).unwrap_or(reply.code))
}

fn of_failure(failure: &Failure, host: &str) -> Outcome {
    let finding = match failure {
        Failure::Store(_) => {
            let finding =
                Finding::error("mssante.stored-mail-unreadable", "le courriel préparé ne peut pas être relu")
                    .remedy("vérifier le disque et le journal");
            return Outcome::Park { finding };
        }
        Failure::Session(SessionError::AuthRefused(codes)) => {
            let finding = Finding::error("mssante.auth-refused", "l'opérateur refuse notre authentification")
                .remedy(
                    "vérifier le certificat ou le mot de passe avec l'opérateur, puis reprendre les envois",
                )
                .wire_code("530");
            return Outcome::Park { finding: answered(finding, codes) };
        }
        Failure::Link(error) => Finding::warning(error.code(), format!("{host} : {}", error.sentence()))
            .wire_code(match error {
                DialError::Refused => "111",
                DialError::Unreachable => "101",
                DialError::NameNotFound => "512",
                DialError::Timeout => "441",
                _ => "442",
            }),
        Failure::Slow(_) => {
            Finding::warning("mssante.no-answer", format!("{host} ne répond pas dans le délai"))
                .wire_code("420")
        }
        Failure::Session(error) => {
            Finding::warning(error.code(), session_sentence(error, host)).wire_code("421")
        }
    };
    retry(
        finding
            .remedy("rien n'est perdu : l'envoi est repris tout seul ; si cela dure, prévenir l'opérateur"),
    )
}

fn session_sentence(error: &SessionError, host: &str) -> String {
    let what = match error {
        SessionError::NoStartTls => "n'offre pas STARTTLS : rien ne lui est dit en clair",
        SessionError::StartTlsRefused(_) => "refuse STARTTLS : rien ne lui est dit en clair",
        SessionError::Injected => "des octets en clair suivent la réponse à STARTTLS : quelqu'un s'interpose",
        SessionError::AuthNotOffered => "n'offre pas le mode d'authentification réglé",
        SessionError::Closing(_) => "ferme la connexion",
        SessionError::Closed => "a coupé la connexion",
        _ => "répond de travers : la connexion a été fermée",
    };
    format!("{host} : {what}")
}

fn retry(finding: Finding) -> Outcome {
    Outcome::Retry { after: None, finding }
}

/// Says what was answered: codes, never a text of the server.
fn answered(mut finding: Finding, codes: impl Into<String>) -> Finding {
    finding.found = Some(codes.into());
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(code: u16, status: Option<&str>) -> String {
        report_code(&Reply { code, status: status.map(str::to_owned), lines: Vec::new() }).code
    }

    #[test]
    fn codes_fold_as_the_sheet_says() {
        for (reply, status, expected) in [
            (550, Some("5.1.1"), "550"),
            (550, Some("5.7.1"), "550"),
            (552, Some("5.3.4"), "523"),
            (552, Some("5.2.2"), "552"),
            (452, Some("4.2.2"), "422"),
            (452, None, "452"),
            (451, Some("4.7.1"), "451"),
            (555, Some("5.1.3"), "553"),
            (555, None, "554"),
            (454, Some("4.4.1"), "441"),
        ] {
            assert_eq!(code(reply, status), expected, "{reply} {status:?}");
        }
    }

    #[test]
    fn a_lost_answer_is_unknown_and_a_lost_link_before_it_is_a_retry() {
        let sending =
            |unknown| Sending { result: Err(Failure::Session(SessionError::Closed)), unknown, bytes_sent: 1 };
        assert!(matches!(of(&sending(true), "a@…", "h").0, Outcome::Unknown { .. }));
        assert!(matches!(of(&sending(false), "a@…", "h").0, Outcome::Retry { .. }));
    }
}
