//! One attempt: which transactions, in which order, and what their answers mean.
//! In: a delivery and its artefact. Out: an [`AttemptReport`]. Source: dmp-xds.md §2.3 to §2.7, §9; architecture §4.3, §4.4.
//!
//! A lot is fed by one TD2.1; a replacement first asks TD3.1b for the version it replaces, a deletion for the one it
//! deletes. After an unknown outcome TD3.1b says whether the lot arrived. Nothing is ever searched after a success:
//! the rules forbid it (EX_3.1-2030).

mod call;

use bytes::Bytes;
use jonction_model::{Finding, Operation, Place};
use jonction_ports::{Artefact, AttemptReport, Delivery, Outcome, Tools};
use jonction_xds::ErrorClass;

use crate::{
    body::BodyPart,
    links::{Link, LinkKind},
    lot::{LotIds, RequestIds},
    outcome::{Act, Context, RegistryFailure},
    sink::DmpSink,
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

    fn context(&self, act: Act) -> Context<'a> {
        Context { codes: &self.sink.settings.codes, attempt: self.delivery.attempt, act }
    }
}
