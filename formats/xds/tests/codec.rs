//! ebRIM read and written: round trips, leniency, hostile texts. Source: dmp-xds.md §7.1.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::*;
use jonction_model::{CodedValue, Masked};
use jonction_xds::{ebrim::*, metadata::*, signature::signature_entry};
use proptest::{collection::vec, option, prelude::*};

fn full_request() -> ProvideAndRegister {
    let (mut lot, _) = build_dmp(&submission());
    let signature = signature_entry(&lot, &oid("1.2.250.1.999.1.1.8121.5.1"), submission_time());
    lot.add_signature(signature);
    let part = |id: &str| DocumentPart {
        id: id.to_owned(),
        content: DocumentContent::Xop(format!("{id}%@passerelle.example")),
    };
    ProvideAndRegister { submission: lot, documents: vec![part("Document01"), part("Signature01")] }
}

fn read(text: &str) -> Decoded<ProvideAndRegister> {
    read_provide_and_register(text.as_bytes(), &Limits::default()).unwrap()
}

#[test]
fn a_request_comes_back_as_it_was_and_is_written_with_the_same_bytes() {
    let request = full_request();
    let text = write_provide_and_register(&request);
    let decoded = read(&text);
    assert_eq!(decoded.value, request);
    assert_eq!(decoded.notes, []);
    assert_eq!(write_provide_and_register(&decoded.value), text);
}

#[test]
fn prefixes_and_the_soap_envelope_do_not_matter() {
    let text = write_provide_and_register(&full_request());
    let renamed = text.replace("<rim:", "<q7:").replace("</rim:", "</q7:").replace("xmlns:rim", "xmlns:q7");
    let enveloped = format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Header/><s:Body>{renamed}</s:Body></s:Envelope>"
    );
    let decoded = read(&enveloped);
    assert_eq!(decoded.value, full_request());
    assert_eq!(decoded.notes, []);
}

#[test]
fn an_undeclared_prefix_is_read_and_noted_once_per_object() {
    let text = write_provide_and_register(&full_request());
    let undeclared = text.replacen(" xmlns:rim=\"urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0\"", "", 1);
    let decoded = read(&undeclared);
    assert_eq!(decoded.value, full_request());
    assert!(decoded.notes.iter().all(|note| note.check == "xds/DE-22"));
    assert!(!decoded.notes.is_empty());
}

#[test]
fn order_and_charset_are_lenient_and_order_is_noted() {
    let text = write_provide_and_register(&full_request());
    let slot = "<rim:Slot name=\"languageCode\"><rim:ValueList><rim:Value>fr-FR</rim:Value></rim:ValueList></rim:Slot>\n";
    let moved = text.replacen(slot, "", 1).replacen(
        "</rim:ExtrinsicObject>",
        &format!("{slot}</rim:ExtrinsicObject>"),
        1,
    );
    assert_ne!(moved, text);
    let decoded = read(&moved.replace("charset=\"UTF-8\"", "charset=\"UTF8\""));
    assert_eq!(decoded.value, full_request());
    let notes: Vec<_> =
        decoded.notes.iter().map(|note| (note.check.as_str(), note.place.path.as_str())).collect();
    assert_eq!(notes, [("xds/DE-22", "ExtrinsicObject[@id='Document01']")]);
}

#[test]
fn the_marker_of_the_set_may_stand_beside_it() {
    let text = write_provide_and_register(&full_request());
    let start = text.find("<rim:Classification id=\"cl03\" classificationNode").unwrap();
    let end = start + text[start..].find("/>").unwrap() + 2;
    let marker = &text[start..end];
    let beside = text.replacen(marker, "", 1).replacen(
        "</rim:RegistryPackage>",
        &format!("</rim:RegistryPackage>{marker}"),
        1,
    );
    let decoded = read(&beside);
    assert_eq!((decoded.value, decoded.notes), (full_request(), vec![]));
}

#[test]
fn zero_two_and_unmarked_sets_are_said() {
    let text = write_provide_and_register(&full_request());
    let start = text.find("<rim:RegistryPackage").unwrap();
    let end = text.find("</rim:RegistryPackage>").unwrap() + "</rim:RegistryPackage>".len();
    let package = &text[start..end];
    let cases = [
        (text.replacen(package, "", 1), 1),
        (text.replacen(package, &format!("{package}{package}"), 1), 1),
        (text.replace("urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd", "urn:uuid:0"), 1),
    ];
    for (changed, expected) in cases {
        let said = read(&changed).notes.iter().filter(|note| note.check == "xds/SUB-01").count();
        assert_eq!(said, expected);
    }
}

#[test]
fn a_wrong_format_scheme_is_told_and_nothing_else_is_lost() {
    let wrong = "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309e";
    let text = write_provide_and_register(&full_request()).replacen(
        "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d",
        wrong,
        1,
    );
    let decoded = read(&text);
    assert_eq!(decoded.value.submission.entries[0].format_code, None);
    assert_eq!(decoded.notes[0].check, "xds/DE-21");
}

#[test]
fn a_content_id_is_percent_decoded_and_inline_bytes_are_kept() {
    let text = write_provide_and_register(&full_request());
    assert!(text.contains("href=\"cid:Document01%25@passerelle.example\""));
    let encoded = text.replace("cid:Document01%25@", "cid:Document01%25%40");
    assert_eq!(read(&encoded).value, full_request());

    let mut inline = full_request();
    inline.documents[0].content = DocumentContent::Inline("YWJj".to_owned());
    assert_eq!(read(&write_provide_and_register(&inline)).value, inline);
}

#[test]
fn an_object_id_is_never_taken_by_a_classification() {
    let mut request = full_request();
    request.submission.entries[0].id = "cl01".to_owned();
    request.submission.associations[0].id = "ei01".to_owned();
    let text = write_provide_and_register(&request);
    let ids: Vec<_> = text.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let metadata_ids = &ids[..ids.len() - request.documents.len()];
    let distinct: std::collections::HashSet<_> = metadata_ids.iter().collect();
    assert_eq!(distinct.len(), metadata_ids.len());
}

#[test]
fn a_text_cut_anywhere_is_an_error_and_never_a_panic() {
    let mut request = full_request();
    request.submission.entries.truncate(1);
    request.submission.entries[0] =
        DocumentEntry { title: Some("é & <x>".into()), ..DocumentEntry::new("Document01") };
    let text = write_provide_and_register(&request);
    for end in 0..text.trim_end().len() {
        assert!(read_provide_and_register(&text.as_bytes()[..end], &Limits::default()).is_err(), "{end}");
    }
}

#[test]
fn entries_stop_at_their_limit() {
    let limits = |entries_max| Limits { entries_max, ..Limits::default() };
    let text = write_provide_and_register(&full_request());
    assert!(read_provide_and_register(text.as_bytes(), &limits(2)).is_ok());
    let error = read_provide_and_register(text.as_bytes(), &limits(1)).unwrap_err();
    assert_eq!((error.code(), error), ("xds.over-limit", ReadError::OverLimit { limit: "entries_max" }));
}

#[test]
fn another_root_is_no_request() {
    let query = write_query(&AdhocQuery::object_refs_by_unique_id(["1.2"]));
    let error = read_provide_and_register(query.as_bytes(), &Limits::default()).unwrap_err();
    assert_eq!(error.code(), "xds.wrong-root");
}

#[test]
fn answers_come_back_and_an_unknown_status_is_no_success() {
    let mut warning = RegistryError::new("XDSExtraMetadataNotSaved", "ligne 1\nligne \"2\" <3>");
    warning.severity = ErrorSeverity::Warning;
    let failure =
        RegistryError { location: "entrepôt".to_owned(), ..RegistryError::new("XDSRegistryBusy", "") };
    let response = RegistryResponse::failure(vec![warning, failure.clone()]);
    let text = write_registry_response(&response);
    let decoded = read_registry_response(text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!((decoded.value, decoded.notes), (response.clone(), vec![]));
    assert_eq!(response.first_error(), Some(&failure));

    let odd = text.replace("ResponseStatusType:Failure", "ResponseStatusType:Succes");
    assert!(!read_registry_response(odd.as_bytes(), &Limits::default()).unwrap().value.is_success());
    let missing = b"<r:RegistryResponse xmlns:r='urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0'/>";
    assert!(!read_registry_response(missing, &Limits::default()).unwrap().value.is_success());
}

#[test]
fn a_query_answer_carries_references_or_whole_entries_of_the_registry() {
    let mut entry = full_request().submission.entries.remove(0);
    entry.id = "urn:uuid:0b5a2f52-6a54-4d3c-9a40-3e2f2b8f3a11".to_owned();
    entry.logical_id = Some("urn:uuid:0b5a2f52-6a54-4d3c-9a40-3e2f2b8f3a12".to_owned());
    entry.version = Some("1".to_owned());
    entry.status = Some(AvailabilityStatus::Archived);
    entry.repository = Some("1.2.250.1.213.4.1.1.1.2".to_owned());
    entry.size = Some(70_000);
    let answer = QueryResponse {
        entries: vec![entry],
        ..QueryResponse::object_refs(vec!["urn:uuid:0b5a2f52-6a54-4d3c-9a40-3e2f2b8f3a13".to_owned()])
    };
    let text = write_query_response(&answer);
    let decoded = read_query_response(text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!((decoded.value, decoded.notes), (answer, vec![]));
}

/// Texts that XML can hold, markup and line breaks included.
fn text() -> impl Strategy<Value = String> {
    "[ -~éœ€\u{1f600}\t\n\r]{0,20}"
}

fn filled() -> impl Strategy<Value = String> {
    "[!-~é]{1,12}"
}

fn masked() -> impl Strategy<Value = Masked<String>> {
    text().prop_map(Masked::new)
}

fn code() -> impl Strategy<Value = CodedValue> {
    (text(), text(), text()).prop_map(|(code, system, label)| CodedValue { code, system, label })
}

fn slot() -> impl Strategy<Value = Slot> {
    // A slot without value is not written; names of known slots are fields.
    (filled().prop_map(|name| format!("urn:x:{name}")), vec(masked(), 1..3))
        .prop_map(|(name, values)| Slot { name, values })
}

/// Slots of distinct names: one name twice is the reader's business, not the writer's.
fn slots() -> impl Strategy<Value = Vec<Slot>> {
    vec(slot(), 0..3).prop_map(|mut slots| {
        slots.sort_by(|a, b| a.name.cmp(&b.name));
        slots.dedup_by(|a, b| a.name == b.name);
        slots
    })
}

fn author() -> impl Strategy<Value = Author> {
    (option::of(text()), vec(text(), 0..2), vec(text(), 0..2), vec(text(), 0..2), slots()).prop_map(
        |(person, institutions, roles, specialties, extra_slots)| Author {
            person: person.map(Xcn::from_text),
            institutions: institutions.into_iter().map(Xon::from_text).collect(),
            roles,
            specialties: specialties.into_iter().map(Ce::from_text).collect(),
            extra_slots,
        },
    )
}

fn entry() -> impl Strategy<Value = DocumentEntry> {
    let ids = (filled(), option::of(filled()), option::of(filled()), filled(), filled(), filled());
    let times = (option::of(text()), option::of(text()), option::of(text()), option::of(text()));
    let people = (option::of(text()), option::of(text()), vec(masked(), 0..3), vec(author(), 0..2));
    let facts = (option::of(text()), option::of(any::<u64>()), option::of(text()), option::of(text()));
    let names = (option::of(masked()), option::of(masked()), vec(text(), 0..2), slots());
    let codes =
        (option::of(code()), option::of(code()), option::of(code()), vec(code(), 0..3), vec(code(), 0..2));
    (ids, times, people, facts, names, codes).prop_map(|(ids, times, people, facts, names, codes)| {
        DocumentEntry {
            id: ids.0,
            logical_id: ids.1,
            version: ids.2,
            status: Some(AvailabilityStatus::of(&ids.3)),
            object_type: ids.3,
            mime_type: ids.4,
            unique_id: ids.5,
            patient_id: people.1.clone().map(Cx::from_text),
            creation_time: times.0,
            language: times.1,
            service_start: times.2,
            service_stop: times.3,
            legal_authenticator: people.0.map(Xcn::from_text),
            source_patient_id: people.1.map(Cx::from_text),
            source_patient_info: people.2,
            hash: facts.0,
            size: facts.1,
            repository: facts.2,
            uri: facts.3,
            title: names.0,
            comments: names.1,
            authors: people.3,
            class_code: codes.0.clone(),
            type_code: codes.1.clone(),
            format_code: codes.2,
            confidentiality: codes.3,
            events: codes.4,
            facility_type: codes.0,
            practice_setting: codes.1,
            references: names.2.into_iter().map(Cxi::from_text).collect(),
            extra_slots: names.3,
        }
    })
}

fn lot() -> impl Strategy<Value = Submission> {
    let set = (filled(), filled(), option::of(text()), vec(author(), 0..2), option::of(code()), slots());
    let link = (filled(), filled(), filled(), filled(), slots());
    (set, vec(entry(), 0..3), vec(link, 0..3)).prop_map(|(set, entries, links)| Submission {
        set: SubmissionSet {
            id: set.0,
            unique_id: set.1.clone(),
            source_id: set.1,
            patient_id: set.2.clone().map(Cx::from_text),
            submission_time: set.2,
            authors: set.3,
            content_type: set.4,
            extra_slots: set.5,
            ..SubmissionSet::default()
        },
        entries,
        associations: links
            .into_iter()
            .map(|(id, kind, source, target, slots)| Association {
                id,
                kind: AssociationKind::of(&kind),
                source,
                target,
                object_type: None,
                slots,
            })
            .collect(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_lot_comes_back(lot in lot()) {
        let text = write_metadata_xml(&lot);
        let decoded = read_submit_objects(text.as_bytes(), &Limits::default()).unwrap();
        prop_assert_eq!(&decoded.value, &lot);
        prop_assert_eq!(write_metadata_xml(&decoded.value), text);
    }

    #[test]
    fn any_damage_is_an_error_or_a_note_and_never_a_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = write_provide_and_register(&full_request()).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read_provide_and_register(&bytes, &Limits::default());
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = read_submit_objects(&bytes, &Limits::default());
        let _ = read_query(&bytes, &Limits::default());
        let _ = read_query_response(&bytes, &Limits::default());
    }
}
