//! The authority as its users see it: made once, whole, and of the right kind.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "test code; skips are visible"
)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    time::Instant,
};

use jiff::{Timestamp, ToSpan};
use jonction_certs_dev::{DevAuthority, Error, Leaf, Structure};

const NOW: &str = "2026-03-01T10:00:00Z";

fn structure() -> Structure {
    Structure { name: "EHPAD LES TILLEULS".to_owned(), finess: "690000001".to_owned() }
}

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn ensure(dir: &Path) -> DevAuthority {
    DevAuthority::ensure(dir, now(), &structure()).unwrap()
}

fn root_of(authority: &DevAuthority) -> String {
    fs::read_to_string(authority.root()).unwrap()
}

fn openssl(arguments: &[&str]) -> Option<Output> {
    let output = Command::new("openssl").args(arguments).output();
    if output.is_err() {
        jonction_testkit::skipped("openssl is not installed");
    }
    output.ok()
}

#[test]
fn every_file_is_there_and_keys_are_for_their_owner_only() {
    let temp = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let authority = ensure(&temp.path().join("certs-dev"));
    eprintln!("made in {} ms", started.elapsed().as_millis());
    for leaf in Leaf::all() {
        let chain = fs::read_to_string(authority.chain_of(leaf)).unwrap();
        assert_eq!(chain.matches("BEGIN CERTIFICATE").count(), 2, "{leaf:?}");
        let key = authority.key_of(leaf);
        assert!(fs::read_to_string(&key).unwrap().contains("BEGIN PRIVATE KEY"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600, "{leaf:?}");
        }
    }
}

#[test]
fn a_second_call_makes_nothing_again() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("deep/certs-dev");
    let first = root_of(&ensure(&dir));
    let later = DevAuthority::ensure(&dir, now() + 24.hours(), &structure()).unwrap();
    assert_eq!(root_of(&later), first);
}

#[test]
fn threads_that_start_at_once_share_one_authority() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("certs-dev");
    let roots: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| root_of(&ensure(&dir)))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(roots.iter().all(|root| root == &roots[0]));
    let left: Vec<_> = fs::read_dir(temp.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the folder and its lock only: {left:?}");
}

/// Runs this test program again, several times at once, each time on the one test below.
#[test]
fn programs_that_start_at_once_share_one_authority() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("certs-dev");
    let children: Vec<_> = (0..4)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "one_of_several_programs", "--ignored"])
                .env("CERTS_DEV_DIR", &dir)
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let seen: Vec<_> = fs::read_dir(temp.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "seen"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|root| *root == root_of(&ensure(&dir))));
}

#[test]
#[ignore = "the body of the test above, run in other processes"]
fn one_of_several_programs() {
    let dir = std::env::var("CERTS_DEV_DIR").expect("set by the test above");
    let dir = Path::new(&dir);
    let root = root_of(&ensure(dir));
    fs::write(dir.with_file_name(format!("{}.seen", std::process::id())), root).unwrap();
}

#[test]
fn an_authority_about_to_expire_is_made_again() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("certs-dev");
    let first = root_of(&ensure(&dir));
    let at =
        |days: i64| root_of(&DevAuthority::ensure(&dir, now() + (24 * days).hours(), &structure()).unwrap());
    assert_eq!(at(3 * 365 - 3), first);
    assert_ne!(at(3 * 365 - 2), first);
}

#[test]
fn a_damaged_authority_or_one_of_another_structure_is_made_again() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("certs-dev");
    let first = root_of(&ensure(&dir));
    fs::write(dir.join("sign.key.pem"), "").unwrap();
    let second = root_of(&ensure(&dir));
    assert_ne!(first, second);
    let other = Structure { finess: "2A0000001".to_owned(), ..structure() };
    let third = root_of(&DevAuthority::ensure(&dir, now(), &other).unwrap());
    assert_ne!(second, third);
}

#[test]
fn a_folder_that_holds_something_else_is_left_alone() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("thesis.odt"), "years of work").unwrap();
    let result = DevAuthority::ensure(temp.path(), now(), &structure());
    assert!(matches!(result, Err(Error::NotOurs { .. })));
    assert_eq!(fs::read_to_string(temp.path().join("thesis.odt")).unwrap(), "years of work");
}

#[test]
fn a_structure_no_certificate_can_name_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("certs-dev");
    let refused = |name: &str, finess: &str| {
        let structure = Structure { name: name.to_owned(), finess: finess.to_owned() };
        matches!(DevAuthority::ensure(&dir, now(), &structure), Err(Error::Structure(_)))
    };
    assert!(refused("", "690000001"));
    assert!(refused(&"é".repeat(65), "690000001"));
    assert!(refused("A\nfrom: 1970-01-01T00:00:00Z", "690000001"));
    assert!(refused("A", "69000000"));
    assert!(refused("A", "69000000é"));
    assert!(!refused(&"é".repeat(64), "2B0000001"));
}

/// An independent judge of each leaf: chain, period, purpose, revocation.
#[test]
fn openssl_accepts_the_good_leaves_and_refuses_the_bad_ones() {
    let temp = tempfile::tempdir().unwrap();
    let authority = ensure(&temp.path().join("certs-dev"));
    let at = now().as_second().to_string();
    let verdict = |leaf: Leaf, purpose: &str, more: &[&str]| {
        let chain = authority.chain_of(leaf);
        let (root, chain) = (authority.root().to_str().unwrap(), chain.to_str().unwrap());
        let mut arguments = vec!["verify", "-attime", &at, "-x509_strict", "-purpose", purpose];
        arguments.extend(["-CAfile", root, "-untrusted", chain]);
        arguments.extend(more);
        arguments.push(chain);
        openssl(&arguments).map(|output| {
            let said = [output.stdout, output.stderr].concat();
            (output.status.success(), String::from_utf8(said).unwrap())
        })
    };
    let crl = authority.crl().to_str().unwrap().to_owned();
    let stale = authority.crl_expired().to_str().unwrap().to_owned();
    let with_crl: &[&str] = &["-crl_check", "-CRLfile", &crl];
    let with_stale_crl: &[&str] = &["-crl_check", "-CRLfile", &stale];
    let expected = [
        (Leaf::Server, "sslserver", with_crl, Ok(())),
        (Leaf::AuthCli, "sslclient", with_crl, Ok(())),
        (Leaf::Sign, "smimesign", with_crl, Ok(())),
        (Leaf::ServerExpired, "sslserver", &[], Err("expired")),
        (Leaf::ServerNotYetValid, "sslserver", &[], Err("not yet valid")),
        (Leaf::ServerWrongName, "sslserver", &["-verify_hostname", "localhost"], Err("ostname mismatch")),
        (Leaf::Server, "sslserver", &["-verify_hostname", "localhost"], Ok(())),
        (Leaf::Server, "sslserver", &["-verify_ip", "127.0.0.1"], Ok(())),
        (Leaf::ServerUnknown, "sslserver", &[], Err("issuer certificate")),
        (Leaf::AuthCliExpired, "sslclient", &[], Err("expired")),
        (Leaf::AuthCliWrongUsage, "sslclient", &[], Err("purpose")),
        (Leaf::AuthCliUnknown, "sslclient", &[], Err("issuer certificate")),
        (Leaf::AuthCliRevoked, "sslclient", with_crl, Err("revoked")),
        (Leaf::AuthCli, "sslclient", with_stale_crl, Err("CRL has expired")),
        (Leaf::SignExpired, "smimesign", &[], Err("expired")),
        (Leaf::SignUnknown, "smimesign", &[], Err("issuer certificate")),
        (Leaf::SignRevoked, "smimesign", with_crl, Err("revoked")),
        (Leaf::AuthCli, "smimesign", &[], Err("purpose")),
    ];
    for (leaf, purpose, more, expected) in expected {
        let Some((accepted, said)) = verdict(leaf, purpose, more) else { return };
        match expected {
            Ok(()) => assert!(accepted, "{leaf:?}: {said}"),
            Err(word) => assert!(!accepted && said.contains(word), "{leaf:?}: {said}"),
        }
    }
}

#[test]
fn the_subject_of_an_organisation_has_the_shape_of_the_igc_sante() {
    let temp = tempfile::tempdir().unwrap();
    let authority = ensure(&temp.path().join("certs-dev"));
    let chain = authority.chain_of(Leaf::Sign);
    let arguments = [
        "x509",
        "-noout",
        "-subject",
        "-nameopt",
        "utf8,sep_comma_plus_space,sname",
        "-in",
        chain.to_str().unwrap(),
    ];
    let Some(output) = openssl(&arguments) else { return };
    let subject = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        subject.trim(),
        "subject=C=FR, ST=Département (69), O=EHPAD LES TILLEULS, OU=1690000001, CN=JONCTION DEV SIGN"
    );
}
