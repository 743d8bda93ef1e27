//! Watches the wall clock against the one that only goes forward: what waits for a moment must not wait for a mistake.
//! In: both clocks. Out: the waiting moments of the journal, set back with the clock; an event for whoever alerts.

use std::{sync::Arc, time::Duration};

use jonction_ports::Stop;
use tokio::time::Instant;

use crate::{
    event::Event,
    journal::{Change, Millis},
    shared::Shared,
};

/// How often.
const EVERY: Duration = Duration::from_secs(5);
/// A clock that is slewed drifts less than this between two looks; a jump is more.
const JUMP_MS: Millis = 2_000;

pub(crate) async fn run(shared: Arc<Shared>, mut stop: Stop) {
    let (mut wall, mut steady) = (shared.now(), Instant::now());
    while !stop.is_stopped() {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.stopped() => return,
        }
        let elapsed = Millis::try_from(steady.elapsed().as_millis()).unwrap_or(0);
        let jump = shared.now() - wall - elapsed;
        (wall, steady) = (shared.now(), Instant::now());
        if jump.abs() < JUMP_MS {
            continue;
        }
        tracing::warn!(jump_ms = jump, "the clock was set");
        if jump < 0 {
            let change = Change::ClockBack { at: wall, by: -jump };
            if let Err(error) = shared.commit_one(change).await {
                // Retries then wait for the time they had: late, never lost. The next start looks again.
                tracing::error!(error_code = error.code(), %error, "waiting times were not set back");
            }
        }
        shared.say(Event::ClockJumped { by_ms: jump });
        shared.wake_lanes();
    }
}
