//! Elements of the ROR profiles, read one by one: addresses, contacts, capacities, ages, zones.
//! In: a resource. Out: values of the model; what is absent stays empty. Source: annuaires.md §3.5, ROR-IG.

use jiff::{Timestamp, civil::Date};
use jonction_fhir::{Node, nos_table};
use jonction_model::{
    clock::paris,
    directory::{Capacity, Coded, Contact, PostalAddress, Zone, ZoneKind},
};

/// The status of a capacity that stays: « Installé » (TRE_R330).
const INSTALLED: &str = "01";

/// The code of an extension inside another, known by its whole name or by the end of its address.
pub(crate) fn inner(extension: Node<'_>, name: &str) -> Option<Coded> {
    let concept = extension.extension(name).at("valueCodeableConcept");
    concept.codings().next().map(|(_, coded)| coded).filter(|coded| !coded.is_empty())
}

/// The first address, of a list or alone, with the COG code told apart.
pub(crate) fn address(node: Node<'_>, commune: &str) -> PostalAddress {
    // Parts stand beside the line they are of: `_line` follows `line`.
    let parts = node.at("_line");
    let part = |name: &str| parts.extension(name).text("valueString").trim().to_owned();
    let number = [part("iso21090-ADXP-houseNumber"), part("iso21090-ADXP-buildingNumberSuffix")];
    let mut address = PostalAddress {
        recipient: part("iso21090-ADXP-careOf"),
        point: part("iso21090-ADXP-additionalLocator"),
        number: number.join(" ").trim().to_owned(),
        street_type: part("iso21090-ADXP-streetNameType"),
        street: part("iso21090-ADXP-streetNameBase"),
        place: part("as-ext-lieu-dit"),
        postcode: node.text("postalCode").trim().to_owned(),
        commune: commune.to_owned(),
        commune_name: node.text("city").trim().to_owned(),
        country: node.text("country").trim().to_owned(),
        ..PostalAddress::default()
    };
    if address.place.is_empty() {
        address.place = part("iso21090-ADXP-postBox");
    }
    if address.street.is_empty() && address.place.is_empty() {
        // No parts: the line as it is written.
        node.text("line").trim().clone_into(&mut address.street);
    }
    address
}

/// What `telecom` says: the mailboxes of an offer or of a unit.
pub(crate) fn telecoms<'n>(
    resource: Node<'n>,
    mss_channels: &'n [String],
) -> impl Iterator<Item = Contact> + use<'n> {
    resource.items("telecom").map(move |point| telecom(point, point.text("value"), mss_channels))
}

/// One way, with its channel and who may know it.
fn telecom(node: Node<'_>, value: &str, mss_channels: &[String]) -> Contact {
    let channel = inner(node, "ror-telecom-communication-channel").unwrap_or_default();
    Contact {
        function: Coded::default(),
        mss: mss_channels.contains(&channel.code) && value.contains('@'),
        confidentiality: inner(node, "ror-telecom-confidentiality-level").unwrap_or_default(),
        channel,
        value: value.trim().to_owned(),
    }
}

/// Contacts of an offer, one for each way to reach them. Names of persons are not kept.
pub(crate) fn contacts<'n>(
    resource: Node<'n>,
    mss_channels: &'n [String],
) -> impl Iterator<Item = Contact> + use<'n> {
    resource.extensions("ror-healthcareservice-contact").flat_map(move |contact| {
        let function = ["ror-function-contact", "ror-contact-function-contact", "purposeContact"]
            .into_iter()
            .find_map(|name| inner(contact, name))
            .unwrap_or_default();
        let whole = inner(contact, "ror-confidentiality-level").unwrap_or_default();
        let mut ways: Vec<Contact> = contact
            .extensions("ror-healthcareservice-contact-telecom")
            .map(|way| telecom(way, way.extension("telecomAddress").text("valueString"), mss_channels))
            .collect();
        if ways.is_empty() {
            ways.push(Contact::default());
        }
        for way in &mut ways {
            way.function = function.clone();
            if way.confidentiality.is_empty() && way.value.is_empty() {
                way.confidentiality = whole.clone();
            }
        }
        ways
    })
}

/// What is installed: beds and places, dwellings. Several groups of the same kind are added up.
pub(crate) fn capacities(resource: Node<'_>) -> Vec<Capacity> {
    let count = |node: Node<'_>| node.at("valueInteger").number().and_then(|count| u32::try_from(count).ok());
    let beds = resource.extensions("ror-location-supported-capacity").filter_map(|one| {
        let status = inner(one, "capacityStatus")?;
        let kind = inner(one, "capacityType")?;
        (status.code == INSTALLED).then_some((kind, count(one.extension("nbCapacity"))?))
    });
    let dwellings = resource
        .extensions("ror-location-residential-capacity")
        .filter_map(|one| Some((inner(one, "residentialType")?, count(one.extension("residentialNumber"))?)));
    let mut all: Vec<Capacity> = Vec::new();
    for (kind, count) in beds.chain(dwellings) {
        match all.iter_mut().find(|known| known.kind == kind) {
            Some(known) => known.count = known.count.saturating_add(count),
            None => all.push(Capacity { kind, count }),
        }
    }
    all
}

/// Youngest and oldest age, in years. Months and days are told as the years they make, the oldest one rounded up.
pub(crate) fn ages(resource: Node<'_>) -> (Option<u32>, Option<u32>) {
    let range =
        resource.extension("ror-healthcareservice-patient-type").extension("ageRange").at("valueRange");
    let years = |end: Node<'_>| {
        let per_year = match end.text("code") {
            "mo" => 12.0,
            "wk" => 52.0,
            "d" => 365.0,
            _ => 1.0,
        };
        let value = end.at("value").decimal().filter(|value| (0.0..100_000.0).contains(value))?;
        Some(value / per_year)
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100,000")]
    let whole = |years: f64| years as u32;
    (years(range.at("low")).map(whole), years(range.at("high")).map(|years| whole(years.ceil())))
}

/// Parts of the country an offer is meant for.
pub(crate) fn zones(resource: Node<'_>) -> Vec<Zone> {
    let divisions = resource.extensions("ror-territorial-division");
    divisions
        .filter_map(|one| {
            let concept = one.extension("codeTerritorialDivision").at("valueCodeableConcept");
            let (table, coded) = concept.codings().next()?;
            let kind = inner(one, "typeTerritorialDivision");
            // Without its kind, the table of the code tells.
            let kind = match (kind, table) {
                (Some(kind), _) => ZoneKind::of(&kind.code),
                (None, "TRE_R13") => ZoneKind::Commune,
                (None, "TRE_R30") => ZoneKind::Region,
                (None, _) => ZoneKind::Territory,
            };
            (!coded.code.is_empty()).then_some(Zone { kind, code: coded.code })
        })
        .collect()
}

/// Closing and expected opening of an offer.
pub(crate) fn closed_between(resource: Node<'_>) -> (Option<Date>, Option<Date>) {
    let during = resource.items("notAvailable").map(|one| one.at("during")).find(|one| !one.is_none());
    let ends = during.map(|during| (day(during.text("start")), day(during.text("end"))));
    ends.unwrap_or_default()
}

/// Closing of an establishment; a pause that has an end is none.
pub(crate) fn closing(resource: Node<'_>) -> Option<Date> {
    let period = resource.extension("ror-organization-period");
    let reopens = period.extension("reopeningDate").text("valueDate");
    let end = period.extension("period").at("valuePeriod").text("end");
    day(end).filter(|_| reopens.is_empty())
}

/// A day, or the day in Paris of an instant.
pub(crate) fn day(text: &str) -> Option<Date> {
    let instant = || text.parse::<Timestamp>().ok().map(|at| at.to_zoned_datetime(paris()).date());
    if text.len() == 10 { text.parse().ok() } else { instant() }
}

/// The source region (TRE_R30), of `meta.tag`.
pub(crate) fn region(resource: Node<'_>) -> String {
    let tags = resource.at("meta").items("tag");
    let region = tags.filter(|tag| nos_table(tag.text("system")) == "TRE_R30").map(|tag| tag.text("code"));
    region.take(1).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ages_in_months_are_years_and_the_oldest_is_rounded_up() {
        let ages_of = |low: serde_json::Value, high: serde_json::Value| {
            let range = json!({ "url": "ageRange", "valueRange": { "low": low, "high": high } });
            let patients =
                json!({ "url": "https://x/ror-healthcareservice-patient-type", "extension": [range] });
            ages(Node::of(&json!({ "extension": [patients] })))
        };
        assert_eq!(
            ages_of(json!({ "value": 18 }), json!({ "value": 90.0, "code": "a" })),
            (Some(18), Some(90))
        );
        assert_eq!(
            ages_of(json!({ "value": 6, "code": "mo" }), json!({ "value": 30, "code": "mo" })),
            (Some(0), Some(3))
        );
        assert_eq!(ages_of(json!({}), json!({ "value": -4 })), (None, None));
    }

    #[test]
    fn an_address_is_told_in_its_parts_or_as_one_line() {
        let part = |name: &str, text: &str| json!({ "url": format!("http://hl7.org/fhir/StructureDefinition/{name}"), "valueString": text });
        let whole = json!({
            "city": "VILLEFICTIVE", "postalCode": "99001", "line": ["1 bis rue des essais"],
            "_line": [{ "extension": [
                part("iso21090-ADXP-houseNumber", "1"), part("iso21090-ADXP-buildingNumberSuffix", "bis"),
                part("iso21090-ADXP-streetNameType", "rue"), part("iso21090-ADXP-streetNameBase", "des essais")] }],
        });
        let read = address(Node::of(&whole), "99001");
        assert_eq!((read.street_line().as_str(), read.commune.as_str()), ("1 bis rue des essais", "99001"));
        let line = json!([{ "city": "V", "line": ["1 rue des essais"] }]);
        assert_eq!(address(Node::of(&line), "").street_line(), "1 rue des essais");
    }

    #[test]
    fn only_what_is_installed_is_a_capacity_and_groups_are_added_up() {
        let group = |status: &str, count: i64| {
            let coded = |code: &str| json!({ "coding": [{ "code": code }] });
            json!({ "url": "https://x/ror-location-supported-capacity", "extension": [
                { "url": "capacityStatus", "valueCodeableConcept": coded(status) },
                { "url": "capacityType", "valueCodeableConcept": coded("1") },
                { "url": "nbCapacity", "valueInteger": count }] })
        };
        let location =
            json!({ "extension": [group("01", 10), group("02", 3), group("01", 4), group("01", -1)] });
        let read = capacities(Node::of(&location));
        assert_eq!(read, [Capacity { kind: Coded::new("1", ""), count: 14 }]);
    }

    #[test]
    fn a_closing_day_is_that_of_paris() {
        assert_eq!(day("2026-03-01"), "2026-03-01".parse().ok());
        assert_eq!(day("2026-02-28T23:30:00Z"), "2026-03-01".parse().ok());
        assert_eq!(day("bientôt"), None);
    }
}
