//! From names in the configuration to certificates in memory.
//! The test authority is made once per data folder; everything else is read from files.

use std::{collections::BTreeMap, fs, path::Path};

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

/// Opens identities and authorities by name.
pub(crate) struct Certificates<'p> {
    identities: &'p BTreeMap<String, project::Identity>,
    trust: &'p BTreeMap<String, Trust>,
    dev: Option<DevAuthority>,
}

/// The test authority of a data folder, made at first use.
pub(crate) fn dev_authority(data: &Path, gateway: &Gateway) -> Result<DevAuthority, CertificateError> {
    let structure =
        Structure { name: "Hôpital de Démonstration".to_owned(), finess: gateway.finess.clone() };
    DevAuthority::ensure(&data.join("certs-dev"), SystemClock.now(), &structure).map_err(|error| {
        CertificateError {
            code: error.code(),
            sentence: format!("les certificats d'essai ne peuvent pas être faits : {error}"),
        }
    })
}

impl<'p> Certificates<'p> {
    /// Makes the test authority only when something names it.
    pub(crate) fn open(project: &'p project::Project, data: &Path) -> Result<Self, CertificateError> {
        let named = project.identities.values().any(|identity| matches!(identity, project::Identity::Dev(_)))
            || project.trust.values().any(|trust| matches!(trust, Trust::Dev));
        let dev = if named { Some(dev_authority(data, &project.gateway)?) } else { None };
        Ok(Self { identities: &project.identities, trust: &project.trust, dev })
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

    /// The signature identity of that name (ORG SIGN).
    pub(crate) fn seal(&self, name: &str) -> Result<SigningIdentity, CertificateError> {
        let (certificate, key) = match (self.identities.get(name), &self.dev) {
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
