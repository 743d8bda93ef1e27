//! Checks of the set, its links and what it replaces. In: a received lot. Out: findings. Source: dmp-xds.md §10.

use jiff::SignedDuration;
use jonction_model::{DocumentTime, Oid, Place, Verdicts};

use super::{Received, place, repeat_notes};
use crate::{
    metadata::{Association, AssociationKind, Cx, Xcn},
    tables,
};

const SET: &str = "//RegistryPackage";

pub(super) fn sub_01(received: &Received, verdicts: &mut Verdicts<'_>) {
    repeat_notes(received, "xds/SUB-01", verdicts);
}

pub(super) fn sub_02(received: &Received, verdicts: &mut Verdicts<'_>) {
    let at = || super::slot(SET, "submissionTime");
    let text = received.request.submission.set.submission_time.as_deref().unwrap_or_default();
    let shaped = text.len() == 14 && text.bytes().all(|b| b.is_ascii_digit());
    // Digits without offset are UTC here.
    let time = DocumentTime::parse(&format!("{text}+0000")).ok().and_then(|time| time.to_timestamp());
    let (true, Some(time)) = (shaped, time) else {
        let found = format!("{} caractères", text.chars().count());
        verdicts.differs(at(), "la date de soumission manque ou est mal écrite", "AAAAMMJJhhmmss", found);
        return;
    };
    let latest = received.context.now.and_then(|now| now.checked_add(SignedDuration::from_mins(5)).ok());
    if latest.is_some_and(|latest| time > latest) {
        verdicts.add(at(), "la date de soumission est dans l'avenir de plus de 5 minutes");
    }
}

pub(super) fn sub_03(received: &Received, verdicts: &mut Verdicts<'_>) {
    let set = &received.request.submission.set;
    for (name, value) in [("uniqueId", &set.unique_id), ("sourceId", &set.source_id)] {
        if Oid::parse(value).is_err() {
            let at = Place::path(format!("{SET}/ExternalIdentifier[XDSSubmissionSet.{name}]"));
            let found = format!("un texte de {} caractères", value.chars().count());
            verdicts.differs(
                at,
                format!("{name} du lot n'est pas un OID"),
                "un OID de 64 caractères au plus",
                found,
            );
        }
    }
}

pub(super) fn sub_04(received: &Received, verdicts: &mut Verdicts<'_>) {
    let submission = &received.request.submission;
    let Some(reference) = &submission.set.patient_id else {
        verdicts.add(Place::path(format!("{SET}/ExternalIdentifier")), "le lot ne désigne pas de patient");
        return;
    };
    let same = |other: &Option<Cx>| other.as_ref().is_some_and(|other| other.same_patient(reference));
    for entry in submission.entries.iter().filter(|entry| !same(&entry.patient_id)) {
        let at = Place::path(format!("{}/ExternalIdentifier", place(entry)));
        verdicts.add(at, "le patient de la fiche n'est pas celui du lot");
    }
    if received.context.vihf_patient.is_some() && !same(&received.context.vihf_patient) {
        verdicts.add(Place::path(SET), "le patient du lot n'est pas celui du VIHF");
    }
    for (entry, place) in received.documents() {
        let patient = received.cda(entry).and_then(|cda| cda.patient.as_ref()).map(Cx::ins);
        if received.cda(entry).is_some() && !same(&patient) {
            verdicts.add(Place::path(place), "le patient du document CDA n'est pas celui du lot");
        }
    }
}

pub(super) fn sub_05(received: &Received, verdicts: &mut Verdicts<'_>) {
    let at = || Place::path(format!("{SET}/Classification[author]"));
    let authors = &received.request.submission.set.authors;
    let [author] = authors.as_slice() else {
        let found = authors.len().to_string();
        verdicts.differs(at(), "le lot n'a pas exactement un auteur", "1", found);
        return;
    };
    if author.person.as_ref().is_some_and(Xcn::is_patient) {
        return;
    }
    if author.institutions.iter().all(|structure| structure.id().is_empty()) {
        verdicts.add(at(), "l'auteur du lot n'a pas de structure identifiée");
    } else if let Some(expected) = &received.context.vihf_structure
        && !author.institutions.iter().any(|structure| structure.id() == expected.as_str())
    {
        verdicts.add(at(), "la structure de l'auteur du lot n'est pas celle du VIHF");
    }
}

pub(super) fn sub_06(received: &Received, verdicts: &mut Verdicts<'_>) {
    let at = Place::path(format!("{SET}/Classification[contentTypeCode]"));
    match &received.request.submission.set.content_type {
        None => {
            verdicts.add(at, "le lot n'a pas de contentTypeCode");
        }
        // Our copy of the set is incomplete: another activity code of the right system is a doubt, no fault.
        Some(code) if tables::find_in_system(tables::CONTENT_TYPES, &code.code, &code.system).is_none() => {
            let plausible = code.system == "1.2.250.1.213.2.2"
                && code.code.len() == 2
                && code.code.bytes().all(|b| b.is_ascii_digit());
            if !plausible {
                verdicts.add(at, "contentTypeCode n'est pas dans son jeu de valeurs");
            }
        }
        Some(_) => {}
    }
}

pub(super) fn sub_07(received: &Received, verdicts: &mut Verdicts<'_>) {
    let submission = &received.request.submission;
    for entry in &submission.entries {
        let member = |link: &&Association| {
            link.kind == AssociationKind::HasMember
                && link.source == submission.set.id
                && link.target == entry.id
        };
        let links: Vec<_> = submission.associations.iter().filter(member).collect();
        let at = || Place::path(format!("//Association[HasMember] de {}", place(entry)));
        match links.as_slice() {
            [link] if link.slot("SubmissionSetStatus") == Some("Original") => {}
            [_] => {
                verdicts.add(at(), "le lien HasMember ne porte pas SubmissionSetStatus = Original");
            }
            several => verdicts.differs(
                at(),
                "la fiche n'est pas rattachée une seule fois au lot",
                "1 lien HasMember",
                several.len().to_string(),
            ),
        }
    }
}

pub(super) fn sub_08(received: &Received, verdicts: &mut Verdicts<'_>) {
    let submission = &received.request.submission;
    let Some(signature) = submission.signature() else {
        verdicts.add(Place::path("//ExtrinsicObject"), "le lot n'a pas de fiche de signature");
        return;
    };
    let signs = |link: &Association| {
        link.kind == AssociationKind::Signs && link.source == signature.id && link.target == submission.set.id
    };
    if !submission.associations.iter().any(signs) {
        verdicts.add(Place::path("//Association[signs]"), "la signature n'est pas liée au lot par « signs »");
    }
}

pub(super) fn sub_09(received: &Received, verdicts: &mut Verdicts<'_>) {
    let Some(facts) = &received.context.signature else { return };
    let submission = &received.request.submission;
    let at = || Place::path("//Manifest/Reference");
    let documents = submission.documents().map(|entry| &entry.unique_id);
    for unique_id in std::iter::once(&submission.set.unique_id).chain(documents) {
        if !facts.listed.iter().any(|uri| uri.strip_prefix("urn:oid:") == Some(unique_id)) {
            verdicts.add(at(), "la signature ne couvre pas le lot ou l'un de ses documents");
        }
    }
    for _ in &facts.wrong_digests {
        verdicts.add(at(), "une empreinte de la signature n'est pas celle du document reçu");
    }
}

pub(super) fn sub_10(received: &Received, verdicts: &mut Verdicts<'_>) {
    if received.context.set_reused {
        let at = Place::path(format!("{SET}/ExternalIdentifier[XDSSubmissionSet.uniqueId]"));
        verdicts.add(at, "cet uniqueId de lot a déjà servi pour un autre contenu");
    }
}

pub(super) fn rpl_02(received: &Received, verdicts: &mut Verdicts<'_>) {
    let submission = &received.request.submission;
    let links = submission.associations.iter().filter(|link| link.kind == AssociationKind::Replaces);
    for link in links {
        let entry = submission.entry(&link.source);
        let old = received.context.replaced.iter().find(|old| old.entry_uuid == link.target);
        let (Some(entry), Some(old)) = (entry, old) else { continue };
        let Some(cda) = received.cda(entry) else { continue };
        let at = || Place::path(format!("//Association[RPLC] de {}", place(entry)));
        if cda.replaces.as_ref().map(|id| id.to_xds()).as_deref() != Some(&*old.unique_id) {
            verdicts.add(at(), "le document ne dit pas remplacer la version visée (relatedDocument RPLC)");
        }
        if old.set_id.is_some() && cda.set_id != old.set_id {
            verdicts.add(at(), "setId du document n'est pas celui de la version visée");
        }
        if let (Some(new), Some(old)) = (cda.version, old.version)
            && new <= old
        {
            verdicts.differs(
                at(),
                "versionNumber n'augmente pas",
                format!("plus que {old}"),
                new.to_string(),
            );
        }
    }
}
