//! ebRIM 3.0 codec: requests, queries and answers of the registry, written in schema order, read leniently.
//! In: typed metadata → XML text; XML bytes → typed metadata and notes on what was irregular. IO: none.
//! Source: dmp-xds.md §2.3 to §2.7, §7.1, §7.8, §7.10. Reading ignores prefixes and order, refuses DTD, has limits.

mod notes;
mod objects;
mod query;
mod read;
mod response;
mod tree;
mod write;
mod xml;

use jonction_model::Finding;

pub use query::{AdhocQuery, Parameter, ParameterValue, ReturnType, read_query, stored_query, write_query};
pub use read::{read_provide_and_register, read_submit_objects};
pub use response::{
    ErrorSeverity, QueryResponse, RegistryError, RegistryResponse, ResponseStatus, read_query_response,
    read_registry_response, write_query_response, write_registry_response,
};
pub use tree::{Limits, ReadError};
pub use write::{write_metadata_xml, write_provide_and_register, write_submit_objects};

use crate::metadata::Submission;

/// Longest slot value of the ebRIM schema, in characters.
pub const SLOT_CHARACTERS_MAX: usize = 256;

/// XML namespaces.
pub mod ns {
    /// ebRIM objects.
    pub const RIM: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0";
    /// Registry service answers.
    pub const RS: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0";
    /// Life cycle requests.
    pub const LCM: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0";
    /// Queries.
    pub const QUERY: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0";
    /// XDS.b.
    pub const XDSB: &str = "urn:ihe:iti:xds-b:2007";
    /// XOP.
    pub const XOP: &str = "http://www.w3.org/2004/08/xop/include";
}

/// What was read, and what was irregular in it. Notes whose `check` starts with `xds/` belong to that check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded<T> {
    /// The value.
    pub value: T,
    /// Irregularities: order, missing attributes, unknown schemes, what had to be left out.
    pub notes: Vec<Finding>,
}

/// TD2.1 request: metadata, and where the bytes of each document are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProvideAndRegister {
    /// The lot.
    pub submission: Submission,
    /// Documents, one per entry; `id` is the entry's.
    pub documents: Vec<DocumentPart>,
}

/// One `xdsb:Document`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentPart {
    /// `Document/@id` = `ExtrinsicObject/@id`.
    pub id: String,
    /// Its bytes.
    pub content: DocumentContent,
}

/// Where the bytes of a document are.
#[derive(Clone, PartialEq, Eq)]
pub enum DocumentContent {
    /// In another MIME part, with this Content-ID (without angle brackets, %-decoded).
    Xop(String),
    /// In the text itself, base64, as written: the DMP wants MTOM (MTOM-05).
    Inline(String),
    /// Nowhere.
    Missing,
}

impl std::fmt::Debug for DocumentContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Xop(id) => f.debug_tuple("Xop").field(id).finish(),
            Self::Inline(text) => write!(f, "Inline({} characters)", text.len()),
            Self::Missing => f.write_str("Missing"),
        }
    }
}
