use bytes::Bytes;
use jonction_model::{MessageControlId, Origin};

use super::*;
use crate::limits::Limits;

fn report(channel: ReportChannel, stage: ReportStage, verdict: Verdict) -> DeliveryReport {
    DeliveryReport {
        origin: Origin {
            control_id: MessageControlId::parse("015").unwrap(),
            sending_application: "SIL^1.2&ISO".to_owned(),
            sending_facility: "LABO".to_owned(),
            receiving_application: "PFI".to_owned(),
            receiving_facility: "REG".to_owned(),
            processing: "T".to_owned(),
            charset: "UNICODE UTF-8".to_owned(),
            event_time: "202601120931".to_owned(),
        },
        channel,
        stage,
        recipient: (channel == ReportChannel::Mssante).then(|| ReportRecipient {
            address: "paul.vallier@tilleuls.mssante.example".into(),
            id: Some("801234567897".into()),
        }),
        verdict,
        wanted: true,
        time: now(),
    }
}

fn now() -> Timestamp {
    "2026-01-12T08:31:05Z".parse().unwrap()
}

fn text(report: &DeliveryReport) -> String {
    String::from_utf8(write(report, "Z9", now()).unwrap().bytes.to_vec()).unwrap()
}

fn parse(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes()), &Limits::default()).unwrap()
}

const MSH: &str = "MSH|^~\\&|PFI|REG|SIL^1.2&ISO|LABO|20260112093105+0100||ZAM^Z02^ZAM_Z01|Z9|T|2.6|||||FRA|UNICODE UTF-8|||2.1^CISIS_CDA_HL7_V2\r";

/// Lines of the worked example at the end of hl7v2.md §2.17.
#[test]
fn a_delivered_mail_gives_the_z02_of_the_volet() {
    let written = text(&report(ReportChannel::Mssante, ReportStage::Delivery, Verdict::Positive));
    let expected = "EVN||202601120931\r\
        OBX|1|CWE|ACK_RECEPTION_MSS^Accusé de réception MSSanté^AckMetierZAM|015|Y^^expandedYes-NoIndicator||||||F|\r\
        OBX|2|XTN|DESTINATAIRE_MSS^Destinataire MSSanté^AckMetierZAM|801234567897|^^X.400^paul.vallier@tilleuls.mssante.example||||||F|\r";
    assert_eq!(written, format!("{MSH}{expected}"));
}

#[test]
fn a_refusal_gives_its_code_in_the_table_of_its_channel() {
    let no = || Verdict::Negative(ReportCode::new("C", "motif"));
    for (channel, stage, table, obx) in [
        (ReportChannel::Dmp, ReportStage::Submission, "DMP_ERROR_CODE", 1),
        (ReportChannel::Mssante, ReportStage::Submission, "SMTPERRORCODE", 2),
        (ReportChannel::Mssante, ReportStage::Reading, "applicationErrorCondition", 2),
    ] {
        let written = text(&report(channel, stage, no()));
        let err = format!("ERR|||207^Application error^messageErrorCondition|E|C^motif^{table}\r");
        assert!(written.ends_with(&err), "{written}");
        assert_eq!(written.matches("\rOBX|").count(), obx);
        assert!(written.contains("|N^^expandedYes-NoIndicator||||||F|\r"));
    }
}

#[test]
fn what_is_written_reads_back() {
    for (channel, stage, event) in [
        (ReportChannel::Dmp, ReportStage::Submission, ZamEvent::Z01),
        (ReportChannel::Mssante, ReportStage::Delivery, ZamEvent::Z02),
        (ReportChannel::Mssante, ReportStage::Reading, ZamEvent::Z03),
    ] {
        for verdict in [Verdict::Positive, Verdict::Negative(ReportCode::new("550", "boîte|inexistante"))] {
            let report = report(channel, stage, verdict.clone());
            let zam = read(&parse(&text(&report))).unwrap();
            assert_eq!((zam.event, zam.verdict), (event, verdict));
            assert_eq!((zam.request_control_id.as_str(), zam.control_id.as_str()), ("015", "Z9"));
            assert_eq!(zam.event_time, "202601120931");
            assert_eq!(zam.recipient, report.recipient);
        }
    }
}

#[test]
fn the_charset_of_the_first_message_is_kept_and_losses_are_counted() {
    let mut latin =
        report(ReportChannel::Dmp, ReportStage::Submission, Verdict::Negative(ReportCode::new("X", "l’été")));
    latin.origin.charset = "8859/15".to_owned();
    let built = write(&latin, "Z", now()).unwrap();
    assert_eq!(built.replaced, 1);
    assert!(built.bytes.windows(5).any(|window| window == b"l'\xe9t\xe9"));
    let zam = read(&Message::parse(built.bytes, &Limits::default()).unwrap()).unwrap();
    assert_eq!(zam.verdict, Verdict::Negative(ReportCode::new("X", "l'été")));
}

#[test]
fn a_mail_report_without_mailbox_is_refused() {
    let mut nobody = report(ReportChannel::Mssante, ReportStage::Delivery, Verdict::Positive);
    nobody.recipient = None;
    assert_eq!(write(&nobody, "Z", now()), Err(ZamError::NoRecipient));
}

#[test]
fn what_is_no_zam_says_why() {
    let written = text(&report(ReportChannel::Dmp, ReportStage::Submission, Verdict::Positive));
    let fault = |from: &str, to: &str| read(&parse(&written.replace(from, to))).unwrap_err();
    assert_eq!(fault("|015|", "||"), ZamError::NoControlId);
    assert_eq!(fault("|Y^", "|O^"), ZamError::NoVerdict);
    assert_eq!(read(&parse("MSH|^~\\&|A\rPID|\r")), Err(ZamError::NotAZam));
    // Misprints of the volet itself, and of edition 2.0.
    let misprinted =
        written.replace("ZAM^Z01^ZAM_Z01", "ZAM_Z01^ZAM_Z01").replace("expandedYes-NoIndicator", "HL70136");
    assert_eq!(read(&parse(&misprinted)).unwrap().event, ZamEvent::Z01);
}
