//! Subject of a certificate, attribute by attribute.
//! In: DER, or RFC 4514 text from the configuration. Out: attributes by OID, in order; comparison without order.
//! Source: dependencies §2.2 « Match OIDs, never the printed string ».

use std::fmt::Write as _;

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::*;

/// The certificate could not be read, or a text is not a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a readable certificate subject")]
pub struct SubjectError;

/// Names of RFC 4514 §3, and those of French certificates (IGC-Santé) beside them.
const NAMES: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.42", "GN"),
    ("2.5.4.97", "organizationIdentifier"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// One attribute of a subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Attribute {
    /// OID of its type, dotted.
    pub oid: String,
    /// Its value, decoded.
    pub value: String,
}

/// A subject: relative names in the order of the certificate, each of one attribute or (rarely) several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    names: Vec<Vec<Attribute>>,
}

impl Subject {
    /// Subject of a DER certificate. Errors: not a certificate, a value in a text form we do not read.
    pub fn of_certificate(certificate: &CertificateDer<'_>) -> Result<Self, SubjectError> {
        let (_, certificate) = parse_x509_certificate(certificate).map_err(|_| SubjectError)?;
        let attribute = |attribute: &AttributeTypeAndValue<'_>| {
            Ok(Attribute {
                oid: attribute.attr_type().to_id_string(),
                value: attribute.as_str().map_err(|_| SubjectError)?.to_owned(),
            })
        };
        let names = certificate
            .subject()
            .iter_rdn()
            .map(|name| name.iter().map(attribute).collect::<Result<Vec<_>, _>>())
            .collect::<Result<_, _>>()?;
        Ok(Self { names })
    }

    /// Reads RFC 4514 text (`CN=sil,OU=318…,O=CHU,C=FR`): names of the standard or dotted OIDs, blanks around separators
    /// allowed, `\` escapes. Errors: unknown name, missing `=`, a dangling escape.
    pub fn parse(text: &str) -> Result<Self, SubjectError> {
        let mut names = Vec::new();
        for name in split_unescaped(text, ',') {
            let attributes =
                split_unescaped(name, '+').into_iter().map(parse_attribute).collect::<Result<_, _>>()?;
            names.push(attributes);
        }
        // RFC 4514 writes the last name first.
        names.reverse();
        Ok(Self { names })
    }

    /// All attributes, in the order of the certificate.
    pub fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.names.iter().flatten()
    }

    /// Values of one type, in order. A subject may have several.
    pub fn values<'a>(&'a self, oid: &'a str) -> impl Iterator<Item = &'a str> {
        self.attributes().filter(move |a| a.oid == oid).map(|a| a.value.as_str())
    }

    /// First common name.
    pub fn cn(&self) -> Option<&str> {
        self.values("2.5.4.3").next()
    }

    /// First organisation.
    pub fn organization(&self) -> Option<&str> {
        self.values("2.5.4.10").next()
    }

    /// Every organisational unit.
    pub fn ou(&self) -> Vec<&str> {
        self.values("2.5.4.11").collect()
    }

    /// RFC 4514 text: last name first, values escaped.
    pub fn rfc4514(&self) -> String {
        let mut text = String::new();
        for (at, name) in self.names.iter().rev().enumerate() {
            text.push_str(if at == 0 { "" } else { "," });
            for (at, attribute) in name.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "+" });
                let oid = attribute.oid.as_str();
                let known = NAMES.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name);
                text.push_str(known.unwrap_or(oid));
                text.push('=');
                escape(&attribute.value, &mut text);
            }
        }
        text
    }

    /// Whether both hold the same relative names, whatever their order: printers disagree on it.
    pub fn same_names(&self, other: &Self) -> bool {
        let sorted = |subject: &Self| {
            let mut names = subject.names.clone();
            names.iter_mut().for_each(|name| name.sort());
            names.sort();
            names
        };
        sorted(self) == sorted(other)
    }
}

fn escape(value: &str, out: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (at, c) in value.chars().enumerate() {
        let edge_blank = c == ' ' && (at == 0 || at == last);
        if edge_blank || matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';') || (c == '#' && at == 0) {
            out.push('\\');
            out.push(c);
        } else if c.is_control() {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\{byte:02X}");
            }
        } else {
            out.push(c);
        }
    }
}

fn split_unescaped(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == separator {
            parts.push(&text[start..at]);
            start = at + c.len_utf8();
        }
    }
    parts.push(&text[start..]);
    parts
}

fn parse_attribute(text: &str) -> Result<Attribute, SubjectError> {
    let (name, value) = text.split_once('=').ok_or(SubjectError)?;
    let name = name.trim();
    let is_oid = name.contains('.') && name.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let oid = match NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)) {
        Some((oid, _)) => *oid,
        None if is_oid => name,
        None => return Err(SubjectError),
    };
    Ok(Attribute { oid: oid.to_owned(), value: unescape(value)? })
}

fn unescape(text: &str) -> Result<String, SubjectError> {
    let bytes = text.trim_start().as_bytes();
    let (mut out, mut at, mut kept) = (Vec::with_capacity(bytes.len()), 0, 0);
    while let Some(&byte) = bytes.get(at) {
        let hex = |at: usize| bytes.get(at).and_then(|b| (*b as char).to_digit(16));
        if byte != b'\\' {
            out.push(byte);
            at += 1;
            // Blanks at the end are kept only when escaped.
            if byte != b' ' {
                kept = out.len();
            }
            continue;
        }
        if let (Some(high), Some(low)) = (hex(at + 1), hex(at + 2)) {
            out.push(u8::try_from(high * 16 + low).map_err(|_| SubjectError)?);
            at += 3;
        } else {
            out.push(*bytes.get(at + 1).ok_or(SubjectError)?);
            at += 2;
        }
        kept = out.len();
    }
    out.truncate(kept);
    String::from_utf8(out).map_err(|_| SubjectError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_back_whatever_it_holds() {
        for text in [
            "CN=sil,OU=318751275100020,O=CHU\\, site nord,C=FR",
            "CN=\\ a\\+b\\ ,2.5.4.99=x",
            "CN=a+serialNumber=1,C=FR",
        ] {
            assert_eq!(Subject::parse(text).unwrap().rfc4514(), text);
        }
        assert_eq!(Subject::parse("cn = \\C3\\A9t\\C3\\A9 , c=FR").unwrap().rfc4514(), "CN=été,C=FR");
    }

    #[test]
    fn the_order_of_the_names_does_not_matter_but_their_values_do() {
        let subject = |text| Subject::parse(text).unwrap();
        let reference = subject("CN=sil,OU=a,OU=b,C=FR");
        assert!(reference.same_names(&subject("C=FR, OU=b, OU=a, CN=sil")));
        for other in ["CN=sil,OU=a,C=FR", "CN=sil,OU=a,OU=a,C=FR", "CN=SIL,OU=a,OU=b,C=FR"] {
            assert!(!reference.same_names(&subject(other)), "{other}");
        }
    }

    #[test]
    fn what_is_not_a_subject_is_refused() {
        for wrong in ["", "sil", "NOPE=x", "CN=a\\", "CN=a,", "CN=\\FF"] {
            assert_eq!(Subject::parse(wrong), Err(SubjectError), "{wrong:?}");
        }
    }
}
