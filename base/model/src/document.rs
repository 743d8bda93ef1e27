//! `DocumentSubmission`: what a sender asks to be done with one or several documents, in no wire format.
//! Sources map to it, sinks map from it. It knows nothing of ER7, ebRIM or MIME. Source: architecture §6.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    content::ContentRef,
    finding::Finding,
    identity::{InsIdentity, LocalId, PatientIdentity, Traits},
    ids::{DocumentUniqueId, MessageControlId, MssAddress},
    mail::SecureMail,
    masked::Masked,
    people::{Device, Organization, Person},
    report::ReportCode,
    time::DocumentTime,
};

pub use crate::people;

/// One request about one patient: one lot in the DMP, one mail per recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentSubmission {
    /// Who asked, and in which message: what an acknowledgement must repeat.
    pub origin: Origin,
    /// What is to be done.
    pub operation: Operation,
    /// The patient, as the message identifies them.
    pub patient: PatientIdentity,
    /// Who sends (PRT `SB`), when the message says so.
    pub sender: Option<Sender>,
    /// Stay or visit the documents belong to.
    pub encounter: Encounter,
    /// One to n documents, in the order of the message.
    pub documents: Vec<SubmittedDocument>,
    /// Who must not see them.
    pub visibility: Visibility,
    /// Where they go and which acknowledgements are wanted.
    pub wants: Wants,
    /// MSSanté recipients, in the order of the message, the same address once.
    pub recipients: Vec<Recipient>,
    /// Where answers go.
    pub reply_to: Vec<MssAddress>,
    /// Bodies of the mails.
    pub mail: MailTexts,
    /// What forbids some or all of what is asked, found while mapping. Sinks refuse what these cover.
    #[serde(default)]
    #[schemars(skip)]
    pub obstacles: Vec<Obstacle>,
    /// The mail it came in, when it came in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried_by: Option<Box<SecureMail>>,
}

impl DocumentSubmission {
    /// First obstacle that covers the given destination.
    pub fn obstacle(&self, covers: impl Fn(&ObstacleScope) -> bool) -> Option<&Obstacle> {
        self.obstacles.iter().find(|o| o.scope == ObstacleScope::Everything || covers(&o.scope))
    }
}

/// What is asked. Source: hl7v2.md §1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// First version (F, NW, T02).
    Submit,
    /// New version of a known document, mask changes included (C, RO, T10).
    Replace,
    /// Deletion of the given document (D, CA, T04).
    Delete,
}

/// The message behind a submission: everything an acknowledgement has to repeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// MSH-10.
    pub control_id: MessageControlId,
    /// Sending application (MSH-3), as written in its own format.
    pub sending_application: String,
    /// Sending facility (MSH-4).
    pub sending_facility: String,
    /// Receiving application (MSH-5).
    pub receiving_application: String,
    /// Receiving facility (MSH-6).
    pub receiving_facility: String,
    /// MSH-11: `P`, `T` or `D`.
    pub processing: String,
    /// MSH-18, as written; empty when absent.
    pub charset: String,
    /// Time of the event: EVN-2 of an MDM, MSH-7 of an ORU, as written (hl7v2.md §2.13).
    pub event_time: String,
}

/// Who says that something happened, and in which message or file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EventSource {
    /// Sending application (MSH-3.1).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub application: String,
    /// Sending structure (MSH-4.1).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub facility: String,
    /// Its own number for the message (MSH-10).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub control_id: String,
}

/// Who sends: a person or a device, in a structure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sender {
    /// The professional, when there is one.
    pub person: Option<Person>,
    /// The device, when an automaton sends.
    pub device: Option<Device>,
    /// The structure.
    pub organization: Option<Organization>,
}

/// Stay or visit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Encounter {
    /// PV1-2: `E`, `I`, `O`, `R` or `N`; empty when absent.
    pub class: String,
}

/// A document and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubmittedDocument {
    /// Identifier of this version.
    pub unique_id: DocumentUniqueId,
    /// Identifier of the document over its versions.
    pub set_id: Option<DocumentUniqueId>,
    /// Version number, from 1.
    pub version: Option<u32>,
    /// Version that this one replaces.
    pub replaces: Option<DocumentUniqueId>,
    /// The patient, as the document identifies them.
    pub subject: DocumentSubject,
    /// What indexes it.
    pub metadata: DocumentMetadata,
    /// What its bytes are.
    pub kind: ContentKind,
    /// Its bytes.
    pub content: ContentRef,
}

/// The patient inside a document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentSubject {
    /// INS of the document.
    pub ins: Option<InsIdentity>,
    /// Other identifiers, social security numbers excluded.
    pub local_ids: Vec<LocalId>,
    /// Traits.
    pub traits: Traits,
}

/// What the bytes of a document are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum ContentKind {
    /// CDA R2 with an unstructured body.
    CdaLevel1 {
        /// Media type of the embedded body: `application/pdf`, `text/plain`…
        media_type: String,
        /// Where the base64 text of the body stands in the CDA's own bytes: first byte, one past the last.
        body: Option<(u64, u64)>,
    },
    /// CDA R2 with sections.
    CdaLevel3 {
        /// Where the base64 text of an embedded PDF copy stands (section 55108-5), when there is one.
        pdf: Option<(u64, u64)>,
    },
}

/// A code of a terminology.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct CodedValue {
    /// The code.
    pub code: String,
    /// OID (or name) of the code system.
    pub system: String,
    /// Its label; empty when the source gave none.
    pub label: String,
}

/// Format-neutral index of a document: what the header says. Source: cda.md §4.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentMetadata {
    /// Type (`ClinicalDocument/code`).
    pub type_code: CodedValue,
    /// Title.
    pub title: String,
    /// Creation (`effectiveTime`).
    pub creation_time: Option<DocumentTime>,
    /// Language, `fr-FR`.
    pub language: String,
    /// Base confidentiality: N, R or V.
    pub confidentiality: Option<CodedValue>,
    /// Authors, in order; at least one.
    pub authors: Vec<Author>,
    /// Who answers for the document.
    pub legal_authenticator: Option<Person>,
    /// Start of the main act.
    pub service_start: Option<DocumentTime>,
    /// End of the main act.
    pub service_stop: Option<DocumentTime>,
    /// Acts (every `serviceEvent/code`).
    pub events: Vec<CodedValue>,
    /// Cadre d'exercice.
    pub practice_setting: Option<CodedValue>,
    /// Secteur d'activité of the place of care.
    pub facility_type: Option<CodedValue>,
    /// Orders, accession numbers, imaging studies.
    pub references: Vec<Reference>,
    /// Document models it claims: template root and extension.
    pub templates: Vec<(String, Option<String>)>,
}

/// An identifier of something the document answers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reference {
    /// The identifier.
    pub id: String,
    /// OID of its authority.
    pub root: String,
    /// URN of JDV_J231: `urn:ihe:iti:xds:2013:accession`, `…:order`, `urn:ihe:iti:xds:2016:studyInstanceUID`.
    pub kind: String,
}

/// One author of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Author {
    /// Person or device.
    pub by: Authorship,
    /// Their structure.
    pub organization: Option<Organization>,
    /// Label of the function (`functionCode`).
    pub role: Option<String>,
    /// Profession and savoir-faire.
    pub specialty: Option<CodedValue>,
}

/// Who or what wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Authorship {
    /// A person.
    Person(Person),
    /// A device.
    Device(Device),
}

/// Who must not see the documents. Source: hl7v2.md §2.8, dmp-xds.md §7.5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Visibility {
    /// MASQUE_PS.
    pub hidden_from_professionals: bool,
    /// INVISIBLE_PATIENT.
    pub hidden_from_patient: bool,
    /// INVISIBLE_REP_LEGAUX.
    pub hidden_from_legal_representatives: bool,
    /// CONNEXION_SECRETE: the DMP is reached in « connexion secrète ».
    pub secret_connection: bool,
    /// MODIF_CONF_CODE: a replacement that only changes what stands above.
    pub only_visibility_changes: bool,
}

/// Where the documents go, which acknowledgements come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Wants {
    /// DESTDMP.
    pub dmp: bool,
    /// DESTMSSANTEPS: every recipient that is not the patient.
    pub mssante_professionals: bool,
    /// DESTMSSANTEPAT.
    pub mssante_patient: bool,
    /// ACK_RECEPTION: a report per DMP request and per mail.
    pub delivery_reports: bool,
    /// ACK_LECTURE_MSS: a reading receipt per mail.
    pub reading_reports: bool,
}

impl Wants {
    /// Whether any mail is asked for.
    pub fn mssante(self) -> bool {
        self.mssante_professionals || self.mssante_patient
    }
}

/// What a recipient is; decides flag and text of its mail. Source: hl7v2.md §2.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RecipientKind {
    /// A professional.
    Professional,
    /// A structure's mailbox.
    Organization,
    /// A software's mailbox.
    Application,
    /// The patient (Mon espace santé).
    Patient,
}

/// One MSSanté recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recipient {
    /// What it is.
    pub kind: RecipientKind,
    /// Its address, when what was given is one.
    pub address: Option<MssAddress>,
    /// The address as received: reports repeat it.
    pub given_address: Masked<String>,
    /// Identifier as received (PRT-5.1, PRT-8.10 or PRT-10.1): reports repeat it.
    pub id: Option<Masked<String>>,
    /// Whether the patient is asked not to answer (NTE-4 = FIN).
    pub no_reply: bool,
}

impl Recipient {
    /// Text for screens: `adam.hoda@…`, `patient@…`.
    pub fn label(&self) -> String {
        match (&self.address, self.kind) {
            (_, RecipientKind::Patient) => "patient@…".to_owned(),
            (Some(address), _) => address.label(),
            (None, _) if self.given_address.expose().trim().is_empty() => "sans adresse".to_owned(),
            (None, _) => "adresse illisible".to_owned(),
        }
    }
}

/// Bodies of the mails, when the sender gave them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MailTexts {
    /// CORPSMAIL_PS.
    pub professional: Option<Masked<String>>,
    /// CORPSMAIL_PATIENT.
    pub patient: Option<Masked<String>>,
    /// Label of the document type for the subject (OBR-4.2), else the CDA's.
    pub label: Option<String>,
}

/// Something found while mapping that forbids a destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// What it forbids.
    pub scope: ObstacleScope,
    /// Why.
    pub finding: Finding,
    /// Code to report to the sender, in the table of the destination; each sink has a default.
    pub code: Option<ReportCode>,
}

/// What an obstacle forbids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObstacleScope {
    /// Every destination.
    Everything,
    /// The DMP.
    Dmp,
    /// Mails to everybody but the patient.
    MssanteProfessionals,
    /// Mails to the patient.
    MssantePatient,
    /// One recipient, by its index in `recipients`.
    Recipient(usize),
}
