//! What an establishment offers, as the ROR describes it.
//! Source: annuaires.md §3.5 and §10 (what makes an offer complete).

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Coded, Position, PostalAddress};
use crate::ids::StructureId;

/// An operational offer (HealthcareService of the ROR).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// National, persistent identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Type d'offre (TRE_R244); `4` is operational.
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub category: Coded,
    /// Champ d'activité (TRE_R227).
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub field: Coded,
    /// Activités opérationnelles (TRE_R211).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub activities: Vec<Coded>,
    /// Mode de prise en charge (TRE_R213).
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub care_mode: Coded,
    /// Youngest age, in years.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_min: Option<u32>,
    /// Oldest age, in years.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_max: Option<u32>,
    /// National id of the establishment (EG).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structure: Option<StructureId>,
    /// National id of the legal entity (EJ).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal: Option<StructureId>,
    /// Where it is given.
    #[serde(default)]
    pub address: PostalAddress,
    /// Where on earth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Communes of its zone of intervention.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zone: Vec<String>,
    /// How to reach it, mailboxes included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<Contact>,
    /// Never shown to who has no right to it.
    #[serde(default)]
    pub sensitive: bool,
    /// Category the ROR gives to the establishment (TRE_R66).
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub structure_category: Coded,
    /// Region it comes from (TRE_R30).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// Day it closed for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Date>,
    /// Last change, as the ROR dates it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub updated: String,
}

/// A way to reach an offer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Fonction or nature of the contact.
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub function: Coded,
    /// Canal (TRE_R200).
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub channel: Coded,
    /// Number or address.
    pub value: String,
    /// Niveau de confidentialité (TRE_R283); `1` is free.
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub confidentiality: Coded,
}
