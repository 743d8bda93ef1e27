//! A recall: a message of our own that takes a document back, linked to the first one.
//! In: a [`NewRecall`]. Out: its row, its deliveries, and the deliveries of the first message that are cancelled.
//! What left is known here and nowhere else: between the order and its commit a delivery may have begun.

use jonction_ports::MessageId;
use rusqlite::params;

use super::{Writer, audit::Told, number, order::Done};
use crate::{
    error::Error,
    journal::{Applied, DeliveryState, MessageState, Millis, NewRecall},
};

impl Writer<'_> {
    pub(super) fn recall(&mut self, recall: &NewRecall, at: Millis) -> Result<Done, Error> {
        let mut known = self.connection.prepare_cached("SELECT 1 FROM message WHERE repeat_key = ?1")?;
        if known.exists(params![recall.once.0])? {
            return Ok(Err(Applied::Skipped));
        }
        let message = self.recalling_message(recall, at)?;
        let (mut deleted, mut cancelled) = (0_u64, 0_u64);
        for part in &recall.parts {
            let id = number(part.refusal.delivery.0);
            let Some(row) = self.standing(id)? else { continue };
            let running = row.state == DeliveryState::Sending.number();
            let left = running || row.state == DeliveryState::Delivered.number();
            // After an unknown outcome it may have left as well: cancelled and deleted.
            if (left || row.after_unknown)
                && let Some(deletion) = &part.deletion
            {
                self.delivery(message, (0, std::slice::from_ref(&recall.shape)), deletion, None, at)?;
                deleted += 1;
            }
            if !running && row.state < DeliveryState::Delivered.number() {
                self.load.deliveries -= i64::from(row.timed);
                self.end_refused(id, &row, &part.refusal, at)?;
                cancelled += 1;
            }
        }
        self.connection.execute(
            "UPDATE message SET owed = ?2 WHERE id = ?1",
            params![number(message.0), number(deleted)],
        )?;
        let detail = serde_json::json!({ "by": message.0, "deletions": deleted, "cancelled": cancelled });
        let origin = Some(number(recall.origin.0));
        Ok(Ok(Told { message: origin, detail: Some(detail), ..Told::new("recall") }))
    }

    fn recalling_message(&mut self, recall: &NewRecall, at: Millis) -> Result<MessageId, Error> {
        let message = self.next_message()?;
        let (raw, reply) = (self.body(&recall.raw, message)?, self.body(&recall.reply, message)?);
        self.connection.execute(
            "INSERT INTO message (id, received_at, partner, peer, state, kind, profile, application, facility,
                 raw, reply, repeat_key, route, version, routed_at, patient, recalls)
             SELECT ?1, ?2, partner, 'jonction', ?3, 'RECALL', '', application, facility, ?4, ?5, ?6,
                 route, version, ?2, patient, id FROM message WHERE id = ?7",
            params![
                number(message.0),
                at,
                MessageState::Routed.number(),
                raw,
                reply,
                recall.once.0,
                number(recall.origin.0)
            ],
        )?;
        self.keys(&recall.keys, message, None)?;
        self.shapes(message, 0, std::slice::from_ref(&recall.shape))?;
        Ok(message)
    }
}
