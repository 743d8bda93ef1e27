//! Those who wrote, kept, signed and took part.
//! In: a cursor on author, custodian, legalAuthenticator, informant or participant. Out: authors, signer, facts.
//! Source: cda.md §2.4 to §2.7 and §4.

use jonction_model::{Author, Authorship, Device};

use crate::{
    cursor::{Cursor, Element},
    error::CdaError,
    facts::{AuthorFacts, Ii, LegalFacts, ParticipantFacts, Spotted},
};

use super::{
    draft::Draft,
    push,
    values::{Party, here, ii, party},
};

/// Identifiers of professionals are judged together (H-19).
fn note_professionals(
    cursor: &mut Cursor<'_>,
    draft: &mut Draft,
    party: &Party,
) -> Result<Vec<Ii>, CdaError> {
    let mut ids = Vec::new();
    for id in &party.ids {
        push(cursor, &mut draft.facts.professionals, id.clone())?;
        ids.push(id.value.clone());
    }
    Ok(ids)
}

pub(super) fn author(
    cursor: &mut Cursor<'_>,
    element: &Element<'_>,
    draft: &mut Draft,
) -> Result<(), CdaError> {
    let mut facts = AuthorFacts { place: here(cursor, element), ..AuthorFacts::default() };
    let (mut role, mut who) = (None, Party::default());
    cursor.each(|cursor, element| {
        match element.name() {
            "functionCode" => role = element.attr("displayName").map(str::to_owned),
            "time" => facts.has_time = element.attr("value").is_some(),
            "assignedAuthor" => who = party(cursor)?,
            _ => {}
        }
        Ok(())
    })?;
    facts.ids = note_professionals(cursor, draft, &who)?;
    facts.person = who.name.as_ref().map(|name| (name.family.is_some(), name.given.is_some()));
    facts.device = who.device.as_ref().map(|(model, software)| (model.is_some(), software.is_some()));
    facts.organization = who.organization.as_ref().and_then(|organization| organization.id.clone());
    let by = match &who.device {
        Some((model, software)) if who.name.is_none() => Authorship::Device(Device {
            id: who.person().id,
            software: software.clone().unwrap_or_default(),
            model: model.clone().unwrap_or_default(),
        }),
        _ => Authorship::Person(who.person()),
    };
    let author = Author { by, organization: who.organization(), role, specialty: who.code };
    push(cursor, &mut draft.authors, author)?;
    push(cursor, &mut draft.facts.authors, facts)
}

pub(super) fn legal_authenticator(
    cursor: &mut Cursor<'_>,
    element: &Element<'_>,
    draft: &mut Draft,
) -> Result<(), CdaError> {
    let mut facts = LegalFacts { place: here(cursor, element), ..LegalFacts::default() };
    let mut who = Party::default();
    cursor.each(|cursor, element| {
        match element.name() {
            "time" => facts.has_time = element.attr("value").is_some(),
            "signatureCode" => facts.signature = element.attr("code").unwrap_or_default().to_owned(),
            "assignedEntity" => who = party(cursor)?,
            _ => {}
        }
        Ok(())
    })?;
    if draft.facts.legal.is_some() {
        return Ok(());
    }
    facts.ids = note_professionals(cursor, draft, &who)?;
    facts.organization = who.organization.as_ref().and_then(|organization| organization.id.clone());
    let person = who.person();
    let said = person.id.is_some() || person.family.is_some();
    draft.legal_authenticator = said.then_some(person);
    draft.facts.legal = Some(facts);
    Ok(())
}

pub(super) fn custodian(cursor: &mut Cursor<'_>, draft: &mut Draft) -> Result<(), CdaError> {
    cursor.each(|cursor, element| match element.name() {
        "assignedCustodian" => cursor.each(|cursor, element| match element.name() {
            "representedCustodianOrganization" => cursor.each(|cursor, element| {
                if element.name() == "id" {
                    super::keep(&mut draft.facts.custodian, ii(cursor, element));
                }
                Ok(())
            }),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })
}

pub(super) fn informant(
    cursor: &mut Cursor<'_>,
    element: &Element<'_>,
    draft: &mut Draft,
) -> Result<(), CdaError> {
    let place = here(cursor, element);
    let mut entities = 0;
    cursor.each(|_, element| {
        entities += usize::from(matches!(element.name(), "assignedEntity" | "relatedEntity"));
        Ok(())
    })?;
    push(cursor, &mut draft.facts.informants, Spotted { value: entities, place })
}

pub(super) fn participant(
    cursor: &mut Cursor<'_>,
    element: &Element<'_>,
    draft: &mut Draft,
) -> Result<(), CdaError> {
    let mut facts = ParticipantFacts {
        place: here(cursor, element),
        type_code: element.attr("typeCode").unwrap_or_default().to_owned(),
        ..ParticipantFacts::default()
    };
    cursor.each(|cursor, element| {
        match element.name() {
            "time" => facts.has_time = true,
            "associatedEntity" => {
                facts.class_code = element.attr("classCode").unwrap_or_default().to_owned();
                let who = party(cursor)?;
                note_professionals(cursor, draft, &who)?;
            }
            _ => {}
        }
        Ok(())
    })?;
    push(cursor, &mut draft.facts.participants, facts)
}
