//! Reading the routes again on demand: asked over HTTP, done by whoever runs the gateway.
//! In: a request. Out: what was taken, or everything that is wrong.

use jonction_ports::BoxFuture;
use serde::{Deserialize, Serialize};

/// What a reload took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reloaded {
    /// Whether every certificate could be used.
    pub certificates: bool,
    /// Routes that run now; `None`: those of before.
    pub routes: Option<usize>,
    /// The set of routes that runs.
    pub version: Option<String>,
    /// What is wrong, each as `jonction check --json` tells it.
    pub diagnoses: Vec<serde_json::Value>,
}

/// Reads certificates and routes again.
pub trait Reload: Send + Sync {
    /// `None`: nobody does it any more, the gateway stops.
    fn reload(&self) -> BoxFuture<'_, Option<Reloaded>>;
}
