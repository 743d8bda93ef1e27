//! Time, handed in.
//! The gateway asks a `Clock`, so that it also runs on a virtual one. Source: architecture §4.11.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use jiff::{Timestamp, civil, tz::TimeZone};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, in UTC.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Starts at a given time; keeps milliseconds.
    pub fn at(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.as_millisecond()))
    }

    /// Is set to this time, milliseconds kept.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millisecond(), Ordering::SeqCst);
    }

    /// Moves forward by so many milliseconds.
    pub fn advance_ms(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// Legal time in France: how a time without offset is read, and how times are shown.
/// The zone is compiled in, so an offline machine without a zone database has it too.
pub fn paris() -> TimeZone {
    static ZONE: Mutex<Option<TimeZone>> = Mutex::new(None);
    let mut zone = ZONE.lock().unwrap_or_else(PoisonError::into_inner);
    zone.get_or_insert_with(|| TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC)).clone()
}

/// A day (`2026-01-31`) or a minute (`2026-01-31T08:00`) typed by somebody in France, or a full timestamp.
pub fn moment(text: &str) -> Option<Timestamp> {
    // A day alone is its midnight.
    let local = text.parse::<civil::DateTime>();
    match text.parse::<Timestamp>() {
        Ok(exact) => Some(exact),
        Err(_) => Some(local.ok()?.to_zoned_datetime(paris()).ok()?.timestamp()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paris_is_known_without_a_system_zone_database() {
        let summer: Timestamp = "2026-07-01T10:00:00Z".parse().unwrap();
        assert_eq!(summer.to_zoned_datetime(paris()).hour(), 12);
    }

    #[test]
    fn a_day_typed_in_france_begins_at_midnight_in_france() {
        assert_eq!(moment("2026-07-01").unwrap().to_string(), "2026-06-30T22:00:00Z");
        assert_eq!(moment("2026-07-01T08:00").unwrap().to_string(), "2026-07-01T06:00:00Z");
        assert_eq!(moment("2026-07-01T08:00:00Z").unwrap().to_string(), "2026-07-01T08:00:00Z");
        assert_eq!(moment("hier"), None);
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), clock.now());
        clock.advance_ms(1500);
        assert_eq!(clock.now().as_millisecond(), 1500);
    }
}
