//! What a human holds back: typed in a terminal, seen in the journal, gone when lifted.

use crate::{
    demo::closes,
    desk::{Desk, answered, stops},
    program::{IDLE, Said, example, example_messages, jonction_with},
};

/// Local identifier of the patient of the ninth example, as its sender writes it.
const PATIENT: &str = "900001";

fn typed<const N: usize>(desk: &Desk, words: [&str; N], what: &str) -> Said {
    jonction_with(words.into_iter().chain(["--data", desk.data()]), &format!("{what}\n"))
}

#[test]
fn a_held_patient_and_a_paused_partner_wait_until_they_are_lifted() {
    let desk = Desk::new();
    let simulators = desk.simulate(&example());
    // Makes the store.
    desk.run(&example()).kill();
    typed(&desk, ["hold", "patient"], PATIENT).exits(2).warns(["--reason"]);
    typed(&desk, ["hold", "patient", "--reason", "identité à vérifier"], PATIENT).exits(0).says(["retenu"]);
    desk.ask(["pause", "operateur-regional", "--reason", "maintenance"]).exits(0).says(["file arrêtée"]);
    desk.ask(["pause", "operateur-regional", "--reason", "maintenance"]).exits(3).warns(["déjà retenu"]);
    desk.ask(["hold", "list"]).exits(0).says(["patient", "identité à vérifier", "operateur-regional"]);

    let mut gateway = desk.run(&example());
    let messages = example_messages();
    desk.send(&[&messages[8], &messages[9]], false).exits(0);
    gateway
        .wait_for("the other patient's deposit", |line| line.contains(r#""detail":"déposé""#).then_some(()));
    stops(gateway);
    let held = desk.ask_json(["find", "--state", "held"]).exits(0);
    assert_eq!(held.json().len(), 2, "{}", held.out);
    desk.ask(["journey", "DEMO-0009"]).exits(0).says(["retenu", "identité à vérifier", "jonction lift"]);

    typed(&desk, ["lift", "patient"], PATIENT).exits(0).says(["n'est plus retenu"]);
    desk.ask(["resume", "operateur-regional"]).exits(0).says(["file reprise"]);
    let mut gateway = desk.run(&example());
    gateway.wait_for("the end", |line| (line == IDLE && answered(&desk) == 2).then_some(()));
    stops(gateway);
    stops(simulators);
    desk.ask(["hold", "list"]).exits(0).says(["rien n'est retenu"]);
    let balance = &desk.ask_json(["balance"]).exits(0).json()[0];
    closes(balance);
    assert_eq!(balance["total"]["deliveries"]["delivered"], 8, "{balance}");
    assert!(!desk.ask(["audit", "list"]).exits(0).out.contains(PATIENT));
}

#[test]
fn a_held_route_takes_and_acknowledges_and_routes_nothing() {
    let desk = Desk::new();
    let simulators = desk.simulate(&example());
    desk.run(&example()).kill();
    desk.ask(["hold", "route", "documents", "--reason", "correspondance fausse"]).exits(0);
    let mut gateway = desk.run(&example());
    desk.send(&[&example_messages()[8]], false).exits(0).says(["AA"]);
    gateway.wait_for("a held message", |line| line.contains(r#""event":"message-held""#).then_some(()));
    stops(gateway);
    desk.ask(["journey", "DEMO-0009"]).exits(0).says(["retenu", "jonction lift route documents"]);

    desk.ask(["lift", "route", "documents"]).exits(0);
    let mut gateway = desk.run(&example());
    gateway.wait_for("the end", |line| (line == IDLE && answered(&desk) == 1).then_some(()));
    stops(gateway);
    stops(simulators);
    closes(&desk.ask_json(["balance"]).exits(0).json()[0]);
}
