//! What the sender is told: one acknowledgement per message, written before the message is stored, given after.
//! In: a judged message. Out: the bytes of MSH, MSA, ERR, without frame. Source: hl7v2.md §2.12, §6.5.

use bytes::Bytes;
use jiff::Timestamp;
use jonction_hl7v2::{AckCode, Charset, Header, ack};
use jonction_model::{Entropy, Finding, Place};

use crate::{admission::Judged, control_id::new_control_id};

/// Writes acknowledgements: the time and the numbers are handed in.
pub(crate) struct Answers<'a> {
    pub(crate) entropy: &'a dyn Entropy,
    pub(crate) now: Timestamp,
}

impl Answers<'_> {
    /// The verdict of admission: AA, or AE with everything that was found wrong.
    pub(crate) fn verdict(&self, judged: &Judged) -> Bytes {
        let code = if judged.admitted.accepted { AckCode::AA } else { AckCode::AE };
        self.write(judged, code, &judged.admitted.findings)
    }

    /// The number was used before for another content.
    pub(crate) fn conflict(&self, judged: &Judged) -> Bytes {
        let finding = Finding::error(
            "mllp.number-used-twice",
            "ce numéro de message a déjà servi pour un autre contenu",
        )
        .at(Place::path("MSH-10"))
        .remedy("donner un nouveau MSH-10 à chaque message différent")
        .requirement("hl7v2.md §6.5")
        .wire_code("205");
        self.write(judged, AckCode::AE, &[finding])
    }

    /// The message could not be made durable: the sender keeps it and sends it again.
    pub(crate) fn later(&self, judged: &Judged) -> Bytes {
        let finding =
            Finding::error("mllp.try-later", "le message ne peut pas être enregistré pour le moment")
                .remedy("renvoyer le même message plus tard")
                .wire_code("207");
        self.write(judged, AckCode::AR, &[finding])
    }

    fn write(&self, judged: &Judged, verdict: AckCode, findings: &[Finding]) -> Bytes {
        let header = judged.header.clone().unwrap_or_else(nobody);
        if asks_for_silence(&header) {
            return Bytes::new();
        }
        let control_id = new_control_id(self.entropy);
        let request = judged.message.as_ref();
        ack::Reply { header: &header, request, verdict, findings, control_id: &control_id, now: self.now }
            .write()
    }
}

/// Both acknowledgements refused beforehand: the sender is set up to wait for nothing.
fn asks_for_silence(header: &Header) -> bool {
    header.accept_ack == "NE" && header.application_ack == "NE"
}

/// Header of bytes that have none: the sender is answered all the same, or it would wait for nothing until its timeout.
fn nobody() -> Header {
    let empty = String::new;
    Header {
        sending_application: empty(),
        sending_facility: empty(),
        receiving_application: empty(),
        receiving_facility: empty(),
        time: empty(),
        message_code: empty(),
        trigger_event: empty(),
        structure: empty(),
        control_id: empty(),
        processing: "P".to_owned(),
        version: "2.5".to_owned(),
        accept_ack: empty(),
        application_ack: empty(),
        profile_version: empty(),
        profile: empty(),
        charset: Charset::utf8(),
    }
}
