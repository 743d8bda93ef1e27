//! How often a partner may be called: a bucket of tokens, as one number.
//! In: a rate, the moments of attempts. Out: go, or how long to wait. Pure; `now` is an argument.
//! Source: generic cell rate algorithm (ITU-T I.371): the moment at which the bucket would be full again.

use std::time::Duration;

use tokio::time::Instant;

/// So many attempts per period, and so many at once after a quiet time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Attempts per period, at least 1.
    pub count: u32,
    /// The period.
    pub per: Duration,
    /// Attempts at once, at least 1.
    pub burst: u32,
}

impl Rate {
    /// Reads `10/s`, `300/min`, `1000/h`; the burst is one. Errors: what was expected, in French.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected =
            || "un nombre d'envois par seconde, minute ou heure : 10/s, 300/min ou 1000/h".to_owned();
        let (count, unit) = text.split_once('/').ok_or_else(expected)?;
        let per = match unit.trim() {
            "s" => 1,
            "min" => 60,
            "h" => 3600,
            _ => return Err(expected()),
        };
        let count = count.trim().parse().ok().filter(|count| (1..=100_000).contains(count));
        Ok(Self { count: count.ok_or_else(expected)?, per: Duration::from_secs(per), burst: 1 })
    }

    fn interval(self) -> Duration {
        self.per / self.count.max(1)
    }
}

/// The bucket. Empty at first: a process that restarts again and again stays within the rate.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    /// When it would be full.
    full_at: Instant,
}

impl Bucket {
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, full_at: now + rate.interval() * rate.burst.max(1) }
    }

    /// Takes a token, or says how long to wait for one.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.max(now) + self.rate.interval();
        let capacity = self.rate.interval() * self.rate.burst.max(1);
        match full_at.saturating_duration_since(now).checked_sub(capacity) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                self.full_at = full_at;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_with_its_period() {
        let minute = Rate { count: 300, per: Duration::from_secs(60), burst: 1 };
        assert_eq!(Rate::parse("300/min"), Ok(minute));
        for wrong in ["300", "0/s", "x/s", "3/j", "/s", "1000000/s"] {
            assert!(Rate::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_bucket_gives_its_burst_then_its_rate_and_never_more() {
        let rate = Rate { count: 10, per: Duration::from_secs(1), burst: 3 };
        let start = Instant::now();
        let mut bucket = Bucket::new(rate, start);
        assert_eq!(bucket.take(start), Err(Duration::from_millis(100)), "empty at first");
        let quiet = start + Duration::from_secs(60);
        let taken = (0..10).filter(|_| bucket.take(quiet).is_ok()).count();
        assert_eq!(taken, 3);
        let taken = (0..2000).filter(|ms| bucket.take(quiet + Duration::from_millis(*ms)).is_ok()).count();
        assert_eq!(taken, 19, "one each tenth of a second");
    }
}
