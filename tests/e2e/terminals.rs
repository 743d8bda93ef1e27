//! The three terminals of the README, then the questions one asks afterwards.
//! In: the example, the program. Out: facts about texts, JSON, exit codes.

use std::path::Path;

use serde_json::Value;

use crate::{
    demo::closes,
    desk::{Desk, answered, stops},
    program::{IDLE, Said, example, example_messages, jonction, jonction_with},
};

#[test]
fn three_terminals_then_questions() {
    let desk = Desk::new();
    let simulators = desk.simulate(&example());
    let mut gateway = desk.run(&example());
    let messages = example_messages();
    let files: Vec<&Path> = messages.iter().map(AsRef::as_ref).collect();

    let sent = desk.send(&files, true).exits(1);
    gateway.wait_for("the end of what eleven messages owe", |line| {
        (line == IDLE && answered(&desk) == 11).then_some(())
    });

    acknowledgements_are_shown(&sent, &files);
    questions_have_answers(&desk);
    a_balance_closes(&desk);
    second_gateway_is_refused(&desk);
    stops(gateway);
    what_is_parked_is_decided_by_a_human(&desk);
    a_restart_goes_on(&desk, files[9]);
    stops(simulators);
}

fn acknowledgements_are_shown(sent: &Said, files: &[&Path]) {
    let lines = sent.json();
    let acks: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| (line["control_id"].as_str().unwrap(), line["ack"].as_str().unwrap()))
        .collect();
    let expected: Vec<(String, &str)> = (1..=files.len())
        .map(|number| (format!("DEMO-{number:04}"), if number == 8 { "AE" } else { "AA" }))
        .collect();
    let expected: Vec<(&str, &str)> = expected.iter().map(|(id, ack)| (id.as_str(), *ack)).collect();
    assert_eq!(acks, expected);
    assert_eq!(lines[7]["errors"][0]["code"], "102", "{}", lines[7]);
    assert_eq!(lines[7]["errors"][0]["location"], "OBX^1^5^1^5");
    assert_eq!(lines[0]["file"], "01-compte-rendu-imagerie.er7");
    assert!(lines[0]["bytes"].as_u64().unwrap() > 300_000);
}

fn questions_have_answers(desk: &Desk) {
    // By document, control id, state: in words, then as data.
    for question in [
        ["--document", "2.25.198001011.8.361"],
        ["--control-id", "DEMO-0009"],
        ["--error", "hl7v2/none"],
        ["--state", "refused"],
    ] {
        let [name, value] = question;
        let words = desk.ask(["find", name, value]);
        let data = desk.ask_json(["find", name, value]);
        assert_eq!(words.code, data.code, "{question:?}");
        let found: Vec<_> =
            data.json().iter().map(|line| line["control_id"].as_str().unwrap().to_owned()).collect();
        let expected: &[&str] = match name {
            "--error" => &[],
            "--state" => &["DEMO-0008", "DEMO-0007", "DEMO-0006", "DEMO-0005"],
            _ => &["DEMO-0009"],
        };
        assert_eq!(found, expected, "{question:?}");
        assert_eq!(words.code, i32::from(expected.is_empty()), "{question:?}");
        for id in expected {
            assert!(words.out.contains(id), "{}", words.out);
        }
    }
    desk.ask(["find", "--control-id", "NOBODY"]).exits(1).says(["rien ne correspond"]);

    // A patient is typed, never given on the command line, and never said again.
    let patient =
        jonction_with(["find", "--patient", "--json", "--data", desk.data()], "284036912300175\n").exits(0);
    let found: Vec<Value> = patient.json().iter().map(|line| line["control_id"].clone()).collect();
    assert_eq!(found, ["DEMO-0011", "DEMO-0009", "DEMO-0004", "DEMO-0003", "DEMO-0001"]);
    let same = jonction_with(["find", "--patient", "--data", desk.data()], "900001\n").exits(0);
    let same = same.says(["DEMO-0011", "DEMO-0001"]).warns(["identifiant du patient"]);
    for said in [&patient, &same] {
        assert!(!said.out.contains("284036912300175") && !said.out.contains("VASSEUR"), "{}", said.out);
    }
    jonction_with(["find", "--patient", "--data", desk.data()], "\n").exits(2).warns(["rien n'a été tapé"]);

    let told = desk.ask(["journey", "2.25.198001011.8.361"]).exits(0);
    told.says([
        "reçu",
        "DEMO-0009",
        "journalisé",
        "accepté",
        "dmp-national",
        "déposé",
        "Message-ID",
        "ZAM^Z01 = O",
    ]);
    let refused = desk.ask(["journey", "8", "--findings"]).exits(0);
    refused.says(["refusé", "le document n'est pas en base64", "remède"]);
    let data = desk.ask_json(["journey", "DEMO-0009"]).exits(0).json();
    assert_eq!((data.len(), &data[0]["id"], &data[0]["state"]), (1, &9.into(), &"routed".into()));
    // A mail leads back to its message.
    let deliveries = data[0]["deliveries"].as_array().unwrap();
    let mail = deliveries.iter().find_map(|delivery| delivery["ids"]["message_id"].as_str()).unwrap();
    assert_eq!(desk.ask_json(["journey", mail]).exits(0).json(), data);
    assert_eq!(desk.ask_json(["find", "--mail-id", mail]).exits(0).json()[0]["id"], 9);
    desk.ask(["journey", "nothing-of-the-kind"]).exits(1).says(["rien n'est connu"]);
}

fn a_balance_closes(desk: &Desk) {
    let said = desk.ask(["balance"]).exits(0);
    assert!(!said.out.contains("FAUX") && said.out.contains("juste"), "{}", said.out);
    let balance = &desk.ask_json(["balance"]).exits(0).json()[0];
    closes(balance);
    let deliveries = &balance["total"]["deliveries"];
    let ends = ["owed", "delivered", "refused", "parked"].map(|word| deliveries[word].as_u64().unwrap());
    assert_eq!(ends, [40, 35, 3, 2]);
    let nothing = &desk.ask_json(["balance", "--since", "2099-01-01"]).exits(0).json()[0];
    assert_eq!(nothing["total"]["messages"]["received"], 0);
}

fn second_gateway_is_refused(desk: &Desk) {
    let project = example();
    let second =
        jonction(["run", project.to_str().unwrap(), "--ports", "auto", "--data", desk.data()]).exits(3);
    second.warns(["journal.locked", "est déjà utilisé par le processus", "remède"]);
    // It must not have taken the first one's place: an order still reaches the gateway that runs.
    desk.ask(["parked", "release", "1"]).exits(3).warns(["engine.not-parked", "n'attend personne", "remède"]);
}

fn what_is_parked_is_decided_by_a_human(desk: &Desk) {
    let listed = desk.ask(["parked", "list"]).exits(0);
    listed.says(["DEMO-0011", "mis de côté", "le document porte un autre INS que PID-3"]);
    let data = desk.ask_json(["parked", "list"]).exits(0).json();
    let parked: Vec<u64> = data[0]["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|delivery| delivery["state"] == "parked")
        .map(|delivery| delivery["id"].as_u64().unwrap())
        .collect();
    assert_eq!(parked.len(), 2, "{data:?}");
    let [first, second] = [parked[0].to_string(), parked[1].to_string()];

    // A rule parked it before any attempt: a human may refuse it, never send it.
    let release = desk.ask(["parked", "release", &first]).exits(3);
    release.warns(["engine.not-releasable", "remède"]);
    desk.ask(["parked", "refuse", &first]).exits(2).warns(["il manque", "--reason"]);
    let refused = desk.ask(["parked", "refuse", &first, "--reason", "mauvais patient, émetteur prévenu"]);
    refused.exits(0).says(["refusé pour de bon"]);
    desk.ask(["parked", "refuse", &first, "--reason", "encore"]).exits(3).warns(["n'attend personne"]);
    desk.ask(["parked", "refuse", &second, "--reason", "mauvais patient"]).exits(0);
    desk.ask(["parked", "list"]).exits(0).says(["rien n'est mis de côté"]);
    what_was_decided_is_told(desk);
    desk.ask(["journey", "11"]).exits(0).says(["mauvais patient, émetteur prévenu"]);
    assert!(desk.ask_json(["parked", "list"]).exits(0).out.is_empty());
}

/// The start, then two refusals: what failed is not told.
fn what_was_decided_is_told(desk: &Desk) {
    let acts: Vec<Value> = desk.ask_json(["audit", "list"]).exits(0).json();
    let words: Vec<_> = acts.iter().map(|line| line["act"].as_str().unwrap()).collect();
    assert_eq!(words, ["refuse", "refuse", "deploy", "start"]);
    assert_eq!((&acts[0]["message"], &acts[0]["reason"]), (&11.into(), &"mauvais patient".into()));
    assert!(!acts[0]["author"].as_str().unwrap().is_empty());
    desk.ask(["audit", "list", "--act", "refuse"]).exits(0).says(["refusé", "« mauvais patient »"]);
    let head = desk.ask_json(["audit", "verify"]).exits(0).json()[0]["head"].clone();
    assert_eq!((&head["count"], &head["hash"]), (&4.into(), &acts[0]["hash"]));
    let noted = acts[1]["hash"].as_str().unwrap();
    desk.ask(["audit", "verify", "--noted", noted]).exits(0).says(["intacte", "celle de la ligne 3"]);
    desk.ask(["audit", "verify", "--noted", &"0".repeat(64)]).exits(1).says(["n'est pas dans cette chaîne"]);
}

fn a_restart_goes_on(desk: &Desk, file: &Path) {
    let gateway = desk.run(&example());
    let again = desk.send(&[file], true).exits(0).json();
    assert_eq!(again[0]["ack"], "AA", "the same message, after a restart");
    stops(gateway);
    let balance = &desk.ask_json(["balance"]).exits(0).json()[0];
    closes(balance);
    let messages = &balance["total"]["messages"];
    assert_eq!((&messages["received"], &messages["repeated"]), (&12.into(), &1.into()), "{messages}");
    desk.ask(["journey", "DEMO-0010"]).exits(0).says(["répété", "même acquittement"]);
}
