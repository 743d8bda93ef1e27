//! `jonction demo`: the verdict for programs, a second morning over the same folder, somebody else's folder.

use std::fs;

use serde_json::Value;

use crate::program::{Program, example, jonction};

#[test]
fn the_demonstration_ends_well_twice_over_the_same_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("demo");
    let data = data.to_str().unwrap();

    for morning in 1..=2 {
        let said = jonction(["demo", "--json", "--data", data]).exits(0);

        let events = said.json();
        let verdict = events.last().unwrap();
        assert_eq!(verdict["event"], "verdict", "morning {morning}");
        assert_eq!(verdict["wrong"], Value::Array(Vec::new()), "morning {morning}");
        closes(&verdict["balance"]);
        assert_eq!(verdict["balance"]["total"]["messages"]["received"], 12, "eleven scenes, one sent twice");
        let first = events.iter().find(|event| event["event"] == "message").unwrap();
        assert_eq!((&first["message"], &first["control_id"]), (&1.into(), &"DEMO-0001".into()));
    }
    jonction(["journey", "9", "--data", data]).exits(0).says(["DEMO-0009", "déposé"]);
}

/// The two lines, added up here again: nothing is taken from the program's own opinion of them.
#[track_caller]
pub(crate) fn closes(balance: &Value) {
    let number = |of: &str, word: &str| balance["total"][of][word].as_u64().unwrap();
    let sum = |of: &str, words: &[&str]| words.iter().map(|word| number(of, word)).sum::<u64>();
    let messages =
        sum("messages", &["routed", "filtered", "refused", "repeated", "parked", "waiting", "held"]);
    let deliveries = sum("deliveries", &["delivered", "refused", "parked", "replaced", "in_flight"]);
    assert_eq!(number("messages", "received"), messages, "{balance}");
    assert_eq!(number("deliveries", "owed"), deliveries, "{balance}");
    let left = number("messages", "waiting") + number("deliveries", "in_flight");
    assert_eq!((left, &balance["missing"]), (0, &0.into()), "{balance}");
}

#[test]
fn a_person_reads_the_balance_and_where_to_look() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();

    let said = jonction(["demo", "--data", data]).exits(0);

    let said = said.says(["Jonction", "simulateurs", "passerelle", "juste", "jonction journey"]);
    assert_eq!(said.out.matches("juste").count(), 2, "{}", said.out);
    assert!(!said.out.contains("FAUX"), "{}", said.out);
    assert_eq!(said.err, "");
}

#[test]
fn kept_open_it_can_be_tried_until_it_is_asked_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let mut demo = Program::start(["demo", "--keep", "--data", data]);
    demo.wait_for("the invitation", |line| line.contains("tout reste ouvert").then_some(()));

    let message = example().join("messages/10-emetteur-coupe.er7");
    let to = "mllp://127.0.0.1:2575";
    let sent = jonction(["send", message.to_str().unwrap(), "--to", to, "--data", data]);
    demo.terminate();
    demo.ended().exits(0);

    sent.exits(0).says(["DEMO-0010", "AA"]);
}

#[test]
fn a_folder_that_holds_something_else_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let precious = folder.path().join("journal.db");
    fs::write(&precious, "les données de quelqu'un").unwrap();

    let said = jonction(["demo", "--data", folder.path().to_str().unwrap()]).exits(3);

    said.warns(["n'a pas été fait par la démonstration", "remède"]);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "les données de quelqu'un");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was added");
}
