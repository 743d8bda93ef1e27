//! Checks on the patient and the visit (H028 to H050).
//! In: a message. Out: findings, without any value of the person. Source: hl7v2.md §2.3, §4.4, §4.5, §8.

use jonction_model::{Ins, InsDomain, Oid, Verdicts};

use super::{Refine, field, say};
use crate::{
    message::{Message, Segment},
    value::Value,
    volet::{Flag, answer},
};

/// The INS of PID-3 with the number of its repetition: by type, or by the OID of a register.
fn ins_entries(message: &Message) -> Vec<(usize, Value<'_>)> {
    let is_ins = |cx: &Value<'_>| cx.component(5) == "INS" || domain(*cx).is_some();
    (1..).zip(field(message, "PID", 3).repetitions()).filter(|(_, cx)| cx.is_valued() && is_ins(cx)).collect()
}

fn domain(cx: Value<'_>) -> Option<InsDomain> {
    InsDomain::of(&cx.component(4).subcomponent(2).trimmed())
}

fn statuses(message: &Message) -> Vec<String> {
    let values = field(message, "PID", 32).repetitions();
    values
        .map(|status| status.component(1).trimmed().into_owned())
        .filter(|status| !status.is_empty())
        .collect()
}

/// The repetition of PID-5 that holds the birth name (XPN.7 = L).
fn birth_name(message: &Message) -> Option<Value<'_>> {
    field(message, "PID", 5).repetitions().find(|name| name.component(7) == "L")
}

pub(crate) fn h028_one_pid(message: &Message, v: &mut Verdicts<'_>) {
    let count = message.segments_of("PID").take(2).count();
    if count != 1 {
        let path = if count == 0 { "PID" } else { "PID[2]" };
        say(v, path, "le message doit porter un seul patient", "envoyer un segment PID et un seul");
    }
}

pub(crate) fn h029_identifier(message: &Message, v: &mut Verdicts<'_>) {
    let Some(pid) = message.segment("PID") else { return };
    let sound = |cx: Value<'_>| cx.component(1).is_valued() && cx.component(4).is_valued();
    if !pid.field(3).repetitions().any(sound) {
        say(v, "PID-3", "aucun identifiant du patient avec son autorité", "renseigner PID-3.1 et PID-3.4");
    }
}

pub(crate) fn h030_authority(message: &Message, v: &mut Verdicts<'_>) {
    for (number, cx) in (1..).zip(field(message, "PID", 3).repetitions()).filter(|(_, cx)| cx.is_valued()) {
        let authority = cx.component(4);
        let (name, oid, kind) =
            (authority.subcomponent(1), authority.subcomponent(2), authority.subcomponent(3));
        let path = format!("PID-3[{number}].4");
        let is_oid = kind == "ISO" || oid.trimmed().starts_with("1.2.");
        if !name.is_valued() && !oid.is_valued() {
            say(v, path, "autorité d'affectation absente", "renseigner un nom, ou un OID suivi de ISO");
        } else if is_oid && Oid::parse(&oid.trimmed()).is_err() {
            say(v, format!("{path}.2"), "l'OID de l'autorité est mal formé", "écrire un OID : 1.2.250.…");
        } else if is_oid && kind != "ISO" {
            say(v, format!("{path}.3"), "l'OID de l'autorité n'est pas suivi de ISO", "écrire nom&OID&ISO")
                .against("ISO", kind);
        }
    }
}

pub(crate) fn h031_ins_register(message: &Message, v: &mut Verdicts<'_>) {
    for (number, cx) in ins_entries(message) {
        if domain(cx).is_none() {
            say(
                v,
                format!("PID-3[{number}].4.2"),
                "un identifiant de type INS ne porte pas l'OID d'un registre INS",
                "écrire l'OID du registre : 1.2.250.1.213.1.4.8 (NIR), .9 (NIA), .10 (test), .11 (démonstration)",
            )
            .against("1.2.250.1.213.1.4.8 à .11", cx.component(4).subcomponent(2));
        }
    }
}

pub(crate) fn h032_test_ins(message: &Message, v: &mut Verdicts<'_>) {
    for (number, cx) in ins_entries(message) {
        if domain(cx).is_some_and(InsDomain::is_test) && message.msh().field(11) == "P" {
            say(
                v,
                format!("PID-3[{number}].4.2"),
                "un INS de test ou de démonstration circule avec MSH-11 = P",
                "écrire MSH-11 = T pour les essais",
            );
        }
    }
}

pub(crate) fn h033_ins_key(message: &Message, v: &mut Verdicts<'_>) {
    for (number, cx) in ins_entries(message) {
        // Official test numbers have wrong keys.
        if domain(cx) == Some(InsDomain::TestNir) {
            continue;
        }
        let path = format!("PID-3[{number}].1");
        match Ins::parse(&cx.component(1).trimmed()) {
            Err(_) => {
                say(
                    v,
                    path,
                    "le matricule INS n'a pas 15 caractères bien formés",
                    "écrire le matricule et sa clé",
                );
            }
            Ok(ins) if !ins.key_is_valid() => {
                say(
                    v,
                    path,
                    "la clé du matricule INS est fausse",
                    "reprendre le matricule du téléservice INSi",
                );
            }
            Ok(_) => {}
        }
    }
}

pub(crate) fn h034_one_register(message: &Message, v: &mut Verdicts<'_>) {
    let domains: Vec<_> = ins_entries(message).into_iter().filter_map(|(_, cx)| domain(cx)).collect();
    if domains.contains(&InsDomain::Nir) && domains.contains(&InsDomain::Nia) {
        say(
            v,
            "PID-3",
            "le patient porte à la fois un INS-NIR et un INS-NIA",
            "ne garder que l'INS en vigueur",
        );
    }
}

pub(crate) fn h035_validated(message: &Message, v: &mut Verdicts<'_>) {
    if ins_entries(message).is_empty() || statuses(message).iter().any(|status| status == "VALI") {
        return;
    }
    let finding = say(
        v,
        "PID-32",
        "l'INS est transmis sans que l'identité soit validée",
        "qualifier l'identité puis écrire VALI en PID-32 ; sinon ne pas transmettre l'INS",
    );
    finding.against("VALI", field(message, "PID", 32));
    if answer(message, Flag::Destdmp) != Some(true) {
        finding.soft();
    }
}

pub(crate) fn h036_barred(message: &Message, v: &mut Verdicts<'_>) {
    let barred = |status: &String| ["FICT", "DOUT", "ANOM", "PROV"].contains(&status.as_str());
    if let Some(status) = statuses(message).into_iter().find(barred)
        && !ins_entries(message).is_empty()
    {
        let finding = say(
            v,
            "PID-32",
            "le statut de l'identité interdit de transmettre l'INS",
            "retirer l'INS de PID-3, ou qualifier l'identité",
        );
        finding.found = Some(status);
    }
}

pub(crate) fn h038_birth_name(message: &Message, v: &mut Verdicts<'_>) {
    if message.segment("PID").is_none() {
        return;
    }
    match birth_name(message) {
        None => {
            say(
                v,
                "PID-5",
                "le nom de naissance est absent",
                "ajouter une répétition de PID-5 avec PID-5.7 = L",
            );
        }
        Some(name) if !name.component(1).is_valued() => {
            say(v, "PID-5[7='L'].1", "le nom de naissance est vide", "renseigner PID-5.1");
        }
        Some(_) => {}
    }
}

pub(crate) fn h039_given_names(message: &Message, v: &mut Verdicts<'_>) {
    let (Some(name), false) = (birth_name(message), ins_entries(message).is_empty()) else { return };
    let (first, list) = (name.component(2), name.component(3));
    if !first.is_valued() || !list.is_valued() {
        say(
            v,
            "PID-5[7='L']",
            "avec un INS, le premier prénom et la liste des prénoms de naissance sont attendus",
            "renseigner PID-5.2 et PID-5.3",
        );
    } else if !list.trimmed().contains(&*first.trimmed()) {
        say(
            v,
            "PID-5[7='L'].3",
            "la liste des prénoms de naissance ne contient pas le premier prénom",
            "reprendre les prénoms du téléservice INSi",
        )
        .code("102");
    }
}

pub(crate) fn h040_name_parts(message: &Message, v: &mut Verdicts<'_>) {
    for (number, name) in (1..).zip(field(message, "PID", 5).repetitions()) {
        for part in [4, 6, 8, 9, 10, 11, 12, 13, 14] {
            if name.component(part).is_valued() {
                say(v, format!("PID-5[{number}].{part}"), "composant interdit du nom", "le laisser vide");
            }
        }
    }
}

pub(crate) fn h041_birth_and_sex(message: &Message, v: &mut Verdicts<'_>) {
    if ins_entries(message).is_empty() {
        return;
    }
    if !field(message, "PID", 7).is_valued() {
        say(v, "PID-7", "avec un INS, la date de naissance est obligatoire", "renseigner PID-7");
    }
    if !["M", "F", "U"].contains(&&*field(message, "PID", 8).trimmed()) {
        say(v, "PID-8", "avec un INS, le sexe est obligatoire", "écrire M, F ou U en PID-8");
    }
}

pub(crate) fn h042_birth_place(message: &Message, v: &mut Verdicts<'_>) {
    if ins_entries(message).is_empty() {
        return;
    }
    let place = field(message, "PID", 11).repetitions().find(|address| address.component(7) == "BDL");
    let insee = |text: &str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_alphanumeric());
    if !place.is_some_and(|place| insee(&place.component(9).trimmed())) {
        say(
            v,
            "PID-11",
            "avec un INS, le code INSEE du lieu de naissance est attendu",
            "ajouter une répétition de PID-11 avec .7 = BDL et le code à 5 caractères en .9",
        );
    }
}

pub(crate) fn h043_number_against_traits(message: &Message, v: &mut Verdicts<'_>) {
    for (number, cx) in ins_entries(message) {
        let Ok(ins) = Ins::parse(&cx.component(1).trimmed()) else { continue };
        let digits = ins.expose().as_bytes();
        let sex = match digits[0] {
            b'1' | b'3' | b'7' => "M",
            b'2' | b'4' | b'8' => "F",
            _ => continue,
        };
        let path = format!("PID-3[{number}].1");
        let told = field(message, "PID", 8);
        if told.is_valued() && told != sex && told != "U" {
            say(
                v,
                path.clone(),
                "le sexe de PID-8 ne s'accorde pas avec le matricule INS",
                "vérifier les traits",
            );
        }
        let birth = field(message, "PID", 7).trimmed().into_owned();
        let (year, month) = (birth.get(2..4), birth.get(4..6));
        // Months above 12 in a number stand for unknown ones.
        let month_known = matches!(digits[3..5], [b'0', b'1'..=b'9'] | [b'1', b'0'..=b'2']);
        let differs = |told: Option<&str>, known: &[u8]| told.is_some_and(|told| told.as_bytes() != known);
        if differs(year, &digits[1..3]) || month_known && differs(month, &digits[3..5]) {
            say(
                v,
                path,
                "la date de naissance de PID-7 ne s'accorde pas avec le matricule INS",
                "vérifier les traits",
            );
        }
    }
}

/// Says every valued field of a list.
fn empty(message: &Message, v: &mut Verdicts<'_>, id: &str, numbers: &[usize], sentence: &str) {
    let first = |segment: Segment<'_>, number: usize| segment.field(number).is_valued();
    for segment in message.segments_of(id).take(super::FINDINGS_MAX) {
        for number in numbers.iter().filter(|number| first(segment, **number)) {
            say(v, format!("{id}-{number}"), sentence, format!("laisser {id}-{number} vide"));
        }
    }
}

pub(crate) fn h044_forbidden_data(message: &Message, v: &mut Verdicts<'_>) {
    let sentence = "donnée interdite en France (origine, religion)";
    empty(message, v, "PID", &[10, 17, 22], sentence);
    empty(message, v, "NK1", &[25, 28, 35], sentence);
}

pub(crate) fn h045_unused_fields(message: &Message, v: &mut Verdicts<'_>) {
    empty(message, v, "PID", &[2, 4, 9, 12, 19, 20, 28], "champ inutilisé en France");
}

fn is_stay(message: &Message) -> bool {
    ["E", "I", "O", "R"].contains(&&*field(message, "PV1", 2).trimmed())
}

pub(crate) fn h046_account(message: &Message, v: &mut Verdicts<'_>) {
    let account = field(message, "PID", 18);
    if is_stay(message) && !account.is_valued() {
        say(
            v,
            "PID-18",
            "le numéro de dossier administratif est absent",
            "renseigner PID-18 quand il est connu",
        );
    } else if account.is_valued() && account.component(5) != "AN" {
        say(v, "PID-18.5", "le type du numéro de dossier n'est pas AN", "écrire AN en PID-18.5")
            .against("AN", account.component(5));
    }
}

pub(crate) fn h047_class(message: &Message, v: &mut Verdicts<'_>) {
    let Some(pv1) = message.segment("PV1") else { return };
    if !["E", "I", "O", "R", "N"].contains(&&*pv1.field(2).trimmed()) {
        say(v, "PV1-2", "classe de venue inconnue", "écrire E, I, O, R ou N en PV1-2")
            .against("E, I, O, R ou N", pv1.field(2));
    }
}

pub(crate) fn h048_visit_number(message: &Message, v: &mut Verdicts<'_>) {
    if is_stay(message) && !field(message, "PV1", 19).is_valued() {
        say(v, "PV1-19", "le numéro de venue est absent", "renseigner PV1-19 pour une venue E, I, O ou R");
    }
}

pub(crate) fn h049_admission_time(message: &Message, v: &mut Verdicts<'_>) {
    if field(message, "PV1", 2) == "I" && !field(message, "PV1", 44).is_valued() {
        say(v, "PV1-44", "la date d'admission est absente", "renseigner PV1-44 quand elle est connue");
    }
}

pub(crate) fn h050_lps_class(message: &Message, v: &mut Verdicts<'_>) {
    let class = field(message, "PV1", 2);
    if class != "N" {
        say(v, "PV1-2", "la classe de venue doit être N vers un LPS", "écrire N en PV1-2")
            .against("N", class);
    }
}
