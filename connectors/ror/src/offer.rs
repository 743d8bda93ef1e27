//! HealthcareService → offer of the store, with what its references add.
//! In: a resource, the index of the others. Out: an offer, and what was odd about it, counted. Source: annuaires.md §3.5.

use std::collections::BTreeMap;

use jonction_fhir::{Node, Reference};
use jonction_model::directory::{Coded, Offer};
use jonction_ports::pull::Remark;

use crate::{index::Index, read};

/// Champs d'activité of TRE_R227, as of March 2026.
const FIELDS: [&str; 6] = ["01", "02", "03", "04", "05", "06"];

/// Something odd about an offer; each kind is counted and told once. The row says it in French.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Oddity {
    NoIdentifier,
    NoRegion,
    NoSensitivity,
    UnknownField,
    NoStructure,
    NoPlace,
}

const ODDITIES: [(Oddity, &str, &str); 6] = [
    (Oddity::NoIdentifier, "ror.no-identifier", "offres sans identifiant national, laissées de côté"),
    (Oddity::NoRegion, "ror.no-region", "offres qui ne disent pas leur région source"),
    (
        Oddity::NoSensitivity,
        "ror.no-sensitivity",
        "offres qui ne disent pas si elles sont sensibles : traitées comme telles",
    ),
    (
        Oddity::UnknownField,
        "ror.unknown-code",
        "offres dont le champ d'activité n'est pas dans TRE_R227, gardé tel quel",
    ),
    (Oddity::NoStructure, "ror.no-structure", "offres dont l'établissement n'est pas dans l'extraction"),
    (Oddity::NoPlace, "ror.no-place", "offres sans lieu de réalisation dans l'extraction"),
];

/// Oddities met so far.
#[derive(Default)]
pub(crate) struct Oddities(BTreeMap<Oddity, u64>);

impl Oddities {
    fn note(&mut self, oddity: Oddity) {
        *self.0.entry(oddity).or_default() += 1;
    }

    /// One sentence for each kind that was met.
    pub(crate) fn remarks(&self) -> Vec<Remark> {
        let told = ODDITIES.iter().filter_map(|(oddity, code, what)| {
            let count = self.0.get(oddity)?;
            Some(Remark::new(*code, format!("{count} {what}")))
        });
        told.collect()
    }
}

/// Reads an offer; `None` without identifier: nothing else could tell it from another.
pub(crate) fn offer(
    resource: Node<'_>,
    index: &Index,
    mss_channels: &[String],
    odd: &mut Oddities,
) -> Option<Offer> {
    let Some(id) = resource.items("identifier").map(|one| one.text("value")).find(|id| !id.is_empty()) else {
        odd.note(Oddity::NoIdentifier);
        return None;
    };
    let giver = resource.reference("providedBy").map(|above| index.giver(above.id)).unwrap_or_default();
    let mut offer = Offer {
        id: id.to_owned(),
        name: resource.text("name").to_owned(),
        category: first(resource.at("category")),
        field: resource.at("type").coded("TRE_R227"),
        activities: every(resource, "specialty", "TRE_R211"),
        care_mode: resource.at("characteristic").coded("TRE_R213"),
        structure: giver.site,
        legal: giver.legal,
        unit: giver.unit,
        zone: read::zones(resource),
        contacts: read::telecoms(resource, mss_channels)
            .chain(read::contacts(resource, mss_channels))
            .chain(giver.boxes)
            .collect(),
        acts: every(resource, "characteristic", "TRE_R210"),
        professionals: index.professionals(resource.text("id")),
        structure_category: giver.category,
        region: read::region(resource),
        updated: resource.at("meta").text("lastUpdated").to_owned(),
        ..Offer::default()
    };
    (offer.age_min, offer.age_max) = read::ages(resource);
    (offer.closed, offer.reopens) = read::closed_between(resource);
    take_places(&mut offer, resource, index);
    judge(&mut offer, resource, odd);
    Some(offer)
}

/// The first place is where it is; capacities and equipment are those of all.
fn take_places(offer: &mut Offer, resource: Node<'_>, index: &Index) {
    let places = resource.items("location").filter_map(|one| Reference::of(one.text("reference")));
    for place in places.filter_map(|place| index.place(place.id)) {
        if offer.address == Default::default() {
            offer.address = place.address.clone();
        }
        offer.position = offer.position.or(place.position);
        offer.capacities.extend(place.capacities.iter().cloned());
        let new = place.equipment.iter().filter(|one| !offer.equipment.contains(one)).cloned();
        let new: Vec<Coded> = new.collect();
        offer.equipment.extend(new);
    }
}

fn judge(offer: &mut Offer, resource: Node<'_>, odd: &mut Oddities) {
    let sensitive = resource.extension("ror-healthcareservice-sensitive-unit").at("valueBoolean").flag();
    // The profile makes it mandatory: who does not say is not shown.
    offer.sensitive = sensitive.unwrap_or(true);
    let oddities = [
        (sensitive.is_none(), Oddity::NoSensitivity),
        (offer.region.is_empty(), Oddity::NoRegion),
        (!offer.field.is_empty() && !FIELDS.contains(&offer.field.code.as_str()), Oddity::UnknownField),
        (offer.structure.is_none(), Oddity::NoStructure),
        (offer.address == Default::default(), Oddity::NoPlace),
    ];
    for (is_so, oddity) in oddities {
        if is_so {
            odd.note(oddity);
        }
    }
}

fn first(concept: Node<'_>) -> Coded {
    concept.codings().next().map(|(_, coded)| coded).unwrap_or_default()
}

/// Codes of a table among those of a member, each once.
fn every(resource: Node<'_>, member: &str, table: &str) -> Vec<Coded> {
    let mut all: Vec<Coded> = Vec::new();
    let of_table = resource.at(member).codings().filter(|(own, _)| *own == table);
    for (_, coded) in of_table {
        if !all.contains(&coded) {
            all.push(coded);
        }
    }
    all
}
