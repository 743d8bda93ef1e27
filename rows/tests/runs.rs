//! What rows make of messages: values, what is missing, what is wrong, lists, accounts.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test program: failing is its way of speaking")]

mod common;

use bytes::Bytes;
use common::{HEAD, TAIL, whole};
use jonction_hl7v2::Limits;
use jonction_model::{PatientEvent, Severity, Shape};
use jonction_rows::{Case, ELEMENTS_MAX, Mapping};
use proptest::prelude::*;

const MESSAGE: &str = "MSH|^~\\&|GAM|CHU|||20260131||ADT^A01^ADT_A01|1|P|2.5\r\
    EVN||20260131\r\
    PID|||7^^^CHU&1.2^PI~^^^X^PI~8^^^CHU^AN||DUPONT&de^ANNE^ANNE MARIE^^^^L~MARTIN^ANNE^^^^^D||19790328|F||||||||||N^1\r\
    PV1||I|A^12^3\r\
    ROL|||ODRP|10000023084^AGNES^^^^^^^^^^^RPPS\r\
    ROL|||AT|42^RENE^^^^^^^^^^^EI\r\
    ZBE|9|20260131||INSERT|non||Chir^^^^^^^^^6268\r";

fn mapping(rows: &str) -> Mapping {
    whole(&format!("{HEAD}{TAIL}{rows}"))
}

fn map(rows: &str, message: &str) -> (PatientEvent, Vec<String>) {
    let mapped = mapping(rows).run(&Bytes::copy_from_slice(message.as_bytes()), &Limits::default()).unwrap();
    let [Shape::PatientEvent(event)] = &mapped.shapes[..] else { panic!("one event is expected") };
    ((**event).clone(), mapped.notes.into_iter().map(|note| note.check).collect())
}

fn parked(rows: &str) -> String {
    mapping(rows).run(&Bytes::from_static(MESSAGE.as_bytes()), &Limits::default()).unwrap_err().check
}

fn class(row: &str) -> Option<String> {
    map(&format!("  - {{ to: stay.class, {row} }}\n"), MESSAGE).0.stay?.class
}

#[test]
fn a_value_comes_from_a_path_a_let_a_constant_a_join_or_an_expression() {
    let value = |row: &str| class(row).unwrap_or_default();
    assert_eq!(value("from: PV1-2"), "I");
    assert_eq!(value("from: [PV1-19.1, \"PV1-3.2\"]"), "12");
    assert_eq!(value("from: $nom"), "DUPONT");
    assert_eq!(value("from: $code"), "n");
    assert_eq!(value("join: [PV1-3.1, PV1-19.1, PV1-3.3], with: /"), "A/3");
    assert_eq!(value("join: PID-3.1, with: '+'"), "7+8");
    assert_eq!(value("expr: \"nom ~ '-' ~ code\""), "DUPONT-n");
    assert_eq!(value("from: PV1-3, fn: written"), "A^12^3");
    assert_eq!(value("from: PV1-2, fn: [lower, { prefix: x }]"), "xi");
    assert_eq!(value("from: PV1-2, fn: { table: { name: classes, unknown: { value: z } } }"), "b");
    assert_eq!(value("from: PV1-3.1, fn: { table: { name: classes, unknown: { value: z } } }"), "z");
    assert_eq!(value("from: PV1-3.1, fn: { table: { name: classes, unknown: keep } }"), "A");
    // Only what comes from the message makes an optional block exist.
    assert_eq!(class("const: I"), None);
}

#[test]
fn a_national_value_set_knows_its_codes_and_gives_their_labels() {
    let class = |gives: &str| {
        let row = format!(
            "  - {{ to: stay.class, from: PV1-2, fn: {{ table: {{ name: file, unknown: keep{gives} }} }} }}\n"
        );
        let mapping = whole(&format!("{HEAD}{TAIL}{row}").replace("table.csv", "jdv.csv"));
        let mapped = mapping.run(&Bytes::from_static(MESSAGE.as_bytes()), &Limits::default()).unwrap();
        let [Shape::PatientEvent(event)] = &mapped.shapes[..] else { panic!("one event is expected") };
        event.stay.clone().unwrap_or_default().class
    };
    assert_eq!(class("").as_deref(), Some("I"));
    assert_eq!(class(", gives: label").as_deref(), Some("Hospitalisé"));
    assert_eq!(class(", gives: system").as_deref(), Some("1.2.250"));
}

#[test]
fn a_condition_chooses() {
    let value = |when: &str| class(&format!("from: PV1-2, when: '{when}'")).is_some();
    assert!(value("PV1-3.1 and not PV1-19.1"));
    assert!(value("PID-3.1 == \"8\"") && value("PID-3.5 in [\"AN\", \"X\"]"));
    assert!(!value("PID-3.1 == \"9\"") && !value("$nom == \"MARTIN\""));
    assert!(value("$nom != \"MARTIN\" and (MSH-9.2 == \"A02\" or PV1-2 in [\"I\"])"));
    assert_eq!(
        class("first: [{ when: PV1-19.1, const: R }, { from: PV1-19.1 }, { from: PV1-2 }]").as_deref(),
        Some("I")
    );
}

#[test]
fn what_is_missing_follows_the_policy_of_its_row() {
    assert_eq!(class("from: PV1-19.1"), None);
    let (_, notes) = map("  - { to: stay.visit, from: PV1-19.1, missing: note }\n", MESSAGE);
    assert_eq!(notes, ["mapping.missing-value"]);
    assert_eq!(
        parked("  - { to: stay.visit, from: PV1-19.1, missing: { park: essai.venue } }\n"),
        "essai.venue"
    );
    let rows = "  - { to: stay.visit, from: PV1-19.1, missing: { default: V } }\n  - { to: stay.class, from: PV1-2 }\n";
    let stay = map(rows, MESSAGE).0.stay.unwrap();
    assert_eq!(stay.visit.unwrap().expose(), "V");
    // A required target without a policy parks.
    let text = format!("{HEAD}{TAIL}")
        .replace("from: MSH-9.2, fn: { table: events }", "from: PV1-19.1, fn: { table: events }");
    let finding = whole(&text).run(&Bytes::from_static(MESSAGE.as_bytes()), &Limits::default()).unwrap_err();
    assert_eq!((finding.check.as_str(), finding.severity), ("mapping.missing-value", Severity::Error));
}

#[test]
fn a_value_of_the_wrong_form_is_noted_with_its_place_and_never_quoted() {
    let rows = "  - { to: movement.id, from: \"ZBE-1[1].1\" }\n  - { to: movement.starts_at, from: PV1-3.2 }\n\
                \x20 - { to: movement.historical, from: ZBE-4, fn: yes_no }\n";
    let mapped = mapping(rows).run(&Bytes::from_static(MESSAGE.as_bytes()), &Limits::default()).unwrap();
    let told: Vec<_> =
        mapped.notes.iter().map(|note| (note.check.as_str(), note.place.path.as_str())).collect();
    assert_eq!(told, [("mapping.wrong-value", "PV1-3.2"), ("mapping.wrong-value", "ZBE-4")]);
    assert!(mapped.notes.iter().all(|note| !format!("{note:?}").contains("INSERT")));
}

#[test]
fn a_block_that_is_not_whole_is_left_out_and_noted() {
    let rows = "  - { to: movement.id, from: PV1-19.1 }\n  - { to: movement.nature, from: ZBE-4 }\n";
    let (event, notes) = map(rows, MESSAGE);
    assert_eq!((event.movement, notes), (None, vec!["mapping.incomplete".to_owned()]));
}

#[test]
fn each_makes_an_element_per_repetition_or_segment() {
    let rows = "  - to: patient.local_ids\n    each: PID-3\n    when: not .5 == \"AN\"\n    rows:\n\
                \x20     - { to: id, from: .1, missing: skip }\n\
                \x20     - { to: authority, from: [.4.2, .4.1], missing: { default: '' } }\n\
                \x20     - { to: kind, join: [.5, PV1-2], with: '/' }\n\
                \x20 - to: professionals\n    each: ROL\n    rows:\n\
                \x20     - { to: role, from: -3.1 }\n\
                \x20     - { to: id, from: \"-4[13='RPPS'].1\", fn: { national_id: RPPS } }\n\
                \x20     - { to: family, from: \"-4[1].2\" }\n";
    let (event, notes) = map(rows, MESSAGE);
    let ids: Vec<_> = event
        .patient
        .local_ids
        .iter()
        .map(|id| (id.id.expose().as_str(), &*id.authority, &*id.kind))
        .collect();
    assert_eq!(ids, [("7", "1.2", "PI/I")]);
    let people: Vec<_> =
        event.professionals.iter().map(|one| (&*one.role, one.id.as_ref().map(|id| id.as_str()))).collect();
    assert_eq!(people, [("ODRP", Some("810000023084")), ("AT", None)]);
    assert_eq!(notes, [""; 0]);
}

#[test]
fn more_elements_than_the_limit_are_left_out_and_told() {
    let rows = "  - to: professionals\n    each: ROL\n    rows: [{ to: role, from: -3.1 }]\n";
    let of = |count: usize| {
        let message = format!("{MESSAGE}{}", "ROL|||XX\r".repeat(count - 2));
        let (event, notes) = map(rows, &message);
        (event.professionals.len(), notes)
    };
    assert_eq!(of(ELEMENTS_MAX), (ELEMENTS_MAX, vec![]));
    assert_eq!(of(ELEMENTS_MAX + 1), (ELEMENTS_MAX, vec!["mapping.too-many-elements".to_owned()]));
}

#[test]
fn a_message_of_another_type_is_parked_by_name() {
    let other = MESSAGE.replace("ADT^A01", "ADT^A40");
    let finding = mapping("").run(&Bytes::from(other), &Limits::default()).unwrap_err();
    assert_eq!(finding.check, "mapping.other-message");
    assert_eq!(finding.expected.as_deref(), Some("ADT^A01, ADT^A02"));
}

#[test]
fn an_account_says_where_each_value_comes_from() {
    let rows = "  - { to: stay.class, from: PV1-2 }\n  - { to: stay.visit, from: PV1-19.1 }\n\
                \x20 - to: patient.local_ids\n    each: PID-3\n    rows:\n\
                \x20     - { to: id, from: .1 }\n      - { to: authority, const: x }\n      - { to: kind, from: .5 }\n";
    let mapping = mapping(rows);
    let account = mapping.account(&Bytes::from_static(MESSAGE.as_bytes()), &Limits::default()).unwrap();
    let line = HEAD.lines().count() + TAIL.lines().count();
    let told: Vec<_> = account.values[0]
        .iter()
        .filter(|value| value.line > line)
        .map(|value| (value.target.as_str(), value.line - line, value.place.as_str(), value.value.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("patient.local_ids[0].authority", 7, "constante", "x"),
            ("patient.local_ids[0].id", 6, "PID-3[1].1", "7"),
            ("patient.local_ids[0].kind", 8, "PID-3[1].5", "PI"),
            ("patient.local_ids[1].authority", 7, "constante", "x"),
            ("patient.local_ids[1].id", 6, "PID-3[3].1", "8"),
            ("patient.local_ids[1].kind", 8, "PID-3[3].5", "AN"),
            ("stay.class", 1, "PV1-2", "I"),
        ]
    );
    let never: Vec<_> =
        mapping.rows().zip(&account.wrote).filter(|(_, wrote)| !**wrote).map(|((_, to), _)| to).collect();
    assert_eq!(never, ["stay.visit"]);
}

#[test]
fn a_csv_file_gives_one_shape_per_record() {
    let text = format!("{HEAD}{TAIL}")
        .replace("{ hl7v2: [ADT^A01, ADT^A02] }", "{ csv: [evenement, nom], separator: \";\" }")
        .replace("let:\n  nom: PID-5[7='L'].1\n  code: { from: PID-18.1, fn: lower }\n", "")
        .replace("from: MSH-9.2", "from: evenement")
        + "  - { to: patient.traits.birth_name, from: nom, fn: upper }\n";
    let mapping = whole(&text);
    let run = |file: &'static str| mapping.run(&Bytes::from_static(file.as_bytes()), &Limits::default());
    let mapped = run("\u{feff}nom;autre;evenement\nDupont;x;A01\n\"Le;Goff\";y;A02\n").unwrap();
    let names: Vec<_> = mapped
        .shapes
        .iter()
        .map(|shape| shape.patient().unwrap().traits.birth_name.clone().unwrap().expose().clone())
        .collect();
    assert_eq!(names, ["DUPONT", "LE;GOFF"]);
    assert_eq!(run("nom\nDupont\n").unwrap_err().check, "mapping.csv-column");
    assert_eq!(run("nom;evenement\nDupont\n").unwrap_err().check, "mapping.csv-broken");
    assert_eq!(run("nom;evenement\nDupont;A40\n").unwrap_err().check, "mapping.missing-value");
}

#[test]
fn a_case_compares_what_it_names_and_nothing_else() {
    let mapping = mapping("  - { to: stay.class, from: PV1-2 }\n");
    let done = mapping.run(&Bytes::from_static(MESSAGE.as_bytes()), &Limits::default());
    let differences = |text: &str| {
        let mut diagnoses = jonction_settings::Diagnoses::default();
        let file = jonction_settings::SourceFile { path: "cas.yaml".into(), text: text.to_owned() };
        let node = jonction_settings::read(std::sync::Arc::new(file), &mut diagnoses).unwrap();
        let case = Case::read(&node, &mut diagnoses)?;
        Some(case.differences(&done).into_iter().map(|d| (d.path, d.expected, d.found)).collect::<Vec<_>>())
    };
    let one = |path: &str, expected: &str, found: &str| {
        Some(vec![(path.to_owned(), expected.to_owned(), found.to_owned())])
    };
    assert_eq!(
        differences("shapes: [{ event: admitted, stay: { class: I, visit: null } }]\nnotes: []"),
        Some(vec![])
    );
    assert_eq!(differences("shapes: [{ stay: { class: E } }]"), one("shapes[0].stay.class", "E", "I"));
    assert_eq!(differences("shapes: [{ stay: { visit: V } }]"), one("shapes[0].stay.visit", "V", "rien"));
    assert_eq!(differences("shapes: [{ stay: null }]"), one("shapes[0].stay", "rien", "un bloc"));
    assert_eq!(differences("shapes: []"), one("shapes", "aucun élément", "1 élément (un bloc)"));
    assert_eq!(differences("notes: [mapping.x]"), one("notes", "mapping.x", ""));
    assert_eq!(differences("parked: mapping.x"), one("parked", "mapping.x", "rien"));
    assert_eq!(differences("{}"), None);
    assert_eq!(differences("shape: []"), None);
}

#[test]
fn what_no_row_reads_is_told() {
    let account = mapping("  - { to: stay.class, from: PV1-2, when: ROL }\n")
        .account(&Bytes::from_static(MESSAGE.as_bytes()), &Limits::default())
        .unwrap();
    assert_eq!(
        account.unread.join(" "),
        "MSH-3 MSH-4 MSH-7 MSH-10 MSH-11 MSH-12 EVN-2 PID-3 PID-7 PID-8 PV1-3 ROL-3 ROL-4 ROL[2]-3 ROL[2]-4 ZBE-1 ZBE-2 \
         ZBE-4 ZBE-5 ZBE-7"
    );
}

proptest! {
    /// Bytes from outside never stop the process, and the same bytes always give the same shapes.
    #[test]
    fn any_message_gives_a_shape_or_a_finding(cut in 0..MESSAGE.len(), noise in "[|^~&\\\\\rA-Z\"é]{0,12}") {
        let rows = "  - to: patient.local_ids\n    each: PID-3\n    rows:\n\
                    \x20     - { to: id, from: .1 }\n      - { to: authority, from: .4.2 }\n      - { to: kind, from: .5 }\n\
                    \x20 - { to: stay.class, join: PID-5.1 }\n  - { to: recorded_at, from: EVN-2 }\n";
        let mapping = mapping(rows);
        let cut = (cut..).find(|at| MESSAGE.is_char_boundary(*at)).unwrap_or(0);
        let bytes = Bytes::from(format!("{}{noise}{}", &MESSAGE[..cut], &MESSAGE[cut..]));
        let once = mapping.run(&bytes, &Limits::default());
        prop_assert_eq!(once, mapping.run(&bytes, &Limits::default()));
    }
}
