//! Checks over a received lot: SUB-*, DE-*, RPL-02.
//! In: the decoded request, the reader's notes, and what the receiver knows besides. Out: findings in French.
//! Source: dmp-xds.md §10. Used by the simulator of the DMP and by the conformance harness.

mod entry_codes;
mod entry_forms;
mod submission;

use jiff::Timestamp;
use jonction_model::{
    Check, DocumentTime, DocumentUniqueId, Finding, InsIdentity, Place, Severity, StructureId, Verdicts,
};

use crate::{
    build::ContentFacts,
    ebrim::{Decoded, ProvideAndRegister},
    metadata::{Cx, DocumentEntry},
};

/// A TD2.1 request as a receiver sees it.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// The request.
    pub request: ProvideAndRegister,
    /// What was irregular in its XML.
    pub notes: Vec<Finding>,
    /// What the receiver knows besides. A check whose facts are absent says nothing.
    pub context: Context,
}

impl Received {
    /// From what was decoded.
    pub fn new(decoded: Decoded<ProvideAndRegister>, context: Context) -> Self {
        Self { request: decoded.value, notes: decoded.notes, context }
    }

    fn facts(&self, id: &str) -> Option<&DocumentFacts> {
        self.context.documents.iter().find(|facts| facts.id == id)
    }

    fn cda(&self, entry: &DocumentEntry) -> Option<&CdaFacts> {
        self.facts(&entry.id)?.cda.as_ref()
    }

    /// Entries that are documents, each with its place.
    fn documents(&self) -> impl Iterator<Item = (&DocumentEntry, String)> {
        self.request.submission.documents().map(|entry| (entry, place(entry)))
    }
}

/// What a receiver knows beside the request.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Now, for SUB-02.
    pub now: Option<Timestamp>,
    /// Patient of the VIHF (resource-id), for SUB-04.
    pub vihf_patient: Option<Cx>,
    /// Structure of the VIHF (Identifiant_Structure), for SUB-05.
    pub vihf_structure: Option<StructureId>,
    /// The MTOM parts, for DE-05, DE-10, DE-12, DE-17, RPL-02.
    pub documents: Vec<DocumentFacts>,
    /// What the verification of the lot's signature said, for SUB-09.
    pub signature: Option<SignatureFacts>,
    /// Whether this set uniqueId came before with other content, for SUB-10.
    pub set_reused: bool,
    /// Entries that this lot replaces, as the registry holds them, for RPL-02.
    pub replaced: Vec<ReplacedFacts>,
}

/// The bytes of one document.
#[derive(Clone, Debug)]
pub struct DocumentFacts {
    /// `Document/@id`.
    pub id: String,
    /// Hash and size of the bytes received.
    pub content: ContentFacts,
    /// Its header, when it is a readable CDA.
    pub cda: Option<CdaFacts>,
}

/// What the header of a CDA says.
#[derive(Clone, Debug)]
pub struct CdaFacts {
    /// `id`.
    pub unique_id: DocumentUniqueId,
    /// `effectiveTime`.
    pub effective_time: Option<DocumentTime>,
    /// INS of `recordTarget`.
    pub patient: Option<InsIdentity>,
    /// Media type of the body of a level 1.
    pub media_type: Option<String>,
    /// `setId`.
    pub set_id: Option<DocumentUniqueId>,
    /// `versionNumber`.
    pub version: Option<u32>,
    /// `relatedDocument[@typeCode='RPLC']/parentDocument/id`.
    pub replaces: Option<DocumentUniqueId>,
}

/// What the manifest of the lot's signature says.
#[derive(Clone, Debug, Default)]
pub struct SignatureFacts {
    /// URIs of the manifest: `urn:oid:…`.
    pub listed: Vec<String>,
    /// Those whose digest is not that of the bytes.
    pub wrong_digests: Vec<String>,
}

/// An entry that is replaced.
#[derive(Clone, Debug)]
pub struct ReplacedFacts {
    /// entryUUID, target of the RPLC link.
    pub entry_uuid: String,
    /// Its uniqueId.
    pub unique_id: String,
    /// `setId` of its CDA.
    pub set_id: Option<DocumentUniqueId>,
    /// `versionNumber` of its CDA.
    pub version: Option<u32>,
}

/// XPath of an entry. An id that is no plain identifier is not repeated.
fn place(entry: &DocumentEntry) -> String {
    let plain =
        entry.id.len() <= 64 && entry.id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
    format!("//ExtrinsicObject[@id='{}']", if plain { entry.id.as_str() } else { "…" })
}

fn slot(place: &str, name: &str) -> Place {
    Place::path(format!("{place}/Slot[@name='{name}']"))
}

/// Hands out the reader's notes that belong to a check.
fn repeat_notes(received: &Received, id: &str, verdicts: &mut Verdicts<'_>) {
    for note in received.notes.iter().filter(|note| note.check == id) {
        verdicts.add(note.place.clone(), note.sentence.clone());
    }
}

type Run = fn(&Received, &mut Verdicts<'_>);

const fn check(
    id: &'static str,
    rule: &'static str,
    strict: Severity,
    tolerant: Severity,
    run: Run,
) -> Check<Received> {
    Check { id, requirement: "dmp-xds.md §10", rule, strict, tolerant, wire_code: None, run }
}

use Severity::{Error, Warning};
use entry_codes as codes;
use entry_forms as forms;

/// Every check, in the order of the sheet. DE-00: DE-03 to DE-20 leave the signature of the lot alone.
/// In tolerant mode only what a registry could not live with stays an error.
pub const CHECKS: &[Check<Received>] = &[
    check("xds/SUB-01", "un seul lot de soumission, marqué comme tel", Error, Error, submission::sub_01),
    check(
        "xds/SUB-02",
        "submissionTime en UTC sur 14 chiffres, pas dans l'avenir",
        Error,
        Warning,
        submission::sub_02,
    ),
    check("xds/SUB-03", "uniqueId et sourceId sont des OID", Error, Error, submission::sub_03),
    check(
        "xds/SUB-04",
        "un seul patient dans le lot, les fiches, le VIHF et les documents",
        Error,
        Error,
        submission::sub_04,
    ),
    check("xds/SUB-05", "un seul auteur, de la structure du VIHF", Error, Warning, submission::sub_05),
    check("xds/SUB-06", "contentTypeCode dans son jeu de valeurs", Error, Warning, submission::sub_06),
    check("xds/SUB-07", "un HasMember Original par fiche", Error, Error, submission::sub_07),
    check("xds/SUB-08", "une signature du lot, liée au lot", Error, Warning, submission::sub_08),
    check("xds/SUB-09", "la signature couvre le lot et chaque document", Error, Warning, submission::sub_09),
    check("xds/SUB-10", "un uniqueId de lot ne sert qu'une fois", Error, Error, submission::sub_10),
    check("xds/DE-01", "chaque attribut obligatoire est présent, une seule fois", Error, Error, forms::de_01),
    check("xds/DE-02", "ni status, ni lid, ni version dans une demande", Error, Warning, forms::de_02),
    check("xds/DE-03", "typeCode dans JDV_J66, avec son système", Error, Error, codes::de_03),
    check("xds/DE-04", "classCode dans JDV_J57, celui du typeCode", Error, Warning, codes::de_04),
    check("xds/DE-05", "formatCode dans JDV_J60, celui du contenu", Error, Warning, codes::de_05),
    check(
        "xds/DE-06",
        "secteur d'activité et cadre d'exercice dans leurs jeux",
        Error,
        Warning,
        codes::de_06,
    ),
    check(
        "xds/DE-07",
        "une confidentialité de base et 0 à 3 masquages, sans doublon",
        Error,
        Warning,
        codes::de_07,
    ),
    check("xds/DE-08", "chaque libellé est celui publié", Error, Warning, codes::de_08),
    check("xds/DE-09", "languageCode vaut fr-FR", Error, Warning, forms::de_09),
    check("xds/DE-10", "dates en UTC, creationTime celle du document", Error, Warning, forms::de_10),
    check("xds/DE-11", "serviceStartTime avant serviceStopTime", Error, Warning, forms::de_11),
    check(
        "xds/DE-12",
        "uniqueId est la racine de l'id du document, sans extension",
        Error,
        Error,
        forms::de_12,
    ),
    check("xds/DE-13", "personnes au format XCN", Error, Warning, forms::de_13),
    check("xds/DE-14", "structures au format XON, avec un nom", Error, Warning, forms::de_14),
    check("xds/DE-15", "authorSpecialty dans JDV_J01", Warning, Warning, codes::de_15),
    check("xds/DE-16", "identifiant et traits du patient selon la source", Error, Warning, forms::de_16),
    check("xds/DE-17", "hash et size sont ceux des octets reçus", Error, Error, forms::de_17),
    check("xds/DE-18", "mimeType vaut text/xml pour un CDA", Error, Warning, forms::de_18),
    check("xds/DE-19", "titre non vide, de 128 caractères au plus", Error, Warning, forms::de_19),
    check("xds/DE-20", "types de référence dans JDV_J231", Warning, Warning, codes::de_20),
    check("xds/DE-21", "chaque classification a un schéma connu", Error, Warning, forms::de_21),
    check("xds/DE-22", "XML conforme au schéma ebRIM 3.0", Warning, Warning, forms::de_22),
    check(
        "xds/RPL-02",
        "un remplacement vise la version que nomme le document",
        Error,
        Warning,
        submission::rpl_02,
    ),
];
