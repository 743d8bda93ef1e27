//! Orders that take longer than anybody waits: begun once, carried out whoever listens, their end kept for who asks.
//! In: orders. Out: their end, or a number to ask for it. Bounded; forgotten with the process, the audit chain is not.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jonction_engine::{Error, Ordered};
use tokio::sync::watch;

use super::ApiError;

/// Orders remembered: the oldest that ended are forgotten first.
const REMEMBERED_MAX: usize = 256;

/// How an order ended; `None` while it goes on.
type End = Option<Result<Ordered, ApiError>>;

/// Orders under way, and the last that ended.
#[derive(Default)]
pub(crate) struct Ongoing(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    last: u64,
    orders: BTreeMap<u64, watch::Receiver<End>>,
}

impl Ongoing {
    /// Begins an order: it goes on whatever becomes of the request. Out: its number.
    pub(crate) fn begin(&self, order: impl Future<Output = Result<Ordered, Error>> + Send + 'static) -> u64 {
        let (told, end) = watch::channel(None);
        tokio::spawn(async move {
            let carried_out = tokio::spawn(order).await;
            let end =
                carried_out.map_or_else(|_| Err(ApiError::panicked()), |end| end.map_err(ApiError::from));
            told.send_replace(Some(end));
        });
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last += 1;
        let number = kept.last;
        kept.orders.insert(number, end);
        if kept.orders.len() > REMEMBERED_MAX {
            let ended = kept.orders.iter().find(|(_, end)| end.borrow().is_some()).map(|(number, _)| *number);
            ended.and_then(|number| kept.orders.remove(&number));
        }
        number
    }

    /// Waits for the end of an order, at most so long. Out: its end, `None` while it goes on. Errors: no such order.
    pub(crate) async fn end(&self, order: u64, wait: Duration) -> Result<Option<Ordered>, ApiError> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).orders.get(&order).cloned();
        let mut end = known.ok_or_else(ApiError::unknown_order)?;
        // The sender is dropped after the end is told: there is no error to tell apart.
        let _ = tokio::time::timeout(wait, end.wait_for(Option::is_some)).await;
        let told = end.borrow().clone();
        told.transpose()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    const WAIT: Duration = Duration::from_secs(20);

    #[tokio::test(start_paused = true)]
    async fn an_order_that_lasts_is_told_to_go_on_and_its_end_is_kept() {
        let ongoing = Ongoing::default();
        let (go, wait) = oneshot::channel::<()>();
        let order = ongoing.begin(async move {
            let _ = wait.await;
            Err(Error::NoMessage(7))
        });
        assert!(ongoing.end(order, WAIT).await.unwrap().is_none());
        go.send(()).unwrap();
        for _ in 0..2 {
            let refused = ongoing.end(order, WAIT).await.unwrap_err();
            assert_eq!(refused.code(), "engine.no-message");
        }
        assert_eq!(ongoing.end(order + 1, WAIT).await.unwrap_err().code(), "admin.unknown-order");
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_on_is_never_forgotten_and_what_ended_is_after_a_while() {
        let ongoing = Ongoing::default();
        let (_go, wait) = oneshot::channel::<()>();
        let first = ongoing.begin(async move {
            let _ = wait.await;
            Err(Error::NotRunning)
        });
        let second = ongoing.begin(async { panic!("an order of a test") });
        assert_eq!(ongoing.end(second, WAIT).await.unwrap_err().code(), "engine.panic");
        for _ in 0..REMEMBERED_MAX {
            let order = ongoing.begin(async { Err(Error::NotRunning) });
            assert!(ongoing.end(order, WAIT).await.is_err());
        }
        assert!(ongoing.end(first, Duration::ZERO).await.unwrap().is_none());
        assert_eq!(ongoing.end(second, WAIT).await.unwrap_err().code(), "admin.unknown-order");
    }
}
