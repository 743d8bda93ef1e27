//! The official samples: every form of line end parses the same, and admission answers what the sheet says.
//! Read through `JONCTION_SAMPLES` only; nothing of them is copied here. Source: hl7v2.md §2.17 and §7.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "test code; a skip must be visible")]

use std::path::PathBuf;

use bytes::Bytes;
use jonction_hl7v2::{
    AckCode, Limits, Message, Note, Presence, Profile, admission, parse_ack, profiles,
    zam::{self, ZamEvent},
};
use jonction_model::{Mode, Verdict, run_checks};

fn samples() -> Option<PathBuf> {
    let Some(root) = std::env::var_os("JONCTION_SAMPLES") else {
        jonction_testkit::skipped("JONCTION_SAMPLES is not set");
        return None;
    };
    Some(PathBuf::from(root).join("hl7v2"))
}

/// What a file must give.
struct Expected {
    file: &'static str,
    segments: usize,
    charset: &'static str,
    /// U+02DC as repetition separator.
    repaired: bool,
    /// Blank lines at the end.
    blank_lines: usize,
    terminated: bool,
    /// ERR-3 codes of the refusal; empty when admitted; `None` when admission does not concern it.
    admission: Option<&'static [&'static str]>,
}

const fn row(
    file: &'static str,
    segments: usize,
    charset: &'static str,
    admission: Option<&'static [&'static str]>,
) -> Expected {
    Expected { file, segments, charset, repaired: false, blank_lines: 0, terminated: true, admission }
}

#[rustfmt::skip]
const EXPECTED: &[Expected] = &[
    row("ack_r01_8859-15_v21.er7", 2, "ISO-8859-15", None),
    row("ack_r01_v12.er7", 2, "UTF-8", None),
    row("ack_t10_v21.er7", 2, "UTF-8", None),
    Expected { blank_lines: 2, ..row("adt_a01_dmp_consent_ok.er7", 11, "UTF-8", None) },
    row("adt_a01_dmp_not_collected.er7", 11, "UTF-8", None),
    row("adt_a01_dmp_opposition.er7", 11, "UTF-8", None),
    row("adt_a01_sgl_admission_pam211.er7", 6, "UTF-8", None),
    Expected { terminated: false, ..row("adt_a03_sgl_sortie_pam211.er7", 5, "UTF-8", None) },
    row("mdm_lps_t02_short_v11.er7", 16, "UTF-8", Some(&[])),
    row("mdm_lps_t04_cda_v11.er7", 16, "UTF-8", Some(&[])),
    row("mdm_t02_cda_n1_v21.er7", 21, "UTF-8", Some(&[])),
    row("mdm_t02_short_v21.er7", 21, "UTF-8", Some(&[])),
    // Edition 1.2: refused, whatever else it holds.
    row("mdm_t02_v12.er7", 18, "UTF-8", Some(&["207"])),
    row("mdm_t10_cda_n1_v21.er7", 21, "UTF-8", Some(&[])),
    row("mdm_t10_short_v20.er7", 19, "UTF-8", Some(&[])),
    Expected { repaired: true, ..row("oru_del_n1_n3_short_v20.er7", 22, "UTF-8", Some(&[])) },
    row("oru_init_cda_n3_v21.hl7", 21, "UTF-8", Some(&[])),
    row("oru_init_n1_n3_short_v21.hl7", 22, "UTF-8", Some(&[])),
    // Its faults are in the documents: admission by the message alone lets it through.
    row("oru_rplc_n1_n3_cda_v21.er7", 22, "UTF-8", Some(&[])),
    row("oru_v12.er7", 18, "UTF-8", Some(&["207"])),
    row("zam_z01_dmp_nok_v21.er7", 4, "UTF-8", None),
    row("zam_z01_dmp_v20.er7", 4, "UTF-8", None),
    row("zam_z02_mss_ok_v21.er7", 4, "UTF-8", None),
    row("zam_z03_read_ok_v21.er7", 4, "UTF-8", None),
];

/// Everything that can be read of a message, without its positions.
fn content(message: &Message) -> Vec<Vec<String>> {
    let leaf = |value: jonction_hl7v2::Value<'_>| format!("{:?} {}", value.presence(), value.text());
    message
        .segments()
        .map(|segment| {
            let fields = segment.fields().flat_map(|field| field.repetitions().collect::<Vec<_>>());
            let leaves = fields.flat_map(|repetition| {
                let components = repetition.components().flat_map(|c| c.subcomponents().collect::<Vec<_>>());
                components.collect::<Vec<_>>()
            });
            std::iter::once(segment.id().to_owned()).chain(leaves.map(leaf)).collect()
        })
        .collect()
}

fn parse(raw: impl Into<Bytes>) -> Message {
    Message::parse(raw.into(), &Limits::default()).unwrap()
}

fn with_line_ends(raw: &[u8], end: &str) -> Vec<u8> {
    let lines: Vec<&[u8]> = raw.split(|&b| b == b'\n').collect();
    lines.join(end.as_bytes())
}

#[test]
fn every_file_of_the_folder_has_a_row() {
    let Some(folder) = samples() else { return };
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".er7") || name.ends_with(".hl7"))
        .collect();
    files.sort();
    let mut rows: Vec<&str> = EXPECTED.iter().map(|row| row.file).collect();
    rows.sort_unstable();
    assert_eq!(files, rows);
}

#[test]
fn samples_parse_identically_in_cr_lf_and_crlf() {
    let Some(folder) = samples() else { return };
    for expected in EXPECTED {
        let raw = std::fs::read(folder.join(expected.file)).unwrap();
        let forms = ["\n", "\r", "\r\n"].map(|end| parse(with_line_ends(&raw, end)));
        let read = content(&forms[0]);
        for form in &forms {
            assert_eq!(content(form), read, "{}", expected.file);
            assert_eq!(form.segments().len(), expected.segments, "{}", expected.file);
            assert_eq!(form.charset().used(), expected.charset, "{}", expected.file);
            assert_eq!(form.charset().finding(), None, "{}", expected.file);
            let has = |note: Note| form.notes().contains(&note);
            assert_eq!(has(Note::RepairedDelimiter), expected.repaired, "{}", expected.file);
            assert_eq!(!has(Note::LastSegmentUnterminated), expected.terminated, "{}", expected.file);
            let blank = has(Note::BlankLines { count: expected.blank_lines });
            assert_eq!(blank, expected.blank_lines > 0, "{} {:?}", expected.file, form.notes());
        }
        assert!(
            forms[0].notes().iter().any(|n| matches!(n, Note::LineEnds { crlf: 0, .. })),
            "{}",
            expected.file
        );
        assert!(!forms[1].notes().iter().any(|n| matches!(n, Note::LineEnds { .. })), "{}", expected.file);
        assert!(
            forms[2].notes().iter().any(|n| matches!(n, Note::LineEnds { lf: 0, .. })),
            "{}",
            expected.file
        );
    }
}

#[test]
fn samples_are_admitted_or_refused_as_the_sheet_says() {
    let Some(folder) = samples() else { return };
    for expected in EXPECTED {
        let Some(codes) = expected.admission else { continue };
        let message = parse(std::fs::read(folder.join(expected.file)).unwrap());
        let refusals = admission::refusals(&message, Profile::of(&message));
        let found: Vec<_> = refusals.iter().map(|finding| finding.wire_code.clone().unwrap()).collect();
        assert_eq!(found, codes, "{}: {refusals:#?}", expected.file);
    }
}

#[test]
fn the_range_of_a_document_is_its_base64_and_nothing_else() {
    let Some(folder) = samples() else { return };
    let raw = Bytes::from(std::fs::read(folder.join("mdm_t02_cda_n1_v21.er7")).unwrap());
    let message = parse(raw.clone());
    let document = message.observations().into_iter().find(|o| o.is_document()).unwrap();
    let content = document.obx.field(5).component(5);
    assert_eq!(content.presence(), Presence::Valued);
    let base64 = &raw[content.span()];
    assert!(base64.len() > 300_000 && base64.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b)));
    assert_eq!(raw[content.span().start - 1], b'^');
    assert_eq!(raw[content.span().end], b'|');
}

#[test]
fn a_no_break_space_behind_an_identifier_is_trimmed() {
    let Some(folder) = samples() else { return };
    let message = parse(std::fs::read(folder.join("mdm_t02_cda_n1_v21.er7")).unwrap());
    let ids: Vec<_> = message.segments_of("PRT").map(|prt| prt.field(8).component(10)).collect();
    assert!(
        ids.iter()
            .any(|id| id.text().ends_with('\u{a0}') && id.trimmed().bytes().all(|b| b.is_ascii_digit()))
    );
}

/// Remarks that the sheet lists by hand for some files (hl7v2.md §2.17 and §7).
#[test]
fn samples_get_the_remarks_of_the_sheet() {
    let Some(folder) = samples() else { return };
    for (file, told, untold) in [
        (
            "mdm_t02_cda_n1_v21.er7",
            &["H005", "H032", "H059", "H079", "H085", "H086", "H090"][..],
            &["H051", "H065", "H072"][..],
        ),
        ("mdm_t10_cda_n1_v21.er7", &["H079", "H059"], &["H051", "H061", "H082"]),
        ("oru_init_cda_n3_v21.hl7", &["H087", "H093"], &["H051", "H069", "H071", "H072"]),
        ("oru_rplc_n1_n3_cda_v21.er7", &["H093"], &["H051", "H079", "H087"]),
        ("oru_del_n1_n3_short_v20.er7", &["H003", "H023", "H075"], &["H065"]),
        ("oru_v12.er7", &["H023", "H033", "H077"], &["H071"]),
        ("zam_z01_dmp_nok_v21.er7", &["H101"], &["H097", "H099"]),
        ("zam_z02_mss_ok_v21.er7", &["H005"], &["H097", "H099", "H100"]),
        ("ack_t10_v21.er7", &["H005"], &["H102", "H104"]),
        ("mdm_lps_t02_short_v11.er7", &["H085"], &["H024", "H050", "H095", "H096", "H023"]),
    ] {
        let message = parse(std::fs::read(folder.join(file)).unwrap());
        let findings = run_checks(profiles::for_message(&message), &message, Mode::Strict);
        let says = |id: &str| findings.iter().any(|finding| finding.check.ends_with(id));
        for id in told {
            assert!(says(id), "{file}: {id} is missing");
        }
        for id in untold {
            assert!(!says(id), "{file}: {id} in {findings:#?}");
        }
    }
}

#[test]
fn official_acknowledgements_and_reports_are_read() {
    let Some(folder) = samples() else { return };
    let read = |file: &str| parse(std::fs::read(folder.join(file)).unwrap());
    for file in ["ack_r01_8859-15_v21.er7", "ack_r01_v12.er7", "ack_t10_v21.er7"] {
        let ack = parse_ack(&read(file)).unwrap();
        assert_eq!((ack.code, ack.control_id.as_str()), (AckCode::AA, "015"), "{file}");
    }
    for (file, event, positive) in [
        ("zam_z01_dmp_nok_v21.er7", ZamEvent::Z01, false),
        ("zam_z01_dmp_v20.er7", ZamEvent::Z01, false),
        ("zam_z02_mss_ok_v21.er7", ZamEvent::Z02, true),
        ("zam_z03_read_ok_v21.er7", ZamEvent::Z03, true),
    ] {
        let zam = zam::read(&read(file)).unwrap();
        assert_eq!((zam.event, zam.verdict == Verdict::Positive), (event, positive), "{file}");
        assert_eq!(
            (zam.request_control_id.as_str(), zam.recipient.is_some()),
            ("015", event != ZamEvent::Z01),
            "{file}"
        );
    }
}
