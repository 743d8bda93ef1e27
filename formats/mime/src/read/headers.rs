//! Header lines of a mail, of a part, of a block of notices.
//! In: bytes and a range. Out: names and values as ranges, decoded when asked. Source: RFC 5322 §2.2 and §3.6.
//! Nothing is refused: a line that is no header is left out, and its absence is a finding of the scan.

use std::{borrow::Cow, fmt, ops::Range};

use bytes::Bytes;
use jiff::{Timestamp, fmt::rfc2822};
use jonction_model::MailId;

use super::{Mailbox, addresses, charset, parameters::Structured, words};

/// Identifiers read from one header; a thread is never that long.
const IDS_MAX: usize = 200;

#[derive(Clone)]
struct Line {
    name: Range<usize>,
    value: Range<usize>,
}

/// Headers, in order.
#[derive(Clone, Default)]
pub struct Headers {
    source: Bytes,
    lines: Vec<Line>,
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Headers({} lines)", self.lines.len())
    }
}

/// Whether a line may stand in a head: the start of a header, or the continuation of one.
pub(super) fn is_head_line(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t')) || name_length(line).is_some() || is_mbox_mark(line)
}

/// `From ` of mailbox files, before the first header.
fn is_mbox_mark(line: &[u8]) -> bool {
    line.starts_with(b"From ") || line.starts_with(b">From ")
}

/// Length of the name, without the blanks before the colon.
fn name_length(line: &[u8]) -> Option<usize> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = line[..colon].trim_ascii_end();
    name.iter().all(u8::is_ascii_graphic).then_some(name.len()).filter(|length| *length > 0)
}

impl Headers {
    /// Reads the lines of a range. Lines end with LF or CRLF, or with CR where there is no LF at all.
    pub(super) fn parse(source: &Bytes, range: Range<usize>) -> Self {
        let block = &source[range.clone()];
        let end_mark = if memchr::memchr(b'\n', block).is_none() { b'\r' } else { b'\n' };
        let mut lines: Vec<Line> = Vec::new();
        let mut at = range.start;
        for line in block.split_inclusive(|byte| *byte == end_mark) {
            let (start, end) = (at, at + line.len());
            at = end;
            match (line.first(), name_length(line)) {
                (Some(b' ' | b'\t'), _) => {
                    if let Some(last) = lines.last_mut() {
                        last.value.end = end;
                    }
                }
                (_, Some(length)) => {
                    let colon = line.iter().position(|byte| *byte == b':').unwrap_or(length);
                    lines.push(Line { name: start..start + length, value: start + colon + 1..end });
                }
                _ => {}
            }
        }
        Self { source: source.clone(), lines }
    }

    /// Reads a block of headers alone: a group of fields of a notice, headers of a mail that was not kept.
    pub fn of_block(block: &Bytes) -> Self {
        Self::parse(block, 0..block.len())
    }

    /// Every header, in order.
    pub fn iter(&self) -> impl Iterator<Item = Header<'_>> {
        self.lines.iter().map(|line| Header {
            name: &self.source[line.name.clone()],
            value: &self.source[line.value.clone()],
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Every header of a name, in any case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Header<'a>> {
        self.iter().filter(move |header| header.name.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// First header of a name.
    pub fn get(&self, name: &str) -> Option<Header<'_>> {
        self.iter().find(|header| header.name.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Decoded value of the first header of a name.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(|header| header.text())
    }

    /// Mailboxes of every header of a name (`From`, `To`, `Reply-To`, `Disposition-Notification-To`…).
    pub fn mailboxes(&self, name: &str) -> Vec<Mailbox> {
        self.all(name).flat_map(|header| addresses::parse(header.value)).collect()
    }

    /// Identifiers of a header (`Message-ID`, `In-Reply-To`, `References`), those that are well formed.
    pub fn ids(&self, name: &str) -> Vec<MailId> {
        let mut ids = Vec::new();
        for header in self.all(name) {
            let line = header.unfolded();
            let bracketed = line.split('<').skip(1).filter_map(|rest| rest.split_once('>'));
            let mut found: Vec<MailId> =
                bracketed.filter_map(|(id, _)| MailId::parse(id).ok()).take(IDS_MAX).collect();
            if found.is_empty() {
                found.extend(line.split_whitespace().filter_map(|id| MailId::parse(id).ok()).take(1));
            }
            ids.append(&mut found);
        }
        ids.truncate(IDS_MAX);
        ids
    }

    /// A date, when it is one; comments and wrong week days are no matter.
    pub fn date(&self, name: &str) -> Option<Timestamp> {
        let line = self.get(name)?.unfolded().trim().to_owned();
        let parser = rfc2822::DateTimeParser::new().relaxed_weekday(true);
        parser.parse_timestamp(&line).ok()
    }

    pub(super) fn structured(&self, name: &str) -> Option<Structured> {
        self.get(name).map(|header| Structured::parse(header.value))
    }
}

/// One header.
#[derive(Clone, Copy)]
pub struct Header<'a> {
    name: &'a [u8],
    value: &'a [u8],
}

impl<'a> Header<'a> {
    /// Name as written.
    pub fn name(&self) -> Cow<'a, str> {
        charset::guess(self.name)
    }

    /// Value as it came, folds and last line end included.
    pub fn raw(&self) -> &'a [u8] {
        self.value
    }

    /// Value before decoding, on one line.
    pub fn unfolded(&self) -> String {
        charset::guess(&words::unfold(self.value)).trim().to_owned()
    }

    /// Value with its encoded-words decoded.
    pub fn text(&self) -> String {
        words::text(self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(text: &'static str) -> Headers {
        Headers::of_block(&Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn folded_repeated_and_misshapen_lines_are_read() {
        let read = headers(
            "From fichier Mon Jan 1\r\nSubject: a\r\n b\r\nX-A : 1\r\nx-a:2\r\npas un en-tete\r\nDate:\r\n",
        );
        assert_eq!(read.text("subject").as_deref(), Some("a b"));
        assert_eq!(read.all("X-A").map(|h| h.text()).collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!((read.len(), read.text("Date").as_deref()), (4, Some("")));
        assert_eq!(headers("A: 1\rB: 2\r").text("B").as_deref(), Some("2"));
    }

    #[test]
    fn identifiers_are_found_whatever_surrounds_them() {
        let ids = headers("References: <a@b.fr>\r\n\t<c@d.fr> bruit <sans-arobase>\r\n").ids("References");
        assert_eq!(ids.iter().map(MailId::as_str).collect::<Vec<_>>(), ["a@b.fr", "c@d.fr"]);
        assert_eq!(headers("Message-ID: a@b.fr\r\n").ids("Message-ID").len(), 1);
        assert!(headers("Message-ID: rien\r\n").ids("Message-ID").is_empty());
    }

    #[test]
    fn dates_of_the_field_are_read() {
        for date in [
            "Tue, 21 Nov 2023 09:00:00 +0100 (CET)",
            "Mon, 21 Nov 2023 09:00:00 +0100",
            "21 Nov 2023 08:00 GMT",
        ] {
            let headers = Headers::of_block(&Bytes::from(format!("Date: {date}\r\n")));
            assert_eq!(headers.date("Date"), "2023-11-21T08:00:00Z".parse().ok(), "{date}");
        }
        assert_eq!(headers("Date: demain\r\n").date("Date"), None);
    }
}
