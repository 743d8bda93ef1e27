//! One attempt: the stored pieces of a mail, streamed to the operator.
//! In: a delivery, its artefact. Out: an attempt report. Source: mssante.md §2.8, §2.9, architecture §4.3.

use std::{io::Read as _, sync::Arc};

use bytes::Bytes;
use jonction_model::{ContentRef, MssAddress, Shape};
use jonction_ports::{Artefact, AttemptReport, Bodies, BodyError, Delivery, Tools};
use tokio::sync::mpsc;

use super::{MailFacts, MssanteSink, index_of, no_longer_ours, not_ours, notice, outcome};
use crate::{
    client::Pieces,
    session::{Envelope, Notify},
};

impl MssanteSink {
    pub(super) async fn send(
        &self,
        delivery: &Delivery,
        artefact: &Artefact,
        tools: &Tools,
    ) -> AttemptReport {
        let nothing_sent =
            |outcome| AttemptReport { outcome, peer: None, code: None, bytes_sent: 0, notes: Vec::new() };
        let facts: Option<MailFacts> = serde_json::from_value(artefact.ids.clone()).ok();
        let (Some(facts), Some((address, notify))) = (facts, self.envelope(delivery)) else {
            return nothing_sent(not_ours());
        };
        // The mailbox it was prepared for is no longer ours: a change of settings, for a human to settle.
        let Some(client) = self.clients.get(&facts.from) else { return nothing_sent(no_longer_ours()) };
        let envelope = Envelope {
            from: facts.from,
            to: vec![address],
            size: facts.size,
            envelope_id: facts.envelope_id,
            notify: notify.filter(|notify| self.settings.dsn || *notify == Notify::Nothing),
        };
        let pieces = artefact.pieces.clone();
        let bodies = tools.bodies.clone();
        let sending = client.send(envelope, move || read_pieces(bodies, pieces)).await;
        let (outcome, code) = outcome::of(&sending, &delivery.part.label, &self.settings.host);
        AttemptReport {
            outcome,
            peer: Some(client.endpoint().to_string()),
            code,
            bytes_sent: sending.bytes_sent,
            // What was noted while preparing is told once.
            notes: if delivery.attempt == 1 { facts.notes } else { Vec::new() },
        }
    }
}

impl MssanteSink {
    /// Whom a delivery goes to, and which notices are asked for it.
    fn envelope(&self, delivery: &Delivery) -> Option<(MssAddress, Option<Notify>)> {
        if let Shape::MessageOutcome(outcome) = &*delivery.shape {
            return Some((notice::asked_to(outcome)?.clone(), Some(Notify::Nothing)));
        }
        let submission = delivery.shape.as_submission()?;
        let recipient = submission.recipients.get(index_of(&delivery.part)?)?;
        let notify = if submission.wants.delivery_reports { Notify::All } else { Notify::Problems };
        Some((recipient.address.clone()?, Some(notify)))
    }
}

/// Bytes of one read from the store.
const PIECE_BYTES: usize = 64 << 10;

/// Reads pieces on a blocking thread, two reads ahead of the wire at most.
fn read_pieces(bodies: Arc<dyn Bodies>, pieces: Vec<ContentRef>) -> Pieces {
    let (sender, receiver) = mpsc::channel(2);
    tokio::task::spawn_blocking(move || {
        for piece in &pieces {
            if let Err(error) = read_piece(bodies.as_ref(), piece, &sender) {
                // Nobody listens any more: the connection is gone, and so is the interest in this error.
                let _ = sender.blocking_send(Err(error));
                return;
            }
        }
    });
    receiver
}

fn read_piece(
    bodies: &dyn Bodies,
    piece: &ContentRef,
    sender: &mpsc::Sender<Result<Bytes, BodyError>>,
) -> Result<(), BodyError> {
    let mut reader = bodies.open(piece)?;
    loop {
        let mut buffer = vec![0; PIECE_BYTES];
        let read = reader.read(&mut buffer)?;
        buffer.truncate(read);
        if read == 0 || sender.blocking_send(Ok(buffer.into())).is_err() {
            return Ok(());
        }
    }
}
