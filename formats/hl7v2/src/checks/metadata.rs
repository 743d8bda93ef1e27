//! Checks on the metadata OBX: flags, their combination, mail texts (H072 to H080, H092, H093).
//! In: a message. Out: findings. Source: hl7v2.md §2.8, §2.9, §8.

use jonction_model::Verdicts;

use super::{Refine, document::base64_shape, field, say};
use crate::{
    matrix::Matrix,
    message::{Message, Segment},
    volet::{Flag, answer, flags},
};

/// Metadata OBX with their path.
fn numbered(message: &Message) -> Vec<(String, Flag, Segment<'_>)> {
    let flag = |obx: Segment<'_>| Flag::of(&obx.field(3).component(1).trimmed());
    let all = (1..).zip(message.segments_of("OBX"));
    all.filter_map(|(number, obx)| Some((format!("OBX[{number}]"), flag(obx)?, obx)))
        .take(FLAGS_MAX)
        .collect()
}

/// Metadata OBX judged one by one; the volet has twelve.
const FLAGS_MAX: usize = 1000;

/// Flags that have a default when they are missing.
fn has_default(flag: Flag) -> bool {
    matches!(flag, Flag::ModifConfCode | Flag::AckReception | Flag::AckLectureMss)
}

pub(crate) fn h072_ten_flags(message: &Message, v: &mut Verdicts<'_>) {
    let found: Vec<Flag> = flags(message).map(|(flag, _)| flag).collect();
    for flag in Flag::questions() {
        let code = flag.code();
        let path = format!("OBX[3.1='{code}']");
        match found.iter().filter(|other| **other == flag).count() {
            1 => {}
            0 => {
                let finding =
                    say(v, path, format!("l'indicateur {code} est absent"), format!("ajouter l'OBX {code}"));
                if has_default(flag) {
                    finding.soft();
                }
            }
            _ => {
                say(v, path, format!("l'indicateur {code} est répété"), "ne l'envoyer qu'une fois")
                    .code("198");
            }
        }
    }
    if !found.is_sorted() {
        say(
            v,
            "OBX",
            "les indicateurs ne sont pas dans l'ordre du volet",
            "suivre l'ordre de la table MetaDMPMSS",
        )
        .soft()
        .code("100");
    }
}

pub(crate) fn h073_flag_type(message: &Message, v: &mut Verdicts<'_>) {
    let expected = if message.msh().field(12).component(1) == "2.5" { "CE" } else { "CWE" };
    for (path, flag, obx) in numbered(message) {
        if !flag.is_mail_text() && obx.field(2) != expected {
            say(
                v,
                format!("{path}-2"),
                "type de donnée inattendu pour un indicateur",
                format!("écrire {expected}"),
            )
            .against(expected, obx.field(2));
        }
    }
}

pub(crate) fn h074_flag_system(message: &Message, v: &mut Verdicts<'_>) {
    for (path, _, obx) in numbered(message) {
        let system = obx.field(3).component(3);
        if system != "MetaDMPMSS" {
            say(v, format!("{path}-3.3"), "système de codage inattendu", "écrire MetaDMPMSS")
                .against("MetaDMPMSS", system);
        }
    }
}

pub(crate) fn h075_flag_value(message: &Message, v: &mut Verdicts<'_>) {
    for (path, _, obx) in numbered(message).into_iter().filter(|(_, flag, _)| !flag.is_mail_text()) {
        let value = obx.field(5);
        if !["Y", "N"].contains(&&*value.component(1).trimmed()) {
            say(v, format!("{path}-5.1"), "la valeur d'un indicateur est Y ou N", "écrire Y ou N")
                .against("Y ou N", value.component(1));
        } else if value.component(3) != "expandedYes-NoIndicator" {
            say(
                v,
                format!("{path}-5.3"),
                "système de codage inattendu pour la valeur",
                "écrire Y^^expandedYes-NoIndicator",
            )
            .soft()
            .against("expandedYes-NoIndicator", value.component(3));
        }
    }
}

pub(crate) fn h076_flag_status(message: &Message, v: &mut Verdicts<'_>) {
    for (path, _, obx) in numbered(message) {
        if obx.field(11) != "F" {
            say(v, format!("{path}-11"), "le statut d'une métadonnée est F", "écrire F en OBX-11")
                .against("F", obx.field(11));
        }
    }
}

pub(crate) fn h077_former_codes(message: &Message, v: &mut Verdicts<'_>) {
    for (path, flag, obx) in numbered(message) {
        let code = obx.field(3).component(1);
        if code != flag.code() {
            say(v, format!("{path}-3.1"), "ancien code de métadonnée", format!("écrire {}", flag.code()))
                .against(flag.code(), code);
        }
    }
    let lots =
        (1..).zip(message.segments_of("OBX")).filter(|(_, obx)| obx.field(3).component(1) == "COMP_LOT");
    for (number, _) in lots {
        say(v, format!("OBX[{number}]-3.1"), "COMP_LOT n'existe plus", "retirer cet OBX");
    }
}

pub(crate) fn h078_hidden_from_patient(message: &Message, v: &mut Verdicts<'_>) {
    if yes(message, Flag::InvisiblePatient) && yes(message, Flag::Destmssantepat) {
        say(
            v,
            "OBX[3.1='DESTMSSANTEPAT']-5.1",
            "le document est invisible au patient mais lui est destiné",
            "mettre INVISIBLE_PATIENT ou DESTMSSANTEPAT à N",
        );
    }
}

fn yes(message: &Message, flag: Flag) -> bool {
    answer(message, flag) == Some(true)
}

pub(crate) fn h079_matrix(message: &Message, v: &mut Verdicts<'_>) {
    let yes = |flag| yes(message, flag);
    if yes(Flag::MasquePs) && yes(Flag::Destmssanteps) {
        say(
            v,
            "OBX[3.1='DESTMSSANTEPS']-5.1",
            "le document est masqué aux professionnels mais leur est envoyé par MSSanté",
            "mettre MASQUE_PS ou DESTMSSANTEPS à N",
        );
        return;
    }
    // What either text of the matrix accepts.
    let listed = [Matrix::Published212, Matrix::Head].into_iter().any(|text| text.lists(yes));
    if !listed {
        say(
            v,
            "OBX[3.1='DESTMSSANTEPS']-5.1",
            "cette combinaison d'indicateurs n'est pas dans la matrice MSSanté du volet",
            "vérifier les masques et les destinations ; la passerelle l'accepte en mode tolérant",
        );
    }
}

pub(crate) fn h080_some_destination(message: &Message, v: &mut Verdicts<'_>) {
    if ![Flag::Destdmp, Flag::Destmssanteps, Flag::Destmssantepat].into_iter().any(|flag| yes(message, flag))
    {
        say(
            v,
            "OBX[3.1='DESTDMP']-5.1",
            "le message ne demande aucune destination",
            "mettre à Y au moins un indicateur parmi DESTDMP, DESTMSSANTEPS, DESTMSSANTEPAT",
        );
    }
}

pub(crate) fn h092_no_reply(message: &Message, v: &mut Verdicts<'_>) {
    for (number, observation) in (1..).zip(message.observations()) {
        let flag = Flag::of(&observation.obx.field(3).component(1).trimmed());
        let fin = observation.notes.iter().any(|note| note.field(4).component(1) == "FIN");
        if fin && flag != Some(Flag::Destmssantepat) && number <= FLAGS_MAX {
            say(
                v,
                format!("OBX[{number}]"),
                "NTE-4 = FIN n'a de sens que derrière DESTMSSANTEPAT",
                "placer ce NTE juste après l'OBX DESTMSSANTEPAT",
            );
        }
    }
}

pub(crate) fn h093_mail_texts(message: &Message, v: &mut Verdicts<'_>) {
    let text = if field(message, "MSH", 9).component(1) == "ORU" { "TEXT" } else { "text" };
    for (path, _, obx) in numbered(message).into_iter().filter(|(_, flag, _)| flag.is_mail_text()) {
        if obx.field(2) != "ED" {
            say(v, format!("{path}-2"), "le corps du courriel n'est pas de type ED", "écrire ED en OBX-2")
                .against("ED", obx.field(2));
        } else if !obx.field(5).component(2).trimmed().eq_ignore_ascii_case(text) {
            say(
                v,
                format!("{path}-5.2"),
                "le corps du courriel n'est pas du texte",
                format!("écrire {text}"),
            )
            .against(text, obx.field(5).component(2));
        } else if base64_shape(obx.field(5).component(5).raw()).is_err() {
            say(
                v,
                format!("{path}-5.5"),
                "le base64 du corps du courriel est illisible ou tronqué",
                "encoder le texte UTF-8 en base64",
            );
        }
    }
}
