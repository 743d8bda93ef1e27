//! The official samples against our expectations. Source: hl7v2.md §2.17 and §7, mssante.md §4.4.
//! Summary: operation, identity, wants (Dmp, Professionals, Usager, ack, lecture), masks (Masqué, Invisible, Représentants,
//! Secrète, Change), documents, recipients, reply addresses, obstacles `scope:check=code`.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "test code")]

mod common;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use jonction_mappings::{VoletCheck, VoletSettings};
use jonction_model::{Finding, Mode, Severity};
use jonction_ports::{MemoryBodies, Step};

/// File, summary, checks of the remarks.
type Row = (&'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const EXPECTED: &[Row] = &[
    // Off the published matrices and yet accepted; its CDA has times without offset.
    ("hl7v2/mdm_t02_cda_n1_v21.er7", "Submit qualifiée DP--- -IRS- [N1 18748-4 1.2.250.1.71.4.2.2.120456789.71024000081] [ps:adam.hoda@…] reply 0 []", &["cda.time-without-offset", "hl7v2/H059", "mapping.odd-blanks"]),
    ("hl7v2/mdm_t10_cda_n1_v21.er7", "Replace qualifiée DP--- ---SC [N1 18748-4 1.2.250.1.71.4.2.2.120456789.71024000082 replaces 1.2.250.1.71.4.2.2.120456789.71024000081] [ps:adam.hoda@…] reply 0 []", &["cda.time-without-offset", "hl7v2/H059"]),
    // The patient's address has 20 digits.
    ("hl7v2/oru_init_cda_n3_v21.hl7", "Submit qualifiée DPUal ----- [N3 11502-2 1.2.250.1.213.1.1.9] [ps:adam.hoda@…, patient:patient@…] reply 1 [r1:H087=553]", &["hl7v2/H093"]),
    // Both CDA are of somebody else: sending would leak. The second names no replaced version.
    ("hl7v2/oru_rplc_n1_n3_cda_v21.er7", "Replace qualifiée DPU-- ----- [N1 11502-2 1.2.250.1.213.1.1.12 replaces 1.2.250.1.213.1.1.10, N3 11502-2 1.2.250.1.213.1.1.11] [ps:adam.hoda@…, patient:patient@…] reply 1 [all:H067, all:H067, dmp:H062=XDSReplaceFailed, r1:H087=553]", &["hl7v2/H093"]),
    // Placeholders instead of documents: admission refuses them, and so do we.
    ("hl7v2/mdm_t02_short_v21.er7", "Submit qualifiée DP--- -IRS- [] [ps:adam.hoda@…] reply 0 [all:H066]", &[]),
    ("hl7v2/mdm_t10_short_v20.er7", "Replace qualifiée DP--- ---SC [] [ps:adam.hoda@…] reply 0 [all:H066]", &[]),
    ("hl7v2/oru_del_n1_n3_short_v20.er7", "Delete qualifiée DPU-- ----- [] [ps:adam.hoda@…, patient:patient@…] reply 1 [all:H066, all:H066, r1:H087=553]", &["hl7v2/H093"]),
    ("hl7v2/oru_init_n1_n3_short_v21.hl7", "Submit qualifiée DPUal ----- [] [ps:adam.hoda@…, patient:patient@…] reply 1 [all:H066, all:H066]", &["hl7v2/H093"]),
    ("mssante/outbound_createur/MDM_T02_init_stub.er7", "Submit qualifiée DP--- -IRS- [] [ps:adam.hoda@…] reply 0 [all:H066]", &[]),
    ("mssante/outbound_createur/ORU_R01_init_N1_N3_stub.hl7", "Submit qualifiée DPUal ----- [] [ps:adam.hoda@…, patient:patient@…] reply 1 [all:H066, all:H066]", &["hl7v2/H093"]),
    // Edition 1.2: recipients were in the CDA, two flags did not exist. Admission refuses the edition.
    ("hl7v2/mdm_t02_v12.er7", "Submit qualifiée DP--- -IRS- [] [] reply 1 [all:H066, ps:H082=554]", &["hl7v2/H072", "hl7v2/H072"]),
    ("hl7v2/oru_v12.er7", "Submit qualifiée DPU-- ----- [] [] reply 1 [all:H066, ps:H082=554, patient:H082=554]", &["hl7v2/H072", "hl7v2/H072"]),
];

fn root() -> Option<PathBuf> {
    let found = std::env::var_os("JONCTION_SAMPLES").map(PathBuf::from);
    if found.is_none() {
        jonction_testkit::skipped("JONCTION_SAMPLES is not set");
    }
    found
}

fn messages(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for folder in ["hl7v2", "mssante/outbound_createur"] {
        for file in fs::read_dir(root.join(folder)).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name.ends_with(".er7") || name.ends_with(".hl7") {
                found.push((format!("{folder}/{name}"), fs::read(&path).unwrap()));
            }
        }
    }
    found
}

#[test]
fn every_sample_maps_as_the_table_says_and_every_other_message_is_no_document() {
    let Some(root) = root() else { return };
    let mut seen = BTreeSet::new();
    for (name, bytes) in messages(&root) {
        let row = EXPECTED.iter().find(|(file, ..)| *file == name);
        match (common::map(&bytes), row) {
            (Ok((submission, findings)), Some((_, summary, remarks))) => {
                assert_eq!(common::summary(&submission), *summary, "{name}");
                let forbids =
                    |finding: &Finding| submission.obstacles.iter().any(|known| known.finding == *finding);
                let (forbidding, noted): (Vec<_>, Vec<_>) = findings.iter().partition(|told| forbids(told));
                let checks: Vec<_> = noted.iter().map(|finding| finding.check.as_str()).collect();
                assert_eq!(checks, *remarks, "{name}");
                // What forbids is told too.
                assert!(
                    submission.obstacles.iter().all(|known| forbidding.contains(&&known.finding)),
                    "{name}"
                );
                seen.insert(name);
            }
            (Err(finding), None) => assert_eq!(finding.check, "mapping.not-a-document-message", "{name}"),
            (mapped, _) => panic!("{name}: {mapped:?}"),
        }
    }
    assert_eq!(seen.len(), EXPECTED.len());
}

#[test]
fn the_document_of_a_sample_is_a_range_of_the_message_with_the_bytes_of_the_sheet() {
    let Some(root) = root() else { return };
    for (file, length) in [("mdm_t02_cda_n1_v21.er7", 246_117), ("mdm_t10_cda_n1_v21.er7", 246_324)] {
        let bytes = fs::read(root.join("hl7v2").join(file)).unwrap();
        let bodies = MemoryBodies::default();
        bodies.put(bytes.clone());
        let (submission, _) = common::map(&bytes).unwrap();
        let document =
            jonction_ports::Bodies::read(&bodies, &submission.documents[0].content, 1 << 20).unwrap();
        assert_eq!(document.len(), length, "{file}");
        let header = jonction_cda::Header::read(&document, &jonction_cda::Limits::default()).unwrap();
        let pdf =
            jonction_cda::body::embedded(&document, &header.kind, &jonction_cda::Limits::default()).unwrap();
        assert_eq!(pdf.len(), 179_764, "{file}");
    }
}

#[test]
fn the_check_step_never_stops_and_finds_the_other_patient_in_both_modes() {
    let Some(root) = root() else { return };
    for mode in [Mode::Tolerant, Mode::Strict] {
        let step = VoletCheck::new(VoletSettings::default(), mode);
        for (name, bytes) in messages(&root) {
            let bodies = MemoryBodies::default();
            let mut flow = common::flow(&bodies, &bytes);
            step.run(&mut flow, &bodies).unwrap();
            assert!(flow.shapes.is_empty());
            let other = flow
                .findings
                .iter()
                .filter(|finding| finding.check == "hl7v2/H067" && finding.severity == Severity::Error);
            let expected = if name.ends_with("oru_rplc_n1_n3_cda_v21.er7") { 2 } else { 0 };
            assert_eq!(other.count(), expected, "{name} {mode:?}");
        }
    }
}
