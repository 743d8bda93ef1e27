//! The content of an S/MIME envelope that is signed and not detached: enough of BER to reach it.
//! In: bytes. Out: the content, as a range when it is in one piece. Source: RFC 5652 §3 to §5, X.690.
//! Deliberately absent: certificates and signatures; nothing is verified here. No recursion: two loops and a counter.

use std::ops::Range;

use bytes::Bytes;

/// `1.2.840.113549.1.7.2`.
const SIGNED_DATA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02];
/// `1.2.840.113549.1.7.3` and `1.2.840.113549.1.9.16.1.23`.
const ENVELOPED: [&[u8]; 2] = [
    &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x03],
    &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x01, 0x17],
];
/// Levels of a value of indefinite length that is stepped over.
const NESTING_MAX: usize = 32;

/// What an envelope is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Envelope {
    /// Signed, its content in one piece.
    Whole(Range<usize>),
    /// Signed, its content in several pieces, put together.
    Pieces(Bytes),
    /// Encrypted.
    Encrypted,
    /// Anything else, damaged ones included.
    Unreadable,
}

/// Opens an envelope.
pub(super) fn open(bytes: &[u8]) -> Envelope {
    let mut reader = Ber { bytes, at: 0 };
    match reader.content_info() {
        Some(oid) if oid == SIGNED_DATA => reader.signed_content().unwrap_or(Envelope::Unreadable),
        Some(oid) if ENVELOPED.contains(&oid) => Envelope::Encrypted,
        _ => Envelope::Unreadable,
    }
}

struct Ber<'b> {
    bytes: &'b [u8],
    at: usize,
}

/// One element: its tag and where its content ends; `None` when the length is indefinite.
struct Element {
    tag: u8,
    end: Option<usize>,
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const OID: u8 = 0x06;
const OCTETS: u8 = 0x04;
const OCTETS_IN_PIECES: u8 = 0x24;
const EXPLICIT_0: u8 = 0xA0;

impl<'b> Ber<'b> {
    /// Reads a tag and a length; tags of several bytes do not occur here.
    fn enter(&mut self) -> Option<Element> {
        let tag = *self.bytes.get(self.at)?;
        let first = *self.bytes.get(self.at + 1)?;
        self.at += 2;
        let length = match first {
            0x80 => return Some(Element { tag, end: None }),
            0..=0x7F => usize::from(first),
            _ => {
                let digits = self.bytes.get(self.at..self.at + usize::from(first & 0x7F))?;
                self.at += digits.len();
                let digits = &digits[digits.iter().position(|byte| *byte != 0).unwrap_or(digits.len())..];
                if digits.len() > 4 {
                    return None;
                }
                digits.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte))
            }
        };
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len())?;
        Some(Element { tag, end: Some(end) })
    }

    fn expect(&mut self, tag: u8) -> Option<Element> {
        self.enter().filter(|element| element.tag == tag)
    }

    fn primitive(&mut self, tag: u8) -> Option<&'b [u8]> {
        let end = self.expect(tag)?.end?;
        let content = &self.bytes[self.at..end];
        self.at = end;
        Some(content)
    }

    /// Steps over one element, whatever its length.
    fn skip(&mut self) -> Option<()> {
        let mut open = 0_usize;
        loop {
            let element = self.enter()?;
            match element.end {
                Some(_) if element.tag == 0 && open > 0 => open -= 1,
                Some(end) => self.at = end,
                None => open += 1,
            }
            if open > NESTING_MAX {
                return None;
            }
            if open == 0 {
                return Some(());
            }
        }
    }

    /// ContentInfo: `SEQUENCE { type, [0] content }`.
    fn content_info(&mut self) -> Option<&'b [u8]> {
        self.expect(SEQUENCE)?;
        let oid = self.primitive(OID)?;
        self.expect(EXPLICIT_0)?;
        Some(oid)
    }

    /// SignedData: `SEQUENCE { version, digests, SEQUENCE { type, [0] content } … }`. No content: a detached signature.
    fn signed_content(&mut self) -> Option<Envelope> {
        self.expect(SEQUENCE)?;
        self.primitive(INTEGER)?;
        if *self.bytes.get(self.at)? != SET {
            return None;
        }
        self.skip()?;
        self.expect(SEQUENCE)?;
        self.primitive(OID)?;
        self.expect(EXPLICIT_0)?;
        let content = self.enter()?;
        match (content.tag, content.end) {
            (OCTETS, Some(end)) => Some(Envelope::Whole(self.at..end)),
            (OCTETS_IN_PIECES, end) => self.pieces(end).map(|pieces| Envelope::Pieces(pieces.into())),
            _ => None,
        }
    }

    /// Octet strings in an octet string, one level, as every sender writes them.
    fn pieces(&mut self, end: Option<usize>) -> Option<Vec<u8>> {
        let mut content = Vec::new();
        while end.is_none_or(|end| self.at < end) {
            let piece = self.enter()?;
            match (piece.tag, piece.end) {
                (0, Some(at)) if at == self.at && end.is_none() => break,
                (OCTETS, Some(at)) => {
                    content.extend_from_slice(&self.bytes[self.at..at]);
                    self.at = at;
                }
                _ => return None,
            }
        }
        Some(content)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x84], length.as_slice(), content].concat()
    }

    fn endless(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, 0x80], content, &[0, 0]].concat()
    }

    fn signed(octets: Vec<u8>, wrap: fn(u8, &[u8]) -> Vec<u8>) -> Vec<u8> {
        let data = element(OID, &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01]);
        let inner = wrap(SEQUENCE, &[data, wrap(EXPLICIT_0, &octets)].concat());
        let digests = wrap(SET, &wrap(SEQUENCE, &element(OID, &[0x60])));
        let body = wrap(SEQUENCE, &[element(INTEGER, &[1]), digests, inner].concat());
        wrap(SEQUENCE, &[element(OID, SIGNED_DATA), wrap(EXPLICIT_0, &body)].concat())
    }

    /// A signed envelope of definite lengths around a content.
    pub(crate) fn envelope(content: &[u8]) -> Vec<u8> {
        signed(element(OCTETS, content), element)
    }

    #[test]
    fn the_content_is_reached_in_one_piece_or_in_several() {
        let whole = envelope(b"Content-Type: text/plain\r\n\r\nbonjour");
        let Envelope::Whole(range) = open(&whole) else { panic!("{:?}", open(&whole)) };
        assert!(whole[range].ends_with(b"bonjour"));

        let pieces = [element(OCTETS, b"bon"), element(OCTETS, b"jour")].concat();
        for octets in [element(OCTETS_IN_PIECES, &pieces), endless(OCTETS_IN_PIECES, &pieces)] {
            assert_eq!(open(&signed(octets, endless)), Envelope::Pieces(Bytes::from_static(b"bonjour")));
        }
    }

    #[test]
    fn encrypted_detached_and_damaged_ones_are_told_apart() {
        let encrypted = element(SEQUENCE, &[element(OID, ENVELOPED[0]), element(EXPLICIT_0, b"")].concat());
        assert_eq!(open(&encrypted), Envelope::Encrypted);
        let whole = envelope(b"bonjour");
        for end in 0..whole.len() {
            assert_eq!(open(&whole[..end]), Envelope::Unreadable, "cut at {end}");
        }
        assert_eq!(open(&[0x30, 0x80].repeat(100_000)), Envelope::Unreadable);
        let deep = signed(element(OCTETS, b"x"), endless);
        let deep = [&deep[..20], &[0x31, 0x80].repeat(50_000)].concat();
        assert_eq!(open(&deep), Envelope::Unreadable);
    }
}
