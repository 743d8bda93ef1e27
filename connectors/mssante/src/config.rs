//! Settings of a partner with `connector: mssante`, checked before anything opens.
//! In: the block of the partner, read field by field. Out: [`Settings`], or diagnoses with their place.
//! Source: mssante.md §2.2 to §2.9, §3.3, §3.5. What the sheet marks unconfirmed is a key here.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use jonction_mime::Token;
use jonction_model::{Environment, Mode, MssAddress, Origin};
use jonction_net::Endpoint;
use jonction_settings::{Diagnoses, Fields, Node, Secret, parse};

use crate::session::Security;

/// What a partner of this connector says in the configuration, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Host of the operator's submission service.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Name that the server certificate must carry.
    pub server_name: String,
    /// How TLS begins.
    pub security: Security,
    /// Name of the TLS identity (ORG AUTH_CLI). `None`: no client certificate, in test only.
    pub identity: Option<String>,
    /// Name of the trust anchors; `None`: those of the gateway.
    pub trust: Option<String>,
    /// How the gateway says who it is.
    pub auth: AuthSettings,
    /// Name said in EHLO.
    pub client_name: String,
    /// Which mailbox a request leaves from, first match wins; the last one matches everything.
    pub senders: Vec<SenderRule>,
    /// Product number for `X-MSS-NIL`.
    pub nil: Option<Token>,
    /// Largest mail sent, in bytes; the SIZE announced by the operator holds as well.
    pub size_max: u64,
    /// Largest mail sent to a patient, in bytes.
    pub patient_size_max: u64,
    /// Liste blanche.
    pub whitelist: Option<WhitelistSettings>,
    /// What happens to a mail for a professional when the INS is not qualified.
    pub without_qualified_ins: Allow,
    /// What happens to a mail for a professional when the document is hidden from professionals.
    pub masque_ps: Allow,
    /// Whether delivery notices (DSN) are asked for when the operator offers them.
    pub dsn: bool,
    /// Whether `Return-Receipt-To` is written when a delivery report is wanted.
    pub return_receipt: bool,
    /// What happens when a document has no PDF copy of itself.
    pub without_pdf: WithoutPdf,
    /// Texts of the mails when the sender gives none.
    pub texts: Texts,
    /// Longest waits.
    pub timeouts: Timeouts,
    /// Connections.
    pub pool: PoolSettings,
    /// Bounds on what is built.
    pub limits: Limits,
}

/// SASL mechanism of a BAL APP: unconfirmed (mssante.md §2.5), hence a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthSettings {
    /// The client certificate alone.
    None,
    /// EXTERNAL, with the mailbox.
    External,
    /// PLAIN.
    Plain {
        /// User name.
        user: String,
        /// Where the password is.
        password: Secret,
    },
}

/// A mailbox of ours and the requests that leave from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderRule {
    /// MSH-3 it serves (first component); `None`: any.
    pub application: Option<String>,
    /// MSH-4 it serves (first component); `None`: any.
    pub facility: Option<String>,
    /// BAL APP.
    pub address: MssAddress,
    /// Display name, when the message names no structure.
    pub name: String,
}

/// Whether something is sent all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allow {
    /// Sent.
    Allow,
    /// Refused, and reported to the sender.
    Refuse,
}

/// What to do for a document without PDF copy. We cannot render one (mssante.md §3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutPdf {
    /// Sent with a sentence in the text, and a finding.
    Text,
    /// Put aside for a human, when a human reads the mailbox.
    Park,
}

/// Where the list is and how old it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhitelistSettings {
    /// File, kept up to date by whoever fetches it.
    pub file: PathBuf,
    /// Older than this, it no longer says no.
    pub age_max: Duration,
    /// Whether a cut list is read.
    pub mode: Mode,
}

/// Default texts, in French, without any datum of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// First sending.
    pub submit: String,
    /// New version: must say that it replaces (mssante.md §3.7).
    pub replace: String,
    /// Deletion: must say which document is to be deleted.
    pub delete: String,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            submit: "Bonjour,\n\nVous trouverez ci-joint un document de santé.".to_owned(),
            replace: "Bonjour,\n\nLe document ci-joint annule et remplace une version précédente, qui vous a été \
                      envoyée par ce même canal et ne doit plus être utilisée."
                .to_owned(),
            delete: "Bonjour,\n\nLe document ci-joint, qui vous a été envoyé par ce même canal, a été supprimé par son \
                     auteur. Merci de le supprimer aussi et de ne plus l'utiliser."
                .to_owned(),
        }
    }
}

/// Longest waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// TCP.
    pub connect: Duration,
    /// TLS handshake.
    pub handshake: Duration,
    /// One reply of the server, the last one apart.
    pub reply: Duration,
    /// The body, from its first byte to the reply that takes it (RFC 5321 asks for minutes).
    pub body: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            reply: Duration::from_secs(60),
            body: Duration::from_secs(600),
        }
    }
}

/// Connections kept between mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// Connections open at once.
    pub connections_max: usize,
    /// How long an idle one is kept.
    pub idle_max: Duration,
    /// How long one is used in all.
    pub age_max: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self { connections_max: 4, idle_max: Duration::from_secs(30), age_max: Duration::from_secs(300) }
    }
}

/// Bounds on what is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One document, decoded.
    pub document_bytes_max: u64,
    /// Lots whose attachments are kept for their other recipients.
    pub lots_cached_max: usize,
    /// Bytes of those attachments.
    pub cache_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { document_bytes_max: 48 << 20, lots_cached_max: 8, cache_bytes_max: 64 << 20 }
    }
}

impl Settings {
    /// Reads the block of a partner. `fields` has had its common keys (`connector`) asked for by the caller, who also
    /// calls `finish`. `base` is the folder relative paths start from. `None`: something compulsory is missing.
    pub fn read(
        fields: &mut Fields<'_>,
        environment: Environment,
        base: &Path,
        diagnoses: &mut Diagnoses,
    ) -> Option<Self> {
        let span = fields.span();
        let production = environment == Environment::Production;
        let endpoint = fields.required("host", host_and_port, diagnoses);
        let security = fields.choice(
            "security",
            Security::StartTls,
            &[("starttls", Security::StartTls), ("tls", Security::Implicit)],
            diagnoses,
        );
        let usual = match security {
            Security::StartTls => 587,
            Security::Implicit => 465,
        };
        let port = fields.optional("port", port_number, diagnoses);
        if let (Some((_, Some(_))), Some(_)) = (&endpoint, port) {
            diagnoses
                .error(
                    "mssante.two-ports",
                    span,
                    "le port est donné deux fois, dans « host » et dans « port »",
                )
                .remedy("n'en garder qu'un");
        }
        let (host, port) = match endpoint {
            Some((host, in_host)) => (Some(host), in_host.or(port).unwrap_or(usual)),
            None => (None, usual),
        };
        let server_name = fields.optional("server_name", host_name, diagnoses).or_else(|| host.clone());
        let identity = fields.optional("identity", parse::text, diagnoses);
        if identity.is_none() && production {
            diagnoses
                .error(
                    "mssante.no-identity",
                    span,
                    "une BAL applicative se connecte avec un certificat client",
                )
                .remedy("« identity » : nom de l'identité TLS, certificat ORG AUTH_CLI");
        }
        let trust = fields.optional("trust", parse::text, diagnoses);
        let auth = read_auth(fields, diagnoses);
        let senders = read_senders(fields, diagnoses);
        let client_name = fields.optional("client_name", host_name, diagnoses);
        let nil = fields.optional("nil", token, diagnoses);
        if nil.is_none() && production {
            diagnoses
                .warning(
                    "mssante.no-nil",
                    span,
                    "sans numéro de produit, l'en-tête X-MSS-NIL manquera à chaque courriel",
                )
                .remedy("« nil » : numéro donné par la plateforme Convergence (ECO.2.4.3)");
        }
        let size_max = fields.or("size_max", 25 << 20, parse::size, diagnoses);
        let patient_size_max = fields.or("patient_size_max", 25 << 20, parse::size, diagnoses);
        let whitelist = read_whitelist(fields, base, diagnoses);
        if whitelist.is_none() && production {
            diagnoses
                .warning(
                    "mssante.no-whitelist",
                    span,
                    "sans liste blanche, rien n'empêche d'écrire à un domaine inconnu",
                )
                .remedy("« whitelist: { file: listeblanchemssante.xml } »");
        }
        let allow = [("allow", Allow::Allow), ("refuse", Allow::Refuse)];
        let without_qualified_ins = fields.choice("without_qualified_ins", Allow::Allow, &allow, diagnoses);
        let masque_ps = fields.choice("masque_ps", Allow::Refuse, &allow, diagnoses);
        let dsn = fields.choice("dsn", true, &[("auto", true), ("off", false)], diagnoses);
        let return_receipt = fields.or("return_receipt", true, parse::boolean, diagnoses);
        let without_pdf = fields.choice(
            "without_pdf",
            WithoutPdf::Text,
            &[("text", WithoutPdf::Text), ("park", WithoutPdf::Park)],
            diagnoses,
        );
        let texts = read_texts(fields, diagnoses);
        let timeouts = read_timeouts(fields, diagnoses);
        let pool = PoolSettings::default();
        let pool = PoolSettings {
            connections_max: fields.or("connections_max", pool.connections_max, connections, diagnoses),
            idle_max: fields.or("keep_alive", pool.idle_max, parse::duration, diagnoses),
            age_max: fields.or("connection_age_max", pool.age_max, parse::duration, diagnoses),
        };
        let senders = senders?;
        Some(Self {
            client_name: client_name.unwrap_or_else(|| senders[0].address.domain().to_owned()),
            host: host?,
            port,
            server_name: server_name?,
            security,
            identity,
            trust,
            auth: auth?,
            senders,
            nil,
            size_max,
            patient_size_max,
            whitelist,
            without_qualified_ins,
            masque_ps,
            dsn,
            return_receipt,
            without_pdf,
            texts,
            timeouts,
            pool,
            limits: Limits::default(),
        })
    }

    /// The mailbox a request leaves from.
    pub fn sender(&self, origin: &Origin) -> Option<&SenderRule> {
        let first = |text: &str| text.split('^').next().unwrap_or_default().trim().to_owned();
        let (application, facility) = (first(&origin.sending_application), first(&origin.sending_facility));
        let serves =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        self.senders
            .iter()
            .find(|rule| serves(&rule.application, &application) && serves(&rule.facility, &facility))
    }
}

fn read_auth(fields: &mut Fields<'_>, diagnoses: &mut Diagnoses) -> Option<AuthSettings> {
    #[derive(Clone, Copy, PartialEq)]
    enum Kind {
        None,
        External,
        Plain,
    }
    let kinds = [("none", Kind::None), ("external", Kind::External), ("plain", Kind::Plain)];
    let kind = fields.choice("auth", Kind::None, &kinds, diagnoses);
    let (user, password) = match kind {
        Kind::Plain => (
            fields.required("user", sasl_text, diagnoses),
            fields.required("password", Secret::parse, diagnoses),
        ),
        _ => {
            let (user, password) = (
                fields.optional("user", sasl_text, diagnoses),
                fields.optional("password", Secret::parse, diagnoses),
            );
            if user.is_some() || password.is_some() {
                diagnoses
                    .error(
                        "mssante.useless-password",
                        fields.span(),
                        "« user » et « password » ne servent qu'avec auth: plain",
                    )
                    .remedy("les enlever, ou écrire auth: plain");
            }
            (None, None)
        }
    };
    match kind {
        Kind::None => Some(AuthSettings::None),
        Kind::External => Some(AuthSettings::External),
        Kind::Plain => Some(AuthSettings::Plain { user: user?, password: password? }),
    }
}

fn read_senders(fields: &mut Fields<'_>, diagnoses: &mut Diagnoses) -> Option<Vec<SenderRule>> {
    fields.required_node("senders", diagnoses)?;
    let nodes = fields.list("senders");
    let rules: Vec<_> = nodes.iter().filter_map(|node| read_sender(node, diagnoses)).collect();
    for (at, rule) in rules.iter().enumerate() {
        let catches_all = rule.application.is_none() && rule.facility.is_none();
        if catches_all && at + 1 < nodes.len() {
            diagnoses
                .error(
                    "mssante.sender-out-of-reach",
                    &nodes[at].span,
                    "les boîtes qui suivent celle-ci ne servent jamais",
                )
                .remedy("mettre en dernier la boîte sans « application » ni « facility »");
        }
    }
    (rules.len() == nodes.len() && !rules.is_empty()).then_some(rules)
}

fn read_sender(node: &Node, diagnoses: &mut Diagnoses) -> Option<SenderRule> {
    let mut block = Fields::of(node, "une boîte d'envoi", diagnoses)?;
    let rule = SenderRule {
        application: block.optional("application", parse::text, diagnoses),
        facility: block.optional("facility", parse::text, diagnoses),
        //= ECO.2.2.7
        name: block.required("name", one_line, diagnoses).unwrap_or_default(),
        address: block.required("address", address, diagnoses)?,
    };
    block.finish(diagnoses);
    Some(rule)
}

fn read_whitelist(
    fields: &mut Fields<'_>,
    base: &Path,
    diagnoses: &mut Diagnoses,
) -> Option<WhitelistSettings> {
    let mut block = Fields::of(fields.node("whitelist")?, "la liste blanche", diagnoses)?;
    let file = block.required("file", parse::text, diagnoses);
    let age_max = block.or("age_max", Duration::from_secs(24 * 3600), parse::duration, diagnoses);
    let mode = block.choice(
        "reading",
        Mode::Tolerant,
        &[("tolerant", Mode::Tolerant), ("strict", Mode::Strict)],
        diagnoses,
    );
    block.finish(diagnoses);
    Some(WhitelistSettings { file: base.join(file?), age_max, mode })
}

fn read_texts(fields: &mut Fields<'_>, diagnoses: &mut Diagnoses) -> Texts {
    let default = Texts::default();
    let Some(node) = fields.node("texts") else { return default };
    let Some(mut block) = Fields::of(node, "les textes par défaut", diagnoses) else { return default };
    let texts = Texts {
        submit: block.or("submit", default.submit, parse::text, diagnoses),
        replace: block.or("replace", default.replace, parse::text, diagnoses),
        delete: block.or("delete", default.delete, parse::text, diagnoses),
    };
    block.finish(diagnoses);
    texts
}

fn read_timeouts(fields: &mut Fields<'_>, diagnoses: &mut Diagnoses) -> Timeouts {
    let default = Timeouts::default();
    Timeouts {
        connect: fields.or("timeout_connect", default.connect, parse::duration, diagnoses),
        handshake: fields.or("timeout_handshake", default.handshake, parse::duration, diagnoses),
        reply: fields.or("timeout_reply", default.reply, parse::duration, diagnoses),
        body: fields.or("timeout_body", default.body, parse::duration, diagnoses),
    }
}

fn address(text: &str) -> Result<MssAddress, String> {
    MssAddress::parse(text).map_err(|_| "une adresse MSSanté, boite@domaine, sans accent".to_owned())
}

/// `smtp.operateur.example` or `smtp.operateur.example:587`.
fn host_and_port(text: &str) -> Result<(String, Option<u16>), String> {
    if let Ok(host) = host_name(text) {
        return Ok((host, None));
    }
    let both = Endpoint::parse(text).map_err(|_| "un nom de machine, avec son port ou non".to_owned())?;
    Ok((both.host, Some(both.port)))
}

fn host_name(text: &str) -> Result<String, String> {
    let name = text.bytes().all(|c| c.is_ascii_alphanumeric() || b".-_".contains(&c));
    let good = !text.is_empty() && text.len() <= 253 && (name || text.parse::<IpAddr>().is_ok());
    if good { Ok(text.to_owned()) } else { Err("un nom de machine ou une adresse IP".to_owned()) }
}

fn port_number(text: &str) -> Result<u16, String> {
    text.parse::<u16>()
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| "un numéro de port, de 1 à 65535".to_owned())
}

fn connections(text: &str) -> Result<usize, String> {
    parse::number(1, 100)(text).map(|n| usize::try_from(n).unwrap_or(1))
}

fn token(text: &str) -> Result<Token, String> {
    Token::parse(text).map_err(|_| "un numéro sans blanc ni virgule, 64 caractères au plus".to_owned())
}

fn one_line(text: &str) -> Result<String, String> {
    let good = !text.chars().any(char::is_control) && text.chars().count() <= 120;
    if good { Ok(text.to_owned()) } else { Err("un texte d'une ligne, 120 caractères au plus".to_owned()) }
}

fn sasl_text(text: &str) -> Result<String, String> {
    let good = !text.is_empty() && !text.contains('\0') && text.len() <= 255;
    if good { Ok(text.to_owned()) } else { Err("un nom d'utilisateur".to_owned()) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jonction_settings::{SourceFile, node};

    use super::*;

    fn read(text: &str, environment: Environment) -> (Option<Settings>, Vec<String>) {
        let file = Arc::new(SourceFile { path: "jonction.yaml".into(), text: text.to_owned() });
        let mut diagnoses = Diagnoses::default();
        let tree = node::read(file, &mut diagnoses).unwrap();
        let mut fields = Fields::of(&tree, "le partenaire", &mut diagnoses).unwrap();
        let settings = Settings::read(&mut fields, environment, Path::new("/etc/jonction"), &mut diagnoses);
        fields.finish(&mut diagnoses);
        (settings, diagnoses.list().iter().map(|d| d.code.clone()).collect())
    }

    fn origin(application: &str, facility: &str) -> Origin {
        Origin {
            control_id: jonction_model::MessageControlId::parse("1").unwrap(),
            sending_application: application.to_owned(),
            sending_facility: facility.to_owned(),
            receiving_application: String::new(),
            receiving_facility: String::new(),
            processing: "T".to_owned(),
            charset: String::new(),
            event_time: String::new(),
        }
    }

    #[test]
    fn the_shortest_block_has_the_defaults_of_the_sheet() {
        let (settings, codes) = read(
            "host: smtp.op.example\nsenders: {address: pfi@a.mssante.example, name: Hôpital A}\n",
            Environment::Test,
        );
        let settings = settings.unwrap();
        assert_eq!(codes, [""; 0]);
        assert_eq!((settings.port, settings.security), (587, Security::StartTls));
        assert_eq!(settings.client_name, "a.mssante.example");
        assert_eq!((settings.masque_ps, settings.without_qualified_ins), (Allow::Refuse, Allow::Allow));
        assert_eq!(settings.patient_size_max, 25 << 20);
    }

    #[test]
    fn the_sending_mailbox_follows_msh_3_and_4() {
        let (settings, codes) = read(
            "host: h.example\nsecurity: tls\nsenders:\n  - {application: SIL, facility: LABO, address: labo@a.mssante.example, name: Labo}\n  - {application: RIS, address: radio@a.mssante.example, name: Radio}\n  - {address: pfi@a.mssante.example, name: A}\n",
            Environment::Test,
        );
        let settings = settings.unwrap();
        assert_eq!((codes.len(), settings.port), (0, 465));
        let from =
            |a: &str, f: &str| settings.sender(&origin(a, f)).unwrap().address.expose_local_part().to_owned();
        assert_eq!(from("SIL^x", "LABO^1.2.3^ISO"), "labo");
        assert_eq!(from("SIL", "AUTRE"), "pfi");
        assert_eq!(from("RIS", "LABO"), "radio");
    }

    #[test]
    fn the_port_may_stand_in_the_host_but_not_twice() {
        let block = |text: &str| {
            read(
                &format!("{text}\nsenders: {{address: pfi@a.mssante.example, name: A}}\n"),
                Environment::Test,
            )
        };
        let (settings, codes) = block("host: localhost:2587");
        let settings = settings.unwrap();
        assert_eq!((settings.host.as_str(), settings.port, codes.len()), ("localhost", 2587, 0));
        assert_eq!(settings.server_name, "localhost");
        assert_eq!(block("host: localhost:2587\nport: 25").1, ["mssante.two-ports"]);
    }

    #[test]
    fn every_mistake_is_told_with_its_code() {
        let (settings, codes) = read(
            "host: 'a b'\nsenders: [{address: a@b.mssante.example, name: A}, {address: é, name: B}]\nuser: u\npasword: x\nnil: 'a b'\n",
            Environment::Test,
        );
        assert!(settings.is_none());
        assert_eq!(
            codes,
            [
                "settings.wrong-value",
                "mssante.useless-password",
                "settings.wrong-value",
                "mssante.sender-out-of-reach",
                "settings.wrong-value",
                "settings.unknown-key"
            ]
        );
    }

    #[test]
    fn production_asks_for_a_certificate_a_number_and_a_list() {
        let (_, codes) = read(
            "host: h.example\nsenders: {address: pfi@a.mssante.example, name: A}\n",
            Environment::Production,
        );
        assert_eq!(codes, ["mssante.no-identity", "mssante.no-nil", "mssante.no-whitelist"]);
    }

    #[test]
    fn a_password_is_a_reference_and_only_goes_with_plain() {
        let (settings, codes) = read(
            "host: h.example\nsenders: {address: pfi@a.mssante.example, name: A}\nauth: plain\nuser: u\npassword: en-clair\n",
            Environment::Test,
        );
        assert!(settings.is_none());
        assert_eq!(codes, ["settings.wrong-value"]);
    }
}
