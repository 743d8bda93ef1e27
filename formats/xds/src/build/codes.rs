//! Codes of an entry: class, format, confidentiality, places. Header first, tables next, defaults last and said.
//! In: the header's codes. Out: coded attributes, findings. Sources: dmp-xds.md §7.5 to §7.7, cda.md §4.

use jonction_model::{CodedValue, ContentKind, SubmittedDocument, Visibility};

use super::{
    Defaults,
    defaults::follow,
    findings::{Findings, Note},
};
use crate::tables::{self, Row};

/// A code as found, for a finding: short, without blanks; anything else is not repeated.
pub(super) fn shown(code: &str) -> String {
    match code {
        "" => "rien".to_owned(),
        code if code.len() <= 80 && !code.contains(char::is_whitespace) => code.to_owned(),
        _ => "un texte qui n'est pas un code".to_owned(),
    }
}

/// The header's code, completed by the row of its value set.
fn complete(header: &CodedValue, (_, label, system): Row) -> CodedValue {
    let or = |own: &str, published: &str| if own.is_empty() { published.to_owned() } else { own.to_owned() };
    CodedValue {
        code: header.code.clone(),
        system: or(&header.system, system),
        label: or(&header.label, label),
    }
}

/// Says that a known code stands in another system than the published one.
fn check_system(
    header: &CodedValue,
    row: Row,
    code: &'static str,
    place: &str,
    what: &str,
    findings: &mut Findings,
) {
    if !header.system.is_empty() && header.system != row.2 {
        findings.refuse_in_dmp(Note {
            code,
            place: format!("{place}/@codeSystem"),
            sentence: format!("{what} porte un autre système de codage que celui publié"),
            expected: row.2.to_owned(),
            found: shown(&header.system),
            remedy: "corriger codeSystem dans le document",
        });
    }
}

/// typeCode: JDV_J66 for the DMP, JDV_J07 for mails.
pub(super) fn type_code(header: &CodedValue, findings: &mut Findings) -> CodedValue {
    let code = header.code.as_str();
    let in_dmp = tables::dmp_type(code).is_some();
    if !in_dmp {
        findings.refuse_in_dmp(Note {
            code: "xds.type-not-in-dmp",
            place: "/ClinicalDocument/code/@code".to_owned(),
            sentence: "ce type de document n'est pas admis dans le DMP".to_owned(),
            expected: "un code du jeu de valeurs JDV_J66".to_owned(),
            found: shown(code),
            remedy: "choisir un type admis, ou n'envoyer ce document que par MSSanté",
        });
    }
    let Some(row) = tables::any_type(code) else { return header.clone() };
    check_system(header, row, "xds.type-system", "/ClinicalDocument/code", "le type de document", findings);
    if !header.label.is_empty() && header.label != row.1 {
        findings.warn(Note {
            code: "xds.type-label",
            place: "/ClinicalDocument/code/@displayName".to_owned(),
            sentence: "le libellé du type de document n'est pas celui publié".to_owned(),
            expected: row.1.to_owned(),
            found: "un autre libellé".to_owned(),
            remedy: "reprendre le libellé du jeu de valeurs dans le document",
        });
    }
    complete(header, row)
}

/// classCode: ASS_X16, then the configuration; for a mail, a default.
pub(super) fn class_code(
    type_code: &str,
    defaults: &Defaults,
    is_dmp: bool,
    findings: &mut Findings,
) -> Option<CodedValue> {
    let published = tables::dmp_type(type_code).map(|row| row.3).filter(|class| !class.is_empty());
    let code = match published.or_else(|| follow(&defaults.class_by_type, type_code)) {
        Some(code) => code,
        None => {
            findings.refuse_in_dmp(Note {
                code: "xds.class-unknown",
                place: "/ClinicalDocument/code/@code".to_owned(),
                sentence: "aucune classe de document n'est publiée pour ce type".to_owned(),
                expected: "une classe du jeu de valeurs JDV_J57".to_owned(),
                found: shown(type_code),
                remedy: "ajouter ce type à la table class_by_type de la route",
            });
            if is_dmp {
                return None;
            }
            &defaults.class_in_xdm
        }
    };
    let row = tables::find(tables::CLASSES, code);
    if row.is_none() {
        findings.refuse_in_dmp(not_in_set(
            "xds.class-not-in-set",
            "table class_by_type",
            "la classe de document",
            "JDV_J57",
            code,
        ));
    }
    Some(row.map(tables::coded).unwrap_or_else(|| CodedValue {
        code: code.to_owned(),
        system: "1.2.250.1.213.1.1.4.1".to_owned(),
        label: String::new(),
    }))
}

/// formatCode: media type of a level 1, template of a level 3.
pub(super) fn format_code(
    document: &SubmittedDocument,
    defaults: &Defaults,
    findings: &mut Findings,
) -> CodedValue {
    let found = match &document.kind {
        ContentKind::CdaLevel1 { media_type, .. } => {
            let bare = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            follow(&defaults.format_by_media_type, &bare)
        }
        ContentKind::CdaLevel3 { .. } => {
            let claims = |root: &str| document.metadata.templates.iter().any(|(own, _)| own == root);
            defaults.format_by_template.iter().find(|(root, _)| claims(root)).map(|(_, code)| code.as_str())
        }
    };
    let code = found.unwrap_or_else(|| {
        let (place, sentence) = match document.kind {
            ContentKind::CdaLevel1 { .. } => (
                "/ClinicalDocument/component/nonXMLBody/text/@mediaType",
                "aucun formatCode n'est connu pour ce type de contenu : celui par défaut est pris",
            ),
            ContentKind::CdaLevel3 { .. } => (
                "/ClinicalDocument/templateId",
                "aucun formatCode n'est connu pour ce modèle de document : celui par défaut est pris",
            ),
        };
        findings.warn(Note {
            code: "xds.format-supposed",
            place: place.to_owned(),
            sentence: sentence.to_owned(),
            expected: String::new(),
            found: String::new(),
            remedy: "ajouter ce modèle à la table format_by_template de la route",
        });
        &defaults.format_code
    });
    let row = tables::find(tables::FORMATS, code);
    if row.is_none() {
        findings.refuse_in_dmp(not_in_set(
            "xds.format-not-in-set",
            "tables format_by_* de la route",
            "le format",
            "JDV_J60",
            code,
        ));
    }
    row.map(tables::coded).unwrap_or_else(|| CodedValue {
        code: code.to_owned(),
        system: "1.2.250.1.213.1.1.4.2.282".to_owned(),
        label: String::new(),
    })
}

/// Base code of the header, then one code per flag of the message, renamed as XDS names them (dmp-xds.md §7.5).
pub(super) fn confidentiality(
    header: Option<&CodedValue>,
    visibility: Visibility,
    defaults: &Defaults,
    findings: &mut Findings,
) -> Vec<CodedValue> {
    let supposed = CodedValue {
        code: defaults.confidentiality.clone(),
        system: tables::CONFIDENTIALITY_SYSTEM.to_owned(),
        label: String::new(),
    };
    let base = header.filter(|code| !code.code.is_empty()).unwrap_or_else(|| {
        findings.warn(Note {
            code: "xds.confidentiality-supposed",
            place: "/ClinicalDocument/confidentialityCode".to_owned(),
            sentence: "le document ne dit pas sa confidentialité : celle par défaut est prise".to_owned(),
            expected: "N, R ou V".to_owned(),
            found: "rien".to_owned(),
            remedy: "renseigner confidentialityCode dans le document",
        });
        &supposed
    });
    if !matches!(base.code.as_str(), "N" | "R" | "V") {
        findings.refuse_in_dmp(not_in_set(
            "xds.confidentiality-not-in-set",
            "/ClinicalDocument/confidentialityCode/@code",
            "la confidentialité",
            "N, R, V",
            &base.code,
        ));
    }
    let row = tables::find(tables::CONFIDENTIALITIES, &base.code);
    if let Some(row) = row {
        let (code, place) = ("xds.confidentiality-system", "/ClinicalDocument/confidentialityCode");
        check_system(base, row, code, place, "la confidentialité", findings);
    }
    let base = row.map_or_else(|| base.clone(), |row| complete(base, row));
    let flags = [
        (visibility.hidden_from_professionals, "MASQUE_PS"),
        (visibility.hidden_from_patient, "INVISIBLE_PATIENT"),
        (visibility.hidden_from_legal_representatives, "INVISIBLE_REPRESENTANTS_LEGAUX"),
    ];
    let hidden = flags.into_iter().filter(|(set, _)| *set);
    let masks = hidden.filter_map(|(_, code)| tables::find(tables::CONFIDENTIALITIES, code));
    std::iter::once(base).chain(masks.map(tables::coded)).collect()
}

/// healthcareFacilityTypeCode.
pub(super) fn facility_type(
    document: &SubmittedDocument,
    defaults: &Defaults,
    findings: &mut Findings,
) -> Option<CodedValue> {
    let structure =
        document.metadata.authors.iter().find_map(|author| author.organization.as_ref()?.id.as_ref());
    let by_structure = structure.and_then(|id| follow(&defaults.facility_by_structure, id.as_str()));
    place_code(
        document.metadata.facility_type.as_ref(),
        by_structure.or(defaults.facility_type.as_deref()),
        &PlaceCode {
            table: tables::FACILITY_TYPES,
            set: "JDV_J61 (JDV_J02)",
            code: ["xds.facility-supposed", "xds.facility-unknown", "xds.facility-not-in-set"],
            place: "/ClinicalDocument/componentOf/encompassingEncounter/location/healthCareFacility/code",
            what: "le secteur d'activité du lieu de soins",
            remedy: "le renseigner dans le document, ou dans facility_by_structure de la route",
        },
        findings,
    )
}

/// practiceSettingCode.
pub(super) fn practice_setting(
    document: &SubmittedDocument,
    facility: Option<&CodedValue>,
    defaults: &Defaults,
    findings: &mut Findings,
) -> Option<CodedValue> {
    let by_facility = facility.and_then(|code| follow(&defaults.practice_by_facility, &code.code));
    place_code(
        document.metadata.practice_setting.as_ref(),
        by_facility.or(defaults.practice_setting.as_deref()),
        &PlaceCode {
            table: tables::PRACTICE_SETTINGS,
            set: "JDV_J04",
            code: ["xds.practice-supposed", "xds.practice-unknown", "xds.practice-not-in-set"],
            place: "/ClinicalDocument/documentationOf[1]/serviceEvent/performer//standardIndustryClassCode",
            what: "le cadre d'exercice",
            remedy: "le renseigner dans le document, ou dans practice_setting de la route",
        },
        findings,
    )
}

struct PlaceCode {
    table: &'static [Row],
    set: &'static str,
    /// Codes of the findings: supposed, unknown, not in the set.
    code: [&'static str; 3],
    place: &'static str,
    what: &'static str,
    remedy: &'static str,
}

fn place_code(
    header: Option<&CodedValue>,
    supposed: Option<&str>,
    about: &PlaceCode,
    findings: &mut Findings,
) -> Option<CodedValue> {
    let note = |code, sentence: String, expected: String, found: String| Note {
        code,
        place: about.place.to_owned(),
        sentence,
        expected,
        found,
        remedy: about.remedy,
    };
    if let Some(own) = header.filter(|code| !code.code.is_empty()) {
        let Some(row) = tables::find(about.table, &own.code) else {
            findings.refuse_in_dmp(note(
                about.code[2],
                format!("{} n'est pas dans son jeu de valeurs", about.what),
                about.set.to_owned(),
                shown(&own.code),
            ));
            return Some(own.clone());
        };
        check_system(own, row, about.code[2], about.place, about.what, findings);
        return Some(complete(own, row));
    }
    let Some(code) = supposed else {
        findings.refuse_in_dmp(note(
            about.code[1],
            format!("{} manque dans le document et dans la configuration", about.what),
            about.set.to_owned(),
            "rien".to_owned(),
        ));
        return None;
    };
    let row = tables::find(about.table, code);
    let (severity_is_error, sentence) = match row {
        Some(_) => {
            (false, format!("{} manque dans le document : celui de la configuration est pris", about.what))
        }
        None => (true, format!("{} de la configuration n'est pas dans son jeu de valeurs", about.what)),
    };
    let finding_code = about.code[if severity_is_error { 2 } else { 0 }];
    let note = note(finding_code, sentence, about.set.to_owned(), shown(code));
    if severity_is_error {
        findings.refuse_in_dmp(note)
    } else {
        findings.warn(note)
    }
    row.map(tables::coded)
}

fn not_in_set(code: &'static str, place: &str, what: &str, set: &str, found: &str) -> Note {
    Note {
        code,
        place: place.to_owned(),
        sentence: format!("{what} n'est pas dans son jeu de valeurs"),
        expected: set.to_owned(),
        found: shown(found),
        remedy: "corriger le code dans le document ou dans la table de la route",
    }
}
