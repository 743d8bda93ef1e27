//! Decisions of the simulated registry that no gateway of ours provokes.

use jonction_model::Ins;

use super::*;

const PATIENT: &str = "279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH";
const OTHER: &str = "160012A00412345^^^&1.2.250.1.213.1.4.10&ISO^NH";

fn caller(mode: Mode) -> Caller {
    Caller { mode, structure: "1120456789".to_owned(), patient: Some(Cx::from_text(PATIENT)) }
}

fn submission(patient: &str, unique_ids: &[&str]) -> (Submission, BTreeMap<String, Bytes>) {
    let mut submission = Submission::default();
    submission.set.id = "SubmissionSet01".to_owned();
    submission.set.unique_id = "1.1".to_owned();
    submission.set.patient_id = Some(Cx::from_text(patient));
    let mut contents = BTreeMap::new();
    for (at, unique_id) in unique_ids.iter().enumerate() {
        let id = format!("Document{at}");
        contents.insert(id.clone(), Bytes::from_static(b"<x/>"));
        submission
            .entries
            .push(DocumentEntry { unique_id: (*unique_id).to_owned(), ..DocumentEntry::new(id) });
    }
    (submission, contents)
}

fn registry() -> Registry {
    Registry { store: Store::default(), patients: Patients::default() }
}

fn provide(registry: &mut Registry, mode: Mode, lot: &(Submission, BTreeMap<String, Bytes>)) -> String {
    let mut number = registry.store.documents().len();
    let uuid = || {
        number += 1;
        format!("urn:uuid:{number}-{}", lot.0.set.unique_id)
    };
    code(registry.provide(&caller(mode), &lot.0, &lot.1, Timestamp::UNIX_EPOCH, uuid))
}

fn code(answer: Result<RegistryResponse, Refusal>) -> String {
    match answer {
        Ok(_) => "Success".to_owned(),
        Err(refusal) => refusal.code(),
    }
}

/// A registry that holds one document of the patient, and its entryUUID.
fn holding() -> (Registry, String) {
    let mut registry = registry();
    assert_eq!(provide(&mut registry, Mode::Indirecte, &submission(PATIENT, &["1.2"])), "Success");
    let entry_uuid = registry.store.documents()[0].entry_uuid.clone();
    (registry, entry_uuid)
}

fn change(target: &str, patient: &str, from: AvailabilityStatus, to: AvailabilityStatus) -> Submission {
    let slots = vec![
        jonction_xds::Slot::one("OriginalStatus", from.uri()),
        jonction_xds::Slot::one("NewStatus", to.uri()),
    ];
    let link = Association {
        slots,
        ..Association::new(1, AssociationKind::UpdatesStatus, "SubmissionSet01", target)
    };
    Submission { associations: vec![link], ..submission(patient, &[]).0 }
}

#[test]
fn feeding_is_closed_to_air_and_nothing_is_stored() {
    let mut registry = registry();
    let refused = provide(&mut registry, Mode::IndirecteRenforcee, &submission(PATIENT, &["1.2"]));
    assert_eq!(refused, "DMPAccessDeniedByRightsService");
    assert!(registry.store.documents().is_empty());
}

#[test]
fn a_lot_is_stored_whole_or_not_at_all() {
    let mut registry = registry();
    let (lot, mut contents) = submission(PATIENT, &["1.2", "1.3"]);
    contents.remove("Document1");
    assert_eq!(provide(&mut registry, Mode::Indirecte, &(lot.clone(), contents)), "XDSMissingDocument");

    let (_, mut contents) = submission(PATIENT, &["1.2", "1.3"]);
    contents.insert("Document9".to_owned(), Bytes::new());
    assert_eq!(provide(&mut registry, Mode::Indirecte, &(lot, contents)), "XDSMissingDocumentMetadata");

    let twice = submission(PATIENT, &["1.2", "1.2"]);
    assert_eq!(provide(&mut registry, Mode::Indirecte, &twice), "XDSRegistryDuplicateUniqueIdInMessage");
    assert!(registry.store.documents().is_empty());
}

#[test]
fn a_replacement_stays_with_its_patient() {
    let (mut registry, entry_uuid) = holding();
    let (mut lot, contents) = submission(OTHER, &["1.4"]);
    lot.set.unique_id = "1.9".to_owned();
    lot.associations.push(Association::new(1, AssociationKind::Replaces, "Document0", &entry_uuid));

    assert_eq!(provide(&mut registry, Mode::Indirecte, &(lot, contents)), "XDSPatientIdDoesNotMatch");
    assert_eq!(registry.store.documents().len(), 1);
}

#[test]
fn a_status_changes_only_from_its_own_for_its_patient_and_by_who_may() {
    use AvailabilityStatus::{Approved, Archived, Deleted};
    let (mut registry, entry_uuid) = holding();
    let target = entry_uuid.as_str();
    for (mode, change, expected) in [
        (
            Mode::Indirecte,
            change("urn:uuid:none", PATIENT, Approved, Deleted),
            "UnresolvedReferenceException",
        ),
        (Mode::Indirecte, change(target, PATIENT, Archived, Deleted), "XDSMetadataUpdateError"),
        (Mode::Indirecte, change(target, OTHER, Approved, Deleted), "XDSPatientIdDoesNotMatch"),
        (Mode::Indirecte, change(target, PATIENT, Approved, Archived), "DMPAccessDeniedByRightsService"),
        (Mode::Indirecte, submission(PATIENT, &[]).0, "XDSMetadataUpdateOperationError"),
        (Mode::Directe, change(target, PATIENT, Approved, Archived), "Success"),
        (Mode::Indirecte, change(target, PATIENT, Archived, Deleted), "Success"),
        (Mode::Indirecte, change(target, PATIENT, Deleted, Approved), "UnresolvedReferenceException"),
    ] {
        assert_eq!(code(registry.update(&caller(mode), &change)), expected);
    }
}

#[test]
fn a_query_shows_nothing_of_another_patient_and_a_closed_dmp_nothing_at_all() {
    let (mut registry, entry_uuid) = holding();
    let query = AdhocQuery::object_refs_by_unique_id(["1.2"]);
    let asked = |registry: &Registry, patient: &str| {
        let caller = Caller { patient: Some(Cx::from_text(patient)), ..caller(Mode::Indirecte) };
        registry.find(&caller, &query).map(|found| found.object_refs).map_err(|refusal| refusal.code())
    };
    assert_eq!(asked(&registry, PATIENT), Ok(vec![entry_uuid]));
    assert_eq!(asked(&registry, OTHER), Ok(vec![]));
    registry.patients.set(Ins::parse("279035121518989").unwrap(), DmpState::Closed);
    assert_eq!(asked(&registry, PATIENT), Err("DMPClosed".to_owned()));
}

#[test]
fn other_queries_and_mixed_identifiers_are_refused_by_name() {
    let (registry, _) = holding();
    let find =
        |query: &AdhocQuery| registry.find(&caller(Mode::Indirecte), query).map(|_| ()).map_err(|r| r.code());
    let other = AdhocQuery {
        id: stored_query::FIND_DOCUMENTS.to_owned(),
        ..AdhocQuery::object_refs_by_unique_id(["1.2"])
    };
    let mut mixed = AdhocQuery::object_refs_by_unique_id(["1.2"]);
    let mut by_entry = mixed.parameters[0].clone();
    by_entry.name = "$XDSDocumentEntryEntryUUID".to_owned();
    mixed.parameters.push(by_entry);
    assert_eq!(find(&other), Err("XDSUnknownStoredQuery".to_owned()));
    assert_eq!(find(&mixed), Err("XDSStoredQueryParamNumber".to_owned()));
}
