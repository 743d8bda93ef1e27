//! What offers refer to: organisations, places, who practises there. Kept small: the whole nation stands in memory.
//! In: resources, in any order, some of them several times. Out: what an offer needs of them, structures as records.
//! Source: annuaires.md §3.5.

use std::collections::HashMap;

use jonction_fhir::Node;
use jonction_model::{
    PersonId, StructureId,
    directory::{Capacity, Coded, Contact, Position, PostalAddress, Record, Structure},
};

use crate::read;

/// Organisations above one another at most: unit, service, pôle, establishment, legal entity, and room to spare.
const DEPTH_MAX: usize = 12;

/// What was read besides offers.
#[derive(Default)]
pub(crate) struct Index {
    organisations: HashMap<Box<str>, Organisation>,
    places: HashMap<Box<str>, Place>,
    practitioners: HashMap<Box<str>, PersonId>,
    /// Offer → practitioners, by technical id.
    roles: HashMap<Box<str>, Vec<Box<str>>>,
}

/// What an organisation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rank {
    Legal,
    Site,
    Inner,
}

struct Organisation {
    rank: Rank,
    parent: Option<Box<str>>,
    national: Option<StructureId>,
    structure: Box<Structure>,
    boxes: Vec<Contact>,
}

/// Where offers are given.
#[derive(Clone, Default)]
pub(crate) struct Place {
    pub(crate) address: PostalAddress,
    pub(crate) position: Option<Position>,
    pub(crate) capacities: Vec<Capacity>,
    pub(crate) equipment: Vec<Coded>,
}

/// Who gives an offer.
#[derive(Default)]
pub(crate) struct Giver {
    pub(crate) site: Option<StructureId>,
    pub(crate) legal: Option<StructureId>,
    pub(crate) unit: String,
    pub(crate) category: Coded,
    pub(crate) boxes: Vec<Contact>,
}

impl Index {
    /// Takes what is not an offer. Whether it was.
    pub(crate) fn take(&mut self, resource: Node<'_>, mss_channels: &[String]) -> bool {
        let id: Box<str> = resource.text("id").into();
        match resource.kind() {
            "HealthcareService" => return false,
            "Organization" => {
                self.organisations.insert(id, organisation(resource, mss_channels));
            }
            "Location" => {
                self.places.insert(id, place(resource));
            }
            "Practitioner" => {
                if let Some(person) = practitioner(resource) {
                    self.practitioners.insert(id, person);
                }
            }
            "PractitionerRole" => {
                let Some(who) = resource.reference("practitioner") else { return true };
                for service in resource.items("healthcareService") {
                    let Some(service) = jonction_fhir::Reference::of(service.text("reference")) else {
                        continue;
                    };
                    let known = self.roles.entry(service.id.into()).or_default();
                    if !known.iter().any(|one| **one == *who.id) {
                        known.push(who.id.into());
                    }
                }
            }
            _ => {}
        }
        true
    }

    /// A place by its technical id.
    pub(crate) fn place(&self, id: &str) -> Option<&Place> {
        self.places.get(id)
    }

    /// Who is above an offer: from its organisation up to the legal entity.
    pub(crate) fn giver(&self, organisation: &str) -> Giver {
        let mut giver = Giver::default();
        let mut next = Some(organisation);
        for _ in 0..DEPTH_MAX {
            let Some(own) = next.and_then(|id| self.organisations.get(id)) else { break };
            match own.rank {
                Rank::Inner => {
                    if giver.unit.is_empty() {
                        giver.unit.clone_from(&own.structure.name);
                    }
                    giver.boxes.extend(own.boxes.iter().cloned());
                }
                Rank::Site if giver.site.is_none() => {
                    giver.site.clone_from(&own.national);
                    giver.category = own.structure.category.clone();
                    giver.boxes.extend(own.boxes.iter().cloned());
                }
                Rank::Site => {}
                Rank::Legal => giver.legal.clone_from(&own.national),
            }
            next = own.parent.as_deref();
        }
        giver
    }

    /// Who gives an offer, by its technical id.
    pub(crate) fn professionals(&self, offer: &str) -> Vec<PersonId> {
        let roles = self.roles.get(offer).map(Vec::as_slice).unwrap_or_default();
        let mut people: Vec<PersonId> =
            roles.iter().filter_map(|who| self.practitioners.get(who).cloned()).collect();
        people.sort_unstable();
        people
    }

    /// Establishments and legal entities, as records of the store.
    pub(crate) fn structures(&self) -> impl Iterator<Item = Record> + '_ {
        let told =
            self.organisations.values().filter(|own| own.rank != Rank::Inner && own.national.is_some());
        told.map(|own| {
            let mut structure = own.structure.clone();
            let parent = own.parent.as_deref().and_then(|id| self.organisations.get(id));
            if let Some(parent) = parent.filter(|parent| parent.rank == Rank::Legal) {
                structure.finess_legal.clone_from(&parent.structure.finess_legal);
            }
            Record::Structure(structure)
        })
    }
}

const ID_NAT: &str = "urn:oid:1.2.250.1.71.4.2.2";
const FINESS: &str = "https://finess.esante.gouv.fr";
const SIRENE: &str = "https://sirene.fr";
const INNER: &str = "https://oi.esante.gouv.fr";

fn organisation(resource: Node<'_>, mss_channels: &[String]) -> Organisation {
    let types = resource.at("type");
    let category = ["TRE_R66", "TRE_R316", "TRE_R02"]
        .into_iter()
        .map(|table| types.coded(table))
        .find(|coded| !coded.is_empty())
        .unwrap_or_default();
    let parent = resource.reference("partOf").map(|above| above.id.into());
    let inner = !resource.identifier(INNER, None).is_empty() || !types.coded("TRE_R207").is_empty();
    let rank = match () {
        () if inner => Rank::Inner,
        () if !category.is_empty() || parent.is_some() => Rank::Site,
        () => Rank::Legal,
    };
    let finess = resource.identifier(FINESS, None).to_owned();
    let siret = resource.identifier(SIRENE, Some("3"));
    let siren = resource.identifier(SIRENE, Some("2"));
    let legal = rank == Rank::Legal;
    let (finess, finess_legal) = if legal { (String::new(), finess) } else { (finess, String::new()) };
    let structure = Structure {
        finess,
        finess_legal,
        siret: siret.to_owned(),
        siren: siren.to_owned(),
        legal,
        name: resource.text("name").to_owned(),
        brand: resource.text("alias").to_owned(),
        category,
        address: read::address(resource.at("address"), ""),
        closed: read::closing(resource),
        ..Structure::default()
    };
    let national = Some(resource.identifier(ID_NAT, None)).filter(|id| !id.is_empty());
    let national = national.map(StructureId::prefixed).or_else(|| structure.national_id());
    let boxes = read::telecoms(resource, mss_channels).filter(|contact| contact.mss).collect();
    Organisation { rank, parent, national, structure: Box::new(structure), boxes }
}

fn place(resource: Node<'_>) -> Place {
    let commune = resource.extension("ror-commune-cog").at("valueCodeableConcept").coded("TRE_R13");
    let point = resource.at("position");
    let position = match (point.at("latitude").decimal(), point.at("longitude").decimal()) {
        (Some(latitude), Some(longitude))
            if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 && (latitude, longitude) != (0.0, 0.0) =>
        {
            Some(Position { latitude, longitude, commune_only: false })
        }
        _ => None,
    };
    Place {
        address: read::address(resource.at("address"), &commune.code),
        position,
        capacities: read::capacities(resource),
        equipment: resource
            .extensions("ror-location-equipment")
            .filter_map(|one| read::inner(one, "equipmentType"))
            .collect(),
    }
}

/// PS_IdNat, from the identifier of that name or from the RPPS.
fn practitioner(resource: Node<'_>) -> Option<PersonId> {
    let prefixed = resource.identifier("urn:oid:1.2.250.1.71.4.2.1", None);
    if !prefixed.is_empty() {
        return Some(PersonId::prefixed(prefixed));
    }
    let rpps = resource.items("identifier").map(|one| one.text("value"));
    let mut rpps = rpps.filter(|value| value.len() == 11 && value.bytes().all(|byte| byte.is_ascii_digit()));
    rpps.next().map(|rpps| PersonId::normalise(rpps, "RPPS"))
}
