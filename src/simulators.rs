//! The simulators of a folder: `simulators.yaml` read, then started on real sockets with test certificates.
//! In: a folder, a data folder. Out: [`Running`] simulators to be asked what they hold. Source: architecture §1, §8.

use std::{fs, io, net::SocketAddr, path::Path, sync::Arc};

use jonction_annuaire::simulator::{self as annuaire, generate::Sizes};
use jonction_certs_dev::{DevAuthority, Leaf};
use jonction_dmp::simulator as dmp;
use jonction_finess::simulator as finess;
use jonction_mllp::{Lps, LpsSettings};
use jonction_model::{OsEntropy, SystemClock};
use jonction_mssante::simulator::{self as mssante, Domain, Mailboxes, Operator, SimulatorSettings};
use jonction_net::{Anchors, ClientAuth, ServerTls, server_config};
use jonction_ror::simulator as ror;
use jonction_settings::{Diagnoses, Fields, Node, fields::scalar, parse};
use jonction_simkit::{FaultPlan, Judged};
use jonction_soap::certificate::Trust;

use crate::{
    addresses::Addresses,
    certificates::{CertificateError, dev_authority, dev_identity, material},
    project::{Gateway, read_yaml},
};

/// What `simulators.yaml` says, checked.
pub(crate) struct Simulators {
    dmp: Option<dmp::SimulatorSettings>,
    mssante: Option<MssanteBlock>,
    lps: Option<LpsBlock>,
    annuaire: Option<AnnuaireBlock>,
    finess: Option<FinessBlock>,
    ror: Option<RorBlock>,
    seed: u64,
}

struct RorBlock {
    listen: SocketAddr,
    token_listen: SocketAddr,
    establishments: u64,
    cut: u64,
    faults: Vec<String>,
}

struct FinessBlock {
    listen: SocketAddr,
    entities: u64,
    faults: Vec<String>,
}

struct AnnuaireBlock {
    listen: SocketAddr,
    sizes: Sizes,
    key: String,
    faults: Vec<String>,
    api_faults: Vec<String>,
}

struct MssanteBlock {
    listen: SocketAddr,
    /// IMAP over the same mailboxes.
    imap: Option<SocketAddr>,
    /// Pages that show what arrived.
    pages: Option<SocketAddr>,
    /// Where the liste blanche of its domains is published.
    list: Option<SocketAddr>,
    domains: Vec<Domain>,
    faults: Vec<String>,
    list_faults: Vec<String>,
}

struct LpsBlock {
    listen: SocketAddr,
    faults: Vec<String>,
}

impl Simulators {
    /// Reads `simulators.yaml`.
    pub(crate) fn read(dir: &Path, diagnoses: &mut Diagnoses) -> Option<Self> {
        let path = dir.join("simulators.yaml");
        let node = read_yaml(&path, &path, None, diagnoses)?;
        Self::of(dir, &node, diagnoses)
    }

    /// Reads what the file says.
    pub(crate) fn of(dir: &Path, node: &Node, diagnoses: &mut Diagnoses) -> Option<Self> {
        let mut fields = Fields::of(node, "simulators.yaml", diagnoses)?;
        let seed = fields.or("seed", 1, parse::number(0, u64::MAX), diagnoses);
        let dmp = fields.node("dmp").and_then(|node| read_dmp(node, dir, diagnoses));
        let mssante = fields.node("mssante").and_then(|node| read_mssante(node, diagnoses));
        let lps = fields.node("lps").and_then(|node| read_lps(node, diagnoses));
        let annuaire = fields.node("annuaire").and_then(|node| read_annuaire(node, diagnoses));
        let finess = fields.node("finess").and_then(|node| read_finess(node, diagnoses));
        let ror = fields.node("ror").and_then(|node| read_ror(node, diagnoses));
        fields.finish(diagnoses);
        Some(Self { dmp, mssante, lps, annuaire, finess, ror, seed })
    }
}

fn read_dmp(node: &Node, dir: &Path, diagnoses: &mut Diagnoses) -> Option<dmp::SimulatorSettings> {
    let mut fields = Fields::of(node, "le simulateur dmp", diagnoses)?;
    let settings = dmp::SimulatorSettings::read(&mut fields, dir, diagnoses);
    fields.finish(diagnoses);
    settings
}

fn read_mssante(node: &Node, diagnoses: &mut Diagnoses) -> Option<MssanteBlock> {
    let mut fields = Fields::of(node, "le simulateur mssante", diagnoses)?;
    let listen = fields.required("listen", parse::socket_address, diagnoses);
    let imap = fields.optional("imap", parse::socket_address, diagnoses);
    let pages = fields.optional("pages", loopback, diagnoses);
    let list = fields.optional("whitelist", parse::socket_address, diagnoses);
    let mut domains = Vec::new();
    for node in fields.list("domains") {
        let Some(mut block) = Fields::of(node, "un domaine", diagnoses) else { continue };
        let name = block.required("name", parse::text, diagnoses);
        let mailboxes = match block.list("mailboxes") {
            [] => Mailboxes::Any,
            [only] if only.as_text() == Some("any") => Mailboxes::Any,
            listed => Mailboxes::Listed(
                listed.iter().filter_map(|node| scalar(node, "mailboxes", parse::text, diagnoses)).collect(),
            ),
        };
        let mut answers = Vec::new();
        for node in block.list("answers") {
            let Some(written) = scalar(node, "answers", parse::text, diagnoses) else { continue };
            match mssante::robot(&written) {
                Ok(robot) => answers.push(robot),
                Err(error) => {
                    diagnoses.error("simulator.robot", &node.span, error.sentence).remedy(error.remedy);
                }
            }
        }
        block.finish(diagnoses);
        if let Some(name) = name {
            domains.push(Domain { name, mailboxes, answers });
        }
    }
    let faults = read_faults(&mut fields, "faults", diagnoses, |rules| {
        mssante::faults::Faults::none(0).replace(rules.iter().copied())
    });
    let list_faults = read_faults(&mut fields, "whitelist_faults", diagnoses, |rules| {
        FaultPlan::parse(mssante::list::FAULTS, rules.iter().copied(), 0).map(|_| ())
    });
    fields.finish(diagnoses);
    Some(MssanteBlock { listen: listen?, imap, pages, list, domains, faults, list_faults })
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address = parse::socket_address(text)?;
    let expected =
        || "une adresse de cette machine seulement, 127.0.0.1:port : les courriels y sont montrés".to_owned();
    if address.ip().is_loopback() { Ok(address) } else { Err(expected()) }
}

fn read_lps(node: &Node, diagnoses: &mut Diagnoses) -> Option<LpsBlock> {
    let mut fields = Fields::of(node, "le simulateur lps", diagnoses)?;
    let listen = fields.required("listen", parse::socket_address, diagnoses);
    let faults = read_faults(&mut fields, "faults", diagnoses, |rules| {
        FaultPlan::parse(jonction_mllp::simulator::FAULTS, rules.iter().copied(), 0).map(|_| ())
    });
    fields.finish(diagnoses);
    Some(LpsBlock { listen: listen?, faults })
}

fn read_annuaire(node: &Node, diagnoses: &mut Diagnoses) -> Option<AnnuaireBlock> {
    let mut fields = Fields::of(node, "le simulateur annuaire", diagnoses)?;
    let listen = fields.required("listen", parse::socket_address, diagnoses);
    // Archives are made in memory: the nation is for the bench, a town is enough to try.
    let persons = fields.or("persons", 2_000, parse::number(1, 200_000), diagnoses);
    let mailboxes = fields.or("mailboxes", persons / 3, parse::number(1, 200_000), diagnoses);
    let key = fields.or("key", "cle-d-essai".to_owned(), parse::text, diagnoses);
    let seed = 0;
    let faults = read_faults(&mut fields, "faults", diagnoses, |rules| {
        FaultPlan::parse(annuaire::faults::FAULTS, rules.iter().copied(), seed).map(|_| ())
    });
    let api_faults = read_faults(&mut fields, "api_faults", diagnoses, |rules| {
        FaultPlan::parse(annuaire::faults::API_FAULTS, rules.iter().copied(), seed).map(|_| ())
    });
    fields.finish(diagnoses);
    Some(AnnuaireBlock { listen: listen?, sizes: Sizes { persons, mailboxes }, key, faults, api_faults })
}

fn read_finess(node: &Node, diagnoses: &mut Diagnoses) -> Option<FinessBlock> {
    let mut fields = Fields::of(node, "le simulateur finess", diagnoses)?;
    let listen = fields.required("listen", parse::socket_address, diagnoses);
    let entities = fields.or("entities", 400, parse::number(1, 60_000), diagnoses);
    let faults = read_faults(&mut fields, "faults", diagnoses, |rules| {
        FaultPlan::parse(finess::FAULTS, rules.iter().copied(), 0).map(|_| ())
    });
    fields.finish(diagnoses);
    Some(FinessBlock { listen: listen?, entities, faults })
}

fn read_ror(node: &Node, diagnoses: &mut Diagnoses) -> Option<RorBlock> {
    let mut fields = Fields::of(node, "le simulateur ror", diagnoses)?;
    let listen = fields.required("listen", parse::socket_address, diagnoses);
    let token_listen = fields.required("token_listen", parse::socket_address, diagnoses);
    let establishments = fields.or("establishments", 1_200, parse::number(1, 60_000), diagnoses);
    let cut = fields.or("search_cut", 10_000, parse::number(1, 10_000), diagnoses);
    let faults = read_faults(&mut fields, "faults", diagnoses, |rules| ror::check_rules(&rules));
    fields.finish(diagnoses);
    Some(RorBlock { listen: listen?, token_listen: token_listen?, establishments, cut, faults })
}

fn read_faults(
    fields: &mut Fields<'_>,
    name: &'static str,
    diagnoses: &mut Diagnoses,
    check: impl Fn(Vec<&str>) -> Result<(), jonction_simkit::PlanError>,
) -> Vec<String> {
    let mut faults = Vec::new();
    for node in fields.list(name) {
        let Some(rule) = scalar(node, name, parse::text, diagnoses) else { continue };
        match check(vec![&rule]) {
            Ok(()) => faults.push(rule),
            Err(error) => {
                diagnoses.error("simulator.fault", &node.span, error.sentence).remedy(error.remedy);
            }
        }
    }
    faults
}

/// A simulator could not start; in French.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("le simulateur {name} ne peut pas écouter sur {address} : {source}")]
    Listen { name: &'static str, address: SocketAddr, source: io::Error },
    #[error("le simulateur {name} ne démarre pas : {detail}")]
    Other { name: &'static str, detail: String },
}

/// Simulators that run. Dropping them stops them.
pub(crate) struct Running {
    pub(crate) dmp: Option<dmp::Running>,
    pub(crate) mssante: Option<mssante::Simulator>,
    mssante_imap: Option<SocketAddr>,
    mssante_pages: Option<SocketAddr>,
    mssante_list: Option<SocketAddr>,
    pub(crate) lps: Option<Lps>,
    pub(crate) annuaire: Option<annuaire::Simulator>,
    pub(crate) finess: Option<finess::Simulator>,
    pub(crate) ror: Option<ror::Simulator>,
}

impl Simulators {
    /// Starts everything the file names. `free_ports`: on ports the system chooses, told in `addresses`.
    pub(crate) fn start(
        self,
        gateway: &Gateway,
        data: &Path,
        free_ports: bool,
        addresses: &mut Addresses,
    ) -> Result<Running, StartError> {
        let authority = dev_authority(data, gateway)?;
        let folder = data.join("simulateurs");
        let at = |mut address: SocketAddr| {
            if free_ports {
                address.set_port(0);
            }
            address
        };
        let mut running = Running {
            dmp: None,
            mssante: None,
            mssante_imap: None,
            mssante_pages: None,
            mssante_list: None,
            lps: None,
            annuaire: None,
            finess: None,
            ror: None,
        };
        if let Some(mut settings) = self.dmp {
            let declared = settings.listen;
            settings.listen = at(declared);
            settings.seed = settings.seed.max(self.seed);
            settings.folder.get_or_insert_with(|| folder.join("dmp"));
            let simulator = dmp::Simulator::start(settings.over(dmp_config(&authority)?));
            let simulator = simulator.map_err(|error| match error {
                dmp::StartError::Listen(source) => {
                    StartError::Listen { name: "dmp", address: declared, source }
                }
                other => StartError::Other { name: "dmp", detail: other.to_string() },
            })?;
            addresses.insert(declared.port(), simulator.addr());
            running.dmp = Some(simulator);
        }
        if let Some(block) = self.mssante {
            let settings = SimulatorSettings {
                operators: vec![Operator {
                    dn: format!(
                        "CN=localhost,OU=1{},O=Hôpital de Démonstration,ST=Paris (75),C=FR",
                        gateway.finess
                    ),
                    domains: block.domains,
                }],
                folder: Some(folder.join("boites")),
                seed: self.seed,
                ..SimulatorSettings::with_domains([])
            };
            let tls = server_tls(&authority)?;
            let mut simulator =
                mssante::Simulator::start(at(block.listen), tls, settings, Arc::new(SystemClock)).map_err(
                    |source| StartError::Listen { name: "mssante", address: block.listen, source },
                )?;
            let planned = simulator.faults().replace(block.faults.iter().map(String::as_str));
            planned.map_err(|error| StartError::Other { name: "mssante", detail: error.sentence })?;
            addresses.insert(block.listen.port(), simulator.address());
            let cannot = |address| move |source| StartError::Listen { name: "mssante", address, source };
            if let Some(declared) = block.imap {
                let address = simulator.serve_imap(at(declared)).map_err(cannot(declared))?;
                addresses.insert(declared.port(), address);
                running.mssante_imap = Some(address);
            }
            if let Some(declared) = block.pages {
                let address = simulator.serve_pages(at(declared)).map_err(cannot(declared))?;
                addresses.insert(declared.port(), address);
                running.mssante_pages = Some(address);
            }
            if let Some(declared) = block.list {
                let address = simulator.serve_whitelist(at(declared), Some(open_tls(&authority)?));
                let address = address.map_err(cannot(declared))?;
                let rules: Vec<&str> = block.list_faults.iter().map(String::as_str).collect();
                let planned = simulator.play_list(&rules);
                planned.map_err(|error| StartError::Other { name: "mssante", detail: error.sentence })?;
                addresses.insert(declared.port(), address);
                running.mssante_list = Some(address);
            }
            running.mssante = Some(simulator);
        }
        if let Some(block) = self.lps {
            let settings = LpsSettings {
                folder: Some(folder.join("lps")),
                seed: self.seed,
                ..LpsSettings::at(at(block.listen))
            };
            let lps = Lps::start(settings, None, Arc::new(SystemClock), Arc::new(OsEntropy))
                .map_err(|source| StartError::Listen { name: "lps", address: block.listen, source })?;
            let planned = lps.play(block.faults.iter().map(String::as_str));
            planned.map_err(|error| StartError::Other { name: "lps", detail: error.sentence })?;
            addresses.insert(block.listen.port(), lps.local_addr());
            running.lps = Some(lps);
        }
        if let Some(block) = self.annuaire {
            let settings = annuaire::Settings {
                listen: at(block.listen),
                seed: self.seed,
                sizes: block.sizes,
                key: block.key,
            };
            let faults: Vec<&str> = block.faults.iter().map(String::as_str).collect();
            let tls = open_tls(&authority)?;
            let simulator = annuaire::Simulator::start(settings, Some(tls), Arc::new(SystemClock), &faults);
            let simulator = simulator.map_err(|error| match error {
                annuaire::StartError::Listen(source) => {
                    StartError::Listen { name: "annuaire", address: block.listen, source }
                }
                other => StartError::Other { name: "annuaire", detail: other.to_string() },
            })?;
            let api_faults: Vec<&str> = block.api_faults.iter().map(String::as_str).collect();
            let planned = simulator.play_api(&api_faults);
            planned.map_err(|error| StartError::Other { name: "annuaire", detail: error.sentence })?;
            addresses.insert(block.listen.port(), simulator.address());
            running.annuaire = Some(simulator);
        }
        if let Some(block) = self.finess {
            let settings = finess::Settings { listen: at(block.listen), entities: block.entities };
            let faults: Vec<&str> = block.faults.iter().map(String::as_str).collect();
            let tls = open_tls(&authority)?;
            let simulator = finess::Simulator::start(settings, Some(tls), Arc::new(SystemClock), &faults);
            let simulator = simulator.map_err(|error| match error {
                finess::StartError::Listen(source) => {
                    StartError::Listen { name: "finess", address: block.listen, source }
                }
                other => StartError::Other { name: "finess", detail: other.to_string() },
            })?;
            addresses.insert(block.listen.port(), simulator.address());
            running.finess = Some(simulator);
        }
        if let Some(block) = self.ror {
            let settings = ror::Settings {
                listen: at(block.listen),
                token_listen: at(block.token_listen),
                seed: self.seed,
                establishments: block.establishments,
                per_file: 400,
                cut: usize::try_from(block.cut).unwrap_or(usize::MAX),
            };
            let faults: Vec<&str> = block.faults.iter().map(String::as_str).collect();
            // A certificate is asked for where tokens are given, nowhere else.
            let tls = (open_tls(&authority)?, server_tls(&authority)?);
            let simulator = ror::Simulator::start(settings, Some(tls), Arc::new(SystemClock), &faults);
            let simulator = simulator.map_err(|error| match error {
                ror::StartError::Listen(source) => {
                    StartError::Listen { name: "ror", address: block.listen, source }
                }
                other => StartError::Other { name: "ror", detail: other.to_string() },
            })?;
            addresses.insert(block.listen.port(), simulator.address());
            addresses.insert(block.token_listen.port(), simulator.token_address());
            running.ror = Some(simulator);
        }
        Ok(running)
    }
}

/// TLS of a public service: no client certificate is asked for.
fn open_tls(authority: &DevAuthority) -> Result<ServerTls, CertificateError> {
    let identity = dev_identity(authority, Leaf::Server)?;
    let config = server_config(&identity, ClientAuth::None);
    Ok(config.map_err(|error| material("serveur d'essai", &error))?.into())
}

fn anchors(authority: &DevAuthority) -> Result<Anchors, CertificateError> {
    Anchors::from_file(authority.root()).map_err(|error| material("autorité d'essai", &error))
}

fn server_tls(authority: &DevAuthority) -> Result<ServerTls, CertificateError> {
    let identity = dev_identity(authority, Leaf::Server)?;
    let anchors = anchors(authority)?;
    let config = server_config(&identity, ClientAuth::Required(&anchors));
    Ok(config.map_err(|error| material("serveur d'essai", &error))?.into())
}

fn dmp_config(authority: &DevAuthority) -> Result<dmp::SimulatorConfig, StartError> {
    let other = |detail: String| StartError::Other { name: "dmp", detail };
    let read = |path: &Path| fs::read(path).map_err(|error| other(error.to_string()));
    // The chain of the seal holds the intermediate authority: an assertion carries its leaf alone.
    let trust = Trust::from_pem(&read(authority.root())?, &read(&authority.chain_of(Leaf::Sign))?);
    let trust = trust.map_err(|error| other(error.to_string()))?;
    let identity = dev_identity(authority, Leaf::Server)?;
    Ok(dmp::SimulatorConfig::new(identity, anchors(authority)?, trust, Arc::new(SystemClock)))
}

impl Running {
    /// Where each listens.
    pub(crate) fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
        let dmp = self.dmp.as_ref().map(|dmp| ("dmp", dmp.addr()));
        let mssante = self.mssante.as_ref().map(|mssante| ("mssante", mssante.address()));
        let imap = self.mssante_imap.map(|imap| ("mssante-imap", imap));
        let pages = self.mssante_pages.map(|pages| ("mssante-pages", pages));
        let lps = self.lps.as_ref().map(|lps| ("lps", lps.local_addr()));
        let annuaire = self.annuaire.as_ref().map(|annuaire| ("annuaire", annuaire.address()));
        let finess = self.finess.as_ref().map(|finess| ("finess", finess.address()));
        let ror = self.ror.as_ref().map(|ror| ("ror", ror.address()));
        let door = self.ror.as_ref().map(|ror| ("ror-jetons", ror.token_address()));
        [dmp, mssante, imap, pages, lps, annuaire, finess, ror, door].into_iter().flatten().collect()
    }

    /// Lines for a screen: what each is, where it listens, whom it knows.
    pub(crate) fn describe(&self) -> Vec<String> {
        let dmp = self.dmp.as_ref().map(|dmp| {
            let listed: Vec<String> =
                dmp.patients().iter().map(|(state, count)| format!("{count} {}", dmp_state(state))).collect();
            let listed =
                if listed.is_empty() { "tous les DMP ouverts".to_owned() } else { listed.join(", ") };
            format!("dmp      https://{}   mTLS   {listed}", dmp.addr())
        });
        let mssante = self.mssante.as_ref().map(|mssante| {
            let operators = &mssante.settings().operators;
            let domains: Vec<&str> =
                operators.iter().flat_map(|o| &o.domains).map(|d| d.name.as_str()).collect();
            let imap = self.mssante_imap.map(|at| format!("  imap {at}")).unwrap_or_default();
            let pages = self.mssante_pages.map(|at| format!("  boîtes http://{at}/")).unwrap_or_default();
            let list =
                self.mssante_list.map(|at| format!("  liste blanche https://{at}/")).unwrap_or_default();
            format!(
                "mssante  smtp {}{imap}     mTLS   {}{pages}{list}",
                mssante.address(),
                domains.join(", ")
            )
        });
        let lps = self
            .lps
            .as_ref()
            .map(|lps| format!("lps      mllp {}            reçoit les ZAM", lps.local_addr()));
        let annuaire = self.annuaire.as_ref().map(|annuaire| {
            format!(
                "annuaire https://{}   TLS    extractions RPPS et MSSanté, API FHIR /fhir/v2",
                annuaire.address()
            )
        });
        let finess = self.finess.as_ref().map(|finess| {
            format!("finess   https://{}   TLS    jeu de données finess-structures-1", finess.address())
        });
        let ror = self.ror.as_ref().map(|ror| {
            format!(
                "ror      https://{}   TLS    FHIR et export ; jetons en mTLS sur {}",
                ror.address(),
                ror.token_address()
            )
        });
        let mut lines: Vec<String> =
            [dmp, mssante, lps, annuaire, finess, ror].into_iter().flatten().collect();
        for (at, line) in lines.iter_mut().enumerate() {
            *line = format!("  {}  {line}", if at == 0 { "simulateurs" } else { "           " });
        }
        lines
    }

    /// What they thought of everything they got.
    pub(crate) fn verdicts(&self) -> Vec<Judged> {
        let dmp = self.dmp.iter().flat_map(|dmp| dmp.verdicts());
        let mssante = self.mssante.iter().flat_map(|mssante| mssante.verdicts().list());
        let lps = self.lps.iter().flat_map(|lps| lps.verdicts().list());
        dmp.chain(mssante).chain(lps).collect()
    }

    /// Stops them, connections closed.
    pub(crate) async fn stop(self) {
        if let Some(dmp) = self.dmp {
            dmp.stop().await;
        }
        if let Some(mssante) = self.mssante {
            mssante.stop().await;
        }
        if let Some(lps) = self.lps {
            lps.stop().await;
        }
        if let Some(annuaire) = self.annuaire {
            annuaire.stop().await;
        }
        if let Some(finess) = self.finess {
            finess.stop().await;
        }
        if let Some(ror) = self.ror {
            ror.stop().await;
        }
    }
}

fn dmp_state(word: &str) -> &str {
    match word {
        "active" => "DMP ouvert",
        "closed" => "DMP fermé",
        "none" => "sans DMP",
        _ => "en opposition",
    }
}
