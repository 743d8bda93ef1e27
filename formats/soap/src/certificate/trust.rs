//! Whether a certificate may have signed a VIHF or a lot.
//! In: roots, the chain found in the signature, `now`. Out: a judgement with its reason.
//! Source: dmp-xds.md §4; VIHF-04 of §10.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime, pem::PemObject as _};
use webpki::{
    ALL_VERIFICATION_ALGS, EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter,
    anchor_from_trusted_cert,
};

use super::parse;
use crate::Error;

/// Why a certificate may not have signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateFault {
    /// Not a certificate.
    #[error("not a readable certificate")]
    Malformed,
    /// Its validity is over.
    #[error("expired")]
    Expired,
    /// Its validity has not begun.
    #[error("not valid yet")]
    NotYetValid,
    /// It does not lead to one of the trusted roots.
    #[error("of an unknown authority")]
    UnknownAuthority,
    /// It is no signature certificate: a TLS one, or one of an authority. `soap:DMPInvalidCertificate`.
    #[error("not a signature certificate")]
    NotForSignature,
    /// Anything else that breaks the chain.
    #[error("chain refused")]
    Refused,
}

impl CertificateFault {
    /// French words for a finding.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Malformed => "le certificat de signature est illisible",
            Self::Expired => "le certificat de signature est expiré",
            Self::NotYetValid => "le certificat de signature n'est pas encore valide",
            Self::UnknownAuthority => "le certificat de signature vient d'une autorité inconnue",
            Self::NotForSignature => "le certificat n'est pas un certificat de signature",
            Self::Refused => "la chaîne du certificat de signature est refusée",
        }
    }
}

/// Roots that are believed, with the intermediates known beside them.
pub struct Trust {
    roots: Vec<TrustAnchor<'static>>,
    intermediates: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// Reads the roots, and intermediates for signatures that carry the signer's certificate alone (which is what the
    /// DMP gets). `intermediates_pem` may be empty, or a whole chain file: what is no authority is left out.
    /// Errors: no root.
    pub fn from_pem(roots_pem: &[u8], intermediates_pem: &[u8]) -> Result<Self, Error> {
        let mut roots = Vec::new();
        for der in CertificateDer::pem_slice_iter(roots_pem) {
            let der = der.map_err(|_| Error::Identity("the root file is not pem"))?;
            let anchor = anchor_from_trusted_cert(&der).map_err(|_| CertificateFault::Malformed)?;
            roots.push(anchor.to_owned());
        }
        if roots.is_empty() {
            return Err(Error::Identity("the root file holds no certificate"));
        }
        let mut intermediates = Vec::new();
        for der in CertificateDer::pem_slice_iter(intermediates_pem) {
            let der = der.map_err(|_| Error::Identity("the intermediate file is not pem"))?;
            if parse(&der)?.is_ca() {
                intermediates.push(der);
            }
        }
        Ok(Self { roots, intermediates })
    }

    /// Judges the chain of a signature, signer first.
    ///
    /// The signer's key usage, when given, must allow signatures; its extended usage must not be for TLS only.
    /// Errors: see [`CertificateFault`]; the usage is judged first, because it says more than a broken chain does.
    pub fn judge(&self, chain: &[Bytes], now: Timestamp) -> Result<(), CertificateFault> {
        let signer = chain.first().ok_or(CertificateFault::Malformed)?;
        judge_usage(signer)?;
        let der = CertificateDer::from(signer.as_ref());
        let signer = EndEntityCert::try_from(&der).map_err(fault)?;
        let given = chain[1..].iter().map(|der| CertificateDer::from(der.as_ref()));
        let intermediates: Vec<_> = given.chain(self.intermediates.iter().cloned()).collect();
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        signer
            .verify_for_usage(ALL_VERIFICATION_ALGS, &self.roots, &intermediates, time, AnyUsage, None, None)
            .map(|_| ())
            .map_err(fault)
    }
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Trust({} roots)", self.roots.len())
    }
}

fn judge_usage(signer: &[u8]) -> Result<(), CertificateFault> {
    let certificate = parse(signer)?;
    let usage = certificate.key_usage().map_err(|_| CertificateFault::Malformed)?;
    let extended = certificate.extended_key_usage().map_err(|_| CertificateFault::Malformed)?;
    let signs = usage.is_none_or(|usage| usage.value.digital_signature() || usage.value.non_repudiation());
    // What ORG AUTH_CLI, server and CPS authentication certificates have: a usage for TLS, and none for documents.
    let tls_only = extended.is_some_and(|usage| {
        let usage = usage.value;
        let documents = usage.other.iter().any(|oid| DOCUMENT_SIGNING.contains(&oid.to_id_string().as_str()));
        let signs = usage.any || usage.email_protection || documents;
        (usage.client_auth || usage.server_auth) && !signs
    });
    if certificate.is_ca() || !signs || tls_only {
        return Err(CertificateFault::NotForSignature);
    }
    Ok(())
}

/// Extended usages for signing documents: RFC 9336, and the one that came before it.
const DOCUMENT_SIGNING: &[&str] = &["1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.311.10.3.12"];

/// Usages are judged above, in terms of signatures; the chain itself accepts any.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

fn fault(error: webpki::Error) -> CertificateFault {
    match error {
        webpki::Error::CertExpired { .. } => CertificateFault::Expired,
        webpki::Error::CertNotValidYet { .. } => CertificateFault::NotYetValid,
        webpki::Error::UnknownIssuer => CertificateFault::UnknownAuthority,
        webpki::Error::CaUsedAsEndEntity => CertificateFault::NotForSignature,
        webpki::Error::BadDer | webpki::Error::BadDerTime => CertificateFault::Malformed,
        _ => CertificateFault::Refused,
    }
}
