//! Two witnesses of a handshake: the certificates the peer showed, and whether it asked for ours.
//! In: what rustls asks of a configuration. Out: the same answers as in production, and a record. They decide nothing.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::{
    DigitallySignedStruct, Error, SignatureScheme,
    client::{
        ResolvesClientCert, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    sign::CertifiedKey,
};
use x509_parser::{prelude::FromDer as _, x509::X509Name};

use super::chain::name;
use crate::{
    material::{Identity, MaterialError},
    tls::{provider, unusable},
};

/// Certificates of a peer that are kept.
const CHAIN_MAX: usize = 10;
/// Authorities a peer may say it accepts.
const HINTS_MAX: usize = 20;

/// Judges as production does, and remembers what it was shown.
#[derive(Debug)]
pub(super) struct Watching {
    judge: Arc<WebPkiServerVerifier>,
    chain: Mutex<Vec<CertificateDer<'static>>>,
}

impl Watching {
    pub(super) fn new(judge: Arc<WebPkiServerVerifier>) -> Self {
        Self { judge, chain: Mutex::default() }
    }

    /// What the peer showed, its own certificate first.
    pub(super) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Watching {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = std::iter::once(end_entity).chain(intermediates).take(CHAIN_MAX);
        let shown = shown.map(|certificate| certificate.clone().into_owned()).collect();
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = shown;
        self.judge.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

/// Gives our certificate when it is asked for, and remembers that it was.
#[derive(Debug)]
pub(super) struct Asked {
    ours: Option<Arc<CertifiedKey>>,
    accepted: Mutex<Option<Vec<String>>>,
}

impl Asked {
    pub(super) fn new(identity: Option<&Identity>) -> Result<Self, MaterialError> {
        let key = |identity: &Identity| {
            CertifiedKey::from_der(identity.chain().to_vec(), identity.key().clone_key(), &provider())
        };
        let ours = identity.map(key).transpose().map_err(unusable)?.map(Arc::new);
        Ok(Self { ours, accepted: Mutex::default() })
    }

    /// Authorities the peer says it accepts (perhaps none); `None`: it did not ask.
    pub(super) fn accepted(&self) -> Option<Vec<String>> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesClientCert for Asked {
    fn resolve(&self, hints: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let accepted = hints.iter().take(HINTS_MAX).map(|hint| distinguished(hint)).collect();
        *self.accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some(accepted);
        self.ours.clone()
    }

    fn has_certs(&self) -> bool {
        self.ours.is_some()
    }
}

/// A DER distinguished name, as a person names it. Trust anchors hold the content without its outer header.
pub(super) fn distinguished(der: &[u8]) -> String {
    let whole = X509Name::from_der(der).ok().map(|(_, found)| name(&found));
    whole.unwrap_or_else(|| {
        let mut wrapped = vec![0x30];
        match u16::try_from(der.len()) {
            Ok(length @ 0..=0x7f) => wrapped.push(length.to_be_bytes()[1]),
            Ok(length @ 0x80..=0xff) => wrapped.extend([0x81, length.to_be_bytes()[1]]),
            Ok(length) => wrapped.extend([&[0x82][..], &length.to_be_bytes()].concat()),
            Err(_) => return "?".to_owned(),
        }
        wrapped.extend_from_slice(der);
        X509Name::from_der(&wrapped).map_or_else(|_| "?".to_owned(), |(_, found)| name(&found))
    })
}
