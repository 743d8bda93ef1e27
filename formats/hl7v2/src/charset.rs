//! What MSH-18 declares, what the bytes are, and which of the two to believe.
//! In: a message. Out: how to decode its texts, how to encode a reply, and a finding when they differ. Source: hl7v2.md §6.3.

use std::borrow::Cow;

use encoding_rs::{Encoding, ISO_8859_15, UTF_8, WINDOWS_1252};
use memchr::memmem;

use crate::message::Message;

/// Charset of one message, and of the replies to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charset {
    declared: String,
    used: &'static Encoding,
    reply: Reply,
    finding: Option<CharsetFinding>,
    double_encoded: bool,
}

/// How replies are encoded: as the request declares, because that is what its sender reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    /// ISO 8859-1 proper: what windows-1252 adds to it, a strict receiver would not read.
    Latin1,
    With(&'static Encoding),
}

/// Where the declaration and the bytes disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CharsetFinding {
    /// UTF-8 is declared, the bytes are not UTF-8: read as windows-1252.
    NotUtf8,
    /// A single-byte charset is declared, but the whole message is valid UTF-8: read as UTF-8.
    IsUtf8,
    /// Nothing is declared and there are accents: read as UTF-8 when valid, else as ISO 8859-15.
    Undeclared,
    /// The declaration is not a known charset: treated as no declaration.
    Unknown,
}

/// MSH-18 once its spelling is set aside.
#[derive(Clone, Copy, PartialEq)]
enum Declared {
    Nothing,
    Utf8,
    Latin1,
    Other(&'static Encoding),
    Unknown,
}

/// Double encodings of `é`, `è` and `’`, in UTF-8.
const DOUBLE: [&str; 3] = ["Ã©", "Ã¨", "â€™"];

impl Charset {
    /// `UNICODE UTF-8`.
    pub fn utf8() -> Self {
        Self::of_label("UNICODE UTF-8")
    }

    /// `8859/15`.
    pub fn latin9() -> Self {
        Self::of_label("8859/15")
    }

    /// The charset that a value of MSH-18 names; UTF-8 when it names none.
    /// Field spellings are taken: `UTF-8`, `UTF8`, `UNICODE`, `ISO-8859-1`…
    pub fn of_label(label: &str) -> Self {
        let (used, reply) = match declared(label) {
            Declared::Latin1 => (WINDOWS_1252, Reply::Latin1),
            Declared::Other(encoding) => (encoding, Reply::With(encoding)),
            Declared::Utf8 | Declared::Nothing | Declared::Unknown => (UTF_8, Reply::With(UTF_8)),
        };
        Self { declared: label.to_owned(), used, reply, finding: None, double_encoded: false }
    }

    /// The same, but encoding as the bytes of the message are, whatever it declares: for changes inside it.
    pub fn as_used(&self) -> Self {
        Self { reply: Reply::With(self.used), ..self.clone() }
    }

    /// What a message declares against what it is. Base64 payloads are not looked at.
    pub(crate) fn examine(message: &Message) -> Self {
        let field = message.msh().field(18).repetition(1).raw();
        let label = std::str::from_utf8(field).unwrap_or_default().trim();
        let pieces = searchable(message);
        let named = Self::of_label(label);
        if pieces.iter().all(|piece| piece.is_ascii()) {
            let unknown = declared(label) == Declared::Unknown;
            return Self { finding: unknown.then_some(CharsetFinding::Unknown), ..named };
        }
        let utf8 = pieces.iter().all(|piece| std::str::from_utf8(piece).is_ok());
        let (used, finding) = match declared(label) {
            Declared::Utf8 if utf8 => (UTF_8, None),
            Declared::Utf8 => (WINDOWS_1252, Some(CharsetFinding::NotUtf8)),
            Declared::Latin1 | Declared::Other(_) if utf8 => (UTF_8, Some(CharsetFinding::IsUtf8)),
            Declared::Latin1 => (WINDOWS_1252, None),
            Declared::Other(encoding) => (encoding, None),
            open => {
                let finding = if open == Declared::Unknown {
                    CharsetFinding::Unknown
                } else {
                    CharsetFinding::Undeclared
                };
                (if utf8 { UTF_8 } else { ISO_8859_15 }, Some(finding))
            }
        };
        // Nothing is declared: the reply goes in what the sender was understood to use.
        let reply = match declared(label) {
            Declared::Nothing | Declared::Unknown => Reply::With(used),
            _ => named.reply,
        };
        let twice = |piece: &&[u8]| DOUBLE.iter().any(|text| memmem::find(piece, text.as_bytes()).is_some());
        Self { used, reply, finding, double_encoded: utf8 && pieces.iter().any(twice), ..named }
    }

    /// MSH-18 as written; empty when absent.
    pub fn declared(&self) -> &str {
        &self.declared
    }

    /// Name of the charset that texts are decoded with, as the WHATWG writes it: `UTF-8`, `ISO-8859-15`, `windows-1252`.
    pub fn used(&self) -> &'static str {
        self.used.name()
    }

    /// What is wrong with the declaration.
    pub fn finding(&self) -> Option<CharsetFinding> {
        self.finding
    }

    /// Whether the text was encoded twice (`Ã©` for `é`).
    pub fn is_double_encoded(&self) -> bool {
        self.double_encoded
    }

    /// MSH-18 to write in a reply: as the request wrote it, else the name of what the reply is encoded in.
    pub fn reply_label(&self) -> &str {
        match (declared(&self.declared), self.reply) {
            (Declared::Nothing | Declared::Unknown, Reply::With(used)) if used == ISO_8859_15 => "8859/15",
            (Declared::Nothing | Declared::Unknown, _) => "UNICODE UTF-8",
            _ => &self.declared,
        }
    }

    /// Decodes bytes of the message; a byte that means nothing gives U+FFFD.
    pub fn decode<'b>(&self, bytes: &'b [u8]) -> Cow<'b, str> {
        self.used.decode_without_bom_handling(bytes).0
    }

    /// Encodes for a reply, at the end of `out`. Returns how many characters had to be replaced:
    /// typographic ones by their ASCII equivalent, others by `?`.
    pub fn encode(&self, text: &str, out: &mut Vec<u8>) -> usize {
        if text.is_ascii() || self.reply == Reply::With(UTF_8) {
            out.extend_from_slice(text.as_bytes());
            return 0;
        }
        let mut replaced = 0;
        for c in text.chars() {
            if !self.encode_char(c, out) {
                replaced += 1;
                out.extend_from_slice(equivalent(c).as_bytes());
            }
        }
        replaced
    }

    fn encode_char(&self, c: char, out: &mut Vec<u8>) -> bool {
        match self.reply {
            Reply::Latin1 => match u8::try_from(c) {
                Ok(byte) => out.push(byte),
                Err(_) => return false,
            },
            Reply::With(encoding) => {
                let mut buffer = [0; 4];
                let (bytes, _, unmappable) = encoding.encode(c.encode_utf8(&mut buffer));
                if unmappable {
                    return false;
                }
                out.extend_from_slice(&bytes);
            }
        }
        true
    }
}

/// ASCII stand-in of a character that the charset of the reply lacks.
fn equivalent(c: char) -> &'static str {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{2032}' => "'",
        '\u{201c}' | '\u{201d}' | '«' | '»' => "\"",
        '\u{2010}'..='\u{2015}' => "-",
        '\u{2026}' => "...",
        '\u{2022}' => "*",
        '\u{a0}' | '\u{202f}' | '\u{2009}' => " ",
        'œ' => "oe",
        'Œ' => "OE",
        'Ÿ' => "Y",
        '€' => "EUR",
        _ => "?",
    }
}

fn declared(label: &str) -> Declared {
    let bare: String =
        label.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    match bare.strip_prefix("ISO").unwrap_or(&bare) {
        // A sender that says UTF-16 in bytes that are not has mistaken the word for UTF-8.
        "UTF8" | "UNICODEUTF8" | "UNICODE" | "UNICODEUTF16" | "UNICODEUTF32" => Declared::Utf8,
        "" | "ASCII" => Declared::Nothing,
        "88591" | "LATIN1" | "WINDOWS1252" | "CP1252" => Declared::Latin1,
        "885915" | "LATIN9" => Declared::Other(ISO_8859_15),
        part if part.len() == 5 && part.starts_with("8859") => {
            let label = format!("iso-8859-{}", &part[4..]);
            Encoding::for_label(label.as_bytes()).map_or(Declared::Unknown, Declared::Other)
        }
        // Asian double-byte charsets hold delimiters inside characters: not supported.
        _ => Declared::Unknown,
    }
}

/// The bytes of the message less its base64 payloads, which are ASCII or nothing.
fn searchable(message: &Message) -> Vec<&[u8]> {
    let raw = message.raw();
    let mut pieces = Vec::new();
    let mut from = 0;
    for segment in message.segments_of("OBX") {
        let field = segment.field(5);
        let payload = field.span().start + field.searchable().len()..field.span().end;
        // Small ones are not worth a cut.
        if payload.len() > 4096 {
            pieces.push(&raw[from..payload.start]);
            from = payload.end;
        }
    }
    pieces.push(&raw[from..]);
    pieces
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::limits::Limits;

    fn message(label: &str, text: &[u8]) -> Message {
        let mut raw = format!("MSH|^~\\&|||||||ADT^A28|1|T|2.5||||||{label}\rNTE|1||").into_bytes();
        raw.extend_from_slice(text);
        raw.push(b'\r');
        Message::parse(Bytes::from(raw), &Limits::default()).unwrap()
    }

    fn read(label: &str, text: &[u8]) -> (String, Option<CharsetFinding>) {
        let message = message(label, text);
        let text = message.segment("NTE").unwrap().field(3).text().into_owned();
        (text, message.charset().finding())
    }

    #[test]
    fn the_declared_charset_is_believed_when_the_bytes_agree() {
        assert_eq!(read("UNICODE UTF-8", "œuvré".as_bytes()), ("œuvré".to_owned(), None));
        assert_eq!(
            read("8859/15", b"\xbduvr\xe9 \xa4 \xa6\xa8\xb4\xb8\xbc\xbe"),
            ("œuvré € ŠšŽžŒŸ".to_owned(), None)
        );
        assert_eq!(read("8859/1", b"\x9cuvr\xe9 l\x92\xa4"), ("œuvré l’¤".to_owned(), None));
        assert_eq!(read("8859/2", b"\xb1"), ("ą".to_owned(), None));
    }

    #[test]
    fn mislabelled_messages_are_read_and_noted() {
        assert_eq!(
            read("UNICODE UTF-8", b"\xe9t\xe9 \x80"),
            ("été €".to_owned(), Some(CharsetFinding::NotUtf8))
        );
        assert_eq!(read("8859/15", "été".as_bytes()), ("été".to_owned(), Some(CharsetFinding::IsUtf8)));
        assert_eq!(read("8859/1", "été".as_bytes()), ("été".to_owned(), Some(CharsetFinding::IsUtf8)));
        assert_eq!(read("", "été".as_bytes()), ("été".to_owned(), Some(CharsetFinding::Undeclared)));
        assert_eq!(read("", b"\xe9t\xe9 \xa4"), ("été €".to_owned(), Some(CharsetFinding::Undeclared)));
        assert_eq!(read("EBCDIC", b"\xe9"), ("é".to_owned(), Some(CharsetFinding::Unknown)));
    }

    #[test]
    fn ascii_is_right_under_every_declaration() {
        for label in ["UNICODE UTF-8", "8859/15", "8859/1", "", "ASCII", "UTF8", "UNICODE"] {
            assert_eq!(read(label, b"abc").1, None, "{label}");
        }
    }

    #[test]
    fn spellings_of_the_field_are_known() {
        for label in ["UTF-8", "UNICODE", "utf8", "Unicode UTF-8", "UNICODE  UTF-8"] {
            assert_eq!(read(label, "é".as_bytes()).1, None, "{label}");
        }
        for label in ["8859/1", "ISO-8859-1", "ISO8859-1", "iso 8859/1"] {
            assert_eq!(read(label, b"\xe9"), ("é".to_owned(), None), "{label}");
        }
    }

    #[test]
    fn double_encoding_is_seen() {
        assert!(message("UNICODE UTF-8", "CR dâ€™imagerie".as_bytes()).charset().is_double_encoded());
        assert!(!message("UNICODE UTF-8", "CR d’imagerie".as_bytes()).charset().is_double_encoded());
    }

    #[test]
    fn a_reply_is_encoded_as_declared_and_what_it_lacks_is_replaced() {
        let mut out = Vec::new();
        assert_eq!(Charset::latin9().encode("l’été à 3 € — œ", &mut out), 2);
        assert_eq!(out, b"l'\xe9t\xe9 \xe0 3 \xa4 - \xbd");
        out.clear();
        assert_eq!(Charset::of_label("8859/1").encode("é œ € ☃", &mut out), 3);
        assert_eq!(out, b"\xe9 oe EUR ?");
        out.clear();
        assert_eq!(Charset::utf8().encode("l’été", &mut out), 0);
        assert_eq!(out, "l’été".as_bytes());
    }

    #[test]
    fn an_undeclared_charset_is_answered_in_what_was_understood() {
        assert_eq!(message("", b"\xe9").charset().reply_label(), "8859/15");
        assert_eq!(message("", "é".as_bytes()).charset().reply_label(), "UNICODE UTF-8");
        assert_eq!(message("UTF8", b"a").charset().reply_label(), "UTF8");
    }
}
