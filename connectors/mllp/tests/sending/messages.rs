//! Messages that mappings wrote: put together once, sent alike at each attempt, and what the receiver's answer makes of them.

use bytes::Bytes;
use jonction_hl7v2::{Limits, Message, Path};
use jonction_model::{ContentRef, Encoding, Hl7Message, Hl7Piece, LocalId, Shape, WrittenBytes};
use jonction_ports::{Bodies, Outcome, Sink};
use serde_json::Value as Json;

use crate::world::{World, outcome};

fn written(text: &str) -> Hl7Piece {
    Hl7Piece::Written(WrittenBytes(text.as_bytes().to_vec()))
}

fn message(pieces: Vec<Hl7Piece>) -> Shape {
    Shape::Hl7Message(Box::new(Hl7Message {
        kind: "ADT^A01".to_owned(),
        patient_ids: Vec::new(),
        documents: Vec::new(),
        pieces,
    }))
}

fn admission() -> Shape {
    message(vec![written(
        "MSH|^~\\&|GAM|CHU|||||ADT^A01^ADT_A01|||2.5\rPID|||7^^^CHU^PI||PAT^ANNE^^^^^L||1979|F\r",
    )])
}

/// The message that `submission-to-mdm` makes of the letter of its cases, and the body its document stands in.
fn letter(world: &World) -> Shape {
    const CASE: &str =
        include_str!("../../../../mappings/catalogue/submission-to-mdm/cases/lettre-par-courriel.json");
    world.bodies.put(&include_bytes!("../../../../mappings/samples/mdm-t02-lettre.er7")[..]);
    let case: Json = serde_json::from_str(CASE).unwrap();
    serde_json::from_value(case["shapes"][0].clone()).unwrap()
}

fn sent(world: &World, shape: Shape) -> Message {
    let artefact = world.prepared(&world.delivery(shape));
    let bytes = world.bodies.read(&artefact.pieces[0], 1 << 20).unwrap();
    let message = Message::parse(bytes, &Limits::default()).unwrap();
    assert_eq!(artefact.ids["control_id"].as_str().unwrap(), message.header().control_id);
    message
}

fn text(message: &Message, path: &str) -> String {
    message.get(&Path::parse(path).unwrap()).text().into_owned()
}

#[tokio::test]
async fn a_letter_reaches_the_software_as_the_volet_wants_it() {
    let world = World::with(&[]);
    let shape = letter(&world);
    let message = sent(&world, shape.clone());
    let source = Bytes::from_static(include_bytes!("../../../../mappings/samples/mdm-t02-lettre.er7"));
    let source = Message::parse(source, &Limits::default()).unwrap();
    assert_eq!(text(&message, "OBX[1]-5.5"), text(&source, "OBX[1]-5.5"), "the document, to the byte");
    assert_eq!((text(&message, "MSH-5.1"), text(&message, "MSH-11.1")), ("LPS".to_owned(), "T".to_owned()));

    let attempts = world.attempts_of(shape, 1).await;
    let verdicts = world.lps.verdicts().list();
    let errors: Vec<_> = verdicts[0]
        .findings
        .iter()
        .filter(|finding| finding.severity == jonction_model::Severity::Error)
        .map(|finding| (&finding.check, &finding.sentence))
        .collect();
    assert_eq!(errors, [], "a strict receiver has nothing against it");
    assert_eq!(outcome(&attempts[0]), "done");
    assert!(verdicts[0].checks.contains(&"hl7v2/H024"), "the volet towards an LPS was judged");
}

#[tokio::test]
async fn every_attempt_sends_the_same_bytes() {
    let world = World::with(&["ack-ar first 2"]);
    let attempts = world.attempts_of(admission(), 3).await;
    let outcomes: Vec<_> = attempts.iter().map(outcome).collect();
    assert_eq!(outcomes, ["retry mllp.answered-later", "retry mllp.answered-later", "done"]);
    let received = world.lps.received();
    assert_eq!(received.iter().map(|one| one.repeated).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(received[0].kind, "ADT^A01");
}

/// Source: hl7v2.md §2.14, table 0533.
#[tokio::test]
async fn each_functional_refusal_has_its_code_and_what_can_be_mended_waits() {
    for (fault, expected) in [
        ("refuse-900", "refuse mllp.refused-by-software 900"),
        ("refuse-901", "refuse mllp.refused-by-software 901"),
        ("refuse-902", "park mllp.refused-by-software"),
        ("refuse-903", "refuse mllp.refused-by-software 903"),
        ("refuse-904", "refuse mllp.refused-by-software 904"),
        ("refuse-905", "refuse mllp.refused-by-software 905"),
        ("refuse-906", "refuse mllp.refused-by-software 906"),
        ("ack-ae", "refuse mllp.refused-by-receiver AE"),
        ("no-ack", "unknown mllp.ack-timeout"),
    ] {
        let world = World::with(&[&format!("{fault} nth 1")]);
        let attempts = world.attempts_of(admission(), 1).await;
        assert_eq!(outcome(&attempts[0]), expected, "{fault}");
    }
    let world = World::with(&["refuse-902 nth 1"]);
    let Outcome::Park { finding } = &world.attempts_of(admission(), 1).await[0].outcome else {
        panic!("parked")
    };
    assert_eq!(finding.wire_code.as_deref(), Some("902"));
    assert!(finding.sentence.contains("inconnu") && finding.remedy.as_ref().unwrap().contains("resend"));
}

#[tokio::test]
async fn what_is_kept_leaves_byte_for_byte_and_a_content_as_one_line_of_base64() {
    let world = World::with(&[]);
    let kept = world.bodies.put(&b"rubbish\rPID|||\xe9t\xe9 |\x85\rrubbish"[..]);
    let kept = ContentRef { start: 8, end: 22, ..kept };
    let long = world.bodies.put(vec![0xAB; 100_001]);
    let wrapped = world.bodies.put(&b"QUJD\r\nREVG"[..]);
    let wrapped = ContentRef { encoding: Encoding::Base64, ..wrapped };
    let pieces = vec![
        written("MSH|^~\\&|||||||ADT^A01\r"),
        Hl7Piece::Kept(kept),
        written("\rOBX|1|ED|||^text^XML^Base64^"),
        Hl7Piece::Base64(long),
        written("\rOBX|2|ED|||^text^XML^Base64^"),
        Hl7Piece::Base64(wrapped),
    ];
    let message = sent(&world, message(pieces));
    assert_eq!(message.segment("PID").unwrap().raw(), b"PID|||\xe9t\xe9 |\x85");
    assert_eq!(text(&message, "OBX[2]-5.5"), "QUJDREVG");
    let long = text(&message, "OBX[1]-5.5");
    assert_eq!(long.len(), 100_001_usize.div_ceil(3) * 4);
    assert!(long.starts_with("q6urq6ur") && long.ends_with("q6ur") || long.ends_with('='));
}

#[tokio::test]
async fn the_order_of_a_patient_is_kept_by_the_local_number() {
    let world = World::with(&[]);
    let ids =
        |id: &str, kind: &str| LocalId { id: id.into(), authority: "CHU".to_owned(), kind: kind.to_owned() };
    let Shape::Hl7Message(mut one) = admission() else { panic!("a message") };
    one.patient_ids = vec![ids("279", "INS"), ids("7", "PI")];
    let part = world.sink.parts(&Shape::Hl7Message(one)).remove(0);
    assert_eq!((part.ordering.as_deref(), part.label.as_str()), (Some("7^CHU"), "ADT^A01"));
}

#[tokio::test]
async fn what_cannot_be_put_together_waits_with_its_reason() {
    let world = World::with(&[]);
    let lost = ContentRef::whole(jonction_model::BodyId::of(b"nowhere"), 7);
    let broken = ContentRef { encoding: Encoding::Base64, ..world.bodies.put(&b"*"[..]) };
    let prepared = |pieces| world.sink.prepare(&world.delivery(message(pieces)), &world.tools).unwrap_err();
    let code = |outcome: Outcome| match outcome {
        Outcome::Park { finding } => format!("park {}", finding.check),
        Outcome::Retry { finding, .. } => format!("retry {}", finding.check),
        other => format!("{other:?}"),
    };
    assert_eq!(code(prepared(vec![Hl7Piece::Base64(lost)])), "retry mllp.body-unreadable");
    assert_eq!(code(prepared(vec![Hl7Piece::Base64(broken)])), "park mllp.not-base64");
    assert!(code(prepared(vec![written("PID|1")])).starts_with("park hl7v2."));
}
