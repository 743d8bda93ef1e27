//! The ROR, simulated: tokens with mutual TLS, the export job, searches with their cut, of a made-up nation of any size.
//! In: [`Settings`]. Out: two running servers, told to misbehave by name. Source: annuaires.md §9.1 « sim-ror », §9.2.
//! Deliberately absent: writing, beds that are free at this hour.

mod faults;
mod nation;
mod search;

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use jonction_model::Clock;
use jonction_net::ServerTls;
use jonction_simkit::PlanError;
use jonction_web::{
    Reply, Server,
    server::{Arrived, Handler},
    url::decode_query,
};
use serde_json::{Value, json};

pub use faults::{FAULTS, Fault};
use faults::{Plans, Target};
use nation::Nation;
use search::{Question, World, entry};

/// Where tokens are asked for.
const TOKEN: &str = "/auth/realms/ror/protocol/openid-connect/token";
/// Base of the FHIR service.
const BASE: &str = "/ws-diffusion-fhir";
/// How long a token lives, as the sandbox says.
const LIFE_S: i64 = 300;
/// The secret of access profile 0.
const SECRET: &str = "secret-essai";
const HEADERS: [&str; 4] = [
    "ror-profil-utilisateur-code",
    "ror-profil-utilisateur-system",
    "ror-role-metier-code",
    "ror-role-metier-system",
];

/// What a simulator is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the FHIR service listens; it gives tokens of profile 0 too, for a secret.
    pub listen: SocketAddr,
    /// Where the token endpoint with mutual TLS listens.
    pub token_listen: SocketAddr,
    /// Seed of the nation, and of faults drawn at a rate.
    pub seed: u64,
    /// Establishments; each has two offers, more or less.
    pub establishments: u64,
    /// Establishments told in one file of an export.
    pub per_file: usize,
    /// Most answers of a search.
    pub cut: usize,
}

/// A simulator that runs.
pub struct Simulator {
    fhir: Server,
    token: Server,
    desk: Arc<Desk>,
}

struct Desk {
    settings: Settings,
    since: Timestamp,
    clock: Arc<dyn Clock>,
    plans: Plans,
    /// Whether a certificate is asked for at the token endpoint.
    mutual: bool,
    state: Mutex<State>,
    asked: AtomicU64,
}

#[derive(Default)]
struct State {
    tokens: HashMap<String, Granted>,
    jobs: HashMap<String, Job>,
    given: u64,
}

#[derive(Clone, Copy)]
struct Granted {
    until: Timestamp,
    all: bool,
}

#[derive(Clone)]
struct Job {
    at: Timestamp,
    region: Option<String>,
    all: bool,
    polls: u64,
}

/// Why a simulator could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address cannot be bound.
    #[error("ror simulator cannot listen")]
    Listen(#[source] io::Error),
    /// The fault plan cannot be read.
    #[error("ror simulator cannot read its fault plan")]
    Plan(PlanError),
}

/// Checks rules without a simulator.
pub fn check_rules(rules: &[&str]) -> Result<(), PlanError> {
    Plans::parse(rules, 0).map(|_| ())
}

impl Simulator {
    /// Starts. `tls`: of the FHIR service, and of the token endpoint, which asks for a certificate; none in plain HTTP.
    pub fn start(
        settings: Settings,
        tls: Option<(ServerTls, ServerTls)>,
        clock: Arc<dyn Clock>,
        rules: &[&str],
    ) -> Result<Self, StartError> {
        let plans = Plans::parse(rules, settings.seed).map_err(StartError::Plan)?;
        let (listen, token_listen) = (settings.listen, settings.token_listen);
        let desk = Arc::new(Desk {
            settings,
            since: clock.now(),
            clock,
            plans,
            mutual: tls.is_some(),
            state: Mutex::default(),
            asked: AtomicU64::new(0),
        });
        let (open, mutual) = match tls {
            Some((open, mutual)) => (Some(open), Some(mutual)),
            None => (None, None),
        };
        let door: Handler = {
            let desk = desk.clone();
            Arc::new(move |arrived| desk.give_token(&arrived))
        };
        let token = Server::start(token_listen, mutual, door).map_err(StartError::Listen)?;
        let answering: Handler = {
            let desk = desk.clone();
            Arc::new(move |arrived| desk.answer(&arrived))
        };
        let fhir = Server::start(listen, open, answering).map_err(StartError::Listen)?;
        Ok(Self { fhir, token, desk })
    }

    /// Where the FHIR service listens.
    pub fn address(&self) -> SocketAddr {
        self.fhir.address()
    }

    /// Where the token endpoint listens.
    pub fn token_address(&self) -> SocketAddr {
        self.token.address()
    }

    /// Base of the FHIR service.
    pub fn fhir_url(&self) -> String {
        format!("{}{BASE}", self.fhir.origin())
    }

    /// Address of the token endpoint.
    pub fn token_url(&self) -> String {
        format!("{}{TOKEN}", self.token.origin())
    }

    /// Replaces the fault plan.
    pub fn play(&self, rules: &[&str]) -> Result<(), PlanError> {
        self.desk.plans.replace(rules)
    }

    /// Tokens given so far.
    pub fn tokens(&self) -> u64 {
        self.desk.lock().given
    }

    /// Export jobs asked for so far.
    pub fn jobs(&self) -> u64 {
        self.desk.asked.load(Ordering::SeqCst)
    }

    /// Stops it.
    pub async fn stop(self) {
        self.fhir.stop().await;
        self.token.stop().await;
    }
}

impl Desk {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nation(&self, now: Timestamp) -> Nation {
        let Settings { seed, establishments, .. } = self.settings;
        Nation { seed, establishments, since: self.since, now }
    }

    /// A token: for the certificate that was shown, or for the secret of profile 0.
    fn give_token(&self, arrived: &Arrived) -> Reply {
        if arrived.route() != TOKEN || arrived.method != "POST" {
            return Reply::status(404);
        }
        let fault = self.plans.draw(Target::Token);
        let form =
            decode_query(&format!("?{}", String::from_utf8(arrived.body.to_vec()).unwrap_or_default()));
        let field = |name: &str| form.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let secret = field("client_secret");
        let proven = match secret {
            Some(secret) => secret == SECRET,
            None => !self.mutual || arrived.certificate.is_some(),
        };
        let asked = field("grant_type") == Some("client_credentials") && field("client_id").is_some();
        if !asked || !proven || fault == Some(Fault::TokenRefused) {
            let error = json!({ "error": "unauthorized_client", "error_description": "Invalid client or Invalid client credentials" });
            return Reply::new(401, "application/json", error.to_string());
        }
        let life = if fault == Some(Fault::TokenShort) { 5 } else { LIFE_S };
        let until = self.clock.now() + SignedDuration::from_secs(life);
        let mut state = self.lock();
        state.given += 1;
        let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let token = format!(
            "{}.{}.RklDVElG",
            part(json!({ "alg": "none", "typ": "JWT" })),
            part(json!({ "exp": until.as_second(), "jti": state.given }))
        );
        let now = self.clock.now();
        state.tokens.retain(|_, granted| granted.until > now);
        state.tokens.insert(token.clone(), Granted { until, all: secret.is_none() });
        let granted = json!({ "access_token": token, "expires_in": life, "refresh_expires_in": 0, "token_type": "Bearer",
                              "not-before-policy": 0, "scope": "profile email" });
        Reply::new(200, "application/json", granted.to_string())
    }

    fn answer(&self, arrived: &Arrived) -> Reply {
        if arrived.route() == TOKEN {
            // Without a certificate only a secret gives one.
            let secret = arrived.body.windows(14).any(|window| window == b"client_secret=");
            return if secret { self.give_token(arrived) } else { Reply::status(401) };
        }
        let Some(route) = arrived.route().strip_prefix(BASE) else { return Reply::status(404) };
        let target = match route {
            "/metadata" => return self.metadata(),
            "/$export" => Target::KickOff,
            "/$export-poll-status" => Target::Poll,
            "/HealthcareService" => Target::Search,
            file if file.starts_with("/export/") => Target::File,
            _ => return outcome(404, "not-found", &format!("Unknown resource type '{route}'")),
        };
        let fault = self.plans.draw(target);
        if let Some(reply) = self.refuse(arrived, fault) {
            return reply;
        }
        let bearer = arrived.header("authorization").trim_start_matches("Bearer ");
        let all = self.lock().tokens.get(bearer).is_some_and(|granted| granted.all);
        let reply = match target {
            Target::KickOff => self.kick_off(arrived, all, fault),
            Target::Poll => self.poll(arrived, fault),
            Target::File => self.file(arrived, route, fault),
            _ => self.search(arrived, all, fault),
        };
        // The service's own clock.
        let date = self.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT");
        reply.header("date", date.to_string())
    }

    /// What is judged before the question itself: the token, the headers, faults of any question.
    fn refuse(&self, arrived: &Arrived, fault: Option<Fault>) -> Option<Reply> {
        let bearer = arrived.header("authorization").strip_prefix("Bearer ").unwrap_or_default().to_owned();
        {
            let mut state = self.lock();
            if fault == Some(Fault::TokenDies) {
                state.tokens.remove(&bearer);
            }
            let now = self.clock.now();
            if state.tokens.get(&bearer).is_none_or(|granted| granted.until <= now) {
                return Some(outcome(401, "login", "Invalid or expired token"));
            }
        }
        if let Some(missing) = HEADERS.iter().find(|name| arrived.header(name).is_empty()) {
            return Some(outcome(403, "forbidden", &format!("Header {missing} is missing")));
        }
        match fault? {
            Fault::Forbidden => Some(outcome(403, "forbidden", "Access is denied")),
            Fault::Unavailable => Some(Reply::status(503)),
            Fault::RateLimit => Some(Reply::status(429).header("retry-after", "7")),
            _ => None,
        }
    }

    fn kick_off(&self, arrived: &Arrived, all: bool, fault: Option<Fault>) -> Reply {
        let query = decode_query(&arrived.path);
        let field = |name: &str| query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        // The guide writes the plus sign as it is, which a query turns into a blank.
        let format = field("_outputFormat").unwrap_or_default().replace(' ', "+");
        if !matches!(format.as_str(), "application/fhir+json" | "application/json") {
            return outcome(400, "not-supported", "_outputFormat: application/fhir+json or application/json");
        }
        let region = field("_typeFilter").and_then(|filter| filter.rsplit('|').next()).map(str::to_owned);
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        let id = format!("990789c0-f170-400f-97dd-{number:012x}");
        self.lock().jobs.insert(id.clone(), Job { at: self.clock.now(), region, all, polls: 0 });
        let reply = Reply::status(202);
        if fault == Some(Fault::NoLocation) {
            return reply;
        }
        reply.header("content-location", format!("{}/$export-poll-status?_jobId={id}", base(arrived)))
    }

    fn poll(&self, arrived: &Arrived, fault: Option<Fault>) -> Reply {
        let id = decode_query(&arrived.path).into_iter().find(|(name, _)| name == "_jobId").map(|(_, id)| id);
        let id = id.unwrap_or_default();
        let job = {
            let mut state = self.lock();
            if fault == Some(Fault::JobVanishes) {
                state.jobs.remove(&id);
            }
            let Some(job) = state.jobs.get_mut(&id) else {
                return outcome(404, "not-found", "Unknown job");
            };
            job.polls += 1;
            job.clone()
        };
        match fault {
            // Without saying when to come back: who asks must slow down by itself.
            Some(Fault::NeverEnds) => return Reply::status(202),
            Some(Fault::JobFails) => return outcome(500, "exception", "Export job failed"),
            Some(Fault::Html) => return Reply::new(200, "text/html", "<html><body>Erreur</body></html>"),
            _ if job.polls == 1 => return working("50 %"),
            _ => {}
        }
        let parts = self.establishments(&job, fault).chunks(self.settings.per_file.max(1)).count().max(1);
        let base = match fault {
            Some(Fault::OtherHost) => format!("https://ailleurs.example{BASE}"),
            _ => base(arrived),
        };
        let output = |part: usize| json!({ "type": "HealthcareService", "url": format!("{base}/export/{id}/part-{part:04}.json") });
        let at =
            if fault == Some(Fault::Future) { job.at + SignedDuration::from_hours(24 * 365) } else { job.at };
        let manifest = json!({
            "transactionTime": at.to_string(), "request": format!("{base}/$export"), "requiresAccessToken": true,
            "output": (1..=parts).map(output).collect::<Vec<_>>(), "error": [],
        });
        Reply::new(200, "application/json", manifest.to_string())
    }

    fn establishments(&self, job: &Job, fault: Option<Fault>) -> Vec<u64> {
        let all = self.nation(job.at).all(fault);
        all.filter(|number| job.region.as_deref().is_none_or(|region| Nation::region(*number) == region))
            .collect()
    }

    fn file(&self, arrived: &Arrived, route: &str, fault: Option<Fault>) -> Reply {
        let named = route.strip_prefix("/export/").and_then(|rest| rest.split_once("/part-"));
        let part = named.and_then(|(_, part)| part.strip_suffix(".json")?.parse::<usize>().ok());
        let job = named.and_then(|(id, _)| self.lock().jobs.get(id).cloned());
        let (Some(job), Some(part)) = (job, part.filter(|part| *part > 0)) else {
            return outcome(404, "not-found", "Unknown file");
        };
        match fault {
            Some(Fault::FileForbidden) => return outcome(403, "forbidden", "Access is denied"),
            Some(Fault::FileGone) => return outcome(404, "not-found", "Unknown file"),
            Some(Fault::EmptyFile) => return Reply::new(200, "application/fhir+json", ""),
            _ => {}
        }
        let establishments = self.establishments(&job, fault);
        let own = establishments.chunks(self.settings.per_file.max(1)).nth(part - 1).unwrap_or_default();
        let bundle = self.part(&base(arrived), &job, own, fault);
        let text = bundle.to_string();
        let half = text.len() / 2;
        match fault {
            Some(Fault::Truncated) => {
                let kept = (0..=half).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
                Reply::new(200, "application/fhir+json", text[..kept].to_owned())
            }
            Some(Fault::Cut) => Reply::new(200, "application/fhir+json", text).cut_after(half),
            _ => Reply::new(200, "application/fhir+json", text),
        }
    }

    /// Offers of some establishments, with all they refer to.
    fn part(&self, base: &str, job: &Job, establishments: &[u64], fault: Option<Fault>) -> Value {
        let nation = self.nation(job.at);
        let mut entries = Vec::new();
        let mut put = |resource: Value, mode: &str| entries.push(entry(base, resource, mode));
        for number in establishments {
            if fault == Some(Fault::NoOffers) {
                break;
            }
            let offers = nation.offers(*number).filter(|offer| job.all || !Nation::is_sensitive(*offer));
            for offer in offers {
                put(nation.offer(offer, fault, job.all), "match");
                if let Some(resource) = nation.unit(offer, fault) {
                    put(resource, "include");
                }
                put(nation.location(offer, fault), "include");
                for resource in nation.people(offer, fault).into_iter().flatten() {
                    put(resource, "include");
                }
            }
            put(nation.establishment(*number, fault), "include");
            put(nation.legal_entity(*number, fault), "include");
        }
        bloat(&mut entries, fault);
        json!({ "resourceType": "Bundle", "type": "collection", "entry": entries })
    }

    fn search(&self, arrived: &Arrived, all: bool, fault: Option<Fault>) -> Reply {
        let question = match Question::read(&arrived.path) {
            Ok(question) => question,
            Err(why) => return outcome(400, "processing", &why),
        };
        let base = base(arrived);
        let world =
            World { nation: self.nation(self.clock.now()), base: &base, fault, all, cut: self.settings.cut };
        let text = question.answer(&world).to_string();
        if fault == Some(Fault::Truncated) {
            let kept = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            return Reply::new(200, "application/fhir+json", text[..kept].to_owned());
        }
        Reply::new(200, "application/fhir+json;charset=UTF-8", text)
    }

    fn metadata(&self) -> Reply {
        let statement = json!({
            "resourceType": "CapabilityStatement", "status": "active", "date": self.since.to_string(), "kind": "instance",
            "fhirVersion": "4.0.1", "format": ["application/fhir+json"],
            "rest": [{ "mode": "server", "resource": [{ "type": "HealthcareService", "interaction": [{ "code": "search-type" }] }] }],
        });
        Reply::new(200, "application/fhir+json", statement.to_string())
    }
}

fn working(progress: &str) -> Reply {
    Reply::status(202).header("retry-after", "1").header("x-progress", progress)
}

/// A resource of ten megabytes, first of all.
fn bloat(entries: &mut [Value], fault: Option<Fault>) {
    if let (Some(Fault::Bloated), Some(first)) = (fault, entries.first_mut()) {
        first["resource"]["comment"] = json!("x".repeat(10 << 20));
    }
}

/// The base as the asker knows it: its own `Host`.
fn base(arrived: &Arrived) -> String {
    let host = arrived.header("host");
    let scheme = if arrived.secure { "https" } else { "http" };
    format!("{scheme}://{host}{BASE}")
}

fn outcome(status: u16, code: &str, diagnostics: &str) -> Reply {
    let outcome = json!({ "resourceType": "OperationOutcome",
                          "issue": [{ "severity": "error", "code": code, "diagnostics": diagnostics }] });
    Reply::new(status, "application/fhir+json", outcome.to_string())
}
