//! The readers of the header, one per part. Each reads its element and leaves the cursor behind it.
//! In: a cursor. Out: a draft of the header. Source: cda.md §2 and §4.

mod body;
mod draft;
mod events;
mod parties;
mod patient;
mod values;

use crate::{
    cursor::Cursor,
    error::CdaError,
    facts::{Observation, ObservationKind, Spotted},
};

use draft::Draft;
use values::{code, here, ii, value};

/// Reads the children of the ClinicalDocument, whatever their order.
pub(crate) fn read_document(cursor: &mut Cursor<'_>) -> Result<Draft, CdaError> {
    let mut draft = Draft::default();
    cursor.each(|cursor, element| {
        if !cursor.observations.in_order(element.name()) {
            let place = here(cursor, element);
            cursor.observations.push(Observation { kind: ObservationKind::OutOfOrder, place });
        }
        let facts = &mut draft.facts;
        match element.name() {
            "realmCode" => keep(&mut facts.realm, value(cursor, element, "code")),
            "typeId" => keep(&mut facts.type_id, ii(cursor, element)),
            "templateId" => {
                let template = ii(cursor, element);
                push(cursor, &mut facts.templates, template)?;
            }
            "id" => keep(&mut facts.id, ii(cursor, element)),
            "code" => keep(&mut facts.code, code(cursor, element)),
            "title" => {
                let place = here(cursor, element);
                draft.title = cursor.text()?;
                facts.title_length = Some(Spotted { value: draft.title.chars().count(), place });
            }
            "effectiveTime" => keep(&mut facts.effective_time, value(cursor, element, "value")),
            "confidentialityCode" => keep(&mut facts.confidentiality, code(cursor, element)),
            "languageCode" => keep(&mut facts.language, value(cursor, element, "code")),
            "setId" => keep(&mut facts.set_id, ii(cursor, element)),
            "versionNumber" => keep(&mut facts.version, value(cursor, element, "value")),
            "recordTarget" => patient::record_target(cursor, element, &mut draft)?,
            "author" => parties::author(cursor, element, &mut draft)?,
            "informant" => parties::informant(cursor, element, &mut draft)?,
            "custodian" => parties::custodian(cursor, &mut draft)?,
            "legalAuthenticator" => parties::legal_authenticator(cursor, element, &mut draft)?,
            "participant" => parties::participant(cursor, element, &mut draft)?,
            "inFulfillmentOf" => events::in_fulfillment_of(cursor, &mut draft)?,
            "documentationOf" => events::documentation_of(cursor, element, &mut draft)?,
            "relatedDocument" => events::related_document(cursor, element, &mut draft)?,
            "authorization" => events::authorization(cursor, element, &mut draft)?,
            "componentOf" => events::component_of(cursor, &mut draft)?,
            "component" => body::component(cursor, &mut draft)?,
            _ => {}
        }
        Ok(())
    })?;
    draft.facts.observations = std::mem::take(&mut cursor.observations);
    Ok(draft)
}

/// Keeps the first of an element that should come once.
fn keep<T>(slot: &mut Option<T>, found: T) {
    slot.get_or_insert(found);
}

/// Keeps one more, up to the limit.
fn push<T>(cursor: &mut Cursor<'_>, list: &mut Vec<T>, found: T) -> Result<(), CdaError> {
    let limit = cursor.limits().repetitions_max;
    if list.len() >= limit {
        return Err(cursor.limit(0, "repetitions", limit));
    }
    list.push(found);
    Ok(())
}
