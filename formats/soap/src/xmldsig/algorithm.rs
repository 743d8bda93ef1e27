//! Algorithms of signatures and digests that are read. SHA-256 is written; SHA-1 is only read.
//! In → out: algorithm identifiers and the primitives behind them. Source: dmp-xds.md §5.2.

use aws_lc_rs::{
    digest,
    signature::{
        RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
        RSA_PKCS1_2048_8192_SHA512, RsaParameters, UnparsedPublicKey,
    },
};

use crate::{Error, certificate, name};

/// A digest algorithm.
#[derive(Clone, Copy)]
pub(crate) struct DigestAlgorithm {
    pub(crate) digest: &'static digest::Algorithm,
    pub(crate) sha1: bool,
}

impl DigestAlgorithm {
    pub(crate) fn of(uri: &str) -> Result<Self, Error> {
        let (digest, sha1): (&'static digest::Algorithm, _) = match uri {
            name::SHA256 => (&digest::SHA256, false),
            "http://www.w3.org/2001/04/xmldsig-more#sha384" => (&digest::SHA384, false),
            "http://www.w3.org/2001/04/xmlenc#sha512" => (&digest::SHA512, false),
            name::SHA1 => (&digest::SHA1_FOR_LEGACY_USE_ONLY, true),
            _ => return Err(Error::Signature("unknown digest algorithm")),
        };
        Ok(Self { digest, sha1 })
    }

    pub(crate) fn matches(self, bytes: &[u8], expected: &[u8]) -> bool {
        digest::digest(self.digest, bytes).as_ref() == expected
    }
}

/// A signature algorithm.
#[derive(Clone, Copy)]
pub(crate) struct SignatureAlgorithm {
    parameters: &'static RsaParameters,
    pub(crate) sha1: bool,
}

impl SignatureAlgorithm {
    pub(crate) fn of(uri: &str) -> Result<Self, Error> {
        let (parameters, sha1): (&'static RsaParameters, _) = match uri {
            name::RSA_SHA256 => (&RSA_PKCS1_2048_8192_SHA256, false),
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384" => (&RSA_PKCS1_2048_8192_SHA384, false),
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512" => (&RSA_PKCS1_2048_8192_SHA512, false),
            name::RSA_SHA1 => (&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, true),
            _ => return Err(Error::Signature("unknown signature algorithm")),
        };
        Ok(Self { parameters, sha1 })
    }
}

/// Verifies with the key of a certificate. Says nothing about trusting that certificate.
pub(crate) fn verify_with_certificate(
    algorithm: SignatureAlgorithm,
    certificate: &[u8],
    signed: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    let certificate = certificate::parse(certificate)?;
    let key = &certificate.public_key().subject_public_key.data;
    UnparsedPublicKey::new(algorithm.parameters, key)
        .verify(signed, signature)
        .map_err(|_| Error::Signature("the signature value is not that of the certificate's key"))
}
