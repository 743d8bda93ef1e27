//! Who signs, and whom to believe.
//! In: PEM or DER, `now`. Out: signatures, names, judgements on certificates. IO: none.
//! Source: dmp-xds.md §4 and §5.2. Absent: revocation, which the TLS side and the operator's lists handle.

mod distinguished_name;
mod identity;
mod trust;

pub use distinguished_name::DistinguishedName;
pub use identity::SigningIdentity;
pub use trust::{CertificateFault, Trust};

use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Reads one certificate, with nothing behind it.
pub(crate) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, CertificateFault> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(CertificateFault::Malformed),
    }
}

#[cfg(test)]
mod tests;
