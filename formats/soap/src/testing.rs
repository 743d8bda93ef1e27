//! What tests of several modules share: one test authority per test process, and independent tools.
//! In → out: identities, trust, verdicts of tools. Only compiled for tests.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use jiff::Timestamp;
use jonction_certs_dev::{DevAuthority, Leaf, Structure};
use tempfile::TempDir;

use crate::certificate::{SigningIdentity, Trust};

pub(crate) const NOW: &str = "2026-03-01T10:00:00.250Z";

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// The authority, made once; its folder lives as long as the process.
pub(crate) fn authority() -> &'static DevAuthority {
    static AUTHORITY: OnceLock<(TempDir, DevAuthority)> = OnceLock::new();
    let made = AUTHORITY.get_or_init(|| {
        let temp = tempfile::tempdir().unwrap();
        let structure = Structure { name: "EHPAD LES TILLEULS".to_owned(), finess: "690000001".to_owned() };
        let authority = DevAuthority::ensure(&temp.path().join("certs-dev"), now(), &structure).unwrap();
        (temp, authority)
    });
    &made.1
}

pub(crate) fn identity(leaf: Leaf) -> SigningIdentity {
    let chain = fs::read(authority().chain_of(leaf)).unwrap();
    let key = fs::read(authority().key_of(leaf)).unwrap();
    SigningIdentity::from_pem(&chain, &key).unwrap()
}

/// The dev root, with the intermediate, because signatures carry the signer's certificate alone.
pub(crate) fn trust() -> Trust {
    let root = fs::read(authority().root()).unwrap();
    let chain = fs::read(authority().chain_of(Leaf::Sign)).unwrap();
    Trust::from_pem(&root, &chain).unwrap()
}

/// Runs a tool; `None`, with a notice, when it is not installed.
pub(crate) fn tool(name: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(name).args(arguments).stdin(Stdio::null()).output() {
        Ok(output) => Some(output),
        Err(_) => {
            jonction_testkit::skipped(format!("{name} is not installed"));
            None
        }
    }
}

/// Writes a file into a folder of its own.
pub(crate) fn file(name: &str, content: &[u8]) -> (TempDir, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join(name);
    fs::write(&path, content).unwrap();
    (temp, path)
}

/// What xmlsec1 says of a signature against the dev root; `None` when it is not installed.
pub(crate) fn xmlsec1_accepts(xml: &[u8], id_attributes: &[&str]) -> Option<bool> {
    let (_temp, path) = file("signed.xml", xml);
    let root = authority().root().to_str().unwrap();
    let chain = fs::read_to_string(authority().chain_of(Leaf::Sign)).unwrap();
    let intermediate = chain.split_inclusive("-----END CERTIFICATE-----").nth(1).unwrap();
    let (_temp_of_chain, intermediate) = file("intermediate.pem", intermediate.trim().as_bytes());
    let mut arguments = vec!["--verify", "--ignore-manifests", "--verification-time", "2026-03-01 10:00:00"];
    arguments.extend(["--trusted-pem", root, "--untrusted-pem", intermediate.to_str().unwrap()]);
    arguments.extend(id_attributes);
    arguments.push(path.to_str().unwrap());
    let output = tool("xmlsec1", &arguments)?;
    if !output.status.success() {
        eprintln!("xmlsec1: {}", String::from_utf8(output.stderr).unwrap());
    }
    Some(output.status.success())
}

/// Official samples, when they are at hand.
pub(crate) fn samples(folder: &str) -> Option<PathBuf> {
    match std::env::var_os("JONCTION_SAMPLES") {
        Some(samples) => Some(Path::new(&samples).join(folder)),
        None => {
            jonction_testkit::skipped("JONCTION_SAMPLES is not set");
            None
        }
    }
}

/// Compares with a golden file of this crate, or rewrites it under `UPDATE=1`.
pub(crate) fn golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{name} differs; UPDATE=1 rewrites it");
}
