//! `jonction probe`: every way to a partner tried, without consequence, before go-live and at night.

use std::{path::PathBuf, sync::Arc, time::Duration};

use jonction_admin::alerts::{Channel, Letter};
use jonction_model::{Finding, OsEntropy, SystemClock, nearest};
use jonction_ports::{Probe, ProbeStep, StepKind, Steps};
use jonction_settings::Diagnoses;
use serde::Serialize;
use tokio::{sync::Semaphore, task::JoinHandle};

use super::{check::report, data_folder, read_addresses};
use crate::{
    addresses::Addresses,
    certificates::Certificates,
    cli::{Common, Ports, ProbeArgs},
    failure::{Failure, exit},
    gateway::{Checked, channels, check},
    out,
    project::Project,
    registry::{Ready, Wiring},
    renewal::Renewals,
    show,
};

/// Ways tried at once.
const AT_ONCE: usize = 16;
/// Longest probe: each step has its own bound, this is the last one.
const WHOLE: Duration = Duration::from_secs(180);

/// One way that was tried.
#[derive(Debug, Serialize)]
pub(crate) struct Tried {
    pub(crate) partner: String,
    pub(crate) connector: String,
    pub(crate) target: String,
    pub(crate) reachable: bool,
    pub(crate) steps: Vec<ProbeStep>,
}

impl Tried {
    fn of(partner: String, connector: String, target: String, steps: Vec<ProbeStep>) -> Self {
        let reachable = !steps.iter().any(ProbeStep::failed);
        Self { partner, connector, target, reachable, steps }
    }
}

pub(super) async fn run(args: &ProbeArgs, common: &Common) -> Result<u8, Failure> {
    // With --all or --alerts, what stands first is the folder.
    let (wanted, dir) = match args.all || args.alerts {
        true => (None, args.partner.as_ref().map(PathBuf::from).or_else(|| args.dir.clone())),
        false => (args.partner.as_deref(), args.dir.clone()),
    };
    let dir = dir.unwrap_or_else(|| PathBuf::from("."));
    let mut diagnoses = Diagnoses::default();
    let of_project =
        Project::read(common.folder(&dir), None, &mut diagnoses).map(|project| project.gateway.data);
    let data = of_project.map(|of_project| data_folder(common.data.as_ref(), &of_project));
    let addresses = match (&data, args.ports) {
        (Some(data), Ports::Auto) => read_addresses(data)?,
        _ => Addresses::default(),
    };
    diagnoses = Diagnoses::default();
    let checked =
        check(common.folder(&dir), (args.ports == Ports::Auto).then_some(&addresses), &mut diagnoses);
    let (Some(checked), Some(data), false) = (checked, data, diagnoses.has_errors()) else {
        report(&diagnoses, 1, common.json);
        return Ok(exit::CONFIGURATION);
    };
    let certificates = Certificates::open(&checked.project, &data)?;
    let wiring = Wiring {
        certificates: &certificates,
        renewals: &Renewals::default(),
        environment: checked.project.gateway.environment,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        source_id: checked.project.gateway.source_id.clone(),
        gateway: checked.project.gateway.name.clone(),
        directory: None,
        base: &checked.project.dir,
        free_ports: args.ports == Ports::Auto,
        trial: false,
    };
    let running = match args.alerts {
        true => letters(&checked, &wiring)?,
        false => partners(chosen(&checked, wanted)?, &wiring, &addresses),
    };
    let mut worst = exit::DONE;
    for tried in running {
        let tried = tried.await.map_err(|error| Failure::new("probe.lost", error.to_string()))?;
        if !tried.reachable {
            worst = exit::FINDINGS;
        }
        match common.json {
            true => out::json(&tried),
            false => out::write(&show::probe::tried(&tried)),
        }
    }
    Ok(worst)
}

/// Tries every way to these partners, several at once.
fn partners(chosen: Vec<&Ready>, wiring: &Wiring<'_>, addresses: &Addresses) -> Vec<JoinHandle<Tried>> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    chosen
        .into_iter()
        .flat_map(|ready| ways(ready, wiring, addresses))
        .map(|way| tokio::spawn(try_it(way, places.clone())))
        .collect()
}

/// Sends a letter of trial by each way out of alerts: the one probe that leaves something behind.
fn letters(checked: &Checked, wiring: &Wiring<'_>) -> Result<Vec<JoinHandle<Tried>>, Failure> {
    let channels = channels(&checked.project, wiring)?;
    if channels.is_empty() {
        return Err(Failure::usage("probe.no-alerts", "aucune voie d'alerte n'est réglée")
            .remedy("ajouter « alerts: » à jonction.yaml (docs/operate/alertes.md)"));
    }
    let letter = Arc::new(Letter::trial(&checked.project.gateway.name));
    let tried = channels.into_iter().map(|channel| tokio::spawn(try_letter(channel, letter.clone())));
    Ok(tried.collect())
}

async fn try_letter(channel: Arc<dyn Channel>, letter: Arc<Letter>) -> Tried {
    let mut steps = Steps::default();
    match channel.send(&letter).await {
        Ok(()) => steps.done(StepKind::Exchange, "lettre d'essai prise"),
        Err(finding) => steps.failed(StepKind::Exchange, finding),
    }
    Tried::of("alerts".to_owned(), channel.name().to_owned(), channel.target(), steps.into_vec())
}

fn chosen<'c>(checked: &'c Checked, wanted: Option<&str>) -> Result<Vec<&'c Ready>, Failure> {
    let Some(wanted) = wanted else { return Ok(checked.partners.iter().collect()) };
    let known = || checked.partners.iter().map(|ready| ready.name.as_str());
    match checked.partners.iter().find(|ready| ready.name.as_str() == wanted) {
        Some(ready) => Ok(vec![ready]),
        None => {
            let remedy = match nearest(wanted, known()) {
                Some(near) => format!("vouliez-vous {near} ?"),
                None => format!("partenaires connus : {}", known().collect::<Vec<_>>().join(", ")),
            };
            let sentence = format!("aucun partenaire ne s'appelle « {wanted} »");
            Err(Failure::usage("probe.unknown-partner", sentence).remedy(remedy))
        }
    }
}

/// A way, or why it cannot be tried.
struct Way {
    partner: String,
    connector: String,
    probe: Result<Box<dyn Probe>, Finding>,
}

fn ways(ready: &Ready, wiring: &Wiring<'_>, addresses: &Addresses) -> Vec<Way> {
    let way = |probe| Way { partner: ready.name.to_string(), connector: ready.connector.clone(), probe };
    match ready.configured.probes(&ready.name, wiring, addresses) {
        Ok(probes) => probes.into_iter().map(|probe| way(Ok(probe))).collect(),
        Err(error) => {
            let finding = Finding::error(error.code, error.sentence)
                .remedy("corriger les fichiers de certificats de ce partenaire");
            vec![way(Err(finding))]
        }
    }
}

async fn try_it(way: Way, places: Arc<Semaphore>) -> Tried {
    // The semaphore is never closed.
    let _place = places.acquire().await;
    let (target, steps) = match way.probe {
        Ok(probe) => match tokio::time::timeout(WHOLE, probe.run(&SystemClock)).await {
            Ok(steps) => (probe.target(), steps),
            Err(_) => (probe.target(), alone(StepKind::Exchange, endless())),
        },
        Err(finding) => ("—".to_owned(), alone(StepKind::OurCertificate, finding)),
    };
    Tried::of(way.partner, way.connector, target, steps)
}

fn alone(kind: StepKind, finding: Finding) -> Vec<ProbeStep> {
    let mut steps = Steps::default();
    steps.failed(kind, finding);
    steps.into_vec()
}

fn endless() -> Finding {
    Finding::error("net.silent", "le correspondant répond octet par octet, sans jamais finir")
        .remedy("prévenir l'exploitant : son service est surchargé ou défaillant")
}
