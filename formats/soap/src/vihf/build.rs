//! Building and signing a VIHF.
//! In: typed values, a dialect, a signing identity. Out: the signed assertion, serialised once.
//! Source: dmp-xds.md §5.1 to §5.4.

use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::{CodedValue, InsIdentity, Masked, StructureId};

use super::{PURPOSE_SYSTEM, SECTOR_SYSTEM, X509_SUBJECT_NAME, attribute};
use crate::{
    Error,
    certificate::SigningIdentity,
    name,
    text::{is_xml_text, push_attribute, push_text},
    xmldsig::{Placement, sign_enveloped},
};

/// How the person is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// By their own card: CPS.
    Directe,
    /// By the structure.
    Indirecte,
    /// By the structure with a strong authentication of the person (AIR).
    IndirecteRenforcee,
}

impl Mode {
    /// Value of the attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Directe => "DIRECTE",
            Self::Indirecte => "INDIRECTE",
            Self::IndirecteRenforcee => "INDIRECTE_RENFORCEE",
        }
    }

    /// From the value of the attribute.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Directe, Self::Indirecte, Self::IndirecteRenforcee]
            .into_iter()
            .find(|mode| mode.as_str() == text)
    }
}

/// Why the DMP is accessed (TRE_R248).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Accès normal.
    #[default]
    Normal,
    /// Accès en bris de glace.
    BrisDeGlace,
    /// Accès par un centre de régulation médicale.
    Centre15,
}

impl Purpose {
    /// Code and label.
    pub fn code(self) -> (&'static str, &'static str) {
        match self {
            Self::Normal => ("normal", "Accès normal"),
            Self::BrisDeGlace => ("bris_de_glace", "Accès en bris de glace"),
            Self::Centre15 => ("centre_15", "Accès par un centre de régulation médicale"),
        }
    }

    /// From its code.
    pub fn parse(code: &str) -> Option<Self> {
        [Self::Normal, Self::BrisDeGlace, Self::Centre15].into_iter().find(|purpose| purpose.code().0 == code)
    }
}

/// The software that connects, as it was homologated. Settings of the route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lps {
    /// Instance, when the structure numbers its instances.
    pub id: Option<String>,
    /// Product name.
    pub name: String,
    /// Product version.
    pub version: String,
    /// Homologation number given by the GIE SESAM-Vitale.
    pub homologation: String,
}

/// Spelling of the mode attribute: sources disagree (dmp-xds.md §5.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModeSpelling {
    /// `Authentification_mode`: published messages.
    #[default]
    Lower,
    /// `Authentification_Mode`: DRIMbox and the 2026 mapping page.
    Upper,
}

/// What homologation will settle, hence settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// `3.0` in every message seen; a 2026 table says `4.0`. Unconfirmed.
    pub vihf_version: String,
    /// Unconfirmed.
    pub mode_spelling: ModeSpelling,
    /// Whether text values carry `xsi:type="xs:string"`: in 2019 messages, not in later ones.
    pub typed_values: bool,
    /// `urn:dmp`; ROR has another one.
    pub resource_urn: String,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            vihf_version: "3.0".to_owned(),
            mode_spelling: ModeSpelling::Lower,
            typed_values: false,
            resource_urn: "urn:dmp".to_owned(),
        }
    }
}

/// Everything a VIHF says. One per request: never reused.
#[derive(Clone, Debug)]
pub struct Vihf {
    /// `_` and a UUID.
    pub id: String,
    /// Now.
    pub issue_instant: Timestamp,
    /// Mode.
    pub mode: Mode,
    /// PS_IdNat, internal identifier, or the person responsible for an automaton.
    pub name_id: Masked<String>,
    /// `urn:oasis:names:tc:SAML:2.0:ac:classes:…`.
    pub authn_context: String,
    /// AIR only, mandatory there.
    pub authn_context_decl: Option<String>,
    /// When the person authenticated; now for an automaton.
    pub authn_instant: Timestamp,
    /// Structure with its prefix: that of the signing certificate, or one of its sites.
    pub structure: StructureId,
    /// Sector of activity: `SA41`.
    pub sector: String,
    /// Profession, then the specialty of a doctor or the section of a pharmacist. One or two.
    pub roles: Vec<CodedValue>,
    /// Full name, or "software, model, service" of an automaton. Absent in direct mode only.
    pub subject_id: Option<Masked<String>>,
    /// Patient, when one is concerned.
    pub patient: Option<InsIdentity>,
    /// Purpose.
    pub purpose: Purpose,
    /// Value of the connexion secrète attribute; unconfirmed, hence a setting.
    pub secret_connection: Option<String>,
    /// Software.
    pub lps: Lps,
}

/// Role code of an automaton.
pub const AUTOMATE: &str = "AUTOMATE";
const AUTOMATE_SYSTEM: &str = "1.2.250.1.213.1.1.4.6";
/// Authentication context of an automaton.
pub const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified";

/// What the VIHF of an automatic feeding is made of.
#[derive(Clone, Debug)]
pub struct Automate<'a> {
    /// `_` and a UUID.
    pub id: String,
    /// Now.
    pub now: Timestamp,
    /// Identifier of the person responsible for the processing: the NameID.
    pub responsible: &'a str,
    /// "software name, model name, service": the subject-id.
    pub names: &'a str,
    /// Structure with its prefix.
    pub structure: StructureId,
    /// Sector of activity, configured in the gateway: `SA41`.
    pub sector: &'a str,
    /// Patient.
    pub patient: Option<InsIdentity>,
    /// The gateway itself.
    pub lps: Lps,
}

impl Vihf {
    /// The VIHF of an automatic feeding: indirect mode, role AUTOMATE, unspecified authentication.
    /// Source: dmp-xds.md §5.1, case "automate".
    pub fn automate(automate: Automate<'_>) -> Self {
        Self {
            id: automate.id,
            issue_instant: automate.now,
            mode: Mode::Indirecte,
            name_id: automate.responsible.into(),
            authn_context: UNSPECIFIED.to_owned(),
            authn_context_decl: None,
            authn_instant: automate.now,
            structure: automate.structure,
            sector: automate.sector.to_owned(),
            roles: vec![CodedValue {
                code: AUTOMATE.to_owned(),
                system: AUTOMATE_SYSTEM.to_owned(),
                label: "Automate".to_owned(),
            }],
            subject_id: Some(automate.names.into()),
            patient: automate.patient,
            purpose: Purpose::Normal,
            secret_connection: None,
            lps: automate.lps,
        }
    }

    /// Serialises and signs. Insert the bytes as they are: the signature covers them.
    /// Errors: a value that XML cannot carry, an identifier that is no xs:ID.
    pub fn sign(&self, dialect: &Dialect, identity: &SigningIdentity) -> Result<SignedVihf, Error> {
        let xml = self.to_xml(dialect, identity)?;
        let bytes = sign_enveloped(xml.as_bytes(), Placement::AfterFirstChild, identity)?;
        Ok(SignedVihf { id: self.id.clone(), bytes })
    }

    fn to_xml(&self, dialect: &Dialect, identity: &SigningIdentity) -> Result<String, Error> {
        let starts = self.id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !starts || !self.id.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)) {
            return Err(Error::Unwritable("an assertion id that is no xs:ID"));
        }
        let mut out =
            Out { text: String::with_capacity(6 * 1024), typed: dialect.typed_values, illegal: false };
        out.raw(&format!("<saml2:Assertion xmlns:saml2=\"{}\" xmlns:xsi=\"{}\"", name::SAML2, name::XSI));
        out.attribute("ID", &self.id);
        out.attribute("IssueInstant", &instant(self.issue_instant));
        out.raw(" Version=\"2.0\"><saml2:Issuer");
        out.attribute("Format", X509_SUBJECT_NAME);
        out.raw(">");
        out.text(&identity.subject().to_rfc2253());
        out.raw("</saml2:Issuer><saml2:Subject><saml2:NameID>");
        out.text(self.name_id.expose());
        out.raw("</saml2:NameID></saml2:Subject><saml2:AuthnStatement");
        out.attribute("AuthnInstant", &instant(self.authn_instant));
        out.raw("><saml2:AuthnContext>");
        out.element("saml2:AuthnContextClassRef", &self.authn_context);
        if let Some(declaration) = &self.authn_context_decl {
            out.element("saml2:AuthnContextDecl", declaration);
        }
        out.raw("</saml2:AuthnContext></saml2:AuthnStatement><saml2:AttributeStatement>");
        self.attributes(dialect, &mut out);
        out.raw("</saml2:AttributeStatement></saml2:Assertion>");
        if out.illegal { Err(Error::Unwritable("a control character in a vihf")) } else { Ok(out.text) }
    }

    fn attributes(&self, dialect: &Dialect, out: &mut Out) {
        out.value(attribute::STRUCTURE, self.structure.as_str());
        out.value(attribute::SECTOR, &format!("{}^{SECTOR_SYSTEM}", self.sector));
        out.open(attribute::ROLE);
        for role in &self.roles {
            out.raw("<saml2:AttributeValue>");
            out.coded("Role", role, "");
            out.raw("</saml2:AttributeValue>");
        }
        out.raw("</saml2:Attribute>");
        if let Some(subject) = &self.subject_id {
            out.value(attribute::SUBJECT_ID, subject.expose());
        }
        out.value(attribute::VERSION, &dialect.vihf_version);
        let mode = match dialect.mode_spelling {
            ModeSpelling::Lower => attribute::MODE,
            ModeSpelling::Upper => attribute::MODE_UPPER,
        };
        out.value(mode, self.mode.as_str());
        if let Some(patient) = &self.patient {
            out.value(attribute::RESOURCE_ID, &patient.to_cx());
        }
        out.value(attribute::RESOURCE_URN, &dialect.resource_urn);
        out.open(attribute::PURPOSE);
        let (code, label) = self.purpose.code();
        let purpose =
            CodedValue { code: code.to_owned(), system: PURPOSE_SYSTEM.to_owned(), label: label.to_owned() };
        out.raw("<saml2:AttributeValue>");
        out.coded("PurposeOfUse", &purpose, "mode acces VIHF 2.0");
        out.raw("</saml2:AttributeValue></saml2:Attribute>");
        if let Some(secret) = &self.secret_connection {
            out.value(attribute::CONFIDENTIALITY, secret);
        }
        if let Some(id) = &self.lps.id {
            out.value(attribute::LPS_ID, id);
        }
        out.value(attribute::LPS_NAME, &self.lps.name);
        out.value(attribute::LPS_VERSION, &self.lps.version);
        out.value(attribute::LPS_HOMOLOGATION, &self.lps.homologation);
    }
}

/// UTC with milliseconds and `Z`.
fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A signed assertion.
#[derive(Clone)]
pub struct SignedVihf {
    /// Its ID: what is traced (EX_AIR-070).
    pub id: String,
    /// Its bytes, to be inserted in `wsse:Security` as they are.
    pub bytes: Bytes,
}

/// An assertion names a person: only its identifier is printed.
impl std::fmt::Debug for SignedVihf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignedVihf({})", self.id)
    }
}

struct Out {
    text: String,
    typed: bool,
    illegal: bool,
}

impl Out {
    fn raw(&mut self, markup: &str) {
        self.text.push_str(markup);
    }

    fn text(&mut self, value: &str) {
        self.illegal |= !is_xml_text(value);
        push_text(&mut self.text, value);
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.illegal |= !is_xml_text(value);
        self.raw(" ");
        self.raw(name);
        self.raw("=\"");
        push_attribute(&mut self.text, value);
        self.raw("\"");
    }

    fn element(&mut self, qname: &str, value: &str) {
        self.raw(&format!("<{qname}>"));
        self.text(value);
        self.raw(&format!("</{qname}>"));
    }

    fn open(&mut self, name: &str) {
        self.raw("<saml2:Attribute");
        self.attribute("Name", name);
        self.raw(">");
    }

    fn value(&mut self, name: &str, value: &str) {
        self.open(name);
        if self.typed {
            // Declared here: exclusive C14N does not see a prefix that only an attribute value uses.
            let typed =
                format!("<saml2:AttributeValue xmlns:xs=\"{}\" xsi:type=\"xs:string\">", crate::name::XS);
            self.raw(&typed);
        } else {
            self.raw("<saml2:AttributeValue>");
        }
        self.text(value);
        self.raw("</saml2:AttributeValue></saml2:Attribute>");
    }

    /// `Role` or `PurposeOfUse`: redeclares the default namespace, so that `xsi:type="CE"` resolves there.
    fn coded(&mut self, element: &str, value: &CodedValue, system_name: &str) {
        self.raw(&format!("<{element} xmlns=\"{}\" xsi:type=\"CE\"", crate::name::HL7));
        self.attribute("code", &value.code);
        self.attribute("codeSystem", &value.system);
        if !system_name.is_empty() {
            self.attribute("codeSystemName", system_name);
        }
        if !value.label.is_empty() {
            self.attribute("displayName", &value.label);
        }
        self.raw("/>");
    }
}
