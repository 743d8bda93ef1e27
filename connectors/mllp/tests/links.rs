//! Connections that misbehave, hurry, or are many; real sockets, real TLS.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

mod common;

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use common::{LONG, Wire, mdm, settings, start, start_with};
use jonction_mllp::{
    Limits, Sender, Settings, Target,
    senders::{CertificateRule, SenderRule},
    wire::encode,
};
use jonction_model::Environment;
use jonction_net::{
    Anchors, ClientAuth, ClientTls, Endpoint, Identity, Reloadable, client_config, server_config,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::io::AsyncWriteExt;

fn with_limits(change: impl FnOnce(&mut Limits)) -> Settings {
    let mut settings = settings();
    change(&mut settings.limits);
    settings
}

#[tokio::test]
async fn a_peer_that_drips_its_message_is_cut_and_others_are_served() {
    let running =
        start(with_limits(|limits| limits.server.message_timeout = Duration::from_millis(300))).await;
    let mut slow = Wire::to(running.address).await;
    slow.bytes("\u{b}MSH|").await;

    assert_eq!(Wire::to(running.address).await.exchange(mdm("M1")).await.short(), "AA M1");
    assert_eq!(slow.frame().await, None);
    assert_eq!(running.counters.cut.load(Relaxed), 1);
}

#[tokio::test]
async fn an_idle_peer_is_cut_only_when_the_settings_say_so() {
    let running =
        start(with_limits(|limits| limits.server.idle_timeout = Some(Duration::from_millis(200)))).await;
    let mut wire = Wire::to(running.address).await;
    assert_eq!(wire.exchange(mdm("M1")).await.short(), "AA M1");
    assert_eq!(wire.frame().await, None);
}

#[tokio::test]
async fn an_end_of_block_without_cr_is_answered_after_a_moment() {
    let running = start(settings()).await;
    let mut wire = Wire::to(running.address).await;
    wire.bytes(format!("\u{b}{}\u{1c}", mdm("M1"))).await;
    assert_eq!(wire.ack().await.short(), "AA M1");
}

/// No answer before the engine's promise; beyond the queue, the sender is slowed down, not refused.
#[tokio::test]
async fn a_sender_that_does_not_wait_is_answered_in_order_and_never_before_the_promise() {
    let running = start(with_limits(|limits| limits.server.queue_max = 4)).await;
    running.engine.held.send_replace(true);
    let ids: Vec<String> = (0..200).map(|n| format!("M{n}")).collect();
    let all: Vec<u8> = ids.iter().flat_map(|id| encode(mdm(id).as_bytes())).collect();
    let (read_half, mut write_half) = Wire::to(running.address).await.tcp.into_split();
    // Written from another task: the peer stops reading, and this must not stop the test.
    let writing = tokio::spawn(async move {
        write_half.write_all(&all).await.unwrap();
        write_half
    });

    while running.engine.accepted().len() < 4 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(running.engine.control_ids(), ["M0", "M1", "M2", "M3"], "the queue is bounded");
    let mut nothing = [0];
    assert!(read_half.try_read(&mut nothing).is_err(), "nothing was answered yet");

    running.engine.held.send_replace(false);
    let write_half = writing.await.unwrap();
    let mut reader = Wire::over(read_half.reunite(write_half).unwrap());
    for id in &ids {
        assert_eq!(reader.ack().await.short(), format!("AA {id}"));
    }
    assert_eq!(running.engine.control_ids(), ids, "journaled in the order of the stream");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_messages_over_eight_links_are_each_answered_once() {
    let running = start(settings()).await;
    let mut links = Vec::new();
    for link in 0..8 {
        let address = running.address;
        links.push(tokio::spawn(async move {
            let mut wire = Wire::to(address).await;
            for n in 0..1250 {
                let id = format!("L{link}-{n}");
                assert_eq!(wire.exchange(mdm(&id)).await.short(), format!("AA {id}"));
            }
        }));
    }
    for link in links {
        link.await.unwrap();
    }
    let mut ids = running.engine.control_ids();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 10_000);
    assert_eq!(running.counters.messages.load(Relaxed), 10_000);
}

/// A budget with room for one message and not for two: the second waits, and is then taken.
#[tokio::test]
async fn links_share_their_memory_and_wait_for_it() {
    let running = start(with_limits(|limits| {
        limits.server.frames.frame_bytes_max = 1 << 20;
        limits.in_flight_bytes_max = (1 << 20) + (64 << 10);
    }))
    .await;
    let document = common::CDA.replace("</Clin", &format!("<!--{}--></Clin", "x".repeat(600 << 10)));
    let big = move |id: &str| common::mdm_of(id, &document);
    running.engine.held.send_replace(true);
    let mut first = Wire::to(running.address).await;
    first.message(big("M1")).await;
    while running.engine.accepted().is_empty() {
        tokio::task::yield_now().await;
    }
    let mut second = Wire::to(running.address).await;
    let message = big("M2");
    let sending = tokio::spawn(async move {
        second.message(message).await;
        second.ack().await.short()
    });
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(running.engine.control_ids(), ["M1"], "no room for the second");

    running.engine.held.send_replace(false);
    assert_eq!(first.ack().await.short(), "AA M1");
    assert_eq!(sending.await.unwrap(), "AA M2");
}

/// The budget is held by a message whose promise never comes: the other link is cut at its time limit, not kept for ever.
#[tokio::test]
async fn a_link_that_waits_too_long_for_memory_is_cut_and_memory_comes_back() {
    let running = start(with_limits(|limits| {
        limits.server.frames.frame_bytes_max = 1 << 20;
        limits.in_flight_bytes_max = (1 << 20) + (64 << 10);
        limits.server.message_timeout = Duration::from_millis(400);
    }))
    .await;
    let document = common::CDA.replace("</Clin", &format!("<!--{}--></Clin", "x".repeat(600 << 10)));
    running.engine.held.send_replace(true);
    let mut first = Wire::to(running.address).await;
    first.message(common::mdm_of("M1", &document)).await;
    while running.engine.accepted().is_empty() {
        tokio::task::yield_now().await;
    }
    let mut second = Wire::to(running.address).await;
    // Its end is never read: the link is cut while it waits for room.
    let _ = second.tcp.write_all(&encode(common::mdm_of("M2", &document).as_bytes())).await;
    assert_eq!(second.frame().await, None);

    running.engine.held.send_replace(false);
    assert_eq!(first.ack().await.short(), "AA M1");
    assert_eq!(first.exchange(common::mdm_of("M3", &document)).await.short(), "AA M3");
    assert_eq!(running.engine.control_ids(), ["M1", "M3"]);
}

#[tokio::test]
async fn after_a_stop_what_was_submitted_is_answered_and_nothing_more_is_taken() {
    let running = start(settings()).await;
    running.engine.held.send_replace(true);
    let mut wire = Wire::to(running.address).await;
    wire.message(mdm("M1")).await;
    while running.engine.accepted().is_empty() {
        tokio::task::yield_now().await;
    }
    running.stop.stop();
    // Not taken any more: the sender has no answer to it, and keeps it.
    wire.message(mdm("M2")).await;
    running.engine.held.send_replace(false);

    assert_eq!(wire.ack().await.short(), "AA M1");
    assert_eq!(wire.frame().await, None);
    running.task.await.unwrap();
    assert_eq!(running.engine.control_ids(), ["M1"]);
    assert!(tokio::net::TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn a_stop_does_not_outlast_its_grace() {
    let running = start_with(settings(), Environment::Test, None, Duration::from_millis(200)).await;
    running.engine.held.send_replace(true);
    let mut wire = Wire::to(running.address).await;
    wire.message(mdm("M1")).await;
    while running.engine.accepted().is_empty() {
        tokio::task::yield_now().await;
    }
    running.stop.stop();
    tokio::time::timeout(LONG, running.task).await.expect("ends within its grace").unwrap();
    assert_eq!(wire.frame().await, None);
}

/// The sender crashed between its message and our answer: it sends again, and gets the answer it missed.
#[tokio::test]
async fn a_sender_that_hangs_up_too_early_finds_its_answer_when_it_comes_back() {
    let running = start(settings()).await;
    let target = Target {
        endpoint: Endpoint { host: "127.0.0.1".to_owned(), port: running.address.port() },
        tls: false,
    };
    let sender = Sender::new(target, None, &Limits::default());
    sender.send_and_hang_up(&mdm("M1").into()).await.unwrap();
    while running.engine.accepted().is_empty() {
        tokio::task::yield_now().await;
    }

    let sent = sender.send(&mdm("M1").into()).await;
    assert_eq!((sent.kind.as_str(), sent.reply.unwrap().ack.code.as_str()), ("MDM^T02", "AA"));
    assert_eq!(running.engine.control_ids(), ["M1"]);
    assert_eq!(running.counters.repeated.load(Relaxed), 1);
}

/// Any number of small links: one connection per message, as some senders do.
#[tokio::test]
async fn a_connection_per_message_is_fine_and_places_come_back() {
    let running = start(with_limits(|limits| limits.connections_max = 4)).await;
    for n in 0..100 {
        let mut wire = Wire::to(running.address).await;
        assert_eq!(wire.exchange(mdm(&format!("M{n}"))).await.short(), format!("AA M{n}"));
        wire.tcp.shutdown().await.unwrap();
        assert_eq!(wire.frame().await, None);
    }
    assert_eq!(running.counters.connections.load(Relaxed), 100);
}

#[tokio::test]
async fn an_address_in_use_is_told_in_words() {
    let running = start(settings()).await;
    let taken = Settings { listen: Some(running.address), ..settings() };
    let admission = jonction_mllp::MllpAdmission::new(&taken, Environment::Test);
    let tools = jonction_mllp::SourceTools {
        clock: Arc::new(jonction_model::SystemClock),
        entropy: Arc::new(jonction_model::OsEntropy),
    };
    let partner = jonction_model::PartnerName::parse("sil").unwrap();
    let mut source = jonction_mllp::MllpSource::new(partner, &taken, admission, None, tools).unwrap();
    let error = jonction_ports::Source::open(&mut source).await.unwrap_err();
    assert_eq!(error.code, "mllp.cannot-listen");
    assert!(error.sentence.contains("un autre programme écoute"), "{}", error.sentence);
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    anchors: Anchors,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), anchors: Anchors::from_pem(pem.as_bytes()).unwrap() }
    }

    fn identity(&self, name: &str) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let chain = params.signed_by(&key, &self.issuer).unwrap().pem();
        Identity::from_pem(chain.as_bytes(), key.serialize_pem().as_bytes()).unwrap()
    }
}

/// One port, two structures, each with its certificate: neither may speak for the other.
#[tokio::test]
async fn over_mutual_tls_a_certificate_speaks_only_for_its_own_structure() {
    let authority = Authority::new();
    let rule = |facility: &str, name: &str| SenderRule {
        application: None,
        facility: facility.to_owned(),
        certificate: Some(CertificateRule::parse(name).unwrap()),
        network: None,
    };
    let settings = Settings {
        senders: vec![
            rule("HOPITAL-ESSAI", "sil.hopital.example"),
            rule("CLINIQUE-ESSAI", "sil.clinique.example"),
        ],
        ..settings()
    };
    let tls =
        server_config(&authority.identity("localhost"), ClientAuth::Required(&authority.anchors)).unwrap();
    let running = start_with(settings, Environment::Test, Some(Reloadable::new(tls)), LONG).await;
    let target = Target {
        endpoint: Endpoint { host: "localhost".to_owned(), port: running.address.port() },
        tls: true,
    };
    let sender = |name: &str| {
        let config = client_config(&authority.anchors, Some(&authority.identity(name))).unwrap();
        Sender::new(target.clone(), Some(ClientTls::new(config)), &Limits::default())
    };
    let (hospital, clinic) = (mdm("M1"), mdm("M2").replacen("HOPITAL-ESSAI", "CLINIQUE-ESSAI", 1));
    let code =
        |sent: jonction_mllp::Sent| sent.reply.map(|reply| reply.ack.code.as_str()).map_err(|e| e.code());

    let as_hospital = sender("sil.hopital.example");
    assert_eq!(code(as_hospital.send(&hospital.clone().into()).await), Ok("AA"));
    assert_eq!(code(as_hospital.send(&clinic.clone().into()).await), Ok("AE"));
    // The refusal of an impostor is not remembered as the answer to the true sender.
    assert_eq!(code(sender("sil.clinique.example").send(&clinic.into()).await), Ok("AA"));
    let nobody = client_config(&authority.anchors, None).unwrap();
    let nobody = Sender::new(target.clone(), Some(ClientTls::new(nobody)), &Limits::default());
    let refused = code(nobody.send(&hospital.into()).await).unwrap_err();
    assert!(["net.our-certificate-refused", "net.closed"].contains(&refused), "{refused}");
    assert_eq!(running.engine.control_ids(), ["M1", "M2"]);
}
