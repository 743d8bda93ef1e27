//! Whoever counts what happens: sees every event and every commit, none missed, on the thread where it happens.
//! In: what the engine says. Out: nothing; an observer must be quick, never block, never panic.

use std::time::Duration;

use crate::event::Event;

/// Sees everything.
pub trait Observer: Send + Sync {
    /// Something happened, and is durable.
    fn event(&self, event: &Event);

    /// A batch of so many requests was committed (write and fsync) in that time.
    fn commit(&self, requests: usize, took: Duration);
}
