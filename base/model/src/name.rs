//! Names that come from the configuration: partners and routes.
//! In: text a route author wrote. Out: checked names, safe in logs, metrics and file names.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::ids::IdError;

fn check(kind: &'static str, text: &str) -> Result<Arc<str>, IdError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if text.is_empty() || text.len() > 64 || !text.chars().all(allowed) {
        return Err(IdError::new(kind, "1 to 64 characters among a-z, 0-9, '-' and '_'"));
    }
    Ok(text.into())
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(Arc<str>);

        impl $type {
            /// Reads a name. Errors: anything but 1 to 64 of `a-z 0-9 - _`.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check($kind, text).map(Self)
            }

            /// The name as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $type {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0.as_ref().to_owned()
            }
        }
    };
}

name!(
    /// An organisation's endpoint that we talk to, as declared in `jonction.yaml`. A sink has the name of its partner.
    PartnerName,
    "partner name"
);
name!(
    /// A route, as named by its file.
    RouteName,
    "route name"
);
