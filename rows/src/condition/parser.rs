//! Conditions of rows: the common grammar (`jonction_settings::logic`) over places of a message.
//! In: text. Out: a tree of numbers and its questions, or the first fault with its place. Bounded in number.

use jonction_settings::{Logic, logic};

use super::QUESTIONS_MAX;

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

const EXAMPLE: &str = "une condition s'écrit comme : PV1-2 in [\"I\", \"E\"] and not ZBE-5 == \"Y\"";

/// Reads a condition.
pub(crate) fn parse(text: &str) -> Result<(Logic<usize>, Vec<Asked>), logic::LogicFault> {
    let read = logic::read(text, source_length, EXAMPLE)?;
    let mut asked = Vec::new();
    let expression = read.turned(&mut |question: logic::Asked| {
        let logic::Asked { name, wanted } = question;
        let wanted = wanted.unwrap_or_default();
        if let Some(bare) = wanted.iter().find(|word| !word.quoted) {
            return Err(fault(
                bare.offset,
                bare.length,
                "ici est attendu un texte entre guillemets",
                EXAMPLE,
            ));
        }
        let wanted = wanted.into_iter().map(|word| word.text.into()).collect();
        asked.push(Asked { source: name.text, offset: name.offset, wanted });
        Ok(asked.len() - 1)
    })?;
    if asked.len() > QUESTIONS_MAX {
        let sentence = format!("plus de {QUESTIONS_MAX} questions");
        return Err(fault(0, text.chars().count().min(60), &sentence, "couper en plusieurs lignes"));
    }
    Ok((expression, asked))
}

fn fault(offset: usize, length: usize, sentence: &str, remedy: &str) -> logic::LogicFault {
    logic::LogicFault { offset, length, sentence: sentence.to_owned(), remedy: remedy.to_owned() }
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

#[cfg(test)]
mod tests {
    use jonction_settings::logic::{CHARACTERS_MAX, DEPTH_MAX};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_keep_their_brackets_and_texts() {
        let (expression, asked) =
            parse("PID-3[4.2='a]b'|'c d'].1 and not ($ins in ['x', \"y\"] or .5 != 'z')").unwrap();
        let sources: Vec<_> = asked.iter().map(|asked| asked.source.as_str()).collect();
        assert_eq!(sources, ["PID-3[4.2='a]b'|'c d'].1", "$ins", ".5"]);
        assert_eq!(asked[1].wanted, ["x".into(), "y".into()]);
        let truth = |answers: [bool; 3]| expression.truth(&|at, _| answers[*at]);
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
