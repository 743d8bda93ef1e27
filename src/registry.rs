//! The connectors, one row each: how a partner's block is read, and how its source and its sink are made.
//! A new connector is a module with a [`Configured`] and a row of [`CONNECTORS`].

mod dmp;
mod folder;
mod mllp;
mod mssante;

use std::sync::Arc;

use jonction_directory::Shelf;
use jonction_engine::{
    LaneSettings,
    route::{Registry, config::KnownPartner},
};
use jonction_model::{
    Clock, Entropy, Environment, Mode, Oid, PartnerName, directory::Source as DirectorySource, nearest,
};
use jonction_net::{ClientTls, client_config, probe::ProbeTls};
use jonction_ports::{Admission, Directory, Probe, Sink, Source};
use jonction_settings::{Diagnoses, Fields, Form, Secret, Span};

use crate::{
    addresses::Addresses,
    certificates::{CertificateError, Certificates, material},
    project::{Partner, Project},
    renewal::Renewals,
};

/// What a connector's reader gets beside the block.
pub(crate) struct Reading<'r> {
    pub(crate) environment: Environment,
    pub(crate) mode: Mode,
    /// Folder relative paths start from.
    pub(crate) base: &'r std::path::Path,
}

/// What sources and sinks are made with.
pub(crate) struct Wiring<'w> {
    pub(crate) certificates: &'w Certificates,
    /// Everything made with certificates, to be made again when their files change.
    pub(crate) renewals: &'w Renewals,
    pub(crate) environment: Environment,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) source_id: Oid,
    /// Name of the gateway, shown in archives.
    pub(crate) gateway: String,
    /// The national directories, where they are open.
    pub(crate) directory: Option<Arc<dyn Directory>>,
    /// Folder secrets are relative to.
    pub(crate) base: &'w std::path::Path,
    /// Whether listening addresses are replaced by free ports.
    pub(crate) free_ports: bool,
    /// Nothing is opened or sent: secrets are not needed.
    pub(crate) trial: bool,
}

impl Wiring<'_> {
    /// How a partner is called in TLS: with the identity it names, if any, believing its authorities.
    pub(crate) fn client_tls(
        &self,
        identity: Option<&String>,
        trust: Option<&String>,
    ) -> Result<ClientTls, CertificateError> {
        let (identity, trust) = (identity.cloned(), trust.cloned());
        let config = self.renewals.renewable(self.certificates, move |certificates| {
            let loaded = identity.as_ref().map(|name| certificates.identity(name)).transpose()?;
            client_config(&certificates.anchors_of(trust.as_ref())?, loaded.as_ref())
                .map_err(|error| material(identity.as_deref().unwrap_or("tls"), &error))
        })?;
        Ok(ClientTls::new(config))
    }

    /// The same, for a probe.
    pub(crate) fn probe_tls(
        &self,
        identity: Option<&String>,
        trust: Option<&String>,
    ) -> Result<ProbeTls, CertificateError> {
        let identity = identity.map(|name| self.certificates.identity(name)).transpose()?;
        Ok(ProbeTls { anchors: self.certificates.anchors_of(trust)?, identity, server_name: None })
    }

    /// A secret of a partner, in clear.
    pub(crate) fn secret(&self, whose: &PartnerName, secret: &Secret) -> Result<String, CertificateError> {
        if self.trial {
            return Ok(String::new());
        }
        secret.resolve(self.base).map_err(|error| CertificateError {
            code: "secret.unreadable",
            sentence: format!("{whose} : le mot de passe ne peut pas être lu ({error})"),
        })
    }
}

/// A checked block of a partner. What is not said otherwise: we send to it, it does not send to us.
pub(crate) trait Configured: Send + Sync {
    /// Whether it sends to us, whether we send to it.
    fn directions(&self) -> (bool, bool) {
        (false, true)
    }

    /// Names it uses: identities, authorities.
    fn names(&self) -> Names<'_>;

    /// Declared listening port, when it listens.
    fn listens_on(&self) -> Option<u16> {
        None
    }

    /// What it watches instead of listening, in a few French words: mailboxes, and where.
    fn watches(&self) -> Option<String> {
        None
    }

    /// Its source, when it sends to us.
    fn source(&self, _: &PartnerName, _: &Wiring<'_>) -> Result<Option<Box<dyn Source>>, CertificateError> {
        Ok(None)
    }

    /// Who judges what it sends.
    fn admission(&self, _: Environment) -> Option<Arc<dyn Admission>> {
        None
    }

    /// Its sink, when we send to it.
    fn sink(
        &self,
        name: &PartnerName,
        wiring: &Wiring<'_>,
    ) -> Result<Option<Arc<dyn Sink>>, CertificateError>;

    /// Every way to it and from it that can be tried. `addresses`: where listeners really are.
    fn probes(
        &self,
        name: &PartnerName,
        wiring: &Wiring<'_>,
        addresses: &Addresses,
    ) -> Result<Vec<Box<dyn Probe>>, CertificateError>;
}

/// Names of certificates a block uses.
#[derive(Default)]
pub(crate) struct Names<'n> {
    pub(crate) identities: Vec<&'n String>,
    /// `None` among them: the authorities of the gateway.
    pub(crate) trust: Vec<Option<&'n String>>,
    /// Partners that give it tokens.
    pub(crate) tokens: Vec<&'n PartnerName>,
    /// Directories that must be pulled for it.
    pub(crate) directories: Vec<DirectorySource>,
}

type Reader = fn(&mut Fields<'_>, &Reading<'_>, &mut Diagnoses) -> Option<Box<dyn Configured>>;

/// Every connector.
const CONNECTORS: &[(&str, Reader)] =
    &[("mllp", mllp::read), ("dmp", dmp::read), ("mssante", mssante::read), ("folder", folder::read)];

/// A partner whose block was read.
pub(crate) struct Ready {
    pub(crate) name: PartnerName,
    pub(crate) connector: String,
    pub(crate) configured: Box<dyn Configured>,
    /// What it asks of its lane.
    pub(crate) lane: LaneSettings,
}

/// Reads every partner's block.
pub(crate) fn read_partners(project: &Project, diagnoses: &mut Diagnoses) -> Vec<Ready> {
    let ready: Vec<Ready> =
        project.partners.iter().filter_map(|partner| read_partner(partner, project, diagnoses)).collect();
    for (at, later) in ready.iter().enumerate() {
        let port = later.configured.listens_on().filter(|port| *port != 0);
        let same = |earlier: &&Ready| port.is_some() && earlier.configured.listens_on() == port;
        let written = project.partners.iter().find(|partner| partner.name == later.name);
        if let (Some(earlier), Some(port), Some(written)) = (ready[..at].iter().find(same), port, written) {
            let sentence = format!("le port {port} est déjà celui du partenaire {}", earlier.name);
            diagnoses
                .error("partner.same-port", &written.name_span, sentence)
                .remedy("donner à chacun son port ; deux routes d'un même partenaire, elles, le partagent");
        }
    }
    ready
}

fn read_partner(partner: &Partner, project: &Project, diagnoses: &mut Diagnoses) -> Option<Ready> {
    let reading =
        Reading { environment: project.gateway.environment, mode: project.gateway.mode, base: &project.dir };
    let (configured, lane) = read_block(partner, &reading, diagnoses)?;
    check_names(partner, configured.as_ref(), project, diagnoses);
    Some(Ready { name: partner.name.clone(), connector: partner.connector.clone(), configured, lane: lane? })
}

/// The block of a partner, by the reader of its connector.
fn read_block(
    partner: &Partner,
    reading: &Reading<'_>,
    diagnoses: &mut Diagnoses,
) -> Option<(Box<dyn Configured>, Option<LaneSettings>)> {
    let mut fields = Fields::of(&partner.node, format!("le partenaire {}", partner.name), diagnoses)?;
    let span = fields.required_node("connector", diagnoses).map_or(&partner.name_span, |node| &node.span);
    let Some((_, read)) = CONNECTORS.iter().find(|(name, _)| *name == partner.connector) else {
        unknown_connector(&partner.connector, span, diagnoses);
        return None;
    };
    let configured = read(&mut fields, reading, diagnoses);
    let lane = fields
        .node("lane")
        .map_or_else(|| Some(LaneSettings::default()), |node| LaneSettings::read(node, diagnoses));
    fields.finish(diagnoses);
    Some((configured?, lane))
}

fn unknown_connector(written: &str, span: &Span, diagnoses: &mut Diagnoses) {
    let names = || CONNECTORS.iter().map(|(name, _)| *name);
    let remedy = match nearest(written, names()) {
        Some(near) => format!("vouliez-vous « {near} » ?"),
        None => format!("connecteurs connus : {}", names().collect::<Vec<_>>().join(", ")),
    };
    diagnoses.error("partner.unknown-connector", span, "aucun connecteur ne porte ce nom").remedy(remedy);
}

fn check_names(partner: &Partner, configured: &dyn Configured, project: &Project, diagnoses: &mut Diagnoses) {
    let names = configured.names();
    for source in &names.directories {
        if !project.directories.sources().any(|known| known == *source) {
            diagnoses
                .error(
                    "partner.unknown-directory",
                    &partner.name_span,
                    format!("rien ne tire l'annuaire « {source} » dont ce partenaire a besoin"),
                )
                .remedy(format!("ajouter  directories: {{ {source}: {{ every: 6h }} }}"));
        }
    }
    for token in &names.tokens {
        let gives = |partner: &&Partner| partner.connector == "psc";
        if !project.partners.iter().filter(gives).any(|partner| partner.name == **token) {
            let known = project.partners.iter().filter(gives).map(|partner| partner.name.as_str());
            let known = known.collect::<Vec<_>>().join(", ");
            let remedy = match known.is_empty() {
                true => "aucun connecteur ne donne encore de jetons : ouvrir la boîte par certificat (auth: external)".to_owned(),
                false => format!("partenaires qui en donnent : {known}"),
            };
            let sentence = format!("aucun partenaire « {token} » ne donne de jetons");
            diagnoses
                .error("psc.unknown-partner", &span_of_value(partner, token.as_str()), sentence)
                .remedy(remedy);
        }
    }
    let mut unknown = |kind: &str, name: &str, known: Vec<&String>| {
        let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
        let span = span_of_value(partner, name);
        diagnoses
            .error("certificates.unknown-name", &span, format!("aucune {kind} ne s'appelle « {name} »"))
            .remedy(format!(
                "noms connus : {}",
                if known.is_empty() { "aucun".to_owned() } else { known.join(", ") }
            ));
    };
    for name in names.identities {
        if !project.identities.contains_key(name) {
            unknown("identité", name, project.identities.keys().collect());
        }
    }
    for name in names.trust {
        match name {
            Some(name) if !project.trust.contains_key(name) => {
                unknown("autorité", name, project.trust.keys().collect());
            }
            None if project.trust.len() != 1 => {
                unknown("autorité par défaut", "trust", project.trust.keys().collect())
            }
            _ => {}
        }
    }
}

/// Where a name is written in the block; the partner's own name when it is nowhere.
fn span_of_value(partner: &Partner, value: &str) -> Span {
    let entries = partner.node.as_map().unwrap_or_default();
    let found = entries.iter().find(|entry| entry.value.as_text() == Some(value));
    found.map_or_else(|| partner.name_span.clone(), |entry| entry.value.span.clone())
}

/// Connectors, with the block of a partner of each, as its reader asks for it.
pub(crate) fn partner_forms() -> Vec<(&'static str, Form)> {
    let learnt = |(name, _): &(&'static str, Reader)| {
        let form = jonction_settings::learn(|node, diagnoses| {
            let partner = Partner {
                name: PartnerName::parse("x").ok()?,
                connector: (*name).to_owned(),
                name_span: node.span.clone(),
                node: node.clone(),
            };
            let reading = Reading {
                environment: Environment::Test,
                mode: Mode::Tolerant,
                base: std::path::Path::new("."),
            };
            read_block(&partner, &reading, diagnoses)
        });
        (*name, form)
    };
    CONNECTORS.iter().map(learnt).collect()
}

/// What every route may name: steps, words of `reply`, and one partner of each connector, called like it.
pub(crate) fn route_registry_of_all() -> Registry {
    let registry = step_registry(Environment::Test, Mode::Tolerant, &Shelf::default());
    CONNECTORS.iter().fold(registry, |registry, (name, _)| {
        let known = KnownPartner { connector: (*name).to_owned(), source: true, sink: true };
        match PartnerName::parse(name) {
            Ok(partner) => registry.partner(partner, known),
            Err(_) => registry,
        }
    })
}

/// What routes may name: partners, steps, words of `reply`.
pub(crate) fn route_registry(project: &Project, partners: &[Ready], shelf: &Shelf) -> Registry {
    let mut registry = step_registry(project.gateway.environment, project.gateway.mode, shelf);
    for step in &project.mappings.steps {
        registry = registry.step("map", step.clone());
    }
    for partner in &project.partners {
        // A block with a mistake is told once, where the mistake is: routes may name its partner either way.
        let read = partners.iter().find(|ready| ready.name == partner.name);
        let (source, sink) = read.map_or((true, true), |ready| ready.configured.directions());
        let exists = CONNECTORS.iter().any(|(name, _)| *name == partner.connector);
        let connector = if exists { partner.connector.clone() } else { String::new() };
        registry = registry.partner(partner.name.clone(), KnownPartner { connector, source, sink });
    }
    registry
}

fn step_registry(environment: Environment, mode: Mode, shelf: &Shelf) -> Registry {
    let settings = jonction_mappings::VoletSettings {
        environment,
        // Whether a masked document may be mailed is decided once, by `masque_ps` of the MSSanté partner.
        masque_ps_mss: jonction_mappings::MaskedMail::Allow,
        ..jonction_mappings::VoletSettings::default()
    };
    let mut registry = Registry::new().reply("zam", "mllp").reply("mdn", "mssante").guarded("dmp");
    for (name, _) in CONNECTORS {
        registry = registry.connector(name);
    }
    for (verb, step) in jonction_mappings::steps(settings, mode) {
        registry = registry.step(verb, step);
    }
    for (verb, step) in jonction_mssante::incoming::steps(environment) {
        registry = registry.step(verb, step);
    }
    for step in jonction_mappings::catalogue::steps() {
        registry = registry.step("map", step);
    }
    for (verb, step) in jonction_directory::steps(shelf) {
        registry = registry.step(verb, step);
    }
    registry
}
