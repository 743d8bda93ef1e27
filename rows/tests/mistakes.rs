//! Every mistake a mapping can have is told before any message: code, line, text under the fault. All of a file at once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test program: failing is its way of speaking")]

mod common;

use common::{HEAD, TAIL, read};

/// `code` of the first error of a file, and the characters it points at.
fn first(text: &str) -> Option<(String, String)> {
    let (mapping, diagnoses) = read(text);
    let error = diagnoses.list().iter().find(|one| one.level == jonction_settings::Level::Error)?;
    assert!(mapping.is_none(), "a mapping with an error is usable: {}", error.render());
    assert!(error.remedy.is_some(), "no remedy: {}", error.render());
    let span = error.span.as_ref().expect("a place");
    let line = span.file.text.lines().nth(span.line - 1).unwrap_or_default();
    let pointed: String = line.chars().skip(span.column - 1).take(span.length).collect();
    Some((error.code.clone(), pointed))
}

fn of_rows(rows: &str) -> Option<(String, String)> {
    first(&format!("{HEAD}{TAIL}{rows}"))
}

#[test]
fn the_file_that_the_others_break_is_whole() {
    assert_eq!(of_rows(""), None);
}

#[test]
fn a_mistake_in_a_row_is_told_where_it_stands() {
    let rows: &[(&str, &str, &str)] = &[
        // paths
        ("to: stay.class, from: PID-99", "mapping.unknown-path", "PID-99"),
        ("to: stay.class, from: PVI-2", "mapping.unknown-path", "PVI-2"),
        ("to: stay.class, from: PV1-3.12", "mapping.unknown-path", "PV1-3.12"),
        ("to: stay.class, from: \"PID-3[12='INS'].1\"", "mapping.unknown-path", "PID-3[12='INS'].1"),
        ("to: stay.class, from: PV1-2x", "mapping.path-syntax", "x"),
        ("to: stay.class, from: .1", "mapping.path-syntax", ".1"),
        ("to: stay.class, from: $nim", "mapping.unknown-let", "$nim"),
        // targets
        ("to: stay.clas, from: PV1-2", "mapping.unknown-target", "clas"),
        ("to: stay, from: PV1-2", "mapping.unknown-target", "stay"),
        ("to: stay.class.x, from: PV1-2", "mapping.unknown-target", "x"),
        ("to: patient.local_ids.id, from: PID-3.1", "mapping.unknown-target", "id"),
        ("to: patient.local_ids, from: PID-3.1", "settings.missing-key", "{"),
        // types
        ("to: stay.class, from: PV1-3", "mapping.wrong-type", "PV1-3"),
        ("to: movement.historical, from: ZBE-5", "mapping.wrong-type", "ZBE-5"),
        ("to: stay.class, from: PV1-2, fn: number, missing: omit, when: PV1-2", "", ""),
        ("to: recorded_at, from: EVN-2, fn: number", "mapping.wrong-type", "EVN-2"),
        ("to: stay.class, from: PV1-2, fn: [yes_no, upper]", "mapping.wrong-type", "upper"),
        ("to: patient.traits.sex, const: X", "settings.wrong-value", "X"),
        ("to: patient.traits.sex, from: PID-8, missing: { default: X }", "settings.wrong-value", "X"),
        // functions
        ("to: stay.class, from: PV1-2, fn: uper", "mapping.unknown-function", "uper"),
        ("to: stay.class, from: PV1-2, fn: first", "mapping.function-argument", "first"),
        ("to: stay.class, from: PV1-2, fn: { upper: x }", "mapping.function-argument", "x"),
        ("to: stay.class, from: PV1-2, fn: { first: 0 }", "settings.wrong-value", "0"),
        ("to: stay.class, from: PV1-2, fn: { read_time: JJ/MM }", "settings.wrong-value", "JJ/MM"),
        ("to: stay.class, const: I, fn: upper", "mapping.function", "upper"),
        // tables
        ("to: stay.class, from: PV1-2, fn: { table: clases }", "mapping.unknown-table", "clases"),
        ("to: stay.class, from: PV1-2, fn: { table: classes }", "mapping.table-lacks-code", "{"),
        ("to: stay.class, from: PV1-2, fn: { table: { name: classes, unknown: keep } }", "", ""),
        // sources
        ("to: stay.class, from: PV1-2, const: I", "mapping.one-source", "{"),
        ("to: stay.class", "mapping.one-source", "{"),
        ("to: stay.class, from: PV1-2, wen: PV1-2", "settings.unknown-key", "wen"),
        ("to: stay.class, from: PV1-2, missing: ignore", "settings.wrong-value", "ignore"),
        ("to: stay.class, expr: nim ~ code", "mapping.expression", "nim ~ code"),
        ("to: stay.class, expr: nom * 1000000000", "mapping.expression", "nom * 1000000000"),
        // conditions
        ("to: stay.class, from: PV1-2, when: PV1-2 ==", "mapping.condition-syntax", " "),
        ("to: stay.class, from: PV1-2, when: PV1-99", "mapping.unknown-path", "PV1-99"),
        ("to: stay.class, from: PV1-2, when: 'PV1-2 and PV1-98'", "mapping.unknown-path", "PV1-98"),
        // rows that never serve, or serve twice
        (
            "to: stay.class, from: PV1-2, when: 'PV1-2 == \"I\" and PV1-2 == \"E\"'",
            "mapping.unreachable-row",
            "stay.class",
        ),
        ("to: stay.class, from: PV1-2, when: 'MSH-9.2 == \"A40\"'", "mapping.unreachable-row", "stay.class"),
        ("to: action, const: update", "mapping.target-twice", "action"),
        ("to: action, const: update, when: PV1-2", "mapping.target-twice", "action"),
        (
            "to: stay.class, first: [{ const: I }, { when: PV1-2, from: PV1-2 }]",
            "mapping.unreachable-row",
            "{",
        ),
        // what is begun must be whole
        ("to: movement.nature, from: ZBE-9.1", "mapping.target-not-set", ""),
        ("to: patient.local_ids, each: PID-3, rows: [{ to: id, from: -1.1 }]", "mapping.target-not-set", ""),
        (
            "to: patient.local_ids, each: PID-3, rows: [{ to: id, from: PIX-3 }]",
            "mapping.unknown-path",
            "PIX-3",
        ),
        ("to: patient.local_ids, each: PIDD, rows: [{ to: id, from: .1 }]", "mapping.path-syntax", "D"),
    ];
    for (row, code, pointed) in rows {
        let found = of_rows(&format!("  - {{ {row} }}\n"));
        match found {
            None => assert_eq!(*code, "", "{row}: accepted"),
            Some((found, at)) => {
                assert_eq!(found, *code, "{row}: at {at}");
                if !pointed.is_empty() {
                    assert_eq!(at, *pointed, "{row}");
                }
            }
        }
    }
}

#[test]
fn a_mistake_around_the_rows_is_told_where_it_stands() {
    let whole = format!("{HEAD}{TAIL}");
    for (from, to, code, pointed) in [
        ("ADT^A02]", "ADT^A92]", "mapping.unknown-message", "ADT^A92"),
        ("to: patient-event\n", "to: patient-even\n", "mapping.unknown-shape", "patient-even"),
        ("file: table.csv", "file: absente.csv", "mapping.table-file", "absente.csv"),
        ("file: table.csv", "file: double.csv", "mapping.table", "A,C"),
        ("file: table.csv", "file: [A, B]", "mapping.table", "["),
        ("  nom: PID", "  Nom: PID", "mapping.let-name", "Nom"),
        ("{ table: events }", "{ table: wrong }", "mapping.wrong-table-value", "MSH-9.2"),
        ("{ hl7v2: [ADT^A01, ADT^A02] }", "{ xml: a }", "settings.unknown-key", "xml"),
        ("{ hl7v2: [ADT^A01, ADT^A02] }", "{ csv: [a, a] }", "mapping.column-twice", "a"),
        ("mapping: essai", "mapping: Essai", "settings.wrong-value", "Essai"),
    ] {
        assert_eq!(first(&whole.replace(from, to)), Some((code.to_owned(), pointed.to_owned())), "{to}");
    }
}

#[test]
fn a_required_target_must_be_set_in_every_case_and_the_case_that_is_not_is_told() {
    let row = "  - { to: action, const: insert, when: 'PV1-2 in [\"I\", \"E\"]' }\n";
    let text = format!("{HEAD}  - {{ to: event, from: MSH-9.2, fn: {{ table: events }} }}\n{row}");
    let (_, diagnoses) = read(&text);
    let [only] =
        diagnoses.list().iter().filter(|d| d.code == "mapping.target-not-set").collect::<Vec<_>>()[..]
    else {
        panic!("one diagnosis is expected")
    };
    assert!(only.sentence.ends_with("action, qui est obligatoire, quand PV1-2 absent"), "{}", only.sentence);
    let rest = "  - { to: action, const: update, when: 'not PV1-2 in [\"I\", \"E\"]' }\n";
    assert_eq!(first(&format!("{text}{rest}")), None);
    // The message types are known: two of two events is every case.
    let events = "  - { to: action, const: insert, when: 'MSH-9.2 == \"A01\"' }\n  - { to: action, const: update, when: 'MSH-9.2 == \"A02\"' }\n";
    assert_eq!(first(&text.replace(row, events)), None);
}

#[test]
fn every_mistake_of_a_file_is_told_at_once() {
    let rows =
        "  - { to: stay.clas, from: PID-99 }\n  - { to: stay.class, from: PID-99, fn: uper, when: PV1-98 }\n";
    let (_, diagnoses) = read(&format!("{HEAD}{TAIL}{rows}"));
    let codes: Vec<_> = diagnoses
        .list()
        .iter()
        .filter(|d| d.level == jonction_settings::Level::Error)
        .map(|d| (d.span.as_ref().map_or(0, |span| span.line), d.code.as_str()))
        .collect();
    let line = HEAD.lines().count() + TAIL.lines().count();
    assert_eq!(
        codes,
        [
            (line + 1, "mapping.unknown-target"),
            (line + 2, "mapping.unknown-path"),
            (line + 2, "mapping.unknown-path"),
        ]
    );
}

#[test]
fn a_diagnosis_reads_as_the_others_of_the_product() {
    let (_, diagnoses) = read(&format!("{HEAD}{TAIL}  - {{ to: stay.class, from: PID-99 }}\n"));
    let error = diagnoses.list().iter().find(|d| d.code == "mapping.unknown-path").unwrap();
    assert_eq!(
        error.render(),
        "erreur  mapping.unknown-path                essai.yaml:17:29\n\
         \x20  16 |   - { to: action, const: insert }\n\
         \x20  17 |   - { to: stay.class, from: PID-99 }\n\
         \x20     |                             ^^^^^^ PID n'a que 39 champs\n\
         remède  écrire un champ de PID-1 à PID-39\n"
    );
}

#[test]
fn the_first_of_several_values_and_a_code_that_no_text_knows_are_warned_of() {
    let warnings = |row: &str| {
        let (mapping, diagnoses) = read(&format!("{HEAD}{TAIL}  - {{ {row} }}\n"));
        assert!(mapping.is_some(), "{row}");
        diagnoses
            .list()
            .iter()
            .map(|d| d.code.clone())
            .filter(|c| c != "mapping.unused-table")
            .collect::<Vec<_>>()
    };
    assert_eq!(warnings("to: stay.visit, from: PID-3.1"), ["mapping.first-of-several"]);
    assert_eq!(warnings("to: stay.visit, from: \"PID-3[1].1\""), [""; 0]);
    assert_eq!(warnings("to: stay.visit, join: PID-3.1"), [""; 0]);
    assert_eq!(warnings("to: stay.visit, from: PV1-19.1, when: 'PV1-2 == \"Z\"'"), ["mapping.unusual-code"]);
}

/// What a stranger may write in a file must stop nothing, nor cost more than its length says.
#[test]
fn hostile_files_are_refused() {
    let bomb = (1..30).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, n| {
        text + &format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", "))
    });
    let rows = "  - { to: stay.class, from: PV1-2 }\n".repeat(5_000);
    let conditions = format!("  - {{ to: stay.class, from: PV1-2, when: '{}' }}\n", "(".repeat(4_000));
    let questions = vec!["PV1-2"; 500].join(" or ");
    let table: String = (0..60_000).map(|n| format!("    c{n}: v\n")).collect();
    for (what, text) in [
        ("alias bomb", format!("{HEAD}{TAIL}{bomb}")),
        ("not yaml", "mapping: [\n".to_owned()),
        ("too many rows", format!("{HEAD}{TAIL}{rows}")),
        ("deep condition", format!("{HEAD}{TAIL}{conditions}")),
        (
            "long condition",
            format!("{HEAD}{TAIL}  - {{ to: stay.class, from: PV1-2, when: '{questions}' }}\n"),
        ),
        (
            "long expression",
            format!("{HEAD}{TAIL}  - {{ to: stay.class, expr: \"{}\" }}\n", "nom ~ ".repeat(5_000)),
        ),
        ("large table", format!("{HEAD}{TAIL}").replace("  file: table.csv\n", &format!("  file:\n{table}"))),
        ("deep list", format!("{HEAD}{TAIL}  - {}\n", "[".repeat(10_000))),
    ] {
        assert!(first(&text).is_some(), "{what}");
    }
}
