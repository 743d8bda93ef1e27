use std::{path::Path, sync::Arc};

use jonction_model::Environment;
use jonction_settings::{Diagnoses, Fields, SourceFile, node};

use super::*;

fn read(text: &str, environment: Environment) -> (Option<Settings>, Vec<String>) {
    let file = Arc::new(SourceFile { path: "jonction.yaml".into(), text: text.to_owned() });
    let mut diagnoses = Diagnoses::default();
    let tree = node::read(file, &mut diagnoses).unwrap();
    let mut fields = Fields::of(&tree, "le partenaire", &mut diagnoses).unwrap();
    let settings = Settings::read(&mut fields, environment, Path::new("/etc/jonction"), &mut diagnoses);
    fields.finish(&mut diagnoses);
    (settings, diagnoses.list().iter().map(|d| d.code.clone()).collect())
}

fn origin(application: &str, facility: &str) -> Origin {
    Origin {
        control_id: jonction_model::MessageControlId::parse("1").unwrap(),
        sending_application: application.to_owned(),
        sending_facility: facility.to_owned(),
        receiving_application: String::new(),
        receiving_facility: String::new(),
        processing: "T".to_owned(),
        charset: String::new(),
        event_time: String::new(),
    }
}

#[test]
fn the_shortest_block_has_the_defaults_of_the_sheet() {
    let (settings, codes) = read(
        "host: smtp.op.example\nsenders: {address: pfi@a.mssante.example, name: Hôpital A}\n",
        Environment::Test,
    );
    let settings = settings.unwrap();
    assert_eq!(codes, [""; 0]);
    assert_eq!((settings.port, settings.security), (587, Security::StartTls));
    assert_eq!(settings.client_name, "a.mssante.example");
    assert_eq!((settings.masque_ps, settings.without_qualified_ins), (Allow::Refuse, Allow::Allow));
    assert_eq!(settings.patient_size_max, 25 << 20);
}

#[test]
fn the_sending_mailbox_follows_msh_3_and_4() {
    let (settings, codes) = read(
        "host: h.example\nsecurity: tls\nsenders:\n  - {application: SIL, facility: LABO, address: labo@a.mssante.example, name: Labo}\n  - {application: RIS, address: radio@a.mssante.example, name: Radio}\n  - {address: pfi@a.mssante.example, name: A}\n",
        Environment::Test,
    );
    let settings = settings.unwrap();
    assert_eq!((codes.len(), settings.port), (0, 465));
    let from =
        |a: &str, f: &str| settings.sender(&origin(a, f)).unwrap().address.expose_local_part().to_owned();
    assert_eq!(from("SIL^x", "LABO^1.2.3^ISO"), "labo");
    assert_eq!(from("SIL", "AUTRE"), "pfi");
    assert_eq!(from("RIS", "LABO"), "radio");
}

#[test]
fn the_port_may_stand_in_the_host_but_not_twice() {
    let block = |text: &str| {
        read(&format!("{text}\nsenders: {{address: pfi@a.mssante.example, name: A}}\n"), Environment::Test)
    };
    let (settings, codes) = block("host: localhost:2587");
    let settings = settings.unwrap();
    assert_eq!((settings.host.as_str(), settings.port, codes.len()), ("localhost", 2587, 0));
    assert_eq!(settings.server_name, "localhost");
    assert_eq!(block("host: localhost:2587\nport: 25").1, ["mssante.two-ports"]);
}

#[test]
fn every_mistake_is_told_with_its_code() {
    let (settings, codes) = read(
        "host: 'a b'\nsenders: [{address: a@b.mssante.example, name: A}, {address: é, name: B}]\nuser: u\npasword: x\nnil: 'a b'\n",
        Environment::Test,
    );
    assert!(settings.is_none());
    assert_eq!(
        codes,
        [
            "settings.wrong-value",
            "mssante.useless-password",
            "settings.wrong-value",
            "mssante.sender-out-of-reach",
            "settings.wrong-value",
            "settings.unknown-key"
        ]
    );
}

#[test]
fn production_asks_for_a_certificate_a_number_and_a_list() {
    let (_, codes) = read(
        "host: h.example\nsenders: {address: pfi@a.mssante.example, name: A}\n",
        Environment::Production,
    );
    assert_eq!(codes, ["mssante.no-identity", "mssante.no-nil", "mssante.no-whitelist"]);
}

#[test]
fn a_password_is_a_reference_and_only_goes_with_plain() {
    let (settings, codes) = read(
        "host: h.example\nsenders: {address: pfi@a.mssante.example, name: A}\nauth: plain\nuser: u\npassword: en-clair\n",
        Environment::Test,
    );
    assert!(settings.is_none());
    assert_eq!(codes, ["settings.wrong-value"]);
}
