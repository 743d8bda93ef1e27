//! ebRIM → typed metadata. Any prefix, any order; what is irregular becomes a note and reading goes on.
//! In: bytes, limits. Out: `Decoded<…>`, or why nothing can be read. Source: dmp-xds.md §7.1.

use super::{
    Decoded, DocumentContent, DocumentPart, Limits, ProvideAndRegister, ReadError,
    notes::Notes,
    ns,
    objects::{association, document_entry, submission_set},
    tree::{Element, Tree},
};
use crate::{
    metadata::{Association, DocumentEntry, Submission, SubmissionSet},
    schemes,
};

/// TD2.1 request. Accepts it bare or still in its SOAP envelope.
/// Errors: not XML, a DTD, another root, over the limits.
pub fn read_provide_and_register(
    bytes: &[u8],
    limits: &Limits,
) -> Result<Decoded<ProvideAndRegister>, ReadError> {
    let tree = Tree::parse(bytes, limits)?;
    let root = tree.root_named("ProvideAndRegisterDocumentSetRequest")?;
    let mut notes = Notes::default();
    notes.namespace(root, ns::XDSB);
    let submission = match root.child("SubmitObjectsRequest") {
        Some(request) => read_submission(request, limits, &mut notes)?,
        None => {
            notes.layout("SubmitObjectsRequest", "la requête ne contient pas SubmitObjectsRequest");
            Submission::default()
        }
    };
    let documents = root.children_named("Document").map(document_part).collect();
    Ok(Decoded { value: ProvideAndRegister { submission, documents }, notes: notes.list })
}

/// TD3.3 request, or `METADATA.XML` of an archive.
/// Errors: not XML, a DTD, another root, over the limits.
pub fn read_submit_objects(bytes: &[u8], limits: &Limits) -> Result<Decoded<Submission>, ReadError> {
    let tree = Tree::parse(bytes, limits)?;
    let mut notes = Notes::default();
    let submission = read_submission(tree.root_named("SubmitObjectsRequest")?, limits, &mut notes)?;
    Ok(Decoded { value: submission, notes: notes.list })
}

fn document_part(document: Element<'_>) -> DocumentPart {
    let href = document.child("Include").and_then(|include| include.attribute("href"));
    let content = match href {
        Some(href) => DocumentContent::Xop(decode_cid(href)),
        None if document.text().trim().is_empty() => DocumentContent::Missing,
        None => DocumentContent::Inline(document.text().trim().to_owned()),
    };
    DocumentPart { id: document.attribute("id").unwrap_or_default().to_owned(), content }
}

/// `cid:` URL → Content-ID. A %-sequence that is none stays as it is.
fn decode_cid(href: &str) -> String {
    let text = match href.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("cid:") => &href[4..],
        _ => href,
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = |at: usize| tail.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.extend(u8::try_from(high * 16 + low));
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn read_submission(
    request: Element<'_>,
    limits: &Limits,
    notes: &mut Notes,
) -> Result<Submission, ReadError> {
    notes.namespace(request, ns::LCM);
    let Some(list) = request.child("RegistryObjectList") else {
        notes.layout("RegistryObjectList", "la requête ne contient pas RegistryObjectList");
        return Ok(Submission::default());
    };
    let objects = RegistryObjects::read(list, limits, notes)?;
    let count = objects.sets.len();
    if count != 1 {
        notes.add(
            "xds/SUB-01",
            "RegistryPackage".to_owned(),
            format!("la requête contient {count} lots de soumission au lieu d'un"),
        );
    }
    Ok(Submission {
        set: objects.sets.into_iter().next().unwrap_or_default(),
        entries: objects.entries,
        associations: objects.associations,
    })
}

/// What a `RegistryObjectList` holds.
#[derive(Debug, Default)]
pub(super) struct RegistryObjects {
    pub(super) object_refs: Vec<String>,
    pub(super) sets: Vec<SubmissionSet>,
    pub(super) entries: Vec<DocumentEntry>,
    pub(super) associations: Vec<Association>,
}

impl RegistryObjects {
    pub(super) fn read(list: Element<'_>, limits: &Limits, notes: &mut Notes) -> Result<Self, ReadError> {
        let mut objects = Self::default();
        // The marker of a set may stand beside it instead of in it (IHE allows it, our XDM sample does it).
        let markers: Vec<(Option<&str>, Option<&str>)> = list
            .children_named("Classification")
            .map(|c| (c.attribute("classifiedObject"), c.attribute("classificationNode")))
            .collect();
        for child in list.children() {
            match child.local() {
                "ExtrinsicObject" => {
                    if objects.entries.len() >= limits.entries_max {
                        return Err(ReadError::OverLimit { limit: "entries_max" });
                    }
                    objects.entries.push(document_entry(child, notes));
                }
                "RegistryPackage" => registry_package(child, &markers, &mut objects, notes),
                "Association" => objects.associations.push(association(child, notes)),
                "ObjectRef" => objects.object_refs.extend(child.attribute("id").map(str::to_owned)),
                "Classification" => {}
                other => notes.layout(other, "objet inattendu dans RegistryObjectList, laissé de côté"),
            }
        }
        Ok(objects)
    }
}

fn registry_package(
    package: Element<'_>,
    markers: &[(Option<&str>, Option<&str>)],
    objects: &mut RegistryObjects,
    notes: &mut Notes,
) {
    let id = package.attribute("id");
    let inside = package.children_named("Classification").filter_map(|c| c.attribute("classificationNode"));
    let beside = markers.iter().filter(|(target, _)| target.is_some() && *target == id);
    let mut nodes = inside.chain(beside.filter_map(|(_, node)| *node));
    match nodes.next() {
        Some(schemes::SUBMISSION_SET_NODE) => objects.sets.push(submission_set(package, notes)),
        Some(schemes::FOLDER_NODE) => {
            notes.layout("RegistryPackage", "les classeurs ne sont pas gérés : celui-ci est laissé de côté");
        }
        // Lenient: an unmarked package is what a careless sender means by a set. SUB-01 says so.
        _ => {
            let sentence = "lot sans marque de lot de soumission (classificationNode)".to_owned();
            notes.add("xds/SUB-01", "RegistryPackage".to_owned(), sentence);
            objects.sets.push(submission_set(package, notes));
        }
    }
}
