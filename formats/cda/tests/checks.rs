//! Each check has a document that breaks it and nothing else, and our samples break none.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "test code")]

use jonction_cda::{Header, Limits, checks::CHECKS};
use jonction_model::{Finding, Mode, Severity};

const LEVEL_1: &str = include_str!("../samples/lettre-n1.xml");

fn findings(text: &str) -> Vec<Finding> {
    Header::read(text.as_bytes(), &Limits::default()).unwrap().check(Mode::Strict)
}

/// Check, what is replaced in the sample (first occurrence), by what.
#[rustfmt::skip]
const BREAKS: &[(&str, &str, &str)] = &[
    ("H-01", "<realmCode code=\"FR\"/>", "<realmCode code=\"UV\"/>"),
    ("H-01", "POCD_HD000040", "POCD_HD000020"),
    ("H-02", "  <templateId root=\"1.3.6.1.4.1.19376.1.2.20\"/>\n", ""),
    ("H-02", "<id root=\"2.25.330104.1.1\"/>", "<templateId root=\"1.2.3\"/><id root=\"2.25.330104.1.1\"/>"),
    ("H-03", "  <id root=\"2.25.330104.1.1\"/>\n", ""),
    ("H-05", ">Lettre de liaison à la sortie</title>", "></title>"),
    ("H-05", "<title>", "<title>00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"),
    ("H-06", "<effectiveTime value=\"20260131101500+0100\"/>", "<effectiveTime value=\"202601311015+0100\"/>"),
    ("H-06", "<effectiveTime value=\"20260131101500+0100\"/>", "<effectiveTime value=\"20260131101500\"/>"),
    ("H-07", "<confidentialityCode code=\"N\"", "<confidentialityCode code=\"MASQUE_PS\""),
    ("H-08", "fr-FR", "fr"),
    ("H-09", "<setId root=\"2.25.330104.1\"/>", ""),
    ("H-09", "<versionNumber value=\"1\"/>", "<versionNumber value=\"0\"/>"),
    ("H-10", "<versionNumber value=\"1\"/>", "<versionNumber value=\"2\"/>"),
    ("H-11", "<componentOf>", "<relatedDocument typeCode=\"RPLC\"><parentDocument><id root=\"2.25.330104.1.1\"/></parentDocument></relatedDocument><componentOf>"),
    ("H-11", "<componentOf>", "<relatedDocument typeCode=\"APND\"><parentDocument><id root=\"2.25.1\"/></parentDocument></relatedDocument><componentOf>"),
    ("H-12", "284056322001264", "284056322001265"),
    ("H-12", "extension=\"IPP-0042\"", ""),
    ("H-13", "<administrativeGenderCode code=\"F\"", "<administrativeGenderCode code=\"U\""),
    ("H-13", "<family qualifier=\"CL\">", "<family>"),
    ("H-14", "<county>63220</county>", "<county nullFlavor=\"UNK\"/>"),
    ("H-14", "<given>CAMILLE LOUISE</given>", ""),
    ("H-15", "<author>\n    <time value=\"20260131101500+0100\"/>", "<author>"),
    ("H-16", "<family>MERCIER</family>", ""),
    ("H-17", "<representedCustodianOrganization>\n        <id root=\"1.2.250.1.71.4.2.2\"", "<representedCustodianOrganization>\n        <id root=\"1.2.3.4\""),
    ("H-18", "<signatureCode code=\"S\"/>", "<signatureCode code=\"I\"/>"),
    ("H-19", "extension=\"899700123450\"", "extension=\"9970012345\""),
    ("H-20", "<low value=\"20260130083000+0100\"/>", ""),
    ("H-20", "<performer typeCode=\"PRF\">", "<performer typeCode=\"PPRF\">"),
    ("H-20", "<standardIndustryClassCode code=\"ETABLISSEMENT\" codeSystem=\"1.2.250.1.213.1.1.4.9\" displayName=\"Etablissement de santé\"/>", ""),
    ("H-21", "<code code=\"SA01\" codeSystem=\"1.2.250.1.71.4.2.4\"", "<code code=\"SA01\" codeSystem=\"1.2.3\""),
    ("H-22", "<documentationOf>", "<participant typeCode=\"XXX\"><time nullFlavor=\"NAV\"/><associatedEntity classCode=\"PROV\"/></participant><documentationOf>"),
    ("H-22", "<documentationOf>", "<participant typeCode=\"INF\"><associatedEntity classCode=\"PROV\"/></participant><documentationOf>"),
    ("H-23", "<custodian>", "<informant><assignedEntity/><relatedEntity/></informant><custodian>"),
    ("H-24", "<componentOf>", "<authorization><consent><statusCode code=\"active\"/></consent></authorization><componentOf>"),
    ("H-25", "<addr nullFlavor=\"NASK\"/>", "<addr nullFlavor=\"NI\"/>"),
    ("H-25", "<custodian>", "<custodian nullFlavor=\"UNK\">"),
    ("H-26", "<birthplace>", "<religiousAffiliationCode code=\"1\"/><birthplace>"),
    ("H-27", "<id root=\"2.25.330104.8\"", "<id root=\"2.25.0330104.8\""),
    ("H-28", "<telecom nullFlavor=\"NASK\"/>", "<telecom value=\"tel:01 02 03\"/>"),
    ("H-28", "<telecom nullFlavor=\"NASK\"/>", "<telecom value=\"0102030405\"/>"),
    ("H-29", "<documentationOf>", "<participant typeCode=\"INF\"><time nullFlavor=\"NAV\"/><associatedEntity classCode=\"PROV\"/></participant><legalAuthenticator/><documentationOf>"),
    ("H-30", "representation=\"B64\"", "representation=\"TXT\""),
    ("H-30", "mediaType=\"application/pdf\"", "mediaType=\"application/msword\""),
    ("H-35", "<ClinicalDocument", "<?oxygen SCHSchema=\"a.sch\"?><ClinicalDocument"),
];

#[test]
fn every_check_has_a_document_that_breaks_it_and_no_other() {
    for (id, from, to) in BREAKS {
        assert!(LEVEL_1.contains(from), "{id}: {from}");
        let text = LEVEL_1.replacen(from, to, 1);
        let found = findings(&text);
        assert!(!found.is_empty(), "{id}: {to}");
        for finding in &found {
            assert_eq!(finding.check, format!("cda/{id}"), "{to}: {finding:?}");
            assert!(!finding.place.path.is_empty() || *id == "H-35", "{finding:?}");
            assert!(!finding.sentence.contains("LEBRUN") && finding.requirement.is_some(), "{finding:?}");
        }
    }
    let broken = |check: &str| BREAKS.iter().any(|(id, ..)| check == format!("cda/{id}"));
    let untested: Vec<_> = CHECKS.iter().map(|check| check.id).filter(|check| !broken(check)).collect();
    assert_eq!(untested, ["cda/H-33"]);
}

#[test]
fn a_signer_from_nowhere_is_a_remark() {
    let at = LEVEL_1.find("<legalAuthenticator>").unwrap();
    let (before, after) = LEVEL_1.split_at(at);
    let after = after.replacen("899700123450", "899700123468", 1).replacen("1990001234", "1990009999", 1);
    let found = findings(&format!("{before}{after}"));
    assert!(found.iter().any(|finding| finding.check == "cda/H-33" && finding.severity == Severity::Warning));
}

#[test]
fn a_wrong_key_is_an_error_under_a_real_oid_only() {
    let wrong = LEVEL_1.replacen("284056322001264", "284056322001265", 1);
    assert_eq!(findings(&wrong)[0].severity, Severity::Warning);
    let real = wrong.replacen("1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.8", 1);
    assert_eq!(findings(&real)[0].severity, Severity::Error);
}

#[test]
fn our_samples_break_nothing() {
    for text in
        [LEVEL_1, include_str!("../samples/lettre-n1-v2.xml"), include_str!("../samples/lettre-n3.xml")]
    {
        assert_eq!(findings(text), []);
    }
}

#[test]
fn a_finding_shows_path_line_and_column() {
    let text = LEVEL_1.replacen("fr-FR", "de", 1);
    let found = findings(&text);
    assert_eq!(found[0].place.to_string(), "/ClinicalDocument/languageCode (13:3)");
    assert_eq!((found[0].expected.as_deref(), found[0].found.as_deref()), (Some("fr-FR"), Some("de")));
}
