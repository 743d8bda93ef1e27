use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{Error, Limits};

fn written() -> (Multipart, Vec<Bytes>) {
    let documents = vec![Bytes::from_static(b"<a/>\r\n"), Bytes::from_static(b"\x00\xff--b:1\r\n")];
    let envelope = Envelope {
        xml: Bytes::from_static(b"<Envelope/>"),
        content_id: "root@jonction.example",
        action: "urn:action",
        boundary: "uuid:b",
    };
    let part = |content_id, document: &Bytes| DocumentPart {
        content_id,
        content_type: "text/xml",
        length: document.len() as u64,
    };
    let parts = [part("doc1@jonction.example", &documents[0]), part("doc2@jonction.example", &documents[1])];
    (write(&envelope, &parts).unwrap(), documents)
}

fn parse(content_type: &str, body: &str) -> Result<Package, Error> {
    read(content_type, &Bytes::copy_from_slice(body.as_bytes()), &Limits::default())
}

const TYPE: &str = "multipart/related; type=\"application/xop+xml\"; start=\"<r>\"; start-info=\"application/soap+xml\"; boundary=\"B:1\"";

const BODY: &str = "--B:1\r\nContent-Type: application/xop+xml\r\nContent-ID: <r>\r\n\r\n<e/>\r\n--B:1\r\nContent-ID: <d%40x>\r\nContent-Transfer-Encoding: binary\r\n\r\nline\r\n\r\nend\r\n\r\n--B:1--\r\n";

#[test]
fn a_written_body_reads_back_byte_for_byte() {
    let (multipart, documents) = written();
    let content_type = multipart.content_type.clone();
    let length = multipart.content_length;
    let body = multipart.into_bytes(&documents).unwrap();
    assert_eq!(body.len() as u64, length);
    let package = read(&content_type, &body, &Limits::default()).unwrap();
    assert_eq!(package.root.body, "<Envelope/>");
    assert_eq!(package.parts.iter().map(|part| part.body.clone()).collect::<Vec<_>>(), documents);
    assert_eq!(package.anomalies, []);
    assert_eq!(package.content_type.parameter("action"), Some("urn:action"));
}

#[test]
fn documents_are_not_copied_when_read() {
    let body = Bytes::from_static(BODY.as_bytes());
    let package = read(TYPE, &body, &Limits::default()).unwrap();
    let start = BODY.find("line").unwrap();
    assert_eq!(package.parts[0].body.as_ptr(), body[start..].as_ptr());
}

#[test]
fn the_written_body_is_the_golden_one() {
    let (multipart, documents) = written();
    let head =
        format!("Content-Type: {}\nContent-Length: {}\n\n", multipart.content_type, multipart.content_length);
    let body = multipart.into_bytes(&documents).unwrap();
    let visible: String =
        body.iter().flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect();
    crate::testing::golden("mtom.txt", &format!("{head}{}\n", visible.replace("\\n", "\\n\n")));
}

#[test]
fn the_line_end_before_a_delimiter_is_no_part_of_the_document() {
    let package = parse(TYPE, BODY).unwrap();
    assert_eq!(package.parts[0].body, "line\r\n\r\nend\r\n");
}

#[test]
fn identifiers_are_compared_after_percent_decoding() {
    let package = parse(TYPE, BODY).unwrap();
    for href in ["cid:d%40x", "cid:d@x", "cid:%64%40x"] {
        assert!(package.resolve(href).is_some(), "{href}");
    }
    for href in ["d@x", "cid:D@x", "cid:<d@x>", "cid:", "http://d@x", "cid:r"] {
        assert!(package.resolve(href).is_none(), "{href}");
    }
}

#[test]
fn lines_that_end_with_lf_only_are_read_and_noted() {
    let package = parse(TYPE, &BODY.replace("\r\n", "\n")).unwrap();
    assert_eq!(package.parts[0].body, "line\n\nend\n");
    assert_eq!(package.anomalies, [Anomaly::LineFeedOnly]);
}

#[test]
fn a_base64_part_is_decoded_and_noted() {
    let body = BODY.replace("binary", "BASE64").replace("line\r\n\r\nend\r\n", "aGVs\r\nbG8=");
    let package = parse(TYPE, &body).unwrap();
    assert_eq!(package.parts[0].body, "hello");
    assert_eq!(package.anomalies, [Anomaly::Base64Part]);
    let wrong = BODY.replace("binary", "base64").replace("line\r\n\r\nend\r\n", "a*b");
    assert_eq!(parse(TYPE, &wrong).unwrap_err(), Error::Mtom("a base64 part that is not base64"));
}

#[test]
fn a_root_behind_its_documents_is_found_by_start() {
    let (first, rest) = BODY.split_at(BODY.find("\r\n--B:1\r\nContent-ID: <d").unwrap());
    let (second, close) = rest.split_at(rest.rfind("\r\n--B:1--").unwrap());
    let body = format!("{}\r\n{first}{close}", second.trim_start_matches("\r\n"));
    let package = parse(TYPE, &body).unwrap();
    assert_eq!(package.root.body, "<e/>");
    assert_eq!(package.anomalies, [Anomaly::RootNotFirst]);
}

#[test]
fn without_start_the_first_part_is_the_root() {
    let package = parse(&TYPE.replace("start=\"<r>\"; ", ""), BODY).unwrap();
    assert_eq!(package.root.body, "<e/>");
    assert_eq!(package.anomalies, [Anomaly::NoStart]);
}

#[test]
fn text_around_the_parts_is_ignored_and_noted() {
    let package = parse(TYPE, &format!("preamble\r\n{BODY}epilogue")).unwrap();
    assert_eq!(package.anomalies, [Anomaly::TextAround]);
}

#[test]
fn folded_headers_and_padded_delimiters_are_read() {
    let body = BODY.replace("--B:1\r\n", "--B:1 \t\r\n").replace("Content-ID: <d", "content-id:\r\n <d");
    assert_eq!(parse(TYPE, &body).unwrap().parts[0].content_id, "d%40x");
}

#[test]
fn a_boundary_inside_a_document_is_not_a_delimiter() {
    for inside in ["x--B:1\r\n", "\r\n--B:12\r\n", "\r\n--B:1x--\r\n", "--B:1"] {
        let body = BODY.replace("line\r\n\r\nend\r\n", &format!("line{inside}end"));
        assert_eq!(parse(TYPE, &body).unwrap().parts[0].body, format!("line{inside}end"));
    }
}

#[test]
fn what_is_not_legal_is_refused() {
    let cases = [
        (TYPE.to_owned(), BODY.replace("--B:1--", "--B:1-")),
        (TYPE.to_owned(), BODY.replace("<d%40x>", "<r>")),
        (TYPE.to_owned(), BODY.replace("<d%40x>", "<%72>")),
        (TYPE.to_owned(), BODY.replace("binary", "quoted-printable")),
        (TYPE.to_owned(), BODY.replace("Content-ID: <r>", "no header")),
        (TYPE.to_owned(), BODY.replace("Content-ID: <r>", "Content-ID: <r>\r\nContent-ID: <s>")),
        (TYPE.to_owned(), "--B:1--\r\n".to_owned()),
        (TYPE.to_owned(), String::new()),
        (TYPE.to_owned(), "--B:1\r\nContent-ID: <r>\r\n--B:1--".to_owned()),
        (TYPE.replace("<r>", "<other>"), BODY.to_owned()),
        (TYPE.replace("related", "mixed"), BODY.to_owned()),
        (TYPE.replace("boundary=\"B:1\"", ""), BODY.to_owned()),
        (TYPE.replace("boundary=\"B:1\"", "boundary=\"B:1"), BODY.to_owned()),
        ("multipart".to_owned(), BODY.to_owned()),
    ];
    for (content_type, body) in cases {
        let refused = parse(&content_type, &body);
        assert!(matches!(refused, Err(Error::Mtom(_))), "{content_type}\n{body}\n{refused:?}");
    }
}

#[test]
fn a_body_cut_anywhere_is_refused_and_never_panics() {
    // The last line end may be missing.
    for cut in 0..BODY.len() - 2 {
        assert!(parse(TYPE, &BODY[..cut]).is_err(), "{cut}");
    }
    assert!(parse(TYPE, &BODY[..BODY.len() - 2]).is_ok());
}

#[test]
fn limits_hold_at_their_value_and_not_beyond() {
    let body = Bytes::from_static(BODY.as_bytes());
    let at = |limits: Limits| read(TYPE, &body, &limits).map(|_| ()).map_err(|error| error.code());
    let head = "Content-ID: <d%40x>\r\nContent-Transfer-Encoding: binary".len();
    let beyond = Err("soap.limit-exceeded");
    assert_eq!(at(Limits { multipart_bytes_max: BODY.len(), ..Limits::default() }), Ok(()));
    assert_eq!(at(Limits { multipart_bytes_max: BODY.len() - 1, ..Limits::default() }), beyond);
    assert_eq!(at(Limits { parts_max: 2, ..Limits::default() }), Ok(()));
    assert_eq!(at(Limits { parts_max: 1, ..Limits::default() }), beyond);
    assert_eq!(at(Limits { part_header_bytes_max: head, ..Limits::default() }), Ok(()));
    assert_eq!(at(Limits { part_header_bytes_max: head - 1, ..Limits::default() }), beyond);
}

#[test]
fn content_types_of_the_field_are_read() {
    let parsed =
        ContentType::parse("Multipart/Related;boundary=uuid:a-b;START=\"<a\\\"b>\" ; x=\"y;z\"; ;start=2")
            .unwrap();
    assert_eq!(parsed.media_type(), "multipart/related");
    assert_eq!(parsed.parameter("boundary"), Some("uuid:a-b"));
    assert_eq!(parsed.parameter("start"), Some("<a\"b>"));
    assert_eq!(parsed.parameter("x"), Some("y;z"));
    for wrong in ["", "text", "/xml", "text/", "text/xml; a", "text/xml; a=\"b"] {
        assert!(ContentType::parse(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn headers_cannot_be_broken_by_what_is_written() {
    let (envelope, document) = ("root", "doc");
    let lay_out = |boundary, root, id, kind: &str, action| {
        let envelope = Envelope { xml: Bytes::new(), content_id: root, action, boundary };
        write(&envelope, &[DocumentPart { content_id: id, content_type: kind, length: 0 }]).is_ok()
    };
    assert!(lay_out("b", envelope, document, "text/xml", "urn:a"));
    assert!(!lay_out("", envelope, document, "text/xml", "urn:a"));
    assert!(!lay_out("b\r\n", envelope, document, "text/xml", "urn:a"));
    assert!(!lay_out("b", "a>b", document, "text/xml", "urn:a"));
    assert!(!lay_out("b", envelope, envelope, "text/xml", "urn:a"));
    assert!(!lay_out("b", envelope, document, "text/xml\r\nX: y", "urn:a"));
    assert!(!lay_out("b", envelope, document, "text/xml", "urn:a\""));
}

#[test]
fn a_document_of_another_length_than_announced_is_refused() {
    let (multipart, mut documents) = written();
    documents[0] = Bytes::from_static(b"longer than announced");
    assert_eq!(multipart.into_bytes(&documents).unwrap_err().code(), "soap.unwritable");
}

proptest! {
    #[test]
    fn any_documents_survive_a_round_trip(
        contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..5),
    ) {
        let documents: Vec<Bytes> = contents.into_iter().map(Bytes::from).collect();
        let identifiers: Vec<String> = (0..documents.len()).map(|at| format!("doc{at}@x")).collect();
        let parts: Vec<_> = documents
            .iter()
            .zip(&identifiers)
            .map(|(document, content_id)| DocumentPart {
                content_id,
                content_type: "application/octet-stream",
                length: document.len() as u64,
            })
            .collect();
        let envelope =
            Envelope { xml: "<e/>".into(), content_id: "r", action: "", boundary: "0f8fad5b-d9cb-469f-a165-70867728950e" };
        let multipart = write(&envelope, &parts).unwrap();
        let content_type = multipart.content_type.clone();
        let body = multipart.into_bytes(&documents).unwrap();
        let package = read(&content_type, &body, &Limits::default()).unwrap();
        let read: Vec<_> = package.parts.iter().map(|part| part.body.clone()).collect();
        prop_assert_eq!(read, documents);
    }

    #[test]
    fn any_body_is_read_or_refused(body in "(--B:1(--)?|\r\n|\n|Content-ID: <r>|Content-Transfer-Encoding: base64|x| |:){0,30}") {
        let _ = parse(TYPE, &body);
    }
}
