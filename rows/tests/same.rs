//! The message that is read, changed: what rows say, and every other byte as it came.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test program: failing is its way of speaking")]

mod common;

use bytes::Bytes;
use common::{read, whole};
use jonction_hl7v2::Limits;
use jonction_model::{BodyId, ContentRef, Hl7Piece, Shape};
use jonction_rows::{Mapped, Mapping};
use proptest::prelude::*;

const MESSAGE: &str = "MSH|^~\\&|GAM|CHU|||20260131||ORU^R01|1|P|2.5\n\nPID|||7^^^CHU^PI~8^^^X^AN||DUPONT||1979|f| \r\n\
    OBX|1|TX|A^a^L||un||||||P\nOBX|2|ST|B^b||deux||||||F\nZZZ|x\nNTE|1||garder\n";

fn mapping(to: &str, rows: &str) -> Mapping {
    whole(&format!("mapping: essai\nfrom: {{ hl7v2: any }}\nto: {{ hl7v2: same{to} }}\nrows:{rows}\n"))
}

fn bytes(mapped: &Mapped, stored: &[u8]) -> Vec<u8> {
    let [Shape::Hl7Message(message)] = &mapped.shapes[..] else { panic!("one message") };
    let piece = |piece: &Hl7Piece| match piece {
        Hl7Piece::Written(written) => written.0.clone(),
        Hl7Piece::Kept(kept) => {
            stored[usize::try_from(kept.start).unwrap()..usize::try_from(kept.end).unwrap()].to_vec()
        }
        Hl7Piece::Base64(_) => panic!("a message that is changed brings no content"),
    };
    message.pieces.iter().flat_map(piece).collect()
}

fn changed(to: &str, rows: &str) -> (String, Vec<String>) {
    let mapped = mapping(to, rows).run(&Bytes::from_static(MESSAGE.as_bytes()), &Limits::default()).unwrap();
    let text = String::from_utf8(bytes(&mapped, MESSAGE.as_bytes())).unwrap();
    (text, mapped.notes.into_iter().map(|note| note.check).collect())
}

#[test]
fn what_no_row_says_keeps_its_bytes() {
    let said = |rows: &str| changed("", rows).0;
    assert_eq!(said(" []"), MESSAGE);
    assert_eq!(said("\n  - { to: PID-8, from: PID-8, fn: upper }"), MESSAGE.replace("|f|", "|F|"));
    assert_eq!(said("\n  - { to: \"PID-3[5='AN'].1\", const: \"9\" }"), MESSAGE.replace("8^^^X", "9^^^X"));
    // Each element is changed where it stands, in the order of the message, those of a condition only.
    assert_eq!(
        said(
            "\n  - to: OBX\n    each: OBX\n    when: -2 == \"ST\"\n    rows: [{ to: -3.3, const: L }, { to: -11, const: P }]"
        ),
        MESSAGE.replace("B^b||deux||||||F", "B^b^L||deux||||||P")
    );
    assert_eq!(
        said("\n  - to: PID-3\n    each: \"PID-3[5='AN']\"\n    rows: [{ to: .4.1, const: CHU }]"),
        MESSAGE.replace("8^^^X", "8^^^CHU")
    );
}

#[test]
fn segments_and_fields_are_taken_out_and_the_charset_cleans_the_rest() {
    let out = |drop: &str| changed(&format!(", drop: [{drop}]"), " []").0;
    assert_eq!(out("local"), MESSAGE.replace("ZZZ|x\n", ""));
    assert_eq!(
        out("\"OBX[2='TX']\", PID-7"),
        MESSAGE.replace("OBX|1|TX|A^a^L||un||||||P\n", "").replace("1979", "")
    );
    let (clean, notes) = changed(", charset: UNICODE UTF-8", "\n  - { to: PID-8, const: F }");
    assert_eq!(notes, Vec::<String>::new());
    assert!(
        clean.contains("||1979|F|\rOBX|1") && !clean.contains('\n') && clean.contains("|UNICODE UTF-8\r")
    );
}

#[test]
fn what_cannot_be_written_is_noted_and_the_rest_is() {
    let (text, notes) = changed("", "\n  - { to: PV1-2, const: N }\n  - { to: PID-8, const: U }");
    assert_eq!((text, notes), (MESSAGE.replace("|f|", "|U|"), vec!["mapping.not-written".to_owned()]));
    let (text, notes) = changed("", "\n  - { to: PID-8, from: PID-7, fn: { prefix: x } }");
    assert_eq!((text.as_str(), notes), (MESSAGE, vec!["mapping.wrong-value".to_owned()]));
}

/// A document of the message never enters the journal a second time.
#[test]
fn long_ranges_are_kept_by_their_place_also_in_another_charset() {
    let payload = "QUJD".repeat(1000);
    let raw = [
        &b"MSH|^~\\&|\xe9|||||ORU^R01\rPID|||7\rOBX|1|ED|||^text^XML^Base64^"[..],
        payload.as_bytes(),
        b"||||||F\r",
    ]
    .concat();
    let mut body = b"envelope ".to_vec();
    body.extend(&raw);
    let stored = ContentRef { start: 9, ..ContentRef::whole(BodyId::of(&body), body.len() as u64) };
    for (to, expected) in [("", "MSH|^~\\&|\u{fffd}"), (", charset: UNICODE UTF-8", "MSH|^~\\&|é")] {
        let mapping = mapping(to, "\n  - { to: PID-3.1, const: \"8\" }");
        let mapped = mapping.run_stored(&Bytes::from(raw.clone()), &Limits::default(), &stored).unwrap();
        let [Shape::Hl7Message(message)] = &mapped.shapes[..] else { panic!("one message") };
        let kept: u64 = message
            .pieces
            .iter()
            .map(|piece| match piece {
                Hl7Piece::Kept(kept) => kept.end - kept.start,
                _ => 0,
            })
            .sum();
        assert!(kept >= 4000, "{to}: the base64 is a handle");
        let text = bytes(&mapped, &body);
        let text = encoding(&text);
        assert!(
            text.starts_with(expected) && text.contains("PID|||8\r") && text.contains(&payload),
            "{text}"
        );
    }
}

fn encoding(bytes: &[u8]) -> String {
    bytes
        .utf8_chunks()
        .map(|chunk| format!("{}{}", chunk.valid(), if chunk.invalid().is_empty() { "" } else { "\u{fffd}" }))
        .collect()
}

#[test]
fn every_mistake_is_told() {
    let codes = |from: &str, to: &str, rows: &str| {
        let text = format!("mapping: essai\nfrom: {from}\nto: {{ hl7v2: {to} }}\nrows:{rows}\n");
        let (_, diagnoses) = read(&text);
        diagnoses.list().iter().map(|diagnosis| diagnosis.code.clone()).collect::<Vec<_>>().join(" ")
    };
    let row = |row: &str| codes("{ hl7v2: any }", "same", &format!("\n  - {row}"));
    assert_eq!(codes("{ shape: appointment }", "same", " []"), "mapping.same");
    assert_eq!(codes("{ hl7v2: ADT^A01 }", "any", " []"), "mapping.unknown-message");
    assert_eq!(codes("{ hl7v2: ADT^A01 }", "same, drop: [PID-3.1]", " []"), "mapping.drop");
    assert_eq!(codes("{ hl7v2: ADT^A01 }", "same, drop: [MSH]", " []"), "mapping.drop");
    assert_eq!(codes("{ hl7v2: ADT^A01 }", "same, drop: [TXA]", " []"), "mapping.unknown-path");
    assert_eq!(row("{ to: MSH-18, const: x }"), "mapping.unknown-target");
    assert_eq!(row("{ to: MSH-2, const: x }"), "mapping.unknown-target");
    assert_eq!(row("{ to: PID-3, const: x }"), "mapping.unknown-target");
    assert_eq!(row("{ to: PID, const: x }"), "mapping.unknown-target");
    assert_eq!(row("{ to: OBX, each: NTE, rows: [{ to: -1, const: x }] }"), "mapping.other-each");
    assert_eq!(row("{ to: OBX, each: OBX, rows: [{ to: PID-8, const: F }] }"), "mapping.unknown-target");
    assert!(!row("{ to: PID-8, const: Z }").is_empty());
    assert_eq!(row("{ to: PID-8, const: F }"), "");
}

proptest! {
    #[test]
    fn any_bytes_give_a_message_or_a_finding(tail in prop::collection::vec(any::<u8>(), 0..300)) {
        let raw = [&b"MSH|^~\\&|A|||||||ADT^A01\rPID|||"[..], &tail].concat();
        let rows = "\n  - { to: PID-8, const: F }\n  - to: PID-3\n    each: PID-3\n    rows: [{ to: .5, const: PI }]";
        for to in ["", ", charset: UNICODE UTF-8, drop: [local, PID-19]"] {
            let run = || mapping(to, rows).run(&Bytes::from(raw.clone()), &Limits::default());
            prop_assert_eq!(&run(), &run());
        }
        // Nothing said: nothing changed, whatever the bytes are.
        if let Ok(mapped) = mapping("", " []").run(&Bytes::from(raw.clone()), &Limits::default()) {
            prop_assert_eq!(bytes(&mapped, &raw), raw);
        }
    }
}
