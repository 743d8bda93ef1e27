//! Mails written by us, read by us and by Python's `email`; hostile mails within limits.
#![allow(clippy::unwrap_used, reason = "a test program")]

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use bytes::Bytes;
use jonction_mime::{
    Attachment, AttachmentBlock, Limits, Mail, MailId, MediaType, OutgoingMail, ReadError, Sender, Token,
};
use jonction_model::{BodyId, Masked, MssAddress};
use proptest::prelude::*;

const SUBJECT: &str = "XDM/1.0/DDM+CR d'imagerie médicale TESTEUR-ÉLÉONORE ANNE 28/02/1980";

fn address(text: &str) -> MssAddress {
    MssAddress::parse(text).unwrap()
}

fn mail() -> OutgoingMail {
    OutgoingMail {
        from: Sender {
            name: "Hôpital A - Imagerie".to_owned(),
            address: address("pfi@hopital-a.mssante.example"),
        },
        to: address("camille.martin@ville.mssante.example"),
        reply_to: vec![
            address("secretariat@hopital-a.mssante.example"),
            address("dr.b@ville.mssante.example"),
        ],
        date: "2026-11-21T08:00:00Z".parse().unwrap(),
        message_id: MailId::parse("0001.abc@hopital-a.mssante.example").unwrap(),
        in_reply_to: Some(MailId::parse("0000.abc@hopital-a.mssante.example").unwrap()),
        references: vec![MailId::parse("0000.abc@hopital-a.mssante.example").unwrap()],
        subject: SUBJECT.into(),
        cda_codes: ["18748-4", "11502-2", "18748-4"].map(|code| Token::parse(code).unwrap()).into(),
        ins_qualified: Some(true),
        nil: Some(Token::parse("EXEMPLE-0000").unwrap()),
        no_reply: true,
        read_receipt_to: Some(address("pfi@hopital-a.mssante.example")),
        delivery_receipt_to: Some(address("pfi@hopital-a.mssante.example")),
        auto_replied: false,
        text: "Cher confrère,\nvous trouverez ci-joint le compte rendu d’imagerie. ".into(),
    }
}

fn attachments() -> AttachmentBlock {
    AttachmentBlock::encode(
        &[
            Attachment {
                media_type: MediaType::Zip,
                name: "IHE_XDM.zip".into(),
                content: Bytes::from_static(b"PK\x03\x04 not a real archive"),
            },
            Attachment {
                media_type: MediaType::Pdf,
                name: "20261120_CR d'imagerie médicale_TESTEUR-ÉLÉONORE_ANNE.pdf".into(),
                content: Bytes::from(vec![b'%'; 200]),
            },
        ],
        BodyId::of(b"lot"),
    )
}

fn whole(mail: &OutgoingMail, block: &AttachmentBlock) -> Bytes {
    [mail.head(block), block.bytes().clone()].concat().into()
}

fn read(raw: &Bytes) -> Mail {
    Mail::read(raw, &Limits::default()).unwrap()
}

fn assert_wire_form(raw: &[u8]) {
    assert!(raw.iter().all(|&c| matches!(c, b'\r' | b'\n' | b'\t' | b' '..=b'~')), "7-bit");
    for line in raw.split_inclusive(|&c| c == b'\n') {
        assert!(line.ends_with(b"\r\n") && !line[..line.len() - 2].contains(&b'\r'), "CRLF only");
        assert!(line.len() <= 1000, "line of {} bytes", line.len());
    }
    let text = std::str::from_utf8(raw).unwrap();
    for word in text.split([' ', '\r', '\n']).filter(|word| word.starts_with("=?")) {
        assert!(word.len() <= 75 && word.ends_with("?="), "{word}");
    }
}

#[test]
fn the_golden_mail_is_written_byte_for_byte() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/professional.eml");
    let written = whole(&mail(), &attachments());

    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &written).unwrap();
    }

    assert_eq!(written, std::fs::read(&path).unwrap());
    assert_wire_form(&written);
    assert!(written.split(|&c| c == b'\n').all(|line| line.len() <= 78), "nothing here needs a longer line");
}

#[test]
fn what_is_written_is_read_back() {
    let read = read(&whole(&mail(), &attachments()));

    assert_eq!(read.subject(), SUBJECT);
    assert_eq!(read.message_id(), "0001.abc@hopital-a.mssante.example");
    assert_eq!(
        read.headers().all("x-mss-codecda").map(|h| h.text()).collect::<Vec<_>>(),
        ["18748-4,11502-2"]
    );
    assert_eq!(
        (read.value("X-MSS-INS").as_deref(), read.value("X-MSS-MES").as_deref()),
        (Some("O"), Some("FIN"))
    );
    let from = read.mailboxes("From").remove(0);
    assert_eq!(
        (from.name.as_str(), from.address.as_str()),
        ("Hôpital A - Imagerie", "pfi@hopital-a.mssante.example")
    );
    assert_eq!(read.mailboxes("Reply-To").len(), 2);
    assert_eq!(read.mailboxes("Disposition-Notification-To")[0].address, from.address);
    let parts: Vec<_> =
        read.leaves().map(|p| (p.path.as_str(), p.media_type.as_str(), p.name.as_str())).collect();
    assert_eq!(
        parts,
        [
            ("1", "text/plain", ""),
            ("2", "application/zip", "IHE_XDM.zip"),
            ("3", "application/pdf", "20261120_CR d'imagerie médicale_TESTEUR-ÉLÉONORE_ANNE.pdf"),
        ]
    );
    let leaves: Vec<_> = read.leaves().collect();
    assert_eq!(
        leaves[0].content(),
        "Cher confrère,\r\nvous trouverez ci-joint le compte rendu d’imagerie. ".as_bytes()
    );
    assert_eq!(leaves[1].content(), b"PK\x03\x04 not a real archive".as_slice());
    assert_eq!(leaves[2].content().len(), 200);
    assert!(read.head().ends_with(b"\r\n") && !read.head().ends_with(b"\r\n\r\n"));
}

#[test]
fn recipients_of_a_lot_share_the_attachments_byte_for_byte() {
    let (first, block) = (mail(), attachments());
    let second = OutgoingMail {
        to: address("autre@ville.mssante.example"),
        text: "--=_jonction_ est un texte ordinaire".into(),
        ..mail()
    };

    let (one, two) = (whole(&first, &block), whole(&second, &block));

    assert_ne!(first.head(&block), second.head(&block));
    assert!(one.ends_with(block.bytes()) && two.ends_with(block.bytes()));
    assert_eq!(attachments().bytes(), block.bytes());
    assert_eq!(read(&two).leaves().count(), 3);
}

#[test]
fn a_mail_without_attachment_is_a_plain_text() {
    let block = AttachmentBlock::none();
    let plain = OutgoingMail { cda_codes: Vec::new(), ins_qualified: None, ..mail() };

    let read = read(&whole(&plain, &block));

    assert!(block.bytes().is_empty());
    assert_eq!((read.media_type(), read.leaves().count()), ("text/plain", 1));
    assert_eq!((read.value("X-MSS-CODECDA"), read.value("X-MSS-INS")), (None, None));
    assert_eq!(read.value("X-MSS-NIL").as_deref(), Some("EXEMPLE-0000"));
}

#[test]
fn a_display_name_or_a_subject_cannot_open_a_header() {
    let hostile = OutgoingMail {
        from: Sender { name: "CHU\r\nBcc: voleur@x.example\r\n\r\ncorps".to_owned(), ..mail().from },
        subject: "a\r\nX-MSS-INS: O\r\n\r\nb".into(),
        ..mail()
    };

    let read = read(&whole(&hostile, &attachments()));

    assert_eq!(read.value("Bcc"), None);
    assert_eq!(read.headers().all("X-MSS-INS").count(), 1);
    assert_eq!(read.subject(), "a X-MSS-INS: O b");
    assert_eq!(read.leaves().count(), 3);
}

/// Python reads the mail with its own parser and says what it saw.
#[test]
fn pythons_email_package_reads_the_same_mail() {
    const SCRIPT: &str = r#"
import sys, json, email, email.policy, hashlib
m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
defects = [str(d) for p in m.walk() for d in p.defects]
print(json.dumps({
  "subject": str(m["subject"]), "from": str(m["from"].addresses[0].display_name), "to": str(m["to"]),
  "reply": len(m["reply-to"].addresses), "date": m["date"].datetime.isoformat(), "defects": defects,
  "parts": [[p.get_content_type(), p.get_filename() or "", len(p.get_payload(decode=True))] for p in m.iter_parts()],
  "text": m.get_body().get_content()}))
"#;
    let Ok(mut python) = Command::new("python3")
        .args(["-c", SCRIPT])
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
    else {
        jonction_testkit::skipped("python3 is not installed");
        return;
    };
    python.stdin.take().unwrap().write_all(&whole(&mail(), &attachments())).unwrap();
    let output = python.wait_with_output().unwrap();
    let seen: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();

    assert_eq!(seen["defects"], serde_json::json!([]));
    assert_eq!(seen["subject"], SUBJECT);
    assert_eq!(seen["from"], "Hôpital A - Imagerie");
    assert_eq!(seen["reply"], 2);
    assert_eq!(seen["date"], "2026-11-21T09:00:00+01:00");
    assert_eq!(seen["text"], "Cher confrère,\r\nvous trouverez ci-joint le compte rendu d’imagerie. ");
    assert_eq!(
        seen["parts"],
        serde_json::json!([
            ["text/plain", "", 71],
            ["application/zip", "IHE_XDM.zip", 23],
            ["application/pdf", "20261120_CR d'imagerie médicale_TESTEUR-ÉLÉONORE_ANNE.pdf", 200],
        ])
    );
}

#[test]
fn limits_hold_exactly() {
    let raw = whole(&mail(), &attachments());
    let at = |limits: Limits| Mail::read(&raw, &limits).err();
    let default = Limits::default();
    let head = read(&raw).head().len();

    assert_eq!(at(Limits { bytes_max: raw.len(), ..default }), None);
    assert_eq!(at(Limits { bytes_max: raw.len() - 1, ..default }), Some(ReadError::TooLong(raw.len() - 1)));
    assert_eq!(at(Limits { head_bytes_max: head, ..default }), None);
    assert_eq!(at(Limits { head_bytes_max: head - 1, ..default }), Some(ReadError::HeadTooLong(head - 1)));
    let headers = read(&raw).headers().len();
    assert_eq!(at(Limits { header_lines_max: headers, ..default }), None);
    assert_eq!(
        at(Limits { header_lines_max: headers - 1, ..default }),
        Some(ReadError::TooManyHeaders(headers - 1))
    );
    assert_eq!(at(Limits { parts_max: 4, ..default }), None);
    assert_eq!(at(Limits { parts_max: 3, ..default }), Some(ReadError::TooManyParts(3)));
    assert_eq!(at(Limits { depth_max: 2, ..default }), None);
    assert_eq!(at(Limits { depth_max: 1, ..default }), Some(ReadError::TooDeep(1)));
}

#[test]
fn a_forwarded_mail_keeps_its_own_parts() {
    let inner = whole(&mail(), &attachments());
    let raw = [
        b"From: a@b.example\r\nSubject: TR\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=out\r\n\r\n--out\r\n\r\nvoir\r\n--out\r\nContent-Type: message/rfc822\r\n\r\n".as_slice(),
        &inner,
        b"\r\n--out--\r\n",
    ]
    .concat();

    let read = read(&raw.into());

    let parts: Vec<_> = read.leaves().map(|p| (p.path.as_str(), p.media_type.as_str())).collect();
    assert_eq!(parts[..2], [("1", "text/plain"), ("2", "message/rfc822")]);
    assert!(parts.contains(&("2.2", "application/zip")), "{parts:?}");
    assert!(read.leaves().nth(1).unwrap().content().starts_with(b"Date: "));
}

/// What real partners send (mssante.md §8 n° 1 and 2).
#[test]
fn raw_eight_bit_headers_and_a_name_in_the_type_only_are_read() {
    let raw = Bytes::from_static(
        b"Subject: R\xe9sultat\r\nContent-Type: application/zip; name=\"IHE_XDM.ZIP\"\r\nContent-Transfer-Encoding: base64\r\n\r\nUEs=\r\n",
    );

    let read = read(&raw);

    assert_eq!(read.subject(), "Résultat");
    let zip = read.leaves().next().unwrap();
    assert_eq!((zip.name.as_str(), zip.content().as_ref()), ("IHE_XDM.ZIP", b"PK".as_slice()));
}

#[test]
fn a_mail_cut_at_any_byte_is_read_or_refused_but_never_panics() {
    let raw = whole(&mail(), &attachments());
    for end in 0..raw.len() {
        let _ = Mail::read(&raw.slice(..end), &Limits::default());
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,120}", "[a-zé=?_ .\"\\\\]{0,200}", any::<String>()]
}

proptest! {
    #[test]
    fn any_subject_name_and_text_come_back_normalised(subject in text(), name in text(), body in text(), file in text()) {
        let sent = OutgoingMail {
            subject: subject.clone().into(),
            from: Sender { name: name.clone(), ..mail().from },
            text: body.clone().into(),
            ..mail()
        };
        let block = AttachmentBlock::encode(&[Attachment {
            media_type: MediaType::Zip,
            name: Masked::from(file.clone()),
            content: Bytes::from_static(b"PK"),
        }], BodyId::of(b"lot"));
        let raw = whole(&sent, &block);
        assert_wire_form(&raw);

        let read = read(&raw);
        let leaves: Vec<_> = read.leaves().collect();
        prop_assert_eq!(leaves.len(), 2);
        let expected = jonction_mime::normalise_text(&body);
        prop_assert_eq!(&leaves[0].content()[..], expected.as_bytes());
        prop_assert_eq!(&leaves[1].content()[..], b"PK");
        prop_assert_eq!(read.subject(), one_line(&subject));
        prop_assert_eq!(&read.mailboxes("From")[0].name, &one_line(&name));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = Mail::read(&bytes.into(), &Limits::default()).map(|mail| mail.findings());
    }

    #[test]
    fn any_mix_of_mime_lines_is_read_or_refused(lines in proptest::collection::vec(prop_oneof![
        Just("Content-Type: multipart/mixed; boundary=a"), Just("Content-Type: multipart/digest; boundary=b"),
        Just("Content-Type: message/rfc822"), Just("Content-Transfer-Encoding: base64"), Just(""), Just(""), Just("--a"),
        Just("--a--"), Just("--b"), Just("--b--"), Just("UEs="), Just("Subject: x"), Just(" y")], 0..40)) {
        let _ = Mail::read(&lines.join("\r\n").into_bytes().into(), &Limits::default());
    }
}

fn one_line(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    let spaced: String =
        text.nfc().map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c }).collect();
    spaced.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}
