//! Alerts that leave in TLS, tried by `jonction probe --alerts`: what arrives, and what never leaves.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use jonction_certs_dev::{DevAuthority, Leaf};
use jonction_model::{Clock as _, SystemClock};
use jonction_net::{ClientAuth, server_config};
use jonction_testkit::{python_with, skipped};
use rustls::ServerConfig;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    program::{Said, copy_folder, example, jonction},
    receivers::{LOGIN, TOKEN, Wire, relay, webhook},
    world::{authority, server_identity},
};

/// A data folder with its authority, and what listens in TLS with it.
struct House {
    folder: TempDir,
    authority: DevAuthority,
    tls: Arc<ServerConfig>,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = authority(&folder.path().join("data"));
        let tls = server_config(&server_identity(&authority), ClientAuth::None).unwrap();
        Self { folder, authority, tls }
    }

    /// The example with these alerts.
    fn project(&self, alerts: &str) -> PathBuf {
        let project = self.folder.path().join("projet");
        copy_folder(&example(), &project);
        let file = project.join("jonction.yaml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{text}\nalerts:\n{alerts}\n")).unwrap();
        fs::write(project.join("passe"), LOGIN.1).unwrap();
        fs::write(project.join("jeton"), TOKEN).unwrap();
        project
    }

    fn probe(&self, alerts: &str) -> Said {
        let (project, data) = (self.project(alerts), self.folder.path().join("data"));
        let (project, data) = (project.to_str().unwrap(), data.to_str().unwrap());
        jonction(["probe", "--alerts", project, "--data", data, "--json"])
    }
}

fn mail(port: u16, security: &str, password: &str) -> String {
    format!(
        "  mail: {{ to: [astreinte@chu.example, garde@chu.example], from: jonction@chu.example, \
         host: \"localhost:{port}\", security: {security}, user: {}, password: \"{password}\" }}",
        LOGIN.0
    )
}

/// Channel, whether it left, code of what is wrong.
fn ends(said: &Said) -> Vec<Value> {
    let end = |tried: &Value| {
        let last = tried["steps"].as_array().unwrap().last().unwrap();
        json!([tried["connector"], tried["reachable"], last["finding"]["check"]])
    };
    said.json().iter().map(end).collect()
}

#[test]
fn a_letter_of_trial_leaves_in_tls_with_the_login_and_the_token() {
    let house = House::new();
    let hook = webhook(Wire::Tls(house.tls.clone()));
    for (security, wire) in
        [("tls", Wire::Tls(house.tls.clone())), ("starttls", Wire::StartTls(house.tls.clone()))]
    {
        let mails = relay(wire);
        let url = format!("https://localhost:{}/astreinte?poste=1", hook.address.port());
        let webhook = format!("  webhook: {{ url: \"{url}\", token: \"@file:jeton\" }}");
        let said = house
            .probe(&format!("{}\n{webhook}", mail(mails.address.port(), security, "@file:passe")))
            .exits(0);
        assert_eq!(ends(&said), [json!(["mail", true, null]), json!(["webhook", true, null])]);
        for to in ["astreinte@chu.example", "garde@chu.example"] {
            let mail = mails.next();
            assert!(mail.contains(to) && mail.contains("essai"), "{mail}");
        }
        let posted = hook.next();
        assert_eq!((&posted["gateway"], &posted["notices"]), (&json!("etablissement"), &json!([])));
    }
}

#[test]
fn a_wrong_login_or_token_is_told_with_its_remedy_and_no_letter_arrives() {
    let house = House::new();
    let (hook, mails) = (webhook(Wire::Tls(house.tls.clone())), relay(Wire::StartTls(house.tls.clone())));
    let url = format!("https://localhost:{}/", hook.address.port());
    let webhook = format!("  webhook: {{ url: \"{url}\", token: \"@file:passe\" }}");
    let said = house
        .probe(&format!("{}\n{webhook}", mail(mails.address.port(), "starttls", "@file:jeton")))
        .exits(1);
    let expected =
        [json!(["mail", false, "mssante.auth-refused"]), json!(["webhook", false, "alert.webhook-refused"])];
    assert_eq!(ends(&said), expected, "{}", said.out);
    assert!(said.out.contains("vérifier le jeton"), "{}", said.out);
    assert!(mails.rest().is_empty() && hook.rest().is_empty());
}

#[test]
fn nothing_is_said_in_clear_to_a_relay_without_starttls_nor_to_a_stranger() {
    let house = House::new();
    let clear = relay(Wire::Clear);
    let said = house.probe(&mail(clear.address.port(), "starttls", "@file:passe")).exits(1);
    assert_eq!(ends(&said), [json!(["mail", false, "mssante.no-starttls"])], "{}", said.out);

    // A relay whose certificate another authority made.
    let stranger = House::new();
    let other = DevAuthority::ensure(
        &stranger.folder.path().join("autre"),
        SystemClock.now(),
        &jonction_certs_dev::Structure { name: "Autre".to_owned(), finess: "990000026".to_owned() },
    )
    .unwrap();
    let tls = server_config(&server_identity(&other), ClientAuth::None).unwrap();
    for (security, wire) in [("tls", Wire::Tls(tls.clone())), ("starttls", Wire::StartTls(tls))] {
        let mails = relay(wire);
        let said = house.probe(&mail(mails.address.port(), security, "@file:passe")).exits(1);
        assert_eq!(ends(&said), [json!(["mail", false, "net.unknown-authority"])], "{}", said.out);
        assert!(mails.rest().is_empty());
    }
}

/// A relay that is not ours: aiosmtpd, with TLS from STARTTLS on and AUTH required.
#[test]
fn an_independent_relay_takes_the_letter_after_starttls_and_login() {
    let house = House::new();
    let Some((mut relay, port)) = aiosmtpd(&house.authority) else {
        return skipped("python3-aiosmtpd is not installed: alert mails were not taken by it");
    };
    let said = house.probe(&mail(port, "starttls", "@file:passe")).exits(0);
    assert_eq!(ends(&said), [json!(["mail", true, null])], "{}", said.out);
    let mut lines = BufReader::new(relay.stdout.take().unwrap()).lines().map_while(Result::ok);
    for to in ["astreinte@chu.example", "garde@chu.example"] {
        assert_eq!(lines.next().unwrap(), format!("{to} [jonction etablissement] essai des alertes"));
    }
    relay.kill().unwrap();
    relay.wait().unwrap();
}

const AIOSMTPD: &str = r#"
import asyncio, email, email.policy, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult
chain, key, user, password = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(chain, key)
class Keep:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        print(envelope.rcpt_tos[0], mail["Subject"], flush=True)
        return "250 pris"
def login(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (user.encode(), password.encode()))
async def main():
    make = lambda: SMTP(Keep(), tls_context=context, require_starttls=True, authenticator=login, auth_required=True)
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], file=sys.stderr, flush=True)
    await server.serve_forever()
asyncio.run(main())
"#;

fn aiosmtpd(authority: &DevAuthority) -> Option<(Child, u16)> {
    let python = python_with("aiosmtpd")?;
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let (chain, key) = (authority.chain_of(Leaf::Server), authority.key_of(Leaf::Server));
    let mut relay = Command::new(python)
        .args(["-W", "ignore", "-c", AIOSMTPD, &path(&chain), &path(&key), LOGIN.0, LOGIN.1])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(relay.stderr.take().unwrap()).read_line(&mut line).unwrap();
    Some((relay, line.trim().parse().unwrap_or_else(|_| panic!("aiosmtpd: {line}"))))
}
