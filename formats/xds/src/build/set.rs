//! The submission set. In: message and defaults. Out: `SubmissionSet`, findings.
//! Sources: dmp-xds.md §7.2, hl7v2.md §2.11, mssante.md §3.6.

use jonction_model::{Authorship, CodedValue, Sender, time::utc_dtm};

use super::{
    BuildRequest,
    defaults::follow,
    findings::{Findings, Note},
    people,
};
use crate::{
    metadata::{Cx, SubmissionSet},
    tables,
};

pub(super) fn build_set(request: &BuildRequest<'_>, findings: &mut Findings) -> SubmissionSet {
    let ids = request.identifiers;
    let author = author(request, findings);
    people::judge_set_author(&author, findings);
    SubmissionSet {
        id: ids.set_id.clone(),
        unique_id: ids.set_unique_id.as_str().to_owned(),
        source_id: ids.source_id.as_str().to_owned(),
        patient_id: patient_id(request, Some(findings)),
        submission_time: Some(utc_dtm(ids.submission_time)),
        authors: vec![author],
        content_type: Some(content_type(request, findings)),
        title: request
            .submission
            .documents
            .first()
            .map(|document| document.metadata.title.trim())
            .filter(|title| !title.is_empty())
            .map(Into::into),
        ..SubmissionSet::default()
    }
}

/// The qualified INS; else, for a mail, the first local identifier of the first document, then of the message.
/// One that has no authority comes last: it means nothing elsewhere. Source: mssante.md §3.6.
pub(super) fn patient_id(request: &BuildRequest<'_>, findings: Option<&mut Findings>) -> Option<Cx> {
    if let Some(identity) = request.profile.identity() {
        return Some(Cx::ins(identity.ins()));
    }
    let of_document = request.submission.documents.first().map(|document| &document.subject.local_ids);
    let all = || of_document.into_iter().flatten().chain(&request.submission.patient.local_ids);
    let chosen = all().find(|local| !local.authority.is_empty()).or_else(|| all().next()).map(Cx::local);
    if let (None, Some(findings)) = (&chosen, findings) {
        findings.refuse(Note {
            code: "xds.no-patient-id",
            place: "PID-3".to_owned(),
            sentence: "ni INS qualifiée ni identifiant local : le patient ne peut pas être désigné"
                .to_owned(),
            expected: "un INS qualifié ou un identifiant local avec son autorité".to_owned(),
            found: "rien".to_owned(),
            remedy: "renseigner PID-3 et recordTarget/patientRole/id du document",
        });
    }
    chosen
}

fn author(request: &BuildRequest<'_>, findings: &mut Findings) -> crate::metadata::Author {
    let authors =
        request.submission.documents.first().map_or(&[][..], |document| &document.metadata.authors[..]);
    let named = request.submission.sender.as_ref().filter(|s| s.person.is_some() || s.device.is_some());
    if let Some(sender) = named {
        // The message may name the person and leave the structure to the configuration.
        let mut sender = sender.clone();
        if sender.organization.is_none() {
            sender.organization = request.defaults.sender.as_ref().and_then(|s| s.organization.clone());
        }
        return people::set_author(&sender, request.defaults.sender_specialty.as_ref(), authors);
    }
    let (sender, supposed) = match (&request.defaults.sender, authors.first()) {
        (Some(sender), _) => (sender.clone(), "l'émetteur par défaut de la route"),
        (None, Some(author)) => (as_sender(author), "le premier auteur du document"),
        (None, None) => (Sender { person: None, device: None, organization: None }, "personne"),
    };
    findings.warn(Note {
        code: "xds.submitter-supposed",
        place: "PRT[4='SB']".to_owned(),
        sentence: format!("le message ne nomme pas d'émetteur : {supposed} est pris"),
        expected: String::new(),
        found: String::new(),
        remedy: "renseigner le segment PRT de l'émetteur (SB), ou l'émetteur par défaut de la route",
    });
    people::set_author(&sender, request.defaults.sender_specialty.as_ref(), authors)
}

fn as_sender(author: &jonction_model::Author) -> Sender {
    let (person, device) = match &author.by {
        Authorship::Person(person) => (Some(person.clone()), None),
        Authorship::Device(device) => (None, Some(device.clone())),
    };
    Sender { person, device, organization: author.organization.clone() }
}

fn content_type(request: &BuildRequest<'_>, findings: &mut Findings) -> CodedValue {
    let class = request.submission.encounter.class.as_str();
    let code = follow(&request.defaults.content_type_by_class, class).unwrap_or_else(|| {
        findings.warn(Note {
            code: "xds.content-type-supposed",
            place: "PV1-2".to_owned(),
            sentence: "la classe de la venue ne dit pas le type d'activité : celui par défaut est pris"
                .to_owned(),
            expected: "E, I, O, R ou N".to_owned(),
            // Only a code is repeated: a longer text could be anything.
            found: match class {
                "" => "rien".to_owned(),
                code if code.len() <= 2 => code.to_owned(),
                _ => "un autre texte".to_owned(),
            },
            remedy: "renseigner PV1-2, ou la table de la route",
        });
        &request.defaults.content_type
    });
    // A code of the route's own table may be outside our copy of the value set, which is incomplete.
    tables::find(tables::CONTENT_TYPES, code).map(tables::coded).unwrap_or_else(|| CodedValue {
        code: code.to_owned(),
        system: "1.2.250.1.213.2.2".to_owned(),
        label: String::new(),
    })
}
