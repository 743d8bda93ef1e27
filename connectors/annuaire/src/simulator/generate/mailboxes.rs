//! The mailboxes of the nation, and their extraction.
//! In: a number. Out: a mailbox, its line. Source: annuaires.md §1.5. Fictional: domains `*.exemple.mssante.fr`.

use std::io::{self, Write};

use super::{
    Nation, header,
    words::{PROFESSIONS, SKILLS, STREET_TYPES, STREETS},
};
use crate::flat::MSSANTE;

/// Domains of the nation.
const DOMAINS: u64 = 5_000;

impl Nation {
    /// Writes the MSSanté extraction: 85 % personal, 169 addresses on several lines in the whole nation.
    pub fn mssante(&self, out: &mut impl Write) -> io::Result<u64> {
        header(out, MSSANTE.columns)?;
        let mut lines = 0;
        // As many repeats as the real file has, in proportion.
        let repeat_every = (self.sizes.mailboxes / 169).max(12);
        for index in 0..self.sizes.mailboxes {
            let mut draw = self.draw(5, index);
            // Some close, some open later: about 480 and 340 a day in the nation.
            let (closes, opens) = (draw.below(1000) == 0, draw.below(1400) == 0);
            let since = 1 + draw.below(2);
            if closes && self.day >= since || opens && self.day < since {
                continue;
            }
            let repeated = index % repeat_every == repeat_every - 1;
            self.mailbox_line(out, index, if repeated { index - 1 } else { index })?;
            lines += 1;
        }
        Ok(lines)
    }

    fn mailbox_line(&self, out: &mut impl Write, index: u64, address_of: u64) -> io::Result<()> {
        let domain = self.draw(6, address_of).ranked(usize::try_from(DOMAINS).unwrap_or(1));
        let personal = self.draw(7, index).percent(85);
        let at_site = self.draw(8, index).percent(70);
        let person = self.person(index.wrapping_mul(3) % self.sizes.persons.max(1));
        let site =
            self.site(person.sites.iter().flatten().next().copied().unwrap_or(index % self.structures()));
        let (structure_kind, structure) =
            if site.finess.is_empty() { ("3", site.siret.as_str()) } else { ("1", site.finess.as_str()) };
        let address = |local: String| format!("{local}.{address_of}@d{domain}.exemple.mssante.fr");
        let kind = STREET_TYPES[site.street_type].0;
        let place = format!(
            "{}||||{}||{kind}|{}||{} {}|{}|99|France|",
            site.name, site.number, STREETS[site.street], site.postcode, site.town, site.postcode
        );
        if personal {
            let owner = self.person(address_of.wrapping_mul(3) % self.sizes.persons.max(1));
            let local = ascii(&format!("{}.{}", owner.given, owner.family));
            let (code, label, _) = PROFESSIONS[person.profession];
            let skill = person.skill.map_or(["", ""], |at| [SKILLS[at].0, SKILLS[at].1]);
            let (structure_kind, structure) = if at_site { (structure_kind, structure) } else { ("", "") };
            writeln!(
                out,
                "PER|{}|8|{rpps}|8{rpps}|{structure_kind}|{structure}||{}|{}|{}|C|Civil|{code}|{label}|{}|{}|{}|{place}",
                address(local),
                if person.title { "DR" } else { "" },
                person.family,
                person.given,
                skill[0],
                skill[1],
                if index.is_multiple_of(3) { "O" } else { "N" },
                rpps = person.rpps,
            )
        } else {
            writeln!(
                out,
                "ORG|{}||||{structure_kind}|{structure}|Secrétariat||||||||||{}|{place}",
                address("secretariat".to_owned()),
                if index.is_multiple_of(2) { "O" } else { "N" },
            )
        }
    }
}

/// A local part: letters without accents, points for the rest.
fn ascii(text: &str) -> String {
    let plain = |c: char| match c {
        'é' | 'è' | 'ê' | 'ë' | 'É' | 'È' | 'Ê' | 'Ë' => 'e',
        'à' | 'â' | 'À' | 'Â' => 'a',
        'î' | 'ï' | 'Î' | 'Ï' => 'i',
        'ô' | 'ö' | 'Ô' | 'Ö' => 'o',
        'ù' | 'û' | 'ü' | 'Ù' | 'Û' | 'Ü' => 'u',
        'ç' | 'Ç' => 'c',
        c if c.is_ascii_alphanumeric() || c == '.' => c.to_ascii_lowercase(),
        _ => '-',
    };
    text.chars().map(plain).collect()
}
