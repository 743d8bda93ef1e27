use bytes::Bytes;
use jonction_certs_dev::Leaf;
use jonction_model::{CodedValue, Finding, Mode as CheckMode, StructureId, run_checks};

use super::*;
use crate::{
    Limits, envelope, mtom,
    testing::{identity, now, trust},
    vihf::{self, Dialect, Mode, ModeSpelling, Vihf, VihfContext, VihfView},
    xmldsig::VerifyOptions,
};

fn automate() -> Vihf {
    vihf::tests::automate()
}

fn view_of(vihf: &Vihf, dialect: &Dialect, leaf: Leaf) -> VihfView {
    let signed = vihf.sign(dialect, &identity(leaf)).unwrap();
    vihf::view(&signed.bytes, &trust(), &VerifyOptions::default(), VihfContext::feeding(now())).unwrap()
}

fn good() -> VihfView {
    view_of(&automate(), &Dialect::default(), Leaf::Sign)
}

/// Addresses of the checks that have something to say.
fn vihf_says(view: &VihfView) -> Vec<String> {
    let mut ids: Vec<_> =
        run_checks(VIHF_CHECKS, view, CheckMode::Strict).into_iter().map(|f| f.check).collect();
    ids.dedup();
    ids
}

fn says(vihf: Vihf) -> Vec<String> {
    vihf_says(&view_of(&vihf, &Dialect::default(), Leaf::Sign))
}

fn role(code: &str, system: &str) -> CodedValue {
    CodedValue { code: code.into(), system: system.into(), label: String::new() }
}

#[test]
fn a_conformant_vihf_has_no_finding() {
    assert_eq!(run_checks(VIHF_CHECKS, &good(), CheckMode::Strict), []);
}

#[test]
fn every_check_is_numbered_once_per_severity() {
    let mut seen = std::collections::HashSet::new();
    for check in VIHF_CHECKS {
        assert!(seen.insert((check.id, check.strict)), "{}", check.id);
    }
    for number in 1..=23 {
        assert!(VIHF_CHECKS.iter().any(|check| check.id == format!("dmp/VIHF-{number:02}")), "{number}");
    }
}

#[test]
fn each_fault_of_what_is_said_is_found_by_its_check_alone() {
    let with = |change: fn(&mut Vihf)| {
        let mut vihf = automate();
        change(&mut vihf);
        says(vihf)
    };
    let cases: Vec<(Vec<String>, &[&str])> = vec![
        (with(|v| v.structure = StructureId::prefixed("1é")), &["VIHF-07", "VIHF-20"]),
        (with(|v| v.structure = StructureId::prefixed("1690000002")), &["VIHF-20"]),
        (with(|v| v.structure = StructureId::prefixed("999")), &["VIHF-07", "VIHF-20"]),
        (with(|v| v.sector = "SA00".into()), &["VIHF-08"]),
        (with(|v| v.roles.clear()), &["VIHF-09"]),
        (with(|v| v.roles = vec![role("11", "1.2.250.1.71.1.2.7")]), &["VIHF-09"]),
        (with(|v| v.roles = vec![role("10", "1.2.250.1.71.1.2.7")]), &["VIHF-10"]),
        (
            with(|v| v.roles = vec![role("10", "1.2.250.1.71.1.2.7"), role("A", "1.2.250.1.71.4.2.6")]),
            &["VIHF-10"],
        ),
        (
            with(|v| v.roles = vec![role("60", "1.2.250.1.71.1.2.7"), role("SM26", "1.2.250.1.71.4.2.5")]),
            &["VIHF-10"],
        ),
        (with(|v| v.roles = vec![role("60", "1.2.250.1.71.1.2.7")]), &[]),
        (with(|v| v.subject_id = None), &["VIHF-14", "VIHF-23"]),
        (with(|v| v.subject_id = Some(" ".into())), &["VIHF-14", "VIHF-23"]),
        (with(|v| v.subject_id = Some("Jonction".into())), &["VIHF-23"]),
        (with(|v| v.authn_context = "urn:oasis:names:tc:SAML:2.0:ac:classes:TLSClient".into()), &["VIHF-23"]),
        (with(|v| v.name_id = "".into()), &["VIHF-23"]),
        (with(|v| v.mode = Mode::IndirecteRenforcee), &["VIHF-15", "VIHF-16"]),
        (with(|v| v.mode = Mode::Directe), &[]),
        (with(|v| (v.mode, v.name_id) = (Mode::Directe, "dupont".into())), &["VIHF-21"]),
        (with(|v| (v.mode, v.name_id) = (Mode::Directe, "899700000017".into())), &[]),
        (with(|v| v.patient = None), &["VIHF-17"]),
        (with(|v| v.lps.homologation = " ".into()), &["VIHF-19"]),
        (with(|v| v.lps.name = String::new()), &["VIHF-19"]),
        (with(|v| v.issue_instant = "2026-03-01T10:05:01Z".parse().unwrap()), &["VIHF-02"]),
        (with(|v| v.issue_instant = "2026-03-01T10:05:00Z".parse().unwrap()), &[]),
        (with(|v| v.issue_instant = "2026-03-01T09:54:59Z".parse().unwrap()), &["VIHF-02"]),
    ];
    for (at, (found, expected)) in cases.iter().enumerate() {
        let expected: Vec<_> = expected.iter().map(|id| format!("dmp/{id}")).collect();
        assert_eq!(*found, expected, "case {at}");
    }
}

#[test]
fn each_fault_of_the_surroundings_is_found_by_its_check_alone() {
    let context = |change: fn(&mut VihfContext)| {
        let mut view = good();
        change(&mut view.context);
        vihf_says(&view)
    };
    assert_eq!(context(|c| c.assertions = 2), ["dmp/VIHF-01"]);
    assert_eq!(context(|c| c.replayed = true), ["dmp/VIHF-22"]);
    assert_eq!(context(|c| c.versions = vec!["4.0".into()]), ["dmp/VIHF-11"]);
    let dialect = Dialect { mode_spelling: ModeSpelling::Upper, ..Dialect::default() };
    assert_eq!(vihf_says(&view_of(&automate(), &dialect, Leaf::Sign)), ["dmp/VIHF-13"]);
    let dialect = Dialect { resource_urn: "urn:ROR".into(), ..Dialect::default() };
    assert_eq!(vihf_says(&view_of(&automate(), &dialect, Leaf::Sign)), ["dmp/VIHF-17"]);
}

#[test]
fn a_declared_site_of_the_legal_entity_is_accepted() {
    let vihf = Vihf { structure: StructureId::prefixed("1690000002"), ..automate() };
    let mut view = view_of(&vihf, &Dialect::default(), Leaf::Sign);
    view.context.declared_sites = vec![("1690000001".into(), "1690000002".into())];
    assert_eq!(vihf_says(&view), [""; 0]);
}

#[test]
fn a_wrong_certificate_is_told_with_the_code_of_the_dmp() {
    for (leaf, word) in [
        (Leaf::AuthCli, "n'est pas un certificat de signature"),
        (Leaf::SignExpired, "expiré"),
        (Leaf::SignUnknown, "autorité inconnue"),
    ] {
        let view = view_of(&automate(), &Dialect::default(), leaf);
        let findings = run_checks(VIHF_CHECKS, &view, CheckMode::Strict);
        assert_eq!(findings.len(), 1, "{leaf:?}");
        assert_eq!(findings[0].check, "dmp/VIHF-04");
        assert_eq!(findings[0].wire_code.as_deref(), Some("DMPInvalidCertificate"));
        assert!(findings[0].sentence.contains(word), "{}", findings[0].sentence);
    }
}

#[test]
fn a_broken_or_missing_signature_is_told_and_the_rest_is_still_checked() {
    let signed = automate().sign(&Dialect::default(), &identity(Leaf::Sign)).unwrap();
    let text = String::from_utf8(signed.bytes.to_vec()).unwrap();
    let view = |xml: &str| {
        vihf::view(xml.as_bytes(), &trust(), &VerifyOptions::default(), VihfContext::feeding(now())).unwrap()
    };
    assert_eq!(vihf_says(&view(&text.replace("SA41", "SA00"))), ["dmp/VIHF-03", "dmp/VIHF-08"]);
    let start = text.find("<ds:Signature ").unwrap();
    let end = text.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let unsigned = format!("{}{}", &text[..start], &text[end..]);
    assert_eq!(vihf_says(&view(&unsigned)), ["dmp/VIHF-03", "dmp/VIHF-04"]);
    assert_eq!(vihf_says(&view("<a/>"))[..2], ["dmp/VIHF-01".to_owned(), "dmp/VIHF-02".to_owned()]);
}

#[test]
fn an_issuer_in_another_order_is_accepted_and_another_issuer_refused() {
    let mut view = good();
    view.issuer =
        "C=FR, ST=Département (69), O=EHPAD LES TILLEULS, OU=1690000001, CN=JONCTION DEV SIGN".into();
    assert_eq!(vihf_says(&view), [""; 0]);
    view.issuer = "CN=JONCTION DEV SIGN".into();
    assert_eq!(vihf_says(&view), ["dmp/VIHF-05"]);
}

#[test]
fn findings_name_nobody() {
    let mut vihf = automate();
    vihf.name_id = "dupont".into();
    vihf.subject_id = Some("DUPONT Camille".into());
    vihf.mode = Mode::Directe;
    vihf.roles = vec![];
    let mut view = view_of(&vihf, &Dialect::default(), Leaf::AuthCli);
    view.context.replayed = true;
    let text = format!("{:?}", run_checks(VIHF_CHECKS, &view, CheckMode::Strict)).to_lowercase();
    assert!(!text.contains("dupont") && !text.contains("279035121518989"), "{text}");
}

// Requests.

const ACTION: &str = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b";
const BODY: &str = "<p:Request xmlns:p=\"urn:ihe:iti:xds-b:2007\"><r:ExtrinsicObject xmlns:r=\"urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0\" id=\"Document01\"/><p:Document id=\"Document01\"><x:Include xmlns:x=\"http://www.w3.org/2004/08/xop/include\" href=\"cid:doc1\"/></p:Document></p:Request>";

fn request(
    change_envelope: impl Fn(String) -> String,
    change_type: impl Fn(String) -> String,
) -> RequestView {
    let head =
        envelope::RequestHead { message_id: "urn:uuid:1", to: "https://x", action: ACTION, assertion: None };
    let xml = envelope::write_request(&head, BODY.as_bytes()).unwrap();
    let xml = change_envelope(String::from_utf8(xml.to_vec()).unwrap());
    let root = mtom::Envelope { xml: xml.into(), content_id: "root", action: ACTION, boundary: "b" };
    let part = mtom::DocumentPart { content_id: "doc1", content_type: "text/xml", length: 4 };
    let multipart = mtom::write(&root, &[part]).unwrap();
    let content_type = change_type(multipart.content_type.clone());
    let body = multipart.into_bytes(&[Bytes::from_static(b"<a/>")]).unwrap();
    let package = mtom::read(&content_type, &body, &Limits::default()).ok();
    let message = match &package {
        Some(package) => envelope::read(&package.root.body, &Limits::default()),
        None => Err(crate::Error::Mtom("no package")),
    };
    let view = RequestView::new(&content_type, package, message, &Limits::default());
    RequestView { expected_action: ACTION.into(), sends_documents: true, ..view }
}

fn findings(view: &RequestView) -> Vec<Finding> {
    let mut all = run_checks(SOAP_CHECKS, view, CheckMode::Strict);
    all.extend(run_checks(MTOM_CHECKS, view, CheckMode::Strict));
    all
}

fn request_says(view: &RequestView) -> Vec<String> {
    let mut ids: Vec<_> = findings(view).into_iter().map(|finding| finding.check).collect();
    ids.dedup();
    ids
}

fn same(text: String) -> String {
    text
}

#[test]
fn a_conformant_request_has_no_finding() {
    assert_eq!(findings(&request(same, same)), []);
}

#[test]
fn each_fault_of_an_envelope_is_found_by_its_check_alone() {
    let says = |from: &str, to: &str| {
        let view = request(
            |xml| {
                let changed = xml.replace(from, to);
                assert_ne!(changed, xml, "{from}");
                changed
            },
            same,
        );
        request_says(&view)
    };
    assert_eq!(says("http://www.w3.org/2003/05/soap-envelope", crate::name::SOAP_11), ["dmp/SOAP-01"]);
    assert_eq!(says("<wsa:MessageID>urn:uuid:1</wsa:MessageID>", ""), ["dmp/SOAP-02"]);
    assert_eq!(says("<wsa:To>https://x</wsa:To>", ""), ["dmp/SOAP-02"]);
    assert_eq!(says("<wsa:To>https://x</wsa:To>", "<wsa:To/>"), [""; 0]);
    assert_eq!(says("ReplyTo", "Other"), ["dmp/SOAP-02"]);
    assert_eq!(says(ACTION, "urn:other"), ["dmp/SOAP-03"]);
    assert_eq!(says("soap:mustUnderstand=\"1\"", "mustUnderstand=\"true\""), ["dmp/SOAP-05"]);
    assert_eq!(says("soap:mustUnderstand=\"1\"", ""), ["dmp/SOAP-05"]);
    assert_eq!(says("<soap:Envelope", "<!DOCTYPE a><soap:Envelope"), ["dmp/SOAP-06"]);
    assert_eq!(says("cid:doc1", "cid:doc2"), ["dmp/MTOM-02"]);
    assert_eq!(says("<p:Document id=\"Document01\">", "<p:Document id=\"document01\">"), ["dmp/MTOM-03"]);
    assert_eq!(
        says("<x:Include xmlns:x=\"http://www.w3.org/2004/08/xop/include\" href=\"cid:doc1\"/>", "PGEvPg=="),
        ["dmp/MTOM-02", "dmp/MTOM-05"]
    );
}

#[test]
fn each_fault_of_a_content_type_is_found_by_its_check_alone() {
    let says =
        |from: &str, to: &str| request_says(&request(same, |content_type| content_type.replace(from, to)));
    assert_eq!(says("start-info=\"application/soap+xml\"; ", ""), ["dmp/MTOM-01"]);
    assert_eq!(says("start=\"<root>\"; ", ""), ["dmp/MTOM-01"]);
    assert_eq!(says("type=\"application/xop+xml\"", "type=\"text/xml\""), ["dmp/SOAP-01", "dmp/MTOM-01"]);
    assert_eq!(says(ACTION, "urn:other"), ["dmp/SOAP-03"]);
}

#[test]
fn a_replayed_or_plain_request_is_told() {
    let replayed = RequestView { replayed: true, ..request(same, same) };
    assert_eq!(request_says(&replayed), ["dmp/SOAP-04"]);
    let plain = RequestView {
        package: None,
        content_type: mtom::ContentType::parse(envelope::CONTENT_TYPE),
        ..request(same, same)
    };
    assert_eq!(request_says(&plain), ["dmp/MTOM-01", "dmp/MTOM-02"]);
    let latin = RequestView {
        content_type: mtom::ContentType::parse("application/soap+xml; charset=ISO-8859-1"),
        sends_documents: false,
        ..request(same, same)
    };
    assert_eq!(request_says(&latin), ["dmp/SOAP-06"]);
}
