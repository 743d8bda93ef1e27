//! What people read: words of `run` and `simulate`, mistakes on the command line, every help.
//! In: arguments. Out: French texts, exit codes.

use std::collections::BTreeMap;

use crate::{
    desk::{Desk, TO},
    program::{Program, example, example_messages, jonction},
};

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
        (vec!["audit", "verify", "--noted", "12"], 2, "64 chiffres hexadécimaux"),
        (vec!["audit", "list", "--data", nowhere], 3, "aucun journal dans"),
        (vec!["parked", "refuse", "1", "--reason", " "], 2, "une phrase de 1 à 500"),
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
    let commands = [
        "demo", "run", "check", "simulate", "send", "find", "journey", "balance", "parked", "audit", "purge",
        "legal", "backup", "restore", "bench",
    ];
    let whole = jonction(["--help"]).exits(0);
    let mut helps = BTreeMap::from([("jonction".to_owned(), whole)]);
    for command in commands {
        helps.insert(command.to_owned(), jonction([command, "--help"]).exits(0));
    }
    for (command, actions) in [
        ("parked", &["list", "show", "release", "refuse"][..]),
        ("audit", &["list", "verify"]),
        ("legal", &["hold", "lift", "list"]),
    ] {
        for action in actions {
            helps.insert(format!("{command} {action}"), jonction([command, action, "--help"]).exits(0));
        }
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
