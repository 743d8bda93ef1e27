//! How the builder says what it supposed and what it cannot do. In French, codes and forms only.
//! In: places and sentences. Out: findings whose severity depends on the destination. Source: style part 2.

use jonction_model::{Finding, Place, Severity};

use super::Profile;
use crate::{
    ebrim::SLOT_CHARACTERS_MAX,
    metadata::{Author, DocumentEntry, Submission},
};

/// One thing to say.
pub(super) struct Note {
    /// Stable code.
    pub code: &'static str,
    /// Path in the CDA or in the HL7 message.
    pub place: String,
    /// What is wrong.
    pub sentence: String,
    /// What was expected.
    pub expected: String,
    /// What was found; never a datum of a person.
    pub found: String,
    /// What to do.
    pub remedy: &'static str,
}

pub(super) struct Findings {
    is_dmp: bool,
    list: Vec<Finding>,
}

impl Findings {
    pub(super) fn new(profile: Profile<'_>) -> Self {
        Self { is_dmp: profile.is_dmp(), list: Vec::new() }
    }

    /// Something was supposed, or is irregular.
    pub(super) fn warn(&mut self, note: Note) {
        self.push(Severity::Warning, note);
    }

    /// The DMP cannot take it; a mail can.
    pub(super) fn refuse_in_dmp(&mut self, note: Note) {
        self.push(if self.is_dmp { Severity::Error } else { Severity::Warning }, note);
    }

    /// Nobody can take it.
    pub(super) fn refuse(&mut self, note: Note) {
        self.push(Severity::Error, note);
    }

    fn push(&mut self, severity: Severity, note: Note) {
        let mut finding = Finding::new(severity, note.code, note.sentence)
            .at(Place::path(note.place))
            .remedy(note.remedy)
            .requirement("cda.md §4, dmp-xds.md §7.2");
        if !note.expected.is_empty() || !note.found.is_empty() {
            finding = finding.expected(note.expected, note.found);
        }
        self.list.push(finding);
    }

    pub(super) fn into_vec(self) -> Vec<Finding> {
        self.list
    }

    /// The ebRIM schema holds at most 256 characters per slot value. Source: dmp-xds.md §7.1.
    pub(super) fn check_lengths(&mut self, submission: &Submission) {
        let mut long = Vec::new();
        let set = &submission.set;
        long_in_authors(&set.authors, "SubmissionSet", &mut long);
        for entry in &submission.entries {
            long_in_entry(entry, &mut long);
        }
        for (place, length) in long {
            self.refuse_in_dmp(Note {
                code: "xds.slot-too-long",
                place,
                sentence: "la valeur est trop longue pour une métadonnée XDS".to_owned(),
                expected: format!("{SLOT_CHARACTERS_MAX} caractères au plus"),
                found: format!("{length} caractères"),
                remedy: "raccourcir le nom de la structure, de la personne ou du libellé dans le document",
            });
        }
    }
}

type Long = Vec<(String, usize)>;

fn measure(place: impl FnOnce() -> String, text: &str, long: &mut Long) {
    let length = text.chars().count();
    if length > SLOT_CHARACTERS_MAX {
        long.push((place(), length));
    }
}

fn long_in_authors(authors: &[Author], owner: &str, long: &mut Long) {
    for author in authors {
        let place = |slot: &str| format!("{owner}/author/{slot}");
        author.person.iter().for_each(|p| measure(|| place("authorPerson"), p.expose(), long));
        author.institutions.iter().for_each(|i| measure(|| place("authorInstitution"), i.expose(), long));
        author.roles.iter().for_each(|r| measure(|| place("authorRole"), r, long));
        author.specialties.iter().for_each(|s| measure(|| place("authorSpecialty"), s.expose(), long));
    }
}

fn long_in_entry(entry: &DocumentEntry, long: &mut Long) {
    let place = |slot: &str| format!("{}/{slot}", entry.id);
    long_in_authors(&entry.authors, &entry.id, long);
    entry
        .legal_authenticator
        .iter()
        .for_each(|person| measure(|| place("legalAuthenticator"), person.expose(), long));
    entry.source_patient_id.iter().for_each(|cx| measure(|| place("sourcePatientId"), cx.expose(), long));
    entry
        .source_patient_info
        .iter()
        .for_each(|line| measure(|| place("sourcePatientInfo"), line.expose(), long));
    entry.references.iter().for_each(|cxi| measure(|| place("referenceIdList"), cxi.expose(), long));
}
