//! Documents nobody should send: each is refused with its own code, at its place, in bounded time.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "test code")]

use jonction_cda::{CdaError, Header, Limits, body, peek_root};
use jonction_model::ContentKind;
use proptest::prelude::*;

const LEVEL_1: &str = include_str!("../samples/lettre-n1.xml");
const LEVEL_3: &str = include_str!("../samples/lettre-n3.xml");

fn read(text: &str) -> Result<Header, CdaError> {
    Header::read(text.as_bytes(), &Limits::default())
}

fn code(text: &str) -> &'static str {
    read(text).unwrap_err().code()
}

/// The sample with a piece put right behind its title.
fn with(piece: &str) -> String {
    LEVEL_1.replacen("</title>", &format!("</title>{piece}"), 1)
}

#[test]
fn a_document_cut_anywhere_is_refused() {
    for text in [LEVEL_1, LEVEL_3] {
        let whole = text.trim_end().len();
        for cut in 0..whole {
            assert!(Header::read(&text.as_bytes()[..cut], &Limits::default()).is_err(), "cut at {cut}");
            let _ = peek_root(&text.as_bytes()[..cut], &Limits::default());
        }
        assert!(read(&text[..whole]).is_ok());
    }
}

#[test]
fn a_dtd_is_refused_whatever_it_holds() {
    let root = LEVEL_1.find("<ClinicalDocument").unwrap();
    let behind = |dtd: &str| format!("{}{dtd}{}", &LEVEL_1[..root], &LEVEL_1[root..]);
    let laughs: String =
        (1..10).map(|n| format!("<!ENTITY lol{n} \"&lol{p};&lol{p};&lol{p};\">", p = n - 1)).collect();
    for dtd in [
        "<!DOCTYPE ClinicalDocument>",
        "<!DOCTYPE ClinicalDocument SYSTEM \"file:///etc/passwd\">",
        "<!DOCTYPE a [<!ENTITY x SYSTEM \"http://127.0.0.1/\">]>",
        &format!("<!DOCTYPE lolz [<!ENTITY lol0 \"lol\">{laughs}]>"),
    ] {
        assert_eq!(code(&behind(dtd)), "cda.doctype", "{dtd}");
        assert_eq!(peek_root(behind(dtd).as_bytes(), &Limits::default()).unwrap_err().code(), "cda.doctype");
    }
    let error = read(&behind("<!DOCTYPE a>")).unwrap_err();
    assert_eq!(error.spot().map(|at| (at.line, at.column)), Some((2, 1)));
}

#[test]
fn an_undeclared_entity_is_refused_in_texts_attributes_and_bodies() {
    assert_eq!(
        code(&LEVEL_1.replacen("Lettre de liaison à la sortie</title>", "&nbsp;</title>", 1)),
        "cda.entity"
    );
    assert_eq!(code(&LEVEL_1.replacen("fr-FR", "&xxe;", 1)), "cda.entity");
    assert_eq!(code(&LEVEL_3.replacen("Évolution", "&eacute;volution", 1)), "cda.entity");
    assert_eq!(
        read(&LEVEL_1.replacen("liaison à la sortie</title>", "liaison &amp; sortie &#233;</title>", 1))
            .unwrap()
            .metadata
            .title,
        "Lettre de liaison & sortie é"
    );
}

#[test]
fn depth_is_limited_exactly() {
    // ClinicalDocument is the first level.
    let nested = |depth: usize| with(&format!("{}{}", "<x>".repeat(depth), "</x>".repeat(depth)));
    assert!(read(&nested(255)).is_ok());
    assert_eq!(code(&nested(256)), "cda.limit");
    assert_eq!(code(&nested(10_000)), "cda.limit");
}

#[test]
fn attributes_are_limited_exactly_and_a_flood_costs_little() {
    let many = |count: usize| {
        let attributes: String = (0..count).map(|n| format!(" a{n}='1'")).collect();
        with(&format!("<x{attributes}/>"))
    };
    assert!(read(&many(64)).is_ok());
    assert_eq!(code(&many(65)), "cda.limit");
    assert_eq!(code(&many(100_000)), "cda.limit");
    let bindings: String = (0..1_000).map(|n| format!(" xmlns:n{n}='urn:{n}'")).collect();
    assert_eq!(code(&with(&format!("<x{bindings}/>"))), "cda.limit");
    assert_eq!(code(&with("<x a='1' a='2'/>")), "cda.not-xml");
}

#[test]
fn every_other_limit_is_exact_too() {
    let limits = Limits { elements_max: LEVEL_1.matches('<').count(), ..Limits::default() };
    assert!(Header::read(LEVEL_1.as_bytes(), &limits).is_ok());
    let limits = |document_bytes_max| Limits { document_bytes_max, ..Limits::default() };
    assert!(Header::read(LEVEL_1.as_bytes(), &limits(LEVEL_1.len())).is_ok());
    let error = Header::read(LEVEL_1.as_bytes(), &limits(LEVEL_1.len() - 1)).unwrap_err();
    assert_eq!(error.code(), "cda.too-long");
    let titled = |length: usize| {
        LEVEL_1.replacen(
            ">Lettre de liaison à la sortie</title>",
            &format!(">{}</title>", "x".repeat(length)),
            1,
        )
    };
    assert!(read(&titled(64 << 10)).is_ok());
    assert_eq!(code(&titled((64 << 10) + 1)), "cda.limit");
    let authors = |count: usize| with(&"<author><assignedAuthor/></author>".repeat(count));
    assert!(read(&authors(999)).is_ok());
    assert_eq!(code(&authors(1_000)), "cda.limit");
    let few = Limits { elements_max: 10, ..Limits::default() };
    assert_eq!(Header::read(LEVEL_1.as_bytes(), &few).unwrap_err().code(), "cda.limit");
}

#[test]
fn the_body_limit_is_on_decoded_bytes_and_exact() {
    let header = read(LEVEL_1).unwrap();
    let pdf = body::embedded(LEVEL_1.as_bytes(), &header.kind, &Limits::default()).unwrap();
    let limits = |body_bytes_max| Limits { body_bytes_max, ..Limits::default() };
    assert!(body::embedded(LEVEL_1.as_bytes(), &header.kind, &limits(pdf.len())).is_ok());
    let error = body::embedded(LEVEL_1.as_bytes(), &header.kind, &limits(pdf.len() - 1)).unwrap_err();
    assert_eq!(error.code(), "cda.too-long");
}

#[test]
fn a_body_cut_by_a_comment_or_not_base64_is_told_and_never_guessed() {
    let (before, after) = LEVEL_1.split_at(LEVEL_1.find("JVBERi").unwrap() + 8);
    let cut = read(&format!("{before}<!-- x -->{after}")).unwrap();
    assert!(matches!(cut.kind, ContentKind::CdaLevel1 { body: None, .. }));
    let odd = format!("{before}*{after}");
    let header = read(&odd).unwrap();
    assert_eq!(
        body::embedded(odd.as_bytes(), &header.kind, &Limits::default()).unwrap_err().code(),
        "cda.body-not-base64"
    );
    let found = |header: &Header| {
        header.check(jonction_model::Mode::Strict).iter().any(|finding| finding.check == "cda/H-30")
    };
    assert!(found(&cut) && found(&header));
    assert!(!found(&read(LEVEL_1).unwrap()));
}

#[test]
fn other_roots_other_namespaces_and_broken_xml_are_refused() {
    assert_eq!(code(&LEVEL_1.replacen("urn:hl7-org:v3", "urn:hl7-org:v2", 1)), "cda.wrong-root");
    assert_eq!(code("<ClinicalDocument xmlns='urn:hl7-org:v3'></ClinicalDocument><again/>"), "cda.not-xml");
    assert_eq!(code("<ClinicalDocument xmlns='urn:hl7-org:v3'/>text"), "cda.not-xml");
    assert_eq!(code(&LEVEL_1.replacen("</title>", "</titre>", 1)), "cda.not-xml");
    assert_eq!(code(&with("\u{1}")), "cda.not-xml");
    assert_eq!(code(&with("<title/><?xml version='1.0'?>")), "cda.not-xml");
    let empty = read("<ClinicalDocument xmlns='urn:hl7-org:v3'/>").unwrap();
    assert_eq!(empty.unique_id, None);
    assert!(!empty.check(jonction_model::Mode::Strict).is_empty());
}

#[test]
fn charsets_of_the_field_are_read_and_the_body_is_found_in_their_bytes() {
    let latin = |label: &str| -> Vec<u8> {
        let text = LEVEL_1.replacen("UTF-8", label, 1);
        text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
    };
    let expected = read(LEVEL_1).unwrap();
    let pdf = body::embedded(LEVEL_1.as_bytes(), &expected.kind, &Limits::default()).unwrap();
    for label in ["ISO-8859-1", "iso-8859-15", "windows-1252"] {
        let bytes = latin(label);
        let header = Header::read(&bytes, &Limits::default()).unwrap();
        assert_eq!(header.metadata.title, "Lettre de liaison à la sortie", "{label}");
        assert_eq!(body::embedded(&bytes, &header.kind, &Limits::default()).unwrap(), pdf, "{label}");
    }
    let marked = [b"\xEF\xBB\xBF".as_slice(), LEVEL_1.as_bytes()].concat();
    let header = Header::read(&marked, &Limits::default()).unwrap();
    assert_eq!(body::embedded(&marked, &header.kind, &Limits::default()).unwrap(), pdf);
    let error = Header::read(&latin("UTF-8"), &Limits::default()).unwrap_err();
    assert_eq!((error.code(), error.spot().map(|at| at.line)), ("cda.charset", Some(9)));
    let wide: Vec<u8> = LEVEL_1.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(Header::read(&wide, &Limits::default()).unwrap_err().code(), "cda.charset");
}

#[test]
fn an_error_says_nothing_of_the_document() {
    let secret = "LEBRUN-SECRET";
    for text in [
        with(&format!("<{secret}")),
        with(&format!("&{secret};")),
        with(&format!("<a {secret}='1' {secret}='2'/>")),
        format!("<{secret}/>"),
    ] {
        let error = read(&text).unwrap_err();
        let shown = format!("{error} {error:?} {:?}", error.finding(""));
        assert!(!shown.contains(secret), "{shown}");
    }
    let shown = format!("{:?}", read(LEVEL_1).unwrap().facts);
    assert!(!shown.contains("284056322001264") && !shown.contains("LEBRUN"));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
        let _ = Header::read(&bytes, &Limits::default());
        let _ = peek_root(bytes.as_slice(), &Limits::default());
    }

    #[test]
    fn a_damaged_document_never_makes_it_panic(
        at in 0..LEVEL_3.len(),
        length in 0..40_usize,
        piece in prop_oneof!["[<>&\"'/= ]{0,6}", ".{0,4}", Just("<![CDATA[".to_owned()), Just("<!--".to_owned())],
    ) {
        let bytes = LEVEL_3.as_bytes();
        let end = (at + length).min(bytes.len());
        let damaged = [&bytes[..at], piece.as_bytes(), &bytes[end..]].concat();
        if let Ok(header) = Header::read(&damaged, &Limits::default()) {
            let _ = body::embedded(&damaged, &header.kind, &Limits::default());
            let _ = header.check(jonction_model::Mode::Strict);
        }
    }
}
