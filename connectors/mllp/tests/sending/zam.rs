//! The way back: which reports become which ZAM, how they are sent, what each misbehaviour of the receiver makes of them.

use std::sync::Arc;

use jonction_hl7v2::{Limits as Hl7Limits, Message, parse_ack};
use jonction_mllp::{Lps, LpsSettings, Received, Z02On};
use jonction_model::{
    DeliveryReport, Masked, MessageControlId, Origin, OsEntropy, ReportChannel, ReportCode, ReportRecipient,
    ReportStage, Shape, SystemClock, Verdict,
};
use jonction_ports::{AttemptReport, Sink};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{World, outcome, sink_to};

fn report(channel: ReportChannel, stage: ReportStage, verdict: Verdict) -> DeliveryReport {
    DeliveryReport {
        origin: Origin {
            control_id: MessageControlId::parse("DEMO-0001").unwrap(),
            sending_application: "SIL-ESSAI".to_owned(),
            sending_facility: "HOPITAL-ESSAI".to_owned(),
            receiving_application: "PFI".to_owned(),
            receiving_facility: "PFI-ESSAI".to_owned(),
            processing: "T".to_owned(),
            charset: "UNICODE UTF-8".to_owned(),
            event_time: "20260115101500+0100".to_owned(),
        },
        channel,
        stage,
        recipient: (channel == ReportChannel::Mssante).then(|| ReportRecipient {
            address: Masked::from("paul.briand@essai.mssante.example"),
            id: Some(Masked::from("801234567897")),
        }),
        verdict,
        wanted: true,
        time: "2026-01-15T09:16:00Z".parse().unwrap(),
    }
}

fn shape(report: DeliveryReport) -> Shape {
    Shape::DeliveryReport(Box::new(report))
}

impl World {
    async fn attempts(&self, report: DeliveryReport, n: usize) -> Vec<AttemptReport> {
        self.attempts_of(shape(report), n).await
    }
}

fn refused() -> Verdict {
    Verdict::Negative(ReportCode::new("550", "boîte inexistante ou indisponible"))
}

#[test]
fn each_report_becomes_its_zam_or_none() {
    use ReportChannel::{Dmp, Mssante};
    use ReportStage::{Delivery, Reading, Submission};
    let told = |z02_on, channel, stage, verdict| {
        let parts =
            sink_to(1, z02_on).parts(&Shape::DeliveryReport(Box::new(report(channel, stage, verdict))));
        parts.iter().map(|part| format!("{} / {}", part.key, part.label)).collect::<Vec<_>>().join(", ")
    };
    for on in [Z02On::Dsn, Z02On::Submission] {
        assert_eq!(told(on, Dmp, Submission, Verdict::Positive), "ZAM^Z01 / ZAM^Z01 = O");
        assert_eq!(told(on, Dmp, Submission, refused()), "ZAM^Z01 / ZAM^Z01 = N");
        assert_eq!(told(on, Mssante, Submission, refused()), "ZAM^Z02 / ZAM^Z02 = N");
        assert_eq!(told(on, Mssante, Delivery, refused()), "ZAM^Z02 / ZAM^Z02 = N");
        assert_eq!(told(on, Mssante, Reading, Verdict::Positive), "ZAM^Z03 / ZAM^Z03 = O");
    }
    let good = |on, stage| told(on, Mssante, stage, Verdict::Positive);
    assert_eq!(
        (good(Z02On::Dsn, Submission), good(Z02On::Dsn, Delivery)),
        (String::new(), "ZAM^Z02 / ZAM^Z02 = O".into())
    );
    let told_once = ("ZAM^Z02 / ZAM^Z02 = O".into(), String::new());
    assert_eq!((good(Z02On::Submission, Submission), good(Z02On::Submission, Delivery)), told_once);
    let unwanted = DeliveryReport { wanted: false, ..report(Dmp, Submission, refused()) };
    assert!(sink_to(1, Z02On::Dsn).parts(&Shape::DeliveryReport(Box::new(unwanted))).is_empty());
}

#[tokio::test]
async fn a_refused_mail_is_told_and_read_back_by_the_sender() {
    let world = World::with(&[]);
    let attempt =
        world.attempts(report(ReportChannel::Mssante, ReportStage::Delivery, refused()), 1).await.remove(0);

    assert_eq!((outcome(&attempt).as_str(), attempt.code.as_deref()), ("done", Some("AA")));
    assert!(attempt.bytes_sent > 100);
    let [received]: [Received; 1] = world.lps.received().try_into().unwrap();
    assert_eq!((received.kind.as_str(), received.answers.as_deref()), ("ZAM^Z02", Some("DEMO-0001")));
    assert_eq!(received.verdict, Some(refused()));
    assert_eq!(
        received.line(),
        "ZAM^Z02  DEMO-0001            N 550 boîte inexistante ou indisponible  paul.briand@…"
    );
    let verdicts = world.lps.verdicts().list();
    assert!(verdicts[0].conforms(), "our own ZAM conforms in strict mode: {:?}", verdicts[0].findings);
    assert!(verdicts[0].checks.contains(&"hl7v2/H097"));
}

#[tokio::test]
async fn every_attempt_sends_the_same_bytes_under_the_number_that_was_prepared() {
    let world = World::with(&["ack-ar first 2"]);
    let delivery =
        world.delivery(shape(report(ReportChannel::Dmp, ReportStage::Submission, Verdict::Positive)));
    let artefact = world.prepared(&delivery);
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        outcomes.push(outcome(&world.sink.attempt(&delivery, &artefact, &world.tools).await));
    }

    assert_eq!(outcomes, ["retry mllp.answered-later", "retry mllp.answered-later", "done"]);
    let received = world.lps.received();
    assert_eq!(received.iter().map(|r| r.repeated).collect::<Vec<_>>(), [false, true, true]);
    let control_id = artefact.ids["control_id"].as_str().unwrap();
    assert!(received.iter().all(|r| r.control_id == control_id) && control_id.len() <= 20);
}

/// Each row: what the receiver does, and what the engine is told of two attempts; only the first one is faulty.
#[tokio::test]
async fn each_misbehaviour_has_its_outcome_and_never_spoils_the_next_attempt() {
    let rows = [
        ("ack-ae", "refuse mllp.refused-by-receiver AE"),
        ("refuse-900", "refuse mllp.refused-by-receiver AE"),
        ("refuse-901", "refuse mllp.refused-by-receiver AE"),
        ("refuse-902", "refuse mllp.refused-by-receiver AE"),
        ("refuse-903", "refuse mllp.refused-by-receiver AE"),
        ("refuse-904", "refuse mllp.refused-by-receiver AE"),
        ("refuse-905", "refuse mllp.refused-by-receiver AE"),
        ("refuse-906", "refuse mllp.refused-by-receiver AE"),
        ("ack-ar", "retry mllp.answered-later"),
        ("foreign-ack", "unknown mllp.foreign-ack"),
        ("late-ack", "unknown mllp.ack-timeout"),
        ("no-ack", "unknown mllp.ack-timeout"),
        ("drop", "unknown mllp.closed-before-ack"),
        ("close-each", "done"),
        ("commit", "done"),
        ("split-ack", "done"),
        ("unframed-ack", "unknown mllp.ack-unframed"),
        ("double-ack", "done"),
        ("business-answer", "unknown mllp.not-an-ack"),
    ];
    assert_eq!(rows.len(), jonction_mllp::simulator::FAULTS.len(), "every fault has its row");
    for (fault, expected) in rows {
        let world = World::with(&[&format!("{fault} nth 1")]);
        let attempts =
            world.attempts(report(ReportChannel::Dmp, ReportStage::Submission, Verdict::Positive), 2).await;
        assert_eq!(attempts.iter().map(outcome).collect::<Vec<_>>(), [expected, "done"], "{fault}");
        assert_eq!(world.lps.received().len(), 2, "{fault}: sent each time");
    }
}

/// A second answer to the first message stands in the buffer when the second message leaves.
#[tokio::test]
async fn a_doubled_answer_is_never_taken_for_the_answer_to_the_next_message() {
    let world = World::with(&["double-ack nth 1", "no-ack nth 2"]);
    let first =
        world.attempts(report(ReportChannel::Dmp, ReportStage::Submission, Verdict::Positive), 1).await;
    let second = world.attempts(report(ReportChannel::Dmp, ReportStage::Submission, refused()), 1).await;
    assert_eq!(
        (outcome(&first[0]).as_str(), outcome(&second[0]).as_str()),
        ("done", "unknown mllp.ack-timeout")
    );
}

#[tokio::test]
async fn nobody_there_is_a_retry_because_nothing_left() {
    let world = World::with(&[]);
    let delivery =
        world.delivery(shape(report(ReportChannel::Dmp, ReportStage::Submission, Verdict::Positive)));
    let artefact = world.prepared(&delivery);
    let World { lps, sink, tools, .. } = world;
    lps.stop().await;
    let attempt = sink.attempt(&delivery, &artefact, &tools).await;
    assert_eq!((outcome(&attempt).as_str(), attempt.bytes_sent), ("retry net.refused", 0));
}

#[tokio::test]
async fn the_link_stays_open_between_messages() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sink = sink_to(listener.local_addr().unwrap().port(), Z02On::Dsn);
    // A receiver that takes one connection only, and answers everything on it.
    let receiver = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        drop(listener);
        let mut buffer = Vec::new();
        let mut answered = 0;
        while tcp.read_buf(&mut buffer).await.unwrap() > 0 {
            while let Some(end) = buffer.windows(2).position(|pair| pair == b"\x1c\r") {
                let frame: Vec<u8> = buffer.drain(..end + 2).collect();
                let message =
                    Message::parse(frame[1..frame.len() - 2].to_vec().into(), &Hl7Limits::default()).unwrap();
                let id = message.header().control_id;
                let ack = format!("\u{b}MSH|^~\\&|B|B|A|A|20260115||ACK|1|T|2.6\rMSA|AA|{id}\r\u{1c}\r");
                tcp.write_all(ack.as_bytes()).await.unwrap();
                answered += 1;
            }
        }
        answered
    });
    let world = World { sink, ..World::with(&[]) };
    for _ in 0..50 {
        let attempt = world.attempts(report(ReportChannel::Dmp, ReportStage::Submission, refused()), 1).await;
        assert_eq!(outcome(&attempt[0]), "done");
    }
    drop(world);
    assert_eq!(receiver.await.unwrap(), 50);
}

#[tokio::test]
async fn what_came_is_written_to_a_folder_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let settings = LpsSettings {
        folder: Some(folder.path().join("recus")),
        ..LpsSettings::at("127.0.0.1:0".parse().unwrap())
    };
    let lps = Lps::start(settings, None, Arc::new(SystemClock), Arc::new(OsEntropy)).unwrap();
    let world = World { sink: sink_to(lps.local_addr().port(), Z02On::Dsn), ..World::with(&[]) };
    world.attempts(report(ReportChannel::Dmp, ReportStage::Submission, Verdict::Positive), 1).await;

    assert_eq!(lps.wait_for(1).await.len(), 1);
    let bytes = std::fs::read(folder.path().join("recus/0001-ZAM_Z01.er7")).unwrap();
    let message = Message::parse(bytes.into(), &Hl7Limits::default()).unwrap();
    assert!(parse_ack(&message).is_err(), "a ZAM, not an acknowledgement");
    assert_eq!(message.segment("OBX").unwrap().field(4).text(), "DEMO-0001");
}

#[test]
fn a_plan_with_an_unknown_fault_offers_the_nearest() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(async { World::with(&[]).lps.play(["ack-are"]).unwrap_err() });
    assert_eq!(error.remedy, "vouliez-vous « ack-ae » ?");
}
