//! After a change of key: what is stored is sealed anew in the background, a few bodies at a time.
//! In: bodies that are not sealed as the configuration says. Out: the same, sealed with the current key; then the other
//! keys are forgotten. A restart goes on. Source: decision 0029.

use std::{sync::Arc, time::Duration};

use jonction_ports::Stop;

use crate::{
    error::Error,
    journal::{Change, Stale},
    shared::{Shared, blocking},
};

/// Bodies at once.
const BATCH: u32 = 64;
/// Pause after the journal failed.
const PAUSE: Duration = Duration::from_secs(10);

pub(crate) async fn run(shared: Arc<Shared>, mut stop: Stop) {
    while !stop.is_stopped() {
        match seal_anew(&shared, &stop).await {
            Ok(()) => return,
            Err(error) => {
                tracing::error!(error_code = error.code(), %error, "sealing paused");
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = stop.stopped() => {}
                }
            }
        }
    }
}

async fn seal_anew(shared: &Arc<Shared>, stop: &Stop) -> Result<(), Error> {
    let (mut after, mut sealed, mut left) = (0, 0, 0);
    while !stop.is_stopped() {
        let owned = shared.clone();
        let stale = blocking(move || owned.journal.stale(after, BATCH)).await;
        let stale = stale.map_err(|_| Error::Inconsistent("bodies to seal".to_owned()))??;
        let Some(Stale { bodies, left: unreadable, next }) = stale else { return Ok(()) };
        left += unreadable;
        let Some(next) = next else {
            tracing::info!(bodies = sealed, left, "bodies sealed anew");
            if left == 0 {
                let with = shared.settings.storage.seals.current_name();
                shared.commit_one(Change::Sealed { with }).await?;
            }
            return Ok(());
        };
        after = next;
        sealed += bodies.len();
        if !bodies.is_empty() {
            shared.commit_one(Change::Reseal { bodies }).await?;
        }
    }
    Ok(())
}
