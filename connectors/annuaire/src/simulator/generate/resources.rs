//! The same nation as FHIR resources, with what each was on the days before: the API tells changes and ends.
//! In: a number, a day. Out: resources without their `meta`. Source: annuaires.md §2.5.
//! What cannot be said in FHIR is left out: a personal mailbox told at a place where its holder does not practise.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::{
    Nation,
    mailboxes::Box,
    people::Person,
    words::{PROFESSIONS, SKILLS, STREET_TYPES, STREETS},
};

const NOS: &str = "https://mos.esante.gouv.fr/NOS";
const AS: &str = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition";
const CORE: &str = "https://hl7.fr/ig/fhir/core";
/// Legal entities there are at most: their number is that of a hospital, modulo this.
const ENTITIES: u64 = 60_000;

/// Kinds of resources that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulator) enum Kind {
    Practitioner,
    PractitionerRole,
    Organization,
}

impl Kind {
    pub(in crate::simulator) fn of(name: &str) -> Option<Self> {
        [Self::Practitioner, Self::PractitionerRole, Self::Organization]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    pub(in crate::simulator) fn name(self) -> &'static str {
        match self {
            Self::Practitioner => "Practitioner",
            Self::PractitionerRole => "PractitionerRole",
            Self::Organization => "Organization",
        }
    }
}

/// Which mailboxes a person or a place has, by numbers: the generator goes the other way.
#[derive(Default)]
pub(in crate::simulator) struct Boxes {
    persons: HashMap<u64, Vec<u64>>,
    sites: HashMap<u64, Vec<u64>>,
}

/// A resource as it is told today.
pub(in crate::simulator) struct Told {
    pub(in crate::simulator) id: String,
    /// Day of its last change.
    pub(in crate::simulator) changed: u64,
    pub(in crate::simulator) resource: Value,
}

fn table(name: &str) -> String {
    format!("{NOS}/{name}/FHIR/{}", name.replacen('_', "-", 1))
}

fn coding(name: &str, code: &str) -> Value {
    json!({ "system": table(name), "code": code })
}

fn concept(name: &str, code: &str) -> Value {
    json!({ "coding": [coding(name, code)] })
}

fn identifier(kind: &str, system: &str, value: &str) -> Value {
    json!({
        "use": "official", "system": system, "value": value,
        "type": { "coding": [{ "system": format!("{CORE}/CodeSystem/fr-core-cs-v2-0203"), "code": kind }] },
    })
}

fn contact(mailbox: &Box) -> Value {
    let mut about = vec![json!({
        "url": "type", "valueCodeableConcept": concept("TRE_R257-TypeBAL", if mailbox.personal { "PER" } else { "ORG" }),
    })];
    if !mailbox.personal {
        about.push(json!({ "url": "service", "valueString": "Secrétariat" }));
    }
    about.push(json!({ "url": "digitization", "valueBoolean": mailbox.paperless }));
    json!({
        "system": "email", "value": mailbox.address,
        "extension": [
            { "url": format!("{CORE}/StructureDefinition/fr-core-contact-point-email-type"),
              "valueCoding": coding("TRE_R256-TypeMessagerie", "MSSANTE") },
            { "url": format!("{AS}/as-ext-mailbox-mss-metadata"), "extension": about },
        ],
    })
}

impl Nation {
    /// Which mailboxes everybody may have.
    pub(in crate::simulator) fn boxes(&self) -> Boxes {
        let mut boxes = Boxes::default();
        for index in 0..self.sizes.mailboxes {
            // Open or not, on whichever day: asked again when a resource is made.
            for day in 0..3 {
                let Some(mailbox) = self.on_day(day).mailbox(index) else { continue };
                let list = if mailbox.personal {
                    boxes.persons.entry(mailbox.person).or_default()
                } else {
                    boxes.sites.entry(mailbox.site).or_default()
                };
                if list.last() != Some(&index) {
                    list.push(index);
                }
            }
        }
        boxes
    }

    /// Numbers of a kind: `0..count`. A number may have several resources, or none.
    pub(in crate::simulator) fn count(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Practitioner | Kind::PractitionerRole => self.sizes.persons,
            // Places, then the legal entities of hospitals.
            Kind::Organization => self.structures() + self.structures().min(ENTITIES),
        }
    }

    /// The number a technical id is of.
    pub(in crate::simulator) fn number_of(&self, kind: Kind, id: &str) -> Option<u64> {
        let mut parts = id.split('-');
        let number: u64 = match (kind, parts.next()?) {
            (Kind::Practitioner, "003") | (Kind::PractitionerRole, "005") | (Kind::Organization, "001") => {
                parts.next()?.parse().ok()?
            }
            (Kind::Organization, "002") => self.structures() + parts.next()?.parse::<u64>().ok()?,
            _ => return None,
        };
        (number < self.count(kind)).then_some(number)
    }

    /// RPPS of a number, which is that of the person on every day.
    pub(in crate::simulator) fn rpps_of(index: u64) -> String {
        Self::rpps(index)
    }

    /// What is told today of a number, ends included, each with the day it last changed.
    pub(in crate::simulator) fn told(&self, kind: Kind, index: u64, boxes: &Boxes) -> Vec<Told> {
        let mut known: BTreeMap<String, (u64, Option<Value>)> = BTreeMap::new();
        for day in 0..=self.day {
            let mut today = self.on_day(day).resources(kind, index, boxes);
            for (id, (changed, last)) in &mut known {
                let now = today.remove(id);
                if *last != now {
                    (*changed, *last) = (day, now);
                }
            }
            known.extend(today.into_iter().map(|(id, resource)| (id, (day, Some(resource)))));
        }
        let tell = |(id, (changed, resource)): (String, (u64, Option<Value>))| {
            let resource = resource.unwrap_or_else(|| self.end(kind, index, &id));
            Told { id, changed, resource }
        };
        known.into_iter().map(tell).collect()
    }

    /// What is left of what is gone: its identifier.
    fn end(&self, kind: Kind, index: u64, id: &str) -> Value {
        let identifiers = match kind {
            Kind::Practitioner => person_identifiers(&Self::rpps(index)),
            _ => json!([{ "system": "https://rpps.esante.gouv.fr", "value": id }]),
        };
        json!({ "resourceType": kind.name(), "id": id, "identifier": identifiers, "active": false })
    }

    fn resources(&self, kind: Kind, index: u64, boxes: &Boxes) -> BTreeMap<String, Value> {
        let one = |(id, resource)| BTreeMap::from([(id, resource)]);
        match kind {
            Kind::Organization if index >= self.structures() => {
                self.entity(index - self.structures()).map(one).unwrap_or_default()
            }
            Kind::Organization => one(self.organization(index, boxes)),
            _ if !self.is_there(index) => BTreeMap::new(),
            Kind::Practitioner => one(self.practitioner(index, boxes)),
            Kind::PractitionerRole => self.roles(index, boxes),
        }
    }

    /// Mailboxes of a person: those told with the place where it practises first, or the others.
    fn contacts(&self, index: u64, person: &Person, at_site: bool, boxes: &Boxes) -> Vec<Value> {
        let placed = person.sites.iter().any(Option::is_some);
        let own = boxes.persons.get(&index).into_iter().flatten().filter_map(|index| self.mailbox(*index));
        own.filter(|mailbox| (mailbox.at_site && placed) == at_site)
            .map(|mailbox| contact(&mailbox))
            .collect()
    }

    fn practitioner(&self, index: u64, boxes: &Boxes) -> (String, Value) {
        let person = self.person(index);
        let id = format!("003-{index}");
        let mut name = json!({ "use": "usual", "family": person.family, "given": [person.given],
                               "prefix": [if person.woman { "MME" } else { "M" }] });
        if person.title {
            name["suffix"] = json!(["DR"]);
        }
        let mut qualifications: Vec<Value> = self
            .diplomas(index)
            .map(|number| {
                json!({ "code": { "coding": [coding("TRE_R48-DiplomeEtatFrancais", &format!("DE{number:02}")),
                                             coding("TRE_R14-TypeDiplome", "DE")] } })
            })
            .collect();
        qualifications.push(json!({ "code": { "coding": [
            coding("TRE_G15-ProfessionSante", PROFESSIONS[person.profession].0),
            coding("TRE_R09-CategorieProfessionnelle", "C")] } }));
        if let Some(skill) = person.skill {
            qualifications.push(json!({ "code": { "coding": [
                coding("TRE_R38-SpecialiteOrdinale", SKILLS[skill].0), coding("TRE_R04-TypeSavoirFaire", "S")] } }));
        }
        let mut resource = json!({
            "resourceType": "Practitioner", "id": id, "identifier": person_identifiers(&person.rpps),
            "active": true, "name": [name], "qualification": qualifications,
        });
        telecom(&mut resource, self.contacts(index, &person, false, boxes));
        (id, resource)
    }

    fn roles(&self, index: u64, boxes: &Boxes) -> BTreeMap<String, Value> {
        let person = self.person(index);
        // Who moved has another situation d'exercice: the one before is gone.
        let moves = self.changes(2, index, 5_000);
        let mut contacts = self.contacts(index, &person, true, boxes);
        let placed = person.sites.iter().enumerate().filter_map(|(at, site)| Some((at, (*site)?)));
        let role = |(at, site): (usize, u64)| {
            let id = format!("005-{index}-{at}-{moves}");
            let place = self.site(site);
            let mut resource = json!({
                "resourceType": "PractitionerRole", "id": id,
                "identifier": [{ "system": "https://rpps.esante.gouv.fr", "value": id }],
                "active": true,
                "practitioner": { "reference": format!("Practitioner/003-{index}") },
                "organization": { "reference": format!("Organization/001-{site}") },
                "code": [
                    concept("TRE_R22-GenreActivite", "GENR01"),
                    concept("TRE_R23-ModeExercice", if place.finess.is_empty() { "L" } else { "S" }),
                ],
            });
            telecom(&mut resource, std::mem::take(&mut contacts));
            (id, resource)
        };
        placed.map(role).collect()
    }

    fn organization(&self, index: u64, boxes: &Boxes) -> (String, Value) {
        let site = self.site(index);
        let id = format!("001-{index}");
        let mut identifiers = vec![identifier("IDNST", "urn:oid:1.2.250.1.71.4.2.2", &site.former)];
        let sector = if site.finess.is_empty() {
            identifiers.push(identifier("SIRET", "https://sirene.fr", &site.siret));
            identifiers.push(identifier("SIREN", "https://sirene.fr", &site.siren));
            identifiers.push(identifier("INTRN", "https://rppsrang.esante.gouv.fr", &site.technical));
            "SA07"
        } else {
            identifiers.push(identifier("FINEG", "https://finess.esante.gouv.fr", &site.finess));
            "SA01"
        };
        let kind = STREET_TYPES[site.street_type].0;
        let adxp = |part: &str, value: &str| {
            json!({
            "url": format!("http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-{part}"), "valueString": value })
        };
        let mut resource = json!({
            "resourceType": "Organization", "id": id, "identifier": identifiers, "active": true,
            "type": [{ "extension": [{ "url": format!("{AS}/as-ext-organization-types"), "valueCode": "secteurActiviteRASS" }],
                       "coding": [coding("TRE_R02-SecteurActivite", sector)] }],
            "name": site.name,
            "address": [{
                "extension": [{ "url": format!("{CORE}/StructureDefinition/fr-core-address-insee-code"),
                                "valueCoding": coding("TRE_R13-Commune", &site.commune) }],
                "line": [format!("{} {kind} {}", site.number, STREETS[site.street])],
                "_line": [{ "extension": [adxp("houseNumber", &site.number.to_string()), adxp("streetNameType", kind),
                                          adxp("streetNameBase", STREETS[site.street])] }],
                "city": site.town, "postalCode": site.postcode, "country": "99000",
            }],
        });
        let entity = index % ENTITIES;
        if !site.finess.is_empty() && self.entity(entity).is_some() {
            resource["partOf"] = json!({ "reference": format!("Organization/002-{entity}") });
        }
        let own = boxes.sites.get(&index).into_iter().flatten().filter_map(|index| self.mailbox(*index));
        let mut contacts: Vec<Value> = own.map(|mailbox| contact(&mailbox)).collect();
        if !site.phone.is_empty() {
            contacts.insert(0, json!({ "system": "phone", "value": site.phone, "rank": 1 }));
        }
        telecom(&mut resource, contacts);
        (id, resource)
    }

    /// The legal entity of hospitals of a number, when one of that number is a hospital.
    fn entity(&self, number: u64) -> Option<(String, Value)> {
        let finess = self.site(number).finess_legal;
        if finess.is_empty() {
            return None;
        }
        let id = format!("002-{number}");
        let resource = json!({
            "resourceType": "Organization", "id": id, "active": true,
            "identifier": [identifier("IDNST", "urn:oid:1.2.250.1.71.4.2.2", &format!("1{finess}")),
                           identifier("FINEJ", "https://finess.esante.gouv.fr", &finess)],
            "name": format!("ENTITÉ FICTIVE {number}"),
        });
        Some((id, resource))
    }
}

/// A list that would be empty is left out, as FHIR wants.
fn telecom(resource: &mut Value, contacts: Vec<Value>) {
    if !contacts.is_empty() {
        resource["telecom"] = Value::Array(contacts);
    }
}

fn person_identifiers(rpps: &str) -> Value {
    json!([
        identifier("IDNPS", "urn:oid:1.2.250.1.71.4.2.1", &format!("8{rpps}")),
        identifier("RPPS", "https://rpps.esante.gouv.fr", rpps),
    ])
}
