//! `jonction check` on folders with mistakes: every mistake of every file at once, each with its place and its remedy.
//! In: the example, broken. Out: golden text (`golden/check.txt`, rewritten by UPDATE=1) and data. Source: experience §3.

use std::{env, fs, path::Path};

use crate::program::{Said, copy_folder, example, files_of, jonction, project};

/// The example with changes: file, text, what stands there instead.
fn broken(changes: &[(&str, &str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&example(), folder.path());
    for (file, from, to) in changes {
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no « {from} » any more");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }
    folder
}

/// Runs the check of a folder; paths are shown from the folder.
#[track_caller]
fn check(folder: &Path, json: bool) -> Said {
    let mut arguments = vec!["check", folder.to_str().unwrap()];
    arguments.extend(json.then_some("--json"));
    let mut said = jonction(arguments);
    said.out = said.out.replace(&format!("{}/", folder.display()), "");
    said.exits(2)
}

/// What is wrong in one place each, all of it in one folder.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("routes/documents.yaml", "dmp: dmp-national", "dmp: dmp-nationale"),
    ("routes/documents.yaml", "retry: { initial: 300ms, max: 60s, give_up: 5j }", "rety: { initial: 300ms }"),
    ("routes/documents.yaml", "zam: sil", "zamm: sil"),
    ("jonction.yaml", "sector: SA01", "sector: SA01\n    secteur: SA01"),
    ("jonction.yaml", "seal: cachet", "seal: cachets"),
    ("jonction.yaml", "z02_on: submission", "z02_on: soumission"),
    ("simulators.yaml", "patients_default: active", "patients_default: actif"),
];

#[test]
fn every_mistake_of_every_file_is_told_with_its_place_and_its_remedy() {
    let folder = broken(MISTAKES);

    let said = check(folder.path(), false);
    let data = check(folder.path(), true).json();

    assert_eq!(data.len(), MISTAKES.len(), "{}", said.out);
    for diagnosis in &data {
        let file = diagnosis["file"].as_str().unwrap();
        let place = format!("{file}:{}:{}", diagnosis["line"], diagnosis["column"]);
        assert!(said.out.contains(&place), "{place}\n{}", said.out);
        assert!(said.out.contains(diagnosis["sentence"].as_str().unwrap()), "{diagnosis}");
        assert!(diagnosis["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{diagnosis}");
        assert!(MISTAKES.iter().any(|(wrong, ..)| *wrong == file), "{diagnosis}");
    }
    golden("check.txt", &said.out);
}

#[test]
fn a_route_that_may_leak_an_unqualified_identity_is_refused() {
    let folder =
        broken(&[("routes/documents.yaml", "when: wants.dmp and identity.qualified", "when: wants.dmp")]);

    let said = check(folder.path(), false);
    let data = check(folder.path(), true).json();

    assert_eq!(data.len(), 1, "{}", said.out);
    assert_eq!(data[0]["code"], "route.identity-not-guaranteed");
    assert_eq!((data[0]["line"].as_u64(), &data[0]["file"]), (Some(9), &"routes/documents.yaml".into()));
    golden("identity.txt", &said.out);
}

#[test]
fn a_fault_of_yaml_has_its_place_and_hides_nothing_of_the_other_files() {
    let folder = broken(&[
        ("routes/documents.yaml", "accept: message.type in [", "accept: [message.type in ["),
        ("simulators.yaml", "listen: 127.0.0.1:8443", "listen: 127.0.0.1"),
    ]);

    let said = check(folder.path(), false);
    let data = check(folder.path(), true).json();

    let files: Vec<_> = data.iter().map(|diagnosis| diagnosis["file"].as_str().unwrap()).collect();
    assert_eq!(files, ["routes/documents.yaml", "simulators.yaml"], "{}", said.out);
    assert!(data.iter().all(|diagnosis| diagnosis["line"].as_u64().unwrap() > 0), "{data:?}");
    golden("yaml.txt", &said.out);
}

#[test]
fn run_and_simulate_refuse_what_check_refuses() {
    let folder = broken(MISTAKES);
    let path = folder.path().to_str().unwrap();
    for command in ["run", "simulate"] {
        let said = jonction([command, path, "--ports", "auto"]).exits(2);
        said.says(["erreur", "remède", "Rien n'a été modifié."]);
        assert!(!folder.path().join("data").exists(), "{command}: nothing is made for a wrong folder");
    }
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

#[test]
fn the_same_routes_run_with_another_file_of_partners() {
    let folder = broken(&[("jonction.yaml", "environment: test", "environment: tests")]);
    let path = folder.path().to_str().unwrap();
    // The example cut in two: routes know their partners by name only.
    let whole = fs::read_to_string(folder.path().join("jonction.yaml")).unwrap();
    let (head, partners) = whole.split_once("\npartners:").unwrap();
    let gateway = fs::read_to_string(example().join("jonction.yaml")).unwrap();
    let block = gateway.split("\n\n").find(|block| block.contains("gateway:")).unwrap();
    fs::write(folder.path().join("jonction.yaml"), head).unwrap();
    fs::write(folder.path().join("essai.yaml"), format!("{block}\n\npartners:{partners}")).unwrap();
    let essai = folder.path().join("essai.yaml");
    let named = ["check", path, "--partners", essai.to_str().unwrap()];

    jonction(named).exits(0).says(["Prêt : jonction run"]);
    // Without the name: partners.yaml of the folder, when there is one.
    jonction(["check", path]).exits(2).says(["« partners » manque", "environment"]);
    fs::copy(&essai, folder.path().join("partners.yaml")).unwrap();
    jonction(["check", path]).exits(0);
    let wrong = fs::read_to_string(&essai).unwrap().replace("connector: mssante", "connector: mssant");
    fs::write(&essai, wrong).unwrap();
    jonction(named).exits(2).says(["partner.unknown-connector", "essai.yaml:"]);
}

#[track_caller]
fn golden(name: &str, text: &str) {
    let path = project().join("tests/e2e/golden").join(name);
    if env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "{} differs (UPDATE=1 rewrites it)\n{text}", path.display());
}
