//! Metadata of the signature of a lot (`Signature01`). The signature itself is made by the SOAP room.
//! In: a lot, the identifiers of the signature. Out: its document entry. Source: dmp-xds.md §6.

use jiff::Timestamp;
use jonction_model::{CodedValue, Oid, time::utc_dtm};

use crate::{
    metadata::{Cx, DocumentEntry, Submission},
    tables,
};

/// Symbolic id of the entry, and of the MTOM document.
pub const ENTRY_ID: &str = "Signature01";
/// formatCode by which a signature is recognised.
pub const FORMAT_CODE: &str = "http://www.w3.org/2000/09/xmldsig#";

fn code(code: &str, system: &str, label: &str) -> CodedValue {
    CodedValue { code: code.to_owned(), system: system.to_owned(), label: label.to_owned() }
}

/// The entry that describes the signature of this lot. Add it with [`Submission::add_signature`].
/// `signing_time` also fills the service times; the signer is the author of the set.
pub fn signature_entry(submission: &Submission, unique_id: &Oid, signing_time: Timestamp) -> DocumentEntry {
    let time = Some(utc_dtm(signing_time));
    let signed = submission.documents().next();
    let ins = submission.set.patient_id.clone();
    DocumentEntry {
        unique_id: unique_id.as_str().to_owned(),
        patient_id: ins.clone(),
        creation_time: time.clone(),
        language: Some("art".to_owned()),
        service_start: time.clone(),
        service_stop: time,
        legal_authenticator: submission.set.authors.first().and_then(|author| author.person.clone()),
        source_patient_id: ins.map(|cx| Cx::from_text(short_cx(&cx))),
        title: Some("Source".into()),
        authors: submission.set.authors.clone(),
        class_code: Some(code("urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1", "URN", "Digital Signature")),
        type_code: Some(code("E1762", "ASTM", "Full Document")),
        format_code: Some(code(FORMAT_CODE, "URN", "Default Signature Style")),
        confidentiality: ["N", "MASQUE_PS", "INVISIBLE_PATIENT"]
            .iter()
            .filter_map(|code| tables::find(tables::CONFIDENTIALITIES, code))
            .map(tables::coded)
            .collect(),
        events: vec![code("1.2.840.10065.1.12.1.14", "1.2.840.10065.1.12", "Source")],
        facility_type: signed.and_then(|entry| entry.facility_type.clone()),
        practice_setting: signed.and_then(|entry| entry.practice_setting.clone()),
        ..DocumentEntry::new(ENTRY_ID)
    }
}

/// The first five components: no start date.
fn short_cx(cx: &Cx) -> String {
    cx.expose().split('^').take(5).collect::<Vec<_>>().join("^")
}
