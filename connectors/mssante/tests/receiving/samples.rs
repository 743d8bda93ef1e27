//! The mails that the project built for the sheet, when they are at hand; the expectations are ours.

use std::{fs, path::Path};

use jonction_model::{MailKind, Severity};

use super::world::{documents, obstacles, read};

/// File, kind, submissions, worst finding or obstacle (empty: none above a note).
const EXPECTED: &[(&str, MailKind, usize, &str)] = &[
    ("01_init_pro", MailKind::Document, 1, ""),
    ("02_init_patient_fin", MailKind::Document, 1, ""),
    ("03_patient_reply", MailKind::Patient, 0, ""),
    ("10_mdn_processed", MailKind::ReadingNotice, 0, ""),
    ("11_mdn_error_v112_legacy", MailKind::ReadingNotice, 0, ""),
    ("12_mdn_error_v113", MailKind::ReadingNotice, 0, ""),
    ("20_dsn_delivered", MailKind::DeliveryNotice, 0, ""),
    ("21_dsn_failed_550", MailKind::DeliveryNotice, 0, ""),
    ("22_dsn_failed_552", MailKind::DeliveryNotice, 0, ""),
    ("30_edge_no_content_disposition", MailKind::Document, 1, ""),
    ("31_edge_pdf_only", MailKind::DocumentWithoutArchive, 0, "mssante.archive-missing"),
    ("32_edge_bad_hash", MailKind::Document, 1, ""),
    ("33_edge_zip_slip", MailKind::DocumentWithoutArchive, 0, "xdm.unsafe-archive"),
    ("34_edge_lowercase_backslash", MailKind::DocumentWithoutArchive, 0, "xdm.unsafe-archive"),
    ("35_edge_no_metadata", MailKind::DocumentWithoutArchive, 0, "xdm.no-metadata"),
    ("36_edge_subject_latin1_raw", MailKind::Document, 1, ""),
];

#[test]
fn every_sample_mail_is_understood_as_expected() {
    let Some(samples) = std::env::var_os("JONCTION_SAMPLES") else {
        jonction_testkit::skipped("JONCTION_SAMPLES is not set");
        return;
    };
    let samples = Path::new(&samples).join("mssante/constructed/eml");
    for (name, kind, count, worst) in EXPECTED {
        let raw = fs::read(samples.join(format!("{name}.eml"))).unwrap().into();
        let incoming = read(&raw);
        let submissions = incoming.submissions();
        let errors = incoming.findings.iter().filter(|finding| finding.severity == Severity::Error);
        let seen = errors.map(|finding| finding.check.as_str()).next().unwrap_or_default();
        assert_eq!((incoming.kind, submissions.len(), seen), (*kind, *count, *worst), "{name}");
        for submission in &submissions {
            assert_eq!(obstacles(submission), [], "{name}");
            assert_eq!(documents(&raw, submission)[0].len(), 6_435, "{name}");
        }
    }
    let listed = fs::read_dir(&samples).unwrap().count();
    assert_eq!(listed, EXPECTED.len(), "every sample has its row");
}
