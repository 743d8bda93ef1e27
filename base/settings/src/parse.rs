//! Values with their unit in the text: durations, sizes, yes or no.
//! In: text. Out: the value, or what was expected, in French.

use std::time::Duration;

/// `500ms`, `30s`, `5min`, `2h`, `7j`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "une durée avec son unité : 500ms, 30s, 5min, 2h ou 7j".to_owned();
    let (number, unit) = split_unit(text).ok_or_else(expected)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        "j" | "d" => 86_400_000,
        _ => return Err(expected()),
    };
    number.checked_mul(milliseconds).map(Duration::from_millis).ok_or_else(expected)
}

/// `200B`, `256KB`, `50MB`, `2GB`: powers of 1024, in bytes.
pub fn size(text: &str) -> Result<u64, String> {
    let expected = || "une taille avec son unité : 200B, 256KB, 50MB ou 2GB".to_owned();
    let (number, unit) = split_unit(text).ok_or_else(expected)?;
    let shift = match unit {
        "B" | "o" => 0,
        "KB" | "Ko" => 10,
        "MB" | "Mo" => 20,
        "GB" | "Go" => 30,
        _ => return Err(expected()),
    };
    number.checked_mul(1 << shift).ok_or_else(expected)
}

/// `true` or `false`; also `oui`, `non`, `yes`, `no`.
pub fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" | "oui" | "yes" => Ok(true),
        "false" | "non" | "no" => Ok(false),
        _ => Err("true ou false".to_owned()),
    }
}

/// Any text but an empty one.
pub fn text(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("un texte non vide".to_owned()) } else { Ok(text.to_owned()) }
}

/// A whole number between two bounds, both included.
pub fn number(low: u64, high: u64) -> impl Fn(&str) -> Result<u64, String> {
    move |text| {
        let number = text.parse::<u64>().ok().filter(|number| (low..=high).contains(number));
        number.ok_or_else(|| format!("un nombre entier de {low} à {high}"))
    }
}

/// `127.0.0.1:2575`; port 0 lets the system choose.
pub fn socket_address(text: &str) -> Result<std::net::SocketAddr, String> {
    text.parse().map_err(|_| "une adresse et un port, par exemple 127.0.0.1:2575".to_owned())
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    Some((text[..at].parse().ok()?, text[at..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_says_its_unit() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("2 h"), Ok(Duration::from_secs(7200)));
        for wrong in ["30", "s", "", "-1s", "1.5s", "99999999999999999999s", "18446744073709551615j"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_size_says_its_unit() {
        assert_eq!(size("50MB"), Ok(50 << 20));
        assert_eq!(size("64 Mo"), Ok(64 << 20));
        assert!(size("50").is_err() && size("18446744073709551615GB").is_err());
    }
}
