//! Checks of the forms of an entry: presence, times, people, patient, bytes. In: a received lot. Out: findings.
//! Source: dmp-xds.md §10, §7.2 to §7.4.

use jonction_model::{
    DocumentTime, Oid, Place, Verdicts,
    people::{PERSON_AUTHORITY, STRUCTURE_AUTHORITY},
};

use super::{Received, place, repeat_notes, slot};
use crate::{
    metadata::{Cx, DocumentEntry, Xcn, Xon},
    schemes::STABLE_DOCUMENT,
};

pub(super) fn de_01(received: &Received, verdicts: &mut Verdicts<'_>) {
    repeat_notes(received, "xds/DE-01", verdicts);
    for entry in &received.request.submission.entries {
        let required = [
            ("objectType", entry.object_type != STABLE_DOCUMENT),
            ("mimeType", entry.mime_type.is_empty()),
            ("creationTime", entry.creation_time.is_none()),
            ("languageCode", entry.language.is_none()),
            ("serviceStartTime", entry.service_start.is_none()),
            ("legalAuthenticator", entry.legal_authenticator.is_none()),
            ("sourcePatientId", entry.source_patient_id.is_none()),
            // Absent from the signature entry in the published example (dmp-xds.md §6).
            ("sourcePatientInfo", entry.source_patient_info.is_empty() && !entry.is_signature()),
            ("title", entry.title.is_none()),
            ("author", entry.authors.is_empty()),
            ("classCode", entry.class_code.is_none()),
            ("typeCode", entry.type_code.is_none()),
            ("formatCode", entry.format_code.is_none()),
            ("confidentialityCode", entry.confidentiality.is_empty()),
            ("healthcareFacilityTypeCode", entry.facility_type.is_none()),
            ("practiceSettingCode", entry.practice_setting.is_none()),
            ("patientId", entry.patient_id.is_none()),
            ("uniqueId", entry.unique_id.is_empty()),
        ];
        for (name, _) in required.iter().filter(|(_, missing)| *missing) {
            verdicts.add(Place::path(format!("{}/{name}", place(entry))), format!("{name} est obligatoire"));
        }
    }
}

pub(super) fn de_02(received: &Received, verdicts: &mut Verdicts<'_>) {
    for entry in &received.request.submission.entries {
        let set_by_registry = [
            ("status", entry.status.is_some()),
            ("lid", entry.logical_id.is_some()),
            ("version", entry.version.is_some()),
        ];
        for (name, _) in set_by_registry.iter().filter(|(_, present)| *present) {
            let at = Place::path(format!("{}/@{name}", place(entry)));
            verdicts.add(at, format!("{name} est posé par le registre, jamais par la demande"));
        }
    }
}

pub(super) fn de_09(received: &Received, verdicts: &mut Verdicts<'_>) {
    for (entry, place) in received.documents() {
        if entry.language.as_deref().is_some_and(|language| language != "fr-FR") {
            verdicts.add(slot(&place, "languageCode"), "la langue n'est pas écrite fr-FR").expected =
                Some("fr-FR".to_owned());
        }
    }
}

/// DTM in UTC: 14 digits, fewer when the source is less precise, never an offset.
fn is_dtm(text: &str) -> bool {
    matches!(text.len(), 4 | 6 | 8 | 10 | 12 | 14)
        && text.bytes().all(|b| b.is_ascii_digit())
        && DocumentTime::parse(text).is_ok()
}

fn times(entry: &DocumentEntry) -> [(&'static str, Option<&str>); 3] {
    [
        ("creationTime", entry.creation_time.as_deref()),
        ("serviceStartTime", entry.service_start.as_deref()),
        ("serviceStopTime", entry.service_stop.as_deref()),
    ]
}

pub(super) fn de_10(received: &Received, verdicts: &mut Verdicts<'_>) {
    for (entry, place) in received.documents() {
        for (name, time) in times(entry) {
            if time.is_some_and(|time| !is_dtm(time)) {
                let at = slot(&place, name);
                verdicts.add(at, "la date n'est pas en UTC, en chiffres seulement").expected =
                    Some("AAAAMMJJhhmmss".to_owned());
            }
        }
        let of_document = received.cda(entry).and_then(|cda| cda.effective_time.as_ref());
        if let (Some(own), Some(time)) = (entry.creation_time.as_deref(), of_document) {
            let expected = time.to_utc_dtm();
            if is_dtm(own) && own != expected {
                let at = slot(&place, "creationTime");
                verdicts.differs(at, "creationTime n'est pas la date du document", expected, own);
            }
        }
    }
}

pub(super) fn de_11(received: &Received, verdicts: &mut Verdicts<'_>) {
    for (entry, place) in received.documents() {
        let (Some(start), Some(stop)) = (&entry.service_start, &entry.service_stop) else { continue };
        // Of two precisions, only the common digits can be compared.
        let common = start.len().min(stop.len());
        if start.get(..common) > stop.get(..common) {
            verdicts.add(slot(&place, "serviceStopTime"), "la fin de l'acte est avant son début");
        }
    }
}

pub(super) fn de_12(received: &Received, verdicts: &mut Verdicts<'_>) {
    for (entry, place) in received.documents() {
        let at = || Place::path(format!("{place}/ExternalIdentifier[XDSDocumentEntry.uniqueId]"));
        if !entry.unique_id.is_empty() && Oid::parse(&entry.unique_id).is_err() {
            verdicts.add(at(), "uniqueId n'est pas un OID seul, sans extension");
        }
        if received.cda(entry).is_some_and(|cda| cda.unique_id.root != entry.unique_id) {
            verdicts.add(at(), "uniqueId n'est pas l'identifiant du document CDA");
        }
    }
}

pub(super) fn de_13(received: &Received, verdicts: &mut Verdicts<'_>) {
    for (entry, place) in received.documents() {
        let authors = entry.authors.iter().filter_map(|author| author.person.as_ref());
        let people = authors.map(|person| ("author", person));
        let signer = entry.legal_authenticator.iter().map(|person| ("legalAuthenticator", person));
        for (name, person) in people.chain(signer) {
            if let Some(wrong) = wrong_xcn(person) {
                verdicts
                    .add(Place::path(format!("{place}/{name}")), format!("personne mal formée : {wrong}"));
            }
        }
    }
}

/// What is wrong in an XCN; `EI` is read as an older form of `IDNPS`. Source: dmp-xds.md §7.3.
fn wrong_xcn(xcn: &Xcn) -> Option<&'static str> {
    let id = xcn.id();
    let first = id.bytes().next();
    if xcn.components() != 13 {
        return Some("il faut 13 composantes");
    }
    match (xcn.name_type(), xcn.id_type()) {
        ("D", "NH") if xcn.is_patient() => None,
        ("D", "IDNPS" | "EI") if xcn.authority() != PERSON_AUTHORITY => Some("autorité inattendue"),
        ("D", "IDNPS" | "EI") if !matches!(first, Some(b'0' | b'1' | b'3'..=b'6' | b'8')) => {
            Some("préfixe d'identifiant inconnu")
        }
        ("D", "IDNPS" | "EI") if xcn.component(2).is_empty() => Some("nom absent"),
        ("D", "IDNPS" | "EI") => None,
        ("U", "RI") if id.is_empty() || matches!(first, Some(b'0' | b'8')) => {
            Some("préfixe d'identifiant d'un dispositif")
        }
        ("U", "RI") => None,
        _ => Some("types de nom et d'identifiant inattendus"),
    }
}

pub(super) fn de_14(received: &Received, verdicts: &mut Verdicts<'_>) {
    for (entry, place) in received.documents() {
        for structure in entry.authors.iter().flat_map(|author| &author.institutions) {
            if let Some(wrong) = wrong_xon(structure) {
                let at = slot(&format!("{place}/Classification[author]"), "authorInstitution");
                verdicts.add(at, format!("structure mal formée : {wrong}"));
            }
        }
    }
}

fn wrong_xon(xon: &Xon) -> Option<&'static str> {
    if xon.name().trim().is_empty() {
        return Some("nom absent");
    }
    // A structure whose identifier is unknown has its name only.
    match (xon.id().is_empty(), xon.authority(), xon.id_type()) {
        (true, "", "") => None,
        (false, STRUCTURE_AUTHORITY, "IDNST") | (false, "1.3.2", "SIREN") => None,
        _ => Some("identifiant, autorité ou type inattendus"),
    }
}

/// OIDs of social security numbers: never an identifier of a patient. Source: dmp-xds.md §7.4.
const SOCIAL_SECURITY: [&str; 2] = ["1.2.250.1.213.1.4.13", "1.2.250.1.213.1.4.14"];

pub(super) fn de_16(received: &Received, verdicts: &mut Verdicts<'_>) {
    for (entry, place) in received.documents() {
        if entry.source_patient_id.as_ref().is_some_and(|cx| !source_id_is_right(cx)) {
            let at = slot(&place, "sourcePatientId");
            verdicts.add(at, "identifiant du patient mal formé").expected =
                Some("un identifiant local de type PI, ou l'INS de type NH".to_owned());
        }
        let info = &entry.source_patient_info;
        if info.is_empty() {
            continue;
        }
        let name = info.iter().find_map(|line| line.expose().strip_prefix("PID-5|"));
        let birth_name = |name: &str| {
            let mut parts = name.split('^');
            parts.next().is_some_and(|family| !family.is_empty()) && parts.nth(5) == Some("L")
        };
        if !name.is_some_and(birth_name) {
            verdicts.add(slot(&place, "sourcePatientInfo"), "le nom de naissance n'y est pas").expected =
                Some("PID-5|NOM^Prénom^^^^^L".to_owned());
        }
    }
}

fn source_id_is_right(cx: &Cx) -> bool {
    let known = !cx.id().is_empty() && Oid::parse(cx.authority()).is_ok();
    let kind = if cx.ins_domain().is_some() { "NH" } else { "PI" };
    known && cx.kind() == kind && !SOCIAL_SECURITY.contains(&cx.authority())
}

pub(super) fn de_17(received: &Received, verdicts: &mut Verdicts<'_>) {
    for entry in &received.request.submission.entries {
        let Some(facts) = received.facts(&entry.id) else { continue };
        if entry.hash.as_ref().is_some_and(|hash| !hash.trim().eq_ignore_ascii_case(&facts.content.sha1)) {
            verdicts.add(slot(&place(entry), "hash"), "l'empreinte n'est pas celle des octets reçus");
        }
        if let Some(size) = entry.size.filter(|size| *size != facts.content.size) {
            let expected = facts.content.size.to_string();
            verdicts.differs(
                slot(&place(entry), "size"),
                "la taille n'est pas celle des octets reçus",
                expected,
                size.to_string(),
            );
        }
    }
}

pub(super) fn de_18(received: &Received, verdicts: &mut Verdicts<'_>) {
    for (entry, place) in received.documents() {
        if received.cda(entry).is_some() && entry.mime_type != "text/xml" {
            verdicts.add(Place::path(format!("{place}/@mimeType")), "un CDA a le type text/xml").expected =
                Some("text/xml".to_owned());
        }
    }
}

pub(super) fn de_19(received: &Received, verdicts: &mut Verdicts<'_>) {
    for (entry, place) in received.documents() {
        let Some(title) = &entry.title else { continue };
        let length = title.expose().trim().chars().count();
        if length == 0 || length > 128 {
            let at = Place::path(format!("{place}/Name"));
            verdicts.differs(at, "titre vide ou trop long", "1 à 128 caractères", length.to_string());
        }
    }
}

pub(super) fn de_21(received: &Received, verdicts: &mut Verdicts<'_>) {
    repeat_notes(received, "xds/DE-21", verdicts);
}

pub(super) fn de_22(received: &Received, verdicts: &mut Verdicts<'_>) {
    repeat_notes(received, "xds/DE-22", verdicts);
}
