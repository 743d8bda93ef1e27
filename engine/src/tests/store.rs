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
    database.execute("UPDATE store SET value = 2 WHERE name = 'format'", []).unwrap();
    drop(database);

    let error = open(&path).err().unwrap();
    assert!(matches!(error, Error::NewerFormat { found: 2, known: 1 }), "{error}");
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

#[tokio::test(start_paused = true)]
async fn a_damaged_artefact_is_parked_and_never_sent() {
    let world = World::new().await;
    world.script("dmp", "M1", &[Act::RetryAfter(3000)]);
    world.send("M1;dmp").await;
    while world.seen("dmp").is_empty() {
        tokio::task::yield_now().await;
    }
    let database = rusqlite::Connection::open(world.path().join("journal.db")).unwrap();
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
