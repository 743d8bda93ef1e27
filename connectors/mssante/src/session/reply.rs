//! Replies of a server.
//! In: bytes in any cut. Out: whole replies, in order. IO: none.
//! Sources: RFC 5321 §4.2, RFC 2034 (enhanced codes). Own parser: the simulator uses another one, on purpose.

/// How long a reply may be. A server that talks without end is cut off.
#[derive(Clone, Copy, Debug)]
pub struct ReplyLimits {
    /// One line, line end included. RFC 5321 says 512; real servers write longer texts.
    pub line_bytes_max: usize,
    /// Lines of one reply.
    pub lines_max: usize,
}

impl Default for ReplyLimits {
    fn default() -> Self {
        Self { line_bytes_max: 2048, lines_max: 64 }
    }
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Three digits, 200 to 599.
    pub code: u16,
    /// Enhanced status of the first line (`5.1.1`), when there is one.
    pub status: Option<String>,
    /// Text of each line, codes taken off. May hold an address: never logged.
    pub lines: Vec<String>,
}

impl Reply {
    /// Whether it means yes (2xx).
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// Whether it means not now (4xx).
    pub fn is_transient(&self) -> bool {
        self.code / 100 == 4
    }

    /// Whether it means no (5xx).
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// `550 5.1.1`, without any text of the server: safe in logs and on screens.
    pub fn codes(&self) -> String {
        match &self.status {
            Some(status) => format!("{} {status}", self.code),
            None => self.code.to_string(),
        }
    }
}

/// Why bytes are not a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// A line is longer than the limit.
    #[error("reply line is longer than {0} bytes")]
    LineTooLong(usize),
    /// A reply has more lines than the limit.
    #[error("reply has more than {0} lines")]
    TooManyLines(usize),
    /// A line does not begin with three digits.
    #[error("reply line does not begin with a code")]
    NotAReply,
    /// The lines of one reply carry different codes.
    #[error("lines of one reply carry different codes")]
    CodesDiffer,
}

/// Gathers bytes into replies.
#[derive(Debug)]
pub struct ReplyParser {
    limits: ReplyLimits,
    buffer: Vec<u8>,
    code: Option<u16>,
    status: Option<String>,
    lines: Vec<String>,
}

impl ReplyParser {
    /// An empty parser.
    pub fn new(limits: ReplyLimits) -> Self {
        Self { limits, buffer: Vec::new(), code: None, status: None, lines: Vec::new() }
    }

    /// Adds bytes just read. At most one read is kept beside a line: call [`ReplyParser::next_reply`] after each.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether nothing waits: neither bytes nor a reply begun.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.code.is_none()
    }

    /// Next whole reply, or `None` until more bytes come. After an error the stream cannot be trusted any more.
    pub fn next_reply(&mut self) -> Result<Option<Reply>, ReplyError> {
        while let Some(end) = self.buffer.iter().position(|&c| c == b'\n') {
            if end + 1 > self.limits.line_bytes_max {
                return Err(ReplyError::LineTooLong(self.limits.line_bytes_max));
            }
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            if let Some(reply) = self.line(line.trim_ascii_end())? {
                return Ok(Some(reply));
            }
        }
        if self.buffer.len() > self.limits.line_bytes_max {
            return Err(ReplyError::LineTooLong(self.limits.line_bytes_max));
        }
        Ok(None)
    }

    fn line(&mut self, line: &[u8]) -> Result<Option<Reply>, ReplyError> {
        let (code, more, text) = split(line).ok_or(ReplyError::NotAReply)?;
        if self.code.is_some_and(|first| first != code) {
            return Err(ReplyError::CodesDiffer);
        }
        if self.lines.len() == self.limits.lines_max {
            return Err(ReplyError::TooManyLines(self.limits.lines_max));
        }
        let (status, text) = split_status(code, text);
        if self.lines.is_empty() {
            self.status = status.map(str::to_owned);
        }
        self.lines.push(text.to_owned());
        if more {
            self.code = Some(code);
            return Ok(None);
        }
        self.code = None;
        Ok(Some(Reply { code, status: self.status.take(), lines: std::mem::take(&mut self.lines) }))
    }
}

/// `250-text`, `250 text`, `250`. Bytes that are not UTF-8 make an empty text: only the code matters then.
fn split(line: &[u8]) -> Option<(u16, bool, &str)> {
    let (code, rest) = line.split_at_checked(3)?;
    let code = std::str::from_utf8(code).ok().filter(|c| c.bytes().all(|b| b.is_ascii_digit()))?;
    let code = code.parse::<u16>().ok().filter(|code| (200..600).contains(code))?;
    let (more, text) = match rest {
        [] => (false, rest),
        [b'-', text @ ..] => (true, text),
        [b' ', text @ ..] => (false, text),
        _ => return None,
    };
    Some((code, more, std::str::from_utf8(text).unwrap_or_default()))
}

/// Takes an enhanced status off, when its class agrees with the code.
fn split_status(code: u16, text: &str) -> (Option<&str>, &str) {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = first.split('.').collect();
    let is_status =
        parts.len() == 3 && parts.iter().all(|p| number(p)) && parts[0] == (code / 100).to_string();
    if is_status { (Some(first), rest) } else { (None, text) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(bytes: &[u8], limits: ReplyLimits) -> Result<Vec<Reply>, ReplyError> {
        let mut parser = ReplyParser::new(limits);
        parser.push(bytes);
        let mut replies = Vec::new();
        while let Some(reply) = parser.next_reply()? {
            replies.push(reply);
        }
        Ok(replies)
    }

    fn codes(bytes: &[u8]) -> Result<Vec<String>, ReplyError> {
        Ok(parse(bytes, ReplyLimits::default())?.iter().map(Reply::codes).collect())
    }

    #[test]
    fn several_lines_are_one_reply_and_its_status_is_read() {
        let replies = parse(
            b"250-a.example\r\n250-SIZE 100\r\n250 DSN\r\n550 5.1.1 inconnu\r\n",
            ReplyLimits::default(),
        )
        .unwrap();
        assert_eq!(replies[0].lines, ["a.example", "SIZE 100", "DSN"]);
        assert_eq!((replies[1].codes().as_str(), replies[1].lines[0].as_str()), ("550 5.1.1", "inconnu"));
    }

    #[test]
    fn a_status_of_another_class_is_text() {
        assert_eq!(codes(b"250 5.1.1 x\r\n452 4.2.2\r\n220 1.2 a\r\n").unwrap(), ["250", "452 4.2.2", "220"]);
    }

    #[test]
    fn what_is_not_a_reply_is_refused() {
        for wrong in
            [&b"hello\r\n"[..], b"25\r\n", b"\r\n", b"250_x\r\n", b"999 x\r\n", b"\x16\x03\x01\n", b"199 x\n"]
        {
            assert_eq!(codes(wrong), Err(ReplyError::NotAReply), "{wrong:?}");
        }
        assert_eq!(codes(b"250-a\r\n251 b\r\n"), Err(ReplyError::CodesDiffer));
    }

    #[test]
    fn limits_hold_exactly() {
        let limits = ReplyLimits { line_bytes_max: 10, lines_max: 2 };
        assert!(parse(b"250 12345\n", limits).is_ok());
        assert_eq!(parse(b"250 123456\n", limits), Err(ReplyError::LineTooLong(10)));
        assert!(parse(b"250 123456", limits).is_ok());
        assert_eq!(parse(b"250 1234567", limits), Err(ReplyError::LineTooLong(10)));
        assert!(parse(b"250-a\n250 b\n", limits).is_ok());
        assert_eq!(parse(b"250-a\n250-b\n250 c\n", limits), Err(ReplyError::TooManyLines(2)));
    }

    proptest! {
        #[test]
        fn the_cut_of_the_bytes_does_not_matter(cuts in proptest::collection::vec(0..60_usize, 0..8)) {
            let stream = b"220 a\r\n250-b\r\n250-SIZE 3\r\n250 DSN\r\n550 5.1.1 c\r\n";
            let mut cuts = cuts;
            cuts.sort_unstable();
            let mut parser = ReplyParser::new(ReplyLimits::default());
            let (mut replies, mut from) = (Vec::new(), 0);
            for to in cuts.into_iter().map(|c| c.min(stream.len())).chain([stream.len()]) {
                parser.push(&stream[from.min(to)..to]);
                from = from.max(to);
                while let Some(reply) = parser.next_reply().unwrap() {
                    replies.push(reply);
                }
            }
            prop_assert_eq!(replies, parse(stream, ReplyLimits::default()).unwrap());
            prop_assert!(parser.is_empty());
        }

        #[test]
        fn any_bytes_are_replies_or_refused(bytes: Vec<u8>) {
            let _ = codes(&bytes);
        }
    }
}
