//! Bytes of a message, in or out of an order: base64 in JSON, never printed.
//! In and out: bytes. Source: architecture §4.10.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Bytes of a message. `Debug` says how many they are.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageBytes(Bytes);

impl MessageBytes {
    /// Wraps clear bytes.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    /// The clear bytes; easy to search for in a review.
    pub fn expose(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Debug for MessageBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageBytes({})", self.0.len())
    }
}

impl Serialize for MessageBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for MessageBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self::new).map_err(|_| de::Error::custom("base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_base64_in_json_and_never_printed() {
        let bytes = MessageBytes::new(&b"MSH|^~\\&|\xe9"[..]);
        let json = serde_json::to_string(&bytes).unwrap();
        assert_eq!(json, r#""TVNIfF5+XCZ86Q==""#);
        assert_eq!(serde_json::from_str::<MessageBytes>(&json).unwrap(), bytes);
        assert!(serde_json::from_str::<MessageBytes>(r#""MSH|""#).is_err());
        assert_eq!(format!("{bytes:?}"), "MessageBytes(10)");
    }
}
