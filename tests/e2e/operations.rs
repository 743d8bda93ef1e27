//! What an operator counts on: alerts that come once, metrics that tell the truth, certificates and routes renewed while
//! the gateway runs, a stop that is orderly or at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use jonction_admin::LocalAccess;
use jonction_certs_dev::{DevAuthority, Leaf, Structure};
use jonction_model::{Clock as _, SystemClock};
use jonction_net::{Anchors, ClientTls, Endpoint, Stream, client_config, dial};
use jonction_testkit::{python_with, skipped};
use serde_json::{Value, json};

use crate::{
    demo::closes,
    desk::{Desk, answered, stops},
    program::{IDLE, PATIENCE, Program, copy_folder, example, example_messages, files_of, jonction},
    receivers::{Door, Wire, http, relay, webhook},
    world::{Counterparts, World},
};

/// Port of the DMP in the example.
const DMP: u16 = 8443;

/// A copy of the example with more in its `jonction.yaml`.
fn project(folder: &Path, more: &str) -> PathBuf {
    let project = folder.join("projet");
    copy_folder(&example(), &project);
    let file = project.join("jonction.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n{more}\n")).unwrap();
    project
}

/// Puts something between the gateway and the DMP.
fn dmp_is_at(data: &Path, address: SocketAddr) {
    let file = data.join("addresses.json");
    let mut known: BTreeMap<u16, SocketAddr> = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    known.insert(DMP, address);
    fs::write(&file, serde_json::to_vec(&known).unwrap()).unwrap();
}

fn message(number: usize) -> bytes::Bytes {
    let text = fs::read_to_string(&example_messages()[number - 1]).unwrap();
    text.replace("\r\n", "\r").replace('\n', "\r").into()
}

/// Asks the running gateway of a data folder.
#[track_caller]
fn ask(data: &Path, method: &str, path: &str, body: &str) -> (u16, String) {
    let access = LocalAccess::read(data).unwrap().expect("a running gateway");
    http(access.address, method, path, &access.token, body)
}

/// Asks until the answer is the one waited for.
#[track_caller]
fn until(what: &str, mut found: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !found() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_partner_that_is_down_is_told_once_across_restarts_and_so_is_its_end() {
    let world = World::start(&Counterparts::default());
    let (hook, mails) = (webhook(Wire::Clear), relay(Wire::Clear));
    let door = Door::closed(world.dmp.addr());
    dmp_is_at(&world.data, door.address);
    let project = project(
        world.folder(),
        &format!(
            "alerts:\n  webhook: {{ url: \"http://{}/astreinte\" }}\n  \
             mail: {{ to: [astreinte@chu.example], from: jonction@chu.example, host: \"{}\", security: none }}\n  \
             partner_down: 1s\n  commit: 1h\n  disk_free: 1MB\n  every: 200ms\n  calm: 1s\n  spacing: 0s",
            hook.address, mails.address
        ),
    );
    let (mut gateway, address) = world.gateway(&project);
    world.send(address, &message(9));

    let start = hook.next();
    let notice = &start["notices"][0];
    assert_eq!(
        (&notice["code"], &notice["moment"], &notice["subject"], &start["gateway"]),
        (&json!("alert.partner-down"), &json!("start"), &json!("dmp-national"), &json!("etablissement"))
    );
    let mail = mails.next();
    assert!(
        mail.contains("To: <astreinte@chu.example>") || mail.contains("To: astreinte@chu.example"),
        "{mail}"
    );
    assert!(mail.contains("partenaire-injoignable.md"), "{mail}");
    let text = start["text"].as_str().unwrap();
    for said in
        ["dmp-national ne répond plus", "jonction probe dmp-national", "1 envoi", "aucun autre incident"]
    {
        assert!(text.contains(said), "« {said} » is missing\n{text}");
    }
    let (_, status) = ask(&world.data, "GET", "/v1/status", "");
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["incidents"][0]["code"], "alert.partner-down", "{status}");

    gateway.wait_for("the alert on the screen", |line| {
        (line.contains(r#""event":"alert""#) && line.contains("dmp-national")).then_some(())
    });
    until("every letter left and noted", || {
        let text = ask(&world.data, "GET", "/metrics", "").1;
        let sent = |channel| text.contains(&format!(r#"{{channel="{channel}",outcome="sent"}} 1"#));
        ["screen", "webhook", "mail"].into_iter().all(sent)
    });
    gateway.kill();
    let (mut gateway, _) = world.gateway(&project);
    gateway
        .wait_for("a failure after the restart", |line| line.contains(r#""outcome":"retry""#).then_some(()));
    door.open();
    world.settled(&mut gateway);
    let end = hook.next();
    assert_eq!(
        (&end["notices"][0]["moment"], &end["notices"][0]["subject"]),
        (&json!("end"), &json!("dmp-national"))
    );
    assert!(end["text"].as_str().unwrap().starts_with("dmp-national répond de nouveau depuis"), "{end}");
    mails.next();
    stops(gateway);
    assert_eq!(hook.rest(), [] as [Value; 0], "no start was told twice");
    assert_eq!(mails.rest(), [] as [String; 0]);
}

/// Pages of docs/operate/ tell what to type at night: it must exist.
#[test]
fn every_command_of_the_operators_pages_exists() {
    let mut commands: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
    for page in files_of(&crate::program::project().join("docs/operate")) {
        let text = fs::read_to_string(&page).unwrap();
        for line in text.split("`jonction ").skip(1).filter_map(|rest| rest.split('`').next()) {
            let word = |word: &&str| {
                !word.starts_with("--") && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
            };
            // The command, for some its action, and the options it is given.
            let command = line.split(' ').take_while(word).take(2).map(str::to_owned).collect();
            let options = line.split(' ').filter(|word| word.starts_with("--")).map(str::to_owned);
            commands.entry(command).or_default().extend(options);
        }
    }
    assert!(commands.len() > 10, "{commands:?}");
    for (command, options) in commands {
        let said = jonction(command.iter().map(String::as_str).chain(["--help"]));
        let line = command.join(" ");
        assert_eq!(said.code, 0, "jonction {line}: {}", said.err);
        for option in options {
            assert!(said.out.contains(&option), "jonction {line} has no {option}");
        }
    }
}

#[test]
fn metrics_say_what_the_journal_says_and_an_independent_reader_understands_them() {
    let desk = Desk::new();
    let project = project(desk.folder.path(), "alerts: { every: 100ms }");
    let simulators = desk.simulate(&project);
    let mut gateway = desk.run(&project);
    let messages = example_messages();
    let files: Vec<&Path> = messages.iter().map(AsRef::as_ref).collect();
    desk.send(&files, true).exits(1);
    gateway.wait_for("the end", |line| (line == IDLE && answered(&desk) == 11).then_some(()));

    let data = desk.folder.path();
    // Gauges are those of the last look.
    until("two parked deliveries in the gauges", || {
        ask(data, "GET", "/metrics", "").1.contains("state=\"parked\"} ")
    });
    let (status, text) = ask(data, "GET", "/metrics", "");
    assert_eq!(status, 200);
    let value = |line: &str| -> f64 {
        let found = text.lines().find_map(|said| said.strip_prefix(line)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("« {line} » is missing\n{text}")).parse().unwrap()
    };
    assert_eq!(value(r#"gateway_messages_received_total{partner="sil",verdict="accepted"}"#), 10.0);
    assert_eq!(value(r#"gateway_messages_received_total{partner="sil",verdict="refused"}"#), 1.0);
    assert_eq!(value("gateway_messages_routed_total{route=\"documents\"}"), 10.0);
    assert!(value("gateway_commit_seconds_count") > 10.0);
    assert!(value("gateway_disk_free_bytes") < value("gateway_disk_size_bytes"));
    assert!(value(r#"gateway_certificate_expiry_seconds{name="passerelle"}"#) > 60.0 * 86_400.0);
    let sum = |prefix: &str| -> f64 {
        let lines = text.lines().filter(|line| line.starts_with(prefix));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    };
    let balance = &desk.ask_json(["balance"]).exits(0).json()[0];
    closes(balance);
    let deliveries = |word: &str| balance["total"]["deliveries"][word].as_f64().unwrap();
    let delivered: f64 = text
        .lines()
        .filter(|line| {
            line.starts_with("gateway_deliveries_ended_total") && line.contains("state=\"delivered\"")
        })
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum();
    assert_eq!(delivered, deliveries("delivered"));
    assert_eq!(sum("gateway_delivery_seconds_count"), delivered);
    for person in ["VASSEUR", "284036912300175", "patient.mssante.fr", "DEMO-00", "2.25.198"] {
        assert!(!text.contains(person), "{person}");
    }
    understood(&text);
    stops(gateway);
    stops(simulators);
}

/// Reads the text with prometheus_client, which knows nothing of us.
fn understood(text: &str) {
    let script = "import sys\nfrom prometheus_client.parser import text_string_to_metric_families as read\n\
                  families = list(read(sys.stdin.read()))\n\
                  print(len(families), sum(len(family.samples) for family in families))";
    let Some(python) = python_with("prometheus_client") else {
        return skipped("python3-prometheus-client is not installed: metrics were not read by it");
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    let input = fs::File::open(file.path()).unwrap();
    let output = Command::new(python).args(["-c", script]).stdin(input).output().unwrap();
    assert!(output.status.success(), "{}", output.stderr.escape_ascii());
    let counts = std::str::from_utf8(&output.stdout).unwrap();
    let families: usize = counts.split(' ').next().unwrap().parse().unwrap();
    assert_eq!(families, jonction_admin::metrics::METRICS.len(), "{counts}");
}

/// What the administration shows in TLS: a connection, and the certificate of the server.
struct Secured {
    address: SocketAddr,
    tls: ClientTls,
    runtime: tokio::runtime::Runtime,
}

impl Secured {
    fn connect(&self) -> Stream {
        let endpoint = Endpoint::parse(&format!("localhost:{}", self.address.port())).unwrap();
        self.runtime.block_on(dial(&endpoint, Some(&self.tls), PATIENCE)).unwrap()
    }

    fn certificate(&self) -> Vec<u8> {
        self.connect().peer_certificate().unwrap().to_vec()
    }

    /// Whether a connection still answers.
    fn answers(&self, stream: &mut Stream) -> bool {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        self.runtime.block_on(async {
            stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
            let mut bytes = [0; 4096];
            let read = stream.read(&mut bytes).await.unwrap();
            bytes[..read].starts_with(b"HTTP/1.1 200")
        })
    }
}

#[test]
fn a_certificate_is_renewed_without_a_restart_and_a_bad_one_leaves_the_old_in_service() {
    let world = World::start(&Counterparts::default());
    let authority = |folder: &str| {
        let structure =
            Structure { name: "Hôpital de Démonstration".to_owned(), finess: "990000018".to_owned() };
        DevAuthority::ensure(&world.folder().join(folder), SystemClock.now(), &structure).unwrap()
    };
    let (dev, next) = (authority("data/certs-dev"), authority("suivante"));
    let (chain, key) = (world.folder().join("serveur.pem"), world.folder().join("serveur.key"));
    let install = |from: &DevAuthority| {
        fs::copy(from.chain_of(Leaf::Server), &chain).unwrap();
        fs::copy(from.key_of(Leaf::Server), &key).unwrap();
    };
    install(&dev);
    let project = project(world.folder(), "alerts: { every: 200ms }");
    let file = project.join("jonction.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let identity = "identities:\n  serveur: { certificate: ../serveur.pem, key: ../serveur.key }";
    let text = text.replacen("identities:", identity, 1).replacen("admin:", "admin:\n  identity: serveur", 1);
    fs::write(&file, text).unwrap();
    let mut gateway = world.spawn_gateway(&project);
    let url = gateway.wait_for("the administration", |line| {
        let event: Value = serde_json::from_str(line).ok()?;
        (event["event"] == "administration").then(|| event["url"].as_str().unwrap().to_owned())
    });
    let address = url.strip_prefix("https://").expect("in TLS").parse().unwrap();
    let roots = [&dev, &next].map(|authority| fs::read(authority.root()).unwrap()).concat();
    let anchors = Anchors::from_pem(&roots).unwrap();
    let mut tls = ClientTls::new(client_config(&anchors, None).unwrap());
    tls.server_name = Some("localhost".to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let secured = Secured { address, tls, runtime };
    let before = secured.certificate();
    let mut old_connection = secured.connect();
    assert!(secured.answers(&mut old_connection));

    install(&next);
    until("the new certificate in new connections", || secured.certificate() != before);
    assert!(secured.answers(&mut old_connection), "established connections live on");
    let after = secured.certificate();

    fs::write(&chain, "-----BEGIN CERTIFICATE-----\nabîmé\n").unwrap();
    let incidents = || -> String { ask(&world.data, "GET", "/v1/status", "").1 };
    until("an alert", || incidents().contains("alert.reload-refused"));
    assert!(incidents().contains("serveur n'a pas pu être rechargé"), "{}", incidents());
    assert_eq!(secured.certificate(), after, "the old one serves on");
    stops(gateway);
}

#[test]
fn routes_are_read_again_on_a_hang_up_and_wrong_ones_change_nothing() {
    let world = World::start(&Counterparts::default());
    let project = project(world.folder(), "");
    let (mut gateway, address) = world.gateway(&project);
    let reloaded = |gateway: &mut Program| -> Value {
        gateway.signal("HUP");
        gateway.wait_for("a reload", |line| {
            let event: Value = serde_json::from_str(line).ok()?;
            (event["event"] == "reloaded").then_some(event)
        })
    };
    let file = project.join("routes/documents.yaml");
    let text = fs::read_to_string(&file).unwrap();

    fs::write(&file, text.replace("accept: ", "accept: message.type == \"ORU^R01\" and ")).unwrap();
    assert_eq!(reloaded(&mut gateway)["routes"], 1);
    world.send(address, &message(9));
    world.settled(&mut gateway);
    let data = world.data.to_str().unwrap();
    let found = jonction(["find", "--state", "filtered", "--json", "--data", data]).exits(0).json();
    assert_eq!(found[0]["control_id"], "DEMO-0009");

    fs::write(&file, text.replace("dmp-national", "dmp-inconnu")).unwrap();
    assert_eq!(reloaded(&mut gateway)["routes"], Value::Null);
    fs::write(&file, &text).unwrap();
    let yaml = project.join("jonction.yaml");
    let of_start = fs::read_to_string(&yaml).unwrap();
    fs::write(&yaml, of_start.replace("z02_on: submission", "z02_on: dsn")).unwrap();
    assert_eq!(reloaded(&mut gateway)["routes"], Value::Null);
    fs::write(&yaml, &of_start).unwrap();
    assert_eq!(reloaded(&mut gateway)["routes"], 1);
    world.send(address, &message(10));
    world.settled(&mut gateway);
    gateway.terminate();
    let said = gateway.ended().exits(0).warns(["route.unknown-partner", "reload.needs-restart", "relancer"]);
    assert!(said.out.contains("DEMO-0010"), "{}", said.out);
    let found = jonction(["find", "--control-id", "DEMO-0010", "--json", "--data", data]).exits(0).json();
    assert_eq!(found[0]["state"], "routed");
}

#[test]
fn a_stop_waits_for_its_grace_and_a_second_signal_does_not() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for (grace, signals) in [("300ms", 1), ("10min", 2)] {
        let world = World::start(&Counterparts::default());
        dmp_is_at(&world.data, silent.local_addr().unwrap());
        let project = project(world.folder(), "");
        let file = project.join("jonction.yaml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replacen("gateway:", &format!("gateway:\n  stop_grace: {grace}"), 1)).unwrap();
        let (mut gateway, address) = world.gateway(&project);
        world.send(address, &message(9));
        // The deposit is under way: the DMP took the connection and says nothing.
        silent.accept().map(std::mem::forget).unwrap();
        gateway.terminate();
        if signals == 2 {
            gateway.wait_for("the first signal", |line| line.contains("stopping").then_some(()));
            gateway.terminate();
        }
        gateway.ended().exits(1);
        let balance =
            &jonction(["balance", "--json", "--data", world.data.to_str().unwrap()]).exits(0).json()[0];
        let deliveries = &balance["total"]["deliveries"];
        let count = |word: &str| deliveries[word].as_u64().unwrap();
        assert_eq!(count("owed"), count("delivered") + count("in_flight"), "{deliveries}");
        assert!(count("in_flight") >= 1, "{deliveries}");
    }
}
