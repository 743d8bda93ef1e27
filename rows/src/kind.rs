//! What values are: of a source, between functions, of a target.
//! In: a kind and a target. Out: whether one may go into the other, at load and at run. Source: decision 0035.

use std::borrow::Cow;

use jonction_model::{ContentRef, FORMATS, TextFormat, nearest};

/// What a path or a function gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text or a code.
    Text,
    /// A moment, `AAAAMMJJhhmmss±ZZzz` or less precise.
    Time,
    /// A day, `AAAAMMJJ`.
    Date,
    /// A whole number.
    Integer,
    /// Yes or no.
    Boolean,
    /// Stored bytes, by their handle.
    Content,
    /// Several components under one path: the name of their type.
    Composite(&'static str),
}

impl Kind {
    /// French name.
    pub fn label(self) -> String {
        match self {
            Self::Text => "un texte".to_owned(),
            Self::Time => "une date et heure".to_owned(),
            Self::Date => "une date".to_owned(),
            Self::Integer => "un nombre".to_owned(),
            Self::Boolean => "un oui ou non".to_owned(),
            Self::Content => "un contenu conservé".to_owned(),
            Self::Composite(name) => format!("un {name}, fait de plusieurs composants"),
        }
    }

    /// Written as text.
    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Time | Self::Date)
    }
}

/// A value on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'t> {
    Text(Cow<'t, str>),
    Integer(i64),
    Boolean(bool),
    Content(Box<ContentRef>),
}

impl<'t> Value<'t> {
    pub(crate) fn text(text: impl Into<Cow<'t, str>>) -> Self {
        Self::Text(text.into())
    }

    /// As text, whatever it is.
    pub(crate) fn into_text(self) -> Cow<'t, str> {
        match self {
            Self::Text(text) => text,
            Self::Integer(number) => number.to_string().into(),
            Self::Boolean(truth) => if truth { "true" } else { "false" }.into(),
            Self::Content(content) => format!("({} octets conservés)", content.end - content.start).into(),
        }
    }

    /// The same, borrowed from here.
    pub(crate) fn borrowed(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
            Self::Integer(number) => Value::Integer(*number),
            Self::Boolean(truth) => Value::Boolean(*truth),
            Self::Content(content) => Value::Content(content.clone()),
        }
    }
}

/// A value that is not what it should be: what was expected, never the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong(pub(crate) Cow<'static, str>);

/// What a target takes.
#[derive(Clone, Debug)]
pub(crate) enum Leaf {
    Text,
    /// A text of a form.
    Format(&'static TextFormat),
    /// One of these words.
    Words(Vec<Box<str>>),
    Integer,
    Boolean,
    /// A place of a message: a text, or a content that is written as base64.
    Wire,
}

impl Leaf {
    pub(crate) fn of_format(name: &str) -> Option<Self> {
        FORMATS.iter().find(|format| format.name == name).map(Self::Format)
    }

    /// Whether a kind may go there; that a text has the right form is seen when it comes.
    pub(crate) fn takes(&self, kind: Kind) -> bool {
        match self {
            Self::Text => kind.is_text() || kind == Kind::Integer,
            Self::Wire => kind.is_text() || matches!(kind, Kind::Integer | Kind::Content),
            Self::Format(format) if format.name == "document-time" => kind.is_text(),
            Self::Format(_) | Self::Words(_) => kind == Kind::Text,
            Self::Integer => kind == Kind::Integer,
            Self::Boolean => kind == Kind::Boolean,
        }
    }

    /// French name, with what to do about another kind.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Text | Self::Wire => "un texte".to_owned(),
            Self::Format(format) => format.expected.to_owned(),
            Self::Words(words) => format!("un mot parmi : {}", words.join(", ")),
            Self::Integer => "un nombre entier".to_owned(),
            Self::Boolean => "oui ou non".to_owned(),
        }
    }

    /// How to get there from a text.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::Integer => "ajouter « fn: number »",
            Self::Boolean => "ajouter « fn: yes_no »",
            _ => "ajouter une fonction qui donne ce type, ou viser un composant",
        }
    }

    /// The value as the target keeps it.
    pub(crate) fn accept<'t>(&self, value: Value<'t>) -> Result<Value<'t>, Wrong> {
        match (self, value) {
            (Self::Integer, Value::Integer(number)) if u32::try_from(number).is_ok() => {
                Ok(Value::Integer(number))
            }
            (Self::Boolean, Value::Boolean(truth)) => Ok(Value::Boolean(truth)),
            (Self::Integer | Self::Boolean, _) => Err(Wrong(self.label().into())),
            (Self::Wire, Value::Content(content)) => Ok(Value::Content(content)),
            (Self::Text | Self::Wire, value) => Ok(Value::Text(value.into_text())),
            (Self::Format(format), value) => {
                let text = value.into_text();
                if (format.accepts)(&text) {
                    Ok(Value::Text(text))
                } else {
                    Err(Wrong(format.expected.into()))
                }
            }
            (Self::Words(words), value) => {
                let text = value.into_text();
                if words.iter().any(|word| **word == *text) {
                    Ok(Value::Text(text))
                } else {
                    Err(Wrong(self.label().into()))
                }
            }
        }
    }

    /// A text of the mapping file as a value of this target.
    /// Errors: what is expected, with the nearest word.
    pub(crate) fn constant(&self, text: &str) -> Result<Value<'static>, String> {
        let value = match self {
            Self::Integer => text.parse().map(Value::Integer).map_err(|_| self.label())?,
            Self::Boolean => Value::Boolean(jonction_settings::parse::boolean(text)?),
            _ => Value::text(text.to_owned()),
        };
        self.accept(value).map_err(|Wrong(expected)| match self {
            Self::Words(words) => match nearest(text, words.iter().map(|word| &**word)) {
                Some(near) => format!("{expected} ; vouliez-vous « {near} » ?"),
                None => expected.into_owned(),
            },
            _ => expected.into_owned(),
        })
    }
}
