//! How fast a service is asked: no more often than it allows, and not again before it says so (429, 503).
//! In: answers, failed attempts. Out: how long every request to that host waits. Clones of a client share it.
//! Source: annuaires.md §2.1 « Rate limit », §9.3 n° 25 and 26.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::fmt::rfc2822;
use jonction_model::{Entropy as _, OsEntropy};
use jonction_ports::BoxFuture;
use tokio::time::Instant;

use crate::client::Answer;

/// Bounds on how long a service is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Requests a second to one host; `None`: as many as come.
    pub per_second: Option<u32>,
    /// How often a request is sent in all, when the service asks to slow down.
    pub tries: u32,
    /// First wait when the service does not say how long; it doubles each time.
    pub first: Duration,
    /// Longest of those waits.
    pub longest: Duration,
    /// Longest wait taken from the service; beyond, the pull ends and comes back on its schedule.
    pub told_max: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            per_second: None,
            tries: 6,
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            told_max: Duration::from_secs(600),
        }
    }
}

/// How to wait: the timer of the runtime, or what a test wants.
pub type Wait = Arc<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>;

/// Waits not at all, for tests that only want what comes after.
pub fn at_once() -> Wait {
    Arc::new(|_| Box::pin(std::future::ready(())))
}

/// When each host may be asked again.
pub(crate) struct Pace {
    pub(crate) patience: Patience,
    pub(crate) wait: Wait,
    /// The next free moment of each host.
    next: Mutex<HashMap<String, Instant>>,
}

impl Pace {
    pub(crate) fn new(patience: Patience, wait: Wait) -> Self {
        Self { patience, wait, next: Mutex::default() }
    }

    /// The usual timer.
    pub(crate) fn timer() -> Wait {
        Arc::new(|delay| Box::pin(tokio::time::sleep(delay)))
    }

    /// Waits for the turn of one request.
    pub(crate) async fn turn(&self, host: &str) {
        let now = Instant::now();
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let at = next.get(host).copied().unwrap_or(now).max(now);
            if let Some(rate) = self.patience.per_second {
                next.insert(host.to_owned(), at + Duration::from_secs(1) / rate.max(1));
            }
            at
        };
        if at > now {
            (self.wait)(at - now).await;
        }
    }

    /// Whether a request answered like this is sent again; its host is closed to all until then.
    pub(crate) fn again(&self, host: &str, answer: &Answer, attempt: u32) -> bool {
        if !matches!(answer.status, 429 | 503) || attempt >= self.patience.tries {
            return false;
        }
        let told = retry_after(answer);
        if told.is_some_and(|told| told > self.patience.told_max) {
            return false;
        }
        self.close(host, told.unwrap_or_else(|| self.back_off(attempt)));
        true
    }

    /// Closes a host for a while after a failed attempt, counted from 1.
    pub(crate) fn failed(&self, host: &str, attempt: u32) {
        self.close(host, self.back_off(attempt));
    }

    fn close(&self, host: &str, delay: Duration) {
        let until = Instant::now() + delay;
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let at = next.entry(host.to_owned()).or_insert(until);
        *at = until.max(*at);
    }

    /// Doubles, up to a bound; between half of it and the whole, so that many do not come back together.
    fn back_off(&self, attempt: u32) -> Duration {
        let doubled = self.patience.first.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        let whole = doubled.min(self.patience.longest);
        let share = u32::try_from(OsEntropy.number() % 512).unwrap_or(0);
        whole / 2 + whole * share / 1024
    }
}

/// Seconds, or a date, told against the clock of the service itself.
pub(crate) fn retry_after(answer: &Answer) -> Option<Duration> {
    let told = answer.header("retry-after")?.trim();
    if let Ok(seconds) = told.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let told = rfc2822::parse(told).ok()?.timestamp();
    Some(Duration::try_from(told.duration_since(answer.date()?)).unwrap_or_default())
}
