//! Checks on MSH (H011 to H024) and on dates anywhere (H120).
//! In: a message. Out: findings. Source: hl7v2.md §2.2 and §8.

use jonction_model::{DocumentTime, Verdicts};

use super::{FINDINGS_MAX, Refine, message_code, say, trigger_event};
use crate::{
    message::Message,
    volet::{Edition, edition},
};

/// Message types with their events and the structure each event has. Source: hl7v2.md §1, §4.2, §5.
pub(crate) const STRUCTURES: &[(&str, &str, &[&str])] = &[
    ("ORU", "ORU_R01", &["R01"]),
    ("MDM", "MDM_T02", &["T02", "T04", "T10"]),
    ("ZAM", "ZAM_Z01", &["Z01", "Z02", "Z03"]),
    ("ACK", "ACK", &["R01", "T02", "T04", "T10", "Z01", "Z02", "Z03"]),
    ("ADT", "ADT_A01", &["A01", "A04", "A08", "A13", "Z99"]),
    ("ADT", "ADT_A02", &["A02"]),
    ("ADT", "ADT_A03", &["A03"]),
    ("ADT", "ADT_A05", &["A05", "A14", "A28", "A31"]),
    ("ADT", "ADT_A06", &["A06", "A07"]),
    ("ADT", "ADT_A09", &["A09", "A10", "A11"]),
    ("ADT", "ADT_A12", &["A12"]),
    ("ADT", "ADT_A15", &["A15"]),
    ("ADT", "ADT_A16", &["A16"]),
    ("ADT", "ADT_A21", &["A21", "A22", "A25", "A26", "A27", "A32", "A33"]),
    ("ADT", "ADT_A30", &["A47", "A49"]),
    ("ADT", "ADT_A38", &["A38"]),
    ("ADT", "ADT_A39", &["A40"]),
    ("ADT", "ADT_A43", &["A44"]),
    ("ADT", "ADT_A52", &["A52", "A53", "A55"]),
    ("ADT", "ADT_A54", &["A54"]),
];

pub(crate) fn h011_parties(message: &Message, v: &mut Verdicts<'_>) {
    let names = [
        "application émettrice",
        "structure émettrice",
        "application destinataire",
        "structure destinataire",
    ];
    for (number, name) in (3..).zip(names) {
        if !message.msh().field(number).is_valued() {
            say(v, format!("MSH-{number}"), format!("{name} absente"), "renseigner MSH-3 à MSH-6");
        }
    }
}

pub(crate) fn h012_time(message: &Message, v: &mut Verdicts<'_>) {
    let time = message.msh().field(7);
    let remedy = "écrire AAAAMMJJhhmm[ss][±ZZzz]";
    if !time.is_valued() {
        say(v, "MSH-7", "date du message absente", remedy);
    } else if !DocumentTime::parse(&time.component(1).trimmed()).is_ok_and(|time| time.as_str().len() >= 12) {
        say(v, "MSH-7", "date du message mal formée, ou sans heure et minutes", remedy).code("102");
    }
}

pub(crate) fn h013_type(message: &Message, v: &mut Verdicts<'_>) {
    let (code, event) = (message_code(message), trigger_event(message));
    let value = message.msh().field(9);
    let remedy = "écrire le type, l'événement et la structure : ORU^R01^ORU_R01, MDM^T02^MDM_T02…";
    if !value.is_valued() {
        say(v, "MSH-9", "type de message absent", remedy).code("101");
    } else if !STRUCTURES.iter().any(|(known, ..)| *known == code) {
        say(v, "MSH-9.1", "type de message non pris en charge", remedy)
            .against("ORU, MDM, ZAM, ACK ou ADT", value.component(1));
    } else if code != "ACK"
        && !STRUCTURES.iter().any(|(known, _, events)| *known == code && events.contains(&event.as_str()))
    {
        say(v, "MSH-9.2", "événement non pris en charge pour ce type", remedy)
            .code("201")
            .against("un événement du volet", value.component(2));
    } else if !value.component(3).is_valued() {
        say(v, "MSH-9.3", "structure du message absente", remedy).code("201");
    } else if value.component(4).is_valued() {
        say(v, "MSH-9", "MSH-9 compte plus de trois composants", remedy);
    }
}

pub(crate) fn h014_structure(message: &Message, v: &mut Verdicts<'_>) {
    let (code, event) = (message_code(message), trigger_event(message));
    let structure = message.msh().field(9).component(3);
    let row = STRUCTURES.iter().find(|(known, _, events)| *known == code && events.contains(&event.as_str()));
    if let Some((_, expected, _)) = row
        && structure.is_valued()
        && structure != *expected
    {
        say(
            v,
            "MSH-9.3",
            "la structure ne correspond pas à l'événement",
            format!("écrire {expected} en MSH-9.3"),
        )
        .against(*expected, structure);
    }
}

pub(crate) fn h015_control_id(message: &Message, v: &mut Verdicts<'_>) {
    let id = message.msh().field(10);
    let length = id.text().chars().count();
    // 199 since 2.7.
    let room =
        if message.header().version_numbers().is_some_and(|version| version >= (2, 7)) { 199 } else { 20 };
    if !id.is_valued() {
        say(v, "MSH-10", "identifiant du message absent", "donner à chaque message un identifiant unique");
    } else if length > room {
        say(v, "MSH-10", format!("identifiant du message de plus de {room} caractères"), "le raccourcir")
            .soft();
    }
}

pub(crate) fn h017_processing(message: &Message, v: &mut Verdicts<'_>) {
    let processing = message.msh().field(11).component(1);
    if !["P", "T", "D"].contains(&&*processing.trimmed()) {
        say(
            v,
            "MSH-11",
            "mode de traitement inconnu",
            "écrire P (production), T (test) ou D (mise au point)",
        )
        .against("P, T ou D", processing);
    }
}

pub(crate) fn h018_version_to_pfi(message: &Message, v: &mut Verdicts<'_>) {
    let expected = match message_code(message).as_str() {
        "ORU" => "2.5",
        "MDM" => "2.6",
        _ => return,
    };
    version(message, v, expected);
}

pub(crate) fn h019_version_2_6(message: &Message, v: &mut Verdicts<'_>) {
    version(message, v, "2.6");
}

fn version(message: &Message, v: &mut Verdicts<'_>, expected: &str) {
    let version = message.msh().field(12).component(1);
    if version != expected {
        say(
            v,
            "MSH-12",
            "version HL7 inattendue pour ce type de message",
            format!("écrire {expected} en MSH-12"),
        )
        .against(expected, version);
    }
}

pub(crate) fn h021_country(message: &Message, v: &mut Verdicts<'_>) {
    let country = message.msh().field(17);
    if country != "FRA" {
        say(v, "MSH-17", "code pays absent ou différent de FRA", "écrire FRA en MSH-17")
            .against("FRA", country);
    }
}

pub(crate) fn h022_charset(message: &Message, v: &mut Verdicts<'_>) {
    let charset = message.msh().field(18).repetition(1);
    if !["UNICODE UTF-8", "8859/15"].contains(&&*charset.trimmed()) {
        say(v, "MSH-18", "jeu de caractères hors du volet", "écrire UNICODE UTF-8 ou 8859/15 en MSH-18")
            .against("UNICODE UTF-8 ou 8859/15", charset);
    }
}

pub(crate) fn h023_profile_to_pfi(message: &Message, v: &mut Verdicts<'_>) {
    let profile = message.msh().field(21);
    let remedy = "écrire 2.1^CISIS_CDA_HL7_V2 en MSH-21";
    match edition(message) {
        Edition::V2_1 => {}
        Edition::V2_0 | Edition::V1 => {
            say(v, "MSH-21", "édition ancienne du volet", remedy).soft().against("2.1", profile.component(1));
        }
        Edition::Lps | Edition::Unknown => {
            say(v, "MSH-21", "le profil du volet n'est pas annoncé", remedy)
                .against("2.1^CISIS_CDA_HL7_V2", profile.component(2));
        }
    }
}

pub(crate) fn h024_profile_to_lps(message: &Message, v: &mut Verdicts<'_>) {
    let profile = message.msh().field(21);
    if edition(message) != Edition::Lps || profile.component(1) != "1.1" {
        say(
            v,
            "MSH-21",
            "le profil du volet LPS 1.1 n'est pas annoncé",
            "écrire 1.1^CISIS_CDA_HL7_LPS en MSH-21",
        )
        .against("1.1^CISIS_CDA_HL7_LPS", profile.component(2));
    }
}

/// Fields of type TS or DT that the volets use; 1 as component means the whole field.
const DATES: &[(&str, usize)] = &[
    ("MSH", 7),
    ("EVN", 2),
    ("EVN", 6),
    ("PID", 7),
    ("PV1", 44),
    ("PV1", 45),
    ("ORC", 9),
    ("OBR", 7),
    ("TXA", 4),
    ("TXA", 6),
    ("TXA", 7),
    ("TXA", 8),
    ("OBX", 14),
    ("ZBE", 2),
    ("ZFA", 2),
    ("ZFA", 10),
    ("ZFA", 12),
];

pub(crate) fn h120_dates(message: &Message, v: &mut Verdicts<'_>) {
    let dates = DATES.iter().flat_map(|&(id, number)| {
        (1..)
            .zip(message.segments_of(id))
            .map(move |(at, segment)| (id, at, number, segment.field(number).component(1)))
    });
    let possible = |id: &str, number: usize, text: &str| match (id, number) {
        ("PID", 7) => DocumentTime::parse(&solar(text)).is_ok(),
        _ => DocumentTime::parse(text).is_ok(),
    };
    let wrong =
        dates.filter(|(id, _, number, date)| date.is_valued() && !possible(id, *number, &date.trimmed()));
    for (id, at, number, _) in wrong.take(FINDINGS_MAX) {
        say(
            v,
            format!("{id}[{at}]-{number}"),
            "date mal formée ou impossible",
            "écrire AAAA[MM[JJ[hh[mm[ss]]]]][±ZZzz]",
        );
    }
}

/// A lunar birth date (month or day 00, hl7v2.md §4.5) with 01 in place of what is unknown.
fn solar(text: &str) -> String {
    let part = |from: usize, to: usize| match text.get(from..to) {
        Some("00") => "01",
        Some(known) => known,
        None => "",
    };
    match text.len() {
        8 if text.is_ascii() => format!("{}{}{}", &text[..4], part(4, 6), part(6, 8)),
        _ => text.to_owned(),
    }
}
