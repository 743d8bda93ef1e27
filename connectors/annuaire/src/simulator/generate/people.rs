//! The people of the nation: who they are, what they do where, who came and who left.
//! In: a number, the day. Out: a person. Fictional: RPPS of the reserved range `109…`.

use super::{
    Draw, Nation,
    words::{ENDINGS, FAMILY, GIVEN, PROFESSIONS, SKILLS, SYLLABLES},
};

/// Everything that lines are made of, for one person.
pub(super) struct Person {
    pub(super) rpps: String,
    pub(super) title: bool,
    pub(super) woman: bool,
    pub(super) family: String,
    pub(super) given: String,
    pub(super) profession: usize,
    pub(super) skill: Option<usize>,
    pub(super) sites: Vec<Option<u64>>,
}

impl Nation {
    /// What happened to a person, or to a mailbox, up to this day: how many times it changed.
    pub(super) fn changes(&self, what: u64, of: u64, per_million: u64) -> u64 {
        (1..=self.day)
            .filter(|day| {
                self.draw(what, of.wrapping_mul(4099).wrapping_add(*day)).below(1_000_000) < per_million
            })
            .count() as u64
    }

    /// RPPS of the reserved range, with its key.
    pub(super) fn rpps(index: u64) -> String {
        // Spread over the range, so that the file is not in the order of the numbers.
        let spread = index.wrapping_mul(7_654_321) % 10_000_000;
        let body = format!("109{spread:07}");
        let sum: u32 = body
            .bytes()
            .rev()
            .enumerate()
            .map(|(at, byte)| {
                let digit = u32::from(byte - b'0');
                match at % 2 {
                    0 if digit > 4 => digit * 2 - 9,
                    0 => digit * 2,
                    _ => digit,
                }
            })
            .sum();
        format!("{body}{}", (10 - sum % 10) % 10)
    }

    fn family(draw: &mut Draw) -> String {
        let mut one = || {
            if draw.percent(35) {
                FAMILY[draw.ranked(FAMILY.len())].to_owned()
            } else {
                let pick = |draw: &mut Draw, from: &'static [&'static str]| {
                    from[usize::try_from(draw.below(from.len() as u64)).unwrap_or(0)]
                };
                let mut name = String::from(pick(draw, SYLLABLES));
                for _ in 0..=draw.below(2) {
                    name += pick(draw, SYLLABLES);
                }
                name + pick(draw, ENDINGS)
            }
        };
        let first = one();
        let second = one();
        if draw.percent(8) { format!("{first}-{second}") } else { first }
    }

    /// The person of a number.
    pub(super) fn person(&self, index: u64) -> Person {
        let mut draw = self.draw(1, index);
        let moves = self.changes(2, index, 5_000);
        let mut share = draw.below(1000);
        let profession = PROFESSIONS.iter().position(|(_, _, of)| {
            let here = share < *of;
            share = share.saturating_sub(*of);
            here
        });
        let profession = profession.unwrap_or(0);
        let family = Self::family(&mut draw);
        let mut given = GIVEN[draw.ranked(GIVEN.len())].to_owned();
        if draw.below(1000) == 0 {
            given = given.replace('-', "\u{a0}");
        }
        let skill = (PROFESSIONS[profession].0 == "10").then(|| draw.ranked(SKILLS.len()));
        let count = match draw.below(100) {
            0..87 => 1,
            87..96 => 2,
            96..99 => 3,
            _ => 4 + draw.below(8),
        };
        let (title, woman) = (draw.percent(30), draw.percent(60));
        let sites = (0..count)
            .map(|_| {
                let nowhere = draw.percent(25);
                let site = draw.below(self.structures());
                // Who moved works elsewhere since.
                (!nowhere).then(|| if moves > 0 { (site + moves * 7919) % self.structures() } else { site })
            })
            .collect();
        Person { rpps: Self::rpps(index), title, woman, family, given, profession, skill, sites }
    }

    /// Whether this person has joined the register by now, and has not left it.
    pub(super) fn is_there(&self, index: u64) -> bool {
        // One in a hundred comes within five days; as many leave.
        let mut draw = self.draw(3, index);
        let (joins, leaves) = (draw.below(100), draw.below(100));
        let arrival = if joins == 0 { 1 + draw.below(5) } else { 0 };
        let departure = if leaves == 0 { 1 + draw.below(5) } else { u64::MAX };
        arrival <= self.day && self.day < departure
    }

    /// Everybody in the register today.
    pub(super) fn persons(&self) -> impl Iterator<Item = (u64, Person)> {
        (0..self.sizes.persons).filter(|index| self.is_there(*index)).map(|index| (index, self.person(index)))
    }
}
