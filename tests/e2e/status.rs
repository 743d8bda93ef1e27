//! `jonction status` and `jonction report`: what they say of a gateway that runs, fails, stopped; totals that agree.

use std::{fs, path::PathBuf};

use bytes::Bytes;
use serde_json::Value;

use crate::{
    program::{IDLE, Program, Said, copy_folder, example, example_messages, jonction},
    world::{Counterparts, World},
};

fn message(at: usize) -> Bytes {
    fs::read(&example_messages()[at]).unwrap().into()
}

fn ask(world: &World, arguments: &[&str]) -> Said {
    let data = world.data.to_str().unwrap();
    jonction(arguments.iter().copied().chain(["--data", data]))
}

/// Thresholds that no test machine passes by its disk.
fn nagios(world: &World) -> Said {
    ask(world, &["status", "--nagios", "--warning-disk", "1B", "--critical-disk", "1B"])
}

/// The example with another port for the DMP, where nothing listens.
fn without_dmp(world: &World) -> PathBuf {
    let folder = world.folder().join("without-dmp");
    copy_folder(&example(), &folder);
    let path = folder.join("jonction.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, text.replace("https://localhost:8443/", "https://localhost:1/")).unwrap();
    folder
}

/// Today in Paris, as the command reads it.
fn today() -> String {
    let now = jonction_model::Clock::now(&jonction_model::SystemClock);
    now.to_zoned_datetime(jonction_model::clock::paris()).date().to_string()
}

/// A gateway that took message 1 (whole), 5 (no INS), 8 (not base64), and cannot reach the DMP.
fn troubled() -> (World, Program) {
    let world = World::start(&Counterparts::default());
    let (mut gateway, address) = world.gateway(&without_dmp(&world));
    for at in [0, 4, 7] {
        assert!(world.send(address, &message(at)).reply.is_ok());
    }
    gateway.wait_for("a deposit that failed", |line| line.contains(r#""outcome":"retry""#).then_some(()));
    (world, gateway)
}

#[test]
fn the_screen_tells_what_fails_while_it_runs_and_after_it_died() {
    let (world, gateway) = troubled();
    let number = gateway.number();
    let said = ask(&world, &["status", "--json", "--warning-disk", "1B", "--critical-disk", "1B"]);
    let status = &said.json()[0];
    assert_eq!(status["process"], format!("{number} (jonction)"), "{status}");
    assert_eq!(status["live"]["readiness"]["ready"], true, "{status}");
    let lanes = status["recent"]["lanes"].as_array().unwrap();
    let dmp = lanes.iter().find(|lane| lane["partner"] == "dmp-national").unwrap();
    assert_eq!(dmp["failure"]["finding"]["check"], "net.refused", "{dmp}");
    assert_eq!(dmp["last_success_at"], Value::Null);
    let mail = lanes.iter().find(|lane| lane["partner"] == "operateur-regional");
    assert!(mail.is_none_or(|lane| lane["failure"].is_null()), "{mail:?}");
    ask(&world, &["status"]).says(["en marche depuis", "dmp-national", "net.refused", "disque"]);

    gateway.kill();
    let said = ask(&world, &["status"]).exits(1);
    said.says(["ne tourne pas ; tout ce qui suit vient du journal", "dmp-national", "net.refused", "grave"]);
}

#[test]
fn a_monitor_gets_the_codes_and_measures_of_its_convention() {
    let world = World::start(&Counterparts::default());
    let (mut gateway, address) = world.gateway(&example());
    assert!(world.send(address, &message(0)).reply.is_ok());
    world.settled(&mut gateway);

    // A disk that is nearly full raises an incident of its own on small machines.
    let said = nagios(&world);
    assert!([0, 1].contains(&said.code), "{}", said.out);
    assert!(
        said.out.starts_with(if said.code == 0 { "JONCTION OK - " } else { "JONCTION WARNING - " }),
        "{}",
        said.out
    );
    assert!(said.out.contains(" | oldest=0s;900;3600;0 parked=0;0;99;0 waiting=0;;;0"), "{}", said.out);
    assert_eq!(said.out.lines().count(), 1);

    assert!(world.send(address, &message(10)).reply.is_ok());
    world.settled(&mut gateway);
    let parked = nagios(&world).exits(1);
    assert!(
        parked.out.starts_with("JONCTION WARNING - ") && parked.out.contains("mis de côté"),
        "{}",
        parked.out
    );
    let data = world.data.to_str().unwrap();
    let strict = ["status", "--nagios", "--critical-parked", "1", "--data", data];
    jonction(strict).exits(2).says(["JONCTION CRITICAL - "]);

    gateway.kill();
    nagios(&world).exits(2).says(["JONCTION CRITICAL - la passerelle ne tourne pas"]);
    fs::write(world.data.join("journal.db"), "plus un journal").unwrap();
    nagios(&world).exits(3).says(["JONCTION UNKNOWN - ", "journal.not-a-journal"]);
}

#[test]
fn a_report_names_every_document_that_did_not_arrive_and_agrees_with_the_balance() {
    let (world, gateway) = troubled();
    gateway.kill();
    let day = today();
    let said = ask(&world, &["report", "--day", &day, "--json"]).exits(1);
    let report = &said.json()[0];
    let balance = &ask(&world, &["balance", "--json"]).exits(0).json()[0];
    assert_eq!(report["messages"], balance["total"]["messages"], "{report}");
    assert_eq!(report["deliveries"], balance["total"]["deliveries"], "{report}");
    assert_eq!(report["structure"], "HOPITAL-DEMO");
    let troubles = report["troubles"].as_array().unwrap();
    let told: Vec<&str> = troubles.iter().map(|told| told["control_id"].as_str().unwrap()).collect();
    assert_eq!(told, ["DEMO-0001", "DEMO-0005", "DEMO-0008"], "{report}");
    let of = |at: usize| troubles[at]["troubles"].as_array().unwrap();
    assert!(
        of(0)
            .iter()
            .any(|one| one["code"] == "net.refused" && one["todo"].as_str().unwrap().contains("tout seul"))
    );
    assert!(
        of(1)
            .iter()
            .any(|one| one["code"] == "identity.no-ins" && one["what"].as_str().unwrap().contains("refusé"))
    );
    assert!(of(2).iter().any(|one| one["code"] == "hl7v2/H065"));

    let page = ask(&world, &["report", "--day", &day, "--html", "--structure", "HOPITAL-DEMO"]).exits(1);
    page.says(["<!doctype html>", "DEMO-0005", "qualifier l'identité".replace('\'', "&#39;").as_str()]);
    ask(&world, &["report", "--day", &day, "--structure", "AUTRE"]).exits(0).says(["AUTRE n'a rien envoyé"]);
    ask(&world, &["report", "--day", "hier"]).exits(2).warns(["report.day"]);
}

/// The messages of the example name people: none of them may stand in a page meant for a folder.
#[test]
fn a_report_holds_no_name_nor_number_of_a_patient() {
    let (world, gateway) = troubled();
    gateway.kill();
    let day = today();
    let mut looked_for = 0;
    let said = ["--json", "--html"].map(|form| ask(&world, &["report", "--day", &day, form]).out);
    for at in [0, 4, 7] {
        let text = String::from_utf8(message(at).to_vec()).unwrap();
        for field in text
            .split(['\r', '\n'])
            .filter(|line| line.starts_with("PID|"))
            .flat_map(|line| line.split(['|', '^', '~']))
        {
            let tells = field.len() > 5 && field.bytes().any(|b| b.is_ascii_digit()) && !field.contains('.');
            let name = field.len() > 3 && field.chars().all(|c| c.is_alphabetic() && c.is_uppercase());
            let known = ["INS-C", "INS-NIR", "HOPITAL", "DEMO", "VALI", "PROV"]
                .iter()
                .any(|word| field.contains(word));
            if (tells || name) && !known {
                looked_for += 1;
                assert!(said.iter().all(|page| !page.contains(field)), "« {field} » is in a report");
            }
        }
    }
    assert!(looked_for > 10, "the messages were not read: {looked_for}");
}

/// Written by the gateway itself, once, and only for days that are over.
#[test]
fn a_gateway_writes_the_reports_of_the_days_that_are_over() {
    let world = World::start(&Counterparts::default());
    let folder = world.folder().join("with-reports");
    copy_folder(&example(), &folder);
    let path = folder.join("jonction.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, format!("{text}\nreports: {{ hour: \"00:00\", folder: rapports }}\n")).unwrap();
    let (mut gateway, address) = world.gateway(&folder);
    assert!(world.send(address, &message(0)).reply.is_ok());
    gateway.wait_for("the end of what is owed", |line| (line == IDLE).then_some(()));
    gateway.terminate();
    gateway.ended().exits(0);

    let names: Vec<String> = fs::read_dir(folder.join("rapports"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names.len(), 7, "{names:?}");
    assert!(
        names.iter().all(|name| name.ends_with(".json")),
        "nobody sent anything on those days: {names:?}"
    );
    assert!(!names.contains(&format!("{}.json", today())), "today is not over");
}
