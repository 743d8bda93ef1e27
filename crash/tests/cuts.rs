//! Power cuts at every write, sync and rename; full and failing disks; and campaigns that must fail, so that a success
//! says something. In: JONCTION_CUTS (500 for each of four campaigns), JONCTION_CUTS_SEED. A failing run prints its seed.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test program: failing and saying so is its way of speaking"
)]

use jonction_crash::{
    Campaign, Fate, Kind, Mutation, Report,
    campaign::BOUNDARIES,
    disk::{Site, What},
};

const CUTS: u64 = 500;
/// Things that went wrong, told one by one.
const TOLD: usize = 10;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[track_caller]
fn run(campaign: Campaign) -> Report {
    let report = campaign.run(|_| {}).unwrap();
    eprintln!(
        "seed {}: {} cuts, {} kills, {} troubles, {} letters accepted, {} possible duplicates",
        campaign.seed,
        report.cuts,
        report.kills,
        report.troubles,
        report.accepted,
        report.possible_duplicates
    );
    let (destroyed, restored, damages) = (report.destroyed, report.restored, &report.damages);
    eprintln!("{destroyed} letters destroyed, {restored} backups put back, flipped bits: {damages:?}");
    report
}

fn honest(seed: u64, cuts: u64) -> Campaign {
    Campaign { seed, cuts, mutation: None, until: None, only: None }
}

/// One campaign of the honest engine on an honest disk.
#[track_caller]
fn holds(part: u64) {
    let seed = setting("JONCTION_CUTS_SEED", 1).wrapping_mul(1000) + part;
    let report = run(honest(seed, setting("JONCTION_CUTS", CUTS)));
    let told: Vec<_> = report.violations.iter().take(TOLD).collect();
    assert!(told.is_empty(), "seed {seed}: {} wrong: {told:#?}", report.violations.len());
    assert!(report.accepted > report.cuts && report.troubles > 0 && report.kills > 0, "{report:?}");
    // A campaign in which nothing is ever in doubt would not have been where it hurts.
    assert!(report.possible_duplicates > 0, "{report:?}");
    // Nor one in which nothing grows old, nothing is copied or held back, and no bit flips.
    if report.cuts >= CUTS {
        assert!(report.destroyed > 0 && report.restored > 0 && report.held > 0, "{report:?}");
        assert!(report.fates(Fate::Told, &[What::Body]) > 0, "{:?}", report.damages);
        assert!(report.fates(Fate::Refused, &[What::Wal]) > 0, "{:?}", report.damages);
    }
    // A damaged body, or log, is never passed over.
    assert_eq!(report.fates(Fate::Unseen, &[What::Body, What::Wal]), 0, "{:?}", report.damages);
    for (kind, what) in BOUNDARIES.into_iter().filter(|_| report.cuts >= CUTS) {
        let site = Site { kind, what };
        assert!(report.sites.contains_key(&site), "seed {seed}: no cut fell on {site}");
    }
}

#[test]
fn nothing_acknowledged_is_lost_whatever_the_disk_forgets_1() {
    holds(1);
}

#[test]
fn nothing_acknowledged_is_lost_whatever_the_disk_forgets_2() {
    holds(2);
}

#[test]
fn nothing_acknowledged_is_lost_whatever_the_disk_forgets_3() {
    holds(3);
}

#[test]
fn nothing_acknowledged_is_lost_whatever_the_disk_forgets_4() {
    holds(4);
}

/// A key taken for durable that was not, a log behind a hole, what was held and left after a backup, a flip in the name of
/// a key.
#[test]
fn worlds_where_something_went_wrong_once_hold() {
    for (seed, world) in [(7, 44), (7, 195), (7, 1454), (2026, 179), (2026, 323), (2026, 410), (2026, 973)] {
        let report = run(Campaign { only: Some(world), ..honest(seed, 0) });
        assert_eq!(report.violations, [], "seed {seed}");
    }
}

#[test]
fn the_same_seed_does_the_same_again() {
    let (one, two) = (run(honest(7, 20)), run(honest(7, 20)));
    assert_eq!((one.sites, one.changes), (two.sites, two.changes));
    assert_eq!((one.accepted, one.possible_duplicates), (two.accepted, two.possible_duplicates));
}

/// The proof can fail: what must not be done is done, and the campaign says so, in the right words.
#[track_caller]
fn notices(mutation: Mutation, kind: Kind) {
    // Most bits of a log stand in commits that were copied away long ago.
    let cuts = if mutation == Mutation::DamagesLastCommit { 1000 } else { 60 };
    let report = run(Campaign { seed: 11, cuts, mutation: Some(mutation), until: Some(kind), only: None });
    assert!(report.count(kind) > 0, "{mutation:?} was not noticed as {kind:?}: {:?}", report.violations);
}

#[test]
fn without_syncs_messages_are_lost() {
    notices(Mutation::NoSync, Kind::Lost);
}

#[test]
fn each_of_the_other_faults_put_in_on_purpose_is_noticed() {
    for mutation in Mutation::ALL {
        let kind = match mutation {
            Mutation::NoSync | Mutation::NoFolderSync | Mutation::NoBodySync | Mutation::NoWalSync => {
                Kind::Lost
            }
            Mutation::AcknowledgesFirst => Kind::Lost,
            Mutation::SendsBeforeStart | Mutation::NeverProbes | Mutation::PreparesAfresh => Kind::Duplicated,
            Mutation::ForgetsOrder => Kind::Reordered,
            Mutation::ForgetsRepeats => Kind::Duplicated,
            Mutation::DamagesBodies => Kind::Altered,
            Mutation::KeepsLeftovers | Mutation::KeepsPurged => Kind::Broken,
            Mutation::DamagesLastCommit => Kind::Lost,
        };
        notices(mutation, kind);
    }
}
