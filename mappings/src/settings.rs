//! What may differ from one gateway to another in reading the volet « document CDA en HL7 v2 ».
//! Source: hl7v2.md §2.9 and §12: everything here answers a doubt of the text.

use jonction_model::{Environment, ids::PATIENT_DOMAIN};

use crate::motifs::Motifs;

/// How the MSSanté management matrix is read. Source: hl7v2.md §2.9.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Matrix {
    /// The three rows of the published edition 2.1.2.
    Strict212,
    /// The three rows of the text of April 2026.
    StrictHead,
    /// What is certain only: the published rows forbid the most ordinary request, and every official MDM.
    #[default]
    Lenient,
}

impl Matrix {
    /// Every value with its name in the configuration.
    pub const ALL: [(Matrix, &'static str); 3] =
        [(Self::Strict212, "strict-2.1.2"), (Self::StrictHead, "strict-head"), (Self::Lenient, "lenient")];

    /// From its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(matrix, _)| *matrix)
    }
}

/// Whether a mail to a professional may carry a document that is hidden from professionals (`masque_ps_mss`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MaskedMail {
    /// The text of April 2026 has no such row: refused.
    #[default]
    Refuse,
    /// The edition 2.1.1 removed the sentence that forbade it.
    Allow,
}

/// Settings of both steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoletSettings {
    /// Where the gateway stands.
    pub environment: Environment,
    /// How the matrix is read.
    pub matrix: Matrix,
    /// `masque_ps_mss`.
    pub masque_ps_mss: MaskedMail,
    /// Domains whose local parts are INS. Default: that of Mon espace santé.
    pub patient_domains: Vec<String>,
    /// Codes of refusals.
    pub motifs: Motifs,
    /// Limits of the message.
    pub message_limits: jonction_hl7v2::Limits,
    /// Limits of each document.
    pub document_limits: jonction_cda::Limits,
    /// Documents of one message.
    pub documents_max: usize,
    /// Recipients of one message.
    pub recipients_max: usize,
    /// Reply addresses of one message.
    pub replies_max: usize,
    /// Repetitions of PID-3.
    pub identifiers_max: usize,
    /// Repetitions of PID-32.
    pub statuses_max: usize,
    /// Repetitions of PID-5.
    pub names_max: usize,
    /// Repetitions of PID-11.
    pub addresses_max: usize,
    /// Findings that each step tells.
    pub findings_max: usize,
    /// Decoded bytes of a mail text.
    pub mail_text_bytes_max: usize,
}

impl Default for VoletSettings {
    fn default() -> Self {
        Self {
            environment: Environment::Test,
            matrix: Matrix::default(),
            masque_ps_mss: MaskedMail::default(),
            patient_domains: vec![PATIENT_DOMAIN.to_owned()],
            motifs: Motifs::default(),
            message_limits: jonction_hl7v2::Limits::default(),
            document_limits: jonction_cda::Limits::default(),
            documents_max: 20,
            recipients_max: 500,
            replies_max: 20,
            identifiers_max: 100,
            statuses_max: 20,
            names_max: 20,
            addresses_max: 20,
            findings_max: 200,
            mail_text_bytes_max: 256 << 10,
        }
    }
}
