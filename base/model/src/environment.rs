//! Test or production: one setting of the gateway, compared crosswise with everything that can contradict it.
//! Source: architecture §4.12, hl7v2.md H017 and H032.

use serde::{Deserialize, Serialize};

/// Where the gateway stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Test identities and test authorities; real ones are refused.
    Test,
    /// Real identities and authorities; test ones are refused.
    Production,
}
