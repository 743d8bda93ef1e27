//! The VIHF: a SAML 2.0 assertion that says who acts, for which structure, on which patient.
//! In: typed values and a signing identity; or a received assertion. Out: signed bytes; or a view for checks.
//! Source: dmp-xds.md §5. The assertion is never logged.

mod build;
pub(crate) mod codes;
mod view;

pub use build::{
    AUTOMATE, Automate, Dialect, Lps, Mode, ModeSpelling, Purpose, SignedVihf, UNSPECIFIED, Vihf,
};
pub use view::{AttributeView, VihfContext, VihfView, view};

/// Attribute names. Source: dmp-xds.md §5.3.
pub mod attribute {
    /// Structure, with its prefix.
    pub const STRUCTURE: &str = "Identifiant_Structure";
    /// Sector of activity.
    pub const SECTOR: &str = "Secteur_Activite";
    /// Profession, then specialty.
    pub const ROLE: &str = "urn:oasis:names:tc:xacml:2.0:subject:role";
    /// Full name of the person, or names of the automaton.
    pub const SUBJECT_ID: &str = "urn:oasis:names:tc:xspa:1.0:subject:subject-id";
    /// Version of the VIHF.
    pub const VERSION: &str = "VIHF_Version";
    /// Mode of authentication, lower-case m.
    pub const MODE: &str = "Authentification_mode";
    /// Mode of authentication, upper-case M.
    pub const MODE_UPPER: &str = "Authentification_Mode";
    /// Patient.
    pub const RESOURCE_ID: &str = "urn:oasis:names:tc:xacml:2.0:resource:resource-id";
    /// Target.
    pub const RESOURCE_URN: &str = "Ressource_URN";
    /// Purpose.
    pub const PURPOSE: &str = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse";
    /// Connexion secrète of minors.
    pub const CONFIDENTIALITY: &str = "urn:oasis:names:tc:xspa:1.0:resource:patient:hl7:confidentiality-code";
    /// Software instance.
    pub const LPS_ID: &str = "LPS_ID";
    /// Software name.
    pub const LPS_NAME: &str = "LPS_Nom";
    /// Software version.
    pub const LPS_VERSION: &str = "LPS_Version";
    /// Homologation number.
    pub const LPS_HOMOLOGATION: &str = "LPS_ID_HOMOLOGATION_DMP";
}

/// OID of sectors of activity, behind the `^` of Secteur_Activite.
pub const SECTOR_SYSTEM: &str = "1.2.250.1.71.4.2.4";
/// OID of access modes (TRE_R248).
pub const PURPOSE_SYSTEM: &str = "1.2.250.1.213.1.1.4.248";
/// Format of the Issuer.
pub const X509_SUBJECT_NAME: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName";

#[cfg(test)]
pub(crate) mod tests;
