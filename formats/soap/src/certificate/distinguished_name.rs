//! Distinguished names, as certificates hold them and as assertions print them.
//! In: a certificate, or RFC 2253 text in any order. Out: text, comparison as sets of RDN.
//! Source: dmp-xds.md §5.2 (Issuer).

use x509_parser::{prelude::X509Certificate, x509::X509Name};

/// Attribute types that have a short name, with their OID. Others print as their OID.
const TYPES: &[(&str, &str)] = &[
    ("CN", "2.5.4.3"),
    ("OU", "2.5.4.11"),
    ("O", "2.5.4.10"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("C", "2.5.4.6"),
    ("STREET", "2.5.4.9"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    // Not in RFC 2253, but printed by the field's producers.
    ("SN", "2.5.4.4"),
    ("GN", "2.5.4.42"),
    ("S", "2.5.4.8"),
    ("SURNAME", "2.5.4.4"),
    ("GIVENNAME", "2.5.4.42"),
    ("SERIALNUMBER", "2.5.4.5"),
    ("T", "2.5.4.12"),
    ("TITLE", "2.5.4.12"),
    ("E", "1.2.840.113549.1.9.1"),
    ("EMAILADDRESS", "1.2.840.113549.1.9.1"),
];

/// How many of the rows above RFC 2253 knows: only these are written by their short name.
const WRITTEN: usize = 9;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Attribute {
    oid: String,
    value: String,
    /// `#hex` of the DER value, when it is written so.
    hex: Option<String>,
}

/// A distinguished name: RDN in the order of the certificate, each with one or more attributes.
#[derive(Clone, PartialEq, Eq)]
pub struct DistinguishedName(Vec<Vec<Attribute>>);

impl DistinguishedName {
    /// The subject of a certificate.
    pub(crate) fn subject(certificate: &X509Certificate<'_>) -> Self {
        Self::of(certificate.subject())
    }

    /// The issuer of a certificate.
    pub(crate) fn issuer(certificate: &X509Certificate<'_>) -> Self {
        Self::of(certificate.issuer())
    }

    fn of(name: &X509Name<'_>) -> Self {
        let attribute = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| {
            let oid = attribute.attr_type().to_id_string();
            let value = attribute.as_str().unwrap_or_default().to_owned();
            let known = TYPES[..WRITTEN].iter().any(|(_, known)| *known == oid) && !value.is_empty();
            let hex = (!known).then(|| hex_of(attribute.attr_value()));
            Attribute { oid, value, hex }
        };
        Self(name.iter_rdn().map(|rdn| rdn.iter().map(attribute).collect()).collect())
    }

    /// Reads RFC 2253 text, or text in the order of the certificate: `CN=…,OU=…` or `C=FR, ST=…`.
    /// `None` when it is no distinguished name.
    pub fn parse(text: &str) -> Option<Self> {
        let rdns: Option<Vec<_>> = split_unescaped(text, &[',', ';'])
            .into_iter()
            .map(|rdn| split_unescaped(rdn, &['+']).into_iter().map(parse_attribute).collect())
            .collect();
        rdns.map(Self)
    }

    /// RFC 2253 text: last RDN first, attributes without a short name as `OID=#hex`.
    pub fn to_rfc2253(&self) -> String {
        let attribute = |attribute: &Attribute| match &attribute.hex {
            Some(hex) => format!("{}={hex}", attribute.oid),
            None => {
                let short = TYPES.iter().find(|(_, oid)| *oid == attribute.oid);
                format!(
                    "{}={}",
                    short.map_or(attribute.oid.as_str(), |(short, _)| short),
                    escape(&attribute.value)
                )
            }
        };
        let rdn = |rdn: &Vec<Attribute>| rdn.iter().map(attribute).collect::<Vec<_>>().join("+");
        self.0.iter().rev().map(rdn).collect::<Vec<_>>().join(",")
    }

    /// Whether two names are the same set of RDN: producers differ by order, spacing and case of the types.
    pub fn same_as(&self, other: &Self) -> bool {
        let sorted = |name: &Self| {
            let mut rdns: Vec<Vec<(String, String)>> = name
                .0
                .iter()
                .map(|rdn| {
                    let mut rdn: Vec<_> = rdn.iter().map(|a| (a.oid.clone(), comparable(&a.value))).collect();
                    rdn.sort();
                    rdn
                })
                .collect();
            rdns.sort();
            rdns
        };
        sorted(self) == sorted(other)
    }

    /// Every value of an attribute type, by OID.
    pub fn values<'a>(&'a self, oid: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().flatten().filter(move |attribute| attribute.oid == oid).map(|a| a.value.as_str())
    }
}

/// A personal certificate names a person: only the number of RDN is printed.
impl std::fmt::Debug for DistinguishedName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DistinguishedName({} rdn)", self.0.len())
    }
}

fn parse_attribute(text: &str) -> Option<Attribute> {
    let (kind, value) = text.split_once('=')?;
    let kind = kind.trim();
    let kind = kind.strip_prefix("OID.").unwrap_or(kind);
    let short = TYPES.iter().find(|(short, _)| short.eq_ignore_ascii_case(kind));
    let dotted = kind.starts_with(|c: char| c.is_ascii_digit())
        && kind.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let oid = match short {
        Some((_, oid)) => (*oid).to_owned(),
        None if dotted => kind.to_owned(),
        None => return None,
    };
    let value = value.trim_start();
    if let Some(hex) = value.strip_prefix('#') {
        let value = text_of_hex(hex.trim_end())?;
        return Some(Attribute { oid, value, hex: Some(format!("#{}", hex.trim_end())) });
    }
    Some(Attribute { oid, value: unescape(value)?, hex: None })
}

/// Splits at separators that are neither escaped nor quoted.
fn split_unescaped<'t>(text: &'t str, separators: &[char]) -> Vec<&'t str> {
    let (mut parts, mut start, mut escaped, mut quoted) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            c if !quoted && separators.contains(&c) => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, c) in value.chars().enumerate() {
        let edge = (at == 0 && matches!(c, ' ' | '#')) || (at == last && c == ' ');
        if edge || matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Takes escapes, hexadecimal pairs and quotes away. An unescaped trailing blank is spacing.
fn unescape(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut keep = 0;
    let mut rest = value.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'\\' => {
                let pair = rest.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
                match pair.filter(|p| p.bytes().all(|b| b.is_ascii_hexdigit())) {
                    Some(pair) => {
                        bytes.push(u8::from_str_radix(pair, 16).ok()?);
                        rest = &rest[2..];
                    }
                    None => {
                        let (&escaped, after) = rest.split_first()?;
                        bytes.push(escaped);
                        rest = after;
                    }
                }
                keep = bytes.len();
            }
            b'"' => keep = bytes.len(),
            b' ' => bytes.push(b' '),
            other => {
                bytes.push(other);
                keep = bytes.len();
            }
        }
    }
    bytes.truncate(keep);
    String::from_utf8(bytes).ok()
}

/// Case and runs of blanks do not distinguish names (RFC 5280 §7.1).
fn comparable(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// `#` and the DER of the value: its tag, its length, its bytes.
fn hex_of(any: &x509_parser::asn1_rs::Any<'_>) -> String {
    use x509_parser::asn1_rs::ToDer as _;
    let der = any.to_der_vec().unwrap_or_default();
    der.iter().fold("#".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// The text inside a short DER string given in hexadecimal.
fn text_of_hex(hex: &str) -> Option<String> {
    if !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    let pairs = hex.as_bytes().chunks(2);
    let der: Option<Vec<u8>> =
        pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    let der = der?;
    let [_tag, length, text @ ..] = der.as_slice() else { return None };
    (usize::from(*length) == text.len() && *length < 0x80).then(|| String::from_utf8(text.to_vec()).ok())?
}
