//! The national services, simulated: extractions with their names, dates and ranges, FHIR API, from a made-up nation.
//! In: [`Settings`]. Out: a running server, told to misbehave by name. Source: annuaires.md §9.1.
//! Deliberately absent: the rest of the national portal.

mod api;
pub mod faults;
mod files;
pub mod generate;

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use jonction_model::{Clock, clock::paris};
use jonction_net::ServerTls;
use jonction_simkit::{FaultPlan, PlanError};
use jonction_web::{
    Body, Reply, Server,
    server::{Arrived, Handler},
};

use api::Api;
use faults::{FAULTS, Fault};
use files::Extraction;
use generate::{Nation, Sizes};

/// Where the extractions stand.
const EXTRACTIONS: &str = "/annuaire-sante-webservices/V300/services/extraction/";

/// What a simulator is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Seed of the nation, and of faults drawn at a rate.
    pub seed: u64,
    /// Size of the nation.
    pub sizes: Sizes,
    /// Key of the FHIR API.
    pub key: String,
}

/// A simulator that runs.
pub struct Simulator {
    server: Server,
    desk: Arc<Desk>,
}

struct Desk {
    settings: Settings,
    day: AtomicU64,
    faults: FaultPlan<Fault>,
    clock: Arc<dyn Clock>,
    made: Mutex<HashMap<MadeKey, (String, Bytes)>>,
    requests: AtomicU64,
    api: Api,
}

/// What was made: the extraction, the fault that spoils it, the day.
type MadeKey = (Extraction, Option<Fault>, u64);

impl Simulator {
    /// Starts. Errors: the address is taken.
    pub fn start(
        settings: Settings,
        tls: Option<ServerTls>,
        clock: Arc<dyn Clock>,
        faults: &[&str],
    ) -> Result<Self, StartError> {
        let faults =
            FaultPlan::parse(FAULTS, faults.iter().copied(), settings.seed).map_err(StartError::Plan)?;
        let listen = settings.listen;
        let nation = Nation::new(settings.seed, settings.sizes);
        let api = Api::new(&nation, settings.key.clone(), clock.now(), tls.is_some(), settings.seed);
        let desk = Arc::new(Desk {
            settings,
            day: AtomicU64::new(0),
            faults,
            clock,
            made: Mutex::default(),
            requests: AtomicU64::new(0),
            api,
        });
        let handler: Handler = {
            let desk = desk.clone();
            Arc::new(move |arrived| desk.answer(&arrived))
        };
        let server = Server::start(listen, tls, handler).map_err(StartError::Listen)?;
        Ok(Self { server, desk })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Address of an extraction: `PS_LibreAcces`, `Extraction_Correspondance_MSSante`.
    pub fn extraction_url(&self, name: &str) -> String {
        format!("{}{EXTRACTIONS}{name}", self.server.origin())
    }

    /// Base of the FHIR API.
    pub fn api_url(&self) -> String {
        format!("{}{}", self.server.origin(), api::BASE.trim_end_matches('/'))
    }

    /// Replaces the fault plan of the FHIR API.
    pub fn play_api(&self, rules: &[&str]) -> Result<(), PlanError> {
        self.desk.api.faults.replace(rules.iter().copied())
    }

    /// The next morning: other extractions, with another date.
    pub fn next_day(&self) {
        self.desk.day.fetch_add(1, Ordering::SeqCst);
    }

    /// Replaces the fault plan.
    pub fn play(&self, rules: &[&str]) -> Result<(), PlanError> {
        self.desk.faults.replace(rules.iter().copied())
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.desk.requests.load(Ordering::SeqCst)
    }

    /// Stops it.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// Why a simulator could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be bound.
    #[error("annuaire simulator cannot listen")]
    Listen(#[source] io::Error),
    /// The fault plan cannot be read.
    #[error("annuaire simulator cannot read its fault plan")]
    Plan(PlanError),
}

impl Desk {
    fn answer(&self, arrived: &Arrived) -> Reply {
        self.requests.fetch_add(1, Ordering::SeqCst);
        if arrived.route().starts_with(api::BASE) {
            let day = self.day.load(Ordering::SeqCst);
            let nation = Nation::new(self.settings.seed, self.settings.sizes).on_day(day);
            return self.api.answer(arrived, &nation, day);
        }
        let extraction = match arrived.route().strip_prefix(EXTRACTIONS) {
            Some("PS_LibreAcces") => Extraction::Rpps,
            Some("Extraction_Correspondance_MSSante") => Extraction::Mssante,
            _ => return Reply::new(404, "text/plain", "inconnu"),
        };
        // A look at the name is not the request a fault is meant for.
        let fault = if arrived.method == "HEAD" { None } else { self.faults.draw() };
        match fault {
            Some(Fault::Unavailable) => return Reply::status(503),
            Some(Fault::RateLimit) => return Reply::status(429).header("retry-after", "7"),
            Some(Fault::Drop) => {
                return Reply { status: 200, headers: Vec::new(), body: Body::None };
            }
            _ => {}
        }
        match self.made(extraction, fault) {
            Ok((name, bytes)) => file(arrived, &name, bytes, fault),
            Err(_) => Reply::status(500),
        }
    }

    /// The archive of this morning; made once.
    fn made(&self, extraction: Extraction, fault: Option<Fault>) -> io::Result<(String, Bytes)> {
        let day = self.day.load(Ordering::SeqCst);
        let key = (extraction, fault, day);
        if let Some(made) = self.made.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(made.clone());
        }
        let hours = i64::try_from(day).unwrap_or(0) * 24;
        let shift = match fault {
            Some(Fault::Older) => -48,
            Some(Fault::Future) => 24 * 365,
            _ => 0,
        };
        // Published every morning from yesterday on, so that the first one is already there.
        let published = self.clock.now() + jiff::SignedDuration::from_hours(hours - 24 + shift);
        let nation = Nation::new(self.settings.seed, self.settings.sizes).on_day(day);
        let (name, bytes) = files::archive(&nation, extraction, &files::stamp(published, paris()), fault)?;
        let made = (name, Bytes::from(bytes));
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(key, made.clone());
        Ok(made)
    }
}

/// An archive, whole or from where it is asked for.
fn file(arrived: &Arrived, name: &str, bytes: Bytes, fault: Option<Fault>) -> Reply {
    let tag = format!("\"{name}-{}\"", bytes.len());
    let total = bytes.len();
    let asked = arrived
        .header("range")
        .strip_prefix("bytes=")
        .and_then(|range| range.trim_end_matches('-').parse::<usize>().ok());
    let same = arrived.header("if-range") == tag;
    let reply = match asked {
        Some(from) if same && from < total && fault != Some(Fault::NoRange) => {
            Reply::new(206, "application/zip", bytes.slice(from..))
                .header("content-range", format!("bytes {from}-{}/{total}", total - 1))
        }
        _ => Reply::new(200, "application/zip", bytes),
    };
    let mut reply = reply.header("content-disposition", format!("attachment; filename={name}"));
    if fault != Some(Fault::NoValidator) {
        reply = reply.header("etag", tag).header("accept-ranges", "bytes");
    }
    if fault == Some(Fault::Cut) { reply.cut_after(total / 3) } else { reply }
}
