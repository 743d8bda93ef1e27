//! Deliveries and messages follow what is held: marked when something is, given back when it is lifted, a few per commit.
//! In: a hold. Out: changes of the journal. The gate where attempts begin holds at once, whatever is marked: this makes it
//! seen, and lets go. What a stop cuts goes on at the next start. Source: decision 0028, 0031.

use std::{sync::Arc, time::Duration};

use jonction_ports::{DeliveryId, Stop};

use super::hold::HeldKey;
use crate::{
    error::Error,
    journal::{Applied, Change},
    shared::{Shared, blocking},
};

/// Deliveries named at once by a reading connection.
const WINDOW: u32 = 100_000;
/// Pause after the journal failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Settles what an earlier run left, then what an order could not.
pub(crate) async fn run(shared: Arc<Shared>, mut stop: Stop) {
    while !stop.is_stopped() {
        let wait = match settle_all(&shared, &stop).await {
            Ok(()) => None,
            Err(error) => {
                tracing::error!(error_code = error.code(), %error, "holds are settled later");
                Some(PAUSE)
            }
        };
        tokio::select! {
            () = shared.holds.notified() => {}
            () = async { tokio::time::sleep(wait.unwrap_or_default()).await }, if wait.is_some() => {}
            () = stop.stopped() => return,
        }
    }
}

async fn settle_all(shared: &Arc<Shared>, stop: &Stop) -> Result<(), Error> {
    let journal = shared.journal.clone();
    let holds = blocking(move || journal.hold_keys()).await.map_err(|_| failed())??;
    for (hold, lifted) in holds {
        if stop.is_stopped() {
            break;
        }
        settle(shared, &hold, lifted).await?;
    }
    Ok(())
}

/// Settles one hold: returns when everything that is about it agrees with it.
pub(crate) async fn settle(shared: &Arc<Shared>, hold: &HeldKey, lifted: bool) -> Result<(), Error> {
    let mut after = Some(DeliveryId(0));
    while let Some(last) = after {
        let (journal, key) = (shared.journal.clone(), hold.clone());
        let unsettled = blocking(move || journal.unsettled(&key, lifted, last, WINDOW));
        let unsettled = unsettled.await.map_err(|_| failed())??;
        for deliveries in unsettled.chunks(shared.settings.limits.settled_at_once.max(1) as usize) {
            commit(shared, hold, deliveries.to_vec()).await?;
        }
        after = unsettled.last().copied().filter(|_| unsettled.len() >= WINDOW as usize);
    }
    while lifted && commit(shared, hold, Vec::new()).await? > 0 {
        shared.look_again();
    }
    shared.look_again();
    Ok(())
}

async fn commit(shared: &Shared, hold: &HeldKey, deliveries: Vec<DeliveryId>) -> Result<u32, Error> {
    let limit = shared.settings.limits.settled_at_once.max(1);
    let change = Change::Settle { hold: hold.clone(), deliveries, limit, at: shared.now() };
    match shared.commit_one(change).await?.0 {
        Applied::Done(changed) => Ok(changed),
        _ => Err(failed()),
    }
}

fn failed() -> Error {
    Error::Inconsistent("settle a hold".to_owned())
}
