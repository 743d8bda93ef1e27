//! What goes wrong at the operator, and what the gateway does then.

use std::time::Duration;

use jonction_ports::Outcome;

use crate::world::{DOCTOR, World, refusal, why};

fn sim(fault: &str) -> String {
    format!("sim+{fault}@ville.mssante.example")
}

async fn outcome_of(fault: &str) -> Outcome {
    let world = World::new();
    let submission = world.submission(&[&sim(fault)]);
    world.send(&submission, 0).await.outcome
}

#[tokio::test]
async fn permanent_refusals_are_reported_with_their_code() {
    for (fault, code) in
        [("550", "550"), ("551", "551"), ("553", "553"), ("nolist", "554"), ("552", "552"), ("size", "523")]
    {
        let outcome = outcome_of(fault).await;
        assert_eq!(refusal(&outcome), code, "{fault}");
    }
}

#[tokio::test]
async fn transient_refusals_are_tried_again() {
    for (fault, code) in [("422", "422"), ("busy", "451"), ("grey", "451")] {
        match outcome_of(fault).await {
            Outcome::Retry { finding, .. } => assert_eq!(finding.wire_code.as_deref(), Some(code), "{fault}"),
            other => panic!("{fault}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_unknown_mailbox_and_an_unknown_domain_are_refused() {
    use jonction_mssante::simulator::Mailboxes;
    let world = World::with(
        |simulator| {
            simulator.operators[0].domains[1].mailboxes = Mailboxes::Listed(vec!["Camille.Martin".to_owned()])
        },
        |_| {},
    );
    let submission = world.submission(&[DOCTOR, "autre@ville.mssante.example", "x@ailleurs.mssante.example"]);
    assert!(matches!(world.send(&submission, 0).await.outcome, Outcome::Done { .. }));
    assert_eq!(refusal(&world.send(&submission, 1).await.outcome), "550");
    assert_eq!(refusal(&world.send(&submission, 2).await.outcome), "554");
}

#[tokio::test]
async fn a_greylisted_mail_arrives_at_the_third_attempt_unchanged() {
    let world = World::new();
    let mut mail = world.prepare(&world.submission(&[&sim("grey")]), 0);
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        outcomes.push(why(&world.attempt(&mut mail).await.outcome).to_owned());
    }
    assert_eq!(outcomes, ["mssante.not-now", "mssante.not-now", "done"]);
    assert_eq!(world.simulator.received(), 1);
}

#[tokio::test]
async fn a_cut_before_the_body_is_a_retry_and_nothing_was_taken() {
    for fault in ["drop-rcpt", "421"] {
        let world = World::new();
        let report = world.send(&world.submission(&[&sim(fault)]), 0).await;
        assert!(matches!(report.outcome, Outcome::Retry { .. }), "{fault}: {:?}", report.outcome);
        assert_eq!(world.simulator.received(), 0, "{fault}");
    }
}

/// A small mail has left whole before the cut is seen: only the operator knows that it was not taken.
#[tokio::test]
async fn a_cut_that_is_seen_after_the_last_byte_left_is_unknown() {
    let world = World::new();
    let report = world.send(&world.submission(&[&sim("drop-data")]), 0).await;
    assert!(matches!(report.outcome, Outcome::Unknown { .. }), "{:?}", report.outcome);
    assert_eq!(world.simulator.received(), 0);
}

/// A large body does not fit the buffers of the system: the cut is seen while it is being written.
#[tokio::test]
async fn a_cut_in_the_middle_of_a_large_body_is_a_retry() {
    let world = World::new();
    let mut submission = world.submission(&[&sim("drop-data")]);
    let mut state = 7_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + u8::try_from((state >> 33) % 90).unwrap())
    };
    let noise: String = (0..8_000_000).map(|_| noise()).collect();
    submission.documents[0].content = world.document(&noise);
    submission.documents[0].kind = jonction_model::ContentKind::CdaLevel3 { pdf: None };
    let report = world.send(&submission, 0).await;
    assert!(matches!(report.outcome, Outcome::Retry { .. }), "{:?}", report.outcome);
    assert_eq!(world.simulator.received(), 0);
}

/// mssante.md §8 n° 39.
#[tokio::test]
async fn a_mail_taken_without_an_answer_is_unknown_and_its_resend_is_recognised() {
    let world = World::new();
    let mut mail = world.prepare(&world.submission(&[DOCTOR]), 0);
    world.simulator.faults().replace(["dup nth 1"]).unwrap();

    let first = world.attempt(&mut mail).await;
    assert!(matches!(first.outcome, Outcome::Unknown { .. }), "{:?}", first.outcome);
    assert!(mail.delivery.after_unknown);
    let second = world.attempt(&mut mail).await;

    assert!(matches!(second.outcome, Outcome::Done { .. }));
    assert_eq!(world.simulator.received(), 2);
    let mails = world.simulator.mails();
    assert_eq!((mails.len(), mails[0].copies), (1, 2));
}

#[tokio::test]
async fn a_server_that_never_answers_is_left_in_time() {
    let world = World::with(|_| {}, |settings| settings.timeouts.body = Duration::from_millis(300));
    let report = world.send(&world.submission(&[&sim("stall")]), 0).await;
    assert_eq!(why(&report.outcome), "mssante.outcome-unknown");
}

#[tokio::test]
async fn a_slow_server_is_waited_for() {
    assert!(matches!(outcome_of("slow").await, Outcome::Done { .. }));
}

/// MSS-T03, MSS-T22: neither credential nor mail leaves, and the mail waits.
#[tokio::test]
async fn an_operator_that_hides_or_breaks_starttls_gets_nothing() {
    for (fault, code) in [
        ("nostarttls", "mssante.no-starttls"),
        ("strip", "mssante.no-starttls"),
        ("inject", "mssante.starttls-injection"),
    ] {
        let world = World::new();
        world.simulator.faults().replace([fault]).unwrap();
        let report = world.send(&world.submission(&[DOCTOR]), 0).await;
        assert!(matches!(report.outcome, Outcome::Retry { .. }), "{fault}: {:?}", report.outcome);
        assert_eq!((why(&report.outcome), report.bytes_sent), (code, 0), "{fault}");
    }
}

#[tokio::test]
async fn a_busy_or_silent_operator_is_tried_again_later() {
    for fault in ["421-banner", "drop-banner"] {
        let world = World::new();
        world.simulator.faults().replace([format!("{fault} first 1").as_str()]).unwrap();
        let mut mail = world.prepare(&world.submission(&[DOCTOR]), 0);
        assert!(matches!(world.attempt(&mut mail).await.outcome, Outcome::Retry { .. }), "{fault}");
        assert!(matches!(world.attempt(&mut mail).await.outcome, Outcome::Done { .. }), "{fault}");
    }
}

/// Our rights, not the recipient's fault: a human must look.
#[tokio::test]
async fn refused_authentication_parks() {
    let world =
        World::with(|_| {}, |settings| settings.auth = jonction_mssante::config::AuthSettings::External);
    world.simulator.faults().replace(["auth-refused"]).unwrap();
    let report = world.send(&world.submission(&[DOCTOR]), 0).await;
    assert!(matches!(report.outcome, Outcome::Park { .. }), "{:?}", report.outcome);

    let by_certificate = World::new();
    by_certificate.simulator.faults().replace(["auth-refused"]).unwrap();
    let report = by_certificate.send(&by_certificate.submission(&[DOCTOR]), 0).await;
    assert_eq!(why(&report.outcome), "mssante.auth-required");
}

#[tokio::test]
async fn nobody_at_the_door_is_told_and_tried_again() {
    let world = World::new();
    let mut mail = world.prepare(&world.submission(&[DOCTOR]), 0);
    let World { simulator, sink, tools, .. } = world;
    simulator.stop().await;
    use jonction_ports::Sink as _;
    let report = sink.attempt(&mail.delivery, &mail.artefact, &tools).await;
    mail.delivery.attempt += 1;
    assert_eq!(why(&report.outcome), "net.refused");
}

#[tokio::test]
async fn a_connection_serves_several_mails_and_a_dead_one_is_replaced() {
    let world = World::new();
    let submission =
        world.submission(&[DOCTOR, "b@ville.mssante.example", &sim("421"), "c@ville.mssante.example"]);
    let mut outcomes = Vec::new();
    for index in 0..4 {
        outcomes.push(why(&world.send(&submission, index).await.outcome).to_owned());
    }
    assert_eq!(outcomes, ["done", "done", "mssante.server-closing", "done"]);
}

#[tokio::test]
async fn an_operator_without_dsn_nor_size_still_gets_the_mail() {
    let world = World::new();
    world.simulator.faults().replace(["minimal"]).unwrap();
    assert!(matches!(world.send(&world.submission(&[DOCTOR]), 0).await.outcome, Outcome::Done { .. }));
    assert_eq!(world.simulator.mails()[0].notify, 0);
}
