//! Value sets of the French profile, as compact static tables, and look-ups.
//! In: a code. Out: its row. Sources: NOS value sets as published by the ANS, dmp-xds.md §7.

mod documents;
mod roles;
mod settings;
mod specialties;
mod types;

use jonction_model::CodedValue;

pub use documents::{CLASSES, CONFIDENTIALITIES, FORMATS, REFERENCE_TYPES};
pub use roles::SUBJECT_ROLES;
pub use settings::{CONTENT_TYPES, FACILITY_TYPES, PRACTICE_SETTINGS};
pub use specialties::AUTHOR_SPECIALTIES;
pub use types::{CISIS_ONLY_TYPES, DMP_TYPES};

/// Code, label, OID (or name) of the code system.
pub type Row = (&'static str, &'static str, &'static str);
/// Code, label, code system, classCode by ASS_X16 (empty: none).
pub type TypeRow = (&'static str, &'static str, &'static str, &'static str);

/// OID of the LOINC code system.
pub const LOINC: &str = "2.16.840.1.113883.6.1";
/// OID of the French visibility codes.
pub const VISIBILITY_SYSTEM: &str = "1.2.250.1.213.1.1.4.13";
/// OID of the HL7 confidentiality codes.
pub const CONFIDENTIALITY_SYSTEM: &str = "2.16.840.1.113883.5.25";
/// OID of TRE_A00: authors who are not health professionals, `AUTOMATE` among them.
pub const NON_PROFESSIONAL_SYSTEM: &str = "1.2.250.1.213.1.1.4.6";

/// The row of a code, whatever its system.
pub fn find(table: &[Row], code: &str) -> Option<Row> {
    table.iter().find(|row| row.0 == code).copied()
}

/// The row of a code in its system: some codes exist in two systems of one table.
pub fn find_in_system(table: &[Row], code: &str, system: &str) -> Option<Row> {
    table.iter().find(|row| row.0 == code && row.2 == system).copied()
}

/// The row of a typeCode in JDV_J66.
pub fn dmp_type(code: &str) -> Option<TypeRow> {
    DMP_TYPES.iter().find(|row| row.0 == code).copied()
}

/// The row of a typeCode in JDV_J66 or else in JDV_J07.
pub fn any_type(code: &str) -> Option<Row> {
    dmp_type(code)
        .map(|(code, label, system, _)| (code, label, system))
        .or_else(|| find(CISIS_ONLY_TYPES, code))
}

/// A row as a value of the model.
pub fn coded((code, label, system): Row) -> CodedValue {
    CodedValue { code: code.to_owned(), system: system.to_owned(), label: label.to_owned() }
}

/// Whether two labels differ by case, accents and blanks only: what the field does, and a mere remark (DE-08).
pub fn same_label_loosely(a: &str, b: &str) -> bool {
    fold(a) == fold(b)
}

fn fold(text: &str) -> String {
    text.chars()
        .flat_map(char::to_lowercase)
        .filter(|c| !c.is_whitespace())
        .map(|c| match c {
            'à' | 'â' | 'ä' => 'a',
            'é' | 'è' | 'ê' | 'ë' => 'e',
            'î' | 'ï' => 'i',
            'ô' | 'ö' => 'o',
            'ù' | 'û' | 'ü' => 'u',
            'ç' => 'c',
            '\u{2019}' => '\'',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_hold_what_the_publisher_counts() {
        let sizes = [CLASSES.len(), FORMATS.len(), CONFIDENTIALITIES.len(), PRACTICE_SETTINGS.len()];
        assert_eq!(sizes, [12, 61, 6, 12]);
        assert_eq!((DMP_TYPES.len(), DMP_TYPES.len() + CISIS_ONLY_TYPES.len()), (108, 114));
        assert_eq!((AUTHOR_SPECIALTIES.len(), SUBJECT_ROLES.len(), FACILITY_TYPES.len()), (396, 395, 69));
    }

    #[test]
    fn no_table_holds_one_code_twice_in_one_system() {
        for table in [CLASSES, FORMATS, CONFIDENTIALITIES, PRACTICE_SETTINGS, FACILITY_TYPES, CONTENT_TYPES] {
            for (at, row) in table.iter().enumerate() {
                assert!(table[..at].iter().all(|other| (other.0, other.2) != (row.0, row.2)), "{}", row.0);
            }
        }
    }

    #[test]
    fn every_class_of_a_type_is_in_the_class_table_and_six_types_have_none() {
        let without = DMP_TYPES.iter().filter(|row| row.3.is_empty()).count();
        assert_eq!(without, 6);
        for row in DMP_TYPES.iter().filter(|row| !row.3.is_empty()) {
            assert!(find(CLASSES, row.3).is_some(), "{}", row.0);
        }
    }

    #[test]
    fn the_dui_export_is_of_the_ci_sis_and_not_of_the_dmp() {
        assert!(dmp_type("EXPORT_DUI").is_none());
        assert!(any_type("EXPORT_DUI").is_some());
        assert_eq!(dmp_type("85208-7").unwrap().3, "10");
    }

    #[test]
    fn labels_that_differ_by_accents_and_case_are_loosely_the_same() {
        assert!(same_label_loosely("Etablissement privé", "ÉTABLISSEMENT PRIVE"));
        assert!(!same_label_loosely("Normal", "Restreint"));
    }
}
