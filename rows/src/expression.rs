//! Expressions: what rows cannot say, over the values of `let`, in minijinja without loops, filters or templates.
//! In: text, once; texts, per message. Out: a text. Bounded: length, fuel, size of what goes in; no multiplication.

use std::{collections::BTreeMap, sync::LazyLock};

use minijinja::{Environment, Expression as Compiled, UndefinedBehavior, Value as Dynamic};

use crate::kind::Wrong;

/// Longest expression, in characters.
const CHARACTERS_MAX: usize = 500;
/// Longest text an expression may read, in bytes: with the length above, what it can build stays small.
const INPUT_BYTES_MAX: usize = 64 << 10;
/// Instructions of one evaluation.
const FUEL: u64 = 2_000;

/// A checked expression.
pub(crate) struct Expression {
    text: String,
    compiled: Compiled<'static, 'static>,
    /// Names it reads, and their places among the `let`.
    pub(crate) reads: Vec<(String, usize)>,
}

/// What is wrong in an expression, in French.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ExpressionFault {
    pub(crate) sentence: String,
    pub(crate) remedy: String,
}

/// Knows no filter, no test, no function, no file.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment
});

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Expression({})", self.text)
    }
}

impl Expression {
    /// Reads an expression. `known`: the names of `let`, in order.
    pub(crate) fn read(text: &str, known: &[String]) -> Result<Self, ExpressionFault> {
        let fault = |sentence: String, remedy: String| ExpressionFault { sentence, remedy };
        if text.chars().count() > CHARACTERS_MAX {
            let sentence = format!("cette expression dépasse {CHARACTERS_MAX} caractères");
            return Err(fault(sentence, "la couper par des « let », ou demander une fonction".to_owned()));
        }
        if outside_texts(text).any(|c| c == '*') {
            let remedy = "relier des textes par ~, choisir par « a if b else c »".to_owned();
            return Err(fault("une expression ne multiplie pas".to_owned(), remedy));
        }
        let compiled = ENVIRONMENT.compile_expression_owned(text.to_owned()).map_err(|_| {
            fault(
                "cette expression ne se lit pas".to_owned(),
                "écrire par exemple : nom ~ ' ' ~ prenom".to_owned(),
            )
        })?;
        let mut reads = Vec::new();
        for name in compiled.undeclared_variables(false) {
            let Some(at) = known.iter().position(|one| *one == name) else {
                let remedy = match jonction_model::nearest(&name, known.iter().map(String::as_str)) {
                    Some(near) => format!("vouliez-vous « {near} » ?"),
                    None => format!("noms déclarés par let : {}", known.join(", ")),
                };
                return Err(fault(format!("« {name} » n'est pas déclaré par « let »"), remedy));
            };
            reads.push((name, at));
        }
        reads.sort();
        Ok(Self { text: text.to_owned(), compiled, reads })
    }

    /// Evaluates. `read` gives the text of a `let`; one that says nothing is undefined, and using it an error.
    pub(crate) fn run<'v>(&self, read: impl Fn(usize) -> Option<&'v str>) -> Result<String, Wrong> {
        let mut values: BTreeMap<&str, Dynamic> = BTreeMap::new();
        for (name, at) in &self.reads {
            match read(*at) {
                Some(text) if text.len() > INPUT_BYTES_MAX => {
                    return Err(Wrong(format!("des textes de {INPUT_BYTES_MAX} octets au plus").into()));
                }
                Some(text) => {
                    values.insert(name, Dynamic::from(text));
                }
                None => {}
            }
        }
        match self.compiled.eval(Dynamic::from(values)) {
            Ok(value) if value.is_undefined() || value.is_none() => Ok(String::new()),
            Ok(value) => Ok(value.to_string()),
            Err(_) => Err(Wrong("une expression dont toutes les valeurs sont là".into())),
        }
    }
}

/// The characters that stand in no text.
fn outside_texts(text: &str) -> impl Iterator<Item = char> + '_ {
    let mut quote = None;
    text.chars().filter(move |&c| match quote {
        Some(open) => {
            quote = quote.filter(|_| c != open);
            false
        }
        None => {
            quote = matches!(c, '"' | '\'').then_some(c);
            quote.is_none()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, values: [Option<&'static str>; 2]) -> Result<String, String> {
        let names = ["nom".to_owned(), "prenom".to_owned()];
        let expression = Expression::read(text, &names).map_err(|fault| fault.sentence)?;
        expression.run(|at| values[at]).map_err(|wrong| wrong.0.into_owned())
    }

    #[test]
    fn an_expression_joins_and_chooses() {
        assert_eq!(run("nom ~ ' ' ~ prenom", [Some("A"), Some("B")]), Ok("A B".to_owned()));
        assert_eq!(run("nom if nom == 'A' else prenom", [Some("A"), None]), Ok("A".to_owned()));
        assert!(run("nom ~ prenom", [Some("A"), None]).is_err());
    }

    #[test]
    fn what_could_loop_or_grow_is_refused() {
        for hostile in [
            "nom * 1000000000",
            "'a' * 10",
            "range(1000000000)",
            "nom | upper",
            "[x for x in nom]",
            "{% for a in nom %}{% endfor %}",
            "inconnu",
            "nom(",
            "",
        ] {
            assert!(run(hostile, [Some("A"), Some("B")]).is_err(), "{hostile}");
        }
        assert!(Expression::read(&"nom ~ ".repeat(200), &["nom".to_owned()]).is_err());
        let big = "x".repeat(INPUT_BYTES_MAX + 1);
        let expression = Expression::read("nom", &["nom".to_owned()]).unwrap();
        assert!(expression.run(|_| Some(big.as_str())).is_err());
        assert!(expression.run(|_| Some(&big[1..])).is_ok());
    }
}
