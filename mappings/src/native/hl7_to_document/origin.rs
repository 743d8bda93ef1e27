//! Who asked, and in which message: what every acknowledgement repeats.
//! In: MSH and EVN. Out: `Origin`. Source: hl7v2.md §2.2 and §2.13.

use jonction_hl7v2::Message;
use jonction_model::{Finding, MessageControlId, Origin, Place};

/// Reads MSH and EVN-2. Errors: no usable MSH-10, which admission refuses.
pub(super) fn read(message: &Message) -> Result<Origin, Finding> {
    let header = message.header();
    let control_id = MessageControlId::parse(&header.control_id).map_err(|_| {
        Finding::error("hl7v2/H015", "identifiant du message absent ou illisible")
            .at(Place::path("MSH-10"))
            .remedy("donner à chaque message un identifiant de 1 à 199 caractères")
            .wire_code("101")
    })?;
    let evn = message.segment("EVN").and_then(|evn| evn.field(2).code()).map(|time| time.into_owned());
    Ok(Origin {
        control_id,
        sending_application: header.sending_application,
        sending_facility: header.sending_facility,
        receiving_application: header.receiving_application,
        receiving_facility: header.receiving_facility,
        processing: header.processing,
        charset: message.msh().field(18).trimmed().into_owned(),
        // An ORU has no EVN.
        event_time: evn.unwrap_or(header.time),
    })
}
