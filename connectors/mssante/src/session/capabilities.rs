//! What a server offers, as its answer to EHLO says.
//! In: a reply. Out: the few things this client uses. Sources: RFC 1870, 3207, 3461, 4954.

use super::reply::Reply;

/// Extensions this client uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// STARTTLS.
    pub starttls: bool,
    /// DSN.
    pub dsn: bool,
    /// Largest mail taken, in bytes; `Some(0)`: no limit said; `None`: SIZE not offered.
    pub size: Option<u64>,
    /// Mechanisms of AUTH, upper case.
    pub auth: Vec<String>,
}

impl Capabilities {
    /// Reads the lines after the greeting; unknown ones are ignored.
    pub fn of(reply: &Reply) -> Self {
        let mut found = Self::default();
        for line in reply.lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("STARTTLS") => found.starttls = true,
                Some("DSN") => found.dsn = true,
                Some("SIZE") => found.size = Some(words.next().and_then(|n| n.parse().ok()).unwrap_or(0)),
                Some("AUTH") => found.auth.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        found
    }

    /// Whether a SASL mechanism is offered.
    pub fn offers(&self, mechanism: &str) -> bool {
        self.auth.iter().any(|offered| offered == mechanism)
    }
}
