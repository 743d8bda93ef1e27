//! Gates, refusals, and who learns of them.

use super::world::{Act, World};
use crate::DeliveryState::{Delivered, Parked, Refused};

#[tokio::test(start_paused = true)]
async fn a_closed_gate_refuses_at_birth_and_the_sender_is_told() {
    let world = World::new().await;
    world.send("M1;dmp;reports;prov").await;
    world.idle().await;

    assert_eq!(world.states("M1"), [("dmp".into(), Refused), ("sil".into(), Delivered)]);
    let delivery = &world.journey("M1").deliveries[0];
    assert!(delivery.attempts.is_empty());
    let finding = delivery.finding.as_ref().unwrap();
    assert_eq!(
        (finding.check.as_str(), finding.expected.as_deref()),
        ("identity.not-qualified", Some("identity.qualified"))
    );
    assert_eq!(world.journey("M1").deliveries[1].label, "ZAM false");
    assert_eq!(world.journey("M1").deliveries[1].report_of, Some(delivery.id));
}

#[tokio::test(start_paused = true)]
async fn a_selection_that_fails_owes_nothing_whatever_the_gate_says() {
    let world = World::new().await;
    world.send("M1;mail;reports;prov").await;
    world.idle().await;
    assert_eq!(world.states("M1"), [("mail".into(), Delivered), ("sil".into(), Delivered)]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_at_birth_that_nobody_hears_is_parked_and_cannot_leave() {
    let world = World::new().await;
    world.send("M1;dmp;prov").await;
    world.idle().await;

    assert_eq!(world.states("M1"), [("dmp".into(), Parked)]);
    let id = world.journey("M1").deliveries[0].id;
    assert_eq!(world.release(id).await.unwrap_err().code(), "engine.not-releasable");
    world.refuse(id, "vu avec le service").await.unwrap();
    world.idle().await;
    assert_eq!(world.states("M1"), [("dmp".into(), Refused)]);
    assert!(world.seen("dmp").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_partner_is_told_or_parked() {
    let world = World::new().await;
    world.script("mail", "M1", &[Act::Refuse]);
    world.script("mail", "M2", &[Act::Refuse]);
    world.send_all(&["M1;patient=A;to=a@x.fr;mail;reports", "M2;patient=B;to=b@x.fr;mail"]).await;
    world.idle().await;

    assert_eq!(world.states("M1"), [("mail".into(), Refused), ("sil".into(), Delivered)]);
    assert_eq!(world.states("M2"), [("mail".into(), Parked)]);
    let told = &world.journey("M1").deliveries[0];
    assert_eq!(told.report_code.as_deref(), Some("550"));
    // The same bytes again, once a human corrected the mailbox.
    world.release(world.journey("M2").deliveries[0].id).await.unwrap();
    world.idle().await;
    assert_eq!(world.states("M2"), [("mail".into(), Delivered)]);
    let sent: Vec<_> =
        world.seen("mail").into_iter().filter(|s| s.control_id == "M2").map(|s| s.bytes).collect();
    assert_eq!(sent[0], sent[1]);
}

#[tokio::test(start_paused = true)]
async fn a_report_that_is_refused_is_parked_and_makes_no_report() {
    let world = World::new().await;
    world.script("sil", "M1", &[Act::Refuse]);
    world.send("M1;dmp;reports").await;
    world.idle().await;
    assert_eq!(world.states("M1"), [("dmp".into(), Delivered), ("sil".into(), Parked)]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_by_hand_is_told_to_a_sender_that_wants_to_know() {
    let world = World::new().await;
    world.script("dmp", "M1", &[Act::Park]);
    world.send("M1;dmp;reports").await;
    world.idle().await;

    world.refuse(world.journey("M1").deliveries[0].id, "document erroné").await.unwrap();
    world.idle().await;
    assert_eq!(world.states("M1"), [("dmp".into(), Refused), ("sil".into(), Delivered)]);
    let again = world.refuse(world.journey("M1").deliveries[0].id, "encore").await;
    assert_eq!(again.unwrap_err().code(), "engine.not-parked");
}
