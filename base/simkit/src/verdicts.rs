//! What a simulator thought of each request: which checks it ran, what they found.
//! Bounded: a simulator that runs for days keeps the last ones.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use jonction_model::{Finding, Severity};
use serde::Serialize;

/// Verdict on one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// Number of the request, from 1, over the life of the simulator.
    pub request: u64,
    /// What it was: `TD2.1`, `mail`, `MDM^T02`.
    pub what: String,
    /// Addresses of the checks that were run.
    pub checks: Vec<&'static str>,
    /// What they found.
    pub findings: Vec<Finding>,
}

impl Judged {
    /// Whether no check found an error.
    pub fn conforms(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity < Severity::Error)
    }
}

/// The last verdicts.
#[derive(Debug)]
pub struct VerdictLog {
    kept_max: usize,
    state: Mutex<(u64, VecDeque<Judged>)>,
}

impl Default for VerdictLog {
    fn default() -> Self {
        Self::new(10_000)
    }
}

impl VerdictLog {
    /// Keeps so many verdicts.
    pub fn new(kept_max: usize) -> Self {
        Self { kept_max, state: Mutex::default() }
    }

    /// Records a verdict and gives its request number.
    pub fn record(&self, what: impl Into<String>, checks: Vec<&'static str>, findings: Vec<Finding>) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += 1;
        let request = state.0;
        state.1.push_back(Judged { request, what: what.into(), checks, findings });
        if state.1.len() > self.kept_max {
            state.1.pop_front();
        }
        request
    }

    /// The verdicts kept, oldest first.
    pub fn list(&self) -> Vec<Judged> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1.iter().cloned().collect()
    }

    /// How many requests were judged since the start.
    pub fn count(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_verdicts_are_kept_and_numbers_go_on() {
        let log = VerdictLog::new(2);
        for n in 1..=3 {
            assert_eq!(log.record("TD2.1", vec![], vec![]), n);
        }
        assert_eq!(log.list().iter().map(|judged| judged.request).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(log.count(), 3);
    }

    #[test]
    fn a_warning_conforms_and_an_error_does_not() {
        let log = VerdictLog::default();
        log.record("mail", vec![], vec![Finding::warning("mssante/MSS-M07", "PDF sans marque PDF/A")]);
        log.record("mail", vec![], vec![Finding::error("mssante/MSS-M01", "archive absente")]);
        assert_eq!(log.list().iter().map(Judged::conforms).collect::<Vec<_>>(), [true, false]);
    }
}
