//! Text and attachments as lines.
//! In: text, bytes. Out: quoted-printable or base64 in lines of 76 characters at most, CRLF.
//! Sources: RFC 2045 §6.7 and §6.8, mssante.md §3.1, §8 n° 35.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use unicode_normalization::UnicodeNormalization as _;

const LINE_MAX: usize = 76;

/// Text as mails carry it: NFC, CRLF, no control character but the tabulation.
pub fn normalise_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 32);
    let mut characters = text.nfc().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\r' => {
                characters.next_if_eq(&'\n');
                out.push_str("\r\n");
            }
            '\n' | '\u{2028}' | '\u{2029}' | '\u{85}' => out.push_str("\r\n"),
            '\t' => out.push('\t'),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Quoted-printable of a text whose lines end with CRLF. Cut between characters.
pub(crate) fn write_quoted_printable(out: &mut Vec<u8>, text: &str) {
    for (at, line) in text.split("\r\n").enumerate() {
        if at > 0 {
            out.extend_from_slice(b"\r\n");
        }
        let mut column = 0;
        let mut characters = line.chars().peekable();
        while let Some(c) = characters.next() {
            let last = characters.peek().is_none();
            let unit = quoted(c, last);
            // One column is kept for the `=` of a soft break, unless this is the end of the line.
            if column + unit.len() > LINE_MAX - usize::from(!last) {
                out.extend_from_slice(b"=\r\n");
                column = 0;
            }
            out.extend_from_slice(unit.as_bytes());
            column += unit.len();
        }
    }
}

fn quoted(c: char, last: bool) -> String {
    match c {
        // A blank at the end of a line may be taken off on the way.
        ' ' | '\t' if !last => c.to_string(),
        '!'..='<' | '>'..='~' => c.to_string(),
        c => {
            let mut buffer = [0; 4];
            c.encode_utf8(&mut buffer).bytes().map(|byte| format!("={byte:02X}")).collect()
        }
    }
}

/// Base64 in lines of 76 characters.
pub(crate) fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len() / 3 * 4 + bytes.len() / 28 + 8);
    let mut line = String::with_capacity(LINE_MAX);
    for chunk in bytes.chunks(LINE_MAX / 4 * 3) {
        line.clear();
        STANDARD.encode_string(chunk, &mut line);
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printable(text: &str) -> String {
        let mut out = Vec::new();
        write_quoted_printable(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_kind_of_line_end_becomes_crlf_and_accents_are_composed() {
        assert_eq!(normalise_text("a\nb\rc\r\nd\u{2028}e\u{301}\0\u{7}"), "a\r\nb\r\nc\r\nd\r\né");
    }

    #[test]
    fn a_blank_at_the_end_of_a_line_and_an_equal_sign_are_encoded() {
        assert_eq!(printable("a = b \r\né\t"), "a =3D b=20\r\n=C3=A9=09");
    }

    #[test]
    fn lines_have_76_characters_at_most_and_never_cut_a_character() {
        assert_eq!(printable(&"a".repeat(76)), "a".repeat(76));
        assert_eq!(printable(&"a".repeat(77)), format!("{}=\r\naa", "a".repeat(75)));
        let long = printable(&"é".repeat(100));
        assert!(long.split("\r\n").all(|line| line.len() <= 76), "{long}");
        assert!(long.replace("=\r\n", "").split_inclusive("=A9").all(|c| c == "=C3=A9"), "{long}");
    }

    #[test]
    fn base64_lines_have_76_characters() {
        let mut out = Vec::new();
        write_base64(&mut out, &[0; 58]);
        assert_eq!(out, format!("{}\r\nAA==\r\n", "A".repeat(76)).into_bytes());
    }
}
