//! The checks of cda.md §9 that a header alone decides: profile `cda/header`.
//! In: a header that was read. Out: findings with XPath, line and column, codes only, never a datum of a person.
//! Absent: H-04, H-31, H-32, H-34, which need value sets (`jonction-xds`).

use jonction_model::{
    Check, Finding, Place,
    Severity::{self, Error, Warning},
    Verdicts,
};

use crate::header::Header;

mod document;
mod everywhere;
mod parties;

const fn row(
    id: &'static str,
    requirement: &'static str,
    rule: &'static str,
    strict: Severity,
    run: fn(&Header, &mut Verdicts<'_>),
) -> Check<Header> {
    // What would make a document unusable is no header either: the gateway only notes these.
    Check { id, requirement, rule, strict, tolerant: Warning, wire_code: Some("207"), run }
}

/// Profile `cda/header`, in the order of the sheet.
#[rustfmt::skip]
pub const CHECKS: &[Check<Header>] = &[
    row("cda/H-01", "cda.md §2.1", "realmCode vaut FR, typeId est celui de CDA R2", Error, document::h01_realm_and_type),
    row("cda/H-02", "cda.md §2.1", "les templateId du profil et du modèle sont là", Error, document::h02_templates),
    row("cda/H-03", "cda.md §2.1", "id/@root est un OID de 64 caractères au plus", Error, document::h03_id),
    row("cda/H-05", "cda.md §2.1", "le titre est là, 128 caractères au plus", Error, document::h05_title),
    row("cda/H-06", "cda.md §1.1", "effectiveTime a les secondes et le décalage horaire", Error, document::h06_creation),
    row("cda/H-07", "cda.md §2.1", "confidentialityCode est N, R ou V", Error, document::h07_confidentiality),
    row("cda/H-08", "cda.md §2.1", "languageCode vaut fr-FR", Error, document::h08_language),
    row("cda/H-09", "cda.md §2.1", "setId et versionNumber sont là, versionNumber est un entier à partir de 1", Error, document::h09_version),
    row("cda/H-10", "cda.md §2.10", "une version au-delà de 1 remplace une version", Error, document::h10_replacement),
    row("cda/H-11", "cda.md §2.1", "relatedDocument est RPLC ou XFRM, et désigne un autre document", Error, document::h11_related),
    row("cda/H-12", "cda.md §2.3", "un seul recordTarget ; l'INS d'abord, avec son OID et sa clé", Error, parties::h12_patient_id),
    row("cda/H-13", "cda.md §2.3", "nom de naissance, sexe et date de naissance ont la forme du profil", Error, parties::h13_traits),
    row("cda/H-14", "cda.md §2.3", "avec un INS, les traits d'identité sont complets", Error, parties::h14_traits_with_ins),
    row("cda/H-15", "cda.md §2.4", "au moins un auteur, avec identifiant et date", Error, parties::h15_author),
    row("cda/H-16", "cda.md §2.4", "un auteur est une personne nommée, ou un système avec modèle et logiciel", Error, parties::h16_author_kind),
    row("cda/H-17", "cda.md §2.5", "la structure conservatrice a un identifiant national", Error, parties::h17_custodian),
    row("cda/H-18", "cda.md §2.6", "le responsable a date, signature S et identifiant", Error, parties::h18_legal),
    row("cda/H-19", "cda.md §2.4", "les identifiants de professionnels ont un préfixe et une longueur connus", Error, parties::h19_professionals),
    row("cda/H-20", "cda.md §2.8", "l'acte principal a un début et un exécutant avec son cadre d'exercice", Error, document::h20_event),
    row("cda/H-21", "cda.md §2.9", "le lieu de prise en charge a son secteur d'activité", Error, document::h21_facility),
    row("cda/H-22", "cda.md §2.7", "un participant a un rôle connu et une date", Error, parties::h22_participant),
    row("cda/H-23", "cda.md §2.1", "un informateur est un professionnel ou un proche, pas les deux", Error, parties::h23_informant),
    row("cda/H-24", "cda.md §2.1", "un consentement est completed", Error, document::h24_consent),
    row("cda/H-25", "cda.md §2.2", "nullFlavor seulement où le profil l'admet", Error, everywhere::h25_null_flavor),
    row("cda/H-26", "cda.md §1", "aucune donnée de religion, de race ou d'ethnie", Error, everywhere::h26_forbidden),
    row("cda/H-27", "cda.md §1.1", "root et codeSystem sont des OID", Error, everywhere::h27_oids),
    row("cda/H-28", "cda.md §1.1", "un telecom a un préfixe connu et pas d'espace", Error, everywhere::h28_telecom),
    row("cda/H-29", "cda.md §2.1", "les éléments de l'en-tête sont dans l'ordre du schéma", Error, everywhere::h29_order),
    row("cda/H-30", "cda.md §3.1", "un corps non structuré est un texte B64 d'un type admis, non vide", Error, everywhere::h30_body),
    row("cda/H-33", "cda.md §2.6", "le responsable est un auteur, ou de la même structure", Warning, parties::h33_legal_is_author),
    row("cda/H-35", "cda.md §1", "aucune instruction de traitement autre que xml-stylesheet", Error, everywhere::h35_instructions),
];

/// At most so many findings of one check.
const FINDINGS_MAX: usize = 20;

/// Adds a finding with its remedy.
fn say(v: &mut Verdicts<'_>, place: &Place, sentence: &str, remedy: &str) {
    note(v, place, sentence, remedy);
}

/// The same, to be refined.
fn note<'v>(v: &'v mut Verdicts<'_>, place: &Place, sentence: &str, remedy: &str) -> &'v mut Finding {
    let finding = v.add(place.clone(), sentence);
    finding.remedy = Some(remedy.to_owned());
    finding
}

/// Never graver than a remark.
fn soft(finding: &mut Finding) {
    finding.severity = finding.severity.min(Warning);
}

/// Path of an element that is not there.
fn absent(path: &str) -> Place {
    Place::path(format!("/ClinicalDocument{path}"))
}

/// A code as a finding may show it: short, printable, without blanks.
fn shown(code: &str) -> String {
    let printable = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte));
    match code.chars().count() {
        0 => "rien".to_owned(),
        1..=24 if printable => code.to_owned(),
        length => format!("un texte de {length} caractères"),
    }
}
