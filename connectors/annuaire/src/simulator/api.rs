//! The FHIR API, simulated: search, pages behind opaque links, changes and ends, reading by id.
//! In: a request. Out: a Bundle written as the national server writes it, links last. Source: annuaires.md §2.2, §2.3, §9.1.
//! Deliberately absent: HealthcareService and Device, chained parameters, writing.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use jonction_simkit::FaultPlan;
use jonction_web::{
    Body, Reply,
    server::Arrived,
    url::{decode_query, encode},
};
use serde_json::{Value, json};

use super::{
    faults::{API_FAULTS, ApiFault},
    generate::{Boxes, Kind, Nation, Told},
};
use crate::api::KEY_HEADER;

/// Where the API stands.
pub(super) const BASE: &str = "/fhir/v2/";
const JSON: &str = "application/fhir+json;charset=UTF-8";
/// Resources a page, unless asked otherwise.
const COUNT: usize = 50;
const COUNT_MAX: usize = 10_000;
/// Ends are told for so long.
const MEMORY: SignedDuration = SignedDuration::from_hours(30 * 24);
/// A search of more resources than that is slow, with that fault.
const SLOW_FROM: usize = 100;
/// Parameters every search takes.
const COMMON: [&str; 9] =
    ["_id", "_lastUpdated", "_count", "_total", "_include", "_revinclude", "_format", "_pretty", "active"];

/// The API of a nation.
pub(super) struct Api {
    pub(super) faults: FaultPlan<ApiFault>,
    key: String,
    boxes: Boxes,
    began: Timestamp,
    secure: bool,
}

/// What a search looks for, page after page. The link of the next page says all of it.
struct Search {
    kind: Kind,
    fields: Vec<(String, String)>,
    /// Number, and resources of that number already told.
    from: (u64, usize),
    day: u64,
    pages: u64,
}

impl Api {
    pub(super) fn new(nation: &Nation, key: String, began: Timestamp, secure: bool, seed: u64) -> Self {
        Self { faults: FaultPlan::none(API_FAULTS, seed), key, boxes: nation.boxes(), began, secure }
    }

    /// Answers a request below [`BASE`].
    pub(super) fn answer(&self, arrived: &Arrived, nation: &Nation, day: u64) -> Reply {
        let now = self.began + SignedDuration::from_hours(i64::try_from(day).unwrap_or(0) * 24);
        let reply = self.reply(arrived, nation, day);
        match rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now) {
            Ok(date) => reply.header("date", date),
            Err(_) => reply,
        }
    }

    fn reply(&self, arrived: &Arrived, nation: &Nation, day: u64) -> Reply {
        let path = arrived.route().strip_prefix(BASE).unwrap_or_default();
        if path == "metadata" {
            return Reply::new(200, JSON, capabilities().to_string());
        }
        if arrived.header(KEY_HEADER) != self.key {
            return outcome(401, "the api key is missing or unknown");
        }
        let fault = self.faults.draw();
        match fault {
            Some(ApiFault::RateLimit) => return Reply::status(429).header("retry-after", "7"),
            Some(ApiFault::RateLimitBare) => return Reply::status(429),
            Some(ApiFault::Unavailable) => return Reply::status(503),
            Some(ApiFault::Internal) => return Reply::status(500),
            Some(ApiFault::Drop) => return Reply { status: 200, headers: Vec::new(), body: Body::None },
            Some(ApiFault::Html) => return Reply::new(200, "text/html", "<html>Maintenance en cours</html>"),
            Some(ApiFault::UnknownParameter) => {
                return outcome(400, "Parameter _count not found for resource");
            }
            _ => {}
        }
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["_page"] => {
                let token = decode_query(&arrived.path).into_iter().find(|(name, _)| name == "id");
                let search = token.and_then(|(_, token)| Search::of_token(&token));
                match search.filter(|_| fault != Some(ApiFault::ExpiredNext)) {
                    Some(search) => self.page(&search, arrived, nation, fault),
                    None => outcome(500, "The url can't be processed. Maybe it is too old or corrupted."),
                }
            }
            [kind] | [kind, "_search"] => {
                let Some(kind) = Kind::of(kind) else { return outcome(404, "Unknown resource type") };
                let mut fields = decode_query(&arrived.path);
                if arrived.method == "POST" {
                    fields.extend(decode_query(&format!(
                        "?{}",
                        std::str::from_utf8(&arrived.body).unwrap_or_default()
                    )));
                }
                if let Some((name, _)) = fields.iter().find(|(name, _)| !is_known(kind, name)) {
                    return outcome(400, &format!("Parameter {name} not found for resource {}", kind.name()));
                }
                self.page(&Search { kind, fields, from: (0, 0), day, pages: 0 }, arrived, nation, fault)
            }
            [kind, id] => {
                let found = Kind::of(kind).and_then(|kind| {
                    let number = nation.number_of(kind, id)?;
                    nation.told(kind, number, &self.boxes).into_iter().find(|told| told.id == *id)
                });
                match found {
                    Some(told) => Reply::new(200, JSON, self.resource(told).to_string()),
                    None => outcome(404, "Resource not found"),
                }
            }
            _ => outcome(404, "Unknown resource type"),
        }
    }

    /// One page of a search, from where it stands.
    fn page(&self, search: &Search, arrived: &Arrived, nation: &Nation, fault: Option<ApiFault>) -> Reply {
        let nation = nation.on_day(search.day);
        let count =
            search.field("_count").and_then(|text| text.parse().ok()).unwrap_or(COUNT).clamp(1, COUNT_MAX);
        let (found, next) = self.found(search, &nation, count);
        let mut entries: Vec<Value> = Vec::new();
        let origin =
            format!("{}://{}{BASE}", if self.secure { "https" } else { "http" }, arrived.header("host"));
        let entry = |told: Told, mode: &str| {
            let url =
                format!("{origin}{}/{}", told.resource["resourceType"].as_str().unwrap_or_default(), told.id);
            json!({ "fullUrl": url, "resource": self.resource(told), "search": { "mode": mode } })
        };
        let included = self.included(search, &found, &nation);
        let kept = |at: usize| fault != Some(ApiFault::Shrunk) || at % 10 < 4;
        entries.extend(
            found.into_iter().enumerate().filter(|(at, _)| kept(*at)).map(|(_, told)| entry(told, "match")),
        );
        entries.extend(included.into_iter().map(|told| entry(told, "include")));
        let mut links = Vec::new();
        let link = |relation: &str, url: String| json!({ "relation": relation, "url": url });
        let page = |search: &Search| format!("{origin}_page?id={}", search.token());
        match fault {
            Some(ApiFault::NextLoop) => {
                links.push(link("next", page(&Search { pages: search.pages + 1, ..search.copy() })))
            }
            Some(ApiFault::EmptyPages) => {
                entries.clear();
                links.push(link("next", page(&Search { pages: search.pages + 1, ..search.copy() })));
            }
            Some(ApiFault::ForeignNext) => {
                links.push(link("next", "https://annuaire.example/fhir/v2/_page?id=u00".to_owned()));
            }
            _ => {
                links.extend(next.map(|from| {
                    link("next", page(&Search { from, pages: search.pages + 1, ..search.copy() }))
                }))
            }
        }
        links.push(link("self", format!("{origin}{}", search.query())));
        let mut bundle = String::from(r#"{"resourceType":"Bundle","type":"searchset","id":"simulateur""#);
        if search.field("_total") == Some("accurate") && fault != Some(ApiFault::NoTotal) {
            bundle += &format!(r#","total":{}"#, self.total(search, &nation));
        }
        // FHIR knows no empty list.
        if !entries.is_empty() {
            bundle += &format!(r#","entry":{}"#, Value::Array(entries));
        }
        // The national server writes its links last: that they are there proves that the rest is.
        bundle += &format!(r#","link":{}}}"#, Value::Array(links));
        if fault == Some(ApiFault::Truncated) {
            bundle.truncate(bundle.floor_char_boundary(bundle.len() / 2));
        }
        let bytes = Bytes::from(bundle);
        match fault {
            Some(ApiFault::Cut) => Reply::new(200, JSON, bytes.clone()).cut_after(bytes.len() / 2),
            Some(ApiFault::Slow) if count > SLOW_FROM => Reply {
                status: 200,
                headers: vec![("content-type", JSON.to_owned())],
                body: Body::late(bytes, std::time::Duration::from_secs(120)),
            },
            _ => Reply::new(200, JSON, bytes),
        }
    }

    /// Resources of a page, and where the next one begins.
    fn found(&self, search: &Search, nation: &Nation, count: usize) -> (Vec<Told>, Option<(u64, usize)>) {
        let mut found = Vec::new();
        let numbers = search.numbers(nation);
        let from = numbers.partition_point(|number| *number < search.from.0);
        for number in &numbers[from..] {
            let skipped = if *number == search.from.0 { search.from.1 } else { 0 };
            let own = nation.told(search.kind, *number, &self.boxes);
            for (at, told) in own.into_iter().enumerate().skip(skipped) {
                if !self.matches(search, &told) {
                    continue;
                }
                if found.len() == count {
                    return (found, Some((*number, at)));
                }
                found.push(told);
            }
        }
        (found, None)
    }

    fn total(&self, search: &Search, nation: &Nation) -> usize {
        let of = |number: u64| {
            let own = nation.told(search.kind, number, &self.boxes);
            own.iter().filter(|told| self.matches(search, told)).count()
        };
        search.numbers(nation).into_iter().map(of).sum()
    }

    fn changed_at(&self, told: &Told) -> Timestamp {
        // In the night before the morning on which it is told.
        self.began + SignedDuration::from_hours(i64::try_from(told.changed).unwrap_or(0) * 24 - 3)
    }

    fn matches(&self, search: &Search, told: &Told) -> bool {
        let at = self.changed_at(told);
        let gone = told.resource["active"] == false;
        let today = self.began + SignedDuration::from_hours(i64::try_from(search.day).unwrap_or(0) * 24);
        let asked_changes = search.field("_lastUpdated").is_some();
        // An end is only told as a change, and not for ever.
        if gone && (!asked_changes && search.field("_id").is_none() || today.duration_since(at) > MEMORY) {
            return false;
        }
        search.fields.iter().all(|(name, value)| matches_field(name, value, told, at))
    }

    /// Resources that come with those found, each once a page.
    fn included(&self, search: &Search, found: &[Told], nation: &Nation) -> Vec<Told> {
        let asked = |name: &str, wanted: &[&str]| {
            search
                .fields
                .iter()
                .any(|(own, value)| own == name && (wanted.contains(&value.as_str()) || value == "*"))
        };
        let mut included: Vec<Told> = Vec::new();
        let add = |kind: Kind, reference: &str, found: &mut Vec<Told>| {
            let id = reference.rsplit('/').next().unwrap_or_default();
            let Some(number) = nation.number_of(kind, id) else { return };
            let told = nation.told(kind, number, &self.boxes).into_iter().find(|told| told.id == id);
            if let Some(told) = told.filter(|told| found.iter().all(|known| known.id != told.id)) {
                found.push(told);
            }
        };
        for told in found {
            let text = |name: &str| told.resource[name]["reference"].as_str().unwrap_or_default();
            if asked("_include", &["PractitionerRole:practitioner"]) {
                add(Kind::Practitioner, text("practitioner"), &mut included);
            }
            if asked("_include", &["PractitionerRole:organization"]) {
                add(Kind::Organization, text("organization"), &mut included);
            }
            if asked("_include", &["Organization:partof"]) {
                add(Kind::Organization, text("partOf"), &mut included);
            }
            if search.kind == Kind::Practitioner
                && asked("_revinclude", &["PractitionerRole:practitioner"])
                && let Some(number) = nation.number_of(Kind::Practitioner, &told.id)
            {
                let roles = nation.told(Kind::PractitionerRole, number, &self.boxes);
                included.extend(roles.into_iter().filter(|role| role.resource["active"] == true));
            }
        }
        included
    }

    /// A resource with what its server says of it.
    fn resource(&self, told: Told) -> Value {
        let mut resource = told.resource.clone();
        resource["meta"] = json!({
            "versionId": (told.changed + 1).to_string(),
            "lastUpdated": self.changed_at(&told).strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string(),
            "source": "https://annuaire.sante.fr",
        });
        resource
    }
}

fn is_known(kind: Kind, name: &str) -> bool {
    let own: &[&str] = match kind {
        Kind::Practitioner => &["identifier", "family", "given", "name"],
        Kind::PractitionerRole => &["identifier", "practitioner", "organization"],
        Kind::Organization => &["identifier", "name", "address-city", "address-postalcode"],
    };
    COMMON.contains(&name) || own.contains(&name)
}

/// One parameter: values separated by commas are any of them.
fn matches_field(name: &str, value: &str, told: &Told, at: Timestamp) -> bool {
    let resource = &told.resource;
    let any = |test: &dyn Fn(&str) -> bool| value.split(',').any(test);
    let starts = |text: &Value, wanted: &str| {
        text.as_str().is_some_and(|text| text.to_lowercase().starts_with(&wanted.to_lowercase()))
    };
    let refers = |member: &str, wanted: &str| {
        resource[member]["reference"]
            .as_str()
            .is_some_and(|own| own.ends_with(&format!("/{}", wanted.rsplit('/').next().unwrap_or_default())))
    };
    match name {
        "_id" => any(&|wanted| wanted == told.id),
        "_lastUpdated" => within(value, at),
        "active" => resource["active"] == (value == "true"),
        "identifier" => any(&|wanted| {
            let (system, wanted) =
                wanted.split_once('|').map_or((None, wanted), |(system, value)| (Some(system), value));
            let own = resource["identifier"].as_array().into_iter().flatten();
            own.into_iter()
                .any(|one| one["value"] == wanted && system.is_none_or(|system| one["system"] == system))
        }),
        "family" => any(&|wanted| starts(&resource["name"][0]["family"], wanted)),
        "given" => any(&|wanted| starts(&resource["name"][0]["given"][0], wanted)),
        "name" if resource["resourceType"] == "Organization" => {
            any(&|wanted| starts(&resource["name"], wanted))
        }
        "name" => any(&|wanted| {
            let own = &resource["name"][0];
            starts(&own["family"], wanted) || starts(&own["given"][0], wanted)
        }),
        "practitioner" | "organization" => any(&|wanted| refers(name, wanted)),
        "address-city" => any(&|wanted| starts(&resource["address"][0]["city"], wanted)),
        "address-postalcode" => any(&|wanted| starts(&resource["address"][0]["postalCode"], wanted)),
        _ => true,
    }
}

/// `ge2026-01-01`, `lt2026-01-02T03:00:00Z`: a day is its first moment.
fn within(asked: &str, at: Timestamp) -> bool {
    let at_prefix = asked.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
    let (prefix, text) = asked.split_at(at_prefix);
    let moment = text.parse().ok().or_else(|| format!("{text}T00:00:00Z").parse::<Timestamp>().ok());
    let Some(moment) = moment else { return false };
    match prefix {
        "ge" | "sa" => at >= moment,
        "gt" => at > moment,
        "le" | "eb" => at <= moment,
        "lt" => at < moment,
        _ => at == moment,
    }
}

impl Search {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    fn copy(&self) -> Self {
        Self { fields: self.fields.clone(), ..*self }
    }

    /// The numbers worth a look: those the question names, or all of them.
    fn numbers(&self, nation: &Nation) -> Vec<u64> {
        let all = 0..nation.count(self.kind);
        let mut named: Vec<u64> = match (self.field("_id"), self.field("identifier"), self.kind) {
            (Some(ids), _, kind) => ids.split(',').filter_map(|id| nation.number_of(kind, id)).collect(),
            (None, Some(asked), Kind::Practitioner) => {
                let wanted: Vec<&str> =
                    asked.split(',').map(|one| one.rsplit('|').next().unwrap_or_default()).collect();
                let rpps: Vec<&str> = wanted
                    .iter()
                    .map(|one| if one.len() == 12 { one.trim_start_matches('8') } else { one })
                    .collect();
                all.filter(|index| rpps.contains(&Nation::rpps_of(*index).as_str())).collect()
            }
            _ => return all.collect(),
        };
        named.sort_unstable();
        named.dedup();
        named
    }

    fn query(&self) -> String {
        let fields: Vec<String> =
            self.fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        format!("{}?{}", self.kind.name(), fields.join("&"))
    }

    /// `u`, as the national server marks a state that is inside the link, and the state.
    fn token(&self) -> String {
        let state = format!("{} {} {} {} {}", self.from.0, self.from.1, self.day, self.pages, self.query());
        state.bytes().fold(String::from("u"), |token, byte| token + &format!("{byte:02x}"))
    }

    fn of_token(token: &str) -> Option<Self> {
        let hex = token.strip_prefix('u').filter(|hex| hex.is_ascii() && hex.len() % 2 == 0)?;
        let bytes: Option<Vec<u8>> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect();
        let state = String::from_utf8(bytes?).ok()?;
        let mut parts = state.splitn(5, ' ');
        let mut number = || parts.next()?.parse::<u64>().ok();
        let (index, skip, day, pages) = (number()?, number()?, number()?, number()?);
        let query = parts.next()?;
        let kind = Kind::of(query.split('?').next()?)?;
        Some(Self {
            kind,
            fields: decode_query(query),
            from: (index, usize::try_from(skip).ok()?),
            day,
            pages,
        })
    }
}

fn outcome(status: u16, diagnostics: &str) -> Reply {
    let body = json!({ "resourceType": "OperationOutcome",
        "issue": [{ "severity": "error", "code": "exception", "diagnostics": diagnostics }] });
    Reply::new(status, JSON, body.to_string())
}

fn capabilities() -> Value {
    let resource =
        |kind: &str| json!({ "type": kind, "interaction": [{ "code": "read" }, { "code": "search-type" }] });
    let resources = ["Practitioner", "PractitionerRole", "Organization"].map(resource);
    json!({
        "resourceType": "CapabilityStatement", "status": "active", "date": "2026-06-30", "kind": "instance",
        "implementation": { "description": "Annuaire Santé simulé : tout y est fictif" },
        "fhirVersion": "4.0.1", "format": ["application/fhir+json"],
        "rest": [{ "mode": "server",
                   "resource": resources }],
    })
}
