//! « ROR alimenté » (socle 3): which establishments describe all their offers, and what is missing from the others.
//! In: FINESS for who is in the perimeter, offers of the ROR, rules that count. Out: a line per establishment and field,
//! and rates against targets. Source: annuaires.md §10 (ROR-BI, the national SQL, as of 2026); the milestones of 2020 have no
//! published formula.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use jiff::civil::Date;
use jonction_model::directory::{Offer, Source, Structure};
use serde::{Serialize, Serializer};

use crate::{Store, error::Error, gaps::csv, regional::region_of};

/// What an offer must say to be complete.
pub struct Rule {
    /// Name in settings and files.
    pub name: &'static str,
    /// What is missing when it does not hold, in French.
    pub missing: &'static str,
    holds: fn(&Offer, category: &str) -> bool,
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

/// Who is asked to fill the ROR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Domain {
    /// Établissements de santé.
    Hospitals,
    /// Établissements et services médico-sociaux.
    Esms,
    /// Coordination and town: told, without target.
    Others,
}

/// A field an establishment is counted in. One establishment may be in several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// Médecine, chirurgie, obstétrique.
    Mco,
    /// Soins médicaux et de réadaptation.
    Smr,
    /// Psychiatrie.
    Psy,
    /// Hospital whose authorisations are not known: counted once, with all its offers.
    Hospital,
    /// Personnes âgées.
    Elderly,
    /// Handicap.
    Disability,
    /// Domicile.
    HomeCare,
    /// Other medico-social.
    OtherEsms,
    /// Coordination.
    Coordination,
    /// Ville.
    Town,
}

impl Field {
    /// Every field with its domain, its name in French, and the code of the offers that count in it (TRE_R227).
    pub const ALL: [(Field, Domain, &'static str, Option<&'static str>); 10] = [
        (Self::Mco, Domain::Hospitals, "MCO", Some("01")),
        (Self::Smr, Domain::Hospitals, "SMR", Some("02")),
        (Self::Psy, Domain::Hospitals, "PSY", Some("03")),
        (Self::Hospital, Domain::Hospitals, "établissements de santé", None),
        (Self::Elderly, Domain::Esms, "personnes âgées", None),
        (Self::Disability, Domain::Esms, "handicap", None),
        (Self::HomeCare, Domain::Esms, "domicile", None),
        (Self::OtherEsms, Domain::Esms, "autres médico-social", None),
        (Self::Coordination, Domain::Others, "coordination", None),
        (Self::Town, Domain::Others, "ville", None),
    ];

    fn row(self) -> (Domain, &'static str, Option<&'static str>) {
        let (_, domain, name, code) = Self::ALL[self as usize];
        (domain, name, code)
    }

    /// Its domain.
    pub fn domain(self) -> Domain {
        self.row().0
    }

    /// Its name in French.
    pub fn name(self) -> &'static str {
        self.row().1
    }
}

/// Categories of hospitals (TRE_R66).
const HOSPITALS: [&str; 28] = [
    "101", "106", "109", "114", "122", "127", "128", "129", "131", "141", "146", "156", "161", "166", "292",
    "355", "362", "365", "366", "412", "415", "425", "430", "444", "638", "696", "697", "698",
];
/// Hospitals that need no authorisation to be counted, and in which field.
const WITHOUT_AUTHORISATION: [(&[&str], Field); 2] = [
    (&["156", "161", "166", "292", "366", "412", "415", "425", "430", "444"], Field::Psy),
    (&["638"], Field::Mco),
];
const HOME_CARE: [&str; 3] = ["209", "354", "460"];
/// Categories of the others.
const OTHERS: [(&[&str], Field); 6] = [
    (&["202", "207", "381", "500", "501", "502"], Field::Elderly),
    (
        &[
            "182", "183", "186", "188", "189", "190", "192", "194", "195", "196", "198", "221", "238", "246",
            "249", "252", "253", "255", "370", "377", "379", "382", "390", "395", "396", "402", "437", "445",
            "446", "448", "449",
        ],
        Field::Disability,
    ),
    (&HOME_CARE, Field::HomeCare),
    (&["165", "178", "180", "197", "213", "228", "231", "608"], Field::OtherEsms),
    (&["604", "606"], Field::Coordination),
    (&["603", "617", "618"], Field::Town),
];
/// Activities by which a hospital is authorised. A form HAD counts as MCO nationally; FINESS does not tell it apart here.
const AUTHORISED: [(&[&str], Field); 3] = [
    (
        &[
            "01", "02", "03", "07", "09", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "80",
            "81", "82", "83", "84", "85", "86", "87", "88",
        ],
        Field::Mco,
    ),
    (&["50", "51", "52", "53", "54", "55", "56", "57", "58", "59"], Field::Smr),
    (&["04"], Field::Psy),
];
/// Saint-Pierre-et-Miquelon is not in the perimeter.
const OUTSIDE: &str = "975";

/// Fields a site is counted in; none when it is not in the perimeter. `authorisations`: whether FINESS told any.
fn fields(site: &Structure, authorisations: bool) -> BTreeSet<Field> {
    let category = site.category.code.as_str();
    let of = |rows: &[(&[&str], Field)]| -> Vec<Field> {
        rows.iter().filter(|(codes, _)| codes.contains(&category)).map(|(_, field)| *field).collect()
    };
    if !HOSPITALS.contains(&category) {
        return of(&OTHERS).into_iter().collect();
    }
    if !authorisations {
        return BTreeSet::from([Field::Hospital]);
    }
    let authorised = AUTHORISED
        .iter()
        .filter(|(codes, _)| site.activities.iter().any(|own| codes.contains(&own.as_str())));
    authorised.map(|(_, field)| *field).chain(of(&WITHOUT_AUTHORISATION)).collect()
}

/// How far an establishment is, in one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// At least one offer, all complete.
    Done,
    /// Offers, not all complete.
    Ongoing,
    /// No offer.
    ToDo,
}

impl Status {
    /// Its name in French.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "finalisé",
            Self::Ongoing => "en cours",
            Self::ToDo => "à faire",
        }
    }
}

/// An offer that is not complete.
#[derive(Clone, Serialize)]
pub struct Incomplete {
    /// National identifier.
    pub id: String,
    /// Rules that do not hold.
    pub rules: Vec<&'static Rule>,
}

/// One establishment in one field.
#[derive(Clone, Serialize)]
pub struct Line {
    /// FINESS.
    pub finess: String,
    /// Name.
    pub name: String,
    /// Category (TRE_R66).
    pub category: String,
    /// Field.
    pub field: Field,
    /// Department.
    pub department: String,
    /// Region; empty when the department is of none.
    pub region: &'static str,
    /// How far it is.
    pub status: Status,
    /// Offers that count.
    pub offers: u64,
    /// Those to put right, with what is missing.
    pub incomplete: Vec<Incomplete>,
}

/// Columns of the CSV.
pub const COLUMNS: [&str; 10] = [
    "finess",
    "nom",
    "categorie",
    "champ",
    "departement",
    "region",
    "statut",
    "offres",
    "offres_incompletes",
    "a_corriger",
];

impl Line {
    /// The line of the CSV.
    pub fn row(&self) -> String {
        let told: Vec<String> = self
            .incomplete
            .iter()
            .map(|one| {
                let rules: Vec<&str> = one.rules.iter().map(|rule| rule.name).collect();
                format!("{} : {}", one.id, rules.join(", "))
            })
            .collect();
        csv(&[
            &self.finess,
            &self.name,
            &self.category,
            self.field.name(),
            &self.department,
            self.region,
            self.status.name(),
            &self.offers.to_string(),
            &self.incomplete.len().to_string(),
            &told.join(" | "),
        ])
    }
}

/// What counts, and what is aimed at.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Rules an offer must fulfil.
    pub rules: Vec<&'static Rule>,
    /// Share of hospitals, from 0 to 1.
    pub hospitals: f64,
    /// Share of ESMS.
    pub esms: f64,
    /// Steps towards it.
    pub steps: Vec<f64>,
}

impl Default for Wanted {
    /// All the rules; 100 % of hospitals; 30 % of ESMS, by steps of 10. Source: e-parcours.md §2.5 socle 3.
    fn default() -> Self {
        Self { rules: RULES.iter().collect(), hospitals: 1.0, esms: 0.3, steps: vec![0.1, 0.2, 0.3] }
    }
}

/// Establishments counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// In the perimeter.
    pub perimeter: u64,
    /// All their offers complete.
    pub done: u64,
    /// Offers, not all complete.
    pub ongoing: u64,
    /// No offer.
    pub to_do: u64,
}

impl Count {
    fn take(&mut self, status: Status) {
        self.perimeter += 1;
        match status {
            Status::Done => self.done += 1,
            Status::Ongoing => self.ongoing += 1,
            Status::ToDo => self.to_do += 1,
        }
    }

    /// Share that is done, from 0 to 1; 0 of nobody.
    #[expect(clippy::cast_precision_loss, reason = "counts of establishments")]
    pub fn rate(&self) -> f64 {
        if self.perimeter == 0 { 0.0 } else { self.done as f64 / self.perimeter as f64 }
    }
}

/// The whole report, without its lines.
#[derive(Serialize)]
pub struct Summary {
    /// Day it was made.
    pub day: Date,
    /// Last day of its quarter: what the national indicator is dated with.
    pub quarter_end: Date,
    /// By field.
    pub fields: BTreeMap<Field, Count>,
    /// By domain.
    pub domains: BTreeMap<Domain, Count>,
    /// By region (INSEE code); under an empty one, what is of none.
    pub regions: BTreeMap<&'static str, Count>,
    /// By department.
    pub departments: BTreeMap<String, Count>,
    /// How often each rule does not hold, over the offers that count.
    pub missing: BTreeMap<&'static str, u64>,
    /// Whether FINESS told authorisations: without, hospitals are counted once instead of by field.
    pub authorisations: bool,
    /// Whether the target of hospitals is reached.
    pub hospitals_reached: bool,
    /// Whether that of ESMS is.
    pub esms_reached: bool,
    /// Highest step that ESMS reached.
    pub esms_step: Option<f64>,
}

/// What is known of an offer once it was judged.
struct Judged {
    field: String,
    incomplete: Option<Incomplete>,
}

/// Makes the report. `departments`: those only; all when empty. Lines come in the order of FINESS.
/// Errors: [`Error::NeverPulled`] when FINESS, which tells the perimeter, was never pulled.
pub fn filling(
    store: &Store,
    wanted: &Wanted,
    departments: &BTreeSet<String>,
    today: Date,
    mut tell: impl FnMut(Line) -> Result<(), Error>,
) -> Result<Summary, Error> {
    if store.snapshot(Source::Finess)?.is_none() {
        return Err(Error::NeverPulled);
    }
    let mut sites = Vec::new();
    let mut authorisations = false;
    store.each_structure(|found| {
        let site = found.record;
        let mine = found.source == Source::Finess && !site.legal && !site.finess.is_empty();
        authorisations |= mine && !site.activities.is_empty();
        let department = site.address.department();
        let inside = department != OUTSIDE && (departments.is_empty() || departments.contains(department));
        if mine && inside && site.opened.is_some() && site.is_open(today) {
            sites.push(site);
        }
        Ok(())
    })?;
    let mut offers = offers(store, wanted, today)?;
    sites.retain(|site| !fields(site, authorisations).is_empty());
    sites.sort_by(|a, b| a.finess.cmp(&b.finess));
    let mut summary = Summary::new(today, authorisations);
    for site in sites {
        let own = offers.remove(&format!("1{}", site.finess)).unwrap_or_default();
        for field in fields(&site, authorisations) {
            let line = line(&site, field, &own);
            summary.take(&line);
            tell(line)?;
        }
    }
    summary.judge(wanted);
    Ok(summary)
}

/// Offers by establishment, judged. Those closed for good do not count.
fn offers(store: &Store, wanted: &Wanted, today: Date) -> Result<HashMap<String, Vec<Judged>>, Error> {
    let mut all: HashMap<String, Vec<Judged>> = HashMap::new();
    store.each_offer(|found| {
        let offer = found.record;
        let Some(structure) = offer.structure.as_ref().filter(|_| !offer.is_closed_for_good(today)) else {
            return Ok(());
        };
        let category = offer.structure_category.code.as_str();
        let rules = wanted.rules.iter().filter(|rule| !(rule.holds)(&offer, category)).copied();
        let rules: Vec<&'static Rule> = rules.collect();
        let incomplete = (!rules.is_empty()).then(|| Incomplete { id: offer.id.clone(), rules });
        let judged = Judged { field: offer.field.code.clone(), incomplete };
        all.entry(structure.as_str().to_owned()).or_default().push(judged);
        Ok(())
    })?;
    Ok(all)
}

fn line(site: &Structure, field: Field, offers: &[Judged]) -> Line {
    let (_, _, code) = field.row();
    let counted: Vec<&Judged> =
        offers.iter().filter(|offer| code.is_none_or(|code| offer.field == code)).collect();
    let mut incomplete: Vec<Incomplete> =
        counted.iter().filter_map(|offer| offer.incomplete.clone()).collect();
    incomplete.sort_by(|a, b| a.id.cmp(&b.id));
    let status = match (counted.len(), incomplete.len()) {
        (0, _) => Status::ToDo,
        (_, 0) => Status::Done,
        _ => Status::Ongoing,
    };
    let department = site.address.department().to_owned();
    Line {
        finess: site.finess.clone(),
        name: site.label().to_owned(),
        category: site.category.code.clone(),
        field,
        region: region_of(&department).unwrap_or_default(),
        department,
        status,
        offers: counted.len() as u64,
        incomplete,
    }
}

impl Summary {
    fn new(day: Date, authorisations: bool) -> Self {
        let month = (day.month() + 2) / 3 * 3;
        let quarter_end = Date::new(day.year(), month, 1).map_or(day, Date::last_of_month);
        Self {
            day,
            quarter_end,
            fields: BTreeMap::new(),
            domains: BTreeMap::new(),
            regions: BTreeMap::new(),
            departments: BTreeMap::new(),
            missing: BTreeMap::new(),
            authorisations,
            hospitals_reached: false,
            esms_reached: false,
            esms_step: None,
        }
    }

    fn take(&mut self, line: &Line) {
        self.fields.entry(line.field).or_default().take(line.status);
        self.domains.entry(line.field.domain()).or_default().take(line.status);
        self.regions.entry(line.region).or_default().take(line.status);
        self.departments.entry(line.department.clone()).or_default().take(line.status);
        for rule in line.incomplete.iter().flat_map(|one| &one.rules) {
            *self.missing.entry(rule.name).or_default() += 1;
        }
    }

    fn judge(&mut self, wanted: &Wanted) {
        let rate = |domain| self.domains.get(&domain).map(Count::rate);
        // Nobody in the perimeter: nothing is owed.
        self.hospitals_reached = rate(Domain::Hospitals).is_none_or(|rate| rate >= wanted.hospitals);
        self.esms_reached = rate(Domain::Esms).is_none_or(|rate| rate >= wanted.esms);
        let esms = rate(Domain::Esms).unwrap_or_default();
        self.esms_step = wanted.steps.iter().copied().filter(|step| esms >= *step).reduce(f64::max);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jonction_model::{
        ManualClock, StructureId,
        directory::{Coded, Contact, Record},
    };
    use jonction_ports::Records as _;

    use super::*;
    use crate::{Judge, Snapshot};

    fn day() -> Date {
        "2026-02-10".parse().unwrap()
    }

    fn site(finess: &str, category: &str, activities: &[&str]) -> Structure {
        let mut site = Structure {
            finess: finess.into(),
            category: Coded::new(category, ""),
            activities: activities.iter().map(|code| (*code).to_owned()).collect(),
            opened: "2000-01-01".parse().ok(),
            ..Structure::default()
        };
        site.address.commune = "59350".into();
        site
    }

    fn offer(id: &str, finess: &str, field: &str) -> Offer {
        let mut offer = Offer {
            id: id.into(),
            field: Coded::new(field, ""),
            activities: vec![Coded::new("031", "")],
            care_mode: Coded::new("28", ""),
            age_min: Some(18),
            age_max: Some(90),
            structure: Some(StructureId::prefixed(&format!("1{finess}"))),
            contacts: vec![Contact {
                function: Coded::new("06", ""),
                channel: Coded::new("2", ""),
                value: "0199000000".into(),
                confidentiality: Coded::new("1", ""),
                mss: false,
            }],
            ..Offer::default()
        };
        offer.address.street = "des essais".into();
        offer.address.commune_name = "LILLE".into();
        offer.address.postcode = "59000".into();
        offer
    }

    fn report(sites: &[Structure], offers: &[Offer], wanted: &Wanted) -> (Vec<Line>, Summary) {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at("2026-02-10T08:00:00Z".parse().unwrap()));
        let store = Store::open(folder.path(), clock).unwrap();
        let put = |source, records: Vec<Record>| {
            let mut pull = store.draft(source).unwrap();
            for record in records {
                pull.draft.put(record).unwrap();
            }
            let date = "2026-02-10T03:00:00Z".parse().unwrap();
            let snapshot = Snapshot { name: "essai".into(), date, sha256: String::new(), bytes: 0 };
            store.commit(pull, snapshot, Judge::Accepted).unwrap();
        };
        put(Source::Finess, sites.iter().map(|site| Record::Structure(Box::new(site.clone()))).collect());
        put(Source::Ror, offers.iter().map(|offer| Record::Offer(Box::new(offer.clone()))).collect());
        let mut lines = Vec::new();
        let summary = filling(&store, wanted, &BTreeSet::new(), day(), |line| {
            lines.push(line);
            Ok(())
        });
        (lines, summary.unwrap())
    }

    #[test]
    fn an_establishment_is_done_when_all_its_offers_are_complete() {
        let sites =
            [site("590000001", "500", &[]), site("590000002", "500", &[]), site("590000003", "500", &[])];
        let mut lacking = offer("C", "590000002", "04");
        lacking.age_max = None;
        lacking.address.postcode.clear();
        let offers = [offer("A", "590000001", "04"), offer("B", "590000002", "04"), lacking];
        let (lines, summary) = report(&sites, &offers, &Wanted::default());
        let told: Vec<(&str, Status)> =
            lines.iter().map(|line| (line.finess.as_str(), line.status)).collect();
        assert_eq!(
            told,
            [("590000001", Status::Done), ("590000002", Status::Ongoing), ("590000003", Status::ToDo)]
        );
        let names: Vec<&str> = lines[1].incomplete[0].rules.iter().map(|rule| rule.name).collect();
        assert_eq!(names, ["ages", "adresse"]);
        assert!(lines[1].row().ends_with("en cours;2;1;C : ages, adresse"), "{}", lines[1].row());
        assert_eq!(summary.domains[&Domain::Esms], Count { perimeter: 3, done: 1, ongoing: 1, to_do: 1 });
        assert_eq!((summary.esms_reached, summary.esms_step), (true, Some(0.3)));
        assert_eq!(summary.quarter_end, "2026-03-31".parse().unwrap());
        assert_eq!((lines[0].region, lines[0].department.as_str()), ("32", "59"));
    }

    #[test]
    fn each_rule_alone_makes_an_offer_incomplete_and_may_be_left_out() {
        type Spoil = fn(&mut Offer);
        let spoilt: [(&str, Spoil); 7] = [
            ("champ-activite", |offer| offer.field = Coded::default()),
            ("mode-prise-en-charge", |offer| offer.care_mode = Coded::default()),
            ("ages", |offer| offer.age_min = None),
            ("activite", |offer| offer.activities.clear()),
            ("adresse", |offer| offer.address.street.clear()),
            ("contact", |offer| offer.contacts[0].confidentiality = Coded::default()),
            ("categorie", |offer| offer.structure_category = Coded::new("209", "")),
        ];
        let sites = [site("590000001", "500", &[])];
        for (name, spoil) in spoilt {
            let mut offer = offer("A", "590000001", "04");
            spoil(&mut offer);
            let (lines, _) = report(&sites, &[offer.clone()], &Wanted::default());
            assert_eq!(lines[0].incomplete[0].rules.len(), 1, "{name}");
            assert_eq!(lines[0].incomplete[0].rules[0].name, name);
            let rules = RULES.iter().filter(|rule| rule.name != name).collect();
            let (lines, _) = report(&sites, &[offer], &Wanted { rules, ..Wanted::default() });
            assert_eq!(lines[0].status, Status::Done, "{name} left out");
        }
    }

    #[test]
    fn a_hospital_counts_in_each_field_it_is_authorised_for_with_the_offers_of_that_field() {
        let sites = [
            site("590000001", "101", &["01", "50"]),
            site("590000002", "355", &[]),
            site("590000003", "156", &[]),
        ];
        let offers = [offer("A", "590000001", "01")];
        let (lines, summary) = report(&sites, &offers, &Wanted::default());
        let told: Vec<_> = lines.iter().map(|line| (line.finess.as_str(), line.field, line.status)).collect();
        assert_eq!(
            told,
            [
                ("590000001", Field::Mco, Status::Done),
                ("590000001", Field::Smr, Status::ToDo),
                // No authorisation, no perimeter; but psychiatry needs none.
                ("590000003", Field::Psy, Status::ToDo),
            ]
        );
        assert!(summary.authorisations && !summary.hospitals_reached);
    }

    #[test]
    fn without_authorisations_a_hospital_is_counted_once_with_all_its_offers() {
        let sites = [site("590000001", "101", &[])];
        let offers = [offer("A", "590000001", "01"), offer("B", "590000001", "02")];
        let (lines, summary) = report(&sites, &offers, &Wanted::default());
        assert_eq!((lines.len(), lines[0].field, lines[0].offers), (1, Field::Hospital, 2));
        assert!(!summary.authorisations && summary.hospitals_reached);
    }

    #[test]
    fn what_is_closed_is_outside_and_an_offer_closed_for_good_does_not_count() {
        let mut closed = site("590000001", "500", &[]);
        closed.closed = "2025-01-01".parse().ok();
        let mut never_opened = site("590000002", "500", &[]);
        never_opened.opened = None;
        let mut ended = offer("A", "590000003", "04");
        ended.closed = "2025-12-31".parse().ok();
        let (lines, _) =
            report(&[closed, never_opened, site("590000003", "500", &[])], &[ended], &Wanted::default());
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].status, Status::ToDo);
    }
}
