//! One registry object → typed metadata: a set, an entry, an association.
//! In: an element of the tree. Out: the value, notes on what is irregular. Source: dmp-xds.md §7.1, §7.2.

use jonction_model::{CodedValue, Masked};

use super::{
    SLOT_CHARACTERS_MAX,
    notes::{Notes, short},
    ns,
    tree::Element,
};
use crate::{
    metadata::{
        Association, AssociationKind, Author, AvailabilityStatus, Ce, Cx, Cxi, DocumentEntry, Slot,
        SubmissionSet, Xcn, Xon,
    },
    schemes::{self, REFERENCE_ID_LIST},
};

/// What one object is made of, sorted out once.
struct Parts<'t> {
    place: String,
    slots: Vec<Slot>,
    name: Option<Masked<String>>,
    description: Option<Masked<String>>,
    version: Option<String>,
    classifications: Vec<Element<'t>>,
    identifiers: Vec<Element<'t>>,
}

/// Order of the children in the schema.
const CHILD_ORDER: [&str; 6] =
    ["Slot", "Name", "Description", "VersionInfo", "Classification", "ExternalIdentifier"];

impl<'t> Parts<'t> {
    fn of(object: Element<'t>, notes: &mut Notes) -> Self {
        let place =
            format!("{}[@id='{}']", object.local(), short(object.attribute("id").unwrap_or_default()));
        let mut parts = Self {
            place,
            slots: Vec::new(),
            name: None,
            description: None,
            version: None,
            classifications: Vec::new(),
            identifiers: Vec::new(),
        };
        if object.attribute("id").is_none_or(str::is_empty) {
            notes.layout(&parts.place, "attribut id absent");
        }
        notes.namespace(object, ns::RIM);
        let mut last = 0;
        for child in object.children() {
            let Some(rank) = CHILD_ORDER.iter().position(|name| *name == child.local()) else {
                notes.layout(&parts.place, "élément inattendu, laissé de côté");
                continue;
            };
            if rank < last {
                notes.layout(&parts.place, "éléments hors de l'ordre du schéma ebRIM");
            }
            last = last.max(rank);
            match child.local() {
                "Slot" => parts.slots.push(slot(child, &parts.place, notes)),
                "Name" => parts.name = localized(child),
                "Description" => parts.description = localized(child),
                "VersionInfo" => parts.version = child.attribute("versionName").map(str::to_owned),
                "Classification" => parts.classifications.push(child),
                _ => parts.identifiers.push(child),
            }
        }
        parts
    }

    /// Takes a slot out: the values, none when absent. Same slot twice: both, with a note.
    fn take(&mut self, name: &str, notes: &mut Notes) -> Vec<Masked<String>> {
        let (taken, left): (Vec<Slot>, Vec<Slot>) =
            std::mem::take(&mut self.slots).into_iter().partition(|slot| slot.name == name);
        self.slots = left;
        if taken.len() > 1 {
            notes.layout(&format!("{}/Slot[@name='{}']", self.place, short(name)), "slot répété");
        }
        taken.into_iter().flat_map(|slot| slot.values).collect()
    }

    /// Takes a slot that has one value.
    fn take_one(&mut self, name: &str, notes: &mut Notes) -> Option<String> {
        let mut values = self.take(name, notes).into_iter();
        let first = values.next();
        if values.next().is_some() {
            let place = format!("{}/Slot[@name='{name}']", self.place);
            notes.add("xds/DE-01", place, "plusieurs valeurs là où une seule est permise".to_owned());
        }
        first.map(|value| value.expose().clone())
    }

    /// External identifiers by scheme.
    fn identifier(&self, (scheme, _): (&str, &str), notes: &mut Notes) -> Option<String> {
        let mut found =
            self.identifiers.iter().filter(|e| e.attribute("identificationScheme") == Some(scheme));
        let first = found.next()?;
        if found.next().is_some() {
            notes.add("xds/DE-01", self.place.clone(), "identifiant externe répété".to_owned());
        }
        first.attribute("value").map(str::to_owned)
    }
}

fn slot(element: Element<'_>, place: &str, notes: &mut Notes) -> Slot {
    let name = element.attribute("name").unwrap_or_default().to_owned();
    let values: Vec<Masked<String>> = element
        .child("ValueList")
        .into_iter()
        .flat_map(|list| list.children_named("Value"))
        .map(|value| Masked::from(value.text()))
        .collect();
    if values.iter().any(|value| value.expose().chars().count() > SLOT_CHARACTERS_MAX) {
        notes.layout(
            &format!("{place}/Slot[@name='{}']", short(&name)),
            "valeur de slot de plus de 256 caractères",
        );
    }
    Slot { name, values }
}

fn localized(element: Element<'_>) -> Option<Masked<String>> {
    element.child("LocalizedString").and_then(|text| text.attribute("value")).map(Into::into)
}

/// Classifications of an object, by scheme.
struct Codes {
    found: Vec<(String, CodedValue)>,
    authors: Vec<Author>,
}

impl Codes {
    fn of(parts: &Parts<'_>, author_scheme: &str, known: &[&str], notes: &mut Notes) -> Self {
        let mut codes = Self { found: Vec::new(), authors: Vec::new() };
        for classification in &parts.classifications {
            let Some(scheme) = classification.attribute("classificationScheme") else { continue };
            if classification.attribute("id").is_none_or(str::is_empty)
                || classification.attribute("classifiedObject").is_none_or(str::is_empty)
            {
                notes.layout(&parts.place, "Classification sans id ou sans classifiedObject");
            }
            if scheme == author_scheme {
                codes.authors.push(author(*classification, notes));
            } else if known.contains(&scheme) {
                codes.found.push((scheme.to_owned(), coded(*classification)));
            } else {
                let sentence = "classification de schéma inconnu, laissée de côté".to_owned();
                notes.add("xds/DE-21", parts.place.clone(), sentence);
            }
        }
        codes
    }

    fn all(&mut self, scheme: &str) -> Vec<CodedValue> {
        let (taken, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.found).into_iter().partition(|(own, _)| own == scheme);
        self.found = left;
        taken.into_iter().map(|(_, code)| code).collect()
    }

    fn one(&mut self, scheme: &str, place: &str, notes: &mut Notes) -> Option<CodedValue> {
        let mut all = self.all(scheme).into_iter();
        let first = all.next();
        if all.next().is_some() {
            notes.add("xds/DE-01", place.to_owned(), "code répété là où un seul est permis".to_owned());
        }
        first
    }
}

fn coded(classification: Element<'_>) -> CodedValue {
    let system = classification
        .children_named("Slot")
        .find(|slot| slot.attribute("name") == Some("codingScheme"))
        .and_then(|slot| slot.child("ValueList")?.child("Value"))
        .map(|value| value.text().to_owned());
    CodedValue {
        code: classification.attribute("nodeRepresentation").unwrap_or_default().to_owned(),
        system: system.unwrap_or_default(),
        label: classification
            .child("Name")
            .and_then(localized)
            .map(|label| label.expose().clone())
            .unwrap_or_default(),
    }
}

fn author(classification: Element<'_>, notes: &mut Notes) -> Author {
    let mut author = Author::default();
    for element in classification.children_named("Slot") {
        let slot = slot(element, "author", notes);
        let texts = || slot.values.iter().map(|value| value.expose().clone());
        match slot.name.as_str() {
            "authorPerson" => {
                if slot.values.len() > 1 || author.person.is_some() {
                    notes.layout("author/authorPerson", "plusieurs personnes dans un même auteur");
                }
                author.person = author.person.take().or_else(|| texts().next().map(Xcn::from_text));
            }
            "authorInstitution" => author.institutions.extend(texts().map(Xon::from_text)),
            "authorRole" => author.roles.extend(texts()),
            "authorSpecialty" => author.specialties.extend(texts().map(Ce::from_text)),
            _ => author.extra_slots.push(slot),
        }
    }
    author
}

pub(super) fn submission_set(package: Element<'_>, notes: &mut Notes) -> SubmissionSet {
    use schemes::set as scheme;
    let mut parts = Parts::of(package, notes);
    let mut codes = Codes::of(&parts, scheme::AUTHOR, &[scheme::CONTENT_TYPE], notes);
    SubmissionSet {
        id: package.attribute("id").unwrap_or_default().to_owned(),
        unique_id: parts.identifier(scheme::UNIQUE_ID, notes).unwrap_or_default(),
        source_id: parts.identifier(scheme::SOURCE_ID, notes).unwrap_or_default(),
        patient_id: parts.identifier(scheme::PATIENT_ID, notes).map(Cx::from_text),
        submission_time: parts.take_one("submissionTime", notes),
        content_type: codes.one(scheme::CONTENT_TYPE, &parts.place, notes),
        authors: codes.authors,
        title: parts.name.take(),
        comments: parts.description.take(),
        status: package.attribute("status").map(AvailabilityStatus::of),
        extra_slots: parts.slots,
    }
}

pub(super) fn document_entry(object: Element<'_>, notes: &mut Notes) -> DocumentEntry {
    use schemes::entry as scheme;
    const KNOWN: [&str; 7] = [
        scheme::CLASS,
        scheme::TYPE,
        scheme::FORMAT,
        scheme::CONFIDENTIALITY,
        scheme::EVENT,
        scheme::FACILITY,
        scheme::PRACTICE,
    ];
    let mut parts = Parts::of(object, notes);
    let mut codes = Codes::of(&parts, scheme::AUTHOR, &KNOWN, notes);
    let place = parts.place.clone();
    let attribute = |name: &str| object.attribute(name).unwrap_or_default().to_owned();
    let size = parts.take_one("size", notes).and_then(|text| {
        let size = text.trim().parse().ok();
        if size.is_none() {
            notes.layout(&format!("{place}/Slot[@name='size']"), "taille illisible");
        }
        size
    });
    DocumentEntry {
        id: attribute("id"),
        logical_id: object.attribute("lid").map(str::to_owned),
        version: parts.version.take(),
        status: object.attribute("status").map(AvailabilityStatus::of),
        object_type: attribute("objectType"),
        mime_type: attribute("mimeType"),
        unique_id: parts.identifier(scheme::UNIQUE_ID, notes).unwrap_or_default(),
        patient_id: parts.identifier(scheme::PATIENT_ID, notes).map(Cx::from_text),
        creation_time: parts.take_one("creationTime", notes),
        language: parts.take_one("languageCode", notes),
        service_start: parts.take_one("serviceStartTime", notes),
        service_stop: parts.take_one("serviceStopTime", notes),
        legal_authenticator: parts.take_one("legalAuthenticator", notes).map(Xcn::from_text),
        source_patient_id: parts.take_one("sourcePatientId", notes).map(Cx::from_text),
        source_patient_info: parts.take("sourcePatientInfo", notes),
        hash: parts.take_one("hash", notes),
        size,
        repository: parts.take_one("repositoryUniqueId", notes),
        uri: parts.take_one("URI", notes),
        title: parts.name.take(),
        comments: parts.description.take(),
        class_code: codes.one(scheme::CLASS, &place, notes),
        type_code: codes.one(scheme::TYPE, &place, notes),
        format_code: codes.one(scheme::FORMAT, &place, notes),
        confidentiality: codes.all(scheme::CONFIDENTIALITY),
        events: codes.all(scheme::EVENT),
        facility_type: codes.one(scheme::FACILITY, &place, notes),
        practice_setting: codes.one(scheme::PRACTICE, &place, notes),
        authors: codes.authors,
        references: parts
            .take(REFERENCE_ID_LIST, notes)
            .into_iter()
            .map(|value| Cxi::from_text(value.expose().as_str()))
            .collect(),
        extra_slots: parts.slots,
    }
}

pub(super) fn association(element: Element<'_>, notes: &mut Notes) -> Association {
    let attribute = |name: &str| element.attribute(name).unwrap_or_default().to_owned();
    let parts = Parts::of(element, notes);
    Association {
        id: attribute("id"),
        kind: AssociationKind::of(element.attribute("associationType").unwrap_or_default()),
        source: attribute("sourceObject"),
        target: attribute("targetObject"),
        object_type: element.attribute("objectType").map(str::to_owned),
        slots: parts.slots,
    }
}
