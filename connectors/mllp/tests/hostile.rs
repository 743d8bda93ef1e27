//! Whatever the bytes, admission gives a verdict: no panic, no endless work, no acceptance of half a message.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

mod common;

use bytes::Bytes;
use common::{mdm, settings};
use jonction_mllp::MllpAdmission;
use jonction_model::{Environment, Severity};
use jonction_ports::{Admission, Admitted, Peer};
use proptest::prelude::*;

fn admit(bytes: impl Into<Bytes>) -> Admitted {
    let peer = Peer { address: "127.0.0.1:4000".parse().unwrap(), certificate: None };
    MllpAdmission::new(&settings(), Environment::Test).admit(&bytes.into(), Some(&peer))
}

/// Holds for every verdict, good or bad.
fn assert_coherent(admitted: &Admitted) {
    let refused = admitted.findings.iter().any(|finding| finding.severity == Severity::Error);
    assert_eq!(admitted.accepted, !refused);
    assert_eq!(
        admitted.repeat.is_some(),
        admitted.accepted,
        "an accepted message has a number, a refused one no memory"
    );
}

/// The last segments may be missing without harm; nothing before the document may.
#[test]
fn a_message_cut_at_any_byte_is_judged_and_never_accepted_without_its_document() {
    let whole = mdm("M1");
    assert!(admit(whole.clone()).accepted, "{:?}", admit(whole.clone()).findings);
    let document_ends = whole.find("||||||F\rPRT").unwrap();
    for cut in (0..whole.len()).filter(|cut| whole.is_char_boundary(*cut)) {
        let admitted = admit(whole[..cut].to_owned());
        assert_coherent(&admitted);
        assert!(!admitted.accepted || cut > document_ends, "accepted when cut at {cut}");
    }
}

#[test]
fn the_digest_leaves_out_the_time_of_sending_and_nothing_else() {
    let digest = |message: String| admit(message).repeat.unwrap();
    let reference = digest(mdm("M1"));
    assert_eq!(digest(mdm("M1").replacen("20260115101500+0100", "20260116", 1)), reference);
    assert_ne!(digest(mdm("M1").replace("EVN||2026", "EVN||2025")), reference);
    assert_ne!(digest(mdm("M1").replace("CAMILLE", "CAMILLA")), reference);
    assert_ne!(digest(mdm("M2")).key, reference.key);
}

#[test]
fn findings_are_bounded_and_say_nothing_of_the_person() {
    let faulty =
        mdm("M1").replace("PID|||", &"PID|||".repeat(50)) + &"OBX|9|ED|||^text^XML^Base64^*|\r".repeat(5000);
    let admitted = admit(faulty);
    assert!(!admitted.accepted && admitted.findings.len() <= 200);
    let told = format!("{:?}", admitted.findings);
    for clear in ["ESSAI-UN", "284036912300175", "CAMILLE"] {
        assert!(!told.contains(clear), "{clear} in {told}");
    }
}

proptest! {
    #[test]
    fn any_bytes_get_a_verdict(bytes: Vec<u8>) {
        assert_coherent(&admit(bytes));
    }

    #[test]
    fn a_damaged_message_gets_a_verdict(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let mut bytes = mdm("M1").into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        assert_coherent(&admit(bytes));
    }
}
