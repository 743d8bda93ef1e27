//! Checks of what identifies and situates the document: H-01 to H-11, H-20, H-21, H-24.

use jonction_model::{DocumentTime, Oid, Verdicts};

use crate::{facts::Ii, header::Header};

use super::{absent, note, say, shown, soft};

/// Templates of every French CDA. Source: cda.md §2.1.
const FIXED_TEMPLATES: [&str; 2] = ["2.16.840.1.113883.2.8.2.1", "1.2.250.1.213.1.1.1.1"];
/// Template of level 1.
const LEVEL_1_TEMPLATE: &str = "1.3.6.1.4.1.19376.1.2.20";
/// Code system of base confidentiality.
const CONFIDENTIALITY: &str = "2.16.840.1.113883.5.25";

pub(super) fn h01_realm_and_type(header: &Header, v: &mut Verdicts<'_>) {
    let facts = &header.facts;
    match &facts.realm {
        Some(realm) if realm.value == "FR" => {}
        Some(realm) => {
            v.differs(
                realm.place.clone(),
                "realmCode n'est pas celui du profil français",
                "FR",
                shown(&realm.value),
            );
        }
        None => say(v, &absent("/realmCode"), "realmCode est absent", "porter realmCode FR"),
    }
    let sound = |id: &Ii| {
        let extension = id.extension.as_ref().map(|extension| extension.expose().as_str());
        id.root == "2.16.840.1.113883.1.3" && extension == Some("POCD_HD000040")
    };
    match &facts.type_id {
        Some(id) if sound(&id.value) => {}
        Some(id) => {
            let remedy = "écrire root=\"2.16.840.1.113883.1.3\" extension=\"POCD_HD000040\"";
            say(v, &id.place, "typeId n'est pas celui de CDA R2", remedy);
        }
        None => {
            say(v, &absent("/typeId"), "typeId est absent", "porter le typeId de CDA R2");
        }
    }
}

pub(super) fn h02_templates(header: &Header, v: &mut Verdicts<'_>) {
    let templates = &header.facts.templates;
    let has = |root: &str| templates.iter().any(|template| template.value.root == root);
    for root in FIXED_TEMPLATES {
        if !has(root) {
            let finding =
                note(v, &absent("/templateId"), "un templateId du profil manque", "ajouter le templateId");
            finding.expected = Some(root.to_owned());
        }
    }
    let level_1 = header.facts.body.as_ref().is_some_and(|body| body.unstructured);
    if level_1 && !has(LEVEL_1_TEMPLATE) {
        let finding =
            note(v, &absent("/templateId"), "le templateId du niveau 1 manque", "ajouter le templateId");
        finding.expected = Some(LEVEL_1_TEMPLATE.to_owned());
    }
    if level_1 && templates.len() > 3 {
        let place = &templates[3].place;
        say(v, place, "un document de niveau 1 a exactement trois templateId", "ôter les autres templateId");
    }
    if !level_1 && templates.len() < 3 {
        let remedy = "ajouter le templateId du modèle de document";
        say(v, &absent("/templateId"), "aucun modèle de document n'est déclaré", remedy);
    }
}

pub(super) fn h03_id(header: &Header, v: &mut Verdicts<'_>) {
    let Some(id) = &header.facts.id else {
        say(
            v,
            &absent("/id"),
            "le document n'a pas d'identifiant",
            "porter un OID dans ClinicalDocument/id/@root",
        );
        return;
    };
    if Oid::parse(&id.value.root).is_err() {
        let remedy = "écrire un OID complet, de 64 caractères au plus, sans extension";
        say(v, &id.place, "l'identifiant du document n'est pas un OID", remedy);
    }
    if id.value.extension.is_some() {
        // Allowed by the CI-SIS, refused by the DMP.
        soft(note(
            v,
            &id.place,
            "le DMP n'accepte pas d'identifiant avec extension",
            "écrire un OID complet dans @root",
        ));
    }
}

pub(super) fn h05_title(header: &Header, v: &mut Verdicts<'_>) {
    match &header.facts.title_length {
        None => say(v, &absent("/title"), "le titre est absent", "donner un titre au document"),
        Some(title) if title.value == 0 => {
            say(v, &title.place, "le titre est vide", "donner un titre au document");
        }
        Some(title) if title.value > 128 => v.differs(
            title.place.clone(),
            "le titre est trop long",
            "128 caractères au plus",
            format!("{} caractères", title.value),
        ),
        Some(_) => {}
    }
}

pub(super) fn h06_creation(header: &Header, v: &mut Verdicts<'_>) {
    let remedy = "écrire AAAAMMJJhhmmss suivi du décalage (+0100)";
    let Some(time) = &header.facts.effective_time else {
        say(v, &absent("/effectiveTime"), "la date de création est absente", remedy);
        return;
    };
    let digits = time.value.bytes().take_while(u8::is_ascii_digit).count();
    let sound = DocumentTime::parse(&time.value).is_ok_and(|read| read.has_offset()) && digits == 14;
    if !sound || time.value.contains('.') {
        say(v, &time.place, "la date de création n'a pas les secondes et le décalage horaire", remedy);
    }
}

pub(super) fn h07_confidentiality(header: &Header, v: &mut Verdicts<'_>) {
    let Some(code) = &header.facts.confidentiality else {
        say(v, &absent("/confidentialityCode"), "confidentialityCode est absent", "porter N, R ou V");
        return;
    };
    if !matches!(code.value.code.as_str(), "N" | "R" | "V") || code.value.system != CONFIDENTIALITY {
        v.differs(
            code.place.clone(),
            "confidentialityCode n'est pas une confidentialité de base",
            format!("N, R ou V de {CONFIDENTIALITY}"),
            shown(&code.value.code),
        );
    } else if code.value.label.is_empty() {
        say(v, &code.place, "confidentialityCode n'a pas de libellé", "ajouter displayName");
    }
}

pub(super) fn h08_language(header: &Header, v: &mut Verdicts<'_>) {
    match &header.facts.language {
        Some(language) if language.value == "fr-FR" => {}
        Some(language) => v.differs(
            language.place.clone(),
            "la langue n'est pas écrite comme le profil le demande",
            "fr-FR",
            shown(&language.value),
        ),
        None => say(v, &absent("/languageCode"), "languageCode est absent", "porter fr-FR"),
    }
}

pub(super) fn h09_version(header: &Header, v: &mut Verdicts<'_>) {
    let facts = &header.facts;
    if facts.set_id.as_ref().and_then(|id| id.value.document_id()).is_none() {
        let place = facts.set_id.as_ref().map_or_else(|| absent("/setId"), |id| id.place.clone());
        say(v, &place, "setId est absent", "porter un identifiant commun à toutes les versions du document");
    }
    let remedy = "numéroter les versions à partir de 1";
    match &facts.version {
        None => say(v, &absent("/versionNumber"), "versionNumber est absent", remedy),
        Some(version) if header.version.is_none_or(|number| number == 0) => {
            say(v, &version.place, "versionNumber n'est pas un entier à partir de 1", remedy);
        }
        Some(_) => {}
    }
}

pub(super) fn h10_replacement(header: &Header, v: &mut Verdicts<'_>) {
    let replaces = header.facts.related.iter().any(|related| related.type_code == "RPLC");
    if header.version.is_some_and(|version| version > 1) && !replaces {
        let place = header.facts.version.as_ref().map(|version| version.place.clone()).unwrap_or_default();
        let remedy = "ajouter relatedDocument RPLC avec l'identifiant de la version précédente";
        say(v, &place, "une nouvelle version ne dit pas ce qu'elle remplace", remedy);
    }
}

pub(super) fn h11_related(header: &Header, v: &mut Verdicts<'_>) {
    let related = &header.facts.related;
    if let Some(second) = related.get(1) {
        say(v, &second.place, "un seul relatedDocument est admis", "n'en garder qu'un");
    }
    for one in related.iter().take(super::FINDINGS_MAX) {
        if !matches!(one.type_code.as_str(), "RPLC" | "XFRM") {
            v.differs(
                one.place.clone(),
                "typeCode de relatedDocument inconnu",
                "RPLC ou XFRM",
                shown(&one.type_code),
            );
        }
        let parents: Vec<_> = one.parents.iter().filter_map(Ii::document_id).collect();
        if parents.len() != 1 {
            say(
                v,
                &one.place,
                "relatedDocument ne désigne pas un document et un seul",
                "porter un parentDocument/id",
            );
        } else if header.unique_id == parents.first().cloned() {
            say(
                v,
                &one.place,
                "le document se désigne lui-même",
                "donner un nouvel identifiant à chaque version",
            );
        }
    }
}

pub(super) fn h20_event(header: &Header, v: &mut Verdicts<'_>) {
    let events = &header.facts.events;
    let Some(main) = events.first() else {
        say(v, &absent("/documentationOf"), "aucun acte n'est documenté", "porter un documentationOf");
        return;
    };
    if !main.has_low {
        say(v, &main.place, "l'acte principal n'a pas de début", "porter serviceEvent/effectiveTime/low");
    }
    let performing = main.performers.iter().filter(|(_, type_code, _)| type_code == "PRF").count();
    if performing != 1 || main.performers.len() != 1 {
        v.differs(
            main.place.clone(),
            "l'acte principal n'a pas un exécutant et un seul",
            "un performer PRF",
            format!("{} performer, dont {performing} PRF", main.performers.len()),
        );
    }
    let without = events.iter().flat_map(|event| &event.performers).filter(|(.., setting)| !setting);
    for (place, ..) in without.take(super::FINDINGS_MAX) {
        let remedy = "porter representedOrganization/standardIndustryClassCode";
        say(v, place, "un exécutant n'a pas de cadre d'exercice", remedy);
    }
}

pub(super) fn h21_facility(header: &Header, v: &mut Verdicts<'_>) {
    let remedy = "porter componentOf/…/healthCareFacility/code (JDV_J02)";
    match &header.facts.facility {
        None => {
            say(
                v,
                &absent("/componentOf"),
                "le lieu de prise en charge n'a pas de secteur d'activité",
                remedy,
            );
        }
        Some(code) if code.value.null || code.value.code.is_empty() => {
            say(v, &code.place, "le secteur d'activité est vide", remedy);
        }
        Some(code) if code.value.system != "1.2.250.1.71.4.2.4" => v.differs(
            code.place.clone(),
            "le secteur d'activité n'est pas de la terminologie du profil",
            "1.2.250.1.71.4.2.4",
            shown(&code.value.system),
        ),
        Some(_) => {}
    }
}

pub(super) fn h24_consent(header: &Header, v: &mut Verdicts<'_>) {
    let wrong = header.facts.consents.iter().filter(|consent| consent.value != "completed");
    for consent in wrong.take(super::FINDINGS_MAX) {
        v.differs(
            consent.place.clone(),
            "un consentement n'est pas terminé",
            "completed",
            shown(&consent.value),
        );
    }
}
