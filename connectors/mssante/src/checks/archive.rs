//! Checks of the XDM archive and of the PDF copies. In: a mail with its attachments opened. Out: findings.
//! Source: mssante.md §7. What METADATA.XML says is the authority here (ECO.2.1.2).

use std::collections::BTreeSet;

use jonction_model::{
    ContentKind, DocumentTime, DocumentUniqueId, Environment, Ins, InsIdentity, Place, Verdicts,
};
use jonction_xds::xdm::XdmError;

use super::{OpenedDocument, Subject};

fn attachments() -> Place {
    Place::path("pièces jointes")
}

fn metadata() -> Place {
    Place::path("METADATA.XML")
}

fn header(name: &str) -> Place {
    Place::path(format!("en-tête {name}"))
}

/// Birth name and first given name of the first document.
pub(super) fn patient_names(subject: &Subject) -> Vec<String> {
    let Some(header) = subject.documents.first().and_then(|document| document.header.as_ref()) else {
        return Vec::new();
    };
    let traits = &header.subject.traits;
    let given = traits.birth_given.as_ref().or(traits.birth_givens.as_ref()).or(traits.used_given.as_ref());
    let family = traits.birth_name.as_ref().or(traits.used_name.as_ref());
    let first = |given: &str| given.split(' ').next().unwrap_or_default().to_owned();
    family
        .map(|name| name.expose().clone())
        .into_iter()
        .chain(given.map(|name| first(name.expose())))
        .collect()
}

fn place_of(document: usize) -> Place {
    Place::path(format!("IHE_XDM, document {}", document + 1))
}

/// Everybody that metadata and documents speak of.
fn patients(subject: &Subject) -> BTreeSet<String> {
    let entries = subject.documents.iter().filter_map(|document| document.entry.patient_id.as_ref());
    let headers =
        subject.documents.iter().filter_map(|document| document.header.as_ref()?.subject.ins.as_ref());
    let ins = entries.clone().filter(|id| id.ins_domain().is_some()).map(|id| id.id());
    let local = entries.filter(|id| id.ins_domain().is_none()).map(|id| id.expose().to_owned());
    ins.chain(local).chain(headers.map(|ins| ins.ins.expose().to_owned())).collect()
}

pub(super) fn m01(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    if !subject.carries_documents() {
        return;
    }
    if subject.zips.len() != 1 {
        let found = subject.zips.len().to_string();
        verdicts.differs(attachments(), "il faut une archive XDM et une seule", "1", found);
    }
    if let [zip] = subject.zips.as_slice()
        && !zip.name.eq_ignore_ascii_case("IHE_XDM.zip")
    {
        verdicts.differs(
            attachments(),
            "l'archive ne porte pas le nom attendu",
            "IHE_XDM.zip",
            "un autre nom",
        );
    }
    if subject.pdfs.is_empty() {
        verdicts.add(attachments(), "aucune copie PDF : un destinataire sans logiciel métier ne lira rien");
    }
}

pub(super) fn m02(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    let found = patients(subject).len();
    let local_beside_ins = subject
        .documents
        .iter()
        .any(|d| d.entry.patient_id.as_ref().is_some_and(|id| id.ins_domain().is_none()));
    // Without qualified INS the metadata name the patient by a local identifier, the document may still carry the INS.
    if found > 1 + usize::from(local_beside_ins) {
        verdicts.differs(metadata(), "un courriel ne concerne qu'un patient", "1", found.to_string());
    }
}

pub(super) fn m03(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    let documents = subject.documents.len();
    if documents > 0 && documents != subject.pdfs.len() {
        let (expected, found) = (documents.to_string(), subject.pdfs.len().to_string());
        verdicts.differs(attachments(), "chaque document a sa copie PDF", expected, found);
    }
}

pub(super) fn m06(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    for (at, document) in subject.documents.iter().enumerate() {
        let Some(header) = &document.header else { continue };
        let ContentKind::CdaLevel1 { media_type, body: Some(_) } = &header.kind else { continue };
        let limits = jonction_cda::Limits::default();
        let embedded = jonction_cda::body::embedded(&document.bytes, &header.kind, &limits);
        // Without any copy, MSS-M01 and M03 have said it.
        if media_type == "application/pdf"
            && !subject.pdfs.is_empty()
            && embedded.is_ok_and(|pdf| subject.pdfs.iter().all(|copy| copy.content() != &pdf))
        {
            verdicts.add(place_of(at), "aucune copie PDF n'est celle que porte le CDA");
        }
    }
}

/// The official sample itself has no such mark: a warning at most.
pub(super) fn m07(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    for pdf in &subject.pdfs {
        if !says_pdfa_1(pdf.content()) {
            let place = Place::path(format!("partie {}", pdf.path));
            verdicts.add(place, "le PDF ne se dit pas PDF/A-1 (pdfaid:part)");
        }
    }
}

/// `pdfaid:part="1"` or `<pdfaid:part>1</pdfaid:part>`; XMP is stored in clear in a PDF/A.
fn says_pdfa_1(pdf: &[u8]) -> bool {
    const MARK: &[u8] = b"pdfaid:part";
    let marks = pdf.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    marks.map(|(at, _)| &pdf[at + MARK.len()..]).any(|rest| {
        let value = rest.iter().find(|c| !b">=\"' \r\n\t".contains(c));
        value == Some(&b'1')
    })
}

pub(super) fn m08(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    let mut seen = BTreeSet::new();
    for pdf in &subject.pdfs {
        let place = Place::path(format!("partie {}", pdf.path));
        let fields: Vec<&str> =
            pdf.name.strip_suffix(".pdf").map(|stem| stem.split('_').collect()).unwrap_or_default();
        let dated =
            fields.first().is_some_and(|day| day.len() == 8 && day.bytes().all(|c| c.is_ascii_digit()));
        if !(4..=5).contains(&fields.len()) || !dated || fields.iter().any(|field| field.is_empty()) {
            verdicts.differs(
                place.clone(),
                "nom de PDF irrégulier",
                "AAAAMMJJ_type_NOM_prénom[_n°].pdf",
                "autre chose",
            );
        }
        if !seen.insert(&pdf.name) {
            verdicts.add(place, "deux copies PDF portent le même nom");
        }
    }
}

pub(super) fn m13(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    if !subject.is_to_patient() {
        return;
    }
    let local = subject.received.to.split('@').next().unwrap_or_default();
    if local.starts_with("sim+") {
        return;
    }
    let place = Place::path("RCPT TO");
    let Ok(ins) = Ins::parse(local) else {
        verdicts.differs(
            place,
            "l'adresse d'un patient est son matricule INS",
            "15 caractères",
            local.len().to_string(),
        );
        return;
    };
    if subject.received.environment == Environment::Production && !ins.key_is_valid() {
        verdicts.add(place.clone(), "la clé du matricule est fausse");
    }
    let differs = |document: &OpenedDocument| {
        let of_entry = document.entry.patient_id.as_ref().map(|id| id.id());
        let of_header = document.header.as_ref().and_then(|header| header.subject.ins.as_ref());
        of_entry.as_deref() != Some(ins.expose()) || of_header.is_some_and(|found| found.ins != ins)
    };
    if subject.documents.iter().any(differs) {
        verdicts.add(place, "l'adresse n'est pas celle du patient de l'archive");
    }
}

pub(super) fn m17(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    let mail = &subject.received.mail;
    let values: Vec<String> = mail.headers().all("X-MSS-CODECDA").map(|header| header.text()).collect();
    if subject.documents.is_empty() {
        if !values.is_empty() && subject.archive.is_none() {
            verdicts.add(header("X-MSS-CODECDA"), "l'en-tête est présent sans aucun CDA joint");
        }
        return;
    }
    let headers = subject.documents.iter().filter_map(|document| document.header.as_ref());
    let expected: BTreeSet<&str> = headers.map(|header| header.metadata.type_code.code.as_str()).collect();
    let written: Vec<&str> = values.iter().flat_map(|value| value.split(',')).map(str::trim).collect();
    let found: BTreeSet<&str> = written.iter().copied().collect();
    if found != expected {
        let text = |codes: &BTreeSet<&str>| codes.iter().copied().collect::<Vec<_>>().join(",");
        let finding =
            verdicts.add(header("X-MSS-CODECDA"), "la valeur doit être celle des codes des CDA joints");
        finding.expected = Some(text(&expected));
        finding.found = Some(text(&found));
        finding.remedy = Some("recopier ClinicalDocument/code/@code de chaque document".to_owned());
    } else if values.len() > 1
        || written.len() > found.len()
        || values.iter().any(|value| value.contains(' '))
    {
        verdicts.add(header("X-MSS-CODECDA"), "une seule ligne, sans blanc ni répétition").severity =
            jonction_model::Severity::Warning;
    }
}

pub(super) fn m18(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    let value = subject.received.mail.value("X-MSS-INS");
    if subject.documents.is_empty() {
        if value.is_some() && subject.archive.is_none() {
            verdicts.add(header("X-MSS-INS"), "l'en-tête est présent sans aucun CDA joint");
        }
        return;
    }
    let environment = subject.received.environment;
    match value.as_deref() {
        Some("O") if subject.documents.iter().all(|document| carries_ins(document, environment)) => {}
        // The source may know that the identity is not qualified: a document that carries an INS does not prove it.
        Some("N") => {}
        Some("O") => {
            verdicts.add(header("X-MSS-INS"), "O annonce un INS qualifié que les documents ne portent pas");
        }
        Some(_) | None => {
            verdicts.differs(header("X-MSS-INS"), "la valeur doit être O ou N", "O ou N", "autre chose");
        }
    }
}

/// Matricule, OID of the right world, birth name, first given name, birth date, sex.
fn carries_ins(document: &OpenedDocument, environment: Environment) -> bool {
    let Some(header) = &document.header else { return false };
    let right_world = |ins: &InsIdentity| ins.domain.is_test() == (environment == Environment::Test);
    header.subject.ins.as_ref().is_some_and(right_world)
        && header.subject.traits.missing_with_ins().is_empty()
}

fn repeat(subject: &Subject, codes: &[&str], verdicts: &mut Verdicts<'_>) {
    let Some(Ok(archive)) = &subject.archive else { return };
    for finding in archive.findings.iter().filter(|finding| codes.contains(&finding.check.as_str())) {
        let said = verdicts.add(finding.place.clone(), finding.sentence.clone());
        (said.expected, said.found) = (finding.expected.clone(), finding.found.clone());
    }
}

pub(super) fn x01(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    match &subject.archive {
        Some(Err(XdmError::NotZip)) => {
            verdicts.add(attachments(), "l'archive n'est pas lisible");
        }
        Some(Err(XdmError::NoMetadata)) => {
            verdicts.add(attachments(), "l'archive ne contient pas IHE_XDM/*/METADATA.XML");
        }
        _ => repeat(subject, &["xdm.root-file-missing"], verdicts),
    }
}

pub(super) fn x02(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    match &subject.archive {
        Some(Err(XdmError::Metadata(_))) => {
            verdicts.add(metadata(), "METADATA.XML n'est pas lisible");
        }
        Some(Ok(archive)) => {
            for set in &archive.sets {
                let members = set.submission.associations.iter().filter(|link| {
                    link.kind == jonction_xds::AssociationKind::HasMember
                        && link.source == set.submission.set.id
                });
                let (expected, found) = (set.submission.entries.len(), members.count());
                if found != expected {
                    let (expected, found) = (expected.to_string(), found.to_string());
                    verdicts.differs(metadata(), "un lien HasMember par document", expected, found);
                }
            }
            repeat(subject, &["xds/SUB-01", "xds/DE-22"], verdicts);
        }
        _ => {}
    }
}

pub(super) fn x03(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    repeat(subject, &["xdm.document-missing"], verdicts);
}

pub(super) fn x04(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    repeat(subject, &["xdm.document-altered", "xdm.slot-missing"], verdicts);
}

pub(super) fn x05(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    for (at, document) in subject.documents.iter().enumerate() {
        let Some(id) = &document.entry.patient_id else {
            verdicts.add(place_of(at), "patientId manque dans la fiche");
            continue;
        };
        let of_header = document.header.as_ref().and_then(|header| header.subject.ins.as_ref());
        match (id.ins_domain(), of_header) {
            (None, _) if id.kind() == "NH" => {
                verdicts.add(place_of(at), "patientId : le registre de l'INS n'est pas connu");
            }
            (Some(domain), Some(ins)) if domain != ins.domain || id.id() != ins.ins.expose() => {
                verdicts.add(place_of(at), "patientId n'est pas l'INS du patient du CDA");
            }
            (Some(_), None) => {
                verdicts.add(place_of(at), "patientId est un INS que le CDA ne porte pas");
            }
            _ => {}
        }
    }
}

/// Codes and times only: nothing of a person is compared here.
pub(super) fn x06(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    for (at, document) in subject.documents.iter().enumerate() {
        let Some(header) = &document.header else {
            verdicts.add(place_of(at), "le document n'est pas un CDA lisible");
            continue;
        };
        let (entry, metadata) = (&document.entry, &header.metadata);
        let type_code = entry.type_code.as_ref().map(|code| code.code.clone()).unwrap_or_default();
        let rows = [
            ("typeCode", metadata.type_code.code.clone(), type_code),
            (
                "creationTime",
                metadata.creation_time.as_ref().map(DocumentTime::to_utc_dtm).unwrap_or_default(),
                entry.creation_time.clone().unwrap_or_default(),
            ),
            (
                "uniqueId",
                header.unique_id.as_ref().map(DocumentUniqueId::to_xds).unwrap_or_default(),
                entry.unique_id.clone(),
            ),
            ("languageCode", metadata.language.clone(), entry.language.clone().unwrap_or_default()),
        ];
        for (name, expected, found) in rows {
            if !expected.is_empty() && expected != found {
                verdicts.differs(place_of(at), format!("{name} n'est pas celui du CDA"), expected, found);
            }
        }
    }
}

pub(super) fn x09(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    match &subject.archive {
        Some(Err(XdmError::Refused { reason, .. })) => {
            verdicts.add(attachments(), "l'archive contient ce qu'aucun émetteur honnête n'y met").found =
                Some(reason.to_string());
        }
        Some(Err(XdmError::OverLimit { limit })) => {
            verdicts.add(attachments(), "l'archive dépasse une limite").found = Some((*limit).to_owned());
        }
        _ => {}
    }
}
