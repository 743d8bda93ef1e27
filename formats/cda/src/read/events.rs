//! What the document is about: acts, orders, earlier versions, consents, the stay.
//! In: a cursor on documentationOf, inFulfillmentOf, relatedDocument, authorization or componentOf. Out: draft, facts.
//! Source: cda.md §2.8, §2.9 and §4.

use jonction_model::{CodedValue, Reference};

use crate::{
    cursor::{Cursor, Element, Space},
    error::CdaError,
    facts::{Code, EventFacts, Ii, RelatedFacts, Spotted},
};

use super::{
    draft::{Draft, Event},
    push,
    values::{bare_code, bare_ii, code, here, party},
};

/// URN of table JDV_J231 for orders.
pub(super) const ORDER: &str = "urn:ihe:iti:xds:2013:order";
/// URN of table JDV_J231 for accession numbers.
pub(super) const ACCESSION: &str = "urn:ihe:iti:xds:2013:accession";
/// URN of table JDV_J231 for imaging studies.
pub(super) const STUDY: &str = "urn:ihe:iti:xds:2016:studyInstanceUID";

fn reference(id: &Ii, kind: &str) -> Option<Reference> {
    let (id, root) = match (&id.extension, id.root.as_str()) {
        _ if id.null => return None,
        (None, "") => return None,
        (Some(extension), root) => (extension.expose().clone(), root.to_owned()),
        (None, root) => (root.to_owned(), String::new()),
    };
    Some(Reference { id, root, kind: kind.to_owned() })
}

pub(super) fn in_fulfillment_of(cursor: &mut Cursor<'_>, draft: &mut Draft) -> Result<(), CdaError> {
    cursor.each(|cursor, element| match element.name() {
        "order" => cursor.each(|cursor, element| {
            let kind = match (element.space, element.local) {
                (Space::Hl7, "id") => ORDER,
                (Space::Dicom, "accessionNumber") => ACCESSION,
                _ => return Ok(()),
            };
            match reference(&bare_ii(element), kind) {
                Some(reference) => push(cursor, &mut draft.references, reference),
                None => Ok(()),
            }
        }),
        _ => Ok(()),
    })
}

pub(super) fn documentation_of(
    cursor: &mut Cursor<'_>,
    element: &Element<'_>,
    draft: &mut Draft,
) -> Result<(), CdaError> {
    let mut facts = EventFacts { place: here(cursor, element), ..EventFacts::default() };
    let mut event = Event::default();
    cursor.each(|cursor, element| match element.name() {
        "serviceEvent" => service_event(cursor, &mut event, &mut facts, draft),
        _ => Ok(()),
    })?;
    push(cursor, &mut draft.events, event)?;
    push(cursor, &mut draft.facts.events, facts)
}

fn service_event(
    cursor: &mut Cursor<'_>,
    event: &mut Event,
    facts: &mut EventFacts,
    draft: &mut Draft,
) -> Result<(), CdaError> {
    cursor.each(|cursor, element| {
        match element.name() {
            "id" => {
                let study = bare_ii(element);
                if study.extension.is_none() && jonction_model::Oid::parse(&study.root).is_ok() {
                    let study = reference(&study, STUDY);
                    event.study = event.study.take().or(study);
                }
            }
            "code" => event.code = event.code.take().or(bare_code(element).coded()),
            "effectiveTime" => {
                let mut both = element.attr("value").map(str::to_owned);
                let (mut low, mut high) = (None, None);
                cursor.each(|_, bound| {
                    let text = bound.attr("value").map(str::to_owned);
                    match bound.name() {
                        "low" => low = text,
                        "high" => high = text,
                        _ => {}
                    }
                    Ok(())
                })?;
                facts.has_low = low.is_some();
                event.start = low.or_else(|| both.clone());
                event.stop = high.or_else(|| both.take());
            }
            "performer" => performer(cursor, element, event, facts, draft)?,
            _ => {}
        }
        Ok(())
    })
}

fn performer(
    cursor: &mut Cursor<'_>,
    element: &Element<'_>,
    event: &mut Event,
    facts: &mut EventFacts,
    draft: &mut Draft,
) -> Result<(), CdaError> {
    let place = here(cursor, element);
    let type_code = element.attr("typeCode").unwrap_or_default().to_owned();
    let mut industry: Option<Code> = None;
    cursor.each(|cursor, element| {
        if element.name() == "assignedEntity" {
            let who = party(cursor)?;
            for id in &who.ids {
                push(cursor, &mut draft.facts.professionals, id.clone())?;
            }
            industry = who.organization.and_then(|organization| organization.industry);
        }
        Ok(())
    })?;
    let coded: Option<CodedValue> = industry.as_ref().and_then(Code::coded);
    push(cursor, &mut facts.performers, (place, type_code, coded.is_some()))?;
    event.performed = true;
    event.setting = event.setting.take().or(coded);
    Ok(())
}

pub(super) fn related_document(
    cursor: &mut Cursor<'_>,
    element: &Element<'_>,
    draft: &mut Draft,
) -> Result<(), CdaError> {
    let mut facts = RelatedFacts {
        place: here(cursor, element),
        type_code: element.attr("typeCode").unwrap_or_default().to_owned(),
        parents: Vec::new(),
    };
    cursor.each(|cursor, element| match element.name() {
        "parentDocument" => cursor.each(|cursor, element| match element.name() {
            "id" => push(cursor, &mut facts.parents, bare_ii(element)),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })?;
    push(cursor, &mut draft.facts.related, facts)
}

pub(super) fn authorization(
    cursor: &mut Cursor<'_>,
    element: &Element<'_>,
    draft: &mut Draft,
) -> Result<(), CdaError> {
    let place = here(cursor, element);
    let mut status = String::new();
    cursor.each(|cursor, element| match element.name() {
        "consent" => cursor.each(|_, element| {
            if element.name() == "statusCode" {
                status = element.attr("code").unwrap_or_default().to_owned();
            }
            Ok(())
        }),
        _ => Ok(()),
    })?;
    push(cursor, &mut draft.facts.consents, Spotted { value: status, place })
}

pub(super) fn component_of(cursor: &mut Cursor<'_>, draft: &mut Draft) -> Result<(), CdaError> {
    cursor.each(|cursor, element| match element.name() {
        "encompassingEncounter" => cursor.each(|cursor, element| match element.name() {
            "location" => cursor.each(|cursor, element| match element.name() {
                "healthCareFacility" => cursor.each(|cursor, element| {
                    if element.name() == "code" {
                        super::keep(&mut draft.facts.facility, code(cursor, element));
                    }
                    Ok(())
                }),
                _ => Ok(()),
            }),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })
}
