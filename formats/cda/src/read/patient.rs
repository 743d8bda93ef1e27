//! `recordTarget`: the patient as the document identifies them.
//! In: a cursor on recordTarget. Out: INS, local identifiers, traits. Source: cda.md §2.3 and §4.

use jonction_model::{Finding, Ins, InsDomain, InsIdentity, LocalId, Masked, Sex, Traits};

use crate::{
    cursor::{Cursor, Element},
    error::CdaError,
    facts::{Ii, Spotted},
    header::SEVERAL_INS,
};

use super::{
    draft::Draft,
    push,
    values::{here, ii, value},
};

/// Roots that are no local identifier: INS-C and social security numbers, beside the INS registers.
const NOT_LOCAL: [&str; 3] = ["1.2.250.1.213.1.4.2", "1.2.250.1.213.1.4.13", "1.2.250.1.213.1.4.14"];

pub(super) fn record_target(
    cursor: &mut Cursor<'_>,
    element: &Element<'_>,
    draft: &mut Draft,
) -> Result<(), CdaError> {
    let place = here(cursor, element);
    push(cursor, &mut draft.facts.patient.targets, place)?;
    // Two patients in one document: the first one counts, the check H-12 tells.
    if draft.facts.patient.targets.len() > 1 {
        return Ok(());
    }
    cursor.each(|cursor, element| match element.name() {
        "patientRole" => patient_role(cursor, draft),
        _ => Ok(()),
    })
}

fn patient_role(cursor: &mut Cursor<'_>, draft: &mut Draft) -> Result<(), CdaError> {
    cursor.each(|cursor, element| {
        match element.name() {
            "id" => {
                let id = ii(cursor, element);
                identifier(&id, draft);
                push(cursor, &mut draft.facts.patient.ids, id)?;
            }
            "patient" => patient(cursor, draft)?,
            _ => {}
        }
        Ok(())
    })
}

/// Sorts an identifier by its root: INS, local, or neither.
fn identifier(id: &Spotted<Ii>, draft: &mut Draft) {
    let Ii { root, extension: Some(extension), null: false } = &id.value else { return };
    if let Some(domain) = InsDomain::of(root) {
        match Ins::parse(extension.expose()) {
            Ok(ins) => one_ins(InsIdentity { ins, domain }, id, draft),
            Err(_) => draft.notes.push(
                Finding::warning(
                    "cda.malformed-ins",
                    "le matricule INS du document n'a pas la forme d'un INS",
                )
                .at(id.place.clone())
                .expected("15 caractères", format!("{} caractères", extension.expose().chars().count()))
                .remedy("porter dans le document l'INS rendu par le téléservice"),
            ),
        }
    } else if !NOT_LOCAL.contains(&root.as_str()) {
        draft.subject.local_ids.push(LocalId {
            id: extension.clone(),
            authority: root.clone(),
            kind: "PI".to_owned(),
        });
    }
}

/// The first INS is kept; another one beside it makes the document nobody's, which readers must be able to tell.
fn one_ins(found: InsIdentity, id: &Spotted<Ii>, draft: &mut Draft) {
    match &draft.subject.ins {
        None => draft.subject.ins = Some(found),
        Some(known) if *known == found => {}
        Some(_) if draft.notes.iter().any(|note| note.check == SEVERAL_INS) => {}
        Some(_) => draft.notes.push(
            Finding::warning(SEVERAL_INS, "le document porte plusieurs INS : le premier est retenu")
                .at(id.place.clone())
                .remedy("ne porter dans le document que l'INS en vigueur"),
        ),
    }
}

fn patient(cursor: &mut Cursor<'_>, draft: &mut Draft) -> Result<(), CdaError> {
    cursor.each(|cursor, element| {
        match element.name() {
            "name" if !element.is_null() => name(cursor, draft)?,
            "administrativeGenderCode" => {
                let gender = value(cursor, element, "code");
                draft.subject.traits.sex = Sex::parse(&gender.value);
                draft.facts.patient.gender = Some(gender);
            }
            "birthTime" => {
                let place = here(cursor, element);
                if let Some(text) = element.attr("value") {
                    let day: String = text.chars().take(8).collect();
                    let sound = matches!(day.len(), 4 | 6 | 8) && day.bytes().all(|b| b.is_ascii_digit());
                    draft.subject.traits.birth_date = sound.then(|| Masked::new(day));
                    draft.facts.patient.birth_time = Some(Spotted { value: sound, place });
                }
            }
            "birthplace" => birth_place(cursor, draft)?,
            _ => {}
        }
        Ok(())
    })
}

/// Qualifiers decide; a name without any family `BR` takes the one without qualifier, with a remark.
fn name(cursor: &mut Cursor<'_>, draft: &mut Draft) -> Result<(), CdaError> {
    let mut unqualified = None;
    cursor.each(|cursor, element| {
        let qualifier = element.attr("qualifier").map(str::to_owned);
        let place = here(cursor, element);
        let facts = &mut draft.facts.patient;
        let spotted = Spotted { value: qualifier.clone(), place };
        let family = element.name() == "family";
        match element.name() {
            "family" => push(cursor, &mut facts.families, spotted)?,
            "given" => push(cursor, &mut facts.givens, spotted)?,
            _ => return Ok(()),
        }
        let Some(text) = Some(cursor.text()?).filter(|text| !text.is_empty()) else { return Ok(()) };
        let traits: &mut Traits = &mut draft.subject.traits;
        let slot = match (family, qualifier.as_deref()) {
            (true, Some("BR")) => &mut traits.birth_name,
            // SP was suppressed, and is still seen in old messages (cda.md §2.3).
            (true, Some("CL" | "SP")) => &mut traits.used_name,
            (true, _) => &mut unqualified,
            (false, Some("BR")) => &mut traits.birth_given,
            (false, Some("CL" | "SP")) => &mut traits.used_given,
            (false, _) => &mut traits.birth_givens,
        };
        if slot.is_none() {
            *slot = Some(Masked::new(text));
        }
        Ok(())
    })?;
    if draft.subject.traits.birth_name.is_none() && unqualified.is_some() {
        draft.subject.traits.birth_name = unqualified;
        draft.notes.push(
            Finding::warning(
                "cda.unqualified-name",
                "le nom du patient n'a pas de qualifier : lu comme nom de naissance",
            )
            .at(jonction_model::Place::path("/ClinicalDocument/recordTarget/patientRole/patient/name/family"))
            .remedy("porter qualifier=\"BR\" sur le nom de naissance"),
        );
    }
    Ok(())
}

fn birth_place(cursor: &mut Cursor<'_>, draft: &mut Draft) -> Result<(), CdaError> {
    cursor.each(|cursor, place| match place.name() {
        "place" => cursor.each(|cursor, addr| match addr.name() {
            "addr" => cursor.each(|cursor, element| {
                if element.name() == "county" && !element.is_null() {
                    let place = here(cursor, element);
                    let text = cursor.text()?;
                    let sound = text.len() == 5 && text.bytes().all(|b| b.is_ascii_alphanumeric());
                    draft.facts.patient.birth_place = Some(Spotted { value: sound, place });
                    draft.subject.traits.birth_place = sound.then(|| Masked::new(text));
                }
                Ok(())
            }),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })
}
