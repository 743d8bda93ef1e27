//! `Hl7Message`: a message written for a partner who speaks HL7 v2, but for what its sink gives: number and time.
//! Its bytes are pieces: what was received and is kept, and documents, are handles; nothing large crosses a route.
//! Source: architecture §6, decision 0041.

use serde::{Deserialize, Serialize};

use crate::{content::ContentRef, identity::LocalId, ids::DocumentUniqueId};

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hl7Message {
    /// Its type: `ADT^A01`.
    pub kind: String,
    /// What PID-3 says, in order: what it is found and ordered by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patient_ids: Vec<LocalId>,
    /// The documents it carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<DocumentUniqueId>,
    /// Its bytes, in order.
    pub pieces: Vec<Hl7Piece>,
}

impl Hl7Message {
    /// What orders it among those of its patient: the local number (`PI`), which every event repeats, else the first.
    pub fn ordering(&self) -> Option<String> {
        let local = self.patient_ids.iter().find(|id| id.kind == "PI");
        let id = local.or(self.patient_ids.first())?;
        Some(format!("{}^{}", id.id.expose(), id.authority))
    }
}

/// Some bytes of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hl7Piece {
    /// Written for it.
    Written(WrittenBytes),
    /// A range of a stored body, as it is.
    Kept(ContentRef),
    /// A content, written as base64.
    Base64(ContentRef),
}

/// Bytes that were written. In JSON: their text, or their hexadecimal digits when they are no UTF-8.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct WrittenBytes(pub Vec<u8>);

/// They are about a person.
impl std::fmt::Debug for WrittenBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WrittenBytes({} bytes)", self.0.len())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Text(String),
    Digits { hex: String },
}

impl From<WrittenBytes> for Form {
    fn from(written: WrittenBytes) -> Self {
        match String::from_utf8(written.0) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Digits { hex: crate::hex(error.as_bytes()) },
        }
    }
}

impl TryFrom<Form> for WrittenBytes {
    type Error = crate::IdError;

    fn try_from(form: Form) -> Result<Self, Self::Error> {
        let hex = match form {
            Form::Text(text) => return Ok(Self(text.into_bytes())),
            Form::Digits { hex } => hex,
        };
        let bytes = hex.as_bytes().chunks(2).map(crate::hex_byte).collect::<Option<_>>();
        bytes.map(Self).ok_or(crate::IdError::new("written bytes", "pairs of hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_bytes_read_back_in_any_charset_and_texts_stay_readable() {
        for bytes in [&b"MSH|^~\\&|"[..], "été".as_bytes(), b"\xe9t\xe9", b""] {
            let json = serde_json::to_string(&WrittenBytes(bytes.to_vec())).unwrap();
            assert_eq!(serde_json::from_str::<WrittenBytes>(&json).unwrap().0, bytes, "{json}");
        }
        assert_eq!(serde_json::to_string(&WrittenBytes(b"PID|1".to_vec())).unwrap(), "\"PID|1\"");
        for hostile in ["{\"hex\":\"abc\"}", "{\"hex\":\"zz\"}", "{\"hex\":\"é\"}", "3"] {
            assert!(serde_json::from_str::<WrittenBytes>(hostile).is_err(), "{hostile}");
        }
    }

    #[test]
    fn the_local_number_orders_before_the_ins() {
        let id = |id: &str, authority: &str, kind: &str| LocalId {
            id: id.into(),
            authority: authority.to_owned(),
            kind: kind.to_owned(),
        };
        let message = |patient_ids| Hl7Message {
            kind: "ADT^A01".to_owned(),
            patient_ids,
            documents: Vec::new(),
            pieces: Vec::new(),
        };
        let both = message(vec![id("1", "ins", "INS"), id("7", "chu", "PI")]);
        assert_eq!(both.ordering().as_deref(), Some("7^chu"));
        assert_eq!(message(vec![id("1", "ins", "INS")]).ordering().as_deref(), Some("1^ins"));
        assert_eq!(message(Vec::new()).ordering(), None);
    }
}
