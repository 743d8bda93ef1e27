//! What the sender is told: one acknowledgement per message, two where it asks for both, written before the message is stored, given after.
//! In: a judged message. Out: the bytes of MSH, MSA, ERR, without frame. Source: hl7v2.md §2.12, §6.5.

use bytes::Bytes;
use jiff::Timestamp;
use jonction_hl7v2::{AckCode, Charset, Header, ack, batch};
use jonction_model::{Entropy, Finding, Place};

use crate::{
    acknowledgements::{Acknowledgements, owed},
    admission::Judged,
    control_id::new_control_id,
};

/// Writes acknowledgements: the time and the numbers are handed in.
pub(crate) struct Answers<'a> {
    pub(crate) entropy: &'a dyn Entropy,
    pub(crate) now: Timestamp,
    /// Which mode the partner speaks.
    pub(crate) acknowledgements: Acknowledgements,
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

    /// The messages of the answer, one after the other: the link sends each in its own frame.
    fn write(&self, judged: &Judged, verdict: AckCode, findings: &[Finding]) -> Bytes {
        let header = judged.header.clone().unwrap_or_else(nobody);
        let one = |verdict| {
            let (control_id, request) = (new_control_id(self.entropy), judged.message.as_ref());
            ack::Reply { header: &header, request, verdict, findings, control_id: &control_id, now: self.now }
                .write()
        };
        let mut written = owed(self.acknowledgements, &header, verdict).into_iter().map(one);
        let first = written.next().unwrap_or_default();
        match written.next() {
            None => first,
            Some(second) => Bytes::from([first, second].concat()),
        }
    }
}

/// The messages of an answer.
pub(crate) fn messages(answer: &Bytes) -> Vec<Bytes> {
    let messages = batch::split(answer, 2).messages;
    if messages.len() > 1 { messages } else { vec![answer.clone()] }
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
