//! One request of an attempt: its fresh parts, its answer, the connection kept or not.
//! In: a prepared body, documents by handle. Out: a [`Reply`], or a [`Failure`]. Source: dmp-xds.md §3, §5, §9.

use bytes::Bytes;
use jonction_model::Finding;
use jonction_ports::Outcome;
use jonction_soap::{envelope, mtom};

use super::{Attempt, Failure, LotParts, Payload};
use crate::{
    body::{BodyPart, Departure, RequestBody},
    http::Outgoing,
    links::{Link, with_links},
    lot::{DocumentIds, RequestIds},
    outcome::Act,
    prepare,
    speaker::Speaker,
    wire::{self, Reply, Transaction},
};

impl Attempt<'_> {
    /// Documents in the order of the entries: theirs, then the signature.
    pub(super) fn parts(&self, request: &RequestIds) -> LotParts {
        let id = |symbol: &str| prepare::content_id(symbol, &request.submission_set);
        let pieces = &self.artefact.pieces;
        let stored = |document: &DocumentIds, at: usize| {
            (id(&document.symbol), BodyPart::Stored(pieces[at].clone(), document.bytes), document.bytes)
        };
        // `LotIds::pieces` was compared with the artefact: body, signature, documents.
        let mut parts: Vec<_> =
            request.documents.iter().enumerate().map(|(at, document)| stored(document, at + 2)).collect();
        if let Some(bytes) = request.signature_bytes {
            let symbol = jonction_xds::signature::ENTRY_ID;
            parts.push((id(symbol), BodyPart::Stored(pieces[1].clone(), bytes), bytes));
        }
        LotParts(parts)
    }

    /// A prepared body with its links. It is metadata: small, and read whole.
    pub(super) async fn linked_body(
        &self,
        piece: usize,
        request: &RequestIds,
        links: &[Link<'_>],
    ) -> Result<Bytes, Outcome> {
        let content = self.artefact.pieces[piece].clone();
        let bodies = self.tools.bodies.clone();
        let read = tokio::task::spawn_blocking(move || bodies.read(&content, wire::BODY_BYTES_MAX)).await;
        let Ok(Ok(body)) = read else {
            let finding = Finding::error("dmp.body-unreadable", "le lot préparé ne peut pas être relu")
                .remedy("vérifier le dossier des données de la passerelle");
            return Err(Outcome::Retry { after: None, finding });
        };
        with_links(&body, request.insert_at, links).ok_or_else(|| {
            let finding = Finding::error(
                "dmp.target-unusable",
                "le DMP désigne la version visée par un identifiant inutilisable",
            )
            .remedy("prévenir le support du DMP");
            Outcome::Park { finding }
        })
    }

    /// One request and its answer. The connection is kept only once the answer is known to be that of the request.
    pub(super) async fn call(
        &mut self,
        transaction: Transaction,
        payload: Payload,
        act: Act,
    ) -> Result<Reply, Failure> {
        let message_id = format!("urn:uuid:{}", self.tools.entropy.uuid());
        let (outgoing, departure) =
            self.outgoing(transaction, payload, &message_id, act).map_err(Failure::ends)?;
        let bytes = outgoing.body.length();
        let answered = self.sink.link.exchange(outgoing).await;
        if departure.happened() {
            self.bytes_sent += bytes;
        }
        let answer = answered.map_err(|error| {
            tracing::debug!(partner = %self.sink.name, cause = error.chain(), "exchange failed");
            Failure::ends(self.context(act).of_exchange(&error, departure.happened()))
        })?;
        self.code = Some(answer.status.to_string());
        let context = self.context(act);
        let raw =
            wire::RawAnswer { status: answer.status, content_type: &answer.content_type, body: &answer.body };
        match wire::read_answer(transaction, &raw, &message_id) {
            Ok(read) => {
                answer.lease.keep();
                self.code = Some(read.code);
                self.notes.extend(read.warnings);
                read.reply.map_err(|refused| match refused {
                    wire::Refused::Fault(fault) => Failure::ends(context.of_fault(&fault)),
                    wire::Refused::Registry(failures) => Failure::Refused(failures),
                })
            }
            Err(wire::Unreadable::Status(status)) => {
                Err(Failure::ends(context.of_http(status, answer.retry_after)))
            }
            Err(wire::Unreadable::Answer { check, sentence }) => {
                Err(Failure::ends(context.unreadable(check, sentence)))
            }
        }
    }

    /// A request with its fresh parts: VIHF, MessageID, boundary.
    fn outgoing(
        &self,
        transaction: Transaction,
        payload: Payload,
        message_id: &str,
        act: Act,
    ) -> Result<(Outgoing, Departure), Outcome> {
        let settings = &self.sink.settings;
        let url = settings.url.url(transaction.service());
        let xml = self.envelope(transaction, &url, message_id, &payload.body, act)?;
        let (content_type, parts) = match payload.lot {
            None => (envelope::CONTENT_TYPE.to_owned(), vec![BodyPart::Made(xml)]),
            Some(LotParts(documents)) => {
                let lengths: Vec<_> = documents.iter().map(|(id, _, length)| (id.clone(), *length)).collect();
                let laid_out =
                    wire::with_documents(xml, message_id, &lengths).map_err(|error| unwritable(&error))?;
                let part = |piece| match piece {
                    mtom::Piece::Bytes(bytes) => BodyPart::Made(bytes),
                    mtom::Piece::Document(rank) => documents[rank].1.clone(),
                };
                (laid_out.content_type, laid_out.pieces.into_iter().map(part).collect())
            }
        };
        let departure = Departure::default();
        let body = RequestBody::new(parts, self.tools.bodies.clone(), departure.clone());
        let path = settings.url.path(transaction.service());
        Ok((Outgoing { path, content_type, body, departure: departure.clone() }, departure))
    }

    fn envelope(
        &self,
        transaction: Transaction,
        url: &str,
        message_id: &str,
        body: &[u8],
        act: Act,
    ) -> Result<Bytes, Outcome> {
        let sink = self.sink;
        let Some(submission) = self.delivery.shape.as_submission() else {
            let finding = Finding::error("dmp.not-a-submission", "cet envoi ne porte pas de document");
            return Err(Outcome::Park { finding });
        };
        let patient = sink.gate(submission).map_err(|(finding, code)| Outcome::Refuse { finding, code })?;
        let speaker = Speaker::of(submission, &sink.settings).map_err(|finding| Outcome::Park { finding })?;
        let (seal, now) = (sink.seal.current(), self.tools.clock.now());
        if let Some(finding) = prepare::unusable(&seal, now) {
            return Err(self.context(act).wait(finding));
        }
        let who = wire::Identification {
            settings: &sink.settings,
            seal: &seal,
            speaker: &speaker,
            patient: &patient,
            secret_connection: submission.visibility.secret_connection,
        };
        let id = format!("_{}", self.tools.entropy.uuid());
        tracing::info!(
            partner = %sink.name,
            delivery_id = self.delivery.id.0,
            attempt = self.delivery.attempt,
            transaction = transaction.name(),
            soap_message_id = message_id,
            assertion_id = id,
            "request signed"
        );
        let assertion = wire::assertion(&who, id, now).map_err(|error| unwritable(&error))?;
        wire::request_envelope(transaction, url, message_id, &assertion, body)
            .map_err(|error| unwritable(&error))
    }
}

fn unwritable(error: &jonction_soap::Error) -> Outcome {
    let finding = Finding::error(error.code(), format!("la requête ne peut pas être écrite ({error})"))
        .remedy("vérifier les réglages du partenaire (« lps », « structure », « seal »)");
    Outcome::Park { finding }
}
