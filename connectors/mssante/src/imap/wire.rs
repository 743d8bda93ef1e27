//! Answers of an IMAP server: where one ends, then its words.
//! In: bytes in any cut. Out: whole answers within limits, then a flat run of tokens; nothing recurses. IO, clock: none.
//! Sources: RFC 3501 §4 and §9, RFC 7888. The limits hold before anything is kept: an announced literal costs nothing.

use std::borrow::Cow;

/// Bounds on one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireLimits {
    /// Bytes of its lines, literals apart. An answer to SEARCH is one line: 1 MB is some 130,000 mails.
    pub line_bytes_max: usize,
    /// Literals in it.
    pub literals_max: usize,
    /// Bytes of a literal nobody asked for (a folder name, a header of a server that quotes nothing).
    pub literal_bytes_max: usize,
}

impl Default for WireLimits {
    fn default() -> Self {
        Self { line_bytes_max: 1 << 20, literals_max: 16, literal_bytes_max: 16 << 10 }
    }
}

/// Bytes that are no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// A line without end.
    #[error("line over {0} bytes")]
    LineTooLong(usize),
    /// A literal longer than what may come.
    #[error("literal of {announced} bytes announced, at most {limit} expected")]
    LiteralTooLong {
        /// What the server announced.
        announced: u64,
        /// What may come.
        limit: usize,
    },
    /// More literals than any answer has.
    #[error("over {0} literals in one answer")]
    TooManyLiterals(usize),
    /// Not the grammar.
    #[error("not an IMAP answer: {0}")]
    Malformed(&'static str),
}

/// Cuts what came into answers.
#[derive(Debug)]
pub(super) struct Splitter {
    limits: WireLimits,
    buffer: Vec<u8>,
    /// Where the unfinished answer begins.
    from: usize,
    /// Where its current line begins; the search for the end of it goes on at `at`.
    line: usize,
    at: usize,
    line_bytes: usize,
    literals: usize,
}

impl Splitter {
    pub(super) fn new(limits: WireLimits) -> Self {
        Self { limits, buffer: Vec::new(), from: 0, line: 0, at: 0, line_bytes: 0, literals: 0 }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.from == self.buffer.len()
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Next whole answer, its last line end included. `literal_max`: the longest literal that was asked for.
    pub(super) fn next(&mut self, literal_max: usize) -> Result<Option<Vec<u8>>, WireError> {
        let literal_max = literal_max.max(self.limits.literal_bytes_max);
        loop {
            let Some(end) = memchr::memchr(b'\n', &self.buffer[self.at..]).map(|end| self.at + end) else {
                self.at = self.buffer.len();
                self.check_line(self.at)?;
                return Ok(None);
            };
            // Seen again when the literal that follows is not there yet.
            self.at = end;
            self.check_line(end)?;
            let line =
                self.buffer[self.line..end].strip_suffix(b"\r").unwrap_or(&self.buffer[self.line..end]);
            // The text of a status may end with anything; only data has literals.
            let announced = match is_text(&self.buffer[self.from..end]) {
                true => None,
                false => announced_literal(line),
            };
            let Some(announced) = announced else { return Ok(Some(self.take(end + 1))) };
            if self.literals == self.limits.literals_max {
                return Err(WireError::TooManyLiterals(self.limits.literals_max));
            }
            let length = usize::try_from(announced).ok().filter(|length| *length <= literal_max);
            let Some(length) = length else {
                return Err(WireError::LiteralTooLong { announced, limit: literal_max });
            };
            if self.buffer.len() - end - 1 < length {
                return Ok(None);
            }
            self.line_bytes += end - self.line;
            self.literals += 1;
            (self.line, self.at) = (end + 1 + length, end + 1 + length);
        }
    }

    fn check_line(&self, end: usize) -> Result<(), WireError> {
        let max = self.limits.line_bytes_max;
        if self.line_bytes + (end - self.line) > max { Err(WireError::LineTooLong(max)) } else { Ok(()) }
    }

    fn take(&mut self, end: usize) -> Vec<u8> {
        let answer = if self.from == 0 && end == self.buffer.len() {
            // The usual case of a slice of a mail: nothing is copied, and an idle link keeps no buffer.
            std::mem::take(&mut self.buffer)
        } else {
            self.buffer[self.from..end].to_vec()
        };
        self.from = if self.buffer.is_empty() { 0 } else { end };
        if self.from > 0 && (self.from == self.buffer.len() || self.from > 64 << 10) {
            self.buffer.drain(..self.from);
            self.from = 0;
            if self.buffer.is_empty() {
                self.buffer = Vec::new();
            }
        }
        (self.line, self.at, self.line_bytes, self.literals) = (self.from, self.from, 0, 0);
        answer
    }
}

/// Whether an answer is a status or a go-ahead: human text to its end.
fn is_text(answer: &[u8]) -> bool {
    match answer.strip_prefix(b"* ") {
        Some(rest) => {
            let word = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
            [b"OK".as_slice(), b"NO", b"BAD", b"BYE", b"PREAUTH"].iter().any(|w| word.eq_ignore_ascii_case(w))
        }
        None => true,
    }
}

/// `… {123}`, `… {123+}`: bytes that follow the line.
fn announced_literal(line: &[u8]) -> Option<u64> {
    let inner = line.strip_suffix(b"}")?;
    let open = memchr::memrchr(b'{', inner)?;
    let digits = inner[open + 1..].strip_suffix(b"+").unwrap_or(&inner[open + 1..]);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // More digits than any number has: as long as can be, hence refused.
    Some(digits.iter().fold(0_u64, |n, d| n.saturating_mul(10).saturating_add(u64::from(d - b'0'))))
}

/// A word of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'b> {
    /// `(`
    Open,
    /// `)`
    Close,
    /// A bare word, a section in brackets belonging to it: `BODY[]<0>`.
    Atom(&'b [u8]),
    /// A quoted string or a literal.
    Text(Cow<'b, [u8]>),
}

/// The tokens of one whole answer.
#[derive(Clone, Debug)]
pub(super) struct Tokens<'b> {
    rest: &'b [u8],
}

impl<'b> Tokens<'b> {
    pub(super) fn new(answer: &'b [u8]) -> Self {
        Self { rest: answer }
    }

    /// Next token; `None` at the end of the answer.
    pub(super) fn next(&mut self) -> Result<Option<Token<'b>>, WireError> {
        while let Some(rest) = self.rest.strip_prefix(b" ") {
            self.rest = rest;
        }
        let Some(first) = self.rest.first() else { return Ok(None) };
        match first {
            b'\r' | b'\n' => Ok(None),
            b'(' => Ok(Some(self.one(Token::Open))),
            b')' => Ok(Some(self.one(Token::Close))),
            b'"' => self.quoted().map(Some),
            b'{' => self.literal().map(Some),
            b'~' if self.rest.get(1) == Some(&b'{') => {
                self.rest = &self.rest[1..];
                self.literal().map(Some)
            }
            _ => self.atom().map(Some),
        }
    }

    fn one(&mut self, token: Token<'b>) -> Token<'b> {
        self.rest = &self.rest[1..];
        token
    }

    fn quoted(&mut self) -> Result<Token<'b>, WireError> {
        let text = &self.rest[1..];
        let mut escaped = false;
        let mut plain = true;
        for (at, byte) in text.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => (escaped, plain) = (true, false),
                b'"' => {
                    self.rest = &text[at + 1..];
                    let text = &text[..at];
                    return Ok(Token::Text(if plain {
                        Cow::Borrowed(text)
                    } else {
                        Cow::Owned(unescaped(text))
                    }));
                }
                b'\r' | b'\n' => break,
                _ => {}
            }
        }
        Err(WireError::Malformed("a quoted string without end"))
    }

    fn literal(&mut self) -> Result<Token<'b>, WireError> {
        let end = memchr::memchr(b'\n', self.rest).ok_or(WireError::Malformed("a literal without bytes"))?;
        let line = self.rest[..end].strip_suffix(b"\r").unwrap_or(&self.rest[..end]);
        let length = announced_literal(line).and_then(|length| usize::try_from(length).ok());
        let bytes = length.and_then(|length| self.rest.get(end + 1..)?.get(..length));
        let bytes = bytes.ok_or(WireError::Malformed("a literal without bytes"))?;
        self.rest = &self.rest[end + 1 + bytes.len()..];
        Ok(Token::Text(Cow::Borrowed(bytes)))
    }

    fn atom(&mut self) -> Result<Token<'b>, WireError> {
        let mut in_section = false;
        let end = self.rest.iter().position(|byte| match byte {
            b'[' => {
                in_section = true;
                false
            }
            b']' => {
                in_section = false;
                false
            }
            b'\r' | b'\n' => true,
            b' ' | b'(' | b')' => !in_section,
            _ => false,
        });
        let (atom, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if in_section {
            return Err(WireError::Malformed("a section without end"));
        }
        self.rest = rest;
        Ok(Token::Atom(atom))
    }
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        out.push(if *byte == b'\\' { *bytes.next().unwrap_or(byte) } else { *byte });
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(pieces: &[&[u8]], literal_max: usize) -> Result<Vec<Vec<u8>>, WireError> {
        let mut splitter =
            Splitter::new(WireLimits { line_bytes_max: 100, literals_max: 2, literal_bytes_max: 10 });
        let mut answers = Vec::new();
        for piece in pieces {
            splitter.push(piece);
            while let Some(answer) = splitter.next(literal_max)? {
                answers.push(answer);
            }
        }
        Ok(answers)
    }

    fn words(answer: &str) -> Result<Vec<String>, WireError> {
        let mut tokens = Tokens::new(answer.as_bytes());
        let mut words = Vec::new();
        while let Some(token) = tokens.next()? {
            words.push(match token {
                Token::Open => "(".to_owned(),
                Token::Close => ")".to_owned(),
                Token::Atom(atom) => atom.escape_ascii().to_string(),
                Token::Text(text) => format!("'{}'", text.escape_ascii()),
            });
        }
        Ok(words)
    }

    #[test]
    fn a_literal_belongs_to_its_answer_whatever_it_holds() {
        let answer = b"* 1 FETCH (UID 7 BODY[]<0> {7}\r\na\r\nb {\r UID 8)\r\n".as_slice();
        let both = [answer, b"* 2 EXISTS\r\n"].concat();
        assert_eq!(split(&[&both], 7).unwrap(), [answer, b"* 2 EXISTS\r\n"]);
    }

    #[test]
    fn a_status_text_that_looks_like_a_literal_is_text() {
        assert_eq!(split(&[b"* OK bonjour {5}\r\nJ1 OK fait {9}\r\n"], 0).unwrap().len(), 2);
    }

    #[test]
    fn limits_hold_exactly_and_before_the_bytes_come() {
        assert_eq!(split(&[b"* 1 FETCH (BODY[] {12}\r\n0123456789ab)\r\n"], 12).unwrap().len(), 1);
        for (announced, size) in
            [("13", 13), ("4294967296", 4_294_967_296), ("99999999999999999999999", u64::MAX)]
        {
            let text = format!("* 1 FETCH (BODY[] {{{announced}}}\r\n");
            let error = WireError::LiteralTooLong { announced: size, limit: 12 };
            assert_eq!(split(&[text.as_bytes()], 12), Err(error));
        }
        assert_eq!(split(&["* ".as_bytes(), &[b'a'; 98]], 0).unwrap().len(), 0);
        assert_eq!(split(&["* ".as_bytes(), &[b'a'; 99]], 0), Err(WireError::LineTooLong(100)));
        let three = b"* LIST () {1}\r\na {1}\r\nb {1}\r\nc\r\n";
        assert_eq!(split(&[three], 0), Err(WireError::TooManyLiterals(2)));
    }

    #[test]
    fn words_are_told_apart() {
        assert_eq!(
            words("* 3 FETCH (FLAGS (\\Seen $x) BODY[HEADER.FIELDS (A B)]<0> \"a\\\"b\" {3}\r\nx)y)\r\n")
                .unwrap(),
            [
                "*",
                "3",
                "FETCH",
                "(",
                "FLAGS",
                "(",
                "\\\\Seen",
                "$x",
                ")",
                "BODY[HEADER.FIELDS (A B)]<0>",
                "'a\\\"b'",
                "'x)y'",
                ")"
            ]
        );
        assert!(words("* \"sans fin\r\n").is_err());
        assert!(words("* BODY[\r\n").is_err());
    }

    #[test]
    fn nothing_recurses_however_deep_an_answer_is() {
        let deep = "(".repeat(500_000);
        assert_eq!(words(&deep).unwrap().len(), 500_000);
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_answers(cut in 0..46_usize) {
            let whole = b"* 1 FETCH (UID 7 BODY[] {5}\r\na\r\nb ) \r\nJ1 OK x\r\n".as_slice();
            let (first, rest) = whole.split_at(cut);
            prop_assert_eq!(split(&[first, rest], 5).unwrap(), split(&[whole], 5).unwrap());
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = split(&[&bytes, b"\r\n"], 100);
            let mut tokens = Tokens::new(&bytes);
            while let Ok(Some(_)) = tokens.next() {}
        }
    }
}
