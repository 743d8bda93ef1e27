//! What leaves, byte by byte, and what independent tools say of it. Over a pipe in one process: no socket, no clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "test code")]

mod world;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex, OnceLock},
};

use bytes::Bytes;
use jiff::Timestamp;
use jonction_certs_dev::{DevAuthority, Leaf, Structure};
use jonction_dmp::{Dial, DmpSink, Stream};
use jonction_model::*;
use jonction_net::{DialError, Reloadable};
use jonction_ports::*;
use jonction_soap::certificate::SigningIdentity;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use world::*;

const NOW: &str = "2026-03-01T10:00:00.250Z";
const FIRST: &str = "1.2.250.1.999.7.1";
const SECOND: &str = "1.2.250.1.999.7.2";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// Certificates of a fixed day: what is golden does not depend on today.
fn fixed_authority() -> &'static DevAuthority {
    static AUTHORITY: OnceLock<(TempDir, DevAuthority)> = OnceLock::new();
    let made = AUTHORITY.get_or_init(|| {
        let temp = tempfile::tempdir().unwrap();
        let structure =
            Structure { name: "CH DES TILLEULS FICTIFS".to_owned(), finess: "120456789".to_owned() };
        let authority = DevAuthority::ensure(&temp.path().join("certs"), now(), &structure).unwrap();
        (temp, authority)
    });
    &made.1
}

/// A DMP at the end of a pipe: keeps what it reads, answers what it was given.
#[derive(Default)]
struct Pipe {
    received: Mutex<Vec<Bytes>>,
    answers: Mutex<Vec<&'static str>>,
}

struct PipeDial(Arc<Pipe>);

impl Dial for PipeDial {
    fn dial(&self) -> BoxFuture<'_, Result<Box<dyn Stream>, DialError>> {
        let pipe = self.0.clone();
        Box::pin(async move {
            let (ours, mut theirs) = tokio::io::duplex(64 << 10);
            tokio::spawn(async move {
                let request = read_request(&mut theirs).await;
                let text = String::from_utf8(request.to_vec()).unwrap();
                let message_id = between(&text, "<wsa:MessageID>", "</wsa:MessageID>").to_owned();
                pipe.received.lock().unwrap().push(request);
                let body = pipe.answers.lock().unwrap().remove(0).replace("{MessageID}", &message_id);
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                theirs.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await.unwrap();
            });
            Ok(Box::new(ours) as Box<dyn Stream>)
        })
    }
}

async fn read_request(stream: &mut (impl AsyncReadExt + Unpin)) -> Bytes {
    let mut bytes = Vec::new();
    loop {
        let text = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(head) = text {
            let length = between(std::str::from_utf8(&bytes[..head]).unwrap(), "content-length: ", "\r\n");
            if bytes.len() == head + 4 + length.parse::<usize>().unwrap() {
                return bytes.into();
            }
        }
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "request cut");
        bytes.extend_from_slice(&buffer[..read]);
    }
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("{start} not found"));
    rest.split_once(end).map_or(rest, |(inside, _)| inside)
}

fn element<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let from = text.find(start).unwrap_or_else(|| panic!("{start} not found"));
    &text[from..from + text[from..].find(end).unwrap() + end.len()]
}

macro_rules! answer {
    ($body:literal) => {
        concat!(
            "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' xmlns:a='http://www.w3.org/2005/08/addressing'>",
            "<s:Header><a:RelatesTo>{MessageID}</a:RelatesTo></s:Header><s:Body>",
            $body,
            "</s:Body></s:Envelope>"
        )
    };
}

const SUCCESS: &str = answer!(
    "<rs:RegistryResponse xmlns:rs='urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0' \
     status='urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success'/>"
);
const FOUND: &str = answer!(
    "<q:AdhocQueryResponse xmlns:q='urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0' \
     status='urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success'>\
     <r:RegistryObjectList xmlns:r='urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0'>\
     <r:ObjectRef id='urn:uuid:11111111-2222-4333-8444-555555555555'/></r:RegistryObjectList></q:AdhocQueryResponse>"
);

/// Runs one delivery against the pipe, under a fixed clock and seed; gives each request.
async fn requests(
    answers: &[&'static str],
    asked: impl FnOnce(&MemoryBodies) -> DocumentSubmission,
) -> Vec<String> {
    let pipe = Arc::new(Pipe { answers: Mutex::new(answers.to_vec()), ..Pipe::default() });
    let read = |path: PathBuf| fs::read(path).unwrap();
    let authority = fixed_authority();
    let seal =
        SigningIdentity::from_pem(&read(authority.chain_of(Leaf::Sign)), &read(authority.key_of(Leaf::Sign)));
    let sink = DmpSink::new(
        PartnerName::parse("dmp-national").unwrap(),
        settings("https://dmp.example/si-dmp-server/v2/services"),
        Environment::Test,
        Reloadable::new(Arc::new(seal.unwrap())),
        Arc::new(PipeDial(pipe.clone())),
    );
    let bodies = Arc::new(MemoryBodies::default());
    let tools = Tools {
        bodies: bodies.clone(),
        clock: Arc::new(ManualClock::at(now())),
        entropy: Arc::new(SeededEntropy::new(7)),
    };
    let shape = Shape::DocumentSubmission(Box::new(asked(&bodies)));
    let delivery = Delivery {
        id: DeliveryId(1),
        message: MessageId(1),
        route: RouteName::parse("cr-imagerie").unwrap(),
        sink: sink.name().clone(),
        part: sink.parts(&shape).remove(0),
        shape: Arc::new(shape),
        attempt: 1,
        after_unknown: false,
        received_at: now(),
    };
    let prepared = sink.prepare(&delivery, &tools).unwrap();
    let pieces = prepared.pieces.into_iter().map(|piece| match piece {
        Piece::New(bytes) | Piece::Shared { bytes, .. } => bodies.put(bytes),
        Piece::Stored(content) => content,
    });
    let artefact = Artefact { ids: prepared.ids, pieces: pieces.collect() };
    let report = sink.attempt(&delivery, &artefact, &tools).await;
    assert!(word(&report).starts_with("done"), "{report:?}");
    let received = pipe.received.lock().unwrap();
    let body =
        |request: &Bytes| request.len() - request.windows(4).position(|w| w == b"\r\n\r\n").unwrap() - 4;
    assert_eq!(received.iter().map(body).sum::<usize>() as u64, report.bytes_sent);
    received.iter().map(|request| String::from_utf8(request.to_vec()).unwrap()).collect()
}

fn submit(bodies: &MemoryBodies) -> DocumentSubmission {
    submission(Operation::Submit, vec![document(bodies, FIRST, None)])
}

fn replace(bodies: &MemoryBodies) -> DocumentSubmission {
    submission(Operation::Replace, vec![document(bodies, SECOND, Some(FIRST))])
}

fn delete(bodies: &MemoryBodies) -> DocumentSubmission {
    submission(Operation::Delete, vec![document(bodies, FIRST, None)])
}

/// Replaces what a key or a certificate decides, and the document.
fn masked(request: &str, document: &str) -> String {
    let mut text = request.replace(document, "{document}");
    for (start, end) in [
        ("<ds:SignatureValue>", "</"),
        ("<ds:DigestValue>", "</"),
        ("<xad:DigestValue>", "</"),
        ("<ds:X509Certificate>", "</"),
        ("<ds:X509SerialNumber>", "</"),
        ("content-length: ", "\r\n"),
    ] {
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once(start) {
            let tail = after.find(end).map_or("", |at| &after[at..]);
            out += before;
            out += start;
            // An empty digest stands for the set: it is a constant, and stays.
            out += if after.starts_with("AA==") { "AA==" } else { "{masked}" };
            rest = tail;
        }
        text = out + rest;
    }
    text.replace("\r\n", "\n").replace("><", ">\n<")
}

fn golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{name} differs; UPDATE=1 rewrites it");
}

#[tokio::test]
async fn requests_are_those_of_the_golden_files() {
    let text = |id, replaces| String::from_utf8(cda(id, replaces).to_vec()).unwrap();

    let fed = requests(&[SUCCESS], submit).await;
    let replaced = requests(&[FOUND, SUCCESS], replace).await;
    let deleted = requests(&[FOUND, SUCCESS], delete).await;

    golden("td2.1-new.http", &masked(&fed[0], &text(FIRST, None)));
    golden("td3.1b.http", &masked(&replaced[0], "\0"));
    golden("td2.1-replacement.http", &masked(&replaced[1], &text(SECOND, Some(FIRST))));
    golden("td3.3c.http", &masked(&deleted[1], "\0"));
}

/// The same seed, time and key give the same lot; nothing that is prepared depends on the answers of the DMP.
#[tokio::test]
async fn the_same_seed_gives_the_same_request() {
    let (first, second) = (requests(&[SUCCESS], submit).await, requests(&[SUCCESS], submit).await);
    assert_eq!(first, second);
}

#[tokio::test]
async fn the_link_written_at_sending_is_the_one_the_metadata_room_would_write() {
    let sent = requests(&[FOUND, SUCCESS], replace).await;
    let body = between(&sent[1], "<soap:Body>", "</soap:Body>");

    let read = jonction_xds::ebrim::read_provide_and_register(body.as_bytes(), &Default::default()).unwrap();

    let link = read.value.submission.associations.last().unwrap().clone();
    let expected = jonction_xds::Association {
        id: "ln01".to_owned(),
        slots: vec![jonction_xds::Slot::one("SubmissionSetStatus", "Original")],
        ..jonction_xds::Association::new(
            1,
            jonction_xds::AssociationKind::Replaces,
            "Document01",
            "urn:uuid:11111111-2222-4333-8444-555555555555",
        )
    };
    assert_eq!((link, read.notes), (expected, vec![]));
}

fn tool(name: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(name).args(arguments).stdin(Stdio::null()).output() {
        Ok(output) => Some(output),
        Err(_) => {
            jonction_testkit::skipped(format!("{name} is not installed"));
            None
        }
    }
}

fn xmlsec1_accepts(xml: &str, id_attributes: &[&str]) -> Option<bool> {
    let temp = tempfile::tempdir().unwrap();
    let (signed, intermediate) = (temp.path().join("signed.xml"), temp.path().join("intermediate.pem"));
    fs::write(&signed, xml).unwrap();
    let chain = fs::read_to_string(fixed_authority().chain_of(Leaf::Sign)).unwrap();
    fs::write(&intermediate, chain.split_inclusive("-----END CERTIFICATE-----").nth(1).unwrap().trim())
        .unwrap();
    let root = fixed_authority().root().to_str().unwrap();
    let mut arguments = vec!["--verify", "--ignore-manifests", "--verification-time", "2026-03-01 10:00:00"];
    arguments.extend(["--trusted-pem", root, "--untrusted-pem", intermediate.to_str().unwrap()]);
    arguments.extend(id_attributes);
    arguments.push(signed.to_str().unwrap());
    let output = tool("xmlsec1", &arguments)?;
    if !output.status.success() {
        eprintln!("xmlsec1: {}", String::from_utf8(output.stderr).unwrap());
    }
    Some(output.status.success())
}

const LOT_IDS: [&str; 4] = [
    "--id-attr:Id",
    "http://www.w3.org/2000/09/xmldsig#:Manifest",
    "--id-attr:Id",
    "http://uri.etsi.org/01903/v1.1.1#:SignedProperties",
];

#[tokio::test]
async fn an_independent_tool_verifies_the_vihf_and_the_signature_of_the_lot() {
    let sent = requests(&[SUCCESS], submit).await;
    let assertion = element(&sent[0], "<saml2:Assertion", "</saml2:Assertion>");
    let (_, parts) = sent[0].split_once("Content-ID: <Signature01.").unwrap();
    let lot = element(parts, "<ds:Signature ", "</ds:Signature>");
    let saml = ["--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:assertion:Assertion"];

    let Some(vihf_holds) = xmlsec1_accepts(assertion, &saml) else { return };

    assert!(vihf_holds);
    assert_eq!(xmlsec1_accepts(&assertion.replace("801234567897", "801234567890"), &saml), Some(false));
    assert_eq!(xmlsec1_accepts(lot, &LOT_IDS), Some(true));
    assert_eq!(xmlsec1_accepts(&lot.replace("urn:oid:1.2", "urn:oid:1.3"), &LOT_IDS), Some(false));
}

#[tokio::test]
async fn an_independent_tool_finds_every_envelope_well_formed() {
    let sent = requests(&[FOUND, SUCCESS], replace).await;
    let temp = tempfile::tempdir().unwrap();
    for (at, request) in sent.iter().enumerate() {
        let path = temp.path().join(format!("{at}.xml"));
        fs::write(&path, element(request, "<?xml", "</soap:Envelope>")).unwrap();
        let Some(output) = tool("xmllint", &["--noout", "--nonet", path.to_str().unwrap()]) else { return };
        assert!(output.status.success(), "{}", String::from_utf8(output.stderr).unwrap());
    }
}
