//! A service that asks to slow down, over a real socket: how long is waited for, by whom, and when it is given up.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test program: failing is its way of speaking")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use jonction_web::{
    Client, Request, Server, Url,
    client::Timeouts,
    pace::{Patience, Wait},
    server::{Arrived, Reply},
};

/// A server whose answers are told in turn, then 200; a client that notes how long it would wait.
struct World {
    server: Server,
    client: Client,
    waits: Arc<Mutex<Vec<Duration>>>,
    requests: Arc<AtomicUsize>,
}

impl World {
    fn new(patience: Patience, answer: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        let requests = Arc::new(AtomicUsize::new(0));
        let count = requests.clone();
        let handler = move |_: Arrived| answer(count.fetch_add(1, Ordering::SeqCst));
        let waits: Arc<Mutex<Vec<Duration>>> = Arc::default();
        let noted = waits.clone();
        let wait: Wait = Arc::new(move |delay| {
            noted.lock().unwrap().push(delay);
            Box::pin(std::future::ready(()))
        });
        Self {
            server: Server::start(([127, 0, 0, 1], 0).into(), None, Arc::new(handler)).unwrap(),
            client: Client::new(None, Timeouts::default()).patient(patience).waiting(wait),
            waits,
            requests,
        }
    }

    async fn ask(&self) -> u16 {
        let url = Url::parse(&self.server.origin()).unwrap();
        self.client.clone().send(&Request::get(url)).await.unwrap().status
    }

    fn waited(&self) -> Vec<Duration> {
        std::mem::take(&mut self.waits.lock().unwrap())
    }
}

fn about(waits: &[Duration], seconds: f64) -> bool {
    waits.iter().all(|wait| (seconds - 1.0..=seconds).contains(&wait.as_secs_f64()))
}

#[tokio::test]
async fn a_service_that_says_seven_seconds_gets_seven_seconds_of_everybody() {
    let told = |n| match n {
        0 => Reply::status(429).header("retry-after", "7"),
        _ => Reply::status(200),
    };
    let world = World::new(Patience::default(), told);
    assert_eq!(world.ask().await, 200);
    assert_eq!(world.ask().await, 200, "another clone of the client");
    let waits = world.waited();
    assert!(waits.len() == 2 && about(&waits, 7.0), "{waits:?}");
    assert_eq!(world.requests.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_date_is_told_against_the_clock_of_the_service() {
    let told = |n| match n {
        0 => Reply::status(503)
            .header("date", "Fri, 02 Jan 2026 07:00:00 GMT")
            .header("retry-after", "Fri, 02 Jan 2026 07:00:30 GMT"),
        _ => Reply::status(200),
    };
    let world = World::new(Patience::default(), told);
    assert_eq!(world.ask().await, 200);
    let waits = world.waited();
    assert!(waits.len() == 1 && about(&waits, 30.0), "{waits:?}");
}

#[tokio::test]
async fn a_service_that_says_nothing_is_asked_ever_later_up_to_a_minute_then_given_up() {
    let patience = Patience { tries: 9, ..Patience::default() };
    let world = World::new(patience, |_| Reply::status(429));
    assert_eq!(world.ask().await, 429);
    let waits = world.waited();
    assert_eq!(waits.len(), 8);
    for (at, wait) in waits.iter().enumerate() {
        let whole = f64::min(60.0, f64::from(1 << at));
        assert!((whole / 2.0 - 0.5..=whole).contains(&wait.as_secs_f64()), "{at}: {wait:?}");
    }
}

#[tokio::test]
async fn an_hour_is_not_waited_for() {
    let world = World::new(Patience::default(), |_| Reply::status(429).header("retry-after", "3600"));
    assert_eq!(world.ask().await, 429);
    assert!(world.waited().is_empty() && world.requests.load(Ordering::SeqCst) == 1);
}

#[tokio::test]
async fn no_more_requests_a_second_leave_than_are_allowed() {
    let patience = Patience { per_second: Some(17), ..Patience::default() };
    let world = World::new(patience, |_| Reply::status(200));
    for _ in 0..18 {
        world.ask().await;
    }
    let last = world.waited().pop().unwrap();
    // The clock of the test hardly moves: the eighteenth request has its turn a second after the first.
    assert!((0.5..=1.0).contains(&last.as_secs_f64()), "{last:?}");
}
