//! What is destroyed, what is kept from it, and what can still be answered afterwards; while the gateway runs.
//! In: the example, three messages delivered and one parked. Out: certificates, texts, balances that close.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{
    demo::closes,
    desk::{Desk, answered, stops},
    program::{IDLE, example, example_messages, jonction_with},
};

/// The patient of DEMO-0009.
const PATIENT: &str = "284036912300175\n";

/// Whether a message (its first line, not its acknowledgement's) stands in the database, its log, or a body.
fn on_disk(desk: &Desk, control_id: &str) -> bool {
    fn any(folder: &Path, clear: &[u8]) -> bool {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                // What the simulators received is not ours to destroy.
                return (name == "bodies" || folder.ends_with("bodies")) && any(&path, clear);
            }
            let ours = name.starts_with("journal") || !name.contains('.');
            ours && fs::read(&path).unwrap().windows(clear.len()).any(|window| window == clear)
        })
    }
    any(desk.folder.path(), format!("|MDM^T02^MDM_T02|{control_id}|").as_bytes())
}

#[test]
fn what_is_old_is_destroyed_certified_and_still_counted() {
    let desk = Desk::new();
    let simulators = desk.simulate(&example());
    let mut gateway = desk.run(&example());
    let messages = example_messages();
    desk.send(&[&messages[1], &messages[8], &messages[9], &messages[10]], true).exits(0);
    gateway.wait_for("their end", |line| (line == IDLE && answered(&desk) == 4).then_some(()));
    let before = desk.ask_json(["balance"]).exits(0).json()[0].clone();

    // A patient is typed, kept by name of nobody, and shown where one looks.
    let hold = ["legal", "hold", "--patient", "--reason", "réquisition", "--json", "--data", desk.data()];
    let number = jonction_with(hold, PATIENT).exits(0).json()[0]["audit"]["count"].to_string();
    desk.ask(["legal", "list"]).exits(0).says(["patient, clé", "« réquisition »"]);
    desk.ask(["find", "--control-id", "DEMO-0009"]).exits(0).says(["gel légal"]);

    // Nothing is old enough; then everything is, and it is said before it is done.
    desk.ask(["purge", "--dry-run"]).exits(0).says(["rien à détruire", "rien n'a été détruit"]);
    desk.ask(["purge", "--bodies", "0s"]).exits(2).warns(["--reason", "remède"]);
    let earlier = ["purge", "--bodies", "2j", "--metadata", "1j", "--reason", "essai"];
    desk.ask(earlier).exits(2).warns(["purge.metadata-first"]);
    let would = desk.ask_json(["purge", "--bodies", "0s", "--dry-run"]).exits(0).json();
    let paper = desk.folder.path().join("certificat.json");
    let purge =
        ["purge", "--bodies", "0s", "--reason", "fin de conservation", "--author", "marie", "--certificate"];
    let purge = purge.into_iter().chain([paper.to_str().unwrap(), "--json", "--data", desk.data()]);
    let done = crate::program::jonction(purge).exits(0).json();
    for count in ["messages", "bodies", "bytes", "files"] {
        assert_eq!(would[0]["would_destroy"][count], done[0]["destroyed"][count], "{count}");
    }
    let counts = ["held", "open"].map(|count| done[0][count].as_u64().unwrap());
    assert_eq!((done[0]["destroyed"]["messages"].as_u64(), counts), (Some(2), [1, 1]), "{}", done[0]);
    let certificates: Value = serde_json::from_slice(&fs::read(&paper).unwrap()).unwrap();
    assert_eq!(certificates[0], done[0]);
    assert_eq!((&done[0]["author"], &done[0]["what"]), (&"marie".into(), &"bodies".into()));
    assert!(!done[0]["destroyed"]["patients"].as_array().unwrap().is_empty());

    // Its story is told, its bytes are nowhere; who is held is whole.
    desk.ask(["journey", "DEMO-0010"]).exits(0).says(["corps détruits", "déposé"]);
    desk.ask(["find", "--control-id", "DEMO-0010"]).exits(0).says(["corps détruits"]);
    stops(gateway);
    stops(simulators);
    assert!(!on_disk(&desk, "DEMO-0010"));
    assert!(on_disk(&desk, "DEMO-0009"));

    // The rest goes once the hold is lifted; totals stay, whatever is gone.
    desk.ask(["legal", "lift", &number, "--reason", "levée"]).exits(0).says(["levé"]);
    desk.ask(["legal", "lift", &number, "--reason", "levée"])
        .exits(3)
        .warns(["engine.no-legal-hold", "remède"]);
    let words =
        desk.ask(["purge", "--bodies", "0s", "--metadata", "0s", "--compact", "--reason", "fin"]).exits(0);
    words.says(["corps", "métadonnées", "gardés parce qu'un envoi n'est pas fini", "certificat"]);
    let after = desk.ask_json(["balance"]).exits(0).json()[0].clone();
    closes(&after);
    assert_eq!(after, before);
    desk.ask(["find", "--control-id", "DEMO-0002"]).exits(1);
    desk.ask(["audit", "verify"]).exits(0).says(["intacte"]);
    let told = desk.ask(["audit", "list", "--act", "purge"]).exits(0);
    told.says(["marie", "détruit", "« fin de conservation »", "« fin »"]);
}
