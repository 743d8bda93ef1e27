//! Checked texts, as JSON describes them: a string of a named format. Mappings look the name up in [`FORMATS`].
//! In: a text. Out: whether it is of the format. Source: the type that each row names.

use crate::{DocumentTime, Ins, MailId, MessageControlId, MssAddress, Oid};

/// A text that not every text is.
#[derive(Clone, Copy)]
pub struct TextFormat {
    /// Name, the `format` of the JSON schema.
    pub name: &'static str,
    /// What is expected, in French.
    pub expected: &'static str,
    /// Whether a text is one.
    pub accepts: fn(&str) -> bool,
}

/// Every format.
pub const FORMATS: &[TextFormat] = &[
    TextFormat {
        name: "document-time",
        expected: "une date et heure AAAAMMJJhhmm[ss][±ZZzz], ou moins précise",
        accepts: DocumentTime::accepts,
    },
    TextFormat {
        name: "ins",
        expected: "un matricule INS de 15 caractères, clé comprise",
        accepts: |text| Ins::parse(text).is_ok(),
    },
    TextFormat {
        name: "control-id",
        expected: "un numéro de message de 1 à 199 caractères",
        accepts: |text| MessageControlId::parse(text).is_ok(),
    },
    TextFormat {
        name: "mss-address",
        expected: "une adresse MSSanté",
        accepts: |text| MssAddress::parse(text).is_ok(),
    },
    TextFormat {
        name: "mail-id",
        expected: "un Message-ID gauche@droite",
        accepts: |text| MailId::parse(text).is_ok(),
    },
    TextFormat { name: "oid", expected: "un OID", accepts: |text| Oid::parse(text).is_ok() },
];

impl std::fmt::Debug for TextFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TextFormat({})", self.name)
    }
}

/// The schema of a type that is written as a checked text.
macro_rules! written_as {
    ($type:ident, $format:literal) => {
        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "format": $format })
            }
        }
    };
}

pub(crate) use written_as;
