//! Order, retries, unknown outcomes, limits of memory and time.

use std::time::Duration;

use super::world::{Act, World, partner, route};
use crate::{
    DeliveryState::{Delivered, Parked, Retrying, Waiting},
    Filter, LaneSettings, StateWord, Wired,
};

#[tokio::test(start_paused = true)]
async fn a_parked_patient_stops_nobody_but_himself() {
    let world = World::new().await;
    world.script("dmp", "A1", &[Act::Park]);
    world
        .send_all(&["A1;patient=A;dmp", "A2;patient=A;dmp", "B1;patient=B;dmp", "A3;patient=A;dmp;mail"])
        .await;
    world.idle().await;

    assert_eq!(world.states("A1"), [("dmp".into(), Parked)]);
    assert_eq!(world.states("A2"), [("dmp".into(), Waiting)]);
    assert_eq!(world.states("B1"), [("dmp".into(), Delivered)]);
    assert_eq!(world.states("A3"), [("dmp".into(), Waiting), ("mail".into(), Delivered)]);

    let parked = world.journey("A1").deliveries[0].id;
    world.release(parked).await.unwrap();
    world.idle().await;
    assert_eq!(world.of_patient("dmp", 'A'), ["A1", "A1", "A2", "A3"]);
    assert!(world.release(parked).await.is_err(), "delivered is not parked");
}

#[tokio::test(start_paused = true)]
async fn a_retrying_patient_keeps_his_order_while_others_pass() {
    let world = World::new().await;
    world.script("dmp", "A1", &[Act::Retry, Act::Retry]);
    world.send_all(&["A1;patient=A;dmp", "A2;patient=A;dmp", "B1;patient=B;dmp"]).await;
    world.idle().await;

    assert_eq!(world.of_patient("dmp", 'A'), ["A1", "A1", "A1", "A2"]);
    let other = world.seen("dmp").into_iter().find(|s| s.control_id == "B1").unwrap();
    assert_eq!(other.at_ms, world.seen("dmp")[0].at_ms, "nobody waits for him");
    let delays: Vec<_> = world.seen("dmp").iter().filter(|s| s.control_id == "A1").map(|s| s.at_ms).collect();
    let (first, second) = (delays[1] - delays[0], delays[2] - delays[1]);
    assert!((800..=1300).contains(&first) && (1600..=2500).contains(&second), "{first} then {second}");
}

#[tokio::test(start_paused = true)]
async fn every_retry_sends_the_same_bytes() {
    let world = World::new().await;
    world.script("dmp", "M1", &[Act::Retry, Act::Unknown, Act::Retry]);
    world.send("M1;dmp").await;
    world.idle().await;

    let seen = world.seen("dmp");
    assert_eq!(seen.iter().map(|s| s.attempt).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert!(seen.iter().all(|s| s.bytes == seen[0].bytes && s.bytes.starts_with(b"head ")));
}

#[tokio::test(start_paused = true)]
async fn after_an_unknown_outcome_every_attempt_probes_and_nothing_is_sent_twice() {
    let world = World::new().await;
    world.script("dmp", "M1", &[Act::Retry, Act::TakenUnknown]);
    world.script("dmp", "M2", &[Act::Unknown, Act::Retry]);
    world.send_all(&["M1;patient=A;dmp", "M2;patient=B;dmp"]).await;
    world.idle().await;

    let flags = |id: &str| -> Vec<bool> {
        world.seen("dmp").iter().filter(|s| s.control_id == id).map(|s| s.after_unknown).collect()
    };
    assert_eq!(flags("M1"), [false, false, true]);
    // The probe itself could not be made: the next attempt still must.
    assert_eq!(flags("M2"), [false, true, true]);
    assert_eq!(world.outside.taken.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_delay_asked_by_the_partner_is_respected() {
    let world = World::new().await;
    world.script("dmp", "M1", &[Act::RetryAfter(120)]);
    world.send("M1;dmp").await;
    world.idle().await;

    let seen = world.seen("dmp");
    assert!(seen[1].at_ms - seen[0].at_ms >= 120_000);
}

#[tokio::test(start_paused = true)]
async fn too_old_is_parked_with_its_last_reason() {
    let world = World::new().await;
    world.script("dmp", "M1", &[Act::Retry; 2000]);
    world.send("M1;dmp").await;
    world.idle().await;

    let delivery = &world.journey("M1").deliveries[0];
    assert_eq!(delivery.state, Parked);
    let finding = delivery.finding.as_ref().unwrap();
    assert_eq!(finding.check, "engine.gave-up");
    assert!(finding.sentence.contains("fake.busy"), "{}", finding.sentence);
    assert!(delivery.attempts.len() > 100 && delivery.attempts.len() < 200, "{}", delivery.attempts.len());
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_parked_and_the_lane_goes_on() {
    let world = World::new().await;
    world.script("dmp", "M1", &[Act::Panic]);
    world.script("dmp", "M2", &[Act::PreparePanic]);
    world.send_all(&["M1;patient=A;dmp", "M2;patient=B;dmp", "M3;patient=C;dmp"]).await;
    world.idle().await;

    let code = |id: &str| world.journey(id).deliveries[0].finding.as_ref().map(|f| f.check.clone());
    assert_eq!((code("M1").as_deref(), code("M2").as_deref()), (Some("engine.panic"), Some("engine.panic")));
    assert_eq!(world.states("M3"), [("dmp".into(), Delivered)]);
    // Bytes may have left before the panic: the next attempt probes.
    assert!(world.journey("M1").deliveries[0].after_unknown);
    assert!(!world.journey("M2").deliveries[0].after_unknown);
}

#[tokio::test(start_paused = true)]
async fn a_preparation_that_fails_is_tried_again_and_told() {
    let world = World::new().await;
    world.script("dmp", "M1", &[Act::PrepareRetry, Act::PrepareRetry, Act::Done]);
    world.script("dmp", "M2", &[Act::PreparePark]);
    world.send_all(&["M1;patient=A;dmp", "M2;patient=B;dmp"]).await;
    world.idle().await;

    let delivery = &world.journey("M1").deliveries[0];
    assert_eq!((delivery.state, delivery.attempts.len()), (Delivered, 3));
    assert_eq!(world.seen_ids("dmp"), ["M1"]);
    assert_eq!(world.states("M2"), [("dmp".into(), Parked)]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_partner_slows_nobody_and_loses_nothing() {
    let world = World::new().await;
    let ids: Vec<String> = (0..60).map(|n| format!("M{n:03};patient=P{n};dmp;mail")).collect();
    for id in &ids {
        world.script("dmp", &id[..4], &[Act::Retry; 4]);
        world.send(id).await;
    }
    world.idle().await;

    let mails = world.seen("mail");
    let last_mail = mails.iter().map(|s| s.at_ms).max().unwrap() - mails[0].at_ms;
    assert!(last_mail < 1000, "mails did not wait for the dead partner: {last_mail} ms");
    assert_eq!(world.seen("dmp").len(), 60 * 5);
    assert_eq!(
        world.found(Filter { state: StateWord::parse("delivered"), limit: 100, ..Filter::default() }).len(),
        60
    );
}

#[tokio::test(start_paused = true)]
async fn a_hanging_attempt_is_dropped_after_the_grace_and_probed_at_the_next_start() {
    let mut world = World::new().await;
    world.script("dmp", "M1", &[Act::Hang]);
    world.send("M1;dmp").await;
    while world.seen("dmp").is_empty() {
        tokio::task::yield_now().await;
    }
    let whole = world.running.take().unwrap().stop(Duration::from_secs(2)).await;
    assert!(!whole);

    world.start().await;
    world.idle().await;
    let delivery = &world.journey("M1").deliveries[0];
    assert_eq!((delivery.state, delivery.attempts.len()), (Delivered, 2));
    assert_eq!(delivery.attempts[0].finding.as_ref().unwrap().check, "engine.interrupted");
    assert!(world.seen("dmp")[1].after_unknown);
}

#[tokio::test(start_paused = true)]
async fn what_is_owed_to_a_partner_that_is_gone_waits_for_him() {
    let mut world = World::new().await;
    world.script("dmp", "M1", &[Act::Retry; 3]);
    world.send("M1;patient=A;dmp").await;
    world.send("M2;patient=A;dmp").await;
    while world.seen("dmp").is_empty() {
        tokio::task::yield_now().await;
    }
    world.running.take().unwrap().stop(Duration::from_secs(1)).await;

    let without = crate::Route { to: vec![], ..route() };
    let running = world
        .engine
        .start(Wired { routes: vec![without], sinks: world.sinks(&["sil"]), ..Wired::default() })
        .await
        .unwrap();
    world.idle().await;
    assert_eq!(world.states("M1"), [("dmp".into(), Parked)]);
    assert_eq!(world.journey("M2").deliveries[0].finding.as_ref().unwrap().check, "engine.sink-gone");
    running.stop(Duration::from_secs(1)).await;

    world.start().await;
    world.idle().await;
    assert_eq!(world.states("M1"), [("dmp".into(), Delivered)]);
    assert_eq!(world.states("M2"), [("dmp".into(), Delivered)]);
}

#[tokio::test(start_paused = true)]
async fn a_route_that_names_a_sink_nobody_has_does_not_start() {
    let world = World::unstarted();
    let error =
        world.engine.start(Wired { sinks: world.sinks(&["dmp"]), ..world.wired() }).await.err().unwrap();
    assert_eq!(error.code(), "engine.unknown-sink");
    assert_eq!(partner("mail").as_str(), "mail");
}

#[tokio::test(start_paused = true)]
async fn a_retrying_delivery_says_when() {
    let world = World::new().await;
    world.script("dmp", "M1", &[Act::RetryAfter(600)]);
    world.send("M1;dmp").await;
    while world.journey("M1").deliveries.first().is_none_or(|d| d.state != Retrying) {
        tokio::task::yield_now().await;
    }
    let line = &world.engine.reader().find(&Filter::default()).unwrap()[0].deliveries[0];
    let next_at = line.next_at.unwrap().as_millisecond();
    assert_eq!(next_at - world.seen("dmp")[0].at_ms, 600_000);
}

#[tokio::test(start_paused = true)]
async fn other_routes_interrupt_nothing_and_serve_what_comes_next() {
    let lane = LaneSettings { attempt_max: Duration::from_secs(60), ..LaneSettings::default() };
    let mut world = World::with_lane("dmp", lane).await;
    world.script("dmp", "M1", &[Act::Hang]);
    world.send("M1;dmp").await;
    world.seen_at_least("dmp", 1).await;

    let without_dmp = || {
        let mut route = route();
        route.to.retain(|binding| binding.sink != partner("dmp"));
        route
    };
    world.running.as_mut().unwrap().reroute(vec![without_dmp()]).unwrap();
    world.send("M2;dmp;mail").await;
    while world.seen("mail").is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(world.seen("dmp").len(), 1, "the attempt that runs goes on, nobody repeats it");
    assert_eq!(world.states("M2"), [("mail".into(), Delivered)]);

    // The hanging attempt ends at its limit, and its lane goes on under the new routes.
    world.idle().await;
    assert_eq!(world.states("M1"), [("dmp".into(), Delivered)]);
    let attempts = &world.journey("M1").deliveries[0].attempts;
    let ended = attempts.iter().map(|a| a.finding.as_ref().map(|f| f.check.as_str())).collect::<Vec<_>>();
    assert_eq!(ended, [Some("engine.attempt-too-long"), None]);

    // A route that cannot run changes nothing.
    let mut wrong = route();
    wrong.to[0].sink = partner("nobody");
    assert!(world.running.as_mut().unwrap().reroute(vec![wrong]).is_err());
    world.send("M3;mail").await;
    world.idle().await;
    assert_eq!(world.states("M3"), [("mail".into(), Delivered)]);
}
