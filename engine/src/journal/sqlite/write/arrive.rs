//! A judged message arrives: repeats are recognised here, inside the transaction, so that no two of them pass.
//! In: an [`Arrive`]. Out: accepted, refused or repeated. Source: decision 0005.

use jonction_model::{ContentRef, Severity};
use rusqlite::{OptionalExtension as _, params};

use super::{CONTROL_ID_REUSED, Writer, body_id, control_id_reused, findings_json, message_id, number, sums};
use crate::{
    error::Error,
    journal::{Applied, Arrive, MessageState, sqlite::leftovers::is_named},
};

impl Writer<'_> {
    pub(super) fn arrive(&mut self, arrive: &Arrive) -> Result<Applied, Error> {
        let mut reused = false;
        if let Some(repeat) = &arrive.repeat {
            let mut known = self.connection.prepare_cached(
                "SELECT message.id, body.hash, body.length FROM message JOIN body ON body.id = message.reply
                 WHERE repeat_key = ?1 AND digest = ?2 ORDER BY message.id LIMIT 1",
            )?;
            let first = known
                .query_row(params![repeat.key.0, repeat.digest], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, i64>(2)?))
                })
                .optional()?;
            if let Some((message, reply, length)) = first {
                self.connection
                    .prepare_cached(
                        "INSERT INTO repetition (message, received_at, partner, peer) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute(params![message, arrive.received_at, arrive.partner.as_str(), arrive.peer])?;
                if arrive.raw.bytes.is_none() {
                    // Of the first one, unless it was purged or had other bytes (MSH-7).
                    let needed = is_named(self.connection, arrive.raw.id)?;
                    let bodies = if needed { self.named.get_mut() } else { &mut self.unused };
                    bodies.push(arrive.raw.id);
                }
                return Ok(Applied::Repeated {
                    message: message_id(message)?,
                    reply: ContentRef::whole(body_id(&reply)?, u64::try_from(length).unwrap_or(0)),
                });
            }
            reused = arrive.accepted
                && self
                    .connection
                    .prepare_cached("SELECT 1 FROM message WHERE repeat_key = ?1 LIMIT 1")?
                    .exists(params![repeat.key.0])?;
        }
        let conflict = if reused { arrive.conflict_reply.as_ref() } else { None };
        let accepted = arrive.accepted && conflict.is_none();
        let message = self.next_message()?;
        let raw = self.body(&arrive.raw, message)?;
        let reply = self.body(conflict.unwrap_or(&arrive.reply), message)?;
        let findings = if reused {
            let mut findings = arrive.findings.clone();
            findings.push(control_id_reused(accepted));
            findings_json(&findings)?
        } else {
            findings_json(&arrive.findings)?
        };
        let error = match (accepted, conflict) {
            (true, _) => None,
            (false, Some(_)) => Some(CONTROL_ID_REUSED),
            (false, None) => arrive
                .findings
                .iter()
                .find(|finding| finding.severity == Severity::Error)
                .map(|finding| finding.check.as_str()),
        };
        let state = if accepted { MessageState::Received } else { MessageState::Refused };
        // What was refused was not taken: it is judged anew when it comes again.
        let repeat = arrive.repeat.filter(|_| accepted);
        self.connection
            .prepare_cached(
                "INSERT INTO message (id, received_at, partner, peer, state, kind, profile, control_id, application,
                     facility, raw, reply, repeat_key, digest, findings, error, sum)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            )?
            .execute(params![
                number(message.0),
                arrive.received_at,
                arrive.partner.as_str(),
                arrive.peer,
                state.number(),
                arrive.facts.kind,
                arrive.facts.profile,
                arrive.facts.control_id.as_ref().map(|id| id.as_str()),
                arrive.facts.sending_application,
                arrive.facts.sending_facility,
                raw,
                reply,
                repeat.map(|repeat| repeat.key.0),
                repeat.map(|repeat| repeat.digest),
                findings,
                error,
                sums::message(number(message.0), arrive.partner.as_str(), arrive.raw.id),
            ])?;
        if accepted {
            self.load.messages += 1;
            Ok(Applied::Accepted { message, reused })
        } else {
            Ok(Applied::Refused { message, reused })
        }
    }
}
