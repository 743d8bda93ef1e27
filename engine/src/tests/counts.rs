//! What is open is counted whatever happens to it; a store that somebody wrote into is counted anew.

use std::time::Duration;

use super::world::{Act, World};
use crate::{
    DeliveryState::{Parked, Waiting},
    order::{self, hold::Held as What},
};

fn database(world: &World) -> rusqlite::Connection {
    rusqlite::Connection::open(world.path().join("journal.db")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_counted_is_what_there_is_whatever_happened() {
    let mut world = World::new().await;
    world.script("dmp", "M1", &[Act::Park]);
    world.script("dmp", "M3", &[Act::RetryAfter(600)]);
    world.send_all(&["M1;patient=A;dmp;mail", "M2;patient=A;dmp", "M3;patient=B;dmp", "M4;park"]).await;
    world.seen_at_least("dmp", 2).await;
    assert!(world.tally_agrees());
    let route = What::Route(jonction_model::RouteName::parse("essai").unwrap());
    world.order(order::Act::Hold { what: route.clone() }, "essai").await.unwrap();
    world.send_all(&["M5;patient=A;dmp", "M6;other"]).await;
    world.idle().await;
    world = world.crash().await;
    world.idle().await;
    let queues = world.engine.reader().queues().unwrap();
    assert_eq!((queues.messages_waiting, queues.messages_parked, queues.messages_held), (0, 1, 1));
    assert_eq!((queues.lanes[0].parked, queues.lanes[0].held), (1, 2));
    world.order(order::Act::Lift { what: route }, "").await.unwrap();
    world.idle().await;
    let queues = world.engine.reader().queues().unwrap();
    assert_eq!((queues.messages_held, queues.lanes[0].parked, queues.lanes[0].waiting), (0, 1, 2));
    assert_eq!(queues.lanes[0].oldest_at.is_some(), queues.lanes[0].owed() > 0);
    assert_eq!((world.states("M1")[0].1, world.states("M2")[0].1), (Parked, Waiting));
}

#[tokio::test(start_paused = true)]
async fn counts_that_somebody_changed_are_made_anew_at_the_next_start() {
    let world = World::new().await;
    world.script("dmp", "M1", &[Act::Park]);
    world.send("M1;dmp").await;
    world.idle().await;
    let mut world = world.die();
    database(&world).execute("UPDATE tally SET n = 41", []).unwrap();
    assert_eq!(world.engine.reader().queues().unwrap().lanes[0].parked, 41);
    world.start().await;
    for _ in 0..1000 {
        if world.tally_agrees() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(world.engine.reader().queues().unwrap().lanes[0].parked, 1);
}
