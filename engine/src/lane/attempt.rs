//! One delivery, once: load, prepare if it never was, mark the attempt durably, attempt, journal what it did.
//! In: a claimed delivery. Out: one committed ending. Source: architecture §4.3.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use jonction_model::{BodyId, ContentRef, Finding, Shape};
use jonction_ports::{
    Artefact, AttemptReport, BodyError, Delivery, DeliveryId, Due, Outcome, Part, Piece, Prepared,
};
use tokio::{task::JoinSet, time::Instant};

use super::{Lane, PAUSE, ending};
use crate::{
    error::Error,
    journal::{Applied, Change, DeliveryState, Journal, Millis, NewArtefact, Start, StoredDelivery},
    patience::Asked,
    router::panicked,
    routing::{damage, row_damaged, unreadable},
    shared::blocking,
};

/// Shapes and parts hold no document, only what is said of them.
const JSON_BYTES_MAX: u64 = 16 << 20;

/// A delivery with what it carries.
pub(crate) struct Loaded {
    pub(crate) stored: StoredDelivery,
    /// `None`: it cannot be read any more.
    pub(super) shape: Option<Arc<Shape>>,
    pub(crate) part: Part,
}

impl Loaded {
    /// What it carries, if it can be read.
    pub(crate) fn shape(&self) -> Option<&Shape> {
        self.shape.as_deref()
    }
}

/// What happened to an attempt, before it is journaled.
pub(super) struct Attempted {
    pub(super) report: AttemptReport,
    pub(super) ids: serde_json::Value,
    pub(super) began: Instant,
    /// A byte may have left.
    pub(super) started: bool,
    /// Nobody knows whether the partner took it.
    pub(super) unknown: bool,
}

/// Delivers. A failure of the journal leaves the delivery as it stands in the journal, and pauses this place of the lane.
pub(super) async fn deliver(lane: Arc<Lane>, id: DeliveryId) {
    let working = lane.shared.working();
    let patience = &lane.shared.patience;
    let asked = Asked::Delivery(id);
    let Err(error) = try_deliver(&lane, id, patience.is_over(asked)).await else {
        patience.forget(asked);
        return;
    };
    drop(working);
    tracing::error!(lane = lane.name.as_str(), delivery = id.0, error_code = error.code(), %error, "delivery paused");
    let pause = if matches!(error, Error::BodyUnreadable(_)) { patience.failed(asked) } else { PAUSE };
    tokio::time::sleep(pause).await;
}

/// `given_up`: what the disk does not give now waits for a human.
async fn try_deliver(lane: &Arc<Lane>, id: DeliveryId, given_up: bool) -> Result<(), Error> {
    let began = Instant::now();
    let owned = lane.clone();
    let loaded = blocking(move || load_any(&*owned.shared.journal, id, given_up))
        .await
        .map_err(|_| lost("load"))??;
    let Some((loaded, unreadable)) = loaded else { return Err(lost("find")) };
    // Refused by hand since it was claimed.
    if loaded.stored.state >= DeliveryState::Sending {
        return Ok(());
    }
    if let Some(until) = leaves_later(lane, &loaded.stored) {
        lane.shared.commit_one(Change::Postpone { delivery: id, until }).await?;
        return Ok(());
    }
    let loaded = Arc::new(loaded);
    let nothing_sent = |outcome| Attempted {
        report: AttemptReport { outcome, peer: None, code: None, bytes_sent: 0, notes: Vec::new() },
        ids: serde_json::Value::Null,
        began,
        started: false,
        unknown: false,
    };
    let shape = match (&loaded.shape, unreadable) {
        (Some(shape), None) => shape.clone(),
        (_, finding) => {
            let finding = finding.unwrap_or_else(|| panicked("ce qui devait être envoyé ne se relit pas"));
            return ending::finish(lane, &loaded, nothing_sent(Outcome::Park { finding })).await;
        }
    };
    let (owned, subject) = (lane.clone(), loaded.clone());
    let first = delivery(&loaded, &shape, 1);
    let ready = blocking(move || make_ready(&owned, &subject.stored, &first, given_up)).await;
    let (artefact, prepared) = match ready {
        Ok(Ok(Ok(ready))) => ready,
        Ok(Ok(Err(outcome))) => return ending::finish(lane, &loaded, nothing_sent(outcome)).await,
        Ok(Err(error)) => return Err(error),
        Err(_) => {
            let finding = panicked("le connecteur a échoué de façon imprévue en préparant cet envoi");
            return ending::finish(lane, &loaded, nothing_sent(Outcome::Park { finding })).await;
        }
    };
    let start = Start { delivery: id, at: lane.shared.now(), prepared };
    let (answer, _) = lane.shared.commit_one(Change::Start(Box::new(start))).await?;
    let Applied::Done(number) = answer else { return Ok(()) };
    let ids = artefact.ids.clone();
    let (report, unknown) = attempt(lane, delivery(&loaded, &shape, number), artefact).await;
    ending::finish(lane, &loaded, Attempted { report, ids, began, started: true, unknown }).await
}

/// When a delivery may leave by the delay and the hours of its route; `None`: now. A report leaves at once.
fn leaves_later(lane: &Lane, stored: &StoredDelivery) -> Option<Millis> {
    let binding = lane.plan.binding(&stored.route, &stored.sink).filter(|_| !stored.is_report)?;
    let now = lane.shared.clock.now();
    let received = Timestamp::from_millisecond(stored.received_at).unwrap_or(now);
    let first = binding.departure.first(received, now);
    (first > now).then(|| first.as_millisecond())
}

fn lost(what: &str) -> Error {
    Error::Inconsistent(format!("{what} a delivery"))
}

/// Reads a delivery. A body that cannot be trusted any more (or read, once that is `given_up`) gives a finding, and a story
/// that can still be told.
pub(crate) fn load_any(
    journal: &dyn Journal,
    id: DeliveryId,
    given_up: bool,
) -> Result<Option<(Loaded, Option<Finding>)>, Error> {
    let Some(stored) = journal.delivery(id)? else { return Ok(None) };
    let shape = read_json::<Shape>(journal, &stored.shape, given_up)?;
    let part = read_json::<Part>(journal, &stored.part, given_up)?;
    // It is never prepared again: what was sent before might differ from what would be sent now.
    let damaged = stored.damaged.then(row_damaged);
    let finding = damaged.or_else(|| shape.as_ref().err().or(part.as_ref().err()).cloned());
    let (shape, part) = (shape.ok().map(Arc::new), part.unwrap_or_else(|_| unreadable_part()));
    Ok(Some((Loaded { stored, shape, part }, finding)))
}

/// A finding: the body is damaged, missing, out of reach for too long, or of another form than ours.
pub(super) fn read_json<T: serde::de::DeserializeOwned>(
    journal: &dyn Journal,
    content: &ContentRef,
    given_up: bool,
) -> Result<Result<T, Finding>, Error> {
    let unknown = || panicked("ce qui devait être envoyé ne se relit pas");
    Ok(match journal.read(content, JSON_BYTES_MAX) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| unknown()),
        Err(BodyError::Io(error)) if !given_up => return Err(Error::BodyUnreadable(error)),
        Err(BodyError::Io(_)) => Err(unreadable()),
        Err(_) => Err(damage(journal, content.body, given_up)?.unwrap_or_else(unknown)),
    })
}

fn unreadable_part() -> Part {
    Part {
        key: "?".to_owned(),
        label: "(corps illisible)".to_owned(),
        ordering: None,
        mailbox: None,
        due: Due::Owed,
    }
}

/// What is sent, and whether it must be stored first.
type Ready = (Artefact, Option<NewArtefact>);

/// Prepares a delivery, once; every later attempt gets the stored bytes. Everything it will send is verified first.
fn make_ready(
    lane: &Lane,
    stored: &StoredDelivery,
    delivery: &Delivery,
    given_up: bool,
) -> Result<Result<Ready, Outcome>, Error> {
    let journal = &*lane.shared.journal;
    let (artefact, prepared) = match &stored.artefact {
        Some(artefact) => (artefact.clone(), None),
        None => match lane.sink.prepare(delivery, &lane.shared.tools()) {
            Ok(prepared) => {
                let awaits = lane.sink.awaits(&delivery.shape, &delivery.part);
                let new = NewArtefact { awaits, ..store(lane, prepared)? };
                (new.artefact.clone(), Some(new))
            }
            Err(outcome) => return Ok(Err(outcome)),
        },
    };
    for piece in &artefact.pieces {
        let is_new = prepared
            .as_ref()
            .is_some_and(|prepared| prepared.bodies.iter().any(|body| body.id == piece.body));
        if !is_new && let Some(finding) = damage(journal, piece.body, given_up)? {
            return Ok(Err(Outcome::Park { finding }));
        }
    }
    Ok(Ok((artefact, prepared)))
}

fn store(lane: &Lane, prepared: Prepared) -> Result<NewArtefact, Error> {
    let mut bodies = Vec::new();
    let mut pieces = Vec::with_capacity(prepared.pieces.len());
    let mut keep = |id, bytes| {
        let body = lane.shared.journal.keep_as(id, bytes)?;
        let content = ContentRef::whole(body.id, body.length);
        bodies.push(body);
        Ok::<_, Error>(content)
    };
    for piece in prepared.pieces {
        pieces.push(match piece {
            Piece::Stored(content) => content,
            Piece::New(bytes) => keep(BodyId::of(&bytes), bytes)?,
            Piece::Shared { id, bytes } => keep(id, bytes)?,
        });
    }
    let hasher = &lane.shared.hasher;
    let keys = prepared.keys.iter().map(|key| (key.kind, hasher.key(key.kind, &key.value))).collect();
    Ok(NewArtefact { artefact: Artefact { ids: prepared.ids, pieces }, bodies, keys, awaits: Vec::new() })
}

fn delivery(loaded: &Loaded, shape: &Arc<Shape>, attempt: u32) -> Delivery {
    let stored = &loaded.stored;
    Delivery {
        id: stored.id,
        message: stored.message,
        route: stored.route.clone(),
        sink: stored.sink.clone(),
        shape: shape.clone(),
        part: loaded.part.clone(),
        attempt,
        after_unknown: stored.after_unknown,
        received_at: jiff::Timestamp::from_millisecond(stored.received_at)
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH),
    }
}

/// Runs the attempt in a task of its own: a panic is caught, a stop that exceeds its grace drops it.
/// Out: what it did, and whether its outcome is unknown.
async fn attempt(lane: &Arc<Lane>, delivery: Delivery, artefact: Artefact) -> (AttemptReport, bool) {
    let owned = lane.clone();
    let mut task = JoinSet::new();
    task.spawn(async move {
        let tools = owned.shared.tools();
        owned.sink.attempt(&delivery, &artefact, &tools).await
    });
    let outcome = match tokio::time::timeout(lane.settings.attempt_max, task.join_next()).await {
        Ok(Some(Ok(report))) => {
            let unknown = matches!(report.outcome, Outcome::Unknown { .. });
            return (report, unknown);
        }
        // The bytes may have left: once released by a human, the sink probes first.
        Ok(_) => Outcome::Park {
            finding: panicked(
                "le connecteur a échoué de façon imprévue pendant cet envoi, dont l'issue est inconnue",
            ),
        },
        Err(_) => Outcome::Unknown { finding: too_long(lane.settings.attempt_max) },
    };
    (AttemptReport { outcome, peer: None, code: None, bytes_sent: 0, notes: Vec::new() }, true)
}

fn too_long(after: Duration) -> Finding {
    let sentence = format!(
        "aucune réponse après {} s : l'envoi est interrompu, son issue est inconnue",
        after.as_secs()
    );
    Finding::error("engine.attempt-too-long", sentence).remedy(
        "vérifier le partenaire (jonction probe) ; la limite est « attempt_max » dans son bloc « lane »",
    )
}
