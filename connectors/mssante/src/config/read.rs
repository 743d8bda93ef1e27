//! Reading of a partner's block.
//! In: fields with their places. Out: checked values, or one diagnosis per mistake.
//! Source: mssante.md §2.2 to §2.9, §3.3, §3.5.

use std::{net::IpAddr, path::Path, time::Duration};

use jonction_mime::Token;
use jonction_model::{Environment, Mode, MssAddress, directory::Source};
use jonction_net::Endpoint;
use jonction_settings::{Diagnoses, Fields, Node, Secret, parse};

use super::{
    Allow, AuthSettings, Limits, ListOrigin, PoolSettings, SenderRule, Settings, Texts, Timeouts,
    WhitelistSettings, WithoutPdf, mailboxes,
};
use crate::session::Security;

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
                .remedy("« whitelist: { directory: liste-blanche } »");
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
        let base = mailboxes::Base {
            host: host.as_deref(),
            server_name: server_name.as_deref(),
            security,
            identity: identity.is_some(),
        };
        let mailboxes = mailboxes::read(fields, &base, environment, diagnoses);
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
            mailboxes,
            limits: Limits::default(),
        })
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
    let file = block.optional("file", parse::text, diagnoses);
    let directory = block.optional("directory", the_list, diagnoses);
    let age_max = block.or("age_max", Duration::from_secs(24 * 3600), parse::duration, diagnoses);
    let mode = block.choice(
        "reading",
        Mode::Tolerant,
        &[("tolerant", Mode::Tolerant), ("strict", Mode::Strict)],
        diagnoses,
    );
    let span = block.span();
    block.finish(diagnoses);
    let origin = match (file, directory) {
        (Some(file), None) => ListOrigin::File(base.join(file)),
        (None, Some(())) => ListOrigin::Directory,
        _ => {
            diagnoses
                .error("mssante.whitelist-origin", span, "la liste blanche vient d'un seul endroit")
                .remedy("« directory: liste-blanche », tirée par le bloc directories ; ou « file: … »");
            return None;
        }
    };
    Some(WhitelistSettings { origin, age_max, mode })
}

fn the_list(text: &str) -> Result<(), String> {
    let name = Source::ListeBlanche.name();
    if text == name { Ok(()) } else { Err(format!("{name}, la source de ce nom dans directories")) }
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

pub(super) fn address(text: &str) -> Result<MssAddress, String> {
    MssAddress::parse(text).map_err(|_| "une adresse MSSanté, boite@domaine, sans accent".to_owned())
}

/// `smtp.operateur.example` or `smtp.operateur.example:587`.
pub(super) fn host_and_port(text: &str) -> Result<(String, Option<u16>), String> {
    if let Ok(host) = host_name(text) {
        return Ok((host, None));
    }
    let both = Endpoint::parse(text).map_err(|_| "un nom de machine, avec son port ou non".to_owned())?;
    Ok((both.host, Some(both.port)))
}

pub(super) fn host_name(text: &str) -> Result<String, String> {
    let name = text.bytes().all(|c| c.is_ascii_alphanumeric() || b".-_".contains(&c));
    let good = !text.is_empty() && text.len() <= 253 && (name || text.parse::<IpAddr>().is_ok());
    if good { Ok(text.to_owned()) } else { Err("un nom de machine ou une adresse IP".to_owned()) }
}

pub(super) fn port_number(text: &str) -> Result<u16, String> {
    text.parse::<u16>()
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| "un numéro de port, de 1 à 65535".to_owned())
}

pub(super) fn connections(text: &str) -> Result<usize, String> {
    parse::number(1, 100)(text).map(|n| usize::try_from(n).unwrap_or(1))
}

fn token(text: &str) -> Result<Token, String> {
    Token::parse(text).map_err(|_| "un numéro sans blanc ni virgule, 64 caractères au plus".to_owned())
}

fn one_line(text: &str) -> Result<String, String> {
    let good = !text.chars().any(char::is_control) && text.chars().count() <= 120;
    if good { Ok(text.to_owned()) } else { Err("un texte d'une ligne, 120 caractères au plus".to_owned()) }
}

pub(super) fn sasl_text(text: &str) -> Result<String, String> {
    let good = !text.is_empty() && !text.contains('\0') && text.len() <= 255;
    if good { Ok(text.to_owned()) } else { Err("un nom d'utilisateur".to_owned()) }
}
