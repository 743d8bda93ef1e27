//! Connections to an operator: dial, TLS, timeouts, a small pool.
//! In: an envelope and the pieces of a mail. Out: what the server said, or why not, and whether the outcome is known.
//! Source: mssante.md §2.2, §2.8. No decision about the protocol here: the session makes them.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use jonction_net::{ClientTls, DialError, Endpoint, Stream, dial, upgrade_client};
use jonction_ports::BodyError;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::{Semaphore, mpsc},
    time::{Instant, timeout, timeout_at},
};

use crate::{
    config::{PoolSettings, Timeouts},
    session::{Action, Envelope, MailResult, Security, Session, SessionConfig, SessionError},
};

/// How to reach an operator.
#[derive(Clone, Debug)]
pub struct Operator {
    /// Where.
    pub endpoint: Endpoint,
    /// TLS: anchors, client certificate, expected name. Never absent: there is no mode in clear.
    pub tls: ClientTls,
    /// What the session needs.
    pub session: SessionConfig,
    /// Longest waits.
    pub timeouts: Timeouts,
    /// Connections kept.
    pub pool: PoolSettings,
}

/// Why a mail got no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The operator could not be reached, or the link broke, or TLS failed.
    #[error("{0}")]
    Link(#[from] DialError),
    /// The dialogue failed.
    #[error("{0}")]
    Session(#[from] SessionError),
    /// No answer in time.
    #[error("no answer in time to {0}")]
    Slow(&'static str),
    /// The mail could not be read from our own store.
    #[error("stored mail could not be read: {0}")]
    Store(String),
}

impl Failure {
    /// Stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Link(error) => error.code(),
            Self::Session(error) => error.code(),
            Self::Slow(_) => "mssante.no-answer",
            Self::Store(_) => "mssante.stored-mail-unreadable",
        }
    }
}

/// How the sending of a mail ended.
#[derive(Debug)]
pub struct Sending {
    /// What the server said, or why it said nothing.
    pub result: Result<MailResult, Failure>,
    /// The final dot left and no answer came: delivered or not, nobody here knows.
    pub unknown: bool,
    /// Bytes written.
    pub bytes_sent: u64,
}

/// Pieces of a body, read by a blocking thread.
pub type Pieces = mpsc::Receiver<Result<Bytes, BodyError>>;

/// Sends mails to one operator, over connections kept between mails.
#[derive(Debug)]
pub struct Client {
    operator: Operator,
    idle: Mutex<Vec<Connection>>,
    places: Semaphore,
}

impl Client {
    /// Opens nothing.
    pub fn new(operator: Operator) -> Self {
        let places = Semaphore::new(operator.pool.connections_max);
        Self { operator, idle: Mutex::default(), places }
    }

    /// Where it sends.
    pub fn endpoint(&self) -> &Endpoint {
        &self.operator.endpoint
    }

    /// Sends one mail. `pieces` is called only when the server is ready for the body.
    pub async fn send(&self, envelope: Envelope, pieces: impl FnOnce() -> Pieces) -> Sending {
        // The semaphore is never closed.
        let _place = self.places.acquire().await;
        let mut connection = match self.connection().await {
            Ok(connection) => connection,
            Err(failure) => return Sending { result: Err(failure), unknown: false, bytes_sent: 0 },
        };
        connection.bytes_sent = 0;
        let result = connection.send(envelope, pieces, &self.operator).await;
        let sending = Sending {
            unknown: result.is_err() && connection.session.outcome_is_unknown(),
            bytes_sent: connection.bytes_sent,
            result,
        };
        if sending.result.is_ok() && connection.session.is_reusable() {
            connection.idle_since = Instant::now();
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        sending
    }

    /// An idle connection that still answers, else a new one.
    async fn connection(&self) -> Result<Connection, Failure> {
        while let Some(mut connection) = self.take_idle() {
            let pool = &self.operator.pool;
            let too_old = connection.idle_since.elapsed() > pool.idle_max
                || connection.opened_at.elapsed() > pool.age_max;
            if too_old {
                connection.retire().await;
                continue;
            }
            connection.session.reset();
            if matches!(connection.drive(&self.operator).await, Ok(Action::Ready)) {
                return Ok(connection);
            }
        }
        Connection::open(&self.operator).await
    }

    fn take_idle(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

#[derive(Debug)]
struct Connection {
    /// Taken out only while TLS begins.
    stream: Option<Stream>,
    session: Session,
    opened_at: Instant,
    idle_since: Instant,
    bytes_sent: u64,
}

impl Connection {
    /// Dials and goes on until a mail may be submitted.
    async fn open(operator: &Operator) -> Result<Self, Failure> {
        let security = operator.session.security;
        let limit = operator.timeouts.connect + operator.timeouts.handshake;
        let (tls, limit) = match security {
            Security::Implicit => (Some(&operator.tls), limit),
            Security::StartTls => (None, operator.timeouts.connect),
        };
        let stream = dial(&operator.endpoint, tls, limit).await?;
        let now = Instant::now();
        let session = Session::new(operator.session.clone());
        let mut connection =
            Self { stream: Some(stream), session, opened_at: now, idle_since: now, bytes_sent: 0 };
        match connection.drive(operator).await? {
            Action::Ready => Ok(connection),
            _ => Err(SessionError::OutOfStep("not ready").into()),
        }
    }

    async fn send(
        &mut self,
        envelope: Envelope,
        pieces: impl FnOnce() -> Pieces,
        operator: &Operator,
    ) -> Result<MailResult, Failure> {
        self.session.submit(envelope);
        match self.drive(operator).await? {
            Action::Done(result) => return Ok(result),
            Action::SendBody => {}
            _ => return Err(SessionError::OutOfStep("no place for a body").into()),
        }
        let deadline = Instant::now() + operator.timeouts.body;
        let mut pieces = pieces();
        while let Some(piece) = pieces.recv().await {
            let piece = piece.map_err(|error| Failure::Store(error.to_string()))?;
            let bytes = self.session.body(&piece);
            match timeout_at(deadline, self.write(&bytes)).await {
                Err(_) => return Err(Failure::Slow("the body")),
                Ok(Ok(())) => {}
                // The server hung up in the middle: perhaps it said why first.
                Ok(Err(failure)) => return self.early_refusal(operator).await.ok_or(failure),
            }
        }
        self.session.end_body();
        match timeout_at(deadline, self.drive_patiently(operator, operator.timeouts.body)).await {
            Err(_) => Err(Failure::Slow("the end of the body")),
            Ok(Ok(Action::Done(result))) => Ok(result),
            Ok(Ok(_)) => Err(SessionError::OutOfStep("no verdict on the mail").into()),
            Ok(Err(failure)) => Err(failure),
        }
    }

    async fn early_refusal(&mut self, operator: &Operator) -> Option<MailResult> {
        self.read(operator.timeouts.reply).await.ok()?;
        match self.session.next_action() {
            Action::Done(result) => Some(result),
            _ => None,
        }
    }

    async fn drive(&mut self, operator: &Operator) -> Result<Action, Failure> {
        self.drive_patiently(operator, operator.timeouts.reply).await
    }

    /// Does what the session asks until it asks for something else than bytes.
    async fn drive_patiently(&mut self, operator: &Operator, wait: Duration) -> Result<Action, Failure> {
        loop {
            match self.session.next_action() {
                Action::Send(bytes) => {
                    timeout(wait, self.write_all(&bytes)).await.map_err(|_| Failure::Slow("a command"))??
                }
                Action::Read => self.read(wait).await?,
                Action::StartTls => self.start_tls(operator).await?,
                Action::Broken(error) => return Err(error.into()),
                other => return Ok(other),
            }
        }
    }

    async fn start_tls(&mut self, operator: &Operator) -> Result<(), Failure> {
        let plain = self.stream.take().ok_or(DialError::Closed)?;
        let host = &operator.endpoint.host;
        let secured = upgrade_client(plain, &operator.tls, host, operator.timeouts.handshake).await?;
        self.stream = Some(secured);
        self.session.secured();
        Ok(())
    }

    /// One read, given to the session. `wait` is for the whole reply: a server that drips bytes gains nothing.
    async fn read(&mut self, wait: Duration) -> Result<(), Failure> {
        let deadline = Instant::now() + wait;
        let mut buffer = [0; 4096];
        let stream = self.stream.as_mut().ok_or(DialError::Closed)?;
        loop {
            let read =
                timeout_at(deadline, stream.read(&mut buffer)).await.map_err(|_| Failure::Slow("a reply"))?;
            match read.map_err(|error| DialError::of(&error))? {
                0 => {
                    self.session.closed();
                    return Ok(());
                }
                n => self.session.received(&buffer[..n]),
            }
            if !self.session.is_waiting() {
                return Ok(());
            }
        }
    }

    async fn write_all(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.write(bytes).await?;
        let stream = self.stream.as_mut().ok_or(DialError::Closed)?;
        stream.flush().await.map_err(|error| DialError::of(&error))?;
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let stream = self.stream.as_mut().ok_or(DialError::Closed)?;
        stream.write_all(bytes).await.map_err(|error| DialError::of(&error))?;
        self.bytes_sent += bytes.len() as u64;
        Ok(())
    }

    /// Says goodbye without waiting for the answer.
    async fn retire(mut self) {
        if let Some(stream) = self.stream.as_mut() {
            let goodbye = async {
                stream.write_all(b"QUIT\r\n").await?;
                stream.shutdown().await
            };
            let _ = timeout(Duration::from_secs(1), goodbye).await;
        }
    }
}
