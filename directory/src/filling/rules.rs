//! What an offer of the ROR must say to be complete: the rules of the national indicator, each a row.
//! In: an offer, the category of its establishment. Out: whether a rule holds. Source: annuaires.md §10 (a) to (g).

use std::fmt;

use jonction_model::directory::Offer;
use serde::{Serialize, Serializer};

use super::perimeter::HOME_CARE;

/// What an offer must say to be complete.
pub struct Rule {
    /// Name in settings and files.
    pub name: &'static str,
    /// What is missing when it does not hold, in French.
    pub missing: &'static str,
    pub(super) holds: fn(&Offer, category: &str) -> bool,
}

/// Every rule, in the order of the national indicator.
pub const RULES: [Rule; 7] = [
    Rule {
        name: "champ-activite",
        missing: "champ d'activité",
        holds: |offer, _| !offer.field.code.is_empty(),
    },
    Rule {
        name: "mode-prise-en-charge",
        missing: "mode de prise en charge",
        holds: |offer, _| !offer.care_mode.code.is_empty(),
    },
    Rule {
        name: "ages",
        missing: "âge minimum et maximum",
        holds: |offer, _| offer.age_min.is_some() && offer.age_max.is_some(),
    },
    Rule {
        name: "activite",
        missing: "activité opérationnelle",
        holds: |offer, _| !offer.activities.is_empty(),
    },
    Rule {
        name: "adresse",
        missing: "adresse (voie ou lieu-dit, commune, code postal)",
        holds: |offer, _| has_address(offer),
    },
    Rule {
        name: "contact",
        missing: "contact (nature, canal, valeur, confidentialité)",
        holds: |offer, _| has_contact(offer),
    },
    // Of home care only.
    Rule {
        name: "categorie",
        missing: "type d'offre",
        holds: |offer, category| !HOME_CARE.contains(&category) || !offer.category.code.is_empty(),
    },
];

impl Rule {
    /// The rule of a name.
    pub fn of(name: &str) -> Option<&'static Rule> {
        RULES.iter().find(|rule| rule.name == name)
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

fn has_address(offer: &Offer) -> bool {
    let address = &offer.address;
    let street = !address.street.is_empty() || !address.place.is_empty();
    street && !address.commune_name.is_empty() && !address.postcode.is_empty()
}

/// Mailboxes are not contacts of the indicator: those have a function or a nature.
fn has_contact(offer: &Offer) -> bool {
    offer.contacts.iter().any(|contact| {
        !contact.function.code.is_empty()
            && !contact.channel.code.is_empty()
            && !contact.value.is_empty()
            && !contact.confidentiality.code.is_empty()
    })
}
