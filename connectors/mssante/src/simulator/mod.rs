//! The operator and its mailboxes, simulated: SMTP submission and IMAP on real sockets, mails kept and judged.
//! In: connections. Out: mailboxes, `.eml` files, verdicts. Source: mssante.md §6.
//! What comes back of mails is in robots.rs.

mod dialogue;
pub mod faults;
mod imap;
pub mod list;
mod page;
mod post;
pub mod robots;
mod world;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use jonction_mime::{Limits as MimeLimits, Mail};
use jonction_model::{Clock, Finding, Mode};
use jonction_net::{Limits, Listener, ServerTls, Stream, serve, upgrade_server};
use jonction_ports::{Stop, StopHandle};
use jonction_simkit::{FaultPlan, PlanError, VerdictLog};
use jonction_web::Server;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use crate::{
    checks::{self, Received},
    session::Security,
};
use dialogue::{Delivered, Dialogue, Step};
use faults::Faults;
pub use robots::{ROBOTS, Robot, robot};
use world::World;
pub use world::{Domain, Judge, Mailboxes, Operator, ServerAuth, SimulatorSettings, StoredMail, TokenJudge};

/// A client that says nothing for so long is left.
const IDLE_MAX: Duration = Duration::from_secs(300);
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Between two bytes of a slow reply.
const DRIP: Duration = Duration::from_millis(2);

/// A running simulator. Dropping it stops it.
pub struct Simulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: StopHandle,
    running: JoinHandle<()>,
    imap: Option<JoinHandle<()>>,
    pages: Option<Server>,
    list: Option<Server>,
}

struct Shared {
    world: Arc<World>,
    faults: Arc<Faults>,
    list_faults: FaultPlan<list::Fault>,
    verdicts: VerdictLog,
    tls: ServerTls,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulator").field("address", &self.address).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("settings", &self.world.settings).finish_non_exhaustive()
    }
}

impl Simulator {
    /// Binds and starts. Port 0 lets the system choose. Call it inside a runtime. Errors: the address cannot be had.
    pub fn start(
        address: SocketAddr,
        tls: ServerTls,
        settings: SimulatorSettings,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let implicit = (settings.security == Security::Implicit).then(|| tls.clone());
        let listener = Listener::bind(address, implicit, Limits::default())?;
        let address = listener.local_addr();
        let shared = Arc::new(Shared {
            faults: Arc::new(Faults::none(settings.seed)),
            list_faults: FaultPlan::none(list::FAULTS, settings.seed),
            world: World::new(settings, clock.clone()),
            verdicts: VerdictLog::default(),
            tls,
            clock,
        });
        let (stop, listening) = StopHandle::new();
        let handler = shared.clone();
        let running =
            tokio::spawn(serve(listener, listening, Duration::from_secs(1), move |stream, _peer, stop| {
                let shared = handler.clone();
                async move { shared.converse(stream, stop).await }
            }));
        Ok(Self { shared, address, stop, running, imap: None, pages: None, list: None })
    }

    /// Opens the IMAP service over the same mailboxes. Port 0 lets the system choose; where it is, is answered.
    /// Errors: the address cannot be had.
    pub fn serve_imap(&mut self, address: SocketAddr) -> io::Result<SocketAddr> {
        let shared = self.shared.clone();
        let implicit =
            (shared.world.settings.imap_security == Security::Implicit).then(|| shared.tls.clone());
        let limits = Limits { connections_max: 4096, ..Limits::default() };
        let listener = Listener::bind(address, implicit, limits)?;
        let address = listener.local_addr();
        let listening = self.stop.listener();
        self.imap = Some(tokio::spawn(serve(
            listener,
            listening,
            Duration::from_secs(1),
            move |stream, _peer, stop| shared.clone().converse_imap(stream, stop),
        )));
        Ok(address)
    }

    /// Opens pages that show what arrived and what was thought of it. Errors: the address cannot be had, or is not of the
    /// loopback: mails are shown to whoever asks.
    pub fn serve_pages(&mut self, address: SocketAddr) -> io::Result<SocketAddr> {
        if !address.ip().is_loopback() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "pages are for the loopback"));
        }
        let shared = self.shared.clone();
        let server = Server::start(address, None, Arc::new(move |asked| page::answer(&shared, &asked)))?;
        let address = server.address();
        self.pages = Some(server);
        Ok(address)
    }

    /// Publishes the liste blanche of its domains, as the espace de confiance does. Errors: the address cannot be had.
    pub fn serve_whitelist(&mut self, address: SocketAddr, tls: Option<ServerTls>) -> io::Result<SocketAddr> {
        let shared = self.shared.clone();
        let server = Server::start(address, tls, Arc::new(move |asked| list::answer(&shared, &asked)))?;
        let address = server.address();
        self.list = Some(server);
        Ok(address)
    }

    /// Replaces the fault plan of the liste blanche.
    pub fn play_list(&self, rules: &[&str]) -> Result<(), PlanError> {
        self.shared.list_faults.replace(rules.iter().copied())
    }

    /// Where the liste blanche is published, once it is served.
    pub fn whitelist_url(&self) -> Option<String> {
        self.list.as_ref().map(|server| format!("{}{}", server.origin(), list::PATH))
    }

    /// Puts a mail into a mailbox, as another operator would deliver it: unjudged.
    pub fn put(&self, mailbox: &str, raw: Bytes) {
        self.shared.world.post.deliver(mailbox, raw, self.shared.clock.now());
    }

    /// The mails of one folder of a mailbox, with their flags, in order.
    pub fn folder(&self, mailbox: &str, folder: &str) -> Vec<(Bytes, Vec<String>)> {
        self.shared.world.post.with(mailbox, |found| {
            let mails = found.folders.get(folder).map(|folder| folder.mails.as_slice()).unwrap_or_default();
            mails.iter().map(|mail| (mail.raw.clone(), mail.flags.iter().cloned().collect())).collect()
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Faults: may be changed at any time.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// What it thought of each mail.
    pub fn verdicts(&self) -> &VerdictLog {
        &self.shared.verdicts
    }

    /// Every mailbox that got something, with its mails; a Message-ID once, however often it came.
    pub fn mailboxes(&self) -> Vec<(String, Vec<StoredMail>)> {
        self.shared.world.mailboxes()
    }

    /// Every mail of every mailbox.
    pub fn mails(&self) -> Vec<StoredMail> {
        let mut mails: Vec<_> = self.mailboxes().into_iter().flat_map(|(_, mails)| mails).collect();
        mails.sort_by_key(|mail| mail.number);
        mails
    }

    /// Mails taken, copies included.
    pub fn received(&self) -> u64 {
        self.shared.world.received()
    }

    /// Its settings.
    pub fn settings(&self) -> &SimulatorSettings {
        &self.shared.world.settings
    }

    /// Stops taking connections, lets the open ones end for a second, cuts the rest.
    pub async fn stop(mut self) {
        self.stop.stop();
        let _ = (&mut self.running).await;
        if let Some(pages) = self.pages.take() {
            pages.stop().await;
        }
        if let Some(imap) = self.imap.take() {
            let _ = imap.await;
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

impl Shared {
    async fn converse(&self, stream: Stream, mut stop: Stop) {
        let certificate = stream.peer_certificate().is_some();
        let (dialogue, greeting) = Dialogue::open(self.world.clone(), self.faults.clone(), certificate);
        tokio::select! {
            () = stop.stopped() => {}
            ended = self.dialogue(stream, dialogue, greeting) => {
                if let Err(error) = ended {
                    debug!(cause = %error.kind(), "connection ended");
                }
            }
        }
    }

    async fn dialogue(&self, stream: Stream, mut dialogue: Dialogue, greeting: Vec<Step>) -> io::Result<()> {
        let Some(mut stream) = self.play(stream, &mut dialogue, greeting).await? else { return Ok(()) };
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = timeout(IDLE_MAX, stream.read(&mut buffer)).await.map_err(io::Error::from)??;
            if read == 0 {
                return Ok(());
            }
            let steps = dialogue.ingest(&buffer[..read]);
            match self.play(stream, &mut dialogue, steps).await? {
                Some(open) => stream = open,
                None => return Ok(()),
            }
        }
    }

    /// Plays steps in order. `None`: the connection is over.
    async fn play(
        &self,
        stream: Stream,
        dialogue: &mut Dialogue,
        steps: Vec<Step>,
    ) -> io::Result<Option<Stream>> {
        let mut stream = stream;
        for step in steps {
            match step {
                Step::Write(bytes) => {
                    stream.write_all(&bytes).await?;
                    stream.flush().await?;
                }
                Step::WriteSlowly(bytes) => {
                    for byte in bytes {
                        stream.write_all(&[byte]).await?;
                        stream.flush().await?;
                        sleep(DRIP).await;
                    }
                }
                Step::StartTls => {
                    stream =
                        upgrade_server(stream, &self.tls, HANDSHAKE_MAX).await.map_err(io::Error::other)?;
                    dialogue.secured(stream.peer_certificate().is_some());
                }
                Step::Deliver(delivered) => self.deliver(*delivered),
                Step::Stall => {
                    let mut rest = [0; 1024];
                    while timeout(IDLE_MAX, stream.read(&mut rest)).await.map_err(io::Error::from)?? > 0 {}
                    return Ok(None);
                }
                Step::Close => {
                    let _ = stream.shutdown().await;
                    return Ok(None);
                }
            }
        }
        Ok(Some(stream))
    }

    fn deliver(&self, delivered: Delivered) {
        let read = Mail::read(&delivered.raw, &MimeLimits::default());
        for (to, notify) in &delivered.recipients {
            let (message_id, verdict) = self.judge(&read, &delivered, to, *notify);
            let mail = StoredMail {
                number: 0,
                from: delivered.from.clone(),
                to: to.clone(),
                message_id,
                copies: 1,
                raw: delivered.raw.clone(),
                received_at: self.clock.now(),
                notify: *notify,
                verdict,
            };
            if let Err(error) = self.world.deliver(mail) {
                warn!(error_code = "mssante.simulator-cannot-write", cause = %error.kind(), "mail kept in memory only");
            }
            if let Ok(mail) = &read {
                self.answer(&robots::Taken {
                    mail,
                    from: &delivered.from,
                    to,
                    envelope_id: &delivered.envelope_id,
                    notify: *notify,
                    host: &self.world.settings.host,
                    now: self.clock.now(),
                });
            }
        }
    }

    /// What the other side answers. It arrives in the mailbox of whoever wrote, as from another operator: unjudged.
    fn answer(&self, taken: &robots::Taken<'_>) {
        for back in taken.answers(&self.world.robots(taken.to)) {
            if back.after.is_zero() {
                self.world.post.deliver(&back.to, back.raw, self.clock.now());
                continue;
            }
            let world = self.world.clone();
            tokio::spawn(async move {
                sleep(back.after).await;
                world.post.deliver(&back.to, back.raw, world.clock.now());
            });
        }
    }

    fn judge(
        &self,
        read: &Result<Mail, jonction_mime::ReadError>,
        delivered: &Delivered,
        to: &str,
        notify: u64,
    ) -> (String, u64) {
        match read {
            Ok(mail) => {
                let received = Received {
                    mail: mail.clone(),
                    from: delivered.from.clone(),
                    to: to.to_owned(),
                    recipients: delivered.recipients.len(),
                    authenticated: delivered.authenticated.clone(),
                    notify: delivered.dsn_offered.then_some(notify),
                    environment: self.world.settings.environment,
                };
                let findings = checks::judge(received, Mode::Strict);
                let ids = checks::CHECKS.iter().map(|check| check.id).collect();
                (mail.message_id(), self.verdicts.record("courriel", ids, findings))
            }
            Err(error) => {
                let sentence = "le courriel dépasse ce que le simulateur accepte de lire";
                let finding = Finding::error(error.code(), sentence);
                (String::new(), self.verdicts.record("courriel", Vec::new(), vec![finding]))
            }
        }
    }
}
