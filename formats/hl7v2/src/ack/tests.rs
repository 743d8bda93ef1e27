use jonction_model::Place;

use super::*;
use crate::limits::Limits;

fn parse(raw: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(raw.as_bytes()), &Limits::default()).unwrap()
}

fn now() -> Timestamp {
    "2026-01-12T08:31:05Z".parse().unwrap()
}

fn finding(path: &str, code: &str) -> Finding {
    Finding::error("hl7v2/H029", "identifiant absent").at(Place::path(path)).wire_code(code)
}

const MDM: &str = "MSH|^~\\&|RIS^1.2&x|HOP|PFI|REG|202601120930||MDM^T02^MDM_T02|A\\T\\7|T|2.6|||||FRA|UNICODE UTF-8\r\
    PID|||1~2^^^^INS\rOBX|1|ED\rOBX|2|CWE|DESTDMP||Y\r";

fn reply(raw: &str, verdict: AckCode, findings: &[Finding]) -> String {
    let bytes = build(Some(&parse(raw)), verdict, findings, "K1", now()).unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_positive_one_mirrors_the_request() {
    assert_eq!(
        reply(MDM, AckCode::AA, &[]),
        "MSH|^~\\&|PFI|REG|RIS^1.2&x|HOP|20260112093105+0100||ACK^T02^ACK|K1|T|2.6|||||FRA|UNICODE UTF-8\r\
         MSA|AA|A\\T\\7\r"
    );
}

#[test]
fn each_error_gives_its_place_code_and_text() {
    let detailed =
        finding("PID-3[2].4.2", "103").expected("1.2.250.1.213.1.4.8", "1.2.3").remedy("écrire l'OID");
    let remark = Finding::warning("hl7v2/H004", "remarque");
    let text = reply(
        MDM,
        AckCode::AE,
        &[detailed, remark, finding("PID", "100"), finding("/ClinicalDocument/id", "207")],
    );
    let errors: Vec<&str> = text.split('\r').filter(|line| line.starts_with("ERR")).collect();
    assert_eq!(
        errors,
        [
            "ERR||PID^1^3^2^4^2|103^Table value not found^messageErrorCondition|E|||hl7v2/H029|identifiant absent ; attendu : 1.2.250.1.213.1.4.8 ; reçu : 1.2.3 ; écrire l'OID",
            "ERR||PID^1|100^Segment sequence error^messageErrorCondition|E|||hl7v2/H029|identifiant absent",
            "ERR|||207^Application error^messageErrorCondition|E|||hl7v2/H029|identifiant absent",
        ]
    );
}

#[test]
fn a_condition_in_a_path_becomes_the_occurrence_it_means() {
    let text = reply(
        MDM,
        AckCode::AE,
        &[
            finding("OBX[3.1='DESTDMP']-5.1", "103"),
            finding("PID-3[5='INS'].1", "102"),
            finding("MSH-12", "203"),
        ],
    );
    for place in ["|OBX^2^5^1^1|", "|PID^1^3^2^1|", "|MSH^1^12|"] {
        assert!(text.contains(place), "{place} in {text}");
    }
}

#[test]
fn a_refusal_without_finding_still_has_an_err() {
    assert!(reply(MDM, AckCode::AR, &[]).contains("\rERR|||207^Application error^messageErrorCondition|E"));
}

#[test]
fn before_2_5_the_place_and_the_code_are_in_err_1() {
    let old = MDM.replace("|2.6|", "|2.4|");
    let text = reply(&old, AckCode::AE, &[finding("PID-3", "101"), finding("OBX[2]-5", "102")]);
    assert!(text.contains("MSA|AE|A\\T\\7|identifiant absent\r"), "{text}");
    let expected = "ERR|PID^1^3^101&Required field missing&HL70357~OBX^2^5^102&Data type error&HL70357\r";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn the_charset_is_the_one_of_the_request() {
    let latin = MDM.replace("UNICODE UTF-8", "8859/15");
    let refusal = Finding::error("hl7v2/H051", "l’été à 3 €").wire_code("207");
    let bytes = build(Some(&parse(&latin)), AckCode::AE, &[refusal], "K", now()).unwrap();
    assert!(bytes.ends_with(b"l'\xe9t\xe9 \xe0 3 \xa4\r"));
    assert!(bytes.windows(11).any(|window| window == b"FRA|8859/15"));
}

#[test]
fn the_user_message_is_cut_and_the_errors_are_capped() {
    let long = Finding::error("x/Y", "é".repeat(400)).wire_code("207");
    let text = reply(MDM, AckCode::AE, &vec![long; 80]);
    assert_eq!(text.matches("\rERR|").count(), ERRORS_MAX);
    assert!(
        text.lines()
            .flat_map(|line| line.split('\r'))
            .all(|line| line.matches('é').count() <= USER_MESSAGE_MAX)
    );
}

#[test]
fn a_header_alone_is_enough_to_refuse() {
    let header = Header::read(&MDM.as_bytes()[..120]).unwrap();
    let reply = Reply {
        header: &header,
        request: None,
        verdict: AckCode::AE,
        findings: &[finding("OBX[3.1='DESTDMP']-5.1", "199")],
        control_id: "K",
        now: now(),
    };
    let text = String::from_utf8(reply.write().to_vec()).unwrap();
    assert!(text.contains("MSA|AE|A\\T\\7\r") && text.contains("|OBX^1^5^1^1|199^"), "{text}");
}

#[test]
fn what_is_written_reads_back() {
    let written = reply(MDM, AckCode::AE, &[finding("PID-3[2].4", "101")]);
    let view = parse_ack(&parse(&written)).unwrap();
    assert_eq!(
        (view.code, view.control_id.as_str(), view.trigger_event.as_str()),
        (AckCode::AE, "A\\T\\7", "T02")
    );
    assert_eq!(view.control_id, parse(MDM).header().control_id);
    let error = &view.errors[0];
    assert_eq!(
        (error.location.as_str(), error.code.as_str(), error.severity.as_str()),
        ("PID^1^3^2^4", "101", "E")
    );
    assert_eq!((error.label.as_str(), error.text.as_str()), ("Required field missing", "identifiant absent"));
    assert!(!view.code.is_positive() && !view.code.may_be_sent_again());
}

#[test]
fn replies_of_the_field_are_understood() {
    let read = |msa: &str| parse_ack(&parse(&format!("MSH|^~\\&|A|B|C|D|1||ACK|9|P|2.5\r{msa}")));
    for (text, code) in [("AA", AckCode::AA), ("ar ", AckCode::AR), ("CA", AckCode::CA), ("CE", AckCode::CE)]
    {
        assert_eq!(read(&format!("MSA|{text}|015\r")).unwrap().code, code);
    }
    let refused = read("MSA|AE|12345|texte libre\rERR||PID^1^3|207^Application error^messageErrorCondition| E|902^Inconnu^applicationErrorCode\r").unwrap();
    assert_eq!(
        (refused.errors[0].severity.as_str(), refused.errors[0].application_code.as_str()),
        ("E", "902")
    );
    assert_eq!(refused.errors[0].text, "texte libre");
    let old = read("MSA|AR|1\rERR|PID^1^3^101&Required&HL70357~OBX^2\r").unwrap();
    assert_eq!(old.errors.iter().map(|e| e.location.as_str()).collect::<Vec<_>>(), ["PID^1^3", "OBX^2"]);
    assert_eq!(old.errors[0].code, "101");
    assert_eq!(read("MSA|AE|1|refus\r").unwrap().errors[0].text, "refus");
    assert!(read("MSA|AA|1|tout va bien\r").unwrap().errors.is_empty());
}

#[test]
fn what_is_no_acknowledgement_says_why() {
    let read =
        |msa: &str| parse_ack(&parse(&format!("MSH|^~\\&|A|B|C|D|1||ACK|9|P|2.5\r{msa}"))).unwrap_err();
    assert_eq!(read("PID|1\r"), NotAnAck::NoMsa);
    assert_eq!(read("MSA|OK|1\r"), NotAnAck::UnknownCode);
    assert_eq!(read("MSA|AA|\r"), NotAnAck::NoControlId);
}
