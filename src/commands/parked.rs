//! `jonction parked`: what waits for a human, why, and what is decided of it.

use jonction_engine::{Act, Filter, StateWord};
use jonction_ports::{DeliveryId, MessageId};

use super::{orders, questions::reader};
use crate::{
    cli::{Common, ParkedAction, ParkedArgs, ParkedListArgs, Target, TargetArgs},
    failure::{Failure, exit},
    out, show,
};

/// Lines at most: more than a human decides in a day.
const LISTED_MAX: u32 = 1000;

pub(super) fn run(args: &ParkedArgs, common: &Common) -> Result<u8, Failure> {
    match &args.action {
        ParkedAction::List(which) => list(which, common),
        ParkedAction::Show(target) => show(*target, common),
        ParkedAction::Release(args) => {
            let decide = |delivery| Act::Release { delivery };
            let again = |message| Act::RouteAgain { message };
            order(args, common, decide, again, "remis dans sa file", "va être routé à nouveau")
        }
        ParkedAction::Refuse(args) => {
            let decide = |delivery| Act::Refuse { delivery };
            let refuse = |message| Act::RefuseMessage { message };
            let done = "refusé pour de bon ; son émetteur en a l'acquittement : le prévenir";
            order(args, common, decide, refuse, "refusé pour de bon", done)
        }
    }
}

fn list(which: &ParkedListArgs, common: &Common) -> Result<u8, Failure> {
    let filter = Filter {
        state: StateWord::parse("parked"),
        route: which.route.clone(),
        partner: which.partner.clone(),
        error: which.error.clone(),
        limit: LISTED_MAX,
        ..Filter::default()
    };
    let lines = reader(common)?.find(&filter)?;
    if common.json {
        lines.iter().for_each(out::json);
    } else if lines.is_empty() {
        out::say("rien n'est mis de côté");
    } else {
        out::write(&show::found::found(&lines));
        out::say("voir    jonction parked show ENVOI");
    }
    Ok(exit::DONE)
}

fn show(target: Target, common: &Common) -> Result<u8, Failure> {
    let reader = reader(common)?;
    let journey = match (target.delivery, target.message) {
        (Some(delivery), _) => reader.journey_of(DeliveryId(delivery))?,
        (None, message) => reader.message(MessageId(message.unwrap_or_default()))?,
    };
    let Some(journey) = journey else {
        out::say("rien n'est connu sous ce numéro");
        return Ok(exit::FINDINGS);
    };
    let delivery =
        target.delivery.and_then(|id| journey.deliveries.iter().find(|delivery| delivery.id.0 == id));
    if common.json {
        match delivery {
            Some(delivery) => out::json(delivery),
            None => out::json(&journey),
        }
    } else {
        out::write(&show::parked::parked(&journey, delivery));
    }
    Ok(exit::DONE)
}

fn order(
    args: &TargetArgs,
    common: &Common,
    of_delivery: impl Fn(DeliveryId) -> Act,
    of_message: impl Fn(MessageId) -> Act,
    delivery_done: &str,
    message_done: &str,
) -> Result<u8, Failure> {
    let (act, done) = match (args.target.delivery, args.target.message) {
        (Some(id), _) => (of_delivery(DeliveryId(id)), format!("envoi {id} {delivery_done}")),
        (None, id) => {
            let id = id.unwrap_or_default();
            (of_message(MessageId(id)), format!("message {id} {message_done}"))
        }
    };
    orders::give(common, orders::order(&args.order, act)?, &done)
}
