//! Signing an element that carries an `ID`.
//! In: the element as one document, a place, a key. Out: the same bytes with a `ds:Signature` added, once and for all.
//! Source: dmp-xds.md §5.4. SHA-256, exclusive C14N, the signer's certificate alone in KeyInfo.

use aws_lc_rs::digest;
use bytes::Bytes;

use super::{base64, key_info};
use crate::{
    Error, Limits,
    c14n::{self, Method},
    certificate::SigningIdentity,
    dom::Tree,
    name,
    text::push_attribute,
};

/// Where the signature goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Behind the first child: SAML wants it behind `Issuer`.
    AfterFirstChild,
    /// Behind the last child.
    Last,
}

/// Signs the root element, which must have an `ID`, and returns it with its signature.
/// The same input and key give the same bytes.
/// Errors: no `ID`, no child to stand behind, a signature already there, XML refused.
pub fn sign_enveloped(xml: &[u8], placement: Placement, identity: &SigningIdentity) -> Result<Bytes, Error> {
    let text = std::str::from_utf8(xml).map_err(|_| Error::Unwritable("an element that is not utf-8"))?;
    let limits = Limits::default();
    let tree = Tree::parse(text, &limits)?;
    let root = tree.root();
    let id = root.attribute("ID").ok_or(Error::Unwritable("an element without ID"))?;
    if tree.all().any(|node| node.is(name::DS, "Signature")) {
        return Err(Error::Unwritable("an element that is signed already"));
    }
    let mut children = root.children();
    let child = match placement {
        Placement::AfterFirstChild => children.next(),
        Placement::Last => children.last(),
    };
    let at = child.ok_or(Error::Unwritable("an element without children"))?.element().range.end;

    let mut context = digest::Context::new(&digest::SHA256);
    c14n::write(text, &Default::default(), &Method::EXCLUSIVE, &limits, &mut |piece| context.update(piece))?;
    let content = signed_info_content(id, context.finish().as_ref());
    // What a verifier canonicalises: the element with the namespace it inherits from ds:Signature.
    let canonical = format!("<ds:SignedInfo xmlns:ds=\"{}\">{content}</ds:SignedInfo>", name::DS);
    let signature = identity.sign_sha256(canonical.as_bytes())?;
    let signature = format!(
        "<ds:Signature xmlns:ds=\"{}\"><ds:SignedInfo>{content}</ds:SignedInfo>\
         <ds:SignatureValue>{}</ds:SignatureValue>{}</ds:Signature>",
        name::DS,
        base64(signature),
        key_info(&identity.chain()[..1]),
    );
    Ok([&text[..at], &signature, &text[at..]].concat().into())
}

/// Written in canonical form: start and end tags, no blank, attributes in order.
fn signed_info_content(id: &str, digest: &[u8]) -> String {
    let mut uri = String::new();
    push_attribute(&mut uri, id);
    format!(
        "<ds:CanonicalizationMethod Algorithm=\"{}\"></ds:CanonicalizationMethod>\
         <ds:SignatureMethod Algorithm=\"{}\"></ds:SignatureMethod>\
         <ds:Reference URI=\"#{uri}\"><ds:Transforms>\
         <ds:Transform Algorithm=\"{}\"></ds:Transform><ds:Transform Algorithm=\"{}\"></ds:Transform></ds:Transforms>\
         <ds:DigestMethod Algorithm=\"{}\"></ds:DigestMethod><ds:DigestValue>{}</ds:DigestValue></ds:Reference>",
        name::EXC_C14N,
        name::RSA_SHA256,
        name::ENVELOPED,
        name::EXC_C14N,
        name::SHA256,
        base64(digest),
    )
}
