//! A whole pull, read: persons put together with their roles and places, which the API tells apart.
//! In: the files of a spool. Out: records. Memory: two indexes of 16 bytes a resource, and one person at a time.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead as _, BufReader, Read},
};

use aws_lc_rs::digest::{Context, SHA256};
use jonction_fhir::{Node, Reference};
use jonction_model::directory::{Professional, Record};
use jonction_ports::{
    PullError,
    directory::Records,
    pull::{Facts, Intake, Remark, Snapshot},
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    links::{Writing, hash},
    resources::{self, Place, Resource, Role},
    spool::{Lines, Spool, on_disk},
};

/// Everything the API told, on disk.
pub(crate) struct ApiSnapshot {
    spool: Spool,
    facts: Facts,
}

impl ApiSnapshot {
    pub(crate) fn new(spool: Spool) -> Self {
        let began = spool.began();
        let name = format!("annuaire-fhir-{}", began.strftime("%Y%m%dT%H%M%SZ"));
        let facts = Facts { name, date: began, bytes: spool.bytes() };
        Self { spool, facts }
    }
}

/// The persons of one page that holds their roles and places too. Errors: the page is not whole.
pub fn read_page(bytes: &[u8]) -> Result<Vec<Professional>, String> {
    let mut told: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let page = jonction_fhir::read(bytes, jonction_fhir::Limits::default(), |entry| {
        told.entry(Node::of(&entry.resource).kind().to_owned()).or_default().push(entry.resource);
        Ok::<(), std::convert::Infallible>(())
    });
    if !page.map_err(|error| error.to_string())?.has_links {
        return Err("a page without links is not whole".to_owned());
    }
    let of = |kind: &str| told.get(kind).map_or(&[][..], Vec::as_slice);
    let place = |id: &str| {
        let own = of("Organization").iter().find(|one| one["id"] == id)?;
        Some(place_of(Node::of(own), None))
    };
    let person = |practitioner: &Value| {
        let id = practitioner["id"].as_str()?;
        let own = of("PractitionerRole")
            .iter()
            .filter(|role| Node::of(role).reference("practitioner").is_some_and(|to| to.id == id));
        let roles: Vec<Role> = own
            .map(|role| {
                let place = Node::of(role).reference("organization").and_then(|to| place(to.id));
                Role { resource: role.clone(), place }
            })
            .collect();
        resources::person(Node::of(practitioner), &roles).map(|(person, _)| person)
    };
    Ok(of("Practitioner").iter().filter_map(person).collect())
}

/// What a line is found by.
#[derive(Deserialize)]
struct Identified {
    #[serde(default)]
    id: String,
    #[serde(default)]
    practitioner: Referring,
}

#[derive(Default, Deserialize)]
struct Referring {
    #[serde(default)]
    reference: String,
}

fn by_id(line: &[u8]) -> Option<u64> {
    Some(hash(&serde_json::from_slice::<Identified>(line).ok()?.id))
}

fn by_practitioner(line: &[u8]) -> Option<u64> {
    let read: Identified = serde_json::from_slice(line).ok()?;
    Some(hash(Reference::of(&read.practitioner.reference)?.id))
}

/// An organisation by its technical id, with the entity it is part of.
pub(crate) fn place_of(organization: Node<'_>, legal: Option<&Value>) -> Place {
    resources::place(organization, legal.map(Node::of))
}

impl Snapshot for ApiSnapshot {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(
        &mut self,
        records: &mut dyn Records,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Intake, PullError> {
        let path = |kind| self.spool.path(kind);
        let mut organizations = Lines::open(&path(Resource::Organization), by_id).map_err(on_disk)?;
        let mut roles = Lines::open(&path(Resource::PractitionerRole), by_practitioner).map_err(on_disk)?;
        let mut told =
            Told { hash: Context::new(&SHA256), bytes: 0, rows: BTreeMap::new(), unnamed: 0, lost: 0 };
        each(&path(Resource::Organization), &mut told, progress, |organization, told| {
            let node = Node::of(&organization);
            if resources::is_gone(node) {
                return Ok(());
            }
            *told.rows.entry("Organization".to_owned()).or_default() += 1;
            let place = at(&mut organizations, node)?;
            let held = resources::holdings_of(node, &place.structure);
            records.put(Record::Structure(Box::new(place.structure)))?;
            Ok(held.map_or(Ok(()), |held| records.put(Record::Holdings(Box::new(held))))?)
        })?;
        let mut links = Writing::new();
        each(&path(Resource::Practitioner), &mut told, progress, |practitioner, told| {
            let node = Node::of(&practitioner);
            if resources::is_gone(node) {
                return Ok(());
            }
            *told.rows.entry("Practitioner".to_owned()).or_default() += 1;
            let mut own = Vec::new();
            for resource in roles.get(node.text("id")).map_err(on_disk)? {
                let role = Node::of(&resource);
                if resources::is_gone(role) {
                    continue;
                }
                *told.rows.entry("PractitionerRole".to_owned()).or_default() += 1;
                let place = match role.reference("organization") {
                    Some(to) => found(&mut organizations, to.id)?,
                    None => None,
                };
                told.lost += u64::from(place.is_none() && role.reference("organization").is_some());
                own.push(Role { resource, place });
            }
            let Some((person, held)) = resources::person(node, &own) else {
                told.unnamed += 1;
                return Ok(());
            };
            own.iter().for_each(|role| links.note(Node::of(&role.resource).text("id"), &person.id));
            records.put(Record::Professional(Box::new(person)))?;
            Ok(records.put(Record::Holdings(Box::new(held)))?)
        })?;
        drop((organizations, roles));
        links.finish(self.spool.folder()).map_err(on_disk)?;
        Ok(told.intake())
    }
}

/// The place of an organisation.
fn at(organizations: &mut Lines, node: Node<'_>) -> Result<Place, PullError> {
    let legal = match node.reference("partOf") {
        Some(to) => organizations.get(to.id).map_err(on_disk)?.pop(),
        None => None,
    };
    Ok(place_of(node, legal.as_ref()))
}

fn found(organizations: &mut Lines, id: &str) -> Result<Option<Place>, PullError> {
    // Told twice, the last word wins; another one under the same hash is another id.
    let told = organizations.get(id).map_err(on_disk)?;
    let own = told.iter().rfind(|one| one["id"] == id);
    own.map(|organization| at(organizations, Node::of(organization))).transpose()
}

struct Told {
    hash: Context,
    bytes: u64,
    rows: BTreeMap<String, u64>,
    unnamed: u64,
    lost: u64,
}

impl Told {
    fn intake(self) -> Intake {
        let mut remarks = Vec::new();
        if self.unnamed > 0 {
            let sentence = format!("{} professionnels sans identifiant, laissés de côté", self.unnamed);
            remarks.push(Remark::new("annuaire.unnamed", sentence));
        }
        if self.lost > 0 {
            let sentence = format!("{} situations d'exercice dont la structure n'est pas donnée", self.lost);
            remarks.push(Remark::new("annuaire.lost-place", sentence));
        }
        let sha256 = jonction_model::hex(self.hash.finish().as_ref());
        Intake { sha256, bytes: self.bytes, rows: self.rows, remarks }
    }
}

/// Every resource of a file.
fn each(
    path: &std::path::Path,
    told: &mut Told,
    progress: &mut dyn FnMut(u64),
    mut take: impl FnMut(Value, &mut Told) -> Result<(), PullError>,
) -> Result<(), PullError> {
    let mut file = BufReader::with_capacity(256 << 10, File::open(path).map_err(on_disk)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        let count = file.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(on_disk)?;
        if count == 0 {
            return Ok(());
        }
        told.hash.update(&line);
        told.bytes += count as u64;
        progress(told.bytes);
        let resource = serde_json::from_slice(&line).map_err(|error| on_disk(io::Error::from(error)))?;
        take(resource, told)?;
    }
}

/// One resource, as the reader of pages bounds it.
const LINE_BYTES_MAX: u64 = 8 << 20;
