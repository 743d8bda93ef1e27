//! The same messages read by another library, python-hl7 (Debian package python3-hl7): every leaf must agree.
//! In: messages of our own, and the official samples when they are there. Source: hl7v2.md §10.3 « test oracle ».

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "test code; a skip must be visible")]

use std::{
    io::Write,
    process::{Command, Stdio},
};

use bytes::Bytes;
use jonction_hl7v2::{Limits, Message, bench_support::sample_message};

/// Prints every leaf that is not empty: segment, field, repetition, component, subcomponent, text.
const SCRIPT: &str = r#"
import hl7, sys
def parts(value, kind):
    return list(value) if isinstance(value, kind) else [value]
text = sys.stdin.buffer.read().decode("utf-8")
out = []
for s, segment in enumerate(hl7.parse(text)):
    name = str(segment[0])
    for f, field in enumerate(segment):
        if f == 0 or (name == "MSH" and f <= 2):
            continue
        for r, repetition in enumerate(parts(field, hl7.Field), 1):
            for c, component in enumerate(parts(repetition, hl7.Repetition), 1):
                for u, leaf in enumerate(parts(component, hl7.Component), 1):
                    if str(leaf):
                        out.append("%d %s-%d %d %d %d %s" % (s, name, f, r, c, u, leaf))
sys.stdout.buffer.write("\n".join(out).encode("utf-8"))
"#;

fn theirs(python: &str, raw: &[u8]) -> Vec<String> {
    let mut child = Command::new(python)
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(raw).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn ours(raw: &[u8]) -> Vec<String> {
    let message = Message::parse(Bytes::copy_from_slice(raw), &Limits::default()).unwrap();
    let mut out = Vec::new();
    for (s, segment) in message.segments().enumerate() {
        let id = segment.id();
        for (f, field) in (1..).zip(segment.fields()).filter(|(f, _)| id != "MSH" || *f > 2) {
            for (r, repetition) in (1..).zip(field.repetitions()) {
                for (c, component) in (1..).zip(repetition.components()) {
                    for (u, leaf) in
                        (1..).zip(component.subcomponents()).filter(|(_, leaf)| !leaf.raw().is_empty())
                    {
                        let text = std::str::from_utf8(leaf.raw()).unwrap();
                        out.push(format!("{s} {id}-{f} {r} {c} {u} {text}"));
                    }
                }
            }
        }
    }
    out
}

#[test]
fn another_library_finds_the_same_leaves() {
    let Some(python) = jonction_testkit::python_with("hl7") else {
        return jonction_testkit::skipped("python3-hl7 is not installed");
    };
    let shapes =
        "MSH|^~\\&|A^B&C~D|\rZZ1|a~~b|^x^^&y&|\"\"|\\F\\\\S\\|&|~|^|\rZZ2\rZZ3|||\rOBX|1|TX|||é^à~ù&ï|";
    let mut messages = vec![sample_message(0), sample_message(50_000), shapes.as_bytes().to_vec()];
    if let Some(root) = std::env::var_os("JONCTION_SAMPLES") {
        for entry in std::fs::read_dir(std::path::Path::new(&root).join("hl7v2")).unwrap() {
            let path = entry.unwrap().path();
            let kind = path.extension().map(|kind| kind.to_string_lossy().into_owned());
            if matches!(kind.as_deref(), Some("er7" | "hl7")) {
                // The other library wants CR, no blank line, and only ASCII delimiters.
                let text = std::fs::read_to_string(path).unwrap().replace('˜', "~");
                messages.push(text.trim_end().replace('\n', "\r").into_bytes());
            }
        }
    }
    for raw in messages {
        assert_eq!(ours(&raw), theirs(&python, &raw));
    }
}
