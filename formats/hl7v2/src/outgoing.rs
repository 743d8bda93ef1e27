//! Messages that leave: what is said of them, and what their sink gives them.
//! In: a written message. Out: its type, whom and what it is about; the same bytes with number, time and receiver.
//! Source: hl7v2.md §2.2, §2.4; architecture §4.3 (the number is ours, drawn once). Absent: where bytes are kept.

use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::{DocumentUniqueId, Environment, Hl7Message, Hl7Piece, LocalId, time::local_ts};

use crate::{
    edit::EditError,
    message::Message,
    path::{Path, PathError},
};

/// Identifiers kept of one patient.
const IDS_MAX: usize = 100;

/// What a written message says of itself, with its bytes as pieces.
pub fn described(message: &Message, pieces: Vec<Hl7Piece>) -> Hl7Message {
    let header = message.msh();
    let kind = header.field(9);
    let kind = format!("{}^{}", kind.component(1).trimmed(), kind.component(2).trimmed());
    let ids = message.segment("PID").into_iter().flat_map(|pid| pid.field(3).repetitions());
    let patient_ids = ids.take(IDS_MAX).filter_map(|id| {
        let authority = id.component(4);
        let authority = authority.subcomponent(2).code().or_else(|| authority.subcomponent(1).code());
        Some(LocalId {
            id: id.component(1).code()?.into_owned().into(),
            authority: authority.unwrap_or_default().into_owned(),
            kind: id.component(5).trimmed().into_owned(),
        })
    });
    let documents = message.segments_of("TXA").filter_map(|txa| document_id(txa.field(12)));
    Hl7Message { kind, patient_ids: patient_ids.collect(), documents: documents.collect(), pieces }
}

/// `extension^^root^ISO`, or the root alone. Source: hl7v2.md §2.4.
fn document_id(id: crate::Value<'_>) -> Option<DocumentUniqueId> {
    let first = id.component(1).code()?.into_owned();
    Some(match id.component(3).code() {
        Some(root) => DocumentUniqueId { root: root.into_owned(), extension: Some(first) },
        None => DocumentUniqueId::root(first),
    })
}

/// What the sink gives a message.
#[derive(Clone, Copy, Debug)]
pub struct Sealing<'s> {
    /// MSH-10: ours, whatever the mapping said.
    pub control_id: &'s str,
    /// MSH-7, where the message has none.
    pub now: Timestamp,
    /// MSH-11, where the message has none.
    pub environment: Environment,
    /// MSH-3 to MSH-6, where the message has none; empty: nothing is known of it.
    pub ends: [&'s str; 4],
}

/// Why a message cannot leave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// A place of MSH could not be written: its delimiters are not enough.
    #[error("msh cannot be written: {0}")]
    Header(#[from] EditError),
    /// Never: the paths are ours.
    #[error("not a path: {0}")]
    Path(#[from] PathError),
}

impl Sealing<'_> {
    /// The message as it leaves. What is not given keeps its bytes.
    pub fn seal(&self, message: &Message) -> Result<Bytes, SealError> {
        let processing = match self.environment {
            Environment::Production => "P",
            Environment::Test => "T",
        };
        let now = local_ts(self.now);
        let [sender, sending, receiver, receiving] = self.ends;
        let given = [
            ("MSH-3", sender, false),
            ("MSH-4", sending, false),
            ("MSH-5", receiver, false),
            ("MSH-6", receiving, false),
            ("MSH-7", &*now, false),
            ("MSH-10", self.control_id, true),
            ("MSH-11", processing, false),
        ];
        let mut edits = message.edit();
        for (path, text, always) in given {
            let path = Path::parse(path)?;
            if !text.is_empty() && (always || !message.get(&path).is_valued()) {
                edits = edits.set(&path, text)?;
            }
        }
        Ok(edits.apply())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn message(text: &str) -> Message {
        Message::parse(Bytes::copy_from_slice(text.as_bytes()), &Limits::default()).unwrap()
    }

    fn seal(text: &str) -> String {
        let now = "2026-11-24T10:00:00Z".parse().unwrap();
        let sealing =
            Sealing { control_id: "N1", now, environment: Environment::Test, ends: ["PFI", "", "OUTIL", ""] };
        String::from_utf8(sealing.seal(&message(text)).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn the_number_is_ours_and_what_the_mapping_said_otherwise_stays() {
        assert_eq!(
            seal("MSH|^~\\&|A|B|C|D|2026|x|ADT^A01|9|P^x|2.5\nPID|1\n"),
            "MSH|^~\\&|A|B|C|D|2026|x|ADT^A01|N1|P^x|2.5\nPID|1\n"
        );
        assert_eq!(
            seal("MSH|^~\\&||B|||||ADT^A01\rPID|1\r"),
            "MSH|^~\\&|PFI|B|OUTIL||20261124110000+0100||ADT^A01|N1|T\rPID|1\r"
        );
    }

    #[test]
    fn a_message_says_whom_and_what_it_is_about() {
        let head = "MSH|^~\\&|||||||MDM^T02^MDM_T02\rPID|||279^^^&1.2&ISO^INS~7^^^CHU^PI~^^^X\rTXA";
        let described = described(&message(&format!("{head}{}x^^1.3^ISO\r", "|".repeat(12))), Vec::new());
        assert_eq!(described.kind, "MDM^T02");
        let ids: Vec<_> = described
            .patient_ids
            .iter()
            .map(|id| (id.id.expose().as_str(), id.authority.as_str(), id.kind.as_str()))
            .collect();
        assert_eq!(ids, [("279", "1.2", "INS"), ("7", "CHU", "PI")]);
        assert_eq!(
            described.documents,
            [DocumentUniqueId { root: "1.3".into(), extension: Some("x".into()) }]
        );
        let alone = message(&format!("MSH|^~\\&|\rTXA|1\rTXA{}1.2.3\r", "|".repeat(12)));
        assert_eq!(super::described(&alone, Vec::new()).documents, [DocumentUniqueId::root("1.2.3")]);
    }
}
