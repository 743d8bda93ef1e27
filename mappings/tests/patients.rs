//! One message, one patient: whatever contradicts it goes nowhere.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use common::{map, summary};
use jonction_mappings::{VoletCheck, VoletSettings};
use jonction_model::{Finding, Mode, Severity};
use jonction_ports::{MemoryBodies, Step};

const LETTER: &str = include_str!("../samples/mdm-t02-lettre.er7");
const TWO: &str = include_str!("../samples/oru-r01-deux-documents.er7");
const PROVISIONAL: &str = include_str!("../samples/mdm-t02-identite-provisoire.er7");
const N1: &str = include_str!("../../formats/cda/samples/lettre-n1.xml");
const N3: &str = include_str!("../../formats/cda/samples/lettre-n3.xml");

const INS: &str = "284056322001264^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS";
const INS_OF_CDA: &str = "<id root=\"1.2.250.1.213.1.4.10\" extension=\"284056322001264\"/>";
const IPP_OF_CDA: &str = "<id root=\"2.25.330104.8\" extension=\"IPP-0042\"/>";

fn changed(text: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

/// The message with one of its documents changed.
fn with_document(message: &str, document: &str, changes: &[(&str, &str)]) -> String {
    let other = changed(document, changes);
    changed(message, &[(&STANDARD.encode(document), &STANDARD.encode(other))])
}

fn obstacles(message: &str) -> String {
    let text = summary(&map(message.as_bytes()).unwrap().0);
    text[text.rfind('[').unwrap()..].to_owned()
}

fn checked(message: &str) -> Vec<Finding> {
    let bodies = MemoryBodies::default();
    let mut flow = common::flow(&bodies, message.as_bytes());
    VoletCheck::new(VoletSettings::default(), Mode::Tolerant).run(&mut flow, &bodies).unwrap();
    flow.findings
}

/// Errors of H067 that the check step tells: the harness has no mapping behind it.
fn other_patients(message: &str) -> usize {
    let other = |finding: &&Finding| finding.check == "hl7v2/H067" && finding.severity == Severity::Error;
    checked(message).iter().filter(other).count()
}

#[test]
fn without_a_common_ins_another_birth_date_is_another_patient() {
    // The INS is in the document only.
    let only_document = changed(PROVISIONAL, &[("|19840512|", "|19840513|")]);
    assert_eq!(obstacles(PROVISIONAL), "[]");
    assert_eq!(obstacles(&only_document), "[all:H067]");
    assert_eq!((other_patients(PROVISIONAL), other_patients(&only_document)), (0, 1));
    // No INS on either side.
    let neither = with_document(PROVISIONAL, N1, &[(INS_OF_CDA, "")]);
    assert_eq!(obstacles(&neither), "[]");
    assert_eq!(obstacles(&changed(&neither, &[("|19840512|", "|19850512|")])), "[all:H067]");
    // The INS is in the message only: the common number is not enough.
    let only_message = with_document(LETTER, N1, &[(INS_OF_CDA, "")]);
    assert_eq!(obstacles(&only_message), "[dmp:H067=XDSPatientIdDoesNotMatch, patient:H067=554]");
    assert_eq!(obstacles(&changed(&only_message, &[("|19840512|", "|19840612|")])), "[all:H067]");
    // Two equal INS decide.
    assert_eq!(obstacles(&changed(LETTER, &[("|19840512|", "|19840513|")])), "[]");
}

#[test]
fn a_birth_date_that_says_less_contradicts_nothing() {
    for same in ["1984", "198405", "19840500", "19840012", ""] {
        let message = changed(PROVISIONAL, &[("|19840512|", &format!("|{same}|"))]);
        assert_eq!(obstacles(&message), "[]", "{same}");
    }
    for other in ["1985", "198406", "19840600", "19840013"] {
        let message = changed(PROVISIONAL, &[("|19840512|", &format!("|{other}|"))]);
        assert_eq!(obstacles(&message), "[all:H067]", "{other}");
    }
}

#[test]
fn two_documents_of_two_patients_in_one_message_go_nowhere() {
    let without_ins = changed(TWO, &[(&format!("{INS}~"), "")]);
    assert_eq!(obstacles(&without_ins), "[]");
    let other_ins = with_document(&without_ins, N3, &[("284056322001264", "279035121518989")]);
    assert_eq!(obstacles(&other_ins), "[all:H067]");
    assert_eq!((other_patients(&without_ins), other_patients(&other_ins)), (0, 1));
    // PID-7 is empty, and only the documents have a birth date.
    let undated = changed(&without_ins, &[("|19840512|", "||")]);
    let anonymous = with_document(&undated, N1, &[(INS_OF_CDA, "")]);
    assert_eq!(obstacles(&anonymous), "[]");
    let other_date = with_document(&anonymous, N3, &[("\"19840512\"", "\"19840513\"")]);
    assert_eq!(obstacles(&other_date), "[all:H067]");
    // Two numbers of an authority that PID-3 does not name.
    let numbered = |one: &str, other: &str| {
        let id = |number: &str| format!("<id root=\"2.25.77\" extension=\"{number}\"/>");
        let message = with_document(&undated, N1, &[(INS_OF_CDA, ""), (IPP_OF_CDA, &id(one))]);
        with_document(&message, N3, &[(IPP_OF_CDA, &id(other))])
    };
    assert_eq!(obstacles(&numbered("A1", "A1")), "[]");
    assert_eq!(obstacles(&numbered("A1", "A2")), "[all:H067]");
}

#[test]
fn several_ins_close_the_dmp_and_the_mailbox_of_the_patient() {
    let closed = "[dmp:mapping.ambiguous-ins=XDSPatientIdDoesNotMatch, patient:mapping.ambiguous-ins=554]";
    let second = |number: &str, oid: &str| {
        let other = format!("{INS}~{number}^^^INS&{oid}&ISO^INS~");
        changed(LETTER, &[(&format!("{INS}~"), &other)])
    };
    let two = second("279035121518989", "1.2.250.1.213.1.4.10");
    assert_eq!(obstacles(&two), closed);
    let (_, findings) = map(two.as_bytes()).unwrap();
    let told = |check: &str| findings.iter().filter(|finding| finding.check == check).count();
    assert_eq!((told("hl7v2/H034"), told("mapping.ambiguous-ins")), (1, 1));
    // The same digits in two registers are two INS; the same one twice is one.
    assert_eq!(obstacles(&second("284056322001264", "1.2.250.1.213.1.4.8")), closed);
    assert_eq!(obstacles(&second("284056322001264", "1.2.250.1.213.1.4.10")), "[]");
}

#[test]
fn a_document_with_two_ins_goes_nowhere_even_when_the_first_is_the_right_one() {
    let second = INS_OF_CDA.replace("284056322001264", "279035121518989");
    let two = with_document(LETTER, N1, &[(INS_OF_CDA, &format!("{INS_OF_CDA}{second}"))]);
    assert_eq!(obstacles(&two), "[all:H067]");
}

#[test]
fn a_message_without_patient_or_with_two_goes_nowhere() {
    let pid = LETTER.split_inclusive('\r').find(|line| line.starts_with("PID|")).unwrap();
    assert!(obstacles(&changed(LETTER, &[(pid, "")])).starts_with("[all:H028"));
    let twice = changed(LETTER, &[(pid, &format!("{pid}{pid}"))]);
    assert_eq!(obstacles(&twice), "[all:H028]");
}
