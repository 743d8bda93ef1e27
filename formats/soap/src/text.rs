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
fn declared_encoding(bytes: &[u8]) -> Option<String> {
    let head = &bytes[..bytes.len().min(200)];
    let head = head.strip_prefix(b"<?xml")?;
    let head = &head[..memchr::memmem::find(head, b"?>")?];
    let after = &head[memchr::memmem::find(head, b"encoding")? + b"encoding".len()..];
    let after = after.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, rest) = after.split_first()?;
    let value = &rest[..memchr::memchr(*quote, rest)?];
    std::str::from_utf8(value).ok().map(str::to_ascii_lowercase)
}

/// Escapes character data for our own writing, in the canonical way: our texts are canonical as they stand.
pub(crate) fn push_text(out: &mut String, text: &str) {
    for part in text.split_inclusive(['&', '<', '>', '\r']) {
        push_special(out, part, |c| match c {
            '&' => Some("&amp;"),
            '<' => Some("&lt;"),
            '>' => Some("&gt;"),
            '\r' => Some("&#xD;"),
            _ => None,
        });
    }
}

/// Escapes an attribute value, in the canonical way.
pub(crate) fn push_attribute(out: &mut String, value: &str) {
    for part in value.split_inclusive(['&', '<', '"', '\t', '\n', '\r']) {
        push_special(out, part, |c| match c {
            '&' => Some("&amp;"),
            '<' => Some("&lt;"),
            '"' => Some("&quot;"),
            '\t' => Some("&#x9;"),
            '\n' => Some("&#xA;"),
            '\r' => Some("&#xD;"),
            _ => None,
        });
    }
}

/// A run without special character, followed by at most one.
fn push_special(out: &mut String, part: &str, escape: impl Fn(char) -> Option<&'static str>) {
    match part.chars().next_back().and_then(|last| Some((last, escape(last)?))) {
        Some((last, escaped)) => {
            out.push_str(&part[..part.len() - last.len_utf8()]);
            out.push_str(escaped);
        }
        None => out.push_str(part),
    }
}

/// Whether XML 1.0 can carry the text: no control character but tab, line feed and carriage return.
pub(crate) fn is_xml_text(text: &str) -> bool {
    !text.bytes().any(|byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r'))
        && !text.contains(['\u{fffe}', '\u{ffff}'])
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
    fn escapes_are_the_canonical_ones() {
        let (mut text, mut attribute) = (String::new(), String::new());
        push_text(&mut text, "a&b<c>\"d\"\r\n\té&");
        push_attribute(&mut attribute, "a&b<c>\"d\"\r\n\té&");
        assert_eq!(text, "a&amp;b&lt;c&gt;\"d\"&#xD;\n\té&amp;");
        assert_eq!(attribute, "a&amp;b&lt;c>&quot;d&quot;&#xD;&#xA;&#x9;é&amp;");
    }
}
