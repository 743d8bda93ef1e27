//! The block `mailboxes:` of a partner: which mailboxes are collected, where, how often, and what becomes of a mail.
//! In: the block, what the partner says already. Out: [`CollectSettings`], or one diagnosis per mistake.
//! Source: mssante.md §2.2, §2.5, §2.8. What the sheet marks unconfirmed is a key here.

use std::{collections::HashSet, time::Duration};

use jonction_model::{Environment, MssAddress, PartnerName};
use jonction_settings::{Diagnoses, Fields, Node, Secret, fields::scalar, parse};

use super::read::{address, connections, host_and_port, host_name, port_number, sasl_text};
use crate::{
    imap::{Bearer, Folder},
    incoming::receipt::MdnProfile,
    session::Security,
};

/// Mailboxes of one partner.
const MAILBOXES_MAX: usize = 5_000;

/// Collecting, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectSettings {
    /// Host of the operator's IMAP service.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Name that the server certificate must carry.
    pub server_name: String,
    /// How TLS begins.
    pub security: Security,
    /// The mailboxes, each once.
    pub mailboxes: Vec<MailboxSettings>,
    /// Longest time without looking, news or not.
    pub poll: Duration,
    /// Whether the server is listened to between two looks.
    pub idle: bool,
    /// What becomes of a mail that is durable.
    pub after: After,
    /// Folder of mails that were taken.
    pub treated: Folder,
    /// Folder of mails that could not be.
    pub failed: Folder,
    /// How reading notices that we owe are written.
    pub receipts: ReceiptSettings,
    /// Largest mail taken, in bytes.
    pub size_max: u64,
    /// Mails in our hands at once, over all mailboxes.
    pub collecting_max: usize,
    /// Links being opened at once.
    pub calling_max: usize,
    /// How long a mailbox is left alone after a failure.
    pub pauses: Pauses,
}

/// Pauses after failures: each longer than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pauses {
    /// The first one.
    pub first: Duration,
    /// The first one after a refusal to let us in: no storm of attempts (MSS-T18).
    pub refused: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            refused: Duration::from_secs(60),
            longest: Duration::from_secs(300),
        }
    }
}

/// How reading notices that we owe are written (mssante.md §3.9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiptSettings {
    /// Edition of the volet.
    pub profile: MdnProfile,
    /// Also to another address than the sender's: for mails that an organisation's mailbox redirects.
    pub to_others: bool,
}

/// What becomes of a mail once it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It goes to the folder of treated mails.
    Move,
    /// It stays, with our keyword: people work in the mailbox too. `\Seen` stays theirs.
    Mark,
}

/// One mailbox.
#[derive(Clone, Debug, PartialEq)]
pub struct MailboxSettings {
    /// Its address.
    pub address: MssAddress,
    /// How it is opened.
    pub login: LoginSettings,
}

/// How a mailbox is opened once TLS is up (mssante.md §2.5).
#[derive(Clone, Debug, PartialEq)]
pub enum LoginSettings {
    /// The client certificate says it all.
    Certificate,
    /// SASL EXTERNAL with the mailbox.
    External,
    /// PLAIN, or LOGIN.
    Password {
        /// User name.
        user: String,
        /// Where the password is.
        password: Secret,
    },
    /// A token (Pro Santé Connect).
    Token {
        /// Mechanism that carries it.
        mechanism: Bearer,
        /// Partner that gives it.
        partner: PartnerName,
    },
}

/// What the partner's own keys say, which the block may say otherwise.
pub(super) struct Base<'b> {
    pub(super) host: Option<&'b str>,
    pub(super) server_name: Option<&'b str>,
    pub(super) security: Security,
    /// A client certificate is configured.
    pub(super) identity: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Certificate,
    External,
    Plain,
    Token(Bearer),
}

const KINDS: &[(&str, Kind)] = &[
    ("none", Kind::Certificate),
    ("external", Kind::External),
    ("plain", Kind::Plain),
    ("xoauth2", Kind::Token(Bearer::XOAuth2)),
    ("oauthbearer", Kind::Token(Bearer::OAuthBearer)),
];

/// Reads the block; `None`: there is none, or something compulsory is missing.
pub(super) fn read(
    fields: &mut Fields<'_>,
    base: &Base<'_>,
    environment: Environment,
    diagnoses: &mut Diagnoses,
) -> Option<CollectSettings> {
    let node = fields.node("mailboxes")?;
    let mut block = Fields::of(node, "les boîtes relevées", diagnoses)?;
    let written = block.optional("host", host_and_port, diagnoses);
    let security = block.choice(
        "security",
        base.security,
        &[("starttls", Security::StartTls), ("tls", Security::Implicit)],
        diagnoses,
    );
    let usual = match security {
        Security::StartTls => 143,
        Security::Implicit => 993,
    };
    let port = block.optional("port", port_number, diagnoses);
    let (host, in_host) = match written {
        Some((host, port)) => (Some(host), port),
        None => (base.host.map(str::to_owned), None),
    };
    let expected = host.clone().filter(|host| Some(host.as_str()) != base.host);
    let server_name = block.optional("server_name", host_name, diagnoses).or(expected);
    let server_name = server_name.or_else(|| base.server_name.map(str::to_owned));
    let kind = block.choice("auth", Kind::External, KINDS, diagnoses);
    let mailboxes = read_list(&mut block, kind, base, environment, diagnoses);
    let poll = block.or("poll", Duration::from_secs(60), period, diagnoses);
    let idle = block.choice("idle", true, &[("auto", true), ("off", false)], diagnoses);
    let after =
        block.choice("after", After::Move, &[("move", After::Move), ("mark", After::Mark)], diagnoses);
    let treated = block.or("treated", folder("MSS-Traites"), Folder::parse, diagnoses);
    let failed = block.or("failed", folder("MSS-Erreurs"), Folder::parse, diagnoses);
    for (key, folder) in [("treated", &treated), ("failed", &failed)] {
        if folder.as_str().eq_ignore_ascii_case("INBOX") {
            let sentence = format!(
                "« {key} » ne peut pas être la boîte de réception : les courriels y seraient relevés sans fin"
            );
            diagnoses
                .error("mssante.folder-is-inbox", &node.span, sentence)
                .remedy("donner un autre dossier");
        }
    }
    let profiles = [
        ("1.1.2+error", MdnProfile::V112WithError),
        ("1.1.2", MdnProfile::V112),
        ("1.1.3", MdnProfile::V113),
    ];
    let receipts = ReceiptSettings {
        profile: block.choice("mdn_profile", MdnProfile::default(), &profiles, diagnoses),
        to_others: block.or("mdn_to_others", false, parse::boolean, diagnoses),
    };
    let size_max = block.or("size_max", 50 << 20, parse::size, diagnoses);
    let collecting_max = block.or("collecting_max", 4, connections, diagnoses);
    let calling_max = block.or("calling_max", 8, connections, diagnoses);
    block.finish(diagnoses);
    Some(CollectSettings {
        host: host?,
        port: in_host.or(port).unwrap_or(usual),
        server_name: server_name?,
        security,
        mailboxes: mailboxes?,
        poll,
        idle,
        after,
        treated,
        failed,
        receipts,
        size_max,
        collecting_max,
        calling_max,
        pauses: Pauses::default(),
    })
}

fn folder(name: &str) -> Folder {
    // Our own two names hold nothing that a name must not.
    Folder::parse(name).unwrap_or_else(|_| Folder::inbox())
}

/// RFC 2177: a server may hang up after 30 minutes; asking more than once a second is no polling.
fn period(text: &str) -> Result<Duration, String> {
    let period = parse::duration(text)?;
    let good = (Duration::from_secs(1)..=Duration::from_secs(29 * 60)).contains(&period);
    if good { Ok(period) } else { Err("une durée de 1s à 29min".to_owned()) }
}

fn read_list(
    block: &mut Fields<'_>,
    kind: Kind,
    base: &Base<'_>,
    environment: Environment,
    diagnoses: &mut Diagnoses,
) -> Option<Vec<MailboxSettings>> {
    let span = block.span();
    let nodes = block.list("addresses");
    if nodes.is_empty() {
        diagnoses
            .error("mssante.no-mailboxes", span, "aucune boîte à relever : « addresses » manque")
            .remedy("« addresses: [boite@domaine] », ou « - { address: …, auth: … } » par boîte");
        return None;
    }
    if let Some(node) = nodes.get(MAILBOXES_MAX) {
        diagnoses.error("settings.too-many", &node.span, format!("plus de {MAILBOXES_MAX} boîtes"));
    }
    let mut seen = HashSet::new();
    let mut mailboxes = Vec::new();
    for node in nodes.iter().take(MAILBOXES_MAX) {
        let Some(mailbox) = read_one(node, kind, diagnoses) else { continue };
        let certificate = matches!(mailbox.login, LoginSettings::Certificate | LoginSettings::External);
        if certificate && !base.identity {
            let sentence =
                "cette boîte s'ouvre avec un certificat client, et « identity » manque au partenaire";
            diagnoses.error("mssante.mailbox-without-identity", &node.span, sentence).remedy(
                "« identity: nom » (BAL applicative), ou « auth: xoauth2 » avec « tokens » (BAL personnelle)",
            );
        }
        let password = matches!(mailbox.login, LoginSettings::Password { .. });
        if password && environment == Environment::Production {
            diagnoses
                .warning("mssante.mailbox-password", &node.span, "aucun texte MSSanté ne prévoit d'ouvrir une boîte par mot de passe")
                .remedy("demander à l'opérateur un certificat (BAL applicative) ou Pro Santé Connect (BAL personnelle)");
        }
        if !seen.insert(mailbox.address.expose().to_ascii_lowercase()) {
            diagnoses.error("mssante.mailbox-twice", &node.span, "cette boîte est déjà dans la liste");
        }
        mailboxes.push(mailbox);
    }
    (mailboxes.len() == nodes.len()).then_some(mailboxes)
}

fn read_one(node: &Node, kind: Kind, diagnoses: &mut Diagnoses) -> Option<MailboxSettings> {
    if node.as_text().is_some() {
        let address = scalar(node, "addresses", address, diagnoses)?;
        let login = match kind {
            Kind::Certificate => LoginSettings::Certificate,
            Kind::External => LoginSettings::External,
            Kind::Plain | Kind::Token(_) => {
                let keys =
                    if kind == Kind::Plain { "user: …, password: @file:…" } else { "tokens: partenaire" };
                diagnoses
                    .error(
                        "mssante.mailbox-login",
                        &node.span,
                        "ce mode d'authentification se règle boîte par boîte",
                    )
                    .remedy(format!("« - {{ address: …, {keys} }} »"));
                return None;
            }
        };
        return Some(MailboxSettings { address, login });
    }
    let mut block = Fields::of(node, "une boîte", diagnoses)?;
    let address = block.required("address", address, diagnoses);
    let kind = block.choice("auth", kind, KINDS, diagnoses);
    let login = match kind {
        Kind::Certificate => Some(LoginSettings::Certificate),
        Kind::External => Some(LoginSettings::External),
        Kind::Plain => {
            let user = block.required("user", sasl_text, diagnoses);
            let password = block.required("password", Secret::parse, diagnoses);
            user.zip(password).map(|(user, password)| LoginSettings::Password { user, password })
        }
        Kind::Token(mechanism) => {
            let partner = block.required("tokens", partner_name, diagnoses);
            partner.map(|partner| LoginSettings::Token { mechanism, partner })
        }
    };
    block.finish(diagnoses);
    Some(MailboxSettings { address: address?, login: login? })
}

fn partner_name(text: &str) -> Result<PartnerName, String> {
    PartnerName::parse(text).map_err(|_| "le nom d'un partenaire (connector: psc)".to_owned())
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use jonction_settings::{SourceFile, node};

    use super::*;
    use crate::config::Settings;

    fn read_text(mailboxes: &str, environment: Environment) -> (Option<CollectSettings>, Vec<String>) {
        let text = format!(
            "host: smtp.operateur.example\nidentity: pfi\nnil: X1\nwhitelist: {{ file: l.xml }}\nsenders:\n  - {{ address: pfi@hopital-a.mssante.example, name: Hôpital A }}\n{mailboxes}"
        );
        let mut diagnoses = Diagnoses::default();
        let file = Arc::new(SourceFile { path: "jonction.yaml".into(), text });
        let node = node::read(file, &mut diagnoses).unwrap();
        let mut fields = Fields::of(&node, "le partenaire", &mut diagnoses).unwrap();
        let settings = Settings::read(&mut fields, environment, Path::new("."), &mut diagnoses);
        fields.finish(&mut diagnoses);
        let codes = diagnoses.list().iter().map(|diagnosis| diagnosis.code.clone()).collect();
        (settings.and_then(|settings| settings.mailboxes), codes)
    }

    #[test]
    fn one_line_is_enough_for_an_application_mailbox() {
        let (settings, codes) =
            read_text("mailboxes: { addresses: [pfi@hopital-a.mssante.example] }\n", Environment::Production);
        assert_eq!(codes, [""; 0]);
        let settings = settings.unwrap();
        assert_eq!((settings.host.as_str(), settings.port), ("smtp.operateur.example", 143));
        assert_eq!(settings.server_name, "smtp.operateur.example");
        assert_eq!(
            (settings.poll, settings.idle, settings.after),
            (Duration::from_secs(60), true, After::Move)
        );
        assert_eq!((settings.treated.as_str(), settings.failed.as_str()), ("MSS-Traites", "MSS-Erreurs"));
        assert_eq!(settings.mailboxes[0].login, LoginSettings::External);
    }

    #[test]
    fn each_mailbox_may_have_its_own_login() {
        let block = "mailboxes:\n  host: imap.operateur.example\n  security: tls\n  addresses:\n    - pfi@hopital-a.mssante.example\n    - { address: j@medecin.mssante.example, auth: xoauth2, tokens: psc-martin }\n    - { address: k@medecin.mssante.example, auth: plain, user: k, password: \"@env:K\" }\n";
        let (settings, codes) = read_text(block, Environment::Production);
        assert_eq!(codes, ["mssante.mailbox-password"]);
        let settings = settings.unwrap();
        assert_eq!((settings.port, settings.server_name.as_str()), (993, "imap.operateur.example"));
        let token = LoginSettings::Token {
            mechanism: Bearer::XOAuth2,
            partner: PartnerName::parse("psc-martin").unwrap(),
        };
        assert_eq!(settings.mailboxes[1].login, token);
    }

    #[test]
    fn each_mistake_is_named_where_it_is() {
        for (block, code) in [
            ("{ poll: 10s }", "mssante.no-mailboxes"),
            ("{ addresses: [a@b.example, A@b.example] }", "mssante.mailbox-twice"),
            ("{ addresses: [a@b.example], treated: Inbox }", "mssante.folder-is-inbox"),
            ("{ addresses: [a@b.example], auth: xoauth2 }", "mssante.mailbox-login"),
            ("{ addresses: [a@b.example], poll: 2h }", "settings.wrong-value"),
            ("{ addresses: [a@b.example], pol: 2s }", "settings.unknown-key"),
        ] {
            let (_, codes) = read_text(&format!("mailboxes: {block}\n"), Environment::Test);
            assert_eq!(codes, [code], "{block}");
        }
    }
}
