//! A folder, checked then running: sources, engine, lanes.
//! In: a folder. Out: diagnoses, or a gateway that listens. Source: architecture §3, §4.9.

use std::{collections::HashMap, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use jonction_admin::{Admin, Health, Link, Metrics};
use jonction_directory::Shelf;
use jonction_engine::{Engine, EngineSettings, Route, Running, read_routes};
use jonction_model::{Clock, Entropy, OsEntropy, PartnerName, SystemClock};
use jonction_net::{ClientAuth, Reloadable, ServerTls, server_config};
use jonction_ports::{Sink, Source, StopHandle};
use jonction_settings::Diagnoses;
use tokio::task::JoinHandle;

use crate::{
    addresses::Addresses,
    certificates::{CertificateError, Certificates, material},
    directories,
    failure::Failure,
    project::Project,
    registry::{Ready, Wiring, read_partners, route_registry},
};

/// A folder whose every file was read. Usable only when there is no error.
pub(crate) struct Checked {
    pub(crate) project: Project,
    pub(crate) partners: Vec<Ready>,
    pub(crate) routes: Vec<Route>,
    /// Where the steps of the routes find the directories, once they are open.
    shelf: Shelf,
}

/// Reads a folder whole. `None` when nothing could be made of it; errors are in the diagnoses.
pub(crate) fn check(dir: &Path, addresses: Option<&Addresses>, diagnoses: &mut Diagnoses) -> Option<Checked> {
    let project = Project::read(dir, addresses, diagnoses)?;
    let partners = read_partners(&project, diagnoses);
    let shelf = Shelf::default();
    let routes = read_routes(&project.routes, &route_registry(&project, &partners, &shelf), diagnoses);
    Some(Checked { project, partners, routes, shelf })
}

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) engine: Arc<Engine>,
    /// Its administration.
    pub(crate) admin: Admin,
    health: Arc<Health>,
    running: Running,
    sources: Vec<JoinHandle<()>>,
    stop: StopHandle,
    /// Where each source listens.
    pub(crate) listening: Vec<(PartnerName, SocketAddr)>,
}

/// How a gateway is started.
pub(crate) struct Start<'s> {
    pub(crate) data: &'s Path,
    /// Listens on free ports, told in `addresses`.
    pub(crate) free_ports: bool,
}

impl Gateway {
    /// Opens the journal, then everything that listens, then starts. An error leaves nothing open.
    pub(crate) async fn start(
        checked: Checked,
        start: Start<'_>,
        addresses: &mut Addresses,
    ) -> Result<Self, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        let gateway = &checked.project.gateway;
        let settings = EngineSettings::new(start.data, gateway.environment);
        let engine = Arc::new(Engine::open(settings, clock.clone(), entropy.clone())?);
        let metrics = Arc::new(Metrics::default());
        engine.observe(metrics.clone());
        let certificates = Certificates::open(&checked.project, start.data)?;
        let store = directories::open(start.data, clock.clone())?;
        checked.shelf.put(store.clone());
        let wiring = Wiring {
            certificates: &certificates,
            environment: gateway.environment,
            clock: clock.clone(),
            entropy,
            source_id: gateway.source_id.clone(),
            gateway: gateway.name.clone(),
            base: &checked.project.dir,
            free_ports: start.free_ports,
        };
        let mut sinks: HashMap<PartnerName, Arc<dyn Sink>> = HashMap::new();
        let mut opened: Vec<(PartnerName, Box<dyn Source>)> = Vec::new();
        let mut listening = Vec::new();
        let lanes =
            checked.partners.iter().map(|partner| (partner.name.clone(), partner.lane.clone())).collect();
        for partner in &checked.partners {
            if let Some(sink) = partner.configured.sink(&partner.name, &wiring)? {
                sinks.insert(partner.name.clone(), sink);
            }
            let Some(mut source) = partner.configured.source(&partner.name, &wiring)? else { continue };
            for address in source.open().await? {
                if let Some(declared) = partner.configured.listens_on() {
                    addresses.insert(declared, address);
                }
                listening.push((partner.name.clone(), address));
            }
            opened.push((partner.name.clone(), source));
        }
        let health = Arc::new(Health::default());
        let seen = Seen { engine: engine.clone(), health: health.clone(), metrics };
        let admin = start_admin(&checked.project, &wiring, seen).await?;
        let (stop, listener) = StopHandle::new();
        let running = engine.start(checked.routes, sinks, lanes).await?;
        let mut links = Vec::new();
        let mut sources = Vec::new();
        for (name, source) in opened {
            let task = tokio::spawn(source.run(engine.intake(), listener.clone(), GRACE));
            links.push(Link { name: name.to_string(), task: task.abort_handle() });
            sources.push(task);
        }
        health.set_links(links);
        let pullers = directories::pullers(&checked.project, start.data, &clock)?;
        if !pullers.is_empty() {
            let suspicion = checked.project.directories.suspicion();
            let fresh = directories::keep_fresh(store, pullers, suspicion, clock, listener);
            sources.push(tokio::spawn(fresh));
        }
        Ok(Self { engine, admin, health, running, sources, stop, listening })
    }

    /// Stops listening, answers what was submitted, lets attempts end within the grace. Whether all of it ended.
    pub(crate) async fn stop(self) -> bool {
        self.health.set_stopping();
        self.stop.stop();
        for source in self.sources {
            // A source that panicked has said so where it did.
            let _ = source.await;
        }
        let whole = self.running.stop(GRACE).await;
        self.admin.stop().await;
        whole
    }
}

/// What the administration looks at.
struct Seen {
    engine: Arc<Engine>,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
}

async fn start_admin(project: &Project, wiring: &Wiring<'_>, seen: Seen) -> Result<Admin, Failure> {
    let settings = &project.admin;
    let mut listen = settings.listen;
    if wiring.free_ports {
        listen.set_port(0);
    }
    let tls = settings.identity.as_ref().map(|(name, _)| admin_tls(name, wiring)).transpose()?;
    let token = settings.token.as_ref().map(|token| token.resolve(wiring.base)).transpose();
    let token = token.map_err(|error| {
        Failure::new("secret.unreadable", format!("admin : le jeton ne peut pas être lu ({error})"))
    })?;
    let watched = jonction_admin::Watched {
        engine: seen.engine,
        clock: wiring.clock.clone(),
        health: seen.health,
        materials: Arc::default(),
        metrics: seen.metrics,
        thresholds: project.alerts.thresholds,
        gateway: project.gateway.name.clone(),
        channels: Vec::new(),
    };
    let entropy = wiring.entropy.clone();
    Ok(Admin::start(jonction_admin::Parts { watched, listen, tls, token, entropy }).await?)
}

fn admin_tls(name: &str, wiring: &Wiring<'_>) -> Result<ServerTls, CertificateError> {
    let identity = wiring.certificates.identity(name)?;
    let config = server_config(&identity, ClientAuth::None).map_err(|error| material(name, &error))?;
    Ok(Reloadable::new(config))
}

/// Longest wait for what is in flight when stopping.
const GRACE: Duration = Duration::from_secs(10);
