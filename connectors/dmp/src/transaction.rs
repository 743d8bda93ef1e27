//! One attempt: which transactions, in which order, and what their answers mean.
//! In: a delivery and its artefact. Out: an [`AttemptReport`]. Source: dmp-xds.md §2.3 to §2.7, §9; architecture §4.3, §4.4.
//!
//! A lot is fed by one TD2.1; a replacement first asks TD3.1b for the version it replaces, a deletion for the one it
//! deletes. After an unknown outcome TD3.1b says whether the lot arrived. Nothing is ever searched after a success:
//! the rules forbid it (EX_3.1-2030).

use bytes::Bytes;
use jonction_model::{Finding, Operation, Place};
use jonction_ports::{Artefact, AttemptReport, Delivery, Outcome, Tools};
use jonction_soap::{envelope, mtom};
use jonction_xds::ErrorClass;

use crate::{
    body::{BodyPart, Departure, RequestBody},
    http::Outgoing,
    links::{Link, LinkKind, with_links},
    lot::{DocumentIds, LotIds, RequestIds},
    outcome::{Act, Context, RegistryFailure},
    prepare,
    sink::DmpSink,
    speaker::Speaker,
    wire::{self, Reply, Transaction},
};

/// Most references asked in one query (QRY-03).
const REFERENCES_PER_QUERY: usize = 20;

/// An attempt under way.
pub(crate) struct Attempt<'a> {
    sink: &'a DmpSink,
    delivery: &'a Delivery,
    artefact: &'a Artefact,
    tools: &'a Tools,
    notes: Vec<Finding>,
    bytes_sent: u64,
    code: Option<String>,
}

/// Why a transaction did not succeed.
enum Failure {
    /// It ends the attempt.
    Ends(Box<Outcome>),
    /// The registry refused: the caller may know a way round.
    Refused(Vec<RegistryFailure>),
}

impl Failure {
    fn ends(outcome: Outcome) -> Self {
        Self::Ends(Box::new(outcome))
    }
}

/// What a request carries beside its envelope.
struct Payload {
    body: Bytes,
    /// Set of TD2.1: the documents of this lot.
    lot: Option<LotParts>,
}

/// Parts of a lot: identifiers, content, length.
struct LotParts(Vec<(String, BodyPart, u64)>);

impl<'a> Attempt<'a> {
    /// An attempt that has done nothing yet.
    pub(crate) fn new(
        sink: &'a DmpSink,
        delivery: &'a Delivery,
        artefact: &'a Artefact,
        tools: &'a Tools,
    ) -> Self {
        Self { sink, delivery, artefact, tools, notes: Vec::new(), bytes_sent: 0, code: None }
    }

    /// Runs it to its end.
    pub(crate) async fn run(mut self) -> AttemptReport {
        let outcome = match self.done().await {
            Ok(detail) => Outcome::Done { detail },
            Err(outcome) => outcome,
        };
        AttemptReport {
            outcome,
            peer: Some(self.sink.settings.url.authority()),
            code: self.code,
            bytes_sent: self.bytes_sent,
            notes: self.notes,
        }
    }

    async fn done(&mut self) -> Result<String, Outcome> {
        let ids = LotIds::read(&self.artefact.ids).filter(|ids| ids.pieces() == self.artefact.pieces.len());
        let Some(ids) = ids else {
            let finding =
                Finding::error("dmp.artefact-unreadable", "cet envoi a été préparé par une autre version")
                    .remedy("renvoyer le message pour le préparer à nouveau");
            return Err(Outcome::Park { finding });
        };
        match (ids.operation, &ids.requests[..]) {
            (Operation::Delete, requests) => self.delete(requests).await,
            (_, [request]) => self.feed(request, ids.operation).await,
            _ => {
                Err(Outcome::Park { finding: Finding::error("dmp.artefact-unreadable", "lot sans requête") })
            }
        }
    }

    /// TD2.1, after a probe when an earlier attempt may have arrived.
    async fn feed(&mut self, request: &RequestIds, operation: Operation) -> Result<String, Outcome> {
        if self.delivery.after_unknown && self.is_there(request, Act::Probe).await? {
            return Ok("déjà déposé (vérifié)".to_owned());
        }
        let mut refreshed = false;
        loop {
            let targets = self.targets(request).await?;
            match self.provide(request, &targets).await {
                Ok(()) if operation == Operation::Replace && targets.iter().any(Option::is_some) => {
                    return Ok("remplacé".to_owned());
                }
                Ok(()) => return Ok("déposé".to_owned()),
                Err(Failure::Ends(outcome)) => return Err(*outcome),
                Err(Failure::Refused(failures)) => {
                    let state = failures.iter().any(|failure| failure.class() == ErrorClass::State);
                    if state && !refreshed && targets.iter().any(Option::is_some) {
                        // The version changed between the question and the lot: asked again, once (§9.2).
                        refreshed = true;
                        continue;
                    }
                    let duplicate = failures.iter().any(|f| f.code == "XDSDuplicateUniqueIdInRegistry");
                    if duplicate && self.delivery.attempt > 1 && self.is_there(request, Act::LookUp).await? {
                        return Ok("déjà déposé (vérifié)".to_owned());
                    }
                    return Err(self.context(Act::Change).of_registry(&failures));
                }
            }
        }
    }

    /// TD3.3c for each document that is still there. One refresh per document.
    async fn delete(&mut self, requests: &[RequestIds]) -> Result<String, Outcome> {
        let mut deleted = 0;
        for (at, request) in requests.iter().enumerate() {
            let Some(document) = request.documents.first() else { continue };
            let mut refreshed = false;
            while let Some(target) = self.entry_uuid(&document.unique_id).await? {
                match self.change_status(at, request, &target).await {
                    Ok(()) => {
                        deleted += 1;
                        break;
                    }
                    Err(Failure::Ends(outcome)) => return Err(*outcome),
                    Err(Failure::Refused(failures)) => {
                        let state = failures.iter().any(|failure| failure.class() == ErrorClass::State);
                        if state && !refreshed {
                            refreshed = true;
                            continue;
                        }
                        return Err(self.context(Act::Change).of_registry(&failures));
                    }
                }
            }
        }
        let absent = requests.len() - deleted;
        if absent > 0 {
            self.notes.push(
                Finding::warning(
                    "dmp.already-absent",
                    format!("{absent} document(s) à supprimer n'étai(en)t déjà plus dans le DMP"),
                )
                .requirement("dmp-xds.md §2.7"),
            );
        }
        Ok(if deleted == 0 { "déjà absent du DMP".to_owned() } else { "supprimé".to_owned() })
    }

    /// The entryUUID of each version to replace, in the order of the documents.
    async fn targets(&mut self, request: &RequestIds) -> Result<Vec<Option<String>>, Outcome> {
        let mut targets = Vec::with_capacity(request.documents.len());
        for document in &request.documents {
            let Some(replaced) = &document.replaces else {
                targets.push(None);
                continue;
            };
            let target = self.entry_uuid(replaced).await?;
            if target.is_none() && !self.notes.iter().any(|note| note.place.path == document.symbol) {
                self.notes.push(
                    Finding::warning(
                        "dmp.replaced-version-absent",
                        "la version à remplacer n'est plus dans le DMP : le document est déposé comme nouveau",
                    )
                    .at(Place::path(document.symbol.clone()))
                    .remedy("vérifier si le patient a supprimé la version précédente")
                    .requirement("dmp-xds.md §2.4"),
                );
            }
            targets.push(target);
        }
        Ok(targets)
    }

    /// TD3.1b: the current entryUUID of a uniqueId. `None`: it is not there.
    async fn entry_uuid(&mut self, unique_id: &str) -> Result<Option<String>, Outcome> {
        let mut references = self.references(&[unique_id], Act::LookUp).await?;
        match references.len() {
            0 | 1 => Ok(references.pop()),
            several => {
                let finding = Finding::error(
                    "dmp.several-versions",
                    format!("le DMP connaît {several} versions sous le même identifiant de document"),
                )
                .remedy("faire vérifier ce document par le support du DMP")
                .requirement("dmp-xds.md §2.4");
                Err(Outcome::Park { finding })
            }
        }
    }

    /// TD3.1b on every document of a lot: all there, or none; a lot is stored whole or not at all.
    async fn is_there(&mut self, request: &RequestIds, act: Act) -> Result<bool, Outcome> {
        let unique_ids: Vec<_> =
            request.documents.iter().map(|document| document.unique_id.as_str()).collect();
        let mut found = 0;
        for batch in unique_ids.chunks(REFERENCES_PER_QUERY) {
            found += self.references(batch, act).await?.len();
        }
        match found {
            0 => Ok(false),
            all if all >= unique_ids.len() => Ok(true),
            some => {
                let finding = Finding::error(
                    "dmp.lot-partly-there",
                    format!("{some} document(s) du lot sur {} sont dans le DMP", unique_ids.len()),
                )
                .remedy("faire vérifier ce lot par le support du DMP avant de le renvoyer")
                .requirement("dmp-xds.md §9.1");
                Err(Outcome::Park { finding })
            }
        }
    }

    async fn references(&mut self, unique_ids: &[&str], act: Act) -> Result<Vec<String>, Outcome> {
        let payload = Payload { body: wire::references_query(unique_ids), lot: None };
        match self.call(Transaction::FindReferences, payload, act).await {
            Ok(Reply::References(references)) => Ok(references),
            Ok(Reply::Success) => Err(self
                .context(act)
                .unreadable("dmp.answer-unreadable", "le DMP a répondu à une autre question")),
            Err(Failure::Ends(outcome)) => Err(*outcome),
            Err(Failure::Refused(failures)) => Err(self.context(act).of_registry(&failures)),
        }
    }

    async fn provide(&mut self, request: &RequestIds, targets: &[Option<String>]) -> Result<(), Failure> {
        let documents = &request.documents;
        let links: Vec<_> = documents
            .iter()
            .zip(targets)
            .filter_map(|(document, target)| {
                let target = target.as_deref()?;
                Some(Link { kind: LinkKind::Replaces, source: &document.symbol, target })
            })
            .collect();
        let body = self.linked_body(0, request, &links).await.map_err(Failure::ends)?;
        let lot = Some(self.parts(request));
        self.call(Transaction::Provide, Payload { body, lot }, Act::Change).await.map(|_| ())
    }

    async fn change_status(
        &mut self,
        piece: usize,
        request: &RequestIds,
        target: &str,
    ) -> Result<(), Failure> {
        let links = [Link { kind: LinkKind::Deletes, source: wire::SUBMISSION_SET, target }];
        let body = self.linked_body(piece, request, &links).await.map_err(Failure::ends)?;
        self.call(Transaction::Update, Payload { body, lot: None }, Act::Change).await.map(|_| ())
    }

    /// Documents in the order of the entries: theirs, then the signature.
    fn parts(&self, request: &RequestIds) -> LotParts {
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
    async fn linked_body(
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
    async fn call(&mut self, transaction: Transaction, payload: Payload, act: Act) -> Result<Reply, Failure> {
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

    fn context(&self, act: Act) -> Context<'a> {
        Context { codes: &self.sink.settings.codes, attempt: self.delivery.attempt, act }
    }
}

fn unwritable(error: &jonction_soap::Error) -> Outcome {
    let finding = Finding::error(error.code(), format!("la requête ne peut pas être écrite ({error})"))
        .remedy("vérifier les réglages du partenaire (« lps », « structure », « seal »)");
    Outcome::Park { finding }
}
