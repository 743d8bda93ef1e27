//! Checked texts: names that come from the configuration, and the mechanism of every text that has one way in.
//! In: what somebody wrote. Out: values that cannot be wrong, with one form in JSON.

/// A newtype over a text: `parse` is its only way in, its JSON is the text. `$read` keeps what is kept of the text, or says
/// that it is not one.
#[macro_export]
macro_rules! checked_text {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $expected:literal, $read:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(std::sync::Arc<str>);

        impl $type {
            #[doc = concat!("Reads it. Errors: anything but ", $expected, ".")]
            pub fn parse(text: &str) -> Result<Self, $crate::IdError> {
                let read: fn(&str) -> Option<&str> = $read;
                read(text).map(|kept| Self(kept.into())).ok_or($crate::IdError::new($kind, $expected))
            }

            /// As written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $type {
            type Error = $crate::IdError;

            fn try_from(text: String) -> Result<Self, $crate::IdError> {
                Self::parse(&text)
            }
        }

        impl From<$type> for String {
            fn from(text: $type) -> Self {
                text.0.as_ref().to_owned()
            }
        }
    };
}

fn name(text: &str) -> Option<&str> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    ((1..=64).contains(&text.len()) && text.chars().all(allowed)).then_some(text)
}

checked_text! {
    /// An organisation's endpoint that we talk to, as declared in `jonction.yaml`. A sink has the name of its partner.
    PartnerName, "partner name", "1 to 64 characters among a-z, 0-9, '-' and '_'", name
}
checked_text! {
    /// A route, as named by its file.
    RouteName, "route name", "1 to 64 characters among a-z, 0-9, '-' and '_'", name
}
