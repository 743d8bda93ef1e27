//! What a probe of a partner found, step by step: the question before go-live and at night.
//! In: what each layer saw. Out: steps in order, each with its time, and a finding when something is wrong.
//! Source: issue « hands »; experience §5. A probe never sends a clinical message nor a datum of a person.

use std::time::{Duration, Instant};

use jonction_model::{Clock, Finding, Severity};
use serde::{Serialize, Serializer};

use crate::BoxFuture;

/// What a step looks at, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// Name resolution.
    Name,
    /// TCP connection.
    Tcp,
    /// What the peer says first.
    Greeting,
    /// TLS: version and suite.
    Tls,
    /// The peer's certificates.
    Chain,
    /// Ours: asked for, presented, accepted.
    OurCertificate,
    /// A harmless exchange of the protocol.
    Exchange,
    /// Difference between the peer's clock and ours.
    Clock,
}

impl StepKind {
    /// French word shown to people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Name => "nom",
            Self::Tcp => "tcp",
            Self::Greeting => "accueil",
            Self::Tls => "tls",
            Self::Chain => "certificat",
            Self::OurCertificate => "le nôtre",
            Self::Exchange => "échange",
            Self::Clock => "horloge",
        }
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProbeStep {
    /// What it looked at.
    #[serde(rename = "step")]
    pub kind: StepKind,
    /// What was seen, in French, one line.
    pub seen: String,
    /// How long it took, in microseconds.
    #[serde(rename = "elapsed_us", serialize_with = "micros")]
    pub elapsed: Duration,
    /// What is wrong, and what to do; an error ends the probe, a warning does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finding: Option<Finding>,
}

fn micros<S: Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX))
}

impl ProbeStep {
    /// Whether the partner cannot be used because of this.
    pub fn failed(&self) -> bool {
        self.finding.as_ref().is_some_and(|finding| finding.severity == Severity::Error)
    }
}

/// Steps being taken. The time of a step runs from the end of the one before.
#[derive(Debug)]
pub struct Steps {
    taken: Vec<ProbeStep>,
    since: Instant,
}

impl Default for Steps {
    fn default() -> Self {
        Self { taken: Vec::new(), since: Instant::now() }
    }
}

impl Steps {
    /// A step that went well.
    pub fn done(&mut self, kind: StepKind, seen: impl Into<String>) {
        self.push(kind, seen.into(), None);
    }

    /// A step that went well, or that is remarked upon.
    pub fn noted(&mut self, kind: StepKind, seen: impl Into<String>, finding: Option<Finding>) {
        self.push(kind, seen.into(), finding);
    }

    /// A step that failed: nothing comes after.
    pub fn failed(&mut self, kind: StepKind, finding: Finding) {
        self.push(kind, String::new(), Some(finding));
    }

    fn push(&mut self, kind: StepKind, seen: String, finding: Option<Finding>) {
        let elapsed = self.since.elapsed();
        self.taken.push(ProbeStep { kind, seen, elapsed, finding });
        self.since = Instant::now();
    }

    /// All of them.
    pub fn into_vec(self) -> Vec<ProbeStep> {
        self.taken
    }
}

/// One way to or from a partner that can be tried without consequence.
pub trait Probe: Send + Sync {
    /// Where it is tried: `mllps://sil.chu.example:2576`. Free of any datum of a person.
    fn target(&self) -> String;

    /// Tries it. Bounds its own waits; leaves nothing at the partner: no message, no mail, no deposit, no search.
    fn run<'a>(&'a self, clock: &'a dyn Clock) -> BoxFuture<'a, Vec<ProbeStep>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_error_makes_a_step_fail() {
        let mut steps = Steps::default();
        steps.done(StepKind::Name, "127.0.0.1");
        steps.noted(StepKind::Chain, "bientôt", Some(Finding::warning("net.expires-soon", "…")));
        steps.failed(StepKind::Tls, Finding::error("net.not-tls", "…"));
        let failed: Vec<_> = steps.into_vec().iter().map(ProbeStep::failed).collect();
        assert_eq!(failed, [false, false, true]);
    }
}
