//! The store on disk: damage, locks, keys, formats, large bodies.

use std::{fs, sync::Arc};

use jonction_model::{SeededEntropy, SystemClock};

use super::world::{Act, World, settings};
use crate::{Broken, Engine, Error, MessageState, Reader, index_key::key_path};

fn open(world_path: &std::path::Path) -> Result<Engine, Error> {
    Engine::open(settings(world_path.to_owned()), Arc::new(SystemClock), Arc::new(SeededEntropy::new(1)))
}

#[tokio::test(start_paused = true)]
async fn a_second_process_is_refused_with_a_remedy() {
    let world = World::unstarted();
    let error = open(&world.path()).err().unwrap();
    assert_eq!(error.code(), "journal.locked");
    assert!(error.remedy().contains("--data"));
}

#[tokio::test(start_paused = true)]
async fn a_lost_or_changed_index_key_is_never_replaced_in_silence() {
    let world = World::unstarted();
    world.send("M1;dmp").await;
    let path = world.path();
    let keep = tempfile::tempdir().unwrap();
    let _same_store = world.die();
    drop(_same_store.engine);
    let key = fs::read(key_path(&path)).unwrap();

    fs::rename(key_path(&path), keep.path().join("key")).unwrap();
    assert_eq!(open(&path).err().unwrap().code(), "journal.index-key-lost");
    assert_eq!(Reader::open(&path).err().unwrap().code(), "journal.index-key-lost");
    assert!(!key_path(&path).exists());
    fs::write(key_path(&path), [9; 32]).unwrap();
    assert_eq!(open(&path).err().unwrap().code(), "journal.index-key-changed");
    fs::write(key_path(&path), key).unwrap();
    assert!(open(&path).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_newer_format_is_refused() {
    let world = World::unstarted();
    let path = world.path();
    let world = world.die();
    drop(world.engine);
    let database = rusqlite::Connection::open(path.join("journal.db")).unwrap();
    database.execute("UPDATE store SET value = value + 1 WHERE name = 'format'", []).unwrap();
    drop(database);

    let error = open(&path).err().unwrap();
    assert!(matches!(error, Error::NewerFormat { found: 4, known: 3 }), "{error}");
    assert_eq!(Reader::open(&path).err().unwrap().code(), "journal.newer-format");
}

#[test]
fn a_folder_without_a_store_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Reader::open(folder.path()).err().unwrap().code(), "journal.no-store");
}

fn large(id: &str) -> String {
    format!("{id};dmp;x={}", "0123456789abcdef".repeat(1000))
}

fn body_files(world: &World) -> Vec<std::path::PathBuf> {
    let folders = fs::read_dir(world.path().join("bodies")).into_iter().flatten();
    let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_large_body_is_a_file_named_by_its_hash_and_stored_once() {
    let world = World::new().await;
    let text = large("M1");
    world.send(&text).await;
    world.idle().await;

    let files = body_files(&world);
    assert_eq!(files.len(), 1);
    assert_eq!(fs::read(&files[0]).unwrap(), text.as_bytes());
    let id = jonction_model::BodyId::of(text.as_bytes());
    assert!(files[0].to_string_lossy().ends_with(&id.to_string()[2..]));
    // Read in pieces, anywhere.
    let content =
        jonction_model::ContentRef { start: 9, end: 25, ..jonction_model::ContentRef::whole(id, 1 << 20) };
    assert_eq!(world.engine.tools().bodies.read(&content, 100).unwrap(), &text.as_bytes()[9..25]);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_message_is_parked_and_never_served() {
    for (what, damage) in [
        (
            "flipped",
            Box::new(|path: &std::path::Path| fs::write(path, "M1;dmp;but another one").unwrap())
                as Box<dyn Fn(&std::path::Path)>,
        ),
        ("missing", Box::new(|path| fs::remove_file(path).unwrap())),
    ] {
        let mut world = World::unstarted();
        world.send(&large("M1")).await;
        damage(&body_files(&world)[0]);
        world.start().await;
        world.idle().await;

        assert_eq!(world.message_state("M1"), MessageState::Parked, "{what}");
        assert!(world.journey("M1").error.unwrap().starts_with("journal.body-"), "{what}");
        assert!(world.seen("dmp").is_empty());
    }
}

/// A delivery of M1 that was prepared and tried, and will be again; its database, to be damaged.
async fn tried_once() -> (World, rusqlite::Connection) {
    let world = World::new().await;
    world.script("dmp", "M1", &[Act::RetryAfter(3000)]);
    world.send("M1;dmp").await;
    while world.seen("dmp").is_empty() {
        tokio::task::yield_now().await;
    }
    let database = rusqlite::Connection::open(world.path().join("journal.db")).unwrap();
    (world, database)
}

#[tokio::test(start_paused = true)]
async fn a_damaged_artefact_is_parked_and_never_sent() {
    let (world, database) = tried_once().await;
    let changed = database.execute("UPDATE body SET bytes = 'forged' WHERE bytes LIKE 'head %'", []).unwrap();
    assert_eq!(changed, 1);
    world.idle().await;

    let delivery = &world.journey("M1").deliveries[0];
    assert_eq!(delivery.finding.as_ref().unwrap().check, "journal.body-damaged");
    assert_eq!(world.seen("dmp").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_heals_when_the_same_bytes_come_again() {
    let world = World::unstarted();
    world.send(&large("M1")).await;
    let path = body_files(&world)[0].clone();
    fs::write(&path, "rubbish").unwrap();
    world.send(&large("M1")).await;
    assert_eq!(fs::read(&path).unwrap(), large("M1").as_bytes());
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_somebody_changed_names_its_first_broken_row() {
    let world = World::new().await;
    for id in ["A", "B", "C"] {
        world.script("dmp", id, &[Act::Park]);
        world.send(&format!("{id};patient={id};dmp")).await;
    }
    world.idle().await;
    for id in ["A", "B", "C"] {
        world.refuse(world.journey(id).deliveries[0].id, "essai").await.unwrap();
    }
    let reader = world.engine.reader();
    let whole = reader.verify_audit(None).unwrap();
    // The start is told too.
    assert_eq!((whole.head.count, whole.broken), (4, None));

    let database = rusqlite::Connection::open(world.path().join("journal.db")).unwrap();
    let broken = |sql: &str| {
        database.execute_batch(sql).unwrap();
        reader.verify_audit(None).unwrap().broken
    };
    database.execute_batch("CREATE TABLE kept AS SELECT * FROM audit").unwrap();
    let again = "DELETE FROM audit; INSERT INTO audit SELECT * FROM kept;";
    for (sql, expected) in [
        ("UPDATE audit SET reason = 'autre' WHERE number = 2", Broken::Changed { row: 2 }),
        ("UPDATE audit SET hash = x'00' WHERE number = 3", Broken::Changed { row: 3 }),
        ("DELETE FROM audit WHERE number = 1", Broken::Missing { row: 1 }),
        ("DELETE FROM audit WHERE number > 2", Broken::Cut { row: 3, count: 4 }),
    ] {
        assert_eq!(broken(sql), Some(expected), "{sql}");
        database.execute_batch(again).unwrap();
        assert_eq!(reader.verify_audit(None).unwrap(), whole, "{sql}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_row_is_parked_and_never_prepared_again() {
    for damage in [
        "UPDATE delivery SET artefact = substr(artefact, 2)",
        // What still makes sense, and is not what was prepared.
        "UPDATE delivery SET artefact = replace(artefact, '\"start\":0', '\"start\":1')",
        "UPDATE delivery SET artefact = NULL",
        // Another body than that of the person it is owed for.
        "UPDATE delivery SET part = (SELECT raw FROM message)",
        "UPDATE shape SET body = (SELECT raw FROM message)",
    ] {
        let (world, database) = tried_once().await;
        assert_eq!(database.execute(damage, []).unwrap(), 1, "{damage}");
        world.idle().await;

        let delivery = &world.journey("M1").deliveries[0];
        assert_eq!(delivery.finding.as_ref().unwrap().check, "journal.row-damaged", "{damage}");
        assert_eq!((delivery.state, world.seen("dmp").len()), (crate::DeliveryState::Parked, 1), "{damage}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_row_names_the_bytes_of_another_is_parked() {
    let mut world = World::unstarted();
    world.send("M1;dmp").await;
    world.send("M2;dmp").await;
    let database = rusqlite::Connection::open(world.path().join("journal.db")).unwrap();
    let swap = "UPDATE message SET raw = (SELECT raw FROM message WHERE id = 2) WHERE id = 1";
    assert_eq!(database.execute(swap, []).unwrap(), 1);
    world.start().await;
    world.idle().await;

    let journey = world.journey("M1");
    assert_eq!(
        (journey.state, journey.error.as_deref()),
        (crate::MessageState::Parked, Some("journal.row-damaged"))
    );
    assert_eq!(world.journey("M2").state, crate::MessageState::Routed);
}

/// The whole database as text, so that a review sees what changed: rows before what would count them.
fn dump(database: &rusqlite::Connection) -> String {
    let mut objects = database
        .prepare(
            "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL
             ORDER BY type <> 'table', type DESC, name",
        )
        .unwrap();
    let objects: Vec<(String, String, String)> = objects
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut text = String::new();
    for (kind, name, sql) in objects {
        text.push_str(&format!("{sql};\n"));
        if kind != "table" {
            continue;
        }
        let mut columns = database.prepare(&format!("SELECT name FROM pragma_table_info('{name}')")).unwrap();
        let columns: Vec<String> = columns
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(|name: Result<String, _>| format!("quote({})", name.unwrap()))
            .collect();
        let mut rows =
            database.prepare(&format!("SELECT {} FROM {name}", columns.join(" || ', ' || "))).unwrap();
        for row in rows.query_map([], |row| row.get::<_, String>(0)).unwrap() {
            text.push_str(&format!("INSERT INTO {name} VALUES ({});\n", row.unwrap()));
        }
    }
    text
}

/// Stores as the program of each format wrote them.
const FORMATS: [(&str, &str); 3] = [
    ("format-1.sql", include_str!("format-1.sql")),
    ("format-2.sql", include_str!("format-2.sql")),
    ("format-3.sql", include_str!("format-3.sql")),
];

/// Writes a store of the latest format, with `UPDATE=1`; never again once that format was released.
async fn write_latest() {
    let world = World::new().await;
    world.script("dmp", "M2", &[Act::Park]);
    world.send_all(&["M1;dmp;mail", "M2;dmp", "M3;refuse", "M4;other"]).await;
    world.idle().await;
    let key = fs::read(key_path(&world.path())).unwrap();
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let database = rusqlite::Connection::open(world.path().join("journal.db")).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/");
    let (name, _) = FORMATS[FORMATS.len() - 1];
    fs::write(format!("{path}{name}"), format!("-- index key {key}\n{}", dump(&database))).unwrap();
}

/// A data folder with a store of this text.
fn written(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let key = text.lines().next().unwrap().strip_prefix("-- index key ").unwrap();
    let digit = |at: usize| u8::from_str_radix(&key[2 * at..2 * at + 2], 16).unwrap();
    fs::create_dir(folder.path().join("keys")).unwrap();
    fs::write(key_path(folder.path()), (0..key.len() / 2).map(digit).collect::<Vec<_>>()).unwrap();
    let database = rusqlite::Connection::open(folder.path().join("journal.db")).unwrap();
    database
        .execute_batch(&format!(
            "PRAGMA foreign_keys = OFF; PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; {text}"
        ))
        .unwrap();
    folder
}

#[tokio::test(start_paused = true)]
async fn a_store_of_every_format_is_opened_told_and_goes_on() {
    if std::env::var_os("UPDATE").is_some() {
        return write_latest().await;
    }
    for (name, text) in FORMATS {
        let folder = written(text);
        let engine = open(folder.path()).unwrap();
        let reader = engine.reader();
        assert!(reader.balance(crate::Window::default()).unwrap().closes(), "{name}");
        let states = |id: &str| -> Vec<_> {
            let journey = reader.journey(id).unwrap().remove(0);
            journey.deliveries.iter().map(|delivery| (delivery.sink.to_string(), delivery.state)).collect()
        };
        assert_eq!(states("M1")[0], ("dmp".to_owned(), crate::DeliveryState::Delivered));
        assert_eq!(states("M2"), [("dmp".to_owned(), crate::DeliveryState::Parked)]);
        let message = |id: &str| reader.journey(id).unwrap().remove(0).state;
        assert_eq!((message("M3"), message("M4")), (MessageState::Refused, MessageState::Filtered));
        assert_eq!(reader.queues().unwrap().lanes[0].parked, 1, "{name}: counted when it came to our format");
    }
}

#[tokio::test(start_paused = true)]
async fn an_older_store_is_brought_to_our_format_by_who_writes_and_said_so_to_who_only_reads() {
    let folder = written(FORMATS[0].1);
    let error = Reader::open(folder.path()).err().unwrap();
    assert!(matches!(error, Error::OlderFormat { found: 1, known: 3 }), "{error}");
    drop(open(folder.path()).unwrap());
    assert!(Reader::open(folder.path()).is_ok());
    // A new store and an old one are the same in the end.
    let schema = |path: &std::path::Path| -> Vec<String> {
        let database = rusqlite::Connection::open(path.join("journal.db")).unwrap();
        let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
        let mut statement = database.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.map(|sql| sql.unwrap().split_whitespace().collect()).collect()
    };
    let fresh = tempfile::tempdir().unwrap();
    drop(open(fresh.path()).unwrap());
    assert_eq!(schema(folder.path()), schema(fresh.path()));
}
