//! Times as documents write them: HL7 TS text of any precision, with or without UTC offset.
//! In: `AAAA` to `AAAAMMJJhhmmss[.f]±ZZzz`. Out: the text as written, or DTM in UTC. Source: cda.md §1.1, dmp-xds.md §7.2.

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{Offset, TimeZone},
};
use serde::{Deserialize, Serialize};

use crate::{clock::paris, ids::IdError};

/// A time whose digits name a real date, at least a year; fractions of a second are allowed and dropped.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DocumentTime(Box<str>);

impl DocumentTime {
    /// Reads a TS. Errors: other shapes, impossible dates (`20260231`).
    pub fn parse(text: &str) -> Result<Self, IdError> {
        match Self::accepts(text) {
            true => Ok(Self(text.trim().into())),
            false => Err(IdError::new("time", "AAAA, AAAAMM, AAAAMMJJ or AAAAMMJJhhmm[ss]±ZZzz")),
        }
    }

    /// Whether a text is one: what [`Self::parse`] takes.
    pub fn accepts(text: &str) -> bool {
        split(text.trim()).is_some()
    }

    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it goes down to the hour.
    pub fn has_hour(&self) -> bool {
        self.split().is_some_and(|(digits, _)| digits.len() >= 10)
    }

    /// Whether it says its UTC offset. A time with an hour must (cda.md §1.1); without it is read in Europe/Paris.
    pub fn has_offset(&self) -> bool {
        self.split().is_some_and(|(_, offset)| offset.is_some())
    }

    /// The day as written, without any shift: `AAAAMMJJ`, shorter if the text is.
    pub fn day(&self) -> &str {
        &self.0[..self.0.len().min(8)]
    }

    /// DTM in UTC: 14 digits when there is an hour; a date without hour has no zone and is copied.
    pub fn to_utc_dtm(&self) -> String {
        match self.to_timestamp() {
            Some(at) => utc_dtm(at),
            None => self.split().map(|(digits, _)| digits.to_owned()).unwrap_or_default(),
        }
    }

    /// The instant, when there is an hour. Without offset: Europe/Paris.
    pub fn to_timestamp(&self) -> Option<Timestamp> {
        let (digits, offset) = self.split()?;
        if digits.len() < 10 {
            return None;
        }
        let zone = offset.map_or_else(paris, TimeZone::fixed);
        Some(civil(digits)?.to_zoned_datetime(zone).ok()?.timestamp())
    }

    fn split(&self) -> Option<(&str, Option<Offset>)> {
        split(&self.0)
    }
}

/// Digits and offset of a TS.
fn split(text: &str) -> Option<(&str, Option<Offset>)> {
    if !text.is_ascii() {
        return None;
    }
    let (moment, offset) = match text.bytes().position(|byte| matches!(byte, b'+' | b'-' | b'Z')) {
        Some(at) => (&text[..at], Some(parse_offset(&text[at..])?)),
        None => (text, None),
    };
    let digits = match moment.split_once('.') {
        Some((digits, fraction)) if digits.len() == 14 && is_digits(fraction) => digits,
        Some(_) => return None,
        None => moment,
    };
    let shaped = matches!(digits.len(), 4 | 6 | 8 | 10 | 12 | 14) && is_digits(digits);
    (shaped && civil(digits).is_some()).then_some((digits, offset))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn parse_offset(text: &str) -> Option<Offset> {
    if text == "Z" {
        return Some(Offset::UTC);
    }
    let digits = &text[1..];
    if digits.len() != 4 || !is_digits(digits) {
        return None;
    }
    let (hours, minutes): (i32, i32) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
    if hours > 14 || minutes > 59 {
        return None;
    }
    let seconds = (hours * 60 + minutes) * 60;
    Offset::from_seconds(if text.starts_with('-') { -seconds } else { seconds }).ok()
}

fn civil(digits: &str) -> Option<DateTime> {
    let part = |from: usize, to: usize, missing: i16| match digits.get(from..to) {
        Some(text) => text.parse::<i16>().ok(),
        None => Some(missing),
    };
    let small = |from, to, missing| part(from, to, missing).and_then(|n| i8::try_from(n).ok());
    DateTime::new(
        part(0, 4, 1)?,
        small(4, 6, 1)?,
        small(6, 8, 1)?,
        small(8, 10, 0)?,
        small(10, 12, 0)?,
        // A leap second is a valid TS; the civil calendar of the library stops at 59.
        small(12, 14, 0)?.min(59),
        0,
    )
    .ok()
}

/// DTM of an instant: `AAAAMMJJhhmmss`, UTC.
pub fn utc_dtm(at: Timestamp) -> String {
    at.strftime("%Y%m%d%H%M%S").to_string()
}

/// TS of an instant in French legal time, with its offset: `AAAAMMJJhhmmss±ZZzz`.
pub fn local_ts(at: Timestamp) -> String {
    at.to_zoned_datetime(paris()).strftime("%Y%m%d%H%M%S%z").to_string()
}

crate::written::written_as!(DocumentTime, "document-time");

impl From<DocumentTime> for String {
    fn from(time: DocumentTime) -> Self {
        time.0.into()
    }
}

impl TryFrom<String> for DocumentTime {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> String {
        DocumentTime::parse(text).unwrap().to_utc_dtm()
    }

    #[test]
    fn an_offset_is_taken_off_and_its_absence_means_paris() {
        assert_eq!(utc("20200327153500+0100"), "20200327143500");
        assert_eq!(utc("202003271535+0100"), "20200327143500");
        assert_eq!(utc("20050411103328"), "20050411083328");
        assert_eq!(utc("20260131090000Z"), "20260131090000");
        assert_eq!(utc("20260131090000.123-0030"), "20260131093000");
    }

    #[test]
    fn a_date_without_hour_is_copied_and_never_shifted() {
        assert_eq!(utc("20260101"), "20260101");
        assert_eq!(utc("2026"), "2026");
    }

    #[test]
    fn impossible_times_are_refused() {
        for wrong in [
            "",
            "202",
            "20260231",
            "2026-01-31",
            "20260131250000",
            "20260131+01",
            "20260131é",
            "20260131090000.",
        ] {
            assert!(DocumentTime::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_day_is_the_local_one() {
        assert_eq!(DocumentTime::parse("20230227002827+0100").unwrap().day(), "20230227");
    }
}
