//! Mailboxes collected over real TLS: what is taken, when it moves, what never happens twice.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, atomic::Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use jonction_certs_dev::Leaf;
use jonction_model::{Masked, PartnerName, SeededEntropy, SystemClock};
use jonction_mssante::{
    config::{After, CollectSettings, LoginSettings, MailboxSettings, Pauses, Timeouts},
    imap::{Bearer, Folder},
    session::Security,
    simulator::{ServerAuth, Simulator, SimulatorSettings, TokenJudge},
    source::{Access, Counters, MailboxSource, Reach, SourceTools},
};
use jonction_net::Endpoint;
use jonction_ports::{
    AccessToken, Arrival, BoxFuture, Intake, IntakeError, MessageId, RawBody, Receipt, Source as _,
    StopHandle, TokenError, TokenSource,
};
use tokio::{sync::watch, task::JoinHandle};

use crate::world::{DOMAINS, OURS, address, client_tls, server_tls};

/// An engine that keeps everything in memory, recognises repeats, and can be held or broken.
#[derive(Default)]
pub(crate) struct Engine {
    pub(crate) arrivals: Mutex<Vec<Arrival>>,
    known: Mutex<HashMap<String, [u8; 32]>>,
    pub(crate) held: watch::Sender<bool>,
    pub(crate) broken: Mutex<u32>,
}

impl Engine {
    fn decide(&self, arrival: &Arrival) -> Result<Receipt, IntakeError> {
        let mut broken = self.broken.lock().unwrap();
        if *broken > 0 {
            *broken -= 1;
            return Err(IntakeError::Journal("disk full".to_owned()));
        }
        let mut repeated = false;
        if let Some(repeat) = &arrival.admitted.repeat {
            let mut known = self.known.lock().unwrap();
            repeated = known.insert(repeat.key.clone(), repeat.digest) == Some(repeat.digest);
        }
        let mut arrivals = self.arrivals.lock().unwrap();
        if !repeated {
            arrivals.push(arrival.clone());
        }
        Ok(Receipt { message: MessageId(arrivals.len() as u64), reply: arrival.reply.clone(), repeated })
    }

    /// Mails taken, in order.
    pub(crate) fn taken(&self) -> Vec<Bytes> {
        let arrivals = self.arrivals.lock().unwrap();
        let accepted = arrivals.iter().filter(|arrival| arrival.admitted.accepted);
        accepted.map(raw).collect()
    }

    /// Why mails were refused.
    pub(crate) fn refusals(&self) -> Vec<String> {
        let arrivals = self.arrivals.lock().unwrap();
        let refused = arrivals.iter().filter(|arrival| !arrival.admitted.accepted);
        refused.map(|arrival| arrival.admitted.findings[0].check.clone()).collect()
    }
}

fn raw(arrival: &Arrival) -> Bytes {
    match &arrival.raw {
        RawBody::Whole(bytes) => bytes.clone(),
        RawBody::Kept(_) => panic!("this engine keeps everything in memory"),
    }
}

impl Intake for Engine {
    fn submit(&self, arrival: Arrival) -> BoxFuture<'_, Result<Receipt, IntakeError>> {
        Box::pin(async move {
            let mut held = self.held.subscribe();
            let _ = held.wait_for(|held| !held).await;
            self.decide(&arrival)
        })
    }
}

/// An operator, an engine, and a source between them that may be started again.
pub(crate) struct Post {
    pub(crate) simulator: Simulator,
    pub(crate) engine: Arc<Engine>,
    settings: CollectSettings,
    access: Access,
    leaf: Leaf,
    running: Option<(StopHandle, JoinHandle<()>, Arc<Counters>)>,
}

pub(crate) fn mail(number: u32) -> Bytes {
    format!("Message-ID: <m{number}@ville.mssante.example>\r\nFrom: camille.martin@ville.mssante.example\r\nSubject: essai\r\n\r\nligne {number}\r\n").into()
}

fn operator(change: impl FnOnce(&mut SimulatorSettings)) -> SimulatorSettings {
    let mut settings = SimulatorSettings::with_domains(DOMAINS);
    change(&mut settings);
    settings
}

impl Post {
    pub(crate) fn new() -> Self {
        Self::with(|_| {}, |_| {})
    }

    pub(crate) fn with(
        simulator: impl FnOnce(&mut SimulatorSettings),
        collect: impl FnOnce(&mut CollectSettings),
    ) -> Self {
        let simulated = operator(simulator);
        let certificate = matches!(simulated.auth, ServerAuth::Certificate) && simulated.tokens.is_none();
        let security = simulated.imap_security;
        let local = "127.0.0.1:0".parse().unwrap();
        let tls = server_tls(certificate, Leaf::Server);
        let mut simulator = Simulator::start(local, tls, simulated, Arc::new(SystemClock)).unwrap();
        let at = simulator.serve_imap(local).unwrap();
        let mut settings = CollectSettings {
            receipts: jonction_mssante::config::ReceiptSettings::default(),
            host: at.ip().to_string(),
            port: at.port(),
            server_name: "localhost".to_owned(),
            security,
            mailboxes: vec![MailboxSettings { address: address(OURS), login: LoginSettings::External }],
            // Long: what arrives must be told by the server, unless a test says otherwise.
            poll: Duration::from_secs(1000),
            idle: true,
            after: After::Move,
            treated: Folder::parse("MSS-Traités").unwrap(),
            failed: Folder::parse("MSS-Erreurs").unwrap(),
            size_max: 10 << 20,
            collecting_max: 4,
            calling_max: 8,
            pauses: Pauses {
                first: Duration::from_millis(2),
                refused: Duration::from_millis(4),
                longest: Duration::from_millis(8),
            },
        };
        collect(&mut settings);
        Self {
            simulator,
            engine: Arc::default(),
            settings,
            access: Access::default(),
            leaf: Leaf::AuthCli,
            running: None,
        }
    }

    /// Where the IMAP service is.
    pub(crate) fn endpoint(&self) -> (String, u16) {
        (self.settings.host.clone(), self.settings.port)
    }

    pub(crate) fn start(&mut self) {
        let tls =
            jonction_net::ClientTls { server_name: Some("localhost".to_owned()), ..client_tls(self.leaf) };
        let reach = Reach {
            endpoint: Endpoint { host: self.settings.host.clone(), port: self.settings.port },
            tls,
            security: self.settings.security,
            timeouts: Timeouts { reply: Duration::from_secs(20), ..Timeouts::default() },
        };
        let tools = SourceTools { clock: Arc::new(SystemClock), entropy: Arc::new(SeededEntropy::new(1)) };
        let partner = PartnerName::parse("operateur").unwrap();
        let source =
            MailboxSource::new(partner, self.settings.clone(), reach, vec![self.access.clone()], tools);
        let counters = source.counters();
        let (stop, listener) = StopHandle::new();
        let task = tokio::spawn(Box::new(source).run(self.engine.clone(), listener, Duration::from_secs(5)));
        self.running = Some((stop, task, counters));
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.running.as_ref().unwrap().2
    }

    /// Cuts everything where it stands, as a crash does.
    pub(crate) async fn kill(&mut self) {
        let (_, task, _) = self.running.take().unwrap();
        task.abort();
        let _ = task.await;
    }

    pub(crate) async fn stop(&mut self) {
        let (stop, task, _) = self.running.take().unwrap();
        stop.stop();
        task.await.unwrap();
    }

    pub(crate) fn put(&self, raw: Bytes) {
        self.simulator.put(OURS, raw);
    }

    /// How many mails each folder has: arrived, treated, in error.
    pub(crate) fn places(&self) -> [usize; 3] {
        ["INBOX", "MSS-Trait&AOk-s", "MSS-Erreurs"].map(|folder| self.simulator.folder(OURS, folder).len())
    }

    /// Waits until something holds; a test that waits for ever says what it waited for.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !holds(self) {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(30), waiting).await;
        assert!(waited.is_ok(), "{what}: {:?} {:?}", self.places(), self.engine.refusals());
    }

    /// Waits until mails were treated, in all.
    pub(crate) async fn treated(&self, count: usize) {
        self.until("treated", |post| post.places() == [0, count, 0]).await;
    }
}

#[tokio::test]
async fn what_arrives_is_taken_at_once_and_put_away() {
    for security in [Security::StartTls, Security::Implicit] {
        let mut post = Post::with(|s| s.imap_security = security, |_| {});
        post.put(mail(1));
        post.start();
        post.treated(1).await;
        // Nothing but the server's word says that there is something new.
        post.put(mail(2));
        post.treated(2).await;
        assert_eq!(post.engine.taken(), [mail(1), mail(2)]);
        let arrival = &post.engine.arrivals.lock().unwrap()[0];
        assert_eq!(arrival.admitted.facts.kind, "MAIL");
        assert!(arrival.peer.certificate.as_ref().unwrap().contains("CN=localhost"));
    }
}

#[tokio::test]
async fn a_mail_moves_only_once_it_is_durable() {
    let mut post = Post::new();
    post.engine.held.send_replace(true);
    post.put(mail(1));
    post.start();
    let engine = post.engine.clone();
    post.until("submitted", |_| engine.held.receiver_count() == 1).await;
    assert_eq!(post.places(), [1, 0, 0]);
    post.engine.held.send_replace(false);
    post.treated(1).await;
}

//= MSS-R15
#[tokio::test]
async fn a_crash_between_the_journal_and_the_move_loses_nothing_and_takes_nothing_twice() {
    let mut post = Post::with(|_| {}, |_| {});
    (1..=5).for_each(|number| post.put(mail(number)));
    // Nothing can be moved: what is journaled stays where it is.
    post.simulator.faults().replace(["quota-full first 1"]).unwrap();
    post.start();
    post.until("journaled", |post| post.engine.taken().len() == 5).await;
    post.kill().await;
    assert_eq!(post.places(), [5, 0, 0]);
    post.start();
    post.treated(5).await;
    assert_eq!(post.engine.taken(), (1..=5).map(mail).collect::<Vec<_>>());
    assert_eq!(post.counters().repeated.load(Relaxed), 5);
}

#[tokio::test]
async fn a_journal_that_cannot_write_leaves_the_mail_where_it_is_until_it_can() {
    let mut post = Post::new();
    *post.engine.broken.lock().unwrap() = 3;
    post.put(mail(1));
    post.start();
    post.treated(1).await;
    assert_eq!((post.engine.taken().len(), post.counters().failures.load(Relaxed)), (1, 3));
}

#[tokio::test]
async fn the_same_mail_delivered_twice_by_its_sender_is_taken_once() {
    let mut post = Post::new();
    let again = |hop: &str| Bytes::from([format!("Received: {hop}\r\n").as_bytes(), &mail(1)].concat());
    post.put(again("un"));
    post.put(again("deux"));
    post.put(mail(2));
    post.start();
    post.treated(3).await;
    assert_eq!(post.engine.taken(), [again("un"), mail(2)]);
}

#[tokio::test]
async fn a_large_mail_comes_in_pieces_and_is_the_same_to_the_byte() {
    let mut post = Post::new();
    // Lengths around the size of a piece.
    for (number, length) in (1..).zip([(256 << 10) - 1, 256 << 10, (256 << 10) + 1, 3 << 20]) {
        let mut raw = mail(number).to_vec();
        raw.extend((raw.len()..length).map(|at| b'a' + (at % 26) as u8));
        post.put(raw.into());
    }
    let sent: Vec<Bytes> = post.simulator.folder(OURS, "INBOX").into_iter().map(|(raw, _)| raw).collect();
    post.start();
    post.treated(4).await;
    assert_eq!(post.engine.taken(), sent);
}

#[tokio::test]
async fn what_is_too_large_or_no_mail_is_said_and_put_aside() {
    let mut post = Post::with(|_| {}, |settings| settings.size_max = 1000);
    let large = Bytes::from([&mail(1)[..], &[b'a'; 1000]].concat());
    post.put(large);
    post.put(Bytes::from_static(b"\r\nrien\r\n"));
    post.put(mail(3));
    post.start();
    post.until("put aside", |post| post.places() == [0, 1, 2]).await;
    assert_eq!(post.engine.refusals(), ["mssante.mail-too-large", "mssante.not-a-mail"]);
    let arrivals = post.engine.arrivals.lock().unwrap();
    assert!(raw(&arrivals[0]).starts_with(b"Message-ID: <m1@"), "its headers are journaled");
    assert!(raw(&arrivals[0]).len() < 1000);
}

#[tokio::test]
async fn in_a_mailbox_of_people_mails_stay_unread_and_are_marked_once_taken() {
    let mut post = Post::with(|_| {}, |settings| settings.after = After::Mark);
    post.put(mail(1));
    post.start();
    post.until("marked", |post| post.simulator.folder(OURS, "INBOX")[0].1 == ["$MssRoute"]).await;
    post.stop().await;
    post.put(mail(2));
    post.start();
    post.until("marked", |post| post.simulator.folder(OURS, "INBOX")[1].1 == ["$MssRoute"]).await;
    assert_eq!(post.engine.taken(), [mail(1), mail(2)]);
    assert_eq!(post.counters().repeated.load(Relaxed), 0, "what is marked is not even read again");
}

/// A token per call; the one that was refused is given no more.
#[derive(Default)]
struct Tokens {
    given: Mutex<u32>,
    refused: Mutex<Vec<String>>,
}

impl TokenSource for Tokens {
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, TokenError>> {
        let mut given = self.given.lock().unwrap();
        *given += 1;
        let token = AccessToken::new(format!("jeton-{given}"), "2999-01-01T00:00:00Z".parse().unwrap());
        Box::pin(async { Ok(token) })
    }

    fn refused(&self, token: &AccessToken) {
        self.refused.lock().unwrap().push(token.expose().to_owned());
    }
}

//= MSS-T16
#[tokio::test]
async fn a_token_opens_its_mailbox_and_a_refused_one_is_replaced() {
    for mechanism in [Bearer::XOAuth2, Bearer::OAuthBearer] {
        let judge = TokenJudge(Arc::new(|mailbox, token| mailbox == OURS && token == "jeton-2"));
        let mut post = Post::with(
            |simulator| simulator.tokens = Some(judge),
            |settings| {
                let partner = PartnerName::parse("psc").unwrap();
                settings.mailboxes[0].login = LoginSettings::Token { mechanism, partner };
            },
        );
        let tokens = Arc::new(Tokens::default());
        post.access.tokens = Some(tokens.clone());
        post.put(mail(1));
        post.start();
        post.treated(1).await;
        assert_eq!(*tokens.refused.lock().unwrap(), ["jeton-1"]);
    }
}

#[tokio::test]
async fn a_password_opens_a_mailbox_where_the_operator_gives_one() {
    let mut post = Post::with(
        |simulator| {
            simulator.auth = ServerAuth::Plain { user: OURS.to_owned(), password: "mot de passe".to_owned() }
        },
        |settings| {
            let password = jonction_settings::Secret::Env("X".to_owned());
            settings.mailboxes[0].login = LoginSettings::Password { user: OURS.to_owned(), password };
        },
    );
    post.access.password = Some(Masked::from("mot de passe"));
    post.put(mail(1));
    post.start();
    post.treated(1).await;
}

/// Every fault of the table on the first connections: whatever it is, the mail is taken once, in the end.
#[tokio::test]
async fn whatever_the_operator_does_wrong_the_mail_is_taken_once_when_it_stops() {
    for row in jonction_mssante::simulator::faults::IMAP_FAULTS {
        let token = row.name.starts_with("tok-");
        let mut post = Post::with(
            |simulator| {
                if token {
                    simulator.tokens = Some(TokenJudge(Arc::new(|_, _| true)));
                }
            },
            |settings| {
                // A server that tells nothing is asked.
                settings.poll = Duration::from_millis(20);
                if token {
                    let partner = PartnerName::parse("psc").unwrap();
                    settings.mailboxes[0].login =
                        LoginSettings::Token { mechanism: Bearer::XOAuth2, partner };
                }
            },
        );
        post.access.tokens = Some(Arc::new(Tokens::default()));
        post.simulator.faults().replace([format!("{} first 2", row.name).as_str()]).unwrap();
        post.put(mail(1));
        post.put(mail(2));
        post.start();
        match row.name {
            // Somebody else takes the first one away.
            "expunge-race" => {
                post.until(row.name, |post| post.places()[1] == 1 && post.places()[0] == 0).await
            }
            // The first two connections serve to the end: two links are enough for them.
            "quota-full" => {
                post.until(row.name, |post| post.engine.taken().len() == 2).await;
                post.kill().await;
                post.start();
                post.until(row.name, |post| post.counters().repeated.load(Relaxed) == 2).await;
                post.kill().await;
                post.start();
                post.treated(2).await;
            }
            // One and the same link never gives anything: the mails are said to be unreadable, and put aside.
            "fetch-nil" => {
                post.until(row.name, |post| post.places() == [0, 0, 2]).await;
                assert_eq!(post.engine.refusals(), ["mssante.unreadable-mail"; 2]);
                continue;
            }
            _ => {
                post.until(row.name, |post| post.places()[1] == 2 && post.places()[0] == 0).await;
            }
        }
        let expected: Vec<Bytes> =
            if row.name == "expunge-race" { vec![mail(2)] } else { vec![mail(1), mail(2)] };
        assert_eq!(post.engine.taken(), expected, "{}", row.name);
        assert_eq!(post.engine.refusals(), [""; 0], "{}", row.name);
    }
}

//= MSS-T20
#[tokio::test]
async fn an_operator_that_is_down_keeps_no_source_from_starting_nor_from_stopping() {
    let mut post = Post::with(|_| {}, |settings| settings.port = 1);
    post.start();
    post.until("tried", |post| post.counters().failures.load(Relaxed) >= 2).await;
    post.stop().await;
}

//= MSS-T09 MSS-T13 MSS-T21
#[tokio::test]
async fn a_certificate_that_opens_nothing_is_told_as_a_refusal() {
    let mut post = Post::new();
    post.leaf = Leaf::AuthCliUnknown;
    post.put(mail(1));
    post.start();
    post.until("tried", |post| post.counters().failures.load(Relaxed) >= 2).await;
    assert_eq!((post.counters().links.load(Relaxed), post.places()), (0, [1, 0, 0]));
}

/// What a page says to whoever asks for it.
async fn page(at: std::net::SocketAddr, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn what_arrived_and_the_verdict_of_each_check_are_read_on_the_loopback_only() {
    let mut world = crate::world::World::new();
    world.send(&world.submission(&[crate::world::DOCTOR]), 0).await;
    assert!(world.simulator.serve_pages("192.0.2.1:0".parse().unwrap()).is_err());
    let at = world.simulator.serve_pages("127.0.0.1:0".parse().unwrap()).unwrap();
    let home = page(at, "/").await;
    assert!(home.contains("camille.martin@ville.mssante.example") && home.contains("conforme"), "{home}");
    let mail = page(at, "/courriel/1").await;
    assert!(mail.contains("mssante/MSS-M01") && mail.contains("X-MSS-INS: O"), "{mail}");
    for path in ["/courriel/2", "/courriel/x", "/ailleurs"] {
        assert!(page(at, path).await.starts_with("HTTP/1.1 404"), "{path}");
    }
}
