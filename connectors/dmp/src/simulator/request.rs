//! A request of a client, taken apart: envelope, assertion, documents.
//! In: an HTTP body. Out: a [`ClientRequest`], or why it is none. Source: dmp-xds.md §2, §3.

use std::collections::BTreeMap;

use bytes::Bytes;
use jonction_model::BodyId;
use jonction_soap::{Limits as SoapLimits, Received, envelope::Message, mtom::Package, receive};
use jonction_xds::{
    Submission,
    ebrim::{self, AdhocQuery, Decoded, DocumentContent, Limits as XdsLimits, ProvideAndRegister},
};

use crate::wire::Transaction;

/// A request that could be read.
pub(crate) struct ClientRequest {
    /// Which one, by its body.
    pub(crate) transaction: Transaction,
    /// Content-Type of HTTP.
    pub(crate) content_type: String,
    /// The envelope.
    pub(crate) message: Message,
    /// The multipart, when there is one.
    pub(crate) package: Option<Package>,
    /// The body.
    pub(crate) body: RequestBody,
}

/// What is asked.
pub(crate) enum RequestBody {
    /// TD2.1, with the bytes of each document by its symbolic id.
    Provide(Decoded<ProvideAndRegister>, BTreeMap<String, Bytes>),
    /// TD3.1.
    Query(Decoded<AdhocQuery>),
    /// TD3.3.
    Update(Decoded<Submission>),
}

/// Why a request cannot be read; what could be, for the answer.
pub(crate) struct Unread {
    /// Named cause, in French, for the fault and the verdict.
    pub(crate) sentence: String,
    /// MessageID, when the envelope could be read.
    pub(crate) message_id: String,
}

impl ClientRequest {
    /// Takes a body apart.
    pub(crate) fn read(content_type: &str, body: &Bytes, limits: &SoapLimits) -> Result<Self, Unread> {
        let Received { message, package } = receive(content_type, body, limits).map_err(|error| Unread {
            sentence: format!("requête illisible ({error})"),
            message_id: String::new(),
        })?;
        let message_id = message.message_id.as_ref().map_or_else(String::new, |header| header.value.clone());
        let unread = |sentence: String| Unread { sentence, message_id: message_id.clone() };
        let (transaction, body) = read_body(&message, package.as_ref()).map_err(unread)?;
        Ok(Self { transaction, content_type: content_type.to_owned(), message, package, body })
    }

    /// MessageID, empty when there is none.
    pub(crate) fn message_id(&self) -> &str {
        self.message.message_id.as_ref().map_or("", |header| &header.value)
    }

    /// What the lot of TD2.1 holds: the same for every sending of it, links apart. Tells a retry from another lot.
    pub(crate) fn lot_digest(&self) -> Option<(String, BodyId)> {
        let RequestBody::Provide(decoded, contents) = &self.body else { return None };
        let submission = &decoded.value.submission;
        let mut digests = String::new();
        for entry in &submission.entries {
            let content = contents.get(&entry.id).map(|bytes| BodyId::of(bytes).to_string());
            digests += &format!("{} {}\n", entry.unique_id, content.unwrap_or_default());
        }
        Some((submission.set.unique_id.clone(), BodyId::of(digests.as_bytes())))
    }

    /// The submission of TD2.1 and TD3.3.
    pub(crate) fn submission(&self) -> Option<&Submission> {
        match &self.body {
            RequestBody::Provide(decoded, _) => Some(&decoded.value.submission),
            RequestBody::Update(decoded) => Some(&decoded.value),
            RequestBody::Query(_) => None,
        }
    }
}

fn read_body(message: &Message, package: Option<&Package>) -> Result<(Transaction, RequestBody), String> {
    let limits = XdsLimits::default();
    let refused = |error: ebrim::ReadError| format!("corps illisible ({error})");
    match message.body_name.1.as_str() {
        "ProvideAndRegisterDocumentSetRequest" => {
            let decoded = ebrim::read_provide_and_register(&message.body, &limits).map_err(refused)?;
            let contents = contents(&decoded.value, package);
            Ok((Transaction::Provide, RequestBody::Provide(decoded, contents)))
        }
        "AdhocQueryRequest" => {
            let decoded = ebrim::read_query(&message.body, &limits).map_err(refused)?;
            Ok((Transaction::FindReferences, RequestBody::Query(decoded)))
        }
        "SubmitObjectsRequest" => {
            let decoded = ebrim::read_submit_objects(&message.body, &limits).map_err(refused)?;
            Ok((Transaction::Update, RequestBody::Update(decoded)))
        }
        _ => Err("transaction inconnue".to_owned()),
    }
}

/// Bytes of each document. One that is missing is missing here too: the registry says so.
fn contents(request: &ProvideAndRegister, package: Option<&Package>) -> BTreeMap<String, Bytes> {
    use base64::Engine as _;
    let mut contents = BTreeMap::new();
    for document in &request.documents {
        let bytes = match &document.content {
            DocumentContent::Xop(content_id) => {
                let part = package.and_then(|package| package.resolve(&format!("cid:{content_id}")));
                part.map(|part| part.body.clone())
            }
            DocumentContent::Inline(text) => {
                let dense: String = text.split_ascii_whitespace().collect();
                base64::engine::general_purpose::STANDARD.decode(dense).ok().map(Bytes::from)
            }
            DocumentContent::Missing => None,
        };
        if let Some(bytes) = bytes {
            contents.insert(document.id.clone(), bytes);
        }
    }
    contents
}
