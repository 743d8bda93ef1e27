//! Editable tables for what a header does not say: what the gateway supposes, and says it supposes.
//! In: configuration. Out: codes. Sources: dmp-xds.md §7.6, §7.7; hl7v2.md §2.3; cda.md §6.2.

use jonction_model::{CodedValue, Sender};

/// Two columns: what is known, the code that follows.
pub type CodeTable = Vec<(String, String)>;

/// What fills the holes. Every use but that of the tables of formats gives a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// languageCode when the document has none.
    pub language: String,
    /// Base confidentiality when the document has none.
    pub confidentiality: String,
    /// PV1-2 → contentTypeCode.
    pub content_type_by_class: CodeTable,
    /// contentTypeCode when PV1-2 says nothing.
    pub content_type: String,
    /// typeCode → classCode, for the codes that ASS_X16 leaves without class. Empty: nobody has published them.
    pub class_by_type: CodeTable,
    /// classCode of anything else in an XDM archive (ASS_X04 was not read: unconfirmed). The DMP refuses instead.
    pub class_in_xdm: String,
    /// Media type of the body of a level 1 → formatCode.
    pub format_by_media_type: CodeTable,
    /// Template root → formatCode; the first row whose root the document claims wins. Stands for ASS_A11, not obtained.
    pub format_by_template: CodeTable,
    /// formatCode of any other document.
    pub format_code: String,
    /// Struct_IdNat of the author's structure → healthcareFacilityTypeCode.
    pub facility_by_structure: CodeTable,
    /// healthcareFacilityTypeCode when nothing else says it; absent: the DMP refuses.
    pub facility_type: Option<String>,
    /// healthcareFacilityTypeCode → practiceSettingCode.
    pub practice_by_facility: CodeTable,
    /// practiceSettingCode when nothing else says it; absent: the DMP refuses.
    pub practice_setting: Option<String>,
    /// Submitter when the message names none; absent: the first author of the first document.
    pub sender: Option<Sender>,
    /// Specialty of the submitter, equal to the role of the VIHF (dmp-xds.md §5.3).
    /// Absent: that of the same person among the authors, `AUTOMATE` for a device.
    pub sender_specialty: Option<CodedValue>,
    /// Name of the slot that says `C` or `D` in an XDM archive. The exact name is unconfirmed (mssante.md §3.6).
    pub action_slot: String,
}

fn table(rows: &[(&str, &str)]) -> CodeTable {
    rows.iter().map(|(known, code)| ((*known).to_owned(), (*code).to_owned())).collect()
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            language: "fr-FR".to_owned(),
            confidentiality: "N".to_owned(),
            content_type_by_class: table(&[("I", "03"), ("O", "07"), ("R", "19"), ("N", "97"), ("E", "07")]),
            content_type: "97".to_owned(),
            class_by_type: Vec::new(),
            class_in_xdm: "10".to_owned(),
            format_by_media_type: table(&[
                ("application/pdf", "urn:ihe:iti:xds-sd:pdf:2008"),
                ("text/plain", "urn:ihe:iti:xds-sd:text:2008"),
                ("text/rtf", "urn:ihe:iti-fr:xds-sd:rtf:2010"),
                ("application/rtf", "urn:ihe:iti-fr:xds-sd:rtf:2010"),
                ("image/jpeg", "urn:ihe:iti-fr:xds-sd:jpeg:2010"),
                ("image/tiff", "urn:ihe:iti-fr:xds-sd:tiff:2010"),
            ]),
            // Home variants of the DLU family share the template of the EHPAD ones: change the row where needed.
            format_by_template: table(&[
                ("1.2.250.1.213.1.1.1.13", "urn:asip:ci-sis:vsm:2012"),
                ("1.2.250.1.213.1.1.1.51", "urn:ihe:pcc:ips:2020"),
                ("2.16.840.1.113883.10.22.1.1", "urn:ihe:pcc:ips:2020"),
                ("1.2.250.1.213.1.1.1.22", "urn:asip:ci-sis:dlu:2015"),
                ("1.2.250.1.213.1.1.1.23", "urn:asip:ci-sis:fludt:2017"),
                ("1.2.250.1.213.1.1.1.24", "urn:asip:ci-sis:fludr:2017"),
                ("1.2.250.1.213.1.1.1.21", "urn:asip:ci-sis:ldl-ees:2017"),
                ("1.2.250.1.213.1.1.1.29", "urn:asip:ci-sis:ldl-ses:2017"),
                ("1.2.250.1.213.1.1.1.20", "urn:asip:ci-sis:pps-paerpa:2017"),
                // The three rows below follow from the labels of JDV_J60, no source prints them: unconfirmed.
                ("1.2.250.1.213.1.1.1.26", "urn:asip:ci-sis:pps-cancer:2017"),
                ("1.2.250.1.213.1.1.1.38", "urn:asip:ci-sis:tlm-da:2020"),
                ("1.3.6.1.4.1.19376.1.3.3", "urn:ihe:lab:xd-lab:2008"),
            ]),
            format_code: "urn:asipSante:modelesHorsProfils:2011".to_owned(),
            facility_by_structure: Vec::new(),
            facility_type: None,
            // The rows of SA57 and SA63 are our reading: unconfirmed (dmp-xds.md §7.7).
            practice_by_facility: table(&[
                ("SA57", "AMBULATOIRE"),
                ("SA63", "AMBULATOIRE"),
                ("SA52", "AMBULATOIRE"),
                ("SA07", "AMBULATOIRE"),
                ("SA08", "AMBULATOIRE"),
                ("SA16", "ESSMS"),
                ("SA17", "ESSMS"),
                ("SA41", "ESSMS"),
                ("SA01", "ETABLISSEMENT"),
            ]),
            practice_setting: None,
            sender: None,
            sender_specialty: None,
            action_slot: "action".to_owned(),
        }
    }
}

/// The second column of the row that starts with `known`.
pub(super) fn follow<'t>(table: &'t CodeTable, known: &str) -> Option<&'t str> {
    table.iter().find(|(first, _)| first == known).map(|(_, code)| code.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables;

    #[test]
    fn every_default_code_is_in_its_value_set() {
        let defaults = Defaults::default();
        for (_, code) in defaults.format_by_media_type.iter().chain(&defaults.format_by_template) {
            assert!(tables::find(tables::FORMATS, code).is_some(), "{code}");
        }
        for (facility, setting) in &defaults.practice_by_facility {
            assert!(tables::find(tables::FACILITY_TYPES, facility).is_some(), "{facility}");
            assert!(tables::find(tables::PRACTICE_SETTINGS, setting).is_some(), "{setting}");
        }
        for (_, code) in &defaults.content_type_by_class {
            assert!(tables::find(tables::CONTENT_TYPES, code).is_some(), "{code}");
        }
        assert!(tables::find(tables::FORMATS, &defaults.format_code).is_some());
        assert!(tables::find(tables::CLASSES, &defaults.class_in_xdm).is_some());
    }
}
