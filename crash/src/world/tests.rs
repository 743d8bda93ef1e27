//! What the campaign found, each told alone.

use super::*;
use crate::disk::{Cut, Failure, Fault, Kind, Moment, Site, What};

/// Runs a story in a world of its own, and says what went wrong.
fn world(seed: u64, letters: u64, story: impl AsyncFnOnce(&World)) -> Vec<crate::Violation> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(seed, None);
        world.write_letters(letters);
        story(&world).await;
        world.oracle.borrow().violations().to_vec()
    })
}

fn death(at: u64, side: Cut, spares_disk: bool) -> Plan {
    Plan { cut: Some((Moment::Change(at), side)), spares_disk, faults: vec![] }
}

/// It left half of a key, which the next start took for somebody else's; and a folder that could vanish with all it held.
#[test]
fn a_first_start_may_be_cut_anywhere() {
    for side in [Cut::Before, Cut::After] {
        for at in 1..=120 {
            let wrong = world(3, 3, async |world| {
                assert_eq!(world.live(death(at, side, false)).await, End::Cut, "change {at}");
                assert_eq!(world.live(Plan::default()).await, End::Rest, "change {at}");
                world.oracle.borrow_mut().stands(&world.open().unwrap(), &world.outside);
            });
            assert_eq!(wrong, [], "change {at}, {side:?}");
        }
    }
}

/// A folder that was there was taken for durable, whoever made it, and however far he got.
#[test]
fn a_folder_of_a_process_that_died_is_made_durable_by_the_next() {
    let mut met = 0;
    for seed in 0..40 {
        let mut changes = Vec::new();
        world(seed, 1, async |world| {
            world.live(Plan::default()).await;
            changes = world.disk.changes();
        });
        let creates_body = |site: &Site| (site.kind, site.what) == (Kind::Create, What::Body);
        for at in changes.iter().zip(1..).filter(|(site, _)| creates_body(site)).map(|(_, at)| at) {
            let wrong = world(seed, 1, async |world| {
                world.live(death(at, Cut::After, true)).await;
                // All is acknowledged and delivered; then the power goes, of which `live` takes care.
                assert_eq!(world.live(Plan::default()).await, End::Rest);
                world.live(Plan::default()).await;
            });
            assert_eq!(wrong, [], "seed {seed}, change {at}");
            met += 1;
        }
    }
    assert!(met > 20, "{met} deaths only");
}

/// It was given up: the delivery stood as « sending » until the next start, and its key waited behind it.
#[test]
fn an_ending_that_the_disk_refused_is_journaled_when_there_is_room_again() {
    // The first changes are those of a new store, which a full disk refuses to make.
    for from in (160..460).step_by(5) {
        let kinds = &[Kind::Write, Kind::Create, Kind::Truncate, Kind::Sync];
        let fault = Fault { from, until: from + 30, kinds, failure: Failure::Full };
        let wrong = world(from, 4, async |world| {
            let end = world.live(Plan { faults: vec![fault], ..Plan::default() }).await;
            assert_eq!(end, End::Rest, "full from change {from} to {}", from + 30);
            world.live(Plan::default()).await;
        });
        assert_eq!(wrong, []);
    }
}

/// Frames that a killed process had not synced were read from memory, a sync that failed made the system forget them, and
/// the next commit stood durable behind a hole: the power gone, the store was refused.
#[test]
fn what_a_killed_process_had_not_synced_is_written_again_before_anything_stands_behind_it() {
    let before_sync = |nth| Some((Moment::Nth(Site { kind: Kind::Sync, what: What::Wal }, nth), Cut::Before));
    let mut met = 0;
    for (seed, nth) in (30..42).map(|seed| (seed, 1 + seed % 5)) {
        for from in (1..13).step_by(3) {
            let wrong = world(seed, 4, async |world| {
                let killed = Plan { cut: before_sync(nth), spares_disk: true, faults: vec![] };
                if world.live(killed).await != End::Cut {
                    return;
                }
                let fault = Fault { from, until: from + 3, kinds: &[Kind::Sync], failure: Failure::Device };
                world.live(Plan { faults: vec![fault], ..Plan::default() }).await;
                met += 1;
                assert_eq!(
                    world.live(Plan::default()).await,
                    End::Rest,
                    "seed {seed}, sync {nth}, from {from}"
                );
            });
            assert_eq!(wrong, [], "seed {seed}, sync {nth}, from {from}");
        }
    }
    assert!(met > 40, "{met} deaths only");
}
