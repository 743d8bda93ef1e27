//! One document entry. In: one document of the submission. Out: `DocumentEntry`, findings.
//! Sources: cda.md §4, dmp-xds.md §7.2, mssante.md §3.6.

use jonction_model::{
    DocumentTime, Masked, Oid, Operation, SubmittedDocument, Traits, people::PERSON_AUTHORITY,
};

use super::{
    BuildRequest, codes,
    findings::{Findings, Note},
    people, set,
};
use crate::{
    metadata::{Action, Cx, Cxi, DocumentEntry, Slot, Xcn},
    tables,
};

pub(super) fn build_entry(
    request: &BuildRequest<'_>,
    index: usize,
    document: &SubmittedDocument,
    findings: &mut Findings,
) -> DocumentEntry {
    let (header, defaults) = (&document.metadata, request.defaults);
    let is_dmp = request.profile.is_dmp();
    check_unique_id(document, findings);
    check_patient(request, document, findings);
    let type_code = codes::type_code(&header.type_code, findings);
    let facility_type = codes::facility_type(document, defaults, findings);
    let creation_time = header.creation_time.as_ref();
    let start = header.service_start.as_ref();
    let content = request.contents.get(index);
    let authors: Vec<_> = header.authors.iter().map(people::document_author).collect();
    people::judge_document_authors(&authors, findings);
    DocumentEntry {
        unique_id: document.unique_id.to_xds(),
        patient_id: set::patient_id(request, None),
        creation_time: creation_time_dtm(creation_time, findings),
        language: Some(language(&header.language, &defaults.language, findings)),
        service_start: service_start(start, creation_time, findings),
        service_stop: header.service_stop.as_ref().map(|time| to_utc(time, "effectiveTime/high", findings)),
        legal_authenticator: legal_authenticator(document, findings),
        source_patient_id: source_patient_id(request, document, findings),
        source_patient_info: source_patient_info(request, document, findings),
        hash: content.map(|facts| facts.sha1.clone()),
        size: content.map(|facts| facts.size),
        uri: (!is_dmp).then(|| crate::xdm::document_name(index)),
        title: title(&header.title, &type_code.label, findings),
        authors,
        class_code: codes::class_code(&type_code.code, defaults, is_dmp, findings),
        format_code: Some(codes::format_code(document, defaults, findings)),
        confidentiality: codes::confidentiality(
            header.confidentiality.as_ref(),
            request.submission.visibility,
            defaults,
            findings,
        ),
        events: header.events.iter().filter(|event| !event.code.is_empty()).cloned().collect(),
        practice_setting: codes::practice_setting(document, facility_type.as_ref(), defaults, findings),
        facility_type,
        references: references(document, findings),
        extra_slots: if is_dmp { Vec::new() } else { action(request) },
        type_code: Some(type_code),
        ..DocumentEntry::new(request.identifiers.entry_id(index))
    }
}

/// The slot that tells a mail's receiver to replace or delete. Source: mssante.md §3.6, §3.7.
fn action(request: &BuildRequest<'_>) -> Vec<Slot> {
    let action = match request.submission.operation {
        Operation::Submit => return Vec::new(),
        Operation::Replace => Action::Change,
        Operation::Delete => Action::Delete,
    };
    vec![Slot::one(&request.defaults.action_slot, action.letter())]
}

fn check_unique_id(document: &SubmittedDocument, findings: &mut Findings) {
    let place = "/ClinicalDocument/id".to_owned();
    if document.unique_id.extension.is_some() {
        findings.refuse_in_dmp(Note {
            code: "xds.unique-id-extension",
            place: place.clone(),
            sentence: "l'identifiant du document a une extension : le DMP ne prend que la racine".to_owned(),
            expected: "id/@root seul".to_owned(),
            found: "id/@root et id/@extension".to_owned(),
            remedy: "produire le document avec un OID complet dans id/@root",
        });
    }
    if Oid::parse(&document.unique_id.root).is_err() {
        findings.refuse_in_dmp(Note {
            code: "xds.unique-id-form",
            place,
            sentence: "l'identifiant du document n'est pas un OID".to_owned(),
            expected: "un OID de 64 caractères au plus, sans zéro en tête d'arc".to_owned(),
            found: format!("un texte de {} caractères", document.unique_id.root.chars().count()),
            remedy: "produire le document avec un OID dans id/@root",
        });
    }
}

/// A document of another person never leaves under this patient's name (SUB-04).
fn check_patient(request: &BuildRequest<'_>, document: &SubmittedDocument, findings: &mut Findings) {
    let Some(identity) = request.profile.identity() else { return };
    let place = "/ClinicalDocument/recordTarget/patientRole/id".to_owned();
    match &document.subject.ins {
        Some(ins) if ins == identity.ins() => {}
        Some(_) => findings.refuse(Note {
            code: "xds.other-patient",
            place,
            sentence: "l'INS du document n'est pas celui du message".to_owned(),
            expected: "le même INS, dans le même registre".to_owned(),
            found: "un autre".to_owned(),
            remedy: "vérifier l'identité du patient avant tout renvoi",
        }),
        None => findings.refuse_in_dmp(Note {
            code: "xds.document-without-ins",
            place,
            sentence: "le document ne porte pas l'INS du patient".to_owned(),
            expected: "un id dont la racine est un registre INS".to_owned(),
            found: "rien".to_owned(),
            remedy: "produire le document avec l'INS du patient",
        }),
    }
}

/// DTM in UTC. Without offset the time is taken as French legal time, and that is said.
fn to_utc(time: &DocumentTime, place: &str, findings: &mut Findings) -> String {
    if time.has_hour() && !time.has_offset() {
        findings.warn(Note {
            code: "xds.time-without-offset",
            place: place.to_owned(),
            sentence: "l'heure ne dit pas son décalage : elle est lue comme heure légale française"
                .to_owned(),
            expected: "AAAAMMJJhhmmss±ZZzz".to_owned(),
            found: format!("{} caractères sans décalage", time.as_str().len()),
            remedy: "écrire le décalage UTC dans le document",
        });
    }
    time.to_utc_dtm()
}

fn creation_time_dtm(time: Option<&DocumentTime>, findings: &mut Findings) -> Option<String> {
    let place = "/ClinicalDocument/effectiveTime";
    if time.is_none() {
        findings.refuse_in_dmp(missing(
            "xds.no-creation-time",
            place,
            "la date de création du document manque",
            "renseigner effectiveTime dans le document",
        ));
    }
    time.map(|time| to_utc(time, place, findings))
}

fn service_start(
    start: Option<&DocumentTime>,
    creation: Option<&DocumentTime>,
    findings: &mut Findings,
) -> Option<String> {
    let place = "/ClinicalDocument/documentationOf[1]/serviceEvent/effectiveTime/low";
    if let Some(start) = start {
        return Some(to_utc(start, place, findings));
    }
    findings.warn(Note {
        code: "xds.service-start-supposed",
        place: place.to_owned(),
        sentence: "le début de l'acte manque : la date de création du document est prise".to_owned(),
        expected: String::new(),
        found: String::new(),
        remedy: "renseigner effectiveTime/low de l'acte principal dans le document",
    });
    creation.map(DocumentTime::to_utc_dtm)
}

/// `fr-FR`: case matters on the wire, so it is put right.
fn language(header: &str, default: &str, findings: &mut Findings) -> String {
    let place = "/ClinicalDocument/languageCode/@code".to_owned();
    if header.is_empty() || (header != default && header.eq_ignore_ascii_case(default)) {
        findings.warn(Note {
            code: "xds.language-supposed",
            place,
            sentence: "la langue du document manque ou est mal écrite : celle par défaut est prise"
                .to_owned(),
            expected: default.to_owned(),
            found: codes::shown(header),
            remedy: "écrire fr-FR dans languageCode",
        });
        return default.to_owned();
    }
    if header != default {
        findings.refuse_in_dmp(Note {
            code: "xds.language-other",
            place,
            sentence: "la langue du document n'est pas le français de France".to_owned(),
            expected: default.to_owned(),
            found: codes::shown(header),
            remedy: "écrire fr-FR dans languageCode",
        });
    }
    header.to_owned()
}

fn title(header: &str, type_label: &str, findings: &mut Findings) -> Option<Masked<String>> {
    let place = "/ClinicalDocument/title".to_owned();
    let (header, length) = (header.trim(), header.trim().chars().count());
    if length > TITLE_CHARACTERS_MAX {
        findings.refuse_in_dmp(Note {
            code: "xds.title-too-long",
            place: place.clone(),
            sentence: "le titre du document est trop long".to_owned(),
            expected: format!("{TITLE_CHARACTERS_MAX} caractères au plus"),
            found: format!("{length} caractères"),
            remedy: "raccourcir le titre du document",
        });
    }
    if length > 0 {
        return Some(header.into());
    }
    findings.warn(Note {
        code: "xds.title-supposed",
        place,
        sentence: "le document n'a pas de titre : le libellé de son type est pris".to_owned(),
        expected: String::new(),
        found: String::new(),
        remedy: "renseigner title dans le document",
    });
    (!type_label.is_empty()).then(|| type_label.into())
}

/// Longest title, in characters. Source: cda.md §2.1, DE-19.
const TITLE_CHARACTERS_MAX: usize = 128;

fn legal_authenticator(document: &SubmittedDocument, findings: &mut Findings) -> Option<Xcn> {
    let place = "/ClinicalDocument/legalAuthenticator";
    let remedy = "renseigner legalAuthenticator avec l'identifiant national du responsable";
    let Some(person) = &document.metadata.legal_authenticator else {
        findings.refuse_in_dmp(missing(
            "xds.no-legal-authenticator",
            place,
            "le responsable du document manque",
            remedy,
        ));
        return None;
    };
    if person.id.is_none() {
        findings.refuse_in_dmp(Note {
            code: "xds.legal-authenticator-without-id",
            place: format!("{place}/assignedEntity/id"),
            sentence: "le responsable du document n'a pas d'identifiant".to_owned(),
            expected: format!("un id dont la racine est {PERSON_AUTHORITY}"),
            found: "rien".to_owned(),
            remedy,
        });
    }
    Some(Xcn::person(person))
}

/// Local identifier of the document, else of the message, else the INS, which keeps `NH`.
fn source_patient_id(
    request: &BuildRequest<'_>,
    document: &SubmittedDocument,
    findings: &mut Findings,
) -> Option<Cx> {
    let locals = || document.subject.local_ids.iter().filter(|local| !local.authority.is_empty());
    // An INS that is not qualified names nobody: without local identifier nothing is written.
    let ins = request.profile.identity().map(|identity| identity.ins());
    let chosen = locals()
        .next()
        .map(Cx::local)
        .or_else(|| ins.map(Cx::ins))
        .or_else(|| set::patient_id(request, None));
    if chosen.is_none() {
        findings.refuse_in_dmp(missing(
            "xds.no-source-patient-id",
            "/ClinicalDocument/recordTarget/patientRole/id",
            "le document ne porte aucun identifiant du patient",
            "renseigner patientRole/id dans le document",
        ));
    }
    chosen
}

/// `PID-5|NOM^Prénom^^^^^L`, `PID-7|…`, `PID-8|…`: birth name, birth date, sex, of the document, else of the identity.
fn source_patient_info(
    request: &BuildRequest<'_>,
    document: &SubmittedDocument,
    findings: &mut Findings,
) -> Vec<Masked<String>> {
    let message = request.profile.identity().map_or(&request.submission.patient.traits, |i| i.traits());
    let own = &document.subject.traits;
    let pick = |of: fn(&Traits) -> Option<&Masked<String>>| of(own).or_else(|| of(message));
    let name = pick(|traits| traits.birth_name.as_ref());
    let given = pick(|traits| traits.birth_given.as_ref().or(traits.birth_givens.as_ref()));
    if name.is_none() {
        findings.refuse_in_dmp(missing(
            "xds.no-birth-name",
            "/ClinicalDocument/recordTarget/patientRole/patient/name/family[@qualifier='BR']",
            "le nom de naissance du patient manque",
            "renseigner le nom de naissance dans le document",
        ));
    }
    let text =
        |part: Option<&Masked<String>>| part.map(|p| crate::hl7::escape(p.expose())).unwrap_or_default();
    let mut lines = Vec::new();
    if name.is_some() || given.is_some() {
        lines.push(format!("PID-5|{}^{}^^^^^L", text(name), text(given)));
    }
    lines.extend(pick(|traits| traits.birth_date.as_ref()).map(|date| format!("PID-7|{}", date.expose())));
    lines.extend(own.sex.or(message.sex).map(|sex| format!("PID-8|{}", sex.as_hl7())));
    lines.into_iter().map(Masked::new).collect()
}

fn references(document: &SubmittedDocument, findings: &mut Findings) -> Vec<Cxi> {
    for reference in &document.metadata.references {
        if tables::find(tables::REFERENCE_TYPES, &reference.kind).is_none() {
            findings.warn(Note {
                code: "xds.reference-type",
                place: "/ClinicalDocument/inFulfillmentOf/order".to_owned(),
                sentence: "le type de cette référence n'est pas dans son jeu de valeurs".to_owned(),
                expected: "JDV_J231".to_owned(),
                found: codes::shown(&reference.kind),
                remedy: "corriger le type de la référence",
            });
        }
    }
    document.metadata.references.iter().map(Cxi::of).collect()
}

fn missing(code: &'static str, place: &str, sentence: &str, remedy: &'static str) -> Note {
    Note {
        code,
        place: place.to_owned(),
        sentence: sentence.to_owned(),
        expected: "une valeur".to_owned(),
        found: "rien".to_owned(),
        remedy,
    }
}
