//! Where bytes are, without holding them.
//! A document inside a message is a range of that message, decoded on the way: nothing is stored twice.
//! Source: architecture §10 « Bodies are handles ».

use std::fmt;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::layer::Layer;

/// SHA-256 of a body: its address in the journal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BodyId([u8; 32]);

impl BodyId {
    /// Address of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha256(&[bytes]))
    }

    /// From the 32 bytes of a SHA-256.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// SHA-256 of pieces, one after the other.
pub fn sha256(pieces: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    pieces.iter().for_each(|piece| context.update(piece));
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

impl fmt::Display for BodyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BodyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BodyId({self})")
    }
}

impl From<BodyId> for String {
    fn from(id: BodyId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for BodyId {
    type Error = crate::IdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let error = || crate::IdError::new("body id", "64 hexadecimal digits");
        if text.len() != 64 || !text.is_ascii() {
            return Err(error());
        }
        let mut id = [0; 32];
        for (at, byte) in id.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| error())?;
        }
        Ok(Self(id))
    }
}

/// How the bytes of a range are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// As they are.
    Raw,
    /// Base64; ASCII blanks are skipped, padding may be missing (official samples lack it, hl7v2.md §2.6).
    Base64,
}

/// A range of a stored body, and how to read it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContentRef {
    /// The stored body.
    pub body: BodyId,
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// How to read the range.
    pub encoding: Encoding,
    /// What to undo after that, in order: a document in an archive in a mail is still a range of that mail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inside: Vec<Layer>,
}

impl ContentRef {
    /// A whole body of `length` bytes, as it is.
    pub fn whole(body: BodyId, length: u64) -> Self {
        Self { body, start: 0, end: length, encoding: Encoding::Raw, inside: Vec::new() }
    }

    /// What is reached in a body through these layers; the first one is a slice of it, else there is no handle.
    pub fn through(body: BodyId, layers: &[Layer]) -> Option<Self> {
        let (&Layer::Slice(start, end), rest) = layers.split_first()? else { return None };
        let (encoding, inside) = match rest.split_first() {
            Some((Layer::Base64, inside)) => (Encoding::Base64, inside),
            _ => (Encoding::Raw, rest),
        };
        Some(Self { body, start, end, encoding, inside: inside.to_vec() })
    }

    /// What is reached from here through more layers.
    #[must_use]
    pub fn then(mut self, layers: impl IntoIterator<Item = Layer>) -> Self {
        self.inside.extend(layers);
        self
    }
}

/// A handle has no parts that anybody reads: mappings carry it whole.
impl schemars::JsonSchema for ContentRef {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ContentRef".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object", "format": "content" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_through_layers_starts_with_a_slice_of_the_body() {
        let body = BodyId::of(b"mail");
        let layers = [Layer::Slice(10, 90), Layer::Base64, Layer::Slice(30, 60), Layer::Inflate];
        let content = ContentRef::through(body, &layers).unwrap();
        assert_eq!((content.start, content.end, content.encoding), (10, 90, Encoding::Base64));
        assert_eq!(content.inside, layers[2..]);
        assert_eq!(ContentRef::through(body, &[Layer::Inflate]), None);
    }

    #[test]
    fn a_handle_without_layers_keeps_the_form_that_journals_hold() {
        let content = ContentRef::whole(BodyId::of(b"abc"), 3);
        let json = serde_json::to_value(&content).unwrap();
        assert_eq!(json.as_object().unwrap().len(), 4);
        assert_eq!(serde_json::from_value::<ContentRef>(json).unwrap(), content);
    }

    #[test]
    fn a_body_id_reads_back_from_its_text() {
        let id = BodyId::of(b"abc");
        assert_eq!(id.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(BodyId::try_from(id.to_string()).unwrap(), id);
        assert!(BodyId::try_from("é".repeat(32)).is_err());
    }
}
