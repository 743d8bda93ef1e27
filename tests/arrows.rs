//! Who may import whom: reads the manifests and fails on any arrow that is not written here.
//! A new arrow is a decision record, not a line in a diff. Source: docs/ARCHITECTURE.md.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test program: failing is its way of speaking")]

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

/// Room → rooms its crates may depend on. A room is a folder; `base/*` crates are rooms of their own.
const ARROWS: &[(&str, &[&str])] = &[
    ("base/model", &[]),
    ("base/ports", &["base/model"]),
    ("base/net", &["base/model", "base/ports"]),
    ("base/web", &["base/model", "base/net", "base/ports"]),
    ("base/settings", &["base/model"]),
    ("base/simkit", &["base/model"]),
    // Never in the program: a dev-dependency of every room.
    ("base/testkit", &[]),
    ("formats", &["base/model", "formats"]),
    ("certs-dev", &[]),
    ("engine", &["base/model", "base/ports", "base/settings"]),
    ("admin", &["base/model", "base/ports", "base/net", "base/settings", "engine"]),
    ("directory", &["base/model", "base/ports", "base/settings"]),
    // The proof: drives the engine over a disk that forgets.
    ("crash", &["base/model", "base/ports", "engine"]),
    // The mapping language, taken alone by tools and tests.
    ("rows", &["base/model", "base/settings", "formats"]),
    ("mappings", &["base/model", "base/ports", "base/settings", "formats", "rows"]),
    (
        "connectors",
        &["base/model", "base/ports", "base/net", "base/web", "base/settings", "base/simkit", "formats"],
    ),
    (
        ".",
        &[
            "base/model",
            "base/ports",
            "base/net",
            "base/web",
            "base/settings",
            "base/simkit",
            "formats",
            "certs-dev",
            "engine",
            "admin",
            "directory",
            "crash",
            "mappings",
            "rows",
            "connectors",
        ],
    ),
];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata failed: {}", output.stderr.escape_ascii());
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

fn room_of(manifest: &str) -> String {
    let folder = manifest.strip_suffix("/Cargo.toml").expect("a manifest path");
    let inside = folder.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("a member of the workspace");
    match inside.trim_start_matches('/').split_once('/') {
        Some(("base", name)) => format!("base/{name}"),
        Some((room, _)) => room.to_owned(),
        None if inside.is_empty() => ".".to_owned(),
        None => inside.trim_start_matches('/').to_owned(),
    }
}

#[test]
fn every_arrow_between_rooms_is_a_written_one() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    let rooms: BTreeMap<&str, String> = packages
        .iter()
        .map(|package| {
            (package["name"].as_str().unwrap(), room_of(package["manifest_path"].as_str().unwrap()))
        })
        .collect();
    let mut forbidden = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let room = &rooms[name];
        let allowed =
            ARROWS.iter().find(|(from, _)| from == room).unwrap_or_else(|| panic!("{room} has no row")).1;
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = dependency["name"].as_str().unwrap();
            let Some(target) = rooms.get(to) else { continue };
            // Test dependencies may point anywhere below the program.
            let for_tests = dependency["kind"].as_str() == Some("dev");
            let exempt = for_tests && target != ".";
            if !(exempt || allowed.contains(&target.as_str())) {
                forbidden.push(format!("{name} ({room}) -> {to} ({target})"));
            }
        }
    }
    assert!(forbidden.is_empty(), "arrows that are not in the table:\n{}", forbidden.join("\n"));
}

#[test]
fn a_format_depends_on_smaller_formats_only_and_connectors_never_on_each_other() {
    // Smaller first: a format may use those before it.
    const ORDER: &[&str] =
        &["jonction-hl7v2", "jonction-cda", "jonction-soap", "jonction-xds", "jonction-mime"];
    let metadata = metadata();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let Some(rank) = ORDER.iter().position(|format| *format == name) else { continue };
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = dependency["name"].as_str().unwrap();
            let later = ORDER.iter().skip(rank).any(|format| *format == to);
            assert!(!later || dependency["kind"].as_str() == Some("dev"), "{name} -> {to}");
        }
    }
}
