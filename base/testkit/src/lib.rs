//! What tests share: saying that one was skipped, where a person sees it; Python, for the tools that we did not write.
//! Only ever a dev-dependency.

use std::{env, io::Write as _, process::Command};

/// Says on the error output that a test did not do its work, and why: `JONCTION_SAMPLES is not set`, `swaks is not installed`.
/// Written past the test harness, which would swallow it with the output of a test that passes.
pub fn skipped(why: impl AsRef<str>) {
    // Nobody is left to tell when this fails.
    let _ = writeln!(std::io::stderr().lock(), "skipped: {}", why.as_ref());
}

/// A Python that has these modules (`requests, fhirpy`), if there is one: that of `JONCTION_PYTHON`, the first one of the
/// path, or Debian's own, whose packages another one may hide.
pub fn python_with(modules: &str) -> Option<String> {
    let has = |python: &String| {
        let import = Command::new(python).args(["-c", &format!("import {modules}")]).output();
        import.is_ok_and(|output| output.status.success())
    };
    let usual = ["python3", "/usr/bin/python3"].map(str::to_owned);
    env::var("JONCTION_PYTHON").into_iter().chain(usual).find(has)
}

/// What a script prints.
///
/// # Panics
/// When it fails: with what it said.
#[track_caller]
pub fn python_says(python: &str, script: &str, arguments: &[&str]) -> String {
    let output = Command::new(python).args(["-c", script]).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{python}: {error}"));
    assert!(output.status.success(), "{}", output.stderr.escape_ascii());
    let printed = str::from_utf8(&output.stdout).unwrap_or_else(|error| panic!("{python}: {error}"));
    printed.trim().to_owned()
}
