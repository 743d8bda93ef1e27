//! Pulls of the ROR from its simulator into a store: whole ones, changes, every fault, mutual TLS.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test program: failing is its way of speaking")]

use std::{collections::BTreeMap, fs, sync::Arc, time::Duration};

use jonction_certs_dev::{DevAuthority, Leaf, Structure as Holder};
use jonction_directory::{Judge, Memory, Outcome, Snapshot, Store, Suspicion};
use jonction_model::{
    Clock as _, ManualClock,
    directory::{Offer, Source, ZoneKind},
};
use jonction_net::{Anchors, ClientAuth, ClientTls, Identity, client_config, server_config};
use jonction_ports::{
    Directory as _, PullError, Puller as _,
    directory::{Around, OfferQuery},
    pull::{Brought, Remark},
};
use jonction_ror::{
    ExportLimits, Proof, RorPuller, RorSettings,
    simulator::{FAULTS, Fault, Settings, Simulator},
};
use jonction_web::{Client, Request, Url, client::Timeouts, pace::at_once};

const START: &str = "2026-01-02T07:00:00Z";
const SMALL: Memory = Memory { arena_bytes: 200_000, cache_kib: 512 };
const HEADERS: [&str; 4] = [
    "Ror-Profil-Utilisateur-Code",
    "Ror-Profil-Utilisateur-System",
    "Ror-Role-Metier-Code",
    "Ror-Role-Metier-System",
];

struct World {
    simulator: Simulator,
    store: Store,
    clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
    region: Option<String>,
    cut: u64,
    accept: bool,
}

/// What a pull came to.
#[derive(Debug)]
struct Done {
    whole: bool,
    outcome: Option<Outcome>,
    remarks: Vec<Remark>,
}

impl Done {
    fn remarked(&self, code: &str) -> bool {
        self.remarks.iter().any(|remark| remark.code == code)
    }
}

fn settings_of(establishments: u64, cut: u64) -> Settings {
    let any = ([127, 0, 0, 1], 0).into();
    let cut = usize::try_from(cut).unwrap();
    Settings { listen: any, token_listen: any, seed: 6, establishments, per_file: 30, cut }
}

impl World {
    fn sized(establishments: u64, cut: u64) -> Self {
        let clock = Arc::new(ManualClock::at(START.parse().unwrap()));
        let folder = tempfile::tempdir().unwrap();
        Self {
            simulator: Simulator::start(settings_of(establishments, cut), None, clock.clone(), &[]).unwrap(),
            store: Store::with_memory(folder.path(), clock.clone(), SMALL).unwrap(),
            clock,
            folder,
            region: None,
            cut,
            accept: false,
        }
    }

    fn new() -> Self {
        Self::sized(300, 10_000)
    }

    fn settings(&self) -> RorSettings {
        RorSettings {
            fhir: Url::parse(&self.simulator.fhir_url()).unwrap(),
            token: Url::parse(&self.simulator.token_url()).unwrap(),
            client_id: "essai".into(),
            proof: Proof::Identity("passerelle".into()),
            headers: HEADERS.map(|name| (name, "x".to_owned())),
            region: self.region.clone(),
            trust: None,
            whole_every: Duration::from_secs(7 * 24 * 3600),
            export: ExportLimits::default(),
            search_cut: self.cut,
            mss_channels: vec!["MSSANTE".into()],
        }
    }

    /// A new puller each time, as another process would.
    fn puller(&self) -> RorPuller {
        let client = Client::new(None, Timeouts::default()).waiting(at_once());
        let folder = self.folder.path().join("downloads");
        RorPuller::new(self.settings(), client.clone(), client, None, folder, self.clock.clone())
    }

    async fn pull(&self) -> Result<Done, PullError> {
        self.pull_with(&self.puller(), false).await
    }

    async fn pull_with(&self, puller: &RorPuller, whole: bool) -> Result<Done, PullError> {
        let in_use = self.store.states().into_iter().next().map(|state| state.in_use());
        match puller.bring(in_use, whole, &()).await? {
            Brought::NothingNew(_) => Ok(Done { whole: false, outcome: None, remarks: Vec::new() }),
            Brought::Snapshot(mut snapshot) => {
                let mut pull = self.store.draft(Source::Ror).unwrap();
                let intake = snapshot.read(&mut pull.draft, &mut |_| {})?;
                let facts = snapshot.facts().clone();
                let described = Snapshot {
                    name: facts.name,
                    date: facts.date,
                    sha256: intake.sha256,
                    bytes: intake.bytes,
                };
                let careful = Judge::Suspicious(Suspicion::default());
                let judge = if self.accept { Judge::Accepted } else { careful };
                let outcome = Some(self.store.commit(pull, described, judge).unwrap());
                Ok(Done { whole: true, outcome, remarks: intake.remarks })
            }
            Brought::Changes(changes) => {
                let described = Snapshot {
                    name: "changements".into(),
                    date: changes.until,
                    sha256: String::new(),
                    bytes: 0,
                };
                let report = self.store.apply(Source::Ror, changes.records, described).unwrap();
                let outcome = Some(Outcome::Published(report));
                Ok(Done { whole: false, outcome, remarks: changes.remarks })
            }
        }
    }

    fn all(&self) -> BTreeMap<String, Offer> {
        let mut all = BTreeMap::new();
        self.store
            .each_offer(|found| {
                // When the source rewrote it is no content.
                let offer = Offer { updated: String::new(), ..found.record };
                all.insert(offer.id.clone(), offer);
                Ok(())
            })
            .unwrap();
        all
    }

    fn day_passes(&self) {
        self.clock.advance_ms(24 * 3_600_000);
    }
}

/// Tells the first offer that differs, not a thousand of them.
fn assert_same(left: &BTreeMap<String, Offer>, right: &BTreeMap<String, Offer>) {
    for id in left.keys().chain(right.keys()) {
        assert_eq!(left.get(id), right.get(id));
    }
}

#[tokio::test]
async fn a_whole_export_makes_offers_with_all_they_refer_to() {
    let world = World::new();
    let done = world.pull().await.unwrap();
    assert!(done.whole && matches!(done.outcome, Some(Outcome::Published(_))), "{done:?}");
    let all = world.all();
    assert!(all.len() > 400, "{}", all.len());
    let of_hospital: Vec<&Offer> =
        all.values().filter(|offer| offer.structure_category.code == "101").collect();
    let offer = of_hospital.iter().find(|offer| offer.contacts.iter().any(|contact| contact.mss)).unwrap();
    assert_eq!(offer.unit, "Unité fictive 1");
    assert!(offer.structure.as_ref().unwrap().as_str().starts_with("199"));
    assert!(offer.legal.as_ref().unwrap().as_str().starts_with("1999"));
    assert_eq!(offer.address.street_line(), "3 rue des jeux d'essai");
    assert!(offer.position.is_some() && offer.zone[0].kind == ZoneKind::Commune);
    assert!(offer.capacities.len() == 1 && offer.capacities[0].count >= 5, "free beds are not kept");
    assert!(all.values().any(|offer| !offer.professionals.is_empty()));
    let structure = world.store.structure(offer.structure.as_ref().unwrap()).unwrap().unwrap();
    assert_eq!((structure.source, structure.record.category.code.as_str()), (Source::Ror, "101"));
    assert!(!structure.record.finess_legal.is_empty());
}

#[tokio::test]
async fn offers_are_found_by_establishment_activity_and_distance_and_sensitive_ones_are_not() {
    let world = World::new();
    world.pull().await.unwrap();
    let all = world.all();
    let near = OfferQuery {
        activity: Some("031".into()),
        around: Some(Around::NearCommune { commune: "99012".into(), km: 60.0 }),
        limit: 1000,
        ..OfferQuery::default()
    };
    let found = world.store.offers(&near).unwrap().found;
    assert!(!found.is_empty());
    for one in &found {
        assert!(one.sourced.record.activities[0].code == "031" && !one.sourced.record.sensitive);
        assert!(one.distance_km.is_none_or(|km| km <= 60.0) || !one.sourced.record.zone.is_empty());
    }
    let sensitive = all.values().find(|offer| offer.sensitive && offer.closed.is_none()).unwrap();
    let at = OfferQuery { structure: sensitive.structure.clone(), ..OfferQuery::default() };
    let ids = |query: &OfferQuery| -> Vec<String> {
        world.store.offers(query).unwrap().found.into_iter().map(|found| found.sourced.record.id).collect()
    };
    assert!(!ids(&at).contains(&sensitive.id));
    assert!(ids(&OfferQuery { with_sensitive: true, ..at }).contains(&sensitive.id));
}

#[tokio::test]
async fn a_day_later_changes_alone_make_what_a_new_export_would() {
    let (world, fresh) = (World::new(), World::new());
    world.pull().await.unwrap();
    for _ in 0..3 {
        world.day_passes();
        fresh.day_passes();
        let done = world.pull().await.unwrap();
        assert!(!done.whole, "{done:?}");
    }
    fresh.pull().await.unwrap();
    assert_same(&world.all(), &fresh.all());
    let first = World::new();
    first.pull().await.unwrap();
    assert!(world.all() != first.all());
}

#[tokio::test]
async fn after_a_week_of_changes_the_whole_is_asked_for_again() {
    let world = World::new();
    world.pull().await.unwrap();
    for _ in 0..6 {
        world.day_passes();
        assert!(!world.pull().await.unwrap().whole);
    }
    world.day_passes();
    assert!(world.pull().await.unwrap().whole);
}

#[tokio::test]
async fn a_search_that_is_cut_is_shared_until_nothing_is_missing() {
    let (world, fresh) = (World::sized(600, 8), World::sized(600, 10_000));
    world.pull().await.unwrap();
    world.day_passes();
    fresh.day_passes();
    let done = world.pull().await.unwrap();
    assert!(!done.whole && done.remarked("ror.search-cut"), "{done:?}");
    fresh.pull().await.unwrap();
    assert_same(&world.all(), &fresh.all());
}

#[tokio::test]
async fn one_region_is_pulled_alone() {
    let mut world = World::new();
    world.region = Some("32".into());
    world.pull().await.unwrap();
    let regions: Vec<String> = world.all().into_values().map(|offer| offer.region).collect();
    assert!(!regions.is_empty() && regions.iter().all(|region| region == "32"));
    world.day_passes();
    assert!(!world.pull().await.unwrap().whole);
    assert!(world.all().values().all(|offer| offer.region == "32"));
}

/// When a fault is played: on a whole pull, or on changes.
#[derive(Clone, Copy, PartialEq)]
enum On {
    Whole,
    Changes,
}

/// What a fault must come to.
#[derive(Clone, Copy)]
enum Expected {
    /// The same offers as without it.
    Same,
    /// Likewise, with a remark of that name.
    Remarked(&'static str),
    /// Put in use, with a remark of that name; what it says is another matter.
    Kept(&'static str),
    /// Refused, under that name.
    Refused(&'static str),
    /// Read, then held back for a human.
    Held,
}

/// Every fault, when it is played, how, and what it must come to. A fault that is not here does not compile.
fn expected(fault: Fault) -> Vec<(On, &'static str, Expected)> {
    use Expected::{Held, Kept, Refused, Remarked, Same};
    use On::{Changes, Whole};
    match fault {
        Fault::TokenRefused => {
            vec![(Whole, "", Refused("ror.token-refused")), (Changes, "", Refused("ror.token-refused"))]
        }
        Fault::TokenShort => vec![(Whole, "", Same)],
        // A token that dies at one file is renewed; one that always does is a right we do not have.
        Fault::TokenDies => vec![(Whole, "nth 2", Same), (Whole, "", Refused("ror.file-forbidden"))],
        Fault::Forbidden => {
            vec![(Whole, "", Refused("ror.forbidden")), (Changes, "", Refused("ror.forbidden"))]
        }
        Fault::Unavailable => vec![(Whole, "", Refused("web.status")), (Whole, "first 2", Same)],
        Fault::RateLimit => {
            vec![(Whole, "first 3", Same), (Changes, "first 3", Same), (Changes, "", Refused("web.status"))]
        }
        Fault::NoLocation => vec![(Whole, "", Refused("ror.damaged"))],
        Fault::NeverEnds | Fault::JobFails | Fault::JobVanishes => {
            vec![(Whole, "", Refused("ror.export-failed")), (Whole, "nth 1", Same)]
        }
        Fault::Html => vec![(Whole, "", Refused("ror.damaged"))],
        Fault::OtherHost => vec![(Whole, "", Refused("ror.other-host"))],
        Fault::Future => vec![(Whole, "", Refused("ror.damaged"))],
        Fault::FileForbidden => vec![(Whole, "", Refused("ror.file-forbidden"))],
        Fault::FileGone => vec![(Whole, "", Refused("ror.export-failed")), (Whole, "nth 2", Same)],
        Fault::Cut => vec![(Whole, "", Refused("web.cut")), (Whole, "first 2", Same)],
        Fault::Truncated => vec![
            (Whole, "", Refused("ror.damaged")),
            (Whole, "first 2", Same),
            (Changes, "", Refused("ror.damaged")),
            (Changes, "first 2", Same),
        ],
        Fault::EmptyFile => vec![(Whole, "", Refused("ror.damaged")), (Whole, "nth 1", Same)],
        Fault::NoOffers => vec![(Whole, "", Refused("ror.damaged")), (Whole, "nth 1", Held)],
        Fault::Shrunk => vec![(Whole, "", Held)],
        Fault::Bloated => vec![(Whole, "", Refused("ror.damaged")), (Changes, "", Refused("ror.damaged"))],
        Fault::SamePage | Fault::SamePageRenamed => vec![(Changes, "", Refused("ror.same-page"))],
        Fault::EmptyNext => vec![(Changes, "", Refused("ror.damaged"))],
        Fault::NextOtherHost => vec![(Changes, "", Refused("ror.other-host"))],
        Fault::Incomplete => vec![(Changes, "", Refused("ror.damaged"))],
        Fault::NoTotal => vec![(Changes, "", Same)],
        Fault::SearchCut => vec![(Changes, "", Remarked("ror.whole-instead"))],
        Fault::NoRegion => vec![(Changes, "", Kept("ror.no-region")), (Whole, "", Held)],
        Fault::UnknownCode => vec![(Changes, "", Kept("ror.unknown-code")), (Whole, "", Held)],
        Fault::HttpIdentifiers => vec![(Whole, "", Same), (Changes, "", Same)],
        Fault::NoSensitivity => vec![(Changes, "", Kept("ror.no-sensitivity")), (Whole, "", Held)],
    }
}

#[tokio::test]
async fn every_fault_comes_to_what_it_must_and_none_replaces_a_good_snapshot() {
    // Three files, and a page of changes in each window.
    let size = 80;
    let clean = World::sized(size, 10_000);
    clean.pull().await.unwrap();
    let yesterday = clean.all();
    clean.day_passes();
    clean.pull_with(&clean.puller(), true).await.unwrap();
    let today = clean.all();
    assert!(yesterday != today);
    for row in FAULTS {
        for (on, when, expected) in expected(row.fault) {
            let rule = format!("{} {when}", row.name);
            let world = World::sized(size, 10_000);
            world.pull().await.unwrap();
            world.day_passes();
            world.simulator.play(&[&rule]).unwrap();
            let ended = world.pull_with(&world.puller(), on == On::Whole).await;
            let published = matches!(&ended, Ok(Done { outcome: Some(Outcome::Published(_)), .. }));
            match (expected, &ended) {
                (Expected::Same, Ok(_)) if published => assert!(world.all() == today, "{rule}"),
                (Expected::Remarked(code), Ok(done)) if published && done.remarked(code) => {
                    assert!(world.all() == today, "{rule}");
                }
                (Expected::Kept(code), Ok(done)) if published && done.remarked(code) => {}
                (Expected::Refused(code), Err(error)) => {
                    assert_eq!(error.code, code, "{rule}: {}", error.sentence);
                    assert!(world.all() == yesterday, "{rule}");
                }
                (Expected::Held, Ok(Done { outcome: Some(Outcome::Held(_)), .. })) => {
                    assert!(world.all() == yesterday, "{rule}");
                }
                _ => panic!("{rule}: {ended:?}"),
            }
            world.simulator.play(&[]).unwrap();
            world.pull_with(&world.puller(), true).await.unwrap_or_else(|error| panic!("{rule}: {error}"));
            assert!(world.all() == today, "{rule}: the next good pull");
        }
    }
}

#[tokio::test]
async fn a_token_that_dies_between_two_files_is_renewed_and_the_export_is_not_asked_again() {
    let world = World::sized(200, 10_000);
    world.simulator.play(&["token-dies nth 2"]).unwrap();
    world.pull().await.unwrap();
    assert_eq!((world.simulator.jobs(), world.simulator.tokens()), (1, 2));
}

#[tokio::test]
async fn a_token_is_asked_again_before_its_end_and_only_then() {
    let world = World::new();
    let puller = world.puller();
    world.pull_with(&puller, true).await.unwrap();
    world.clock.advance_ms(280_000);
    world.pull_with(&puller, true).await.unwrap();
    assert_eq!(world.simulator.tokens(), 1);
    world.clock.advance_ms(11_000);
    world.pull_with(&puller, true).await.unwrap();
    assert_eq!(world.simulator.tokens(), 2);
}

/// The process was stopped, or a file failed: the job and the files that came serve the next pull.
#[tokio::test]
async fn a_pull_that_stopped_takes_its_job_up_with_the_files_that_came() {
    let world = World::sized(200, 10_000);
    world.simulator.play(&["file-forbidden nth 3"]).unwrap();
    assert_eq!(world.pull().await.unwrap_err().code, "ror.file-forbidden");
    let first = world.folder.path().join("downloads/export/00000/part-0001.json");
    let came = fs::metadata(&first).unwrap().modified().unwrap();
    world.simulator.play(&[]).unwrap();
    assert!(world.pull().await.unwrap().whole);
    assert_eq!(world.simulator.jobs(), 1, "the same job");
    assert_eq!(fs::metadata(&first).unwrap().modified().unwrap(), came, "the same file");
    // Once in use, the next whole pull is another export.
    world.pull_with(&world.puller(), true).await.unwrap();
    assert_eq!(world.simulator.jobs(), 2);
}

#[tokio::test]
async fn a_job_noted_long_ago_or_damaged_is_not_taken_up() {
    let world = World::sized(200, 10_000);
    world.simulator.play(&["file-forbidden nth 3"]).unwrap();
    world.pull().await.unwrap_err();
    world.simulator.play(&[]).unwrap();
    world.clock.advance_ms(3 * 3_600_000);
    world.pull().await.unwrap();
    assert_eq!(world.simulator.jobs(), 2);
    fs::write(world.folder.path().join("downloads/export/job.json"), "{\"asked\":").unwrap();
    world.pull_with(&world.puller(), true).await.unwrap();
    assert_eq!(world.simulator.jobs(), 3);
}

#[tokio::test]
async fn without_a_header_or_with_another_host_the_simulator_says_no() {
    let world = World::new();
    let client = Client::new(None, Timeouts::default());
    let form = [("grant_type", "client_credentials"), ("client_id", "essai")];
    let token =
        client.send(&Request::form(Url::parse(&world.simulator.token_url()).unwrap(), &form)).await.unwrap();
    let token: serde_json::Value = serde_json::from_slice(&token.bytes(10_000).await.unwrap()).unwrap();
    let token = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let ask = |missing: usize| {
        let url = Url::parse(&format!("{}/HealthcareService", world.simulator.fhir_url())).unwrap();
        let mut request = Request::get(url).secret("authorization", token.clone());
        for (_, name) in HEADERS.iter().enumerate().filter(|(at, _)| *at != missing) {
            request = request.secret(*name, "x");
        }
        let client = client.clone();
        async move { client.send(&request).await.unwrap().status }
    };
    for (missing, name) in HEADERS.iter().enumerate() {
        assert_eq!(ask(missing).await, 403, "{name}");
    }
    assert_eq!(ask(4).await, 200);
    let unknown = Url::parse(&format!("{}/HealthcareService?_since=x", world.simulator.fhir_url())).unwrap();
    let mut request = Request::get(unknown).secret("authorization", token.clone());
    for name in HEADERS {
        request = request.secret(name, "x");
    }
    assert_eq!(client.send(&request).await.unwrap().status, 400);
}

/// Mutual TLS at the token endpoint, and only there; access profile 0 has a secret and sees nothing sensitive.
#[tokio::test]
async fn a_token_is_given_to_a_certificate_or_for_a_secret_and_to_nobody_else() {
    let clock = Arc::new(ManualClock::at(jonction_model::SystemClock.now()));
    let folder = tempfile::tempdir().unwrap();
    let holder = Holder { name: "Hôpital".into(), finess: "990000001".into() };
    let dev = DevAuthority::ensure(&folder.path().join("certs"), clock.now(), &holder).unwrap();
    let identity = |leaf| Identity::from_files(dev.chain_of(leaf), dev.key_of(leaf)).unwrap();
    let anchors = Anchors::from_file(dev.root()).unwrap();
    let server = |auth: ClientAuth<'_>| server_config(&identity(Leaf::Server), auth).unwrap().into();
    let tls = (server(ClientAuth::None), server(ClientAuth::Required(&anchors)));
    let simulator = Simulator::start(settings_of(120, 10_000), Some(tls), clock.clone(), &[]).unwrap();
    let client = |identity: Option<&Identity>| {
        let tls = ClientTls::new(client_config(&anchors, identity).unwrap());
        Client::new(Some(tls), Timeouts::default()).waiting(at_once())
    };
    let store = Store::open(&folder.path().join("store"), clock.clone()).unwrap();
    let world =
        World { accept: true, simulator, store, clock: clock.clone(), folder, region: None, cut: 10_000 };
    let pull = async |door: Client, secret: Option<&str>, token: String, name: &str| {
        let settings = RorSettings { token: Url::parse(&token).unwrap(), ..world.settings() };
        let folder = world.folder.path().join(name);
        let secret = secret.map(str::to_owned);
        let puller = RorPuller::new(settings, door, client(None), secret, folder, clock.clone());
        world.pull_with(&puller, true).await
    };
    let mutual = world.simulator.token_url();
    let open = format!(
        "{}/auth/realms/ror/protocol/openid-connect/token",
        world.simulator.fhir_url().replace("/ws-diffusion-fhir", "")
    );
    assert!(pull(client(None), None, mutual.clone(), "a").await.is_err(), "without certificate");
    let unknown = identity(Leaf::AuthCliUnknown);
    assert!(pull(client(Some(&unknown)), None, mutual.clone(), "b").await.is_err(), "of another authority");
    let refused = pull(client(None), Some("faux"), open.clone(), "c").await.unwrap_err();
    assert_eq!(refused.code, "ror.token-refused");
    assert!(!refused.to_string().contains("faux"));
    pull(client(None), Some("secret-essai"), open, "d").await.unwrap();
    let free = world.all();
    assert!(!free.is_empty() && free.values().all(|offer| !offer.sensitive));
    pull(client(Some(&identity(Leaf::AuthCli))), None, mutual, "e").await.unwrap();
    assert!(world.all().values().any(|offer| offer.sensitive));
}

#[tokio::test]
async fn the_published_sample_is_read_as_it_is() {
    let Some(samples) = std::env::var_os("JONCTION_SAMPLES").map(std::path::PathBuf::from) else {
        jonction_testkit::skipped("JONCTION_SAMPLES is not set: the samples of the ROR are not read");
        return;
    };
    let text = fs::read(samples.join("annuaires/ror/bundle-healthcareservice-include.json")).unwrap();
    let server = jonction_web::Server::start(
        ([127, 0, 0, 1], 0).into(),
        None,
        Arc::new(move |arrived| sample(&arrived, &text)),
    )
    .unwrap();
    let mut world = World::new();
    world.cut = 10_000;
    let base = server.origin();
    let settings = RorSettings {
        fhir: Url::parse(&format!("{base}/ws")).unwrap(),
        token: Url::parse(&format!("{base}/token")).unwrap(),
        mss_channels: vec!["MSS".into()],
        ..world.settings()
    };
    let client = Client::new(None, Timeouts::default()).waiting(at_once());
    let folder = world.folder.path().join("downloads");
    let puller = RorPuller::new(settings, client.clone(), client, None, folder, world.clock.clone());
    let done = world.pull_with(&puller, true).await.unwrap();
    assert!(done.remarks.is_empty(), "{done:?}");
    let all = world.all();
    let offer = &all["99-OFFRE-0001"];
    assert_eq!((offer.field.code.as_str(), offer.care_mode.code.as_str()), ("01", "28"));
    assert_eq!((offer.age_min, offer.age_max), (Some(18), Some(90)));
    assert_eq!(offer.structure.as_ref().unwrap().as_str(), "1990001000");
    assert_eq!(offer.legal.as_ref().unwrap().as_str(), "1990009000");
    assert_eq!((offer.address.commune.as_str(), offer.unit.as_str()), ("99001", "Unité de soins fictive"));
    assert!(offer.contacts[0].mss && offer.contacts[0].confidentiality.code == "1");
    assert_eq!(offer.contacts[1].function.code, "06");
    server.stop().await;
}

fn sample(arrived: &jonction_web::server::Arrived, bundle: &[u8]) -> jonction_web::Reply {
    use jonction_web::Reply;
    let json = |text: String| Reply::new(200, "application/json", text);
    match arrived.route() {
        "/token" => json(r#"{"access_token":"a.b.c","expires_in":300}"#.to_owned()),
        "/ws/$export" => Reply::status(202).header("content-location", "/ws/poll"),
        "/ws/poll" => json(
            r#"{"transactionTime":"2026-01-01T03:00:00+01:00","output":[{"url":"/ws/part-1.json"}]}"#
                .to_owned(),
        ),
        _ => Reply::new(200, "application/fhir+json", bundle.to_vec()),
    }
}

/// What a script prints, with the libraries the tests need; `None`, and said so, where they are not installed.
fn python(script: &str, arguments: &[&str]) -> Option<String> {
    let Some(python) = jonction_testkit::python_with("requests, fhirpy, fhir.resources.R4B") else {
        jonction_testkit::skipped(
            "requests, fhirpy and fhir.resources are not installed: nobody else asks the ror simulator",
        );
        return None;
    };
    Some(jonction_testkit::python_says(&python, script, arguments))
}

/// The steps of the national guide, by a client that we did not write; a library that we did not write finds it valid.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_from_elsewhere_talks_to_the_simulator() {
    let world = World::sized(60, 10_000);
    world.pull().await.unwrap();
    let (fhir, token) = (world.simulator.fhir_url(), world.simulator.token_url());
    let read = tokio::task::spawn_blocking(move || python(include_str!("client.py"), &[&fhir, &token]));
    let Some(read) = read.await.unwrap() else { return };
    let told: BTreeMap<String, usize> = serde_json::from_str(&read).unwrap();
    assert_eq!(
        (told["files"], told["HealthcareService"], told["searched"]),
        (2, world.all().len(), world.all().len())
    );
    assert!(
        told["Location"] == told["searched"] && told["of_activity"] > 0 && told["refused"] == 1,
        "{told:?}"
    );
}
