//! Against programs that are not ours: a script with a bare socket, and the sender of `python3-hl7`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

mod common;

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use common::{mdm, settings, start};

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
