//! Messages that mappings wrote: put together once with a number of ours, and what the receiver's answer makes of them.
//! In: `Hl7Message`, stored bytes; an acknowledgement. Out: the bytes that every attempt sends; the outcome.
//! Source: hl7v2.md §2.12, §2.14 and §3 (900 to 906), architecture §4.3. Absent: the link (`outgoing`).

use std::io::{self, Read};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jonction_hl7v2::{AckView, Limits, Message, application_error::application_error, outgoing::Sealing};
use jonction_model::{ContentRef, Finding, Hl7Message, Hl7Piece, Place, ReportCode};
use jonction_ports::{Bodies, BodyError, Due, Outcome, Part};

/// Largest message that leaves, documents included.
pub(super) const MESSAGE_BYTES_MAX: u64 = 64 << 20;
/// Bytes of a content read at once: whole groups of base64.
const CHUNK: usize = 48 * 1024;

pub(super) fn part(message: &Hl7Message) -> Part {
    Part {
        key: format!("HL7 {}", message.kind),
        label: message.kind.clone(),
        ordering: message.ordering(),
        mailbox: None,
        due: Due::Owed,
    }
}

/// The message as it leaves.
pub(super) fn put_together(
    message: &Hl7Message,
    bodies: &dyn Bodies,
    sealing: &Sealing<'_>,
) -> Result<Bytes, Outcome> {
    let mut bytes = Vec::new();
    for piece in &message.pieces {
        let added = match piece {
            Hl7Piece::Written(written) => {
                bytes.extend_from_slice(&written.0);
                Ok(())
            }
            Hl7Piece::Kept(content) => read_into(content, bodies, &mut bytes),
            Hl7Piece::Base64(content) => encode_into(content, bodies, &mut bytes),
        };
        added.map_err(|error| unreadable(&error))?;
        if bytes.len() as u64 > MESSAGE_BYTES_MAX {
            return Err(unreadable(&BodyError::TooLong { limit: MESSAGE_BYTES_MAX }));
        }
    }
    let limits = Limits { message_bytes_max: usize::MAX, ..Limits::default() };
    let broken = |finding: Finding| Outcome::Park { finding };
    let parsed = Message::parse(bytes.into(), &limits).map_err(|error| broken(error.finding()))?;
    sealing.seal(&parsed).map_err(|error| {
        broken(
            Finding::error(
                "mllp.cannot-write-message",
                format!("l'en-tête du message ne s'écrit pas ({error})"),
            )
            .at(Place::path("MSH"))
            .remedy("déclarer les séparateurs usuels en MSH-2, ou les corriger par une traduction"),
        )
    })
}

fn left(bytes: &[u8]) -> u64 {
    MESSAGE_BYTES_MAX.saturating_sub(bytes.len() as u64)
}

fn read_into(content: &ContentRef, bodies: &dyn Bodies, bytes: &mut Vec<u8>) -> Result<(), BodyError> {
    let read = bodies.read(content, left(bytes))?;
    bytes.extend_from_slice(&read);
    Ok(())
}

fn encode_into(content: &ContentRef, bodies: &dyn Bodies, bytes: &mut Vec<u8>) -> Result<(), BodyError> {
    let mut reader = bodies.open(content)?;
    let mut chunk = Vec::with_capacity(CHUNK);
    let mut text = String::new();
    loop {
        chunk.clear();
        reader.by_ref().take(CHUNK as u64).read_to_end(&mut chunk).map_err(cause)?;
        text.clear();
        STANDARD.encode_string(&chunk, &mut text);
        if text.len() as u64 > left(bytes) {
            return Err(BodyError::TooLong { limit: MESSAGE_BYTES_MAX });
        }
        bytes.extend_from_slice(text.as_bytes());
        if chunk.len() < CHUNK {
            return Ok(());
        }
    }
}

/// What a reader fails of, when it is a fault of the content.
fn cause(error: io::Error) -> BodyError {
    error.downcast().unwrap_or_else(BodyError::Io)
}

fn unreadable(error: &BodyError) -> Outcome {
    match error {
        BodyError::TooLong { limit } => Outcome::Park {
            finding: Finding::error("mllp.too-large", format!("le message à envoyer dépasse {limit} octets"))
                .remedy("réduire le document, ou couper l'envoi (split: documents)"),
        },
        BodyError::NotBase64 { .. } => Outcome::Park {
            finding: Finding::error("mllp.not-base64", "le document n'est pas du base64 lisible")
                .remedy("faire corriger l'encodage du document par l'émetteur"),
        },
        error => Outcome::Retry {
            after: None,
            finding: Finding::error(
                "mllp.body-unreadable",
                format!("ce que le message contient ne peut pas être lu ({error})"),
            )
            .remedy("vérifier le dossier des données de la passerelle"),
        },
    }
}

/// What a functional refusal (ERR-3 207, ERR-5 900 to 906) makes of the message; `None`: it is none.
/// The receiver's own labels may quote the message: those of the volet are told.
pub(super) fn functional(ack: &AckView) -> Option<Outcome> {
    let told = ack.errors.iter().filter(|error| error.code == "207" || error.code.is_empty());
    let error = told.filter_map(|error| application_error(&error.application_code)).next()?;
    let finding =
        Finding::error("mllp.refused-by-software", format!("le destinataire refuse : {}", error.label))
            .expected("MSA-1 = AA", format!("{} {}", ack.code.as_str(), error.code))
            .remedy(error.remedy)
            .wire_code(error.code);
    Some(match error.mends {
        true => Outcome::Park { finding },
        false => Outcome::Refuse { finding, code: ReportCode::new(error.code, error.label) },
    })
}
