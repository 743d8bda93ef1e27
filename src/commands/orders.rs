//! How a command gives an order, whatever the act: to the gateway that runs on the data folder, else to the journal itself.
//! In: who, why, what. Out: the order carried out, with its line of the audit chain.

use std::sync::Arc;

use jonction_engine::{Act, Author, Engine, EngineSettings, Error, Order, Ordered, Reader};
use jonction_model::{Environment, OsEntropy, SystemClock};

use super::{questions, runtime};
use crate::{
    admin_client,
    cli::{Common, OrderArgs},
    failure::{Failure, exit},
    out,
};

/// An order as typed.
pub(super) fn order(args: &OrderArgs, act: Act) -> Result<Order, Failure> {
    if act.needs_reason() && args.reason.is_none() {
        return Err(Failure::usage("cli.usage", "il manque : --reason <RAISON>")
            .remedy("dire pourquoi, sans nommer de patient : --reason \"…\""));
    }
    let author = match &args.author {
        Some(author) => author.clone(),
        None => system_user()?,
    };
    Ok(Order { author, reason: args.reason.clone(), act })
}

/// Who is logged in. Behind `sudo`: who was before.
fn system_user() -> Result<Author, Failure> {
    let before = std::env::var("SUDO_USER").ok();
    let name = before.or_else(|| whoami::username().ok()).unwrap_or_default();
    Author::parse(&name).map_err(|_| {
        Failure::usage("order.no-author", "le système ne dit pas qui décide").remedy("ajouter --author NOM")
    })
}

/// Gives an order and says what it did.
pub(super) fn give(common: &Common, order: Order, done: &str) -> Result<u8, Failure> {
    let ordered = carry_out(common, order)?;
    if common.json {
        out::json(&ordered);
    } else {
        out::say(format!("{done} (audit, ligne {})", ordered.audit.count));
    }
    Ok(exit::DONE)
}

/// Carries out an order, wherever the journal is held.
pub(super) fn carry_out(common: &Common, order: Order) -> Result<Ordered, Failure> {
    let data = questions::data(common);
    // An order makes no store.
    let seals = questions::seals(common)?;
    Reader::open(&data)?;
    runtime()?.block_on(async {
        let mut settings = EngineSettings::new(&data, Environment::Test);
        settings.storage.seals = seals;
        match Engine::open(settings, Arc::new(SystemClock), Arc::new(OsEntropy)) {
            Ok(engine) => Ok(engine.order(order).await?),
            Err(locked @ Error::Locked { .. }) => admin_client::order(&data, &order, locked.into()).await,
            Err(error) => Err(error.into()),
        }
    })
}
