//! One message as the simulated LPS remembers it.
//! In: its bytes and what was answered. Out: a row for screens and tests, free of any clear datum of a person.

use jiff::Timestamp;
use jonction_hl7v2::{AckCode, Message, zam};
use jonction_model::{Masked, MssAddress, ReportCode, Verdict};

use super::Fault;

/// One received message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// When.
    pub at: Timestamp,
    /// `ZAM^Z02`; empty when it could not be read.
    pub kind: String,
    /// Its own MSH-10.
    pub control_id: String,
    /// MSH-10 of the message a ZAM answers (OBX(1)-4).
    pub answers: Option<String>,
    /// Y or N of a ZAM; with N, the code of ERR-5.
    pub verdict: Option<Verdict>,
    /// Mailbox a ZAM speaks of.
    pub recipient: Option<Masked<String>>,
    /// What was answered, faults apart.
    pub ack: AckCode,
    /// Which fault was played.
    pub fault: Option<Fault>,
    /// The same message had come before, byte for byte.
    pub repeated: bool,
    /// Its length in bytes.
    pub bytes: usize,
}

impl Received {
    pub(super) fn of(
        payload: &[u8],
        message: Option<&Message>,
        ack: AckCode,
        fault: Option<Fault>,
        at: Timestamp,
    ) -> Self {
        let header = message.map(Message::header);
        let zam = message.and_then(|message| zam::read(message).ok());
        let (kind, control_id) = header
            .map(|header| (format!("{}^{}", header.message_code, header.trigger_event), header.control_id))
            .unwrap_or_default();
        let (answers, verdict, recipient) = match zam {
            Some(zam) => (
                Some(zam.request_control_id),
                Some(zam.verdict),
                zam.recipient.map(|recipient| recipient.address),
            ),
            None => (None, None, None),
        };
        Self {
            at,
            kind,
            control_id,
            answers,
            verdict,
            recipient,
            ack,
            fault,
            repeated: false,
            bytes: payload.len(),
        }
    }

    /// `0007-ZAM_Z02.er7`: nothing the sender chose but the type, and only its letters.
    pub(super) fn file_name(&self, number: usize) -> String {
        let kind: String =
            self.kind.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(20).collect();
        format!("{number:04}-{}.er7", if kind.is_empty() { "illisible" } else { &kind })
    }

    /// The code of a negative ZAM.
    pub fn code(&self) -> Option<&ReportCode> {
        match &self.verdict {
            Some(Verdict::Negative(code)) => Some(code),
            _ => None,
        }
    }

    /// One line for screens: `ZAM^Z02  DEMO-0001  N 550 boîte inexistante  paul.briand@…`.
    pub fn line(&self) -> String {
        let mut line =
            format!("{:<8} {:<20}", self.kind, self.answers.as_deref().unwrap_or(&self.control_id));
        match &self.verdict {
            Some(Verdict::Positive) => line.push_str(" O"),
            Some(Verdict::Negative(code)) => line.push_str(&format!(" N {} {}", code.code, code.label)),
            None => {}
        }
        if let Some(recipient) = &self.recipient {
            let label =
                MssAddress::parse(recipient.expose()).map_or("adresse illisible".to_owned(), |a| a.label());
            line.push_str(&format!("  {label}"));
        }
        if self.repeated {
            line.push_str("  (déjà reçu)");
        }
        line
    }
}
