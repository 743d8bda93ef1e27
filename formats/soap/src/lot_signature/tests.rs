use bytes::Bytes;
use jonction_certs_dev::Leaf;
use jonction_model::{DocumentUniqueId, Severity};

use super::*;
use crate::{
    Limits,
    testing::{authority, file, identity, now, tool, trust, xmlsec1_accepts},
    xmldsig::VerifyOptions,
};

const CDA: &[u8] = b"<?xml version='1.0' encoding='UTF-8'?>\n<ClinicalDocument xmlns='urn:hl7-org:v3' b='2' a='1'><!-- c --><title/></ClinicalDocument>\n";
const PDF: &[u8] = b"%PDF-1.4 \x00\xff";

fn unique_id(last: u32) -> DocumentUniqueId {
    DocumentUniqueId::root(format!("1.2.250.1.999.1.{last}"))
}

fn documents() -> Vec<SignedDocument> {
    vec![
        SignedDocument { unique_id: unique_id(1), digest: DocumentDigest::of_xml(CDA).unwrap() },
        SignedDocument { unique_id: unique_id(2), digest: DocumentDigest::of_raw(PDF) },
    ]
}

fn expected() -> ExpectedLot {
    let document =
        |last, bytes| ExpectedDocument { unique_id: unique_id(last), bytes: Bytes::from_static(bytes) };
    ExpectedLot { submission_set: unique_id(100), documents: vec![document(1, CDA), document(2, PDF)] }
}

fn signed_with(with_chain: bool) -> String {
    let lot = LotSignature {
        id: "_7c9e6679-7425-40de-944b-e07fc1f90ae7",
        submission_set: &unique_id(100),
        documents: &documents(),
        signing_time: now(),
        with_chain,
    };
    String::from_utf8(build(&lot, &identity(Leaf::Sign)).unwrap().to_vec()).unwrap()
}

fn verdict(xml: &str, expected: &ExpectedLot) -> LotVerdict {
    verify(xml.as_bytes(), expected, &VerifyOptions::default()).unwrap()
}

fn sentences(xml: &str, expected: &ExpectedLot) -> Vec<String> {
    verdict(xml, expected).findings.into_iter().map(|finding| finding.sentence).collect()
}

fn xmlsec1(xml: &str) -> Option<bool> {
    xmlsec1_accepts(
        xml.as_bytes(),
        &[
            "--id-attr:Id",
            "http://www.w3.org/2000/09/xmldsig#:Manifest",
            "--id-attr:Id",
            "http://uri.etsi.org/01903/v1.1.1#:SignedProperties",
        ],
    )
}

#[test]
fn a_signed_lot_is_verified_here_and_by_an_independent_tool() {
    for with_chain in [false, true] {
        let xml = signed_with(with_chain);
        let verdict = verdict(&xml, &expected());
        assert_eq!(verdict.findings, []);
        assert_eq!(verdict.chain.len(), if with_chain { 2 } else { 1 });
        assert!(!verdict.uses_sha1);
        assert_eq!(trust().judge(&verdict.chain, now()), Ok(()));
        assert!(xmlsec1(&xml).unwrap_or(true));
    }
}

#[test]
fn the_same_lot_gives_the_same_bytes() {
    assert_eq!(signed_with(true), signed_with(true));
}

/// The digest of an XML document is that of its canonical form: equal documents, equal digests.
#[test]
fn an_xml_document_is_digested_in_canonical_form_and_others_as_they_are() {
    let canonical = b"<ClinicalDocument xmlns=\"urn:hl7-org:v3\" a=\"1\" b=\"2\"><!-- c --><title></title></ClinicalDocument>";
    let DocumentDigest::Raw(expected) = DocumentDigest::of_raw(canonical) else { unreachable!() };
    assert_eq!(DocumentDigest::of_xml(CDA).unwrap(), DocumentDigest::CanonicalXml(expected));
    assert!(DocumentDigest::of_xml(b"<!DOCTYPE a><a/>").is_err());
}

#[test]
fn tampering_is_refused_here_and_by_an_independent_tool() {
    let xml = signed_with(false);
    let tampered = [
        xml.replace("1.2.250.1.999.1.2", "1.2.250.1.999.1.3"),
        xml.replace("2026-03-01T11:00:00", "2026-03-02T11:00:00"),
        xml.replace("#IHEManifest", "#purposeOfSignature"),
        xml.replace("Id=\"IHEManifest\"", "Id=\"Other\""),
        xml.replacen("<ds:Reference URI=\"urn:oid", "<ds:Reference x=\"y\" URI=\"urn:oid", 1),
    ];
    for tampered in tampered {
        assert_ne!(tampered, xml);
        let found = sentences(&tampered, &expected());
        assert!(found.contains(&"la signature du lot ne se vérifie pas".to_owned()), "{found:?}");
        assert!(!xmlsec1(&tampered).unwrap_or(false));
    }
}

/// A manifest that is signed must be the one that is read.
#[test]
fn a_second_manifest_is_refused() {
    let xml = signed_with(false);
    let start = xml.find("<ds:Manifest").unwrap();
    let end = xml.find("</ds:Manifest>").unwrap() + "</ds:Manifest>".len();
    let other = xml[start..end].replace("IHEManifest", "Second");
    let doubled = xml.replacen("<ds:Object>", &format!("<ds:Object>{other}</ds:Object><ds:Object>"), 1);
    assert_eq!(
        sentences(&doubled, &expected()),
        ["la signature du lot ne contient pas exactement un manifeste"]
    );
    let hidden = xml.replacen(&xml[start..end], "", 1).replacen(
        "<ds:Object>",
        &format!("<ds:Object><x xmlns=\"urn:x\">{}</x></ds:Object><ds:Object>", &xml[start..end]),
        1,
    );
    assert!(sentences(&hidden, &expected()).contains(&"la signature du lot ne se vérifie pas".to_owned()));
}

#[test]
fn a_lot_that_is_not_the_signed_one_is_told_apart() {
    let xml = signed_with(false);
    let mut other = expected();
    other.documents[0].bytes = Bytes::from_static(b"<ClinicalDocument xmlns='urn:hl7-org:v3'/>");
    assert_eq!(
        sentences(&xml, &other),
        ["l'empreinte d'un document dans le manifeste n'est pas celle du document reçu"]
    );

    let mut other = expected();
    other.documents.pop();
    assert_eq!(sentences(&xml, &other), ["le manifeste cite plus d'objets que le lot n'en contient"]);

    let mut other = expected();
    other.documents.push(ExpectedDocument { unique_id: unique_id(3), bytes: Bytes::new() });
    assert_eq!(sentences(&xml, &other), ["le manifeste ne cite pas un document du lot"]);

    let other = ExpectedLot { submission_set: unique_id(101), ..expected() };
    assert_eq!(
        sentences(&xml, &other),
        [
            "le manifeste ne cite pas le SubmissionSet",
            "le manifeste cite plus d'objets que le lot n'en contient"
        ]
    );
}

#[test]
fn a_document_with_only_its_serialisation_changed_still_matches() {
    let xml = signed_with(false);
    let mut other = expected();
    other.documents[0].bytes = Bytes::from_static(
        b"<ClinicalDocument a='1' b='2' xmlns='urn:hl7-org:v3'><!-- c --><title></title></ClinicalDocument>",
    );
    assert_eq!(sentences(&xml, &other), Vec::<String>::new());
}

#[test]
fn the_certificate_in_the_properties_must_be_the_signer() {
    let xml = signed_with(false);
    let start = xml.find("<xad:DigestValue>").unwrap() + "<xad:DigestValue>".len();
    let end = xml.find("</xad:DigestValue>").unwrap();
    let mut other = xml.clone();
    other.replace_range(start..end, "AAAA");
    assert!(
        sentences(&other, &expected()).contains(
            &"le certificat de la signature n'est pas celui que ses propriétés annoncent".to_owned()
        )
    );
}

#[test]
fn findings_have_their_check_and_their_severity() {
    let other = ExpectedLot { submission_set: unique_id(101), ..expected() };
    let verdict = verdict(&signed_with(false), &other);
    assert!(verdict.findings.iter().all(|finding| finding.check == "dmp/SUB-09"));
    assert!(verdict.findings.iter().all(|finding| finding.severity == Severity::Error));
}

#[test]
fn a_signature_cut_anywhere_is_refused_and_never_panics() {
    let xml = signed_with(false);
    for cut in (0..xml.len()).filter(|cut| xml.is_char_boundary(*cut)).step_by(5) {
        assert!(verify(&xml.as_bytes()[..cut], &expected(), &VerifyOptions::default()).is_err());
    }
}

#[test]
fn limits_hold_at_their_value_and_not_beyond() {
    let xml = signed_with(false);
    let at = |limits: Limits| {
        let options = VerifyOptions { limits, ..VerifyOptions::default() };
        verify(xml.as_bytes(), &expected(), &options).map(|verdict| verdict.findings.len())
    };
    assert_eq!(at(Limits { references_max: 3, ..Limits::default() }), Ok(0));
    assert_eq!(
        at(Limits { references_max: 2, ..Limits::default() }).unwrap_err().code(),
        "soap.limit-exceeded"
    );
    assert_eq!(
        at(Limits { signed_bytes_max: xml.len() - 40, ..Limits::default() }).unwrap_err().code(),
        "soap.limit-exceeded"
    );
}

/// A lot as published messages have it: SHA-1, properties first and without namespace, an Id that starts with a digit.
/// Signed by another stack.
#[test]
fn a_legacy_lot_of_another_stack_is_read_and_its_sha_1_told() {
    let mut xml = signed_with(false)
        .replace("_7c9e6679", "7c9e6679")
        .replace("<ds:SignatureProperty ", "<SignatureProperty xmlns=\"\" ")
        .replace("</ds:SignatureProperty>", "</SignatureProperty>");
    let properties_start = xml.find("<ds:Object><ds:SignatureProperties>").unwrap();
    let properties_end = xml.find("</ds:SignatureProperties></ds:Object>").unwrap() + 37;
    let properties: String = xml.drain(properties_start..properties_end).collect();
    let first = xml.find("<ds:Object>").unwrap();
    xml.insert_str(first, &properties);
    // The manifest keeps its digests of documents; the signature gets new ones.
    let end = xml.find("</ds:SignedInfo>").unwrap();
    let mut template = xml[..end]
        .replace(crate::name::RSA_SHA256, crate::name::RSA_SHA1)
        .replace(crate::name::SHA256, crate::name::SHA1);
    while let Some(at) = template.find("<ds:DigestValue>") {
        let stop = template[at..].find("</ds:DigestValue>").unwrap() + at + "</ds:DigestValue>".len();
        template.replace_range(at..stop, "<ds:DigestValue/>");
    }
    template.push_str(&xml[end..]);
    let value = template.find("<ds:SignatureValue>").unwrap();
    let value_end = template.find("</ds:SignatureValue>").unwrap() + "</ds:SignatureValue>".len();
    template.replace_range(value..value_end, "<ds:SignatureValue/>");
    let (_temp, path) = file("template.xml", template.as_bytes());
    let key = authority().key_of(Leaf::Sign);
    let arguments = [
        "--sign",
        "--ignore-manifests",
        "--id-attr:Id",
        "http://www.w3.org/2000/09/xmldsig#:Manifest",
        "--id-attr:Id",
        "http://uri.etsi.org/01903/v1.1.1#:SignedProperties",
        "--privkey-pem",
        key.to_str().unwrap(),
        path.to_str().unwrap(),
    ];
    let Some(output) = tool("xmlsec1", &arguments) else { return };
    assert!(output.status.success(), "{}", String::from_utf8(output.stderr).unwrap());
    let legacy = String::from_utf8(output.stdout).unwrap();

    let read = verdict(&legacy, &expected());
    assert!(read.uses_sha1);
    let told: Vec<_> =
        read.findings.iter().map(|finding| (finding.severity, finding.sentence.as_str())).collect();
    assert_eq!(told, [(Severity::Warning, "la signature du lot emploie SHA-1")]);
    let strict = VerifyOptions { reject_sha1: true, ..VerifyOptions::default() };
    let refused = verify(legacy.as_bytes(), &expected(), &strict).unwrap();
    assert_eq!(refused.findings[0].severity, Severity::Error);
}

/// Without the parts that depend on keys made for each run.
#[test]
fn the_written_signature_is_the_golden_one() {
    let mut text = signed_with(false);
    let mut masked = String::new();
    for element in ["ds:SignatureValue", "ds:X509Certificate", "xad:DigestValue", "ds:X509SerialNumber"] {
        let (start, end) = (format!("<{element}>"), format!("</{element}>"));
        let from = text.find(&start).unwrap() + start.len();
        let to = text.find(&end).unwrap();
        text.replace_range(from..to, "…");
    }
    // The digest of the signed properties covers the certificate, the others do not.
    let at = text.find("URI=\"#S0-SignedProperties\"").unwrap();
    let from = text[at..].find("<ds:DigestValue>").unwrap() + at + "<ds:DigestValue>".len();
    let to = text[from..].find("</ds:DigestValue>").unwrap() + from;
    text.replace_range(from..to, "…");
    masked.push_str(&text.replace("><", ">\n<"));
    crate::testing::golden("lot-signature.xml", &masked);
}
