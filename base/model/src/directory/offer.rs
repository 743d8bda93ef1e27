//! What an establishment offers, as the ROR describes it (model 3.0).
//! Source: annuaires.md §3.5 and §10 (what makes an offer complete).

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Coded, Position, PostalAddress};
use crate::ids::{PersonId, StructureId};

/// An operational offer (HealthcareService of the ROR).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// National, persistent identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Type d'offre (TRE_R244), called « catégorie d'organisation » before model 3.0.
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
    /// Pôle, service or unit that gives it; empty when the establishment itself does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Where it is given.
    #[serde(default)]
    pub address: PostalAddress,
    /// Where on earth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Where the people live for whom it is meant; empty when it is not told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zone: Vec<Zone>,
    /// How to reach it, mailboxes included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<Contact>,
    /// Beds, places and dwellings that are installed. How many are free changes by the hour: not kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capacities: Vec<Capacity>,
    /// Équipements spécifiques (TRE_R212) of its places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub equipment: Vec<Coded>,
    /// Actes spécifiques (TRE_R210).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acts: Vec<Coded>,
    /// Who gives it, for the offers of town.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub professionals: Vec<PersonId>,
    /// Never shown to who has no right to it.
    #[serde(default)]
    pub sensitive: bool,
    /// Category the ROR gives to the establishment (TRE_R66).
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub structure_category: Coded,
    /// Region it comes from (TRE_R30).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// Day it closed, or will.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Date>,
    /// Day it is expected to open again; absent when it closed for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reopens: Option<Date>,
    /// Last change, as the ROR dates it. A technical rewrite moves it: no change by itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub updated: String,
}

impl Offer {
    /// Whether it is given on that day.
    pub fn is_open(&self, day: Date) -> bool {
        self.closed.is_none_or(|closed| closed > day || self.reopens.is_some_and(|again| again <= day))
    }

    /// Whether it closed and nobody says that it will open again.
    pub fn is_closed_for_good(&self, day: Date) -> bool {
        self.reopens.is_none() && !self.is_open(day)
    }
}

/// A part of the country. Source: TRE_R201.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Zone {
    /// What kind of part.
    pub kind: ZoneKind,
    /// Its code: COG of a commune, number of a department, INSEE code of a region.
    pub code: String,
}

/// Kinds of parts of the country.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZoneKind {
    /// A commune.
    #[default]
    Commune,
    /// A department.
    Department,
    /// A region.
    Region,
    /// A whole country.
    Country,
    /// Territoire de santé, zone de défense: which communes they hold is not told here.
    Territory,
}

impl ZoneKind {
    /// Every kind with its code of TRE_R201, as rows so that code and kind never part.
    pub const ALL: [(ZoneKind, &'static str); 5] = [
        (Self::Commune, "3"),
        (Self::Department, "2"),
        (Self::Region, "1"),
        (Self::Country, "5"),
        (Self::Territory, "4"),
    ];

    /// The kind of a code; an unknown one is some territory.
    pub fn of(code: &str) -> Self {
        Self::ALL.iter().find(|(_, known)| *known == code).map_or(Self::Territory, |(kind, _)| *kind)
    }
}

/// A way to reach an offer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Fonction or nature of the contact.
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub function: Coded,
    /// Canal (TRE_R200, or `MSSANTE` of TRE_R256).
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub channel: Coded,
    /// Number or address; empty when only the contact itself is described.
    pub value: String,
    /// Niveau de confidentialité (TRE_R283); `1` is free.
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub confidentiality: Coded,
    /// Whether it is a mailbox of the MSSanté space. Anything else is never for health data.
    #[serde(default)]
    pub mss: bool,
}

/// Beds, places, or dwellings of one type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// Lits or places (TRE_R329), or the type of dwelling (TRE_R242).
    pub kind: Coded,
    /// How many.
    pub count: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_that_opens_again_is_not_closed_for_good() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        let offer = |closed: Option<&str>, reopens: Option<&str>| Offer {
            closed: closed.map(day),
            reopens: reopens.map(day),
            ..Offer::default()
        };
        let today = day("2026-02-01");
        for (closed, reopens, open, for_good) in [
            (None, None, true, false),
            (Some("2026-03-01"), None, true, false),
            (Some("2026-01-01"), None, false, true),
            (Some("2026-01-01"), Some("2026-04-01"), false, false),
            (Some("2026-01-01"), Some("2026-01-15"), true, false),
        ] {
            let offer = offer(closed, reopens);
            assert_eq!((offer.is_open(today), offer.is_closed_for_good(today)), (open, for_good));
        }
    }
}
