//! The head of a mail: who, to whom, headers, text.
//! In: a submission, an addressee, settings. Out: an `OutgoingMail`. Source: mssante.md §3.1 to §3.3, §3.7; hl7v2.md §2.10.

use jiff::Timestamp;
use jonction_mime::{MailId, OutgoingMail, Sender, Token};
use jonction_model::{DocumentSubmission, Environment, Finding, Masked, Operation, SubmittedDocument};
use jonction_ports::Outcome;
use uuid::Uuid;

use super::{addressee::Addressee, names};
use crate::config::{SenderRule, Settings};

/// Everything a head is made of.
pub(crate) struct Composition<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) environment: Environment,
    pub(crate) submission: &'a DocumentSubmission,
    pub(crate) addressee: &'a Addressee,
    /// NTE-4 = FIN.
    pub(crate) no_reply: bool,
    pub(crate) without_pdf: bool,
    pub(crate) message_uuid: Uuid,
    pub(crate) now: Timestamp,
}

const PDF_MISSING: &str =
    "Le document joint n'existe qu'au format IHE_XDM : il s'ouvre avec un logiciel métier.";

/// Makes the head. Errors: no mailbox of ours serves this sender.
pub(crate) fn mail(request: &Composition<'_>) -> Result<OutgoingMail, Outcome> {
    let Composition { settings, submission, addressee, .. } = request;
    let no_mailbox = || Outcome::Park {
        finding: Finding::error("mssante.no-mailbox", "aucune boîte d'envoi n'est réglée pour cet émetteur")
            .remedy("ajouter à « senders » une boîte pour ses MSH-3 et MSH-4"),
    };
    let rule = settings.sender(&submission.origin).ok_or_else(no_mailbox)?;
    let message_id = format!("{}@{}", request.message_uuid, rule.address.domain());
    let message_id = MailId::parse(&message_id).map_err(|_| no_mailbox())?;
    let wants = submission.wants;
    Ok(OutgoingMail {
        from: Sender { name: display_name(submission, rule), address: rule.address.clone() },
        to: addressee.address().clone(),
        reply_to: submission.reply_to.clone(),
        date: request.now,
        message_id,
        // Known only with the mails of earlier versions at hand: left out rather than guessed (mssante.md §3.3).
        in_reply_to: None,
        references: Vec::new(),
        subject: names::subject(submission),
        cda_codes: codes(submission),
        ins_qualified: Some(ins_is_qualified(submission, request.environment)),
        nil: settings.nil.clone(),
        no_reply: request.no_reply && addressee.is_patient(),
        read_receipt_to: wants.reading_reports.then(|| rule.address.clone()),
        delivery_receipt_to: (wants.delivery_reports && settings.return_receipt)
            .then(|| rule.address.clone()),
        auto_replied: false,
        text: text(request),
    })
}

/// PRT-8.1 of the sender, else the configured one.
//= ECO.2.2.7
fn display_name(submission: &DocumentSubmission, rule: &SenderRule) -> String {
    let structure = submission.sender.as_ref().and_then(|sender| sender.organization.as_ref());
    let name = structure.and_then(|structure| structure.name.as_deref()).map(str::trim).unwrap_or_default();
    if name.is_empty() { rule.name.clone() } else { name.to_owned() }
}

/// Codes of the documents. One that cannot stand in a header (official samples have none) is left out.
//= ECO.2.4.1
fn codes(submission: &DocumentSubmission) -> Vec<Token> {
    let code = |document: &SubmittedDocument| Token::parse(document.metadata.type_code.code.trim()).ok();
    submission.documents.iter().filter_map(code).collect()
}

/// `O` only if the message says that the identity is qualified, and every document carries that INS and its traits.
//= ECO.2.4.2
fn ins_is_qualified(submission: &DocumentSubmission, environment: Environment) -> bool {
    let Ok(identity) = submission.patient.qualified(environment) else { return false };
    submission.documents.iter().all(|document| {
        document.subject.ins.as_ref() == Some(identity.ins())
            && document.subject.traits.missing_with_ins().is_empty()
    })
}

/// The sender's text as it is; else ours, which says when a document replaces another or is to be deleted.
fn text(request: &Composition<'_>) -> Masked<String> {
    let Composition { settings, submission, addressee, .. } = request;
    let given = match addressee.is_patient() {
        true => &submission.mail.patient,
        false => &submission.mail.professional,
    };
    if let Some(given) = given.as_ref().filter(|given| !given.expose().trim().is_empty()) {
        return given.clone();
    }
    let texts = &settings.texts;
    let mut text = match submission.operation {
        Operation::Submit => texts.submit.clone(),
        Operation::Replace => texts.replace.clone(),
        Operation::Delete => texts.delete.clone(),
    };
    if request.without_pdf {
        text = format!("{text}\n\n{PDF_MISSING}");
    }
    text.into()
}
