//! `Appointment`: a rendez-vous made, moved, cancelled or missed, in no wire format.
//! JSON form: the fields below, absent ones left out. Source: hl7v2.md §5.1 (SIU).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    document::{CodedValue, EventSource},
    identity::PatientIdentity,
    ids::PersonId,
    time::DocumentTime,
};

/// A rendez-vous.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Appointment {
    /// Who says so.
    pub source: EventSource,
    /// Its number, the same over its whole life: the filler's (SCH-2), else the placer's (SCH-1).
    pub id: String,
    /// Who gave the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// Where it stands.
    pub status: AppointmentStatus,
    /// Start. Without offset it is French legal time; in the hour that comes twice in October, nobody can tell which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<DocumentTime>,
    /// End.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<DocumentTime>,
    /// Duration in minutes, when the sender says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_minutes: Option<u32>,
    /// Why (SCH-7).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<CodedValue>,
    /// What kind (SCH-8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<CodedValue>,
    /// The patient.
    pub patient: PatientIdentity,
    /// Who receives the patient (AIP-3).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub professionals: Vec<AppointmentProfessional>,
    /// Where (AIL-3), as the sender codes it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<AppointmentPlace>,
    /// What is done (AIS-3).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<CodedValue>,
}

/// Where an appointment stands. Source: hl7v2.md §5.1 (SCH-25, trigger event).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AppointmentStatus {
    /// Awaited.
    Booked,
    /// Awaited, at another time or with something changed.
    Modified,
    /// Will not be.
    Cancelled,
    /// The patient did not come.
    NoShow,
}

/// A professional of an appointment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AppointmentProfessional {
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

/// A place of an appointment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AppointmentPlace {
    /// Code of the place (PL-1).
    pub code: String,
    /// Room (PL-2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
}
