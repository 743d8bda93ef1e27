//! Checks on PRT: sender, recipients, addresses, national identifiers (H081 to H091, H096).
//! In: a message. Out: findings, without names nor addresses. Source: hl7v2.md §2.7 and §8.

use jonction_model::{
    MssAddress, RecipientKind, Verdicts,
    ids::PATIENT_DOMAIN,
    people::{PERSON_AUTHORITY, STRUCTURE_AUTHORITY},
};

use super::{FINDINGS_MAX, Refine, field, say};
use crate::{
    message::{Message, Segment},
    volet::{Flag, answer, documents, recipient_kind},
};

/// PRT with their path, at most as many as findings could tell of.
fn numbered(message: &Message) -> Vec<(String, Segment<'_>)> {
    (1..).zip(message.segments_of("PRT")).take(1000).map(|(n, prt)| (format!("PRT[{n}]"), prt)).collect()
}

fn role(prt: Segment<'_>) -> String {
    prt.field(4).component(1).trimmed().into_owned()
}

fn is_patient(prt: Segment<'_>) -> bool {
    recipient_kind(prt) == RecipientKind::Patient
}

pub(crate) fn h081_sender(message: &Message, v: &mut Verdicts<'_>) {
    if answer(message, Flag::Destdmp) != Some(true) {
        return;
    }
    let remedy = "ajouter un PRT SB avec la personne (PRT-5) ou l'appareil (PRT-10), et la structure (PRT-8)";
    let Some((path, prt)) = numbered(message).into_iter().find(|(_, prt)| role(*prt) == "SB") else {
        say(v, "PRT[4.1='SB']", "l'expéditeur (PRT SB) est absent alors que le DMP est demandé", remedy);
        return;
    };
    if !prt.field(5).is_valued() && !prt.field(10).is_valued() {
        say(v, format!("{path}-5"), "l'expéditeur n'est ni une personne ni un appareil", remedy);
    }
    if !prt.field(8).is_valued() {
        say(v, format!("{path}-8"), "la structure de l'expéditeur est absente", remedy);
    }
}

pub(crate) fn h082_recipients(message: &Message, v: &mut Verdicts<'_>) {
    let recipients: Vec<_> = numbered(message).into_iter().filter(|(_, prt)| role(*prt) == "RCT").collect();
    for (flag, patient) in [(Flag::Destmssanteps, false), (Flag::Destmssantepat, true)] {
        let fits = recipients.iter().find(|(_, prt)| is_patient(*prt) == patient);
        let code = flag.code();
        match (answer(message, flag), fits) {
            (Some(true), None) => {
                say(
                    v,
                    format!("OBX[3.1='{code}']-5.1"),
                    format!("{code} vaut Y mais aucun destinataire de cette sorte n'est donné"),
                    "ajouter un PRT RCT avec son adresse MSSanté en PRT-15.4",
                );
            }
            (Some(false), Some((path, _))) => {
                say(
                    v,
                    path.clone(),
                    format!("un destinataire est donné mais {code} vaut N : rien ne lui sera envoyé"),
                    format!("mettre {code} à Y, ou retirer ce PRT"),
                )
                .soft();
            }
            _ => {}
        }
    }
}

pub(crate) fn h083_place(message: &Message, v: &mut Verdicts<'_>) {
    let behind: usize = documents(message).iter().map(|document| document.participations.len()).sum();
    if behind < message.segments_of("PRT").count() {
        say(
            v,
            "PRT",
            "un PRT ne suit pas l'OBX d'un document",
            "placer tous les PRT juste après le premier OBX du document",
        );
    }
}

pub(crate) fn h084_action(message: &Message, v: &mut Verdicts<'_>) {
    for (path, prt) in
        numbered(message).into_iter().filter(|(_, prt)| prt.field(2) != "UC").take(FINDINGS_MAX)
    {
        say(v, format!("{path}-2"), "le code action d'un PRT est UC", "écrire UC en PRT-2")
            .against("UC", prt.field(2));
    }
}

pub(crate) fn h085_role(message: &Message, v: &mut Verdicts<'_>) {
    for (path, prt) in numbered(message).into_iter().take(FINDINGS_MAX) {
        let value = prt.field(4);
        if !["SB", "RCT", "REPLY"].contains(&role(prt).as_str()) {
            say(v, format!("{path}-4.1"), "rôle de participant inconnu", "écrire SB, RCT ou REPLY")
                .against("SB, RCT ou REPLY", value.component(1));
        } else if !value.component(2).is_valued() || value.component(3) != "participation" {
            say(
                v,
                format!("{path}-4"),
                "le libellé ou le système du rôle manque",
                "écrire SB^Send by^participation, RCT^Result Copies To^participation ou REPLY^Reply To^participation",
            )
            .soft();
        }
    }
}

pub(crate) fn h086_address(message: &Message, v: &mut Verdicts<'_>) {
    let remedy = "écrire ^^X.400^adresse en PRT-15";
    let addressed = |prt: &Segment<'_>| matches!(role(*prt).as_str(), "RCT" | "REPLY");
    for (path, prt) in numbered(message).into_iter().filter(|(_, prt)| addressed(prt)).take(FINDINGS_MAX) {
        let telecom = prt.field(15);
        let shifted = [14, 16].into_iter().find(|&number| prt.field(number).text().contains('@'));
        if let (Some(number), false) = (shifted, telecom.is_valued()) {
            say(
                v,
                format!("{path}-{number}"),
                format!("l'adresse est en PRT-{number}, pas en PRT-15"),
                remedy,
            );
        } else if MssAddress::parse(&telecom.component(4).trimmed()).is_err() {
            say(v, format!("{path}-15.4"), "l'adresse MSSanté est absente ou mal formée", remedy);
        } else if telecom.component(3) != "X.400" {
            say(v, format!("{path}-15.3"), "le type d'adresse n'est pas X.400", remedy)
                .against("X.400", telecom.component(3));
        } else if telecom.component(2).is_valued() {
            say(v, format!("{path}-15.2"), "PRT-15.2 devrait être vide", remedy).soft();
        }
    }
}

pub(crate) fn h087_patient_address(message: &Message, v: &mut Verdicts<'_>) {
    let numbers: Vec<String> = field(message, "PID", 3)
        .repetitions()
        .filter(|cx| cx.component(5) == "INS")
        .map(|cx| cx.component(1).trimmed().into_owned())
        .collect();
    let patients = |prt: &Segment<'_>| role(*prt) == "RCT" && is_patient(*prt);
    for (path, prt) in numbered(message).into_iter().filter(|(_, prt)| patients(prt)).take(FINDINGS_MAX) {
        let remedy = "écrire l'INS à 15 caractères du patient du message, puis @patient.mssante.fr";
        // What is no address at all is told by H086.
        let Ok(address) = MssAddress::parse(&prt.field(15).component(4).trimmed()) else { continue };
        let local = address.expose_local_part();
        let shaped = local.len() == 15 && local.bytes().all(|b| b.is_ascii_alphanumeric());
        if address.domain() != PATIENT_DOMAIN {
            say(
                v,
                format!("{path}-15.4"),
                "l'adresse du patient n'est pas du domaine patient.mssante.fr",
                remedy,
            );
        } else if !shaped {
            say(v, format!("{path}-15.4"), "l'adresse du patient n'a pas 15 caractères avant le @", remedy);
        } else if !numbers.iter().any(|number| number.eq_ignore_ascii_case(local)) {
            say(
                v,
                format!("{path}-15.4"),
                "l'adresse du patient n'est pas celle du patient du message",
                remedy,
            );
        }
    }
}

pub(crate) fn h088_person(message: &Message, v: &mut Verdicts<'_>) {
    for (path, prt) in numbered(message).into_iter().take(FINDINGS_MAX) {
        let person = prt.field(5);
        if !person.component(1).is_valued() || is_patient(prt) && role(prt) == "RCT" {
            continue;
        }
        let oid = person.component(9).subcomponent(2);
        let gentle = role(prt) != "SB";
        let mut findings = Vec::new();
        if oid != PERSON_AUTHORITY {
            findings.push(("9.2", "l'autorité de l'identifiant du professionnel n'est pas celle des PS"));
        }
        if !person.component(13).is_valued() {
            findings.push(("13", "le type de l'identifiant du professionnel est absent"));
        }
        for (part, sentence) in findings {
            let remedy = format!("écrire &{PERSON_AUTHORITY}&ISO en PRT-5.9 et RPPS ou IDNPS en PRT-5.13");
            let finding = say(v, format!("{path}-5.{part}"), sentence, remedy);
            if gentle {
                finding.soft();
            }
        }
    }
}

pub(crate) fn h089_person_id(message: &Message, v: &mut Verdicts<'_>) {
    for (path, prt) in numbered(message).into_iter().take(FINDINGS_MAX) {
        let person = prt.field(5);
        let id = person.component(1).trimmed();
        let digits = |length: usize| id.len() == length && id.bytes().all(|b| b.is_ascii_digit());
        let sound = match &*person.component(13).trimmed() {
            "RPPS" => digits(11),
            "IDNPS" => digits(12) && id.starts_with('8') || !id.starts_with('8') && id.len() >= 9,
            _ => true,
        };
        if person.is_valued() && !sound {
            say(
                v,
                format!("{path}-5.1"),
                "l'identifiant du professionnel n'a pas la forme de son type",
                "écrire 11 chiffres avec le type RPPS, ou 8 suivi du RPPS avec le type IDNPS",
            );
        }
    }
}

const STRUCTURE_TYPES: [&str; 5] = ["FINEJ", "FINEG", "IDNST", "UF", "SVR"];

pub(crate) fn h090_structure(message: &Message, v: &mut Verdicts<'_>) {
    for (path, prt) in
        numbered(message).into_iter().filter(|(_, prt)| prt.field(8).is_valued()).take(FINDINGS_MAX)
    {
        let structure = prt.field(8);
        let kind = structure.component(7);
        // A unit is named by the FINESS of its establishment.
        let unit = kind == "UF" || kind == "SVR";
        if !STRUCTURE_TYPES.contains(&&*kind.trimmed()) {
            say(
                v,
                format!("{path}-8.7"),
                "type de structure inconnu",
                "écrire FINEJ, FINEG, IDNST, UF ou SVR",
            )
            .code("103")
            .against("FINEJ, FINEG, IDNST, UF ou SVR", kind);
        }
        if !unit && structure.component(6).subcomponent(2) != STRUCTURE_AUTHORITY {
            say(
                v,
                format!("{path}-8.6"),
                "l'autorité de l'identifiant de structure n'est pas celle des structures",
                format!("écrire &{STRUCTURE_AUTHORITY}&ISO en PRT-8.6"),
            )
            .soft();
        }
        if !structure.component(10).is_valued() {
            say(v, format!("{path}-8.10"), "l'identifiant de la structure est absent", "renseigner PRT-8.10");
        }
        if structure.component(10).text().ends_with('\u{a0}') {
            say(
                v,
                format!("{path}-8.10"),
                "une espace insécable suit l'identifiant de structure",
                "la retirer",
            )
            .soft();
        }
    }
}

pub(crate) fn h091_structure_id(message: &Message, v: &mut Verdicts<'_>) {
    for (path, prt) in numbered(message).into_iter().take(FINDINGS_MAX) {
        let structure = prt.field(8);
        let id = structure.component(10).trimmed();
        let sound = match &*structure.component(7).trimmed() {
            "FINEJ" | "FINEG" => id.len() == 9,
            "IDNST" => id.len() == 10 && id.starts_with('1') || id.len() == 15 && id.starts_with('3'),
            _ => true,
        };
        if structure.is_valued() && !id.is_empty() && !sound {
            say(
                v,
                format!("{path}-8.10"),
                "l'identifiant de structure n'a pas la forme de son type",
                "écrire 9 caractères avec FINEJ ou FINEG ; 1 suivi du FINESS, ou 3 suivi du SIRET, avec IDNST",
            );
        }
    }
}

pub(crate) fn h096_lps_sender(message: &Message, v: &mut Verdicts<'_>) {
    let sender = numbered(message).into_iter().find(|(_, prt)| role(*prt) == "SB");
    if !sender.is_some_and(|(_, prt)| prt.field(15).component(4).is_valued()) {
        say(
            v,
            "PRT[4.1='SB']-15.4",
            "l'adresse de l'expéditeur est absente",
            "ajouter un PRT SB avec PRT-15",
        );
    }
}
