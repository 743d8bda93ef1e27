//! Structure, wrappings and hostile mails. What Python's parser says of the same is in `tests/torture.rs`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jonction_model::{BodyId, Encoding, Layer};

use super::{cms::tests::envelope, tnef::tests::winmail, *};

fn read(text: impl AsRef<[u8]>) -> Mail {
    Mail::read(&Bytes::copy_from_slice(text.as_ref()), &Limits::default()).unwrap()
}

fn refused(bytes: Vec<u8>) -> ReadError {
    Mail::read(&bytes.into(), &Limits::default()).map(|mail| mail.parts().len()).unwrap_err()
}

fn tree(mail: &Mail) -> Vec<(&str, &str)> {
    mail.parts().iter().map(|part| (part.path.as_str(), part.media_type.as_str())).collect()
}

fn codes(mail: &Mail) -> Vec<String> {
    mail.findings().into_iter().map(|finding| finding.check).collect()
}

/// A mail of these parts; each is its headers, a blank line, its body.
fn mixed(parts: &[&str]) -> String {
    let parts: String = parts.iter().map(|part| format!("--b\r\n{part}\r\n")).collect();
    format!(
        "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npréambule\r\n{parts}--b--\r\népilogue\r\n"
    )
}

fn attached(media: &str, name: &str, content: &[u8]) -> String {
    let text = STANDARD.encode(content);
    let lines: Vec<_> = text.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!(
        "Content-Type: {media}; name=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
        lines.join("\r\n")
    )
}

#[test]
fn parts_are_numbered_as_imap_numbers_them() {
    let inner = mixed(&["\r\nun", "\r\ndeux"]);
    let alternative = "Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\r\ntexte\r\n--a\r\nContent-Type: text/html\r\n\r\n<p>texte</p>\r\n--a--";
    let mail =
        read(mixed(&[alternative, &format!("Content-Type: message/rfc822\r\n\r\n{inner}"), "\r\nfin"]));
    assert_eq!(
        tree(&mail),
        [
            ("TEXT", "multipart/mixed"),
            ("1", "multipart/alternative"),
            ("1.1", "text/plain"),
            ("1.2", "text/html"),
            ("2", "message/rfc822"),
            ("2.TEXT", "multipart/mixed"),
            ("2.1", "text/plain"),
            ("2.2", "text/plain"),
            ("3", "text/plain"),
        ]
    );
    assert_eq!(mail.parts()[7].content(), "deux");
    assert_eq!(mail.parts()[8].content(), "fin");
    assert_eq!((mail.nesting(8), mail.nesting(7)), (0, 1));
    assert_eq!(mail.body().unwrap().path, "1.1");
    assert_eq!(mail.attachments().map(|part| part.path.as_str()).collect::<Vec<_>>(), ["2", "3"]);
}

#[test]
fn a_boundary_of_an_outer_part_ends_everything_inside() {
    let mail = read(
        "Content-Type: multipart/mixed; boundary=out\r\n\r\n--out\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\na\r\n--out\r\n\r\nb\r\n--out--\r\n",
    );
    assert_eq!(tree(&mail)[1..], [("1", "multipart/mixed"), ("1.1", "text/plain"), ("2", "text/plain")]);
    assert_eq!(
        (mail.parts()[2].content().as_ref(), mail.parts()[3].content().as_ref()),
        (b"a".as_slice(), b"b".as_slice())
    );
    assert_eq!(codes(&mail), ["mime.boundary-not-closed"]);
}

#[test]
fn a_boundary_that_begins_another_is_not_taken_for_it() {
    let mail = read(
        "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\n--ab\r\n--a \t\r\n\r\nx\r\n--a--\r\n",
    );
    assert_eq!(mail.leaves().map(|part| part.content().clone()).collect::<Vec<_>>(), ["--ab", "x"]);
}

/// mssante.md §8 n° 17.
#[test]
fn broken_boundaries_and_line_ends_lose_nothing() {
    let dash = read("Content-Type: multipart/mixed; boundary=\"a—b \"\n\n--a—b\n\nun\n--a—b--\n");
    assert_eq!(dash.leaves().next().unwrap().content(), "un");
    assert!(dash.facts().bare_lf);

    let unclosed = read("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nun\r\n");
    assert_eq!(unclosed.leaves().next().unwrap().content(), "un\r\n");
    assert_eq!(codes(&unclosed), ["mime.boundary-not-closed"]);

    let absent = read("Content-Type: multipart/mixed; boundary=b\r\n\r\nun\r\n");
    assert_eq!(
        (absent.parts()[0].kind, absent.parts()[0].content().as_ref()),
        (PartKind::Leaf, b"un\r\n".as_slice())
    );
    assert_eq!(codes(&absent), ["mime.boundary-absent"]);

    let unnamed = read("Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nun\r\n--b--\r\n");
    assert_eq!(codes(&unnamed), ["mime.no-boundary"]);

    let cr = read("Subject: a\rContent-Type: text/plain\r\rbonjour\rfin");
    assert_eq!((cr.subject().as_str(), cr.body().unwrap().text().as_str()), ("a", "bonjour\rfin"));
    assert!(cr.facts().bare_cr);

    let no_blank = read("Subject: a\r\nbonjour sans ligne vide\r\n");
    assert_eq!(no_blank.body().unwrap().text(), "bonjour sans ligne vide\r\n");
    assert_eq!(codes(&no_blank), ["mime.head-not-ended"]);
}

#[test]
fn facts_on_lines_are_those_of_the_bytes() {
    let facts = read(format!("Subject: a\r\n\r\n{}\r\n\0", "x".repeat(1200))).facts();
    assert_eq!(facts, Facts { longest_line: 1200, bare_lf: false, bare_cr: false, nul: true });
}

#[test]
fn a_text_is_read_in_its_real_charset_with_a_finding() {
    let latin = read(b"Content-Type: text/plain; charset=utf-8\r\n\r\nr\xE9sultat".as_slice());
    assert_eq!(
        (latin.body().unwrap().text().as_str(), codes(&latin)),
        ("résultat", vec!["mime.charset-mislabelled".to_owned()])
    );
    let unknown = read(b"Content-Type: text/plain; charset=x-mac\r\n\r\nr\xE9sultat".as_slice());
    assert_eq!(codes(&unknown), ["mime.charset-unknown"]);
}

#[test]
fn a_digest_holds_mails_without_saying_so() {
    let mail = read(
        "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: un\r\n\r\na\r\n--b--\r\n",
    );
    assert_eq!(tree(&mail)[1..], [("1", "message/rfc822"), ("1.1", "text/plain")]);
    assert_eq!(mail.parts()[2].headers().text("Subject").as_deref(), Some("un"));
}

/// Forbidden by RFC 2046 §5.2.1, and sent by several products.
#[test]
fn a_mail_nested_in_base64_is_opened() {
    let inner = mixed(&["\r\nun", &attached("application/zip", "IHE_XDM.zip", b"PK\x03\x04zip")]);
    let mail = read(mixed(&["\r\nvoir", &attached("message/rfc822", "suite.eml", inner.as_bytes())]));
    let zip = mail.leaves().find(|part| part.media_type == "application/zip").unwrap();
    assert_eq!((zip.path.as_str(), zip.content().as_ref()), ("2.2", b"PK\x03\x04zip".as_slice()));
}

#[test]
fn handles_reach_what_is_wrapped() {
    let inner = attached("application/zip", "a.zip", b"PK\x03\x04zip");
    let raw = Bytes::from(mixed(&["\r\nvoir", &attached("message/rfc822", "a.eml", inner.as_bytes())]));
    let mail = Mail::read(&raw, &Limits::default()).unwrap();
    let zip = mail.leaves().find(|part| part.media_type == "application/zip").unwrap();

    let content = zip.content_ref(BodyId::of(&raw)).unwrap();

    assert_eq!(content.encoding, Encoding::Base64);
    let [Layer::Slice(start, end), Layer::Base64] = content.inside[..] else { panic!("{content:?}") };
    assert_eq!(&inner[start as usize..end as usize], STANDARD.encode(b"PK\x03\x04zip"));
}

#[test]
fn damaged_base64_has_no_handle_and_a_trailing_text_is_left_out_of_it() {
    let raw = Bytes::from("Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\nUEs=\r\n-- pied");
    let mail = Mail::read(&raw, &Limits::default()).unwrap();
    let content = mail.parts()[0].content_ref(BodyId::of(&raw)).unwrap();
    assert_eq!(&raw[content.start as usize..content.end as usize], b"UEs=".as_slice());
    assert_eq!(codes(&mail), ["mime.base64-trailing"]);

    let raw = Bytes::from("Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\nU*Es=");
    let mail = Mail::read(&raw, &Limits::default()).unwrap();
    assert_eq!(mail.parts()[0].content(), "PK");
    assert_eq!(mail.parts()[0].content_ref(BodyId::of(&raw)), None);
    assert_eq!(codes(&mail), ["mime.base64-damaged"]);
}

#[test]
fn the_attachments_of_a_winmail_dat_are_reached() {
    let dat = winmail(&[("IHE_XDM.zip", b"PK\x03\x04zip"), ("lettre.pdf", b"%PDF-1.4")]);
    for media in ["application/ms-tnef", "application/octet-stream"] {
        let mail = read(mixed(&["\r\nbonjour", &attached(media, "winmail.dat", &dat)]));
        let files: Vec<_> = mail.attachments().map(|part| (part.path.as_str(), part.name.as_str())).collect();
        assert_eq!(files, [("2.1", "IHE_XDM.zip"), ("2.2", "lettre.pdf")]);
        assert_eq!(mail.parts().last().unwrap().content(), "%PDF-1.4");
        assert_eq!(codes(&mail), ["mime.tnef-opened"]);
    }
    let mail = read(mixed(&["\r\nbonjour", &attached("application/ms-tnef", "winmail.dat", &dat[..40])]));
    assert_eq!(codes(&mail), ["mime.tnef-unreadable"]);
}

/// mssante.md §8 n° 22.
#[test]
fn signed_mails_are_read_inside_and_encrypted_ones_are_told() {
    let inner = mixed(&["\r\nsigné", &attached("application/zip", "IHE_XDM.zip", b"PK\x03\x04zip")]);
    let clear = format!(
        "Content-Type: multipart/signed; boundary=s; protocol=\"application/pkcs7-signature\"\r\n\r\n--s\r\n{inner}\r\n--s\r\n{}\r\n--s--\r\n",
        attached("application/pkcs7-signature", "smime.p7s", b"0"),
    );
    let opaque =
        attached("application/pkcs7-mime; smime-type=signed-data", "smime.p7m", &envelope(inner.as_bytes()));
    for (mail, path) in [(read(clear), "1.2"), (read(opaque), "1.2")] {
        assert_eq!(mail.body().unwrap().text(), "signé");
        let zip = mail.leaves().find(|part| part.media_type == "application/zip").unwrap();
        assert_eq!((zip.path.as_str(), zip.content().as_ref()), (path, b"PK\x03\x04zip".as_slice()));
        assert!(codes(&mail).contains(&"mime.signature-not-verified".to_owned()));
        assert!(zip.content_ref(BodyId::of(b"")).is_some());
    }
    assert_eq!(
        codes(&read(attached("application/pkcs7-mime", "smime.p7m", b"0"))),
        ["mime.signed-unreadable"]
    );
    let pgp = "Content-Type: multipart/encrypted; boundary=e\r\n\r\n--e\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--e--\r\n";
    assert!(codes(&read(pgp)).contains(&"mime.encrypted".to_owned()));
}

#[test]
fn a_million_parts_are_refused_with_the_limit_named() {
    let mut bomb = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
    bomb.extend(b"--b\r\n\r\n\r\n".repeat(1_000_000));
    let error = refused(bomb);
    assert_eq!(error, ReadError::TooManyParts(1_000));
    assert!(error.finding().expected.unwrap().contains("parts_max"));
}

#[test]
fn two_hundred_thousand_mails_inside_each_other_are_refused_with_the_limit_named() {
    for bomb in [
        b"Content-Type: message/rfc822\r\n\r\n".repeat(200_000),
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n".repeat(200_000),
        b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n".repeat(200_000),
    ] {
        assert_eq!(refused(bomb), ReadError::TooDeep(24));
    }
}

#[test]
fn mails_wrapped_in_base64_again_and_again_are_refused_with_the_limit_named() {
    let mut bomb = "Subject: x\r\n\r\nfond".to_owned();
    for _ in 0..30 {
        bomb = attached("message/rfc822", "a.eml", bomb.as_bytes());
    }
    assert_eq!(refused(bomb.into_bytes()), ReadError::TooDeep(24));
}

#[test]
fn an_endless_header_is_refused_with_the_limit_named() {
    for line in ["X-A: b\r\n", "X-A: b\r\n c\r\n", "x"] {
        let bomb = ["Subject: a\r\nX: ", &line.repeat((8 << 20) / line.len())].concat().into_bytes();
        let error = refused(bomb);
        assert!(matches!(error, ReadError::HeadTooLong(_) | ReadError::TooManyHeaders(_)), "{error:?}");
    }
    let many = "A:\r\n".repeat(3_000) + "\r\n";
    assert_eq!(refused(many.into_bytes()), ReadError::TooManyHeaders(2_000));
}

#[test]
fn bytes_without_any_header_are_no_mail() {
    for bytes in [b"".as_slice(), b"\r\n\r\n", b"bonjour", &[0; 100]] {
        assert_eq!(refused(bytes.to_vec()), ReadError::NotAMail, "{}", bytes.escape_ascii());
    }
}

#[test]
fn text_before_html_and_never_a_file_is_the_body() {
    let html = "Content-Type: text/html\r\n\r\n<p>a</p>";
    let file = "Content-Type: text/plain; name=a.txt\r\nContent-Disposition: attachment\r\n\r\nfichier";
    assert_eq!(read(mixed(&[file, html])).body().unwrap().media_type, "text/html");
    assert!(read(mixed(&[file])).body().is_none());
    let related = "Content-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html\r\n\r\n<p>r</p>\r\n--r\r\nContent-Type: image/png\r\n\r\n\r\n--r--";
    assert_eq!(read(mixed(&[related, "\r\npied"])).body().unwrap().path, "1.1");
}
