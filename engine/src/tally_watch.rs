//! At a start, once, what is counted is compared with what there is: a store that somebody wrote into is counted anew.
//! In: the journal, beside the traffic. Out: nothing, or an error in the log and right counts.

use std::sync::Arc;

use crate::{
    error::Error,
    journal::Change,
    shared::{Shared, blocking},
};

pub(crate) async fn run(shared: Arc<Shared>) {
    if let Err(error) = compare(&shared).await {
        tracing::error!(error_code = error.code(), %error, "what is open was not counted again");
    }
}

async fn compare(shared: &Arc<Shared>) -> Result<(), Error> {
    let journal = shared.journal.clone();
    let agrees = blocking(move || journal.tally_agrees());
    if !agrees.await.map_err(|_| Error::Inconsistent("tally".to_owned()))?? {
        tracing::error!(error_code = "journal.miscounted", "what is open is counted anew");
        shared.commit_one(Change::Recount).await?;
    }
    Ok(())
}
