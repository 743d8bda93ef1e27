//! Condition text → expression over questions whose places are still texts.
//! In: text. Out: an expression and its questions, or the first fault with its place. Bounded in length, depth, number.

use super::{CHARACTERS_MAX, DEPTH_MAX, Expression, QUESTIONS_MAX};

/// A question as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// `PID-3[5='INS'].1`, `$ins`.
    pub(crate) source: String,
    /// First character of the source, from 0.
    pub(crate) offset: usize,
    /// Empty: says something.
    pub(crate) wanted: Vec<Box<str>>,
}

/// What is wrong, in French.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConditionFault {
    pub(crate) offset: usize,
    pub(crate) length: usize,
    pub(crate) sentence: String,
    pub(crate) remedy: &'static str,
}

const EXAMPLE: &str = "une condition s'écrit comme : PV1-2 in [\"I\", \"E\"] and not ZBE-5 == \"Y\"";

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// `and`, `or`, `not`, `in`, or a source.
    Word(String),
    Text(String),
    Sign(&'static str),
}

struct Placed {
    token: Token,
    offset: usize,
    length: usize,
}

/// Reads a condition.
pub(crate) fn parse(text: &str) -> Result<(Expression, Vec<Asked>), ConditionFault> {
    let length = text.chars().count();
    let fault =
        |offset, length, sentence: String, remedy| ConditionFault { offset, length, sentence, remedy };
    if length > CHARACTERS_MAX {
        let sentence = format!("cette condition dépasse {CHARACTERS_MAX} caractères");
        return Err(fault(0, 60, sentence, "couper en plusieurs lignes"));
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0, end: length, asked: Vec::new() };
    let expression = parser.any(0)?;
    if let Some(extra) = parser.tokens.get(parser.at) {
        let sentence = "la condition est finie ici".to_owned();
        return Err(fault(
            extra.offset,
            extra.length,
            sentence,
            "relier par and ou or, ou retirer ce qui suit",
        ));
    }
    if parser.asked.len() > QUESTIONS_MAX {
        return Err(fault(
            0,
            length.min(60),
            format!("plus de {QUESTIONS_MAX} questions"),
            "couper en plusieurs lignes",
        ));
    }
    Ok((expression, parser.asked))
}

fn tokens(text: &str) -> Result<Vec<Placed>, ConditionFault> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        if character.is_whitespace() {
            at += 1;
            continue;
        }
        let rest = &characters[at..];
        let sign = ["==", "!=", "(", ")", "[", "]", ","].into_iter().find(|sign| {
            rest.len() >= sign.len() && sign.chars().zip(rest).all(|(wanted, found)| wanted == *found)
        });
        let (token, length) = if let Some(sign) = sign {
            (Token::Sign(sign), sign.len())
        } else if character == '"' || character == '\'' {
            let Some(length) = rest[1..].iter().position(|c| *c == character) else {
                return Err(ConditionFault {
                    offset: at,
                    length: rest.len(),
                    sentence: "ce texte n'est pas fermé".to_owned(),
                    remedy: "ajouter le guillemet de fin",
                });
            };
            (Token::Text(rest[1..=length].iter().collect()), length + 2)
        } else {
            let length = source_length(rest);
            if length == 0 {
                return Err(ConditionFault {
                    offset: at,
                    length: 1,
                    sentence: format!("« {character} » n'a pas de sens ici"),
                    remedy: EXAMPLE,
                });
            }
            (Token::Word(rest[..length].iter().collect()), length)
        };
        tokens.push(Placed { token, offset: at, length });
        at += length;
    }
    Ok(tokens)
}

/// A source runs to a blank or a sign; its own brackets, and the texts in them, belong to it.
fn source_length(rest: &[char]) -> usize {
    let (mut depth, mut quoted) = (0_usize, false);
    for (at, character) in rest.iter().enumerate() {
        match character {
            '\'' if depth > 0 => quoted = !quoted,
            _ if quoted => {}
            '[' => depth += 1,
            ']' if depth == 0 => return at,
            ']' => depth -= 1,
            c if depth == 0 && (c.is_whitespace() || matches!(c, '(' | ')' | ',' | '=' | '!' | '"')) => {
                return at;
            }
            _ => {}
        }
    }
    rest.len()
}

struct Parser {
    tokens: Vec<Placed>,
    at: usize,
    end: usize,
    asked: Vec<Asked>,
}

impl Parser {
    fn takes(&mut self, wanted: &Token) -> bool {
        let found = self.tokens.get(self.at).is_some_and(|placed| placed.token == *wanted);
        self.at += usize::from(found);
        found
    }

    fn takes_word(&mut self, word: &str) -> bool {
        self.takes(&Token::Word(word.to_owned()))
    }

    fn expected(&self, what: &str) -> ConditionFault {
        let (offset, length) =
            self.tokens.get(self.at).map_or((self.end, 1), |placed| (placed.offset, placed.length));
        ConditionFault { offset, length, sentence: format!("ici est attendu {what}"), remedy: EXAMPLE }
    }

    fn any(&mut self, depth: usize) -> Result<Expression, ConditionFault> {
        let mut items = vec![self.all(depth)?];
        while self.takes_word("or") {
            items.push(self.all(depth)?);
        }
        Ok(one_or(items, Expression::Or))
    }

    fn all(&mut self, depth: usize) -> Result<Expression, ConditionFault> {
        let mut items = vec![self.one(depth)?];
        while self.takes_word("and") {
            items.push(self.one(depth)?);
        }
        Ok(one_or(items, Expression::And))
    }

    fn one(&mut self, depth: usize) -> Result<Expression, ConditionFault> {
        if depth >= DEPTH_MAX {
            return Err(self.expected(&format!("une fin : plus de {DEPTH_MAX} niveaux")));
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
        self.question()
    }

    fn question(&mut self) -> Result<Expression, ConditionFault> {
        let (source, offset) = match self.tokens.get(self.at) {
            Some(Placed { token: Token::Word(word), offset, .. })
                if !["and", "or", "in"].contains(&word.as_str()) =>
            {
                (word.clone(), *offset)
            }
            _ => return Err(self.expected("un chemin, par exemple PV1-2")),
        };
        self.at += 1;
        let (wanted, negative) = if self.takes(&Token::Sign("==")) {
            (vec![self.text()?], false)
        } else if self.takes(&Token::Sign("!=")) {
            (vec![self.text()?], true)
        } else if self.takes_word("in") {
            (self.texts()?, false)
        } else {
            (Vec::new(), false)
        };
        self.asked.push(Asked { source, offset, wanted });
        let question = Expression::Question(self.asked.len() - 1);
        Ok(if negative { Expression::Not(Box::new(question)) } else { question })
    }

    fn text(&mut self) -> Result<Box<str>, ConditionFault> {
        let Some(Placed { token: Token::Text(text), .. }) = self.tokens.get(self.at) else {
            return Err(self.expected("un texte entre guillemets"));
        };
        let text = text.as_str().into();
        self.at += 1;
        Ok(text)
    }

    fn texts(&mut self) -> Result<Vec<Box<str>>, ConditionFault> {
        if !self.takes(&Token::Sign("[")) {
            return Err(self.expected("un crochet ouvrant"));
        }
        let mut texts = vec![self.text()?];
        while self.takes(&Token::Sign(",")) {
            texts.push(self.text()?);
        }
        if !self.takes(&Token::Sign("]")) {
            return Err(self.expected("une virgule ou un crochet fermant"));
        }
        Ok(texts)
    }
}

fn one_or(mut items: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    if items.len() == 1 { items.remove(0) } else { many(items) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_keep_their_brackets_and_texts() {
        let (expression, asked) =
            parse("PID-3[4.2='a]b'|'c d'].1 and not ($ins in ['x', \"y\"] or .5 != 'z')").unwrap();
        let sources: Vec<_> = asked.iter().map(|asked| asked.source.as_str()).collect();
        assert_eq!(sources, ["PID-3[4.2='a]b'|'c d'].1", "$ins", ".5"]);
        assert_eq!(asked[1].wanted, ["x".into(), "y".into()]);
        let truth = |answers: [bool; 3]| expression.truth(&|at| answers[at]);
        assert!(truth([true, false, true]));
        assert!(!truth([true, true, true]) && !truth([true, false, false]) && !truth([false, false, true]));
    }

    #[test]
    fn a_fault_is_placed() {
        for (text, offset) in [
            ("", 0),
            ("PV1-2 ==", 8),
            ("PV1-2 == I", 9),
            ("PV1-2 and", 9),
            ("(PV1-2", 6),
            ("PV1-2 PV1-3", 6),
            ("PV1-2 in \"I\"", 9),
            ("PV1-2 in [\"I\"", 13),
            ("PV1-2 == \"I", 9),
            ("and", 0),
        ] {
            assert_eq!(parse(text).unwrap_err().offset, offset, "{text}");
        }
        assert!(parse(&format!("{}a{}", "(".repeat(DEPTH_MAX - 1), ")".repeat(DEPTH_MAX - 1))).is_ok());
        assert!(parse(&"(".repeat(CHARACTERS_MAX)).is_err());
        assert!(parse(&"not ".repeat(1000)).is_err());
        assert!(parse(&vec!["a"; QUESTIONS_MAX].join(" or ")).is_ok());
        assert!(parse(&vec!["a"; QUESTIONS_MAX + 1].join(" or ")).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_condition_or_a_fault_inside_it(text in "[PIDé3-5.\\[\\]='\"() andornotin,!]{0,40}") {
            if let Err(fault) = parse(&text) {
                prop_assert!(fault.offset <= text.chars().count());
            }
        }
    }
}
