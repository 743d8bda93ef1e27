//! A value about a person: readable by code that asks for it, masked wherever it could be printed.
//! In → out: any value. Source: architecture §4.10.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Clear text about a person. `Debug` prints `***`; there is no `Display`.
/// It serialises in clear, because shapes are stored in bodies, which are protected as a whole.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Masked<T>(T);

impl<T> Masked<T> {
    /// Wraps a clear value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The clear value. Called only to write on a wire or to compare; easy to search for in a review.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Masked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// In JSON a masked value is the value.
impl<T: JsonSchema> JsonSchema for Masked<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}

impl From<&str> for Masked<String> {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Masked<String> {
    fn from(text: String) -> Self {
        Self(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_value_never_prints_its_content() {
        assert_eq!(format!("{:?}", Some(Masked::from("DUPONT"))), "Some(***)");
    }
}
