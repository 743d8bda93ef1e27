//! The text of a document, and how its offsets go back to the received bytes.
//! In: bytes. Out: UTF-8 text; every other charset than UTF-8 and the single-byte ones of the field is refused.
//! Source: cda.md §1 (UTF-8), and what the field sends: BOM, ISO-8859-1, ISO-8859-15, windows-1252.

use std::borrow::Cow;

use encoding_rs::{Encoding, ISO_8859_15, WINDOWS_1252};

use crate::error::{CdaError, Spot};

/// Bytes among which the XML declaration ends.
const DECLARATION_BYTES_MAX: usize = 256;

/// A document as text.
#[derive(Debug)]
pub(crate) struct Source<'i> {
    pub(crate) text: Cow<'i, str>,
    /// Bytes before the text: a BOM.
    base: usize,
    /// One received byte per character: the text was decoded.
    single_byte: bool,
}

impl<'i> Source<'i> {
    /// Decodes a whole document.
    pub(crate) fn new(bytes: &'i [u8]) -> Result<Self, CdaError> {
        let source = Self::beginning(bytes, false)?;
        match source
            .text
            .as_bytes()
            .iter()
            .position(|byte| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r'))
        {
            Some(at) => Err(CdaError::NotXml { at: spot(&source.text, at), detail: "control character" }),
            None => Ok(source),
        }
    }

    /// Decodes the first bytes of a document; when `cut`, a character cut at the end is left out.
    pub(crate) fn beginning(bytes: &'i [u8], cut: bool) -> Result<Self, CdaError> {
        let refused = |offset, detail| Err(CdaError::Charset { at: Spot { offset, ..Spot::START }, detail });
        if matches!(bytes, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [b'<', 0, ..] | [0, b'<', ..] | [0, 0, ..]) {
            return refused(0, "UTF-16 or UTF-32");
        }
        let base = if bytes.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        let bytes = &bytes[base..];
        match declared(bytes) {
            // A BOM wins over the declaration.
            _ if base > 0 => {}
            None => {}
            Some(label) => match Encoding::for_label(label) {
                Some(encoding) if encoding == WINDOWS_1252 || encoding == ISO_8859_15 => {
                    let (text, _) = encoding.decode_without_bom_handling(bytes);
                    return Ok(Self { text, base, single_byte: true });
                }
                Some(encoding) if encoding == encoding_rs::UTF_8 => {}
                _ => return refused(0, "declared encoding is not supported"),
            },
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self { text: Cow::Borrowed(text), base, single_byte: false }),
            Err(error) => {
                let sound = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
                if cut && error.error_len().is_none() {
                    return Ok(Self { text: Cow::Borrowed(sound), base, single_byte: false });
                }
                let at = spot(sound, sound.len());
                Err(CdaError::Charset { at: Spot { offset: at.offset + base, ..at }, detail: "not UTF-8" })
            }
        }
    }

    /// Offset in the received bytes of an offset in the text.
    pub(crate) fn raw_offset(&self, at: usize) -> usize {
        let inside = match self.single_byte {
            true => self.text[..at].chars().count(),
            false => at,
        };
        self.base + inside
    }
}

/// The encoding that the XML declaration names.
fn declared(bytes: &[u8]) -> Option<&[u8]> {
    let window = &bytes[..bytes.len().min(DECLARATION_BYTES_MAX)];
    let end = memchr::memmem::find(window, b"?>")?;
    let declaration = window[..end].strip_prefix(b"<?xml")?;
    let after = &declaration[memchr::memmem::find(declaration, b"encoding")? + 8..];
    let after = after.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, rest) = after.split_first()?;
    let close = memchr::memchr(*quote, rest)?;
    matches!(quote, b'"' | b'\'').then(|| &rest[..close])
}

/// Line and column of an offset of a text.
pub(crate) fn spot(text: &str, at: usize) -> Spot {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    let line = memchr::memchr_iter(b'\n', before).count();
    Spot { offset: before.len(), line: count(line), column: count(characters(&before[line_start..])) }
}

/// From a number of things before, the number of this one.
fn count(before: usize) -> u32 {
    u32::try_from(before).unwrap_or(u32::MAX - 1) + 1
}

/// Characters of a piece of UTF-8.
pub(crate) fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}
