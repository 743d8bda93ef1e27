//! Against programs that are not ours: a script with a bare socket, and the sender of `python3-hl7`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

mod common;

use std::{
    io::{BufRead as _, BufReader, Write},
    path::Path,
    process::{Command, Output, Stdio},
    sync::Arc,
    time::Duration,
};

use common::{mdm, settings, start};
use jonction_mllp::{Acknowledgements, MllpSink, Target, Z02On};
use jonction_model::{
    DeliveryReport, MessageControlId, Origin, OsEntropy, PartnerName, ReportChannel, ReportStage, RouteName,
    Shape, SystemClock, Verdict,
};
use jonction_ports::{
    Artefact, AttemptReport, Delivery, DeliveryId, MemoryBodies, MessageId, Outcome, Piece, Sink, Tools,
};

/// The interpreter of the system, whose packages are those of Debian.
const PYTHON: &str = "/usr/bin/python3";

/// Writes raw MLLP in odd pieces, prints each acknowledgement's MSA.
const SCRIPT: &str = r#"
import socket, sys, time
port, path = int(sys.argv[1]), sys.argv[2]
message = open(path, "rb").read()
with socket.create_connection(("127.0.0.1", port), 20) as link:
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    frame = b"\x0b" + message + b"\x1c\r"
    for start in range(0, len(frame), 97):
        link.sendall(frame[start:start + 97])
    link.sendall(frame.replace(b"|M1|", b"|M2|", 1))
    answers = b""
    while answers.count(b"\x1c\r") < 2:
        piece = link.recv(4096)
        if not piece:
            sys.exit("closed early")
        answers += piece
    for frame in answers.split(b"\x1c\r")[:2]:
        assert frame.startswith(b"\x0b"), frame
        print([s for s in frame[1:].decode().split("\r") if s.startswith("MSA")][0])
"#;

/// Answers twice each message that asks for it; keeps what it was asked.
const RECEIVER: &str = r#"
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
for verdict in sys.argv[1:]:
    link, _ = server.accept()
    with link:
        data = b""
        while not data.endswith(b"\x1c\r"):
            data += link.recv(65536)
        msh = data[1:].split(b"\r")[0].decode().split("|")
        for number, code in enumerate(verdict.split(","), 1):
            ack = f"MSH|^~\\&|R|R|S|S|20260101||ACK|{msh[9]}-{number}|T|2.5\rMSA|{code}|{msh[9]}\r"
            link.sendall(b"\x0b" + ack.encode() + b"\x1c\r")
        print(msh[14], msh[15], flush=True)
        link.recv(1)
"#;

async fn run(mut command: Command) -> Output {
    command.stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn message_file() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(mdm("M1").as_bytes()).unwrap();
    file
}

#[tokio::test]
async fn a_script_with_a_bare_socket_is_answered() {
    if !Path::new(PYTHON).exists() {
        jonction_testkit::skipped("python3 is not installed");
        return;
    }
    let running = start(settings()).await;
    let file = message_file();
    let mut command = Command::new(PYTHON);
    command.args(["-c", SCRIPT, &running.address.port().to_string()]).arg(file.path());
    let output = run(command).await;
    let stdout = std::str::from_utf8(&output.stdout).unwrap();
    assert_eq!(stdout, "MSA|AA|M1\nMSA|AA|M2\n", "{:?}", std::str::from_utf8(&output.stderr));
    assert_eq!(running.engine.control_ids(), ["M1", "M2"]);
}

#[tokio::test]
async fn mllp_send_of_python3_hl7_is_answered_in_its_own_framing() {
    if !Path::new("/usr/bin/mllp_send").exists() {
        jonction_testkit::skipped("mllp_send (python3-hl7) is not installed");
        return;
    }
    let running = start(settings()).await;
    let file = message_file();
    let mut command = Command::new("/usr/bin/mllp_send");
    // `--loose`: the file holds a bare message, the tool frames it.
    command
        .args(["--loose", "--port", &running.address.port().to_string(), "--file"])
        .arg(file.path())
        .arg("127.0.0.1");
    let output = run(command).await;
    let stdout = std::str::from_utf8(&output.stdout).unwrap();
    assert!(stdout.contains("MSA|AA|M1"), "{stdout} {:?}", std::str::from_utf8(&output.stderr));
    assert_eq!(running.engine.control_ids(), ["M1"]);
}

/// Prepares a report, stores it, sends it once.
async fn attempted(sink: &MllpSink) -> AttemptReport {
    let origin = Origin {
        control_id: MessageControlId::parse("M1").unwrap(),
        sending_application: "SIL-ESSAI".to_owned(),
        sending_facility: "HOPITAL-ESSAI".to_owned(),
        receiving_application: "PFI".to_owned(),
        receiving_facility: "PFI".to_owned(),
        processing: "T".to_owned(),
        charset: "UNICODE UTF-8".to_owned(),
        event_time: "20260115101500+0100".to_owned(),
    };
    let report = DeliveryReport {
        origin,
        channel: ReportChannel::Dmp,
        stage: ReportStage::Submission,
        recipient: None,
        verdict: Verdict::Positive,
        wanted: true,
        time: "2026-01-15T09:16:00Z".parse().unwrap(),
    };
    let bodies = Arc::new(MemoryBodies::default());
    let tools = Tools { bodies: bodies.clone(), clock: Arc::new(SystemClock), entropy: Arc::new(OsEntropy) };
    let shape = Shape::DeliveryReport(Box::new(report));
    let part = sink.parts(&shape).remove(0);
    let delivery = Delivery {
        id: DeliveryId(1),
        message: MessageId(1),
        route: RouteName::parse("cr").unwrap(),
        sink: PartnerName::parse("lps").unwrap(),
        shape: Arc::new(shape),
        part,
        attempt: 1,
        after_unknown: false,
        received_at: "2026-01-15T09:15:00Z".parse().unwrap(),
    };
    let prepared = sink.prepare(&delivery, &tools).unwrap();
    let pieces = prepared.pieces.into_iter().map(|piece| match piece {
        Piece::New(bytes) | Piece::Shared { bytes, .. } => bodies.put(bytes),
        Piece::Stored(content) => content,
    });
    let artefact = Artefact { ids: prepared.ids, pieces: pieces.collect() };
    sink.attempt(&delivery, &artefact, &tools).await
}

#[tokio::test]
async fn a_receiver_of_enhanced_mode_is_asked_for_both_acknowledgements_and_waited_for() {
    if !Path::new(PYTHON).exists() {
        jonction_testkit::skipped("python3 is not installed");
        return;
    }
    let mut child = Command::new(PYTHON)
        .args(["-c", RECEIVER, "CA,AA", "CA,AE", "CA", "CE"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port: u16 = lines.next().unwrap().unwrap().parse().unwrap();
    let mut enhanced = settings();
    enhanced.send_to = Some(Target::parse(&format!("mllp://127.0.0.1:{port}")).unwrap());
    enhanced.acknowledgements = Acknowledgements::Enhanced;
    enhanced.z02_on = Z02On::Submission;
    enhanced.limits.client.ack_timeout = Duration::from_millis(500);
    let mut told = Vec::new();
    for _ in 0..4 {
        // One link for each: this receiver answers once per connection.
        let sink = MllpSink::new(
            PartnerName::parse("lps").unwrap(),
            &enhanced,
            jonction_model::Environment::Test,
            None,
        )
        .unwrap();
        let report = attempted(&sink).await;
        let outcome = match &report.outcome {
            Outcome::Done { .. } => "done".to_owned(),
            Outcome::Refuse { code, .. } => format!("refused {}", code.code),
            other => format!("{other:?}"),
        };
        told.push((outcome, report.notes.iter().map(|note| note.check.clone()).collect::<Vec<_>>()));
    }
    let asked: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success());
    assert_eq!(asked, ["AL AL"; 4]);
    let silent = vec!["mllp.no-application-ack".to_owned()];
    assert_eq!(
        told,
        [
            ("done".to_owned(), vec![]),
            ("refused AE".to_owned(), vec![]),
            ("done".to_owned(), silent),
            ("refused CE".to_owned(), vec![])
        ]
    );
}
