//! Bodies at rest: nothing to read without the key, everything with it, whatever happened to the key.

use std::fs;

use bytes::Bytes;
use jonction_ports::Arrival;

use super::world::World;
use crate::{BodyKey, DeliveryState, Reader, Seals};

const CLEAR: &str = "0123456789abcdef";

fn key(digit: u8) -> BodyKey {
    BodyKey::parse(&format!("{digit:x}").repeat(64)).unwrap()
}

fn seals(current: Option<u8>, old: &[u8]) -> Seals {
    Seals { current: current.map(key), old: old.iter().copied().map(key).collect() }
}

fn large(id: &str) -> String {
    format!("{id};dmp;x={}", CLEAR.repeat(1000))
}

fn small(id: &str) -> String {
    format!("{id};dmp;x={CLEAR}")
}

/// Files of the store that hold this text.
fn found(world: &World, text: &str) -> Vec<String> {
    let mut folders = vec![world.path()];
    let mut holding = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read(&path).unwrap().windows(text.len()).any(|window| window == text.as_bytes()) {
                holding.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }
    holding
}

fn database(world: &World) -> rusqlite::Connection {
    rusqlite::Connection::open(world.path().join("journal.db")).unwrap()
}

fn keys_in_use(world: &World) -> i64 {
    database(world).query_row("SELECT count(*) FROM body_key", [], |row| row.get(0)).unwrap()
}

async fn wait_until_sealed(world: &World) {
    while keys_in_use(world) > 1 {
        tokio::task::yield_now().await;
    }
}

/// What was sent, and what the journey says of it.
fn told(world: &World, id: &str) -> (String, DeliveryState) {
    let delivery = world.journey(id).deliveries.remove(0);
    (delivery.label, delivery.state)
}

#[tokio::test(start_paused = true)]
async fn with_a_key_nothing_of_a_message_is_readable_in_any_file() {
    let clear = World::new().await;
    clear.send_all(&[&large("M1"), &small("M2")]).await;
    clear.idle().await;
    assert!(!found(&clear, CLEAR).is_empty(), "the test itself sees clear text");

    let mut world = World::unstarted().with_seals(seals(Some(1), &[])).unwrap();
    world.start().await;
    world.send_all(&[&large("M1"), &small("M2")]).await;
    world.idle().await;
    assert_eq!(found(&world, CLEAR), [""; 0]);
    assert_eq!((told(&world, "M1"), told(&world, "M2")), (told(&clear, "M1"), told(&clear, "M2")));
    assert_eq!(world.seen("dmp").len(), 2);
}

/// Sends a message as a source does that gets it in pieces.
async fn send_in_pieces(world: &World, text: &str) {
    let intake = world.engine.intake();
    let mut spool = intake.spool();
    for piece in text.as_bytes().chunks(1000) {
        spool.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    let raw = spool.finish().await.unwrap();
    let arrival = Arrival { raw, ..super::world::arrival(text, world.now()) };
    intake.submit(arrival).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_in_pieces_is_stored_like_one_that_comes_whole() {
    for sealed in [None, Some(1)] {
        let mut world = World::unstarted().with_seals(seals(sealed, &[])).unwrap();
        world.start().await;
        send_in_pieces(&world, &large("M1")).await;
        send_in_pieces(&world, &small("M2")).await;
        world.idle().await;
        assert_eq!(
            (told(&world, "M1").1, told(&world, "M2").1),
            (DeliveryState::Delivered, DeliveryState::Delivered)
        );
        for text in [large("M1"), small("M2")] {
            let raw = raw_of(&world, &text[..2]);
            assert_eq!(world.engine.tools().bodies.read(&raw, 1 << 20).unwrap(), text);
        }
        assert_eq!(found(&world, CLEAR).is_empty(), sealed.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_given_up_in_the_middle_leaves_no_file() {
    let world = World::unstarted();
    let mut spool = world.engine.intake().spool();
    spool.write(large("M1").into()).await.unwrap();
    drop(spool);
    assert_eq!(found(&world, CLEAR), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_store_is_not_opened_without_a_key_it_needs_and_the_key_is_named() {
    let world = World::unstarted().with_seals(seals(Some(1), &[])).unwrap();
    world.send(&small("M1")).await;
    let error = world.with_seals(seals(Some(2), &[])).err().unwrap();
    assert_eq!(error.code(), "journal.body-key-missing");
    assert!(error.sentence().contains(&key(1).name().to_string()));
}

#[tokio::test(start_paused = true)]
async fn after_a_change_of_key_everything_is_sealed_anew_and_the_old_key_is_of_no_use() {
    let mut world = World::unstarted().with_seals(seals(Some(1), &[])).unwrap();
    world.start().await;
    world.send_all(&[&large("M1"), &small("M2")]).await;
    world.idle().await;

    let mut world = world.with_seals(seals(Some(2), &[1])).unwrap();
    world.send(&small("M3")).await;
    world.start().await;
    wait_until_sealed(&world).await;
    world.idle().await;

    let world = world.with_seals(seals(Some(2), &[])).unwrap();
    for id in ["M1", "M2", "M3"] {
        assert_eq!(told(&world, id).1, DeliveryState::Delivered);
        world.engine.tools().bodies.read(&raw_of(&world, id), 1 << 20).unwrap();
    }
    assert_eq!(world.with_seals(seals(Some(1), &[])).err().unwrap().code(), "journal.body-key-missing");
}

#[tokio::test(start_paused = true)]
async fn a_store_in_clear_is_sealed_when_a_key_comes_and_opened_when_it_goes() {
    let world = World::new().await;
    world.send_all(&[&large("M1"), &small("M2")]).await;
    world.idle().await;

    let mut world = world.with_seals(seals(Some(1), &[])).unwrap();
    world.start().await;
    wait_until_sealed(&world).await;
    world.idle().await;
    // The log of the database is emptied: what it held is in the database, overwritten.
    let world = world.with_seals(seals(Some(1), &[])).unwrap();
    database(&world).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    assert_eq!(found(&world, CLEAR), [""; 0]);

    let mut world = world.with_seals(seals(None, &[1])).unwrap();
    world.start().await;
    wait_until_sealed(&world).await;
    let world = world.with_seals(seals(None, &[])).unwrap();
    assert_eq!(told(&world, "M1").1, DeliveryState::Delivered);
}

/// Somebody could send such bytes on purpose.
#[tokio::test(start_paused = true)]
async fn a_message_that_begins_like_a_sealed_body_is_a_message() {
    let world = World::new().await;
    let texts =
        ["JBS1ABCDEFGH12345678;dmp".to_owned(), format!("JBS1ABCDEFGH87654321;dmp;x={}", CLEAR.repeat(1000))];
    for text in &texts {
        world.send(text).await;
    }
    world.idle().await;
    assert_eq!(world.seen("dmp").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_reader_without_the_key_tells_the_metadata_and_nothing_of_the_bodies() {
    let mut world = World::unstarted().with_seals(seals(Some(1), &[])).unwrap();
    world.start().await;
    world.send(&small("M1")).await;
    world.idle().await;
    let label = |seals| {
        let reader = Reader::open_with(&world.path(), seals).unwrap();
        let journey = reader.journey("M1").unwrap().remove(0);
        assert_eq!(journey.deliveries[0].state, DeliveryState::Delivered);
        journey.deliveries[0].label.clone()
    };
    assert_ne!(label(seals(None, &[])), label(seals(Some(1), &[])));
    assert_eq!(label(seals(None, &[])), "(corps chiffré)");
}

fn raw_of(world: &World, id: &str) -> jonction_model::ContentRef {
    let (hash, length): (Vec<u8>, i64) = database(world)
        .query_row(
            "SELECT hash, length FROM body WHERE id = (SELECT raw FROM message WHERE control_id = ?1)",
            [id],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let id = jonction_model::BodyId::from_bytes(hash.try_into().unwrap());
    jonction_model::ContentRef::whole(id, u64::try_from(length).unwrap())
}
