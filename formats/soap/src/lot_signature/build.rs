//! Writing Signature01.
//! In: a lot. Out: the same bytes for the same lot, time and key.
//! Source: dmp-xds.md §6. Every part is written in canonical form: what is digested is what is written.

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::{DocumentUniqueId, clock::paris};

use super::{DocumentDigest, MANIFEST_ID, MANIFEST_TYPE, NO_DIGEST, PROPERTIES_ID, PROPERTIES_TYPE, PURPOSE};
use crate::{
    Error,
    certificate::{self, DistinguishedName, SigningIdentity},
    name,
    text::{is_xml_text, push_attribute, push_text},
    xmldsig::{base64, key_info},
};

/// A document of the lot.
#[derive(Clone, Debug)]
pub struct SignedDocument {
    /// Its uniqueId.
    pub unique_id: DocumentUniqueId,
    /// Its digest.
    pub digest: DocumentDigest,
}

/// What is signed.
#[derive(Clone, Debug)]
pub struct LotSignature<'a> {
    /// Id of the `ds:Signature` element: `_` and a UUID.
    pub id: &'a str,
    /// uniqueId of the SubmissionSet.
    pub submission_set: &'a DocumentUniqueId,
    /// Every document of the lot but this signature.
    pub documents: &'a [SignedDocument],
    /// When; also creationTime of the Signature01 entry.
    pub signing_time: Timestamp,
    /// Whether the intermediates go with the signer's certificate, in KeyInfo and SigningCertificate.
    pub with_chain: bool,
}

/// Writes and signs.
/// Errors: an identifier that XML cannot carry or that is no xs:ID, a certificate of the chain that cannot be read.
pub fn build(lot: &LotSignature<'_>, identity: &SigningIdentity) -> Result<Bytes, Error> {
    if !lot.id.starts_with('_') || !lot.id.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)) {
        return Err(Error::Unwritable("a signature id that is no xs:ID"));
    }
    let chain = if lot.with_chain { identity.chain() } else { &identity.chain()[..1] };
    let manifest = manifest(lot)?;
    let properties = signed_properties(lot.signing_time, chain)?;
    // Namespaces in scope at each part, as inclusive C14N writes them on it.
    let ds = format!(" xmlns:ds=\"{}\"", name::DS);
    let xades = format!("{ds} xmlns:xad=\"{}\"", name::XADES);
    let digest_of = |part: &str, opening: &str, namespaces: &str| {
        base64(digest(&SHA256, part.replacen(opening, &format!("{opening}{namespaces}"), 1).as_bytes()))
    };
    let signed_info = signed_info(
        &digest_of(&manifest, "<ds:Manifest", &ds),
        &digest_of(&properties, "<xad:SignedProperties", &xades),
    );
    let canonical = signed_info.replacen("<ds:SignedInfo", &format!("<ds:SignedInfo{ds}"), 1);
    let value = base64(identity.sign_sha256(canonical.as_bytes())?);
    let id = lot.id;
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ds:Signature{ds} Id=\"{id}\">{signed_info}\
         <ds:SignatureValue>{value}</ds:SignatureValue>{key_info}<ds:Object>{manifest}</ds:Object>\
         <ds:Object><ds:SignatureProperties><ds:SignatureProperty Id=\"purposeOfSignature\" Target=\"#{id}\">{PURPOSE}\
         </ds:SignatureProperty></ds:SignatureProperties></ds:Object>\
         <ds:Object><xad:QualifyingProperties xmlns:xad=\"{xades_ns}\" Target=\"#{id}\">{properties}\
         </xad:QualifyingProperties></ds:Object></ds:Signature>",
        key_info = key_info(chain),
        xades_ns = name::XADES,
    )
    .into())
}

fn signed_info(manifest_digest: &str, properties_digest: &str) -> String {
    let reference = |kind: &str, id: &str, digest: &str| {
        format!(
            "<ds:Reference Type=\"{kind}\" URI=\"#{id}\"><ds:DigestMethod Algorithm=\"{}\"></ds:DigestMethod>\
             <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>",
            name::SHA256
        )
    };
    format!(
        "<ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{}\"></ds:CanonicalizationMethod>\
         <ds:SignatureMethod Algorithm=\"{}\"></ds:SignatureMethod>{}{}</ds:SignedInfo>",
        name::C14N_COMMENTS,
        name::RSA_SHA256,
        reference(MANIFEST_TYPE, MANIFEST_ID, manifest_digest),
        reference(PROPERTIES_TYPE, PROPERTIES_ID, properties_digest),
    )
}

fn manifest(lot: &LotSignature<'_>) -> Result<String, Error> {
    let mut out = format!("<ds:Manifest Id=\"{MANIFEST_ID}\">");
    reference(&mut out, lot.submission_set, "", NO_DIGEST)?;
    for document in lot.documents {
        let transform = format!(
            "<ds:Transforms><ds:Transform Algorithm=\"{}\"></ds:Transform></ds:Transforms>",
            name::C14N_COMMENTS
        );
        match &document.digest {
            DocumentDigest::CanonicalXml(digest) => {
                reference(&mut out, &document.unique_id, &transform, &base64(digest))?;
            }
            DocumentDigest::Raw(digest) => reference(&mut out, &document.unique_id, "", &base64(digest))?,
        }
    }
    out.push_str("</ds:Manifest>");
    Ok(out)
}

fn reference(out: &mut String, id: &DocumentUniqueId, transforms: &str, digest: &str) -> Result<(), Error> {
    let id = id.to_xds();
    if !is_xml_text(&id) {
        return Err(Error::Unwritable("a control character in a unique id"));
    }
    out.push_str("<ds:Reference URI=\"urn:oid:");
    push_attribute(out, &id);
    out.push_str(&format!(
        "\">{transforms}<ds:DigestMethod Algorithm=\"{}\"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue>\
         </ds:Reference>",
        name::SHA256
    ));
    Ok(())
}

fn signed_properties(signing_time: Timestamp, chain: &[Bytes]) -> Result<String, Error> {
    let time = signing_time.to_zoned_datetime(paris()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    let mut certificates = String::new();
    for der in chain {
        let certificate = certificate::parse(der)?;
        let mut issuer = String::new();
        push_text(&mut issuer, &DistinguishedName::issuer(&certificate).to_rfc2253());
        certificates.push_str(&format!(
            "<xad:Cert><xad:CertDigest><xad:DigestMethod Algorithm=\"{}\"></xad:DigestMethod>\
             <xad:DigestValue>{}</xad:DigestValue></xad:CertDigest><xad:IssuerSerial>\
             <ds:X509IssuerName>{issuer}</ds:X509IssuerName><ds:X509SerialNumber>{}</ds:X509SerialNumber>\
             </xad:IssuerSerial></xad:Cert>",
            name::SHA256,
            base64(digest(&SHA256, der)),
            certificate.serial.to_str_radix(10),
        ));
    }
    Ok(format!(
        "<xad:SignedProperties Id=\"{PROPERTIES_ID}\"><xad:SignedSignatureProperties>\
         <xad:SigningTime>{time}</xad:SigningTime><xad:SigningCertificate>{certificates}</xad:SigningCertificate>\
         <xad:SignaturePolicyIdentifier><xad:SignaturePolicyImplied></xad:SignaturePolicyImplied>\
         </xad:SignaturePolicyIdentifier></xad:SignedSignatureProperties>\
         <xad:SignedDataObjectProperties></xad:SignedDataObjectProperties></xad:SignedProperties>"
    ))
}
