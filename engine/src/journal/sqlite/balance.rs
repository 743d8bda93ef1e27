//! `jonction balance`: two lines that close, per route, structure and day.
//! In: a window. Out: counts. What is received and owed is counted apart from what became of it, so that a hole shows.
//! Source: architecture §4.2.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan, civil::Date};
use jonction_model::{RouteName, clock::paris};
use rusqlite::{Connection, params};

use super::{
    SqliteJournal,
    rows::{get, inconsistent, json, number, route, timestamp},
};
use crate::{
    error::Error,
    journal::{DeliveryState, MessageState, Millis},
    questions::{Balance, BalanceLine, Lines, Window},
};

impl SqliteJournal {
    pub(super) fn window_balance(&self, window: Window) -> Result<Balance, Error> {
        self.reading(|connection| {
            // One snapshot: counts of different moments would not close.
            let snapshot = connection.unchecked_transaction()?;
            let mut balance = Balance { missing: missing(&snapshot)?, ..Balance::default() };
            let Some((first, last)) = span(&snapshot, window)? else { return Ok(balance) };
            let mut day = timestamp(first)?.to_zoned_datetime(paris()).date();
            loop {
                let (start, end) = (midnight(day)?, midnight(day.saturating_add(1.day()))?);
                let lines = lines_between(&snapshot, start.max(first), end.min(last + 1))?;
                for ((route, structure), lines) in lines {
                    balance.total.add(&lines);
                    balance.lines.push(BalanceLine { day, route, structure, lines });
                }
                if end > last {
                    return Ok(balance);
                }
                day = day.saturating_add(1.day());
            }
        })
    }
}

pub(super) fn midnight(day: Date) -> Result<Millis, Error> {
    let inconsistent = |_| Error::Inconsistent("day".to_owned());
    Ok(day.to_zoned_datetime(paris()).map_err(inconsistent)?.timestamp().as_millisecond())
}

/// Numbers given to messages that have no row, and were not purged.
fn missing(connection: &Connection) -> Result<u64, Error> {
    let missing: i64 =
        connection.query_row("SELECT coalesce(max(id), 0) - count(*) FROM message", [], |row| row.get(0))?;
    let purged: i64 = connection.query_row(
        "SELECT coalesce(sum((lines ->> '$.messages.received') - (lines ->> '$.messages.repeated')), 0) FROM kept_total",
        [],
        |row| row.get(0),
    )?;
    Ok(missing.abs_diff(purged))
}

/// First and last reception inside the window.
fn span(connection: &Connection, window: Window) -> Result<Option<(Millis, Millis)>, Error> {
    let since = window.since.map_or(Millis::MIN, Timestamp::as_millisecond);
    let until = window.until.map_or(Millis::MAX, Timestamp::as_millisecond);
    let (first, last): (Option<Millis>, Option<Millis>) = connection.query_row(
        "SELECT min(first), max(last) FROM (
             SELECT min(received_at) AS first, max(received_at) AS last FROM message
                 WHERE received_at >= ?1 AND received_at < ?2
             UNION ALL
             SELECT min(received_at), max(received_at) FROM repetition WHERE received_at >= ?1 AND received_at < ?2
             UNION ALL
             SELECT min(day), max(day) FROM kept_total WHERE day >= ?1 AND day < ?2)",
        params![since, until],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(first.zip(last))
}

/// Route, and structure that sent (MSH-4).
type Flow = (Option<RouteName>, String);
type ByFlow = BTreeMap<Flow, Lines>;

fn lines_between(connection: &Connection, start: Millis, end: Millis) -> Result<ByFlow, Error> {
    let mut lines = ByFlow::new();
    let mut each = |sql: &str, add: &dyn Fn(&mut Lines, Option<i64>, u64)| -> Result<(), Error> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![start, end])?;
        while let Some(row) = rows.next()? {
            let count = number(row, "count")?;
            if count > 0 {
                let flow = (route(row, "route")?, get(row, "facility")?);
                add(lines.entry(flow).or_default(), get(row, "state")?, count);
            }
        }
        Ok(())
    };
    each(
        "SELECT route, facility, NULL AS state, count(*) AS count FROM message
         WHERE received_at >= ?1 AND received_at < ?2 GROUP BY route, facility",
        &|lines, _, count| lines.messages.received += count,
    )?;
    each(
        "SELECT route, facility, state, count(*) AS count FROM message
         WHERE received_at >= ?1 AND received_at < ?2 GROUP BY route, facility, state",
        &|lines, state, count| {
            lines.messages.add_state(state.and_then(MessageState::of), count);
        },
    )?;
    each(
        "SELECT message.route, coalesce(facility, '') AS facility, NULL AS state, count(*) AS count FROM repetition
         LEFT JOIN message ON message.id = repetition.message
         WHERE repetition.received_at >= ?1 AND repetition.received_at < ?2 GROUP BY message.route, facility",
        &|lines, _, count| {
            lines.messages.received += count;
            lines.messages.repeated += count;
        },
    )?;
    each(
        "SELECT route, facility, NULL AS state, sum(owed) AS count FROM message
         WHERE received_at >= ?1 AND received_at < ?2 GROUP BY route, facility",
        &|lines, _, count| lines.deliveries.owed += count,
    )?;
    each(
        "SELECT message.route, facility, delivery.state, count(*) AS count FROM message
         JOIN delivery ON delivery.message = message.id
         WHERE received_at >= ?1 AND received_at < ?2 GROUP BY message.route, facility, delivery.state",
        &|lines, state, count| {
            lines.deliveries.add_state(state.and_then(DeliveryState::of), count);
        },
    )?;
    let mut kept = connection.prepare_cached(
        "SELECT route, structure AS facility, lines FROM kept_total WHERE day >= ?1 AND day < ?2",
    )?;
    let mut rows = kept.query(params![start, end])?;
    while let Some(row) = rows.next()? {
        let route = Some(get::<String>(row, "route")?).filter(|name| !name.is_empty());
        let route = route.map(|name| RouteName::parse(&name).map_err(|_| inconsistent("kept_total.route")));
        let kept: Lines = json(row, "lines")?.ok_or_else(|| inconsistent("kept_total.lines"))?;
        lines.entry((route.transpose()?, get(row, "facility")?)).or_default().add(&kept);
    }
    Ok(lines)
}
