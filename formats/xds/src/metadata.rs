//! XDS metadata as values, independent of any wire format: ebRIM is one codec, FHIR may be another.
//! In and out: values. What is missing is `None` or empty; checks judge, types only carry.
//! Source: dmp-xds.md §7.2.

use jonction_model::{CodedValue, Masked};

pub use crate::hl7::{Ce, Cx, Cxi, Xcn, Xon};

/// A lot: one submission set, its documents, and the links between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Submission {
    /// The set.
    pub set: SubmissionSet,
    /// Documents, in order; the signature of the lot is the last one.
    pub entries: Vec<DocumentEntry>,
    /// Links.
    pub associations: Vec<Association>,
}

impl Submission {
    /// Entry with this symbolic id or entryUUID.
    pub fn entry(&self, id: &str) -> Option<&DocumentEntry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// Entries that are documents, without the signature of the lot.
    pub fn documents(&self) -> impl Iterator<Item = &DocumentEntry> {
        self.entries.iter().filter(|entry| !entry.is_signature())
    }

    /// The signature of the lot.
    pub fn signature(&self) -> Option<&DocumentEntry> {
        self.entries.iter().find(|entry| entry.is_signature())
    }

    /// Adds the signature of the lot: the entry, its HasMember and its `signs` link to the set.
    /// Source: dmp-xds.md §2.3.
    pub fn add_signature(&mut self, entry: DocumentEntry) {
        let next = self.associations.len() + 1;
        let signature_id = entry.id.clone();
        self.associations.push(Association::has_member(next, &self.set.id, &signature_id));
        self.associations.push(Association {
            slots: vec![Slot::one("SubmissionSetStatus", "Original")],
            ..Association::new(next + 1, AssociationKind::Signs, &signature_id, &self.set.id)
        });
        self.entries.push(entry);
    }
}

/// A named list of texts that the model has no field for. May hold data of a person: prints masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Name.
    pub name: String,
    /// Values.
    pub values: Vec<Masked<String>>,
}

impl Slot {
    /// A slot with one value.
    pub fn one(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), values: vec![value.into()] }
    }
}

/// Who wrote a document, or who submits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// Person or device.
    pub person: Option<Xcn>,
    /// Structures.
    pub institutions: Vec<Xon>,
    /// Functions, free text.
    pub roles: Vec<String>,
    /// Profession and savoir-faire.
    pub specialties: Vec<Ce>,
    /// Any other slot (`authorTelecommunication`…).
    pub extra_slots: Vec<Slot>,
}

/// The act of submitting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubmissionSet {
    /// Symbolic id in a request, entryUUID in an answer.
    pub id: String,
    /// OID, unique for ever.
    pub unique_id: String,
    /// OID of the submitting system.
    pub source_id: String,
    /// The patient, equal to that of every entry.
    pub patient_id: Option<Cx>,
    /// DTM in UTC, 14 digits.
    pub submission_time: Option<String>,
    /// Submitters; the DMP wants exactly one.
    pub authors: Vec<Author>,
    /// Kind of activity.
    pub content_type: Option<CodedValue>,
    /// Title.
    pub title: Option<Masked<String>>,
    /// Comments.
    pub comments: Option<Masked<String>>,
    /// Set by the registry only.
    pub status: Option<AvailabilityStatus>,
    /// Any other slot (`intendedRecipient`, `action`…).
    pub extra_slots: Vec<Slot>,
}

/// One version of one document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentEntry {
    /// Symbolic id in a request (also `Document/@id`), entryUUID in an answer.
    pub id: String,
    /// `lid`: the same over metadata changes, new at each replacement. Set by the registry only.
    pub logical_id: Option<String>,
    /// `versionName`, needed to update metadata. Set by the registry only.
    pub version: Option<String>,
    /// Set by the registry only.
    pub status: Option<AvailabilityStatus>,
    /// Object type; [`crate::schemes::STABLE_DOCUMENT`] in the DMP.
    pub object_type: String,
    /// `text/xml` for a CDA.
    pub mime_type: String,
    /// OID of this version.
    pub unique_id: String,
    /// The patient.
    pub patient_id: Option<Cx>,
    /// DTM in UTC.
    pub creation_time: Option<String>,
    /// `fr-FR`.
    pub language: Option<String>,
    /// DTM in UTC.
    pub service_start: Option<String>,
    /// DTM in UTC.
    pub service_stop: Option<String>,
    /// Who answers for the document.
    pub legal_authenticator: Option<Xcn>,
    /// The patient, as the source knows them.
    pub source_patient_id: Option<Cx>,
    /// `PID-5|…`, `PID-7|…`, `PID-8|…`.
    pub source_patient_info: Vec<Masked<String>>,
    /// SHA-1 of the bytes, hexadecimal.
    pub hash: Option<String>,
    /// Number of bytes.
    pub size: Option<u64>,
    /// OID of the repository.
    pub repository: Option<String>,
    /// Where the document stands in an XDM archive.
    pub uri: Option<String>,
    /// Title.
    pub title: Option<Masked<String>>,
    /// Comments.
    pub comments: Option<Masked<String>>,
    /// Authors, in the order of the document.
    pub authors: Vec<Author>,
    /// Class.
    pub class_code: Option<CodedValue>,
    /// Type.
    pub type_code: Option<CodedValue>,
    /// Format.
    pub format_code: Option<CodedValue>,
    /// Base code, then visibility codes.
    pub confidentiality: Vec<CodedValue>,
    /// Acts.
    pub events: Vec<CodedValue>,
    /// Sector of activity.
    pub facility_type: Option<CodedValue>,
    /// Cadre d'exercice.
    pub practice_setting: Option<CodedValue>,
    /// Orders, accession numbers, imaging studies.
    pub references: Vec<Cxi>,
    /// Any other slot (`action`…).
    pub extra_slots: Vec<Slot>,
}

impl DocumentEntry {
    /// A stable document with this symbolic id.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            object_type: crate::schemes::STABLE_DOCUMENT.to_owned(),
            mime_type: "text/xml".to_owned(),
            ..Self::default()
        }
    }

    /// Whether it is the signature of a lot. Source: dmp-xds.md §2.5, §6.
    pub fn is_signature(&self) -> bool {
        self.format_code.as_ref().is_some_and(|code| code.code == crate::signature::FORMAT_CODE)
    }

    /// What the slot `action` asks, under any prefix. Source: mssante.md §3.6.
    pub fn action(&self) -> Option<Action> {
        action_of(&self.extra_slots)
    }
}

/// What an XDM archive asks to do with a document, when it is not its first version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// `C`.
    Change,
    /// `D`.
    Delete,
}

impl Action {
    /// The letter on the wire.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Change => "C",
            Self::Delete => "D",
        }
    }
}

/// Reads the extra metadata `action`: a slot named so, or whose name ends with `:action`.
pub fn action_of(slots: &[Slot]) -> Option<Action> {
    let slot = slots.iter().find(|slot| slot.name == "action" || slot.name.ends_with(":action"))?;
    match slot.values.first()?.expose().trim() {
        "C" => Some(Action::Change),
        "D" => Some(Action::Delete),
        _ => None,
    }
}

/// A link between two objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Association {
    /// Symbolic id.
    pub id: String,
    /// Kind.
    pub kind: AssociationKind,
    /// Source object.
    pub source: String,
    /// Target object.
    pub target: String,
    /// Only in TD3.3.
    pub object_type: Option<String>,
    /// Slots (`SubmissionSetStatus`, `OriginalStatus`, `NewStatus`, `PreviousVersion`).
    pub slots: Vec<Slot>,
}

impl Association {
    /// A link without slots; its id is made of its number.
    pub fn new(number: usize, kind: AssociationKind, source: &str, target: &str) -> Self {
        Self {
            id: format!("as{number:02}"),
            kind,
            source: source.to_owned(),
            target: target.to_owned(),
            object_type: None,
            slots: Vec::new(),
        }
    }

    /// Membership of a set, with `SubmissionSetStatus = Original`.
    pub fn has_member(number: usize, set: &str, member: &str) -> Self {
        Self {
            slots: vec![Slot::one("SubmissionSetStatus", "Original")],
            ..Self::new(number, AssociationKind::HasMember, set, member)
        }
    }

    /// First value of a slot.
    pub fn slot(&self, name: &str) -> Option<&str> {
        let slot = self.slots.iter().find(|slot| slot.name == name)?;
        slot.values.first().map(|value| value.expose().as_str())
    }
}

macro_rules! uri_enum {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $uri:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $type {
            $($(#[$variant_doc])* $variant,)+
            /// Any other URI.
            Other(String),
        }

        impl $type {
            /// From the URI on the wire.
            pub fn of(uri: &str) -> Self {
                match uri {
                    $($uri => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }

            /// The URI on the wire.
            pub fn uri(&self) -> &str {
                match self {
                    $(Self::$variant => $uri,)+
                    Self::Other(uri) => uri,
                }
            }
        }
    };
}
pub(crate) use uri_enum;

uri_enum!(
    /// Life of an entry. Source: dmp-xds.md §7.2.
    AvailabilityStatus {
        /// Current version.
        Approved = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved",
        /// Replaced.
        Deprecated = "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated",
        /// Archived.
        Archived = "urn:asip:ci-sis:2010:StatusType:Archived",
        /// Deleted.
        Deleted = "urn:asip:ci-sis:2010:StatusType:Deleted",
    }
);

uri_enum!(
    /// Kind of link. Source: dmp-xds.md §7.2.
    AssociationKind {
        /// Set to member.
        HasMember = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember",
        /// New version to old.
        Replaces = "urn:ihe:iti:2007:AssociationType:RPLC",
        /// Addendum to parent.
        Appends = "urn:ihe:iti:2007:AssociationType:APND",
        /// Transformation to original.
        Transforms = "urn:ihe:iti:2007:AssociationType:XFRM",
        /// Transformation and replacement.
        TransformsAndReplaces = "urn:ihe:iti:2007:AssociationType:XFRM_RPLC",
        /// Signature to set.
        Signs = "urn:ihe:iti:2007:AssociationType:signs",
        /// Set to entry whose status changes.
        UpdatesStatus = "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus",
    }
);
