//! The store as its users see it: snapshots published, held back, looked up.

use std::{fs, path::Path, sync::Arc};

use jiff::Timestamp;
use jonction_model::{
    ManualClock, MssAddress, PersonId, StructureId,
    directory::{
        Coded, Contact, Holder, Holdings, Kind, Mailbox, MailboxKind, Offer, Position, PostalAddress,
        Practice, Professional, Record, Source, Structure, Whose, Zone, ZoneKind,
    },
};
use jonction_ports::{
    Directory as _, Records as _,
    directory::{Around, Need, Nothing, OfferQuery, ProfessionalQuery, Reason, StructureQuery},
};

use crate::{Change, Error, Judge, Memory, Outcome, Snapshot, Store, Suspicion};

const DAY: &str = "2026-01-02T03:00:00Z";

fn store(folder: &Path) -> Store {
    let clock = Arc::new(ManualClock::at(DAY.parse().unwrap()));
    // A tiny arena: every test sorts on disk too.
    Store::with_memory(folder, clock, Memory { arena_bytes: 2000, cache_kib: 256 }).unwrap()
}

fn snapshot(name: &str) -> Snapshot {
    let date: Timestamp = "2026-01-01T08:30:00Z".parse().unwrap();
    Snapshot { name: name.into(), date, sha256: "0".repeat(64), bytes: 1 }
}

const CAREFUL: Judge = Judge::Suspicious(Suspicion { removed_max: 0.05, changed_max: 0.30 });

fn publish(store: &Store, source: Source, records: &[Record], judge: Judge) -> Outcome {
    let mut pull = store.draft(source).unwrap();
    for record in records {
        pull.draft.put(record.clone()).unwrap();
    }
    store.commit(pull, snapshot("essai"), judge).unwrap()
}

fn site(finess: &str, commune: &str) -> Structure {
    Structure {
        finess: finess.into(),
        finess_legal: "990009000".into(),
        technical_id: format!("F{finess}"),
        name: format!("HÔPITAL {finess}"),
        address: PostalAddress { commune: commune.into(), ..PostalAddress::default() },
        ..Structure::default()
    }
}

fn person(number: u64, family: &str, given: &str, sites: &[Structure]) -> Professional {
    let practice = |site: Option<Structure>| Practice {
        profession: Coded::new("10", "Médecin"),
        skill: Coded::new("SM04", "Cardiologie"),
        mode: Coded::new("S", "Salarié"),
        site: site.map(Box::new),
        ..Practice::default()
    };
    let mut practices: Vec<_> = sites.iter().cloned().map(Some).map(practice).collect();
    if practices.is_empty() {
        practices.push(practice(None));
    }
    Professional {
        id: PersonId::prefixed(&format!("8{number:011}")),
        family: family.into(),
        given: given.into(),
        practices,
        ..Professional::default()
    }
}

fn record(professional: Professional) -> Record {
    Record::Professional(Box::new(professional))
}

fn id(number: u64) -> PersonId {
    PersonId::prefixed(&format!("8{number:011}"))
}

fn mailbox(address: &str, kind: MailboxKind, holder: Holder) -> Record {
    Record::Mailbox(Box::new(Mailbox {
        address: address.into(),
        kind,
        holders: vec![holder],
        ..Mailbox::default()
    }))
}

fn of_person(number: u64, structure: Option<&str>) -> Holder {
    Holder { person: Some(id(number)), structure: structure.map(StructureId::prefixed), ..Holder::default() }
}

fn crowd(count: u64) -> Vec<Record> {
    (0..count)
        .map(|n| record(person(10_900_000_000 + n, "MODELE", "Alix", &[site("990001000", "99001")])))
        .collect()
}

#[test]
fn a_person_is_one_record_whatever_the_order_of_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let mut records: Vec<Record> = (0..50).map(|n| record(person(n, "AUTRE", "Max", &[]))).collect();
    records.insert(0, record(person(7_000, "ÉBAUCHE", "Amaury", &[site("990001000", "99001")])));
    records.push(record(person(7_000, "ÉBAUCHE", "Amaury", &[site("990001002", "99003")])));
    publish(&store, Source::Rpps, &records, CAREFUL);
    let found = store.professional(&id(7_000)).unwrap().unwrap();
    let names: Vec<_> =
        found.record.practices.iter().map(|p| p.site.as_ref().unwrap().name.clone()).collect();
    assert_eq!(names.len(), 2);
    assert!(
        names.contains(&"HÔPITAL 990001000".to_owned()) && names.contains(&"HÔPITAL 990001002".to_owned())
    );
    assert_eq!((found.source, found.date.to_string().as_str()), (Source::Rpps, "2026-01-01"));
    assert_eq!(store.states()[0].counts["professional"], 51);
    assert_eq!(store.professional(&id(7_001)).unwrap(), None);
}

#[test]
fn the_same_records_in_another_order_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let mut records = crowd(30);
    assert!(matches!(publish(&store, Source::Rpps, &records, CAREFUL), Outcome::Published(_)));
    records.reverse();
    assert!(matches!(publish(&store, Source::Rpps, &records, CAREFUL), Outcome::Unchanged(_)));
}

#[test]
fn what_differs_is_counted_by_what_happened() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    publish(&store, Source::Rpps, &crowd(100), CAREFUL);
    let mut next = crowd(101);
    next.remove(0);
    next[0] = record(person(10_900_000_001, "MODELE", "Alix", &[site("990001002", "99003")]));
    next[1] = record(person(10_900_000_002, "MODÈLE", "Alix", &[site("990001000", "99001")]));
    let outcome = publish(&store, Source::Rpps, &next, CAREFUL);
    let found = outcome.report().kinds[&Kind::Professional];
    assert_eq!((found.added, found.removed, found.moved, found.changed), (1, 1, 1, 1));
}

#[test]
fn a_snapshot_that_shrinks_is_held_back_until_a_human_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    publish(&store, Source::Rpps, &crowd(100), CAREFUL);
    let Outcome::Held(report) = publish(&store, Source::Rpps, &crowd(94), CAREFUL) else {
        panic!("not held")
    };
    assert_eq!((report.suspicions[0].count, report.suspicions[0].change), (6, Change::Removed));
    assert!(store.professional(&id(10_900_000_099)).unwrap().is_some(), "the last good one still answers");
    assert!(
        matches!(publish(&store, Source::Rpps, &crowd(95), CAREFUL), Outcome::Published(_)),
        "5 % is allowed"
    );
    assert!(matches!(publish(&store, Source::Rpps, &crowd(50), Judge::Accepted), Outcome::Published(_)));
    assert!(store.professional(&id(10_900_000_099)).unwrap().is_none());
}

#[test]
fn a_snapshot_where_everything_changed_is_held_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    publish(&store, Source::Rpps, &crowd(100), CAREFUL);
    let garbled: Vec<Record> =
        (0..100).map(|n| record(person(10_900_000_000 + n, "MODÃ¨LE", "Alix", &[]))).collect();
    assert!(matches!(publish(&store, Source::Rpps, &garbled, CAREFUL), Outcome::Held(_)));
}

#[test]
fn an_abandoned_pull_leaves_the_snapshot_in_use_and_another_may_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    publish(&store, Source::Rpps, &crowd(10), CAREFUL);
    let mut pull = store.draft(Source::Rpps).unwrap();
    pull.draft.put(record(person(1, "X", "Y", &[]))).unwrap();
    assert!(matches!(store.draft(Source::Rpps), Err(Error::Busy)));
    drop(pull);
    assert!(store.professional(&id(1)).unwrap().is_none());
    assert!(matches!(publish(&store, Source::Rpps, &crowd(11), CAREFUL), Outcome::Published(_)));
}

#[test]
fn the_last_good_snapshot_can_be_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    publish(&store, Source::Rpps, &crowd(10), CAREFUL);
    publish(&store, Source::Rpps, &crowd(5), Judge::Accepted);
    assert!(store.rollback(Source::Rpps).unwrap().is_some());
    assert!(store.professional(&id(10_900_000_009)).unwrap().is_some());
    assert!(store.rollback(Source::Rpps).unwrap().is_none(), "only one is kept");
}

#[test]
fn readers_see_one_snapshot_or_the_next_and_never_an_error_while_one_is_published() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(store(folder.path()));
    publish(&store, Source::Rpps, &crowd(40), CAREFUL);
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (store, stop) = (store.clone(), stop.clone());
            std::thread::spawn(move || {
                let mut reads = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) || reads == 0 {
                    let first = store.professional(&id(10_900_000_000)).unwrap().unwrap();
                    assert_eq!(first.record.practices.len(), 1);
                    let found = store
                        .professionals(&ProfessionalQuery {
                            family: Some("modele".into()),
                            ..Default::default()
                        })
                        .unwrap();
                    assert!(!found.found.is_empty());
                    reads += 1;
                }
            })
        })
        .collect();
    for count in 41..60 {
        publish(&store, Source::Rpps, &crowd(count), CAREFUL);
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    readers.into_iter().for_each(|reader| reader.join().unwrap());
}

#[test]
fn a_store_opened_by_another_program_sees_what_was_published() {
    let folder = tempfile::tempdir().unwrap();
    let first = store(folder.path());
    publish(&first, Source::Rpps, &crowd(3), CAREFUL);
    assert!(store(folder.path()).professional(&id(10_900_000_002)).unwrap().is_some());
}

#[test]
fn a_damaged_description_is_said_and_never_taken_for_an_empty_directory() {
    let folder = tempfile::tempdir().unwrap();
    publish(&store(folder.path()), Source::Rpps, &crowd(3), CAREFUL);
    fs::write(folder.path().join("rpps/current.json"), b"{").unwrap();
    let opened = Store::open(folder.path(), Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH)));
    assert!(matches!(opened, Err(Error::Damaged(_))));
}

fn names(store: &Store, family: &str, given: Option<&str>) -> Vec<String> {
    let query = ProfessionalQuery {
        family: Some(family.into()),
        given: given.map(str::to_owned),
        ..ProfessionalQuery::default()
    };
    let page = store.professionals(&query).unwrap();
    page.found.iter().map(|f| format!("{} {}", f.sourced.record.family, f.sourced.record.given)).collect()
}

#[test]
fn names_are_found_however_they_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let people = [
        ("DUPOND", "Éloïse"),
        ("DUPONT", "Marie-Claude"),
        ("DUPONT-LE GOFF", "Anne"),
        ("D'HÉRICOURT", "Jean\u{a0}Noël"),
        ("LEFÈVRE", "Zoé"),
        ("MARTIN", "Paul"),
    ];
    let records: Vec<_> =
        people.iter().zip(1..).map(|((family, given), n)| record(person(n, family, given, &[]))).collect();
    publish(&store, Source::Rpps, &records, CAREFUL);
    assert_eq!(names(&store, "dupont", None)[0], "DUPONT Marie-Claude", "spelt alike first");
    assert_eq!(names(&store, "dupont", None).len(), 3, "then joined names and what is heard alike");
    assert_eq!(names(&store, "Dupont", Some("éloise")), ["DUPOND Éloïse"]);
    assert_eq!(names(&store, "le goff", None), ["DUPONT-LE GOFF Anne"]);
    assert_eq!(names(&store, "d hericourt", Some("jean noel")), ["D'HÉRICOURT Jean\u{a0}Noël"]);
    assert_eq!(names(&store, "Lefebvre", None), ["LEFÈVRE Zoé"]);
    assert_eq!(names(&store, "MARTIN", Some("P")), ["MARTIN Paul"], "an initial is enough");
    assert_eq!(names(&store, "INCONNU", None), [""; 0]);
    assert_eq!(names(&store, "…", None), [""; 0]);
}

#[test]
fn a_search_that_is_cut_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    publish(&store, Source::Rpps, &crowd(60), CAREFUL);
    let query =
        |limit| ProfessionalQuery { family: Some("MODELE".into()), limit, ..ProfessionalQuery::default() };
    let page = store.professionals(&query(10)).unwrap();
    assert_eq!((page.found.len(), page.more), (10, true));
    let page = store.professionals(&query(60)).unwrap();
    assert_eq!((page.found.len(), page.more), (60, false));
}

fn at(mut site: Structure, latitude: f64, longitude: f64) -> Record {
    site.position = Some(Position { latitude, longitude, commune_only: false });
    Record::Structure(Box::new(site))
}

#[test]
fn professionals_and_structures_are_found_by_place_and_distance() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let sites = [
        at(site("990001000", "99001"), 50.63, 3.06),
        at(site("990001002", "99003"), 50.69, 3.17),
        at(site("990001004", "99004"), 48.85, 2.35),
    ];
    publish(&store, Source::Finess, &sites, CAREFUL);
    let people = [
        record(person(1, "A", "A", &[site("990001000", "99001")])),
        record(person(2, "B", "B", &[site("990001002", "99003")])),
        record(person(3, "C", "C", &[site("990001004", "99004")])),
    ];
    publish(&store, Source::Rpps, &people, CAREFUL);
    let found = |around: Around, skill: Option<&str>| {
        let query = ProfessionalQuery {
            profession: Some("10".into()),
            skill: skill.map(str::to_owned),
            around: Some(around),
            ..ProfessionalQuery::default()
        };
        let page = store.professionals(&query).unwrap();
        page.found.iter().map(|f| f.sourced.record.family.clone()).collect::<Vec<_>>()
    };
    assert_eq!(found(Around::Commune("99001".into()), None), ["A"]);
    let near = || Around::NearCommune { commune: "99001".into(), km: 15.0 };
    assert_eq!(found(near(), Some("SM04")), ["A", "B"]);
    assert_eq!(found(near(), Some("SM53")), [""; 0]);
    let query =
        StructureQuery { name: Some("hopital".into()), around: Some(near()), ..StructureQuery::default() };
    let page = store.structures(&query).unwrap();
    let kilometres: Vec<_> = page.found.iter().map(|f| f.distance_km.unwrap().round()).collect();
    assert_eq!(kilometres, [0.0, 10.0]);
}

#[test]
fn finess_is_believed_before_the_register_of_people_and_a_closed_site_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    publish(&store, Source::Rpps, &[record(person(1, "A", "A", &[site("990001000", "99001")]))], CAREFUL);
    let id = StructureId::prefixed("1990001000");
    assert_eq!(store.structure(&id).unwrap().unwrap().source, Source::Rpps);
    let closed = Structure { closed: Some("2025-12-31".parse().unwrap()), ..site("990001000", "99001") };
    publish(&store, Source::Finess, &[Record::Structure(Box::new(closed))], CAREFUL);
    let found = store.structure(&id).unwrap().unwrap();
    assert_eq!(found.source, Source::Finess);
    assert!(!found.record.is_open("2026-01-01".parse().unwrap()));
    let query = StructureQuery { name: Some("HOPITAL".into()), ..StructureQuery::default() };
    // The register of people does not know that it closed; the more believed source does.
    assert_eq!(store.structures(&query).unwrap().found, []);
}

#[test]
fn a_mailbox_on_several_lines_is_one_with_several_holders_and_its_case_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let lines = [
        mailbox("Partage@Pro.mssante.fr", MailboxKind::Per, of_person(1, None)),
        mailbox("partage@pro.mssante.fr", MailboxKind::Per, of_person(2, Some("1990001000"))),
    ];
    publish(&store, Source::Mssante, &lines, CAREFUL);
    let address = MssAddress::parse("PARTAGE@pro.mssante.fr").unwrap();
    assert_eq!(store.mailbox(&address).unwrap().unwrap().record.holders.len(), 2);
    assert_eq!(store.mailboxes_of(&id(2)).unwrap().len(), 1);
    assert_eq!(store.states()[0].counts["mailbox"], 1);
}

#[test]
fn where_to_send_is_ranked_and_never_random() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let here = site("990001000", "99001");
    publish(&store, Source::Finess, &[Record::Structure(Box::new(here.clone()))], CAREFUL);
    let mut ended = person(3, "PARTI", "Al", &[]);
    ended.ended = Some("2025-06-01".parse().unwrap());
    let people = [record(person(1, "A", "A", &[here])), record(person(2, "B", "B", &[])), record(ended)];
    publish(&store, Source::Rpps, &people, CAREFUL);
    let org = |structure: &str, service: &str| Holder {
        structure: Some(StructureId::prefixed(structure)),
        service: service.into(),
        ..Holder::default()
    };
    let boxes = [
        mailbox("z-perso@pro.mssante.fr", MailboxKind::Per, of_person(1, None)),
        mailbox("a-ici@etab.mssante.fr", MailboxKind::Per, of_person(1, Some("1990001000"))),
        mailbox("accueil@etab.mssante.fr", MailboxKind::Org, org("1990001000", "Accueil")),
        mailbox("cardio@etab.mssante.fr", MailboxKind::Org, org("1990001000", "Cardiologie")),
        mailbox("siege@etab.mssante.fr", MailboxKind::Org, org("1990009000", "")),
    ];
    publish(&store, Source::Mssante, &boxes, CAREFUL);
    let offer = Offer {
        id: "OFF1".into(),
        structure: Some(StructureId::prefixed("1990001000")),
        contacts: vec![
            contact("offre@etab.mssante.fr", "1", true),
            contact("reservee@etab.mssante.fr", "2", true),
            // An ordinary address, which looks like another.
            contact("accueil@etab.example", "1", false),
        ],
        ..Offer::default()
    };
    publish(&store, Source::Ror, &[Record::Offer(Box::new(offer))], CAREFUL);
    let need = Need {
        person: Some(id(1)),
        structure: Some(StructureId::prefixed("1990001000")),
        service: Some("cardio".into()),
    };
    let resolution = store.resolve(&need).unwrap();
    let told: Vec<_> = resolution.candidates.iter().map(|c| (c.address.as_str(), c.reason)).collect();
    assert_eq!(
        told,
        [
            ("a-ici@etab.mssante.fr", Reason::PersonAtStructure),
            ("z-perso@pro.mssante.fr", Reason::Person),
            ("cardio@etab.mssante.fr", Reason::Service),
            ("accueil@etab.mssante.fr", Reason::Structure),
            ("siege@etab.mssante.fr", Reason::LegalEntity),
            ("offre@etab.mssante.fr", Reason::Offer),
        ]
    );
    let nothing =
        |number| store.resolve(&Need { person: Some(id(number)), ..Need::default() }).unwrap().nothing;
    assert_eq!(nothing(2), Some(Nothing::NoMailbox));
    assert_eq!(nothing(3), Some(Nothing::Closed));
    assert_eq!(nothing(9), Some(Nothing::Unknown));
}

fn contact(value: &str, confidentiality: &str, mss: bool) -> Contact {
    let confidentiality = Coded::new(confidentiality, "");
    Contact { value: value.into(), confidentiality, mss, ..Contact::default() }
}

fn zone(kind: ZoneKind, code: &str) -> Zone {
    Zone { kind, code: code.into() }
}

#[test]
fn an_offer_is_found_where_it_is_given_and_wherever_its_zone_reaches() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let offer = |id: &str, commune: &str, zones: &[Zone]| {
        let mut offer = Offer { id: id.into(), zone: zones.to_vec(), ..Offer::default() };
        offer.address.commune = commune.into();
        offer.position = Some(Position { latitude: 50.63, longitude: 3.06, commune_only: false });
        Record::Offer(Box::new(offer))
    };
    let all = [
        offer("HERE", "59350", &[]),
        offer("DEPARTMENT", "62041", &[zone(ZoneKind::Department, "59")]),
        offer("REGION", "02691", &[zone(ZoneKind::Region, "32")]),
        offer("COUNTRY", "75056", &[zone(ZoneKind::Country, "FR")]),
        offer("ELSEWHERE", "33063", &[zone(ZoneKind::Department, "33")]),
    ];
    publish(&store, Source::Ror, &all, CAREFUL);
    let found = |commune: &str| {
        let around = Some(Around::Commune(commune.into()));
        let page = store.offers(&OfferQuery { around, ..OfferQuery::default() }).unwrap();
        let mut ids: Vec<_> = page.found.into_iter().map(|found| found.sourced.record.id).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(found("59350"), ["COUNTRY", "DEPARTMENT", "HERE", "REGION"]);
    assert_eq!(found("2A004"), ["COUNTRY"]);
    let near = Around::NearPoint {
        point: Position { latitude: 50.64, longitude: 3.05, commune_only: false },
        km: 5.0,
    };
    let page = store.offers(&OfferQuery { around: Some(near), ..OfferQuery::default() }).unwrap();
    assert_eq!(page.found.len(), 5, "all five stand at the same point");
    assert!(page.found.iter().all(|found| found.distance_km.unwrap() < 2.0));
}

#[test]
fn an_offer_written_again_as_it_was_is_no_change() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let offer = |name: &str, updated: &str| {
        let offer = Offer { id: "A".into(), name: name.into(), updated: updated.into(), ..Offer::default() };
        [Record::Offer(Box::new(offer))]
    };
    publish(&store, Source::Ror, &offer("Médecine", "2026-01-01"), CAREFUL);
    let again = publish(&store, Source::Ror, &offer("Médecine", "2026-01-02"), Judge::Accepted);
    assert!(matches!(again, Outcome::Unchanged(_)), "{again:?}");
    let renamed = publish(&store, Source::Ror, &offer("Chirurgie", "2026-01-02"), Judge::Accepted);
    assert_eq!(renamed.report().kinds[&Kind::Offer].changed, 1);
}

#[test]
fn sensitive_offers_are_shown_only_to_who_may_see_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let offer = |id: &str, sensitive| {
        Record::Offer(Box::new(Offer {
            id: id.into(),
            activities: vec![Coded::new("183", "")],
            age_min: Some(18),
            sensitive,
            zone: vec![zone(ZoneKind::Commune, "99001")],
            ..Offer::default()
        }))
    };
    publish(&store, Source::Ror, &[offer("A", false), offer("B", true)], CAREFUL);
    let found = |with_sensitive, age| {
        let query = OfferQuery {
            activity: Some("183".into()),
            around: Some(Around::Commune("99001".into())),
            age: Some(age),
            with_sensitive,
            ..OfferQuery::default()
        };
        store.offers(&query).unwrap().found.into_iter().map(|f| f.sourced.record.id).collect::<Vec<_>>()
    };
    assert_eq!(found(false, 40), ["A"]);
    assert_eq!(found(true, 40), ["A", "B"]);
    assert_eq!(found(true, 12), [""; 0]);
}

#[test]
fn changes_are_seen_all_at_once_and_what_ended_is_kept_but_hidden() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    publish(&store, Source::AnnuaireFhir, &crowd(20), CAREFUL);
    let mut ended = person(10_900_000_001, "MODELE", "Alix", &[site("990001000", "99001")]);
    ended.ended = Some("2026-01-01".parse().unwrap());
    let renamed = person(10_900_000_002, "NOUVEAUNOM", "Alix", &[site("990001002", "99003")]);
    let unchanged = person(10_900_000_003, "MODELE", "Alix", &[site("990001000", "99001")]);
    let new = person(10_900_000_099, "ARRIVÉE", "Jo", &[]);
    let changes = [ended, renamed, unchanged, new].map(record);
    let report = store.apply(Source::AnnuaireFhir, changes, snapshot("delta")).unwrap();
    let done = report.kinds[&Kind::Professional];
    assert_eq!((done.added, done.changed, done.after), (1, 2, 21), "what says nothing new is not counted");
    assert_eq!(names(&store, "NOUVEAUNOM", None), ["NOUVEAUNOM Alix"]);
    assert_eq!(names(&store, "ARRIVEE", None), ["ARRIVÉE Jo"]);
    let query =
        ProfessionalQuery { family: Some("MODELE".into()), limit: 50, ..ProfessionalQuery::default() };
    assert_eq!(
        store.professionals(&query).unwrap().found.len(),
        18,
        "not the renamed one, not the one who ended"
    );
    let found = store.professional(&id(10_900_000_001)).unwrap().unwrap();
    assert!(!found.record.practises());
    let moved = store.professional(&id(10_900_000_002)).unwrap().unwrap();
    assert_eq!(moved.record.practices[0].site.as_ref().unwrap().finess, "990001002");
}

#[test]
fn changes_to_a_source_never_pulled_whole_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let applied = store(folder.path()).apply(Source::AnnuaireFhir, crowd(1), snapshot("delta"));
    assert!(matches!(applied, Err(Error::NeverPulled)));
}

#[test]
fn everybody_is_told_once_by_the_most_believed_source() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    publish(&store, Source::Rpps, &crowd(3), CAREFUL);
    publish(&store, Source::AnnuaireFhir, &[record(person(10_900_000_001, "AUTRE", "X", &[]))], CAREFUL);
    let mut told = Vec::new();
    let tell = |found: jonction_model::directory::Sourced<Professional>| {
        told.push((found.record.family, found.source));
        Ok(())
    };
    store.each_professional(tell).unwrap();
    assert_eq!(told.len(), 3);
    assert!(told.contains(&("AUTRE".to_owned(), Source::AnnuaireFhir)));
}

/// At national size one joined name in two hundred was lost among the bearers of its frequent half.
#[test]
fn a_joined_name_is_found_among_hundreds_who_bear_one_half_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let mut people: Vec<_> = (0..400).map(|n| record(person(n, "FOURNIER", "Anne", &[]))).collect();
    people.push(record(person(900, "VAFALOUT-FOURNIER", "Anne", &[])));
    publish(&store, Source::Rpps, &people, CAREFUL);
    assert_eq!(names(&store, "VAFALOUT-FOURNIER", None), ["VAFALOUT-FOURNIER Anne"]);
    assert_eq!(names(&store, "vafalout fournier", Some("anne")), ["VAFALOUT-FOURNIER Anne"]);
}

/// Both halves are frequent: neither finds the bearer of both within what a question may read.
#[test]
fn a_joined_name_is_found_when_hundreds_bear_each_of_its_halves() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let mut people: Vec<_> = (0..400).map(|n| record(person(n, "FOURNIER", "Anne", &[]))).collect();
    people.extend((400..800).map(|n| record(person(n, "MARTIN", "Anne", &[]))));
    people.push(record(person(900, "MARTIN-FOURNIER", "Anne", &[])));
    publish(&store, Source::Rpps, &people, CAREFUL);
    for asked in ["MARTIN-FOURNIER", "fournier martin", "Martain Fournier"] {
        assert_eq!(names(&store, asked, None), ["MARTIN-FOURNIER Anne"], "{asked}");
        assert_eq!(names(&store, asked, Some("anne")), ["MARTIN-FOURNIER Anne"], "{asked}");
    }
}

#[test]
fn a_snapshot_of_another_format_is_as_absent_and_the_next_pull_is_a_first_one() {
    let folder = tempfile::tempdir().unwrap();
    publish(&store(folder.path()), Source::Rpps, &crowd(3), CAREFUL);
    let path = folder.path().join("rpps/current.json");
    let older = fs::read_to_string(&path).unwrap().replace("\"format\": 2", "\"format\": 1");
    fs::write(&path, older).unwrap();
    let store = store(folder.path());
    assert!(store.states().is_empty());
    assert!(matches!(publish(&store, Source::Rpps, &crowd(1), CAREFUL), Outcome::Published(_)));
    assert_eq!(store.states()[0].counts["professional"], 1);
}

#[test]
fn mailboxes_that_are_no_longer_told_of_a_holder_end_and_those_of_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let shared = |address: &str, holders: &[Holder]| Mailbox {
        address: address.into(),
        holders: holders.to_vec(),
        ..Mailbox::default()
    };
    let (one, other) = (of_person(1, Some("1990001000")), of_person(2, None));
    let boxes = [
        shared("seul@x.mssante.fr", std::slice::from_ref(&one)),
        shared("partagee@x.mssante.fr", &[one.clone(), other]),
        shared("reste@x.mssante.fr", std::slice::from_ref(&one)),
    ];
    publish(&store, Source::AnnuaireFhir, &boxes.map(|mailbox| Record::Mailbox(Box::new(mailbox))), CAREFUL);
    let told = |addresses: &[&str]| {
        let mailboxes = addresses.iter().map(|address| shared(address, std::slice::from_ref(&one))).collect();
        Record::Holdings(Box::new(Holdings { whose: Whose::Person(id(1)), mailboxes }))
    };
    let change = [told(&["RESTE@x.mssante.fr", "nouvelle@x.mssante.fr"])];
    let report = store.apply(Source::AnnuaireFhir, change, snapshot("delta")).unwrap();
    let done = report.kinds[&Kind::Mailbox];
    assert_eq!((done.added, done.changed), (1, 3));
    let of = |number| {
        let found = store.mailboxes_of(&id(number)).unwrap();
        found.into_iter().map(|found| found.record.address.to_ascii_lowercase()).collect::<Vec<_>>()
    };
    assert_eq!(of(1), ["nouvelle@x.mssante.fr", "reste@x.mssante.fr"]);
    assert_eq!(of(2), ["partagee@x.mssante.fr"]);
    let ended = store.mailbox(&MssAddress::parse("seul@x.mssante.fr").unwrap()).unwrap().unwrap().record;
    assert_eq!(
        (ended.ended.map(|day| day.to_string()).as_deref(), ended.holders.len()),
        (Some("2026-01-01"), 1)
    );
}

#[test]
fn one_who_is_only_said_to_have_left_keeps_what_was_known() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    publish(&store, Source::AnnuaireFhir, &crowd(3), CAREFUL);
    let gone = Professional {
        id: id(10_900_000_001),
        ended: Some("2026-01-01".parse().unwrap()),
        ..Professional::default()
    };
    store.apply(Source::AnnuaireFhir, [record(gone)], snapshot("delta")).unwrap();
    let found = store.professional(&id(10_900_000_001)).unwrap().unwrap().record;
    assert!(!found.practises());
    assert_eq!((found.family.as_str(), found.practices.len()), ("MODELE", 1));
    assert_eq!(found.practices[0].site.as_ref().unwrap().finess, "990001000");
}
