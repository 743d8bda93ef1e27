//! The hospital's software in the demonstration: sends, and sometimes is cut off before its acknowledgement.

use std::net::SocketAddr;

use bytes::Bytes;
use jonction_engine::Event;
use jonction_mllp::{Limits, Sender, Target};
use tokio::sync::broadcast::Receiver;

use super::scenes::Sending;

/// MSA-1 of the acknowledgement, or why there is none.
pub(crate) async fn send(
    to: SocketAddr,
    message: &str,
    how: Sending,
    control_id: &str,
    events: &mut Receiver<Event>,
) -> Result<String, String> {
    let message = Bytes::copy_from_slice(message.as_bytes());
    let target = Target::parse(&format!("mllp://{to}"))?;
    let sender = Sender::new(target, None, &Limits::default());
    if how == Sending::CutThenAgain {
        sender.send_and_hang_up(&message).await.map_err(|error| error.sentence())?;
        // The first sending is in the journal before the second leaves, as after a time-out of the sender.
        until_received(control_id, events).await;
    }
    let sent = sender.send(&message).await;
    sent.reply.map(|reply| reply.ack.code.as_str().to_owned()).map_err(|error| error.sentence())
}

async fn until_received(control_id: &str, events: &mut Receiver<Event>) {
    loop {
        match events.recv().await {
            Ok(Event::Message { control_id: Some(id), .. }) if id == control_id => return,
            Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
            Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
        }
    }
}
