//! What we did not write reads the same: Python's `email` and `zipfile`, `unzip`, `openssl`.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use jonction_model::{BodyId, MssAddress, ReportCode};
use jonction_mssante::incoming::receipt::{MdnProfile, ReadingOutcome, ReceiptRequest, write};

use super::world::*;

fn installed(tool: &str, version: &str) -> bool {
    let found = Command::new(tool).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        jonction_testkit::skipped(format!("{tool} is not installed"));
    }
    found
}

fn python(script: &str, input: &[u8]) -> serde_json::Value {
    let mut python = Command::new("python3")
        .args(["-c", script])
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, input) = (python.stdin.take().unwrap(), input.to_vec());
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn python_and_unzip_find_the_same_documents_in_the_same_mail() {
    let sets = [
        vec![doc(), Doc { id: "1.2.250.1.999.2.2", ..doc() }],
        vec![Doc { id: "1.2.250.1.999.2.3", ..doc() }],
    ];
    let raw = carrying(&sets);
    let submissions = read(&raw).submissions();
    let ours: Vec<String> = submissions
        .iter()
        .flat_map(|s| documents(&raw, s))
        .map(|bytes| BodyId::of(&bytes).to_string())
        .collect();
    assert_eq!(ours.len(), 3);

    if installed("python3", "--version") {
        const SCRIPT: &str = r#"
import sys, io, json, hashlib, zipfile, email, email.policy
m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
z = zipfile.ZipFile(io.BytesIO([p for p in m.iter_attachments()][0].get_payload(decode=True)))
print(json.dumps([hashlib.sha256(z.read(n)).hexdigest() for n in z.namelist() if "/DOC" in n]))
"#;
        assert_eq!(python(SCRIPT, &raw), serde_json::json!(ours));
    }
    if installed("unzip", "-v") {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("IHE_XDM.zip");
        std::fs::write(&path, archive(&sets)).unwrap();
        let output = Command::new("unzip").arg("-p").arg(&path).arg("*/DOC00002.XML").output().unwrap();
        assert_eq!(BodyId::of(&output.stdout).to_string(), ours[1]);
    }
}

#[test]
fn python_reads_our_notices_without_a_defect() {
    if !installed("python3", "--version") {
        return;
    }
    const SCRIPT: &str = r#"
import sys, json, email, email.policy
m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
parts = list(m.iter_parts())
fields = parts[1].get_payload()[0]
print(json.dumps({
  "type": m.get_content_type(), "report": m.get_param("report-type"), "subject": str(m["subject"]),
  "defects": [str(d) for p in m.walk() for d in p.defects], "parts": [p.get_content_type() for p in parts],
  "auto": m["auto-submitted"], "disposition": fields["disposition"], "error": fields["error"],
  "original": fields["original-message-id"], "returned": parts[2].get_payload()[0]["message-id"]}))
"#;
    let raw = carrying(&[vec![doc()]]);
    let (incoming, mailbox) = (read(&raw), MssAddress::parse("dossier@hopital-a.mssante.example").unwrap());
    let outcome = ReadingOutcome::Failed {
        code: ReportCode::new("902", "Identifiant patient inconnu"),
        details: vec![],
    };
    let request = ReceiptRequest {
        incoming: &incoming,
        mailbox: &mailbox,
        name: "Hôpital A",
        outcome: &outcome,
        profile: MdnProfile::V113,
        now: "2026-02-20T07:31:00Z".parse().unwrap(),
        size_max: 25 << 20,
        to_others: false,
    };
    let seen = python(SCRIPT, &write(&request).unwrap().bytes);
    assert_eq!(
        seen,
        serde_json::json!({
            "type": "multipart/report", "report": "disposition-notification",
            "subject": "[KO Intégration système !][902] XDM/1.0/DDM+CR d'imagerie PAT-TROIS DOMINIQUE 28/03/1979",
            "defects": [], "parts": ["text/plain", "message/disposition-notification", "message/rfc822"],
            "auto": "auto-replied", "disposition": "automatic-action/MDN-sent-automatically; processed/error",
            "error": "902^Identifiant patient inconnu", "original": "<0001@ville.mssante.example>",
            "returned": "<0001@ville.mssante.example>",
        })
    );
}

/// Row 22: opaque envelopes as OpenSSL writes them, with definite and with indefinite lengths.
#[test]
fn what_openssl_signs_is_opened_and_what_it_encrypts_is_told() {
    if !installed("openssl", "version") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let status =
            Command::new("openssl").args(arguments).current_dir(&folder).stderr(Stdio::null()).status();
        assert!(status.unwrap().success(), "{arguments:?}");
        std::fs::read(folder.path().join("out")).unwrap()
    };
    let write =
        |name: &str, bytes: &[u8]| std::fs::write(Path::new(folder.path()).join(name), bytes).unwrap();
    let inner = String::from_utf8(carrying(&[vec![doc()]]).to_vec()).unwrap();
    write("inner", &inner.as_bytes()[inner.find("MIME-Version").unwrap()..]);
    run(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "key",
        "-out",
        "out",
        "-days",
        "2",
        "-subj",
        "/CN=essai",
    ]);
    std::fs::rename(folder.path().join("out"), folder.path().join("cert")).unwrap();
    let sign = ["smime", "-sign", "-in", "inner", "-signer", "cert", "-inkey", "key", "-out", "out"];
    for options in [["-nodetach", "-binary"].as_slice(), &["-nodetach", "-binary", "-stream"], &["-binary"]] {
        let signed = run(&[sign.as_slice(), options].concat());
        let raw = [HEAD.as_bytes(), &signed].concat().into();
        let incoming = read(&raw);
        assert!(incoming.findings.iter().any(|f| f.check == "mime.signature-not-verified"), "{options:?}");
        let submissions = incoming.submissions();
        assert_eq!(submissions.len(), 1, "{options:?}");
        if obstacles(&submissions[0]).is_empty() {
            assert_eq!(documents(&raw, &submissions[0]), [doc().content()], "{options:?}");
        } else {
            assert_eq!(obstacles(&submissions[0]), [("906", "mssante.document-in-pieces")], "{options:?}");
        }
    }
    let encrypted = run(&["smime", "-encrypt", "-aes256", "-in", "inner", "-out", "out", "cert"]);
    let incoming = read(&[HEAD.as_bytes(), &encrypted].concat().into());
    assert!(codes(&incoming).contains(&"mime.encrypted"));
}
