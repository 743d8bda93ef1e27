//! Checks of the XDM archive and of the PDF copies. In: a mail with its attachments opened. Out: findings.
//! Source: mssante.md §7. What METADATA.XML says is the authority here (ECO.2.1.2).

use std::collections::BTreeSet;

use jonction_model::{Environment, Ins, Place, Verdicts};
use jonction_xds::{DocumentEntry, xdm::XdmError};

use super::Subject;

fn attachments() -> Place {
    Place::path("pièces jointes")
}

fn metadata() -> Place {
    Place::path("METADATA.XML")
}

fn header(name: &str) -> Place {
    Place::path(format!("en-tête {name}"))
}

/// Birth name and first given name, from the lines PID-5 of the metadata.
pub(super) fn patient_names(subject: &Subject) -> Vec<String> {
    let documents = subject.documents();
    let Some((entry, _)) = documents.first() else { return Vec::new() };
    let lines = entry.source_patient_info.iter().map(|line| line.expose().as_str());
    let names: Vec<&str> = lines.filter_map(|line| line.strip_prefix("PID-5|")).collect();
    let birth = names.iter().find(|name| name.split('^').nth(6) == Some("L")).or(names.first());
    let Some(birth) = birth else { return Vec::new() };
    birth
        .split('^')
        .take(2)
        .map(|part| part.split('&').next().unwrap_or_default().to_owned())
        .filter(|n| !n.is_empty())
        .collect()
}

fn patients<'s>(documents: &[(&'s DocumentEntry, &bytes::Bytes)]) -> BTreeSet<&'s str> {
    documents.iter().filter_map(|(entry, _)| entry.patient_id.as_ref()).map(|id| id.expose()).collect()
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
    let documents = subject.documents();
    let found = patients(&documents).len();
    if found > 1 {
        verdicts.differs(metadata(), "un courriel ne concerne qu'un patient", "1", found.to_string());
    }
}

pub(super) fn m03(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    let documents = subject.documents().len();
    if documents > 0 && documents != subject.pdfs.len() {
        let (expected, found) = (documents.to_string(), subject.pdfs.len().to_string());
        verdicts.differs(attachments(), "chaque document a sa copie PDF", expected, found);
    }
}

/// The official sample itself has no such mark: a warning at most.
pub(super) fn m07(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    for pdf in &subject.pdfs {
        if !says_pdfa_1(&pdf.content) {
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
    let documents = subject.documents();
    let other =
        documents.iter().any(|(entry, _)| entry.patient_id.as_ref().is_none_or(|id| id.id() != ins.expose()));
    if other {
        verdicts.add(place, "l'adresse n'est pas celle du patient de l'archive");
    }
}

pub(super) fn m17(subject: &Subject, verdicts: &mut Verdicts<'_>) {
    let mail = &subject.received.mail;
    let values: Vec<&str> = mail.values("X-MSS-CODECDA").collect();
    let documents = subject.documents();
    if documents.is_empty() {
        if !values.is_empty() && subject.archive.is_none() {
            verdicts.add(header("X-MSS-CODECDA"), "l'en-tête est présent sans aucun CDA joint");
        }
        return;
    }
    let expected: BTreeSet<&str> = documents
        .iter()
        .filter_map(|(entry, _)| entry.type_code.as_ref())
        .map(|code| code.code.as_str())
        .collect();
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
    let documents = subject.documents();
    if documents.is_empty() {
        if value.is_some() && subject.archive.is_none() {
            verdicts.add(header("X-MSS-INS"), "l'en-tête est présent sans aucun CDA joint");
        }
        return;
    }
    match value {
        Some("O") if documents.iter().all(|(entry, _)| carries_ins(entry, subject.received.environment)) => {}
        Some("N") => {}
        Some("O") => {
            verdicts.add(header("X-MSS-INS"), "O annonce un INS qualifié que l'archive ne porte pas");
        }
        Some(_) | None => {
            verdicts.differs(header("X-MSS-INS"), "la valeur doit être O ou N", "O ou N", "autre chose")
        }
    }
}

/// Matricule, OID of the right world, birth name, first given name, birth date, sex.
fn carries_ins(entry: &DocumentEntry, environment: Environment) -> bool {
    let domain = entry.patient_id.as_ref().and_then(|id| id.ins_domain());
    let right_world = domain.is_some_and(|domain| domain.is_test() == (environment == Environment::Test));
    let line = |prefix: &str| {
        entry
            .source_patient_info
            .iter()
            .any(|line| line.expose().strip_prefix(prefix).is_some_and(|value| !value.is_empty()))
    };
    right_world && line("PID-5|") && line("PID-7|") && line("PID-8|")
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
    for (entry, _) in subject.documents() {
        match &entry.patient_id {
            None => {
                verdicts.add(metadata(), "patientId manque");
            }
            Some(id) if id.kind() == "NH" && id.ins_domain().is_none() => {
                verdicts.add(metadata(), "patientId : le registre de l'INS n'est pas connu");
            }
            Some(_) => {}
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
