//! The hospital of the proof: sends its letters in order, the same bytes again after a cut, until each is acknowledged.
//! In: letters, where the gateway listens now. Out: which were acknowledged; some are sent once more although they were.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use jonction_crash::dice::Dice;
use jonction_mllp::{Limits, Sender, Target, session::ClientLimits};
use tokio::sync::{Semaphore, watch};

use super::letters::Sending;

/// Letters sent once more after their acknowledgement, in percent.
const REPEATED_PERCENT: u64 = 5;
/// Longest wait before a letter that was not acknowledged is sent again.
const AGAIN_MAX: Duration = Duration::from_secs(1);

/// One link, for letters that it has alone: those about one person never change places.
pub(super) struct Link {
    pub(super) letters: Vec<Arc<Sending>>,
    pub(super) address: watch::Receiver<Option<SocketAddr>>,
    /// As many as letters may leave so far.
    pub(super) permits: Arc<Semaphore>,
    pub(super) dice: Dice,
}

impl Link {
    /// Returns when every letter is acknowledged. Out: what its acknowledgements said beside « taken ».
    pub(super) async fn run(mut self) -> Vec<String> {
        let mut wrong = Vec::new();
        for letter in std::mem::take(&mut self.letters) {
            match self.permits.acquire().await {
                Ok(permit) => permit.forget(),
                Err(_) => return wrong,
            }
            let times = if self.dice.percent(REPEATED_PERCENT) { 2 } else { 1 };
            for _ in 0..times {
                wrong.extend(self.until_acknowledged(&letter).await);
            }
        }
        wrong
    }

    async fn until_acknowledged(&mut self, letter: &Sending) -> Option<String> {
        loop {
            let to = match self.address.wait_for(Option::is_some).await {
                Ok(address) => *address,
                Err(_) => return Some(format!("{}: the gateway is gone for good", letter.control_id)),
            };
            self.address.mark_unchanged();
            match to.and_then(sender)?.send(&letter.message).await.reply {
                Ok(reply) if reply.ack.code.as_str() == "AA" => return None,
                // « Not now »: tried again at the same place.
                Ok(reply) if reply.ack.code.as_str() == "AR" => {}
                Ok(reply) => {
                    return Some(format!("{}: answered {}", letter.control_id, reply.ack.code.as_str()));
                }
                // Nobody knows whether it was taken.
                Err(_) => {}
            }
            // The gateway is down: it comes back, elsewhere perhaps.
            let _ = tokio::time::timeout(AGAIN_MAX, self.address.changed()).await;
        }
    }
}

fn sender(to: SocketAddr) -> Option<Sender> {
    let client = ClientLimits { ack_timeout: Duration::from_secs(60), ..ClientLimits::default() };
    let target = Target::parse(&format!("mllp://{to}")).ok()?;
    Some(Sender::new(target, None, &Limits { client, ..Limits::default() }))
}
