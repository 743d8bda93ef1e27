//! `jonction schema`: what an independent validator says of the examples, and of what `jonction check` refuses.
//! In: the schemas, the examples, Python's jsonschema. Out: facts about both verdicts. Source: decision 0040.

use std::{fs, path::Path, process::Command, sync::OnceLock};

use jonction_testkit::{python_with, skipped};

use crate::program::{copy_folder, example, jonction, project};

/// Reads pairs « schema, file » and says on one line each what the validator thinks. Scalars stay texts, as for our readers.
const VALIDATOR: &str = "
import sys, json, yaml, jsonschema
for line in sys.stdin:
    schema, path = line.split()
    with open(schema) as file: schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    with open(path) as file: document = yaml.load(file, Loader=yaml.BaseLoader)
    errors = list(jsonschema.Draft202012Validator(schema).iter_errors(document))
    print('taken' if not errors else 'refused ' + errors[0].message.replace('\\n', ' ')[:300])
";

/// What the validator says of each file. `None`: it is not installed.
fn validate(pairs: &[(String, String)]) -> Option<Vec<String>> {
    let Some(python) = python_with("jsonschema, yaml") else {
        skipped("python3-jsonschema or python3-yaml is not installed: schemas were not tried by it");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("pairs");
    fs::write(&input, pairs.iter().map(|(schema, file)| format!("{schema} {file}\n")).collect::<String>())
        .unwrap();
    let output =
        Command::new(python).args(["-c", VALIDATOR]).stdin(fs::File::open(input).unwrap()).output().unwrap();
    assert!(output.status.success(), "{}", output.stderr.escape_ascii());
    let verdicts: Vec<_> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(verdicts.len(), pairs.len());
    Some(verdicts)
}

/// Written once for both tests.
fn schemas() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            jonction(["schema", "--into", folder.path().to_str().unwrap()]).exits(0);
            folder
        })
        .path()
}

fn pair(kind: &str, file: &Path) -> (String, String) {
    let schema = schemas().join(format!("{kind}.schema.json"));
    (schema.display().to_string(), file.display().to_string())
}

/// Files of a folder with the kind of each.
fn files(folder: &Path) -> Vec<(&'static str, std::path::PathBuf)> {
    let mut files =
        vec![("jonction", folder.join("jonction.yaml")), ("simulators", folder.join("simulators.yaml"))];
    for entry in fs::read_dir(folder.join("routes")).unwrap() {
        files.push(("route", entry.unwrap().path()));
    }
    // Cases stand in a folder beside the routes.
    files.retain(|(_, path)| path.is_file());
    files
}

/// A mistake that a schema can see: file, text, what stands there instead.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("jonction.yaml", "environment: test ", "environnement: test "),
    ("jonction.yaml", "environment: test ", "environment: essai "),
    ("jonction.yaml", "mode: tolerant ", "mode: souple "),
    ("jonction.yaml", "connector: dmp", "connector: dpm"),
    ("jonction.yaml", "certs_dev: auth-cli", "certs_dev: auth-cli, cle: x"),
    ("jonction.yaml", "sector: SA01", "secteur: SA01"),
    ("jonction.yaml", "security: starttls", "security: start"),
    ("jonction.yaml", "z02_on: submission", "z02_on: soumission"),
    ("jonction.yaml", "application: SIL-DEMO, facility", "application: SIL-DEMO, facilite"),
    ("routes/documents.yaml", "steps:", "etapes:"),
    ("routes/documents.yaml", "order_by: patient", "order_by: nom"),
    ("routes/documents.yaml", "give_up: 5j", "give_up: 5"),
    ("routes/documents.yaml", "zam: sil", "zamm: sil"),
    ("routes/documents.yaml", "dmp: dmp-national", "dmp: dmp-national\n    mssante: operateur-regional"),
    ("routes/documents.yaml", "map: hl7v2-to-document", "mapp: hl7v2-to-document"),
    ("simulators.yaml", "listen: 127.0.0.1:8443", "ecoute: 127.0.0.1:8443"),
];

#[test]
fn an_independent_validator_takes_every_example_and_refuses_what_check_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let mut pairs = Vec::new();
    for entry in fs::read_dir(project().join("examples")).unwrap() {
        let good = files(&entry.unwrap().path());
        pairs.extend(good.iter().map(|(kind, file)| pair(kind, file)));
    }
    let good = pairs.len();
    for (at, (file, from, to)) in MISTAKES.iter().enumerate() {
        let broken = folder.path().join(format!("bad-{at}"));
        copy_folder(&example(), &broken);
        let path = broken.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no « {from} » any more");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        jonction(["check", broken.to_str().unwrap()]).exits(2);
        let kind = file.split(['.', '/']).next().unwrap();
        pairs.push(pair(if kind == "routes" { "route" } else { kind }, &path));
    }
    let Some(verdicts) = validate(&pairs) else { return };
    for (at, (verdict, (_, file))) in verdicts.iter().zip(&pairs).enumerate() {
        let mistake = at.checked_sub(good).map(|at| MISTAKES[at]);
        assert_eq!(verdict == "taken", mistake.is_none(), "{file} {mistake:?}: {verdict}");
    }
}

#[test]
fn a_route_with_everything_a_route_can_say_is_taken_by_both() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("projet");
    copy_folder(&example(), &dir);
    let route = dir.join("routes/copies.yaml");
    fs::write(
        &route,
        "route: copies\naccept: message.type == \"MDM^T02\"\nsteps:\n  - { filter: essais, drop: operation == delete }\n  \
         - split: documents\n  - { once: doublons, key: [document.id, sender.facility], window: 7j }\n  \
         - { check: hl7v2/volet-cda@2.1, on_failure: refuse }\nto:\n  - mssante: operateur-regional\n    \
         when: wants.mssante\n    delay: 2h\n    window: [lun-ven 08:00-18:00, 'sam 09:00-12:00']\n",
    )
    .unwrap();
    let documents = dir.join("routes/documents.yaml");
    let text = fs::read_to_string(&documents).unwrap();
    fs::write(&documents, text.replacen("to:\n", "to:\n  - route: copies\n    when: wants.mssante\n", 1))
        .unwrap();
    jonction(["check", dir.to_str().unwrap()]).exits(0);
    let Some(verdicts) = validate(&[pair("route", &route), pair("route", &documents)]) else {
        return;
    };
    assert_eq!(verdicts, ["taken", "taken"]);
}
