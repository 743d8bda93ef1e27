//! What a header says beyond what the shapes keep: enough for its checks, with places.
//! In: elements, as the readers meet them. Out: facts without any name of the patient. Source: cda.md §2 and §9.

use jonction_model::{Masked, Oid, Place};

use crate::cursor::{Element, Space};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spotted<T> {
    /// The value.
    pub value: T,
    /// Its element.
    pub place: Place,
}

/// An `II`: root and extension as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ii {
    /// `@root`; empty when absent.
    pub root: String,
    /// `@extension`.
    pub extension: Option<Masked<String>>,
    /// `@nullFlavor` is there.
    pub null: bool,
}

/// A code as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Code {
    /// `@code`; empty when absent.
    pub code: String,
    /// `@codeSystem`.
    pub system: String,
    /// `@displayName`.
    pub label: String,
    /// `@nullFlavor` is there.
    pub null: bool,
}

/// Things of one element that any element of the header may show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// What was seen.
    pub kind: ObservationKind,
    /// Where.
    pub place: Place,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObservationKind {
    /// A nullFlavor that the profile does not know.
    NullFlavorUnknown,
    /// A nullFlavor where the profile wants a value.
    NullFlavorForbidden,
    /// Religion, race or ethnic group.
    ForbiddenElement,
    /// A root or a codeSystem that is no OID.
    MalformedOid,
    /// A telecom without known scheme, or with blanks.
    Telecom,
    /// A header element after one that should follow it.
    OutOfOrder,
    /// A processing instruction other than xml-stylesheet.
    Instruction,
}

/// Observations, as many as are worth telling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observations {
    list: Vec<Observation>,
    /// Rank of the last header element, for the order.
    rank: usize,
}

/// Elements that may never be null, by their own name and their parent's depth-free position.
/// `id` and `code` count only directly under ClinicalDocument or where the table says. Source: cda.md §2.2.
const NEVER_NULL_ANYWHERE: [&str; 14] = [
    "recordTarget",
    "patientRole",
    "patient",
    "custodian",
    "legalAuthenticator",
    "assignedAuthor",
    "documentationOf",
    "serviceEvent",
    "standardIndustryClassCode",
    "parentDocument",
    "componentOf",
    "encompassingEncounter",
    "healthCareFacility",
    "author",
];

const NEVER_NULL_TOP: [&str; 8] =
    ["id", "code", "title", "effectiveTime", "confidentialityCode", "languageCode", "setId", "versionNumber"];

/// Order of the header. Source: cda.md §2.1.
const ORDER: [&str; 26] = [
    "realmCode",
    "typeId",
    "templateId",
    "id",
    "code",
    "title",
    "effectiveTime",
    "confidentialityCode",
    "languageCode",
    "setId",
    "versionNumber",
    "recordTarget",
    "author",
    "dataEnterer",
    "informant",
    "custodian",
    "informationRecipient",
    "legalAuthenticator",
    "authenticator",
    "participant",
    "inFulfillmentOf",
    "documentationOf",
    "relatedDocument",
    "authorization",
    "componentOf",
    "component",
];

impl Observations {
    const MAX: usize = 200;

    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= Self::MAX
    }

    pub(crate) fn push(&mut self, observation: Observation) {
        if !self.is_full() {
            self.list.push(observation);
        }
    }

    /// Every observation of a kind.
    pub fn of_kind(&self, kind: &ObservationKind) -> impl Iterator<Item = &Observation> {
        let kind = kind.clone();
        self.list.iter().filter(move |observation| observation.kind == kind)
    }

    /// What stands out in one element, `depth` levels below the document (the document itself: 1).
    pub(crate) fn of(element: &Element<'_>, depth: usize) -> Vec<ObservationKind> {
        let mut kinds = Vec::new();
        let name = element.name();
        if let Some(flavor) = element.attr("nullFlavor") {
            let top = depth == 2 && NEVER_NULL_TOP.contains(&name);
            if top || NEVER_NULL_ANYWHERE.contains(&name) {
                kinds.push(ObservationKind::NullFlavorForbidden);
            }
            if !matches!(flavor, "UNK" | "NASK" | "ASKU" | "NAV" | "MSK") {
                kinds.push(ObservationKind::NullFlavorUnknown);
            }
        }
        let sensitive = matches!(element.local, "religiousAffiliationCode" | "raceCode" | "ethnicGroupCode");
        if sensitive && matches!(element.space, Space::Hl7 | Space::Sdtc) {
            kinds.push(ObservationKind::ForbiddenElement);
        }
        let malformed = |value: &str| Oid::parse(value).is_err();
        if element.attr("root").is_some_and(malformed) || element.attr("codeSystem").is_some_and(malformed) {
            kinds.push(ObservationKind::MalformedOid);
        }
        if name == "telecom" && element.attr("value").is_some_and(|value| !telecom_is_sound(value)) {
            kinds.push(ObservationKind::Telecom);
        }
        kinds
    }

    /// Takes note of the next header element; says whether it comes too late.
    pub(crate) fn in_order(&mut self, name: &str) -> bool {
        let Some(rank) = ORDER.iter().position(|known| *known == name) else { return true };
        let sound = rank >= self.rank;
        self.rank = self.rank.max(rank);
        sound
    }
}

/// `prefix:text`, the prefix known, no blank. Source: cda.md §1.1.
fn telecom_is_sound(value: &str) -> bool {
    let known = ["tel", "fax", "mailto", "http", "https", "ftp", "mllp"];
    let Some((prefix, rest)) = value.split_once(':') else { return false };
    known.contains(&prefix) && !rest.is_empty() && !rest.contains(char::is_whitespace)
}

/// Everything the checks judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Of any element.
    pub observations: Observations,
    /// `realmCode/@code`.
    pub realm: Option<Spotted<String>>,
    /// `typeId`.
    pub type_id: Option<Spotted<Ii>>,
    /// `templateId`, all of them.
    pub templates: Vec<Spotted<Ii>>,
    /// `id`.
    pub id: Option<Spotted<Ii>>,
    /// `code`.
    pub code: Option<Spotted<Code>>,
    /// Characters of `title`.
    pub title_length: Option<Spotted<usize>>,
    /// `effectiveTime/@value`.
    pub effective_time: Option<Spotted<String>>,
    /// `confidentialityCode`.
    pub confidentiality: Option<Spotted<Code>>,
    /// `languageCode/@code`.
    pub language: Option<Spotted<String>>,
    /// `setId`.
    pub set_id: Option<Spotted<Ii>>,
    /// `versionNumber/@value`.
    pub version: Option<Spotted<String>>,
    /// The patient.
    pub patient: PatientFacts,
    /// Authors.
    pub authors: Vec<AuthorFacts>,
    /// `informant`: how many of assignedEntity and relatedEntity each has.
    pub informants: Vec<Spotted<usize>>,
    /// Identifier of the custodian.
    pub custodian: Option<Spotted<Ii>>,
    /// Who answers for the document.
    pub legal: Option<LegalFacts>,
    /// `participant`.
    pub participants: Vec<ParticipantFacts>,
    /// `documentationOf`.
    pub events: Vec<EventFacts>,
    /// `relatedDocument`.
    pub related: Vec<RelatedFacts>,
    /// `authorization/consent/statusCode/@code`; empty when absent.
    pub consents: Vec<Spotted<String>>,
    /// `healthCareFacility/code`.
    pub facility: Option<Spotted<Code>>,
    /// Every identifier of a professional.
    pub professionals: Vec<Spotted<Ii>>,
    /// The body.
    pub body: Option<BodyFacts>,
}

/// `recordTarget`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatientFacts {
    /// Each recordTarget.
    pub targets: Vec<Place>,
    /// `patientRole/id`.
    pub ids: Vec<Spotted<Ii>>,
    /// Qualifier of each `family` of the name.
    pub families: Vec<Spotted<Option<String>>>,
    /// Qualifier of each `given` of the name.
    pub givens: Vec<Spotted<Option<String>>>,
    /// `administrativeGenderCode/@code`.
    pub gender: Option<Spotted<String>>,
    /// Length of `birthTime/@value` and whether it is digits only.
    pub birth_time: Option<Spotted<bool>>,
    /// Whether the birthplace has a COG code: five characters.
    pub birth_place: Option<Spotted<bool>>,
}

/// `author`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorFacts {
    /// The element.
    pub place: Place,
    /// Identifiers.
    pub ids: Vec<Ii>,
    /// `time` has a value.
    pub has_time: bool,
    /// A person: whether family and given are there.
    pub person: Option<(bool, bool)>,
    /// A device: whether model and software are there.
    pub device: Option<(bool, bool)>,
    /// Identifier of the structure.
    pub organization: Option<Ii>,
}

/// `legalAuthenticator`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LegalFacts {
    /// The element.
    pub place: Place,
    /// `time` has a value.
    pub has_time: bool,
    /// `signatureCode/@code`.
    pub signature: String,
    /// Identifiers.
    pub ids: Vec<Ii>,
    /// Identifier of the structure.
    pub organization: Option<Ii>,
}

/// `participant`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParticipantFacts {
    /// The element.
    pub place: Place,
    /// `@typeCode`.
    pub type_code: String,
    /// `time` is there.
    pub has_time: bool,
    /// `associatedEntity/@classCode`.
    pub class_code: String,
}

/// `documentationOf/serviceEvent`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFacts {
    /// The element.
    pub place: Place,
    /// `effectiveTime/low` has a value.
    pub has_low: bool,
    /// Performers: place, `@typeCode`, whether a standardIndustryClassCode is there.
    pub performers: Vec<(Place, String, bool)>,
}

/// `relatedDocument`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelatedFacts {
    /// The element.
    pub place: Place,
    /// `@typeCode`.
    pub type_code: String,
    /// `parentDocument/id`.
    pub parents: Vec<Ii>,
}

/// `component`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BodyFacts {
    /// The element that holds the body.
    pub place: Place,
    /// `nonXMLBody`.
    pub unstructured: bool,
    /// `text/@representation`.
    pub representation: String,
    /// `text/@mediaType`.
    pub media_type: String,
    /// How many `text`.
    pub texts: usize,
    /// Whether the text is base64, not empty.
    pub decodes: bool,
}
