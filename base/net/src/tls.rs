//! TLS configurations: versions 1.2 and 1.3, one cryptographic provider, said explicitly everywhere.
//! In: identities and authorities. Out: `rustls` configurations to put into a `Reloadable`.
//! Source: dependencies §2.2. Deliberately absent: the process-wide default provider, which panics when two are built in.

use std::sync::Arc;

use rustls::{
    ClientConfig, ServerConfig,
    client::WebPkiServerVerifier,
    crypto::{CryptoProvider, aws_lc_rs},
    server::WebPkiClientVerifier,
};

use crate::material::{Anchors, Identity, MaterialError};

/// The provider of every configuration.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// What a server asks of its clients.
#[derive(Clone, Copy, Debug)]
pub enum ClientAuth<'a> {
    /// No certificate.
    None,
    /// A certificate of one of these authorities, or no connection.
    Required(&'a Anchors),
}

/// For dialling: believes `anchors`, presents `identity` when the server asks.
pub fn client_config(
    anchors: &Anchors,
    identity: Option<&Identity>,
) -> Result<Arc<ClientConfig>, MaterialError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .map_err(unusable)?
        .with_webpki_verifier(server_verifier(anchors)?);
    let config = match identity {
        Some(identity) => builder
            .with_client_auth_cert(identity.chain().to_vec(), identity.key().clone_key())
            .map_err(unusable)?,
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

/// Judges servers by `anchors`.
pub(crate) fn server_verifier(anchors: &Anchors) -> Result<Arc<WebPkiServerVerifier>, MaterialError> {
    let mut verifier = WebPkiServerVerifier::builder_with_provider(Arc::clone(&anchors.roots), provider());
    if !anchors.crls.is_empty() {
        verifier = verifier
            .with_crls(anchors.crls.iter().cloned())
            .only_check_end_entity_revocation()
            .allow_unknown_revocation_status();
    }
    verifier.build().map_err(unusable)
}

/// For listening: presents `identity`, asks of clients what `auth` says.
pub fn server_config(identity: &Identity, auth: ClientAuth<'_>) -> Result<Arc<ServerConfig>, MaterialError> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .map_err(unusable)?;
    let builder = match auth {
        ClientAuth::None => builder.with_no_client_auth(),
        ClientAuth::Required(anchors) => {
            let mut verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::clone(&anchors.roots), provider());
            if !anchors.crls.is_empty() {
                verifier = verifier
                    .with_crls(anchors.crls.iter().cloned())
                    .only_check_end_entity_revocation()
                    .allow_unknown_revocation_status();
            }
            builder.with_client_cert_verifier(verifier.build().map_err(unusable)?)
        }
    };
    let config =
        builder.with_single_cert(identity.chain().to_vec(), identity.key().clone_key()).map_err(unusable)?;
    Ok(Arc::new(config))
}

pub(crate) fn unusable(error: impl std::fmt::Display) -> MaterialError {
    MaterialError::Unusable(error.to_string())
}
