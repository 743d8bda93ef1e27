//! Authors and submitters: model → XDS author.
//! In: authors of the document, sender of the message. Out: `Author`, findings. Source: dmp-xds.md §7.3, cda.md §4.

use jonction_model::{Authorship, CodedValue, Organization, Sender};

use super::findings::{Findings, Note};
use crate::{
    metadata::{Author, Ce, Xcn, Xon},
    tables,
};

/// One XDS author per author of the document.
pub(super) fn document_author(author: &jonction_model::Author) -> Author {
    Author {
        person: Some(match &author.by {
            Authorship::Person(person) => Xcn::person(person),
            Authorship::Device(device) => Xcn::device(device),
        }),
        institutions: institutions(author.organization.as_ref()),
        roles: author.role.iter().filter(|role| !role.trim().is_empty()).cloned().collect(),
        specialties: author.specialty.as_ref().map(specialty).into_iter().collect(),
        extra_slots: Vec::new(),
    }
}

/// Says what misses in the authors of a document: a registry may frown at each of these.
pub(super) fn judge_document_authors(authors: &[Author], findings: &mut Findings) {
    let place =
        |number: usize, path: &str| format!("/ClinicalDocument/author[{number}]/assignedAuthor{path}");
    if authors.is_empty() {
        findings.refuse_in_dmp(Note {
            code: "xds.no-author",
            place: "/ClinicalDocument/author".to_owned(),
            sentence: "le document n'a pas d'auteur".to_owned(),
            expected: "un auteur au moins".to_owned(),
            found: "rien".to_owned(),
            remedy: "renseigner author dans le document",
        });
    }
    for (author, number) in authors.iter().zip(1..) {
        if author.person.as_ref().is_none_or(|person| person.id().is_empty()) {
            findings.warn(Note {
                code: "xds.author-without-id",
                place: place(number, "/id"),
                sentence: "un auteur du document n'a pas d'identifiant".to_owned(),
                expected: "un identifiant national ou interne à la structure".to_owned(),
                found: "rien".to_owned(),
                remedy: "renseigner assignedAuthor/id dans le document",
            });
        }
        if author.institutions.iter().any(|structure| structure.name().trim().is_empty()) {
            findings.warn(Note {
                code: "xds.structure-without-name",
                place: place(number, "/representedOrganization/name"),
                sentence: "la structure d'un auteur n'a pas de nom".to_owned(),
                expected: "la raison sociale".to_owned(),
                found: "rien".to_owned(),
                remedy: "renseigner representedOrganization/name dans le document",
            });
        }
    }
}

/// A structure without name nor identifier is no structure.
fn institutions(organization: Option<&Organization>) -> Vec<Xon> {
    organization
        .filter(|organization| organization.id.is_some() || organization.name.is_some())
        .map(Xon::organization)
        .into_iter()
        .collect()
}

/// `code^label^system`, the label taken from JDV_J01 when the source gave none.
fn specialty(coded: &CodedValue) -> Ce {
    let mut coded = coded.clone();
    if coded.label.is_empty()
        && let Some((_, label, _)) =
            tables::find_in_system(tables::AUTHOR_SPECIALTIES, &coded.code, &coded.system)
    {
        coded.label = label.to_owned();
    }
    Ce::of(&coded)
}

/// The submitter: who the VIHF will name too. Source: dmp-xds.md §5.3 « Consistency rules ».
pub(super) fn set_author(
    sender: &Sender,
    chosen: Option<&CodedValue>,
    authors: &[jonction_model::Author],
) -> Author {
    let (person, own) = match (&sender.person, &sender.device) {
        (Some(person), _) => {
            let same = |author: &&jonction_model::Author| matches!(&author.by, Authorship::Person(other) if other.id.is_some() && other.id == person.id);
            (Some(Xcn::person(person)), authors.iter().find(same).and_then(|author| author.specialty.clone()))
        }
        (None, Some(device)) => {
            let automaton =
                tables::find_in_system(tables::SUBJECT_ROLES, "AUTOMATE", tables::NON_PROFESSIONAL_SYSTEM);
            (Some(Xcn::device(device)), automaton.map(tables::coded))
        }
        (None, None) => (None, None),
    };
    Author {
        person,
        institutions: institutions(sender.organization.as_ref()),
        roles: Vec::new(),
        specialties: chosen.or(own.as_ref()).map(specialty).into_iter().collect(),
        extra_slots: Vec::new(),
    }
}

/// Says what misses in the submitter: the DMP compares it with the VIHF.
pub(super) fn judge_set_author(author: &Author, findings: &mut Findings) {
    let by_patient = author.person.as_ref().is_some_and(Xcn::is_patient);
    if author.person.as_ref().is_none_or(|person| person.id().is_empty()) {
        findings.refuse_in_dmp(Note {
            code: "xds.submitter-without-id",
            place: "PRT[4='SB']-5".to_owned(),
            sentence: "l'émetteur du lot n'a pas d'identifiant national".to_owned(),
            expected: "identifiant de la personne ou de l'automate".to_owned(),
            found: "rien".to_owned(),
            remedy: "renseigner PRT-5.1 de l'émetteur, ou l'émetteur par défaut de la route",
        });
    }
    if !by_patient && author.institutions.iter().all(|structure| structure.id().is_empty()) {
        findings.refuse_in_dmp(Note {
            code: "xds.submitter-without-structure",
            place: "PRT[4='SB']-8".to_owned(),
            sentence: "l'émetteur du lot n'a pas de structure identifiée".to_owned(),
            expected: "structure avec son identifiant national".to_owned(),
            found: "rien".to_owned(),
            remedy: "renseigner PRT-8 de l'émetteur, ou l'émetteur par défaut de la route",
        });
    }
}
