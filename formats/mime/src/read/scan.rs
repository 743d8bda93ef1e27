//! The structure of a mail, in one pass over its lines, without recursion.
//! In: bytes, limits. Out: parts as ranges, irregularities, facts on lines. What is wrapped (a mail in base64, S/MIME,
//! winmail.dat) waits in a queue and is scanned after. Sources: RFC 2046 §5, mssante.md §8 n° 13, 16, 17, 21, 22.

use std::{collections::VecDeque, ops::Range, sync::OnceLock};

use bytes::Bytes;
use jonction_model::Layer;

use super::{
    Facts, Limits, ReadError,
    cms::{self, Envelope},
    defects::Defect,
    headers::{self, Headers},
    parameters::Structured,
    part::{Part, PartKind, TransferEncoding},
    tnef,
};

/// Reads everything there is.
pub(super) struct Scan<'l> {
    limits: &'l Limits,
    pub(super) parts: Vec<Part>,
    pub(super) defects: Vec<(usize, Defect)>,
    pub(super) facts: Facts,
    wrapped: VecDeque<Source>,
    unpacked: usize,
}

/// Bytes with a structure of their own: the mail, or the content of a wrapping.
struct Source {
    bytes: Bytes,
    reach: Option<Vec<Layer>>,
    parent: Option<usize>,
    /// Path its parts are numbered under.
    base: String,
    /// Levels above.
    depth: usize,
}

/// A part whose body is being read.
struct Open {
    part: usize,
    /// Of a multipart, until its closing line.
    boundary: Option<Vec<u8>>,
    /// Path its children are numbered under.
    base: String,
    children: usize,
}

/// A part whose headers are being read.
struct Head {
    start: usize,
    parent: Option<usize>,
    place: Place,
    /// Type of a part that gives none.
    default_type: &'static str,
}

enum Place {
    /// A mail, or what stands for one.
    Root(String),
    /// A part of a multipart.
    Child(String),
}

fn join(base: &str, last: &str) -> String {
    if base.is_empty() { last.to_owned() } else { format!("{base}.{last}") }
}

impl<'l> Scan<'l> {
    /// Scans a mail. Errors: over a limit.
    pub(super) fn run(raw: &Bytes, limits: &'l Limits) -> Result<Self, ReadError> {
        let mut scan = Self {
            limits,
            parts: Vec::new(),
            defects: Vec::new(),
            facts: Facts::default(),
            wrapped: VecDeque::new(),
            unpacked: 0,
        };
        let mail =
            Source { bytes: raw.clone(), reach: Some(vec![]), parent: None, base: String::new(), depth: 0 };
        scan.facts = Facts::of(raw);
        scan.wrapped.push_back(mail);
        while let Some(source) = scan.wrapped.pop_front() {
            let first = scan.parts.len();
            Lines { scan: &mut scan, source: &source, open: Vec::new(), head: None }.run()?;
            for part in first..scan.parts.len() {
                scan.unwrap(part)?;
            }
        }
        Ok(scan)
    }

    /// Queues what a leaf wraps.
    fn unwrap(&mut self, at: usize) -> Result<(), ReadError> {
        let part = &self.parts[at];
        if part.kind != PartKind::Leaf {
            return Ok(());
        }
        let name = part.name.to_ascii_lowercase();
        match part.media_type.as_str() {
            "message/rfc822" | "message/global" => {
                let mail = part.content().clone();
                self.parts[at].kind = PartKind::Message;
                self.enclose(at, mail, None)
            }
            "application/pkcs7-signature" | "application/x-pkcs7-signature" => {
                self.defects.push((at, Defect::SignatureKept));
                Ok(())
            }
            "application/pkcs7-mime" | "application/x-pkcs7-mime" => self.unwrap_cms(at),
            _ if name.ends_with(".p7m") => self.unwrap_cms(at),
            "application/pgp-encrypted" => {
                self.defects.push((at, Defect::Encrypted));
                Ok(())
            }
            "application/ms-tnef" | "application/vnd.ms-tnef" => self.unwrap_tnef(at),
            media if media.starts_with("application/") && part.starts_with(&tnef::MAGIC) => {
                self.unwrap_tnef(at)
            }
            _ => Ok(()),
        }
    }

    fn unwrap_cms(&mut self, at: usize) -> Result<(), ReadError> {
        let content = self.parts[at].content().clone();
        let (inner, slice) = match cms::open(&content) {
            Envelope::Whole(range) => (content.slice(range.clone()), Some(range)),
            Envelope::Pieces(bytes) => {
                self.parts[at].reach = None;
                (bytes, None)
            }
            Envelope::Encrypted => {
                self.defects.push((at, Defect::Encrypted));
                return Ok(());
            }
            Envelope::Unreadable => {
                self.defects.push((at, Defect::SignedUnreadable));
                return Ok(());
            }
        };
        self.parts[at].kind = PartKind::Envelope;
        self.defects.push((at, Defect::SignatureKept));
        self.enclose(at, inner, slice)
    }

    fn unwrap_tnef(&mut self, at: usize) -> Result<(), ReadError> {
        let content = self.parts[at].content().clone();
        let room = self.limits.parts_max.saturating_sub(self.parts.len());
        let (attachments, whole) = tnef::read(&content, room);
        if !attachments.is_empty() {
            self.parts[at].kind = PartKind::Envelope;
            self.defects.push((at, Defect::TnefOpened));
        }
        if !whole || attachments.is_empty() {
            self.defects.push((at, Defect::TnefUnreadable));
        }
        let reach = self.reach_of(at, None);
        for (number, attachment) in attachments.into_iter().enumerate() {
            let (path, depth) =
                (join(&self.parts[at].path, &(number + 1).to_string()), self.parts[at].depth + 1);
            self.parts.push(Part {
                path,
                kind: PartKind::Leaf,
                media_type: "application/octet-stream".to_owned(),
                charset: String::new(),
                name: attachment.name,
                disposition: "attachment".to_owned(),
                encoding: TransferEncoding::Plain,
                parent: Some(at),
                depth,
                headers: Headers::default(),
                content_type: Structured::default(),
                source: content.clone(),
                reach: reach.clone(),
                start: attachment.content.start,
                body: attachment.content,
                content: OnceLock::new(),
            });
        }
        Ok(())
    }

    /// Layers from the mail to the content of a part, or to a slice of it.
    fn reach_of(&self, at: usize, slice: Option<Range<usize>>) -> Option<Vec<Layer>> {
        let part = &self.parts[at];
        let mut layers = part.reach.clone()?;
        layers.push(Layer::slice(part.body.clone()));
        layers.extend(part.encoding.layer());
        layers.extend(slice.map(Layer::slice));
        Some(layers)
    }

    /// Queues the content of a part to be scanned in its turn. Errors: too much was unpacked already.
    fn enclose(&mut self, at: usize, bytes: Bytes, slice: Option<Range<usize>>) -> Result<(), ReadError> {
        self.unpacked += bytes.len();
        if self.unpacked > self.limits.unpacked_bytes_max {
            return Err(ReadError::UnpackedTooLong(self.limits.unpacked_bytes_max));
        }
        let reach = self.reach_of(at, slice);
        let part = &self.parts[at];
        let (base, depth) = (part.path.clone(), part.depth);
        self.wrapped.push_back(Source { bytes, reach, parent: Some(at), base, depth });
        Ok(())
    }
}

/// The pass over one source.
struct Lines<'s, 'l> {
    scan: &'s mut Scan<'l>,
    source: &'s Source,
    open: Vec<Open>,
    head: Option<Head>,
}

impl Lines<'_, '_> {
    fn run(&mut self) -> Result<(), ReadError> {
        let bytes = self.source.bytes.clone();
        let mark = if memchr::memchr(b'\n', &bytes).is_none() { b'\r' } else { b'\n' };
        self.begin(0, self.source.parent, Place::Root(self.source.base.clone()), "text/plain")?;
        let (mut at, mut before) = (0, 0);
        while at < bytes.len() {
            let end = memchr::memchr(mark, &bytes[at..]).map_or(bytes.len(), |n| at + n + 1);
            let text = bytes[at..end].strip_suffix(&[mark]).unwrap_or(&bytes[at..end]);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            match self.delimiter(text) {
                Some((level, closing)) => self.cross(level, closing, Edge { before, at, end })?,
                None => self.head_line(text, at, end)?,
            }
            before = at + text.len();
            at = end;
        }
        self.end_heads(at, at)?;
        self.close_to(0, at);
        Ok(())
    }

    /// Which open multipart a line belongs to, innermost first; whether it closes it.
    fn delimiter(&self, text: &[u8]) -> Option<(usize, bool)> {
        let rest = text.strip_prefix(b"--")?;
        self.open.iter().enumerate().rev().find_map(|(level, open)| {
            let tail = rest.strip_prefix(open.boundary.as_deref()?)?.trim_ascii_end();
            matches!(tail, b"" | b"--").then_some((level, !tail.is_empty()))
        })
    }

    /// A boundary: everything inside ends, and perhaps a part begins.
    fn cross(&mut self, level: usize, closing: bool, edge: Edge) -> Result<(), ReadError> {
        self.end_heads(edge.at, edge.at)?;
        self.close_to(level + 1, edge.before);
        let open = &mut self.open[level];
        if closing {
            open.boundary = None;
            return Ok(());
        }
        open.children += 1;
        let parent = open.part;
        let path = join(&open.base, &open.children.to_string());
        let digest = self.scan.parts[parent].media_type == "multipart/digest";
        let default_type = if digest { "message/rfc822" } else { "text/plain" };
        self.begin(edge.end, Some(parent), Place::Child(path), default_type)
    }

    fn begin(
        &mut self,
        start: usize,
        parent: Option<usize>,
        place: Place,
        default_type: &'static str,
    ) -> Result<(), ReadError> {
        let limits = self.scan.limits;
        if self.source.depth + self.open.len() + 1 > limits.depth_max {
            return Err(ReadError::TooDeep(limits.depth_max));
        }
        if self.scan.parts.len() >= limits.parts_max {
            return Err(ReadError::TooManyParts(limits.parts_max));
        }
        self.head = Some(Head { start, parent, place, default_type });
        Ok(())
    }

    /// A line that is no boundary: of interest to a head only.
    fn head_line(&mut self, text: &[u8], at: usize, end: usize) -> Result<(), ReadError> {
        // A mail nested in a part opens a new head at once, which this line may belong to.
        while let Some(head) = &self.head {
            if text.is_empty() && end > at {
                return self.end_head(at, end);
            }
            if headers::is_head_line(text) {
                let max = self.scan.limits.head_bytes_max;
                return if end - head.start > max { Err(ReadError::HeadTooLong(max)) } else { Ok(()) };
            }
            let part = self.scan.parts.len();
            self.scan.defects.push((part, Defect::HeadNotEnded));
            self.end_head(at, at)?;
        }
        Ok(())
    }

    /// Ends the head that is being read, and those it opens, where nothing follows.
    fn end_heads(&mut self, end: usize, body: usize) -> Result<(), ReadError> {
        while self.head.is_some() {
            self.end_head(end, body)?;
        }
        Ok(())
    }

    /// The headers of a part are known: what is it?
    fn end_head(&mut self, end: usize, body: usize) -> Result<(), ReadError> {
        let Some(head) = self.head.take() else { return Ok(()) };
        let bytes = &self.source.bytes;
        let headers = Headers::parse(bytes, head.start..end);
        let max = self.scan.limits.header_lines_max;
        if headers.len() > max {
            return Err(ReadError::TooManyHeaders(max));
        }
        let at = self.scan.parts.len();
        let content_type = headers.structured("Content-Type").unwrap_or_default();
        let media_type = media_type(&content_type.value, head.default_type);
        let disposition = headers.structured("Content-Disposition").unwrap_or_default();
        let encoding = headers.structured("Content-Transfer-Encoding").unwrap_or_default().value;
        let (encoding, known) = TransferEncoding::of(&encoding);
        let boundary = content_type.bytes("boundary").map(|b| b.trim_ascii_end().to_vec());
        let composed = media_type.starts_with("multipart/");
        let kind = match &media_type[..] {
            _ if composed && boundary.as_ref().is_some_and(|b| !b.is_empty()) => PartKind::Multipart,
            "message/rfc822" | "message/global" if encoding == TransferEncoding::Plain => PartKind::Message,
            _ => PartKind::Leaf,
        };
        let mut note = |defect| self.scan.defects.push((at, defect));
        if composed && kind == PartKind::Leaf {
            note(Defect::NoBoundary);
        }
        if !known && kind == PartKind::Leaf {
            note(Defect::UnknownEncoding);
        }
        if !bytes[head.start..end].is_ascii() {
            note(Defect::EightBitHeader);
        }
        if media_type == "multipart/encrypted" {
            note(Defect::Encrypted);
        }
        let (path, base) = match head.place {
            Place::Root(base) if kind == PartKind::Multipart => (join(&base, "TEXT"), base),
            Place::Root(base) => (join(&base, "1"), join(&base, "1")),
            Place::Child(path) => (path.clone(), path),
        };
        let name = disposition.text("filename").filter(|name| !name.is_empty());
        self.scan.parts.push(Part {
            path,
            kind,
            media_type,
            charset: content_type.text("charset").unwrap_or_default(),
            name: name.or_else(|| content_type.text("name")).unwrap_or_default(),
            disposition: disposition.value,
            // A composed part is never encoded, whatever it says (RFC 2045 §6.4).
            encoding: if kind == PartKind::Leaf { encoding } else { TransferEncoding::Plain },
            parent: head.parent,
            depth: self.source.depth + self.open.len() + 1,
            headers,
            content_type,
            source: bytes.clone(),
            reach: self.source.reach.clone(),
            start: head.start,
            body: body..body,
            content: OnceLock::new(),
        });
        let boundary = boundary.filter(|_| kind == PartKind::Multipart);
        self.open.push(Open { part: at, boundary, base: base.clone(), children: 0 });
        match kind {
            PartKind::Message => self.begin(body, Some(at), Place::Root(base), "text/plain"),
            _ => Ok(()),
        }
    }

    /// Closes the innermost parts until `level` stay open. Their bytes end here, without the line end before.
    fn close_to(&mut self, level: usize, end: usize) {
        while self.open.len() > level {
            let Some(open) = self.open.pop() else { return };
            let part = &mut self.scan.parts[open.part];
            part.body.end = end.max(part.body.start);
            let absent = open.children == 0;
            if part.kind == PartKind::Multipart && (absent || open.boundary.is_some()) {
                let defect = if absent { Defect::BoundaryAbsent } else { Defect::BoundaryNotClosed };
                self.scan.defects.push((open.part, defect));
                if absent {
                    part.kind = PartKind::Leaf;
                }
            }
        }
    }
}

/// A boundary line: end of the text before it, its own start and end.
struct Edge {
    before: usize,
    at: usize,
    end: usize,
}

/// `type/subtype`; anything else is the default, as RFC 2045 §5.2 says of what cannot be read.
fn media_type(written: &str, default: &str) -> String {
    let mut sides = written.split('/');
    let sound = |side: Option<&str>| side.is_some_and(|side| !side.is_empty());
    let well_formed = sound(sides.next()) && sound(sides.next()) && sides.next().is_none();
    if well_formed { written.to_owned() } else { default.to_owned() }
}
