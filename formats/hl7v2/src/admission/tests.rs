use super::*;
use crate::fixtures::{lps, mdm, mutate, oru, parse, zam};

/// Place and ERR-3 of every refusal.
fn refused(text: &str) -> Vec<(String, String)> {
    let message = parse(text);
    // What a listener awaits is its setting; the message only chooses among these here.
    let awaited = match Profile::of(&message) {
        Profile::Zam => Profile::Zam,
        Profile::DocumentToLps => Profile::DocumentToLps,
        _ => Profile::DocumentToPfi,
    };
    let findings = refusals(&message, awaited);
    assert!(findings.iter().all(|finding| finding.severity == Error && finding.remedy.is_some()));
    findings.into_iter().map(|finding| (finding.place.path, finding.wire_code.unwrap())).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(path, code)| ((*path).to_owned(), (*code).to_owned())).collect()
}

#[test]
fn conformant_messages_are_admitted() {
    for text in [mdm(), oru(), lps(), zam()] {
        assert_eq!(refused(&text), [], "{text}");
    }
}

#[test]
fn each_reason_of_the_list_refuses_with_its_place_and_code() {
    for (message, from, to, expected) in [
        (mdm as fn() -> String, "EVN|", "MSH|^~\\&|\rEVN|", ("MSH[2]", "100")),
        (mdm, "|RIS-TILLEULS|", "||", ("MSH-3", "101")),
        (mdm, "|GRADES|", "|\"\"|", ("MSH-6", "101")),
        (mdm, "|M8801|", "||", ("MSH-10", "101")),
        (mdm, "|MDM^T02^MDM_T02|", "||", ("MSH-9", "101")),
        (mdm, "MDM^T02^MDM_T02", "QBP^Q11^QBP_Q11", ("MSH-9.1", "200")),
        (mdm, "MDM^T02^MDM_T02", "MDM^T11^MDM_T02", ("MSH-9.2", "201")),
        (oru, "ORU^R01", "ORU^R40", ("MSH-9.2", "201")),
        (mdm, "|2.6|", "|2.9|", ("MSH-12", "203")),
        (oru, "|2.5|", "||", ("MSH-12", "203")),
        (mdm, "2.1^CISIS_CDA_HL7_V2", "1.2^CISIS_CDA_HL7_V1", ("MSH-21", "207")),
        (mdm, "PV1|", "PV9|", ("PV1", "100")),
        (mdm, "TXA|", "TXZ|", ("TXA", "100")),
        (mdm, "ORC|", "ORZ|", ("ORC", "100")),
        (oru, "OBR|", "OBZ|", ("OBR", "100")),
        (mdm, "PV1|1", "PID|||1^^^A\rPV1|1", ("PID[2]", "198")),
        (mdm, "OBX|1|ED", "OBX|1|TX", ("OBX[1]-2", "101")),
        (mdm, "PGE+PC9hPg==", "", ("OBX[1]-5.5", "101")),
        (mdm, "PGE+PC9hPg==", "pas du base64 !", ("OBX[1]-5.5", "102")),
        (mdm, "PGE+PC9hPg==", "PGE+P", ("OBX[1]-5.5", "102")),
        (mdm, "ORC|NW", "ORC|RO", ("ORC-1", "207")),
        (mdm, "ORC|NW", "ORC|SC", ("ORC-1", "207")),
        (mdm, "ORC|NW", "ORC|", ("ORC-1", "207")),
        (mdm, "PC9hPg==||||||F", "PC9hPg==||||||D", ("OBX[1]-11", "207")),
        (oru, "ORC|NW", "ORC|CA", ("ORC-1", "207")),
        (zam, "ZAM^Z02", "ZAM^Z04", ("MSH-9.2", "201")),
        (zam, "|M8801|Y", "||Y", ("OBX[1]-4", "101")),
    ] {
        assert_eq!(refused(&mutate(&message(), from, to)), pairs(&[expected]), "{from} → {to}");
    }
}

#[test]
fn an_empty_identifier_list_refuses_and_a_missing_patient_is_told_once() {
    let pid = mdm().split('\r').find(|s| s.starts_with("PID")).unwrap().to_owned();
    assert_eq!(refused(&mutate(&mdm(), &pid, "PID|||~||MARTINET")), pairs(&[("PID-3", "101")]));
    assert_eq!(refused(&mutate(&mdm(), &format!("{pid}\r"), "")), pairs(&[("PID", "100")]));
}

#[test]
fn all_problems_are_reported_at_once() {
    let mut text = mutate(&mdm(), "|PFI|", "||");
    text = mutate(&text, "|M8801|", "||");
    text = mutate(&text, "PV1|", "PVX|");
    text = mutate(&text, "ORC|NW", "ORC|CA");
    text = mutate(&text, "PGE+PC9hPg==", "*");
    let expected =
        [("MSH-5", "101"), ("MSH-10", "101"), ("PV1", "100"), ("ORC-1", "207"), ("OBX[1]-5.5", "102")];
    assert_eq!(refused(&text), pairs(&expected));
}

#[test]
fn a_foreign_type_is_told_by_its_type_not_by_what_it_lacks() {
    let text = "MSH|^~\\&|A|B||D|1||SIU^S12^SIU_S12|1|T|2.5\rPID|1\r";
    let found = refusals(&parse(text), Profile::DocumentToPfi);
    let codes: Vec<_> =
        found.iter().map(|f| (f.place.path.as_str(), f.wire_code.as_deref().unwrap())).collect();
    assert_eq!(codes, [("MSH-5", "101"), ("MSH-9.1", "200")]);
}

#[test]
fn edition_2_0_says_its_intent_by_the_status_and_the_event() {
    let old = mutate(&mdm(), "2.1^CISIS", "2.0^CISIS");
    let obr = old.split('\r').find(|s| s.starts_with("OBR")).unwrap().to_owned();
    let without_order = mutate(&mutate(&old, "ORC|NW\r", ""), &format!("{obr}\r"), "");
    assert_eq!(refused(&without_order), []);
    assert_eq!(crate::volet::operation(&parse(&without_order)), Some(jonction_model::Operation::Submit));
    let scheduled = mutate(&mutate(&oru(), "2.1^CISIS", "2.0^CISIS"), "ORC|NW", "ORC|SC");
    assert_eq!(refused(&scheduled), []);
    let replaced = mutate(&mutate(&scheduled, "PC9hPg==||||||F", "PC9hPg==||||||C"), "ORC|SC", "ORC|RO");
    assert_eq!(refused(&replaced), []);
    assert_eq!(crate::volet::operation(&parse(&replaced)), Some(jonction_model::Operation::Replace));
    let torn = mutate(&without_order, "MDM^T02", "MDM^T10");
    assert_eq!(refused(&torn), pairs(&[("OBX[1]-11", "207")]));
}

#[test]
fn habits_of_the_field_are_admitted() {
    for (from, to) in [
        ("UNICODE UTF-8", "ISO-8859-1"),
        ("|FRA|", "||"),
        ("|AU\r", "|LA\r"),
        ("|2.6|", "|2.5|"),
        ("2.1^CISIS_CDA_HL7_V2", ""),
        ("^text^XML", "^TEXT^xml"),
        ("PGE+PC9hPg==", "PGE+ PC9h Pg"),
        ("EVN|", "ZZZ|1\rEVN|"),
        ("|VALI\r", "|PROV\r"),
        ("Patient^MetaDMPMSS||Y", "Patient^MetaDMPMSS||N"),
        ("paul.vallier@", "@"),
        ("\r", "\r\n"),
        ("|^~\\&|", "|^˜\\&|"),
    ] {
        assert_eq!(refused(&mutate(&mdm(), from, to)), [], "{from} → {to}");
    }
}
