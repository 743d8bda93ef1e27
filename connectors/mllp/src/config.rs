//! Settings of a partner with `connector: mllp`, checked before anything opens.
//! In: the block of the partner, read field by field. Out: [`Settings`], or diagnoses with their place.
//! Source: hl7v2.md §2.13, §6.6; architecture §4.12 and §10. What no text fixes (ports, TLS, sizes, waits) is a key here.

use std::{net::SocketAddr, time::Duration};

use jonction_model::{Environment, Mode};
use jonction_net::{Anchors, ClientAuth, Endpoint, Identity, MaterialError, ServerTls, server_config};
use jonction_settings::{Diagnoses, Fields, fields::scalar, parse};

use crate::{
    acknowledgements::Acknowledgements,
    senders::{CertificateRule, Network, SenderRule},
    session::{ClientLimits, ServerLimits},
    wire::FrameLimits,
};

/// Largest list of senders a partner may have.
const SENDERS_MAX: usize = 1000;

/// What a partner of this connector says in the configuration, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where we listen for its messages; `None`: it only receives.
    pub listen: Option<SocketAddr>,
    /// Name of our TLS identity, for listening and for calling. `None`: listening is in clear.
    pub identity: Option<String>,
    /// Name of the trust anchors for its certificates; `None`: those of the gateway.
    pub trust: Option<String>,
    /// Whether callers must show a certificate (IHE ATNA: mutual). Only with an identity.
    pub client_certificate: bool,
    /// What it may send.
    pub messages: Messages,
    /// Original mode, or accept and application acknowledgements apart; of what it sends, and of what we send it.
    pub acknowledgements: Acknowledgements,
    /// For whom it may speak. Never empty when it listens.
    pub senders: Vec<SenderRule>,
    /// Where its ZAM go; `None`: it gets none.
    pub send_to: Option<Target>,
    /// MSH-3 to MSH-6 of what a mapping sends to it and leaves open: how we are called, how it is called.
    pub ends: [String; 4],
    /// What a positive ZAM^Z02 stands for.
    pub z02_on: Z02On,
    /// What the text says, or what the field does.
    pub mode: Mode,
    /// Bounds.
    pub limits: Limits,
}

/// What a partner may send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Messages {
    /// Documents of the volet, nothing else: another type is AE 200.
    #[default]
    Documents,
    /// Any message: documents are judged as such, the others by what every message must have.
    Any,
}

/// Where an MLLP receiver is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Host and port.
    pub endpoint: Endpoint,
    /// `mllps://`: in TLS.
    pub tls: bool,
}

impl Target {
    /// `mllp://host:port` in clear, `mllps://host:port` in TLS. The port is always written: none is usual in France.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || "mllp://hôte:port, ou mllps://hôte:port pour TLS".to_owned();
        let (tls, authority) = match text.split_once("://") {
            Some(("mllp", authority)) => (false, authority),
            Some(("mllps", authority)) => (true, authority),
            _ => return Err(expected()),
        };
        let endpoint = Endpoint::parse(authority.trim_end_matches('/')).map_err(|_| expected())?;
        Ok(Self { endpoint, tls })
    }
}

/// What a positive ZAM^Z02 stands for. Source: architecture §10 « ZAM^Z02 », decision 0008.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Z02On {
    /// The mailbox took the mail (delivery notice).
    #[default]
    Dsn,
    /// The operator took the mail; for operators that send no positive notices.
    Submission,
}

/// Bounds on both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the same time.
    pub connections_max: usize,
    /// Longest TLS handshake.
    pub handshake_timeout: Duration,
    /// Of each incoming link.
    pub server: ServerLimits,
    /// Bytes of unfinished and unanswered messages, over all links of the partner. At least one whole frame.
    pub in_flight_bytes_max: usize,
    /// Messages in one frame (batches).
    pub batch_messages_max: usize,
    /// Of each outgoing link.
    pub client: ClientLimits,
    /// Longest TCP and TLS set-up of a call.
    pub connect_timeout: Duration,
    /// Outgoing links at the same time. ZAM need no order among themselves (hl7v2.md §2.13).
    pub outgoing_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 64,
            handshake_timeout: Duration::from_secs(10),
            server: ServerLimits::default(),
            in_flight_bytes_max: 256 << 20,
            batch_messages_max: 1000,
            client: ClientLimits::default(),
            connect_timeout: Duration::from_secs(10),
            outgoing_max: 2,
        }
    }
}

impl Settings {
    /// Reads the block of a partner. `fields` has had its common keys (`connector`) asked for by the caller, who also
    /// calls `finish`. `mode` is the gateway's. `None`: something compulsory is missing.
    pub fn read(
        fields: &mut Fields<'_>,
        environment: Environment,
        mode: Mode,
        diagnoses: &mut Diagnoses,
    ) -> Option<Self> {
        let errors = diagnoses.counts().0;
        let span = fields.span();
        let listen_node = fields.node("listen");
        let listen = listen_node.and_then(|node| scalar(node, "listen", parse::socket_address, diagnoses));
        let identity = fields.optional("identity", parse::text, diagnoses);
        let trust = fields.optional("trust", parse::text, diagnoses);
        let client_certificate =
            fields.choice("client_certificate", true, &[("required", true), ("none", false)], diagnoses);
        let messages = fields.choice(
            "messages",
            Messages::default(),
            &[("documents", Messages::Documents), ("any", Messages::Any)],
            diagnoses,
        );
        let acknowledgements = fields.choice(
            "acknowledgements",
            Acknowledgements::default(),
            &[("original", Acknowledgements::Original), ("enhanced", Acknowledgements::Enhanced)],
            diagnoses,
        );
        let senders = read_senders(fields, diagnoses);
        let send_to_node = fields.node("send_to");
        let send_to = send_to_node.and_then(|node| scalar(node, "send_to", Target::parse, diagnoses));
        let ends = read_ends(fields, diagnoses);
        let z02_on = fields.choice(
            "z02_on",
            Z02On::default(),
            &[("dsn", Z02On::Dsn), ("submission", Z02On::Submission)],
            diagnoses,
        );
        let mode =
            fields.choice("mode", mode, &[("strict", Mode::Strict), ("tolerant", Mode::Tolerant)], diagnoses);
        let limits = read_limits(fields, diagnoses);

        if listen_node.is_none() && send_to_node.is_none() {
            diagnoses.error("mllp.neither-way", span, "ce partenaire n'émet ni ne reçoit rien").remedy(
                "ajouter « listen: adresse:port » (il émet) ou « send_to: mllp://hôte:port » (il reçoit)",
            );
        }
        if listen_node.is_some() && senders.is_empty() {
            diagnoses
                .error("mllp.no-senders", span, "personne n'est autorisé à émettre : « senders » manque")
                .remedy("lister les émetteurs : « senders: [{ facility: MSH-4, application: MSH-3 }] »");
        }
        let in_clear = listen.filter(|address| identity.is_none() && !address.ip().is_loopback());
        if let (Some(_), Some(node), Environment::Production) = (in_clear, listen_node, environment) {
            diagnoses
                .warning("mllp.in-clear", &node.span, "des données de santé arriveront en clair sur ce port")
                .remedy("ajouter « identity » (TLS), ou n'écouter que derrière un tunnel chiffré");
        }
        let complete = diagnoses.counts().0 == errors;
        complete.then_some(Self {
            listen,
            identity,
            trust,
            client_certificate,
            messages,
            acknowledgements,
            senders,
            send_to,
            ends,
            z02_on,
            mode,
            limits,
        })
    }
}

impl Settings {
    /// TLS of the listener, from the identity and the anchors that the settings name.
    pub fn server_tls(&self, identity: &Identity, trust: &Anchors) -> Result<ServerTls, MaterialError> {
        let auth = if self.client_certificate { ClientAuth::Required(trust) } else { ClientAuth::None };
        server_config(identity, auth).map(ServerTls::new)
    }
}

fn read_senders(fields: &mut Fields<'_>, diagnoses: &mut Diagnoses) -> Vec<SenderRule> {
    let nodes = fields.list("senders");
    if let Some(node) = nodes.get(SENDERS_MAX) {
        diagnoses.error("settings.too-many", &node.span, format!("plus de {SENDERS_MAX} émetteurs"));
    }
    let mut senders = Vec::new();
    for node in nodes.iter().take(SENDERS_MAX) {
        let Some(mut block) = Fields::of(node, "l'émetteur", diagnoses) else { continue };
        let facility = block.required("facility", parse::text, diagnoses);
        let rule = SenderRule {
            application: block.optional("application", parse::text, diagnoses),
            facility: facility.unwrap_or_default(),
            certificate: block.optional("certificate", CertificateRule::parse, diagnoses),
            network: block.optional("network", Network::parse, diagnoses),
        };
        block.finish(diagnoses);
        senders.push(rule);
    }
    senders
}

/// `sending_as: { application: …, facility: … }`, `receiver: { application: …, facility: … }`.
fn read_ends(fields: &mut Fields<'_>, diagnoses: &mut Diagnoses) -> [String; 4] {
    let mut end = |key: &'static str, application: &str| {
        let given = fields.node(key).and_then(|node| Fields::of(node, key, diagnoses));
        let Some(mut block) = given else { return [application.to_owned(), String::new()] };
        let names = [("application", application), ("facility", "")]
            .map(|(key, default)| block.or(key, default.to_owned(), parse::text, diagnoses));
        block.finish(diagnoses);
        names
    };
    let ([a, b], [c, d]) = (end("sending_as", "JONCTION"), end("receiver", ""));
    [a, b, c, d]
}

fn read_limits(fields: &mut Fields<'_>, diagnoses: &mut Diagnoses) -> Limits {
    let default = Limits::default();
    let Some(node) = fields.node("limits") else { return default };
    let Some(mut block) = Fields::of(node, "les limites", diagnoses) else { return default };
    let bytes = |text: &str| {
        let size = parse::size(text)?;
        usize::try_from(size)
            .ok()
            .filter(|size| (1024..=1 << 31).contains(size))
            .ok_or_else(|| "une taille de 1KB à 2GB".to_owned())
    };
    let count =
        |high: u64| move |text: &str| parse::number(1, high)(text).map(|n| usize::try_from(n).unwrap_or(1));
    let message_max = block.or("message_max", default.server.frames.frame_bytes_max, bytes, diagnoses);
    let limits = Limits {
        connections_max: block.or("connections_max", default.connections_max, count(10_000), diagnoses),
        handshake_timeout: block.or(
            "handshake_timeout",
            default.handshake_timeout,
            parse::duration,
            diagnoses,
        ),
        server: ServerLimits {
            frames: FrameLimits { frame_bytes_max: message_max, ..default.server.frames },
            queue_max: block.or("queue_max", default.server.queue_max, count(1000), diagnoses),
            message_timeout: block.or(
                "message_timeout",
                default.server.message_timeout,
                parse::duration,
                diagnoses,
            ),
            idle_timeout: block.optional("idle_timeout", parse::duration, diagnoses),
        },
        in_flight_bytes_max: block.or(
            "in_flight_max",
            default.in_flight_bytes_max.max(message_max.saturating_mul(2)),
            bytes,
            diagnoses,
        ),
        batch_messages_max: block.or("batch_max", default.batch_messages_max, count(100_000), diagnoses),
        client: ClientLimits {
            ack_timeout: block.or("ack_timeout", default.client.ack_timeout, parse::duration, diagnoses),
            ..default.client
        },
        connect_timeout: block.or("connect_timeout", default.connect_timeout, parse::duration, diagnoses),
        outgoing_max: block.or("outgoing_max", default.outgoing_max, count(64), diagnoses),
    };
    if limits.in_flight_bytes_max <= message_max {
        diagnoses
            .error(
                "mllp.budget-too-small",
                &node.span,
                "« in_flight_max » ne contient pas un seul message de « message_max »",
            )
            .remedy("donner à « in_flight_max » au moins deux fois « message_max »");
    }
    block.finish(diagnoses);
    limits
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jonction_settings::SourceFile;

    use super::*;

    fn read(environment: Environment, text: &str) -> (Option<Settings>, Vec<String>) {
        let file = Arc::new(SourceFile { path: "essai.yaml".into(), text: text.to_owned() });
        let mut diagnoses = Diagnoses::default();
        let node = jonction_settings::read(file, &mut diagnoses).unwrap();
        let mut fields = Fields::of(&node, "le partenaire", &mut diagnoses).unwrap();
        let settings = Settings::read(&mut fields, environment, Mode::Tolerant, &mut diagnoses);
        fields.finish(&mut diagnoses);
        (settings, diagnoses.list().iter().map(|diagnosis| diagnosis.code.clone()).collect())
    }

    const WHOLE: &str = "
listen: 0.0.0.0:2575
identity: passerelle
trust: igc
senders:
  - { application: DPI, facility: CHU, certificate: dpi.chu.example }
  - { facility: CLINIQUE, network: 10.1.0.0/16 }
send_to: mllps://dpi.chu.example:2576
z02_on: submission
mode: strict
limits: { message_max: 10MB, queue_max: 4, idle_timeout: 1h, ack_timeout: 5s }
";

    #[test]
    fn a_whole_block_is_read() {
        let (settings, codes) = read(Environment::Production, WHOLE);
        let settings = settings.unwrap();
        assert!(codes.is_empty(), "{codes:?}");
        assert_eq!(settings.senders.len(), 2);
        assert_eq!(
            settings.send_to,
            Some(Target { endpoint: Endpoint { host: "dpi.chu.example".to_owned(), port: 2576 }, tls: true })
        );
        assert_eq!((settings.z02_on, settings.mode), (Z02On::Submission, Mode::Strict));
        assert!(settings.client_certificate, "mutual unless said otherwise");
        assert_eq!(settings.limits.server.frames.frame_bytes_max, 10 << 20);
        assert_eq!(settings.limits.server.idle_timeout, Some(Duration::from_secs(3600)));
    }

    #[test]
    fn what_is_missing_or_wrong_is_told_whole() {
        let codes = |text: &str| read(Environment::Test, text).1;
        assert_eq!(codes("mode: strict"), ["mllp.neither-way"]);
        assert_eq!(codes("listen: 127.0.0.1:0"), ["mllp.no-senders"]);
        assert_eq!(codes("send_to: tcp://a:1"), ["settings.wrong-value"]);
        assert_eq!(
            codes("listen: 127.0.0.1:0\nsenders: [{ application: A }]\nlimit: {}"),
            ["settings.missing-key", "settings.unknown-key"]
        );
        assert_eq!(
            codes("send_to: mllp://a:1\nlimits: { message_max: 10MB, in_flight_max: 10MB }"),
            ["mllp.budget-too-small"]
        );
    }

    #[test]
    fn listening_in_clear_is_warned_of_in_production_only_and_never_on_loopback() {
        let block = |address: &str| format!("listen: {address}\nsenders: [{{ facility: CHU }}]");
        assert_eq!(read(Environment::Production, &block("0.0.0.0:2575")).1, ["mllp.in-clear"]);
        assert!(read(Environment::Production, &block("0.0.0.0:2575")).0.is_some(), "a warning stops nothing");
        assert!(read(Environment::Production, &block("127.0.0.1:2575")).1.is_empty());
        assert!(read(Environment::Test, &block("0.0.0.0:2575")).1.is_empty());
    }
}
