//! Undoing base64 and quoted-printable, whatever state they arrive in.
//! In: encoded bytes. Out: bytes, and what was wrong. Sources: RFC 2045 §6.7 and §6.8, mssante.md §8 n° 16.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use jonction_model::layer::undo_quoted_printable;

/// Base64 as the field writes it: padding optional. Blanks are taken out before.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Bytes that were decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Undone {
    pub(super) bytes: Vec<u8>,
    /// What does not belong there was skipped.
    pub(super) damaged: bool,
    /// Encoded bytes up to the end of the data: less than all when something follows the padding.
    pub(super) used: usize,
}

/// Decodes base64: blanks skipped, padding optional, other bytes skipped and told, nothing read after the padding.
pub(super) fn base64(text: &[u8]) -> Undone {
    let mut packed = Vec::with_capacity(text.len());
    // Lines are copied whole: most bodies are nothing else.
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        packed.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
    }
    let mut bytes = Vec::with_capacity(packed.len() / 4 * 3 + 3);
    match LENIENT.decode_vec(&packed, &mut bytes) {
        Ok(()) => Undone { bytes, damaged: false, used: text.len() },
        Err(_) => repaired(text),
    }
}

/// Byte by byte: for what a strict decoder refuses.
fn repaired(text: &[u8]) -> Undone {
    let mut digits = Vec::with_capacity(text.len());
    let (mut damaged, mut used) = (false, text.len());
    for (at, byte) in text.iter().copied().enumerate() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => digits.push(byte),
            // The data end with their padding: one or two signs that complete a quantum.
            b'=' if digits.len() % 4 >= 2 => {
                let second = text[at + 1..].iter().position(|c| !c.is_ascii_whitespace());
                let paired = digits.len() % 4 == 2 && second.is_some_and(|n| text[at + 1 + n] == b'=');
                used = at + 1 + if paired { second.unwrap_or(0) + 1 } else { 0 };
                break;
            }
            byte => damaged |= !byte.is_ascii_whitespace(),
        }
    }
    if digits.len() % 4 == 1 {
        digits.pop();
        damaged = true;
    }
    damaged |= text[used..].iter().any(|byte| !byte.is_ascii_whitespace());
    let bytes = LENIENT.decode(&digits).unwrap_or_default();
    Undone { bytes, damaged, used }
}

/// Whether only what follows the data was wrong: the data themselves then read with any decoder.
impl Undone {
    pub(super) fn is_sound_up_to_its_end(&self, text: &[u8]) -> bool {
        let alphabet = |byte: &u8| {
            byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || matches!(byte, b'+' | b'/' | b'=')
        };
        !self.damaged || (self.used < text.len() && text[..self.used].iter().all(alphabet))
    }
}

/// Decodes quoted-printable, line by line.
pub(super) fn quoted_printable(text: &[u8]) -> Undone {
    let mut bytes = Vec::with_capacity(text.len());
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let damaged = lines.fold(false, |damaged, line| undo_quoted_printable(line, &mut bytes) | damaged);
    Undone { bytes, damaged, used: text.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_in_every_shape_of_the_field() {
        for sound in ["aGVs\r\nbG8g\r\nd28=\r\n", "aGVs\nbG8g\nd28=\n", "aGVsbG8gd28=", "aGVsbG8gd28"] {
            let undone = base64(sound.as_bytes());
            assert_eq!(
                (undone.bytes.as_slice(), undone.damaged),
                (b"hello wo".as_slice(), false),
                "{sound:?}"
            );
        }
        for blanks in ["aGVs bG8g\td28=", " aGVsbG8gd28= "] {
            let undone = base64(blanks.as_bytes());
            assert_eq!(
                (undone.bytes.as_slice(), undone.damaged),
                (b"hello wo".as_slice(), false),
                "{blanks:?}"
            );
        }
        for damaged in ["aGVs*bG8g\u{a0}d28=", "aGVsbG8gd28=\r\n-- \r\nantivirus", "aGVsbG8gd28=a"] {
            let undone = base64(damaged.as_bytes());
            assert_eq!(
                (undone.bytes.as_slice(), undone.damaged),
                (b"hello wo".as_slice(), true),
                "{damaged:?}"
            );
        }
        assert!(base64(b"aGVsbG8gd28=\r\n-- x").is_sound_up_to_its_end(b"aGVsbG8gd28=\r\n-- x"));
        assert!(!base64(b"aGV*sbG8").is_sound_up_to_its_end(b"aGV*sbG8"));
    }

    #[test]
    fn quoted_printable_is_read_in_every_shape_of_the_field() {
        let cases: [(&str, &str, bool); 7] = [
            ("=C3=A9 =3D", "é =", false),
            ("=c3=a9", "é", false),
            ("a=\r\nb", "ab", false),
            ("a= \t\r\nb", "ab", false),
            ("a  \r\nb", "a\r\nb", false),
            ("a=\nb\n", "ab\n", false),
            ("=ZZ = 5", "=ZZ = 5", true),
        ];
        for (encoded, expected, damaged) in cases {
            let undone = quoted_printable(encoded.as_bytes());
            assert_eq!(
                (undone.bytes.as_slice(), undone.damaged),
                (expected.as_bytes(), damaged),
                "{encoded:?}"
            );
        }
    }
}
