//! Carrying out an order: what it needs from the journal and the plan is read here, then one change is committed.
//! In: a checked [`Order`]. Out: its audit row, woken lanes, an event. Nothing is done when nothing can be told.

use std::sync::Arc;

use jonction_model::{Finding, ReportCode};
use jonction_ports::{DeliveryId, KeyKind, MessageId};

use super::{
    Act, Author, Order, Ordered, Reason,
    hold::Held,
    recall, resend,
    retention::{LegalSubject, PurgeStep, Purged},
    settle::settle,
};
use crate::{
    backup,
    error::Error,
    event::Event,
    journal::{Applied, Change, Deed, HandRefusal, Key, LegalKey, NewOrder, NewPurge},
    lane::{Ended, Told, load_any, tell},
    shared::{Shared, blocking},
};

/// Carries out an order. Errors: what it names is not in a state that allows it; a reason is missing; the journal failed.
pub(crate) async fn carry_out(shared: &Arc<Shared>, order: Order) -> Result<Ordered, Error> {
    let Order { author, reason, act } = order;
    if act.needs_reason() && reason.is_none() {
        return Err(Error::ReasonMissing(act.word()));
    }
    if let Act::Purge(step) = act {
        return purge(shared, author, reason, step).await;
    }
    // Read before it is told: what cannot be read was not taken out.
    let exported = match &act {
        Act::Export { message } => Some(prepared(shared, *message, resend::export).await?),
        _ => None,
    };
    let deed = deed(shared, &act, reason.as_ref()).await?;
    let change = NewOrder { at: shared.now(), author, reason, deed };
    let (answer, _) = shared.commit_one(Change::Order(Box::new(change))).await?;
    let Applied::Ordered(audit) = answer else { return Err(impossible(&act, &answer)) };
    if matches!(act, Act::Restored { .. }) {
        backup::declared(&*shared.settings.storage.files, &shared.settings.data_dir)?;
    }
    tracing::info!(act = act.word(), audit = audit.count, "order carried out");
    shared.look_again();
    shared.say(Event::Ordered { audit: audit.count, act: act.word() });
    if let Act::Hold { what } | Act::Lift { what } = &act {
        follow(shared, what, matches!(act, Act::Lift { .. })).await;
    }
    Ok(Ordered { exported, ..Ordered::of(audit) })
}

/// Marks what waits, or gives it back. The order is carried out already: what the journal cannot do now is done later.
async fn follow(shared: &Arc<Shared>, what: &Held, lifted: bool) {
    if let Err(error) = settle(shared, &what.key(&shared.hasher), lifted).await {
        tracing::error!(error_code = error.code(), %error, "a hold is settled later");
        shared.holds.notify_one();
    }
}

/// Prepares an order about a message off the runtime's threads.
async fn prepared<T: Send + 'static>(
    shared: &Arc<Shared>,
    message: MessageId,
    prepare: impl FnOnce(&Shared, MessageId) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let owned = shared.clone();
    blocking(move || prepare(&owned, message))
        .await
        .map_err(|_| Error::Inconsistent("prepare an order".to_owned()))?
}

/// The act with everything its change needs.
async fn deed(shared: &Arc<Shared>, act: &Act, reason: Option<&Reason>) -> Result<Deed, Error> {
    Ok(match act {
        Act::Release { delivery } => Deed::Release { delivery: *delivery },
        Act::Refuse { delivery } => Deed::Refuse(Box::new(refusal(shared, *delivery, reason).await?)),
        Act::RouteAgain { message } => Deed::RouteAgain { message: *message },
        Act::LegalHold { subject } => Deed::LegalHold(match subject {
            LegalSubject::Patient(id) => LegalKey::Key(key(shared, KeyKind::Patient, id.expose())),
            LegalSubject::Document(id) => LegalKey::Key(key(shared, KeyKind::Document, id)),
            LegalSubject::Message(id) => LegalKey::Message(*id),
        }),
        Act::Restored { made_at } => Deed::Restored { made_at: made_at.as_millisecond() },
        Act::LegalLift { hold } => Deed::LegalLift { hold: *hold },
        // Carried out by `purge`, step by step.
        Act::Purge(step) => Deed::Purge(Box::new(NewPurge {
            what: step.what,
            before: step.before.as_millisecond(),
            messages: Vec::new(),
        })),
        Act::RefuseMessage { message } => {
            let finding = refused_by_hand(reason.map_or("", Reason::as_str));
            Deed::RefuseMessage { message: *message, finding: Box::new(finding) }
        }
        Act::Hold { what } => {
            known(shared, what)?;
            Deed::Hold(what.key(&shared.hasher))
        }
        Act::Lift { what } => Deed::Lift(what.key(&shared.hasher)),
        Act::Recall { message, document } => {
            let document = document.trim().to_owned();
            let reason = reason.map_or(String::new(), |reason| reason.as_str().to_owned());
            let recall = move |shared: &Shared, message| recall::recall(shared, message, &document, &reason);
            Deed::Recall(Box::new(prepared(shared, *message, recall).await?))
        }
        Act::Resend { message, edited, not_received } => {
            let (edited, not_received) = (edited.clone(), *not_received);
            let resend = move |shared: &Shared, id| resend::resend(shared, id, &edited, not_received);
            Deed::Resend(Box::new(prepared(shared, *message, resend).await?))
        }
        Act::Export { message } => Deed::Export { message: *message },
    })
}

fn key(shared: &Shared, kind: KeyKind, id: &str) -> Key {
    (kind, shared.hasher.key(kind, id.trim()))
}

/// One step of a purge: the next old messages, those of them that may go. A step that destroys nothing is not told.
async fn purge(
    shared: &Arc<Shared>,
    author: Author,
    reason: Option<Reason>,
    step: PurgeStep,
) -> Result<Ordered, Error> {
    let failed = |_| Error::Inconsistent("purge".to_owned());
    let before = step.before.as_millisecond();
    let (owned, what, after) = (shared.clone(), step.what, step.after);
    let window =
        blocking(move || owned.questions.purge_window(what, before, after)).await.map_err(failed)??;
    let (messages, next) = (window.messages, window.next);
    let mut purged = Purged { held: window.held, open: window.open, next, ..Purged::default() };
    let mut head = None;
    if !messages.is_empty() {
        let deed = Deed::Purge(Box::new(NewPurge { what, before, messages }));
        let change = NewOrder { at: shared.now(), author, reason, deed };
        let (answer, _) = shared.commit_one(Change::Order(Box::new(change))).await?;
        if let Applied::Destroyed(audit, destroyed) = answer {
            tracing::info!(
                act = "purge",
                audit = audit.count,
                messages = destroyed.messages,
                "order carried out"
            );
            shared.say(Event::Ordered { audit: audit.count, act: "purge" });
            purged.destroyed = *destroyed;
            head = Some(audit);
        }
    }
    if step.compact && next.is_none() {
        let journal = shared.journal.clone();
        blocking(move || journal.compact()).await.map_err(failed)??;
    }
    let owned = shared.clone();
    let audit = match head {
        Some(head) => head,
        None => blocking(move || owned.questions.audit_head()).await.map_err(failed)??,
    };
    Ok(Ordered { purged: Some(purged), ..Ordered::of(audit) })
}

/// A name that nothing has would hold nothing, and nobody would notice. Where nothing runs, nobody can tell.
fn known(shared: &Shared, what: &Held) -> Result<(), Error> {
    let Some(plan) = shared.plan() else { return Ok(()) };
    let (name, names): (&str, Vec<&str>) = match what {
        Held::Route(name) => (name.as_str(), plan.routes.iter().map(|route| route.name.as_str()).collect()),
        Held::Partner(name) => (name.as_str(), plan.sinks.keys().map(|sink| sink.as_str()).collect()),
        Held::Recipient(_) | Held::Patient(_) => return Ok(()),
    };
    match names.contains(&name) {
        true => Ok(()),
        false => {
            Err(Error::UnknownTarget { kind: what.word(), name: name.to_owned(), known: names.join(", ") })
        }
    }
}

/// Why the journal did nothing.
fn impossible(act: &Act, answer: &Applied) -> Error {
    match (act, answer) {
        (Act::Release { delivery }, Applied::Barred) => Error::NotReleasable(delivery.0),
        (Act::Release { delivery } | Act::Refuse { delivery }, _) => Error::NotParked(delivery.0),
        (Act::RouteAgain { message } | Act::RefuseMessage { message }, _) => {
            Error::MessageNotParked(message.0)
        }
        (Act::LegalLift { hold }, _) => Error::NoLegalHold(*hold),
        (Act::LegalHold { subject: LegalSubject::Message(id) }, _) => Error::NoMessage(id.0),
        (Act::LegalHold { .. } | Act::Restored { .. } | Act::Purge(_), _) => {
            Error::Inconsistent("answer to an order".to_owned())
        }
        (Act::Hold { what }, _) => Error::HeldAlready(what.word()),
        (Act::Lift { what }, _) => Error::NotHeld(what.word()),
        (Act::Recall { message, .. }, _) => Error::RecalledAlready(message.0),
        (Act::Resend { message, .. }, Applied::Barred) => Error::OutcomeUnknown(message.0),
        (Act::Resend { message, .. }, _) => Error::NothingParked(message.0),
        (Act::Export { message }, _) => Error::NoMessage(message.0),
    }
}

/// A refusal by hand; its sender is told when it wants to know and a route is running.
async fn refusal(
    shared: &Arc<Shared>,
    delivery: DeliveryId,
    reason: Option<&Reason>,
) -> Result<HandRefusal, Error> {
    let at = shared.clock.now();
    let reason = reason.map_or("", Reason::as_str);
    let code = ReportCode::new("refus-manuel", reason);
    let (owned, ended) = (shared.clone(), Ended::Refused(code.clone()));
    let told = blocking(move || {
        let Some((loaded, _)) = load_any(&*owned.journal, delivery, false)? else {
            return Ok(Told::default());
        };
        match owned.plan() {
            Some(plan) => tell(&owned, &plan, &loaded, ended, at),
            None => Ok(Told::default()),
        }
    });
    // A sink whose report panics must not keep a human from refusing.
    let told = told.await.unwrap_or_else(|_| Ok(Told::default()))?;
    Ok(HandRefusal {
        delivery,
        finding: refused_by_hand(reason),
        code,
        shapes: told.shapes,
        replies: told.replies,
    })
}

fn refused_by_hand(reason: &str) -> Finding {
    Finding::error("engine.refused-by-hand", format!("refusé à la main : {reason}"))
}
