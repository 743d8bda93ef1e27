//! What changed since a moment: who and what is named by the changes, then each of them whole.
//! In: a watermark. Out: records that replace what was there, ends, all the mailboxes of whom is concerned.
//! A change of one role is a change of its person: the person is asked for again with every role. Source: annuaires.md §2.4.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp, civil::Date};
use jonction_fhir::Node;
use jonction_model::{
    PersonId,
    clock::paris,
    directory::{Holdings, Professional, Record, Whose},
};
use jonction_ports::{PullError, pull::Changes};
use serde_json::Value;

use super::{
    links::Links,
    pages::{Asker, Page, Stopped, refused},
    resources::{self, Resource, Role},
    snapshot::place_of,
    spool::on_disk,
};

/// Clocks and indexes of the server lag: asked for a little earlier than needed.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);
/// Beyond so many changes everything is pulled again: it costs less, and less memory.
pub(crate) const CHANGES_MAX: usize = 100_000;
/// Resources asked for by name at once.
const BATCH: usize = 50;
/// How often a question is asked again whose links expired.
const RESTARTS: usize = 3;

/// What the changes name.
#[derive(Default)]
struct Named {
    /// Technical ids of practitioners.
    practitioners: BTreeSet<String>,
    /// Persons a role that is gone was of.
    persons: BTreeSet<PersonId>,
    /// Persons who are gone.
    gone: Vec<PersonId>,
    organizations: BTreeMap<String, Value>,
    closed: BTreeMap<String, Value>,
    until: Option<Timestamp>,
    too_many: bool,
}

/// Who practises where, as it was asked for again.
#[derive(Default)]
struct Whole {
    practitioners: BTreeMap<String, Value>,
    roles: BTreeMap<String, BTreeMap<String, Value>>,
}

/// The changes since a moment; `None` when there are so many that everything is better pulled again.
pub(crate) async fn changes(
    asker: &Asker,
    since: Timestamp,
    count: u32,
    now: Timestamp,
    mut links: Links,
) -> Result<Option<Changes>, PullError> {
    let mut named = Named::default();
    for kind in Resource::ALL {
        collect(asker, kind, since, count, &mut named, &mut links).await?;
        if named.too_many {
            return Ok(None);
        }
    }
    let mut whole = Whole::default();
    let ids: Vec<&str> = named.practitioners.iter().map(String::as_str).collect();
    persons(asker, "_id", &ids, count, &mut whole).await?;
    // Whoever had one of these roles before, and the persons of roles that are gone.
    let known: BTreeSet<PersonId> = whole.persons().collect();
    let mut others = std::mem::take(&mut named.persons);
    for role in whole.roles.values().flat_map(BTreeMap::keys) {
        others.extend(links.person(role).map_err(on_disk)?);
    }
    let others: Vec<&str> = others
        .iter()
        .filter(|id| !known.contains(*id) && !named.gone.contains(id))
        .map(PersonId::as_str)
        .collect();
    persons(asker, "identifier", &others, count, &mut whole).await?;
    places(asker, &mut named, &whole, count).await?;
    let until = named.until.unwrap_or(now).max(since);
    let records = named.records(&whole, until.to_zoned_datetime(paris()).date());
    let told = whole
        .practitioners
        .iter()
        .filter_map(|(key, one)| Some((whole.roles.get(key)?, resources::person_id(Node::of(one))?)));
    let told: Vec<(&BTreeMap<String, Value>, PersonId)> = told.collect();
    let pairs = told.iter().flat_map(|(roles, id)| roles.keys().map(move |role| (role.as_str(), id)));
    links.note(pairs).map_err(on_disk)?;
    Ok(Some(Changes { until, records, remarks: Vec::new() }))
}

/// Names what changed of a kind.
async fn collect(
    asker: &Asker,
    kind: Resource,
    since: Timestamp,
    count: u32,
    named: &mut Named,
    links: &mut Links,
) -> Result<(), PullError> {
    let from = format!("ge{}", (since - OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ"));
    let mut count = count;
    for _ in 0..RESTARTS {
        let text = count.to_string();
        let question = asker.question(kind, &[("_lastUpdated", &from), ("_count", &text)])?;
        let mut take = |page: Page| {
            if named.until.is_none() {
                named.until = page.date;
            }
            for resource in page.resources {
                named.note(kind, resource, links)?;
            }
            Ok(())
        };
        match asker.walk(question, false, &mut take).await {
            Ok(()) => return Ok(()),
            Err(Stopped::Refused(error)) => return Err(error),
            // What was named stays named: naming twice changes nothing.
            Err(Stopped::Expired) => {}
            Err(Stopped::Slow) => count = (count / 2).max(1),
        }
    }
    Err(refused("ses liens expirent avant d'être suivis"))
}

impl Named {
    fn note(&mut self, kind: Resource, resource: Value, links: &mut Links) -> Result<(), PullError> {
        let node = Node::of(&resource);
        if node.kind() != kind.name() {
            return Ok(());
        }
        let (id, gone) = (node.text("id").to_owned(), resources::is_gone(node));
        match (kind, gone) {
            (Resource::Practitioner, true) => self.gone.extend(resources::person_id(node)),
            (Resource::Practitioner, false) => {
                self.practitioners.insert(id);
            }
            // Only its id is left of it.
            (Resource::PractitionerRole, true) => self.persons.extend(links.person(&id).map_err(on_disk)?),
            (Resource::PractitionerRole, false) => {
                self.practitioners.extend(node.reference("practitioner").map(|to| to.id.to_owned()));
            }
            (Resource::Organization, true) => {
                self.closed.insert(id, resource);
            }
            (Resource::Organization, false) => {
                self.organizations.insert(id, resource);
            }
        }
        let all = self.practitioners.len() + self.persons.len() + self.organizations.len() + self.gone.len();
        self.too_many |= all > CHANGES_MAX;
        Ok(())
    }

    fn records(&self, whole: &Whole, day: Date) -> Vec<Record> {
        let mut records = Vec::new();
        let at = |id: &str| {
            let organization = self.organizations.get(id).or_else(|| self.closed.get(id))?;
            let node = Node::of(organization);
            let legal = node.reference("partOf").and_then(|to| self.organizations.get(to.id));
            Some(place_of(node, legal))
        };
        for (id, organization) in &self.organizations {
            let Some(place) = at(id) else { continue };
            let held = resources::holdings_of(Node::of(organization), &place.structure);
            records.push(Record::Structure(Box::new(place.structure)));
            records.extend(held.map(|held| Record::Holdings(Box::new(held))));
        }
        for (structure, id) in
            self.closed.values().filter_map(|resource| resources::gone_structure(Node::of(resource)))
        {
            records.push(Record::Structure(Box::new(structure)));
            records.extend(id.map(|id| nothing(Whose::Structure(id))));
        }
        for (id, practitioner) in &whole.practitioners {
            let none = BTreeMap::new();
            let own = whole.roles.get(id).unwrap_or(&none).values();
            let roles: Vec<Role> = own
                .filter(|role| !resources::is_gone(Node::of(role)))
                .map(|role| {
                    let place = Node::of(role).reference("organization").and_then(|to| at(to.id));
                    Role { resource: role.clone(), place }
                })
                .collect();
            let node = Node::of(practitioner);
            if resources::is_gone(node) {
                records.extend(resources::person_id(node).into_iter().flat_map(|id| ended(id, day)));
            } else if let Some((person, held)) = resources::person(node, &roles) {
                records.push(Record::Professional(Box::new(person)));
                records.push(Record::Holdings(Box::new(held)));
            }
        }
        records.extend(self.gone.iter().cloned().flat_map(|id| ended(id, day)));
        records
    }
}

fn nothing(whose: Whose) -> Record {
    Record::Holdings(Box::new(Holdings { whose, mailboxes: Vec::new() }))
}

/// One who left, and whose mailboxes are nobody's.
fn ended(id: PersonId, day: Date) -> [Record; 2] {
    let gone = Professional { id: id.clone(), ended: Some(day), ..Professional::default() };
    [Record::Professional(Box::new(gone)), nothing(Whose::Person(id))]
}

impl Whole {
    fn persons(&self) -> impl Iterator<Item = PersonId> + '_ {
        self.practitioners.values().filter_map(|one| resources::person_id(Node::of(one)))
    }

    fn take(&mut self, resource: Value) {
        let node = Node::of(&resource);
        let id = node.text("id").to_owned();
        match node.kind() {
            "Practitioner" => {
                self.practitioners.insert(id, resource);
            }
            "PractitionerRole" => {
                if let Some(to) = node.reference("practitioner") {
                    self.roles.entry(to.id.to_owned()).or_default().insert(id, resource);
                }
            }
            _ => {}
        }
    }
}

/// Asks for persons with every role.
async fn persons(
    asker: &Asker,
    by: &str,
    names: &[&str],
    count: u32,
    whole: &mut Whole,
) -> Result<(), PullError> {
    for batch in names.chunks(BATCH) {
        let names = batch.join(",");
        let fields = [(by, names.as_str()), ("_revinclude", "PractitionerRole:practitioner")];
        everything(asker, Resource::Practitioner, &fields, count, &mut |one| whole.take(one)).await?;
    }
    Ok(())
}

/// Asks for the places of those persons, and the entities above, that did not change themselves.
async fn places(asker: &Asker, named: &mut Named, whole: &Whole, count: u32) -> Result<(), PullError> {
    let roles = whole.roles.values().flat_map(BTreeMap::values);
    let mut wanted: BTreeSet<String> =
        roles.filter_map(|role| Some(Node::of(role).reference("organization")?.id.to_owned())).collect();
    // A place, then the entity it is part of.
    for _ in 0..2 {
        let above = named.organizations.values();
        wanted.extend(above.filter_map(|one| Some(Node::of(one).reference("partOf")?.id.to_owned())));
        wanted.retain(|id| !named.organizations.contains_key(id) && !named.closed.contains_key(id));
        let ids: Vec<&str> = wanted.iter().map(String::as_str).collect();
        for batch in ids.chunks(BATCH) {
            let fields = [("_id", &*batch.join(","))];
            everything(asker, Resource::Organization, &fields, count, &mut |resource| {
                let node = Node::of(&resource);
                if node.kind() == "Organization" {
                    let id = node.text("id").to_owned();
                    named.organizations.insert(id, resource);
                }
            })
            .await?;
        }
        wanted.clear();
    }
    Ok(())
}

/// Every answer to a short question, asked again when its links expire, for fewer at once when it is slow.
async fn everything(
    asker: &Asker,
    kind: Resource,
    fields: &[(&str, &str)],
    mut count: u32,
    take: &mut (dyn FnMut(Value) + Send),
) -> Result<(), PullError> {
    for _ in 0..RESTARTS {
        let mut each = |page: Page| {
            page.resources.into_iter().for_each(&mut *take);
            Ok(())
        };
        let text = count.to_string();
        let fields = [fields, &[("_count", text.as_str())]].concat();
        match asker.walk(asker.form(kind, &fields)?, false, &mut each).await {
            Ok(()) => return Ok(()),
            Err(Stopped::Refused(error)) => return Err(error),
            Err(Stopped::Expired) => {}
            Err(Stopped::Slow) => count = (count / 2).max(1),
        }
    }
    Err(refused("elle ne répond pas à temps, ou ses liens expirent avant d'être suivis"))
}
