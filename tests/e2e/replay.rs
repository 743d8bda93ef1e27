//! `jonction replay`: a morning of the example through the same routes, then through others.
//! In: a journal, folders. Out: facts about what is said to differ, and that nothing was sent.

use std::{fs, path::Path};

use crate::{
    desk::{Desk, answered, stops},
    program::{IDLE, Program, copy_folder, example, example_messages},
};

#[test]
fn past_messages_tell_what_other_routes_would_change_and_nothing_when_none_do() {
    let desk = Desk::new();
    let simulators = desk.simulate(&example());
    let mut gateway = desk.run(&example());
    let messages = example_messages();
    let files: Vec<&Path> = messages.iter().map(AsRef::as_ref).collect();
    desk.send(&files, true).exits(1);
    gateway.wait_for("the end", |line| (line == IDLE && answered(&desk) == 11).then_some(()));
    let before = desk.ask(["balance"]).exits(0).out;
    let routes = example();
    let here = routes.to_str().unwrap();

    // While the gateway runs: the same version says the same, byte for byte.
    let same = &desk.ask_json(["replay", here, "--with", here]).exits(0).json()[0];
    assert_eq!(
        (same["different"].as_u64(), same["causes"].as_array().unwrap().len()),
        (Some(0), 0),
        "{same}"
    );
    let taken = same["messages"].as_u64().unwrap();
    assert!(taken >= 8, "{same}");

    let other = desk.folder.path().join("autre");
    copy_folder(&example(), &other);
    let file = other.join("routes/documents.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replacen("    when: wants.mssante\n", "    when: wants.mssante_patient\n", 1);
    let text = text.replacen("\"ORU^R01\"]", "\"ORU^R30\"]", 1);
    fs::write(&file, text).unwrap();
    let other = other.to_str().unwrap();
    let told = &desk.ask_json(["replay", here, "--with", other]).exits(1).json()[0];
    assert_eq!(told["messages"].as_u64(), Some(taken));
    let causes: Vec<_> = told["causes"].as_array().unwrap().iter().collect();
    let kind_of = |path: &str| {
        let cause = causes.iter().find(|cause| cause["path"].as_str().unwrap().starts_with(path));
        cause.map(|cause| cause["kind"].as_str().unwrap())
    };
    assert_eq!(kind_of("verdict"), Some("changed"), "{told}");
    assert_eq!(kind_of("deliveries[operateur-regional"), Some("removed"), "{told}");
    assert!(causes.iter().all(|cause| !cause["examples"].as_array().unwrap().is_empty()), "{told}");
    desk.ask(["replay", here, "--with", other]).exits(1).says(["rien n'a été envoyé", "retiré", "#"]);
    desk.ask(["replay", here, "--with", other, "--to", "2020-01-01"]).exits(0).says(["0 message"]);
    assert_eq!(desk.ask(["balance"]).exits(0).out, before, "nothing was written");
    stops(gateway);
    stops(simulators);
}

#[test]
fn another_version_in_the_shadow_of_a_running_gateway_tells_what_would_differ_as_it_comes() {
    let desk = Desk::new();
    let simulators = desk.simulate(&example());
    let mut gateway = desk.run(&example());
    let other = desk.folder.path().join("autre");
    copy_folder(&example(), &other);
    let file = other.join("routes/documents.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("    when: wants.mssante\n", "    when: wants.mssante_patient\n", 1))
        .unwrap();
    let messages = example_messages();
    desk.send(&[messages[0].as_path()], true).exits(0);
    let here = example();
    let arguments =
        ["replay", here.to_str().unwrap(), "--with", other.to_str().unwrap(), "--follow", "--json"];
    let mut shadow = Program::start(arguments.into_iter().chain(["--data", desk.data()]));
    let after = shadow.wait_for("the start", |line| {
        let event: serde_json::Value = serde_json::from_str(line).ok()?;
        (event["event"] == "following").then(|| event["after"].as_u64().unwrap())
    });
    assert_eq!(after, 1, "what came before is not followed");
    // A letter to a doctor only, then one for both.
    desk.send(&[messages[8].as_path()], true).exits(0);
    let message = shadow.wait_for("a difference", |line| {
        let event: serde_json::Value = serde_json::from_str(line).ok()?;
        (event["event"] == "different").then(|| event["message"].as_u64().unwrap())
    });
    assert_eq!(message, 2);
    shadow.terminate();
    let said = shadow.ended().exits(1);
    let told = said.json().pop().unwrap();
    assert_eq!((told["messages"].as_u64(), told["different"].as_u64()), (Some(1), Some(1)), "{told}");
    gateway.wait_for("the end", |line| (line == IDLE && answered(&desk) == 2).then_some(()));
    stops(gateway);
    stops(simulators);
}
