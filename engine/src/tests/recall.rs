//! A document that went to the wrong person: deleted where it went, cancelled where it did not, once, and told.

use jonction_ports::MessageId;

use super::world::{Act, World};
use crate::{
    DeliveryState::{Delivered, Held, Parked, Refused},
    Error, Ordered, Window,
    order::{self, hold::Held as What},
};

/// Of `M1`, in the fake mapping.
const DOCUMENT: &str = "1.2.250.2";

async fn recall(world: &World, message: u64, document: &str) -> Result<Ordered, Error> {
    let act = order::Act::Recall { message: MessageId(message), document: document.to_owned() };
    world.order(act, "mauvais patient").await
}

async fn until_retrying(world: &World, id: &str) {
    let waits = |delivery: &crate::DeliveryJourney| delivery.state == crate::DeliveryState::Retrying;
    while !world.journey(id).deliveries.iter().any(waits) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_recalled_document_is_deleted_where_it_went_and_cancelled_where_it_did_not() {
    let world = World::new().await;
    world.script("mail", "M1", &[Act::Done, Act::RetryAfter(600)]);
    world.send("M1;patient=A;to=a@x.fr,b@x.fr;dmp;mail;reports").await;
    until_retrying(&world, "M1").await;
    recall(&world, 1, DOCUMENT).await.unwrap();
    world.idle().await;

    let first = world.journey("M1");
    let story: Vec<_> = first.deliveries.iter().map(|d| (d.label.as_str(), d.state)).collect();
    assert_eq!(
        story,
        [
            ("lot d'un document", Delivered),
            ("a@…", Delivered),
            ("b@…", Refused),
            ("ZAM true", Delivered),
            ("ZAM true", Delivered),
            // The sender learns that this one never left, and nothing of the deletions.
            ("ZAM false", Delivered),
        ]
    );
    assert_eq!(first.deliveries[2].finding.as_ref().unwrap().check, "engine.recalled");
    assert_eq!(first.recalled_by, [MessageId(2)]);
    let second = world.journey("#2");
    assert_eq!((second.recalls, second.documents[0].operation.as_str()), (Some(MessageId(1)), "delete"));
    let story: Vec<_> = second.deliveries.iter().map(|d| (d.label.as_str(), d.state)).collect();
    assert_eq!(story, [("lot d'un document", Delivered), ("a@…", Delivered)]);
    assert!(world.engine.reader().balance(Window::default()).unwrap().closes());
}

#[tokio::test(start_paused = true)]
async fn a_deletion_leaves_after_what_it_deletes() {
    let world = World::new().await;
    world.script("dmp", "M1", &[Act::Unknown, Act::RetryAfter(60)]);
    world.send("M1;patient=A;dmp").await;
    world.seen_at_least("dmp", 2).await;
    until_retrying(&world, "M1").await;
    recall(&world, 1, DOCUMENT).await.unwrap();
    world.idle().await;

    // Nobody knows whether it arrived: not sent again, deleted all the same.
    assert_eq!(world.states("M1"), [("dmp".into(), Refused)]);
    assert_eq!(world.states("#2"), [("dmp".into(), Delivered)]);
    assert_eq!(world.seen("dmp").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_or_parked_is_cancelled_too() {
    let world = World::new().await;
    world.script("dmp", "M1", &[Act::Park]);
    world
        .order(order::Act::Hold { what: What::Recipient("a@x.fr".to_owned().into()) }, "essai")
        .await
        .unwrap();
    world.send("M1;patient=A;to=a@x.fr;dmp;mail").await;
    world.idle().await;
    assert_eq!(world.states("M1"), [("dmp".into(), Parked), ("mail".into(), Held)]);
    recall(&world, 1, DOCUMENT).await.unwrap();
    world.idle().await;
    assert_eq!(world.states("M1"), [("dmp".into(), Refused), ("mail".into(), Refused)]);
    assert!(world.journey("#2").deliveries.is_empty(), "nothing had left");
}

#[tokio::test(start_paused = true)]
async fn a_recall_is_done_once_and_only_of_what_is_there() {
    let world = World::new().await;
    world.send("M1;patient=A;dmp").await;
    world.idle().await;
    let code = |result: Result<Ordered, Error>| result.map(|_| ()).unwrap_err().code();
    assert_eq!(code(recall(&world, 1, "1.2.3").await), "engine.nothing-to-recall");
    assert_eq!(code(recall(&world, 9, DOCUMENT).await), "engine.no-message");
    recall(&world, 1, DOCUMENT).await.unwrap();
    world.idle().await;
    assert_eq!(code(recall(&world, 1, DOCUMENT).await), "engine.recalled-already");
    assert_eq!(code(recall(&world, 2, DOCUMENT).await), "engine.nothing-to-recall");
}
