//! How facts look on a terminal, in French: times, durations, sizes, identifiers, tables.
//! In: values. Out: text. Colour: none, so that a copy in a mail reads the same.

pub(crate) mod alert;
pub(crate) mod audit;
pub(crate) mod balance;
pub(crate) mod directory;
pub(crate) mod found;
pub(crate) mod journey;
pub(crate) mod live;
pub(crate) mod mapping;
pub(crate) mod parked;
pub(crate) mod probe;
pub(crate) mod prove;
pub(crate) mod purge;
pub(crate) mod recall;
pub(crate) mod report;
pub(crate) mod status;
pub(crate) mod tested;

use std::time::Duration;

use jiff::Timestamp;
use jonction_model::clock::paris;

/// Time of day in French legal time: `08:00:00`.
pub(crate) fn time(at: Timestamp) -> String {
    at.to_zoned_datetime(paris()).strftime("%H:%M:%S").to_string()
}

/// Time of day with milliseconds: `08:00:00,004`.
pub(crate) fn time_ms(at: Timestamp) -> String {
    let at = at.to_zoned_datetime(paris());
    format!("{},{:03}", at.strftime("%H:%M:%S"), at.millisecond())
}

/// Day: `21/11/2026`.
pub(crate) fn day(at: Timestamp) -> String {
    at.to_zoned_datetime(paris()).strftime("%d/%m/%Y").to_string()
}

/// `0,8 ms`, `41 ms`, `2,3 s`, `12 min`, `3 h`.
pub(crate) fn duration(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1000.0;
    let text = match ms {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1000.0 => format!("{ms:.0} ms"),
        ms if ms < 60_000.0 => format!("{:.1} s", ms / 1000.0),
        ms if ms < 3_600_000.0 => format!("{:.0} min", ms / 60_000.0),
        ms => format!("{:.0} h", ms / 3_600_000.0),
    };
    text.replace('.', ",")
}

/// `102 octets`, `246 Ko`, `1,2 Mo`, `38,4 Go`.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        bytes if bytes < 1024 => format!("{bytes} octets"),
        bytes if bytes < 1 << 20 => format!("{} Ko", bytes.div_ceil(1024)),
        bytes if bytes < 1 << 30 => format!("{:.1} Mo", bytes as f64 / f64::from(1 << 20)).replace('.', ","),
        bytes => format!("{:.1} Go", bytes as f64 / f64::from(1 << 30)).replace('.', ","),
    }
}

/// `330 600`: thousands apart, with a no-break space.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

/// A long identifier with its middle left out: `1.2.250.1.…4.8.301`.
pub(crate) fn shortened(id: &str, most: usize) -> String {
    let characters: Vec<char> = id.chars().collect();
    if characters.len() <= most {
        return id.to_owned();
    }
    let head = most / 2;
    let tail = most - head - 1;
    let (start, end): (String, String) =
        (characters[..head].iter().collect(), characters[characters.len() - tail..].iter().collect());
    format!("{start}…{end}")
}

/// `1 erreur`, `2 erreurs`.
pub(crate) fn count(number: usize, word: &str) -> String {
    let plural = if number > 1 { "s" } else { "" };
    format!("{number} {word}{plural}")
}

/// Pads to a width in characters.
pub(crate) fn padded(text: &str, width: usize) -> String {
    let length = text.chars().count();
    format!("{text}{}", " ".repeat(width.saturating_sub(length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_a_person_would_say_them() {
        let shown: Vec<_> =
            [800, 41_000, 2_300_000, 720_000_000].map(|us| duration(Duration::from_micros(us))).to_vec();
        assert_eq!(shown, ["0,8 ms", "41 ms", "2,3 s", "12 min"]);
    }

    #[test]
    fn sizes_and_numbers_are_french() {
        assert_eq!(size(251_000), "246 Ko");
        assert_eq!(size(102), "102 octets");
        assert_eq!(number(330_600), "330\u{a0}600");
        assert_eq!(number(7), "7");
    }

    #[test]
    fn long_identifiers_keep_both_ends() {
        assert_eq!(shortened("1.2.250.1.213.1.1.1.1.4.8.301", 19), "1.2.250.1…1.4.8.301");
        assert_eq!(shortened("2.25.1", 19), "2.25.1");
    }

    #[test]
    fn times_are_those_of_paris() {
        let at: Timestamp = "2026-11-21T07:00:00.004Z".parse().unwrap();
        assert_eq!(
            (time(at), time_ms(at), day(at)),
            ("08:00:00".into(), "08:00:00,004".into(), "21/11/2026".into())
        );
    }
}
