//! A received VIHF, read without judging it.
//! In: the assertion as a document, trust, context. Out: what checks look at.
//! Source: dmp-xds.md §5.2, §5.3. When the signature holds, everything is read from the bytes that were signed.

use jiff::Timestamp;
use jonction_model::{CodedValue, InsDomain, Masked, StructureId};

use super::{Mode, attribute};
use crate::{
    Error,
    certificate::{self, CertificateFault, DistinguishedName, Trust},
    dom::{Node, Tree},
    name, text,
    xmldsig::{SignedNode, VerifyOptions, verify_enveloped},
};

/// What the receiver knows beside the assertion.
#[derive(Clone, Debug)]
pub struct VihfContext {
    /// Now.
    pub now: Timestamp,
    /// Allowed distance between now and IssueInstant, in seconds. The DMP's own is unconfirmed; 300 by default.
    pub skew_seconds_max: i64,
    /// Accepted values of VIHF_Version.
    pub versions: Vec<String>,
    /// Whether the transaction concerns a patient: resource-id is then required.
    pub concerns_patient: bool,
    /// Whether the transaction is a feeding (TD2.1, TD2.2), refused to AIR.
    pub feeding: bool,
    /// How many assertions the request carried.
    pub assertions: usize,
    /// Whether an assertion of this ID was received before. The receiver remembers IDs.
    pub replayed: bool,
    /// Sites (EG) declared for the legal entities (EJ) of certificates: (structure of the certificate, site).
    pub declared_sites: Vec<(String, String)>,
}

impl VihfContext {
    /// A feeding of a patient's DMP with one assertion, never seen before.
    pub fn feeding(now: Timestamp) -> Self {
        Self {
            now,
            skew_seconds_max: 300,
            versions: vec!["3.0".to_owned(), "4.0".to_owned()],
            concerns_patient: true,
            feeding: true,
            assertions: 1,
            replayed: false,
            declared_sites: Vec::new(),
        }
    }
}

/// One attribute, with the text of each of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeView {
    /// Name.
    pub name: String,
    /// Values: the text, empty for coded ones.
    pub values: Vec<Masked<String>>,
    /// Coded values (`Role`, `PurposeOfUse`).
    pub codes: Vec<CodedValue>,
}

/// A received VIHF. Everything may be missing or wrong: checks say so.
#[derive(Clone, Debug)]
pub struct VihfView {
    /// What the receiver knows.
    pub context: VihfContext,
    /// Whether the root is a SAML 2.0 assertion.
    pub is_assertion: bool,
    /// @ID.
    pub id: String,
    /// @Version.
    pub version: String,
    /// @IssueInstant as written.
    pub issue_instant_text: String,
    /// @IssueInstant, when it is a time in UTC.
    pub issue_instant: Option<Timestamp>,
    /// NotBefore and NotOnOrAfter, when given and readable.
    pub conditions: (Option<Timestamp>, Option<Timestamp>),
    /// Issuer.
    pub issuer: String,
    /// Issuer/@Format.
    pub issuer_format: String,
    /// NameID.
    pub name_id: Masked<String>,
    /// AuthnContextClassRef.
    pub authn_context: String,
    /// AuthnContextDecl.
    pub authn_context_decl: Option<String>,
    /// @AuthnInstant.
    pub authn_instant: Option<Timestamp>,
    /// Attributes, in order.
    pub attributes: Vec<AttributeView>,
    /// The signature, or why it does not hold.
    pub signature: Result<SignedNode, Error>,
    /// Subject of the certificate shown, when there is one that can be read.
    pub subject: Option<DistinguishedName>,
    /// What trust says of the certificate; `None` when none can be found.
    pub certificate: Option<Result<(), CertificateFault>>,
}

/// Reads an assertion (see [`crate::envelope::Message::assertions`]).
/// Errors: XML refused, limits. Everything else is left to the checks.
pub fn view(
    xml: &[u8],
    trust: &Trust,
    options: &VerifyOptions,
    context: VihfContext,
) -> Result<VihfView, Error> {
    let signature = verify_enveloped(xml, options);
    let (chain, canonical) = match &signature {
        Ok(node) => (node.chain.clone(), Some(node.canonical.clone())),
        Err(_) => (shown_chain(xml, options)?, None),
    };
    let source = text::decode(canonical.as_deref().unwrap_or(xml))?;
    let tree = Tree::parse(&source, &options.limits)?;
    let root = tree.root();
    let statement = root.child(name::SAML2, "AuthnStatement");
    let authn = statement.and_then(|statement| statement.child(name::SAML2, "AuthnContext"));
    let issuer = root.child(name::SAML2, "Issuer");
    let conditions = root.child(name::SAML2, "Conditions");
    let condition =
        |local| conditions.and_then(|node| node.attribute(local)).and_then(|text| text.parse().ok());
    let own = |local| root.attribute(local).unwrap_or_default().to_owned();
    let issue_instant_text = own("IssueInstant");
    let certificate = chain.first().map(|_| trust.judge(&chain, context.now));
    let shown = chain.first().and_then(|der| certificate::parse(der).ok());
    let subject = shown.map(|shown| DistinguishedName::subject(&shown));
    let subject_node = root.child(name::SAML2, "Subject").and_then(|node| node.child(name::SAML2, "NameID"));
    Ok(VihfView {
        is_assertion: root.is(name::SAML2, "Assertion"),
        id: own("ID"),
        version: own("Version"),
        issue_instant: issue_instant_text.parse().ok().filter(|_| issue_instant_text.ends_with('Z')),
        issue_instant_text,
        conditions: (condition("NotBefore"), condition("NotOnOrAfter")),
        issuer: issuer.map_or("", Node::text).to_owned(),
        issuer_format: issuer.and_then(|node| node.attribute("Format")).unwrap_or_default().to_owned(),
        name_id: subject_node.map_or("", Node::text).into(),
        authn_context: authn
            .and_then(|node| node.child(name::SAML2, "AuthnContextClassRef"))
            .map_or("", Node::text)
            .to_owned(),
        authn_context_decl: authn
            .and_then(|node| node.child(name::SAML2, "AuthnContextDecl"))
            .map(Node::deep_text),
        authn_instant: statement
            .and_then(|node| node.attribute("AuthnInstant"))
            .and_then(|text| text.parse().ok()),
        attributes: attributes(root),
        signature,
        subject,
        certificate,
        context,
    })
}

/// Certificates shown by a signature that does not hold, so that their own faults are still told.
fn shown_chain(xml: &[u8], options: &VerifyOptions) -> Result<Vec<bytes::Bytes>, Error> {
    let source = text::decode(xml)?;
    let tree = Tree::parse(&source, &options.limits)?;
    let signature = tree.root().child(name::DS, "Signature");
    Ok(signature.and_then(|node| crate::xmldsig::key_info_chain(node).ok()).unwrap_or_default())
}

fn attributes(root: Node<'_>) -> Vec<AttributeView> {
    let statements = root.each(name::SAML2, "AttributeStatement");
    let attributes = statements.flat_map(|statement| statement.each(name::SAML2, "Attribute"));
    attributes
        .map(|node| {
            let mut view = AttributeView {
                name: node.attribute("Name").unwrap_or_default().to_owned(),
                values: Vec::new(),
                codes: Vec::new(),
            };
            for value in node.each(name::SAML2, "AttributeValue") {
                view.values.push(value.text().into());
                view.codes
                    .extend(value.children().filter(|child| child.element().ns == name::HL7).map(coded));
            }
            view
        })
        .collect()
}

fn coded(node: Node<'_>) -> CodedValue {
    let attribute = |local| node.attribute(local).unwrap_or_default().to_owned();
    CodedValue { code: attribute("code"), system: attribute("codeSystem"), label: attribute("displayName") }
}

impl VihfView {
    /// Whether the signature holds and its certificate is trusted: without that, nothing it says may be acted upon.
    pub fn is_authentic(&self) -> bool {
        self.signature.is_ok() && self.certificate == Some(Ok(()))
    }

    /// Every attribute of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a AttributeView> {
        self.attributes.iter().filter(move |attribute| attribute.name == name)
    }

    /// The first value of the first attribute of this name, without blanks around; empty when there is none.
    pub fn value(&self, name: &str) -> &str {
        let attribute = self.attributes.iter().find(|attribute| attribute.name == name);
        attribute.and_then(|attribute| attribute.values.first()).map_or("", |value| value.expose().trim())
    }

    /// Structure, as written.
    pub fn structure(&self) -> Option<StructureId> {
        Some(self.value(attribute::STRUCTURE)).filter(|id| !id.is_empty()).map(StructureId::prefixed)
    }

    /// Roles, in order.
    pub fn roles(&self) -> impl Iterator<Item = &CodedValue> {
        self.all(attribute::ROLE).flat_map(|attribute| &attribute.codes)
    }

    /// Mode, whatever its spelling.
    pub fn mode(&self) -> Option<Mode> {
        let lower = self.value(attribute::MODE);
        Mode::parse(if lower.is_empty() { self.value(attribute::MODE_UPPER) } else { lower })
    }

    /// Patient as CX, when given.
    pub fn patient_cx(&self) -> Option<&str> {
        Some(self.value(attribute::RESOURCE_ID)).filter(|cx| !cx.is_empty())
    }

    /// The patient's register and matricule text, when the CX has the form `INS^^^&OID&ISO^NH` and a known register.
    pub fn patient(&self) -> Option<(InsDomain, Masked<String>)> {
        let (number, rest) = self.patient_cx()?.split_once("^^^&")?;
        let (oid, rest) = rest.split_once("&ISO^NH")?;
        // Samples append a start date behind two more components.
        if !(rest.is_empty() || rest.starts_with('^')) {
            return None;
        }
        Some((InsDomain::of(oid)?, number.into()))
    }

    /// OU of the signing certificate.
    pub fn certificate_structures(&self) -> impl Iterator<Item = &str> {
        self.subject.iter().flat_map(|subject| subject.values("2.5.4.11"))
    }
}
