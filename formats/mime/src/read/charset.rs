//! Bytes of others as text: the charset they announce, or the one they are in.
//! In: bytes, a label. Out: text, and whether the label was right. Source: mssante.md §8 n° 1 and 14, WHATWG labels.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// What the label was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    /// The bytes are in it.
    AsAnnounced,
    /// The bytes were in another one, which was guessed.
    Mislabelled,
    /// Nobody knows this label.
    Unknown,
}

/// Without label: UTF-8 when the bytes are valid UTF-8, else Windows-1252, which gives every byte a meaning.
pub(super) fn guess(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

/// Decodes as announced. Bytes that contradict the label are read as what they are.
pub(super) fn decode<'b>(label: &str, bytes: &'b [u8]) -> (Cow<'b, str>, Charset) {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if bytes.is_ascii() && !label.to_ascii_lowercase().starts_with("utf-16") && !is_stateful(label) {
        return (guess(bytes), Charset::AsAnnounced);
    }
    let Some(encoding) = of_label(label) else {
        let verdict = if label.is_empty() { Charset::Mislabelled } else { Charset::Unknown };
        return (guess(bytes), verdict);
    };
    // Text of one byte per character that happens to be valid UTF-8, accents included, is UTF-8: the odds of
    // the contrary are nil in French.
    let really_utf8 = encoding != UTF_8 && encoding.is_single_byte() && std::str::from_utf8(bytes).is_ok();
    if really_utf8 || is_ascii_label(label) {
        return (guess(bytes), Charset::Mislabelled);
    }
    match encoding.decode_without_bom_handling(bytes) {
        (text, false) => (text, Charset::AsAnnounced),
        (_, true) if encoding == UTF_8 => (guess(bytes), Charset::Mislabelled),
        (text, true) => (text, Charset::Mislabelled),
    }
}

fn is_ascii_label(label: &str) -> bool {
    matches!(label.trim().to_ascii_lowercase().as_str(), "us-ascii" | "ascii" | "ansi_x3.4-1968")
}

/// Charsets whose ASCII bytes do not mean ASCII.
fn is_stateful(label: &str) -> bool {
    of_label(label).is_some_and(|encoding| !encoding.is_ascii_compatible())
}

/// Labels of the WHATWG table, and the spellings of the field.
fn of_label(label: &str) -> Option<&'static Encoding> {
    // `utf-8*fr`: RFC 2231 §5 adds a language.
    let label = label.split('*').next().unwrap_or_default().trim().trim_matches(['"', '\'']);
    let plain = match label.to_ascii_lowercase().as_str() {
        "utf_8" | "unicode utf-8" => "utf-8",
        "8859/1" | "iso8859_1" => "iso-8859-1",
        "8859/15" | "iso8859_15" | "latin-9" => "iso-8859-15",
        "cp-1252" | "windows1252" => "windows-1252",
        _ => label,
    };
    Encoding::for_label(plain.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(label: &str, bytes: &[u8]) -> (String, Charset) {
        let (text, verdict) = decode(label, bytes);
        (text.into_owned(), verdict)
    }

    #[test]
    fn a_text_is_read_in_the_charset_it_is_in_whatever_it_says() {
        let announced = [
            ("utf-8", "é€".as_bytes()),
            ("ISO-8859-15", b"\xE9\xA4".as_slice()),
            ("cp1252", b"\xE9\x80"),
            ("8859/15", b"\xE9\xA4"),
            ("utf-8*fr", "é€".as_bytes()),
        ];
        for (label, bytes) in announced {
            assert_eq!(read(label, bytes), ("é€".to_owned(), Charset::AsAnnounced), "{label}");
        }
        for (label, bytes) in [
            ("utf-8", b"\xE9".as_slice()),
            ("iso-8859-1", "é".as_bytes()),
            ("us-ascii", b"\xE9"),
            ("", b"\xE9"),
        ] {
            assert_eq!(read(label, bytes), ("é".to_owned(), Charset::Mislabelled), "{label}");
        }
        assert_eq!(read("x-inconnu", b"\xE9"), ("é".to_owned(), Charset::Unknown));
    }

    #[test]
    fn charsets_that_hide_text_behind_ascii_bytes_are_decoded() {
        assert_eq!(read("iso-2022-jp", b"\x1B$B$\"\x1B(B").0, "あ");
        assert_eq!(read("utf-16le", b"a\0b\0").0, "ab");
    }
}
