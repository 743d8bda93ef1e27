//! Keys of records, and the terms they are found by.
//! In: records, questions. Out: 63-bit numbers. A term may collide: whoever finds by it compares the record itself.
//! A term is a tag (4 bits) and 59 bits; ordered so that one range of numbers answers a question.

use std::ops::RangeInclusive;

use jonction_model::{
    PersonId, StructureId,
    directory::{Coded, Mailbox, Offer, Position, Professional, Structure, Zone, ZoneKind},
};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    codec::Printer,
    fold::{fold, sound, tokens},
    pack,
};

/// What a term is about.
#[derive(Clone, Copy)]
enum Tag {
    Name = 1,
    Place,
    At,
    StructureId,
    Child,
    StructurePlace,
    StructureName,
    Cell,
    PersonBox,
    StructureBox,
    OfferActivity,
    OfferStructure,
    OfferPlace,
    OfferCell,
}

const BODY_BITS: u32 = 59;

fn term(tag: Tag, body: u64) -> i64 {
    let body = body & ((1 << BODY_BITS) - 1);
    // The tag is below 16: the sign bit stays clear.
    i64::try_from((tag as u64) << BODY_BITS | body).unwrap_or(i64::MAX)
}

fn bits(text: &str, count: u32) -> u64 {
    if text.is_empty() { 0 } else { xxh3_64(text.as_bytes()) >> (64 - count) }
}

fn key_of(text: &str) -> i64 {
    // One of the upper half: numbers of the RPPS stand below.
    i64::try_from(xxh3_64(text.as_bytes()) >> 2 | 1 << 61).unwrap_or(i64::MAX)
}

/// Key of a professional: the RPPS number itself, so that neighbours in the register are neighbours in the store.
pub(crate) fn person_key(id: &PersonId) -> i64 {
    let text = id.as_str();
    let rpps = text.len() == 12 && text.starts_with('8') && text.bytes().all(|byte| byte.is_ascii_digit());
    rpps.then(|| text.parse().ok()).flatten().unwrap_or_else(|| key_of(text))
}

/// Key of a structure: its strongest identifier, else what is told of it. Never 0.
pub(crate) fn structure_key(structure: &Structure) -> i64 {
    if let Some(key) = referenced(structure) {
        return key;
    }
    match (structure.national_id(), structure.technical_id.as_str()) {
        (Some(id), _) if id.as_str().starts_with('1') => key_of(id.as_str()),
        (_, technical) if !technical.is_empty() => key_of(technical),
        (Some(id), _) => key_of(id.as_str()),
        (None, _) => {
            let mut printer = Printer::default();
            pack::structure(&mut printer, &mut structure.clone());
            i64::try_from(xxh3_64(&printer.out) >> 2 | 1 << 61).unwrap_or(i64::MAX)
        }
    }
}

/// A structure read elsewhere, named by its key.
const REFERENCE: char = '\u{1}';

/// Stands for the structure of that key, of which only the commune is at hand.
pub(crate) fn reference(key: i64, commune: String) -> Structure {
    let mut structure = Structure { technical_id: format!("{REFERENCE}{key}"), ..Structure::default() };
    structure.address.commune = commune;
    structure
}

/// The key a reference stands for.
pub(crate) fn referenced(structure: &Structure) -> Option<i64> {
    structure.technical_id.strip_prefix(REFERENCE)?.parse().ok()
}

/// Key of a mailbox: its address in small letters.
pub(crate) fn mailbox_key(address: &str) -> i64 {
    key_of(&address.to_ascii_lowercase())
}

/// Key of an offer.
pub(crate) fn offer_key(id: &str) -> i64 {
    key_of(id)
}

/// Key of a domain.
pub(crate) fn domain_key(name: &str) -> i64 {
    key_of(name)
}

/// Splits a name term. Layout: sound of the family name 24, its letters 18, sound of the first given name 17.
pub(crate) struct NameTerm {
    sound: u64,
    letters: u64,
    given: u64,
}

impl NameTerm {
    /// One word of a name.
    pub(crate) fn new(word: &str, given: &str) -> Self {
        Self::of(&sound(word), word, given)
    }

    /// Two words of a joined name, whichever comes first: few bear both, however many bear either.
    pub(crate) fn pair(one: &str, other: &str, given: &str) -> Self {
        let mut both = [one, other].map(|word| (sound(word), word));
        both.sort();
        let [(first_sound, first), (second_sound, second)] = both;
        Self::of(&format!("{first_sound} {second_sound}"), &format!("{first} {second}"), given)
    }

    fn of(heard: &str, spelt: &str, given: &str) -> Self {
        let first = tokens(given).next().map(sound).unwrap_or_default();
        Self { sound: bits(heard, 24), letters: bits(spelt, 18), given: bits(&first, 17) }
    }

    fn body(&self, letters: u64, given: u64) -> u64 {
        self.sound << 35 | letters << 17 | given
    }

    pub(crate) fn whole(&self) -> i64 {
        term(Tag::Name, self.body(self.letters, self.given))
    }

    /// Spelt like this, whatever the given name.
    pub(crate) fn spelt(&self) -> RangeInclusive<i64> {
        term(Tag::Name, self.body(self.letters, 0))..=term(Tag::Name, self.body(self.letters, (1 << 17) - 1))
    }

    /// Heard like this, however spelt.
    pub(crate) fn heard(&self) -> RangeInclusive<i64> {
        term(Tag::Name, self.body(0, 0))..=term(Tag::Name, self.body((1 << 18) - 1, (1 << 17) - 1))
    }

    /// Whether a term of [`NameTerm::heard`] has this given name.
    pub(crate) fn has_given(&self, found: i64) -> bool {
        u64::try_from(found).is_ok_and(|found| found & ((1 << 17) - 1) == self.given)
    }
}

/// A professional at a commune. Layout: commune 24, profession 12, skill 23.
fn place(commune: &str, profession: &str, skill: &str) -> i64 {
    term(Tag::Place, bits(commune, 24) << 35 | bits(profession, 12) << 23 | bits(skill, 23))
}

/// Professionals of a commune, of a profession when it is told.
pub(crate) fn at_commune(commune: &str, profession: Option<&str>) -> RangeInclusive<i64> {
    let at = bits(commune, 24) << 35;
    let (low, high) = match profession {
        Some(profession) => {
            (at | bits(profession, 12) << 23, at | bits(profession, 12) << 23 | ((1 << 23) - 1))
        }
        None => (at, at | ((1 << 35) - 1)),
    };
    term(Tag::Place, low)..=term(Tag::Place, high)
}

/// Whether a term of [`at_commune`] may have that skill.
pub(crate) fn has_skill(found: i64, skill: &str) -> bool {
    u64::try_from(found).is_ok_and(|found| found & ((1 << 23) - 1) == bits(skill, 23))
}

/// Professionals at a structure.
pub(crate) fn at_structure(structure: i64) -> i64 {
    term(Tag::At, structure.unsigned_abs())
}

/// A structure by one of its identifiers, prefix included.
pub(crate) fn structure_id(id: &str) -> i64 {
    term(Tag::StructureId, xxh3_64(id.as_bytes()))
}

/// Sites of a legal entity.
pub(crate) fn child_of(finess_legal: &str) -> i64 {
    term(Tag::Child, xxh3_64(finess_legal.as_bytes()))
}

/// Structures of a commune, of a category when it is told.
pub(crate) fn structures_in(commune: &str, category: Option<&str>) -> RangeInclusive<i64> {
    let at = bits(commune, 24) << 35;
    match category {
        Some(category) => {
            let one = term(Tag::StructurePlace, at | bits(category, 12) << 23);
            one..=one
        }
        None => term(Tag::StructurePlace, at)..=term(Tag::StructurePlace, at | ((1 << 35) - 1)),
    }
}

/// A word of the name of a structure.
pub(crate) fn structure_word(token: &str) -> i64 {
    term(Tag::StructureName, xxh3_64(token.as_bytes()))
}

/// Mailboxes of a person.
pub(crate) fn person_box(id: &PersonId) -> i64 {
    term(Tag::PersonBox, xxh3_64(id.as_str().as_bytes()))
}

/// Mailboxes of a structure, or used there.
pub(crate) fn structure_box(id: &StructureId) -> i64 {
    term(Tag::StructureBox, xxh3_64(id.as_str().as_bytes()))
}

/// Offers of an activity.
pub(crate) fn offer_activity(code: &str) -> i64 {
    term(Tag::OfferActivity, xxh3_64(code.as_bytes()))
}

/// Offers of a structure.
pub(crate) fn offer_structure(id: &StructureId) -> i64 {
    term(Tag::OfferStructure, xxh3_64(id.as_str().as_bytes()))
}

/// Cells are a tenth of a degree: 11 km north to south, 7 km east to west in Lille.
const CELLS_PER_DEGREE: f64 = 10.0;
const CELLS_MAX: i64 = 4096;

fn cell(latitude: f64, longitude: f64) -> (i64, i64) {
    #[expect(clippy::cast_possible_truncation, reason = "below 3600 once clamped")]
    let at =
        |degrees: f64, limit: f64| ((degrees.clamp(-limit, limit) + limit) * CELLS_PER_DEGREE).floor() as i64;
    (at(latitude, 90.0), at(longitude, 180.0))
}

fn cell_term(tag: Tag, (north, east): (i64, i64)) -> i64 {
    term(tag, north.unsigned_abs() << 12 | east.unsigned_abs())
}

/// Cells of offers that a circle touches; `None` when it touches too many to be worth it.
pub(crate) fn cells_around(point: Position, km: f64) -> Option<Vec<i64>> {
    const KM_PER_DEGREE: f64 = 111.0;
    let north = km / KM_PER_DEGREE;
    let east = km / (KM_PER_DEGREE * point.latitude.to_radians().cos().abs().max(0.01));
    let (low, high) = (
        cell(point.latitude - north, point.longitude - east),
        cell(point.latitude + north, point.longitude + east),
    );
    if (high.0 - low.0 + 1) * (high.1 - low.1 + 1) > CELLS_MAX {
        return None;
    }
    let cells = (low.0..=high.0)
        .flat_map(|north| (low.1..=high.1).map(move |east| cell_term(Tag::OfferCell, (north, east))));
    Some(cells.collect())
}

/// Words of a family name it is found by.
const JOINED_MAX: usize = 5;

/// Terms of a professional.
pub(crate) fn of_professional(record: &Professional) -> Vec<i64> {
    let mut terms = Vec::with_capacity(8);
    let (family, given) = (fold(&record.family), fold(&record.given));
    let words: Vec<&str> = tokens(&family).take(JOINED_MAX).collect();
    for (at, word) in words.iter().enumerate() {
        terms.push(NameTerm::new(word, &given).whole());
        terms.extend(words[at + 1..].iter().map(|other| NameTerm::pair(word, other, &given).whole()));
    }
    for practice in &record.practices {
        let Some(site) = &practice.site else { continue };
        if !site.address.commune.is_empty() {
            terms.push(place(&site.address.commune, &practice.profession.code, &practice.skill.code));
        }
        terms.push(at_structure(structure_key(site)));
    }
    distinct(terms)
}

/// Terms of a structure.
pub(crate) fn of_structure(record: &Structure) -> Vec<i64> {
    let mut terms = Vec::with_capacity(8);
    let has_finess = !record.finess.is_empty() || record.legal;
    if record.legal {
        terms.push(structure_id(&format!("1{}", record.finess_legal)));
    } else {
        if !record.finess.is_empty() {
            terms.push(structure_id(&format!("1{}", record.finess)));
        }
        if !record.siret.is_empty() {
            terms.push(structure_id(&format!("3{}", record.siret)));
        }
        if !record.finess_legal.is_empty() {
            terms.push(child_of(&record.finess_legal));
        }
    }
    // Practices have no name worth a search: they are found through who practises there.
    if has_finess {
        let name = fold(&format!("{} {}", record.name, record.brand));
        terms.extend(tokens(&name).map(structure_word));
        if !record.address.commune.is_empty() {
            terms.push(*structures_in(&record.address.commune, Some(&record.category.code)).start());
        }
    }
    if let Some(point) = record.position {
        terms.push(cell_term(Tag::Cell, cell(point.latitude, point.longitude)));
    }
    distinct(terms)
}

/// Terms of a mailbox.
pub(crate) fn of_mailbox(record: &Mailbox) -> Vec<i64> {
    let of_holder = record.holders.iter().flat_map(|holder| {
        holder.person.iter().map(person_box).chain(holder.structure.iter().map(structure_box))
    });
    distinct(of_holder.collect())
}

/// Terms of an offer.
pub(crate) fn of_offer(record: &Offer) -> Vec<i64> {
    let mut terms: Vec<i64> =
        record.activities.iter().map(|activity: &Coded| offer_activity(&activity.code)).collect();
    terms.extend(record.structure.iter().chain(record.legal.iter()).map(offer_structure));
    let own = Zone { kind: ZoneKind::Commune, code: record.address.commune.clone() };
    let zones = record.zone.iter().chain(std::iter::once(&own)).filter(|zone| !zone.code.is_empty());
    terms.extend(zones.map(offers_in));
    if let Some(point) = record.position {
        terms.push(cell_term(Tag::OfferCell, cell(point.latitude, point.longitude)));
    }
    distinct(terms)
}

/// Offers given in a part of the country, or meant for who lives there. There is one country.
pub(crate) fn offers_in(zone: &Zone) -> i64 {
    let code = if zone.kind == ZoneKind::Country { "" } else { &zone.code };
    term(Tag::OfferPlace, (zone.kind as u64) << 56 | bits(code, 56))
}

fn distinct(mut terms: Vec<i64>) -> Vec<i64> {
    terms.sort_unstable();
    terms.dedup();
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rpps_is_its_own_key_and_other_ids_stand_apart() {
        assert_eq!(person_key(&PersonId::prefixed("810900010009")), 810_900_010_009);
        assert!(person_key(&PersonId::prefixed("0591234567")) > 1 << 60);
        assert!(person_key(&PersonId::prefixed("81090001000A")) > 1 << 60);
    }

    #[test]
    fn a_name_is_in_the_range_of_what_is_heard_alike_and_spelt_alike() {
        let stored = NameTerm::new("DUPOND", "MARIE ANNE").whole();
        let asked = NameTerm::new("DUPONT", "MARIE");
        assert!(asked.heard().contains(&stored));
        assert!(!asked.spelt().contains(&stored));
        assert!(asked.has_given(stored));
        assert!(NameTerm::new("DUPOND", "").spelt().contains(&stored));
    }

    #[test]
    fn a_joined_name_is_one_term_whichever_half_comes_first() {
        let stored = NameTerm::pair("DUPUIS", "MARTIN", "ANNE").whole();
        assert_eq!(NameTerm::pair("MARTIN", "DUPUIS", "ANNE").whole(), stored);
        assert!(NameTerm::pair("MARTAIN", "DUPUY", "").heard().contains(&stored));
        assert!(!NameTerm::new("MARTIN", "ANNE").heard().contains(&stored));
    }

    #[test]
    fn a_place_is_in_the_range_of_its_commune_and_of_its_profession() {
        let stored = place("59350", "10", "SM04");
        assert!(at_commune("59350", None).contains(&stored));
        assert!(at_commune("59350", Some("10")).contains(&stored) && has_skill(stored, "SM04"));
        assert!(!at_commune("59350", Some("60")).contains(&stored));
        assert!(!at_commune("59351", None).contains(&stored));
    }

    #[test]
    fn a_reference_has_the_key_it_stands_for() {
        let site = Structure { finess: "990001000".into(), ..Structure::default() };
        let key = structure_key(&site);
        assert_eq!(structure_key(&reference(key, "59350".into())), key);
    }

    #[test]
    fn the_cells_around_a_point_hold_what_is_near_and_a_whole_hemisphere_is_not_searched() {
        let lille = Position { latitude: 50.63, longitude: 3.06, commune_only: false };
        let cells = cells_around(lille, 10.0).unwrap();
        assert!(cells.contains(&cell_term(Tag::OfferCell, cell(50.70, 3.10))));
        assert!(cells.len() < 20);
        assert_eq!(cells_around(lille, 5000.0), None);
    }
}
