//! Files as the Agence publishes them, and as they should not be.

use std::{fs, io::Write as _};

use jonction_model::directory::Record;
use jonction_ports::DirectoryError;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;

#[derive(Default)]
struct Kept(Vec<Record>);

impl Records for Kept {
    fn put(&mut self, record: Record) -> Result<(), DirectoryError> {
        self.0.push(record);
        Ok(())
    }
}

fn text(layout: &Layout, rows: usize) -> String {
    let mut text = layout.columns.join("|") + "|\n";
    for n in 0..rows {
        let mut fields = vec![String::new(); layout.columns.len()];
        (fields[0], fields[1], fields[2]) = ("8".into(), format!("109{n:08}"), format!("8109{n:08}"));
        fields[5] = "10".into();
        fields[7] = "NOM".into();
        fields[9] = "10".into();
        fields[11] = "SM04".into();
        text += &(fields.join("|") + "|\n");
    }
    text
}

fn members() -> Vec<(String, String)> {
    [&PERSONNE_ACTIVITE, &SAVOIR_FAIRE, &DIPLOMES]
        .map(|layout| (format!("{}_202601010830.txt", layout.prefix), text(layout, 3)))
        .to_vec()
}

fn zipped(members: &[(String, String)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, text) in members {
        zip.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn read(bytes: &[u8], limits: ArchiveLimits) -> Result<(usize, Intake), PullError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("PS_LibreAcces_202601010830.zip");
    fs::write(&path, bytes).unwrap();
    let mut kept = Kept::default();
    let mut snapshot = FlatSnapshot::open(Source::Rpps, vec![path], Encoding::Utf8)?.limited(limits);
    let intake = snapshot.read(&mut kept, &mut |_| {})?;
    Ok((kept.0.len(), intake))
}

#[test]
fn an_archive_of_three_files_is_read_whole() {
    let (records, intake) = read(&zipped(&members()), ArchiveLimits::default()).unwrap();
    assert_eq!(records, 9);
    assert_eq!(intake.rows[PERSONNE_ACTIVITE.prefix], 3);
    assert_eq!(intake.sha256.len(), 64);
    assert!(intake.remarks.iter().all(|remark| remark.code == "annuaire.bad-keys"));
}

#[test]
fn an_archive_cut_anywhere_is_refused() {
    let whole = zipped(&members());
    for cut in (0..whole.len()).step_by(97) {
        assert!(read(&whole[..cut], ArchiveLimits::default()).is_err(), "cut at {cut}");
    }
}

#[test]
fn a_byte_changed_inside_a_member_is_refused() {
    let mut bytes = zipped(&members());
    bytes[200] ^= 0xff;
    assert!(read(&bytes, ArchiveLimits::default()).is_err());
}

#[test]
fn archives_that_would_fill_the_disk_or_leave_the_folder_are_refused_before_anything_is_read() {
    let limits = ArchiveLimits { unpacked_bytes_max: 100, ..ArchiveLimits::default() };
    assert_eq!(read(&zipped(&members()), limits).unwrap_err().code, "annuaire.bad-archive");
    let bomb = vec![(format!("{}_1.txt", PERSONNE_ACTIVITE.prefix), "x".repeat(4 << 20))];
    assert_eq!(read(&zipped(&bomb), ArchiveLimits::default()).unwrap_err().code, "annuaire.bad-archive");
    let mut outside = members();
    outside[2].0 = "../PS_LibreAcces_Dipl_AutExerc.txt".into();
    assert_eq!(read(&zipped(&outside), ArchiveLimits::default()).unwrap_err().code, "annuaire.bad-archive");
}

#[test]
fn a_missing_side_file_is_told_a_missing_main_one_is_refused_an_unknown_one_is_left_aside() {
    let (_, intake) = read(&zipped(&members()[..2]), ArchiveLimits::default()).unwrap();
    assert!(intake.remarks.iter().any(|remark| remark.code == "annuaire.missing-file"));
    assert_eq!(
        read(&zipped(&members()[1..]), ArchiveLimits::default()).unwrap_err().code,
        "annuaire.missing-file"
    );
    let mut more = members();
    more.push(("lisez-moi.txt".into(), "bonjour".into()));
    let (_, intake) = read(&zipped(&more), ArchiveLimits::default()).unwrap();
    assert!(intake.remarks.iter().any(|remark| remark.code == "annuaire.unknown-member"));
}

#[test]
fn plain_files_say_the_same_as_their_archive() {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (name, text) in members() {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        paths.push(path);
    }
    let mut kept = Kept::default();
    let mut snapshot = FlatSnapshot::open(Source::Rpps, paths, Encoding::Utf8).unwrap();
    let intake = snapshot.read(&mut kept, &mut |_| {}).unwrap();
    assert_eq!(intake.sha256, read(&zipped(&members()), ArchiveLimits::default()).unwrap().1.sha256);
}

#[test]
fn the_name_dates_the_extraction_in_paris_time() {
    assert_eq!(stamp("PS_LibreAcces_202607010830.zip").unwrap().to_string(), "2026-07-01T06:30:00Z");
    for wrong in
        ["PS_LibreAcces.zip", "PS_LibreAcces_20260701.zip", "X_202613010830.txt", "X_2026é7010830.txt"]
    {
        assert_eq!(stamp(wrong), None, "{wrong}");
    }
}

#[test]
fn the_published_samples_are_read() {
    let Some(samples) = std::env::var_os("JONCTION_SAMPLES").map(PathBuf::from) else {
        jonction_testkit::skipped("JONCTION_SAMPLES is not set: the samples of the flat files are not read");
        return;
    };
    let folder = samples.join("annuaires");
    let rpps = ["Personne_activite", "SavoirFaire", "Dipl_AutExerc"]
        .map(|name| folder.join(format!("rpps/PS_LibreAcces_{name}_202601010830.txt")));
    let mss = folder.join("mss/Extraction_Correspondance_MSSante_202601010830.txt");
    for (source, files, rows) in [(Source::Rpps, rpps.to_vec(), 65), (Source::Mssante, vec![mss], 23)] {
        let mut kept = Kept::default();
        let intake =
            FlatSnapshot::open(source, files, Encoding::Utf8).unwrap().read(&mut kept, &mut |_| {}).unwrap();
        assert_eq!(kept.0.len(), rows, "{source}");
        assert_eq!(intake.remarks, [], "{source}");
    }
}
