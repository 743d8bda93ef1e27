//! Servers that mean harm, and certificates that are not the operator's.

use std::time::Duration;

use jonction_certs_dev::Leaf;
use jonction_net::Listener;
use jonction_ports::Outcome;
use tokio::io::AsyncWriteExt as _;

use crate::world::{DOCTOR, World, settings, sink, why};

#[tokio::test]
async fn endless_and_binary_replies_are_cut_off() {
    for fault in ["endless", "binary"] {
        let world = World::new();
        world.simulator.faults().replace([fault]).unwrap();
        let report = world.send(&world.submission(&[DOCTOR]), 0).await;
        assert_eq!((why(&report.outcome), report.bytes_sent), ("mssante.not-a-reply", 0), "{fault}");
    }
}

/// Each byte comes in time, the reply never does.
#[tokio::test]
async fn a_server_that_drips_without_end_is_left_in_time() {
    let mut listener = Listener::bind("127.0.0.1:0".parse().unwrap(), None, Default::default()).unwrap();
    let address = listener.local_addr();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await;
        while stream.write_all(b"2").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let world = World::new();
    let mail = world.prepare(&world.submission(&[DOCTOR]), 0);
    let mut settings = settings(address);
    settings.timeouts.reply = Duration::from_millis(200);

    use jonction_ports::Sink as _;
    let report = sink(settings, None).attempt(&mail.delivery, &mail.artefact, &world.tools).await;

    assert_eq!(why(&report.outcome), "mssante.no-answer");
}

#[tokio::test]
async fn a_certificate_of_another_name_gets_nothing() {
    let world = World::with(|_| {}, |settings| settings.server_name = "smtp.autre.example".to_owned());
    let report = world.send(&world.submission(&[DOCTOR]), 0).await;
    assert!(matches!(report.outcome, Outcome::Retry { .. }));
    assert_eq!((why(&report.outcome), world.simulator.received()), ("net.wrong-name", 0));
}

/// MSS-T09, MSS-T13, MSS-T14, and both ways of saying it: the mail waits, nothing of it left.
#[tokio::test]
async fn a_server_certificate_that_is_not_good_gets_nothing() {
    for (leaf, code) in [
        (Leaf::ServerExpired, "net.certificate-expired"),
        (Leaf::ServerNotYetValid, "net.certificate-not-yet-valid"),
        (Leaf::ServerWrongName, "net.wrong-name"),
        (Leaf::ServerUnknown, "net.unknown-authority"),
    ] {
        let world = World::with_certificates(|_| {}, |_| {}, leaf, Leaf::AuthCli);
        let report = world.send(&world.submission(&[DOCTOR]), 0).await;
        assert!(matches!(report.outcome, Outcome::Retry { .. }), "{leaf:?}: {:?}", report.outcome);
        assert_eq!((why(&report.outcome), world.simulator.received()), (code, 0), "{leaf:?}");
    }
}

#[tokio::test]
async fn a_client_certificate_the_operator_does_not_take_is_a_retry_with_its_reason() {
    for leaf in [Leaf::AuthCliExpired, Leaf::AuthCliUnknown, Leaf::AuthCliWrongUsage] {
        let world = World::with_certificates(|_| {}, |_| {}, Leaf::Server, leaf);
        let report = world.send(&world.submission(&[DOCTOR]), 0).await;
        assert!(matches!(report.outcome, Outcome::Retry { .. }), "{leaf:?}: {:?}", report.outcome);
        assert_eq!(
            (why(&report.outcome), world.simulator.received()),
            ("net.our-certificate-refused", 0),
            "{leaf:?}"
        );
    }
}
