//! Software that we did not write: Python's imaplib reads the simulator, our source reads Dovecot.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use jonction_certs_dev::Leaf;
use jonction_model::{Masked, PartnerName, SeededEntropy, SystemClock};
use jonction_mssante::{
    config::{After, CollectSettings, LoginSettings, MailboxSettings, Pauses, Timeouts},
    imap::{Bearer, Folder},
    session::Security,
    simulator::ServerAuth,
    source::{Access, MailboxSource, Reach, SourceTools},
};
use jonction_net::{ClientTls, Endpoint};
use jonction_ports::{AccessToken, BoxFuture, Source as _, StopHandle, TokenError, TokenSource};

use crate::{
    collecting::{Engine, Post, mail},
    tools::installed,
    world::{OURS, address, authority, client_tls},
};

#[tokio::test(flavor = "multi_thread")]
async fn imaplib_reads_moves_and_is_told_what_arrives_in_the_simulator() {
    if !installed("python3") {
        return;
    }
    const SCRIPT: &str = r#"
import imaplib, ssl, sys
host, port, root, user = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
context = ssl.create_default_context(cafile=root)
m = imaplib.IMAP4("localhost", port)
assert "LOGINDISABLED" in m.capabilities
m.starttls(context)
assert "AUTH=PLAIN" in m.capabilities and "MOVE" in m.capabilities, m.capabilities
m.login(user, 'mot de "passe"')
kind, data = m.select("INBOX")
assert (kind, data) == ("OK", [b"2"]), data
kind, data = m.uid("SEARCH", None, "UNSEEN")
assert data == [b"1 2"], data
kind, data = m.uid("FETCH", "1", "(FLAGS RFC822.SIZE BODY.PEEK[])")
assert data[0][1].startswith(b"Message-ID: <m1@"), data
kind, data = m.uid("FETCH", "1", "(BODY.PEEK[]<10.5>)")
assert len(data[0][1]) == 5 and b"<10>" in data[0][0], data
kind, data = m.fetch("2", "(RFC822.HEADER)")
assert data[0][1].endswith(b"\r\n\r\n"), data
assert m.uid("COPY", "1", "Archives")[0] == "NO"
assert m.create("Archives")[0] == "OK"
assert m.uid("MOVE", "1", "Archives")[0] == "OK"
assert m.uid("STORE", "2", "+FLAGS", "(\\Seen $x)")[1][0].endswith(b"FLAGS ($x \\Seen))")
assert m.append("INBOX", None, None, b"Subject: ajout\r\n\r\nx\r\n")[0] == "OK"
assert m.noop()[0] == "OK"
assert m.uid("SEARCH", None, "SEEN")[1] == [b"2"]
assert m.status("Archives", "(MESSAGES UIDNEXT)")[1] == [b'"Archives" (MESSAGES 1 UIDNEXT 2)']
assert m.uid("STORE", "2", "+FLAGS.SILENT", "(\\Deleted)")[0] == "OK"
assert m.expunge()[1][-1] == b"1"
assert sorted(line.split()[-1] for line in m.list()[1]) == [b'"Archives"', b'"INBOX"']
assert m.getquotaroot("INBOX")[0] == "OK"
m.logout()
print("fini")
"#;
    let post = Post::with(
        |simulator| {
            simulator.auth =
                ServerAuth::Plain { user: OURS.to_owned(), password: "mot de \"passe\"".to_owned() }
        },
        |_| {},
    );
    post.put(mail(1));
    post.put(mail(2));
    let (host, port) = post.endpoint();
    let output = tokio::task::spawn_blocking(move || {
        Command::new("python3")
            .args(["-c", SCRIPT, &host, &port.to_string()])
            .arg(authority().root())
            .arg(OURS)
            .output()
    });
    let output = output.await.unwrap().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "fini\n", "{}", output.stderr.escape_ascii());
    assert_eq!(post.simulator.folder(OURS, "Archives").len(), 1);
}

/// A Dovecot of our own: one folder, one free port, no right of root needed.
struct Dovecot {
    folder: tempfile::TempDir,
    address: SocketAddr,
    running: Child,
}

/// How Dovecot lets people in.
#[derive(Clone, Copy, PartialEq)]
enum Door {
    /// A client certificate, then a password: its EXTERNAL takes no mailbox beside the name in the certificate.
    Certificate,
    /// A password.
    Password,
}

fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Dovecot {
    fn start(door: Door) -> Option<Self> {
        if !installed("dovecot") {
            return None;
        }
        // Its workers drop to a user of their own; as root there must be one that is not root.
        let me = if user() == "root" { "nobody".to_owned() } else { user() };
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let authority = authority();
        let auth = match door {
            Door::Certificate => {
                "auth_mechanisms = plain\nauth_ssl_require_client_cert = yes\nssl_verify_client_cert = yes\n"
            }
            Door::Password => "auth_mechanisms = plain login\n",
        };
        let passdb = "passdb {\n  driver = static\n  args = password=secret\n}\n";
        // The authority signs with an intermediate: whoever checks clients must know both.
        let chain =
            [fs::read(authority.root()).unwrap(), fs::read(authority.chain_of(Leaf::AuthCli)).unwrap()]
                .concat();
        fs::write(folder.path().join("ca.pem"), chain).unwrap();
        let config = format!(
            "protocols = imap\nlisten = 127.0.0.1\nbase_dir = {run}\nstate_dir = {state}\nlog_path = {log}\n\
             default_internal_user = {me}\ndefault_login_user = {me}\ndefault_internal_group = {group}\n\
             ssl = required\nssl_cert = <{cert}\nssl_key = <{key}\nssl_ca = <{ca}\nssl_require_crl = no\n\
             disable_plaintext_auth = yes\nmail_location = maildir:{mail}/%u\nmail_home = {mail}/%u\n\
             first_valid_uid = 1\n{auth}{passdb}\
             userdb {{\n  driver = static\n  args = uid={me} gid={group} home={mail}/%u allow_all_users=yes\n}}\n\
             service imap-login {{\n  chroot =\n  inet_listener imap {{\n    port = {port}\n  }}\n  inet_listener imaps {{\n    port = 0\n  }}\n}}\n\
             service anvil {{\n  chroot =\n}}\nservice stats {{\n  chroot =\n}}\nnamespace inbox {{\n  inbox = yes\n}}\n",
            run = at("run"),
            state = at("state"),
            log = at("log"),
            cert = authority.chain_of(Leaf::Server).display(),
            key = authority.key_of(Leaf::Server).display(),
            ca = at("ca.pem"),
            mail = at("mail"),
            group = group_of(&me),
            port = address.port(),
        );
        fs::write(folder.path().join("dovecot.conf"), config).unwrap();
        fs::create_dir(folder.path().join("mail")).unwrap();
        open_to_all(folder.path());
        let mut command = Command::new("dovecot");
        command.arg("-F").arg("-c").arg(folder.path().join("dovecot.conf"));
        let running = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut dovecot = Self { folder, address, running };
        let ready = (0..3000).any(|_| {
            if dovecot.running.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::yield_now();
            TcpStream::connect_timeout(&address, Duration::from_millis(20)).is_ok()
        });
        assert!(
            ready,
            "dovecot does not start: {}",
            fs::read_to_string(dovecot.folder.path().join("log")).unwrap_or_default()
        );
        Some(dovecot)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn folder_of(&self, folder: &str) -> PathBuf {
        self.folder.path().join("mail").join(OURS).join(folder)
    }

    /// Puts a mail into the maildir, as a delivery agent does.
    fn put(&self, number: u32, raw: &[u8]) {
        let inbox = self.folder_of("");
        for name in ["tmp", "new", "cur"] {
            fs::create_dir_all(inbox.join(name)).unwrap();
        }
        open_to_all(&self.folder.path().join("mail"));
        let temporary = inbox.join("tmp").join(number.to_string());
        fs::write(&temporary, raw).unwrap();
        open_to_all(&temporary);
        fs::rename(temporary, inbox.join("new").join(format!("{number}.essai"))).unwrap();
    }

    /// How many mails a folder of the maildir has.
    fn count(&self, folder: &str) -> usize {
        let inside = |name: &str| fs::read_dir(self.folder_of(folder).join(name)).map_or(0, Iterator::count);
        inside("new") + inside("cur")
    }
}

fn group_of(user: &str) -> String {
    let output = Command::new("id").args(["-gn", user]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Dovecot's workers are another user when the test is root.
fn open_to_all(path: &Path) {
    let done = Command::new("chmod").arg("-R").arg("a+rwX").arg(path).status().unwrap();
    assert!(done.success());
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        // A gentle stop takes its children along.
        let _ = Command::new("kill").arg(self.running.id().to_string()).status();
        let _ = self.running.wait();
    }
}

struct OneToken;

impl TokenSource for OneToken {
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, TokenError>> {
        let token = AccessToken::new("jeton".to_owned(), "2999-01-01T00:00:00Z".parse().unwrap());
        Box::pin(async { Ok(token) })
    }

    fn refused(&self, _: &AccessToken) {}
}

fn source(dovecot: &Dovecot, login: LoginSettings, idle: bool) -> MailboxSource {
    let settings = CollectSettings {
        receipts: jonction_mssante::config::ReceiptSettings::default(),
        host: "127.0.0.1".to_owned(),
        port: dovecot.address.port(),
        server_name: "localhost".to_owned(),
        security: Security::StartTls,
        mailboxes: vec![MailboxSettings { address: address(OURS), login }],
        poll: if idle { Duration::from_secs(1000) } else { Duration::from_millis(50) },
        idle,
        after: After::Move,
        treated: Folder::parse("MSS-Traités").unwrap(),
        failed: Folder::parse("MSS-Erreurs").unwrap(),
        size_max: 10 << 20,
        collecting_max: 4,
        calling_max: 8,
        pauses: Pauses { first: Duration::from_millis(20), ..Pauses::default() },
    };
    let reach = Reach {
        endpoint: Endpoint { host: settings.host.clone(), port: settings.port },
        tls: ClientTls { server_name: Some("localhost".to_owned()), ..client_tls(Leaf::AuthCli) },
        security: Security::StartTls,
        timeouts: Timeouts { reply: Duration::from_secs(20), ..Timeouts::default() },
    };
    let access = Access { password: Some(Masked::from("secret")), tokens: Some(Arc::new(OneToken)) };
    let tools = SourceTools { clock: Arc::new(SystemClock), entropy: Arc::new(SeededEntropy::new(1)) };
    MailboxSource::new(PartnerName::parse("dovecot").unwrap(), settings, reach, vec![access], tools)
}

/// The password itself is handed in apart.
fn by_password() -> LoginSettings {
    let password = jonction_settings::Secret::Env("X".to_owned());
    LoginSettings::Password { user: OURS.to_owned(), password }
}

async fn until(what: &str, dovecot: &Dovecot, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_secs(30), waiting).await.is_ok(),
        "{what}\n{}",
        dovecot.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn our_source_collects_from_dovecot_by_certificate_and_is_told_what_arrives() {
    let Some(dovecot) = Dovecot::start(Door::Certificate) else { return };
    let large: Bytes = [&mail(2)[..], &b"abcdefgh\r\n".repeat(100_000)].concat().into();
    dovecot.put(1, &mail(1));
    dovecot.put(2, &large);
    let engine = Arc::new(Engine::default());
    let (stop, listener) = StopHandle::new();
    let run = Box::new(source(&dovecot, by_password(), true));
    let running = tokio::spawn(run.run(engine.clone(), listener, Duration::from_secs(5)));
    until("two mails", &dovecot, || dovecot.count(".MSS-Trait&AOk-s") == 2).await;
    // IDLE alone says that there is a third one.
    dovecot.put(3, &mail(3));
    until("a third mail", &dovecot, || dovecot.count(".MSS-Trait&AOk-s") == 3).await;
    // Dovecot copies first and takes away after.
    until("nothing left behind", &dovecot, || dovecot.count("") == 0).await;
    let mut taken = engine.taken();
    taken.sort_by_key(Bytes::len);
    assert_eq!(taken.iter().filter(|raw| **raw == large).count(), 1);
    assert_eq!(taken.len(), 3);
    stop.stop();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn our_source_killed_again_and_again_loses_no_mail_of_dovecot_and_takes_none_twice() {
    let Some(dovecot) = Dovecot::start(Door::Password) else { return };
    const MAILS: u32 = 30;
    (1..=MAILS).for_each(|number| dovecot.put(number, &mail(number)));
    let engine = Arc::new(Engine::default());
    let login = by_password();
    let seen = Mutex::new(0);
    while dovecot.count("") > 0 {
        let (_stop, listener) = StopHandle::new();
        let run = Box::new(source(&dovecot, login.clone(), false));
        let running = tokio::spawn(run.run(engine.clone(), listener, Duration::from_secs(5)));
        // Cut wherever it stands once a few more were journaled.
        let before = *seen.lock().unwrap();
        until("some more", &dovecot, || {
            engine.taken().len() >= (before + 4).min(MAILS as usize) || dovecot.count("") == 0
        })
        .await;
        if engine.taken().len() == MAILS as usize {
            until("the rest is moved", &dovecot, || dovecot.count("") == 0).await;
        }
        running.abort();
        let _ = running.await;
        *seen.lock().unwrap() = engine.taken().len();
    }
    let mut taken = engine.taken();
    taken.sort();
    let mut expected: Vec<Bytes> = (1..=MAILS).map(mail).collect();
    expected.sort();
    assert_eq!(taken, expected);
    assert_eq!(dovecot.count(""), 0);
}

/// Dovecot checks tokens with a service of its own; without one it must refuse, and we must survive the explanation.
#[tokio::test(flavor = "multi_thread")]
async fn a_mechanism_that_dovecot_does_not_offer_is_told_and_nothing_is_read() {
    let Some(dovecot) = Dovecot::start(Door::Password) else { return };
    dovecot.put(1, &mail(1));
    let partner = PartnerName::parse("psc").unwrap();
    let source = source(&dovecot, LoginSettings::Token { mechanism: Bearer::XOAuth2, partner }, true);
    let counters = source.counters();
    let engine = Arc::new(Engine::default());
    let (stop, listener) = StopHandle::new();
    let running = tokio::spawn(Box::new(source).run(engine.clone(), listener, Duration::from_secs(5)));
    until("a refusal", &dovecot, || counters.failures.load(std::sync::atomic::Ordering::Relaxed) == 1).await;
    assert!(engine.taken().is_empty());
    stop.stop();
    running.await.unwrap();
}
