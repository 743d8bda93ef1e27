//! Reading stored bytes in pieces, decoded on the way.
//! In: a [`ContentRef`]. Out: a reader, or the bytes up to a limit. Source: architecture §10 « Bodies are handles ».

use std::{
    collections::HashMap,
    io::{self, Cursor, Read},
    sync::{Mutex, PoisonError},
};

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use jonction_model::{BodyId, ContentRef, Encoding};

use crate::layers;

/// Why stored bytes could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The journal has no such body (purged, or never written).
    #[error("body {0} is not stored")]
    Missing(BodyId),
    /// The stored bytes are not those that were written.
    #[error("body {0} is damaged: its hash differs")]
    Damaged(BodyId),
    /// The stored bytes are sealed with a key that was not given.
    #[error("body {0} is sealed with a key that was not given")]
    Sealed(BodyId),
    /// The content is longer than the caller allows.
    #[error("content is longer than {limit} bytes")]
    TooLong {
        /// The caller's limit, in bytes.
        limit: u64,
    },
    /// The range is not base64.
    #[error("content is not base64 after {offset} encoded bytes")]
    NotBase64 {
        /// Encoded bytes read before the fault.
        offset: u64,
    },
    /// The disk failed.
    #[error("stored bytes could not be read")]
    Io(#[from] io::Error),
}

/// Where stored bytes are read. Implemented by the journal.
/// Blocking: call it from a blocking thread when the content may be large.
pub trait Bodies: Send + Sync {
    /// Opens the raw range of a body, whatever its encoding.
    fn open_raw(&self, content: &ContentRef) -> Result<Box<dyn Read + Send>, BodyError>;

    /// Opens a content, decoded as its encoding says.
    fn open(&self, content: &ContentRef) -> Result<Box<dyn Read + Send>, BodyError> {
        let raw = self.open_raw(content)?;
        let decoded: Box<dyn Read + Send> = match content.encoding {
            Encoding::Raw => raw,
            Encoding::Base64 => Box::new(Base64Reader::new(raw)),
        };
        Ok(content.inside.iter().fold(decoded, layers::undo))
    }

    /// A whole content, decoded. Errors: also [`BodyError::TooLong`] beyond `limit` decoded bytes.
    fn read(&self, content: &ContentRef, limit: u64) -> Result<Bytes, BodyError> {
        let encoded = content.end.saturating_sub(content.start);
        let expected = match content.encoding {
            Encoding::Raw => encoded,
            Encoding::Base64 => encoded / 4 * 3 + 3,
        };
        let mut bytes = Vec::with_capacity(usize::try_from(expected.min(limit)).unwrap_or(0));
        let read = self.open(content)?.take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| match error.downcast::<BodyError>() {
            Ok(error) => error,
            Err(error) => BodyError::Io(error),
        })?;
        if bytes.len() as u64 > limit {
            return Err(BodyError::TooLong { limit });
        }
        Ok(bytes.into())
    }
}

/// Base64 as the field writes it: padding optional. Blanks are taken out before this engine sees the text.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Decodes base64 on the way: ASCII blanks skipped, padding optional, any other byte refused with its offset.
pub struct Base64Reader<R> {
    inner: R,
    input: Vec<u8>,
    /// Encoded bytes without blanks that wait for a whole quantum.
    pending: Vec<u8>,
    output: Vec<u8>,
    at: usize,
    offset: u64,
    ended: bool,
}

impl<R: Read> Base64Reader<R> {
    const PIECE: usize = 48 * 1024;

    /// Decodes what `inner` gives.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            input: vec![0; Self::PIECE],
            pending: Vec::new(),
            output: Vec::new(),
            at: 0,
            offset: 0,
            ended: false,
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        let read = self.inner.read(&mut self.input)?;
        self.ended = read == 0;
        let piece = &self.input[..read];
        // Most senders write one long line: copying it whole is many times faster than byte by byte.
        let blank =
            memchr::memchr3(b'\n', b'\r', b' ', piece).or_else(|| memchr::memchr2(b'\t', b'\x0c', piece));
        match blank {
            None => self.pending.extend_from_slice(piece),
            Some(_) => self.pending.extend(piece.iter().filter(|byte| !byte.is_ascii_whitespace())),
        }
        // Only whole quanta are decoded before the end, and what follows a padding is never accepted.
        let ready =
            if self.ended { self.pending.len() } else { self.pending.len().saturating_sub(4) / 4 * 4 };
        self.output.clear();
        self.at = 0;
        let not_base64 =
            || io::Error::new(io::ErrorKind::InvalidData, BodyError::NotBase64 { offset: self.offset });
        if !self.ended && self.pending[..ready].contains(&b'=') {
            return Err(not_base64());
        }
        LENIENT.decode_vec(&self.pending[..ready], &mut self.output).map_err(|_| not_base64())?;
        self.pending.drain(..ready);
        self.offset += read as u64;
        Ok(())
    }
}

impl<R: Read> Read for Base64Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.output.len() && !self.ended {
            self.refill()?;
        }
        let n = buffer.len().min(self.output.len() - self.at);
        buffer[..n].copy_from_slice(&self.output[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

/// Bodies in memory: for tests, and for what never reaches the journal.
#[derive(Debug, Default)]
pub struct MemoryBodies(Mutex<HashMap<BodyId, Bytes>>);

impl MemoryBodies {
    /// Keeps bytes and gives the handle of the whole.
    pub fn put(&self, bytes: impl Into<Bytes>) -> ContentRef {
        let bytes = bytes.into();
        let id = BodyId::of(&bytes);
        let length = bytes.len() as u64;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, bytes);
        ContentRef::whole(id, length)
    }
}

impl Bodies for MemoryBodies {
    fn open_raw(&self, content: &ContentRef) -> Result<Box<dyn Read + Send>, BodyError> {
        let bodies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = bodies.get(&content.body).ok_or(BodyError::Missing(content.body))?;
        let start = usize::try_from(content.start).unwrap_or(usize::MAX).min(bytes.len());
        let end = usize::try_from(content.end).unwrap_or(usize::MAX).clamp(start, bytes.len());
        Ok(Box::new(Cursor::new(bytes.slice(start..end))))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(text: &str) -> Result<Vec<u8>, BodyError> {
        let bodies = MemoryBodies::default();
        let content = ContentRef { encoding: Encoding::Base64, ..bodies.put(text.to_owned()) };
        bodies.read(&content, 1 << 20).map(Vec::from)
    }

    #[test]
    fn padding_is_optional_and_blanks_are_skipped() {
        for text in ["aGVsbG8gd28=", "aGVsbG8gd28", "aGVs\r\nbG8g\td28=\n", " aGVsbG8gd28= "] {
            assert_eq!(decode(text).unwrap(), b"hello wo", "{text:?}");
        }
    }

    #[test]
    fn any_other_byte_is_refused() {
        for text in ["aGVs*G8=", "aGVsbG8gd28=aGVs", "aGVsb", "aGV\u{a0}sbG8="] {
            assert!(matches!(decode(text), Err(BodyError::NotBase64 { .. })), "{text:?}");
        }
    }

    #[test]
    fn the_limit_is_on_decoded_bytes_and_exact() {
        let bodies = MemoryBodies::default();
        let content = ContentRef { encoding: Encoding::Base64, ..bodies.put("aGVsbG8gd28=") };
        assert_eq!(bodies.read(&content, 8).unwrap().len(), 8);
        assert!(matches!(bodies.read(&content, 7), Err(BodyError::TooLong { limit: 7 })));
    }

    #[test]
    fn a_range_is_read_and_nothing_beside_it() {
        let bodies = MemoryBodies::default();
        let whole = bodies.put("OBX|1|ED|||aGVsbG8=|F");
        let content = ContentRef { start: 11, end: 19, encoding: Encoding::Base64, ..whole };
        assert_eq!(bodies.read(&content, 100).unwrap(), "hello");
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_read_back_whatever_the_line_breaks(bytes: Vec<u8>, width in 1..80_usize) {
            let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
            let lines: Vec<_> = text.as_bytes().chunks(width).map(|c| std::str::from_utf8(c).unwrap()).collect();
            prop_assert_eq!(decode(&lines.join("\r\n")).unwrap(), bytes);
        }
    }
}
