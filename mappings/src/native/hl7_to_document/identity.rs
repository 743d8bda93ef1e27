//! The patient as the message identifies them.
//! In: PID-3, 5, 7, 8, 11 and 32. Out: INS and its register, local identifiers, traits, status. Source: hl7v2.md §4.4, §4.5.

use jonction_hl7v2::{Message, Segment, Value};
use jonction_model::{
    Finding, IdentityStatus, Ins, InsDomain, InsIdentity, LocalId, Masked, Oid, PatientIdentity, Place, Sex,
    Traits,
};

use crate::{native::findings::Remarks, settings::VoletSettings};

/// Registers that are neither an INS nor local: INS-C and social security numbers. Source: cda.md §7.
const NOT_AN_IDENTIFIER: [&str; 3] = ["1.2.250.1.213.1.4.2", "1.2.250.1.213.1.4.13", "1.2.250.1.213.1.4.14"];

/// Values of PID-32 that forbid the INS, whatever else is said. FICT, DOUT, HOMA and ANOM are told by the sheet;
/// CACH, USUR, INVA and DESA (hidden, usurped, invalidated, deactivated) are our reading, on the safe side.
const BARRING: [&str; 8] = ["FICT", "DOUT", "HOMA", "ANOM", "CACH", "USUR", "INVA", "DESA"];

/// OID of a CX.4, XCN.9 or XON.6: its second part, or its first one when it is an OID alone (hl7v2.md §2.7).
pub(super) fn authority_oid(value: Value<'_>) -> Option<String> {
    let part = |number| value.subcomponent(number).code().map(|text| text.into_owned());
    part(2).or_else(|| part(1).filter(|text| Oid::parse(text).is_ok()))
}

/// An identifier as it is compared: blanks taken off, no-break ones included, with a remark.
pub(super) fn identifier(value: Value<'_>, path: &str, findings: &mut Remarks) -> Option<String> {
    let text = value.text();
    let trimmed = text.trim();
    if trimmed.len() < text.trim_matches([' ', '\t']).len() {
        findings.push(
            Finding::warning("mapping.odd-blanks", "des espaces insécables entourent un identifiant : ôtés")
                .at(Place::path(path))
                .remedy("transmettre l'identifiant sans espace"),
        );
    }
    Some(trimmed.to_owned()).filter(|text| !text.is_empty())
}

/// The patient, and whether more than one was meant.
#[derive(Debug)]
pub(crate) struct Patient {
    pub(crate) identity: PatientIdentity,
    /// PID-3 has several active INS; the identity has the first one.
    pub(super) several_ins: bool,
}

/// Reads PID, as many repetitions as the settings allow. Without PID, an identity that says nothing.
pub(crate) struct PatientReader<'m, 'f> {
    message: &'m Message,
    settings: &'f VoletSettings,
    findings: &'f mut Remarks,
}

impl<'m, 'f> PatientReader<'m, 'f> {
    pub(crate) fn new(message: &'m Message, settings: &'f VoletSettings, findings: &'f mut Remarks) -> Self {
        Self { message, settings, findings }
    }

    pub(crate) fn read(mut self) -> Patient {
        let pid = self.message.segment("PID");
        let (active, local_ids) = pid.map(|pid| self.identifiers(pid)).unwrap_or_default();
        let traits = pid.map(|pid| self.traits(pid)).unwrap_or_default();
        let codes: Vec<String> = pid
            .map(|pid| {
                let codes = pid.field(32).repetitions().take(self.settings.statuses_max);
                codes.filter_map(|code| Some(code.component(1).code()?.into_owned())).collect()
            })
            .unwrap_or_default();
        let several_ins = active.iter().any(|other| Some(other) != active.first());
        if several_ins {
            self.warn(
                "hl7v2/H034",
                "PID-3".to_owned(),
                "le message porte plusieurs INS actifs : le premier est retenu",
                "ne transmettre qu'un INS",
            );
        }
        let ins = active.into_iter().next();
        let status = status(&codes, ins.is_some());
        let identity = PatientIdentity { ins, local_ids, traits, status, declared_status: codes.join("~") };
        Patient { identity, several_ins }
    }

    fn warn(&mut self, check: &str, path: String, sentence: &str, remedy: &str) {
        let finding = Finding::warning(check, sentence).at(Place::path(path)).remedy(remedy);
        self.findings.push(finding.requirement("hl7v2.md §4.4"));
    }

    /// Active INS and local identifiers.
    /// The OID decides what an identifier is, never its type code: NH and NI are seen for INS.
    fn identifiers(&mut self, pid: Segment<'_>) -> (Vec<InsIdentity>, Vec<LocalId>) {
        let mut active: Vec<InsIdentity> = Vec::new();
        let mut local_ids = Vec::new();
        for (at, cx) in pid.field(3).repetitions().take(self.settings.identifiers_max).enumerate() {
            let path = if at == 0 { "PID-3".to_owned() } else { format!("PID-3[{}]", at + 1) };
            let Some(id) = identifier(cx.component(1), &path, self.findings) else { continue };
            let oid = authority_oid(cx.component(4));
            let kind = cx.component(5).trimmed().into_owned();
            let domain = oid.as_deref().and_then(InsDomain::of);
            match (domain, oid.as_deref()) {
                (Some(domain), _) => match Ins::parse(&id) {
                    Ok(_) if self.has_ended(cx) => self.warn(
                        "mapping.ended-ins",
                        path,
                        "l'INS porte une date de fin passée : ignoré",
                        "transmettre l'INS actif",
                    ),
                    Ok(ins) => active.push(InsIdentity { ins, domain }),
                    Err(_) => self.warn(
                        "hl7v2/H033",
                        path,
                        "le matricule INS n'a pas 15 caractères de la forme attendue : ignoré",
                        "transmettre le matricule rendu par le téléservice, clé comprise",
                    ),
                },
                (None, _) if kind == "INS" => self.warn(
                    "hl7v2/H031",
                    path,
                    "un identifiant de type INS n'a pas l'OID d'un INS : ignoré",
                    "porter en PID-3.4 l'OID rendu par le téléservice",
                ),
                (None, Some(oid)) if NOT_AN_IDENTIFIER.contains(&oid) => {}
                (None, _) => {
                    let namespace = || cx.component(4).subcomponent(1).trimmed().into_owned();
                    let authority = oid.unwrap_or_else(namespace);
                    local_ids.push(LocalId { id: Masked::new(id), authority, kind });
                }
            }
        }
        (active, local_ids)
    }

    /// CX.8 against the day of the message: no clock is needed.
    fn has_ended(&self, cx: Value<'_>) -> bool {
        let day = |text: &str| {
            text.get(..8).filter(|day| day.bytes().all(|b| b.is_ascii_digit())).map(str::to_owned)
        };
        let sent = day(&self.message.msh().field(7).trimmed());
        let end = day(&cx.component(8).trimmed());
        matches!((end, sent), (Some(end), Some(sent)) if end < sent)
    }

    fn traits(&mut self, pid: Segment<'_>) -> Traits {
        let mut traits = Traits::default();
        self.names(pid, &mut traits);
        let birth = pid.field(7).trimmed();
        let day: String = birth.chars().take(8).collect();
        let sound = matches!(day.len(), 4 | 6 | 8) && day.bytes().all(|b| b.is_ascii_digit());
        traits.birth_date = sound.then(|| Masked::new(day));
        traits.sex = Sex::parse(&pid.field(8).trimmed());
        traits.birth_place = birth_place(pid, self.settings.addresses_max);
        traits
    }

    /// `L` is the birth name, `D` the name in use, in any order.
    fn names(&mut self, pid: Segment<'_>, traits: &mut Traits) {
        let text = |value: Value<'_>| value.code().map(|text| Masked::new(text.into_owned()));
        let mut untyped = None;
        for name in pid.field(5).repetitions().take(self.settings.names_max) {
            let family = text(name.component(1).subcomponent(1));
            let (given, givens) = (text(name.component(2)), text(name.component(3)));
            match &*name.component(7).trimmed() {
                "L" if traits.birth_name.is_none() => {
                    (traits.birth_name, traits.birth_given, traits.birth_givens) = (family, given, givens);
                }
                "D" if traits.used_name.is_none() => (traits.used_name, traits.used_given) = (family, given),
                "" => untyped = untyped.or(family.map(|family| (family, given, givens))),
                _ => {}
            }
        }
        if let (None, Some((family, given, givens))) = (&traits.birth_name, untyped) {
            traits.birth_name = Some(family);
            (traits.birth_given, traits.birth_givens) = (given, givens);
            self.warn(
                "hl7v2/H038",
                "PID-5.7".to_owned(),
                "le nom du patient n'a pas de type : lu comme nom de naissance",
                "porter L en PID-5.7 sur le nom de naissance",
            );
        }
    }
}

/// INSEE code of the address of type BDL (`BR` in old feeds).
fn birth_place(pid: Segment<'_>, max: usize) -> Option<Masked<String>> {
    let of_kind = |kind: &str| {
        let address = pid.field(11).repetitions().take(max).find(|address| address.component(7) == kind)?;
        let code = address.component(9).code()?;
        let sound = code.len() == 5 && code.bytes().all(|b| b.is_ascii_alphanumeric());
        sound.then(|| Masked::new(code.into_owned()))
    };
    of_kind("BDL").or_else(|| of_kind("BR"))
}

/// The four statuses read from two facts: PID-32 and the INS. A missing status is provisoire.
fn status(codes: &[String], has_ins: bool) -> IdentityStatus {
    let says = |code: &str| codes.iter().any(|known| known == code);
    if BARRING.iter().any(|code| says(code)) {
        IdentityStatus::Barred
    } else if says("PROV") {
        IdentityStatus::Provisional
    } else if says("VALI") {
        if has_ins { IdentityStatus::Qualified } else { IdentityStatus::Validated }
    } else if has_ins && codes.iter().any(|code| code != "VIDE") {
        IdentityStatus::Retrieved
    } else {
        IdentityStatus::Provisional
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jonction_hl7v2::Limits;

    use super::*;

    fn read(pid: &str) -> (PatientIdentity, Vec<String>) {
        let text = format!("MSH|^~\\&|||||20260131||MDM^T02|1\rPID|{pid}\r");
        let message = Message::parse(Bytes::from(text), &Limits::default()).unwrap();
        let (settings, mut findings) = (VoletSettings::default(), Remarks::new(200));
        let patient = PatientReader::new(&message, &settings, &mut findings).read().identity;
        (patient, findings.into_vec().into_iter().map(|finding| finding.check).collect())
    }

    const INS: &str = "279035121518989^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS";

    #[test]
    fn the_status_is_read_from_pid_32_and_the_ins_together() {
        use IdentityStatus::*;
        let of = |codes: &[&str], ins| {
            status(&codes.iter().map(|code| (*code).to_owned()).collect::<Vec<_>>(), ins)
        };
        assert_eq!(of(&["VALI"], true), Qualified);
        assert_eq!(of(&["VALI"], false), Validated);
        assert_eq!(of(&["PROV"], true), Provisional);
        assert_eq!(of(&["VALI", "PROV"], true), Provisional);
        assert_eq!(of(&[], true), Provisional);
        assert_eq!(of(&["VIDE"], true), Provisional);
        assert_eq!(of(&["RECD"], true), Retrieved);
        for attribute in BARRING {
            assert_eq!(of(&["VALI", attribute], true), Barred, "{attribute}");
        }
    }

    #[test]
    fn the_oid_decides_what_an_identifier_is() {
        let nss = "1800175123456^^^&1.2.250.1.213.1.4.13&ISO^PI";
        let (patient, checks) =
            read(&format!("||{nss}~4242^^^HOP&1.2.3.4&ISO^PI~{}", INS.replace("^INS", "^NH")));
        assert_eq!(patient.ins.unwrap().domain, InsDomain::TestNir);
        assert_eq!(patient.local_ids.len(), 1);
        assert_eq!(patient.local_ids[0].authority, "1.2.3.4");
        assert!(checks.is_empty());
        let (patient, checks) = read("||279035121518989^^^ASIP^INS");
        assert!(patient.ins.is_none() && patient.local_ids.is_empty());
        assert_eq!(checks, ["hl7v2/H031"]);
    }

    #[test]
    fn an_ins_of_20_digits_an_ended_one_and_no_break_spaces_are_told() {
        let (patient, checks) = read("||27707279035121518989^^^&1.2.250.1.213.1.4.10&ISO^INS");
        assert_eq!((patient.ins, checks), (None, vec!["hl7v2/H033".to_owned()]));
        let (patient, checks) = read(&format!("||{INS}^^20101207^20251231"));
        assert_eq!((patient.ins, checks), (None, vec!["mapping.ended-ins".to_owned()]));
        let (patient, checks) = read(&format!("||\u{a0}{}", INS.replacen("^^^", "\u{a0}\u{a0}^^^", 1)));
        assert_eq!(patient.ins.unwrap().ins.expose(), "279035121518989");
        assert_eq!(checks, ["mapping.odd-blanks"]);
    }

    #[test]
    fn traits_come_from_the_typed_repetitions_in_any_order() {
        let address = "1 RUE^^PARIS^^75001^FRA^H~^^^^^^BDL^^63220";
        let (patient, _) = read(&format!(
            "||{INS}||USUEL^ANNE^^^^^D~NAISSANCE^ANNE^ANNE MARIE^^^^L||19790328|U|||{address}"
        ));
        let traits = patient.traits;
        let clear = |value: Option<Masked<String>>| value.map(|value| value.expose().clone());
        assert_eq!(clear(traits.birth_name).as_deref(), Some("NAISSANCE"));
        assert_eq!(clear(traits.birth_givens).as_deref(), Some("ANNE MARIE"));
        assert_eq!(clear(traits.used_name).as_deref(), Some("USUEL"));
        assert_eq!(clear(traits.birth_place).as_deref(), Some("63220"));
        assert_eq!(traits.sex, Some(Sex::U));
    }
}
