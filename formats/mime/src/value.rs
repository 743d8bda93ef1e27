//! Checked pieces of a header.
//! In: text. Out: values that hold printable ASCII only, so no value can end a line or open another header.
//! Sources: RFC 5322 §3.6.4, mssante.md §3.3.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text may not stand in a header. Says the expected form, never the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}: expected {expected}")]
pub struct ValueError {
    kind: &'static str,
    expected: &'static str,
}

/// A `Message-ID` with its angle brackets taken off: `left@right`. Globally unique, kept in the correlation store.
/// Not a personal datum: the left side is drawn at random.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailId(Box<str>);

impl MailId {
    /// Reads `left@right` or `<left@right>`. Errors: no or several `@`, blanks, anything but printable ASCII,
    /// over 250 characters.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        let inner = text.strip_prefix('<').and_then(|t| t.strip_suffix('>')).unwrap_or(text);
        let allowed = |c: u8| c.is_ascii_graphic() && !b"<>@\"(),:;\\".contains(&c);
        let sides = inner.split_once('@');
        let good = |side: &str| !side.is_empty() && side.bytes().all(allowed);
        match sides {
            Some((left, right)) if inner.len() <= 250 && good(left) && good(right) => Ok(Self(inner.into())),
            _ => Err(ValueError { kind: "Message-ID", expected: "id-left@id-right, 250 characters at most" }),
        }
    }

    /// Without angle brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

impl TryFrom<String> for MailId {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        Self::parse(&text)
    }
}

impl From<MailId> for String {
    fn from(id: MailId) -> Self {
        id.0.into()
    }
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
    fn a_mail_id_reads_with_or_without_brackets_and_prints_with_them() {
        for text in ["<a.b@c.example>", "a.b@c.example", "  <a.b@c.example> "] {
            assert_eq!(MailId::parse(text).unwrap().to_string(), "<a.b@c.example>");
        }
    }

    #[test]
    fn nothing_that_could_break_a_line_becomes_a_value() {
        for hostile in
            ["", "a", "a@", "@b", "a@b@c", "a b@c", "a@b\r\nBcc: x@y", "é@b", "a@b\0", "<a@b", "a\u{85}@b"]
        {
            assert!(MailId::parse(hostile).is_err(), "{hostile:?}");
        }
        for hostile in ["", "a b", "a,b", "a\r\nb", "é", "\t"] {
            assert!(Token::parse(hostile).is_err(), "{hostile:?}");
        }
    }

    #[test]
    fn lengths_are_exact() {
        assert!(MailId::parse(&format!("{}@b", "a".repeat(248))).is_ok());
        assert!(MailId::parse(&format!("{}@b", "a".repeat(249))).is_err());
        assert!(Token::parse(&"a".repeat(64)).is_ok());
        assert!(Token::parse(&"a".repeat(65)).is_err());
    }
}
