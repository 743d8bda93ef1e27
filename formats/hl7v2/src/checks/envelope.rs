//! Checks on the bytes: delimiters, line ends, ids, charset, control bytes, escapes (H002 to H010).
//! In: a message and its notes. Out: findings. Source: hl7v2.md §6 and §8.

use jonction_model::Verdicts;

use super::{FINDINGS_MAX, Refine, say, shown};
use crate::{
    charset::CharsetFinding,
    escape::{EscapeProblem, first_problem},
    message::{Message, Segment},
    note::Note,
};

/// Segments with their path (`OBX[3]`), counted in one pass.
fn numbered(message: &Message) -> impl Iterator<Item = (String, Segment<'_>)> {
    let mut counts = std::collections::HashMap::new();
    message.segments().map(move |segment| {
        let count = counts.entry(segment.id_raw()).or_insert(0_usize);
        *count += 1;
        (format!("{}[{count}]", segment.id()), segment)
    })
}

pub(crate) fn h002_one_header(message: &Message, v: &mut Verdicts<'_>) {
    let extra = message.notes().iter().any(|note| matches!(note, Note::ExtraHeader { .. }));
    if extra {
        say(v, "MSH[2]", "plusieurs segments MSH dans une même trame", "envoyer un message par trame");
    }
}

pub(crate) fn h003_delimiters(message: &Message, v: &mut Verdicts<'_>) {
    if message.delimiters().is_repaired() {
        say(
            v,
            "MSH-2",
            "le séparateur de répétition est le caractère U+02DC (petit tilde), pas le tilde ~ ; lu comme un tilde",
            "corriger le modèle de message : écrire ^~\\&",
        )
        .soft();
    }
}

pub(crate) fn h004_standard_delimiters(message: &Message, v: &mut Verdicts<'_>) {
    if message.msh().field(1).raw() != b"|" || message.msh().field(2).raw() != b"^~\\&" {
        say(v, "MSH-2", "les séparateurs ne sont pas ceux du volet", "écrire MSH|^~\\&|");
    }
}

pub(crate) fn h005_line_ends(message: &Message, v: &mut Verdicts<'_>) {
    for note in message.notes() {
        if let Note::LineEnds { lf, crlf } = note {
            let finding = say(
                v,
                "",
                "des segments ne se terminent pas par le seul caractère CR",
                "terminer chaque segment par CR (0x0D), sans LF",
            );
            finding.expected = Some("CR".to_owned());
            finding.found = Some(format!("LF {lf} fois, CR LF {crlf} fois"));
        }
    }
}

pub(crate) fn h006_last_segment(message: &Message, v: &mut Verdicts<'_>) {
    if message.notes().contains(&Note::LastSegmentUnterminated) {
        say(v, "", "le dernier segment n'est pas terminé", "ajouter CR (0x0D) après le dernier segment");
    }
}

pub(crate) fn h007_segment_ids(message: &Message, v: &mut Verdicts<'_>) {
    let odd = message.notes().iter().filter_map(|note| match note {
        Note::OddSegmentId { segment } => Some(*segment),
        _ => None,
    });
    for segment in odd.take(FINDINGS_MAX) {
        say(
            v,
            "",
            format!("la ligne {segment} ne commence pas par un nom de segment"),
            "vérifier qu'aucun champ ne contient de retour à la ligne (écrire \\X0D\\ ou \\.br\\)",
        );
    }
}

pub(crate) fn h008_charset(message: &Message, v: &mut Verdicts<'_>) {
    let charset = message.charset();
    let sentence = match charset.finding() {
        Some(CharsetFinding::NotUtf8) => Some("le message annonce UTF-8 mais n'en est pas"),
        Some(CharsetFinding::IsUtf8) => {
            Some("le message est en UTF-8 mais annonce un autre jeu de caractères")
        }
        Some(CharsetFinding::Undeclared) => {
            Some("le message a des accents sans annoncer de jeu de caractères")
        }
        Some(CharsetFinding::Unknown) => Some("le jeu de caractères annoncé est inconnu"),
        None => None,
    };
    if let Some(sentence) = sentence {
        let finding = say(
            v,
            "MSH-18",
            sentence,
            "mettre MSH-18 en accord avec l'encodage réel (UNICODE UTF-8 ou 8859/15)",
        );
        finding.expected = Some(charset.used().to_owned());
        finding.found = Some(shown(message.msh().field(18)));
    }
    if charset.is_double_encoded() {
        say(
            v,
            "MSH-18",
            "des accents ont été encodés deux fois (« Ã© » pour « é »)",
            "convertir une seule fois vers UTF-8 à l'émission",
        );
    }
}

pub(crate) fn h009_control_bytes(message: &Message, v: &mut Verdicts<'_>) {
    let control = |byte: &u8| *byte < 0x20 || *byte == 0x7f;
    let faulty = numbered(message).flat_map(|(path, segment)| {
        (1..)
            .zip(segment.fields())
            .filter(move |(_, value)| value.searchable().iter().any(control))
            .map(move |(number, _)| format!("{path}-{number}"))
    });
    for path in faulty.take(FINDINGS_MAX) {
        say(
            v,
            path,
            "le champ contient un caractère de commande",
            "l'écrire en séquence \\Xhh\\ ou le retirer",
        );
    }
}

pub(crate) fn h010_escapes(message: &Message, v: &mut Verdicts<'_>) {
    let delimiters = message.delimiters();
    let mut said = 0;
    for (path, segment) in numbered(message) {
        // MSH-1 and MSH-2 hold the escape character itself.
        for (number, value) in (1..).zip(segment.fields()).filter(|(n, _)| *n > 2 || !segment.is_header()) {
            let problem =
                value.repetitions().flat_map(|r| r.components()).flat_map(|c| c.subcomponents()).find_map(
                    |leaf| {
                        if leaf.span().len() > 65536 { None } else { first_problem(leaf.raw(), delimiters) }
                    },
                );
            let Some((problem, _)) = problem else { continue };
            let sentence = match problem {
                EscapeProblem::Unterminated => {
                    "une séquence d'échappement n'est pas fermée ; gardée telle quelle"
                }
                EscapeProblem::Unknown => "une séquence d'échappement est inconnue ; gardée telle quelle",
                EscapeProblem::CharsetSwitch => {
                    "un changement de jeu de caractères (\\C..\\, \\M..\\) n'est pas pris en charge"
                }
            };
            say(v, format!("{path}-{number}"), sentence, "écrire \\E\\ pour une barre oblique inverse");
            said += 1;
            if said == FINDINGS_MAX {
                return;
            }
        }
    }
}
