//! What TLS is made of: who we are (certificate chain and key), whom we believe (authorities, revocation lists).
//! In: PEM, as files or bytes. Out: checked material. Source: dependencies §2.2.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

use crate::{
    subject::{Subject, SubjectError},
    tls::provider,
};

/// Why certificates, keys or lists could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MaterialError {
    /// A file could not be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No certificate in what should hold some.
    #[error("no certificate in the PEM text")]
    NoCertificate,
    /// No private key in what should hold one, or a damaged one.
    #[error("no usable private key in the PEM text")]
    NoKey,
    /// A block is not what its label says.
    #[error("damaged PEM block number {number}")]
    Damaged {
        /// Which block, from 1.
        number: usize,
    },
    /// The key is not that of the certificate.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// The key is of a kind that the TLS library does not take.
    #[error("unusable key or certificate: {0}")]
    Unusable(String),
}

impl MaterialError {
    /// Stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "net.file-unreadable",
            Self::NoCertificate => "net.no-certificate",
            Self::NoKey => "net.no-key",
            Self::Damaged { .. } => "net.pem-damaged",
            Self::KeyMismatch => "net.key-mismatch",
            Self::Unusable(_) => "net.material-unusable",
        }
    }

    /// What to tell the operator, in French.
    pub fn sentence(&self) -> String {
        match self {
            Self::Unreadable { path, source } => format!("le fichier {} ne peut pas être lu ({source})", path.display()),
            Self::NoCertificate => "le fichier PEM ne contient aucun certificat (bloc BEGIN CERTIFICATE)".to_owned(),
            Self::NoKey => {
                "le fichier PEM ne contient aucune clé privée utilisable (bloc BEGIN PRIVATE KEY, non chiffré)".to_owned()
            }
            Self::Damaged { number } => format!("le bloc PEM n° {number} est abîmé"),
            Self::KeyMismatch => "la clé privée n'est pas celle du certificat".to_owned(),
            Self::Unusable(why) => format!("certificat ou clé d'un type non accepté ({why})"),
        }
    }
}

/// Who we are in TLS: a certificate, its chain, its private key; checked to belong together.
#[derive(Clone)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
}

impl Identity {
    /// From PEM: the certificate first, then its intermediate authorities; the key unencrypted (PKCS#8, PKCS#1 or SEC1).
    /// Both may be in the same text. Errors: nothing found, damaged, key of another certificate.
    pub fn from_pem(chain_pem: &[u8], key_pem: &[u8]) -> Result<Self, MaterialError> {
        let chain = certificates(chain_pem)?;
        let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| MaterialError::NoKey)?;
        CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => MaterialError::KeyMismatch,
            other => MaterialError::Unusable(other.to_string()),
        })?;
        Ok(Self { chain, key: Arc::new(key) })
    }

    /// From two PEM files; the same path twice is fine.
    pub fn from_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, MaterialError> {
        Self::from_pem(&read(chain.as_ref())?, &read(key.as_ref())?)
    }

    /// The certificate (first) and its intermediate authorities, DER.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The private key, DER. Never printed.
    pub fn key(&self) -> &PrivateKeyDer<'static> {
        &self.key
    }

    /// Subject of the certificate.
    pub fn subject(&self) -> Result<Subject, SubjectError> {
        Subject::of_certificate(&self.chain[0])
    }

    /// End of validity of the certificate, in seconds since 1970: for the alarm that comes before.
    pub fn not_after(&self) -> Result<i64, SubjectError> {
        let (_, certificate) =
            x509_parser::parse_x509_certificate(&self.chain[0]).map_err(|_| SubjectError)?;
        Ok(certificate.validity().not_after.timestamp())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("chain", &self.chain.len()).finish_non_exhaustive()
    }
}

/// Whom we believe: root authorities, and what they revoked.
#[derive(Clone, Debug)]
pub struct Anchors {
    pub(crate) roots: Arc<RootCertStore>,
    pub(crate) crls: Vec<CertificateRevocationListDer<'static>>,
}

impl Anchors {
    /// From PEM: one or several root certificates, perhaps revocation lists (`BEGIN X509 CRL`) beside them.
    /// A certificate whose authority has no list here is not checked for revocation.
    pub fn from_pem(pem: &[u8]) -> Result<Self, MaterialError> {
        let mut roots = RootCertStore::empty();
        for (at, root) in certificates(pem)?.into_iter().enumerate() {
            roots.add(root).map_err(|_| MaterialError::Damaged { number: at + 1 })?;
        }
        let crls = CertificateRevocationListDer::pem_slice_iter(pem)
            .enumerate()
            .map(|(at, list)| list.map_err(|_| MaterialError::Damaged { number: at + 1 }))
            .collect::<Result<_, _>>()?;
        Ok(Self { roots: Arc::new(roots), crls })
    }

    /// From a PEM file.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, MaterialError> {
        Self::from_pem(&read(path.as_ref())?)
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, MaterialError> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .enumerate()
        .map(|(at, certificate)| certificate.map_err(|_| MaterialError::Damaged { number: at + 1 }))
        .collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() {
        return Err(MaterialError::NoCertificate);
    }
    Ok(certificates)
}

fn read(path: &Path) -> Result<Vec<u8>, MaterialError> {
    fs::read(path).map_err(|source| MaterialError::Unreadable { path: path.to_owned(), source })
}
