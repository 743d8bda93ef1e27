//! Signature of the lot (Signature01): XAdES over a manifest of the submission and its documents.
//! In: identifiers and digests; or a received signature and what it should cover. Out: XML; or findings.
//! Source: dmp-xds.md §6. SHA-256 is written; whether the DMP still wants SHA-1 is unconfirmed, so SHA-1 is only read.

mod build;
mod verify;

pub use build::{LotSignature, SignedDocument, build};
pub use verify::{ExpectedDocument, ExpectedLot, LotVerdict, verify};

use aws_lc_rs::digest;

use crate::{Error, Limits, c14n};

/// What a document's digest is taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentDigest {
    /// SHA-256 of the inclusive canonical form with comments: XML documents.
    CanonicalXml([u8; 32]),
    /// SHA-256 of the bytes: everything else.
    Raw([u8; 32]),
}

impl DocumentDigest {
    /// Digest of an XML document. Errors: XML refused (a DTD, an encoding that is not read, limits).
    pub fn of_xml(xml: &[u8]) -> Result<Self, Error> {
        let limits = Limits::default();
        let digest = c14n::digest(xml, &c14n::Method::INCLUSIVE_WITH_COMMENTS, &digest::SHA256, &limits)?;
        Ok(Self::CanonicalXml(array(&digest)))
    }

    /// Digest of other bytes.
    pub fn of_raw(bytes: &[u8]) -> Self {
        Self::Raw(array(&digest::digest(&digest::SHA256, bytes)))
    }
}

fn array(digest: &digest::Digest) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    bytes
}

/// Purpose of the signature: "Source".
const PURPOSE: &str = "1.2.840.10065.1.12.1.14";
const MANIFEST_ID: &str = "IHEManifest";
const PROPERTIES_ID: &str = "S0-SignedProperties";
const MANIFEST_TYPE: &str = "http://www.w3.org/2000/09/xmldsig#Manifest";
const PROPERTIES_TYPE: &str = "http://uri.etsi.org/01903/v1.1.1#SignedProperties";
/// Stands for the submission, which has no bytes of its own.
const NO_DIGEST: &str = "AA==";

#[cfg(test)]
mod tests;
