//! Searches of the simulator: the parameters it knows, what comes with each answer, pages of two hundred.
//! In: a query. Out: a Bundle, or why not. An unknown parameter is refused, as the real service does. Source: annuaires.md §3.3, §3.4.

use jiff::Timestamp;
use jonction_web::url::{decode_query, encode};
use serde_json::{Value, json};

use super::{
    faults::Fault,
    nation::{Nation, Seed, finess, legal_finess, offer_id, technical_id},
};

/// Answers of a page.
const PAGE: usize = 200;

/// What a search asks, of an offer.
enum Criterion {
    Updated(Comparison, Timestamp),
    Above(Comparison, Timestamp),
    Tag(String),
    Identifier(String),
    Id(String),
    Organisation(String),
    Activity(String),
    /// One of them is enough (`_filter`).
    Either(Vec<Criterion>),
}

#[derive(Clone, Copy)]
enum Comparison {
    AtLeast,
    Before,
}

/// What comes with each offer.
#[derive(Clone, Copy, Default)]
struct Includes {
    organisations: bool,
    above: bool,
    places: bool,
    people: bool,
}

/// A question, understood.
pub(super) struct Question {
    criteria: Vec<Criterion>,
    includes: Includes,
    count: usize,
    offset: usize,
    /// The query without its page, to write `next`.
    query: String,
}

impl Question {
    /// Reads the query of a path. Errors: the parameter that is not known, or not readable.
    pub(super) fn read(path: &str) -> Result<Self, String> {
        let mut question = Self {
            criteria: Vec::new(),
            includes: Includes::default(),
            count: PAGE,
            offset: 0,
            query: String::new(),
        };
        for (name, value) in decode_query(path) {
            if name == "_offset" {
                question.offset = value.parse().map_err(|_| format!("{name} is not a number"))?;
                continue;
            }
            question.query += &format!("{}={}&", name.replace(':', "%3A"), encode(&value));
            match (name.as_str(), value.as_str()) {
                ("_count", value) => {
                    let count: usize = value.parse().map_err(|_| format!("{name} is not a number"))?;
                    question.count = count.clamp(1, PAGE);
                }
                ("_include", "HealthcareService:organization") => question.includes.organisations = true,
                ("_include" | "_include:iterate", "Organization:partof") => question.includes.above = true,
                ("_include", "HealthcareService:location") => question.includes.places = true,
                ("_revinclude", "PractitionerRole:service")
                | ("_include", "PractitionerRole:practitioner") => {
                    question.includes.people = true;
                }
                ("_format" | "_total" | "_pretty", _) => {}
                _ => question.criteria.push(criterion(&name, &value)?),
            }
        }
        Ok(question)
    }

    /// A Bundle. `cut`: no search gives more.
    pub(super) fn answer(&self, world: &World<'_>) -> Value {
        let offers = world.nation.all(world.fault).flat_map(|number| world.nation.offers(number));
        let seen = offers.filter(|offer| world.all || !Nation::is_sensitive(*offer));
        let fits = |offer: &Seed| self.criteria.iter().all(|criterion| criterion.fits(world.nation, *offer));
        let matches: Vec<Seed> = seen.filter(fits).take(world.cut).collect();
        let offset = if world.fault == Some(Fault::SamePageRenamed) { 0 } else { self.offset };
        let mut page: Vec<Seed> = matches.iter().skip(offset).take(self.count).copied().collect();
        let mut total = matches.len();
        match world.fault {
            Some(Fault::SearchCut) => total = world.cut,
            Some(Fault::Incomplete) => {
                page.pop();
            }
            Some(Fault::EmptyNext) => page.clear(),
            _ => {}
        }
        let mut entries = Vec::new();
        for offer in &page {
            let resource = world.nation.offer(*offer, world.fault, world.all);
            entries.push(entry(world.base, resource, "match"));
        }
        for resource in self.included(world, &page) {
            entries.push(entry(world.base, resource, "include"));
        }
        super::bloat(&mut entries, world.fault);
        let more = offset + self.count < matches.len();
        let odd = matches!(
            world.fault,
            Some(Fault::SamePage | Fault::SamePageRenamed | Fault::EmptyNext | Fault::NextOtherHost)
        );
        let own = |offset: usize| format!("{}/HealthcareService?{}_offset={offset}", world.base, self.query);
        let mut links = vec![json!({ "relation": "self", "url": own(self.offset) })];
        if more || odd {
            let next = match world.fault {
                Some(Fault::SamePage) => own(self.offset),
                Some(Fault::NextOtherHost) => {
                    "https://ailleurs.example/ws-diffusion-fhir/HealthcareService".to_owned()
                }
                _ => own(self.offset + self.count),
            };
            links.push(json!({ "relation": "next", "url": next }));
        }
        let mut bundle = json!({ "resourceType": "Bundle", "type": "searchset", "total": total, "link": links, "entry": entries });
        if let (Some(Fault::NoTotal), Some(bundle)) = (world.fault, bundle.as_object_mut()) {
            bundle.remove("total");
        }
        bundle
    }

    fn included(&self, world: &World<'_>, page: &[Seed]) -> Vec<Value> {
        let (nation, fault) = (world.nation, world.fault);
        let mut all = Vec::new();
        let mut establishments = Vec::new();
        for offer in page {
            let first = !establishments.contains(&offer.establishment);
            if first {
                establishments.push(offer.establishment);
            }
            let unit = nation.unit(*offer, fault);
            // Without its parents, an offer comes with who gives it and no further.
            let needed = self.includes.above || unit.is_none();
            if self.includes.organisations {
                all.extend(unit);
                if first && needed {
                    all.push(nation.establishment(offer.establishment, fault));
                }
                if first && self.includes.above {
                    all.push(nation.legal_entity(offer.establishment, fault));
                }
            }
            if self.includes.places {
                all.push(nation.location(*offer, fault));
            }
            if self.includes.people {
                all.extend(nation.people(*offer, fault).into_iter().flatten());
            }
        }
        all
    }
}

/// What a search is asked of.
pub(super) struct World<'w> {
    pub(super) nation: Nation,
    pub(super) base: &'w str,
    pub(super) fault: Option<Fault>,
    /// Whether the access profile sees more than what is free.
    pub(super) all: bool,
    pub(super) cut: usize,
}

pub(super) fn entry(base: &str, resource: Value, mode: &str) -> Value {
    let text = |name: &str| resource[name].as_str().unwrap_or_default().to_owned();
    let url = format!("{base}/{}/{}", text("resourceType"), text("id"));
    json!({ "fullUrl": url, "resource": resource, "search": { "mode": mode } })
}

fn criterion(name: &str, value: &str) -> Result<Criterion, String> {
    Ok(match name {
        "_lastUpdated" => {
            let (comparison, at) = bound(value)?;
            Criterion::Updated(comparison, at)
        }
        "organization._lastUpdated:above" => {
            let (comparison, at) = bound(value)?;
            Criterion::Above(comparison, at)
        }
        "_tag" => Criterion::Tag(code(value)),
        "identifier" => Criterion::Identifier(code(value)),
        "_id" => Criterion::Id(value.to_owned()),
        "organization.identifier" | "organization.identifier:above" => Criterion::Organisation(code(value)),
        "specialty" => Criterion::Activity(code(value)),
        "_filter" => Criterion::Either(filter(value)?),
        _ => {
            return Err(format!(
                "Unknown search parameter \"{name}\" for resource type \"HealthcareService\""
            ));
        }
    })
}

/// `system|code`, or `code`.
fn code(value: &str) -> String {
    value.rsplit('|').next().unwrap_or(value).to_owned()
}

fn bound(value: &str) -> Result<(Comparison, Timestamp), String> {
    let (comparison, at) = match (value.get(..2), value.get(2..)) {
        (Some("ge" | "gt"), Some(at)) => (Comparison::AtLeast, at),
        (Some("lt" | "le"), Some(at)) => (Comparison::Before, at),
        _ => return Err(format!("Invalid date/time format: {value}")),
    };
    Ok((comparison, instant(at).ok_or_else(|| format!("Invalid date/time format: {value}"))?))
}

/// A day, a minute, a second; in UTC unless it says otherwise.
fn instant(text: &str) -> Option<Timestamp> {
    let ends = ["", "Z", ":00Z", "T00:00:00Z"];
    ends.iter().find_map(|end| format!("{text}{end}").parse().ok())
}

/// `(_lastUpdated ge 2026-01-06T15:00 or organization._lastUpdated:above ge 2026-01-06T15:00)`: the one the guide gives.
fn filter(value: &str) -> Result<Vec<Criterion>, String> {
    let inside = value.trim().trim_start_matches('(').trim_end_matches(')');
    let one = |part: &str| match part.split_whitespace().collect::<Vec<_>>().as_slice() {
        [name, comparison, value] => criterion(name, &format!("{comparison}{value}")),
        _ => Err(format!("Unable to read _filter: {part}")),
    };
    inside.split(" or ").map(one).collect()
}

impl Criterion {
    fn fits(&self, nation: Nation, offer: Seed) -> bool {
        let within = |comparison: &Comparison, at: Timestamp, own: Timestamp| match comparison {
            Comparison::AtLeast => own >= at,
            Comparison::Before => own < at,
        };
        match self {
            Self::Updated(comparison, at) => within(comparison, *at, nation.updated(offer)),
            Self::Above(comparison, at) => {
                within(comparison, *at, nation.organisation_updated(offer.establishment))
            }
            Self::Tag(region) => Nation::region(offer.establishment) == region,
            Self::Identifier(id) => offer_id(offer) == *id,
            Self::Id(id) => technical_id(offer) == *id,
            Self::Organisation(id) => {
                let own = finess(offer.establishment);
                *id == own || *id == format!("1{own}") || *id == legal_finess(offer.establishment / 3)
            }
            Self::Activity(activity) => Nation::activity(offer) == activity,
            Self::Either(some) => some.iter().any(|criterion| criterion.fits(nation, offer)),
        }
    }
}
