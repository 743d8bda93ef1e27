//! Checked pieces of a header.
//! In: text. Out: values that hold printable ASCII only, so no value can end a line or open another header.
//! Sources: RFC 5322 §3.6.4, mssante.md §3.3.

use serde::{Deserialize, Serialize};

/// Why a text may not stand in a header. Says the expected form, never the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}: expected {expected}")]
pub struct ValueError {
    kind: &'static str,
    expected: &'static str,
}

/// A code in a header: printable ASCII without blank nor comma, 1 to 64 characters.
/// Values of `X-MSS-CODECDA` and `X-MSS-NIL`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Token(Box<str>);

impl Token {
    /// Reads a code. Errors: any other shape.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let good = (1..=64).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_graphic() && c != b',');
        if !good {
            return Err(ValueError {
                kind: "header code",
                expected: "1 to 64 printable ASCII characters without blank nor comma",
            });
        }
        Ok(Self(text.into()))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Token {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        Self::parse(&text)
    }
}

impl From<Token> for String {
    fn from(token: Token) -> Self {
        token.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_could_break_a_line_becomes_a_value() {
        for hostile in ["", "a b", "a,b", "a\r\nb", "é", "\t"] {
            assert!(Token::parse(hostile).is_err(), "{hostile:?}");
        }
    }

    #[test]
    fn lengths_are_exact() {
        assert!(Token::parse(&"a".repeat(64)).is_ok());
        assert!(Token::parse(&"a".repeat(65)).is_err());
    }
}
