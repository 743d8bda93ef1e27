//! What a human decided, as rows, with its row of the audit chain.
//! In: a [`NewOrder`]. Out: the new head of the chain; nothing at all when the state does not allow it.

use jonction_model::Finding;
use jonction_ports::{DeliveryId, MessageId};
use rusqlite::{OptionalExtension as _, params};

use super::{Standing, Writer, audit::Told, findings_json, number, to_json};
use crate::{
    error::Error,
    journal::{Applied, Deed, DeliveryState, HandRefusal, Millis, NewOrder},
};

/// What was done, or why nothing was.
pub(super) type Done = Result<Told, Applied>;

impl Writer<'_> {
    pub(super) fn order(&mut self, order: &NewOrder) -> Result<Applied, Error> {
        let at = order.at;
        let done = match &order.deed {
            Deed::Release { delivery } => self.release(*delivery, at)?,
            Deed::Refuse(refusal) => self.refuse(refusal, at)?,
            Deed::RouteAgain { message } => self.route_again(*message)?,
            Deed::Restored { made_at } => self.restored(*made_at)?,
            Deed::Purge(purge) => self.purge(purge, at)?,
            Deed::LegalHold(subject) => self.legal_hold(subject)?,
            Deed::LegalLift { hold } => self.legal_lift(*hold)?,
            Deed::RefuseMessage { message, finding } => self.refuse_message(*message, finding, at)?,
            Deed::Hold(key) => self.hold(key, order)?,
            Deed::Lift(key) => self.lift(key, at)?,
            Deed::Recall(recall) => self.recall(recall, at)?,
            Deed::Resend(edition) => self.resend(edition, order)?,
            Deed::Export { message } => self.export(*message)?,
        };
        match done {
            Ok(told) => {
                let who = (order.author.as_str(), order.reason.as_ref().map(|reason| reason.as_str()));
                let head = self.audit(at, who, &told)?;
                Ok(match told.destroyed {
                    Some(destroyed) => Applied::Destroyed(head, Box::new(destroyed)),
                    None => Applied::Ordered(head),
                })
            }
            Err(nothing) => Ok(nothing),
        }
    }

    fn release(&mut self, delivery: DeliveryId, at: Millis) -> Result<Done, Error> {
        let id = number(delivery.0);
        let Some(row) = self.parked(id)? else { return Ok(Err(Applied::Skipped)) };
        if row.barred {
            return Ok(Err(Applied::Barred));
        }
        self.connection.execute(
            "UPDATE delivery SET state = iif(attempts > 0, 1, 0), next_at = NULL, since = ?2, report_code = NULL WHERE id = ?1",
            params![id, at],
        )?;
        self.ready(id, &row.sink, row.ordering.as_deref(), at)?;
        Ok(Ok(Told { message: Some(row.message), delivery: Some(id), ..Told::new("release") }))
    }

    fn refuse(&mut self, refusal: &HandRefusal, at: Millis) -> Result<Done, Error> {
        let id = number(refusal.delivery.0);
        let Some(row) = self.parked(id)? else { return Ok(Err(Applied::Skipped)) };
        self.end_refused(id, &row, refusal, at)?;
        Ok(Ok(Told { message: Some(row.message), delivery: Some(id), ..Told::new("refuse") }))
    }

    /// Ends a delivery as refused, and tells who wants to know.
    pub(super) fn end_refused(
        &mut self,
        id: i64,
        row: &Standing,
        refusal: &HandRefusal,
        at: Millis,
    ) -> Result<(), Error> {
        self.connection.execute(
            "UPDATE delivery SET state = 5, next_at = NULL, ended_at = ?2, error = ?3, finding = ?4, report_code = ?5
             WHERE id = ?1",
            params![id, at, refusal.finding.check, to_json(&refusal.finding)?, refusal.code.code],
        )?;
        self.promote(&row.sink, row.ordering.as_deref(), at)?;
        self.replies(row.message, id, &refusal.shapes, &refusal.replies, at)
    }

    fn route_again(&mut self, message: MessageId) -> Result<Done, Error> {
        let id = number(message.0);
        let changed = self
            .connection
            .execute("UPDATE message SET state = 0, error = NULL WHERE id = ?1 AND state = 4", params![id])?;
        if changed == 0 {
            return Ok(Err(Applied::Skipped));
        }
        self.load.messages += 1;
        Ok(Ok(Told { message: Some(id), ..Told::new("route-again") }))
    }

    /// Only told: the bytes were read before.
    fn export(&self, message: MessageId) -> Result<Done, Error> {
        Ok(Ok(Told { message: Some(number(message.0)), ..Told::new("export") }))
    }

    fn refuse_message(&mut self, message: MessageId, finding: &Finding, at: Millis) -> Result<Done, Error> {
        let id = number(message.0);
        let parked = "SELECT route_findings FROM message WHERE id = ?1 AND state = 4";
        let noted = self.connection.query_row(parked, params![id], |row| row.get::<_, Option<String>>(0));
        let Some(noted) = noted.optional()? else { return Ok(Err(Applied::Skipped)) };
        // What parked it stays; the human's word comes last.
        let mut findings: Vec<Finding> =
            noted.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        findings.push(finding.clone());
        self.connection.execute(
            "UPDATE message SET state = 5, error = ?2, route_findings = ?3, routed_at = ?4 WHERE id = ?1",
            params![id, finding.check, findings_json(&findings)?, at],
        )?;
        Ok(Ok(Told { message: Some(id), ..Told::new("refuse-message") }))
    }

    /// The delivery, if it waits for a human.
    fn parked(&self, delivery: i64) -> Result<Option<Standing>, Error> {
        Ok(self.standing(delivery)?.filter(|row| row.state == DeliveryState::Parked.number()))
    }
}
