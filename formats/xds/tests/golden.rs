//! What leaves on the wire, as files of our own: read them in a review. `UPDATE=1 cargo test` rewrites them.
//! Source: dmp-xds.md §2.5, §2.7, §7.10; mssante.md §3.6.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::{Path, PathBuf};

use common::*;
use jonction_xds::{ebrim::*, signature::signature_entry, *};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn assert_golden(name: &str, text: &str) {
    let path = golden(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert!(expected == text, "{name} differs from what is written now; UPDATE=1 rewrites it");
    let arguments = ["--noout", "--nonet", path.to_str().unwrap()];
    if let Some((well_formed, said)) = run_tool("xmllint", &arguments) {
        assert!(well_formed, "{name}: {said}");
    }
}

fn replacing_lot() -> Submission {
    let entries = vec![EntryIdentifiers {
        id: "Document01".to_owned(),
        replaces: Some("urn:uuid:0b5a2f52-6a54-4d3c-9a40-3e2f2b8f3a11".to_owned()),
    }];
    let identifiers = Identifiers { entries, ..identifiers() };
    let (mut lot, _) = build_dmp_with(&submission(), &identifiers, &Defaults::default());
    let signature = signature_entry(&lot, &oid("1.2.250.1.999.1.1.8121.5.1"), submission_time());
    lot.add_signature(signature);
    lot
}

#[test]
fn provide_and_register_of_a_replacement() {
    let part = |id: &str, cid: &str| DocumentPart {
        id: id.to_owned(),
        content: DocumentContent::Xop(cid.to_owned()),
    };
    let documents =
        vec![part("Document01", "doc1@passerelle.example"), part("Signature01", "sig@passerelle.example")];
    let request = ProvideAndRegister { submission: replacing_lot(), documents };
    assert_golden("provide-and-register.xml", &write_provide_and_register(&request));
}

#[test]
fn metadata_of_an_archive_that_deletes() {
    let mut submission = submission();
    submission.operation = jonction_model::Operation::Delete;
    assert_golden("METADATA.XML", &write_metadata_xml(&build_xdm(&submission, true).0));
}

#[test]
fn deletion_in_the_dmp() {
    let submission = submission();
    let identity = identity(&submission);
    let request = BuildRequest {
        submission: &submission,
        identifiers: &identifiers(),
        contents: &[],
        profile: Profile::Dmp(&identity),
        defaults: &Defaults::default(),
    };
    let target = DeletionTarget {
        entry_uuid: "urn:uuid:0b5a2f52-6a54-4d3c-9a40-3e2f2b8f3a11".to_owned(),
        status: AvailabilityStatus::Approved,
    };
    let (lot, findings) = build_deletion(&request, &[target]);
    assert_eq!(codes(&findings), Vec::<String>::new());
    assert_golden("delete.xml", &write_submit_objects(&lot));
}

#[test]
fn query_for_an_entry_uuid() {
    let query = AdhocQuery::object_refs_by_unique_id(["1.2.250.1.999.1.1.8121.1.1"]);
    assert_golden("get-documents.xml", &write_query(&query));
}

#[test]
fn answers_of_a_registry() {
    let found = QueryResponse::object_refs(vec!["urn:uuid:0b5a2f52-6a54-4d3c-9a40-3e2f2b8f3a11".to_owned()]);
    assert_golden("get-documents-response.xml", &write_query_response(&found));
    let error = RegistryError::new("XDSUnknownPatientId", "aucun dossier");
    let refused = RegistryResponse::failure(vec![error]);
    assert_golden("registry-response.xml", &write_registry_response(&refused));
}

/// Order of the ebRIM 3.0 schema, checked on the file itself by another parser.
#[test]
fn children_stand_in_the_order_of_the_schema() {
    let script = r#"
import sys, xml.etree.ElementTree as E
R = '{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}'
order = [R + n for n in ('Slot', 'Name', 'Description', 'VersionInfo', 'Classification', 'ExternalIdentifier')]
ids, n = set(), 0
for e in E.parse(sys.argv[1]).iter():
    if e.tag in (R + 'RegistryPackage', R + 'ExtrinsicObject', R + 'Association', R + 'Classification', R + 'ExternalIdentifier'):
        n += 1
        assert e.get('id') and e.get('id') not in ids, e.get('id')
        ids.add(e.get('id'))
        ranks = [order.index(c.tag) for c in e]
        assert ranks == sorted(ranks), (e.tag, ranks)
        if e.tag == R + 'Classification': assert e.get('classifiedObject') in ids
        if e.tag == R + 'ExternalIdentifier': assert e.get('registryObject') in ids
assert n > 15, n
"#;
    for name in ["provide-and-register.xml", "METADATA.XML"] {
        if let Some((right, said)) = run_tool("python3", &["-c", script, golden(name).to_str().unwrap()]) {
            assert!(right, "{name}: {said}");
        }
    }
}
