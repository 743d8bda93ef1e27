//! What an operator decides, while the gateway runs and while it does not: the same commands, the same answers.
//! In: the example, whose eleventh message is about two patients. Out: states, the audit chain, balances that close.

use std::fs;

use serde_json::Value;

use crate::{
    demo::closes,
    desk::{Desk, answered, stops},
    program::{IDLE, Program, example, example_messages},
    restarts::{copy, dmp_faults},
};

/// A gateway whose eleventh message parked its two deliveries.
fn two_parked(desk: &Desk) -> (Program, Program, Vec<String>) {
    let simulators = desk.simulate(&example());
    let mut gateway = desk.run(&example());
    desk.send(&[&example_messages()[10]], true).exits(0);
    gateway.wait_for("its end", |line| (line == IDLE && answered(desk) == 1).then_some(()));
    (simulators, gateway, parked(desk))
}

fn parked(desk: &Desk) -> Vec<String> {
    let listed = desk.ask_json(["parked", "list"]).exits(0).json();
    let deliveries = listed.iter().flat_map(|line| line["deliveries"].as_array().unwrap().clone());
    deliveries.filter(|one| one["state"] == "parked").map(|one| one["id"].to_string()).collect()
}

#[test]
fn an_order_is_given_to_the_gateway_that_runs() {
    let desk = Desk::new();
    let (simulators, gateway, parked) = two_parked(&desk);

    let shown = desk.ask(["parked", "show", &parked[0]]).exits(0);
    shown.says(["raison", "remède", "une règle l'a refusé avant tout essai", "--reason"]);
    desk.ask(["parked", "release", &parked[0]]).exits(3).warns(["engine.not-releasable", "remède"]);
    desk.ask(["parked", "refuse", &parked[0]]).exits(2).warns(["--reason", "remède"]);
    let refused =
        desk.ask(["parked", "refuse", &parked[0], "--reason", "deux patients", "--author", "marie"]);
    refused.exits(0).says(["refusé pour de bon", "audit, ligne 3"]);
    let head =
        &desk.ask_json(["parked", "refuse", &parked[1], "--reason", "deux patients"]).exits(0).json()[0];
    assert_eq!(head["audit"]["count"], 4, "{head}");
    stops(gateway);
    stops(simulators);

    let lines = desk.ask_json(["audit", "list"]).exits(0).json();
    assert_eq!((&lines[1]["author"], &lines[1]["reason"]), (&"marie".into(), &"deux patients".into()));
    assert_eq!(lines[0]["hash"], head["audit"]["hash"]);
    desk.ask(["audit", "verify"]).exits(0).says(["intacte"]);
    closes(&desk.ask_json(["balance"]).exits(0).json()[0]);
}

/// A killed gateway leaves its address behind: the store says that nobody holds it.
#[test]
fn after_a_kill_an_order_is_carried_out_by_the_command_itself() {
    let desk = Desk::new();
    let (simulators, gateway, parked) = two_parked(&desk);
    gateway.kill();
    desk.ask(["parked", "refuse", &parked[0], "--reason", "deux patients"]).exits(0);
    assert_eq!(self::parked(&desk), parked[1..]);
    stops(simulators);
}

/// Its deposit is parked, its mail has left; the hospital cannot send it again.
#[test]
fn a_message_is_corrected_in_its_place_and_what_was_delivered_is_not_sent_again() {
    let desk = Desk::new();
    let project = copy(&desk);
    dmp_faults(&project, "unknown-code first 1");
    let simulators = desk.simulate(&project);
    let mut gateway = desk.run(&project);
    desk.send(&[&example_messages()[8]], false).exits(0);
    gateway.wait_for("its end", |line| (line == IDLE && answered(&desk) == 1).then_some(()));

    let file = desk.folder.path().join("message.hl7");
    let file = file.to_str().unwrap();
    desk.ask(["parked", "show", "--message", "1"]).exits(0);
    desk.ask(["parked", "export", "1", "--to", file]).exits(2).warns(["--reason"]);
    let export = || desk.ask(["parked", "export", "1", "--to", file, "--reason", "code du service faux"]);
    export().exits(0).says(["l'effacer", "parked resend 1"]);
    export().exits(3).warns(["n'existe pas encore"]);
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains("DEMO-0009") && text.contains("|RADIO^"));
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&fs::metadata(file).unwrap()) & 0o777, 0o600);

    let resend =
        || desk.ask(["parked", "resend", "1", "--edited", file, "--reason", "code du service corrigé"]);
    resend().exits(3).warns(["engine.unchanged", "remède"]);
    fs::write(file, text.replace("DEMO-0009", "DEMO-9999")).unwrap();
    resend().exits(3).warns(["engine.other-message", "MSH-10", "remède"]);
    fs::write(file, text.replace("|VALI", "|").replace("PID|", "ZID|")).unwrap();
    resend().exits(3).warns(["engine.edition-refused", "PID", "remède"]);
    fs::write(file, text.replace("|RADIO^", "|IMAGERIE^")).unwrap();
    resend().exits(0).says(["corrigé", "déjà remis : n'est pas renvoyé", "jonction journey '#1'"]);
    gateway.wait_for("the deposit", |line| line.contains(r#""detail":"déposé""#).then_some(()));
    gateway.wait_for("its end", |line| (line == IDLE && answered(&desk) == 1).then_some(()));
    stops(gateway);
    stops(simulators);

    let journey = desk.ask(["journey", "1"]).exits(0);
    journey.says(["corrigé", "code du service corrigé", "édition 1", "SHA-256", "jamais parti", "déposé"]);
    let deliveries = desk.ask_json(["journey", "1"]).exits(0).json()[0]["deliveries"].clone();
    let states = |sink: &str| -> Vec<Value> {
        let of = deliveries.as_array().unwrap().iter().filter(|one| one["sink"] == sink);
        of.map(|one| one["state"].clone()).collect()
    };
    assert_eq!(states("dmp-national"), ["replaced", "delivered"]);
    assert!(states("operateur-regional").iter().all(|state| state == "delivered"), "{deliveries}");
    let lines = desk.ask_json(["audit", "list"]).exits(0).json();
    let acts: Vec<_> = lines.iter().map(|line| line["act"].as_str().unwrap()).collect();
    assert_eq!(acts, ["resend", "export", "deploy", "start"]);
    closes(&desk.ask_json(["balance"]).exits(0).json()[0]);
}

#[test]
fn find_goes_page_by_page_and_conditions_add_up() {
    let desk = Desk::new();
    let simulators = desk.simulate(&example());
    let mut gateway = desk.run(&example());
    let messages = example_messages();
    desk.send(&[&messages[8], &messages[9], &messages[10]], true).exits(0);
    gateway.wait_for("their end", |line| (line == IDLE && answered(&desk) == 3).then_some(()));
    stops(gateway);
    stops(simulators);

    let ids = |question: &[&str]| -> Vec<Value> {
        let arguments = question.iter().copied().chain(["--json", "--data", desk.data()]);
        crate::program::jonction(arguments).json().iter().map(|line| line["id"].clone()).collect()
    };
    assert_eq!(ids(&["find", "--limit", "2"]), [3, 2]);
    assert_eq!(ids(&["find", "--limit", "2", "--before", "2"]), [1]);
    desk.ask(["find", "--limit", "2"]).exits(0).says(["ajouter --before 2"]);
    assert_eq!(ids(&["find", "--state", "parked", "--partner", "dmp-national"]), [3]);
    assert_eq!(
        ids(&["find", "--state", "delivered", "--partner", "dmp-national", "--until", "2020-01-01"]),
        [0; 0]
    );
    // Per route, structure and day.
    let balance = &desk.ask_json(["balance"]).exits(0).json()[0];
    assert_eq!(balance["lines"][0]["structure"], "HOPITAL-DEMO");
    desk.ask(["balance"]).exits(0).says(["de HOPITAL-DEMO", "juste"]);
}
