//! What a message owed before it was corrected: which part of the corrected message each delivery was.
//! In: the stored deliveries of the message, the shapes it carries now. Out: for a part, those of the same one, or that it
//! is over. A part is known again by its mailbox, else by its key, and by its documents: recipients and documents may be
//! written in another order. Where nobody could tell, a human decides: nothing is lost, nothing leaves twice.

use std::collections::BTreeSet;

use jonction_model::{Finding, PartnerName, Shape};
use jonction_ports::{DeliveryId, MessageId, Part};

use crate::{
    error::Error,
    journal::{DeliveryState, Journal},
    lane::load_any,
};

/// One delivery of an earlier edition.
struct Known {
    id: DeliveryId,
    sink: PartnerName,
    state: DeliveryState,
    part: Part,
    documents: BTreeSet<String>,
}

/// Deliveries of earlier editions; none for a message that is as it came.
#[derive(Default)]
pub(crate) struct Earlier {
    known: Vec<Known>,
    /// Documents of the message as it is now.
    documents: BTreeSet<String>,
}

/// What is known of a part.
pub(crate) enum Before {
    /// It was delivered, or refused for good: it is not owed again.
    Over,
    /// It may not have left: the journal decides, in its transaction. Usually none.
    Open(Vec<DeliveryId>),
    /// It is one that is over, or one that is not.
    Unclear(Finding),
}

impl Earlier {
    /// Reads them. A part that cannot be read any more gives a finding: what was sent might be sent twice.
    pub(crate) fn of(
        journal: &dyn Journal,
        message: MessageId,
        given_up: bool,
    ) -> Result<Result<Self, Finding>, Error> {
        let mut known = Vec::new();
        for id in journal.owed(message)? {
            let Some((loaded, unreadable)) = load_any(journal, id, given_up)? else { continue };
            if loaded.stored.state == DeliveryState::Replaced {
                continue;
            }
            if let Some(finding) = unreadable {
                return Ok(Err(finding));
            }
            known.push(Known {
                id,
                documents: loaded.shape().map(documents).unwrap_or_default(),
                sink: loaded.stored.sink,
                state: loaded.stored.state,
                part: loaded.part,
            });
        }
        Ok(Ok(Self { known, documents: BTreeSet::new() }))
    }

    /// The message carries these shapes now.
    pub(crate) fn carrying<'s>(mut self, shapes: impl Iterator<Item = &'s Shape>) -> Self {
        self.documents = shapes.flat_map(documents).collect();
        self
    }

    pub(crate) fn before(&self, sink: &PartnerName, part: &Part, shape: &Shape) -> Before {
        let now = documents(shape);
        let same: Vec<&Known> =
            self.known.iter().filter(|known| known.sink == *sink && is_same(&known.part, part)).collect();
        let shared: Vec<&Known> =
            same.iter().copied().filter(|known| !known.documents.is_disjoint(&now)).collect();
        // None has a document of this one: it is one whose documents are gone, under another identifier.
        let gone = same.into_iter().filter(|known| known.documents.is_disjoint(&self.documents)).collect();
        let known = if shared.is_empty() { gone } else { shared };
        let is_over =
            |known: &&Known| matches!(known.state, DeliveryState::Delivered | DeliveryState::Refused);
        match known.iter().filter(|known| is_over(known)).count() {
            0 => Before::Open(known.iter().map(|known| known.id).collect()),
            over if over == known.len() => Before::Over,
            _ => Before::Unclear(unclear()),
        }
    }
}

fn documents(shape: &Shape) -> BTreeSet<String> {
    let submission = shape.as_submission();
    submission.iter().flat_map(|one| &one.documents).map(|document| document.unique_id.to_xds()).collect()
}

fn is_same(one: &Part, other: &Part) -> bool {
    match (&one.mailbox, &other.mailbox) {
        (Some(one), Some(other)) => one.trim().eq_ignore_ascii_case(other.trim()),
        _ => one.key == other.key,
    }
}

fn unclear() -> Finding {
    Finding::error(
        "engine.correction-unclear",
        "la correction change l'identifiant de plusieurs documents, dont un est déjà parti : nul ne sait lequel",
    )
    .remedy("garder l'identifiant de chaque document, ou n'en changer qu'un (jonction parked resend)")
}
