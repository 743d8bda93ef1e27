//! `jonction test` on the cases of routes: what differs, what nothing exercises, what nobody notices, what the past gives.
//! In: copies of the example, cases. Out: facts about what is printed, written, and about exit codes.

use std::{fs, path::PathBuf};

use crate::{
    desk::{Desk, answered, stops},
    program::{IDLE, copy_folder, example, example_messages, jonction},
};

/// A copy of the example with these cases.
fn project(cases: &[(&str, &str)]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("projet");
    copy_folder(&example(), &dir);
    let _ = fs::remove_dir_all(dir.join("routes/cases"));
    fs::create_dir_all(dir.join("routes/cases")).unwrap();
    for (name, text) in cases {
        fs::write(dir.join("routes/cases").join(name), text).unwrap();
    }
    let dir = dir.to_str().unwrap().to_owned();
    (folder, dir)
}

const GOOD: &str = "
message: ../../messages/01-compte-rendu-imagerie.er7
at: 2026-11-21T08:00
expect:
  ack: { MSA-1: AA, MSA-2: DEMO-0001 }
  verdict: routed
  by: documents
  deliveries:
    - { to: dmp-national, part: lot, state: owed, told: { to: [sil] } }
    - { to: operateur-regional, sent: { contains: 'X-MSS-INS: O' } }
    - { to: operateur-regional, shape: { patient: { traits: { birth_name: VASSEUR-DEMO } } } }
";

#[test]
fn a_case_says_what_comes_of_a_message_and_every_field_that_differs() {
    let (_folder, dir) = project(&[("bon.yaml", GOOD)]);
    jonction(["test", &dir]).exits(0).says(["1 cas conforme, 0 différent"]);
    let wrong = GOOD
        .replace("MSA-1: AA", "MSA-1: AE")
        .replace("X-MSS-INS: O", "X-MSS-INS: N")
        .replace("VASSEUR-DEMO", "VASSEUR");
    let (_folder, dir) = project(&[("faux.yaml", &wrong)]);
    let said = jonction(["test", &dir]).exits(1);
    said.says(["différent  documents", "ack.MSA-1", "deliveries[1].sent.contains", "trouvé  VASSEUR-DEMO"]);
    let junit = PathBuf::from(&dir).join("junit.xml");
    let lines = jonction(["test", &dir, "--json", "--junit", junit.to_str().unwrap()]).exits(1).json();
    assert_eq!((lines.len(), lines[0]["passed"].as_bool()), (1, Some(false)));
    let paths: Vec<_> =
        lines[0]["differences"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
    assert_eq!(
        paths,
        ["ack.MSA-1", "deliveries[1].sent.contains", "deliveries[2].shape.patient.traits.birth_name"]
    );
    let Some(python) = jonction_testkit::python_with("xml.etree.ElementTree") else {
        return jonction_testkit::skipped("python3: the JUnit file is not read by another program");
    };
    let script = "import sys, xml.etree.ElementTree as t; r = t.parse(sys.argv[1]).getroot(); s = r[0]; print(s.get('tests'), s.get('failures'), s[0].get('classname'), s[0][0].get('message'))";
    let read = jonction_testkit::python_says(&python, script, &[junit.to_str().unwrap()]);
    assert_eq!(
        read.trim(),
        "1 1 documents ack.MSA-1, deliveries[1].sent.contains, deliveries[2].shape.patient.traits.birth_name"
    );
}

#[test]
fn refusals_at_admission_and_closed_gates_are_cases_too() {
    let refused = "
message: ../../messages/08-base64-troue.er7
at: 2026-11-21T08:00
expect: { ack: AE, verdict: refused, deliveries: [], findings: hl7v2/H065 }
";
    let gate = "
message: ../../messages/05-identite-non-qualifiee.er7
at: 2026-11-21T08:00
expect:
  verdict: routed
  deliveries:
    - { to: dmp-national, state: refused }
    - { to: operateur-regional, state: owed }
  reports:
    - { to: sil, state: owed, sent: { hl7: { 'MSH-9.1': ZAM } } }
";
    let (_folder, dir) = project(&[("porte.yaml", gate), ("refus.yaml", refused)]);
    jonction(["test", &dir]).exits(0).says(["2 cas conformes, 0 différent"]);
}

#[test]
fn what_no_case_exercises_and_what_no_case_notices_is_told_with_its_line() {
    let (_folder, dir) = project(&[("bon.yaml", GOOD)]);
    jonction(["test", &dir, "--coverage"])
        .exits(0)
        .says(["routes/documents.yaml:10  jamais fausse  wants.dmp and identity.qualified"]);
    let said = jonction(["test", &dir, "--mutate"]).exits(1);
    said.says(["changements qu'aucun cas ne remarque", "« when » retiré", "remarqués"]);
    let whole = jonction(["test", &dir, "--mutate", "--json"]).exits(1).json();
    let noticed = |what: &str| {
        let found =
            whole.iter().find(|line| line["mutant"]["what"].as_str().is_some_and(|told| told == what));
        found.unwrap_or_else(|| panic!("{what} in {whole:?}"))["mutant"]["noticed"].as_bool().unwrap()
    };
    assert!(noticed("mssante operateur-regional retiré") && noticed("dmp dmp-national retiré"));
    assert!(!noticed("check hl7v2/volet-cda@2.1 retiré"), "no case says what it notes");
}

#[test]
fn a_case_with_a_mistake_is_told_where_it_is_and_nothing_is_played() {
    for (text, code) in [
        ("at: 2026-11-21T08:00\nexpect: { ack: AA }\n", "case.no-message"),
        ("message: ../../../secret\nat: 2026-11-21T08:00\nexpect: { ack: AA }\n", "case.outside"),
        (
            "message: ../../messages/04-suppression.er7\nat: hier\nexpect: { ack: AA }\n",
            "settings.wrong-value",
        ),
        ("message: ../../messages/04-suppression.er7\nat: 2026-11-21T08:00\n", "case.expects-nothing"),
        (
            "message: ../../messages/04-suppression.er7\nat: 2026-11-21T08:00\nexpect: { verdit: routed }\n",
            "settings.unknown-key",
        ),
        (
            "message: ../../messages/04-suppression.er7\nat: 2026-11-21T08:00\nexpect: { ack: { 'MSA.1.1': AA } }\n",
            "case.wrong-path",
        ),
        (
            "message: ../../messages/04-suppression.er7\nfrom: dmp-national\nat: 2026-11-21T08:00\nexpect: { ack: AA }\n",
            "settings.wrong-value",
        ),
        (
            "message: ../../messages/04-suppression.er7\nat: 2026-11-21T08:00\ndirectory: [{ mailbox: { adress: x } }]\nexpect: { ack: AA }\n",
            "case.wrong-record",
        ),
    ] {
        let (_folder, dir) = project(&[("faux.yaml", text)]);
        jonction(["test", &dir]).exits(2).says([code]);
        jonction(["check", &dir]).exits(2).says([code]);
    }
}

#[test]
fn a_folder_that_is_not_there_has_no_case_that_passes() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nulle-part");
    jonction(["test", nowhere.to_str().unwrap()]).exits(2).says(["settings.missing-file"]);
}

#[test]
fn a_message_of_the_past_becomes_a_case_in_which_nobody_is_named() {
    let desk = Desk::new();
    let simulators = desk.simulate(&example());
    let mut gateway = desk.run(&example());
    let messages = example_messages();
    desk.send(&[messages[0].as_path()], true).exits(0);
    gateway.wait_for("the end", |line| (line == IDLE && answered(&desk) == 1).then_some(()));
    let (_folder, dir) = project(&[]);
    desk.ask(["test", &dir, "--record", "1", "--as", "imagerie"])
        .exits(0)
        .says(["routes/cases/imagerie.er7"]);
    stops(gateway);
    stops(simulators);

    let cases = PathBuf::from(&dir).join("routes/cases");
    let made = fs::read_to_string(cases.join("imagerie.er7")).unwrap();
    let original = fs::read_to_string(&messages[0]).unwrap();
    let field = |message: &str, at: usize| {
        let pid = message.split(['\r', '\n']).find(|line| line.starts_with("PID")).unwrap();
        pid.split('|').nth(at).unwrap().to_owned()
    };
    for at in [3, 5, 7] {
        assert_ne!(field(&made, at), field(&original, at));
    }
    let expected = fs::read_to_string(cases.join("imagerie.attendu.yaml")).unwrap();
    for gone in ["VASSEUR", "OSTREVANT", "BRIAND", "900001"] {
        assert!(original.contains(gone), "{gone}");
        assert!(!made.contains(gone) && !expected.contains(gone), "{gone} is still named");
    }
    // It is a case: it takes the same way, and says so whole.
    jonction(["test", &dir]).exits(0).says(["1 cas conforme, 0 différent"]);
    assert!(
        expected.contains("\"operateur-regional\"") && expected.contains("\"dmp-national\""),
        "{expected}"
    );
    fs::write(
        cases.join("imagerie.attendu.yaml"),
        expected.replace("\"verdict\": \"routed\"", "\"verdict\": \"parked\""),
    )
    .unwrap();
    jonction(["test", &dir]).exits(1).says(["verdict", "attendu parked"]);
    desk.ask(["test", &dir, "--record", "1", "--as", "imagerie"]).exits(2).warns(["case.exists"]);
    desk.ask(["test", &dir, "--record", "77"]).exits(2).warns(["case.no-such-message"]);
}
