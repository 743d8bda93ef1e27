//! Pulls of the FHIR API from its simulator into a store, over real sockets: whole, changes, and every fault.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test program: failing is its way of speaking")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jonction_annuaire::{
    ApiPuller, ApiSettings,
    simulator::{
        Settings, Simulator,
        faults::{API_FAULTS, ApiFault},
        generate::{Nation, Sizes},
    },
};
use jonction_directory::{Judge, Outcome, Report, Snapshot, Store, Suspicion};
use jonction_model::{
    ManualClock, PersonId,
    directory::{Kind, Source},
};
use jonction_ports::{Directory as _, PullError, Puller as _, pull::Brought};
use jonction_settings::Secret;
use jonction_web::{Client, Url, client::Timeouts, pace::at_once};

const TOWN: Sizes = Sizes { persons: 240, mailboxes: 100 };
const HAMLET: Sizes = Sizes { persons: 122, mailboxes: 50 };
const KEY: &str = "cle-d-essai";
const DAY_MS: i64 = 24 * 3600 * 1000;

struct World {
    simulator: Simulator,
    store: Store,
    clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
    key: &'static str,
    page: u32,
}

#[derive(Debug)]
enum Ended {
    Whole(Outcome),
    Changes(Report),
}

impl World {
    fn new() -> Self {
        Self::sized(TOWN)
    }

    fn sized(sizes: Sizes) -> Self {
        let clock = Arc::new(ManualClock::at("2026-01-02T07:00:00Z".parse().unwrap()));
        let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), seed: 3, sizes, key: KEY.to_owned() };
        let folder = tempfile::tempdir().unwrap();
        Self {
            simulator: Simulator::start(settings, None, clock.clone(), &[]).unwrap(),
            store: Store::open(folder.path(), clock.clone()).unwrap(),
            clock,
            folder,
            key: KEY,
            page: 60,
        }
    }

    /// The next morning, on the clock of the gateway too.
    fn next_day(&self) {
        self.simulator.next_day();
        self.clock.advance_ms(DAY_MS);
    }

    async fn pull(&self) -> Result<Ended, PullError> {
        let settings = ApiSettings {
            url: Url::parse(&self.simulator.api_url()).unwrap(),
            key: Secret::Env("INUTILE".to_owned()),
            trust: None,
            page: self.page,
            per_second: 1000,
            whole_every: Duration::from_secs(60 * 24 * 3600),
        };
        let timeouts = Timeouts { idle: Duration::from_millis(400), ..Timeouts::default() };
        let client = Client::new(None, timeouts).patient(settings.patience()).waiting(at_once());
        let folder = self.folder.path().join("api");
        let puller = ApiPuller::new(settings, self.key.to_owned(), client, folder, self.clock.clone());
        let in_use = self.store.states().first().map(|state| state.in_use());
        match puller.bring(in_use, false, &()).await? {
            Brought::NothingNew(why) => panic!("nothing new: {why}"),
            Brought::Snapshot(mut snapshot) => {
                let mut pull = self.store.draft(Source::AnnuaireFhir).unwrap();
                let intake = snapshot.read(&mut pull.draft, &mut |_| {})?;
                let described = Snapshot::of(snapshot.facts(), intake.sha256, intake.bytes);
                let judge = Judge::Suspicious(Suspicion::default());
                Ok(Ended::Whole(self.store.commit(pull, described, judge).unwrap()))
            }
            Brought::Changes(changes) => {
                let described = Snapshot {
                    name: format!("changements jusqu'au {}", changes.until),
                    date: changes.until,
                    sha256: String::new(),
                    bytes: 0,
                };
                Ok(Ended::Changes(
                    self.store.apply(Source::AnnuaireFhir, changes.records, described).unwrap(),
                ))
            }
        }
    }

    /// Everything that is in use: who practises where, what is open, who reads which mailbox.
    fn all(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        self.store
            .each_professional(|found| {
                if found.record.practises() {
                    all.insert(
                        found.record.id.as_str().to_owned(),
                        serde_json::to_string(&found.record).unwrap(),
                    );
                }
                Ok(())
            })
            .unwrap();
        self.store
            .each_mailbox(|found| {
                let mut mailbox = found.record;
                if mailbox.ended.is_none() {
                    mailbox.holders.sort_by_key(|holder| serde_json::to_string(holder).unwrap());
                    all.insert(
                        mailbox.address.to_ascii_lowercase(),
                        serde_json::to_string(&mailbox).unwrap(),
                    );
                }
                Ok(())
            })
            .unwrap();
        all
    }
}

fn published(ended: &Result<Ended, PullError>) -> bool {
    matches!(ended, Ok(Ended::Whole(Outcome::Published(_))))
}

/// What differs between two states, told short.
fn differences(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> Vec<String> {
    let mut keys: Vec<&String> = one.keys().chain(other.keys()).collect();
    keys.sort();
    keys.dedup();
    let differs = |key: &&&String| one.get(**key) != other.get(**key);
    keys.iter()
        .filter(differs)
        .map(|key| format!("{key}\n{:?}\n{:?}", one.get(*key), other.get(*key)))
        .collect()
}

#[tokio::test]
async fn changes_day_after_day_come_to_what_a_whole_pull_would_have_read() {
    let world = World::new();
    assert!(published(&world.pull().await));
    let first = world.all();
    assert!(first.len() > 280, "{}", first.len());
    let mut changed = 0;
    for day in 1..=4 {
        world.next_day();
        let Ok(Ended::Changes(report)) = world.pull().await else { panic!("day {day}: not changes") };
        changed += report.kinds.values().map(|kind| kind.added + kind.changed).sum::<u64>();
        let whole = World::new();
        (0..day).for_each(|_| whole.next_day());
        assert!(published(&whole.pull().await));
        assert_eq!(differences(&world.all(), &whole.all()), [""; 0], "day {day}");
    }
    assert!(changed >= 8, "days on which nothing happens prove nothing: {changed}");
    let Ok(Ended::Changes(report)) = world.pull().await else { panic!("not changes") };
    assert!(report.kinds.values().all(|kind| kind.added + kind.changed == 0), "asked twice, nothing is new");
}

#[tokio::test]
async fn the_api_and_the_flat_files_know_the_same_people_at_the_same_places() {
    let world = World::new();
    world.pull().await.unwrap();
    let mut lines = Vec::new();
    Nation::new(3, TOWN).personne_activite(&mut lines).unwrap();
    let mut told = 0;
    for line in String::from_utf8(lines).unwrap().lines().skip(1) {
        let fields: Vec<&str> = line.split('|').collect();
        let found = world.store.professional(&PersonId::prefixed(fields[2])).unwrap().unwrap().record;
        assert_eq!((found.family.as_str(), found.given.as_str()), (fields[7], fields[8]));
        let (profession, skill, finess, siret) = (fields[9], fields[15], fields[21], fields[19]);
        let same = |practice: &&jonction_model::directory::Practice| {
            let site = practice.site.as_deref().cloned().unwrap_or_default();
            practice.profession.code == profession
                && practice.skill.code == skill
                && site.finess == finess
                && site.siret == siret
        };
        // Who practises somewhere and also nowhere is told without the second.
        if fields[23].is_empty() && found.practices.iter().any(|practice| practice.site.is_some()) {
            continue;
        }
        assert!(found.practices.iter().any(|practice| same(&practice)), "{line}");
        told += 1;
    }
    assert!(told > 200, "{told}");
}

#[tokio::test]
async fn who_left_is_kept_with_the_day_and_never_offered() {
    let world = World::new();
    world.pull().await.unwrap();
    let before = world.all();
    for _ in 0..5 {
        world.next_day();
        world.pull().await.unwrap();
    }
    let after = world.all();
    let gone: Vec<&String> =
        before.keys().filter(|id| id.starts_with('8') && !after.contains_key(*id)).collect();
    assert!(!gone.is_empty());
    for id in gone {
        let found = world.store.professional(&PersonId::prefixed(id)).unwrap().unwrap().record;
        assert!(!found.practises() && !found.family.is_empty());
        assert_eq!(world.store.mailboxes_of(&found.id).unwrap(), []);
    }
}

#[tokio::test]
async fn a_gap_of_thirty_one_days_is_a_whole_pull() {
    let world = World::new();
    world.pull().await.unwrap();
    world.simulator.next_day();
    world.clock.advance_ms(31 * DAY_MS);
    assert!(matches!(world.pull().await, Ok(Ended::Whole(_))));
}

/// The pages that came are not asked for again, and the store is that of a pull in one go.
#[tokio::test]
async fn a_pull_that_was_cut_goes_on_at_the_page_it_stopped_at() {
    let clean = World::new();
    clean.pull().await.unwrap();
    let whole = clean.simulator.requests();
    let world = World::new();
    world
        .simulator
        .play_api(&["html nth 4", "html nth 5", "html nth 6", "html nth 7", "html nth 8"])
        .unwrap();
    let error = world.pull().await.unwrap_err();
    assert_eq!(error.code, "annuaire.truncated");
    let before = world.simulator.requests();
    world.simulator.play_api(&[]).unwrap();
    let again = world.pull().await;
    assert!(published(&again), "{again:?}");
    assert_eq!(world.simulator.requests() - before, whole - 3);
    assert_eq!(differences(&world.all(), &clean.all()), [""; 0]);
}

#[tokio::test]
async fn a_wrong_key_is_told_as_such_and_never_shown() {
    let mut world = World::new();
    world.key = "une-autre-cle";
    let error = world.pull().await.unwrap_err();
    assert_eq!(error.code, "web.status");
    assert!(error.remedy.contains("clé") && !format!("{error:?}").contains(world.key));
}

/// What a fault must come to.
#[derive(Clone, Copy)]
enum Expected {
    /// The same store as without it.
    Same,
    /// Refused, under that name.
    Refused(&'static str),
}

/// Every fault: when it is played during a whole pull, and what it must come to. One that is not here does not compile.
fn expected(fault: ApiFault) -> (&'static str, Expected) {
    use Expected::{Refused, Same};
    match fault {
        ApiFault::RateLimit => ("http-429 nth 2", Same),
        ApiFault::RateLimitBare => ("http-429-bare first 3", Same),
        ApiFault::Unavailable => ("http-503", Refused("web.status")),
        ApiFault::Internal => ("http-500 nth 3", Same),
        ApiFault::Drop => ("drop nth 2", Same),
        ApiFault::Cut => ("cut nth 2", Same),
        ApiFault::Truncated => ("truncated nth 2", Same),
        ApiFault::Html => ("html", Refused("annuaire.truncated")),
        ApiFault::ExpiredNext => ("expired-next nth 2", Same),
        ApiFault::UnknownParameter => ("unknown-parameter", Refused("annuaire.refused")),
        ApiFault::NoTotal => ("no-total", Same),
        ApiFault::ForeignNext => ("foreign-next", Refused("annuaire.foreign-link")),
        ApiFault::NextLoop => ("next-loop", Refused("annuaire.endless")),
        ApiFault::EmptyPages => ("empty-pages", Refused("annuaire.endless")),
        ApiFault::Slow => ("slow", Same),
        // The server counts, and gives fewer than it counts.
        ApiFault::Shrunk => ("shrunk", Refused("annuaire.incomplete")),
    }
}

/// Whatever happens, yesterday's directory answers, and what happened is told.
#[tokio::test]
async fn every_fault_comes_to_what_it_must_and_none_replaces_a_good_snapshot() {
    let clean = World::sized(HAMLET);
    clean.pull().await.unwrap();
    let yesterday = clean.all();
    let later = World::sized(HAMLET);
    (0..2).for_each(|_| later.next_day());
    later.pull().await.unwrap();
    let today = later.all();
    for row in API_FAULTS {
        let (rule, expected) = expected(row.fault);
        assert_eq!(rule.split(' ').next(), Some(row.name), "{} is not played", row.name);
        let mut world = World::sized(HAMLET);
        world.pull().await.unwrap();
        (0..2).for_each(|_| world.simulator.next_day());
        // So long after that everything is pulled again.
        world.clock.advance_ms(40 * DAY_MS);
        world.simulator.play_api(&[rule]).unwrap();
        // Slow is what asks for more than a hundred at once.
        world.page = if rule == "slow" { 120 } else { world.page };
        let ended = world.pull().await;
        match (expected, &ended) {
            (Expected::Same, Ok(Ended::Whole(Outcome::Published(_)))) => {
                assert_eq!(differences(&world.all(), &today), [""; 0], "{}", row.name);
                continue;
            }
            (Expected::Refused(code), Err(error)) => {
                assert_eq!(error.code, code, "{}: {}", row.name, error.sentence)
            }
            _ => panic!("{}: {ended:?}", row.name),
        }
        assert_eq!(differences(&world.all(), &yesterday), [""; 0], "{}", row.name);
        world.simulator.play_api(&[]).unwrap();
        assert!(published(&world.pull().await), "{}: the next good morning", row.name);
        assert_eq!(differences(&world.all(), &today), [""; 0], "{}", row.name);
    }
}

/// The same faults while changes are pulled: all of them, or none.
#[tokio::test]
async fn faults_while_changes_are_pulled_lose_and_double_nothing() {
    let clean = World::sized(HAMLET);
    (0..2).for_each(|_| clean.next_day());
    clean.pull().await.unwrap();
    let today = clean.all();
    for rule in ["truncated nth 2", "expired-next nth 2", "http-429 nth 3", "cut nth 4", "slow", "no-total"] {
        let mut world = World::sized(HAMLET);
        world.pull().await.unwrap();
        (0..2).for_each(|_| world.next_day());
        world.simulator.play_api(&[rule]).unwrap();
        // Slow is what asks for more than a hundred at once.
        world.page = if rule == "slow" { 120 } else { world.page };
        let ended = world.pull().await;
        assert!(matches!(ended, Ok(Ended::Changes(_))), "{rule}: {ended:?}");
        assert_eq!(differences(&world.all(), &today), [""; 0], "{rule}");
    }
    for (rule, code) in [("next-loop", "annuaire.endless"), ("foreign-next", "annuaire.foreign-link")] {
        let world = World::sized(HAMLET);
        world.pull().await.unwrap();
        let before = world.all();
        (0..2).for_each(|_| world.next_day());
        world.simulator.play_api(&[rule]).unwrap();
        assert_eq!(world.pull().await.unwrap_err().code, code);
        assert_eq!(differences(&world.all(), &before), [""; 0], "{rule}");
    }
}

#[tokio::test]
async fn the_published_samples_of_pages_are_read() {
    let Some(samples) = std::env::var_os("JONCTION_SAMPLES").map(std::path::PathBuf::from) else {
        jonction_testkit::skipped("JONCTION_SAMPLES is not set: the samples of the FHIR API are not read");
        return;
    };
    let read = |name: &str| std::fs::read(samples.join("annuaires/fhir-annuaire").join(name)).unwrap();
    let records = jonction_annuaire::read_page(&read("bundle-practitionerrole-include-all.json")).unwrap();
    let [person] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((person.id.as_str(), person.family.as_str()), ("810900010009", "FICTIF"));
    let practice = &person.practices[0];
    assert_eq!((practice.profession.code.as_str(), practice.skill.code.as_str()), ("10", "SM53"));
    assert_eq!((practice.role.code.as_str(), practice.sector.code.as_str()), ("FON-AU", "SA01"));
    assert_eq!(practice.situation, "9013186038");
    let site = practice.site.as_ref().unwrap();
    assert_eq!((site.finess.as_str(), site.address.commune.as_str()), ("990001000", "99001"));
    assert_eq!((site.address.number.as_str(), site.address.street.as_str()), ("1", "DES JEUX D'ESSAI"));
    assert!(jonction_annuaire::read_page(&read("bundle-http200-truncated-midbody.json.bad")).is_err());
}

/// What a script prints, with the libraries the tests need; `None`, and said so, where they are not installed.
fn python(script: &str, arguments: &[&str]) -> Option<String> {
    let Some(python) = jonction_testkit::python_with("fhirpy, fhir.resources.R4B") else {
        jonction_testkit::skipped(
            "fhirpy and fhir.resources are not installed: no other client talks to the simulator",
        );
        return None;
    };
    Some(jonction_testkit::python_says(&python, script, arguments))
}

/// A client that we did not write pages through everything, and a library that we did not write finds it valid.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_from_elsewhere_talks_to_the_simulator() {
    let world = World::new();
    world.pull().await.unwrap();
    let url = world.simulator.api_url();
    let script = include_str!("client.py");
    let read = tokio::task::spawn_blocking(move || python(script, &[&url, KEY])).await.unwrap();
    let Some(read) = read else { return };
    let told: BTreeMap<String, u64> = serde_json::from_str(&read).unwrap();
    let counts = world.store.states()[0].counts.clone();
    assert_eq!(told["Practitioner"], counts[Kind::Professional.name()]);
    assert_eq!(told["mailboxes"], counts[Kind::Mailbox.name()]);
    assert!(told["PractitionerRole"] > 150 && told["by_name"] > 0 && told["refused"] == 1, "{told:?}");
}
