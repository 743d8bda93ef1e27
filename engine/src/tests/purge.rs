//! Destruction, on the disk: nothing of what was destroyed is left in any file; what is needed is left whole.

use jonction_model::Masked;
use jonction_ports::DeliveryId;

use super::world::{Act, World};
use crate::{
    AuditQuery, Filter, LegalSubject, MessageState, Window,
    order::{
        Act as Decision,
        retention::{Aging, PurgeStep, Purged},
    },
};

async fn purge(world: &World, what: Aging) -> Purged {
    let before = "2026-11-21T09:00:00Z".parse().unwrap();
    let step = PurgeStep { what, before, after: None, compact: what == Aging::Metadata };
    let ordered = world.order(Decision::Purge(step), "fin de conservation").await.unwrap();
    ordered.purged.unwrap()
}

/// Every byte of every file of the store.
fn on_disk(world: &World, clear: &str) -> bool {
    fn any(folder: &std::path::Path, clear: &[u8]) -> bool {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
            if path.is_dir() {
                return any(&path, clear);
            }
            std::fs::read(&path).unwrap().windows(clear.len()).any(|window| window == clear)
        })
    }
    any(&world.path(), clear.as_bytes())
}

fn large(id: &str, patient: &str) -> String {
    format!("{id};patient={patient};dmp;mail;to=rose@x.fr;x={}", "0123456789abcdef".repeat(1000))
}

#[tokio::test(start_paused = true)]
async fn nothing_of_what_was_destroyed_is_left_on_the_disk() {
    let world = World::new().await;
    world.send(&large("M1", "IPP-SECRET-1")).await;
    world.send("M2;patient=IPP-SECRET-2;dmp;mail;to=rose@x.fr").await;
    world.send("M3;patient=IPP-OTHER-3;dmp").await;
    world.idle().await;
    let held = LegalSubject::Patient(Masked::new("IPP-OTHER-3".to_owned()));
    world.order(Decision::LegalHold { subject: held }, "réquisition").await.unwrap();
    assert!(["IPP-SECRET-1", "IPP-SECRET-2", "IPP-OTHER-3"].iter().all(|clear| on_disk(&world, clear)));

    let purged = purge(&world, Aging::Bodies).await;
    assert_eq!((purged.destroyed.messages, purged.destroyed.files, purged.held, purged.open), (2, 1, 1, 0));
    assert!(!purged.destroyed.patients.is_empty());
    assert!(!on_disk(&world, "IPP-SECRET-1") && !on_disk(&world, "IPP-SECRET-2"));
    assert!(on_disk(&world, "IPP-OTHER-3"), "a legal hold keeps its patient");

    // The story is still told and found, by the patient too.
    let journey = world.journey("M2");
    assert_eq!((journey.state, journey.deliveries.len()), (MessageState::Routed, 2));
    assert!(journey.purged_at.is_some() && !journey.legal_hold && world.journey("M3").legal_hold);
    let patient = Filter { patient: Some("IPP-SECRET-2".into()), ..Filter::default() };
    assert_eq!(world.found(patient), [2]);
    // A repeat is still a repeat, and gets the first answer.
    let again = world.send("M2;patient=IPP-SECRET-2;dmp;mail;to=rose@x.fr").await;
    assert!(again.repeated && again.reply.starts_with(b"ack of M2"));
    world.idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_purge_of_metadata_leaves_totals_and_the_audit_chain() {
    let world = World::new().await;
    for id in ["M1", "M2", "M3"] {
        world.send(&format!("{id};patient={id};dmp;mail;reports")).await;
    }
    world.send("M1;patient=M1;dmp;mail;reports").await;
    world.idle().await;
    let before = world.engine.reader().balance(Window::default()).unwrap();

    let purged = purge(&world, Aging::Metadata).await;
    assert_eq!(purged.destroyed.messages, 2, "the highest numbers stay");
    let after = world.engine.reader().balance(Window::default()).unwrap();
    assert_eq!(after, before);
    assert!(world.engine.reader().journey("M1").unwrap().is_empty());
    assert_eq!(world.found(Filter::default()), [3]);
    let told = world.engine.reader().audit(&AuditQuery { limit: 1, ..AuditQuery::default() }).unwrap();
    assert_eq!(told[0].row.act, "purge");
    assert!(told[0].row.detail.as_ref().unwrap().contains(&purged.destroyed.digest));
    assert_eq!(world.engine.reader().verify_audit(None).unwrap().broken, None);
    // Numbers go on.
    world.send("M4;patient=M4;dmp").await;
    world.idle().await;
    assert_eq!(world.journey("M4").id.0, 4);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_anybody_is_not_destroyed() {
    let world = World::new().await;
    world.script("dmp", "M1", &[Act::Park]);
    world.send_all(&["M1;patient=A;dmp;mail", "M2;patient=B;park", "M3;patient=C;dmp"]).await;
    world.idle().await;

    let purged = purge(&world, Aging::Bodies).await;
    assert_eq!((purged.destroyed.messages, purged.open), (1, 2));
    world.release(DeliveryId(1)).await.unwrap();
    world.idle().await;
    assert_eq!(world.seen_ids("dmp"), ["M1", "M3", "M1"], "its bytes were there");
}

/// A crash between the commit and the removal of the file.
#[tokio::test(start_paused = true)]
async fn a_file_that_a_crash_left_behind_goes_at_the_next_start() {
    let world = World::unstarted();
    world.send(&large("M1", "IPP-SECRET-1")).await;
    let path = world.path();
    let database = rusqlite::Connection::open(path.join("journal.db")).unwrap();
    database
        .execute_batch(
            "INSERT INTO doomed SELECT hash FROM body WHERE bytes IS NULL;
             UPDATE body SET purged_at = 1 WHERE bytes IS NULL;",
        )
        .unwrap();
    drop(database);
    assert!(on_disk(&world, "IPP-SECRET-1"));
    let world = world.die();
    assert!(!on_disk(&world, "IPP-SECRET-1"));
}
