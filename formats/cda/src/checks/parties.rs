//! Checks of people and structures: H-12 to H-19, H-22, H-23, H-33.

use jonction_model::{
    Ins, InsDomain, Verdicts,
    people::{PERSON_AUTHORITY, STRUCTURE_AUTHORITY},
};

use crate::{
    facts::{Ii, Spotted},
    header::Header,
};

use super::{FINDINGS_MAX, absent, note, say, shown, soft};

/// JDV_J144. Source: cda.md §2.7.
const PARTICIPANT_TYPES: [&str; 7] = ["REF", "REFB", "INF", "RESP", "PRF", "CON", "VRF"];
/// JDV_J141: `PROV`, and the roles of a person for another.
const PARTICIPANT_CLASSES: [&str; 2] = ["PROV", "AGNT"];

pub(super) fn h12_patient_id(header: &Header, v: &mut Verdicts<'_>) {
    let patient = &header.facts.patient;
    match patient.targets.as_slice() {
        [] => say(v, &absent("/recordTarget"), "le document n'a pas de patient", "porter un recordTarget"),
        [_] => {}
        [_, second, ..] => say(v, second, "le document a plusieurs patients", "n'en garder qu'un"),
    }
    for (at, id) in patient.ids.iter().enumerate().take(FINDINGS_MAX) {
        if id.value.extension.is_none() && !id.value.null {
            say(
                v,
                &id.place,
                "un identifiant du patient n'a pas d'extension",
                "porter l'identifiant dans @extension",
            );
        }
        let Some(domain) = InsDomain::of(&id.value.root) else { continue };
        if at > 0 {
            say(v, &id.place, "l'INS n'est pas le premier identifiant du patient", "porter l'INS en premier");
        }
        let extension = id.value.extension.as_ref().map(|text| Ins::parse(text.expose()));
        match extension {
            Some(Ok(ins)) if !ins.key_is_valid() => {
                let finding = note(
                    v,
                    &id.place,
                    "la clé du matricule INS est fausse",
                    "reprendre l'INS du téléservice",
                );
                // Official test numbers have wrong keys (cda.md §7).
                if domain.is_test() {
                    soft(finding);
                }
            }
            Some(Ok(_)) | None => {}
            Some(Err(_)) => {
                say(v, &id.place, "le matricule INS n'a pas 15 caractères", "reprendre l'INS du téléservice");
            }
        }
    }
}

pub(super) fn h13_traits(header: &Header, v: &mut Verdicts<'_>) {
    let patient = &header.facts.patient;
    let qualified = |family: &Spotted<Option<String>>, wanted: &str| family.value.as_deref() == Some(wanted);
    if !patient.families.iter().any(|family| qualified(family, "BR")) {
        let remedy = "porter family avec qualifier=\"BR\"";
        say(v, &absent("/recordTarget/patientRole/patient/name"), "le nom de naissance est absent", remedy);
    }
    let odd = patient.families.iter().filter(|family| !qualified(family, "BR") && !qualified(family, "CL"));
    for family in odd.take(FINDINGS_MAX) {
        let found = family.value.as_deref().map_or_else(|| "rien".to_owned(), shown);
        v.differs(
            family.place.clone(),
            "un nom du patient n'est ni de naissance ni utilisé",
            "BR ou CL",
            found,
        );
    }
    match &patient.gender {
        Some(gender) if matches!(gender.value.as_str(), "M" | "F" | "UN") => {}
        Some(gender) => v.differs(
            gender.place.clone(),
            "le sexe n'est pas un code du profil",
            "M, F ou UN",
            shown(&gender.value),
        ),
        None => {}
    }
    if let Some(birth) = patient.birth_time.as_ref().filter(|birth| !birth.value) {
        say(v, &birth.place, "la date de naissance est illisible", "écrire AAAAMMJJ");
    }
}

pub(super) fn h14_traits_with_ins(header: &Header, v: &mut Verdicts<'_>) {
    let Some(ins) = header.facts.patient.ids.iter().find(|id| InsDomain::of(&id.value.root).is_some()) else {
        return;
    };
    let traits = &header.subject.traits;
    let missing = [
        (traits.birth_name.is_none(), "nom de naissance"),
        (traits.birth_given.is_none(), "premier prénom de naissance (given BR)"),
        (traits.birth_givens.is_none(), "liste des prénoms de naissance (given sans qualifier)"),
        (traits.birth_date.is_none(), "date de naissance"),
        (traits.sex.is_none(), "sexe"),
        (traits.birth_place.is_none(), "code COG du lieu de naissance"),
    ];
    for (_, name) in missing.into_iter().filter(|(absent, _)| *absent) {
        let sentence = format!("avec un INS, un trait d'identité manque : {name}");
        say(v, &ins.place, &sentence, "porter les traits rendus par le téléservice INSi");
    }
}

pub(super) fn h15_author(header: &Header, v: &mut Verdicts<'_>) {
    let authors = &header.facts.authors;
    if authors.is_empty() {
        say(v, &absent("/author"), "le document n'a pas d'auteur", "porter au moins un auteur");
    }
    for author in authors.iter().take(FINDINGS_MAX) {
        if !author.ids.iter().any(|id| id.extension.is_some() && !id.null) {
            say(v, &author.place, "un auteur n'a pas d'identifiant", "porter assignedAuthor/id");
        }
        if !author.has_time {
            say(v, &author.place, "un auteur n'a pas de date", "porter author/time");
        }
    }
}

pub(super) fn h16_author_kind(header: &Header, v: &mut Verdicts<'_>) {
    for author in header.facts.authors.iter().take(FINDINGS_MAX) {
        match (author.person, author.device) {
            (Some((true, true)), _) | (None, Some((true, true))) => {}
            (Some((false, _)), _) => say(v, &author.place, "un auteur n'a pas de nom", "porter family"),
            // S3 has the given name 0..1, the check of S1 wants it: a remark.
            (Some((true, false)), _) => {
                soft(note(v, &author.place, "un auteur n'a pas de prénom", "porter given"))
            }
            (None, Some(_)) => {
                let remedy = "porter manufacturerModelName et softwareName";
                say(v, &author.place, "un système auteur n'a pas de modèle et de logiciel", remedy);
            }
            (None, None) => {
                let remedy = "porter assignedPerson ou assignedAuthoringDevice";
                say(v, &author.place, "un auteur n'est ni une personne ni un système", remedy);
            }
        }
    }
}

pub(super) fn h17_custodian(header: &Header, v: &mut Verdicts<'_>) {
    let remedy = "porter l'identifiant national de la structure conservatrice";
    match &header.facts.custodian {
        None => say(v, &absent("/custodian"), "la structure conservatrice n'a pas d'identifiant", remedy),
        // The DMP itself keeps the patient's documents (cda.md §2.5).
        Some(id) if matches!(id.value.root.as_str(), STRUCTURE_AUTHORITY | "1.2.250.1.213.4.1") => {}
        Some(id) => v.differs(
            id.place.clone(),
            "l'identifiant de la structure conservatrice n'est pas national",
            STRUCTURE_AUTHORITY,
            shown(&id.value.root),
        ),
    }
}

pub(super) fn h18_legal(header: &Header, v: &mut Verdicts<'_>) {
    let Some(legal) = &header.facts.legal else {
        say(
            v,
            &absent("/legalAuthenticator"),
            "le document n'a pas de responsable",
            "porter legalAuthenticator",
        );
        return;
    };
    if !legal.has_time {
        say(v, &legal.place, "le responsable n'a pas daté le document", "porter legalAuthenticator/time");
    }
    if legal.signature != "S" {
        v.differs(
            legal.place.clone(),
            "signatureCode n'est pas celui du profil",
            "S",
            shown(&legal.signature),
        );
    }
    if !legal.ids.iter().any(|id| id.extension.is_some() && !id.null) {
        say(v, &legal.place, "le responsable n'a pas d'identifiant", "porter assignedEntity/id");
    }
    if legal.ids.len() > 1 {
        soft(note(v, &legal.place, "le responsable a plusieurs identifiants", "n'en porter qu'un"));
    }
}

/// Prefixes of PS_IdNat: ADELI, cabinets, structures, RPPS. Source: dmp-xds.md §7.3.
pub(super) fn h19_professionals(header: &Header, v: &mut Verdicts<'_>) {
    let national = header.facts.professionals.iter().filter(|id| id.value.root == PERSON_AUTHORITY);
    for id in national.take(FINDINGS_MAX) {
        let Some(text) = id.value.extension.as_ref().map(|text| text.expose().as_str()) else { continue };
        let (prefix, rest) = text.split_at_checked(1).unwrap_or_default();
        let digits = rest.bytes().all(|byte| byte.is_ascii_digit());
        let known = match prefix {
            "8" => rest.len() == 11 && digits,
            "0" | "1" | "3" | "4" | "5" | "6" => !rest.is_empty(),
            _ => false,
        };
        if !known {
            let remedy = "écrire le préfixe puis le numéro : 8 et les 11 chiffres du RPPS";
            say(
                v,
                &id.place,
                "un identifiant de professionnel n'a pas de préfixe ou de longueur connus",
                remedy,
            );
        } else if prefix == "8" && !luhn(rest) {
            // The algorithm is general knowledge, and fictitious numbers do not follow it (cda.md §10).
            soft(note(
                v,
                &id.place,
                "la clé d'un numéro RPPS est fausse",
                "vérifier le numéro dans l'annuaire",
            ));
        }
    }
}

fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let digit = u32::from(byte - b'0') * if at % 2 == 1 { 2 } else { 1 };
            if digit > 9 { digit - 9 } else { digit }
        })
        .sum();
    sum.is_multiple_of(10)
}

pub(super) fn h22_participant(header: &Header, v: &mut Verdicts<'_>) {
    for participant in header.facts.participants.iter().take(FINDINGS_MAX) {
        if !PARTICIPANT_TYPES.contains(&participant.type_code.as_str()) {
            v.differs(
                participant.place.clone(),
                "le rôle d'un participant n'est pas du jeu de valeurs JDV_J144",
                PARTICIPANT_TYPES.join(", "),
                shown(&participant.type_code),
            );
        }
        if !participant.has_time {
            say(
                v,
                &participant.place,
                "un participant n'a pas de date",
                "porter participant/time, au besoin nullFlavor",
            );
        }
        if participant.class_code.is_empty() {
            say(
                v,
                &participant.place,
                "un participant n'a pas de classCode",
                "porter associatedEntity/@classCode",
            );
        } else if !PARTICIPANT_CLASSES.contains(&participant.class_code.as_str()) {
            // The sheet names two codes of JDV_J141 only: another one is a remark.
            let finding = note(
                v,
                &participant.place,
                "le classCode d'un participant n'est pas connu",
                "PROV, ou AGNT selon le rôle",
            );
            finding.found = Some(shown(&participant.class_code));
            soft(finding);
        }
    }
}

pub(super) fn h23_informant(header: &Header, v: &mut Verdicts<'_>) {
    let wrong = header.facts.informants.iter().filter(|informant| informant.value != 1);
    for informant in wrong.take(FINDINGS_MAX) {
        let remedy = "porter assignedEntity ou relatedEntity";
        say(v, &informant.place, "un informateur n'est pas soit un professionnel, soit un proche", remedy);
    }
}

pub(super) fn h33_legal_is_author(header: &Header, v: &mut Verdicts<'_>) {
    let Some(legal) = &header.facts.legal else { return };
    let authors = &header.facts.authors;
    let same_person = authors.iter().flat_map(|author| &author.ids).any(|id| legal.ids.contains(id));
    let structure = |id: &Option<Ii>| id.as_ref().and_then(|id| id.extension.clone());
    let own = structure(&legal.organization);
    let same_structure = own.is_some() && authors.iter().any(|author| structure(&author.organization) == own);
    if !same_person && !same_structure {
        let remedy = "vérifier qui répond du document";
        say(v, &legal.place, "le responsable n'est ni un auteur ni de la structure d'un auteur", remedy);
    }
}
