//! Checks of the codes of an entry against their value sets. In: a received lot. Out: findings.
//! Source: dmp-xds.md §10, §7.5 to §7.7.

use std::collections::HashSet;

use jonction_model::{CodedValue, Place, Severity, Verdicts};

use super::Received;
use crate::{
    metadata::DocumentEntry,
    tables::{self, Row},
};

fn classification(place: &str, name: &str) -> Place {
    Place::path(format!("{place}/Classification[{name}]"))
}

fn in_set(table: &[Row], code: &CodedValue) -> bool {
    tables::find_in_system(table, &code.code, &code.system).is_some()
}

pub(super) fn de_03(received: &Received, verdicts: &mut Verdicts<'_>) {
    for (entry, place) in received.documents() {
        let Some(code) = &entry.type_code else { continue };
        let at = || classification(&place, "typeCode");
        match tables::dmp_type(&code.code) {
            None => {
                verdicts.add(at(), "ce type de document n'est pas admis dans le DMP (JDV_J66)");
            }
            Some(row) if row.2 != code.system => {
                verdicts.add(at(), "typeCode n'a pas le système de codage publié").expected =
                    Some(row.2.to_owned());
            }
            Some(_) => {}
        }
    }
}

pub(super) fn de_04(received: &Received, verdicts: &mut Verdicts<'_>) {
    for (entry, place) in received.documents() {
        let Some(class) = &entry.class_code else { continue };
        let at = || classification(&place, "classCode");
        if !in_set(tables::CLASSES, class) {
            verdicts.add(at(), "classCode n'est pas dans JDV_J57");
            continue;
        }
        let published =
            entry.type_code.as_ref().and_then(|code| tables::dmp_type(&code.code)).map(|row| row.3);
        if let Some(expected) = published.filter(|expected| !expected.is_empty() && *expected != class.code) {
            verdicts.differs(at(), "classCode n'est pas celui du typeCode", expected, class.code.as_str());
        }
    }
}

pub(super) fn de_05(received: &Received, verdicts: &mut Verdicts<'_>) {
    const PDF: &str = "urn:ihe:iti:xds-sd:pdf:2008";
    for (entry, place) in received.documents() {
        let Some(format) = &entry.format_code else { continue };
        let at = || classification(&place, "formatCode");
        if !in_set(tables::FORMATS, format) {
            verdicts.add(at(), "formatCode n'est pas dans JDV_J60");
            continue;
        }
        let media_type = received.cda(entry).and_then(|cda| cda.media_type.as_deref());
        if media_type == Some("application/pdf") && format.code != PDF {
            verdicts.differs(at(), "le corps du document est un PDF", PDF, format.code.as_str());
        }
    }
}

pub(super) fn de_06(received: &Received, verdicts: &mut Verdicts<'_>) {
    for (entry, place) in received.documents() {
        let codes = [
            (&entry.facility_type, tables::FACILITY_TYPES, "healthcareFacilityTypeCode"),
            (&entry.practice_setting, tables::PRACTICE_SETTINGS, "practiceSettingCode"),
        ];
        for (code, table, name) in codes {
            if code.as_ref().is_some_and(|code| !in_set(table, code)) {
                verdicts
                    .add(classification(&place, name), format!("{name} n'est pas dans son jeu de valeurs"));
            }
        }
    }
}

pub(super) fn de_07(received: &Received, verdicts: &mut Verdicts<'_>) {
    for (entry, place) in received.documents() {
        let at = || classification(&place, "confidentialityCode");
        let codes = &entry.confidentiality;
        if codes.iter().any(|code| !in_set(tables::CONFIDENTIALITIES, code)) {
            verdicts.add(at(), "confidentialityCode n'est pas dans JDV_J08");
        }
        let bases = codes.iter().filter(|code| code.system == tables::CONFIDENTIALITY_SYSTEM).count();
        if bases != 1 {
            let found = bases.to_string();
            verdicts.differs(at(), "il faut exactement un code parmi N, R et V", "1", found);
        }
        let distinct: HashSet<_> = codes.iter().map(|code| &code.code).collect();
        if distinct.len() < codes.len() {
            verdicts.add(at(), "un même confidentialityCode est donné deux fois");
        }
    }
}

/// Accents and case alone are a mere remark.
pub(super) fn de_08(received: &Received, verdicts: &mut Verdicts<'_>) {
    for (entry, place) in received.documents() {
        for (name, code, published) in published_labels(entry) {
            if code.label == published {
                continue;
            }
            let finding = verdicts.add(classification(&place, name), "le libellé n'est pas celui publié");
            finding.expected = Some(published.to_owned());
            if tables::same_label_loosely(&code.label, published) {
                finding.severity = finding.severity.min(Severity::Warning);
            }
        }
    }
}

/// Codes of an entry that are in their set, with the published label.
fn published_labels(entry: &DocumentEntry) -> Vec<(&'static str, &CodedValue, &'static str)> {
    let type_label = |code: &CodedValue| tables::dmp_type(&code.code).map(|row| row.1);
    let mut labels: Vec<_> =
        entry.type_code.iter().filter_map(|code| Some(("typeCode", code, type_label(code)?))).collect();
    let single = [
        ("classCode", &entry.class_code, tables::CLASSES),
        ("formatCode", &entry.format_code, tables::FORMATS),
        ("healthcareFacilityTypeCode", &entry.facility_type, tables::FACILITY_TYPES),
        ("practiceSettingCode", &entry.practice_setting, tables::PRACTICE_SETTINGS),
    ];
    let single = single.into_iter().filter_map(|(name, code, table)| Some((name, code.as_ref()?, table)));
    let masks =
        entry.confidentiality.iter().map(|code| ("confidentialityCode", code, tables::CONFIDENTIALITIES));
    labels.extend(single.chain(masks).filter_map(|(name, code, table)| {
        Some((name, code, tables::find_in_system(table, &code.code, &code.system)?.1))
    }));
    labels
}

pub(super) fn de_15(received: &Received, verdicts: &mut Verdicts<'_>) {
    for (entry, place) in received.documents() {
        for specialty in entry.authors.iter().flat_map(|author| &author.specialties) {
            if !in_set(tables::AUTHOR_SPECIALTIES, &specialty.to_coded()) {
                let at = super::slot(&format!("{place}/Classification[author]"), "authorSpecialty");
                verdicts.add(at, "authorSpecialty n'est pas dans JDV_J01");
            }
        }
    }
}

pub(super) fn de_20(received: &Received, verdicts: &mut Verdicts<'_>) {
    for (entry, place) in received.documents() {
        for reference in &entry.references {
            if tables::find(tables::REFERENCE_TYPES, reference.kind()).is_none() {
                let at = super::slot(&place, crate::schemes::REFERENCE_ID_LIST);
                verdicts.add(at, "le type de cette référence n'est pas dans JDV_J231");
            }
        }
    }
}
