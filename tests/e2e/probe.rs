//! `jonction probe` against the simulators: a good morning, and what it says when something is wrong.

use std::{
    fs,
    io::Write as _,
    net::TcpListener,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    program::{Said, copy_folder, example, jonction},
    world::{Counterparts, World},
};

/// The example, with a change of its jonction.yaml.
fn project(world: &World, from: &str, to: &str) -> PathBuf {
    let folder = world.folder().join(format!("project-{}", to.len()));
    copy_folder(&example(), &folder);
    let path = folder.join("jonction.yaml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replace(from, to)).unwrap();
    folder
}

fn probe(world: &World, project: &Path, what: &str, json: bool) -> Said {
    let (project, data) = (project.to_str().unwrap(), world.data.to_str().unwrap());
    let mut arguments = vec!["probe", what, project, "--ports", "auto", "--data", data];
    arguments.extend(json.then_some("--json"));
    jonction(arguments)
}

/// The step that failed: its name and its code.
fn failed(tried: &Value) -> (String, String) {
    let steps = tried["steps"].as_array().unwrap();
    let last = steps.last().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&last["step"]), text(&last["finding"]["check"]))
}

#[test]
fn every_partner_is_reachable_and_nothing_reaches_them() {
    let world = World::start(&Counterparts::default());
    let (gateway, _) = world.gateway(&example());
    let said = probe(&world, &example(), "--all", true).exits(0);

    let ways: Vec<(String, bool)> = said
        .json()
        .iter()
        .map(|tried| (tried["partner"].as_str().unwrap().to_owned(), tried["reachable"] == true))
        .collect();
    let expected = ["sil", "sil", "dmp-national", "operateur-regional"].map(|name| (name.to_owned(), true));
    assert_eq!(ways, expected, "{}", said.out);
    assert!(world.lps.received().is_empty(), "a receiver was sent something");
    assert_eq!(world.mssante.mails().len(), 0, "a mail was sent");
    let total =
        jonction_engine::Reader::open(&world.data).unwrap().balance(Default::default()).unwrap().total;
    assert_eq!(total.messages.received, 0, "our own listener took something for a message");
    drop(gateway);
    // The gateway is gone: only our own listener is dead.
    probe(&world, &example(), "sil", false).exits(1).says(["la passerelle n'écoute pas", "jonction run"]);
}

#[test]
fn our_expired_certificate_is_told_by_the_dmp_and_by_the_operator() {
    let world = World::start(&Counterparts::default());
    let project =
        project(&world, "passerelle: { certs_dev: auth-cli }", "passerelle: { certs_dev: auth-cli-expired }");
    for partner in ["dmp-national", "operateur-regional"] {
        let said = probe(&world, &project, partner, true).exits(1);
        let tried = said.json().remove(0);
        assert_eq!(
            failed(&tried),
            ("our-certificate".into(), "net.our-certificate-refused".into()),
            "{tried}"
        );
    }
    probe(&world, &project, "dmp-national", false)
        .exits(1)
        .says(["il est expiré depuis le", "NON JOIGNABLE"]);
}

#[test]
fn a_wrong_port_is_named_by_what_answers_there() {
    let world = World::start(&Counterparts::default());
    let ssh = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = ssh.local_addr().unwrap().port();
    std::thread::spawn(move || {
        // Kept open: a peer that closes would be another cause.
        let mut kept = Vec::new();
        for stream in ssh.incoming() {
            let mut stream = stream.unwrap();
            // The caller may be gone already.
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2p1\r\n");
            kept.push(stream);
        }
    });
    let cases = [
        (
            "operateur-regional",
            "host: localhost:2587",
            format!("host: localhost:{port}"),
            "greeting",
            "net.wrong-protocol",
        ),
        (
            "dmp-national",
            "https://localhost:8443/",
            format!("https://localhost:{port}/"),
            "tls",
            "net.not-tls",
        ),
        (
            "sil",
            "send_to: mllp://127.0.0.1:2576",
            format!("send_to: mllp://127.0.0.1:{port}"),
            "exchange",
            "net.wrong-protocol",
        ),
    ];
    for (partner, from, to, step, code) in cases {
        let project = project(&world, from, &to);
        let said = probe(&world, &project, partner, true).exits(1);
        let tried = said.json().pop().unwrap();
        assert_eq!(failed(&tried), (step.into(), code.into()), "{tried}");
        assert!(said.out.contains("SSH"), "{}", said.out);
    }
}

#[test]
fn tls_from_the_first_byte_where_starttls_is_spoken_is_told() {
    let world = World::start(&Counterparts::default());
    let project = project(&world, "security: starttls", "security: tls");
    let said = probe(&world, &project, "operateur-regional", false).exits(1);
    said.says(["ne parle pas TLS", "SMTP ou FTP en clair : « 220 ", "STARTTLS"]);
}

#[test]
fn a_partner_that_does_not_exist_is_a_mistake_of_usage() {
    let world = World::start(&Counterparts::default());
    let said = probe(&world, &example(), "dmp-nationale", false).exits(2);
    said.warns(["vouliez-vous dmp-national ?"]);
}
