//! classCode, formatCode, confidentialityCode and types of references.
//! In: nothing. Out: a table (code, label, system). Source: JDV_J57 (2023-09-22), J60 (2024-02-23), J08, J231, dmp-xds.md §7.5, §7.6.

use super::Row;

/// JDV_J57: classCode of the DMP.
pub static CLASSES: &[Row] = &[
    ("10", "Compte rendu", "1.2.250.1.213.1.1.4.1"),
    ("11", "Synthèse", "1.2.250.1.213.1.1.4.1"),
    ("31", "Imagerie médicale", "1.2.250.1.213.1.1.4.1"),
    ("42", "Prescription", "1.2.250.1.213.1.1.4.1"),
    ("43", "Dispensation", "1.2.250.1.213.1.1.4.1"),
    ("44", "Plan de soins, protocole de soins", "1.2.250.1.213.1.1.4.1"),
    ("45", "Traitement administré", "1.2.250.1.213.1.1.4.1"),
    ("52", "Certificat, déclaration", "1.2.250.1.213.1.1.4.1"),
    ("60", "Données de remboursement", "1.2.250.1.213.1.1.4.1"),
    ("90", "Autres documents déposés par le patient", "1.2.250.1.213.1.1.4.1"),
    ("95", "Document de gestion", "1.2.250.1.213.1.1.4.1"),
    ("urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1", "Digital Signature", "URN"),
];

/// JDV_J60: formatCode of the DMP.
pub static FORMATS: &[Row] = &[
    (
        "urn:ans:ci-sis:bio-ep-bio:2022",
        "Prescription d'actes de biologie médicale",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    ("urn:ans:ci-sis:img-da:2022", "Demande d'actes d'imagerie", "1.2.250.1.213.1.1.4.2.282"),
    ("urn:asip:ci-sis:aunv:2013", "Fiche d'admission en unité neuro-vasculaire", "1.2.250.1.213.1.1.4.2.282"),
    (
        "urn:asip:ci-sis:avk:2009",
        "Fiche patient à risque en cardiologie - Traitement AVK",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    ("urn:asip:ci-sis:crgm:2018", "Compte rendu de génétique moléculaire", "1.2.250.1.213.1.1.4.2.282"),
    ("urn:asip:ci-sis:crrtn:2013", "Compte-rendu de rétinographie", "1.2.250.1.213.1.1.4.2.282"),
    (
        "urn:asip:ci-sis:cse-cs24:2017",
        "Certificat de santé du 24ème mois de l'enfant",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    (
        "urn:asip:ci-sis:cse-cs8:2017",
        "Certificat de santé du 8ème jour de l'enfant",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    (
        "urn:asip:ci-sis:cse-cs9:2017",
        "Certificat de santé du 9ème mois de l'enfant",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    (
        "urn:asip:ci-sis:d2lm-fidd:2017",
        "Seconde lecture de mammographie - Fiche d'interprétation du bilan de diagnostic différé",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    (
        "urn:asip:ci-sis:d2lm-fin:2017",
        "Seconde lecture de mammographie - Fiche d'interprétation nationale",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    (
        "urn:asip:ci-sis:dci:2009",
        "Fiche patient à risque en cardiologie - Défibrillateur cardiaque interne",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    ("urn:asip:ci-sis:dlu:2015", "Document de liaison d'urgence", "1.2.250.1.213.1.1.4.2.282"),
    ("urn:asip:ci-sis:dlu-dlu-dom:2022", "Document de liaison d'urgence DOM", "1.2.250.1.213.1.1.4.2.282"),
    (
        "urn:asip:ci-sis:dlu-fludr-dom:2022",
        "Fiche de liaison d'urgence - Retour des urgences vers le domicile",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    (
        "urn:asip:ci-sis:dlu-fludt-dom:2022",
        "Fiche de liaison d'urgence - Transfert du domicile vers les urgences",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    ("urn:ans:ci-sis:cse-mde:2023", "Mesures de signes vitaux", "1.2.250.1.213.1.1.4.2.282"),
    (
        "urn:asip:ci-sis:eunv:2013",
        "Fiche d'épisode de soin en unité neuro-vasculaire",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    (
        "urn:asip:ci-sis:fludr:2017",
        "Fiche de liaison d'urgence - Retour des urgences vers l'EHPAD",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    (
        "urn:asip:ci-sis:fludt:2017",
        "Fiche de liaison d'urgence - Transfert de l'EHPAD vers les urgences",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    (
        "urn:asip:ci-sis:frcp:2011",
        "Fiche de réunion de concertation pluridisciplinaire",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    ("urn:asip:ci-sis:hr:2019", "Données de remboursement", "1.2.250.1.213.1.1.4.2.282"),
    (
        "urn:asip:ci-sis:idap:2011",
        "Information et directives anticipées du patient",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    (
        "urn:asip:ci-sis:ldl-ees:2017",
        "Lettre de Liaison à l'entrée d'un établissement de santé",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    (
        "urn:asip:ci-sis:ldl-ses:2017",
        "Lettre de Liaison à la sortie de l'établissement de santé",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    (
        "urn:asip:ci-sis:pavc:2016",
        "Compte-rendu de consultation d'évaluation pluri-professionnelle post AVC",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    (
        "urn:asip:ci-sis:pps-cancer:2017",
        "Programme Personnalisé de Soins - Cancer",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    ("urn:asip:ci-sis:pps-paerpa:2017", "Plan Personnalisé de Santé - PAERPA", "1.2.250.1.213.1.1.4.2.282"),
    (
        "urn:asip:ci-sis:ppv:2009",
        "Fiche patient à risque en cardiologie - Porteur d'une prothèse valvulaire",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    (
        "urn:asip:ci-sis:psc:2009",
        "Fiche patient à risque en cardiologie - Porteur d'un stimulateur cardiaque",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    ("urn:asip:ci-sis:sdm-mr:2017", "Set de Données Minimum - Maladies Rares", "1.2.250.1.213.1.1.4.2.282"),
    ("urn:asip:ci-sis:sunv:2013", "Fiche de sortie d'unité neuro-vasculaire", "1.2.250.1.213.1.1.4.2.282"),
    (
        "urn:asip:ci-sis:tap:2009",
        "Fiche patient à risque en cardiologie - Traitement antiagrégant plaquettaire, stent",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    ("urn:asip:ci-sis:vac:2019", "Historique des vaccinations", "1.2.250.1.213.1.1.4.2.282"),
    ("urn:asip:ci-sis:vsm:2012", "Synthèse médicale", "1.2.250.1.213.1.1.4.2.282"),
    (
        "urn:asipSante:modelesHorsProfils:2011",
        "Document non référencé IHE ou CI-SIS",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    (
        "urn:asip:ci-sis:cr-cpa:2020",
        "Compte rendu de consultation pré-anesthésique",
        "1.2.250.1.213.1.1.4.2.282",
    ),
    ("urn:asip:ci-sis:cr-anest:2020", "Compte rendu d'anesthésie", "1.2.250.1.213.1.1.4.2.282"),
    ("urn:asip:ci-sis:tlm-da:2020", "Demande d'acte de télémédecine", "1.2.250.1.213.1.1.4.2.282"),
    ("urn:asip:ci-sis:vac-note:2021", "Note de vaccination", "1.2.250.1.213.1.1.4.2.282"),
    ("urn:asip:ci-sis:obp-sap:2023", "Synthèse antepartum", "1.2.250.1.213.1.1.4.2.282"),
    ("urn:asip:ci-sis:obp-snm:2023", "Synthèse Salle de Naissance Mère", "1.2.250.1.213.1.1.4.2.282"),
    ("urn:asip:ci-sis:obp-sne:2023", "Synthèse Salle de Naissance Enfant", "1.2.250.1.213.1.1.4.2.282"),
    ("urn:asip:ci-sis:obp-scm:2023", "Synthèse Suites de Couches Mère", "1.2.250.1.213.1.1.4.2.282"),
    ("urn:asip:ci-sis:obp-sem:2023", "Synthèse Enfant en Maternité", "1.2.250.1.213.1.1.4.2.282"),
    ("urn:asip:ci-sis:ppp:2023", "Plan personnalisé de prévention", "1.2.250.1.213.1.1.4.2.282"),
    ("urn:ihe:iti:dsg:detached:2014", "Signature détachée", "1.3.6.1.4.1.19376.1.2.3"),
    ("urn:ihe:iti:xds-sd:pdf:2008", "Document à corps non structuré en Pdf/A-1", "1.3.6.1.4.1.19376.1.2.3"),
    (
        "urn:ihe:iti:xds-sd:text:2008",
        "Document à corps non structuré en texte brut",
        "1.3.6.1.4.1.19376.1.2.3",
    ),
    ("urn:ihe:pharm:dis:2010", "Dispensation médicamenteuse", "1.3.6.1.4.1.19376.1.2.3"),
    (
        "urn:ihe:iti-fr:xds-sd:jpeg:2010",
        "Document à corps non structuré en format jpeg",
        "1.3.6.1.4.1.19376.1.2.3",
    ),
    (
        "urn:ihe:iti-fr:xds-sd:rtf:2010",
        "Document à corps non structuré en format rtf",
        "1.3.6.1.4.1.19376.1.2.3",
    ),
    (
        "urn:ihe:iti-fr:xds-sd:tiff:2010",
        "Document à corps non structuré en format tiff",
        "1.3.6.1.4.1.19376.1.2.3",
    ),
    (
        "urn:ihe:lab:xd-lab:2008",
        "Compte rendu structuré d'examens de biologie médicale",
        "1.3.6.1.4.1.19376.1.2.3",
    ),
    ("urn:ihe:palm:apsr:2016", "CR d'anatomie et de cytologie pathologiques", "1.3.6.1.4.1.19376.1.2.3"),
    ("urn:ihe:pcc:ips:2020", "Synthèse du dossier médical", "1.3.6.1.4.1.19376.1.2.3"),
    ("urn:ihe:pharm:pre:2010", "Prescription de médicaments", "1.3.6.1.4.1.19376.1.2.3"),
    ("urn:ihe:eyecare:geneyeevalcn:2014", "CR de consultation en ophtalmologie", "1.3.6.1.4.1.19376.1.2.3"),
    (
        "urn:ihe:rad:CDA:ImagingReportStructuredHeadings:2013",
        "Compte-rendu d'imagerie médicale",
        "1.3.6.1.4.1.19376.1.2.3",
    ),
    (
        "1.2.840.10008.5.1.4.1.1.88.59",
        "Document Références d'objets d'un examen d'imagerie selon profil IHE RAD XDS-I",
        "1.2.840.10008.2.6.1",
    ),
    ("http://www.w3.org/2000/09/xmldsig#", "Default signature style", "URN"),
];

/// JDV_J08: base codes and visibility codes. JDV_J58, the set of the DMP, was not obtained.
pub static CONFIDENTIALITIES: &[Row] = &[
    ("N", "Normal", "2.16.840.1.113883.5.25"),
    ("R", "Restreint", "2.16.840.1.113883.5.25"),
    ("V", "Très restreint", "2.16.840.1.113883.5.25"),
    ("INVISIBLE_PATIENT", "Non visible par le patient", "1.2.250.1.213.1.1.4.13"),
    (
        "INVISIBLE_REPRESENTANTS_LEGAUX",
        "Non visible par les représentants légaux du patient",
        "1.2.250.1.213.1.1.4.13",
    ),
    ("MASQUE_PS", "Masqué aux professionnels de santé", "1.2.250.1.213.1.1.4.13"),
];

/// JDV_J231: types of references in the DMP.
pub static REFERENCE_TYPES: &[Row] = &[
    ("urn:ihe:iti:xds:2013:accession", "accession", "1.2.250.1.213.1.1.4.347"),
    ("urn:ihe:iti:xds:2013:order", "order", "1.2.250.1.213.1.1.4.347"),
    ("urn:ihe:iti:xds:2016:studyInstanceUID", "studyInstanceUID", "1.2.250.1.213.1.1.4.347"),
];
