//! What tests share: saying that one was skipped, where a person sees it.
//! Only ever a dev-dependency.

use std::io::Write as _;

/// Says on the error output that a test did not do its work, and why: `JONCTION_SAMPLES is not set`, `swaks is not installed`.
/// Written past the test harness, which would swallow it with the output of a test that passes.
pub fn skipped(why: impl AsRef<str>) {
    // Nobody is left to tell when this fails.
    let _ = writeln!(std::io::stderr().lock(), "skipped: {}", why.as_ref());
}
