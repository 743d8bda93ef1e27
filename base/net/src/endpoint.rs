//! Where to dial: host and port.
//! In: `host:port`, `[v6]:port`, or a URL whose authority counts. Out: a checked endpoint.

use std::{fmt, net::IpAddr};

/// A text is not an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an endpoint: expected host:port")]
pub struct EndpointError;

/// A host (name or address) and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Name, IPv4 address, or IPv6 address without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl Endpoint {
    /// Reads `host:port`. Errors: no port, port 0 or above 65535, empty host, blanks, user information.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let (host, port) = split(text)?;
        Self::new(host, port.ok_or(EndpointError)?)
    }

    /// Reads the authority of a URL (`mllp://host:2575`, `https://host/path`); a port left out is `default_port`.
    /// A text without `://` is read as an authority.
    pub fn of_url(url: &str, default_port: u16) -> Result<Self, EndpointError> {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = split(authority)?;
        Self::new(host, port.unwrap_or(default_port))
    }

    fn new(host: &str, port: u16) -> Result<Self, EndpointError> {
        let is_name = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        let well_formed =
            !host.is_empty() && host.len() <= 253 && (is_name || host.parse::<IpAddr>().is_ok());
        if !well_formed || port == 0 {
            return Err(EndpointError);
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

fn split(text: &str) -> Result<(&str, Option<u16>), EndpointError> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(v6) => v6.split_once(']').ok_or(EndpointError)?,
        None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
    };
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Ok((host, None)),
        None => Err(EndpointError),
        // `u16::from_str` takes a leading `+`; a port does not.
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => {
            Ok((host, Some(port.parse().map_err(|_| EndpointError)?)))
        }
        Some(_) => Err(EndpointError),
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(host: &str, port: u16) -> Result<Endpoint, EndpointError> {
        Ok(Endpoint { host: host.to_owned(), port })
    }

    #[test]
    fn hosts_and_ports_are_told_apart_in_every_form() {
        assert_eq!(Endpoint::parse("sil.chu.example:2575"), endpoint("sil.chu.example", 2575));
        assert_eq!(Endpoint::parse("[::1]:2575"), endpoint("::1", 2575));
        assert_eq!(Endpoint::of_url("https://dmp.example/si/v1?x", 443), endpoint("dmp.example", 443));
        assert_eq!(Endpoint::of_url("mllp://127.0.0.1:2575", 1), endpoint("127.0.0.1", 2575));
        assert_eq!(Endpoint::parse("[::1]:2575").unwrap().to_string(), "[::1]:2575");
    }

    #[test]
    fn what_is_not_an_endpoint_is_refused() {
        for wrong in [
            "",
            ":1",
            "a",
            "a:",
            "a:0",
            "a:65536",
            "a:+1",
            "a b:1",
            "u@a:1",
            "::1:2575",
            "[::1:2575",
            "a:1:2",
        ] {
            assert_eq!(Endpoint::parse(wrong), Err(EndpointError), "{wrong:?}");
        }
    }
}
