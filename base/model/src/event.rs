//! `PatientEvent`: what an establishment says happened to a patient — an identity, a stay, a movement — in no wire format.
//! JSON form: the fields below, absent ones left out. Source: hl7v2.md §4.2 to §4.7 (PAM), ours for CSV exports.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    document::EventSource,
    identity::{LocalId, PatientIdentity},
    ids::PersonId,
    masked::Masked,
    time::DocumentTime,
};

/// Something that happened to one patient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PatientEvent {
    /// Who says so.
    pub source: EventSource,
    /// What happened.
    pub event: PatientEventKind,
    /// Whether it is new, corrects an earlier one, or takes it back.
    pub action: EventAction,
    /// When it was written down (EVN-2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_at: Option<DocumentTime>,
    /// When it happened (EVN-6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<DocumentTime>,
    /// The patient, after the event.
    pub patient: PatientIdentity,
    /// Identifiers that the event takes away: merged into the patient, or replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prior_ids: Vec<LocalId>,
    /// Stay or visit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stay: Option<Stay>,
    /// The movement itself, with the number that corrections and cancellations repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub movement: Option<Movement>,
    /// What the patient was told and decided about the DMP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dmp: Option<DmpChoices>,
    /// Professionals named by the event: médecin traitant, attending doctor…
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub professionals: Vec<NamedProfessional>,
}

/// What happened. Source: hl7v2.md §4.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PatientEventKind {
    /// An identity was created (A28).
    IdentityCreated,
    /// An identity was changed (A31).
    IdentityUpdated,
    /// Two identities became one (A40).
    IdentitiesMerged,
    /// An identifier was replaced (A47).
    IdentifierChanged,
    /// A stay went to another patient (A44).
    StayMoved,
    /// A stay got another number (A49).
    StayRenumbered,
    /// Admitted (A01).
    Admitted,
    /// Came as an outpatient or in an emergency (A04).
    Registered,
    /// Is awaited (A05, A14).
    PreAdmitted,
    /// Went to another unit (A02).
    Transferred,
    /// Left (A03).
    Discharged,
    /// An outpatient became an inpatient, or the other way round (A06, A07).
    ClassChanged,
    /// Left for a while (A21).
    LeaveStarted,
    /// Came back (A22).
    LeaveEnded,
    /// A transfer or a discharge is planned (A15, A16).
    MovePlanned,
    /// Has another attending doctor (A54).
    DoctorChanged,
    /// Leaves for, or comes back from, an examination (A09, A10).
    Tracked,
    /// Something about the stay was corrected (Z99, A08).
    StayUpdated,
}

/// New, correction, or taken back. Source: hl7v2.md §4.3 (ZBE-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EventAction {
    /// It is new.
    Insert,
    /// It corrects the movement of the same number.
    Update,
    /// The movement of the same number never was.
    Cancel,
}

/// A stay or a visit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Stay {
    /// Number of the visit (PV1-19).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visit: Option<Masked<String>>,
    /// Administrative file, NDA (PID-18).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Masked<String>>,
    /// Class: `E`, `I`, `O`, `R` or `N` (PV1-2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Where the patient lies, as the sender codes it: point of care, room, bed (PV1-3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Admission (PV1-44).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admitted_at: Option<DocumentTime>,
    /// Discharge (PV1-45).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discharged_at: Option<DocumentTime>,
    /// Expected discharge (PV2-9).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_discharge: Option<DocumentTime>,
}

/// Where somebody lies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Location {
    /// Ward or point of care.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// Bed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bed: Option<String>,
}

/// A movement. Source: hl7v2.md §4.3 (ZBE).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Movement {
    /// Its number (ZBE-1.1): what a correction or a cancellation repeats.
    pub id: Masked<String>,
    /// Who gave the number: OID, else name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// When it begins (ZBE-2): events are ordered by it, never by their arrival.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<DocumentTime>,
    /// Event that is corrected or cancelled (ZBE-6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_event: Option<String>,
    /// Whether it is told afterwards, and changes nothing of where the patient is now (ZBE-5).
    #[serde(default)]
    pub historical: bool,
    /// UF de responsabilité médicale (ZBE-7).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medical_unit: Option<Unit>,
    /// UF de responsabilité de soins (ZBE-8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub care_unit: Option<Unit>,
    /// Nature: `S`, `H`, `M`, `HMS`… (ZBE-9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nature: Option<String>,
}

/// Unité fonctionnelle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unit {
    /// Its code (XON-10).
    pub code: String,
    /// Its label (XON-1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// What the patient was told and decided about the DMP. Source: hl7v2.md §4.3 (ZFA).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DmpChoices {
    /// Status of the DMP as the sender knows it (ZFA-1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// On feeding the DMP (ZFA-9).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feeding: Option<FeedingChoice>,
    /// On reading the DMP (ZFA-11).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consultation: Option<ConsultationChoice>,
}

/// Information and opposition to feeding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FeedingChoice {
    /// Informed, not opposed (INO).
    NotOpposed,
    /// Informed, opposed (IO): nothing of this stay goes to the DMP.
    Opposed,
    /// Not asked (NA).
    NotAsked,
}

/// Information and consent to consultation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConsultationChoice {
    /// Consents (IC).
    Consents,
    /// Does not consent (INC).
    Refuses,
    /// Not asked (NA).
    NotAsked,
}

/// A professional and what they are to the patient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NamedProfessional {
    /// Role as the sender codes it: `ODRP` médecin traitant, `AT` attending… (ROL-3).
    pub role: String,
    /// National identifier with its type digit, when it could be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<PersonId>,
    /// Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Given name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<String>,
}
