//! Condition text → expression, typed and checked.
//! In: text and the stage it is asked at. Out: an expression, or the first error with its place, cause and remedy.
//! Bounded in length, depth and number of predicates before anything is evaluated.

use jonction_model::nearest;

use super::{
    CHARACTERS_MAX, DEPTH_MAX, Expression, PREDICATES_MAX, Predicate,
    lexer::{Placed, Token, tokens},
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

impl ConditionError {
    pub(super) fn syntax(
        offset: usize,
        length: usize,
        sentence: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let (sentence, remedy) = (sentence.into(), remedy.into());
        Self { code: "route.condition-syntax", offset, length, sentence, remedy }
    }
}

pub(super) fn parse(text: &str, stage: Stage) -> Result<Expression, ConditionError> {
    let characters = text.chars().count();
    let too_long = |sentence: String| ConditionError {
        code: "route.condition-too-long",
        offset: 0,
        length: characters.min(60),
        sentence,
        remedy: "couper en plusieurs routes".to_owned(),
    };
    if characters > CHARACTERS_MAX {
        return Err(too_long(format!("cette condition dépasse {CHARACTERS_MAX} caractères")));
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0, end: characters, stage };
    let expression = parser.any(0)?;
    if let Some(extra) = parser.peek() {
        let (offset, length) = (extra.offset, extra.length);
        return Err(ConditionError::syntax(
            offset,
            length,
            "la condition est finie ici",
            "relier par and ou or, ou retirer ce qui suit",
        ));
    }
    let mut different: Vec<&Predicate> = Vec::new();
    expression.each(true, &mut |predicate, _| {
        if !different.contains(&predicate) {
            different.push(predicate);
        }
    });
    if different.len() > PREDICATES_MAX {
        return Err(too_long(format!("plus de {PREDICATES_MAX} conditions différentes")));
    }
    Ok(expression)
}

struct Parser {
    tokens: Vec<Placed>,
    at: usize,
    end: usize,
    stage: Stage,
}

impl Parser {
    fn peek(&self) -> Option<&Placed> {
        self.tokens.get(self.at)
    }

    fn takes(&mut self, wanted: &Token) -> bool {
        let found = self.peek().is_some_and(|placed| placed.token == *wanted);
        self.at += usize::from(found);
        found
    }

    fn takes_word(&mut self, word: &str) -> bool {
        self.takes(&Token::Word(word.to_owned()))
    }

    /// `a or b or c`.
    fn any(&mut self, depth: usize) -> Result<Expression, ConditionError> {
        let mut items = vec![self.all(depth)?];
        while self.takes_word("or") {
            items.push(self.all(depth)?);
        }
        Ok(one_or(items, Expression::Or))
    }

    /// `a and b and c`.
    fn all(&mut self, depth: usize) -> Result<Expression, ConditionError> {
        let mut items = vec![self.one(depth)?];
        while self.takes_word("and") {
            items.push(self.one(depth)?);
        }
        Ok(one_or(items, Expression::And))
    }

    /// `not a`, `(a)`, or a predicate.
    fn one(&mut self, depth: usize) -> Result<Expression, ConditionError> {
        if depth >= DEPTH_MAX {
            let (offset, length) = self.place();
            return Err(ConditionError::syntax(
                offset,
                length,
                format!("plus de {DEPTH_MAX} niveaux de parenthèses"),
                "simplifier",
            ));
        }
        if self.takes_word("not") {
            return Ok(Expression::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.takes(&Token::Sign("(")) {
            let inner = self.any(depth + 1)?;
            if !self.takes(&Token::Sign(")")) {
                return Err(self.expected("une parenthèse fermante"));
            }
            return Ok(inner);
        }
        self.predicate()
    }

    fn predicate(&mut self) -> Result<Expression, ConditionError> {
        let Some(Placed { token: Token::Word(name), offset, length }) = self.peek().cloned() else {
            return Err(self.expected("une condition, par exemple wants.dmp"));
        };
        self.at += 1;
        if let Some((_, gate, _)) = GATES.iter().find(|(known, ..)| *known == name) {
            self.needs_shape(Stage::Shape, &name, offset, length)?;
            return Ok(Expression::Predicate(Predicate::Gate(*gate)));
        }
        if let Some(flag) = FLAGS.iter().position(|row| row.name == name) {
            self.needs_shape(Stage::Shape, &name, offset, length)?;
            return Ok(Expression::Predicate(Predicate::Flag(flag)));
        }
        let Some(field) = FIELDS.iter().position(|row| row.name == name) else {
            let known: Vec<_> = vocabulary().into_iter().map(|(name, _)| name).collect();
            let remedy = match nearest(&name, known.iter().copied()) {
                Some(near) => format!("vouliez-vous {near} ?"),
                None => format!("conditions connues : {}", known.join(", ")),
            };
            return Err(ConditionError {
                code: "route.unknown-predicate",
                offset,
                length,
                sentence: "aucune condition ne porte ce nom".to_owned(),
                remedy,
            });
        };
        self.needs_shape(FIELDS[field].stage, &name, offset, length)?;
        self.comparison(field)
    }

    /// `== "x"`, `!= "x"` or `in ["x", "y"]`.
    fn comparison(&mut self, field: usize) -> Result<Expression, ConditionError> {
        let one_of = |values| Expression::Predicate(Predicate::Field(field, values));
        if self.takes(&Token::Sign("==")) {
            return Ok(one_of(vec![self.value(field)?]));
        }
        if self.takes(&Token::Sign("!=")) {
            return Ok(Expression::Not(Box::new(one_of(vec![self.value(field)?]))));
        }
        if !self.takes_word("in") {
            return Err(self.expected("une comparaison : == \"…\", != \"…\" ou in [\"…\"]"));
        }
        if !self.takes(&Token::Sign("[")) {
            return Err(self.expected("une liste entre crochets"));
        }
        let mut values = Vec::new();
        loop {
            values.push(self.value(field)?);
            if self.takes(&Token::Sign("]")) {
                return Ok(one_of(values));
            }
            if !self.takes(&Token::Sign(",")) {
                return Err(self.expected("une virgule ou le crochet fermant"));
            }
        }
    }

    fn value(&mut self, field: usize) -> Result<String, ConditionError> {
        let row = &FIELDS[field];
        let (text, offset, length) = match self.peek() {
            Some(Placed { token: Token::Text(text), offset, length }) => (text.clone(), *offset, *length),
            // Words of a closed list may go without quotes: `operation in [submit, replace]`.
            Some(Placed { token: Token::Word(word), offset, length }) if !row.words.is_empty() => {
                (word.clone(), *offset, *length)
            }
            _ => return Err(self.expected("une valeur entre guillemets")),
        };
        self.at += 1;
        if !row.words.is_empty() && !row.words.contains(&text.as_str()) {
            return Err(ConditionError {
                code: "route.unknown-value",
                offset,
                length,
                sentence: format!("{} n'a jamais cette valeur", row.name),
                remedy: format!("valeurs connues : {}", row.words.join(", ")),
            });
        }
        Ok(text)
    }

    fn needs_shape(
        &self,
        needed: Stage,
        name: &str,
        offset: usize,
        length: usize,
    ) -> Result<(), ConditionError> {
        if needed == Stage::Shape && self.stage == Stage::Message {
            return Err(ConditionError {
                code: "route.predicate-too-early",
                offset,
                length,
                sentence: format!("{name} n'est connu qu'après les étapes (steps)"),
                remedy: "mettre cette condition dans when, sous to, ou dans un filtre placé après map"
                    .to_owned(),
            });
        }
        Ok(())
    }

    fn place(&self) -> (usize, usize) {
        self.peek().map_or((self.end.saturating_sub(1), 1), |placed| (placed.offset, placed.length))
    }

    fn expected(&self, what: &str) -> ConditionError {
        let (offset, length) = self.place();
        ConditionError::syntax(
            offset,
            length,
            format!("il faut ici {what}"),
            "corriger la condition à cet endroit",
        )
    }
}

fn one_or(mut items: Vec<Expression>, several: fn(Vec<Expression>) -> Expression) -> Expression {
    match items.pop() {
        Some(only) if items.is_empty() => only,
        Some(last) => {
            items.push(last);
            several(items)
        }
        None => several(items),
    }
}
