//! The way in: a judged message becomes durable, then its sender may be answered.
//! In: an [`Arrival`]. Out: a [`Receipt`], after the fsync and never before. Repeats are recognised inside the commit.
//! Source: architecture §4.1, decisions 0003, 0005, 0013.

use std::sync::Arc;

use bytes::Bytes;
use jonction_model::Severity;
use jonction_ports::{Arrival, BodyError, BoxFuture, Intake, IntakeError, RawBody, Receipt, Spool};
use tokio::time::Instant;

use crate::{
    error::Error,
    event::{Event, Verdict},
    journal::{Applied, Arrive, Change, NewBody, RepeatKey},
    shared::{Shared, blocking},
    spool::EngineSpool,
};

/// A stored answer is an acknowledgement: nothing of this size is one.
const REPLY_BYTES_MAX: u64 = 1 << 20;

/// The engine, seen by sources.
pub(crate) struct EngineIntake(pub(crate) Arc<Shared>);

impl Intake for EngineIntake {
    fn submit(&self, arrival: Arrival) -> BoxFuture<'_, Result<Receipt, IntakeError>> {
        Box::pin(async move {
            if self.0.is_stopping() {
                return Err(IntakeError::Stopping);
            }
            submit(&self.0, arrival).await.map_err(|error| match error {
                Error::Stopping | Error::Closed => IntakeError::Stopping,
                error => IntakeError::Journal(error.to_string()),
            })
        })
    }

    fn spool(&self) -> Box<dyn Spool> {
        Box::new(EngineSpool::new(self.0.clone()))
    }
}

async fn submit(shared: &Arc<Shared>, arrival: Arrival) -> Result<Receipt, Error> {
    let working = shared.working();
    let began = Instant::now();
    let received_at = arrival.received_at;
    let partner = arrival.partner.clone();
    let kind = arrival.admitted.facts.kind.clone();
    let control_id = arrival.admitted.facts.control_id.as_ref().map(ToString::to_string);
    let bytes = arrival.raw.length();
    let mut findings: Vec<_> = arrival
        .admitted
        .findings
        .iter()
        .filter(|finding| !arrival.admitted.accepted && finding.severity == Severity::Error)
        .cloned()
        .collect();
    let (reply, conflict_reply) = (arrival.reply.clone(), arrival.conflict_reply.clone());
    let arrive = to_change(shared, arrival).await?;
    let (answer, took) = shared.commit_one(Change::Arrive(Box::new(arrive))).await?;
    let (message, verdict, receipt) = match answer {
        Applied::Accepted { message, .. } => {
            shared.router.notify_one();
            (message, Verdict::Accepted, Receipt { message, reply, repeated: false })
        }
        Applied::Refused { message, reused } => {
            let reply = if reused { conflict_reply.unwrap_or(reply) } else { reply };
            if reused {
                findings = vec![crate::journal::sqlite::control_id_reused(false)];
            }
            (message, Verdict::Refused, Receipt { message, reply, repeated: false })
        }
        Applied::Repeated { message, reply: first } => {
            let journal = shared.journal.clone();
            let stored = blocking(move || journal.read(&first, REPLY_BYTES_MAX)).await;
            let reply = match stored {
                Ok(Ok(reply)) => reply,
                // Damaged: the sender must not ask for ever. The same bytes were judged again, by the same rules.
                Ok(Err(BodyError::Missing(_) | BodyError::Damaged(_))) => reply,
                Ok(Err(error)) => return Err(Error::Inconsistent(format!("stored reply: {error}"))),
                Err(_) => return Err(Error::Inconsistent("stored reply".to_owned())),
            };
            (message, Verdict::Repeated, Receipt { message, reply, repeated: true })
        }
        Applied::Done(_)
        | Applied::Ordered(_)
        | Applied::Destroyed(..)
        | Applied::Skipped
        | Applied::Filtered { .. }
        | Applied::Barred => {
            return Err(Error::Inconsistent("answer to an arrival".to_owned()));
        }
    };
    let elapsed = began.elapsed();
    tracing::debug!(
        partner = partner.as_str(),
        message_id = message.0,
        bytes,
        commit_us = took.as_micros() as u64,
        ?verdict,
        "message journaled"
    );
    shared.say(Event::Message {
        message,
        partner,
        kind,
        control_id,
        bytes,
        received_at,
        elapsed,
        verdict,
        findings,
    });
    drop(working);
    Ok(receipt)
}

async fn to_change(shared: &Arc<Shared>, arrival: Arrival) -> Result<Arrive, Error> {
    let conflict_reply = match arrival.conflict_reply {
        Some(reply) => Some(keep(shared, reply).await?),
        None => None,
    };
    let repeat = arrival.admitted.repeat.map(|repeat| RepeatKey {
        // Two partners are never mistaken for each other, whatever they write in their messages.
        key: shared.hasher.repeat(&format!("{}\0{}", arrival.partner, repeat.key)),
        digest: repeat.digest,
    });
    Ok(Arrive {
        partner: arrival.partner,
        peer: arrival.peer.address.to_string(),
        received_at: arrival.received_at.as_millisecond(),
        facts: arrival.admitted.facts,
        findings: arrival.admitted.findings,
        accepted: arrival.admitted.accepted,
        raw: match arrival.raw {
            RawBody::Whole(bytes) => keep(shared, bytes).await?,
            RawBody::Kept(content) => shared.journal.kept(&content),
        },
        reply: keep(shared, arrival.reply).await?,
        conflict_reply,
        repeat,
    })
}

/// Hashes a body; a large one is written and fsynced on a blocking thread, beside the commits of the others.
async fn keep(shared: &Arc<Shared>, bytes: Bytes) -> Result<NewBody, Error> {
    if (bytes.len() as u64) < shared.settings.limits.body_file_bytes {
        return shared.journal.keep(bytes);
    }
    let journal = shared.journal.clone();
    blocking(move || journal.keep(bytes)).await.map_err(|_| Error::Inconsistent("body".to_owned()))?
}
