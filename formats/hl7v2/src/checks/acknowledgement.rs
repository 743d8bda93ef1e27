//! Checks on ZAM and ACK (H097, H099 to H102, H104).
//! In: a message. Out: findings. Source: hl7v2.md §2.12, §2.13, §8.

use jonction_model::Verdicts;

use super::{Refine, field, say, trigger_event};
use crate::{ack::AckCode, message::Message};

pub(crate) fn h097_zam_structure(message: &Message, v: &mut Verdicts<'_>) {
    let event = trigger_event(message);
    let mut needed = vec![("EVN", 1), ("OBX", 1)];
    if event != "Z01" {
        needed.push(("OBX", 2));
    }
    for (id, count) in needed {
        if message.segments_of(id).take(count).count() < count {
            say(
                v,
                format!("{id}[{count}]"),
                format!("le segment {id} n° {count} est absent"),
                "suivre la structure ZAM_Z01",
            );
        }
    }
    let negative = field(message, "OBX", 5).component(1) == "N";
    if negative != message.segment("ERR").is_some() {
        say(v, "ERR", "ERR accompagne un accusé négatif, et lui seul", "ajouter ou retirer le segment ERR");
    }
}

pub(crate) fn h099_zam_code(message: &Message, v: &mut Verdicts<'_>) {
    let [first, second] = match trigger_event(message).as_str() {
        "Z01" => ["ACK_RECEPTION_DMP", ""],
        "Z02" => ["ACK_RECEPTION_MSS", "DESTINATAIRE_MSS"],
        "Z03" => ["ACK_LECTURE_MSS", "LECTEUR_MSS"],
        _ => return,
    };
    for ((number, obx), expected) in (1..).zip(message.segments_of("OBX")).zip([first, second]) {
        let (code, system) = (obx.field(3).component(1), obx.field(3).component(3));
        if !expected.is_empty() && code != expected {
            say(
                v,
                format!("OBX[{number}]-3.1"),
                "code inattendu pour cet accusé",
                format!("écrire {expected}"),
            )
            .against(expected, code);
        }
        // Spelled with an accent once in the volet.
        if system.trimmed().replace('é', "e") != "AckMetierZAM" {
            say(v, format!("OBX[{number}]-3.3"), "système de codage inattendu", "écrire AckMetierZAM")
                .against("AckMetierZAM", system);
        }
    }
}

pub(crate) fn h100_zam_address(message: &Message, v: &mut Verdicts<'_>) {
    let Some(obx) = message.segments_of("OBX").nth(1) else { return };
    let value = obx.field(5);
    if obx.field(2) != "XTN" || value.component(3) != "X.400" || !value.component(4).is_valued() {
        say(v, "OBX[2]-5", "l'adresse de la boîte manque ou est mal écrite", "écrire XTN et ^^X.400^adresse");
    }
}

/// Table names of ERR-5.3: first the one of the volet, then those of its samples.
const TABLES: [(&str, &[&str]); 3] = [
    ("Z01", &["DMP_ERROR_CODE", "DMPERRORCODE"]),
    ("Z02", &["SMTPERRORCODE"]),
    ("Z03", &["applicationErrorCondition", "applicationErrorCode"]),
];

pub(crate) fn h101_zam_error(message: &Message, v: &mut Verdicts<'_>) {
    let Some(err) = message.segment("ERR") else { return };
    if err.field(3).component(1) != "207" {
        say(
            v,
            "ERR-3.1",
            "le code d'erreur d'un accusé métier est 207",
            "écrire 207^Application error^messageErrorCondition",
        )
        .against("207", err.field(3).component(1));
    }
    if !err.field(5).component(1).is_valued() {
        say(v, "ERR-5.1", "le motif de l'échec est absent", "renseigner ERR-5 : code^libellé^table");
    }
    let event = trigger_event(message);
    let Some((_, names)) = TABLES.iter().find(|(of, _)| *of == event) else { return };
    let table = err.field(5).component(3);
    if table != names[0] {
        let known = names.contains(&&*table.trimmed());
        let sentence =
            if known { "ancienne écriture de la table des motifs" } else { "table des motifs inattendue" };
        say(v, "ERR-5.3", sentence, format!("écrire {} en ERR-5.3", names[0]))
            .soft()
            .against(names[0], table);
    }
}

pub(crate) fn h102_ack_code(message: &Message, v: &mut Verdicts<'_>) {
    let code = field(message, "MSA", 1);
    if AckCode::parse(&code.text()).is_none() {
        say(v, "MSA-1", "code d'acquittement inconnu", "écrire AA, AE ou AR").against("AA, AE ou AR", code);
    }
}

pub(crate) fn h104_ack_errors(message: &Message, v: &mut Verdicts<'_>) {
    let Some(code) = AckCode::parse(&field(message, "MSA", 1).text()) else { return };
    if code.is_positive() {
        return;
    }
    let Some(err) = message.segment("ERR") else {
        say(v, "ERR", "un acquittement négatif porte au moins un ERR", "ajouter un segment ERR");
        return;
    };
    let old = message.header().version_numbers().is_some_and(|version| version < (2, 5));
    if old {
        return;
    }
    if !err.field(3).component(1).is_valued() || err.field(3).component(3) != "messageErrorCondition" {
        say(v, "ERR-3", "ERR-3 est incomplet", "écrire code^libellé^messageErrorCondition")
            .against("messageErrorCondition", err.field(3).component(3));
    }
    if !["E", "F", "I", "W"].contains(&&*err.field(4).trimmed()) {
        say(v, "ERR-4", "gravité inconnue", "écrire E, F, I ou W en ERR-4")
            .against("E, F, I ou W", err.field(4));
    }
}
