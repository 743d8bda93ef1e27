//! The same message again, and the same number for another message. Source: decision 0005.

use std::{sync::Arc, time::Duration};

use jonction_model::{Environment, SeededEntropy, SystemClock};

use super::world::{Act, World, arrival};
use crate::{Engine, EngineSettings, MessageState, Window};

#[tokio::test(start_paused = true)]
async fn a_repeat_gets_the_first_answer_and_is_routed_once() {
    let world = World::new().await;
    let first = world.send("M1;dmp").await;
    world.idle().await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let again = world.send("M1;dmp").await;
    world.idle().await;

    assert!(again.repeated && !first.repeated);
    assert_eq!((again.reply, again.message), (first.reply, first.message));
    assert_eq!(world.seen_ids("dmp"), ["M1"]);
    assert_eq!(world.journey("M1").repetitions.len(), 1);
    let balance = world.engine.reader().balance(Window::default()).unwrap();
    let messages = balance.total.messages;
    assert_eq!((messages.received, messages.routed, messages.repeated), (2, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_reused_number_is_noted_in_tolerant_mode() {
    let world = World::new().await;
    world.send_all(&["015;patient=A;dmp", "015;patient=B;dmp"]).await;
    world.idle().await;

    let journeys = world.engine.reader().journey("015").unwrap();
    assert_eq!(journeys.len(), 2);
    assert!(journeys[0].findings.is_empty());
    assert_eq!(journeys[1].findings[0].check, "engine.control-id-reused");
    assert_eq!(world.seen("dmp").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_reused_number_is_refused_in_strict_mode() {
    let world = World::new().await;
    world.send("015;patient=A;dmp").await;
    let second = world.send("015;patient=B;dmp;strict").await;
    world.idle().await;

    assert_eq!(second.reply, "conflict");
    let journeys = world.engine.reader().journey("015").unwrap();
    assert_eq!(journeys[1].state, MessageState::Refused);
    assert_eq!(journeys[1].error.as_deref(), Some("engine.control-id-reused"));
    assert_eq!(world.seen("dmp").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_is_judged_anew_when_it_comes_again() {
    let world = World::new().await;
    let first = world.send("M1;refuse").await;
    let again = world.send("M1;refuse").await;
    assert!(!again.repeated);
    assert_ne!(first.message, again.message);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_known_after_a_restart() {
    let world = World::new().await;
    world.script("dmp", "M1", &[Act::Retry]);
    let first = world.send("M1;dmp").await;
    let world = world.crash().await;
    let again = world.send("M1;dmp").await;
    world.idle().await;
    assert!(again.repeated);
    assert_eq!(again.message, first.message);
    assert_eq!(world.outside.taken.lock().unwrap().len(), 1);
}

/// Sixty-four connections send the same message at once: real threads, one committer, shared batches.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_repeats_that_race_one_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let settings = EngineSettings::new(folder.path(), Environment::Test);
    let engine = Engine::open(settings, Arc::new(SystemClock), Arc::new(SeededEntropy::new(1))).unwrap();
    let intake = engine.intake();
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let intake = intake.clone();
            let arrival = arrival("M1;dmp", "2026-11-21T07:00:00Z".parse().unwrap());
            tokio::spawn(async move { intake.submit(arrival).await.unwrap() })
        })
        .collect();
    let mut accepted = 0;
    for task in tasks {
        let receipt = task.await.unwrap();
        assert_eq!(receipt.message.0, 1);
        accepted += usize::from(!receipt.repeated);
    }
    assert_eq!(accepted, 1);
    let balance = engine.reader().balance(Window::default()).unwrap();
    assert_eq!((balance.total.messages.received, balance.total.messages.repeated), (64, 63));
    assert!(balance.closes());
}
