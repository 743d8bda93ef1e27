//! Stores that something happened to: gone, cut, overwritten; and a clock that goes back under what is stored.
//! Each is told by name, and nothing is made again in silence.

use std::{fs, path::Path, sync::Arc};

use jonction_model::{Clock as _, SeededEntropy, SystemClock};
use tempfile::TempDir;

use super::world::{World, arrival, settings};
use crate::{Engine, Error, MessageState, Reader, Window};

const MESSAGES: u64 = 20;

fn open(path: &Path) -> Result<Engine, Error> {
    Engine::open(settings(path.to_owned()), Arc::new(SystemClock), Arc::new(SeededEntropy::new(1)))
}

fn refusal(path: &Path) -> Error {
    open(path).err().unwrap_or_else(|| panic!("the store was opened"))
}

async fn send(engine: &Engine, count: u64) {
    for id in 0..count {
        let text = format!("M{id};dmp;x={}", "0123456789".repeat(100));
        engine.intake().submit(arrival(&text, SystemClock.now())).await.unwrap();
    }
}

/// A store with messages, closed properly.
async fn store() -> TempDir {
    let folder = TempDir::new().unwrap();
    send(&open(folder.path()).unwrap(), MESSAGES).await;
    folder
}

/// What stands in the store of a process that died: a log that was never copied into the database.
async fn killed() -> TempDir {
    let (living, dead) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let engine = open(living.path()).unwrap();
    send(&engine, MESSAGES).await;
    for name in ["journal.db", "journal.db-wal"] {
        fs::copy(living.path().join(name), dead.path().join(name)).unwrap();
    }
    fs::create_dir(dead.path().join("keys")).unwrap();
    for name in ["keys/index.key", "keys/journal.made"] {
        fs::copy(living.path().join(name), dead.path().join(name)).unwrap();
    }
    dead
}

fn received(path: &Path) -> u64 {
    let balance = Reader::open(path).unwrap().balance(Window::default()).unwrap();
    assert!(balance.closes(), "{balance:?}");
    balance.total.messages.received
}

#[tokio::test]
async fn a_journal_that_disappeared_is_never_made_again_in_silence() {
    let lost: [fn(&Path); 3] = [
        |path| fs::remove_file(path.join("journal.db")).unwrap(),
        |path| fs::write(path.join("journal.db"), "").unwrap(),
        |path| {
            // SQLite would throw away a log without its database: the log may be all that is left.
            fs::remove_file(path.join("journal.db")).unwrap();
            fs::write(path.join("journal.db-wal"), "what is left").unwrap();
        },
    ];
    for lose in lost {
        let folder = store().await;
        lose(folder.path());
        let error = refusal(folder.path());
        assert_eq!(error.code(), "journal.lost");
        assert!(error.remedy().contains("sauvegarde") && error.sentence().contains("journal.db"));
        let log = folder.path().join("journal.db-wal");
        assert!(!log.exists() || fs::read(log).unwrap() == b"what is left");
    }
}

#[tokio::test]
async fn a_first_start_that_was_cut_starts_again() {
    let folder = TempDir::new().unwrap();
    drop(open(folder.path()).unwrap());
    // As after a cut: the key is durable, the journal is not.
    fs::remove_file(folder.path().join("keys/journal.made")).unwrap();
    fs::remove_file(folder.path().join("journal.db")).unwrap();
    send(&open(folder.path()).unwrap(), 1).await;
    assert_eq!(received(folder.path()), 1);
}

#[tokio::test]
async fn a_cut_or_overwritten_database_is_named_with_its_file() {
    type Change = fn(Vec<u8>) -> Vec<u8>;
    let cases: [(&str, Change); 5] = [
        ("journal.damaged", |whole| whole[..whole.len() / 2].to_vec()),
        ("journal.damaged", |whole| whole[..20_000].to_vec()),
        ("journal.not-a-journal", |whole| whole[..3].to_vec()),
        ("journal.not-a-journal", |whole| vec![0x5a; whole.len()]),
        ("journal.not-a-journal", |_| b"PK\x03\x04 an archive that somebody restored here".repeat(500)),
    ];
    for (code, change) in cases {
        let folder = store().await;
        let path = folder.path().join("journal.db");
        let changed = change(fs::read(&path).unwrap());
        fs::write(&path, &changed).unwrap();
        for error in [refusal(folder.path()), Reader::open(folder.path()).err().unwrap()] {
            assert_eq!(error.code(), code, "{error}");
            assert!(error.sentence().contains("journal.db"), "{}", error.sentence());
        }
        assert_eq!(fs::read(&path).unwrap(), changed, "what is left was touched");
    }
}

/// What was never copied and is cut off is gone, and nothing else: whole transactions, in their order.
#[tokio::test]
async fn a_cut_log_keeps_the_transactions_before_the_cut() {
    let mut kept = Vec::new();
    for percent in [100, 60, 30, 0] {
        let folder = killed().await;
        let path = folder.path().join("journal.db-wal");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() * percent / 100]).unwrap();
        match open(folder.path()) {
            Ok(engine) => {
                drop(engine);
                kept.push(received(folder.path()));
            }
            // The tables themselves were in the log.
            Err(error) => assert_eq!((percent, error.code()), (0, "journal.lost"), "{error}"),
        }
    }
    assert!(kept[0] == MESSAGES && kept[1] < MESSAGES && kept[2] < kept[1], "{kept:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_goes_back_an_hour_breaks_neither_order_nor_balance_nor_repeats() {
    let mut world = World::unstarted();
    world.start().await;
    let before = world.send("BEFORE;patient=A;dmp").await;
    world.set_clock(-3_600_000);
    let after = world.send("AFTER;patient=A;dmp").await;
    let again = world.send("BEFORE;patient=A;dmp").await;
    world.idle().await;

    assert!(after.message > before.message, "numbers are given in the order of arrival");
    assert!(again.repeated && again.message == before.message, "a repeat is one whatever the clock says");
    assert_eq!(world.message_state("AFTER"), MessageState::Routed);
    let seen: Vec<_> = world.seen("dmp").iter().map(|attempt| attempt.control_id.clone()).collect();
    assert_eq!(seen, ["BEFORE", "AFTER"], "one patient, one order");
    let balance = world.engine.reader().balance(Window::default()).unwrap();
    assert!(balance.closes() && balance.missing == 0, "{balance:?}");
    assert_eq!((balance.total.messages.received, balance.total.messages.repeated), (3, 1));
    let journey = world.journey("AFTER");
    assert!(
        journey.received_at < world.journey("BEFORE").received_at,
        "the time told is the clock's, as it was"
    );
}
