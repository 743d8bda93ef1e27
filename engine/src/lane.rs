//! A lane: what is owed to one partner, attempted a few at a time, oldest first, one by one within an ordering key.
//! In: wake-ups, the clock. Out: attempts. Memory: the window read from the journal, however long the partner is dead.
//! Source: architecture §4.5, decision « no unbounded queue ».

mod attempt;
mod ending;

use std::{collections::HashSet, sync::Arc, time::Duration};

use jonction_model::PartnerName;
use jonction_ports::{DeliveryId, Sink, Stop};
use tokio::{sync::Notify, task::JoinSet};

use crate::{
    error::Error,
    journal::{Due, Millis},
    plan::Plan,
    shared::{Shared, blocking},
};

pub(crate) use ending::Hand;

/// Pause after the journal failed.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest sleep: a wall clock that is set forward is noticed within this time.
const SLEEP_MAX: Duration = Duration::from_secs(300);

/// What the attempts of a lane share.
pub(crate) struct Lane {
    pub(crate) shared: Arc<Shared>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) name: PartnerName,
    pub(crate) sink: Arc<dyn Sink>,
}

/// Runs until told to stop; then lets running attempts end (the caller bounds that).
pub(crate) async fn run(lane: Arc<Lane>, mut stop: Stop) {
    let wake: Arc<Notify> = lane.shared.lane(&lane.name);
    let concurrency = lane.shared.settings.lane_concurrency.max(1);
    let mut running: JoinSet<DeliveryId> = JoinSet::new();
    let mut busy: HashSet<DeliveryId> = HashSet::new();
    while !stop.is_stopped() {
        let mut next_at = None;
        if running.len() < concurrency {
            match claim(&lane, concurrency + busy.len()).await {
                Ok(due) => {
                    let free = concurrency - running.len();
                    let ready: Vec<_> =
                        due.ready.into_iter().filter(|id| !busy.contains(id)).take(free).collect();
                    for id in ready {
                        busy.insert(id);
                        let lane = lane.clone();
                        running.spawn(async move {
                            attempt::deliver(lane, id).await;
                            id
                        });
                    }
                    next_at = due.next_at;
                }
                Err(error) => {
                    tracing::error!(lane = lane.name.as_str(), error_code = error.code(), %error, "lane paused");
                    next_at = Some(lane.shared.now() + i64::try_from(PAUSE.as_millis()).unwrap_or(0));
                }
            }
        }
        let has_room = running.len() < concurrency;
        tokio::select! {
            biased;
            () = stop.stopped() => {}
            Some(ended) = running.join_next() => { forget(&mut busy, ended); }
            () = wake.notified(), if has_room => {}
            () = sleep_until(&lane.shared, next_at), if has_room && next_at.is_some() => {}
        }
    }
    while running.join_next().await.is_some() {}
}

fn forget(busy: &mut HashSet<DeliveryId>, ended: Result<DeliveryId, tokio::task::JoinError>) {
    match ended {
        Ok(id) => {
            busy.remove(&id);
        }
        // A bug of ours: the delivery stays claimed until the next start, rather than being attempted twice.
        Err(error) => tracing::error!(%error, "a delivery task was lost"),
    }
}

async fn claim(lane: &Arc<Lane>, limit: usize) -> Result<Due, Error> {
    let (owned, limit) = (lane.clone(), u32::try_from(limit).unwrap_or(u32::MAX));
    blocking(move || owned.shared.journal.due(&owned.name, owned.shared.now(), limit))
        .await
        .map_err(|_| Error::Inconsistent("window of a lane".to_owned()))?
}

async fn sleep_until(shared: &Shared, at: Option<Millis>) {
    let wait = at.unwrap_or(0).saturating_sub(shared.now());
    // One more millisecond: the runtime's clock and ours may round differently.
    let wait = Duration::from_millis(u64::try_from(wait).unwrap_or(0).saturating_add(1));
    tokio::time::sleep(wait.min(SLEEP_MAX)).await;
}
