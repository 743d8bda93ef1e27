//! Reading notices that we owe: what became of a received mail, for who sent it and asked.
//! In: `MessageOutcome`. Out: at most one mail per mail and mailbox, with a null return path. Source: mssante.md §3.9, §4.3.
//! Whether one is owed at all, and its bytes, is `incoming::receipt`.

use jonction_model::{Finding, MailKind, MessageOutcome, MssAddress, ReportCode, SecureMail, Shape, Verdict};
use jonction_ports::{Delivery, Due, IndexKey, KeyKind, Outcome, Part, Piece, Prepared, Tools};

use super::{MailFacts, MssanteSink, no_longer_ours, not_ours};
use crate::incoming::{
    IncomingMail, IncomingSettings,
    receipt::{ReadingOutcome, ReceiptRequest, write},
};

/// Codes of the volet: 900 to 906.
fn is_application_error(code: &ReportCode) -> bool {
    code.code.parse::<u16>().is_ok_and(|code| (900..=906).contains(&code))
}

/// Codes of those who do not speak of the document: the link of the software failed, or its sender is unknown to it.
/// Nothing of it goes outside (mssante.md §4.3 « AE technical »).
fn is_technical(code: &ReportCode) -> bool {
    matches!(code.code.as_str(), "AE" | "AR" | "CE" | "CR")
}

/// Where the notice about a mail goes, when one is asked for.
pub(super) fn asked_to(outcome: &MessageOutcome) -> Option<&MssAddress> {
    let Shape::SecureMail(mail) = &*outcome.understood else { return None };
    let SecureMail { kind, reading_notice_to, .. } = &**mail;
    let answers = matches!(
        kind,
        MailKind::ReadingNotice
            | MailKind::DeliveryNotice
            | MailKind::AutomaticReply
            | MailKind::IntegrationFailure
    );
    match (answers, reading_notice_to.as_slice()) {
        (false, [one]) => Some(one),
        _ => None,
    }
}

/// One notice, when somebody asked for it and something may be told.
pub(super) fn parts(outcome: &MessageOutcome) -> Vec<Part> {
    let told = !matches!(&outcome.verdict, Verdict::Negative(code) if is_technical(code));
    let part = |to: &MssAddress| Part {
        key: "accusé".to_owned(),
        label: format!("accusé à {}", to.label()),
        ordering: None,
        mailbox: Some(to.expose().to_owned()),
        due: Due::Owed,
    };
    asked_to(outcome).filter(|_| told).map(part).into_iter().collect()
}

impl MssanteSink {
    pub(super) fn prepare_notice(
        &self,
        delivery: &Delivery,
        outcome: &MessageOutcome,
        tools: &Tools,
    ) -> Result<Prepared, Outcome> {
        let mailbox = MssAddress::parse(&outcome.door).map_err(|_| not_ours())?;
        let rule =
            self.settings.senders.iter().find(|rule| rule.address == mailbox).ok_or_else(no_longer_ours)?;
        let settings = IncomingSettings::new(self.environment);
        let raw = tools.bodies.read(&outcome.message, settings.mail.bytes_max as u64).map_err(|_| {
            Outcome::Park {
                finding: Finding::error(
                    "mssante.mail-unreadable",
                    "le courriel conservé n'a pas pu être relu",
                )
                .remedy("vérifier le disque du journal"),
            }
        })?;
        let incoming = IncomingMail::read(&raw, &settings).map_err(|finding| Outcome::Park { finding })?;
        let reading = match &outcome.verdict {
            Verdict::Positive => ReadingOutcome::Processed,
            Verdict::Negative(code) => ReadingOutcome::Failed {
                code: match is_application_error(code) {
                    true => code.clone(),
                    // A human's reason is ours, and stays here.
                    false => ReportCode::new("906", "Erreur 'Autre'"),
                },
                details: Vec::new(),
            },
        };
        let receipts =
            self.settings.mailboxes.as_ref().map(|mailboxes| mailboxes.receipts).unwrap_or_default();
        let written = write(&ReceiptRequest {
            incoming: &incoming,
            mailbox: &mailbox,
            name: &rule.name,
            outcome: &reading,
            profile: receipts.profile,
            now: tools.clock.now(),
            size_max: usize::try_from(self.settings.size_max).unwrap_or(usize::MAX),
            to_others: receipts.to_others,
        });
        // The rules forbid it: nothing is sent, and that is how it ends.
        let receipt = written.map_err(|why| Outcome::Done {
            detail: format!("aucun accusé n'est rendu : {}", why.sentence()),
        })?;
        let message_id = receipt.message_id.as_str().to_owned();
        let envelope_id = message_id.split('@').next().unwrap_or_default().to_owned();
        let headers = receipt.headers_only.then(|| {
            Finding::warning(
                "mssante.notice-headers-only",
                "le courriel est trop gros pour être rendu entier avec son accusé : ses en-têtes le sont",
            )
            .requirement("mssante.md §3.9")
        });
        let facts = MailFacts {
            message_id: message_id.clone(),
            envelope_id,
            from: mailbox,
            size: receipt.bytes.len() as u64,
            notes: headers.into_iter().collect(),
        };
        tracing::debug!(delivery = delivery.id.0, bytes = facts.size, "reading notice prepared");
        Ok(Prepared {
            ids: serde_json::to_value(&facts).map_err(|_| not_ours())?,
            pieces: vec![Piece::New(receipt.bytes)],
            keys: vec![IndexKey { kind: KeyKind::MailId, value: message_id }],
        })
    }
}
