//! What the hospital of the proof sends: discharge letters, all different, some of the weight of an imaging report.
//! In: a number. Out: the message, and what its partners must hold of it in the end.

use bytes::Bytes;
use jonction_model::BodyId;

use crate::{demo::scenes::discharge_letter, letters::document_id};

/// People the letters are about: order is kept for each, all of them go on side by side.
pub(super) const PEOPLE: usize = 12;
/// One letter in so many weighs more than a body of the database.
const HEAVY_EACH: usize = 10;

/// One letter.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    /// MSH-10.
    pub(super) control_id: String,
    /// uniqueId of its document.
    pub(super) document: String,
    /// Whom it is about.
    pub(super) person: usize,
    /// Hash of the document's bytes.
    pub(super) hash: BodyId,
    /// The message.
    pub(super) message: Bytes,
}

impl Sending {
    pub(super) fn number(at: usize) -> Self {
        let person = at % PEOPLE;
        let control_id = format!("PROVE-{at:06}");
        // Numbers of the demonstration stay below 1000.
        let number = 10_000 + u32::try_from(at).unwrap_or(u32::MAX - 10_000);
        let serial = u16::try_from(person).unwrap_or(0) + 100;
        let image_side = if at.is_multiple_of(HEAVY_EACH) { 424 } else { 0 };
        let (message, cda) = discharge_letter(&control_id, number, serial, image_side);
        Self {
            control_id,
            document: document_id(number),
            person,
            hash: BodyId::of(cda.as_bytes()),
            message: message.into(),
        }
    }
}
