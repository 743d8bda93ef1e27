//! A made-up nation of establishments and their offers, of any size, the same for the same seed, a little different each day.
//! In: a seed, a number, a moment. Out: resources of the ROR profiles. Establishments are numbered as the sites of the
//! FINESS simulator: `99` and seven digits, so that both tell of the same ones. Source: annuaires.md §8.1, ROR-IG.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::faults::Fault;

const PROFILES: &str = "https://interop.esante.gouv.fr/ig/fhir/ror/StructureDefinition/";
/// As the FINESS simulator gives them: two of hospitals, then EHPAD, pharmacy, IME, home care.
const CATEGORIES: [&str; 6] = ["101", "355", "500", "620", "183", "209"];
const REGIONS: [&str; 3] = ["11", "32", "84"];
/// A code with its label.
type Code = (&'static str, &'static str);
/// Champ d'activité: code, label, activities, mode of care.
type Field = (&'static str, &'static str, [Code; 4], Code);
const FIELDS: [Field; 4] = [
    (
        "01",
        "Médecine, Chirurgie, Obstétrique (MCO)",
        [
            ("022", "Chirurgie gynécologique"),
            ("183", "Traitement neurochirurgical de la douleur"),
            ("031", "Cardiologie générale"),
            ("044", "Gériatrie"),
        ],
        ("28", "Hospitalisation complète (HC)"),
    ),
    (
        "02",
        "Soins Médicaux et de réadaptation (SMR)",
        [
            ("201", "Réadaptation cardiovasculaire"),
            ("202", "Réadaptation locomotrice"),
            ("203", "Réadaptation neurologique"),
            ("204", "Soins gériatriques"),
        ],
        ("28", "Hospitalisation complète (HC)"),
    ),
    (
        "03",
        "Psychiatrie (PSY)",
        [
            ("251", "Psychiatrie générale"),
            ("252", "Pédopsychiatrie"),
            ("253", "Urgences psychiatriques"),
            ("254", "Addictologie"),
        ],
        ("28", "Hospitalisation complète (HC)"),
    ),
    (
        "04",
        "Médico-social (MS)",
        [
            ("298", "Accompagnements pour vivre dans un logement"),
            ("299", "Accompagnements pour accomplir les activités domestiques"),
            ("310", "Soins médicaux à visée préventive"),
            ("311", "Accompagnements à la vie quotidienne"),
        ],
        ("46", "Hébergement complet internat"),
    ),
];

/// The nation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nation {
    pub(super) seed: u64,
    pub(super) establishments: u64,
    /// When its first day began.
    pub(super) since: Timestamp,
    /// Now.
    pub(super) now: Timestamp,
}

/// One offer, known by its numbers: enough to judge a question, without its text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seed {
    pub(super) establishment: u64,
    pub(super) number: u64,
    draw: u64,
}

/// What an offer lacks: one in five lacks something that the national indicator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    Nothing,
    CareMode,
    Ages,
    Street,
    Contact,
    Category,
}

/// Same numbers, same draw, on every machine (splitmix64).
fn mixed(seed: u64, number: u64, salt: u64) -> u64 {
    let mut word =
        seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd1b5_4a32_d192_ed03);
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

impl Nation {
    /// Days since the first.
    fn day(self) -> u64 {
        u64::try_from(self.now.duration_since(self.since).as_hours() / 24).unwrap_or(0)
    }

    /// Establishments of today: one more each day.
    pub(super) fn all(self, fault: Option<Fault>) -> impl Iterator<Item = u64> {
        let kept = move |number: &u64| fault != Some(Fault::Shrunk) || number % 10 < 4;
        (0..self.establishments + self.day()).filter(kept)
    }

    /// Offers of an establishment; one in eight has none, pharmacies neither.
    pub(super) fn offers(self, establishment: u64) -> impl Iterator<Item = Seed> {
        let draw = mixed(self.seed, establishment, 1);
        let none = draw.is_multiple_of(8) || establishment % 6 == 3;
        let count = if none { 0 } else { 1 + draw % 7 / 2 };
        (0..count).map(move |number| Seed {
            establishment,
            number,
            draw: mixed(self.seed, establishment * 10 + number, 2),
        })
    }

    /// The last of the days on which a thing changes: one in a hundred does, each day.
    fn changed(self, draw: u64) -> Timestamp {
        let day = self.day();
        let ago = (day + 100 - draw % 100) % 100;
        let seconds = i64::try_from(mixed(draw, 7, 3) % 86_400).unwrap_or(0);
        let within = SignedDuration::from_secs(seconds);
        if ago >= day {
            // Not since the first day: some time in the month before.
            let before = SignedDuration::from_hours(24 * (1 + i64::try_from(draw % 30).unwrap_or(0)));
            return self.since.checked_sub(before + within).unwrap_or(self.since);
        }
        let days = i64::try_from(day - ago - 1).unwrap_or(0);
        self.since.checked_add(SignedDuration::from_hours(24 * days) + within).unwrap_or(self.since)
    }

    /// When an establishment that was not there on the first day came.
    fn born(self, establishment: u64) -> Timestamp {
        let days = (establishment + 1).saturating_sub(self.establishments);
        let hours = i64::try_from(days).unwrap_or(0) * 24;
        // An hour before the day is over: it is there at once when the day is.
        if days == 0 {
            Timestamp::MIN
        } else {
            self.since.checked_add(SignedDuration::from_hours(hours - 1)).unwrap_or(self.since)
        }
    }

    /// Last change of an offer.
    pub(super) fn updated(self, offer: Seed) -> Timestamp {
        self.changed(offer.draw / 7).max(self.born(offer.establishment))
    }

    /// Last change of an establishment.
    pub(super) fn organisation_updated(self, establishment: u64) -> Timestamp {
        self.changed(mixed(self.seed, establishment, 4)).max(self.born(establishment))
    }

    /// An offer that is never shown to who has no right to it: one in twenty.
    pub(super) fn is_sensitive(offer: Seed) -> bool {
        offer.draw / 3 % 20 == 7
    }

    pub(super) fn region(establishment: u64) -> &'static str {
        REGIONS[usize::try_from(establishment % 3).unwrap_or(0)]
    }

    pub(super) fn activity(offer: Seed) -> &'static str {
        field(offer).2[activity(offer)].0
    }
}

fn field(offer: Seed) -> &'static Field {
    match offer.establishment % 6 {
        0 | 1 => &FIELDS[usize::try_from(offer.number % 3).unwrap_or(0)],
        _ => &FIELDS[3],
    }
}

fn activity(offer: Seed) -> usize {
    usize::try_from(offer.draw % 4).unwrap_or(0)
}

fn lack(offer: Seed) -> Lack {
    match offer.draw / 11 % 25 {
        0 => Lack::CareMode,
        1 => Lack::Ages,
        2 => Lack::Street,
        3 => Lack::Contact,
        4 => Lack::Category,
        _ => Lack::Nothing,
    }
}

pub(super) fn finess(establishment: u64) -> String {
    format!("99{establishment:07}")
}

fn legal(establishment: u64) -> u64 {
    establishment / 3
}

pub(super) fn legal_finess(number: u64) -> String {
    format!("99{:07}", 9_000_000 + number)
}

/// Functional identifier, as the instances give them: region, then theirs.
pub(super) fn offer_id(offer: Seed) -> String {
    format!("{}/{}{}", Nation::region(offer.establishment), 900_000 + offer.establishment, offer.number)
}

pub(super) fn technical_id(offer: Seed) -> String {
    format!("hs-{}-{}", offer.establishment, offer.number)
}

fn is_hospital(establishment: u64) -> bool {
    establishment % 6 < 2
}

fn system(table: &str, name: &str) -> String {
    format!("https://mos.esante.gouv.fr/NOS/{table}-{name}/FHIR/{}-{name}", table.replace('_', "-"))
}

fn concept(table: &str, name: &str, code: &str, label: &str) -> Value {
    let mut coding = json!({ "system": system(table, name), "code": code });
    // FHIR has no empty text.
    if !label.is_empty() {
        coding["display"] = json!(label);
    }
    json!({ "coding": [coding] })
}

fn extension(name: &str, value: (&str, Value)) -> Value {
    json!({ "url": format!("{PROFILES}{name}"), value.0: value.1 })
}

fn meta(profile: &str, updated: Timestamp, establishment: u64, fault: Option<Fault>) -> Value {
    let mut meta = json!({
        "lastUpdated": updated.to_string(), "profile": [format!("{PROFILES}{profile}")],
        "tag": [{ "system": system("TRE_R30", "RegionOM"), "code": Nation::region(establishment) }],
    });
    if fault == Some(Fault::NoRegion) {
        meta["tag"] = json!([]);
    }
    meta
}

fn telecom(channel: (&str, &str, &str), value: &str, free: bool) -> Value {
    let level = if free { ("1", "Accès libre") } else { ("2", "Accès restreint") };
    json!({ "system": if channel.1 == "MSSANTE" { "email" } else { "phone" }, "value": value, "extension": [
        extension("ror-telecom-communication-channel", ("valueCodeableConcept",
            json!({ "coding": [{ "system": channel.0, "code": channel.1, "display": channel.2 }] }))),
        extension("ror-telecom-confidentiality-level", ("valueCodeableConcept",
            concept("TRE_R283", "NiveauConfidentialite", level.0, level.1))),
    ] })
}

impl Nation {
    /// An offer. `all`: the asker may see what is not free.
    pub(super) fn offer(self, offer: Seed, fault: Option<Fault>, all: bool) -> Value {
        let lack = lack(offer);
        let (code, label, activities, mode) = field(offer);
        let code = if fault == Some(Fault::UnknownCode) { "98" } else { code };
        let (activity, activity_label) = activities[activity(offer)];
        let hospital = is_hospital(offer.establishment);
        let above = if hospital {
            format!("Organization/oi-{}-{}", offer.establishment, offer.number)
        } else {
            format!("Organization/eg-{}", offer.establishment)
        };
        let updated = self.updated(offer);
        // What changes on a day says so.
        let rewritten =
            if updated >= self.since { format!(" ({})", updated.strftime("%d/%m")) } else { String::new() };
        let mut extensions = vec![
            extension("ror-meta-creation-date", ("valueDateTime", json!("2025-12-09T14:30:00+01:00"))),
            json!({ "url": format!("{PROFILES}ror-territorial-division"), "extension": [
                { "url": "typeTerritorialDivision", "valueCodeableConcept": concept("TRE_R201", "TypeDivisionTerritoriale", "3", "Commune") },
                { "url": "codeTerritorialDivision", "valueCodeableConcept":
                    concept("TRE_R13", "Commune", &commune(offer.establishment + 1), "") } ] }),
        ];
        if fault != Some(Fault::NoSensitivity) {
            let sensitive = json!(Self::is_sensitive(offer));
            extensions.push(extension("ror-healthcareservice-sensitive-unit", ("valueBoolean", sensitive)));
        }
        if lack != Lack::Ages {
            let (low, high) = if offer.establishment % 6 == 4 { (3, 20) } else { (16, 120) };
            extensions.push(json!({ "url": format!("{PROFILES}ror-healthcareservice-patient-type"), "extension": [
                { "url": "ageRange", "valueRange": { "low": { "value": low, "code": "a" }, "high": { "value": high, "code": "a" } } } ] }));
        }
        if lack != Lack::Contact {
            extensions.push(contact(offer));
        }
        let mut characteristic = vec![concept("TRE_R210", "ActeSpecifique", "0320", "Acte fictif")];
        if lack != Lack::CareMode {
            characteristic.push(concept("TRE_R213", "ModePriseEnCharge", mode.0, mode.1));
        }
        let mut resource = json!({
            "resourceType": "HealthcareService", "id": technical_id(offer),
            "meta": meta("ror-healthcareservice", updated, offer.establishment, fault),
            "extension": extensions,
            "identifier": [{ "type": concept("TRE_R355", "TypeIdentifiantOffre", "35", "Identifiant fonctionnel de l'offre connu par l'instance ROR"), "value": offer_id(offer) }],
            "providedBy": { "reference": above },
            "type": [concept("TRE_R227", "ChampActivite", code, label)],
            "specialty": [concept("TRE_R211", "ActiviteOperationnelle", activity, activity_label)],
            "location": [{ "reference": format!("Location/loc-{}-{}", offer.establishment, offer.number) }],
            "name": format!("{activity_label}, offre fictive{rewritten}"),
            "characteristic": characteristic,
        });
        if lack != Lack::Category {
            resource["category"] =
                json!([concept("TRE_R244", "CategorieOrganisation", "30", "Type d'offre fictif")]);
        }
        let mss = (system("TRE_R256", "TypeMessagerie"), "MSSANTE", "MSSANTE");
        let free = offer.number.is_multiple_of(2);
        if all || free {
            let address = format!(
                "offre.{}.{}@etab{}.exemple.mssante.fr",
                offer.establishment,
                offer.number,
                offer.establishment % 40
            );
            resource["telecom"] = json!([telecom((&mss.0, mss.1, mss.2), &address, free)]);
        }
        // One in fifty has closed for good.
        if (offer.draw / 13).is_multiple_of(50) {
            resource["notAvailable"] = json!([{ "id": "closingReopeningDate", "description": "Période de fermeture et de réouverture prévisionnelle",
                                                "during": { "start": "2025-11-30" } }]);
        }
        resource
    }

    /// Where an offer is given.
    pub(super) fn location(self, offer: Seed, fault: Option<Fault>) -> Value {
        let establishment = offer.establishment;
        let code = commune(establishment);
        let coded = |table: &str, name: &str, code: &str| json!({ "valueCodeableConcept": concept(table, name, code, "") });
        let with = |url: &str, value: Value| {
            let mut value = value;
            value["url"] = json!(url);
            value
        };
        let group = |status: &str, count: u64| {
            json!({ "url": format!("{PROFILES}ror-location-supported-capacity"), "extension": [
            with("capacityType", coded("TRE_R329", "NatureCapacite", "1")),
            with("capacityStatus", coded("TRE_R330", "TypeStatutCapacite", status)),
            with("temporalityCapacity", coded("TRE_R331", "TemporaliteCapacite", "01")),
            { "url": "nbCapacity", "valueInteger": count } ] })
        };
        let beds = 5 + offer.draw % 40;
        let mut resource = json!({
            "resourceType": "Location", "id": format!("loc-{establishment}-{}", offer.number),
            "meta": meta("ror-location", self.updated(offer), establishment, fault),
            "extension": [
                extension("ror-commune-cog", ("valueCodeableConcept", concept("TRE_R13", "Commune", &code, ""))),
                group("01", beds), group("02", offer.draw % 5),
            ],
            "type": [concept("TRE_R343", "FonctionLieu", "001", "Hébergement")],
            "address": { "city": format!("VILLEFICTIVE {:03}", establishment % 900), "postalCode": code },
            "position": position(establishment),
        });
        if lack(offer) != Lack::Street {
            let part = |name: &str, text: &str| json!({ "url": format!("http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-{name}"), "valueString": text });
            resource["address"]["line"] = json!(["3 rue des jeux d'essai"]);
            resource["address"]["_line"] = json!([{ "extension": [
                part("houseNumber", "3"), part("streetNameType", "rue"), part("streetNameBase", "des jeux d'essai")] }]);
        }
        resource
    }

    /// The unit that gives an offer of a hospital.
    pub(super) fn unit(self, offer: Seed, fault: Option<Fault>) -> Option<Value> {
        is_hospital(offer.establishment).then(|| json!({
            "resourceType": "Organization", "id": format!("oi-{}-{}", offer.establishment, offer.number),
            "meta": meta("ror-organization", self.updated(offer), offer.establishment, fault),
            "identifier": [{ "type": concept("TRE_R345", "TypeIdentifiantAutre", "42", ""), "system": "https://oi.esante.gouv.fr",
                             "value": format!("99-OI-{}-{}", offer.establishment, offer.number) }],
            "type": [concept("TRE_R207", "TypeOrganisationInterne", "4", "Unité élémentaire")],
            "name": format!("Unité fictive {}", offer.number + 1),
            "partOf": { "reference": format!("Organization/eg-{}", offer.establishment) },
        }))
    }

    /// An establishment.
    pub(super) fn establishment(self, number: u64, fault: Option<Fault>) -> Value {
        let category = CATEGORIES[usize::try_from(number % 6).unwrap_or(0)];
        json!({
            "resourceType": "Organization", "id": format!("eg-{number}"),
            "meta": meta("ror-organization", self.organisation_updated(number), number, fault),
            "extension": [extension("ror-meta-creation-date", ("valueDateTime", json!("2025-12-09T14:30:00+01:00")))],
            "identifier": [
                identifier("urn:oid:1.2.250.1.71.4.2.2", "40", &format!("1{}", finess(number)), fault),
                identifier("https://finess.esante.gouv.fr", "1", &finess(number), fault),
                identifier("https://sirene.fr", "3", &format!("99{number:012}"), fault),
            ],
            "type": [concept("TRE_R66", "CategorieEtablissement", category, "")],
            "name": format!("ÉTABLISSEMENT FICTIF {number}"),
            "address": [{ "city": format!("VILLEFICTIVE {:03}", number % 900), "postalCode": commune(number), "line": ["3 rue des jeux d'essai"] }],
            "partOf": { "reference": format!("Organization/ej-{}", legal(number)) },
        })
    }

    /// The legal entity of an establishment.
    pub(super) fn legal_entity(self, establishment: u64, fault: Option<Fault>) -> Value {
        let number = legal(establishment);
        json!({
            "resourceType": "Organization", "id": format!("ej-{number}"),
            "meta": meta("ror-organization", self.since - SignedDuration::from_hours(24 * 60), establishment, fault),
            "identifier": [
                identifier("https://finess.esante.gouv.fr", "1", &legal_finess(number), fault),
                identifier("https://sirene.fr", "2", &format!("{:09}", 990_000_000 + number), fault),
            ],
            "name": format!("ENTITÉ FICTIVE {number}"),
        })
    }

    /// Who gives an offer, and as what: one establishment in seven tells.
    pub(super) fn people(self, offer: Seed, fault: Option<Fault>) -> Option<[Value; 2]> {
        let told = offer.establishment.is_multiple_of(7) && offer.number == 0;
        let number = offer.establishment;
        told.then(|| [
            json!({
                "resourceType": "PractitionerRole", "id": format!("role-{number}"),
                "meta": meta("ror-practitionerrole", self.updated(offer), number, fault),
                "practitioner": { "reference": format!("Practitioner/ps-{number}") },
                "healthcareService": [{ "reference": format!("HealthcareService/{}", technical_id(offer)) }],
                "code": [concept("TRE_G15", "ProfessionSante", "10", "Médecin")],
            }),
            json!({
                "resourceType": "Practitioner", "id": format!("ps-{number}"),
                "meta": meta("ror-practitioner", self.updated(offer), number, fault),
                "identifier": [{ "system": "urn:oid:1.2.250.1.71.4.2.1", "value": format!("8109{number:08}") }],
            }),
        ])
    }
}

fn identifier(system: &str, kind: &str, value: &str, fault: Option<Fault>) -> Value {
    let system = if fault == Some(Fault::HttpIdentifiers) {
        system.replace("https://", "http://")
    } else {
        system.to_owned()
    };
    json!({ "system": system, "value": value, "type": concept("TRE_G07", "TypeIdentifiantStructure", kind, "") })
}

fn contact(offer: Seed) -> Value {
    let way = json!({ "url": format!("{PROFILES}ror-healthcareservice-contact-telecom"), "extension": [
        extension("ror-telecom-communication-channel", ("valueCodeableConcept", concept("TRE_R200", "CanalCommunication", "2", "Téléphone fixe"))),
        extension("ror-telecom-confidentiality-level", ("valueCodeableConcept", concept("TRE_R283", "NiveauConfidentialite", "1", "Accès libre"))),
        { "url": "telecomAddress", "valueString": format!("01990{:05}", offer.establishment % 100_000) } ] });
    json!({ "url": format!("{PROFILES}ror-healthcareservice-contact"), "extension": [
        { "url": "purposeContact", "valueCodeableConcept": concept("TRE_R287", "NatureContact", "06", "Standard") },
        extension("ror-confidentiality-level", ("valueCodeableConcept", concept("TRE_R283", "NiveauConfidentialite", "1", "Accès libre"))),
        way ] })
}

fn commune(establishment: u64) -> String {
    format!("99{:03}", establishment % 900)
}

/// Where the FINESS simulator puts the same establishment.
fn position(establishment: u64) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "below 900")]
    let (north, east) = ((establishment % 900) as f64 / 200.0, (establishment % 900 % 77) as f64 / 20.0);
    json!({ "latitude": 44.0 + north, "longitude": 1.0 + east })
}
