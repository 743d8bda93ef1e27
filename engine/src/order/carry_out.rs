//! Carrying out an order: what it needs from the journal and the plan is read here, then one change is committed.
//! In: a checked [`Order`]. Out: its audit row, woken lanes, an event. Nothing is done when nothing can be told.

use std::sync::Arc;

use jonction_model::{Finding, ReportCode};
use jonction_ports::DeliveryId;

use super::{Act, Order, Ordered, Reason};
use crate::{
    error::Error,
    event::Event,
    journal::{Applied, Change, Deed, HandRefusal, NewOrder},
    lane::{Ended, Told, load_any, tell},
    shared::{Shared, blocking},
};

/// Carries out an order. Errors: what it names is not in a state that allows it; a reason is missing; the journal failed.
pub(crate) async fn carry_out(shared: &Arc<Shared>, order: Order) -> Result<Ordered, Error> {
    let Order { author, reason, act } = order;
    if act.needs_reason() && reason.is_none() {
        return Err(Error::ReasonMissing(act.word()));
    }
    let deed = deed(shared, &act, reason.as_ref()).await?;
    let change = NewOrder { at: shared.now(), author, reason, deed };
    let (answer, _) = shared.commit_one(Change::Order(Box::new(change))).await?;
    let Applied::Ordered(audit) = answer else { return Err(impossible(&act, &answer)) };
    tracing::info!(act = act.word(), audit = audit.count, "order carried out");
    shared.look_again();
    shared.say(Event::Ordered { audit: audit.count, act: act.word() });
    Ok(Ordered { audit })
}

/// The act with everything its change needs.
async fn deed(shared: &Arc<Shared>, act: &Act, reason: Option<&Reason>) -> Result<Deed, Error> {
    Ok(match act {
        Act::Release { delivery } => Deed::Release { delivery: *delivery },
        Act::Refuse { delivery } => Deed::Refuse(Box::new(refusal(shared, *delivery, reason).await?)),
        Act::RouteAgain { message } => Deed::RouteAgain { message: *message },
        Act::RefuseMessage { message } => {
            let finding = refused_by_hand(reason.map_or("", Reason::as_str));
            Deed::RefuseMessage { message: *message, finding: Box::new(finding) }
        }
    })
}

/// Why the journal did nothing.
fn impossible(act: &Act, answer: &Applied) -> Error {
    match (act, answer) {
        (Act::Release { delivery }, Applied::Barred) => Error::NotReleasable(delivery.0),
        (Act::Release { delivery } | Act::Refuse { delivery }, _) => Error::NotParked(delivery.0),
        (Act::RouteAgain { message } | Act::RefuseMessage { message }, _) => {
            Error::MessageNotParked(message.0)
        }
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
        let Some((loaded, _)) = load_any(&*owned.journal, delivery)? else { return Ok(Told::default()) };
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
