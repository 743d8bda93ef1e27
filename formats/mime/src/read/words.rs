//! Unstructured headers as text: unfolding and encoded-words.
//! In: raw bytes of a value. Out: text on one line. Sources: RFC 5322 §2.2.3, RFC 2047, mssante.md §8 n° 1.

use jonction_model::hex_byte;

use super::{charset, transfer};

/// An encoded-word of others may be longer than the 75 characters of the RFC, not endless.
const WORD_MAX: usize = 4096;
/// Name of a charset, with a language.
const LABEL_MAX: usize = 64;

/// Folds taken out, encoded-words decoded, anything left of 8 bits read as UTF-8, else Windows-1252.
pub(super) fn text(raw: &[u8]) -> String {
    let line = unfold(raw);
    decode(&line).trim().to_owned()
}

/// A value on one line. Line ends vanish; the blank that follows them stays.
pub(super) fn unfold(raw: &[u8]) -> Vec<u8> {
    raw.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect()
}

/// Decodes the encoded-words of a line. What is not one stays as it is.
pub(super) fn decode(line: &[u8]) -> String {
    let mut out = Decoded::default();
    let mut rest = line;
    while let Some(at) = memchr::memmem::find(rest, b"=?") {
        let Some(word) = Word::parse(&rest[at..]) else {
            out.plain(&rest[..at + 2]);
            rest = &rest[at + 2..];
            continue;
        };
        // Blanks between two encoded-words do not count.
        let between = &rest[..at];
        if !(out.after_word && between.iter().all(u8::is_ascii_whitespace)) {
            out.plain(between);
        }
        out.word(word.label, &word.content);
        rest = &rest[at + word.length..];
    }
    out.plain(rest);
    out.finish()
}

struct Word<'l> {
    label: &'l [u8],
    content: Vec<u8>,
    length: usize,
}

impl<'l> Word<'l> {
    /// `=?charset?B?text?=` at the start of `line`.
    fn parse(line: &'l [u8]) -> Option<Self> {
        let inner = line.get(2..)?;
        let label_end = memchr::memchr(b'?', &inner[..inner.len().min(LABEL_MAX)])?;
        let (label, rest) = (&inner[..label_end], &inner[label_end + 1..]);
        if label.is_empty() || !label.iter().all(u8::is_ascii_graphic) || rest.get(1) != Some(&b'?') {
            return None;
        }
        let encoded = &rest[2..];
        let end = memchr::memmem::find(&encoded[..encoded.len().min(WORD_MAX)], b"?=")?;
        let content = match rest[0] {
            b'B' | b'b' => transfer::base64(&encoded[..end]).bytes,
            b'Q' | b'q' => quoted(&encoded[..end]),
            _ => return None,
        };
        Some(Self { label, content, length: 2 + label_end + 1 + 2 + end + 2 })
    }
}

/// Q encoding: `_` is a blank, `=` opens two hexadecimal digits.
fn quoted(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match (text[at], text.get(at + 1..at + 3).and_then(hex_byte)) {
            (b'=', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'_', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    out
}

/// Gathers neighbours of one charset before decoding: senders cut characters of several bytes between two words.
#[derive(Default)]
struct Decoded {
    text: String,
    label: Vec<u8>,
    pending: Vec<u8>,
    after_word: bool,
}

impl Decoded {
    fn plain(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.flush();
            self.text.push_str(&charset::guess(bytes));
            self.after_word = false;
        }
    }

    fn word(&mut self, label: &[u8], content: &[u8]) {
        if !self.label.eq_ignore_ascii_case(label) {
            self.flush();
            self.label = label.to_vec();
        }
        self.pending.extend_from_slice(content);
        self.after_word = true;
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            let label = charset::guess(&self.label);
            self.text.push_str(&charset::decode(&label, &self.pending).0);
            self.pending.clear();
        }
    }

    fn finish(mut self) -> String {
        self.flush();
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn encoded_words_of_any_charset_become_text() {
        let cases: [(&[u8], &str); 12] = [
            (b"=?utf-8?Q?R=C3=A9sultat_d'examen?=", "Résultat d'examen"),
            (b"=?ISO-8859-1?q?R=e9sultat?=", "Résultat"),
            (b"=?utf-8?B?UsOpc3VsdGF0?=", "Résultat"),
            (b"=?utf-8?B?UsOpc3VsdGF0?=\r\n =?utf-8?Q?_suite?=", "Résultat suite"),
            (b"=?utf-8?Q?R=C3?= =?UTF-8?Q?=A9sultat?=", "Résultat"),
            (b"a =?utf-8?Q?=C3=A9?= b", "a é b"),
            (b"XDM/1.0/DDM+=?utf-8?Q?=C3=A9cho?= X", "XDM/1.0/DDM+écho X"),
            (b"R\xE9sultat", "Résultat"),
            ("Résultat".as_bytes(), "Résultat"),
            (b"=?utf-8?X?abc?= =?utf-8 ?Q?x?=", "=?utf-8?X?abc?= =?utf-8 ?Q?x?="),
            (b"=?utf-8*fr?Q?=C3=A9?=", "é"),
            (b"plein\r\n  de\r\n\tblancs", "plein  de\tblancs"),
        ];
        for (raw, expected) in cases {
            assert_eq!(text(raw), expected, "{}", raw.escape_ascii());
        }
    }

    #[test]
    fn a_header_of_openings_without_end_costs_little() {
        let hostile = b"=?a?Q?x ".repeat(30_000);
        assert_eq!(text(&hostile).len(), hostile.len() - 1);
    }
}
