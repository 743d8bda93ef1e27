//! Delivery notices and reading notices, in their known forms (mssante.md §3.8, §3.9), and row 26.

use bytes::Bytes;
use jonction_model::{DeliveryAction, Disposition, MailKind};

use super::world::*;

const NOTICE_HEAD: &str = "From: servicey_auto@chb.mssante.example\r\nTo: cabinet@ville.mssante.example\r\nMessage-ID: <mdn1@chb.mssante.example>\r\n";

fn report(kind: &str, fields: &str, returned: &str) -> Bytes {
    format!(
        "{NOTICE_HEAD}Subject: avis\r\nContent-Type: multipart/report; report-type={kind}; boundary=r\r\n\r\n--r\r\n\r\ntexte\r\n--r\r\nContent-Type: message/{kind}\r\n\r\n{fields}\r\n--r\r\n{returned}\r\n--r--\r\n"
    )
    .into()
}

fn mdn(fields: &str) -> Bytes {
    let original = String::from_utf8(carrying(&[vec![doc()]]).to_vec()).unwrap();
    report("disposition-notification", fields, &format!("Content-Type: message/rfc822\r\n\r\n{original}"))
}

const FIELDS: &str = "Reporting-UA: pfi\r\nOriginal-Recipient: rfc822;service@chb.mssante.example\r\nFinal-Recipient: rfc822;servicey_auto@chb.mssante.example\r\nOriginal-Message-ID: <0001@ville.mssante.example>\r\n";
const AUTOMATIC: &str = "Disposition: automatic-action/MDN-sent-automatically; ";

#[test]
fn the_three_forms_of_a_failed_reading_give_code_and_label() {
    let forms = [
        format!("{AUTOMATIC}processed/Error: 902^Identifiant patient inconnu"),
        format!(
            "{AUTOMATIC}processed/Error: 902^Identifiant patient inconnu^messageErrorCondition| E^Error^errorSeverity"
        ),
        format!(
            "{AUTOMATIC}processed/error\r\nError: 902^Identifiant patient inconnu^applicationErrorCondition"
        ),
        format!(
            "{AUTOMATIC}processed/Error: 902^Identifiant patient inconnu\r\nError: 902^Identifiant patient inconnu"
        ),
    ];
    for form in forms {
        let incoming = read(&mdn(&format!("{FIELDS}{form}\r\n")));
        assert_eq!(incoming.kind, MailKind::ReadingNotice);
        assert!(incoming.archives.is_empty(), "the mail that comes back is ours");
        let notice = incoming.reading.unwrap();
        let error = notice.error.clone().unwrap();
        assert_eq!(
            (error.code.as_str(), error.label.as_str()),
            ("902", "Identifiant patient inconnu"),
            "{form}"
        );
        assert_eq!((notice.disposition, notice.is_positive()), (Disposition::Processed, false));
        assert_eq!(notice.message_id.unwrap().as_str(), "0001@ville.mssante.example");
        assert_eq!(notice.reader.unwrap().expose(), "servicey_auto@chb.mssante.example");
        assert_eq!(notice.original.unwrap().expose(), "service@chb.mssante.example");
    }
}

#[test]
fn every_disposition_is_read_and_kept_as_written() {
    for (written, disposition, positive) in [
        ("automatic-action/MDN-sent-automatically; processed", Disposition::Processed, true),
        ("manual-action/MDN-sent-manually; displayed", Disposition::Displayed, true),
        ("manual-action/MDN-sent-manually; deleted", Disposition::Deleted, true),
        ("manual-action/MDN-sent-automatically; dispatched", Disposition::Dispatched, true),
        ("manual-action/MDN-sent-manually; failed", Disposition::Failed, false),
        ("displayed", Disposition::Displayed, true),
    ] {
        let notice = read(&mdn(&format!("{FIELDS}Disposition: {written}\r\n"))).reading.unwrap();
        assert_eq!(
            (notice.disposition, notice.is_positive(), notice.written.as_str()),
            (disposition, positive, written)
        );
    }
}

#[test]
fn a_notice_without_original_identifier_is_tied_by_the_mail_it_returns() {
    let notice = read(&mdn(&format!("{AUTOMATIC}displayed\r\n"))).reading.unwrap();
    assert_eq!(notice.message_id.unwrap().as_str(), "0001@ville.mssante.example");
}

fn dsn(recipients: &str) -> Bytes {
    let fields = format!(
        "Reporting-MTA: dns; smtp.ville.mssante.example\r\nOriginal-Envelope-Id: ENV-1\r\n\r\n{recipients}"
    );
    report("delivery-status", &fields, &format!("Content-Type: text/rfc822-headers\r\n\r\n{HEAD}"))
}

#[test]
fn a_delivery_notice_gives_a_verdict_per_recipient() {
    let raw = dsn(
        "Original-Recipient: rfc822;a@x.mssante.example\r\nFinal-Recipient: rfc822; b@x.mssante.example\r\nAction: failed\r\nStatus: 5.1.1 (unknown)\r\nDiagnostic-Code: smtp; 550-5.1.1 no such user\r\n\r\n\
         Final-Recipient: rfc822; c@x.mssante.example\r\nAction: relayed\r\nStatus: 2.0.0\r\n\r\n\
         Final-Recipient: rfc822; d@x.mssante.example\r\nAction: delayed\r\nStatus: 4.2.2\r\n\r\n\
         Final-Recipient: rfc822; e@x.mssante.example\r\nAction: delivered\r\nStatus: 2.1.5\r\n\r\n\
         Final-Recipient: rfc822; f@x.mssante.example\r\nAction: inventé\r\nStatus: 5.3.4\r\n",
    );
    let incoming = read(&raw);
    assert_eq!(incoming.kind, MailKind::DeliveryNotice);
    let notice = incoming.delivery.unwrap();
    assert_eq!((notice.envelope_id.as_deref(), notice.guessed), (Some("ENV-1"), false));
    assert_eq!(notice.message_ids[0].as_str(), "0001@ville.mssante.example");
    let verdicts: Vec<_> = notice
        .recipients
        .iter()
        .map(|v| {
            (
                v.recipient.as_ref().unwrap().expose_local_part(),
                v.action,
                v.report_code().map(|code| code.code),
            )
        })
        .collect();
    use DeliveryAction::*;
    assert_eq!(
        verdicts,
        [
            ("b", Failed, Some("550".to_owned())),
            ("c", Relayed, None),
            ("d", Delayed, None),
            ("e", Delivered, None),
            ("f", Failed, Some("523".to_owned())),
        ]
    );
    assert_eq!(notice.recipients[0].original.as_ref().unwrap().expose_local_part(), "a");
}

#[test]
fn a_delivery_notice_of_twenty_thousand_blocks_is_cut() {
    let notice = read(&dsn(&"Final-Recipient: rfc822; a@x.example\r\nAction: failed\r\n\r\n".repeat(20_000)))
        .delivery
        .unwrap();
    assert!(notice.recipients.len() <= 1_001);
}

/// Row 26: the exact texts of Mon espace santé are unknown; causes are told by their words.
#[test]
fn bounces_in_a_form_of_their_own_are_told_with_their_cause() {
    for (text, code) in [
        ("La boîte est fermée ou a été clôturée.", "550"),
        ("Le destinataire est inconnu.", "550"),
        ("Adresse invalide.", "553"),
        ("La taille du message dépasse la limite.", "523"),
        ("Mailbox full, quota exceeded", "552"),
        ("Sans autre précision.", "554"),
    ] {
        let body = format!("Votre message à <{INS}@patient.mssante.fr> n'a pas été distribué. {text}");
        let head = "From: ne-pas-repondre@patient.mssante.fr\r\nTo: dossier@hopital-a.mssante.example\r\nMessage-ID: <b1@patient.mssante.fr>\r\nIn-Reply-To: <0001@ville.mssante.example>\r\nSubject: Message non distribué\r\n";
        let incoming = read(&letter(head, &body));
        assert_eq!(incoming.kind, MailKind::DeliveryNotice, "{text}");
        let notice = incoming.delivery.unwrap();
        assert!(notice.guessed);
        assert_eq!(notice.message_ids[0].as_str(), "0001@ville.mssante.example");
        let verdict = &notice.recipients[0];
        assert_eq!(verdict.recipient.as_ref().unwrap().expose_local_part(), INS);
        assert_eq!(verdict.report_code().unwrap().code, code, "{text}");
    }
    let person = letter(&PLAIN_HEAD.replace("question", "Message non distribué"), "que faire ?");
    assert_eq!(read(&person).kind, MailKind::Conversation, "a person may speak of it");
}
