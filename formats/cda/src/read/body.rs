//! `component`: the level of the document, and where an embedded body stands in its bytes.
//! In: a cursor on component. Out: a range of base64, never a copy. Source: cda.md §3.

use std::ops::Range;

use crate::{
    body::looks_like_base64,
    cursor::{Cursor, Element},
    error::CdaError,
    facts::BodyFacts,
};

use super::{draft::Draft, values::here};

/// LOINC code of the section that holds a copy of the document.
const COPY_SECTION: &str = "55108-5";
/// Template of that section.
const COPY_TEMPLATE: &str = "1.2.250.1.213.1.1.2.243";

pub(super) fn component(cursor: &mut Cursor<'_>, draft: &mut Draft) -> Result<(), CdaError> {
    cursor.each(|cursor, element| match element.name() {
        "nonXMLBody" => unstructured(cursor, element, draft),
        "structuredBody" => structured(cursor, element, draft),
        _ => Ok(()),
    })
}

fn unstructured(cursor: &mut Cursor<'_>, element: &Element<'_>, draft: &mut Draft) -> Result<(), CdaError> {
    let mut facts = BodyFacts { place: here(cursor, element), unstructured: true, ..BodyFacts::default() };
    cursor.each(|cursor, element| {
        if element.name() != "text" {
            return Ok(());
        }
        facts.texts += 1;
        if facts.texts > 1 {
            return Ok(());
        }
        facts.place = here(cursor, element);
        facts.representation = element.attr("representation").unwrap_or_default().to_owned();
        facts.media_type = element.attr("mediaType").unwrap_or_default().to_owned();
        draft.body = cursor.payload()?;
        facts.decodes = draft.body.clone().is_some_and(|range| looks_like_base64(cursor.slice(range)));
        Ok(())
    })?;
    draft.facts.body = Some(facts);
    Ok(())
}

/// What is known of the section around, while the body is walked through.
struct Section {
    depth: usize,
    copy: bool,
}

/// Walks through all sections without recursion and keeps the first embedded PDF of a copy section.
fn structured(cursor: &mut Cursor<'_>, element: &Element<'_>, draft: &mut Draft) -> Result<(), CdaError> {
    let place = here(cursor, element);
    let outside = cursor.depth() - 1;
    let mut sections: Vec<Section> = Vec::new();
    let mut pdf: Option<Range<usize>> = None;
    // What stands out is only told of the header.
    cursor.watching = false;
    let copied = loop {
        let opened = cursor.open()?;
        while sections.last().is_some_and(|section| section.depth > cursor.depth()) {
            sections.pop();
        }
        let Some(element) = opened else {
            if cursor.depth() <= outside {
                break pdf;
            }
            continue;
        };
        let innermost = sections.last_mut();
        match (element.name(), innermost) {
            ("section", _) => sections.push(Section { depth: cursor.depth(), copy: false }),
            ("code", Some(section)) if cursor.depth() == section.depth + 1 => {
                section.copy |= element.attr("code") == Some(COPY_SECTION);
            }
            ("templateId", Some(section)) if cursor.depth() == section.depth + 1 => {
                section.copy |= element.attr("root") == Some(COPY_TEMPLATE);
            }
            ("value", Some(section)) if section.copy && pdf.is_none() && is_pdf(&element) => {
                pdf = cursor.payload()?;
            }
            _ => {}
        }
    };
    cursor.watching = true;
    draft.body = copied;
    draft.facts.body = Some(BodyFacts { place, ..BodyFacts::default() });
    Ok(())
}

fn is_pdf(element: &Element<'_>) -> bool {
    element.attr("mediaType") == Some("application/pdf") && element.attr("representation") == Some("B64")
}
