//! Header lines: folding, encoded-words, parameters.
//! In: checked values or any text. Out: 7-bit lines below 78 characters wherever a fold is possible.
//! Sources: RFC 5322 §2.2.3, RFC 2047, RFC 2231, mssante.md §3.2 and §3.5.

use std::fmt::Write as _;

use unicode_normalization::UnicodeNormalization as _;

/// Lines stay below 78 characters (RFC 5322 §2.1.1).
const LINE_MAX: usize = 77;
/// An encoded-word may have 75 characters; ours leave room for `Subject: ` on the same line.
const ENCODED_WORD_MAX: usize = 64;
/// A plain word longer than this is encoded, because only an encoded text can be folded inside.
const PLAIN_WORD_MAX: usize = 60;
const ENCODED_OPEN: &str = "=?utf-8?Q?";
const ENCODED_CLOSE: &str = "?=";

/// Any text on one line: NFC, every run of blanks and control characters turned into one blank.
/// Free text enters a header through here only: a line break cannot survive it.
pub(crate) fn one_line(text: &str) -> String {
    let visible = |c: char| if c.is_control() || c.is_whitespace() { ' ' } else { c };
    let line: String = text.nfc().map(visible).collect();
    line.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn is_plain(word: &str) -> bool {
    word.len() <= PLAIN_WORD_MAX && word.bytes().all(|c| c.is_ascii_graphic()) && !word.contains("=?")
}

/// Free text as tokens that may be folded between each other: ASCII words in clear (rules of operators look for a
/// subject that starts with `XDM/1.0/DDM`), the others as encoded-words.
pub(crate) fn text_tokens(text: &str) -> Vec<String> {
    let text = one_line(text);
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    // Between two encoded-words blanks vanish, so neighbours that need encoding are encoded with their blanks.
    words
        .chunk_by(|a, b| is_plain(a) == is_plain(b))
        .flat_map(|run| match is_plain(run[0]) {
            true => run.iter().map(|word| (*word).to_owned()).collect(),
            false => encoded_words(&run.join(" ")),
        })
        .collect()
}

/// A display name as tokens: a quoted string when it is plain ASCII, else encoded-words.
pub(crate) fn phrase_tokens(name: &str) -> Vec<String> {
    let name = one_line(name);
    if name.is_empty() {
        return Vec::new();
    }
    let plain = name.bytes().all(|c| matches!(c, b' '..=b'~')) && name.len() <= PLAIN_WORD_MAX;
    if !plain || name.contains("=?") {
        return encoded_words(&name);
    }
    let atom = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~ ".contains(&c);
    if name.bytes().all(atom) {
        return name.split(' ').map(str::to_owned).collect();
    }
    vec![format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))]
}

/// Encoded-words (Q), cut between characters. The alphabet is the one allowed everywhere, phrases included.
fn encoded_words(text: &str) -> Vec<String> {
    let room = ENCODED_WORD_MAX - ENCODED_OPEN.len() - ENCODED_CLOSE.len();
    let mut words = Vec::new();
    let mut current = String::new();
    let mut buffer = [0; 4];
    for c in text.chars() {
        let mut encoded = String::with_capacity(12);
        match c {
            ' ' => encoded.push('_'),
            c if c.is_ascii_alphanumeric() || "!*+-/".contains(c) => encoded.push(c),
            c => percent(&mut encoded, '=', c.encode_utf8(&mut buffer).as_bytes()),
        }
        if current.len() + encoded.len() > room {
            words.push(std::mem::take(&mut current));
        }
        current.push_str(&encoded);
    }
    words.push(current);
    words.into_iter().map(|word| format!("{ENCODED_OPEN}{word}{ENCODED_CLOSE}")).collect()
}

fn percent(out: &mut String, mark: char, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a String never fails.
        let _ = write!(out, "{mark}{byte:02X}");
    }
}

/// Writes one header, folded between tokens.
pub(crate) fn write_header(out: &mut Vec<u8>, name: &str, tokens: &[String]) {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    let mut column = name.len() + 1;
    for (at, token) in tokens.iter().enumerate() {
        // The first token stays on the line of the name: a line of blanks only would be illegal.
        if at > 0 && column + 1 + token.len() > LINE_MAX {
            out.extend_from_slice(b"\r\n");
            column = 0;
        }
        out.push(b' ');
        out.extend_from_slice(token.as_bytes());
        column += 1 + token.len();
    }
    out.extend_from_slice(b"\r\n");
}

/// Tokens of a parameter: `name="value"` when the value is short plain ASCII, else RFC 2231, in pieces when long.
/// Every token but the last ends with `;`.
pub(crate) fn parameter_tokens(name: &str, value: &str) -> Vec<String> {
    let value = one_line(value);
    let plain = value.bytes().all(|c| matches!(c, b' '..=b'~') && !b"\"\\".contains(&c)) && value.len() <= 56;
    if plain {
        return vec![format!("{name}=\"{value}\"")];
    }
    // `filename*12*=` and the charset leave this much for the text.
    let room = LINE_MAX - name.len() - "*00*=UTF-8'';".len() - 1;
    let mut pieces = vec![String::new()];
    let mut buffer = [0; 4];
    for c in value.chars() {
        let mut encoded = String::with_capacity(12);
        match c {
            c if c.is_ascii_alphanumeric() || "-._".contains(c) => encoded.push(c),
            c => percent(&mut encoded, '%', c.encode_utf8(&mut buffer).as_bytes()),
        }
        if pieces.last().is_some_and(|piece| piece.len() + encoded.len() > room) {
            pieces.push(String::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push_str(&encoded);
        }
    }
    if let [whole] = pieces.as_slice() {
        return vec![format!("{name}*=UTF-8''{whole}")];
    }
    let last = pieces.len() - 1;
    let token = |(at, piece): (usize, String)| {
        let charset = if at == 0 { "UTF-8''" } else { "" };
        let end = if at == last { "" } else { ";" };
        format!("{name}*{at}*={charset}{piece}{end}")
    };
    pieces.into_iter().enumerate().map(token).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, tokens: &[String]) -> String {
        let mut out = Vec::new();
        write_header(&mut out, name, tokens);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn ascii_words_of_a_subject_stay_in_clear() {
        let subject = header(
            "Subject",
            &text_tokens("XDM/1.0/DDM+CR d'imagerie médicale PAT-TROIS DOMINIQUE 28/03/1979"),
        );
        assert_eq!(
            subject,
            "Subject: XDM/1.0/DDM+CR d'imagerie =?utf-8?Q?m=C3=A9dicale?= PAT-TROIS\r\n DOMINIQUE 28/03/1979\r\n"
        );
    }

    #[test]
    fn blanks_between_encoded_words_are_encoded() {
        assert_eq!(text_tokens("été à Évian"), ["=?utf-8?Q?=C3=A9t=C3=A9_=C3=A0_=C3=89vian?="]);
    }

    #[test]
    fn a_decomposed_accent_and_a_no_break_space_are_normalised() {
        assert_eq!(text_tokens("e\u{301}\u{a0}a"), ["=?utf-8?Q?=C3=A9?=", "a"]);
    }

    #[test]
    fn no_line_break_survives() {
        for hostile in
            ["a\r\nBcc: x@y.fr", "a\nBcc: x", "a\u{2028}Bcc: x", "a\u{85}b", "a\0b", "\r\n\r\nbody"]
        {
            let line = header("Subject", &text_tokens(hostile));
            assert_eq!(line.matches("\r\n").count(), 1, "{hostile:?}");
            let phrase = header("From", &phrase_tokens(hostile));
            assert_eq!(phrase.matches("\r\n").count(), 1, "{hostile:?}");
            let name = header("Content-Disposition", &parameter_tokens("filename", hostile));
            assert_eq!(name.matches("\r\n").count(), 1, "{hostile:?}");
        }
    }

    #[test]
    fn what_looks_like_an_encoded_word_is_encoded() {
        assert_eq!(text_tokens("=?utf-8?Q?x?="), ["=?utf-8?Q?=3D=3Futf-8=3FQ=3Fx=3F=3D?="]);
    }

    #[test]
    fn a_display_name_with_specials_is_quoted() {
        assert_eq!(phrase_tokens("CHU, \"Imagerie\""), ["\"CHU, \\\"Imagerie\\\"\""]);
        assert_eq!(phrase_tokens("Hopital A Imagerie"), ["Hopital", "A", "Imagerie"]);
    }

    #[test]
    fn a_long_accented_file_name_is_continued_between_characters() {
        let tokens = parameter_tokens("filename", &format!("20260101_{}.pdf", "é".repeat(40)));
        assert!(tokens.len() > 1 && tokens[0].starts_with("filename*0*=UTF-8''20260101_"), "{tokens:?}");
        assert!(
            tokens.iter().all(|token| token.len() < 77 && token.matches('%').count() % 2 == 0),
            "{tokens:?}"
        );
    }
}
