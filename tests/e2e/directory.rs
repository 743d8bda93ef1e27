//! `examples/annuaires`: directories pulled from the simulators, a mailbox found by RPPS, an obsolete RPPS refused.
//! In: the example, the program. Out: facts about what commands say and where documents go.

use std::path::{Path, PathBuf};

use crate::{
    desk::{Desk, answered, stops},
    program::{IDLE, files_of, jonction, project},
};

fn example() -> PathBuf {
    project().join("examples/annuaires")
}

#[test]
fn a_recipient_named_by_rpps_gets_the_mailbox_of_the_directory_and_an_obsolete_one_is_refused() {
    let desk = Desk::new();
    let example = example();
    let dir = example.to_str().unwrap();
    let simulators = desk.simulate(&example);
    a_first_pull_then_nothing_new(&desk, dir);
    questions_have_answers(&desk);
    an_edition_is_read_by_an_independent_reader(&desk);
    who_cannot_be_written_to_is_listed(&desk);
    the_filling_of_the_ror_is_told(&desk, dir);
    let mut gateway = desk.run(&example);
    let messages = files_of(&example.join("messages"));
    let files: Vec<&Path> = messages.iter().map(AsRef::as_ref).collect();
    let mut arguments = vec!["send", "--to", "mllp://127.0.0.1:2595", "--data", desk.data()];
    arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
    jonction(arguments).exits(0);
    gateway.wait_for("the end of what two messages owe", |line| {
        (line == IDLE && answered(&desk) == 2).then_some(())
    });
    desk.ask(["journey", "ANNU-0001", "--findings"]).exits(0).says([
        "la boîte du destinataire n° 1 vient de l'annuaire annuaire-fhir",
        "250 pour jean.martin.45@…",
        "ZAM^Z02 = O",
    ]);
    desk.ask(["journey", "ANNU-0002", "--findings"]).exits(0).says([
        "directory/unknown-professional",
        "le destinataire n° 1 n'est pas au répertoire des professionnels (RPPS)",
        "ZAM^Z02 = N",
    ]);
    stops(gateway);
    stops(simulators);
    what_is_in_use_survives_the_loss_of_its_source(&desk, dir);
}

fn a_first_pull_then_nothing_new(desk: &Desk, dir: &str) {
    desk.ask(["directory", "pull", "--dir", dir]).exits(0).says([
        "rpps",
        "en service   PS_LibreAcces_",
        "boîtes",
    ]);
    desk.ask(["directory", "pull", "--dir", dir]).exits(0).says([
        "inchangé",
        "est déjà en service",
        "changements jusqu'au",
    ]);
    let status = desk.ask_json(["directory", "status"]).exits(0).json();
    assert_eq!(status.len(), 6);
    for line in &status[..2] {
        assert!(line["in_use"]["counts"]["professional"].as_u64().unwrap() > 1_900, "{line}");
    }
}

fn questions_have_answers(desk: &Desk) {
    desk.ask(["directory", "lookup", "10933333352"]).exits(0).says(["Jean MARTIN", "PER  jean.martin.45@"]);
    let found = desk.ask_json(["directory", "lookup", "810933333352"]).exits(0).json();
    assert_eq!(found[0]["professional"]["family"], "MARTIN");
    assert_eq!(found[0]["professional"]["source"], "annuaire-fhir", "believed before the files");
    desk.ask(["directory", "lookup", "JEAN.MARTIN.45@d0.exemple.mssante.fr"]).exits(0).says(["810933333352"]);
    desk.ask(["directory", "lookup", "D0.exemple.mssante.fr"])
        .exits(0)
        .says(["dans la liste blanche du", "opérateur  CN=localhost"]);
    desk.ask(["directory", "lookup", "inconnu.mssante.example"]).exits(1).says(["rien n'est connu"]);
    desk.ask(["directory", "lookup", "10999990020"]).exits(1).says(["rien n'est connu"]);
    // Written as it is heard.
    let heard = desk.ask_json(["directory", "search", "--name", "martain", "--given", "jan"]).exits(0).json();
    assert!(heard.iter().any(|line| line["family"] == "MARTIN" && line["given"] == "Jean"));
    desk.ask(["directory", "lookup", "990000001"]).exits(0).says(["ÉTABLISSEMENT FICTIF 1", "(finess, "]);
    let near = ["directory", "search", "--category", "355", "--commune", "99001", "--km", "30"];
    desk.ask(near).exits(0).says([" km"]);
    let offers = ["directory", "search", "--activity", "031", "--commune", "99012", "--km", "60"];
    desk.ask(offers).exits(0).says(["Cardiologie générale", " km"]);
    let of_one = desk.ask_json(["directory", "search", "--finess", "990000006"]).exits(0).json();
    assert!(of_one.iter().all(|offer| offer["structure"] == "1990000006" && offer["source"] == "ror"));
    desk.ask(["directory", "lookup", "990000006"]).exits(0).says(["offre fictive"]);
    desk.ask(["directory", "search"]).exits(2).warns(["trop vague"]);
    desk.ask(["directory", "report"]).exits(0).says(["premier chargement", "ajouts"]);
}

fn what_is_in_use_survives_the_loss_of_its_source(desk: &Desk, dir: &str) {
    desk.ask(["directory", "pull", "rpps", "--whole", "--dir", dir]).exits(3).says(["échec", "remède"]);
    desk.ask(["directory", "status"]).exits(1).says(["échec le"]);
    desk.ask(["directory", "lookup", "10933333352"]).exits(0).says(["Jean MARTIN"]);
    desk.ask(["directory", "pull", "inconnu", "--dir", dir]).exits(2).warns(["une source parmi"]);
}

/// What is missing is told by establishment, by rule, and in figures; the CSV and the JSON say the same.
fn the_filling_of_the_ror_is_told(desk: &Desk, dir: &str) {
    let csv = desk.folder.path().join("remplissage.csv");
    let csv = csv.to_str().unwrap();
    desk.ask(["directory", "report", "remplissage-ror", "--csv", csv, "--dir", dir]).exits(1).says([
        "ROR alimenté au",
        "cible 100 % : pas atteinte",
        "médico-social (ESMS)",
        "ce qui manque aux offres",
        "âge minimum et maximum",
    ]);
    let lines = desk.ask_json(["directory", "report", "remplissage-ror", "--dir", dir]).exits(1).json();
    let (summary, lines) = lines.split_last().unwrap();
    let rows: Vec<String> = std::fs::read_to_string(csv).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(
        rows[0],
        "finess;nom;categorie;champ;departement;region;statut;offres;offres_incompletes;a_corriger"
    );
    assert_eq!(rows.len() - 1, lines.len());
    let count = |status: &str| lines.iter().filter(|line| line["status"] == status).count();
    let domains = summary["summary"]["domains"].as_object().unwrap().values();
    let done: u64 = domains.map(|count| count["done"].as_u64().unwrap()).sum();
    assert!(count("done") as u64 == done && done > 0 && count("ongoing") > 0 && count("to-do") > 0);
    assert!(
        lines
            .iter()
            .filter(|line| line["status"] == "ongoing")
            .all(|line| line["incomplete"][0]["rules"][0].is_string())
    );
    desk.ask(["directory", "report", "remplissage"]).exits(2).warns(["remplissage-ror"]);
}

/// Python's `csv` and `json` read what we write, and find the same counts.
fn an_edition_is_read_by_an_independent_reader(desk: &Desk) {
    let (first, second) = (desk.folder.path().join("e1"), desk.folder.path().join("e2"));
    let (first, second) = (first.to_str().unwrap(), second.to_str().unwrap());
    let written = desk.ask_json(["directory", "export", first, "--department", "99"]).exits(0).json();
    let again = ["directory", "export", second, "--department", "99", "--previous", first];
    desk.ask(again)
        .exits(0)
        .says(["0 lignes nouvelles, 0 disparues, 0 modifiées", "professionnels lisant une boîte"]);
    for file in ["correspondants.csv", "correspondants.json"] {
        let read = |folder: &str| std::fs::read(Path::new(folder).join(file)).unwrap();
        assert!(read(first) == read(second), "{file}: the same snapshots give the same bytes");
    }
    let lines =
        written[0]["lines"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum::<u64>();
    assert!(lines > 500, "{}", written[0]);
    read_as_fhir(first);
    let script = "import csv,json,sys\nrows=list(csv.DictReader(open(sys.argv[1]+'/correspondants.csv',encoding='utf-8'),delimiter=';'))\n\
        bundle=json.load(open(sys.argv[1]+'/correspondants.json',encoding='utf-8'))\n\
        boxes={t['value'] for e in bundle['entry'] for t in e['resource']['telecom']}\n\
        assert boxes=={r['adresse_mss'] for r in rows}\nprint(len(rows))";
    match std::process::Command::new("python3").args(["-c", script, first]).output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", output.stderr.escape_ascii());
            assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), lines.to_string());
        }
        Err(_) => {
            jonction_testkit::skipped("python3 is not installed: the regional directory is not read back")
        }
    }
}

/// A library that we did not write finds every resource of an edition valid, alone and in its Bundle.
fn read_as_fhir(folder: &str) {
    let script = "import json,sys\n\
        from fhir.resources.R4B.bundle import Bundle\n\
        from fhir.resources.R4B import get_fhir_model_class\n\
        bundle=Bundle.model_validate(json.load(open(sys.argv[1]+'/correspondants.json',encoding='utf-8')))\n\
        lines=[json.loads(l) for l in open(sys.argv[1]+'/correspondants.ndjson',encoding='utf-8')]\n\
        [get_fhir_model_class(r['resourceType']).model_validate(r) for r in lines]\n\
        assert len(lines)==len(bundle.entry)>400\n";
    let Some(python) = jonction_testkit::python_with("fhir.resources.R4B") else {
        return jonction_testkit::skipped(
            "fhir.resources is not installed: the Bundle of an edition is not validated",
        );
    };
    jonction_testkit::python_says(&python, script, &[folder]);
}

/// Who lacks a mailbox is told on screen, as JSON and in a file that a spreadsheet opens.
fn who_cannot_be_written_to_is_listed(desk: &Desk) {
    let file = desk.folder.path().join("manques.csv");
    let report = ["directory", "report", "sans-boite", "--department", "99"];
    let told = desk.ask_json(report).exits(1).json();
    let [directory, subject, missing, department, code] = report;
    desk.ask([directory, subject, missing, department, code, "--csv", file.to_str().unwrap()])
        .exits(1)
        .says(["professionnels sans boîte MSSanté", "structures sans boîte MSSanté", "liste dans"]);
    let rows = std::fs::read_to_string(&file).unwrap();
    assert_eq!(rows.lines().count(), told.len() + 1);
    assert!(rows.starts_with("manque;qui;identifiant;nom;") && told.len() > 1_000, "{}", told.len());
    let somebody = told.iter().find(|line| line["who"] == "professionnel").unwrap()["id"].as_str().unwrap();
    desk.ask(["directory", "lookup", somebody]).exits(0).says(["aucune boîte MSSanté"]);
    desk.ask(["directory", "report", "sans-rpps"]).says(["sans numéro RPPS"]);
    desk.ask(["directory", "report", "sans-rien"]).exits(2).warns(["sans-boite, sans-rpps"]);
}
