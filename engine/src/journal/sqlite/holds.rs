//! What is held, as asked by routing, lanes and people.
//! In: a connection. Out: names, lines.

use jonction_model::{PartnerName, RouteName};
use jonction_ports::DeliveryId;
use rusqlite::{Connection, params, types::Value};

use super::rows::{get, number, time};
use super::write::hold_target;
use crate::{
    error::Error,
    index_key::KeyHash,
    order::hold::{HeldKey, HoldLine},
};

/// Deliveries counted for one hold.
const COUNTED_MAX: u32 = 10_000;

/// Open deliveries `d` that a hold of this kind is about, its target being `?1`.
fn deliveries_of(kind: i64) -> &'static str {
    match kind {
        0 => "delivery d JOIN message m ON m.id = d.message WHERE m.route = ?1 AND d.state < 4",
        1 => "delivery d WHERE d.sink = ?1 AND d.state < 2 AND d.next_at IS NOT NULL",
        2 => "key k JOIN delivery d ON d.id = k.delivery WHERE k.kind = 5 AND k.hash = ?1 AND d.state < 4",
        _ => {
            "key k JOIN delivery d ON d.message = k.message WHERE k.kind = 0 AND k.hash = ?1 AND d.state < 4"
        }
    }
}

/// Routes whose messages are not routed: held, or still giving back what they held.
pub(super) fn routes(connection: &Connection) -> Result<Vec<RouteName>, Error> {
    let mut statement = connection.prepare_cached("SELECT target FROM hold WHERE kind = 0")?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(names.iter().filter_map(|name| RouteName::parse(name).ok()).collect())
}

pub(super) fn holds_lane(connection: &Connection, lane: &PartnerName) -> Result<bool, Error> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM hold WHERE kind = 1 AND target = ?1")?;
    Ok(statement.exists(params![lane.as_str()])?)
}

fn key_of(kind: i64, target: Value) -> Option<HeldKey> {
    let hash = |bytes: Vec<u8>| bytes.try_into().map(KeyHash).ok();
    match (kind, target) {
        (0, Value::Text(name)) => RouteName::parse(&name).ok().map(HeldKey::Route),
        (1, Value::Text(name)) => PartnerName::parse(&name).ok().map(HeldKey::Partner),
        (2, Value::Blob(bytes)) => hash(bytes).map(HeldKey::Recipient),
        (3, Value::Blob(bytes)) => hash(bytes).map(HeldKey::Patient),
        _ => None,
    }
}

/// Every hold, and whether it is lifted and gives back what it held.
pub(super) fn keys(connection: &Connection) -> Result<Vec<(HeldKey, bool)>, Error> {
    let mut statement = connection.prepare_cached("SELECT kind, target, lifted_at IS NOT NULL FROM hold")?;
    let mut rows = statement.query([])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.extend(key_of(row.get(0)?, row.get(1)?).zip(row.get(2)?));
    }
    Ok(keys)
}

/// Deliveries, after a number, that do not agree with a hold: that wait as if it were not there, or are held by it though it is lifted.
pub(super) fn unsettled(
    connection: &Connection,
    key: &HeldKey,
    lifted: bool,
    after: DeliveryId,
    limit: u32,
) -> Result<Vec<DeliveryId>, Error> {
    let kind = key.kind().0;
    // A lane is not marked: it is not read.
    if kind == 1 {
        return Ok(Vec::new());
    }
    let states = if lifted { "d.state = -1" } else { "d.state IN (0, 1)" };
    let sql = format!(
        "SELECT DISTINCT d.id AS id FROM {} AND {states} AND d.id > ?3 ORDER BY d.id LIMIT ?2",
        deliveries_of(kind)
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows =
        statement.query(params![hold_target(key), limit, i64::try_from(after.0).unwrap_or(i64::MAX)])?;
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        ids.push(DeliveryId(number(row, "id")?));
    }
    Ok(ids)
}

/// Every hold, oldest first.
pub(super) fn lines(connection: &Connection) -> Result<Vec<HoldLine>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT kind, target, at, author, reason FROM hold WHERE lifted_at IS NULL ORDER BY at, kind, target",
    )?;
    let mut rows = statement.query([])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(key) = key_of(get(row, "kind")?, row.get("target")?) else { continue };
        let (messages, waiting) = waiting(connection, &key)?;
        lines.push(HoldLine {
            kind: key.kind().1.to_owned(),
            name: key.shown(),
            since: time(row, "at")?,
            author: get(row, "author")?,
            reason: get(row, "reason")?,
            messages,
            waiting,
        });
    }
    Ok(lines)
}

/// Messages and deliveries that wait for a hold. Deliveries that are held are counted up to a limit; what waits in a lane,
/// and messages, are counted already.
fn waiting(connection: &Connection, key: &HeldKey) -> Result<(u64, u64), Error> {
    let tally = |kind: i64, name: &str, states: &str| -> Result<u64, Error> {
        let sql = format!(
            "SELECT coalesce(sum(n), 0) AS n FROM tally WHERE kind = ?1 AND name = ?2 AND state IN ({states})"
        );
        connection.prepare_cached(&sql)?.query_row(params![kind, name], |row| Ok(number(row, "n")))?
    };
    let messages = match key {
        HeldKey::Route(route) => tally(0, route.as_str(), "6")?,
        HeldKey::Partner(sink) => return Ok((0, tally(1, sink.as_str(), "0, 1")?)),
        HeldKey::Recipient(_) | HeldKey::Patient(_) => 0,
    };
    Ok((messages, unsettled(connection, key, true, DeliveryId(0), COUNTED_MAX)?.len() as u64))
}
