//! The characters that cut a message, read from its own MSH.
//! In: the bytes from `MSH` on. Out: [`Delimiters`], or the fault. Source: hl7v2.md §6.1.

use crate::error::ParseFault;

/// Delimiters of one message. A sender may declare fewer than four: what is not declared does not cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Delimiters {
    /// MSH-1, `|`.
    pub field: u8,
    /// `^`.
    pub component: u8,
    /// `~`.
    pub repetition: Option<u8>,
    /// `\`.
    pub escape: Option<u8>,
    /// `&`.
    pub subcomponent: Option<u8>,
    /// Truncation character of 2.7, `#`.
    pub truncation: Option<u8>,
    /// The look-alike that was declared in place of the repetition separator, which then cuts as well.
    pub(crate) look_alike: Option<&'static [u8]>,
}

/// U+02DC SMALL TILDE in UTF-8 and in windows-1252. Five official samples of edition 2.0 declare it as
/// repetition separator: an editor had turned `~` into it (hl7v2.md §7).
const SMALL_TILDE: [&[u8]; 2] = [b"\xCB\x9C", b"\x98"];

impl Delimiters {
    /// `|^~\&`, which the French volets require.
    pub const fn standard() -> Self {
        Self {
            field: b'|',
            component: b'^',
            repetition: Some(b'~'),
            escape: Some(b'\\'),
            subcomponent: Some(b'&'),
            truncation: None,
            look_alike: None,
        }
    }

    /// Whether a look-alike of `~` had to be accepted as repetition separator.
    pub fn is_repaired(&self) -> bool {
        self.look_alike.is_some()
    }

    /// Whether a text written with these delimiters reads the same with the others.
    pub(crate) fn same_writing(&self, other: &Self) -> bool {
        let core = |d: &Self| (d.field, d.component, d.repetition, d.escape, d.subcomponent);
        core(self) == core(other) && !self.is_repaired() && !other.is_repaired()
    }

    /// MSH-2 of these delimiters.
    pub(crate) fn encoding_characters(&self) -> Vec<u8> {
        let rest = [self.repetition, self.escape, self.subcomponent, self.truncation];
        std::iter::once(self.component).chain(rest.into_iter().flatten()).collect()
    }

    /// Reads MSH-1 and MSH-2 from bytes that start with `MSH`. Errors: with the offset from `MSH`.
    pub(crate) fn read(header: &[u8]) -> Result<Self, (ParseFault, usize)> {
        let field = *header.get(3).ok_or((ParseFault::FieldSeparator, header.len()))?;
        if !usable(field) {
            return Err((ParseFault::FieldSeparator, 3));
        }
        let rest = &header[4..];
        let end = rest.iter().take(16).position(|&b| b == field || b == b'\r' || b == b'\n');
        let declared = &rest[..end.unwrap_or(rest.len().min(16))];
        let (written, look_alike) = Self::without_look_alike(declared);
        let [component, others @ ..] = written.as_slice() else {
            return Err((ParseFault::EncodingCharacters, 4));
        };
        if others.len() > 4 {
            return Err((ParseFault::EncodingCharacters, 4));
        }
        if let Some(at) = written.iter().position(|&b| !usable(b)) {
            return Err((ParseFault::UnusableDelimiter, 4 + at));
        }
        let other = |at: usize| others.get(at).copied();
        if (0..written.len()).any(|at| written[at] == field || written[..at].contains(&written[at])) {
            return Err((ParseFault::SameDelimiters, 4));
        }
        Ok(Self {
            field,
            component: *component,
            repetition: other(0),
            escape: other(1),
            subcomponent: other(2),
            truncation: other(3),
            look_alike,
        })
    }

    /// MSH-2 with a small tilde in second place written `~`, and the look-alike when there was one.
    fn without_look_alike(declared: &[u8]) -> (Vec<u8>, Option<&'static [u8]>) {
        let found =
            SMALL_TILDE.into_iter().find(|&tilde| declared.len() > 1 && declared[1..].starts_with(tilde));
        let mut written = declared.to_vec();
        if let Some(tilde) = found {
            written.splice(1..1 + tilde.len(), [b'~']);
        }
        (written, found)
    }
}

fn usable(byte: u8) -> bool {
    byte.is_ascii_graphic() && !byte.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Result<Delimiters, ParseFault> {
        Delimiters::read(header.as_bytes()).map_err(|(fault, _)| fault)
    }

    #[test]
    fn the_standard_ones_are_read() {
        assert_eq!(read("MSH|^~\\&|A"), Ok(Delimiters::standard()));
        assert_eq!(read("MSH|^~\\&#|A").unwrap().truncation, Some(b'#'));
    }

    #[test]
    fn others_and_fewer_are_read() {
        let odd = read("MSH*:%!+*A").unwrap();
        assert_eq!((odd.field, odd.component, odd.repetition), (b'*', b':', Some(b'%')));
        assert_eq!((odd.escape, odd.subcomponent), (Some(b'!'), Some(b'+')));
        let few = read("MSH|^|A").unwrap();
        assert_eq!((few.component, few.repetition, few.escape, few.subcomponent), (b'^', None, None, None));
    }

    #[test]
    fn a_small_tilde_stands_for_the_tilde() {
        let repaired = read("MSH|^˜\\&|A").unwrap();
        assert_eq!(
            (repaired.repetition, repaired.escape, repaired.is_repaired()),
            (Some(b'~'), Some(b'\\'), true)
        );
        assert!(Delimiters::read(b"MSH|^\x98\\&|A").unwrap().is_repaired());
    }

    #[test]
    fn what_cannot_separate_is_refused() {
        for (header, fault) in [
            ("MSH", ParseFault::FieldSeparator),
            ("MSHA^~\\&A", ParseFault::FieldSeparator),
            ("MSH ^~\\& ", ParseFault::FieldSeparator),
            ("MSH||A", ParseFault::EncodingCharacters),
            ("MSH|^~\\&#$|A", ParseFault::EncodingCharacters),
            ("MSH|^~a&|A", ParseFault::UnusableDelimiter),
            ("MSH|^é\\&|A", ParseFault::UnusableDelimiter),
            ("MSH|^^\\&|A", ParseFault::SameDelimiters),
            ("MSH^^~\\&^A", ParseFault::EncodingCharacters),
            ("MSH|^~\\^|A", ParseFault::SameDelimiters),
        ] {
            assert_eq!(read(header), Err(fault), "{header}");
        }
    }
}
