//! How a command gives an order, whatever the act: to the gateway that runs on the data folder, else to the journal itself.
//! In: who, why, what. Out: the order carried out, with its line of the audit chain.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use jonction_engine::{Act, Author, Engine, EngineSettings, Error, Order, Ordered, Reader, Seals};
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

/// Who holds the journal: this command, or the gateway that runs.
pub(super) enum Holder {
    Here(Box<Engine>),
    Gateway { data: PathBuf, locked: Error },
}

impl Holder {
    /// Opens the journal of a data folder, which is there, unless somebody holds it.
    pub(super) fn of(data: &Path, seals: Seals) -> Result<Self, Failure> {
        // An order makes no store.
        Reader::open(data)?;
        let mut settings = EngineSettings::new(data, Environment::Test);
        settings.storage.seals = seals;
        match Engine::open(settings, Arc::new(SystemClock), Arc::new(OsEntropy)) {
            Ok(engine) => Ok(Self::Here(Box::new(engine))),
            Err(locked @ Error::Locked { .. }) => Ok(Self::Gateway { data: data.to_owned(), locked }),
            Err(error) => Err(error.into()),
        }
    }

    /// Carries out an order.
    pub(super) async fn order(&self, order: Order) -> Result<Ordered, Failure> {
        match self {
            Self::Here(engine) => Ok(engine.order(order).await?),
            Self::Gateway { data, locked } => admin_client::order(data, &order, locked).await,
        }
    }
}

/// Carries out an order, wherever the journal is held.
pub(super) fn carry_out(common: &Common, order: Order) -> Result<Ordered, Failure> {
    let holder = Holder::of(&questions::data(common), questions::seals(common)?)?;
    runtime()?.block_on(holder.order(order))
}
