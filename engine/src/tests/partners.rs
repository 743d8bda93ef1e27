//! What partners are like: closed, counted, silent, back after a day; and a clock that somebody sets.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use jiff::Timestamp;

use super::world::{Act, Seen, World, partner};
use crate::{
    DeliveryState::{Delivered, Parked, Retrying},
    Event, Hours, LaneSettings, LaneState, OnUnknown, Rate,
    lane::hours::Opening,
};

fn hour(seen: &Seen) -> String {
    Timestamp::from_millisecond(seen.at_ms).unwrap().strftime("%d %H:%M").to_string()
}

/// The virtual world begins on Saturday 21 November 2026 at 8:00, French time.
fn office_hours() -> LaneSettings {
    let hours = Hours::new(vec![Opening::parse("lun-ven 09:00-17:00").unwrap()], true, BTreeSet::new());
    LaneSettings { hours, ..LaneSettings::default() }
}

#[tokio::test(start_paused = true)]
async fn a_closed_partner_is_not_called_before_it_opens_and_is_not_down() {
    let world = World::with_lane("dmp", office_hours()).await;
    world.script("dmp", "M1", &[Act::Retry]);
    world.send("M1;dmp;mail").await;
    world.seen_at_least("mail", 1).await;
    let lanes = world.engine.lanes();
    let dmp = lanes.iter().find(|lane| lane.partner == partner("dmp")).unwrap();
    let opens: Timestamp = "2026-11-23T08:00:00Z".parse().unwrap();
    assert_eq!((dmp.state, dmp.failing_since), (LaneState::Closed { until: Some(opens) }, None));

    world.idle().await;
    assert_eq!(hour(&world.seen("dmp")[0]), "23 08:00", "Monday, 9:00 in France");
    // It waited two days for the door; the hour of its retries begins with the opening.
    assert_eq!(world.states("M1"), [("dmp".into(), Delivered), ("mail".into(), Delivered)]);
}

#[tokio::test(start_paused = true)]
async fn a_partner_is_called_no_more_often_than_its_rate() {
    let rate = Rate { burst: 3, ..Rate::parse("60/min").unwrap() };
    let world = World::with_lane("dmp", LaneSettings { rate: Some(rate), ..LaneSettings::default() }).await;
    for n in 0..30 {
        world.script("dmp", &format!("M{n:02}"), &[Act::Retry]);
        world.send(&format!("M{n:02};patient=P{n};dmp")).await;
    }
    world.idle().await;

    let times: Vec<i64> = world.seen("dmp").iter().map(|seen| seen.at_ms).collect();
    assert_eq!(times.len(), 60, "a retry counts too");
    let most =
        times.iter().map(|first| times.iter().filter(|t| (*first..*first + 10_000).contains(t)).count());
    assert!(most.max().unwrap() <= 10 + 3, "in any ten seconds");
    assert!(times[59] - times[0] < 75_000, "and not much slower: {} ms", times[59] - times[0]);
}

#[tokio::test(start_paused = true)]
async fn a_lane_attempts_as_many_at_once_as_its_partner_allows() {
    for concurrency in [1, 7] {
        let settings =
            LaneSettings { concurrency, attempt_max: Duration::from_secs(60), ..LaneSettings::default() };
        let world = World::with_lane("dmp", settings).await;
        for n in 0..20 {
            world.script("dmp", &format!("M{n:02}"), &[Act::Hang]);
            world.send(&format!("M{n:02};patient=P{n};dmp")).await;
        }
        world.seen_at_least("dmp", concurrency).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(world.seen("dmp").len(), concurrency);
    }
}

#[tokio::test(start_paused = true)]
async fn a_partner_that_accepts_and_never_answers_is_left_and_probed() {
    let settings = LaneSettings { attempt_max: Duration::from_secs(120), ..LaneSettings::default() };
    let world = World::with_lane("dmp", settings).await;
    world.script("dmp", "M1", &[Act::Hang, Act::Hang]);
    world.send_all(&["M1;patient=A;dmp", "M2;patient=B;dmp"]).await;
    world.idle().await;

    let attempts = &world.journey("M1").deliveries[0].attempts;
    assert_eq!(attempts[0].finding.as_ref().unwrap().check, "engine.attempt-too-long");
    let probed: Vec<bool> =
        world.seen("dmp").iter().filter(|s| s.control_id == "M1").map(|s| s.after_unknown).collect();
    assert_eq!(probed, [false, true, true]);
    assert_eq!(world.states("M2"), [("dmp".into(), Delivered)]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_goes_to_a_human_where_the_lane_says_so_and_the_partner_cannot_be_asked() {
    let park = LaneSettings { on_unknown: OnUnknown::Park, ..LaneSettings::default() };
    let mut world = World::unstarted();
    world.lanes = [(partner("dmp"), park.clone()), (partner("mail"), park)].into();
    world.start().await;
    world.script("dmp", "M1", &[Act::Unknown]);
    world.script("mail", "M1", &[Act::Unknown]);
    world.send("M1;dmp;mail").await;
    world.idle().await;

    assert_eq!(world.states("M1"), [("dmp".into(), Delivered), ("mail".into(), Parked)]);
    let mail = &world.journey("M1").deliveries[1];
    assert_eq!(mail.finding.as_ref().unwrap().check, "engine.unknown-outcome");
    assert_eq!(mail.attempts[0].notes[0].check, "fake.cut", "the cause is kept");

    world.release(mail.id).await.unwrap();
    world.idle().await;
    let mail = &world.journey("M1").deliveries[1];
    assert_eq!(
        (mail.state, mail.attempts[1].notes[0].check.as_str()),
        (Delivered, "engine.possible-duplicate")
    );
    let seen = world.seen("mail");
    assert_eq!(seen[0].bytes, seen[1].bytes, "the mark is in the journey, never in the bytes");
}

#[tokio::test(start_paused = true)]
async fn what_a_crash_cut_goes_to_a_human_where_the_lane_says_so() {
    let park = LaneSettings { on_unknown: OnUnknown::Park, ..LaneSettings::default() };
    let mut world = World::unstarted();
    world.lanes = [(partner("dmp"), park.clone()), (partner("mail"), park)].into();
    world.start().await;
    world.script("dmp", "M1", &[Act::Hang]);
    world.script("mail", "M1", &[Act::Hang]);
    world.send("M1;dmp;mail").await;
    world.seen_at_least("dmp", 1).await;
    world.seen_at_least("mail", 1).await;
    let world = world.crash().await;
    world.idle().await;

    assert_eq!(world.states("M1"), [("dmp".into(), Delivered), ("mail".into(), Parked)]);
    assert_eq!(world.journey("M1").deliveries[1].finding.as_ref().unwrap().check, "engine.unknown-outcome");
}

#[tokio::test(start_paused = true)]
async fn a_dead_partner_costs_a_window_however_much_waits_for_it() {
    let (mut world, journal) = World::unstarted().reopen_dying(i64::MAX, false);
    world.start().await;
    for n in 0..200 {
        world.script("dmp", &format!("M{n:03}"), &[Act::RetryAfter(1200); 2]);
        world.send(&format!("M{n:03};patient=P{n};dmp")).await;
    }
    world.idle().await;

    assert_eq!(world.seen("dmp").len(), 600);
    let window = journal.window_max.load(Ordering::Relaxed);
    let places = LaneSettings::default().concurrency;
    assert!((places..=2 * places).contains(&window), "{window} of 200 in memory at once");
}

/// 400 wait when the partner comes back, and a fresh one comes every second; one attempt lasts a quarter of a second.
#[tokio::test(start_paused = true)]
async fn a_partner_that_comes_back_serves_what_waits_and_what_is_fresh() {
    let rate = Some(Rate::parse("4/s").unwrap());
    let closed = Hours::new(vec![Opening::parse("sam 09:00-23:00").unwrap()], false, BTreeSet::new());
    let settings = LaneSettings { rate, hours: closed, concurrency: 1, ..LaneSettings::default() };
    let world = World::with_lane("dmp", settings).await;
    for n in 0..400 {
        world.send(&format!("OLD{n:03};patient=O{n};dmp")).await;
    }
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let mut sent = Vec::new();
    for n in 0..60 {
        sent.push(world.now_ms());
        world.send(&format!("NEW{n:03};patient=N{n};dmp")).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let seen = world.seen("dmp");
    let waits: Vec<i64> = (0..59)
        .filter_map(|n| seen.iter().find(|s| s.control_id == format!("NEW{n:03}")).map(|s| s.at_ms - sent[n]))
        .collect();
    assert!(waits.len() >= 55 && *waits.iter().max().unwrap() < 5_000, "fresh ones pass: {waits:?}");
    let old = seen.iter().filter(|s| s.control_id.starts_with("OLD")).count();
    assert!(old >= 170, "what waits is served three times out of four: {old}");
    let first = world.of_patient("dmp", 'O');
    assert_eq!(first[..3], ["OLD000", "OLD001", "OLD002"], "what waits longest first");
}

#[tokio::test(start_paused = true)]
async fn what_waited_behind_its_patient_keeps_its_place() {
    let settings = LaneSettings { concurrency: 1, ..LaneSettings::default() };
    let world = World::with_lane("dmp", settings).await;
    world.script("dmp", "A1", &[Act::RetryAfter(600)]);
    world.send_all(&["A1;patient=A;dmp", "A2;patient=A;dmp"]).await;
    world.seen_at_least("dmp", 1).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    for n in 0..6 {
        world.script("dmp", &format!("B{n}"), &[Act::RetryAfter(300)]);
        world.send(&format!("B{n};patient=B{n};dmp")).await;
    }
    world.idle().await;

    let after: Vec<String> = world.seen_ids("dmp").into_iter().skip_while(|id| id != "A1").skip(7).collect();
    assert_eq!(after[..2], ["A1", "A2"], "A2 is older than every B: {after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_goes_back_an_hour_delays_nothing() {
    let world = World::new().await;
    let mut events = world.engine.subscribe();
    world.script("dmp", "M1", &[Act::RetryAfter(60)]);
    world.send("M1;patient=A;dmp").await;
    world.seen_at_least("dmp", 1).await;
    let before = world.steady_ms();
    world.set_clock(-3_600_000);
    world.send("M2;patient=B;dmp").await;
    world.idle().await;

    assert!(world.steady_ms() - before < 70_000, "{} ms", world.steady_ms() - before);
    let jumped = std::iter::from_fn(|| events.try_recv().ok())
        .any(|event| matches!(event, Event::ClockJumped { by_ms } if by_ms < -3_590_000));
    assert!(jumped, "and it is told");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_went_back_while_nothing_ran_delays_nothing() {
    let mut world = World::new().await;
    world.script("dmp", "M1", &[Act::RetryAfter(60)]);
    world.send_all(&["M1;patient=A;dmp", "M2;patient=A;dmp"]).await;
    while world.journey("M1").deliveries.first().is_none_or(|delivery| delivery.state != Retrying) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    world.running.take().unwrap().stop(Duration::from_secs(1)).await;
    world.set_clock(-3_600_000);
    let before = world.steady_ms();
    world.start().await;
    world.idle().await;

    assert!(world.steady_ms() - before < 70_000, "{} ms", world.steady_ms() - before);
    assert_eq!(world.of_patient("dmp", 'M'), ["M1", "M1", "M2"]);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_lanes_are_ten_thousand_partners() {
    let world = World::unstarted();
    let sink = world.sinks(&["dmp"]).remove(&partner("dmp")).unwrap();
    let names: Vec<_> = (0..10_000).map(|n| partner(&format!("dmp-{n}"))).collect();
    let sinks = names.iter().map(|name| (name.clone(), Arc::clone(&sink))).collect();
    let to = names.iter().step_by(100);
    let to = to.map(|name| crate::SinkBinding { sink: name.clone(), ..super::world::route().to[0].clone() });
    let route = crate::Route { to: to.collect(), reply: vec![], ..super::world::route() };
    let _running =
        world.engine.start(crate::Wired { routes: vec![route], sinks, ..Default::default() }).await.unwrap();
    world.send("M1;patient=A;dmp").await;
    world.idle().await;

    assert_eq!(world.seen("dmp").len(), 100);
    assert_eq!(world.engine.lanes().len(), 10_000);
}
