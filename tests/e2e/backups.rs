//! A backup of a gateway that runs, put back elsewhere: nothing is lost, nobody is told that it was sent when it may not be.
//! In: the example with a DMP that fails. Out: manifests, refusals with their remedy, a store that goes on.

use std::{fs, path::Path};

use crate::{
    demo::closes,
    desk::{Desk, answered, stops},
    program::{IDLE, Said, copy_folder, example, example_messages, jonction},
};

fn restore(backup: &Path, data: &Path, key: &Path) -> Said {
    let [backup, data, key] = [backup, data, key].map(|path| path.to_str().unwrap());
    jonction(["restore", backup, "--index-key", key, "--reason", "disque perdu", "--data", data])
}

#[test]
fn a_backup_of_a_running_gateway_is_put_back_with_what_it_cannot_know() {
    let desk = Desk::new();
    let project = desk.folder.path().join("projet");
    copy_folder(&example(), &project);
    let text = fs::read_to_string(example().join("simulators.yaml")).unwrap();
    let text = text.replacen("faults: []", "faults: [http-503 first 100000]", 1);
    fs::write(project.join("simulators.yaml"), text).unwrap();
    let simulators = desk.simulate(&project);
    let mut gateway = desk.run(&project);
    let messages = example_messages();
    // It waits for the DMP, and its body is a file.
    desk.send(&[&messages[0]], true).exits(0);
    gateway.wait_for("a deposit that failed", |line| line.contains(r#""outcome":"retry""#).then_some(()));

    let backup = desk.folder.path().join("sauvegarde");
    let backup_text = backup.to_str().unwrap();
    desk.ask(["backup", backup_text]).exits(0).says([
        "1 messages",
        "manifest.json",
        "la clé d'index n'est pas",
    ]);
    desk.ask(["backup", backup_text]).exits(3).warns(["backup.not-empty", "remède"]);
    assert!(!backup.join("keys").exists(), "the key does not travel with what it hides");
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(backup.join("manifest.json")).unwrap()).unwrap();
    assert!(manifest["files"].as_array().unwrap().len() >= 2, "the body in a file is there: {manifest}");
    stops(gateway);
    stops(simulators);

    // Another key, a changed file, a folder in use: refused, and nothing is left.
    let (key, elsewhere) = (desk.folder.path().join("keys/index.key"), tempfile::tempdir().unwrap());
    let data = elsewhere.path().join("data");
    let wrong = elsewhere.path().join("autre.key");
    fs::write(&wrong, [7; 32]).unwrap();
    restore(&backup, &data, &wrong).exits(3).warns(["journal.index-key-changed", "remède"]);
    assert!(!data.exists());
    let file = manifest["files"][1]["path"].as_str().unwrap();
    let whole = fs::read(backup.join(file)).unwrap();
    let mut flipped = whole.clone();
    flipped[1000] ^= 1;
    fs::write(backup.join(file), flipped).unwrap();
    restore(&backup, &data, &key).exits(3).warns(["backup.damaged", file, "remède"]);
    fs::write(backup.join(file), whole).unwrap();
    restore(&backup, desk.folder.path(), &key).exits(3).warns(["backup.not-empty"]);

    restore(&backup, &data, &key).exits(0).says([
        "restauré",
        "1 messages",
        "attention",
        "jonction parked list",
    ]);
    let ask = |question: &[&str]| {
        let arguments = question.iter().copied().chain(["--data", data.to_str().unwrap()]);
        jonction(arguments)
    };
    ask(&["audit", "verify", "--noted", manifest["audit"]["hash"].as_str().unwrap()]).exits(0);
    ask(&["audit", "list", "--act", "restored"]).exits(0).says(["restauré", "« disque perdu »"]);
    ask(&["balance"]).exits(0).says(["juste"]);
    let journey = &ask(&["journey", "DEMO-0001", "--json"]).exits(0).json()[0];
    let deposit =
        journey["deliveries"].as_array().unwrap().iter().find(|one| one["sink"] == "dmp-national").unwrap();
    assert_eq!(
        (&deposit["state"], &deposit["after_unknown"]),
        (&"sending".into(), &true.into()),
        "{deposit}"
    );
}

/// The restored store goes on: what was prepared is probed, and delivered once.
#[test]
fn a_restored_store_delivers_what_it_owed() {
    let desk = Desk::new();
    let project = desk.folder.path().join("projet");
    copy_folder(&example(), &project);
    let text = fs::read_to_string(example().join("simulators.yaml")).unwrap();
    fs::write(
        project.join("simulators.yaml"),
        text.replacen("faults: []", "faults: [http-503 first 100000]", 1),
    )
    .unwrap();
    let simulators = desk.simulate(&project);
    let mut gateway = desk.run(&project);
    desk.send(&[&example_messages()[9]], true).exits(0);
    gateway.wait_for("a deposit that failed", |line| line.contains(r#""outcome":"retry""#).then_some(()));
    let backup = tempfile::tempdir().unwrap();
    desk.ask(["backup", backup.path().to_str().unwrap()]).exits(0);
    stops(gateway);
    stops(simulators);

    let restored = Desk::new();
    let key = desk.folder.path().join("keys/index.key");
    restore(backup.path(), restored.folder.path(), &key).exits(0);
    // What it owes was signed by the authority of then.
    let authority = "certs-dev";
    copy_folder(&desk.folder.path().join(authority), &restored.folder.path().join(authority));
    let simulators = restored.simulate(&example());
    let mut gateway = restored.run(&example());
    gateway.wait_for("its end", |line| (line == IDLE && answered(&restored) == 1).then_some(()));
    stops(gateway);
    stops(simulators);
    restored.ask(["journey", "DEMO-0010"]).exits(0).says(["déposé"]);
    closes(&restored.ask_json(["balance"]).exits(0).json()[0]);
}
