//! What routes, sinks, checks and commands ask the directories.
//! In: an identifier, or a question. Out: typed records, each with its source and date; answers never wait for a network.
//! Source: annuaires.md §12. Deliberately absent: how records are pulled and stored.

use jiff::civil::Date;
use jonction_model::{
    MssAddress, PersonId, StructureId,
    directory::{Domain, Mailbox, Offer, Position, Professional, Record, Source, Sourced, Structure},
};

/// The directories could not answer: the store is missing or damaged. Never « nothing found ».
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct DirectoryError {
    /// Stable name.
    pub code: &'static str,
    /// What happened, in English, without anything about a person.
    pub detail: String,
}

/// Look-ups in the current snapshots. Each call sees one snapshot of each source, whole.
/// Called on blocking threads; a look-up by key takes microseconds.
pub trait Directory: Send + Sync {
    /// A professional, those who ended included: see [`Professional::practises`].
    fn professional(&self, id: &PersonId) -> Result<Option<Sourced<Professional>>, DirectoryError>;

    /// A structure by its national id (`1` + FINESS, `3` + SIRET), closed ones included.
    fn structure(&self, id: &StructureId) -> Result<Option<Sourced<Structure>>, DirectoryError>;

    /// A mailbox by its address, whatever its case.
    fn mailbox(&self, address: &MssAddress) -> Result<Option<Sourced<Mailbox>>, DirectoryError>;

    /// Mailboxes a professional holds, in the order of their addresses.
    fn mailboxes_of(&self, id: &PersonId) -> Result<Vec<Sourced<Mailbox>>, DirectoryError>;

    /// Organisational mailboxes of a structure.
    fn mailboxes_at(&self, id: &StructureId) -> Result<Vec<Sourced<Mailbox>>, DirectoryError>;

    /// Professionals by name, profession, specialty, place; best match first.
    fn professionals(&self, query: &ProfessionalQuery) -> Result<Page<Professional>, DirectoryError>;

    /// Structures by name, category, place; best match first.
    fn structures(&self, query: &StructureQuery) -> Result<Page<Structure>, DirectoryError>;

    /// Offers of care by activity and place; sensitive ones only when the question says that it may see them.
    fn offers(&self, query: &OfferQuery) -> Result<Page<Offer>, DirectoryError>;

    /// Where to send a document meant for someone: candidates, best first, each with its reason.
    fn resolve(&self, need: &Need) -> Result<Resolution, DirectoryError>;

    /// A domain of the liste blanche, in lower case and A-labels. How old the list is, [`Directory::states`] says.
    fn domain(&self, name: &str) -> Result<Option<Sourced<Domain>>, DirectoryError>;

    /// What each source holds, and how old it is. Sources never pulled are absent.
    fn states(&self) -> Vec<SourceState>;
}

/// Where the pullers put what they read.
pub trait Records {
    /// Takes one record. An error is final: the pull stops.
    fn put(&mut self, record: Record) -> Result<(), DirectoryError>;
}

/// Found records, and whether there were more than asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// Best match first.
    pub found: Vec<Found<T>>,
    /// Whether the search stopped before it had seen everything.
    pub more: bool,
}

/// One answer of a search.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Found<T> {
    /// The record.
    #[serde(flatten)]
    pub sourced: Sourced<T>,
    /// Kilometres from the place asked for, when both are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance_km: Option<f64>,
}

/// A place to search around.
#[derive(Clone, Debug, PartialEq)]
pub enum Around {
    /// In a commune (COG code).
    Commune(String),
    /// Within so many kilometres of the middle of a commune.
    NearCommune {
        /// COG code.
        commune: String,
        /// Radius.
        km: f64,
    },
    /// Within so many kilometres of a point.
    NearPoint {
        /// The point.
        point: Position,
        /// Radius.
        km: f64,
    },
}

/// Question about professionals. At least a name or a place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProfessionalQuery {
    /// Nom d'exercice, in any case, with or without accents; one of several joined names is enough.
    pub family: Option<String>,
    /// Prénom d'exercice, or its beginning.
    pub given: Option<String>,
    /// Code of the profession.
    pub profession: Option<String>,
    /// Code of the savoir-faire.
    pub skill: Option<String>,
    /// Where.
    pub around: Option<Around>,
    /// Whether to take those who ended.
    pub with_ended: bool,
    /// At most so many; 0 counts as 20.
    pub limit: usize,
}

/// Question about structures. At least a name or a place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StructureQuery {
    /// Words of the name, all of them.
    pub name: Option<String>,
    /// Code of the category.
    pub category: Option<String>,
    /// Where.
    pub around: Option<Around>,
    /// Whether to take closed ones.
    pub with_closed: bool,
    /// At most so many; 0 counts as 20.
    pub limit: usize,
}

/// Question about offers. At least an activity, a structure or a place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OfferQuery {
    /// Code of the activité opérationnelle.
    pub activity: Option<String>,
    /// Establishment.
    pub structure: Option<StructureId>,
    /// Where; an offer whose zone covers the commune counts as there.
    pub around: Option<Around>,
    /// Age of the person, in years.
    pub age: Option<u32>,
    /// Whether the asker may see sensitive offers.
    pub with_sensitive: bool,
    /// At most so many; 0 counts as 20.
    pub limit: usize,
}

/// For whom a document is meant: a person, a structure, or a person at a structure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// The professional.
    pub person: Option<PersonId>,
    /// The structure.
    pub structure: Option<StructureId>,
    /// Words of the service, to choose among the mailboxes of a structure.
    pub service: Option<String>,
}

/// Candidates, or why there are none.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Resolution {
    /// Best first. Never chosen at random: equal ranks are in the order of their dates, then addresses.
    pub candidates: Vec<Candidate>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nothing: Option<Nothing>,
}

/// A mailbox that would do.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Candidate {
    /// Its address.
    pub address: String,
    /// Why it would do.
    pub reason: Reason,
    /// Where it was read.
    pub source: Source,
    /// Day of that snapshot.
    pub date: Date,
}

/// Why a mailbox would do; the order is the ranking. Source: annuaires.md §12.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Personal mailbox used at the named structure.
    PersonAtStructure,
    /// Personal mailbox.
    Person,
    /// Mailbox of the service at the structure.
    Service,
    /// Mailbox of the structure.
    Structure,
    /// Mailbox of its legal entity.
    LegalEntity,
    /// Mailbox told by an offer of the structure.
    Offer,
}

/// Why no mailbox was found: a normal answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nothing {
    /// Neither the person nor the structure is known.
    Unknown,
    /// Known, without any mailbox.
    NoMailbox,
    /// The person no longer practises, or the structure is closed.
    Closed,
}

/// What a source holds.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SourceState {
    /// The source.
    pub source: Source,
    /// Name of the snapshot.
    pub snapshot: String,
    /// When the source made it.
    pub date: jiff::Timestamp,
    /// SHA-256 of what was read, in hexadecimal.
    pub sha256: String,
    /// When it was published here.
    pub published: jiff::Timestamp,
    /// Date of the last whole snapshot: later changes were applied to it.
    pub whole: jiff::Timestamp,
    /// Records by kind, those who ended included.
    pub counts: std::collections::BTreeMap<String, u64>,
}

impl SourceState {
    /// What a puller is told of it.
    pub fn in_use(&self) -> crate::pull::InUse {
        crate::pull::InUse {
            name: self.snapshot.clone(),
            date: self.date,
            sha256: self.sha256.clone(),
            published: self.published,
            whole: self.whole,
        }
    }
}
