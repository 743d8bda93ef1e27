//! How long what the disk does not give is asked for again before a human is told.
//! In: failures of one message or delivery. Out: the pause before its next try; after a minute, that it is given up.
//! Why: a path that fails over or a mount that comes back needs nobody; a sector that is dead must not hold what stands
//! behind it for ever. Source: decision 0032.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jonction_ports::{DeliveryId, MessageId};
use tokio::time::Instant;

/// After so long, a human is told.
const GIVE_UP: Duration = Duration::from_secs(60);
/// Pauses between tries: from the first, twice as long each time, up to the last.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// For what something is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Asked {
    Message(MessageId),
    Delivery(DeliveryId),
}

#[derive(Clone, Copy, Debug)]
struct Trouble {
    since: Instant,
    tries: u32,
}

/// What could not be read, and since when. Empty as long as the disk is well.
#[derive(Debug, Default)]
pub(crate) struct Patience(Mutex<HashMap<Asked, Trouble>>);

impl Patience {
    /// Whether it was asked for long enough.
    pub(crate) fn is_over(&self, asked: Asked) -> bool {
        self.troubles().get(&asked).is_some_and(|trouble| trouble.since.elapsed() >= GIVE_UP)
    }

    /// It could not be read. Out: the pause before it is asked for again.
    pub(crate) fn failed(&self, asked: Asked) -> Duration {
        let mut troubles = self.troubles();
        let fresh = Trouble { since: Instant::now(), tries: 0 };
        let trouble = troubles.entry(asked).or_insert(fresh);
        trouble.tries += 1;
        let doubled = PAUSE_MIN.saturating_mul(1_u32.checked_shl(trouble.tries - 1).unwrap_or(u32::MAX));
        doubled.min(PAUSE_MAX)
    }

    /// It was read, or somebody was told.
    pub(crate) fn forget(&self, asked: Asked) {
        self.troubles().remove(&asked);
    }

    fn troubles(&self) -> MutexGuard<'_, HashMap<Asked, Trouble>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_a_minute_is_enough() {
        let (patience, asked) = (Patience::default(), Asked::Message(MessageId(1)));
        let mut pauses = Vec::new();
        while !patience.is_over(asked) {
            let pause = patience.failed(asked);
            pauses.push(pause.as_secs());
            tokio::time::sleep(pause).await;
        }
        assert_eq!(pauses[..4], [1, 2, 4, 5]);
        assert_eq!((pauses.len(), pauses.iter().sum::<u64>()), (14, 62));
        patience.forget(asked);
        assert!(!patience.is_over(asked));
    }
}
