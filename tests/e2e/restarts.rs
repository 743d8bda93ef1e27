//! What waits across a restart: deliveries a human releases, deliveries a partner made wait.
//! In: the example with a DMP that misbehaves. Out: everything owed leaves in the end, once.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    demo::closes,
    desk::{Desk, answered, stops},
    program::{IDLE, copy_folder, example, example_messages},
};

/// A copy of the example.
pub(crate) fn copy(desk: &Desk) -> PathBuf {
    let project = desk.folder.path().join("projet");
    copy_folder(&example(), &project);
    project
}

/// Gives the DMP of a project this plan.
pub(crate) fn dmp_faults(project: &Path, faults: &str) {
    let text = fs::read_to_string(example().join("simulators.yaml")).unwrap();
    // The first « faults » is that of the DMP.
    assert!(text.contains("  faults: []"));
    let text = text.replacen("faults: []", &format!("faults: [{faults}]"), 1);
    fs::write(project.join("simulators.yaml"), text).unwrap();
}

#[test]
fn what_the_dmp_made_wait_is_released_and_leaves() {
    let desk = Desk::new();
    let project = copy(&desk);
    dmp_faults(&project, "unknown-code first 1");
    let simulators = desk.simulate(&project);
    let mut gateway = desk.run(&project);
    let messages = example_messages();

    desk.send(&[&messages[8]], false).exits(0).says(["DEMO-0009", "AA"]);
    gateway.wait_for("a parked deposit", |line| line.contains(r#""state":"parked""#).then_some(()));
    gateway.wait_for("its end", |line| (line == IDLE && answered(&desk) == 1).then_some(()));
    stops(gateway);
    let parked = desk.ask_json(["parked", "list"]).exits(0).json();
    let deposit = &parked[0]["deliveries"][0];
    assert_eq!((&deposit["sink"], &deposit["state"]), (&"dmp-national".into(), &"parked".into()));
    let number = deposit["id"].to_string();
    desk.ask(["parked", "release", &number]).exits(0).says(["remis dans sa file"]);
    let mut gateway = desk.run(&project);
    gateway.wait_for("the deposit", |line| line.contains(r#""detail":"déposé""#).then_some(()));
    gateway.wait_for("its end", |line| (line == IDLE && answered(&desk) == 1).then_some(()));
    stops(gateway);
    stops(simulators);

    let balance = &desk.ask_json(["balance"]).exits(0).json()[0];
    closes(balance);
    assert_eq!(balance["total"]["deliveries"]["delivered"], 4, "{balance}");
}

#[test]
fn what_was_owed_at_the_stop_leaves_after_the_restart() {
    let desk = Desk::new();
    let project = copy(&desk);
    dmp_faults(&project, "http-503 first 100000");
    let simulators = desk.simulate(&project);
    let mut gateway = desk.run(&project);
    let messages = example_messages();

    desk.send(&[&messages[8]], true).exits(0);
    gateway.wait_for("a deposit that failed", |line| line.contains(r#""outcome":"retry""#).then_some(()));
    stops(simulators);
    dmp_faults(&project, "");
    // Other simulators come; the address of the gateway that runs is not lost.
    let simulators = desk.simulate(&project);
    desk.send(&[&messages[9]], true).exits(0);
    stops(gateway);
    let owed = &desk.ask_json(["balance"]).exits(0).json()[0]["total"]["deliveries"]["in_flight"];
    assert!(owed.as_u64().unwrap() > 0, "{owed}");
    let mut gateway = desk.run(&project);
    gateway.wait_for("the end of what was owed", |line| (line == IDLE && answered(&desk) == 2).then_some(()));
    stops(gateway);
    stops(simulators);

    let balance = &desk.ask_json(["balance"]).exits(0).json()[0];
    closes(balance);
    assert_eq!(balance["total"]["deliveries"]["delivered"], 8, "{balance}");
    desk.ask(["journey", "DEMO-0009"]).exits(0).says(["HTTP 503", "tentative 2", "déposé"]);
}
