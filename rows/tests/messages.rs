//! Messages as targets, shapes as sources: what is written, what makes a segment, what a mistake is told of.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test program: failing is its way of speaking")]

mod common;

use bytes::Bytes;
use common::{read, whole};
use jonction_hl7v2::{Limits, Message, Path};
use jonction_model::{Hl7Piece, Shape};
use jonction_rows::{Mapped, Mapping};
use proptest::prelude::*;

const EVENT: &str = r#"{ "shape": "patient-event", "source": { "application": "GAM" }, "event": "admitted",
  "action": "insert", "recorded_at": "20260131", "patient": { "ins": null, "status": "provisional",
  "declared_status": "", "local_ids": [ { "id": "7", "authority": "CHU", "kind": "PI" },
  { "id": "8|9", "authority": "1.2.250", "kind": "AN" } ],
  "traits": { "birth_name": "PAT", "birth_given": null } },
  "professionals": [ { "role": "AT", "family": "RENE" }, { "role": "ODRP", "family": "AGNES" } ] }"#;

const HEAD: &str = "\
mapping: essai
from: { shape: patient-event }
to: { hl7v2: [ADT^A01, ADT^A02] }
tables: { events: { admitted: A01, transferred: A02 } }
rows:
";
const KIND: &str =
    "  - { to: MSH-9.2, from: event, fn: { table: { name: events, unknown: { value: A01 } } } }\n";

fn mapping(rows: &str) -> Mapping {
    whole(&format!("{HEAD}{KIND}{rows}"))
}

fn mapped(rows: &str) -> Mapped {
    mapping(rows).run(&Bytes::from_static(EVENT.as_bytes()), &Limits::default()).unwrap()
}

/// The message without its MSH.
fn written(rows: &str) -> String {
    let Mapped { shapes, notes } = mapped(rows);
    assert_eq!(notes, []);
    let [Shape::Hl7Message(message)] = &shapes[..] else { panic!("one message") };
    let [Hl7Piece::Written(bytes)] = &message.pieces[..] else { panic!("one piece") };
    let text = String::from_utf8(bytes.0.clone()).unwrap();
    assert!(text.starts_with("MSH|^~\\&|") && text.contains("|ADT^A01^ADT_A01|"), "{text}");
    text.split_once('\r').unwrap().1.to_owned()
}

fn codes(text: &str) -> Vec<String> {
    let (mapping, diagnoses) = read(text);
    assert!(mapping.is_none() || diagnoses.counts().0 == 0);
    diagnoses.list().iter().map(|diagnosis| diagnosis.code.clone()).collect()
}

#[test]
fn rows_fill_places_and_each_makes_repetitions_and_segments() {
    assert_eq!(
        written(
            "  - { to: PID-5.1, from: patient.traits.birth_name }\n  - to: PID-3\n    each: patient.local_ids\n    \
             rows:\n      - { to: .1, from: .id }\n      - { to: .4.1, from: .authority, fn: not_oid }\n      \
             - { to: .4.2, from: .authority, fn: oid }\n  - to: ROL\n    each: professionals\n    when: .role == \"AT\"\n    \
             rows:\n      - { to: -3.1, from: .role }\n      - { to: -4.2, from: .family }\n"
        ),
        "PID|||7^^^CHU~8\\F\\9^^^&1.2.250||PAT\rROL|||AT|^RENE\r"
    );
}

/// A list that two rows make keeps what each of them wrote.
#[test]
fn two_rows_for_one_list_add_up_each_in_its_own_way() {
    let rows = "  - to: ROL\n    each: professionals\n    when: .role == \"AT\"\n    rows: [{ to: -3.1, const: X }, { to: -4.2, \
                from: .family }]\n  - to: ROL\n    each: professionals\n    rows: [{ to: -4.3, from: .family }]\n";
    assert_eq!(written(rows), "ROL|||X|^RENE\rROL||||^^RENE\rROL||||^^AGNES\r");
}

#[test]
fn a_constant_alone_makes_a_segment_only_where_nothing_else_could() {
    // PV1 has constants only; PV2 and the repetition of PID-5 wait for something that is not said.
    assert_eq!(
        written(
            "  - { to: PV1-2, const: N }\n  - { to: PV2-3.1, const: x }\n  - { to: PV2-9, from: stay.expected_discharge }\n  \
             - { to: \"PID-5[1].1\", from: patient.traits.birth_name }\n  - { to: \"PID-5[1].7\", const: L }\n  \
             - { to: \"PID-5[2].1\", from: patient.traits.used_name }\n  - { to: \"PID-5[2].7\", const: D }\n"
        ),
        "PV1||N\rPID|||||PAT^^^^^^L\r"
    );
    // What is not written takes no place before the repetitions of a list.
    assert_eq!(
        written(
            "  - { to: \"PID-3[1].1\", from: patient.ins.ins }\n  - { to: \"PID-3[1].5\", const: INS }\n  - to: PID-3\n    \
             each: patient.local_ids\n    rows: [{ to: .5, from: .kind }]\n"
        ),
        "PID|||^^^^PI~^^^^AN\r"
    );
}

#[test]
fn a_path_picks_in_a_list_and_words_are_those_of_the_shape() {
    assert_eq!(
        written("  - { to: PID-18.1, from: \"patient.local_ids[kind='AN'].id\" }\n"),
        format!("PID{}8\\F\\9\r", "|".repeat(18))
    );
    assert_eq!(
        written("  - { to: PID-18.1, from: \"patient.local_ids[1].id\" }\n"),
        format!("PID{}7\r", "|".repeat(18))
    );
    assert_eq!(written("  - { to: PV1-2, const: I, when: 'stay or professionals' }\n"), "PV1||I\r");
    assert_eq!(written("  - { to: PV1-2, const: I, when: stay }\n"), "");
}

#[test]
fn the_charset_of_msh_18_writes_the_message_and_says_what_it_lacks() {
    let rows = "  - { to: \"MSH-18[1]\", const: 8859/15 }\n  - { to: PID-5.1, const: \"é\u{2019}→\" }\n";
    let Mapped { shapes, notes } = mapped(rows);
    let [Shape::Hl7Message(message)] = &shapes[..] else { panic!("one message") };
    let [Hl7Piece::Written(bytes)] = &message.pieces[..] else { panic!("one piece") };
    assert!(bytes.0.ends_with(b"|\xe9'?\r"), "{:?}", bytes.0);
    assert_eq!(
        notes.iter().map(|note| note.check.as_str()).collect::<Vec<_>>(),
        ["mapping.replaced-characters"]
    );
}

#[test]
fn every_mistake_about_a_message_or_a_shape_is_told() {
    let code = |row: &str| codes(&format!("{HEAD}{KIND}  - {{ {row} }}\n")).join(" ");
    for (row, expected) in [
        ("to: PID-99, const: x", "mapping.unknown-target"),
        ("to: ZBE-4, const: NEVER", "settings.value"),
        ("to: TXA-2, const: x", "mapping.unknown-target"),
        ("to: PID-3, const: x", "mapping.unknown-target"),
        ("to: PID, const: x", "mapping.unknown-target"),
        ("to: \"PID-3[5='PI'].1\", const: x", "mapping.unknown-target"),
        ("to: MSH-10, const: x", "mapping.unknown-target"),
        ("to: MSH-2, const: x", "mapping.unknown-target"),
        ("to: \"PID-5[1].1.1\", const: x", ""),
        ("to: PID-5, const: x", "mapping.unknown-target"),
        ("to: .1, const: x", "mapping.unknown-target"),
        ("to: PID-7, from: patient.trait.birth_date", "mapping.unknown-path"),
        ("to: PID-7, from: patient.traits", "mapping.wrong-type"),
        ("to: PID-7, from: patient.local_ids.id", "mapping.first-of-several"),
        ("to: PID-7, from: \"patient.local_ids[kin='PI'].id\"", "mapping.unknown-path"),
        ("to: PID-7, from: \"patient[1].ins.ins\"", "mapping.unknown-path"),
        ("to: PID-7, from: \"patient.local_ids[0].id\"", "mapping.path-syntax"),
        ("to: PID-7, from: \"patient.local_ids[kind='PI.id\"", "mapping.path-syntax"),
        ("to: PID-7, from: .id", "mapping.path-syntax"),
        ("to: PV1-2, const: I, when: 'action == \"inserted\"'", "mapping.unreachable-row"),
    ] {
        let found = code(row);
        match expected {
            "settings.value" => assert!(!found.is_empty(), "{row}"),
            _ => assert_eq!(found, expected, "{row}"),
        }
    }
    assert_eq!(codes(&format!("{HEAD}  - {{ to: PV1-2, const: N }}\n")), ["mapping.target-not-set"]);
    assert_eq!(
        codes(&format!(
            "{HEAD}{KIND}  - {{ to: PID-8, const: F }}\n  - {{ to: \"PID[1]-8[1].1\", const: M }}\n"
        )),
        ["mapping.target-twice"]
    );
    let head =
        |from: &str, to: &str| codes(&format!("mapping: x\nfrom: {from}\nto: {to}\nrows: []\n")).join(" ");
    assert_eq!(head("{ shape: patient-evenement }", "{ hl7v2: ADT^A01 }"), "mapping.unknown-shape");
    assert_eq!(head("{ shape: patient-event, each: patient }", "{ hl7v2: ADT^A01 }"), "mapping.unknown-path");
    assert_eq!(head("{ shape: patient-event }", "{ hl7v2: ADT^A99 }"), "mapping.unknown-message");
    assert_eq!(head("{ shape: patient-event }", "document-submission"), "mapping.unknown-shape");
    assert_eq!(head("{ shape: patient-event }", "{ hl7v2: ADT^A01 }"), "");
}

#[test]
fn another_shape_or_no_shape_is_a_finding() {
    let mapping = mapping("");
    let parked = |bytes: &'static str| {
        mapping.run(&Bytes::from_static(bytes.as_bytes()), &Limits::default()).unwrap_err().check
    };
    assert_eq!(parked("{"), "mapping.not-a-shape");
    assert_eq!(parked("{\"shape\":\"hl7-message\",\"kind\":\"A\",\"pieces\":[]}"), "mapping.other-shape");
    let message = Message::parse(Bytes::from_static(b"MSH|^~\\&|"), &Limits::default()).unwrap();
    assert_eq!(mapping.run_hl7(&message).unwrap_err().check, "mapping.other-format");
}

proptest! {
    /// Whatever texts a shape holds, the message that is written reads back with them, and holds nothing else.
    #[test]
    fn any_texts_are_written_and_read_back(name in "\\PC{0,20}", given in any::<String>(), ids in prop::collection::vec("\\PC{1,8}", 0..5)) {
        let mut event: serde_json::Value = serde_json::from_str(EVENT).unwrap();
        event["patient"]["traits"]["birth_name"] = name.clone().into();
        event["patient"]["traits"]["birth_given"] = given.clone().into();
        event["patient"]["local_ids"] = ids.iter().map(|id| serde_json::json!({ "id": id, "authority": "A", "kind": "PI" })).collect();
        let mapping = mapping(
            "  - { to: PID-5.1, from: patient.traits.birth_name }\n  - { to: PID-5.2, from: patient.traits.birth_given }\n  \
             - to: PID-3\n    each: patient.local_ids\n    rows: [{ to: .1, from: .id, missing: skip }]\n"
        );
        let done = mapping.run(&Bytes::from(event.to_string()), &Limits::default()).unwrap();
        let [Shape::Hl7Message(written)] = &done.shapes[..] else { panic!("one message") };
        let [Hl7Piece::Written(bytes)] = &written.pieces[..] else { panic!("one piece") };
        let message = Message::parse(bytes.0.clone().into(), &Limits::default()).unwrap();
        let text = |path: &str| message.get(&Path::parse(path).unwrap()).text().into_owned();
        prop_assert_eq!(text("PID-5.1"), name.trim());
        prop_assert_eq!(text("PID-5.2"), given.trim());
        let known: Vec<&str> = ids.iter().map(|id| id.trim()).filter(|id| !id.is_empty()).collect();
        let read: Vec<String> = message.all(&Path::parse("PID-3.1").unwrap()).iter().map(|id| id.text().into_owned()).collect();
        prop_assert_eq!(read, known);
    }
}
