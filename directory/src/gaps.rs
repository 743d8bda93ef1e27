//! Who cannot be written to, and why: no number in the register, or no mailbox.
//! In: a store, departments. Out: one line for each, with where and according to whom. Source: annuaires.md §11 « Coverage ».

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::civil::Date;
use jonction_model::{
    PersonId, StructureId,
    directory::{Coded, MailboxKind, PostalAddress, Source},
};
use serde::Serialize;

use crate::{Store, error::Error};

/// What somebody lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// Whoever holds a mailbox is not in the register under an RPPS number.
    Rpps,
    /// Whoever practises, or is open, has no mailbox.
    Mailbox,
}

/// One who cannot be written to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gap {
    /// What is missing.
    pub missing: Missing,
    /// `professionnel` or `structure`.
    pub who: &'static str,
    /// National identifier; may be empty, when that is what is missing.
    pub id: String,
    /// Name.
    pub name: String,
    /// Profession, or category.
    pub what: Coded,
    /// Structure where a professional practises.
    pub place: String,
    /// Postcode.
    pub postcode: String,
    /// Town.
    pub town: String,
    /// Department.
    pub department: String,
    /// The mailbox, for who has one and no number.
    pub address: String,
    /// Where it was read.
    pub source: Source,
    /// Day of that snapshot.
    pub date: Date,
}

/// Columns of the CSV.
pub const COLUMNS: [&str; 12] = [
    "manque",
    "qui",
    "identifiant",
    "nom",
    "code",
    "libelle",
    "structure",
    "code_postal",
    "commune",
    "code_departement",
    "source",
    "date_constat",
];

impl Gap {
    /// A row of the CSV.
    pub fn row(&self) -> String {
        let missing = if self.missing == Missing::Rpps { "rpps" } else { "boite" };
        let (source, date) = (self.source.to_string(), self.date.to_string());
        csv(&[
            missing,
            self.who,
            &self.id,
            &self.name,
            &self.what.code,
            &self.what.label,
            &self.place,
            &self.postcode,
            &self.town,
            &self.department,
            &source,
            &date,
        ])
    }
}

/// RFC 4180 with `;`; a cell a spreadsheet would take for a formula is neutralised.
pub(crate) fn csv(cells: &[impl AsRef<str>]) -> String {
    let cell = |text: &str| {
        let safe = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() };
        let safe = safe.replace(['\r', '\n'], " ");
        if safe.contains([';', '"']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
    };
    cells.iter().map(|text| cell(text.as_ref())).collect::<Vec<_>>().join(";")
}

/// Persons who read a mailbox.
pub(crate) fn readers(store: &Store) -> Result<HashSet<PersonId>, Error> {
    let mut readers = HashSet::new();
    store.each_mailbox(|found| {
        if found.record.ended.is_none() {
            readers.extend(found.record.holders.into_iter().filter_map(|holder| holder.person));
        }
        Ok(())
    })?;
    Ok(readers)
}

/// Tells everybody who lacks that, in the order of the register. `departments`: empty for everywhere.
pub fn gaps(
    store: &Store,
    missing: Missing,
    departments: &BTreeSet<String>,
    today: Date,
    mut tell: impl FnMut(Gap) -> Result<(), Error>,
) -> Result<(), Error> {
    let inside =
        |address: &PostalAddress| departments.is_empty() || departments.contains(address.department());
    match missing {
        Missing::Mailbox => {
            persons_without_mailbox(store, &inside, departments.is_empty(), &mut tell)?;
            structures_without_mailbox(store, &inside, today, &mut tell)
        }
        Missing::Rpps => without_number(store, &inside, departments.is_empty(), &mut tell),
    }
}

type Tell<'t> = &'t mut dyn FnMut(Gap) -> Result<(), Error>;
type Inside<'i> = &'i dyn Fn(&PostalAddress) -> bool;

fn gap(missing: Missing, who: &'static str, address: &PostalAddress, source: Source, date: Date) -> Gap {
    Gap {
        missing,
        who,
        id: String::new(),
        name: String::new(),
        what: Coded::default(),
        place: String::new(),
        postcode: address.postcode.clone(),
        town: address.town().to_owned(),
        department: address.department().to_owned(),
        address: String::new(),
        source,
        date,
    }
}

fn persons_without_mailbox(
    store: &Store,
    inside: Inside<'_>,
    everywhere: bool,
    tell: Tell<'_>,
) -> Result<(), Error> {
    let readers = readers(store)?;
    store.each_professional(|found| {
        let person = &found.record;
        if !person.practises() || readers.contains(&person.id) {
            return Ok(());
        }
        let at = |practice: &&jonction_model::directory::Practice| {
            practice.site.as_ref().map_or(everywhere, |site| inside(&site.address))
        };
        let Some(practice) = person.practices.iter().find(at) else { return Ok(()) };
        let site = practice.site.as_deref();
        let address = site.map(|site| site.address.clone()).unwrap_or_default();
        tell(Gap {
            id: person.id.as_str().to_owned(),
            name: format!("{} {}", person.given, person.family).trim().to_owned(),
            what: practice.profession.clone(),
            place: site.map(|site| site.label().to_owned()).unwrap_or_default(),
            ..gap(Missing::Mailbox, "professionnel", &address, found.source, found.date)
        })
    })
}

fn structures_without_mailbox(
    store: &Store,
    inside: Inside<'_>,
    today: Date,
    tell: Tell<'_>,
) -> Result<(), Error> {
    let mut with: HashSet<StructureId> = HashSet::new();
    store.each_mailbox(|found| {
        if found.record.ended.is_none() && found.record.kind != MailboxKind::Per {
            with.extend(found.record.holders.into_iter().filter_map(|holder| holder.structure));
        }
        Ok(())
    })?;
    store.each_structure(|found| {
        let site = &found.record;
        let id = site.national_id().filter(|id| !with.contains(id));
        let Some(id) = id.filter(|_| !site.legal && !site.finess.is_empty()) else { return Ok(()) };
        if !site.is_open(today) || !inside(&site.address) {
            return Ok(());
        }
        tell(Gap {
            id: id.as_str().to_owned(),
            name: site.label().to_owned(),
            what: site.category.clone(),
            ..gap(Missing::Mailbox, "structure", &site.address, found.source, found.date)
        })
    })
}

/// Holders of personal mailboxes whom the register does not know, or knows under another kind of number.
fn without_number(store: &Store, inside: Inside<'_>, everywhere: bool, tell: Tell<'_>) -> Result<(), Error> {
    let mut known: HashMap<PersonId, bool> = HashMap::new();
    store.each_professional(|found| {
        known.insert(found.record.id.clone(), found.record.practises());
        Ok(())
    })?;
    store.each_mailbox(|found| {
        if found.record.ended.is_some() || found.record.kind == MailboxKind::Org {
            return Ok(());
        }
        for holder in &found.record.holders {
            let numbered = holder.person.as_ref().is_some_and(|id| {
                id.as_str().len() == 12 && id.as_str().starts_with('8') && known.get(id) == Some(&true)
            });
            let address = holder.site.as_ref().map(|site| site.address.clone());
            if numbered || !address.as_ref().map_or(everywhere, inside) {
                continue;
            }
            tell(Gap {
                id: holder.person.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default(),
                name: format!("{} {}", holder.given, holder.family).trim().to_owned(),
                what: holder.profession.clone(),
                place: holder.site.as_ref().map(|site| site.label().to_owned()).unwrap_or_default(),
                address: found.record.address.clone(),
                ..gap(Missing::Rpps, "professionnel", &address.unwrap_or_default(), found.source, found.date)
            })?;
        }
        Ok(())
    })
}
