//! Where people practise: hospitals and practices.
//! In: a number. Out: an establishment. Fictional: FINESS `99…`, SIRET `000…`, department 99.

use super::{
    Nation,
    words::{STREET_TYPES, STREETS},
};

/// Communes of the nation.
const COMMUNES: u64 = 900;

/// A place.
pub(super) struct Site {
    pub(super) finess: String,
    pub(super) finess_legal: String,
    pub(super) siret: String,
    pub(super) siren: String,
    pub(super) technical: String,
    pub(super) name: String,
    pub(super) complement: String,
    pub(super) former: String,
    pub(super) postcode: String,
    pub(super) commune: String,
    pub(super) town: String,
    pub(super) town_label: String,
    pub(super) phone: String,
    pub(super) number: u64,
    pub(super) street: usize,
    pub(super) street_type: usize,
}

impl Nation {
    /// How many there are.
    pub(super) fn structures(&self) -> u64 {
        (self.sizes.persons / 2).max(3)
    }

    /// The place of a number.
    pub(super) fn site(&self, index: u64) -> Site {
        let mut draw = self.draw(9, index);
        let hospital = draw.percent(12);
        let commune = draw.below(COMMUNES);
        let number = 1 + draw.below(150);
        let (street, street_type) = (draw.ranked(STREETS.len()), draw.ranked(STREET_TYPES.len()));
        let finess = if hospital { format!("99{:07}", index % 10_000_000) } else { String::new() };
        let siret = if hospital { String::new() } else { format!("000{:011}", index * 10 + 1) };
        let town = format!("VILLEFICTIVE {commune:03}");
        Site {
            finess_legal: if hospital {
                format!("99{:07}", 9_000_000 + index % 60_000)
            } else {
                String::new()
            },
            siren: siret.get(..9).unwrap_or_default().to_owned(),
            technical: if hospital { format!("F{finess}") } else { format!("R{index:010}") },
            name: if hospital {
                format!("HÔPITAL FICTIF DE {town}")
            } else {
                format!("CABINET MÉDICAL D'ESSAI {}", index % 10_000)
            },
            complement: if draw.percent(20) { format!("BÂTIMENT {}", draw.below(9)) } else { String::new() },
            former: if hospital { format!("1{finess}") } else { format!("3{siret}") },
            postcode: format!("99{commune:03}"),
            commune: format!("99{commune:03}"),
            town_label: format!("Villefictive {commune:03}"),
            phone: if draw.percent(70) { format!("0199{:06}", index % 1_000_000) } else { String::new() },
            finess,
            siret,
            town,
            number,
            street,
            street_type,
        }
    }
}
