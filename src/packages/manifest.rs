//! The manifest of a package: what it holds, what it needs, what was checked when it was made.
//! In and out: JSON, `paquet.json`, first entry of the archive.

use std::collections::BTreeMap;

use jonction_model::BodyId;
use serde::{Deserialize, Serialize};

/// Format of packages. Another one is refused by name.
pub(crate) const FORMAT: u32 = 1;
/// Longest name and version, in characters.
const WORD_MAX: usize = 64;

/// What a package says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) format: u32,
    pub(crate) name: String,
    pub(crate) version: String,
    /// For whom, what for: one line.
    #[serde(default)]
    pub(crate) about: String,
    /// The program that made it.
    pub(crate) made_by: String,
    pub(crate) made_at: jiff::Timestamp,
    /// Routes, by name.
    pub(crate) routes: Vec<String>,
    /// Mappings of its own, by name.
    pub(crate) mappings: Vec<String>,
    pub(crate) needs: Needs,
    pub(crate) checked: Checked,
    /// Every other file, by path.
    pub(crate) files: BTreeMap<String, Entry>,
}

/// What the folder that takes it must have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Needs {
    /// Partners, with their connectors.
    pub(crate) partners: BTreeMap<String, String>,
    /// Profiles and directories: `check: hl7v2/volet-cda@2.1`, `enrich: directory/mailboxes`.
    pub(crate) steps: Vec<String>,
}

/// What was seen to hold when it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Checked {
    /// `jonction check`: warnings; there were no errors.
    pub(crate) warnings: usize,
    /// `jonction test`: cases of routes that passed; none failed.
    pub(crate) cases: usize,
}

/// A file of the package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
}

impl Entry {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { sha256: BodyId::of(bytes).to_string(), bytes: bytes.len() as u64 }
    }
}

/// A name or a version: what may stand in a file name.
pub(crate) fn word(text: &str) -> Result<String, String> {
    let fine = (1..=WORD_MAX).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    fine.then(|| text.to_owned())
        .ok_or_else(|| "1 à 64 lettres sans accent, chiffres, points, tirets".to_owned())
}
