//! The official samples sent over a socket: what the sender is answered.
//! Read through `JONCTION_SAMPLES` only; nothing of them is copied here. Source: hl7v2.md §2.17 and §7.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

mod common;

use std::path::PathBuf;

use common::{Ack, Wire, settings, start};
use jonction_hl7v2::Header;
use jonction_mllp::{Settings, messages_of, senders::SenderRule};

/// File, answer. « Short » samples hold a sentence where the document should be.
/// Where the sheet asks for AE on grounds of identity, admission says AA: identity is a functional report (decision 0003).
#[rustfmt::skip]
const EXPECTED: &[(&str, &str)] = &[
    ("mdm_t02_cda_n1_v21.er7", "AA 015"),
    ("mdm_t10_cda_n1_v21.er7", "AA 015"),
    ("oru_init_cda_n3_v21.hl7", "AA 015"),
    ("oru_rplc_n1_n3_cda_v21.er7", "AA 015"),
    ("mdm_t02_short_v21.er7", "AE 015 207 OBX^1^5^1^5"),
    ("oru_init_n1_n3_short_v21.hl7", "AE 015 207 OBX^1^5^1^5 207 OBX^2^5^1^5"),
    ("mdm_t02_v12.er7", "AE 015 207 MSH^1^21"),
    ("zam_z02_mss_ok_v21.er7", "AE 018 200 MSH^1^9^1^1"),
];

#[tokio::test]
async fn each_official_sample_gets_the_answer_of_the_table() {
    let Some(root) = std::env::var_os("JONCTION_SAMPLES") else {
        jonction_testkit::skipped("JONCTION_SAMPLES is not set");
        return;
    };
    let mut answers = Vec::new();
    for (file, _) in EXPECTED {
        let bytes = std::fs::read(PathBuf::from(&root).join("hl7v2").join(file)).unwrap();
        let [message] = messages_of(&bytes).try_into().unwrap();
        let facility = Header::read(&message).unwrap().sending_facility;
        let rule = SenderRule { application: None, facility, certificate: None, network: None };
        let running = start(Settings { senders: vec![rule], ..settings() }).await;
        let ack: Ack = Wire::to(running.address).await.exchange(&message).await;
        answers.push((*file, ack.short()));
    }
    let expected: Vec<(&str, String)> =
        EXPECTED.iter().map(|(file, answer)| (*file, (*answer).to_owned())).collect();
    assert_eq!(answers, expected);
}
