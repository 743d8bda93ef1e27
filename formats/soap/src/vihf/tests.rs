use jonction_certs_dev::Leaf;
use jonction_model::{CodedValue, Ins, InsDomain, InsIdentity, StructureId};

use super::*;
use crate::{
    envelope::{self, RequestHead},
    testing::{identity, now, trust, xmlsec1_accepts},
    xmldsig::VerifyOptions,
};

pub(crate) fn automate() -> Vihf {
    Vihf::automate(Automate {
        id: "_0f8fad5b-d9cb-469f-a165-70867728950e".to_owned(),
        now: now(),
        responsible: "3690000001/resp-1",
        names: "Jonction, passerelle, coordination",
        structure: StructureId::prefixed("1690000001"),
        sector: "SA41",
        patient: Some(InsIdentity {
            ins: Ins::parse("279035121518989").unwrap(),
            domain: InsDomain::TestNir,
        }),
        lps: Lps {
            id: None,
            name: "Jonction".into(),
            version: "0.1".into(),
            homologation: "DEMO-0001".into(),
        },
    })
}

fn doctor() -> Vihf {
    let role = |code: &str, system: &str, label: &str| CodedValue {
        code: code.into(),
        system: system.into(),
        label: label.into(),
    };
    Vihf {
        mode: Mode::IndirecteRenforcee,
        authn_context: "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI".into(),
        authn_context_decl: Some("APP_BROWSER_AUTH".into()),
        name_id: "899700000017".into(),
        roles: vec![
            role("10", "1.2.250.1.71.1.2.7", "Médecin"),
            role("SM26", "1.2.250.1.71.4.2.5", "Qualifié en médecine générale (SM)"),
        ],
        subject_id: Some("DURA Léa & <Max>".into()),
        purpose: Purpose::BrisDeGlace,
        secret_connection: Some("SECRET".into()),
        lps: Lps { id: Some("poste-7".into()), ..automate().lps },
        ..automate()
    }
}

fn sign(vihf: &Vihf, dialect: &Dialect) -> SignedVihf {
    vihf.sign(dialect, &identity(Leaf::Sign)).unwrap()
}

fn read(xml: &[u8]) -> VihfView {
    view(xml, &trust(), &VerifyOptions::default(), VihfContext::feeding(now())).unwrap()
}

#[test]
fn a_signed_vihf_reads_back() {
    let signed = sign(&doctor(), &Dialect::default());
    let view = read(&signed.bytes);
    assert_eq!(view.id, signed.id);
    assert_eq!(view.issue_instant, Some(now()));
    assert_eq!(view.name_id.expose(), "899700000017");
    assert_eq!(view.value(attribute::SUBJECT_ID), "DURA Léa & <Max>");
    assert_eq!(view.roles().cloned().collect::<Vec<_>>(), doctor().roles);
    assert_eq!(view.mode(), Some(Mode::IndirecteRenforcee));
    assert_eq!(view.authn_context_decl.as_deref(), Some("APP_BROWSER_AUTH"));
    assert_eq!(view.structure(), Some(StructureId::prefixed("1690000001")));
    assert_eq!(view.patient_cx(), Some("279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH"));
    assert_eq!(view.patient().unwrap().0, InsDomain::TestNir);
    assert_eq!(view.value(attribute::CONFIDENTIALITY), "SECRET");
    assert_eq!(view.value(attribute::LPS_ID), "poste-7");
    assert!(view.signature.is_ok());
    assert_eq!(view.certificate, Some(Ok(())));
    assert_eq!(view.certificate_structures().collect::<Vec<_>>(), ["1690000001"]);
}

#[test]
fn every_dialect_is_accepted_by_an_independent_tool() {
    let other = Dialect { typed_values: true, mode_spelling: ModeSpelling::Upper, ..Dialect::default() };
    for (vihf, dialect) in [(automate(), Dialect::default()), (doctor(), other)] {
        let signed = sign(&vihf, &dialect);
        let id = ["--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:assertion:Assertion"];
        let Some(accepted) = xmlsec1_accepts(&signed.bytes, &id) else { return };
        assert!(accepted);
        let tampered =
            String::from_utf8(signed.bytes.to_vec()).unwrap().replace(vihf.name_id.expose(), "899700000025");
        assert_eq!(xmlsec1_accepts(tampered.as_bytes(), &id), Some(false));
        assert!(read(tampered.as_bytes()).signature.is_err());
    }
}

/// The signature covers the assertion as it stands inside the message.
#[test]
fn the_signature_holds_inside_an_envelope_for_us_and_for_an_independent_tool() {
    let signed = sign(&doctor(), &Dialect::default());
    let head = RequestHead { message_id: "urn:uuid:1", to: "", action: "a", assertion: Some(&signed.bytes) };
    let xml = envelope::write_request(&head, b"<b/>").unwrap();
    let message = envelope::read(&xml, &crate::Limits::default()).unwrap();
    assert_eq!(&xml[message.assertions[0].range.clone()], &signed.bytes[..]);
    assert!(read(&message.assertions[0].xml).signature.is_ok());
    let id = ["--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:assertion:Assertion"];
    let Some(accepted) = xmlsec1_accepts(&xml, &id) else { return };
    assert!(accepted);
}

#[test]
fn dialects_change_only_what_they_say() {
    let text = |dialect: &Dialect| String::from_utf8(sign(&automate(), dialect).bytes.to_vec()).unwrap();
    let default = text(&Dialect::default());
    assert!(default.contains("Name=\"Authentification_mode\"") && !default.contains("xs:string"));
    assert!(default.contains("Name=\"VIHF_Version\"><saml2:AttributeValue>3.0<"));
    let other = text(&Dialect {
        vihf_version: "4.0".into(),
        mode_spelling: ModeSpelling::Upper,
        typed_values: true,
        ..Dialect::default()
    });
    assert!(other.contains("Name=\"Authentification_Mode\"") && other.contains(">4.0<"));
    assert!(other.contains("xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xsi:type=\"xs:string\">4.0<"));
}

#[test]
fn children_stand_in_the_order_of_the_schema() {
    let text = String::from_utf8(sign(&doctor(), &Dialect::default()).bytes.to_vec()).unwrap();
    let order = [
        "<saml2:Issuer",
        "<ds:Signature",
        "<saml2:Subject>",
        "<saml2:AuthnStatement",
        "<saml2:AttributeStatement",
    ];
    let places: Vec<_> = order.iter().map(|element| text.find(element).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
}

/// Signature, digest and certificate depend on keys made for each run: masked.
#[test]
fn the_written_assertions_are_the_golden_ones() {
    for (name, vihf) in [("vihf-automate.xml", automate()), ("vihf-air.xml", doctor())] {
        let mut text = String::from_utf8(sign(&vihf, &Dialect::default()).bytes.to_vec()).unwrap();
        for element in ["ds:SignatureValue", "ds:X509Certificate"] {
            let (start, end) = (format!("<{element}>"), format!("</{element}>"));
            let from = text.find(&start).unwrap() + start.len();
            let to = text.find(&end).unwrap();
            text.replace_range(from..to, "…");
        }
        crate::testing::golden(name, &text.replace("><", ">\n<"));
    }
}

#[test]
fn nothing_of_a_person_is_printed() {
    let signed = sign(&doctor(), &Dialect::default());
    let printed = format!("{signed:?} {:?} {:?}", read(&signed.bytes), doctor());
    for secret in ["DURA", "899700000017", "279035121518989"] {
        assert!(!printed.contains(secret), "{secret}");
    }
}

#[test]
fn what_xml_cannot_carry_is_refused() {
    let key = identity(Leaf::Sign);
    let refused = |vihf: Vihf| vihf.sign(&Dialect::default(), &key).unwrap_err().code() == "soap.unwritable";
    assert!(refused(Vihf { name_id: "a\u{0}".into(), ..automate() }));
    assert!(refused(Vihf { id: "0f8fad5b".into(), ..automate() }));
    assert!(refused(Vihf { id: "_a\"/>".into(), ..automate() }));
}

#[test]
fn only_a_valid_signature_of_a_trusted_certificate_is_authentic() {
    let by = |leaf| automate().sign(&Dialect::default(), &identity(leaf)).unwrap().bytes;
    assert!(read(&by(Leaf::Sign)).is_authentic());
    assert!(!read(&by(Leaf::AuthCli)).is_authentic());
    assert!(!read(&by(Leaf::SignUnknown)).is_authentic());
    let tampered = String::from_utf8(by(Leaf::Sign).to_vec()).unwrap().replace("SA41", "SA42");
    assert!(!read(tampered.as_bytes()).is_authentic());
}

#[test]
fn hostile_assertions_are_refused_before_they_cost_anything() {
    let refused = |xml: &str| {
        let options = VerifyOptions::default();
        view(xml.as_bytes(), &trust(), &options, VihfContext::feeding(now())).unwrap_err().code()
    };
    let nested = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
    assert_eq!(refused(&nested), "soap.limit-exceeded");
    assert_eq!(refused(&format!("<a>{}</a>", "<b/>".repeat(20_000))), "soap.limit-exceeded");
    assert_eq!(refused(&format!("<a>{}</a>", "x".repeat(1024 * 1024))), "soap.limit-exceeded");
    let laughs = "<!DOCTYPE a [<!ENTITY b 'ha'><!ENTITY c '&b;&b;&b;'>]><a>&c;</a>";
    assert_eq!(refused(laughs), "soap.xml-refused");
    let signed = String::from_utf8(sign(&automate(), &Dialect::default()).bytes.to_vec()).unwrap();
    let certificate =
        &signed[signed.find("<ds:X509Certificate>").unwrap()..signed.find("</ds:X509Data>").unwrap()];
    let view = |copies: usize| read(signed.replace(certificate, &certificate.repeat(copies)).as_bytes());
    assert!(view(8).signature.is_ok());
    assert_eq!(view(9).signature.unwrap_err().code(), "soap.limit-exceeded");
}

/// What a reader sees must be what was signed: an unsigned comment in the middle of an identifier is a known attack.
#[test]
fn a_comment_inside_an_identifier_does_not_shorten_it() {
    let signed = String::from_utf8(sign(&doctor(), &Dialect::default()).bytes.to_vec()).unwrap();
    let view = read(signed.replace("899700000017", "8997<!---->00000017").as_bytes());
    assert!(view.signature.is_ok());
    assert_eq!(view.name_id.expose(), "899700000017");
}
