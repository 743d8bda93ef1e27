//! Bytes of an XML document as text.
//! In: bytes, with or without BOM and declared encoding. Out: text. Source: dmp-xds.md §11.2 (ISO-8859-1, BOM).

use std::borrow::Cow;

use crate::Error;

/// Decodes a document by its BOM and its declaration: UTF-8, US-ASCII, ISO-8859-1, ISO-8859-15, Windows-1252.
/// Errors: another encoding, bytes that are not of the declared one.
pub(crate) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Error> {
    let refused = |reason| Error::Xml { offset: 0, reason };
    if bytes.starts_with(b"\xfe\xff") || bytes.starts_with(b"\xff\xfe") {
        return Err(refused("utf-16 is not read"));
    }
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return utf8(rest).map(Cow::Borrowed);
    }
    match declared_encoding(bytes).as_deref() {
        None | Some("utf-8" | "us-ascii") => utf8(bytes).map(Cow::Borrowed),
        // The first 256 code points are ISO-8859-1; the web's label would give Windows-1252 instead.
        Some("iso-8859-1" | "latin1") => {
            Ok(bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into())
        }
        Some(label @ ("iso-8859-15" | "windows-1252")) => {
            let encoding = encoding_rs::Encoding::for_label(label.as_bytes())
                .ok_or_else(|| refused("encoding is not read"))?;
            let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
            text.ok_or_else(|| refused("bytes are not of the declared encoding"))
        }
        Some(_) => Err(refused("encoding is not read")),
    }
}

/// UTF-8 text, or where it stops being some.
fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|error| Error::Xml {
        offset: u64::try_from(error.valid_up_to()).unwrap_or(u64::MAX),
        reason: "bytes are not utf-8",
    })
}

/// The `encoding` of the XML declaration, in lower case.
pub(crate) fn declared_encoding(bytes: &[u8]) -> Option<String> {
    let head = &bytes[..bytes.len().min(200)];
    let head = head.strip_prefix(b"<?xml")?;
    let head = &head[..memchr::memmem::find(head, b"?>")?];
    let after = &head[memchr::memmem::find(head, b"encoding")? + b"encoding".len()..];
    let after = after.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, rest) = after.split_first()?;
    let value = &rest[..memchr::memchr(*quote, rest)?];
    std::str::from_utf8(value).ok().map(str::to_ascii_lowercase)
}

/// Escapes character data in the canonical way: what we write is canonical as it stands.
pub(crate) fn push_text(out: &mut String, text: &str) {
    // A document is mostly one long base64 text: whole runs are found by the vectorised search.
    if memchr::memchr(b'\r', text.as_bytes()).is_none()
        && memchr::memchr3(b'&', b'<', b'>', text.as_bytes()).is_none()
    {
        out.push_str(text);
        return;
    }
    push_escaped(out, text, |byte| match byte {
        b'&' => "&amp;",
        b'<' => "&lt;",
        b'>' => "&gt;",
        b'\r' => "&#xD;",
        _ => "",
    });
}

/// Escapes an attribute value in the canonical way.
pub(crate) fn push_attribute(out: &mut String, value: &str) {
    push_escaped(out, value, |byte| match byte {
        b'&' => "&amp;",
        b'<' => "&lt;",
        b'"' => "&quot;",
        b'\t' => "&#x9;",
        b'\n' => "&#xA;",
        b'\r' => "&#xD;",
        _ => "",
    });
}

/// Copies runs without special byte whole. Special bytes are ASCII, hence never inside a character.
fn push_escaped(out: &mut String, text: &str, escape: impl Fn(u8) -> &'static str) {
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escaped = escape(byte);
        if !escaped.is_empty() {
            out.push_str(&text[from..at]);
            out.push_str(escaped);
            from = at + 1;
        }
    }
    out.push_str(&text[from..]);
}

/// Whether XML 1.0 can carry the text: no control character but tab, line feed and carriage return, no U+FFFE, U+FFFF.
pub(crate) fn is_xml_text(text: &str) -> bool {
    // Without short circuit, so that the compiler counts many bytes at once.
    let controls = text.bytes().fold(0_usize, |count, byte| {
        count + usize::from((byte < 0x20) & (byte != b'\t') & (byte != b'\n') & (byte != b'\r'))
    });
    let bytes = text.as_bytes();
    let noncharacter = |at: usize| matches!(&bytes[at..], [0xef, 0xbf, 0xbe | 0xbf, ..]);
    controls == 0 && !memchr::memchr_iter(0xef, bytes).any(noncharacter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_of_the_field_are_read_and_others_refused() {
        assert_eq!(decode(b"\xef\xbb\xbf<a/>").unwrap(), "<a/>");
        assert_eq!(decode("<é/>".as_bytes()).unwrap(), "<é/>");
        let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9\x80</a>";
        assert!(decode(latin).unwrap().ends_with("<a>é\u{80}</a>"));
        let fifteen = b"<?xml version='1.0' encoding = \"iso-8859-15\"?><a>\xa4</a>";
        assert!(decode(fifteen).unwrap().ends_with("<a>€</a>"));
        assert!(decode(b"<?xml version='1.0' encoding='ebcdic-fr'?><a/>").is_err());
        assert!(decode(b"\xff\xfe<\0a\0/\0>\0").is_err());
        assert_eq!(decode(b"<a>\xe9</a>"), Err(Error::Xml { offset: 3, reason: "bytes are not utf-8" }));
    }

    #[test]
    fn text_that_xml_cannot_carry_is_told() {
        assert!(is_xml_text("a\t\n\ré\u{7f}\u{85}\u{fffd}\u{1f600}"));
        for wrong in ["\0", "\u{1f}", "a\u{b}", "é\u{fffe}", "\u{ffff}"] {
            assert!(!is_xml_text(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn escapes_are_the_canonical_ones() {
        let (mut text, mut attribute) = (String::new(), String::new());
        push_text(&mut text, "a&b<c>\"d\"\r\n\té&");
        push_attribute(&mut attribute, "a&b<c>\"d\"\r\n\té&");
        assert_eq!(text, "a&amp;b&lt;c&gt;\"d\"&#xD;\n\té&amp;");
        assert_eq!(attribute, "a&amp;b&lt;c>&quot;d&quot;&#xD;&#xA;&#x9;é&amp;");
    }
}
