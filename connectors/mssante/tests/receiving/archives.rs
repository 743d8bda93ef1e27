//! Rows 2 to 5, 7, 11 to 17, 21 and 22: the archive is found, opened within limits, or refused with the reason.

use std::io::Write as _;

use base64::Engine as _;
use jonction_model::{Environment, MailKind, Operation};
use jonction_mssante::incoming::{IncomingMail, IncomingSettings};

use super::world::*;

#[test]
fn the_plain_case_gives_one_submission_whose_document_is_read_in_the_stored_mail() {
    let raw = carrying(&[vec![doc()]]);
    let incoming = read(&raw);
    assert_eq!((incoming.kind, codes(&incoming)), (MailKind::Document, vec![]));
    let submissions = incoming.submissions();
    let [submission] = submissions.as_slice() else { panic!("{} submissions", submissions.len()) };
    assert_eq!((submission.operation, obstacles(submission)), (Operation::Submit, vec![]));
    assert_eq!(documents(&raw, submission), [doc().content()]);
    assert_eq!(submission.origin.control_id.as_str(), "0001@ville.mssante.example");
    assert!(submission.patient.qualified(Environment::Test).is_ok());
    assert!(submission.wants.reading_reports && !submission.wants.mssante());
    let sender = submission.sender.clone().unwrap();
    assert_eq!(sender.person.unwrap().id.unwrap().as_str(), "801234564895");
    assert_eq!(sender.organization.unwrap().id.unwrap().as_str(), "1990000019");
}

/// Rows 2 and 3.
#[test]
fn an_archive_is_found_by_its_content_under_any_name_type_and_place() {
    let bytes = archive(&[vec![doc()]]);
    for headers in [
        "Content-Type: application/octet-stream; name=ihe_xdm.zip",
        "Content-Type: application/x-zip-compressed\r\nContent-Disposition: attachment; filename=IHE-XDM.ZIP",
        "Content-Type: application/zip\r\nContent-Disposition: attachment; filename=document.zip",
        "Content-Type: application/pdf; name=lettre.pdf",
        "Content-Type: text/plain",
        "Content-Disposition: inline",
        "X: y",
    ] {
        let raw = mail(HEAD, &[TEXT, &part(headers, &bytes)]);
        let incoming = read(&raw);
        assert_eq!(incoming.kind, MailKind::Document, "{headers}");
        assert_eq!(documents(&raw, &incoming.submissions()[0]), [doc().content()], "{headers}");
    }
    let alone = format!("{HEAD}{}", part("Content-Type: application/zip", &bytes));
    assert_eq!(read(&alone.into()).kind, MailKind::Document);
}

/// Row 4.
#[test]
fn attachments_of_one_name_are_told_apart_by_path_and_hash() {
    let named = |content: &[u8]| part("Content-Type: application/pdf; name=a.pdf", content);
    let letter = read(&mail(PLAIN_HEAD, &[TEXT, &named(b"%PDF-un"), &named(b"%PDF-deux")])).letter();
    let paths: Vec<_> = letter.attachments.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["2", "3"]);
    assert_ne!(letter.attachments[0].hash, letter.attachments[1].hash);
}

/// Row 5.
#[test]
fn an_archive_inside_a_winmail_dat_is_integrated_with_a_note() {
    let dat = winmail("IHE_XDM.zip", &archive(&[vec![doc()]]));
    let raw = mail(HEAD, &[TEXT, &part("Content-Type: application/ms-tnef; name=winmail.dat", &dat)]);
    let incoming = read(&raw);
    assert_eq!(documents(&raw, &incoming.submissions()[0]), [doc().content()]);
    assert!(incoming.findings.iter().any(|finding| finding.check == "mime.tnef-opened"));
}

fn winmail(name: &str, content: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x9F, 0x3E, 0x22, 1, 0];
    for (id, data) in
        [(0x0006_9002_u32, [0; 14].as_slice()), (0x0001_8010, name.as_bytes()), (0x0006_800F, content)]
    {
        out.push(2);
        out.extend_from_slice(&id.to_le_bytes());
        out.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
        out.extend_from_slice(data);
        out.extend_from_slice(&[0, 0]);
    }
    out
}

/// Row 7.
#[test]
fn several_archives_and_several_sets_give_as_many_submissions() {
    let second = Doc { id: "1.2.250.1.999.2.2", ..doc() };
    let third = Doc { id: "1.2.250.1.999.2.3", ..doc() };
    let raw = mail(HEAD, &[TEXT, &xdm(&[vec![doc()], vec![second]]), &xdm(&[vec![third]])]);
    let ids: Vec<_> = read(&raw).submissions().iter().map(|s| s.documents[0].unique_id.to_string()).collect();
    assert_eq!(ids, ["1.2.250.1.999.2.1", "1.2.250.1.999.2.2", "1.2.250.1.999.2.3"]);
}

/// Row 12: the sheet's default is to note; a setting refuses.
#[test]
fn a_wrong_hash_or_size_is_noted_or_refused_as_set() {
    let wrong_hash = Doc { hash: Some("0".repeat(40)), ..doc() };
    let wrong_size = Doc { size: Some(1), ..doc() };
    for wrong in [wrong_hash, wrong_size] {
        let raw = carrying(&[vec![wrong]]);
        let noted = read(&raw);
        assert_eq!(codes(&noted), ["xdm.document-altered"]);
        assert!(noted.is_sound() && noted.submissions()[0].obstacles.is_empty());

        let strict = IncomingSettings { refuse_altered: true, ..IncomingSettings::new(Environment::Test) };
        let refused = IncomingMail::read(&raw, &strict).unwrap();
        assert!(!refused.is_sound());
        assert_eq!(obstacles(&refused.submissions()[0]), [("906", "mssante.document-altered")]);
    }
}

#[test]
fn a_document_that_is_missing_unreadable_or_unnamed_stops_its_set() {
    let gone = Doc { present: false, ..doc() };
    let other = Doc { id: "1.2.250.1.999.2.2", ..doc() };
    let raw = carrying(&[vec![other, gone]]);
    assert_eq!(obstacles(&read(&raw).submissions()[0]), [("906", "mssante.document-missing")]);

    let pdf = Doc { bytes: Some(b"%PDF-1.4".to_vec()), ..doc() };
    let submissions = read(&carrying(&[vec![pdf]])).submissions();
    assert_eq!(obstacles(&submissions[0]), [("906", "mssante.not-a-cda")]);
    assert!(submissions[0].documents.is_empty());
}

/// Row 14: whatever XML can do, a document is refused and the process goes on.
#[test]
fn a_document_made_to_hurt_an_xml_reader_is_refused() {
    let bombs = [
        r#"<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><ClinicalDocument xmlns="urn:hl7-org:v3">&c;</ClinicalDocument>"#.to_owned(),
        r#"<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><ClinicalDocument xmlns="urn:hl7-org:v3">&x;</ClinicalDocument>"#.to_owned(),
        format!("<ClinicalDocument xmlns=\"urn:hl7-org:v3\">{}", "<a>".repeat(15_000)),
    ];
    for bomb in bombs {
        let hurt = Doc { bytes: Some(bomb.into_bytes()), ..doc() };
        assert_eq!(obstacles(&read(&carrying(&[vec![hurt]])).submissions()[0])[0].1, "mssante.not-a-cda");
    }
}

/// Row 14: accepted by declaration. Row 15: the stylesheet instruction is kept, byte for byte.
#[test]
fn a_latin_document_is_read_as_declared_and_kept_as_it_is() {
    let text = String::from_utf8(doc().content())
        .unwrap()
        .replace("UTF-8", "ISO-8859-15")
        .replace("PAT-TROIS", "ÉLÉONORE");
    let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let raw = carrying(&[vec![Doc { bytes: Some(bytes.clone()), ..doc() }]]);
    let submissions = read(&raw).submissions();
    let name = submissions[0].documents[0].subject.traits.birth_name.clone().unwrap();
    assert_eq!(name.expose(), "ÉLÉONORE");
    assert_eq!(documents(&raw, &submissions[0]), [bytes]);
    assert!(text.contains("xml-stylesheet"));
}

/// Rows 3 and 11: names in lower case, an undeclared prefix, a BOM.
#[test]
fn metadata_of_poor_quality_are_read() {
    let undeclared =
        metadata(&[doc()]).replace(" xmlns:rim=\"urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0\"", "");
    let bom = format!("\u{feff}{}", metadata(&[doc()]));
    let no_member = {
        let text = metadata(&[doc()]);
        let (start, end) =
            (text.find("<rim:Association").unwrap(), text.find("</rim:Association>").unwrap() + 18);
        format!("{}{}", &text[..start], &text[end..])
    };
    let lower = metadata(&[doc()]).replace("DOC00001.XML", "doc00001.xml");
    for (what, text) in [("undeclared", undeclared), ("bom", bom), ("no member", no_member), ("lower", lower)]
    {
        let files = [
            ("ihe_xdm/subset01/metadata.xml".to_owned(), text.into_bytes()),
            ("ihe_xdm/subset01/doc00001.xml".to_owned(), doc().content()),
        ];
        let raw = mail(HEAD, &[TEXT, &part("Content-Type: application/zip", &zip(&files))]);
        let submissions = read(&raw).submissions();
        assert_eq!(submissions.len(), 1, "{what}");
        assert_eq!(documents(&raw, &submissions[0]), [doc().content()], "{what}");
    }
}

fn refused(bytes: &[u8]) -> (String, Option<String>) {
    let incoming =
        read(&mail(HEAD, &[TEXT, &part("Content-Type: application/zip; name=IHE_XDM.zip", bytes)]));
    assert!(incoming.submissions().is_empty());
    assert_eq!(incoming.kind, MailKind::DocumentWithoutArchive);
    let finding = incoming.findings.iter().find(|finding| finding.check.starts_with("xdm.")).unwrap();
    assert!(finding.place.path.starts_with("partie 2") && finding.remedy.is_some());
    (finding.check.clone(), finding.found.clone())
}

/// Row 13.
#[test]
fn an_archive_that_no_honest_sender_makes_is_refused_with_its_reason() {
    let with = |name: &str, content: &[u8]| {
        let mut all = files(&[vec![doc()]]);
        all.push((name.to_owned(), content.to_vec()));
        zip(&all)
    };
    for name in ["../../etc/passwd", "/etc/passwd", "a\\b.xml", "C:a.xml"] {
        assert_eq!(refused(&with(name, b"x")).1.as_deref(), Some("unsafe name"), "{name}");
    }
    assert_eq!(refused(&with("suite.zip", &archive(&[vec![doc()]]))).1.as_deref(), Some("nested archive"));
    assert_eq!(refused(&with("zeros.bin", &vec![0; 20 << 20])).1.as_deref(), Some("ratio_max"));
    let many: Vec<_> = (0..1_001).map(|n| (format!("IHE_XDM/A{n}"), Vec::new())).collect();
    assert_eq!(refused(&zip(&many)).1.as_deref(), Some("files_max"));
    assert_eq!(refused(b"PK\x03\x04 IHE_XDM").0, "xdm.not-zip");
    let no_metadata = zip(&[("IHE_XDM/SUBSET01/DOC00001.XML".to_owned(), doc().content())]);
    assert_eq!(refused(&no_metadata).0, "xdm.no-metadata");
}

/// Ten gigabytes of zeros in about ten megabytes: deflate blocks of one megabyte, repeated, under a header that lies.
#[test]
fn an_archive_of_ten_gigabytes_of_zeros_is_refused_at_once() {
    let block = {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
        encoder.flush().unwrap();
        encoder.get_ref().clone()
    };
    let mut packed = block.repeat(10 << 10);
    packed.extend_from_slice(&[3, 0]);
    let name = b"IHE_XDM/SUBSET01/METADATA.XML";
    let size = u32::try_from(packed.len()).unwrap().to_le_bytes();
    let fields = [
        [20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0x58, 0, 0, 0, 0].as_slice(),
        size.as_slice(),
        &[0xFE, 0xFF, 0xFF, 0xFF],
        &[29, 0, 0, 0],
    ]
    .concat();
    let mut bomb = [b"PK\x03\x04".as_slice(), &fields, name, &packed].concat();
    let directory = u32::try_from(bomb.len()).unwrap().to_le_bytes();
    let entry = [b"PK\x01\x02\x14\x00".as_slice(), &fields, &[0; 14], name].concat();
    let length = u32::try_from(entry.len()).unwrap().to_le_bytes();
    bomb.extend_from_slice(&entry);
    bomb.extend([b"PK\x05\x06\0\0\0\0\x01\0\x01\0".as_slice(), &length, &directory, &[0, 0]].concat());

    let start = std::time::Instant::now();
    assert_eq!(refused(&bomb).1.as_deref(), Some("unpacked_bytes_max"));
    assert!(start.elapsed() < std::time::Duration::from_secs(60));
}

#[test]
fn a_zip_that_is_no_xdm_is_an_attachment_like_another() {
    let raw = mail(
        PLAIN_HEAD,
        &[TEXT, &part("Content-Type: application/zip; name=photos.zip", &zip(&[("a.jpg".into(), vec![1])]))],
    );
    let incoming = read(&raw);
    assert_eq!((incoming.kind, codes(&incoming)), (MailKind::Conversation, vec![]));
    assert_eq!(incoming.letter().attachments[0].name.expose(), "photos.zip");
}

/// Row 16.
#[test]
fn base64_in_every_shape_of_the_field_gives_the_document_or_says_why_not() {
    let text = base64::engine::general_purpose::STANDARD.encode(archive(&[vec![doc()]]));
    let head = "Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    let wrapped = |mark: &str| {
        let lines = text.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap());
        lines.collect::<Vec<_>>().join(mark)
    };
    let sound = [wrapped("\r\n"), wrapped("\n"), text.clone(), text.trim_end_matches('=').to_owned()];
    for body in sound.into_iter().chain([format!("{}\r\n-- \r\nanalyse antivirus", wrapped("\r\n"))]) {
        let raw = mail(HEAD, &[TEXT, &format!("{head}{body}")]);
        let submissions = read(&raw).submissions();
        assert_eq!(documents(&raw, &submissions[0]), [doc().content()]);
    }
    let raw = mail(HEAD, &[TEXT, &format!("{head}*{text}")]);
    let incoming = read(&raw);
    assert_eq!(codes(&incoming), ["mime.base64-damaged"]);
    assert_eq!(obstacles(&incoming.submissions()[0]), [("906", "mssante.document-in-pieces")]);
}

/// Row 21.
#[test]
fn a_forwarded_archive_is_found_to_depth_three_with_a_note() {
    let mut inner = String::from_utf8(carrying(&[vec![doc()]]).to_vec()).unwrap();
    for depth in 1..=4 {
        let raw = mail(PLAIN_HEAD, &[TEXT, &format!("Content-Type: message/rfc822\r\n\r\n{inner}")]);
        let incoming = read(&raw);
        if depth <= 3 {
            assert_eq!(
                (incoming.kind, codes(&incoming)),
                (MailKind::Document, vec!["mssante.forwarded"]),
                "depth {depth}"
            );
            assert_eq!(documents(&raw, &incoming.submissions()[0]), [doc().content()]);
        } else {
            assert_eq!(incoming.kind, MailKind::Conversation);
        }
        inner = String::from_utf8(raw.to_vec()).unwrap();
    }
}

/// Row 22: clear-signed; what is opaque or encrypted is tested where it is read (`formats/mime`).
#[test]
fn a_signed_mail_is_integrated_and_its_signature_is_kept() {
    let inner = format!(
        "Content-Type: multipart/mixed; boundary=dedans\r\n\r\n--dedans\r\n{TEXT}\r\n--dedans\r\n{}\r\n--dedans--",
        xdm(&[vec![doc()]])
    );
    let signature = part("Content-Type: application/pkcs7-signature; name=smime.p7s", b"0");
    let raw = format!(
        "{HEAD}Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=s\r\n\r\n--s\r\n{inner}\r\n--s\r\n{signature}\r\n--s--\r\n"
    )
    .into();
    let incoming = read(&raw);
    assert_eq!(documents(&raw, &incoming.submissions()[0]), [doc().content()]);
    assert!(incoming.letter().attachments.iter().any(|file| file.name.expose() == "smime.p7s"));
}
