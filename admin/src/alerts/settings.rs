//! Block `alerts` of `jonction.yaml`: whom to call, and from when on.
//! In: YAML. Out: checked settings with defaults; without the block, alerts go to the log only.

use std::time::Duration;

use jonction_model::MssAddress;
use jonction_net::Endpoint;
use jonction_settings::{Diagnoses, Fields, Node, Secret, Span, parse};

use super::incident::Pace;

/// What the author wrote, checked.
#[derive(Clone, Debug, Default)]
pub struct AlertSettings {
    /// By mail.
    pub mail: Option<MailSettings>,
    /// By an HTTP request.
    pub webhook: Option<WebhookSettings>,
    /// From when on.
    pub thresholds: Thresholds,
}

/// From when on a thing is an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// A partner that answers with failures only, for so long. Default 2min.
    pub partner_down: Duration,
    /// Age of the oldest waiting delivery of a lane. Default 1h.
    pub lane_age: Duration,
    /// Messages and deliveries that wait for a human. Default 1.
    pub parked: u64,
    /// Free room on the disk of the data. Default 2GB.
    pub disk_free: u64,
    /// Mean time of a commit between two looks. Default 500ms.
    pub commit: Duration,
    /// A notice of delivery that was asked for and does not come. Default 1j.
    pub delivery_overdue: Duration,
    /// A notice of reading that was asked for and does not come. Default 7j.
    pub reading_overdue: Duration,
    /// Between two looks. Default 10s.
    pub every: Duration,
    /// How long a thing must be well before its end is said, and between two letters.
    pub pace: Pace,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            partner_down: Duration::from_secs(120),
            lane_age: Duration::from_secs(3600),
            parked: 1,
            disk_free: 2 << 30,
            commit: Duration::from_millis(500),
            delivery_overdue: Duration::from_secs(86_400),
            reading_overdue: Duration::from_secs(7 * 86_400),
            every: Duration::from_secs(10),
            pace: Pace { calm: Duration::from_secs(120), spacing: Duration::from_secs(60) },
        }
    }
}

/// How the relay is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailSecurity {
    /// In clear, then TLS.
    StartTls,
    /// In TLS from the first byte.
    Tls,
    /// In clear: alerts name partners and counts, never a person.
    None,
}

/// By mail.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Who reads.
    pub to: Vec<MssAddress>,
    /// Who writes.
    pub from: MssAddress,
    /// The relay.
    pub host: Endpoint,
    /// How it is spoken to.
    pub security: MailSecurity,
    /// User and password, when the relay wants them.
    pub login: Option<(String, Secret)>,
    /// Authorities of the relay; `None`: those of the gateway.
    pub trust: Option<(String, Span)>,
}

/// By an HTTP request.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Where.
    pub endpoint: Endpoint,
    /// Path and query.
    pub path: String,
    /// In TLS.
    pub tls: bool,
    /// Sent as `Authorization: Bearer`.
    pub token: Option<Secret>,
    /// Authorities of the server; `None`: those of the gateway.
    pub trust: Option<(String, Span)>,
}

impl AlertSettings {
    /// Reads the block.
    pub fn read(node: &Node, diagnoses: &mut Diagnoses) -> Self {
        let Some(mut fields) = Fields::of(node, "alerts", diagnoses) else { return Self::default() };
        let mail = fields.node("mail").and_then(|node| read_mail(node, diagnoses));
        let webhook = fields.node("webhook").and_then(|node| read_webhook(node, diagnoses));
        let default = Thresholds::default();
        let mut time = |key, default| fields.or(key, default, parse::duration, diagnoses);
        let partner_down = time("partner_down", default.partner_down);
        let lane_age = time("lane_age", default.lane_age);
        let commit = time("commit", default.commit);
        let delivery_overdue = time("delivery_overdue", default.delivery_overdue);
        let reading_overdue = time("reading_overdue", default.reading_overdue);
        let every = time("every", default.every);
        let calm = time("calm", default.pace.calm);
        let spacing = time("spacing", default.pace.spacing);
        let thresholds = Thresholds {
            partner_down,
            lane_age,
            parked: fields.or("parked", default.parked, parse::number(1, 1_000_000_000), diagnoses),
            disk_free: fields.or("disk_free", default.disk_free, parse::size, diagnoses),
            commit,
            delivery_overdue,
            reading_overdue,
            every,
            pace: Pace { calm, spacing },
        };
        fields.finish(diagnoses);
        Self { mail, webhook, thresholds }
    }

    /// Names of authorities it uses; `None` among them: the default ones.
    pub fn trusts(&self) -> impl Iterator<Item = Option<&(String, Span)>> {
        let mail = self.mail.as_ref().filter(|mail| mail.security != MailSecurity::None);
        let webhook = self.webhook.as_ref().filter(|webhook| webhook.tls);
        mail.map(|mail| mail.trust.as_ref()).into_iter().chain(webhook.map(|webhook| webhook.trust.as_ref()))
    }
}

fn address(text: &str) -> Result<MssAddress, String> {
    MssAddress::parse(text).map_err(|_| "une adresse : astreinte@exemple.fr".to_owned())
}

fn named(fields: &mut Fields<'_>, key: &'static str, diagnoses: &mut Diagnoses) -> Option<(String, Span)> {
    let span = fields.node(key)?.span.clone();
    fields.optional(key, parse::text, diagnoses).map(|name| (name, span))
}

fn read_mail(node: &Node, diagnoses: &mut Diagnoses) -> Option<MailSettings> {
    let mut fields = Fields::of(node, "alerts.mail", diagnoses)?;
    let to: Vec<_> = fields
        .list("to")
        .iter()
        .filter_map(|node| jonction_settings::fields::scalar(node, "to", address, diagnoses))
        .collect();
    if to.is_empty() && !diagnoses.has_errors() {
        diagnoses
            .error("alerts.no-recipient", &node.span, "alerts.mail : personne à prévenir")
            .remedy("ajouter « to: [astreinte@exemple.fr] »");
    }
    let from = fields.required("from", address, diagnoses);
    let host =
        |text: &str| Endpoint::parse(text).map_err(|_| "un hôte et un port : smtp.exemple.fr:587".to_owned());
    let host = fields.required("host", host, diagnoses);
    let words =
        [("starttls", MailSecurity::StartTls), ("tls", MailSecurity::Tls), ("none", MailSecurity::None)];
    let security = fields.choice("security", MailSecurity::StartTls, &words, diagnoses);
    let user = fields.optional("user", parse::text, diagnoses);
    let password = fields.optional("password", Secret::parse, diagnoses);
    if user.is_some() != password.is_some() || (user.is_some() && security == MailSecurity::None) {
        diagnoses
            .error(
                "alerts.login",
                &node.span,
                "alerts.mail : user et password vont ensemble, et jamais en clair",
            )
            .remedy("donner les deux, avec security: starttls ou tls");
    }
    let trust = named(&mut fields, "trust", diagnoses);
    fields.finish(diagnoses);
    Some(MailSettings { to, from: from?, host: host?, security, login: user.zip(password), trust })
}

fn read_webhook(node: &Node, diagnoses: &mut Diagnoses) -> Option<WebhookSettings> {
    let mut fields = Fields::of(node, "alerts.webhook", diagnoses)?;
    let url = fields.required("url", url, diagnoses);
    let token = fields.optional("token", Secret::parse, diagnoses);
    let trust = named(&mut fields, "trust", diagnoses);
    fields.finish(diagnoses);
    let (endpoint, path, tls) = url?;
    Some(WebhookSettings { endpoint, path, tls, token, trust })
}

/// Where, path, whether in TLS.
fn url(text: &str) -> Result<(Endpoint, String, bool), String> {
    let expected = || "une adresse http:// ou https:// sans identifiants".to_owned();
    let (tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return Err(expected()),
    };
    let endpoint = Endpoint::of_url(text, if tls { 443 } else { 80 }).map_err(|_| expected())?;
    let path = rest.find(['/', '?']).map_or("/", |at| &rest[at..]);
    let path = path.split('#').next().unwrap_or("/");
    let path = if path.starts_with('?') { format!("/{path}") } else { path.to_owned() };
    path.bytes().all(|byte| byte.is_ascii_graphic()).then_some((endpoint, path, tls)).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jonction_settings::SourceFile;

    use super::*;

    fn read(text: &str) -> (AlertSettings, Vec<String>) {
        let file = Arc::new(SourceFile { path: "jonction.yaml".into(), text: text.to_owned() });
        let mut diagnoses = Diagnoses::default();
        let node = jonction_settings::read(file, &mut diagnoses).unwrap();
        let settings = AlertSettings::read(&node, &mut diagnoses);
        (settings, diagnoses.list().iter().map(|diagnosis| diagnosis.code.clone()).collect())
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let (settings, codes) =
            read("mail: { to: a@chu.example, from: j@chu.example, host: 'localhost:25' }\nlane_age: 10min\n");
        assert_eq!(codes, [] as [&str; 0]);
        let mail = settings.mail.unwrap();
        assert_eq!((mail.to.len(), mail.security), (1, MailSecurity::StartTls));
        let expected = Thresholds { lane_age: Duration::from_secs(600), ..Thresholds::default() };
        assert_eq!(settings.thresholds, expected);
    }

    #[test]
    fn a_password_never_travels_in_clear() {
        let mail = "to: a@chu.example, from: j@chu.example, host: 'localhost:25', security: none";
        assert_eq!(read(&format!("mail: {{ {mail} }}")).1, [] as [&str; 0]);
        let with_login = format!("mail: {{ {mail}, user: j, password: '@env:P' }}");
        assert_eq!(read(&with_login).1, ["alerts.login"]);
    }

    #[test]
    fn a_webhook_is_a_url() {
        let (settings, codes) = read("webhook: { url: 'https://astreinte.example:8443/a?b=1#c' }");
        let webhook = settings.webhook.unwrap();
        assert_eq!((webhook.path.as_str(), webhook.tls, webhook.endpoint.port), ("/a?b=1", true, 8443));
        assert!(codes.is_empty());
        assert_eq!(read("webhook: { url: 'ftp://x' }").1, ["settings.wrong-value"]);
        assert_eq!(url("http://x").unwrap().1, "/");
    }
}
