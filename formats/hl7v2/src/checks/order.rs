//! Checks on the structure, the order and TXA (H027, H051 to H061).
//! In: a message. Out: findings. Source: hl7v2.md §1.1, §2.1, §2.4, §2.5, §8.

use jonction_model::{Operation, Verdicts};

use super::{FINDINGS_MAX, Refine, field, message_code, say, trigger_event};
use crate::{
    message::Message,
    value::Value,
    volet::{self, Edition, Flag, answer, edition, expected_code, signals},
};

/// Segments that a message of the volet must hold, in order. Source: hl7v2.md §2.1.
pub(crate) fn required_segments(message: &Message) -> &'static [&'static str] {
    match (message_code(message).as_str(), edition(message)) {
        ("ORU", _) => &["MSH", "PID", "PV1", "ORC", "OBR", "OBX"],
        // Edition 2.0 has neither ORC nor OBR in MDM.
        ("MDM", Edition::V2_0) => &["MSH", "EVN", "PID", "PV1", "TXA", "OBX"],
        ("MDM", _) => &["MSH", "EVN", "PID", "PV1", "ORC", "OBR", "TXA", "OBX"],
        _ => &["MSH"],
    }
}

pub(crate) fn missing_segments(message: &Message, v: &mut Verdicts<'_>) {
    for id in required_segments(message) {
        if message.segment(id).is_none() {
            say(v, *id, format!("le segment {id} est absent"), format!("ajouter le segment {id}"));
        }
    }
}

pub(crate) fn h027_structure(message: &Message, v: &mut Verdicts<'_>) {
    missing_segments(message, v);
    let required = required_segments(message);
    let mut last = 0;
    for id in required {
        let mut found = message.segments_of(id);
        let Some(first) = found.next() else { continue };
        if first.position() < last {
            say(
                v,
                *id,
                format!("le segment {id} n'est pas à sa place"),
                format!("ordre attendu : {}", required.join(" ")),
            );
        }
        last = last.max(first.position());
        // In an ORU the group ORC OBR may repeat.
        let single = *id != "OBX" && !(message_code(message) == "ORU" && matches!(*id, "ORC" | "OBR"));
        if single && found.next().is_some() {
            say(
                v,
                format!("{id}[2]"),
                format!("le segment {id} est répété"),
                format!("n'envoyer qu'un segment {id}"),
            )
            .code("198");
        }
    }
}

pub(crate) fn h051_coherence(message: &Message, v: &mut Verdicts<'_>) {
    let signals = signals(message);
    let Some(operation) = signals.iter().find_map(|signal| signal.means) else { return };
    let asked = match operation {
        Operation::Submit => "une intégration initiale",
        Operation::Replace => "un remplacement",
        Operation::Delete => "une suppression",
    };
    let reference = signals.iter().find(|signal| signal.means.is_some()).map_or("", |signal| &signal.path);
    for signal in signals.iter().filter(|signal| signal.means != Some(operation)).take(FINDINGS_MAX) {
        let expected = expected_code(&signal.path, operation);
        let finding = say(
            v,
            signal.path.clone(),
            format!("{reference} demande {asked}, ce champ dit autre chose"),
            "accorder ORC-1, OBX-11 et l'événement : NW F T02, RO C T10, CA D T04",
        );
        finding.expected = Some(expected.to_owned());
        finding.found =
            Some(if signal.text.len() <= 3 { signal.text.clone() } else { "un autre code".to_owned() });
    }
}

pub(crate) fn h052_document_type(message: &Message, v: &mut Verdicts<'_>) {
    for obr in message.segments_of("OBR").take(FINDINGS_MAX) {
        let code = obr.field(4);
        let complete = (1..=3).all(|number| code.component(number).is_valued());
        if !complete || !["LN", "TRE_A05"].contains(&&*code.component(3).trimmed()) {
            say(v, "OBR-4", "type de document incomplet", "écrire code^libellé^LN ou code^libellé^TRE_A05")
                .against("LN ou TRE_A05", code.component(3));
        }
    }
}

pub(crate) fn h055_same_type(message: &Message, v: &mut Verdicts<'_>) {
    let (Some(document), Some(obr)) = (volet::documents(message).into_iter().next(), message.segment("OBR"))
    else {
        return;
    };
    let (observed, ordered) = (document.obx.field(3), obr.field(4));
    let same = |number: usize| observed.component(number).trimmed() == ordered.component(number).trimmed();
    let path = format!("OBX[{}]-3", document.obx.occurrence());
    if !same(1) {
        say(v, path, "le type du document diffère de celui d'OBR-4", "recopier OBR-4 en OBX-3")
            .against(ordered.component(1).trimmed(), observed.component(1));
    } else if !same(2) || !same(3) {
        say(v, path, "le libellé ou le système du type diffère d'OBR-4", "recopier OBR-4 en OBX-3").soft();
    }
}

pub(crate) fn h056_txa_type(message: &Message, v: &mut Verdicts<'_>) {
    let (Some(txa), Some(obr)) = (message.segment("TXA"), message.segment("OBR")) else { return };
    let ordered = obr.field(4).component(1);
    if ordered.is_valued() && txa.field(2).component(1).trimmed() != ordered.trimmed() {
        say(v, "TXA-2", "le type de TXA-2 diffère de celui d'OBR-4", "recopier OBR-4.1 en TXA-2")
            .against(ordered.trimmed(), txa.field(2).component(1));
    }
}

pub(crate) fn h057_txa_constants(message: &Message, v: &mut Verdicts<'_>) {
    let Some(txa) = message.segment("TXA") else { return };
    for (number, expected) in [(1, "1"), (3, "TEXT"), (17, "AU")] {
        let value = txa.field(number);
        if value == expected {
            continue;
        }
        let finding = say(
            v,
            format!("TXA-{number}"),
            format!("TXA-{number} doit valoir {expected}"),
            format!("écrire {expected} en TXA-{number}"),
        );
        finding.against(expected, value);
        // Older editions wrote LA.
        if number == 17 && value == "LA" {
            finding.soft();
        }
    }
}

pub(crate) fn h058_document_id(message: &Message, v: &mut Verdicts<'_>) {
    if let Some(txa) = message.segment("TXA")
        && !txa.field(12).component(1).is_valued()
    {
        say(v, "TXA-12", "l'identifiant du document est absent", "recopier ClinicalDocument/id en TXA-12")
            .code("101");
    }
}

/// An identifier by the EI rule of §2.4: `root`, or `extension^^root^ISO`.
fn ei_rule(v: &mut Verdicts<'_>, path: &str, ei: Value<'_>) {
    let valued = |number: usize| ei.component(number).is_valued();
    if !valued(1) || !(2..=4).any(valued) {
        return;
    }
    let with_extension = !valued(2) && valued(3) && ei.component(4) == "ISO";
    if !with_extension {
        say(
            v,
            path,
            "identifiant de document mal écrit : lu par son premier composant",
            "écrire l'OID seul, ou extension^^OID^ISO",
        );
    }
}

pub(crate) fn h059_id_form(message: &Message, v: &mut Verdicts<'_>) {
    ei_rule(v, "TXA-12", field(message, "TXA", 12));
    ei_rule(v, "TXA-13", field(message, "TXA", 13));
}

pub(crate) fn h060_id_extension(message: &Message, v: &mut Verdicts<'_>) {
    let id = field(message, "TXA", 12);
    if id.component(3).is_valued() && answer(message, Flag::Destdmp) == Some(true) {
        say(
            v,
            "TXA-12",
            "le DMP n'accepte pas un identifiant de document avec extension",
            "identifier les documents destinés au DMP par un OID seul",
        );
    }
}

pub(crate) fn h061_replaced_id(message: &Message, v: &mut Verdicts<'_>) {
    if trigger_event(message) == "T10" && !field(message, "TXA", 13).component(1).is_valued() {
        say(
            v,
            "TXA-13",
            "l'identifiant du document remplacé est absent",
            "renseigner TXA-13 pour un remplacement",
        );
    }
}
