//! What a route can say beside « from, map, to »: failure policies, filters, split, once, delays, hours, links.

use std::{sync::Arc, time::Duration};

use jonction_model::{Finding, RouteName};
use jonction_ports::{Bodies, Flow, Step};

use super::world::{Act, World, finding, route};
use crate::{
    Condition,
    DeliveryState::{Delivered, Parked, Refused, Waiting},
    Departure, Hours, Link, MessageState, OnFailure, Once, OrderBy, Route, RouteStep,
    lane::hours::Opening,
    order,
    route::{Stage, step::KeyPart},
};

/// Fails on messages of patient B, after it spoilt what it got.
struct Fussy;

impl Step for Fussy {
    fn name(&self) -> &str {
        "fussy"
    }

    fn version(&self) -> String {
        "1".into()
    }

    fn run(&self, flow: &mut Flow, _: &dyn Bodies) -> Result<(), Finding> {
        let is_b = |id: &jonction_model::LocalId| id.id.expose() == "B";
        let shapes = flow.shapes.iter().filter_map(|shape| shape.as_submission());
        if shapes.flat_map(|submission| &submission.patient.local_ids).any(is_b) {
            flow.shapes.clear();
            return Err(finding("fake.fussy"));
        }
        Ok(())
    }
}

async fn world(routes: Vec<Route>) -> World {
    let mut world = World::new().await;
    world.running.as_mut().unwrap().reroute(routes).unwrap();
    world
}

pub(super) async fn with_steps(more: Vec<RouteStep>) -> World {
    let mut route = route();
    route.steps.extend(more);
    world(vec![route]).await
}

fn when(text: &str) -> Condition {
    Condition::parse(text, Stage::Shape).unwrap()
}

fn findings(world: &World, id: &str) -> Vec<String> {
    world.journey(id).route_findings.iter().map(|finding| finding.check.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_parks_refuses_or_is_noted_as_its_route_says() {
    for (on_failure, states, noted) in [
        (OnFailure::Park, vec![], vec!["fake/F1", "fake.fussy"]),
        (OnFailure::Refuse, vec![("dmp", Refused), ("sil", Delivered)], vec!["fake/F1"]),
        (OnFailure::Continue, vec![("dmp", Delivered), ("sil", Delivered)], vec!["fake/F1", "fake.fussy"]),
    ] {
        let world =
            with_steps(vec![RouteStep::Run { verb: "check", step: Arc::new(Fussy), on_failure }]).await;
        world.send_all(&["M1;patient=B;dmp;reports", "M2;patient=A;dmp"]).await;
        world.idle().await;

        let expected: Vec<_> = states.into_iter().map(|(sink, state)| (sink.to_owned(), state)).collect();
        assert_eq!(world.states("M1"), expected, "{on_failure:?}");
        assert_eq!(findings(&world, "M1"), noted, "{on_failure:?}");
        assert_eq!(world.states("M2"), [("dmp".into(), Delivered)]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_step_refuses_and_nobody_would_learn_of_waits_for_a_human() {
    let world = with_steps(vec![RouteStep::Run {
        verb: "check",
        step: Arc::new(Fussy),
        on_failure: OnFailure::Refuse,
    }])
    .await;
    world.send("M1;patient=B;dmp").await;
    world.idle().await;

    assert_eq!(world.states("M1"), [("dmp".into(), Parked)]);
    assert!(world.seen("dmp").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_filter_names_what_it_takes_out() {
    let drop = when("wants.mssante and not wants.dmp");
    let world = with_steps(vec![RouteStep::Filter { name: "courriels".into(), drop }]).await;
    world.send_all(&["M1;mail", "M2;mail;dmp"]).await;
    world.idle().await;

    let journey = world.journey("M1");
    assert_eq!(
        (journey.state, journey.filtered_by.as_deref()),
        (MessageState::Filtered, Some("essai/courriels"))
    );
    assert_eq!(world.message_state("M2"), MessageState::Routed);
}

#[tokio::test(start_paused = true)]
async fn a_split_owes_one_delivery_per_document() {
    let world = with_steps(vec![RouteStep::Split]).await;
    world.send_all(&["M1;doc=7,8,9;dmp", "M2;doc=5;dmp"]).await;
    world.idle().await;

    assert_eq!(world.seen_ids("dmp"), ["M1", "M1", "M1", "M2"]);
    let whole = super::world::World::new().await;
    whole.send("M1;doc=7,8,9;dmp").await;
    whole.idle().await;
    assert_eq!(whole.seen_ids("dmp"), ["M1"]);
}

fn once(key: &[&str]) -> RouteStep {
    let key = key.iter().map(|name| KeyPart::of(name).unwrap()).collect();
    RouteStep::Once(Once { name: "doublons".into(), key, window: Duration::from_secs(3600) })
}

#[tokio::test(start_paused = true)]
async fn a_document_goes_through_once_within_its_window() {
    let world = with_steps(vec![once(&["document.id", "sender.facility"])]).await;
    // Both are decided together: the journal knows the second when it writes it.
    world.send_all(&["M1;doc=7;dmp", "M2;doc=7;dmp", "M3;doc=8;dmp"]).await;
    world.idle().await;
    tokio::time::sleep(Duration::from_secs(3700)).await;
    world.send("M4;doc=7;dmp").await;
    world.idle().await;

    assert_eq!(world.seen_ids("dmp"), ["M1", "M3", "M4"]);
    let filtered = world.journey("M2");
    assert_eq!(filtered.filtered_by.as_deref(), Some("essai/doublons"));
    assert_eq!(filtered.route.as_ref().map(ToString::to_string).as_deref(), Some("essai"));
}

#[tokio::test(start_paused = true)]
async fn what_has_no_key_is_never_a_duplicate() {
    let world = with_steps(vec![once(&["document.practice_setting"])]).await;
    world.send_all(&["M1;dmp", "M2;dmp"]).await;
    world.idle().await;

    assert_eq!(world.seen_ids("dmp"), ["M1", "M2"]);
}

#[tokio::test(start_paused = true)]
async fn a_delay_counts_from_the_reception_and_keeps_the_order_of_a_patient() {
    let mut route = route();
    route.to[0].departure.delay = Duration::from_secs(7200);
    let world = world(vec![route]).await;
    let start = world.now_ms();
    world.send_all(&["A1;patient=A;dmp;mail", "A2;patient=A;dmp"]).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(world.states("A1"), [("dmp".into(), Waiting), ("mail".into(), Delivered)]);
    world.idle().await;

    assert_eq!(world.seen_ids("dmp"), ["A1", "A2"]);
    let left = world.seen("dmp")[0].at_ms - start;
    assert!((7_200_000..7_201_000).contains(&left), "{left}");
}

#[tokio::test(start_paused = true)]
async fn what_a_human_releases_is_not_delayed_again() {
    let mut route = route();
    route.to[0].departure.delay = Duration::from_secs(7200);
    let world = world(vec![route]).await;
    world.script("dmp", "M1", &[Act::Park]);
    world.send("M1;dmp").await;
    world.idle().await;
    assert_eq!(world.states("M1"), [("dmp".into(), Parked)]);

    let before = world.now_ms();
    world.release(world.journey("M1").deliveries[0].id).await.unwrap();
    world.idle().await;
    assert_eq!(world.states("M1"), [("dmp".into(), Delivered)]);
    assert!(world.now_ms() - before < 1000);
}

/// The world begins on Saturday 21 November 2026 at eight, French time.
#[tokio::test(start_paused = true)]
async fn hours_of_a_route_hold_what_it_owes_and_do_not_age_it() {
    let mut route = route();
    let office = Opening::parse("lun-ven 08:00-18:00").unwrap();
    route.to[0].departure =
        Departure { delay: Duration::ZERO, window: Hours::new(vec![office], false, Default::default()) };
    let world = world(vec![route]).await;
    world.script("dmp", "M1", &[Act::Retry]);
    let start = world.now_ms();
    world.send("M1;dmp").await;
    world.idle().await;

    let attempts = world.seen("dmp");
    assert_eq!((attempts[0].at_ms - start) / 1000, 2 * 86_400, "Monday at eight");
    // Older than the hour after which its route gives up, by the clock; not by its hours.
    assert_eq!(world.states("M1"), [("dmp".into(), Delivered)]);
}

fn linked(name: &str, sink: usize) -> Route {
    let to = vec![route().to.remove(sink)];
    let name = RouteName::parse(name).unwrap();
    Route { name, from: None, steps: vec![], to, reply: vec![], ..route() }
}

fn hands_to(mut from: Route, to: Route, text: &str) -> Route {
    from.links.push(Link { to: Arc::new(to), when: when(text) });
    from
}

/// `essai` has no sink of its own: everything goes through `depot` and `copies`.
fn through_links() -> Vec<Route> {
    let (depot, copies) = (linked("depot", 0), linked("copies", 1));
    let first = Route { to: vec![], ..route() };
    let first = hands_to(hands_to(first, depot.clone(), "identity.has_ins"), copies.clone(), "wants.mssante");
    vec![first, depot, copies]
}

#[tokio::test(start_paused = true)]
async fn a_route_hands_over_what_other_routes_deliver_and_the_first_one_reports() {
    let world = world(through_links()).await;
    world.send_all(&["M1;dmp;mail;reports", "M2;dmp;prov;reports"]).await;
    world.idle().await;

    let states: Vec<_> = world.states("M1");
    assert_eq!(states.iter().filter(|(_, state)| *state == Delivered).count(), states.len());
    assert!(states.iter().any(|(sink, _)| sink == "sil"), "{states:?}");
    assert_eq!(world.journey("M1").route.unwrap().as_str(), "essai");
    assert_eq!(
        world.states("M2"),
        [("dmp".into(), Refused), ("sil".into(), Delivered)],
        "a closed gate refuses"
    );
}

#[tokio::test(start_paused = true)]
async fn a_linked_route_keeps_its_own_policy_and_order() {
    let mut routes = through_links();
    let mut depot = routes.remove(1);
    depot.to[0].departure.delay = Duration::from_secs(600);
    depot.to[0].order_by = OrderBy::Arrival;
    let first = hands_to(Route { to: vec![], ..route() }, depot.clone(), "wants.dmp");
    let world = world(vec![first, depot]).await;
    world.send_all(&["A1;patient=A;dmp", "B1;patient=B;dmp"]).await;
    let start = world.now_ms();
    world.idle().await;

    assert_eq!(world.seen_ids("dmp"), ["A1", "B1"]);
    assert!(world.seen("dmp")[0].at_ms - start >= 600_000);
}

#[tokio::test(start_paused = true)]
async fn a_filter_of_a_linked_route_concerns_its_own_part_only() {
    let mut routes = through_links();
    let mut copies = routes.remove(2);
    copies.steps.push(RouteStep::Filter { name: "jamais".into(), drop: when("wants.mssante") });
    let first = hands_to(route(), copies.clone(), "wants.mssante");
    let world = world(vec![Route { to: vec![route().to.remove(0)], ..first }, copies]).await;
    world.send("M1;dmp;mail").await;
    world.idle().await;

    assert_eq!(world.states("M1"), [("dmp".into(), Delivered)]);
    assert_eq!(findings(&world, "M1"), ["fake/F1", "route.filtered"]);
}

#[tokio::test(start_paused = true)]
async fn a_held_route_holds_what_would_reach_it_and_lets_it_go_when_lifted() {
    let world = world(through_links()).await;
    let held = || order::hold::Held::Route(RouteName::parse("copies").unwrap());
    world.order(order::Act::Hold { what: held() }, "panne").await.unwrap();
    world.send("M1;dmp;mail").await;
    world.idle().await;
    assert_eq!(world.message_state("M1"), MessageState::Held);

    world.order(order::Act::Lift { what: held() }, "").await.unwrap();
    world.idle().await;
    assert_eq!(world.states("M1"), [("dmp".into(), Delivered), ("mail".into(), Delivered)]);
}

#[tokio::test(start_paused = true)]
async fn the_version_of_a_message_names_every_route_it_may_take() {
    let mut routes = through_links();
    let world = world(routes.clone()).await;
    world.send("M1;dmp").await;
    world.idle().await;
    let before = world.journey("M1").version;
    let mut depot = routes.remove(1);
    depot.version = "v2".into();
    let first = hands_to(Route { to: vec![], ..route() }, depot.clone(), "wants.dmp");
    let mut world = world;
    world.running.as_mut().unwrap().reroute(vec![first, depot]).unwrap();
    world.send("M2;dmp").await;
    world.idle().await;

    assert_ne!(before, world.journey("M2").version);
}
