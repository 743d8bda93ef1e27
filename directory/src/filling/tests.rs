//! Which establishments are counted, and what makes them done.

use std::sync::Arc;

use jonction_model::{
    ManualClock, StructureId,
    directory::{Coded, Contact, Offer, Record, Structure},
};
use jonction_ports::Records as _;

use super::*;
use crate::{Judge, Snapshot};

fn day() -> Date {
    "2026-02-10".parse().unwrap()
}

fn site(finess: &str, category: &str, activities: &[&str]) -> Structure {
    let mut site = Structure {
        finess: finess.into(),
        category: Coded::new(category, ""),
        activities: activities.iter().map(|code| (*code).to_owned()).collect(),
        opened: "2000-01-01".parse().ok(),
        ..Structure::default()
    };
    site.address.commune = "59350".into();
    site
}

fn offer(id: &str, finess: &str, field: &str) -> Offer {
    let mut offer = Offer {
        id: id.into(),
        field: Coded::new(field, ""),
        activities: vec![Coded::new("031", "")],
        care_mode: Coded::new("28", ""),
        age_min: Some(18),
        age_max: Some(90),
        structure: Some(StructureId::prefixed(&format!("1{finess}"))),
        contacts: vec![Contact {
            function: Coded::new("06", ""),
            channel: Coded::new("2", ""),
            value: "0199000000".into(),
            confidentiality: Coded::new("1", ""),
            mss: false,
        }],
        ..Offer::default()
    };
    offer.address.street = "des essais".into();
    offer.address.commune_name = "LILLE".into();
    offer.address.postcode = "59000".into();
    offer
}

fn report(sites: &[Structure], offers: &[Offer], wanted: &Wanted) -> (Vec<Line>, Summary) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at("2026-02-10T08:00:00Z".parse().unwrap()));
    let store = Store::open(folder.path(), clock).unwrap();
    let put = |source, records: Vec<Record>| {
        let mut pull = store.draft(source).unwrap();
        for record in records {
            pull.draft.put(record).unwrap();
        }
        let date = "2026-02-10T03:00:00Z".parse().unwrap();
        let snapshot = Snapshot { name: "essai".into(), date, sha256: String::new(), bytes: 0 };
        store.commit(pull, snapshot, Judge::Accepted).unwrap();
    };
    put(Source::Finess, sites.iter().map(|site| Record::Structure(Box::new(site.clone()))).collect());
    put(Source::Ror, offers.iter().map(|offer| Record::Offer(Box::new(offer.clone()))).collect());
    let mut lines = Vec::new();
    let summary = filling(&store, wanted, &BTreeSet::new(), day(), |line| {
        lines.push(line);
        Ok(())
    });
    (lines, summary.unwrap())
}

#[test]
fn an_establishment_is_done_when_all_its_offers_are_complete() {
    let sites = [site("590000001", "500", &[]), site("590000002", "500", &[]), site("590000003", "500", &[])];
    let mut lacking = offer("C", "590000002", "04");
    lacking.age_max = None;
    lacking.address.postcode.clear();
    let offers = [offer("A", "590000001", "04"), offer("B", "590000002", "04"), lacking];
    let (lines, summary) = report(&sites, &offers, &Wanted::default());
    let told: Vec<(&str, Status)> = lines.iter().map(|line| (line.finess.as_str(), line.status)).collect();
    assert_eq!(
        told,
        [("590000001", Status::Done), ("590000002", Status::Ongoing), ("590000003", Status::ToDo)]
    );
    let names: Vec<&str> = lines[1].incomplete[0].rules.iter().map(|rule| rule.name).collect();
    assert_eq!(names, ["ages", "adresse"]);
    assert!(lines[1].row().ends_with("en cours;2;1;C : ages, adresse"), "{}", lines[1].row());
    assert_eq!(summary.domains[&Domain::Esms], Count { perimeter: 3, done: 1, ongoing: 1, to_do: 1 });
    assert_eq!((summary.esms_reached, summary.esms_step), (true, Some(0.3)));
    assert_eq!(summary.quarter_end, "2026-03-31".parse().unwrap());
    assert_eq!((lines[0].region, lines[0].department.as_str()), ("32", "59"));
}

#[test]
fn each_rule_alone_makes_an_offer_incomplete_and_may_be_left_out() {
    type Spoil = fn(&mut Offer);
    let spoilt: [(&str, Spoil); 7] = [
        ("champ-activite", |offer| offer.field = Coded::default()),
        ("mode-prise-en-charge", |offer| offer.care_mode = Coded::default()),
        ("ages", |offer| offer.age_min = None),
        ("activite", |offer| offer.activities.clear()),
        ("adresse", |offer| offer.address.street.clear()),
        ("contact", |offer| offer.contacts[0].confidentiality = Coded::default()),
        ("categorie", |offer| offer.structure_category = Coded::new("209", "")),
    ];
    let sites = [site("590000001", "500", &[])];
    for (name, spoil) in spoilt {
        let mut offer = offer("A", "590000001", "04");
        spoil(&mut offer);
        let (lines, _) = report(&sites, &[offer.clone()], &Wanted::default());
        assert_eq!(lines[0].incomplete[0].rules.len(), 1, "{name}");
        assert_eq!(lines[0].incomplete[0].rules[0].name, name);
        let rules = RULES.iter().filter(|rule| rule.name != name).collect();
        let (lines, _) = report(&sites, &[offer], &Wanted { rules, ..Wanted::default() });
        assert_eq!(lines[0].status, Status::Done, "{name} left out");
    }
}

#[test]
fn a_hospital_counts_in_each_field_it_is_authorised_for_with_the_offers_of_that_field() {
    let sites = [
        site("590000001", "101", &["01", "50"]),
        site("590000002", "355", &[]),
        site("590000003", "156", &[]),
    ];
    let offers = [offer("A", "590000001", "01")];
    let (lines, summary) = report(&sites, &offers, &Wanted::default());
    let told: Vec<_> = lines.iter().map(|line| (line.finess.as_str(), line.field, line.status)).collect();
    assert_eq!(
        told,
        [
            ("590000001", Field::Mco, Status::Done),
            ("590000001", Field::Smr, Status::ToDo),
            // No authorisation, no perimeter; but psychiatry needs none.
            ("590000003", Field::Psy, Status::ToDo),
        ]
    );
    assert!(summary.authorisations && !summary.hospitals_reached);
}

#[test]
fn without_authorisations_a_hospital_is_counted_once_with_all_its_offers() {
    let sites = [site("590000001", "101", &[])];
    let offers = [offer("A", "590000001", "01"), offer("B", "590000001", "02")];
    let (lines, summary) = report(&sites, &offers, &Wanted::default());
    assert_eq!((lines.len(), lines[0].field, lines[0].offers), (1, Field::Hospital, 2));
    assert!(!summary.authorisations && summary.hospitals_reached);
}

#[test]
fn what_is_closed_is_outside_and_an_offer_closed_for_good_does_not_count() {
    let mut closed = site("590000001", "500", &[]);
    closed.closed = "2025-01-01".parse().ok();
    let mut never_opened = site("590000002", "500", &[]);
    never_opened.opened = None;
    let mut ended = offer("A", "590000003", "04");
    ended.closed = "2025-12-31".parse().ok();
    let (lines, _) =
        report(&[closed, never_opened, site("590000003", "500", &[])], &[ended], &Wanted::default());
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].status, Status::ToDo);
}

#[test]
fn care_given_at_home_by_a_hospital_counts_as_mco_whatever_the_activity() {
    let fields = |activities: &[&str]| -> Vec<Field> {
        fields(&site("990000001", "101", activities), true).into_iter().collect()
    };
    assert_eq!(fields(&["50/05"]), [Field::Mco]);
    assert_eq!(fields(&["50/01", "04", "16/01"]), [Field::Mco, Field::Smr, Field::Psy]);
    assert_eq!(fields(&["824/01"]), []);
}
