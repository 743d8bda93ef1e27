//! Typed metadata → ebRIM, in the order of the schema: Slot, Name, Description, VersionInfo, Classification, ExternalIdentifier.
//! In: a submission. Out: XML text. Source: dmp-xds.md §7.1, §7.10.

use std::collections::HashSet;

use jonction_model::CodedValue;

use super::{DocumentContent, ProvideAndRegister, ns, xml::XmlWriter};
use crate::{
    metadata::{Association, Author, DocumentEntry, Slot, Submission, SubmissionSet},
    schemes::{self, REFERENCE_ID_LIST},
};

/// TD2.1: `xdsb:ProvideAndRegisterDocumentSetRequest`, without XML declaration, to stand in a SOAP body.
pub fn write_provide_and_register(request: &ProvideAndRegister) -> String {
    let mut xml = XmlWriter::new();
    xml.open(
        "xdsb:ProvideAndRegisterDocumentSetRequest",
        &[("xmlns:xdsb", ns::XDSB), ("xmlns:lcm", ns::LCM), ("xmlns:rim", ns::RIM)],
    );
    xml.line();
    submit_objects(&mut xml, &request.submission, &[]);
    for document in &request.documents {
        xml.open("xdsb:Document", &[("id", &document.id)]);
        match &document.content {
            DocumentContent::Xop(content_id) => {
                let href = format!("cid:{}", encode_cid(content_id));
                xml.empty("xop:Include", &[("xmlns:xop", ns::XOP), ("href", &href)]);
            }
            DocumentContent::Inline(base64) => xml.text(base64),
            DocumentContent::Missing => {}
        }
        xml.close();
        xml.line();
    }
    xml.finish()
}

/// TD3.3: `lcm:SubmitObjectsRequest`, without XML declaration, to stand in a SOAP body.
pub fn write_submit_objects(submission: &Submission) -> String {
    let mut xml = XmlWriter::new();
    submit_objects(&mut xml, submission, &[("xmlns:lcm", ns::LCM), ("xmlns:rim", ns::RIM)]);
    xml.finish()
}

/// `METADATA.XML` of an XDM archive: the same, as a file.
pub fn write_metadata_xml(submission: &Submission) -> String {
    let mut xml = XmlWriter::new();
    xml.declaration();
    submit_objects(&mut xml, submission, &[("xmlns:lcm", ns::LCM), ("xmlns:rim", ns::RIM)]);
    xml.finish()
}

fn submit_objects(xml: &mut XmlWriter, submission: &Submission, namespaces: &[(&str, &str)]) {
    let mut ids = Ids::of(submission);
    xml.open("lcm:SubmitObjectsRequest", namespaces);
    xml.open("rim:RegistryObjectList", &[]);
    xml.line();
    submission_set(xml, &submission.set, &mut ids);
    for entry in &submission.entries {
        document_entry(xml, entry, &mut ids);
    }
    for link in &submission.associations {
        association(xml, link);
    }
    xml.close();
    xml.close();
    xml.line();
}

/// `Content-ID` in a `cid:` URL: what a URL cannot hold is %-encoded (RFC 2392).
fn encode_cid(content_id: &str) -> String {
    let mut out = String::with_capacity(content_id.len());
    for byte in content_id.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'@'
            | b'+'
            | b'$'
            | b'!' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Ids of classifications and identifiers: `cl01`, `ei01`…, never one that an object already has.
pub(super) struct Ids {
    taken: HashSet<String>,
    classification: usize,
    identifier: usize,
}

impl Ids {
    fn of(submission: &Submission) -> Self {
        let mut ids = Self::over(&submission.entries);
        ids.taken.insert(submission.set.id.clone());
        ids.taken.extend(submission.associations.iter().map(|association| association.id.clone()));
        ids
    }

    pub(super) fn over(entries: &[DocumentEntry]) -> Self {
        Self { taken: entries.iter().map(|e| e.id.clone()).collect(), classification: 0, identifier: 0 }
    }

    fn next_classification(&mut self) -> String {
        next(&self.taken, "cl", &mut self.classification)
    }

    fn next_identifier(&mut self) -> String {
        next(&self.taken, "ei", &mut self.identifier)
    }
}

fn next(taken: &HashSet<String>, prefix: &str, counter: &mut usize) -> String {
    loop {
        *counter += 1;
        let id = format!("{prefix}{counter:02}");
        if !taken.contains(&id) {
            return id;
        }
    }
}

fn slot<'v>(xml: &mut XmlWriter, name: &str, values: impl IntoIterator<Item = &'v str>) {
    let mut values = values.into_iter().peekable();
    if values.peek().is_none() {
        return;
    }
    xml.open("rim:Slot", &[("name", name)]);
    xml.open("rim:ValueList", &[]);
    for value in values {
        xml.text_element("rim:Value", value);
    }
    xml.close();
    xml.close();
    xml.line();
}

fn extra_slots(xml: &mut XmlWriter, slots: &[Slot]) {
    for extra in slots {
        slot(xml, &extra.name, extra.values.iter().map(|value| value.expose().as_str()));
    }
}

fn localized(xml: &mut XmlWriter, name: &'static str, value: Option<&str>) {
    let Some(value) = value else { return };
    xml.open(name, &[]);
    xml.empty("rim:LocalizedString", &[("charset", "UTF-8"), ("xml:lang", "FR"), ("value", value)]);
    xml.close();
    xml.line();
}

fn submission_set(xml: &mut XmlWriter, set: &SubmissionSet, ids: &mut Ids) {
    let mut attributes = vec![("id", set.id.as_str())];
    attributes.extend(set.status.as_ref().map(|status| ("status", status.uri())));
    xml.open("rim:RegistryPackage", &attributes);
    xml.line();
    slot(xml, "submissionTime", set.submission_time.as_deref());
    extra_slots(xml, &set.extra_slots);
    localized(xml, "rim:Name", set.title.as_ref().map(|title| title.expose().as_str()));
    localized(xml, "rim:Description", set.comments.as_ref().map(|text| text.expose().as_str()));
    for author in &set.authors {
        author_classification(xml, &set.id, schemes::set::AUTHOR, author, ids);
    }
    code(xml, &set.id, schemes::set::CONTENT_TYPE, set.content_type.as_ref(), ids);
    xml.empty(
        "rim:Classification",
        &[
            ("id", &ids.next_classification()),
            ("classificationNode", schemes::SUBMISSION_SET_NODE),
            ("classifiedObject", &set.id),
        ],
    );
    xml.line();
    let patient = set.patient_id.as_ref().map(|cx| cx.expose());
    identifier(xml, &set.id, schemes::set::PATIENT_ID, patient, ids);
    identifier(xml, &set.id, schemes::set::SOURCE_ID, not_empty(&set.source_id), ids);
    identifier(xml, &set.id, schemes::set::UNIQUE_ID, not_empty(&set.unique_id), ids);
    xml.close();
    xml.line();
}

pub(super) fn document_entry(xml: &mut XmlWriter, entry: &DocumentEntry, ids: &mut Ids) {
    use schemes::entry as scheme;
    let mut attributes = vec![("id", entry.id.as_str())];
    attributes.extend(entry.logical_id.as_ref().map(|lid| ("lid", lid.as_str())));
    attributes.extend(entry.status.as_ref().map(|status| ("status", status.uri())));
    attributes.extend([("mimeType", entry.mime_type.as_str()), ("objectType", entry.object_type.as_str())]);
    xml.open("rim:ExtrinsicObject", &attributes);
    xml.line();
    entry_slots(xml, entry);
    localized(xml, "rim:Name", entry.title.as_ref().map(|title| title.expose().as_str()));
    localized(xml, "rim:Description", entry.comments.as_ref().map(|text| text.expose().as_str()));
    if let Some(version) = &entry.version {
        xml.empty("rim:VersionInfo", &[("versionName", version)]);
        xml.line();
    }
    for author in &entry.authors {
        author_classification(xml, &entry.id, scheme::AUTHOR, author, ids);
    }
    code(xml, &entry.id, scheme::CLASS, entry.class_code.as_ref(), ids);
    code(xml, &entry.id, scheme::TYPE, entry.type_code.as_ref(), ids);
    code(xml, &entry.id, scheme::CONFIDENTIALITY, &entry.confidentiality, ids);
    code(xml, &entry.id, scheme::FORMAT, entry.format_code.as_ref(), ids);
    code(xml, &entry.id, scheme::FACILITY, entry.facility_type.as_ref(), ids);
    code(xml, &entry.id, scheme::PRACTICE, entry.practice_setting.as_ref(), ids);
    code(xml, &entry.id, scheme::EVENT, &entry.events, ids);
    let patient = entry.patient_id.as_ref().map(|cx| cx.expose());
    identifier(xml, &entry.id, scheme::PATIENT_ID, patient, ids);
    identifier(xml, &entry.id, scheme::UNIQUE_ID, not_empty(&entry.unique_id), ids);
    xml.close();
    xml.line();
}

fn entry_slots(xml: &mut XmlWriter, entry: &DocumentEntry) {
    let size = entry.size.map(|size| size.to_string());
    slot(xml, "creationTime", entry.creation_time.as_deref());
    slot(xml, "hash", entry.hash.as_deref());
    slot(xml, "languageCode", entry.language.as_deref());
    slot(xml, "legalAuthenticator", entry.legal_authenticator.as_ref().map(|xcn| xcn.expose()));
    slot(xml, "repositoryUniqueId", entry.repository.as_deref());
    slot(xml, "serviceStartTime", entry.service_start.as_deref());
    slot(xml, "serviceStopTime", entry.service_stop.as_deref());
    slot(xml, "size", size.as_deref());
    slot(xml, "sourcePatientId", entry.source_patient_id.as_ref().map(|cx| cx.expose()));
    slot(xml, "sourcePatientInfo", entry.source_patient_info.iter().map(|line| line.expose().as_str()));
    slot(xml, "URI", entry.uri.as_deref());
    slot(xml, REFERENCE_ID_LIST, entry.references.iter().map(|cxi| cxi.expose()));
    extra_slots(xml, &entry.extra_slots);
}

fn author_classification(
    xml: &mut XmlWriter,
    parent: &str,
    scheme: &'static str,
    author: &Author,
    ids: &mut Ids,
) {
    xml.open(
        "rim:Classification",
        &[
            ("id", &ids.next_classification()),
            ("classificationScheme", scheme),
            ("classifiedObject", parent),
            ("nodeRepresentation", ""),
        ],
    );
    xml.line();
    slot(xml, "authorPerson", author.person.as_ref().map(|xcn| xcn.expose()));
    slot(xml, "authorInstitution", author.institutions.iter().map(|xon| xon.expose()));
    slot(xml, "authorRole", author.roles.iter().map(String::as_str));
    slot(xml, "authorSpecialty", author.specialties.iter().map(|ce| ce.expose()));
    extra_slots(xml, &author.extra_slots);
    xml.close();
    xml.line();
}

fn code<'c>(
    xml: &mut XmlWriter,
    parent: &str,
    scheme: &'static str,
    codes: impl IntoIterator<Item = &'c CodedValue>,
    ids: &mut Ids,
) {
    for code in codes {
        xml.open(
            "rim:Classification",
            &[
                ("id", &ids.next_classification()),
                ("classificationScheme", scheme),
                ("classifiedObject", parent),
                ("nodeRepresentation", &code.code),
            ],
        );
        xml.line();
        slot(xml, "codingScheme", not_empty(&code.system));
        localized(xml, "rim:Name", not_empty(&code.label));
        xml.close();
        xml.line();
    }
}

fn identifier(
    xml: &mut XmlWriter,
    parent: &str,
    (scheme, name): (&'static str, &'static str),
    value: Option<&str>,
    ids: &mut Ids,
) {
    let Some(value) = value else { return };
    xml.open(
        "rim:ExternalIdentifier",
        &[
            ("id", &ids.next_identifier()),
            ("identificationScheme", scheme),
            ("registryObject", parent),
            ("value", value),
        ],
    );
    localized(xml, "rim:Name", Some(name));
    xml.close();
    xml.line();
}

fn association(xml: &mut XmlWriter, link: &Association) {
    let mut attributes = vec![("id", link.id.as_str())];
    attributes.extend(link.object_type.as_ref().map(|kind| ("objectType", kind.as_str())));
    attributes.extend([
        ("associationType", link.kind.uri()),
        ("sourceObject", link.source.as_str()),
        ("targetObject", link.target.as_str()),
    ]);
    xml.open("rim:Association", &attributes);
    xml.line();
    extra_slots(xml, &link.slots);
    xml.close();
    xml.line();
}

fn not_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
