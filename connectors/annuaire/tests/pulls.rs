//! Pulls from the simulator into a store, over real sockets: good mornings and every fault of the files.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test program: failing is its way of speaking")]

use std::{path::Path, sync::Arc};

use jonction_annuaire::{
    FlatPuller, FlatSettings, Origin,
    flat::Encoding,
    simulator::{
        Settings, Simulator,
        faults::{FAULTS, Fault},
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
    pull::{Brought, Intake},
};
use jonction_web::{Client, Url, client::Timeouts, pace::at_once};

const TOWN: Sizes = Sizes { persons: 1_500, mailboxes: 450 };
const HAMLET: Sizes = Sizes { persons: 700, mailboxes: 200 };

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
        Self::sized(TOWN, faults)
    }

    fn sized(sizes: Sizes, faults: &[&str]) -> Self {
        let clock = Arc::new(ManualClock::at("2026-01-02T07:00:00Z".parse().unwrap()));
        let settings =
            Settings { listen: ([127, 0, 0, 1], 0).into(), seed: 3, sizes, key: "cle-d-essai".into() };
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
        let puller = FlatPuller::new(
            settings,
            Client::new(None, Timeouts::default()).waiting(at_once()),
            downloads,
            self.clock.clone(),
        );
        let state = self.store.states().into_iter().find(|state| state.source == source);
        let in_use = state.map(|state| state.in_use());
        let mut snapshot = match puller.bring(in_use, false, &()).await? {
            Brought::NothingNew(why) => return Ok(Ended::NothingNew(why)),
            Brought::Snapshot(snapshot) => snapshot,
            Brought::Changes(_) => unreachable!("flat files have no changes"),
        };
        let mut pull = self.store.draft(source).unwrap();
        let intake = snapshot.read(&mut pull.draft, &mut |_| {})?;
        let described = Snapshot::of(snapshot.facts(), intake.sha256.clone(), intake.bytes);
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

/// What a fault must come to.
#[derive(Clone, Copy)]
enum Expected {
    /// The same people as without it, over so many requests more.
    Same(u64),
    /// Refused, under that name.
    Refused(&'static str),
    /// Read, then held back for a human.
    Held,
    /// Left aside: it is older than what is in use.
    Older,
}

/// Every fault: when it is played, and what it must come to. A fault that is not here does not compile.
fn expected(fault: Fault) -> (&'static [&'static str], Expected) {
    use Expected::{Held, Older, Refused, Same};
    match fault {
        Fault::Unavailable => (&["http-503"], Refused("web.status")),
        Fault::RateLimit => (&["http-429"], Refused("web.status")),
        Fault::Drop => (&["drop"], Refused("web.lost")),
        Fault::Cut => (&["cut nth 1"], Same(1)),
        Fault::NoRange => (&["cut nth 1", "no-range nth 2"], Same(1)),
        Fault::NoValidator => (&["no-validator"], Same(0)),
        Fault::Html => (&["html"], Refused("annuaire.missing-file")),
        Fault::Empty => (&["empty"], Refused("annuaire.missing-file")),
        Fault::TruncatedArchive => (&["truncated-archive"], Refused("annuaire.bad-archive")),
        Fault::Bomb => (&["bomb"], Refused("annuaire.bad-archive")),
        Fault::Traversal => (&["traversal"], Refused("annuaire.bad-archive")),
        Fault::MissingMember => (&["missing-member"], Refused("annuaire.missing-file")),
        Fault::Older => (&["older"], Older),
        Fault::Future => (&["future"], Refused("annuaire.future")),
        Fault::Shrunk => (&["shrunk"], Held),
        Fault::ColumnRemoved => (&["column-removed"], Refused("annuaire.layout")),
        Fault::ColumnAdded => (&["column-added"], Same(0)),
        Fault::ColumnsReordered => (&["columns-reordered"], Same(0)),
        // Told apart below: what the layout of 2018 lacks is missing.
        Fault::OldLayout => (&["old-layout"], Held),
        Fault::Latin1 => (&["latin1"], Refused("annuaire.not-utf8")),
        Fault::BomCrlf => (&["bom-crlf"], Same(0)),
        Fault::ShortRows => (&["short-rows"], Refused("annuaire.too-many-bad-rows")),
    }
}

/// Whatever happens, yesterday's directory answers, and what happened is told; the next good morning is taken.
#[tokio::test]
async fn every_fault_comes_to_what_it_must_and_none_replaces_a_good_snapshot() {
    let clean = World::sized(HAMLET, &[]);
    clean.pull(Source::Rpps).await.unwrap();
    let yesterday = clean.people();
    clean.simulator.next_day();
    let before = clean.simulator.requests();
    clean.pull(Source::Rpps).await.unwrap();
    let (today, usual) = (clean.people(), clean.simulator.requests() - before);
    for row in FAULTS {
        let (rules, expected) = expected(row.fault);
        assert!(
            rules.iter().any(|rule| rule.split(' ').next() == Some(row.name)),
            "{} is not played",
            row.name
        );
        let world = World::sized(HAMLET, &[]);
        world.pull(Source::Rpps).await.unwrap();
        world.simulator.next_day();
        world.simulator.play(rules).unwrap();
        let before = world.simulator.requests();
        let ended = world.pull(Source::Rpps).await;
        match (expected, &ended) {
            (Expected::Same(more), _) if published(&ended) => {
                assert_eq!(world.people(), today, "{}", row.name);
                assert_eq!(world.simulator.requests() - before, usual + more, "{}", row.name);
                continue;
            }
            (Expected::Refused(code), Err(error)) => {
                assert_eq!(error.code, code, "{}: {}", row.name, error.sentence);
            }
            (Expected::Older, Ok(Ended::NothingNew(why))) => assert!(why.contains("plus ancien"), "{why}"),
            (Expected::Held, _) if matches!(outcome(&ended), Some(Outcome::Held(_))) => {}
            _ => panic!("{}: {ended:?}", row.name),
        }
        assert_eq!(world.people(), yesterday, "{}", row.name);
        world.simulator.play(&[]).unwrap();
        assert!(published(&world.pull(Source::Rpps).await), "{}: the next good morning", row.name);
    }
}

#[tokio::test]
async fn the_old_encoding_is_read_where_the_settings_say_so() {
    let plain = World::new(&[]);
    plain.pull(Source::Rpps).await.unwrap();
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
