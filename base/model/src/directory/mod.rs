//! What the national directories know, as typed records: professionals and where they practise, structures, offers of
//! care, mailboxes. In and out: values; an empty text means « not told ». Source: annuaires.md §1 to §4 and §12.
//! Deliberately absent: where a record came from on the wire, and how it is stored.

mod offer;
mod professional;
mod structure;

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use offer::{Capacity, Contact, Offer, Zone, ZoneKind};
pub use professional::{Diploma, Holder, Holdings, Mailbox, MailboxKind, Practice, Professional, Whose};
pub use structure::{Position, PostalAddress, Structure};

/// Where records come from. The order is not a precedence: see [`Source::rank`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Flat extractions of the Annuaire Santé (RPPS+).
    Rpps,
    /// FHIR API of the Annuaire Santé.
    AnnuaireFhir,
    /// Extraction of MSSanté mailboxes.
    Mssante,
    /// FINESS+, or the last archives of FINESS.
    Finess,
    /// Répertoire de l'offre et des ressources.
    Ror,
    /// Liste blanche of the MSSanté space.
    ListeBlanche,
}

impl Source {
    /// Every source, in the order screens show them.
    pub const ALL: [Source; 6] =
        [Self::Rpps, Self::AnnuaireFhir, Self::Mssante, Self::Finess, Self::Ror, Self::ListeBlanche];

    /// Name in files, commands and screens.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rpps => "rpps",
            Self::AnnuaireFhir => "annuaire-fhir",
            Self::Mssante => "mssante",
            Self::Finess => "finess",
            Self::Ror => "ror",
            Self::ListeBlanche => "liste-blanche",
        }
    }

    /// The source of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }

    /// Who is believed first when two sources know the same person, or the same structure; lower wins.
    /// Source: annuaires.md §12, « Sources and precedence ».
    pub fn rank(self, kind: Kind) -> u8 {
        match (kind, self) {
            (Kind::Structure, Self::Finess) => 0,
            (Kind::Structure, Self::Rpps) => 1,
            (Kind::Structure, Self::AnnuaireFhir) => 2,
            (Kind::Structure, Self::Ror | Self::ListeBlanche) => 3,
            (_, Self::AnnuaireFhir) => 0,
            (_, Self::Rpps | Self::Mssante | Self::Ror) => 1,
            (_, Self::Finess | Self::ListeBlanche) => 2,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The kinds of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A person who practises.
    Professional,
    /// An establishment, a practice, or the legal entity above it.
    Structure,
    /// A mailbox of the MSSanté space.
    Mailbox,
    /// What an establishment offers.
    Offer,
    /// A domain of the MSSanté space.
    Domain,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 5] =
        [Self::Professional, Self::Structure, Self::Mailbox, Self::Offer, Self::Domain];

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Professional => "professional",
            Self::Structure => "structure",
            Self::Mailbox => "mailbox",
            Self::Offer => "offer",
            Self::Domain => "domain",
        }
    }
}

/// One record, of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// Parts of one professional may come in several records: they are put together by their identifier.
    Professional(Box<Professional>),
    /// Likewise, by the strongest identifier of the structure.
    Structure(Box<Structure>),
    /// Likewise, by address: one mailbox, several holders.
    Mailbox(Box<Mailbox>),
    /// One offer of the ROR.
    Offer(Box<Offer>),
    /// One domain of the liste blanche.
    Domain(Box<Domain>),
    /// Every mailbox of one holder: those it had and that are not told are no longer its own.
    Holdings(Box<Holdings>),
}

/// A code and its label, as the source gave them. The table is known by the field that holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Coded {
    /// Code; may be empty.
    pub code: String,
    /// Label; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
}

impl Coded {
    /// A code with its label.
    pub fn new(code: impl Into<String>, label: impl Into<String>) -> Self {
        Self { code: code.into(), label: label.into() }
    }

    /// Whether nothing was told.
    pub fn is_empty(&self) -> bool {
        self.code.is_empty() && self.label.is_empty()
    }

    /// The label, else the code.
    pub fn text(&self) -> &str {
        if self.label.is_empty() { &self.code } else { &self.label }
    }
}

/// A domain that mails may be written to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// Lower case, A-labels.
    pub name: String,
    /// DN of the certificates of its operators, in the order of their letters.
    #[serde(default)]
    pub operators: Vec<String>,
}

/// A record with where it was read and when that source said so.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sourced<T> {
    /// The record.
    #[serde(flatten)]
    pub record: T,
    /// Where it was read.
    pub source: Source,
    /// Day of the snapshot it was read in, as the source dated it.
    pub date: Date,
}
