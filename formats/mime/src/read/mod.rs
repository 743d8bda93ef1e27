//! A mail received, within limits.
//! In: raw bytes. Out: its parts as ranges, headers and contents decoded when asked, irregularities as findings.
//! Sources: RFC 5322, 2045 to 2047, 2231, mssante.md §8. Deliberately absent: uuencode, signatures, decryption.
//!
//! ```text
//! scan.rs        structure: one pass over the lines, no recursion
//! part.rs        one part: bytes, text, handle
//! headers.rs     header lines; words.rs, parameters.rs, addresses.rs: their values
//! transfer.rs    base64, quoted-printable; charset.rs: text
//! tnef.rs        winmail.dat; cms.rs: S/MIME, signed and opaque
//! defects.rs     what is irregular
//! ```

mod addresses;
mod charset;
mod cms;
mod defects;
mod headers;
mod parameters;
mod part;
mod scan;
mod tnef;
mod transfer;
mod words;

use bytes::Bytes;
use jonction_model::Finding;

pub use defects::Defect;
pub use headers::{Header, Headers};
pub use part::{Part, PartKind, TransferEncoding};

/// How much a mail may ask of us.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Whole mail, in bytes.
    pub bytes_max: usize,
    /// Headers of the mail, or of one part, in bytes.
    pub head_bytes_max: usize,
    /// Headers of the mail, or of one part.
    pub header_lines_max: usize,
    /// Parts, containers included.
    pub parts_max: usize,
    /// Levels of parts: 1 = the mail itself.
    pub depth_max: usize,
    /// Bytes of all that is taken out of wrappings (mails in base64, S/MIME) and scanned in its turn.
    pub unpacked_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_max: 96 << 20,
            head_bytes_max: 256 << 10,
            header_lines_max: 2_000,
            parts_max: 1_000,
            depth_max: 24,
            unpacked_bytes_max: 128 << 20,
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
    /// More headers than `header_lines_max`.
    #[error("more than {0} headers")]
    TooManyHeaders(usize),
    /// More parts than `parts_max`.
    #[error("more than {0} parts")]
    TooManyParts(usize),
    /// Deeper than `depth_max`.
    #[error("parts are nested more than {0} deep")]
    TooDeep(usize),
    /// Wrappings hold more than `unpacked_bytes_max`.
    #[error("wrapped mails are longer than {0} bytes")]
    UnpackedTooLong(usize),
    /// There is no header.
    #[error("no header was found")]
    NotAMail,
}

impl ReadError {
    /// Stable name.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong(_) => "mime.too-long",
            Self::HeadTooLong(_) => "mime.head-too-long",
            Self::TooManyHeaders(_) => "mime.too-many-headers",
            Self::TooManyParts(_) => "mime.too-many-parts",
            Self::TooDeep(_) => "mime.too-deep",
            Self::UnpackedTooLong(_) => "mime.unpacked-too-long",
            Self::NotAMail => "mime.not-a-mail",
        }
    }

    /// The finding under which such a mail is parked.
    pub fn finding(self) -> Finding {
        let (sentence, limit, max) = match self {
            Self::TooLong(max) => ("le courriel est trop long", "bytes_max", max),
            Self::HeadTooLong(max) => ("les en-têtes du courriel sont trop longs", "head_bytes_max", max),
            Self::TooManyHeaders(max) => ("le courriel a trop d'en-têtes", "header_lines_max", max),
            Self::TooManyParts(max) => ("le courriel a trop de parties", "parts_max", max),
            Self::TooDeep(max) => ("le courriel a trop de niveaux emboîtés", "depth_max", max),
            Self::UnpackedTooLong(max) => {
                ("les courriels enveloppés dans le courriel sont trop longs", "unpacked_bytes_max", max)
            }
            Self::NotAMail => {
                return Finding::error(self.code(), "ce n'est pas un courriel : il n'a aucun en-tête")
                    .remedy("vérifier ce que le serveur de messagerie a remis");
            }
        };
        Finding::error(self.code(), sentence)
            .expected(format!("{limit} : {max} au plus"), "davantage")
            .remedy("l'ouvrir dans un logiciel de messagerie ; prévenir l'émetteur s'il est légitime")
    }
}

/// A mailbox of an address header.
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Display name, decoded; empty when absent.
    pub name: String,
    /// Address as written.
    pub address: String,
}

/// What lenient reading hides and checks judge: the lines as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Bytes of the longest line, without its end.
    pub longest_line: usize,
    /// A line ends with LF alone.
    pub bare_lf: bool,
    /// A CR stands elsewhere than before LF.
    pub bare_cr: bool,
    /// A NUL byte.
    pub nul: bool,
}

impl Facts {
    fn of(raw: &[u8]) -> Self {
        let mut facts = Self { nul: memchr::memchr(0, raw).is_some(), ..Self::default() };
        for line in raw.split_inclusive(|byte| *byte == b'\n') {
            let ended = line.ends_with(b"\n");
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            let text = match text.strip_suffix(b"\r") {
                Some(text) if ended => text,
                _ => {
                    facts.bare_lf |= ended;
                    text
                }
            };
            facts.bare_cr |= memchr::memchr(b'\r', text).is_some();
            facts.longest_line = facts.longest_line.max(text.len());
        }
        facts
    }
}

/// A mail that was read.
#[derive(Clone)]
pub struct Mail {
    raw: Bytes,
    parts: Vec<Part>,
    defects: Vec<(usize, Defect)>,
    facts: Facts,
}

impl Mail {
    /// Reads a mail. Errors: over a limit, or no header at all. Everything else gives a mail, perhaps a poor one.
    pub fn read(raw: &Bytes, limits: &Limits) -> Result<Self, ReadError> {
        if raw.len() > limits.bytes_max {
            return Err(ReadError::TooLong(limits.bytes_max));
        }
        let scan = scan::Scan::run(raw, limits)?;
        if scan.parts.first().is_none_or(|root| root.headers().is_empty()) {
            return Err(ReadError::NotAMail);
        }
        Ok(Self { raw: raw.clone(), parts: scan.parts, defects: scan.defects, facts: scan.facts })
    }

    /// The whole mail as it came.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The header lines as they came, last line end included.
    pub fn head(&self) -> &[u8] {
        let head = &self.raw[..self.parts[0].body.start];
        head.strip_suffix(b"\r\n\r\n").map_or_else(
            || head.strip_suffix(b"\n\n").map_or(head, |kept| &head[..kept.len() + 1]),
            |kept| &head[..kept.len() + 2],
        )
    }

    /// The headers of the mail.
    pub fn headers(&self) -> &Headers {
        self.parts[0].headers()
    }

    /// Every part, containers included: the mail itself first, then in order; what was wrapped comes last.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The parts that hold something else than other parts: bytes, nested mails, envelopes.
    pub fn leaves(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| part.kind != PartKind::Multipart)
    }

    /// Parts directly inside the one at this index.
    pub fn children(&self, of: usize) -> impl Iterator<Item = (usize, &Part)> {
        self.parts.iter().enumerate().filter(move |(_, part)| part.parent == Some(of))
    }

    /// Index of the part that holds this one.
    pub fn parent(&self, of: usize) -> Option<usize> {
        self.parts.get(of)?.parent
    }

    /// How many mails this part is nested in: 0 for the mail that was read.
    pub fn nesting(&self, of: usize) -> usize {
        let above = std::iter::successors(self.parent(of), |at| self.parent(*at));
        above.filter(|at| self.parts[*at].kind == PartKind::Message).count()
    }

    /// Media type of the whole mail: `multipart/mixed`, `text/plain`…
    pub fn media_type(&self) -> &str {
        &self.parts[0].media_type
    }

    /// The part to show as text: plain before HTML, never a file. Looks for it where mail programs do: the best
    /// alternative, else the first piece, envelopes opened.
    pub fn body(&self) -> Option<&Part> {
        self.body_at().map(|at| &self.parts[at])
    }

    fn body_at(&self) -> Option<usize> {
        let mut at = 0;
        loop {
            let part = &self.parts[at];
            at = match part.kind {
                PartKind::Leaf if part.is_text() && part.disposition != "attachment" => return Some(at),
                PartKind::Leaf | PartKind::Message => return None,
                PartKind::Envelope => self.children(at).next()?.0,
                PartKind::Multipart if part.media_type == "multipart/alternative" => {
                    self.best_alternative(at)?
                }
                PartKind::Multipart => {
                    let readable = |(_, child): &(usize, &Part)| match child.kind {
                        PartKind::Leaf => child.is_text() && child.disposition != "attachment",
                        kind => kind != PartKind::Message,
                    };
                    self.children(at).find(readable)?.0
                }
            };
        }
    }

    fn best_alternative(&self, at: usize) -> Option<usize> {
        let rank = |part: &Part| match part.media_type.as_str() {
            "text/plain" => 0,
            _ if part.kind == PartKind::Multipart => 1,
            "text/html" => 2,
            _ => 3,
        };
        self.children(at)
            .filter(|(_, part)| rank(part) < 3)
            .min_by_key(|(_, part)| rank(part))
            .map(|(at, _)| at)
    }

    /// Files of the mail: every leaf but the text shown and its alternatives, nested mails in one piece.
    pub fn attachments(&self) -> impl Iterator<Item = &Part> {
        let body = self.body_at();
        self.parts.iter().enumerate().filter_map(move |(at, part)| {
            let alternative = part.is_text() && self.inside_alternative(at);
            let file = matches!(part.kind, PartKind::Leaf | PartKind::Message);
            (file && Some(at) != body && !alternative && self.nesting(at) == 0).then_some(part)
        })
    }

    fn inside_alternative(&self, at: usize) -> bool {
        let mut above = std::iter::successors(self.parent(at), |at| self.parent(*at));
        above.any(|at| self.parts[at].media_type == "multipart/alternative")
    }

    /// First decoded value of a header.
    pub fn value(&self, name: &str) -> Option<String> {
        self.headers().text(name)
    }

    /// Mailboxes of an address header.
    pub fn mailboxes(&self, name: &str) -> Vec<Mailbox> {
        self.headers().mailboxes(name)
    }

    /// `Subject`, decoded.
    pub fn subject(&self) -> String {
        self.value("Subject").unwrap_or_default()
    }

    /// `Message-ID` without its angle brackets; empty when it has none. As written, well formed or not.
    pub fn message_id(&self) -> String {
        let written = self.headers().get("Message-ID").map(|header| header.unfolded()).unwrap_or_default();
        written.trim_start_matches('<').trim_end_matches('>').to_owned()
    }

    /// The lines as they came.
    pub fn facts(&self) -> Facts {
        self.facts
    }

    /// Irregularities of the structure, each with the part it is in.
    pub fn defects(&self) -> impl Iterator<Item = (&Part, Defect)> {
        self.defects.iter().filter_map(|(at, defect)| Some((self.parts.get(*at)?, *defect)))
    }

    /// Everything irregular, contents included: decodes every part.
    pub fn findings(&self) -> Vec<Finding> {
        let structure = self.defects().map(|(part, defect)| defect.finding(&part.path));
        let contents = self
            .parts
            .iter()
            .flat_map(|part| part.content_defects().into_iter().map(|defect| defect.finding(&part.path)));
        structure.chain(contents).collect()
    }
}

#[cfg(test)]
mod tests;
