//! Trying an operator without sending a mail: greeting, STARTTLS, EHLO, authentication, NOOP, QUIT.
//! In: settings, TLS material, one of our mailboxes. Out: steps. The session is that of production; only the end differs.
//! Source: mssante.md §2.1 to §2.5; RFC 5321 §4.1.1.9 (NOOP).

use std::time::Duration;

use jiff::Timestamp;
use jonction_model::{Clock, Finding, MssAddress};
use jonction_net::{
    DialError, Endpoint,
    probe::{Line, Mutual, ProbeTls, Reach, clock_step, mail_date, shown},
};
use jonction_ports::{BoxFuture, Probe, ProbeStep, StepKind, Steps};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use crate::{
    config::{AuthSettings, Settings},
    session::{
        Action, Auth, Capabilities, Security, Session, SessionConfig, SessionError,
        reply::{ReplyLimits, ReplyParser},
    },
};

/// Tries the submission service of one operator.
#[derive(Debug)]
pub struct MssanteProbe {
    endpoint: Endpoint,
    tls: ProbeTls,
    session: SessionConfig,
    mutual: Mutual,
    connect: Duration,
    reply: Duration,
}

/// Why the dialogue ended before its end.
enum Stop {
    /// The step that failed is told already.
    Told,
    /// The link.
    Link(DialError),
    /// The session.
    Session(SessionError),
    /// No answer in time.
    Slow,
}

impl MssanteProbe {
    /// As the sink of these settings would call, for the first of our mailboxes. `password`: that of `auth: plain`.
    pub fn new(settings: &Settings, tls: ProbeTls, password: Option<String>) -> Self {
        let mailbox: Option<MssAddress> = settings.senders.first().map(|rule| rule.address.clone());
        let auth = match (&settings.auth, mailbox) {
            (AuthSettings::External, Some(mailbox)) => Auth::External(mailbox),
            (AuthSettings::Plain { user, .. }, _) => {
                Auth::Plain { user: user.clone(), password: password.unwrap_or_default() }
            }
            _ => Auth::None,
        };
        Self {
            endpoint: Endpoint { host: settings.host.clone(), port: settings.port },
            mutual: if tls.identity.is_some() { Mutual::Expected } else { Mutual::Optional },
            tls: ProbeTls { server_name: Some(settings.server_name.clone()), ..tls },
            session: SessionConfig {
                security: settings.security,
                auth,
                client_name: settings.client_name.clone(),
                limits: ReplyLimits::default(),
            },
            connect: settings.timeouts.connect + settings.timeouts.handshake,
            reply: settings.timeouts.reply,
        }
    }

    async fn try_it(&self, clock: &dyn Clock, steps: &mut Steps) -> Option<()> {
        let reach = Reach { endpoint: self.endpoint.clone(), step_timeout: self.connect, now: clock.now() };
        let mut line = reach.connect(steps).await?;
        if self.session.security == Security::Implicit {
            line = reach.secure(line, &self.tls, self.mutual, steps).await?;
        }
        let mut talk = Talk { line: Some(line), greeting: None, said_at: None };
        let mut session = Session::new(self.session.clone());
        let began = self.begin(&mut talk, &mut session, &reach, clock, steps).await;
        let ended = match began {
            Ok(()) => self.goodbye(&mut talk, session.capabilities(), steps).await,
            Err(stop) => Err(stop),
        };
        if let Err(stop) = ended {
            self.tell(stop, &talk, steps);
            return None;
        }
        let theirs = talk.greeting.as_deref().and_then(mail_date);
        clock_step(steps, theirs, talk.said_at.unwrap_or_else(|| clock.now()));
        talk.line?.close().await;
        Some(())
    }

    /// Until a mail could be submitted.
    async fn begin(
        &self,
        talk: &mut Talk,
        session: &mut Session,
        reach: &Reach,
        clock: &dyn Clock,
        steps: &mut Steps,
    ) -> Result<(), Stop> {
        loop {
            match session.next_action() {
                Action::Send(bytes) => talk.write(&bytes, self.reply).await?,
                Action::Read => {
                    let bytes = talk.read(self.reply).await?;
                    match bytes.is_empty() {
                        true => session.closed(),
                        false => session.received(&bytes),
                    }
                    if talk.greeting.is_none() && session.was_greeted() {
                        let line: Vec<u8> =
                            bytes.iter().copied().take_while(|byte| !matches!(byte, b'\r' | b'\n')).collect();
                        let line = shown(&line.escape_ascii().to_string());
                        steps.done(StepKind::Greeting, format!("« {line} »"));
                        talk.said_at = Some(clock.now());
                        talk.greeting = Some(line);
                    }
                }
                Action::StartTls => {
                    let line = talk.line.take().ok_or(Stop::Told)?;
                    let secured = reach.secure(line, &self.tls, self.mutual, steps).await;
                    talk.line = Some(secured.ok_or(Stop::Told)?);
                    session.secured();
                }
                Action::Broken(error) => return Err(Stop::Session(error)),
                _ => return Ok(()),
            }
        }
    }

    /// A harmless word, and goodbye.
    async fn goodbye(
        &self,
        talk: &mut Talk,
        capabilities: &Capabilities,
        steps: &mut Steps,
    ) -> Result<(), Stop> {
        let authenticated = match self.session.auth {
            Auth::None => "",
            Auth::External(_) | Auth::Plain { .. } => ", authentifié",
        };
        let finding = capabilities.size.is_none().then(|| {
            Finding::warning("mssante.no-size", "l'opérateur n'annonce pas la taille qu'il accepte (SIZE)")
                .remedy("rien à faire : un courriel trop gros sera refusé après coup")
        });
        steps.noted(StepKind::Exchange, format!("EHLO{authenticated} : {}", offered(capabilities)), finding);
        let mut parser = ReplyParser::new(ReplyLimits::default());
        for (word, expected) in [("NOOP", 250), ("QUIT", 221)] {
            talk.write(format!("{word}\r\n").as_bytes(), self.reply).await?;
            let reply = loop {
                match parser.next_reply().map_err(|error| Stop::Session(error.into()))? {
                    Some(reply) => break reply,
                    None => {
                        let bytes = talk.read(self.reply).await?;
                        if bytes.is_empty() {
                            return Err(Stop::Session(SessionError::Closed));
                        }
                        parser.push(&bytes);
                    }
                }
            };
            if reply.code != expected {
                return Err(Stop::Session(SessionError::OutOfStep("unexpected code")));
            }
        }
        steps.done(StepKind::Exchange, "NOOP 250, QUIT 221 ; aucun courriel n'est envoyé");
        Ok(())
    }

    /// The step at which the dialogue broke.
    fn tell(&self, stop: Stop, talk: &Talk, steps: &mut Steps) {
        let kind = if talk.greeting.is_some() { StepKind::Exchange } else { StepKind::Greeting };
        let Some(line) = &talk.line else { return };
        let finding = match stop {
            Stop::Told => return,
            Stop::Link(fault) => line.explain(&fault),
            Stop::Slow if kind == StepKind::Greeting && self.session.security == Security::StartTls => {
                Finding::error("net.silent", format!("{} accepte la connexion et ne dit rien", line.peer()))
                    .remedy("ce port attend peut-être TLS d'emblée : essayer « security: tls » (port 465)")
            }
            Stop::Slow => {
                Finding::error("net.silent", format!("{} ne répond pas dans le délai", line.peer()))
                    .remedy("prévenir l'opérateur : la liaison est bonne, le service ne répond pas")
            }
            Stop::Session(SessionError::BadReply(_) | SessionError::OutOfStep(_)) => {
                line.unexpected("SMTP (220 …)")
            }
            Stop::Session(SessionError::Closed) => line.explain(&DialError::Closed),
            Stop::Session(error) => error.finding(line.peer()),
        };
        steps.failed(kind, finding);
    }
}

impl SessionError {
    /// What to tell the operator; `peer`: `host:port`.
    pub fn finding(&self, peer: &str) -> Finding {
        let (sentence, found, remedy) = match self {
            Self::NoStartTls => (
                "n'offre pas STARTTLS : rien ne lui serait dit en clair".to_owned(),
                None,
                "vérifier le port ; sinon quelqu'un retire STARTTLS en route : prévenir l'opérateur",
            ),
            Self::StartTlsRefused(codes) => (
                "refuse STARTTLS".to_owned(),
                Some(codes),
                "prévenir l'opérateur : rien n'est envoyé en clair",
            ),
            Self::Injected => (
                "fait suivre STARTTLS d'octets en clair : quelqu'un s'interpose".to_owned(),
                None,
                "ne rien envoyer ; faire vérifier le réseau jusqu'à l'opérateur",
            ),
            Self::AuthNotOffered => (
                "n'offre pas le mode d'authentification réglé".to_owned(),
                None,
                "comparer « auth » avec ce que demande l'opérateur",
            ),
            Self::AuthRefused(codes) => (
                "refuse notre authentification".to_owned(),
                Some(codes),
                "vérifier le certificat, la boîte et le mot de passe avec l'opérateur",
            ),
            Self::Closing(codes) => (
                "accueille par un refus".to_owned(),
                Some(codes),
                "service interrompu, ou adresse de cette machine refusée : prévenir l'opérateur si cela dure",
            ),
            Self::OutOfStep(_) | Self::BadReply(_) | Self::NotImap(_) | Self::Closed => {
                ("répond de travers".to_owned(), None, "vérifier le port, puis prévenir l'opérateur")
            }
        };
        let mut finding = Finding::error(self.code(), format!("{peer} {sentence}")).remedy(remedy);
        finding.found = found.cloned();
        finding
    }
}

/// `DSN, SIZE 25 Mo, AUTH EXTERNAL`.
fn offered(capabilities: &Capabilities) -> String {
    let mut words = Vec::new();
    if capabilities.dsn {
        words.push("DSN".to_owned());
    }
    match capabilities.size {
        Some(0) => words.push("SIZE sans limite".to_owned()),
        Some(size) => words.push(format!("SIZE {} Mo", size >> 20)),
        None => {}
    }
    if !capabilities.auth.is_empty() {
        words.push(format!("AUTH {}", shown(&capabilities.auth.join(" "))));
    }
    if words.is_empty() { "aucune extension".to_owned() } else { words.join(", ") }
}

/// The line, and what the server said first.
struct Talk {
    /// Taken out only while TLS begins.
    line: Option<Line>,
    greeting: Option<String>,
    said_at: Option<Timestamp>,
}

impl Talk {
    async fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<(), Stop> {
        let line = self.line.as_mut().ok_or(Stop::Told)?;
        let written = timeout(wait, async {
            line.write_all(bytes).await?;
            line.flush().await
        });
        written.await.map_err(|_| Stop::Slow)?.map_err(|error| Stop::Link(DialError::of(&error)))
    }

    /// Some bytes; none: the server closed.
    async fn read(&mut self, wait: Duration) -> Result<Vec<u8>, Stop> {
        let line = self.line.as_mut().ok_or(Stop::Told)?;
        let mut buffer = [0; 4096];
        let read = timeout(wait, line.read(&mut buffer)).await.map_err(|_| Stop::Slow)?;
        let read = read.map_err(|error| Stop::Link(DialError::of(&error)))?;
        Ok(buffer[..read].to_vec())
    }
}

impl Probe for MssanteProbe {
    fn target(&self) -> String {
        let scheme = match self.session.security {
            Security::Implicit => "smtps",
            Security::StartTls => "smtp",
        };
        format!("{scheme}://{}", self.endpoint)
    }

    fn run<'a>(&'a self, clock: &'a dyn Clock) -> BoxFuture<'a, Vec<ProbeStep>> {
        Box::pin(async move {
            let mut steps = Steps::default();
            self.try_it(clock, &mut steps).await;
            steps.into_vec()
        })
    }
}
