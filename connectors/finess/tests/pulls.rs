//! Pulls of FINESS from its simulator and from files, into a store: good ones and every fault.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test program: failing is its way of speaking")]

use std::{path::PathBuf, sync::Arc};

use jonction_directory::{Judge, Outcome, Snapshot, Store, Suspicion};
use jonction_finess::{
    FinessPuller, FinessSettings, Origin,
    simulator::{FAULTS, Fault, Settings, Simulator},
};
use jonction_model::{
    ManualClock, StructureId,
    directory::{Source, Structure},
};
use jonction_ports::{
    Directory as _, PullError, Puller as _,
    directory::{Around, SourceState, StructureQuery},
    pull::Brought,
};
use jonction_web::{Client, Url, client::Timeouts, pace::at_once};

struct World {
    simulator: Simulator,
    store: Store,
    folder: tempfile::TempDir,
}

impl World {
    fn new(faults: &[&str]) -> Self {
        let clock = Arc::new(ManualClock::at("2026-01-02T07:00:00Z".parse().unwrap()));
        let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), entities: 200 };
        let folder = tempfile::tempdir().unwrap();
        Self {
            simulator: Simulator::start(settings, None, clock.clone(), faults).unwrap(),
            store: Store::open(folder.path(), clock).unwrap(),
            folder,
        }
    }

    async fn pull(&self) -> Result<Option<Outcome>, PullError> {
        let dataset = |url: String| Origin::Dataset(Url::parse(&url).unwrap());
        let activities = dataset(self.simulator.activities_url());
        self.pull_from(dataset(self.simulator.dataset_url()), Some(activities)).await
    }

    async fn pull_from(
        &self,
        origin: Origin,
        activities: Option<Origin>,
    ) -> Result<Option<Outcome>, PullError> {
        let settings = FinessSettings { origin, activities, trust: None };
        let puller = FinessPuller::new(
            settings,
            Client::new(None, Timeouts::default()).waiting(at_once()),
            self.folder.path().join("downloads"),
        );
        let in_use = self.store.states().first().map(SourceState::in_use);
        let Brought::Snapshot(mut snapshot) = puller.bring(in_use, false, &()).await? else {
            return Ok(None);
        };
        let mut pull = self.store.draft(Source::Finess).unwrap();
        let intake = snapshot.read(&mut pull.draft, &mut |_| {})?;
        let described = Snapshot::of(snapshot.facts(), intake.sha256, intake.bytes);
        Ok(Some(self.store.commit(pull, described, Judge::Suspicious(Suspicion::default())).unwrap()))
    }

    fn all(&self) -> Vec<Structure> {
        let mut all = Vec::new();
        self.store
            .each_structure(|found| {
                all.push(found.record);
                Ok(())
            })
            .unwrap();
        all
    }
}

fn published(outcome: &Result<Option<Outcome>, PullError>) -> bool {
    matches!(outcome, Ok(Some(Outcome::Published(_))))
}

#[tokio::test]
async fn structures_are_known_by_number_name_place_and_closed_ones_are_not_offered() {
    let world = World::new(&[]);
    assert!(published(&world.pull().await));
    assert_eq!(world.all().len(), 800, "200 entities with three sites each");
    let closed = world.store.structure(&StructureId::prefixed("1990000005")).unwrap().unwrap().record;
    assert!(!closed.is_open("2026-01-01".parse().unwrap()));
    let open = world.store.structure(&StructureId::prefixed("1990000001")).unwrap().unwrap().record;
    assert_eq!((open.finess_legal.as_str(), open.address.commune.as_str()), ("999000000", "99001"));
    assert_eq!((open.address.street.as_str(), open.phones.len()), ("DES JEUX D'ESSAI", 2));
    assert_eq!(
        world.store.structure(&StructureId::prefixed("1999000000")).unwrap().unwrap().record.name,
        "ENTITÉ FICTIVE 0"
    );
    let near = StructureQuery {
        category: Some("355".into()),
        around: Some(Around::NearCommune { commune: "99001".into(), km: 30.0 }),
        ..StructureQuery::default()
    };
    let page = world.store.structures(&near).unwrap();
    assert!(!page.found.is_empty());
    assert!(
        page.found
            .iter()
            .all(|found| found.distance_km.unwrap() <= 30.0 && found.sourced.record.closed.is_none())
    );
    assert!(matches!(world.pull().await, Ok(None)), "the same morning");
    world.simulator.next_day();
    assert!(published(&world.pull().await));
    assert_eq!(world.all().len(), 804);
}

/// What a fault must come to.
#[derive(Clone, Copy)]
enum Expected {
    /// The same structures as without it.
    Same,
    /// Refused, under that name.
    Refused(&'static str),
    /// Read, then held back for a human.
    Held,
}

/// Every fault, and what it must come to. A fault that is not here does not compile.
fn expected(fault: Fault) -> Expected {
    match fault {
        Fault::Sha1 => Expected::Refused("finess.damaged"),
        Fault::Truncated => Expected::Refused("finess.truncated"),
        Fault::SchemaV2 => Expected::Refused("finess.layout"),
        Fault::OldSpelling => Expected::Same,
        Fault::Shrunk => Expected::Held,
        Fault::Unavailable => Expected::Refused("web.status"),
        Fault::NoDaily => Expected::Refused("finess.dataset"),
        Fault::ActivitiesTruncated => Expected::Refused("finess.truncated"),
    }
}

#[tokio::test]
async fn every_fault_comes_to_what_it_must_and_none_replaces_a_good_snapshot() {
    let clean = World::new(&[]);
    clean.pull().await.unwrap();
    let yesterday = clean.all();
    clean.simulator.next_day();
    clean.pull().await.unwrap();
    let today = clean.all();
    for row in FAULTS {
        let world = World::new(&[]);
        world.pull().await.unwrap();
        world.simulator.next_day();
        world.simulator.play(&[row.name]).unwrap();
        let ended = world.pull().await;
        match (expected(row.fault), &ended) {
            (Expected::Same, _) if published(&ended) => {
                assert_eq!(world.all(), today, "{}", row.name);
                continue;
            }
            (Expected::Refused(code), Err(error)) => {
                assert_eq!(error.code, code, "{}: {}", row.name, error.sentence);
            }
            (Expected::Held, Ok(Some(Outcome::Held(_)))) => {}
            _ => panic!("{}: {ended:?}", row.name),
        }
        assert_eq!(world.all(), yesterday, "{}", row.name);
        world.simulator.play(&[]).unwrap();
        assert!(published(&world.pull().await), "{}: the next good morning", row.name);
    }
}

#[tokio::test]
async fn the_published_samples_say_the_same_in_every_format() {
    let Some(samples) = std::env::var_os("JONCTION_SAMPLES").map(PathBuf::from) else {
        jonction_testkit::skipped("JONCTION_SAMPLES is not set: the samples of FINESS are not read");
        return;
    };
    let folder = samples.join("annuaires/finess");
    let mut places = Vec::new();
    for file in [
        "finess-structures-journalier-20260101.json",
        "etalab-cs1100507-stock-exemple-latin1.csv",
        "etalab-cs1100502-stock-exemple-utf8.csv",
    ] {
        let world = World::new(&[]);
        assert!(published(&world.pull_from(Origin::File(folder.join(file)), None).await), "{file}");
        let found = world.store.structure(&StructureId::prefixed("1990001000")).unwrap().unwrap().record;
        assert_eq!(
            (found.name.as_str(), found.category.code.as_str()),
            ("HÔPITAL FICTIF DE VILLEFICTIVE", "101"),
            "{file}"
        );
        assert_eq!(
            (found.address.commune.as_str(), found.address.postcode.as_str()),
            ("99001", "99001"),
            "{file}"
        );
        places.push(found.position);
    }
    assert!(places[0].is_some() && places[1].is_some() && places[2].is_none());
}

#[tokio::test]
async fn a_site_is_known_with_its_authorised_activities_and_one_that_ended_is_not_told() {
    let world = World::new(&[]);
    world.pull().await.unwrap();
    let activities = |number: &str| {
        let id = StructureId::prefixed(number);
        world.store.structure(&id).unwrap().unwrap().record.activities
    };
    assert_eq!(activities("1990000001"), ["16/01"]);
    assert_eq!(activities("1990000007"), ["04/01", "50/01"]);
    assert_eq!(activities("1990000012"), ["80"]);
    assert_eq!(activities("1990000019"), Vec::<String>::new(), "its authorisation ended");
    assert_eq!(activities("1990000002"), Vec::<String>::new(), "no authorisation of care");
}

/// A file of activities put there by hand, which knows a site that nobody else knows.
#[tokio::test]
async fn activities_of_a_site_that_the_structures_do_not_know_are_counted_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Origin::File(path)
    };
    let structures = write(
        "finess-structures-journalier-20260101.json",
        r#"{"schemaVersion":"v1.0.0","pmej":[{"informationsGeneralesPMEJ":{"numFinessPm":"999000000"},"ege":[{"informationsGeneralesEGE":{"numFinessEge":"990000001"}}]}]}"#,
    );
    let care = |finess: &str| {
        format!(
            r#"{{"numFinessEge":"{finess}","activitesExercees":[{{"caracteristiquesGeneriques":{{"etatObjet":"A"}},"nature":{{"codeNature":"AMF","caracteristiquesSpecifiques":{{"typeActiviteAMF":{{"activiteAMF":"18"}}}}}}}}]}}"#
        )
    };
    let both = [care("990000001"), care("990000002")].join(",");
    let activities = write(
        "finess-activites-journalier-20260101.json",
        &format!(r#"{{"schemaVersion":"v1.0.0","pmej":[{{"ege":[{both}]}}]}}"#),
    );
    let world = World::new(&[]);
    assert!(published(&world.pull_from(structures, Some(activities)).await));
    let sites: Vec<_> = world.all().into_iter().filter(|site| !site.legal).collect();
    assert_eq!(sites.len(), 1);
    assert_eq!(
        (sites[0].finess.as_str(), sites[0].activities.as_slice()),
        ("990000001", &["18".to_owned()][..])
    );
}
