//! When what a route owes may leave: a delay after reception, hours of its own.
//! In: the settings of a sink, when the message came. Out: the first moment. Pure.
//! The lane asks when it claims a delivery: its place among those of its key stays what it was.

use std::time::Duration;

use jiff::Timestamp;

use crate::lane::hours::Hours;

/// When deliveries of a sink may leave. Default: at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Departure {
    /// After the message was received.
    pub delay: Duration,
    /// Hours of this sink of this route, beside those of the partner.
    pub window: Hours,
}

impl Departure {
    /// When what a message owes may leave, seen from `now`. Out: `now` when it may; later when it may not.
    pub fn first(&self, received: Timestamp, now: Timestamp) -> Timestamp {
        let delayed = |from: Timestamp| from.saturating_add(self.delay).unwrap_or(from);
        // A clock that was set back makes nobody wait longer than the delay.
        let after = delayed(received).clamp(now, delayed(now));
        if self.window.is_open(after) { after } else { self.window.next_opening(after).unwrap_or(after) }
    }

    /// How long it could have left since it is owed, in milliseconds: what waits for its hour does not age.
    pub(crate) fn open_ms(&self, received: Timestamp, since: Timestamp, now: Timestamp) -> i64 {
        let delayed = received.saturating_add(self.delay).unwrap_or(now);
        self.window.open_ms(delayed.max(since), now)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::lane::hours::Opening;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_delay_comes_first_then_the_next_opening() {
        let office = Opening::parse("lun-ven 08:00-18:00").unwrap();
        let departure = Departure {
            delay: Duration::from_secs(3600),
            window: Hours::new(vec![office], false, BTreeSet::new()),
        };
        // Tuesday 24 November 2026; French legal time is one hour ahead.
        for (received, now, first) in [
            ("2026-11-24T10:00:00Z", "2026-11-24T10:00:00Z", "2026-11-24T11:00:00Z"),
            ("2026-11-24T10:00:00Z", "2026-11-24T11:30:00Z", "2026-11-24T11:30:00Z"),
            ("2026-11-24T16:30:00Z", "2026-11-24T16:30:00Z", "2026-11-25T07:00:00Z"),
            ("2026-11-27T16:30:00Z", "2026-11-27T16:30:00Z", "2026-11-30T07:00:00Z"),
        ] {
            assert_eq!(departure.first(at(received), at(now)), at(first), "{received}");
        }
        let now = at("2026-11-24T10:00:00Z");
        assert_eq!(Departure::default().first(now, now), now);
    }
}
