//! What is held, as asked by routing, lanes and people.
//! In: a connection. Out: names, lines.

use jonction_model::{PartnerName, RouteName};
use rusqlite::{Connection, params, types::Value};

use super::rows::{get, number, time};
use crate::{error::Error, index_key::KeyHash, order::hold::HoldLine};

const WORDS: [&str; 4] = ["route", "partner", "recipient", "patient"];
/// Deliveries counted for one hold.
const COUNTED_MAX: u32 = 10_000;

/// Open deliveries `d` that a hold of this kind is about, its target being `?1`.
pub(super) fn deliveries_of(kind: i64) -> &'static str {
    match kind {
        0 => "delivery d JOIN message m ON m.id = d.message WHERE m.route = ?1 AND d.state < 4",
        1 => "delivery d WHERE d.sink = ?1 AND d.state < 2 AND d.next_at IS NOT NULL",
        2 => "key k JOIN delivery d ON d.id = k.delivery WHERE k.kind = 5 AND k.hash = ?1 AND d.state < 4",
        _ => {
            "key k JOIN delivery d ON d.message = k.message WHERE k.kind = 0 AND k.hash = ?1 AND d.state < 4"
        }
    }
}

pub(super) fn routes(connection: &Connection) -> Result<Vec<RouteName>, Error> {
    let mut statement = connection.prepare_cached("SELECT target FROM hold WHERE kind = 0")?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(names.iter().filter_map(|name| RouteName::parse(name).ok()).collect())
}

pub(super) fn holds_lane(connection: &Connection, lane: &PartnerName) -> Result<bool, Error> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM hold WHERE kind = 1 AND target = ?1")?;
    Ok(statement.exists(params![lane.as_str()])?)
}

/// Every hold, oldest first.
pub(super) fn lines(connection: &Connection) -> Result<Vec<HoldLine>, Error> {
    let mut statement = connection
        .prepare_cached("SELECT kind, target, at, author, reason FROM hold ORDER BY at, kind, target")?;
    let mut rows = statement.query([])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let kind: i64 = get(row, "kind")?;
        let target: Value = row.get("target")?;
        let waiting = waiting(connection, kind, &target)?;
        let name = match target {
            Value::Text(name) => name,
            Value::Blob(bytes) => {
                let hash: Result<[u8; 16], _> = bytes.try_into();
                hash.map(|hash| KeyHash(hash).to_string()).unwrap_or_default()
            }
            _ => String::new(),
        };
        lines.push(HoldLine {
            kind: usize::try_from(kind).ok().and_then(|at| WORDS.get(at)).copied().unwrap_or("?").to_owned(),
            name,
            since: time(row, "at")?,
            author: get(row, "author")?,
            reason: get(row, "reason")?,
            waiting,
        });
    }
    Ok(lines)
}

fn waiting(connection: &Connection, kind: i64, target: &Value) -> Result<u64, Error> {
    let held = if kind == 1 { "d.state IN (0, 1)" } else { "d.state = -1" };
    let sql = format!(
        "SELECT count(*) AS waiting FROM (SELECT DISTINCT d.id FROM {} AND {held} LIMIT ?2)",
        deliveries_of(kind)
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![target, COUNTED_MAX])?;
    rows.next()?.map_or(Ok(0), |row| number(row, "waiting"))
}
