//! Checks on the OBX and the document they carry (H026, H063 to H071, H095).
//! In: a message. Out: findings. Source: hl7v2.md §2.6, §2.8, §3, §8.

use jonction_model::Verdicts;

use super::{FINDINGS_MAX, Refine, message_code, say};
use crate::{
    message::{Message, Segment},
    value::Value,
    volet::{DOCUMENTS_MAX, Flag, documents},
};

/// OBX that should carry a document: not a flag, and ED, or behind the OBR type. The first OBX always is.
pub(crate) fn document_candidates(message: &Message) -> Vec<(usize, Segment<'_>)> {
    let is_flag = |obx: &Segment<'_>| Flag::of(&obx.field(3).component(1).trimmed()).is_some();
    let is_document = |number: usize, obx: &Segment<'_>| {
        !is_flag(obx) && (number == 1 || obx.field(2) == "ED" && obx.field(5).component(3).is_valued())
    };
    let numbered = (1..).zip(message.segments_of("OBX")).filter(|(number, obx)| is_document(*number, obx));
    numbered.take(DOCUMENTS_MAX).collect()
}

/// Fields of type CE or CWE that the volets use, beside OBX-3 and OBX-5.
const CODED: &[(&str, usize)] = &[("OBR", 4), ("PRT", 4)];

pub(crate) fn h026_coding_systems(message: &Message, v: &mut Verdicts<'_>) {
    let mut said = 0;
    let mut judge = |path: String, value: Value<'_>| {
        if value.component(1).is_valued() && !value.component(3).is_valued() && said < FINDINGS_MAX {
            said += 1;
            say(v, path, "un code est donné sans son système de codage", "renseigner le troisième composant");
        }
    };
    for (id, number) in CODED {
        for (at, segment) in (1..).zip(message.segments_of(id)) {
            judge(format!("{id}[{at}]-{number}"), segment.field(*number));
        }
    }
    for (at, obx) in (1..).zip(message.segments_of("OBX")) {
        // The OBX that carries a mail towards the LPS is identified by its Message-ID: no coding system (§3).
        let is_mail = obx.field(2) == "ED" && !obx.field(5).component(3).is_valued();
        if !is_mail || Flag::of(&obx.field(3).component(1).trimmed()).is_some() {
            judge(format!("OBX[{at}]-3"), obx.field(3));
        }
        if obx.field(2) == "CE" || obx.field(2) == "CWE" {
            judge(format!("OBX[{at}]-5"), obx.field(5));
        }
    }
}

pub(crate) fn h063_data_type(message: &Message, v: &mut Verdicts<'_>) {
    for (number, obx) in document_candidates(message) {
        if obx.field(2) != "ED" {
            say(v, format!("OBX[{number}]-2"), "le document n'est pas de type ED", "écrire ED en OBX-2")
                .against("ED", obx.field(2));
        }
    }
}

pub(crate) fn h064_data_form(message: &Message, v: &mut Verdicts<'_>) {
    let text = if message_code(message) == "ORU" { "TEXT" } else { "text" };
    for (number, obx) in document_candidates(message) {
        for (component, expected) in [(2, text), (3, "XML"), (4, "Base64")] {
            let value = obx.field(5).component(component);
            let found = value.trimmed();
            if found == expected {
                continue;
            }
            let finding = say(
                v,
                format!("OBX[{number}]-5.{component}"),
                format!("OBX-5.{component} doit valoir {expected}"),
                format!("écrire {expected}"),
            );
            finding.against(expected, value);
            if found.eq_ignore_ascii_case(expected) {
                finding.soft();
            }
        }
    }
}

/// What is wrong with a base64 text, as the decoder will see it: blanks skipped, padding optional.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base64Fault {
    Empty,
    /// A byte of another alphabet, or data behind the padding.
    Alphabet,
    /// One character of a quantum of four is left over.
    Length,
}

/// Judges a base64 text without decoding it. Ok: whether it has blanks or lacks its padding.
pub(crate) fn base64_shape(raw: &[u8]) -> Result<bool, Base64Fault> {
    const BLOCK: usize = 64;
    let data =
        |b: u8| (b | 0x20).wrapping_sub(b'a') < 26 || b.wrapping_sub(b'0') < 10 || b == b'+' || b == b'/';
    let (mut letters, mut padding, mut irregular) = (0_usize, 0_usize, false);
    for block in raw.chunks(BLOCK) {
        // Nearly every block is plain data: judged without a branch per byte, which the compiler vectorises.
        if padding == 0 && block.iter().fold(true, |all, &b| all & data(b)) {
            letters += block.len();
            continue;
        }
        for &byte in block {
            match byte {
                b'=' if padding < 2 => padding += 1,
                b' ' | b'\t' | b'\r' | b'\n' => irregular = true,
                _ if padding == 0 && data(byte) => letters += 1,
                _ => return Err(Base64Fault::Alphabet),
            }
        }
    }
    match letters % 4 {
        0 if letters == 0 => Err(Base64Fault::Empty),
        1 => Err(Base64Fault::Length),
        rest => Ok(irregular || padding != (4 - rest) % 4),
    }
}

pub(crate) fn h065_base64(message: &Message, v: &mut Verdicts<'_>) {
    for (number, obx) in document_candidates(message) {
        let path = format!("OBX[{number}]-5.5");
        let remedy = "encoder le document en base64, sans saut de ligne, avec ses caractères = de fin";
        match base64_shape(obx.field(5).component(5).raw()) {
            Ok(false) => {}
            Ok(true) => {
                say(v, path, "le base64 du document a des blancs ou n'a pas ses caractères = de fin", remedy)
                    .soft();
            }
            Err(fault) => {
                say(v, path, base64_sentence(fault), remedy);
            }
        }
    }
}

pub(crate) fn base64_sentence(fault: Base64Fault) -> &'static str {
    match fault {
        Base64Fault::Empty => "le document est vide",
        Base64Fault::Alphabet => "le document n'est pas en base64",
        Base64Fault::Length => "le base64 du document est tronqué",
    }
}

pub(crate) fn h069_documents_of_oru(message: &Message, v: &mut Verdicts<'_>) {
    let documents = documents(message);
    if message_code(message) == "ORU" && documents.len() > 2 {
        say(v, "OBX", "plus de deux documents dans un ORU", "envoyer au plus deux documents (N1 et N3)")
            .found = Some(documents.len().to_string());
    }
}

pub(crate) fn h070_document_of_mdm(message: &Message, v: &mut Verdicts<'_>) {
    let count = documents(message).len();
    if message_code(message) == "MDM" && count != 1 {
        say(v, "OBX", "un MDM porte un document et un seul", "envoyer un document par message MDM").found =
            Some(count.to_string());
    }
}

pub(crate) fn h071_numbering(message: &Message, v: &mut Verdicts<'_>) {
    let wrong = (1_usize..)
        .zip(message.segments_of("OBX"))
        .find(|(number, obx)| obx.field(1) != number.to_string().as_str());
    if let Some((number, obx)) = wrong {
        say(
            v,
            format!("OBX[{number}]-1"),
            "la numérotation des OBX n'est pas continue",
            "numéroter de 1 à n",
        )
        .against(number.to_string(), obx.field(1));
    }
}

pub(crate) fn h095_mail(message: &Message, v: &mut Verdicts<'_>) {
    let Some(obx) = message.segments_of("OBX").nth(1) else {
        say(v, "OBX[2]", "l'OBX du courriel est absent", "ajouter l'OBX du courriel après celui du document");
        return;
    };
    let parts = [
        (obx.field(2) == "ED", "OBX[2]-2", "l'OBX du courriel n'est pas de type ED"),
        (obx.field(3).component(1).is_valued(), "OBX[2]-3.1", "le Message-ID du courriel est absent"),
        (obx.field(3).component(2).is_valued(), "OBX[2]-3.2", "l'objet du courriel est absent"),
        (
            base64_shape(obx.field(5).component(5).raw()).is_ok(),
            "OBX[2]-5.5",
            "le corps du courriel n'est pas en base64",
        ),
    ];
    for (_, path, sentence) in parts.into_iter().filter(|(sound, ..)| !sound) {
        say(v, path, sentence, "écrire ED, Message-ID^objet, ^text^^Base64^corps");
    }
}
