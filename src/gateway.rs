//! A folder, checked then running: sources, engine, lanes.
//! In: a folder. Out: diagnoses, or a gateway that listens. Source: architecture §3, §4.9.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use jonction_admin::{
    Admin, Health, Link, Materials, Metrics, Reload,
    alerts::{Channel, MailSecurity, Webhook},
};
use jonction_directory::{Shelf, Store};
use jonction_engine::{Engine, EngineSettings, Route, Running, Wired, read_routes};
use jonction_model::{Clock, Entropy, OsEntropy, PartnerName, SystemClock};
use jonction_net::{ClientAuth, ServerTls, server_config};
use jonction_ports::{Sink, Source, StopHandle};
use jonction_settings::{Diagnoses, Level, Secret, SourceFile, Span};
use tokio::task::JoinHandle;

use crate::{
    addresses::Addresses,
    alert_mail::AlertMail,
    certificates::{CertificateError, Certificates, material},
    directories,
    failure::Failure,
    project::{Folder, Project},
    registry::{Ready, Wiring, read_partners, route_registry},
    renewal::{Renewal, Renewals},
    reports,
};

/// A folder whose every file was read. Usable only when there is no error.
pub(crate) struct Checked {
    pub(crate) project: Project,
    pub(crate) partners: Vec<Ready>,
    pub(crate) routes: Vec<Route>,
    /// Where the steps of the routes find the directories, once they are open.
    shelf: Shelf,
}

impl Checked {
    /// Gives the steps of the routes their directories.
    pub(crate) fn put_directories(&self, store: Arc<Store>) {
        self.shelf.put(store);
    }
}

/// Reads a folder whole. `None` when nothing could be made of it; errors are in the diagnoses.
pub(crate) fn check<'f>(
    folder: impl Into<Folder<'f>>,
    addresses: Option<&Addresses>,
    diagnoses: &mut Diagnoses,
) -> Option<Checked> {
    let project = Project::read(folder, addresses, diagnoses)?;
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
    materials: Arc<Materials>,
    renewal: Arc<Renewal>,
    running: Running,
    sources: Vec<JoinHandle<()>>,
    stop: StopHandle,
    grace: Duration,
    /// `jonction.yaml` and the file of partners when they were read.
    texts: Vec<Arc<SourceFile>>,
    /// The directories, for the steps of routes read again.
    store: Arc<Store>,
    /// Where each source listens.
    pub(crate) listening: Vec<(PartnerName, SocketAddr)>,
    /// What is watched, in words.
    pub(crate) watching: Vec<(PartnerName, String)>,
}

/// How a gateway is started.
pub(crate) struct Start<'s> {
    pub(crate) data: &'s Path,
    /// Listens on free ports, told in `addresses`.
    pub(crate) free_ports: bool,
    /// Where alerts are shown beside the log.
    pub(crate) screen: Option<Arc<dyn Channel>>,
    /// Who reads routes again when the administration is asked to.
    pub(crate) reload: Option<Arc<dyn Reload>>,
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
        let mut settings = EngineSettings::new(start.data, gateway.environment);
        settings.storage.seals = checked.project.encryption.keys(&checked.project.dir)?;
        let engine = Arc::new(Engine::open(settings, clock.clone(), entropy.clone())?);
        let metrics = Arc::new(Metrics::default());
        engine.observe(metrics.clone());
        let certificates = Certificates::open(&checked.project, start.data)?;
        let store = directories::open(start.data, clock.clone())?;
        checked.put_directories(store.clone());
        directories::warm(&store);
        let renewals = Renewals::default();
        let wiring = Wiring {
            certificates: &certificates,
            renewals: &renewals,
            environment: gateway.environment,
            clock: clock.clone(),
            entropy,
            source_id: gateway.source_id.clone(),
            gateway: gateway.name.clone(),
            directory: Some(store.clone()),
            base: &checked.project.dir,
            free_ports: start.free_ports,
            trial: false,
        };
        let mut sinks: HashMap<PartnerName, Arc<dyn Sink>> = HashMap::new();
        let mut admissions = HashMap::new();
        let mut opened: Vec<(PartnerName, Box<dyn Source>)> = Vec::new();
        let (mut listening, mut watching) = (Vec::new(), Vec::new());
        let lanes =
            checked.partners.iter().map(|partner| (partner.name.clone(), partner.lane.clone())).collect();
        for partner in &checked.partners {
            if let Some(sink) = partner.configured.sink(&partner.name, &wiring)? {
                sinks.insert(partner.name.clone(), sink);
            }
            if let Some(admission) = partner.configured.admission(gateway.environment) {
                admissions.insert(partner.name.clone(), admission);
            }
            watching.extend(partner.configured.watches().map(|words| (partner.name.clone(), words)));
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
        let materials = Arc::new(Materials::default());
        let grace = gateway.stop_grace;
        let seen = Seen {
            screen: start.screen,
            reload: start.reload,
            engine: engine.clone(),
            health: health.clone(),
            materials: materials.clone(),
            metrics,
        };
        let admin = start_admin(&checked.project, &wiring, seen).await?;
        let (stop, listener) = StopHandle::new();
        let (set, routes) = (checked.project.route_set(), checked.routes.len());
        let running = engine.start(Wired { routes: checked.routes, sinks, lanes, admissions }).await?;
        engine.deploy(&set, routes).await?;
        let mut links = Vec::new();
        let mut sources = Vec::new();
        for (name, source) in opened {
            let task = tokio::spawn(source.run(engine.intake(), listener.clone(), grace));
            links.push(Link { name: name.to_string(), task: task.abort_handle() });
            sources.push(task);
        }
        health.set_links(links);
        let renewal = Arc::new(renewals.watch(certificates, materials.clone()));
        tokio::spawn(renewal.clone().run(listener.clone()));
        if let Some(settings) = checked.project.reports.clone() {
            let reader = engine.reader();
            sources.push(tokio::spawn(reports::run(settings, reader, clock.clone(), listener.clone())));
        }
        let pullers = directories::pullers(&checked.project, start.data, &clock)?;
        if !pullers.is_empty() {
            let suspicion = checked.project.directories.suspicion();
            let fresh = directories::keep_fresh(store.clone(), pullers, suspicion, clock, listener);
            sources.push(tokio::spawn(fresh));
        }
        let texts = checked.project.texts;
        Ok(Self {
            engine,
            admin,
            health,
            materials,
            renewal,
            running,
            sources,
            stop,
            grace,
            texts,
            store,
            listening,
            watching,
        })
    }

    /// Reads certificates and routes again. What cannot be used leaves what runs untouched, and becomes an alert.
    /// `addresses`: those this gateway was started with. Out: everything that is wrong.
    pub(crate) async fn reload(
        &mut self,
        folder: Folder<'_>,
        addresses: Option<&Addresses>,
    ) -> (Diagnoses, Reloaded) {
        let material = self.renewal.renew();
        let mut diagnoses = Diagnoses::default();
        let (routes, set) = match check(folder, addresses, &mut diagnoses) {
            Some(checked) if !diagnoses.has_errors() => {
                if checked.project.texts != self.texts {
                    diagnoses
                        .add(
                            Level::Error,
                            "reload.needs-restart",
                            None,
                            "jonction.yaml ou ses partenaires ont changé : seules les routes se rechargent",
                        )
                        .remedy("relancer la passerelle pour les prendre en compte");
                }
                checked.put_directories(self.store.clone());
                let set = checked.project.route_set();
                (checked.routes, set)
            }
            _ => Default::default(),
        };
        let count = routes.len();
        if !diagnoses.has_errors()
            && let Err(error) = self.running.reroute(routes)
        {
            diagnoses.add(Level::Error, error.code(), None, error.sentence()).remedy(error.remedy());
        }
        match diagnoses.list().iter().find(|diagnosis| diagnosis.level == Level::Error) {
            Some(first) => self.materials.refused(CONFIGURATION, &first.sentence),
            None => self.materials.accepted(CONFIGURATION),
        }
        let routes = (!diagnoses.has_errors()).then_some(count);
        let version = routes.is_some().then(|| set.version());
        // A journal that cannot be written says so itself; the routes run all the same.
        if routes.is_some()
            && let Err(error) = self.engine.deploy(&set, count).await
        {
            tracing::error!(error_code = error.code(), "the texts of the routes were not kept");
        }
        (diagnoses, Reloaded { material, routes, version })
    }

    /// Stops listening, answers what was submitted, lets attempts end within the grace. Whether all of it ended.
    pub(crate) async fn stop(self) -> bool {
        let began = Instant::now();
        self.health.set_stopping();
        self.stop.stop();
        for source in self.sources {
            // A source that panicked has said so where it did.
            let _ = source.await;
        }
        // One grace for the whole: what sources took of it, attempts do not get.
        let whole = self.running.stop(self.grace.saturating_sub(began.elapsed())).await;
        self.admin.stop().await;
        whole
    }
}

/// What the administration looks at.
struct Seen {
    screen: Option<Arc<dyn Channel>>,
    reload: Option<Arc<dyn Reload>>,
    engine: Arc<Engine>,
    health: Arc<Health>,
    materials: Arc<Materials>,
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
        materials: seen.materials,
        metrics: seen.metrics,
        thresholds: project.alerts.thresholds,
        gateway: project.gateway.name.clone(),
        channels: seen.screen.into_iter().chain(channels(project, wiring)?).collect(),
    };
    let entropy = wiring.entropy.clone();
    Ok(Admin::start(jonction_admin::Parts { watched, listen, tls, reload: seen.reload, token, entropy })
        .await?)
}

fn admin_tls(name: &str, wiring: &Wiring<'_>) -> Result<ServerTls, CertificateError> {
    let name = name.to_owned();
    wiring.renewals.renewable(wiring.certificates, move |certificates| {
        let identity = certificates.identity(&name)?;
        server_config(&identity, ClientAuth::None).map_err(|error| material(&name, &error))
    })
}

/// The ways out of alerts, as declared.
pub(crate) fn channels(project: &Project, wiring: &Wiring<'_>) -> Result<Vec<Arc<dyn Channel>>, Failure> {
    let secret = |what: &str, secret: Option<&Secret>| {
        secret.map(|secret| secret.resolve(wiring.base)).transpose().map_err(|error| {
            Failure::new("secret.unreadable", format!("alerts : {what} ne peut pas être lu ({error})"))
        })
    };
    let tls = |trust: Option<&(String, Span)>| wiring.client_tls(None, trust.map(|(name, _)| name));
    let mut channels: Vec<Arc<dyn Channel>> = Vec::new();
    if let Some(settings) = project.alerts.mail.clone() {
        let in_tls = settings.security != MailSecurity::None;
        channels.push(Arc::new(AlertMail {
            tls: if in_tls { Some(tls(settings.trust.as_ref())?) } else { None },
            password: secret("le mot de passe", settings.login.as_ref().map(|(_, password)| password))?,
            clock: wiring.clock.clone(),
            entropy: wiring.entropy.clone(),
            settings,
        }));
    }
    if let Some(settings) = project.alerts.webhook.clone() {
        let in_tls = settings.tls.then(|| tls(settings.trust.as_ref())).transpose()?;
        let token = secret("le jeton", settings.token.as_ref())?;
        channels.push(Arc::new(Webhook::new(settings, in_tls, token)));
    }
    Ok(channels)
}

/// What a reload took.
pub(crate) struct Reloaded {
    /// Whether every certificate could be used.
    pub(crate) material: bool,
    /// Routes that run now; `None`: those of before.
    pub(crate) routes: Option<usize>,
    /// The set of routes that runs now.
    pub(crate) version: Option<String>,
}

/// Under this name a refused configuration is told.
const CONFIGURATION: &str = "la configuration";
