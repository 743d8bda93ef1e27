//! The simulated DMP against clients of all sorts: mutated requests, wrong modes, hostile bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "test code")]

mod world;

use std::fs;

use bytes::Bytes;
use jiff::Timestamp;
use jonction_certs_dev::Leaf;
use jonction_dmp::simulator::Captured;
use jonction_model::*;
use jonction_net::{ClientTls, Endpoint, client_config};
use jonction_soap::{
    envelope::{self, CONTENT_TYPE, RequestHead},
    vihf::{Automate, Dialect, Lps, Mode, Vihf},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use world::*;

const FIRST: &str = "1.2.250.1.999.7.1";
const QUERY: &str = "urn:ihe:iti:2007:RegistryStoredQuery";

/// Sends bytes as one HTTP request and gives the whole answer as text.
async fn post(world: &World, service: &str, content_type: &str, body: &[u8]) -> String {
    let head = format!(
        "POST /si-dmp-server/v2/services/{service} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    raw(world, &[head.as_bytes(), body].concat()).await
}

async fn raw(world: &World, bytes: &[u8]) -> String {
    let endpoint = Endpoint::parse(&format!("localhost:{}", world.simulator.addr().port())).unwrap();
    let tls = ClientTls::new(client_config(&anchors(), Some(&identity(Leaf::AuthCli))).unwrap());
    let wait = std::time::Duration::from_secs(10);
    let mut stream = jonction_net::dial(&endpoint, Some(&tls), wait).await.unwrap();
    // A simulator that answers before it has read everything may close first.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// A good TD2.1 request that no simulator has seen yet.
async fn good_lot() -> Captured {
    let world = World::new(Setup::default());
    world.send(world.submit(FIRST)).await;
    world.simulator.captured().remove(0)
}

/// The same with one text changed; the text must be there.
fn changed(captured: &Captured, from: &str, to: &str) -> Bytes {
    let at = captured
        .body
        .windows(from.len())
        .position(|window| window == from.as_bytes())
        .expect("the text to change");
    [&captured.body[..at], to.as_bytes(), &captured.body[at + from.len()..]].concat().into()
}

async fn answered(body: &[u8], content_type: &str) -> (String, World) {
    let world = World::new(Setup::default());
    let answer = post(&world, "repository", content_type, body).await;
    (answer, world)
}

fn found(world: &World, check: &str) -> bool {
    world.findings().iter().any(|finding| finding.starts_with(check))
}

#[tokio::test]
async fn a_captured_request_is_taken_once_and_its_replay_is_found() {
    let lot = good_lot().await;
    let (first, world) = answered(&lot.body, &lot.content_type).await;
    assert!(first.contains("ResponseStatusType:Success"), "{first}");

    let again = post(&world, "repository", &lot.content_type, &lot.body).await;

    assert!(again.contains("dmp/VIHF-22"), "{again}");
    assert!(found(&world, "dmp/SOAP-04") && found(&world, "dmp/VIHF-22"));
    assert_eq!(world.held().len(), 1);
}

#[tokio::test]
async fn each_mutation_is_refused_for_its_own_reason_and_nothing_is_stored() {
    let lot = good_lot().await;
    let text = String::from_utf8(lot.body.to_vec()).unwrap();
    let part = |start: &str, end: &str| {
        let from = text.find(start).unwrap();
        text[from..from + text[from..].find(end).unwrap() + end.len()].to_owned()
    };
    let signature = part("<ds:Signature ", "</ds:Signature>");
    let assertion = part("<saml2:Assertion", "</saml2:Assertion>");
    let message_id = part("<wsa:MessageID>", "</wsa:MessageID>");
    for (from, to, code, check) in [
        (signature.as_str(), "", "DMPInvalidCertificate", "dmp/VIHF-03"),
        (assertion.as_str(), "", "DMPInvalidCertificate", "dmp/VIHF-01"),
        ("<saml2:NameID>8", "<saml2:NameID>0", "DMPInvalidCertificate", "dmp/VIHF-03"),
        (message_id.as_str(), "", "dmp/SOAP-02", "dmp/SOAP-02"),
        ("Set-b</wsa:Action>", "Set-a</wsa:Action>", "dmp/SOAP-03", "dmp/SOAP-03"),
        ("compte rendu fictif", "compte rendu FICTIF", "XDSRegistryMetadataError", "dmp/SUB-09"),
        (
            "nodeRepresentation=\"18748-4\"",
            "nodeRepresentation=\"EXPORT_DUI\"",
            "XDSRegistryMetadataError",
            "xds/DE-03",
        ),
        (
            "<rim:Value>fr-FR</rim:Value>",
            "<rim:Value>FR-fr</rim:Value>",
            "XDSRegistryMetadataError",
            "xds/DE-09",
        ),
        (
            "<rim:Value>Original</rim:Value>",
            "<rim:Value>Reference</rim:Value>",
            "XDSRegistryMetadataError",
            "xds/SUB-07",
        ),
        ("href=\"cid:Document01", "href=\"cid:Document09", "dmp/MTOM-02", "dmp/MTOM-02"),
        (
            "<xdsb:Document id=\"Document01\"",
            "<xdsb:Document id=\"document01\"",
            "dmp/MTOM-03",
            "dmp/MTOM-03",
        ),
        ("<soap:Envelope", "<!DOCTYPE x><soap:Envelope", "illisible", "dmp/SOAP-06"),
    ] {
        let (answer, world) = answered(&changed(&lot, from, to), &lot.content_type).await;
        assert!(answer.contains(code), "{from}: {answer}");
        assert!(found(&world, check), "{from}: {:?}", world.findings());
        assert_eq!(world.held(), [], "{from}");
    }
}

#[tokio::test]
async fn a_signed_vihf_of_another_mode_or_register_is_refused() {
    for (mode, domain, expected) in [
        (Mode::IndirecteRenforcee, InsDomain::TestNir, "dmp/VIHF-15"),
        (Mode::Indirecte, InsDomain::Nir, "dmp/INS-02"),
    ] {
        let world = World::new(Setup::default());
        let answer = query(&world, mode, domain, "ObjectRef", &[FIRST]).await;
        assert!(answer.contains(expected), "{answer}");
    }
}

#[tokio::test]
async fn the_indirect_mode_searches_references_only() {
    let world = World::new(Setup::default());
    world.send(world.submit(FIRST)).await;
    let entry_uuid = world.simulator.documents()[0].entry_uuid.clone();

    let references = query(&world, Mode::Indirecte, InsDomain::TestNir, "ObjectRef", &[FIRST]).await;
    let metadata = query(&world, Mode::Indirecte, InsDomain::TestNir, "LeafClass", &[FIRST]).await;
    let direct = query(&world, Mode::Directe, InsDomain::TestNir, "LeafClass", &[FIRST]).await;

    assert!(references.contains(&entry_uuid) && !references.contains("ExtrinsicObject"), "{references}");
    assert!(metadata.contains("DMPAccessDeniedByRightsService"), "{metadata}");
    assert!(found(&world, "dmp/QRY-07"));
    assert!(direct.contains("rim:ExtrinsicObject") && direct.contains(&entry_uuid), "{direct}");
}

#[tokio::test]
async fn more_than_twenty_documents_or_none_in_a_query_are_found() {
    let world = World::new(Setup::default());
    let ids: Vec<_> = (0..21).map(|n| format!("1.2.3.{n}")).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();

    query(&world, Mode::Indirecte, InsDomain::TestNir, "ObjectRef", &ids).await;
    let none = query(&world, Mode::Indirecte, InsDomain::TestNir, "ObjectRef", &[]).await;

    assert!(found(&world, "dmp/QRY-03") && found(&world, "dmp/QRY-01"), "{:?}", world.findings());
    assert!(none.contains("XDSStoredQueryMissingParam"), "{none}");
}

/// A query with a VIHF of our choice, well signed.
async fn query(world: &World, mode: Mode, domain: InsDomain, return_type: &str, ids: &[&str]) -> String {
    let now: Timestamp = SystemClock.now();
    let mut vihf = Vihf::automate(Automate {
        id: format!("_{}", OsEntropy.uuid()),
        now,
        responsible: "801234567897",
        names: "Essai, 1, simulateur",
        structure: StructureId::prefixed(STRUCTURE),
        sector: "SA01",
        patient: Some(InsIdentity { ins: patient_ins(), domain }),
        lps: Lps {
            id: None,
            name: "Essai".to_owned(),
            version: "1".to_owned(),
            homologation: "ESSAI".to_owned(),
        },
    });
    vihf.mode = mode;
    if mode == Mode::Directe {
        vihf.roles[0] = CodedValue {
            code: "60".to_owned(),
            system: "1.2.250.1.71.1.2.7".to_owned(),
            label: "Infirmier".to_owned(),
        };
    }
    let assertion = vihf.sign(&Dialect::default(), &seal(Leaf::Sign)).unwrap();
    let list = ids.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(",");
    let slot = match ids {
        [] => String::new(),
        _ => format!(
            "<rim:Slot name=\"$XDSDocumentEntryUniqueId\"><rim:ValueList><rim:Value>({list})</rim:Value></rim:ValueList></rim:Slot>"
        ),
    };
    let body = format!(
        "<query:AdhocQueryRequest xmlns:query=\"urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0\" \
         xmlns:rim=\"urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0\"><query:ResponseOption returnComposedObjects=\"true\" \
         returnType=\"{return_type}\"/><rim:AdhocQuery id=\"urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4\">{slot}\
         </rim:AdhocQuery></query:AdhocQueryRequest>"
    );
    let head = RequestHead {
        message_id: &format!("urn:uuid:{}", OsEntropy.uuid()),
        to: &world.simulator.url(),
        action: QUERY,
        assertion: Some(&assertion.bytes),
    };
    let envelope = envelope::write_request(&head, body.as_bytes()).unwrap();
    post(world, "registry", CONTENT_TYPE, &envelope).await
}

#[tokio::test]
async fn a_request_cut_anywhere_is_refused_and_the_simulator_goes_on() {
    let lot = good_lot().await;
    let world = World::new(Setup::default());
    let length = lot.body.len();
    let cuts =
        (0..60).map(|n| n * 150).chain((1..30).map(|n| length * n / 30)).chain([length - 1, length - 5]);

    for cut in cuts.filter(|cut| *cut < length - 2) {
        let answer = post(&world, "repository", &lot.content_type, &lot.body[..cut]).await;
        assert!(answer.contains("soap:Fault"), "cut at {cut}: {answer}");
    }

    assert_eq!(world.held(), []);
    assert_eq!(answered_by(&world, &lot).await, "Success");
}

async fn answered_by(world: &World, lot: &Captured) -> &'static str {
    let answer = post(world, "repository", &lot.content_type, &lot.body).await;
    if answer.contains("ResponseStatusType:Success") { "Success" } else { "other" }
}

#[tokio::test]
async fn hostile_bytes_are_answered_or_cut_and_the_simulator_goes_on() {
    let lot = good_lot().await;
    let world =
        World::new(Setup { simulator: |config| config.request_bytes_max = 1 << 20, ..Setup::default() });
    let deep = "<a>".repeat(100_000);
    let bomb = "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>";

    for body in [deep.as_bytes(), bomb.as_bytes(), b"", b"\xff\xfe", &vec![b' '; (1 << 20) + 1]] {
        let answer = post(&world, "registry", CONTENT_TYPE, body).await;
        assert!(answer.starts_with("HTTP/1.1 500") || answer.starts_with("HTTP/1.1 413"), "{answer}");
    }
    assert!(post(&world, "patients", CONTENT_TYPE, b"<a/>").await.starts_with("HTTP/1.1 404"));
    assert!(
        raw(&world, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 405")
    );
    raw(&world, &[b'x'; 1_000_000]).await;

    assert_eq!(answered_by(&world, &lot).await, "Success");
}

/// The lines of a verdict and of a request tell what happened, and never to whom.
#[tokio::test]
async fn verdicts_and_records_name_nobody() {
    let world = World::new(Setup::default());
    world.send(world.submit(FIRST)).await;
    world.simulator.set_faults(["metadata-error"]).unwrap();
    world.send(world.submit("1.2.250.1.999.7.2")).await;

    let shown = format!(
        "{:?} {:?} {:?} {:?}",
        world.simulator.documents(),
        world.simulator.requests(),
        world.simulator.verdicts(),
        world.simulator.captured()
    );

    for person in [patient_ins().expose(), "MARTEL", "BASILE", "SAULE", "IPP-4242"] {
        assert!(!shown.contains(person), "{person} in {shown}");
    }
    let checks = &world.simulator.verdicts()[0].checks;
    for check in ["dmp/SOAP-01", "dmp/MTOM-01", "dmp/VIHF-01", "xds/SUB-01", "dmp/SUB-09", "dmp/INS-01"] {
        assert!(checks.contains(&check), "{check} not in {checks:?}");
    }
}

#[tokio::test]
async fn a_bad_fault_plan_offers_the_nearest_name() {
    let world = World::new(Setup::default());
    let error = world.simulator.set_faults(["tls-abrt", "busy"]).unwrap_err();
    assert_eq!(error.remedy, "vouliez-vous « tls-abort » ?");
    assert!(fs::exists(authority().root()).unwrap());
    assert_eq!(word(&world.send(world.submit(FIRST)).await), "done déposé");
}
