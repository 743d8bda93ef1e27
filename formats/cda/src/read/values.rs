//! The small values of a header: identifiers, codes, times, names.
//! In: an element, or a cursor inside it. Out: values as written. Source: cda.md §1.1.

use jonction_model::{
    CodedValue, DocumentUniqueId, Masked, Organization, Person, PersonId, Place, StructureId,
};

use crate::{
    cursor::{Cursor, Element},
    error::CdaError,
    facts::{Code, Ii, Spotted},
};

/// Place of an element that was just opened.
pub(super) fn here(cursor: &mut Cursor<'_>, element: &Element<'_>) -> Place {
    let spot = cursor.spot(element.start);
    spot.place(cursor.path())
}

fn owned(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

pub(super) fn value(cursor: &mut Cursor<'_>, element: &Element<'_>, attribute: &str) -> Spotted<String> {
    Spotted { value: owned(element.attr(attribute)), place: here(cursor, element) }
}

pub(super) fn bare_ii(element: &Element<'_>) -> Ii {
    Ii {
        root: owned(element.attr("root")),
        extension: element.attr("extension").map(Masked::from),
        null: element.is_null(),
    }
}

pub(super) fn ii(cursor: &mut Cursor<'_>, element: &Element<'_>) -> Spotted<Ii> {
    Spotted { value: bare_ii(element), place: here(cursor, element) }
}

pub(super) fn bare_code(element: &Element<'_>) -> Code {
    Code {
        code: owned(element.attr("code")),
        system: owned(element.attr("codeSystem")),
        label: owned(element.attr("displayName")),
        null: element.is_null(),
    }
}

pub(super) fn code(cursor: &mut Cursor<'_>, element: &Element<'_>) -> Spotted<Code> {
    Spotted { value: bare_code(element), place: here(cursor, element) }
}

impl Code {
    /// As a coded value; `None` when it says nothing.
    pub(super) fn coded(&self) -> Option<CodedValue> {
        let said = !self.null && !self.code.is_empty();
        said.then(|| CodedValue {
            code: self.code.clone(),
            system: self.system.clone(),
            label: self.label.clone(),
        })
    }
}

impl Ii {
    /// As the identifier of a document; `None` when it says nothing.
    pub(crate) fn document_id(&self) -> Option<DocumentUniqueId> {
        let said = !self.null && !self.root.is_empty();
        said.then(|| DocumentUniqueId {
            root: self.root.clone(),
            extension: self.extension.as_ref().map(|extension| extension.expose().clone()),
        })
    }

    fn identifier(&self) -> Option<&str> {
        let extension = self.extension.as_ref().filter(|_| !self.null)?;
        Some(extension.expose())
    }

    pub(super) fn structure_id(&self) -> Option<StructureId> {
        self.identifier().map(StructureId::prefixed)
    }
}

/// Family and given of the name of a professional: the first ones, whatever their qualifier.
#[derive(Clone, Debug, Default)]
pub(super) struct PersonName {
    pub(super) family: Option<String>,
    pub(super) given: Option<String>,
}

/// Reads `assignedPerson` or `associatedPerson`.
pub(super) fn person_name(cursor: &mut Cursor<'_>) -> Result<PersonName, CdaError> {
    let mut name = PersonName::default();
    cursor.each(|cursor, element| {
        if element.name() != "name" {
            return Ok(());
        }
        cursor.each(|cursor, part| {
            let slot = match part.name() {
                "family" => &mut name.family,
                "given" => &mut name.given,
                _ => return Ok(()),
            };
            let text = cursor.text()?;
            if slot.is_none() && !text.is_empty() {
                *slot = Some(text);
            }
            Ok(())
        })
    })?;
    Ok(name)
}

/// An `assignedAuthor` or an `assignedEntity`, before one knows what it is for.
#[derive(Clone, Debug, Default)]
pub(super) struct Party {
    pub(super) ids: Vec<Spotted<Ii>>,
    pub(super) code: Option<CodedValue>,
    pub(super) name: Option<PersonName>,
    pub(super) device: Option<(Option<String>, Option<String>)>,
    pub(super) organization: Option<OrganizationDraft>,
}

/// `representedOrganization`.
#[derive(Clone, Debug, Default)]
pub(super) struct OrganizationDraft {
    pub(super) id: Option<Ii>,
    pub(super) name: Option<String>,
    pub(super) industry: Option<Code>,
}

impl OrganizationDraft {
    pub(super) fn organization(&self) -> Organization {
        Organization { id: self.id.as_ref().and_then(Ii::structure_id), name: self.name.clone() }
    }
}

impl Party {
    /// As a person; the first identifier that says something counts.
    pub(super) fn person(&self) -> Person {
        let named = self.ids.iter().map(|id| &id.value).find(|id| id.identifier().is_some());
        let name = self.name.clone().unwrap_or_default();
        Person {
            id: named.and_then(Ii::identifier).map(PersonId::prefixed),
            authority: named.map(|id| id.root.clone()).unwrap_or_default(),
            family: name.family,
            given: name.given,
        }
    }

    pub(super) fn organization(&self) -> Option<Organization> {
        let organization = self.organization.as_ref()?.organization();
        (organization.id.is_some() || organization.name.is_some()).then_some(organization)
    }
}

/// Reads the children of an `assignedAuthor`, an `assignedEntity` or an `associatedEntity`.
pub(super) fn party(cursor: &mut Cursor<'_>) -> Result<Party, CdaError> {
    let mut party = Party::default();
    cursor.each(|cursor, element| {
        match element.name() {
            "id" => {
                let id = ii(cursor, element);
                super::push(cursor, &mut party.ids, id)?;
            }
            "code" => party.code = party.code.take().or(bare_code(element).coded()),
            "assignedPerson" | "associatedPerson" => party.name = Some(person_name(cursor)?),
            "assignedAuthoringDevice" => party.device = Some(device(cursor)?),
            "representedOrganization" => party.organization = Some(organization(cursor)?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(party)
}

/// Model and software.
fn device(cursor: &mut Cursor<'_>) -> Result<(Option<String>, Option<String>), CdaError> {
    let (mut model, mut software) = (None, None);
    cursor.each(|cursor, element| {
        match element.name() {
            "manufacturerModelName" => model = Some(cursor.text()?),
            "softwareName" => software = Some(cursor.text()?),
            _ => {}
        }
        Ok(())
    })?;
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    Ok((said(model), said(software)))
}

fn organization(cursor: &mut Cursor<'_>) -> Result<OrganizationDraft, CdaError> {
    let mut draft = OrganizationDraft::default();
    cursor.each(|cursor, element| {
        match element.name() {
            "id" => super::keep(&mut draft.id, bare_ii(element)),
            "name" if !element.is_null() => {
                let text = cursor.text()?;
                draft.name = draft.name.take().or(Some(text).filter(|text| !text.is_empty()));
            }
            "standardIndustryClassCode" => super::keep(&mut draft.industry, bare_code(element)),
            _ => {}
        }
        Ok(())
    })?;
    Ok(draft)
}
