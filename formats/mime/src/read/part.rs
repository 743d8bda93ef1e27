//! One part of a mail: where it stands, what it says it is, and its bytes when they are asked for.
//! In: ranges found by the scan. Out: decoded bytes and text, or the handle that reads them later. Nothing is copied
//! before it is asked for.

use std::{ops::Range, sync::OnceLock};

use bytes::Bytes;
use jonction_model::{BodyId, ContentRef, Layer};

use super::{
    charset::{self, Charset},
    defects::Defect,
    headers::Headers,
    parameters::Structured,
    transfer::{self, Undone},
};

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

impl TransferEncoding {
    /// Whether the name is a known one comes second.
    pub(super) fn of(name: &str) -> (Self, bool) {
        match name.trim_matches(['"', ' ']) {
            "base64" => (Self::Base64, true),
            "quoted-printable" => (Self::QuotedPrintable, true),
            "" | "7bit" | "8bit" | "binary" => (Self::Plain, true),
            _ => (Self::Plain, false),
        }
    }

    pub(super) fn layer(self) -> Option<Layer> {
        match self {
            Self::Plain => None,
            Self::QuotedPrintable => Some(Layer::QuotedPrintable),
            Self::Base64 => Some(Layer::Base64),
        }
    }
}

/// What a part holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// Bytes.
    Leaf,
    /// Other parts.
    Multipart,
    /// A mail.
    Message,
    /// A wrapping that was opened: S/MIME, winmail.dat.
    Envelope,
}

/// A part of a mail. The first one is the mail itself.
#[derive(Clone)]
pub struct Part {
    /// Place, numbered as IMAP does: `1`, `2`, `2.1`…; `TEXT` and `2.TEXT` for what groups the parts of a mail.
    /// The identity of a part: names repeat.
    pub path: String,
    /// What it holds.
    pub kind: PartKind,
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
    pub(super) parent: Option<usize>,
    pub(super) depth: usize,
    pub(super) headers: Headers,
    pub(super) content_type: Structured,
    pub(super) source: Bytes,
    /// How the source is reached from the mail; `None`: it was put together from pieces.
    pub(super) reach: Option<Vec<Layer>>,
    /// Where its headers begin.
    pub(super) start: usize,
    pub(super) body: Range<usize>,
    pub(super) content: OnceLock<Content>,
}

#[derive(Clone)]
pub(super) struct Content {
    bytes: Bytes,
    damaged: bool,
    /// Encoded bytes that any strict decoder reads; `None`: it would stop in the middle.
    sound: Option<usize>,
}

impl Part {
    /// The headers of the part.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// A parameter of its Content-Type, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.content_type.text(name)
    }

    /// The part as it came, headers included.
    pub fn entity(&self) -> Bytes {
        self.source.slice(self.start..self.body.end)
    }

    /// Bytes as they came, before decoding.
    pub fn raw(&self) -> Bytes {
        self.source.slice(self.body.clone())
    }

    /// Where its bytes stand in the mail; `None` inside a wrapping that was decoded.
    pub fn range(&self) -> Option<Range<usize>> {
        self.reach.as_ref().filter(|layers| layers.is_empty()).map(|_| self.body.clone())
    }

    /// Decoded bytes: decoded once, at the first call.
    pub fn content(&self) -> &Bytes {
        &self.decoded().bytes
    }

    /// Whether its encoding was broken; the content is then what could be read.
    pub fn is_damaged(&self) -> bool {
        self.decoded().damaged
    }

    fn decoded(&self) -> &Content {
        self.content.get_or_init(|| {
            let raw = self.raw();
            let undone = match self.encoding {
                TransferEncoding::Plain => {
                    return Content { sound: Some(raw.len()), bytes: raw, damaged: false };
                }
                TransferEncoding::Base64 => transfer::base64(&raw),
                TransferEncoding::QuotedPrintable => transfer::quoted_printable(&raw),
            };
            let sound = match self.encoding {
                TransferEncoding::Base64 => undone.is_sound_up_to_its_end(&raw).then_some(undone.used),
                _ => Some(raw.len()),
            };
            let Undone { bytes, damaged, .. } = undone;
            Content { bytes: bytes.into(), damaged, sound }
        })
    }

    /// Whether its decoded bytes begin so. Decodes no more than needed.
    pub fn starts_with(&self, magic: &[u8]) -> bool {
        if let Some(content) = self.content.get() {
            return content.bytes.starts_with(magic);
        }
        let raw = &self.source[self.body.clone()];
        let head = &raw[..raw.len().min(magic.len() * 4 + 32)];
        match self.encoding {
            TransferEncoding::Plain => head.starts_with(magic),
            TransferEncoding::Base64 => transfer::base64(head).bytes.starts_with(magic),
            TransferEncoding::QuotedPrintable => transfer::quoted_printable(head).bytes.starts_with(magic),
        }
    }

    /// Its content as text, in the charset it says or in the one it is in. Line ends stay as they came.
    pub fn text(&self) -> String {
        charset::decode(&self.charset, self.content()).0.into_owned()
    }

    /// Whether it is a file beside the text.
    pub fn is_attachment(&self) -> bool {
        self.disposition == "attachment" || !self.name.is_empty()
    }

    pub(super) fn is_text(&self) -> bool {
        self.media_type.starts_with("text/")
    }

    /// The handle of its decoded bytes in a mail stored under this id.
    /// `None`: they cannot be read in pieces (damaged in the middle, or put together from pieces of an envelope).
    pub fn content_ref(&self, mail: BodyId) -> Option<ContentRef> {
        let sound = match self.encoding {
            TransferEncoding::Base64 => self.decoded().sound?,
            _ => self.body.len(),
        };
        let mut layers = self.reach.clone()?;
        layers.push(Layer::slice(self.body.start..self.body.start + sound));
        layers.extend(self.encoding.layer());
        ContentRef::through(mail, &layers)
    }

    /// Irregularities that show when its bytes are read.
    pub(super) fn content_defects(&self) -> Vec<Defect> {
        let mut defects = Vec::new();
        if self.kind != PartKind::Leaf {
            return defects;
        }
        let decoded = self.decoded();
        if decoded.damaged {
            defects.push(match self.encoding {
                TransferEncoding::QuotedPrintable => Defect::QuotedPrintableDamaged,
                _ if decoded.sound.is_some() => Defect::Base64Trailing,
                _ => Defect::Base64Damaged,
            });
        }
        if self.is_text() {
            match charset::decode(&self.charset, self.content()).1 {
                Charset::AsAnnounced => {}
                Charset::Mislabelled => defects.push(Defect::CharsetMislabelled),
                Charset::Unknown => defects.push(Defect::CharsetUnknown),
            }
        }
        defects
    }
}
