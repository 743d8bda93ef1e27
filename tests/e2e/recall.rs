//! A document that went to the wrong person, taken back from a terminal while the gateway runs.

use crate::{
    demo::closes,
    desk::{Desk, answered, stops},
    program::{IDLE, example, example_messages},
};

#[test]
fn a_document_is_taken_back_from_the_dmp_and_from_each_mailbox() {
    let desk = Desk::new();
    let simulators = desk.simulate(&example());
    let mut gateway = desk.run(&example());
    desk.send(&[&example_messages()[8]], false).exits(0).says(["AA"]);
    gateway.wait_for("its end", |line| (line == IDLE && answered(&desk) == 1).then_some(()));
    let journey = &desk.ask_json(["journey", "DEMO-0009"]).exits(0).json()[0];
    let document = journey["documents"][0]["unique_id"].as_str().unwrap();
    let reason = "mauvais patient";

    desk.ask(["recall", "1.2.3.4", "--reason", reason])
        .exits(3)
        .warns(["aucun message ne porte ce document"]);
    desk.ask(["recall", document, "--dry-run"]).exits(0).says(["parti", "dmp-national", "--dry-run"]);
    assert_eq!(answered(&desk), 1, "a dry run does nothing");
    desk.ask(["recall", document]).exits(2).warns(["--reason"]);
    desk.ask(["recall", document, "--reason", reason]).exits(0).says(["rappelé", "suppression demandée"]);
    gateway.wait_for("the deletion", |line| line.contains(r#""detail":"supprimé""#).then_some(()));
    gateway.wait_for("its end", |line| (line == IDLE && answered(&desk) == 2).then_some(()));

    let recall = &desk.ask_json(["journey", "#2"]).exits(0).json()[0];
    assert_eq!((&recall["recalls"], &recall["documents"][0]["operation"]), (&1.into(), &"delete".into()));
    let left = |of: &serde_json::Value| {
        let deliveries = of["deliveries"].as_array().unwrap();
        deliveries.iter().filter(|one| one["report_of"].is_null() && one["state"] == "delivered").count()
    };
    assert_eq!(left(recall), left(journey), "{recall}");
    desk.ask(["journey", "DEMO-0009"]).exits(0).says(["rappelé", "#2"]);
    desk.ask(["recall", document, "--reason", reason]).exits(3).warns(["déjà rappelé"]);
    stops(gateway);
    stops(simulators);
    closes(&desk.ask_json(["balance"]).exits(0).json()[0]);
    desk.ask(["audit", "list"]).exits(0).says(["rappelé", reason]);
}
