//! Escape sequences, both ways.
//! In: raw bytes of a leaf, or text to write. Out: bytes in the charset of the message, or escaped text. Source: hl7v2.md §6.2.

use memchr::memchr;

use crate::delimiters::Delimiters;

/// A sequence that could not be resolved and was kept as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EscapeProblem {
    /// No second escape character before the end of the leaf (Windows paths).
    Unterminated,
    /// Not a sequence of the standard, or one whose content is malformed.
    Unknown,
    /// `\C…\` or `\M…\`: another charset in the middle of a text, not supported.
    CharsetSwitch,
}

/// What one sequence means.
enum Meaning<'a> {
    Byte(u8),
    Text(&'static [u8]),
    Hex(&'a [u8]),
    Keep(Option<EscapeProblem>),
}

/// Resolves every sequence; what cannot be resolved stays as written.
/// Out: bytes still in the charset of the message, because `\X..\` gives bytes, not characters.
pub fn resolve(raw: &[u8], delimiters: &Delimiters) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    walk(raw, delimiters, &mut |part| match part {
        Part::Plain(bytes) | Part::Sequence(bytes, Meaning::Keep(_)) => out.extend_from_slice(bytes),
        Part::Sequence(_, Meaning::Byte(byte)) => out.push(byte),
        Part::Sequence(_, Meaning::Text(text)) => out.extend_from_slice(text),
        Part::Sequence(_, Meaning::Hex(digits)) => {
            out.extend(digits.chunks_exact(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])));
        }
    });
    out
}

/// First sequence that could not be resolved, and its offset.
pub fn first_problem(raw: &[u8], delimiters: &Delimiters) -> Option<(EscapeProblem, usize)> {
    let mut found = None;
    let mut at = 0;
    walk(raw, delimiters, &mut |part| {
        let bytes = match part {
            Part::Plain(bytes) => bytes,
            Part::Sequence(bytes, meaning) => {
                if let Meaning::Keep(Some(problem)) = meaning {
                    found = found.or(Some((problem, at)));
                }
                bytes
            }
        };
        at += bytes.len();
    });
    found
}

/// A leaf cut into plain texts and sequences (`true`); what is no sequence of the standard is plain.
pub(crate) fn sequences<'a>(
    raw: &'a [u8],
    delimiters: &Delimiters,
) -> impl Iterator<Item = (&'a [u8], bool)> {
    let mut parts = Vec::new();
    walk(raw, delimiters, &mut |part| match part {
        Part::Plain(bytes) => parts.push((bytes, false)),
        Part::Sequence(bytes, Meaning::Keep(Some(_))) => parts.push((bytes, false)),
        Part::Sequence(bytes, _) => parts.push((bytes, true)),
    });
    parts.into_iter()
}

enum Part<'a> {
    Plain(&'a [u8]),
    /// The sequence with both its escape characters.
    Sequence(&'a [u8], Meaning<'a>),
}

fn walk<'a>(raw: &'a [u8], delimiters: &Delimiters, emit: &mut dyn FnMut(Part<'a>)) {
    let Some(escape) = delimiters.escape else { return emit(Part::Plain(raw)) };
    let mut rest = raw;
    while let Some(open) = memchr(escape, rest) {
        emit(Part::Plain(&rest[..open]));
        let Some(length) = memchr(escape, &rest[open + 1..]) else {
            emit(Part::Sequence(&rest[open..], Meaning::Keep(Some(EscapeProblem::Unterminated))));
            return;
        };
        let content = &rest[open + 1..open + 1 + length];
        let meaning = meaning(content, delimiters);
        // `C:\dir\sub`: the second `\` may open a real sequence, so only the first is given up.
        if matches!(meaning, Meaning::Keep(Some(EscapeProblem::Unknown))) {
            emit(Part::Sequence(&rest[open..open + 1 + length], meaning));
            rest = &rest[open + 1 + length..];
        } else {
            emit(Part::Sequence(&rest[open..open + length + 2], meaning));
            rest = &rest[open + length + 2..];
        }
    }
    emit(Part::Plain(rest));
}

fn meaning<'a>(content: &'a [u8], delimiters: &Delimiters) -> Meaning<'a> {
    let unknown = Meaning::Keep(Some(EscapeProblem::Unknown));
    let declared = |byte: Option<u8>| byte.map_or(Meaning::Keep(Some(EscapeProblem::Unknown)), Meaning::Byte);
    match content {
        b"F" => Meaning::Byte(delimiters.field),
        b"S" => Meaning::Byte(delimiters.component),
        b"T" => declared(delimiters.subcomponent),
        b"R" => declared(delimiters.repetition),
        b"E" => declared(delimiters.escape),
        b"P" => Meaning::Byte(delimiters.truncation.unwrap_or(b'#')),
        b"H" | b"N" => Meaning::Text(b""),
        [b'X', digits @ ..] if is_hex(digits) && digits.len() % 2 == 0 && !digits.is_empty() => {
            Meaning::Hex(digits)
        }
        [b'C', digits @ ..] if digits.len() == 4 && is_hex(digits) => {
            Meaning::Keep(Some(EscapeProblem::CharsetSwitch))
        }
        [b'M', digits @ ..] if matches!(digits.len(), 4 | 6) && is_hex(digits) => {
            Meaning::Keep(Some(EscapeProblem::CharsetSwitch))
        }
        [b'Z', rest @ ..] if !rest.is_empty() && rest.iter().all(u8::is_ascii_alphanumeric) => {
            Meaning::Keep(None)
        }
        [b'.', command @ ..] => formatting(command).map_or(unknown, Meaning::Text),
        _ => unknown,
    }
}

/// Formatting commands of FT: a line break, a blank, or nothing.
fn formatting(command: &[u8]) -> Option<&'static [u8]> {
    let name = command.get(..2)?;
    let argument = &command[2..];
    let number = argument.strip_prefix(b"+").or(argument.strip_prefix(b"-")).unwrap_or(argument);
    if argument.len() > 4 || !number.iter().all(u8::is_ascii_digit) {
        return None;
    }
    match name.to_ascii_lowercase().as_slice() {
        b"br" | b"sp" | b"ce" => Some(b"\n"),
        b"sk" | b"ti" => Some(b" "),
        b"in" | b"fi" | b"nf" => Some(b""),
        _ => None,
    }
}

fn is_hex(digits: &[u8]) -> bool {
    digits.iter().all(u8::is_ascii_hexdigit)
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// What a line break of the text becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineBreak {
    /// `\X0D\`, `\X0A\`: exact, for ST and coded values.
    #[default]
    Hex,
    /// `\.br\`, for FT and TX.
    Formatted,
}

/// Escapes one leaf. Control bytes would break the framing, so they go as hex; a tabulation stays.
/// Out: text that holds no delimiter. Without a declared escape character, delimiters become blanks.
pub fn escape(text: &str, delimiters: &Delimiters, line_break: LineBreak) -> String {
    if let ("\"\"", Some(escape)) = (text, delimiters.escape.map(char::from)) {
        // Bare, it would be the null value.
        return format!("{escape}X22{escape}\"");
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let name = u8::try_from(c).ok().filter(u8::is_ascii).and_then(|byte| letter(byte, delimiters));
        let is_break = matches!(c, '\r' | '\n');
        if name.is_none() && !is_break && (c == '\t' || c >= ' ') {
            out.push(c);
            continue;
        }
        let Some(escape) = delimiters.escape.map(char::from) else {
            out.push(' ');
            continue;
        };
        out.push(escape);
        match name {
            Some(name) => out.push(name),
            None if is_break && line_break == LineBreak::Formatted => {
                chars.next_if(|&next| c == '\r' && next == '\n');
                out.push_str(".br");
            }
            None => out.push_str(&format!("X{:02X}", c as u32)),
        }
        out.push(escape);
    }
    out
}

/// Letter of the sequence that stands for a delimiter.
fn letter(byte: u8, delimiters: &Delimiters) -> Option<char> {
    let table = [
        (Some(delimiters.field), 'F'),
        (Some(delimiters.component), 'S'),
        (delimiters.subcomponent, 'T'),
        (delimiters.repetition, 'R'),
        (delimiters.escape, 'E'),
        (delimiters.truncation, 'P'),
    ];
    table.into_iter().find(|(delimiter, _)| *delimiter == Some(byte)).map(|(_, letter)| letter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(raw: &str) -> String {
        String::from_utf8(resolve(raw.as_bytes(), &Delimiters::standard())).unwrap()
    }

    #[test]
    fn delimiters_breaks_and_bytes_are_resolved() {
        assert_eq!(text(r"a\F\b\S\c\T\d\R\e\E\f"), r"a|b^c&d~e\f");
        assert_eq!(text(r"un\.br\deux\.sp1\trois"), "un\ndeux\ntrois");
        assert_eq!(text(r"\H\gras\N\ \.in+5\x\.ti3\y"), "gras x y");
        assert_eq!(text(r"\XC3A9\t\Xc3a9\\X0D0A\"), "été\r\n");
    }

    #[test]
    fn delimiters_are_those_of_the_message() {
        let odd = Delimiters::read(b"MSH*:%!+*").unwrap();
        assert_eq!(resolve(b"a!F!b!S!c!T!d!R!e!E!", &odd), b"a*b:c+d%e!");
    }

    #[test]
    fn what_is_unknown_or_unfinished_stays_and_is_reported() {
        let problem = |raw: &str| first_problem(raw.as_bytes(), &Delimiters::standard());
        assert_eq!(text(r"C:\temp\F\x"), r"C:\temp|x");
        assert_eq!(text(r"C:\temp"), r"C:\temp");
        assert_eq!(text(r"\Zabc\ \C2D41\"), r"\Zabc\ \C2D41\");
        assert_eq!(text(r"\XABC\ \\"), r"\XABC\ \\");
        assert_eq!(problem(r"C:\temp"), Some((EscapeProblem::Unterminated, 2)));
        assert_eq!(problem(r"ab\q\c"), Some((EscapeProblem::Unknown, 2)));
        assert_eq!(problem(r"\C2D41\"), Some((EscapeProblem::CharsetSwitch, 0)));
        assert_eq!(problem(r"\F\ \.br\ \Zxyz\"), None);
    }

    #[test]
    fn line_breaks_follow_the_data_type() {
        let standard = Delimiters::standard();
        assert_eq!(escape("a\r\nb\nc", &standard, LineBreak::Formatted), r"a\.br\b\.br\c");
        assert_eq!(escape("a\r\nb", &standard, LineBreak::Hex), r"a\X0D\\X0A\b");
        assert_eq!(escape("\u{b}\u{1c}\t", &standard, LineBreak::Hex), "\\X0B\\\\X1C\\\t");
    }

    proptest! {
        #[test]
        fn what_is_escaped_reads_back(written in any::<String>()) {
            let escaped = escape(&written, &Delimiters::standard(), LineBreak::Hex);
            prop_assert!(escaped != "\"\"" && !escaped.contains(['|', '^', '~', '&', '\r', '\n']));
            prop_assert_eq!(text(&escaped), written);
        }

        #[test]
        fn no_bytes_make_it_panic(raw in any::<Vec<u8>>()) {
            let resolved = resolve(&raw, &Delimiters::standard());
            prop_assert!(resolved.len() <= raw.len());
            first_problem(&raw, &Delimiters::standard());
        }
    }
}
