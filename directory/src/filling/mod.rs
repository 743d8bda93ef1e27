//! « ROR alimenté » (socle 3): which establishments describe all their offers, and what is missing from the others.
//! In: FINESS for who is in the perimeter, offers of the ROR, rules that count. Out: a line per establishment and field,
//! and rates against targets. Source: annuaires.md §10 (ROR-BI, the national SQL, as of 2026); the milestones of 2020 have no
//! published formula.

mod lines;
mod perimeter;
mod rules;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::civil::Date;
use jonction_model::directory::Source;
use serde::Serialize;

use crate::{Store, error::Error};
pub use lines::{COLUMNS, Incomplete, Line, Status};
use lines::{Judged, line};
pub use perimeter::{Domain, Field};
use perimeter::{OUTSIDE, fields};
pub use rules::{RULES, Rule};

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
mod tests;
