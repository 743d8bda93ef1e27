//! The three files of RPPS+, line by line.
//! In: the people. Out: Personne_activite, SavoirFaire, Dipl_AutExerc. Source: annuaires.md §1.3, §1.4.

use std::io::{self, Write};

use super::{
    Nation, header,
    people::Person,
    words::{PROFESSIONS, SKILLS, STREET_TYPES, STREETS},
};
use crate::flat::{DIPLOMES, PERSONNE_ACTIVITE, SAVOIR_FAIRE};

impl Nation {
    /// Writes Personne_activite. Out: lines without the header.
    pub fn personne_activite(&self, out: &mut impl Write) -> io::Result<u64> {
        header(out, PERSONNE_ACTIVITE.columns)?;
        let mut lines = 0;
        for (_, person) in self.persons() {
            for site in &person.sites {
                self.practice_line(out, &person, *site)?;
                lines += 1;
            }
        }
        Ok(lines)
    }

    fn practice_line(&self, out: &mut impl Write, person: &Person, site: Option<u64>) -> io::Result<()> {
        let (code, label, _) = PROFESSIONS[person.profession];
        let (civility, civility_label) = if person.woman { ("MME", "Madame") } else { ("M", "Monsieur") };
        let (title, title_label) = if person.title { ("DR", "Docteur") } else { ("", "") };
        let skill = person
            .skill
            .map_or(["", "", "", ""], |at| ["S", "Spécialité ordinale", SKILLS[at].0, SKILLS[at].1]);
        write!(
            out,
            "8|{rpps}|8{rpps}|{title}|{title_label}|{civility}|{civility_label}|{}|{}|{code}|{label}|C|Civil|{}|",
            person.family,
            person.given,
            skill.join("|"),
            rpps = person.rpps,
        )?;
        match site {
            None => writeln!(out, "||{}", "|".repeat(37)),
            Some(site) => {
                let site = self.site(site);
                let mode = if site.finess.is_empty() {
                    "L|Libéral, indépendant, artisan, commerçant"
                } else {
                    "S|Salarié"
                };
                let sector = if site.finess.is_empty() {
                    "SA07|Cabinet individuel"
                } else {
                    "SA01|Etablissement public de santé"
                };
                let (kind, kind_label) = STREET_TYPES[site.street_type];
                writeln!(
                    out,
                    "{mode}|{}|{}|{}|{}|{}|{}|||{}|{}||{kind}|{kind_label}|{}||{} {}|{}|{}|{}|99000|France|{}||||99|Département fictif|{}|CNOM/CNOM/CNOM|{sector}|||||GENR01|Activité standard de soin ou de pharmacien|",
                    site.siret,
                    site.siren,
                    site.finess,
                    site.finess_legal,
                    site.technical,
                    site.name,
                    site.complement,
                    site.number,
                    STREETS[site.street],
                    site.postcode,
                    site.town,
                    site.postcode,
                    site.commune,
                    site.town_label,
                    site.phone,
                    site.former,
                )
            }
        }
    }

    /// Writes SavoirFaire: a line for each specialty, one person in four.
    pub fn savoir_faire(&self, out: &mut impl Write) -> io::Result<u64> {
        header(out, SAVOIR_FAIRE.columns)?;
        let mut lines = 0;
        for (_, person) in self.persons() {
            let Some(skill) = person.skill else { continue };
            let ((code, label, _), (skill, skill_label)) = (PROFESSIONS[person.profession], SKILLS[skill]);
            writeln!(
                out,
                "8|{rpps}|8{rpps}|{}|{}|{code}|{label}|C|Civil|S|Spécialité ordinale|{skill}|{skill_label}|",
                person.family,
                person.given,
                rpps = person.rpps,
            )?;
            lines += 1;
        }
        Ok(lines)
    }

    /// Writes Dipl_AutExerc: 1.2 lines a person.
    pub fn dipl_autexerc(&self, out: &mut impl Write) -> io::Result<u64> {
        header(out, DIPLOMES.columns)?;
        let mut lines = 0;
        for (index, person) in self.persons() {
            for number in self.diplomas(index) {
                writeln!(
                    out,
                    "8|{rpps}|8{rpps}|{}|{}|DE|Diplôme d'Etat français|DE{number:02}|Diplôme d'Etat fictif n°{number}|||||",
                    person.family,
                    person.given,
                    rpps = person.rpps,
                )?;
                lines += 1;
            }
        }
        Ok(lines)
    }

    /// Numbers of the diplomas of a person.
    pub(super) fn diplomas(&self, index: u64) -> impl Iterator<Item = u64> + use<> {
        let mut draw = self.draw(4, index);
        let count = 1 + u64::from(draw.percent(20));
        (0..count).map(move |_| 1 + draw.below(80))
    }
}
