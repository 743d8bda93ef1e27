//! Addresses of services.
//! In: text of a setting, or of an answer. Out: host, port, path. Deliberately absent: user information, fragments.

use std::fmt;

use jonction_net::Endpoint;

/// An `http` or `https` address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Url {
    /// Whether it is `https`.
    pub secure: bool,
    /// Host and port.
    pub endpoint: Endpoint,
    /// Path with its query, from `/`.
    pub path: String,
}

impl Url {
    /// Reads an address. Errors: what was expected, in French.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || "une adresse https://hôte[:port]/chemin".to_owned();
        let text = text.trim();
        let (secure, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ => return Err(expected()),
        };
        let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let endpoint = Endpoint::of_url(text, if secure { 443 } else { 80 }).map_err(|_| expected())?;
        let path = rest[at..].split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let path_ok = |c: u8| c.is_ascii_graphic() && !b"\"<>\\^`".contains(&c);
        if !path.bytes().all(path_ok) {
            return Err(expected());
        }
        Ok(Self { secure, endpoint, path })
    }

    /// An address found in an answer of this one: whole, or a path.
    pub fn join(&self, text: &str) -> Result<Self, String> {
        if text.starts_with('/') && !text.starts_with("//") {
            return Self::parse(&format!("{}{text}", self.origin()));
        }
        Self::parse(text)
    }

    /// This address with something added to its path.
    pub fn at(&self, more: &str) -> Result<Self, String> {
        Self::parse(&format!("{}{}{more}", self.origin(), self.path.trim_end_matches('/')))
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.host_header())
    }

    /// Whether secrets meant for this address may go to the other one.
    pub fn same_origin(&self, other: &Self) -> bool {
        self.secure == other.secure && self.endpoint == other.endpoint
    }

    /// What `Host` says: the usual port is left out.
    pub fn host_header(&self) -> String {
        let whole = self.endpoint.to_string();
        let usual = if self.secure { ":443" } else { ":80" };
        whole.strip_suffix(usual).map_or(whole.clone(), str::to_owned)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.path)
    }
}

/// A value inside a query.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded += &format!("%{byte:02X}");
        }
    }
    encoded
}

/// The parameters of a query, decoded, in order. What is not UTF-8 once decoded is dropped.
pub fn decode_query(path: &str) -> Vec<(String, String)> {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decode(name)?, decode(value)?))
    };
    query.split('&').filter(|text| !text.is_empty()).filter_map(pair).collect()
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_joined() {
        let url = Url::parse("https://annuaire.example/fhir/v2/").unwrap();
        assert_eq!(
            url.at("/Practitioner?_count=5").unwrap().to_string(),
            "https://annuaire.example/fhir/v2/Practitioner?_count=5"
        );
        assert_eq!(url.join("/x?y=1").unwrap().to_string(), "https://annuaire.example/x?y=1");
        let other = url.join("https://annuaire.example:8443/x").unwrap();
        assert!(!url.same_origin(&other) && url.same_origin(&url.join("/z").unwrap()));
        assert!(!url.same_origin(&url.join("http://annuaire.example:443/x").unwrap()));
        for wrong in ["ftp://a/b", "a/b", "https://", "https://u@a/", "https://a/b c", "//a/b"] {
            assert!(Url::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_query_comes_back_as_it_was_written() {
        let value = "https://x|ge2026-01-01T00:00:00+01:00 é&=";
        let query = decode_query(&format!("/p?a={}&b&c=%zz", encode(value)));
        assert_eq!(query, [("a".to_owned(), value.to_owned()), ("b".to_owned(), String::new())]);
    }
}
