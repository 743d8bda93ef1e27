//! What `jonction bench` needs to measure durable intake against SQLite itself. Not for products.
//! In: a directory, how many connections, how many messages. Out: messages per second, each durable before the next.
//! The bare loop writes the same rows into the same tables and indexes, in one thread, prepared beforehand.

mod bodies;
mod fill;
mod scale;
mod traffic;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use jiff::Timestamp;
use jonction_model::{BodyId, Environment, MessageControlId, OsEntropy, PartnerName, Peer, SystemClock};
use jonction_ports::{Admitted, Arrival, Intake, IntakeError, MessageFacts, Repeat};
use rusqlite::{Connection, params};

use crate::{Engine, EngineSettings, Error, journal::sqlite::Limits};

pub use bodies::{Kept, body_cost};
pub use fill::{Copies, copy_message};
pub use scale::{Passage, bare_drain, drain, opened, passage, search, trial};

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Senders, each waiting for its receipt before it sends again.
    pub connections: usize,
    /// Messages in all.
    pub messages: usize,
    /// Size of each, in bytes.
    pub message_bytes: usize,
}

/// What came out.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Messages.
    pub messages: usize,
    /// Time for all of them.
    pub took: Duration,
    /// Commits it took.
    pub commits: u64,
}

impl Rate {
    /// Messages in one commit, on average: what the bare loop must be given, to do the same work.
    pub fn batch(&self) -> usize {
        let commits = usize::try_from(self.commits).unwrap_or(usize::MAX).max(1);
        self.messages.div_ceil(commits).max(1)
    }

    /// Messages per second.
    pub fn per_second(&self) -> f64 {
        self.messages as f64 / self.took.as_secs_f64()
    }
}

/// Durable intake of the whole engine: admission excluded, hashing, repeats, commit and receipts included.
/// `directory` must be empty. Blocking; runs its own runtime.
pub fn durable_intake(directory: &Path, load: Load) -> Result<Rate, Error> {
    let engine = open_with(directory, |_| {})?;
    let (runtime, arrivals) = (runtime()?, arrivals(load)?);
    let began = Instant::now();
    let sent = runtime.block_on(taken(&engine, arrivals))?;
    Ok(Rate { messages: sent, took: began.elapsed(), commits: engine.commits() })
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread().enable_time().build().map_err(Error::io("start a runtime"))
}

fn open_with(directory: &Path, change: impl FnOnce(&mut Limits)) -> Result<Engine, Error> {
    let mut settings = EngineSettings::new(directory, Environment::Test);
    change(&mut settings.limits);
    Engine::open(settings, Arc::new(SystemClock), Arc::new(OsEntropy))
}

/// The messages of each connection.
fn arrivals(load: Load) -> Result<Vec<Vec<Arrival>>, Error> {
    let (partner, each) = (partner()?, load.messages / load.connections.max(1));
    let of = |connection: usize| {
        (0..each).map(|n| arrival(&partner, connection * each + n, load.message_bytes)).collect()
    };
    Ok((0..load.connections).map(of).collect())
}

/// Sends them all, each connection in its order. Out: how many were taken.
async fn taken(engine: &Engine, arrivals: Vec<Vec<Arrival>>) -> Result<usize, Error> {
    let mut senders = tokio::task::JoinSet::new();
    for arrivals in arrivals {
        senders.spawn(send(engine.intake(), arrivals));
    }
    let mut sent = 0;
    while let Some(done) = senders.join_next().await {
        sent += done.unwrap_or(Ok(0)).map_err(|error| Error::Database(error.to_string()))?;
    }
    Ok(sent)
}

async fn send(intake: Arc<dyn Intake>, arrivals: Vec<Arrival>) -> Result<usize, IntakeError> {
    let mut sent = 0;
    for arrival in arrivals {
        intake.submit(arrival).await?;
        sent += 1;
    }
    Ok(sent)
}

fn partner() -> Result<PartnerName, Error> {
    PartnerName::parse("sil").map_err(|error| Error::Inconsistent(error.to_string()))
}

fn message(n: usize, bytes: usize) -> (String, Bytes, Bytes) {
    let control_id = format!("BENCH-{n:08}");
    let mut text = format!("MSH|^~\\&|SIL|CHU|||20261121080000||MDM^T02|{control_id}|P|2.6\r");
    while text.len() < bytes {
        text.push_str("OBX|1|ED|18748-4^CR^LN||text of no meaning at all|F\r");
    }
    text.truncate(bytes.max(64));
    (control_id.clone(), text.into(), format!("MSH|^~\\&|\rMSA|AA|{control_id}\r").into())
}

fn arrival(partner: &PartnerName, n: usize, bytes: usize) -> Arrival {
    let (control_id, raw, reply) = message(n, bytes);
    Arrival {
        partner: partner.clone(),
        peer: Peer { address: ([127, 0, 0, 1], 2575).into(), certificate: None },
        received_at: Timestamp::UNIX_EPOCH,
        admitted: Admitted {
            facts: MessageFacts {
                kind: "MDM^T02".to_owned(),
                profile: "2.1^CISIS_CDA_HL7_V2".to_owned(),
                control_id: MessageControlId::parse(&control_id).ok(),
                sending_application: "SIL".to_owned(),
                sending_facility: "CHU".to_owned(),
            },
            findings: Vec::new(),
            accepted: true,
            repeat: Some(Repeat {
                key: format!("SIL|CHU|{control_id}"),
                digest: *BodyId::of(&raw).as_bytes(),
            }),
        },
        raw: raw.into(),
        reply,
        conflict_reply: None,
    }
}

/// The same rows by a loop over SQLite: one thread, `batch_messages` per commit, values prepared before the clock starts.
/// `directory` must be empty.
pub fn bare_loop(directory: &Path, load: Load, batch_messages: usize) -> Result<Rate, Error> {
    let rows: Vec<_> = (0..load.messages)
        .map(|n| {
            let (control_id, raw, reply) = message(n, load.message_bytes);
            let (raw_hash, reply_hash) = (*BodyId::of(&raw).as_bytes(), *BodyId::of(&reply).as_bytes());
            let mut key = [0; 16];
            key.copy_from_slice(&BodyId::of(control_id.as_bytes()).as_bytes()[..16]);
            (control_id, raw, raw_hash, reply, reply_hash, key)
        })
        .collect();
    let mut connection = Connection::open(directory.join("bare.db"))?;
    connection.execute_batch(
        "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384;",
    )?;
    connection.execute_batch(include_str!("journal/sqlite/format/1.sql"))?;
    let began = Instant::now();
    let mut owner = 0_i64;
    for batch in rows.chunks(batch_messages.max(1)) {
        let transaction = connection.transaction()?;
        {
            let mut body = transaction.prepare_cached(
                "INSERT OR IGNORE INTO body (hash, length, bytes, owner) VALUES (?1, ?2, ?3, ?4)",
            )?;
            let mut message = transaction.prepare_cached(
                "INSERT INTO message (received_at, partner, peer, state, kind, profile, control_id, application,
                     facility, raw, reply, repeat_key, digest, findings, error)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            )?;
            for (control_id, raw, raw_hash, reply, reply_hash, key) in batch {
                owner += 1;
                body.execute(params![raw_hash, raw.len() as i64, &raw[..], owner])?;
                let raw_id = transaction.last_insert_rowid();
                body.execute(params![reply_hash, reply.len() as i64, &reply[..], owner])?;
                let reply_id = transaction.last_insert_rowid();
                message.execute(params![
                    0_i64,
                    "sil",
                    "127.0.0.1:2575",
                    0_i64,
                    "MDM^T02",
                    "2.1^CISIS_CDA_HL7_V2",
                    control_id,
                    "SIL",
                    "CHU",
                    raw_id,
                    reply_id,
                    key,
                    raw_hash,
                    None::<String>,
                    None::<String>,
                ])?;
            }
        }
        transaction.commit()?;
    }
    let commits = load.messages.div_ceil(batch_messages.max(1)) as u64;
    Ok(Rate { messages: load.messages, took: began.elapsed(), commits })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reader, Window};

    #[test]
    fn both_sides_write_the_same_number_of_messages() {
        let (ours, bare) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let load = Load { connections: 4, messages: 40, message_bytes: 2048 };
        assert_eq!(durable_intake(ours.path(), load).unwrap().messages, 40);
        assert_eq!(bare_loop(bare.path(), load, 4).unwrap().messages, 40);
        let reader = Reader::open(ours.path()).unwrap();
        assert_eq!(reader.balance(Window::default()).unwrap().total.messages.waiting, 40);
        let count: i64 = Connection::open(bare.path().join("bare.db"))
            .unwrap()
            .query_row("SELECT count(*) FROM message", [], |row| row.get(0))
            .unwrap();
        assert_eq!(count, 40);
    }
}
