//! One connection to an operator's IMAP service: dial, TLS, timeouts.
//! In: requests. Out: what the server said, or why the link is of no use any more.
//! Source: mssante.md §2.2, §2.8. No decision about the protocol here: the session makes them.

use std::time::Duration;

use jonction_net::{ClientTls, DialError, Endpoint, Stream, dial, upgrade_client};
use jonction_ports::Peer;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Instant, timeout, timeout_at},
};

use crate::{
    client::Failure,
    config::Timeouts,
    imap::{Action, Capabilities, Login, Request, Session, SessionConfig, Told, WireLimits},
    session::{Security, SessionError},
};

/// Bytes read at once while something was asked, and while nothing was.
const BUSY_READ: usize = 32 << 10;
const IDLE_READ: usize = 1 << 10;

/// How to reach an operator's IMAP service.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Where.
    pub endpoint: Endpoint,
    /// TLS: anchors, client certificate, expected name. Never absent: there is no mode in clear.
    pub tls: ClientTls,
    /// How TLS begins.
    pub security: Security,
    /// Longest waits.
    pub timeouts: Timeouts,
}

/// What the server said to a request: done, or refused with a code.
pub(super) type Said = Result<Told, &'static str>;

pub(super) struct Link {
    /// Taken out only while TLS begins.
    stream: Option<Stream>,
    session: Session,
    timeouts: Timeouts,
}

impl Link {
    /// Dials and goes on until something may be asked.
    pub(super) async fn open(reach: &Reach, login: Login) -> Result<Self, Failure> {
        let timeouts = reach.timeouts;
        let (tls, limit) = match reach.security {
            Security::Implicit => (Some(&reach.tls), timeouts.connect + timeouts.handshake),
            Security::StartTls => (None, timeouts.connect),
        };
        let stream = dial(&reach.endpoint, tls, limit).await?;
        let config = SessionConfig { security: reach.security, login, limits: WireLimits::default() };
        let mut link = Self { stream: Some(stream), session: Session::new(config), timeouts };
        match link.drive(reach).await? {
            Action::Ready => Ok(link),
            _ => Err(SessionError::OutOfStep("not ready").into()),
        }
    }

    pub(super) fn capabilities(&self) -> &Capabilities {
        self.session.capabilities()
    }

    /// Who is at the other end.
    pub(super) fn peer(&self) -> Result<Peer, Failure> {
        let stream = self.stream.as_ref().ok_or(DialError::Closed)?;
        let address = stream.peer_addr().map_err(|error| DialError::of(&error))?;
        Ok(Peer { address, certificate: stream.peer_subject().map(|subject| subject.rfc4514()) })
    }

    /// Asks, and waits for the whole answer.
    pub(super) async fn ask(&mut self, request: Request) -> Result<Said, Failure> {
        self.session.ask(request);
        match self.step().await? {
            Action::Done(told) => Ok(Ok(told)),
            Action::Refused(code) => Ok(Err(code)),
            _ => Err(SessionError::OutOfStep("nothing was asked").into()),
        }
    }

    /// Listens for news so long at most. A server that promises to tell and does not costs that much and no more.
    pub(super) async fn listen(&mut self, longest: Duration) -> Result<(), Failure> {
        // What the server said meanwhile it does not say again.
        if self.session.has_news() {
            return Ok(());
        }
        let deadline = Instant::now() + longest;
        self.session.ask(Request::Idle);
        while let Action::Idling = self.step().await? {
            let heard = self.session.has_news() || !self.hear(deadline).await?;
            if heard {
                self.session.wake();
            }
        }
        Ok(())
    }

    /// Says goodbye without waiting long for the answer.
    pub(super) async fn leave(mut self) {
        let _ = timeout(Duration::from_secs(1), self.ask(Request::Logout)).await;
    }

    /// Waits for bytes until the deadline; `false`: none came.
    async fn hear(&mut self, deadline: Instant) -> Result<bool, Failure> {
        let mut buffer = [0; IDLE_READ];
        let stream = self.stream.as_mut().ok_or(DialError::Closed)?;
        let Ok(read) = timeout_at(deadline, stream.read(&mut buffer)).await else { return Ok(false) };
        match read.map_err(|error| DialError::of(&error))? {
            0 => self.session.closed(),
            n => self.session.received(&buffer[..n]),
        }
        Ok(true)
    }

    /// Once TLS is up.
    async fn step(&mut self) -> Result<Action, Failure> {
        loop {
            match self.session.next_action() {
                Action::Send(bytes) => self.write(&bytes).await?,
                Action::Read => self.read().await?,
                Action::Broken(error) => return Err(error.into()),
                other => return Ok(other),
            }
        }
    }

    async fn drive(&mut self, reach: &Reach) -> Result<Action, Failure> {
        loop {
            match self.step().await? {
                Action::StartTls => {
                    let plain = self.stream.take().ok_or(DialError::Closed)?;
                    let host = &reach.endpoint.host;
                    let secured = upgrade_client(plain, &reach.tls, host, self.timeouts.handshake).await?;
                    self.stream = Some(secured);
                    self.session.secured();
                }
                other => return Ok(other),
            }
        }
    }

    /// Reads until the session has something else to do. The wait is for the whole answer: a server that drips bytes gains
    /// nothing by it.
    async fn read(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + self.timeouts.reply;
        let mut buffer = vec![0; BUSY_READ];
        let stream = self.stream.as_mut().ok_or(DialError::Closed)?;
        while self.session.is_waiting() {
            let read = timeout_at(deadline, stream.read(&mut buffer)).await;
            match read.map_err(|_| Failure::Slow("a request"))?.map_err(|error| DialError::of(&error))? {
                0 => self.session.closed(),
                n => self.session.received(&buffer[..n]),
            }
        }
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let stream = self.stream.as_mut().ok_or(DialError::Closed)?;
        let written = timeout(self.timeouts.reply, async {
            stream.write_all(bytes).await?;
            stream.flush().await
        });
        written.await.map_err(|_| Failure::Slow("a request"))?.map_err(|error| DialError::of(&error).into())
    }
}
