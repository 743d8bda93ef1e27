//! The ten yes-or-no flags of table MetaDMPMSS.
//! In: OBX found by code, never by rank, former names known. Out: visibility, wanted destinations and reports.
//! Source: hl7v2.md §2.8.

use jonction_hl7v2::{
    Message,
    volet::{self, Flag},
};
use jonction_model::{Recipient, RecipientKind, Visibility, Wants};

use super::Report;

/// What a flag says. Anything but a clear yes or no is not an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
    /// No OBX.
    Missing,
    /// Neither Y nor N, or both.
    Unclear,
}

/// The answers, and whether the patient is asked not to answer.
#[derive(Clone, Debug)]
pub(super) struct Flags {
    answers: Vec<(Flag, Answer)>,
    no_reply: bool,
}

impl Flags {
    pub(super) fn read(message: &Message, report: &mut Report) -> Self {
        let answers: Vec<_> = Flag::questions().map(|flag| (flag, answer(message, flag))).collect();
        for (flag, answer) in &answers {
            let sentence = match answer {
                Answer::Yes | Answer::No => continue,
                Answer::Missing => "indicateur absent",
                Answer::Unclear => "indicateur illisible : ni Y ni N, ou les deux",
            };
            let code = flag.code();
            let remedy = format!("transmettre {code} à Y ou N");
            let mut text = format!("{code} : {sentence}");
            if !decides_who_sees(*flag) {
                text.push_str(", lu comme N");
            }
            report.warn("hl7v2/H072", format!("OBX[3.1='{code}']"), &text, &remedy);
        }
        Self { answers, no_reply: no_reply(message) }
    }

    pub(super) fn answer(&self, flag: Flag) -> Answer {
        self.answers.iter().find(|(known, _)| *known == flag).map_or(Answer::Missing, |(_, answer)| *answer)
    }

    /// Y; everything else is no.
    pub(super) fn yes(&self, flag: Flag) -> bool {
        self.answer(flag) == Answer::Yes
    }

    /// Neither Y nor N.
    pub(super) fn unknown(&self, flag: Flag) -> bool {
        matches!(self.answer(flag), Answer::Missing | Answer::Unclear)
    }

    pub(super) fn visibility(&self) -> Visibility {
        Visibility {
            hidden_from_professionals: self.yes(Flag::MasquePs),
            hidden_from_patient: self.yes(Flag::InvisiblePatient),
            hidden_from_legal_representatives: self.yes(Flag::InvisibleRepLegaux),
            secret_connection: self.yes(Flag::ConnexionSecrete),
            only_visibility_changes: self.yes(Flag::ModifConfCode),
        }
    }

    pub(super) fn wants(&self) -> Wants {
        Wants {
            dmp: self.yes(Flag::Destdmp),
            mssante_professionals: self.yes(Flag::Destmssanteps),
            mssante_patient: self.yes(Flag::Destmssantepat),
            delivery_reports: self.yes(Flag::AckReception),
            reading_reports: self.yes(Flag::AckLectureMss),
        }
    }

    /// The note behind DESTMSSANTEPAT concerns the patient's mail only.
    pub(super) fn apply_to(&self, recipient: &mut Recipient) {
        recipient.no_reply = self.no_reply && recipient.kind == RecipientKind::Patient;
    }
}

/// Flags whose absence must not open anything: who may see the document.
pub(super) fn decides_who_sees(flag: Flag) -> bool {
    matches!(
        flag,
        Flag::MasquePs | Flag::InvisiblePatient | Flag::InvisibleRepLegaux | Flag::ConnexionSecrete
    )
}

/// A flag given twice must say the same twice.
fn answer(message: &Message, wanted: Flag) -> Answer {
    let mut said = Answer::Missing;
    for (_, obx) in volet::flags(message).filter(|(flag, _)| *flag == wanted) {
        let this = match &*obx.field(5).component(1).trimmed() {
            "Y" => Answer::Yes,
            "N" => Answer::No,
            _ => Answer::Unclear,
        };
        said = if said == Answer::Missing || said == this { this } else { Answer::Unclear };
    }
    said
}

/// NTE-4 = FIN right behind DESTMSSANTEPAT.
fn no_reply(message: &Message) -> bool {
    let of_patient = |code: &str| Flag::of(code) == Some(Flag::Destmssantepat);
    message
        .observations()
        .iter()
        .filter(|group| of_patient(&group.obx.field(3).component(1).trimmed()))
        .any(|group| group.notes.iter().any(|note| note.field(4) == "FIN"))
}
