//! Routes changed with confidence: drawn, put in service on demand or when their files change, compared, brought back.
//! In: the example, a running gateway. Out: facts about what runs, what the journal keeps, what the folder holds.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{
    desk::{Desk, stops},
    program::{Program, copy_folder, example, jonction},
};

fn folder(desk: &Desk) -> std::path::PathBuf {
    let folder = desk.folder.path().join("projet");
    copy_folder(&example(), &folder);
    folder
}

fn change(project: &Path, from: &str, to: &str) {
    let file = project.join("routes/documents.yaml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(file, text.replacen(from, to, 1)).unwrap();
}

fn versions(desk: &Desk) -> Vec<String> {
    let listed = desk.ask_json(["versions"]).exits(0).json();
    listed.iter().map(|line| line["version"].as_str().unwrap().to_owned()).collect()
}

fn reloaded(gateway: &mut Program) -> Value {
    gateway.wait_for("a reload", |line| {
        let event: Value = serde_json::from_str(line).ok()?;
        (event["event"] == "reloaded").then_some(event)
    })
}

#[test]
fn a_change_is_put_in_service_compared_and_brought_back() {
    let desk = Desk::new();
    let project = folder(&desk);
    let path = project.to_str().unwrap();
    desk.ask(["reload", path]).exits(3).warns(["admin.not-running"]);
    let mut gateway = desk.run(&project);
    assert_eq!(versions(&desk).len(), 1);

    change(&project, "give_up: 3j", "give_up: 4j");
    desk.ask(["reload", path]).exits(0).says(["1 route en service, version"]);
    assert!(reloaded(&mut gateway)["version"].is_string());
    desk.ask(["versions"]).exits(0).says(["première mise en service", "routes/documents.yaml  en service"]);
    desk.ask(["versions", "diff"])
        .exits(1)
        .says(["-    retry: { initial: 300ms, max: 60s, give_up: 3j }", "+"]);
    desk.ask(["reload", path]).exits(0);
    assert_eq!(versions(&desk).len(), 2, "the same texts again are no deployment");

    change(&project, "dmp-national", "dmp-inconnu");
    desk.ask(["reload", path]).exits(2).says(["route.unknown-partner"]);
    let said = desk.ask_json(["rollback", "-1", path]).exits(0);
    assert_eq!(said.json()[0]["routes"], 1);
    let first = fs::read_to_string(example().join("routes/documents.yaml")).unwrap();
    assert_eq!(fs::read_to_string(project.join("routes/documents.yaml")).unwrap(), first);
    let all = versions(&desk);
    assert_eq!((all.len(), &all[0]), (3, &all[2]), "the first one serves again");
    let told = desk.ask_json(["audit", "list", "--act", "deploy"]).exits(0).json();
    assert_eq!(told.len(), 3, "whoever brings other routes is told in the audit chain");
    desk.ask(["audit", "verify"]).exits(0);
    let kept = fs::read_dir(&project).unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let kept: Vec<_> = kept.filter(|name| name.starts_with("avant-")).collect();
    let aside = fs::read_to_string(project.join(&kept[0]).join("routes/documents.yaml")).unwrap();
    assert!(kept.len() == 1 && aside.contains("dmp-inconnu"), "what stood there is kept");
    desk.ask(["rollback", "ffff", path]).exits(2).warns(["versions.unknown"]);
    stops(gateway);
}

#[test]
fn changed_files_are_read_again_when_the_gateway_watches_them() {
    let desk = Desk::new();
    let project = folder(&desk);
    let yaml = project.join("jonction.yaml");
    let text = fs::read_to_string(&yaml).unwrap();
    fs::write(&yaml, text.replacen("gateway:", "gateway:\n  watch_routes: true", 1)).unwrap();
    let mut gateway = desk.run(&project);

    change(&project, "give_up: 3j", "give_up: 2j");
    assert_eq!(reloaded(&mut gateway)["routes"], 1);
    change(&project, "dmp-national", "dmp-inconnu");
    assert_eq!(reloaded(&mut gateway)["routes"], Value::Null, "the ones of before serve");
    assert_eq!(versions(&desk).len(), 2);
    stops(gateway);
}

#[test]
fn routes_are_drawn_whole_with_their_conditions_and_links() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("projet");
    copy_folder(&example(), &project);
    let copies =
        "route: copies\nsteps: [split: documents]\nto:\n  - mssante: operateur-regional\n    delay: 2h\n";
    fs::write(project.join("routes/copies.yaml"), copies).unwrap();
    change(&project, "to:\n", "to:\n  - route: copies\n    when: wants.mssante_ps\n");
    let path = project.to_str().unwrap();

    let said = jonction(["graph", path]).exits(0).out;
    assert_eq!(
        said,
        "documents\n  sil (mllp) ──► message.type in [\"MDM^T02\", \"MDM^T10\", \"MDM^T04\", \"ORU^R01\"]\n   \
         │  check   hl7v2/volet-cda@2.1\n   │  map     hl7v2-to-document\n   \
         ├─► dmp-national (dmp)            wants.dmp and identity.qualified\n   \
         ├─► operateur-regional (mssante)  wants.mssante\n   \
         ├─► route copies                  wants.mssante_ps\n   └◄╌ sil  comptes rendus\n\n\
         copies\n  d'autres routes ──► tout\n   │  split   documents\n   \
         └─► operateur-regional (mssante)  toujours  (après 2 h)\n"
    );
    jonction(["graph", path, "--route", "copies"]).exits(0).says(["copies\n", "d'autres routes"]);
    jonction(["graph", path, "--route", "copie"]).exits(2).warns(["graph.unknown-route", "copies"]);
    let svg = folder.path().join("routes.svg");
    jonction(["graph", path, "--svg", svg.to_str().unwrap()]).exits(0);
    let drawn = fs::read_to_string(&svg).unwrap();
    for text in [
        "dmp-national",
        "wants.dmp and identity.qualified",
        "route copies",
        "comptes rendus",
        "hl7v2-to-document",
    ] {
        assert!(drawn.contains(text), "{text}");
    }
    assert_eq!(drawn.matches("class=\"way go\"").count(), 4, "one in, two out, one out of the copies");
    assert_eq!((drawn.matches("way hand").count(), drawn.matches("way reply").count()), (1, 1));
    is_xml(&svg);
}

/// An independent reader of XML, when it is there.
fn is_xml(svg: &Path) {
    match std::process::Command::new("xmllint").args(["--noout", svg.to_str().unwrap()]).status() {
        Ok(status) => assert!(status.success()),
        Err(_) => jonction_testkit::skipped("xmllint is not installed: the drawing was not read by it"),
    }
}
