//! Enveloped XML signatures: the profile SAML uses, and nothing more.
//! In: an XML element, a key; or a signed element. Out: the signed element; or the canonical bytes that were signed.
//! Source: dmp-xds.md §5.2, §5.4. Absent: XPath, external references, objects, keys without certificate.

mod algorithm;
mod sign;
mod verify;

pub use sign::{Placement, sign_enveloped};
pub use verify::{SignedNode, VerifiedNode, VerifyOptions, verify_enveloped};

pub(crate) use algorithm::{DigestAlgorithm, SignatureAlgorithm, verify_with_certificate};
pub(crate) use verify::{decode_base64, key_info_chain, refuse_ambiguous_ids};

use base64::{Engine as _, engine::general_purpose::STANDARD};

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// `ds:KeyInfo` with these certificates, signer first, without namespace declaration.
pub(crate) fn key_info(chain: &[bytes::Bytes]) -> String {
    let certificates: String =
        chain.iter().map(|der| format!("<ds:X509Certificate>{}</ds:X509Certificate>", base64(der))).collect();
    format!("<ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo>")
}

#[cfg(test)]
mod tests;
