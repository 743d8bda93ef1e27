//! The sink against the simulated DMP, over real mutual TLS: what is fed, replaced, deleted, refused, retried.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "test code")]

mod world;

use std::{sync::Arc, time::Duration};

use jonction_cda::Header;
use jonction_dmp::simulator::{DmpState, Severeness};
use jonction_model::*;
use jonction_ports::*;
use world::*;

const FIRST: &str = "1.2.250.1.999.7.1";
const SECOND: &str = "1.2.250.1.999.7.2";

fn held(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(id, status)| ((*id).to_owned(), (*status).to_owned())).collect()
}

const NOTHING: Vec<String> = Vec::new();

#[tokio::test]
async fn a_document_is_fed_and_arrives_byte_for_byte_and_no_check_finds_anything() {
    let world = World::new(Setup::default());

    let report = world.send(world.submit(FIRST)).await;

    assert_eq!(word(&report), "done déposé", "{report:?}");
    assert_eq!(report.code.as_deref(), Some("Success"));
    assert_eq!(world.held(), held(&[(FIRST, "Approved")]));
    assert_eq!(world.simulator.content(FIRST).unwrap(), cda(FIRST, None));
    assert_eq!(world.findings(), NOTHING);
    // Never a search after a success (EX_3.1-2030), none before a first version either.
    assert_eq!(world.transactions(), ["TD2.1 Success"]);
}

#[tokio::test]
async fn two_documents_are_one_lot_with_one_signature() {
    let world = World::new(Setup::default());
    let documents = vec![document(&world.bodies, FIRST, None), document(&world.bodies, SECOND, None)];

    let report = world.send(submission(Operation::Submit, documents)).await;

    assert_eq!(word(&report), "done déposé", "{report:?}");
    let stored = world.simulator.documents();
    assert_eq!(stored.len(), 3);
    assert_eq!(stored.iter().filter(|document| document.signature).count(), 1);
    assert!(stored.iter().all(|document| document.submission_set == stored[0].submission_set));
    assert_eq!(world.simulator.content(SECOND).unwrap(), cda(SECOND, None));
    assert_eq!(world.findings(), NOTHING);
}

#[tokio::test]
async fn a_replacement_asks_for_the_current_version_then_deprecates_it() {
    let world = World::new(Setup::default());
    world.send(world.submit(FIRST)).await;

    let report = world.send(world.replace(SECOND, FIRST)).await;

    assert_eq!(word(&report), "done remplacé", "{report:?}");
    assert_eq!(world.held(), held(&[(FIRST, "Deprecated"), (SECOND, "Approved")]));
    assert_eq!(world.transactions()[1..], ["TD3.1b Success", "TD2.1 Success"]);
    let stored = world.simulator.documents();
    let (old, new) = (&stored[0], &stored[2]);
    assert_eq!(new.replaces.as_ref(), Some(&old.entry_uuid));
    assert_ne!(new.logical_id, old.logical_id);
    assert_eq!(world.findings(), NOTHING);
}

#[tokio::test]
async fn a_replacement_of_an_absent_version_is_fed_as_new_with_a_note() {
    let world = World::new(Setup::default());

    let report = world.send(world.replace(SECOND, FIRST)).await;

    assert_eq!(word(&report), "done déposé", "{report:?}");
    assert_eq!(report.notes.len(), 1);
    assert_eq!(report.notes[0].check, "dmp.replaced-version-absent");
    assert_eq!(world.held(), held(&[(SECOND, "Approved")]));
}

#[tokio::test]
async fn a_version_replaced_by_somebody_else_is_asked_for_once_more_then_refused() {
    let world = World::new(Setup::default());
    world.send(world.submit(FIRST)).await;
    world.send(world.replace(SECOND, FIRST)).await;

    let report = world.send(world.replace("1.2.250.1.999.7.3", FIRST)).await;

    assert_eq!(word(&report), "refuse XDSReplaceFailed dmp.XDSRegistryDeprecatedDocumentError");
    assert_eq!(world.transactions()[3..].iter().filter(|t| t.starts_with("TD3.1b")).count(), 2);
    assert_eq!(world.transactions()[3..].iter().filter(|t| t.starts_with("TD2.1")).count(), 2);
}

#[tokio::test]
async fn an_entry_that_changed_between_question_and_lot_is_refreshed_once() {
    let world = World::new(Setup::default());
    world.send(world.submit(FIRST)).await;
    world.simulator.set_faults(["unresolved nth 2"]).unwrap();

    let report = world.send(world.replace(SECOND, FIRST)).await;

    assert_eq!(word(&report), "done remplacé", "{report:?}");
    assert_eq!(world.held(), held(&[(FIRST, "Deprecated"), (SECOND, "Approved")]));
}

#[tokio::test]
async fn a_deletion_deletes_and_a_second_one_is_done_with_a_note() {
    let world = World::new(Setup::default());
    world.send(world.submit(FIRST)).await;

    let first = world.send(world.delete(FIRST)).await;
    let second = world.send(world.delete(FIRST)).await;

    assert_eq!((word(&first), first.notes.len()), ("done supprimé".to_owned(), 0), "{first:?}");
    assert_eq!((word(&second), second.notes.len()), ("done déjà absent du DMP".to_owned(), 1));
    assert_eq!(world.held(), held(&[(FIRST, "Deleted")]));
    assert_eq!(world.transactions()[1..], ["TD3.1b Success", "TD3.3c Success", "TD3.1b Success"]);
    assert_eq!(world.findings(), NOTHING);
}

#[tokio::test]
async fn a_deletion_of_two_documents_goes_on_where_it_was_cut() {
    let world = World::new(Setup::default());
    let both = || vec![document(&world.bodies, FIRST, None), document(&world.bodies, SECOND, None)];
    world.send(submission(Operation::Submit, both())).await;
    // Requests: query, deletion, query, deletion; the last one is stored, its answer lost.
    world.simulator.set_faults(["drop-after-receiving nth 4"]).unwrap();
    let mut owed = world.owe(submission(Operation::Delete, both()));

    let first = owed.attempt().await;
    let second = owed.attempt().await;

    assert_eq!(word(&first), "unknown dmp.answer-lost");
    assert_eq!(word(&second), "done déjà absent du DMP", "{second:?}");
    assert_eq!(world.held(), held(&[(FIRST, "Deleted"), (SECOND, "Deleted")]));
}

#[tokio::test]
async fn a_used_identifier_is_told_to_the_sender() {
    let world = World::new(Setup::default());
    world.send(world.submit(FIRST)).await;

    let report = world.send(world.submit(FIRST)).await;

    assert_eq!(word(&report), "refuse XDSDuplicateUniqueIdInRegistry dmp.XDSDuplicateUniqueIdInRegistry");
    assert_eq!(world.held(), held(&[(FIRST, "Approved")]));
}

#[tokio::test]
async fn the_state_of_the_dmp_decides_what_the_sender_learns() {
    for (state, expected) in [
        (DmpState::Closed, "refuse DMPClosed dmp.DMPClosed"),
        (DmpState::None, "refuse XDSUnknownPatientId dmp.XDSUnknownPatientId"),
        (DmpState::Opposed, "refuse DMPAccessDeniedByRightsService dmp.DMPAccessDeniedByRightsService"),
    ] {
        let world = World::new(Setup::default());
        world.simulator.set_patient(patient_ins(), state);

        let report = world.send(world.submit(FIRST)).await;

        assert_eq!(word(&report), expected);
        assert_eq!(world.held(), []);
    }
}

#[tokio::test]
async fn busy_twice_then_fed_with_the_same_bytes_and_a_fresh_vihf() {
    let world = World::new(Setup { faults: vec!["busy first 2"], ..Setup::default() });
    let mut owed = world.owe(world.submit(FIRST));

    let words = [word(&owed.attempt().await), word(&owed.attempt().await), word(&owed.attempt().await)];

    assert_eq!(words, ["retry dmp.XDSRepositoryBusy", "retry dmp.XDSRepositoryBusy", "done déposé"]);
    assert_eq!(world.held(), held(&[(FIRST, "Approved")]));
    let captured = world.simulator.captured();
    let bodies: Vec<_> =
        captured.iter().map(|request| between(&request.body, "<soap:Body>", "</soap:Body>")).collect();
    let vihfs: Vec<_> = captured
        .iter()
        .map(|request| between(&request.body, "<wsse:Security>", "</wsse:Security>"))
        .collect();
    assert_eq!((bodies[0], bodies[1]), (bodies[1], bodies[2]));
    assert_ne!(vihfs[0], vihfs[1]);
    assert_eq!(world.findings(), NOTHING);
}

fn between<'b>(bytes: &'b [u8], start: &str, end: &str) -> &'b [u8] {
    let find = |needle: &str| bytes.windows(needle.len()).position(|w| w == needle.as_bytes()).unwrap();
    &bytes[find(start)..find(end)]
}

#[tokio::test]
async fn a_lost_answer_is_probed_and_ends_with_exactly_one_version() {
    for fault in ["drop-after-receiving first 1", "wrong-relates-to first 1", "truncated first 1"] {
        let world = World::new(Setup { faults: vec![fault], ..Setup::default() });
        let mut owed = world.owe(world.submit(FIRST));

        let first = owed.attempt().await;
        let second = owed.attempt().await;

        assert!(word(&first).starts_with("unknown "), "{fault}: {first:?}");
        assert_eq!(word(&second), "done déjà déposé (vérifié)", "{fault}: {second:?}");
        assert_eq!(world.held(), held(&[(FIRST, "Approved")]));
        assert_eq!(world.transactions(), ["TD2.1 Success", "TD3.1b Success"]);
        assert_eq!(world.findings(), NOTHING);
    }
}

#[tokio::test]
async fn a_lot_that_did_not_arrive_is_sent_again_after_the_probe() {
    let world = World::new(Setup {
        faults: vec!["never-answer first 1"],
        settings: |settings| settings.timeouts.exchange = Duration::from_millis(2000),
        ..Setup::default()
    });
    let mut owed = world.owe(world.submit(FIRST));

    let words = [word(&owed.attempt().await), word(&owed.attempt().await)];

    assert_eq!(words, ["unknown dmp.answer-timeout", "done déposé"]);
    assert_eq!(world.transactions(), ["TD2.1 sans réponse", "TD3.1b Success", "TD2.1 Success"]);
    assert_eq!(world.held(), held(&[(FIRST, "Approved")]));
}

#[tokio::test]
async fn a_probe_without_answer_keeps_the_outcome_unknown() {
    let world = World::new(Setup {
        faults: vec!["drop-after-receiving nth 1", "http-503 nth 2"],
        ..Setup::default()
    });
    let mut owed = world.owe(world.submit(FIRST));

    let words = [word(&owed.attempt().await), word(&owed.attempt().await), word(&owed.attempt().await)];

    assert_eq!(words, ["unknown dmp.answer-lost", "unknown dmp.http-status", "done déjà déposé (vérifié)"]);
    assert_eq!(world.held(), held(&[(FIRST, "Approved")]));
}

#[tokio::test]
async fn an_answer_to_another_question_closes_its_connection() {
    let world = World::new(Setup { faults: vec!["wrong-relates-to nth 2"], ..Setup::default() });
    world.send(world.submit(FIRST)).await;

    let report = world.send(world.submit(SECOND)).await;

    assert_eq!(word(&report), "unknown dmp.answer-to-another-question");
}

/// A resend without question would be found by the simulator: this is what ERR-03 is worth.
#[tokio::test]
async fn resending_a_lost_lot_without_asking_is_found() {
    let world = World::new(Setup { faults: vec!["drop-after-receiving first 1"], ..Setup::default() });
    let mut owed = world.owe(world.submit(FIRST));
    owed.attempt().await;
    owed.delivery.after_unknown = false;

    let report = owed.attempt().await;

    // The registry knows the identifiers; the sink then asks, and finds its own lot.
    assert_eq!(word(&report), "done déjà déposé (vérifié)");
    assert!(
        world.findings().iter().any(|finding| finding.starts_with("dmp/ERR-03")),
        "{:?}",
        world.findings()
    );
    assert_eq!(world.held(), held(&[(FIRST, "Approved")]));
}

#[tokio::test]
async fn statuses_and_faults_end_as_the_sheet_says() {
    for (fault, expected) in [
        ("http-503", "retry dmp.http-status"),
        ("http-403", "park dmp.http-status"),
        ("fault-html-500", "unknown dmp.http-status"),
        ("fault-with-200", "retry dmp.fault-receiver"),
        ("multipart-fault", "retry dmp.fault-receiver"),
        ("invalid-certificate", "park dmp.DMPInvalidCertificate"),
        ("access-denied", "refuse DMPAccessDeniedByRightsService dmp.DMPAccessDeniedByRightsService"),
        ("unknown-code", "park dmp.DMPxyz"),
        ("metadata-error", "refuse XDSRegistryMetadataError dmp.XDSRegistryMetadataError"),
        ("out-of-resources", "retry dmp.XDSRegistryOutOfResources"),
        ("extra-metadata", "done déposé"),
        ("slow", "done déposé"),
        ("trickle", "unknown dmp.answer-timeout"),
        ("drop-before-reading", "unknown dmp.answer-lost"),
        ("garbage", "unknown dmp.answer-unreadable"),
        ("billion-laughs", "unknown dmp.answer-unreadable"),
        ("deep-nesting", "unknown dmp.answer-unreadable"),
        ("broken-multipart", "unknown dmp.answer-unreadable"),
        ("endless-body", "unknown dmp.answer-too-long"),
        ("huge-head", "unknown dmp.answer-lost"),
        ("tls-abort", "retry net.closed"),
    ] {
        let world = World::new(Setup {
            faults: vec![fault],
            settings: |settings| settings.timeouts.exchange = Duration::from_millis(3000),
            ..Setup::default()
        });
        let report = world.send(world.submit(FIRST)).await;
        assert_eq!(word(&report), expected, "{fault}: {report:?}");
    }
}

#[tokio::test]
async fn what_the_registry_says_is_always_shown() {
    let world = World::new(Setup { faults: vec!["metadata-error"], ..Setup::default() });

    let report = world.send(world.submit(FIRST)).await;

    let Outcome::Refuse { finding, .. } = &report.outcome else { panic!("{report:?}") };
    assert_eq!(finding.found.as_deref(), Some("panne simulée : Document01, classCode"));
    assert_eq!(finding.wire_code.as_deref(), Some("XDSRegistryMetadataError"));
    let warned = World::new(Setup { faults: vec!["extra-metadata"], ..Setup::default() });
    let report = warned.send(warned.submit(FIRST)).await;
    assert_eq!(report.notes[0].check, "dmp.XDSExtraMetadataNotSaved");
}

#[tokio::test]
async fn deliveries_share_a_connection_and_its_client_is_known_by_its_certificate() {
    let world = World::new(Setup::default());
    for number in 1..=3 {
        world.send(world.submit(&format!("{FIRST}.{number}"))).await;
    }
    let requests = world.simulator.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|seen| seen.peer == requests[0].peer), "{requests:?}");
    assert!(requests[0].client.as_ref().unwrap().contains(STRUCTURE));
}

#[tokio::test]
async fn a_kept_connection_that_died_is_replaced_within_the_attempt() {
    let world = World::new(Setup::default());
    world.send(world.submit(FIRST)).await;
    let world = world.restarted().await;

    let report = world.send(world.submit(SECOND)).await;

    assert_eq!(word(&report), "done déposé", "{report:?}");
}

#[tokio::test]
async fn lots_are_fed_side_by_side() {
    let world = World::new(Setup::default());
    let [mut a, mut b, mut c, mut d] =
        [1, 2, 3, 4].map(|number| world.owe(world.submit(&format!("{FIRST}.{number}"))));

    let reports = tokio::join!(a.attempt(), b.attempt(), c.attempt(), d.attempt());

    for report in [reports.0, reports.1, reports.2, reports.3] {
        assert_eq!(word(&report), "done déposé");
    }
    assert_eq!(world.held().len(), 4);
    assert_eq!(world.findings(), NOTHING);
}

/// 20 MB pass without the lot being held whole by the sender: pieces of 64 KB, a known length.
#[tokio::test]
async fn a_large_document_is_streamed_and_one_too_large_is_refused_before_anything_is_made() {
    let large = |world: &World, bytes: usize| {
        let mut submission = world.submit(FIRST);
        let body = "A".repeat(bytes);
        submission.documents[0].content = world.bodies.put(format!("<c>{body}</c>"));
        submission
    };
    let world = World::new(Setup::default());
    let small =
        World::new(Setup { settings: |settings| settings.limits.lot_bytes_max = 1007, ..Setup::default() });

    let report = world.send(large(&world, 20 << 20)).await;
    let at_limit = small.send(large(&small, 1000)).await;
    let beyond = small.send(large(&small, 1001)).await;

    assert_eq!(word(&report), "done déposé", "{report:?}");
    assert_eq!(world.simulator.documents()[0].size, (20 << 20) + 7);
    assert_eq!(word(&at_limit), "done déposé", "{at_limit:?}");
    assert_eq!(word(&beyond), "refuse XDSRepositoryOutOfResources dmp.too-large");
}

/// What a mapping fault would let through, the receiver finds in the document itself.
#[tokio::test]
async fn a_document_that_contradicts_its_metadata_is_found_by_the_simulator() {
    let other = ins(2_850_175_123_456);
    let world = World::new(Setup::default());
    world.send(world.submit(FIRST)).await;
    let with = |replaces: Option<&str>, from: &str, to: &str| {
        let mut asked = match replaces {
            Some(old) => world.replace(SECOND, old),
            None => world.submit(SECOND),
        };
        let text = String::from_utf8(cda(SECOND, replaces).to_vec()).unwrap();
        assert!(text.contains(from));
        asked.documents[0].content = world.bodies.put(text.replace(from, to));
        asked
    };
    for (asked, check) in [
        (with(None, patient_ins().expose(), other.expose()), "xds/SUB-04"),
        (with(None, "20261120101500+0100", "20261120111500+0100"), "xds/DE-10"),
        (
            with(
                Some(FIRST),
                &format!("parentDocument><id root=\"{FIRST}"),
                "parentDocument><id root=\"1.2.3",
            ),
            "xds/RPL-02",
        ),
    ] {
        let report = world.send(asked).await;
        assert_eq!(word(&report), "refuse XDSRegistryMetadataError dmp.XDSRegistryMetadataError", "{check}");
        assert!(
            world.findings().iter().any(|finding| finding.starts_with(check)),
            "{check}: {:?}",
            world.findings()
        );
    }
    assert_eq!(world.held(), held(&[(FIRST, "Approved")]));
}

#[tokio::test]
#[ignore = "a measure, not a fact: cargo test --release -p jonction-dmp --test sink measure -- --ignored --nocapture"]
async fn measure_feeding() {
    let world = World::new(Setup {
        simulator: |config| {
            config.capture = false;
            config.severeness = Severeness::Record;
        },
        ..Setup::default()
    });
    let body = "A".repeat(500_000);
    for (name, prepare_only) in [("prepare", true), ("prepare, sign, send, judge, store", false)] {
        let start = std::time::Instant::now();
        for number in 0..100 {
            let mut asked = world.submit(&format!("{FIRST}.{number}"));
            asked.documents[0].content = world.bodies.put(format!("<c>{number}{body}</c>"));
            let mut owed = world.owe(asked);
            match prepare_only {
                true => drop(owed.prepare().unwrap()),
                false => assert_eq!(word(&owed.attempt().await), "done déposé"),
            }
        }
        eprintln!("{name}: {:.1} ms per lot of 500 kB", start.elapsed().as_secs_f64() * 10.0);
    }
}

/// Official documents go through with the metadata of their own headers, byte for byte, or are refused with a place.
/// They are of other people than ours: the simulator only records.
#[tokio::test]
async fn official_documents_arrive_byte_for_byte_or_are_refused_with_a_place() {
    let Some(samples) = std::env::var_os("JONCTION_SAMPLES") else {
        jonction_testkit::skipped("JONCTION_SAMPLES is not set");
        return;
    };
    let world =
        World::new(Setup { simulator: |config| config.severeness = Severeness::Record, ..Setup::default() });
    let (mut fed, mut refused) = (0, 0);
    for file in std::fs::read_dir(std::path::Path::new(&samples).join("cda")).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let Ok(header) = Header::read(&bytes, &Default::default()) else { continue };
        let Some(mut document) = header.document(world.bodies.put(bytes.clone())) else { continue };
        document.subject.ins = patient().ins;

        let report = world.send(submission(Operation::Submit, vec![document.clone()])).await;

        match &report.outcome {
            Outcome::Done { .. } => {
                let stored = world.simulator.content(&document.unique_id.to_xds()).unwrap();
                assert_eq!(stored, bytes, "{}", path.display());
                fed += 1;
            }
            Outcome::Refuse { finding, .. } => {
                assert!(
                    !finding.place.path.is_empty() || finding.wire_code.is_some(),
                    "{}: {finding:?}",
                    path.display()
                );
                eprintln!("{}: {} {}", path.display(), finding.check, finding.place);
                refused += 1;
            }
            other => panic!("{}: {other:?}", path.display()),
        }
    }
    eprintln!("official documents: {fed} fed, {refused} refused");
    assert!(fed >= 20, "{fed} fed, {refused} refused");
}

#[tokio::test]
async fn wrong_certificates_of_the_server_are_told_apart_and_retried() {
    use jonction_certs_dev::Leaf;
    for (server, expected) in [
        (Leaf::ServerExpired, "retry net.certificate-expired"),
        (Leaf::ServerUnknown, "retry net.unknown-authority"),
        (Leaf::ServerWrongName, "retry net.wrong-name"),
    ] {
        let world = World::new(Setup { server, ..Setup::default() });
        let report = world.send(world.submit(FIRST)).await;
        assert_eq!(word(&report), expected, "{report:?}");
        assert_eq!(world.simulator.requests(), []);
    }
}

#[tokio::test]
async fn a_client_certificate_the_server_refuses_is_an_alert_and_nothing_is_stored() {
    use jonction_certs_dev::Leaf;
    for client in [Leaf::AuthCliExpired, Leaf::AuthCliUnknown, Leaf::AuthCliRevoked] {
        let world = World::new(Setup { client, ..Setup::default() });
        let report = world.send(world.submit(FIRST)).await;
        assert_eq!(word(&report), "retry net.our-certificate-refused", "{client:?}: {report:?}");
        assert_eq!(world.held(), []);
    }
}

/// The real DMP speaks TLS 1.2 to software, nothing newer (dmp-xds.md §3).
#[tokio::test]
async fn a_server_of_tls_1_2_only_is_fed_and_its_refusal_of_a_certificate_is_told() {
    use jonction_certs_dev::Leaf;
    for (client, expected) in
        [(Leaf::AuthCli, "done déposé"), (Leaf::AuthCliExpired, "retry net.our-certificate-refused")]
    {
        let world = World::new(Setup {
            client,
            simulator: |config| config.tls = Some(tls_1_2()),
            ..Setup::default()
        });
        let report = world.send(world.submit(FIRST)).await;
        assert_eq!(word(&report), expected, "{report:?}");
    }
}

fn tls_1_2() -> jonction_net::ServerTls {
    use jonction_certs_dev::Leaf;
    use rustls::{
        RootCertStore, ServerConfig, crypto::aws_lc_rs, pki_types::pem::PemObject,
        server::WebPkiClientVerifier,
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_file(authority().root()).unwrap()).unwrap();
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let server = identity(Leaf::Server);
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(server.chain().to_vec(), server.key().clone_key())
        .unwrap();
    Arc::new(config).into()
}

#[tokio::test]
async fn a_vihf_signed_with_the_wrong_certificate_is_refused_by_its_fault() {
    use jonction_certs_dev::Leaf;
    for (seal, check) in [(Leaf::AuthCli, "dmp/VIHF-04"), (Leaf::SignUnknown, "dmp/VIHF-04")] {
        let world = World::new(Setup { seal, ..Setup::default() });
        let report = world.send(world.submit(FIRST)).await;
        assert_eq!(word(&report), "park dmp.DMPInvalidCertificate", "{seal:?}: {report:?}");
        assert!(world.findings().iter().any(|finding| finding.starts_with(check)), "{:?}", world.findings());
        assert_eq!(world.held(), []);
    }
}

#[tokio::test]
async fn an_expired_seal_waits_for_its_successor_and_nothing_leaves() {
    use jonction_certs_dev::Leaf;
    let world = World::new(Setup { seal: Leaf::SignExpired, ..Setup::default() });

    let report = world.send(world.submit(FIRST)).await;

    assert_eq!(word(&report), "retry dmp.seal-expired");
    assert_eq!(world.simulator.requests(), []);
}

#[tokio::test]
async fn a_clock_ten_minutes_ahead_is_found() {
    let ahead = SystemClock.now() + jiff::SignedDuration::from_mins(10);
    let world = World::new(Setup {
        simulator: |config| config.clock = Arc::new(SystemClock),
        clock: Arc::new(ManualClock::at(ahead)),
        ..Setup::default()
    });

    let report = world.send(world.submit(FIRST)).await;

    assert_eq!(word(&report), "park dmp.fault", "{report:?}");
    assert!(
        world.findings().iter().any(|finding| finding.starts_with("dmp/VIHF-02")),
        "{:?}",
        world.findings()
    );
}

#[tokio::test]
async fn a_document_of_another_structure_is_neither_replaced_nor_deleted() {
    let world = World::new(Setup {
        settings: any_structure,
        simulator: |config| config.any_site = true,
        ..Setup::default()
    });
    let other = |mut submission: DocumentSubmission| {
        let organization = Organization {
            id: Some(StructureId::prefixed("1300017985")),
            name: Some("Laboratoire fictif".to_owned()),
        };
        submission.sender.as_mut().unwrap().organization = Some(organization);
        submission
    };
    world.send(world.submit(FIRST)).await;

    let replaced = world.send(other(world.replace(SECOND, FIRST))).await;
    let deleted = world.send(other(world.delete(FIRST))).await;

    for report in [replaced, deleted] {
        assert!(word(&report).starts_with("refuse DMPAccessDeniedByRightsService"), "{report:?}");
    }
    assert_eq!(world.held(), held(&[(FIRST, "Approved")]));
}

#[tokio::test]
async fn the_simulator_keeps_its_documents_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    static FOLDER: std::sync::OnceLock<std::path::PathBuf> = std::sync::OnceLock::new();
    FOLDER.set(folder.path().to_owned()).unwrap();
    let setup = || Setup { simulator: |config| config.folder = FOLDER.get().cloned(), ..Setup::default() };
    let world = World::new(setup());
    world.send(world.submit(FIRST)).await;
    world.simulator.stop().await;

    let again = World::new(setup());
    let report = again.send(again.replace(SECOND, FIRST)).await;

    assert_eq!(word(&report), "done remplacé", "{report:?}");
    assert_eq!(again.simulator.content(FIRST).unwrap(), cda(FIRST, None));
}
