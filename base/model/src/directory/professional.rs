//! Professionals, what they do where, and mailboxes.
//! Source: annuaires.md §1.3, §1.4, §1.5, §2.5.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Coded, Structure};
use crate::ids::{PersonId, StructureId};

/// A person registered to practise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Professional {
    /// PS_IdNat: `8` + RPPS.
    pub id: PersonId,
    /// Civilité: `M`, `MME`.
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub civility: Coded,
    /// Civilité d'exercice: `DR`.
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub title: Coded,
    /// Nom d'exercice.
    pub family: String,
    /// Prénom d'exercice.
    pub given: String,
    /// One for each exercice, savoir-faire and place; a person without any place keeps one without site.
    #[serde(default)]
    pub practices: Vec<Practice>,
    /// Diplomas and authorisations to practise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diplomas: Vec<Diploma>,
    /// Day on which the source said that this person is no longer there; kept for the record, hidden from routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Date>,
}

impl Professional {
    /// Whether this person practises today, somewhere or not yet anywhere.
    pub fn practises(&self) -> bool {
        self.ended.is_none()
    }

    /// Takes what another part about the same person adds. The first name told stays.
    pub fn merge(&mut self, other: Self) {
        fill(&mut self.family, other.family);
        fill(&mut self.given, other.given);
        if self.civility.is_empty() {
            self.civility = other.civility;
        }
        if self.title.is_empty() {
            self.title = other.title;
        }
        for practice in other.practices {
            self.take(practice);
        }
        for diploma in other.diplomas {
            if !self.diplomas.contains(&diploma) {
                self.diplomas.push(diploma);
            }
        }
    }

    /// A skill told apart from any place (file SavoirFaire) goes to the practices of its profession that have none.
    fn take(&mut self, practice: Practice) {
        if self.practices.contains(&practice) {
            return;
        }
        if practice.is_skill_alone() {
            let same_profession = |own: &&mut Practice| own.profession.code == practice.profession.code;
            let mut met = false;
            for own in self.practices.iter_mut().filter(same_profession) {
                met |= own.skill.code == practice.skill.code;
                if own.skill.code.is_empty() {
                    own.skill_type = practice.skill_type.clone();
                    own.skill = practice.skill.clone();
                    met = true;
                }
            }
            if met {
                return;
            }
        }
        self.practices.push(practice);
    }
}

pub(super) fn fill(own: &mut String, other: String) {
    if own.is_empty() {
        *own = other;
    }
}

/// One exercice, with its savoir-faire, at one place. `site` is absent for who practises nowhere (yet).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Practice {
    /// Profession (TRE_G15).
    pub profession: Coded,
    /// Catégorie professionnelle (TRE_R09): `C` civil, `M` militaire, `E` étudiant.
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub category: Coded,
    /// Type de savoir-faire (TRE_R04).
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub skill_type: Coded,
    /// Savoir-faire: the specialty.
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub skill: Coded,
    /// Mode d'exercice (TRE_R23): `S` salarié, `L` libéral.
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub mode: Coded,
    /// Secteur d'activité (TRE_R02).
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub sector: Coded,
    /// Section du tableau des pharmaciens.
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub section: Coded,
    /// Rôle, or fonction.
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub role: Coded,
    /// Genre d'activité (TRE_R22).
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub genre: Coded,
    /// Autorité d'enregistrement.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub authority: String,
    /// Identifier of the situation d'exercice, which only the FHIR API gives.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub situation: String,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Box<Structure>>,
}

impl Practice {
    fn is_skill_alone(&self) -> bool {
        self.site.is_none()
            && !self.skill.code.is_empty()
            && self.mode.is_empty()
            && self.sector.is_empty()
            && self.genre.is_empty()
            && self.situation.is_empty()
    }
}

/// A diploma, or an authorisation to practise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diploma {
    /// Kind of diploma.
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub kind: Coded,
    /// The diploma.
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub diploma: Coded,
    /// Kind of authorisation.
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub authorisation: Coded,
    /// Discipline it is given for.
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub discipline: Coded,
}

/// Whose mailbox it is. Source: annuaires.md §2.5 (JDV_J139).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MailboxKind {
    /// Of one professional.
    #[default]
    Per,
    /// Of an organisation.
    Org,
    /// Of a program.
    App,
    /// Of a practice and of whom it delegates.
    Cab,
}

impl MailboxKind {
    /// Every kind with its code.
    pub const ALL: [(MailboxKind, &'static str); 4] =
        [(Self::Per, "PER"), (Self::Org, "ORG"), (Self::App, "APP"), (Self::Cab, "CAB")];

    /// The code.
    pub fn code(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// The kind of a code.
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == code).map(|(kind, _)| *kind)
    }
}

/// A mailbox of the MSSanté space: one address, perhaps several holders.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mailbox {
    /// The address, as told; compared without regard to case.
    pub address: String,
    /// Whose it is.
    pub kind: MailboxKind,
    /// Who holds it.
    pub holders: Vec<Holder>,
    /// Whether documents on paper are no longer sent (dématérialisation); `None` when not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paperless: Option<bool>,
    /// Day on which the source said that it is no longer there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Date>,
}

impl Mailbox {
    /// Takes the holders of another line about the same address.
    pub fn merge(&mut self, other: Self) {
        self.paperless = self.paperless.or(other.paperless);
        for holder in other.holders {
            if !self.holders.contains(&holder) {
                self.holders.push(holder);
            }
        }
    }
}

/// A person, a structure, or a person in a structure, who reads a mailbox.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Holder {
    /// The person, for a personal mailbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    /// The structure, when the mailbox belongs to it or is used there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structure: Option<StructureId>,
    /// Service de rattachement.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service: String,
    /// Nom d'exercice.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub family: String,
    /// Prénom d'exercice.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub given: String,
    /// Profession.
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub profession: Coded,
    /// Savoir-faire.
    #[serde(default, skip_serializing_if = "Coded::is_empty")]
    pub skill: Coded,
    /// The structure as this source writes it: name and address, for who has no other source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Box<Structure>>,
}

/// Whose mailboxes are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those of a person, wherever they are used.
    Person(PersonId),
    /// Those of a structure itself.
    Structure(StructureId),
}

impl Whose {
    /// Whether this line about a mailbox is about that holder.
    pub fn is(&self, holder: &Holder) -> bool {
        match self {
            Self::Person(id) => holder.person.as_ref() == Some(id),
            Self::Structure(id) => holder.person.is_none() && holder.structure.as_ref() == Some(id),
        }
    }
}

/// Every mailbox of one holder.
#[derive(Clone, Debug, PartialEq)]
pub struct Holdings {
    /// The holder.
    pub whose: Whose,
    /// Its mailboxes; each names this holder.
    pub mailboxes: Vec<Mailbox>,
}
