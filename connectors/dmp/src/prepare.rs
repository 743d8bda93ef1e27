//! Making a lot once: identifiers, metadata, signature, request bodies. Everything a retry sends again, byte for byte.
//! In: a delivery. Out: [`Prepared`], or why it cannot be. Runs on a blocking thread; holds one document at a time.
//! Source: dmp-xds.md §2.3, §2.7, §6, §9.3.

use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::{
    DocumentSubmission, DocumentUniqueId, Finding, Oid, Operation, Place, QualifiedIdentity, Severity,
    SubmittedDocument,
};
use jonction_ports::{BodyError, Delivery, IndexKey, KeyKind, Outcome, Piece, Prepared, Tools};
use jonction_soap::lot_signature::{self, DocumentDigest, LotSignature, SignedDocument};
use jonction_xds::{
    BuildRequest, ContentFacts, Defaults, DeletionTarget, Identifiers, Profile, build,
    build::symbolic_id,
    build_deletion,
    ebrim::{self, DocumentContent, DocumentPart, ProvideAndRegister},
    signature,
};

use crate::{
    codes::Reason,
    links::insertion_point,
    lot::{DocumentIds, LotIds, RequestIds, draw_oid},
    sink::DmpSink,
    speaker::{Speaker, specialty},
};

pub(crate) fn prepare(sink: &DmpSink, delivery: &Delivery, tools: &Tools) -> Result<Prepared, Outcome> {
    let Some(submission) = delivery.shape.as_submission() else {
        let finding = Finding::error("dmp.not-a-submission", "cet envoi ne porte pas de document");
        return Err(Outcome::Park { finding });
    };
    let identity = sink.gate(submission).map_err(|(finding, code)| Outcome::Refuse { finding, code })?;
    let speaker = Speaker::of(submission, &sink.settings)
        .map_err(|finding| refuse(sink, Reason::Structure, finding))?;
    let lot = Lot {
        sink,
        tools,
        identity: &identity,
        // The author of the set is who the VIHF will name, whatever the message says.
        submission: DocumentSubmission { sender: Some(speaker.sender), ..submission.clone() },
        defaults: Defaults {
            sender_specialty: Some(specialty()),
            facility_type: Some(sink.settings.sector.clone()),
            ..Defaults::default()
        },
        now: tools.clock.now(),
    };
    let mut prepared = match submission.operation {
        Operation::Submit | Operation::Replace => lot.feeding()?,
        Operation::Delete => lot.deletion()?,
    };
    let patient = identity.ins().ins.expose().to_owned();
    prepared.keys.push(IndexKey { kind: KeyKind::Patient, value: patient });
    let documents = submission.documents.iter();
    prepared.keys.extend(
        documents.map(|document| IndexKey { kind: KeyKind::Document, value: document.unique_id.to_xds() }),
    );
    Ok(prepared)
}

/// A lot being made.
struct Lot<'a> {
    sink: &'a DmpSink,
    tools: &'a Tools,
    identity: &'a QualifiedIdentity,
    submission: DocumentSubmission,
    defaults: Defaults,
    now: Timestamp,
}

/// What is known of the bytes of a document once they were read.
struct Read {
    facts: ContentFacts,
    signed: SignedDocument,
}

impl Lot<'_> {
    /// TD2.1: body, signature, documents.
    fn feeding(&self) -> Result<Prepared, Outcome> {
        let read = self.read_documents()?;
        let identifiers = self.identifiers();
        let contents: Vec<_> = read.iter().map(|read| read.facts.clone()).collect();
        let (mut submission, findings) = build(&self.request(&identifiers, &self.submission, &contents));
        self.refuse_errors(findings)?;
        let signed: Vec<_> = read.into_iter().map(|read| read.signed).collect();
        let signature = self.sign(&identifiers, &signed)?;
        let signature_oid = self.draw();
        submission.add_signature(signature::signature_entry(&submission, &signature_oid, self.now));
        let set = identifiers.set_unique_id.as_str();
        let parts = submission.entries.iter().map(|entry| DocumentPart {
            id: entry.id.clone(),
            content: DocumentContent::Xop(content_id(&entry.id, set)),
        });
        let documents = parts.collect();
        let body = ebrim::write_provide_and_register(&ProvideAndRegister { submission, documents });
        let request = RequestIds {
            submission_set: set.to_owned(),
            insert_at: self.insertion_point(&body)?,
            documents: self
                .submission
                .documents
                .iter()
                .zip(&contents)
                .enumerate()
                .map(|(at, (document, facts))| self.document_ids(at, document, facts.size))
                .collect(),
            signature_bytes: Some(signature.len() as u64),
        };
        let mut pieces = vec![Piece::New(body.into()), Piece::New(signature)];
        pieces
            .extend(self.submission.documents.iter().map(|document| Piece::Stored(document.content.clone())));
        self.prepared(vec![request], pieces)
    }

    /// TD3.3c: one body per document, because one may already be gone and the others not.
    fn deletion(&self) -> Result<Prepared, Outcome> {
        let (mut requests, mut pieces) = (Vec::new(), Vec::new());
        for (at, document) in self.submission.documents.iter().enumerate() {
            let one = DocumentSubmission { documents: vec![document.clone()], ..self.submission.clone() };
            let identifiers = self.identifiers();
            let no_target: &[DeletionTarget] = &[];
            let (submission, findings) = build_deletion(&self.request(&identifiers, &one, &[]), no_target);
            self.refuse_errors(findings)?;
            let body = ebrim::write_submit_objects(&submission);
            requests.push(RequestIds {
                submission_set: identifiers.set_unique_id.as_str().to_owned(),
                insert_at: self.insertion_point(&body)?,
                documents: vec![self.document_ids(at, document, 0)],
                signature_bytes: None,
            });
            pieces.push(Piece::New(body.into()));
        }
        self.prepared(requests, pieces)
    }

    fn prepared(&self, requests: Vec<RequestIds>, pieces: Vec<Piece>) -> Result<Prepared, Outcome> {
        let sets = requests
            .iter()
            .map(|request| IndexKey { kind: KeyKind::SubmissionSet, value: request.submission_set.clone() });
        let keys = sets.collect();
        let ids =
            serde_json::to_value(LotIds::new(self.submission.operation, requests)).map_err(|_| bug())?;
        Ok(Prepared { ids, pieces, keys })
    }

    fn request<'b>(
        &'b self,
        identifiers: &'b Identifiers,
        submission: &'b DocumentSubmission,
        contents: &'b [ContentFacts],
    ) -> BuildRequest<'b> {
        BuildRequest {
            submission,
            identifiers,
            contents,
            profile: Profile::Dmp(self.identity),
            defaults: &self.defaults,
        }
    }

    fn identifiers(&self) -> Identifiers {
        Identifiers::new(self.draw(), self.sink.settings.source_id.clone(), self.now)
    }

    fn draw(&self) -> Oid {
        draw_oid(&self.sink.settings, &*self.tools.entropy, self.now)
    }

    fn document_ids(&self, at: usize, document: &SubmittedDocument, bytes: u64) -> DocumentIds {
        let replaced = document.replaces.as_ref().filter(|_| self.submission.operation == Operation::Replace);
        DocumentIds {
            symbol: symbolic_id(at),
            unique_id: document.unique_id.to_xds(),
            replaces: replaced.map(|replaced| replaced.to_xds()),
            bytes,
        }
    }

    /// Reads each document once, one after the other: its length, its SHA-1 for the registry, its digest to sign.
    fn read_documents(&self) -> Result<Vec<Read>, Outcome> {
        let mut left = self.sink.settings.limits.lot_bytes_max;
        let mut read = Vec::with_capacity(self.submission.documents.len());
        for (at, document) in self.submission.documents.iter().enumerate() {
            let bytes = self
                .tools
                .bodies
                .read(&document.content, left)
                .map_err(|error| self.unreadable(at, error))?;
            left -= bytes.len() as u64;
            let digest = DocumentDigest::of_xml(&bytes).map_err(|error| self.not_xml(at, &error))?;
            let signed = SignedDocument { unique_id: document.unique_id.clone(), digest };
            read.push(Read { facts: ContentFacts::of(&bytes), signed });
        }
        Ok(read)
    }

    fn unreadable(&self, at: usize, error: BodyError) -> Outcome {
        let place = Place::path(format!("document {}", at + 1));
        match error {
            BodyError::TooLong { .. } => {
                let limit = self.sink.settings.limits.lot_bytes_max;
                let finding = Finding::error("dmp.too-large", format!("le lot dépasse {limit} octets"))
                    .at(place)
                    .remedy("réduire le document, ou relever « size_max » si le DMP l'accepte");
                refuse(self.sink, Reason::TooLarge, finding)
            }
            BodyError::NotBase64 { .. } => {
                let finding = Finding::error("dmp.not-base64", "le document n'est pas du base64 lisible")
                    .at(place)
                    .remedy("faire corriger l'encodage du document par l'émetteur");
                refuse(self.sink, Reason::Content, finding)
            }
            error => Outcome::Retry {
                after: None,
                finding: Finding::error(
                    "dmp.body-unreadable",
                    format!("le document stocké ne peut pas être lu ({error})"),
                )
                .at(place)
                .remedy("vérifier le dossier des données de la passerelle"),
            },
        }
    }

    fn not_xml(&self, at: usize, error: &jonction_soap::Error) -> Outcome {
        let finding = Finding::error(
            "dmp.document-not-xml",
            format!("le document n'est pas du XML que l'on puisse signer ({error})"),
        )
        .at(Place::path(format!("document {}", at + 1)))
        .remedy("faire corriger le document CDA par l'émetteur : XML bien formé, UTF-8, sans DOCTYPE")
        .requirement("dmp-xds.md §6");
        refuse(self.sink, Reason::Content, finding)
    }

    fn sign(&self, identifiers: &Identifiers, documents: &[SignedDocument]) -> Result<Bytes, Outcome> {
        let seal = self.sink.seal.current();
        if let Some(finding) = unusable(&seal, self.now) {
            // Nothing is made yet: it waits for its certificate, in order, and nobody has to release it.
            return Err(Outcome::Retry { after: None, finding });
        }
        let lot = LotSignature {
            id: &format!("_{}", self.tools.entropy.uuid()),
            submission_set: &DocumentUniqueId::root(identifiers.set_unique_id.as_str()),
            documents,
            signing_time: self.now,
            // The signer's certificate alone, as the newest client seen does (§6).
            with_chain: false,
        };
        lot_signature::build(&lot, &seal).map_err(|error| {
            let finding = Finding::error(error.code(), format!("le lot ne peut pas être signé ({error})"))
                .remedy("vérifier le certificat ORG SIGN (« seal »)");
            Outcome::Park { finding }
        })
    }

    /// Metadata the DMP cannot take: told to the sender, all of it in the sentence of the first.
    fn refuse_errors(&self, findings: Vec<Finding>) -> Result<(), Outcome> {
        let mut errors = findings.into_iter().filter(|finding| finding.severity == Severity::Error);
        let Some(mut first) = errors.next() else { return Ok(()) };
        let others: Vec<_> = errors.map(|error| error.sentence).collect();
        if !others.is_empty() {
            first.sentence = format!("{} (et aussi : {})", first.sentence, others.join(" ; "));
        }
        Err(refuse(self.sink, Reason::Metadata, first))
    }

    fn insertion_point(&self, body: &str) -> Result<usize, Outcome> {
        insertion_point(body.as_bytes()).ok_or_else(bug)
    }
}

/// Why a seal cannot sign now.
pub(crate) fn unusable(
    seal: &jonction_soap::certificate::SigningIdentity,
    now: Timestamp,
) -> Option<Finding> {
    let (code, sentence) = if now > seal.not_after() {
        ("dmp.seal-expired", "le certificat de signature (ORG SIGN) est expiré")
    } else if now < seal.not_before() {
        ("dmp.seal-not-yet-valid", "le certificat de signature (ORG SIGN) n'est pas encore valide")
    } else {
        return None;
    };
    Some(
        Finding::error(code, sentence)
            .remedy("renouveler le certificat « seal » du partenaire, et vérifier l'heure"),
    )
}

/// Content-ID of a part: unique over lots, so that two requests in one capture cannot be mixed up.
pub(crate) fn content_id(symbol: &str, submission_set: &str) -> String {
    format!("{symbol}.{submission_set}@jonction")
}

fn refuse(sink: &DmpSink, reason: Reason, finding: Finding) -> Outcome {
    Outcome::Refuse { finding, code: sink.settings.codes.of(reason) }
}

fn bug() -> Outcome {
    let finding =
        Finding::error("dmp.lot-not-made", "anomalie de la passerelle : le lot n'a pas pu être écrit")
            .remedy("conserver le message et prévenir le support");
    Outcome::Park { finding }
}
