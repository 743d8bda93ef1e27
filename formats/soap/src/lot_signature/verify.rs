//! Reading Signature01, ours and those of partners.
//! In: the signature, the lot it should cover. Out: findings, and the certificates for trust to judge.
//! Source: dmp-xds.md §6, SUB-09 of §10. Lenient where samples are: Id that is no xs:ID, order of objects, namespaces.

use bytes::Bytes;
use jonction_model::{DocumentUniqueId, Finding, Place, Severity};

use super::{MANIFEST_ID, NO_DIGEST, PURPOSE};
use crate::{
    Error, Limits,
    c14n::{self, Method, Selection},
    certificate::DistinguishedName,
    dom::{Node, Tree},
    limits::within,
    name, text,
    xmldsig::{
        DigestAlgorithm, SignatureAlgorithm, VerifyOptions, decode_base64, key_info_chain,
        refuse_ambiguous_ids, verify_with_certificate,
    },
};

/// A document that the manifest should name.
#[derive(Clone, Debug)]
pub struct ExpectedDocument {
    /// Its uniqueId.
    pub unique_id: DocumentUniqueId,
    /// Its bytes.
    pub bytes: Bytes,
}

/// What the signature should cover.
#[derive(Clone, Debug)]
pub struct ExpectedLot {
    /// uniqueId of the SubmissionSet.
    pub submission_set: DocumentUniqueId,
    /// Every document but the signature.
    pub documents: Vec<ExpectedDocument>,
}

/// What was seen.
#[derive(Clone, Debug)]
pub struct LotVerdict {
    /// What is wrong; empty when the signature covers the lot.
    pub findings: Vec<Finding>,
    /// Certificates of KeyInfo, signer first; empty when there is none. Not judged here: see `Trust::judge`.
    pub chain: Vec<Bytes>,
    /// Subject of the signer.
    pub subject: Option<DistinguishedName>,
    /// Whether SHA-1 was used anywhere.
    pub uses_sha1: bool,
}

/// Address of the check all findings belong to.
const CHECK: &str = "dmp/SUB-09";

/// Verifies a signature against its lot.
/// Errors: XML refused, limits. Everything else is a finding.
pub fn verify(xml: &[u8], expected: &ExpectedLot, options: &VerifyOptions) -> Result<LotVerdict, Error> {
    let source = text::decode(xml)?;
    let tree = Tree::parse(&source, &options.limits)?;
    let mut verdict = LotVerdict { findings: Vec::new(), chain: Vec::new(), subject: None, uses_sha1: false };
    if let Err(error) = signature(&source, &tree, options, &mut verdict) {
        match error {
            Error::Limit { .. } => return Err(error),
            // The reason is one of our own fixed texts, never a partner's.
            other => {
                verdict.fault("/ds:Signature", "la signature du lot ne se vérifie pas", &other.to_string())
            }
        }
    }
    manifest(&tree, expected, options, &mut verdict)?;
    properties(&tree, &mut verdict);
    if verdict.uses_sha1 {
        let severity = if options.reject_sha1 { Severity::Error } else { Severity::Warning };
        let sentence = "la signature du lot emploie SHA-1";
        verdict.findings.push(
            Finding::new(severity, CHECK, sentence)
                .at(Place::path("/ds:Signature/ds:SignedInfo"))
                .remedy("signer en rsa-sha256")
                .requirement("dmp-xds.md §6"),
        );
    }
    Ok(verdict)
}

impl LotVerdict {
    fn fault(&mut self, path: &str, sentence: &str, found: &str) {
        let mut finding = Finding::error(CHECK, sentence).at(Place::path(path)).requirement("dmp-xds.md §6");
        if !found.is_empty() {
            finding.found = Some(found.to_owned());
        }
        self.findings.push(finding);
    }
}

/// The signature value, and the digests of what is inside.
fn signature(
    source: &str,
    tree: &Tree,
    options: &VerifyOptions,
    verdict: &mut LotVerdict,
) -> Result<(), Error> {
    let root = tree.root();
    if !root.is(name::DS, "Signature") {
        return Err(Error::Signature("the root element is no signature"));
    }
    refuse_ambiguous_ids(tree)?;
    verdict.chain = key_info_chain(root)?;
    let certificate = crate::certificate::parse(&verdict.chain[0])?;
    verdict.subject = Some(DistinguishedName::subject(&certificate));
    let signed_info = root.only(name::DS, "SignedInfo").ok_or(Error::Signature("no signed info"))?;
    let method = algorithm(signed_info, "CanonicalizationMethod")?;
    let method = Method::of(method).ok_or(Error::Signature("unknown canonicalization"))?;
    let algorithm = SignatureAlgorithm::of(algorithm(signed_info, "SignatureMethod")?)?;
    verdict.uses_sha1 |= algorithm.sha1;
    let value = root.only(name::DS, "SignatureValue").ok_or(Error::Signature("no signature value"))?;
    let signed = part(source, signed_info, &method, &options.limits)?;
    verify_with_certificate(algorithm, &verdict.chain[0], &signed, &decode_base64(value)?)?;

    let mut covered = Vec::new();
    for reference in signed_info.each(name::DS, "Reference") {
        within("references of a lot signature", covered.len() + 1, options.limits.references_max)?;
        let id = reference.attribute("URI").and_then(|uri| uri.strip_prefix('#')).filter(|id| !id.is_empty());
        let id = id.ok_or(Error::Signature("a reference outside of the signature"))?;
        let target = tree.all().find(|node| node.attribute("Id") == Some(id));
        let target = target.ok_or(Error::Signature("a reference to nothing"))?;
        let digest = DigestAlgorithm::of(self::algorithm(reference, "DigestMethod")?)?;
        verdict.uses_sha1 |= digest.sha1;
        let bytes = part(source, target, &reference_method(reference)?, &options.limits)?;
        let value = reference.only(name::DS, "DigestValue").ok_or(Error::Signature("no digest value"))?;
        if !digest.matches(&bytes, &decode_base64(value)?) {
            return Err(Error::Signature("a part is not the one that was signed"));
        }
        covered.push(target);
    }
    let covers =
        |local: &str, ns: &str| covered.iter().any(|node| node.is(ns, local) && is_signed_part(*node, root));
    if !covers("Manifest", name::DS) || !covers("SignedProperties", name::XADES) {
        return Err(Error::Signature("the manifest or the signed properties are not signed"));
    }
    Ok(())
}

/// Whether a node stands where a signed part belongs: below a `ds:Object` of the root.
fn is_signed_part(node: Node<'_>, root: Node<'_>) -> bool {
    let holder = match node.is(name::XADES, "SignedProperties") {
        true => node.parent().filter(|parent| parent.is(name::XADES, "QualifyingProperties")),
        false => Some(node),
    };
    let object = holder.and_then(Node::parent).filter(|object| object.is(name::DS, "Object"));
    object.and_then(Node::parent).is_some_and(|parent| parent.same(root))
}

fn algorithm<'t>(node: Node<'t>, local: &str) -> Result<&'t str, Error> {
    let found = node.only(name::DS, local).and_then(|node| node.attribute("Algorithm"));
    found.ok_or(Error::Signature("an algorithm is missing"))
}

/// Without transform: inclusive C14N. With one: that canonicalisation.
fn reference_method(reference: Node<'_>) -> Result<Method, Error> {
    let Some(transforms) = reference.only(name::DS, "Transforms") else { return Ok(Method::INCLUSIVE) };
    let transform = transforms.only(name::DS, "Transform").and_then(|node| node.attribute("Algorithm"));
    transform.and_then(Method::of).ok_or(Error::Signature("unknown transform"))
}

fn part(source: &str, node: Node<'_>, method: &Method, limits: &Limits) -> Result<Vec<u8>, Error> {
    let selection = Selection { only: Some(node.element().range.clone()), without: None };
    let mut out = Vec::new();
    c14n::write(source, &selection, method, limits, &mut |piece| out.extend_from_slice(piece))?;
    Ok(out)
}

/// The manifest names the submission, and every document with its digest.
fn manifest(
    tree: &Tree,
    expected: &ExpectedLot,
    options: &VerifyOptions,
    verdict: &mut LotVerdict,
) -> Result<(), Error> {
    const PATH: &str = "/ds:Signature/ds:Object/ds:Manifest";
    let mut manifests = tree.all().filter(|node| node.is(name::DS, "Manifest"));
    let (Some(manifest), None) = (manifests.next(), manifests.next()) else {
        verdict.fault(PATH, "la signature du lot ne contient pas exactement un manifeste", "");
        return Ok(());
    };
    if manifest.attribute("Id") != Some(MANIFEST_ID) {
        verdict.fault(PATH, "le manifeste ne porte pas l'Id IHEManifest", "");
    }
    let references: Vec<_> = manifest.each(name::DS, "Reference").collect();
    within("references of a lot signature", references.len(), options.limits.references_max)?;
    let named = |id: &DocumentUniqueId| {
        let uri = format!("urn:oid:{}", id.to_xds());
        references.iter().position(|reference| reference.attribute("URI") == Some(&uri))
    };
    let submission_set = named(&expected.submission_set);
    match submission_set {
        None => verdict.fault(PATH, "le manifeste ne cite pas le SubmissionSet", ""),
        Some(at) => {
            if at != 0 {
                verdict.fault(PATH, "le SubmissionSet n'est pas la première référence du manifeste", "");
            }
            let value = references[at].only(name::DS, "DigestValue").map_or("", Node::text);
            if value != NO_DIGEST {
                verdict.fault(PATH, "la référence du SubmissionSet ne porte pas la valeur convenue AA==", "");
            }
        }
    }
    let mut seen = usize::from(submission_set.is_some());
    for document in &expected.documents {
        let Some(at) = named(&document.unique_id) else {
            verdict.fault(PATH, "le manifeste ne cite pas un document du lot", &document.unique_id.to_xds());
            continue;
        };
        seen += 1;
        match document_matches(references[at], &document.bytes, options, verdict) {
            Ok(true) => {}
            Ok(false) => {
                let sentence = "l'empreinte d'un document dans le manifeste n'est pas celle du document reçu";
                verdict.fault(PATH, sentence, &document.unique_id.to_xds());
            }
            Err(error @ Error::Limit { .. }) => return Err(error),
            Err(error) => {
                verdict.fault(
                    PATH,
                    "l'empreinte d'un document ne peut pas être vérifiée",
                    &error.to_string(),
                );
            }
        }
    }
    if references.len() > seen {
        verdict.fault(PATH, "le manifeste cite plus d'objets que le lot n'en contient", "");
    }
    Ok(())
}

fn document_matches(
    reference: Node<'_>,
    bytes: &[u8],
    options: &VerifyOptions,
    verdict: &mut LotVerdict,
) -> Result<bool, Error> {
    let digest = DigestAlgorithm::of(algorithm(reference, "DigestMethod")?)?;
    verdict.uses_sha1 |= digest.sha1;
    let value = reference.only(name::DS, "DigestValue").ok_or(Error::Signature("no digest value"))?;
    let value = decode_base64(value)?;
    // Here a missing transform means the bytes themselves: the target is a document, not a node.
    if reference.child(name::DS, "Transforms").is_none() {
        return Ok(digest.matches(bytes, &value));
    }
    let computed = c14n::digest(bytes, &reference_method(reference)?, digest.digest, &options.limits)?;
    Ok(computed.as_ref() == value)
}

/// Purpose and XAdES properties.
fn properties(tree: &Tree, verdict: &mut LotVerdict) {
    let purpose = tree.all().find(|node| node.attribute("Id") == Some("purposeOfSignature"));
    // A published sample resets the namespace of SignatureProperty: any is accepted.
    if purpose.map(Node::deep_text).as_deref() != Some(PURPOSE) {
        let path = "/ds:Signature/ds:Object/ds:SignatureProperties";
        verdict.fault(path, "l'objet de la signature n'est pas 1.2.840.10065.1.12.1.14", "");
    }
    let path = "/ds:Signature/ds:Object/xad:QualifyingProperties";
    let has = |local: &str| tree.all().any(|node| node.is(name::XADES, local));
    for required in ["SigningTime", "SigningCertificate", "SignaturePolicyIdentifier"] {
        if !has(required) {
            verdict.fault(path, "une propriété XAdES obligatoire manque", required);
        }
    }
    // The certificate that signed must be the one that the signed properties name.
    let Some(signer) = verdict.chain.first() else { return };
    let named = tree.all().filter(|node| node.is(name::XADES, "CertDigest")).any(|node| {
        let method = node.child(name::XADES, "DigestMethod").and_then(|node| node.attribute("Algorithm"));
        let digest = method.and_then(|method| DigestAlgorithm::of(method).ok());
        let value = node.child(name::XADES, "DigestValue").and_then(|node| decode_base64(node).ok());
        matches!((digest, value), (Some(digest), Some(value)) if digest.matches(signer, &value))
    });
    if !named && has("SigningCertificate") {
        verdict.fault(path, "le certificat de la signature n'est pas celui que ses propriétés annoncent", "");
    }
}
