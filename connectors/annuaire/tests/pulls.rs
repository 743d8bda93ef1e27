//! Pulls from the simulator into a store, over real sockets: good mornings and every fault of the files.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test program: failing is its way of speaking")]

use std::{path::Path, sync::Arc};

use jonction_annuaire::{
    FlatPuller, FlatSettings, Origin,
    flat::Encoding,
    simulator::{
        Settings, Simulator,
        faults::FAULTS,
        generate::{Nation, Sizes},
    },
};
use jonction_directory::{Judge, Outcome, Snapshot, Store, Suspicion};
use jonction_model::{
    ManualClock,
    directory::{Kind, Source},
};
use jonction_ports::{
    Directory as _, PullError, Puller as _,
    pull::{Brought, InUse, Intake},
};
use jonction_web::{Client, Url, client::Timeouts};

const TOWN: Sizes = Sizes { persons: 1_500, mailboxes: 450 };

struct World {
    simulator: Simulator,
    store: Store,
    clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
    encoding: Encoding,
}

#[derive(Debug)]
enum Ended {
    NothingNew(String),
    Read(Box<(Intake, Outcome)>),
}

impl World {
    fn new(faults: &[&str]) -> Self {
        let clock = Arc::new(ManualClock::at("2026-01-02T07:00:00Z".parse().unwrap()));
        let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), seed: 3, sizes: TOWN };
        let folder = tempfile::tempdir().unwrap();
        Self {
            simulator: Simulator::start(settings, None, clock.clone(), faults).unwrap(),
            store: Store::open(folder.path(), clock.clone()).unwrap(),
            clock,
            folder,
            encoding: Encoding::Utf8,
        }
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    async fn pull(&self, source: Source) -> Result<Ended, PullError> {
        let name =
            if source == Source::Mssante { "Extraction_Correspondance_MSSante" } else { "PS_LibreAcces" };
        let settings = FlatSettings {
            source,
            origin: Origin::Url(Url::parse(&self.simulator.extraction_url(name)).unwrap()),
            encoding: self.encoding,
            trust: None,
        };
        let downloads = self.folder().join("downloads").join(source.name());
        let puller =
            FlatPuller::new(settings, Client::new(None, Timeouts::default()), downloads, self.clock.clone());
        let in_use = self.store.states().into_iter().find(|state| state.source == source).map(|state| {
            InUse { name: state.snapshot, date: state.date, sha256: state.sha256, published: state.published }
        });
        let mut snapshot = match puller.bring(in_use, false, &()).await? {
            Brought::NothingNew(why) => return Ok(Ended::NothingNew(why)),
            Brought::Snapshot(snapshot) => snapshot,
            Brought::Changes(_) => unreachable!("flat files have no changes"),
        };
        let mut pull = self.store.draft(source).unwrap();
        let intake = snapshot.read(&mut pull.draft, &mut |_| {})?;
        let described = Snapshot {
            name: snapshot.name().to_owned(),
            date: snapshot.date(),
            sha256: intake.sha256.clone(),
            bytes: intake.bytes,
        };
        let outcome = self.store.commit(pull, described, Judge::Suspicious(Suspicion::default())).unwrap();
        Ok(Ended::Read(Box::new((intake, outcome))))
    }

    fn people(&self) -> Vec<String> {
        let mut all = Vec::new();
        self.store
            .each_professional(|found| {
                all.push(serde_json::to_string(&found.record).unwrap());
                Ok(())
            })
            .unwrap();
        all
    }
}

fn outcome(ended: &Result<Ended, PullError>) -> Option<&Outcome> {
    match ended {
        Ok(Ended::Read(read)) => Some(&read.1),
        _ => None,
    }
}

fn published(ended: &Result<Ended, PullError>) -> bool {
    outcome(ended).is_some_and(|outcome| matches!(outcome, Outcome::Published(_)))
}

#[tokio::test]
async fn a_first_morning_then_nothing_new_then_the_changes_of_a_day() {
    let world = World::new(&[]);
    assert!(published(&world.pull(Source::Rpps).await));
    assert!(published(&world.pull(Source::Mssante).await));
    assert!(matches!(world.pull(Source::Rpps).await, Ok(Ended::NothingNew(_))));
    let before = world.simulator.requests();
    world.pull(Source::Rpps).await.unwrap();
    assert_eq!(world.simulator.requests(), before + 1, "the name alone is asked for");
    world.simulator.next_day();
    let ended = world.pull(Source::Rpps).await;
    assert!(published(&ended), "{ended:?}");
    let report = outcome(&ended).unwrap().report();
    let found = report.kinds[&Kind::Professional];
    let (added, removed, other) = truth(3);
    assert!(added > 0 && removed > 0 && other > 0, "a day on which nothing happens proves nothing");
    assert_eq!((found.added, found.removed, found.moved + found.changed), (added, removed, other));
}

/// What the generator says that differs between its first two days: added, removed, otherwise different.
fn truth(seed: u64) -> (u64, u64, u64) {
    use std::collections::BTreeMap;
    let people = |day: u64| {
        let mut by_id: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let nation = Nation::new(seed, TOWN).on_day(day);
        let mut out = Vec::new();
        nation.personne_activite(&mut out).unwrap();
        nation.savoir_faire(&mut out).unwrap();
        nation.dipl_autexerc(&mut out).unwrap();
        for line in String::from_utf8(out).unwrap().lines().filter(|line| line.starts_with('8')) {
            by_id.entry(line.split('|').nth(2).unwrap().to_owned()).or_default().push(line.to_owned());
        }
        by_id.values_mut().for_each(|lines| lines.sort());
        by_id
    };
    let (old, new) = (people(0), people(1));
    let count = |test: &dyn Fn(&String) -> bool, of: &BTreeMap<String, Vec<String>>| {
        of.keys().filter(|id| test(id)).count() as u64
    };
    (
        count(&|id| !old.contains_key(id), &new),
        count(&|id| !new.contains_key(id), &old),
        count(&|id| old.get(id).is_some_and(|lines| *lines != new[id]), &new),
    )
}

#[tokio::test]
async fn files_that_say_the_same_another_way_make_the_same_store() {
    let plain = World::new(&[]);
    plain.pull(Source::Rpps).await.unwrap();
    for fault in ["columns-reordered", "column-added", "bom-crlf", "cut", "no-validator", "no-range"] {
        let world = World::new(&[fault]);
        assert!(published(&world.pull(Source::Rpps).await), "{fault}");
        assert_eq!(world.people(), plain.people(), "{fault}");
    }
    let mut world = World::new(&["latin1"]);
    world.encoding = Encoding::Latin1;
    assert!(published(&world.pull(Source::Rpps).await));
    assert_eq!(world.people(), plain.people());
}

#[tokio::test]
async fn an_older_layout_is_read_and_told() {
    let world = World::new(&["old-layout"]);
    let Ok(Ended::Read(read)) = world.pull(Source::Rpps).await else { panic!("refused") };
    let intake = &read.0;
    assert_eq!(intake.remarks.iter().filter(|remark| remark.code == "annuaire.missing-column").count(), 8);
}

/// Each fault with what is said of it. Whatever happens, yesterday's directory answers.
#[tokio::test]
async fn no_fault_replaces_a_good_snapshot_and_each_is_told() {
    let world = World::new(&[]);
    world.pull(Source::Rpps).await.unwrap();
    let good = world.people();
    world.simulator.next_day();
    for (fault, code) in [
        ("http-503", "web.status"),
        ("http-429", "web.status"),
        ("drop", "web.lost"),
        ("html", "annuaire.missing-file"),
        ("empty", "annuaire.missing-file"),
        ("truncated-archive", "annuaire.bad-archive"),
        ("bomb", "annuaire.bad-archive"),
        ("traversal", "annuaire.bad-archive"),
        ("missing-member", "annuaire.missing-file"),
        ("future", "annuaire.future"),
        ("column-removed", "annuaire.layout"),
        ("latin1", "annuaire.not-utf8"),
        ("short-rows", "annuaire.too-many-bad-rows"),
    ] {
        world.simulator.play(&[fault]).unwrap();
        let ended = world.pull(Source::Rpps).await;
        let Err(error) = ended else { panic!("{fault}: {ended:?}") };
        assert_eq!(error.code, code, "{fault}: {}", error.sentence);
        assert_eq!(world.people(), good, "{fault}");
    }
    world.simulator.play(&["shrunk"]).unwrap();
    assert!(matches!(outcome(&world.pull(Source::Rpps).await), Some(Outcome::Held(_))));
    world.simulator.play(&["older"]).unwrap();
    let Ok(Ended::NothingNew(why)) = world.pull(Source::Rpps).await else { panic!("older taken") };
    assert!(why.contains("plus ancien"), "{why}");
    assert_eq!(world.people(), good);
    world.simulator.play(&[]).unwrap();
    assert!(published(&world.pull(Source::Rpps).await), "and the next good morning is taken");
}

#[test]
fn every_fault_is_played_by_a_test() {
    let tests = include_str!("pulls.rs");
    for row in FAULTS {
        assert!(tests.contains(&format!("\"{}", row.name)), "{} is played by no test", row.name);
    }
}

#[tokio::test]
async fn mailboxes_keep_every_holder_of_an_address() {
    let world = World::new(&[]);
    world.pull(Source::Mssante).await.unwrap();
    let mut shared = 0;
    world
        .store
        .each_mailbox(|found| {
            shared += usize::from(found.record.holders.len() > 1);
            Ok(())
        })
        .unwrap();
    assert!(shared > 10, "{shared}");
}
