//! Address of the DMP's services.
//! In: `https://host[:port]/si-dmp-server/v2/services`. Out: host, port and path. Source: dmp-xds.md §2.

use std::fmt;

use jonction_net::Endpoint;

/// Base address of the services; always `https`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    host: Endpoint,
    path: String,
}

/// One of the services of the DMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// ITI-18 and ITI-57.
    Registry,
    /// ITI-41.
    Repository,
}

impl Service {
    /// Last segment of its address.
    pub fn segment(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Repository => "repository",
        }
    }
}

impl BaseUrl {
    /// Reads a base address. Errors: what was expected, in French.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || "une adresse https://hôte[:port]/chemin, sans « ? » ni « # »".to_owned();
        let text = text.trim();
        let rest = text.strip_prefix("https://").ok_or_else(expected)?;
        let path = rest.find('/').map_or("", |at| rest[at..].trim_end_matches('/'));
        let path_ok = |c: u8| c.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&c);
        if rest.contains(['?', '#']) || !path.bytes().all(path_ok) {
            return Err(expected());
        }
        let host = Endpoint::of_url(text, 443).map_err(|_| expected())?;
        Ok(Self { host, path: path.to_owned() })
    }

    /// Host and port.
    pub fn endpoint(&self) -> &Endpoint {
        &self.host
    }

    /// `host:port`, for screens.
    pub fn authority(&self) -> String {
        self.host.to_string()
    }

    /// What `Host` says: the port is left out when it is that of https.
    pub fn host_header(&self) -> String {
        let authority = self.authority();
        authority.strip_suffix(":443").map_or(authority.clone(), str::to_owned)
    }

    /// Path of a service.
    pub fn path(&self, service: Service) -> String {
        format!("{}/{}", self.path, service.segment())
    }

    /// Whole address of a service: what `wsa:To` says.
    pub fn url(&self, service: Service) -> String {
        format!("https://{}{}", self.host_header(), self.path(service))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", self.host_header(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_services_hang_under_the_base_address() {
        let endpoint = BaseUrl::parse("https://dmp.example:8443/si-dmp-server/v2/services/").unwrap();
        assert_eq!(
            endpoint.url(Service::Repository),
            "https://dmp.example:8443/si-dmp-server/v2/services/repository"
        );
        assert_eq!(
            BaseUrl::parse("https://dmp.example").unwrap().url(Service::Registry),
            "https://dmp.example/registry"
        );
    }

    #[test]
    fn anything_but_a_plain_https_address_is_refused() {
        for wrong in [
            "http://dmp.example/x",
            "https://",
            "https://a:b/x",
            "https://a:0/x",
            "https://a:99999/x",
            "https://user@a/x",
            "https://a/x?y=1",
            "https://a/x y",
            "https://a\r\nHost: b/",
        ] {
            assert!(BaseUrl::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
