//! One establishment in one field: how far it is, and what to put right in which offer.
//! In: a site, its judged offers. Out: a line, as a value and as CSV. Source: annuaires.md §10 « Output ».

use jonction_model::directory::Structure;
use serde::Serialize;

use super::{perimeter::Field, rules::Rule};
use crate::{gaps::csv, regions::region_of};

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

/// What is known of an offer once it was judged.
pub(super) struct Judged {
    pub(super) field: String,
    pub(super) incomplete: Option<Incomplete>,
}

pub(super) fn line(site: &Structure, field: Field, offers: &[Judged]) -> Line {
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
