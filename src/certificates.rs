//! From names in the configuration to certificates in memory.
//! The test authority is made once per data folder; everything else is read from files.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use jonction_certs_dev::{DevAuthority, Leaf, Structure};
use jonction_model::{Clock, SystemClock};
use jonction_net::{Anchors, Identity, MaterialError};
use jonction_soap::certificate::SigningIdentity;

use crate::project::{self, Gateway, Trust};

/// Certificates cannot be had; in French, for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub(crate) struct CertificateError {
    pub(crate) code: &'static str,
    pub(crate) sentence: String,
}

/// A certificate or a key that cannot be used, with its name.
pub(crate) fn material(name: &str, error: &MaterialError) -> CertificateError {
    CertificateError { code: error.code(), sentence: format!("{name} : {}", error.sentence()) }
}

/// Opens identities and authorities by name, from their files, at every call.
pub(crate) struct Certificates {
    identities: BTreeMap<String, project::Identity>,
    trust: BTreeMap<String, Trust>,
    dev: Option<DevAuthority>,
    /// Every identity is one of the test authority: what is signed is looked at, and never sent.
    trial: bool,
}

/// The test authority of a data folder, made at first use.
pub(crate) fn dev_authority(data: &Path, gateway: &Gateway) -> Result<DevAuthority, CertificateError> {
    dev_authority_at(data, gateway, SystemClock.now())
}

fn dev_authority_at(
    data: &Path,
    gateway: &Gateway,
    now: Timestamp,
) -> Result<DevAuthority, CertificateError> {
    let structure =
        Structure { name: "Hôpital de Démonstration".to_owned(), finess: gateway.finess.clone() };
    DevAuthority::ensure(&data.join("certs-dev"), now, &structure).map_err(|error| CertificateError {
        code: error.code(),
        sentence: format!("les certificats d'essai ne peuvent pas être faits : {error}"),
    })
}

/// The test client of a data folder, when somebody made one already, and the authority it goes with.
pub(crate) fn test_client(data: &Path) -> Result<(Identity, Anchors), CertificateError> {
    let folder = data.join("certs-dev");
    let name = Leaf::AuthCli.file_name();
    let file = |suffix: &str| folder.join(format!("{name}{suffix}"));
    let missing = |error: &MaterialError| CertificateError {
        code: error.code(),
        sentence: format!(
            "{} n'a pas de certificat d'essai, que « jonction simulate » fait : {}",
            data.display(),
            error.sentence()
        ),
    };
    let identity = Identity::from_files(file(".pem"), file(".key.pem")).map_err(|error| missing(&error))?;
    let anchors = Anchors::from_file(folder.join("root.pem")).map_err(|error| missing(&error))?;
    Ok((identity, anchors))
}

impl Certificates {
    /// Makes the test authority only when something names it.
    pub(crate) fn open(project: &project::Project, data: &Path) -> Result<Self, CertificateError> {
        let named = project.identities.values().any(|identity| matches!(identity, project::Identity::Dev(_)))
            || project.trust.values().any(|trust| matches!(trust, Trust::Dev));
        let dev = if named { Some(dev_authority(data, &project.gateway)?) } else { None };
        Ok(Self { identities: project.identities.clone(), trust: project.trust.clone(), dev, trial: false })
    }

    /// Certificates of the test authority, valid at that moment, under the names of the project: nothing secret is needed to try its routes.
    pub(crate) fn of_trials(
        project: &project::Project,
        data: &Path,
        now: Timestamp,
    ) -> Result<Self, CertificateError> {
        let named = !project.identities.is_empty() || !project.trust.is_empty();
        let dev = if named { Some(dev_authority_at(data, &project.gateway, now)?) } else { None };
        let identities = project.identities.keys();
        Ok(Self {
            identities: identities
                .map(|name| (name.clone(), project::Identity::Dev(Leaf::AuthCli)))
                .collect(),
            trust: project.trust.keys().map(|name| (name.clone(), Trust::Dev)).collect(),
            dev,
            trial: true,
        })
    }

    /// The identity of that name.
    pub(crate) fn identity(&self, name: &str) -> Result<Identity, CertificateError> {
        let identity = match (self.identities.get(name), &self.dev) {
            (Some(project::Identity::Dev(leaf)), Some(dev)) => return dev_identity(dev, *leaf),
            (Some(project::Identity::Files { certificate, key }), _) => {
                Identity::from_files(certificate, key)
            }
            _ => return Err(unknown("identité", name)),
        };
        identity.map_err(|error| material(name, &error))
    }

    /// The authorities of that name.
    pub(crate) fn anchors(&self, name: &str) -> Result<Anchors, CertificateError> {
        let anchors = match (self.trust.get(name), &self.dev) {
            (Some(Trust::Dev), Some(dev)) => Anchors::from_file(dev.root()),
            (Some(Trust::File(path)), _) => Anchors::from_file(path),
            _ => return Err(unknown("autorité", name)),
        };
        anchors.map_err(|error| material(name, &error))
    }

    /// The authorities of the gateway: the only ones it declares.
    pub(crate) fn default_anchors(&self) -> Result<Anchors, CertificateError> {
        match self.trust.keys().collect::<Vec<_>>().as_slice() {
            [only] => self.anchors(only),
            _ => Err(unknown("autorité par défaut", "trust")),
        }
    }

    /// Authorities of a partner: those it names, else the only ones there are.
    pub(crate) fn anchors_of(&self, named: Option<&String>) -> Result<Anchors, CertificateError> {
        match named {
            Some(name) => self.anchors(name),
            None => self.default_anchors(),
        }
    }

    /// Every file something is read from.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let identities = self.identities.values().flat_map(|identity| match (identity, &self.dev) {
            (project::Identity::Files { certificate, key }, _) => vec![certificate.clone(), key.clone()],
            (project::Identity::Dev(leaf), Some(dev)) => vec![dev.chain_of(*leaf), dev.key_of(*leaf)],
            (project::Identity::Dev(_), None) => Vec::new(),
        });
        let trust = self.trust.values().filter_map(|trust| match trust {
            Trust::File(path) => Some(path.clone()),
            Trust::Dev => self.dev.as_ref().map(|dev| dev.root().to_owned()),
        });
        identities.chain(trust).collect()
    }

    /// Whether each identity and each authority can be used now, by name.
    pub(crate) fn check_all(&self) -> Vec<(String, Result<(), CertificateError>)> {
        let identities = self.identities.keys().map(|name| (name.clone(), self.identity(name).map(drop)));
        let trust = self.trust.keys().map(|name| (name.clone(), self.anchors(name).map(drop)));
        identities.chain(trust).collect()
    }

    /// Ends of the certificates that can be read, seconds since 1970.
    pub(crate) fn ends(&self) -> Vec<(String, i64)> {
        let end = |name: &String| Some((name.clone(), self.identity(name).ok()?.not_after().ok()?));
        self.identities.keys().filter_map(end).collect()
    }

    /// The signature identity of that name (ORG SIGN).
    pub(crate) fn seal(&self, name: &str) -> Result<SigningIdentity, CertificateError> {
        let (certificate, key) = match (self.identities.get(name), &self.dev) {
            (Some(_), Some(dev)) if self.trial => (dev.chain_of(Leaf::Sign), dev.key_of(Leaf::Sign)),
            (Some(project::Identity::Dev(leaf)), Some(dev)) => (dev.chain_of(*leaf), dev.key_of(*leaf)),
            (Some(project::Identity::Files { certificate, key }), _) => (certificate.clone(), key.clone()),
            _ => return Err(unknown("identité", name)),
        };
        let read = |path: &Path| {
            fs::read(path).map_err(|error| CertificateError {
                code: "net.file-unreadable",
                sentence: format!("{name} : {} ne peut pas être lu ({error})", path.display()),
            })
        };
        SigningIdentity::from_pem(&read(&certificate)?, &read(&key)?).map_err(|error| CertificateError {
            code: "certificates.seal",
            sentence: format!("{name} : ce certificat ne peut pas signer ({error})"),
        })
    }
}

/// A certificate of the test authority.
pub(crate) fn dev_identity(dev: &DevAuthority, leaf: Leaf) -> Result<Identity, CertificateError> {
    Identity::from_files(dev.chain_of(leaf), dev.key_of(leaf))
        .map_err(|error| material(leaf.file_name(), &error))
}

fn unknown(kind: &str, name: &str) -> CertificateError {
    CertificateError {
        code: "certificates.unknown-name",
        sentence: format!("aucune {kind} ne s'appelle « {name} »"),
    }
}
