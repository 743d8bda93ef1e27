//! The three terminals of the README, then the questions one asks afterwards; signals, restarts, mistakes.
//! In: the example, the program. Out: facts about texts, JSON, exit codes.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use crate::{
    demo::closes,
    program::{
        IDLE, Program, Said, copy_folder, example, example_messages, files_of, jonction, jonction_with,
        project,
    },
};

const TO: &str = "mllp://127.0.0.1:2575";

/// A folder of data shared by the terminals.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn data(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    fn simulate(&self, project: &Path) -> Program {
        let project = project.to_str().unwrap();
        let mut program =
            Program::start(["simulate", project, "--ports", "auto", "--data", self.data(), "--json"]);
        program.listening(3);
        program
    }

    fn run(&self, project: &Path) -> Program {
        let mut program = Program::start([
            "run",
            project.to_str().unwrap(),
            "--ports",
            "auto",
            "--data",
            self.data(),
            "--json",
        ]);
        program.listening(1);
        program
    }

    #[track_caller]
    fn send(&self, files: &[&Path], json: bool) -> Said {
        let mut arguments = vec!["send", "--to", TO, "--data", self.data()];
        arguments.extend(json.then_some("--json"));
        arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
        jonction(arguments)
    }

    /// Asks a question, in words.
    #[track_caller]
    fn ask<const N: usize>(&self, question: [&str; N]) -> Said {
        jonction(question.into_iter().chain(["--data", self.data()]))
    }

    /// Asks the same for a program.
    #[track_caller]
    fn ask_json<const N: usize>(&self, question: [&str; N]) -> Said {
        jonction(question.into_iter().chain(["--json", "--data", self.data()]))
    }
}

#[track_caller]
fn stops(mut program: Program) {
    program.terminate();
    program.ended().exits(0);
}

#[test]
fn three_terminals_then_questions() {
    let desk = Desk::new();
    let simulators = desk.simulate(&example());
    let mut gateway = desk.run(&example());
    let messages = example_messages();
    let files: Vec<&Path> = messages.iter().map(AsRef::as_ref).collect();

    let sent = desk.send(&files, true).exits(1);
    gateway.wait_for("the end of what eleven messages owe", |line| {
        (line == IDLE && answered(&desk) == 11).then_some(())
    });

    acknowledgements_are_shown(&sent, &files);
    questions_have_answers(&desk);
    a_balance_closes(&desk);
    second_gateway_is_refused(&desk);
    stops(gateway);
    what_is_parked_is_decided_by_a_human(&desk);
    a_restart_goes_on(&desk, files[9]);
    stops(simulators);
}

/// Messages whose deliveries all ended or are parked.
fn answered(desk: &Desk) -> usize {
    let balance = &desk.ask_json(["balance"]).exits(0).json()[0];
    let number = |of: &str, word: &str| balance["total"][of][word].as_u64().unwrap();
    if number("messages", "waiting") + number("deliveries", "in_flight") > 0 {
        return 0;
    }
    usize::try_from(number("messages", "received")).unwrap()
}

fn acknowledgements_are_shown(sent: &Said, files: &[&Path]) {
    let lines = sent.json();
    let acks: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| (line["control_id"].as_str().unwrap(), line["ack"].as_str().unwrap()))
        .collect();
    let expected: Vec<(String, &str)> = (1..=files.len())
        .map(|number| (format!("DEMO-{number:04}"), if number == 8 { "AE" } else { "AA" }))
        .collect();
    let expected: Vec<(&str, &str)> = expected.iter().map(|(id, ack)| (id.as_str(), *ack)).collect();
    assert_eq!(acks, expected);
    assert_eq!(lines[7]["errors"][0]["code"], "102", "{}", lines[7]);
    assert_eq!(lines[7]["errors"][0]["location"], "OBX^1^5^1^5");
    assert_eq!(lines[0]["file"], "01-compte-rendu-imagerie.er7");
    assert!(lines[0]["bytes"].as_u64().unwrap() > 300_000);
}

fn questions_have_answers(desk: &Desk) {
    // By document, control id, state: in words, then as data.
    for question in [
        ["--document", "2.25.198001011.8.361"],
        ["--control-id", "DEMO-0009"],
        ["--error", "hl7v2/none"],
        ["--state", "refused"],
    ] {
        let [name, value] = question;
        let words = desk.ask(["find", name, value]);
        let data = desk.ask_json(["find", name, value]);
        assert_eq!(words.code, data.code, "{question:?}");
        let found: Vec<_> =
            data.json().iter().map(|line| line["control_id"].as_str().unwrap().to_owned()).collect();
        let expected: &[&str] = match name {
            "--error" => &[],
            "--state" => &["DEMO-0008", "DEMO-0007", "DEMO-0006", "DEMO-0005"],
            _ => &["DEMO-0009"],
        };
        assert_eq!(found, expected, "{question:?}");
        assert_eq!(words.code, i32::from(expected.is_empty()), "{question:?}");
        for id in expected {
            assert!(words.out.contains(id), "{}", words.out);
        }
    }
    desk.ask(["find", "--control-id", "NOBODY"]).exits(1).says(["rien ne correspond"]);

    // A patient is typed, never given on the command line, and never said again.
    let patient =
        jonction_with(["find", "--patient", "--json", "--data", desk.data()], "284036912300175\n").exits(0);
    let found: Vec<Value> = patient.json().iter().map(|line| line["control_id"].clone()).collect();
    assert_eq!(found, ["DEMO-0011", "DEMO-0009", "DEMO-0004", "DEMO-0003", "DEMO-0001"]);
    let same = jonction_with(["find", "--patient", "--data", desk.data()], "900001\n").exits(0);
    let same = same.says(["DEMO-0011", "DEMO-0001"]).warns(["identifiant du patient"]);
    for said in [&patient, &same] {
        assert!(!said.out.contains("284036912300175") && !said.out.contains("VASSEUR"), "{}", said.out);
    }
    jonction_with(["find", "--patient", "--data", desk.data()], "\n").exits(2).warns(["aucun identifiant"]);

    let told = desk.ask(["journey", "2.25.198001011.8.361"]).exits(0);
    told.says([
        "reçu",
        "DEMO-0009",
        "journalisé",
        "accepté",
        "dmp-national",
        "déposé",
        "Message-ID",
        "ZAM^Z01 = O",
    ]);
    let refused = desk.ask(["journey", "8", "--findings"]).exits(0);
    refused.says(["refusé", "le document n'est pas en base64", "remède"]);
    let data = desk.ask_json(["journey", "DEMO-0009"]).exits(0).json();
    assert_eq!((data.len(), &data[0]["id"], &data[0]["state"]), (1, &9.into(), &"routed".into()));
    // A mail leads back to its message.
    let deliveries = data[0]["deliveries"].as_array().unwrap();
    let mail = deliveries.iter().find_map(|delivery| delivery["ids"]["message_id"].as_str()).unwrap();
    assert_eq!(desk.ask_json(["journey", mail]).exits(0).json(), data);
    assert_eq!(desk.ask_json(["find", "--mail-id", mail]).exits(0).json()[0]["id"], 9);
    desk.ask(["journey", "nothing-of-the-kind"]).exits(1).says(["rien n'est connu"]);
}

fn a_balance_closes(desk: &Desk) {
    let said = desk.ask(["balance"]).exits(0);
    assert!(!said.out.contains("FAUX") && said.out.contains("juste"), "{}", said.out);
    let balance = &desk.ask_json(["balance"]).exits(0).json()[0];
    closes(balance);
    let deliveries = &balance["total"]["deliveries"];
    let ends = ["owed", "delivered", "refused", "parked"].map(|word| deliveries[word].as_u64().unwrap());
    assert_eq!(ends, [40, 35, 3, 2]);
    let nothing = &desk.ask_json(["balance", "--since", "2099-01-01"]).exits(0).json()[0];
    assert_eq!(nothing["total"]["messages"]["received"], 0);
}

fn second_gateway_is_refused(desk: &Desk) {
    let project = example();
    let second =
        jonction(["run", project.to_str().unwrap(), "--ports", "auto", "--data", desk.data()]).exits(3);
    second.warns(["journal.locked", "est déjà utilisé par le processus", "remède"]);
    // It must not have taken the first one's place in the address book.
    desk.ask(["parked", "release", "1"]).exits(3).warns(["journal.locked"]);
}

fn what_is_parked_is_decided_by_a_human(desk: &Desk) {
    let listed = desk.ask(["parked", "list"]).exits(0);
    listed.says(["DEMO-0011", "mis de côté", "le document porte un autre INS que PID-3"]);
    let data = desk.ask_json(["parked", "list"]).exits(0).json();
    let parked: Vec<u64> = data[0]["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|delivery| delivery["state"] == "parked")
        .map(|delivery| delivery["id"].as_u64().unwrap())
        .collect();
    assert_eq!(parked.len(), 2, "{data:?}");
    let [first, second] = [parked[0].to_string(), parked[1].to_string()];

    // A rule parked it before any attempt: a human may refuse it, never send it.
    let release = desk.ask(["parked", "release", &first]).exits(3);
    release.warns(["engine.not-releasable", "remède"]);
    desk.ask(["parked", "refuse", &first]).exits(2).warns(["il manque", "--reason"]);
    let refused = desk.ask(["parked", "refuse", &first, "--reason", "mauvais patient, émetteur prévenu"]);
    refused.exits(0).says(["refusé pour de bon"]);
    desk.ask(["parked", "refuse", &first, "--reason", "encore"]).exits(3).warns(["n'attend personne"]);
    desk.ask(["parked", "refuse", &second, "--reason", "mauvais patient"]).exits(0);
    desk.ask(["parked", "list"]).exits(0).says(["rien n'est mis de côté"]);
    desk.ask(["journey", "11"]).exits(0).says(["mauvais patient, émetteur prévenu"]);
    assert!(desk.ask_json(["parked", "list"]).exits(0).out.is_empty());
}

fn a_restart_goes_on(desk: &Desk, file: &Path) {
    let gateway = desk.run(&example());
    let again = desk.send(&[file], true).exits(0).json();
    assert_eq!(again[0]["ack"], "AA", "the same message, after a restart");
    stops(gateway);
    let balance = &desk.ask_json(["balance"]).exits(0).json()[0];
    closes(balance);
    let messages = &balance["total"]["messages"];
    assert_eq!((&messages["received"], &messages["repeated"]), (&12.into(), &1.into()), "{messages}");
    desk.ask(["journey", "DEMO-0010"]).exits(0).says(["répété", "même acquittement"]);
}

#[test]
fn what_the_dmp_made_wait_is_released_and_leaves() {
    let desk = Desk::new();
    let project = desk.folder.path().join("projet");
    copy_folder(&example(), &project);
    let with_fault = |fault: &str| {
        let text = fs::read_to_string(example().join("simulators.yaml")).unwrap();
        // The first « faults » is that of the DMP.
        assert!(text.contains("  faults: []"));
        fs::write(project.join("simulators.yaml"), text.replacen("faults: []", fault, 1)).unwrap();
    };
    with_fault("faults: [unknown-code first 1]");
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
fn words_of_run_and_simulate_are_for_people_without_json() {
    let desk = Desk::new();
    let project = example();
    let start = |command: &str| {
        Program::start([command, project.to_str().unwrap(), "--ports", "auto", "--data", desk.data()])
    };
    let mut simulators = start("simulate");
    simulators.wait_for("where it writes", |line| line.contains("ce qu'ils reçoivent").then_some(()));
    let mut gateway = start("run");
    gateway.wait_for("where it listens", |line| line.contains("passerelle  mllp 127.0.0.1:").then_some(()));

    let sent = desk.send(&[&example_messages()[9]], false).exits(0);
    gateway.wait_for("a deposit", |line| line.contains("dépôt 18748-4").then_some(()));
    gateway.terminate();
    let gateway = gateway.ended().exits(0);
    simulators.terminate();
    let simulators = simulators.ended().exits(0);

    sent.says(["10-emetteur-coupe.er7", "MDM^T02 DEMO-0010", "AA en"]);
    gateway.says(["sil ──► accepté en", "paul.briand-test@…", "arrêtée"]);
    simulators.says(["simulateurs  dmp", "reçoit les ZAM", "jugés", "non conformes 0"]);
}

#[test]
fn mistakes_on_the_command_line_are_told_in_french() {
    let message = example_messages()[9].to_str().unwrap().to_owned();
    let nowhere = tempfile::tempdir().unwrap();
    let nowhere = nowhere.path().to_str().unwrap();
    let cases: Vec<(Vec<&str>, i32, &str)> = vec![
        (vec!["chek", "x"], 2, "commande inconnue : chek"),
        (vec!["run"], 2, "il manque : <DOSSIER>"),
        (vec!["run", "x", "--ports", "libres"], 2, "valeur refusée pour --ports"),
        (vec!["send", &message], 2, "il manque : --to <ADRESSE>"),
        (vec!["send", &message, "--to", "localhost"], 2, "n'est pas une adresse"),
        (vec!["send", &message, "--to", TO, "--timeout", "3"], 2, "une durée avec son unité"),
        (vec!["send", "Cargo.toml", "--to", TO], 2, "ne contient aucun message HL7"),
        (vec!["send", "nulle-part.er7", "--to", TO], 3, "ce fichier ne se lit pas"),
        (vec!["find", "--limit", "beaucoup"], 2, "un nombre de lignes"),
        (vec!["find", "--limit", "0"], 2, "un nombre de lignes"),
        (vec!["find", "--limit"], 2, "il manque une valeur"),
        (vec!["find", "--etat", "parked"], 2, "argument inconnu : --etat"),
        (vec!["find", "--state", "parkd", "--data", nowhere], 2, "vouliez-vous parked ?"),
        (vec!["find", "--since", "hier", "--data", nowhere], 2, "n'est pas une date"),
        (vec!["journey"], 2, "il manque : <ID>"),
        (vec!["journey", "1", "--data", nowhere], 3, "aucun journal dans"),
        (vec!["balance", "x"], 2, "argument inconnu : x"),
        (vec!["parked", "release", "un"], 2, "un numéro d'envoi"),
        (vec!["parked", "delete", "1"], 2, "commande inconnue : delete"),
        (vec!["parked", "list", "--data", nowhere], 3, "aucun journal dans"),
        (vec!["run", nowhere, "--data", nowhere], 2, "jonction.yaml n'existe pas"),
        (vec!["bench", "--only", "tout"], 2, "aucune mesure ne porte ce nom"),
    ];
    for (arguments, code, text) in cases {
        let said = jonction(&arguments);
        let shown = format!("{}{}", said.out, said.err);
        assert_eq!(said.code, code, "{arguments:?}: {shown}");
        assert!(shown.contains(text), "{arguments:?}: « {text} » is missing: {shown}");
        assert!(is_french(&shown), "{arguments:?}: {shown}");
        // A sentence may hold what is expected; else the remedy says it.
        assert!(shown.contains("remède") || shown.contains("mllp://hôte:port"), "{arguments:?}: {shown}");
    }
}

#[test]
fn every_help_is_in_french() {
    let commands =
        ["demo", "run", "check", "simulate", "send", "find", "journey", "balance", "parked", "bench"];
    let whole = jonction(["--help"]).exits(0);
    let mut helps = BTreeMap::from([("jonction".to_owned(), whole)]);
    for command in commands {
        helps.insert(command.to_owned(), jonction([command, "--help"]).exits(0));
    }
    for action in ["list", "release", "refuse"] {
        helps.insert(format!("parked {action}"), jonction(["parked", action, "--help"]).exits(0));
    }
    let mentioned = &helps["jonction"].out;
    assert!(commands.iter().all(|command| mentioned.contains(&format!("  {command} "))), "{mentioned}");
    for (command, said) in &helps {
        assert!(said.out.contains("Usage : jonction"), "{command}: {}", said.out);
        assert!(is_french(&said.out), "{command}: {}", said.out);
        assert!(said.out.matches("\nOptions:").count() <= 1, "{command}: one list of options: {}", said.out);
    }
    jonction(["--version"]).exits(0).says([env!("CARGO_PKG_VERSION")]);
    let nothing = jonction(["parked"]).exits(2);
    assert!(nothing.err.contains("Usage : jonction parked") && is_french(&nothing.err), "{}", nothing.err);
}

/// Nothing that clap or the system says by itself.
fn is_french(text: &str) -> bool {
    const ENGLISH: [&str; 14] = [
        "Usage:",
        "error:",
        "Commands:",
        "COMMAND>",
        "[default",
        "[possible",
        "Print ",
        "tip:",
        "invalid ",
        "For more",
        "is not ",
        "cannot",
        "No such",
        "found ",
    ];
    ENGLISH.iter().all(|word| !text.contains(word))
}

#[test]
fn every_example_checks() {
    let mut folders: Vec<_> =
        fs::read_dir(project().join("examples")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.join("jonction.yaml").exists());
    assert!(!folders.is_empty());
    for folder in folders {
        let before = files_of(&folder);
        let said = jonction(["check", folder.to_str().unwrap()]).exits(0);
        said.says(["0 erreur, 0 avertissement", "Prêt : jonction run"]);
        assert_eq!(jonction(["check", "--json", folder.to_str().unwrap()]).exits(0).out, "");
        assert_eq!(files_of(&folder), before, "a check writes nothing");
    }
}
