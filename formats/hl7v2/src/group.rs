//! The OBX of a message with what belongs to each: PRT and NTE stand behind their OBX.
//! In: a message. Out: groups, in order. Source: hl7v2.md §2.1 and §2.7.

use crate::message::{Message, Segment};

/// One OBX and the segments that qualify it.
#[derive(Clone, Debug)]
pub struct Observation<'m> {
    /// The OBX.
    pub obx: Segment<'m>,
    /// PRT behind it, in order.
    pub participations: Vec<Segment<'m>>,
    /// NTE behind it, in order.
    pub notes: Vec<Segment<'m>>,
}

impl Observation<'_> {
    /// Whether it carries a document: OBX-2 = ED and OBX-5.3 = XML.
    /// The mail texts (CORPSMAIL_*) are ED too, without OBX-5.3. Source: hl7v2.md §2.6 and §2.8.
    pub fn is_document(&self) -> bool {
        is_document(self.obx)
    }
}

pub(crate) fn is_document(obx: Segment<'_>) -> bool {
    obx.field(2) == "ED" && obx.field(5).component(3).trimmed().eq_ignore_ascii_case("XML")
}

/// Any segment but PRT and NTE closes a group.
pub(crate) fn observations(message: &Message) -> Vec<Observation<'_>> {
    let mut groups: Vec<Observation<'_>> = Vec::new();
    let mut open = false;
    for segment in message.segments() {
        match (segment.id_raw(), groups.last_mut().filter(|_| open)) {
            (b"OBX", _) => {
                groups.push(Observation { obx: segment, participations: vec![], notes: vec![] });
                open = true;
            }
            (b"PRT", Some(group)) => group.participations.push(segment),
            (b"NTE", Some(group)) => group.notes.push(segment),
            (b"PRT" | b"NTE", None) => {}
            _ => open = false,
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::{limits::Limits, message::Message};

    #[test]
    fn participations_and_notes_belong_to_the_obx_before_them() {
        let raw = "MSH|^~\\&|\rNTE|0\rOBX|1|ED|||^^XML^Base64^QQ\rPRT||UC||SB\rPRT||UC||RCT\rOBX|2\rNTE|1|||FIN\rZZZ|\rPRT||UC||LOST\r";
        let message = Message::parse(Bytes::from_static(raw.as_bytes()), &Limits::default()).unwrap();
        let groups = message.observations();
        let counts: Vec<_> =
            groups.iter().map(|g| (g.participations.len(), g.notes.len(), g.is_document())).collect();
        assert_eq!(counts, [(2, 0, true), (0, 1, false)]);
    }
}
