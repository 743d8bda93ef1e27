//! Stored queries (ITI-18). In: parameters, or XML bytes. Out: XML text, or a typed query and notes.
//! Encoding rules of values: dmp-xds.md §2.5, §7.8. Which queries exist and what they mean is the registry's affair.

use super::{
    Decoded, Limits, ReadError,
    notes::Notes,
    ns,
    tree::{Element, Tree},
    xml::XmlWriter,
};

/// UUIDs of the stored queries.
pub mod stored_query {
    /// FindDocuments
    pub const FIND_DOCUMENTS: &str = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d";
    /// FindDocumentsByReferenceId
    pub const FIND_DOCUMENTS_BY_REFERENCE_ID: &str = "urn:uuid:12941a89-e02e-4be5-967c-ce4bfc8fe492";
    /// FindSubmissionSets
    pub const FIND_SUBMISSION_SETS: &str = "urn:uuid:f26abbcb-ac74-4422-8a30-edb644bbc1a9";
    /// GetDocuments
    pub const GET_DOCUMENTS: &str = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4";
    /// GetAssociations
    pub const GET_ASSOCIATIONS: &str = "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155";
    /// GetDocumentsAndAssociations
    pub const GET_DOCUMENTS_AND_ASSOCIATIONS: &str = "urn:uuid:bab9529a-4a10-40b3-a01f-f68a615d247a";
    /// GetSubmissionSets
    pub const GET_SUBMISSION_SETS: &str = "urn:uuid:51224314-5390-4169-9b91-b1980040715a";
}

/// `query:AdhocQueryRequest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdhocQuery {
    /// UUID of the query, see [`stored_query`].
    pub id: String,
    /// What is wanted back.
    pub return_type: ReturnType,
    /// Parameters, in order; the same name twice means AND.
    pub parameters: Vec<Parameter>,
}

/// What a query gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReturnType {
    /// Whole objects.
    LeafClass,
    /// Identifiers only: all that a structure may ask (QRY-07).
    ObjectRef,
}

impl ReturnType {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LeafClass => "LeafClass",
            Self::ObjectRef => "ObjectRef",
        }
    }
}

/// One parameter. Identifiers of patients stand in some: the name prints, the values do not.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameter {
    /// `$XDSDocumentEntryUniqueId`…
    pub name: String,
    /// One per `Value` of the slot.
    pub values: Vec<ParameterValue>,
}

impl std::fmt::Debug for Parameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Parameter({}, {} values)", self.name, self.values.len())
    }
}

/// A value, in the form it was written in.
#[derive(Clone, PartialEq, Eq)]
pub enum ParameterValue {
    /// `'v'`
    Text(String),
    /// `('a','b')`
    List(Vec<String>),
    /// `20260101`: times and numbers.
    Bare(String),
}

impl std::fmt::Debug for ParameterValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text(***)",
            Self::List(_) => "List(***)",
            Self::Bare(_) => "Bare(***)",
        })
    }
}

impl ParameterValue {
    /// Every text of the value, whatever its form.
    pub fn texts(&self) -> &[String] {
        match self {
            Self::Text(text) | Self::Bare(text) => std::slice::from_ref(text),
            Self::List(texts) => texts,
        }
    }

    fn encode(&self) -> String {
        let quote = |text: &String| format!("'{}'", text.replace('\'', "''"));
        match self {
            Self::Text(text) => quote(text),
            Self::List(texts) => format!("({})", texts.iter().map(quote).collect::<Vec<_>>().join(",")),
            Self::Bare(text) => text.clone(),
        }
    }

    /// `None` when quotes or brackets do not close.
    fn decode(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(inside) = text.strip_prefix('(') {
            let mut rest = inside.strip_suffix(')')?.trim();
            let mut texts = Vec::new();
            while !rest.is_empty() {
                let (one, after) = quoted(rest)?;
                texts.push(one);
                rest = after.trim_start();
                if rest.is_empty() {
                    break;
                }
                rest = rest.strip_prefix(',')?.trim_start();
                if rest.is_empty() {
                    return None;
                }
            }
            return Some(Self::List(texts));
        }
        if text.starts_with('\'') {
            let (one, after) = quoted(text)?;
            return after.trim().is_empty().then_some(Self::Text(one));
        }
        Some(Self::Bare(text.to_owned()))
    }
}

/// A text between quotes, doubled quotes undone, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('\'')?;
    let mut out = String::new();
    loop {
        let at = rest.find('\'')?;
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.strip_prefix('\'') {
            Some(after) => {
                out.push('\'');
                rest = after;
            }
            None => return Some((out, rest)),
        }
    }
}

impl AdhocQuery {
    /// TD3.1b: current entryUUIDs of documents, by their uniqueIds. At most 20 at a time (QRY-03).
    pub fn object_refs_by_unique_id<'u>(unique_ids: impl IntoIterator<Item = &'u str>) -> Self {
        Self {
            id: stored_query::GET_DOCUMENTS.to_owned(),
            return_type: ReturnType::ObjectRef,
            parameters: vec![Parameter {
                name: "$XDSDocumentEntryUniqueId".to_owned(),
                values: vec![ParameterValue::List(unique_ids.into_iter().map(str::to_owned).collect())],
            }],
        }
    }

    /// Every text of a parameter, over all its values; empty when absent.
    pub fn texts<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q str> {
        let named = self.parameters.iter().filter(move |parameter| parameter.name == name);
        named.flat_map(|parameter| &parameter.values).flat_map(|value| value.texts()).map(String::as_str)
    }
}

/// The request, without XML declaration, to stand in a SOAP body.
pub fn write_query(query: &AdhocQuery) -> String {
    let mut xml = XmlWriter::new();
    xml.open("query:AdhocQueryRequest", &[("xmlns:query", ns::QUERY), ("xmlns:rim", ns::RIM)]);
    xml.empty(
        "query:ResponseOption",
        &[("returnComposedObjects", "true"), ("returnType", query.return_type.as_str())],
    );
    xml.open("rim:AdhocQuery", &[("id", &query.id)]);
    xml.line();
    for parameter in &query.parameters {
        xml.open("rim:Slot", &[("name", &parameter.name)]);
        xml.open("rim:ValueList", &[]);
        for value in &parameter.values {
            xml.text_element("rim:Value", &value.encode());
        }
        xml.close();
        xml.close();
        xml.line();
    }
    xml.finish()
}

/// Reads a query, bare or in its SOAP envelope. A value whose quotes do not close is kept bare, with a note.
/// Errors: not XML, a DTD, another root, over the limits.
pub fn read_query(bytes: &[u8], limits: &Limits) -> Result<Decoded<AdhocQuery>, ReadError> {
    let tree = Tree::parse(bytes, limits)?;
    let root = tree.root_named("AdhocQueryRequest")?;
    let mut notes = Notes::default();
    notes.namespace(root, ns::QUERY);
    let return_type = match root.child("ResponseOption").and_then(|option| option.attribute("returnType")) {
        Some("LeafClass") => ReturnType::LeafClass,
        Some("ObjectRef") => ReturnType::ObjectRef,
        _ => {
            let sentence = "returnType absent ou inconnu, lu comme ObjectRef".to_owned();
            notes.add("xds/QRY-01", "ResponseOption/@returnType".to_owned(), sentence);
            ReturnType::ObjectRef
        }
    };
    let query = root.child("AdhocQuery");
    if query.is_none() {
        notes.add("xds/QRY-01", "AdhocQuery".to_owned(), "la requête ne contient pas AdhocQuery".to_owned());
    }
    let slots = query.into_iter().flat_map(|query| query.children_named("Slot"));
    let value = AdhocQuery {
        id: query.and_then(|query| query.attribute("id")).unwrap_or_default().to_owned(),
        return_type,
        parameters: slots.map(|slot| parameter(slot, &mut notes)).collect(),
    };
    Ok(Decoded { value, notes: notes.list })
}

fn parameter(slot: Element<'_>, notes: &mut Notes) -> Parameter {
    let values = slot.child("ValueList").into_iter().flat_map(|list| list.children_named("Value"));
    let values = values.map(|value| {
        ParameterValue::decode(value.text()).unwrap_or_else(|| {
            let sentence = "valeur dont les apostrophes ou les parenthèses ne se ferment pas".to_owned();
            notes.add("xds/QRY-01", "AdhocQuery/Slot".to_owned(), sentence);
            ParameterValue::Bare(value.text().to_owned())
        })
    });
    let values = values.collect();
    Parameter { name: slot.attribute("name").unwrap_or_default().to_owned(), values }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_query_for_an_entry_uuid_asks_references_with_a_list_of_one() {
        let query = AdhocQuery::object_refs_by_unique_id(["1.2.250.1.999.1"]);
        let text = write_query(&query);
        assert!(text.contains("returnType=\"ObjectRef\""));
        assert!(text.contains("<rim:Value>('1.2.250.1.999.1')</rim:Value>"));
        assert_eq!(read_query(text.as_bytes(), &Limits::default()).unwrap().value, query);
    }

    #[test]
    fn forms_of_values_are_told_apart() {
        let decode = ParameterValue::decode;
        assert_eq!(decode("'it''s'"), Some(ParameterValue::Text("it's".to_owned())));
        let two = ParameterValue::List(vec!["a".to_owned(), "b,c".to_owned()]);
        assert_eq!(decode(" ( 'a' , 'b,c' ) "), Some(two));
        assert_eq!(decode("20260101"), Some(ParameterValue::Bare("20260101".to_owned())));
        for wrong in ["'a", "('a'", "('a',)", "('a' 'b')", "'a'b", "(a)"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_value_that_does_not_close_is_kept_and_noted() {
        let text = write_query(&AdhocQuery::object_refs_by_unique_id(["1.2"])).replace("('1.2')", "('1.2'");
        let decoded = read_query(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(decoded.value.texts("$XDSDocumentEntryUniqueId").collect::<Vec<_>>(), ["('1.2'"]);
        assert_eq!(decoded.notes[0].check, "xds/QRY-01");
    }

    proptest! {
        #[test]
        fn values_come_back(texts in proptest::collection::vec("[ -~]{0,12}", 1..4)) {
            let list = ParameterValue::List(texts.clone());
            prop_assert_eq!(ParameterValue::decode(&list.encode()), Some(list));
            let text = ParameterValue::Text(texts[0].clone());
            prop_assert_eq!(ParameterValue::decode(&text.encode()), Some(text));
        }
    }
}
