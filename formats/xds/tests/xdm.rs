//! The archive, written, read by others, read by us, and what must be refused. Source: mssante.md §3.4, §8 n° 13.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests")]

mod common;

use std::io::{Cursor, Write};

use common::*;
use jonction_model::{DocumentSubmission, DocumentUniqueId};
use jonction_xds::{xdm::*, *};
use proptest::prelude::*;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

fn two_documents() -> DocumentSubmission {
    let mut submission = submission();
    submission.documents.push(document());
    submission.documents[1].unique_id = DocumentUniqueId::root("1.2.250.1.999.1.1.8121.1.2");
    submission
}

fn origin() -> Origin {
    Origin {
        structure: "Clinique des Tilleuls".to_owned(),
        software: "Jonction 0.1".to_owned(),
        contact: "dsi@tilleuls.mssante.example".to_owned(),
    }
}

fn archive_of(lot: &Submission) -> Vec<u8> {
    let documents = vec![CDA; lot.entries.len()];
    let (origin, time) = (origin(), submission_time());
    write(&ArchiveRequest { submission: lot, documents: &documents, origin: &origin, time }).unwrap()
}

fn good() -> Vec<u8> {
    archive_of(&build_xdm(&two_documents(), true).0)
}

fn read_default(bytes: &[u8]) -> Result<XdmArchive, XdmError> {
    read(bytes, &Limits::default())
}

/// An archive of these files, in this order.
fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        archive.start_file(*name, options).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn metadata(lot: &Submission) -> Vec<u8> {
    ebrim::write_metadata_xml(lot).into_bytes()
}

/// Metadata of one document, changed, and the document, at these places.
fn archive_at(
    metadata_path: &str,
    document_path: &str,
    change: impl Fn(&mut DocumentEntry),
) -> Result<XdmArchive, XdmError> {
    let (mut lot, _) = build_xdm(&submission(), true);
    change(&mut lot.entries[0]);
    let metadata = metadata(&lot);
    read_default(&zip_of(&[
        ("INDEX.HTM", b"<html/>"),
        ("README.TXT", b"."),
        (metadata_path, &metadata),
        (document_path, CDA),
    ]))
}

fn finding_codes(archive: &XdmArchive) -> Vec<&str> {
    archive.findings.iter().map(|finding| finding.check.as_str()).collect()
}

fn reason(result: Result<XdmArchive, XdmError>) -> RefusedReason {
    match result {
        Err(XdmError::Refused { reason, .. }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn an_archive_comes_back_with_its_lot_and_its_documents() {
    let (lot, _) = build_xdm(&two_documents(), true);
    let archive = read_default(&archive_of(&lot)).unwrap();
    assert_eq!(archive.findings, []);
    assert_eq!(archive.sets.len(), 1);
    assert_eq!(archive.sets[0].submission, lot);
    let documents: Vec<_> =
        archive.documents().map(|(entry, bytes)| (entry.uri.as_deref(), &bytes[..])).collect();
    assert_eq!(documents, [(Some("DOC00001.XML"), CDA), (Some("DOC00002.XML"), CDA)]);
}

#[test]
fn the_same_lot_gives_the_same_bytes() {
    assert_eq!(good(), good());
}

#[test]
fn other_programs_open_the_archive_and_see_the_names_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("IHE_XDM.zip");
    std::fs::write(&path, good()).unwrap();
    if let Some((sound, said)) = run_tool("unzip", &["-t", path.to_str().unwrap()]) {
        assert!(sound && said.contains("No errors detected"), "{said}");
    }
    let script = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\n\
                  for i in z.infolist(): print(i.filename, i.date_time, i.compress_type)\n";
    if let Some((sound, said)) = run_tool("python3", &["-c", script, path.to_str().unwrap()]) {
        let time = "(2026, 1, 31, 10, 15, 0) 8";
        let names = [
            "INDEX.HTM",
            "README.TXT",
            "IHE_XDM/SUBSET01/METADATA.XML",
            "IHE_XDM/SUBSET01/DOC00001.XML",
            "IHE_XDM/SUBSET01/DOC00002.XML",
        ];
        let expected: Vec<_> = names.iter().map(|name| format!("{name} {time}")).collect();
        assert!(sound, "{said}");
        assert_eq!(said.lines().collect::<Vec<_>>(), expected);
    }
}

/// A streamed archive has data descriptors after each file: honest senders make such ones.
#[test]
fn an_archive_streamed_by_another_program_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("streamed.zip");
    let (lot, _) = build_xdm(&submission(), true);
    std::fs::write(directory.path().join("m"), metadata(&lot)).unwrap();
    std::fs::write(directory.path().join("d"), CDA).unwrap();
    let script = "import sys, zipfile, io\n\
                  class S(io.RawIOBase):\n\
                  \x20def __init__(self, f): self.f = f\n\
                  \x20def writable(self): return True\n\
                  \x20def write(self, b): return self.f.write(b)\n\
                  d = sys.argv[1]\n\
                  with open(d + '/streamed.zip', 'wb') as f:\n\
                  \x20z = zipfile.ZipFile(S(f), 'w', zipfile.ZIP_DEFLATED)\n\
                  \x20z.writestr('index.htm', 'x'); z.writestr('Readme.txt', 'x')\n\
                  \x20z.writestr('ihe_xdm/subset01/metadata.xml', open(d + '/m', 'rb').read())\n\
                  \x20z.writestr('ihe_xdm/subset01/Doc00001.xml', open(d + '/d', 'rb').read())\n\
                  \x20z.close()\n";
    if let Some((made, said)) = run_tool("python3", &["-c", script, directory.path().to_str().unwrap()]) {
        assert!(made, "{said}");
        let archive = read_default(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(archive.findings, []);
        assert_eq!(archive.documents().count(), 1);
    }
}

#[test]
fn the_constructed_sample_is_read_whole() {
    let Some(samples) = samples() else { return };
    let directory = samples.join("mssante/constructed");
    let archive = read_default(&std::fs::read(directory.join("IHE_XDM.ZIP")).unwrap()).unwrap();
    assert_eq!(archive.findings, []);
    let (entry, bytes) = archive.documents().next().unwrap();
    assert_eq!(&bytes[..], std::fs::read(directory.join("cda_mini.xml")).unwrap());
    assert_eq!(entry.type_code.as_ref().unwrap().code, "18748-4");
    assert_eq!(entry.service_stop.as_deref(), Some("20230227082827"));

    let file = std::fs::read(directory.join("METADATA.XML")).unwrap();
    let decoded = ebrim::read_submit_objects(&file, &ebrim::Limits::default()).unwrap();
    assert_eq!(decoded.notes, []);
    assert_eq!(decoded.value, archive.sets[0].submission);
    let again = ebrim::read_submit_objects(&metadata(&decoded.value), &ebrim::Limits::default()).unwrap();
    assert_eq!(again.value, decoded.value);
}

#[test]
fn the_index_holds_titles_and_links_only() {
    let mut archive = zip::ZipArchive::new(Cursor::new(good())).unwrap();
    let text = |archive: &mut zip::ZipArchive<_>, name: &str| {
        std::io::read_to_string(archive.by_name(name).unwrap()).unwrap()
    };
    let said = text(&mut archive, "INDEX.HTM") + &text(&mut archive, "README.TXT");
    assert!(said.contains("<a href=\"IHE_XDM/SUBSET01/DOC00002.XML\">CR de t&#233;l&#233;consultation</a>"));
    for datum in ["ESSAI-TROIS", "CAMILLE", "279035121518989", "1234567890121", "19790328", "TILLEUL^"] {
        assert!(!said.contains(datum), "{datum}");
    }
}

#[test]
fn documents_that_are_not_those_described_are_not_written() {
    let (lot, _) = build_xdm(&two_documents(), true);
    let (origin, time) = (origin(), submission_time());
    let write_these = |documents: &[&[u8]]| {
        write(&ArchiveRequest { submission: &lot, documents, origin: &origin, time }).unwrap_err()
    };
    assert_eq!(write_these(&[CDA]), WriteError::Count { documents: 1, entries: 2 });
    assert_eq!(write_these(&[CDA, b"<other/>"]), WriteError::Mismatch { number: 2 });
}

#[test]
fn the_document_is_found_by_directory_then_ihe_xdm_then_root_then_hash() {
    let at = "IHE_XDM/SS000001/METADATA.XML";
    for (path, uri) in [
        ("IHE_XDM/SS000001/DOC00001.XML", "DOC00001.XML"),
        ("IHE_XDM/SS000001/Doc00001.xml", "./DOC00001.xml"),
        ("IHE_XDM/SS000001/DOC00001.XML", "SS000001/DOC00001.XML"),
        ("IHE_XDM/SS000001/DOC00001.XML", "IHE_XDM/SS000001/DOC00001.XML"),
        ("IHE_XDM/SS000001/DOC00001.XML", "C:\\ailleurs.xml"),
    ] {
        let archive = archive_at(at, path, |entry| entry.uri = Some(uri.to_owned())).unwrap();
        assert_eq!(archive.documents().count(), 1, "{uri}");
        assert_eq!(archive.findings, [], "{uri}");
    }
    let lost = archive_at(at, "IHE_XDM/SS000001/AUTRE.XML", |entry| entry.hash = None).unwrap();
    assert_eq!((lost.documents().count(), finding_codes(&lost)), (0, vec!["xdm.document-missing"]));
}

#[test]
fn a_wrong_hash_or_size_is_an_error_that_names_the_slot() {
    let wrong = |change: fn(&mut DocumentEntry)| {
        let archive =
            archive_at("IHE_XDM/SUBSET01/METADATA.XML", "IHE_XDM/SUBSET01/DOC00001.XML", change).unwrap();
        assert_eq!(codes(&archive.findings), ["!xdm.document-altered"]);
        archive.findings[0].place.path.clone()
    };
    assert_eq!(wrong(|entry| entry.hash = Some("0".repeat(40))), "ExtrinsicObject[1]/Slot[@name='hash']");
    assert_eq!(wrong(|entry| entry.size = Some(7)), "ExtrinsicObject[1]/Slot[@name='size']");
}

#[test]
fn slots_and_root_files_that_miss_are_said() {
    let (mut lot, _) = build_xdm(&submission(), true);
    lot.entries[0].size = None;
    let metadata = metadata(&lot);
    let archive = read_default(&zip_of(&[
        ("IHE_XDM/SUBSET01/METADATA.XML", &metadata),
        ("IHE_XDM/SUBSET01/DOC00001.XML", CDA),
    ]))
    .unwrap();
    assert_eq!(
        finding_codes(&archive),
        ["xdm.root-file-missing", "xdm.root-file-missing", "xdm.slot-missing"]
    );
}

#[test]
fn several_sets_are_all_read() {
    let metadata = metadata(&build_xdm(&submission(), true).0);
    let archive = read_default(&zip_of(&[
        ("INDEX.HTM", b"x"),
        ("README.TXT", b"x"),
        ("IHE_XDM/SUBSET01/METADATA.XML", &metadata),
        ("IHE_XDM/SUBSET01/DOC00001.XML", CDA),
        ("IHE_XDM/SUBSET02/METADATA.XML", &metadata),
        ("IHE_XDM/SUBSET02/DOC00001.XML", CDA),
    ]))
    .unwrap();
    assert_eq!((archive.sets.len(), archive.documents().count()), (2, 2));
}

#[test]
fn an_archive_without_readable_metadata_is_refused() {
    let without = zip_of(&[("INDEX.HTM", b"x"), ("IHE_XDM/SUBSET01/DOC00001.XML", CDA)]);
    assert_eq!(read_default(&without), Err(XdmError::NoMetadata));
    let bomb = b"<!DOCTYPE a [<!ENTITY x 'x'>]><a>&x;</a>";
    let error = read_default(&zip_of(&[("IHE_XDM/S/METADATA.XML", bomb)])).unwrap_err();
    assert_eq!(
        (error.code(), error),
        ("xdm.unreadable-metadata", XdmError::Metadata(ebrim::ReadError::Doctype))
    );
    assert_eq!(read_default(b"PK"), Err(XdmError::NotZip));
}

#[test]
fn unsafe_names_are_refused_before_anything_is_unpacked() {
    for name in [
        "../../evil.txt",
        "/etc/x",
        "a/../b",
        "ihe_xdm\\subset01\\metadata.xml",
        "C:x",
        "a//b",
        "./a",
        "a\u{7}b",
    ] {
        let archive = zip_of(&[("IHE_XDM/S/METADATA.XML", b"<x/>"), (name, b"x")]);
        assert_eq!(reason(read_default(&archive)), RefusedReason::UnsafeName, "{name:?}");
    }
    let long = |length: usize| zip_of(&[(&"n".repeat(length), b"x")]);
    assert_eq!(read_default(&long(255)), Err(XdmError::NoMetadata));
    assert_eq!(reason(read_default(&long(256))), RefusedReason::UnsafeName);
}

#[test]
fn two_names_that_differ_by_case_only_are_refused_and_so_are_equal_ones() {
    let archive = zip_of(&[("A.XML", b"x"), ("a.xml", b"y")]);
    assert_eq!(reason(read_default(&archive)), RefusedReason::DuplicateName);

    // The library refuses to write one name twice: the second one is renamed in the bytes.
    let mut bytes = zip_of(&[("A.XML", b"x"), ("B.XML", b"y")]);
    for at in 0..bytes.len() - 5 {
        if &bytes[at..at + 5] == b"B.XML" {
            bytes[at] = b'A';
        }
    }
    assert_eq!(reason(read_default(&bytes)), RefusedReason::DuplicateName);
}

#[test]
fn links_encryption_other_methods_and_nested_archives_are_refused() {
    let mut link = ZipWriter::new(Cursor::new(Vec::new()));
    link.add_symlink("A.XML", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let link = link.finish().unwrap().into_inner();
    assert_eq!(reason(read_default(&link)), RefusedReason::Symlink);

    // General purpose flag (offset 6 locally, 8 centrally) and method (8, 10), set by hand.
    let patched = |local: usize, central: usize, value: u8| {
        let mut bytes = zip_of(&[("A.XML", b"x")]);
        let directory = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        bytes[local] = value;
        bytes[directory + central] = value;
        bytes
    };
    assert_eq!(reason(read_default(&patched(6, 8, 1))), RefusedReason::Encrypted);
    assert_eq!(reason(read_default(&patched(8, 10, 12))), RefusedReason::Method);

    let nested = zip_of(&[("IHE_XDM/S/METADATA.XML", b"<x/>"), ("A.XML", &good())]);
    assert_eq!(reason(read_default(&nested)), RefusedReason::Nested);
}

#[test]
fn local_and_central_headers_must_agree() {
    let mut bytes = zip_of(&[("A.XML", b"x")]);
    let at = bytes.windows(5).position(|window| window == b"A.XML").unwrap();
    bytes[at] = b'Z';
    assert_eq!(reason(read_default(&bytes)), RefusedReason::Inconsistent);
}

#[test]
fn a_damaged_document_is_refused() {
    let mut bytes = good();
    let at = bytes.windows(12).rposition(|window| window == b"DOC00002.XML").unwrap();
    let local = bytes.windows(12).position(|window| window == b"DOC00002.XML").unwrap();
    assert!(local < at);
    bytes[local + 20] ^= 0xff;
    assert_eq!(reason(read_default(&bytes)), RefusedReason::Damaged);
}

#[test]
fn each_limit_lets_its_value_through_and_not_one_more() {
    let archive = good();
    let unpacked: u64 = {
        let mut zip = zip::ZipArchive::new(Cursor::new(&archive)).unwrap();
        (0..zip.len()).map(|at| zip.by_index(at).unwrap().size()).sum()
    };
    let with = |change: &dyn Fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        read(&archive, &limits).err()
    };
    let over = |limit| Some(XdmError::OverLimit { limit });
    let length = archive.len();
    assert_eq!(with(&|limits| limits.archive_bytes_max = length), None);
    assert_eq!(with(&|limits| limits.archive_bytes_max = length - 1), over("archive_bytes_max"));
    assert_eq!(with(&|limits| limits.files_max = 5), None);
    assert_eq!(with(&|limits| limits.files_max = 4), over("files_max"));
    assert_eq!(with(&|limits| limits.unpacked_bytes_max = unpacked), None);
    assert_eq!(with(&|limits| limits.unpacked_bytes_max = unpacked - 1), over("unpacked_bytes_max"));
}

#[test]
fn a_bomb_stops_at_its_ratio_whatever_it_declares() {
    let zeros = vec![0; 8 << 20];
    let bomb = zip_of(&[("IHE_XDM/S/METADATA.XML", &zeros)]);
    assert_eq!(read_default(&bomb), Err(XdmError::OverLimit { limit: "ratio_max" }));
    let blanks = zip_of(&[("A", &zeros[..64 << 10]), ("B", b"x")]);
    assert_eq!(read_default(&blanks), Err(XdmError::NoMetadata));
    let more = zip_of(&[("A", &zeros[..(64 << 10) + 1])]);
    assert_eq!(read_default(&more), Err(XdmError::OverLimit { limit: "ratio_max" }));
}

#[test]
fn an_archive_cut_anywhere_is_refused_without_panic() {
    let bytes = good();
    for end in 0..bytes.len() {
        assert!(read_default(&bytes[..end]).is_err(), "{end}");
    }
}

#[test]
fn the_edge_mails_of_the_samples_are_judged() {
    let Some(samples) = samples() else { return };
    let zip_in = |name: &str| {
        let mail = std::fs::read_to_string(samples.join("mssante/constructed/eml").join(name)).unwrap();
        let start = mail.find("UEsDB").unwrap();
        let text: String = mail[start..].split("\n--").next().unwrap().split_whitespace().collect();
        let script = "import sys, base64; sys.stdout.write(base64.b64decode(sys.argv[1]).hex())";
        let (_, hex) = run_tool("python3", &["-c", script, &text])?;
        let bytes = (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap());
        Some(bytes.collect::<Vec<_>>())
    };
    if let Some(archive) = zip_in("33_edge_zip_slip.eml") {
        assert_eq!(reason(read_default(&archive)), RefusedReason::UnsafeName);
    }
    if let Some(archive) = zip_in("34_edge_lowercase_backslash.eml") {
        assert_eq!(reason(read_default(&archive)), RefusedReason::UnsafeName);
    }
    if let Some(archive) = zip_in("35_edge_no_metadata.eml") {
        assert_eq!(read_default(&archive), Err(XdmError::NoMetadata));
    }
    if let Some(archive) = zip_in("32_edge_bad_hash.eml") {
        assert_eq!(codes(&read_default(&archive).unwrap().findings), ["!xdm.document-altered"]);
    }
    if let Some(archive) = zip_in("30_edge_no_content_disposition.eml") {
        assert_eq!(read_default(&archive).unwrap().findings, []);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_damage_is_judged_without_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = good();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read_default(&bytes);
    }

    #[test]
    fn any_bytes_are_judged_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_default(&bytes);
    }
}
