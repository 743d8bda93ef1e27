//! Messages made from those of the example: other numbers, other people, other documents, and wrong ones.
//! In: a message of the example, what to change in it or in its document. Out: the bytes of one message.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jonction_mllp::messages_of;
use jonction_model::Ins;

use crate::program::example;

/// The plainest message of the example: one document, DMP and one professional, a report wanted for each.
pub(crate) const PLAIN: &str = "09-dmp-en-panne.er7";
/// What is written in it.
pub(crate) const PLAIN_CONTROL_ID: &str = "DEMO-0009";
pub(crate) const PLAIN_DOCUMENT: &str = "2.25.198001011.8.361";
pub(crate) const PLAIN_INS: &str = "284036912300175";

/// A message that can be changed part by part.
#[derive(Clone)]
pub(crate) struct Letter {
    /// Segments, the document replaced by a mark.
    text: String,
    /// The document of OBX(1), decoded.
    pub(crate) cda: String,
}

const MARK: &str = "\u{1}";

impl Letter {
    /// Reads a message of the example.
    pub(crate) fn read(name: &str) -> Self {
        let file = fs::read(example().join("messages").join(name)).unwrap();
        let message = messages_of(&file).pop().unwrap();
        let text = std::str::from_utf8(&message).unwrap();
        let (head, rest) = text.split_once("^Base64^").unwrap();
        let (encoded, tail) = rest.split_once('|').unwrap();
        let cda = String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
        Self { text: format!("{head}^Base64^{MARK}|{tail}"), cda }
    }

    /// The plain message with a number and a document of its own.
    pub(crate) fn plain(control_id: &str, document: &str) -> Self {
        Self::read(PLAIN).with(PLAIN_CONTROL_ID, control_id).both(PLAIN_DOCUMENT, document)
    }

    /// Replaces in the segments. Fails when there is nothing to replace: the example changed.
    #[track_caller]
    pub(crate) fn with(mut self, from: &str, to: &str) -> Self {
        assert!(self.text.contains(from), "the example has no « {from} » any more");
        self.text = self.text.replace(from, to);
        self
    }

    /// Replaces in the document.
    #[track_caller]
    pub(crate) fn document(mut self, from: &str, to: &str) -> Self {
        assert!(self.cda.contains(from), "the document of the example has no « {from} » any more");
        self.cda = self.cda.replace(from, to);
        self
    }

    /// Replaces in both.
    #[track_caller]
    pub(crate) fn both(self, from: &str, to: &str) -> Self {
        self.with(from, to).document(from, to)
    }

    /// Another document altogether.
    pub(crate) fn holding(mut self, document: impl Into<String>) -> Self {
        self.cda = document.into();
        self
    }

    /// Leaves the first segment out that begins so.
    #[track_caller]
    pub(crate) fn without(mut self, start: &str) -> Self {
        let count = self.text.matches('\r').count();
        let mut left_out = false;
        let kept = self.text.split_inclusive('\r').filter(|segment| {
            let out = !left_out && segment.starts_with(start);
            left_out |= out;
            !out
        });
        self.text = kept.collect();
        assert_eq!(self.text.matches('\r').count() + 1, count, "the example has no segment « {start} »");
        self
    }

    /// Its bytes, as the wire wants them.
    pub(crate) fn bytes(&self) -> Bytes {
        self.bytes_with(&STANDARD.encode(&self.cda))
    }

    /// Its bytes with other text instead of the encoded document.
    pub(crate) fn bytes_with(&self, encoded: &str) -> Bytes {
        Bytes::from(self.text.replace(MARK, encoded))
    }
}

/// Somebody like the person of the plain message, with another order number: a matricule with a good key.
pub(crate) fn matricule(serial: u16) -> String {
    let number = format!("{}{:03}", &PLAIN_INS[..10], serial);
    let good = |text: &String| Ins::parse(text).is_ok_and(|ins| ins.key_is_valid());
    (1..=97).map(|key| format!("{number}{key:02}")).find(good).unwrap()
}

#[test]
fn a_letter_that_is_not_changed_is_the_message_of_the_example() {
    let file = fs::read(example().join("messages").join(PLAIN)).unwrap();
    assert_eq!(Letter::read(PLAIN).bytes(), messages_of(&file)[0]);
    assert_eq!(matricule(1), PLAIN_INS);
    assert_ne!(matricule(2), PLAIN_INS);
}
