//! The national directories of a folder: the block `directories:` read, pullers made, pulls run and noted, by hand or on time.
//! In: settings, a data folder. Out: the store, and what each pull did. Source: annuaires.md §12.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jonction_annuaire::{ApiPuller, ApiSettings, FlatPuller, FlatSettings};
use jonction_directory::{
    Ended, Judge, LastPull, Outcome, Snapshot, Store, Suspicion,
    filling::{RULES, Rule, Wanted},
};
use jonction_finess::{FinessPuller, FinessSettings};
use jonction_model::{Clock, directory::Source};
use jonction_mssante::{ListPuller, ListSettings};
use jonction_net::client_config;
use jonction_ports::{
    Directory as _, PullError, Puller, Stop,
    pull::{Brought, Intake, Progress, Remark},
};
use jonction_ror::{Proof, RorPuller, RorSettings};
use jonction_settings::{Diagnoses, Fields, Node, parse};
use jonction_web::{Client, client::Timeouts};
use tracing::{info, warn};

use crate::{
    certificates::{Certificates, material},
    failure::Failure,
    project::{Identity, Project, Trust},
};

/// Folder of the store, in the data folder.
const FOLDER: &str = "annuaires";
/// How often a source is looked at, unless said otherwise.
const EVERY: Duration = Duration::from_secs(6 * 3600);
/// After a failure, sooner than that.
const AGAIN_MAX: Duration = Duration::from_secs(3600);
/// How often the schedule looks whether a source is due.
const TICK: Duration = Duration::from_secs(30);

/// Block `directories`.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    sources: Vec<SourceSettings>,
    suspicion: Suspicion,
    filling: Wanted,
}

#[derive(Debug)]
struct SourceSettings {
    source: Source,
    every: Duration,
    block: Block,
}

/// What each family of sources has of its own.
#[derive(Debug)]
enum Block {
    Flat(FlatSettings),
    Api(ApiSettings),
    Finess(FinessSettings),
    Ror(Box<RorSettings>),
    List(ListSettings),
}

impl Block {
    fn trust(&self) -> Option<&String> {
        match self {
            Self::Flat(settings) => settings.trust.as_ref(),
            Self::Api(settings) => settings.trust.as_ref(),
            Self::Finess(settings) => settings.trust.as_ref(),
            Self::Ror(settings) => settings.trust.as_ref(),
            Self::List(settings) => settings.trust.as_ref(),
        }
    }

    /// The certificate it shows.
    fn identity(&self) -> Option<&String> {
        match self {
            Self::Ror(settings) => match &settings.proof {
                Proof::Identity(name) => Some(name),
                Proof::Secret(_) => None,
            },
            _ => None,
        }
    }
}

impl Settings {
    /// Reads the block.
    pub(crate) fn read(
        node: &Node,
        dir: &Path,
        trust: &BTreeMap<String, Trust>,
        identities: &BTreeMap<String, Identity>,
        diagnoses: &mut Diagnoses,
    ) -> Self {
        let Some(mut fields) = Fields::of(node, "directories", diagnoses) else { return Self::default() };
        let usual = Suspicion::default();
        let suspicion = Suspicion {
            removed_max: fields.or("removed_max", usual.removed_max, percent, diagnoses),
            changed_max: fields.or("changed_max", usual.changed_max, percent, diagnoses),
        };
        let mut sources = Vec::new();
        for source in Source::ALL {
            let Some(node) = fields.node(source.name()) else { continue };
            let Some(mut block) = Fields::of(node, format!("l'annuaire {source}"), diagnoses) else {
                continue;
            };
            let every = block.or("every", EVERY, parse::duration, diagnoses);
            let read = match source {
                Source::Ror => {
                    RorSettings::read(&mut block, diagnoses).map(|settings| Block::Ror(Box::new(settings)))
                }
                Source::AnnuaireFhir => ApiSettings::read(&mut block, diagnoses).map(Block::Api),
                Source::Finess => FinessSettings::read(dir, &mut block, diagnoses).map(Block::Finess),
                Source::ListeBlanche => ListSettings::read(dir, &mut block, diagnoses).map(Block::List),
                Source::Rpps | Source::Mssante => {
                    FlatSettings::read(source, dir, &mut block, diagnoses).map(Block::Flat)
                }
            };
            block.finish(diagnoses);
            let Some(read) = read else { continue };
            check_name("autorité", read.trust(), trust, node, diagnoses);
            check_name("identité", read.identity(), identities, node, diagnoses);
            sources.push(SourceSettings { source, every, block: read });
        }
        let filling = fields.node("ror_filling").map(|node| filling(node, diagnoses)).unwrap_or_default();
        fields.finish(diagnoses);
        Self { sources, suspicion, filling }
    }

    /// What « ROR alimenté » means here.
    pub(crate) fn filling(&self) -> &Wanted {
        &self.filling
    }

    /// Sources it names.
    pub(crate) fn sources(&self) -> impl Iterator<Item = Source> {
        self.sources.iter().map(|settings| settings.source)
    }
}

/// Block `ror_filling`: which rules count, and the targets.
fn filling(node: &Node, diagnoses: &mut Diagnoses) -> Wanted {
    let mut wanted = Wanted::default();
    let Some(mut fields) = Fields::of(node, "ror_filling", diagnoses) else { return wanted };
    let rule = |name: &str| {
        let names = || RULES.iter().map(|rule| rule.name).collect::<Vec<_>>().join(", ");
        Rule::of(name).ok_or_else(|| format!("une règle parmi {}", names()))
    };
    let rules: Vec<&'static Rule> = scalars(&mut fields, "rules", rule, diagnoses);
    if !rules.is_empty() {
        wanted.rules = rules;
    }
    wanted.hospitals = fields.or("hospitals", wanted.hospitals, percent, diagnoses);
    wanted.esms = fields.or("esms", wanted.esms, percent, diagnoses);
    let steps: Vec<f64> = scalars(&mut fields, "esms_steps", percent, diagnoses);
    if !steps.is_empty() {
        wanted.steps = steps;
    }
    fields.finish(diagnoses);
    wanted
}

fn scalars<T>(
    fields: &mut Fields<'_>,
    key: &'static str,
    read: impl Fn(&str) -> Result<T, String>,
    diagnoses: &mut Diagnoses,
) -> Vec<T> {
    let listed = fields.list(key).iter();
    listed.filter_map(|node| jonction_settings::fields::scalar(node, key, &read, diagnoses)).collect()
}

/// A name of a certificate or of an authority must be one of the file.
fn check_name<T>(
    what: &str,
    named: Option<&String>,
    known: &BTreeMap<String, T>,
    node: &Node,
    diagnoses: &mut Diagnoses,
) {
    if let Some(name) = named.filter(|name| !known.contains_key(*name)) {
        let known: Vec<&str> = known.keys().map(String::as_str).collect();
        diagnoses
            .error("certificates.unknown-name", &node.span, format!("aucune {what} ne s'appelle « {name} »"))
            .remedy(format!("noms connus : {}", known.join(", ")));
    }
}

/// `5 %`, `0,5%`.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim().strip_suffix('%').map(|number| number.trim().replace(',', "."));
    let number =
        number.and_then(|number| number.parse::<f64>().ok()).filter(|part| (0.0..=100.0).contains(part));
    number.map(|part| part / 100.0).ok_or_else(|| "une part, comme 5%".to_owned())
}

/// Opens the store of a data folder.
pub(crate) fn open(data: &Path, clock: Arc<dyn Clock>) -> Result<Arc<Store>, Failure> {
    Ok(Arc::new(Store::open(&folder(data), clock)?))
}

/// Brings the directories into the memory of the system while the gateway starts; nothing waits for it, not even a stop.
pub(crate) fn warm(store: &Arc<Store>) {
    let store = store.clone();
    let through = move || {
        if let Err(error) = store.warm() {
            warn!(error_code = error.code(), "directories not read through");
        }
    };
    // Without a thread to spare, the first look-ups read the disk.
    let _ = std::thread::Builder::new().name("directory-warm".to_owned()).spawn(through);
}

fn folder(data: &Path) -> PathBuf {
    data.join(FOLDER)
}

/// A source with what brings it.
pub(crate) struct Pulled {
    pub(crate) source: Source,
    every: Duration,
    puller: Arc<dyn Puller>,
}

/// Makes the pullers of a folder.
pub(crate) fn pullers(
    project: &Project,
    data: &Path,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<Pulled>, Failure> {
    let certificates = Certificates::open(project, data)?;
    let mut pullers = Vec::new();
    for settings in &project.directories.sources {
        let downloads = folder(data).join(settings.source.name()).join("downloads");
        let trust = settings.block.trust();
        let client = Client::new(tls(&certificates, trust, None)?, Timeouts::default());
        let puller: Arc<dyn Puller> = match &settings.block {
            Block::Api(api) => {
                let key = api.key.resolve(&project.dir).map_err(|error| {
                    Failure::new(
                        "directory.key",
                        format!("la clé de l'API annuaire-fhir ne se lit pas ({}, {error})", api.key),
                    )
                    .remedy("la demander sur le portail des API de l'Agence, puis la poser à cette place")
                })?;
                let client = client.patient(api.patience());
                Arc::new(ApiPuller::new(api.clone(), key, client, downloads, clock.clone()))
            }
            Block::Flat(flat) => Arc::new(FlatPuller::new(flat.clone(), client, downloads, clock.clone())),
            Block::Finess(finess) => Arc::new(FinessPuller::new(finess.clone(), client, downloads)),
            Block::List(list) => Arc::new(ListPuller::new(list.clone(), client, downloads, clock.clone())),
            Block::Ror(ror) => {
                let secret = ror_secret(ror, &project.dir)?;
                // The certificate is shown to the token endpoint, and to nobody else.
                let door = tls(&certificates, trust, settings.block.identity())?;
                let door = Client::new(door, Timeouts::default());
                let ror = ror.as_ref().clone();
                Arc::new(RorPuller::new(ror, door, client, secret, downloads, clock.clone()))
            }
        };
        pullers.push(Pulled { source: settings.source, every: settings.every, puller });
    }
    Ok(pullers)
}

/// Authorities of a source: those it names, else the only ones there are; none when there are several, or none.
fn tls(
    certificates: &Certificates,
    named: Option<&String>,
    shown: Option<&String>,
) -> Result<Option<jonction_net::ClientTls>, Failure> {
    let anchors = match named {
        Some(name) => certificates.anchors(name)?,
        None => match certificates.default_anchors() {
            Ok(anchors) => anchors,
            Err(_) => return Ok(None),
        },
    };
    let identity = shown.map(|name| certificates.identity(name)).transpose()?;
    let config = client_config(&anchors, identity.as_ref()).map_err(|error| material("trust", &error))?;
    Ok(Some(jonction_net::ClientTls::new(config)))
}

fn ror_secret(settings: &RorSettings, dir: &Path) -> Result<Option<String>, Failure> {
    let Proof::Secret(secret) = &settings.proof else { return Ok(None) };
    let told = secret.resolve(dir).map_err(|error| {
        Failure::new("ror.secret", format!("le secret du ROR ({secret}) ne se lit pas ({})", error.kind()))
            .remedy("vérifier client_secret : @file:chemin ou @env:NOM")
    })?;
    Ok(Some(told))
}

/// How a pull is made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    /// Even when the source says that nothing changed.
    pub(crate) whole: bool,
    /// A human has seen what is suspicious.
    pub(crate) accepted: bool,
}

/// Pulls one source, and notes how it ended.
pub(crate) async fn pull(
    store: &Arc<Store>,
    pulled: &Pulled,
    suspicion: Suspicion,
    asked: Asked,
    progress: Arc<dyn Progress>,
    clock: &dyn Clock,
) -> LastPull {
    let outcome = bring(store, pulled, suspicion, asked, progress).await;
    let (ended, remarks) = match outcome {
        Ok(done) => done,
        Err(error) => {
            let PullError { code, sentence, remedy } = error;
            (Ended::Failed { code: code.to_owned(), sentence, remedy }, Vec::new())
        }
    };
    let last = LastPull { at: clock.now(), ended, remarks };
    if let Err(error) = store.note(pulled.source, &last) {
        warn!(error_code = error.code(), source = pulled.source.name(), "pull not noted");
    }
    last
}

type Done = (Ended, Vec<Remark>);

async fn bring(
    store: &Arc<Store>,
    pulled: &Pulled,
    suspicion: Suspicion,
    asked: Asked,
    progress: Arc<dyn Progress>,
) -> Result<Done, PullError> {
    let state = store.states().into_iter().find(|state| state.source == pulled.source);
    let in_use = state.map(|state| state.in_use());
    let whole = asked.whole || asked.accepted;
    let brought = pulled.puller.bring(in_use, whole, progress.as_ref()).await?;
    let (store, source) = (store.clone(), pulled.source);
    let judge = if asked.accepted { Judge::Accepted } else { Judge::Suspicious(suspicion) };
    let work = move || match brought {
        Brought::NothingNew(why) => Ok((Ended::NothingNew { why }, Vec::new())),
        Brought::Snapshot(snapshot) => take(&store, source, snapshot, judge, progress.as_ref()),
        Brought::Changes(changes) => {
            let described = Snapshot {
                name: format!("changements jusqu'au {}", changes.until),
                date: changes.until,
                sha256: String::new(),
                bytes: 0,
            };
            let report = store
                .apply(source, changes.records, described)
                .map_err(jonction_ports::DirectoryError::from)?;
            Ok((Ended::Published { report }, changes.remarks))
        }
    };
    // Reading and sorting is long work for one processor: not on the threads that serve.
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(PullError::new(
            "directory.panicked",
            "la lecture s'est interrompue : c'est un défaut de Jonction",
            "le signaler, avec le journal",
        ))
    })
}

/// Reads, compares, judges, puts in use.
fn take(
    store: &Store,
    source: Source,
    mut snapshot: Box<dyn jonction_ports::pull::Snapshot>,
    judge: Judge,
    progress: &dyn Progress,
) -> Result<Done, PullError> {
    let store_error =
        |error: jonction_directory::Error| PullError::from(jonction_ports::DirectoryError::from(error));
    let mut pull = store.draft(source).map_err(store_error)?;
    progress.stage("lecture", Some(snapshot.facts().bytes).filter(|bytes| *bytes > 0));
    let Intake { sha256, bytes, remarks, .. } =
        snapshot.read(&mut pull.draft, &mut |done| progress.at(done))?;
    let described = Snapshot::of(snapshot.facts(), sha256, bytes);
    progress.stage("comparaison", None);
    let compared = store.compare(pull).map_err(store_error)?;
    progress.stage("écriture", None);
    let ended = match compared.commit(store, described, judge).map_err(store_error)? {
        Outcome::Published(report) => Ended::Published { report },
        Outcome::Unchanged(_) => {
            Ended::NothingNew { why: "la source dit la même chose qu'avant".to_owned() }
        }
        Outcome::Held(report) => Ended::Held { report },
    };
    Ok((ended, remarks))
}

/// Pulls each source when it is due, until told to stop. One at a time: they share the disk.
pub(crate) async fn keep_fresh(
    store: Arc<Store>,
    pullers: Vec<Pulled>,
    suspicion: Suspicion,
    clock: Arc<dyn Clock>,
    mut stop: Stop,
) {
    while !pullers.is_empty() {
        for pulled in &pullers {
            if !is_due(&store, pulled, clock.as_ref()) {
                continue;
            }
            let last = tokio::select! {
                last = pull(&store, pulled, suspicion, Asked::default(), Arc::new(()), clock.as_ref()) => last,
                () = stop.stopped() => return,
            };
            let source = pulled.source.name();
            match &last.ended {
                Ended::Published { report } => {
                    info!(source, snapshot = report.snapshot.name, "directory updated")
                }
                Ended::NothingNew { .. } => info!(source, "directory already up to date"),
                Ended::Held { .. } => {
                    warn!(source, error_code = "directory.held", "suspicious update held back")
                }
                Ended::Failed { code, .. } => warn!(source, error_code = code, "directory not updated"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = stop.stopped() => return,
        }
    }
}

fn is_due(store: &Store, pulled: &Pulled, clock: &dyn Clock) -> bool {
    let Ok(Some(last)) = store.last_pull(pulled.source) else { return true };
    let every = match last.ended {
        Ended::Failed { .. } => pulled.every.min(AGAIN_MAX),
        // What waits for a human is not fetched again and again meanwhile.
        _ => pulled.every,
    };
    let since = clock.now().duration_since(last.at);
    // A clock set back: due, rather than never.
    since.is_negative() || since.unsigned_abs() >= every
}

impl Settings {
    /// What is too much to be believed.
    pub(crate) fn suspicion(&self) -> Suspicion {
        self.suspicion
    }
}
