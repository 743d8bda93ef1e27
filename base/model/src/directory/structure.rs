//! Establishments, practices, legal entities, and where they stand.
//! Source: annuaires.md §1.3, §2.5, §4.3, §4.4.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Coded, professional::fill};
use crate::ids::StructureId;

/// A structure: geographic (ET, cabinet) or legal (EJ).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Structure {
    /// FINESS of the site; letters occur in Corsica.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub finess: String,
    /// FINESS of the legal entity.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub finess_legal: String,
    /// SIRET of the site.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub siret: String,
    /// SIREN.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub siren: String,
    /// Identifiant technique of the register it was read in (`F990001000`, `R90000001`), or of the ROR.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub technical_id: String,
    /// Whether it is the legal entity itself, not a site.
    #[serde(default, skip_serializing_if = "is_false")]
    pub legal: bool,
    /// Raison sociale.
    pub name: String,
    /// Enseigne, or long name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub brand: String,
    /// Catégorie d'établissement (TRE_R66).
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub category: Coded,
    /// Where.
    #[serde(default)]
    pub address: PostalAddress,
    /// Telephones; the first is the usual one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<String>,
    /// Fax.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fax: String,
    /// Ordinary mail: never for health data.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// Activity codes of its authorisations (FINESS `activites`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub activities: Vec<String>,
    /// Opening.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<Date>,
    /// Closing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Date>,
    /// Whether its register calls it inactive, whatever the dates.
    #[serde(default, skip_serializing_if = "is_false")]
    pub inactive: bool,
    /// Where on earth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Structure {
    /// Whether it is open on that day.
    pub fn is_open(&self, day: Date) -> bool {
        !self.inactive && self.closed.is_none_or(|closed| closed > day)
    }

    /// Struct_IdNat: `1` + FINESS, else `3` + SIRET. The legal entity stands under its own FINESS.
    pub fn national_id(&self) -> Option<StructureId> {
        let finess = if self.legal { &self.finess_legal } else { &self.finess };
        match (finess.as_str(), self.siret.as_str()) {
            ("", "") => None,
            ("", siret) => Some(StructureId::prefixed(&format!("3{siret}"))),
            (finess, _) => Some(StructureId::prefixed(&format!("1{finess}"))),
        }
    }

    /// The name to show.
    pub fn label(&self) -> &str {
        if self.name.is_empty() { &self.brand } else { &self.name }
    }

    /// Whether nothing at all is known of it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes what another description of the same structure adds.
    pub fn merge(&mut self, other: Self) {
        fill(&mut self.finess, other.finess);
        fill(&mut self.finess_legal, other.finess_legal);
        fill(&mut self.siret, other.siret);
        fill(&mut self.siren, other.siren);
        fill(&mut self.technical_id, other.technical_id);
        fill(&mut self.name, other.name);
        fill(&mut self.brand, other.brand);
        fill(&mut self.fax, other.fax);
        fill(&mut self.email, other.email);
        if self.category.is_empty() {
            self.category = other.category;
        }
        if self.address == PostalAddress::default() {
            self.address = other.address;
        }
        for phone in other.phones {
            if !self.phones.contains(&phone) {
                self.phones.push(phone);
            }
        }
        for activity in other.activities {
            if !self.activities.contains(&activity) {
                self.activities.push(activity);
            }
        }
        self.opened = self.opened.or(other.opened);
        self.closed = self.closed.or(other.closed);
        self.position = self.position.or(other.position);
    }
}

/// An address, in the parts the registers give.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostalAddress {
    /// Who inside: complement of the addressee.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub recipient: String,
    /// Building, floor.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub point: String,
    /// Number, with `bis` or `ter`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub number: String,
    /// Kind of street, spelt out where the source does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub street_type: String,
    /// Street.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub street: String,
    /// Lieu-dit, or mention of distribution.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// Last line: postcode and town, or cedex.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub routing: String,
    /// Postcode.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub postcode: String,
    /// COG code of the commune, 5 characters; Paris is often `75056`, not the arrondissement.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub commune: String,
    /// Name of the commune.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub commune_name: String,
    /// Country, as told; empty for France in most sources.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub country: String,
}

impl PostalAddress {
    /// Department of the COG code, else of the postcode: `59`, `2A`, `971`. Empty when neither is known.
    /// A postcode of Corsica says `20` only: Ajaccio's half of it is 200 and 201.
    pub fn department(&self) -> &str {
        let code = if self.commune.len() == 5 { &self.commune } else { &self.postcode };
        if code.len() != 5 || !code.is_ascii() {
            return "";
        }
        match &code[..2] {
            "97" | "98" => &code[..3],
            "20" if self.commune.len() != 5 => {
                if matches!(&code[..3], "200" | "201") {
                    "2A"
                } else {
                    "2B"
                }
            }
            two => two,
        }
    }

    /// The town to show.
    pub fn town(&self) -> &str {
        let routing = self.routing.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        if self.commune_name.is_empty() { routing } else { &self.commune_name }
    }

    /// Number, kind and name of the street.
    pub fn street_line(&self) -> String {
        [&self.number, &self.street_type, &self.street]
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// A point, WGS84.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Whether it is only the middle of the commune.
    #[serde(default, skip_serializing_if = "is_false")]
    pub commune_only: bool,
}

impl Position {
    /// Distance in kilometres along the surface (haversine, mean radius).
    pub fn distance_km(self, other: Self) -> f64 {
        const EARTH_KM: f64 = 6371.0;
        let (a, b) = (self.latitude.to_radians(), other.latitude.to_radians());
        let half_latitude = ((b - a) / 2.0).sin();
        let half_longitude = ((other.longitude - self.longitude).to_radians() / 2.0).sin();
        let chord = half_latitude * half_latitude + a.cos() * b.cos() * half_longitude * half_longitude;
        2.0 * EARTH_KM * chord.sqrt().min(1.0).asin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lille_is_two_hundred_kilometres_from_paris() {
        let point = |latitude, longitude| Position { latitude, longitude, commune_only: false };
        let km = point(50.6292, 3.0573).distance_km(point(48.8566, 2.3522));
        assert!((200.0..208.0).contains(&km), "{km}");
        assert_eq!(point(1.0, 2.0).distance_km(point(1.0, 2.0)), 0.0);
    }

    #[test]
    fn the_department_is_that_of_the_commune_before_that_of_the_postcode() {
        let of = |commune: &str, postcode: &str| {
            PostalAddress { commune: commune.into(), postcode: postcode.into(), ..PostalAddress::default() }
                .department()
                .to_owned()
        };
        assert_eq!(of("59350", "75001"), "59");
        assert_eq!(of("2A004", "20000"), "2A");
        assert_eq!(of("97411", ""), "974");
        assert_eq!(of("", "20200"), "2B");
        assert_eq!(of("", "20090"), "2A");
        assert_eq!(of("", "97801"), "978");
        assert_eq!(of("", ""), "");
    }

    #[test]
    fn the_national_id_of_a_legal_entity_is_its_own_finess() {
        let site = Structure {
            finess: "990001000".into(),
            finess_legal: "990009000".into(),
            ..Structure::default()
        };
        assert_eq!(site.national_id().unwrap().as_str(), "1990001000");
        let entity = Structure { legal: true, ..site };
        assert_eq!(entity.national_id().unwrap().as_str(), "1990009000");
        assert_eq!(
            Structure { siret: "1".repeat(14), ..Structure::default() }.national_id().unwrap().as_str(),
            "311111111111111"
        );
    }
}
