//! The engine at scale: intake to several sinks, draining of lanes, questions in a large store.
//! In: a data directory. Out: rates and times, of the whole engine between its own ends.

use std::{
    collections::HashMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use jonction_model::PartnerName;
use jonction_ports::{KeyKind, Sink};
use rusqlite::{Connection, params};

use super::{
    Copies, Load, Rate, arrival,
    fill::person_hash,
    open_with, partner, runtime,
    traffic::{route, sinks},
};
use crate::{
    Error, LaneSettings, Rate as LaneRate, Route, Window, Wired,
    journal::{Questions as _, SqliteJournal},
    questions::Query,
    replay::Trial,
};

/// How messages went through.
#[derive(Clone, Copy, Debug)]
pub struct Passage {
    /// Until every sender was answered.
    pub taken: Rate,
    /// Until every delivery had ended.
    pub delivered: Rate,
}

const GRACE: Duration = Duration::from_secs(10);

fn wired(
    routes: Vec<Route>,
    sinks: Vec<(PartnerName, Arc<dyn Sink>)>,
    lanes: HashMap<PartnerName, LaneSettings>,
) -> Wired {
    Wired { routes, sinks: sinks.into_iter().collect(), lanes, ..Wired::default() }
}

/// Time until the engine of a store is open and has started, with so many lanes. Blocking; runs its own runtime.
pub fn opened(directory: &Path, lanes: usize) -> Result<Duration, Error> {
    let runtime = runtime()?;
    let began = Instant::now();
    let engine = open_with(directory, |_| {})?;
    let sinks = sinks(lanes)?;
    let route = route(sinks.iter().map(|(name, _)| name.clone()))?;
    let running = runtime.block_on(engine.start(wired(vec![route], sinks, HashMap::new())))?;
    let took = began.elapsed();
    runtime.block_on(running.stop(GRACE));
    Ok(took)
}

/// The route of [`passage`] with one sink, tried on the past.
pub fn trial() -> Result<Trial, Error> {
    let sinks = sinks(1)?;
    let route = route(sinks.iter().map(|(name, _)| name.clone()))?;
    Trial::new(vec![route], sinks.into_iter().collect(), jonction_model::Environment::Test)
}

/// Messages from so many senders to so many sinks, from the first byte to the last ending.
/// `first`: number of the first message, so that a store that has some takes others. Blocking; runs its own runtime.
pub fn passage(directory: &Path, load: Load, lanes: usize, first: usize) -> Result<Passage, Error> {
    let engine = open_with(directory, |_| {})?;
    let runtime = runtime()?;
    let sinks = sinks(lanes)?;
    let route = route(sinks.iter().map(|(name, _)| name.clone()))?;
    let partner = partner()?;
    let each = load.messages / load.connections.max(1);
    let of_connection = |connection: usize| {
        (0..each).map(|n| arrival(&partner, first + connection * each + n, load.message_bytes)).collect()
    };
    let arrivals: Vec<Vec<_>> = (0..load.connections).map(of_connection).collect();
    runtime.block_on(async {
        let running = engine.start(wired(vec![route], sinks, HashMap::new())).await?;
        running.wait_idle().await;
        let (commits, began) = (engine.commits(), Instant::now());
        let mut senders = tokio::task::JoinSet::new();
        for arrivals in arrivals {
            senders.spawn(super::send(engine.intake(), arrivals));
        }
        let mut messages = 0;
        while let Some(done) = senders.join_next().await {
            messages += done.unwrap_or(Ok(0)).map_err(|error| Error::Database(error.to_string()))?;
        }
        let rate = || Rate { messages, took: began.elapsed(), commits: engine.commits() - commits };
        let taken = rate();
        running.wait_idle().await;
        let delivered = rate();
        running.stop(GRACE).await;
        Ok(Passage { taken, delivered })
    })
}

/// So many deliveries wait in so many lanes, whose partners take everything at once. Out: deliveries per second.
/// `directory` must be empty. Blocking; runs its own runtime.
pub fn drain(directory: &Path, lanes: usize, deliveries: usize) -> Result<Rate, Error> {
    let messages = deliveries.div_ceil(lanes.max(1));
    let engine = open_with(directory, |_| {})?;
    let runtime = runtime()?;
    let sinks = sinks(lanes)?;
    let routes = || Ok::<_, Error>(vec![route(sinks.iter().map(|(name, _)| name.clone()))?]);
    // One attempt an hour, and none in advance: everything is routed, nothing leaves.
    let shut = LaneSettings { rate: LaneRate::parse("1/h").ok(), ..LaneSettings::default() };
    let shut = sinks.iter().map(|(name, _)| (name.clone(), shut.clone())).collect();
    let partner = partner()?;
    runtime.block_on(async {
        let running = engine.start(wired(routes()?, sinks.clone(), shut)).await?;
        let arrivals = (0..messages).map(|n| arrival(&partner, n, 2048)).collect();
        let sent = super::send(engine.intake(), arrivals).await;
        sent.map_err(|error| Error::Database(error.to_string()))?;
        while engine.reader().balance(Window::default())?.total.messages.waiting > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        running.stop(GRACE).await;
        let (commits, began) = (engine.commits(), Instant::now());
        let running = engine.start(wired(routes()?, sinks.clone(), HashMap::new())).await?;
        running.wait_idle().await;
        let took = began.elapsed();
        running.stop(GRACE).await;
        Ok(Rate { messages: messages * lanes, took, commits: engine.commits() - commits })
    })
}

/// The rows that deliveries write by a loop over SQLite: so many begun in one commit, then ended in the next.
/// `directory` must be empty.
pub fn bare_drain(directory: &Path, deliveries: usize, batch: usize) -> Result<Rate, Error> {
    let mut connection = Connection::open(directory.join("bare.db"))?;
    connection.execute_batch(
        "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384;
         PRAGMA foreign_keys = OFF;",
    )?;
    connection.execute_batch(include_str!("../journal/sqlite/format/1.sql"))?;
    let last = i64::try_from(deliveries).unwrap_or(i64::MAX);
    connection.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         INSERT INTO delivery (id, message, shape, sink, ordering, state, next_at, part, created_at, since)
         SELECT i, i, 0, 'voie-00', randomblob(16), 0, 1, 1, 1, 1 FROM n",
        params![last],
    )?;
    let ids: Vec<i64> = (1..=last).collect();
    let began = Instant::now();
    let mut commits = 0;
    for batch in ids.chunks(batch.max(1)) {
        for step in [begun, ended] {
            let transaction = connection.transaction()?;
            batch.iter().try_for_each(|id| step(&transaction, *id))?;
            transaction.commit()?;
            commits += 1;
        }
    }
    Ok(Rate { messages: deliveries, took: began.elapsed(), commits })
}

fn begun(connection: &Connection, id: i64) -> Result<(), Error> {
    for sql in [
        "INSERT INTO body (hash, length, owner, bytes) VALUES (randomblob(32), 2048, ?1, zeroblob(2048))",
        "UPDATE delivery SET state = 2, next_at = NULL, attempts = 1, artefact = '{}' WHERE id = ?1",
        "INSERT INTO key (kind, hash, message, delivery) VALUES (0, randomblob(16), ?1, ?1)",
        "INSERT INTO key (kind, hash, message, delivery) VALUES (1, randomblob(16), ?1, ?1)",
        "INSERT INTO attempt (delivery, number, started_at, outcome) VALUES (?1, 1, 1, 0)",
    ] {
        connection.prepare_cached(sql)?.execute(params![id])?;
    }
    Ok(())
}

fn ended(connection: &Connection, id: i64) -> Result<(), Error> {
    for sql in [
        "UPDATE delivery SET state = 4, ended_at = 2 WHERE id = ?1",
        "UPDATE attempt SET outcome = 1, duration_us = 1 WHERE delivery = ?1 AND number = 1",
    ] {
        connection.prepare_cached(sql)?.execute(params![id])?;
    }
    Ok(())
}

/// Asks a store of [`Copies`] for the messages of so many persons, evenly spread. Out: the time of each question, and
/// how many messages were found. Blocking.
pub fn search(directory: &Path, copies: Copies, questions: u32) -> Result<(Vec<Duration>, usize), Error> {
    let (journal, _) = SqliteJournal::open_read(directory, crate::Seals::default())?;
    let (mut times, mut found) = (Vec::new(), 0);
    for n in 0..questions {
        let person =
            person_hash(n * (copies.persons / questions.max(1)).max(1) % copies.persons, copies.persons);
        let query = Query { keys: vec![vec![(KeyKind::Patient, person)]], limit: 50, ..Query::default() };
        let began = Instant::now();
        found += journal.find(&query)?.len();
        times.push(began.elapsed());
    }
    Ok((times, found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reader, bench_support::copy_message};

    #[test]
    fn a_copied_store_is_one_that_the_engine_could_have_written() {
        let folder = tempfile::tempdir().unwrap();
        let one = Load { connections: 1, messages: 1, message_bytes: 2048 };
        passage(folder.path(), one, 3, 0).unwrap();
        let copies = Copies { count: 50, persons: 10, purged: true };
        copy_message(folder.path(), copies).unwrap();

        let balance = Reader::open(folder.path()).unwrap().balance(Window::default()).unwrap();
        assert!(balance.closes(), "{balance:?}");
        assert_eq!((balance.total.messages.routed, balance.total.deliveries.delivered), (51, 153));
        assert_eq!(search(folder.path(), copies, 10).unwrap().1, 50, "each of ten persons has five");
        let more = passage(folder.path(), one, 3, 1).unwrap();
        assert_eq!(more.delivered.messages, 1, "and it goes on");
    }

    #[test]
    fn what_is_drained_has_left() {
        let (ours, bare) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert_eq!(drain(ours.path(), 4, 40).unwrap().messages, 40);
        let balance = Reader::open(ours.path()).unwrap().balance(Window::default()).unwrap();
        assert_eq!(balance.total.deliveries.delivered, 40);
        assert_eq!(bare_drain(bare.path(), 40, 4).unwrap().commits, 20);
        assert!(opened(ours.path(), 4).unwrap() < Duration::from_secs(30));
    }
}
