//! A mail received, within limits.
//! In: raw bytes. Out: headers (raw and decoded) and parts (decoded), flat, each with its MIME path.
//! Sources: mssante.md §8, dependencies « mail-parser ». Judging raw lines is left to checks: [`Mail::head`].

use std::{borrow::Cow, panic};

use bytes::Bytes;
use mail_parser::{
    Address, ContentType, Encoding, GetHeader as _, HeaderName, HeaderValue, Message, MessageParser,
    MessagePart, PartType,
};

/// How much a mail may ask of us.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Whole mail, in bytes.
    pub bytes_max: usize,
    /// Headers of the mail, in bytes.
    pub head_bytes_max: usize,
    /// Lines that start with `--`: bounds the parts and the work of looking for boundaries.
    pub boundary_lines_max: usize,
    /// Mentions of a nesting type (`rfc822`, `global`, `digest`): bounds the recursion of the parser.
    pub nesting_mentions_max: usize,
    /// Parts, containers included.
    pub parts_max: usize,
    /// Levels of parts: 1 = the mail itself.
    pub depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_max: 48 << 20,
            head_bytes_max: 256 << 10,
            boundary_lines_max: 400,
            nesting_mentions_max: 32,
            parts_max: 100,
            depth_max: 12,
        }
    }
}

/// Why a mail is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Longer than `bytes_max`.
    #[error("mail is longer than {0} bytes")]
    TooLong(usize),
    /// Headers longer than `head_bytes_max`.
    #[error("headers are longer than {0} bytes")]
    HeadTooLong(usize),
    /// More lines that look like a boundary than `boundary_lines_max`.
    #[error("more than {0} lines look like a boundary")]
    TooManyBoundaries(usize),
    /// More mentions of nesting types than `nesting_mentions_max`.
    #[error("more than {0} mentions of nested mails")]
    TooManyNestings(usize),
    /// More parts than `parts_max`.
    #[error("more than {0} parts")]
    TooManyParts(usize),
    /// Deeper than `depth_max`.
    #[error("parts are nested more than {0} deep")]
    TooDeep(usize),
    /// There is no header.
    #[error("no header was found")]
    NotAMail,
    /// The parser gave up in a way it should not.
    #[error("the parser failed on this mail")]
    ParserFailed,
}

impl ReadError {
    /// Stable name.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong(_) => "mime.too-long",
            Self::HeadTooLong(_) => "mime.head-too-long",
            Self::TooManyBoundaries(_) => "mime.too-many-boundaries",
            Self::TooManyNestings(_) => "mime.too-many-nestings",
            Self::TooManyParts(_) => "mime.too-many-parts",
            Self::TooDeep(_) => "mime.too-deep",
            Self::NotAMail => "mime.not-a-mail",
            Self::ParserFailed => "mime.parser-failed",
        }
    }
}

/// One header line, unfolded.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// Name as written.
    pub name: String,
    /// Value with its encoded-words decoded; of an address header, the first address.
    pub text: String,
    /// Value before decoding, folds taken out; bytes that are not ASCII read as Latin-1.
    pub raw: String,
}

/// A mailbox of an address header.
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Display name, decoded; empty when absent.
    pub name: String,
    /// Address as written.
    pub address: String,
}

/// How the bytes of a part were encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferEncoding {
    /// 7bit, 8bit or binary.
    Plain,
    /// quoted-printable.
    QuotedPrintable,
    /// base64.
    Base64,
}

/// One leaf of a mail (or a nested mail, followed by its own parts).
#[derive(Clone)]
pub struct Part {
    /// Place: `1`, `2`, `2.1`… The identity of a part: names repeat.
    pub path: String,
    /// `application/zip`, in lower case.
    pub media_type: String,
    /// `charset` of a text, as written; empty when absent.
    pub charset: String,
    /// File name: of the disposition, else of the type. Decoded (RFC 2231 and 2047); empty when absent.
    pub name: String,
    /// `attachment`, `inline`; empty when absent.
    pub disposition: String,
    /// How it was encoded.
    pub encoding: TransferEncoding,
    /// Whether its encoding was broken; the content is then what could be read.
    pub damaged: bool,
    /// Decoded bytes; of a text, in UTF-8.
    pub content: Bytes,
    /// Bytes as they came, before decoding.
    pub raw: Bytes,
}

/// A mail that was read.
#[derive(Clone)]
pub struct Mail {
    raw: Bytes,
    head_end: usize,
    headers: Vec<Header>,
    mailboxes: Vec<(String, Mailbox)>,
    /// Leaves, in order.
    pub parts: Vec<Part>,
    /// Media type of the whole mail: `multipart/mixed`, `text/plain`…
    pub media_type: String,
}

impl Mail {
    /// Reads a mail. Errors: over a limit, or no header at all. Everything else gives a mail, perhaps a poor one.
    pub fn read(raw: &Bytes, limits: &Limits) -> Result<Self, ReadError> {
        let head_end = survey(raw, limits)?;
        // The parser holds debug assertions about broken nesting: a partner's bytes must not reach them as a panic.
        let message = panic::catch_unwind(|| parser().parse(raw.as_ref()))
            .map_err(|_| ReadError::ParserFailed)?
            .ok_or(ReadError::NotAMail)?;
        let mut mail = Self {
            raw: raw.clone(),
            head_end,
            headers: Vec::new(),
            mailboxes: Vec::new(),
            parts: Vec::new(),
            media_type: media_type(message.root_part()),
        };
        for header in message.headers() {
            let raw_value =
                raw.get(header.offset_start as usize..header.offset_end as usize).unwrap_or_default();
            mail.headers.push(Header {
                name: header.name().to_owned(),
                text: decoded(header.value()),
                raw: unfold(raw_value),
            });
            if let HeaderValue::Address(addresses) = header.value() {
                let mailboxes = flatten(addresses).into_iter().map(|m| (header.name().to_owned(), m));
                mail.mailboxes.extend(mailboxes);
            }
        }
        let mut walk = Walk { raw, limits, parts: Vec::new(), visited: 0 };
        walk.message(&message, "", 1)?;
        mail.parts = walk.parts;
        Ok(mail)
    }

    /// The whole mail as it came.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The header lines as they came, last line end included.
    pub fn head(&self) -> &[u8] {
        &self.raw[..self.head_end]
    }

    /// Every header, in order.
    pub fn headers(&self) -> &[Header] {
        &self.headers
    }

    /// Decoded values of a header, in order; the name in any case.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |h| h.name.eq_ignore_ascii_case(name)).map(|h| h.text.as_str())
    }

    /// First decoded value of a header.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.text.as_str())
    }

    /// Mailboxes of an address header (`From`, `To`, `Reply-To`, `Cc`, `Bcc`, `Disposition-Notification-To`…).
    pub fn mailboxes<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Mailbox> {
        self.mailboxes.iter().filter(move |(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, mailbox)| mailbox)
    }

    /// `Subject`, decoded.
    pub fn subject(&self) -> &str {
        self.value("Subject").unwrap_or_default()
    }

    /// `Message-ID` without its angle brackets.
    pub fn message_id(&self) -> &str {
        self.value("Message-ID").unwrap_or_default().trim_start_matches('<').trim_end_matches('>')
    }
}

/// One linear pass over the bytes, before any parser that nests.
/// Out: where the headers end. Errors: over a limit.
fn survey(raw: &[u8], limits: &Limits) -> Result<usize, ReadError> {
    if raw.len() > limits.bytes_max {
        return Err(ReadError::TooLong(limits.bytes_max));
    }
    let (mut head_end, mut boundaries, mut nestings) = (None, 0_usize, 0_usize);
    let mut at = 0;
    while at < raw.len() {
        let end = raw[at..].iter().position(|&c| c == b'\n').map_or(raw.len(), |n| at + n + 1);
        let line = &raw[at..end];
        if head_end.is_none() {
            if matches!(line, b"\r\n" | b"\n") {
                head_end = Some(at);
            } else if end > limits.head_bytes_max {
                return Err(ReadError::HeadTooLong(limits.head_bytes_max));
            }
        }
        boundaries += usize::from(line.starts_with(b"--"));
        nestings += mentions(line);
        if boundaries > limits.boundary_lines_max {
            return Err(ReadError::TooManyBoundaries(limits.boundary_lines_max));
        }
        if nestings > limits.nesting_mentions_max {
            return Err(ReadError::TooManyNestings(limits.nesting_mentions_max));
        }
        at = end;
    }
    Ok(head_end.unwrap_or(raw.len()))
}

fn mentions(line: &[u8]) -> usize {
    let found =
        |at: usize, word: &[u8]| line[at..].get(..word.len()).is_some_and(|w| w.eq_ignore_ascii_case(word));
    let starts =
        line.iter().enumerate().filter(|(_, c)| matches!(c, b'r' | b'R' | b'g' | b'G' | b'd' | b'D'));
    starts.filter(|&(at, _)| found(at, b"rfc822") || found(at, b"global") || found(at, b"digest")).count()
}

/// Every header as decoded text, save those whose structure we need.
fn parser() -> MessageParser {
    let receipts = [HeaderName::DispositionNotificationTo, HeaderName::Other("Return-Receipt-To".into())];
    receipts.into_iter().fold(
        MessageParser::new().default_header_text().with_mime_headers().with_address_headers(),
        |p, name| p.header_address(name),
    )
}

fn decoded(value: &HeaderValue<'_>) -> String {
    match value {
        HeaderValue::Text(text) => text.trim().to_owned(),
        HeaderValue::TextList(list) => list.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" "),
        HeaderValue::Address(addresses) => {
            flatten(addresses).first().map(|m| m.address.clone()).unwrap_or_default()
        }
        HeaderValue::ContentType(content) => full_type(content),
        HeaderValue::DateTime(date) => date.to_rfc822(),
        HeaderValue::Received(_) | HeaderValue::Empty => String::new(),
    }
}

fn flatten(addresses: &Address<'_>) -> Vec<Mailbox> {
    let text = |value: &Option<Cow<'_, str>>| value.as_deref().unwrap_or_default().to_owned();
    addresses.iter().map(|one| Mailbox { name: text(&one.name), address: text(&one.address) }).collect()
}

fn unfold(raw: &[u8]) -> String {
    let text: String = raw.iter().filter(|c| !matches!(c, b'\r' | b'\n')).map(|&c| char::from(c)).collect();
    text.trim().to_owned()
}

fn full_type(content: &ContentType<'_>) -> String {
    match content.subtype() {
        Some(subtype) => format!("{}/{subtype}", content.ctype()).to_ascii_lowercase(),
        None => content.ctype().to_ascii_lowercase(),
    }
}

fn content_header<'a>(part: &'a MessagePart<'_>, name: &HeaderName<'_>) -> Option<&'a ContentType<'a>> {
    part.headers.header_value(name).and_then(HeaderValue::as_content_type)
}

fn media_type(part: &MessagePart<'_>) -> String {
    content_header(part, &HeaderName::ContentType).map_or_else(|| "text/plain".to_owned(), full_type)
}

/// Flattens the tree of the parser. Recursion is bounded by `depth_max`.
struct Walk<'r> {
    raw: &'r Bytes,
    limits: &'r Limits,
    parts: Vec<Part>,
    visited: usize,
}

impl Walk<'_> {
    fn message(&mut self, message: &Message<'_>, prefix: &str, depth: usize) -> Result<(), ReadError> {
        match message.parts.first() {
            Some(root) => self.part(message, root, if prefix.is_empty() { "1" } else { prefix }, depth),
            None => Ok(()),
        }
    }

    fn part(
        &mut self,
        message: &Message<'_>,
        part: &MessagePart<'_>,
        path: &str,
        depth: usize,
    ) -> Result<(), ReadError> {
        self.visited += 1;
        if depth > self.limits.depth_max {
            return Err(ReadError::TooDeep(self.limits.depth_max));
        }
        if self.visited > self.limits.parts_max {
            return Err(ReadError::TooManyParts(self.limits.parts_max));
        }
        let PartType::Multipart(children) = &part.body else {
            self.parts.push(self.leaf(part, path));
            return match &part.body {
                PartType::Message(nested) => self.message(nested, &format!("{path}.1"), depth + 1),
                _ => Ok(()),
            };
        };
        let top = depth == 1;
        for (at, child) in children.iter().enumerate() {
            let Some(child) = message.parts.get(*child as usize) else { continue };
            let place = if top { (at + 1).to_string() } else { format!("{path}.{}", at + 1) };
            self.part(message, child, &place, depth + 1)?;
        }
        Ok(())
    }

    fn leaf(&self, part: &MessagePart<'_>, path: &str) -> Part {
        let content_type = content_header(part, &HeaderName::ContentType);
        let disposition = content_header(part, &HeaderName::ContentDisposition);
        let attribute = |of: Option<&ContentType<'_>>, name: &str| {
            of.and_then(|content| content.attribute(name)).unwrap_or_default().to_owned()
        };
        let mut name = attribute(disposition, "filename");
        if name.is_empty() {
            name = attribute(content_type, "name");
        }
        let (start, end) = (part.offset_body as usize, part.offset_end as usize);
        // Offsets inside a decoded nested mail do not point into our bytes: nothing is given then.
        let raw =
            if start <= end && end <= self.raw.len() { self.raw.slice(start..end) } else { Bytes::new() };
        let content = match &part.body {
            PartType::Message(_) => raw.clone(),
            _ => Bytes::copy_from_slice(part.contents()),
        };
        Part {
            path: path.to_owned(),
            media_type: media_type(part),
            charset: attribute(content_type, "charset"),
            name,
            disposition: disposition.map(|d| d.ctype().to_ascii_lowercase()).unwrap_or_default(),
            encoding: match part.encoding {
                Encoding::None => TransferEncoding::Plain,
                Encoding::QuotedPrintable => TransferEncoding::QuotedPrintable,
                Encoding::Base64 => TransferEncoding::Base64,
            },
            damaged: part.is_encoding_problem,
            content,
            raw,
        }
    }
}
