//! What in PID forbids destinations, whatever the documents say.
//! In: the message, the patient read from it. Out: obstacles. Source: hl7v2.md §2.1, §4.4; limits: architecture §4.8.

use jonction_hl7v2::Message;
use jonction_model::{Finding, Obstacle, ObstacleScope, Place};

use crate::{motifs::Motif, settings::VoletSettings};

use super::{Report, identity::Patient};

/// A field of PID that repeats, and how often it may.
struct Repeated {
    field: usize,
    check: &'static str,
    sentence: &'static str,
    limit: fn(&VoletSettings) -> usize,
}

/// Nothing behind the limit is read: it could bar the identity, or be another person's.
const REPEATED: [Repeated; 4] = [
    Repeated {
        field: 3,
        check: "mapping.too-many-identifiers",
        sentence: "le patient a plus d'identifiants que la passerelle n'en lit : rien n'est envoyé",
        limit: |settings| settings.identifiers_max,
    },
    Repeated {
        field: 5,
        check: "mapping.too-many-names",
        sentence: "le patient a plus de noms que la passerelle n'en lit : rien n'est envoyé",
        limit: |settings| settings.names_max,
    },
    Repeated {
        field: 11,
        check: "mapping.too-many-addresses",
        sentence: "le patient a plus d'adresses que la passerelle n'en lit : rien n'est envoyé",
        limit: |settings| settings.addresses_max,
    },
    Repeated {
        field: 32,
        check: "mapping.too-many-statuses",
        sentence: "l'identité a plus de statuts que la passerelle n'en lit : rien n'est envoyé",
        limit: |settings| settings.statuses_max,
    },
];

/// The fields of PID that repeat too often to be read whole.
pub(crate) fn over_limits(message: &Message, settings: &VoletSettings) -> Vec<Finding> {
    let Some(pid) = message.segment("PID") else { return Vec::new() };
    let over = REPEATED.iter().filter(|row| {
        let limit = (row.limit)(settings);
        pid.field(row.field).repetitions().nth(limit).is_some()
    });
    over.map(|row| {
        Finding::error(row.check, row.sentence)
            .at(Place::path(format!("PID-{}", row.field)))
            .expected(format!("{} répétitions au plus", (row.limit)(settings)), "davantage")
            .remedy("n'envoyer que les valeurs en vigueur du patient")
            .wire_code("102")
    })
    .collect()
}

/// Admission refuses a message without PID or with several: defence in depth.
fn not_one_patient(message: &Message) -> Option<Finding> {
    let (path, sentence) = match message.segments_of("PID").take(2).count() {
        0 => ("PID", "le message ne nomme aucun patient : rien n'est envoyé"),
        1 => return None,
        _ => ("PID[2]", "le message nomme plusieurs patients : rien n'est envoyé"),
    };
    Some(
        Finding::error("hl7v2/H028", sentence)
            .at(Place::path(path))
            .remedy("envoyer un segment PID et un seul")
            .requirement("hl7v2.md §2.1")
            .wire_code("198"),
    )
}

/// With several INS nobody knows whose DMP and whose mailbox are meant. Professionals are written to all the same.
fn ambiguous(report: &mut Report, settings: &VoletSettings) {
    for (scope, motif) in
        [(ObstacleScope::Dmp, Motif::AmbiguousIns), (ObstacleScope::MssantePatient, Motif::AmbiguousInsMail)]
    {
        let finding = Finding::error(
            "mapping.ambiguous-ins",
            "le message porte plusieurs INS : ni le DMP ni la messagerie du patient ne sont servis",
        )
        .at(Place::path("PID-3"))
        .remedy("ne transmettre que l'INS en vigueur, ou porter une date de fin en PID-3.8 sur les autres")
        .requirement("hl7v2.md §4.4")
        .wire_code("207");
        report.obstacles.push(Obstacle { scope, finding, code: settings.motifs.of(motif) });
    }
}

pub(super) fn judge(message: &Message, patient: &Patient, report: &mut Report, settings: &VoletSettings) {
    let everything = not_one_patient(message).into_iter().chain(over_limits(message, settings));
    for finding in everything {
        report.obstacles.push(Obstacle { scope: ObstacleScope::Everything, finding, code: None });
    }
    if patient.several_ins {
        ambiguous(report, settings);
    }
}
