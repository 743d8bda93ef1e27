//! Verifying an enveloped signature, with nothing left to choose for whoever wrote it.
//! In: one signed element as a document. Out: the canonical bytes that were digested: read those, nothing else.
//! Source: dmp-xds.md §5.2; signature wrapping (what is used must be what was signed).

use std::collections::HashSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jiff::Timestamp;

use super::algorithm::{DigestAlgorithm, SignatureAlgorithm, verify_with_certificate};
use crate::{
    Error, Limits,
    c14n::{self, Method, Selection},
    certificate::{CertificateFault, Trust},
    dom::{Node, Tree},
    name, text,
};

/// How strictly to verify.
#[derive(Clone, Copy, Debug, Default)]
pub struct VerifyOptions {
    /// Refuse SHA-1, in the signature and in digests.
    pub reject_sha1: bool,
    /// Limits.
    pub limits: Limits,
}

/// An element whose signature is that of the certificate it shows. Not trusted yet: see [`SignedNode::judged`].
#[derive(Clone)]
pub struct SignedNode {
    /// Its canonical form, signature taken out: exactly what was signed. A document of its own.
    pub canonical: Bytes,
    /// Its `ID`.
    pub id: String,
    /// Certificates of KeyInfo, DER, signer first.
    pub chain: Vec<Bytes>,
    /// Whether SHA-1 was used anywhere.
    pub uses_sha1: bool,
}

/// What is signed may name a person.
impl std::fmt::Debug for SignedNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedNode")
            .field("id", &self.id)
            .field("uses_sha1", &self.uses_sha1)
            .finish_non_exhaustive()
    }
}

/// A signed element whose certificate is trusted. Made by [`SignedNode::judged`] only.
#[derive(Clone, Debug)]
pub struct VerifiedNode(SignedNode);

impl VerifiedNode {
    /// The element.
    pub fn node(&self) -> &SignedNode {
        &self.0
    }
}

impl SignedNode {
    /// Judges the certificate.
    pub fn judged(self, trust: &Trust, now: Timestamp) -> Result<VerifiedNode, CertificateFault> {
        trust.judge(&self.chain, now)?;
        Ok(VerifiedNode(self))
    }
}

/// Verifies the signature of the root element.
///
/// Required: one `ds:Signature`, child of the root; one reference, to the root's own `ID`; transforms
/// enveloped-signature then at most one canonicalisation; no `ID` given twice; a certificate in KeyInfo.
/// Errors: [`Error::Signature`] with the rule that failed; XML refused; limits.
pub fn verify_enveloped(xml: &[u8], options: &VerifyOptions) -> Result<SignedNode, Error> {
    let source = text::decode(xml)?;
    let limits = &options.limits;
    let tree = Tree::parse(&source, limits)?;
    let root = tree.root();
    let signature = the_signature(&tree)?;
    refuse_ambiguous_ids(&tree)?;

    let signed_info = signature.only(name::DS, "SignedInfo").ok_or(Error::Signature("no signed info"))?;
    let (method, sha1) = signature_method(signed_info)?;
    let signed = canonical_part(&source, signed_info, &canonicalization(signed_info)?, limits)?;
    let value = signature.only(name::DS, "SignatureValue").ok_or(Error::Signature("no signature value"))?;
    let chain = key_info_chain(signature)?;
    verify_with_certificate(method, &chain[0], &signed, &decode_base64(value)?)?;

    let reference =
        signed_info.only(name::DS, "Reference").ok_or(Error::Signature("not exactly one reference"))?;
    let id =
        root.attribute("ID").filter(|id| !id.is_empty()).ok_or(Error::Signature("the element has no id"))?;
    if reference.attribute("URI").and_then(|uri| uri.strip_prefix('#')) != Some(id) {
        return Err(Error::Signature("the reference is not to this element"));
    }
    let digest = digest_method(reference)?;
    let without = Some(signature.element().range.clone());
    let mut canonical = Vec::with_capacity(source.len());
    let selection = Selection { only: Some(root.element().range.clone()), without };
    c14n::write(&source, &selection, &transforms(reference)?, limits, &mut |piece| {
        canonical.extend_from_slice(piece)
    })?;
    let expected = reference.only(name::DS, "DigestValue").ok_or(Error::Signature("no digest value"))?;
    if !digest.matches(&canonical, &decode_base64(expected)?) {
        return Err(Error::Signature("the element is not the one that was signed"));
    }
    let uses_sha1 = sha1 || digest.sha1;
    if uses_sha1 && options.reject_sha1 {
        return Err(Error::Signature("sha-1 is refused"));
    }
    Ok(SignedNode { canonical: canonical.into(), id: id.to_owned(), chain, uses_sha1 })
}

/// The only signature, which must be a child of the root.
fn the_signature(tree: &Tree) -> Result<Node<'_>, Error> {
    let mut all = tree.all().filter(|node| node.is(name::DS, "Signature"));
    let signature = all.next().ok_or(Error::Signature("not signed"))?;
    if all.next().is_some() {
        return Err(Error::Signature("more than one signature"));
    }
    let below_root = signature.parent().is_some_and(|parent| parent.same(tree.root()));
    let known = ["SignedInfo", "SignatureValue", "KeyInfo"];
    let foreign = |child: Node<'_>| !known.iter().any(|local| child.is(name::DS, local));
    if !below_root || signature.children().any(foreign) {
        return Err(Error::Signature("the signature is not a plain enveloped one"));
    }
    Ok(signature)
}

/// An identifier that names two elements lets a verifier and a reader look at different ones.
pub(crate) fn refuse_ambiguous_ids(tree: &Tree) -> Result<(), Error> {
    let mut seen = HashSet::new();
    for node in tree.all() {
        for (ns, local, value) in &node.element().attributes {
            let is_id =
                (ns.is_empty() && local.eq_ignore_ascii_case("id")) || (ns == name::XML && local == "id");
            if is_id && !seen.insert(value.as_str()) {
                return Err(Error::Signature("an id given to two elements"));
            }
        }
    }
    Ok(())
}

fn signature_method(signed_info: Node<'_>) -> Result<(SignatureAlgorithm, bool), Error> {
    let method =
        signed_info.only(name::DS, "SignatureMethod").and_then(|method| method.attribute("Algorithm"));
    let algorithm = SignatureAlgorithm::of(method.ok_or(Error::Signature("no signature algorithm"))?)?;
    Ok((algorithm, algorithm.sha1))
}

fn digest_method(reference: Node<'_>) -> Result<DigestAlgorithm, Error> {
    let method = reference.only(name::DS, "DigestMethod").and_then(|method| method.attribute("Algorithm"));
    DigestAlgorithm::of(method.ok_or(Error::Signature("no digest algorithm"))?)
}

fn canonicalization(signed_info: Node<'_>) -> Result<Method, Error> {
    let method = signed_info.only(name::DS, "CanonicalizationMethod");
    c14n_method(method.ok_or(Error::Signature("no canonicalization method"))?)
}

/// A canonicalisation with its InclusiveNamespaces list.
fn c14n_method(node: Node<'_>) -> Result<Method, Error> {
    let unknown = Error::Signature("unknown canonicalization");
    let mut method = node.attribute("Algorithm").and_then(Method::of).ok_or(unknown.clone())?;
    if let Some(list) = node.child(name::EXC_C14N, "InclusiveNamespaces").filter(|_| method.exclusive) {
        let prefixes = list.attribute("PrefixList").unwrap_or_default();
        method.inclusive_prefixes = prefixes.split_ascii_whitespace().map(str::to_owned).collect();
    }
    Ok(method)
}

/// Enveloped-signature, then at most one canonicalisation; without one, plain inclusive C14N is meant.
fn transforms(reference: Node<'_>) -> Result<Method, Error> {
    let refused = Error::Signature("transforms other than enveloped-signature and a canonicalization");
    let transforms = reference.only(name::DS, "Transforms").ok_or(refused.clone())?;
    let mut list = transforms.children();
    let first = list.next().filter(|transform| transform.is(name::DS, "Transform"));
    if first.and_then(|transform| transform.attribute("Algorithm")) != Some(name::ENVELOPED) {
        return Err(refused);
    }
    let method = match list.next() {
        Some(transform) if transform.is(name::DS, "Transform") => c14n_method(transform)?,
        Some(_) => return Err(refused),
        None => Method::INCLUSIVE,
    };
    if list.next().is_some() { Err(refused) } else { Ok(method) }
}

fn canonical_part(source: &str, node: Node<'_>, method: &Method, limits: &Limits) -> Result<Vec<u8>, Error> {
    let selection = Selection { only: Some(node.element().range.clone()), without: None };
    let mut out = Vec::new();
    c14n::write(source, &selection, method, limits, &mut |piece| out.extend_from_slice(piece))?;
    Ok(out)
}

/// Certificates of `KeyInfo/X509Data`, at least one and at most eight.
pub(crate) fn key_info_chain(signature: Node<'_>) -> Result<Vec<Bytes>, Error> {
    let data = signature.only(name::DS, "KeyInfo").and_then(|info| info.child(name::DS, "X509Data"));
    let data = data.ok_or(Error::Signature("no certificate in key info"))?;
    let chain: Result<Vec<_>, _> = data
        .each(name::DS, "X509Certificate")
        .take(9)
        .map(|certificate| decode_base64(certificate).map(Bytes::from))
        .collect();
    let chain = chain?;
    match chain.len() {
        0 => Err(Error::Signature("no certificate in key info")),
        1..=8 => Ok(chain),
        _ => Err(Error::Limit { what: "certificates in key info", limit: 8 }),
    }
}

/// Text of an element as base64; blanks anywhere are allowed.
pub(crate) fn decode_base64(node: Node<'_>) -> Result<Vec<u8>, Error> {
    let dense: Vec<u8> = node.text().bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(dense).map_err(|_| Error::Signature("base64 expected"))
}
