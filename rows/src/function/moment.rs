//! Dates: the day of a moment, and dates written as people and spreadsheets do.
//! In: a text, a picture. Out: `AAAAMMJJ[hhmm[ss]]`, a date that exists; or what was expected.

use std::borrow::Cow;

use jonction_model::DocumentTime;

use super::{Given, part};
use crate::kind::{Value, Wrong};

/// Letters of a picture, in the order they are written out, with how many digits each must have.
const PARTS: [(char, usize); 6] = [('A', 4), ('M', 2), ('J', 2), ('h', 2), ('m', 2), ('s', 2)];

/// Whether a picture says at least a year, each part once and whole, and none without the one before it.
pub(crate) fn is_picture(picture: &str) -> bool {
    let counts = PARTS.map(|(letter, width)| (picture.chars().filter(|c| *c == letter).count(), width));
    let together = PARTS.iter().all(|(letter, width)| {
        picture
            .find(*letter)
            .is_none_or(|at| picture[at..].chars().take_while(|c| c == letter).count() == *width)
    });
    let whole = counts.iter().all(|(count, width)| *count == 0 || count == width);
    let ordered = counts.windows(2).all(|pair| pair[0].0 > 0 || pair[1].0 == 0);
    counts[0].0 > 0 && whole && ordered && together
}

pub(super) fn day<'t>(text: Cow<'t, str>, _: &'t Given) -> Result<Value<'t>, Wrong> {
    match DocumentTime::parse(&text) {
        Ok(time) if time.day().len() == 8 => Ok(Value::Text(part(text, |_| 0..8))),
        _ => Err(Wrong("une date AAAAMMJJ, avec ou sans heure".into())),
    }
}

pub(super) fn read_time<'t>(text: Cow<'t, str>, given: &'t Given) -> Result<Value<'t>, Wrong> {
    let picture = given.text();
    let wrong = || Wrong(format!("une date écrite {picture}").into());
    let mut digits = [const { String::new() }; 6];
    let mut rest = text.chars();
    for wanted in picture.chars() {
        let found = rest.next().ok_or_else(wrong)?;
        match PARTS.iter().position(|(letter, _)| *letter == wanted) {
            Some(at) if found.is_ascii_digit() => digits[at].push(found),
            None if found == wanted => {}
            _ => return Err(wrong()),
        }
    }
    let written = digits.concat();
    if rest.next().is_some() || DocumentTime::parse(&written).is_err() {
        return Err(wrong());
    }
    Ok(Value::text(written))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(picture: &str, text: &str) -> Option<String> {
        let given = Given::Text(picture.into());
        read_time(Cow::Borrowed(text), &given).ok().map(|value| value.into_text().into_owned())
    }

    #[test]
    fn a_date_is_read_as_its_picture_says_and_must_exist() {
        assert_eq!(read("JJ/MM/AAAA", "31/01/2026").as_deref(), Some("20260131"));
        assert_eq!(read("AAAA-MM-JJThh:mm:ss", "2026-01-31T09:05:00").as_deref(), Some("20260131090500"));
        for wrong in ["31/02/2026", "1/01/2026", "31-01-2026", "31/01/2026 ", ""] {
            assert_eq!(read("JJ/MM/AAAA", wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_picture_has_a_year_and_no_hole() {
        for good in ["AAAA", "JJ/MM/AAAA", "AAAAMMJJhhmmss"] {
            assert!(is_picture(good), "{good}");
        }
        for wrong in ["", "JJ/MM", "AA-MM-JJ", "AAAA hh", "JJ/AAAA", "AAMMAA"] {
            assert!(!is_picture(wrong), "{wrong}");
        }
    }
}
