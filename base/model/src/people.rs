//! Professionals, devices and organisations that write, send and receive.
//! Source: dmp-xds.md §7.3, hl7v2.md §2.7, cda.md §2.4.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{PersonId, StructureId};

/// OID of national identifiers of persons in exercise.
pub const PERSON_AUTHORITY: &str = "1.2.250.1.71.4.2.1";
/// OID of national identifiers of structures.
pub const STRUCTURE_AUTHORITY: &str = "1.2.250.1.71.4.2.2";

/// A professional, or the patient as author of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Person {
    /// National identifier with its type digit, when known.
    pub id: Option<PersonId>,
    /// OID under which the identifier means something: [`PERSON_AUTHORITY`], or an INS register for a patient.
    pub authority: String,
    /// Nom d'exercice.
    pub family: Option<String>,
    /// Prénom d'exercice.
    pub given: Option<String>,
}

/// A system that writes or sends without a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Device {
    /// Identifier of the device in its structure, when known.
    pub id: Option<PersonId>,
    /// Name of the software.
    pub software: String,
    /// Model, or what the device is called.
    pub model: String,
}

/// A structure: establishment, practice, service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Organization {
    /// National identifier with its type digit, when known.
    pub id: Option<StructureId>,
    /// Raison sociale.
    pub name: Option<String>,
}
