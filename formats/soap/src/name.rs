//! Names fixed by the standards: namespaces, algorithms, attribute names.
//! In → out: constants. Sources: dmp-xds.md §3, §5.3, §5.4 and §6.

/// SOAP 1.2 envelope.
pub const SOAP_12: &str = "http://www.w3.org/2003/05/soap-envelope";
/// SOAP 1.1 envelope, only read.
pub const SOAP_11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// WS-Addressing 1.0.
pub const WSA: &str = "http://www.w3.org/2005/08/addressing";
/// The anonymous address of WS-Addressing.
pub const WSA_ANONYMOUS: &str = "http://www.w3.org/2005/08/addressing/anonymous";
/// Action of a fault.
pub const WSA_FAULT: &str = "http://www.w3.org/2005/08/addressing/fault";
/// WS-Security header.
pub const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
/// SAML 2.0 assertion.
pub const SAML2: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// XML signature.
pub const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
/// XML Schema instance.
pub const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// XML Schema.
pub const XS: &str = "http://www.w3.org/2001/XMLSchema";
/// HL7 version 3.
pub const HL7: &str = "urn:hl7-org:v3";
/// XOP include.
pub const XOP: &str = "http://www.w3.org/2004/08/xop/include";
/// XAdES 1.1.1.
pub const XADES: &str = "http://uri.etsi.org/01903/v1.1.1#";
/// XDS.b (`Document`, `ProvideAndRegisterDocumentSetRequest`).
pub const XDSB: &str = "urn:ihe:iti:xds-b:2007";
/// ebRIM 3.0.
pub const RIM: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0";

pub(crate) const XML: &str = "http://www.w3.org/XML/1998/namespace";
pub(crate) const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// Inclusive C14N 1.0 without comments.
pub const C14N: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
/// Inclusive C14N 1.0 with comments.
pub const C14N_COMMENTS: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments";
/// Exclusive C14N without comments; also the namespace of `InclusiveNamespaces`.
pub const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// Exclusive C14N with comments.
pub const EXC_C14N_COMMENTS: &str = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments";
/// Transform that takes the signature out of what it signs.
pub const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// RSA PKCS#1 v1.5 with SHA-256.
pub const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
/// RSA PKCS#1 v1.5 with SHA-1, only read.
pub const RSA_SHA1: &str = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";
/// SHA-256.
pub const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
/// SHA-1, only read.
pub const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
