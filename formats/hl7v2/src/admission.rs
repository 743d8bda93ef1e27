//! What refuses a document message at the door: exactly this list, and nothing later.
//! In: a parsed message, which family is awaited. Out: findings, all of them; none means admitted (AA after storage).
//! Source: architecture §10 « Admission », hl7v2.md §2.12, §2.16, §9. Absent: identity, matrix, recipients (functional
//! reports), sender and MSH-11 (the connector), XML root (the CDA).

use jonction_model::{Check, Finding, MessageControlId, Mode, Severity::Error, Verdicts, run_checks, sha256};

use crate::{
    checks::{
        Refine,
        document::{base64_sentence, base64_shape, document_candidates},
        envelope::h002_one_header,
        header::{STRUCTURES, h011_parties},
        message_code,
        order::{h051_coherence, missing_segments},
        patient::h028_one_pid,
        say, trigger_event,
    },
    header::Header,
    message::Message,
    profiles::Profile,
    volet::{Edition, edition},
};

/// How a message is recognised when its sender sends it again: a key, which is its sender and its number, and the SHA-256
/// of its bytes without MSH-7, the time of sending, which changes each time the same message is written.
/// Source: architecture §10 « Repeats ».
pub fn repeat(message: &Message, header: &Header, control_id: &MessageControlId) -> (String, [u8; 32]) {
    let key = [&header.sending_application, &header.sending_facility, control_id.as_str()].join("|");
    let raw = message.raw();
    let digest = match message.segments().next().map(|msh| msh.field(7).span()) {
        Some(time) => sha256(&[&raw[..time.start], &raw[time.end..]]),
        None => sha256(&[raw]),
    };
    (key, digest)
}

const fn row(
    id: &'static str,
    requirement: &'static str,
    rule: &'static str,
    code: &'static str,
    run: fn(&Message, &mut Verdicts<'_>),
) -> Check<Message> {
    Check { id, requirement, rule, strict: Error, tolerant: Error, wire_code: Some(code), run }
}

/// What every message must have. Same ids as in [`crate::checks::CHECKS`], where a rule is the same or narrower here.
#[rustfmt::skip]
const EVERY: &[Check<Message>] = &[
    row("hl7v2/H002", "hl7v2.md §6.1", "le message porte un MSH et un seul", "100", h002_one_header),
    row("hl7v2/H011", "hl7v2.md §2.2", "MSH-3 à MSH-6 sont renseignés", "101", h011_parties),
    row("hl7v2/H015", "hl7v2.md §2.2", "MSH-10 est renseigné", "101", control_id),
];

/// What a document message to the gateway must have, beside [`EVERY`].
#[rustfmt::skip]
const DOCUMENT: &[Check<Message>] = &[
    row("hl7v2/H013", "hl7v2.md §1", "MSH-9 est ORU^R01, MDM^T02, MDM^T10 ou MDM^T04", "200", document_type),
    row("hl7v2/H018", "hl7v2.md §2.2", "MSH-12 est une version connue pour ce type", "203", version),
    row("hl7v2/H023", "hl7v2.md §2.16", "l'édition du volet est 2.0 ou 2.1", "207", accepted_edition),
    row("hl7v2/H027", "hl7v2.md §2.1", "les segments obligatoires sont là", "100", missing_segments),
    row("hl7v2/H028", "hl7v2.md §2.1", "le message porte un seul PID", "198", one_pid),
    row("hl7v2/H029", "hl7v2.md §4.4", "PID-3 est renseigné", "101", patient_id),
    row("hl7v2/H063", "hl7v2.md §2.6", "le message porte un document", "101", some_document),
    row("hl7v2/H051", "hl7v2.md §1.1", "ORC-1, OBX-11 et l'événement s'accordent", "207", coherence),
    row("hl7v2/H065", "hl7v2.md §2.6", "OBX-5.5 du document est du base64", "102", base64),
];

/// What a document message to the gateway must have, beside [`DOCUMENT`], that one to the LPS has otherwise.
#[rustfmt::skip]
const TO_PFI: &[Check<Message>] = &[
    row("hl7v2/H023", "hl7v2.md §3", "le message s'adresse à la plateforme, pas au logiciel du professionnel", "207", for_the_pfi),
];

/// What a ZAM must have, beside [`EVERY`]: for the simulated sender.
#[rustfmt::skip]
const ZAM: &[Check<Message>] = &[
    row("hl7v2/H013", "hl7v2.md §2.13", "MSH-9 est ZAM^Z01, Z02 ou Z03", "200", zam_type),
    row("hl7v2/H097", "hl7v2.md §2.13", "l'accusé nomme un message et dit Y ou N", "101", zam_content),
];

/// The checks that admit a message of a family.
pub fn checks(profile: Profile) -> impl Iterator<Item = &'static Check<Message>> {
    let (own, more): (&[_], &[_]) = match profile {
        Profile::DocumentToPfi => (DOCUMENT, TO_PFI),
        Profile::DocumentToLps => (DOCUMENT, &[]),
        Profile::Zam => (ZAM, &[]),
        Profile::Ack | Profile::Other => (&[], &[]),
    };
    EVERY.iter().chain(own).chain(more)
}

/// Judges a message that is awaited as one of a family. Every finding refuses: answer AE, one ERR each.
/// A message of an unexpected type gives one finding on its type, not one per missing segment.
pub fn refusals(message: &Message, awaited: Profile) -> Vec<Finding> {
    let findings = run_checks(checks(awaited), message, Mode::Tolerant);
    let foreign = |finding: &Finding| matches!(finding.wire_code.as_deref(), Some("200" | "201"));
    if findings.iter().any(foreign) {
        let general = |finding: &Finding| EVERY.iter().any(|check| check.id == finding.check);
        return findings.into_iter().filter(|finding| foreign(finding) || general(finding)).collect();
    }
    findings
}

fn control_id(message: &Message, v: &mut Verdicts<'_>) {
    if !message.msh().field(10).is_valued() {
        say(v, "MSH-10", "identifiant du message absent", "donner à chaque message un identifiant unique");
    }
}

/// Type then event, against the rows of the awaited types.
fn expect_type(message: &Message, v: &mut Verdicts<'_>, codes: &[&str], expected: &str) {
    let (code, event) = (message_code(message), trigger_event(message));
    let value = message.msh().field(9);
    let remedy = format!("envoyer ici {expected}");
    let known = |code: &str| STRUCTURES.iter().find(|(known, ..)| *known == code);
    if !value.is_valued() {
        say(v, "MSH-9", "type de message absent", remedy).code("101");
    } else if !codes.contains(&code.as_str()) {
        say(v, "MSH-9.1", "type de message non pris en charge sur ce flux", remedy)
            .against(expected, value.component(1));
    } else if !known(&code).is_some_and(|(.., events)| events.contains(&event.as_str())) {
        say(v, "MSH-9.2", "événement non pris en charge pour ce type de message", remedy)
            .code("201")
            .against(expected, value.component(2));
    }
}

fn document_type(message: &Message, v: &mut Verdicts<'_>) {
    expect_type(message, v, &["ORU", "MDM"], "ORU^R01, MDM^T02, MDM^T10 ou MDM^T04");
}

fn zam_type(message: &Message, v: &mut Verdicts<'_>) {
    expect_type(message, v, &["ZAM"], "ZAM^Z01, ZAM^Z02 ou ZAM^Z03");
}

/// The volet says 2.5 for ORU and 2.6 for MDM; the neighbours have the same segments, and are only noted (H018).
fn version(message: &Message, v: &mut Verdicts<'_>) {
    let version = message.msh().field(12).component(1);
    let known = ["2.5", "2.5.1", "2.6"];
    if !known.contains(&&*version.trimmed()) {
        let usual = if message_code(message) == "ORU" { "2.5" } else { "2.6" };
        say(v, "MSH-12", "version HL7 non prise en charge", format!("écrire {usual} en MSH-12"))
            .against(usual, version);
    }
}

fn accepted_edition(message: &Message, v: &mut Verdicts<'_>) {
    if edition(message) == Edition::V1 {
        say(
            v,
            "MSH-21",
            "édition 1.x du volet : ses destinataires ne sont que dans le CDA, la passerelle ne peut pas la traiter",
            "émettre selon l'édition 2.1 : MSH-21 = 2.1^CISIS_CDA_HL7_V2 et un PRT par destinataire",
        )
        .against("2.1 ou 2.0", message.msh().field(21).component(1));
    }
}

/// The volet towards the LPS has the same segments, other recipients and no flag: nothing could be done with it here.
fn for_the_pfi(message: &Message, v: &mut Verdicts<'_>) {
    if Profile::of(message) == Profile::DocumentToLps {
        let remedy = "émettre selon le volet vers la plateforme : MSH-21 = 2.1^CISIS_CDA_HL7_V2";
        say(
            v,
            "MSH-21",
            "ce message suit le volet vers le logiciel du professionnel (CISIS_CDA_HL7_LPS)",
            remedy,
        )
        .against("CISIS_CDA_HL7_V2", message.msh().field(21).component(2));
    }
}

/// A missing PID is told by the required segments.
fn one_pid(message: &Message, v: &mut Verdicts<'_>) {
    if message.segment("PID").is_some() {
        h028_one_pid(message, v);
    }
}

fn patient_id(message: &Message, v: &mut Verdicts<'_>) {
    let Some(pid) = message.segment("PID") else { return };
    if !pid.field(3).repetitions().any(|cx| cx.component(1).is_valued()) {
        say(
            v,
            "PID-3",
            "aucun identifiant du patient",
            "renseigner PID-3 avec l'INS ou l'IPP et son autorité",
        );
    }
}

fn some_document(message: &Message, v: &mut Verdicts<'_>) {
    if message.segment("OBX").is_none() {
        return;
    }
    let candidates = document_candidates(message);
    let remedy = "placer en premier l'OBX du document : OBX-2 = ED, OBX-5 = ^TEXT^XML^Base64^…";
    if candidates.is_empty() {
        say(v, "OBX[1]-5", "aucun OBX ne porte de document", remedy);
    }
    for (number, obx) in candidates {
        if obx.field(2) != "ED" {
            say(v, format!("OBX[{number}]-2"), "le premier OBX ne porte pas de document", remedy)
                .against("ED", obx.field(2));
        } else if !obx.field(5).component(5).is_valued() {
            say(v, format!("OBX[{number}]-5.5"), "le document est absent", remedy);
        }
    }
}

/// An edition that is refused anyway is not judged by rules it never knew.
fn coherence(message: &Message, v: &mut Verdicts<'_>) {
    if edition(message) != Edition::V1 {
        h051_coherence(message, v);
    }
}

fn base64(message: &Message, v: &mut Verdicts<'_>) {
    for (number, obx) in document_candidates(message) {
        let content = obx.field(5).component(5);
        if obx.field(2) != "ED" || !content.is_valued() {
            continue;
        }
        if let Err(fault) = base64_shape(content.raw()) {
            say(
                v,
                format!("OBX[{number}]-5.5"),
                base64_sentence(fault),
                "encoder le document en base64, sans saut de ligne dans le segment",
            );
        }
    }
}

fn zam_content(message: &Message, v: &mut Verdicts<'_>) {
    let fault = match crate::zam::read(message) {
        Ok(_) => return,
        Err(crate::zam::ZamError::NoControlId) => ("OBX[1]-4", "l'accusé ne nomme aucun message"),
        Err(crate::zam::ZamError::NoVerdict) => ("OBX[1]-5.1", "l'accusé ne dit ni Y ni N"),
        Err(_) => ("OBX[1]", "le message n'est pas un accusé métier"),
    };
    say(v, fault.0, fault.1, "suivre la structure ZAM_Z01");
}

#[cfg(test)]
mod tests;
