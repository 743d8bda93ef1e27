//! From stored bytes to a parsed message and its documents, for both steps: read by the first, left to the second.
//! In: a flow, the bodies. Out: a message, and for each document OBX its range and its header.

use std::{
    io::Read as _,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use jonction_cda::Header;
use jonction_hl7v2::{Message, Observation, volet};
use jonction_model::{ContentRef, Encoding, Finding};
use jonction_ports::{Bodies, Flow, body::Base64Reader};

use crate::settings::VoletSettings;

/// A message and, once somebody asked for them, the headers of its documents.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) message: Message,
    /// Its bytes.
    pub(super) content: ContentRef,
    settings: VoletSettings,
    /// Of each document OBX, in order, `documents_max` at most: its header, or why it cannot be read.
    headers: OnceLock<Vec<Result<Header, Finding>>>,
}

impl Received {
    /// The message of a flow, read once for all steps that have the same settings.
    /// Errors: what admission would have refused, and a journal that fails.
    pub(super) fn of(
        flow: &mut Flow,
        bodies: &dyn Bodies,
        settings: &VoletSettings,
    ) -> Result<Arc<Self>, Finding> {
        let left = flow.reading.of::<Self>();
        if let Some(left) = left.filter(|left| left.settings == *settings && left.content == flow.message) {
            return Ok(left);
        }
        let message = read_message(&flow.message, bodies, settings)?;
        let (content, settings) = (flow.message.clone(), settings.clone());
        let received = Arc::new(Self { message, content, settings, headers: OnceLock::new() });
        flow.reading.leave(received.clone());
        Ok(received)
    }

    /// Its documents.
    pub(super) fn documents(&self) -> impl Iterator<Item = DocumentBytes<'_>> {
        let groups = volet::documents(&self.message).into_iter().take(self.settings.documents_max);
        let headers =
            self.headers.get_or_init(|| groups.clone().map(|group| header(&group, &self.settings)).collect());
        groups.zip(headers).map(|(group, header)| {
            let span = group.obx.field(5).component(5).span();
            let content = ContentRef {
                body: self.content.body,
                start: self.content.start + span.start as u64,
                end: self.content.start + span.end as u64,
                encoding: Encoding::Base64,
                inside: Vec::new(),
            };
            DocumentBytes { path: path(&group), group, content, header: header.as_ref() }
        })
    }
}

fn read_message(
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
    pub(crate) header: Result<&'m Header, &'m Finding>,
}

fn path(group: &Observation<'_>) -> String {
    format!("OBX[{}]-5.5", group.obx.occurrence())
}

fn header(group: &Observation<'_>, settings: &VoletSettings) -> Result<Header, Finding> {
    let payload = group.obx.field(5).component(5);
    decode(payload.raw(), settings.document_limits.document_bytes_max)
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
        .map_err(|finding| finding.at(jonction_model::Place::path(path(group))))
}

fn decode(raw: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(raw.len().min(limit) / 4 * 3 + 3);
    let read = Base64Reader::new(raw).take(limit as u64 + 1).read_to_end(&mut bytes);
    (read.is_ok() && bytes.len() <= limit).then_some(bytes)
}
