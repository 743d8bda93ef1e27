//! Chapter 9 of the sheet, receiver's side, on real sockets: what a sender does, what it is answered.
//! Names carry the number of the row.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

mod common;

use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use common::{CDA, Wire, mdm, mdm_of, settings, start, start_with};
use jonction_hl7v2::{Limits as Hl7Limits, Message};
use jonction_mllp::{Acknowledgements, Settings, wire::FrameLimits};
use jonction_model::{Environment, Mode};
use jonction_ports::{Arrival, RawBody};

fn raw_of(arrival: &Arrival) -> &Bytes {
    match &arrival.raw {
        RawBody::Whole(raw) => raw,
        RawBody::Kept(_) => panic!("a message of MLLP comes whole"),
    }
}

fn strict() -> Settings {
    Settings { mode: Mode::Strict, ..settings() }
}

async fn answered(settings: Settings, message: impl AsRef<[u8]>) -> String {
    let running = start(settings).await;
    Wire::to(running.address).await.exchange(message).await.short()
}

#[tokio::test]
async fn b01_a_valid_message_is_accepted_on_the_same_connection() {
    let running = start(settings()).await;
    let ack = Wire::to(running.address).await.exchange(mdm("M1")).await;

    assert_eq!(ack.short(), "AA M1");
    let header = ack.text.split('\r').next().unwrap().split('|').collect::<Vec<_>>();
    assert_eq!(header[2..6], ["PFI", "PFI-ESSAI", "SIL-ESSAI", "HOPITAL-ESSAI"]);
    assert_eq!((header[8], header[10], header[11]), ("ACK^T02^ACK", "T", "2.6"));
    let arrival = &running.engine.accepted()[0];
    assert_eq!(
        (raw_of(arrival).as_ref(), arrival.admitted.facts.kind.as_str()),
        (mdm("M1").as_bytes(), "MDM^T02")
    );
    assert_eq!(arrival.admitted.facts.profile, "2.1^CISIS_CDA_HL7_V2");
}

/// Also when only the time of sending differs.
#[tokio::test]
async fn b02_the_same_message_again_gets_the_same_answer_and_is_not_taken_twice() {
    let running = start(settings()).await;
    let mut wire = Wire::to(running.address).await;
    let first = wire.exchange(mdm("M1")).await;
    let again = wire.exchange(mdm("M1").replacen("20260115101500", "20260115102000", 1)).await;

    assert_eq!(first, again, "byte for byte");
    assert_eq!(running.engine.control_ids(), ["M1"]);
    assert_eq!(running.counters.repeated.load(Relaxed), 1);
}

#[tokio::test]
async fn b03_the_same_number_for_another_content_is_refused_in_strict_mode_and_taken_in_tolerant_mode() {
    for (settings, expected) in
        [(Settings { mode: Mode::Strict, ..settings() }, "AE M1 205 MSH^1^10"), (settings(), "AA M1")]
    {
        let running = start_with(settings, Environment::Test, None, common::LONG).await;
        let mut wire = Wire::to(running.address).await;
        assert_eq!(wire.exchange(mdm("M1")).await.short(), "AA M1");
        let other = mdm("M1").replace("CAMILLE", "LUCIE");
        assert_eq!(wire.exchange(other).await.short(), expected);
    }
}

#[tokio::test]
async fn b04_b05_version_type_and_event_are_refused_by_their_codes() {
    assert_eq!(answered(settings(), mdm("M1").replacen("|2.6|", "|2.9|", 1)).await, "AE M1 203 MSH^1^12");
    let other = |with: &str| mdm("M1").replacen("MDM^T02^MDM_T02", with, 1);
    assert_eq!(answered(settings(), other("QBP^Q11^QBP_Q11")).await, "AE M1 200 MSH^1^9^1^1");
    assert_eq!(answered(settings(), other("MDM^T11^MDM_T11")).await, "AE M1 201 MSH^1^9^1^2");
}

#[tokio::test]
async fn b06_a_test_message_never_enters_production_and_the_reverse_is_noted_or_refused() {
    let in_environment = |settings, environment, processing: &'static str| async move {
        let running = start_with(settings, environment, None, common::LONG).await;
        let message = mdm("M1").replacen("|M1|T|", &format!("|M1|{processing}|"), 1);
        Wire::to(running.address).await.exchange(message).await.short()
    };
    use Environment::{Production, Test};
    for processing in ["T", "D"] {
        assert_eq!(in_environment(settings(), Production, processing).await, "AE M1 202 MSH^1^11");
    }
    assert_eq!(in_environment(settings(), Production, "P").await, "AA M1");
    assert_eq!(in_environment(settings(), Test, "P").await, "AA M1");
    assert_eq!(in_environment(strict(), Test, "P").await, "AE M1 202 MSH^1^11");
}

#[tokio::test]
async fn b07_a_missing_segment_and_a_missing_identifier_are_told_apart() {
    let without = |id: &str| {
        mdm("M1").split_inclusive('\r').filter(|segment| !segment.starts_with(id)).collect::<String>()
    };
    assert!(answered(settings(), without("PID")).await.starts_with("AE M1 100 PID"));
    let message = mdm("M1");
    let start = message.find("PID|||").unwrap() + 6;
    let end = start + message[start..].find('|').unwrap();
    let empty = format!("{}{}", &message[..start], &message[end..]);
    assert!(answered(settings(), empty).await.starts_with("AE M1 101 PID^1^3"));
}

#[tokio::test]
async fn b08_an_order_that_contradicts_the_event_is_refused() {
    assert!(answered(settings(), mdm("M1").replace("ORC|NW", "ORC|RO")).await.starts_with("AE M1 207 "));
}

#[tokio::test]
async fn b09_what_is_not_base64_is_refused_at_its_place() {
    let holed = mdm("M1").replacen("Base64^", "Base64^*", 1);
    assert!(answered(settings(), holed).await.starts_with("AE M1 102 OBX^1^5"));
}

/// One code on the wire, the reason in the text: the document's own bytes never leave.
#[tokio::test]
async fn b09_what_is_no_cda_is_refused_and_both_wrappers_of_a_cda_are_not() {
    let of = |document: &str| answered(settings(), mdm_of("M1", document));
    let body = CDA.split_once("?>").unwrap().1;
    let styled = format!(
        "<xsl:stylesheet xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\" version=\"1.0\">\
         <data:Contenu xmlns:data=\"urn:asip-sante:ci-sis\">{body}</data:Contenu></xsl:stylesheet>"
    );
    let signed = format!(
        "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:Object>{body}</ds:Object></ds:Signature>"
    );
    for document in [CDA, &format!("\u{feff}{CDA}"), body, &styled, &signed] {
        assert_eq!(of(document).await, "AA M1", "{document}");
    }
    let doctype = format!("<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/hostname\">]>{body}");
    let other = body.replace("urn:hl7-org:v3", "urn:autre");
    for document in ["texte", "", "<html/>", &doctype, &other, "%PDF-1.4", &body[..20]] {
        let answer = of(document).await;
        let expected = if document.is_empty() { "AE M1 101 OBX^1^5^1^5" } else { "AE M1 207 OBX^1^5^1^5" };
        assert_eq!(answer, expected, "{document}");
    }
}

/// The sender keeps the message, and sends it again.
#[tokio::test]
async fn b10_a_full_disk_says_later_and_the_retry_is_taken() {
    let running = start(settings()).await;
    *running.engine.broken.lock().unwrap() = 1;
    let mut wire = Wire::to(running.address).await;

    assert_eq!(wire.exchange(mdm("M1")).await.short(), "AR M1 207");
    assert!(running.engine.accepted().is_empty());
    assert_eq!(wire.exchange(mdm("M1")).await.short(), "AA M1");
    assert_eq!(running.counters.postponed.load(Relaxed), 1);
}

#[tokio::test]
async fn b11_unknown_segments_and_fields_are_no_reason_to_refuse() {
    let message = mdm("M1").replace("ORC|NW", "ZZZ|1|x^y\rORC|NW|||||||||||||||||||||||||||||||||||||extra");
    assert_eq!(answered(settings(), message).await, "AA M1");
}

#[tokio::test]
async fn b12_line_feeds_marks_and_stray_blanks_are_borne() {
    for message in [
        mdm("M1").replace('\r', "\n"),
        mdm("M1").replace('\r', "\r\n"),
        format!("\u{feff}{}", mdm("M1")),
        format!("{}\u{a0}\u{a0}", mdm("M1")),
        mdm("M1").replacen("^~\\&", "^\u{2dc}\\&", 1).replace('~', "\u{2dc}"),
    ] {
        assert_eq!(answered(settings(), &message).await, "AA M1", "{:?}", &message[..40]);
    }
}

/// ISO 8859-15: the euro and the œ have their own bytes there; the acknowledgement comes back in the same charset.
#[tokio::test]
async fn b13_a_message_in_8859_15_is_kept_byte_for_byte_and_answered_in_its_charset() {
    let text = mdm("M1").replace("UNICODE UTF-8", "8859/15").replace("HOPITAL ESSAI", "CŒUR 5€");
    let bytes: Vec<u8> = text
        .chars()
        .map(|c| match c {
            'Œ' => 0xBC,
            '€' => 0xA4,
            c => u8::try_from(u32::from(c)).unwrap(),
        })
        .collect();
    let running = start(settings()).await;
    let frame = {
        let mut wire = Wire::to(running.address).await;
        wire.message(&bytes).await;
        wire.frame().await.unwrap()
    };

    let ack = Message::parse(frame, &Hl7Limits::default()).unwrap();
    assert_eq!(ack.segment("MSH").unwrap().field(18).text(), "8859/15");
    assert_eq!(ack.segment("MSA").unwrap().field(1).text(), "AA");
    assert_eq!(raw_of(&running.engine.accepted()[0]).as_ref(), bytes);
}

#[tokio::test]
async fn b15_a_message_of_60_mb_is_taken_and_one_over_the_limit_is_refused_on_a_living_connection() {
    let running = start(settings()).await;
    let mut wire = Wire::to(running.address).await;
    let big = CDA.replace("</Clin", &format!("<!--{}--></Clin", "x".repeat(44 << 20)));
    let message = mdm_of("GROS", &big);
    assert!(message.len() > 60_000_000 / 64 * 62, "{}", message.len());
    assert_eq!(wire.exchange(message).await.short(), "AA GROS");

    let too_big = mdm("TROP").replacen("Base64^", &format!("Base64^{}", "A".repeat(64 << 20)), 1);
    assert_eq!(wire.exchange(too_big).await.short(), "AE TROP 199");
    assert_eq!(wire.exchange(mdm("APRES")).await.short(), "AA APRES");
    assert_eq!(running.engine.control_ids(), ["GROS", "APRES"]);
    let refusal = running.engine.arrivals.lock().unwrap()[1].clone();
    assert_eq!((refusal.admitted.accepted, refusal.raw.length()), (false, 8 << 10), "the head is journaled");
}

#[tokio::test]
async fn b15_the_limit_is_exact() {
    let length = mdm("M1").len();
    let limited = |frame_bytes_max| {
        let mut settings = settings();
        settings.limits.server.frames = FrameLimits { frame_bytes_max, ..FrameLimits::default() };
        settings
    };
    assert_eq!(answered(limited(length), mdm("M1")).await, "AA M1");
    assert_eq!(answered(limited(length - 1), mdm("M1")).await, "AE M1 199");
}

#[tokio::test]
async fn b16_two_frames_in_one_write_get_two_answers_in_order() {
    let running = start(settings()).await;
    let mut wire = Wire::to(running.address).await;
    let two = [mdm("M1"), mdm("M2")].map(|message| format!("\u{b}{message}\u{1c}\r")).concat();
    wire.bytes(two).await;
    assert_eq!([wire.ack().await.short(), wire.ack().await.short()], ["AA M1", "AA M2"]);
}

#[tokio::test]
async fn b17_a_frame_without_end_gets_no_answer_and_stops_nobody() {
    let running = start(settings()).await;
    let mut silent = Wire::to(running.address).await;
    silent.bytes(format!("\u{b}{}", mdm("M1"))).await;

    assert_eq!(Wire::to(running.address).await.exchange(mdm("M2")).await.short(), "AA M2");
    tokio::io::AsyncWriteExt::shutdown(&mut silent.tcp).await.unwrap();
    assert_eq!(silent.frame().await, None, "closed without an answer");
    assert_eq!(running.engine.control_ids(), ["M2"]);
}

#[tokio::test]
async fn b18_garbage_before_a_frame_is_skipped_and_too_much_of_it_ends_the_link() {
    let running = start(settings()).await;
    let mut wire = Wire::to(running.address).await;
    wire.bytes("n'importe quoi\r\n").await;
    assert_eq!(wire.exchange(mdm("M1")).await.short(), "AA M1");

    wire.bytes([b'x'; (64 << 10) + 1]).await;
    assert_eq!(wire.frame().await, None);
    assert_eq!(running.counters.cut.load(Relaxed), 1);
}

#[tokio::test]
async fn b28_enhanced_mode_is_answered_once_unless_the_partner_speaks_it_and_asked_silence_is_kept() {
    let asking = |accept: &str, application: &str| {
        mdm("M1").replacen("|2.6|||||FRA", &format!("|2.6|||{accept}|{application}|FRA"), 1)
    };
    assert_eq!(answered(settings(), asking("AL", "AL")).await, "AA M1");

    let enhanced = || Settings { acknowledgements: Acknowledgements::Enhanced, ..settings() };
    let running = start(enhanced()).await;
    let mut wire = Wire::to(running.address).await;
    for turn in ["first", "repeated"] {
        wire.message(asking("AL", "AL")).await;
        assert_eq!([wire.ack().await.short(), wire.ack().await.short()], ["CA M1", "AA M1"], "{turn}");
    }
    let refused = asking("AL", "AL").replacen("|2.6|", "|9.9|", 1).replacen("|M1|", "|M9|", 1);
    assert_eq!(wire.exchange(refused).await.short(), "CE M9 203 MSH^1^12");
    let failing = start(enhanced()).await;
    *failing.engine.broken.lock().unwrap() = 1;
    assert_eq!(Wire::to(failing.address).await.exchange(asking("AL", "AL")).await.short(), "CR M1 207");
    assert_eq!(answered(enhanced(), mdm("M1")).await, "AA M1", "nothing asked: original mode");

    let running = start(settings()).await;
    let mut wire = Wire::to(running.address).await;
    wire.message(asking("NE", "NE")).await;
    assert_eq!(
        wire.exchange(mdm("M2")).await.short(),
        "AA M2",
        "the first answer is that of the second message"
    );
    assert_eq!(running.engine.control_ids(), ["M1", "M2"]);
}

#[tokio::test]
async fn a_batch_is_answered_message_by_message_and_one_bad_message_spoils_no_other() {
    let running = start(settings()).await;
    let mut wire = Wire::to(running.address).await;
    let bad = mdm("M2").replacen("|2.6|", "|9.9|", 1);
    wire.message(["FHS|^~\\&|\rBHS|^~\\&|\r", &mdm("M1"), &bad, &mdm("M3"), "BTS|3\rFTS|1\r"].concat()).await;

    let answers = [wire.ack().await.short(), wire.ack().await.short(), wire.ack().await.short()];
    assert_eq!(answers, ["AA M1", "AE M2 203 MSH^1^12", "AA M3"]);
    assert_eq!(running.engine.control_ids(), ["M1", "M3"]);
}

#[tokio::test]
async fn bytes_that_are_no_message_are_refused_and_journaled_as_refused() {
    let running = start(settings()).await;
    let mut wire = Wire::to(running.address).await;
    assert_eq!(wire.exchange("bonjour").await.short(), "AE");
    assert_eq!(wire.exchange(mdm("M1")).await.short(), "AA M1");
    let arrivals = running.engine.arrivals.lock().unwrap().clone();
    assert_eq!(arrivals[0].admitted.findings[0].check, "hl7v2.no-header");
    assert_eq!(running.counters.refused.load(Relaxed), 1);
}

/// It could be neither named in a ZAM nor recognised when it comes again.
#[tokio::test]
async fn a_number_that_cannot_be_written_back_is_refused() {
    for number in ["A\u{1}B", &"9".repeat(200)] {
        assert!(answered(settings(), mdm(number)).await.ends_with(" 102 MSH^1^10"), "{number:?}");
    }
    assert_eq!(answered(settings(), mdm(&"9".repeat(199))).await, format!("AA {}", "9".repeat(199)));
}

#[tokio::test]
async fn a_structure_that_may_not_send_is_refused_at_its_place_and_told_nothing_else() {
    let other = mdm("M1").replacen("HOPITAL-ESSAI", "AUTRE-HOPITAL", 1).replacen("|2.6|", "|9.9|", 1);
    assert_eq!(answered(settings(), other).await, "AE M1 207 MSH^1^4");
    let application = mdm("M1").replacen("SIL-ESSAI", "AUTRE", 1);
    assert_eq!(answered(settings(), application).await, "AE M1 207 MSH^1^3");
}
