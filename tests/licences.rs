//! Every crate of the dependency tree has a licence we may ship, and none is known to be banned.
//! Reads `cargo tree`, needs no network and no extra tool.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test program: failing is its way of speaking")]

use std::process::Command;

/// Licences that may be combined with Apache-2.0 in one binary. One of an `OR` is enough, each of an `AND` is needed.
const ALLOWED: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "MIT",
    "MIT-0",
    "ISC",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "Zlib",
    "Unlicense",
    "CC0-1.0",
    "0BSD",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "OpenSSL",
];

/// Crates that must never enter the tree, and why.
const BANNED: &[(&str, &str)] = &[
    ("openssl-sys", "one TLS library only: rustls"),
    ("ring", "one cryptography provider only: aws-lc-rs; two make the default panic"),
    ("rsa", "RUSTSEC-2023-0071, timing side channel"),
    ("rustls-pemfile", "unmaintained, RUSTSEC-2025-0134"),
    ("serde_yaml", "archived"),
];

/// Minimal SPDX reader: `OR`, `AND`, `/` as the old `OR`, parentheses.
fn allowed(expression: &str) -> bool {
    let expression = expression.trim();
    for (separator, all) in [(" OR ", false), ("/", false), (" AND ", true)] {
        let parts = split_outside_parentheses(expression, separator);
        if parts.len() > 1 {
            return if all { parts.iter().all(|p| allowed(p)) } else { parts.iter().any(|p| allowed(p)) };
        }
    }
    match expression.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => allowed(inner),
        None => ALLOWED.contains(&expression),
    }
}

fn split_outside_parentheses<'e>(expression: &'e str, separator: &str) -> Vec<&'e str> {
    let (mut parts, mut depth, mut start, mut at) = (Vec::new(), 0, 0, 0);
    while at < expression.len() {
        match expression.as_bytes()[at] {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 && expression[at..].starts_with(separator) {
            parts.push(&expression[start..at]);
            at += separator.len();
            start = at;
        } else {
            at += 1;
        }
    }
    parts.push(&expression[start..]);
    parts
}

#[test]
fn spdx_expressions_are_read() {
    assert!(allowed("MIT OR GPL-3.0"));
    assert!(allowed("(MIT OR GPL-3.0) AND Unicode-3.0"));
    assert!(allowed("MIT/Apache-2.0"));
    assert!(!allowed("MIT AND GPL-3.0"));
    assert!(!allowed("AGPL-3.0-or-later"));
    assert!(!allowed("MPL-2.0"));
}

/// What is really built, with the features that are on: `cargo metadata` also lists optional crates nobody asks for.
fn tree() -> Vec<(String, String)> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--edges", "normal,build", "--prefix", "none", "--format", "{p}|{l}"])
        .args(["--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo tree failed: {}", output.stderr.escape_ascii());
    let text = String::from_utf8(output.stdout).expect("cargo speaks UTF-8");
    let lines = text.lines().filter_map(|line| line.split_once('|'));
    let mut packages: Vec<_> = lines
        .map(|(package, licence)| {
            let name = package.split(' ').next().unwrap_or_default();
            (name.to_owned(), licence.trim_end_matches(" (*)").to_owned())
        })
        .collect();
    packages.sort();
    packages.dedup();
    packages
}

#[test]
fn every_dependency_has_a_licence_we_may_ship_and_none_is_banned() {
    let packages = tree();
    assert!(packages.len() > 100, "the whole tree is read");
    let mut wrong = Vec::new();
    for (name, licence) in &packages {
        if let Some((_, why)) = BANNED.iter().find(|(banned, _)| banned == name) {
            wrong.push(format!("{name}: banned, {why}"));
        }
        if !allowed(licence) {
            wrong.push(format!("{name}: {licence}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
