//! Block `admin` of `jonction.yaml`: where the administration listens, who may ask.
//! In: YAML. Out: checked settings; anything that would show the administration to a network in clear is refused.

use std::net::{Ipv4Addr, SocketAddr};

use jonction_settings::{Diagnoses, Fields, Node, Secret, Span, parse};

/// What the author wrote, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens. Default: a free port of the loopback, told in `admin.json` of the data folder.
    pub listen: SocketAddr,
    /// Name of its TLS identity: required outside the loopback.
    pub identity: Option<(String, Span)>,
    /// Token of monitoring programs. Absent: only the local one, made at each start, opens.
    pub token: Option<Secret>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), identity: None, token: None }
    }
}

impl Settings {
    /// Reads the block. Its mistakes are noted, and what is wrong counts as absent.
    pub fn read(node: &Node, diagnoses: &mut Diagnoses) -> Self {
        let default = Self::default();
        let Some(mut fields) = Fields::of(node, "admin", diagnoses) else { return default };
        let span = fields.node("listen").map(|node| node.span.clone());
        let listen = fields.or("listen", default.listen, parse::socket_address, diagnoses);
        let identity = fields.node("identity").map(|node| node.span.clone());
        let identity = fields.optional("identity", parse::text, diagnoses).zip(identity);
        let token = fields.optional("token", Secret::parse, diagnoses);
        if let (Some(span), None, false) = (span, &identity, listen.ip().is_loopback()) {
            diagnoses
                .error(
                    "admin.listen-in-clear",
                    &span,
                    "hors de cette machine, l'administration n'écoute qu'en TLS",
                )
                .remedy("ajouter « identity: … » (un nom du bloc identities), ou écouter sur 127.0.0.1");
        }
        fields.finish(diagnoses);
        Self { listen, identity, token }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jonction_settings::SourceFile;

    use super::*;

    fn read(text: &str) -> (Settings, Vec<String>) {
        let file = Arc::new(SourceFile { path: "jonction.yaml".into(), text: text.to_owned() });
        let mut diagnoses = Diagnoses::default();
        let node = jonction_settings::read(file, &mut diagnoses).unwrap();
        let settings = Settings::read(&node, &mut diagnoses);
        (settings, diagnoses.list().iter().map(|diagnosis| diagnosis.code.clone()).collect())
    }

    #[test]
    fn outside_the_loopback_a_certificate_is_required() {
        assert_eq!(read("listen: 0.0.0.0:9464").1, ["admin.listen-in-clear"]);
        assert!(read("{ listen: 0.0.0.0:9464, identity: passerelle }").1.is_empty());
        assert!(read("listen: '[::1]:9464'").1.is_empty());
    }

    #[test]
    fn a_token_in_clear_is_refused() {
        assert_eq!(read("token: abc").1, ["settings.wrong-value"]);
        assert_eq!(read("token: '@env:JETON'").0.token, Some(Secret::Env("JETON".to_owned())));
    }
}
