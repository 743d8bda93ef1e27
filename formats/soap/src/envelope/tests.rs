use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{Error, Limits, c14n, name};

const BODY: &[u8] = b"<q:Query xmlns:q=\"urn:q\"><a/></q:Query>";

fn request() -> Bytes {
    let head = RequestHead {
        message_id: "urn:uuid:1",
        to: "https://localhost/a?b=1&c",
        action: "urn:action",
        assertion: Some(
            b"<saml2:Assertion xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_1\"/>",
        ),
    };
    write_request(&head, BODY).unwrap()
}

fn parse(xml: impl Into<Bytes>) -> Result<Message, Error> {
    read(&xml.into(), &Limits::default())
}

/// An envelope around header blocks and a body.
fn envelope(headers: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"{}\" xmlns:a=\"{}\"><s:Header>{headers}</s:Header><s:Body>{body}</s:Body></s:Envelope>",
        name::SOAP_12,
        name::WSA
    )
}

#[test]
fn a_request_reads_back() {
    let xml = request();
    let message = parse(xml.clone()).unwrap();
    let value = |header: &Option<Header>| header.as_ref().unwrap().value.clone();
    assert_eq!(message.version, Version::Soap12);
    assert_eq!(value(&message.message_id), "urn:uuid:1");
    assert_eq!(value(&message.to), "https://localhost/a?b=1&c");
    assert_eq!(value(&message.reply_to), name::WSA_ANONYMOUS);
    assert_eq!(value(&message.action), "urn:action");
    for marked in [&message.action, &message.reply_to] {
        assert_eq!(marked.as_ref().unwrap().must_understand, MustUnderstand::Qualified);
    }
    assert_eq!(message.assertions.len(), 1);
    assert!(xml[message.assertions[0].range.clone()].starts_with(b"<saml2:Assertion"));
    assert_eq!(&xml[message.body_range.clone()], BODY);
    assert_eq!(message.body_name, ("urn:q".to_owned(), "Query".to_owned()));
    assert!(message.fault.is_none() && message.not_understood.is_empty());
}

#[test]
fn a_byte_order_mark_shifts_nothing() {
    let marked = Bytes::from([b"\xef\xbb\xbf", &request()[..]].concat());
    let message = parse(marked.clone()).unwrap();
    assert_eq!((&message.body[..], &marked[message.body_range.clone()]), (BODY, BODY));
    assert!(message.assertions[0].xml.ends_with(b"ID=\"_1\"/>"));
    assert!(parse([b"\xef\xbb\xbf\xef\xbb\xbf", &request()[..]].concat()).is_err());
}

#[test]
fn an_answer_names_its_question() {
    let head = ReplyHead { message_id: "urn:uuid:2", relates_to: "urn:uuid:1", action: "urn:answer" };
    let message = parse(write_reply(&head, b"").unwrap()).unwrap();
    assert!(message.answers("urn:uuid:1") && !message.answers("urn:uuid:2"));
    assert!(message.body.is_empty());
}

#[test]
fn a_fault_reads_back() {
    let head = ReplyHead { message_id: "urn:uuid:2", relates_to: "urn:uuid:1", action: name::WSA_FAULT };
    let mut fault =
        Fault::new(FaultCode::Sender, "DMPInvalidCertificate", "not a valid <signature> certificate");
    fault.detail = "voir & corriger".to_owned();
    let read = parse(write_fault(&head, &fault).unwrap()).unwrap().fault.unwrap();
    assert_eq!(read, fault);
    assert_eq!(read.specific_code(), "DMPInvalidCertificate");
    assert!(!format!("{read:?}").contains("corriger"));
}

#[test]
fn faults_of_both_versions_are_read() {
    let body = "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>x:A</s:Value><s:Subcode><s:Value>x:B</s:Value></s:Subcode></s:Subcode></s:Code><s:Reason><s:Text xml:lang='en'>no</s:Text><s:Text xml:lang='fr-FR'>non</s:Text></s:Reason></s:Fault>";
    let fault = parse(envelope("", body)).unwrap().fault.unwrap();
    assert_eq!(fault.subcodes, ["A", "B"]);
    assert_eq!((fault.specific_code(), fault.reason.as_str()), ("B", "non"));

    let old = format!(
        "<s:Envelope xmlns:s=\"{}\"><s:Body><s:Fault><faultcode>s:Server.Busy</faultcode><faultstring>r</faultstring><detail><a>x</a><b>y</b></detail></s:Fault></s:Body></s:Envelope>",
        name::SOAP_11
    );
    let message = parse(old).unwrap();
    let fault = message.fault.unwrap();
    assert_eq!(message.version, Version::Soap11);
    assert_eq!((fault.code, fault.detail.as_str()), (FaultCode::Receiver, "x y"));
    assert_eq!(fault.subcodes, ["Busy"]);
}

#[test]
fn a_mustunderstand_without_namespace_is_told_from_the_meaningful_one() {
    let headers = "<a:Action mustUnderstand=\"true\">x</a:Action><a:ReplyTo s:mustUnderstand=\"0\"><a:Address> y </a:Address></a:ReplyTo>";
    let message = parse(envelope(headers, "<b/>")).unwrap();
    assert_eq!(message.action.unwrap().must_understand, MustUnderstand::Unqualified);
    let reply_to = message.reply_to.unwrap();
    assert_eq!((reply_to.value.as_str(), reply_to.must_understand), ("y", MustUnderstand::No));
}

#[test]
fn an_unknown_header_that_must_be_understood_is_reported() {
    let headers = "<x:Trace xmlns:x=\"urn:x\" s:mustUnderstand=\"1\"/><y:Trace xmlns:y=\"urn:y\"/>";
    assert_eq!(parse(envelope(headers, "<b/>")).unwrap().not_understood, ["{urn:x}Trace"]);
}

/// A body that leans on prefixes of the envelope must be readable alone, with the same canonical form.
#[test]
fn a_body_that_uses_prefixes_of_the_envelope_stands_alone() {
    let xml = format!(
        "<s:Envelope xmlns:s=\"{}\" xmlns=\"urn:d\" xmlns:p=\"urn:p\"><s:Body xmlns:p=\"urn:inner\"><p:b x=\"p:y\"><c/></p:b></s:Body></s:Envelope>",
        name::SOAP_12
    );
    let message = parse(xml).unwrap();
    assert_eq!(
        c14n::exclusive(&message.body).unwrap(),
        "<p:b xmlns:p=\"urn:inner\" x=\"p:y\"><c xmlns=\"urn:d\"></c></p:b>"
    );
    assert_eq!(message.body_name.0, "urn:inner");
}

#[test]
fn a_body_with_its_own_namespaces_is_not_copied() {
    let xml = request();
    let message = parse(xml.clone()).unwrap();
    assert_eq!(message.body.as_ptr(), xml[message.body_range.start..].as_ptr());
}

#[test]
fn an_assertion_outside_of_security_is_not_one() {
    let assertion = format!("<t:Assertion xmlns:t=\"{}\"/>", name::SAML2);
    let security = format!("<w:Security xmlns:w=\"{}\">{assertion}{assertion}</w:Security>", name::WSSE);
    let headers = format!("{assertion}<x:Security xmlns:x=\"urn:x\">{assertion}</x:Security>{security}");
    let message = parse(envelope(&headers, &assertion)).unwrap();
    assert_eq!(message.assertions.len(), 2);
}

#[test]
fn what_is_no_envelope_is_refused() {
    let refused = [
        "<a/>".to_owned(),
        "<Envelope/>".to_owned(),
        format!("<Envelope xmlns=\"{}\"/>", name::SOAP_12),
        envelope("", "<a/><b/>"),
        envelope("text", "<a/>"),
        envelope("<a:To>x</a:To><a:To>y</a:To>", "<a/>"),
        envelope("", "<a/>").replace("<s:Body>", "<s:Body/><s:Body>"),
        envelope("", "<a/>").replace("<s:Header></s:Header>", "<s:Other/>"),
        envelope("", "<s:Fault/>"),
        format!("<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>{}", envelope("", "<a>&b;</a>")),
        envelope("", "<a>&lol;</a>"),
        format!("<?xml version='1.0' encoding='ISO-8859-1'?>{}", envelope("", "<a/>")),
    ];
    for xml in refused {
        assert!(parse(xml.clone()).is_err(), "{xml}");
    }
}

#[test]
fn a_request_cut_anywhere_is_refused_and_never_panics() {
    let xml = request();
    for cut in 0..xml.len() {
        assert!(parse(xml.slice(..cut)).is_err(), "{cut}");
    }
}

proptest! {
    #[test]
    fn any_change_of_a_request_is_read_or_refused(at in 0..request().len(), byte in any::<u8>()) {
        let mut xml = request().to_vec();
        xml[at] = byte;
        let _ = parse(xml);
    }
}

#[test]
fn the_size_limit_holds_at_its_value() {
    let xml = request();
    let limits = |max| Limits { envelope_bytes_max: max, ..Limits::default() };
    assert!(read(&xml, &limits(xml.len())).is_ok());
    assert_eq!(read(&xml, &limits(xml.len() - 1)).unwrap_err().code(), "soap.limit-exceeded");
}

#[test]
fn a_control_character_is_never_written() {
    let head = RequestHead { message_id: "a\u{1}", to: "", action: "", assertion: None };
    assert_eq!(write_request(&head, BODY).unwrap_err().code(), "soap.unwritable");
}

#[test]
fn the_written_request_is_the_golden_one() {
    let xml = request();
    crate::testing::golden("request.xml", std::str::from_utf8(&xml).unwrap());
}
