//! A made-up nation: professionals, practices, mailboxes, of any number, the same for the same seed everywhere.
//! In: a seed, sizes, a day. Out: the lines of the four files. Source: annuaires.md §8.1.
//! Fictional: RPPS of the reserved range `109…`, FINESS `99…`, department 99, domains `*.exemple.mssante.fr`.

mod draw;
mod mailboxes;
mod people;
mod practices;
mod resources;
mod sites;
mod words;

use std::io::{self, Write};

use draw::Draw;
pub(super) use resources::{Boxes, Kind, Told};

/// How much of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Distinct persons; lines of Personne_activite are about 1.2 times as many.
    pub persons: u64,
    /// Mailboxes.
    pub mailboxes: u64,
}

impl Sizes {
    /// The nation in 2026: 2.29 million lines, 540,000 mailboxes.
    pub const NATION: Self = Self { persons: 1_909_409, mailboxes: 540_000 };
}

/// The nation on one day. Each following day changes as many lines as the real one does.
#[derive(Clone, Copy, Debug)]
pub struct Nation {
    seed: u64,
    sizes: Sizes,
    day: u64,
}

impl Nation {
    /// The nation of a seed, on its first day.
    pub fn new(seed: u64, sizes: Sizes) -> Self {
        Self { seed, sizes, day: 0 }
    }

    /// The same nation, so many days later.
    #[must_use]
    pub fn on_day(self, day: u64) -> Self {
        Self { day, ..self }
    }

    fn draw(&self, what: u64, of: u64) -> Draw {
        Draw::of(self.seed.wrapping_add(what << 56), of)
    }
}

fn header(out: &mut impl Write, columns: &[&str]) -> io::Result<()> {
    writeln!(out, "{}|", columns.join("|"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const TOWN: Sizes = Sizes { persons: 2_000, mailboxes: 600 };

    fn lines(write: impl Fn(&mut Vec<u8>) -> io::Result<u64>) -> Vec<String> {
        let mut out = Vec::new();
        let told = write(&mut out).unwrap();
        let lines: Vec<String> = String::from_utf8(out).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(lines.len() as u64, told + 1);
        lines
    }

    #[test]
    fn every_line_has_the_fields_of_its_header() {
        let nation = Nation::new(7, TOWN);
        for all in [
            lines(|out| nation.personne_activite(out)),
            lines(|out| nation.savoir_faire(out)),
            lines(|out| nation.dipl_autexerc(out)),
            lines(|out| nation.mssante(out)),
        ] {
            let width = all[0].matches('|').count();
            assert!(all.iter().all(|line| line.matches('|').count() == width), "{}", all[0]);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_nation_and_another_day_changes_little_of_it() {
        let nation = Nation::new(7, TOWN);
        let first: BTreeSet<_> = lines(|out| nation.personne_activite(out)).into_iter().collect();
        assert_eq!(first, lines(|out| Nation::new(7, TOWN).personne_activite(out)).into_iter().collect());
        let next: BTreeSet<_> = lines(|out| nation.on_day(1).personne_activite(out)).into_iter().collect();
        let new = next.difference(&first).count();
        assert!((1..60).contains(&new), "{new}");
    }

    #[test]
    fn there_are_homonyms_accents_and_people_who_practise_nowhere() {
        let all = lines(|out| Nation::new(7, TOWN).personne_activite(out));
        let names: Vec<_> = all
            .iter()
            .skip(1)
            .map(|line| line.split('|').skip(7).take(2).collect::<Vec<_>>().join(" "))
            .collect();
        let distinct: BTreeSet<_> = names.iter().collect();
        assert!(distinct.len() < names.len() - 200);
        assert!(names.iter().any(|name| !name.is_ascii()));
        let nowhere = all.iter().skip(1).filter(|line| line.split('|').nth(23) == Some("")).count();
        assert!((all.len() / 6..all.len() / 3).contains(&nowhere), "{nowhere} of {}", all.len());
    }
}
