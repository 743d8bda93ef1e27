//! The functions of rows: a closed list, each with what goes in, what comes out, what its argument is.
//! In: a value. Out: a value, or what was expected of it. Pure. Source: decision 0035, docs/guide/traductions.md.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jonction_model::{Ins, Oid, PersonId};

use crate::kind::{Kind, Value, Wrong};

mod moment;

pub(crate) use moment::is_picture;

/// One function.
pub struct Function {
    /// Name in `fn`.
    pub name: &'static str,
    /// What goes in; `Text` takes times, dates and numbers too.
    pub takes: Kind,
    /// What comes out.
    pub gives: Kind,
    /// What stands behind its name.
    pub argument: Argument,
    /// What it does, in French.
    pub says: &'static str,
    run: for<'t> fn(Cow<'t, str>, &'t Given) -> Result<Value<'t>, Wrong>,
}

/// What a function wants beside the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// Nothing.
    None,
    /// A text; what it is, in French.
    Text(&'static str),
    /// A number of characters.
    Count,
    /// How a date is written: `JJ/MM/AAAA`.
    Picture,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// The argument of a call, checked.
#[derive(Clone, Debug)]
pub(crate) enum Given {
    None,
    Text(Box<str>),
    Count(usize),
}

/// A call: a function and its argument.
#[derive(Clone, Copy)]
pub(crate) struct Known(pub(crate) &'static Function);

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name)
    }
}

/// Any composite: `written` takes them all.
pub(crate) const ANY_COMPOSITE: Kind = Kind::Composite("…");

/// Every function, in the order of the guide. `table` is written like one, and read by `read::call`.
#[rustfmt::skip]
pub const FUNCTIONS: &[Function] = &[
    Function { name: "upper", takes: Kind::Text, gives: Kind::Text, argument: Argument::None, says: "met en capitales", run: |text, _| Ok(Value::text(text.to_uppercase())) },
    Function { name: "lower", takes: Kind::Text, gives: Kind::Text, argument: Argument::None, says: "met en minuscules", run: |text, _| Ok(Value::text(text.to_lowercase())) },
    Function { name: "blanks", takes: Kind::Text, gives: Kind::Text, argument: Argument::None, says: "ne laisse qu'une espace entre les mots", run: |text, _| Ok(Value::text(text.split_whitespace().collect::<Vec<_>>().join(" "))) },
    Function { name: "without", takes: Kind::Text, gives: Kind::Text, argument: Argument::Text("les caractères à ôter"), says: "ôte ces caractères", run: without },
    Function { name: "first", takes: Kind::Text, gives: Kind::Text, argument: Argument::Count, says: "garde les premiers caractères", run: first },
    Function { name: "skip", takes: Kind::Text, gives: Kind::Text, argument: Argument::Count, says: "ôte les premiers caractères", run: skip },
    Function { name: "before", takes: Kind::Text, gives: Kind::Text, argument: Argument::Text("le texte où s'arrêter"), says: "garde ce qui est devant, tout s'il n'y est pas", run: before },
    Function { name: "after", takes: Kind::Text, gives: Kind::Text, argument: Argument::Text("le texte d'où partir"), says: "garde ce qui est derrière, rien s'il n'y est pas", run: after },
    Function { name: "prefix", takes: Kind::Text, gives: Kind::Text, argument: Argument::Text("le texte à mettre devant"), says: "met un texte devant", run: |text, given| Ok(Value::text(format!("{}{text}", given.text()))) },
    Function { name: "suffix", takes: Kind::Text, gives: Kind::Text, argument: Argument::Text("le texte à mettre derrière"), says: "met un texte derrière", run: |text, given| Ok(Value::text(format!("{text}{}", given.text()))) },
    Function { name: "instead", takes: Kind::Text, gives: Kind::Text, argument: Argument::Text("le texte à mettre à la place"), says: "met un texte à la place de ce qui est dit", run: |_, given| Ok(Value::text(given.text())) },
    Function { name: "number", takes: Kind::Text, gives: Kind::Integer, argument: Argument::None, says: "lit un nombre entier", run: |text, _| text.parse().map(Value::Integer).map_err(|_| Wrong("un nombre entier".into())) },
    Function { name: "yes_no", takes: Kind::Text, gives: Kind::Boolean, argument: Argument::None, says: "lit Y, N, O, OUI, NON, true, false, 1 ou 0", run: yes_no },
    Function { name: "day", takes: Kind::Time, gives: Kind::Date, argument: Argument::None, says: "garde le jour d'une date et heure, AAAAMMJJ", run: moment::day },
    Function { name: "read_time", takes: Kind::Text, gives: Kind::Time, argument: Argument::Picture, says: "lit une date écrite ainsi : JJ/MM/AAAA hh:mm", run: moment::read_time },
    Function { name: "oid", takes: Kind::Text, gives: Kind::Text, argument: Argument::None, says: "garde un OID, rien si c'est autre chose", run: |text, _| Ok(only(text, |text| Oid::parse(text).is_ok())) },
    Function { name: "not_oid", takes: Kind::Text, gives: Kind::Text, argument: Argument::None, says: "garde ce qui n'est pas un OID", run: |text, _| Ok(only(text, |text| Oid::parse(text).is_err())) },
    Function { name: "base64", takes: Kind::Text, gives: Kind::Text, argument: Argument::None, says: "écrit le texte, en UTF-8, en base64", run: |text, _| Ok(Value::text(STANDARD.encode(text.as_bytes()))) },
    Function { name: "national_id", takes: Kind::Text, gives: Kind::Text, argument: Argument::Word(&["RPPS", "ADELI", "IDNPS"]), says: "met le chiffre de type devant un numéro RPPS nu", run: |text, given| Ok(Value::text(PersonId::normalise(&text, given.text()).as_str().to_owned())) },
    Function { name: "ins", takes: Kind::Text, gives: Kind::Text, argument: Argument::None, says: "ne prend qu'un matricule INS : 15 caractères, clé comprise", run: ins },
    Function { name: "written", takes: ANY_COMPOSITE, gives: Kind::Text, argument: Argument::None, says: "prend tout le champ tel qu'il est écrit, séparateurs compris", run: |text, _| Ok(Value::Text(text)) },
];

impl Function {
    pub(crate) fn run<'t>(&self, value: Value<'t>, given: &'t Given) -> Result<Value<'t>, Wrong> {
        (self.run)(value.into_text(), given)
    }

    /// Whether a kind may go in.
    pub(crate) fn accepts(&self, kind: Kind) -> bool {
        match (self.takes, kind) {
            (Kind::Text, kind) => kind.is_text() || kind == Kind::Integer,
            (Kind::Time, kind) => kind.is_text(),
            (Kind::Composite(_), kind) => kind.is_text() || matches!(kind, Kind::Composite(_)),
            (takes, kind) => takes == kind,
        }
    }
}

impl Given {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::None | Self::Count(_) => "",
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Count(count) => *count,
            Self::None | Self::Text(_) => 0,
        }
    }
}

/// A part of a text, borrowed when the text was.
fn part<'t>(text: Cow<'t, str>, of: impl Fn(&str) -> std::ops::Range<usize>) -> Cow<'t, str> {
    let range = of(&text);
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[range]),
        Cow::Owned(text) => Cow::Owned(text[range].to_owned()),
    }
}

/// Byte offset behind so many characters.
fn offset(text: &str, count: usize) -> usize {
    text.char_indices().nth(count).map_or(text.len(), |(at, _)| at)
}

fn without<'t>(text: Cow<'t, str>, given: &'t Given) -> Result<Value<'t>, Wrong> {
    Ok(Value::text(text.chars().filter(|c| !given.text().contains(*c)).collect::<String>()))
}

fn first<'t>(text: Cow<'t, str>, given: &'t Given) -> Result<Value<'t>, Wrong> {
    Ok(Value::Text(part(text, |text| 0..offset(text, given.count()))))
}

fn skip<'t>(text: Cow<'t, str>, given: &'t Given) -> Result<Value<'t>, Wrong> {
    Ok(Value::Text(part(text, |text| offset(text, given.count())..text.len())))
}

fn before<'t>(text: Cow<'t, str>, given: &'t Given) -> Result<Value<'t>, Wrong> {
    Ok(Value::Text(part(text, |text| 0..text.find(given.text()).unwrap_or(text.len()))))
}

fn after<'t>(text: Cow<'t, str>, given: &'t Given) -> Result<Value<'t>, Wrong> {
    let from = |text: &str| text.find(given.text()).map_or(text.len(), |at| at + given.text().len());
    Ok(Value::Text(part(text, |text| from(text)..text.len())))
}

fn ins<'t>(text: Cow<'t, str>, _: &'t Given) -> Result<Value<'t>, Wrong> {
    match Ins::parse(&text) {
        Ok(_) => Ok(Value::Text(text)),
        Err(_) => Err(Wrong("un matricule INS de 15 caractères, clé comprise".into())),
    }
}

/// A text, or nothing: no fault is told of it.
fn only<'t>(text: Cow<'t, str>, keeps: impl Fn(&str) -> bool) -> Value<'t> {
    Value::Text(if keeps(&text) { text } else { Cow::Borrowed("") })
}

fn yes_no<'t>(text: Cow<'t, str>, _: &'t Given) -> Result<Value<'t>, Wrong> {
    match text.to_ascii_uppercase().as_str() {
        "Y" | "O" | "OUI" | "YES" | "TRUE" | "VRAI" | "1" => Ok(Value::Boolean(true)),
        "N" | "NON" | "NO" | "FALSE" | "FAUX" | "0" => Ok(Value::Boolean(false)),
        _ => Err(Wrong("Y ou N".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, text: &str, given: Given) -> Result<String, String> {
        let function = FUNCTIONS.iter().find(|function| function.name == name).unwrap();
        let owned = text.to_owned();
        function
            .run(Value::text(owned), &given)
            .map(|v| v.into_text().into_owned())
            .map_err(|w| w.0.into_owned())
    }

    #[test]
    fn functions_do_what_the_guide_says() {
        let text = |text: &str| Given::Text(text.into());
        for (name, given, from, to) in [
            ("upper", Given::None, "été", "ÉTÉ"),
            ("blanks", Given::None, "  a \u{a0} b ", "a b"),
            ("without", text(" ."), "2 79.03", "27903"),
            ("first", Given::Count(2), "été", "ét"),
            ("first", Given::Count(9), "été", "été"),
            ("skip", Given::Count(1), "été", "té"),
            ("before", text("-"), "a-b-c", "a"),
            ("before", text("+"), "a-b", "a-b"),
            ("after", text("-"), "a-b-c", "b-c"),
            ("after", text("+"), "a-b", ""),
            ("prefix", text("8"), "1", "81"),
            ("national_id", text("RPPS"), "10000023084", "810000023084"),
            ("national_id", text("IDNPS"), "801234567897", "801234567897"),
            ("yes_no", Given::None, "o", "true"),
            ("instead", text("ISO"), "1.2.250", "ISO"),
            ("oid", Given::None, "1.2.250", "1.2.250"),
            ("oid", Given::None, "CHU", ""),
            ("not_oid", Given::None, "1.2.250", ""),
            ("not_oid", Given::None, "CHU", "CHU"),
            ("base64", Given::None, "été", "w6l0w6k="),
        ] {
            assert_eq!(call(name, from, given), Ok(to.to_owned()), "{name} {from}");
        }
        assert!(call("yes_no", "peut-être", Given::None).is_err());
        assert!(call("number", "12,5", Given::None).is_err());
    }
}
