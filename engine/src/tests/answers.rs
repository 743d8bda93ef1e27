//! From receipt to journey: the straight way, and what can be asked about it.

use std::time::Duration;

use jonction_ports::IntakeError;

use super::world::{Act, World, arrival};
use crate::{
    DeliveryState::{Delivered, Parked, Refused},
    Event, Filter, MessageState, Reader, StateWord, Window, order,
};

fn found(filter: &Filter, world: &World) -> usize {
    world.found(filter.clone()).len()
}

#[tokio::test(start_paused = true)]
async fn a_message_goes_down_the_page_once_and_its_reports_come_back() {
    let world = World::new().await;
    let receipt = world.send("M1;patient=A;to=a@x.fr,b@x.fr;dmp;mail;reports").await;
    world.idle().await;

    assert!(!receipt.repeated);
    let journey = world.journey("M1");
    let story: Vec<_> =
        journey.deliveries.iter().map(|d| (d.sink.as_str(), d.state, d.report_of.is_some())).collect();
    assert_eq!(
        story,
        [
            ("dmp", Delivered, false),
            ("mail", Delivered, false),
            ("mail", Delivered, false),
            ("sil", Delivered, true),
            ("sil", Delivered, true),
            ("sil", Delivered, true),
        ]
    );
    assert_eq!(journey.route_findings[0].check, "fake/F1");
    assert_eq!(journey.documents[0].type_code, "18748-4");
    assert_eq!(journey.version.unwrap()["steps"][0]["name"], "fake-to-document");
    assert!(journey.commit_us.is_some(), "the time of the commit is told");
    assert_eq!(journey.deliveries[1].attempts[0].detail.as_deref(), Some("250 pour a@…"));
}

#[tokio::test(start_paused = true)]
async fn a_message_is_found_by_every_identifier_and_by_none_in_clear() {
    let world = World::new().await;
    world.send("M1;patient=IPP-77;dmp;mail").await;
    world.send("M2;patient=IPP-78;dmp").await;
    world.idle().await;

    let text = |text: &str| Some(text.to_owned());
    for (what, filter, count) in [
        ("local identifier", Filter { patient: text("IPP-77"), ..Filter::default() }, 1),
        ("identifier and authority", Filter { patient: text("IPP-77^1.2.3"), ..Filter::default() }, 1),
        ("INS of both", Filter { patient: text("279035121518989"), ..Filter::default() }, 2),
        ("another patient", Filter { patient: text("IPP-79"), ..Filter::default() }, 0),
        ("document", Filter { document: text("1.2.250.2"), ..Filter::default() }, 2),
        ("replaced document", Filter { document: text("1.2.250.99"), ..Filter::default() }, 2),
        ("control id", Filter { control_id: text("M2"), ..Filter::default() }, 1),
        ("mail id without brackets", Filter { mail_id: text("2@fake"), ..Filter::default() }, 1),
        ("state", Filter { state: StateWord::parse("delivered"), ..Filter::default() }, 2),
        ("no state", Filter { state: StateWord::parse("parked"), ..Filter::default() }, 0),
        ("lane", Filter { partner: text("mail"), ..Filter::default() }, 1),
        ("route and limit", Filter { route: text("essai"), limit: 1, ..Filter::default() }, 1),
        ("after", window("2026-11-21T08:00:00Z"), 0),
        ("before", window("2026-11-21T06:00:00Z"), 2),
    ] {
        assert_eq!(found(&filter, &world), count, "{what}");
    }
    // Clear text of a person stays in bodies: no other column of the database holds it.
    let database = rusqlite::Connection::open(world.path().join("journal.db")).unwrap();
    let copy = world.path().join("copy.db");
    database.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    let copied = rusqlite::Connection::open(&copy).unwrap();
    let text = |path: &std::path::Path| std::fs::read(path).unwrap();
    assert!(text(&copy).windows(6).any(|w| w == b"IPP-77"), "the search finds what is there");
    copied.execute_batch("UPDATE body SET bytes = x''; PRAGMA journal_mode = DELETE; VACUUM;").unwrap();
    drop(copied);
    let file = text(&copy);
    for clear in ["IPP-77", "279035121518989", "PAT-TROIS", "rose.ancien"] {
        assert!(!file.windows(clear.len()).any(|w| w == clear.as_bytes()), "{clear} stands in a column");
    }
}

fn window(since: &str) -> Filter {
    let window = Window { since: Some(since.parse().unwrap()), until: None };
    Filter { window, ..Filter::default() }
}

#[tokio::test(start_paused = true)]
async fn what_no_route_wants_is_filtered_and_named() {
    let world = World::new().await;
    world.send("M1;other").await;
    world.idle().await;

    let journey = world.journey("M1");
    assert_eq!(journey.state, MessageState::Filtered);
    assert_eq!(journey.filtered_by.as_deref(), Some("essai"));
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_or_panics_parks_its_message_and_no_other() {
    let world = World::new().await;
    world.send_all(&["M1;park", "M2;panic", "M3;dmp"]).await;
    world.idle().await;

    assert_eq!(world.journey("M1").error.as_deref(), Some("fake.step"));
    assert_eq!(world.journey("M2").error.as_deref(), Some("engine.panic"));
    assert_eq!(world.message_state("M3"), MessageState::Routed);
    // Routed again by hand: the step fails again, and nothing is lost.
    let message = world.journey("M1").id;
    world.order(order::Act::RouteAgain { message }, "").await.unwrap();
    world.idle().await;
    assert_eq!(world.message_state("M1"), MessageState::Parked);
    assert!(world.order(order::Act::RouteAgain { message: world.journey("M3").id }, "").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_message_parked_in_routing_is_refused_for_good_and_counted() {
    let world = World::new().await;
    world.send("M1;park").await;
    world.idle().await;

    let message = world.journey("M1").id;
    let refuse = order::Act::RefuseMessage { message };
    assert_eq!(world.order(refuse.clone(), "").await.unwrap_err().code(), "engine.reason-missing");
    world.order(refuse.clone(), "vu avec le service").await.unwrap();
    world.idle().await;
    let journey = world.journey("M1");
    assert_eq!(
        (journey.state, journey.error.as_deref()),
        (MessageState::RefusedByHand, Some("engine.refused-by-hand"))
    );
    // What parked it is still told.
    let codes: Vec<_> = journey.route_findings.iter().map(|finding| finding.check.as_str()).collect();
    assert_eq!(codes.last_chunk(), Some(&["fake.step", "engine.refused-by-hand"]));
    let balance = world.engine.reader().balance(Window::default()).unwrap();
    assert_eq!((balance.total.messages.refused_by_hand, balance.total.messages.parked), (1, 0));
    assert_eq!(world.order(refuse, "encore").await.unwrap_err().code(), "engine.message-not-parked");
    assert!(world.order(order::Act::RouteAgain { message }, "").await.is_err(), "refused is final");
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_is_journaled_with_its_findings_and_never_routed() {
    let world = World::new().await;
    let receipt = world.send("M1;refuse;dmp").await;
    world.idle().await;

    assert!(receipt.reply.starts_with(b"ack of M1"));
    let journey = world.journey("M1");
    assert_eq!((journey.state, journey.error.as_deref()), (MessageState::Refused, Some("fake/A1")));
    assert!(world.seen("dmp").is_empty());
}

#[tokio::test(start_paused = true)]
async fn events_tell_the_story_and_idle_comes_last() {
    let world = World::new().await;
    let mut events = world.engine.subscribe();
    world.script("dmp", "M1", &[Act::Retry]);
    world.send("M1;dmp;reports").await;
    world.idle().await;

    let mut story = Vec::new();
    while let Ok(event) = events.try_recv() {
        story.push(match event {
            Event::Message { verdict, .. } => format!("{verdict:?}"),
            Event::Routed { deliveries, .. } => format!("routed {deliveries}"),
            Event::Attempt { sink, state, detail, .. } => {
                format!("{sink} {} {}", state.word(), detail.unwrap_or_default())
            }
            Event::Idle => "idle".into(),
            other => format!("{other:?}"),
        });
    }
    assert_eq!(
        story,
        [
            "Accepted",
            "routed 1",
            "dmp retrying ",
            "dmp delivered 250 pour lot d'un document",
            "sil delivered 250 pour ZAM true",
            "idle"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_reader_of_another_process_answers_while_the_gateway_runs() {
    let world = World::new().await;
    world.script("mail", "M1", &[Act::Park]);
    world.send("M1;mail").await;
    world.idle().await;

    let reader = Reader::open(&world.path()).unwrap();
    let line = &reader.find(&Filter::default()).unwrap()[0];
    assert_eq!((line.deliveries[0].state, line.deliveries[0].label.as_str()), (Parked, "rose.ancien@…"));
    world.refuse(line.deliveries[0].id, "demande annulée").await.unwrap();
    assert_eq!(reader.journey("#1").unwrap()[0].deliveries[0].state, Refused);
    assert!(reader.balance(Window::default()).unwrap().closes());
    assert!(reader.journey("inconnu").unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stopping_gateway_takes_nothing_more_and_ends_what_runs() {
    let mut world = World::new().await;
    world.send("M1;dmp").await;
    let running = world.running.take().unwrap();
    assert!(running.stop(Duration::from_secs(5)).await, "nothing hangs");

    let late = world.engine.intake().submit(arrival("M2;dmp", "2026-11-21T07:00:00Z".parse().unwrap())).await;
    assert!(matches!(late, Err(IntakeError::Stopping)));
    world.start().await;
    world.idle().await;
    assert_eq!(world.states("M1"), [("dmp".to_owned(), Delivered)]);
}
