//! The attachments of a lot: the XDM archive and the PDF copies, the same bytes for every recipient.
//! In: a submission and its stored documents. Out: an attachments block, and what was noted.
//! Source: mssante.md §3.4, §3.5. Identifiers come from the message, so that a lot made twice is made equal.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use jiff::Timestamp;
use jonction_mime::{Attachment, AttachmentBlock, MediaType};
use jonction_model::{
    BodyId, DocumentSubmission, Finding, Masked, Oid, QualifiedIdentity, SubmittedDocument,
};
use jonction_ports::{Bodies, MessageId};
use jonction_xds::{
    BuildRequest, ContentFacts, Defaults, Identifiers, Profile, build,
    xdm::{ArchiveRequest, Origin, write},
};
use uuid::Builder;

use super::names;

/// Attachments of a lot, ready for any recipient.
#[derive(Debug)]
pub(crate) struct Lot {
    pub(crate) block: AttachmentBlock,
    /// Documents that have no PDF copy.
    pub(crate) without_pdf: usize,
    /// What was noted, free of any datum of a person.
    pub(crate) notes: Vec<Finding>,
}

/// Why a lot cannot be made.
#[derive(Debug)]
pub(crate) enum LotError {
    /// A document could not be read from the store.
    Store,
    /// Over a limit.
    TooLarge(u64),
    /// The metadata or the archive cannot be made: errors of the builder.
    Build(Vec<Finding>),
}

/// What a lot is made of.
pub(crate) struct LotRequest<'a> {
    pub(crate) submission: &'a DocumentSubmission,
    pub(crate) identity: Option<&'a QualifiedIdentity>,
    pub(crate) received_at: Timestamp,
    pub(crate) message: MessageId,
    pub(crate) source_id: &'a Oid,
    pub(crate) defaults: &'a Defaults,
    pub(crate) origin: &'a Origin,
    pub(crate) document_bytes_max: u64,
}

impl LotRequest<'_> {
    /// What tells lots apart: the message, and everything attachments are made of. Recipients and texts are no part of it.
    pub(crate) fn key(&self) -> BodyId {
        let s = self.submission;
        let made_of =
            (&s.operation, &s.patient, &s.sender, &s.encounter, &s.documents, &s.visibility, &s.mail.label);
        // Shapes always serialise: the journal stores them so. Were it not so, the message alone would tell lots apart.
        let made_of = serde_json::to_string(&made_of).unwrap_or_default();
        BodyId::of(format!("{} {} {made_of}", self.message, self.received_at).as_bytes())
    }

    pub(crate) fn make(&self, bodies: &dyn Bodies) -> Result<Lot, LotError> {
        let documents = self.read(bodies)?;
        let (archive, mut notes) = self.archive(&documents)?;
        //= ECO.2.1.1
        let mut attachments = vec![Attachment {
            media_type: MediaType::Zip,
            name: Masked::from("IHE_XDM.zip"),
            content: archive.into(),
        }];
        let (mut used, mut without_pdf) = (Vec::new(), 0);
        for (document, bytes) in self.submission.documents.iter().zip(&documents) {
            match pdf_copy(document, bytes) {
                Some(content) => {
                    let name = names::pdf_name(self.submission, document, &mut used);
                    attachments.push(Attachment { media_type: MediaType::Pdf, name: name.into(), content });
                }
                None => without_pdf += 1,
            }
        }
        if without_pdf > 0 {
            notes.push(
                Finding::warning(
                    "mssante.no-pdf-copy",
                    "un document n'a pas de copie PDF : seul l'archive XDM le porte",
                )
                .remedy("faire porter une copie PDF au document (section 55108-5) par le logiciel émetteur")
                .requirement("ECO.2.1.5"),
            );
        }
        Ok(Lot { block: AttachmentBlock::encode(&attachments, self.key()), without_pdf, notes })
    }

    fn read(&self, bodies: &dyn Bodies) -> Result<Vec<Bytes>, LotError> {
        let limit = self.document_bytes_max;
        let read = |document: &SubmittedDocument| match bodies.read(&document.content, limit) {
            Err(jonction_ports::BodyError::TooLong { .. }) => Err(LotError::TooLarge(limit)),
            other => other.map_err(|_| LotError::Store),
        };
        self.submission.documents.iter().map(read).collect()
    }

    fn archive(&self, documents: &[Bytes]) -> Result<(Vec<u8>, Vec<Finding>), LotError> {
        let contents: Vec<_> = documents.iter().map(|bytes| ContentFacts::of(bytes)).collect();
        let mut seed = [0; 16];
        seed.copy_from_slice(&self.key().as_bytes()[..16]);
        // Version 8 of RFC 9562: our own bits. The same lot made again, by another recipient or after a restart, is the
        // same lot.
        let set_unique_id = Oid::from_uuid(Builder::from_custom_bytes(seed).into_uuid());
        let identifiers = Identifiers::new(set_unique_id, self.source_id.clone(), self.received_at);
        let (lot, findings) = build(&BuildRequest {
            submission: self.submission,
            identifiers: &identifiers,
            contents: &contents,
            profile: Profile::Xdm(self.identity),
            defaults: self.defaults,
        });
        if findings.iter().any(|finding| finding.severity == jonction_model::Severity::Error) {
            return Err(LotError::Build(findings));
        }
        let documents: Vec<&[u8]> = documents.iter().map(AsRef::as_ref).collect();
        let request = ArchiveRequest {
            submission: &lot,
            documents: &documents,
            origin: self.origin,
            time: self.received_at,
        };
        match write(&request) {
            Ok(archive) => Ok((archive, findings)),
            Err(error) => Err(LotError::Build(vec![Finding::error(
                error.code(),
                "l'archive XDM ne peut pas être écrite à partir de ces documents",
            )])),
        }
    }
}

/// The PDF that a document carries: its body, or its embedded copy. Source: mssante.md §3.5.
//= ECO.2.1.5
fn pdf_copy(document: &SubmittedDocument, bytes: &Bytes) -> Option<Bytes> {
    let (_, media_type) = jonction_cda::body::range(&document.kind)?;
    if media_type != "application/pdf" {
        return None;
    }
    let pdf = jonction_cda::body::embedded(bytes, &document.kind, &jonction_cda::Limits::default()).ok()?;
    (!pdf.is_empty()).then(|| pdf.into())
}

/// Lots that other recipients of the same message will ask for: made once, even when they ask at the same time.
/// Bounded: the oldest go first.
#[derive(Default)]
pub(crate) struct LotCache(Mutex<VecDeque<(BodyId, Arc<Slot>)>>);

/// One lot, or the place of one that is being made.
type Slot = Mutex<Option<Arc<Lot>>>;

impl LotCache {
    /// The lot of this key; `make` runs when there is none yet, and the others wait for it.
    pub(crate) fn get_or_make(
        &self,
        key: BodyId,
        lots_max: usize,
        bytes_max: usize,
        make: impl FnOnce() -> Result<Lot, LotError>,
    ) -> Result<Arc<Lot>, LotError> {
        let slot = self.slot(key);
        let mut place = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lot) = &*place {
            return Ok(lot.clone());
        }
        let lot = Arc::new(make()?);
        *place = Some(lot.clone());
        drop(place);
        self.shrink(lots_max, bytes_max);
        Ok(lot)
    }

    fn slot(&self, key: BodyId) -> Arc<Slot> {
        let mut lots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slot)) = lots.iter().find(|(known, _)| *known == key) {
            return slot.clone();
        }
        let slot = Arc::new(Slot::default());
        lots.push_back((key, slot.clone()));
        slot
    }

    fn shrink(&self, lots_max: usize, bytes_max: usize) {
        let mut lots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A lot that is being made weighs nothing yet; its maker comes here afterwards.
        let weight = |slot: &Slot| {
            slot.try_lock().ok().and_then(|lot| lot.as_ref().map(|lot| lot.block.bytes().len())).unwrap_or(0)
        };
        while lots.len() > lots_max || lots.iter().map(|(_, slot)| weight(slot)).sum::<usize>() > bytes_max {
            if lots.pop_front().is_none() {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn lot() -> Lot {
        Lot { block: AttachmentBlock::none(), without_pdf: 0, notes: Vec::new() }
    }

    /// Ten recipients are prepared on ten threads; compressing ten times would cost more than everything else.
    #[test]
    fn a_lot_asked_for_by_ten_recipients_at_once_is_made_once() {
        let (cache, made) = (LotCache::default(), AtomicUsize::new(0));
        let make = || {
            made.fetch_add(1, Ordering::SeqCst);
            Ok(lot())
        };
        std::thread::scope(|scope| {
            for _ in 0..10 {
                scope.spawn(|| cache.get_or_make(BodyId::of(b"lot"), 8, 1 << 20, make).unwrap());
            }
        });
        assert_eq!(made.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn only_so_many_lots_are_kept() {
        let cache = LotCache::default();
        for number in 0..20_u8 {
            cache.get_or_make(BodyId::of(&[number]), 8, 1 << 20, || Ok(lot())).unwrap();
        }
        assert_eq!(cache.0.lock().unwrap().len(), 8);
    }
}
