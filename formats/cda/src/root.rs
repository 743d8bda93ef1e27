//! What a document is, from its first elements only.
//! In: bytes, as few as needed. Out: one of the three shapes of a CDA, or why it is none. Source: cda.md §1.

use std::io::Read;

use crate::{
    cursor::{Cursor, Element, Space},
    error::{CdaError, Spot},
    limits::Limits,
    source::Source,
};

/// Where the ClinicalDocument stands. Source: cda.md §1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RootKind {
    /// It is the root.
    Direct,
    /// « Autoprésentable »: inside `xsl:stylesheet/data:Contenu`. XDS mimeType `application/xslt+xml`.
    SelfDisplaying,
    /// Inside `ds:Signature/ds:Object`.
    Signed,
}

/// First piece read; pieces double until the root is known.
const FIRST_PIECE: usize = 4 << 10;

/// Says what a document is, and reads no further than that.
/// Errors: every reason to refuse it at the door (empty, UTF-16, DOCTYPE, not XML, another root), with its place.
/// What comes after the root is not looked at.
pub fn peek_root(mut input: impl Read, limits: &Limits) -> Result<RootKind, CdaError> {
    let mut bytes = Vec::new();
    let mut wanted = FIRST_PIECE.min(limits.root_bytes_max);
    loop {
        let missing = (wanted - bytes.len()) as u64;
        input.by_ref().take(missing).read_to_end(&mut bytes)?;
        let ended = bytes.len() < wanted;
        match peek(&bytes, ended, limits) {
            // The cut may be the cause: the same fault on more bytes is a real one.
            Err(CdaError::NotXml { .. } | CdaError::Empty) if !ended && wanted < limits.root_bytes_max => {
                wanted = wanted.saturating_mul(2).min(limits.root_bytes_max);
            }
            Err(CdaError::NotXml { .. } | CdaError::Empty) if !ended => {
                return Err(CdaError::Limit {
                    at: Spot { offset: bytes.len(), ..Spot::START },
                    what: "bytes before the root",
                    limit: limits.root_bytes_max,
                });
            }
            known => return known,
        }
    }
}

fn peek(bytes: &[u8], ended: bool, limits: &Limits) -> Result<RootKind, CdaError> {
    let source = Source::beginning(bytes, !ended)?;
    let mut cursor = Cursor::new(&source.text, limits);
    enter(&mut cursor).map(|(kind, _)| kind)
}

/// Moves a cursor into the ClinicalDocument: after this, its children come next.
pub(crate) fn enter<'i>(cursor: &mut Cursor<'i>) -> Result<(RootKind, Element<'i>), CdaError> {
    let Some(root) = cursor.open()? else { return Err(CdaError::Empty) };
    let (kind, element) = match (root.space, root.local) {
        (Space::Hl7, "ClinicalDocument") => (RootKind::Direct, root),
        (Space::Xsl, "stylesheet") => (RootKind::SelfDisplaying, inside(cursor, (Space::CiSis, "Contenu"))?),
        (Space::Signature, "Signature") => (RootKind::Signed, inside(cursor, (Space::Signature, "Object"))?),
        _ => return Err(CdaError::WrongRoot { at: cursor.spot(root.start) }),
    };
    cursor.root_here();
    Ok((kind, element))
}

/// The ClinicalDocument in the first wrapper of this name that holds one.
fn inside<'i>(cursor: &mut Cursor<'i>, wrapper: (Space, &str)) -> Result<Element<'i>, CdaError> {
    let root = cursor.depth();
    while let Some(child) = cursor.open()? {
        if (child.space, child.local) == wrapper {
            while let Some(element) = cursor.open()? {
                if element.name() == "ClinicalDocument" {
                    return Ok(element);
                }
                cursor.close_to(root + 1)?;
            }
        }
        cursor.close_to(root)?;
    }
    Err(CdaError::NoDocument)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peeked(text: &str) -> Result<RootKind, CdaError> {
        peek_root(text.as_bytes(), &Limits::default())
    }

    #[test]
    fn the_three_shapes_are_known_from_their_first_elements() {
        assert_eq!(peeked("<ClinicalDocument xmlns='urn:hl7-org:v3'>").unwrap(), RootKind::Direct);
        assert_eq!(
            peeked("<c:ClinicalDocument xmlns:c='urn:hl7-org:v3'><unclosed").unwrap(),
            RootKind::Direct
        );
        let wrapped = "<xsl:stylesheet xmlns:xsl='http://www.w3.org/1999/XSL/Transform'><xsl:output/>\
             <data:Contenu xmlns:data='urn:asip-sante:ci-sis'><ClinicalDocument xmlns='urn:hl7-org:v3'>";
        assert_eq!(peeked(wrapped).unwrap(), RootKind::SelfDisplaying);
        let signed = "<ds:Signature xmlns:ds='http://www.w3.org/2000/09/xmldsig#'><ds:SignedInfo><x/></ds:SignedInfo>\
             <ds:Object><o/></ds:Object><ds:Object><ClinicalDocument xmlns='urn:hl7-org:v3'>";
        assert_eq!(peeked(signed).unwrap(), RootKind::Signed);
    }

    #[test]
    fn everything_else_is_refused_with_its_own_code_and_place() {
        let code = |text: &str| peeked(text).unwrap_err().code();
        assert_eq!(code(""), "cda.empty");
        assert_eq!(code("  \r\n"), "cda.empty");
        assert_eq!(code("bonjour"), "cda.not-xml");
        assert_eq!(code("<ClinicalDocument"), "cda.not-xml");
        assert_eq!(code("<ClinicalDocument/>"), "cda.wrong-root");
        assert_eq!(code("<html xmlns='urn:hl7-org:v3'/>"), "cda.wrong-root");
        assert_eq!(code("<!DOCTYPE a [<!ENTITY b 'c'>]><a/>"), "cda.doctype");
        assert_eq!(code("<!DOCTYPE a ["), "cda.doctype");
        assert_eq!(
            code("<xsl:stylesheet xmlns:xsl='http://www.w3.org/1999/XSL/Transform'/>"),
            "cda.no-document"
        );
        assert_eq!(code("\u{feff}<a/>"), "cda.wrong-root");
        assert_eq!(code("<?xml version='1.0' encoding='UTF-16'?><a/>"), "cda.charset");
        let at = peeked("<?xml version='1.0'?>\n<!-- é -->  <a/>").unwrap_err().spot().unwrap();
        assert_eq!((at.line, at.column, at.offset), (2, 13, 35));
    }

    /// A reader that counts what is taken from it.
    struct Counted<'a>(&'a [u8], usize);

    impl Read for Counted<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let read = self.0.read(buffer)?;
            self.1 += read;
            Ok(read)
        }
    }

    #[test]
    fn no_more_is_read_than_needed() {
        let text = format!("<ClinicalDocument xmlns='urn:hl7-org:v3'>{}", "é".repeat(1 << 20));
        let mut input = Counted(text.as_bytes(), 0);
        assert_eq!(peek_root(&mut input, &Limits::default()).unwrap(), RootKind::Direct);
        assert_eq!(input.1, FIRST_PIECE);
    }

    #[test]
    fn a_root_is_found_up_to_the_limit_and_not_beyond() {
        let root = "<ClinicalDocument xmlns='urn:hl7-org:v3'>";
        let limits = Limits { root_bytes_max: 10_000, ..Limits::default() };
        let with = |padding: usize| format!("<!--{}-->{root}", "x".repeat(padding));
        let fits = 10_000 - root.len() - 7;
        assert_eq!(peek_root(with(fits).as_bytes(), &limits).unwrap(), RootKind::Direct);
        let error = peek_root(with(fits + 1).as_bytes(), &limits).unwrap_err();
        assert_eq!(error.code(), "cda.limit");
    }
}
