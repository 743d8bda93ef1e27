//! Rows 1, 6, 17, 18, 23, 25, 27, 28 and 34: what a mail is for.

use bytes::Bytes;
use jonction_model::MailKind;

use super::world::*;

fn kind(raw: &Bytes) -> MailKind {
    read(raw).kind
}

fn with(head: &str, headers: &str) -> String {
    format!("{headers}{head}")
}

#[test]
fn documents_replacements_and_deletions_are_told_apart() {
    let of = |docs: Vec<Doc>| kind(&carrying(&[docs]));
    assert_eq!(of(vec![doc()]), MailKind::Document);
    assert_eq!(of(vec![Doc { action: Some("C"), ..doc() }]), MailKind::Replacement);
    assert_eq!(of(vec![Doc { action: Some("D"), ..doc() }]), MailKind::Deletion);
    let mixed = vec![doc(), Doc { id: "1.2.250.1.999.2.2", action: Some("D"), ..doc() }];
    assert_eq!(of(mixed), MailKind::Document);
}

/// Row 1.
#[test]
fn accents_are_read_in_every_way_they_are_written() {
    let ways: [&[u8]; 5] = [
        b"=?utf-8?Q?R=C3=A9sultat?=",
        b"=?iso-8859-1?Q?R=E9sultat?=",
        b"=?UTF-8?B?UsOpc3VsdGF0?=",
        "Résultat".as_bytes(),
        b"R\xE9sultat",
    ];
    for way in ways {
        let raw = [
            b"From: a@ville.mssante.example\r\nMessage-ID: <a@b.example>\r\nSubject: ",
            way,
            b"\r\n\r\nbonjour",
        ]
        .concat();
        assert_eq!(read(&raw.into()).letter().subject.expose(), "Résultat", "{}", way.escape_ascii());
    }
}

/// Row 6.
#[test]
fn a_pdf_or_a_cda_without_archive_is_for_a_human() {
    let pdf = part("Content-Type: application/pdf; name=lettre.pdf", b"%PDF-1.4");
    let cda = part("Content-Type: text/xml; name=cda.xml", &doc().content());
    for file in [&pdf, &cda] {
        let incoming = read(&mail(PLAIN_HEAD, &[TEXT, file]));
        assert_eq!(incoming.kind, MailKind::DocumentWithoutArchive);
        assert_eq!(codes(&incoming), ["mssante.document-without-archive"]);
        assert!(incoming.submissions().is_empty());
    }
    let answer = with(PLAIN_HEAD, "In-Reply-To: <a@b.example>\r\n");
    assert_eq!(kind(&mail(&answer, &[TEXT, &pdf])), MailKind::Conversation);
}

/// Row 23.
#[test]
fn an_archive_that_was_taken_out_on_the_way_is_noticed() {
    let note = "Content-Type: text/plain; name=attachment-removed.txt\r\nContent-Disposition: attachment\r\n\r\npièce retirée";
    let tagged = HEAD.replace("Subject: XDM", "Subject: [EXT] XDM");
    for raw in [mail(HEAD, &[TEXT, note]), mail(&tagged, &[TEXT, note]), letter(HEAD, "bonjour")] {
        let incoming = read(&raw);
        assert_eq!(incoming.kind, MailKind::DocumentWithoutArchive);
        assert_eq!(codes(&incoming), ["mssante.archive-missing"]);
        assert!(!incoming.is_sound());
    }
}

/// Row 25.
#[test]
fn a_patient_is_recognised_by_their_address_and_never_becomes_a_document() {
    let head = format!(
        "From: Dominique PAT-TROIS <{INS}@patient.mssante.fr>\r\nTo: dossier@hopital-a.mssante.example\r\nMessage-ID: <p1@patient.mssante.fr>\r\nSubject: Re: question\r\nIn-Reply-To: <a@b.example>\r\n"
    );
    let photo = part("Content-Type: image/jpeg; name=photo.jpg", &[0xFF, 0xD8]);
    let pdf = part("Content-Type: application/pdf; name=ordonnance.pdf", b"%PDF-1.4");
    let incoming = read(&mail(&head, &[TEXT, &photo, &pdf]));
    assert_eq!((incoming.kind, incoming.is_from_patient()), (MailKind::Patient, true));
    let letter = incoming.letter();
    assert_eq!(letter.patient.as_ref().unwrap().expose(), INS);
    assert_eq!(letter.from.unwrap().name.expose(), "Dominique PAT-TROIS");
    assert_eq!(letter.attachments.len(), 2);
    assert!(incoming.submissions().is_empty());
}

/// Rows 27 and 28.
#[test]
fn machines_that_answer_are_neither_documents_nor_people() {
    for headers in ["Auto-Submitted: auto-replied\r\n", "Precedence: bulk\r\n", "X-Autoreply: yes\r\n"] {
        assert_eq!(
            kind(&letter(&with(PLAIN_HEAD, headers), "absente jusqu'au 3")),
            MailKind::AutomaticReply,
            "{headers}"
        );
    }
    assert_eq!(kind(&letter(&with(PLAIN_HEAD, "Auto-Submitted: no\r\n"), "bonjour")), MailKind::Conversation);
    for subject in ["Lu : compte rendu", "Accusé de lecture : XDM/1.0/DDM+CR", "Read: XDM/1.0/DDM+CR"] {
        let head = PLAIN_HEAD.replace("question", subject);
        assert_eq!(kind(&letter(&head, "lu le 3")), MailKind::AutomaticReply, "{subject}");
    }
    let sent_by_a_machine =
        mail(&with(HEAD, "Auto-Submitted: auto-generated\r\n"), &[TEXT, &xdm(&[vec![doc()]])]);
    assert_eq!(kind(&sent_by_a_machine), MailKind::Document);
}

#[test]
fn a_standard_mail_that_tells_a_failed_integration_is_recognised_in_both_spellings() {
    for mark in ["[KO Intégration système !][902]", "[Erreur d’intégration !][902]"] {
        let head = HEAD.replace("Subject: ", &format!("Subject: {mark} "));
        let incoming = read(&mail(&head, &[TEXT, &xdm(&[vec![doc()]])]));
        assert_eq!(incoming.kind, MailKind::IntegrationFailure, "{mark}");
        assert!(incoming.submissions().is_empty(), "the archive that comes back is ours");
    }
}

/// Row 18.
#[test]
fn a_mail_without_identifier_is_known_by_its_hash() {
    for id in ["", "Message-ID: <>\r\n", "Message-ID: sans arobase\r\n"] {
        let raw = mail(
            &HEAD.replace("Message-ID: <0001@ville.mssante.example>\r\n", id),
            &[TEXT, &xdm(&[vec![doc()]])],
        );
        let incoming = read(&raw);
        assert_eq!(codes(&incoming), ["mssante.no-message-id"]);
        assert_eq!(incoming.key(), incoming.body.to_string());
        assert_eq!(incoming.submissions()[0].origin.control_id.as_str(), incoming.key());
    }
}

/// Row 17.
#[test]
fn bare_line_ends_missing_boundaries_and_nul_lose_no_document() {
    let text = String::from_utf8(carrying(&[vec![doc()]]).to_vec()).unwrap();
    let lf = text.replace("\r\n", "\n");
    let dash = text.replace("limite", "li—mite ");
    let open = text.replace("\r\n--limite--", "");
    let nul = text.replace("Cher", "Ch\0er");
    let long = text.replace("Cher", &"x".repeat(2_000));
    for (what, changed) in [("lf", lf), ("dash", dash), ("open", open), ("nul", nul), ("long", long)] {
        let raw = Bytes::from(changed);
        let submissions = read(&raw).submissions();
        assert_eq!(documents(&raw, &submissions[0]), [doc().content()], "{what}");
    }
}

/// Row 34.
#[test]
fn dates_of_the_field_are_read_and_none_is_invented() {
    for (date, expected) in [
        ("Fri, 20 Feb 2026 08:30:00 +0100 (CET)", "2026-02-20T07:30:00Z"),
        ("Fri, 20 Feb 2026 08:30:00 -0400", "2026-02-20T12:30:00Z"),
        ("Thu, 20 Feb 2099 08:30:00 GMT", "2099-02-20T08:30:00Z"),
    ] {
        let head = PLAIN_HEAD.replace("Fri, 20 Feb 2026 08:30:00 +0100", date);
        assert_eq!(read(&letter(&head, "x")).letter().sent_at, expected.parse().ok(), "{date}");
    }
    assert_eq!(read(&letter(&PLAIN_HEAD.replace("Fri,", "hier,"), "x")).letter().sent_at, None);
}

#[test]
fn what_is_no_mail_or_over_a_limit_is_refused_with_a_finding() {
    let settings = jonction_mssante::incoming::IncomingSettings::new(jonction_model::Environment::Test);
    for (raw, check) in [
        (Bytes::from("bonjour"), "mime.not-a-mail"),
        (Bytes::from("Content-Type: message/rfc822\r\n\r\n".repeat(1_000)), "mime.too-deep"),
    ] {
        let finding = jonction_mssante::incoming::IncomingMail::read(&raw, &settings).err().unwrap();
        assert_eq!(finding.check, check);
        assert!(finding.remedy.is_some());
    }
}
