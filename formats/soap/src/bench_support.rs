//! The parts of the work that cannot be avoided, alone, so that figures can be given as ratios to them.
//! In: what the whole function gets. Out: the result of the unavoidable part. Only for measures.

use aws_lc_rs::digest;

use crate::{
    Error, Limits,
    c14n::{self, Method},
    certificate::SigningIdentity,
};

/// One RSA signature: the floor of a VIHF and of a lot signature.
pub fn rsa_signature(identity: &SigningIdentity, bytes: &[u8]) -> Result<usize, Error> {
    identity.sign_sha256(bytes).map(|signature| signature.len())
}

/// One pass of canonicalisation, output discarded: the floor of a document's digest beside SHA-256.
pub fn canonicalization(xml: &[u8]) -> Result<usize, Error> {
    let text = crate::text::decode(xml)?;
    let mut length = 0;
    let whole = Default::default();
    c14n::write(&text, &whole, &Method::INCLUSIVE_WITH_COMMENTS, &Limits::default(), &mut |piece| {
        length += piece.len()
    })?;
    Ok(length)
}

/// One SHA-256 of the bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}
