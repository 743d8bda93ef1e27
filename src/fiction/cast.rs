//! Who stands for whom: the same text becomes the same other text, drawn at random once.
//! In: texts of the message, by what they are. Out: texts of nobody, of the same form, with valid keys.
//! Nothing tells who was replaced: what is drawn is kept for the time of one message.

use std::collections::HashMap;

use jiff::{ToSpan as _, civil::Date};
use jonction_model::{Entropy, Ins};
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Family,
    Given,
    Ins,
    Professional,
    Id,
    Birth,
    Phone,
    Mail,
}

impl Kind {
    /// In a sentence, and the shortest text that is looked for afterwards: shorter ones occur by chance.
    fn told(self) -> (&'static str, usize) {
        match self {
            Self::Family => ("un nom", 3),
            Self::Given => ("un prénom", 4),
            Self::Ins => ("un matricule INS", 10),
            Self::Professional => ("un identifiant de professionnel", 8),
            Self::Id => ("un identifiant", 6),
            Self::Birth => ("une date de naissance", 8),
            Self::Phone => ("un téléphone", 8),
            Self::Mail => ("une adresse de messagerie", 6),
        }
    }
}

const FAMILIES: [&str; 12] = [
    "FICTIF",
    "EXEMPLE",
    "MODELE",
    "ESSAI",
    "DEMONSTRATION",
    "INVENTE",
    "IMAGINE",
    "SPECIMEN",
    "PROTOTYPE",
    "MAQUETTE",
    "FACTICE",
    "SIMULACRE",
];
const GIVENS: [&str; 12] = [
    "ALIX",
    "CAMILLE",
    "CHARLIE",
    "DOMINIQUE",
    "CLAUDE",
    "MORGAN",
    "SACHA",
    "MAXENCE",
    "LOUISON",
    "NOA",
    "EDEN",
    "ANDREA",
];
/// A commune for whoever was born somewhere.
pub(super) const BIRTH_PLACE: &str = "75056";

pub(super) struct Cast<'e> {
    entropy: &'e dyn Entropy,
    known: HashMap<(Kind, String), String>,
    /// Dates move by so many days.
    days: i64,
    /// Births move by so many more.
    births: i64,
}

impl<'e> Cast<'e> {
    pub(super) fn new(entropy: &'e dyn Entropy) -> Self {
        let draw = |most: u64| i64::try_from(entropy.number() % most).unwrap_or_default();
        Self { entropy, known: HashMap::new(), days: -7 * (2 + draw(50)), births: -(30 + draw(400)) }
    }

    pub(super) fn days(&self) -> i64 {
        self.days
    }

    fn stand_in(&mut self, kind: Kind, text: &str, make: impl FnOnce(&mut Self) -> String) -> String {
        let text = text.trim();
        if text.is_empty() {
            return String::new();
        }
        let key = (kind, folded(text));
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let made = make(self);
        self.known.insert(key, made.clone());
        made
    }

    fn pick(&mut self, kind: Kind, names: &[&str]) -> String {
        let taken = |known: &HashMap<(Kind, String), String>, name: &str| {
            known.iter().any(|((of, _), other)| *of == kind && other == name)
        };
        let free: Vec<&&str> = names.iter().filter(|name| !taken(&self.known, name)).collect();
        match free.len() {
            0 => format!("{}-{}", names[0], self.letters("AAAA")),
            count => (*free[self.number(count)]).to_owned(),
        }
    }

    pub(super) fn family(&mut self, text: &str) -> String {
        self.stand_in(Kind::Family, text, |cast| cast.pick(Kind::Family, &FAMILIES))
    }

    /// Given names, word by word: the usual one stays the first of them.
    pub(super) fn given(&mut self, text: &str) -> String {
        let words = text.split_whitespace();
        let made: Vec<_> = words
            .map(|word| self.stand_in(Kind::Given, word, |cast| cast.pick(Kind::Given, &GIVENS)))
            .collect();
        made.join(" ")
    }

    /// A matricule, with or without its key: same sex, born when the stand-in was, valid key.
    pub(super) fn ins(&mut self, text: &str) -> String {
        let number: String = text.trim().chars().take(13).collect();
        let made = self.stand_in(Kind::Ins, &number, |cast| {
            let born = cast
                .known
                .iter()
                .find(|((kind, _), _)| *kind == Kind::Birth)
                .map(|(_, born)| born[2..6].to_owned());
            let (sex, order) = (number.chars().next().unwrap_or('1'), cast.letters("999"));
            format!("{sex}{}99{}{order}", born.unwrap_or_else(|| "7001".to_owned()), cast.letters("999"))
        });
        let with_key = |key: u32| format!("{made}{key:02}");
        let valid = |text: &String| Ins::parse(text).is_ok_and(|ins| ins.key_is_valid());
        match text.trim().len() {
            15 => (1..=97).map(with_key).find(valid).unwrap_or(made),
            _ => made,
        }
    }

    /// A professional: the last eleven figures of whatever form, a valid key where there was an RPPS.
    pub(super) fn professional(&mut self, text: &str) -> String {
        let text = text.trim();
        let figures = text.len() >= 11 && text.bytes().all(|byte| byte.is_ascii_digit());
        if !figures {
            return self.id(text);
        }
        let (prefix, number) = text.split_at(text.len() - 11);
        let made = self.stand_in(Kind::Professional, number, |cast| {
            let body = format!("1099{}", cast.letters("999999"));
            (0..10).map(|key| format!("{body}{key}")).find(|text| luhn(text)).unwrap_or(body)
        });
        format!("{prefix}{made}")
    }

    /// An identifier: an OID keeps all but its last arc, anything else its form.
    pub(super) fn id(&mut self, text: &str) -> String {
        let text = text.trim();
        let oid = text.contains('.') && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        self.stand_in(Kind::Id, text, |cast| match text.rsplit_once('.').filter(|_| oid) {
            Some((root, last)) => format!("{root}.9{}", cast.letters(&"9".repeat(last.len().max(6)))),
            None => cast.letters(text),
        })
    }

    /// The day somebody was born, with what follows it.
    pub(super) fn birth(&mut self, text: &str) -> String {
        let days = self.births;
        let day = text.trim().get(..8).unwrap_or_default().to_owned();
        let made = self.stand_in(Kind::Birth, &day, |_| moved(&day, days));
        if made.is_empty() { String::new() } else { format!("{made}{}", &text.trim()[8..]) }
    }

    /// Any other moment.
    pub(super) fn moment(&self, text: &str) -> String {
        moved(text.trim(), self.days)
    }

    /// The figures that ARCEP keeps for fictions.
    pub(super) fn phone(&mut self, text: &str) -> String {
        let figures: String = text.chars().filter(char::is_ascii_digit).collect();
        let last: String = figures.chars().rev().take(9).collect::<Vec<_>>().into_iter().rev().collect();
        self.stand_in(Kind::Phone, &last, |cast| format!("019900{}", cast.letters("9999")))
    }

    /// A mailbox: its domain stays, routes decide on it.
    pub(super) fn mail(&mut self, text: &str) -> String {
        let Some((local, domain)) = text.trim().rsplit_once('@') else { return self.id(text) };
        let is_ins = local.len() == 15 && Ins::parse(local).is_ok();
        let local = if is_ins {
            self.ins(local)
        } else {
            self.stand_in(Kind::Mail, local, |cast| format!("boite.{}", cast.letters("99999")))
        };
        format!("{local}@{domain}")
    }

    /// Whether somebody of the message is still named by a text: what kind of datum does it.
    pub(super) fn still_named(&self, text: &str) -> Option<&'static str> {
        let text = folded(text);
        let stand_ins: Vec<String> = self.known.values().map(|made| folded(made)).collect();
        self.known.keys().find_map(|(kind, original)| {
            let (told, shortest) = kind.told();
            // Somebody else may be called as a stand-in is.
            let looked_for =
                original.len() >= shortest && !stand_ins.iter().any(|made| made.contains(original.as_str()));
            (looked_for && has_word(&text, original)).then_some(told)
        })
    }

    fn number(&mut self, below: usize) -> usize {
        usize::try_from(self.entropy.number()).unwrap_or(usize::MAX) % below.max(1)
    }

    /// A text of the same form: figures for figures, letters for letters.
    fn letters(&mut self, form: &str) -> String {
        form.chars()
            .map(|letter| {
                let drawn = self.number(26);
                let at =
                    |base: u8, of: usize| char::from(base + u8::try_from(drawn % of).unwrap_or_default());
                match letter {
                    '0'..='9' => at(b'0', 10),
                    letter if letter.is_lowercase() => at(b'a', 26),
                    letter if letter.is_alphabetic() => at(b'A', 26),
                    other => other,
                }
            })
            .collect()
    }
}

/// Capitals without accents: `André` and `ANDRE` are one.
fn folded(text: &str) -> String {
    text.nfd().filter(|letter| !is_combining_mark(*letter)).flat_map(char::to_uppercase).collect()
}

/// Whether a text holds another that no letter or figure continues.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
        let after = text[at + word.len()..].chars().next().is_some_and(char::is_alphanumeric);
        !before && !after
    })
}

/// AAAAMMJJ moved by days, what follows kept; what is no day is taken out.
fn moved(text: &str, days: i64) -> String {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i16>().ok();
    let day = || {
        let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
        let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
        date.checked_add(days.days()).ok()
    };
    match day() {
        Some(date) => format!("{}{}", date.strftime("%Y%m%d"), &text[8..]),
        // A year, or a month: it names nobody, and moves with difficulty.
        None if text.len() < 8 && text.bytes().all(|byte| byte.is_ascii_digit()) => text.to_owned(),
        None => String::new(),
    }
}

fn luhn(text: &str) -> bool {
    let digits = text.bytes().rev().map(|byte| u32::from(byte - b'0'));
    let sum: u32 = digits
        .enumerate()
        .map(|(at, digit)| if at % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit })
        .sum();
    sum.is_multiple_of(10)
}
