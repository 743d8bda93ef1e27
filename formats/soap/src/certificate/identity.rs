//! The key that signs, with its certificates.
//! In: PEM files already read. Out: RSA PKCS#1 v1.5 signatures with SHA-256. The key is never printed.
//! Source: dmp-xds.md §4 (ORG SIGN, CPS signature), §5.2.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeyPair,
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use bytes::Bytes;
use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use super::{DistinguishedName, parse};
use crate::Error;

/// An RSA key and its certificate chain, signer first.
pub struct SigningIdentity {
    key: KeyPair,
    chain: Vec<Bytes>,
    subject: DistinguishedName,
    issuer: DistinguishedName,
    serial: String,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl SigningIdentity {
    /// Reads a PEM chain (signer first) and a PEM key (PKCS#8 or PKCS#1).
    /// Errors: nothing to read, a key that is not RSA of 2048 bits or more, a key that is not the certificate's.
    pub fn from_pem(chain_pem: &[u8], key_pem: &[u8]) -> Result<Self, Error> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain_pem).collect();
        let chain = chain.map_err(|_| Error::Identity("the certificate file is not pem"))?;
        let key = PrivateKeyDer::from_pem_slice(key_pem)
            .map_err(|_| Error::Identity("the key file holds no readable key"))?;
        Self::new(chain.into_iter().map(|der| Bytes::copy_from_slice(&der)).collect(), key.secret_der())
    }

    /// From DER: the chain, signer first, and the key in PKCS#8 or PKCS#1. Errors: as above.
    pub fn new(chain: Vec<Bytes>, key: &[u8]) -> Result<Self, Error> {
        let signer = chain.first().cloned().ok_or(Error::Identity("there is no certificate"))?;
        let key = KeyPair::from_pkcs8(key)
            .or_else(|_| KeyPair::from_der(key))
            .map_err(|_| Error::Identity("the key is not rsa of 2048 bits or more"))?;
        let certificate = parse(&signer)?;
        if certificate.public_key().subject_public_key.data.as_ref() != key.public_key().as_ref() {
            return Err(Error::Identity("the key is not that of the certificate"));
        }
        let instant = |time: x509_parser::time::ASN1Time| {
            Timestamp::from_second(time.timestamp())
                .map_err(|_| Error::Identity("the validity is out of range"))
        };
        Ok(Self {
            key,
            subject: DistinguishedName::subject(&certificate),
            issuer: DistinguishedName::issuer(&certificate),
            serial: certificate.serial.to_str_radix(10),
            not_before: instant(certificate.validity().not_before)?,
            not_after: instant(certificate.validity().not_after)?,
            chain,
        })
    }

    /// DER of the signer's certificate.
    pub fn certificate(&self) -> &Bytes {
        &self.chain[0]
    }

    /// DER of the chain, signer first.
    pub fn chain(&self) -> &[Bytes] {
        &self.chain
    }

    /// Subject: the Issuer of the assertions it signs.
    pub fn subject(&self) -> &DistinguishedName {
        &self.subject
    }

    /// Issuer of the signer's certificate.
    pub fn issuer(&self) -> &DistinguishedName {
        &self.issuer
    }

    /// Serial number, decimal.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The OU of the subject: the identifier of the structure, with its prefix. Several are possible.
    pub fn structures(&self) -> impl Iterator<Item = &str> {
        self.subject.values("2.5.4.11")
    }

    /// First instant of its validity.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Last instant of its validity: alerts at 90, 30 and 7 days (dmp-xds.md §4).
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// RSA PKCS#1 v1.5 signature with SHA-256: the same bytes give the same signature.
    pub fn sign_sha256(&self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        // The random source is asked for by the interface; this padding uses none.
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature)
            .map_err(|_| Error::Identity("the key refused to sign"))?;
        Ok(signature)
    }
}

impl std::fmt::Debug for SigningIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningIdentity").field("serial", &self.serial).finish_non_exhaustive()
    }
}
