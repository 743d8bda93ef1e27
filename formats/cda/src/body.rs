//! The PDF or text inside a CDA: where it stands in the CDA's own bytes, and how it is decoded.
//! In: the bytes of the document and the kind its header gave. Out: decoded bytes. Source: cda.md §3.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use jonction_model::ContentKind;

use crate::{error::CdaError, limits::Limits};

/// Base64 as the field writes it: padding optional.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Range of the base64 in the bytes of the document, and its media type.
pub fn range(kind: &ContentKind) -> Option<((u64, u64), &str)> {
    match kind {
        ContentKind::CdaLevel1 { media_type, body } => Some(((*body)?, media_type)),
        ContentKind::CdaLevel3 { pdf } => Some(((*pdf)?, "application/pdf")),
    }
}

/// Decodes the embedded body. `bytes` are those the header was read from.
/// Errors: no body, not base64, longer than [`Limits::body_bytes_max`].
pub fn embedded(bytes: &[u8], kind: &ContentKind, limits: &Limits) -> Result<Vec<u8>, CdaError> {
    let ((start, end), _) = range(kind).ok_or(CdaError::NoBody)?;
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
    let text = bytes.get(at(start)..at(end)).ok_or(CdaError::NoBody)?;
    if text.len() / 4 * 3 > limits.body_bytes_max.saturating_add(text.len() / 64) {
        return Err(CdaError::TooLong { limit: limits.body_bytes_max });
    }
    let body = decode(text).ok_or(CdaError::NotBase64)?;
    if body.len() > limits.body_bytes_max {
        return Err(CdaError::TooLong { limit: limits.body_bytes_max });
    }
    Ok(body)
}

/// Decodes base64; ASCII blanks are skipped, padding may be missing. `None` on any other byte.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    match memchr::memchr3(b' ', b'\n', b'\t', text).or_else(|| memchr::memchr(b'\r', text)) {
        None => LENIENT.decode(text).ok(),
        Some(_) => {
            let packed: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            LENIENT.decode(packed).ok()
        }
    }
}

/// Whether a text could be base64: alphabet, padding at the end only, a possible length. Nothing is decoded.
pub(crate) fn looks_like_base64(text: &str) -> bool {
    let blank = |byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let digit = |byte| matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/');
    let text = text.as_bytes();
    let (body, end) = text.split_at(memchr::memchr(b'=', text).unwrap_or(text.len()));
    let digits = count(body, digit);
    let padding = count(end, |byte| byte == b'=');
    digits + count(body, blank) == body.len()
        && padding + count(end, blank) == end.len()
        && digits > 0
        && digits % 4 != 1
        && padding <= 2
        && (padding == 0 || (digits + padding) % 4 == 0)
}

/// In blocks whose count fits a byte: the processor then counts many at once.
fn count(bytes: &[u8], is: impl Fn(u8) -> bool) -> usize {
    let block = |block: &[u8]| block.iter().map(|byte| u8::from(is(*byte))).sum::<u8>();
    bytes.chunks(usize::from(u8::MAX)).map(|bytes| usize::from(block(bytes))).sum()
}
