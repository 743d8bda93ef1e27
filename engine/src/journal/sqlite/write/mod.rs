//! Changes become rows. One function per change; all run inside the committer's transaction.
//! In: a [`Change`] and the connection. Out: an [`Applied`], and what it did to the load.
//! The one rule of order: `next_at` is set on the head of an ordering key only (see `promote`).

use std::cell::RefCell;

use jonction_model::{BodyId, Finding, Severity};
use jonction_ports::{DeliveryId, MessageId};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::rows::{body_id, findings_json, get, row_number as number, to_json};
use super::{bodies::BodyFiles, sums};
use crate::{
    error::Error,
    index_key::kind_number,
    journal::{Applied, Change, Key, LoadChange, Millis, NewBody, NewShape, Version},
};

mod answer;
mod arrive;
mod attempt;
mod audit;
mod hold;
mod order;
mod purge;
mod recall;
mod recover;
mod resend;
mod route;

pub(super) use audit::Told;
pub(super) use hold::target as hold_target;

/// Code of the finding on a message whose number was used before for another content.
pub(crate) const CONTROL_ID_REUSED: &str = "engine.control-id-reused";
/// Code of the finding on a delivery whose lane is gone from the configuration.
pub(crate) const SINK_GONE: &str = "engine.sink-gone";
/// Code of the finding on an attempt that a stop or a crash cut.
pub(crate) const INTERRUPTED: &str = "engine.interrupted";

/// One transaction being filled.
pub(super) struct Writer<'c> {
    pub(super) connection: &'c Connection,
    pub(super) files: &'c BodyFiles,
    pub(super) load: LoadChange,
    /// Bodies that stand in files, and are named now.
    pub(super) named: RefCell<Vec<BodyId>>,
    /// Bodies that were written to files, and are not needed.
    pub(super) unused: Vec<BodyId>,
}

impl<'c> Writer<'c> {
    pub(super) fn new(connection: &'c Connection, files: &'c BodyFiles) -> Self {
        Self { connection, files, load: LoadChange::default(), named: RefCell::default(), unused: Vec::new() }
    }
}

impl Writer<'_> {
    /// Applies one change.
    pub(super) fn apply(&mut self, change: &Change) -> Result<Applied, Error> {
        match change {
            Change::Arrive(arrive) => self.arrive(arrive),
            Change::Route(routed) => self.route(routed),
            Change::NotRoute(not_routed) => self.not_route(not_routed),
            Change::Start(start) => self.start(start),
            Change::Finish(finish) => self.finish(finish),
            Change::Postpone { delivery, until } => self.postpone(*delivery, *until),
            Change::Recover { at, sinks, ask } => self.recover(*at, sinks, ask),
            Change::ClockBack { at, by } => self.clock_back(*at, *by),
            Change::Order(order) => self.order(order),
            Change::Reseal { bodies } => self.reseal(bodies),
            Change::Sealed { with } => self.sealed(*with),
            Change::Settle { hold, deliveries, limit, at } => self.settle(hold, deliveries, *limit, *at),
            Change::Recount => self.recount(),
            Change::Note { name, text } => self.note(name, text),
            Change::Deploy { set, deployment } => self.deploy(set, deployment),
        }
    }

    /// Gives a delivery its time: at once when its order is free, else when it is the head of its key.
    fn ready(&mut self, id: i64, sink: &str, ordering: Option<&[u8]>, at: Millis) -> Result<(), Error> {
        if ordering.is_some() {
            return self.promote(sink, ordering, at);
        }
        let changed = self
            .connection
            .prepare_cached("UPDATE delivery SET next_at = ?2 WHERE id = ?1 AND next_at IS NULL")?
            .execute(params![id, at])?;
        self.load.deliveries += i64::try_from(changed).unwrap_or(0);
        Ok(())
    }

    /// Gives the head of an ordering key its time, unless it has one, runs, or is parked. Its time is since when it is
    /// owed: what waited behind others keeps its age, and its place among what waits longest.
    fn promote(&mut self, sink: &str, ordering: Option<&[u8]>, at: Millis) -> Result<(), Error> {
        let Some(ordering) = ordering else { return Ok(()) };
        let changed = self
            .connection
            .prepare_cached(
                "UPDATE delivery SET next_at = min(?3, since)
                 WHERE id = (SELECT id FROM delivery WHERE sink = ?1 AND ordering = ?2 AND state < 4
                             ORDER BY coalesce(place, id), id LIMIT 1)
                     AND state IN (0, 1) AND next_at IS NULL",
            )?
            .execute(params![sink, ordering, at])?;
        self.load.deliveries += i64::try_from(changed).unwrap_or(0);
        Ok(())
    }

    fn standing(&self, delivery: i64) -> Result<Option<Standing>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT message, sink, ordering, state, attempts, barred, after_unknown, next_at FROM delivery WHERE id = ?1",
        )?;
        let mut rows = statement.query(params![delivery])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some(Standing {
            message: get(row, "message")?,
            sink: get(row, "sink")?,
            ordering: get(row, "ordering")?,
            state: get(row, "state")?,
            attempts: get(row, "attempts")?,
            barred: get(row, "barred")?,
            after_unknown: get(row, "after_unknown")?,
            timed: get::<Option<Millis>>(row, "next_at")?.is_some(),
        }))
    }

    /// Row of a body, made if it is not there. Whoever refers to it is known: the message that brought it, then others.
    fn body(&self, body: &NewBody, message: MessageId) -> Result<i64, Error> {
        if body.bytes.is_none() {
            if !self.files.exists(body.id) {
                // A purge took it away since it was written: the caller asks for the whole again.
                return Err(Error::Inconsistent(format!("the file of body {} is gone", body.id)));
            }
            self.named.borrow_mut().push(body.id);
        }
        let inserted = self
            .connection
            .prepare_cached(
                "INSERT OR IGNORE INTO body (hash, length, key, bytes, owner) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                body.id.as_bytes(),
                number(body.length),
                body.key.map(|key| key.0),
                body.bytes.as_deref(),
                number(message.0)
            ])?;
        if inserted == 1 {
            return Ok(self.connection.last_insert_rowid());
        }
        let (id, owner, purged): (i64, i64, bool) = self
            .connection
            .prepare_cached("SELECT id, owner, purged_at IS NOT NULL FROM body WHERE hash = ?1")?
            .query_row(params![body.id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        if purged {
            self.connection
                .prepare_cached("UPDATE body SET key = ?2, bytes = ?3, purged_at = NULL WHERE id = ?1")?
                .execute(params![id, body.key.map(|key| key.0), body.bytes.as_deref()])?;
        }
        if owner != number(message.0) {
            self.use_body(id, message)?;
        }
        Ok(id)
    }

    pub(super) fn version(&self, version: &Version) -> Result<i64, Error> {
        let hash = version.hash.as_bytes();
        let known = self
            .connection
            .prepare_cached("SELECT id FROM version WHERE hash = ?1")?
            .query_row(params![hash], |row| row.get(0))
            .optional()?;
        if let Some(id) = known {
            return Ok(id);
        }
        self.connection
            .prepare_cached("INSERT INTO version (hash, text) VALUES (?1, ?2)")?
            .execute(params![hash, version.text])?;
        Ok(self.connection.last_insert_rowid())
    }

    fn keys(&self, keys: &[Key], message: MessageId, delivery: Option<DeliveryId>) -> Result<(), Error> {
        let mut statement = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO key (kind, hash, message, delivery) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for (kind, hash) in keys {
            let delivery = delivery.map_or(0, |delivery| delivery.0);
            statement.execute(params![
                number(kind_number(*kind) as u64),
                hash.0,
                number(message.0),
                number(delivery)
            ])?;
        }
        Ok(())
    }

    fn shapes(&self, message: MessageId, first: i64, shapes: &[NewShape]) -> Result<(), Error> {
        for (position, shape) in (first..).zip(shapes) {
            let body = self.body(&shape.body, message)?;
            // A message routed again after it was parked has no shapes yet: it was parked before it had any.
            self.connection
                .prepare_cached("INSERT INTO shape (message, position, name, body) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![number(message.0), position, shape.name, body])?;
        }
        Ok(())
    }

    pub(super) fn note(&self, name: &str, text: &str) -> Result<Applied, Error> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO store (name, value) VALUES ('note:' || ?1, ?2)")?
            .execute(params![name, text])?;
        Ok(Applied::Done(0))
    }
}

/// A delivery, as far as a change must know it.
struct Standing {
    message: i64,
    sink: String,
    ordering: Option<Vec<u8>>,
    state: i64,
    attempts: i64,
    barred: bool,
    after_unknown: bool,
    /// It has a time: it counts as open.
    timed: bool,
}

fn message_id(id: i64) -> Result<MessageId, Error> {
    u64::try_from(id).map(MessageId).map_err(|_| Error::Inconsistent("message.id".to_owned()))
}

pub(crate) fn control_id_reused(accepted: bool) -> Finding {
    let severity = if accepted { Severity::Warning } else { Severity::Error };
    Finding::new(
        severity,
        CONTROL_ID_REUSED,
        "ce numéro de message a déjà servi pour un autre contenu du même émetteur",
    )
    .remedy("donner un numéro neuf (MSH-10, ou Message-ID d'un courriel) à chaque message, et le garder seulement pour renvoyer le même")
}

fn interrupted() -> Finding {
    Finding::warning(
        INTERRUPTED,
        "la passerelle s'est arrêtée pendant cette tentative : son issue est inconnue",
    )
    .remedy(
        "rien à faire : le partenaire est interrogé avant tout nouvel envoi, là où ses règles le permettent",
    )
}

fn sink_gone() -> Finding {
    Finding::error(SINK_GONE, "ce partenaire n'est plus dans la configuration")
        .remedy("remettre le partenaire : ses envois repartent au démarrage ; ou les refuser (jonction parked refuse)")
}
