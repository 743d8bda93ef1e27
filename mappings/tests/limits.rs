//! What a hostile message may cost: lists end at a named limit, and a message over it is sent nowhere.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{map, map_with, summary};
use jonction_mappings::{VoletCheck, VoletSettings};
use jonction_model::{Finding, Mode};
use jonction_ports::{Flow, MemoryBodies, Step};

const LETTER: &str = include_str!("../samples/mdm-t02-lettre.er7");

/// The letter with repetitions put in front of a field of PID.
fn with_repetitions(front_of: &str, repetition: &str, count: usize) -> String {
    assert_eq!(LETTER.matches(front_of).count(), 1, "{front_of}");
    LETTER.replace(front_of, &format!("{front_of}{}", repetition.repeat(count)))
}

fn obstacles(message: &str) -> String {
    let text = summary(&map(message.as_bytes()).unwrap().0);
    text[text.rfind('[').unwrap()..].to_owned()
}

/// Both steps, as a route runs them.
fn route(settings: &VoletSettings, message: &[u8]) -> Flow {
    let bodies = MemoryBodies::default();
    let mut flow = common::flow(&bodies, message);
    for (_, step) in jonction_mappings::steps(settings.clone(), Mode::Tolerant) {
        step.run(&mut flow, &bodies).unwrap();
    }
    flow
}

fn told(findings: &[Finding], check: &str) -> usize {
    findings.iter().filter(|finding| finding.check == check).count()
}

#[test]
fn every_repeated_field_of_the_patient_has_a_limit_that_cuts_nothing_silently() {
    // The letter has two identifiers, two names, one address and one status of its own.
    for (front_of, repetition, most, check) in [
        ("PID|||", "1~", 98, "identifiers"),
        ("&ISO^PI||", "A^B^^^^^C~", 18, "names"),
        ("|19840512|F|||", "~", 19, "addresses"),
        ("|VALI", "~VALI", 19, "statuses"),
    ] {
        assert_eq!(obstacles(&with_repetitions(front_of, repetition, most)), "[]", "{check}");
        let over = with_repetitions(front_of, repetition, most + 1);
        assert!(obstacles(&over).contains(&format!("all:mapping.too-many-{check}")), "{check}");
        assert_eq!(
            told(
                &route(&VoletSettings::default(), over.as_bytes()).findings,
                &format!("mapping.too-many-{check}")
            ),
            1
        );
    }
}

#[test]
fn a_patient_with_64_mib_of_identifiers_is_read_up_to_the_limit() {
    let room = (64 << 20) - LETTER.len();
    let message = with_repetitions("PID|||", "1~", room / 2);
    let flow = route(&VoletSettings::default(), message.as_bytes());
    let submission = flow.shapes[0].as_submission().unwrap();
    assert_eq!(submission.patient.local_ids.len(), 100);
    assert_eq!(submission.obstacles[0].finding.check, "mapping.too-many-identifiers");
    assert!(flow.findings.len() < 20, "{}", flow.findings.len());
}

#[test]
fn a_status_behind_the_limit_never_opens_what_it_would_have_barred() {
    let hidden = with_repetitions("|VALI", "~VALI", 19).replace("~VALI\r", "~VALI~DOUT\r");
    assert!(obstacles(&hidden).contains("all:mapping.too-many-statuses"));
}

#[test]
fn recipients_and_replies_above_their_limit_are_never_dropped_in_silence() {
    let with = |recipients, replies| {
        let settings =
            VoletSettings { recipients_max: recipients, replies_max: replies, ..VoletSettings::default() };
        map_with(settings, LETTER.as_bytes()).unwrap()
    };
    let (whole, findings) = with(4, 1);
    assert_eq!((whole.recipients.len(), whole.reply_to.len(), whole.obstacles.len()), (4, 1, 0));
    assert_eq!(findings, []);
    let (submission, findings) = with(3, 1);
    assert!(summary(&submission).contains("[all:mapping.too-many-recipients"));
    assert_eq!(told(&findings, "mapping.too-many-recipients"), 1);
    let (submission, findings) = with(4, 0);
    assert_eq!((submission.reply_to.len(), told(&findings, "mapping.too-many-replies")), (0, 1));
    // A recipient given twice takes one place.
    let doctor = LETTER.split_inclusive('\r').find(|line| line.contains("yvon.ozanne")).unwrap();
    let twice = LETTER.replace(doctor, &doctor.repeat(2));
    let settings = VoletSettings { recipients_max: 4, ..VoletSettings::default() };
    assert_eq!(map_with(settings, twice.as_bytes()).unwrap().0.obstacles, []);
}

#[test]
fn findings_are_whole_at_their_limit_and_the_obstacles_come_first_above_it() {
    // One remark per recipient whose flag is N, and one obstacle.
    let settings = |findings_max| VoletSettings { findings_max, ..VoletSettings::default() };
    let message = LETTER
        .replace("DESTMSSANTEPS^Destinataire (Professionnel de Santé, organisation ou BAL applicative)^MetaDMPMSS||Y", "DESTMSSANTEPS^x^MetaDMPMSS||N")
        .replace("MASQUE_PS^Masqué aux professionnels de Santé^MetaDMPMSS||N", "MASQUE_PS^x^MetaDMPMSS||?");
    let checks = |max| -> Vec<String> {
        let (_, findings) = map_with(settings(max), message.as_bytes()).unwrap();
        findings.into_iter().map(|finding| finding.check).collect()
    };
    let all = checks(200);
    assert_eq!(all, ["hl7v2/H072", "hl7v2/H072", "hl7v2/H082", "hl7v2/H082", "hl7v2/H082"]);
    assert_eq!(checks(5), all);
    assert_eq!(
        checks(4),
        ["hl7v2/H072", "hl7v2/H072", "hl7v2/H082", "hl7v2/H082", "mapping.too-many-findings"]
    );
    assert_eq!(checks(1), ["hl7v2/H072", "mapping.too-many-findings"]);
    let (_, findings) = map_with(settings(1), message.as_bytes()).unwrap();
    assert_eq!(findings[0].severity, jonction_model::Severity::Error);
}

#[test]
fn the_check_step_tells_the_gravest_and_says_that_there_were_more() {
    let bodies = MemoryBodies::default();
    let run = |findings_max| {
        let message =
            LETTER.replace("PID|||284056322001264", "PID|||279035121518989").replace("||UC||", "||XX||");
        let mut flow = common::flow(&bodies, message.as_bytes());
        let settings = VoletSettings { findings_max, ..VoletSettings::default() };
        VoletCheck::new(settings, Mode::Tolerant).run(&mut flow, &bodies).unwrap();
        flow.findings
    };
    let all = run(200);
    assert!(all.len() > 3 && told(&all, "mapping.too-many-findings") == 0);
    assert_eq!(run(all.len()), all);
    let fewer = run(all.len() - 1);
    assert_eq!((fewer.len(), told(&fewer, "mapping.too-many-findings")), (all.len(), 1));
    assert_eq!(run(1)[0].check, "hl7v2/H067");
}

#[test]
fn what_forbids_a_destination_is_told_with_the_step_and_once() {
    let nothing = LETTER
        .replace("DESTDMP^Destinataire DMP^MetaDMPMSS||Y", "DESTDMP^x^MetaDMPMSS||N")
        .replace("DESTMSSANTEPS^Destinataire (Professionnel de Santé, organisation ou BAL applicative)^MetaDMPMSS||Y", "DESTMSSANTEPS^x^MetaDMPMSS||N")
        .replace("DESTMSSANTEPAT^Destinataire Patient^MetaDMPMSS||Y", "DESTMSSANTEPAT^x^MetaDMPMSS||N");
    let nobody: String = LETTER.split_inclusive('\r').filter(|line| !line.contains("|RCT^")).collect();
    let other = LETTER.replace("PID|||284056322001264", "PID|||279035121518989");
    let txa = LETTER.replace("|2.25.330104.1.1||||", "|2.25.330104.9.9||||");
    for (message, check, expected) in [
        (nothing, "hl7v2/H080", 1),
        (nobody, "hl7v2/H082", 2),
        (other, "hl7v2/H067", 1),
        (txa, "hl7v2/H058", 1),
    ] {
        let flow = route(&VoletSettings::default(), message.as_bytes());
        let found: Vec<_> = flow.findings.iter().filter(|finding| finding.check == check).collect();
        assert_eq!(found.len(), expected, "{check}: {found:#?}");
        let submission = flow.shapes[0].as_submission().unwrap();
        for obstacle in &submission.obstacles {
            assert!(flow.findings.contains(&obstacle.finding), "{check}");
        }
    }
}

#[test]
fn a_message_that_cannot_be_parsed_says_where_and_what_to_do() {
    let finding = map("MSH|^^\\&|DPI".as_bytes()).unwrap_err();
    assert_eq!(
        (finding.check.as_str(), finding.place.path.as_str(), finding.wire_code.as_deref()),
        ("hl7v2.same-delimiters", "MSH-2", Some("102"))
    );
    assert!(finding.remedy.is_some());
    assert_eq!(map(b"PID|").unwrap_err().check, "hl7v2.no-header");
}
