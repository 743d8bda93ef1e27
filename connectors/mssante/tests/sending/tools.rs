//! Independent tools: unzip, Python's zipfile and email, swaks.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use jonction_model::Severity;
use jonction_mssante::simulator::ServerAuth;

use crate::world::{DOCTOR, World};

pub(crate) fn installed(tool: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).stdout(Stdio::null()).status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        jonction_testkit::skipped(format!("{tool} is not installed"));
    }
    found
}

#[tokio::test]
async fn unzip_and_python_open_the_archive_of_a_mail() {
    let world = World::new();
    world.send(&world.submission(&[DOCTOR]), 0).await;
    let folder = tempfile::tempdir().unwrap();
    let (eml, zip) = (folder.path().join("mail.eml"), folder.path().join("IHE_XDM.zip"));
    let stored = &world.simulator.mails()[0];
    std::fs::write(&eml, &stored.raw).unwrap();
    let mail = stored.read().unwrap();
    std::fs::write(&zip, mail.leaves().find(|part| part.name == "IHE_XDM.zip").unwrap().content()).unwrap();

    if installed("unzip") {
        let tested = Command::new("unzip").arg("-tqq").arg(&zip).status().unwrap();
        assert!(tested.success());
    }
    if installed("python3") {
        const SCRIPT: &str = r#"
import sys, io, email, email.policy, zipfile, hashlib, xml.etree.ElementTree as ET
m = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=email.policy.default)
assert not [d for p in m.walk() for d in p.defects], "defects"
parts = {p.get_filename(): p.get_payload(decode=True) for p in m.iter_attachments()}
z = zipfile.ZipFile(io.BytesIO(parts["IHE_XDM.zip"]))
assert z.testzip() is None
names = z.namelist()
assert {"INDEX.HTM", "README.TXT", "IHE_XDM/SUBSET01/METADATA.XML", "IHE_XDM/SUBSET01/DOC00001.XML"} <= set(names), names
document = z.read("IHE_XDM/SUBSET01/DOC00001.XML")
metadata = ET.fromstring(z.read("IHE_XDM/SUBSET01/METADATA.XML"))
rim = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"
slots = {s.get("name"): [v.text for v in s.iter(rim + "Value")] for s in metadata.find(".//" + rim + "ExtrinsicObject").iter(rim + "Slot")}
assert slots["hash"] == [hashlib.sha1(document).hexdigest()], slots["hash"]
assert slots["size"] == [str(len(document))], slots["size"]
pdf = [n for n in parts if n.endswith(".pdf")]
assert pdf == ["20261120_CR d'imagerie médicale_TESTEUR-ÉLÉONORE_ANNE.pdf"], pdf
print(str(m["subject"]))
"#;
        let output = Command::new("python3")
            .args(["-c", SCRIPT])
            .arg(&eml)
            .env("PYTHONIOENCODING", "utf-8")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", output.stderr.escape_ascii());
        let subject = String::from_utf8(output.stdout).unwrap();
        assert_eq!(subject.trim(), "XDM/1.0/DDM+CR d'imagerie médicale TESTEUR-ÉLÉONORE ANNE 28/02/1980");
    }
}

/// Another client talks to our simulator, and is judged like ours.
#[tokio::test(flavor = "multi_thread")]
async fn swaks_sends_to_the_simulator_and_is_judged() {
    if !installed("swaks") {
        return;
    }
    let world = World::with(|simulator| simulator.auth = ServerAuth::Open, |_| {});
    let port = world.simulator.address().port().to_string();
    let status = tokio::task::spawn_blocking(move || {
        let mut swaks = Command::new("swaks")
            .args(["--server", "127.0.0.1", "--port", &port, "--tls", "--timeout", "10"])
            .args(["--from", "essai@hopital-a.mssante.example", "--to", DOCTOR, "--data", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mail = "From: essai@hopital-a.mssante.example\nTo: camille.martin@ville.mssante.example\nSubject: bonjour\nMessage-Id: <swaks.1@hopital-a.mssante.example>\n\ntexte\n";
        swaks.stdin.take().unwrap().write_all(mail.as_bytes()).unwrap();
        swaks.wait_with_output().unwrap()
    })
    .await
    .unwrap();

    assert!(status.status.success(), "{}", status.stdout.escape_ascii());
    let judged = world.simulator.verdicts().list();
    let errors: Vec<_> = judged[0]
        .findings
        .iter()
        .filter(|f| f.severity == Severity::Error)
        .map(|f| f.check.as_str())
        .collect();
    assert_eq!(
        errors,
        ["mssante/MSS-M14", "mssante/MSS-M19"],
        "no display name, no X-MSS-NIL; a text-only mail otherwise"
    );
    assert_eq!(world.simulator.mails()[0].message_id, "swaks.1@hopital-a.mssante.example");
}
