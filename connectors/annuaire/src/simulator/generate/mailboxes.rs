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

/// A mailbox on one day.
pub(super) struct Box {
    pub(super) address: String,
    pub(super) personal: bool,
    /// Who holds it, when it is personal.
    pub(super) person: u64,
    /// Where it is used, or whose it is.
    pub(super) site: u64,
    /// Whether a personal one is told with its place.
    pub(super) at_site: bool,
    pub(super) paperless: bool,
}

impl Nation {
    /// The mailbox of a number; `None` when it is not open today.
    pub(super) fn mailbox(&self, index: u64) -> Option<Box> {
        let mut draw = self.draw(5, index);
        // Some close, some open later: about 480 and 340 a day in the nation.
        let (closes, opens) = (draw.below(1000) == 0, draw.below(1400) == 0);
        let since = 1 + draw.below(2);
        if closes && self.day >= since || opens && self.day < since {
            return None;
        }
        // As many repeats as the real file has, in proportion.
        let repeat_every = (self.sizes.mailboxes / 169).max(12);
        let repeated = index % repeat_every == repeat_every - 1;
        let address_of = if repeated { index - 1 } else { index };
        let domain = self.draw(6, address_of).ranked(usize::try_from(DOMAINS).unwrap_or(1));
        let personal = self.draw(7, index).percent(85);
        let at_site = self.draw(8, index).percent(70);
        let person = self.holder(index);
        let site = self.person(person).sites.iter().flatten().next().copied();
        let local = if personal {
            let owner = self.person(self.holder(address_of));
            ascii(&format!("{}.{}", owner.given, owner.family))
        } else {
            "secretariat".to_owned()
        };
        Some(Box {
            address: format!("{local}.{address_of}@d{domain}.exemple.mssante.fr"),
            personal,
            person,
            site: site.unwrap_or(index % self.structures()),
            at_site,
            paperless: index.is_multiple_of(if personal { 3 } else { 2 }),
        })
    }

    fn holder(&self, index: u64) -> u64 {
        index.wrapping_mul(3) % self.sizes.persons.max(1)
    }

    /// Writes the MSSanté extraction: 85 % personal, 169 addresses on several lines in the whole nation.
    pub fn mssante(&self, out: &mut impl Write) -> io::Result<u64> {
        header(out, MSSANTE.columns)?;
        let mut lines = 0;
        for mailbox in (0..self.sizes.mailboxes).filter_map(|index| self.mailbox(index)) {
            self.mailbox_line(out, &mailbox)?;
            lines += 1;
        }
        Ok(lines)
    }

    fn mailbox_line(&self, out: &mut impl Write, mailbox: &Box) -> io::Result<()> {
        let site = self.site(mailbox.site);
        let (structure_kind, structure) =
            if site.finess.is_empty() { ("3", site.siret.as_str()) } else { ("1", site.finess.as_str()) };
        let kind = STREET_TYPES[site.street_type].0;
        let place = format!(
            "{}||||{}||{kind}|{}||{} {}|{}|99|France|",
            site.name, site.number, STREETS[site.street], site.postcode, site.town, site.postcode
        );
        let (address, paperless) = (&mailbox.address, if mailbox.paperless { "O" } else { "N" });
        if mailbox.personal {
            let person = self.person(mailbox.person);
            let (code, label, _) = PROFESSIONS[person.profession];
            let skill = person.skill.map_or(["", ""], |at| [SKILLS[at].0, SKILLS[at].1]);
            let (structure_kind, structure) =
                if mailbox.at_site { (structure_kind, structure) } else { ("", "") };
            writeln!(
                out,
                "PER|{address}|8|{rpps}|8{rpps}|{structure_kind}|{structure}||{}|{}|{}|C|Civil|{code}|{label}|{}|{}|{paperless}|{place}",
                if person.title { "DR" } else { "" },
                person.family,
                person.given,
                skill[0],
                skill[1],
                rpps = person.rpps,
            )
        } else {
            writeln!(
                out,
                "ORG|{address}||||{structure_kind}|{structure}|Secrétariat||||||||||{paperless}|{place}",
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
