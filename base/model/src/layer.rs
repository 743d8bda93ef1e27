//! Bytes that stand inside other bytes, one wrapping at a time.
//! In: the name of a wrapping, a line of quoted-printable. Out: what was under it. IO: none.
//! Source: architecture §10 « Bodies are handles », RFC 2045 §6.7. The readers of whole layers are in `base/ports`.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::hex_byte;

/// One thing to undo on the way to bytes that stand inside others.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// Keep these bytes only: first, one past the last.
    Slice(u64, u64),
    /// Undo base64.
    Base64,
    /// Undo quoted-printable.
    QuotedPrintable,
    /// Undo deflate: a file of a ZIP archive.
    Inflate,
}

impl Layer {
    /// A slice of bytes in memory.
    pub fn slice(range: Range<usize>) -> Self {
        Self::Slice(range.start as u64, range.end as u64)
    }
}

/// Undoes one line of quoted-printable, its end included, and says whether an `=` opened nothing: it is kept.
/// Soft breaks with blanks, lower-case digits, blanks at the end of a line are usual in mails, and no fault.
pub fn undo_quoted_printable(line: &[u8], out: &mut Vec<u8>) -> bool {
    let body = line.strip_suffix(b"\n").map_or(line, |body| body.strip_suffix(b"\r").unwrap_or(body));
    let end = &line[body.len()..];
    let body = body.trim_ascii_end();
    let (body, soft) = body.strip_suffix(b"=").map_or((body, false), |body| (body, true));
    let mut damaged = false;
    let mut rest = body;
    while let Some(at) = rest.iter().position(|byte| *byte == b'=') {
        out.extend_from_slice(&rest[..at]);
        let byte = rest.get(at + 1..at + 3).and_then(hex_byte);
        damaged |= byte.is_none();
        out.push(byte.unwrap_or(b'='));
        rest = &rest[at + if byte.is_some() { 3 } else { 1 }..];
    }
    out.extend_from_slice(rest);
    if !soft {
        out.extend_from_slice(end);
    }
    damaged
}
