//! The proof in CI: a hundred kills of a real gateway, its partners failing too in the second half.
//! In: JONCTION_KILLS (100), JONCTION_KILLS_SEED (printed). Out: nothing acknowledged is lost, doubled, reordered or
//! altered. Power cuts are proved in `crash/tests`, the judge in `src/prove/judge.rs`. Source: architecture §4.1 to §4.4.

use std::{env, process::Command};

use serde_json::Value;

use crate::program::project;

/// What a report must say, and what it must not.
const ZEROS: [&str; 5] = ["lost", "duplicated", "reordered", "altered", "broken"];

fn prove(arguments: &[&str]) -> (i32, Value, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jonction"));
    let output = command.arg("prove").args(arguments).current_dir(project()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    let report = serde_json::from_str(&out).unwrap_or(Value::Null);
    (output.status.code().unwrap_or(-1), report, err)
}

#[test]
fn killed_at_random_moments_it_loses_nothing_and_repeats_nothing() {
    let kills = env::var("JONCTION_KILLS").unwrap_or_else(|_| "100".to_owned());
    let mut arguments = vec!["--json", "--kills", &kills];
    let seed = env::var("JONCTION_KILLS_SEED").ok();
    arguments.extend(seed.iter().flat_map(|seed| ["--seed", seed]));
    let (code, report, progress) = prove(&arguments);

    assert_eq!(code, 0, "{report}\n{progress}");
    eprintln!("{report}");
    for name in ZEROS {
        assert_eq!(report[name], 0, "{name}: {report}\n{progress}");
    }
    assert_eq!(report["kills"].to_string(), kills);
    assert!(report["accepted"].as_u64() > report["kills"].as_u64(), "{report}");
    // Kills that cut nothing in the middle would prove nothing.
    assert!(report["interrupted"].as_u64() > Some(10), "{report}");
    assert!(report["recovery_ms_max"].as_u64() > Some(0), "{report}");
}

#[test]
fn power_cuts_are_proved_by_the_program_itself() {
    let (code, report, progress) = prove(&["--json", "--kills", "0", "--cuts", "20", "--seed", "5"]);

    assert_eq!(code, 0, "{report}\n{progress}");
    assert!(report["cuts"]["cuts"].as_u64() >= Some(20), "{report}");
    ZEROS.iter().for_each(|name| assert_eq!(report["cuts"][name], 0, "{name}: {report}"));
    let (code, _, told) = prove(&["--kills", "0"]);
    assert_eq!(code, 2);
    assert!(told.contains("rien à prouver"), "{told}");
}
