//! The documents of a submission, and what in them forbids everything.
//! In: each document OBX with its header. Out: documents whose content is a range of the message; obstacles.
//! Source: hl7v2.md §2.4, §2.6, §8 (H058, H066, H067). Nothing is copied.

use jonction_cda::header::SEVERAL_INS;
use jonction_hl7v2::Message;
use jonction_model::{
    Finding, Obstacle, ObstacleScope, Operation, PatientIdentity, Place, SubmittedDocument,
};

use crate::{
    coherence::{SameId, SamePatient},
    motifs::Motif,
    native::intake::DocumentBytes,
    settings::VoletSettings,
};

use super::Report;

/// Gathers the documents that can be identified. Every other one forbids the whole submission.
pub(super) fn gather(
    found: Vec<DocumentBytes<'_>>,
    message: &Message,
    operation: Operation,
    patient: &PatientIdentity,
    report: &mut Report,
    settings: &VoletSettings,
) -> Vec<SubmittedDocument> {
    let mut documents: Vec<SubmittedDocument> = Vec::new();
    let all = jonction_hl7v2::volet::documents(message).len();
    if all == 0 {
        forbid_all(report, no_document());
    }
    if all > found.len() {
        forbid_all(report, too_many(settings.documents_max));
    }
    for one in found {
        let header = match one.header {
            Ok(header) => header,
            Err(finding) => {
                forbid_all(report, finding.clone());
                continue;
            }
        };
        if header.notes.iter().any(|note| note.check == SEVERAL_INS) {
            let sentence = "le document porte plusieurs INS : rien n'est envoyé";
            forbid_all(report, other_patient(&one.path, sentence, CHECK_IDENTITY));
        }
        header.notes.iter().for_each(|note| report.findings.push(note.clone()));
        let Some(document) = header.document(one.content) else {
            forbid_all(report, without_id(&one.path));
            continue;
        };
        judge_patient(patient, &document, &one.path, report, settings);
        judge_documents(&documents, &document, &one.path, report);
        if operation == Operation::Replace && document.replaces.is_none() {
            forbid(
                report,
                ObstacleScope::Dmp,
                Motif::ReplacementWithoutParent,
                settings,
                without_parent(&one.path),
            );
        }
        if documents.iter().any(|known| known.unique_id == document.unique_id) {
            forbid(report, ObstacleScope::Dmp, Motif::DuplicateDocument, settings, duplicate(&one.path));
        }
        documents.push(document);
    }
    judge_txa(message, &documents, report);
    documents
}

fn forbid_all(report: &mut Report, finding: Finding) {
    report.obstacles.push(Obstacle { scope: ObstacleScope::Everything, finding, code: None });
}

fn forbid(
    report: &mut Report,
    scope: ObstacleScope,
    motif: Motif,
    settings: &VoletSettings,
    finding: Finding,
) {
    report.obstacles.push(Obstacle { scope, finding, code: settings.motifs.of(motif) });
}

fn no_document() -> Finding {
    Finding::error("hl7v2/H063", "le message ne porte aucun document")
        .at(Place::path("OBX"))
        .remedy("porter le CDA dans un OBX de type ED")
        .requirement("hl7v2.md §2.6")
}

fn too_many(limit: usize) -> Finding {
    Finding::error("mapping.too-many-documents", "le message porte trop de documents")
        .at(Place::path("OBX"))
        .expected(format!("{limit} au plus"), "davantage")
        .remedy("répartir les documents sur plusieurs messages")
}

fn without_id(path: &str) -> Finding {
    Finding::error("cda/H-03", "le document n'a pas d'identifiant (ClinicalDocument/id)")
        .at(Place::path(path))
        .remedy("porter un OID complet dans ClinicalDocument/id/@root")
        .requirement("cda.md §2.1")
        .wire_code("207")
}

fn without_parent(path: &str) -> Finding {
    Finding::error(
        "hl7v2/H062",
        "le message demande un remplacement, mais le document ne dit pas ce qu'il remplace",
    )
    .at(Place::path(path))
    .expected("relatedDocument[@typeCode='RPLC']/parentDocument/id", "rien")
    .remedy("porter dans le CDA l'identifiant de la version remplacée")
    .requirement("hl7v2.md §1.1")
    .wire_code("207")
}

fn duplicate(path: &str) -> Finding {
    Finding::error("hl7v2/H069", "deux documents du message ont le même identifiant")
        .at(Place::path(path))
        .remedy("donner à chaque document son identifiant")
        .requirement("hl7v2.md §2.1")
        .wire_code("198")
}

fn other_patient(path: &str, sentence: &str, remedy: &str) -> Finding {
    Finding::error("hl7v2/H067", sentence)
        .at(Place::path(path))
        .remedy(remedy)
        .requirement("hl7v2.md §2.3")
        .wire_code("207")
}

const CHECK_IDENTITY: &str =
    "vérifier l'identité dans le logiciel émetteur : le document est peut-être celui d'une autre personne";

/// One message is about one patient: documents about two go nowhere, whichever of them is the right one.
fn judge_documents(
    known: &[SubmittedDocument],
    document: &SubmittedDocument,
    path: &str,
    report: &mut Report,
) {
    // What PID-3 contradicts is told already.
    if report.obstacles.iter().any(|obstacle| obstacle.scope == ObstacleScope::Everything) {
        return;
    }
    let judged = known.iter().map(|other| SamePatient::between(&other.subject, &document.subject));
    let sentence = match judged.into_iter().find(|same| *same != SamePatient::Yes) {
        None => return,
        Some(SamePatient::OtherIns) => "deux documents du message portent deux INS : rien n'est envoyé",
        Some(SamePatient::OtherBirthDate) => {
            "deux documents du message portent deux dates de naissance : rien n'est envoyé"
        }
        Some(_) => {
            "deux documents du message portent deux identifiants d'une même autorité : rien n'est envoyé"
        }
    };
    forbid_all(report, other_patient(path, sentence, CHECK_IDENTITY));
}

/// The one rule that no setting softens: a document about another person goes nowhere.
fn judge_patient(
    patient: &PatientIdentity,
    document: &SubmittedDocument,
    path: &str,
    report: &mut Report,
    settings: &VoletSettings,
) {
    let finding = |sentence: &str, remedy: &str| other_patient(path, sentence, remedy);
    match SamePatient::judge(patient, &document.subject) {
        SamePatient::Yes => {}
        SamePatient::OtherIns => forbid_all(
            report,
            finding("le document porte un autre INS que PID-3 : rien n'est envoyé", CHECK_IDENTITY),
        ),
        SamePatient::OtherLocalId => forbid_all(
            report,
            finding(
                "sans INS en PID-3, le document porte un autre identifiant de la même autorité : rien n'est envoyé",
                CHECK_IDENTITY,
            ),
        ),
        SamePatient::OtherBirthDate => forbid_all(
            report,
            finding(
                "sans INS commun, le document porte une autre date de naissance que PID-7 : rien n'est envoyé",
                CHECK_IDENTITY,
            ),
        ),
        SamePatient::NothingInCommon => forbid_all(
            report,
            finding(
                "PID-3 porte un INS, le document n'en porte pas et aucun identifiant ne leur est commun : rien n'est envoyé",
                "porter dans le document l'INS de PID-3",
            ),
        ),
        SamePatient::DocumentWithoutIns => {
            let sentence = "PID-3 porte un INS, le document n'en porte pas";
            let remedy = "porter dans le document l'INS de PID-3";
            let scopes = [
                (ObstacleScope::Dmp, Motif::DocumentWithoutIns),
                (ObstacleScope::MssantePatient, Motif::DocumentWithoutInsMail),
            ];
            for (scope, motif) in scopes {
                forbid(report, scope, motif, settings, finding(sentence, remedy));
            }
        }
        SamePatient::MessageWithoutIns => report.warn(
            "hl7v2/H067",
            path,
            "le document porte un INS, PID-3 n'en porte pas",
            "porter en PID-3 l'INS du document lorsqu'il est qualifié",
        ),
    }
}

/// An MDM that speaks of one document and carries another may carry somebody else's.
fn judge_txa(message: &Message, documents: &[SubmittedDocument], report: &mut Report) {
    let (Some(txa), [document]) = (message.segment("TXA"), documents) else { return };
    match SameId::judge(txa.field(12), &document.unique_id) {
        SameId::Exact => {}
        SameId::Loose => report.warn(
            "hl7v2/H059",
            "TXA-12",
            "l'identifiant du document n'est pas écrit comme le volet le demande",
            "écrire root seul, ou extension^^root^ISO",
        ),
        SameId::Absent => report.warn(
            "hl7v2/H058",
            "TXA-12",
            "TXA-12 est vide : l'identifiant du CDA est pris",
            "porter en TXA-12 l'identifiant du CDA",
        ),
        SameId::No => forbid_all(
            report,
            Finding::error("hl7v2/H058", "TXA-12 ne désigne pas le document joint : rien n'est envoyé")
                .at(Place::path("TXA-12"))
                .expected("ClinicalDocument/id", "un autre identifiant")
                .remedy("vérifier que le bon document est joint, et porter son identifiant en TXA-12")
                .requirement("hl7v2.md §2.4")
                .wire_code("207"),
        ),
    }
}
