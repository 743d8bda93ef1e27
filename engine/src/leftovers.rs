//! At the start, off everybody's path: what a crash left among the files of bodies goes away.
//! In: a store that is open. Out: files that a row names, in their place. A failure is tried again.
//! Source: decision 0032.

use std::{sync::Arc, time::Duration};

use jonction_ports::Stop;

use crate::{
    error::Error,
    shared::{Shared, blocking},
};

/// Pause after the disk failed.
const PAUSE: Duration = Duration::from_secs(10);

pub(crate) async fn run(shared: Arc<Shared>, mut stop: Stop) {
    while !stop.is_stopped() {
        let owned = shared.clone();
        let swept = blocking(move || owned.journal.sweep()).await;
        match swept.unwrap_or_else(|_| Err(Error::Inconsistent("sweep".to_owned()))) {
            Ok(0) => return,
            Ok(files) => {
                tracing::info!(files, "files of messages that were never taken are gone");
                return;
            }
            Err(error) => {
                tracing::warn!(error_code = error.code(), %error, "sweep of bodies paused");
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = stop.stopped() => {}
                }
            }
        }
    }
}
