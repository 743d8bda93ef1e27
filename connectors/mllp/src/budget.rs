//! Memory shared by all links of a partner: bytes of unfinished and unanswered messages.
//! In: what a link holds. Out: leave to read on, now or later. Source: hl7v2.md §6.6 « cap total in-flight bytes ».

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes per permit.
const UNIT: usize = 1024;
/// What every link may hold without asking; bounded by the number of links.
const FREE_BYTES: usize = 64 * 1024;

/// The whole budget.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Semaphore>);

impl Budget {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self(Arc::new(Semaphore::new((bytes_max / UNIT).min(Semaphore::MAX_PERMITS))))
    }

    pub(crate) fn share(&self) -> Share {
        Share { budget: Arc::clone(&self.0), held: None, starved: false }
    }
}

/// What one link has of it. Given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
    starved: bool,
}

impl Share {
    /// Waits until the link may hold so many bytes; gives back what it no longer needs. Cancel-safe.
    pub(crate) async fn cover(&mut self, bytes: usize) {
        let needed = bytes.saturating_sub(FREE_BYTES).div_ceil(UNIT);
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if needed <= held {
            if let Some(permit) = &mut self.held {
                drop(permit.split(held - needed));
            }
            self.starved = false;
            return;
        }
        self.starved = true;
        let more = u32::try_from(needed - held).unwrap_or(u32::MAX);
        // The semaphore is never closed: an error cannot come.
        if let Ok(permit) = Arc::clone(&self.budget).acquire_many_owned(more).await {
            match &mut self.held {
                Some(held) => held.merge(permit),
                None => self.held = Some(permit),
            }
        }
        self.starved = false;
    }

    /// Whether the last [`Self::cover`] was abandoned while it waited.
    pub(crate) fn is_starved(&self) -> bool {
        self.starved
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn is_granted(share: &mut Share, bytes: usize) -> bool {
        tokio::time::timeout(Duration::from_secs(1), share.cover(bytes)).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_waits_for_what_others_hold_and_gets_it_when_they_let_go() {
        let budget = Budget::new(100 * UNIT);
        let (mut a, mut b) = (budget.share(), budget.share());
        assert!(is_granted(&mut a, FREE_BYTES + 60 * UNIT).await);
        assert!(is_granted(&mut b, FREE_BYTES + 40 * UNIT).await);
        assert!(!is_granted(&mut b, FREE_BYTES + 41 * UNIT).await);
        assert!(b.is_starved());
        a.cover(FREE_BYTES + 10 * UNIT).await;
        assert!(is_granted(&mut b, FREE_BYTES + 90 * UNIT).await && !b.is_starved());
        drop(b);
        assert!(is_granted(&mut a, FREE_BYTES + 100 * UNIT).await);
    }

    #[tokio::test(start_paused = true)]
    async fn small_messages_ask_for_nothing() {
        let budget = Budget::new(0);
        assert!(is_granted(&mut budget.share(), FREE_BYTES).await);
        assert!(!is_granted(&mut budget.share(), FREE_BYTES + 1).await);
    }
}
