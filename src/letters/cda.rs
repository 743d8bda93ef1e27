//! CDA R2 of our own, levels 1 and 3, header in the order of cda.md §2.1.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::people::{DOCUMENT_ROOT, Doctor, HOSPITAL, Patient};

/// A document.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) patient: Patient,
    pub(crate) author: Doctor,
    /// Number of this version, unique among our letters: its id is `{DOCUMENT_ROOT}.{number}`.
    pub(crate) number: u32,
    /// Number of the document over its versions.
    pub(crate) set: u32,
    pub(crate) version: u32,
    /// Number of the version it replaces.
    pub(crate) replaces: Option<u32>,
    /// LOINC code and label.
    pub(crate) code: (&'static str, &'static str),
    pub(crate) title: &'static str,
    /// TS with offset.
    pub(crate) written: &'static str,
    /// Whether the patient's INS is in the document.
    pub(crate) with_ins: bool,
}

/// Body of a document.
#[derive(Clone, Debug)]
pub(crate) enum Level {
    /// A PDF.
    One(Vec<u8>),
    /// Sections, and a PDF copy in the last one.
    Three {
        /// Paragraphs of the section.
        paragraphs: Vec<&'static str>,
        /// The copy.
        pdf: Vec<u8>,
    },
}

/// Identifier of the version of that number.
pub(crate) fn document_id(number: u32) -> String {
    format!("{DOCUMENT_ROOT}.{number}")
}

/// Level 1: the PDF is the document.
pub(crate) fn level1(letter: &Letter, pdf: &[u8]) -> String {
    document(letter, &Level::One(pdf.to_vec()))
}

/// Level 3: sections, with a copy of the document as PDF.
pub(crate) fn level3(letter: &Letter, paragraphs: &[&'static str], pdf: &[u8]) -> String {
    document(letter, &Level::Three { paragraphs: paragraphs.to_vec(), pdf: pdf.to_vec() })
}

fn document(letter: &Letter, level: &Level) -> String {
    let (template, body) = match level {
        Level::One(pdf) => (
            "1.3.6.1.4.1.19376.1.2.20".to_owned(),
            format!(
                "  <component>\n    <nonXMLBody>\n      <text mediaType=\"application/pdf\" representation=\"B64\">{}</text>\n    \
                 </nonXMLBody>\n  </component>\n",
                STANDARD.encode(pdf)
            ),
        ),
        Level::Three { paragraphs, pdf } => ("1.2.250.1.213.1.1.1.29".to_owned(), sections(paragraphs, pdf)),
    };
    let Letter { code: (code, label), title, written, version, .. } = letter;
    let (id, set) = (document_id(letter.number), document_id(letter.set));
    let related = letter.replaces.map_or_else(String::new, |number| {
        format!(
            "  <relatedDocument typeCode=\"RPLC\">\n    <parentDocument>\n      <id root=\"{}\"/>\n    </parentDocument>\n  \
             </relatedDocument>\n",
            document_id(number)
        )
    });
    let (name, finess) = HOSPITAL;
    let patient = record_target(letter);
    let who = person(&letter.author);
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
  <realmCode code="FR"/>
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <templateId root="2.16.840.1.113883.2.8.2.1"/>
  <templateId root="1.2.250.1.213.1.1.1.1"/>
  <templateId root="{template}"/>
  <id root="{id}"/>
  <code code="{code}" displayName="{label}" codeSystem="2.16.840.1.113883.6.1"/>
  <title>{title}</title>
  <effectiveTime value="{written}"/>
  <confidentialityCode code="N" displayName="Normal" codeSystem="2.16.840.1.113883.5.25"/>
  <languageCode code="fr-FR"/>
  <setId root="{set}"/>
  <versionNumber value="{version}"/>
{patient}  <author>
    <time value="{written}"/>
    <assignedAuthor>
      {who}
      <representedOrganization>
        <id root="1.2.250.1.71.4.2.2" extension="1{finess}"/>
        <name>{name}</name>
      </representedOrganization>
    </assignedAuthor>
  </author>
  <custodian>
    <assignedCustodian>
      <representedCustodianOrganization>
        <id root="1.2.250.1.71.4.2.2" extension="1{finess}"/>
        <name>{name}</name>
      </representedCustodianOrganization>
    </assignedCustodian>
  </custodian>
  <legalAuthenticator>
    <time value="{written}"/>
    <signatureCode code="S"/>
    <assignedEntity>
      {who}
    </assignedEntity>
  </legalAuthenticator>
  <documentationOf>
    <serviceEvent>
      <effectiveTime>
        <low value="{written}"/>
      </effectiveTime>
      <performer typeCode="PRF">
        <assignedEntity>
          {who}
          <representedOrganization>
            <id root="1.2.250.1.71.4.2.2" extension="1{finess}"/>
            <name>{name}</name>
            <standardIndustryClassCode code="ETABLISSEMENT" displayName="Etablissement de santé" codeSystem="1.2.250.1.213.1.1.4.9"/>
          </representedOrganization>
        </assignedEntity>
      </performer>
    </serviceEvent>
  </documentationOf>
{related}  <componentOf>
    <encompassingEncounter>
      <code code="IMP" displayName="Hospitalisation" codeSystem="2.16.840.1.113883.5.4"/>
      <effectiveTime>
        <low value="{written}"/>
      </effectiveTime>
      <location>
        <healthCareFacility>
          <code code="SA01" displayName="Etablissement public de santé" codeSystem="1.2.250.1.71.4.2.4"/>
        </healthCareFacility>
      </location>
    </encompassingEncounter>
  </componentOf>
{body}</ClinicalDocument>
"#
    )
}

fn record_target(letter: &Letter) -> String {
    let patient = &letter.patient;
    let ins = if letter.with_ins {
        format!("      <id root=\"1.2.250.1.213.1.4.10\" extension=\"{}\"/>\n", patient.ins())
    } else {
        String::new()
    };
    let Patient { birth_name, given, givens, birth_date, sex, birth_place, ipp, .. } = patient;
    let sex_label = if *sex == "F" { "Féminin" } else { "Masculin" };
    format!(
        r#"  <recordTarget>
    <patientRole>
{ins}      <id root="{DOCUMENT_ROOT}.1" extension="{ipp}"/>
      <addr nullFlavor="NASK"/>
      <telecom nullFlavor="NASK"/>
      <patient>
        <name>
          <family qualifier="BR">{birth_name}</family>
          <given>{givens}</given>
          <given qualifier="BR">{given}</given>
        </name>
        <administrativeGenderCode code="{sex}" displayName="{sex_label}" codeSystem="2.16.840.1.113883.5.1"/>
        <birthTime value="{birth_date}"/>
        <birthplace>
          <place>
            <addr>
              <county>{birth_place}</county>
            </addr>
          </place>
        </birthplace>
      </patient>
    </patientRole>
  </recordTarget>
"#
    )
}

fn person(doctor: &Doctor) -> String {
    let Doctor { rpps, family, given, .. } = doctor;
    format!(
        "<id root=\"1.2.250.1.71.4.2.1\" extension=\"8{rpps}\"/>\n          \
         <code code=\"G15_10/SM26\" displayName=\"Médecin - Qualifié en Médecine Générale (SM)\" codeSystem=\"1.2.250.1.213.1.1.4.5\"/>\n          \
         <assignedPerson>\n            <name>\n              <family>{family}</family>\n              <given>{given}</given>\n            \
         </name>\n          </assignedPerson>"
    )
}

fn sections(paragraphs: &[&str], pdf: &[u8]) -> String {
    let text: String =
        paragraphs.iter().map(|line| format!("            <paragraph>{line}</paragraph>\n")).collect();
    format!(
        r#"  <component>
    <structuredBody>
      <component>
        <section>
          <templateId root="1.2.250.1.213.1.1.2.163"/>
          <code code="42545-4" displayName="Synthèse" codeSystem="2.16.840.1.113883.6.1"/>
          <title>Synthèse</title>
          <text>
{text}          </text>
        </section>
      </component>
      <component>
        <section>
          <templateId root="1.2.250.1.213.1.1.2.243"/>
          <code code="55108-5" displayName="Copie du document" codeSystem="2.16.840.1.113883.6.1"/>
          <title>Copie du document</title>
          <text>Copie du document au format PDF</text>
          <entry>
            <observationMedia classCode="OBS" moodCode="EVN">
              <value mediaType="application/pdf" representation="B64">{}</value>
            </observationMedia>
          </entry>
        </section>
      </component>
    </structuredBody>
  </component>
"#,
        STANDARD.encode(pdf)
    )
}
