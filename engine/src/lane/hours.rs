//! Opening hours of a partner, in French legal time: days, hours, public holidays.
//! In: the hours of the configuration, a time. Out: open or not, when it opens next, how long it was open. Pure.
//! A closed partner is not down: nothing is attempted, and what waits for it does not age.

use std::collections::BTreeSet;

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Time, date},
};
use jonction_model::clock::paris;

/// Days looked at before a partner counts as never open.
const DAYS_MAX: i32 = 400;

/// When a partner takes something. Default: always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hours {
    openings: Vec<Opening>,
    /// Closed on public holidays.
    holidays_closed: bool,
    /// Other closed days.
    closed: BTreeSet<Date>,
}

/// `lun-ven 08:00-19:00`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Monday first.
    days: [bool; 7],
    from: Time,
    /// Not after `from`: of the next day.
    until: Time,
}

const DAYS: [&str; 7] = ["lun", "mar", "mer", "jeu", "ven", "sam", "dim"];

impl Opening {
    /// Reads `lun-ven 08:00-19:00`, `sam,dim 09:00-12:00`, `tous 22:00-06:00`. Errors: what was expected, in French.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected =
            || "des jours et des heures, comme « lun-ven 08:00-19:00 » ou « tous 22:00-06:00 »".to_owned();
        let (days, hours) = text.trim().split_once(' ').ok_or_else(expected)?;
        let (from, until) = hours.trim().split_once('-').ok_or_else(expected)?;
        let hour = |text: &str| match text.trim() {
            "24:00" => Ok(Time::midnight()),
            text => Time::strptime("%H:%M", text).map_err(|_| expected()),
        };
        Ok(Self { days: days_of(days).ok_or_else(expected)?, from: hour(from)?, until: hour(until)? })
    }

    /// Its span on a day, if it opens that day.
    fn on(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        let at = usize::try_from(day.weekday().to_monday_zero_offset()).ok()?;
        if !self.days[at] {
            return None;
        }
        let last = if self.until <= self.from { day.tomorrow().ok()? } else { day };
        Some((moment(day, self.from)?, moment(last, self.until)?))
    }
}

fn days_of(text: &str) -> Option<[bool; 7]> {
    let mut days = [false; 7];
    if text == "tous" {
        return Some([true; 7]);
    }
    let day = |text: &str| DAYS.iter().position(|day| *day == text);
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        // `sam-lun` goes over the end of the week.
        let length = (last + 7 - first) % 7;
        (first..=first + length).for_each(|day| days[day % 7] = true);
    }
    Some(days)
}

/// An hour that a change of time skips is the one that follows it.
fn moment(day: Date, time: Time) -> Option<Timestamp> {
    Some(day.to_datetime(time).to_zoned_datetime(paris()).ok()?.timestamp())
}

fn day_of(at: Timestamp) -> Date {
    at.to_zoned_datetime(paris()).date()
}

impl Hours {
    /// No opening at all means always open.
    pub fn new(openings: Vec<Opening>, holidays_closed: bool, closed: BTreeSet<Date>) -> Self {
        let always = || Opening { days: [true; 7], from: Time::midnight(), until: Time::midnight() };
        let is_always = openings.is_empty() && (holidays_closed || !closed.is_empty());
        Self { openings: if is_always { vec![always()] } else { openings }, holidays_closed, closed }
    }

    /// Whether there is no hour at which the partner is closed.
    pub fn is_always_open(&self) -> bool {
        self.openings.is_empty()
    }

    fn is_closed_day(&self, day: Date) -> bool {
        self.closed.contains(&day) || (self.holidays_closed && is_holiday(day))
    }

    /// Spans that begin on these days, by their beginning.
    fn spans(&self, day: Date) -> Vec<(Timestamp, Timestamp)> {
        if self.is_closed_day(day) {
            return Vec::new();
        }
        let mut spans: Vec<_> = self.openings.iter().filter_map(|opening| opening.on(day)).collect();
        spans.sort_unstable();
        spans
    }

    /// Whether the partner is open.
    pub fn is_open(&self, at: Timestamp) -> bool {
        let day = day_of(at);
        let days = [day.yesterday().unwrap_or(day), day];
        self.is_always_open()
            || days.iter().flat_map(|day| self.spans(*day)).any(|(from, until)| from <= at && at < until)
    }

    /// When a closed partner opens next. `None`: it never does.
    pub fn next_opening(&self, after: Timestamp) -> Option<Timestamp> {
        let day = day_of(after);
        (0..DAYS_MAX).find_map(|ahead| {
            let day = day.checked_add(ahead.days()).ok()?;
            self.spans(day).into_iter().map(|(from, _)| from).find(|from| *from > after)
        })
    }

    /// How long the partner was open between two moments, in milliseconds.
    pub fn open_ms(&self, since: Timestamp, until: Timestamp) -> i64 {
        let (since, until) = (since.as_millisecond(), until.as_millisecond());
        if self.is_always_open() || until <= since {
            return (until - since).max(0);
        }
        let ms = |at: i64| Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
        let first = day_of(ms(since)).yesterday().unwrap_or(Date::MIN);
        let (mut open, mut counted) = (0, since);
        for ahead in 0..DAYS_MAX {
            let Ok(day) = first.checked_add(ahead.days()) else { break };
            if day > day_of(ms(until)) {
                break;
            }
            for (from, to) in self.spans(day) {
                let from = from.as_millisecond().max(counted);
                let to = to.as_millisecond().min(until);
                open += (to - from).max(0);
                counted = counted.max(to);
            }
        }
        open
    }
}

/// Public holidays of metropolitan France. Source: Code du travail, L3133-1.
pub fn is_holiday(day: Date) -> bool {
    const FIXED: [(i8, i8); 8] = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)];
    // Easter Monday, Ascension, Whit Monday.
    const AFTER_EASTER: [i32; 3] = [1, 39, 50];
    let easter = easter(day.year());
    FIXED.contains(&(day.month(), day.day()))
        || AFTER_EASTER.iter().any(|days| easter.checked_add(days.days()).is_ok_and(|holiday| holiday == day))
}

/// Easter Sunday of the Gregorian calendar. Source: Meeus, « Astronomical Algorithms », chapter 8.
fn easter(year: i16) -> Date {
    let year32 = i32::from(year);
    let (a, b, c) = (year32 % 19, year32 / 100, year32 % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (b - (b + 8) / 25 + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let sum = h + l - 7 * m + 114;
    let (month, day) = (i8::try_from(sum / 31).unwrap_or(3), i8::try_from(sum % 31 + 1).unwrap_or(22));
    date(year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(openings: &[&str]) -> Hours {
        let openings = openings.iter().map(|text| Opening::parse(text).unwrap()).collect();
        Hours::new(openings, true, BTreeSet::from([date(2026, 12, 24)]))
    }

    fn at(text: &str) -> Timestamp {
        text.parse::<jiff::civil::DateTime>().unwrap().to_zoned_datetime(paris()).unwrap().timestamp()
    }

    #[test]
    fn a_partner_is_open_at_its_hours_of_french_time() {
        let office = hours(&["lun-ven 08:00-12:00", "lun-ven 14:00-18:30", "sam 09:00-12:00"]);
        for (when, open) in [
            ("2026-11-24T08:00", true),
            ("2026-11-24T07:59", false),
            ("2026-11-24T12:00", false),
            ("2026-11-24T18:29", true),
            ("2026-11-28T10:00", true),
            ("2026-11-28T14:30", false),
            ("2026-11-29T10:00", false),
            // 11 November, Easter Monday, and a day of its own.
            ("2026-11-11T10:00", false),
            ("2026-04-06T10:00", false),
            ("2026-12-24T10:00", false),
        ] {
            assert_eq!(office.is_open(at(when)), open, "{when}");
        }
        assert_eq!(office.next_opening(at("2026-11-28T12:30")), Some(at("2026-11-30T08:00")));
        assert_eq!(office.next_opening(at("2026-12-23T18:30")), Some(at("2026-12-26T09:00")));
    }

    #[test]
    fn a_night_belongs_to_the_day_it_begins() {
        let night = hours(&["ven 22:00-06:00"]);
        assert!(night.is_open(at("2026-11-27T23:00")) && night.is_open(at("2026-11-28T05:59")));
        assert!(!night.is_open(at("2026-11-27T05:00")) && !night.is_open(at("2026-11-28T06:00")));
        // Summer time begins on the night of Saturday 28 March 2026: this night is one hour shorter.
        let saturday = hours(&["sam 22:00-06:00"]);
        assert_eq!(saturday.open_ms(at("2026-03-28T12:00"), at("2026-03-29T12:00")), 7 * 3_600_000);
    }

    #[test]
    fn only_open_time_is_counted() {
        let office = hours(&["lun-ven 08:00-18:00", "lun-ven 10:00-12:00"]);
        assert_eq!(office.open_ms(at("2026-11-20T17:00"), at("2026-11-23T09:00")), 2 * 3_600_000);
        assert_eq!(office.open_ms(at("2026-11-23T09:00"), at("2026-11-20T17:00")), 0);
        assert_eq!(Hours::default().open_ms(at("2026-11-20T17:00"), at("2026-11-20T18:00")), 3_600_000);
    }

    #[test]
    fn what_is_not_hours_is_refused() {
        for wrong in ["lundi 08:00-12:00", "lun", "lun 8h-12h", "lun 08:00", "lun 25:00-26:00", ""] {
            assert!(Opening::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            Opening::parse("sam-lun 00:00-24:00").unwrap().days,
            [true, false, false, false, false, true, true]
        );
    }

    #[test]
    fn easter_is_where_the_calendar_says() {
        for (year, month, day) in [(2024, 3, 31), (2025, 4, 20), (2026, 4, 5), (2027, 3, 28), (2038, 4, 25)] {
            assert_eq!(easter(year), date(year, month, day));
        }
    }
}
