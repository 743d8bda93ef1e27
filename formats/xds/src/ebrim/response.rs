//! Answers of the registry: status, errors, and what a query found.
//! In: typed answer, or XML bytes. Out: XML text, or typed answer and notes. Source: dmp-xds.md §2.3, §2.5, §9.1, §9.2.

use jonction_model::Masked;

use super::{
    Decoded, Limits, ReadError,
    notes::Notes,
    ns,
    read::RegistryObjects,
    tree::{Element, Tree},
    write::{Ids, document_entry},
    xml::XmlWriter,
};
use crate::{
    errors::{ErrorRow, lookup},
    metadata::{DocumentEntry, uri_enum},
};

uri_enum!(
    /// Outcome of a request.
    ResponseStatus {
        /// Done.
        Success = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success",
        /// Refused.
        Failure = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure",
        /// Part of a query or of a retrieval.
        PartialSuccess = "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess",
    }
);

uri_enum!(
    /// How grave a registry error is.
    ErrorSeverity {
        /// Refused.
        Error = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error",
        /// Done, with a remark.
        Warning = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Warning",
    }
);

/// `rs:RegistryError`. The DMP may put its detail in the context: always keep it. It may hold patient data: masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryError {
    /// `errorCode`.
    pub code: String,
    /// `codeContext`.
    pub context: Masked<String>,
    /// `location`.
    pub location: String,
    /// `severity`.
    pub severity: ErrorSeverity,
}

impl RegistryError {
    /// An error.
    pub fn new(code: impl Into<String>, context: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            context: Masked::new(context.into()),
            location: String::new(),
            severity: ErrorSeverity::Error,
        }
    }

    /// Its row in the table of codes.
    pub fn row(&self) -> ErrorRow {
        lookup(&self.code)
    }
}

/// `rs:RegistryResponse`: answer to TD2.1 and TD3.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryResponse {
    /// Outcome.
    pub status: ResponseStatus,
    /// Errors and warnings.
    pub errors: Vec<RegistryError>,
}

impl RegistryResponse {
    /// Success without remark.
    pub fn success() -> Self {
        Self { status: ResponseStatus::Success, errors: Vec::new() }
    }

    /// Failure for these reasons.
    pub fn failure(errors: Vec<RegistryError>) -> Self {
        Self { status: ResponseStatus::Failure, errors }
    }

    /// Whether the request was done.
    pub fn is_success(&self) -> bool {
        self.status == ResponseStatus::Success
    }

    /// The first error that is no warning: what decides.
    pub fn first_error(&self) -> Option<&RegistryError> {
        self.errors.iter().find(|error| error.severity != ErrorSeverity::Warning)
    }
}

/// `query:AdhocQueryResponse`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryResponse {
    /// Outcome and errors.
    pub response: RegistryResponse,
    /// entryUUIDs, when references were asked.
    pub object_refs: Vec<String>,
    /// Entries, when whole objects were asked.
    pub entries: Vec<DocumentEntry>,
}

impl QueryResponse {
    /// Success with these references; none: the document is not there.
    pub fn object_refs(object_refs: Vec<String>) -> Self {
        Self { response: RegistryResponse::success(), object_refs, entries: Vec::new() }
    }
}

/// The answer, without XML declaration, to stand in a SOAP body.
pub fn write_registry_response(response: &RegistryResponse) -> String {
    let mut xml = XmlWriter::new();
    xml.open("rs:RegistryResponse", &[("xmlns:rs", ns::RS), ("status", response.status.uri())]);
    error_list(&mut xml, &response.errors);
    xml.finish()
}

/// The answer to a query, without XML declaration, to stand in a SOAP body.
pub fn write_query_response(answer: &QueryResponse) -> String {
    let mut xml = XmlWriter::new();
    xml.open(
        "query:AdhocQueryResponse",
        &[
            ("xmlns:query", ns::QUERY),
            ("xmlns:rim", ns::RIM),
            ("xmlns:rs", ns::RS),
            ("status", answer.response.status.uri()),
        ],
    );
    error_list(&mut xml, &answer.response.errors);
    xml.open("rim:RegistryObjectList", &[]);
    xml.line();
    let mut ids = Ids::over(&answer.entries);
    for id in &answer.object_refs {
        xml.empty("rim:ObjectRef", &[("id", id)]);
        xml.line();
    }
    for entry in &answer.entries {
        document_entry(&mut xml, entry, &mut ids);
    }
    xml.finish()
}

fn error_list(xml: &mut XmlWriter, errors: &[RegistryError]) {
    if errors.is_empty() {
        return;
    }
    let highest = match errors.iter().find(|error| error.severity != ErrorSeverity::Warning) {
        Some(_) => ErrorSeverity::Error,
        None => ErrorSeverity::Warning,
    };
    xml.open("rs:RegistryErrorList", &[("highestSeverity", highest.uri())]);
    for error in errors {
        let mut attributes =
            vec![("errorCode", error.code.as_str()), ("codeContext", error.context.expose().as_str())];
        attributes.extend(Some(("location", error.location.as_str())).filter(|(_, text)| !text.is_empty()));
        attributes.push(("severity", error.severity.uri()));
        xml.empty("rs:RegistryError", &attributes);
    }
    xml.close();
    xml.line();
}

/// Reads a `RegistryResponse`, bare or in its SOAP envelope.
/// Errors: not XML, a DTD, another root, over the limits. An unknown status is kept as `Other`, never a success.
pub fn read_registry_response(bytes: &[u8], limits: &Limits) -> Result<Decoded<RegistryResponse>, ReadError> {
    let tree = Tree::parse(bytes, limits)?;
    let root = tree.root_named("RegistryResponse")?;
    let mut notes = Notes::default();
    notes.namespace(root, ns::RS);
    Ok(Decoded { value: registry_response(root), notes: notes.list })
}

/// Reads an `AdhocQueryResponse`, bare or in its SOAP envelope. Errors: as above.
pub fn read_query_response(bytes: &[u8], limits: &Limits) -> Result<Decoded<QueryResponse>, ReadError> {
    let tree = Tree::parse(bytes, limits)?;
    let root = tree.root_named("AdhocQueryResponse")?;
    let mut notes = Notes::default();
    notes.namespace(root, ns::QUERY);
    let objects = match root.child("RegistryObjectList") {
        Some(list) => RegistryObjects::read(list, limits, &mut notes)?,
        None => RegistryObjects::default(),
    };
    let value = QueryResponse {
        response: registry_response(root),
        object_refs: objects.object_refs,
        entries: objects.entries,
    };
    Ok(Decoded { value, notes: notes.list })
}

fn registry_response(element: Element<'_>) -> RegistryResponse {
    let errors =
        element.child("RegistryErrorList").into_iter().flat_map(|l| l.children_named("RegistryError"));
    RegistryResponse {
        status: ResponseStatus::of(element.attribute("status").unwrap_or_default()),
        errors: errors.map(registry_error).collect(),
    }
}

fn registry_error(element: Element<'_>) -> RegistryError {
    let attribute = |name: &str| element.attribute(name).unwrap_or_default().to_owned();
    RegistryError {
        code: attribute("errorCode"),
        context: Masked::new(attribute("codeContext")),
        location: attribute("location"),
        severity: match element.attribute("severity") {
            Some(uri) => ErrorSeverity::of(uri),
            None => ErrorSeverity::Error,
        },
    }
}
