//! The liste blanche, pulled from its service into the directories, and what the sink makes of it.

use std::{sync::Arc, time::Duration};

use jonction_certs_dev::Leaf;
use jonction_directory::{Judge, Outcome, Snapshot, Store, Suspicion};
use jonction_model::{ManualClock, directory::Source};
use jonction_mssante::{
    ListPuller, ListSettings, MssanteSink, Simulator, SimulatorSettings,
    config::{ListOrigin, WhitelistSettings},
    puller::Origin,
    simulator::list::FAULTS,
};
use jonction_ports::{
    Directory as _, Due, PullError, Puller as _, Sink as _, directory::SourceState, pull::Brought,
};
use jonction_web::{Client, Url, client::Timeouts, pace::at_once};

use crate::world::{self, DOCTOR, DOMAINS, World, parts, server_tls};

const HOUR_MS: i64 = 3_600_000;
const ELSEWHERE: &str = "x@inconnu.mssante.example";

struct Space {
    simulator: Simulator,
    clock: Arc<ManualClock>,
    store: Arc<Store>,
    folder: tempfile::TempDir,
}

impl Space {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at("2026-01-02T07:00:00Z".parse().unwrap()));
        let local = "127.0.0.1:0".parse().unwrap();
        let tls = server_tls(true, Leaf::Server);
        let settings = SimulatorSettings::with_domains(DOMAINS);
        let mut simulator = Simulator::start(local, tls, settings, clock.clone()).unwrap();
        simulator.serve_whitelist(local, None).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path(), clock.clone()).unwrap());
        Self { simulator, clock, store, folder }
    }

    async fn pull(&self) -> Result<Option<Outcome>, PullError> {
        let url = Url::parse(&self.simulator.whitelist_url().unwrap()).unwrap();
        let puller = ListPuller::new(
            ListSettings { origin: Origin::Url(url), trust: None },
            Client::new(None, Timeouts::default()).waiting(at_once()),
            self.folder.path().join("downloads"),
            self.clock.clone(),
        );
        let in_use = self.store.states().first().map(SourceState::in_use);
        let Brought::Snapshot(mut snapshot) = puller.bring(in_use, false, &()).await? else {
            return Ok(None);
        };
        let mut pull = self.store.draft(Source::ListeBlanche).unwrap();
        let intake = snapshot.read(&mut pull.draft, &mut |_| {})?;
        let described = Snapshot::of(snapshot.facts(), intake.sha256, intake.bytes);
        Ok(Some(self.store.commit(pull, described, Judge::Suspicious(Suspicion::default())).unwrap()))
    }

    fn domains(&self) -> u64 {
        self.store.states().first().map_or(0, |state| state.counts["domain"])
    }

    /// What a sink that reads the pulled list does with a mail to the doctor, and with one to nowhere.
    fn due(&self) -> [Due; 2] {
        let mut settings = world::settings(self.simulator.address());
        settings.whitelist = Some(WhitelistSettings {
            origin: ListOrigin::Directory,
            age_max: Duration::from_secs(24 * 3600),
            mode: jonction_model::Mode::Strict,
        });
        let parts = jonction_mssante::SinkParts {
            directory: Some(self.store.clone()),
            clock: self.clock.clone(),
            ..parts(None, Leaf::AuthCli)
        };
        let sink = MssanteSink::new(settings, parts);
        let submission = World::new().submission(&[DOCTOR, ELSEWHERE]);
        let shape = jonction_model::Shape::DocumentSubmission(Box::new(submission));
        let parts = sink.parts(&shape);
        [parts[0].due.clone(), parts[1].due.clone()]
    }
}

fn code(due: &Due) -> &str {
    match due {
        Due::Owed => "owed",
        Due::Parked { finding } | Due::Refused { finding, .. } => &finding.check,
    }
}

#[tokio::test]
async fn the_sink_follows_the_pulled_list_without_being_made_again() {
    let space = Space::new();
    let [doctor, elsewhere] = space.due();
    assert_eq!((code(&doctor), code(&elsewhere)), ("mssante.whitelist-missing", "mssante.whitelist-missing"));

    assert!(matches!(space.pull().await, Ok(Some(Outcome::Published(_)))));
    let [doctor, elsewhere] = space.due();
    assert_eq!((code(&doctor), code(&elsewhere)), ("owed", "mssante.domain-not-listed"));

    space.clock.advance_ms(25 * HOUR_MS);
    let [doctor, elsewhere] = space.due();
    assert_eq!((code(&doctor), code(&elsewhere)), ("owed", "mssante.whitelist-stale"));
}

#[tokio::test]
async fn no_fault_of_the_service_replaces_a_good_list() {
    let space = Space::new();
    space.pull().await.unwrap();
    assert_eq!(space.domains(), 4);
    for row in FAULTS {
        space.clock.advance_ms(HOUR_MS);
        space.simulator.play_list(&[row.name]).unwrap();
        let said = match space.pull().await {
            Err(error) => error.code,
            Ok(None) => "nothing-new",
            Ok(Some(Outcome::Held(_))) => "held",
            Ok(other) => panic!("{}: {other:?}", row.name),
        };
        let expected = match row.name {
            "cut" => "mssante.whitelist-cut",
            "older" => "nothing-new",
            "future" => "mssante.whitelist-future",
            "empty" => "held",
            "http-503" => "web.status",
            _ => "mssante.whitelist-not-readable",
        };
        assert_eq!(said, expected, "{}", row.name);
        assert_eq!(space.domains(), 4, "{}", row.name);
    }
    space.simulator.play_list(&[]).unwrap();
    assert!(matches!(space.pull().await, Ok(Some(Outcome::Unchanged(_)))));
}

#[tokio::test]
async fn a_domain_is_known_with_its_operators() {
    let space = Space::new();
    space.pull().await.unwrap();
    let found = space.store.domain("ville.mssante.example").unwrap().unwrap();
    assert_eq!(found.source, Source::ListeBlanche);
    assert_eq!(found.record.operators.len(), 1);
    assert_eq!(space.store.domain("inconnu.mssante.example").unwrap(), None);
    assert!(matches!(space.pull().await, Ok(None)), "the same list is not read twice");
}
