//! The CI-SIS volets « document CDA en HL7 v2 » as facts over a message: edition, documents, flags, operation.
//! In: a message. Out: values for admission, checks and mappings. Source: hl7v2.md §1.1, §2.6, §2.8, §2.16.

use std::borrow::Cow;

use jonction_model::{InsDomain, Operation, RecipientKind, ids::PATIENT_DOMAIN};

use crate::{
    group::{Observation, is_document},
    message::{Message, Segment},
    value::Value,
};

/// Edition of the volet that a message claims in MSH-21.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Edition {
    /// Nothing that we know.
    Unknown,
    /// 1.x: recipients only in the CDA, never accepted.
    V1,
    /// 2.0: no ORC in MDM, ORC-1 = SC in ORU.
    V2_0,
    /// 2.1 and later.
    V2_1,
    /// The volet towards the LPS, 1.x.
    Lps,
}

/// Edition claimed in any repetition of MSH-21, blanks aside.
pub fn edition(message: &Message) -> Edition {
    let known = |profile: Value<'_>| {
        let (version, name) = (profile.component(1).trimmed(), profile.component(2).trimmed());
        Some(match (&*name, &*version) {
            ("CISIS_CDA_HL7_LPS", _) => Edition::Lps,
            ("CISIS_CDA_HL7_V1", _) => Edition::V1,
            ("CISIS_CDA_HL7_V2", version) if version.starts_with("1.") => Edition::V1,
            ("CISIS_CDA_HL7_V2", "2.0") => Edition::V2_0,
            ("CISIS_CDA_HL7_V2", version) if version.starts_with("2.") => Edition::V2_1,
            _ => return None,
        })
    };
    message.msh().field(21).repetitions().find_map(known).unwrap_or(Edition::Unknown)
}

/// The OBX that carry documents, in order.
pub fn documents(message: &Message) -> Vec<Observation<'_>> {
    message.observations().into_iter().filter(Observation::is_document).collect()
}

/// Code, canonical name, former names.
type FlagRow = (Flag, &'static str, &'static [&'static str]);

/// One OBX of table MetaDMPMSS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the codes of the table")]
pub enum Flag {
    MasquePs,
    InvisiblePatient,
    InvisibleRepLegaux,
    ConnexionSecrete,
    ModifConfCode,
    Destdmp,
    Destmssanteps,
    Destmssantepat,
    AckReception,
    AckLectureMss,
    CorpsmailPs,
    CorpsmailPatient,
}

impl Flag {
    /// In the order that the volet fixes.
    const TABLE: [FlagRow; 12] = [
        (Self::MasquePs, "MASQUE_PS", &[]),
        (Self::InvisiblePatient, "INVISIBLE_PATIENT", &[]),
        (Self::InvisibleRepLegaux, "INVISIBLE_REP_LEGAUX", &["INVISIBLE_REPRESENTANTS_LEGAUX"]),
        (Self::ConnexionSecrete, "CONNEXION_SECRETE", &[]),
        (Self::ModifConfCode, "MODIF_CONF_CODE", &["MODIF_CONFIDENTIALITYCODE"]),
        (Self::Destdmp, "DESTDMP", &[]),
        (Self::Destmssanteps, "DESTMSSANTEPS", &[]),
        (Self::Destmssantepat, "DESTMSSANTEPAT", &[]),
        (Self::AckReception, "ACK_RECEPTION", &[]),
        (Self::AckLectureMss, "ACK_LECTURE_MSS", &["ACK_LECTURE"]),
        (Self::CorpsmailPs, "CORPSMAIL_PS", &[]),
        (Self::CorpsmailPatient, "CORPSMAIL_PATIENT", &[]),
    ];

    /// The ten that say yes or no, in the order of the volet.
    pub fn questions() -> impl Iterator<Item = Self> {
        Self::TABLE.into_iter().map(|(flag, ..)| flag).take(10)
    }

    /// Code of the volet (OBX-3.1).
    pub fn code(self) -> &'static str {
        Self::TABLE[self as usize].1
    }

    /// Whether it carries a mail text instead of yes or no.
    pub fn is_mail_text(self) -> bool {
        matches!(self, Self::CorpsmailPs | Self::CorpsmailPatient)
    }

    /// From OBX-3.1; blanks inside are taken out, former names are known.
    pub fn of(code: &str) -> Option<Self> {
        let code: Cow<'_, str> = match code.contains(char::is_whitespace) {
            true => Cow::Owned(code.split_whitespace().collect()),
            false => Cow::Borrowed(code),
        };
        let row = Self::TABLE.iter().find(|(_, name, former)| *name == code || former.contains(&&*code))?;
        Some(row.0)
    }
}

/// Every metadata OBX with its flag, in the order of the message.
/// Looked up by code, never by rank: edition 2.0 has another order.
pub fn flags(message: &Message) -> impl Iterator<Item = (Flag, Segment<'_>)> {
    let flag = |obx: Segment<'_>| Flag::of(&obx.field(3).component(1).trimmed());
    message.segments_of("OBX").filter_map(move |obx| Some((flag(obx)?, obx)))
}

/// The OBX of a flag; the first one when it is repeated.
pub fn flag<'m>(message: &'m Message, wanted: Flag) -> Option<Segment<'m>> {
    flags(message).find(|(flag, _)| *flag == wanted).map(|(_, obx)| obx)
}

/// Answer of a yes-or-no flag; `None` when it is missing or neither Y nor N.
pub fn answer(message: &Message, wanted: Flag) -> Option<bool> {
    match &*flag(message, wanted)?.field(5).component(1).trimmed() {
        "Y" => Some(true),
        "N" => Some(false),
        _ => None,
    }
}

/// What a recipient (PRT `RCT`) is, first match wins. Samples give the patient by address alone, so the address
/// decides first; whether it is a good address is another question. Source: hl7v2.md §2.7.
pub fn recipient_kind(prt: Segment<'_>) -> RecipientKind {
    let (person, structure, device) = (prt.field(5), prt.field(8), prt.field(10));
    let address = prt.field(15).component(4).trimmed();
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain.trim_end_matches('.'));
    let register = |value: Value<'_>| InsDomain::of(&value.trimmed()).is_some();
    let authority = person.component(9);
    if domain.eq_ignore_ascii_case(PATIENT_DOMAIN)
        || person.component(13) == "INS"
        || register(authority.subcomponent(2))
        || register(authority.subcomponent(1))
    {
        RecipientKind::Patient
    } else if device.is_valued() {
        RecipientKind::Application
    } else if structure.is_valued() && !person.is_valued() {
        RecipientKind::Organization
    } else {
        RecipientKind::Professional
    }
}

/// One place that says what is asked.
pub(crate) struct Signal {
    pub(crate) path: String,
    pub(crate) text: String,
    /// `None` when the text is no code of its table.
    pub(crate) means: Option<Operation>,
}

/// Codes of the three operations, in the order of [`OPERATIONS`].
const OPERATIONS: [Operation; 3] = [Operation::Submit, Operation::Replace, Operation::Delete];
const EVENTS: [&str; 3] = ["T02", "T10", "T04"];
const STATUSES: [&str; 3] = ["F", "C", "D"];
const CONTROLS: [&str; 3] = ["NW", "RO", "CA"];

/// Documents of one message that are judged one by one; the volet allows two.
pub(crate) const DOCUMENTS_MAX: usize = 1000;

/// Everything that says what is asked: the event of an MDM, OBX-11 of each document, ORC-1.
/// ORC-1 = SC, or no ORC, says nothing before edition 2.1.
pub(crate) fn signals(message: &Message) -> Vec<Signal> {
    let signal = |path: String, value: Value<'_>, codes: &[&str; 3]| {
        let text = value.trimmed().into_owned();
        let means = codes.iter().position(|code| *code == text).map(|at| OPERATIONS[at]);
        Signal { path, text, means }
    };
    let mut signals = Vec::new();
    let event = message.msh().field(9);
    if event.component(1) == "MDM" {
        signals.push(signal("MSH-9.2".to_owned(), event.component(2), &EVENTS));
    }
    let numbered = (1..).zip(message.segments_of("OBX")).filter(|(_, obx)| is_document(*obx));
    for (number, obx) in numbered.take(DOCUMENTS_MAX) {
        signals.push(signal(format!("OBX[{number}]-11"), obx.field(11), &STATUSES));
    }
    if let Some(orc) = message.segment("ORC") {
        let silent = edition(message) < Edition::V2_1 && (orc.field(1) == "SC" || !orc.field(1).is_valued());
        if !silent {
            signals.push(signal("ORC-1".to_owned(), orc.field(1), &CONTROLS));
        }
    }
    signals
}

/// What a message asks, when everything in it agrees. Source: hl7v2.md §1.1 and §2.16.
/// `None` when nothing says it, or when two places disagree: admission refuses these messages.
pub fn operation(message: &Message) -> Option<Operation> {
    let signals = signals(message);
    let first = signals.first()?.means?;
    signals.iter().all(|signal| signal.means == Some(first)).then_some(first)
}

/// The code that a place should hold for an operation.
pub(crate) fn expected_code(path: &str, operation: Operation) -> &'static str {
    let at = OPERATIONS.iter().position(|other| *other == operation).unwrap_or(0);
    match path {
        "ORC-1" => CONTROLS[at],
        "MSH-9.2" => EVENTS[at],
        _ => STATUSES[at],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{lps, mdm, mutate, oru, parse};

    #[test]
    fn the_edition_is_read_from_any_repetition_and_without_blanks() {
        let claimed = |profile: &str| edition(&parse(&mutate(&mdm(), "2.1^CISIS_CDA_HL7_V2", profile)));
        assert_eq!(claimed("2.1^ CISIS_CDA_HL7_V2"), Edition::V2_1);
        assert_eq!(claimed("2.11^IHE_FRANCE-2.11-PAM~2.0^CISIS_CDA_HL7_V2"), Edition::V2_0);
        assert_eq!(claimed("1.2^CISIS_CDA_HL7_V1"), Edition::V1);
        assert_eq!(claimed(""), Edition::Unknown);
        assert_eq!(edition(&parse(&lps())), Edition::Lps);
    }

    #[test]
    fn flags_are_known_by_code_under_their_former_names_and_in_any_order() {
        assert_eq!(Flag::of("INVISIBLE_ REP_LEGAUX"), Some(Flag::InvisibleRepLegaux));
        assert_eq!(Flag::of("INVISIBLE_REPRESENTANTS_LEGAUX"), Some(Flag::InvisibleRepLegaux));
        assert_eq!(Flag::of("COMP_LOT"), None);
        for flag in Flag::questions() {
            assert_eq!(Flag::of(flag.code()), Some(flag));
        }
        let message = parse(&mdm());
        assert_eq!(answer(&message, Flag::Destdmp), Some(true));
        assert_eq!(answer(&message, Flag::MasquePs), Some(false));
        assert_eq!(answer(&message, Flag::CorpsmailPatient), None);
        assert_eq!(documents(&message).len(), 1);
    }

    #[test]
    fn the_operation_is_what_everything_says_or_nothing() {
        let change = |text: String, event: &str, status: &str, control: &str| {
            let text = text
                .replace("MDM^T02^", &format!("MDM^{event}^"))
                .replace("ORC|NW", &format!("ORC|{control}"));
            operation(&parse(&mutate(&text, "PC9hPg==||||||F", &format!("PC9hPg==||||||{status}"))))
        };
        assert_eq!(change(mdm(), "T02", "F", "NW"), Some(Operation::Submit));
        assert_eq!(change(mdm(), "T10", "C", "RO"), Some(Operation::Replace));
        assert_eq!(change(mdm(), "T04", "D", "CA"), Some(Operation::Delete));
        assert_eq!(change(oru(), "", "D", "CA"), Some(Operation::Delete));
        assert_eq!(change(mdm(), "T10", "F", "RO"), None);
        assert_eq!(change(oru(), "", "X", "NW"), None);
    }

    #[test]
    fn recipients_are_told_apart_and_the_address_decides_first() {
        let kind = |prt: &str| {
            let text = format!("MSH|^~\\&|A\rPRT||UC||RCT^^participation|{prt}\r");
            recipient_kind(parse(&text).segment("PRT").unwrap())
        };
        assert_eq!(kind("||||||||||^^X.400^279035121518989@Patient.MSSante.fr."), RecipientKind::Patient);
        assert_eq!(kind("2790^A^B^^^^^^^L^^^INS||||||||||^^X.400^a@b.example"), RecipientKind::Patient);
        assert_eq!(kind("2790^A^B^^^^^^1.2.250.1.213.1.4.10"), RecipientKind::Patient);
        assert_eq!(kind("|||SERVICE||APP1"), RecipientKind::Application);
        assert_eq!(kind("|||SERVICE"), RecipientKind::Organization);
        assert_eq!(kind("8012^A^B|||SERVICE"), RecipientKind::Professional);
    }
}
