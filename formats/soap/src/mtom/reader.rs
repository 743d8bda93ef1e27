//! Taking a multipart body apart.
//! In: the Content-Type value and the whole body. Out: the root and the other parts, slices of the body.
//! Source: dmp-xds.md §3, §11.2: what is legal is read, what is merely irregular is noted, the rest refused.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use memchr::memmem;

use super::ContentType;
use crate::{Error, Limits, limits::within};

/// One part.
#[derive(Clone)]
pub struct Part {
    /// Content-ID without brackets, percent escapes kept; may be empty.
    pub content_id: String,
    /// Content-Type as written; may be empty.
    pub content_type: String,
    /// Content-Transfer-Encoding, lower case; empty when not given.
    pub transfer_encoding: String,
    /// The content, transfer encoding taken off.
    pub body: Bytes,
}

/// A part holds a document: only its length is printed.
impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Part")
            .field("content_type", &self.content_type)
            .field("bytes", &self.body.len())
            .finish()
    }
}

/// What was read although it is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Anomaly {
    /// Line ends of delimiters and headers are LF only.
    LineFeedOnly,
    /// A part is base64 although MTOM parts are binary.
    Base64Part,
    /// The root is not the first part.
    RootNotFirst,
    /// There is no `start` parameter; the first part is the root.
    NoStart,
    /// Text before the first delimiter or behind the last one.
    TextAround,
}

/// A multipart body taken apart.
#[derive(Clone, Debug)]
pub struct Package {
    /// The Content-Type.
    pub content_type: ContentType,
    /// The envelope.
    pub root: Part,
    /// The other parts, in order.
    pub parts: Vec<Part>,
    /// Irregularities, each once.
    pub anomalies: Vec<Anomaly>,
}

impl Package {
    /// The part that an `xop:Include/@href` names. `None`: not a `cid:`, or no such part.
    pub fn resolve(&self, href: &str) -> Option<&Part> {
        let wanted = percent_decoded(href.strip_prefix("cid:")?);
        self.parts.iter().find(|part| percent_decoded(&part.content_id) == wanted)
    }
}

/// Takes a body apart.
/// Errors: no multipart/related, no boundary, no closing delimiter (a cut body), headers that are none, a Content-ID
/// given twice, a `start` that names no part, an unknown transfer encoding, base64 that is none, limits.
pub fn read(content_type: &str, body: &Bytes, limits: &Limits) -> Result<Package, Error> {
    within("bytes of a multipart body", body.len(), limits.multipart_bytes_max)?;
    let content_type = ContentType::parse(content_type).ok_or(Error::Mtom("content type is unreadable"))?;
    if content_type.media_type() != "multipart/related" {
        return Err(Error::Mtom("content type is not multipart/related"));
    }
    let boundary = content_type.parameter("boundary").unwrap_or_default();
    if boundary.is_empty() || boundary.len() > 200 {
        return Err(Error::Mtom("content type has no usable boundary"));
    }
    let mut anomalies = Vec::new();
    let mut parts = Vec::new();
    for slice in split(body, boundary, limits, &mut anomalies)? {
        parts.push(part(body, slice, limits, &mut anomalies)?);
    }
    refuse_duplicates(&parts)?;
    let root = root_of(&content_type, &parts, &mut anomalies)?;
    anomalies.sort_unstable_by_key(|anomaly| *anomaly as u8);
    anomalies.dedup();
    let root = parts.remove(root);
    Ok(Package { content_type, root, parts, anomalies })
}

/// A delimiter line: where it starts (its leading line end included), where the next line starts, whether it closes.
struct Delimiter {
    start: usize,
    next: usize,
    closes: bool,
}

/// Ranges between delimiters.
fn split(
    body: &[u8],
    boundary: &str,
    limits: &Limits,
    anomalies: &mut Vec<Anomaly>,
) -> Result<Vec<std::ops::Range<usize>>, Error> {
    let mark = format!("--{boundary}");
    let finder = memmem::Finder::new(&mark);
    let mut ranges = Vec::new();
    let mut from = 0;
    let mut open: Option<usize> = None;
    while let Some(at) = finder.find(&body[from..]).map(|at| at + from) {
        from = at + mark.len();
        let Some(delimiter) = delimiter(body, at, from, anomalies) else { continue };
        match open.take() {
            Some(start) => ranges.push(start..delimiter.start.max(start)),
            None if !body[..delimiter.start].trim_ascii().is_empty() => anomalies.push(Anomaly::TextAround),
            None => {}
        }
        within("parts of a multipart body", ranges.len(), limits.parts_max)?;
        if delimiter.closes {
            if !body[delimiter.next..].trim_ascii().is_empty() {
                anomalies.push(Anomaly::TextAround);
            }
            if ranges.is_empty() {
                return Err(Error::Mtom("there is no part"));
            }
            return Ok(ranges);
        }
        open = Some(delimiter.next);
        from = delimiter.next;
    }
    Err(Error::Mtom("the closing delimiter is missing"))
}

/// Whether the boundary found at `at`, ending at `end`, stands on a line of its own.
fn delimiter(body: &[u8], at: usize, end: usize, anomalies: &mut Vec<Anomaly>) -> Option<Delimiter> {
    let (start, before_lf_only) = match &body[..at] {
        [] => (0, false),
        [.., b'\r', b'\n'] => (at - 2, false),
        [.., b'\n'] => (at - 1, true),
        _ => return None,
    };
    let closes = body[end..].starts_with(b"--");
    let rest = &body[if closes { end + 2 } else { end }..];
    // Blanks may pad a delimiter line.
    let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let line_end = end + if closes { 2 } else { 0 } + padding;
    let (next, after_lf_only) = match &body[line_end..] {
        [b'\r', b'\n', ..] => (line_end + 2, false),
        [b'\n', ..] => (line_end + 1, true),
        [] if closes => (line_end, false),
        _ => return None,
    };
    if before_lf_only || after_lf_only {
        anomalies.push(Anomaly::LineFeedOnly);
    }
    Some(Delimiter { start, next, closes })
}

fn part(
    body: &Bytes,
    range: std::ops::Range<usize>,
    limits: &Limits,
    anomalies: &mut Vec<Anomaly>,
) -> Result<Part, Error> {
    let bytes = &body[range.clone()];
    let (head, content) = headers_end(bytes, limits, anomalies)?;
    let head = std::str::from_utf8(&bytes[..head]).map_err(|_| Error::Mtom("part headers are not text"))?;
    let content = body.slice(range.start + content..range.end);
    let mut part = Part {
        content_id: String::new(),
        content_type: String::new(),
        transfer_encoding: String::new(),
        body: content,
    };
    for line in unfolded(head) {
        let (name, value) = line.split_once(':').ok_or(Error::Mtom("a part header that is none"))?;
        let value = value.trim().to_owned();
        let slot = match name.trim_end().to_ascii_lowercase().as_str() {
            "content-id" => &mut part.content_id,
            "content-type" => &mut part.content_type,
            "content-transfer-encoding" => &mut part.transfer_encoding,
            _ => continue,
        };
        if !slot.is_empty() {
            return Err(Error::Mtom("a part header given twice"));
        }
        *slot = value;
    }
    part.content_id = without_brackets(&part.content_id).to_owned();
    part.transfer_encoding.make_ascii_lowercase();
    match part.transfer_encoding.as_str() {
        "" | "binary" | "8bit" | "7bit" => {}
        "base64" => {
            anomalies.push(Anomaly::Base64Part);
            part.body = from_base64(&part.body)?;
        }
        _ => return Err(Error::Mtom("a transfer encoding that mtom does not have")),
    }
    Ok(part)
}

/// Length of the header lines, and where the content starts.
fn headers_end(bytes: &[u8], limits: &Limits, anomalies: &mut Vec<Anomaly>) -> Result<(usize, usize), Error> {
    // A part may have no header at all: it then starts with the empty line.
    if bytes.starts_with(b"\r\n") {
        return Ok((0, 2));
    }
    if bytes.starts_with(b"\n") {
        anomalies.push(Anomaly::LineFeedOnly);
        return Ok((0, 1));
    }
    let window = &bytes[..bytes.len().min(limits.part_header_bytes_max.saturating_add(4))];
    let crlf = memmem::find(window, b"\r\n\r\n").map(|at| (at, at + 4));
    let lf = memmem::find(window, b"\n\n").map(|at| (at, at + 2));
    let found = match (crlf, lf) {
        (Some(crlf), Some(lf)) if lf.0 < crlf.0 => Some((lf, true)),
        (Some(crlf), _) => Some((crlf, false)),
        (None, lf) => lf.map(|lf| (lf, true)),
    };
    match found {
        Some(((head, content), lf_only)) => {
            within("bytes of part headers", head, limits.part_header_bytes_max)?;
            if lf_only {
                anomalies.push(Anomaly::LineFeedOnly);
            }
            Ok((head, content))
        }
        None if window.len() < bytes.len() => {
            Err(Error::Limit { what: "bytes of part headers", limit: limits.part_header_bytes_max as u64 })
        }
        None => Err(Error::Mtom("part headers without end")),
    }
}

/// Header lines, continuation lines joined.
fn unfolded(head: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in head.lines() {
        match lines.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(line.trim_start());
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

fn refuse_duplicates(parts: &[Part]) -> Result<(), Error> {
    for (at, part) in parts.iter().enumerate().filter(|(_, part)| !part.content_id.is_empty()) {
        let identifier = percent_decoded(&part.content_id);
        if parts[..at].iter().any(|other| percent_decoded(&other.content_id) == identifier) {
            return Err(Error::Mtom("a content-id given to two parts"));
        }
    }
    Ok(())
}

/// Rank of the root: the part that `start` names, or the first one without `start`.
fn root_of(content_type: &ContentType, parts: &[Part], anomalies: &mut Vec<Anomaly>) -> Result<usize, Error> {
    let Some(start) = content_type.parameter("start") else {
        anomalies.push(Anomaly::NoStart);
        return Ok(0);
    };
    let wanted = percent_decoded(without_brackets(start.strip_prefix("cid:").unwrap_or(start)));
    let at = parts.iter().position(|part| percent_decoded(&part.content_id) == wanted);
    let at = at.ok_or(Error::Mtom("the start parameter names no part"))?;
    if at != 0 {
        anomalies.push(Anomaly::RootNotFirst);
    }
    Ok(at)
}

fn without_brackets(identifier: &str) -> &str {
    let identifier = identifier.trim();
    identifier.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(identifier)
}

/// Percent escapes resolved; a `%` that starts none stays as it is.
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(0));
                rest = &after[2..];
            }
            _ => {
                out.push(first);
                rest = after;
            }
        }
    }
    out
}

/// Never longer than its source, so no limit of its own.
fn from_base64(text: &[u8]) -> Result<Bytes, Error> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let dense: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    LENIENT.decode(dense).map(Bytes::from).map_err(|_| Error::Mtom("a base64 part that is not base64"))
}
