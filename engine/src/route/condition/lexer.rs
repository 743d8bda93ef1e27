//! Words of a condition, each with its place.
//! In: text. Out: tokens; a character that begins none is an error at its column.

use super::parser::ConditionError;

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// `wants.dmp`, `and`, `in`.
    Word(String),
    /// `"MDM^T02"`.
    Text(String),
    /// `(`, `)`, `[`, `]`, `,`, `==`, `!=`.
    Sign(&'static str),
}

/// A token and its place, in characters from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) offset: usize,
    pub(super) length: usize,
}

const SIGNS: [&str; 7] = ["==", "!=", "(", ")", "[", "]", ","];

/// Cuts a text into tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, ConditionError> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        if character.is_whitespace() {
            at += 1;
            continue;
        }
        let (token, length) = if let Some(sign) = sign_at(&characters[at..]) {
            (Token::Sign(sign), sign.len())
        } else if character == '"' || character == '\'' {
            text_at(&characters, at)?
        } else if character.is_ascii_alphabetic() {
            let word: String = characters[at..]
                .iter()
                .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
                .collect();
            let length = word.len();
            (Token::Word(word), length)
        } else {
            return Err(ConditionError::syntax(
                at,
                1,
                format!("« {character} » n'a pas de sens ici"),
                "une condition s'écrit comme : message.type in [\"MDM^T02\"] and wants.dmp",
            ));
        };
        tokens.push(Placed { token, offset: at, length });
        at += length;
    }
    Ok(tokens)
}

fn sign_at(rest: &[char]) -> Option<&'static str> {
    SIGNS.into_iter().find(|sign| {
        rest.len() >= sign.len() && sign.chars().zip(rest).all(|(wanted, found)| wanted == *found)
    })
}

fn text_at(characters: &[char], start: usize) -> Result<(Token, usize), ConditionError> {
    let quote = characters[start];
    match characters[start + 1..].iter().position(|c| *c == quote) {
        Some(length) => {
            let text = characters[start + 1..start + 1 + length].iter().collect();
            Ok((Token::Text(text), length + 2))
        }
        None => Err(ConditionError::syntax(
            start,
            characters.len() - start,
            "ce texte n'est pas fermé",
            "ajouter le guillemet de fin",
        )),
    }
}
