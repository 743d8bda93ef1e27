//! What a probe says of every peer that is not as it should be; wrong certificates are those of the test authority.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use jonction_certs_dev::{DevAuthority, Leaf, Structure};
use jonction_model::{Clock as _, SystemClock};
use jonction_net::{
    Anchors, ClientAuth, Endpoint, Identity, Limits, Listener, Reloadable,
    probe::{Mutual, ProbeTls, Reach},
    server_config,
};
use jonction_ports::{ProbeStep, StepKind, Steps};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

const LONG: Duration = Duration::from_secs(20);

/// One authority for all tests: making RSA keys is what costs.
fn authority() -> &'static DevAuthority {
    static MADE: OnceLock<(tempfile::TempDir, DevAuthority)> = OnceLock::new();
    let (_, authority) = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let structure = Structure { name: "Hôpital d'essai".to_owned(), finess: "990000018".to_owned() };
        let made = DevAuthority::ensure(&folder.path().join("ca"), SystemClock.now(), &structure).unwrap();
        (folder, made)
    });
    authority
}

fn identity(leaf: Leaf) -> Identity {
    Identity::from_files(authority().chain_of(leaf), authority().key_of(leaf)).unwrap()
}

fn anchors() -> Anchors {
    Anchors::from_file(authority().root()).unwrap()
}

fn revoking_anchors() -> Anchors {
    let pem = [authority().root(), authority().crl()].map(|path| std::fs::read_to_string(path).unwrap());
    Anchors::from_pem(pem.concat().as_bytes()).unwrap()
}

fn reach(port: u16, host: &str) -> Reach {
    Reach { endpoint: Endpoint { host: host.to_owned(), port }, step_timeout: LONG, now: SystemClock.now() }
}

fn calling(client: Option<Leaf>) -> ProbeTls {
    ProbeTls { anchors: anchors(), identity: client.map(identity), server_name: None }
}

/// Everything up to our own certificate.
async fn secured(reach: &Reach, tls: &ProbeTls, mutual: Mutual) -> Vec<ProbeStep> {
    let mut steps = Steps::default();
    if let Some(line) = reach.connect(&mut steps).await {
        reach.secure(line, tls, mutual, &mut steps).await;
    }
    steps.into_vec()
}

/// Probes a TLS server with this certificate that wants one of ours.
async fn against(server: Leaf, client: Option<Leaf>) -> Vec<ProbeStep> {
    let config = server_config(&identity(server), ClientAuth::Required(&revoking_anchors())).unwrap();
    let limits = Limits { connections_max: 4, handshake_timeout: LONG };
    let mut listener =
        Listener::bind("127.0.0.1:0".parse().unwrap(), Some(Reloadable::new(config)), limits).unwrap();
    let port = listener.local_addr().port();
    let serving = tokio::spawn(async move {
        let mut kept = Vec::new();
        loop {
            kept.push(listener.accept().await);
        }
    });
    let steps = secured(&reach(port, "localhost"), &calling(client), Mutual::Expected).await;
    serving.abort();
    steps
}

/// The last step: which, its code, its sentence, expected and found.
#[track_caller]
fn failure(steps: &[ProbeStep]) -> (StepKind, &str, String) {
    let last = steps.last().unwrap();
    let finding = last.finding.as_ref().unwrap_or_else(|| panic!("nothing failed: {steps:?}"));
    assert!(last.failed(), "{finding:?}");
    assert!(finding.remedy.is_some(), "no remedy: {finding:?}");
    (last.kind, &finding.check, format!("{} [{:?} {:?}]", finding.sentence, finding.expected, finding.found))
}

fn kinds(steps: &[ProbeStep]) -> Vec<StepKind> {
    steps.iter().map(|step| step.kind).collect()
}

#[tokio::test]
async fn a_good_peer_is_told_step_by_step() {
    let steps = against(Leaf::Server, Some(Leaf::AuthCli)).await;
    use StepKind::*;
    assert_eq!(kinds(&steps), [Name, Tcp, Tls, Chain, OurCertificate], "{steps:?}");
    assert!(steps.iter().all(|step| step.finding.is_none()), "{steps:?}");
    assert!(steps[2].seen.starts_with("TLS 1.3"), "{}", steps[2].seen);
    assert!(steps[3].seen.contains("AC JONCTION DEV ELEMENTAIRE"), "{}", steps[3].seen);
    assert!(steps[4].seen.ends_with(", accepté"), "{}", steps[4].seen);
}

#[tokio::test]
async fn each_defect_of_a_server_certificate_is_told_with_its_facts() {
    let cases = [
        (Leaf::ServerExpired, "net.certificate-expired", vec!["serveur « localhost »", "expiré depuis le "]),
        (Leaf::ServerNotYetValid, "net.certificate-not-yet-valid", vec!["n'est pas valable avant le "]),
        (Leaf::ServerWrongName, "net.wrong-name", vec!["attendu localhost, trouvé autre.jonction.example"]),
        (
            Leaf::ServerUnknown,
            "net.unknown-authority",
            vec!["AC RACINE INCONNUE DEV", "aucune autorité connue", "Some(\"AC RACINE JONCTION DEV\")"],
        ),
        (Leaf::AuthCli, "net.wrong-usage", vec!["n'est pas fait pour un serveur", "Some(\"client\")"]),
    ];
    for (leaf, code, words) in cases {
        let steps = against(leaf, Some(Leaf::AuthCli)).await;
        let (kind, check, text) = failure(&steps);
        assert_eq!((kind, check), (StepKind::Chain, code), "{text}");
        assert!(words.iter().all(|word| text.contains(word)), "{leaf:?}: {text}");
    }
}

/// In TLS 1.3 all of these handshakes succeed: the refusal comes at the first read.
#[tokio::test]
async fn a_refusal_of_our_certificate_is_told_with_what_is_wrong_on_our_side() {
    let cases = [
        (None, "net.our-certificate-missing", "aucun n'est configuré"),
        (Some(Leaf::AuthCliExpired), "net.our-certificate-refused", "il est expiré depuis le "),
        (Some(Leaf::AuthCliWrongUsage), "net.our-certificate-refused", "(usage : serveur)"),
        (Some(Leaf::AuthCliUnknown), "net.our-certificate-refused", "il ne connaît pas l'autorité"),
        (Some(Leaf::AuthCliRevoked), "net.our-certificate-refused", "il le dit révoqué"),
    ];
    for (leaf, code, words) in cases {
        let steps = against(Leaf::Server, leaf).await;
        let (kind, check, text) = failure(&steps);
        assert_eq!((kind, check), (StepKind::OurCertificate, code), "{text}");
        assert!(text.contains(words), "{leaf:?}: {text}");
    }
}

#[tokio::test]
async fn our_own_listener_is_right_to_turn_away_a_caller_without_certificate() {
    let config = server_config(&identity(Leaf::Server), ClientAuth::Required(&anchors())).unwrap();
    let limits = Limits { connections_max: 4, handshake_timeout: LONG };
    let mut listener =
        Listener::bind("127.0.0.1:0".parse().unwrap(), Some(Reloadable::new(config)), limits).unwrap();
    let port = listener.local_addr().port();
    let serving = tokio::spawn(async move { listener.accept().await });
    let tls = ProbeTls::of_listener(anchors(), &identity(Leaf::Server));
    assert_eq!(tls.server_name.as_deref(), Some("localhost"));

    let steps = secured(&reach(port, "127.0.0.1"), &tls, Mutual::Demanded).await;

    serving.abort();
    assert!(!steps.iter().any(ProbeStep::failed), "{steps:?}");
    assert_eq!(steps.last().unwrap().seen, "exige un certificat de l'appelant, comme réglé");
}

#[tokio::test]
async fn a_dead_port_and_an_unknown_name_are_told_apart() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let steps = secured(&reach(port, "127.0.0.1"), &calling(None), Mutual::Optional).await;
    assert_eq!(failure(&steps).1, "net.refused");
    // No resolver is asked for a label of more than 63 letters.
    let steps = secured(&reach(port, &"a".repeat(64)), &calling(None), Mutual::Optional).await;
    assert_eq!((failure(&steps).0, failure(&steps).1), (StepKind::Name, "net.name-not-found"));
}

/// A peer that says `greeting` (if anything), then keeps the line open or closes it.
async fn peer(greeting: &'static [u8], closes: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(greeting).await.unwrap();
        let mut bytes = [0; 1024];
        while !closes && stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
    });
    port
}

#[tokio::test]
async fn what_is_not_tls_is_named_by_what_it_says() {
    let port = peer(b"SSH-2.0-OpenSSH_9.2\r\n", false).await;
    let steps = secured(&reach(port, "localhost"), &calling(None), Mutual::Optional).await;
    let (kind, code, text) = failure(&steps);
    assert_eq!((kind, code), (StepKind::Tls, "net.not-tls"));
    assert!(text.contains("SSH : « SSH-2.0-OpenSSH_9.2 »"), "{text}");
    let port = peer(b"220 mx ESMTP\r\n", false).await;
    let steps = secured(&reach(port, "localhost"), &calling(None), Mutual::Optional).await;
    assert!(failure(&steps).2.contains("SMTP ou FTP en clair"), "{:?}", failure(&steps));
}

#[tokio::test]
async fn a_peer_that_accepts_and_says_nothing_to_tls_is_told_after_the_wait() {
    let port = peer(b"", false).await;
    let short = Reach { step_timeout: Duration::from_millis(100), ..reach(port, "localhost") };
    let steps = secured(&short, &calling(None), Mutual::Optional).await;
    assert_eq!((failure(&steps).0, failure(&steps).1), (StepKind::Tls, "net.silent"));
}

#[tokio::test]
async fn a_silent_receiver_is_left_alone_and_a_talking_or_closing_one_is_told() {
    let silence = async |greeting, closes| {
        let mut steps = Steps::default();
        let reach = reach(peer(greeting, closes).await, "localhost");
        let mut line = reach.connect(&mut steps).await.unwrap();
        line.stays_silent(Duration::from_millis(200)).await.err().map(|finding| finding.check)
    };
    assert_eq!(silence(b"", false).await, None);
    assert_eq!(silence(b"SSH-2.0-x\r\n", false).await.as_deref(), Some("net.wrong-protocol"));
    assert_eq!(silence(b"", true).await.as_deref(), Some("net.closed"));
}

/// `openssl s_server`, which is not ours.
struct Openssl {
    child: Child,
    port: u16,
}

impl Openssl {
    /// `None`: not installed.
    fn start(arguments: &[&str]) -> Option<Self> {
        let (certificate, key) = (authority().chain_of(Leaf::Server), authority().key_of(Leaf::Server));
        let mut command = Command::new("openssl");
        command.args(["s_server", "-accept", "127.0.0.1:0"]).args(arguments);
        command.arg("-cert").arg(&certificate).arg("-cert_chain").arg(&certificate).arg("-key").arg(key);
        command.arg("-CAfile").arg(authority().root());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let Ok(mut child) = command.spawn() else {
            jonction_testkit::skipped("openssl is not installed");
            return None;
        };
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = said.find_map(|line| line.unwrap().strip_prefix("ACCEPT 127.0.0.1:")?.parse().ok());
        std::thread::spawn(move || said.for_each(drop));
        Some(Self { child, port: port.expect("openssl says its port") })
    }
}

impl Drop for Openssl {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn openssl_takes_our_certificate_and_refuses_the_lack_of_one() {
    for (version, words) in [("-tls1_3", "TLS 1.3"), ("-tls1_2", "TLS 1.2")] {
        let Some(server) = Openssl::start(&["-Verify", "3", "-verify_return_error", version]) else { return };
        let ours = calling(Some(Leaf::AuthCli));
        let steps = secured(&reach(server.port, "localhost"), &ours, Mutual::Expected).await;
        assert!(steps.iter().all(|step| step.finding.is_none()), "{version}: {steps:?}");
        assert!(steps[2].seen.starts_with(words) && steps[4].seen.ends_with("accepté"), "{steps:?}");
        let bare = secured(&reach(server.port, "localhost"), &calling(None), Mutual::Expected).await;
        assert!(["net.our-certificate-missing", "net.tls-failed"].contains(&failure(&bare).1), "{bare:?}");
        assert!(failure(&bare).2.contains("certificat client"), "{:?}", failure(&bare));
    }
}

/// dependencies §2.2: rustls never renegotiates; the peer is told by name rather than as a silence.
#[tokio::test]
async fn a_server_that_asks_for_the_certificate_by_renegotiation_is_named() {
    let Some(mut server) = Openssl::start(&["-tls1_2"]) else { return };
    let mut steps = Steps::default();
    let reach = reach(server.port, "localhost");
    let line = reach.connect(&mut steps).await.unwrap();
    let mut line =
        reach.secure(line, &calling(Some(Leaf::AuthCli)), Mutual::Expected, &mut steps).await.unwrap();
    let steps = steps.into_vec();
    assert_eq!(steps[4].finding.as_ref().unwrap().check, "net.certificate-not-asked");

    // `R` at its keyboard: renegotiate, and ask for a certificate.
    server.child.stdin.as_mut().unwrap().write_all(b"R\n").unwrap();
    let finding = line.stays_silent(LONG).await.unwrap_err();

    assert_eq!(finding.check, "net.renegotiation", "{finding:?}");
    assert!(finding.remedy.unwrap().contains("SSLVerifyClient"));
}

/// A root, an intermediate valid until then, a server under it; the server sends as much of its chain as said.
fn chained(until: (i32, u8, u8), sends_intermediate: bool) -> (Identity, Anchors) {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
    let authority = |name: &str| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let root = CertifiedIssuer::self_signed(authority("Racine"), KeyPair::generate().unwrap()).unwrap();
    let mut between = authority("Intermédiaire");
    between.not_after = date_time_ymd(until.0, until.1, until.2);
    let between = CertifiedIssuer::signed_by(between, KeyPair::generate().unwrap(), &root).unwrap();
    let mut server = CertificateParams::new(["localhost".to_owned()]).unwrap();
    server.distinguished_name.push(DnType::CommonName, "serveur");
    let key = KeyPair::generate().unwrap();
    let mut pem = server.signed_by(&key, &between).unwrap().pem();
    if sends_intermediate {
        pem += &between.pem();
    }
    let identity = Identity::from_pem(pem.as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    (identity, Anchors::from_pem(root.pem().as_bytes()).unwrap())
}

async fn against_chain(identity: &Identity, anchors: Anchors) -> Vec<ProbeStep> {
    let config = server_config(identity, ClientAuth::None).unwrap();
    let limits = Limits { connections_max: 4, handshake_timeout: LONG };
    let mut listener =
        Listener::bind("127.0.0.1:0".parse().unwrap(), Some(Reloadable::new(config)), limits).unwrap();
    let port = listener.local_addr().port();
    let serving = tokio::spawn(async move { listener.accept().await });
    let tls = ProbeTls { anchors, identity: None, server_name: None };
    let steps = secured(&reach(port, "localhost"), &tls, Mutual::Optional).await;
    serving.abort();
    steps
}

#[tokio::test]
async fn the_certificate_of_the_chain_that_is_wrong_is_named_with_its_place() {
    let (identity, anchors) = chained((2020, 1, 31), true);
    let steps = against_chain(&identity, anchors).await;
    let (kind, code, text) = failure(&steps);
    assert_eq!((kind, code), (StepKind::Chain, "net.certificate-expired"), "{text}");
    assert!(
        text.contains("l'autorité « Intermédiaire » (n° 2 de la chaîne) est expiré depuis le 31/01/2020"),
        "{text}"
    );
}

#[tokio::test]
async fn a_server_that_keeps_its_intermediate_to_itself_is_told_so() {
    let (identity, anchors) = chained((2090, 1, 1), false);
    let steps = against_chain(&identity, anchors).await;
    let (_, code, text) = failure(&steps);
    assert_eq!(code, "net.unknown-authority");
    assert!(text.contains("émis par « Intermédiaire »") && text.contains("(n° 1 de la chaîne)"), "{text}");
    let remedy = steps.last().unwrap().finding.as_ref().unwrap().remedy.as_ref().unwrap();
    assert!(remedy.contains("envoyer la chaîne complète"), "{remedy}");
    let (identity, anchors) = chained((2090, 1, 1), true);
    assert!(against_chain(&identity, anchors).await.iter().all(|step| !step.failed()));
}

/// Thirty days before its end a certificate is a remark, which stops nothing.
#[tokio::test]
async fn a_certificate_that_expires_soon_is_remarked_upon() {
    let soon = SystemClock.now().as_second() / 86_400 + 10;
    let at = jiff::Timestamp::from_second(soon * 86_400).unwrap().to_zoned_datetime(jiff::tz::TimeZone::UTC);
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = date_time_ymd(at.year().into(), at.month() as u8, at.day() as u8);
    let pem = params.self_signed(&key).unwrap().pem();
    let identity = Identity::from_pem(pem.as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    let steps = against_chain(&identity, Anchors::from_pem(pem.as_bytes()).unwrap()).await;
    let chain = steps.iter().find(|step| step.kind == StepKind::Chain).unwrap();
    assert_eq!(chain.finding.as_ref().unwrap().check, "net.certificate-expires-soon", "{steps:?}");
    assert!(!steps.iter().any(ProbeStep::failed), "{steps:?}");
}
