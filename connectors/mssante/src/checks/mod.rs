//! Checks of a mail: what it shows by itself, and beside its envelope.
//! In: a mail that was read, its envelope. Out: findings. Source: mssante.md §7 (M and X families).
//! Deliberately absent: rows that need the request behind the mail (M10, M22 to M24, X07, X08) or the session (T).

mod archive;
mod mail;

use bytes::Bytes;
use jonction_mime::{Mail, Part};
use jonction_model::{Check, Environment, Finding, Severity, Verdicts};
use jonction_xds::{DocumentEntry, xdm};

/// A mail and its envelope, as the operator got them.
#[derive(Clone)]
pub struct Received {
    /// The mail.
    pub mail: Mail,
    /// MAIL FROM.
    pub from: String,
    /// RCPT TO this verdict is about.
    pub to: String,
    /// How many RCPT there were.
    pub recipients: usize,
    /// Mailbox the client authenticated as, when it said so.
    pub authenticated: Option<String>,
    /// `NOTIFY` flags of smtp-proto; `None`: DSN was not offered.
    pub notify: Option<u64>,
    /// Whether test or real INS are expected.
    pub environment: Environment,
}

/// A mail with its attachments opened.
pub struct Subject {
    /// The mail and its envelope.
    pub received: Received,
    /// Parts that are ZIP archives, by their content.
    pub zips: Vec<Part>,
    /// Parts that are PDF, by their content.
    pub pdfs: Vec<Part>,
    /// The XDM archive, or why it could not be read; `None`: no ZIP at all.
    pub archive: Option<Result<xdm::XdmArchive, xdm::XdmError>>,
    /// Documents of the archive, in its order.
    pub documents: Vec<OpenedDocument>,
}

/// A document of the archive.
pub struct OpenedDocument {
    /// What METADATA.XML says of it.
    pub entry: DocumentEntry,
    /// Its bytes.
    pub bytes: Bytes,
    /// What its header says; `None`: it is no CDA that can be read.
    pub header: Option<jonction_cda::Header>,
}

impl Subject {
    /// Opens the attachments of a mail, within limits.
    pub fn of(received: Received) -> Self {
        let starting = |magic: &[u8]| -> Vec<Part> {
            received.mail.leaves().filter(|part| part.starts_with(magic)).cloned().collect()
        };
        let (zips, pdfs) = (starting(b"PK\x03\x04"), starting(b"%PDF"));
        let archive = zips.first().map(|part| xdm::read(part.content(), &xdm::Limits::default()));
        let opened = |(entry, bytes): (&DocumentEntry, &Bytes)| OpenedDocument {
            entry: entry.clone(),
            bytes: bytes.clone(),
            header: jonction_cda::Header::read(bytes, &jonction_cda::Limits::default()).ok(),
        };
        let documents = match &archive {
            Some(Ok(archive)) => archive.documents().map(opened).collect(),
            _ => Vec::new(),
        };
        Self { received, zips, pdfs, archive, documents }
    }

    /// Whether the mail means to carry documents.
    fn carries_documents(&self) -> bool {
        let mail = &self.received.mail;
        !self.zips.is_empty()
            || mail.value("X-MSS-CODECDA").is_some()
            || mail.subject().to_ascii_uppercase().starts_with("XDM/1.0/DDM")
    }

    fn is_to_patient(&self) -> bool {
        let domain = self.received.to.rsplit('@').next().unwrap_or_default();
        domain.eq_ignore_ascii_case(jonction_model::ids::PATIENT_DOMAIN)
    }
}

type Run = fn(&Subject, &mut Verdicts<'_>);

const fn check(
    id: &'static str,
    requirement: &'static str,
    rule: &'static str,
    strict: Severity,
    run: Run,
) -> Check<Subject> {
    Check { id, requirement, rule, strict, tolerant: Severity::Warning, wire_code: None, run }
}

use Severity::{Error, Warning};

/// Every check of a mail.
pub const CHECKS: &[Check<Subject>] = &[
    check("mssante/MSS-M01", "ECO.2.1.1", "une archive IHE_XDM.zip et au moins un PDF", Error, archive::m01),
    check("mssante/MSS-M02", "ECO.2.1.1", "un seul patient par courriel", Error, archive::m02),
    check("mssante/MSS-M03", "ECO.2.1.1", "autant de PDF que de documents CDA", Error, archive::m03),
    check("mssante/MSS-M04", "ECO.2.1.3", "objet XDM/1.0/DDM+ libellé, nom, prénom, date", Error, mail::m04),
    check(
        "mssante/MSS-M05",
        "RFC 5322",
        "en-têtes en ASCII, lignes et mots codés assez courts",
        Error,
        mail::m05,
    ),
    check(
        "mssante/MSS-M06",
        "ECO.2.1.5",
        "copie d'un niveau 1 : le PDF du CDA, octet pour octet",
        Error,
        archive::m06,
    ),
    check("mssante/MSS-M07", "ECO.2.1.1", "copies au format PDF/A-1", Warning, archive::m07),
    check("mssante/MSS-M08", "ECO.2.1.6", "nom des PDF : date_type_NOM_prénom[_n°].pdf", Error, archive::m08),
    check("mssante/MSS-M09", "ECO.2.2.1", "un Message-ID, bien formé", Error, mail::m09),
    check("mssante/MSS-M11", "ECO.2.2.3", "textes en UTF-8", Error, mail::m11),
    check("mssante/MSS-M12", "ECO.2.2.4", "corps text/plain ou multipart/alternative", Error, mail::m12),
    check(
        "mssante/MSS-M13",
        "ECO.2.2.6",
        "adresse du patient : l'INS de l'archive, 15 caractères",
        Error,
        archive::m13,
    ),
    check("mssante/MSS-M14", "ECO.2.2.7", "intitulé de l'expéditeur", Error, mail::m14),
    check("mssante/MSS-M15", "mssante.md §3.3", "From : la boîte authentifiée", Error, mail::m15),
    check("mssante/MSS-M16", "ECO.2.2.8", "X-MSS-MES : FIN, et seulement vers un patient", Error, mail::m16),
    check("mssante/MSS-M17", "ECO.2.4.1", "X-MSS-CODECDA : les codes des CDA joints", Error, archive::m17),
    check("mssante/MSS-M18", "ECO.2.4.2", "X-MSS-INS : O ou N selon les CDA joints", Error, archive::m18),
    check("mssante/MSS-M19", "ECO.2.4.3", "X-MSS-NIL présent", Error, mail::m19),
    check(
        "mssante/MSS-M20",
        "ECO.2.3.1",
        "accusé de réception demandé : NOTIFY le dit aussi",
        Error,
        mail::m20,
    ),
    check("mssante/MSS-M21", "ECO.2.3.2", "accusé de lecture vers l'expéditeur", Error, mail::m21),
    check(
        "mssante/MSS-M25",
        "mssante.md §3.1",
        "un seul destinataire, aucun autre visible",
        Error,
        mail::m25,
    ),
    check("mssante/MSS-X01", "IHE XDM", "INDEX.HTM, README.TXT, IHE_XDM/*/METADATA.XML", Error, archive::x01),
    check(
        "mssante/MSS-X02",
        "IHE XDM",
        "METADATA.XML : un lot, un HasMember par document",
        Error,
        archive::x02,
    ),
    check(
        "mssante/MSS-X03",
        "IHE XDM",
        "chaque URI mène à un fichier, chaque document a sa fiche",
        Error,
        archive::x03,
    ),
    check("mssante/MSS-X04", "IHE XDM", "hash et size des fichiers", Error, archive::x04),
    check("mssante/MSS-X05", "ECO.2.1.2", "patientId : celui du patient du CDA", Error, archive::x05),
    check(
        "mssante/MSS-X06",
        "S2",
        "type, dates, identifiant et langue de la fiche : ceux du CDA",
        Error,
        archive::x06,
    ),
    check(
        "mssante/MSS-X09",
        "mssante.md §8",
        "archive saine : ni chemin, ni lien, ni chiffrement",
        Error,
        archive::x09,
    ),
];

/// Runs every check on a mail.
pub fn judge(received: Received, mode: jonction_model::Mode) -> Vec<Finding> {
    jonction_model::run_checks(CHECKS, &Subject::of(received), mode)
}
