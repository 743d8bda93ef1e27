//! Conditions of routes: the common grammar (`jonction_settings::logic`) over typed predicates.
//! In: text and the stage it is asked at. Out: an expression, or the first error with its place, cause and remedy.
//! Bounded in number of predicates before anything is evaluated.

use jonction_model::nearest;
use jonction_settings::{
    Logic,
    logic::{self, Asked, CHARACTERS_MAX, LogicFault, Word},
};

use super::{
    PREDICATES_MAX, Predicate,
    vocabulary::{FIELDS, FLAGS, GATES, Stage, vocabulary},
};

/// What is wrong in a condition, in French.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code} at character {offset}")]
pub struct ConditionError {
    /// Stable name: `route.unknown-predicate`.
    pub code: &'static str,
    /// First character, from 0.
    pub offset: usize,
    /// How many characters.
    pub length: usize,
    /// What is wrong.
    pub sentence: String,
    /// What to do.
    pub remedy: String,
}

impl From<LogicFault> for ConditionError {
    fn from(fault: LogicFault) -> Self {
        let LogicFault { offset, length, sentence, remedy } = fault;
        Self { code: "route.condition-syntax", offset, length, sentence, remedy }
    }
}

const EXAMPLE: &str = "une condition s'écrit comme : message.type in [\"MDM^T02\"] and wants.dmp";

pub(super) fn parse(text: &str, stage: Stage) -> Result<Logic<Predicate>, ConditionError> {
    let characters = text.chars().count();
    let read =
        logic::read(text, name_length, EXAMPLE).map_err(|fault| match characters > CHARACTERS_MAX {
            true => ConditionError { code: "route.condition-too-long", ..fault.into() },
            false => fault.into(),
        })?;
    let expression = read.turned(&mut |asked| predicate(asked, stage))?;
    let mut different: Vec<&Predicate> = Vec::new();
    expression.each(&mut |predicate, _| {
        if !different.contains(&predicate) {
            different.push(predicate);
        }
    });
    if different.len() > PREDICATES_MAX {
        return Err(ConditionError {
            code: "route.condition-too-long",
            offset: 0,
            length: characters.min(60),
            sentence: format!("plus de {PREDICATES_MAX} conditions différentes"),
            remedy: "couper en plusieurs routes".to_owned(),
        });
    }
    Ok(expression)
}

/// `wants.dmp`, `submit`.
fn name_length(rest: &[char]) -> usize {
    match rest.first() {
        Some(first) if first.is_ascii_alphabetic() => {
            rest.iter().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')).count()
        }
        _ => 0,
    }
}

fn predicate(asked: Asked, stage: Stage) -> Result<Predicate, ConditionError> {
    let Asked { name, wanted } = asked;
    let gate =
        GATES.iter().find(|(known, ..)| *known == name.text).map(|(_, gate, _)| Predicate::Gate(*gate));
    let flag = || FLAGS.iter().position(|row| row.name == name.text).map(Predicate::Flag);
    if let Some(question) = gate.or_else(flag) {
        timely(Stage::Shape, stage, &name)?;
        return match wanted {
            None => Ok(question),
            Some(_) => Err(syntax(
                &name,
                format!("{} se demande seul, sans comparaison", name.text),
                format!("écrire {0}, ou not {0}", name.text),
            )),
        };
    }
    let Some(field) = FIELDS.iter().position(|row| row.name == name.text) else {
        let known: Vec<_> = vocabulary().into_iter().map(|(name, _)| name).collect();
        let remedy = match nearest(&name.text, known.iter().copied()) {
            Some(near) => format!("vouliez-vous {near} ?"),
            None => format!("conditions connues : {}", known.join(", ")),
        };
        let sentence = "aucune condition ne porte ce nom".to_owned();
        return Err(ConditionError { code: "route.unknown-predicate", ..syntax(&name, sentence, remedy) });
    };
    timely(FIELDS[field].stage, stage, &name)?;
    let Some(wanted) = wanted else {
        let sentence = format!("{} se compare à une valeur", name.text);
        return Err(syntax(&name, sentence, "ajouter == \"…\", != \"…\" ou in [\"…\"]".to_owned()));
    };
    let values = wanted.iter().map(|word| value(word, field)).collect::<Result<_, _>>()?;
    Ok(Predicate::Field(field, values))
}

fn value(word: &Word, field: usize) -> Result<String, ConditionError> {
    let row = &FIELDS[field];
    // Words of a closed list may go without quotes: `operation in [submit, replace]`.
    if !word.quoted && row.words.is_empty() {
        let remedy = format!("écrire \"{}\"", word.text);
        return Err(syntax(word, "ici est attendue une valeur entre guillemets".to_owned(), remedy));
    }
    if !row.words.is_empty() && !row.words.contains(&word.text.as_str()) {
        let sentence = format!("{} n'a jamais cette valeur", row.name);
        let remedy = format!("valeurs connues : {}", row.words.join(", "));
        return Err(ConditionError { code: "route.unknown-value", ..syntax(word, sentence, remedy) });
    }
    Ok(word.text.clone())
}

fn timely(needed: Stage, stage: Stage, name: &Word) -> Result<(), ConditionError> {
    if needed != Stage::Shape || stage != Stage::Message {
        return Ok(());
    }
    let sentence = format!("{} n'est connu qu'après les étapes (steps)", name.text);
    let remedy = "mettre cette condition dans when, sous to, ou dans un filtre placé après map".to_owned();
    Err(ConditionError { code: "route.predicate-too-early", ..syntax(name, sentence, remedy) })
}

fn syntax(word: &Word, sentence: String, remedy: String) -> ConditionError {
    LogicFault { offset: word.offset, length: word.length, sentence, remedy }.into()
}
