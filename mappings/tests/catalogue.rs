//! The catalogue: free of mistakes and of warnings, its cases as expected, and as the native code reads a patient.
//! `UPDATE=1` rewrites the expected files, to be reviewed.

use std::{fs, path::Path};

use bytes::Bytes;
use jonction_hl7v2::Limits;
use jonction_mappings::catalogue::CATALOGUE;
use jonction_settings::Diagnoses;

#[test]
fn every_mapping_of_the_catalogue_is_read_without_a_word() {
    for entry in CATALOGUE {
        let mut diagnoses = Diagnoses::default();
        let mapping = entry.read(&mut diagnoses);
        let told: String = diagnoses.list().iter().map(jonction_settings::Diagnosis::render).collect();
        assert_eq!(told, "", "{}", entry.name);
        assert_eq!(mapping.unwrap().name(), entry.name);
    }
}

#[test]
fn every_folder_of_the_catalogue_has_its_row_readme_and_cases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue");
    let mut folders: Vec<_> =
        fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let mut names: Vec<_> = CATALOGUE.iter().map(|entry| entry.name.to_owned()).collect();
    folders.sort();
    names.sort();
    assert_eq!(folders, names);
    for name in names {
        assert!(root.join(&name).join("README.md").exists(), "{name} has no README");
        assert!(fs::read_dir(root.join(&name).join("cases")).unwrap().count() >= 2, "{name} has no case");
    }
}

#[test]
fn every_case_gives_what_is_expected_and_no_row_is_never_tried() {
    for entry in CATALOGUE {
        let mapping = entry.read(&mut Diagnoses::default()).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue").join(entry.name).join("cases");
        let mut written: Vec<bool> = mapping.rows().map(|_| false).collect();
        for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.extension().is_some_and(|extension| extension == "json") {
                continue;
            }
            let account =
                mapping.account(&Bytes::from(fs::read(&path).unwrap()), &Limits::default()).unwrap();
            written.iter_mut().zip(&account.wrote).for_each(|(known, now)| *known |= now);
            let value = serde_json::json!({ "shapes": account.mapped.shapes, "notes": account.mapped.notes });
            let found = serde_json::to_string_pretty(&value).unwrap() + "\n";
            let expected = path.with_extension("json");
            if std::env::var_os("UPDATE").is_some() {
                fs::write(&expected, &found).unwrap();
            }
            assert_eq!(found, fs::read_to_string(&expected).unwrap_or_default(), "{}", path.display());
        }
        let never: Vec<_> =
            mapping.rows().zip(&written).filter(|(_, written)| !**written).map(|(row, _)| row).collect();
        assert_eq!(never, [], "{}: rows that no case exercises", entry.name);
    }
}
