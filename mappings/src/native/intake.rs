//! From stored bytes to a parsed message and its documents, for both steps.
//! In: a flow, the bodies. Out: a message, and for each document OBX its range and its header.

use std::io::Read as _;

use bytes::Bytes;
use jonction_cda::Header;
use jonction_hl7v2::{Message, Observation, volet};
use jonction_model::{ContentRef, Encoding, Finding};
use jonction_ports::{Bodies, body::Base64Reader};

use crate::settings::VoletSettings;

/// Reads and parses the message of a flow. Errors: what admission would have refused, and a journal that fails.
pub(super) fn read_message(
    content: &ContentRef,
    bodies: &dyn Bodies,
    settings: &VoletSettings,
) -> Result<Message, Finding> {
    let limit = settings.message_limits.message_bytes_max as u64;
    let raw: Bytes = bodies.read(content, limit).map_err(|_| {
        Finding::error("mapping.message-unreadable", "le message conservé n'a pas pu être relu")
            .remedy("voir le journal de la passerelle, puis rejouer le message")
    })?;
    Message::parse(raw, &settings.message_limits).map_err(|error| error.finding())
}

/// One document OBX.
pub(crate) struct DocumentBytes<'m> {
    /// Its OBX and what follows it.
    pub(crate) group: Observation<'m>,
    /// HL7 path of the base64.
    pub(crate) path: String,
    /// Range of the base64 in the received bytes.
    pub(crate) content: ContentRef,
    /// Its header, or why it cannot be read.
    pub(crate) header: Result<Header, Finding>,
}

/// Every document of the message, in order, `documents_max` at most.
pub(crate) fn documents<'m>(
    message: &'m Message,
    content: &ContentRef,
    settings: &VoletSettings,
) -> Vec<DocumentBytes<'m>> {
    let groups = volet::documents(message).into_iter().take(settings.documents_max);
    groups.map(|group| document(group, content, settings)).collect()
}

fn document<'m>(group: Observation<'m>, content: &ContentRef, settings: &VoletSettings) -> DocumentBytes<'m> {
    let path = format!("OBX[{}]-5.5", group.obx.occurrence());
    let payload = group.obx.field(5).component(5);
    let span = payload.span();
    let range = ContentRef {
        body: content.body,
        start: content.start + span.start as u64,
        end: content.start + span.end as u64,
        encoding: Encoding::Base64,
    };
    let header = decode(payload.raw(), settings.document_limits.document_bytes_max)
        .ok_or_else(|| {
            Finding::error("hl7v2/H065", "le document joint n'est pas du base64 lisible, ou il est trop long")
                .remedy("encoder le document en base64, sans autre caractère")
                .requirement("hl7v2.md §2.6")
                .wire_code("102")
        })
        .and_then(|bytes| {
            Header::read(&bytes, &settings.document_limits).map_err(|error| {
                let spot =
                    error.spot().map(|at| format!(" (document, ligne {}, colonne {})", at.line, at.column));
                let mut finding = error.finding("hl7v2/H066").wire_code("207");
                finding.sentence.push_str(&spot.unwrap_or_default());
                finding
            })
        })
        .map_err(|finding| finding.at(jonction_model::Place::path(path.clone())));
    DocumentBytes { group, path, content: range, header }
}

fn decode(raw: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(raw.len().min(limit) / 4 * 3 + 3);
    let read = Base64Reader::new(raw).take(limit as u64 + 1).read_to_end(&mut bytes);
    (read.is_ok() && bytes.len() <= limit).then_some(bytes)
}
