//! Settings of the ROR.
//! In: the block `ror` of `directories:`. Out: checked values, or every mistake with its place. Source: annuaires.md §3.2, §3.3.

use std::time::Duration;

use jonction_settings::{Diagnoses, Fields, Secret, parse};
use jonction_web::Url;

/// Production. The path is inferred from that of the sandbox: nobody has published it.
const FHIR: &str = "https://api-fhir.ror.esante.gouv.fr/ws-diffusion-fhir";
const TOKEN: &str = "https://auth-api.ror.esante.gouv.fr/auth/realms/ror/protocol/openid-connect/token";

/// Settings of the ROR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RorSettings {
    /// Base of the FHIR service.
    pub fhir: Url,
    /// Where tokens are asked for.
    pub token: Url,
    /// Name the ANS gave to the application.
    pub client_id: String,
    /// What proves it.
    pub proof: Proof,
    /// The four headers of every question, as the ANS gave them.
    pub headers: [(&'static str, String); 4],
    /// One region only (INSEE code), instead of the nation.
    pub region: Option<String>,
    /// Authorities of the service; `None`: those of the gateway.
    pub trust: Option<String>,
    /// How old the last whole export may be before changes alone will not do.
    pub whole_every: Duration,
    /// How an export is waited for.
    pub export: ExportLimits,
    /// From so many answers on, a search is cut in silence.
    pub search_cut: u64,
    /// Codes of the channel that is a MSSanté mailbox.
    pub mss_channels: Vec<String>,
}

/// What proves that the application is the one it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A certificate ORG AUTH_CLI at the token endpoint (RFC 8705): access profiles 1 to 5.
    Identity(String),
    /// A secret: access profile 0, open data only.
    Secret(Secret),
}

/// How an export is waited for. Nobody has published the figures of the real service: these are ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportLimits {
    /// Wait after the first question about a job, when the service does not say; it doubles each time.
    pub poll_first: Duration,
    /// Longest of those waits.
    pub poll_longest: Duration,
    /// After so long a job will not end, or its files are no longer there.
    pub job_longest: Duration,
    /// Jobs asked for in one pull, when they fail or vanish.
    pub jobs: u32,
}

impl Default for ExportLimits {
    fn default() -> Self {
        Self {
            poll_first: Duration::from_secs(30),
            poll_longest: Duration::from_secs(300),
            job_longest: Duration::from_secs(2 * 3600),
            jobs: 3,
        }
    }
}

/// At least one whole export a week is asked for: who follows changes alone drifts.
pub(crate) const WHOLE_EVERY: Duration = Duration::from_secs(7 * 24 * 3600);
/// Answers from which a search is cut.
pub(crate) const SEARCH_CUT: u64 = 10_000;
/// `MSSANTE` is that of JDV_J225; `MSS` was seen in drafts.
pub(crate) const MSS_CHANNELS: [&str; 2] = ["MSSANTE", "MSS"];

/// Header, key of its block, key inside. All four are mandatory: without one of them the service answers 403.
const HEADERS: [(&str, &str, &str); 4] = [
    ("Ror-Profil-Utilisateur-Code", "user_profile", "code"),
    ("Ror-Profil-Utilisateur-System", "user_profile", "system"),
    ("Ror-Role-Metier-Code", "role", "code"),
    ("Ror-Role-Metier-System", "role", "system"),
];

impl RorSettings {
    /// Reads a block: `client_id`, `identity` or `client_secret`, `user_profile`, `role` (each `code` and `system`), then
    /// `fhir`, `token`, `region`, `trust`, `whole_every`, `poll_first`, `poll_longest`, `job_longest`, `jobs`, `search_cut`,
    /// `mss_channels`.
    pub fn read(fields: &mut Fields<'_>, diagnoses: &mut Diagnoses) -> Option<Self> {
        let fhir = fields.optional("fhir", Url::parse, diagnoses);
        let token = fields.optional("token", Url::parse, diagnoses);
        let client_id = fields.required("client_id", parse::text, diagnoses);
        let proof = proof(fields, diagnoses);
        let headers = headers(fields, diagnoses);
        let region = fields.optional("region", parse::text, diagnoses);
        let trust = fields.optional("trust", parse::text, diagnoses);
        let whole_every = fields.or("whole_every", WHOLE_EVERY, parse::duration, diagnoses);
        let usual = ExportLimits::default();
        let export = ExportLimits {
            poll_first: fields.or("poll_first", usual.poll_first, parse::duration, diagnoses),
            poll_longest: fields.or("poll_longest", usual.poll_longest, parse::duration, diagnoses),
            job_longest: fields.or("job_longest", usual.job_longest, parse::duration, diagnoses),
            jobs: u32::try_from(fields.or("jobs", u64::from(usual.jobs), parse::number(1, 20), diagnoses))
                .unwrap_or(usual.jobs),
        };
        let search_cut = fields.or("search_cut", SEARCH_CUT, parse::number(2, 1_000_000), diagnoses);
        let mut mss_channels: Vec<String> = fields
            .list("mss_channels")
            .iter()
            .filter_map(|node| {
                jonction_settings::fields::scalar(node, "mss_channels", parse::text, diagnoses)
            })
            .collect();
        if mss_channels.is_empty() {
            mss_channels = MSS_CHANNELS.map(str::to_owned).to_vec();
        }
        Some(Self {
            fhir: fhir.or_else(|| Url::parse(FHIR).ok())?,
            token: token.or_else(|| Url::parse(TOKEN).ok())?,
            client_id: client_id?,
            proof: proof?,
            headers: headers?,
            region,
            trust,
            whole_every,
            export,
            search_cut,
            mss_channels,
        })
    }
}

fn proof(fields: &mut Fields<'_>, diagnoses: &mut Diagnoses) -> Option<Proof> {
    let identity = fields.optional("identity", parse::text, diagnoses);
    let secret = fields.optional("client_secret", Secret::parse, diagnoses);
    match (identity, secret) {
        (Some(identity), None) => Some(Proof::Identity(identity)),
        (None, Some(secret)) => Some(Proof::Secret(secret)),
        _ => {
            diagnoses
                .error(
                    "ror.proof",
                    fields.span(),
                    "le ROR demande soit un certificat (identity), soit un secret (client_secret)",
                )
                .remedy("profils d'accès 1 à 5 : identity, le nom d'un certificat ORG AUTH_CLI ; profil 0 : client_secret: @file:…");
            None
        }
    }
}

fn headers(fields: &mut Fields<'_>, diagnoses: &mut Diagnoses) -> Option<[(&'static str, String); 4]> {
    let mut read = |key: &'static str, diagnoses: &mut Diagnoses| {
        let node = fields.required_node(key, diagnoses)?;
        let mut block = Fields::of(node, key, diagnoses)?;
        let code = block.required("code", header_text, diagnoses);
        let system = block.required("system", header_text, diagnoses);
        block.finish(diagnoses);
        Some([code?, system?])
    };
    let (profile, role) = (read("user_profile", diagnoses), read("role", diagnoses));
    let values = [profile?, role?].concat();
    let mut named = HEADERS.iter().zip(values).map(|((header, ..), value)| (*header, value));
    Some([named.next()?, named.next()?, named.next()?, named.next()?])
}

/// A value that cannot break the line of a header.
fn header_text(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.len() <= 100 && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| text.to_owned())
        .ok_or_else(|| "une valeur donnée par l'ANS, sans blanc ni accent".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jonction_settings::node::SourceFile;

    use super::*;

    const WHOLE: &str = "client_id: c\nidentity: p\nuser_profile: { code: CU22, system: 1.2.3 }\nrole: { code: AUTOMATE, system: 1.2.4 }\n";

    fn read(text: &str) -> (Option<RorSettings>, Diagnoses) {
        let mut diagnoses = Diagnoses::default();
        let file = SourceFile { path: "jonction.yaml".into(), text: text.to_owned() };
        let node = jonction_settings::node::read(Arc::new(file), &mut diagnoses).unwrap();
        let mut fields = Fields::of(&node, "l'annuaire ror", &mut diagnoses).unwrap();
        let settings = RorSettings::read(&mut fields, &mut diagnoses);
        fields.finish(&mut diagnoses);
        (settings, diagnoses)
    }

    #[test]
    fn the_four_headers_are_asked_for_before_any_network() {
        let (settings, diagnoses) = read(WHOLE);
        assert!(!diagnoses.has_errors());
        let headers = settings.unwrap().headers;
        assert_eq!(headers[0], ("Ror-Profil-Utilisateur-Code", "CU22".to_owned()));
        assert_eq!(headers[3], ("Ror-Role-Metier-System", "1.2.4".to_owned()));
        for gone in ["code: CU22, ", ", system: 1.2.3", "code: AUTOMATE, ", ", system: 1.2.4"] {
            let (settings, diagnoses) = read(&WHOLE.replace(gone, ""));
            assert!(settings.is_none() && diagnoses.has_errors(), "{gone}");
        }
    }

    #[test]
    fn one_proof_is_needed_and_a_value_cannot_add_a_header() {
        assert!(read(&WHOLE.replace("identity: p\n", "")).1.has_errors());
        assert!(read(&WHOLE.replace("identity: p", "identity: p\nclient_secret: '@env:X'")).1.has_errors());
        let (settings, _) = read(&WHOLE.replace("identity: p", "client_secret: '@env:X'"));
        assert!(matches!(settings.unwrap().proof, Proof::Secret(_)));
        assert!(read(&WHOLE.replace("CU22", "\"CU22\\nX: y\"")).1.has_errors());
    }
}
